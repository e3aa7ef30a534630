/*
 * The socket and its clients.
 */
#include "daemon/control/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"

struct control_client {
	struct control_client *next;
	struct control *control;
	struct bufferevent *bev;
	struct conns_waiter waiter;
	bool asked, ended;
};

struct control {
	struct daemon *d;
	char path[DAEMON_PATH];
	int fd;
	struct evconnlistener *listener;
	struct control_client *clients;
	size_t clients_n;
};

/* ---- Clients ---- */

struct daemon *control_daemon(const struct control_client *c)
{
	return c->control->d;
}

struct conns_waiter *control_waiter(struct control_client *c)
{
	return &c->waiter;
}

static void client_end(struct control_client *c)
{
	struct daemon *d = c->control->d;

	if (d->conns_ready)
		conns_unwait(&d->conns, &c->waiter);
	bufferevent_free(c->bev);
	free(c);
}

static void client_free(struct control_client *c)
{
	struct control *all = c->control;

	for (struct control_client **at = &all->clients; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			all->clients_n--;
			break;
		}
	client_end(c);
}

void control_send(struct control_client *c, json_t *line)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (text) {
		bufferevent_write(c->bev, text, strlen(text));
		bufferevent_write(c->bev, "\n", 1);
	}
	free(text);
}

/* jansson takes UTF-8 only; a sentence of ours may quote a file that is none. */
static json_t *text_json(const char *text)
{
	json_t *j = json_string(text);
	if (j)
		return j;
	char plain[IKE_TEXT];
	size_t n = 0;
	for (; text[n] && n < sizeof plain - 1; n++)
		plain[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
	plain[n] = '\0';
	return json_string(plain);
}

void control_step(struct control_client *c, const char *text)
{
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) > CONTROL_OUTPUT)
		return;
	control_send(c, json_pack("{s:o}", "step", text_json(text)));
}

void control_end(struct control_client *c, int exit_code, const char *text)
{
	c->ended = true;
	control_send(c, json_pack("{s:i, s:o}", "exit", exit_code, "text", text_json(text)));
	/* Closed when the peer has read it, or does not in time. */
	bufferevent_set_timeouts(c->bev, NULL, &(struct timeval){CONTROL_IDLE_S, 0});
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct control_client *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n;

	if (c->asked) { /* one question each */
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	char *line = evbuffer_readln(in, &n, EVBUFFER_EOL_CRLF);
	if (!line && evbuffer_get_length(in) < CONTROL_LINE)
		return;
	c->asked = true;
	bufferevent_set_timeouts(bev, NULL, NULL);
	if (!line || n >= CONTROL_LINE || strlen(line) != n)
		control_end(c, 2, "a request is one line of less than 1024 bytes of text");
	else
		control_command(c, line);
	free(line);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct control_client *c = arg;

	(void)bev;
	if (c->ended)
		client_free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct control_client *c = arg;

	(void)bev;
	/* The answer is on its way out to one that has closed its own half. */
	if ((what & BEV_EVENT_EOF) && c->ended)
		return;
	client_free(c);
}

static void on_accept(
    struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int sa_n, void *arg)
{
	struct control *all = arg;
	struct control_client *c = NULL;

	(void)sa;
	(void)sa_n;
	if (all->clients_n < CONTROL_CLIENTS)
		c = calloc(1, sizeof *c);
	if (c)
		c->bev =
		    bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->bev) {
		free(c);
		close(fd);
		return;
	}
	c->control = all;
	c->waiter.arg = c;
	c->next = all->clients;
	all->clients = c;
	all->clients_n++;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, CONTROL_LINE);
	bufferevent_set_timeouts(c->bev, &(struct timeval){CONTROL_IDLE_S, 0}, NULL);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* ---- The socket ---- */

static bool bad(char *why, size_t cap, const char *what, const char *path, int error)
{
	const char *mend = error == EACCES || error == EPERM
			       ? "; run as root, or choose another place with --control"
			       : "";
	snprintf(why, cap, "cannot %s %s: %s%s", what, path, strerror(error), mend);
	return false;
}

static bool make_folder(const char *path, char *why, size_t cap)
{
	char folder[DAEMON_PATH];

	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return true;
	*slash = '\0';
	if (mkdir(folder, 0755) == 0 || errno == EEXIST)
		return true;
	return bad(why, cap, "make the folder", folder, errno);
}

/* Is somebody there? Then *pid is its process. */
static bool is_alive(const struct sockaddr_un *sun, long *pid)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred cred = {0};
	socklen_t n = sizeof cred;

	if (fd < 0)
		return false;
	bool alive = connect(fd, (const struct sockaddr *)sun, sizeof *sun) == 0;
	if (alive && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0)
		*pid = cred.pid;
	close(fd);
	return alive;
}

static bool clear_place(const struct sockaddr_un *sun, char *why, size_t cap)
{
	struct stat st;
	long pid = 0;

	if (lstat(sun->sun_path, &st) != 0)
		return errno == ENOENT || bad(why, cap, "look at", sun->sun_path, errno);
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, cap,
		    "%s is there and is no socket: remove it, or choose another "
		    "place with --control",
		    sun->sun_path);
		return false;
	}
	if (is_alive(sun, &pid)) {
		snprintf(why, cap,
		    "tunike is already running (pid %ld) on %s: stop it, or give this one "
		    "another --control, ports and tun.name",
		    pid, sun->sun_path);
		return false;
	}
	return unlink(sun->sun_path) == 0 || errno == ENOENT ||
	       bad(why, cap, "remove", sun->sun_path, errno);
}

static bool bind_socket(struct control *c, const char *path, char *why, size_t cap)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	snprintf(sun.sun_path, sizeof sun.sun_path, "%.107s", path);
	if (!make_folder(path, why, cap) || !clear_place(&sun, why, cap))
		return false;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return bad(why, cap, "make the control socket", path, errno);
	mode_t old = umask(0117); /* 0660 from the first moment */
	int rc = bind(c->fd, (const struct sockaddr *)&sun, sizeof sun);
	int error = errno;
	umask(old);
	if (rc < 0)
		return bad(why, cap, "make the control socket", path, error);
	snprintf(c->path, sizeof c->path, "%s", path);
	/* From now on a second daemon sees that somebody is here. */
	if (listen(c->fd, CONTROL_CLIENTS) < 0)
		return bad(why, cap, "listen on", path, errno);
	return true;
}

struct control *control_open(struct daemon *d, const char *path, char *why, size_t cap)
{
	struct control *c = calloc(1, sizeof *c);

	if (!c) {
		snprintf(why, cap, "out of memory");
		return NULL;
	}
	c->d = d;
	c->fd = -1;
	if (bind_socket(c, path, why, cap))
		return c;
	control_free(c);
	return NULL;
}

bool control_start(struct control *c)
{
	c->listener = evconnlistener_new(c->d->base, on_accept, c, LEV_OPT_CLOSE_ON_EXEC, 0, c->fd);
	return c->listener != NULL;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	for (struct control_client *i = c->clients, *next; i; i = next) {
		next = i->next;
		client_end(i);
	}
	if (c->listener)
		evconnlistener_free(c->listener);
	if (c->path[0])
		unlink(c->path);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

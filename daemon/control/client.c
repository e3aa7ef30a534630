/*
 * The other end of the control socket, for the sub-commands.
 */
#include "daemon/control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READ_AT_ONCE = 65536, ANSWER_MAX = 256 * 1024 * 1024 };

struct ask {
	int fd;
	uint64_t until_ms; /* 0: for ever */
	char *buf;         /* what has come and is not yet a whole line */
	size_t n, cap;
	void (*fn)(void *arg, json_t *object);
	void *arg;
	int *exit_code;
};

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool send_line(int fd, const char *line)
{
	char text[CONTROL_LINE];
	int n = snprintf(text, sizeof text, "%s\n", line);

	return n > 0 && (size_t)n < sizeof text && send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Waits for more. False: the time is over. */
static bool wait_readable(const struct ask *a)
{
	struct pollfd p = {.fd = a->fd, .events = POLLIN};

	for (;;) {
		uint64_t now = now_ms();
		uint64_t left = a->until_ms > now ? a->until_ms - now : 0;
		int ms = !a->until_ms ? -1 : left > 1000000 ? 1000000 : (int)left;
		int rc = poll(&p, 1, ms);
		if (rc > 0)
			return true;
		if (rc < 0 && errno != EINTR)
			return true; /* the read says what is wrong */
		if (a->until_ms && now_ms() >= a->until_ms)
			return false;
	}
}

/* One line. True when it was the last of the answer. */
static bool take_line(struct ask *a, const char *line, size_t n)
{
	json_t *o = json_loadb(line, n, 0, NULL);
	const json_t *code = json_object_get(o, "exit");

	if (o)
		a->fn(a->arg, o);
	if (code)
		*a->exit_code = (int)json_integer_value(code);
	bool last = code != NULL;
	json_decref(o);
	return last;
}

static bool take_lines(struct ask *a)
{
	char *end;
	size_t done = 0;
	bool last = false;

	while (!last && (end = memchr(a->buf + done, '\n', a->n - done)) != NULL) {
		size_t n = (size_t)(end - a->buf) - done;
		last = take_line(a, a->buf + done, n);
		done += n + 1;
	}
	memmove(a->buf, a->buf + done, a->n - done);
	a->n -= done;
	return last;
}

static bool make_room(struct ask *a)
{
	if (a->cap - a->n >= READ_AT_ONCE)
		return true;
	size_t cap = a->cap ? 2 * a->cap : 2 * READ_AT_ONCE;
	char *buf = cap <= ANSWER_MAX ? realloc(a->buf, cap) : NULL;
	if (!buf)
		return false;
	a->buf = buf;
	a->cap = cap;
	return true;
}

static enum control_result answer(struct ask *a)
{
	for (;;) {
		if (!wait_readable(a))
			return CONTROL_TIMEOUT;
		if (!make_room(a))
			return CONTROL_BROKEN;
		ssize_t n = read(a->fd, a->buf + a->n, READ_AT_ONCE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return CONTROL_BROKEN;
		a->n += (size_t)n;
		if (take_lines(a))
			return CONTROL_DONE;
	}
}

enum control_result control_ask(const char *path, const char *line, uint64_t timeout_ms,
    void (*fn)(void *arg, json_t *object), void *arg, int *exit_code)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct ask a = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    .until_ms = timeout_ms ? now_ms() + timeout_ms : 0,
	    .fn = fn,
	    .arg = arg,
	    .exit_code = exit_code};
	enum control_result rc = CONTROL_NO_DAEMON;

	snprintf(sun.sun_path, sizeof sun.sun_path, "%.107s", path);
	if (a.fd >= 0 && connect(a.fd, (const struct sockaddr *)&sun, sizeof sun) == 0)
		rc = send_line(a.fd, line) ? answer(&a) : CONTROL_BROKEN;
	int error = errno;
	if (a.fd >= 0)
		close(a.fd);
	free(a.buf);
	errno = error;
	return rc;
}

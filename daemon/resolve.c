/*
 * getaddrinfo() in threads. A job belongs to its thread until its pointer has come through the
 * pipe, then to the control thread; only `cancelled` is the control thread's all the time.
 */
#include "daemon/resolve.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 256, STACK = 256 * 1024 };

struct resolver {
	int pipe[2];
	struct event *event;
	size_t out; /* jobs with threads */
};

struct resolve_job {
	int fd; /* the pipe's writing end */
	size_t names_n;
	char names[RESOLVE_NAMES][NAME_MAX_BYTES];
	struct resolve_answer answer;
	void (*done)(void *arg, const struct resolve_answer *answer);
	void *arg;
	bool cancelled; /* read and written by the control thread only */
};

/* ---- In the thread ---- */

static void add_addr(struct resolve_answer *a, const struct sockaddr *sa)
{
	struct addr addr = {0};

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof in);
		addr = addr_from_bytes(bytes_of(&in.sin_addr, 4));
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof in6);
		addr = addr_from_bytes(bytes_of(&in6.sin6_addr, 16));
	}
	for (size_t i = 0; i < a->n; i++)
		if (addr_equal(&a->v[i], &addr))
			return;
	if (addr.family != ADDR_NONE && a->n < RESOLVE_ADDRS)
		a->v[a->n++] = addr;
}

static void ask(struct resolve_answer *a, const char *name)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	struct addr literal;

	if (addr_parse(&literal, name)) {
		if (a->n < RESOLVE_ADDRS)
			a->v[a->n++] = literal;
		return;
	}
	int rc = getaddrinfo(name, NULL, &hints, &found);
	if (rc != 0) {
		snprintf(a->why, sizeof a->why,
		    "the name %.100s does not resolve: %s; check the name and this host's DNS",
		    name, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		return;
	}
	for (const struct addrinfo *i = found; i; i = i->ai_next)
		add_addr(a, i->ai_addr);
	freeaddrinfo(found);
}

static void *resolve_thread(void *arg)
{
	struct resolve_job *job = arg;
	ssize_t rc;

	for (size_t i = 0; i < job->names_n; i++)
		ask(&job->answer, job->names[i]);
	do
		rc = write(job->fd, &job, sizeof job);
	while (rc < 0 && errno == EINTR);
	return NULL;
}

/* ---- In the control thread ---- */

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct resolve_job *job;

	(void)what;
	while (read(fd, &job, sizeof job) == (ssize_t)sizeof job) {
		r->out--;
		if (!job->cancelled)
			job->done(job->arg, &job->answer);
		free(job);
	}
}

struct resolver *resolver_new(struct event_base *base)
{
	struct resolver *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	if (pipe2(r->pipe, O_CLOEXEC) < 0) {
		free(r);
		return NULL;
	}
	/* Only the reading end: a thread may well wait for room. */
	fcntl(r->pipe[0], F_SETFL, O_NONBLOCK);
	r->event = event_new(base, r->pipe[0], EV_READ | EV_PERSIST, on_answer, r);
	if (r->event && event_add(r->event, NULL) == 0)
		return r;
	resolver_free(r);
	return NULL;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	if (r->event)
		event_free(r->event);
	/* A thread that still waits for a name server writes to this very pipe later. */
	if (r->out == 0) {
		close(r->pipe[0]);
		close(r->pipe[1]);
	}
	free(r);
}

static bool start_thread(struct resolve_job *job)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	bool ok = pthread_create(&thread, &attr, resolve_thread, job) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return ok;
}

struct resolve_job *resolve_start(struct resolver *r, const char *const *names, size_t n,
    void (*done)(void *arg, const struct resolve_answer *answer), void *arg)
{
	struct resolve_job *job = calloc(1, sizeof *job);

	if (!job)
		return NULL;
	job->fd = r->pipe[1];
	job->done = done;
	job->arg = arg;
	for (size_t i = 0; i < n && i < RESOLVE_NAMES; i++)
		snprintf(job->names[job->names_n++], NAME_MAX_BYTES, "%s", names[i]);
	if (!start_thread(job)) {
		free(job);
		return NULL;
	}
	r->out++;
	return job;
}

void resolve_cancel(struct resolve_job *job)
{
	if (job)
		job->cancelled = true;
}

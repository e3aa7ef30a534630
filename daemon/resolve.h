/*
 * Names to addresses without stopping the control thread: each question has a thread of its own
 * that hands the answer back through a pipe.
 */
#ifndef DAEMON_RESOLVE_H
#define DAEMON_RESOLVE_H

#include "base/addr.h"
#include "daemon/limits.h"

struct event_base;
struct resolver;
struct resolve_job;

enum { RESOLVE_NAMES = 64, RESOLVE_WHY = 256 };

struct resolve_answer {
	size_t n;
	struct addr v[RESOLVE_ADDRS];
	char why[RESOLVE_WHY]; /* what did not resolve, with the reason; empty: everything did */
};

struct resolver *resolver_new(struct event_base *base); /* NULL: no memory, no descriptors */
void resolver_free(struct resolver *r);                 /* answers that are still out are lost */

/* Asks for all `names`, in their order; addresses among them stand for themselves. `done` is called
 * later, from the event loop, unless the job is cancelled before. NULL: no memory, no thread. */
struct resolve_job *resolve_start(struct resolver *r, const char *const *names, size_t n,
    void (*done)(void *arg, const struct resolve_answer *answer), void *arg);
void resolve_cancel(struct resolve_job *job); /* NULL is fine */

#endif

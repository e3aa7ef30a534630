/*
 * The addresses that children send to, each once, counted: so that a new route can be asked whether
 * it covers any, without a look at every child. Control thread only.
 */
#ifndef DAEMON_REMOTES_H
#define DAEMON_REMOTES_H

#include "base/addr.h"

struct remote {
	struct addr addr;
	size_t refs;
};

/* Zeroed, it is empty. */
struct remotes {
	struct remote *v; /* owned, sorted: addr_cmp */
	size_t n, cap;
	bool lossy; /* one could not be kept: no memory. From then on any prefix may cover one */
};

void remotes_add(struct remotes *r, const struct addr *a);
void remotes_del(struct remotes *r, const struct addr *a); /* one use less */
/* May p cover one of them? */
bool remotes_any(const struct remotes *r, const struct prefix *p);
void remotes_fini(struct remotes *r);

#endif

/*
 * What children need of the host: routes to the peer's networks through the TUN device, and our own
 * address of the tunnel on it, so that the kernel takes it as the source. Counted, so that children
 * may share. Control thread only.
 */
#ifndef DAEMON_NETS_H
#define DAEMON_NETS_H

#include "base/ts.h"
#include "daemon/log.h"
#include "tun/tun.h"

struct nets_route {
	struct prefix dst;
	unsigned refs;
};

struct nets {
	struct netcfg *cfg;        /* borrowed; NULL: nothing is done */
	const char *dev;           /* borrowed */
	struct log *log;           /* borrowed */
	struct nets_route *routes; /* sorted: prefix_cmp */
	size_t routes_n, routes_cap;
	size_t of_length[129]; /* how many routes have a prefix of so many bits */
};

struct nets_around {
	struct prefix dst;
	char dev[16];
};

struct nets_want {
	const struct ts_list *local, *remote;
	const struct addr *given; /* addresses that the peer gave us */
	size_t given_n;
	bool no_own; /* an address will be given: none of the host's takes its place */
};

/* What one child holds. */
struct nets_held {
	struct prefix *routes, *addrs; /* owned */
	size_t routes_n, addrs_n;
	/* Routes around the tunnel, each by its interface. */
	struct nets_around *around;
	size_t around_n;
};

void nets_init(struct nets *n, struct netcfg *cfg, const char *dev, struct log *log);
void nets_fini(struct nets *n);
/* What cannot be had is logged, and the child goes without. */
void nets_add(struct nets *n, const struct nets_want *w, struct nets_held *out);
/* What is to stay outside of the tunnel keeps the ways that it has. */
void nets_bypass(struct nets *n, const struct ts_list *remote, struct nets_held *out);
void nets_del(struct nets *n, struct nets_held *held);
bool nets_cover(const struct nets *n, const struct addr *a);
/* Loosens the reverse path filter of `dev` where it is strict: replies there may seem to come from
 * the tunnel's side. */
void nets_loosen(struct nets *n, const char *dev);

/* The prefixes of a list of selectors, each once; the whole of a family in two halves, which leave
 * a default route in force. *out is the caller's. Returns how many; 0 also without memory. */
size_t nets_prefixes(const struct ts_list *l, struct prefix **out);

#endif

/*
 * By which interface the outer datagrams leave, where the tunnel's own routes cover the peer's
 * address: there a datagram must be pinned to the underlay, or it would run in circles. Everywhere
 * else the host's routing decides. Control thread only.
 */
#ifndef DAEMON_PATHS_H
#define DAEMON_PATHS_H

#include "base/addr.h"
#include "daemon/limits.h"

struct paths_entry {
	struct addr remote;
	unsigned ifindex;
	uint32_t mtu;      /* of that interface; 0: unknown */
	uint64_t until_ms; /* a looked-up entry is looked up again after that */
	bool known;
};

struct paths {
	char not_dev[16]; /* the TUN device */
	struct paths_entry learned[PATHS], looked_up[PATHS];
};

void paths_init(struct paths *p, const char *not_dev); /* copied */
/* A datagram from `remote` came in by `ifindex`: used where no route tells. */
void paths_learn(struct paths *p, const struct addr *remote, unsigned ifindex);
/* The interface towards `remote`, the TUN device left aside; 0: unknown. */
unsigned paths_find(struct paths *p, const struct addr *remote, uint64_t now_ms);
/* The MTU of the interface by which the routes lead there; 0: none does. */
uint32_t paths_mtu(struct paths *p, const struct addr *remote, uint64_t now_ms);

#endif

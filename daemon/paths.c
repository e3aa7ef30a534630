/*
 * Remembers interfaces for a few seconds, so that not every datagram reads the routing table.
 */
#include "daemon/paths.h"

#include <string.h>

#include "tun/tun.h"

enum { PATHS_FRESH_MS = 5000 };

void paths_init(struct paths *p, const char *not_dev)
{
	memset(p, 0, sizeof *p);
	if (not_dev)
		memcpy(p->not_dev, not_dev, strnlen(not_dev, sizeof p->not_dev - 1));
}

/* Strangers may collide on purpose: then a look-up is done again, nothing worse. */
static struct paths_entry *entry_of(struct paths_entry table[PATHS], const struct addr *a)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < sizeof a->b; i++)
		h = (h ^ a->b[i]) * 16777619u;
	return &table[(h ^ h >> 16) % PATHS];
}

void paths_learn(struct paths *p, const struct addr *remote, unsigned ifindex)
{
	if (ifindex)
		*entry_of(p->learned, remote) =
		    (struct paths_entry){*remote, ifindex, 0, UINT64_MAX, true};
}

static const struct paths_entry *look_up(
    struct paths *p, const struct addr *remote, uint64_t now_ms)
{
	struct paths_entry *e = entry_of(p->looked_up, remote);
	struct netcfg_underlay u;

	if (e->known && now_ms < e->until_ms && addr_equal(&e->remote, remote))
		return e;
	bool any = netcfg_underlay(remote, p->not_dev[0] ? p->not_dev : NULL, &u) == 0;
	*e = (struct paths_entry){
	    *remote, any ? u.ifindex : 0, any ? u.mtu : 0, now_ms + PATHS_FRESH_MS, true};
	return e;
}

uint32_t paths_mtu(struct paths *p, const struct addr *remote, uint64_t now_ms)
{
	return look_up(p, remote, now_ms)->mtu;
}

unsigned paths_find(struct paths *p, const struct addr *remote, uint64_t now_ms)
{
	const struct paths_entry *e = look_up(p, remote, now_ms);
	const struct paths_entry *l = entry_of(p->learned, remote);

	if (e->ifindex)
		return e->ifindex;
	return l->known && addr_equal(&l->remote, remote) ? l->ifindex : 0;
}

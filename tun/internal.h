/*
 * What the files of the room share: ioctls, /proc tables, single changes and their record.
 */
#ifndef TUN_INTERNAL_H
#define TUN_INTERNAL_H

#include "tun/tun.h"

enum { DEV_NAME = 16 }; /* IFNAMSIZ */

/* ---- host.c: one ioctl or one file each; 0 or a negative errno ---- */

bool host_dev_valid(const char *dev);
unsigned host_ifindex(const char *dev); /* 0: no such interface */
int host_flags(const char *dev, short *flags);
int host_set_up(const char *dev, bool up);
int host_set_mtu(const char *dev, uint32_t mtu);
int host_get_mtu(const char *dev, uint32_t *mtu);
/* The address itself with its prefix length: bits beyond `len` are kept. */
int host_addr_add(const char *dev, const struct prefix *p);
int host_addr_del(const char *dev, const struct prefix *p);
/* The kernel ends duplicate address detection on a work queue, also where there is none to be done;
 * until then it refuses an IPv6 address as a source. Waits for that, for a second at most. */
void host_addr_wait(const char *dev, const struct addr *a);
/* via.family ADDR_NONE: no gateway; a route is removed whatever it had. */
int host_route(bool add, const char *dev, const struct prefix *dst, const struct addr *via);

/* rtnl.c: a route along which what the host sends has `src`, if nothing else was asked for;
 * ADDR_NONE: as the kernel chooses. Replace: the one that is there is changed. 0 or a negative
 * errno. */
int rtnl_route_from(
    const char *dev, const struct prefix *dst, const struct addr *src, bool replace);

enum { SYSCTL_KEY = 128, SYSCTL_VALUE = 128 };
bool sysctl_key_valid(const char *key); /* below net/, no way out of it */
int sysctl_read(const char *key, char value[SYSCTL_VALUE]);
int sysctl_write(const char *key, const char *value);

/* ---- procnet.c: the tables of /proc/net and SIOCGIFCONF ---- */

struct procnet_route {
	char dev[DEV_NAME];
	struct prefix dst;
	struct addr via; /* the gateway; ADDR_NONE: none */
	uint32_t metric;
	bool reject; /* unreachable, prohibit, blackhole */
	bool local;  /* the host's own, multicast or anycast: no way out */
};

struct procnet_addr {
	char dev[DEV_NAME];   /* without the alias */
	char label[DEV_NAME]; /* "eth0:1"; IPv6: dev */
	struct addr addr;
	bool tentative; /* IPv6: duplicate address detection has not ended */
};

/* Calls `each` per row until it returns false. 0 or a negative errno; a family that the kernel does
 * not have has no rows. Rows that cannot be read are passed over. */
int procnet_routes(
    enum addr_family family, bool (*each)(const struct procnet_route *r, void *arg), void *arg);
int procnet_addrs(
    enum addr_family family, bool (*each)(const struct procnet_addr *a, void *arg), void *arg);
bool procnet_route_parse(enum addr_family family, const char *line, struct procnet_route *out);

/* What host_route adds has this metric. */
static inline uint32_t host_route_metric(enum addr_family family)
{
	return family == ADDR_V4 ? 0 : 1;
}

/* ---- change.c: one change of the host, its line in the record, its undoing ---- */

enum change_kind {
	CHANGE_ADDR,
	CHANGE_ROUTE,
	CHANGE_LINK, /* was down */
	CHANGE_SYSCTL,
};

struct change {
	struct change *older, *newer;
	enum change_kind kind;
	unsigned id;   /* in the record; 0: not recorded */
	unsigned refs; /* how often it was asked for */
	bool foreign;  /* was there before us: not ours to remove */
	char dev[DEV_NAME];
	struct prefix p;
	struct addr via; /* of a route that is added; not recorded */
	struct addr src; /* likewise: what is sent along it has this source; ADDR_NONE: any */
	char key[SYSCTL_KEY], old[SYSCTL_VALUE];
};

enum { CHANGE_TEXT = 32 + SYSCTL_KEY + SYSCTL_VALUE };
void change_text(const struct change *c, char dst[CHANGE_TEXT]); /* "addr tunike0 10.9.0.1/32" */
bool change_parse(struct change *c, const char *text);           /* kind, dev, p, key, old */
int change_undo(const struct change *c);
/* 0, or a negative errno: -EEXIST, it is there; -ENOTSUP, a setting. */
int change_make(const struct change *c);

/* ---- journal.c ---- */

struct journal;

/* Opens and locks the record; undoes what an earlier program left there, newest first. */
int journal_open(struct journal **out, const char *path, char why[TUN_WHY]);
int journal_add(struct journal *j, struct change *c); /* gives it its id; 0 or a negative errno */
/* `c` is undone. `live` are the changes that are still in force, newest first: at times the record
 * is written anew with them alone. */
void journal_del(struct journal *j, const struct change *c, const struct change *live);
void journal_close(struct journal *j); /* removes the file */

#endif

/*
 * What is changed on the host for a tunnel: addresses, routes, links and sysctls, each recorded
 * before it is made and put back at the end, newest first.
 */
#include "tun/internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct netcfg {
	struct journal *journal; /* NULL: none */
	struct change *newest;
	/* Addresses and routes among them, sorted: there may be thousands. */
	struct change **found_by;
	size_t found_n, found_cap;
	/* The routes of one family, as they were at `seen_ms`: see routes_seen. */
	struct procnet_route *seen; /* owned, sorted: prefix_cmp */
	size_t seen_n, seen_cap;
	enum addr_family seen_family;
	uint64_t seen_ms;
};

/* ---- The list of changes ---- */

/* Where the address or route is among the sorted ones, or would be. */
static size_t place_of(
    const struct netcfg *n, enum change_kind kind, const char *dev, const struct prefix *p)
{
	size_t lo = 0, hi = n->found_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct change *c = n->found_by[mid];
		int order = (c->kind > kind) - (c->kind < kind);
		if (order == 0)
			order = prefix_cmp(&c->p, p);
		if (order == 0)
			order = strcmp(c->dev, dev);
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct change *find(
    const struct netcfg *n, enum change_kind kind, const char *dev, const struct prefix *p)
{
	size_t i = place_of(n, kind, dev, p);
	struct change *c = i < n->found_n ? n->found_by[i] : NULL;

	return c && c->kind == kind && prefix_cmp(&c->p, p) == 0 && strcmp(c->dev, dev) == 0 ? c
											     : NULL;
}

static bool is_found(const struct change *c)
{
	return c->kind == CHANGE_ADDR || c->kind == CHANGE_ROUTE;
}

/* Room for one more. */
static bool reserve(struct netcfg *n)
{
	if (n->found_n < n->found_cap)
		return true;
	size_t cap = n->found_cap ? 2 * n->found_cap : 16;
	struct change **v = realloc(n->found_by, cap * sizeof *v);
	if (!v)
		return false;
	n->found_by = v;
	n->found_cap = cap;
	return true;
}

static void link_change(struct netcfg *n, struct change *c)
{
	c->newer = NULL;
	c->older = n->newest;
	if (c->older)
		c->older->newer = c;
	n->newest = c;
	if (!is_found(c))
		return;
	size_t i = place_of(n, c->kind, c->dev, &c->p);
	memmove(&n->found_by[i + 1], &n->found_by[i], (n->found_n - i) * sizeof(struct change *));
	n->found_by[i] = c;
	n->found_n++;
}

static void unlink_change(struct netcfg *n, struct change *c)
{
	if (c->newer)
		c->newer->older = c->older;
	else
		n->newest = c->older;
	if (c->older)
		c->older->newer = c->newer;
	if (!is_found(c))
		return;
	size_t i = place_of(n, c->kind, c->dev, &c->p);
	n->found_n--;
	memmove(&n->found_by[i], &n->found_by[i + 1], (n->found_n - i) * sizeof(struct change *));
}

static struct change *find_key(const struct netcfg *n, const char *key)
{
	for (struct change *c = n->newest; c; c = c->older)
		if (c->kind == CHANGE_SYSCTL && strcmp(c->key, key) == 0)
			return c;
	return NULL;
}

static int explain(int rc, const char *what, char why[TUN_WHY])
{
	if (rc == -EPERM || rc == -EACCES)
		snprintf(why, TUN_WHY,
		    "no permission to set %.120s: run as root, or give the program CAP_NET_ADMIN "
		    "(setcap "
		    "cap_net_admin=ep)",
		    what);
	else
		snprintf(why, TUN_WHY, "cannot set %.160s: %.64s", what, strerror(-rc));
	return rc;
}

/* Puts a copy of c on the list and on record, before it is made. `c->foreign` is not recorded. */
static int enlist(struct netcfg *n, const struct change *c, struct change **out)
{
	struct change *copy = reserve(n) ? malloc(sizeof *copy) : NULL;
	if (!copy)
		return -ENOMEM;
	*copy = *c;
	copy->refs = 1;
	copy->id = 0;
	int rc = n->journal && !c->foreign ? journal_add(n->journal, copy) : 0;
	if (rc != 0) {
		free(copy);
		return rc;
	}
	link_change(n, copy);
	*out = copy;
	return 0;
}

/* Off the list and off the record, after it was undone. */
static void delist(struct netcfg *n, struct change *c)
{
	unlink_change(n, c);
	if (n->journal)
		journal_del(n->journal, c, n->newest);
	free(c);
}

/* One use less; without any left it is undone. Something that is gone already is no error. */
static int release(struct netcfg *n, struct change *c)
{
	if (--c->refs > 0)
		return 0;
	int rc = c->foreign ? 0 : change_undo(c);
	delist(n, c);
	return rc == -ENODEV || rc == -ESRCH || rc == -EADDRNOTAVAIL || rc == -ENOENT ? 0 : rc;
}

/* Enlists, then does; what could not be done is taken off again. */
static int make(struct netcfg *n, const struct change *c)
{
	struct change *mine;
	int rc = enlist(n, c, &mine);
	if (rc == 0 && !c->foreign) {
		rc = change_make(mine);
		if (rc != 0)
			delist(n, mine);
	}
	return rc;
}

static struct change change_of(enum change_kind kind, const char *dev, const struct prefix *p)
{
	struct change c = {.kind = kind};
	snprintf(c.dev, sizeof c.dev, "%s", dev);
	if (p)
		c.p = *p;
	return c;
}

static int check_dev(const char *dev, char why[TUN_WHY])
{
	if (host_dev_valid(dev) && host_ifindex(dev) != 0)
		return 0;
	snprintf(why, TUN_WHY, "there is no interface named \"%.32s\"", dev);
	return -ENODEV;
}

static int check_prefix(const struct prefix *p, char why[TUN_WHY])
{
	unsigned bits = addr_bits(&p->addr);
	if (bits != 0 && p->len <= bits)
		return 0;
	snprintf(why, TUN_WHY, "an address of no family cannot be set");
	return -EINVAL;
}

/* ---- Opening ---- */

int netcfg_open(struct netcfg **out, const char *state_path, char why[TUN_WHY])
{
	*out = NULL;
	why[0] = 0;
	struct netcfg *n = calloc(1, sizeof *n);
	if (!n) {
		snprintf(why, TUN_WHY, "no memory to keep track of network changes");
		return -ENOMEM;
	}
	int rc = state_path ? journal_open(&n->journal, state_path, why) : 0;
	if (rc != 0) {
		free(n);
		return rc;
	}
	*out = n;
	return 0;
}

size_t netcfg_restore(struct netcfg *n, const char *dev)
{
	struct change *c = n->newest;
	size_t gone = 0;

	while (c && c->older)
		c = c->older;
	for (; c; c = c->newer)
		if ((c->kind == CHANGE_ADDR || c->kind == CHANGE_ROUTE) && !c->foreign &&
		    strcmp(c->dev, dev) == 0 && change_make(c) == 0)
			gone++;
	return gone;
}

void netcfg_close(struct netcfg *n)
{
	if (!n)
		return;
	while (n->newest) {
		struct change *c = n->newest;
		c->refs = 1;
		(void)release(n, c);
	}
	journal_close(n->journal);
	free(n->seen);
	free(n->found_by);
	free(n);
}

/* ---- Addresses ---- */

struct addr_search {
	const char *dev;
	const struct addr *addr;
	bool found;
};

static bool addr_is_there(const struct procnet_addr *a, void *arg)
{
	struct addr_search *s = arg;
	s->found = strcmp(a->dev, s->dev) == 0 && addr_equal(&a->addr, s->addr);
	return !s->found;
}

/* An IPv6 address is of no use before duplicate address detection has ended, and an ioctl cannot
 * ask to leave it out. Interfaces without neighbour discovery have none. */
static int without_dad(struct netcfg *n, const char *dev, char why[TUN_WHY])
{
	short flags;
	char key[SYSCTL_KEY], value[SYSCTL_VALUE];
	int rc = host_flags(dev, &flags);
	if (rc != 0 || flags & (IFF_NOARP | IFF_LOOPBACK))
		return rc;
	snprintf(key, sizeof key, "net/ipv6/conf/%s/accept_dad", dev);
	if (sysctl_read(key, value) != 0)
		return 0; /* no IPv6: adding says so */
	return netcfg_sysctl(n, key, "0", why);
}

static int explain_addr(int rc, const char *dev, const struct prefix *p, char why[TUN_WHY])
{
	char addr[ADDR_TEXT], what[ADDR_TEXT + DEV_NAME + 32];
	char key[SYSCTL_KEY], off[SYSCTL_VALUE];
	snprintf(key, sizeof key, "net/ipv6/conf/%s/disable_ipv6", dev);
	bool v6 = p->addr.family == ADDR_V6;
	if (v6 && (rc == -EAFNOSUPPORT || (sysctl_read(key, off) == 0 && strcmp(off, "0") != 0))) {
		snprintf(why, TUN_WHY,
		    "%s cannot have %s: IPv6 is off %s (sysctl net.ipv6.conf.%s.disable_ipv6=0 "
		    "turns it on)",
		    dev, addr_text(&p->addr, addr), rc == -EAFNOSUPPORT ? "on this host" : "there",
		    dev);
		return rc;
	}
	snprintf(what, sizeof what, "the address %s on %s", addr_text(&p->addr, addr), dev);
	return explain(rc, what, why);
}

int netcfg_addr_add(struct netcfg *n, const char *dev, const struct prefix *p, char why[TUN_WHY])
{
	why[0] = 0;
	int rc = check_dev(dev, why);
	if (rc == 0)
		rc = check_prefix(p, why);
	if (rc != 0)
		return rc;
	struct change *known = find(n, CHANGE_ADDR, dev, p);
	if (known) {
		known->refs++;
		return 0;
	}
	struct addr_search s = {.dev = dev, .addr = &p->addr};
	rc = procnet_addrs(p->addr.family, addr_is_there, &s);
	if (rc == 0 && !s.found && p->addr.family == ADDR_V6) {
		rc = without_dad(n, dev, why);
		if (rc != 0 && why[0])
			return rc;
	}
	struct change c = change_of(CHANGE_ADDR, dev, p);
	c.foreign = s.found;
	if (rc == 0)
		rc = make(n, &c);
	return rc == 0 ? 0 : explain_addr(rc, dev, p, why);
}

/* Another source for a route that is there. Where that fails the old one stays. */
static void set_source(struct change *c, const struct addr *src)
{
	if (!c->foreign && !addr_equal(&c->src, src) &&
	    rtnl_route_from(c->dev, &c->p, src, true) == 0)
		c->src = *src;
}

/* With an address that goes the kernel takes the routes that have it as their source. */
static void routes_without(struct netcfg *n, const struct change *addr)
{
	static const struct addr any;
	for (struct change *c = n->newest; c; c = c->older)
		if (c->kind == CHANGE_ROUTE && addr_equal(&c->src, &addr->p.addr) &&
		    strcmp(c->dev, addr->dev) == 0)
			set_source(c, &any);
}

int netcfg_addr_del(struct netcfg *n, const char *dev, const struct prefix *p)
{
	struct change *c = find(n, CHANGE_ADDR, dev, p);
	if (!c)
		return -ENOENT;
	if (c->refs == 1 && !c->foreign)
		routes_without(n, c);
	return release(n, c);
}

/* ---- Routes ---- */

/* 0.0.0.0/0 as 0.0.0.0/1 and 128.0.0.0/1, which win against the host's own default route and leave
 * it where it is. Returns how many there are. */
static size_t split_default(const struct prefix *dst, struct prefix part[2])
{
	part[0] = part[1] = *dst;
	if (dst->len != 0)
		return 1;
	part[0].len = part[1].len = 1;
	part[1].addr.b[0] = 0x80;
	return 2;
}

static int by_dst(const void *a, const void *b)
{
	const struct procnet_route *r = a, *s = b;
	return prefix_cmp(&r->dst, &s->dst);
}

/* The first of the routes seen to dst, or where it would be. */
static size_t first_seen(const struct netcfg *n, const struct prefix *dst)
{
	size_t lo = 0, hi = n->seen_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (prefix_cmp(&n->seen[mid].dst, dst) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct route_search {
	const char *dev;
	const struct prefix *dst;
	bool same_dev;
	char other[DEV_NAME]; /* an interface that has the very same route; "" none */
};

static void route_is_there(const struct procnet_route *r, struct route_search *s)
{
	if (r->local)
		return;
	/* On the same interface any metric does; on another only ours is in the way. */
	if (strcmp(r->dev, s->dev) == 0)
		s->same_dev = true;
	else if (r->metric == host_route_metric(r->dst.addr.family))
		memcpy(s->other, r->dev, sizeof s->other);
}

enum {
	MANY_ROUTES = 256, /* from which on the table is not read anew for each route */
	FRESH_MS = 1000,
};

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool keep_route(const struct procnet_route *r, void *arg)
{
	struct netcfg *n = arg;
	if (n->seen_n == n->seen_cap) {
		size_t cap = n->seen_cap ? 2 * n->seen_cap : 64;
		struct procnet_route *v = realloc(n->seen, cap * sizeof *v);
		if (!v)
			return false;
		n->seen = v;
		n->seen_cap = cap;
	}
	n->seen[n->seen_n++] = *r;
	return true;
}

/* Reads the table of routes, which takes a while when it is long: then what was read a moment ago
 * will do, since what was added meanwhile is known. */
static int routes_seen(struct netcfg *n, enum addr_family family)
{
	uint64_t now = now_ms();
	if (n->seen_family == family && n->seen_n >= MANY_ROUTES && now - n->seen_ms < FRESH_MS)
		return 0;
	n->seen_n = 0;
	n->seen_family = family;
	int rc = procnet_routes(family, keep_route, n);
	if (n->seen_n)
		qsort(n->seen, n->seen_n, sizeof n->seen[0], by_dst);
	n->seen_ms = now_ms();
	return rc;
}

static int explain_route(int rc, const char *dev, const struct prefix *dst, char why[TUN_WHY])
{
	char text[PREFIX_TEXT], what[PREFIX_TEXT + DEV_NAME + 32];
	snprintf(what, sizeof what, "the route %s by %s", prefix_text(dst, text), dev);
	if (rc == -ENETDOWN) {
		snprintf(why, TUN_WHY, "cannot set %s: %s is down", what, dev);
		return rc;
	}
	return explain(rc, what, why);
}

struct way {
	struct addr via; /* ADDR_NONE: no gateway */
	struct addr src; /* ADDR_NONE: any */
};

static int add_one(struct netcfg *n, const char *dev, const struct prefix *dst, const struct way *w,
    char why[TUN_WHY])
{
	struct change *known = find(n, CHANGE_ROUTE, dev, dst);
	if (known) {
		known->refs++;
		if (w->src.family != ADDR_NONE)
			set_source(known, &w->src);
		return 0;
	}
	struct route_search s = {.dev = dev, .dst = dst};
	int rc = routes_seen(n, dst->addr.family);
	for (size_t i = rc == 0 ? first_seen(n, dst) : n->seen_n;
	     i < n->seen_n && prefix_cmp(&n->seen[i].dst, dst) == 0; i++)
		route_is_there(&n->seen[i], &s);
	if (rc == 0 && !s.same_dev && s.other[0]) {
		char text[PREFIX_TEXT];
		snprintf(why, TUN_WHY,
		    "the route %s exists already by %s: remove it (ip route del %s dev %s), or "
		    "leave it "
		    "out of remote_ts",
		    prefix_text(dst, text), s.other, text, s.other);
		return -EEXIST;
	}
	struct change c = change_of(CHANGE_ROUTE, dev, dst);
	c.via = w->via;
	c.src = w->src;
	c.foreign = s.same_dev;
	if (rc == 0)
		rc = make(n, &c);
	return rc == 0 ? 0 : explain_route(rc, dev, dst, why);
}

int netcfg_route_add(struct netcfg *n, const char *dev, const struct prefix *dst, char why[TUN_WHY])
{
	static const struct addr any;
	return netcfg_route_from(n, dev, dst, &any, why);
}

int netcfg_route_from(struct netcfg *n, const char *dev, const struct prefix *dst,
    const struct addr *src, char why[TUN_WHY])
{
	why[0] = 0;
	int rc = check_dev(dev, why);
	if (rc == 0)
		rc = check_prefix(dst, why);
	if (rc != 0)
		return rc;
	struct prefix part[2];
	size_t parts = split_default(dst, part);
	struct way way = {.src = *src};
	rc = add_one(n, dev, &part[0], &way, why);
	if (rc != 0 || parts == 1)
		return rc;
	rc = add_one(n, dev, &part[1], &way, why);
	if (rc != 0)
		(void)release(n, find(n, CHANGE_ROUTE, dev, &part[0]));
	return rc;
}

int netcfg_route_del(struct netcfg *n, const char *dev, const struct prefix *dst)
{
	struct prefix part[2];
	size_t parts = split_default(dst, part);
	int rc = 0;
	for (size_t i = parts; i-- > 0;) {
		struct change *c = find(n, CHANGE_ROUTE, dev, &part[i]);
		int one = c ? release(n, c) : -ENOENT;
		if (one != 0)
			rc = one;
	}
	return rc;
}

struct bypass_search {
	const char *not_dev;
	const struct prefix *dst;
	bool found;
	struct procnet_route best;
};

/* The narrowest route that holds all of it. */
static bool covers(const struct procnet_route *r, void *arg)
{
	struct bypass_search *s = arg;
	if (r->local || strcmp(r->dev, s->not_dev) == 0 || r->dst.len > s->dst->len ||
	    !prefix_has(&r->dst, &s->dst->addr))
		return true;
	if (!s->found || r->dst.len > s->best.dst.len ||
	    (r->dst.len == s->best.dst.len && r->metric < s->best.metric))
		s->best = *r;
	s->found = true;
	return true;
}

int netcfg_bypass_add(struct netcfg *n, const char *not_dev, const struct prefix *dst, char dev[16],
    char why[TUN_WHY])
{
	struct bypass_search s = {.not_dev = not_dev, .dst = dst};
	char text[PREFIX_TEXT];
	why[0] = 0;
	int rc = check_prefix(dst, why);
	if (rc == 0)
		rc = procnet_routes(dst->addr.family, covers, &s);
	if (rc != 0)
		return rc;
	if (!s.found || s.best.reject) {
		snprintf(
		    why, TUN_WHY, "there is no way to %s but the tunnel", prefix_text(dst, text));
		return -ENETUNREACH;
	}
	memcpy(dev, s.best.dev, DEV_NAME);
	return add_one(n, dev, dst, &(struct way){.via = s.best.via}, why);
}

/* ---- Links and sysctls ---- */

int netcfg_link_up(struct netcfg *n, const char *dev, char why[TUN_WHY])
{
	why[0] = 0;
	short flags = 0;
	int rc = check_dev(dev, why);
	if (rc != 0)
		return rc;
	rc = host_flags(dev, &flags);
	if (rc == 0 && flags & IFF_UP)
		return 0;
	struct change c = change_of(CHANGE_LINK, dev, NULL);
	if (rc == 0)
		rc = make(n, &c);
	for (const struct change *a = n->newest; rc == 0 && a; a = a->older)
		if (a->kind == CHANGE_ADDR && strcmp(a->dev, dev) == 0)
			host_addr_wait(dev, &a->p.addr);
	char what[DEV_NAME + 32];
	snprintf(what, sizeof what, "the interface %s up", dev);
	return rc == 0 ? 0 : explain(rc, what, why);
}

int netcfg_sysctl(struct netcfg *n, const char *key, const char *value, char why[TUN_WHY])
{
	why[0] = 0;
	struct change c = {.kind = CHANGE_SYSCTL}, *mine = NULL;
	int rc = sysctl_read(key, c.old);
	if (rc == 0 && strcmp(c.old, value) == 0)
		return 0;
	/* What was there before us is what counts, however often we change it. */
	if (rc == 0 && !find_key(n, key)) {
		snprintf(c.key, sizeof c.key, "%s", key);
		rc = enlist(n, &c, &mine);
	}
	if (rc == 0)
		rc = sysctl_write(key, value);
	if (rc != 0 && mine)
		delist(n, mine);
	char what[SYSCTL_KEY + SYSCTL_VALUE];
	snprintf(what, sizeof what, "%.120s to \"%.40s\"", key, value);
	return rc == 0 ? 0 : explain(rc, what, why);
}

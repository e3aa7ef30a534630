/*
 * Routes and addresses of children. RFC 4301 leaves both to the system.
 */
#include "daemon/nets.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIXES_OF_RANGE = 256 };

void nets_init(struct nets *n, struct netcfg *cfg, const char *dev, struct log *log)
{
	*n = (struct nets){.cfg = cfg, .dev = dev, .log = log};
}

void nets_fini(struct nets *n)
{
	free(n->routes);
	n->routes = NULL;
	n->routes_n = n->routes_cap = 0;
}

/* ---- Selectors to prefixes ---- */

static bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

static size_t add_once(struct prefix *v, size_t n, const struct prefix *p)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_equal(&v[i], p))
			return n;
	v[n] = *p;
	return n + 1;
}

static size_t add_halves(struct prefix *v, size_t n, const struct prefix *all)
{
	struct addr high = all->addr;
	high.b[0] = 0x80;
	struct prefix low = prefix_of(&all->addr, 1), top = prefix_of(&high, 1);
	n = add_once(v, n, &low);
	return add_once(v, n, &top);
}

size_t nets_prefixes(const struct ts_list *l, struct prefix **out)
{
	struct prefix *v = calloc(l->n ? l->n * PREFIXES_OF_RANGE : 1, sizeof *v);
	struct prefix of_range[PREFIXES_OF_RANGE - 1];
	size_t n = 0;

	*out = v;
	for (size_t i = 0; v && i < l->n; i++) {
		size_t k =
		    prefix_from_range(&l->v[i].lo, &l->v[i].hi, of_range, PREFIXES_OF_RANGE - 1);
		for (size_t j = 0; j < k; j++)
			n = of_range[j].len ? add_once(v, n, &of_range[j])
					    : add_halves(v, n, &of_range[j]);
	}
	return n;
}

/* ---- Routes ---- */

/* Where the route to p is, or would be. */
static size_t place_of(const struct nets *n, const struct prefix *p)
{
	size_t lo = 0, hi = n->routes_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (prefix_cmp(&n->routes[mid].dst, p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct nets_route *find_route(const struct nets *n, const struct prefix *p)
{
	size_t i = place_of(n, p);

	return i < n->routes_n && prefix_equal(&n->routes[i].dst, p) ? &n->routes[i] : NULL;
}

/* Of the addresses that the peer gave us, the first of that family. */
static struct addr source_for(const struct nets_want *w, const struct prefix *dst)
{
	for (size_t i = 0; i < w->given_n; i++)
		if (w->given[i].family == dst->addr.family)
			return w->given[i];
	return (struct addr){0};
}

static bool hold_route(struct nets *n, const struct prefix *p, const struct addr *src)
{
	struct nets_route *r = find_route(n, p);
	char why[TUN_WHY];

	if (!r && n->routes_n == n->routes_cap) {
		size_t cap = n->routes_cap ? 2 * n->routes_cap : 16;
		struct nets_route *v = realloc(n->routes, cap * sizeof *v);
		if (!v)
			return false;
		n->routes = v;
		n->routes_cap = cap;
	}
	if (netcfg_route_from(n->cfg, n->dev, p, src, why) < 0) {
		log_say(n->log, LOG_WARNING, "route", "%s", why);
		return false;
	}
	if (!r) {
		r = &n->routes[place_of(n, p)];
		memmove(r + 1, r, (size_t)(&n->routes[n->routes_n] - r) * sizeof *r);
		*r = (struct nets_route){.dst = *p};
		n->routes_n++;
		n->of_length[p->len]++;
	}
	r->refs++;
	return true;
}

static void drop_route(struct nets *n, const struct prefix *p)
{
	struct nets_route *r = find_route(n, p);

	netcfg_route_del(n->cfg, n->dev, p);
	if (!r || --r->refs > 0)
		return;
	n->of_length[p->len]--;
	n->routes_n--;
	memmove(r, r + 1, (size_t)(&n->routes[n->routes_n] - r) * sizeof *r);
}

bool nets_cover(const struct nets *n, const struct addr *a)
{
	for (unsigned len = 0; len <= addr_bits(a); len++) {
		struct prefix p = prefix_of(a, len);
		if (n->of_length[len] && find_route(n, &p))
			return true;
	}
	return false;
}

/* ---- Addresses ---- */

static bool hold_given(struct nets *n, const struct addr *a, struct prefix *out)
{
	char why[TUN_WHY];

	*out = prefix_of(a, addr_bits(a));
	if (netcfg_addr_add(n->cfg, n->dev, out, why) == 0)
		return true;
	log_say(n->log, LOG_WARNING, "address", "%s", why);
	return false;
}

static bool hold_addr(struct nets *n, const struct ts *local, struct prefix *out)
{
	struct addr a;

	if (!netcfg_local_in(&local->lo, &local->hi, n->dev, &a))
		return false;
	if (addr_is_loopback(&a) || addr_is_link_local(&a))
		return false;
	return hold_given(n, &a, out);
}

/* ---- Children ---- */

void nets_add(struct nets *n, const struct nets_want *w, struct nets_held *out)
{
	const struct ts_list *local = w->local, *remote = w->remote;

	*out = (struct nets_held){0};
	if (!n->cfg)
		return;
	out->addrs = calloc(local->n + w->given_n + 1, sizeof *out->addrs);
	/* The first address on the device is the source of what the host itself sends. */
	for (size_t i = 0; out->addrs && i < w->given_n; i++)
		if (hold_given(n, &w->given[i], &out->addrs[out->addrs_n]))
			out->addrs_n++;
	for (size_t i = 0; out->addrs && i < local->n && !w->no_own; i++)
		if (hold_addr(n, &local->v[i], &out->addrs[out->addrs_n]))
			out->addrs_n++;
	size_t wanted = nets_prefixes(remote, &out->routes);
	for (size_t i = 0; i < wanted; i++) {
		struct addr src = source_for(w, &out->routes[i]);
		if (hold_route(n, &out->routes[i], &src))
			out->routes[out->routes_n++] = out->routes[i];
	}
	/* Of the room for the worst case only a little is used. */
	struct prefix *less =
	    realloc(out->routes, (out->routes_n ? out->routes_n : 1) * sizeof *less);
	if (less)
		out->routes = less;
}

void nets_bypass(struct nets *n, const struct ts_list *remote, struct nets_held *out)
{
	struct prefix *v = NULL;
	char why[TUN_WHY];

	*out = (struct nets_held){0};
	if (!n->cfg)
		return;
	size_t wanted = nets_prefixes(remote, &v);
	out->around = calloc(wanted ? wanted : 1, sizeof *out->around);
	for (size_t i = 0; out->around && i < wanted; i++) {
		struct nets_around *a = &out->around[out->around_n];
		a->dst = v[i];
		if (netcfg_bypass_add(n->cfg, n->dev, &v[i], a->dev, why) == 0)
			out->around_n++;
		else
			log_say(n->log, LOG_WARNING, "route", "%s", why);
	}
	free(v);
}

void nets_del(struct nets *n, struct nets_held *held)
{
	for (size_t i = 0; i < held->around_n; i++)
		netcfg_route_del(n->cfg, held->around[i].dev, &held->around[i].dst);
	free(held->around);
	for (size_t i = 0; i < held->routes_n; i++)
		drop_route(n, &held->routes[i]);
	for (size_t i = 0; i < held->addrs_n; i++)
		netcfg_addr_del(n->cfg, n->dev, &held->addrs[i]);
	free(held->routes);
	free(held->addrs);
	*held = (struct nets_held){0};
}

static int read_setting(const char *dev)
{
	char path[96];
	int value = 0;

	snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/rp_filter", dev);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%d", &value) != 1)
		value = 0;
	fclose(f);
	return value;
}

void nets_loosen(struct nets *n, const char *dev)
{
	char key[80], why[TUN_WHY];
	int own = read_setting(dev), all = read_setting("all");

	/* The kernel takes the greater of both: 1 is strict, 2 loose. */
	if (!n->cfg || (own > all ? own : all) != 1)
		return;
	snprintf(key, sizeof key, "net/ipv4/conf/%s/rp_filter", dev);
	if (netcfg_sysctl(n->cfg, key, "2", why) < 0)
		log_say(n->log, LOG_WARNING, "sysctl", "%s", why);
}

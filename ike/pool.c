/*
 * Leases: two hash tables, by address and by identity, and for each pool the leases that nobody
 * holds, oldest first. Addresses that were never leased come before those of others.
 */
#include "ike/pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { BUCKETS = 4096 };

struct pool;

struct ike_lease {
	struct ike_lease *addr_next, *id_next; /* of the same bucket */
	struct ike_lease *prev, *next;         /* of those that nobody holds */
	struct pool *pool;                     /* NULL: it is gone, and the lease is held */
	struct addr addr;
	unsigned held;
	uint32_t id_hash;
	uint8_t id_type;
	uint16_t id_n;
	uint8_t id[]; /* names in small letters */
};

struct range {
	struct addr lo, hi;
	uint64_t cursor; /* offset of where to look next for one without a lease */
	uint64_t leases; /* in it, held or remembered */
};

struct pool {
	char *name;
	struct range *ranges;
	size_t ranges_n;
	struct ike_lease *oldest, *newest; /* that nobody holds */
	uint64_t idle;                     /* how many those are */
};

struct ike_pools {
	struct pool *v;
	size_t n;
	size_t remember, remembered;
	struct ike_lease *by_addr[BUCKETS], *by_id[BUCKETS];
};

/* ---- Tables ---- */

static uint32_t hash(uint32_t h, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT32_C(16777619);
	return h;
}

static size_t addr_bucket(const struct addr *a)
{
	uint32_t h = hash(UINT32_C(2166136261), a->b, sizeof a->b);

	return (h ^ h >> 16) % BUCKETS;
}

/* The identity as it is compared: RFC 4343 for names. */
static size_t fold(const struct ident *id, uint8_t dst[IDENT_MAX])
{
	bool name = id->type == IDENT_FQDN || id->type == IDENT_RFC822_ADDR;

	for (size_t i = 0; i < id->n; i++) {
		bool upper = name && id->b[i] >= 'A' && id->b[i] <= 'Z';

		dst[i] = (uint8_t)(id->b[i] + (upper ? 'a' - 'A' : 0));
	}
	return id->n;
}

static struct ike_lease *find_addr(const struct ike_pools *p, const struct addr *a)
{
	struct ike_lease *l = p->by_addr[addr_bucket(a)];

	while (l && !addr_equal(&l->addr, a))
		l = l->addr_next;
	return l;
}

static struct range *range_of(const struct pool *pool, const struct addr *a)
{
	for (size_t i = 0; i < pool->ranges_n; i++) {
		struct range *r = &pool->ranges[i];

		if (r->lo.family == a->family && addr_cmp(&r->lo, a) <= 0 &&
		    addr_cmp(a, &r->hi) <= 0)
			return r;
	}
	return NULL;
}

/* How many; UINT64_MAX: that many or more. */
static uint64_t size_of(const struct range *r)
{
	uint64_t n = addr_minus(&r->hi, &r->lo);

	return n == UINT64_MAX ? n : n + 1;
}

/* ---- Those that nobody holds ---- */

static void idle_add(struct ike_pools *p, struct ike_lease *l)
{
	l->next = NULL;
	l->prev = l->pool->newest;
	*(l->prev ? &l->prev->next : &l->pool->oldest) = l;
	l->pool->newest = l;
	l->pool->idle++;
	p->remembered++;
}

static void idle_remove(struct ike_pools *p, struct ike_lease *l)
{
	*(l->prev ? &l->prev->next : &l->pool->oldest) = l->next;
	*(l->next ? &l->next->prev : &l->pool->newest) = l->prev;
	l->pool->idle--;
	p->remembered--;
}

/* ---- Life of a lease ---- */

static struct ike_lease *lease_new(
    struct ike_pools *p, struct pool *pool, const struct addr *a, const struct ident *who)
{
	struct ike_lease *l = calloc(1, sizeof *l + who->n);
	struct ike_lease **at;

	if (!l)
		return NULL;
	l->pool = pool;
	l->addr = *a;
	l->id_type = who->type;
	l->id_n = (uint16_t)fold(who, l->id);
	l->id_hash = hash(who->type, l->id, l->id_n);
	at = &p->by_addr[addr_bucket(a)];
	l->addr_next = *at;
	*at = l;
	at = &p->by_id[l->id_hash % BUCKETS];
	l->id_next = *at;
	*at = l;
	range_of(pool, a)->leases++;
	return l;
}

/* Of one that is in no list of idle ones. */
static void lease_free(struct ike_pools *p, struct ike_lease *l)
{
	struct ike_lease **at = &p->by_addr[addr_bucket(&l->addr)];

	while (*at != l)
		at = &(*at)->addr_next;
	*at = l->addr_next;
	at = &p->by_id[l->id_hash % BUCKETS];
	while (*at != l)
		at = &(*at)->id_next;
	*at = l->id_next;
	if (l->pool)
		range_of(l->pool, &l->addr)->leases--;
	free(l);
}

static void forget(struct ike_pools *p, struct ike_lease *l)
{
	idle_remove(p, l);
	lease_free(p, l);
}

static struct ike_lease *hold(struct ike_pools *p, struct ike_lease *l)
{
	if (!l->held)
		idle_remove(p, l);
	l->held++;
	return l;
}

static struct ike_lease *take_new(
    struct ike_pools *p, struct pool *pool, const struct addr *a, const struct ident *who)
{
	struct ike_lease *l = lease_new(p, pool, a, who);

	if (l)
		l->held = 1;
	return l;
}

void ike_pools_put(struct ike_pools *p, struct ike_lease *l)
{
	if (--l->held)
		return;
	if (!l->pool) {
		lease_free(p, l);
		return;
	}
	idle_add(p, l);
	if (p->remembered > p->remember)
		forget(p, l->pool->oldest);
}

/* ---- Choosing ---- */

static struct pool *pool_named(const struct ike_pools *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].name, name) == 0)
			return &p->v[i];
	}
	return NULL;
}

static bool is_named(const struct ike_lease *l, const struct ike_lease_ask *a)
{
	for (size_t i = 0; l->pool && i < a->names_n; i++) {
		if (strcmp(l->pool->name, a->names[i]) == 0)
			return true;
	}
	return false;
}

static bool is_own(const struct ike_lease *l, const struct ident *who)
{
	uint8_t id[IDENT_MAX];
	size_t n = fold(who, id);

	return l->id_type == who->type && l->id_n == n && memcmp(l->id, id, n) == 0;
}

static bool is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->b, zero, sizeof zero) == 0;
}

static bool may_have(const struct ike_lease *l, const struct ike_lease_ask *a)
{
	return is_own(l, a->who) && is_named(l, a) && (!l->held || a->shares(a->arg, l));
}

/* One that the same identity has or had: rather what it has. */
static struct ike_lease *take_own(struct ike_pools *p, const struct ike_lease_ask *a)
{
	struct ike_lease *best = NULL;
	uint8_t id[IDENT_MAX];
	size_t n = fold(a->who, id);

	for (struct ike_lease *l = p->by_id[hash(a->who->type, id, n) % BUCKETS]; l; l = l->id_next)
		if (l->addr.family == a->wanted.family && (!best || l->held > best->held) &&
		    may_have(l, a))
			best = l;
	return best ? hold(p, best) : NULL;
}

/* This very address: one's own, or one without a lease. */
static struct ike_lease *take_this(
    struct ike_pools *p, const struct ike_lease_ask *a, const struct addr *wanted)
{
	struct ike_lease *l = find_addr(p, wanted);

	if (l)
		return may_have(l, a) ? hold(p, l) : NULL;
	for (size_t i = 0; i < a->names_n; i++) {
		struct pool *pool = pool_named(p, a->names[i]);

		if (pool && range_of(pool, wanted))
			return take_new(p, pool, wanted, a->who);
	}
	return NULL;
}

/* RFC 7296 section 3.15.3: the interface identifier that was asked for, with our prefix. */
static struct ike_lease *take_interface(struct ike_pools *p, const struct ike_lease_ask *a)
{
	struct ike_lease *l = NULL;

	for (size_t i = 0; !l && i < a->names_n; i++) {
		const struct pool *pool = pool_named(p, a->names[i]);

		for (size_t k = 0; pool && !l && k < pool->ranges_n; k++) {
			struct addr wanted = a->wanted;

			if (pool->ranges[k].lo.family != ADDR_V6)
				continue;
			memcpy(wanted.b, pool->ranges[k].lo.b, 8);
			if (range_of(pool, &wanted) && !find_addr(p, &wanted))
				l = take_this(p, a, &wanted);
		}
	}
	return l;
}

static struct ike_lease *take_fresh(
    struct ike_pools *p, struct pool *pool, const struct ike_lease_ask *a)
{
	for (size_t i = 0; i < pool->ranges_n; i++) {
		struct range *r = &pool->ranges[i];
		uint64_t size = size_of(r);
		struct addr at;

		if (r->lo.family != a->wanted.family || r->leases >= size)
			continue;
		/* Some address has no lease: no more steps than there are leases. Held leases of
		 * pools that are gone may be in the way, too. */
		for (uint64_t tries = 0; tries < size; tries++) {
			at = addr_plus(&r->lo, r->cursor);
			r->cursor = (r->cursor + 1) % size;
			if (!find_addr(p, &at))
				return take_new(p, pool, &at, a->who);
		}
	}
	return NULL;
}

/* What another one had longest ago. */
static struct ike_lease *take_oldest(
    struct ike_pools *p, struct pool *pool, const struct ike_lease_ask *a)
{
	struct ike_lease *l = pool->oldest;
	struct addr addr;

	while (l && l->addr.family != a->wanted.family)
		l = l->next;
	if (!l)
		return NULL;
	addr = l->addr;
	forget(p, l);
	return take_new(p, pool, &addr, a->who);
}

struct ike_lease *ike_pools_take(struct ike_pools *p, const struct ike_lease_ask *a)
{
	static struct ike_lease *(*const ways[])(struct ike_pools *, struct pool *,
	    const struct ike_lease_ask *) = {take_fresh, take_oldest};
	struct ike_lease *l = is_any(&a->wanted) ? NULL : take_this(p, a, &a->wanted);

	if (!l)
		l = take_own(p, a);
	if (!l && a->wanted.family == ADDR_V6 && !is_any(&a->wanted))
		l = take_interface(p, a);
	for (size_t way = 0; !l && way < sizeof ways / sizeof ways[0]; way++) {
		for (size_t i = 0; !l && i < a->names_n; i++) {
			struct pool *pool = pool_named(p, a->names[i]);

			if (pool)
				l = ways[way](p, pool, a);
		}
	}
	return l;
}

/* ---- The pools ---- */

static void pool_fini(struct pool *pool)
{
	free(pool->name);
	free(pool->ranges);
}

static void pools_fini(struct pool *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		pool_fini(&v[i]);
	free(v);
}

static bool pool_init(struct pool *pool, const struct config_pool *c)
{
	*pool = (struct pool){.name = strdup(c->name),
	    .ranges = calloc(c->addrs_n ? c->addrs_n : 1, sizeof *pool->ranges),
	    .ranges_n = c->addrs_n};
	for (size_t i = 0; pool->ranges && i < c->addrs_n; i++)
		pool->ranges[i] = (struct range){.lo = c->addrs[i].lo, .hi = c->addrs[i].hi};
	return pool->name && pool->ranges;
}

/* A lease finds its pool among the new ones, if that still has its address. */
static void rehome(struct ike_pools *p, struct ike_lease *l, struct pool *v, size_t n)
{
	struct pool *home = NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].name, l->pool->name) == 0 && range_of(&v[i], &l->addr))
			home = &v[i];
	}
	if (!l->held)
		idle_remove(p, l);
	l->pool = home;
	if (home)
		range_of(home, &l->addr)->leases++;
	if (!l->held && home)
		idle_add(p, l);
	else if (!l->held)
		lease_free(p, l);
}

static void rehome_all(struct ike_pools *p, struct pool *v, size_t n)
{
	struct ike_lease *next;

	/* Idle ones in their order, so that the oldest stays the oldest. */
	for (size_t i = 0; i < p->n; i++) {
		for (struct ike_lease *l = p->v[i].oldest; l; l = next) {
			next = l->next;
			rehome(p, l, v, n);
		}
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct ike_lease *l = p->by_addr[i]; l; l = l->addr_next) {
			if (l->held && l->pool)
				rehome(p, l, v, n);
		}
	}
}

bool ike_pools_load(struct ike_pools *p, const struct config *c)
{
	struct pool *v = calloc(c->pools_n ? c->pools_n : 1, sizeof *v);
	bool ok = v != NULL;

	for (size_t i = 0; ok && i < c->pools_n; i++)
		ok = pool_init(&v[i], &c->pools[i]);
	if (!ok) {
		pools_fini(v, c->pools_n);
		return false;
	}
	rehome_all(p, v, c->pools_n);
	pools_fini(p->v, p->n);
	p->v = v;
	p->n = c->pools_n;
	return true;
}

struct ike_pools *ike_pools_new(const struct config *c, size_t remember)
{
	struct ike_pools *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->remember = remember;
	if (ike_pools_load(p, c))
		return p;
	free(p);
	return NULL;
}

void ike_pools_free(struct ike_pools *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (p->by_addr[i]) {
			struct ike_lease *l = p->by_addr[i];

			p->by_addr[i] = l->addr_next;
			free(l);
		}
	}
	pools_fini(p->v, p->n);
	free(p);
}

/* ---- For display ---- */

const struct addr *ike_lease_addr(const struct ike_lease *l)
{
	return &l->addr;
}

const char *ike_lease_pool(const struct ike_lease *l)
{
	return l->pool ? l->pool->name : "";
}

static bool has_family(const struct pool *pool, enum addr_family family)
{
	for (size_t i = 0; i < pool->ranges_n; i++) {
		if (pool->ranges[i].lo.family == family)
			return true;
	}
	return false;
}

bool ike_pools_have(
    const struct ike_pools *p, char *const *names, size_t n, enum addr_family family)
{
	for (size_t i = 0; i < n; i++) {
		const struct pool *pool = pool_named(p, names[i]);

		if (pool && has_family(pool, family))
			return true;
	}
	return false;
}

static uint64_t add_sizes(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

void ike_pools_each(
    const struct ike_pools *p, void (*fn)(void *arg, const struct ike_pool_info *i), void *arg)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct pool *pool = &p->v[i];
		struct ike_pool_info info = {.name = pool->name, .remembered = pool->idle};

		for (size_t k = 0; k < pool->ranges_n; k++) {
			info.size = add_sizes(info.size, size_of(&pool->ranges[k]));
			info.in_use += pool->ranges[k].leases;
		}
		info.in_use -= pool->idle;
		fn(arg, &info);
	}
}

static void add_pool(
    const struct ike_pools *p, struct text *t, const struct pool *pool, enum addr_family family)
{
	uint64_t size = 0, held = 0;

	for (size_t i = 0; i < pool->ranges_n; i++) {
		uint64_t more = pool->ranges[i].lo.family == family ? size_of(&pool->ranges[i]) : 0;

		size = add_sizes(size, more);
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		for (const struct ike_lease *l = p->by_addr[i]; l; l = l->addr_next)
			held += l->pool == pool && l->held && l->addr.family == family;
	}
	text_addf(t, "%spools.%s (%" PRIu64 " %s, %" PRIu64 " in use)", t->len ? ", " : "",
	    pool->name, size, size == 1 ? "address" : "addresses", held);
}

const char *ike_pools_text(const struct ike_pools *p, char *const *names, size_t n,
    enum addr_family family, char *dst, size_t cap)
{
	struct text t = text_of(dst, cap);

	for (size_t i = 0; i < n; i++) {
		const struct pool *pool = pool_named(p, names[i]);

		if (pool && has_family(pool, family))
			add_pool(p, &t, pool, family);
	}
	return text_end(&t);
}

/*
 * The policy snapshot: RFC 4301 section 4.4.1, and its advice to decorrelate what is cached.
 *
 * Rules are sorted once: the rank of a rule says whether it comes before another. Each remote range
 * is cut into prefixes; the prefixes of one length form a tuple with a hash table over their bits,
 * and under each prefix stand the ranks of the rules that have it, best first. A look-up asks each
 * tuple, the one with the best rank first, and ends when no other can be better; local addresses,
 * protocols and ports are looked at on the few candidates. Ten thousand /32 clients are one tuple.
 */
#include "esp/spd.h"

#include <stdlib.h>
#include <string.h>

enum {
	TUPLES = 129,       /* prefix lengths 0 to 128 */
	RANGE_PIECES = 254, /* prefixes that a range may be cut into */
	V4_BITS = 32,
};

/* A prefix and the ranks under it. */
struct bucket {
	struct esp_num key;
	uint32_t first, n; /* of `ranks`; n 0: empty */
	uint8_t family, len;
};

struct tuple {
	uint8_t len;
	uint32_t best; /* rank */
};

struct tuple_list {
	size_t n;
	struct tuple v[TUPLES]; /* the best rank first */
};

struct esp_spd {
	struct esp_rule *rules; /* by rank */
	size_t rules_n;
	struct esp_rule_sa *groups; /* of all rules */
	uint32_t *ranks;
	struct bucket *table; /* open addressing */
	uint64_t mask, seed;
	struct tuple_list v4, v6;
	struct esp_epoch_item item;
};

/* ---- Order ---- */

/* How wide an address range is: hi - lo. */
static struct esp_num width_of(const struct ts *t)
{
	struct esp_num lo = esp_num_of(&t->lo), hi = esp_num_of(&t->hi);

	return (struct esp_num){hi.hi - lo.hi - (hi.lo < lo.lo), hi.lo - lo.lo};
}

static int ports_width(const struct ts *t)
{
	return ts_is_opaque(t) ? 0 : t->port_hi - t->port_lo;
}

/* Negative: a is the more specific. Addresses first, then protocol, then ports. */
static int specific_cmp(const struct ts *a, const struct ts *b)
{
	struct esp_num wa = width_of(a), wb = width_of(b);

	if (esp_num_less(&wa, &wb) || esp_num_less(&wb, &wa)) {
		return esp_num_less(&wa, &wb) ? -1 : 1;
	}
	if ((a->proto == 0) != (b->proto == 0)) {
		return a->proto != 0 ? -1 : 1;
	}
	return ports_width(a) - ports_width(b);
}

static int policy_cmp(const void *x, const void *y)
{
	const struct esp_policy *a = *(const struct esp_policy *const *)x;
	const struct esp_policy *b = *(const struct esp_policy *const *)y;
	int c;

	if (a->priority != b->priority) {
		return a->priority < b->priority ? -1 : 1;
	}
	c = specific_cmp(&a->remote, &b->remote);
	if (c == 0) {
		c = specific_cmp(&a->local, &b->local);
	}
	/* Pointers into the caller's array: the earlier is the smaller. */
	return c != 0 ? c : (a > b) - (a < b);
}

/* ---- Prefixes ---- */

static struct esp_num mask_num(const struct esp_num *a, unsigned len)
{
	if (len >= 64) {
		uint64_t low = len == 64 ? 0 : ~(uint64_t)0 << (128 - len);
		return (struct esp_num){a->hi, a->lo & low};
	}
	return (struct esp_num){len == 0 ? 0 : a->hi & ~(uint64_t)0 << (64 - len), 0};
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0x9e3779b97f4a7c15u; /* 2^64 divided by the golden ratio */
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

/* Seeded: a peer that chooses its selectors cannot choose where they fall. */
static uint64_t hash_of(uint64_t seed, uint8_t family, uint8_t len, const struct esp_num *key)
{
	uint64_t h = mix(seed ^ (uint64_t)family << 8 ^ len ^ key->hi);

	return key->lo ? mix(h ^ key->lo) : h;
}

/* The bucket of a prefix, or the empty one where it would be. */
static struct bucket *bucket_at(
    const struct esp_spd *s, uint8_t family, uint8_t len, const struct esp_num *key)
{
	uint64_t i = hash_of(s->seed, family, len, key) & s->mask;

	for (;; i = (i + 1) & s->mask) {
		struct bucket *b = &s->table[i];
		if (b->n == 0 || (b->key.hi == key->hi && b->key.lo == key->lo && b->len == len &&
				     b->family == family)) {
			return b;
		}
	}
}

/* ---- Compiling ---- */

/* A rule stands under a prefix. */
struct entry {
	struct esp_num key;
	uint32_t rank;
	uint8_t family, len;
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

static int entry_cmp(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->family != b->family) {
		return a->family - b->family;
	}
	if (a->len != b->len) {
		return a->len - b->len;
	}
	if (a->key.hi != b->key.hi || a->key.lo != b->key.lo) {
		return esp_num_less(&a->key, &b->key) ? -1 : 1;
	}
	return (a->rank > b->rank) - (a->rank < b->rank);
}

static bool entries_add(struct entries *e, const struct ts *remote, uint32_t rank)
{
	struct prefix pieces[RANGE_PIECES];
	size_t n = prefix_from_range(&remote->lo, &remote->hi, pieces, RANGE_PIECES);

	if (e->n + n > e->cap) {
		size_t cap = (e->n + n) * 2;
		struct entry *v = realloc(e->v, cap * sizeof *v);
		if (!v) {
			return false;
		}
		e->v = v;
		e->cap = cap;
	}
	for (size_t i = 0; i < n && i < RANGE_PIECES; i++) {
		e->v[e->n++] = (struct entry){
		    .key = esp_num_of(&pieces[i].addr),
		    .rank = rank,
		    .family = remote->lo.family,
		    .len = pieces[i].len,
		};
	}
	return true;
}

static void tuple_note(struct tuple_list *l, uint8_t len, uint32_t rank)
{
	size_t i = 0;

	while (i < l->n && l->v[i].len != len) {
		i++;
	}
	if (i == l->n) {
		l->v[l->n++] = (struct tuple){.len = len, .best = rank};
	} else if (rank < l->v[i].best) {
		l->v[i].best = rank;
	}
}

static int tuple_cmp(const void *x, const void *y)
{
	const struct tuple *a = x, *b = y;

	return (a->best > b->best) - (a->best < b->best);
}

static bool table_alloc(struct esp_spd *s, size_t entries)
{
	size_t size = 4;

	while (size < entries * 2) {
		size *= 2;
	}
	s->mask = size - 1;
	s->table = calloc(size, sizeof *s->table);
	s->ranks = calloc(entries + 1, sizeof *s->ranks);
	return s->table && s->ranks;
}

/* Entries of one prefix stand together, the best rank first. */
static bool table_fill(struct esp_spd *s, struct entries *e)
{
	if (!table_alloc(s, e->n)) {
		return false;
	}
	if (e->n > 0) {
		qsort(e->v, e->n, sizeof *e->v, entry_cmp);
	}
	for (size_t i = 0; i < e->n; i++) {
		const struct entry *at = &e->v[i];
		struct bucket *b = bucket_at(s, at->family, at->len, &at->key);
		if (b->n == 0) {
			*b = (struct bucket){.key = at->key,
			    .first = (uint32_t)i,
			    .family = at->family,
			    .len = at->len};
		}
		b->n++;
		s->ranks[i] = at->rank;
		tuple_note(at->family == ADDR_V4 ? &s->v4 : &s->v6, at->len, at->rank);
	}
	qsort(s->v4.v, s->v4.n, sizeof s->v4.v[0], tuple_cmp);
	qsort(s->v6.v, s->v6.n, sizeof s->v6.v[0], tuple_cmp);
	return true;
}

static bool ts_valid(const struct ts *t)
{
	return addr_bits(&t->lo) != 0 && t->lo.family == t->hi.family &&
	       addr_cmp(&t->lo, &t->hi) <= 0;
}

static bool policy_valid(const struct esp_policy *p)
{
	return ts_valid(&p->local) && ts_valid(&p->remote) &&
	       p->local.lo.family == p->remote.lo.family && (unsigned)p->action <= ESP_DROP;
}

static struct esp_rule_sa sa_of(uint32_t slot, const struct esp_spd_serials *serials)
{
	return (struct esp_rule_sa){.serial = serials->of(serials->ctx, slot), .slot = slot};
}

/* The group goes to *groups, which moves behind it. */
static struct esp_rule rule_of(
    const struct esp_policy *p, const struct esp_spd_serials *serials, struct esp_rule_sa **groups)
{
	struct esp_rule r = {
	    .local = esp_sel_of(&p->local),
	    .remote = esp_sel_of(&p->remote),
	    .id = p->id,
	    .action = p->action,
	};

	if (p->action == ESP_PROTECT) {
		r.sa = sa_of(p->slot, serials);
		r.group = *groups;
		r.group_n = p->group_n;
		for (uint32_t i = 0; i < p->group_n; i++) {
			*(*groups)++ = sa_of(p->group[i], serials);
		}
	}
	return r;
}

static bool groups_alloc(struct esp_spd *s, const struct esp_policy **order)
{
	size_t n = 0;

	for (size_t i = 0; i < s->rules_n; i++) {
		n += order[i]->action == ESP_PROTECT ? order[i]->group_n : 0;
	}
	s->groups = calloc(n + 1, sizeof *s->groups);
	return s->groups != NULL;
}

static enum esp_err compile(
    struct esp_spd *s, const struct esp_policy **order, const struct esp_spd_serials *serials)
{
	struct entries e = {0};
	bool ok = groups_alloc(s, order);
	struct esp_rule_sa *groups = s->groups;

	qsort(order, s->rules_n, sizeof *order, policy_cmp);
	for (size_t i = 0; ok && i < s->rules_n; i++) {
		s->rules[i] = rule_of(order[i], serials, &groups);
		ok = entries_add(&e, &order[i]->remote, (uint32_t)i);
	}
	ok = ok && table_fill(s, &e);
	free(e.v);
	return ok ? ESP_OK : ESP_ENOMEM;
}

enum esp_err esp_spd_compile(const struct esp_policy *v, size_t n,
    const struct esp_spd_serials *serials, uint64_t seed, struct esp_spd **out)
{
	for (size_t i = 0; i < n; i++) {
		if (!policy_valid(&v[i])) {
			return ESP_EINVAL;
		}
	}
	if (n >= UINT32_MAX / RANGE_PIECES) {
		return ESP_EINVAL;
	}
	struct esp_spd *s = calloc(1, sizeof *s);
	const struct esp_policy **order = calloc(n + 1, sizeof *order);
	enum esp_err err = ESP_ENOMEM;

	if (s && order) {
		for (size_t i = 0; i < n; i++) {
			order[i] = &v[i];
		}
		s->seed = seed;
		s->rules_n = n;
		s->rules = calloc(n + 1, sizeof *s->rules);
		err = s->rules ? compile(s, order, serials) : ESP_ENOMEM;
	}
	free(order);
	if (err != ESP_OK) {
		esp_spd_free(s);
		return err;
	}
	*out = s;
	return ESP_OK;
}

void esp_spd_free(struct esp_spd *s)
{
	if (s) {
		free(s->rules);
		free(s->groups);
		free(s->ranks);
		free(s->table);
		free(s);
	}
}

static void free_item(struct esp_epoch_item *item)
{
	esp_spd_free(ESP_EPOCH_OWNER(item, struct esp_spd, item));
}

void esp_spd_retire(struct esp_epoch *e, struct esp_spd *s)
{
	if (s) {
		esp_epoch_retire(e, &s->item, free_item);
	}
}

/* ---- Looking up ---- */

const struct esp_rule *esp_spd_find(const struct esp_spd *s, const struct esp_flow *f)
{
	uint32_t best = UINT32_MAX;

	if (!s) {
		return NULL;
	}
	const struct tuple_list *l = f->family == ADDR_V4 ? &s->v4 : &s->v6;
	for (size_t t = 0; t < l->n && l->v[t].best < best; t++) {
		struct esp_num key = mask_num(&f->dst, l->v[t].len);
		const struct bucket *b = bucket_at(s, f->family, l->v[t].len, &key);
		for (uint32_t i = b->first; i < b->first + b->n && s->ranks[i] < best; i++) {
			const struct esp_rule *r = &s->rules[s->ranks[i]];
			if (esp_sel_match(&r->remote, f, &f->dst, f->dport) &&
			    esp_sel_match(&r->local, f, &f->src, f->sport)) {
				best = s->ranks[i];
			}
		}
	}
	return best == UINT32_MAX ? NULL : &s->rules[best];
}

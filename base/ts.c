/*
 * Traffic selectors: RFC 7296 sections 2.9 and 3.13.1, RFC 4301 section 4.4.1.1.
 */
#include "base/ts.h"

static bool ports_any(const struct ts *t)
{
	return t->port_lo == 0 && t->port_hi == UINT16_MAX;
}

bool ts_is_opaque(const struct ts *t)
{
	return t->port_lo == UINT16_MAX && t->port_hi == 0;
}

static struct ts ts_span(const struct addr *lo, const struct addr *hi)
{
	return (struct ts){.lo = *lo, .hi = *hi, .port_hi = UINT16_MAX};
}

struct ts ts_prefix(const struct prefix *p)
{
	struct addr lo, hi;
	prefix_range(p, &lo, &hi);
	return ts_span(&lo, &hi);
}

struct ts ts_any(enum addr_family family)
{
	struct prefix p = {.addr = {.family = (uint8_t)family}};
	return ts_prefix(&p);
}

struct ts ts_host(const struct addr *a)
{
	return ts_span(a, a);
}

bool ts_equal(const struct ts *a, const struct ts *b)
{
	return addr_equal(&a->lo, &b->lo) && addr_equal(&a->hi, &b->hi) && a->proto == b->proto &&
	       a->port_lo == b->port_lo && a->port_hi == b->port_hi;
}

/* OPAQUE means that a packet shows no ports; ANY includes it, a range of ports does not (RFC 4301
 * section 4.4.1.1). */
static bool ports_cover(const struct ts *outer, const struct ts *inner)
{
	if (ports_any(outer)) {
		return true;
	}
	if (ts_is_opaque(outer) || ts_is_opaque(inner)) {
		return ts_is_opaque(outer) && ts_is_opaque(inner);
	}
	return outer->port_lo <= inner->port_lo && outer->port_hi >= inner->port_hi;
}

bool ts_covers(const struct ts *outer, const struct ts *inner)
{
	return outer->lo.family == inner->lo.family && addr_cmp(&outer->lo, &inner->lo) <= 0 &&
	       addr_cmp(&outer->hi, &inner->hi) >= 0 &&
	       (outer->proto == 0 || outer->proto == inner->proto) && ports_cover(outer, inner);
}

static bool ports_intersect(const struct ts *a, const struct ts *b, struct ts *out)
{
	if (ports_cover(a, b) || ports_cover(b, a)) {
		const struct ts *inner = ports_cover(a, b) ? b : a;
		out->port_lo = inner->port_lo;
		out->port_hi = inner->port_hi;
		return true;
	}
	if (ts_is_opaque(a) || ts_is_opaque(b)) {
		return false;
	}
	out->port_lo = a->port_lo > b->port_lo ? a->port_lo : b->port_lo;
	out->port_hi = a->port_hi < b->port_hi ? a->port_hi : b->port_hi;
	return out->port_lo <= out->port_hi;
}

bool ts_intersect(const struct ts *a, const struct ts *b, struct ts *out)
{
	struct ts r = {0};

	if (a->lo.family != b->lo.family ||
	    (a->proto != 0 && b->proto != 0 && a->proto != b->proto)) {
		return false;
	}
	r.proto = a->proto != 0 ? a->proto : b->proto;
	r.lo = addr_cmp(&a->lo, &b->lo) > 0 ? a->lo : b->lo;
	r.hi = addr_cmp(&a->hi, &b->hi) < 0 ? a->hi : b->hi;
	if (addr_cmp(&r.lo, &r.hi) > 0 || !ports_intersect(a, b, &r)) {
		return false;
	}
	*out = r;
	return true;
}

bool ts_match(
    const struct ts *t, const struct addr *addr, uint8_t proto, bool has_port, uint16_t port)
{
	if (addr->family != t->lo.family || addr_cmp(addr, &t->lo) < 0 ||
	    addr_cmp(addr, &t->hi) > 0 || (t->proto != 0 && t->proto != proto)) {
		return false;
	}
	if (ports_any(t)) {
		return true;
	}
	return has_port ? port >= t->port_lo && port <= t->port_hi : ts_is_opaque(t);
}

bool ts_list_match(
    const struct ts_list *l, const struct addr *addr, uint8_t proto, bool has_port, uint16_t port)
{
	for (size_t i = 0; i < l->n; i++) {
		if (ts_match(&l->v[i], addr, proto, has_port, port)) {
			return true;
		}
	}
	return false;
}

bool ts_list_add(struct ts_list *l, const struct ts *t)
{
	if (l->n >= TS_MAX) {
		return false;
	}
	l->v[l->n++] = *t;
	return true;
}

/* Adds `t` unless something there covers it; takes out what it covers. A full list stays as it is:
 * fewer selectors are a narrower answer, which is always allowed. */
static void add_maximal(struct ts_list *l, const struct ts *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (ts_covers(&l->v[i], t)) {
			return;
		}
	}
	for (size_t i = 0; i < l->n; i++) {
		if (!ts_covers(t, &l->v[i])) {
			l->v[kept++] = l->v[i];
		}
	}
	l->n = kept;
	ts_list_add(l, t);
}

bool ts_list_narrow(
    const struct ts_list *offered, const struct ts_list *allowed, struct ts_list *out)
{
	struct ts_list r = {0};

	for (size_t a = 0; a < allowed->n; a++) {
		for (size_t o = 0; o < offered->n; o++) {
			struct ts both;
			if (ts_intersect(&allowed->v[a], &offered->v[o], &both)) {
				add_maximal(&r, &both);
			}
		}
	}
	*out = r;
	return r.n > 0;
}

static bool every_in(const struct ts_list *a, const struct ts_list *b)
{
	for (size_t i = 0; i < a->n; i++) {
		size_t j = 0;
		while (j < b->n && !ts_equal(&a->v[i], &b->v[j])) {
			j++;
		}
		if (j == b->n) {
			return false;
		}
	}
	return true;
}

bool ts_list_equal(const struct ts_list *a, const struct ts_list *b)
{
	return every_in(a, b) && every_in(b, a);
}

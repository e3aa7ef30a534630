/*
 * The addresses that children send to.
 */
#include "daemon/remotes.h"

#include <stdlib.h>
#include <string.h>

/* The first that is not before a. */
static size_t place_of(const struct remotes *r, const struct addr *a)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (addr_cmp(&r->v[mid].addr, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_at(const struct remotes *r, size_t i, const struct addr *a)
{
	return i < r->n && addr_equal(&r->v[i].addr, a);
}

static bool reserve(struct remotes *r)
{
	if (r->n < r->cap)
		return true;
	size_t cap = r->cap ? 2 * r->cap : 16;
	struct remote *v = realloc(r->v, cap * sizeof *v);
	if (!v)
		return false;
	r->v = v;
	r->cap = cap;
	return true;
}

void remotes_add(struct remotes *r, const struct addr *a)
{
	size_t i = place_of(r, a);

	if (is_at(r, i, a)) {
		r->v[i].refs++;
		return;
	}
	if (!reserve(r)) {
		r->lossy = true;
		return;
	}
	memmove(&r->v[i + 1], &r->v[i], (r->n - i) * sizeof r->v[0]);
	r->v[i] = (struct remote){.addr = *a, .refs = 1};
	r->n++;
}

void remotes_del(struct remotes *r, const struct addr *a)
{
	size_t i = place_of(r, a);

	if (!is_at(r, i, a) || --r->v[i].refs > 0)
		return;
	r->n--;
	memmove(&r->v[i], &r->v[i + 1], (r->n - i) * sizeof r->v[0]);
}

bool remotes_any(const struct remotes *r, const struct prefix *p)
{
	size_t i = place_of(r, &p->addr);

	return r->lossy || (i < r->n && prefix_has(p, &r->v[i].addr));
}

void remotes_fini(struct remotes *r)
{
	free(r->v);
	*r = (struct remotes){0};
}

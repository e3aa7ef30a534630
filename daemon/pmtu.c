/*
 * Path MTU state per destination: RFC 1191 sections 3 and 6.3, RFC 8201 section 4. Rows are sorted
 * by address: there are as many as peers on narrow paths, looked up when packets were too large,
 * not for each packet.
 */
#include "daemon/pmtu.h"

#include <stdlib.h>
#include <string.h>

struct row {
	struct addr dst;
	uint32_t mtu;
	uint64_t expires_ms;
};

struct pmtu_table {
	size_t most, n;
	struct row rows[];
};

/* Where dst is, or would be. */
static size_t place_of(const struct pmtu_table *t, const struct addr *dst)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (addr_cmp(&t->rows[mid].dst, dst) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_at(const struct pmtu_table *t, size_t i, const struct addr *dst)
{
	return i < t->n && addr_equal(&t->rows[i].dst, dst);
}

/* The row that expires first; there is one. */
static size_t oldest(const struct pmtu_table *t)
{
	size_t first = 0;

	for (size_t i = 1; i < t->n; i++)
		if (t->rows[i].expires_ms < t->rows[first].expires_ms)
			first = i;
	return first;
}

static void take_out(struct pmtu_table *t, size_t i)
{
	t->n--;
	memmove(&t->rows[i], &t->rows[i + 1], (t->n - i) * sizeof t->rows[0]);
}

static void put_in(struct pmtu_table *t, const struct row *r)
{
	if (t->n == t->most)
		take_out(t, oldest(t));
	size_t i = place_of(t, &r->dst);
	memmove(&t->rows[i + 1], &t->rows[i], (t->n - i) * sizeof t->rows[0]);
	t->rows[i] = *r;
	t->n++;
}

/* The MTU that a report is taken for; 0: it is not believed. */
static uint32_t judge(const struct addr *dst, uint32_t mtu)
{
	if (mtu > PMTU_MOST)
		return 0;
	if (dst->family == ADDR_V4)
		return mtu < PMTU_LEAST_V4 ? PMTU_LEAST_V4 : mtu;
	return dst->family == ADDR_V6 && mtu >= PMTU_LEAST_V6 ? mtu : 0;
}

struct pmtu_table *pmtu_new(size_t most)
{
	if (most == 0 || most > (SIZE_MAX - sizeof(struct pmtu_table)) / sizeof(struct row))
		return NULL;
	struct pmtu_table *t = malloc(sizeof *t + most * sizeof t->rows[0]);
	if (t) {
		t->most = most;
		t->n = 0;
	}
	return t;
}

void pmtu_free(struct pmtu_table *t)
{
	free(t);
}

uint32_t pmtu_learn(struct pmtu_table *t, const struct addr *dst, uint32_t mtu, uint64_t now_ms)
{
	struct row r = {.dst = *dst, .mtu = judge(dst, mtu), .expires_ms = now_ms + PMTU_LIFE_MS};
	size_t i = place_of(t, dst);

	if (r.mtu == 0)
		return 0;
	if (!is_at(t, i, dst)) {
		put_in(t, &r);
		return r.mtu;
	}
	if (r.mtu > t->rows[i].mtu)
		return 0;
	bool less = r.mtu < t->rows[i].mtu;
	t->rows[i] = r;
	return less ? r.mtu : 0;
}

uint32_t pmtu_get(const struct pmtu_table *t, const struct addr *dst)
{
	size_t i = place_of(t, dst);

	return is_at(t, i, dst) ? t->rows[i].mtu : 0;
}

bool pmtu_next_expired(struct pmtu_table *t, uint64_t now_ms, struct addr *dst)
{
	if (t->n == 0)
		return false;
	size_t i = oldest(t);
	if (t->rows[i].expires_ms > now_ms)
		return false;
	*dst = t->rows[i].dst;
	take_out(t, i);
	return true;
}

uint64_t pmtu_deadline(const struct pmtu_table *t)
{
	return t->n ? t->rows[oldest(t)].expires_ms : UINT64_MAX;
}

void pmtu_forget(struct pmtu_table *t, const struct addr *dst)
{
	size_t i = place_of(t, dst);

	if (is_at(t, i, dst))
		take_out(t, i);
}

/*
 * What the suites of fragments share: see the header.
 */
#include "test/sim/pieces.h"

#include <stdio.h>
#include <string.h>

enum { SKF = 53 };

struct record records[RECORDED];
size_t records_n;
size_t mtu_left, mtu_right;
uint64_t lost_mask;
struct scenario duo;

static size_t packet(const struct sim_wire *w)
{
	size_t ip = w->to.addr.family == ADDR_V6 ? 40 : 20;

	return ip + 8 + (w->marker ? 4 : 0) + w->n;
}

bool from_left(const struct sim_wire *w)
{
	static const uint8_t one[] = {10, 0, 0, 1};

	return memcmp(w->from.addr.b, one, 4) == 0;
}

bool watch(struct sim *s, struct sim_wire *w)
{
	size_t mtu = from_left(w) ? mtu_left : mtu_right;

	if (records_n < RECORDED) {
		struct record *r = &records[records_n++];
		r->w = *w;
		r->at = s->now;
		memcpy(r->data, w->data, w->n);
		r->w.data = r->data;
	}
	if (w->number < 64 && (lost_mask >> w->number & 1))
		return false;
	return !mtu || packet(w) <= mtu;
}

bool is_skf(const struct record *r)
{
	return r->w.n > 36 && r->data[16] == SKF;
}

uint16_t number_of(const struct record *r)
{
	return be16_load(r->data + 32);
}

uint16_t total_of(const struct record *r)
{
	return be16_load(r->data + 34);
}

unsigned count_skf(size_t from, bool left)
{
	unsigned n = 0;

	for (size_t i = from; i < records_n; i++)
		n += is_skf(&records[i]) && from_left(&records[i].w) == left;
	return n;
}

size_t largest(size_t from, bool left)
{
	size_t n = 0;

	for (size_t i = from; i < records_n; i++)
		if (from_left(&records[i].w) == left && packet(&records[i].w) > n)
			n = packet(&records[i].w);
	return n;
}

/* ---- The pair: a child of so many selectors that IKE_AUTH has some 2700 bytes ---- */

const char *many(char *dst, size_t cap, bool left)
{
	size_t at = (size_t)snprintf(dst, cap, "lan = { rekey_time = \"0s\"; local_ts = [");

	for (int side = 0; side < 2; side++) {
		for (int i = 0; i < TS; i++)
			at += (size_t)snprintf(dst + at, cap - at, "%s\"fd00:%d:%x::/64\"",
			    i ? ", " : "", (side == 0) == left ? 1 : 2, 2 * i);
		at += (size_t)snprintf(dst + at, cap - at, side ? "]; };" : "]; remote_ts = [");
	}
	return dst;
}

void pair_of(uint64_t seed, const char *left_conn, const char *right_conn, const char *left_top,
    const char *right_top, const struct ike_limits *limits)
{
	static char left[4096], right[4096];
	struct scenario_side l = {
	    .children = many(left, sizeof left, true), .conn = left_conn, .top = left_top};
	struct scenario_side r = {
	    .children = many(right, sizeof right, false), .conn = right_conn, .top = right_top};

	records_n = 0;
	mtu_left = mtu_right = lost_mask = 0;
	scenario_init(&duo, seed, &l, &r, limits);
	duo.sim.tap = watch;
}

void plain_pair(uint64_t seed)
{
	pair_of(seed, NULL, NULL, NULL, NULL, NULL);
}

static void read_extensions(void *arg, const struct ike_sa_info *sa)
{
	*(ike_ext_set *)arg |= sa->extensions;
}

bool in_force(const struct sim_host *h)
{
	ike_ext_set set = 0;

	ike_engine_each(h->engine, read_extensions, &set);
	return ike_ext_has(set, IKE_EXT_FRAGMENTATION);
}

struct ike_stats stats_of(const struct sim_host *h)
{
	struct ike_stats st;

	ike_engine_stats(h->engine, &st);
	return st;
}

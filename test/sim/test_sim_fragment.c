/*
 * Fragments of messages (RFC 7383) between whole engines: when they are used, loss, reordering,
 * paths that carry small packets only, peers that misbehave with and without the keys, memory.
 */
#include "test/sim/evil.h"
#include "ike/crypto/crypto.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEN_MINUTES = 600 * 1000, TS = 30, RECORDED = 256, SKF = 53 };

/* ---- The wire ---- */

struct record {
	struct sim_wire w;
	ike_time at;
	uint8_t data[SIM_DATAGRAM];
};

static struct record records[RECORDED];
static size_t records_n;
static size_t mtu_left, mtu_right; /* of the paths from each; 0: any size passes */
static uint64_t lost;              /* bit i: the i-th datagram, recorded all the same */

static size_t packet(const struct sim_wire *w)
{
	size_t ip = w->to.addr.family == ADDR_V6 ? 40 : 20;

	return ip + 8 + (w->marker ? 4 : 0) + w->n;
}

static bool from_left(const struct sim_wire *w)
{
	static const uint8_t one[] = {10, 0, 0, 1};

	return memcmp(w->from.addr.b, one, 4) == 0;
}

static bool watch(struct sim *s, struct sim_wire *w)
{
	size_t mtu = from_left(w) ? mtu_left : mtu_right;

	if (records_n < RECORDED) {
		struct record *r = &records[records_n++];
		r->w = *w;
		r->at = s->now;
		memcpy(r->data, w->data, w->n);
		r->w.data = r->data;
	}
	if (w->number < 64 && (lost >> w->number & 1))
		return false;
	return !mtu || packet(w) <= mtu;
}

static bool is_skf(const struct record *r)
{
	return r->w.n > 36 && r->data[16] == SKF;
}

static uint16_t number_of(const struct record *r)
{
	return be16_load(r->data + 32);
}

static uint16_t total_of(const struct record *r)
{
	return be16_load(r->data + 34);
}

static unsigned count_skf(size_t from, bool left)
{
	unsigned n = 0;

	for (size_t i = from; i < records_n; i++)
		n += is_skf(&records[i]) && from_left(&records[i].w) == left;
	return n;
}

static size_t largest(size_t from, bool left)
{
	size_t n = 0;

	for (size_t i = from; i < records_n; i++)
		if (from_left(&records[i].w) == left && packet(&records[i].w) > n)
			n = packet(&records[i].w);
	return n;
}

/* ---- The pair: a child of so many selectors that IKE_AUTH has some 2700 bytes ---- */

static const char *many(char *dst, size_t cap, bool left)
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

static struct scenario s;

static void pair_of(uint64_t seed, const char *left_conn, const char *right_conn,
    const char *left_top, const char *right_top, const struct ike_limits *limits)
{
	static char left[4096], right[4096];
	struct scenario_side l = {
	    .children = many(left, sizeof left, true), .conn = left_conn, .top = left_top};
	struct scenario_side r = {
	    .children = many(right, sizeof right, false), .conn = right_conn, .top = right_top};

	records_n = 0;
	mtu_left = mtu_right = lost = 0;
	scenario_init(&s, seed, &l, &r, limits);
	s.sim.tap = watch;
}

static void plain_pair(uint64_t seed)
{
	pair_of(seed, NULL, NULL, NULL, NULL, NULL);
}

static void read_extensions(void *arg, const struct ike_sa_info *sa)
{
	*(ike_ext_set *)arg |= sa->extensions;
}

static bool in_force(const struct sim_host *h)
{
	ike_ext_set set = 0;

	ike_engine_each(h->engine, read_extensions, &set);
	return ike_ext_has(set, IKE_EXT_FRAGMENTATION);
}

static struct ike_stats stats(const struct sim_host *h)
{
	struct ike_stats st;

	ike_engine_stats(h->engine, &st);
	return st;
}

/* ---- Use ---- */

/* Section 2.3's notification, as it is drawn: no protocol, no SPI, type 16430, no data. */
static bool announces(const struct record *r)
{
	static const uint8_t n[] = {0, 0, 8, 0, 0, 0x40, 0x2e};

	return memmem(r->data, r->w.n, n, sizeof n) != NULL;
}

START_TEST(in_pieces)
{
	REQ("7383-2.3-1", "7383-2.3-2", "7383-2.3-3", "7383-2.4-2", "7383-2.5.1-1");
	plain_pair(1);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(sim_child_named(s.left, "lan")->sa.local_ts.n, TS);
	ck_assert(in_force(s.left) && in_force(s.right));
	ck_assert(announces(&records[0]) && announces(&records[1]));
	ck_assert(!is_skf(&records[0]) && !is_skf(&records[1]));
	ck_assert_uint_eq(records_n, 2 + 3 + 3);
	ck_assert_uint_eq(count_skf(0, true), 3);
	ck_assert_uint_eq(count_skf(0, false), 3);
	for (size_t i = 2; i < records_n; i++) {
		ck_assert_uint_eq(number_of(&records[i]), (i - 2) % 3 + 1);
		ck_assert_uint_eq(total_of(&records[i]), 3);
		ck_assert_uint_eq(records[i].data[28] == 0, number_of(&records[i]) > 1);
	}
	ck_assert_uint_le(largest(0, true), 1280);
	ck_assert_uint_gt(largest(0, true), 1264);
	ck_assert_uint_le(largest(0, false), 1280);
	ck_assert_uint_eq(stats(s.left).fragments_out, 3);
	ck_assert_uint_eq(stats(s.right).fragments_in, 3);
	ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
	scenario_fini(&s);
}
END_TEST

/* Small messages stay whole, and so does what comes after a rekey of the IKE SA but for large ones.
 */
START_TEST(small_ones_stay_whole)
{
	REQ("7383-2.4-3", "7383-2.4-4");
	size_t from;

	plain_pair(2);
	scenario_connect(&s);
	from = records_n;
	sim_run_for(&s.sim, 40000); /* liveness */
	ck_assert_uint_gt(records_n, from);
	ck_assert_uint_eq(count_skf(from, true) + count_skf(from, false), 0);
	ck_assert_int_eq(sim_rekey(s.left, "link", NULL, true), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	ck_assert_uint_eq(count_skf(from, true) + count_skf(from, false), 0);
	ck_assert(in_force(s.left) && in_force(s.right));
	from = records_n;
	ck_assert_int_eq(sim_rekey(s.right, "link", "lan", false), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(count_skf(from, true), 3);
	ck_assert_uint_eq(count_skf(from, false), 3);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* clang-format off */
static const struct {
	const char *left, *right;
	bool force, left_cuts, right_cuts;
} agreements[] = {
	{"yes",    "yes",    true,  true,  true},
	{"force",  "yes",    true,  true,  true},
	{"yes",    "accept", true,  true,  false},
	{"accept", "yes",    true,  false, true},
	{"accept", "accept", true,  false, false},
	{"no",     "yes",    false, false, false},
	{"yes",    "no",     false, false, false},
	{"no",     "no",     false, false, false},
};
/* clang-format on */

START_TEST(as_agreed)
{
	REQ("7383-2.4-1");
	char left[64], right[64];

	snprintf(left, sizeof left, "fragmentation = \"%s\";", agreements[_i].left);
	snprintf(right, sizeof right, "fragmentation = \"%s\";", agreements[_i].right);
	pair_of(3, left, right, NULL, NULL, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert(in_force(s.left) == agreements[_i].force);
	ck_assert(in_force(s.right) == agreements[_i].force);
	ck_assert((count_skf(0, true) > 0) == agreements[_i].left_cuts);
	ck_assert((count_skf(0, false) > 0) == agreements[_i].right_cuts);
	ck_assert(announces(&records[0]) == (strcmp(agreements[_i].left, "no") != 0));
	scenario_fini(&s);
}
END_TEST

/* Not agreed: genuine fragments mean nothing. */
START_TEST(not_agreed)
{
	REQ("7383-2.4-1");
	struct evil_piece p = {.number = 1, .total = 1};
	struct ike_stats before;

	pair_of(4, "fragmentation = \"no\";", NULL, NULL, NULL, NULL);
	scenario_connect(&s);
	p.from = records[2].w.from;
	p.to = records[2].w.to;
	p.marker = true;
	p.hdr = (struct ike_hdr){.spi_i = be64_load(records[2].data),
	    .spi_r = be64_load(records[2].data + 8),
	    .exchange = IKE_EXCHANGE_INFORMATIONAL,
	    .flags = IKE_FLAG_INITIATOR,
	    .msg_id = 2};
	before = stats(s.right);
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_ESTATE);
	ck_assert_uint_eq(stats(s.right).datagrams_out, before.datagrams_out);
	ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(fragment_sizes)
{
	static const unsigned sizes[] = {256, 300, 576, 600, 1000, 1400, 65535, 0};
	char top[64];
	unsigned size = sizes[_i] ? sizes[_i] : 576;

	snprintf(top, sizeof top, "fragment_size = %u;", sizes[_i]);
	pair_of(5, NULL, NULL, top, NULL, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_le(largest(2, true), size);
	if (size < 2700)
		ck_assert_uint_gt(largest(2, true), size - 16);
	else
		ck_assert_uint_eq(count_skf(0, true), 0);
	/* Who answers follows the fragments of the request. */
	ck_assert_uint_le(largest(2, false), size < 1280 ? size : 1280);
	scenario_fini(&s);
}
END_TEST

START_TEST(over_ipv6)
{
	REQ("7383-2.5.1-3");
	static char left[4096], right[4096];
	struct scenario_side l = {
	    .children = many(left, sizeof left, true), .top = _i ? "fragment_size = 0;" : NULL};
	struct scenario_side r = {.children = many(right, sizeof right, false)};
	struct sim_host *a, *b;

	records_n = 0;
	mtu_left = mtu_right = lost = 0;
	sim_init(&s.sim, 6);
	s.sim.tap = watch;
	a = sim_host_add(&s.sim, "left", "2001:db8::1", scenario_text(&l, true), NULL);
	b = sim_host_add(&s.sim, "right", "2001:db8::2", scenario_text(&r, false), NULL);
	ck_assert_int_eq(sim_up(a, "link", NULL, b), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert(sim_mirrored(a, b) && sim_children_up(b) == 1);
	ck_assert_uint_eq(count_skf(0, false), 6);
	ck_assert_uint_le(largest(0, false), 1280);
	ck_assert_uint_gt(largest(0, false), 1264);
	sim_fini(&s.sim);
}
END_TEST

/* ---- Loss ---- */

/* Of the first ten datagrams (two whole, three fragments, four of the answer and its repeat) those
 * are lost that the mask says. */
START_TEST(all_masks)
{
	for (uint32_t mask = (uint32_t)_i * 64; mask < (uint32_t)(_i + 1) * 64; mask++) {
		plain_pair(mask);
		lost = mask;
		scenario_connect(&s);
		sim_run_for(&s.sim, TEN_MINUTES);
		if (sim_ike_sas(s.left) || __builtin_popcount(mask) <= 3)
			scenario_expect_up(&s, 1);
		else
			scenario_expect_gone(&s);
		ck_assert_uint_eq(stats(s.left).fragment_bytes, 0);
		ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
		scenario_fini(&s);
	}
}
END_TEST

/* One fragment is lost: all are sent again, the same ones. */
START_TEST(one_lost)
{
	size_t same = 0;

	plain_pair(7);
	lost = UINT64_C(1) << (2 + _i); /* 2, 3, 4: the request's; 5, 6, 7: the answer's */
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(count_skf(0, true), 6);
	for (size_t i = 5; i < records_n; i++)
		for (size_t k = 2; k < 5; k++)
			same += from_left(&records[i].w) && records[i].w.n == records[k].w.n &&
				memcmp(records[i].data, records[k].data, records[k].w.n) == 0;
	ck_assert_uint_eq(same, 3);
	/* The answer comes once for each time that the whole request came. */
	ck_assert_uint_eq(count_skf(0, false), _i < 3 ? 3 : 6);
	scenario_fini(&s);
}
END_TEST

START_TEST(wild_network)
{
	plain_pair((uint64_t)_i + 100);
	s.sim.jitter_ms = 200;
	s.sim.dup_permille = 300;
	s.sim.loss_permille = 100;
	scenario_connect(&s);
	sim_run_for(&s.sim, 60000);
	s.sim.loss_permille = 0;
	sim_run_for(&s.sim, TEN_MINUTES);
	if (!sim_ike_sas(s.left) && !sim_ike_sas(s.right)) {
		scenario_fini(&s);
		return; /* it gave up: with one fragment in ten lost that may be */
	}
	scenario_expect_up(&s, 1);
	ck_assert_int_eq(sim_rekey(s.left, "link", "lan", false), IKE_OK);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ge(s.left->rekeyed, 1);
	ck_assert_uint_eq(stats(s.left).fragment_bytes, 0);
	ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
	scenario_fini(&s);
}
END_TEST

/* ---- Small paths: section 2.5.2 ---- */

/* Both ways, from left only, from right only. */
START_TEST(small_path)
{
	REQ("7383-2.5.2-1", "7383-2.5.2-2", "7383-2.5.2-7", "7383-2.4-3");
	size_t from;
	uint16_t total = 0;

	plain_pair(8);
	mtu_left = _i == 2 ? 0 : 600;
	mtu_right = _i == 1 ? 0 : 600;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 30000);
	scenario_expect_up(&s, 1);
	for (size_t i = 0; i < records_n; i++)
		if (is_skf(&records[i]) && from_left(&records[i].w)) {
			ck_assert_uint_ge(total_of(&records[i]), total);
			total = total_of(&records[i]);
		}
	ck_assert_uint_gt(total, 3);
	/* What is known now holds for the exchanges to come, and every one may look further. */
	from = records_n;
	ck_assert_int_eq(sim_rekey(s.left, "link", "lan", false), IKE_OK);
	sim_run_for(&s.sim, 3000);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	ck_assert_uint_gt(count_skf(from, true), 3);
	ck_assert_uint_le(largest(from, true), 576);
	ck_assert_uint_le(largest(from, false), 600);
	scenario_fini(&s);
}
END_TEST

/* A path that becomes small later. */
START_TEST(smaller_later)
{
	REQ("7383-2.5.2-1");
	plain_pair(9);
	scenario_connect(&s);
	mtu_left = mtu_right = 600;
	ck_assert_int_eq(sim_rekey(_i ? s.left : s.right, "link", "lan", false), IKE_OK);
	sim_run_for(&s.sim, 30000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq((_i ? s.left : s.right)->rekeyed, 1);
	scenario_fini(&s);
}
END_TEST

/* A request that fits one packet of fragment_size, but not one of 576 bytes: first it went whole.
 */
START_TEST(from_whole_to_pieces)
{
	struct scenario_side l = {
	    .local_id = "a.name.that.is.so.long.that.the.request.of.IKE_AUTH.does.not.fit.into."
			"a.packet.of.five.hundred.and.seventy.six.bytes.because.it.has.about.two."
			"hundred.and.forty.characters.of.its.own.and.an.other.side.whose.name."
			"stands.in.it.too.example.org"};
	struct scenario_side r = {.remote_id = l.local_id};

	records_n = 0;
	lost = 0;
	scenario_init(&s, 10, &l, &r, NULL);
	s.sim.tap = watch;
	mtu_left = 580;
	mtu_right = _i ? 580 : 0;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_gt(largest(2, true), 580);
	ck_assert_uint_eq(count_skf(0, true), 0);
	sim_run_for(&s.sim, 25000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(count_skf(0, true), 2);
	scenario_fini(&s);
}
END_TEST

/* The schedule begins anew with the smaller size, and is kept to its end. */
START_TEST(probe_schedule)
{
	REQ("7383-2.5.2-2", "7383-2.5.2-3", "7383-2.5.2-4");
	/* Two sizes: first sending, 4 s, 7.2 s; then 4 s, 7.2 s, 12.96 s, 23.328 s, 41.99 s. */
	static const uint64_t want[] = {0, 4000, 11200, 15200, 22400, 35360, 58688, 100678};
	ike_time first = 0;
	size_t n = 0;

	plain_pair(11);
	lost = ~UINT64_C(3);
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, TEN_MINUTES);
	for (size_t i = 2; i < records_n; i++) {
		if (!is_skf(&records[i]) || number_of(&records[i]) != 1)
			continue;
		if (!first)
			first = records[i].at;
		ck_assert_uint_lt(n, sizeof want / sizeof want[0]);
		ck_assert_uint_eq(records[i].at - first, want[n]);
		ck_assert_uint_eq(total_of(&records[i]), n < 2 ? 3 : 6);
		n++;
	}
	ck_assert_uint_eq(n, sizeof want / sizeof want[0]);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ETIMEOUT);
	scenario_expect_words(s.left->down_reason.text, "8 attempts");
	scenario_fini(&s);
}
END_TEST

/* ---- Repeats and forgeries ---- */

/* Section 2.6.1: of a finished request, fragment 1 alone has the answer sent again. */
START_TEST(late_repeats)
{
	REQ("7383-2.6.1-1", "7383-2.6.1-2", "7383-2.6.1-3");
	plain_pair(12);
	scenario_connect(&s);
	for (size_t i = 2; i < 5; i++) {
		struct ike_stats before = stats(s.right), after;

		sim_inject(s.right, &records[i].w);
		after = stats(s.right);
		ck_assert_uint_eq(after.datagrams_out - before.datagrams_out,
		    number_of(&records[i]) == 1 ? 3 : 0);
		ck_assert_uint_eq(after.replayed_requests - before.replayed_requests,
		    number_of(&records[i]) == 1);
		ck_assert_uint_eq(after.fragment_bytes, 0);
	}
	/* Fragments of an answer that was taken are nothing any more. */
	for (size_t i = 5; i < 8; i++)
		ck_assert_int_eq(sim_inject(s.left, &records[i].w), IKE_EMSGID);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->ike_ups + s.right->ike_ups, 2);
	scenario_fini(&s);
}
END_TEST

/* Each bit of each fragment, before the message is whole and after it: never kept, never answered.
 */
START_TEST(forged)
{
	REQ("7383-2.6-3");
	static struct record again[3];
	uint8_t bytes[SIM_DATAGRAM];

	plain_pair(13);
	lost = ~UINT64_C(3);
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 2000);
	for (size_t i = 0; i < 3; i++) {
		again[i] = records[2 + i];
		ck_assert(is_skf(&records[2 + i]));
	}
	for (size_t i = 0; i < 3; i++)
		for (size_t bit = (size_t)_i; bit < 8 * again[i].w.n; bit += 16) {
			struct sim_wire w = again[i].w;

			memcpy(bytes, again[i].data, w.n);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			w.data = bytes;
			/* The flags and versions of the header may be changed to what means the
			 * same; all of them are authenticated. */
			ck_assert_int_ne(sim_inject(s.right, &w), IKE_OK);
			ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
		}
	lost = 0;
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* ---- A peer with the keys ---- */

/* The IKE_AUTH request as left would send it, for one to be sent by hand: what left sends is lost.
 */
static struct evil_piece half_open(const struct ike_limits *limits)
{
	pair_of(14, NULL, NULL, NULL, NULL, limits);
	lost = ~UINT64_C(3);
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 2000);
	s.left->gone = true;
	ck_assert(is_skf(&records[2]));
	return (struct evil_piece){.hdr = {.spi_i = be64_load(records[2].data),
				       .spi_r = be64_load(records[2].data + 8),
				       .exchange = IKE_EXCHANGE_AUTH,
				       .flags = IKE_FLAG_INITIATOR,
				       .msg_id = 1},
	    .number = 1,
	    .total = 2,
	    .from = records[2].w.from,
	    .to = records[2].w.to,
	    .marker = records[2].w.marker};
}

/* clang-format off */
static const struct {
	uint16_t number, total;
	uint32_t msg_id;
	enum ike_err want;
} fields[] = {
	{0, 0, 1, IKE_ESYNTAX},
	{0, 3, 1, IKE_ESYNTAX},
	{1, 0, 1, IKE_ESYNTAX},
	{4, 3, 1, IKE_ESYNTAX},
	{2, 3, 1, IKE_ESTATE}, /* what is stored has a total of four */
	{1, 4, 1, IKE_ESTATE}, /* and this is stored */
	{2, 4, 0, IKE_EMSGID},
	{2, 4, 2, IKE_EMSGID},
	{1, 257, 1, IKE_ELIMIT},
	{65535, 65535, 1, IKE_ELIMIT},
};
/* clang-format on */

START_TEST(false_fields)
{
	REQ("7383-2.6-1", "7383-2.6-2");
	struct evil_piece p = half_open(NULL);
	struct ike_stats before, after;

	p.content = bytes_of("abcd", 4);
	p.total = 4;
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_OK);
	before = stats(s.right);
	p.number = fields[_i].number;
	p.total = fields[_i].total;
	p.hdr.msg_id = fields[_i].msg_id;
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), fields[_i].want);
	after = stats(s.right);
	ck_assert_uint_eq(after.datagrams_out, before.datagrams_out); /* silently */
	if (fields[_i].total <= 256)
		ck_assert_uint_eq(after.fragment_bytes, before.fragment_bytes);
	ck_assert_uint_eq(sim_ike_sas(s.right), 1);
	scenario_fini(&s);
}
END_TEST

/* The whole of what left meant to say, by hand: in other sizes, with SK between, next payload
 * fields that mean nothing, an empty fragment. */
START_TEST(by_hand)
{
	REQ("7383-2.6-4");
	static struct ike_msg m;
	struct evil_piece p = half_open(NULL);
	uint8_t body[4000];
	struct bytes plain;
	struct ike_sk sk;
	const struct ike_keys *k = &s.right->keys[0];
	size_t n = 0;

	ck_assert_int_eq(ike_sk_init(&sk, s.sim.rand.libctx, IKE_SK_OPEN, &k->suite,
			     secret_bytes(&k->sk_ei), secret_bytes(&k->sk_ai)),
	    IKE_OK);
	for (size_t i = 2; i < 5; i++) {
		ck_assert_int_eq(
		    ike_msg_parse(&m, bytes_of(records[i].data, records[i].w.n)), IKE_OK);
		ck_assert_int_eq(ike_sk_open(&sk, &m, body + n, sizeof body - n, &plain), IKE_OK);
		n += plain.n;
	}
	ike_sk_fini(&sk);
	/* Two of a larger set, which is given up. */
	p.total = 3;
	p.next = IKE_PLD_IDI;
	p.content = bytes_of(body + 5, 100);
	evil_inject(&s.sim, s.right, &p);
	p.number = 3;
	evil_inject(&s.sim, s.right, &p);
	/* Seven, from the last; the fourth is empty. */
	p.total = 7;
	for (uint16_t i = 7; i >= 1; i--) {
		size_t cut[8] = {0, 1, 300, 700, 700, 1500, 2600, n};

		p.number = i;
		p.next = i == 1 ? IKE_PLD_IDI : IKE_PLD_SA;
		p.content = bytes_of(body + cut[i - 1], cut[i] - cut[i - 1]);
		ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_OK);
	}
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(sim_ike_established(s.right), 1);
	ck_assert_uint_eq(sim_children_up(s.right), 1);
	ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
	scenario_fini(&s);
}
END_TEST

/* Put together it is nonsense: refused as a whole message would be. */
START_TEST(nonsense)
{
	struct evil_piece p = half_open(NULL);

	p.next = IKE_PLD_IDI;
	p.content = bytes_of("\0\0\0\1", 4);
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_OK);
	p.number = 2;
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_ESYNTAX);
	ck_assert_uint_eq(s.right->ike_downs, 1);
	scenario_expect_words(s.right->down_reason.text, "IKE_AUTH request, payload IDi");
	sim_run_for(&s.sim, TEN_MINUTES);
	ck_assert_uint_eq(sim_ike_sas(s.right), 0);
	scenario_fini(&s);
}
END_TEST

/* A whole SK message while fragments of the same number wait: it counts, they are forgotten. */
START_TEST(whole_between)
{
	struct evil_piece p;
	size_t sent;

	plain_pair(15);
	scenario_connect(&s);
	p = (struct evil_piece){.hdr = {.spi_i = be64_load(records[2].data),
				    .spi_r = be64_load(records[2].data + 8),
				    .exchange = IKE_EXCHANGE_INFORMATIONAL,
				    .msg_id = 0},
	    .number = 1,
	    .total = 2,
	    .from = records[2].w.to,
	    .to = records[2].w.from,
	    .marker = true};
	ck_assert_int_eq(evil_inject(&s.sim, s.left, &p), IKE_OK);
	ck_assert_uint_gt(stats(s.left).fragment_bytes, 0);
	sent = records_n;
	ck_assert_int_eq(sim_rekey(s.right, "link", NULL, true), IKE_OK);
	sim_run_for(&s.sim, 2000);
	ck_assert_uint_gt(records_n, sent);
	ck_assert_uint_eq(s.right->rekeyed, 1);
	ck_assert_uint_eq(stats(s.left).fragment_bytes, 0);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* ---- Memory ---- */

/* First fragments without end, from an initiator that has shown nothing yet. */
START_TEST(flood)
{
	REQ("7383-5-1", "7383-5-3");
	static const uint8_t filler[1000];
	struct ike_limits limits = ike_limits_default;
	struct evil_piece p;

	ck_assert_uint_le(limits.fragment_bytes, 65535);
	limits.fragment_bytes_all = 40000;
	p = half_open(&limits);
	p.content = bytes_of(filler, sizeof filler);
	for (uint16_t total = 2; total < 300; total++)
		for (uint16_t number = 1; number < total && number < 40; number++) {
			p.number = number;
			p.total = total;
			evil_inject(&s.sim, s.right, &p);
			ck_assert_uint_le(stats(s.right).fragment_bytes, 20000);
		}
	ck_assert_uint_gt(stats(s.right).dropped_limit, 0);
	ck_assert_uint_eq(sim_ike_sas(s.right), 1);
	sim_run_for(&s.sim, 200000);
	ck_assert_uint_eq(sim_ike_sas(s.right), 0);
	ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
	scenario_fini(&s);
}
END_TEST

/* More than a message can have ends the SA: half open, and up. */
START_TEST(too_long)
{
	REQ("7383-5-2");
	static const uint8_t filler[3000];
	struct evil_piece p;
	uint16_t n = 0;

	if (_i) {
		plain_pair(16);
		scenario_connect(&s);
		p = (struct evil_piece){.hdr = {.spi_i = be64_load(records[2].data),
					    .spi_r = be64_load(records[2].data + 8),
					    .exchange = IKE_EXCHANGE_INFORMATIONAL,
					    .flags = IKE_FLAG_INITIATOR,
					    .msg_id = 2},
		    .from = records[2].w.from,
		    .to = records[2].w.to,
		    .marker = true};
	} else {
		p = half_open(NULL);
	}
	p.total = 200;
	p.content = bytes_of(filler, sizeof filler);
	while (s.right->ike_downs == 0) {
		p.number = ++n;
		ck_assert_uint_le(n, 65535 / sizeof filler + 1);
		evil_inject(&s.sim, s.right, &p);
		ck_assert_uint_le(stats(s.right).fragment_bytes, 80000);
	}
	ck_assert_uint_eq(n, 65535 / sizeof filler + 1);
	ck_assert_int_eq(s.right->down_reason.err, IKE_ELIMIT);
	scenario_expect_words(s.right->down_reason.text, "65535 bytes");
	ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

/* What is not whole when an initiator would have given up is discarded, and the SA lives on. */
START_TEST(incomplete)
{
	REQ("7383-2.6-5", "7383-2.6-6");
	struct evil_piece p;
	uint64_t asked;

	pair_of(17, "dpd_delay = \"0s\";", "dpd_delay = \"0s\";", NULL, NULL, NULL);
	scenario_connect(&s);
	p = (struct evil_piece){.hdr = {.spi_i = be64_load(records[2].data),
				    .spi_r = be64_load(records[2].data + 8),
				    .exchange = IKE_EXCHANGE_INFORMATIONAL,
				    .flags = IKE_FLAG_INITIATOR,
				    .msg_id = 2},
	    .number = 2,
	    .total = 2,
	    .from = records[2].w.from,
	    .to = records[2].w.to,
	    .marker = true};
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_OK);
	sim_run_for(&s.sim, 165000);
	ck_assert_uint_gt(stats(s.right).fragment_bytes, 0);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(stats(s.right).fragment_bytes, 0);
	scenario_expect_up(&s, 1);
	/* Fragment 1 alone is the first of a new set then. */
	asked = stats(s.right).datagrams_out;
	p.number = 1;
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_OK);
	ck_assert_uint_eq(stats(s.right).datagrams_out, asked);
	p.number = 2;
	ck_assert_int_eq(evil_inject(&s.sim, s.right, &p), IKE_OK);
	ck_assert_uint_eq(stats(s.right).datagrams_out, asked + 1);
	scenario_fini(&s);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *fn, int n)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, fn, 0, n);
	suite_add_tcase(suite, t);
}

int main(void)
{
	Suite *suite = suite_create("sim_fragment");
	SRunner *r;
	int failed;

	add(suite, "in pieces", in_pieces, 1);
	add(suite, "small ones stay whole", small_ones_stay_whole, 1);
	add(suite, "as agreed", as_agreed, sizeof agreements / sizeof agreements[0]);
	add(suite, "not agreed", not_agreed, 1);
	add(suite, "sizes", fragment_sizes, 8);
	add(suite, "over IPv6", over_ipv6, 2);
	add(suite, "all masks", all_masks, 16);
	add(suite, "one lost", one_lost, 6);
	add(suite, "wild network", wild_network, 60);
	add(suite, "small path", small_path, 3);
	add(suite, "smaller later", smaller_later, 2);
	add(suite, "from whole to pieces", from_whole_to_pieces, 2);
	add(suite, "probe schedule", probe_schedule, 1);
	add(suite, "late repeats", late_repeats, 1);
	add(suite, "forged", forged, 16);
	add(suite, "false fields", false_fields, sizeof fields / sizeof fields[0]);
	add(suite, "by hand", by_hand, 1);
	add(suite, "nonsense", nonsense, 1);
	add(suite, "whole between", whole_between, 1);
	add(suite, "flood", flood, 1);
	add(suite, "too long", too_long, 2);
	add(suite, "incomplete", incomplete, 1);
	r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

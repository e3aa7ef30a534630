/*
 * What someone without the keys can do: garble, forge, replay, flood. An SA never changes for it.
 */
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { A_MINUTE = 60 * 1000, TEN_MINUTES = 600 * 1000, RECORDED = 64 };

/* ---- A recorder of all that was sent ---- */

struct record {
	struct sim_wire w;
	uint8_t data[SIM_DATAGRAM];
};

static struct record records[RECORDED];
static size_t records_n;

static bool record(struct sim *s, struct sim_wire *w)
{
	(void)s;
	if (records_n < RECORDED) {
		struct record *r = &records[records_n++];
		r->w = *w;
		memcpy(r->data, w->data, w->n);
		r->w.data = r->data;
	}
	return true;
}

static void recorded_pair(struct scenario *s, uint64_t seed)
{
	records_n = 0;
	scenario_init(s, seed, NULL, NULL, NULL);
	s->sim.tap = record;
	scenario_connect(s);
	scenario_expect_up(s, 1);
}

static struct sim_host *receiver(struct scenario *s, const struct sim_wire *w)
{
	return addr_equal(&w->to.addr, &s->left->addr) ? s->left : s->right;
}

/* ---- What must stay as it was ---- */

struct snapshot {
	uint32_t left_children, right_children, left_events, right_events;
};

static struct snapshot snapshot_of(const struct scenario *s)
{
	const struct sim_host *l = s->left, *r = s->right;

	return (struct snapshot){
	    .left_children = sim_children_up(l),
	    .right_children = sim_children_up(r),
	    .left_events = l->ike_ups + l->ike_downs + l->child_ups + l->child_downs + l->paths,
	    .right_events = r->ike_ups + r->ike_downs + r->child_ups + r->child_downs + r->paths,
	};
}

static void expect_unchanged(struct scenario *s, const struct snapshot *was)
{
	struct snapshot is = snapshot_of(s);

	ck_assert_uint_eq(was->left_children, is.left_children);
	ck_assert_uint_eq(was->right_children, is.right_children);
	ck_assert_uint_eq(was->left_events, is.left_events);
	ck_assert_uint_eq(was->right_events, is.right_events);
	ck_assert_uint_eq(sim_ike_established(s->left), 1);
	ck_assert_uint_eq(sim_ike_established(s->right), 1);
	ck_assert(sim_mirrored(s->left, s->right));
}

/* Each bit of each recorded datagram flipped, thrown at a pair that is up. */
START_TEST(every_bit_flipped)
{
	struct scenario s;

	recorded_pair(&s, 1);
	s.sim.tap = NULL;
	for (size_t i = 0; i < records_n; i++)
		for (size_t bit = 0; bit < records[i].w.n * 8; bit++) {
			struct record r = records[i];
			r.w.data = r.data;
			r.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			sim_inject(receiver(&s, &r.w), &r.w);
			if (bit % 64 == 0)
				sim_run_for(&s.sim, 1); /* lets answers leave */
		}
	sim_run_for(&s.sim, A_MINUTE);
	struct snapshot is = snapshot_of(&s);
	/* Changed IKE_SA_INIT requests make half-open SAs; those end, the pair stays. */
	ck_assert_uint_eq(is.left_children, 1);
	ck_assert_uint_eq(is.right_children, 1);
	ck_assert(sim_mirrored(s.left, s.right));
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(every_truncation)
{
	struct scenario s;

	recorded_pair(&s, 2);
	struct snapshot was = snapshot_of(&s);
	for (size_t i = 0; i < records_n; i++)
		for (size_t n = 0; n < records[i].w.n; n++) {
			struct sim_wire w = records[i].w;
			w.n = n;
			sim_inject(receiver(&s, &w), &w);
		}
	expect_unchanged(&s, &was);
	scenario_fini(&s);
}
END_TEST

/* A garbled copy of each protected message arrives first; the handshake goes on. */
static unsigned garble_byte;

static bool garble_first(struct sim *s, struct sim_wire *w)
{
	struct scenario *sc = s->tap_arg;

	if (w->number < 2 || w->number > 3)
		return true;
	size_t at = garble_byte % w->n;
	struct record r = {.w = *w};
	memcpy(r.data, w->data, w->n);
	r.w.data = r.data;
	r.data[at] ^= 0x40;
	/* Delivered by the network a little earlier than the true one. */
	struct sim_host *h = receiver(sc, w);
	struct ike_datagram d = {.local = w->to,
	    .remote = w->from,
	    .marker = w->marker,
	    .data = bytes_of(r.data, r.w.n)};
	ike_engine_input(h->engine, s->now, &d);
	return true;
}

START_TEST(garbled_copy_first)
{
	for (garble_byte = (unsigned)_i; garble_byte < 400; garble_byte += 8) {
		struct scenario s;
		scenario_init(&s, 3, NULL, NULL, NULL);
		s.sim.tap = garble_first;
		s.sim.tap_arg = &s;
		scenario_connect(&s);
		sim_run_for(&s.sim, TEN_MINUTES);
		scenario_expect_up(&s, 1);
		scenario_fini(&s);
	}
}
END_TEST

/* Everything that was ever sent, sent again, to both ends, from elsewhere too. */
START_TEST(replays)
{
	REQ("7296-2.1-2");
	struct scenario s;

	recorded_pair(&s, 4);
	struct snapshot was = snapshot_of(&s);
	for (unsigned round = 0; round < 3; round++)
		for (size_t i = 0; i < records_n; i++) {
			struct sim_wire w = records[i].w;
			if (round == 2)
				w.from.port = 7777;
			if (w.data[18] != 34) /* IKE_SA_INIT again is a new attempt */
				sim_inject(receiver(&s, &w), &w);
		}
	sim_run_for(&s.sim, A_MINUTE);
	expect_unchanged(&s, &was);
	scenario_fini(&s);
}
END_TEST

/* Headers with the SA's SPIs and every exchange, version, flags and payload number; no valid keys.
 */
START_TEST(forged_headers)
{
	REQ("7296-2.4-3", "7296-2.4-4");
	struct scenario s;
	uint64_t dice = 5;

	recorded_pair(&s, 5);
	struct snapshot was = snapshot_of(&s);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t m[96];
		size_t n = 28 + sim_rand_next(&dice) % (sizeof m - 28);
		for (size_t k = 0; k < sizeof m; k++)
			m[k] = (uint8_t)(sim_rand_next(&dice) >> 32);
		const struct record *r = &records[2 + (i & 1)];
		memcpy(m, r->data, 16); /* both SPIs */
		if (i % 3) {
			m[17] = 0x20;
			be32_store(m + 24, (uint32_t)n);
			be32_store(m + 20, i % 5);
			m[18] = (uint8_t)(34 + i % 12);
		}
		if (i % 7 == 0)
			m[16] = 46; /* SK */
		struct sim_wire w = r->w;
		w.data = m;
		w.n = n;
		sim_inject(receiver(&s, &w), &w);
	}
	expect_unchanged(&s, &was);
	sim_run_for(&s.sim, A_MINUTE);
	expect_unchanged(&s, &was);
	scenario_fini(&s);
}
END_TEST

START_TEST(noise)
{
	struct scenario s;
	uint64_t dice = 6;

	recorded_pair(&s, 6);
	struct snapshot was = snapshot_of(&s);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t m[256];
		for (size_t k = 0; k < sizeof m; k++)
			m[k] = (uint8_t)(sim_rand_next(&dice) >> 32);
		struct sim_wire w = records[i & 1].w;
		w.data = m;
		w.n = 1 + i % sizeof m;
		sim_inject(receiver(&s, &w), &w);
	}
	expect_unchanged(&s, &was);
	scenario_fini(&s);
}
END_TEST

/* ---- A flood of first messages ---- */

static bool swallow(struct sim *s, struct sim_wire *w)
{
	(void)w;
	++*(uint64_t *)s->tap_arg;
	return false;
}

START_TEST(half_open_flood)
{
	REQ("7296-2.6-2");
	struct scenario s;
	struct ike_stats stats;
	uint64_t answers = 0;

	recorded_pair(&s, 7);
	struct record first = records[0];
	first.w.data = first.data;
	s.sim.tap = swallow;
	s.sim.tap_arg = &answers;
	for (uint32_t i = 0; i < 20000; i++) {
		be32_store(first.data, i + 1); /* another SPI, another source */
		struct addr from = addr_v4(0x0b000000 + i);
		first.w.from.addr = from;
		sim_inject(s.right, &first.w);
		ike_engine_stats(s.right->engine, &stats);
		ck_assert_uint_le(stats.half_open, ike_limits_default.half_open);
	}
	ck_assert_uint_gt(stats.cookies_sent, 10000);
	ck_assert_uint_le(sim_ike_sas(s.right), ike_limits_default.half_open + 1);
	s.sim.tap = NULL;
	/* In the middle of it the old pair lives, and a cookie lets a new one in. */
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, 5000);
	scenario_connect(&s);
	ck_assert_uint_eq(sim_children_up(s.left), 1);
	ck_assert(sim_mirrored(s.left, s.right));
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(half_open_flood_from_one)
{
	struct ike_limits limits = ike_limits_default;
	struct scenario s;
	struct ike_stats stats;
	uint64_t answers = 0;

	recorded_pair(&s, 8);
	struct record first = records[0];
	scenario_fini(&s);
	limits.cookie_threshold = limits.cookie_threshold_ip = 1000000;
	limits.puzzle_threshold = limits.puzzle_threshold_ip = 1000000;
	scenario_init(&s, 8, NULL, NULL, &limits);
	first.w.data = first.data;
	s.sim.tap = swallow;
	s.sim.tap_arg = &answers;
	for (uint32_t i = 0; i < 2000; i++) {
		be32_store(first.data, i + 1);
		sim_inject(s.right, &first.w);
	}
	ike_engine_stats(s.right->engine, &stats);
	ck_assert_uint_eq(stats.half_open, limits.half_open_per_ip);
	ck_assert_uint_eq(stats.dropped_limit, 2000 - limits.half_open_per_ip);
	scenario_fini(&s);
}
END_TEST

static struct record last;

static bool keep_last(struct sim *s, struct sim_wire *w)
{
	(void)s;
	last.w = *w;
	memcpy(last.data, w->data, w->n);
	return true;
}

/* The last datagram answers that request with INVALID_MAJOR_VERSION, in version 2.0. */
static void expect_version_refused(const struct record *asked)
{
	const uint8_t *a = last.data;

	ck_assert(addr_equal(&last.w.to.addr, &asked->w.from.addr));
	ck_assert_uint_eq(last.w.to.port, asked->w.from.port);
	ck_assert_uint_eq(last.w.n, 28 + 8);
	ck_assert_mem_eq(a, asked->data, 8);
	ck_assert_uint_eq(a[16], 41);   /* N */
	ck_assert_uint_eq(a[17], 0x20); /* 2.0, the highest that we speak */
	ck_assert_uint_eq(a[18], asked->data[18]);
	ck_assert_uint_eq(a[19], 0x20); /* a response of the responder */
	ck_assert_mem_eq(a + 20, asked->data + 20, 4);
	ck_assert_uint_eq(be32_load(a + 24), 36);
	ck_assert_uint_eq(be16_load(a + 34), 5); /* INVALID_MAJOR_VERSION */
}

/* An old major version is answered once each, without state: RFC 7296 section 2.5. */
START_TEST(other_version)
{
	REQ("7296-2.5-2", "7296-2.5-3", "7296-2.5-1", "7296-3.1-6");
	struct scenario s;

	recorded_pair(&s, 9);
	struct snapshot was = snapshot_of(&s);
	uint64_t before = s.sim.sent;
	struct record r = records[0];
	s.sim.tap = keep_last;
	r.w.data = r.data;
	be32_store(r.data, 0xdddddddd);
	r.data[17] = 0x30; /* 3.0 */
	sim_inject(s.right, &r.w);
	ck_assert_uint_eq(s.sim.sent, before + 1);
	expect_version_refused(&r);
	r.data[17] = 0x2f; /* a higher minor version is no matter */
	sim_inject(s.right, &r.w);
	ck_assert_uint_eq(s.sim.sent, before + 2);
	ck_assert_uint_eq(last.data[16], 33); /* SA: taken */
	r.data[17] = 0x10;                    /* IKEv1 */
	sim_inject(s.right, &r.w);
	ck_assert_uint_eq(s.sim.sent, before + 2);
	expect_unchanged(&s, &was);
	ck_assert_uint_eq(sim_ike_sas(s.right), 2);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_attack");
	TCase *t = tcase_create("attack");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, every_bit_flipped);
	tcase_add_test(t, every_truncation);
	tcase_add_loop_test(t, garbled_copy_first, 0, 8);
	tcase_add_test(t, replays);
	tcase_add_test(t, forged_headers);
	tcase_add_test(t, noise);
	tcase_add_test(t, half_open_flood);
	tcase_add_test(t, half_open_flood_from_one);
	tcase_add_test(t, other_version);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());

	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

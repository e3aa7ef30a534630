/*
 * Fragments of messages (RFC 7383) that are repeated, forged, false though sealed with the keys, or
 * too many.
 */
#include "ike/crypto/crypto.h"
#include "test/sim/evil.h"
#include "test/sim/pieces.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Repeats and forgeries ---- */

/* Section 2.6.1: of a finished request, fragment 1 alone has the answer sent again. */
START_TEST(late_repeats)
{
	REQ("7383-2.6.1-1", "7383-2.6.1-2", "7383-2.6.1-3");
	plain_pair(12);
	scenario_connect(&duo);
	for (size_t i = 2; i < 5; i++) {
		struct ike_stats before = stats_of(duo.right), after;

		sim_inject(duo.right, &records[i].w);
		after = stats_of(duo.right);
		ck_assert_uint_eq(after.datagrams_out - before.datagrams_out,
		    number_of(&records[i]) == 1 ? 3 : 0);
		ck_assert_uint_eq(after.replayed_requests - before.replayed_requests,
		    number_of(&records[i]) == 1);
		ck_assert_uint_eq(after.fragment_bytes, 0);
	}
	/* Fragments of an answer that was taken are nothing any more. */
	for (size_t i = 5; i < 8; i++)
		ck_assert_int_eq(sim_inject(duo.left, &records[i].w), IKE_EMSGID);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(duo.left->ike_ups + duo.right->ike_ups, 2);
	scenario_fini(&duo);
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
	lost_mask = ~UINT64_C(3);
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, 2000);
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
			ck_assert_int_ne(sim_inject(duo.right, &w), IKE_OK);
			ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
		}
	lost_mask = 0;
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
}
END_TEST

/* ---- A peer with the keys ---- */

/* The IKE_AUTH request as left would send it, for one to be sent by hand: what left sends is lost.
 */
static struct evil_piece half_open(const struct ike_limits *limits)
{
	pair_of(14, NULL, NULL, NULL, NULL, limits);
	lost_mask = ~UINT64_C(3);
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, 2000);
	duo.left->gone = true;
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
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_OK);
	before = stats_of(duo.right);
	p.number = fields[_i].number;
	p.total = fields[_i].total;
	p.hdr.msg_id = fields[_i].msg_id;
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), fields[_i].want);
	after = stats_of(duo.right);
	ck_assert_uint_eq(after.datagrams_out, before.datagrams_out); /* silently */
	if (fields[_i].total <= 256)
		ck_assert_uint_eq(after.fragment_bytes, before.fragment_bytes);
	ck_assert_uint_eq(sim_ike_sas(duo.right), 1);
	scenario_fini(&duo);
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
	const struct ike_keys *k = &duo.right->keys[0];
	size_t n = 0;

	ck_assert_int_eq(ike_sk_init(&sk, duo.sim.rand.libctx, IKE_SK_OPEN, &k->suite,
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
	evil_inject(&duo.sim, duo.right, &p);
	p.number = 3;
	evil_inject(&duo.sim, duo.right, &p);
	/* Seven, from the last; the fourth is empty. */
	p.total = 7;
	for (uint16_t i = 7; i >= 1; i--) {
		size_t cut[8] = {0, 1, 300, 700, 700, 1500, 2600, n};

		p.number = i;
		p.next = i == 1 ? IKE_PLD_IDI : IKE_PLD_SA;
		p.content = bytes_of(body + cut[i - 1], cut[i] - cut[i - 1]);
		ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_OK);
	}
	sim_run_for(&duo.sim, 1000);
	ck_assert_uint_eq(sim_ike_established(duo.right), 1);
	ck_assert_uint_eq(sim_children_up(duo.right), 1);
	ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
	scenario_fini(&duo);
}
END_TEST

/* Put together it is nonsense: refused as a whole message would be. */
START_TEST(nonsense)
{
	struct evil_piece p = half_open(NULL);

	p.next = IKE_PLD_IDI;
	p.content = bytes_of("\0\0\0\1", 4);
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_OK);
	p.number = 2;
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_ESYNTAX);
	ck_assert_uint_eq(duo.right->ike_downs, 1);
	scenario_expect_words(duo.right->down_reason.text, "IKE_AUTH request, payload IDi");
	sim_run_for(&duo.sim, TEN_MINUTES);
	ck_assert_uint_eq(sim_ike_sas(duo.right), 0);
	scenario_fini(&duo);
}
END_TEST

/* A whole SK message while fragments of the same number wait: it counts, they are forgotten. */
START_TEST(whole_between)
{
	struct evil_piece p;
	size_t sent;

	plain_pair(15);
	scenario_connect(&duo);
	p = (struct evil_piece){.hdr = {.spi_i = be64_load(records[2].data),
				    .spi_r = be64_load(records[2].data + 8),
				    .exchange = IKE_EXCHANGE_INFORMATIONAL,
				    .msg_id = 0},
	    .number = 1,
	    .total = 2,
	    .from = records[2].w.to,
	    .to = records[2].w.from,
	    .marker = true};
	ck_assert_int_eq(evil_inject(&duo.sim, duo.left, &p), IKE_OK);
	ck_assert_uint_gt(stats_of(duo.left).fragment_bytes, 0);
	sent = records_n;
	ck_assert_int_eq(sim_rekey(duo.right, "link", NULL, true), IKE_OK);
	sim_run_for(&duo.sim, 2000);
	ck_assert_uint_gt(records_n, sent);
	ck_assert_uint_eq(duo.right->rekeyed, 1);
	ck_assert_uint_eq(stats_of(duo.left).fragment_bytes, 0);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
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
			evil_inject(&duo.sim, duo.right, &p);
			ck_assert_uint_le(stats_of(duo.right).fragment_bytes, 20000);
		}
	ck_assert_uint_gt(stats_of(duo.right).dropped_limit, 0);
	ck_assert_uint_eq(sim_ike_sas(duo.right), 1);
	sim_run_for(&duo.sim, 200000);
	ck_assert_uint_eq(sim_ike_sas(duo.right), 0);
	ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
	scenario_fini(&duo);
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
		scenario_connect(&duo);
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
	while (duo.right->ike_downs == 0) {
		p.number = ++n;
		ck_assert_uint_le(n, 65535 / sizeof filler + 1);
		evil_inject(&duo.sim, duo.right, &p);
		ck_assert_uint_le(stats_of(duo.right).fragment_bytes, 80000);
	}
	ck_assert_uint_eq(n, 65535 / sizeof filler + 1);
	ck_assert_int_eq(duo.right->down_reason.err, IKE_ELIMIT);
	scenario_expect_words(duo.right->down_reason.text, "65535 bytes");
	ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	scenario_fini(&duo);
}
END_TEST

/* What is not whole when an initiator would have given up is discarded, and the SA lives on. */
START_TEST(incomplete)
{
	REQ("7383-2.6-5", "7383-2.6-6");
	struct evil_piece p;
	uint64_t asked;

	pair_of(17, "dpd_delay = \"0s\";", "dpd_delay = \"0s\";", NULL, NULL, NULL);
	scenario_connect(&duo);
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
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_OK);
	sim_run_for(&duo.sim, 165000);
	ck_assert_uint_gt(stats_of(duo.right).fragment_bytes, 0);
	sim_run_for(&duo.sim, 1000);
	ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
	scenario_expect_up(&duo, 1);
	/* Fragment 1 alone is the first of a new set then. */
	asked = stats_of(duo.right).datagrams_out;
	p.number = 1;
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_OK);
	ck_assert_uint_eq(stats_of(duo.right).datagrams_out, asked);
	p.number = 2;
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_OK);
	ck_assert_uint_eq(stats_of(duo.right).datagrams_out, asked + 1);
	scenario_fini(&duo);
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
	Suite *suite = suite_create("sim_fragment_evil");
	SRunner *r;
	int failed;

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

/*
 * New keys: for children, by command, by time, from both ends at once, under loss; and that no
 * packet would be lost meanwhile.
 */
#include "ike/child.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	A_MINUTE = 60 * 1000,
	TEN_MINUTES = 600 * 1000,
};

static void begin(struct scenario *s, uint64_t seed, const char *more, bool both)
{
	static char left[512], right[512];

	snprintf(left, sizeof left,
	    SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "%s"), more);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "%s"),
	    both ? more : "rekey_time = 0;");
	struct scenario_side l = {.children = left}, r = {.children = right};
	scenario_init(s, seed, &l, &r, NULL);
	scenario_connect(s);
	scenario_expect_up(s, 1);
}

/* ---- By command ---- */

static const char *const forms[] = {
    "rekey_time = 0;",
    "rekey_time = 0; esp_proposals = [\"aes128gcm16-x25519\"];",
    "rekey_time = 0; esp_proposals = [\"aes256-sha256-ecp256\"];",
};

START_TEST(child_by_command)
{
	REQ("7296-2.8-6");
	struct scenario s;

	begin(&s, 100, forms[_i / 2], true);
	struct sim_host *asks = _i % 2 ? s.right : s.left, *asked = _i % 2 ? s.left : s.right;
	uint32_t before = sim_sends_with(asks, "lan");
	ck_assert_int_eq(sim_rekey(asks, "link", NULL, false), IKE_OK);
	ck_assert_int_eq(sim_rekey(asks, "link", "lan", false), IKE_ESTATE);
	scenario_traffic(&s, 5000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ne(sim_sends_with(asks, "lan"), before);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	ck_assert_uint_eq(s.right->rekeyed, 1);
	ck_assert_uint_eq(s.left->child_ups, 2);
	ck_assert_uint_eq(s.right->child_downs, 1);
	ck_assert_uint_eq(s.left->child_fails + s.right->child_fails, 0);
	ck_assert_uint_eq(asked->ike_downs, 0);
	scenario_fini(&s);
}
END_TEST

START_TEST(nothing_to_rekey)
{
	struct scenario s;

	scenario_init(&s, 101, NULL, NULL, NULL);
	ck_assert_int_eq(sim_rekey(s.left, "link", NULL, false), IKE_EUNKNOWN);
	ck_assert_int_eq(sim_rekey(s.left, "link", "lan", false), IKE_EUNKNOWN);
	scenario_connect(&s);
	sim_down(s.left, "link", "lan");
	sim_run_for(&s.sim, 5000);
	ck_assert_int_eq(sim_rekey(s.left, "link", "lan", false), IKE_EUNKNOWN);
	scenario_fini(&s);
}
END_TEST

/* A soft limit of the data plane names the child by its SPI. */
START_TEST(child_by_spi)
{
	struct scenario s;

	begin(&s, 102, forms[0], true);
	struct ike_command c = {
	    .kind = IKE_CMD_REKEY, .spi = sim_child_named(s.left, "lan")->sa.spi_in};
	ck_assert_int_eq(ike_engine_command(s.left->engine, s.sim.now, &c), IKE_OK);
	ck_assert_int_eq(ike_engine_command(s.left->engine, s.sim.now, &c), IKE_ESTATE);
	sim_drain_all(&s.sim);
	scenario_traffic(&s, 5000);
	ck_assert_int_eq(ike_engine_command(s.left->engine, s.sim.now, &c), IKE_EUNKNOWN);
	sim_drain_all(&s.sim);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	scenario_fini(&s);
}
END_TEST

/* ---- By time ---- */

START_TEST(child_by_time)
{
	REQ("7296-2.8.1-1");
	struct scenario s;

	begin(&s, 103 + (uint64_t)_i, "rekey_time = \"5s\";", _i % 2);
	scenario_traffic(&s, TEN_MINUTES);
	/* Every 4.5 to 5 seconds; both ends have a clock when both have the time. */
	ck_assert_uint_ge(s.left->rekeyed, 120);
	ck_assert_uint_le(s.left->rekeyed, 145);
	ck_assert_uint_eq(s.left->child_fails + s.right->child_fails, 0);
	ck_assert_uint_eq(s.left->rekey_fails + s.right->rekey_fails, 0);
	ck_assert_uint_eq(s.left->ike_downs + s.right->ike_downs, 0);
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

/* ---- Both at once ---- */

/* One child at each end, the same, and its keys are not the old ones. */
static void expect_one_new(struct scenario *s, uint32_t before)
{
	scenario_expect_up(s, 1);
	ck_assert_uint_ne(sim_sends_with(s->left, "lan"), before);
	ck_assert_uint_eq(s->left->child_fails + s->right->child_fails, 0);
	ck_assert_uint_eq(s->left->ike_downs + s->right->ike_downs, 0);
}

/* Right begins 4 ms times _i later; of the first eight datagrams up to five are lost, one more than
 * that and the peer counts as dead. */
START_TEST(child_at_once)
{
	REQ("7296-2.8.1-2");
	for (uint32_t mask = 0; mask < 256; mask++) {
		struct scenario s;

		if (__builtin_popcount(mask) > 5)
			continue;
		begin(&s, 200 + 1000 * (uint64_t)_i + mask, forms[_i % 3], true);
		uint32_t before = sim_sends_with(s.left, "lan");
		s.sim.loss_mask = mask << s.sim.sent;
		sim_rekey(s.left, "link", NULL, false);
		sim_run_for(&s.sim, (uint64_t)_i * 4);
		sim_rekey(s.right, "link", NULL, false);
		scenario_traffic(&s, 100 * 1000);
		sim_run_for(&s.sim, A_MINUTE);
		expect_one_new(&s, before);
		scenario_fini(&s);
	}
}
END_TEST

/* Anybody asks at any time, through a bad network. */
START_TEST(child_storm)
{
	struct scenario s;

	begin(&s, 300 + (uint64_t)_i, forms[_i % 3], true);
	s.sim.loss_permille = 150;
	s.sim.dup_permille = 100;
	s.sim.jitter_ms = 40;
	for (unsigned round = 0; round < 60; round++) {
		uint64_t r = sim_rand_next(&s.sim.dice);
		if (r & 1)
			sim_rekey(s.left, "link", NULL, false);
		sim_run_for(&s.sim, r >> 8 & 31);
		if (r & 2)
			sim_rekey(s.right, "link", NULL, false);
		scenario_traffic(&s, (r & 4 ? 20 : 4000) + (r >> 16 & 63));
	}
	s.sim.loss_permille = s.sim.dup_permille = s.sim.jitter_ms = 0;
	scenario_traffic(&s, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ge(s.left->rekeyed + s.right->rekeyed, 10);
	ck_assert_uint_eq(s.left->ike_downs + s.right->ike_downs, 0);
	scenario_fini(&s);
}
END_TEST

/* ---- The IKE SA ---- */

/* One IKE SA and one child at each end, and nothing that nobody sees. */
static void expect_one_ike(struct scenario *s)
{
	scenario_expect_up(s, 1);
	ck_assert_uint_eq(s->left->engine->sas_n, 1);
	ck_assert_uint_eq(s->right->engine->sas_n, 1);
	ck_assert(ike_sa_our_spi(s->left->engine->first) != 0);
	ck_assert_uint_eq(s->left->engine->first->spi_i, s->right->engine->first->spi_i);
	ck_assert_uint_eq(s->left->engine->first->spi_r, s->right->engine->first->spi_r);
	ck_assert_uint_eq(s->left->ike_downs + s->right->ike_downs, 0);
	ck_assert_uint_eq(s->left->ike_ups + s->right->ike_ups, 2);
}

/* Both ends can still talk: a child's rekey each way, then an orderly end. */
static void still_works(struct scenario *s)
{
	ck_assert_int_eq(sim_rekey(s->left, "link", NULL, false), IKE_OK);
	scenario_traffic(s, 5000);
	ck_assert_int_eq(sim_rekey(s->right, "link", NULL, false), IKE_OK);
	scenario_traffic(s, 5000);
	sim_run_for(&s->sim, TEN_MINUTES);
	expect_one_ike(s);
	sim_down(s->right, "link", NULL);
	sim_run_for(&s->sim, 2 * A_MINUTE);
	scenario_expect_gone(s);
	ck_assert_uint_eq(s->left->engine->sas_n + s->right->engine->sas_n, 0);
}

START_TEST(ike_by_command)
{
	struct scenario s;

	begin(&s, 400, forms[_i / 2], true);
	struct sim_host *asks = _i % 2 ? s.right : s.left;
	uint64_t before = asks->engine->first->spi_i;
	ck_assert_int_eq(sim_rekey(asks, "link", NULL, true), IKE_OK);
	ck_assert_int_eq(sim_rekey(asks, "link", NULL, true), IKE_ESTATE);
	scenario_traffic(&s, 5000);
	sim_run_for(&s.sim, TEN_MINUTES);
	expect_one_ike(&s);
	ck_assert_uint_ne(s.left->engine->first->spi_i, before);
	ck_assert(asks->engine->first->initiator);
	ck_assert_uint_eq(s.left->rekeyed + s.right->rekeyed, 2);
	ck_assert_uint_eq(s.left->keys_n, 2);
	still_works(&s);
	scenario_fini(&s);
}
END_TEST

/* Behind a NAT: the new SA speaks the same way, and the box's new mapping is followed. */
START_TEST(ike_behind_nat)
{
	struct scenario s;

	scenario_init(&s, 450, NULL, NULL, NULL);
	sim_host_nat(s.left, "203.0.113.1", 1000);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	sim_rekey(_i ? s.right : s.left, "link", NULL, true);
	scenario_traffic(&s, 5000);
	ck_assert_uint_eq(s.left->rekeyed + s.right->rekeyed, 2);
	sim_host_nat(s.left, "203.0.113.1", 2000);
	sim_run_for(&s.sim, 2 * A_MINUTE); /* a liveness check goes by */
	ck_assert_uint_eq(s.right->paths, 1);
	ck_assert_uint_eq(s.right->path.remote.port, 6500);
	sim_rekey(_i ? s.right : s.left, "link", NULL, true);
	scenario_traffic(&s, 5000);
	sim_run_for(&s.sim, A_MINUTE);
	expect_one_ike(&s);
	still_works(&s);
	scenario_fini(&s);
}
END_TEST

/* Both at once, under loss, as for children. */
START_TEST(ike_at_once)
{
	for (uint32_t mask = 0; mask < 256; mask++) {
		struct scenario s;

		if (__builtin_popcount(mask) > 5)
			continue;
		begin(&s, 500 + 1000 * (uint64_t)_i + mask, forms[0], true);
		uint64_t before = s.left->engine->first->spi_i;
		s.sim.loss_mask = mask << s.sim.sent;
		sim_rekey(s.left, "link", NULL, true);
		sim_run_for(&s.sim, (uint64_t)_i * 4);
		sim_rekey(s.right, "link", NULL, true);
		scenario_traffic(&s, 100 * 1000);
		sim_run_for(&s.sim, TEN_MINUTES);
		expect_one_ike(&s);
		ck_assert_uint_ne(s.left->engine->first->spi_i, before);
		still_works(&s);
		scenario_fini(&s);
	}
}
END_TEST

/* A child's rekey meets that of the IKE SA. */
START_TEST(child_and_ike_at_once)
{
	for (uint32_t mask = 0; mask < 64; mask++) {
		struct scenario s;

		if (__builtin_popcount(mask) > 5)
			continue;
		begin(&s, 600 + 1000 * (uint64_t)_i + mask, forms[0], true);
		s.sim.loss_mask = mask << s.sim.sent;
		sim_rekey(_i & 1 ? s.left : s.right, "link", NULL, _i & 2);
		sim_run_for(&s.sim, (uint64_t)_i / 4 * 4);
		sim_rekey(_i & 1 ? s.right : s.left, "link", NULL, !(_i & 2));
		scenario_traffic(&s, 100 * 1000);
		sim_run_for(&s.sim, TEN_MINUTES);
		expect_one_ike(&s);
		still_works(&s);
		scenario_fini(&s);
	}
}
END_TEST

START_TEST(storm_of_all)
{
	struct scenario s;

	begin(&s, 700 + (uint64_t)_i, forms[_i % 3], true);
	s.sim.loss_permille = 150;
	s.sim.dup_permille = 100;
	s.sim.jitter_ms = 40;
	for (unsigned round = 0; round < 60; round++) {
		uint64_t r = sim_rand_next(&s.sim.dice);
		if (r & 1)
			sim_rekey(s.left, "link", NULL, r & 64);
		sim_run_for(&s.sim, r >> 8 & 31);
		if (r & 2)
			sim_rekey(s.right, "link", NULL, r & 128);
		scenario_traffic(&s, (r & 4 ? 20 : 4000) + (r >> 16 & 63));
	}
	s.sim.loss_permille = s.sim.dup_permille = s.sim.jitter_ms = 0;
	scenario_traffic(&s, 5000);
	sim_run_for(&s.sim, TEN_MINUTES);
	expect_one_ike(&s);
	ck_assert_uint_ge(s.left->rekeyed + s.right->rekeyed, 10);
	still_works(&s);
	scenario_fini(&s);
}
END_TEST

START_TEST(ike_by_time)
{
	static const char times[] = "dpd_delay = \"30s\"; rekey_time = \"7s\"; over_time = \"1m\";";
	const char *child = SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"",
		       "rekey_time = \"5s\"; life_time = \"2m\";"),
		   *mirror = SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"",
		       "rekey_time = \"5s\"; life_time = \"2m\";");
	struct scenario_side l = {.conn = times, .children = child},
			     r = {.conn = _i & 1 ? times : NULL, .children = mirror};
	struct scenario s;

	scenario_init(&s, 800 + (uint64_t)_i, &l, &r, NULL);
	s.sim.loss_permille = _i & 2 ? 20 : 0;
	scenario_connect(&s);
	scenario_traffic(&s, TEN_MINUTES);
	ck_assert_uint_eq(s.left->ike_downs + s.right->ike_downs, 0);
	ck_assert_uint_eq(s.left->ike_ups, 1);
	ck_assert_uint_eq(s.left->child_fails + s.right->child_fails, 0);
	/* About 85 of the IKE SA and 120 of the child, fewer where something is lost. */
	ck_assert_uint_ge(s.left->rekeyed, _i & 2 ? 60 : 180);
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_uint_eq(s.left->engine->sas_n + s.right->engine->sas_n, 0);
	scenario_fini(&s);
}
END_TEST

/* A hundred times each: the child's and the IKE SA's, asked for by left and by right, with 5 % loss
 * and reordering of IKE. No packet misses its keys. */
START_TEST(a_hundred)
{
	struct scenario s;

	begin(&s, 850 + (uint64_t)_i, forms[_i % 3], true);
	struct sim_host *asks = _i & 1 ? s.left : s.right;
	s.sim.loss_permille = 50;
	s.sim.dup_permille = 50;
	s.sim.jitter_ms = 9;
	for (unsigned n = 0; asks->rekeyed < 100 && n < 3000; n++) {
		sim_rekey(asks, "link", NULL, _i & 2);
		scenario_traffic(&s, 200);
	}
	s.sim.loss_permille = s.sim.dup_permille = s.sim.jitter_ms = 0;
	scenario_traffic(&s, A_MINUTE);
	ck_assert_uint_ge(s.left->rekeyed, 100);
	ck_assert_uint_ge(s.right->rekeyed, 100);
	ck_assert_uint_eq(s.left->ike_downs + s.right->ike_downs, 0);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* ---- When it is refused ---- */

/* IKE_AUTH needs no group of the child's; its rekey does, and there is none in common. It is tried
 * a few times; then the IKE SA is set up afresh, before the old keys are over. */
START_TEST(child_refused)
{
	REQ("7296-2.8-1", "7296-2.8-2");
	static const struct scenario_side left = {
	    .children = SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"",
		"esp_proposals = [\"aes128gcm16-x25519\"]; rekey_time = \"1m\"; life_time = "
		"\"3m\";")};
	static const struct scenario_side right = {
	    .children = SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"",
		"esp_proposals = [\"aes128gcm16-ecp384\"]; rekey_time = 0;")};
	struct scenario s;

	scenario_init(&s, 900, &left, &right, NULL);
	scenario_connect(&s);
	scenario_traffic(&s, 10 * A_MINUTE);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ge(s.left->ike_ups, 3);
	ck_assert_uint_le(s.left->ike_ups, 10);
	ck_assert_uint_ge(s.left->rekey_fails, 3 * (s.left->ike_ups - 1));
	ck_assert_uint_le(s.left->rekey_fails, 3 * s.left->ike_ups);
	scenario_expect_words(s.left->child_reason.text, "NO_PROPOSAL_CHOSEN");
	ck_assert_int_eq(s.left->down_reason.err, IKE_EREPLACED);
	scenario_fini(&s);
}
END_TEST

/* Who cannot call the peer cannot set it up afresh: when the child is over, the IKE SA is closed,
 * and its other child with it. */
START_TEST(child_expires)
{
	REQ("7296-2.8-1", "7296-2.8-2");
	static const struct scenario_side left = {
	    .children = SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"",
		"esp_proposals = [\"aes128gcm16-x25519\"]; rekey_time = 0;")
		SCENARIO_CHILD("more", "\"10.3.0.0/16\"", "\"10.4.0.0/16\"", "rekey_time = 0;")};
	static const struct scenario_side right = {
	    .children = SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"",
		"esp_proposals = [\"aes128gcm16-ecp384\"]; rekey_time = \"1m\"; life_time = "
		"\"3m\";")
		SCENARIO_CHILD("more", "\"10.4.0.0/16\"", "\"10.3.0.0/16\"", "rekey_time = 0;")};
	struct scenario s;

	scenario_init(&s, 901, &left, &right, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 2);
	scenario_traffic(&s, 170 * 1000);
	scenario_expect_up(&s, 2);
	ck_assert_uint_ge(s.right->rekey_fails, 3);
	ck_assert_uint_le(s.right->rekey_fails, 20);
	if (_i == 0) {
		sim_run_for(&s.sim, 15 * 1000);
		ck_assert_uint_eq(sim_children_up(s.right), 0);
	} else {
		/* By bytes or packets: the child is of no use from that moment on. */
		sim_expire(s.right, sim_child_named(s.right, "lan")->sa.spi_in);
		ck_assert_ptr_null(sim_child_named(s.right, "lan"));
		sim_run_for(&s.sim, 15 * 1000);
	}
	scenario_expect_gone(&s);
	ck_assert_int_eq(s.right->down_reason.err, IKE_ELIFETIME);
	scenario_expect_words(s.right->down_reason.text, "lan");
	scenario_expect_words(s.right->down_reason.text, "all attempts to make new keys");
	scenario_fini(&s);
}
END_TEST

/* One that nobody tried to rekey ends alone. */
START_TEST(child_expires_alone)
{
	static const struct scenario_side left = {
	    .children = SCENARIO_CHILD(
		"lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "rekey_time = 0; life_time = \"3m\";")
		SCENARIO_CHILD("more", "\"10.3.0.0/16\"", "\"10.4.0.0/16\"", "rekey_time = 0;")};
	static const struct scenario_side right = {
	    .children = SCENARIO_CHILD(
		"lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "rekey_time = 0;")
		SCENARIO_CHILD("more", "\"10.4.0.0/16\"", "\"10.3.0.0/16\"", "rekey_time = 0;")};
	struct scenario s;

	scenario_init(&s, 902, &left, &right, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 2);
	sim_run_for(&s.sim, 4 * A_MINUTE);
	scenario_expect_up(&s, 1);
	ck_assert_ptr_nonnull(sim_child_named(s.left, "more"));
	scenario_fini(&s);
}
END_TEST

/* One end names a key exchange, the other none. Either asks: the one without is refused first,
 * tries again with one, and knows better the next time. */
START_TEST(pfs_at_one_end)
{
	REQ("7296-1.3-2");
	static const struct scenario_side pfs[] = {
	    {.children = SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"",
		 "esp_proposals = [\"aes256gcm16-ecp384\"]; rekey_time = 0;")},
	    {.children = SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"",
		 "esp_proposals = [\"aes256gcm16-ecp384\"]; rekey_time = 0;")}};
	static const struct scenario_side none[] = {
	    {.children =
		    SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "rekey_time = 0;")},
	    {.children = SCENARIO_CHILD(
		 "lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "rekey_time = 0;")}};
	struct scenario s;

	scenario_init(
	    &s, 920 + (uint64_t)_i, _i & 1 ? &pfs[0] : &none[0], _i & 1 ? &none[1] : &pfs[1], NULL);
	scenario_connect(&s);
	struct sim_host *asks = _i & 2 ? s.left : s.right;
	for (unsigned n = 1; n <= 2; n++) {
		uint64_t sent = s.sim.sent;
		ck_assert_int_eq(sim_rekey(asks, "link", NULL, false), IKE_OK);
		scenario_traffic(&s, 5000);
		scenario_expect_up(&s, 1);
		ck_assert_uint_eq(asks->rekeyed, n);
		ck_assert_uint_eq(sim_child_named(s.left, "lan")->sa.suite.ke.id, KE_ECP_384);
		if (n == 2)
			ck_assert_uint_eq(s.sim.sent - sent, 4);
	}
	ck_assert_uint_eq(s.left->rekey_fails + s.right->rekey_fails, 0);
	ck_assert_uint_eq(asks->child_fails, 0);
	scenario_fini(&s);
}
END_TEST

/* The peer makes no children any more, not even new keys: the IKE SA is set up afresh beside it. */
START_TEST(no_additional_sas)
{
	REQ("7296-4-5");
	struct scenario s;

	begin(&s, 930, forms[0], true);
	s.right->engine->limits.children_per_sa = 0;
	sim_rekey(s.left, "link", NULL, false);
	scenario_traffic(&s, 24);
	s.right->engine->limits = ike_limits_default;
	scenario_traffic(&s, A_MINUTE);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->ike_ups, 2);
	ck_assert_uint_eq(s.left->rekey_fails, 1);
	ck_assert_int_eq(s.left->down_reason.err, IKE_EREPLACED);
	scenario_fini(&s);
}
END_TEST

/* Section 2.25: TEMPORARY_FAILURE for several minutes means that both ends are out of step. */
START_TEST(temporary_for_ever)
{
	REQ("7296-2.25-2", "7296-2.25-3");
	struct scenario s;

	begin(&s, 940, forms[0], true);
	s.right->engine->first->olds = 64; /* refuses to rekey it once more */
	s.left->config->conns[0].over_ms = 0;
	sim_rekey(s.left, "link", NULL, true);
	scenario_traffic(&s, 4 * A_MINUTE);
	ck_assert_uint_eq(s.left->ike_ups, 1);
	/* 10, 20, 40 and 60 s apart, less a tenth by chance. */
	ck_assert_uint_ge(s.left->rekey_fails, 4);
	ck_assert_uint_le(s.left->rekey_fails, 7);
	scenario_expect_words(s.left->child_reason.text, "TEMPORARY_FAILURE");
	/* Five minutes after the first, at the next attempt: no later. */
	scenario_traffic(&s, 2 * A_MINUTE + 10 * 1000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->ike_ups, 2);
	ck_assert_uint_le(s.left->rekey_fails, 10);
	scenario_traffic(&s, 4 * A_MINUTE);
	ck_assert_uint_eq(s.left->ike_ups, 2);
	scenario_fini(&s);
}
END_TEST

/* Section 2.9.2: the responder must not cut off what the old one carries. */
START_TEST(child_narrowed)
{
	REQ("7296-2.9.2-1", "7296-2.9.2-3");
	struct scenario s;

	begin(&s, 901, forms[0], true);
	s.left->config->conns[0].children[0].remote_ts[0].ts.hi.b[2] = 7; /* 10.2.0.0-10.2.7.255 */
	uint32_t before = sim_sends_with(s.left, "lan");
	sim_rekey(s.left, "link", NULL, false);
	scenario_traffic(&s, 1000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(sim_sends_with(s.left, "lan"), before);
	ck_assert_uint_eq(s.left->rekey_fails, 1);
	ck_assert_uint_eq(s.right->child_fails, 1);
	scenario_expect_words(s.right->child_reason.text, "fewer addresses");
	scenario_fini(&s);
}
END_TEST

/* The peer has lost the child, nobody knows how: it is set up afresh (section 2.25). */
START_TEST(child_unknown)
{
	struct ike_reason why = {.err = IKE_EBUG, .text = "for the test"};
	struct scenario s;

	begin(&s, 902, forms[_i], true);
	struct ike_child *lost = s.right->engine->first->children;
	ike_child_report_down(lost, &why);
	ike_child_free(lost);
	sim_drain_all(&s.sim);
	ck_assert_uint_eq(sim_children_up(s.right), 0);
	sim_rekey(s.left, "link", NULL, false);
	sim_run_for(&s.sim, 1000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->rekey_fails, 1);
	ck_assert_uint_eq(s.left->child_downs, 1);
	scenario_fini(&s);
}
END_TEST

/* As many children as there may be: new keys must be had all the same. */
START_TEST(child_limit)
{
	struct ike_limits tight = ike_limits_default;
	struct scenario s;

	tight.children_per_sa = 1;
	scenario_init(&s, 904, NULL, NULL, &tight);
	scenario_connect(&s);
	ck_assert_int_eq(sim_rekey(_i ? s.left : s.right, "link", NULL, false), IKE_OK);
	scenario_traffic(&s, 5000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	ck_assert_uint_eq(s.right->rekeyed, 1);
	scenario_fini(&s);
}
END_TEST

/* No room for another IKE SA: later, and at the end of over_time the SA ends. */
START_TEST(ike_refused)
{
	static const struct scenario_side left = {
	    .conn = "rekey_time = \"1m\"; over_time = \"2m\";"};
	static const struct scenario_side right = {.conn = "rekey_time = 0;"};
	struct ike_limits tight = ike_limits_default;
	struct scenario s;

	tight.ike_sas = 1;
	scenario_init(&s, 903, &left, &right, &tight);
	scenario_connect(&s);
	scenario_traffic(&s, 170 * 1000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ge(s.left->rekey_fails, 3);
	ck_assert_uint_le(s.left->rekey_fails, 20);
	scenario_expect_words(s.left->child_reason.text, "TEMPORARY_FAILURE");
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ELIFETIME);
	ck_assert_uint_eq(s.left->engine->sas_n + s.right->engine->sas_n, 0);
	scenario_fini(&s);
}
END_TEST

/* What was replaced answers repeats for a while: a peer that asks on and on cannot fill us with it.
 */
START_TEST(ike_often)
{
	struct scenario s;

	begin(&s, 905, forms[0], true);
	for (unsigned i = 0; i < 150; i++) {
		sim_rekey(s.left, "link", NULL, true);
		sim_run_for(&s.sim, 100);
		ck_assert_uint_le(s.right->engine->sas_n, 66);
	}
	ck_assert_uint_ge(s.left->rekey_fails, 1);
	ck_assert_uint_ge(s.left->rekeyed, 60);
	scenario_traffic(&s, TEN_MINUTES);
	expect_one_ike(&s);
	still_works(&s);
	scenario_fini(&s);
}
END_TEST

/* ---- While it is taken down ---- */

/* Bits of _i: who rekeys; what is rekeyed; who takes down; what is taken down. */
START_TEST(down_meanwhile)
{
	for (uint32_t n = 0; n < 64 * 6; n++) {
		struct scenario s;
		uint32_t mask = n / 6;

		if (__builtin_popcount(mask) > 2) /* an orderly end is given up after three tries */
			continue;
		begin(&s, 1000 + 1000 * (uint64_t)_i + n, forms[0], true);
		s.sim.loss_mask = mask << s.sim.sent;
		sim_rekey(_i & 1 ? s.left : s.right, "link", NULL, _i & 2);
		sim_run_for(&s.sim, n % 6 * 6);
		sim_down(_i & 4 ? s.left : s.right, "link", _i & 8 ? "lan" : NULL);
		sim_run_for(&s.sim, 2 * TEN_MINUTES);
		ck_assert(sim_mirrored(s.left, s.right));
		ck_assert_uint_eq(sim_children_up(s.left), 0);
		ck_assert_uint_eq(s.left->engine->sas_n, _i & 8 ? 1 : 0);
		ck_assert_uint_eq(s.right->engine->sas_n, _i & 8 ? 1 : 0);
		scenario_fini(&s);
	}
}
END_TEST

/* The hard limit of the old one is reached meanwhile, at either end. */
START_TEST(expired_meanwhile)
{
	for (uint32_t n = 0; n < 64 * 6; n++) {
		struct scenario s;
		uint32_t mask = n / 6;

		if (__builtin_popcount(mask) > 5)
			continue;
		begin(&s, 1000 + 1000 * (uint64_t)_i + n, forms[0], true);
		s.sim.loss_mask = mask << s.sim.sent;
		struct sim_host *h = _i & 1 ? s.left : s.right;
		struct ike_command c = {
		    .kind = IKE_CMD_EXPIRED, .spi = sim_child_named(h, "lan")->sa.spi_in};
		sim_rekey(_i & 2 ? s.left : s.right, "link", NULL, _i & 4);
		sim_run_for(&s.sim, n % 6 * 6);
		ike_engine_command(h->engine, s.sim.now, &c);
		sim_drain_all(&s.sim);
		sim_run_for(&s.sim, 2 * TEN_MINUTES);
		ck_assert(sim_mirrored(s.left, s.right));
		ck_assert_uint_le(sim_children_up(s.left), 1);
		ck_assert_uint_eq(s.left->engine->sas_n, 1);
		ck_assert_uint_eq(s.right->engine->sas_n, 1);
		scenario_fini(&s);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_rekey");
	TCase *t = tcase_create("rekey");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, child_by_command, 0, 6);
	tcase_add_test(t, nothing_to_rekey);
	tcase_add_test(t, child_by_spi);
	tcase_add_loop_test(t, child_by_time, 0, 6);
	tcase_add_loop_test(t, child_at_once, 0, 6);
	tcase_add_loop_test(t, child_storm, 0, 20);
	tcase_add_loop_test(t, ike_by_command, 0, 6);
	tcase_add_loop_test(t, ike_behind_nat, 0, 2);
	tcase_add_loop_test(t, ike_at_once, 0, 6);
	tcase_add_loop_test(t, child_and_ike_at_once, 0, 16);
	tcase_add_loop_test(t, storm_of_all, 0, 40);
	tcase_add_loop_test(t, ike_by_time, 0, 4);
	tcase_add_loop_test(t, a_hundred, 0, 4);
	tcase_add_test(t, child_refused);
	tcase_add_loop_test(t, child_expires, 0, 2);
	tcase_add_test(t, child_expires_alone);
	tcase_add_loop_test(t, pfs_at_one_end, 0, 4);
	tcase_add_test(t, no_additional_sas);
	tcase_add_test(t, temporary_for_ever);
	tcase_add_test(t, child_narrowed);
	tcase_add_loop_test(t, child_unknown, 0, 2);
	tcase_add_loop_test(t, child_limit, 0, 2);
	tcase_add_test(t, ike_refused);
	tcase_add_test(t, ike_often);
	tcase_add_loop_test(t, down_meanwhile, 0, 16);
	tcase_add_loop_test(t, expired_meanwhile, 0, 8);
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

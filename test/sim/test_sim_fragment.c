/*
 * Fragments of messages (RFC 7383) between whole engines: when they are used, loss, reordering,
 * paths that carry small packets only.
 */
#include "test/sim/evil.h"
#include "test/sim/pieces.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(sim_child_named(duo.left, "lan")->sa.local_ts.n, TS);
	ck_assert(in_force(duo.left) && in_force(duo.right));
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
	ck_assert_uint_eq(stats_of(duo.left).fragments_out, 3);
	ck_assert_uint_eq(stats_of(duo.right).fragments_in, 3);
	ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
	scenario_fini(&duo);
}
END_TEST

/* Small messages stay whole, and so does what comes after a rekey of the IKE SA but for large ones.
 */
START_TEST(small_ones_stay_whole)
{
	REQ("7383-2.4-3", "7383-2.4-4");
	size_t from;

	plain_pair(2);
	scenario_connect(&duo);
	from = records_n;
	sim_run_for(&duo.sim, 40000); /* liveness */
	ck_assert_uint_gt(records_n, from);
	ck_assert_uint_eq(count_skf(from, true) + count_skf(from, false), 0);
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, true), IKE_OK);
	sim_run_for(&duo.sim, 5000);
	ck_assert_uint_eq(duo.left->rekeyed, 1);
	ck_assert_uint_eq(count_skf(from, true) + count_skf(from, false), 0);
	ck_assert(in_force(duo.left) && in_force(duo.right));
	from = records_n;
	ck_assert_int_eq(sim_rekey(duo.right, "link", "lan", false), IKE_OK);
	sim_run_for(&duo.sim, 5000);
	ck_assert_uint_eq(count_skf(from, true), 3);
	ck_assert_uint_eq(count_skf(from, false), 3);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
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
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	ck_assert(in_force(duo.left) == agreements[_i].force);
	ck_assert(in_force(duo.right) == agreements[_i].force);
	ck_assert((count_skf(0, true) > 0) == agreements[_i].left_cuts);
	ck_assert((count_skf(0, false) > 0) == agreements[_i].right_cuts);
	ck_assert(announces(&records[0]) == (strcmp(agreements[_i].left, "no") != 0));
	scenario_fini(&duo);
}
END_TEST

/* Not agreed: genuine fragments mean nothing. */
START_TEST(not_agreed)
{
	REQ("7383-2.4-1");
	struct evil_piece p = {.number = 1, .total = 1};
	struct ike_stats before;

	pair_of(4, "fragmentation = \"no\";", NULL, NULL, NULL, NULL);
	scenario_connect(&duo);
	p.from = records[2].w.from;
	p.to = records[2].w.to;
	p.marker = true;
	p.hdr = (struct ike_hdr){.spi_i = be64_load(records[2].data),
	    .spi_r = be64_load(records[2].data + 8),
	    .exchange = IKE_EXCHANGE_INFORMATIONAL,
	    .flags = IKE_FLAG_INITIATOR,
	    .msg_id = 2};
	before = stats_of(duo.right);
	ck_assert_int_eq(evil_inject(&duo.sim, duo.right, &p), IKE_ESTATE);
	ck_assert_uint_eq(stats_of(duo.right).datagrams_out, before.datagrams_out);
	ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
}
END_TEST

START_TEST(fragment_sizes)
{
	static const unsigned sizes[] = {256, 300, 576, 600, 1000, 1400, 65535, 0};
	char top[64];
	unsigned size = sizes[_i] ? sizes[_i] : 576;

	snprintf(top, sizeof top, "fragment_size = %u;", sizes[_i]);
	pair_of(5, NULL, NULL, top, NULL, NULL);
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_le(largest(2, true), size);
	if (size < 2700)
		ck_assert_uint_gt(largest(2, true), size - 16);
	else
		ck_assert_uint_eq(count_skf(0, true), 0);
	/* Who answers follows the fragments of the request. */
	ck_assert_uint_le(largest(2, false), size < 1280 ? size : 1280);
	scenario_fini(&duo);
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
	mtu_left = mtu_right = lost_mask = 0;
	sim_init(&duo.sim, 6);
	duo.sim.tap = watch;
	a = sim_host_add(&duo.sim, "left", "2001:db8::1", scenario_text(&l, true), NULL);
	b = sim_host_add(&duo.sim, "right", "2001:db8::2", scenario_text(&r, false), NULL);
	ck_assert_int_eq(sim_up(a, "link", NULL, b), IKE_OK);
	sim_run_for(&duo.sim, 5000);
	ck_assert(sim_mirrored(a, b) && sim_children_up(b) == 1);
	ck_assert_uint_eq(count_skf(0, false), 6);
	ck_assert_uint_le(largest(0, false), 1280);
	ck_assert_uint_gt(largest(0, false), 1264);
	sim_fini(&duo.sim);
}
END_TEST

/* ---- Loss ---- */

/* Of the first ten datagrams (two whole, three fragments, four of the answer and its repeat) those
 * are lost that the mask says. */
START_TEST(all_masks)
{
	for (uint32_t mask = (uint32_t)_i * 64; mask < (uint32_t)(_i + 1) * 64; mask++) {
		plain_pair(mask);
		lost_mask = mask;
		scenario_connect(&duo);
		sim_run_for(&duo.sim, TEN_MINUTES);
		if (sim_ike_sas(duo.left) || __builtin_popcount(mask) <= 3)
			scenario_expect_up(&duo, 1);
		else
			scenario_expect_gone(&duo);
		ck_assert_uint_eq(stats_of(duo.left).fragment_bytes, 0);
		ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
		scenario_fini(&duo);
	}
}
END_TEST

/* One fragment is lost: all are sent again, the same ones. */
START_TEST(one_lost)
{
	size_t same = 0;

	plain_pair(7);
	lost_mask = UINT64_C(1) << (2 + _i); /* 2, 3, 4: the request's; 5, 6, 7: the answer's */
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(count_skf(0, true), 6);
	for (size_t i = 5; i < records_n; i++)
		for (size_t k = 2; k < 5; k++)
			same += from_left(&records[i].w) && records[i].w.n == records[k].w.n &&
				memcmp(records[i].data, records[k].data, records[k].w.n) == 0;
	ck_assert_uint_eq(same, 3);
	/* The answer comes once for each time that the whole request came. */
	ck_assert_uint_eq(count_skf(0, false), _i < 3 ? 3 : 6);
	scenario_fini(&duo);
}
END_TEST

START_TEST(wild_network)
{
	plain_pair((uint64_t)_i + 100);
	duo.sim.jitter_ms = 200;
	duo.sim.dup_permille = 300;
	duo.sim.loss_permille = 100;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, 60000);
	duo.sim.loss_permille = 0;
	sim_run_for(&duo.sim, TEN_MINUTES);
	if (!sim_ike_sas(duo.left) && !sim_ike_sas(duo.right)) {
		scenario_fini(&duo);
		return; /* it gave up: with one fragment in ten lost that may be */
	}
	scenario_expect_up(&duo, 1);
	ck_assert_int_eq(sim_rekey(duo.left, "link", "lan", false), IKE_OK);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_ge(duo.left->rekeyed, 1);
	ck_assert_uint_eq(stats_of(duo.left).fragment_bytes, 0);
	ck_assert_uint_eq(stats_of(duo.right).fragment_bytes, 0);
	scenario_fini(&duo);
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
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, 30000);
	scenario_expect_up(&duo, 1);
	for (size_t i = 0; i < records_n; i++)
		if (is_skf(&records[i]) && from_left(&records[i].w)) {
			ck_assert_uint_ge(total_of(&records[i]), total);
			total = total_of(&records[i]);
		}
	ck_assert_uint_gt(total, 3);
	/* What is known now holds for the exchanges to come, and every one may look further. */
	from = records_n;
	ck_assert_int_eq(sim_rekey(duo.left, "link", "lan", false), IKE_OK);
	sim_run_for(&duo.sim, 3000);
	ck_assert_uint_eq(duo.left->rekeyed, 1);
	ck_assert_uint_gt(count_skf(from, true), 3);
	ck_assert_uint_le(largest(from, true), 576);
	ck_assert_uint_le(largest(from, false), 600);
	scenario_fini(&duo);
}
END_TEST

/* Sizes so near to each other that the next one would make as many fragments: it makes more. */
START_TEST(near_sizes)
{
	REQ("7383-2.5.2-7");
	uint16_t before = 0, after = 0;

	pair_of(18, NULL, NULL, "fragment_size = 590;", NULL, NULL);
	mtu_left = 580;
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, 30000);
	scenario_expect_up(&duo, 1);
	for (size_t i = 0; i < records_n; i++) {
		if (!is_skf(&records[i]) || !from_left(&records[i].w))
			continue;
		if (!before)
			before = total_of(&records[i]);
		after = total_of(&records[i]);
	}
	ck_assert_uint_eq(before, 6);
	ck_assert_uint_eq(after, 7);
	scenario_fini(&duo);
}
END_TEST

/* A path that becomes small later. */
START_TEST(smaller_later)
{
	REQ("7383-2.5.2-1");
	plain_pair(9);
	scenario_connect(&duo);
	mtu_left = mtu_right = 600;
	ck_assert_int_eq(sim_rekey(_i ? duo.left : duo.right, "link", "lan", false), IKE_OK);
	sim_run_for(&duo.sim, 30000);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq((_i ? duo.left : duo.right)->rekeyed, 1);
	scenario_fini(&duo);
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
	lost_mask = 0;
	scenario_init(&duo, 10, &l, &r, NULL);
	duo.sim.tap = watch;
	mtu_left = 580;
	mtu_right = _i ? 580 : 0;
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, 5000);
	ck_assert_uint_gt(largest(2, true), 580);
	ck_assert_uint_eq(count_skf(0, true), 0);
	sim_run_for(&duo.sim, 25000);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(count_skf(0, true), 2);
	scenario_fini(&duo);
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
	lost_mask = ~UINT64_C(3);
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, TEN_MINUTES);
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
	ck_assert_uint_eq(sim_ike_sas(duo.left), 0);
	ck_assert_int_eq(duo.left->down_reason.err, IKE_ETIMEOUT);
	scenario_expect_words(duo.left->down_reason.text, "8 attempts");
	scenario_fini(&duo);
}
END_TEST

static enum ike_err report(struct sim_host *h, const char *dst, uint32_t mtu)
{
	struct ike_command c = {.kind = IKE_CMD_PATH_MTU, .mtu = mtu};
	enum ike_err err;

	ck_assert(addr_parse(&c.remote.addr, dst));
	err = ike_engine_command(h->engine, duo.sim.now, &c);
	sim_drain_all(&duo.sim);
	return err;
}

/* Packet Too Big: what is out goes out anew at once, in fragments of at most that size, with a
 * schedule of its own; what is not smaller changes nothing. */
START_TEST(packet_too_big)
{
	REQ("7383-2.5.1-2", "7383-2.5.2-5", "7383-2.5.2-6", "7383-2.5.2-7");
	size_t from;
	ike_time at;

	plain_pair(20);
	scenario_connect(&duo);
	mtu_left = 1000;
	ck_assert_int_eq(sim_rekey(duo.left, "link", "lan", false), IKE_OK);
	from = records_n;
	ck_assert_int_eq(report(duo.left, "10.0.0.3", 1000), IKE_EUNKNOWN);
	ck_assert_int_eq(report(duo.left, "10.0.0.2", 1280), IKE_OK);
	ck_assert_uint_eq(records_n, from);
	at = duo.sim.now;
	ck_assert_int_eq(report(duo.left, "10.0.0.2", 1000), IKE_OK);
	ck_assert_uint_eq(count_skf(from, true), 4);
	ck_assert_uint_eq(total_of(&records[from]), 4);
	ck_assert_uint_le(largest(from, true), 1000);
	ck_assert_uint_eq(records[from].at, at);
	sim_run_for(&duo.sim, 2000);
	ck_assert_uint_eq(duo.left->rekeyed, 1);
	ck_assert_int_eq(
	    report(duo.left, "10.0.0.2", 0), IKE_OK); /* never less than we can do with */
	from = records_n;
	ck_assert_int_eq(sim_rekey(duo.left, "link", "lan", false), IKE_OK);
	sim_run_for(&duo.sim, 2000);
	ck_assert_uint_eq(duo.left->rekeyed, 2);
	ck_assert_uint_le(largest(from, true), 256);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
}
END_TEST

/* One fragment never passes, or its like: both ends say so. */
static bool never(struct sim *s, struct sim_wire *w)
{
	bool skf = w->n > 36 && w->data[16] == 53;

	return !skf || be16_load(w->data + 32) != 2 || from_left(w) != (s->tap_arg == NULL);
}

START_TEST(told_in_words)
{
	pair_of(19, NULL, NULL, "fragment_size = 576;", NULL, NULL);
	duo.sim.tap = never;
	duo.sim.tap_arg = _i ? &duo : NULL;
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, TEN_MINUTES);
	if (_i) {
		scenario_expect_words(duo.left->down_reason.text,
		    "only 5 of 6 fragments of the answer to IKE_AUTH came from 10.0.0.2:4500");
		ck_assert(duo.left->down_retry);
	} else {
		scenario_expect_words(duo.right->down_reason.text,
		    "only 5 of 6 fragments of its IKE_AUTH came from 10.0.0.1:");
	}
	ck_assert_int_eq((_i ? duo.left : duo.right)->down_reason.err, IKE_ETIMEOUT);
	ck_assert_uint_eq(sim_ike_sas(duo.left), 0);
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
	add(suite, "near sizes", near_sizes, 1);
	add(suite, "packet too big", packet_too_big, 1);
	add(suite, "told in words", told_in_words, 2);
	add(suite, "smaller later", smaller_later, 2);
	add(suite, "from whole to pieces", from_whole_to_pieces, 2);
	add(suite, "probe schedule", probe_schedule, 1);
	r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Handshakes under loss, delay, duplicates, reordering, cookies, wrong groups, NAT.
 */
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEN_MINUTES = 600 * 1000 };

START_TEST(plain)
{
	REQ("7296-4-3");
	struct scenario s;

	scenario_init(&s, 1, NULL, NULL, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.sim.sent, 4);
	ck_assert_uint_eq(s.left->ike_ups, 1);
	ck_assert_uint_eq(s.right->ike_ups, 1);
	ck_assert(s.left->path.encap && s.right->path.encap);
	ck_assert_uint_eq(s.left->path.remote.port, 4500);
	scenario_fini(&s);
}
END_TEST

/* Each suite that can be named comes up with mirrored keys. */
static const char *const suites[] = {
    "\"aes256gcm16-prfsha384-ecp384\"",
    "\"aes128gcm16-prfsha256-x25519\"",
    "\"aes128-sha256-modp2048\"",
    "\"aes256-sha384-modp3072\"",
    "\"aes256-sha512-modp4096\"",
    "\"chacha20poly1305-prfsha256-x25519\"",
    "\"aes128gcm16-prfsha512-ecp256\"",
    "\"aes256gcm16-prfsha512-ecp521\"",
    "\"default\"",
};
static const char *const esp_suites[] = {
    "aes256gcm16",
    "aes128gcm16-noesn",
    "aes128-sha256",
    "aes256-sha384",
    "aes256-sha512",
    "chacha20poly1305",
    "null-sha256",
    "aes128gcm16-esn",
    "default",
};

START_TEST(suite_comes_up)
{
	REQ("7296-3.3.4-2");
	char left[512], right[512];
	struct scenario_side l = {.proposals = suites[_i]}, r = l;
	struct scenario s;

	snprintf(left, sizeof left,
	    SCENARIO_CHILD(
		"lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "esp_proposals = [\"%s\"];"),
	    esp_suites[_i]);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD(
		"lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "esp_proposals = [\"%s\"];"),
	    esp_suites[_i]);
	l.children = left;
	r.children = right;
	scenario_init(&s, 2, &l, &r, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/*
 * The first ten datagrams lost as the mask says. Either both ends are up and alike, or a side gave
 * up and, once dead peer detection has had its time, neither holds anything.
 */
static void under_masks(int block, const struct ike_limits *limits)
{
	for (uint32_t mask = (uint32_t)block * 128; mask < (uint32_t)(block + 1) * 128; mask++) {
		struct scenario s;
		scenario_init(&s, mask, NULL, NULL, limits);
		s.sim.loss_mask = mask;
		scenario_connect(&s);
		sim_run_for(&s.sim, TEN_MINUTES);
		/* Three lost datagrams never end a handshake. */
		if (sim_ike_sas(s.left) || __builtin_popcount(mask) <= 3)
			scenario_expect_up(&s, 1);
		else
			scenario_expect_gone(&s);
		scenario_fini(&s);
	}
}

START_TEST(all_masks)
{
	under_masks(_i, NULL);
}
END_TEST

START_TEST(all_lost)
{
	REQ("7296-2.1-6");
	struct scenario s;

	scenario_init(&s, 3, NULL, NULL, NULL);
	s.sim.loss_permille = 1000;
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_uint_eq(s.sim.sent, 6);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ETIMEOUT);
	ck_assert(s.left->down_retry);
	scenario_expect_words(s.left->down_reason.text, "10.0.0.2:500");
	scenario_fini(&s);
}
END_TEST

/* 4 s, then times 1.8 each: strongSwan's schedule. */
static ike_time sent_at[16];

static bool note_time(struct sim *s, struct sim_wire *w)
{
	if (w->number < 16)
		sent_at[w->number] = s->now;
	return false;
}

START_TEST(retransmission_schedule)
{
	REQ("7296-2.4-6");
	static const unsigned gaps[] = {4000, 7200, 12960, 23328, 41990};
	struct scenario s;

	scenario_init(&s, 4, NULL, NULL, NULL);
	s.sim.tap = note_time;
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	for (size_t i = 0; i < 5; i++) {
		uint64_t gap = sent_at[i + 1] - sent_at[i];
		ck_assert_uint_ge(gap, gaps[i] - 2);
		ck_assert_uint_le(gap, gaps[i] + 2);
	}
	scenario_fini(&s);
}
END_TEST

START_TEST(bad_network)
{
	struct scenario s;

	scenario_init(&s, (uint64_t)_i, NULL, NULL, NULL);
	s.sim.loss_permille = 200;
	s.sim.dup_permille = 300;
	s.sim.jitter_ms = 5000;
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	s.sim.loss_permille = s.sim.dup_permille = 0;
	sim_run_for(&s.sim, TEN_MINUTES);
	if (sim_ike_sas(s.left))
		scenario_expect_up(&s, 1);
	else
		scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

START_TEST(repeats_bit_for_bit)
{
	uint64_t digest[3];

	for (unsigned i = 0; i < 3; i++) {
		struct scenario s;
		scenario_init(&s, i < 2 ? 7 : 8, NULL, NULL, NULL);
		s.sim.loss_permille = 100;
		scenario_connect(&s);
		sim_run_for(&s.sim, TEN_MINUTES);
		digest[i] = s.sim.digest;
		scenario_fini(&s);
	}
	ck_assert(digest[0] == digest[1]);
	ck_assert(digest[0] != digest[2]);
}
END_TEST

START_TEST(slow_signer)
{
	struct scenario s;

	scenario_init(&s, 9, NULL, NULL, NULL);
	s.left->op_delay_ms = 9000;
	s.right->op_delay_ms = 15000; /* longer than two retransmissions */
	scenario_connect(&s);
	sim_run_for(&s.sim, 120 * 1000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.right->ike_ups, 1);
	scenario_fini(&s);
}
END_TEST

/* ---- A request that is made again ---- */

static struct {
	uint8_t data[SIM_DATAGRAM];
	size_t n;
} asked[4]; /* the IKE_SA_INIT requests, in order */
static size_t asked_n;

static bool keep_requests(struct sim *s, struct sim_wire *w)
{
	(void)s;
	if (w->n > 28 && w->data[18] == 34 && !(w->data[19] & 0x20) && asked_n < 4) {
		memcpy(asked[asked_n].data, w->data, w->n);
		asked[asked_n++].n = w->n;
	}
	return true;
}

/* Of the n-th, with its generic header but for the next payload field. */
static struct bytes payload_of(size_t n, uint8_t type)
{
	uint8_t next = asked[n].data[16];

	for (size_t at = 28; next && at + 4 <= asked[n].n;) {
		size_t length = be16_load(asked[n].data + at + 2);

		if (next == type)
			return bytes_of(asked[n].data + at + 1, length - 1);
		next = asked[n].data[at];
		at += length;
	}
	ck_abort_msg("request %zu has no payload %u", n, type);
}

static void expect_same(size_t a, size_t b, uint8_t type)
{
	struct bytes x = payload_of(a, type), y = payload_of(b, type);

	ck_assert_uint_eq(x.n, y.n);
	ck_assert_mem_eq(x.p, y.p, x.n);
}

/* Section 2.6: the cookie in front, and behind it bit for bit what stood there before. */
static void expect_cookie_in_front(size_t before, size_t after)
{
	const uint8_t *m = asked[after].data;
	size_t length = be16_load(m + 30);

	ck_assert_uint_eq(m[16], 41);
	ck_assert_uint_eq(be16_load(m + 34), 16390); /* COOKIE */
	ck_assert_uint_eq(m[28], asked[before].data[16]);
	ck_assert_uint_eq(asked[after].n, asked[before].n + length);
	ck_assert_mem_eq(m + 28 + length, asked[before].data + 28, asked[before].n - 28);
	ck_assert_mem_eq(m, asked[before].data, 16); /* the SPIs, and the Message ID */
	ck_assert_mem_eq(m + 20, asked[before].data + 20, 4);
}

/* Sections 2.7 and 1.2: the whole offer once more, another KE payload. */
static void expect_other_group(size_t before, size_t after, uint16_t group)
{
	expect_same(before, after, 33);
	expect_same(before, after, 40);
	ck_assert_uint_ne(be16_load(payload_of(before, 34).p + 3), group);
	ck_assert_uint_eq(be16_load(payload_of(after, 34).p + 3), group);
	ck_assert_mem_eq(asked[after].data, asked[before].data, 16);
}

START_TEST(cookie)
{
	REQ("7296-2.6-4");
	struct ike_limits limits = ike_limits_default;
	struct ike_stats stats;
	struct scenario s;

	limits.cookie_threshold = 0;
	scenario_init(&s, 10, NULL, NULL, &limits);
	asked_n = 0;
	s.sim.tap = keep_requests;
	scenario_connect(&s);
	ck_assert_uint_eq(asked_n, 2);
	expect_cookie_in_front(0, 1);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.sim.sent, 6);
	ike_engine_stats(s.right->engine, &stats);
	ck_assert_uint_eq(stats.cookies_sent, 1);
	scenario_fini(&s);
}
END_TEST

/* The same under loss: every mask of the first ten datagrams. */
START_TEST(cookie_all_masks)
{
	struct ike_limits limits = ike_limits_default;

	limits.cookie_threshold = 0;
	under_masks(_i, &limits);
}
END_TEST

/*
 *   left   IKE_SA_INIT  KE x25519, offers x25519 and ecp384   -->
 *          <--  INVALID_KE_PAYLOAD 20                         right
 *   left   IKE_SA_INIT  KE ecp384, the whole offer again      -->
 */
START_TEST(wrong_group)
{
	REQ("7296-1.2-4", "7296-1.2-5", "7296-3.3.6-9", "7296-3.3.6-10", "7296-3.4-5");
	static const struct scenario_side left = {
	    .proposals = "\"aes256gcm16-prfsha384-x25519-ecp384\""};
	static const struct scenario_side right = {.proposals = "\"aes256gcm16-prfsha384-ecp384\""};
	struct scenario s;

	scenario_init(&s, 11, &left, &right, NULL);
	asked_n = 0;
	s.sim.tap = keep_requests;
	scenario_connect(&s);
	ck_assert_uint_eq(asked_n, 2);
	expect_other_group(0, 1, 20);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.sim.sent, 6);
	scenario_fini(&s);
}
END_TEST

START_TEST(wrong_group_and_cookie)
{
	REQ("7296-2.6.1-1", "7296-2.6-4");
	static const struct scenario_side left = {
	    .proposals = "\"aes256gcm16-prfsha384-x25519-ecp384\""};
	static const struct scenario_side right = {.proposals = "\"aes256gcm16-prfsha384-ecp384\""};
	struct ike_limits limits = ike_limits_default;
	struct scenario s;

	limits.cookie_threshold = 0;
	scenario_init(&s, 12, &left, &right, &limits);
	asked_n = 0;
	s.sim.tap = keep_requests;
	scenario_connect(&s);
	ck_assert_uint_eq(asked_n, 3);
	expect_cookie_in_front(0, 1);
	expect_other_group(1, 2, 20);
	expect_same(1, 2, 41); /* the first notification: the cookie is kept (section 2.6.1) */
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* A responder that forgets its cookies in between, as one that binds them to the group would: it
 * gets another one back. */
START_TEST(wrong_group_and_two_cookies)
{
	REQ("7296-2.6.1-2");
	static const struct scenario_side left = {
	    .proposals = "\"aes256gcm16-prfsha384-x25519-ecp384\""};
	static const struct scenario_side right = {.proposals = "\"aes256gcm16-prfsha384-ecp384\""};
	struct ike_limits limits = ike_limits_default;
	struct scenario s;

	limits.cookie_threshold = 0;
	scenario_init(&s, 13, &left, &right, &limits);
	asked_n = 0;
	s.sim.tap = keep_requests;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	while (asked_n < 3)
		sim_run_for(&s.sim, 1);
	sim_host_restart(s.right, NULL);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(asked_n, 4);
	expect_same(2, 3, 33);
	expect_same(2, 3, 34);
	ck_assert(!bytes_equal(payload_of(2, 41), payload_of(3, 41)));
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* What comes from the NAT box's address: the last message of IKE, and keepalives. */
static struct sim_keepalives {
	struct endpoint ike;
	unsigned n, odd;
} heard;

static bool hear(struct sim *sim, struct sim_wire *w)
{
	(void)sim;
	if (w->from.port < 20000)
		return true;
	if (w->n > 1) {
		heard.ike = w->from;
		return true;
	}
	heard.n++;
	heard.odd += w->data[0] != 0xff || w->marker || !endpoint_equal(&w->from, &heard.ike);
	return true;
}

START_TEST(behind_nat)
{
	REQ("3948-2.1-1", "3948-2.3-1", "3948-2.3-4", "3948-4-2");
	REQ("7296-2.11-1", "7296-2.23-2", "7296-2.23-3", "7296-2.23-9", "7296-2.23-10");
	struct scenario s;

	scenario_init(&s, 13, NULL, NULL, NULL);
	sim_host_nat(s.left, "203.0.113.9", 20000);
	heard = (struct sim_keepalives){.n = 0};
	s.sim.tap = hear;
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert(s.left->path.keepalive);
	ck_assert(!s.right->path.keepalive);
	ck_assert_uint_eq(s.right->path.remote.port, 24500);
	/* ESP goes where IKE goes. */
	const struct ike_child_up *c = &sim_child_named(s.right, "lan")->sa;
	ck_assert(c->encap && endpoint_equal(&c->remote, &s.right->path.remote));
	ck_assert_uint_eq(c->local.port, 4500);
	c = &sim_child_named(s.left, "lan")->sa;
	ck_assert_uint_eq(c->local.port, 4500);
	ck_assert_uint_eq(c->remote.port, 4500);
	sim_run_for(&s.sim, 21 * 1000);
	ck_assert_uint_ge(heard.n, 1);
	ck_assert_uint_eq(heard.odd, 0);
	scenario_fini(&s);
}
END_TEST

/* The peer is gone, and its NAT box, or anybody, goes on sending keepalives. */
START_TEST(keepalives_are_no_life)
{
	REQ("3948-4-1");
	uint8_t one = 0xff;
	struct scenario s;
	unsigned minutes = 0;

	scenario_init(&s, 13, NULL, NULL, NULL);
	sim_host_nat(s.left, "203.0.113.9", 20000);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	struct sim_wire w = {.from = s.right->path.remote,
	    .to = s.right->path.local,
	    .data = &one,
	    .n = 1,
	    .cap = 1};
	s.left->gone = true;
	for (; minutes < 10 && sim_ike_established(s.right); minutes++) {
		for (int i = 0; i < 6; i++) {
			sim_inject(s.right, &w);
			sim_run_for(&s.sim, 10 * 1000);
		}
	}
	ck_assert_uint_le(minutes, 4);
	ck_assert_int_eq(s.right->down_reason.err, IKE_ETIMEOUT);
	scenario_fini(&s);
}
END_TEST

/* The NAT box forgets its mapping: the next authenticated message moves the path. */
START_TEST(nat_rebinds)
{
	REQ("7296-2.23-13");
	struct scenario s;

	scenario_init(&s, 14, NULL, NULL, NULL);
	sim_host_nat(s.left, "203.0.113.9", 20000);
	scenario_connect(&s);
	s.left->nat_shift = 30000;
	sim_run_for(&s.sim, 120 * 1000);
	ck_assert_uint_eq(s.right->path.remote.port, 34500);
	ck_assert_uint_ge(s.right->paths, 1);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(plain_esp_without_nat)
{
	static const struct scenario_side side = {.conn = "encap = false;"};
	struct scenario s;

	scenario_init(&s, 15, &side, &side, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert(!sim_child_named(s.left, "lan")->sa.encap);
	ck_assert(!sim_child_named(s.right, "lan")->sa.encap);
	scenario_fini(&s);
}
END_TEST

START_TEST(no_encap_but_nat)
{
	REQ("7296-2.23-6", "7296-2.23-8");
	static const struct scenario_side side = {.conn = "encap = false;"};
	struct scenario s;

	scenario_init(&s, 16, &side, &side, NULL);
	sim_host_nat(s.left, "203.0.113.9", 20000);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert(sim_child_named(s.left, "lan")->sa.encap);
	ck_assert(sim_child_named(s.right, "lan")->sa.encap);
	scenario_fini(&s);
}
END_TEST

/* One side only forces UDP encapsulation; the other follows through NAT detection. */
START_TEST(encap_forced_by_one)
{
	static const struct scenario_side forced = {.conn = "encap = true;"};
	static const struct scenario_side relaxed = {.conn = "encap = false;"};
	struct scenario s;

	scenario_init(&s, 17, _i ? &forced : &relaxed, _i ? &relaxed : &forced, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert(sim_child_named(s.left, "lan")->sa.encap);
	ck_assert(!s.left->path.keepalive);
	ck_assert(!s.right->path.keepalive);
	scenario_fini(&s);
}
END_TEST

START_TEST(starts_on_4500)
{
	static const struct scenario_side left = {.conn = "remote_port = 4500;"};
	struct scenario s;

	scenario_init(&s, 18, &left, NULL, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.sim.sent, 4);
	scenario_fini(&s);
}
END_TEST

/* Both call each other at the same moment: two IKE SAs, of which `unique` leaves one. */
START_TEST(both_call)
{
	struct scenario s;

	scenario_init(&s, 19, NULL, NULL, NULL);
	sim_up(s.left, "link", NULL, s.right);
	sim_up(s.right, "link", NULL, s.left);
	sim_run_for(&s.sim, TEN_MINUTES);
	ck_assert_uint_ge(sim_ike_established(s.left), 1);
	ck_assert_uint_eq(sim_ike_established(s.left), sim_ike_established(s.right));
	ck_assert(sim_mirrored(s.left, s.right));
	ck_assert_uint_ge(sim_children_up(s.left), 1);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_handshake");
	TCase *t = tcase_create("handshake");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, plain);
	tcase_add_loop_test(t, suite_comes_up, 0, (int)(sizeof suites / sizeof suites[0]));
	tcase_add_loop_test(t, all_masks, 0, 8);
	tcase_add_test(t, all_lost);
	tcase_add_test(t, retransmission_schedule);
	tcase_add_loop_test(t, bad_network, 0, 40);
	tcase_add_test(t, repeats_bit_for_bit);
	tcase_add_test(t, slow_signer);
	tcase_add_test(t, cookie);
	tcase_add_loop_test(t, cookie_all_masks, 0, 8);
	tcase_add_test(t, wrong_group);
	tcase_add_test(t, wrong_group_and_cookie);
	tcase_add_test(t, wrong_group_and_two_cookies);
	tcase_add_test(t, behind_nat);
	tcase_add_test(t, keepalives_are_no_life);
	tcase_add_test(t, nat_rebinds);
	tcase_add_test(t, plain_esp_without_nat);
	tcase_add_test(t, no_encap_but_nat);
	tcase_add_loop_test(t, encap_forced_by_one, 0, 2);
	tcase_add_test(t, starts_on_4500);
	tcase_add_test(t, both_call);
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

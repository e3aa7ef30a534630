/*
 * Child SAs: narrowing, several of them, further ones, deletes that cross, limits, `unique`.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A_MINUTE = 60 * 1000, TEN_MINUTES = 600 * 1000 };

static const struct {
	const char *left_local, *left_remote, *right_local, *right_remote;
	const char *local, *remote; /* what left must end up with */
} narrowings[] = {
    {"\"10.1.0.0/16\"", "\"0.0.0.0/0\"", "\"10.2.0.0/16\"", "\"10.0.0.0/8\"", "10.1.0.0/16",
	"10.2.0.0/16"},
    {"\"10.0.0.0/8\"", "\"10.2.0.0/16\"", "\"10.2.3.0/24\"", "\"10.1.0.0/24\"", "10.1.0.0/24",
	"10.2.3.0/24"},
    {"\"10.1.0.0/16\"", "\"10.2.0.0/16\", \"10.3.0.0/16\"", "\"10.3.0.0/16\", \"10.2.0.0/16\"",
	"\"10.1.0.0/16\"", "10.1.0.0/16", "10.3.0.0/16, 10.2.0.0/16"},
    {"\"10.1.0.0/16\"", "\"10.2.0.0/16[tcp]\"", "\"10.2.0.0/16[tcp/443]\"", "\"10.1.0.0/16\"", NULL,
	NULL},
    /* Ranges of addresses and ports, protocols, ICMP types and codes: section 3.13.1. */
    {"\"10.1.0.10-10.1.0.200\"", "\"10.2.0.0/16[tcp/1000-2000]\"",
	"\"10.2.0.0/24[tcp/1500-65535]\"", "\"10.1.0.100-10.1.1.255\"", "10.1.0.100-10.1.0.200",
	"10.2.0.0/24[tcp/1500-2000]"},
    {"\"10.1.0.0/16[icmp]\"", "\"10.2.0.0/16[icmp]\"", "\"10.2.0.0/16[icmp/8]\"",
	"\"10.1.0.0/16[icmp/8]\"", "10.1.0.0/16[icmp/8]", "10.2.0.0/16[icmp/8]"},
    {"\"10.1.0.0/16[icmp/3]\"", "\"10.2.0.0/16[icmp/3]\"", "\"10.2.0.0/16[icmp/3(4)]\"",
	"\"10.1.0.0/16[icmp/3(4)]\"", "10.1.0.0/16[icmp/3(4)]", "10.2.0.0/16[icmp/3(4)]"},
    {"\"fd00:1::/64[icmpv6/128]\"", "\"fd00:2::/64[icmpv6]\"", "\"fd00:2::/64\"", "\"fd00:1::/48\"",
	"fd00:1::/64[icmpv6/128]", "fd00:2::/64[icmpv6]"},
    /* Both families, several of each; what the other side has none of goes. */
    {"\"10.1.0.0/16\", \"fd00:1::/64\"", "\"10.2.0.0/16\", \"fd00:2::/64\", \"192.168.0.0/24\"",
	"\"fd00:2::/56\", \"10.2.0.0/16[udp/53]\", \"10.2.0.0/16[tcp/53]\"",
	"\"10.0.0.0/8\", \"fd00:1::/64\"", "10.1.0.0/16, fd00:1::/64",
	"fd00:2::/64, 10.2.0.0/16[udp/53], 10.2.0.0/16[tcp/53]"},
    {"\"fd00:1::/64\"", "\"::/0\"", "\"fd00:2::/64\"", "\"fd00:1::/48\"", "fd00:1::/64",
	"fd00:2::/64"},
    {"\"dynamic\"", "\"dynamic\"", "\"dynamic\"", "\"dynamic\"", "10.0.0.1/32", "10.0.0.2/32"},
    {"\"dynamic\"", "\"10.2.0.0/16\"", "\"10.2.0.0/16\"", "\"dynamic\"", "10.0.0.1/32",
	"10.2.0.0/16"},
};

START_TEST(narrowing)
{
	REQ("7296-2.9-3");
	char left[512], right[512], text[512];
	struct scenario s;

	snprintf(left, sizeof left, "lan = { local_ts = [%s]; remote_ts = [%s]; };",
	    narrowings[_i].left_local, narrowings[_i].left_remote);
	snprintf(right, sizeof right, "lan = { local_ts = [%s]; remote_ts = [%s]; };",
	    narrowings[_i].right_local, narrowings[_i].right_remote);
	struct scenario_side l = {.children = left}, r = {.children = right};
	scenario_init(&s, 1, &l, &r, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	struct sim_child *c = sim_child_named(s.left, "lan");
	if (narrowings[_i].local)
		ck_assert_str_eq(
		    ts_list_text(&c->sa.local_ts, text, sizeof text), narrowings[_i].local);
	if (narrowings[_i].remote)
		ck_assert_str_eq(
		    ts_list_text(&c->sa.remote_ts, text, sizeof text), narrowings[_i].remote);
	scenario_fini(&s);
}
END_TEST

/* KE payloads of CREATE_CHILD_SA: in requests, and in answers. */
static unsigned kes[2];

static bool count_kes(struct sim *sim, struct sim_wire *w)
{
	static struct ike_msg m;

	if (evil_open(sim, w, &m) && m.hdr.exchange == IKE_EXCHANGE_CREATE_CHILD)
		kes[ike_hdr_is_response(&m.hdr)] += ike_msg_has(&m, IKE_PLD_KE);
	return true;
}

/* A key exchange is offered, and a proposal without one is chosen: the payload means nothing then.
 */
START_TEST(chosen_without_ke)
{
	REQ("7296-3.3.6-11");
	static const char left[] = "esp_proposals = [\"aes256gcm16-x25519\", \"aes128gcm16\"];",
			  right[] = "esp_proposals = [\"aes128gcm16\"];";
	char here[256], there[256];
	struct scenario_side l = {.children = here, .conn = "childless = \"force\";"},
			     r = {.children = there};
	struct scenario s;

	snprintf(here, sizeof here,
	    SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "%s"), left);
	snprintf(there, sizeof there,
	    SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "%s"), right);
	kes[0] = kes[1] = 0;
	scenario_init(&s, 2, &l, &r, NULL);
	s.sim.tap = count_kes;
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(kes[0], 1);
	ck_assert_uint_eq(kes[1], 0);
	const struct suite *suite = &sim_child_named(s.left, "lan")->sa.suite;
	ck_assert_uint_eq(suite->ke.id, KE_NONE);
	ck_assert_uint_eq(suite->encr.key_bits, 128);
	scenario_fini(&s);
}
END_TEST

#define TWO_LEFT                                                        \
	SCENARIO_CHILD("one", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "") \
	SCENARIO_CHILD("two", "\"10.1.0.0/16\"", "\"10.3.0.0/16\"", "")
#define TWO_RIGHT                                                       \
	SCENARIO_CHILD("one", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "") \
	SCENARIO_CHILD("two", "\"10.3.0.0/16\"", "\"10.1.0.0/16\"", "")

static const struct scenario_side two_left = {.children = TWO_LEFT};
static const struct scenario_side two_right = {.children = TWO_RIGHT};

START_TEST(two_children)
{
	struct scenario s;

	scenario_init(&s, 2, &two_left, &two_right, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 2);
	ck_assert_ptr_nonnull(sim_child_named(s.left, "one"));
	ck_assert_ptr_nonnull(sim_child_named(s.right, "two"));
	ck_assert_uint_eq(s.sim.sent, 6);
	scenario_fini(&s);
}
END_TEST

/* The further child comes later, from either end; its PFS exchange too, with a wrong first guess.
 */
static const char *const pfs[] = {"aes128gcm16", "aes128gcm16-x25519", "aes128gcm16-ecp256"};

START_TEST(further_child)
{
	char left[1024], right[1024];
	struct scenario s;

	snprintf(left, sizeof left,
	    SCENARIO_CHILD("one", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "") SCENARIO_CHILD(
		"two", "\"10.1.0.0/16\"", "\"10.3.0.0/16\"", "esp_proposals = [\"%s\"];"),
	    pfs[_i / 2]);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD("one", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "") SCENARIO_CHILD(
		"two", "\"10.3.0.0/16\"", "\"10.1.0.0/16\"", "esp_proposals = [\"%s\"];"),
	    pfs[_i / 2]);
	struct scenario_side l = {.children = left}, r = {.children = right};
	scenario_init(&s, 3, &l, &r, NULL);
	sim_up(s.left, "link", "one", s.right);
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 1);
	if (_i % 2)
		sim_up(s.right, "link", "two", s.left);
	else
		sim_up(s.left, "link", "two", s.right);
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 2);
	scenario_fini(&s);
}
END_TEST

/*
 *   left   CREATE_CHILD_SA  KE x25519, offers x25519 and ecp384  -->
 *          <--  INVALID_KE_PAYLOAD 20                            right
 *   left   CREATE_CHILD_SA  KE ecp384                            -->
 */
START_TEST(further_child_wrong_group)
{
	REQ("7296-1.3-3");
	static const struct scenario_side left = {
	    .children = SCENARIO_CHILD("one", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "")
		SCENARIO_CHILD("two", "\"10.1.0.0/16\"", "\"10.3.0.0/16\"",
		    "esp_proposals = [\"aes128gcm16-x25519-ecp384\"];")};
	static const struct scenario_side right = {
	    .children = SCENARIO_CHILD("one", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "")
		SCENARIO_CHILD("two", "\"10.3.0.0/16\"", "\"10.1.0.0/16\"",
		    "esp_proposals = [\"aes128gcm16-ecp384\"];")};
	struct scenario s;

	scenario_init(&s, 4, &left, &right, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 2);
	ck_assert_uint_eq(s.sim.sent, 8);
	scenario_fini(&s);
}
END_TEST

START_TEST(down_and_up_again)
{
	struct scenario s;

	scenario_init(&s, 5, &two_left, &two_right, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 2);
	sim_down(s.left, "link", "two");
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 1);
	sim_up(s.left, "link", "two", s.right);
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 2);
	sim_down(s.right, "link", NULL);
	sim_run_for(&s.sim, 5000);
	scenario_expect_gone(&s);
	ck_assert_int_eq(s.left->down_reason.err, IKE_EPEERDELETE);
	ck_assert_int_eq(s.right->down_reason.err, IKE_ELOCALDELETE);
	scenario_fini(&s);
}
END_TEST

/*
 *   left   INFORMATIONAL D(ESP)  --> X <--  INFORMATIONAL D(ESP)   right
 *   Each answers the other's delete without naming the child again (RFC 7296 section 1.4.1).
 */
START_TEST(child_deletes_cross)
{
	REQ("7296-1.4.1-4");
	struct scenario s;

	scenario_init(&s, 6, &two_left, &two_right, NULL);
	scenario_connect(&s);
	sim_down(s.left, "link", "one");
	sim_down(s.right, "link", "one");
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_up(&s, 1);
	ck_assert_ptr_nonnull(sim_child_named(s.left, "two"));
	scenario_fini(&s);
}
END_TEST

START_TEST(ike_deletes_cross)
{
	struct scenario s;

	scenario_init(&s, 7, NULL, NULL, NULL);
	scenario_connect(&s);
	sim_down(s.left, "link", NULL);
	sim_down(s.right, "link", NULL);
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

/* One end deletes the IKE SA while the other asks for a child, and the reverse. */
START_TEST(delete_crosses_create)
{
	struct scenario s;

	scenario_init(&s, 8, &two_left, &two_right, NULL);
	sim_up(s.left, "link", "one", s.right);
	sim_run_for(&s.sim, 5000);
	if (_i) {
		sim_up(s.left, "link", "two", s.right);
		sim_down(s.right, "link", NULL);
	} else {
		sim_down(s.left, "link", NULL);
		sim_up(s.right, "link", "two", s.left);
	}
	sim_run_for(&s.sim, TEN_MINUTES);
	ck_assert(sim_mirrored(s.left, s.right));
	ck_assert_uint_eq(sim_ike_sas(s.left), sim_ike_sas(s.right));
	scenario_fini(&s);
}
END_TEST

START_TEST(stop)
{
	struct scenario s;

	scenario_init(&s, 9, &two_left, &two_right, NULL);
	scenario_connect(&s);
	s.right->gone = _i;
	sim_stop(s.left);
	sim_run_for(&s.sim, 6000);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	if (!_i)
		scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

START_TEST(stop_while_connecting)
{
	struct scenario s;

	scenario_init(&s, 10, NULL, NULL, NULL);
	s.right->gone = true;
	scenario_connect(&s);
	sim_stop(s.left);
	sim_run_for(&s.sim, 6000);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	scenario_fini(&s);
}
END_TEST

START_TEST(hard_lifetime)
{
	struct scenario s;

	scenario_init(&s, 11, NULL, NULL, NULL);
	scenario_connect(&s);
	struct ike_command c = {.kind = IKE_CMD_EXPIRED, .spi = s.left->children[0].sa.spi_in};
	ck_assert_int_eq(ike_engine_command(s.left->engine, s.sim.now, &c), IKE_OK);
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 0);
	scenario_fini(&s);
}
END_TEST

START_TEST(life_time)
{
	static const struct scenario_side left = {
	    .children = SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"",
		"rekey_time = 0; life_time = \"60s\";")};
	struct scenario s;

	scenario_init(&s, 12, &left, NULL, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	sim_run_for(&s.sim, 50 * 1000);
	scenario_expect_up(&s, 1);
	sim_run_for(&s.sim, 15 * 1000);
	scenario_expect_up(&s, 0);
	scenario_fini(&s);
}
END_TEST

START_TEST(trapped_packet)
{
	REQ("7296-2.9-2");
	struct scenario s;
	char text[512];

	scenario_init(&s, 13, NULL, NULL, NULL);
	struct ike_command c = {.kind = IKE_CMD_ACQUIRE, .tag = 5};
	c.conn = config_conn_find(s.left->config, "link");
	c.child = config_child_find(c.conn, "lan");
	c.local = (struct endpoint){s.left->addr, 500};
	c.remote = (struct endpoint){s.right->addr, 500};
	c.flow = (struct ts_flow){.src = addr_v4(0x0a010203),
	    .dst = addr_v4(0x0a020304),
	    .proto = TS_PROTO_TCP,
	    .has_ports = true,
	    .sport = 40000,
	    .dport = 443};
	ck_assert_int_eq(ike_engine_command(s.left->engine, s.sim.now, &c), IKE_OK);
	sim_drain_all(&s.sim);
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 1);
	ck_assert_str_eq(
	    ts_list_text(&s.left->children[0].sa.remote_ts, text, sizeof text), "10.2.0.0/16");
	scenario_fini(&s);
}
END_TEST

/* The laptop restarts without a word: INITIAL_CONTACT clears what it had. */
START_TEST(initial_contact)
{
	REQ("7296-2.4-4");
	struct scenario s;

	scenario_init(&s, 14, NULL, NULL, NULL);
	scenario_connect(&s);
	struct sim_host *again =
	    sim_host_add(&s.sim, "again", "10.0.0.3", scenario_text(NULL, true), NULL);
	s.left->gone = true;
	ck_assert_int_eq(sim_up(again, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(sim_ike_sas(s.right), 1);
	ck_assert_uint_eq(sim_children_up(s.right), 1);
	ck_assert_int_eq(s.right->down_reason.err, IKE_EREPLACED);
	ck_assert(sim_mirrored(again, s.right));
	scenario_fini(&s);
}
END_TEST

/* The one that was called restarts at once and calls by itself: its first word clears what it had.
 */
START_TEST(initial_contact_from_the_called)
{
	struct scenario s;

	scenario_init(&s, 17, NULL, NULL, NULL);
	scenario_connect(&s);
	s.right->gone = true;
	struct sim_host *again =
	    sim_host_add(&s.sim, "again", "10.0.0.2", scenario_text(NULL, false), NULL);
	ck_assert_int_eq(sim_up(again, "link", NULL, s.left), IKE_OK);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(sim_ike_sas(s.left), 1);
	ck_assert_int_eq(s.left->down_reason.err, IKE_EREPLACED);
	ck_assert_uint_eq(sim_children_up(again), 1);
	ck_assert(sim_mirrored(again, s.left));
	scenario_fini(&s);
}
END_TEST

/* The same without the announcement: `unique` replaces the old one, and says so to its peer. */
START_TEST(begins_anew_in_silence)
{
	static const struct scenario_side silent = {.conn = "unique = \"never\";"};
	static const struct scenario_side patient = {.conn = "dpd_delay = 0;"};
	struct scenario s;

	scenario_init(&s, 18, &silent, &patient, NULL);
	scenario_connect(&s);
	s.left->gone = true;
	struct sim_host *again =
	    sim_host_add(&s.sim, "again", "10.0.0.1", scenario_text(&silent, true), NULL);
	ck_assert_int_eq(sim_up(again, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 5000);
	/* It might be authenticating once more: the old one goes on until the new one is in use, or
	 * for half a minute. */
	struct ike_command alive = {
	    .kind = IKE_CMD_ALIVE, .spi = sim_child_named(again, "lan")->sa.spi_out};
	ck_assert_int_eq(ike_engine_command(s.right->engine, s.sim.now, &alive), IKE_OK);
	sim_drain_all(&s.sim);
	ck_assert_uint_eq(sim_sends_with(s.right, "lan"), sim_child_named(again, "lan")->sa.spi_in);
	/* Its Delete is sent as often as any request, and nobody answers. */
	sim_run_for(&s.sim, 200 * 1000);
	ck_assert_int_eq(s.right->down_reason.err, IKE_EREPLACED);
	ck_assert_uint_eq(sim_children_up(again), 1);
	ck_assert(sim_mirrored(again, s.right));
	scenario_fini(&s);
}
END_TEST

START_TEST(unique_keep)
{
	static const struct scenario_side keep = {.conn = "unique = \"keep\";"};
	struct scenario s;

	scenario_init(&s, 15, NULL, &keep, NULL);
	scenario_connect(&s);
	struct sim_host *second =
	    sim_host_add(&s.sim, "second", "10.0.0.3", scenario_text(NULL, true), NULL);
	ck_assert_int_eq(sim_up(second, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, TEN_MINUTES);
	ck_assert_uint_eq(sim_ike_established(s.right), 1);
	ck_assert(sim_mirrored(s.left, s.right));
	ck_assert_uint_eq(sim_ike_sas(second), 0);
	scenario_fini(&s);
}
END_TEST

START_TEST(child_limit)
{
	struct ike_limits limits = ike_limits_default;
	struct scenario s;

	limits.children_per_sa = 1;
	scenario_init(&s, 16, &two_left, &two_right, &limits);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->child_fails, 1);
	scenario_fini(&s);
}
END_TEST

/* Seeded storms of commands on a bad network end alike at both ends. */
static void random_command(struct scenario *s, uint64_t *dice)
{
	static const char *const names[] = {"one", "two", NULL};
	unsigned r = (unsigned)(sim_rand_next(dice) >> 40);
	struct sim_host *h = r & 1 ? s->left : s->right;
	struct sim_host *peer = r & 1 ? s->right : s->left;
	const char *child = names[(r >> 1) % 3];

	if ((r >> 4) % 5 < 3)
		sim_up(h, "link", child, peer);
	else
		sim_down(h, "link", child);
}

START_TEST(storm)
{
	uint64_t dice = (uint64_t)_i;
	struct scenario s;

	scenario_init(&s, (uint64_t)_i, &two_left, &two_right, NULL);
	s.sim.loss_permille = 50;
	s.sim.dup_permille = 50;
	s.sim.jitter_ms = 200;
	for (unsigned i = 0; i < 60; i++) {
		random_command(&s, &dice);
		sim_run_for(&s.sim, (sim_rand_next(&dice) >> 40) % 3000);
	}
	s.sim.loss_permille = 0;
	sim_run_for(&s.sim, 3 * TEN_MINUTES);
	ck_assert(sim_mirrored(s.left, s.right));
	ck_assert_uint_eq(sim_ike_sas(s.left), sim_ike_sas(s.right));
	ck_assert_uint_eq(sim_ike_sas(s.left), sim_ike_established(s.left));
	sim_stop(s.left);
	sim_stop(s.right);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_children");
	TCase *t = tcase_create("children");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, chosen_without_ke);
	tcase_add_loop_test(t, narrowing, 0, (int)(sizeof narrowings / sizeof narrowings[0]));
	tcase_add_test(t, two_children);
	tcase_add_loop_test(t, further_child, 0, 6);
	tcase_add_test(t, further_child_wrong_group);
	tcase_add_test(t, down_and_up_again);
	tcase_add_test(t, child_deletes_cross);
	tcase_add_test(t, ike_deletes_cross);
	tcase_add_loop_test(t, delete_crosses_create, 0, 2);
	tcase_add_loop_test(t, stop, 0, 2);
	tcase_add_test(t, stop_while_connecting);
	tcase_add_test(t, hard_lifetime);
	tcase_add_test(t, life_time);
	tcase_add_test(t, trapped_packet);
	tcase_add_test(t, initial_contact);
	tcase_add_test(t, initial_contact_from_the_called);
	tcase_add_test(t, begins_anew_in_silence);
	tcase_add_test(t, unique_keep);
	tcase_add_test(t, child_limit);
	tcase_add_loop_test(t, storm, 0, 50);
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

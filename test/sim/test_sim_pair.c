/*
 * A responder that takes one pair of addresses for each child, and says SINGLE_PAIR_REQUIRED to
 * more: RFC 7296 section 2.9. The wire makes one of right: it spoils requests with several
 * selectors, so that right refuses them, and changes the refusal.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/req.h"

static struct scenario s;
static unsigned spoilt, refused;

/* One bit of a payload's body. */
static void flip(struct sim *sim, struct sim_wire *w, unsigned payload, uint32_t bit)
{
	struct evil e = {.number = w->number, .payload = payload, .kind = EVIL_DAMAGE, .arg = bit};

	sim->tap_arg = &e;
	evil_tap(sim, w);
	ck_assert(e.done);
}

static unsigned place_of(struct sim *sim, struct sim_wire *w, uint8_t type)
{
	for (unsigned i = 0; i < 20; i++) {
		struct evil e = {.number = w->number, .payload = i, .kind = EVIL_DAMAGE, .arg = 0};

		sim->tap_arg = &e;
		evil_tap(sim, w);
		if (e.done && e.type == type) {
			evil_tap(sim, w); /* the bit as it was */
			return i;
		}
		if (e.done)
			evil_tap(sim, w);
	}
	ck_abort_msg("no payload %u", type);
	return 0;
}

static bool one_pair_only(struct sim *sim, struct sim_wire *w)
{
	static struct ike_msg m;
	unsigned at;

	if (!evil_open(sim, w, &m))
		return true;
	if (!ike_hdr_is_response(&m.hdr) && ike_msg_has(&m, IKE_PLD_TSI)) {
		if (m.tsi.n == 1 && m.tsr.n == 1 && m.tsr.v[0].port_lo == 443)
			return true;
		/* The first transform's ID: nobody has it. */
		flip(sim, w, place_of(sim, w, IKE_PLD_SA), 8 * (8 + 4 + 6));
		spoilt++;
	}
	if (ike_hdr_is_response(&m.hdr) && ike_msg_notify(&m, IKE_N_NO_PROPOSAL_CHOSEN)) {
		/* 14 becomes 34 */
		at = place_of(sim, w, IKE_PLD_NOTIFY);
		flip(sim, w, at, 8 * 3 + 5);
		flip(sim, w, at, 8 * 3 + 3);
		flip(sim, w, at, 8 * 3 + 2);
		refused++;
	}
	return true;
}

static enum ike_err acquire(void)
{
	struct ike_command c = {.kind = IKE_CMD_ACQUIRE, .tag = 5};
	enum ike_err err;

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
	err = ike_engine_command(s.left->engine, s.sim.now, &c);
	sim_drain_all(&s.sim);
	return err;
}

static void begin(uint64_t seed, bool childless)
{
	static const char suite[] = "esp_proposals = [\"aes256gcm16\"];";
	char left[256], right[256];
	struct scenario_side l = {.conn = childless ? "childless = \"force\";" : "",
				 .children = left},
			     r = {.children = right};

	snprintf(left, sizeof left,
	    SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "%s"), suite);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "%s"), suite);

	spoilt = refused = 0;
	scenario_init(&s, seed, &l, &r, NULL);
	s.sim.tap = one_pair_only;
}

static void expect_one_pair(void)
{
	struct sim_child *c = sim_child_named(s.left, "lan");
	char text[512];

	scenario_expect_up(&s, 1);
	ck_assert_str_eq(
	    ts_list_text(&c->sa.local_ts, text, sizeof text), "10.1.2.3/32[tcp/40000]");
	ck_assert_str_eq(ts_list_text(&c->sa.remote_ts, text, sizeof text), "10.2.3.4/32[tcp/443]");
}

/* Asked for with IKE_AUTH, or after it; new keys are asked for in the same way. */
START_TEST(asks_for_the_packet_alone)
{
	begin(600, _i);
	ck_assert_int_eq(acquire(), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(spoilt, 1);
	ck_assert_uint_eq(refused, 1);
	expect_one_pair();
	ck_assert_int_eq(sim_rekey(s.left, "link", "lan", false), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	ck_assert_uint_eq(spoilt, 1);
	expect_one_pair();
	scenario_fini(&s);
}
END_TEST

/* No packet says which pair. */
START_TEST(says_what_is_missing)
{
	begin(602, _i);
	scenario_connect(&s);
	scenario_expect_up(&s, 0);
	ck_assert_uint_eq(refused, 1);
	scenario_expect_words(s.left->child_reason.text, "start_action = \"trap\"");
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/pair");
	TCase *t = tcase_create("pair");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, asks_for_the_packet_alone, 0, 2);
	tcase_add_loop_test(t, says_what_is_missing, 0, 2);
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

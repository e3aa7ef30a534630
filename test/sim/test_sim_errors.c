/*
 * Failures: both ends say the cause, both sides of the difference, and hold nothing afterwards.
 */
#include "ike/task/task.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { TEN_MINUTES = 600 * 1000 };

START_TEST(wrong_psk)
{
	static const struct scenario_side right = {.psk = "quite another secret, as long"};
	struct scenario s;

	scenario_init(&s, 1, NULL, &right, NULL);
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_uint_eq(s.left->ike_ups + s.right->ike_ups, 0);
	ck_assert_uint_eq(s.left->child_ups + s.right->child_ups, 0);
	ck_assert_int_eq(s.right->down_reason.err, IKE_EAUTH);
	scenario_expect_words(s.right->down_reason.text, "left.example.org");
	scenario_expect_words(s.left->down_reason.text, "left.example.org");
	scenario_expect_words(s.left->down_reason.text, "right.example.org");
	scenario_fini(&s);
}
END_TEST

START_TEST(no_secret)
{
	struct scenario s;

	scenario_init(&s, 2, NULL, NULL, NULL);
	(_i ? s.left : s.right)->no_secrets = true;
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_int_eq((_i ? s.left : s.right)->down_reason.err, IKE_ENOSECRET);
	scenario_fini(&s);
}
END_TEST

START_TEST(no_common_ike_proposal)
{
	REQ("7296-3.3.4-3", "7296-2.7-3");
	static const struct scenario_side left = {.proposals = "\"aes256gcm16-prfsha384-ecp384\""};
	static const struct scenario_side right = {.proposals = "\"aes128-sha256-modp2048\""};
	struct scenario s;

	scenario_init(&s, 3, &left, &right, NULL);
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ENOPROPOSAL);
	scenario_expect_words(s.left->down_reason.text, "aes256gcm16-prfsha384-ecp384");
	ck_assert_uint_ge(s.right->ike_downs + s.right->steps, 1);
	scenario_fini(&s);
}
END_TEST

/*
 * A forged refusal does not end a handshake that the true peer goes on with: RFC 7296
 * section 2.21.1.
 */
static uint8_t refusal[36];

static bool forge_refusal(struct sim *s, struct sim_wire *w)
{
	static const uint8_t notify_no_proposal[] = {0, 0, 0, 8, 0, 0, 0, 14};

	(void)s;
	if (w->number != 0)
		return true;
	memcpy(refusal, w->data, 8);
	memset(refusal + 8, 0xaa, 8);
	refusal[16] = 41; /* Notify */
	refusal[17] = 0x20;
	refusal[18] = 34;   /* IKE_SA_INIT */
	refusal[19] = 0x20; /* a response */
	be32_store(refusal + 24, sizeof refusal);
	memcpy(refusal + 28, notify_no_proposal, sizeof notify_no_proposal);
	return true;
}

START_TEST(forged_refusal)
{
	struct scenario s;

	scenario_init(&s, 4, NULL, NULL, NULL);
	s.sim.tap = forge_refusal;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	struct sim_wire w = {.from = {s.right->addr, 500},
	    .to = {s.left->addr, 500},
	    .data = refusal,
	    .n = sizeof refusal};
	sim_inject(s.left, &w);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(wrong_remote_identity)
{
	static const struct scenario_side right = {.local_id = "impostor.example.org"};
	struct scenario s;

	scenario_init(&s, 5, NULL, &right, NULL);
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_uint_eq(s.left->ike_ups, 0);
	scenario_expect_words(s.left->down_reason.text, "right.example.org");
	scenario_fini(&s);
}
END_TEST

START_TEST(unknown_initiator)
{
	static const struct scenario_side left = {.local_id = "stranger.example.org"};
	struct scenario s;

	scenario_init(&s, 6, &left, NULL, NULL);
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_uint_eq(s.left->ike_ups + s.right->ike_ups, 0);
	scenario_expect_words(s.right->down_reason.text, "stranger.example.org");
	scenario_fini(&s);
}
END_TEST

/* The IKE SA stands, its child does not. */
START_TEST(selectors_do_not_meet)
{
	static const struct scenario_side left = {
	    .children = SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.77.0.0/16\"", "")};
	struct scenario s;

	scenario_init(&s, 7, &left, NULL, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 0);
	ck_assert_uint_eq(s.left->child_fails, 1);
	ck_assert_int_eq(s.left->child_reason.err, IKE_ETS);
	scenario_expect_words(s.left->child_reason.text, "10.77.0.0/16");
	ck_assert_uint_eq(s.right->child_fails, 1);
	scenario_expect_words(s.right->child_reason.text, "10.77.0.0/16");
	scenario_expect_words(s.right->child_reason.text, "10.2.0.0/16");
	scenario_fini(&s);
}
END_TEST

START_TEST(no_common_esp_proposal)
{
	static const struct scenario_side left = {
	    .children = SCENARIO_CHILD(
		"lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "esp_proposals = [\"aes128gcm16\"];")};
	static const struct scenario_side right = {
	    .children = SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"",
		"esp_proposals = [\"aes256-sha512\"];")};
	struct scenario s;

	scenario_init(&s, 8, &left, &right, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 0);
	ck_assert_int_eq(s.left->child_reason.err, IKE_ENOPROPOSAL);
	scenario_expect_words(s.left->child_reason.text, "aes128gcm16");
	scenario_expect_words(s.right->child_reason.text, "aes256-sha512");
	scenario_fini(&s);
}
END_TEST

/* No KE group in common leaves no proposal either. */
START_TEST(no_common_group)
{
	static const struct scenario_side left = {.proposals = "\"aes256gcm16-prfsha384-x25519\""};
	static const struct scenario_side right = {.proposals = "\"aes256gcm16-prfsha384-ecp521\""};
	struct scenario s;

	scenario_init(&s, 9, &left, &right, NULL);
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	scenario_expect_gone(&s);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ENOPROPOSAL);
	scenario_fini(&s);
}
END_TEST

/* A peer that asks for a group outside the offer, again and again, is not followed. */
static bool ask_for_group(struct sim *s, struct sim_wire *w)
{
	/* Only what the responder sends. */
	if (w->from.addr.b[3] != 2 || w->data[18] != 34)
		return true;
	memset(w->data + 8, 0, 8);
	w->data[16] = 41;
	be32_store(w->data + 24, 38);
	static const uint8_t notify[] = {0, 0, 0, 10, 0, 0, 0, 17};
	memcpy(w->data + 28, notify, sizeof notify);
	be16_store(w->data + 36, *(uint16_t *)s->tap_arg);
	w->n = 38;
	return true;
}

START_TEST(group_outside_the_offer)
{
	static const uint16_t groups[] = {2, 31, 0, 65535, 14};
	uint16_t group = groups[_i];
	struct scenario s;

	scenario_init(&s, 10, NULL, NULL, NULL);
	s.sim.tap = ask_for_group;
	s.sim.tap_arg = &group;
	scenario_connect(&s);
	sim_run_for(&s.sim, TEN_MINUTES);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_uint_eq(sim_ike_sas(s.right), 0);
	ck_assert_uint_le(s.sim.sent, 30);
	scenario_fini(&s);
}
END_TEST

START_TEST(peer_vanishes)
{
	REQ("7296-2.4-4");
	struct scenario s;

	scenario_init(&s, 11, NULL, NULL, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	s.right->gone = true;
	sim_run_for(&s.sim, TEN_MINUTES);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ETIMEOUT);
	ck_assert(s.left->down_retry && s.left->down_established);
	scenario_fini(&s);
}
END_TEST

/* ESP that still arrives counts as life: no liveness checks are sent. */
START_TEST(esp_is_life)
{
	struct scenario s;

	scenario_init(&s, 12, NULL, NULL, NULL);
	scenario_connect(&s);
	uint64_t before = s.sim.sent;
	for (unsigned i = 0; i < 60; i++) {
		struct ike_command alive = {.kind = IKE_CMD_ALIVE};
		alive.spi = s.left->children[0].sa.spi_in;
		ike_engine_command(s.left->engine, s.sim.now, &alive);
		alive.spi = s.right->children[0].sa.spi_in;
		ike_engine_command(s.right->engine, s.sim.now, &alive);
		sim_run_for(&s.sim, 5000);
	}
	ck_assert_uint_eq(s.sim.sent, before);
	sim_run_for(&s.sim, 40000);
	ck_assert_uint_gt(s.sim.sent, before);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* ---- AUTHENTICATION_FAILED, too late ---- */

static enum ike_err build_disowning(struct ike_task *t, struct ike_build *b)
{
	(void)t;
	ike_build_notify(b, IKE_N_AUTHENTICATION_FAILED, bytes_of(NULL, 0));
	return IKE_OK;
}

static void forget(struct ike_task *t, const struct ike_msg *m)
{
	(void)m;
	ike_task_free(t);
}

static const struct ike_task_ops disowning = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "a notification",
    .build = build_disowning,
    .on_response = forget};

/* RFC 7296 section 2.21.2: the initiator may say so in the exchange right after IKE_AUTH. Later, or
 * from the responder, it means nothing: the SA is authenticated. */
START_TEST(disowned)
{
	struct scenario s;

	scenario_init(&s, 90, NULL, NULL, NULL);
	scenario_connect(&s);
	struct sim_host *says = _i == 2 ? s.right : s.left;
	if (_i == 1) { /* one more exchange before */
		sim_rekey(s.left, "link", NULL, false);
		sim_run_for(&s.sim, 1000);
	}
	ck_assert_ptr_nonnull(ike_task_new(says->engine->first, &disowning, NULL));
	ike_sa_settle(says->engine->first);
	sim_drain_all(&s.sim);
	sim_run_for(&s.sim, 1000);
	if (_i == 0) {
		ck_assert_uint_eq(sim_ike_sas(s.right), 0);
		scenario_expect_words(s.right->down_reason.text, "AUTHENTICATION_FAILED");
	} else {
		scenario_expect_up(&s, 1);
		ck_assert_uint_eq(s.left->ike_downs + s.right->ike_downs, 0);
	}
	scenario_fini(&s);
}
END_TEST

/* ---- No room ---- */

/* ike_limits.ike_sas: what is more is not begun, not even for a peer that is authenticated later;
 * and there is room again when one has gone. */
START_TEST(no_room)
{
	struct ike_limits tight = ike_limits_default;
	struct scenario s;
	struct sim_host *third;

	tight.ike_sas = 1;
	scenario_init(&s, 91, NULL, NULL, &tight);
	third = sim_host_add(&s.sim, "third", "10.0.0.3", scenario_text(NULL, true), NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_int_eq(sim_up(third, "link", NULL, s.right), IKE_OK);
	for (int i = 0; i < 300; i++) {
		sim_run_for(&s.sim, 1000);
		ck_assert_uint_le(s.right->engine->sas_n, 1);
	}
	struct ike_stats stats;
	ike_engine_stats(s.right->engine, &stats);
	ck_assert_uint_gt(stats.dropped_limit, 0);
	ck_assert_uint_eq(third->ike_ups, 0);
	ck_assert_uint_eq(third->ike_downs, 1);
	scenario_expect_up(&s, 1);
	/* Our own do not fit either. */
	ck_assert_int_eq(sim_up(s.right, "link", NULL, third), IKE_OK); /* is up already */
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, 60 * 1000);
	ck_assert_int_eq(sim_up(third, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(third->ike_ups, 1);
	ck_assert_uint_eq(sim_ike_established(s.right), 1);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_errors");
	TCase *t = tcase_create("errors");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, wrong_psk);
	tcase_add_loop_test(t, no_secret, 0, 2);
	tcase_add_test(t, no_common_ike_proposal);
	tcase_add_test(t, forged_refusal);
	tcase_add_test(t, wrong_remote_identity);
	tcase_add_test(t, unknown_initiator);
	tcase_add_test(t, selectors_do_not_meet);
	tcase_add_test(t, no_common_esp_proposal);
	tcase_add_test(t, no_common_group);
	tcase_add_loop_test(t, group_outside_the_offer, 0, 5);
	tcase_add_test(t, peer_vanishes);
	tcase_add_test(t, esp_is_life);
	tcase_add_loop_test(t, disowned, 0, 3);
	tcase_add_test(t, no_room);
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

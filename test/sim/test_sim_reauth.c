/*
 * Authenticating once more, make before break: RFC 7296 section 2.8.3, RFC 4478. New IKE SAs with
 * all children beside the old ones, by either end's time, at once, refused, under loss; and no
 * packet is lost by it.
 */
#include "ike/child.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { A_MINUTE = 60 * 1000 };

static const char *const CHILDREN[] = {
    "lan = { local_ts = [\"10.1.0.0/16\"]; remote_ts = [\"10.2.0.0/16\"]; rekey_time = 0; };"
    "more = { local_ts = [\"10.3.0.0/16\"]; remote_ts = [\"10.4.0.0/16\"]; rekey_time = 0; };",
    "lan = { local_ts = [\"10.2.0.0/16\"]; remote_ts = [\"10.1.0.0/16\"]; rekey_time = 0; };"
    "more = { local_ts = [\"10.4.0.0/16\"]; remote_ts = [\"10.3.0.0/16\"]; rekey_time = 0; };",
};

static void begin_with(struct scenario *s, uint64_t seed, const char *left, const char *right,
    const struct ike_limits *right_limits)
{
	struct scenario_side l = {.children = CHILDREN[0], .conn = left},
			     r = {.children = CHILDREN[1], .conn = right};

	scenario_init(s, seed, &l, &r, right_limits);
	scenario_connect(s);
	scenario_expect_up(s, 2);
}

static void begin(struct scenario *s, uint64_t seed, const char *left, const char *right)
{
	begin_with(s, seed, left, right, NULL);
}

static void due(struct sim_host *h, ike_time at)
{
	h->engine->first->reauth_at = at;
	ike_sa_settle(h->engine->first);
}

/* Nothing was down in between, and there is one of each in the end. */
static void finish(struct scenario *s, unsigned least, unsigned most)
{
	s->sim.loss_permille = s->sim.jitter_ms = 0;
	sim_run_for(&s->sim, 5000);
	for (int i = 0; i < 100 && s->left->engine->sas_n + s->right->engine->sas_n > 2; i++)
		sim_run_for(&s->sim, 997);
	scenario_expect_up(s, 2);
	ck_assert_uint_ge(s->left->ike_ups, least);
	ck_assert_uint_le(s->left->ike_ups, most);
	ck_assert_uint_eq(s->left->ike_downs, s->left->ike_ups - 1);
	ck_assert_int_eq(s->left->down_reason.err,
	    s->left->engine->first->began ? IKE_EREPLACED : s->left->down_reason.err);
	ck_assert(s->left->down_established);
	ck_assert_uint_eq(s->left->child_fails + s->right->child_fails, 0);
	sim_down(s->left, "link", NULL);
	sim_run_for(&s->sim, 5 * A_MINUTE);
	scenario_expect_gone(s);
	ck_assert_uint_eq(s->left->engine->sas_n + s->right->engine->sas_n, 0);
	scenario_fini(s);
}

/* ---- By time ---- */

static const char *const uniques[] = {"replace", "keep", "no", "never"};

/* Who called has the time; with each kind of `unique` at the other end, and at both. */
START_TEST(by_caller)
{
	char left[200], right[200];
	struct scenario s;

	snprintf(left, sizeof left, "rekey_time = 0; reauth_time = \"30s\"; unique = \"%s\";",
	    uniques[_i / 4]);
	snprintf(right, sizeof right, "rekey_time = 0; unique = \"%s\";", uniques[_i % 4]);
	begin(&s, 100 + (uint64_t)_i, left, right);
	scenario_traffic(&s, 10 * A_MINUTE);
	finish(&s, 19, 28);
}
END_TEST

/* The same with new keys for the IKE SA and the children in between, and a bad network. */
START_TEST(by_caller_in_bad_weather)
{
	struct scenario s;

	begin(&s, 150 + (uint64_t)_i,
	    "rekey_time = \"25s\"; over_time = \"5m\"; reauth_time = \"70s\";",
	    "rekey_time = \"40s\"; over_time = \"5m\";");
	s.sim.loss_permille = 50;
	s.sim.jitter_ms = 9; /* packets take 20 ms: IKE must not take longer */
	scenario_traffic(&s, 10 * A_MINUTE);
	finish(&s, 7, 14);
}
END_TEST

/* rand_time: so much is taken off at most, and 0 means on the second. */
START_TEST(jitter)
{
	static const char *const words[] = {"0", "\"10s\""};
	char left[200];
	struct scenario s;

	snprintf(left, sizeof left,
	    "rekey_time = 0; dpd_delay = 0; reauth_time = \"100s\"; "
	    "rand_time = %s;",
	    words[_i % 2]);
	begin(&s, 170 + (uint64_t)_i, left, NULL);
	const struct ike_sa *sa = s.left->engine->first;
	uint64_t wait = sa->reauth_at - sa->established_at;
	if (_i % 2)
		ck_assert(wait <= 100000 && wait >= 90000 && wait != 100000);
	else
		ck_assert_uint_eq(wait, 100000);
	scenario_fini(&s);
}
END_TEST

/* ---- AUTH_LIFETIME ---- */

/* Right only takes calls, and has the time: it says so to left, which obeys. */
START_TEST(by_lifetime)
{
	struct scenario s;

	begin(&s, 200 + (uint64_t)_i, "rekey_time = 0;",
	    _i ? "rekey_time = 0; reauth_time = \"40s\"; unique = \"keep\";"
	       : "rekey_time = 0; reauth_time = \"40s\";");
	ck_assert(ike_ext_has(s.left->engine->first->extensions, IKE_EXT_AUTH_LIFETIME));
	ck_assert(ike_ext_has(s.right->engine->first->extensions, IKE_EXT_AUTH_LIFETIME));
	ck_assert_uint_le(s.left->engine->first->reauth_at, s.sim.now + 36000);
	ck_assert_uint_eq(s.right->engine->first->reauth_at, IKE_NEVER);
	scenario_traffic(&s, 5 * A_MINUTE);
	finish(&s, 8, 12);
}
END_TEST

/* Left pays no heed. Right calls it by itself where it can; else it ends the IKE SA. */
START_TEST(heedless)
{
	struct scenario s;

	begin(&s, 210, "rekey_time = 0; dpd_delay = 0;",
	    "rekey_time = 0; reauth_time = \"40s\"; over_time = \"20s\";");
	due(s.left, IKE_NEVER);
	s.right->config->conns[0].callable = _i == 0;
	if (_i == 0)
		due(s.right, s.sim.now + 45000);
	scenario_traffic(&s, 39000);
	if (_i == 0) {
		scenario_traffic(&s, 11000);
		ck_assert_uint_eq(s.right->ike_ups, 2);
		finish(&s, 2, 2);
		return;
	}
	sim_run_for(&s.sim, 30000);
	scenario_expect_gone(&s);
	ck_assert_int_eq(s.right->down_reason.err, IKE_ELIFETIME);
	scenario_expect_words(s.right->down_reason.text, "did not do it once more");
	scenario_fini(&s);
}
END_TEST

/* A gateway cannot drive us: ten seconds are the least. */
START_TEST(short_lifetime)
{
	struct scenario s;

	begin(&s, 220, "rekey_time = 0;", "rekey_time = 0; reauth_time = \"1s\"; over_time = 0;");
	scenario_traffic(&s, A_MINUTE);
	ck_assert_uint_le(s.left->ike_ups, 7);
	ck_assert_uint_ge(s.left->ike_ups, 5);
	scenario_fini(&s);
}
END_TEST

/* ---- Both at once ---- */

START_TEST(both_at_once)
{
	struct scenario s;

	begin(&s, 300 + (uint64_t)_i, "rekey_time = 0; dpd_delay = 0;",
	    "rekey_time = 0; dpd_delay = 0;");
	sim_run_for(&s.sim, 30000);
	s.right->config->conns[0].callable = true;
	due(s.left, s.sim.now + 1000);
	due(s.right, s.sim.now + 1000 + (uint64_t)_i * 7);
	scenario_traffic(&s, A_MINUTE);
	scenario_expect_up(&s, 2);
	ck_assert_uint_ge(s.left->ike_ups, 2);
	scenario_fini(&s);
}
END_TEST

/* ---- Refused ---- */

/* There is no room for another: the old one goes on, and ends when over_time is over. */
START_TEST(refused)
{
	struct ike_limits tight = ike_limits_default;
	struct scenario s;

	tight.ike_sas = 1;
	begin_with(&s, 400,
	    "rekey_time = 0; reauth_time = \"1m\"; over_time = \"4m\"; dpd_delay = 0;", NULL,
	    &tight);
	scenario_traffic(&s, 4 * A_MINUTE);
	ck_assert_uint_ge(s.left->rekey_fails, 1);
	scenario_expect_words(s.left->child_reason.text, "could not be set up afresh");
	ck_assert_uint_eq(s.left->ike_ups, 1);
	sim_run_for(&s.sim, 2 * A_MINUTE);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ELIFETIME);
	scenario_fini(&s);
}
END_TEST

/* One of the children is refused: nothing is lost for what the others gain. */
START_TEST(child_refused)
{
	struct scenario s;

	begin(&s, 410, "rekey_time = 0; reauth_time = \"1m\"; over_time = \"10m\";", NULL);
	struct config_ts *ts = &s.right->config->conns[0].children[_i].local_ts[0];
	uint8_t was = ts->ts.lo.b[0];
	ts->ts.lo.b[0] = ts->ts.hi.b[0] = 77;
	scenario_traffic(&s, 2 * A_MINUTE);
	ck_assert_uint_ge(s.left->rekey_fails, 1);
	ck_assert_uint_eq(sim_children_up(s.left), 2);
	ck_assert(sim_mirrored(s.left, s.right));
	/* As soon as it can be had again, it is. */
	ts->ts.lo.b[0] = ts->ts.hi.b[0] = was;
	scenario_traffic(&s, 4 * A_MINUTE);
	scenario_expect_up(&s, 2);
	ck_assert_int_eq(s.left->down_reason.err, IKE_EREPLACED);
	scenario_fini(&s);
}
END_TEST

/* ---- Meanwhile ---- */

/* A child that is asked for meanwhile belongs to the new one; what is taken down stays down. */
START_TEST(commands_meanwhile)
{
	for (uint64_t ms = 0; ms < 100; ms += 9) {
		struct scenario s;

		begin(&s, 500 + ms, "rekey_time = 0; dpd_delay = 0;", "rekey_time = 0;");
		if (_i == 0) {
			sim_down(s.left, "link", "more");
			sim_run_for(&s.sim, 1000);
			scenario_expect_up(&s, 1);
		}
		due(s.left, s.sim.now + 1000);
		sim_run_for(&s.sim, 1000 + ms);
		if (_i == 0)
			sim_up(s.left, "link", "more", s.right);
		else if (_i == 1)
			sim_down(s.left, "link", NULL);
		else
			sim_down(s.right, "link", NULL);
		sim_run_for(&s.sim, 5 * A_MINUTE); /* what was half open is found dead */
		if (_i == 0)
			scenario_expect_up(&s, 2);
		else
			ck_assert(sim_mirrored(s.left, s.right));
		if (_i == 1)
			scenario_expect_gone(&s);
		scenario_fini(&s);
	}
}
END_TEST

/* Either end has new keys made for the old IKE SA meanwhile, and one of the datagrams is lost. */
START_TEST(rekey_meanwhile)
{
	for (uint64_t n = 0; n < 160; n++) {
		struct scenario s;

		begin(&s, 550 + n, "rekey_time = 0; dpd_delay = 0;",
		    "rekey_time = 0; dpd_delay = 0;");
		due(s.left, s.sim.now + 1000);
		s.sim.loss_mask = n % 16 ? 1u << s.sim.sent << n % 16 : 0;
		scenario_traffic(&s, 1000 + n / 16 * 8);
		sim_rekey(_i & 1 ? s.left : s.right, "link", NULL, _i & 2);
		scenario_traffic(&s, A_MINUTE);
		sim_run_for(&s.sim, 10 * A_MINUTE);
		scenario_expect_up(&s, 2);
		scenario_fini(&s);
	}
}
END_TEST

/* The peer dies while it is authenticated once more: both SAs end, neither waits for ever. */
START_TEST(dead_meanwhile)
{
	struct scenario s;

	begin(&s, 600, "rekey_time = 0; reauth_time = \"1m\"; over_time = \"30m\";", NULL);
	due(s.left, s.sim.now + 1000);
	sim_run_for(&s.sim, 1000 + (uint64_t)_i * 13);
	s.right->gone = true;
	sim_run_for(&s.sim, 10 * A_MINUTE);
	ck_assert_uint_eq(s.left->engine->sas_n, 0);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_reauth");
	TCase *t = tcase_create("reauth");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, by_caller, 0, 16);
	tcase_add_loop_test(t, by_caller_in_bad_weather, 0, 10);
	tcase_add_loop_test(t, jitter, 0, 4);
	tcase_add_loop_test(t, by_lifetime, 0, 2);
	tcase_add_loop_test(t, heedless, 0, 2);
	tcase_add_test(t, short_lifetime);
	tcase_add_loop_test(t, both_at_once, 0, 20);
	tcase_add_test(t, refused);
	tcase_add_loop_test(t, child_refused, 0, 2);
	tcase_add_loop_test(t, commands_meanwhile, 0, 3);
	tcase_add_loop_test(t, rekey_meanwhile, 0, 4);
	tcase_add_loop_test(t, dead_meanwhile, 0, 8);
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

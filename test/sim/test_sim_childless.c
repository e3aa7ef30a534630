/*
 * IKE SAs that begin without a child: RFC 6023.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define PREFER "childless = \"prefer\";"
#define FORCE "childless = \"force\";"
#define ALLOW "childless = \"allow\";"
#define NEVER "childless = \"never\";"
#define PFS "esp_proposals = [\"aes256gcm16-x25519\"];"

/* What is in the IKE_AUTH messages, and whether the responder's IKE_SA_INIT announces. */
struct seen {
	unsigned auths, with_child;
	bool announced;
};

static bool look(struct sim *s, struct sim_wire *w)
{
	struct seen *seen = s->tap_arg;
	static struct ike_msg inner, outer;

	if (ike_msg_parse(&outer, bytes_of(w->data, w->n)) == IKE_OK &&
	    outer.hdr.exchange == IKE_EXCHANGE_SA_INIT && outer.hdr.flags & IKE_FLAG_RESPONSE)
		seen->announced |= ike_msg_notify(&outer, IKE_N_CHILDLESS_IKEV2_SUPPORTED) != NULL;
	if (outer.hdr.exchange == IKE_EXCHANGE_AUTH && evil_open(s, w, &inner)) {
		seen->auths++;
		seen->with_child += ike_msg_has(&inner, IKE_PLD_SA) ||
				    ike_msg_has(&inner, IKE_PLD_TSI) ||
				    ike_msg_has(&inner, IKE_PLD_TSR);
	}
	return true;
}

static void one_shown(void *arg, const struct ike_sa_info *sa)
{
	*(ike_ext_set *)arg = sa->extensions;
}

static bool in_force(const struct sim_host *h)
{
	ike_ext_set set = 0;

	ike_engine_each(h->engine, one_shown, &set);
	return ike_ext_has(set, IKE_EXT_CHILDLESS);
}

static const char two[] = SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", PFS)
    SCENARIO_CHILD("more", "\"10.3.0.0/16\"", "\"10.4.0.0/16\"", PFS);
static const char two_there[] = SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", PFS)
    SCENARIO_CHILD("more", "\"10.4.0.0/16\"", "\"10.3.0.0/16\"", PFS);

static const struct {
	const char *left, *right;
	bool announced, childless;
} pairs[] = {
    {PREFER, ALLOW, true, true},
    {PREFER, PREFER, true, true},
    {FORCE, ALLOW, true, true},
    {FORCE, FORCE, true, true},
    {ALLOW, ALLOW, true, false},
    {NEVER, ALLOW, true, false},
    {PREFER, NEVER, false, false},
    {"", "", true, false},
};

/* The children are there in any case, and only the way differs: section 3. */
START_TEST(both_children_come)
{
	struct scenario_side l = {.conn = pairs[_i].left, .children = two},
			     r = {.conn = pairs[_i].right, .children = two_there};
	struct seen seen = {0};
	struct scenario s;

	scenario_init(&s, 300 + (uint64_t)_i, &l, &r, NULL);
	s.sim.tap = look;
	s.sim.tap_arg = &seen;
	scenario_connect(&s);
	scenario_expect_up(&s, 2);
	ck_assert_uint_eq(seen.auths, 2);
	ck_assert_uint_eq(seen.with_child, pairs[_i].childless ? 0 : 2);
	ck_assert(seen.announced == pairs[_i].announced);
	ck_assert(in_force(s.left) == pairs[_i].childless);
	ck_assert(in_force(s.right) == pairs[_i].childless);
	/* The child that IKE_AUTH makes has the keys of the IKE SA; made alone it has its own. */
	ck_assert_uint_eq(sim_child_named(s.left, "lan")->sa.suite.ke.id,
	    pairs[_i].childless ? KE_CURVE25519 : KE_NONE);
	ck_assert_uint_lt(
	    sim_child_named(s.left, "lan")->order, sim_child_named(s.left, "more")->order);
	scenario_fini(&s);
}
END_TEST

/* With loss of each of the first datagrams. */
START_TEST(comes_through_loss)
{
	struct scenario_side l = {.conn = PREFER, .children = two}, r = {.children = two_there};
	struct scenario s;

	scenario_init(&s, 320, &l, &r, NULL);
	s.sim.loss_mask = UINT32_C(1) << _i;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 60000);
	scenario_expect_up(&s, 2);
	ck_assert(in_force(s.left) && in_force(s.right));
	scenario_fini(&s);
}
END_TEST

START_TEST(force_needs_a_peer_that_can)
{
	struct scenario_side l = {.conn = FORCE}, r = {.conn = NEVER};
	struct scenario s;

	scenario_init(&s, 321, &l, &r, NULL);
	scenario_connect(&s);
	ck_assert_uint_eq(sim_ike_established(s.left), 0);
	ck_assert_uint_eq(s.left->ike_downs, 1);
	scenario_expect_words(s.left->down_reason.text,
	    "10.0.0.2:4500 does not announce that it takes IKE SAs without a child");
	sim_run_for(&s.sim, 120000);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

/* A responder that wants no child in IKE_AUTH refuses that child, not the peer. */
START_TEST(force_refuses_the_first_child)
{
	struct scenario_side l = {.conn = ALLOW}, r = {.conn = FORCE};
	struct scenario s;

	scenario_init(&s, 322, &l, &r, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 0);
	scenario_expect_words(s.right->child_reason.text,
	    "wants a child in IKE_AUTH, but connections.link.childless");
	ck_assert_int_eq(sim_up(s.left, "link", "lan", s.right), IKE_OK);
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Announced for a connection that the identity then rules out: the one that stays never takes it,
 * and says INVALID_SYNTAX, as one that does not know it (section 3). */
START_TEST(refused_as_if_unknown)
{
	static const char conn[] = "remote_addrs = [\"10.0.0.1\"]; "
				   "local = { auth = \"psk\"; id = \"right.example.org\"; }; "
				   "remote = { auth = \"psk\"; id = \"somebody@example.org\"; }; "
				   "children = { x = { }; }; };\n"
				   "strict = { version = 2; remote_addrs = [\"%any\"]; "
				   "proposals = [\"aes256gcm16-prfsha384-x25519\"]; " NEVER;
	static char text[4096];
	struct scenario_side l = {.conn = FORCE};
	struct scenario s;
	const char *usual = scenario_text(NULL, false);
	const char *at = strstr(usual, "remote_addrs");

	ck_assert_ptr_nonnull(at);
	snprintf(text, sizeof text,
	    "%.*s%s local = { auth = \"psk\"; id = \"right.example.org\"; }; "
	    "remote = { auth = \"psk\"; id = \"left.example.org\"; };\n"
	    "children = { " SCENARIO_RIGHT_LAN " }; }; };\n",
	    (int)(at - usual), usual, conn);
	sim_init(&s.sim, 323);
	s.left = sim_host_add(&s.sim, "left", "10.0.0.1", scenario_text(&l, true), NULL);
	s.right = sim_host_add(&s.sim, "right", "10.0.0.2", text, NULL);
	scenario_connect(&s);
	ck_assert_uint_eq(sim_ike_established(s.left), 0);
	ck_assert_uint_eq(sim_ike_established(s.right), 0);
	scenario_expect_words(
	    s.right->down_reason.text, "connections.strict.childless = \"allow\"");
	scenario_expect_words(s.left->down_reason.text, "INVALID_SYNTAX");
	sim_run_for(&s.sim, 120000);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

/* The only child is taken down while its request is on its way: the IKE SA stays. */
START_TEST(taken_down_at_once)
{
	struct scenario_side l = {.conn = PREFER};
	struct scenario s;

	scenario_init(&s, 324 + (uint64_t)_i, &l, NULL, NULL);
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 10 * (uint64_t)_i);
	sim_down(s.left, "link", "lan");
	sim_run_for(&s.sim, 60000);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	ck_assert_uint_eq(sim_children_up(s.right), 0);
	ck_assert_uint_eq(sim_ike_established(s.left), sim_ike_established(s.right));
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim/childless");
	TCase *t = tcase_create("childless");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, both_children_come, 0, sizeof pairs / sizeof pairs[0]);
	tcase_add_loop_test(t, comes_through_loss, 0, 10);
	tcase_add_test(t, force_needs_a_peer_that_can);
	tcase_add_test(t, force_refuses_the_first_child);
	tcase_add_test(t, refused_as_if_unknown);
	tcase_add_loop_test(t, taken_down_at_once, 0, 20);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

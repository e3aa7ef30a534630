/*
 * Transport mode: asked for, agreed, declined; through NAT boxes with the addresses that each side
 * sees (RFC 7296 sections 1.3.1 and 2.23.1). Several children with the same selectors, one for each
 * worker (RFC 9611).
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "ike/wire/payloads.h"
#include "test/unit/req.h"

#define HOST(name, more) name " = { mode = \"transport\"; " more " };"
#define LEFT_OUTSIDE "192.0.2.1"
#define RIGHT_OUTSIDE "198.51.100.2"

static void expect_ts(const struct ts_list *l, const char *expected)
{
	char text[512];

	ck_assert_str_eq(ts_list_text(l, text, sizeof text), expected);
}

static void expect_addr(const struct addr *a, const char *expected)
{
	char text[ADDR_TEXT];

	ck_assert_str_eq(addr_text(a, text), expected);
}

/* What one side has: its own address and the peer's, as it sees them and as the peer does. */
static void expect_seen(struct sim_host *h, const char *own, const char *peer, const char *sent_own,
    const char *sent_peer)
{
	const struct sim_child *c = sim_child_named(h, "host");
	char ts[128];

	ck_assert_ptr_nonnull(c);
	ck_assert(c->sa.mode.transport);
	snprintf(ts, sizeof ts, "%s/32", own);
	expect_ts(&c->sa.local_ts, ts);
	snprintf(ts, sizeof ts, "%s/32", peer);
	expect_ts(&c->sa.remote_ts, ts);
	expect_addr(&c->sa.mode.sent_local, sent_own);
	expect_addr(&c->sa.mode.sent_remote, sent_peer);
}

/* Left calls right where it is seen from outside. */
static void call(struct scenario *s, const char *right)
{
	struct ike_command c = {.kind = IKE_CMD_UP,
	    .conn = &s->left->config->conns[0],
	    .local = {s->left->addr, 500},
	    .remote = {.port = 500}};

	ck_assert(addr_parse(&c.remote.addr, right));
	ck_assert_int_eq(ike_engine_command(s->left->engine, s->sim.now, &c), IKE_OK);
	sim_drain_all(&s->sim);
	sim_run_for(&s->sim, 5000);
}

/* Bit 0: NAT before left; bit 1: before right. */
START_TEST(between_hosts)
{
	REQ("7296-2.23-12", "7296-2.23.1-1");
	static const struct scenario_side side = {.children = HOST("host", "")};
	const char *left = _i & 1 ? LEFT_OUTSIDE : "10.0.0.1",
		   *right = _i & 2 ? RIGHT_OUTSIDE : "10.0.0.2";
	struct scenario s;

	scenario_init(&s, 100, &side, &side, NULL);
	if (_i & 1)
		sim_host_nat(s.left, LEFT_OUTSIDE, 20000);
	if (_i & 2)
		sim_host_nat(s.right, RIGHT_OUTSIDE, 0);
	call(&s, right);
	ck_assert_uint_eq(sim_children_up(s.left), 1);
	ck_assert_uint_eq(sim_children_up(s.right), 1);
	expect_seen(s.left, "10.0.0.1", right, left, "10.0.0.2");
	expect_seen(s.right, "10.0.0.2", left, right, "10.0.0.1");
	scenario_fini(&s);
}
END_TEST

/* The second one by CREATE_CHILD_SA, from either end, with ports. */
START_TEST(a_further_one)
{
	REQ("7296-2.23-12", "7296-2.23.1-1");
	static const struct scenario_side
	    side = {.children = HOST("host", "remote_ts = [\"dynamic[tcp/80]\"];")
			HOST("more", "local_ts = [\"dynamic[tcp/22]\"];")},
	    mirror = {.children = HOST("host", "local_ts = [\"dynamic[tcp/80]\"];")
			  HOST("more", "remote_ts = [\"dynamic[tcp/22]\"];")};
	struct scenario s;

	scenario_init(&s, 101, &side, &mirror, NULL);
	sim_host_nat(s.left, LEFT_OUTSIDE, 20000);
	sim_up(s.left, "link", "host", s.right);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(sim_children_up(s.left), 1);
	if (_i)
		sim_up(s.right, "link", "more", s.left);
	else
		sim_up(s.left, "link", "more", s.right);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(sim_children_up(s.left), 2);
	ck_assert_uint_eq(sim_children_up(s.right), 2);
	const struct sim_child *l = sim_child_named(s.left, "more"),
			       *r = sim_child_named(s.right, "more");
	ck_assert(l && r && l->sa.mode.transport && r->sa.mode.transport);
	expect_ts(&l->sa.local_ts, "10.0.0.1/32[tcp/22]");
	expect_ts(&r->sa.remote_ts, LEFT_OUTSIDE "/32[tcp/22]");
	expect_addr(&r->sa.mode.sent_remote, "10.0.0.1");
	scenario_fini(&s);
}
END_TEST

/* The side that is told of the difference says so; nothing is left. */
START_TEST(the_modes_differ)
{
	REQ("7296-1.3.1-2");
	static const struct scenario_side transport = {.children = HOST("host", "")},
					  tunnel = {.children = "host = { };"};
	struct scenario s;

	scenario_init(&s, 102, _i ? &tunnel : &transport, _i ? &transport : &tunnel, NULL);
	scenario_connect(&s);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	ck_assert_uint_eq(sim_children_up(s.right), 0);
	ck_assert_uint_eq(sim_ike_established(s.left), 1);
	if (_i)
		scenario_expect_words(s.right->child_reason.text,
		    "wants tunnel mode for \"link/host\", whose mode is transport");
	else
		scenario_expect_words(s.left->child_reason.text,
		    "wants tunnel mode for \"link/host\", whose mode is transport");
	scenario_fini(&s);
}
END_TEST

/* Who asks for transport mode gets that child, though a tunnel would fit as well, and the other way
 * round. */
START_TEST(each_gets_its_mode)
{
	REQ("7296-1.3.1-1");
	static const struct scenario_side transport = {.children = HOST("host", "")},
					  tunnel = {.children = "host = { };"},
					  both = {.children =
						      "lan = { };" HOST("host", "") "lan2 = { };"};
	struct scenario s;

	scenario_init(&s, 103, _i ? &tunnel : &transport, &both, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	const struct sim_child *c = sim_child_named(s.right, _i ? "lan" : "host");
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->sa.mode.transport, !_i);
	ck_assert_int_eq(sim_child_named(s.left, "host")->sa.mode.transport, !_i);
	scenario_fini(&s);
}
END_TEST

/* An answer or a request whose notification was lost on the way to it. */
START_TEST(a_notification_is_missing)
{
	static const struct scenario_side side = {.children = HOST("host", "")};
	unsigned payloads = 1, refused = 0;

	for (unsigned i = 0; i < payloads; i++) {
		struct evil e = {.number = (uint64_t)_i, .payload = i, .kind = EVIL_OMIT};
		struct scenario s;

		scenario_init(&s, 104, &side, &side, NULL);
		s.sim.tap = evil_tap;
		s.sim.tap_arg = &e;
		scenario_connect(&s);
		payloads = e.payloads;
		struct ike_reason *why = _i == 3 ? &s.left->child_reason : &s.right->child_reason;
		if (e.type == IKE_PLD_NOTIFY && strstr(why->text, "wants tunnel mode")) {
			refused++;
			ck_assert_uint_eq(sim_children_up(s.left), 0);
			ck_assert_uint_eq(sim_children_up(s.right), 0);
		}
		scenario_fini(&s);
	}
	ck_assert_uint_eq(refused, 1);
}
END_TEST

/* ---- One for each worker ---- */

#define PER_CPU(local, remote) SCENARIO_CHILD("lan", local, remote, "per_cpu_sas = \"yes\";")
#define PER_CPU_LEFT PER_CPU("\"10.1.0.0/16\"", "\"10.2.0.0/16\"")
#define PER_CPU_RIGHT PER_CPU("\"10.2.0.0/16\"", "\"10.1.0.0/16\"")

static void init_workers(
    struct scenario *s, uint32_t left, uint32_t right, bool left_wants, bool right_wants)
{
	const struct scenario_side l = {.children = left_wants ? PER_CPU_LEFT : NULL},
				   r = {.children = right_wants ? PER_CPU_RIGHT : NULL};

	sim_init(&s->sim, 105);
	s->sim.resources = left;
	s->left = sim_host_add(&s->sim, "left", "10.0.0.1", scenario_text(&l, true), NULL);
	s->sim.resources = right;
	s->right = sim_host_add(&s->sim, "right", "10.0.0.2", scenario_text(&r, false), NULL);
}

/* A bit for each resource that has a child. */
static unsigned resources(const struct sim_host *h)
{
	unsigned bits = 0;

	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		const struct ike_mode *m = &h->children[i].sa.mode;
		if (!h->children[i].up)
			continue;
		ck_assert(m->per_resource);
		ck_assert_msg(!(bits & 1u << m->resource), "two for worker %u", m->resource);
		bits |= 1u << m->resource;
	}
	return bits;
}

static const struct {
	uint32_t left, right;
	bool left_wants, right_wants;
	unsigned children; /* that come up */
} crews[] = {
    {4, 4, true, true, 4},
    {4, 2, true, true, 2}, /* TS_MAX_QUEUE */
    {2, 4, true, true, 2},
    {0, 4, true, true, 1},
    {4, 0, true, true, 1},
    {4, 4, true, false, 1},
    {4, 4, false, true, 1},
};

START_TEST(one_for_each_worker)
{
	REQ("7296-2.8-5");
	struct scenario s;

	init_workers(
	    &s, crews[_i].left, crews[_i].right, crews[_i].left_wants, crews[_i].right_wants);
	scenario_connect(&s);
	scenario_expect_up(&s, crews[_i].children);
	ck_assert_uint_eq(s.left->child_fails + s.right->child_fails, 0);
	if (crews[_i].left_wants && crews[_i].right_wants) {
		ck_assert_uint_eq(resources(s.left), (1u << crews[_i].children) - 1);
		ck_assert_uint_eq(resources(s.right), (1u << crews[_i].children) - 1);
	}
	sim_down(s.left, "link", "lan");
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 0);
	scenario_fini(&s);
}
END_TEST

/* New keys stay with the worker that the old ones were for, whoever asked for them. */
START_TEST(rekeyed_for_the_same_worker)
{
	struct scenario s;

	init_workers(&s, 4, 4, true, true);
	scenario_connect(&s);
	scenario_expect_up(&s, 4);
	ck_assert_int_eq(sim_rekey(_i ? s.right : s.left, "link", NULL, false), IKE_OK);
	sim_run_for(&s.sim, 60000);
	scenario_expect_up(&s, 4);
	ck_assert_uint_eq(s.left->child_downs, 4);
	ck_assert_uint_eq(resources(s.left), 15);
	ck_assert_uint_eq(resources(s.right), 15);
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim/mode");
	TCase *t = tcase_create("mode");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, between_hosts, 0, 4);
	tcase_add_loop_test(t, a_further_one, 0, 2);
	tcase_add_loop_test(t, the_modes_differ, 0, 2);
	tcase_add_loop_test(t, each_gets_its_mode, 0, 2);
	tcase_add_loop_test(t, a_notification_is_missing, 2, 4);
	tcase_add_loop_test(t, one_for_each_worker, 0, (int)(sizeof crews / sizeof crews[0]));
	tcase_add_loop_test(t, rekeyed_for_the_same_worker, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

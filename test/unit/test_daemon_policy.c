/*
 * Policies from selectors.
 */
#include <check.h>
#include <stdlib.h>

#include "daemon/policy.h"

static struct ts_list list(const char *const *texts)
{
	struct ts_list l = {0};
	for (; *texts; texts++) {
		struct ts t;
		ck_assert_msg(ts_parse(&t, *texts), "%s", *texts);
		ck_assert(ts_list_add(&l, &t));
	}
	return l;
}

#define LIST(...) list((const char *const[]){__VA_ARGS__, NULL})

START_TEST(pairs_of_one_family)
{
	struct ts_list local = LIST("10.0.0.1/32", "fd00::1/128"),
		       remote = LIST("10.1.0.0/16", "10.2.0.0/16", "fd01::/16");
	struct policy_set set = {0};
	struct policy_source src = {.local = &local,
	    .remote = &remote,
	    .action = ESP_PROTECT,
	    .priority = POLICY_AUTO,
	    .slot = 9};

	ck_assert(policy_add(&set, &src));
	ck_assert_uint_eq(set.n, 3);
	for (size_t i = 0; i < set.n; i++) {
		ck_assert_uint_eq(set.v[i].local.lo.family, set.v[i].remote.lo.family);
		ck_assert_uint_eq(set.v[i].slot, 9);
		ck_assert_uint_eq(set.v[i].priority, POLICY_AUTO);
	}
	ck_assert(ts_equal(&set.v[1].remote, &remote.v[1]));
	ck_assert(ts_equal(&set.v[2].remote, &remote.v[2]));
	src.action = ESP_TRAP;
	src.id = 4;
	ck_assert(policy_add(&set, &src));
	ck_assert_uint_eq(set.n, 6);
	ck_assert_int_eq(set.v[5].action, ESP_TRAP);
	ck_assert_uint_eq(set.v[5].id, 4);
	ck_assert_int_eq(set.v[0].action, ESP_PROTECT);
	policy_fini(&set);
	ck_assert_ptr_null(set.v);
}
END_TEST

START_TEST(protocols_must_agree)
{
	struct ts_list local = LIST("10.0.0.1/32[tcp]", "10.0.0.1/32"),
		       remote = LIST("10.1.0.0/16[tcp/443]", "10.1.0.0/16[udp/53]");
	struct policy_set set = {0};

	ck_assert(policy_add(&set, &(struct policy_source){.local = &local, .remote = &remote}));
	ck_assert_uint_eq(set.n, 3); /* tcp with tcp, any with both; never tcp with udp */
	policy_fini(&set);
}
END_TEST

/* In the order in which apply lists them. */
START_TEST(exceptions_first_drops_last)
{
	ck_assert_int_lt(POLICY_PASS, POLICY_PROTECT);
	ck_assert_int_lt(POLICY_PROTECT, POLICY_TRAP);
	ck_assert_int_lt(POLICY_TRAP, POLICY_DROP);
}
END_TEST

START_TEST(a_priority_is_the_configured_one)
{
	struct config_child c = {.priority = 0};

	ck_assert_uint_eq(policy_priority(&c), POLICY_AUTO);
	c.priority = 7;
	ck_assert_uint_eq(policy_priority(&c), 7);
}
END_TEST

START_TEST(dynamic_without_a_peer_is_any_address)
{
	struct config_ts v[2] = {{.dynamic = true}, {.dynamic = false}};
	struct ts_list out;
	char t[TS_TEXT];

	ck_assert(ts_parse(&v[0].ts, "0.0.0.0/0[tcp/22]"));
	ck_assert(ts_parse(&v[1].ts, "10.1.0.0/16"));
	policy_static_ts(v, 2, &out);
	ck_assert_uint_eq(out.n, 3);
	ck_assert_str_eq(ts_text(&out.v[0], t), "0.0.0.0/0[tcp/22]");
	ck_assert_str_eq(ts_text(&out.v[1], t), "::/0[tcp/22]");
	ck_assert_str_eq(ts_text(&out.v[2], t), "10.1.0.0/16");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/policy");
	TCase *t = tcase_create("policy");

	tcase_add_test(t, pairs_of_one_family);
	tcase_add_test(t, protocols_must_agree);
	tcase_add_test(t, exceptions_first_drops_last);
	tcase_add_test(t, a_priority_is_the_configured_one);
	tcase_add_test(t, dynamic_without_a_peer_is_any_address);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

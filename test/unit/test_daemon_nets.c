/*
 * Selectors to routes.
 */
#include <check.h>
#include <stdlib.h>

#include "daemon/nets.h"
#include "test/netns/netcfg_ns.h"
#include "test/unit/rng.h"

static void expect(const char *const *selectors, const char *const *prefixes)
{
	struct ts_list l = {0};
	struct prefix *v;
	char got[PREFIX_TEXT];

	for (; *selectors; selectors++) {
		struct ts t;
		ck_assert(ts_parse(&t, *selectors));
		ts_list_add(&l, &t);
	}
	size_t n = nets_prefixes(&l, &v), wanted = 0;
	for (; prefixes[wanted]; wanted++)
		if (wanted < n)
			ck_assert_str_eq(prefix_text(&v[wanted], got), prefixes[wanted]);
	ck_assert_uint_eq(n, wanted);
	free(v);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(prefixes_once_each)
{
	expect(WORDS("10.1.0.0/16", "10.1.0.0/16[tcp/443]", "fd00::/8"),
	    WORDS("10.1.0.0/16", "fd00::/8"));
	expect(WORDS("10.0.0.1-10.0.0.3"), WORDS("10.0.0.1/32", "10.0.0.2/31"));
	expect((const char *const[]){NULL}, (const char *const[]){NULL});
}
END_TEST

/* The default route of the host stays in force, for what is outside of the tunnel. */
START_TEST(everything_is_two_halves)
{
	expect(WORDS("0.0.0.0/0"), WORDS("0.0.0.0/1", "128.0.0.0/1"));
	expect(WORDS("::/0"), WORDS("::/1", "8000::/1"));
}
END_TEST

START_TEST(worst_range_fits)
{
	struct ts_list l = {0};
	struct ts t;
	struct prefix *v;

	ck_assert(ts_parse(&t, "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"));
	ts_list_add(&l, &t);
	ck_assert_uint_eq(nets_prefixes(&l, &v), 254);
	free(v);
}
END_TEST

START_TEST(without_a_device_nothing_is_held)
{
	struct nets n;
	struct nets_held held;
	struct ts_list l = {0};
	struct ts t;

	ck_assert(ts_parse(&t, "10.1.0.0/16"));
	ts_list_add(&l, &t);
	nets_init(&n, NULL, "", NULL);
	nets_add(&n, &(struct nets_want){.local = &l, .remote = &l}, &held);
	ck_assert_uint_eq(held.routes_n, 0);
	ck_assert(!nets_cover(&n, &t.lo));
	nets_del(&n, &held);
	nets_fini(&n);
}
END_TEST

enum { CHILDREN = 40, ROUNDS = 400 };

/* Children that share routes come and go; what is covered is what one of them holds. */
START_TEST(covered_is_what_is_held)
{
	char why[TUN_WHY];
	struct rng r = {0xc0de};
	struct {
		struct prefix p;
		struct nets_held held;
	} child[CHILDREN];
	struct netcfg *cfg;
	struct nets n;
	size_t live = 0, answers[2] = {0};

	if (!netns_possible())
		return;
	netns_enter();
	struct tun *t = ns_device("tunt0");
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
	nets_init(&n, cfg, "tunt0", NULL);
	for (int round = 0; round < ROUNDS; round++) {
		struct addr a = {.family = ADDR_V4, .b = {10, (uint8_t)rng_below(&r, 4)}};
		a.b[3] = (uint8_t)rng_below(&r, 4);
		if (live < CHILDREN && rng_below(&r, 5) < 3) {
			struct ts_list local = {0}, remote = {0};
			child[live].p = prefix_of(&a, 14 + rng_below(&r, 19));
			struct ts ts = ts_prefix(&child[live].p);
			ts_list_add(&remote, &ts);
			nets_add(&n, &(struct nets_want){.local = &local, .remote = &remote},
			    &child[live].held);
			ck_assert_uint_eq(child[live++].held.routes_n, 1);
		} else if (live) {
			size_t i = rng_below(&r, (uint32_t)live);
			nets_del(&n, &child[i].held);
			child[i] = child[--live];
		}
		a.b[1] = (uint8_t)rng_below(&r, 8);
		bool any = false;
		for (size_t i = 0; i < live; i++)
			any |= prefix_has(&child[i].p, &a);
		ck_assert(nets_cover(&n, &a) == any);
		answers[any]++;
	}
	ck_assert(answers[0] > ROUNDS / 20 && answers[1] > ROUNDS / 20);
	while (live)
		nets_del(&n, &child[--live].held);
	ck_assert_uint_eq(n.routes_n, 0);
	ck_assert(!ns_line("/proc/net/route", "tunt0", ""));
	nets_fini(&n);
	netcfg_close(cfg);
	t->ops->close(t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/nets");
	TCase *t = tcase_create("nets");

	tcase_add_test(t, prefixes_once_each);
	tcase_add_test(t, everything_is_two_halves);
	tcase_add_test(t, worst_range_fits);
	tcase_add_test(t, without_a_device_nothing_is_held);
	tcase_add_test(t, covered_is_what_is_held);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

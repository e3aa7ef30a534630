/*
 * daemon/remotes.h, held against a list that is searched from end to end.
 */
#include <check.h>
#include <stdlib.h>

#include "daemon/remotes.h"
#include "test/unit/rng.h"

enum { ADDRS = 64, ROUNDS = 20000 };

/* Few enough that they meet: of both families, many in the same networks. */
static struct addr some_addr(struct rng *r)
{
	struct addr a = {.family = rng_below(r, 2) ? ADDR_V4 : ADDR_V6};
	size_t n = addr_bits(&a) / 8;

	a.b[0] = 10;
	a.b[n / 2] = (uint8_t)(rng_below(r, 2) << 7);
	a.b[n - 1] = (uint8_t)rng_below(r, 8);
	return a;
}

START_TEST(as_a_list)
{
	struct rng r = {0x5eed};
	struct remotes set = {0};
	struct addr list[ADDRS];
	size_t n = 0, answers[2] = {0};

	for (int round = 0; round < ROUNDS; round++) {
		if (n < ADDRS && rng_below(&r, 2)) {
			list[n] = some_addr(&r);
			remotes_add(&set, &list[n++]);
		} else if (n) {
			size_t i = rng_below(&r, (uint32_t)n);
			remotes_del(&set, &list[i]);
			list[i] = list[--n];
		}
		struct addr a = some_addr(&r);
		struct prefix p = prefix_of(&a, rng_below(&r, addr_bits(&a) + 1));
		bool any = false;
		for (size_t i = 0; i < n; i++)
			any |= prefix_has(&p, &list[i]);
		ck_assert(remotes_any(&set, &p) == any);
		answers[any]++;
	}
	ck_assert(answers[0] > ROUNDS / 100 && answers[1] > ROUNDS / 100);
	while (n)
		remotes_del(&set, &list[--n]);
	ck_assert_uint_eq(set.n, 0);
	/* One that is not there is no error. */
	remotes_del(&set, &list[0]);
	remotes_fini(&set);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/remotes");
	TCase *t = tcase_create("remotes");

	tcase_add_test(t, as_a_list);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

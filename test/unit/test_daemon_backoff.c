/*
 * Waiting after failures: grows, is bounded, is spread.
 */
#include <check.h>
#include <stdlib.h>

#include "daemon/backoff.h"

START_TEST(doubles_up_to_a_minute)
{
	static const uint32_t middle[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

	for (uint32_t i = 0; i < sizeof middle / sizeof middle[0]; i++) {
		uint32_t m = middle[i];
		ck_assert_uint_eq(backoff_ms(i + 1, 0), m - m / 4);
		ck_assert_uint_eq(backoff_ms(i + 1, m / 2), m - m / 4 + m / 2);
	}
	ck_assert_uint_le(backoff_ms(UINT32_MAX, UINT32_MAX), 75000);
}
END_TEST

START_TEST(is_spread_within_a_quarter)
{
	for (uint32_t random = 0; random < 100000; random += 77) {
		uint32_t ms = backoff_ms(3, random * 2654435761u);
		ck_assert_uint_ge(ms, 3000);
		ck_assert_uint_le(ms, 5000);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/backoff");
	TCase *t = tcase_create("backoff");

	tcase_add_test(t, doubles_up_to_a_minute);
	tcase_add_test(t, is_spread_within_a_quarter);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

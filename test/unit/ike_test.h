/*
 * Small helpers of the IKE suites: hexadecimal in, byte comparison, the main of a binary.
 */
#ifndef TEST_UNIT_IKE_TEST_H
#define TEST_UNIT_IKE_TEST_H

#include "base/bytes.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Hex text to bytes in `dst`; spaces are not allowed. */
static inline struct bytes hex_to(uint8_t *dst, size_t cap, const char *hex)
{
	long n = bytes_from_hex(dst, cap, hex);

	ck_assert_msg(n >= 0, "bad hex, or %zu bytes are too few: %s", cap, hex);
	return bytes_of(dst, (size_t)n);
}

#define ck_assert_bytes(got, want)                                  \
	do {                                                        \
		struct bytes got_ = (got), want_ = (want);          \
		ck_assert_uint_eq(got_.n, want_.n);                 \
		if (want_.n > 0)                                    \
			ck_assert_mem_eq(got_.p, want_.p, want_.n); \
	} while (0)

static inline struct bytes text_bytes(const char *s)
{
	return bytes_of(s, strlen(s));
}

/* A case of one function, run `n` times with _i from 0. */
static inline void add_loop(Suite *s, const char *name, const TTest *fn, int n)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, fn, 0, n);
	suite_add_tcase(s, tc);
}

static inline void add_test(Suite *s, const char *name, const TTest *fn)
{
	add_loop(s, name, fn, 1);
}

static inline int run_suite(Suite *s)
{
	SRunner *sr = srunner_create(s);

	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif

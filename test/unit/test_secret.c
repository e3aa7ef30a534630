/*
 * base/secret.h: ownership, wiping, comparison.
 */
#include "base/secret.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(init_is_zero_bytes)
{
	struct secret s;
	static const uint8_t zero[32];

	ck_assert(secret_init(&s, 32));
	ck_assert_uint_eq(s.n, 32);
	ck_assert_mem_eq(s.p, zero, 32);
	secret_fini(&s);
	ck_assert_ptr_null(s.p);
	ck_assert_uint_eq(s.n, 0);
	secret_fini(&s); /* twice is fine */

	ck_assert(secret_init(&s, 0));
	ck_assert_ptr_null(s.p);
	secret_fini(&s);
}
END_TEST

/* The sanitizers' allocators end the program at a size like this unless told otherwise. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

START_TEST(no_memory)
{
	struct secret s;

	ck_assert(!secret_init(&s, SIZE_MAX / 2));
	ck_assert_ptr_null(s.p);
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

START_TEST(copies_are_independent)
{
	uint8_t from[4] = {1, 2, 3, 4};
	struct secret s;

	ck_assert(secret_copy(&s, bytes_of(from, sizeof(from))));
	from[0] = 9;
	ck_assert(bytes_equal(secret_bytes(&s), bytes_of("\1\2\3\4", 4)));
	secret_fini(&s);
	ck_assert(secret_copy(&s, bytes_of(NULL, 0)));
	ck_assert_uint_eq(secret_bytes(&s).n, 0);
}
END_TEST

START_TEST(moves_empty_their_source)
{
	struct secret a, b;

	ck_assert(secret_copy(&a, bytes_of("abcd", 4)));
	ck_assert(secret_copy(&b, bytes_of("old", 3)));
	uint8_t *was = a.p;
	secret_move(&b, &a);
	ck_assert_ptr_eq(b.p, was);
	ck_assert_uint_eq(b.n, 4);
	ck_assert_ptr_null(a.p);
	ck_assert_uint_eq(a.n, 0);
	secret_move(&b, &b);
	ck_assert(bytes_equal(secret_bytes(&b), bytes_of("abcd", 4)));
	secret_fini(&b);
	secret_fini(&a);
}
END_TEST

START_TEST(wipe_is_exact)
{
	char b[8] = "secrets";

	secret_wipe(b + 1, 5);
	ck_assert_mem_eq(b, "s\0\0\0\0\0s", 8);
	secret_wipe(NULL, 0);
}
END_TEST

/* Every single bit of difference is seen. */
START_TEST(equal_sees_each_bit)
{
	uint8_t a[33], b[33];

	memset(a, 0x5a, sizeof(a));
	memcpy(b, a, sizeof(b));
	ck_assert(secret_equal(bytes_of(a, 33), bytes_of(b, 33)));
	for (size_t i = 0; i < sizeof(a) * 8; i++) {
		b[i / 8] ^= (uint8_t)(1u << (i % 8));
		ck_assert(!secret_equal(bytes_of(a, 33), bytes_of(b, 33)));
		b[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	ck_assert(!secret_equal(bytes_of(a, 33), bytes_of(b, 32)));
	ck_assert(!secret_equal(bytes_of(a, 0), bytes_of(b, 1)));
	ck_assert(secret_equal(bytes_of(NULL, 0), bytes_of(b, 0)));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("secret");
	TCase *c = tcase_create("secret");

	tcase_add_test(c, init_is_zero_bytes);
	tcase_add_test(c, no_memory);
	tcase_add_test(c, copies_are_independent);
	tcase_add_test(c, moves_empty_their_source);
	tcase_add_test(c, wipe_is_exact);
	tcase_add_test(c, equal_sees_each_bit);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

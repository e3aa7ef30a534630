/*
 * The ring between a worker and the control thread: order, bounds, the wrap, two threads.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ring.h"

static struct bytes text(const char *s)
{
	return bytes_of(s, strlen(s));
}

START_TEST(keeps_order_and_parts)
{
	struct ring r;
	struct bytes b;

	ck_assert(ring_init(&r, 1024));
	ck_assert(!ring_peek(&r, &b));
	ck_assert(ring_put(&r, text("head"), text("body")));
	ck_assert(ring_put(&r, text("x"), bytes_of(NULL, 0)));
	ck_assert(ring_put(&r, bytes_of(NULL, 0), bytes_of(NULL, 0)));
	ck_assert(ring_peek(&r, &b) && bytes_equal(b, text("headbody")));
	ck_assert(ring_peek(&r, &b) && bytes_equal(b, text("headbody")));
	ring_pop(&r);
	ck_assert(ring_peek(&r, &b) && bytes_equal(b, text("x")));
	ring_pop(&r);
	ck_assert(ring_peek(&r, &b) && b.n == 0);
	ring_pop(&r);
	ck_assert(!ring_peek(&r, &b));
	ring_fini(&r);
}
END_TEST

START_TEST(full_is_refused_and_recovers)
{
	struct ring r;
	struct bytes b;
	uint8_t big[600] = {0};
	int n = 0;

	ck_assert(ring_init(&r, 1024));
	ck_assert(!ring_put(&r, bytes_of(big, sizeof big), bytes_of(NULL, 0)));
	while (ring_put(&r, bytes_of(big, 100), bytes_of(NULL, 0)))
		n++;
	ck_assert_int_eq(n, 1024 / 112);
	for (int i = 0; i < n; i++) {
		ck_assert(ring_peek(&r, &b) && b.n == 100);
		ring_pop(&r);
	}
	ck_assert(!ring_peek(&r, &b));
	ck_assert(ring_put(&r, bytes_of(big, 500), bytes_of(NULL, 0)));
	ck_assert(ring_peek(&r, &b) && b.n == 500);
	ring_fini(&r);
}
END_TEST

/* Sizes that fall on every place of the end. */
START_TEST(wraps_anywhere)
{
	struct ring r;
	struct bytes b;
	uint8_t data[256];

	ck_assert(ring_init(&r, 1024));
	for (unsigned i = 0; i < 5000; i++) {
		size_t n = (i * 37) % sizeof data;
		memset(data, (int)(i & 0xff), n);
		ck_assert(ring_put(&r, bytes_of(data, n / 2), bytes_of(data, n - n / 2)));
		ck_assert(ring_peek(&r, &b));
		ck_assert_uint_eq(b.n, n);
		ck_assert_int_eq(memcmp(b.p, data, n), 0);
		ring_pop(&r);
	}
	ring_fini(&r);
}
END_TEST

enum { RECORDS = 200000 };

static void *produce(void *arg)
{
	struct ring *r = arg;
	uint32_t v[16];

	for (uint32_t i = 0; i < RECORDS; i++) {
		for (size_t k = 0; k < 16; k++)
			v[k] = i;
		while (!ring_put(r, bytes_of(v, 4 + 4 * (i % 15)), bytes_of(NULL, 0)))
			continue;
	}
	return NULL;
}

START_TEST(two_threads)
{
	struct ring r;
	struct bytes b;
	pthread_t t;

	ck_assert(ring_init(&r, 4096));
	ck_assert_int_eq(pthread_create(&t, NULL, produce, &r), 0);
	for (uint32_t i = 0; i < RECORDS; i++) {
		while (!ring_peek(&r, &b))
			continue;
		ck_assert_uint_eq(b.n, 4 + 4 * (i % 15));
		for (size_t at = 0; at < b.n; at += 4) {
			uint32_t got;
			memcpy(&got, b.p + at, 4);
			if (got != i)
				ck_abort_msg("record %u holds %u", i, got);
		}
		ring_pop(&r);
	}
	pthread_join(t, NULL);
	ring_fini(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/ring");
	TCase *t = tcase_create("ring");

	tcase_add_test(t, keeps_order_and_parts);
	tcase_add_test(t, full_is_refused_and_recovers);
	tcase_add_test(t, wraps_anywhere);
	tcase_add_test(t, two_threads);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

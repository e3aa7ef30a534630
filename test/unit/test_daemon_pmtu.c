/*
 * What is remembered of paths: bounds, downwards only, expiry, and a limit.
 */
#include <check.h>
#include <stdlib.h>

#include "daemon/pmtu.h"

static struct addr addr(const char *text)
{
	struct addr a;
	ck_assert(addr_parse(&a, text));
	return a;
}

static const struct bound {
	const char *dst;
	uint32_t told, taken;
} bounds[] = {
    {"192.0.2.1", 1400, 1400},
    {"192.0.2.1", 577, 577},
    {"192.0.2.1", 576, 576},
    {"192.0.2.1", 575, 576},
    {"192.0.2.1", 68, 576},
    {"192.0.2.1", 0, 576},
    {"192.0.2.1", 65535, 65535},
    {"192.0.2.1", 65536, 0},
    {"192.0.2.1", UINT32_MAX, 0},
    {"2001:db8::1", 1400, 1400},
    {"2001:db8::1", 1280, 1280},
    {"2001:db8::1", 1279, 0},
    {"2001:db8::1", 0, 0},
    {"2001:db8::1", 65535, 65535},
    {"2001:db8::1", UINT32_MAX, 0},
};

START_TEST(sane)
{
	const struct bound *b = &bounds[_i];
	struct pmtu_table *t = pmtu_new(4);
	struct addr a = addr(b->dst);
	ck_assert_uint_eq(pmtu_get(t, &a), 0);
	ck_assert_uint_eq(pmtu_learn(t, &a, b->told, 5), b->taken);
	ck_assert_uint_eq(pmtu_get(t, &a), b->taken);
	ck_assert_uint_eq(pmtu_deadline(t), b->taken ? 5 + PMTU_LIFE_MS : UINT64_MAX);
	pmtu_free(t);
}
END_TEST

START_TEST(no_address)
{
	struct pmtu_table *t = pmtu_new(4);
	struct addr none = {0};
	ck_assert_uint_eq(pmtu_learn(t, &none, 1400, 0), 0);
	ck_assert_uint_eq(pmtu_get(t, &none), 0);
	pmtu_free(t);
	pmtu_free(NULL);
}
END_TEST

START_TEST(downwards_only)
{
	struct pmtu_table *t = pmtu_new(4);
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");
	ck_assert_uint_eq(pmtu_learn(t, &a, 1400, 0), 1400);
	ck_assert_uint_eq(pmtu_learn(t, &a, 1401, 1), 0);
	ck_assert_uint_eq(pmtu_learn(t, &a, 1500, 2), 0);
	ck_assert_uint_eq(pmtu_get(t, &a), 1400);
	ck_assert_uint_eq(pmtu_deadline(t), PMTU_LIFE_MS); /* a larger one proves nothing */
	ck_assert_uint_eq(pmtu_learn(t, &a, 1300, 3), 1300);
	ck_assert_uint_eq(pmtu_get(t, &a), 1300);
	ck_assert_uint_eq(pmtu_get(t, &b), 0);
	ck_assert_uint_eq(pmtu_deadline(t), 3 + PMTU_LIFE_MS);
	/* Told the same again: nothing to be done, but true for longer. */
	ck_assert_uint_eq(pmtu_learn(t, &a, 1300, 1000), 0);
	ck_assert_uint_eq(pmtu_deadline(t), 1000 + PMTU_LIFE_MS);
	pmtu_free(t);
}
END_TEST

START_TEST(expiry)
{
	struct pmtu_table *t = pmtu_new(8);
	struct addr a = addr("192.0.2.1"), b = addr("2001:db8::1"), c = addr("192.0.2.0"), out;
	pmtu_learn(t, &a, 1400, 0);
	pmtu_learn(t, &b, 1400, 100);
	pmtu_learn(t, &c, 1400, 50);
	ck_assert(!pmtu_next_expired(t, PMTU_LIFE_MS - 1, &out));
	ck_assert(pmtu_next_expired(t, PMTU_LIFE_MS, &out));
	ck_assert(addr_equal(&out, &a));
	ck_assert(!pmtu_next_expired(t, PMTU_LIFE_MS, &out));
	ck_assert_uint_eq(pmtu_get(t, &a), 0);
	ck_assert_uint_eq(pmtu_deadline(t), PMTU_LIFE_MS + 50);
	/* Forgotten, it may be any size again. */
	ck_assert_uint_eq(pmtu_learn(t, &a, 1450, PMTU_LIFE_MS), 1450);
	ck_assert(pmtu_next_expired(t, PMTU_LIFE_MS + 100, &out));
	ck_assert(addr_equal(&out, &c));
	ck_assert(pmtu_next_expired(t, PMTU_LIFE_MS + 100, &out));
	ck_assert(addr_equal(&out, &b));
	ck_assert(!pmtu_next_expired(t, PMTU_LIFE_MS + 100, &out));
	pmtu_forget(t, &b);
	ck_assert_uint_eq(pmtu_get(t, &a), 1450);
	pmtu_forget(t, &a);
	ck_assert_uint_eq(pmtu_get(t, &a), 0);
	ck_assert_uint_eq(pmtu_deadline(t), UINT64_MAX);
	pmtu_free(t);
}
END_TEST

/* The nth of many destinations in no order, of both families. */
static struct addr many(uint32_t n)
{
	struct addr a = addr_v4(0x0a000000 | (n * 40503u & 0xffff));
	if (n % 3 == 0) {
		uint8_t b[16] = {0xfd};
		be32_store(b + 12, n * 2654435761u);
		a = addr_from_bytes(bytes_of(b, sizeof b));
	}
	return a;
}

/* Whoever makes up destinations does not get more memory, and does not push out what is newer. */
START_TEST(limit)
{
	enum { MOST = 100, ALL = 5000 };
	struct pmtu_table *t = pmtu_new(MOST);
	for (uint32_t i = 0; i < ALL; i++) {
		struct addr a = many(i);
		ck_assert_uint_eq(pmtu_learn(t, &a, 1300 + i % 100, i), 1300 + i % 100);
		for (uint32_t k = i < MOST ? 0 : i - MOST + 1; k <= i; k += 7) {
			struct addr b = many(k);
			ck_assert_uint_eq(pmtu_get(t, &b), 1300 + k % 100);
		}
		if (i >= MOST) {
			struct addr old = many(i - MOST);
			ck_assert_uint_eq(pmtu_get(t, &old), 0);
		}
	}
	struct addr out;
	for (uint32_t i = ALL - MOST; i < ALL; i++) {
		struct addr a = many(i);
		ck_assert(pmtu_next_expired(t, UINT64_MAX, &out));
		ck_assert(addr_equal(&out, &a));
	}
	ck_assert(!pmtu_next_expired(t, UINT64_MAX, &out));
	pmtu_free(t);
	ck_assert_ptr_null(pmtu_new(SIZE_MAX));
	ck_assert_ptr_null(pmtu_new(0));
}
END_TEST

/* Against a plain list of what should be there. */
START_TEST(at_random)
{
	enum { WHO = 40 };
	struct pmtu_table *t = pmtu_new(WHO);
	struct addr who[WHO], out;
	uint32_t mtu[WHO] = {0};
	uint64_t until[WHO] = {0}, now = 0;
	srand(1);
	for (uint32_t i = 0; i < WHO; i++)
		who[i] = many(i);
	for (int round = 0; round < 20000; round++) {
		size_t i = (size_t)rand() % WHO;
		now += (uint64_t)rand() % 60000;
		while (pmtu_next_expired(t, now, &out)) {
			size_t k = 0;
			while (k < WHO && !addr_equal(&who[k], &out))
				k++;
			ck_assert_uint_lt(k, WHO);
			ck_assert(mtu[k] && until[k] <= now);
			mtu[k] = 0;
		}
		uint32_t told = 1280 + (uint32_t)rand() % 200;
		bool less = mtu[i] == 0 || told < mtu[i];
		ck_assert_uint_eq(pmtu_learn(t, &who[i], told, now), less ? told : 0);
		if (mtu[i] == 0 || told <= mtu[i]) {
			mtu[i] = told;
			until[i] = now + PMTU_LIFE_MS;
		}
		if (rand() % 10 == 0) {
			size_t k = (size_t)rand() % WHO;
			pmtu_forget(t, &who[k]);
			mtu[k] = 0;
		}
		for (size_t k = 0; k < WHO; k++) {
			ck_assert_uint_eq(pmtu_get(t, &who[k]), mtu[k]);
			ck_assert(!mtu[k] || until[k] > now);
		}
	}
	pmtu_free(t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon_pmtu");
	TCase *t = tcase_create("table");
	tcase_add_loop_test(t, sane, 0, sizeof bounds / sizeof *bounds);
	tcase_add_test(t, no_address);
	tcase_add_test(t, downwards_only);
	tcase_add_test(t, expiry);
	tcase_add_test(t, limit);
	tcase_add_test(t, at_random);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/*
 * base/cursor.h: bounds, the sticky error, length fields. Buffers are on the heap and of the exact
 * size, so that a sanitizer sees a step over their ends.
 */
#include "base/cursor.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t sample[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

START_TEST(reads_in_order)
{
	struct rd r = rd_of(bytes_of(sample, sizeof(sample)));

	ck_assert_uint_eq(rd_u8(&r), 1);
	ck_assert_uint_eq(rd_u16(&r), 0x0203);
	ck_assert_uint_eq(rd_u32(&r), 0x04050607);
	ck_assert(rd_u64(&r) == 0x08090a0b0c0d0e0fu);
	ck_assert(rd_done(&r));
	ck_assert(rd_ok(&r));
	ck_assert_uint_eq(rd_left(&r), 0);
	ck_assert_uint_eq(rd_u8(&r), 0);
	ck_assert(!rd_ok(&r));
	ck_assert(!rd_done(&r));
}
END_TEST

/* Each read of `width` bytes from a buffer of n. */
START_TEST(read_needs_all_its_bytes)
{
	for (size_t n = 0; n <= 9; n++) {
		uint8_t *b = malloc(n ? n : 1);
		memset(b, 0xaa, n ? n : 1);
		struct rd r[6];
		for (size_t i = 0; i < 6; i++) {
			r[i] = rd_of(bytes_of(b, n));
		}
		ck_assert(rd_u8(&r[0]) == (n >= 1 ? 0xaa : 0));
		ck_assert(rd_u16(&r[1]) == (n >= 2 ? 0xaaaa : 0));
		ck_assert(rd_u32(&r[2]) == (n >= 4 ? 0xaaaaaaaau : 0));
		ck_assert(rd_u64(&r[3]) == (n >= 8 ? 0xaaaaaaaaaaaaaaaau : 0));
		ck_assert_uint_eq(rd_bytes(&r[4], 3).n, n >= 3 ? 3 : 0);
		rd_skip(&r[5], 5);
		static const size_t width[] = {1, 2, 4, 8, 3, 5};
		for (size_t i = 0; i < 6; i++) {
			ck_assert(rd_ok(&r[i]) == (n >= width[i]));
			ck_assert(rd_done(&r[i]) == (n == width[i]));
			ck_assert_uint_eq(rd_left(&r[i]), n >= width[i] ? n - width[i] : 0);
		}
		free(b);
	}
}
END_TEST

START_TEST(read_error_sticks)
{
	struct rd r = rd_of(bytes_of(sample, 4));

	ck_assert(rd_u64(&r) == 0);
	ck_assert_uint_eq(rd_u8(&r), 0);
	ck_assert_uint_eq(rd_bytes(&r, 1).n, 0);
	ck_assert_uint_eq(rd_bytes(&r, 0).n, 0);
	ck_assert_uint_eq(rd_rest(&r).n, 0);
	ck_assert_uint_eq(rd_left(&r), 0);
	struct rd sub = rd_sub(&r, 0);
	ck_assert(!rd_ok(&sub));
	ck_assert(!rd_ok(&r));

	r = rd_of(bytes_of(sample, 4));
	rd_fail(&r);
	ck_assert_uint_eq(rd_u8(&r), 0);
}
END_TEST

START_TEST(huge_lengths_do_not_wrap)
{
	struct rd r = rd_of(bytes_of(sample, 4));
	ck_assert_uint_eq(rd_bytes(&r, SIZE_MAX).n, 0);
	ck_assert(!rd_ok(&r));

	uint8_t b[4];
	struct wr w = wr_of(b, sizeof(b));
	wr_u8(&w, 1);
	ck_assert_ptr_null(wr_reserve(&w, SIZE_MAX));
	ck_assert(!wr_ok(&w));
	ck_assert_uint_eq(wr_written(&w).n, 0);
}
END_TEST

START_TEST(nothing_to_read)
{
	struct rd r = rd_of(bytes_of(NULL, 0));
	ck_assert(rd_done(&r));
	ck_assert_uint_eq(rd_rest(&r).n, 0);
	ck_assert(rd_done(&r));
	rd_skip(&r, 1);
	ck_assert(!rd_ok(&r));

	r = rd_of(bytes_of(NULL, 3));
	ck_assert(!rd_ok(&r));
}
END_TEST

START_TEST(sub_cursors)
{
	struct rd r = rd_of(bytes_of(sample, 10));
	struct rd a = rd_sub(&r, 4);

	ck_assert_uint_eq(rd_left(&a), 4);
	ck_assert_uint_eq(rd_u32(&a), 0x01020304);
	ck_assert_uint_eq(rd_u8(&a), 0); /* not the parent's fifth byte */
	ck_assert(!rd_ok(&a));
	ck_assert(rd_ok(&r));
	ck_assert_uint_eq(rd_u8(&r), 5);

	struct rd b = rd_sub(&r, 6); /* one more than there is */
	ck_assert(!rd_ok(&b));
	ck_assert(!rd_ok(&r));
}
END_TEST

START_TEST(writes_in_order)
{
	uint8_t b[sizeof(sample)];
	struct wr w = wr_of(b, sizeof(b));

	wr_u8(&w, 1);
	wr_u16(&w, 0x0203);
	wr_u32(&w, 0x04050607);
	wr_u64(&w, 0x08090a0b0c0d0e0fu);
	ck_assert(wr_ok(&w));
	ck_assert(bytes_equal(wr_written(&w), bytes_of(sample, sizeof(sample))));
	wr_bytes(&w, bytes_of(NULL, 0));
	wr_zero(&w, 0);
	ck_assert(wr_ok(&w));
	wr_u8(&w, 0);
	ck_assert(!wr_ok(&w));
	ck_assert_uint_eq(wr_written(&w).n, 0);
}
END_TEST

START_TEST(write_needs_all_its_room)
{
	for (size_t cap = 0; cap <= 9; cap++) {
		uint8_t *b = malloc(cap ? cap : 1);
		struct wr w[6];
		for (size_t i = 0; i < 6; i++) {
			w[i] = wr_of(b, cap);
		}
		wr_u8(&w[0], 1);
		wr_u16(&w[1], 1);
		wr_u32(&w[2], 1);
		wr_u64(&w[3], 1);
		wr_bytes(&w[4], bytes_of("abc", 3));
		wr_zero(&w[5], 5);
		static const size_t width[] = {1, 2, 4, 8, 3, 5};
		for (size_t i = 0; i < 6; i++) {
			ck_assert(wr_ok(&w[i]) == (cap >= width[i]));
			ck_assert_uint_eq(wr_written(&w[i]).n, cap >= width[i] ? width[i] : 0);
		}
		free(b);
	}
}
END_TEST

START_TEST(write_error_sticks)
{
	uint8_t b[4] = {0};
	struct wr w = wr_of(b, sizeof(b));

	wr_u64(&w, UINT64_MAX);
	wr_u8(&w, 0xff);
	ck_assert_mem_eq(b, "\0\0\0\0", 4);
	ck_assert(!wr_ok(&w));

	w = wr_of(NULL, 10);
	wr_u8(&w, 1);
	ck_assert(!wr_ok(&w));
}
END_TEST

static const struct {
	uint8_t width;
	size_t back, body;
	bool ok;
	const char *field;
} lengths[] = {
    {1, 0, 0, true, "\x01"},
    {1, 0, 254, true, "\xff"},
    {1, 0, 255, false, NULL},
    {1, 1, 254, false, NULL},
    {1, 2, 3, true, "\x06"},
    {2, 0, 0, true, "\x00\x02"},
    {2, 2, 300, true, "\x01\x30"},
    {2, 0, 65533, true, "\xff\xff"},
    {2, 0, 65534, false, NULL},
    {2, 2, 65532, false, NULL},
    {4, 0, 0, true, "\x00\x00\x00\x04"},
    {4, 2, 65534, true, "\x00\x01\x00\x04"},
    {4, 3, 0, false, NULL}, /* nothing stands three bytes before the field */
    {0, 0, 0, false, NULL},
    {3, 0, 0, false, NULL},
    {8, 0, 0, false, NULL},
};

START_TEST(length_after_body)
{
	size_t cap = 70000;
	uint8_t *b = malloc(cap);
	struct wr w = wr_of(b, cap);

	wr_u16(&w, 0xabcd);
	struct wr_mark m = wr_begin(&w, lengths[_i].width, lengths[_i].back);
	wr_zero(&w, lengths[_i].body);
	wr_end(&w, m);
	ck_assert(wr_ok(&w) == lengths[_i].ok);
	if (lengths[_i].ok) {
		ck_assert_mem_eq(b, "\xab\xcd", 2);
		ck_assert_mem_eq(b + 2, lengths[_i].field, lengths[_i].width);
	}
	free(b);
}
END_TEST

START_TEST(nested_lengths)
{
	uint8_t b[32];
	struct wr w = wr_of(b, sizeof(b));

	wr_u16(&w, 0);
	struct wr_mark outer = wr_begin(&w, 2, 2);
	wr_u8(&w, 7);
	struct wr_mark inner = wr_begin(&w, 1, 0);
	wr_bytes(&w, bytes_of("xy", 2));
	wr_end(&w, inner);
	wr_end(&w, outer);
	ck_assert(bytes_equal(wr_written(&w), bytes_of("\0\0\0\x08\x07\x03xy", 8)));

	w = wr_of(b, 3); /* the field itself does not fit */
	wr_u16(&w, 0);
	outer = wr_begin(&w, 2, 2);
	wr_end(&w, outer);
	ck_assert(!wr_ok(&w));
}
END_TEST

/* Random steps on both cursors at once: a model keeps the count of bytes. */
START_TEST(random_steps_stay_inside)
{
	struct rng rng = {0x5eed};

	for (int round = 0; round < 20000; round++) {
		size_t n = rng_below(&rng, 40), at = 0;
		uint8_t *src = calloc(1, n ? n : 1), *dst = calloc(1, n ? n : 1);
		struct rd r = rd_of(bytes_of(src, n));
		struct wr w = wr_of(dst, n);
		bool bad = false;
		for (size_t i = 0; i < n; i++) {
			src[i] = (uint8_t)rng_u32(&rng);
		}
		for (int step = 0; step < 8; step++) {
			static const size_t widths[] = {1, 2, 4, 8};
			uint32_t kind = rng_below(&rng, 6);
			size_t take = kind < 4 ? widths[kind] : rng_below(&rng, 20);
			switch (kind) {
			case 0: wr_u8(&w, rd_u8(&r)); break;
			case 1: wr_u16(&w, rd_u16(&r)); break;
			case 2: wr_u32(&w, rd_u32(&r)); break;
			case 3: wr_u64(&w, rd_u64(&r)); break;
			default: {
				struct rd sub = rd_sub(&r, take);
				struct bytes b = rd_rest(&sub);
				if (rd_ok(&r)) {
					wr_bytes(&w, b);
				}
			}
			}
			bad = bad || take > n - at;
			at += bad ? 0 : take;
			ck_assert(rd_ok(&r) == !bad);
			ck_assert_uint_eq(rd_left(&r), bad ? 0 : n - at);
		}
		if (!bad) {
			ck_assert(bytes_equal(wr_written(&w), bytes_of(src, at)));
		}
		free(src);
		free(dst);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cursor");
	TCase *c = tcase_create("cursor");

	tcase_add_test(c, reads_in_order);
	tcase_add_test(c, read_needs_all_its_bytes);
	tcase_add_test(c, read_error_sticks);
	tcase_add_test(c, huge_lengths_do_not_wrap);
	tcase_add_test(c, nothing_to_read);
	tcase_add_test(c, sub_cursors);
	tcase_add_test(c, writes_in_order);
	tcase_add_test(c, write_needs_all_its_room);
	tcase_add_test(c, write_error_sticks);
	tcase_add_loop_test(c, length_after_body, 0, (int)(sizeof(lengths) / sizeof(lengths[0])));
	tcase_add_test(c, nested_lengths);
	tcase_add_test(c, random_steps_stay_inside);
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

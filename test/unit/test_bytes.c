/*
 * base/bytes.h and base/text.h: views, big-endian numbers, hexadecimal, bounded text.
 */
#include "base/bytes.h"
#include "base/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(equal)
{
	ck_assert(bytes_equal(bytes_of("abc", 3), bytes_of("abc", 3)));
	ck_assert(!bytes_equal(bytes_of("abc", 3), bytes_of("abd", 3)));
	ck_assert(!bytes_equal(bytes_of("abc", 3), bytes_of("abc", 2)));
	ck_assert(bytes_equal(bytes_of(NULL, 0), bytes_of("x", 0)));
	ck_assert(!bytes_equal(bytes_of(NULL, 0), bytes_of("x", 1)));
}
END_TEST

START_TEST(big_endian)
{
	static const uint8_t b[8] = {0x81, 0x02, 0x03, 0xf4, 0x05, 0x06, 0x07, 0xff};
	uint8_t w[8];

	ck_assert_uint_eq(be16_load(b), 0x8102);
	ck_assert_uint_eq(be32_load(b), 0x810203f4u);
	ck_assert(be64_load(b) == 0x810203f4050607ffu);
	be64_store(w, 0x810203f4050607ffu);
	ck_assert_mem_eq(w, b, 8);
	be32_store(w, 0x05060708);
	be16_store(w + 4, 0xfffe);
	ck_assert_mem_eq(w, "\x05\x06\x07\x08\xff\xfe\x07\xff", 8);
}
END_TEST

static const struct {
	const char *hex;
	size_t cap;
	long n;
	const char *bytes;
} hex_in[] = {
    {"", 0, 0, ""},
    {"", 4, 0, ""},
    {"0x", 4, 0, ""},
    {"00ff", 2, 2, "\x00\xff"},
    {"0xDEADbeef", 4, 4, "\xde\xad\xbe\xef"},
    {"0XaB", 4, 1, "\xab"},
    {"a", 4, -1, NULL},
    {"0xabc", 4, -1, NULL},
    {"0x0", 4, -1, NULL},
    {"0", 4, -1, NULL},
    {"gg", 4, -1, NULL},
    {"1g", 4, -1, NULL},
    {"aa bb", 4, -1, NULL},
    {"0x0xaa", 4, -1, NULL},
    {"aabbcc", 2, -1, NULL},
    {"aa", 0, -1, NULL},
    {"/0", 4, -1, NULL},
    {":0", 4, -1, NULL},
    {"@0", 4, -1, NULL},
    {"`0", 4, -1, NULL},
    {"\xc3\xa4", 4, -1, NULL},
};

START_TEST(hex_to_bytes)
{
	uint8_t *b = malloc(hex_in[_i].cap); /* on the heap: a write behind its end is seen */
	long n = bytes_from_hex(b, hex_in[_i].cap, hex_in[_i].hex);

	ck_assert_int_eq(n, hex_in[_i].n);
	if (n > 0) {
		ck_assert_mem_eq(b, hex_in[_i].bytes, (size_t)n);
	}
	free(b);
}
END_TEST

START_TEST(bytes_to_hex_fits_or_is_empty)
{
	for (size_t cap = 0; cap < 10; cap++) {
		char *dst = malloc(cap + 1);
		dst[0] = dst[cap] = 'x';
		bool ok = bytes_to_hex(dst, cap, bytes_of("\x00\x9f\xa5", 3));
		ck_assert(ok == (cap >= 7));
		if (cap > 0) {
			ck_assert_str_eq(dst, ok ? "009fa5" : "");
		}
		ck_assert(cap == 0 || dst[cap] == 'x');
		free(dst);
	}
	char one[1];
	ck_assert(bytes_to_hex(one, 1, bytes_of(NULL, 0)));
	ck_assert_str_eq(one, "");
}
END_TEST

START_TEST(text_is_cut_with_an_ellipsis)
{
	static const char *const expected[] = {
	    NULL, "", "a", "ab", "…", "a…", "ab…", "abc…", "abcd…", "abcdefghi", "abcdefghi"};

	for (size_t cap = 0; cap < sizeof(expected) / sizeof(expected[0]); cap++) {
		char dst[16] = "unwritten";
		struct text t = text_of(dst, cap);
		text_add(&t, "abcd");
		text_addf(&t, "%s%d", "e", 5);
		text_add_char(&t, 'g');
		text_end(&t);
		if (cap == 0) {
			ck_assert_str_eq(dst, "unwritten");
		} else if (cap < 8) {
			ck_assert_str_eq(dst, expected[cap]);
		} else {
			ck_assert_str_eq(dst, "abcde5g");
		}
	}
}
END_TEST

START_TEST(text_is_cut_between_characters)
{
	char dst[8];
	struct text t = text_of(dst, sizeof(dst));

	text_add(&t, "abcäääääää"); /* the cut for "…" would be in the middle of the first ä */
	ck_assert_str_eq(text_end(&t), "abc…");
	ck_assert(t.cut);

	t = text_of(dst, sizeof(dst));
	text_add(&t, "1234567");
	ck_assert(!t.cut);
	ck_assert_str_eq(text_end(&t), "1234567");
}
END_TEST

START_TEST(long_formatted_piece_is_cut)
{
	char dst[600], piece[400];

	memset(piece, 'x', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	struct text t = text_of(dst, sizeof(dst));
	text_addf(&t, "%s", piece);
	ck_assert(t.cut);
	text_add(&t, "nothing follows a cut");
	ck_assert_uint_eq(strlen(dst), 255);
}
END_TEST

START_TEST(escapes)
{
	char dst[64];
	struct text t = text_of(dst, sizeof(dst));

	text_add_escaped(&t, bytes_of("a\n\"'\\\x7f\xff z~\0", 11));
	ck_assert_str_eq(text_end(&t), "a\\x0a\\x22\\x27\\x5c\\x7f\\xff z~\\x00");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("bytes");
	TCase *c = tcase_create("bytes");

	tcase_add_test(c, equal);
	tcase_add_test(c, big_endian);
	tcase_add_loop_test(c, hex_to_bytes, 0, (int)(sizeof(hex_in) / sizeof(hex_in[0])));
	tcase_add_test(c, bytes_to_hex_fits_or_is_empty);
	tcase_add_test(c, text_is_cut_with_an_ellipsis);
	tcase_add_test(c, text_is_cut_between_characters);
	tcase_add_test(c, long_formatted_piece_is_cut);
	tcase_add_test(c, escapes);
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

/*
 * Puzzles of RFC 8019: the rules of sections 7.1.3 and 8.2, and
 * the solver held against the checker.
 */
#include "ike/crypto/puzzle.h"
#include "test/unit/ike_test.h"

/* RFC 8019 section 4.4, example 1. */
static const char cookie_hex[] = "739ae7492d8a810cf5e8dc0f9626c9dda773c5a3";
static uint8_t cookie_bytes[20];

static struct bytes cookie(void)
{
	return hex_to(cookie_bytes, sizeof cookie_bytes, cookie_hex);
}

static bool check(unsigned bits, const char *keys)
{
	uint8_t b[4 * 65];

	return ike_puzzle_check(NULL, PRF_HMAC_SHA2_256, bits, cookie(), hex_to(b, sizeof b, keys));
}

/* The first four keys of three octets for 14 bits, and how many zero bits each leaves: computed
 * with Python's hmac module (the values in the RFC's table are of no PRF that we found). */
static const struct {
	const char *key;
	unsigned bits;
} found[] = {{"00499b", 14}, {"00cd8a", 18}, {"01b4dc", 15}, {"01c244", 16}};

START_TEST(known_solution)
{
	ck_assert(check(14, "00499b00cd8a01b4dc01c244"));
	ck_assert(!check(15, "00499b00cd8a01b4dc01c244"));
	/* Of four octets, as the solver finds them: the first for 12 bits. */
	ck_assert(check(12, "000000df000028b700002ed10000340a"));
	ck_assert(!check(13, "000000df000028b700002ed10000340a"));
}
END_TEST

/* All four are checked: one that ends in fewer bits spoils it, wherever it stands. */
START_TEST(each_key_counts)
{
	for (size_t bad = 0; bad < 4; bad++) {
		char text[4 * 6 + 1] = "";

		for (size_t i = 0; i < 4; i++)
			strcat(text, i == bad ? "061841" : found[i].key);
		ck_assert(!check(14, text));
	}
	for (size_t i = 0; i < 4; i++) {
		char text[4 * 6 + 1] = "";

		/* One alone, with three others that are as good as 14 bits at least. */
		for (size_t k = 0; k < 4; k++)
			strcat(text, found[(i + k) % 4].key);
		ck_assert(check(14, text));
	}
}
END_TEST

/* Four different keys, all of one size, none empty, none longer than the PRF's preferred key. */
START_TEST(sizes)
{
	char text[2 * 4 * 33 + 1] = "";
	struct bytes none = {0};

	ck_assert(!ike_puzzle_check(NULL, PRF_HMAC_SHA2_256, 0, cookie(), none));
	ck_assert(!check(0, "010203"));
	ck_assert(!check(0, "0102030405"));
	ck_assert(check(0, "01020304"));
	ck_assert(!check(0, "01020301"));
	ck_assert(!check(0, "0101010203030404040404"));
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 32; k++)
			strcat(text, k == 31 ? (i & 1 ? "01" : "02") : (i & 2 ? "aa" : "bb"));
	}
	ck_assert(check(0, text));
	text[0] = 0;
	for (unsigned i = 0; i < 4 * 33; i++) {
		char two[3] = {"0123456789abcdef"[i / 16 % 16], "0123456789abcdef"[i % 16], 0};

		strcat(text, two);
	}
	ck_assert(!check(0, text));
}
END_TEST

static const uint16_t prfs[] = {PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_384, PRF_HMAC_SHA2_512,
    PRF_AES128_XCBC, PRF_AES128_CMAC, PRF_HMAC_SHA1};

enum { PRFS = sizeof prfs / sizeof prfs[0] };

/* Solved in slices, with no more keys tried in one than were allowed. */
START_TEST(solves)
{
	struct ike_puzzle *p;
	enum ike_err err = IKE_ETEMPORARY;
	uint64_t before = 0;
	struct bytes s;

	ck_assert(ike_puzzle_prf(NULL, prfs[_i]));
	ck_assert_int_eq(ike_puzzle_new(&p, NULL, prfs[_i], 9, cookie()), IKE_OK);
	while (err == IKE_ETEMPORARY) {
		uint32_t tries = 100;

		err = ike_puzzle_work(p, &tries);
		ck_assert_uint_le(ike_puzzle_tried(p) - before, 100);
		ck_assert(tries == 0 || err == IKE_OK);
		before = ike_puzzle_tried(p);
	}
	ck_assert_int_eq(err, IKE_OK);
	s = ike_puzzle_solution(p);
	ck_assert_uint_eq(s.n, IKE_PUZZLE_SOLUTION);
	ck_assert(ike_puzzle_check(NULL, prfs[_i], 9, cookie(), s));
	ck_assert(!ike_puzzle_check(NULL, prfs[_i], 9, bytes_of(cookie_bytes, 19), s));
	ck_assert(!ike_puzzle_check(NULL, prfs[(_i + 1) % PRFS], 9, cookie(), s));
	ike_puzzle_free(p);
}
END_TEST

/* The keys that Python finds are found, and no earlier ones. */
START_TEST(solves_like_python)
{
	struct ike_puzzle *p;
	uint32_t tries = 100000;
	uint8_t want[16];

	ck_assert_int_eq(ike_puzzle_new(&p, NULL, PRF_HMAC_SHA2_256, 12, cookie()), IKE_OK);
	ck_assert_int_eq(ike_puzzle_work(p, &tries), IKE_OK);
	ck_assert_bytes(
	    ike_puzzle_solution(p), hex_to(want, sizeof want, "000000df000028b700002ed10000340a"));
	ck_assert_uint_eq(ike_puzzle_tried(p), 0x340a + 1);
	ike_puzzle_free(p);
}
END_TEST

START_TEST(bounded)
{
	struct ike_puzzle *p;

	ck_assert_int_eq(
	    ike_puzzle_new(&p, NULL, PRF_HMAC_SHA2_256, IKE_PUZZLE_BITS_MOST + 1, cookie()),
	    IKE_EUNSUPPORTED);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(ike_puzzle_new(&p, NULL, 4711, 9, cookie()), IKE_EUNSUPPORTED);
	ck_assert(!ike_puzzle_prf(NULL, 4711));
	ck_assert(!ike_puzzle_check(NULL, 4711, 0, cookie(), cookie()));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_puzzle");

	add_test(s, "known_solution", known_solution);
	add_test(s, "each_key_counts", each_key_counts);
	add_test(s, "sizes", sizes);
	add_loop(s, "solves", solves, PRFS);
	add_test(s, "solves_like_python", solves_like_python);
	add_test(s, "bounded", bounded);
	return run_suite(s);
}

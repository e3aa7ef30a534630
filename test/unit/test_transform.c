/*
 * base/transform.h: the table against the numbers of the RFCs, and its text.
 */
#include "base/transform.h"
#include "base/keyword.h"

#include <check.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

#define IKE TRANSFORM_IKE
#define ESP TRANSFORM_ESP
#define AEAD TRANSFORM_AEAD
#define WEAK TRANSFORM_WEAK

/* Written out once more from the sources, so that a slip in the table is seen: RFC 3602, RFC 4106,
 * RFC 5282, RFC 7634, RFC 4868, RFC 3526, RFC 5114, RFC 5903, RFC 6954, RFC 8031, RFC 4309, RFC
 * 8750, RFC 4543, RFC 3686, RFC 4312, RFC 2451, RFC 2404, RFC 3566, RFC 4494 and the IANA registry.
 */
/* clang-format off */
static const struct {
	uint8_t type;
	uint16_t id, bits;
	const char *name, *keyword;
	unsigned key, salt, iv, icv, block, flags;
} expected[] = {
	{1, 12, 128, "AES_CBC_128",       "aes128",           16, 0, 16,  0, 16, IKE | ESP},
	{1, 12, 192, "AES_CBC_192",       "aes192",           24, 0, 16,  0, 16, IKE | ESP},
	{1, 12, 256, "AES_CBC_256",       "aes256",           32, 0, 16,  0, 16, IKE | ESP},
	{1, 20, 128, "AES_GCM_16_128",    "aes128gcm16",      20, 4,  8, 16,  1, IKE | ESP | AEAD},
	{1, 20, 192, "AES_GCM_16_192",    "aes192gcm16",      28, 4,  8, 16,  1, IKE | ESP | AEAD},
	{1, 20, 256, "AES_GCM_16_256",    "aes256gcm16",      36, 4,  8, 16,  1, IKE | ESP | AEAD},
	{1, 28,   0, "CHACHA20_POLY1305", "chacha20poly1305", 36, 4,  8, 16,  1, IKE | ESP | AEAD},
	{1, 11,   0, "NULL",              "null",              0, 0,  0,  0,  1, ESP},
	{2,  5,   0, "PRF_HMAC_SHA2_256", "prfsha256",        32, 0,  0,  0,  1, IKE},
	{2,  6,   0, "PRF_HMAC_SHA2_384", "prfsha384",        48, 0,  0,  0,  1, IKE},
	{2,  7,   0, "PRF_HMAC_SHA2_512", "prfsha512",        64, 0,  0,  0,  1, IKE},
	{3, 12,   0, "HMAC_SHA2_256_128", "sha256",           32, 0,  0, 16,  1, IKE | ESP},
	{3, 13,   0, "HMAC_SHA2_384_192", "sha384",           48, 0,  0, 24,  1, IKE | ESP},
	{3, 14,   0, "HMAC_SHA2_512_256", "sha512",           64, 0,  0, 32,  1, IKE | ESP},
	{3,  0,   0, "NONE",              "none",              0, 0,  0,  0,  1, IKE | ESP},
	{4, 14,   0, "MODP_2048",         "modp2048",        256, 0,  0,  0,  1, IKE | ESP},
	{4, 15,   0, "MODP_3072",         "modp3072",        384, 0,  0,  0,  1, IKE | ESP},
	{4, 35,   0, "ML_KEM_512",        "mlkem512",         800, 0,  0,  0,  1, IKE | ESP},
	{4, 36,   0, "ML_KEM_768",        "mlkem768",        1184, 0,  0,  0,  1, IKE | ESP},
	{4, 37,   0, "ML_KEM_1024",       "mlkem1024",       1568, 0,  0,  0,  1, IKE | ESP},
	{4, 16,   0, "MODP_4096",         "modp4096",        512, 0,  0,  0,  1, IKE | ESP},
	{4, 19,   0, "ECP_256",           "ecp256",           64, 0,  0,  0,  1, IKE | ESP},
	{4, 20,   0, "ECP_384",           "ecp384",           96, 0,  0,  0,  1, IKE | ESP},
	{4, 21,   0, "ECP_521",           "ecp521",          132, 0,  0,  0,  1, IKE | ESP},
	{4, 31,   0, "CURVE25519",        "x25519",           32, 0,  0,  0,  1, IKE | ESP},
	{4,  2,   0, "MODP_1024",         "modp1024",        128, 0,  0,  0,  1, IKE | ESP | WEAK},
	{4,  5,   0, "MODP_1536",         "modp1536",        192, 0,  0,  0,  1, IKE | ESP | WEAK},
	{4, 17,   0, "MODP_6144",         "modp6144",        768, 0,  0,  0,  1, IKE | ESP},
	{4, 18,   0, "MODP_8192",         "modp8192",       1024, 0,  0,  0,  1, IKE | ESP},
	{4, 22,   0, "MODP_1024_160",     "modp1024s160",    128, 0,  0,  0,  1, IKE | ESP | WEAK},
	{4, 23,   0, "MODP_2048_224",     "modp2048s224",    256, 0,  0,  0,  1, IKE | ESP | WEAK},
	{4, 24,   0, "MODP_2048_256",     "modp2048s256",    256, 0,  0,  0,  1, IKE | ESP | WEAK},
	{4, 25,   0, "ECP_192",           "ecp192",           48, 0,  0,  0,  1, IKE | ESP | WEAK},
	{4, 26,   0, "ECP_224",           "ecp224",           56, 0,  0,  0,  1, IKE | ESP},
	{4, 27,   0, "BRAINPOOL_P224R1",  "ecp224bp",         56, 0,  0,  0,  1, IKE | ESP},
	{4, 28,   0, "BRAINPOOL_P256R1",  "ecp256bp",         64, 0,  0,  0,  1, IKE | ESP},
	{4, 29,   0, "BRAINPOOL_P384R1",  "ecp384bp",         96, 0,  0,  0,  1, IKE | ESP},
	{4, 30,   0, "BRAINPOOL_P512R1",  "ecp512bp",        128, 0,  0,  0,  1, IKE | ESP},
	{4, 32,   0, "CURVE448",          "x448",             56, 0,  0,  0,  1, IKE | ESP},
	{5,  0,   0, "NO_ESN",            "noesn",             0, 0,  0,  0,  1, ESP},
	{5,  1,   0, "ESN",               "esn",               0, 0,  0,  0,  1, ESP},
	{1, 18, 128, "AES_GCM_8_128",         "aes128gcm8",          20, 4,  8,  8,  1, IKE | ESP | AEAD},
	{1, 19, 128, "AES_GCM_12_128",        "aes128gcm12",         20, 4,  8, 12,  1, IKE | ESP | AEAD},
	{1, 14, 128, "AES_CCM_8_128",         "aes128ccm8",          19, 3,  8,  8,  1, IKE | ESP | AEAD},
	{1, 15, 128, "AES_CCM_12_128",        "aes128ccm12",         19, 3,  8, 12,  1, IKE | ESP | AEAD},
	{1, 16, 128, "AES_CCM_16_128",        "aes128ccm16",         19, 3,  8, 16,  1, IKE | ESP | AEAD},
	{1, 29, 128, "AES_CCM_8_IIV_128",     "aes128ccm8iiv",       19, 3,  0,  8,  1, ESP | AEAD},
	{1, 30, 128, "AES_GCM_16_IIV_128",    "aes128gcm16iiv",      20, 4,  0, 16,  1, ESP | AEAD},
	{1, 21, 128, "AES_GMAC_128",          "aes128gmac",          20, 4,  8, 16,  1, ESP | AEAD},
	{1, 13, 128, "AES_CTR_128",           "aes128ctr",           20, 4,  8,  0,  1, IKE | ESP},
	{1, 23, 128, "CAMELLIA_CBC_128",      "camellia128",         16, 0, 16,  0, 16, IKE | ESP},
	{1, 18, 192, "AES_GCM_8_192",         "aes192gcm8",          28, 4,  8,  8,  1, IKE | ESP | AEAD},
	{1, 19, 192, "AES_GCM_12_192",        "aes192gcm12",         28, 4,  8, 12,  1, IKE | ESP | AEAD},
	{1, 14, 192, "AES_CCM_8_192",         "aes192ccm8",          27, 3,  8,  8,  1, IKE | ESP | AEAD},
	{1, 15, 192, "AES_CCM_12_192",        "aes192ccm12",         27, 3,  8, 12,  1, IKE | ESP | AEAD},
	{1, 16, 192, "AES_CCM_16_192",        "aes192ccm16",         27, 3,  8, 16,  1, IKE | ESP | AEAD},
	{1, 29, 192, "AES_CCM_8_IIV_192",     "aes192ccm8iiv",       27, 3,  0,  8,  1, ESP | AEAD},
	{1, 30, 192, "AES_GCM_16_IIV_192",    "aes192gcm16iiv",      28, 4,  0, 16,  1, ESP | AEAD},
	{1, 21, 192, "AES_GMAC_192",          "aes192gmac",          28, 4,  8, 16,  1, ESP | AEAD},
	{1, 13, 192, "AES_CTR_192",           "aes192ctr",           28, 4,  8,  0,  1, IKE | ESP},
	{1, 23, 192, "CAMELLIA_CBC_192",      "camellia192",         24, 0, 16,  0, 16, IKE | ESP},
	{1, 18, 256, "AES_GCM_8_256",         "aes256gcm8",          36, 4,  8,  8,  1, IKE | ESP | AEAD},
	{1, 19, 256, "AES_GCM_12_256",        "aes256gcm12",         36, 4,  8, 12,  1, IKE | ESP | AEAD},
	{1, 14, 256, "AES_CCM_8_256",         "aes256ccm8",          35, 3,  8,  8,  1, IKE | ESP | AEAD},
	{1, 15, 256, "AES_CCM_12_256",        "aes256ccm12",         35, 3,  8, 12,  1, IKE | ESP | AEAD},
	{1, 16, 256, "AES_CCM_16_256",        "aes256ccm16",         35, 3,  8, 16,  1, IKE | ESP | AEAD},
	{1, 29, 256, "AES_CCM_8_IIV_256",     "aes256ccm8iiv",       35, 3,  0,  8,  1, ESP | AEAD},
	{1, 30, 256, "AES_GCM_16_IIV_256",    "aes256gcm16iiv",      36, 4,  0, 16,  1, ESP | AEAD},
	{1, 21, 256, "AES_GMAC_256",          "aes256gmac",          36, 4,  8, 16,  1, ESP | AEAD},
	{1, 13, 256, "AES_CTR_256",           "aes256ctr",           36, 4,  8,  0,  1, IKE | ESP},
	{1, 23, 256, "CAMELLIA_CBC_256",      "camellia256",         32, 0, 16,  0, 16, IKE | ESP},
	{1, 31,   0, "CHACHA20_POLY1305_IIV", "chacha20poly1305iiv", 36, 4,  0, 16,  1, ESP | AEAD},
	{1,  3,   0, "3DES",                  "3des",                24, 0,  8,  0,  8, IKE | ESP | WEAK},
	{3,  2,   0, "HMAC_SHA1_96",          "sha1",                20, 0,  0, 12,  1, IKE | ESP | WEAK},
	{3,  5,   0, "AES_XCBC_96",           "aesxcbc",             16, 0,  0, 12,  1, IKE | ESP},
	{3,  8,   0, "AES_CMAC_96",           "aescmac",             16, 0,  0, 12,  1, IKE | ESP},
	{1,  2,   0, "DES",                   "des",                  8, 0,  8,  0,  8, IKE | ESP | WEAK},
	{1, 24, 128, "CAMELLIA_CTR_128",      "camellia128ctr",      20, 4,  8,  0,  1, IKE | ESP},
	{1, 24, 192, "CAMELLIA_CTR_192",      "camellia192ctr",      28, 4,  8,  0,  1, IKE | ESP},
	{1, 24, 256, "CAMELLIA_CTR_256",      "camellia256ctr",      36, 4,  8,  0,  1, IKE | ESP},
	{2,  1,   0, "PRF_HMAC_MD5",          "prfmd5",              16, 0,  0,  0,  1, IKE | WEAK},
	{2,  2,   0, "PRF_HMAC_SHA1",         "prfsha1",             20, 0,  0,  0,  1, IKE | WEAK},
	{2,  4,   0, "PRF_AES128_XCBC",       "prfaesxcbc",          16, 0,  0,  0,  1, IKE},
	{2,  8,   0, "PRF_AES128_CMAC",       "prfaescmac",          16, 0,  0,  0,  1, IKE},
	{3,  1,   0, "HMAC_MD5_96",           "md5",                 16, 0,  0, 12,  1, IKE | ESP | WEAK},
};
/* clang-format on */

START_TEST(row)
{
	struct transform t = {expected[_i].type, expected[_i].id, expected[_i].bits}, found;
	const struct transform_info *r = transform_find(t);
	char buf[64];

	ck_assert_ptr_nonnull(r);
	ck_assert(transform_equal(r->t, t));
	ck_assert_str_eq(r->name, expected[_i].name);
	ck_assert_str_eq(transform_text(t, buf, sizeof(buf)), expected[_i].name);
	ck_assert_str_eq(r->keyword, expected[_i].keyword);
	ck_assert_uint_eq(r->key_len, expected[_i].key);
	ck_assert_uint_eq(r->salt_len, expected[_i].salt);
	ck_assert_uint_eq(r->iv_len, expected[_i].iv);
	ck_assert_uint_eq(r->icv_len, expected[_i].icv);
	ck_assert_uint_eq(r->block, expected[_i].block);
	ck_assert_uint_eq(r->flags, expected[_i].flags);
	/* Whatever is called weak says why, and nothing else does. */
	ck_assert((transform_weakness(t) != NULL) == ((r->flags & WEAK) != 0));
	ck_assert_int_eq(keyword_find(expected[_i].keyword, &found), KEYWORD_BUILT);
	ck_assert(transform_equal(found, t));
	ck_assert_str_eq(keyword_of(t), expected[_i].keyword);
}
END_TEST

START_TEST(rows_are_grouped_and_single)
{
	bool seen[6] = {false};
	int n = 0;
	uint8_t last = 0;

	for (const struct transform_info *r; (r = transform_row((size_t)n)) != NULL; n++) {
		ck_assert_ptr_eq(transform_find(r->t), r);
		if (r->t.type != last) {
			ck_assert(!seen[r->t.type]);
			seen[r->t.type] = true;
			last = r->t.type;
		}
	}
	ck_assert_int_eq(n, COUNT(expected));
	ck_assert_ptr_null(transform_row((size_t)n));
	ck_assert_ptr_null(transform_row(SIZE_MAX));
}
END_TEST

static const struct {
	struct transform t;
	const char *text;
} strangers[] = {
    {{1, 65000, 0}, "ENCR_65000"},
    {{1, 12, 0}, "ENCR_12"}, /* AES-CBC must have a Key Length */
    {{1, 12, 512}, "ENCR_12_512"},
    {{1, 28, 256}, "ENCR_28_256"}, /* ChaCha20-Poly1305 must not: RFC 7634 section 4 */
    {{2, 3, 0}, "PRF_3"},
    {{3, 4, 0}, "INTEG_4"},
    {{4, 1, 0}, "KE_1"},
    {{4, 0, 0}, "KE_0"},
    {{5, 2, 0}, "SN_2"},
    {{6, 38, 0}, "KE1_38"},
    {{13, 36, 0}, "TYPE_13_36"},
    {{0, 0, 0}, "TYPE_0_0"},
};

START_TEST(not_in_the_table)
{
	char buf[64];

	ck_assert_ptr_null(transform_find(strangers[_i].t));
	ck_assert_str_eq(transform_text(strangers[_i].t, buf, sizeof(buf)), strangers[_i].text);
}
END_TEST

#define GCM(bits)           \
	{                   \
		1, 20, bits \
	}
#define NO              \
	{               \
		0, 0, 0 \
	}

static const struct {
	struct suite s;
	const char *text;
} suites[] = {
    {{GCM(256), {2, 6, 0}, NO, {4, 31, 0}, NO, {NO}},
	"AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519"},
    {{{1, 12, 128}, {2, 5, 0}, {3, 12, 0}, {4, 14, 0}, NO, {NO}},
	"AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048"},
    {{GCM(128), NO, NO, NO, {5, 1, 0}, {NO}}, "AES_GCM_16_128/ESN"},
    {{GCM(128), NO, NO, NO, {5, 0, 0}, {NO}}, "AES_GCM_16_128"},
    {{GCM(128), NO, NO, NO, NO, {NO}}, "AES_GCM_16_128"},
    {{GCM(128), NO, {3, 0, 0}, {4, 0, 0}, {5, 1, 0}, {NO}}, "AES_GCM_16_128/ESN"},
    {{GCM(128), NO, NO, {4, 20, 0}, {5, 1, 0}, {NO}}, "AES_GCM_16_128/ECP_384/ESN"},
    {{{1, 11, 0}, NO, {3, 12, 0}, NO, {5, 0, 0}, {NO}}, "NULL/HMAC_SHA2_256_128"},
    {{{1, 28, 0}, NO, NO, NO, {5, 1, 0}, {NO}}, "CHACHA20_POLY1305/ESN"},
    {{GCM(256), {2, 6, 0}, NO, {4, 31, 0}, NO, {{6, 36, 0}}},
	"AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519/KE1_ML_KEM_768"},
    {{GCM(128), NO, NO, {4, 31, 0}, {5, 1, 0},
	 {{6, 0, 0}, NO, {8, 20, 0}, NO, NO, NO, {12, 14, 0}}},
	"AES_GCM_16_128/CURVE25519/KE3_ECP_384/KE7_MODP_2048/ESN"},
    {{NO, NO, NO, NO, NO, {NO}}, ""},
};

START_TEST(suite_as_text)
{
	char buf[SUITE_TEXT];

	ck_assert_str_eq(suite_text(&suites[_i].s, buf, sizeof(buf)), suites[_i].text);
	suite_text(&suites[_i].s, buf, 1);
	ck_assert_str_eq(buf, "");
}
END_TEST

static const struct {
	const char *alias, *keyword;
} aliases[] = {
    {"aes", "aes128"},
    {"aes128gcm", "aes128gcm16"},
    {"aes128gcm128", "aes128gcm16"},
    {"aes192gcm", "aes192gcm16"},
    {"aes256gcm128", "aes256gcm16"},
    {"aes128gcm64", "aes128gcm8"},
    {"aes256gcm96", "aes256gcm12"},
    {"aes192ccm64", "aes192ccm8"},
    {"aes256ccm96", "aes256ccm12"},
    {"aes128ccm128", "aes128ccm16"},
    {"aes256ccm", "aes256ccm16"},
    {"camellia", "camellia128"},
    {"sha", "sha1"},
    {"sha2_256", "sha256"},
    {"sha2_384", "sha384"},
    {"sha2_512", "sha512"},
    {"curve25519", "x25519"},
    {"curve448", "x448"},
};

START_TEST(alias)
{
	struct transform a, b;

	ck_assert_int_eq(keyword_find(aliases[_i].alias, &a), KEYWORD_BUILT);
	ck_assert_int_eq(keyword_find(aliases[_i].keyword, &b), KEYWORD_BUILT);
	ck_assert(transform_equal(a, b));
}
END_TEST

static const struct {
	const char *word, *nearest; /* NULL: nothing is near */
} slips[] = {
    {"aes257", "aes256"},
    {"ase256", "aes256"},
    {"aes256gmc16", "aes256gcm16"},
    {"chacha20poly", "chacha20poly1305"},
    {"chacha20-poly1305", "chacha20poly1305"},
    {"x22519", "x25519"},
    {"ecp385", "ecp384"},
    {"modp2084", "modp2048"},
    {"modp2048!", "modp2048"},
    {"sah256", "sha256"},
    {"prfsha265", "prfsha256"},
    {"ens", "esn"},
    {"", NULL},
    {"zzzzzz", NULL},
    {"hello", NULL},
    {"1234567890123456789012345678901", NULL},
    {"12345678901234567890123456789012", NULL},
};

START_TEST(slip)
{
	const char *nearest = keyword_nearest(slips[_i].word);

	if (slips[_i].nearest) {
		ck_assert_ptr_nonnull(nearest);
		ck_assert_str_eq(nearest, slips[_i].nearest);
	} else {
		ck_assert_msg(nearest == NULL, "%s", nearest);
	}
}
END_TEST

START_TEST(words_of_what_is_not_built)
{
	struct transform t;

	ck_assert_str_eq(keyword_of((struct transform){1, 5, 0}), "idea");
	ck_assert_str_eq(keyword_of((struct transform){3, 6, 0}), "md5_128");
	ck_assert_str_eq(keyword_of((struct transform){4, 1, 0}), "modp768");
	ck_assert_ptr_null(keyword_of((struct transform){4, 65000, 0}));
	ck_assert_ptr_null(keyword_of((struct transform){0, 0, 0}));
	ck_assert_int_eq(keyword_find("ke2_modpnone", &t), KEYWORD_NOT_BUILT);
	ck_assert_int_eq(keyword_find("ke8_mlkem768", &t), KEYWORD_UNKNOWN);
	ck_assert_int_eq(keyword_find("ke1_nonsense", &t), KEYWORD_UNKNOWN);
	ck_assert_int_eq(keyword_find("ke1_", &t), KEYWORD_UNKNOWN);
	ck_assert_int_eq(keyword_find("", &t), KEYWORD_UNKNOWN);
}
END_TEST

/* RFC 9370 section 8: ADDKE1 is transform type 6, ADDKE7 is 12; the ids are those of type 4. */
START_TEST(additional_key_exchanges)
{
	static const struct {
		const char *word, *text, *end;
		struct transform t;
	} all[] = {
	    {"ke1_mlkem768", "KE1_ML_KEM_768", "mlkem768", {6, 36, 0}},
	    {"ke2_x25519", "KE2_CURVE25519", "x25519", {7, 31, 0}},
	    {"ke2_curve25519", "KE2_CURVE25519", "x25519", {7, 31, 0}},
	    {"ke7_none", "KE7_NONE", "none", {12, 0, 0}},
	    {"ke7_modp4096", "KE7_MODP_4096", "modp4096", {12, 16, 0}},
	};
	static const char *const never[] = {
	    "ke0_x25519", "ke8_x25519", "ke1x25519", "ke1_aes128", "ke1_esn", "ke1_ke1_x25519"};
	struct transform t;
	char text[64];

	for (int i = 0; i < COUNT(all); i++) {
		ck_assert_int_eq(keyword_find(all[i].word, &t), KEYWORD_BUILT);
		ck_assert(transform_equal(t, all[i].t));
		ck_assert(transform_is_addke(t));
		ck_assert_str_eq(transform_text(t, text, sizeof(text)), all[i].text);
		ck_assert_str_eq(keyword_of(t), all[i].end);
	}
	for (int i = 0; i < COUNT(never); i++) {
		ck_assert_int_eq(keyword_find(never[i], &t), KEYWORD_UNKNOWN);
	}
	ck_assert(!transform_is_addke((struct transform){5, 31, 0}));
	ck_assert(!transform_is_addke((struct transform){13, 31, 0}));
	transform_text((struct transform){8, 999, 0}, text, sizeof(text));
	ck_assert_str_eq(text, "KE3_999");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("transform");
	TCase *c = tcase_create("transform");

	tcase_add_loop_test(c, row, 0, COUNT(expected));
	tcase_add_test(c, rows_are_grouped_and_single);
	tcase_add_test(c, additional_key_exchanges);
	tcase_add_loop_test(c, not_in_the_table, 0, COUNT(strangers));
	tcase_add_loop_test(c, suite_as_text, 0, COUNT(suites));
	tcase_add_loop_test(c, alias, 0, COUNT(aliases));
	tcase_add_loop_test(c, slip, 0, COUNT(slips));
	tcase_add_test(c, words_of_what_is_not_built);
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

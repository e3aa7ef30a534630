/*
 * The SK payload: RFC 7634 appendix B as published, and messages of the other ciphers that were
 * built with Python's "cryptography" from the same header, SPIs and Notify payload; then everything
 * that must not open.
 */
#include "ike/crypto/crypto.h"
#include "test/unit/ike_rand_test.h"
#include "test/unit/req.h"

enum { TEXT_MAX = 512 };

struct sk_vector {
	struct transform encr, integ;
	const char *message;
	const char *bad_padding; /* authentic, but the pad length is beyond the text; NULL: none */
};

#define HDR "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e20250000000009"
/* clang-format off */
#define GCM(bits) {TRANSFORM_ENCR, ENCR_AES_GCM_16, bits}
#define CBC(bits) {TRANSFORM_ENCR, ENCR_AES_CBC, bits}
#define ENCR(id, bits) {TRANSFORM_ENCR, ENCR_##id, bits}
#define INTEG(id) {TRANSFORM_INTEG, INTEG_##id, 0}
#define SHA(id) {TRANSFORM_INTEG, INTEG_HMAC_SHA2_##id, 0}

static const struct sk_vector vectors[] = {
	{ /* RFC 7634 appendix B */
	    {TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0}, {0},
	    HDR "0000004529000029" "1011121314151617" "610394701f8d017f7c12924889" "6b71bfe25236efd7cdc67066906315b2", NULL},
	{GCM(128), {0},
	    HDR "0000004529000029" "1011121314151617" "9146c4ffacb89c2bc9f175a7fa" "300a7cc3736a7d6febaa1cde9ff2970d", NULL},
	{GCM(192), {0},
	    HDR "0000004529000029" "1011121314151617" "d5494373b78235a26210ae6e03" "b1114922ac43ca8547a2f5fc2b3eee34", NULL},
	{GCM(256), {0},
	    HDR "0000004529000029" "1011121314151617" "9440c4dcb893200cfb55f6fdcc" "30045d78376cd938f8f24d89b4ab48f2", NULL},
	{CBC(128), SHA(256_128),
	    HDR "0000005029000034" "101112131415161718191a1b1c1d1e1f" "e33fd309e9d107145f7e21edff494236" "d5d7741498dc3fed6cbd1a33c8132bbe",
	    HDR "0000005029000034" "101112131415161718191a1b1c1d1e1f" "a02bd9cb0e4b0fef7cce98cc8bd2a19d" "8044300b3b77a10bfda478aa0af9a81c"},
	{CBC(192), SHA(384_192),
	    HDR "000000582900003c" "101112131415161718191a1b1c1d1e1f" "280f030ef3dd96da9555ac83735e7900" "f0dc7feaa4cef25ed9f3fb599dcdccd621ef10b084aec84d",
	    HDR "000000582900003c" "101112131415161718191a1b1c1d1e1f" "e3eab0e2bd63aeab852b60fcbcaedbe4" "b5ad0a4c2e9ca8654e0b0f771e16ebeaf0fc0c39beaf0e73"},
	{CBC(256), SHA(512_256),
	    HDR "0000006029000044" "101112131415161718191a1b1c1d1e1f" "33c5424c06b72578caad1ebb0765f102" "cf2d2b319bb1556cb3ab03a443019e626332ef726589a19ceab080d6ccc0a966",
	    HDR "0000006029000044" "101112131415161718191a1b1c1d1e1f" "00f3fd17a071860f8bc1e4f389d4f003" "1589ce65708987c5291e21a64b79496dcc1c17f2577bbf2b2caae354fc7dd2b4"},
	{ENCR(AES_GCM_12, 128), {0},
	    HDR "0000004129000025" "1011121314151617" "9146c4ffacb89c2bc9f175a7fa" "58cd133297416bd1d4c3cfe2",
	    HDR "0000004129000025" "1011121314151617" "9146c4ffacb89c2bc9f175a705" "e69583258c674114b9a3bfc9"},
	{ENCR(AES_GCM_12, 192), {0},
	    HDR "0000004129000025" "1011121314151617" "d5494373b78235a26210ae6e03" "15d4bed07fb875fbb17cbbc2",
	    HDR "0000004129000025" "1011121314151617" "d5494373b78235a26210ae6efc" "0ebc10a50c0921e15d82b89e"},
	{ENCR(AES_GCM_12, 256), {0},
	    HDR "0000004129000025" "1011121314151617" "9440c4dcb893200cfb55f6fdcc" "b36388f75150c5e441e898da",
	    HDR "0000004129000025" "1011121314151617" "9440c4dcb893200cfb55f6fd33" "138a0f554c032a4a46b27976"},
	{ENCR(AES_GCM_8, 128), {0},
	    HDR "0000003d29000021" "1011121314151617" "9146c4ffacb89c2bc9f175a7fa" "8349f272543398c9",
	    HDR "0000003d29000021" "1011121314151617" "9146c4ffacb89c2bc9f175a705" "3d1162654f15b20c"},
	{ENCR(AES_GCM_8, 192), {0},
	    HDR "0000003d29000021" "1011121314151617" "d5494373b78235a26210ae6e03" "6b5902ec776f762d",
	    HDR "0000003d29000021" "1011121314151617" "d5494373b78235a26210ae6efc" "7031ac9904de2237"},
	{ENCR(AES_GCM_8, 256), {0},
	    HDR "0000003d29000021" "1011121314151617" "9440c4dcb893200cfb55f6fdcc" "0cc6958f024d4ada",
	    HDR "0000003d29000021" "1011121314151617" "9440c4dcb893200cfb55f6fd33" "ac2f122d1f1ea574"},
	{ENCR(AES_CCM_16, 128), {0},
	    HDR "0000004529000029" "1011121314151617" "8d3e9c398c2c1c273fbf9b723a" "68ed07b9098e249db3d0c25eddc38e9f",
	    HDR "0000004529000029" "1011121314151617" "8d3e9c398c2c1c273fbf9b72c5" "8f65fed95319f93bdea66e82e821b931"},
	{ENCR(AES_CCM_16, 192), {0},
	    HDR "0000004529000029" "1011121314151617" "3bf0b8504ea5edc529aac36314" "ae81956a3ca35d079a5d3e834387db50",
	    HDR "0000004529000029" "1011121314151617" "3bf0b8504ea5edc529aac363eb" "98d1137f6824721317ad9fe6bac94175"},
	{ENCR(AES_CCM_16, 256), {0},
	    HDR "0000004529000029" "1011121314151617" "afb3b708b591c44bde64692523" "d17a7bc945413e225f4603248d84f8db",
	    HDR "0000004529000029" "1011121314151617" "afb3b708b591c44bde646925dc" "ea28f3168963c8fc57d4e727ee050125"},
	{ENCR(AES_CCM_12, 128), {0},
	    HDR "0000004129000025" "1011121314151617" "8d3e9c398c2c1c273fbf9b723a" "a6b9663093ced2b2815f4a28",
	    HDR "0000004129000025" "1011121314151617" "8d3e9c398c2c1c273fbf9b72c5" "950fdc7e513598ff6c69dd9e"},
	{ENCR(AES_CCM_12, 192), {0},
	    HDR "0000004129000025" "1011121314151617" "3bf0b8504ea5edc529aac36314" "5a516f81929e89ac585b64f9",
	    HDR "0000004129000025" "1011121314151617" "3bf0b8504ea5edc529aac363eb" "8a7eebc649ae6be1dc1db62a"},
	{ENCR(AES_CCM_12, 256), {0},
	    HDR "0000004129000025" "1011121314151617" "afb3b708b591c44bde64692523" "b4a4bd81ddfd64a85f2e684a",
	    HDR "0000004129000025" "1011121314151617" "afb3b708b591c44bde646925dc" "a1cd1a34e3d51a8658718ffe"},
	{ENCR(AES_CCM_8, 128), {0},
	    HDR "0000003d29000021" "1011121314151617" "8d3e9c398c2c1c273fbf9b723a" "5a9b5d6d325b54e7",
	    HDR "0000003d29000021" "1011121314151617" "8d3e9c398c2c1c273fbf9b72c5" "103a11108b9d9409"},
	{ENCR(AES_CCM_8, 192), {0},
	    HDR "0000003d29000021" "1011121314151617" "3bf0b8504ea5edc529aac36314" "376dc0c247f9eebc",
	    HDR "0000003d29000021" "1011121314151617" "3bf0b8504ea5edc529aac363eb" "77e99c4fcc6c13d6"},
	{ENCR(AES_CCM_8, 256), {0},
	    HDR "0000003d29000021" "1011121314151617" "afb3b708b591c44bde64692523" "8201f62eb3940116",
	    HDR "0000003d29000021" "1011121314151617" "afb3b708b591c44bde646925dc" "9cc8c880bf145183"},
	{ENCR(AES_CTR, 128), INTEG(AES_CMAC_96),
	    HDR "0000004129000025" "1011121314151617" "52cbf873cac0a57587418494c3" "cd272a758c2e7cd630b406c5",
	    HDR "0000004129000025" "1011121314151617" "52cbf873cac0a575874184943c" "1b916be57bd933bff758bae4"},
	{ENCR(AES_CTR, 192), INTEG(HMAC_SHA2_256_128),
	    HDR "0000004529000029" "1011121314151617" "7337e06041b798980508e2d1fa" "acaa07ab407fb1f930a5baf21b5cfe05",
	    HDR "0000004529000029" "1011121314151617" "7337e06041b798980508e2d105" "d4c8546844d11b9f932caf9a8c865c7d"},
	{ENCR(AES_CTR, 256), INTEG(HMAC_SHA2_512_256),
	    HDR "0000005529000039" "1011121314151617" "1a4d1f3a227d27df34ab7159f6" "68e41ea49353310a4152a2b12e3f6cf7bfc2a2fe1a1fbcf800c51c8d398d6dd7",
	    HDR "0000005529000039" "1011121314151617" "1a4d1f3a227d27df34ab715909" "d22edd45833271e0f74b05be36e163c3f87197937432a760fda1644f66c97f00"},
	{ENCR(CAMELLIA_CTR, 128), INTEG(AES_CMAC_96),
	    HDR "0000004129000025" "1011121314151617" "b7cf2ff0137bcbeed653de1006" "dc8fac5541e975439b447d6e",
	    HDR "0000004129000025" "1011121314151617" "b7cf2ff0137bcbeed653de10f9" "49d6638be0c87ada3e8ed181"},
	{ENCR(CAMELLIA_CTR, 192), INTEG(HMAC_SHA2_256_128),
	    HDR "0000004529000029" "1011121314151617" "326d0ebeb7cfccb466b6e84657" "4028e8c8fc9b0e4ff820ff67bc439d14",
	    HDR "0000004529000029" "1011121314151617" "326d0ebeb7cfccb466b6e846a8" "ccf1291e1c672f7aa8269cd018ffe708"},
	{ENCR(CAMELLIA_CTR, 256), INTEG(HMAC_SHA2_512_256),
	    HDR "0000005529000039" "1011121314151617" "64b6fa150a08fcf520b358087f" "feb68d6e3053d6b8889911e2add0eee1791b18b1460b52ad697128a7ff416960",
	    HDR "0000005529000039" "1011121314151617" "64b6fa150a08fcf520b3580880" "b23dc430097572024d6731432bee2fef0d54de221996b39c93c703dddaf17b55"},
	{ENCR(CAMELLIA_CBC, 128), INTEG(AES_XCBC_96),
	    HDR "0000004c29000030" "101112131415161718191a1b1c1d1e1f" "3e20aa3fe60cf59930a836bebaf785f7" "ba53b1b6bbd33d4358f086bb",
	    HDR "0000004c29000030" "101112131415161718191a1b1c1d1e1f" "f027af2b61ac4fb2cf073ca85c951ce2" "b6acee5ff471de8897beabe8"},
	{ENCR(CAMELLIA_CBC, 192), INTEG(HMAC_SHA2_384_192),
	    HDR "000000582900003c" "101112131415161718191a1b1c1d1e1f" "4deea2b4fc1632200f40f5a2539957b4" "947d4cf9aa894dd8f26eb58966f4eed2a5fe93b08da67285",
	    HDR "000000582900003c" "101112131415161718191a1b1c1d1e1f" "f824479cf6e99061d8f8c73627d1d34a" "23c3699f75bb48873fe9198851c85c5abb9e9c1b5686a732"},
	{ENCR(CAMELLIA_CBC, 256), INTEG(HMAC_SHA1_96),
	    HDR "0000004c29000030" "101112131415161718191a1b1c1d1e1f" "74069ee13f502e6588096459113e8ba6" "1b6e2b78c93f3f29278d3cd1",
	    HDR "0000004c29000030" "101112131415161718191a1b1c1d1e1f" "a93373e4061f9601ed97c463626cf764" "5570f8bfa13b8af59bfd0238"},
	{ENCR(3DES, 0), INTEG(HMAC_SHA1_96),
	    HDR "0000004429000028" "1011121314151617" "7b609d066711a761c39f47e6d2effbd0" "07b6cb3e1d5d2e3af043722a",
	    HDR "0000004429000028" "1011121314151617" "7b609d066711a76198d18ca1fdb8907b" "377c4bccba77d9353047726e"},
	{ENCR(DES, 0), INTEG(HMAC_MD5_96),
	    HDR "0000004429000028" "1011121314151617" "65340dd2dd97d31e0dede1f7e7a2d93d" "3175e16d6f5b9866bbf0f4bb",
	    HDR "0000004429000028" "1011121314151617" "65340dd2dd97d31e29f163a7dfbb20b5" "b73bf11adb6520ed891e7102"},
};
/* clang-format on */

/* AES-CBC-128 with more padding than its block asks for, which a sender may use (section 3.14). */
static const char long_padding[] =
    HDR "0000006029000044"
	"101112131415161718191a1b1c1d1e1f"
	"ee66b56a19bc2ad261197be79959a72668b20531507abc7f685d25c36b0c1701"
	"302242428dc67eb8efd8bc47e9e5aad7";

enum { VECTORS = sizeof vectors / sizeof vectors[0] };

/* Key 80 81 …, salt a0 a1 a2 a3 behind it; MAC key 20 21 …. */
static void keyed(
    struct ike_sk *sk, OSSL_LIB_CTX *ctx, enum ike_sk_dir dir, const struct sk_vector *v)
{
	struct suite s = {.encr = v->encr, .integ = v->integ};
	const struct transform_info *encr = transform_find(v->encr),
				    *integ = transform_find(v->integ);
	uint8_t key[64], mac[64];

	for (uint8_t i = 0; i < 64; i++) {
		key[i] = (uint8_t)(0x80 + i);
		mac[i] = (uint8_t)(0x20 + i);
	}
	for (size_t i = 0; i < encr->salt_len; i++) {
		key[encr->key_len - encr->salt_len + i] = (uint8_t)(0xa0 + i);
	}
	ck_assert_int_eq(ike_sk_init(sk, ctx, dir, &s, bytes_of(key, encr->key_len),
			     bytes_of(mac, v->integ.type ? integ->key_len : 0)),
	    IKE_OK);
}

static const struct ike_hdr info_hdr = {
    .spi_i = 0xc0c1c2c3c4c5c6c7,
    .spi_r = 0xd0d1d2d3d4d5d6d7,
    .exchange = IKE_EXCHANGE_INFORMATIONAL,
    .msg_id = 9,
};

/* The message of the vectors: INFORMATIONAL with SET_WINDOW_SIZE 10. */
static enum ike_err seal_window(struct ike_sk *sk, uint8_t *buf, size_t cap, struct bytes *out)
{
	struct ike_build b;

	ike_build_begin(&b, buf, cap, &info_hdr);
	ike_build_sk(&b, ike_sk_iv_len(sk));
	ike_build_notify(&b, IKE_N_SET_WINDOW_SIZE, bytes_of("\0\0\0\x0a", 4));
	return ike_sk_seal(sk, &b, out);
}

START_TEST(seals_as_published)
{
	uint8_t iv[16], want[TEXT_MAX], buf[TEXT_MAX];
	OSSL_LIB_CTX *ctx = rand_context(hex_to(iv, sizeof iv, "101112131415161718191a1b1c1d1e1f"));
	struct bytes out;
	struct ike_sk sk;

	keyed(&sk, ctx, IKE_SK_SEAL, &vectors[_i]);
	sk.next_iv = 0x1011121314151617;
	ck_assert_int_eq(seal_window(&sk, buf, sizeof buf, &out), IKE_OK);
	ck_assert_bytes(out, hex_to(want, sizeof want, vectors[_i].message));
	ike_sk_fini(&sk);
	OSSL_LIB_CTX_free(ctx);
}
END_TEST

static enum ike_err open_message(
    struct ike_sk *sk, struct bytes msg, uint8_t *dst, struct bytes *plain, struct ike_msg *outer)
{
	enum ike_err err = ike_msg_parse(outer, msg);

	return err != IKE_OK ? err : ike_sk_open(sk, outer, dst, TEXT_MAX, plain);
}

static void opens_to_window(struct ike_sk *sk, const char *hex)
{
	uint8_t msg[TEXT_MAX], dst[TEXT_MAX];
	struct ike_msg outer, inner;
	struct bytes plain;

	ck_assert_int_eq(
	    open_message(sk, hex_to(msg, sizeof msg, hex), dst, &plain, &outer), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&outer), IKE_OK);
	ck_assert_int_eq(ike_msg_parse_inner(&inner, &outer, plain), IKE_OK);
	ck_assert_int_eq(ike_msg_check(&inner, IKE_RULES_INFO_REQ), IKE_OK);
	ck_assert_uint_eq(inner.hdr.msg_id, 9);
	const struct ike_notify *n = ike_msg_notify(&inner, IKE_N_SET_WINDOW_SIZE);
	ck_assert_ptr_nonnull(n);
	ck_assert_bytes(n->data, bytes_of("\0\0\0\x0a", 4));
}

START_TEST(opens_as_published)
{
	REQ("7296-3.14-6");
	struct ike_sk sk;

	keyed(&sk, NULL, IKE_SK_OPEN, &vectors[_i]);
	for (int again = 0; again < 3; again++) {
		opens_to_window(&sk, vectors[_i].message);
	}
	if (vectors[_i].encr.id == ENCR_AES_CBC && vectors[_i].encr.key_bits == 128) {
		opens_to_window(&sk, long_padding);
	}
	ike_sk_fini(&sk);
}
END_TEST

/* Every single bit of the message decides, header and SPIs included; and afterwards the context
 * works. */
START_TEST(every_bit_is_protected)
{
	REQ("7296-3.14-7");
	uint8_t msg[TEXT_MAX], dst[TEXT_MAX], zero[TEXT_MAX] = {0};
	struct bytes m = hex_to(msg, sizeof msg, vectors[_i].message), plain;
	struct ike_msg outer;
	struct ike_sk sk;

	keyed(&sk, NULL, IKE_SK_OPEN, &vectors[_i]);
	for (size_t bit = 0; bit < 8 * m.n; bit++) {
		msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memset(dst, 0, sizeof dst);
		enum ike_err err = open_message(&sk, m, dst, &plain, &outer);
		ck_assert_msg(err != IKE_OK, "bit %zu", bit);
		ck_assert_mem_eq(dst, zero, sizeof dst); /* nothing that was not verified stays */
		/* Only the header's own checks may answer before the integrity check. */
		ck_assert_msg(err == IKE_EINTEGRITY || bit / 8 == 16 || bit / 8 == 17 ||
				  (bit / 8 >= 24 && bit / 8 < 32),
		    "bit %zu: %d", bit, err);
		msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	opens_to_window(&sk, vectors[_i].message);
	ike_sk_fini(&sk);
}
END_TEST

/* Fewer bytes in SK, with all lengths told truly: too short for IV and ICV, not whole blocks, or
 * forged. */
START_TEST(short_bodies)
{
	uint8_t msg[TEXT_MAX], dst[TEXT_MAX];
	struct bytes whole = hex_to(msg, sizeof msg, vectors[_i].message), plain;
	struct ike_msg outer;
	struct ike_sk sk;

	keyed(&sk, NULL, IKE_SK_OPEN, &vectors[_i]);
	for (size_t n = IKE_HDR_LEN + IKE_PLD_HDR_LEN + 1; n < whole.n; n++) {
		be32_store(msg + 24, (uint32_t)n);
		be16_store(msg + 30, (uint16_t)(n - IKE_HDR_LEN));
		ck_assert_int_eq(
		    open_message(&sk, bytes_of(msg, n), dst, &plain, &outer), IKE_EINTEGRITY);
		ck_assert_uint_eq(plain.n, 0);
	}
	ike_sk_fini(&sk);
}
END_TEST

START_TEST(bad_padding)
{
	uint8_t msg[TEXT_MAX], dst[TEXT_MAX];
	struct ike_msg outer;
	struct bytes plain;
	struct ike_sk sk;

	if (vectors[_i].bad_padding) {
		keyed(&sk, NULL, IKE_SK_OPEN, &vectors[_i]);
		struct bytes m = hex_to(msg, sizeof msg, vectors[_i].bad_padding);
		ck_assert_int_eq(open_message(&sk, m, dst, &plain, &outer), IKE_ESYNTAX);
		ck_assert_uint_eq(plain.n, 0);
		ike_sk_fini(&sk);
	}
}
END_TEST

/* Empty (a liveness check) to long insides: whole blocks, no reuse of an IV, never more than the
 * overhead that was promised. */
START_TEST(all_sizes)
{
	REQ("7296-3.14-3");
	static const uint8_t text[200];
	uint8_t buf[2][TEXT_MAX], dst[TEXT_MAX];
	struct ike_sk seal, open;
	struct ike_msg outer, inner;
	struct bytes out, plain;

	keyed(&seal, NULL, IKE_SK_SEAL, &vectors[_i]);
	keyed(&open, NULL, IKE_SK_OPEN, &vectors[_i]);
	for (size_t n = 0; n <= sizeof text; n++) {
		struct ike_build b;
		size_t inside = n == 0 ? 0 : n + IKE_PLD_HDR_LEN;

		ike_build_begin(&b, buf[n % 2], TEXT_MAX, &info_hdr);
		ike_build_sk(&b, ike_sk_iv_len(&seal));
		if (n > 0) {
			ike_build_vendor(&b, bytes_of(text, n));
		}
		ck_assert_int_eq(ike_sk_seal(&seal, &b, &out), IKE_OK);
		ck_assert_uint_le(out.n, IKE_HDR_LEN + inside + ike_sk_overhead(&seal));
		ck_assert_int_eq(open_message(&open, out, dst, &plain, &outer), IKE_OK);
		ck_assert_uint_eq(plain.n, inside);
		ck_assert_int_eq(ike_msg_parse_inner(&inner, &outer, plain), IKE_OK);
		ck_assert_uint_eq(inner.vendor_n, n > 0);
		ck_assert(n == 0 || memcmp(buf[0] + 32, buf[1] + 32, ike_sk_iv_len(&seal)) != 0);
	}
	ike_sk_fini(&seal);
	ike_sk_fini(&open);
}
END_TEST

/* A buffer that is too small by any number of bytes: an error, nothing sent. */
START_TEST(no_room)
{
	uint8_t buf[TEXT_MAX];
	struct bytes out;
	struct ike_sk sk;

	keyed(&sk, NULL, IKE_SK_SEAL, &vectors[_i]);
	ck_assert_int_eq(seal_window(&sk, buf, sizeof buf, &out), IKE_OK);
	for (size_t cap = 0, need = out.n; cap < need; cap++) {
		ck_assert_int_eq(seal_window(&sk, buf, cap, &out), IKE_ENOMEM);
		ck_assert_uint_eq(out.n, 0);
	}
	ike_sk_fini(&sk);
}
END_TEST

START_TEST(refuses_keys_and_suites)
{
	REQ("7296-3.14-2");
	static const uint8_t key[80];
	struct suite gcm = {.encr = GCM(256)}, odd = {.encr = GCM(111)}, cbc = {.encr = CBC(128)};
	struct suite null = {.encr = {TRANSFORM_ENCR, ENCR_NULL, 0}, .integ = SHA(256_128)};
	struct bytes none = bytes_of(key, 0);
	struct ike_sk sk;

	ck_assert_int_eq(
	    ike_sk_init(&sk, NULL, IKE_SK_SEAL, &gcm, bytes_of(key, 35), none), IKE_EBUG);
	ck_assert_int_eq(
	    ike_sk_init(&sk, NULL, IKE_SK_SEAL, &gcm, bytes_of(key, 36), bytes_of(key, 32)),
	    IKE_EBUG);
	ck_assert_int_eq(
	    ike_sk_init(&sk, NULL, IKE_SK_SEAL, &odd, bytes_of(key, 36), none), IKE_EUNSUPPORTED);
	ck_assert_int_eq(
	    ike_sk_init(&sk, NULL, IKE_SK_SEAL, &cbc, bytes_of(key, 16), none), IKE_EUNSUPPORTED);
	ck_assert_int_eq(
	    ike_sk_init(&sk, NULL, IKE_SK_SEAL, &null, none, bytes_of(key, 32)), IKE_EUNSUPPORTED);
	ike_sk_fini(&sk); /* harmless */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_crypto_sk");

	add_loop(s, "seals as published", seals_as_published, VECTORS);
	add_loop(s, "opens as published", opens_as_published, VECTORS);
	add_loop(s, "every bit is protected", every_bit_is_protected, VECTORS);
	add_loop(s, "short bodies", short_bodies, VECTORS);
	add_loop(s, "bad padding", bad_padding, VECTORS);
	add_loop(s, "all sizes", all_sizes, VECTORS);
	add_loop(s, "no room", no_room, VECTORS);
	add_test(s, "refuses keys and suites", refuses_keys_and_suites);
	return run_suite(s);
}

/*
 * Key exchange: published vectors, both ends of every group, every kind of value that must be
 * refused.
 */
#include "ike/crypto/crypto.h"
#include "ike/ike.h"
#include "test/unit/ike_kex_vectors.h"
#include "test/unit/ike_rand_test.h"

#include <openssl/bn.h>

static const uint16_t groups[] = {
    KE_MODP_1024,
    KE_MODP_1536,
    KE_MODP_2048,
    KE_MODP_3072,
    KE_MODP_4096,
    KE_MODP_6144,
    KE_MODP_8192,
    KE_MODP_1024_160,
    KE_MODP_2048_224,
    KE_MODP_2048_256,
    KE_ECP_192,
    KE_ECP_224,
    KE_ECP_256,
    KE_ECP_384,
    KE_ECP_521,
    KE_BRAINPOOL_P224R1,
    KE_BRAINPOOL_P256R1,
    KE_BRAINPOOL_P384R1,
    KE_BRAINPOOL_P512R1,
    KE_CURVE25519,
    KE_CURVE448,
};

static const uint16_t ecp[] = {KE_ECP_192, KE_ECP_224, KE_ECP_256, KE_ECP_384, KE_ECP_521,
    KE_BRAINPOOL_P224R1, KE_BRAINPOOL_P256R1, KE_BRAINPOOL_P384R1, KE_BRAINPOOL_P512R1};
static const uint16_t subgroups[] = {KE_MODP_1024_160, KE_MODP_2048_224, KE_MODP_2048_256};
static const uint16_t none[] = {0, 1, 6, 13, 33, 1025, 65535};

enum {
	GROUPS = sizeof groups / sizeof groups[0],
	VECTORS = sizeof kex_vectors / sizeof kex_vectors[0],
	PRIMES = sizeof modp_primes / sizeof modp_primes[0],
	ECPS = sizeof ecp / sizeof ecp[0],
	SUBGROUPS = sizeof subgroups / sizeof subgroups[0],
	PRIME_2048 = 0, /* its row */
	NONE = sizeof none / sizeof none[0],
};

/* One end of a vector: its private value must give its public one, and the shared secret. */
static void one_end(
    uint16_t group, const char *private, const char *public, const char *peer, const char *shared)
{
	uint8_t b[4][IKE_KEX_PUBLIC_MAX];
	OSSL_LIB_CTX *ctx = rand_context(hex_to(b[0], sizeof b[0], private));
	struct ike_kex *k;
	struct secret s;

	ck_assert_int_eq(ike_kex_new(&k, ctx, group), IKE_OK);
	ck_assert_uint_eq(ike_kex_group(k), group);
	ck_assert_bytes(ike_kex_public(k), hex_to(b[1], sizeof b[1], public));
	ck_assert_int_eq(ike_kex_derive(k, hex_to(b[2], sizeof b[2], peer), &s), IKE_OK);
	ck_assert_bytes(secret_bytes(&s), hex_to(b[3], sizeof b[3], shared));
	secret_fini(&s);
	ike_kex_free(k);
	OSSL_LIB_CTX_free(ctx);
}

START_TEST(published_vectors)
{
	const struct kex_vector *v = &kex_vectors[_i];

	one_end(v->group, v->private_i, v->public_i, v->public_r, v->shared);
	one_end(v->group, v->private_r, v->public_r, v->public_i, v->shared);
}
END_TEST

START_TEST(both_ends_agree)
{
	struct ike_kex *i, *r;
	struct secret si, sr;

	ck_assert_int_eq(ike_kex_new(&i, NULL, groups[_i]), IKE_OK);
	ck_assert_int_eq(ike_kex_new(&r, NULL, groups[_i]), IKE_OK);
	ck_assert_uint_eq(ike_kex_public(i).n, ike_kex_public_len(groups[_i]));
	ck_assert(!bytes_equal(ike_kex_public(i), ike_kex_public(r)));
	ck_assert_int_eq(ike_kex_derive(i, ike_kex_public(r), &si), IKE_OK);
	ck_assert_int_eq(ike_kex_derive(r, ike_kex_public(i), &sr), IKE_OK);
	ck_assert_bytes(secret_bytes(&si), secret_bytes(&sr));
	ike_kex_free(r);
	secret_fini(&si);
	secret_fini(&sr);
	/* The same with the responder in one step. */
	ck_assert_int_eq(ike_kex_answer(&r, NULL, groups[_i], ike_kex_public(i), &sr), IKE_OK);
	ck_assert_uint_eq(ike_kex_public(r).n, ike_kex_answer_len(groups[_i]));
	ck_assert_int_eq(ike_kex_derive(i, ike_kex_public(r), &si), IKE_OK);
	ck_assert_bytes(secret_bytes(&si), secret_bytes(&sr));
	secret_fini(&si);
	secret_fini(&sr);
	ike_kex_free(i);
	ike_kex_free(r);
}
END_TEST

static void refuses(const struct ike_kex *k, struct bytes value)
{
	struct secret s;

	ck_assert_int_eq(ike_kex_derive(k, value, &s), IKE_EKEVALUE);
	ck_assert_ptr_null(s.p);
	ck_assert_uint_eq(s.n, 0);
}

START_TEST(wrong_length)
{
	struct ike_kex *k, *peer;
	uint8_t value[IKE_KEX_PUBLIC_MAX + 1] = {0};

	ck_assert_int_eq(ike_kex_new(&k, NULL, groups[_i]), IKE_OK);
	ck_assert_int_eq(ike_kex_new(&peer, NULL, groups[_i]), IKE_OK);
	struct bytes good = ike_kex_public(peer);
	memcpy(value, good.p, good.n);
	refuses(k, bytes_of(value, 0));
	refuses(k, bytes_of(value, 1));
	refuses(k, bytes_of(value, good.n / 2));
	refuses(k, bytes_of(value, good.n - 1));
	refuses(k, bytes_of(value, good.n + 1));
	struct ike_kex *nobody;
	struct secret secret;
	ck_assert_int_eq(
	    ike_kex_answer(&nobody, NULL, groups[_i], bytes_of(value, 1), &secret), IKE_EKEVALUE);
	ck_assert_ptr_null(nobody);
	ck_assert_ptr_null(secret.p);
	ike_kex_free(peer);
	ike_kex_free(k);
}
END_TEST

START_TEST(unknown_group)
{
	struct ike_kex *k;

	ck_assert_int_eq(ike_kex_new(&k, NULL, none[_i]), IKE_EUNSUPPORTED);
	ck_assert_ptr_null(k);
	ck_assert_uint_eq(ike_kex_public_len(none[_i]), 0);
}
END_TEST

static BIGNUM *prime(int i)
{
	BIGNUM *p = NULL;

	ck_assert_int_gt(BN_hex2bn(&p, modp_primes[i].p), 0);
	return p;
}

static struct bytes padded(const BIGNUM *v, uint8_t *dst, size_t n)
{
	ck_assert_int_eq(BN_bn2binpad(v, dst, (int)n), (int)n);
	return bytes_of(dst, n);
}

/* RFC 6989 section 2.1: 1 < r < p - 1. */
START_TEST(modp_bad_values)
{
	size_t n = ike_kex_public_len(modp_primes[_i].group);
	BIGNUM *v = prime(_i);
	uint8_t b[IKE_KEX_PUBLIC_MAX] = {0};
	struct ike_kex *k;

	ck_assert_int_eq(ike_kex_new(&k, NULL, modp_primes[_i].group), IKE_OK);
	refuses(k, bytes_of(b, n)); /* 0 */
	b[n - 1] = 1;
	refuses(k, bytes_of(b, n));  /* 1 */
	refuses(k, padded(v, b, n)); /* p */
	BN_sub_word(v, 1);
	refuses(k, padded(v, b, n)); /* p - 1 */
	BN_add_word(v, 2);
	refuses(k, padded(v, b, n)); /* p + 1 */
	memset(b, 0xff, n);
	refuses(k, bytes_of(b, n)); /* the largest that fits */
	BN_free(v);
	ike_kex_free(k);
}
END_TEST

/* The edges that are allowed: 2 is the generator, so the secret is our own public value; p - 2 is
 * its negative, so the secret is that value or its negative. */
START_TEST(modp_edges)
{
	size_t n = ike_kex_public_len(modp_primes[_i].group);
	BIGNUM *p = prime(_i), *v = BN_dup(p);
	uint8_t b[IKE_KEX_PUBLIC_MAX] = {0};
	struct ike_kex *k;
	struct secret s;

	ck_assert_int_eq(ike_kex_new(&k, NULL, modp_primes[_i].group), IKE_OK);
	b[n - 1] = 2;
	ck_assert_int_eq(ike_kex_derive(k, bytes_of(b, n), &s), IKE_OK);
	ck_assert_bytes(secret_bytes(&s), ike_kex_public(k));
	secret_fini(&s);

	BN_sub_word(v, 2);
	ck_assert_int_eq(ike_kex_derive(k, padded(v, b, n), &s), IKE_OK);
	if (!bytes_equal(secret_bytes(&s), ike_kex_public(k))) {
		BN_bin2bn(s.p, (int)s.n, v);
		BN_sub(v, p, v);
		ck_assert_bytes(padded(v, b, n), ike_kex_public(k));
	}
	secret_fini(&s);
	BN_free(v);
	BN_free(p);
	ike_kex_free(k);
}
END_TEST

/* A secret that begins with a zero byte keeps it. The peer's value is 2^e, so the secret is the
 * e-th power of our public value modulo the prime of RFC 3526; e is searched. */
START_TEST(modp_leading_zero)
{
	size_t n = ike_kex_public_len(KE_MODP_2048);
	BIGNUM *p = prime(PRIME_2048), *mine, *power = BN_new(), *two_e = BN_new();
	BN_CTX *bn = BN_CTX_new();
	uint8_t peer[IKE_KEX_PUBLIC_MAX], want[IKE_KEX_PUBLIC_MAX];
	struct ike_kex *k;
	struct secret s;

	ck_assert_int_eq(ike_kex_new(&k, NULL, KE_MODP_2048), IKE_OK);
	mine = BN_bin2bn(ike_kex_public(k).p, (int)n, NULL);
	BN_copy(power, mine);
	BN_set_word(two_e, 2);
	for (int e = 1; e < 20000 && BN_num_bytes(power) == (int)n; e++) {
		BN_mod_mul(power, power, mine, p, bn);
		BN_mod_lshift1_quick(two_e, two_e, p);
	}
	ck_assert_int_lt(BN_num_bytes(power), (int)n);
	ck_assert_int_eq(ike_kex_derive(k, padded(two_e, peer, n), &s), IKE_OK);
	ck_assert_bytes(secret_bytes(&s), padded(power, want, n));
	ck_assert_uint_eq(s.p[0], 0);
	secret_fini(&s);
	BN_CTX_free(bn);
	BN_free(two_e);
	BN_free(power);
	BN_free(mine);
	BN_free(p);
	ike_kex_free(k);
}
END_TEST

/* RFC 6989 section 2.2: what is in the range and not in the subgroup is refused: 2, and a member's
 * negative. */
START_TEST(subgroup_bad_values)
{
	struct ike_kex *k, *peer;
	uint8_t b[IKE_KEX_PUBLIC_MAX] = {0};
	struct secret s;

	ck_assert_int_eq(ike_kex_new(&k, NULL, subgroups[_i]), IKE_OK);
	ck_assert_int_eq(ike_kex_new(&peer, NULL, subgroups[_i]), IKE_OK);
	struct bytes good = ike_kex_public(peer);
	refuses(k, bytes_of(b, good.n)); /* 0 */
	b[good.n - 1] = 1;
	refuses(k, bytes_of(b, good.n)); /* 1 */
	b[good.n - 1] = 2;
	refuses(k, bytes_of(b, good.n));
	memset(b, 0xff, sizeof b);
	refuses(k, bytes_of(b, good.n)); /* more than p */
	memcpy(b, good.p, good.n);
	for (size_t i = 0; i < 8; i++) {
		b[good.n - 1] ^= (uint8_t)(1 << i);
		refuses(k, bytes_of(b, good.n));
		b[good.n - 1] ^= (uint8_t)(1 << i);
	}
	ck_assert_int_eq(ike_kex_derive(k, bytes_of(b, good.n), &s), IKE_OK);
	secret_fini(&s);
	ike_kex_free(peer);
	ike_kex_free(k);
}
END_TEST

/* The generator and its cube: the secrets are our own public value and its cube. */
START_TEST(subgroup_generator)
{
	BIGNUM *p = NULL, *g = NULL, *v = BN_new();
	BN_CTX *bn = BN_CTX_new();
	uint8_t b[IKE_KEX_PUBLIC_MAX];
	struct ike_kex *k;
	struct secret s;

	ck_assert_int_gt(BN_hex2bn(&p, modp_2048_256_p), 0);
	ck_assert_int_gt(BN_hex2bn(&g, modp_2048_256_g), 0);
	ck_assert_int_eq(ike_kex_new(&k, NULL, KE_MODP_2048_256), IKE_OK);
	size_t n = ike_kex_public(k).n;
	ck_assert_int_eq(ike_kex_derive(k, padded(g, b, n), &s), IKE_OK);
	ck_assert_bytes(secret_bytes(&s), ike_kex_public(k));
	secret_fini(&s);

	BN_mod_sqr(v, g, p, bn);
	BN_mod_mul(v, v, g, p, bn);
	ck_assert_int_eq(ike_kex_derive(k, padded(v, b, n), &s), IKE_OK);
	BN_bin2bn(ike_kex_public(k).p, (int)n, g);
	BN_mod_sqr(v, g, p, bn);
	BN_mod_mul(v, v, g, p, bn);
	ck_assert_bytes(secret_bytes(&s), padded(v, b, n));
	secret_fini(&s);
	ike_kex_free(k);
	BN_CTX_free(bn);
	BN_free(v);
	BN_free(g);
	BN_free(p);
}
END_TEST

START_TEST(ecp_bad_values)
{
	struct ike_kex *k, *peer;
	uint8_t b[IKE_KEX_PUBLIC_MAX];

	ck_assert_int_eq(ike_kex_new(&k, NULL, ecp[_i]), IKE_OK);
	ck_assert_int_eq(ike_kex_new(&peer, NULL, ecp[_i]), IKE_OK);
	struct bytes good = ike_kex_public(peer);

	memset(b, 0, sizeof b);
	refuses(k, bytes_of(b, good.n)); /* 0, 0 */
	memset(b, 0xff, sizeof b);
	refuses(k, bytes_of(b, good.n)); /* beyond the field */
	for (size_t i = 0; i < good.n; i++) {
		memcpy(b, good.p, good.n);
		b[i] ^= 1; /* off the curve */
		refuses(k, bytes_of(b, good.n));
	}
	memcpy(b, good.p + good.n / 2, good.n / 2); /* y, x */
	memcpy(b + good.n / 2, good.p, good.n / 2);
	refuses(k, bytes_of(b, good.n));
	ike_kex_free(peer);
	ike_kex_free(k);
}
END_TEST

/* Values of small order (RFC 7748 section 6.1 asks for the all-zero check): 0, 1, p - 1, p, p + 1,
 * and the two of order 8, little-endian, as https://cr.yp.to/ecdh.html lists them. */
START_TEST(x25519_small_order)
{
	static const char *const bad[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	};
	struct ike_kex *k;
	uint8_t b[32];

	ck_assert_int_eq(ike_kex_new(&k, NULL, KE_CURVE25519), IKE_OK);
	refuses(k, hex_to(b, sizeof b, bad[_i]));
	ike_kex_free(k);
}
END_TEST

/* The same for Curve448: 0, 1, p - 1, p, p + 1, with p = 2^448 - 2^224 - 1 (RFC 7748 section 4.2).
 */
START_TEST(x448_small_order)
{
	struct ike_kex *k;
	uint8_t b[56];

	ck_assert_int_eq(ike_kex_new(&k, NULL, KE_CURVE448), IKE_OK);
	memset(b, 0, sizeof b);
	b[0] = _i == 1;
	if (_i >= 2) {
		memset(b, 0xff, sizeof b);
		b[28] = 0xfe;
		b[0] = (uint8_t)(0xfe + _i - 2);
	}
	if (_i == 4) { /* 2^448 - 2^224 */
		memset(b, 0, 28);
		b[28] = 0xff;
	}
	refuses(k, bytes_of(b, sizeof b));
	ike_kex_free(k);
}
END_TEST

static bool is_kem(struct transform t)
{
	return t.type == TRANSFORM_KE && t.id >= KE_MLKEM_512 && t.id <= KE_MLKEM_1024;
}

/* ---- KEMs: draft-ietf-ipsecme-ikev2-mlkem section 2 has the numbers and lengths ---- */

static const struct {
	uint16_t group, key, ciphertext;
} kems[] = {{35, 800, 768}, {36, 1184, 1088}, {37, 1568, 1568}};

static bool has_kem(int i)
{
	return ike_can(NULL, (struct transform){TRANSFORM_KE, kems[i].group, 0});
}

START_TEST(kem_lengths)
{
	ck_assert_uint_eq(ike_kex_public_len(kems[_i].group), kems[_i].key);
	ck_assert_uint_eq(ike_kex_answer_len(kems[_i].group), kems[_i].ciphertext);
	ck_assert_uint_eq(ike_kex_answer_len(1), 0);
}
END_TEST

START_TEST(kem_lacking)
{
	uint8_t value[IKE_KEX_PUBLIC_MAX] = {0};
	struct ike_kex *k;
	struct secret s;

	if (has_kem(_i)) {
		return;
	}
	ck_assert_int_eq(ike_kex_new(&k, NULL, kems[_i].group), IKE_EUNSUPPORTED);
	ck_assert_ptr_null(k);
	ck_assert_int_eq(
	    ike_kex_answer(&k, NULL, kems[_i].group, bytes_of(value, kems[_i].key), &s),
	    IKE_EUNSUPPORTED);
	ck_assert_ptr_null(k);
	ck_assert_ptr_null(s.p);
}
END_TEST

START_TEST(kem_round_trip)
{
	struct ike_kex *i, *r, *other;
	struct secret si, sr, so;

	if (!has_kem(_i)) {
		return;
	}
	ck_assert_int_eq(ike_kex_new(&i, NULL, kems[_i].group), IKE_OK);
	ck_assert_uint_eq(ike_kex_public(i).n, kems[_i].key);
	ck_assert_int_eq(ike_kex_answer(&r, NULL, kems[_i].group, ike_kex_public(i), &sr), IKE_OK);
	ck_assert_uint_eq(ike_kex_group(r), kems[_i].group);
	ck_assert_uint_eq(ike_kex_public(r).n, kems[_i].ciphertext);
	ck_assert_int_eq(ike_kex_derive(i, ike_kex_public(r), &si), IKE_OK);
	ck_assert_uint_eq(si.n, 32);
	ck_assert_bytes(secret_bytes(&si), secret_bytes(&sr));
	/* Another time another secret; and nothing to derive for who has answered. */
	ck_assert_int_eq(
	    ike_kex_answer(&other, NULL, kems[_i].group, ike_kex_public(i), &so), IKE_OK);
	ck_assert(!bytes_equal(secret_bytes(&so), secret_bytes(&sr)));
	ck_assert_int_eq(ike_kex_derive(r, ike_kex_public(other), &si), IKE_EBUG);
	secret_fini(&si);
	secret_fini(&sr);
	secret_fini(&so);
	ike_kex_free(i);
	ike_kex_free(r);
	ike_kex_free(other);
}
END_TEST

START_TEST(kem_bad_values)
{
	uint8_t value[IKE_KEX_PUBLIC_MAX + 1] = {0};
	const size_t key[] = {0, 1, 32, kems[_i].key - 1u, kems[_i].key + 1u};
	const size_t text[] = {0, 1, 32, kems[_i].ciphertext - 1u, kems[_i].ciphertext + 1u};
	struct ike_kex *i, *r;
	struct secret s, sr;

	if (!has_kem(_i)) {
		return;
	}
	ck_assert_int_eq(ike_kex_new(&i, NULL, kems[_i].group), IKE_OK);
	memcpy(value, ike_kex_public(i).p, kems[_i].key);
	for (int n = 0; n < 5; n++) {
		ck_assert_int_eq(
		    ike_kex_answer(&r, NULL, kems[_i].group, bytes_of(value, key[n]), &s),
		    IKE_EKEVALUE);
		ck_assert_ptr_null(r);
		ck_assert_ptr_null(s.p);
		refuses(i, bytes_of(value, text[n]));
	}
	/* FIPS 203 section 7.2: the first coefficient is 4095, not below q. */
	value[0] = 0xff;
	value[1] |= 0x0f;
	ck_assert_int_eq(
	    ike_kex_answer(&r, NULL, kems[_i].group, bytes_of(value, kems[_i].key), &s),
	    IKE_EKEVALUE);
	/* FIPS 203 section 7.3: a damaged ciphertext is not noticed, but makes another secret. */
	ck_assert_int_eq(ike_kex_answer(&r, NULL, kems[_i].group, ike_kex_public(i), &sr), IKE_OK);
	memcpy(value, ike_kex_public(r).p, kems[_i].ciphertext);
	value[5] ^= 1;
	ck_assert_int_eq(ike_kex_derive(i, bytes_of(value, kems[_i].ciphertext), &s), IKE_OK);
	ck_assert_uint_eq(s.n, 32);
	ck_assert(!bytes_equal(secret_bytes(&s), secret_bytes(&sr)));
	secret_fini(&s);
	secret_fini(&sr);
	ike_kex_free(r);
	ike_kex_free(i);
}
END_TEST

START_TEST(what_this_build_can)
{
	static const struct transform weird[] = {
	    {TRANSFORM_ENCR, ENCR_NULL, 0}, /* ESP only */
	    {TRANSFORM_SN, SN_64BIT, 0},
	    {TRANSFORM_ENCR, 5, 0},
	    {TRANSFORM_KE, 1025, 0},
	    {TRANSFORM_PRF, 3, 0},
	    {TRANSFORM_INTEG, 4, 0},
	    {9, 1, 0},
	    {TRANSFORM_ADDKE7, 1025, 0},
	    {TRANSFORM_ADDKE7 + 1, KE_CURVE25519, 0},
	};
	size_t i;

	for (i = 0; transform_row(i); i++) {
		const struct transform_info *row = transform_row(i);
		if (is_kem(row->t)) {
			continue; /* OpenSSL 3.5 has them */
		}
		ck_assert_msg(
		    ike_can(NULL, row->t) == ((row->flags & TRANSFORM_IKE) != 0), "%s", row->name);
	}
	ck_assert_uint_gt(i, 20);
	for (i = 0; i < sizeof weird / sizeof weird[0]; i++) {
		ck_assert(!ike_can(NULL, weird[i]));
	}
	ck_assert(ike_can(NULL, (struct transform){TRANSFORM_ADDKE1, KE_CURVE25519, 0}));
	ck_assert(ike_can(NULL, (struct transform){TRANSFORM_ADDKE7, KE_NONE, 0}));
}
END_TEST

START_TEST(lengths_agree_with_the_table)
{
	struct transform t = {TRANSFORM_KE, groups[_i], 0};

	ck_assert_uint_eq(transform_find(t)->key_len, ike_kex_public_len(groups[_i]));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_crypto_kex");

	add_loop(s, "published vectors", published_vectors, VECTORS);
	add_loop(s, "both ends agree", both_ends_agree, GROUPS);
	add_loop(s, "wrong length", wrong_length, GROUPS);
	add_loop(s, "unknown group", unknown_group, NONE);
	add_loop(s, "MODP bad values", modp_bad_values, PRIMES);
	add_loop(s, "MODP edges", modp_edges, PRIMES);
	add_test(s, "MODP leading zero", modp_leading_zero);
	add_loop(s, "ECP bad values", ecp_bad_values, ECPS);
	add_loop(s, "subgroup bad values", subgroup_bad_values, SUBGROUPS);
	add_test(s, "subgroup generator", subgroup_generator);
	add_loop(s, "X25519 small order", x25519_small_order, 7);
	add_loop(s, "X448 small order", x448_small_order, 5);
	add_loop(s, "KEM lengths", kem_lengths, 3);
	add_loop(s, "KEM lacking", kem_lacking, 3);
	add_loop(s, "KEM round trip", kem_round_trip, 3);
	add_loop(s, "KEM bad values", kem_bad_values, 3);
	add_test(s, "what this build can", what_this_build_can);
	add_loop(s, "lengths", lengths_agree_with_the_table, GROUPS);
	return run_suite(s);
}

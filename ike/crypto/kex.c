/*
 * Key exchange: RFC 7296 section 3.4 with the groups of RFC 2409 section 6.2, RFC 3526, RFC 5114,
 * RFC 5903, RFC 6954 and RFC 8031; checks of the peer's value after RFC 6989. ML-KEM, where the
 * OpenSSL that runs has it (3.5 and later): draft-ietf-ipsecme-ikev2-mlkem.
 */
#include "ike/crypto/internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum family {
	FAMILY_MODP,
	FAMILY_SUBGROUP, /* MODP with a subgroup of prime order */
	FAMILY_ECP,
	FAMILY_X,
	FAMILY_KEM,
};

struct group {
	uint16_t id;
	enum family family;
	const char *key_type, *name; /* OpenSSL's; name NULL: it has none */
	uint16_t public_len;         /* bytes in the KE payload of the initiator */
	uint16_t answer_len;         /* and of the responder */
	uint16_t shared_len;         /* bytes of g^ir */
};

/* clang-format off */
static const struct group groups[] = {
	{KE_MODP_1024,         FAMILY_MODP,     "DH",          NULL,               128,  128,  128},
	{KE_MODP_1536,         FAMILY_MODP,     "DH",          "modp_1536",        192,  192,  192},
	{KE_MODP_2048,         FAMILY_MODP,     "DH",          "modp_2048",        256,  256,  256},
	{KE_MODP_3072,         FAMILY_MODP,     "DH",          "modp_3072",        384,  384,  384},
	{KE_MODP_4096,         FAMILY_MODP,     "DH",          "modp_4096",        512,  512,  512},
	{KE_MODP_6144,         FAMILY_MODP,     "DH",          "modp_6144",        768,  768,  768},
	{KE_MODP_8192,         FAMILY_MODP,     "DH",          "modp_8192",       1024, 1024, 1024},
	{KE_MODP_1024_160,     FAMILY_SUBGROUP, "DHX",         "dh_1024_160",      128,  128,  128},
	{KE_MODP_2048_224,     FAMILY_SUBGROUP, "DHX",         "dh_2048_224",      256,  256,  256},
	{KE_MODP_2048_256,     FAMILY_SUBGROUP, "DHX",         "dh_2048_256",      256,  256,  256},
	{KE_ECP_192,           FAMILY_ECP,      "EC",          "P-192",             48,   48,   24},
	{KE_ECP_224,           FAMILY_ECP,      "EC",          "P-224",             56,   56,   28},
	{KE_ECP_256,           FAMILY_ECP,      "EC",          "P-256",             64,   64,   32},
	{KE_ECP_384,           FAMILY_ECP,      "EC",          "P-384",             96,   96,   48},
	{KE_ECP_521,           FAMILY_ECP,      "EC",          "P-521",            132,  132,   66},
	{KE_BRAINPOOL_P224R1,  FAMILY_ECP,      "EC",          "brainpoolP224r1",   56,   56,   28},
	{KE_BRAINPOOL_P256R1,  FAMILY_ECP,      "EC",          "brainpoolP256r1",   64,   64,   32},
	{KE_BRAINPOOL_P384R1,  FAMILY_ECP,      "EC",          "brainpoolP384r1",   96,   96,   48},
	{KE_BRAINPOOL_P512R1,  FAMILY_ECP,      "EC",          "brainpoolP512r1",  128,  128,   64},
	{KE_CURVE25519,        FAMILY_X,        "X25519",      NULL,                32,   32,   32},
	{KE_CURVE448,          FAMILY_X,        "X448",        NULL,                56,   56,   56},
	{KE_MLKEM_512,         FAMILY_KEM,      "ML-KEM-512",  NULL,               800,  768,   32},
	{KE_MLKEM_768,         FAMILY_KEM,      "ML-KEM-768",  NULL,              1184, 1088,   32},
	{KE_MLKEM_1024,        FAMILY_KEM,      "ML-KEM-1024", NULL,              1568, 1568,   32},
};
/* clang-format on */

struct ike_kex {
	const struct group *group;
	struct ossl_lib_ctx_st *libctx;
	EVP_PKEY *key; /* NULL: the responder's half of a KEM, which is over with its answer */
	size_t public_n;
	uint8_t public[IKE_KEX_PUBLIC_MAX];
};

/* An uncompressed point begins with this byte in OpenSSL and without it in IKE (RFC 5903 section
 * 7). */
enum { POINT_UNCOMPRESSED = 4 };

static const struct group *find(uint16_t id)
{
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		if (groups[i].id == id) {
			return &groups[i];
		}
	}
	return NULL;
}

size_t ike_kex_public_len(uint16_t group)
{
	const struct group *g = find(group);

	return g ? g->public_len : 0;
}

size_t ike_kex_answer_len(uint16_t group)
{
	const struct group *g = find(group);

	return g ? g->answer_len : 0;
}

/* A key that is p and g alone; NULL without memory. */
static EVP_PKEY *modp_params(struct ossl_lib_ctx_st *libctx, const BIGNUM *p, const BIGNUM *g)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	bool ok = bld && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_P, p) == 1 &&
		  OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_G, g) == 1;
	OSSL_PARAM *params = ok ? OSSL_PARAM_BLD_to_param(bld) : NULL;
	EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(libctx, "DH", NULL) : NULL;
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params) != 1) {
		key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

/* OpenSSL knows the prime of this group, but not the group. */
static EVP_PKEY_CTX *modp_1024_ctx(struct ossl_lib_ctx_st *libctx)
{
	BIGNUM *p = BN_get_rfc2409_prime_1024(NULL), *g = BN_new();
	bool ok = p && g && BN_set_word(g, 2) == 1;
	EVP_PKEY *key = ok ? modp_params(libctx, p, g) : NULL;
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL) : NULL;

	EVP_PKEY_free(key);
	BN_free(g);
	BN_free(p);
	return ctx;
}

EVP_PKEY_CTX *ike_kex_keygen_ctx(struct ossl_lib_ctx_st *libctx, uint16_t group)
{
	const struct group *g = find(group);
	EVP_PKEY_CTX *ctx = !g ? NULL
			    : g->id == KE_MODP_1024
				? modp_1024_ctx(libctx)
				: EVP_PKEY_CTX_new_from_name(libctx, g->key_type, NULL);
	char name[16];

	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1) {
		EVP_PKEY_CTX_free(ctx);
		return NULL;
	}
	snprintf(name, sizeof name, "%s", g->name ? g->name : "");
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
	    OSSL_PARAM_construct_end(),
	};
	if (g->name && EVP_PKEY_CTX_set_params(ctx, params) != 1) {
		EVP_PKEY_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* The public value as it goes on the wire. */
static bool export_public(struct ike_kex *k)
{
	unsigned char *enc = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key(k->key, &enc);
	size_t skip = k->group->family == FAMILY_ECP ? 1 : 0;
	size_t want = k->group->public_len;
	bool ok = n >= skip && n - skip <= want &&
		  (skip == 0 || (n - skip == want && enc[0] == POINT_UNCOMPRESSED));

	if (ok) {
		/* MODP values are padded with zeros in front to the size of the group. */
		memcpy(k->public + want - (n - skip), enc + skip, n - skip);
		k->public_n = want;
	}
	OPENSSL_free(enc);
	return ok;
}

enum ike_err ike_kex_new(struct ike_kex **out, struct ossl_lib_ctx_st *libctx, uint16_t group)
{
	*out = NULL;
	EVP_PKEY_CTX *ctx = ike_kex_keygen_ctx(libctx, group);
	if (!ctx) {
		ERR_clear_error();
		return IKE_EUNSUPPORTED;
	}
	struct ike_kex *k = calloc(1, sizeof *k);
	enum ike_err err = IKE_ENOMEM;
	if (k) {
		k->group = find(group);
		k->libctx = libctx;
		err = EVP_PKEY_generate(ctx, &k->key) == 1 && export_public(k) ? IKE_OK : IKE_EBUG;
	}
	EVP_PKEY_CTX_free(ctx);
	if (err != IKE_OK) {
		ike_kex_free(k);
		return err;
	}
	*out = k;
	return IKE_OK;
}

void ike_kex_free(struct ike_kex *k)
{
	if (k) {
		EVP_PKEY_free(k->key); /* wipes the private value */
		free(k);
	}
}

uint16_t ike_kex_group(const struct ike_kex *k)
{
	return k->group->id;
}

struct bytes ike_kex_public(const struct ike_kex *k)
{
	return bytes_of(k->public, k->public_n);
}

/* 1 < r < p - 1 (RFC 6989 section 2.1). */
static bool modp_in_range(const struct ike_kex *k, struct bytes r)
{
	BIGNUM *p = NULL;
	BIGNUM *v = BN_bin2bn(r.p, (int)r.n, NULL);
	bool ok = v && EVP_PKEY_get_bn_param(k->key, OSSL_PKEY_PARAM_FFC_P, &p) == 1 &&
		  BN_sub_word(p, 1) == 1 && BN_cmp(v, BN_value_one()) > 0 && BN_cmp(v, p) < 0;

	BN_free(p);
	BN_free(v);
	return ok;
}

/* A key of our group that holds the peer's encoded value; NULL if the value is refused. */
static EVP_PKEY *import_encoded(const struct ike_kex *k, struct bytes enc)
{
	EVP_PKEY *peer = EVP_PKEY_new();

	if (!peer || EVP_PKEY_copy_parameters(peer, k->key) != 1 ||
	    EVP_PKEY_set1_encoded_public_key(peer, enc.p, enc.n) != 1) {
		EVP_PKEY_free(peer);
		return NULL;
	}
	return peer;
}

static EVP_PKEY *import_peer(const struct ike_kex *k, struct bytes value)
{
	uint8_t point[1 + IKE_KEX_PUBLIC_MAX];

	if (value.n != k->group->public_len) {
		return NULL;
	}
	switch (k->group->family) {
	case FAMILY_MODP:
	case FAMILY_SUBGROUP: return modp_in_range(k, value) ? import_encoded(k, value) : NULL;
	case FAMILY_ECP:
		/* The import refuses a point that is not on the curve. */
		point[0] = POINT_UNCOMPRESSED;
		memcpy(point + 1, value.p, value.n);
		return import_encoded(k, bytes_of(point, 1 + value.n));
	case FAMILY_X:
		return EVP_PKEY_new_raw_public_key_ex(
		    k->libctx, k->group->key_type, NULL, value.p, value.n);
	case FAMILY_KEM: break; /* what comes back is no key */
	}
	return NULL;
}

static bool derive_into(const struct ike_kex *k, EVP_PKEY *peer, struct secret *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(k->libctx, k->key, NULL);
	size_t n = out->n;
	bool subgroup = k->group->family == FAMILY_SUBGROUP;
	bool modp = subgroup || k->group->family == FAMILY_MODP;
	/* The peer's value has been checked at import, and the full check would cost more than the
	 * rest; but whether it lies in the subgroup (RFC 6989 section 2.2) only that one says. */
	bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
		  EVP_PKEY_derive_set_peer_ex(ctx, peer, subgroup) == 1 &&
		  (!modp || EVP_PKEY_CTX_set_dh_pad(ctx, 1) == 1) &&
		  EVP_PKEY_derive(ctx, out->p, &n) == 1 && n == out->n;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* RFC 8031 section 5 (RFC 7748 section 6): an all-zero secret means a peer's value of small order.
 */
static bool all_zero(const struct secret *s)
{
	static const uint8_t zero[IKE_KEX_PUBLIC_MAX];

	return secret_equal(secret_bytes(s), bytes_of(zero, s->n));
}

/* ---- KEMs ---- */

/* FIPS 203 section 7.3: of a ciphertext nothing but its length can be wrong. */
static enum ike_err decapsulate(const struct ike_kex *k, struct bytes peer, struct secret *shared)
{
	size_t n = k->group->shared_len;

	if (peer.n != k->group->answer_len) {
		return IKE_EKEVALUE;
	}
	if (!secret_init(shared, n)) {
		return IKE_ENOMEM;
	}
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(k->libctx, k->key, NULL);
	bool ok = ctx && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
		  EVP_PKEY_decapsulate(ctx, shared->p, &n, peer.p, peer.n) == 1 && n == shared->n;

	EVP_PKEY_CTX_free(ctx);
	return ok ? IKE_OK : IKE_EBUG;
}

/* *peer with a key: the value was well formed. */
static enum ike_err encapsulate(struct ike_kex *k, EVP_PKEY *peer, struct secret *shared)
{
	size_t wrapped = k->group->answer_len, n = k->group->shared_len;

	if (!secret_init(shared, n)) {
		return IKE_ENOMEM;
	}
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(k->libctx, peer, NULL);
	bool ok = ctx && EVP_PKEY_encapsulate_init(ctx, NULL) == 1 &&
		  EVP_PKEY_encapsulate(ctx, k->public, &wrapped, shared->p, &n) == 1 &&
		  wrapped == k->group->answer_len && n == shared->n;

	EVP_PKEY_CTX_free(ctx);
	k->public_n = wrapped;
	return ok ? IKE_OK : IKE_EBUG;
}

static enum ike_err kem_answer(struct ike_kex **out, struct ossl_lib_ctx_st *libctx,
    const struct group *g, struct bytes peer, struct secret *shared)
{
	/* The import holds the value against FIPS 203 section 7.2. */
	EVP_PKEY *key = peer.n == g->public_len ? EVP_PKEY_new_raw_public_key_ex(
						      libctx, g->key_type, NULL, peer.p, peer.n)
						: NULL;
	struct ike_kex *k = key ? calloc(1, sizeof *k) : NULL;
	enum ike_err err = key ? IKE_ENOMEM : IKE_EKEVALUE;

	if (k) {
		k->group = g;
		k->libctx = libctx;
		err = encapsulate(k, key, shared);
	}
	EVP_PKEY_free(key);
	if (err != IKE_OK) {
		secret_fini(shared);
		ike_kex_free(k);
		k = NULL;
		ERR_clear_error();
	}
	*out = k;
	return err;
}

static bool can_keygen(struct ossl_lib_ctx_st *libctx, uint16_t group)
{
	EVP_PKEY_CTX *ctx = ike_kex_keygen_ctx(libctx, group);

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ctx != NULL;
}

/* ---- Either end ---- */

enum ike_err ike_kex_answer(struct ike_kex **out, struct ossl_lib_ctx_st *libctx, uint16_t group,
    struct bytes peer, struct secret *shared)
{
	const struct group *g = find(group);

	*out = NULL;
	*shared = SECRET_NONE;
	if (g && g->family == FAMILY_KEM && can_keygen(libctx, group)) {
		return kem_answer(out, libctx, g, peer, shared);
	}
	enum ike_err err = ike_kex_new(out, libctx, group);
	if (err == IKE_OK) {
		err = ike_kex_derive(*out, peer, shared);
	}
	if (err != IKE_OK) {
		ike_kex_free(*out);
		*out = NULL;
	}
	return err;
}

static enum ike_err agree(const struct ike_kex *k, struct bytes peer, struct secret *shared)
{
	EVP_PKEY *key = import_peer(k, peer);
	if (!key) {
		return IKE_EKEVALUE;
	}
	enum ike_err err = IKE_ENOMEM;
	if (secret_init(shared, k->group->shared_len)) {
		err = derive_into(k, key, shared) && !all_zero(shared) ? IKE_OK : IKE_EKEVALUE;
	}
	EVP_PKEY_free(key);
	return err;
}

enum ike_err ike_kex_derive(const struct ike_kex *k, struct bytes peer, struct secret *shared)
{
	*shared = SECRET_NONE;
	if (!k->key) {
		return IKE_EBUG;
	}
	enum ike_err err =
	    k->group->family == FAMILY_KEM ? decapsulate(k, peer, shared) : agree(k, peer, shared);
	if (err != IKE_OK) {
		secret_fini(shared);
		ERR_clear_error();
	}
	return err;
}

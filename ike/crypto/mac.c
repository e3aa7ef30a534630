/*
 * Keyed hashes of integrity transforms and PRFs: HMAC (RFC 2104) with MD5 (RFC 2403), SHA-1 (RFC
 * 2404) and SHA-2 (RFC 4868), AES-CMAC (RFC 4493, RFC 4494) and AES-XCBC-MAC (RFC 3566).
 */
#include "ike/crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16 };

/* clang-format off */
static const struct ike_mac_kind kinds[] = {
	{PRF_HMAC_SHA2_256, INTEG_HMAC_SHA2_256_128, 32, IKE_MAC_HMAC, "SHA256"},
	{PRF_HMAC_SHA2_384, INTEG_HMAC_SHA2_384_192, 48, IKE_MAC_HMAC, "SHA384"},
	{PRF_HMAC_SHA2_512, INTEG_HMAC_SHA2_512_256, 64, IKE_MAC_HMAC, "SHA512"},
	{PRF_HMAC_SHA1,     INTEG_HMAC_SHA1_96,      20, IKE_MAC_HMAC, "SHA1"},
	{PRF_HMAC_MD5,      INTEG_HMAC_MD5_96,       16, IKE_MAC_HMAC, "MD5"},
	{PRF_AES128_XCBC,   INTEG_AES_XCBC_96,       16, IKE_MAC_XCBC, "AES-128-CBC"},
	{PRF_AES128_CMAC,   INTEG_AES_CMAC_96,       16, IKE_MAC_CMAC, "AES-128-CBC"},
};
/* clang-format on */

/* Keyed once; each message starts again under the same key. */
struct ike_mac {
	EVP_MAC_CTX *ctx;                  /* HMAC, CMAC */
	EVP_CIPHER_CTX *cbc;               /* XCBC: AES-CBC under K1 */
	uint8_t whole[BLOCK], part[BLOCK]; /* XCBC: K2, K3 */
	size_t len;                        /* bytes of output */
};

const struct ike_mac_kind *ike_mac_find(struct transform t)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if ((t.type == TRANSFORM_PRF && t.id == kinds[i].prf) ||
		    (t.type == TRANSFORM_INTEG && t.id == kinds[i].integ)) {
			return &kinds[i];
		}
	}
	return NULL;
}

/* ---- HMAC and CMAC ---- */

static bool init_ctx(EVP_MAC_CTX *ctx, const struct ike_mac_kind *kind, struct bytes key)
{
	static const uint8_t no_key[1];
	char name[16];

	snprintf(name, sizeof name, "%s", kind->name);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(
		kind->way == IKE_MAC_CMAC ? OSSL_MAC_PARAM_CIPHER : OSSL_MAC_PARAM_DIGEST, name, 0),
	    OSSL_PARAM_construct_end(),
	};
	/* Without a pointer OpenSSL takes "no key yet" instead of an empty one. */
	return EVP_MAC_init(ctx, key.n > 0 ? key.p : no_key, key.n, params) == 1;
}

static enum ike_err new_ctx(struct ike_mac *m, struct ossl_lib_ctx_st *libctx,
    const struct ike_mac_kind *kind, struct bytes key)
{
	EVP_MAC *mac = EVP_MAC_fetch(
	    libctx, kind->way == IKE_MAC_CMAC ? OSSL_MAC_NAME_CMAC : OSSL_MAC_NAME_HMAC, NULL);

	if (!mac) {
		return IKE_EUNSUPPORTED;
	}
	m->ctx = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (!m->ctx) {
		return IKE_ENOMEM;
	}
	return init_ctx(m->ctx, kind, key) ? IKE_OK : IKE_EUNSUPPORTED;
}

static bool ctx_of(struct ike_mac *m, const struct bytes *parts, size_t n, uint8_t *out)
{
	size_t got = 0;

	/* No key: the context starts again under the one that it has. */
	if (EVP_MAC_init(m->ctx, NULL, 0, NULL) != 1) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n > 0 && EVP_MAC_update(m->ctx, parts[i].p, parts[i].n) != 1) {
			return false;
		}
	}
	return EVP_MAC_final(m->ctx, out, &got, m->len) == 1 && got == m->len;
}

/* ---- XCBC: RFC 3566 section 4, for which OpenSSL has the cipher only ---- */

static bool xcbc_begin(EVP_CIPHER_CTX *ctx)
{
	static const uint8_t zero[BLOCK];

	return EVP_CipherInit_ex2(ctx, NULL, NULL, zero, 1, NULL) == 1;
}

/* The chain goes on by one block. */
static bool xcbc_step(EVP_CIPHER_CTX *ctx, const uint8_t in[BLOCK], uint8_t out[BLOCK])
{
	int n = 0;

	return EVP_CipherUpdate(ctx, out, &n, in, BLOCK) == 1 && n == BLOCK;
}

/* K1, K2 and K3 are blocks of 1, 2 and 3 encrypted under K. */
static bool xcbc_key(EVP_CIPHER_CTX *ctx, uint8_t number, uint8_t out[BLOCK])
{
	uint8_t block[BLOCK];

	memset(block, number, BLOCK);
	return xcbc_begin(ctx) && xcbc_step(ctx, block, out);
}

static enum ike_err new_xcbc(struct ike_mac *m, struct ossl_lib_ctx_st *libctx,
    const struct ike_mac_kind *kind, struct bytes key)
{
	EVP_CIPHER *cipher = key.n == BLOCK ? EVP_CIPHER_fetch(libctx, kind->name, NULL) : NULL;
	uint8_t k1[BLOCK];

	if (!cipher) {
		return key.n == BLOCK ? IKE_EUNSUPPORTED : IKE_EBUG;
	}
	m->cbc = EVP_CIPHER_CTX_new();
	bool ok = m->cbc && EVP_CipherInit_ex2(m->cbc, cipher, key.p, NULL, 1, NULL) == 1 &&
		  EVP_CIPHER_CTX_set_padding(m->cbc, 0) == 1 && xcbc_key(m->cbc, 1, k1) &&
		  xcbc_key(m->cbc, 2, m->whole) && xcbc_key(m->cbc, 3, m->part) &&
		  EVP_CipherInit_ex2(m->cbc, NULL, k1, NULL, 1, NULL) == 1;

	secret_wipe(k1, sizeof k1);
	EVP_CIPHER_free(cipher);
	return ok ? IKE_OK : IKE_ENOMEM;
}

static bool xcbc_of(struct ike_mac *m, const struct bytes *parts, size_t n, uint8_t *out)
{
	uint8_t block[BLOCK];
	size_t filled = 0;

	if (!xcbc_begin(m->cbc)) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t at = 0, take; at < parts[i].n; at += take) {
			/* A whole block goes when it is clear that it is not the last. */
			if (filled == BLOCK) {
				if (!xcbc_step(m->cbc, block, out)) {
					return false;
				}
				filled = 0;
			}
			take = parts[i].n - at < BLOCK - filled ? parts[i].n - at : BLOCK - filled;
			memcpy(block + filled, parts[i].p + at, take);
			filled += take;
		}
	}
	const uint8_t *mask = filled == BLOCK ? m->whole : m->part;
	if (filled < BLOCK) {
		block[filled] = 0x80;
		memset(block + filled + 1, 0, BLOCK - filled - 1);
	}
	for (size_t i = 0; i < BLOCK; i++) {
		block[i] ^= mask[i];
	}
	bool ok = xcbc_step(m->cbc, block, out);
	secret_wipe(block, sizeof block);
	return ok;
}

/* ---- All of them ---- */

enum ike_err ike_mac_new(struct ike_mac **out, struct ossl_lib_ctx_st *libctx,
    const struct ike_mac_kind *kind, struct bytes key)
{
	struct ike_mac *m = calloc(1, sizeof *m);

	*out = NULL;
	if (!m) {
		return IKE_ENOMEM;
	}
	m->len = kind->len;
	enum ike_err err = kind->way == IKE_MAC_XCBC ? new_xcbc(m, libctx, kind, key)
						     : new_ctx(m, libctx, kind, key);
	if (err != IKE_OK) {
		ike_mac_free(m);
		ERR_clear_error();
		return err;
	}
	*out = m;
	return IKE_OK;
}

void ike_mac_free(struct ike_mac *m)
{
	if (m) {
		EVP_MAC_CTX_free(m->ctx);
		EVP_CIPHER_CTX_free(m->cbc);
		secret_wipe(m, sizeof *m);
		free(m);
	}
}

enum ike_err ike_mac_of(
    struct ike_mac *m, const struct bytes *parts, size_t n, uint8_t out[IKE_MAC_MAX])
{
	bool ok = m->cbc ? xcbc_of(m, parts, n, out) : ctx_of(m, parts, n, out);

	return ok ? IKE_OK : IKE_EBUG;
}

bool ike_mac_can(struct ossl_lib_ctx_st *libctx, struct transform t)
{
	static const uint8_t key[BLOCK];
	const struct ike_mac_kind *kind = ike_mac_find(t);
	struct ike_mac *m = NULL;

	bool can = kind && ike_mac_new(&m, libctx, kind, bytes_of(key, sizeof key)) == IKE_OK;
	ike_mac_free(m);
	return can;
}

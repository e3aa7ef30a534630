/*
 * HMAC, PRF and prf+: RFC 2104, RFC 4868, RFC 7296 section 2.13.
 */
#include "ike/crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

enum {
	SEED_PARTS_MAX = 6,
	PRF_PLUS_BLOCKS = 255, /* the block counter is one byte */
};

static const struct {
	uint16_t prf, integ;
	uint16_t len; /* bytes */
	const char *digest;
} digests[] = {
    {PRF_HMAC_SHA2_256, INTEG_HMAC_SHA2_256_128, 32, "SHA256"},
    {PRF_HMAC_SHA2_384, INTEG_HMAC_SHA2_384_192, 48, "SHA384"},
    {PRF_HMAC_SHA2_512, INTEG_HMAC_SHA2_512_256, 64, "SHA512"},
};

enum { DIGESTS = sizeof digests / sizeof digests[0] };

const char *ike_prf_digest(struct transform prf)
{
	for (size_t i = 0; i < DIGESTS; i++) {
		if (prf.type == TRANSFORM_PRF && digests[i].prf == prf.id) {
			return digests[i].digest;
		}
	}
	return NULL;
}

const char *ike_integ_digest(struct transform integ)
{
	for (size_t i = 0; i < DIGESTS; i++) {
		if (integ.type == TRANSFORM_INTEG && digests[i].integ == integ.id) {
			return digests[i].digest;
		}
	}
	return NULL;
}

size_t ike_prf_len(struct transform prf)
{
	for (size_t i = 0; i < DIGESTS; i++) {
		if (prf.type == TRANSFORM_PRF && digests[i].prf == prf.id) {
			return digests[i].len;
		}
	}
	return 0;
}

static bool hmac_run(EVP_MAC_CTX *ctx, const char *digest, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out, size_t out_n)
{
	static const uint8_t no_key[1];
	char name[16];
	size_t got = 0;

	snprintf(name, sizeof name, "%s", digest);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
	    OSSL_PARAM_construct_end(),
	};
	/* Without a pointer OpenSSL takes "no key yet" instead of an empty one. */
	if (EVP_MAC_init(ctx, key.n > 0 ? key.p : no_key, key.n, params) != 1) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n > 0 && EVP_MAC_update(ctx, parts[i].p, parts[i].n) != 1) {
			return false;
		}
	}
	return EVP_MAC_final(ctx, out, &got, out_n) == 1 && got == out_n;
}

enum ike_err ike_hmac(struct ossl_lib_ctx_st *libctx, const char *digest, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out, size_t out_n)
{
	EVP_MAC *mac = EVP_MAC_fetch(libctx, OSSL_MAC_NAME_HMAC, NULL);

	if (!mac) {
		return IKE_EUNSUPPORTED;
	}
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	enum ike_err err = IKE_ENOMEM;

	if (ctx) {
		err = hmac_run(ctx, digest, key, parts, n, out, out_n) ? IKE_OK : IKE_EUNSUPPORTED;
	}
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return err;
}

enum ike_err ike_prf(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out)
{
	const char *digest = ike_prf_digest(prf);

	return digest ? ike_hmac(libctx, digest, key, parts, n, out, ike_prf_len(prf))
		      : IKE_EUNSUPPORTED;
}

/*
 *     prf+ (K,S) = T1 | T2 | T3 | T4 | ...
 *     T1 = prf (K, S | 0x01)
 *     T2 = prf (K, T1 | S | 0x02)
 *     T3 = prf (K, T2 | S | 0x03)
 */
enum ike_err ike_prf_plus(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out, size_t out_n)
{
	size_t len = ike_prf_len(prf);
	struct bytes in[SEED_PARTS_MAX + 2] = {{0}};
	uint8_t t[IKE_PRF_MAX], counter = 1;
	enum ike_err err = IKE_OK;

	if (len == 0) {
		return IKE_EUNSUPPORTED;
	}
	if (n > SEED_PARTS_MAX || out_n > PRF_PLUS_BLOCKS * len) {
		return IKE_EBUG;
	}
	for (size_t i = 0; i < n; i++) {
		in[i + 1] = parts[i];
	}
	in[n + 1] = bytes_of(&counter, 1);
	for (size_t done = 0; err == IKE_OK && done < out_n; counter++) {
		size_t take = out_n - done < len ? out_n - done : len;

		err = ike_prf(libctx, prf, key, in, n + 2, t);
		if (err == IKE_OK) {
			memcpy(out + done, t, take);
			in[0] = bytes_of(t, len);
			done += take;
		}
	}
	if (err != IKE_OK) {
		secret_wipe(out, out_n);
	}
	secret_wipe(t, sizeof t);
	return err;
}

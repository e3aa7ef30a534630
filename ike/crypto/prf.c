/*
 * PRF and prf+: RFC 7296 section 2.13; RFC 4868; keys of any length for AES-XCBC-PRF-128 (RFC 4434)
 * and AES-CMAC-PRF-128 (RFC 4615).
 */
#include "ike/crypto/internal.h"

#include <string.h>

enum {
	SEED_PARTS_MAX = 6,
	PRF_PLUS_BLOCKS = 255, /* the block counter is one byte */
};

size_t ike_prf_len(struct transform prf)
{
	const struct ike_mac_kind *kind = prf.type == TRANSFORM_PRF ? ike_mac_find(prf) : NULL;

	return kind ? kind->len : 0;
}

static enum ike_err mac_once(struct ossl_lib_ctx_st *libctx, const struct ike_mac_kind *kind,
    struct bytes key, const struct bytes *parts, size_t n, uint8_t *out)
{
	uint8_t full[IKE_MAC_MAX];
	struct ike_mac *m;
	enum ike_err err = ike_mac_new(&m, libctx, kind, key);

	if (err == IKE_OK) {
		err = ike_mac_of(m, parts, n, full);
	}
	if (err == IKE_OK) {
		memcpy(out, full, kind->len);
	}
	secret_wipe(full, sizeof full);
	ike_mac_free(m);
	return err;
}

/* The block ciphers' PRFs make a key of 16 bytes of any other one. A longer one is hashed: under a
 * key of zeros; a shorter one is hashed by CMAC (RFC 4615 section 3) and filled up with zeros by
 * XCBC (RFC 4434 section 2). */
static enum ike_err fit_key(struct ossl_lib_ctx_st *libctx, const struct ike_mac_kind *kind,
    struct bytes key, uint8_t out[IKE_MAC_BLOCK_KEY])
{
	static const uint8_t zero[IKE_MAC_BLOCK_KEY];
	bool fits = key.n == IKE_MAC_BLOCK_KEY;

	if (fits || (key.n < IKE_MAC_BLOCK_KEY && kind->way == IKE_MAC_XCBC)) {
		memset(out, 0, IKE_MAC_BLOCK_KEY);
		if (key.n > 0) {
			memcpy(out, key.p, key.n);
		}
		return IKE_OK;
	}
	return mac_once(libctx, kind, bytes_of(zero, sizeof zero), &key, 1, out);
}

enum ike_err ike_prf(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out)
{
	const struct ike_mac_kind *kind = prf.type == TRANSFORM_PRF ? ike_mac_find(prf) : NULL;
	uint8_t fitted[IKE_MAC_BLOCK_KEY];

	if (!kind) {
		return IKE_EUNSUPPORTED;
	}
	if (kind->way == IKE_MAC_HMAC) {
		return mac_once(libctx, kind, key, parts, n, out);
	}
	enum ike_err err = fit_key(libctx, kind, key, fitted);
	if (err == IKE_OK) {
		err = mac_once(libctx, kind, bytes_of(fitted, sizeof fitted), parts, n, out);
	}
	secret_wipe(fitted, sizeof fitted);
	return err;
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

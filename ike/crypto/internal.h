/*
 * What the files of ike/crypto/ share.
 */
#ifndef IKE_CRYPTO_INTERNAL_H
#define IKE_CRYPTO_INTERNAL_H

#include "ike/crypto/crypto.h"

/* ---- Keyed hashes ---- */

enum {
	IKE_MAC_MAX = 64,       /* longest output, bytes */
	IKE_MAC_BLOCK_KEY = 16, /* bytes of key of XCBC and CMAC */
};

enum ike_mac_way { IKE_MAC_HMAC, IKE_MAC_CMAC, IKE_MAC_XCBC };

/* One keyed hash serves a PRF and an integrity transform. */
struct ike_mac_kind {
	uint16_t prf, integ;
	uint16_t len; /* bytes of output, not cut */
	enum ike_mac_way way;
	const char *name; /* OpenSSL's, of the digest or of the cipher */
};

struct ike_mac;

const struct ike_mac_kind *ike_mac_find(
    struct transform t); /* NULL: neither PRF nor INTEG of ours */
/* XCBC and CMAC take keys of IKE_MAC_BLOCK_KEY bytes alone (else IKE_EBUG or IKE_EUNSUPPORTED).
 * *out is the caller's, freed by ike_mac_free; NULL on error. */
enum ike_err ike_mac_new(struct ike_mac **out, struct ossl_lib_ctx_st *libctx,
    const struct ike_mac_kind *kind, struct bytes key);
void ike_mac_free(struct ike_mac *m); /* NULL is fine; wipes */
/* The MAC of parts[0] | parts[1] | …: kind->len bytes. As often as wanted. */
enum ike_err ike_mac_of(
    struct ike_mac *m, const struct bytes *parts, size_t n, uint8_t out[IKE_MAC_MAX]);
bool ike_mac_can(struct ossl_lib_ctx_st *libctx, struct transform t);

/* ---- Ciphers ---- */

/* NULL: not in the table, or not in this library. The legacy provider is loaded for what is
 * there alone, and goes with it. The caller frees the cipher. */
struct evp_cipher_st *ike_cipher_fetch(struct ossl_lib_ctx_st *libctx, struct transform encr);

/* ---- Groups ---- */

/* A key context for `group` that is ready to generate; NULL if the library lacks it. The caller
 * frees it. */
struct evp_pkey_ctx_st *ike_kex_keygen_ctx(struct ossl_lib_ctx_st *libctx, uint16_t group);

#endif

/*
 * What the files of ike/crypto/ share.
 */
#ifndef IKE_CRYPTO_INTERNAL_H
#define IKE_CRYPTO_INTERNAL_H

#include "ike/crypto/crypto.h"

/* OpenSSL's names. NULL: not in the table. */
const char *ike_prf_digest(struct transform prf);
const char *ike_integ_digest(struct transform integ);
const char *ike_encr_cipher(struct transform encr);

/* HMAC over the parts into out[out_n], which is the digest's length. */
enum ike_err ike_hmac(struct ossl_lib_ctx_st *libctx, const char *digest, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out, size_t out_n);

/* A key context for `group` that is ready to generate; NULL if the library lacks it. The caller
 * frees it. */
struct evp_pkey_ctx_st *ike_kex_keygen_ctx(struct ossl_lib_ctx_st *libctx, uint16_t group);

#endif

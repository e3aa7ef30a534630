/*
 * Which transforms this build and this OpenSSL can use in an IKE SA.
 */
#include "ike/crypto/internal.h"
#include "ike/ike.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

static bool can_cipher(struct ossl_lib_ctx_st *libctx, struct transform encr)
{
	EVP_CIPHER *cipher = ike_cipher_fetch(libctx, encr);

	EVP_CIPHER_free(cipher);
	return cipher != NULL;
}

static bool can_group(struct ossl_lib_ctx_st *libctx, uint16_t group)
{
	EVP_PKEY_CTX *ctx = ike_kex_keygen_ctx(libctx, group);

	EVP_PKEY_CTX_free(ctx);
	return ctx != NULL;
}

bool ike_can(struct ossl_lib_ctx_st *libctx, struct transform t)
{
	const struct transform_info *row = transform_find(t);
	bool can = false;

	if (transform_is_addke(t)) {
		if (t.id == KE_NONE) { /* not to do it is always possible */
			return true;
		}
		t.type = TRANSFORM_KE;
	}
	if (!row || !(row->flags & TRANSFORM_IKE)) {
		return false;
	}
	switch (t.type) {
	case TRANSFORM_ENCR: can = can_cipher(libctx, t); break;
	case TRANSFORM_PRF: can = ike_mac_can(libctx, t); break;
	case TRANSFORM_INTEG: can = t.id == INTEG_NONE || ike_mac_can(libctx, t); break;
	case TRANSFORM_KE: can = can_group(libctx, t.id); break;
	default: break; /* other types have no place in an IKE SA */
	}
	if (!can) {
		ERR_clear_error();
	}
	return can;
}

const char *ike_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

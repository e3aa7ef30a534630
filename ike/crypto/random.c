/*
 * Randomness out of the library context that the caller chose.
 */
#include "ike/crypto/crypto.h"

#include <openssl/rand.h>

enum ike_err ike_random(struct ossl_lib_ctx_st *libctx, uint8_t *p, size_t n)
{
	return RAND_bytes_ex(libctx, p, n, 0) == 1 ? IKE_OK : IKE_EBUG;
}

enum ike_err ike_random_key(struct ossl_lib_ctx_st *libctx, uint8_t *p, size_t n)
{
	return RAND_priv_bytes_ex(libctx, p, n, 0) == 1 ? IKE_OK : IKE_EBUG;
}

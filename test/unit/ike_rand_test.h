/*
 * A library context whose random bytes a test chooses: OpenSSL's own TEST-RAND generator.
 */
#ifndef TEST_UNIT_IKE_RAND_TEST_H
#define TEST_UNIT_IKE_RAND_TEST_H

#include "test/unit/ike_test.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

enum {
	RAND_FIRST_MAX = 512,
	RAND_FILLER = 4096, /* a pattern after the chosen bytes: blinding draws on it */
};

static inline void rand_choose(EVP_RAND_CTX *rand, struct bytes first)
{
	uint8_t entropy[RAND_FIRST_MAX + RAND_FILLER];

	memset(entropy, 0x5c, sizeof entropy);
	memcpy(entropy, first.p, first.n);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(
		OSSL_RAND_PARAM_TEST_ENTROPY, entropy, sizeof entropy),
	    OSSL_PARAM_construct_end(),
	};
	ck_assert_int_eq(EVP_RAND_CTX_set_params(rand, params), 1);
}

/* Both generators, for secrets and for what is public, give `first` (at most RAND_FIRST_MAX bytes)
 * next. */
static inline OSSL_LIB_CTX *rand_context(struct bytes first)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

	ck_assert_int_eq(RAND_set_DRBG_type(ctx, "TEST-RAND", NULL, NULL, NULL), 1);
	rand_choose(RAND_get0_private(ctx), first);
	rand_choose(RAND_get0_public(ctx), first);
	return ctx;
}

#endif

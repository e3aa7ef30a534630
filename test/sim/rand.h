/*
 * A seeded random source for tests: an OpenSSL library context whose every random byte follows from
 * a number, so that whole handshakes repeat bit for bit.
 */
#ifndef TEST_SIM_RAND_H
#define TEST_SIM_RAND_H

#include <stdint.h>

struct ossl_lib_ctx_st;

struct sim_rand {
	struct ossl_lib_ctx_st *libctx;
	struct ossl_provider_st *base, *seeded;
};

/* A new context with the default provider and the seeded generator. Aborts when OpenSSL cannot do
 * it. One context serves one thread. */
void sim_rand_init(struct sim_rand *r, uint64_t seed);
void sim_rand_fini(struct sim_rand *r);

/* The same generator for the tests' own dice. */
uint64_t sim_rand_next(uint64_t *state);

#endif

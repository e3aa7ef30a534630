/*
 * The seeded random provider: OpenSSL's provider interface for OSSL_OP_RAND over SplitMix64. Not
 * random at all, and meant so.
 */
#include "test/sim/rand.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <stdio.h>
#include <stdlib.h>

struct generator {
	uint64_t state;
	int run; /* EVP_RAND_STATE_* */
};

/* Read by newctx, which OpenSSL calls with no argument of ours; one context is made at a time. */
static _Thread_local uint64_t seed_of_next;
static _Thread_local uint64_t generators;

uint64_t sim_rand_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void *gen_new(void *provctx, void *parent, const OSSL_DISPATCH *calls)
{
	struct generator *g = calloc(1, sizeof *g);

	(void)provctx;
	(void)parent;
	(void)calls;
	if (g) {
		g->state = seed_of_next + ++generators * 0x100000001b3u;
		g->run = EVP_RAND_STATE_UNINITIALISED;
	}
	return g;
}

static void gen_free(void *ctx)
{
	free(ctx);
}

static int gen_instantiate(void *ctx, unsigned strength, int resist, const unsigned char *pstr,
    size_t pstr_len, const OSSL_PARAM params[])
{
	struct generator *g = ctx;

	(void)strength;
	(void)resist;
	(void)pstr;
	(void)pstr_len;
	(void)params;
	g->run = EVP_RAND_STATE_READY;
	return 1;
}

static int gen_uninstantiate(void *ctx)
{
	struct generator *g = ctx;

	g->run = EVP_RAND_STATE_UNINITIALISED;
	return 1;
}

static int gen_generate(void *ctx, unsigned char *out, size_t n, unsigned strength, int resist,
    const unsigned char *add, size_t add_len)
{
	struct generator *g = ctx;

	(void)strength;
	(void)resist;
	(void)add;
	(void)add_len;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(sim_rand_next(&g->state) >> 24);
	return 1;
}

static int gen_reseed(void *ctx, int resist, const unsigned char *ent, size_t ent_len,
    const unsigned char *add, size_t add_len)
{
	(void)ctx;
	(void)resist;
	(void)ent;
	(void)ent_len;
	(void)add;
	(void)add_len;
	return 1;
}

static int gen_yes(void *ctx)
{
	(void)ctx;
	return 1;
}

static void gen_unlock(void *ctx)
{
	(void)ctx;
}

static const OSSL_PARAM *gen_gettable(void *ctx, void *provctx)
{
	static const OSSL_PARAM params[] = {
	    {OSSL_RAND_PARAM_STATE, OSSL_PARAM_INTEGER, NULL, sizeof(int), 0},
	    {OSSL_RAND_PARAM_STRENGTH, OSSL_PARAM_UNSIGNED_INTEGER, NULL, sizeof(unsigned), 0},
	    {OSSL_RAND_PARAM_MAX_REQUEST, OSSL_PARAM_UNSIGNED_INTEGER, NULL, sizeof(size_t), 0},
	    {NULL, 0, NULL, 0, 0},
	};

	(void)ctx;
	(void)provctx;
	return params;
}

static int gen_get_params(void *ctx, OSSL_PARAM params[])
{
	struct generator *g = ctx;
	OSSL_PARAM *p;

	if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE)) &&
	    !OSSL_PARAM_set_int(p, g->run))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH)) &&
	    !OSSL_PARAM_set_uint(p, 256))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST)) &&
	    !OSSL_PARAM_set_size_t(p, 1 << 20))
		return 0;
	return 1;
}

typedef void (*dispatch_fn)(void);

static const OSSL_DISPATCH gen_functions[] = {
    {OSSL_FUNC_RAND_NEWCTX, (dispatch_fn)gen_new},
    {OSSL_FUNC_RAND_FREECTX, (dispatch_fn)gen_free},
    {OSSL_FUNC_RAND_INSTANTIATE, (dispatch_fn)gen_instantiate},
    {OSSL_FUNC_RAND_UNINSTANTIATE, (dispatch_fn)gen_uninstantiate},
    {OSSL_FUNC_RAND_GENERATE, (dispatch_fn)gen_generate},
    {OSSL_FUNC_RAND_RESEED, (dispatch_fn)gen_reseed},
    {OSSL_FUNC_RAND_ENABLE_LOCKING, (dispatch_fn)gen_yes},
    {OSSL_FUNC_RAND_LOCK, (dispatch_fn)gen_yes},
    {OSSL_FUNC_RAND_UNLOCK, (dispatch_fn)gen_unlock},
    {OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, (dispatch_fn)gen_gettable},
    {OSSL_FUNC_RAND_GET_CTX_PARAMS, (dispatch_fn)gen_get_params},
    {0, NULL},
};

static const OSSL_ALGORITHM *provider_query(void *provctx, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM rands[] = {
	    {"SEEDED", "provider=sim", gen_functions, "SplitMix64 from a seed"},
	    {NULL, NULL, NULL, NULL},
	};

	(void)provctx;
	*no_cache = 0;
	return operation == OSSL_OP_RAND ? rands : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (dispatch_fn)provider_query},
    {0, NULL},
};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx)
{
	static char context;

	(void)handle;
	(void)in;
	*out = provider_functions;
	*provctx = &context;
	return 1;
}

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "seeded random source: %s failed\n", what);
	abort();
}

void sim_rand_init(struct sim_rand *r, uint64_t seed)
{
	unsigned char once[8];

	r->libctx = OSSL_LIB_CTX_new();
	must(r->libctx != NULL, "OSSL_LIB_CTX_new");
	seed_of_next = seed;
	generators = 0;
	must(OSSL_PROVIDER_add_builtin(r->libctx, "sim", provider_init), "adding the provider");
	r->base = OSSL_PROVIDER_load(r->libctx, "default");
	must(r->base != NULL, "loading the default provider");
	r->seeded = OSSL_PROVIDER_load(r->libctx, "sim");
	must(r->seeded != NULL, "loading the seeded provider");
	must(RAND_set_DRBG_type(r->libctx, "SEEDED", NULL, NULL, NULL), "RAND_set_DRBG_type");
	/* Instantiates the public and the private generator now, while the seed is ours. */
	must(RAND_bytes_ex(r->libctx, once, sizeof once, 0) == 1, "RAND_bytes_ex");
	must(RAND_priv_bytes_ex(r->libctx, once, sizeof once, 0) == 1, "RAND_priv_bytes_ex");
}

void sim_rand_fini(struct sim_rand *r)
{
	OSSL_PROVIDER_unload(r->seeded);
	OSSL_PROVIDER_unload(r->base);
	OSSL_LIB_CTX_free(r->libctx);
}

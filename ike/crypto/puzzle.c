/*
 * Puzzles, set and solved: RFC 8019 sections 7.1.3, 7.1.4 and 8.2. Keys are tried in order, from 0
 * up: whoever sets the puzzle makes S unpredictable.
 */
#include "ike/crypto/puzzle.h"

#include "ike/crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ike_puzzle {
	EVP_MAC_CTX *ctx; /* an HMAC whose digest is set; NULL: the PRF is another one */
	struct ossl_lib_ctx_st *libctx;
	struct transform prf;
	size_t out_n;
	unsigned bits;
	uint8_t s[IKE_PUZZLE_S_MAX];
	size_t s_n;
	uint64_t next; /* the key that is tried next */
	unsigned found;
	uint8_t keys[IKE_PUZZLE_SOLUTION];
};

static unsigned zero_bits(const uint8_t *p, size_t n)
{
	unsigned bits = 0;

	while (n > 0 && p[n - 1] == 0) {
		bits += 8;
		n--;
	}
	for (unsigned last = n > 0 ? p[n - 1] : 1; !(last & 1); last >>= 1) {
		bits++;
	}
	return bits;
}

static struct transform prf_of(uint16_t prf)
{
	return (struct transform){.type = TRANSFORM_PRF, .id = prf};
}

bool ike_puzzle_prf(struct ossl_lib_ctx_st *libctx, uint16_t prf)
{
	return ike_mac_can(libctx, prf_of(prf));
}

static bool repeated(struct bytes keys, size_t len, size_t which)
{
	for (size_t i = 0; i < which; i++) {
		if (memcmp(keys.p + i * len, keys.p + which * len, len) == 0) {
			return true;
		}
	}
	return false;
}

bool ike_puzzle_check(struct ossl_lib_ctx_st *libctx, uint16_t prf, unsigned bits, struct bytes s,
    struct bytes solution)
{
	size_t len = solution.n / IKE_PUZZLE_KEYS;
	size_t out_n = ike_prf_len(prf_of(prf));
	uint8_t out[IKE_PRF_MAX];

	if (len == 0 || solution.n % IKE_PUZZLE_KEYS != 0 || len > out_n) {
		return false;
	}
	for (size_t i = 0; i < IKE_PUZZLE_KEYS; i++) {
		struct bytes key = bytes_of(solution.p + i * len, len);

		if (repeated(solution, len, i) ||
		    ike_prf(libctx, prf_of(prf), key, &s, 1, out) != IKE_OK ||
		    zero_bits(out, out_n) < bits) {
			return false;
		}
	}
	return true;
}

/* The digest is looked up once: it would take longer than the hashing. */
static EVP_MAC_CTX *hmac_new(struct ossl_lib_ctx_st *libctx, const char *digest)
{
	EVP_MAC *mac = EVP_MAC_fetch(libctx, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	char name[16];

	EVP_MAC_free(mac);
	snprintf(name, sizeof name, "%s", digest);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
	    OSSL_PARAM_construct_end(),
	};
	if (ctx && EVP_MAC_CTX_set_params(ctx, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

enum ike_err ike_puzzle_new(struct ike_puzzle **out, struct ossl_lib_ctx_st *libctx, uint16_t prf,
    unsigned bits, struct bytes s)
{
	const struct ike_mac_kind *kind = ike_mac_find(prf_of(prf));
	struct ike_puzzle *p;

	*out = NULL;
	if (!kind || bits > IKE_PUZZLE_BITS_MOST || s.n > sizeof p->s) {
		return IKE_EUNSUPPORTED;
	}
	p = calloc(1, sizeof *p);
	if (!p) {
		return IKE_ENOMEM;
	}
	p->libctx = libctx;
	p->prf = prf_of(prf);
	if (kind->way == IKE_MAC_HMAC) {
		p->ctx = hmac_new(libctx, kind->name);
	}
	if (kind->way == IKE_MAC_HMAC ? !p->ctx : !ike_mac_can(libctx, p->prf)) {
		ike_puzzle_free(p);
		return IKE_EUNSUPPORTED;
	}
	p->out_n = ike_prf_len(prf_of(prf));
	p->bits = bits;
	p->s_n = s.n;
	memcpy(p->s, s.p, s.n);
	*out = p;
	return IKE_OK;
}

void ike_puzzle_free(struct ike_puzzle *p)
{
	if (!p) {
		return;
	}
	EVP_MAC_CTX_free(p->ctx);
	free(p);
}

/* IKE_OK: this key is one. */
static enum ike_err try_key(struct ike_puzzle *p, const uint8_t key[IKE_PUZZLE_KEY_LEN])
{
	struct bytes s = bytes_of(p->s, p->s_n);
	uint8_t out[IKE_PRF_MAX];
	size_t got = 0;

	if (!p->ctx) {
		struct bytes k = bytes_of(key, IKE_PUZZLE_KEY_LEN);
		enum ike_err err = ike_prf(p->libctx, p->prf, k, &s, 1, out);

		if (err != IKE_OK) {
			return err;
		}
	} else if (EVP_MAC_init(p->ctx, key, IKE_PUZZLE_KEY_LEN, NULL) != 1 ||
		   EVP_MAC_update(p->ctx, p->s, p->s_n) != 1 ||
		   EVP_MAC_final(p->ctx, out, &got, sizeof out) != 1 || got != p->out_n) {
		return IKE_EBUG;
	}
	return zero_bits(out, p->out_n) >= p->bits ? IKE_OK : IKE_ETEMPORARY;
}

enum ike_err ike_puzzle_work(struct ike_puzzle *p, uint32_t *tries)
{
	/* Four keys of 2^bits tries each are expected; four times that, and 64 for luck with few
	 * bits, is passed about once in 10^4 puzzles. */
	uint64_t most = ((uint64_t)4 * IKE_PUZZLE_KEYS << p->bits) + 64;
	uint8_t key[IKE_PUZZLE_KEY_LEN];

	for (; p->found < IKE_PUZZLE_KEYS; ++p->next, --*tries) {
		enum ike_err err;

		if (p->next >= most || p->next > UINT32_MAX) {
			return IKE_ELIMIT;
		}
		if (*tries == 0) {
			return IKE_ETEMPORARY;
		}
		be32_store(key, (uint32_t)p->next);
		err = try_key(p, key);
		if (err == IKE_OK) {
			memcpy(p->keys + (size_t)p->found++ * sizeof key, key, sizeof key);
		} else if (err != IKE_ETEMPORARY) {
			return err;
		}
	}
	return IKE_OK;
}

struct bytes ike_puzzle_solution(const struct ike_puzzle *p)
{
	return bytes_of(p->keys, sizeof p->keys);
}

uint64_t ike_puzzle_tried(const struct ike_puzzle *p)
{
	return p->next;
}

/*
 * Puzzles: RFC 8019 sections 7.1.3 and 7.2.3. Four different keys, all of one size, for which
 * prf(key, S) ends in so many zero bits at least.
 */
#ifndef IKE_CRYPTO_PUZZLE_H
#define IKE_CRYPTO_PUZZLE_H

#include "base/bytes.h"
#include "base/transform.h"
#include "ike/err.h"
#include "ike/limits.h"

struct ossl_lib_ctx_st;

enum {
	IKE_PUZZLE_KEYS = 4,
	IKE_PUZZLE_KEY_LEN = 4, /* of the keys that we find */
	IKE_PUZZLE_SOLUTION = IKE_PUZZLE_KEYS * IKE_PUZZLE_KEY_LEN,
	IKE_PUZZLE_S_MAX = IKE_NONCE_MAX + 8, /* bytes of S: a cookie, or Nr | SPIr */
	IKE_PUZZLE_BITS_MOST = 28, /* with keys of that size, and a margin for bad luck */
};

/* Can puzzles be made and solved with that PRF? The HMAC ones, which take keys of any size. */
bool ike_puzzle_prf(struct ossl_lib_ctx_st *libctx, uint16_t prf);

/* True: a solution for `s` with at least `bits` zero bits, all four keys checked. */
bool ike_puzzle_check(struct ossl_lib_ctx_st *libctx, uint16_t prf, unsigned bits, struct bytes s,
    struct bytes solution);

struct ike_puzzle;

/* `s`, at most IKE_PUZZLE_S_MAX bytes, is copied; `bits` at most IKE_PUZZLE_BITS_MOST. *out is NULL
 * on error. IKE_EUNSUPPORTED: not that PRF. */
enum ike_err ike_puzzle_new(struct ike_puzzle **out, struct ossl_lib_ctx_st *libctx, uint16_t prf,
    unsigned bits, struct bytes s);
void ike_puzzle_free(struct ike_puzzle *p); /* NULL is fine */

/* Tries up to *tries keys, and takes from *tries what it tried. IKE_OK: solved. IKE_ETEMPORARY:
 * call it again. IKE_ELIMIT: four times the work that is to be expected was for nothing. */
enum ike_err ike_puzzle_work(struct ike_puzzle *p, uint32_t *tries);
/* Of a solved one, IKE_PUZZLE_SOLUTION bytes; borrowed until free. */
struct bytes ike_puzzle_solution(const struct ike_puzzle *p);
uint64_t ike_puzzle_tried(const struct ike_puzzle *p); /* keys so far */

#endif

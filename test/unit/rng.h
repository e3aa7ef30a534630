/*
 * A small seeded generator for property tests: the same numbers on every machine (xorshift64*,
 * Marsaglia 2003, Vigna 2016).
 */
#ifndef TEST_UNIT_RNG_H
#define TEST_UNIT_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s; /* not 0 */
};

static inline uint32_t rng_u32(struct rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return (uint32_t)((r->s * 2685821657736338717u) >> 32);
}

/* 0 .. n - 1 */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return rng_u32(r) % n;
}

#endif

/*
 * Byte views, big-endian loads and stores, hexadecimal.
 *
 * A struct bytes never owns: whoever hands one out says how long it lives.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *p;
	size_t n; /* bytes */
};

static inline struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){p, n};
}

/* Same length and content. Not constant time: never for secrets (see secret_equal). */
bool bytes_equal(struct bytes a, struct bytes b);

/* Lower-case hex of `b` with a closing NUL. Returns false, and an empty string, if `cap` is less
 * than 2 * b.n + 1. */
bool bytes_to_hex(char *dst, size_t cap, struct bytes b);

/* Reads hex digits up to NUL, an optional 0x in front. Returns the number of bytes written, or -1
 * on an odd count, a digit that is none, or more than `cap` bytes. */
long bytes_from_hex(uint8_t *dst, size_t cap, const char *hex);

static inline uint16_t be16_load(const uint8_t *p)
{
	return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t be32_load(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline uint64_t be64_load(const uint8_t *p)
{
	return ((uint64_t)be32_load(p) << 32) | be32_load(p + 4);
}

static inline void be16_store(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void be32_store(uint8_t *p, uint32_t v)
{
	be16_store(p, (uint16_t)(v >> 16));
	be16_store(p + 2, (uint16_t)v);
}

static inline void be64_store(uint8_t *p, uint64_t v)
{
	be32_store(p, (uint32_t)(v >> 32));
	be32_store(p + 4, (uint32_t)v);
}

#endif

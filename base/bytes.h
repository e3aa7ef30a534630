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
#include <string.h>

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

/* Loads and stores anywhere, aligned or not: one instruction where the processor has one. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES_BE16(v) __builtin_bswap16(v)
#define BYTES_BE32(v) __builtin_bswap32(v)
#define BYTES_BE64(v) __builtin_bswap64(v)
#else
#define BYTES_BE16(v) (v)
#define BYTES_BE32(v) (v)
#define BYTES_BE64(v) (v)
#endif

static inline uint16_t be16_load(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return BYTES_BE16(v);
}

static inline uint32_t be32_load(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return BYTES_BE32(v);
}

static inline uint64_t be64_load(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return BYTES_BE64(v);
}

static inline void be16_store(uint8_t *p, uint16_t v)
{
	v = BYTES_BE16(v);
	memcpy(p, &v, sizeof v);
}

static inline void be32_store(uint8_t *p, uint32_t v)
{
	v = BYTES_BE32(v);
	memcpy(p, &v, sizeof v);
}

static inline void be64_store(uint8_t *p, uint64_t v)
{
	v = BYTES_BE64(v);
	memcpy(p, &v, sizeof v);
}

#endif

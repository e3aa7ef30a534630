/*
 * Internet checksums: RFC 1071, the incremental update of RFC 1624, and the pseudo-headers of
 * RFC 793 section 3.1 and RFC 8200 section 8.1.
 */
#include "tun/tun.h"

#include <string.h>

/* A sum of words as they lie in memory, to one of 16 bits of words as they are on the wire: RFC
 * 1071 section 2 (B), byte order independence. */
static uint32_t to_host_order(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16); /* 33 bits to 18 */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	uint8_t b[2];
	uint16_t v = (uint16_t)sum;
	memcpy(b, &v, sizeof b);
	return be16_load(b);
}

/* `sum` with 16 bits more. */
static uint32_t plus(uint32_t sum, uint32_t more)
{
	sum += more;
	return sum + (sum < more);
}

/* Compiled for several processors, chosen at start. The sanitizers' runtimes come too late for
 * that.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__OPTIMIZE__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORS
#endif

enum {
	WORD = 8,
	FEW = 64, /* bytes that are summed without vectors */
};

/* Words of 32 bits add up to the same as words of 16, since 2^16 is 1 modulo 2^16 - 1. What the
 * upper halves of 64 bits add up to is counted, and taken from the sum of the whole words: so much
 * of it as was carried out of 64 bits is of no account. Compilers make vectors of these loops. */
VECTORS static uint64_t sum_words(const uint8_t *p, size_t words)
{
	uint64_t all = 0, high = 0;
#pragma GCC unroll 4
	for (size_t i = 0; i < words; i++) {
		uint64_t w;
		memcpy(&w, p + WORD * i, sizeof w);
		all += w;
		high += w >> 32;
	}
	return (all - (high << 32)) + high;
}

VECTORS static uint64_t copy_words(uint8_t *restrict dst, const uint8_t *restrict src, size_t words)
{
	uint64_t all = 0, high = 0;
#pragma GCC unroll 4
	for (size_t i = 0; i < words; i++) {
		uint64_t w;
		memcpy(&w, src + WORD * i, sizeof w);
		memcpy(dst + WORD * i, &w, sizeof w);
		all += w;
		high += w >> 32;
	}
	return (all - (high << 32)) + high;
}

/* The last n bytes, fewer than a word; a byte that is missing counts as zero. */
static uint64_t sum_tail(const uint8_t *p, size_t n)
{
	uint64_t s = 0;
	if (n & 4) {
		uint32_t w;
		memcpy(&w, p, sizeof w);
		s = w;
		p += sizeof w;
	}
	if (n & 2) {
		uint16_t w;
		memcpy(&w, p, sizeof w);
		s += w;
		p += sizeof w;
	}
	if (n & 1) {
		uint16_t w = 0;
		memcpy(&w, p, 1);
		s += w;
	}
	return s;
}

static uint64_t sum_few(const uint8_t *p, size_t words)
{
	uint64_t s = 0;
	for (size_t i = 0; i < words; i++) {
		uint64_t w;
		memcpy(&w, p + WORD * i, sizeof w);
		s += (w & 0xffffffff) + (w >> 32);
	}
	return s;
}

uint32_t tun_csum_add(uint32_t sum, struct bytes b)
{
	size_t words = b.n / WORD, done = words * WORD;
	uint64_t s = b.n <= FEW ? sum_few(b.p, words) : sum_words(b.p, words);
	if (done < b.n)
		s += sum_tail(b.p + done, b.n - done);
	return plus(sum, to_host_order(s));
}

uint32_t tun_csum_copy(uint32_t sum, uint8_t *dst, const uint8_t *src, size_t n)
{
	size_t words = n / WORD, done = words * WORD;
	uint64_t s = copy_words(dst, src, words);
	if (done < n) {
		memcpy(dst + done, src + done, n - done);
		s += sum_tail(src + done, n - done);
	}
	return plus(sum, to_host_order(s));
}

uint16_t tun_csum_ip4(struct bytes header)
{
	uint64_t sum = 0;
	for (size_t i = 0; i + 4 <= header.n; i += 4)
		sum += be32_load(header.p + i);
	return tun_csum_fold((uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16));
}

uint16_t tun_csum_l4(
    const struct addr *src, const struct addr *dst, uint8_t proto, struct bytes segment)
{
	/* Both pseudo-headers are the addresses, the length and the protocol; how wide the last two
	 * are makes no difference to the sum. */
	uint8_t tail[8] = {0};
	be32_store(tail, (uint32_t)segment.n);
	tail[7] = proto;
	uint32_t sum = tun_csum_add(0, bytes_of(src->b, src->family == ADDR_V4 ? 4 : 16));
	sum = tun_csum_add(sum, bytes_of(dst->b, dst->family == ADDR_V4 ? 4 : 16));
	sum = tun_csum_add(sum, bytes_of(tail, sizeof tail));
	return tun_csum_fold(tun_csum_add(sum, segment));
}

uint16_t tun_csum_update16(uint16_t csum, uint16_t old, uint16_t new_)
{
	/* HC' = ~(~HC + ~m + m') */
	uint32_t sum = (uint16_t)~csum + (uint32_t)(uint16_t)~old + new_;
	return tun_csum_fold(sum);
}

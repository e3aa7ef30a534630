/*
 * Internet checksums: RFC 1071, the incremental update of RFC 1624, and the pseudo-headers of
 * RFC 793 section 3.1 and RFC 8200 section 8.1.
 */
#include "tun/tun.h"

static uint32_t fold32(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)sum;
}

uint32_t tun_csum_add(uint32_t sum, struct bytes b)
{
	/* Words of 32 bits add up to the same as words of 16, since 2^16 is 1 modulo 2^16 - 1. */
	uint64_t s = sum;
	size_t i = 0;
	for (; i + 4 <= b.n; i += 4)
		s += be32_load(b.p + i);
	if (i + 2 <= b.n) {
		s += be16_load(b.p + i);
		i += 2;
	}
	if (i < b.n)
		s += (uint32_t)b.p[i] << 8;
	return fold32(s);
}

uint16_t tun_csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t tun_csum_ip4(struct bytes header)
{
	return tun_csum_fold(tun_csum_add(0, header));
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

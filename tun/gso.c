/*
 * Cuts super-packets into segments as a network interface would: RFC 9293 section 3.1 for TCP, RFC
 * 768 for UDP, RFC 6864 for the IPv4 identification. Every segment gets its checksums in full: the
 * far end may have no offloads.
 */
#include "tun/offload.h"

#include <string.h>

enum {
	V4_MIN = 20,
	V4_LEN_AT = 2,
	V4_ID_AT = 4,
	V4_CSUM_AT = 10,
	V4_SRC_AT = 12,
	V6_MIN = 40,
	V6_LEN_AT = 4,
	V6_SRC_AT = 8,
	TCP_MIN = 20,
	TCP_SEQ_AT = 4,
	TCP_FLAGS_AT = 13,
	TCP_CSUM_AT = 16,
	TCP_FIN_PSH = 0x09,
	TCP_CWR = 0x80,
	UDP_LEN = 8,
	UDP_LEN_AT = 4,
	UDP_CSUM_AT = 6,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
};

/* Checksums of 0 mean "none" with UDP: RFC 768. */
static uint16_t finish(uint32_t sum, bool tcp)
{
	uint16_t c = tun_csum_fold(sum);
	return c == 0 && !tcp ? 0xffff : c;
}

static bool headers_fit(struct tun_split *s, const struct tun_gso *gso)
{
	s->v6 = s->p[0] >> 4 == 6;
	s->tcp = gso->kind != TUN_GSO_UDP;
	s->l4 = gso->csum_start;
	uint32_t ip_min = s->v6 ? V6_MIN : (uint32_t)(s->p[0] & 15) * 4;
	uint32_t l4_min = s->tcp ? TCP_MIN : UDP_LEN;

	if (gso->kind == TUN_GSO_NONE || gso->csum != TUN_CSUM_PARTIAL || gso->size == 0 ||
	    (s->p[0] >> 4 != 4 && !s->v6) || (gso->kind == TUN_GSO_TCP4 && s->v6) ||
	    (gso->kind == TUN_GSO_TCP6 && !s->v6) || ip_min < V4_MIN || s->l4 < ip_min ||
	    (!s->v6 && s->l4 != ip_min) || s->len < s->l4 + l4_min)
		return false;
	uint32_t l4_len = s->tcp ? (uint32_t)(s->p[s->l4 + 12] >> 4) * 4 : UDP_LEN;
	s->header = s->l4 + l4_len;
	return l4_len >= l4_min && s->header < s->len;
}

/* The sum of addresses, protocol and transport header, without what differs between segments. */
static uint32_t common_sum(const struct tun_split *s)
{
	const uint8_t *l4 = s->p + s->l4;
	uint32_t sum = s->v6 ? tun_csum_add(0, bytes_of(s->p + V6_SRC_AT, 32))
			     : tun_csum_add(0, bytes_of(s->p + V4_SRC_AT, 8));

	sum = tun_csum_fold(sum) ^ 0xffff; /* 16 bits: what follows cannot overflow */
	sum += s->tcp ? PROTO_TCP : PROTO_UDP;
	sum += (uint32_t)be16_load(l4) + be16_load(l4 + 2);
	if (!s->tcp)
		return sum;
	uint32_t rest = tun_csum_add(0, bytes_of(l4 + 18, s->header - s->l4 - 18));
	sum += tun_csum_fold(rest) ^ 0xffffu;
	return sum + be16_load(l4 + 8) + be16_load(l4 + 10) + be16_load(l4 + 14);
}

/* The sum of an IPv4 header without what differs between segments, 16 bits of it. */
static uint32_t header_sum(const struct tun_split *s)
{
	uint32_t sum = tun_csum_fold(tun_csum_add(0, bytes_of(s->p, s->l4))) ^ 0xffffu;
	/* To take a word out is to add its complement: RFC 1624 section 3. */
	sum += (uint16_t)~be16_load(s->p + V4_LEN_AT);
	sum += (uint16_t)~be16_load(s->p + V4_ID_AT);
	return sum + (uint16_t)~be16_load(s->p + V4_CSUM_AT);
}

bool tun_split_init(struct tun_split *s, const struct pkt *p, const struct tun_gso *gso)
{
	*s = (struct tun_split){.p = p->base + p->off, .len = p->len, .size = gso->size};
	if (p->len < V4_MIN || !headers_fit(s, gso))
		return false;
	s->at = s->header;
	s->sum = common_sum(s);
	if (!s->v6) {
		s->id = be16_load(s->p + V4_ID_AT);
		s->ip_sum = header_sum(s);
	}
	return true;
}

static void finish_ip(const struct tun_split *s, uint8_t *ip, uint32_t total)
{
	if (s->v6) {
		be16_store(ip + V6_LEN_AT, (uint16_t)(total - V6_MIN));
		return;
	}
	uint16_t id = (uint16_t)(s->id + s->done);
	be16_store(ip + V4_LEN_AT, (uint16_t)total);
	be16_store(ip + V4_ID_AT, id);
	be16_store(ip + V4_CSUM_AT, tun_csum_fold(s->ip_sum + total + id));
}

/* The flags of the whole belong to one end of it: FIN and PSH to the last segment, CWR to the first
 * (RFC 3168 section 6.1.2). */
static uint32_t finish_tcp(const struct tun_split *s, uint8_t *l4, bool last)
{
	/* Read where nothing was just written: that stalls where the sizes differ. */
	const uint8_t *whole = s->p + s->l4;
	uint32_t seq = be32_load(whole + TCP_SEQ_AT) + (s->at - s->header);
	uint8_t flags = whole[TCP_FLAGS_AT];

	if (!last)
		flags &= (uint8_t)~TCP_FIN_PSH;
	if (s->done)
		flags &= (uint8_t)~TCP_CWR;
	be32_store(l4 + TCP_SEQ_AT, seq);
	l4[TCP_FLAGS_AT] = flags;
	return (seq >> 16) + (seq & 0xffff) + ((uint32_t)whole[TCP_FLAGS_AT - 1] << 8 | flags);
}

uint32_t tun_split_next(struct tun_split *s, uint8_t *dst)
{
	uint32_t left = s->len - s->at, n = left < s->size ? left : s->size;
	uint32_t l4_len = s->header - s->l4 + n;
	uint8_t *l4 = dst + s->l4;

	memcpy(dst, s->p, s->header);
	finish_ip(s, dst, s->header + n);
	uint32_t sum = s->sum + l4_len;
	if (s->tcp) {
		sum += finish_tcp(s, l4, n == left);
	} else {
		be16_store(l4 + UDP_LEN_AT, (uint16_t)l4_len);
		sum += l4_len;
	}
	/* Headers are of even length; only the last piece may be odd. */
	uint64_t all = (uint64_t)sum + tun_csum_copy(0, dst + s->header, s->p + s->at, n);
	sum = (uint32_t)(all & 0xffffffff) + (uint32_t)(all >> 32);
	be16_store(l4 + (s->tcp ? TCP_CSUM_AT : UDP_CSUM_AT), finish(sum, s->tcp));
	s->at += n;
	s->done++;
	return s->header + n;
}

bool tun_csum_complete(struct pkt *p, const struct tun_gso *gso)
{
	uint8_t *ip = p->base + p->off;
	uint32_t start = gso->csum_start, at = start + gso->csum_offset;

	if (gso->csum != TUN_CSUM_PARTIAL)
		return true;
	if (start >= p->len || at + 2 > p->len)
		return false;
	/* The field takes part: it holds the pseudo-header's sum. */
	uint32_t sum = tun_csum_add(0, bytes_of(ip + start, p->len - start));
	be16_store(ip + at, finish(sum, gso->csum_offset != UDP_CSUM_AT));
	return true;
}

/*
 * TCP and UDP packets for tests, after RFC 791, RFC 8200, RFC 9293 section 3.1 and RFC 768.
 */
#include "test/unit/offload_pkt.h"

#include <string.h>

enum {
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_DSTOPTS = 60,
};

/* Byte by byte is slow where each is watched, and the tests that do most of it have one thread. */
__attribute__((no_sanitize("thread"))) uint16_t opkt_sum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

uint32_t opkt_l4(const struct opkt_shape *s)
{
	return (s->v6 ? 40u : 20u) + s->ext;
}

uint32_t opkt_header(const struct opkt_shape *s)
{
	return opkt_l4(s) + (s->tcp ? 20u + s->options : 8u);
}

static uint16_t pseudo(const uint8_t *ip, bool v6, bool tcp, uint32_t l4_len)
{
	uint32_t sum = v6 ? opkt_sum(0, ip + 8, 32) : opkt_sum(0, ip + 12, 8);
	sum += (l4_len >> 16) + (l4_len & 0xffff) + (tcp ? PROTO_TCP : PROTO_UDP);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void build_v4(uint8_t *p, const struct opkt_shape *s, uint32_t total)
{
	uint32_t ihl = opkt_l4(s);

	p[0] = (uint8_t)(0x40 | ihl / 4);
	p[1] = s->tos;
	be16_store(p + 2, (uint16_t)total);
	be16_store(p + 4, s->id);
	be16_store(p + 6, s->off);
	p[8] = s->ttl;
	p[9] = s->tcp ? PROTO_TCP : PROTO_UDP;
	be32_store(p + 12, 0x0a000000u | s->src);
	be32_store(p + 16, 0x0a000100u | s->dst);
	memset(p + 20, 1, s->ext); /* no operation */
	be16_store(p + 10, (uint16_t)~opkt_sum(0, p, ihl));
}

static void build_v6(uint8_t *p, const struct opkt_shape *s, uint32_t total)
{
	uint8_t proto = s->tcp ? PROTO_TCP : PROTO_UDP;

	be32_store(p, 6u << 28 | (uint32_t)s->tos << 20 | (s->label & 0xfffff));
	be16_store(p + 4, (uint16_t)(total - 40));
	p[6] = s->ext ? PROTO_DSTOPTS : proto;
	p[7] = s->ttl;
	be32_store(p + 8, 0x20010db8);
	p[23] = s->src;
	be32_store(p + 24, 0x20010db8);
	p[28] = 1;
	p[39] = s->dst;
	if (!s->ext)
		return;
	p[40] = proto;
	p[41] = (uint8_t)(s->ext / 8 - 1);
	p[42] = 1; /* PadN over all the rest */
	p[43] = (uint8_t)(s->ext - 4);
}

static void build_tcp(uint8_t *l4, const struct opkt_shape *s)
{
	be32_store(l4 + 4, s->seq);
	be32_store(l4 + 8, s->ack);
	l4[12] = (uint8_t)((20u + s->options) / 4 << 4);
	l4[13] = s->flags;
	be16_store(l4 + 14, s->window);
	be16_store(l4 + 18, s->urgent);
	memset(l4 + 20, 1, s->options);
	if (s->options < 12)
		return;
	l4[22] = 8; /* RFC 7323: kind, length */
	l4[23] = 10;
	be32_store(l4 + 24, s->timestamp);
	be32_store(l4 + 28, ~s->timestamp);
}

uint32_t opkt_build(uint8_t *dst, const struct opkt_shape *s, bool partial, struct rng *r)
{
	uint32_t at = opkt_l4(s), header = opkt_header(s), total = header + s->payload;
	uint8_t *l4 = dst + at;

	memset(dst, 0, header);
	for (uint32_t i = header; i < total; i++)
		dst[i] = (uint8_t)rng_u32(r);
	if (s->v6)
		build_v6(dst, s, total);
	else
		build_v4(dst, s, total);
	be16_store(l4, s->sport);
	be16_store(l4 + 2, s->dport);
	if (s->tcp)
		build_tcp(l4, s);
	else
		be16_store(l4 + 4, (uint16_t)(total - at));
	uint16_t sum = pseudo(dst, s->v6, s->tcp, total - at);
	if (!partial)
		sum = (uint16_t)~opkt_sum(sum, l4, total - at);
	if (!partial && !s->tcp && sum == 0)
		sum = 0xffff;
	be16_store(l4 + (s->tcp ? 16 : 6), sum);
	return total;
}

/* ---- Parsing ---- */

static bool parse_ip(struct opkt *o, const uint8_t *p, uint32_t len, uint8_t *proto)
{
	if (len >= 20 && p[0] >> 4 == 4) {
		o->l4 = (p[0] & 15u) * 4;
		if (o->l4 < 20 || o->l4 > len || be16_load(p + 2) != len)
			return false;
		o->tos = p[1];
		o->id = be16_load(p + 4);
		o->off = be16_load(p + 6);
		o->ttl = p[8];
		*proto = p[9];
		o->ip_good = opkt_sum(0, p, o->l4) == 0xffff;
		return true;
	}
	if (len < 40 || p[0] >> 4 != 6 || be16_load(p + 4) + 40u != len)
		return false;
	o->v6 = o->ip_good = true;
	o->tos = (uint8_t)(be32_load(p) >> 20);
	o->label = be32_load(p) & 0xfffff;
	o->ttl = p[7];
	o->l4 = 40;
	*proto = p[6];
	if (*proto == PROTO_DSTOPTS) {
		if (len < 48)
			return false;
		*proto = p[40];
		o->l4 += (p[41] + 1u) * 8;
	}
	return o->l4 <= len;
}

bool opkt_parse(struct opkt *o, const uint8_t *p, uint32_t len)
{
	uint8_t proto;

	memset(o, 0, sizeof *o);
	if (!parse_ip(o, p, len, &proto) || (proto != PROTO_TCP && proto != PROTO_UDP))
		return false;
	const uint8_t *l4 = p + o->l4;
	uint32_t n = len - o->l4;
	o->tcp = proto == PROTO_TCP;
	if (n < (o->tcp ? 20u : 8u))
		return false;
	uint32_t l4_header = o->tcp ? (l4[12] >> 4) * 4u : 8u;
	if (l4_header < (o->tcp ? 20u : 8u) || l4_header > n || (!o->tcp && be16_load(l4 + 4) != n))
		return false;
	o->sport = be16_load(l4);
	o->dport = be16_load(l4 + 2);
	o->header = o->l4 + l4_header;
	o->payload = len - o->header;
	o->csum = be16_load(l4 + (o->tcp ? 16 : 6));
	o->l4_good =
	    (o->tcp || o->csum != 0) && opkt_sum(pseudo(p, o->v6, o->tcp, n), l4, n) == 0xffff;
	if (!o->tcp)
		return true;
	o->seq = be32_load(l4 + 4);
	o->ack = be32_load(l4 + 8);
	o->flags = l4[13];
	o->window = be16_load(l4 + 14);
	return true;
}

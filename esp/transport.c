/*
 * Transport mode: RFC 4303 section 3.1.1; checksums behind a NAT: RFC 3948 section 3.1.2.
 *
 * The outer header is made by the socket that sends, so that nothing of a packet's own header
 * travels but its addresses: IPv4 options and the extension headers that stand in front of ESP end
 * here, and the receiver builds a new header from the addresses that were negotiated.
 */
#include "esp/transport.h"
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
	HOPS = 64,
	V4_DF = 0x4000,
	NH_HOP_BY_HOP = 0,
	NH_DCCP = 33,
	NH_ROUTING = 43,
	NH_FRAGMENT = 44,
	NH_UDPLITE = 136,
};

/* ---- Addresses ---- */

static bool is_ip(const struct addr *a)
{
	return a->family == ADDR_V4 || a->family == ADDR_V6;
}

bool esp_transport_valid(const struct esp_transport *t)
{
	return is_ip(&t->src) && t->dst.family == t->src.family &&
	       t->sent_src.family == t->src.family && t->sent_dst.family == t->src.family;
}

struct esp_transport_box *esp_transport_box_new(const struct esp_transport *t)
{
	struct esp_transport_box *b = calloc(1, sizeof *b);
	bool v4 = t->src.family == ADDR_V4;
	size_t n = v4 ? 4 : 16, at = v4 ? 12 : 8;

	if (!b) {
		return NULL;
	}
	b->header_len = v4 ? ESP_V4_LEN : ESP_V6_LEN;
	b->header[0] = v4 ? 0x45 : 0x60;
	b->header[v4 ? 8 : 7] = HOPS;
	if (v4) {
		/* Never fragmented, so the identification means nothing: RFC 6864 section 4.1. */
		be16_store(b->header + 6, V4_DF);
	}
	memcpy(b->header + at, t->src.b, n);
	memcpy(b->header + at + n, t->dst.b, n);
	b->repair =
	    memcmp(t->src.b, t->sent_src.b, n) != 0 || memcmp(t->dst.b, t->sent_dst.b, n) != 0;
	/* The update of RFC 1624 with a checksum of 0xffff is the sum of all differences alone. */
	uint16_t c = esp_csum_replace(UINT16_MAX, t->sent_src.b, t->src.b, n);
	b->difference = (uint16_t)~esp_csum_replace(c, t->sent_dst.b, t->dst.b, n);
	return b;
}

/* ---- Outbound ---- */

bool esp_transport_front(const uint8_t *ip, const struct esp_flow *f, uint32_t *len, uint8_t *next)
{
	if (f->fragment) {
		return false;
	}
	if (f->family == ADDR_V4) {
		*len = f->l4;
		*next = f->proto;
		return true;
	}
	/* esp_flow_read() has walked here before: every header is whole. */
	uint32_t at = ESP_V6_LEN;
	uint8_t nh = ip[6];
	while (nh == NH_HOP_BY_HOP || nh == NH_ROUTING || nh == NH_FRAGMENT) {
		if (nh == NH_ROUTING && ip[at + 3] != 0) {
			return false; /* segments are left: the address is not the last one */
		}
		uint32_t n = nh == NH_FRAGMENT ? 8 : ((uint32_t)ip[at + 1] + 1) * 8;
		nh = ip[at];
		at += n;
	}
	*len = at;
	*next = nh;
	return true;
}

/* ---- Inbound ---- */

bool esp_transport_header(
    const struct esp_transport_box *t, uint8_t *ip, uint32_t n, uint8_t next, uint8_t tos)
{
	bool v4 = t->header_len == ESP_V4_LEN;

	if (n > UINT16_MAX - (v4 ? ESP_V4_LEN : 0u)) {
		return false;
	}
	memcpy(ip, t->header, t->header_len);
	if (v4) {
		ip[1] = tos;
		be16_store(ip + 2, (uint16_t)(n + ESP_V4_LEN));
		ip[9] = next;
		be16_store(ip + 10, esp_csum(ip, ESP_V4_LEN));
	} else {
		esp_header_set_tos(ip, tos);
		be16_store(ip + 4, (uint16_t)n);
		ip[6] = next;
	}
	return true;
}

/* Where a protocol has its checksum, from its header on; 0: none that covers the addresses. */
static uint32_t csum_at(const struct esp_flow *f)
{
	switch (f->proto) {
	case TS_PROTO_TCP: return 16;
	case TS_PROTO_UDP:
	case NH_DCCP:
	case NH_UDPLITE: return 6;
	case TS_PROTO_ICMPV6: return f->family == ADDR_V6 ? 2 : 0;
	default: return 0;
	}
}

void esp_transport_repair(const struct esp_transport_box *t, uint8_t *ip, const struct esp_flow *f)
{
	uint32_t at = csum_at(f);

	if (!t->repair || at == 0 || f->l4 == 0 || f->fragment || f->l4 + at + 2 > f->total) {
		return;
	}
	uint8_t *field = ip + f->l4 + at;
	uint16_t csum = be16_load(field);
	bool udp = f->proto == TS_PROTO_UDP;
	if (udp && csum == 0) {
		return; /* none was computed */
	}
	csum = esp_csum_update(csum, UINT16_MAX, t->difference);
	be16_store(field, udp && csum == 0 ? UINT16_MAX : csum);
}

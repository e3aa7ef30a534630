/*
 * What selectors see of an inner packet (RFC 4301 section 4.4.1.1), and selectors compiled for the
 * packet path.
 */
#ifndef ESP_FLOW_H
#define ESP_FLOW_H

#include "base/bytes.h"
#include "base/ts.h"

#include <string.h>

/* An address as a number; IPv4 in the top 32 bits, so that prefix masks are the same for both. */
struct esp_num {
	uint64_t hi, lo;
};

struct esp_flow {
	struct esp_num src, dst;
	uint32_t total; /* bytes of the packet as its header says */
	uint32_t l4;    /* where the protocol's header begins; 0: in another fragment */
	uint8_t family; /* enum addr_family */
	uint8_t proto;
	bool has_ports;
	bool fragment;         /* a part of a packet, the first one too */
	uint16_t sport, dport; /* ICMP: type * 256 + code, in both */
};

/* Reads n bytes. False: not IP, or shorter than its headers say. */
bool esp_flow_read(struct esp_flow *f, const uint8_t *p, size_t n);

/* Does the packet of n bytes belong to the flow *f as well, which was read from `before`? Then its
 * `total` is set. True for plain headers only: options, extension headers and fragments are to be
 * read. */
static inline bool esp_flow_goes_on(
    struct esp_flow *f, const uint8_t *before, const uint8_t *p, size_t n)
{
	bool v6 = f->family == ADDR_V6;
	size_t l4 = v6 ? 40 : 20;

	if (f->l4 != l4 || !f->has_ports || f->fragment || n < l4 + 4 || p[0] != before[0]) {
		return false;
	}
	uint32_t total = v6 ? be16_load(p + 4) + 40u : be16_load(p + 2);
	if (total < l4 + 4 || total > n) {
		return false;
	}
	f->total = total;
	/* Next header, addresses, ports; of IPv4 the fragment field, protocol, addresses, ports. */
	return v6 ? p[6] == before[6] && memcmp(p + 8, before + 8, 36) == 0
		  : memcmp(p + 6, before + 6, 2) == 0 && p[9] == before[9] &&
			memcmp(p + 12, before + 12, 8) == 0 && memcmp(p + 20, before + 20, 4) == 0;
}

struct esp_sel {
	struct esp_num lo, hi;
	uint16_t port_lo, port_hi;
	uint8_t family, proto;
	bool any_port, opaque;
};

struct esp_num esp_num_of(const struct addr *a);
struct esp_sel esp_sel_of(const struct ts *t);

static inline bool esp_num_less(const struct esp_num *a, const struct esp_num *b)
{
	return a->hi != b->hi ? a->hi < b->hi : a->lo < b->lo;
}

/* As ts_match() of base/ts.h; `port` is the flow's on the side of `addr`. */
static inline bool esp_sel_match(
    const struct esp_sel *s, const struct esp_flow *f, const struct esp_num *addr, uint16_t port)
{
	if (s->family != f->family || esp_num_less(addr, &s->lo) || esp_num_less(&s->hi, addr) ||
	    (s->proto != 0 && s->proto != f->proto)) {
		return false;
	}
	if (s->any_port) {
		return true;
	}
	return f->has_ports ? port >= s->port_lo && port <= s->port_hi : s->opaque;
}

#endif

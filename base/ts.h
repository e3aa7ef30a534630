/*
 * Traffic selectors: RFC 7296 section 3.13.1.
 */
#ifndef BASE_TS_H
#define BASE_TS_H

#include "base/addr.h"

enum {
	TS_MAX = 32,   /* selectors a side that we hold or accept */
	TS_TEXT = 128, /* longest text of one selector */
	TS_PROTO_ICMP = 1,
	TS_PROTO_TCP = 6,
	TS_PROTO_UDP = 17,
	TS_PROTO_ICMPV6 = 58,
};

struct ts {
	struct addr lo, hi;        /* one family, lo <= hi */
	uint8_t proto;             /* 0: any */
	uint16_t port_lo, port_hi; /* 0..65535: any. OPAQUE is 65535..0. ICMP: type * 256 + code */
};

struct ts_list {
	size_t n;
	struct ts v[TS_MAX];
};

/* What a packet shows to a selector. For ICMP the "source port" is type * 256 + code. */
struct ts_flow {
	struct addr src, dst;
	uint8_t proto;
	bool has_ports; /* false: no ports in this protocol, or a fragment that is not the first */
	uint16_t sport, dport;
};

struct ts ts_any(enum addr_family family);
struct ts ts_host(const struct addr *a);
struct ts ts_prefix(const struct prefix *p);
bool ts_equal(const struct ts *a, const struct ts *b);
bool ts_is_opaque(const struct ts *t);
bool ts_covers(const struct ts *outer, const struct ts *inner);
/* False: nothing in common. */
bool ts_intersect(const struct ts *a, const struct ts *b, struct ts *out);

/* Does `addr` with `port` of protocol `proto` fall into t? Without ports only a selector for all
 * ports (or OPAQUE) takes it. */
bool ts_match(
    const struct ts *t, const struct addr *addr, uint8_t proto, bool has_port, uint16_t port);
bool ts_list_match(
    const struct ts_list *l, const struct addr *addr, uint8_t proto, bool has_port, uint16_t port);

/* The narrowing of RFC 7296 section 2.9: every non-empty intersection of offered with allowed,
 * duplicates and covered ones removed, in the order of `allowed`; at most TS_MAX. Returns false if
 * nothing is left. */
bool ts_list_narrow(
    const struct ts_list *offered, const struct ts_list *allowed, struct ts_list *out);
/* The same selectors in any order. */
bool ts_list_equal(const struct ts_list *a, const struct ts_list *b);
bool ts_list_add(struct ts_list *l, const struct ts *t); /* false when full */

/* "10.1.0.0/16", "10.0.0.1-10.0.0.9", "10.2.0.0/16[tcp/443]", "[udp/1024-2048]", "[icmp/8]",
 * "[tcp]",
 * "[tcp/opaque]": swanctl.conf's form of local_ts. */
bool ts_parse(struct ts *out, const char *text);
const char *ts_text(const struct ts *t, char dst[TS_TEXT]);
/* "a, b, c", cut with "…" when it does not fit. */
const char *ts_list_text(const struct ts_list *l, char *dst, size_t cap);

#endif

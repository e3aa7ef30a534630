/*
 * "Too big" to the sender of an inner packet: ICMPv4 type 3 code 4 (RFC 792, with the next-hop MTU
 * of RFC 1191 section 4), ICMPv6 type 2 (RFC 4443 section 3.2). Who must not be answered: RFC 1122
 * section 3.2.2, RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e).
 */
#include "tun/icmp.h"

#include <string.h>

#include "tun/tun.h"

enum {
	IP4_HEADER = 20,
	IP6_HEADER = 40,
	ICMP_HEADER = 8, /* of both families */

	IP4_LEAST_MTU = 68, /* RFC 791 section 3.2 */
	IP6_LEAST_MTU = 1280,

	ICMP4_UNREACHABLE = 3,
	ICMP4_FRAGMENTATION_NEEDED = 4, /* code */
	ICMP6_TOO_BIG = 2,
	ICMP6_REDIRECT = 137,
	ICMP6_FIRST_QUERY = 128, /* types below are errors */

	PROTO_ICMP = 1,
	PROTO_ICMP6 = 58,

	/* Extension headers that may stand before ICMPv6. */
	EXT_HOP_BY_HOP = 0,
	EXT_ROUTING = 43,
	EXT_FRAGMENT = 44,
	EXT_AUTHENTICATION = 51,
	EXT_DESTINATION = 60,
	EXT_MAX = 16, /* more than that is no honest packet */

	TTL = 64,
	/* Internetwork control: RFC 1812 section 4.3.2.5. */
	CONTROL_TOS = 0xc0,
	DONT_FRAGMENT = 0x4000,
	OFFSET_MASK = 0x1fff,
	MILLI = 1000, /* of a token */
};

/* What is quoted and to whom it goes. */
struct culprit {
	struct bytes packet; /* cut to the length that its header gives */
	struct addr src, dst;
};

/* ---- Whom not to answer ---- */

static bool is_single_host(const struct addr *a)
{
	static const uint8_t zero[16];
	struct bytes b = addr_bytes(a);

	if (addr_is_multicast(a) || addr_is_loopback(a))
		return false;
	if (a->family == ADDR_V4)
		return b.p[0] != 0 && b.p[0] < 240; /* this network; class E with the broadcast */
	return memcmp(b.p, zero, sizeof zero) != 0;
}

static bool is_icmp4_error(uint8_t type)
{
	/* Unreachable, source quench, redirect, time exceeded, parameter problem. */
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* IPv4: takes the packet apart. False: no answer. */
static bool blame4(struct culprit *c, struct bytes p)
{
	if (p.n < IP4_HEADER)
		return false;
	size_t header = (size_t)(p.p[0] & 15) * 4, total = be16_load(p.p + 2);
	if (header < IP4_HEADER || header > p.n || total < header)
		return false;
	c->packet = bytes_of(p.p, total < p.n ? total : p.n);
	c->src = addr_from_bytes(bytes_of(p.p + 12, 4));
	c->dst = addr_from_bytes(bytes_of(p.p + 16, 4));
	if (!is_single_host(&c->src) || !is_single_host(&c->dst))
		return false;
	if (be16_load(p.p + 6) & OFFSET_MASK)
		return false;
	if (p.p[9] != PROTO_ICMP)
		return true;
	return c->packet.n > header && !is_icmp4_error(p.p[header]);
}

/* Is what follows the IPv6 header something to answer? A chain that is cut, or that goes on without
 * end, might hide an error. */
static bool chain_answerable(struct bytes p)
{
	uint8_t next = p.p[6];
	size_t at = IP6_HEADER;

	for (int i = 0; i < EXT_MAX; i++) {
		if (next == PROTO_ICMP6)
			return at < p.n && p.p[at] >= ICMP6_FIRST_QUERY &&
			       p.p[at] != ICMP6_REDIRECT;
		bool skip = next == EXT_HOP_BY_HOP || next == EXT_ROUTING || next == EXT_FRAGMENT ||
			    next == EXT_AUTHENTICATION || next == EXT_DESTINATION;
		if (!skip)
			return true;
		if (p.n - at < 8)
			return false;
		const uint8_t *e = p.p + at;
		size_t n = ((size_t)e[1] + 1) * 8;
		if (next == EXT_FRAGMENT) {
			if (be16_load(e + 2) >> 3)
				return false;
			n = 8;
		} else if (next == EXT_AUTHENTICATION) {
			n = ((size_t)e[1] + 2) * 4;
		}
		if (n > p.n - at)
			return false;
		next = e[0];
		at += n;
	}
	return false;
}

static bool blame6(struct culprit *c, struct bytes p)
{
	if (p.n < IP6_HEADER)
		return false;
	size_t total = (size_t)be16_load(p.p + 4) + IP6_HEADER;
	c->packet = bytes_of(p.p, total < p.n ? total : p.n);
	c->src = addr_from_bytes(bytes_of(p.p + 8, 16));
	c->dst = addr_from_bytes(bytes_of(p.p + 24, 16));
	return is_single_host(&c->src) && chain_answerable(c->packet);
}

/* ---- Building ---- */

static size_t quote(const struct culprit *c, size_t headers, size_t most)
{
	return c->packet.n < most - headers ? c->packet.n : most - headers;
}

static size_t build4(uint8_t *dst, const struct culprit *c, uint32_t mtu, const struct addr *from)
{
	size_t quoted = quote(c, IP4_HEADER + ICMP_HEADER, TUN_ICMP4_MAX);
	size_t n = IP4_HEADER + ICMP_HEADER + quoted;
	uint8_t *icmp = dst + IP4_HEADER;

	memset(dst, 0, IP4_HEADER + ICMP_HEADER);
	dst[0] = 0x45;
	dst[1] = CONTROL_TOS;
	be16_store(dst + 2, (uint16_t)n);
	/* With DF an identification of 0 is as good as any: RFC 6864 section 4.1. */
	be16_store(dst + 6, DONT_FRAGMENT);
	dst[8] = TTL;
	dst[9] = PROTO_ICMP;
	memcpy(dst + 12, from->b, 4);
	memcpy(dst + 16, c->src.b, 4);
	be16_store(dst + 10, tun_csum_ip4(bytes_of(dst, IP4_HEADER)));

	icmp[0] = ICMP4_UNREACHABLE;
	icmp[1] = ICMP4_FRAGMENTATION_NEEDED;
	be16_store(icmp + 6, (uint16_t)mtu);
	memcpy(icmp + ICMP_HEADER, c->packet.p, quoted);
	be16_store(icmp + 2, tun_csum_fold(tun_csum_add(0, bytes_of(icmp, ICMP_HEADER + quoted))));
	return n;
}

static size_t build6(uint8_t *dst, const struct culprit *c, uint32_t mtu, const struct addr *from)
{
	size_t quoted = quote(c, IP6_HEADER + ICMP_HEADER, TUN_ICMP6_MAX);
	uint8_t *icmp = dst + IP6_HEADER;

	memset(dst, 0, IP6_HEADER + ICMP_HEADER);
	be32_store(dst, 6u << 28 | (uint32_t)CONTROL_TOS << 20);
	be16_store(dst + 4, (uint16_t)(ICMP_HEADER + quoted));
	dst[6] = PROTO_ICMP6;
	dst[7] = TTL;
	memcpy(dst + 8, from->b, 16);
	memcpy(dst + 24, c->src.b, 16);

	icmp[0] = ICMP6_TOO_BIG;
	be32_store(icmp + 4, mtu);
	memcpy(icmp + ICMP_HEADER, c->packet.p, quoted);
	be16_store(icmp + 2,
	    tun_csum_l4(from, &c->src, PROTO_ICMP6, bytes_of(icmp, ICMP_HEADER + quoted)));
	return IP6_HEADER + ICMP_HEADER + quoted;
}

size_t tun_icmp_too_big(
    uint8_t *dst, size_t cap, struct bytes packet, uint32_t mtu, const struct addr *from)
{
	struct culprit c;
	unsigned version = packet.n ? packet.p[0] >> 4 : 0;

	if (version != 4 && version != 6)
		return 0;
	if (!(version == 4 ? blame4(&c, packet) : blame6(&c, packet)))
		return 0;
	uint32_t least = version == 4 ? IP4_LEAST_MTU : IP6_LEAST_MTU;
	mtu = mtu < least ? least : mtu;
	if (c.packet.n <= mtu)
		return 0;
	if (!from || from->family != c.src.family)
		from = &c.dst;
	/* IPv6 alone gets this far with a multicast destination (RFC 4443 section 2.4 (e.3)), which
	 * must not be a source. */
	if (addr_is_multicast(from))
		return 0;
	size_t headers = (version == 4 ? IP4_HEADER : IP6_HEADER) + ICMP_HEADER;
	if (cap < headers + quote(&c, headers, version == 4 ? TUN_ICMP4_MAX : TUN_ICMP6_MAX))
		return 0;
	return version == 4 ? build4(dst, &c, mtu, from) : build6(dst, &c, mtu, from);
}

/* ---- The limit ---- */

void tun_icmp_limit_init(struct tun_icmp_limit *l, uint32_t per_second, uint32_t burst)
{
	*l = (struct tun_icmp_limit){
	    .per_second = per_second,
	    .burst = burst,
	    .credit = (uint64_t)burst * MILLI,
	};
}

bool tun_icmp_allow(struct tun_icmp_limit *l, uint64_t now_ms)
{
	uint64_t full = (uint64_t)l->burst * MILLI;

	if (now_ms > l->at_ms) {
		/* `per_second` tokens a second are as many thousandths a millisecond. */
		uint64_t passed = now_ms - l->at_ms;
		uint64_t room = full - l->credit;
		if (l->per_second && passed >= room / l->per_second + 1)
			l->credit = full;
		else
			l->credit += passed * l->per_second;
		if (l->credit > full)
			l->credit = full;
		l->at_ms = now_ms;
	}
	if (l->credit < MILLI)
		return false;
	l->credit -= MILLI;
	return true;
}

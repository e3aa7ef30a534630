/*
 * ICMP errors to the senders of inner packets: "this does not fit, send less".
 */
#ifndef TUN_ICMP_H
#define TUN_ICMP_H

#include "base/addr.h"

enum {
	TUN_ICMP4_MAX = 576,  /* bytes of an ICMPv4 error at most: RFC 1812 section 4.3.2.3 */
	TUN_ICMP6_MAX = 1280, /* of an ICMPv6 error: RFC 4443 section 2.4 (c) */
	TUN_ICMP_CAP = TUN_ICMP6_MAX, /* room that suffices for all of them */
};

/* Builds the IP packet that tells the sender of `packet` (an inner IP packet, whole or at least its
 * front) that what it sends to this destination must not be longer than `mtu` bytes: ICMPv4
 * "fragmentation needed", or ICMPv6 "packet too big". An mtu below what every link of the family
 * carries (68, 1280) is raised to that, since hosts discard less.
 *
 * `from` is the error's source. NULL, ADDR_NONE or the other family: the destination of `packet`. A
 * router would give an address of its own; but this host drops what comes in by a device under one
 * of its own addresses, whereas the destination is routed through the tunnel, so that a reverse
 * path filter finds it where it belongs.
 *
 * Whether IPv4 set DF is the caller's question. Returns the bytes written to dst; 0, and nothing
 * written, where there must be no answer (RFC 1122 section 3.2.2, RFC 4443 section 2.4): the packet
 * is malformed, fits in `mtu`, is an ICMP error or redirect itself, a fragment but the first, is
 * from or to what is no single host; or where `cap` is too small. */
size_t tun_icmp_too_big(
    uint8_t *dst, size_t cap, struct bytes packet, uint32_t mtu, const struct addr *from);

/* How many errors may leave: a token bucket (RFC 4443 section 2.4 (f)). One thread's. */
struct tun_icmp_limit {
	uint32_t per_second, burst;
	uint64_t at_ms;  /* when `credit` was right */
	uint64_t credit; /* thousandths of an error */
};

/* At most `burst` at once, `per_second` in the long run. Starts full. */
void tun_icmp_limit_init(struct tun_icmp_limit *l, uint32_t per_second, uint32_t burst);
/* May one leave now? Counts it if so. A coarse, monotonic clock will do; one that steps back gives
 * nothing. */
bool tun_icmp_allow(struct tun_icmp_limit *l, uint64_t now_ms);

#endif

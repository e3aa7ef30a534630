/*
 * Fragmenting of IPv4 packets.
 */
#ifndef TUN_CUT_H
#define TUN_CUT_H

#include "base/bytes.h"

enum {
	TUN_CUT_LEAST = 68, /* bytes that every link carries: the largest header and 8 bytes more */
	TUN_CUT_HEADER = 60,
};

/* A packet on its way into fragments. */
struct tun_cut {
	const uint8_t *ip;    /* borrowed */
	uint32_t header, len; /* bytes: of its header, of all */
	uint32_t most;        /* of a fragment */
	uint32_t at;          /* bytes of the payload that are done */
	uint32_t rest_header; /* bytes: of the header of all fragments but the first */
	uint8_t rest[TUN_CUT_HEADER];
};

/* Fragments of the IPv4 packet at ip.p have at most `most` bytes each. False: no whole IPv4 packet
 * with a payload, one that must not be fragmented, one that would end beyond 65535 bytes when put
 * together, or most less than TUN_CUT_LEAST. A packet that is a fragment itself, and one that fits,
 * are fine. */
bool tun_cut_init(struct tun_cut *c, struct bytes ip, uint32_t most);

/* Writes the next fragment: most bytes of room at dst, which does not overlap the packet. Returns
 * its length; 0: that was all. */
uint32_t tun_cut_next(struct tun_cut *c, uint8_t *dst);

#endif

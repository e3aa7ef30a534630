/*
 * One packet in a buffer of the caller's: what TUN readers, ESP and the UDP driver hand to each
 * other. A step moves `off` and `len`; nobody copies.
 */
#ifndef BASE_PKT_H
#define BASE_PKT_H

#include <stdint.h>

enum {
	PKT_HEADROOM = 64, /* a reader leaves this in front: ESP header, IV, markers, vnet header */
	PKT_TAILROOM = 320, /* and this much behind: padding, trailer, ICV */
};

enum pkt_flag {
	PKT_DF = 1 << 0,        /* out of encap: the outer packet must not be fragmented */
	PKT_SAME_FLOW = 1 << 1, /* into encap: addresses, protocol and ports of the packet before */
	PKT_TIGHT = 1 << 2,     /* into encap: its room was guessed; too little of it is no loss, it
				   comes again with more */
};

struct pkt {
	uint8_t *base;     /* borrowed */
	uint32_t cap;      /* bytes at base */
	uint32_t off, len; /* the packet is base[off .. off + len) */
	uint32_t slot;     /* set by ESP: the SA that took it */
	uint16_t verdict;  /* set by ESP: enum esp_verdict */
	uint8_t tos;       /* outer DSCP and ECN: out of encap, into decap */
	uint8_t flags;     /* enum pkt_flag */
};

#endif

/*
 * For the tests of cutting and joining: TCP and UDP packets of every shape, and a parser of its own
 * that knows nothing of the code under test.
 */
#ifndef TEST_UNIT_OFFLOAD_PKT_H
#define TEST_UNIT_OFFLOAD_PKT_H

#include "base/bytes.h"
#include "test/unit/rng.h"

enum {
	OPKT_FIN = 0x01,
	OPKT_SYN = 0x02,
	OPKT_PSH = 0x08,
	OPKT_ACK = 0x10,
	OPKT_URG = 0x20,
	OPKT_ECE = 0x40,
	OPKT_CWR = 0x80,
	OPKT_DF = 0x4000,
	OPKT_MF = 0x2000,
	OPKT_MAX = 65536 + 256, /* bytes that a shape needs at most */
};

struct opkt_shape {
	bool v6, tcp;
	uint8_t src, dst; /* last bytes of the addresses */
	uint16_t sport, dport;
	uint8_t tos, ttl;
	uint32_t label;   /* IPv6: flow label, 20 bits */
	uint16_t id, off; /* IPv4: identification; flags and fragment offset */
	uint8_t ext;      /* bytes of IPv4 options (of 4) or IPv6 destination options (of 8) */
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window, urgent;
	uint8_t options; /* bytes of TCP options, a multiple of 4: a timestamp first, if there is
			    room */
	uint32_t timestamp;
	uint32_t payload; /* bytes */
};

/* Writes the packet, its payload from `r`. The transport checksum is in full, or with `partial` the
 * sum of the pseudo-header. Returns its bytes. */
uint32_t opkt_build(uint8_t *dst, const struct opkt_shape *s, bool partial, struct rng *r);
/* Bytes of IP header, and of IP and transport header. */
uint32_t opkt_l4(const struct opkt_shape *s);
uint32_t opkt_header(const struct opkt_shape *s);

/* A packet taken apart. */
struct opkt {
	bool v6, tcp;
	uint8_t tos, ttl;
	uint32_t label;
	uint16_t id, off;
	uint16_t sport, dport;
	uint32_t l4, header, payload; /* bytes */
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	uint16_t csum;         /* as it stands */
	bool ip_good, l4_good; /* checksums; no UDP checksum over IPv4 is none that is good */
};
/* False: no whole TCP or UDP packet, its lengths in agreement. */
bool opkt_parse(struct opkt *o, const uint8_t *p, uint32_t len);

/* RFC 1071, byte by byte. */
uint16_t opkt_sum(uint32_t sum, const uint8_t *p, size_t n);

#endif

/*
 * Super-packets: one IP packet that stands for many segments of one TCP or UDP flow. The device
 * hands them over and takes them; on the wire go their segments.
 */
#ifndef TUN_OFFLOAD_H
#define TUN_OFFLOAD_H

#include "tun/tun.h"

/* ---- Cutting (RFC 9293 section 3.1, RFC 768) ---- */

/* A super-packet being cut. All fields are private to gso.c. */
struct tun_split {
	const uint8_t *p; /* borrowed: the super-packet */
	uint32_t len;
	uint32_t at; /* of the payload that comes next */
	uint32_t size, l4, header;
	uint32_t sum;    /* of what is the same in the checksums of all segments */
	uint32_t ip_sum; /* the same of the IPv4 header */
	uint16_t id;     /* IPv4: of the first segment */
	uint16_t done;
	bool v6, tcp;
};

/* The packet must stay until the last segment was taken. False: not what `gso` says it is; drop it.
 */
bool tun_split_init(struct tun_split *s, const struct pkt *p, const struct tun_gso *gso);
static inline bool tun_split_more(const struct tun_split *s)
{
	return s->at < s->len;
}
/* Bytes of the next segment; 0: there is none. */
static inline uint32_t tun_split_size(const struct tun_split *s)
{
	uint32_t left = s->len - s->at;
	return left == 0 ? 0 : s->header + (left < s->size ? left : s->size);
}
/* Writes the next segment, whole and with its checksums, to dst. Returns its bytes,
 * tun_split_size() as it was. */
uint32_t tun_split_next(struct tun_split *s, uint8_t *dst);

/* Completes the transport checksum of a packet that is no super-packet. False: malformed. */
bool tun_csum_complete(struct pkt *p, const struct tun_gso *gso);

/* ---- Joining ---- */

enum {
	TUN_GRO_FLOWS = 8,     /* that are joined at a time */
	TUN_GRO_SEGMENTS = 64, /* that one super-packet takes */
};

struct tun_gro_flow {
	uint8_t *first; /* the first packet; NULL: free */
	uint32_t header, l4;
	uint32_t len;      /* of the packet as joined */
	uint32_t size;     /* bytes of payload in the first */
	uint32_t next_seq; /* TCP */
	uint16_t next_id;  /* IPv4 without DF */
	uint16_t ip_sum;   /* IPv4: of what differs between the headers */
	uint16_t n;        /* packets */
	bool tcp, v6, closed;
	struct iovec parts[TUN_GRO_SEGMENTS];
};

/* What waits to be written by one thread to one queue. */
struct tun_gro {
	struct tun *tun; /* borrowed */
	unsigned queue;
	unsigned turn;          /* the flow that makes room next */
	unsigned last;          /* the flow that had the last packet */
	bool gone;              /* the device is */
	uint64_t written, lost; /* packets, as they were added */
	struct tun_gro_flow flows[TUN_GRO_FLOWS];
};

void tun_gro_init(struct tun_gro *g, struct tun *tun, unsigned queue);
/* Takes an IP packet: its bytes must stay until tun_gro_flush, and its headers may be changed. A
 * flow keeps its order. */
void tun_gro_add(struct tun_gro *g, uint8_t *ip, uint32_t len);
/* Writes all that waits. */
void tun_gro_flush(struct tun_gro *g);

#endif

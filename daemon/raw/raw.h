/*
 * Plain ESP, IP protocol 50, by raw sockets: for peers with no NAT between (RFC 4303 section 2,
 * without RFC 3948). It speaks in the messages of the UDP driver; ports are 0 here.
 *
 * A struct raw_sock serves both families. Each worker has its own: the kernel gives every raw
 * socket a copy of every packet, and a filter in the kernel leaves each worker its share.
 */
#ifndef DAEMON_RAW_RAW_H
#define DAEMON_RAW_RAW_H

#include "daemon/udp/errors.h"
#include "daemon/udp/udp.h"

struct raw_sock;

struct raw_params {
	unsigned families; /* enum udp_families */
	uint32_t buffer;   /* bytes of socket buffer each way; 0: a default fit for a tunnel */
	/* This socket gets those packets whose SPI, masked by `steer_mask`, leaves `index` when
	 * divided by `count`. count 0 or 1: all of them. steer_mask 0: all bits. */
	unsigned index, count;
	uint32_t steer_mask;
};

/* Opens the sockets; nothing is received before raw_want. While they are open the host does not
 * answer ESP with "protocol unreachable", whether wanted or not. 0 with `why` empty, or holding a
 * notice when one family of two is not available on this host; else a negative errno, and `why` is
 * a sentence with the mend. */
int raw_open(struct raw_sock **out, const struct raw_params *p, char why[UDP_WHY]);
void raw_close(struct raw_sock *s);              /* NULL is fine */
int raw_fd(const struct raw_sock *s);            /* poll it for reading, level triggered */
unsigned raw_families(const struct raw_sock *s); /* which of enum udp_families are there */

/* Does any SA receive plain ESP? While none does, the kernel drops it all before it costs anything.
 * Any thread. 0 or a negative errno: then it is as it was, for one family at least. */
int raw_want(struct raw_sock *s, bool wanted);

/* As udp_recv_batch: up to n packets, each from its SPI on, with addresses, interface and TOS.
 * pkt.off is PKT_HEADROOM, or up to 40 more behind IPv4 options; the last 20 bytes of PKT_HEADROOM
 * are written to as well. Length 0: did not fit, was no IP packet, or not this socket's; counted.
 * The thread of the socket. */
int raw_recv_batch(struct raw_sock *s, struct udp_msg *msgs, size_t n);

/* As udp_send_batch: each packet from its SPI on; pkt.flags PKT_DF, tos, local.addr and ifindex
 * count, ports and `marker` do not. The thread of the socket. */
size_t raw_send_batch(struct raw_sock *s, const struct udp_msg *msgs, size_t n, int *error);

/* The next thing that receiving or sending has shown about the size of paths. To be called after
 * each of both until it says false; what is not fetched is overwritten by what is newer. The thread
 * of the socket. */
bool raw_next_too_big(struct raw_sock *s, struct udp_too_big *out);

struct raw_counters {
	uint64_t truncated;   /* received and larger than the buffer given */
	uint64_t malformed;   /* received without an IP header that holds, or with another's SPI */
	uint64_t icmp_errors; /* asynchronous errors passed over on receiving */
};
void raw_counters(const struct raw_sock *s, struct raw_counters *out); /* any thread */

#endif

/*
 * The UDP driver: datagrams in batches, with the local address, the interface and the TOS byte of
 * each.
 *
 * A struct udp_sock is one port in both families. Its single poll descriptor is readable when any
 * of the sockets behind it is. One thread receives; any thread may send.
 */
#ifndef DAEMON_UDP_UDP_H
#define DAEMON_UDP_UDP_H

#include "base/addr.h"
#include "base/pkt.h"

struct udp_sock;

enum {
	UDP_WHY = 256,                    /* bytes of a sentence */
	UDP_BATCH = 64,                   /* datagrams that one system call takes at most */
	UDP_TRAIN_BYTES = 65535 - 60 - 8, /* of a train: IPv4 with options, or IPv6, takes it */
};

enum udp_families {
	UDP_V4 = 1 << 0,
	UDP_V6 = 1 << 1,
	UDP_BOTH = UDP_V4 | UDP_V6,
};

struct udp_params {
	unsigned families; /* enum udp_families */
	uint16_t port;     /* 0: the kernel chooses one, the same for both families */
	uint32_t buffer;   /* bytes of socket buffer each way; 0: a default fit for a tunnel */
	/* Trains of datagrams both ways (UDP_SEGMENT, UDP_GRO), where the kernel has them: the
	 * receiver looks at udp_msg.segment. */
	bool trains;
	/* One of `count` + 1 sockets on the port, opened in the order of their indices: ESP whose
	 * SPI, masked by `steer_mask`, leaves `index` when divided by `count` comes to socket
	 * `index`, what has the non-ESP marker to the last one, all else to the first. count 0:
	 * alone on the port. */
	unsigned index, count;
	uint32_t steer_mask;
};

/* One datagram. The packet is borrowed; its `tos` is the outer TOS byte or traffic class both ways.
 */
struct udp_msg {
	struct pkt *pkt;
	/* Received: the address it was sent to and this socket's port. Sending: the source address,
	 * ADDR_NONE lets the kernel choose; the port is always the socket's. */
	struct endpoint local;
	struct endpoint remote;
	/* Received: where it came in; from this very host: the interface of the address it was for,
	 * or loopback (1), which pins nothing. Sending: leaves by this interface, whatever routes
	 * say of others; 0: the kernel chooses. */
	unsigned ifindex;
	/* Sending: messages of one batch with the same value, not 0, have the same addresses and
	 * interface. */
	uint32_t way;
	bool marker; /* sending: put the non-ESP marker in front (RFC 3948 section 2.2) */
	/* Received: 0, or the packet is a train of datagrams of this many bytes each, of which the
	 * last may be shorter. */
	uint16_t segment;
};

/* Binds the port on all addresses, exclusively. 0 with `why` empty, or holding a notice when one
 * family of two is not available on this host; else a negative errno, and `why` is a sentence with
 * the mend ("UDP port 500 is in use by charon (pid 1234): stop it, or set local_port"). */
int udp_open(struct udp_sock **out, const struct udp_params *p, char why[UDP_WHY]);
void udp_close(struct udp_sock *s);   /* NULL is fine */
int udp_fd(const struct udp_sock *s); /* poll it for reading, level triggered */
/* The same as one or two descriptors, by which a sleeper wakes a little sooner. To be asked before
 * each poll. Returns how many. */
size_t udp_fds(const struct udp_sock *s, int fds[2]);
uint16_t udp_port(const struct udp_sock *s);
unsigned udp_families(const struct udp_sock *s); /* which of enum udp_families are there */

/* Receives up to n datagrams without blocking. Each msgs[i].pkt is given with base and cap (more
 * than PKT_HEADROOM); the datagram is put behind PKT_HEADROOM. Returns how many, the first ones of
 * msgs; 0: nothing there now; a negative errno when the socket is unusable. A datagram that does
 * not fit its buffer is counted and has length 0. ICMP errors that the kernel reports are counted
 * and passed over. */
int udp_recv_batch(struct udp_sock *s, struct udp_msg *msgs, size_t n);

/* Sends n datagrams without blocking, from any thread; those that follow each other on one way and
 * are of one size leave as a train. pkt.flags PKT_DF: not to be fragmented. One that the kernel
 * refuses (no route, too big, filtered) is passed over; a full socket buffer ends the batch.
 * Returns how many went; the rest are lost. `error`, unless NULL, gets 0 or the last refusal as a
 * negative errno. */
size_t udp_send_batch(struct udp_sock *s, const struct udp_msg *msgs, size_t n, int *error);

struct udp_counters {
	uint64_t truncated;   /* received and larger than the buffer given */
	uint64_t icmp_errors; /* asynchronous errors passed over on receiving */
	uint64_t trains_cut;  /* trains that the kernel refused, sent one by one */
};
void udp_counters(const struct udp_sock *s, struct udp_counters *out); /* any thread */

/* What a datagram on a port that carries IKE and ESP is (RFC 3948 section 2). */
enum udp_class {
	UDP_ESP,
	UDP_IKE,       /* the four zero bytes of the marker are stripped */
	UDP_KEEPALIVE, /* one byte 0xFF */
	UDP_RUNT,      /* too short to be any of them */
};
enum udp_class udp_classify(struct pkt *p);

#endif

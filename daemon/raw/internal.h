/*
 * What the files of the raw driver share.
 */
#ifndef DAEMON_RAW_INTERNAL_H
#define DAEMON_RAW_INTERNAL_H

#include <stdatomic.h>

#include "daemon/raw/raw.h"

enum {
	RAW_PROTO = 50,
	RAW_PINS = 32,
	RAW_NEWS = 16,
	RAW_IP4_HEADER = 20,
};

/* One socket. Those with an interface only send: IPv6 needs them where IPv4 has IP_PKTINFO (see
 * daemon/udp/internal.h). What they would receive, the socket without an interface receives too. */
struct raw_leg {
	int fd; /* -1: not there */
	unsigned ifindex;
	bool v6;
	bool df; /* as the socket's option stands */
};

struct raw_sock {
	int epoll; /* all the sockets below; those with an interface for their errors alone */
	struct raw_params params;
	struct raw_leg v4, v6;
	struct raw_leg pins[RAW_PINS];
	size_t n_pins;
	/* The socket that had something last, and how often it was asked in a row. */
	struct raw_leg *hot;
	unsigned hot_for;
	struct udp_too_big news[RAW_NEWS]; /* a ring */
	unsigned news_at, news_n;
	atomic_uint_fast64_t truncated, malformed,
	    icmp_errors; /* written by the socket's thread, read by any */
};

/* The socket by which a packet leaves; NULL: none for its family. `pinned`: as for
 * udp_msg_control. */
struct raw_leg *raw_leg_for(struct raw_sock *s, const struct udp_msg *m, bool *pinned);

/* Takes the IPv4 header off a packet: source, destination and TOS go to the message. False: it is
 * none that holds. */
bool raw_strip_ip4(struct udp_msg *m);

/* Is the packet, from its SPI on, this socket's? */
bool raw_is_mine(const struct raw_params *p, const struct pkt *pkt);

/* Reads the error queue of one socket into s->news. */
void raw_read_errors(struct raw_sock *s, const struct raw_leg *leg);

#endif

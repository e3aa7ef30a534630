/*
 * What the files of the UDP driver share.
 */
#ifndef DAEMON_UDP_INTERNAL_H
#define DAEMON_UDP_INTERNAL_H

#include "daemon/udp/udp.h"

#include <pthread.h>
#include <stdatomic.h>

enum { UDP_PINS = 32 };

/*
 * An IPv6 socket bound to one interface. IPv4 needs none: there the interface in IP_PKTINFO
 * restricts the route lookup. For IPv6 it is a hint only once a source address is given, and a
 * route of a longer prefix through another interface (the tunnel's own) would win.
 */
struct udp_leg {
	int fd; /* -1: not there */
	unsigned ifindex;
	bool v6;
	/* As the socket's option stands. Written by every sender: a change of two at once costs one
	 * datagram its DF bit, or another one gets it. */
	atomic_bool df;
};

struct udp_sock {
	int epoll; /* all the sockets below */
	struct udp_leg v4, v6;
	struct udp_params params;
	uint16_t port;
	bool send_trains, receive_trains;
	pthread_mutex_t lock; /* held to append to pins */
	struct udp_leg pins[UDP_PINS];
	atomic_size_t n_pins; /* written under the lock, after the pin; read by every sender */
	/* Trains of segments of this size or more are not tried for the next `refused_for` sends,
	 * since the kernel refused one. Any sender; relaxed. */
	atomic_uint refused_size, refused_for;
	/* The receiver alone: the socket that had something last, and how often it was asked in a
	 * row. */
	int hot;
	unsigned hot_for;
	atomic_uint_fast64_t truncated,
	    icmp_errors;                 /* written by the receiver, read by any thread */
	atomic_uint_fast64_t trains_cut; /* written by senders, read by any thread */
};

enum { UDP_LOOPBACK_IFINDEX = 1 }; /* fixed by the kernel in every namespace */

/* The interface to keep to; 0: none. What came in by loopback was for an address of this host,
 * which the kernel's local table finds before all others; the address is not loopback's, so that a
 * lookup kept to it would fail. */
static inline unsigned udp_pin_of(const struct udp_msg *m)
{
	return m->ifindex == UDP_LOOPBACK_IFINDEX ? 0 : m->ifindex;
}

/* The socket by which a datagram leaves; NULL: none for its family. `pinned`: it is bound to the
 * interface, or the kernel honours pktinfo; false: the source address must be left to the kernel
 * for the interface to be binding. */
struct udp_leg *udp_leg_for(struct udp_sock *s, const struct udp_msg *m, bool *pinned);

/* Writes "NAME (pid N)" of the process that holds a UDP port in this network namespace, or
 * "another program". */
void udp_holder(char *dst, size_t cap, enum addr_family family, uint16_t port);

#endif

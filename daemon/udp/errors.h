/*
 * What the kernel knows of datagrams that did not fit: a socket's error queue, and a route's MTU.
 */
#ifndef DAEMON_UDP_ERRORS_H
#define DAEMON_UDP_ERRORS_H

#include "base/addr.h"

/* A datagram to `dst` was larger than the path. */
struct udp_too_big {
	struct addr dst;
	uint32_t mtu; /* bytes of an IP packet that pass, as it was told: not yet judged */
	/* A router said so, and quoted the datagram's first four bytes: the SPI, or 0. Anyone can
	 * send that: believe it only where the SPI is that of an SA to `dst` (RFC 4301 section
	 * 8.2.1). false: this host's own route says so. */
	bool by_icmp;
	uint32_t spi;
};

/* Has the kernel queue errors for udp_errors_read. From then on they must be read whenever epoll
 * says EPOLLERR, or it will say so forever; and a call on the socket may fail once with the error
 * of an earlier datagram. 0 or a negative errno. */
int udp_errors_on(int fd, enum addr_family family);

/* Takes everything from the error queue of a socket, without blocking, and writes those about size
 * to out, at most cap: what is beyond is lost, and will come again with the next datagram. Returns
 * how many. Any thread. */
size_t udp_errors_read(int fd, struct udp_too_big *out, size_t cap);

/* The MTU of the route to dst, with what the kernel has learned of the path: from `src` (NULL or
 * ADDR_NONE: any) by interface `ifindex` (0: any). After EMSGSIZE on sending. 0 or a negative
 * errno; *mtu is an IP packet's. Opens a socket for a moment. */
int udp_route_mtu(const struct addr *dst, const struct addr *src, unsigned ifindex, uint32_t *mtu);

#endif

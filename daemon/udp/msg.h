/*
 * What a struct udp_msg is to the kernel: socket addresses and control messages, for every driver
 * that speaks in datagrams.
 */
#ifndef DAEMON_UDP_MSG_H
#define DAEMON_UDP_MSG_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "daemon/udp/udp.h"

union udp_name {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

enum {
	/* Room for what udp_msg_control writes and one integer more, and for all that a socket was
	 * asked to tell on receiving. */
	UDP_CONTROL = CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)),
};

/* ADDR_NONE where the kernel filled in no address. */
struct endpoint udp_name_endpoint(const union udp_name *n);
/* The remote end of *m; `port` in host order. Returns how long it is. */
socklen_t udp_msg_name(const struct udp_msg *m, uint16_t port, union udp_name *out);

/* Takes local address, interface or TOS from one control message; others are passed over. */
void udp_msg_read_control(struct udp_msg *m, const struct cmsghdr *c);

/* Appends a control message: there must be room behind h->msg_controllen, all zero. */
void udp_put_control(struct msghdr *h, int level, int type, const void *data, size_t n);
/* Appends source address, interface and TOS byte. `pinned`: the socket is bound to the interface,
 * or the family needs no such thing; false with IPv6: the source address is left to the kernel,
 * since only then does it keep to the interface. */
void udp_msg_control(struct msghdr *h, const struct udp_msg *m, bool pinned);

/* The interface to keep to on sending; 0: none. */
unsigned udp_msg_pin(const struct udp_msg *m);

#endif

/*
 * What every driver of datagrams asks of a socket, UDP or raw.
 */
#ifndef DAEMON_UDP_SOCKET_H
#define DAEMON_UDP_SOCKET_H

#include "daemon/limits.h"
#include "daemon/udp/msg.h"

#include <stdbool.h>
#include <stdint.h>

/* One option whose value is an int. 0 or a negative errno. */
int udp_socket_set(int fd, int level, int name, int value);

/* Has each packet come with its local address, interface and (IPv6) traffic class, lets what leaves
 * be fragmented (DF clear: ESP is sized by the tunnel's MTU, and a path that is narrower still must
 * not swallow packets silently), and makes buffers of `buffer` bytes each way: beyond the system's
 * limit where we may, up to it otherwise. `family`: AF_INET or AF_INET6. 0 or a negative errno. */
int udp_socket_prepare(int fd, int family, uint32_t buffer);

/* Is it an error of the call itself? Every other one is news about some packet that left earlier.
 */
bool udp_socket_unusable(int err);

/* One row of recvmmsg: where its n bytes, its source and its control messages go. */
static inline void udp_socket_row(struct mmsghdr *h, struct iovec *iov, union udp_name *name,
    uint8_t control[UDP_CONTROL], uint8_t *p, size_t n)
{
	*iov = (struct iovec){p, n};
	*h = (struct mmsghdr){.msg_hdr = {
				  .msg_name = name,
				  .msg_namelen = sizeof *name,
				  .msg_iov = iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = UDP_CONTROL,
			      }};
}

#endif

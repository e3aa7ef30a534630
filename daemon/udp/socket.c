/*
 * Options that sockets for datagrams have in common: RFC 3542 sections 6.1 and 6.5 for IPv6, and
 * what Linux has of the same for IPv4.
 */
#include "daemon/udp/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

static const struct option_row {
	int family, level, name, value;
} options[] = {
    {AF_INET, IPPROTO_IP, IP_PKTINFO, 1},
    {AF_INET, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT},
    {AF_INET6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
    {AF_INET6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
    {AF_INET6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT},
};

int udp_socket_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

static void set_buffers(int fd, uint32_t bytes)
{
	int n = (int)(bytes > INT32_MAX / 2 ? INT32_MAX / 2 : bytes);

	if (udp_socket_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, n) != 0)
		(void)udp_socket_set(fd, SOL_SOCKET, SO_RCVBUF, n);
	if (udp_socket_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, n) != 0)
		(void)udp_socket_set(fd, SOL_SOCKET, SO_SNDBUF, n);
}

int udp_socket_prepare(int fd, int family, uint32_t buffer)
{
	set_buffers(fd, buffer);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const struct option_row *o = &options[i];
		int rc = o->family == family ? udp_socket_set(fd, o->level, o->name, o->value) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

bool udp_socket_unusable(int err)
{
	return err == EBADF || err == ENOTSOCK || err == EFAULT || err == EINVAL;
}

/*
 * "Too big" as the kernel reports it: the error queue (IP_RECVERR, IPV6_RECVERR), which holds both
 * the ICMP errors of routers (RFC 1191 section 4, RFC 4443 section 3.2) and refusals of this host;
 * and the MTU of a route, by a socket that is connected and sends nothing.
 */
#include "daemon/udp/errors.h"

#include <errno.h>
#include <netinet/ip.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* Needs <time.h> in front of it. */
#include <linux/errqueue.h>

#include "daemon/limits.h"
#include "daemon/udp/msg.h"

enum {
	QUOTED = 4,  /* bytes of the datagram that are looked at: the SPI */
	DISCARD = 9, /* a port; nothing is sent there */
};

int udp_errors_on(int fd, enum addr_family family)
{
	int on = 1;
	int rc = family == ADDR_V4 ? setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on)
				   : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
	return rc == 0 ? 0 : -errno;
}

static bool is_error(const struct cmsghdr *c)
{
	return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
	       (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
}

/* Is it about size? `got` bytes of the datagram are quoted. */
static bool read_one(struct msghdr *h, const uint8_t *quoted, size_t got, struct udp_too_big *out)
{
	struct sock_extended_err e;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (!is_error(c) || c->cmsg_len < CMSG_LEN(sizeof e))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof e);
		bool local = e.ee_origin == SO_EE_ORIGIN_LOCAL;
		bool icmp = e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6;
		if (e.ee_errno != EMSGSIZE || !(local || icmp))
			return false;
		out->dst = udp_name_endpoint(h->msg_name).addr;
		out->mtu = e.ee_info;
		out->by_icmp = icmp;
		out->spi = icmp && got >= QUOTED ? be32_load(quoted) : 0;
		return out->dst.family != ADDR_NONE;
	}
	return false;
}

size_t udp_errors_read(int fd, struct udp_too_big *out, size_t cap)
{
	size_t n = 0;

	for (int i = 0; i < ERRORS_MAX; i++) {
		uint8_t quoted[QUOTED];
		union udp_name name = {.sa.sa_family = AF_UNSPEC};
		/* The error with its offender's address, and what else the socket wants told. */
		_Alignas(struct cmsghdr) uint8_t control[UDP_CONTROL + 128];
		struct iovec iov = {quoted, sizeof quoted};
		struct msghdr h = {.msg_name = &name,
		    .msg_namelen = sizeof name,
		    .msg_iov = &iov,
		    .msg_iovlen = 1,
		    .msg_control = control,
		    .msg_controllen = sizeof control};
		ssize_t got = recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		if (n < cap && read_one(&h, quoted, (size_t)got, &out[n]))
			n++;
	}
	return n;
}

static int connect_to(int fd, const struct addr *dst, const struct addr *src, unsigned ifindex)
{
	union udp_name name;
	/* As an endpoint of a message, the address gets its scope. */
	struct udp_msg to = {.remote.addr = *dst, .ifindex = ifindex};
	struct udp_msg from = {.ifindex = ifindex};
	int on = (int)udp_msg_pin(&to);

	if (on && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &on, sizeof on) != 0)
		return -errno;
	if (src && src->family == dst->family) {
		from.remote.addr = *src;
		socklen_t n = udp_msg_name(&from, 0, &name);
		if (bind(fd, &name.sa, n) != 0)
			return -errno;
	}
	socklen_t n = udp_msg_name(&to, DISCARD, &name);
	return connect(fd, &name.sa, n) == 0 ? 0 : -errno;
}

int udp_route_mtu(const struct addr *dst, const struct addr *src, unsigned ifindex, uint32_t *mtu)
{
	bool v4 = dst->family == ADDR_V4;
	int value = 0;
	socklen_t n = sizeof value;

	if (dst->family == ADDR_NONE)
		return -EAFNOSUPPORT;
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	int rc = connect_to(fd, dst, src, ifindex);
	if (rc == 0 &&
	    getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &value, &n) != 0)
		rc = -errno;
	close(fd);
	if (rc == 0)
		*mtu = (uint32_t)value;
	return rc;
}

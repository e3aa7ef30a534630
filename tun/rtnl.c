/*
 * Routes with a source of their own, which no ioctl can ask for: one message to the kernel each
 * (rtnetlink(7), RTA_PREFSRC).
 */
#include "tun/internal.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct message {
	uint8_t b[256];
	size_t n;
};

static void put(struct message *m, const void *p, size_t n)
{
	memcpy(m->b + m->n, p, n);
	m->n = NLMSG_ALIGN(m->n + n);
}

static void put_attr(struct message *m, unsigned short type, const void *p, size_t n)
{
	struct rtattr a = {.rta_len = (unsigned short)(sizeof a + n), .rta_type = type};

	put(m, &a, sizeof a);
	put(m, p, n);
}

static void route_message(struct message *m, unsigned ifindex, const struct prefix *dst,
    const struct addr *src, bool replace)
{
	bool v4 = dst->addr.family == ADDR_V4;
	struct nlmsghdr h = {.nlmsg_type = RTM_NEWROUTE,
	    .nlmsg_flags =
		NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL)};
	struct rtmsg r = {.rtm_family = v4 ? AF_INET : AF_INET6,
	    .rtm_dst_len = dst->len,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_BOOT,
	    .rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST};
	uint32_t metric = host_route_metric((enum addr_family)dst->addr.family);

	put(m, &h, sizeof h);
	put(m, &r, sizeof r);
	put_attr(m, RTA_DST, dst->addr.b, addr_bytes(&dst->addr).n);
	put_attr(m, RTA_OIF, &ifindex, sizeof ifindex);
	if (metric)
		put_attr(m, RTA_PRIORITY, &metric, sizeof metric);
	if (src->family != ADDR_NONE)
		put_attr(m, RTA_PREFSRC, src->b, addr_bytes(src).n);
	h.nlmsg_len = (uint32_t)m->n;
	memcpy(m->b, &h, sizeof h);
}

/* The kernel answers a request before send returns. */
static int read_ack(int fd)
{
	uint8_t b[512];
	struct nlmsghdr h;
	int error;
	ssize_t n = recv(fd, b, sizeof b, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_HDRLEN + sizeof error)
		return -EPROTO;
	memcpy(&h, b, sizeof h);
	memcpy(&error, b + NLMSG_HDRLEN, sizeof error);
	return h.nlmsg_type == NLMSG_ERROR ? error : -EPROTO;
}

int rtnl_route_from(const char *dev, const struct prefix *dst, const struct addr *src, bool replace)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	unsigned ifindex = host_ifindex(dev);
	struct message m = {.n = 0};
	int fd, rc = 0;

	if (ifindex == 0)
		return -ENODEV;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	route_message(&m, ifindex, dst, src, replace);
	if (sendto(fd, m.b, m.n, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
		rc = -errno;
	else
		rc = read_ack(fd);
	close(fd);
	return rc;
}

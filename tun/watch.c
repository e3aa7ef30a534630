/*
 * What the kernel tells of links: a netlink socket that only listens, which needs no privilege
 * (rtnetlink(7), RTMGRP_LINK).
 */
#include "tun/tun.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGES = 16384, READS = 64 };

int netcfg_watch_open(void)
{
	struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&here, sizeof here) == 0)
		return fd;
	int rc = -errno;
	close(fd);
	return rc;
}

/* One message of n bytes: the flags of the link, if it is the one. */
static bool flags_of(const uint8_t *p, size_t n, unsigned type, unsigned ifindex, unsigned *flags)
{
	struct ifinfomsg info;

	if (type != RTM_NEWLINK || n < NLMSG_HDRLEN + sizeof info)
		return false;
	memcpy(&info, p + NLMSG_HDRLEN, sizeof info);
	if (info.ifi_index < 0 || (unsigned)info.ifi_index != ifindex)
		return false;
	*flags = info.ifi_flags;
	return true;
}

static void read_messages(
    const uint8_t *p, size_t n, unsigned ifindex, struct netcfg_link_news *news)
{
	struct nlmsghdr h;

	for (size_t at = 0; n - at >= sizeof h; at += NLMSG_ALIGN(h.nlmsg_len)) {
		unsigned flags;
		memcpy(&h, p + at, sizeof h);
		if (h.nlmsg_len < sizeof h || h.nlmsg_len > n - at)
			return;
		if (flags_of(p + at, h.nlmsg_len, h.nlmsg_type, ifindex, &flags)) {
			news->up = flags & IFF_UP;
			news->was_down |= !news->up;
			news->any = true;
		}
		if (NLMSG_ALIGN(h.nlmsg_len) > n - at)
			return;
	}
}

bool netcfg_watch_read(int fd, unsigned ifindex, struct netcfg_link_news *news)
{
	uint8_t buf[MESSAGES];

	*news = (struct netcfg_link_news){.up = true};
	for (int i = 0; i < READS; i++) {
		struct sockaddr_nl from = {.nl_family = AF_UNSPEC};
		socklen_t len = sizeof from;
		ssize_t n =
		    recvfrom(fd, buf, sizeof buf, MSG_TRUNC, (struct sockaddr *)&from, &len);
		if (n < 0 && errno == ENOBUFS) {
			/* Some were lost: it may have been down meanwhile. */
			news->any = news->was_down = true;
			continue;
		}
		if (n < 0)
			break;
		if (from.nl_family == AF_NETLINK && from.nl_pid == 0)
			read_messages(
			    buf, (size_t)n < sizeof buf ? (size_t)n : sizeof buf, ifindex, news);
	}
	return news->any;
}

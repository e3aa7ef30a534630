/*
 * A host whose every route leads into a tunnel, and whose underlay has default routes of its own.
 */
#ifndef TEST_NETNS_TUNNELLED_H
#define TEST_NETNS_TUNNELLED_H

#include "test/netns/netcfg_ns.h"

#include <net/route.h>
#include <netinet/in.h>

static inline void ns_add_addr(struct netcfg *cfg, const char *dev, const char *text)
{
	char failure[256] = "";
	struct prefix p = ns_prefix(text);
	ck_assert_msg(netcfg_addr_add(cfg, dev, &p, failure) == 0, "%s", failure);
}

static inline void ns_add_route(struct netcfg *cfg, const char *dev, const char *text)
{
	char failure[256] = "";
	struct prefix p = ns_prefix(text);
	ck_assert_msg(netcfg_route_add(cfg, dev, &p, failure) == 0, "%s", failure);
}

/* Real default routes, as a host has them. */
static inline void ns_default_routes(const char *dev)
{
	char name[16];
	snprintf(name, sizeof name, "%s", dev);
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct rtentry r4 = {.rt_flags = RTF_UP, .rt_dev = name, .rt_metric = 101};
	struct in6_rtmsg r6 = {.rtmsg_flags = RTF_UP, .rtmsg_metric = 1024};
	r6.rtmsg_ifindex = (int)if_nametoindex(dev);
	memcpy(&r4.rt_dst, &any, sizeof any);
	memcpy(&r4.rt_genmask, &any, sizeof any);
	int s4 = socket(AF_INET, SOCK_DGRAM, 0), s6 = socket(AF_INET6, SOCK_DGRAM, 0);
	ck_assert_int_eq(ioctl(s4, SIOCADDRT, &r4), 0);
	ck_assert_int_eq(ioctl(s6, SIOCADDRT, &r6), 0);
	close(s4);
	close(s6);
}

/* Devices: under0, the underlay, with two addresses of each family; tunt0, the tunnel, with the
 * longer routes. The namespace is the caller's. */
struct tunnelled {
	struct netcfg *cfg;
	struct tun *under, *tunnel;
};

static inline void tunnelled_up(struct tunnelled *h)
{
	char failure[256] = "";

	h->under = ns_device("under0");
	h->tunnel = ns_device("tunt0");
	ck_assert_int_eq(netcfg_open(&h->cfg, NULL, failure), 0);
	ns_add_addr(h->cfg, "under0", "192.0.2.7/24");
	ns_add_addr(h->cfg, "under0", "192.0.2.8/24");
	ns_add_addr(h->cfg, "under0", "2001:db8::7/64");
	ns_add_addr(h->cfg, "under0", "2001:db8::8/64");
	ns_add_addr(h->cfg, "tunt0", "10.9.0.1/32");
	ns_add_addr(h->cfg, "tunt0", "fd09::1/128");
	ns_default_routes("under0");
	ns_add_route(h->cfg, "tunt0", "0.0.0.0/0");
	ns_add_route(h->cfg, "tunt0", "::/0");
}

static inline void tunnelled_down(struct tunnelled *h)
{
	netcfg_close(h->cfg);
	h->under->ops->close(h->under);
	h->tunnel->ops->close(h->tunnel);
}

#endif

/*
 * Where packets to a peer leave the host: the kernel's longest prefix match done again over the
 * tables of /proc, without the tunnel's own interface.
 */
#include "tun/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPBACK_IFINDEX = 1 }; /* fixed by the kernel in every namespace */

struct best {
	const struct addr *dst;
	const char *not_dev;
	bool found;
	struct procnet_route route;
};

static bool is_dev(const char *dev, const char *other)
{
	return other && strcmp(dev, other) == 0;
}

static bool better(const struct procnet_route *r, void *arg)
{
	struct best *b = arg;
	if (r->local || is_dev(r->dev, b->not_dev) || !prefix_has(&r->dst, b->dst))
		return true;
	const struct procnet_route *old = &b->route;
	if (b->found &&
	    (r->dst.len < old->dst.len || (r->dst.len == old->dst.len && r->metric >= old->metric)))
		return true;
	b->route = *r;
	b->found = true;
	return true;
}

/* Connecting a UDP socket makes the kernel choose a source address, and sends nothing. */
static int source_for(const struct addr *dst, const char *dev, unsigned ifindex, struct addr *src)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	bool is4 = dst->family == ADDR_V4;
	struct sockaddr *sa = is4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t n = is4 ? sizeof v4 : sizeof v6;
	if (is4)
		memcpy(&v4.sin_addr, dst->b, 4);
	else
		memcpy(&v6.sin6_addr, dst->b, 16);
	if (!is4 && addr_is_link_local(dst))
		v6.sin6_scope_id = ifindex;
	int fd = socket(is4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = 0;
	if (dev)
		rc = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev, (socklen_t)strlen(dev) + 1);
	if (rc == 0)
		rc = connect(fd, sa, n);
	if (rc == 0)
		rc = getsockname(fd, sa, &n);
	rc = rc == 0 ? 0 : -errno;
	close(fd);
	if (rc == 0)
		*src =
		    addr_from_bytes(is4 ? bytes_of(&v4.sin_addr, 4) : bytes_of(&v6.sin6_addr, 16));
	return rc;
}

int netcfg_underlay(const struct addr *dst, const char *not_dev, struct netcfg_underlay *out)
{
	*out = (struct netcfg_underlay){0};
	if (dst->family != ADDR_V4 && dst->family != ADDR_V6)
		return -EINVAL;
	struct netcfg_underlay u = {.ifindex = LOOPBACK_IFINDEX, .dev = "lo"};
	int rc;
	if (netcfg_is_local(dst, not_dev)) {
		rc = source_for(dst, NULL, 0, &u.src);
	} else {
		struct best b = {.dst = dst, .not_dev = not_dev};
		rc = procnet_routes(dst->family, better, &b);
		if (rc == 0 && (!b.found || b.route.reject))
			rc = -ENETUNREACH;
		if (rc != 0)
			return rc;
		memcpy(u.dev, b.route.dev, sizeof u.dev);
		u.ifindex = host_ifindex(u.dev);
		rc = u.ifindex ? source_for(dst, u.dev, u.ifindex, &u.src) : -ENETUNREACH;
	}
	if (rc == 0)
		rc = host_get_mtu(u.dev, &u.mtu);
	if (rc == 0)
		*out = u;
	return rc;
}

/* ---- Local addresses ---- */

struct local_search {
	const struct addr *lo, *hi;
	const char *not_dev;
	struct addr good, poor; /* ADDR_NONE: none yet */
};

static bool in_range(const struct procnet_addr *a, void *arg)
{
	struct local_search *s = arg;
	if (is_dev(a->dev, s->not_dev) || addr_cmp(&a->addr, s->lo) < 0 ||
	    addr_cmp(&a->addr, s->hi) > 0)
		return true;
	bool poor = addr_is_loopback(&a->addr) || addr_is_link_local(&a->addr);
	struct addr *to = poor ? &s->poor : &s->good;
	if (to->family == ADDR_NONE)
		*to = a->addr;
	return true;
}

bool netcfg_local_in(
    const struct addr *lo, const struct addr *hi, const char *not_dev, struct addr *out)
{
	struct local_search s = {.lo = lo, .hi = hi, .not_dev = not_dev};
	if ((lo->family != ADDR_V4 && lo->family != ADDR_V6) || lo->family != hi->family ||
	    procnet_addrs(lo->family, in_range, &s) != 0)
		return false;
	const struct addr *found = s.good.family != ADDR_NONE ? &s.good : &s.poor;
	if (found->family == ADDR_NONE)
		return false;
	*out = *found;
	return true;
}

bool netcfg_is_local(const struct addr *a, const char *not_dev)
{
	struct addr found;
	/* All of 127.0.0.0/8 is the host's. */
	if (a->family == ADDR_V4 && addr_is_loopback(a))
		return !is_dev("lo", not_dev);
	return netcfg_local_in(a, a, not_dev, &found);
}

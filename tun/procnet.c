/*
 * The kernel's tables as text: /proc/net/route, /proc/net/ipv6_route, /proc/net/if_inet6, and the
 * IPv4 addresses, which only SIOCGIFCONF lists without netlink.
 */
#include "tun/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IFCONF_MAX = 1 << 20, /* bytes of SIOCGIFCONF that are believed */
	HEX_ADDR = 33,
	IFA6_TENTATIVE = 0x40,
};

/* Flags of IPv6 routes that <net/route.h> does not know. */
static const uint32_t rtf_anycast = 0x00100000, rtf_local = 0x80000000;

static bool route_v4_parse(const char *line, struct procnet_route *out)
{
	uint32_t dst, via, mask, flags, metric;
	char dev[DEV_NAME];
	/* Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT */
	if (sscanf(line, "%15s %" SCNx32 " %" SCNx32 " %" SCNx32 " %*d %*u %" SCNu32 " %" SCNx32,
		dev, &dst, &via, &flags, &metric, &mask) != 6 ||
	    !(flags & RTF_UP))
		return false;
	/* The numbers are the network's bytes, read as the host would. */
	uint32_t m = ntohl(mask);
	unsigned len = 0;
	while (len < 32 && (m & (0x80000000U >> len)))
		len++;
	*out = (struct procnet_route){.metric = metric, .reject = (flags & RTF_REJECT) != 0};
	memcpy(out->dev, dev, sizeof out->dev);
	struct addr a = addr_v4(ntohl(dst));
	out->dst = prefix_of(&a, len);
	if (flags & RTF_GATEWAY)
		out->via = addr_v4(ntohl(via));
	return true;
}

static bool hex_addr(const char *hex, struct addr *out)
{
	uint8_t b[16];
	if (strlen(hex) != HEX_ADDR - 1 || bytes_from_hex(b, sizeof b, hex) != (long)sizeof b)
		return false;
	*out = addr_from_bytes(bytes_of(b, sizeof b));
	return true;
}

static bool route_v6_parse(const char *line, struct procnet_route *out)
{
	char dst[HEX_ADDR], via[HEX_ADDR], dev[DEV_NAME];
	uint32_t len, source_len, metric, flags;
	struct addr a, gateway;
	/* dst len source len gateway metric refs uses flags dev */
	if (sscanf(line,
		"%32s %" SCNx32 " %*s %" SCNx32 " %32s %" SCNx32 " %*x %*x %" SCNx32 " %15s", dst,
		&len, &source_len, via, &metric, &flags, dev) != 7 ||
	    !hex_addr(dst, &a) || !hex_addr(via, &gateway) || len > 128)
		return false;
	/* Routes for certain sources, and entries learnt for one destination, are no answer for
	 * others. A route that rejects is not called up. */
	if (source_len != 0 || !(flags & (RTF_UP | RTF_REJECT)) || (flags & RTF_CACHE))
		return false;
	*out = (struct procnet_route){
	    .dst = prefix_of(&a, len),
	    .metric = metric,
	    .reject = (flags & RTF_REJECT) != 0,
	    .via = flags & RTF_GATEWAY ? gateway : (struct addr){0},
	    .local = (flags & (rtf_local | rtf_anycast)) != 0 || addr_is_multicast(&a),
	};
	memcpy(out->dev, dev, sizeof out->dev);
	return true;
}

bool procnet_route_parse(enum addr_family family, const char *line, struct procnet_route *out)
{
	return family == ADDR_V4 ? route_v4_parse(line, out) : route_v6_parse(line, out);
}

int procnet_routes(
    enum addr_family family, bool (*each)(const struct procnet_route *r, void *arg), void *arg)
{
	FILE *f = fopen(family == ADDR_V4 ? "/proc/net/route" : "/proc/net/ipv6_route", "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	char line[512];
	bool more = true;
	while (more && fgets(line, sizeof line, f)) {
		struct procnet_route r;
		if (procnet_route_parse(family, line, &r))
			more = each(&r, arg);
	}
	fclose(f);
	return 0;
}

static int addrs_v6(bool (*each)(const struct procnet_addr *a, void *arg), void *arg)
{
	FILE *f = fopen("/proc/net/if_inet6", "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	char line[256], hex[HEX_ADDR];
	uint32_t flags;
	bool more = true;
	while (more && fgets(line, sizeof line, f)) {
		struct procnet_addr a = {0};
		/* address ifindex len scope flags dev */
		if (sscanf(line, "%32s %*x %*x %*x %" SCNx32 " %15s", hex, &flags, a.dev) != 3 ||
		    !hex_addr(hex, &a.addr))
			continue;
		memcpy(a.label, a.dev, sizeof a.label);
		a.tentative = (flags & IFA6_TENTATIVE) != 0;
		more = each(&a, arg);
	}
	fclose(f);
	return 0;
}

/* The whole of SIOCGIFCONF; c->ifc_buf is for the caller to free. */
static int ifconf_read(struct ifconf *c)
{
	*c = (struct ifconf){0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : -errno;
	int rc = 0;
	/* An answer that fills the room may have been cut. */
	for (int room = 64 * (int)sizeof(struct ifreq); room <= IFCONF_MAX; room *= 2) {
		free(c->ifc_buf);
		c->ifc_len = room;
		c->ifc_buf = malloc((size_t)room);
		rc = !c->ifc_buf ? -ENOMEM : ioctl(fd, SIOCGIFCONF, c) < 0 ? -errno : 0;
		if (rc != 0 || c->ifc_len < room)
			break;
	}
	close(fd);
	if (rc != 0) {
		free(c->ifc_buf);
		*c = (struct ifconf){0};
	}
	return rc;
}

static int addrs_v4(bool (*each)(const struct procnet_addr *a, void *arg), void *arg)
{
	struct ifconf c;
	int rc = ifconf_read(&c);
	size_t n = rc == 0 ? (size_t)c.ifc_len / sizeof(struct ifreq) : 0;
	bool more = true;
	for (size_t i = 0; more && i < n; i++) {
		const struct ifreq *r = &c.ifc_req[i];
		struct sockaddr_in in;
		memcpy(&in, &r->ifr_addr, sizeof in);
		if (in.sin_family != AF_INET)
			continue;
		struct procnet_addr a = {.addr = addr_from_bytes(bytes_of(&in.sin_addr, 4))};
		snprintf(a.label, sizeof a.label, "%s", r->ifr_name);
		snprintf(a.dev, sizeof a.dev, "%.*s", (int)strcspn(a.label, ":"), a.label);
		more = each(&a, arg);
	}
	free(c.ifc_buf);
	return rc;
}

int procnet_addrs(
    enum addr_family family, bool (*each)(const struct procnet_addr *a, void *arg), void *arg)
{
	return family == ADDR_V4 ? addrs_v4(each, arg) : addrs_v6(each, arg);
}

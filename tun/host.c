/*
 * Single settings of the host: interface flags, MTU, addresses and routes by ioctl, sysctls by
 * file.
 */
#include "tun/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The kernel's struct in6_ifreq, whose header does not go together with <netinet/in.h> everywhere.
 */
struct ifreq6 {
	struct in6_addr addr;
	uint32_t prefix_len;
	int ifindex;
};

enum {
	ALIASES = 4096, /* labels "dev:N" that are tried */
	TENTATIVE_TRIES = 1000,
};

static int control(int family, unsigned long request, void *arg)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = ioctl(fd, request, arg) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int control_any(unsigned long request, void *arg)
{
	int rc = control(AF_INET, request, arg);
	return rc == -EAFNOSUPPORT ? control(AF_INET6, request, arg) : rc;
}

static struct ifreq request_for(const char *dev)
{
	struct ifreq r = {0};
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", dev);
	return r;
}

bool host_dev_valid(const char *dev)
{
	size_t n = strlen(dev);
	return n > 0 && n < IFNAMSIZ && strcmp(dev, ".") != 0 && strcmp(dev, "..") != 0 &&
	       strcspn(dev, "/: \t\n\v\f\r") == n;
}

unsigned host_ifindex(const char *dev)
{
	struct ifreq r = request_for(dev);
	return control_any(SIOCGIFINDEX, &r) == 0 ? (unsigned)r.ifr_ifindex : 0;
}

int host_flags(const char *dev, short *flags)
{
	struct ifreq r = request_for(dev);
	int rc = control_any(SIOCGIFFLAGS, &r);
	*flags = rc == 0 ? r.ifr_flags : 0;
	return rc;
}

int host_set_up(const char *dev, bool up)
{
	struct ifreq r = request_for(dev);
	int rc = control_any(SIOCGIFFLAGS, &r);
	if (rc != 0)
		return rc;
	r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
	return control_any(SIOCSIFFLAGS, &r);
}

int host_set_mtu(const char *dev, uint32_t mtu)
{
	if (mtu > INT32_MAX)
		return -EINVAL;
	struct ifreq r = request_for(dev);
	r.ifr_mtu = (int)mtu;
	return control_any(SIOCSIFMTU, &r);
}

int host_get_mtu(const char *dev, uint32_t *mtu)
{
	struct ifreq r = request_for(dev);
	int rc = control_any(SIOCGIFMTU, &r);
	*mtu = rc == 0 ? (uint32_t)r.ifr_mtu : 0;
	return rc;
}

/* ---- Addresses ---- */

static void put_v4(struct sockaddr *sa, const struct addr *a)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	memcpy(&in.sin_addr, a->b, 4);
	memcpy(sa, &in, sizeof in);
}

static struct addr mask_v4(unsigned len)
{
	return addr_v4(len == 0 ? 0 : UINT32_MAX << (32 - len));
}

/* What an ioctl of IPv4 addresses speaks of is a label, with one address each. */
struct label_search {
	const struct addr *addr; /* whose label is sought; NULL: collect */
	const char *label;       /* is this one taken? */
	char found[DEV_NAME];
	const char *dev;
};

static bool label_of_addr(const struct procnet_addr *a, void *arg)
{
	struct label_search *s = arg;
	if (strcmp(a->dev, s->dev) != 0 || !addr_equal(&a->addr, s->addr))
		return true;
	memcpy(s->found, a->label, sizeof s->found);
	return false;
}

static bool label_taken(const struct procnet_addr *a, void *arg)
{
	struct label_search *s = arg;
	if (strcmp(a->label, s->label) != 0)
		return true;
	memcpy(s->found, a->label, sizeof s->found);
	return false;
}

/* A label that no address has: the interface's own name, or an alias of it. */
static int free_label(const char *dev, char label[DEV_NAME])
{
	for (unsigned i = 0; i < ALIASES; i++) {
		char text[DEV_NAME + 16];
		if (i == 0)
			snprintf(text, sizeof text, "%s", dev);
		else
			snprintf(text, sizeof text, "%s:%u", dev, i);
		if (strlen(text) >= DEV_NAME)
			return -ENAMETOOLONG;
		struct label_search s = {.label = text, .dev = dev};
		int rc = procnet_addrs(ADDR_V4, label_taken, &s);
		if (rc != 0)
			return rc;
		if (!s.found[0]) {
			memcpy(label, text, DEV_NAME);
			label[DEV_NAME - 1] = 0;
			return 0;
		}
	}
	return -ENOSPC;
}

static int addr_v4_add(const char *dev, const struct prefix *p)
{
	char label[DEV_NAME];
	int rc = free_label(dev, label);
	if (rc != 0)
		return rc;
	struct ifreq r = request_for(label);
	put_v4(&r.ifr_addr, &p->addr);
	rc = control(AF_INET, SIOCSIFADDR, &r);
	if (rc != 0)
		return rc;
	struct addr mask = mask_v4(p->len);
	put_v4(&r.ifr_netmask, &mask);
	rc = control(AF_INET, SIOCSIFNETMASK, &r);
	if (rc != 0)
		(void)host_addr_del(dev, p);
	return rc;
}

static int addr_v4_del(const char *dev, const struct prefix *p)
{
	struct label_search s = {.addr = &p->addr, .dev = dev};
	int rc = procnet_addrs(ADDR_V4, label_of_addr, &s);
	if (rc != 0)
		return rc;
	if (!s.found[0])
		return -EADDRNOTAVAIL;
	/* Setting 0.0.0.0 deletes the first address of the label: make sure that it is ours. */
	struct ifreq r = request_for(s.found);
	rc = control(AF_INET, SIOCGIFADDR, &r);
	if (rc != 0)
		return rc;
	struct sockaddr_in in;
	memcpy(&in, &r.ifr_addr, sizeof in);
	if (memcmp(&in.sin_addr, p->addr.b, 4) != 0)
		return -EBUSY;
	r = request_for(s.found);
	put_v4(&r.ifr_addr, &(struct addr){.family = ADDR_V4});
	return control(AF_INET, SIOCSIFADDR, &r);
}

/* One request number takes a different structure per family. The room of the larger one is cleared
 * for both, so that checkers which know only that one see nothing unset. */
static int addr_v6(unsigned long request, const char *dev, const struct prefix *p)
{
	union {
		struct ifreq6 v6;
		struct ifreq v4;
	} r;
	memset(&r, 0, sizeof r);
	r.v6.prefix_len = p->len;
	r.v6.ifindex = (int)host_ifindex(dev);
	if (r.v6.ifindex == 0)
		return -ENODEV;
	memcpy(&r.v6.addr, p->addr.b, 16);
	return control(AF_INET6, request, &r);
}

struct tentative_search {
	const char *dev;
	const struct addr *addr;
	bool tentative;
};

static bool is_tentative(const struct procnet_addr *a, void *arg)
{
	struct tentative_search *s = arg;
	bool same = strcmp(a->dev, s->dev) == 0 && addr_equal(&a->addr, s->addr);
	s->tentative = same && a->tentative;
	return !same;
}

void host_addr_wait(const char *dev, const struct addr *a)
{
	short flags;
	struct tentative_search s = {.dev = dev, .addr = a};
	if (host_flags(dev, &flags) != 0 || !(flags & IFF_UP))
		return;
	for (int i = 0; i < TENTATIVE_TRIES; i++) {
		if (procnet_addrs(ADDR_V6, is_tentative, &s) != 0 || !s.tentative)
			return;
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

int host_addr_add(const char *dev, const struct prefix *p)
{
	if (p->addr.family == ADDR_V4)
		return addr_v4_add(dev, p);
	int rc = addr_v6(SIOCSIFADDR, dev, p);
	if (rc == 0)
		host_addr_wait(dev, &p->addr);
	return rc;
}

int host_addr_del(const char *dev, const struct prefix *p)
{
	if (p->addr.family == ADDR_V4)
		return addr_v4_del(dev, p);
	return addr_v6(SIOCDIFADDR, dev, p);
}

/* ---- Routes ---- */

static int route_v4(bool add, const char *dev, const struct prefix *dst, const struct addr *via)
{
	char name[DEV_NAME]; /* rt_dev is not const */
	snprintf(name, sizeof name, "%s", dev);
	struct addr mask = mask_v4(dst->len);
	/* rt_metric is one more than the metric. */
	struct rtentry r = {.rt_flags = RTF_UP, .rt_metric = 1, .rt_dev = name};
	if (dst->len == 32)
		r.rt_flags |= RTF_HOST;
	put_v4(&r.rt_dst, &dst->addr);
	put_v4(&r.rt_genmask, &mask);
	if (via->family == ADDR_V4) {
		r.rt_flags |= RTF_GATEWAY;
		put_v4(&r.rt_gateway, via);
	}
	return control(AF_INET, add ? SIOCADDRT : SIOCDELRT, &r);
}

static int route_v6(bool add, const char *dev, const struct prefix *dst, const struct addr *via)
{
	union {
		struct in6_rtmsg v6;
		struct rtentry v4;
	} r;
	memset(&r, 0, sizeof r);
	r.v6.rtmsg_dst_len = dst->len;
	r.v6.rtmsg_metric = host_route_metric(ADDR_V6);
	r.v6.rtmsg_flags = dst->len == 128 ? RTF_UP | RTF_HOST : RTF_UP;
	r.v6.rtmsg_ifindex = (int)host_ifindex(dev);
	if (r.v6.rtmsg_ifindex == 0)
		return -ENODEV;
	memcpy(&r.v6.rtmsg_dst, dst->addr.b, 16);
	if (via->family == ADDR_V6) {
		r.v6.rtmsg_flags |= RTF_GATEWAY;
		memcpy(&r.v6.rtmsg_gateway, via->b, 16);
	}
	return control(AF_INET6, add ? SIOCADDRT : SIOCDELRT, &r);
}

int host_route(bool add, const char *dev, const struct prefix *dst, const struct addr *via)
{
	return dst->addr.family == ADDR_V4 ? route_v4(add, dev, dst, via)
					   : route_v6(add, dev, dst, via);
}

/* ---- Sysctls ---- */

bool sysctl_key_valid(const char *key)
{
	size_t n = strlen(key);
	return strncmp(key, "net/", 4) == 0 && n > 4 && n < SYSCTL_KEY && !strstr(key, "..") &&
	       !strstr(key, "//") && strcspn(key, " \t\r\n") == n;
}

static int sysctl_open(const char *key, int flags)
{
	char path[SYSCTL_KEY + 16];
	if (!sysctl_key_valid(key))
		return -EINVAL;
	snprintf(path, sizeof path, "/proc/sys/%s", key);
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int sysctl_read(const char *key, char value[SYSCTL_VALUE])
{
	value[0] = 0;
	int fd = sysctl_open(key, O_RDONLY);
	if (fd < 0)
		return fd;
	ssize_t n = read(fd, value, SYSCTL_VALUE - 1);
	int rc = n < 0 ? -errno : 0;
	close(fd);
	value[n > 0 ? n : 0] = 0;
	value[strcspn(value, "\n")] = 0;
	return rc;
}

int sysctl_write(const char *key, const char *value)
{
	int fd = sysctl_open(key, O_WRONLY);
	if (fd < 0)
		return fd;
	ssize_t n = write(fd, value, strlen(value));
	int rc = n < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* Addresses, routes, links and sysctls: set, shared, refused, put back. */
#include "test/netns/netcfg_ns.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct netcfg *cfg;
static struct tun *t0, *t1;
static char why[TUN_WHY];

static void set_up(void)
{
	netns_enter();
	t0 = ns_device("tunt0");
	t1 = ns_device("tunt1");
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
}

static void tear_down(void)
{
	netcfg_close(cfg);
	t0->ops->close(t0);
	t1->ops->close(t1);
}

static bool has_addr(const char *text, const char *not_dev)
{
	struct addr a = ns_addr(text);
	return netcfg_is_local(&a, not_dev);
}

/* How often IPv4 route dst/mask, as the table writes them, is there by dev. */
static bool has_route(const char *dev, const char *dst, const char *mask)
{
	char line[512], d[32], a[16], m[16];
	bool found = false;
	FILE *f = fopen("/proc/net/route", "re");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%31s %15s %*s %*s %*s %*s %*s %15s", d, a, m) == 3)
			found |= !strcmp(d, dev) && !strcmp(a, dst) && !strcmp(m, mask);
	if (f)
		fclose(f);
	return found;
}

static bool has_route6(const char *dev, const char *dst_len)
{
	return ns_line("/proc/net/ipv6_route", dst_len, dev);
}

START_TEST(several_addresses)
{
	static const char *const text[] = {
	    "10.9.0.1/32", "10.9.1.1/24", "10.9.2.1/32", "192.0.2.7/29"};
	struct prefix p[4];
	for (int i = 0; i < 4; i++) {
		p[i] = ns_prefix(text[i]);
		ck_assert_msg(netcfg_addr_add(cfg, "tunt0", &p[i], why) == 0, "%s", why);
		for (int k = 0; k <= i; k++)
			ck_assert(netcfg_is_local(&p[k].addr, "tunt1"));
	}
	ck_assert(!has_addr("10.9.0.1", "tunt0"));
	ck_assert(has_route("tunt0", "0001090A", "00FFFFFF"));
	ck_assert(has_route("tunt0", "000200C0", "F8FFFFFF"));
	ck_assert_int_eq(netcfg_addr_del(cfg, "tunt0", &p[0]), 0);
	ck_assert(!has_addr("10.9.0.1", NULL));
	ck_assert(has_addr("10.9.1.1", NULL) && has_addr("10.9.2.1", NULL) &&
		  has_addr("192.0.2.7", NULL));
	ck_assert_int_eq(netcfg_addr_del(cfg, "tunt0", &p[0]), -ENOENT);
	/* The label that became free is used again. */
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &p[0], why), 0);
	ck_assert(has_addr("10.9.0.1", NULL) && has_addr("10.9.1.1", NULL));
	netcfg_close(cfg);
	for (int i = 0; i < 4; i++)
		ck_assert(!netcfg_is_local(&p[i].addr, NULL));
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
}
END_TEST

START_TEST(addresses_v6)
{
	struct prefix a = ns_prefix("fd09::1/128"), b = ns_prefix("fd09::2/64");
	ck_assert_msg(netcfg_addr_add(cfg, "tunt0", &a, why) == 0, "%s", why);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &b, why), 0);
	/* Usable at once: the tentative flag (0x40) is not set. */
	ck_assert(ns_line("/proc/net/if_inet6", "fd090000000000000000000000000001", " 80 00 80 "));
	ck_assert(has_addr("fd09::1", NULL) && has_addr("fd09::2", NULL));
	ck_assert_int_eq(netcfg_addr_del(cfg, "tunt0", &a), 0);
	ck_assert(!has_addr("fd09::1", NULL) && has_addr("fd09::2", NULL));
	netcfg_close(cfg);
	ck_assert(!has_addr("fd09::2", NULL));
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
}
END_TEST

/* Used twice, removed with the last use; one that was there before us stays. */
START_TEST(addresses_are_counted)
{
	struct prefix a = ns_prefix("10.9.0.1/32"), f = ns_prefix("fd09::1/128");
	struct netcfg *other;
	ck_assert_int_eq(netcfg_open(&other, NULL, why), 0);
	ck_assert_int_eq(netcfg_addr_add(other, "tunt0", &f, why), 0);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &a, why), 0);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &a, why), 0);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &f, why), 0);
	ck_assert_int_eq(netcfg_addr_del(cfg, "tunt0", &a), 0);
	ck_assert(has_addr("10.9.0.1", NULL));
	ck_assert_int_eq(netcfg_addr_del(cfg, "tunt0", &a), 0);
	ck_assert(!has_addr("10.9.0.1", NULL));
	ck_assert_int_eq(netcfg_addr_del(cfg, "tunt0", &f), 0);
	ck_assert(has_addr("fd09::1", NULL));
	netcfg_close(other);
	ck_assert(!has_addr("fd09::1", NULL));
}
END_TEST

/* What the kernel takes as source towards `dst`; "" without a route. */
static const char *source_to(const char *dst, char text[ADDR_TEXT])
{
	struct addr to = ns_addr(dst), from;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = 9};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = 9};
	bool v4 = to.family == ADDR_V4;
	struct sockaddr *sa = v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
	socklen_t len = v4 ? sizeof in : sizeof in6;
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(v4 ? (void *)&in.sin_addr : (void *)&in6.sin6_addr, to.b, v4 ? 4 : 16);
	text[0] = 0;
	if (connect(fd, sa, len) == 0 && getsockname(fd, sa, &len) == 0) {
		from =
		    addr_from_bytes(v4 ? bytes_of(&in.sin_addr, 4) : bytes_of(&in6.sin6_addr, 16));
		addr_text(&from, text);
	}
	close(fd);
	return text;
}

/* Of several addresses on the device a route may have its own as the source; it outlives that. */
START_TEST(sources)
{
	static const char *const text[2][4] = {
	    {"10.9.0.1/32", "10.9.0.2/32", "10.1.0.0/16", "10.1.2.3"},
	    {"fd09::1/128", "fd09::2/128", "fd01::/48", "fd01::7"}};
	const char *const *v = text[_i];
	struct prefix first = ns_prefix(v[0]), second = ns_prefix(v[1]), to = ns_prefix(v[2]);
	char t[ADDR_TEXT], one[ADDR_TEXT], two[ADDR_TEXT];

	addr_text(&first.addr, one);
	addr_text(&second.addr, two);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &first, why), 0);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &second, why), 0);
	ck_assert_msg(netcfg_route_from(cfg, "tunt0", &to, &first.addr, why) == 0, "%s", why);
	ck_assert_str_eq(source_to(v[3], t), one);
	/* The last one that asks counts. */
	ck_assert_int_eq(netcfg_route_from(cfg, "tunt0", &to, &second.addr, why), 0);
	ck_assert_str_eq(source_to(v[3], t), two);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &to, why), 0);
	ck_assert_str_eq(source_to(v[3], t), two);
	/* Its source goes, the route does not. */
	ck_assert_int_eq(netcfg_addr_del(cfg, "tunt0", &second), 0);
	ck_assert_str_eq(source_to(v[3], t), one);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &to), 0);
	ck_assert_str_eq(source_to(v[3], t), "");
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &to), -ENOENT);
	/* A source that the host does not have: a way all the same. */
	ck_assert_int_eq(netcfg_route_from(cfg, "tunt0", &to, &second.addr, why), 0);
	ck_assert_str_eq(source_to(v[3], t), one);
}
END_TEST

START_TEST(routes)
{
	struct prefix a = ns_prefix("10.1.0.0/16"), b = ns_prefix("fd01::/48"),
		      h = ns_prefix("10.1.2.3/32");
	ck_assert_msg(netcfg_route_add(cfg, "tunt0", &a, why) == 0, "%s", why);
	ck_assert_msg(netcfg_route_add(cfg, "tunt0", &b, why) == 0, "%s", why);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &h, why), 0);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &a, why), 0);
	ck_assert(has_route("tunt0", "0000010A", "0000FFFF"));
	ck_assert(has_route("tunt0", "0302010A", "FFFFFFFF"));
	ck_assert(has_route6("tunt0", "fd010000000000000000000000000000 30 "));
	/* The same one by another interface would win or lose by chance. */
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt1", &a, why), -EEXIST);
	ck_assert_str_eq(why, "the route 10.1.0.0/16 exists already by tunt0: remove it (ip route "
			      "del 10.1.0.0/16 dev "
			      "tunt0), or leave it out of remote_ts");
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt1", &b, why), -EEXIST);
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &a), 0);
	ck_assert(has_route("tunt0", "0000010A", "0000FFFF"));
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &a), 0);
	ck_assert(!has_route("tunt0", "0000010A", "0000FFFF"));
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &a), -ENOENT);
	netcfg_close(cfg);
	ck_assert(!has_route("tunt0", "0302010A", "FFFFFFFF"));
	ck_assert(!has_route6("tunt0", "fd010000000000000000000000000000 30 "));
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
}
END_TEST

/* The connected route of the address is the kernel's: counted, and left alone. */
START_TEST(route_that_was_there)
{
	struct prefix a = ns_prefix("10.9.1.1/24"), r = ns_prefix("10.9.1.0/24");
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &a, why), 0);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &r, why), 0);
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &r), 0);
	ck_assert(has_route("tunt0", "0001090A", "00FFFFFF"));
	/* So is the administrator's. */
	struct netcfg *other;
	struct prefix b = ns_prefix("fd01::/48");
	ck_assert_int_eq(netcfg_open(&other, NULL, why), 0);
	ck_assert_int_eq(netcfg_route_add(other, "tunt0", &b, why), 0);
	ck_assert_msg(netcfg_route_add(cfg, "tunt0", &b, why) == 0, "%s", why);
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &b), 0);
	ck_assert(has_route6("tunt0", "fd010000000000000000000000000000 30 "));
	netcfg_close(other);
	ck_assert(!has_route6("tunt0", "fd010000000000000000000000000000 30 "));
}
END_TEST

/* Halves, so that the host's own default route stays as it is. */
START_TEST(default_routes)
{
	struct prefix d4 = ns_prefix("0.0.0.0/0"), d6 = ns_prefix("::/0");
	struct prefix half4 = ns_prefix("128.0.0.0/1"), one4 = ns_prefix("0.0.0.0/1");
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &d4, why), 0);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &d6, why), 0);
	ck_assert(!has_route("tunt0", "00000000", "00000000"));
	ck_assert(has_route("tunt0", "00000000", "00000080"));
	ck_assert(has_route("tunt0", "00000080", "00000080"));
	ck_assert(has_route6("tunt0", "00000000000000000000000000000000 01 "));
	ck_assert(has_route6("tunt0", "80000000000000000000000000000000 01 "));
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &d4), 0);
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &d6), 0);
	ck_assert(!has_route("tunt0", "00000000", "00000080"));
	ck_assert(!has_route("tunt0", "00000080", "00000080"));
	ck_assert(!has_route6("tunt0", "80000000000000000000000000000000 01 "));
	/* One half in the way: none is left behind. */
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt1", &half4, why), 0);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &d4, why), -EEXIST);
	ck_assert(!has_route("tunt0", "00000000", "00000080"));
	ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &one4), -ENOENT);
}
END_TEST

START_TEST(bad_input)
{
	struct prefix a = ns_prefix("10.9.0.1/32"), none = {.len = 0}, wide = a;
	wide.len = 33;
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt9", &a, why), -ENODEV);
	ck_assert_str_eq(why, "there is no interface named \"tunt9\"");
	ck_assert_int_eq(netcfg_route_add(cfg, "../../etc", &a, why), -ENODEV);
	ck_assert_int_eq(netcfg_link_up(cfg, "tunt9", why), -ENODEV);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &none, why), -EINVAL);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &wide, why), -EINVAL);
	ck_assert_int_eq(netcfg_sysctl(cfg, "kernel/hostname", "x", why), -EINVAL);
	ck_assert_int_eq(netcfg_sysctl(cfg, "net/../kernel/hostname", "x", why), -EINVAL);
	ck_assert_int_eq(netcfg_sysctl(cfg, "net/ipv4/no_such_thing", "1", why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "cannot set net/ipv4/no_such_thing to \"1\""));
}
END_TEST

START_TEST(link_and_sysctl)
{
	char v[64];
	struct tun_params p = {.name = "tunt2", .mtu = 1400};
	struct tun *t2;
	ck_assert_int_eq(tun_linux.open(&p, &t2, why), 0);
	ck_assert(!ns_line("/proc/net/if_inet6", "tunt2", ""));
	ck_assert_int_eq(netcfg_link_up(cfg, "tunt2", why), 0);
	struct prefix r = ns_prefix("10.3.0.0/16");
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt2", &r, why), 0); /* only by one that is up */

	ck_assert_int_eq(netcfg_sysctl(cfg, "net/ipv4/conf/tunt0/rp_filter", "2", why), 0);
	ck_assert_int_eq(netcfg_sysctl(cfg, "net/ipv4/conf/tunt0/rp_filter", "1", why), 0);
	ck_assert_int_eq(netcfg_sysctl(cfg, "net/ipv4/ip_forward", "1", why), 0);
	ns_file("/proc/sys/net/ipv4/conf/tunt0/rp_filter", v, sizeof v);
	ck_assert_str_eq(v, "1");
	netcfg_close(cfg);
	ns_file("/proc/sys/net/ipv4/conf/tunt0/rp_filter", v, sizeof v);
	ck_assert_str_eq(v, "0");
	ns_file("/proc/sys/net/ipv4/ip_forward", v, sizeof v);
	ck_assert_str_eq(v, "0");
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
	ck_assert_int_eq(netcfg_route_add(cfg, "tunt2", &r, why), -ENETDOWN);
	ck_assert_str_eq(why, "cannot set the route 10.3.0.0/16 by tunt2: tunt2 is down");
	t2->ops->close(t2);
}
END_TEST

/* Also where the address comes before the link, and where neighbours could have it. */
START_TEST(usable_at_once)
{
	struct prefix a = ns_prefix("fd09::1/128");
	struct tun_params p = {.name = "tunt2", .mtu = 1400};
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
	struct tun *t2;
	memcpy(&sa.sin6_addr, a.addr.b, 16);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(tun_linux.open(&p, &t2, why), 0);
		ck_assert_int_eq(netcfg_addr_add(cfg, "tunt2", &a, why), 0);
		ck_assert_int_eq(netcfg_link_up(cfg, "tunt2", why), 0);
		ck_assert(ns_line(
		    "/proc/net/if_inet6", "fd090000000000000000000000000001", " 80 00 80 "));
		int fd = socket(AF_INET6, SOCK_DGRAM, 0);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
		close(fd);
		t2->ops->close(t2);
		netcfg_close(cfg); /* what vanished with the device is fine */
		ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
	}
	for (uint8_t i = 0; i < 200; i++) {
		a.addr.b[14] = i;
		ck_assert_int_eq(netcfg_addr_add(cfg, "tunt0", &a, why), 0);
		memcpy(&sa.sin6_addr, a.addr.b, 16);
		int fd = socket(AF_INET6, SOCK_DGRAM, 0);
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
		ck_assert(!ns_line("/proc/net/if_inet6", "fd09", " 80 00 c0 "));
		close(fd);
	}
}
END_TEST

/* A TAP device is an Ethernet: duplicate address detection would take a second. */
START_TEST(without_detection)
{
	char v[16];
	struct prefix a = ns_prefix("2001:db8::9/64");
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "tap0"};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(ioctl(fd, TUNSETIFF, &r), 0);
	ck_assert_int_eq(netns_up("tap0"), 0);
	ck_assert_int_eq(netcfg_addr_add(cfg, "tap0", &a, why), 0);
	ck_assert(ns_line("/proc/net/if_inet6", "20010db8000000000000000000000009", " 40 00 80 "));
	ns_file("/proc/sys/net/ipv6/conf/tap0/accept_dad", v, sizeof v);
	ck_assert_str_eq(v, "0");
	netcfg_close(cfg);
	ns_file("/proc/sys/net/ipv6/conf/tap0/accept_dad", v, sizeof v);
	ck_assert_str_eq(v, "1");
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
	close(fd);
}
END_TEST

START_TEST(ipv6_is_off)
{
	struct prefix a = ns_prefix("fd09::1/128");
	ck_assert_int_eq(netcfg_sysctl(cfg, "net/ipv6/conf/tunt0/disable_ipv6", "1", why), 0);
	ck_assert_int_lt(netcfg_addr_add(cfg, "tunt0", &a, why), 0);
	ck_assert_str_eq(why, "tunt0 cannot have fd09::1: IPv6 is off there (sysctl "
			      "net.ipv6.conf.tunt0.disable_ipv6=0 turns it on)");
}
END_TEST

START_TEST(without_privilege)
{
	struct prefix a = ns_prefix("10.9.0.1/32"), r = ns_prefix("10.1.0.0/16");
	ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_lt(netcfg_addr_add(cfg, "tunt0", &a, why), 0);
	ck_assert_ptr_nonnull(strstr(why, "no permission to set the address 10.9.0.1 on tunt0"));
	ck_assert_int_lt(netcfg_route_add(cfg, "tunt0", &r, why), 0);
	ck_assert_ptr_nonnull(strstr(why, "CAP_NET_ADMIN"));
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* How many IPv4 routes there are by dev. */
static size_t count_routes(const char *dev)
{
	char line[512], d[32];
	size_t n = 0;
	FILE *f = fopen("/proc/net/route", "re");
	while (f && fgets(line, sizeof line, f))
		n += sscanf(line, "%31s", d) == 1 && strcmp(d, dev) == 0;
	if (f)
		fclose(f);
	return n;
}

enum { THOUSAND = 1009, STEP = 613 }; /* a prime, so that steps come by all of them */

/* The same address with three lengths, and the next: the kernel lists them by address. */
static struct prefix nth(size_t i)
{
	struct prefix p = {.addr = {.family = ADDR_V4, .b = {10, 1}}};
	p.addr.b[2] = (uint8_t)(i / 3 >> 6);
	p.addr.b[3] = (uint8_t)(i / 3 << 2);
	p.len = (uint8_t)(30 + i % 3);
	return p;
}

/* In no order, each twice; removed in another order. */
START_TEST(a_thousand_routes)
{
	for (size_t i = 0; i < (size_t)2 * THOUSAND; i++) {
		struct prefix p = nth(i * STEP % THOUSAND);
		ck_assert_msg(netcfg_route_add(cfg, "tunt0", &p, why) == 0, "%s", why);
	}
	ck_assert_uint_eq(count_routes("tunt0"), THOUSAND);
	for (size_t i = 0; i < THOUSAND; i++) {
		struct prefix p = nth(i);
		ck_assert_int_eq(netcfg_route_del(cfg, "tunt1", &p), -ENOENT);
		ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &p), 0);
	}
	ck_assert_uint_eq(count_routes("tunt0"), THOUSAND);
	for (size_t i = 0; i < THOUSAND / 2; i++) {
		struct prefix p = nth((i + 77) * STEP % THOUSAND);
		ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &p), 0);
		ck_assert_int_eq(netcfg_route_del(cfg, "tunt0", &p), -ENOENT);
	}
	ck_assert_uint_eq(count_routes("tunt0"), THOUSAND - THOUSAND / 2);
	netcfg_close(cfg);
	ck_assert_uint_eq(count_routes("tunt0"), 0);
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
}
END_TEST

/* Those of others are found among many, too, in whatever order the kernel lists them. */
START_TEST(others_among_a_thousand)
{
	struct netcfg *other;
	ck_assert_int_eq(netcfg_open(&other, NULL, why), 0);
	for (size_t i = 0; i < THOUSAND; i++) {
		struct prefix p = nth(i * STEP % THOUSAND);
		ck_assert_int_eq(netcfg_route_add(other, "tunt0", &p, why), 0);
	}
	for (size_t i = 0; i < THOUSAND; i += 101) {
		struct prefix p = nth(i);
		ck_assert_int_eq(netcfg_route_add(cfg, "tunt1", &p, why), -EEXIST);
		ck_assert_int_eq(netcfg_route_add(cfg, "tunt0", &p, why), 0);
		p.addr.b[1] = 9;
		ck_assert_int_eq(netcfg_route_add(cfg, "tunt1", &p, why), 0);
	}
	netcfg_close(cfg);
	ck_assert_uint_eq(count_routes("tunt0"), THOUSAND);
	ck_assert_uint_eq(count_routes("tunt1"), 0);
	netcfg_close(other);
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("netcfg");
	TCase *t = tcase_create("netcfg");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, several_addresses);
	tcase_add_test(t, addresses_v6);
	tcase_add_test(t, addresses_are_counted);
	tcase_add_loop_test(t, sources, 0, 2);
	tcase_add_test(t, routes);
	tcase_add_test(t, route_that_was_there);
	tcase_add_test(t, default_routes);
	tcase_add_test(t, a_thousand_routes);
	tcase_add_test(t, others_among_a_thousand);
	tcase_add_test(t, bad_input);
	tcase_add_test(t, link_and_sysctl);
	tcase_add_test(t, usable_at_once);
	tcase_add_test(t, without_detection);
	tcase_add_test(t, ipv6_is_off);
	tcase_add_test(t, without_privilege);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

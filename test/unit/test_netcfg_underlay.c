/* Which way out: prefixes, metrics, interfaces left out, local addresses. */
#include "test/netns/netcfg_ns.h"

#include <net/route.h>
#include <netinet/in.h>

static struct netcfg *cfg;
static struct tun *dev[3];
static char why[TUN_WHY];

static void add_addr(const char *name, const char *text)
{
	struct prefix p = ns_prefix(text);
	ck_assert_msg(netcfg_addr_add(cfg, name, &p, why) == 0, "%s", why);
}

static void add_route(const char *name, const char *text)
{
	struct prefix p = ns_prefix(text);
	ck_assert_msg(netcfg_route_add(cfg, name, &p, why) == 0, "%s", why);
}

/* What an administrator sets and netcfg does not: gateways, metrics, real default routes. */
static void admin_route(const char *name, const char *dst, unsigned metric, const char *gateway)
{
	struct prefix p = ns_prefix(dst);
	struct addr gw = ns_addr(gateway);
	int fd = socket(p.addr.family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0), rc;
	if (p.addr.family == ADDR_V4) {
		char d[16];
		snprintf(d, sizeof d, "%s", name);
		struct sockaddr_in to = {.sin_family = AF_INET}, via = to, mask = to;
		struct rtentry r = {
		    .rt_flags = RTF_UP, .rt_dev = d, .rt_metric = (short)(metric + 1)};
		memcpy(&to.sin_addr, p.addr.b, 4);
		memcpy(&via.sin_addr, gw.b, 4);
		mask.sin_addr.s_addr = htonl(p.len ? UINT32_MAX << (32 - p.len) : 0);
		memcpy(&r.rt_dst, &to, sizeof to);
		memcpy(&r.rt_genmask, &mask, sizeof mask);
		if (via.sin_addr.s_addr) {
			r.rt_flags |= RTF_GATEWAY;
			memcpy(&r.rt_gateway, &via, sizeof via);
		}
		rc = ioctl(fd, SIOCADDRT, &r);
	} else {
		struct in6_rtmsg r = {
		    .rtmsg_flags = RTF_UP, .rtmsg_dst_len = p.len, .rtmsg_metric = metric};
		r.rtmsg_ifindex = (int)if_nametoindex(name);
		memcpy(&r.rtmsg_dst, p.addr.b, 16);
		rc = ioctl(fd, SIOCADDRT, &r);
	}
	ck_assert_msg(rc == 0, "%s: %s", dst, strerror(errno));
	close(fd);
}

static void set_up(void)
{
	netns_enter();
	dev[0] = ns_device("under0");
	dev[1] = ns_device("under1");
	dev[2] = ns_device("tunt0");
	ck_assert_int_eq(netcfg_open(&cfg, NULL, why), 0);
	add_addr("under0", "192.0.2.7/24");
	add_addr("under1", "198.51.100.7/24");
	add_addr("tunt0", "10.9.0.1/32");
	add_addr("under0", "2001:db8:0::7/64");
	add_addr("under1", "2001:db8:1::7/64");
	add_addr("tunt0", "fd09::1/128");
}

static void tear_down(void)
{
	netcfg_close(cfg);
	for (int i = 0; i < 3; i++)
		dev[i]->ops->close(dev[i]);
}

static void expect(const char *dst, const char *name, const char *src)
{
	struct netcfg_underlay u;
	struct addr to = ns_addr(dst), from = ns_addr(src);
	char text[ADDR_TEXT];
	int rc = netcfg_underlay(&to, "tunt0", &u);
	ck_assert_msg(rc == 0, "%s: %s", dst, strerror(-rc));
	ck_assert_msg(!strcmp(u.dev, name) && addr_equal(&u.src, &from), "%s by %s from %s", dst,
	    u.dev, addr_text(&u.src, text));
	ck_assert_uint_eq(u.ifindex, if_nametoindex(name));
	ck_assert_uint_eq(u.mtu, strcmp(name, "lo") ? 1400 : 65536);
}

static void expect_none(const char *dst)
{
	struct netcfg_underlay u;
	struct addr to = ns_addr(dst);
	ck_assert_int_eq(netcfg_underlay(&to, "tunt0", &u), -ENETUNREACH);
}

START_TEST(prefixes_and_metrics)
{
	expect("192.0.2.99", "under0", "192.0.2.7");
	expect("198.51.100.99", "under1", "198.51.100.7");
	expect("2001:db8::99", "under0", "2001:db8::7");
	expect_none("203.0.113.5");
	expect_none("2001:db8:9::5");

	admin_route("under0", "0.0.0.0/0", 100, "192.0.2.1");
	admin_route("under1", "0.0.0.0/0", 50, "198.51.100.1");
	admin_route("under0", "::/0", 300, "::");
	admin_route("under1", "::/0", 200, "::");
	expect("203.0.113.5", "under1", "198.51.100.7");
	expect("2001:db8:9::5", "under1", "2001:db8:1::7");

	admin_route("under0", "203.0.113.0/24", 900, "0.0.0.0"); /* longer, though dearer */
	admin_route("under0", "2001:db8:9::/48", 900, "::");
	expect("203.0.113.5", "under0", "192.0.2.7");
	expect("203.0.114.5", "under1", "198.51.100.7");
	expect("2001:db8:9::5", "under0", "2001:db8::7");
}
END_TEST

/* The tunnel's own routes do not count, however long. */
START_TEST(without_the_tunnel)
{
	add_route("tunt0", "0.0.0.0/0");
	add_route("tunt0", "::/0");
	expect_none("203.0.113.5");
	expect_none("2001:db8:9::5");
	admin_route("under0", "0.0.0.0/0", 100, "192.0.2.1");
	admin_route("under1", "::/0", 200, "::");
	add_route("tunt0", "203.0.113.5/32");
	add_route("tunt0", "2001:db8:9::5/128");
	expect("203.0.113.5", "under0", "192.0.2.7");
	expect("2001:db8:9::5", "under1", "2001:db8:1::7");

	struct netcfg_underlay u;
	struct addr to = ns_addr("203.0.113.5");
	ck_assert_int_eq(netcfg_underlay(&to, NULL, &u), 0);
	ck_assert_str_eq(u.dev, "tunt0");
	ck_assert_int_eq(netcfg_underlay(&(struct addr){0}, NULL, &u), -EINVAL);
}
END_TEST

START_TEST(both_ends_on_this_host)
{
	expect("192.0.2.7", "lo", "192.0.2.7");
	expect("127.0.0.1", "lo", "127.0.0.1");
	expect("127.3.0.1", "lo", "127.0.0.1");
	expect("::1", "lo", "::1");
	expect("2001:db8:1::7", "lo", "2001:db8:1::7");
}
END_TEST

START_TEST(unreachable)
{
	admin_route("under0", "0.0.0.0/0", 100, "192.0.2.1");
	struct sockaddr_in to = {.sin_family = AF_INET}, mask = to;
	struct rtentry r = {.rt_flags = RTF_UP | RTF_REJECT, .rt_metric = 1};
	to.sin_addr.s_addr = htonl(0xcb007100);
	mask.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&r.rt_dst, &to, sizeof to);
	memcpy(&r.rt_genmask, &mask, sizeof mask);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(ioctl(fd, SIOCADDRT, &r), 0);
	close(fd);
	admin_route("under1", "::/0", 200, "::");
	struct in6_rtmsg r6 = {.rtmsg_flags = RTF_UP | RTF_REJECT, .rtmsg_dst_len = 48};
	struct addr net6 = ns_addr("2001:db8:9::");
	memcpy(&r6.rtmsg_dst, net6.b, 16);
	r6.rtmsg_ifindex = 1;
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	ck_assert_int_eq(ioctl(fd, SIOCADDRT, &r6), 0);
	close(fd);
	expect_none("2001:db8:9::5");
	expect("2001:db8:a::5", "under1", "2001:db8:1::7");
	expect_none("203.0.113.5");
	expect("203.0.114.5", "under0", "192.0.2.7");
}
END_TEST

START_TEST(local_addresses)
{
	struct addr a = ns_addr("10.9.0.1"), lo = ns_addr("0.0.0.0"),
		    hi = ns_addr("255.255.255.255"), got;
	struct addr z6 = ns_addr("::"), f6 = ns_addr("ffff::"), l6 = ns_addr("fe80::"),
		    m6 = ns_addr("fec0::");
	ck_assert(netcfg_is_local(&a, NULL));
	ck_assert(!netcfg_is_local(&a, "tunt0"));
	a = ns_addr("192.0.2.7");
	ck_assert(netcfg_is_local(&a, "tunt0"));
	a = ns_addr("192.0.2.8");
	ck_assert(!netcfg_is_local(&a, NULL));
	a = ns_addr("fd09::1");
	ck_assert(netcfg_is_local(&a, NULL) && !netcfg_is_local(&a, "tunt0"));
	ck_assert(!netcfg_is_local(&(struct addr){0}, NULL));

	/* Loopback comes first in the table and is taken last. */
	ck_assert(netcfg_local_in(&lo, &hi, "tunt0", &got));
	a = ns_addr("192.0.2.7");
	ck_assert(addr_equal(&got, &a));
	struct addr l1 = ns_addr("127.0.0.0"), l2 = ns_addr("127.255.255.255");
	ck_assert(netcfg_local_in(&l1, &l2, NULL, &got));
	a = ns_addr("127.0.0.1");
	ck_assert(addr_equal(&got, &a));
	l1 = ns_addr("198.51.100.0");
	l2 = ns_addr("198.51.100.6");
	ck_assert(!netcfg_local_in(&l1, &l2, NULL, &got));
	l2 = ns_addr("198.51.100.7");
	ck_assert(netcfg_local_in(&l1, &l2, NULL, &got));
	ck_assert(addr_equal(&got, &l2));
	ck_assert(!netcfg_local_in(&l1, &l2, "under1", &got));
	ck_assert(netcfg_local_in(&z6, &f6, "tunt0", &got));
	ck_assert(!addr_is_link_local(&got) && !addr_is_loopback(&got));
	ck_assert(netcfg_local_in(&l6, &m6, NULL, &got) && addr_is_link_local(&got));
	ck_assert(!netcfg_local_in(&lo, &f6, NULL, &got));
}
END_TEST

/* Does the kernel have this route by under0, with this gateway? `text` as in the table. */
static bool has_route(const char *dst, const char *gateway)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/net/route", "re");
	while (f && !found && fgets(line, sizeof line, f)) {
		char name[16], d[16], g[16];
		found = sscanf(line, "%15s %15s %15s", name, d, g) == 3 &&
			strcmp(name, "under0") == 0 && strcmp(d, dst) == 0 &&
			strcmp(g, gateway) == 0;
	}
	if (f)
		fclose(f);
	return found;
}

/* A part of what the tunnel takes goes where it went before. */
START_TEST(around_the_tunnel)
{
	struct prefix part = ns_prefix("10.20.30.0/24"), link = ns_prefix("192.0.2.128/25"),
		      v6 = ns_prefix("2001:db8:99::/48");
	struct netcfg_underlay u;
	struct addr to = ns_addr("10.20.30.1");
	char name[16];

	add_addr("under0", "192.0.2.7/24");
	ck_assert_int_eq(netcfg_bypass_add(cfg, "tunt0", &part, name, why), -ENETUNREACH);
	ck_assert_ptr_nonnull(strstr(why, "no way to 10.20.30.0/24 but the tunnel"));
	admin_route("under0", "0.0.0.0/0", 0, "192.0.2.1");
	add_route("tunt0", "10.0.0.0/8");
	ck_assert_int_eq(netcfg_underlay(&to, NULL, &u), 0);
	ck_assert_str_eq(u.dev, "tunt0");
	ck_assert_msg(netcfg_bypass_add(cfg, "tunt0", &part, name, why) == 0, "%s", why);
	ck_assert_str_eq(name, "under0");
	ck_assert(has_route("001E140A", "010200C0"));
	ck_assert_int_eq(netcfg_underlay(&to, NULL, &u), 0);
	ck_assert_str_eq(u.dev, "under0");
	/* Asked for twice, given back twice. */
	ck_assert_int_eq(netcfg_bypass_add(cfg, "tunt0", &part, name, why), 0);
	ck_assert_int_eq(netcfg_route_del(cfg, name, &part), 0);
	ck_assert(has_route("001E140A", "010200C0"));
	ck_assert_int_eq(netcfg_route_del(cfg, name, &part), 0);
	ck_assert(!has_route("001E140A", "010200C0"));
	/* On the link itself there is no gateway. */
	ck_assert_int_eq(netcfg_bypass_add(cfg, "tunt0", &link, name, why), 0);
	ck_assert(has_route("800200C0", "00000000"));
	ck_assert_int_eq(netcfg_bypass_add(cfg, "tunt0", &v6, name, why), -ENETUNREACH);
	netcfg_close(cfg);
	cfg = NULL;
	ck_assert(!has_route("800200C0", "00000000"));
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("netcfg_underlay");
	TCase *t = tcase_create("underlay");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, prefixes_and_metrics);
	tcase_add_test(t, without_the_tunnel);
	tcase_add_test(t, both_ends_on_this_host);
	tcase_add_test(t, unreachable);
	tcase_add_test(t, local_addresses);
	tcase_add_test(t, around_the_tunnel);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/* The Linux device in a namespace: packets in and out, names, errors. */
#include "test/netns/netcfg_ns.h"

#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { CAP = PKT_HEADROOM + 2000 + PKT_TAILROOM };

static uint8_t room[CAP];
static struct pkt one = {.base = room, .cap = CAP};

static void set_up(void)
{
	netns_enter();
}

static void tear_down(void)
{
}

static void send_packet(struct tun *t, const uint8_t *p, size_t n)
{
	memcpy(room + PKT_HEADROOM, p, n);
	one.off = PKT_HEADROOM;
	one.len = (uint32_t)n;
	one.verdict = 0;
	ck_assert_int_eq(ns_write(t, &one), 0);
}

/* The next packet of this IP version and protocol within two seconds; others are passed over. */
static bool next_packet(struct tun *t, unsigned version, uint8_t proto)
{
	struct pollfd f = {.fd = t->ops->poll_fd(t, 0), .events = POLLIN};
	struct tun_gso gso;
	while (poll(&f, 1, 2000) == 1) {
		if (t->ops->read(t, 0, &one, &gso) != 1)
			continue;
		const uint8_t *p = one.base + one.off;
		if (p[0] >> 4 == version && p[version == 4 ? 9 : 6] == proto)
			return true;
	}
	return false;
}

/* An echo request from the peer's side, to which the kernel answers through the device. */
START_TEST(kernel_answers_ping)
{
	char why[TUN_WHY];
	struct netcfg *n;
	struct tun *t = ns_device("tunt0");
	struct prefix a = ns_prefix("10.77.0.1/32"), r = ns_prefix("10.77.0.0/24");
	ck_assert_int_eq(netcfg_open(&n, NULL, why), 0);
	ck_assert_int_eq(netcfg_addr_add(n, "tunt0", &a, why), 0);
	ck_assert_int_eq(netcfg_route_add(n, "tunt0", &r, why), 0);

	uint8_t p[28] = {0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 77, 0, 2, 10, 77, 0, 1, 8, 0,
	    0, 0, 0x12, 0x34, 0, 7};
	be16_store(p + 10, tun_csum_ip4(bytes_of(p, 20)));
	be16_store(p + 22, tun_csum_fold(tun_csum_add(0, bytes_of(p + 20, 8))));
	send_packet(t, p, sizeof p);
	ck_assert(next_packet(t, 4, 1));
	const uint8_t *q = one.base + one.off;
	ck_assert_uint_eq(one.off, PKT_HEADROOM);
	ck_assert_uint_eq(one.len, sizeof p);
	ck_assert_int_eq(memcmp(q + 12, p + 16, 4), 0);
	ck_assert_int_eq(memcmp(q + 16, p + 12, 4), 0);
	ck_assert_uint_eq(q[20], 0); /* echo reply */
	ck_assert_int_eq(memcmp(q + 24, p + 24, 4), 0);
	ck_assert_uint_eq(tun_csum_ip4(bytes_of(q, 20)), 0);
	ck_assert_uint_eq(tun_csum_fold(tun_csum_add(0, bytes_of(q + 20, one.len - 20))), 0);
	netcfg_close(n);
	t->ops->close(t);
}
END_TEST

START_TEST(kernel_answers_ping6)
{
	char why[TUN_WHY];
	struct netcfg *n;
	struct tun *t = ns_device("tunt0");
	struct prefix a = ns_prefix("fd77::1/128"), r = ns_prefix("fd77::/64");
	ck_assert_int_eq(netcfg_open(&n, NULL, why), 0);
	ck_assert_msg(netcfg_addr_add(n, "tunt0", &a, why) == 0, "%s", why);
	ck_assert_msg(netcfg_route_add(n, "tunt0", &r, why) == 0, "%s", why);

	uint8_t p[48] = {0x60, 0, 0, 0, 0, 8, 58, 64};
	struct addr src = ns_addr("fd77::2");
	memcpy(p + 8, src.b, 16);
	memcpy(p + 24, a.addr.b, 16);
	p[40] = 128;
	p[47] = 9;
	be16_store(p + 42, tun_csum_l4(&src, &a.addr, 58, bytes_of(p + 40, 8)));
	send_packet(t, p, sizeof p);
	do
		ck_assert(next_packet(t, 6, 58));
	while (one.base[one.off + 40] != 129); /* the device's own router solicitations */
	const uint8_t *q = one.base + one.off;
	ck_assert_int_eq(memcmp(q + 8, a.addr.b, 16), 0);
	ck_assert_int_eq(memcmp(q + 24, src.b, 16), 0);
	ck_assert_uint_eq(tun_csum_l4(&a.addr, &src, 58, bytes_of(q + 40, one.len - 40)), 0);
	netcfg_close(n);
	t->ops->close(t);
}
END_TEST

START_TEST(name_is_taken)
{
	char why[TUN_WHY] = "";
	struct tun *t = ns_device("tunt0"), *u;
	struct tun_params p = {.name = "tunt0", .mtu = 1400};
	ck_assert_int_eq(tun_linux.open(&p, &u, why), -EBUSY);
	ck_assert_str_eq(why,
	    "the interface tunt0 is in use by another program: stop that one, or set tun.name");
	ck_assert_ptr_null(u);
	p.name = "lo";
	ck_assert_int_eq(tun_linux.open(&p, &u, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "an interface named lo exists and is no TUN device"));
	t->ops->close(t);
	/* It went with its descriptor. */
	ck_assert(!ns_line("/proc/net/dev", "tunt0", ":"));
}
END_TEST

START_TEST(bad_name_and_mtu)
{
	static const char *const names[] = {"", "a/b", "0123456789abcdef", "a b", "..", "a:1"};
	char why[TUN_WHY];
	struct tun *t;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct tun_params p = {.name = names[i], .mtu = 1400};
		ck_assert_int_eq(tun_linux.open(&p, &t, why), -EINVAL);
		ck_assert_ptr_nonnull(strstr(why, "cannot name an interface"));
	}
	struct tun_params p = {.name = "tunt0", .mtu = 70000};
	ck_assert_int_eq(tun_linux.open(&p, &t, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "cannot set the MTU of tunt0 to 70000"));
	ck_assert(!ns_line("/proc/net/dev", "tunt0", ":"));
}
END_TEST

START_TEST(mtu_is_set)
{
	char text[32];
	struct tun *t = ns_device("tunt0");
	ns_file("/proc/self/net/dev", text, sizeof text);
	struct ifreq r = {.ifr_name = "tunt0"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(ioctl(fd, SIOCGIFMTU, &r), 0);
	ck_assert_int_eq(r.ifr_mtu, 1400);
	ck_assert_int_eq(t->ops->set_mtu(t, 1280), 0);
	ck_assert_int_eq(ioctl(fd, SIOCGIFMTU, &r), 0);
	ck_assert_int_eq(r.ifr_mtu, 1280);
	ck_assert_uint_eq(t->mtu, 1280);
	ck_assert_int_eq(t->ops->set_mtu(t, 10), -EINVAL);
	ck_assert_uint_eq(t->mtu, 1280);
	close(fd);
	t->ops->close(t);
}
END_TEST

/* Without CAP_NET_ADMIN the sentence says what is missing. */
START_TEST(no_permission)
{
	char why[TUN_WHY] = "";
	struct tun *t;
	struct tun_params p = {.name = "tunt0", .mtu = 1400};
	ck_assert_int_eq(setuid(65534), 0);
	int rc = tun_linux.open(&p, &t, why);
	ck_assert(rc == -EPERM || rc == -EACCES);
	ck_assert_msg(strstr(why, "no permission to ") == why, "%s", why);
	ck_assert(strstr(why, "CAP_NET_ADMIN") || strstr(why, "chmod"));
}
END_TEST

/* As in a container that was not given the device. */
START_TEST(no_device_node)
{
	char why[TUN_WHY] = "";
	struct tun *t;
	struct tun_params p = {.name = "tunt0", .mtu = 1400};
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("none", "/dev/net", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(tun_linux.open(&p, &t, why), -ENOENT);
	ck_assert_msg(
	    strstr(why, "there is no /dev/net/tun: load the driver (modprobe tun)") == why, "%s",
	    why);
	ck_assert_ptr_nonnull(strstr(why, "--device /dev/net/tun"));
	/* A node without a driver behind it. */
	ck_assert_int_eq(mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 253)), 0);
	int rc = tun_linux.open(&p, &t, why);
	ck_assert_int_lt(rc, 0);
	ck_assert_msg(strstr(why, "/dev/net/tun"), "%s", why);
}
END_TEST

/* A packet that is no IP is refused by the kernel and counted as lost; the device stays. A deleted
 * one is an error. */
START_TEST(garbage_and_gone)
{
	struct tun *t = ns_device("tunt0");
	struct pkt two[2] = {one, one};
	static uint8_t other[CAP];
	two[1].base = other;
	memset(room + PKT_HEADROOM, 0x11, 40);
	memset(other + PKT_HEADROOM, 0, 40);
	memcpy(other + PKT_HEADROOM, (uint8_t[]){0x45, 0, 0, 40}, 4);
	two[0].off = two[1].off = PKT_HEADROOM;
	two[0].len = two[1].len = 40;
	two[0].verdict = two[1].verdict = 0;
	ck_assert_int_eq(ns_write(t, &two[0]), -EINVAL);
	ck_assert_int_eq(ns_write(t, &two[1]), 0);
	t->ops->close(t);
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("netcfg_dev");
	TCase *t = tcase_create("device");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, kernel_answers_ping);
	tcase_add_test(t, kernel_answers_ping6);
	tcase_add_test(t, name_is_taken);
	tcase_add_test(t, bad_name_and_mtu);
	tcase_add_test(t, mtu_is_set);
	tcase_add_test(t, no_permission);
	tcase_add_test(t, no_device_node);
	tcase_add_test(t, garbage_and_gone);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

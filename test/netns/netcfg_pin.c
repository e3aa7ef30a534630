/*
 * Datagrams leave by the interface that they are pinned to, from the address that was given,
 * although the tunnel has all the longer routes: a tunnelled default route cannot loop.
 */
#include "daemon/udp/udp.h"
#include "test/netns/tunnelled.h"

#include <arpa/inet.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>

enum { CAP = PKT_HEADROOM + 4096 + PKT_TAILROOM };

static struct tunnelled host;
static struct tun *other;
static struct udp_sock *sock;
static char why[256];
static uint8_t room[CAP], room2[CAP];
static struct pkt one = {.base = room, .cap = CAP}, two = {.base = room2, .cap = CAP};

static void set_up(void)
{
	netns_enter();
	tunnelled_up(&host);
	other = ns_device("under1");
	ns_add_addr(host.cfg, "under1", "198.51.100.7/24");
	struct udp_params p = {.families = UDP_BOTH, .port = 4500};
	ck_assert_msg(udp_open(&sock, &p, why) == 0, "%s", why);
}

static void tear_down(void)
{
	udp_close(sock);
	other->ops->close(other);
	tunnelled_down(&host);
}

/* The next UDP packet on a device within `ms`; fragments count by their first. */
static bool next_udp(struct tun *t, struct pkt *p, int ms)
{
	struct pollfd f = {.fd = t->ops->poll_fd(t, 0), .events = POLLIN};
	struct tun_gso gso;
	while (poll(&f, 1, ms) == 1) {
		if (t->ops->read(t, 0, p, &gso) != 1)
			continue;
		const uint8_t *b = p->base + p->off;
		if ((b[0] >> 4 == 4 && b[9] == 17) ||
		    (b[0] >> 4 == 6 && (b[6] == 17 || b[6] == 44)))
			return true;
	}
	return false;
}

static size_t send_text(const char *src, const char *dst, unsigned ifindex, uint32_t len)
{
	static uint8_t out[CAP];
	struct pkt p = {.base = out, .cap = CAP, .off = PKT_HEADROOM, .len = len, .tos = 0x28};
	struct udp_msg m = {.pkt = &p, .remote = {ns_addr(dst), 4500}, .ifindex = ifindex};
	if (src)
		m.local.addr = ns_addr(src);
	return udp_send_batch(sock, &m, 1, NULL);
}

static const struct pin_row {
	const char *src, *dst;
} rows[] = {
    {"192.0.2.8", "203.0.113.5"},
    {"192.0.2.7", "128.9.9.9"},
    {"2001:db8::8", "2001:db8:9::5"},
    {"2001:db8::7", "9000::5"},
    {"2001:db8::7", "2001:db8::99"},
};

START_TEST(pinned)
{
	const struct pin_row *r = &rows[_i];
	struct addr src = ns_addr(r->src);
	struct netcfg_underlay u;
	struct addr dst = ns_addr(r->dst);
	ck_assert_int_eq(netcfg_underlay(&dst, "tunt0", &u), 0);
	ck_assert_str_eq(u.dev, "under0");
	ck_assert_uint_eq(send_text(r->src, r->dst, u.ifindex, 100), 1);
	ck_assert(next_udp(host.under, &one, 1000));
	const uint8_t *b = one.base + one.off;
	if (src.family == ADDR_V4) {
		ck_assert_int_eq(memcmp(b + 12, src.b, 4), 0);
		ck_assert_uint_eq(b[1], 0x28);
		ck_assert_uint_eq(b[6] & 0x40, 0); /* may be fragmented on its way */
	} else {
		ck_assert_int_eq(memcmp(b + 8, src.b, 16), 0);
		ck_assert_uint_eq((be16_load(b) >> 4) & 0xff, 0x28);
	}
	ck_assert(!next_udp(host.tunnel, &two, 50));
}
END_TEST

/* The same without a pin goes into the tunnel: what the test above shows is the pin's doing. */
START_TEST(not_pinned)
{
	const struct pin_row *r = &rows[_i];
	ck_assert_uint_eq(send_text(NULL, r->dst, 0, 100), 1);
	ck_assert(next_udp(host.tunnel, &one, 1000));
	ck_assert(!next_udp(host.under, &two, 50));
}
END_TEST

/* Larger than the interface: fragments, not a black hole. */
START_TEST(large)
{
	unsigned ifindex = if_nametoindex("under0");
	ck_assert_uint_eq(send_text("192.0.2.8", "203.0.113.5", ifindex, 3000), 1);
	for (int i = 0; i < 3; i++)
		ck_assert(next_udp(host.under, &one, 1000));
	ck_assert_uint_eq(send_text("2001:db8::8", "2001:db8:9::5", ifindex, 3000), 1);
	for (int i = 0; i < 3; i++)
		ck_assert(next_udp(host.under, &one, 1000));
}
END_TEST

/* Turns the packet on `under` around, so that the peer answers. */
static void answer(void)
{
	uint8_t *b = one.base + one.off, t[16];
	size_t n = b[0] >> 4 == 4 ? 4 : 16, at = n == 4 ? 12 : 8;
	memcpy(t, b + at, n);
	memcpy(b + at, b + at + n, n);
	memcpy(b + at + n, t, n);
	ck_assert_int_eq(ns_write(host.under, &one), 0);
}

/* The answer is received, with the address it was sent to and the interface, whichever of the
 * sockets behind the port gets it. */
START_TEST(answered)
{
	const struct pin_row *r = &rows[_i];
	unsigned ifindex = if_nametoindex("under0");
	struct addr src = ns_addr(r->src), dst = ns_addr(r->dst);
	struct udp_msg in = {.pkt = &two};
	struct pollfd f = {.fd = udp_fd(sock), .events = POLLIN};
	for (int round = 0; round < 3; round++) {
		ck_assert_uint_eq(send_text(r->src, r->dst, ifindex, 100), 1);
		ck_assert(next_udp(host.under, &one, 1000));
		answer();
		ck_assert_int_eq(poll(&f, 1, 1000), 1);
		ck_assert_int_eq(udp_recv_batch(sock, &in, 1), 1);
		ck_assert(addr_equal(&in.local.addr, &src) && addr_equal(&in.remote.addr, &dst));
		ck_assert_uint_eq(in.ifindex, ifindex);
		ck_assert_uint_eq(two.len, 100);
		ck_assert_int_eq(poll(&f, 1, 0), 0);
	}
}
END_TEST

/* Both ends on one host, with a tunnelled default route.
 */
START_TEST(local_to_local)
{
	static const struct pin_row local[] = {
	    {"192.0.2.7", "192.0.2.8"}, {"2001:db8::7", "2001:db8::8"}, {"127.0.0.1", "127.0.0.1"}};
	const struct pin_row *r = &local[_i];
	struct netcfg_underlay u;
	struct addr dst = ns_addr(r->dst), src = ns_addr(r->src);
	struct udp_msg in = {.pkt = &two};
	struct pollfd f = {.fd = udp_fd(sock), .events = POLLIN};
	ck_assert_int_eq(netcfg_underlay(&dst, "tunt0", &u), 0);
	ck_assert_uint_eq(send_text(r->src, r->dst, u.ifindex, 50), 1);
	ck_assert_int_eq(poll(&f, 1, 1000), 1);
	ck_assert_int_eq(udp_recv_batch(sock, &in, 1), 1);
	ck_assert(addr_equal(&in.local.addr, &dst) && addr_equal(&in.remote.addr, &src));
	/* And back, as the interface that it came in says. */
	ck_assert_uint_eq(send_text(r->dst, r->src, in.ifindex, 60), 1);
	ck_assert_int_eq(poll(&f, 1, 1000), 1);
	ck_assert_int_eq(udp_recv_batch(sock, &in, 1), 1);
	ck_assert(addr_equal(&in.local.addr, &src) && two.len == 60);
}
END_TEST

/* More interfaces than sockets: still by the right one. */
START_TEST(many_interfaces)
{
	struct tun *more[40];
	char name[16];
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "many%d", i);
		more[i] = ns_device(name);
		struct in6_rtmsg r = {.rtmsg_flags = RTF_UP, .rtmsg_metric = 2000};
		r.rtmsg_ifindex = (int)if_nametoindex(name);
		int fd = socket(AF_INET6, SOCK_DGRAM, 0);
		ck_assert_int_eq(ioctl(fd, SIOCADDRT, &r), 0);
		close(fd);
		char addr[32];
		snprintf(addr, sizeof addr, "2001:db8:%x::1/64", 100 + i);
		ns_add_addr(host.cfg, name, addr);
		*strchr(addr, '/') = 0;
		ck_assert_uint_eq(send_text(addr, "2001:db8:9::5", if_nametoindex(name), 100), 1);
		ck_assert_msg(next_udp(more[i], &one, 1000), "%s", name);
	}
	ck_assert(!next_udp(host.tunnel, &two, 50));
	for (int i = 0; i < 40; i++)
		more[i]->ops->close(more[i]);
}
END_TEST

static void *send_many(void *arg)
{
	for (int i = 0; i < 200; i++)
		send_text("2001:db8::7", "2001:db8:9::5", *(unsigned *)arg, 100);
	return NULL;
}

/* Two threads that pin at the same time make one socket between them, and the port stays exclusive.
 */
START_TEST(two_threads)
{
	unsigned ifindex = if_nametoindex("under0");
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, send_many, &ifindex), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ck_assert(!next_udp(host.tunnel, &two, 50));
	ck_assert(next_udp(host.under, &one, 1000));
	struct udp_sock *s;
	struct udp_params p = {.families = UDP_V6, .port = 4500};
	ck_assert_int_eq(udp_open(&s, &p, why), -EADDRINUSE);
	/* Nor by a program that would share it. */
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(4500)};
	int yes = 1, fd = socket(AF_INET6, SOCK_DGRAM, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes), 0);
	ck_assert_int_ne(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(fd);
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("netcfg_pin");
	TCase *t = tcase_create("pin");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, pinned, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(t, not_pinned, 0, 4);
	tcase_add_test(t, large);
	tcase_add_loop_test(t, answered, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(t, local_to_local, 0, 3);
	tcase_add_test(t, many_interfaces);
	tcase_add_test(t, two_threads);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

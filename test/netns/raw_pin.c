/*
 * Plain ESP by raw sockets, on interfaces: pins, DF, what the kernel and routers tell of sizes, and
 * that the host does not refuse ESP.
 */
#include "test/unit/raw_test.h"

#include <net/route.h>
#include <netinet/in.h>

#include "daemon/raw/internal.h"
#include "test/netns/tunnelled.h"

static struct tunnelled host;
static struct raw_sock *sock;
static uint8_t dev_room[CAP];
static struct pkt dev_pkt = {.base = dev_room, .cap = CAP};

static void devices_up(void)
{
	set_up();
	tunnelled_up(&host); /* of 1400 bytes */
	sock = open_share(0, 1, 0);
}

static void devices_down(void)
{
	raw_close(sock);
	tunnelled_down(&host);
}

/* The next packet of a protocol on a device within `ms`, in dev_pkt; IPv6 by its first header. */
static const uint8_t *next_of(struct tun *t, uint8_t proto, int ms)
{
	struct pollfd f = {.fd = t->ops->poll_fd(t, 0), .events = POLLIN};
	struct tun_gso gso;
	while (poll(&f, 1, ms) == 1) {
		if (t->ops->read(t, 0, &dev_pkt, &gso) != 1)
			continue;
		const uint8_t *b = dev_pkt.base + dev_pkt.off;
		if ((b[0] >> 4 == 4 && b[9] == proto) || (b[0] >> 4 == 6 && b[6] == proto))
			return b;
	}
	return NULL;
}

static const struct pin_row {
	const char *src, *dst;
} pins[] = {
    {"192.0.2.8", "203.0.113.5"},
    {"192.0.2.7", "128.9.9.9"},
    {"2001:db8::8", "2001:db8:9::5"},
    {"2001:db8::7", "9000::5"},
    {"2001:db8::7", "2001:db8::99"},
};

/* By the interface that it is pinned to, from the address that was given, although the tunnel has
 * all the longer routes. */
START_TEST(pinned)
{
	const struct pin_row *r = &pins[_i];
	struct addr src = ns_addr(r->src);
	put(0, 1, 100, r->src, r->dst);
	out[0].ifindex = if_nametoindex("under0");
	out[0].pkt->tos = 0x28;
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, NULL), 1);
	const uint8_t *b = next_of(host.under, 50, 1000);
	ck_assert_ptr_nonnull(b);
	if (src.family == ADDR_V4) {
		ck_assert_mem_eq(b + 12, src.b, 4);
		ck_assert_uint_eq(b[1], 0x28);
		ck_assert_mem_eq(b + 20, room_a[0] + PKT_HEADROOM, 100);
	} else {
		ck_assert_mem_eq(b + 8, src.b, 16);
		ck_assert_uint_eq((be16_load(b) >> 4) & 0xff, 0x28);
		ck_assert_mem_eq(b + 40, room_a[0] + PKT_HEADROOM, 100);
	}
	ck_assert_ptr_null(next_of(host.tunnel, 50, 50));
}
END_TEST

/* The same without a pin goes into the tunnel: what the test above shows is the pin's doing. */
START_TEST(not_pinned)
{
	put(0, 1, 100, NULL, pins[_i].dst);
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, NULL), 1);
	ck_assert_ptr_nonnull(next_of(host.tunnel, 50, 1000));
	ck_assert_ptr_null(next_of(host.under, 50, 50));
}
END_TEST

/* Makes the peer's answer of the packet in dev_pkt. */
static void turn_around(void)
{
	uint8_t *b = dev_pkt.base + dev_pkt.off, t[16];
	size_t n = b[0] >> 4 == 4 ? 4 : 16, at = n == 4 ? 12 : 8;
	memcpy(t, b + at, n);
	memcpy(b + at, b + at + n, n);
	memcpy(b + at + n, t, n);
}

/* A peer's packet comes once, although more than one socket has a right to it. */
START_TEST(comes_once)
{
	const struct pin_row *r = &pins[_i];
	struct addr src = ns_addr(r->src), dst = ns_addr(r->dst);
	put(0, 1, 100, r->src, r->dst);
	out[0].ifindex = if_nametoindex("under0");
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, NULL), 1);
	ck_assert_ptr_nonnull(next_of(host.under, 50, 1000));
	turn_around();
	ck_assert_int_eq(ns_write(host.under, &dev_pkt), 0);
	ck_assert_uint_eq(receive(sock, 1), 1);
	ck_assert(addr_equal(&in[0].local.addr, &src) && addr_equal(&in[0].remote.addr, &dst));
	ck_assert_uint_eq(in[0].ifindex, if_nametoindex("under0"));
	same(0, 0);
	ck_assert(quiet(sock));
}
END_TEST

/* DF as each packet wants it, within one batch. */
START_TEST(df_per_packet)
{
	for (size_t i = 0; i < 12; i++) {
		put(i, 1, 100 + i, "192.0.2.8", "203.0.113.5");
		out[i].ifindex = if_nametoindex("under0");
		pkt_a[i].flags = i & 2 ? PKT_DF : 0;
	}
	ck_assert_uint_eq(raw_send_batch(sock, out, 12, NULL), 12);
	for (size_t i = 0; i < 12; i++) {
		const uint8_t *b = next_of(host.under, 50, 1000);
		ck_assert_ptr_nonnull(b);
		ck_assert_uint_eq(be16_load(b + 2), 120 + i);
		ck_assert_int_eq((b[6] & 0x40) != 0, (i & 2) != 0);
	}
}
END_TEST

/* Larger than the interface: fragments, or with DF a refusal that names the MTU. */
START_TEST(large)
{
	bool v6 = _i % 2, pin = _i / 2;
	int err = 0;
	struct udp_too_big t;
	struct addr dst = ns_addr(v6 ? "2001:db8::99" : "192.0.2.99");
	put(0, 1, 3000, v6 ? "2001:db8::8" : "192.0.2.8", v6 ? "2001:db8::99" : "192.0.2.99");
	out[0].ifindex = pin ? if_nametoindex("under0") : 0;
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, &err), 1);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(next_of(host.under, v6 ? 44 : 50, 1000));
	ck_assert(!raw_next_too_big(sock, &t));
	pkt_a[0].flags = PKT_DF;
	for (int round = 0; round < 3; round++) {
		ck_assert_uint_eq(raw_send_batch(sock, out, 1, &err), 0);
		ck_assert_int_eq(err, -EMSGSIZE);
		ck_assert(raw_next_too_big(sock, &t));
		ck_assert(addr_equal(&t.dst, &dst));
		ck_assert_uint_eq(t.mtu, 1400);
		ck_assert(!t.by_icmp);
		while (raw_next_too_big(sock, &t))
			ck_assert_uint_eq(t.mtu, 1400);
	}
	/* The largest that fits does, and one byte more does not. */
	pkt_a[0].len = 1400 - (v6 ? 40 : 20);
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, &err), 1);
	ck_assert_ptr_nonnull(next_of(host.under, 50, 1000));
	pkt_a[0].len++;
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, &err), 0);
	ck_assert_int_eq(raw_recv_batch(sock, in, 1), 0);
	ck_assert(quiet(sock));
}
END_TEST

/* More than anyone fetches: the newest are kept. */
START_TEST(news_overflow)
{
	struct udp_too_big t;
	for (size_t i = 0; i < 40; i++) {
		char dst[32];
		snprintf(dst, sizeof dst, "192.0.2.%zu", 100 + i);
		put(0, 1, 3000, "192.0.2.8", dst);
		pkt_a[0].flags = PKT_DF;
		ck_assert_uint_eq(raw_send_batch(sock, out, 1, NULL), 0);
	}
	unsigned n = 0, last = 0;
	for (; raw_next_too_big(sock, &t); n++) {
		ck_assert_uint_ge(t.dst.b[3], last);
		last = t.dst.b[3];
	}
	ck_assert_uint_eq(n, RAW_NEWS);
	ck_assert_uint_eq(last, 139);
}
END_TEST

/* A router's answer to the packet in dev_pkt, written as if it came in by under0: "too big", or
 * with an mtu of 0 "host unreachable". */
static void router_says(uint32_t mtu)
{
	static uint8_t icmp[CAP];
	const uint8_t *q = dev_pkt.base + dev_pkt.off;
	struct pkt p = {.base = icmp, .cap = CAP, .off = PKT_HEADROOM};
	uint8_t *b = icmp + PKT_HEADROOM;
	memset(b, 0, 48);
	if (q[0] >> 4 == 4) {
		p.len = 28 + 28;
		b[0] = 0x45;
		be16_store(b + 2, (uint16_t)p.len);
		b[8] = 64;
		b[9] = 1;
		be32_store(b + 12, 0xc00002fe);
		memcpy(b + 16, q + 12, 4);
		be16_store(b + 10, tun_csum_ip4(bytes_of(b, 20)));
		b[20] = 3;
		b[21] = mtu ? 4 : 1;
		be16_store(b + 26, (uint16_t)mtu);
		memcpy(b + 28, q, 28);
		be16_store(b + 22, tun_csum_fold(tun_csum_add(0, bytes_of(b + 20, 36))));
	} else {
		struct addr from = ns_addr("2001:db8::fe"),
			    to = addr_from_bytes(bytes_of(q + 8, 16));
		p.len = 48 + 200;
		b[0] = 0x60;
		be16_store(b + 4, 208);
		b[6] = 58;
		b[7] = 64;
		memcpy(b + 8, from.b, 16);
		memcpy(b + 24, to.b, 16);
		b[40] = mtu ? 2 : 1;
		b[41] = mtu ? 0 : 3;
		be32_store(b + 44, mtu);
		memcpy(b + 48, q, 200);
		be16_store(b + 42, tun_csum_l4(&from, &to, 58, bytes_of(b + 40, 208)));
	}
	ck_assert_int_eq(ns_write(host.under, &p), 0);
}

/* A router's word is told with the SPI that it quotes; the route knows it then, too. */
START_TEST(router)
{
	bool v6 = _i % 2, pin = _i / 2;
	int err;
	uint32_t mtu = 0;
	struct udp_too_big t = {0};
	const char *from = v6 ? "2001:db8::8" : "192.0.2.8",
		   *to = v6 ? "2001:db8::99" : "192.0.2.99";
	struct addr dst = ns_addr(to), src = ns_addr(from);
	put(0, 0xc0ffee02, 1360, from, to);
	out[0].ifindex = pin ? if_nametoindex("under0") : 0;
	pkt_a[0].flags = PKT_DF;
	ck_assert_int_eq(udp_route_mtu(&dst, &src, out[0].ifindex, &mtu), 0);
	ck_assert_uint_eq(mtu, 1400);
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, NULL), 1);
	ck_assert_ptr_nonnull(next_of(host.under, 50, 1000));
	router_says(1300);
	struct pollfd f = {.fd = raw_fd(sock), .events = POLLIN};
	ck_assert_int_eq(poll(&f, 1, 1000), 1);
	ck_assert_int_eq(raw_recv_batch(sock, in, N), 0);
	ck_assert(raw_next_too_big(sock, &t));
	ck_assert(addr_equal(&t.dst, &dst));
	ck_assert_uint_eq(t.mtu, 1300);
	ck_assert(t.by_icmp);
	ck_assert_uint_eq(t.spi, 0xc0ffee02);
	ck_assert(quiet(sock));
	ck_assert_int_eq(udp_route_mtu(&dst, &src, out[0].ifindex, &mtu), 0);
	ck_assert_uint_eq(mtu, 1300);
	/* The next one of that size is refused by the host itself. */
	while (raw_next_too_big(sock, &t))
		;
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, &err), 0);
	ck_assert_int_eq(err, -EMSGSIZE);
	ck_assert(raw_next_too_big(sock, &t));
	ck_assert_uint_eq(t.mtu, 1300);
	ck_assert(!t.by_icmp);
	/* Without DF it is cut to what fits. */
	pkt_a[0].flags = 0;
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, &err), 1);
	ck_assert_ptr_nonnull(next_of(host.under, v6 ? 44 : 50, 1000));
	ck_assert_uint_le(dev_pkt.len, 1300);
}
END_TEST

/* Other errors are no news about size, and hinder nothing. */
START_TEST(other_errors)
{
	bool v6 = _i;
	struct udp_too_big t;
	struct raw_counters c;
	put(0, 1, 200, v6 ? "2001:db8::8" : "192.0.2.8", v6 ? "2001:db8::99" : "192.0.2.99");
	for (int round = 0; round < 40; round++) {
		ck_assert_uint_eq(raw_send_batch(sock, out, 1, NULL), 1);
		ck_assert_ptr_nonnull(next_of(host.under, 50, 1000));
		router_says(0);
	}
	/* Every one is told while there is nothing to receive: the socket does not stay hot. */
	for (int round = 0; round < 3 && !quiet(sock); round++)
		ck_assert_int_eq(raw_recv_batch(sock, in, N), 0);
	ck_assert(quiet(sock));
	ck_assert(!raw_next_too_big(sock, &t));
	raw_counters(sock, &c);
	ck_assert_uint_eq(c.malformed, 0);
}
END_TEST

/* Writes `kept` as if it came in by under0. Does the host answer by ICMP? */
static bool answered(const struct pkt *kept, bool v6)
{
	struct pkt p = *kept;
	ck_assert_int_eq(ns_write(host.under, &p), 0);
	return next_of(host.under, v6 ? 58 : 1, 100) != NULL;
}

/* ESP that arrives from outside is not answered with "protocol unreachable" as long as the sockets
 * are open, wanted or not; without them it is, unless the kernel has an ESP of its own. */
START_TEST(no_unreachable)
{
	bool v6 = _i;
	static uint8_t kept_room[CAP];
	put(0, 7, 100, v6 ? "2001:db8::8" : "192.0.2.8", v6 ? "2001:db8::99" : "192.0.2.99");
	ck_assert_uint_eq(raw_send_batch(sock, out, 1, NULL), 1);
	ck_assert_ptr_nonnull(next_of(host.under, 50, 1000));
	turn_around();
	struct pkt kept = dev_pkt;
	memcpy(kept_room, dev_room, CAP);
	kept.base = kept_room;

	raw_close(sock);
	bool without = answered(&kept, v6);
	sock = open_share(0, 1, 0);
	ck_assert_int_eq(raw_want(sock, false), 0);
	ck_assert(!answered(&kept, v6));
	ck_assert(quiet(sock));
	ck_assert_int_eq(raw_want(sock, true), 0);
	ck_assert(!answered(&kept, v6));
	ck_assert_uint_eq(receive(sock, 1), 1);
	same(0, 0);
	raw_close(sock);
	ck_assert_int_eq(answered(&kept, v6), without);
	sock = NULL;
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("raw_pin");
	TCase *t = tcase_create("interfaces");
	tcase_add_checked_fixture(t, devices_up, devices_down);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, pinned, 0, sizeof pins / sizeof *pins);
	tcase_add_loop_test(t, not_pinned, 0, 4);
	tcase_add_loop_test(t, comes_once, 0, sizeof pins / sizeof *pins);
	tcase_add_test(t, df_per_packet);
	tcase_add_loop_test(t, large, 0, 4);
	tcase_add_test(t, news_overflow);
	tcase_add_loop_test(t, router, 0, 4);
	tcase_add_loop_test(t, other_errors, 0, 2);
	tcase_add_loop_test(t, no_unreachable, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/* ICMP errors to inner senders: what is built is parsed here again; whom not to answer; the limit.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tun/icmp.h"
#include "tun/tun.h"

enum { CAP = 2048 };

static uint8_t in[70000], out[CAP];

static struct addr addr(const char *text)
{
	struct addr a;
	ck_assert(addr_parse(&a, text));
	return a;
}

/* A UDP packet of n bytes, each byte of its payload telling its place. */
static struct bytes packet4(size_t n, const char *src, const char *dst)
{
	struct addr s = addr(src), d = addr(dst);
	for (size_t i = 0; i < n; i++)
		in[i] = (uint8_t)(i * 7 + i / 256);
	memset(in, 0, 20);
	in[0] = 0x45;
	be16_store(in + 2, (uint16_t)n);
	be16_store(in + 6, 0x4000);
	in[8] = 64;
	in[9] = 17;
	memcpy(in + 12, s.b, 4);
	memcpy(in + 16, d.b, 4);
	be16_store(in + 10, tun_csum_ip4(bytes_of(in, 20)));
	return bytes_of(in, n);
}

static struct bytes packet6(size_t n, const char *src, const char *dst)
{
	struct addr s = addr(src), d = addr(dst);
	for (size_t i = 0; i < n; i++)
		in[i] = (uint8_t)(i * 5 + i / 256);
	memset(in, 0, 40);
	in[0] = 0x60;
	be16_store(in + 4, (uint16_t)(n - 40));
	in[6] = 17;
	in[7] = 64;
	memcpy(in + 8, s.b, 16);
	memcpy(in + 24, d.b, 16);
	return bytes_of(in, n);
}

/* Looks at all of the ICMPv4 error in out[0 .. n) to the sender of `p`. */
static void check4(size_t n, struct bytes p, uint32_t mtu, const char *from)
{
	struct addr s = addr(from);
	size_t quoted = p.n < 548 ? p.n : 548;
	ck_assert_uint_eq(n, 28 + quoted);
	ck_assert_uint_eq(out[0], 0x45);
	ck_assert_uint_eq(be16_load(out + 2), n);
	ck_assert_uint_eq(be16_load(out + 6), 0x4000);
	ck_assert_uint_eq(out[8], 64);
	ck_assert_uint_eq(out[9], 1);
	ck_assert_uint_eq(tun_csum_ip4(bytes_of(out, 20)), 0);
	ck_assert_mem_eq(out + 12, s.b, 4);
	ck_assert_mem_eq(out + 16, p.p + 12, 4);
	ck_assert_uint_eq(out[20], 3);
	ck_assert_uint_eq(out[21], 4);
	ck_assert_uint_eq(be16_load(out + 24), 0);
	ck_assert_uint_eq(be16_load(out + 26), mtu);
	ck_assert_mem_eq(out + 28, p.p, quoted);
	ck_assert_uint_eq(tun_csum_fold(tun_csum_add(0, bytes_of(out + 20, n - 20))), 0);
}

static void check6(size_t n, struct bytes p, uint32_t mtu, const char *from)
{
	struct addr s = addr(from), d = addr_from_bytes(bytes_of(p.p + 8, 16));
	size_t quoted = p.n < 1232 ? p.n : 1232;
	ck_assert_uint_eq(n, 48 + quoted);
	ck_assert_uint_eq(out[0] >> 4, 6);
	ck_assert_uint_eq(be16_load(out + 4), n - 40);
	ck_assert_uint_eq(out[6], 58);
	ck_assert_uint_eq(out[7], 64);
	ck_assert_mem_eq(out + 8, s.b, 16);
	ck_assert_mem_eq(out + 24, d.b, 16);
	ck_assert_uint_eq(out[40], 2);
	ck_assert_uint_eq(out[41], 0);
	ck_assert_uint_eq(be32_load(out + 44), mtu);
	ck_assert_mem_eq(out + 48, p.p, quoted);
	ck_assert_uint_eq(tun_csum_l4(&s, &d, 58, bytes_of(out + 40, n - 40)), 0);
}

START_TEST(v4)
{
	struct addr gw = addr("192.0.2.1"), other = addr("2001:db8::1"), none = {0};
	static const size_t sizes[] = {1401, 1402, 1500, 9000, 65535};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct bytes p = packet4(sizes[i], "10.1.0.9", "10.2.0.7");
		check4(tun_icmp_too_big(out, CAP, p, 1400, &gw), p, 1400, "192.0.2.1");
		check4(tun_icmp_too_big(out, CAP, p, 1400, NULL), p, 1400, "10.2.0.7");
		check4(tun_icmp_too_big(out, CAP, p, 1400, &none), p, 1400, "10.2.0.7");
		check4(tun_icmp_too_big(out, CAP, p, 1400, &other), p, 1400, "10.2.0.7");
	}
	/* Shorter than what may be quoted: quoted whole. */
	for (size_t n = 69; n < 600; n++) {
		struct bytes p = packet4(n, "10.1.0.9", "10.2.0.7");
		check4(tun_icmp_too_big(out, 28 + (n < 548 ? n : 548), p, 68, &gw), p, 68,
		    "192.0.2.1");
	}
}
END_TEST

START_TEST(v6)
{
	struct addr gw = addr("2001:db8::1"), other = addr("192.0.2.1");
	static const size_t sizes[] = {1401, 1402, 1500, 9000, 65535};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct bytes p = packet6(sizes[i], "fd01::9", "fd02::7");
		check6(tun_icmp_too_big(out, CAP, p, 1400, &gw), p, 1400, "2001:db8::1");
		check6(tun_icmp_too_big(out, CAP, p, 1400, NULL), p, 1400, "fd02::7");
		check6(tun_icmp_too_big(out, TUN_ICMP_CAP, p, 1400, &other), p, 1400, "fd02::7");
	}
	struct bytes p = packet6(1281, "fd01::9", "fd02::7");
	check6(tun_icmp_too_big(out, CAP, p, 1280, &gw), p, 1280, "2001:db8::1");
}
END_TEST

/* Nothing for what fits, and none that tells less than every link carries. */
START_TEST(bounds)
{
	struct bytes p = packet4(1400, "10.1.0.9", "10.2.0.7");
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	ck_assert_uint_gt(tun_icmp_too_big(out, CAP, p, 1399, NULL), 0);
	check4(tun_icmp_too_big(out, CAP, p, 67, NULL), p, 68, "10.2.0.7");
	check4(tun_icmp_too_big(out, CAP, p, 0, NULL), p, 68, "10.2.0.7");
	p = packet6(1300, "fd01::9", "fd02::7");
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1300, NULL), 0);
	check6(tun_icmp_too_big(out, CAP, p, 1200, NULL), p, 1280, "fd02::7");
	p = packet6(1280, "fd01::9", "fd02::7");
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1200, NULL), 0);
}
END_TEST

/* The room is kept to, to the byte, and nothing is written where nothing is returned. */
START_TEST(room)
{
	for (int v6_ = 0; v6_ < 2; v6_++) {
		struct bytes p = v6_ ? packet6(1500, "fd01::9", "fd02::7")
				     : packet4(1500, "10.1.0.9", "10.2.0.7");
		size_t need = v6_ ? 1280 : 576;
		for (size_t cap = 0; cap <= need; cap++) {
			uint8_t *exact = malloc(cap ? cap : 1);
			memset(exact, 0xa5, cap ? cap : 1);
			size_t n = tun_icmp_too_big(exact, cap, p, 1400, NULL);
			ck_assert_uint_eq(n, cap == need ? need : 0);
			for (size_t i = 0; n == 0 && i < cap; i++)
				ck_assert_uint_eq(exact[i], 0xa5);
			free(exact);
		}
	}
}
END_TEST

/* What lies behind the length that the header gives is not quoted: it is not the packet's. */
START_TEST(trailing_bytes)
{
	packet4(200, "10.1.0.9", "10.2.0.7");
	check4(tun_icmp_too_big(out, CAP, bytes_of(in, 300), 100, NULL), bytes_of(in, 200), 100,
	    "10.2.0.7");
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, bytes_of(in, 300), 200, NULL), 0);
	packet6(1300, "fd01::9", "fd02::7");
	check6(tun_icmp_too_big(out, CAP, bytes_of(in, 1400), 1280, NULL), bytes_of(in, 1300), 1280,
	    "fd02::7");
}
END_TEST

static const struct nobody {
	const char *src, *dst;
	bool answered;
} nobodies[] = {
    {"10.1.0.9", "10.2.0.7", true},
    {"223.255.255.255", "10.2.0.7", true},
    {"0.0.0.0", "10.2.0.7", false},
    {"0.1.2.3", "10.2.0.7", false},
    {"127.0.0.1", "10.2.0.7", false},
    {"224.0.0.1", "10.2.0.7", false},
    {"239.255.255.255", "10.2.0.7", false},
    {"240.0.0.1", "10.2.0.7", false},
    {"255.255.255.255", "10.2.0.7", false},
    {"10.1.0.9", "224.0.0.5", false},
    {"10.1.0.9", "255.255.255.255", false},
    {"10.1.0.9", "0.0.0.0", false},
    {"fd01::9", "fd02::7", true},
    {"fe80::9", "fd02::7", true},
    {"::", "fd02::7", false},
    {"::1", "fd02::7", false},
    {"ff02::1", "fd02::7", false},
};

START_TEST(single_hosts_only)
{
	const struct nobody *r = &nobodies[_i];
	struct addr gw4 = addr("192.0.2.1"), gw6 = addr("2001:db8::1");
	bool is6 = strchr(r->src, ':') != NULL;
	struct bytes p = is6 ? packet6(1500, r->src, r->dst) : packet4(1500, r->src, r->dst);
	ck_assert_int_eq(tun_icmp_too_big(out, CAP, p, 1400, is6 ? &gw6 : &gw4) > 0, r->answered);
	ck_assert_int_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL) > 0, r->answered);
}
END_TEST

/* RFC 4443 section 2.4 (e.3): too big is what a multicast may be answered with, so that path MTU
 * discovery works for it; from an address of a single host. */
START_TEST(v6_multicast_destination)
{
	struct addr gw = addr("2001:db8::1"), many = addr("ff02::9");
	struct bytes p = packet6(1500, "fd01::9", "ff0e::7");
	check6(tun_icmp_too_big(out, CAP, p, 1400, &gw), p, 1400, "2001:db8::1");
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, &many), 0);
}
END_TEST

START_TEST(v4_fragments)
{
	struct bytes p = packet4(1500, "10.1.0.9", "10.2.0.7");
	be16_store(in + 6, 0x2000); /* the first of several */
	ck_assert_uint_gt(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	be16_store(in + 6, 0x2001);
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	be16_store(in + 6, 0x1000);
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
}
END_TEST

START_TEST(v4_icmp)
{
	for (unsigned type = 0; type < 256; type++) {
		struct bytes p = packet4(1500, "10.1.0.9", "10.2.0.7");
		bool error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
		in[9] = 1;
		in[20] = (uint8_t)type;
		ck_assert_int_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL) > 0, !error);
		/* Behind options, too. */
		in[0] = 0x47;
		in[20] = error ? 8 : 3;
		in[28] = (uint8_t)type;
		ck_assert_int_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL) > 0, !error);
	}
	/* No type to be seen. */
	packet4(1500, "10.1.0.9", "10.2.0.7");
	in[9] = 1;
	in[0] = 0x4f;
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, bytes_of(in, 60), 59, NULL), 0);
}
END_TEST

START_TEST(v6_icmp)
{
	for (unsigned type = 0; type < 256; type++) {
		struct bytes p = packet6(1500, "fd01::9", "fd02::7");
		bool error = type < 128 || type == 137;
		in[6] = 58;
		in[40] = (uint8_t)type;
		ck_assert_int_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL) > 0, !error);
	}
}
END_TEST

/* Extension headers in a row; the last one is followed by ICMPv6 of the type `type`. Returns where
 * the ICMPv6 header stands. */
static size_t chain(const char *kinds, uint8_t type)
{
	static const struct {
		char key;
		uint8_t proto, len, bytes;
	} rows[] = {{'h', 0, 0, 8}, {'H', 0, 3, 32}, {'r', 43, 2, 24}, {'d', 60, 1, 16},
	    {'a', 51, 4, 24}, {'f', 44, 0xff, 8}};
	uint8_t *next = in + 6;
	size_t at = 40;
	for (const char *k = kinds; *k; k++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (rows[i].key == *k) {
				*next = rows[i].proto;
				next = in + at;
				memset(in + at, 0, rows[i].bytes);
				in[at + 1] = rows[i].len;
				at += rows[i].bytes;
			}
	*next = 58;
	in[at] = type;
	return at;
}

START_TEST(v6_chains)
{
	static const char *const rows[] = {
	    "h", "H", "r", "d", "a", "f", "hrda", "Hdrfad", "hdfffdh", "ddddddddddddddd"};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes p = packet6(1500, "fd01::9", "fd02::7");
		chain(rows[i], 128);
		ck_assert_uint_gt(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
		chain(rows[i], 1);
		ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	}
	/* Longer than anyone needs. */
	struct bytes p = packet6(1500, "fd01::9", "fd02::7");
	chain("dddddddddddddddd", 128);
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	/* A fragment but the first. */
	p = packet6(1500, "fd01::9", "fd02::7");
	chain("hf", 128);
	be16_store(in + 48 + 2, 1 << 3 | 1);
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	be16_store(in + 48 + 2, 1);
	ck_assert_uint_gt(tun_icmp_too_big(out, CAP, p, 1400, NULL), 0);
	/* Cut inside of the chain: what it hides cannot be known. */
	packet6(1500, "fd01::9", "fd02::7");
	in[6] = 60;
	in[40] = 60;
	in[41] = 255; /* 2048 bytes of 1460 */
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, bytes_of(in, 1500), 1400, NULL), 0);
	packet6(1408, "fd01::9", "fd02::7");
	in[6] = 60;
	in[40] = 58;
	in[41] = 170; /* to the last byte */
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, bytes_of(in, 1408), 1400, NULL), 0);
	in[40] = 17;
	ck_assert_uint_gt(tun_icmp_too_big(out, CAP, bytes_of(in, 1408), 1400, NULL), 0);
}
END_TEST

START_TEST(malformed)
{
	/* Cut at any place, with an MTU that the rest is larger than, as far as there is one. */
	for (size_t n = 0; n < 60; n++) {
		packet4(1500, "10.1.0.9", "10.2.0.7");
		in[0] = 0x4f;
		ck_assert_uint_eq(tun_icmp_too_big(out, CAP, bytes_of(in, n), 0, NULL), 0);
		packet6(1500, "fd01::9", "fd02::7");
		ck_assert_uint_eq(tun_icmp_too_big(out, CAP, bytes_of(in, n), 0, NULL), 0);
	}
	static const uint8_t firsts[] = {0x00, 0x44, 0x40, 0x55, 0x35, 0x75, 0xff};
	for (size_t i = 0; i < sizeof firsts; i++) {
		struct bytes p = packet4(1500, "10.1.0.9", "10.2.0.7");
		in[0] = firsts[i];
		ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 100, NULL), 0);
	}
	/* A total length that is less than the header. */
	struct bytes p = packet4(1500, "10.1.0.9", "10.2.0.7");
	be16_store(in + 2, 19);
	ck_assert_uint_eq(tun_icmp_too_big(out, CAP, p, 100, NULL), 0);
}
END_TEST

START_TEST(limit)
{
	struct tun_icmp_limit l;
	tun_icmp_limit_init(&l, 100, 5);
	for (int i = 0; i < 5; i++)
		ck_assert(tun_icmp_allow(&l, 1000000));
	ck_assert(!tun_icmp_allow(&l, 1000000));
	ck_assert(!tun_icmp_allow(&l, 1000009));
	ck_assert(tun_icmp_allow(&l, 1000010)); /* 10 ms each, the parts add up */
	ck_assert(!tun_icmp_allow(&l, 1000010));
	ck_assert(!tun_icmp_allow(&l, 999000)); /* backwards gives nothing */
	ck_assert(!tun_icmp_allow(&l, 1000019));
	ck_assert(tun_icmp_allow(&l, 1000020));
	/* However long it was quiet, no more than a burst. */
	unsigned n = 0;
	while (tun_icmp_allow(&l, UINT64_MAX))
		n++;
	ck_assert_uint_eq(n, 5);
	/* In the long run, as many as were asked for. */
	tun_icmp_limit_init(&l, 30, 10);
	for (n = 0; tun_icmp_allow(&l, 0);)
		n++;
	ck_assert_uint_eq(n, 10);
	n = 0;
	for (uint64_t now = 1; now <= 60000; now++)
		for (int i = 0; i < 3; i++)
			n += tun_icmp_allow(&l, now);
	ck_assert_uint_eq(n, 60 * 30);
	/* None at all, and the greatest numbers. */
	tun_icmp_limit_init(&l, 0, 0);
	ck_assert(!tun_icmp_allow(&l, 1) && !tun_icmp_allow(&l, UINT64_MAX));
	tun_icmp_limit_init(&l, UINT32_MAX, UINT32_MAX);
	ck_assert(tun_icmp_allow(&l, 1) && tun_icmp_allow(&l, UINT64_MAX));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tun_icmp");
	TCase *t = tcase_create("icmp");
	tcase_add_test(t, v4);
	tcase_add_test(t, v6);
	tcase_add_test(t, bounds);
	tcase_add_test(t, room);
	tcase_add_test(t, trailing_bytes);
	tcase_add_loop_test(t, single_hosts_only, 0, sizeof nobodies / sizeof *nobodies);
	tcase_add_test(t, v6_multicast_destination);
	tcase_add_test(t, v4_fragments);
	tcase_add_test(t, v4_icmp);
	tcase_add_test(t, v6_icmp);
	tcase_add_test(t, v6_chains);
	tcase_add_test(t, malformed);
	tcase_add_test(t, limit);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/* Internet checksums: RFC 1071, RFC 1624. */
#include "test/unit/rng.h"
#include "tun/tun.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* RFC 1071 section 3: the example's sum is 0xddf2. */
START_TEST(rfc1071_example)
{
	static const uint8_t d[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	ck_assert_uint_eq((uint16_t)~tun_csum_fold(tun_csum_add(0, bytes_of(d, 8))), 0xddf2);
	/* In two parts, and with the odd byte at the end of the last. */
	uint32_t sum = tun_csum_add(0, bytes_of(d, 4));
	ck_assert_uint_eq(tun_csum_fold(tun_csum_add(sum, bytes_of(d + 4, 4))), 0x220d);
	/* 01f2 + 0300 */
	ck_assert_uint_eq(tun_csum_fold(tun_csum_add(0, bytes_of(d + 1, 3))), (uint16_t)~0x04f2);
	ck_assert_uint_eq(tun_csum_fold(tun_csum_add(0, bytes_of(d, 0))), 0xffff);
}
END_TEST

/* The header that is on everyone's blackboard: 192.168.0.1 to 192.168.0.199, UDP, checksum 0xb861.
 */
START_TEST(ip4_header)
{
	uint8_t h[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0,
	    0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	ck_assert_uint_eq(tun_csum_ip4(bytes_of(h, sizeof h)), 0xb861);
	be16_store(h + 10, 0xb861);
	ck_assert_uint_eq(tun_csum_ip4(bytes_of(h, sizeof h)), 0);
}
END_TEST

/* RFC 1624 section 4: equation 3 gives 0x0000 where that of RFC 1141 gave 0xffff. */
START_TEST(rfc1624_example)
{
	ck_assert_uint_eq(tun_csum_update16(0xdd2f, 0x5555, 0x3285), 0x0000);
}
END_TEST

static uint16_t plain(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

START_TEST(against_the_definition)
{
	static uint8_t d[2000];
	srand(1);
	for (int round = 0; round < 2000; round++) {
		size_t n = (size_t)rand() % sizeof d;
		for (size_t i = 0; i < n; i++)
			d[i] = (uint8_t)(round % 7 == 0 ? 0xff : rand());
		ck_assert_uint_eq(tun_csum_fold(tun_csum_add(0, bytes_of(d, n))), plain(d, n, 0));
	}
}
END_TEST

START_TEST(update_is_recompute)
{
	uint8_t d[64];
	srand(2);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof d; i++)
			d[i] = (uint8_t)rand();
		uint16_t before = tun_csum_fold(tun_csum_add(0, bytes_of(d, sizeof d)));
		size_t at = 2 * ((size_t)rand() % (sizeof d / 2));
		uint16_t old = be16_load(d + at), new_ = (uint16_t)rand();
		be16_store(d + at, new_);
		ck_assert_uint_eq(tun_csum_update16(before, old, new_),
		    tun_csum_fold(tun_csum_add(0, bytes_of(d, sizeof d))));
	}
}
END_TEST

START_TEST(long_input_does_not_overflow)
{
	static uint8_t d[65536 + 3];
	memset(d, 0xff, sizeof d);
	uint32_t sum = tun_csum_add(0xffffffff, bytes_of(d, 65536));
	sum = tun_csum_add(sum, bytes_of(d, 65536));
	ck_assert_uint_eq(tun_csum_fold(sum), 0);
}
END_TEST

START_TEST(l4_pseudo_headers)
{
	struct addr a, b;
	uint8_t seg[] = {0x30, 0x39, 0x00, 0x35, 0x00, 0x0b, 0x00, 0x00, 'a', 'b', 'c'};
	uint8_t pseudo4[12 + sizeof seg] = {192, 0, 2, 1, 198, 51, 100, 2, 0, 17, 0, sizeof seg};
	ck_assert(addr_parse(&a, "192.0.2.1") && addr_parse(&b, "198.51.100.2"));
	memcpy(pseudo4 + 12, seg, sizeof seg);
	ck_assert_uint_eq(
	    tun_csum_l4(&a, &b, 17, bytes_of(seg, sizeof seg)), plain(pseudo4, sizeof pseudo4, 0));

	uint8_t pseudo6[40 + sizeof seg] = {0};
	ck_assert(addr_parse(&a, "2001:db8::1") && addr_parse(&b, "2001:db8::ff:2"));
	memcpy(pseudo6, a.b, 16);
	memcpy(pseudo6 + 16, b.b, 16);
	be32_store(pseudo6 + 32, sizeof seg);
	pseudo6[39] = 17;
	memcpy(pseudo6 + 40, seg, sizeof seg);
	uint16_t sum = tun_csum_l4(&a, &b, 17, bytes_of(seg, sizeof seg));
	ck_assert_uint_eq(sum, plain(pseudo6, sizeof pseudo6, 0));
	be16_store(seg + 6, sum);
	ck_assert_uint_eq(tun_csum_l4(&a, &b, 17, bytes_of(seg, sizeof seg)), 0);
}
END_TEST

/* Bytes of every texture: random, all ones, all zeros, one byte set. */
static void texture(struct rng *r, uint8_t *p, size_t n)
{
	switch (rng_below(r, 5)) {
	case 0: memset(p, 0xff, n); break;
	case 1: memset(p, 0, n); break;
	case 2:
		memset(p, 0, n);
		if (n)
			p[rng_below(r, (uint32_t)n)] = (uint8_t)rng_u32(r);
		break;
	default:
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)rng_u32(r);
	}
}

/* 0 and 0xffff are the same number here, but not the same checksum: compare what is folded. */
START_TEST(add_is_the_definition)
{
	static uint8_t d[3000 + 64];
	struct rng r = {0x9e3779b97f4a7c15};
	for (uint32_t round = 0; round < 20000; round++) {
		size_t off = rng_below(&r, 64),
		       n = round % 4 ? rng_below(&r, 3001) : round / 4 % 3001;
		uint32_t sum = rng_below(&r, 3) ? rng_u32(&r) : (uint32_t) - (int)rng_below(&r, 3);
		texture(&r, d + off, n);
		uint16_t want = plain(d + off, n, (sum >> 16) + (sum & 0xffff));
		ck_assert_uint_eq(tun_csum_fold(tun_csum_add(sum, bytes_of(d + off, n))), want);
	}
}
END_TEST

/* The last part alone may be odd. */
START_TEST(add_in_parts_is_add)
{
	static uint8_t d[3001];
	struct rng r = {77};
	for (uint32_t round = 0; round < 5000; round++) {
		size_t n = rng_below(&r, sizeof d), at = 0;
		uint32_t sum = 0;
		texture(&r, d, n);
		while (at < n) {
			size_t part = 2 * (size_t)rng_below(&r, 400);
			part = part > n - at ? n - at : part;
			sum = tun_csum_add(sum, bytes_of(d + at, part));
			at += part;
		}
		ck_assert_uint_eq(tun_csum_fold(sum), plain(d, n, 0));
	}
}
END_TEST

/* Copies what it adds, not a byte more, wherever both lie. */
START_TEST(copy_is_add_and_memcpy)
{
	static uint8_t src[3000 + 32], dst[3000 + 64], expected[3000 + 64];
	struct rng r = {4711};
	for (uint32_t round = 0; round < 20000; round++) {
		size_t from = rng_below(&r, 32), to = 1 + rng_below(&r, 32);
		size_t n = rng_below(&r, 3001);
		uint32_t sum = rng_u32(&r);
		texture(&r, src + from, n);
		memset(dst, 0x5a, sizeof dst);
		memset(expected, 0x5a, sizeof expected);
		memcpy(expected + to, src + from, n);
		uint32_t got = tun_csum_copy(sum, dst + to, src + from, n);
		ck_assert_uint_eq(
		    tun_csum_fold(got), plain(src + from, n, (sum >> 16) + (sum & 0xffff)));
		ck_assert(memcmp(dst, expected, sizeof dst) == 0);
	}
}
END_TEST

/* Not a byte behind the end is read: blocks of the exact size, for the sanitizer. */
START_TEST(reads_exactly)
{
	struct rng r = {3};
	for (size_t n = 1; n < 200; n++) {
		uint8_t *src = malloc(n), *dst = malloc(n);
		ck_assert(src && dst);
		texture(&r, src, n);
		uint16_t want = plain(src, n, 0);
		ck_assert_uint_eq(tun_csum_fold(tun_csum_add(0, bytes_of(src, n))), want);
		ck_assert_uint_eq(tun_csum_fold(tun_csum_copy(0, dst, src, n)), want);
		ck_assert(memcmp(dst, src, n) == 0);
		free(src);
		free(dst);
	}
}
END_TEST

static struct addr random_addr(struct rng *r, bool v6)
{
	struct addr a = {.family = v6 ? ADDR_V6 : ADDR_V4};
	for (size_t i = 0; i < (v6 ? 16u : 4u); i++)
		a.b[i] = (uint8_t)rng_u32(r);
	return a;
}

/* RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1: the pseudo-headers written out. */
START_TEST(l4_against_the_definition)
{
	static const uint8_t protos[] = {1, 6, 17, 58, 255};
	static uint8_t d[40 + 3000];
	struct rng r = {8200};
	for (uint32_t round = 0; round < 10000; round++) {
		bool v6 = round % 2;
		size_t w = v6 ? 16 : 4, n = rng_below(&r, 3001), at = 2 * w;
		struct addr a = random_addr(&r, v6), b = random_addr(&r, v6);
		uint8_t proto = protos[rng_below(&r, sizeof protos)];
		memcpy(d, a.b, w);
		memcpy(d + w, b.b, w);
		if (v6) {
			be32_store(d + at, (uint32_t)n);
			be32_store(d + at + 4, proto);
			at += 8;
		} else {
			be16_store(d + at, proto);
			be16_store(d + at + 2, (uint16_t)n);
			at += 4;
		}
		texture(&r, d + at, n);
		ck_assert_uint_eq(
		    tun_csum_l4(&a, &b, proto, bytes_of(d + at, n)), plain(d, at + n, 0));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("csum");
	TCase *t = tcase_create("csum");
	tcase_add_test(t, rfc1071_example);
	tcase_add_test(t, ip4_header);
	tcase_add_test(t, rfc1624_example);
	tcase_add_test(t, against_the_definition);
	tcase_add_test(t, update_is_recompute);
	tcase_add_test(t, long_input_does_not_overflow);
	tcase_add_test(t, l4_pseudo_headers);
	tcase_add_test(t, add_is_the_definition);
	tcase_add_test(t, add_in_parts_is_add);
	tcase_add_test(t, copy_is_add_and_memcpy);
	tcase_add_test(t, reads_exactly);
	tcase_add_test(t, l4_against_the_definition);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

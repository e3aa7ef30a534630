/*
 * base/addr.h: addresses, endpoints, prefixes, and cutting ranges into prefixes.
 */
#include "base/addr.h"
#include "test/unit/rng.h"

#include <check.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static struct addr addr_of(const char *text)
{
	struct addr a;
	ck_assert_msg(addr_parse(&a, text), "%s", text);
	return a;
}

static const struct {
	const char *in, *out; /* NULL: refused */
} addresses[] = {
    {"0.0.0.0", "0.0.0.0"},
    {"192.0.2.7", "192.0.2.7"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"2001:db8:0:0:0:0:0:0", "2001:db8::"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
    {"", NULL},
    {"%any", NULL},
    {"1.2.3", NULL},
    {"1.2.3.4.5", NULL},
    {"1.2.3.256", NULL},
    {"1.2.3.4 ", NULL},
    {" 1.2.3.4", NULL},
    {"01.2.3.4", NULL},
    {"0x1.2.3.4", NULL},
    {"1.2.3.-4", NULL},
    {"example.org", NULL},
    {"fe80::1%eth0", NULL},
    {"[::1]", NULL},
    {":::1", NULL},
    {"1::2::3", NULL},
    {"12345::", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"1:2:3:4:5:6:7", NULL},
};

START_TEST(address_text)
{
	struct addr a;
	char text[ADDR_TEXT];
	bool ok = addr_parse(&a, addresses[_i].in);

	ck_assert(ok == (addresses[_i].out != NULL));
	if (ok) {
		ck_assert_str_eq(addr_text(&a, text), addresses[_i].out);
		struct addr back = addr_from_bytes(addr_bytes(&a));
		ck_assert(addr_equal(&a, &back));
	}
}
END_TEST

START_TEST(bytes_and_family)
{
	struct addr v4 = addr_v4(0xc0000207);
	struct addr none = addr_from_bytes(bytes_of("abcde", 5));
	char text[ADDR_TEXT];

	ck_assert_str_eq(addr_text(&v4, text), "192.0.2.7");
	ck_assert_uint_eq(addr_bits(&v4), 32);
	ck_assert_uint_eq(addr_bytes(&v4).n, 4);
	ck_assert_int_eq(none.family, ADDR_NONE);
	ck_assert_uint_eq(addr_bits(&none), 0);
	ck_assert_uint_eq(addr_bytes(&none).n, 0);
	ck_assert_str_eq(addr_text(&none, text), "%any");
	none = addr_from_bytes(bytes_of(NULL, 0));
	ck_assert_int_eq(none.family, ADDR_NONE);
}
END_TEST

START_TEST(order)
{
	static const char *const sorted[] = {
	    "0.0.0.0", "0.0.0.255", "9.255.255.255", "128.0.0.1", "::", "::1", "80::", "ff::"};

	for (int i = 0; i < COUNT(sorted); i++) {
		for (int j = 0; j < COUNT(sorted); j++) {
			struct addr a = addr_of(sorted[i]), b = addr_of(sorted[j]);
			ck_assert_int_eq(addr_cmp(&a, &b), (i > j) - (i < j));
			ck_assert(addr_equal(&a, &b) == (i == j));
		}
	}
}
END_TEST

static const struct {
	const char *addr;
	bool multicast, loopback, link_local;
} kinds[] = {
    {"223.255.255.255", false, false, false},
    {"224.0.0.0", true, false, false},
    {"239.255.255.255", true, false, false},
    {"240.0.0.0", false, false, false},
    {"126.255.255.255", false, false, false},
    {"127.0.0.0", false, true, false},
    {"127.255.255.255", false, true, false},
    {"128.0.0.0", false, false, false},
    {"169.253.255.255", false, false, false},
    {"169.254.0.0", false, false, true},
    {"169.254.255.255", false, false, true},
    {"169.255.0.0", false, false, false},
    {"::", false, false, false},
    {"::1", false, true, false},
    {"::2", false, false, false},
    {"fe7f::", false, false, false},
    {"fe80::", false, false, true},
    {"febf:ffff::", false, false, true},
    {"fec0::", false, false, false},
    {"feff::", false, false, false},
    {"ff00::", true, false, false},
    {"ff02::1", true, false, false},
};

START_TEST(arithmetic)
{
	static const struct {
		const char *a;
		uint64_t n;
		const char *sum;
	} v[] = {
	    {"10.9.0.0", 1, "10.9.0.1"},
	    {"10.9.0.255", 1, "10.9.1.0"},
	    {"10.9.255.255", 0x10000, "10.10.255.255"},
	    {"0.0.0.0", 0xffffffff, "255.255.255.255"},
	    {"2001:db8::", 0, "2001:db8::"},
	    {"2001:db8::ffff", 1, "2001:db8::1:0"},
	    {"2001:db8::1", UINT64_MAX - 1, "2001:db8::ffff:ffff:ffff:ffff"},
	};
	struct addr a, b;
	char text[ADDR_TEXT];

	for (size_t i = 0; i < COUNT(v); i++) {
		ck_assert(addr_parse(&a, v[i].a));
		b = addr_plus(&a, v[i].n);
		ck_assert_str_eq(addr_text(&b, text), v[i].sum);
		ck_assert_uint_eq(addr_minus(&b, &a), v[i].n);
	}
	ck_assert(addr_parse(&a, "2001:db8::1") && addr_parse(&b, "2001:db8:0:1::1"));
	ck_assert_uint_eq(addr_minus(&b, &a), UINT64_MAX);
	ck_assert(addr_parse(&a, "255.255.255.255"));
	b = addr_plus(&a, 2);
	ck_assert_str_eq(addr_text(&b, text), "0.0.0.1");
}
END_TEST

START_TEST(kind)
{
	struct addr a = addr_of(kinds[_i].addr);

	ck_assert(addr_is_multicast(&a) == kinds[_i].multicast);
	ck_assert(addr_is_loopback(&a) == kinds[_i].loopback);
	ck_assert(addr_is_link_local(&a) == kinds[_i].link_local);
}
END_TEST

START_TEST(endpoints)
{
	struct endpoint v4 = {addr_of("192.0.2.7"), 4500}, none = {.port = 65535};
	struct endpoint v6 = {addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 65535};
	struct endpoint other = v4;
	char text[ENDPOINT_TEXT];

	ck_assert_str_eq(endpoint_text(&v4, text), "192.0.2.7:4500");
	ck_assert_str_eq(endpoint_text(&none, text), "%any:65535");
	ck_assert_str_eq(
	    endpoint_text(&v6, text), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	ck_assert(endpoint_equal(&v4, &other));
	other.port = 500;
	ck_assert(!endpoint_equal(&v4, &other));
	other = (struct endpoint){addr_of("192.0.2.8"), 4500};
	ck_assert(!endpoint_equal(&v4, &other));
}
END_TEST

static const struct {
	const char *in, *out, *lo, *hi;
} prefixes[] = {
    {"10.0.0.0/8", "10.0.0.0/8", "10.0.0.0", "10.255.255.255"},
    {"10.1.2.3/8", "10.0.0.0/8", "10.0.0.0", "10.255.255.255"},
    {"10.1.2.3", "10.1.2.3/32", "10.1.2.3", "10.1.2.3"},
    {"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
    {"255.255.255.255/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
    {"10.1.2.255/25", "10.1.2.128/25", "10.1.2.128", "10.1.2.255"},
    {"10.1.2.3/31", "10.1.2.2/31", "10.1.2.2", "10.1.2.3"},
    {"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.3"},
    {"::/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2001:db8::/32", "2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2001:db8::ff/127", "2001:db8::fe/127", "2001:db8::fe", "2001:db8::ff"},
    {"::1", "::1/128", "::1", "::1"},
    {"10.0.0.0/33", NULL, NULL, NULL},
    {"::/129", NULL, NULL, NULL},
    {"10.0.0.0/", NULL, NULL, NULL},
    {"10.0.0.0/-1", NULL, NULL, NULL},
    {"10.0.0.0/+8", NULL, NULL, NULL},
    {"10.0.0.0/8 ", NULL, NULL, NULL},
    {"10.0.0.0/8/8", NULL, NULL, NULL},
    {"10.0.0.0/0008", NULL, NULL, NULL},
    {"10.0.0.0/4294967304", NULL, NULL, NULL},
    {"10.0.0.0/255.0.0.0", NULL, NULL, NULL},
    {"/8", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
    {"10.0.0/8", NULL, NULL, NULL},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/1", NULL, NULL, NULL},
};

START_TEST(prefix_text_and_range)
{
	struct prefix p, back;
	struct addr lo, hi;
	char text[PREFIX_TEXT], addr[ADDR_TEXT];
	bool ok = prefix_parse(&p, prefixes[_i].in);

	ck_assert(ok == (prefixes[_i].out != NULL));
	if (!ok) {
		return;
	}
	ck_assert_str_eq(prefix_text(&p, text), prefixes[_i].out);
	prefix_range(&p, &lo, &hi);
	ck_assert_str_eq(addr_text(&lo, addr), prefixes[_i].lo);
	ck_assert_str_eq(addr_text(&hi, addr), prefixes[_i].hi);
	ck_assert(prefix_has(&p, &lo) && prefix_has(&p, &hi));
	ck_assert_uint_eq(prefix_from_range(&lo, &hi, &back, 1), 1);
	ck_assert(addr_equal(&back.addr, &p.addr) && back.len == p.len);
}
END_TEST

START_TEST(prefix_has_its_addresses)
{
	struct prefix p;
	struct addr below = addr_of("10.1.1.255"), first = addr_of("10.1.2.0");
	struct addr last = addr_of("10.1.3.255"), above = addr_of("10.1.4.0"),
		    v6 = addr_of("a01:200::");
	struct addr none = {.family = ADDR_NONE};

	ck_assert(prefix_parse(&p, "10.1.2.0/23"));
	ck_assert(!prefix_has(&p, &below));
	ck_assert(prefix_has(&p, &first));
	ck_assert(prefix_has(&p, &last));
	ck_assert(!prefix_has(&p, &above));
	ck_assert(!prefix_has(&p, &v6));
	ck_assert(!prefix_has(&p, &none));
	p = (struct prefix){.len = 0};
	ck_assert(!prefix_has(&p, &none));
	char text[PREFIX_TEXT];
	ck_assert_str_eq(prefix_text(&p, text), "%any");
	p = prefix_of(&first, 200); /* more bits than there are */
	ck_assert_uint_eq(p.len, 32);
}
END_TEST

static const struct {
	const char *lo, *hi;
	size_t n;
	const char *list;
} ranges[] = {
    {"10.0.0.0", "10.0.0.0", 1, "10.0.0.0/32"},
    {"10.0.0.1", "10.0.0.2", 2, "10.0.0.1/32 10.0.0.2/32"},
    {"10.0.0.0", "10.0.0.2", 2, "10.0.0.0/31 10.0.0.2/32"},
    {"10.0.0.1", "10.0.0.9", 4, "10.0.0.1/32 10.0.0.2/31 10.0.0.4/30 10.0.0.8/31"},
    {"10.0.255.255", "10.1.0.0", 2, "10.0.255.255/32 10.1.0.0/32"},
    {"0.0.0.0", "255.255.255.255", 1, "0.0.0.0/0"},
    {"255.255.255.254", "255.255.255.255", 1, "255.255.255.254/31"},
    {"0.0.0.1", "255.255.255.254", 62, NULL},
    {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, "::/0"},
    {"::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 254, NULL},
    {"fd00::ffff", "fd00::1:0", 2, "fd00::ffff/128 fd00::1:0/128"},
    {"10.0.0.2", "10.0.0.1", 0, ""},
    {"10.0.0.2", "::1", 0, ""},
};

START_TEST(range_to_prefixes)
{
	struct addr lo = addr_of(ranges[_i].lo), hi = addr_of(ranges[_i].hi);
	struct prefix v[256];
	char all[1024] = "", text[PREFIX_TEXT];
	size_t n = prefix_from_range(&lo, &hi, v, COUNT(v));

	ck_assert_uint_eq(n, ranges[_i].n);
	if (ranges[_i].list) {
		for (size_t i = 0; i < n; i++) {
			strcat(all, i > 0 ? " " : "");
			strcat(all, prefix_text(&v[i], text));
		}
		ck_assert_str_eq(all, ranges[_i].list);
	}
	/* A capacity that is too small changes neither the count nor what is behind it. */
	memset(v, 0xee, sizeof(v));
	ck_assert_uint_eq(prefix_from_range(&lo, &hi, v, 1), n);
	ck_assert_uint_eq(v[1].len, 0xee);
	ck_assert_uint_eq(prefix_from_range(&lo, &hi, NULL, 0), n);
}
END_TEST

/* Fewest aligned blocks by brute force: at each place the largest power of two that is aligned and
 * fits. Any cover has one block that starts there, and none is larger. */
static size_t fewest(uint64_t lo, uint64_t hi)
{
	size_t n = 0;

	while (lo <= hi) {
		uint64_t size = 1;
		while (lo % (2 * size) == 0 && lo + 2 * size - 1 <= hi && size < (1ull << 32)) {
			size *= 2;
		}
		lo += size;
		n++;
	}
	return n;
}

static uint32_t interesting_u32(struct rng *r)
{
	uint32_t v = rng_u32(r), n = rng_below(r, 33);
	uint32_t low = n == 32 ? UINT32_MAX : (1u << n) - 1;

	switch (rng_below(r, 4)) {
	case 0: return v & ~low;
	case 1: return v | low;
	case 2: return low;
	default: return v;
	}
}

START_TEST(random_v4_ranges_are_covered_exactly)
{
	struct rng r = {0xadd7e55};

	for (int round = 0; round < 20000; round++) {
		uint32_t a = interesting_u32(&r), b = interesting_u32(&r);
		struct addr lo = addr_v4(a < b ? a : b), hi = addr_v4(a < b ? b : a), first, last;
		struct prefix v[64];
		size_t n = prefix_from_range(&lo, &hi, v, COUNT(v));
		uint64_t at = a < b ? a : b, end = a < b ? b : a;

		ck_assert_uint_le(n, 62);
		ck_assert_uint_eq(n, fewest(at, end));
		for (size_t i = 0; i < n; i++) {
			prefix_range(&v[i], &first, &last);
			ck_assert_uint_eq(be32_load(first.b), at);
			at = (uint64_t)be32_load(last.b) + 1;
		}
		ck_assert(at == end + 1);
	}
}
END_TEST

START_TEST(random_v6_ranges_have_no_gap)
{
	struct rng r = {0xadd7e56};

	for (int round = 0; round < 3000; round++) {
		struct addr lo = {.family = ADDR_V6}, hi = {.family = ADDR_V6}, first, last, at;
		for (size_t i = 0; i < 4; i++) {
			be32_store(lo.b + 4 * i, interesting_u32(&r));
			be32_store(hi.b + 4 * i, interesting_u32(&r));
		}
		if (addr_cmp(&lo, &hi) > 0) {
			at = lo;
			lo = hi;
			hi = at;
		}
		struct prefix v[256];
		size_t n = prefix_from_range(&lo, &hi, v, COUNT(v));
		ck_assert(n >= 1 && n <= 254);
		at = lo;
		for (size_t i = 0; i < n; i++) {
			prefix_range(&v[i], &first, &last);
			ck_assert(addr_equal(&first, &at));
			at = last;
			for (size_t k = 16; k > 0 && ++at.b[k - 1] == 0; k--) {
			}
		}
		ck_assert(addr_equal(&last, &hi));
	}
}
END_TEST

/* Family first, then the length, then the address. */
START_TEST(prefix_order)
{
	static const char *const sorted[] = {"0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8", "11.0.0.0/8",
	    "10.0.0.0/16", "10.1.0.0/16", "9.0.0.1/32", "::/0", "fd00::/8", "fc00::/16", "::1/128",
	    "fd00::1/128"};
	struct prefix p[COUNT(sorted)];

	for (int i = 0; i < COUNT(sorted); i++) {
		ck_assert(prefix_parse(&p[i], sorted[i]));
		for (int k = 0; k <= i; k++) {
			ck_assert_int_eq(prefix_cmp(&p[k], &p[i]), k < i ? -1 : 0);
			ck_assert_int_eq(prefix_cmp(&p[i], &p[k]), k < i ? 1 : 0);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("addr");
	TCase *c = tcase_create("addr");

	tcase_add_loop_test(c, address_text, 0, COUNT(addresses));
	tcase_add_test(c, bytes_and_family);
	tcase_add_test(c, order);
	tcase_add_loop_test(c, kind, 0, COUNT(kinds));
	tcase_add_test(c, arithmetic);
	tcase_add_test(c, endpoints);
	tcase_add_loop_test(c, prefix_text_and_range, 0, COUNT(prefixes));
	tcase_add_test(c, prefix_has_its_addresses);
	tcase_add_test(c, prefix_order);
	tcase_add_loop_test(c, range_to_prefixes, 0, COUNT(ranges));
	tcase_add_test(c, random_v4_ranges_are_covered_exactly);
	tcase_add_test(c, random_v6_ranges_have_no_gap);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

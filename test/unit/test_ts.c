/*
 * base/ts.h: text, matching, and the narrowing of RFC 7296 section 2.9 against a naive model.
 */
#include "base/ts.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static struct ts ts_of(const char *text)
{
	struct ts t;
	ck_assert_msg(ts_parse(&t, text), "%s", text);
	return t;
}

static struct addr addr_of(const char *text)
{
	struct addr a;
	ck_assert_msg(addr_parse(&a, text), "%s", text);
	return a;
}

/* "a b c" */
static struct ts_list list_of(const char *text)
{
	struct ts_list l = {0};
	char copy[512], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		struct ts t = ts_of(w);
		ck_assert(ts_list_add(&l, &t));
	}
	return l;
}

static const struct {
	const char *in, *out; /* NULL: refused */
} texts[] = {
    {"10.1.0.0/16", "10.1.0.0/16"},
    {"10.1.2.3/16", "10.1.0.0/16"},
    {"10.0.0.1", "10.0.0.1/32"},
    {"10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"},
    {"10.0.0.0-10.0.0.255", "10.0.0.0/24"},
    {"10.0.0.7-10.0.0.7", "10.0.0.7/32"},
    {"0.0.0.0-255.255.255.255", "0.0.0.0/0"},
    {"fd00::/8", "fd00::/8"},
    {"fd00::1-fd00::9", "fd00::1-fd00::9"},
    {"::/0[icmpv6/128]", "::/0[icmpv6/128]"},
    {"10.2.0.0/16[tcp/443]", "10.2.0.0/16[tcp/443]"},
    {"10.2.0.0/16[tcp/443-443]", "10.2.0.0/16[tcp/443]"},
    {"10.2.0.0/16[udp/1024-2048]", "10.2.0.0/16[udp/1024-2048]"},
    {"10.2.0.0/16[sctp/0-65535]", "10.2.0.0/16[sctp]"},
    {"10.2.0.0/16[tcp/0]", "10.2.0.0/16[tcp/0]"},
    {"10.2.0.0/16[tcp/65535]", "10.2.0.0/16[tcp/65535]"},
    {"10.2.0.0/16[6/1]", "10.2.0.0/16[tcp/1]"},
    {"10.2.0.0/16[47]", "10.2.0.0/16[47]"},
    {"10.2.0.0/16[255]", "10.2.0.0/16[255]"},
    {"10.2.0.0/16[any]", "10.2.0.0/16"},
    {"10.2.0.0/16[0]", "10.2.0.0/16"},
    {"10.2.0.0/16[any/53]", "10.2.0.0/16[0/53]"},
    {"10.2.0.0/16[/53]", "10.2.0.0/16[0/53]"},
    {"10.2.0.0/16[tcp/any]", "10.2.0.0/16[tcp]"},
    {"10.2.0.0/16[tcp]", "10.2.0.0/16[tcp]"},
    {"10.2.0.0/16[tcp/opaque]", "10.2.0.0/16[tcp/opaque]"},
    {"10.2.0.0/16[icmp]", "10.2.0.0/16[icmp]"},
    {"10.2.0.0/16[icmp/8]", "10.2.0.0/16[icmp/8]"},
    {"10.2.0.0/16[icmp/0-255]", "10.2.0.0/16[icmp]"},
    {"10.2.0.0/16[icmp/8-10]", "10.2.0.0/16[icmp/8-10]"},
    {"10.2.0.0/16[icmp/3(4)]", "10.2.0.0/16[icmp/3(4)]"},
    {"10.2.0.0/16[icmp/3(0)-3(255)]", "10.2.0.0/16[icmp/3]"},
    {"10.2.0.0/16[icmp/3(1)-5]", "10.2.0.0/16[icmp/3(1)-5(255)]"},
    {"10.2.0.0/16[icmp/opaque]", "10.2.0.0/16[icmp/opaque]"},
    {"1111:1111:1111:1111:1111:1111:1111:1111-1111:1111:1111:1111:1111:1111:1111:1115[sctp/"
     "10000-20000]",
	"1111:1111:1111:1111:1111:1111:1111:1111-1111:1111:1111:1111:1111:1111:1111:1115[sctp/"
	"10000-20000]"},
    {"", NULL},
    {"dynamic", NULL},
    {"[tcp]", NULL},
    {"10.0.0.0/33", NULL},
    {"10.0.0.9-10.0.0.1", NULL},
    {"10.0.0.1-fd00::1", NULL},
    {"10.0.0.1-", NULL},
    {"-10.0.0.1", NULL},
    {"10.0.0.1-10.0.0.2-10.0.0.3", NULL},
    {"10.0.0.0/24-10.0.1.0/24", NULL},
    {"10.0.0.0/8[", NULL},
    {"10.0.0.0/8[]", NULL},
    {"10.0.0.0/8]", NULL},
    {"10.0.0.0/8[tcp", NULL},
    {"10.0.0.0/8[tcp]x", NULL},
    {"10.0.0.0/8[tcp][udp]", NULL},
    {"10.0.0.0/8[tcp/]", NULL},
    {"10.0.0.0/8[256]", NULL},
    {"10.0.0.0/8[-1]", NULL},
    {"10.0.0.0/8[tpc]", NULL},
    {"10.0.0.0/8[tcp/65536]", NULL},
    {"10.0.0.0/8[tcp/99999999999999999999]", NULL},
    {"10.0.0.0/8[tcp/80-]", NULL},
    {"10.0.0.0/8[tcp/-80]", NULL},
    {"10.0.0.0/8[tcp/90-80]", NULL},
    {"10.0.0.0/8[tcp/80-90-100]", NULL},
    {"10.0.0.0/8[tcp/80/90]", NULL},
    {"10.0.0.0/8[tcp/8(0)]", NULL},
    {"10.0.0.0/8[icmp/256]", NULL},
    {"10.0.0.0/8[icmp/8(256)]", NULL},
    {"10.0.0.0/8[icmp/8(]", NULL},
    {"10.0.0.0/8[icmp/8()]", NULL},
    {"10.0.0.0/8[icmp/8(0]", NULL},
    {"10.0.0.0/8[icmp/8(0)x]", NULL},
    {"10.0.0.0/8[icmp/8(5)-8(4)]", NULL},
};

START_TEST(text)
{
	struct ts t, back;
	char buf[TS_TEXT];
	bool ok = ts_parse(&t, texts[_i].in);

	ck_assert_msg(ok == (texts[_i].out != NULL), "%s", texts[_i].in);
	if (ok) {
		ck_assert_str_eq(ts_text(&t, buf), texts[_i].out);
		ck_assert(ts_parse(&back, buf));
		ck_assert(ts_equal(&t, &back));
	}
}
END_TEST

START_TEST(overlong_text_is_refused)
{
	char longest[400];
	struct ts t;

	for (size_t n = 0; n < sizeof(longest) - 1; n++) {
		memset(longest, '1', n);
		longest[n] = '\0';
		ck_assert(!ts_parse(&t, longest));
		snprintf(longest + n / 2, 12, "[%s", "tcp/");
		ck_assert(!ts_parse(&t, longest));
	}
	memset(longest, 't', sizeof(longest));
	memcpy(longest, "10.0.0.0/8[", 11);
	memcpy(longest + 300, "]", 2);
	ck_assert(!ts_parse(&t, longest));
}
END_TEST

START_TEST(constructors)
{
	char buf[TS_TEXT];
	struct addr a = addr_of("10.1.2.3");
	struct prefix p = prefix_of(&a, 24);
	struct ts t = ts_any(ADDR_V4);

	ck_assert_str_eq(ts_text(&t, buf), "0.0.0.0/0");
	t = ts_any(ADDR_V6);
	ck_assert_str_eq(ts_text(&t, buf), "::/0");
	t = ts_host(&a);
	ck_assert_str_eq(ts_text(&t, buf), "10.1.2.3/32");
	t = ts_prefix(&p);
	ck_assert_str_eq(ts_text(&t, buf), "10.1.2.0/24");
}
END_TEST

static const struct {
	const char *a, *b, *both; /* NULL: nothing in common */
	bool a_covers, b_covers;
} pairs[] = {
    {"10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16", true, false},
    {"10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8", true, true},
    {"10.0.0.0/8", "11.0.0.0/8", NULL, false, false},
    {"0.0.0.0/0", "::/0", NULL, false, false},
    {"10.0.0.1-10.0.0.9", "10.0.0.5-10.0.0.20", "10.0.0.5-10.0.0.9", false, false},
    {"10.0.0.1-10.0.0.9", "10.0.0.9-10.0.0.20", "10.0.0.9/32", false, false},
    {"10.0.0.1-10.0.0.9", "10.0.0.10-10.0.0.20", NULL, false, false},
    {"fd00::/8", "fd00::5-fe00::", "fd00::5-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false},
    {"10.0.0.0/8", "10.1.0.0/16[tcp]", "10.1.0.0/16[tcp]", true, false},
    {"10.0.0.0/8[udp]", "10.1.0.0/16[tcp]", NULL, false, false},
    {"10.0.0.0/8[udp]", "10.1.0.0/16", "10.1.0.0/16[udp]", false, false},
    {"10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp]", "10.0.0.0/8[tcp/80]", false, true},
    {"10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp/81]", NULL, false, false},
    {"10.0.0.0/8[tcp/80-90]", "10.0.0.0/8[tcp/85-100]", "10.0.0.0/8[tcp/85-90]", false, false},
    {"10.0.0.0/8[tcp/80-90]", "10.0.0.0/8[tcp/90-100]", "10.0.0.0/8[tcp/90]", false, false},
    {"10.0.0.0/8[tcp/80-90]", "10.0.0.0/8[/85]", "10.0.0.0/8[tcp/85]", false, false},
    {"10.0.0.0/8[/80-90]", "10.0.0.0/8[tcp/85]", "10.0.0.0/8[tcp/85]", true, false},
    {"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp]", "10.0.0.0/8[tcp/opaque]", false, true},
    {"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8", "10.0.0.0/8[tcp/opaque]", false, true},
    {"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/opaque]", true, true},
    {"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/0]", NULL, false, false},
    {"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/65535]", NULL, false, false},
    {"10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/1-65535]", NULL, false, false},
    {"10.0.0.0/8[icmp/8]", "10.0.0.0/8[icmp/8(0)]", "10.0.0.0/8[icmp/8(0)]", true, false},
};

static void check_pair(const struct ts *a, const struct ts *b, const char *both)
{
	struct ts r;
	char buf[TS_TEXT];
	bool some = ts_intersect(a, b, &r);

	ck_assert(some == (both != NULL));
	if (some) {
		ck_assert_str_eq(ts_text(&r, buf), both);
		ck_assert(ts_covers(a, &r) && ts_covers(b, &r));
	}
}

START_TEST(intersection_and_cover)
{
	struct ts a = ts_of(pairs[_i].a), b = ts_of(pairs[_i].b);

	check_pair(&a, &b, pairs[_i].both);
	check_pair(&b, &a, pairs[_i].both);
	ck_assert(ts_covers(&a, &b) == pairs[_i].a_covers);
	ck_assert(ts_covers(&b, &a) == pairs[_i].b_covers);
	ck_assert(ts_equal(&a, &b) == (pairs[_i].a_covers && pairs[_i].b_covers));
}
END_TEST

static const struct {
	const char *ts, *addr;
	uint8_t proto;
	bool has_port;
	uint16_t port;
	bool match;
} matches[] = {
    {"10.1.0.0/16", "10.1.0.0", 6, true, 80, true},
    {"10.1.0.0/16", "10.1.255.255", 17, false, 0, true},
    {"10.1.0.0/16", "10.2.0.0", 6, true, 80, false},
    {"10.1.0.0/16", "10.0.255.255", 6, true, 80, false},
    {"0.0.0.0/0", "::1", 6, true, 80, false},
    {"10.1.0.0/16[tcp]", "10.1.0.1", 6, true, 80, true},
    {"10.1.0.0/16[tcp]", "10.1.0.1", 6, false, 0, true}, /* a later fragment */
    {"10.1.0.0/16[tcp]", "10.1.0.1", 17, true, 80, false},
    {"10.1.0.0/16[tcp/80-90]", "10.1.0.1", 6, true, 79, false},
    {"10.1.0.0/16[tcp/80-90]", "10.1.0.1", 6, true, 80, true},
    {"10.1.0.0/16[tcp/80-90]", "10.1.0.1", 6, true, 90, true},
    {"10.1.0.0/16[tcp/80-90]", "10.1.0.1", 6, true, 91, false},
    {"10.1.0.0/16[tcp/80-90]", "10.1.0.1", 6, false, 85, false},
    {"10.1.0.0/16[tcp/0-100]", "10.1.0.1", 6, false, 0, false},
    {"10.1.0.0/16[tcp/opaque]", "10.1.0.1", 6, false, 0, true},
    {"10.1.0.0/16[tcp/opaque]", "10.1.0.1", 6, true, 0, false},
    {"10.1.0.0/16[tcp/opaque]", "10.1.0.1", 6, true, 65535, false},
    {"10.1.0.0/16[icmp/8]", "10.1.0.1", 1, true, 0x0800, true},
    {"10.1.0.0/16[icmp/8]", "10.1.0.1", 1, true, 0x08ff, true},
    {"10.1.0.0/16[icmp/8]", "10.1.0.1", 1, true, 0x0900, false},
    {"10.1.0.0/16[icmp/3(4)]", "10.1.0.1", 1, true, 0x0304, true},
    {"10.1.0.0/16[icmp/3(4)]", "10.1.0.1", 1, true, 0x0303, false},
};

START_TEST(match)
{
	struct ts t = ts_of(matches[_i].ts);
	struct addr a = addr_of(matches[_i].addr);
	struct ts_list l = list_of("192.0.2.0/24");

	ck_assert(ts_match(&t, &a, matches[_i].proto, matches[_i].has_port, matches[_i].port) ==
		  matches[_i].match);
	ck_assert(
	    !ts_list_match(&l, &a, matches[_i].proto, matches[_i].has_port, matches[_i].port));
	ts_list_add(&l, &t);
	ck_assert(ts_list_match(&l, &a, matches[_i].proto, matches[_i].has_port,
		      matches[_i].port) == matches[_i].match);
}
END_TEST

static const struct {
	const char *offered, *allowed, *out; /* out "": nothing left */
} narrowings[] = {
    {"0.0.0.0/0", "10.1.0.0/16", "10.1.0.0/16"},
    {"0.0.0.0/0 ::/0", "fd00::/8 10.1.0.0/16", "fd00::/8, 10.1.0.0/16"},
    {"10.1.0.0/16", "0.0.0.0/0", "10.1.0.0/16"},
    {"10.1.0.0/16", "10.2.0.0/16", ""},
    {"", "10.2.0.0/16", ""},
    {"10.1.0.0/16", "", ""},
    {"10.1.0.5/32 10.1.0.0/16", "10.0.0.0/8", "10.1.0.0/16"},
    {"10.1.0.0/16 10.1.0.5/32", "10.0.0.0/8", "10.1.0.0/16"},
    {"10.1.0.0/16 10.2.0.0/16", "10.2.0.0/16 10.1.0.0/16", "10.2.0.0/16, 10.1.0.0/16"},
    {"10.1.0.0/16[tcp/80] 10.1.0.0/16[udp]", "10.1.0.0/16[tcp] 10.1.0.0/16[udp/53]",
	"10.1.0.0/16[tcp/80], 10.1.0.0/16[udp/53]"},
    {"10.0.0.0-10.0.0.9 10.0.0.20-10.0.0.29", "10.0.0.5-10.0.0.24",
	"10.0.0.5-10.0.0.9, 10.0.0.20-10.0.0.24"},
    {"0.0.0.0/0", "10.0.0.0/8 10.1.0.0/16", "10.0.0.0/8"},
    {"0.0.0.0/0", "10.1.0.0/16 10.0.0.0/8", "10.0.0.0/8"},
};

START_TEST(narrow)
{
	struct ts_list offered = list_of(narrowings[_i].offered);
	struct ts_list allowed = list_of(narrowings[_i].allowed), out;
	char buf[512];
	bool some = ts_list_narrow(&offered, &allowed, &out);

	ck_assert_str_eq(ts_list_text(&out, buf, sizeof(buf)), narrowings[_i].out);
	ck_assert(some == (narrowings[_i].out[0] != '\0'));
}
END_TEST

START_TEST(full_lists)
{
	struct ts_list a = {0}, b = {0}, out;

	for (uint32_t i = 0; i < TS_MAX; i++) {
		struct addr host = addr_v4(0x0a000000 + 2 * i);
		struct ts t = ts_host(&host), tcp = t;
		ck_assert(ts_list_add(&a, &t));
		tcp.proto = 6;
		ck_assert(ts_list_add(&b, i % 2 ? &t : &tcp));
	}
	ck_assert(!ts_list_add(&a, &a.v[0]));
	ck_assert_uint_eq(a.n, TS_MAX);
	ck_assert(ts_list_narrow(&a, &b, &out));
	ck_assert(ts_list_equal(&out, &b));

	/* Six by six ranges cross in 36 places: as many as there is room for, each of them right.
	 */
	a.n = b.n = 0;
	for (uint16_t i = 0; i < 6; i++) {
		struct ts t = ts_any(ADDR_V4);
		t.lo = addr_v4(16u * i);
		t.hi = addr_v4(16u * i + 7);
		ts_list_add(&a, &t);
		t = ts_any(ADDR_V4);
		t.proto = 6;
		t.port_lo = (uint16_t)(10 * i);
		t.port_hi = (uint16_t)(10 * i + 5);
		ts_list_add(&b, &t);
	}
	ck_assert(ts_list_narrow(&a, &b, &out));
	ck_assert_uint_eq(out.n, TS_MAX);
}
END_TEST

START_TEST(list_equality)
{
	struct ts_list a = list_of("10.0.0.0/8 fd00::/8"), b = list_of("fd00::/8 10.0.0.0/8");
	struct ts_list c = list_of("10.0.0.0/8"), none = {0};

	ck_assert(ts_list_equal(&a, &b));
	ck_assert(!ts_list_equal(&a, &c));
	ck_assert(!ts_list_equal(&c, &a));
	ck_assert(!ts_list_equal(&c, &none));
	ck_assert(ts_list_equal(&none, &none));
}
END_TEST

START_TEST(list_text_is_cut)
{
	struct ts_list l = list_of("10.0.0.0/8 10.1.0.0/16[tcp/443]");
	char buf[64];

	ck_assert_str_eq(ts_list_text(&l, buf, sizeof(buf)), "10.0.0.0/8, 10.1.0.0/16[tcp/443]");
	ck_assert_str_eq(ts_list_text(&l, buf, 20), "10.0.0.0/8, 10.1…");
	ck_assert_str_eq(ts_list_text(&l, buf, 1), "");
	l.n = 0;
	ck_assert_str_eq(ts_list_text(&l, buf, sizeof(buf)), "");
}
END_TEST

/* A world small enough to look at every packet of it: 16 addresses, 3 protocols, 8 ports or none.
 */
static struct ts small_ts(struct rng *r)
{
	static const uint8_t protos[] = {0, 6, 17};
	uint32_t a = rng_below(r, 16), b = rng_below(r, 16), p = rng_below(r, 8),
		 q = rng_below(r, 8);
	struct ts t = ts_any(ADDR_V4);

	t.lo = addr_v4(a < b ? a : b);
	t.hi = addr_v4(a < b ? b : a);
	t.proto = protos[rng_below(r, 3)];
	switch (rng_below(r, 4)) {
	case 0: break;
	case 1:
		t.port_lo = UINT16_MAX;
		t.port_hi = 0;
		break;
	default: t.port_lo = (uint16_t)(p < q ? p : q); t.port_hi = (uint16_t)(p < q ? q : p);
	}
	return t;
}

static void check_world(
    const struct ts_list *offered, const struct ts_list *allowed, const struct ts_list *narrowed)
{
	static const uint8_t protos[] = {1, 6, 17};

	for (uint32_t i = 0; i < 16u * 3 * 9; i++) {
		struct addr a = addr_v4(i / 27);
		uint8_t proto = protos[i / 9 % 3];
		bool has_port = i % 9 < 8;
		uint16_t port = (uint16_t)(i % 9);
		bool both = ts_list_match(offered, &a, proto, has_port, port) &&
			    ts_list_match(allowed, &a, proto, has_port, port);
		ck_assert(ts_list_match(narrowed, &a, proto, has_port, port) == both);
	}
}

START_TEST(random_narrowing_takes_what_both_take)
{
	struct rng r = {0x7a550};

	for (int round = 0; round < 1500; round++) {
		struct ts_list offered = {0}, allowed = {0}, out;
		for (uint32_t n = rng_below(&r, 5); n > 0; n--) {
			struct ts t = small_ts(&r);
			ts_list_add(&offered, &t);
		}
		for (uint32_t n = rng_below(&r, 5); n > 0; n--) {
			struct ts t = small_ts(&r);
			ts_list_add(&allowed, &t);
		}
		ck_assert(ts_list_narrow(&offered, &allowed, &out) == (out.n > 0));
		check_world(&offered, &allowed, &out);
		for (size_t i = 0; i < out.n; i++) {
			for (size_t j = 0; j < out.n; j++) {
				ck_assert(i == j || !ts_covers(&out.v[i], &out.v[j]));
			}
		}
	}
}
END_TEST

START_TEST(random_text_round_trips)
{
	struct rng r = {0x7a551};
	static const uint8_t protos[] = {0, 1, 6, 17, 58, 132, 50, 255};

	for (int round = 0; round < 20000; round++) {
		struct ts t = ts_any(rng_below(&r, 2) ? ADDR_V4 : ADDR_V6), back;
		char buf[TS_TEXT];
		for (size_t i = 0; i < addr_bits(&t.lo) / 8; i++) {
			t.lo.b[i] = t.hi.b[i] = (uint8_t)rng_u32(&r);
		}
		t.hi.b[3] |= (uint8_t)rng_u32(&r);
		t.proto = protos[rng_below(&r, 8)];
		if (rng_below(&r, 4) != 0) {
			t.port_hi = (uint16_t)rng_u32(&r);
			t.port_lo = (uint16_t)rng_below(&r, t.port_hi + 1u);
		}
		ts_text(&t, buf);
		ck_assert_msg(ts_parse(&back, buf), "%s", buf);
		ck_assert_msg(ts_equal(&t, &back), "%s", buf);
	}
}
END_TEST

START_TEST(random_text_never_crashes)
{
	struct rng r = {0x7a552};
	static const char letters[] = "0123456789.:/-[]()tcpimudoaqe";

	for (int round = 0; round < 100000; round++) {
		char buf[128];
		uint32_t n = rng_below(&r, 40);
		struct ts t;
		snprintf(buf, sizeof(buf), "%s", rng_below(&r, 2) ? "10.0.0.0/8[" : "fd00::1-");
		size_t from = rng_below(&r, 2) ? strlen(buf) : 0;
		for (uint32_t i = 0; i < n; i++) {
			buf[from + i] = letters[rng_below(&r, sizeof(letters) - 1)];
		}
		buf[from + n] = '\0';
		if (ts_parse(&t, buf)) {
			ck_assert(addr_cmp(&t.lo, &t.hi) <= 0);
			ck_assert(t.port_lo <= t.port_hi || ts_is_opaque(&t));
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ts");
	TCase *c = tcase_create("ts");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, text, 0, COUNT(texts));
	tcase_add_test(c, overlong_text_is_refused);
	tcase_add_test(c, constructors);
	tcase_add_loop_test(c, intersection_and_cover, 0, COUNT(pairs));
	tcase_add_loop_test(c, match, 0, COUNT(matches));
	tcase_add_loop_test(c, narrow, 0, COUNT(narrowings));
	tcase_add_test(c, full_lists);
	tcase_add_test(c, list_equality);
	tcase_add_test(c, list_text_is_cut);
	tcase_add_test(c, random_narrowing_takes_what_both_take);
	tcase_add_test(c, random_text_round_trips);
	tcase_add_test(c, random_text_never_crashes);
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

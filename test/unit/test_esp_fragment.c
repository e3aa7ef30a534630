/*
 * Fragments and ICMP under selectors, both ways: RFC 4301 sections 4.4.1.1 and 7 (its first method:
 * a fragment without ports goes by selectors that ask for none).
 */
#include "test/unit/esp_pair.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buf[PAIR_BUF];

enum kind {
	WHOLE,
	FIRST,  /* the first of several */
	LATER,  /* one that is not the first */
	ATOMIC, /* IPv6: a fragment header, and nothing else is a fragment */
	TWICE,  /* IPv6: an atomic header, then a later one */
};

struct what {
	enum addr_family family;
	enum kind kind;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: type and code in sport */
};

static size_t fragment_header(uint8_t *p, uint8_t next, uint16_t field)
{
	memset(p, 0, 8);
	p[0] = next;
	be16_store(p + 2, field);
	return 8;
}

/* The headers behind the address fields; returns how many bytes there are in front of the load. */
static size_t headers(uint8_t *p, const struct what *w)
{
	size_t at = 40;

	if (w->family == ADDR_V4) {
		p[9] = w->proto;
		be16_store(p + 6, w->kind == FIRST ? 0x2000 : w->kind == LATER ? 0x2010 : 0);
		return 20;
	}
	p[6] = w->kind == WHOLE ? w->proto : 44;
	switch (w->kind) {
	case WHOLE: break;
	case FIRST: at += fragment_header(p + at, w->proto, 1); break;
	case LATER: at += fragment_header(p + at, w->proto, 0x80); break;
	case ATOMIC: at += fragment_header(p + at, w->proto, 0); break;
	case TWICE:
		at += fragment_header(p + at, 44, 0);
		at += fragment_header(p + at, w->proto, 0x80);
		break;
	}
	return at;
}

static struct pkt packet(const struct what *w)
{
	enum { SIZE = 120 };
	struct pkt pkt = pair_packet(buf, w->family, SIZE);
	uint8_t *p = buf + pkt.off;
	size_t at = headers(p, w);

	be16_store(p + at, w->sport);
	be16_store(p + at + 2, w->dport);
	return pkt;
}

static struct ts_list one(const char *text)
{
	struct ts_list l = {0};
	struct ts t;

	ck_assert_msg(ts_parse(&t, text), "%s", text);
	ck_assert(ts_list_add(&l, &t));
	return l;
}

#define V4_HERE "10.1.0.0/16"
#define V4_THERE "10.2.0.0/16"
#define V6_HERE "fd00:1::/64"
#define V6_THERE "fd00:2::/64"

/* clang-format off */
static const struct {
	const char *here, *there;
	struct what what;
	bool passes;
} rows[] = {
    /*  0 */ {V4_HERE, V4_THERE, {ADDR_V4, WHOLE, 17, 5, 6}, true},
    /*  1 */ {V4_HERE, V4_THERE, {ADDR_V4, FIRST, 17, 5, 6}, true},
    /*  2 */ {V4_HERE, V4_THERE, {ADDR_V4, LATER, 17, 5, 6}, true},
    /*  3 */ {V4_HERE "[udp]", V4_THERE "[udp]", {ADDR_V4, LATER, 17, 5, 6}, true},
    /*  4 */ {V4_HERE "[tcp]", V4_THERE "[tcp]", {ADDR_V4, LATER, 17, 5, 6}, false},
    /*  5 */ {V4_HERE, V4_THERE "[udp/6]", {ADDR_V4, WHOLE, 17, 5, 6}, true},
    /*  6 */ {V4_HERE, V4_THERE "[udp/6]", {ADDR_V4, FIRST, 17, 5, 6}, true},
    /*  7 */ {V4_HERE, V4_THERE "[udp/6]", {ADDR_V4, LATER, 17, 5, 6}, false},
    /*  8 */ {V4_HERE, V4_THERE "[udp/0-65534]", {ADDR_V4, LATER, 17, 5, 6}, false},
    /*  9 */ {V4_HERE "[udp/5]", V4_THERE, {ADDR_V4, LATER, 17, 5, 6}, false},
    /* 10 */ {V4_HERE, V4_THERE "[udp/opaque]", {ADDR_V4, LATER, 17, 5, 6}, true},
    /* 11 */ {V4_HERE, V4_THERE "[udp/opaque]", {ADDR_V4, WHOLE, 17, 5, 6}, false},
    /* 12 */ {V4_HERE, V4_THERE "[udp/opaque]", {ADDR_V4, FIRST, 17, 5, 6}, false},
    /* 13 */ {V6_HERE, V6_THERE, {ADDR_V6, LATER, 17, 5, 6}, true},
    /* 14 */ {V6_HERE, V6_THERE "[udp/6]", {ADDR_V6, WHOLE, 17, 5, 6}, true},
    /* 15 */ {V6_HERE, V6_THERE "[udp/6]", {ADDR_V6, FIRST, 17, 5, 6}, true},
    /* 16 */ {V6_HERE, V6_THERE "[udp/6]", {ADDR_V6, ATOMIC, 17, 5, 6}, true},
    /* 17 */ {V6_HERE, V6_THERE "[udp/6]", {ADDR_V6, LATER, 17, 5, 6}, false},
    /* 18 */ {V6_HERE, V6_THERE "[udp/6]", {ADDR_V6, TWICE, 17, 5, 6}, false},
    /* 19 */ {V6_HERE, V6_THERE "[udp/opaque]", {ADDR_V6, TWICE, 17, 5, 6}, true},
    /* 20 */ {V6_HERE "[udp/5]", V6_THERE "[udp/7]", {ADDR_V6, ATOMIC, 17, 5, 6}, false},
    /* ICMP: the type and the code are one value, and stand on both sides. */
    /* 21 */ {V4_HERE "[icmp/8]", V4_THERE, {ADDR_V4, WHOLE, 1, 0x0800, 0}, true},
    /* 22 */ {V4_HERE "[icmp/8]", V4_THERE, {ADDR_V4, WHOLE, 1, 0x0000, 0}, false},
    /* 23 */ {V4_HERE "[icmp/3(4)]", V4_THERE, {ADDR_V4, WHOLE, 1, 0x0304, 0}, true},
    /* 24 */ {V4_HERE "[icmp/3(4)]", V4_THERE, {ADDR_V4, WHOLE, 1, 0x0303, 0}, false},
    /* 25 */ {V4_HERE, V4_THERE "[icmp/8]", {ADDR_V4, LATER, 1, 0x0800, 0}, false},
    /* 26 */ {V4_HERE, V4_THERE "[icmp]", {ADDR_V4, LATER, 1, 0x0800, 0}, true},
    /* 27 */ {V6_HERE "[58/128]", V6_THERE "[58/128]", {ADDR_V6, WHOLE, 58, 128 << 8, 0}, true},
    /* 28 */ {V6_HERE "[58/128]", V6_THERE "[58/128]", {ADDR_V6, WHOLE, 58, 129 << 8, 0}, false},
    /* 29 */ {V6_HERE, V6_THERE "[58/128]", {ADDR_V6, FIRST, 58, 128 << 8, 0}, true},
    /* 30 */ {V6_HERE, V6_THERE "[58/128]", {ADDR_V6, LATER, 58, 128 << 8, 0}, false},
};
/* clang-format on */

START_TEST(selectors)
{
	struct ts_list here = one(rows[_i].here), there = one(rows[_i].there);
	struct pair_options o = {.window = 64, .here = &here, .there = &there};
	struct pair p;

	pair_init(&p, &o);
	struct pkt pkt = packet(&rows[_i].what);
	ck_assert_int_eq(pair_encap(&p, &pkt), rows[_i].passes ? ESP_V_OK : ESP_V_NO_POLICY);
	/* And by a peer that sends all of it. */
	struct esp_policy all = {.action = ESP_PROTECT,
	    .slot = p.slot,
	    .local = ts_any(rows[_i].what.family),
	    .remote = ts_any(rows[_i].what.family)};
	ck_assert_int_eq(esp_spd_set(p.left, &all, 1), ESP_OK);
	pkt = packet(&rows[_i].what);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
	ck_assert_int_eq(pair_decap(&p, &pkt), rows[_i].passes ? ESP_V_OK : ESP_V_SELECTOR);
	pair_fini(&p);
}
END_TEST

/* Chains of random extension headers, fragments among them, of packets that end anywhere. What
 * leaves arrives as it was. */
START_TEST(random_chains)
{
	static const uint8_t kinds[] = {0, 43, 44, 60, 44, 17, 6, 58, 59, 50};
	struct rng r = {(uint64_t)_i + 3};
	struct pair_options o = {.window = 64};
	uint8_t was[200];
	unsigned passed = 0;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = 40 + rng_below(&r, 160), at = 40;
		struct pkt pkt = pair_packet(buf, ADDR_V6, n);
		uint8_t *ip = buf + pkt.off;
		for (size_t k = 40; k < n; k++)
			ip[k] = (uint8_t)rng_u32(&r);
		ip[6] = kinds[rng_below(&r, sizeof kinds)];
		for (uint8_t nh = ip[6]; at + 8 <= n;
		     at += 8 + (nh == 44 ? 0 : 8 * (size_t)ip[at + 1])) {
			ip[at] = kinds[rng_below(&r, sizeof kinds)];
			ip[at + 1] = (uint8_t)rng_below(&r, 3);
			nh = ip[at];
		}
		memcpy(was, ip, n);
		enum esp_verdict v = pair_encap(&p, &pkt);
		if (v == ESP_V_MALFORMED_INNER)
			continue;
		if (v != ESP_V_OK || pair_decap(&p, &pkt) != ESP_V_OK || pkt.len != n ||
		    memcmp(was, pkt.base + pkt.off, n) != 0)
			ck_abort_msg("packet %u: %d", i, v);
		passed++;
	}
	ck_assert_uint_gt(passed, 1000);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_fragment");
	TCase *t = tcase_create("fragment");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, selectors, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_loop_test(t, random_chains, 0, 4);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * What selectors see of an inner packet: RFC 4301 section 4.4.1.1, RFC 791, RFC 8200 section 4.
 *
 * Every packet is read from memory of exactly its size, so that a sanitizer sees a read behind it.
 */
#include "esp/esp.h"
#include "esp/flow.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 256 };

/* A packet under construction. */
struct raw {
	uint8_t p[ROOM];
	size_t n;
};

static void put(struct raw *r, const uint8_t *bytes, size_t n)
{
	ck_assert_uint_le(r->n + n, sizeof r->p);
	memcpy(r->p + r->n, bytes, n);
	r->n += n;
}

static bool read_exact(struct esp_flow *f, const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, p, n);
	bool ok = esp_flow_read(f, copy, n);
	free(copy);
	return ok;
}

/* ---- IPv4 ---- */

/* 10.1.2.3 to 10.9.8.7 with `options` bytes of options (a multiple of 4) and the payload given. */
static struct raw v4(uint8_t proto, size_t options, uint16_t fragment, const char *load, size_t n)
{
	static const uint8_t addrs[8] = {10, 1, 2, 3, 10, 9, 8, 7};
	struct raw r = {.n = 20};

	r.p[0] = (uint8_t)(0x45 + options / 4);
	be16_store(r.p + 2, (uint16_t)(20 + options + n));
	be16_store(r.p + 6, fragment);
	r.p[9] = proto;
	memcpy(r.p + 12, addrs, sizeof addrs);
	for (size_t i = 0; i < options; i++)
		put(&r, (const uint8_t[]){1}, 1); /* no operation */
	put(&r, (const uint8_t *)load, n);
	return r;
}

#define LOAD "\x12\x34\x56\x78\0\0\0\0", 8

static const struct {
	uint8_t proto;
	size_t options;
	uint16_t fragment;
	const char *load;
	size_t n;
	bool has_ports;
	uint16_t sport, dport;
} v4_cases[] = {
    /*  0: UDP */ {17, 0, 0, LOAD, true, 0x1234, 0x5678},
    /*  1: TCP */ {6, 0, 0, LOAD, true, 0x1234, 0x5678},
    /*  2: SCTP */ {132, 0, 0, LOAD, true, 0x1234, 0x5678},
    /*  3: DCCP */ {33, 0, 0, LOAD, true, 0x1234, 0x5678},
    /*  4: UDP-Lite */ {136, 0, 0, LOAD, true, 0x1234, 0x5678},
    /*  5: one option */ {17, 4, 0, LOAD, true, 0x1234, 0x5678},
    /*  6: all the options */ {6, 40, 0, LOAD, true, 0x1234, 0x5678},
    /*  7: ICMP, type and code on both sides */ {1, 0, 0, LOAD, true, 0x1234, 0x1234},
    /*  8: GRE */ {47, 0, 0, LOAD, false, 0, 0},
    /*  9: do not fragment */ {17, 0, 0x4000, LOAD, true, 0x1234, 0x5678},
    /* 10: the first fragment */ {17, 0, 0x2000, LOAD, true, 0x1234, 0x5678},
    /* 11: a later one */ {17, 0, 0x2001, LOAD, false, 0, 0},
    /* 12: the last one */ {17, 0, 0x1fff, LOAD, false, 0, 0},
    /* 13: a later one of ICMP, with options */ {1, 8, 0x0001, LOAD, false, 0, 0},
    /* 14: ports cut */ {17, 0, 0, "\x12\x34\x56", 3, false, 0, 0},
    /* 15: just the ports */ {6, 0, 0, "\x12\x34\x56\x78", 4, true, 0x1234, 0x5678},
    /* 16: ICMP cut */ {1, 0, 0, "\x08", 1, false, 0, 0},
    /* 17: just type and code */ {1, 0, 0, "\x08\x02", 2, true, 0x0802, 0x0802},
    /* 18: empty */ {17, 0, 0, "", 0, false, 0, 0},
};

START_TEST(ipv4)
{
	struct raw r = v4(v4_cases[_i].proto, v4_cases[_i].options, v4_cases[_i].fragment,
	    v4_cases[_i].load, v4_cases[_i].n);
	struct esp_flow f;

	ck_assert(read_exact(&f, r.p, r.n));
	ck_assert_uint_eq(f.family, ADDR_V4);
	ck_assert_uint_eq(f.total, r.n);
	ck_assert_uint_eq(f.proto, v4_cases[_i].proto);
	ck_assert_uint_eq(f.src.hi, (uint64_t)0x0a010203 << 32);
	ck_assert_uint_eq(f.dst.hi, (uint64_t)0x0a090807 << 32);
	ck_assert_uint_eq(f.src.lo | f.dst.lo, 0);
	ck_assert_int_eq(f.has_ports, v4_cases[_i].has_ports);
	ck_assert_uint_eq(f.sport, v4_cases[_i].sport);
	ck_assert_uint_eq(f.dport, v4_cases[_i].dport);
	for (size_t n = 0; n < r.n; n++)
		ck_assert(!read_exact(&f, r.p, n));
}
END_TEST

/* Lengths that lie. What stands behind the stated length is no part of the packet. */
START_TEST(ipv4_lengths)
{
	struct raw r = v4(17, 4, 0, LOAD);
	struct esp_flow f;

	for (uint8_t ihl = 0; ihl < 16; ihl++) {
		r.p[0] = (uint8_t)(0x40 | ihl);
		ck_assert_int_eq(read_exact(&f, r.p, r.n), ihl >= 5 && ihl * 4u <= r.n);
	}
	r.p[0] = 0x46;
	for (uint32_t total = 0; total <= UINT16_MAX; total++) {
		be16_store(r.p + 2, (uint16_t)total);
		bool want = total >= 24 && total <= r.n;
		if (read_exact(&f, r.p, r.n) != want)
			ck_abort_msg("total length %u", total);
		if (want && (f.total != total || f.has_ports != (total >= 28)))
			ck_abort_msg("total length %u: ports read behind the packet", total);
	}
}
END_TEST

START_TEST(other_versions)
{
	struct raw r = v4(17, 0, 0, LOAD);
	struct esp_flow f;

	ck_assert(!read_exact(&f, r.p, 0));
	for (uint8_t version = 0; version < 16; version++) {
		r.p[0] = (uint8_t)(version << 4 | 5);
		if (version != 4)
			ck_assert(!read_exact(&f, r.p, r.n));
	}
}
END_TEST

/* ---- IPv6 ---- */

/* The chain and the payload, after a header whose next header is `next`. */
static struct raw v6(uint8_t next, const char *rest, size_t n)
{
	struct raw r = {.n = 40};

	r.p[0] = 0x60;
	be16_store(r.p + 4, (uint16_t)n);
	r.p[6] = next;
	be64_store(r.p + 8, 0x20010db800000001);
	be64_store(r.p + 16, 0x11);
	be64_store(r.p + 24, 0x20010db800000002);
	be64_store(r.p + 32, 0x22);
	put(&r, (const uint8_t *)rest, n);
	return r;
}

#define CHAIN(s) s, sizeof s - 1
#define PORTS "\x12\x34\x56\x78"
/* Extension headers of 8 and 16 bytes: the next header, then its length. */
#define EXT8(next) next "\0\1\4\0\0\0\0"
#define EXT16(next) next "\1\1\14\0\0\0\0\0\0\0\0\0\0\0\0"
#define FRAG(next, offset) next "\0" offset "\0\0\0\7"

static const struct {
	uint8_t next;
	const char *rest;
	size_t n;
	size_t header; /* bytes of extension headers */
	uint8_t proto;
	bool has_ports;
	uint16_t sport, dport;
} v6_cases[] = {
    /*  0: UDP */ {17, CHAIN(PORTS), 0, 17, true, 0x1234, 0x5678},
    /*  1: ICMPv6 */ {58, CHAIN("\x80\1\0\0"), 0, 58, true, 0x8001, 0x8001},
    /*  2: mobility */ {135, CHAIN("\x3b\0\5\0\0\0\0\0"), 0, 135, true, 0x0500, 0x0500},
    /*  3: no next header */ {59, CHAIN(""), 0, 59, false, 0, 0},
    /*  4: hop by hop */ {0, CHAIN(EXT8("\x11") PORTS), 8, 17, true, 0x1234, 0x5678},
    /*  5: longer */ {0, CHAIN(EXT16("\6") PORTS), 16, 6, true, 0x1234, 0x5678},
    /*  6: destination */ {60, CHAIN(EXT8("\6") PORTS), 8, 6, true, 0x1234, 0x5678},
    /*  7: routing */ {43, CHAIN(EXT16("\x84") PORTS), 16, 132, true, 0x1234, 0x5678},
    /*  8: all of them */
    {0, CHAIN(EXT8("\x3c") EXT8("\x2b") EXT16("\x2c") FRAG("\x3c", "\0\1") EXT8("\x11") PORTS), 48,
	17, true, 0x1234, 0x5678},
    /*  9: the first fragment */
    {44, CHAIN(FRAG("\x11", "\0\1") PORTS), 8, 17, true, 0x1234, 0x5678},
    /* 10: reserved bits are not the offset */
    {44, CHAIN(FRAG("\x11", "\0\6") PORTS), 8, 17, true, 0x1234, 0x5678},
    /* 11: a later one */ {44, CHAIN(FRAG("\x11", "\0\x08") PORTS), 8, 17, false, 0, 0},
    /* 12: the last one */ {44, CHAIN(FRAG("\x11", "\xff\xf8") PORTS), 8, 17, false, 0, 0},
    /* 13: a later one names what its header names */
    {44, CHAIN(FRAG("\x3c", "\1\1") EXT8("\x11") PORTS), 8, 60, false, 0, 0},
    /* 14: AH ends the walk */ {51, CHAIN(EXT16("\x11") PORTS), 0, 51, false, 0, 0},
    /* 15: ports cut */ {17, CHAIN("\x12\x34\x56"), 0, 17, false, 0, 0},
    /* 16: mobility cut */ {135, CHAIN("\x3b\0"), 0, 135, false, 0, 0},
};

START_TEST(ipv6)
{
	struct raw r = v6(v6_cases[_i].next, v6_cases[_i].rest, v6_cases[_i].n);
	struct esp_flow f;

	ck_assert(read_exact(&f, r.p, r.n));
	ck_assert_uint_eq(f.family, ADDR_V6);
	ck_assert_uint_eq(f.total, r.n);
	ck_assert_uint_eq(f.src.hi, 0x20010db800000001);
	ck_assert_uint_eq(f.src.lo, 0x11);
	ck_assert_uint_eq(f.dst.hi, 0x20010db800000002);
	ck_assert_uint_eq(f.dst.lo, 0x22);
	ck_assert_uint_eq(f.proto, v6_cases[_i].proto);
	ck_assert_int_eq(f.has_ports, v6_cases[_i].has_ports);
	ck_assert_uint_eq(f.sport, v6_cases[_i].sport);
	ck_assert_uint_eq(f.dport, v6_cases[_i].dport);
	for (size_t n = 0; n < r.n; n++)
		ck_assert(!read_exact(&f, r.p, n));
}
END_TEST

/* A packet that states its true length, but ends within an extension header. */
START_TEST(ipv6_cut_chain)
{
	struct raw r = v6(v6_cases[_i].next, v6_cases[_i].rest, v6_cases[_i].n);
	struct esp_flow f;

	for (size_t n = 40; n <= r.n; n++) {
		be16_store(r.p + 4, (uint16_t)(n - 40));
		ck_assert_int_eq(read_exact(&f, r.p, n), n - 40 >= v6_cases[_i].header);
		/* The rest is there, but behind the packet. */
		ck_assert_int_eq(read_exact(&f, r.p, r.n), n - 40 >= v6_cases[_i].header);
	}
	be16_store(r.p + 4, UINT16_MAX);
	ck_assert(!read_exact(&f, r.p, r.n));
}
END_TEST

/* An extension header that claims more than there is. */
START_TEST(ipv6_lying_extension)
{
	struct raw r = v6(60, CHAIN(EXT16("\x11") PORTS));
	struct esp_flow f;

	for (unsigned len = 0; len < 256; len++) {
		r.p[41] = (uint8_t)len;
		ck_assert_int_eq(read_exact(&f, r.p, r.n), (len + 1) * 8 <= r.n - 40);
	}
}
END_TEST

/* ---- Both ---- */

/* Whatever comes: no read outside, and esp_flow_of says what esp_flow_read says. */
START_TEST(noise)
{
	static const uint8_t nexts[] = {0, 1, 6, 17, 43, 44, 50, 51, 58, 59, 60, 132, 135};
	struct rng rng = {4711};
	unsigned read = 0;

	for (unsigned i = 0; i < 200000; i++) {
		uint8_t p[96];
		size_t n = rng_below(&rng, sizeof p + 1);
		for (size_t k = 0; k < sizeof p; k++)
			p[k] = rng_below(&rng, 3) ? nexts[rng_below(&rng, sizeof nexts)] / 17
						  : (uint8_t)rng_u32(&rng);
		bool six = rng_below(&rng, 2);
		p[0] = six ? 0x60 : (uint8_t)(0x45 + rng_below(&rng, 3));
		p[six ? 6 : 9] = nexts[rng_below(&rng, sizeof nexts)];
		p[40] = nexts[rng_below(&rng, sizeof nexts)];
		p[41] &= 3;
		if (n >= 40 && rng_below(&rng, 8))
			be16_store(p + (six ? 4 : 2), (uint16_t)(six ? n - 40 : n));
		struct esp_flow f;
		struct ts_flow plain;
		bool ok = read_exact(&f, p, n);
		if (esp_flow_of(bytes_of(p, n), &plain) != ok)
			ck_abort_msg("packet %u: two answers", i);
		if (!ok)
			continue;
		read++;
		struct esp_num src = esp_num_of(&plain.src), dst = esp_num_of(&plain.dst);
		if (f.total > n || plain.src.family != f.family || src.hi != f.src.hi ||
		    src.lo != f.src.lo || dst.hi != f.dst.hi || dst.lo != f.dst.lo ||
		    plain.proto != f.proto || plain.has_ports != f.has_ports ||
		    plain.sport != f.sport || plain.dport != f.dport)
			ck_abort_msg("packet %u: two flows", i);
	}
	ck_assert_uint_gt(read, 10000);
}
END_TEST

/* ---- Runs ---- */

/* A packet of one flow, plain or strange. */
static size_t any_packet(uint8_t p[96], struct rng *rng)
{
	static const uint8_t nexts[] = {1, 6, 17, 43, 44, 58, 132};
	bool six = rng_below(rng, 2);
	size_t n = 24 + rng_below(rng, 73);

	for (size_t k = 0; k < 96; k++) {
		p[k] = (uint8_t)rng_u32(rng);
	}
	p[0] = six ? 0x60 : (uint8_t)(rng_below(rng, 8) ? 0x45 : 0x46);
	p[six ? 6 : 9] = nexts[rng_below(rng, sizeof nexts)];
	if (!six && rng_below(rng, 4)) {
		be16_store(p + 6, rng_below(rng, 2) ? 0x4000 : 0);
	}
	if (n >= 40 || !six) {
		be16_store(p + (six ? 4 : 2), (uint16_t)(six ? n - 40 : n));
	}
	return n;
}

/* The packet before with a few bytes changed: where it is said to go on, reading says the same. */
START_TEST(goes_on)
{
	struct rng rng = {815};
	unsigned on = 0, off = 0;

	for (unsigned i = 0; i < 400000; i++) {
		uint8_t a[96], b[96];
		struct esp_flow f, whole;
		size_t n = any_packet(a, &rng), m = n;
		if (!esp_flow_read(&f, a, n)) {
			continue;
		}
		memcpy(b, a, sizeof b);
		for (uint32_t k = rng_below(&rng, 3); k > 0; k--) {
			b[rng_below(&rng, 48)] ^= (uint8_t)(1u << rng_below(&rng, 8));
		}
		if (rng_below(&rng, 4) == 0) {
			m = rng_below(&rng, 97);
			be16_store(b + (f.family == ADDR_V6 ? 4 : 2),
			    (uint16_t)(f.family == ADDR_V6 ? m - 40 : m));
		}
		if (!esp_flow_goes_on(&f, a, b, m)) {
			off++;
			continue;
		}
		on++;
		memset(&whole, 0, sizeof whole);
		if (!esp_flow_read(&whole, b, m) || whole.total != f.total || whole.l4 != f.l4 ||
		    whole.family != f.family || whole.proto != f.proto || whole.sport != f.sport ||
		    whole.dport != f.dport || whole.src.hi != f.src.hi ||
		    whole.src.lo != f.src.lo || whole.dst.hi != f.dst.hi ||
		    whole.dst.lo != f.dst.lo || whole.fragment || !whole.has_ports) {
			ck_abort_msg("packet %u: another flow", i);
		}
	}
	ck_assert_uint_gt(on, 20000);
	ck_assert_uint_gt(off, 20000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_flow");
	TCase *t = tcase_create("flow");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, ipv4, 0, (int)(sizeof v4_cases / sizeof v4_cases[0]));
	tcase_add_test(t, ipv4_lengths);
	tcase_add_test(t, other_versions);
	tcase_add_loop_test(t, ipv6, 0, (int)(sizeof v6_cases / sizeof v6_cases[0]));
	tcase_add_loop_test(t, ipv6_cut_chain, 0, (int)(sizeof v6_cases / sizeof v6_cases[0]));
	tcase_add_test(t, ipv6_lying_extension);
	tcase_add_test(t, noise);
	tcase_add_test(t, goes_on);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

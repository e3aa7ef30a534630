/* Cutting super-packets, and completing checksums: RFC 9293 section 3.1, RFC 768, RFC 6864. */
#include "test/unit/offload_pkt.h"
#include "tun/offload.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 4000, GUARD = 32 };

static struct tun_gso gso_of(const struct opkt_shape *s, uint16_t size)
{
	return (struct tun_gso){
	    .kind = !s->tcp ? TUN_GSO_UDP
		    : s->v6 ? TUN_GSO_TCP6
			    : TUN_GSO_TCP4,
	    .csum = TUN_CSUM_PARTIAL,
	    .size = size,
	    .header = (uint16_t)opkt_header(s),
	    .csum_start = (uint16_t)opkt_l4(s),
	    .csum_offset = s->tcp ? 16 : 6,
	};
}

/* A super-packet of any shape, at most `max` bytes of payload. */
static struct opkt_shape random_shape(struct rng *r, uint32_t max)
{
	struct opkt_shape s = {
	    .v6 = rng_below(r, 2),
	    .tcp = rng_below(r, 2),
	    .src = (uint8_t)rng_u32(r),
	    .dst = (uint8_t)rng_u32(r),
	    .sport = (uint16_t)rng_u32(r),
	    .dport = (uint16_t)rng_u32(r),
	    .tos = (uint8_t)rng_u32(r),
	    .ttl = (uint8_t)rng_u32(r),
	    .label = rng_u32(r) & 0xfffff,
	    .id = (uint16_t)(rng_below(r, 3) ? rng_u32(r) : 0xfff0 + rng_below(r, 16)),
	    .off = rng_below(r, 2) ? OPKT_DF : 0,
	    .ext = (uint8_t)(rng_below(r, 3) ? 0 : 8 * rng_below(r, 6)),
	    .seq = rng_below(r, 3) ? rng_u32(r) : 0xfffff000 + rng_below(r, 4096),
	    .ack = rng_u32(r),
	    .flags = (uint8_t)(OPKT_ACK | rng_u32(r)),
	    .window = (uint16_t)rng_u32(r),
	    .urgent = (uint16_t)(rng_below(r, 4) ? 0 : rng_u32(r)),
	    .options = (uint8_t)(4 * rng_below(r, 11)),
	    .timestamp = rng_u32(r),
	};
	uint32_t room = 65535 - opkt_header(&s);
	max = max < room ? max : room;
	s.payload = 1 + rng_below(r, max);
	return s;
}

/* ---- What a segment must be ---- */

/* Check notes every assertion that it comes by; with as many as here that takes most of the time.
 */
#define REQUIRE(x)                                      \
	do {                                            \
		if (!(x))                               \
			ck_abort_msg("not so: %s", #x); \
	} while (0)

struct expected {
	const uint8_t *whole; /* the super-packet */
	const struct opkt_shape *shape;
	uint32_t at; /* of the payload so far */
	uint32_t n;  /* segments so far */
	uint16_t size;
};

/* What IP says is the same in all segments, but lengths, identification and checksum. */
static void check_ip(const struct expected *e, const uint8_t *p, const struct opkt *o)
{
	uint32_t l4 = opkt_l4(e->shape);

	REQUIRE(o->ip_good);
	if (o->v6) {
		REQUIRE(memcmp(p, e->whole, 4) == 0);
		REQUIRE(memcmp(p + 6, e->whole + 6, l4 - 6) == 0);
		return;
	}
	REQUIRE(memcmp(p, e->whole, 2) == 0);
	REQUIRE(o->id == (uint16_t)(e->shape->id + e->n));
	REQUIRE(memcmp(p + 6, e->whole + 6, 4) == 0);
	REQUIRE(memcmp(p + 12, e->whole + 12, l4 - 12) == 0);
}

static void check_tcp(
    const struct expected *e, const uint8_t *p, const struct opkt *o, bool first, bool last)
{
	const uint8_t *l4 = p + o->l4, *was = e->whole + o->l4;
	uint8_t flags = e->shape->flags;

	if (!first)
		flags &= (uint8_t)~OPKT_CWR;
	if (!last)
		flags &= (uint8_t) ~(OPKT_FIN | OPKT_PSH);
	REQUIRE(o->flags == flags);
	REQUIRE(o->seq == e->shape->seq + e->at);
	REQUIRE(memcmp(l4 + 8, was + 8, 5) == 0);
	REQUIRE(memcmp(l4 + 14, was + 14, 2) == 0);
	REQUIRE(memcmp(l4 + 18, was + 18, 2 + (size_t)e->shape->options) == 0);
}

static void check_segment(struct expected *e, const uint8_t *p, uint32_t len)
{
	struct opkt o;
	uint32_t left = e->shape->payload - e->at, header = opkt_header(e->shape);

	REQUIRE(opkt_parse(&o, p, len));
	REQUIRE(o.v6 == e->shape->v6 && o.tcp == e->shape->tcp);
	REQUIRE(o.l4 == opkt_l4(e->shape));
	REQUIRE(o.header == header);
	REQUIRE(o.payload == (left < e->size ? left : e->size));
	REQUIRE(o.l4_good);
	/* RFC 768: a computed 0 is sent as all ones; RFC 9293 knows no such rule. */
	REQUIRE(o.csum != (o.tcp ? 0xffff : 0));
	check_ip(e, p, &o);
	REQUIRE(memcmp(p + o.l4, e->whole + o.l4, 4) == 0);
	if (o.tcp)
		check_tcp(e, p, &o, e->at == 0, o.payload == left);
	REQUIRE(memcmp(p + header, e->whole + header + e->at, o.payload) == 0);
	e->at += o.payload;
	e->n++;
}

/* Cuts a copy of the exact size into blocks of the exact size, and checks each. Returns how many.
 */
static uint32_t cut_and_check(const uint8_t *whole, const struct opkt_shape *s, uint16_t size)
{
	uint32_t len = opkt_header(s) + s->payload;
	uint8_t *exact = malloc(len);
	struct expected e = {.whole = whole, .shape = s, .size = size};
	struct tun_gso gso = gso_of(s, size);
	struct pkt p = {.base = exact, .cap = len, .len = len};
	struct tun_split split;

	REQUIRE(exact);
	memcpy(exact, whole, len);
	REQUIRE(tun_split_init(&split, &p, &gso));
	while (tun_split_more(&split)) {
		uint32_t left = s->payload - e.at;
		uint32_t room = opkt_header(s) + (left < size ? left : size);
		uint8_t *dst = malloc(room);
		REQUIRE(dst);
		REQUIRE(left > 0 && tun_split_size(&split) == room);
		uint32_t n = tun_split_next(&split, dst);
		REQUIRE(n == room);
		check_segment(&e, dst, n);
		free(dst);
	}
	REQUIRE(tun_split_size(&split) == 0);
	REQUIRE(e.at == s->payload);
	REQUIRE(e.n == (s->payload + size - 1) / size);
	REQUIRE(memcmp(exact, whole, len) == 0); /* it is only read */
	free(exact);
	return e.n;
}

static uint8_t whole[OPKT_MAX];

static uint16_t random_size(struct rng *r, const struct opkt_shape *s)
{
	switch (rng_below(r, 4)) {
	case 0: /* few bytes, but not too many segments for a test */
		return (uint16_t)(1 + s->payload / 64 + rng_below(r, 20));
	case 1: return (uint16_t)(1 + rng_below(r, 9000));
	case 2: /* an even cut, or one byte off */
		return (uint16_t)(1 + s->payload / (1 + rng_below(r, 8)));
	default: return (uint16_t)(1200 + rng_below(r, 300));
	}
}

START_TEST(random_super_packets)
{
	struct rng r = {20260101};
	uint32_t kinds[2][2] = {{0}}, segments = 0;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct opkt_shape s = random_shape(&r, round % 4 ? 9000 : 65535);
		opkt_build(whole, &s, true, &r);
		segments += cut_and_check(whole, &s, random_size(&r, &s));
		kinds[s.v6][s.tcp]++;
	}
	ck_assert_uint_gt(segments, 10 * ROUNDS);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_gt(kinds[i / 2][i % 2], ROUNDS / 8);
}
END_TEST

/* The field for the checksum may hold anything: it is written anew. */
START_TEST(checksum_field_does_not_matter)
{
	struct rng r = {5};
	for (int i = 0; i < 200; i++) {
		struct opkt_shape s = random_shape(&r, 5000);
		opkt_build(whole, &s, i % 2, &r);
		be16_store(whole + opkt_l4(&s) + (s.tcp ? 16 : 6), (uint16_t)rng_u32(&r));
		cut_and_check(whole, &s, 700);
	}
}
END_TEST

/* Sums that come out as 0: the last two bytes of the payload are set so that they do. */
START_TEST(checksums_of_zero)
{
	struct rng r = {768};
	for (int i = 0; i < 200; i++) {
		struct opkt_shape s = random_shape(&r, 400);
		s.payload += s.payload & 1;
		s.flags &= (uint8_t) ~(OPKT_FIN | OPKT_PSH | OPKT_CWR);
		uint32_t len = opkt_build(whole, &s, true, &r), l4 = opkt_l4(&s);
		be16_store(whole + len - 2, 0);
		be16_store(whole + len - 2, (uint16_t)~opkt_sum(0, whole + l4, len - l4));
		cut_and_check(whole, &s, (uint16_t)s.payload);
	}
}
END_TEST

START_TEST(largest)
{
	struct rng r = {65535};
	for (int kind = 0; kind < 4; kind++) {
		struct opkt_shape s = {.v6 = kind & 1, .tcp = kind & 2, .ttl = 64, .id = 0xffff};
		s.flags = OPKT_ACK | OPKT_PSH;
		s.seq = 0xffff0000;
		s.payload = 65535 - opkt_header(&s);
		opkt_build(whole, &s, true, &r);
		ck_assert_uint_eq(cut_and_check(whole, &s, 1), s.payload);
		ck_assert_uint_eq(cut_and_check(whole, &s, 65535), 1);
		cut_and_check(whole, &s, 9000);
		cut_and_check(whole, &s, 1447);
	}
}
END_TEST

/* ---- What is no super-packet ---- */

/* In a block of the exact size, so that reading behind its end is seen. */
static bool accepts(const uint8_t *p, uint32_t len, const struct tun_gso *gso)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct pkt pkt = {.base = exact, .cap = len, .len = len};
	struct tun_split s;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, p, len);
	bool ok = tun_split_init(&s, &pkt, gso);
	if (ok) {
		uint32_t payload = 0;
		while (tun_split_more(&s)) {
			uint32_t room = tun_split_size(&s);
			uint8_t *dst = malloc(room);
			REQUIRE(dst && room > s.header);
			REQUIRE(tun_split_next(&s, dst) == room);
			payload += room - s.header;
			free(dst);
		}
		ck_assert_uint_eq(s.header + payload, len);
	}
	free(exact);
	return ok;
}

static struct opkt_shape plain_shape(int kind)
{
	return (struct opkt_shape){.v6 = kind & 1,
	    .tcp = kind & 2,
	    .ttl = 64,
	    .flags = OPKT_ACK,
	    .options = 12,
	    .payload = 3000};
}

START_TEST(every_cut)
{
	struct rng r = {1};
	for (int kind = 0; kind < 4; kind++) {
		struct opkt_shape s = plain_shape(kind);
		struct tun_gso gso = gso_of(&s, 1000);
		opkt_build(whole, &s, true, &r);
		for (uint32_t len = 0; len <= opkt_header(&s); len++)
			ck_assert_msg(!accepts(whole, len, &gso), "kind %d: %u", kind, len);
		ck_assert(accepts(whole, opkt_header(&s) + 1, &gso));
	}
}
END_TEST

START_TEST(what_the_device_says_must_fit)
{
	struct rng r = {2};
	for (int kind = 0; kind < 4; kind++) {
		struct opkt_shape s = plain_shape(kind);
		uint32_t len = opkt_build(whole, &s, true, &r);
		struct tun_gso good = gso_of(&s, 1000), bad = good;
		ck_assert(accepts(whole, len, &good));
		bad.size = 0;
		ck_assert(!accepts(whole, len, &bad));
		bad = good;
		bad.csum = TUN_CSUM_AS_IS;
		ck_assert(!accepts(whole, len, &bad));
		bad.csum = TUN_CSUM_VALID;
		ck_assert(!accepts(whole, len, &bad));
		bad = good;
		bad.kind = TUN_GSO_NONE;
		ck_assert(!accepts(whole, len, &bad));
		/* The other family's kind; UDP is of both. */
		bad.kind = s.v6 ? TUN_GSO_TCP4 : TUN_GSO_TCP6;
		ck_assert(!accepts(whole, len, &bad));
		/* The transport header anywhere else: in front of, inside and behind the packet. */
		bad = good;
		for (uint32_t start = 0; start <= 65535; start += start < 80 ? 1 : 997) {
			bad.csum_start = (uint16_t)start;
			bool ok = accepts(whole, len, &bad);
			ck_assert(!ok || (s.v6 ? start >= 40 && start < len : start == 20));
		}
	}
}
END_TEST

START_TEST(headers_that_lie)
{
	struct rng r = {3};
	for (int kind = 0; kind < 4; kind++) {
		struct opkt_shape s = plain_shape(kind);
		uint32_t len = opkt_build(whole, &s, true, &r);
		struct tun_gso gso = gso_of(&s, 1000);
		uint8_t first = whole[0];
		for (uint32_t b = 0; b < 256; b++) {
			whole[0] = (uint8_t)b;
			bool ok = accepts(whole, len, &gso);
			/* UDP is of both families: 0x4a is IPv4 with 20 bytes of options. */
			ck_assert_int_eq(
			    ok, s.v6 ? b >> 4 == 6 || (!s.tcp && b == 0x4a) : b == 0x45);
		}
		whole[0] = first;
		if (!s.tcp)
			continue;
		for (uint8_t words = 0; words < 16; words++) {
			whole[opkt_l4(&s) + 12] = (uint8_t)(words << 4);
			uint32_t header = opkt_l4(&s) + words * 4u;
			ck_assert_int_eq(accepts(whole, len, &gso), words >= 5);
			/* Cut so that the options reach up to the end. */
			ck_assert(!accepts(whole, header, &gso));
		}
	}
}
END_TEST

/* Any bytes and any word of the device: refused or cut, never read beyond. */
START_TEST(noise)
{
	struct rng r = {99};
	uint32_t accepted = 0;
	for (uint32_t round = 0; round < 10000; round++) {
		struct opkt_shape s = plain_shape((int)(round % 4));
		struct tun_gso gso = gso_of(&s, (uint16_t)(50 + rng_below(&r, 2000)));
		s.payload = rng_below(&r, 300);
		uint32_t len = opkt_build(whole, &s, true, &r);
		for (uint32_t k = rng_below(&r, 4); k > 0; k--)
			whole[rng_below(&r, 60)] = (uint8_t)rng_u32(&r);
		if (rng_below(&r, 3) == 0)
			gso.csum_start = (uint16_t)rng_below(&r, 100);
		if (rng_below(&r, 3) == 0)
			gso.kind = (enum tun_gso_kind)rng_below(&r, 4);
		accepted += accepts(whole, rng_below(&r, 2) ? len : rng_below(&r, len + 1), &gso);
	}
	ck_assert_uint_gt(accepted, 1000);
}
END_TEST

/* ---- Checksums to be completed ---- */

START_TEST(partial_is_completed)
{
	struct rng r = {1624};
	for (int i = 0; i < 2000; i++) {
		struct opkt o;
		struct opkt_shape s = random_shape(&r, 2000);
		uint32_t len = opkt_build(whole, &s, true, &r);
		struct tun_gso gso = gso_of(&s, 0);
		gso.kind = TUN_GSO_NONE;
		uint8_t *exact = malloc(GUARD + len);
		ck_assert_ptr_nonnull(exact);
		memcpy(exact + GUARD, whole, len);
		struct pkt p = {.base = exact, .cap = GUARD + len, .off = GUARD, .len = len};
		ck_assert(tun_csum_complete(&p, &gso));
		ck_assert(opkt_parse(&o, exact + GUARD, len));
		ck_assert(o.l4_good);
		ck_assert_uint_ne(o.csum, o.tcp ? 0xffff : 0);
		/* Nothing else has changed. */
		uint32_t at = opkt_l4(&s) + (s.tcp ? 16 : 6);
		be16_store(whole + at, o.csum);
		ck_assert(memcmp(exact + GUARD, whole, len) == 0);
		free(exact);
	}
}
END_TEST

START_TEST(nothing_to_complete)
{
	struct rng r = {4};
	struct opkt_shape s = plain_shape(2);
	uint32_t len = opkt_build(whole, &s, false, &r);
	struct tun_gso gso = {.csum_start = 20, .csum_offset = 16};
	uint8_t *copy = malloc(len);
	struct pkt p = {.base = copy, .cap = len, .len = len};

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, whole, len);
	gso.csum = TUN_CSUM_AS_IS;
	ck_assert(tun_csum_complete(&p, &gso));
	gso.csum = TUN_CSUM_VALID;
	ck_assert(tun_csum_complete(&p, &gso));
	ck_assert(memcmp(copy, whole, len) == 0);
	free(copy);
}
END_TEST

START_TEST(partial_beyond_the_end)
{
	static const struct {
		uint32_t len;
		uint16_t start, offset;
		bool ok;
	} rows[] = {
	    {0, 0, 0, false},
	    {1, 0, 0, false},
	    {2, 0, 0, true},
	    {40, 20, 18, true},
	    {40, 20, 19, false},
	    {40, 39, 0, false},
	    {40, 40, 0, false},
	    {40, 38, 0, true},
	    {40, 65535, 0, false},
	    {40, 20, 65535, false},
	    {40, 65535, 65535, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t *exact = calloc(1, rows[i].len ? rows[i].len : 1);
		struct pkt p = {.base = exact, .cap = rows[i].len, .len = rows[i].len};
		struct tun_gso gso = {.csum = TUN_CSUM_PARTIAL,
		    .csum_start = rows[i].start,
		    .csum_offset = rows[i].offset};
		ck_assert_ptr_nonnull(exact);
		ck_assert_int_eq(tun_csum_complete(&p, &gso), rows[i].ok);
		free(exact);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gso");
	TCase *t = tcase_create("cutting");
	tcase_add_test(t, random_super_packets);
	tcase_add_test(t, checksum_field_does_not_matter);
	tcase_add_test(t, checksums_of_zero);
	tcase_add_test(t, largest);
	tcase_add_test(t, every_cut);
	tcase_add_test(t, what_the_device_says_must_fit);
	tcase_add_test(t, headers_that_lie);
	tcase_add_test(t, noise);
	suite_add_tcase(s, t);
	t = tcase_create("completing");
	tcase_add_test(t, partial_is_completed);
	tcase_add_test(t, nothing_to_complete);
	tcase_add_test(t, partial_beyond_the_end);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

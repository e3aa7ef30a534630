/*
 * Joining packets: whatever is written to the device, cut again, gives back each flow's packets as
 * they were and in their order.
 */
#include "test/unit/offload_pkt.h"
#include "tun/offload.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLOWS = 20,
	KEY_FRAGMENT = FLOWS,
	KEY_OPTIONS, /* IPv4 options, IPv6 extension headers */
	KEY_OTHER,
	KEYS,
	BATCH_MAX = 200, /* fewer than the device holds */
	PORT = 1000,     /* of flow 0 */
};

/* Check notes every assertion that it comes by; with as many as here that takes most of the time.
 */
#define REQUIRE(x)                                      \
	do {                                            \
		if (!(x))                               \
			ck_abort_msg("not so: %s", #x); \
	} while (0)

static struct tun *dev;
static struct tun_gro gro;
static uint8_t room[OPKT_MAX], segment[OPKT_MAX];

/* A packet that went in; the bytes that joining may change, and a copy of how they were. */
struct sent {
	uint8_t *given, *was;
	uint32_t len;
};

static struct {
	struct sent s[KEYS][BATCH_MAX];
	uint32_t n[KEYS], seen[KEYS];
} batch;

static struct {
	uint32_t packets, writes, joined, verified, as_is, largest;
} stats;

static void set_up(void)
{
	char why[TUN_WHY];
	struct tun_params p = {.name = "mem0", .mtu = 1400, .offload = true};
	ck_assert_int_eq(tun_mem.open(&p, &dev, why), 0);
	tun_gro_init(&gro, dev, 0);
	memset(&stats, 0, sizeof stats);
}

static void tear_down(void)
{
	dev->ops->close(dev);
}

/* ---- Giving ---- */

static uint32_t key_of(const uint8_t *p, uint32_t len)
{
	struct opkt o;

	if (len >= 20 && p[0] >> 4 == 4 && (be16_load(p + 6) & 0x3fff) != 0)
		return KEY_FRAGMENT;
	if (!opkt_parse(&o, p, len))
		return KEY_OTHER;
	if (o.l4 != (o.v6 ? 40 : 20))
		return KEY_OPTIONS;
	REQUIRE(o.sport >= PORT && o.sport < PORT + FLOWS);
	return o.sport - PORT;
}

static void give(const uint8_t *p, uint32_t len)
{
	uint32_t k = key_of(p, len);
	struct sent *s = &batch.s[k][batch.n[k]++];

	s->given = malloc(len ? len : 1); /* of the exact size: for the sanitizer */
	s->was = malloc(len ? len : 1);
	REQUIRE(s->given && s->was);
	memcpy(s->given, p, len);
	memcpy(s->was, p, len);
	s->len = len;
	tun_gro_add(&gro, s->given, len);
	stats.packets++;
}

static void give_shape(const struct opkt_shape *s, struct rng *r)
{
	static uint8_t p[OPKT_MAX];
	give(p, opkt_build(p, s, false, r));
}

/* ---- Taking ---- */

/* `index` of the whole: where fragmenting is forbidden the identification has no meaning, RFC 6864
 * section 4.1, and cutting counts it up from the first. */
static void match(const uint8_t *p, uint32_t len, uint32_t index)
{
	uint32_t k = key_of(p, len);
	REQUIRE(batch.seen[k] < batch.n[k]);
	const struct sent *s = &batch.s[k][batch.seen[k]++];
	REQUIRE(s->len == len);
	if (index > 0 && p[0] >> 4 == 4 && (be16_load(p + 6) & OPKT_DF)) {
		REQUIRE(opkt_sum(0, p, 20) == 0xffff);
		be16_store(s->was + 4, be16_load(p + 4));
		be16_store(s->was + 10, be16_load(p + 10));
	}
	REQUIRE(memcmp(s->was, p, len) == 0);
}

static void match_alone(const uint8_t *p, uint32_t len, const struct tun_gso *gso)
{
	struct opkt o;
	bool good = opkt_parse(&o, p, len) && o.l4_good && o.ip_good;

	REQUIRE(gso->csum == TUN_CSUM_AS_IS || gso->csum == TUN_CSUM_VALID);
	REQUIRE(good || gso->csum == TUN_CSUM_AS_IS);
	stats.verified += gso->csum == TUN_CSUM_VALID;
	stats.as_is += gso->csum == TUN_CSUM_AS_IS;
	match(p, len, 0);
}

/* What the kernel demands of a super-packet. */
static void check_super(const uint8_t *p, uint32_t len, const struct tun_gso *gso)
{
	struct opkt o;

	REQUIRE(len <= 65535);
	REQUIRE(opkt_parse(&o, p, len));
	REQUIRE(o.ip_good);
	REQUIRE(gso->csum == TUN_CSUM_PARTIAL);
	REQUIRE(gso->kind == (!o.tcp ? TUN_GSO_UDP : o.v6 ? TUN_GSO_TCP6 : TUN_GSO_TCP4));
	REQUIRE(gso->header == o.header && gso->csum_start == o.l4);
	REQUIRE(gso->csum_offset == (o.tcp ? 16 : 6));
	REQUIRE(gso->size > 0 && o.payload > gso->size);
	/* The field holds the pseudo-header's sum, not inverted: adding the rest completes it. */
	struct pkt copy = {.base = segment, .cap = sizeof segment, .len = len};
	struct tun_gso csum = *gso;
	memcpy(segment, p, len);
	csum.kind = TUN_GSO_NONE;
	REQUIRE(tun_csum_complete(&copy, &csum));
	REQUIRE(opkt_parse(&o, segment, len) && o.l4_good);
}

static void match_super(uint8_t *p, uint32_t len, const struct tun_gso *gso)
{
	struct tun_split split;
	struct pkt pkt = {.base = p, .cap = len, .len = len};
	uint32_t n = 0;

	check_super(p, len, gso);
	REQUIRE(tun_split_init(&split, &pkt, gso));
	for (; tun_split_more(&split); n++) {
		uint32_t bytes = tun_split_next(&split, segment);
		match(segment, bytes, n);
	}
	REQUIRE(n > 1 && n <= TUN_GRO_SEGMENTS);
	stats.joined += n;
	stats.largest = n > stats.largest ? n : stats.largest;
}

/* Ends a batch: everything that was given must come back. */
static void end_batch(void)
{
	struct tun_gso gso;
	int n;

	tun_gro_flush(&gro);
	while ((n = tun_mem_take(dev, &gso, room, sizeof room)) > 0) {
		if (gso.kind == TUN_GSO_NONE)
			match_alone(room, (uint32_t)n, &gso);
		else
			match_super(room, (uint32_t)n, &gso);
		stats.writes++;
	}
	REQUIRE(n == 0);
	for (uint32_t k = 0; k < KEYS; k++) {
		REQUIRE(batch.seen[k] == batch.n[k]);
		for (uint32_t i = 0; i < batch.n[k]; i++) {
			free(batch.s[k][i].given);
			free(batch.s[k][i].was);
		}
	}
	memset(&batch, 0, sizeof batch);
	REQUIRE(gro.written == stats.packets && gro.lost == 0 && !gro.gone);
}

/* ---- A stream of everything ---- */

struct flow {
	struct opkt_shape s;
	uint32_t mss;
	bool counts; /* its IPv4 identification goes up by one */
};

static bool one_in(struct rng *r, uint32_t n)
{
	return rng_below(r, n) == 0;
}

static void new_flow(struct flow *f, uint32_t i, struct rng *r)
{
	f->mss = one_in(r, 60)  ? 20000 + rng_below(r, 20000)
		 : one_in(r, 8) ? 1 + rng_below(r, 4000)
				: 1 + rng_below(r, 200);
	f->counts = !one_in(r, 4);
	f->s = (struct opkt_shape){
	    .v6 = one_in(r, 2),
	    .tcp = !one_in(r, 3),
	    .src = (uint8_t)rng_below(r, 2),
	    .dst = (uint8_t)rng_below(r, 2),
	    .sport = (uint16_t)(PORT + i),
	    .dport = 443,
	    .tos = (uint8_t)(one_in(r, 2) ? 0 : rng_u32(r)),
	    .ttl = 64,
	    .label = rng_u32(r) & 0xfffff,
	    .id = (uint16_t)rng_u32(r),
	    .off = one_in(r, 2) ? OPKT_DF : 0,
	    .seq = one_in(r, 4) ? 0xffffff00 : rng_u32(r),
	    .ack = rng_u32(r),
	    .flags = OPKT_ACK,
	    .window = 500,
	    .options = (uint8_t)(one_in(r, 2) ? 12 : 4 * rng_below(r, 11)),
	    .timestamp = rng_u32(r),
	};
}

/* What stays changed for the packets to come. */
static void change_flow(struct flow *f, struct rng *r)
{
	switch (rng_below(r, 11)) {
	case 0: f->s.tos ^= 1; break;
	case 1: f->s.ttl ^= 1; break;
	case 2: f->s.label ^= 1; break;
	case 3: f->s.window++; break;
	case 4: f->s.ack += 1000; break;
	case 5: f->s.timestamp++; break;
	case 6: f->s.off ^= OPKT_DF; break;
	case 7: f->s.seq += rng_u32(r); break;   /* a gap */
	case 8: f->s.seq -= f->s.payload; break; /* the same once more */
	case 9: f->s.id += 2; break;
	case 10: f->s.options = (uint8_t)(12 + 4 * rng_below(r, 3)); break;
	}
}

/* What is strange in this packet alone. */
static void make_strange(struct opkt_shape *s, struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0: s->flags = (uint8_t)rng_u32(r); break;
	case 1: s->flags |= OPKT_FIN; break;
	case 2: s->flags |= OPKT_CWR; break;
	case 3: s->urgent = 7; break;
	case 4: s->payload = 0; break;
	case 5: s->ext = 8; break;
	case 6: s->off |= 0x8000; break;
	case 7: s->off = (uint16_t)(one_in(r, 2) ? OPKT_MF : 1 + rng_below(r, 2000)); break;
	}
}

static void spoil(uint8_t *p, uint32_t len, const struct opkt_shape *s, struct rng *r)
{
	uint32_t l4 = opkt_l4(s), csum = l4 + (s->tcp ? 16 : 6);

	switch (rng_below(r, 6)) {
	case 0: /* payload or transport header */
		p[l4 + 4 + rng_below(r, len - l4 - 4)] ^= (uint8_t)(1 << rng_below(r, 8));
		break;
	case 1: be16_store(p + csum, (uint16_t)(be16_load(p + csum) + 1)); break;
	case 2: /* none, with UDP */ be16_store(p + csum, 0); break;
	case 3: /* of the IPv4 header; or another hop limit */ p[s->v6 ? 7 : 10] ^= 0x40; break;
	case 4: /* ICMP, or anything */ p[s->v6 ? 6 : 9] = (uint8_t)(one_in(r, 2) ? 1 : 58); break;
	case 5: p[s->v6 ? 5 : 3] ^= 1; break; /* length */
	}
}

static void next_packet(struct flow *f, struct rng *r)
{
	static uint8_t p[OPKT_MAX];

	if (one_in(r, 12))
		change_flow(f, r);
	struct opkt_shape s = f->s;
	s.payload = one_in(r, 25) ? 1 + rng_below(r, f->mss) : f->mss;
	s.payload = one_in(r, 60) ? f->mss + 1 : s.payload;
	f->s.payload = s.payload;
	if (one_in(r, 25))
		s.flags |= OPKT_PSH;
	if (one_in(r, 30))
		make_strange(&s, r);
	uint32_t len = opkt_build(p, &s, false, r);
	if (one_in(r, 30))
		spoil(p, len, &s, r);
	give(p, len);
	f->s.seq += s.payload;
	f->s.id = (uint16_t)(f->s.id + f->counts);
}

START_TEST(anything_comes_back)
{
	static struct flow flows[FLOWS];
	struct rng r = {(uint64_t)_i * 7919 + 1};

	for (uint32_t round = 0; round < 300; round++) {
		uint32_t n = 1 + rng_below(&r, BATCH_MAX), many = 1 + rng_below(&r, FLOWS);
		uint32_t stay = 1 + rng_below(&r, 30), f = 0;
		for (uint32_t i = 0; i < FLOWS; i++)
			if (round == 0 || one_in(&r, 5))
				new_flow(&flows[i], i, &r);
		while (n-- > 0) {
			if (one_in(&r, stay))
				f = rng_below(&r, many);
			next_packet(&flows[f], &r);
		}
		end_batch();
	}
	ck_assert_uint_gt(stats.packets, 25000);
	ck_assert_uint_gt(stats.joined, stats.packets / 3);
	ck_assert_uint_gt(stats.verified, 1000);
	ck_assert_uint_gt(stats.as_is, 500);
	ck_assert_uint_gt(stats.largest, 30);
}
END_TEST

/* ---- What is joined ---- */

static struct opkt_shape shape_of(int kind)
{
	return (struct opkt_shape){.v6 = kind & 1,
	    .tcp = kind & 2,
	    .sport = PORT,
	    .dport = 80,
	    .ttl = 64,
	    .id = 0xfffe,
	    .seq = 0xfffffff0,
	    .flags = OPKT_ACK,
	    .window = 100,
	    .options = 12,
	    .payload = 100};
}

static void advance(struct opkt_shape *s)
{
	s->seq += s->payload;
	s->id++;
}

START_TEST(a_run_is_one)
{
	struct rng r = {11};
	for (int kind = 0; kind < 4; kind++) {
		struct opkt_shape s = shape_of(kind);
		stats.writes = 0;
		for (uint32_t n = 2; n <= TUN_GRO_SEGMENTS; n++) {
			for (uint32_t i = 0; i < n; i++, advance(&s))
				give_shape(&s, &r);
			end_batch();
			ck_assert_uint_eq(stats.writes, n - 1);
			ck_assert_uint_eq(stats.largest, n);
		}
		stats.writes = stats.largest = 0;
		for (uint32_t i = 0; i <= TUN_GRO_SEGMENTS; i++, advance(&s))
			give_shape(&s, &r);
		end_batch();
		ck_assert_uint_eq(stats.writes, 2);
		stats.largest = 0;
	}
}
END_TEST

/* Up to 65535 bytes in all, not one more. */
START_TEST(the_limit_of_ip)
{
	struct rng r = {12};
	for (int kind = 0; kind < 4; kind++)
		for (uint32_t more = 0; more < 2; more++) {
			struct opkt_shape s = shape_of(kind);
			uint32_t payload = 65535 - opkt_header(&s) + more;
			stats.writes = 0;
			s.payload = payload / 2 + 1;
			give_shape(&s, &r);
			advance(&s);
			s.payload = payload - s.payload;
			give_shape(&s, &r);
			end_batch();
			ck_assert_uint_eq(stats.writes, 1 + more);
		}
}
END_TEST

/* A shorter one ends it, and so does PSH, which is kept. */
START_TEST(what_ends_a_whole)
{
	struct rng r = {13};
	for (int kind = 0; kind < 4; kind++)
		for (int psh = 0; psh < 2; psh++) {
			struct opkt_shape s = shape_of(kind);
			if (psh && !s.tcp)
				continue;
			stats.writes = stats.joined = 0;
			for (uint32_t i = 0; i < 6; i++, advance(&s)) {
				s.payload = !psh && i == 2 ? 99 : 100;
				s.flags = psh && i == 2 ? OPKT_ACK | OPKT_PSH : OPKT_ACK;
				give_shape(&s, &r);
			}
			end_batch();
			ck_assert_uint_eq(stats.writes, 2);
			ck_assert_uint_eq(stats.joined, 6);
		}
}
END_TEST

/* The second packet of two differs. `byte`: of the IP header, or with `l4` of the transport
 * header; the checksums are put right. */
struct difference {
	const char *what;
	int kind; /* 0: UDP/IPv4, 1: UDP/IPv6, 2: TCP/IPv4, 3: TCP/IPv6 */
	bool l4;
	uint8_t byte, bits;
	bool joined; /* all the same */
};

/* clang-format off */
static const struct difference differences[] = {
	{"nothing",           0, false, 0,  0x00, true},
	{"nothing",           1, false, 0,  0x00, true},
	{"nothing",           2, false, 0,  0x00, true},
	{"nothing",           3, false, 0,  0x00, true},
	{"TOS",               2, false, 1,  0x01, false},
	{"TOS",               0, false, 1,  0x80, false},
	{"identification",    2, false, 5,  0x02, false},
	{"identification",    0, false, 4,  0x01, false},
	{"reserved flag",     2, false, 6,  0x80, false},
	{"DF",                2, false, 6,  0x40, false},
	{"TTL",               2, false, 8,  0x01, false},
	{"TTL",               0, false, 8,  0x80, false},
	{"source",            2, false, 12, 0x01, false},
	{"destination",       2, false, 19, 0x01, false},
	{"traffic class",     3, false, 0,  0x01, false},
	{"traffic class",     1, false, 1,  0x10, false},
	{"flow label",        3, false, 3,  0x01, false},
	{"flow label",        1, false, 1,  0x08, false},
	{"hop limit",         3, false, 7,  0x01, false},
	{"source",            3, false, 8,  0x01, false},
	{"source",            1, false, 23, 0x01, false},
	{"destination",       3, false, 24, 0x01, false},
	{"destination",       1, false, 39, 0x01, false},
	{"source port",       2, true,  1,  0x01, false},
	{"destination port",  0, true,  3,  0x01, false},
	{"destination port",  3, true,  2,  0x01, false},
	{"UDP length",        0, true,  5,  0x01, false},
	{"UDP length",        1, true,  4,  0x01, false},
	{"sequence number",   2, true,  4,  0x01, false},
	{"sequence number",   3, true,  7,  0x01, false},
	{"acknowledgement",   2, true,  8,  0x01, false},
	{"acknowledgement",   3, true,  11, 0x01, false},
	{"reserved bits",     2, true,  12, 0x01, false},
	{"FIN",               2, true,  13, 0x01, false},
	{"SYN",               2, true,  13, 0x02, false},
	{"RST",               3, true,  13, 0x04, false},
	{"PSH",               2, true,  13, 0x08, true},
	{"no ACK",            2, true,  13, 0x10, false},
	{"URG",               2, true,  13, 0x20, false},
	{"ECE",               3, true,  13, 0x40, false},
	{"CWR",               3, true,  13, 0x80, false},
	{"window",            2, true,  14, 0x80, false},
	{"window",            3, true,  15, 0x01, false},
	{"urgent pointer",    2, true,  19, 0x01, false},
	{"first option",      2, true,  20, 0x01, false},
	{"timestamp",         3, true,  27, 0x01, false},
	{"last option",       2, true,  31, 0x01, false},
};
/* clang-format on */

static void correct_sums(uint8_t *p, uint32_t len, const struct opkt_shape *s)
{
	struct addr src = addr_from_bytes(bytes_of(p + (s->v6 ? 8 : 12), s->v6 ? 16 : 4));
	struct addr dst = addr_from_bytes(bytes_of(p + (s->v6 ? 24 : 16), s->v6 ? 16 : 4));
	uint8_t *l4 = p + opkt_l4(s), *field = l4 + (s->tcp ? 16 : 6);

	be16_store(field, 0);
	be16_store(field,
	    tun_csum_l4(&src, &dst, s->tcp ? 6 : 17, bytes_of(l4, len - (uint32_t)(l4 - p))));
	if (s->v6)
		return;
	be16_store(p + 10, 0);
	be16_store(p + 10, tun_csum_ip4(bytes_of(p, 20)));
}

START_TEST(one_difference)
{
	static uint8_t p[OPKT_MAX];
	const struct difference *d = &differences[_i];
	struct rng r = {14};
	struct opkt_shape s = shape_of(d->kind);

	s.sport = PORT + 2;
	give_shape(&s, &r);
	advance(&s);
	uint32_t len = opkt_build(p, &s, false, &r);
	p[(d->l4 ? opkt_l4(&s) : 0) + d->byte] ^= d->bits;
	correct_sums(p, len, &s);
	give(p, len);
	end_batch();
	ck_assert_msg((stats.writes == 1) == d->joined, "%s", d->what);
}
END_TEST

/* With DF the identification says nothing: RFC 6864 section 4.1. */
START_TEST(ids_with_df)
{
	struct rng r = {15};
	for (int kind = 0; kind < 4; kind += 2) {
		struct opkt_shape s = shape_of(kind);
		stats.writes = 0;
		s.off = OPKT_DF;
		for (uint32_t i = 0; i < 10; i++) {
			give_shape(&s, &r);
			advance(&s);
			s.id = (uint16_t)(i % 3 ? 0 : rng_u32(&r));
		}
		end_batch();
		ck_assert_uint_eq(stats.writes, 1);
	}
}
END_TEST

/* As many flows at a time as there is room for; one more, and the oldest goes. */
START_TEST(flows_at_a_time)
{
	struct rng r = {16};
	for (uint32_t flows = 1; flows <= TUN_GRO_FLOWS + 1; flows++) {
		struct opkt_shape s[TUN_GRO_FLOWS + 1];
		stats.writes = 0;
		for (uint32_t i = 0; i < flows; i++) {
			s[i] = shape_of((int)i % 4);
			s[i].sport = (uint16_t)(PORT + i);
		}
		for (uint32_t n = 0; n < 10; n++)
			for (uint32_t i = 0; i < flows; i++) {
				give_shape(&s[i], &r);
				advance(&s[i]);
			}
		end_batch();
		if (flows <= TUN_GRO_FLOWS)
			ck_assert_uint_eq(stats.writes, flows);
		else
			ck_assert_uint_gt(stats.writes, flows);
	}
}
END_TEST

/* ---- Checksums that are wrong, or none ---- */

/* Of three in a row the second is spoilt: it comes out in its place, as it went in. */
START_TEST(bad_checksums)
{
	static uint8_t p[OPKT_MAX];
	struct rng r = {17};
	for (int kind = 0; kind < 4; kind++)
		for (int what = 0; what < 3; what++) {
			struct opkt_shape s = shape_of(kind);
			uint32_t csum = opkt_l4(&s) + (s.tcp ? 16 : 6);
			stats.writes = stats.as_is = stats.verified = 0;
			if (what == 2 && s.v6)
				continue;
			for (uint32_t i = 0; i < 3; i++, advance(&s)) {
				uint32_t len = opkt_build(p, &s, false, &r);
				if (i == 1 && what == 0)
					p[len - 1] ^= 1;
				if (i == 1 && what == 1)
					be16_store(p + csum, 0);
				if (i == 1 && what == 2)
					p[10] ^= 1;
				give(p, len);
			}
			end_batch();
			ck_assert_uint_eq(stats.writes, 3);
			ck_assert_uint_eq(stats.as_is, 1);
			ck_assert_uint_eq(stats.verified, 2);
		}
}
END_TEST

/* No UDP checksum, in packets whose sum happens to agree with a field of 0: joined, they would come
 * out with one of 0xffff. */
START_TEST(no_checksum_that_agrees)
{
	static uint8_t p[OPKT_MAX];
	struct rng r = {21};
	for (int kind = 0; kind < 4;
	     kind++) { /* two families; without from the first or the second on */
		struct opkt_shape s = shape_of(kind % 2);
		stats.writes = 0;
		for (uint32_t i = 0; i < 3; i++, advance(&s)) {
			uint32_t len = opkt_build(p, &s, false, &r);
			if (i == 0 && kind >= 2) {
				give(p, len);
				continue;
			}
			be16_store(p + len - 2, 0);
			correct_sums(p, len, &s);
			uint8_t *field = p + opkt_l4(&s) + 6;
			be16_store(p + len - 2, be16_load(field));
			be16_store(field, 0);
			give(p, len);
		}
		end_batch();
		ck_assert_uint_eq(stats.writes, 3);
	}
}
END_TEST

/* ---- Less than everything ---- */

START_TEST(features)
{
	struct rng r = {18};
	for (int can = 0; can < 4; can++)
		for (int kind = 0; kind < 4; kind++) {
			struct opkt_shape s = shape_of(kind);
			dev->features.tso = can & 1;
			dev->features.uso = can & 2;
			stats.writes = 0;
			for (uint32_t i = 0; i < 5; i++, advance(&s))
				give_shape(&s, &r);
			end_batch();
			bool joins = s.tcp ? dev->features.tso : dev->features.uso;
			ck_assert_uint_eq(stats.writes, joins ? 1 : 5);
		}
}
END_TEST

static int refuse_write(
    struct tun *t, unsigned queue, const struct tun_gso *gso, const struct iovec *parts, size_t n)
{
	(void)t, (void)queue, (void)gso, (void)parts, (void)n;
	return -ENOBUFS;
}

static int gone_calls;

static int gone_write(
    struct tun *t, unsigned queue, const struct tun_gso *gso, const struct iovec *parts, size_t n)
{
	gone_calls++;
	(void)t, (void)queue, (void)gso, (void)parts, (void)n;
	return -ENODEV;
}

/* Packets are counted as they were added, not as they were joined; a device that is gone is not
 * asked again. */
START_TEST(what_is_lost_is_counted)
{
	static uint8_t p[10][OPKT_MAX];
	struct tun_ops ops = *dev->ops;
	struct tun broken = {.ops = &ops, .mtu = 1400, .queues = 1, .features = {true, true}};
	struct rng r = {19};

	for (int gone = 0; gone < 2; gone++) {
		struct opkt_shape s = shape_of(2);
		ops.write = gone ? gone_write : refuse_write;
		tun_gro_init(&gro, &broken, 0);
		for (uint32_t i = 0; i < 10; i++, advance(&s)) {
			s.seq += i == 5; /* two wholes of five */
			tun_gro_add(&gro, p[i], opkt_build(p[i], &s, false, &r));
		}
		tun_gro_flush(&gro);
		ck_assert_uint_eq(gro.lost, 10);
		ck_assert_uint_eq(gro.written, 0);
		ck_assert_int_eq(gro.gone, gone);
	}
	ck_assert_int_eq(gone_calls, 1);
}
END_TEST

/* ---- There and back ---- */

/* A super-packet that is cut, joined again and looks as it did before. */
START_TEST(cut_and_joined_is_the_same)
{
	static uint8_t whole[OPKT_MAX], pieces[TUN_GRO_SEGMENTS][9200];
	struct rng r = {20};

	for (uint32_t round = 0; round < 3000; round++) {
		struct opkt_shape s = shape_of((int)round % 4);
		uint16_t size = (uint16_t)(1 + rng_below(&r, round % 8 ? 1500 : 9000));
		uint32_t most = (65535 - opkt_header(&s)) / size;
		most = most > TUN_GRO_SEGMENTS ? TUN_GRO_SEGMENTS : most;
		s.payload = size + 1 + rng_below(&r, (most - 1) * size);
		s.seq = rng_u32(&r);
		s.id = (uint16_t)rng_u32(&r);
		s.off = one_in(&r, 2) ? OPKT_DF : 0;
		s.tos = (uint8_t)rng_u32(&r);
		s.flags |= one_in(&r, 2) ? OPKT_PSH : 0;
		uint32_t len = opkt_build(whole, &s, true, &r), n = 0;
		struct tun_gso gso = {
		    .kind = !s.tcp ? TUN_GSO_UDP
			    : s.v6 ? TUN_GSO_TCP6
				   : TUN_GSO_TCP4,
		    .csum = TUN_CSUM_PARTIAL,
		    .size = size,
		    .header = (uint16_t)opkt_header(&s),
		    .csum_start = (uint16_t)opkt_l4(&s),
		    .csum_offset = s.tcp ? 16 : 6,
		};
		struct pkt p = {.base = whole, .cap = len, .len = len};
		struct tun_split split;
		struct tun_gso back;
		REQUIRE(tun_split_init(&split, &p, &gso));
		for (; tun_split_more(&split); n++) {
			uint32_t bytes = tun_split_next(&split, pieces[n]);
			tun_gro_add(&gro, pieces[n], bytes);
		}
		tun_gro_flush(&gro);
		REQUIRE(tun_mem_take(dev, &back, room, sizeof room) == (int)len);
		REQUIRE(memcmp(room, whole, len) == 0);
		REQUIRE(memcmp(&back, &gso, sizeof gso) == 0);
		REQUIRE(tun_mem_take(dev, &back, room, sizeof room) == 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gro");
	TCase *t = tcase_create("gro");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, anything_comes_back, 0, 8);
	tcase_add_test(t, a_run_is_one);
	tcase_add_test(t, the_limit_of_ip);
	tcase_add_test(t, what_ends_a_whole);
	tcase_add_loop_test(t, one_difference, 0, sizeof differences / sizeof *differences);
	tcase_add_test(t, ids_with_df);
	tcase_add_test(t, flows_at_a_time);
	tcase_add_test(t, bad_checksums);
	tcase_add_test(t, no_checksum_that_agrees);
	tcase_add_test(t, features);
	tcase_add_test(t, what_is_lost_is_counted);
	tcase_add_test(t, cut_and_joined_is_the_same);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

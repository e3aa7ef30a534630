/*
 * Fragments of messages, cut and put together: RFC 7383 sections 2.5 and 2.6. The layout is read
 * here byte by byte, as the RFC draws it.
 */
#include "ike/parcel.h"
#include "ike/reasm.h"
#include "ike/window.h"
#include "test/unit/ike_raw.h"
#include "test/unit/req.h"

enum { CONTENT_MAX = 20000, SUITES = 3 };

static const struct suite suites[SUITES] = {
    {.encr = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 256}},
    {.encr = {TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0}},
    {.encr = {TRANSFORM_ENCR, ENCR_AES_CBC, 128},
	.integ = {TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0}},
};

static const struct ike_hdr hdr = {.spi_i = 0x1111111111111111,
    .spi_r = 0x2222222222222222,
    .exchange = IKE_EXCHANGE_AUTH,
    .flags = IKE_FLAG_INITIATOR,
    .msg_id = 0x01020304};

static struct ike_sk seal_sk, open_sk;
static uint8_t content[CONTENT_MAX], merged[65536];

static void keyed(struct ike_sk *sk, enum ike_sk_dir dir, const struct suite *s)
{
	static const uint8_t key[64] = {1, 2, 3};
	const struct transform_info *integ = transform_find(s->integ);

	ck_assert_int_eq(
	    ike_sk_init(sk, NULL, dir, s, bytes_of(key, transform_find(s->encr)->key_len),
		bytes_of(key, s->integ.type ? integ->key_len : 0)),
	    IKE_OK);
}

static void begin(int suite)
{
	keyed(&seal_sk, IKE_SK_SEAL, &suites[suite]);
	keyed(&open_sk, IKE_SK_OPEN, &suites[suite]);
	for (size_t i = 0; i < CONTENT_MAX; i++)
		content[i] = (uint8_t)(i * 7 + i / 251);
}

static void end(void)
{
	ike_sk_fini(&seal_sk);
	ike_sk_fini(&open_sk);
}

static enum ike_err cut(struct ike_parcel *p, size_t n, size_t room, size_t least)
{
	return ike_parcel_cut(p, &seal_sk, &hdr, bytes_of(content, n), IKE_PLD_IDI, room, least);
}

/* ---- Cutting ---- */

/* One fragment as section 2.5 draws it; its content at dst. */
static size_t check_piece(struct bytes raw, size_t i, size_t total, size_t room, uint8_t *dst)
{
	static const uint8_t head[] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x22, 0x22,
	    0x22, 0x22, 0x22, 0x22, 0x22, 0x22};
	static struct ike_msg m;
	struct bytes plain;

	ck_assert_uint_le(raw.n, room);
	ck_assert_mem_eq(raw.p, head, sizeof head);
	ck_assert_uint_eq(raw.p[16], 53);   /* next payload: SKF */
	ck_assert_uint_eq(raw.p[17], 0x20); /* version */
	ck_assert_uint_eq(raw.p[18], 35);   /* IKE_AUTH */
	ck_assert_uint_eq(raw.p[19], 0x08); /* the initiator's request */
	ck_assert_uint_eq(be32_load(raw.p + 20), 0x01020304);
	ck_assert_uint_eq(be32_load(raw.p + 24), raw.n);
	ck_assert_uint_eq(raw.p[28], i ? 0 : 35);             /* the first inner payload, or zero */
	ck_assert_uint_eq(raw.p[29], 0);                      /* not critical */
	ck_assert_uint_eq(be16_load(raw.p + 30), raw.n - 28); /* SKF ends the message */
	ck_assert_uint_eq(be16_load(raw.p + 32), i + 1);
	ck_assert_uint_eq(be16_load(raw.p + 34), total);
	ck_assert_int_eq(ike_msg_parse(&m, raw), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_OK);
	ck_assert_uint_eq(m.payloads, 1);
	ck_assert_int_eq(ike_sk_open(&open_sk, &m, dst, CONTENT_MAX, &plain), IKE_OK);
	return plain.n;
}

START_TEST(every_piece)
{
	REQ("7383-2.5-1", "7383-2.5-2", "7383-2.5-3", "7383-2.5-4", "7383-2.5-5", "7383-2.5-6");
	REQ("7383-2.5-7", "7383-2.5.1-1", "7383-2.5.3-2");
	static const size_t rooms[] = {200, 255, 256, 543, 544, 1248, 1252, 9000};
	static const size_t sizes[] = {700, 1199, 1200, 1201, 4096, CONTENT_MAX};

	begin(_i);
	for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++)
		for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
			struct ike_parcel p = {0};
			size_t at = 0;

			ck_assert_int_eq(cut(&p, sizes[s], rooms[r], 1), IKE_OK);
			for (size_t i = 0; i < p.total; i++)
				at += check_piece(
				    ike_parcel_piece(&p, i), i, p.total, rooms[r], merged + at);
			ck_assert_bytes(bytes_of(merged, at), bytes_of(content, sizes[s]));
			ike_parcel_fini(&p);
		}
	end();
}
END_TEST

/* No piece more than needed: all but the last are as full as the cipher's blocks allow. */
START_TEST(pieces_are_full)
{
	begin(_i);
	for (size_t room = 160; room < 700; room++) {
		struct ike_parcel p = {0};
		size_t first;

		ck_assert_int_eq(cut(&p, 5000, room, 1), IKE_OK);
		first = check_piece(ike_parcel_piece(&p, 0), 0, p.total, room, merged);
		ck_assert_uint_eq(p.total, (5000 + first - 1) / first);
		ck_assert_uint_lt(room - p.piece, suites[_i].integ.type ? 16 : 1);
		ck_assert_int_eq(cut(&p, 7 * first, room, 1), IKE_OK);
		ck_assert_uint_eq(p.total, 7);
		ck_assert_int_eq(cut(&p, 7 * first + 1, room, 1), IKE_OK);
		ck_assert_uint_eq(p.total, 8);
		ike_parcel_fini(&p);
	}
	end();
}
END_TEST

/* Section 2.5.2: cut anew, there are more fragments than before, however near the sizes are. */
START_TEST(more_than_before)
{
	REQ("7383-2.5.2-7");
	struct ike_parcel p = {0};
	size_t at;

	begin(_i);
	ck_assert_int_eq(cut(&p, 3000, 1252, 2), IKE_OK);
	for (size_t room = 1251; room > 150; room -= 50) {
		size_t before = p.total;

		ck_assert_int_eq(cut(&p, 3000, room, before + 1), IKE_OK);
		ck_assert_uint_gt(p.total, before);
		at = 0;
		for (size_t i = 0; i < p.total; i++)
			at += check_piece(ike_parcel_piece(&p, i), i, p.total, room, merged + at);
		ck_assert_bytes(bytes_of(merged, at), bytes_of(content, 3000));
	}
	ike_parcel_fini(&p);
	end();
}
END_TEST

START_TEST(no_room)
{
	struct ike_parcel p = {0};
	struct bytes before;

	begin(_i);
	ck_assert_int_eq(cut(&p, 3000, 1252, 2), IKE_OK);
	before = ike_parcel_piece(&p, 0);
	for (size_t room = 0; room < 28 + 8 + 8 + 16; room++)
		ck_assert_int_eq(cut(&p, 3000, room, 2), IKE_ELIMIT);
	ck_assert_ptr_eq(ike_parcel_piece(&p, 0).p, before.p);
	ike_parcel_fini(&p);
	end();
}
END_TEST

/* The two fields are authenticated: a fragment cannot be given another place. */
START_TEST(fields_are_protected)
{
	REQ("7383-2.6-3");
	static uint8_t copy[2000];
	static struct ike_msg m;
	struct ike_parcel p = {0};
	struct bytes plain;

	begin(_i);
	ck_assert_int_eq(cut(&p, 3000, 1252, 2), IKE_OK);
	struct bytes raw = ike_parcel_piece(&p, 1);
	for (size_t at = 0; at < raw.n; at++) {
		memcpy(copy, raw.p, raw.n);
		copy[at] ^= 1;
		if (ike_msg_parse(&m, bytes_of(copy, raw.n)) == IKE_OK &&
		    ike_msg_has(&m, IKE_PLD_SKF))
			ck_assert_int_eq(ike_sk_open(&open_sk, &m, merged, sizeof merged, &plain),
			    IKE_EINTEGRITY);
	}
	ike_parcel_fini(&p);
	end();
}
END_TEST

/* ---- Reading ---- */

/* clang-format off */
static const struct {
	const char *body; /* Fragment Number, Total Fragments, what is encrypted */
	enum ike_err want;
} bodies[] = {
	{"0001000100", IKE_OK},
	{"0001000200", IKE_OK},
	{"0002000200", IKE_OK},
	{"ffffffff00", IKE_OK},
	{"0000000200", IKE_ESYNTAX}, /* number zero */
	{"0000000000", IKE_ESYNTAX}, /* both zero */
	{"0001000000", IKE_ESYNTAX}, /* total zero */
	{"0003000200", IKE_ESYNTAX}, /* number above total */
	{"ffff000100", IKE_ESYNTAX},
	{"00010001",   IKE_ESYNTAX}, /* nothing encrypted */
	{"000100",     IKE_ESYNTAX},
	{"",           IKE_ESYNTAX},
};
/* clang-format on */

START_TEST(fields)
{
	REQ("7383-2.6-1");
	static struct raw r;
	static struct ike_msg m;

	raw_begin(&r, IKE_EXCHANGE_AUTH, IKE_FLAG_INITIATOR);
	raw_hex(&r, IKE_PLD_SKF, bodies[_i].body);
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), bodies[_i].want);
	if (bodies[_i].want == IKE_OK) {
		ck_assert_uint_eq(m.sk.number, be16_load(r.b + 32));
		ck_assert_uint_eq(m.sk.total, be16_load(r.b + 34));
	}
}
END_TEST

/* SKF is the last payload, alone, and never in the clear exchange or inside what is sealed. */
START_TEST(places)
{
	REQ("7383-2.5-1");
	static struct raw r;
	static struct ike_msg m;

	raw_begin(&r, IKE_EXCHANGE_AUTH, IKE_FLAG_INITIATOR);
	raw_hex(&r, IKE_PLD_SKF, "00010001000000");
	raw_hex(&r, IKE_PLD_SK, "000000");
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_ESYNTAX);
	raw_begin(&r, IKE_EXCHANGE_AUTH, IKE_FLAG_INITIATOR);
	raw_hex(&r, IKE_PLD_SK, "000000");
	raw_hex(&r, IKE_PLD_SKF, "00010001000000");
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_ESYNTAX);
	raw_begin(&r, IKE_EXCHANGE_AUTH, IKE_FLAG_INITIATOR);
	raw_hex(&r, IKE_PLD_SKF, "00010001000000");
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_ESYNTAX);
	raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
	raw_hex(&r, IKE_PLD_SKF, "00010001000000");
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_ESYNTAX);
}
END_TEST

/* ---- Reassembly ---- */

static uint64_t held;
static struct ike_reasm_caps caps;
static struct ike_reasm reasm;

static void begin_reasm(void)
{
	held = 0;
	reasm = (struct ike_reasm){0};
	caps = (struct ike_reasm_caps){
	    .pieces = 64, .content = 65535, .all = &held, .all_max = 1 << 20, .give_up_at = 5000};
}

static const struct ike_msg *fragment(uint16_t number, uint16_t total, uint8_t next)
{
	static struct ike_msg m;
	static uint8_t raw[100];

	raw[60] = (uint8_t)number;
	m.hdr.exchange = IKE_EXCHANGE_AUTH;
	m.raw = bytes_of(raw, number == total ? 80 : 100);
	m.sk = (struct ike_sk_view){.next = next, .number = number, .total = total};
	return &m;
}

/* Judged, and taken if it may be. */
static enum ike_reasm_verdict put(uint16_t number, uint16_t total, const char *text)
{
	const struct ike_msg *m = fragment(number, total, number == 1 ? IKE_PLD_IDI : 0);
	enum ike_reasm_verdict v = ike_reasm_judge(&reasm, m);

	return v == IKE_REASM_STORED ? ike_reasm_add(&reasm, &caps, m, text_bytes(text)) : v;
}

static void expect_whole(const char *text)
{
	size_t n = ike_reasm_merge(&reasm, merged);

	ck_assert_bytes(bytes_of(merged, n), text_bytes(text));
	ck_assert_uint_eq(reasm.first, IKE_PLD_IDI);
	ck_assert_uint_eq(reasm.largest, 100);
	ck_assert_uint_eq(reasm.mark.n, 100);
	ck_assert_uint_eq(reasm.mark.total, reasm.total);
	ike_reasm_fini(&reasm);
	ck_assert_uint_eq(held, 0);
}

/* All orders of four, each fragment coming twice. */
START_TEST(any_order)
{
	REQ("7383-2.6-2", "7383-2.6.1-1");
	static const char *const text[] = {"one ", "two ", "", "four"};
	unsigned left = (unsigned)_i;
	uint16_t order[4] = {1, 2, 3, 4};

	begin_reasm();
	for (unsigned i = 4; i > 1; i--) { /* the _i-th permutation */
		unsigned j = left % i;
		uint16_t kept = order[i - 1];

		left /= i;
		order[i - 1] = order[j];
		order[j] = kept;
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(put(order[i], 4, text[order[i] - 1]),
		    i < 3 ? IKE_REASM_STORED : IKE_REASM_WHOLE);
		ck_assert_int_eq(put(order[i], 4, "other"), IKE_REASM_REPEATED);
	}
	expect_whole("one two four");
}
END_TEST

START_TEST(totals)
{
	REQ("7383-2.6-1", "7383-2.6-4");
	begin_reasm();
	ck_assert_int_eq(put(1, 3, "a"), IKE_REASM_STORED);
	ck_assert_int_eq(put(2, 3, "b"), IKE_REASM_STORED);
	ck_assert_int_eq(put(2, 2, "B"), IKE_REASM_STALE); /* of a larger size, late */
	ck_assert_uint_eq(reasm.have, 2);
	ck_assert_int_eq(put(3, 4, "z"), IKE_REASM_STORED); /* smaller fragments: all anew */
	ck_assert_uint_eq(reasm.have, 1);
	ck_assert_int_eq(put(3, 3, "c"), IKE_REASM_STALE);
	ck_assert_int_eq(put(1, 4, "w"), IKE_REASM_STORED);
	ck_assert_int_eq(put(2, 4, "x"), IKE_REASM_STORED);
	ck_assert_int_eq(put(4, 4, "!"), IKE_REASM_WHOLE);
	expect_whole("wxz!");
}
END_TEST

/* Another exchange under the same Message ID does not mix with it. */
START_TEST(exchanges)
{
	struct ike_msg other;

	begin_reasm();
	ck_assert_int_eq(put(1, 2, "a"), IKE_REASM_STORED);
	other = *fragment(2, 2, 0);
	other.hdr.exchange = IKE_EXCHANGE_INFORMATIONAL;
	ck_assert_int_eq(ike_reasm_judge(&reasm, &other), IKE_REASM_STALE);
	ike_reasm_fini(&reasm);
}
END_TEST

START_TEST(bounds)
{
	REQ("7383-5-1");
	uint64_t one;

	begin_reasm();
	ck_assert_int_eq(put(1, 65, "a"), IKE_REASM_TOO_MANY);
	ck_assert_uint_eq(held, 0);
	ck_assert_int_eq(put(1, 64, "a"), IKE_REASM_STORED);
	ck_assert_int_eq(put(64, 64, "b"), IKE_REASM_STORED);
	one = held;
	ck_assert_uint_gt(one, 64 * sizeof(void *)); /* the room for the others counts */
	caps.content = 10;
	ck_assert_int_eq(put(3, 64, "123456789"), IKE_REASM_TOO_LONG);
	ck_assert_ptr_null(reasm.pieces);
	ck_assert_uint_eq(held, 0);
	caps.content = 11;
	ck_assert_int_eq(put(1, 2, "12345"), IKE_REASM_STORED);
	ck_assert_int_eq(put(2, 2, "678901"), IKE_REASM_WHOLE);
	ike_reasm_fini(&reasm);
	/* All together: one that does not fit leaves what is there. */
	caps.all_max = one;
	ck_assert_int_eq(put(1, 64, "a"), IKE_REASM_STORED);
	ck_assert_int_eq(put(64, 64, "b"), IKE_REASM_STORED);
	ck_assert_int_eq(put(2, 64, "c"), IKE_REASM_CROWDED);
	ck_assert_uint_eq(reasm.have, 2);
	ck_assert_uint_eq(held, one);
	held = one + 1 - reasm.held;
	ike_reasm_fini(&reasm);
	held = one;
	ck_assert_int_eq(put(1, 1, ""), IKE_REASM_CROWDED);
	ck_assert_ptr_null(reasm.pieces);
}
END_TEST

START_TEST(in_time)
{
	REQ("7383-2.6-5", "7383-2.6-6");
	begin_reasm();
	ck_assert_uint_eq(ike_reasm_deadline(&reasm), IKE_NEVER);
	ck_assert_int_eq(put(1, 2, "a"), IKE_REASM_STORED);
	caps.give_up_at = 6000;
	ck_assert_int_eq(put(1, 2, "a"), IKE_REASM_REPEATED); /* no new time for what is old */
	ck_assert_uint_eq(ike_reasm_deadline(&reasm), 5000);
	ike_reasm_fini(&reasm);
	ck_assert_uint_eq(ike_reasm_deadline(&reasm), IKE_NEVER);
	/* The six waits of an initiator's schedule: test_ike_window. */
	ck_assert_uint_eq(ike_retransmit_span(&ike_retransmit_default) / 1000, 165);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_fragment");

	add_loop(s, "every piece", every_piece, SUITES);
	add_loop(s, "pieces are full", pieces_are_full, SUITES);
	add_loop(s, "more than before", more_than_before, SUITES);
	add_loop(s, "no room", no_room, SUITES);
	add_loop(s, "fields are protected", fields_are_protected, SUITES);
	add_loop(s, "fields", fields, sizeof bodies / sizeof bodies[0]);
	add_test(s, "places", places);
	add_loop(s, "any order", any_order, 24);
	add_test(s, "totals", totals);
	add_test(s, "exchanges", exchanges);
	add_test(s, "bounds", bounds);
	add_test(s, "in time", in_time);
	return run_suite(s);
}

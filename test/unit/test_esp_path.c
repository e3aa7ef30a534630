/*
 * The packet path from end to end: what goes in comes out, and what is wrong is dropped under its
 * own name. CVE-2002-0666 (packets shorter than IV and ICV), CVE-2022-27666 (a trailer beyond the
 * buffer).
 */
#include "esp/crypto/crypto.h"
#include "test/unit/esp_job.h"
#include "test/unit/esp_pair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buf[PAIR_BUF], copy[PAIR_BUF];

static size_t min_size(enum addr_family f)
{
	return f == ADDR_V4 ? 20 : 40;
}

static void round_trip(struct pair *p, enum addr_family f, size_t n)
{
	struct pkt pkt = pair_packet(buf, f, n);
	uint8_t before[9216];

	memcpy(before, pkt.base + pkt.off, n);
	ck_assert_int_eq(pair_encap(p, &pkt), ESP_V_OK);
	ck_assert_uint_eq(be32_load(pkt.base + pkt.off), p->spi);
	ck_assert_uint_gt(pkt.len, n);
	ck_assert_int_eq(pair_decap(p, &pkt), ESP_V_OK);
	ck_assert_uint_eq(pkt.len, n);
	ck_assert_mem_eq(pkt.base + pkt.off, before, n);
}

START_TEST(all_sizes)
{
	struct pair_options o = {.suite = (size_t)_i / 2, .esn = _i % 2, .window = 1024};
	struct esp_stats in, out;
	struct pair p;
	uint64_t packets = 0, bytes = 0;

	pair_init(&p, &o);
	for (enum addr_family f = ADDR_V4; f <= ADDR_V6; f += 2)
		for (size_t n = min_size(f); n <= 9000; n += n < 1501 ? 1 : 1499) {
			round_trip(&p, f, n);
			packets++;
			bytes += n;
		}
	ck_assert(esp_in_stats(p.right, p.spi, &in) && esp_out_stats(p.left, p.slot, &out));
	ck_assert_uint_eq(in.packets, packets);
	ck_assert_uint_eq(out.packets, packets);
	ck_assert_uint_eq(in.bytes, bytes);
	ck_assert_uint_eq(out.bytes, bytes);
	ck_assert_uint_eq(out.seq, packets);
	ck_assert_uint_eq(in.seq, packets);
	pair_fini(&p);
}
END_TEST

/* Within what esp_overhead promises, padded to 4 bytes or the block with 1, 2, 3, … */
START_TEST(shape_on_the_wire)
{
	struct pair_options o = {.suite = (size_t)_i, .window = 64};
	struct pair p;

	pair_init(&p, &o);
	uint32_t most = esp_overhead(pair_suites[_i].encr, pair_suites[_i].integ);
	for (size_t n = 20; n < 120; n++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, n);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		ck_assert_uint_le(pkt.len, n + most);
		ck_assert_uint_eq(pkt.len % 4, 0);
		if (pair_suites[_i].encr.id != ENCR_NULL)
			continue;
		const struct transform_info *integ = transform_find(pair_suites[_i].integ);
		const uint8_t *trailer = pkt.base + pkt.off + pkt.len - integ->icv_len - 2;
		ck_assert_uint_eq(trailer[1], 4);
		for (uint8_t k = 0; k < trailer[0]; k++)
			ck_assert_uint_eq(trailer[k - trailer[0]], k + 1);
	}
	pair_fini(&p);
}
END_TEST

/* Each bit of a packet: dropped, and the true packet still passes. */
START_TEST(every_bit)
{
	struct pair_options o = {.suite = (size_t)_i, .esn = true, .window = 64};
	struct pair p;

	pair_init(&p, &o);
	struct pkt sent = pair_packet(buf, ADDR_V4, 61);
	ck_assert_int_eq(pair_encap(&p, &sent), ESP_V_OK);
	for (size_t bit = 0; bit < sent.len * 8u; bit++) {
		struct pkt pkt = sent;
		memcpy(copy, buf, sizeof buf);
		pkt.base = copy;
		copy[sent.off + bit / 8] ^= (uint8_t)(1u << bit % 8);
		enum esp_verdict v = pair_decap(&p, &pkt);
		if (bit < 32)
			ck_assert_int_eq(v, ESP_V_NO_SA);
		else
			ck_assert(v == ESP_V_AUTH || (bit < 64 && v == ESP_V_OLD));
	}
	ck_assert_int_eq(pair_decap(&p, &sent), ESP_V_OK);
	pair_fini(&p);
}
END_TEST

START_TEST(every_length)
{
	struct pair_options o = {.suite = (size_t)_i, .window = 64};
	struct pair p;

	pair_init(&p, &o);
	struct pkt sent = pair_packet(buf, ADDR_V6, 100);
	ck_assert_int_eq(pair_encap(&p, &sent), ESP_V_OK);
	for (uint32_t n = 0; n < sent.len; n++) {
		/* A buffer of just that size, for the sanitizer. */
		uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, sent.base + sent.off, n);
		struct pkt pkt = {.base = exact, .cap = n, .len = n};
		enum esp_verdict v = pair_decap(&p, &pkt);
		ck_assert(v == ESP_V_SHORT || v == ESP_V_AUTH);
		if (n < 8 + 8 + 2)
			ck_assert_int_eq(v, ESP_V_SHORT);
		free(exact);
	}
	ck_assert_int_eq(pair_decap(&p, &sent), ESP_V_OK);
	pair_fini(&p);
}
END_TEST

START_TEST(replayed)
{
	struct pair_options o = {.window = _i ? 64 : 0};
	struct esp_stats st;
	struct pair p;

	pair_init(&p, &o);
	struct pkt sent = pair_packet(buf, ADDR_V4, 100), first;
	ck_assert_int_eq(pair_encap(&p, &sent), ESP_V_OK);
	memcpy(copy, buf, sizeof buf);
	first = sent;
	first.base = copy;
	ck_assert_int_eq(pair_decap(&p, &sent), ESP_V_OK);
	uint8_t third[PAIR_BUF];
	memcpy(third, copy, sizeof third);
	struct pkt again = first;
	again.base = third;
	ck_assert_int_eq(pair_decap(&p, &again), _i ? ESP_V_REPLAY : ESP_V_OK);
	for (unsigned i = 0; i < 64; i++) {
		struct pkt next = pair_packet(buf, ADDR_V4, 100);
		ck_assert_int_eq(pair_encap(&p, &next), ESP_V_OK);
		ck_assert_int_eq(pair_decap(&p, &next), ESP_V_OK);
	}
	ck_assert_int_eq(pair_decap(&p, &first), _i ? ESP_V_OLD : ESP_V_OK);
	ck_assert(esp_in_stats(p.right, p.spi, &st));
	ck_assert_uint_eq(st.drops[ESP_V_REPLAY], _i ? 1 : 0);
	ck_assert_uint_eq(st.drops[ESP_V_OLD], _i ? 1 : 0);
	pair_fini(&p);
}
END_TEST

/* ---- Authentic, and wrong inside ---- */

struct inside {
	const char *what;
	enum esp_verdict want;
	uint8_t pad_len, next;
	uint8_t pad[8];    /* what stands there */
	uint8_t pad_given; /* bytes */
	uint32_t src, dst;
	int32_t length_off; /* of the inner header's length */
};

static const struct inside insides[] = {
    {"right", ESP_V_OK, 2, 4, {1, 2}, 2, 0x0a010203, 0x0a020304, 0},
    {"TFC padding behind the packet", ESP_V_OK, 2, 4, {1, 2}, 2, 0x0a010203, 0x0a020304, -8},
    {"padding of zeros", ESP_V_PADDING, 2, 4, {0, 0}, 2, 0x0a010203, 0x0a020304, 0},
    {"padding that starts at 2", ESP_V_PADDING, 2, 4, {2, 3}, 2, 0x0a010203, 0x0a020304, 0},
    {"longer than the packet", ESP_V_PADDING, 255, 4, {1, 2}, 2, 0x0a010203, 0x0a020304, 0},
    {"a dummy", ESP_V_DUMMY, 2, 59, {1, 2}, 2, 0x0a010203, 0x0a020304, 0},
    {"TCP", ESP_V_NEXT_HEADER, 2, 6, {1, 2}, 2, 0x0a010203, 0x0a020304, 0},
    {"IPv4 called IPv6", ESP_V_NEXT_HEADER, 2, 41, {1, 2}, 2, 0x0a010203, 0x0a020304, 0},
    {"longer inside than outside", ESP_V_MALFORMED_INNER, 2, 4, {1, 2}, 2, 0x0a010203, 0x0a020304,
	1},
    {"from elsewhere", ESP_V_SELECTOR, 2, 4, {1, 2}, 2, 0x0a030203, 0x0a020304, 0},
    {"to elsewhere", ESP_V_SELECTOR, 2, 4, {1, 2}, 2, 0x0a010203, 0x0a040304, 0},
    {"from the far net itself", ESP_V_SELECTOR, 2, 4, {1, 2}, 2, 0x0a020203, 0x0a010304, 0},
};

START_TEST(authentic_but_wrong)
{
	const struct inside *in = &insides[_i];
	struct pair_options o = {.window = 64};
	struct esp_keys k = pair_keys(0, false);
	struct esp_crypto_keys keys = {.encr = k.encr, .encr_key = k.encr_key};
	struct esp_provider *provider = esp_provider_new(NULL, ESP_ENGINE_AUTO, 1);
	struct esp_crypto *c;
	struct pair p;
	size_t n = 64;

	pair_init(&p, &o);
	ck_assert_int_eq(esp_crypto_new(provider, &keys, true, &c), ESP_CRYPTO_OK);
	uint8_t *esp = buf + PKT_HEADROOM, *text = esp + 16;
	be32_store(esp, p.spi);
	be32_store(esp + 4, 7);
	be64_store(esp + 8, 7);
	pair_inner(text, ADDR_V4, n);
	be32_store(text + 12, in->src);
	be32_store(text + 16, in->dst);
	be16_store(text + 2, (uint16_t)((int32_t)n + in->length_off));
	memcpy(text + n, in->pad, in->pad_given);
	n += in->pad_given;
	text[n++] = in->pad_len;
	text[n++] = in->next;
	ck_assert_int_eq(seal_one(provider, c, esp, n, 0), ESP_CRYPTO_OK);
	struct pkt pkt = {
	    .base = buf, .cap = sizeof buf, .off = PKT_HEADROOM, .len = (uint32_t)(16 + n + 16)};
	ck_assert_msg(pair_decap(&p, &pkt) == in->want, "%s: %s", in->what,
	    esp_verdict_name((enum esp_verdict)pkt.verdict));
	esp_crypto_free(c);
	esp_provider_free(provider);
	pair_fini(&p);
}
END_TEST

/* ---- Outbound ---- */

START_TEST(no_room)
{
	struct pair_options o = {.suite = (size_t)_i};
	struct pair p;

	pair_init(&p, &o);
	for (uint32_t off = 0; off < 24; off++) {
		pair_inner(buf + off, ADDR_V4, 100);
		struct pkt pkt = {.base = buf, .cap = sizeof buf, .off = off, .len = 100};
		enum esp_verdict v = pair_encap(&p, &pkt);
		ck_assert(v == ESP_V_OK || v == ESP_V_NO_ROOM);
		ck_assert(off >= 8 || v == ESP_V_NO_ROOM);
	}
	for (uint32_t behind = 0; behind < 64; behind++) {
		uint32_t cap = PKT_HEADROOM + 100 + behind;
		uint8_t *exact = malloc(cap);
		pair_inner(exact + PKT_HEADROOM, ADDR_V4, 100);
		struct pkt pkt = {.base = exact, .cap = cap, .off = PKT_HEADROOM, .len = 100};
		enum esp_verdict v = pair_encap(&p, &pkt);
		ck_assert(v == ESP_V_OK ? pkt.off + pkt.len <= cap : v == ESP_V_NO_ROOM);
		free(exact);
	}
	pair_fini(&p);
}
END_TEST

/* A batch in which every packet has another fate, more than a chunk of them. */
START_TEST(mixed_batch)
{
	enum { N = 150 };
	static uint8_t bufs[N][1024];
	struct pair_options o = {.window = 1024};
	struct pkt pkts[N];
	uint64_t totals[ESP_VERDICTS];
	struct pair p;

	pair_init(&p, &o);
	for (size_t i = 0; i < N; i++) {
		pair_inner(bufs[i] + PKT_HEADROOM, ADDR_V4, 100);
		pkts[i] = (struct pkt){
		    .base = bufs[i], .cap = sizeof bufs[i], .off = PKT_HEADROOM, .len = 100};
		if (i % 3 == 1)
			be32_store(bufs[i] + PKT_HEADROOM + 16, 0x0b000001); /* no policy */
		if (i % 3 == 2)
			pkts[i].len = 19;
	}
	esp_worker_enter(p.lw);
	esp_encap(p.lw, pkts, N);
	for (size_t i = 0; i < N; i++) {
		static const enum esp_verdict want[] = {
		    ESP_V_OK, ESP_V_NO_POLICY, ESP_V_MALFORMED_INNER};
		ck_assert_int_eq(pkts[i].verdict, want[i % 3]);
		if (i % 3 == 0)
			ck_assert_uint_eq(be32_load(bufs[i] + pkts[i].off + 4), i / 3 + 1);
	}
	ck_assert_ptr_nonnull(esp_pkt_path(p.lw, &pkts[0]));
	esp_worker_leave(p.lw);
	esp_totals(p.left, totals);
	ck_assert_uint_eq(totals[ESP_V_OK], N / 3);
	ck_assert_uint_eq(totals[ESP_V_NO_POLICY], N / 3);
	ck_assert_uint_eq(totals[ESP_V_MALFORMED_INNER], N / 3);
	pair_fini(&p);
}
END_TEST

START_TEST(unknown_spi)
{
	struct pair_options o = {.window = 64};
	uint64_t totals[ESP_VERDICTS];
	struct pair p;

	pair_init(&p, &o);
	memset(buf, 0, sizeof buf);
	struct pkt pkt = {.base = buf, .cap = sizeof buf, .len = 100};
	ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_NO_SA);
	pkt.len = 7;
	ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_SHORT);
	esp_totals(p.right, totals);
	ck_assert_uint_eq(totals[ESP_V_NO_SA], 1);
	ck_assert_uint_eq(totals[ESP_V_SHORT], 1);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_path");
	TCase *t = tcase_create("path");
	int suites = (int)pair_suites_n;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, all_sizes, 0, suites * 2);
	tcase_add_loop_test(t, shape_on_the_wire, 0, suites);
	tcase_add_loop_test(t, every_bit, 0, suites);
	tcase_add_loop_test(t, every_length, 0, suites);
	tcase_add_loop_test(t, replayed, 0, 2);
	tcase_add_loop_test(t, authentic_but_wrong, 0, (int)(sizeof insides / sizeof insides[0]));
	tcase_add_loop_test(t, no_room, 0, suites);
	tcase_add_test(t, mixed_batch);
	tcase_add_test(t, unknown_spi);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

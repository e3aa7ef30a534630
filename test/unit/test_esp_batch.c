/*
 * Batches: each packet of one gets its own verdict, as if it had come alone. RFC 4303 section 3.4.3
 * (a number that comes twice in one batch is a replay).
 */
#include "test/unit/esp_pair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 150, SMALL = PKT_HEADROOM + 1500 + PKT_TAILROOM };

static uint8_t bufs[2 * MANY][SMALL];
static struct pkt pkts[2 * MANY];

static size_t size_of(size_t i)
{
	return 28 + i * 37 % 1400;
}

static void encap(struct pair *p, size_t n)
{
	esp_worker_enter(p->lw);
	esp_encap(p->lw, pkts, n);
	esp_worker_leave(p->lw);
}

static void decap(struct pair *p, size_t n)
{
	esp_worker_enter(p->rw);
	esp_decap(p->rw, pkts, n);
	esp_worker_leave(p->rw);
}

static void fill(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pkts[i] = pair_packet(bufs[i], ADDR_V4, size_of(i));
		pkts[i].cap = SMALL;
	}
}

/* A packet of its own with the bytes of another. */
static void twin(size_t to, size_t from)
{
	memcpy(bufs[to], bufs[from], SMALL);
	pkts[to] = pkts[from];
	pkts[to].base = bufs[to];
}

static void expect_inner(size_t i, size_t sent_as)
{
	uint8_t want[SMALL];

	pair_inner(want, ADDR_V4, size_of(sent_as));
	ck_assert_int_eq(pkts[i].verdict, ESP_V_OK);
	ck_assert_uint_eq(pkts[i].len, size_of(sent_as));
	ck_assert_mem_eq(pkts[i].base + pkts[i].off, want, pkts[i].len);
}

/* Every packet twice, next to each other or half a batch apart: the first passes, whichever it is.
 */
START_TEST(duplicates)
{
	struct pair_options o = {.suite = (size_t)_i / 2, .esn = _i % 2, .window = 1024};
	struct esp_stats in;
	struct pair p;

	pair_init(&p, &o);
	fill(MANY);
	encap(&p, MANY);
	for (size_t i = 0; i < MANY; i++)
		twin(MANY + i, i);
	decap(&p, 2 * MANY);
	for (size_t i = 0; i < MANY; i++) {
		expect_inner(i, i);
		ck_assert_int_eq(pkts[MANY + i].verdict, ESP_V_REPLAY);
	}
	fill(4);
	encap(&p, 4);
	for (size_t i = 4; i-- > 0;) {
		twin(2 * i + 1, i);
		twin(2 * i, i);
	}
	decap(&p, 8);
	for (size_t i = 0; i < 4; i++) {
		expect_inner(2 * i, i);
		ck_assert_int_eq(pkts[2 * i + 1].verdict, ESP_V_REPLAY);
	}
	ck_assert(esp_in_stats(p.right, p.spi, &in));
	ck_assert_uint_eq(in.packets, MANY + 4);
	ck_assert_uint_eq(in.drops[ESP_V_REPLAY], MANY + 4);
	pair_fini(&p);
}
END_TEST

/* One bit wrong in every third packet, and its neighbours are as they were; the forged number is
 * not taken, so that the true packet behind it passes. */
START_TEST(forged_among_good)
{
	struct pair_options o = {.suite = (size_t)_i / 2, .esn = _i % 2, .window = 1024};
	struct esp_stats in;
	struct pair p;

	pair_init(&p, &o);
	fill(MANY);
	encap(&p, MANY);
	for (size_t i = 0; i < MANY; i += 3) {
		twin(MANY + i / 3, i);
		pkts[i].base[pkts[i].off + 8 + i * 131 % (pkts[i].len - 8)] ^=
		    (uint8_t)(1u << i % 8);
	}
	decap(&p, MANY + MANY / 3);
	for (size_t i = 0; i < MANY; i++) {
		if (i % 3) {
			expect_inner(i, i);
			continue;
		}
		ck_assert_int_eq(pkts[i].verdict, ESP_V_AUTH);
		expect_inner(MANY + i / 3, i);
	}
	ck_assert(esp_in_stats(p.right, p.spi, &in));
	ck_assert_uint_eq(in.packets, MANY);
	ck_assert_uint_eq(in.drops[ESP_V_AUTH], MANY / 3);
	pair_fini(&p);
}
END_TEST

/* What is decided before the ciphers stands between packets that go on. */
START_TEST(every_kind_in_one)
{
	struct pair_options o = {.window = 64, .in_life = {.hard_packets = 5}};
	static const enum esp_verdict want[] = {ESP_V_OK, ESP_V_SHORT, ESP_V_OK, ESP_V_NO_SA,
	    ESP_V_REPLAY, ESP_V_AUTH, ESP_V_OK, ESP_V_OK, ESP_V_OK, ESP_V_EXPIRED, ESP_V_EXPIRED};
	struct esp_stats in;
	struct pair p;

	pair_init(&p, &o);
	fill(11);
	encap(&p, 11);
	pkts[1].len = 20;
	pkts[3].base[pkts[3].off] ^= 0x80;
	twin(4, 0);
	pkts[5].base[pkts[5].off + pkts[5].len - 1] ^= 1;
	decap(&p, 11);
	for (size_t i = 0; i < 11; i++)
		ck_assert_int_eq(pkts[i].verdict, want[i]);
	ck_assert(esp_in_stats(p.right, p.spi, &in));
	ck_assert_uint_eq(in.packets, 5);
	ck_assert_uint_eq(in.drops[ESP_V_EXPIRED], 2);
	ck_assert_uint_eq(in.drops[ESP_V_SHORT], 1);
	pair_fini(&p);
}
END_TEST

/* Outbound: a packet without room takes no number and leaves its neighbours alone. */
START_TEST(no_room_among_good)
{
	struct pair_options o = {.suite = (size_t)_i, .window = 64};
	struct pair p;

	pair_init(&p, &o);
	fill(MANY);
	for (size_t i = 5; i < MANY; i += 10)
		pkts[i].cap = pkts[i].off + pkts[i].len;
	encap(&p, MANY);
	for (size_t i = 0, seq = 0; i < MANY; i++) {
		ck_assert_int_eq(pkts[i].verdict, i % 10 == 5 ? ESP_V_NO_ROOM : ESP_V_OK);
		if (i % 10 != 5)
			ck_assert_uint_eq(be32_load(pkts[i].base + pkts[i].off + 4), ++seq);
	}
	decap(&p, MANY);
	for (size_t i = 0; i < MANY; i++)
		if (i % 10 != 5)
			expect_inner(i, i);
	pair_fini(&p);
}
END_TEST

/* Segments that are marked take the way of the packet before them, and only if that found an SA. */
START_TEST(same_flow)
{
	struct pair_options o = {.window = 64};
	struct esp_stats out;
	struct pair p;

	pair_init(&p, &o);
	fill(MANY);
	for (size_t i = 0; i < MANY; i++)
		pkts[i].flags = i % 20 ? PKT_SAME_FLOW : 0;
	/* Nobody's: marked ones behind it are looked up by themselves. */
	be32_store(pkts[40].base + pkts[40].off + 16, 0x0a090909);
	be32_store(pkts[41].base + pkts[41].off + 16, 0x0a090909);
	encap(&p, MANY);
	ck_assert_int_eq(pkts[40].verdict, ESP_V_NO_POLICY);
	ck_assert_int_eq(pkts[41].verdict, ESP_V_NO_POLICY);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_uint_eq(pkts[i].slot, i == 40 || i == 41 ? 0 : p.slot);
	ck_assert(esp_out_stats(p.left, p.slot, &out));
	ck_assert_uint_eq(out.packets, MANY - 2);
	decap(&p, MANY);
	for (size_t i = 0; i < MANY; i++)
		if (i != 40 && i != 41)
			expect_inner(i, i);
	/* The mark is believed: no look-up. */
	fill(2);
	pkts[1].flags = PKT_SAME_FLOW;
	be32_store(pkts[1].base + pkts[1].off + 16, 0x0a090909);
	encap(&p, 2);
	ck_assert_int_eq(pkts[1].verdict, ESP_V_OK);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_batch");
	TCase *t = tcase_create("batch");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, duplicates, 0, 2 * (int)pair_suites_n);
	tcase_add_loop_test(t, forged_among_good, 0, 2 * (int)pair_suites_n);
	tcase_add_test(t, every_kind_in_one);
	tcase_add_loop_test(t, no_room_among_good, 0, (int)pair_suites_n);
	tcase_add_test(t, same_flow);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * The table of SAs: slots of outbound SAs, statistics, paths, reclamation with several workers, and
 * lives that end while packets keep coming.
 */
#include "test/unit/esp_pair.h"

#include <check.h>
#include <stdlib.h>

enum { BATCH = 64, SMALL = 2048 };

static uint8_t buf[PAIR_BUF];

static uint32_t add_out(struct esp *e, uint32_t spi, uint64_t first_seq, bool esn)
{
	struct esp_out_params out = {.spi = spi, .keys = pair_keys(0, esn), .first_seq = first_seq};
	uint32_t slot;

	ck_assert_int_eq(esp_out_add(e, &out, &slot), ESP_OK);
	return slot;
}

static enum esp_verdict send_one(struct pair *p, struct pkt *pkt)
{
	*pkt = pair_packet(buf, ADDR_V4, 100);
	return pair_encap(p, pkt);
}

/* ---- Slots ---- */

START_TEST(outbound_slots)
{
	struct esp_params params = {.slots = 8, .workers = 2};
	struct esp *e = esp_new(&params);
	struct esp_worker *w = esp_worker_get(e, 1);
	struct esp_out_params out = {.spi = 0x9999, .keys = pair_keys(0, false)};
	bool taken[8] = {false};
	struct esp_stats st;
	uint32_t slot;

	ck_assert_ptr_null(esp_worker_get(e, 2));
	for (unsigned i = 0; i < 8; i++) {
		slot = add_out(e, 0x1000 + i, 0, false);
		ck_assert_uint_lt(slot, 8);
		ck_assert(!taken[slot]);
		taken[slot] = true;
	}
	ck_assert_int_eq(esp_out_add(e, &out, &slot), ESP_EFULL);
	esp_out_del(e, 8); /* no such slot, not slot 0 */
	ck_assert(esp_out_stats(e, 0, &st));
	/* A slot rests while a worker may have its SA in hand. */
	esp_worker_enter(w);
	esp_out_del(e, 3);
	esp_out_del(e, 3);
	ck_assert(!esp_out_stats(e, 3, &st));
	ck_assert_uint_eq(esp_reclaim(e), 1);
	ck_assert_int_eq(esp_out_add(e, &out, &slot), ESP_EFULL);
	esp_worker_leave(w);
	ck_assert_uint_eq(esp_reclaim(e), 0);
	ck_assert_uint_eq(add_out(e, 0x9999, 0, false), 3);
	esp_free(e);
}
END_TEST

/* A replaced SA: the old policies do not protect with it, new ones do. */
START_TEST(replaced_sa)
{
	struct pair_options o = {0};
	struct pair p;
	struct pkt pkt;

	pair_init(&p, &o);
	uint32_t old = p.slot, slot;
	esp_out_del(p.left, old);
	ck_assert_uint_eq(esp_reclaim(p.left), 0);
	do
		slot = add_out(p.left, 0x5000, 0, false);
	while (slot != old);
	ck_assert_int_eq(send_one(&p, &pkt), ESP_V_NO_SA);
	struct esp_policy policy = {.action = ESP_PROTECT,
	    .slot = slot,
	    .local = ts_any(ADDR_V4),
	    .remote = ts_any(ADDR_V4)};
	ck_assert_int_eq(esp_spd_set(p.left, &policy, 1), ESP_OK);
	ck_assert_int_eq(send_one(&p, &pkt), ESP_V_OK);
	ck_assert_uint_eq(be32_load(buf + pkt.off), 0x5000);
	/* A slot beyond the table is none, whatever its low bits are. */
	policy.slot = slot + 64;
	ck_assert_int_eq(esp_spd_set(p.left, &policy, 1), ESP_OK);
	ck_assert_int_eq(send_one(&p, &pkt), ESP_V_NO_SA);
	pair_fini(&p);
}
END_TEST

/* A refused set of policies leaves the one that stands. */
START_TEST(refused_policies)
{
	struct pair_options o = {0};
	struct esp_policy bad = {.local = ts_any(ADDR_V4), .remote = ts_any(ADDR_V6)};
	struct pair p;
	struct pkt pkt;

	pair_init(&p, &o);
	ck_assert_int_eq(esp_spd_set(p.left, &bad, 1), ESP_EINVAL);
	ck_assert_int_eq(send_one(&p, &pkt), ESP_V_OK);
	pair_fini(&p);
}
END_TEST

/* ---- Paths ---- */

START_TEST(paths)
{
	struct pair_options o = {0};
	struct esp_path path = {.remote.port = 4500, .udp_encap = true};
	struct pair p;
	struct pkt pkt;

	pair_init(&p, &o);
	ck_assert_int_eq(send_one(&p, &pkt), ESP_V_OK);
	esp_worker_enter(p.lw);
	const struct esp_path *before = esp_pkt_path(p.lw, &pkt);
	ck_assert_uint_eq(before->remote.port, 0);
	ck_assert_int_eq(esp_out_set_path(p.left, p.slot, &path), ESP_OK);
	ck_assert_uint_eq(esp_reclaim(p.left), 1);
	ck_assert_uint_eq(before->remote.port, 0); /* still there for who has it */
	const struct esp_path *after = esp_pkt_path(p.lw, &pkt);
	ck_assert_uint_eq(after->remote.port, 4500);
	ck_assert(after->udp_encap);
	esp_out_del(p.left, p.slot);
	ck_assert_ptr_null(esp_pkt_path(p.lw, &pkt));
	ck_assert_uint_eq(esp_reclaim(p.left), 2);
	ck_assert_uint_eq(after->remote.port, 4500);
	esp_worker_leave(p.lw);
	ck_assert_uint_eq(esp_reclaim(p.left), 0);
	ck_assert_int_eq(esp_out_set_path(p.left, p.slot, &path), ESP_ENOENT);
	pair_fini(&p);
}
END_TEST

/* ---- Reclamation ---- */

/* What is removed waits for every worker that was inside then, and for no other. */
START_TEST(several_workers)
{
	struct esp_params params = {.slots = 8, .workers = 3};
	struct esp *e = esp_new(&params);
	struct esp_worker *w[3];

	for (uint32_t i = 0; i < 3; i++)
		w[i] = esp_worker_get(e, i);
	uint32_t a = add_out(e, 0x1000, 0, false), b = add_out(e, 0x1001, 0, false);
	esp_worker_enter(w[0]);
	esp_out_del(e, a);
	esp_worker_enter(w[1]);
	esp_out_del(e, b);
	esp_worker_enter(w[2]);
	ck_assert_uint_eq(esp_reclaim(e), 2);
	esp_worker_leave(w[0]);
	ck_assert_uint_eq(esp_reclaim(e), 1); /* 1 came after the first was gone */
	esp_worker_enter(w[0]);
	ck_assert_uint_eq(esp_reclaim(e), 1);
	esp_worker_leave(w[1]);
	ck_assert_uint_eq(esp_reclaim(e), 0); /* 0 and 2 have seen neither */
	esp_worker_leave(w[0]);
	esp_worker_leave(w[2]);
	esp_free(e);
}
END_TEST

/* ---- Groups ---- */

static uint32_t slot_of(struct esp *e, uint32_t worker)
{
	struct esp_worker *w = esp_worker_get(e, worker);
	struct pkt pkt = pair_packet(buf, ADDR_V4, 100);

	esp_worker_enter(w);
	esp_encap(w, &pkt, 1);
	esp_worker_leave(w);
	return pkt.verdict == ESP_V_OK ? pkt.slot : UINT32_MAX;
}

/* Each worker sends by its own SA of the group, and by the common one without it. */
START_TEST(a_worker_has_its_own)
{
	struct esp_params params = {.slots = 8, .workers = 4};
	struct esp *e = esp_new(&params);
	uint32_t common = add_out(e, 0x1000, 0, false), group[3];
	struct esp_policy policies[2] = {
	    {.slot = common, .local = ts_any(ADDR_V6), .remote = ts_any(ADDR_V6)},
	    {.slot = common,
		.local = ts_any(ADDR_V4),
		.remote = ts_any(ADDR_V4),
		.group = group,
		.group_n = 3}};

	group[0] = common;
	for (uint32_t i = 1; i < 3; i++)
		group[i] = add_out(e, 0x1000 + i, 0, false);
	ck_assert_int_eq(esp_spd_set(e, policies, 2), ESP_OK);
	uint32_t own = group[2];
	group[1] = group[2] = 7; /* copied */
	ck_assert_uint_eq(slot_of(e, 0), common);
	ck_assert_uint_ne(slot_of(e, 1), slot_of(e, 2));
	ck_assert_uint_eq(slot_of(e, 2), own);
	ck_assert_uint_eq(slot_of(e, 3), common);
	/* Gone, and its slot taken by an SA that the policies do not know. */
	esp_out_del(e, own);
	ck_assert_uint_eq(slot_of(e, 2), common);
	ck_assert_uint_eq(esp_reclaim(e), 0);
	for (uint32_t i = 0; i < 6; i++)
		ck_assert_uint_ne(add_out(e, 0x2000 + i, 0, false), common);
	ck_assert_uint_eq(slot_of(e, 2), common);
	esp_out_del(e, common);
	ck_assert_uint_eq(slot_of(e, 2), UINT32_MAX);
	ck_assert_uint_ne(slot_of(e, 1), UINT32_MAX);
	esp_free(e);
}
END_TEST

/* ---- Statistics ---- */

START_TEST(statistics)
{
	struct pair_options o = {.window = 64, .first_seq = 10};
	uint64_t totals[ESP_VERDICTS];
	struct esp_stats st;
	struct pair p;
	struct pkt pkt;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(send_one(&p, &pkt), ESP_V_OK);
		buf[pkt.off + pkt.len - 1] ^= i == 2;
		ck_assert_int_eq(pair_decap(&p, &pkt), i == 2 ? ESP_V_AUTH : ESP_V_OK);
	}
	ck_assert(esp_out_stats(p.left, p.slot, &st));
	ck_assert_uint_eq(st.packets, 5);
	ck_assert_uint_eq(st.bytes, 500);
	ck_assert_uint_eq(st.seq, 15);
	ck_assert(esp_in_stats(p.right, p.spi, &st));
	ck_assert_uint_eq(st.packets, 4);
	ck_assert_uint_eq(st.bytes, 400);
	ck_assert_uint_eq(st.seq, 15);
	ck_assert_uint_eq(st.drops[ESP_V_AUTH], 1);
	esp_totals(p.right, totals);
	ck_assert_uint_eq(totals[ESP_V_OK], 4);
	ck_assert_uint_eq(totals[ESP_V_AUTH], 1);
	esp_in_del(p.right, p.spi);
	ck_assert(!esp_in_stats(p.right, p.spi, &st));
	pair_fini(&p);
}
END_TEST

/* ---- Ends of lives ---- */

static void encap_batch(struct pair *p, uint8_t bufs[BATCH][SMALL], struct pkt pkts[BATCH])
{
	for (size_t i = 0; i < BATCH; i++) {
		pair_inner(bufs[i] + PKT_HEADROOM, ADDR_V4, 100);
		pkts[i] =
		    (struct pkt){.base = bufs[i], .cap = SMALL, .off = PKT_HEADROOM, .len = 100};
	}
	esp_worker_enter(p->lw);
	esp_encap(p->lw, pkts, BATCH);
	esp_worker_leave(p->lw);
}

static void expect(struct esp *e, enum esp_expiry_kind kind, bool inbound, uint32_t id)
{
	struct esp_expiry x;

	ck_assert(esp_next_expiry(e, &x));
	ck_assert_int_eq(x.kind, kind);
	ck_assert_int_eq(x.inbound, inbound);
	ck_assert_uint_eq(x.id, id);
}

/* 0: without, 1: with ESN. A limit that is not reached is never reported, batch after batch. */
START_TEST(numbers_end)
{
	static uint8_t bufs[BATCH][SMALL];
	struct pkt pkts[BATCH];
	uint64_t last = _i ? UINT64_MAX : UINT32_MAX;
	struct pair_options o = {.esn = _i,
	    .window = 64,
	    .first_seq = last - 10,
	    .out_life = {.soft_packets = 1000, .hard_packets = 2000}};
	struct esp_expiry x;
	struct esp_stats st;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned round = 0; round < 50; round++) {
		encap_batch(&p, bufs, pkts);
		for (size_t i = 0; i < BATCH; i++) {
			bool fits = round == 0 && i < 10;
			ck_assert_int_eq(pkts[i].verdict, fits ? ESP_V_OK : ESP_V_SEQ_EXHAUSTED);
			if (fits)
				ck_assert_uint_eq(
				    be32_load(bufs[i] + pkts[i].off + 4), (uint32_t)(last - 9 + i));
		}
		if (round == 0) {
			expect(p.left, ESP_EXPIRY_SOFT, false, p.slot); /* of the numbers */
			expect(p.left, ESP_EXPIRY_HARD, false, p.slot);
		}
		ck_assert(!esp_next_expiry(p.left, &x));
	}
	ck_assert(esp_out_stats(p.left, p.slot, &st));
	ck_assert_uint_eq(st.packets, 10);
	ck_assert_uint_eq(st.seq, last);
	pair_fini(&p);
}
END_TEST

/* An SA that stopped by its numbers tells no soft limit that its packets never reached. */
START_TEST(a_stopped_sa_is_not_due)
{
	static uint8_t bufs[BATCH][SMALL];
	struct pkt pkts[BATCH];
	struct pair_options o = {.first_seq = UINT32_MAX, .out_life = {.soft_packets = 40}};
	struct esp_expiry x;
	struct pair p;
	struct pkt pkt;

	pair_init(&p, &o);
	ck_assert_int_eq(send_one(&p, &pkt), ESP_V_SEQ_EXHAUSTED);
	expect(p.left, ESP_EXPIRY_HARD, false, p.slot);
	encap_batch(&p, bufs, pkts);
	ck_assert_int_eq(pkts[BATCH - 1].verdict, ESP_V_SEQ_EXHAUSTED);
	ck_assert(!esp_next_expiry(p.left, &x));
	pair_fini(&p);
}
END_TEST

/* Both limits within one batch: soft is told before hard. */
START_TEST(both_limits_in_a_batch)
{
	static uint8_t bufs[BATCH][SMALL];
	struct pkt pkts[BATCH];
	struct pair_options o = {.out_life = {.soft_bytes = 1000, .hard_bytes = 2050}};
	struct esp_expiry x;
	struct pair p;

	pair_init(&p, &o);
	encap_batch(&p, bufs, pkts);
	for (size_t i = 0; i < BATCH; i++)
		ck_assert_int_eq(pkts[i].verdict, i < 20 ? ESP_V_OK : ESP_V_EXPIRED);
	expect(p.left, ESP_EXPIRY_SOFT, false, p.slot);
	expect(p.left, ESP_EXPIRY_HARD, false, p.slot);
	ck_assert(!esp_next_expiry(p.left, &x));
	pair_fini(&p);
}
END_TEST

START_TEST(inbound_bytes)
{
	struct pair_options o = {.window = 64, .in_life = {.soft_bytes = 200, .hard_bytes = 350}};
	struct esp_expiry x;
	struct pair p;
	struct pkt pkt;

	pair_init(&p, &o);
	for (unsigned i = 1; i <= 6; i++) {
		ck_assert_int_eq(send_one(&p, &pkt), ESP_V_OK);
		ck_assert_int_eq(pair_decap(&p, &pkt), i <= 3 ? ESP_V_OK : ESP_V_EXPIRED);
		ck_assert_int_eq(esp_worker_attention(p.rw), i == 2 || i == 4);
		if (i == 2 || i == 4)
			expect(p.right, i == 2 ? ESP_EXPIRY_SOFT : ESP_EXPIRY_HARD, true, p.spi);
		ck_assert(!esp_next_expiry(p.right, &x));
	}
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_sad");
	TCase *t = tcase_create("sad");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, outbound_slots);
	tcase_add_test(t, replaced_sa);
	tcase_add_test(t, refused_policies);
	tcase_add_test(t, paths);
	tcase_add_test(t, several_workers);
	tcase_add_test(t, a_worker_has_its_own);
	tcase_add_test(t, statistics);
	tcase_add_loop_test(t, numbers_end, 0, 2);
	tcase_add_test(t, a_stopped_sa_is_not_due);
	tcase_add_test(t, both_limits_in_a_batch);
	tcase_add_test(t, inbound_bytes);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * The life of SAs: SPIs and slots, lifetimes, the last sequence number, reclamation, and all of it
 * beside a running worker.
 */
#include "test/unit/esp_pair.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

static uint8_t buf[PAIR_BUF];

/* ---- SPIs ---- */

START_TEST(spis)
{
	struct esp_params params = {.slots = 64, .workers = 1};
	struct esp *e = esp_new(&params);
	uint32_t spi[64];
	bool slot[64] = {false};

	for (size_t i = 0; i < 64; i++) {
		spi[i] = esp_spi_get(e);
		ck_assert_uint_ge(spi[i], 256);
		ck_assert(!slot[spi[i] & 63]);
		slot[spi[i] & 63] = true;
	}
	ck_assert_uint_eq(esp_spi_get(e), 0);
	esp_spi_put(e, spi[7]);
	esp_spi_put(e, spi[7]); /* twice: no effect */
	uint32_t again = esp_spi_get(e);
	ck_assert_uint_eq(again & 63, spi[7] & 63);
	ck_assert_uint_eq(esp_spi_get(e), 0);
	esp_free(e);
}
END_TEST

START_TEST(bad_parameters)
{
	static const struct esp_params bad[] = {{.slots = 0, .workers = 1},
	    {.slots = 63, .workers = 1}, {.slots = 1u << 21, .workers = 1},
	    {.slots = 64, .workers = 0}, {.slots = 64, .workers = 65}};
	struct esp_params good = {.slots = 64, .workers = 1};
	struct ts_list any = {.n = 1, .v = {ts_any(ADDR_V4)}};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_ptr_null(esp_new(&bad[i]));
	struct esp *e = esp_new(&good);
	struct esp_in_params in = {
	    .spi = 0x12345, .keys = pair_keys(0, false), .local_ts = &any, .remote_ts = &any};
	ck_assert_int_eq(esp_in_add(e, &in), ESP_EINVAL); /* not reserved */
	in.spi = esp_spi_get(e);
	in.replay_window = 32769;
	ck_assert_int_eq(esp_in_add(e, &in), ESP_EINVAL);
	in.replay_window = 32768;
	in.keys.encr_key.n--;
	ck_assert_int_eq(esp_in_add(e, &in), ESP_EINVAL);
	in.keys.encr_key.n++;
	ck_assert_int_eq(esp_in_add(e, &in), ESP_OK);
	ck_assert_int_eq(esp_in_add(e, &in), ESP_EINVAL); /* twice */
	struct esp_out_params out = {.spi = 255, .keys = pair_keys(0, false)};
	uint32_t slot;
	ck_assert_int_eq(esp_out_add(e, &out, &slot), ESP_EINVAL);
	struct esp_path path = {0};
	ck_assert_int_eq(esp_out_set_path(e, 5, &path), ESP_ENOENT);
	esp_out_del(e, 5);
	esp_in_del(e, 0x777);
	esp_free(e);
}
END_TEST

/* ---- Lifetimes ---- */

static void expect_expiry(struct esp *e, enum esp_expiry_kind kind, bool inbound)
{
	struct esp_expiry x;

	ck_assert(esp_next_expiry(e, &x));
	ck_assert_int_eq(x.kind, kind);
	ck_assert_int_eq(x.inbound, inbound);
	ck_assert(!esp_next_expiry(e, &x));
}

static enum esp_verdict send_one(struct pair *p)
{
	struct pkt pkt = pair_packet(buf, ADDR_V4, 100);

	return pair_encap(p, &pkt);
}

/* 0: by packets, 1: by bytes; outbound. */
START_TEST(outbound_lifetime)
{
	struct pair_options o = {.out_life = _i ? (struct esp_lifetime){300, 500, 0, 0}
						: (struct esp_lifetime){0, 0, 3, 5}};
	struct esp_expiry x;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 1; i <= 5; i++) {
		ck_assert_int_eq(send_one(&p), ESP_V_OK);
		ck_assert_int_eq(esp_worker_attention(p.lw), i == 3);
		if (i == 3)
			expect_expiry(p.left, ESP_EXPIRY_SOFT, false);
		else
			ck_assert(!esp_next_expiry(p.left, &x));
	}
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(send_one(&p), ESP_V_EXPIRED);
	ck_assert(esp_worker_attention(p.lw));
	expect_expiry(p.left, ESP_EXPIRY_HARD, false);
	pair_fini(&p);
}
END_TEST

/* What has no room is not sent, and so does not age the SA. */
START_TEST(no_room_costs_nothing)
{
	struct pair_options o = {.out_life = {0, 0, 3, 5}};
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 8; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
		pkt.cap = pkt.off + pkt.len;
		pkt.flags = i % 2 ? PKT_TIGHT : 0;
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_NO_ROOM);
	}
	ck_assert(!esp_worker_attention(p.lw));
	for (unsigned i = 1; i <= 6; i++)
		ck_assert_int_eq(send_one(&p), i <= 5 ? ESP_V_OK : ESP_V_EXPIRED);
	uint64_t totals[ESP_VERDICTS];
	esp_totals(p.left, totals);
	ck_assert_uint_eq(totals[ESP_V_NO_ROOM], 4); /* the others come again */
	pair_fini(&p);
}
END_TEST

START_TEST(inbound_lifetime)
{
	struct pair_options o = {.in_life = {0, 0, 1, 2}, .window = 64};
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 1; i <= 4; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		ck_assert_int_eq(pair_decap(&p, &pkt), i <= 2 ? ESP_V_OK : ESP_V_EXPIRED);
		if (i == 1)
			expect_expiry(p.right, ESP_EXPIRY_SOFT, true);
	}
	expect_expiry(p.right, ESP_EXPIRY_HARD, true);
	pair_fini(&p);
}
END_TEST

/* The last number is sent, and no other after it: RFC 4303 section 3.3.3. */
START_TEST(last_number)
{
	uint64_t last = _i ? UINT64_MAX : UINT32_MAX;
	struct pair_options o = {.esn = _i, .window = 64, .first_seq = last - 3};
	static uint8_t bufs[8][2048];
	struct pkt pkts[8];
	struct esp_expiry x;
	struct pair p;

	pair_init(&p, &o);
	for (size_t i = 0; i < 8; i++) {
		pair_inner(bufs[i] + PKT_HEADROOM, ADDR_V4, 100);
		pkts[i] = (struct pkt){
		    .base = bufs[i], .cap = sizeof bufs[i], .off = PKT_HEADROOM, .len = 100};
	}
	esp_worker_enter(p.lw);
	esp_encap(p.lw, pkts, 8);
	esp_worker_leave(p.lw);
	for (size_t i = 0; i < 8; i++) {
		ck_assert_int_eq(pkts[i].verdict, i < 3 ? ESP_V_OK : ESP_V_SEQ_EXHAUSTED);
		if (i < 3) {
			ck_assert_uint_eq(
			    be32_load(bufs[i] + pkts[i].off + 4), (uint32_t)(last - 2 + i));
			ck_assert_int_eq(pair_decap(&p, &pkts[i]), ESP_V_OK);
		}
	}
	ck_assert(esp_next_expiry(p.left, &x));
	ck_assert_int_eq(x.kind, ESP_EXPIRY_SOFT);
	expect_expiry(p.left, ESP_EXPIRY_HARD, false);
	ck_assert_int_eq(send_one(&p), ESP_V_SEQ_EXHAUSTED);
	pair_fini(&p);
}
END_TEST

/* New keys are asked for while there is time: when a sixteenth of the numbers is left. */
START_TEST(numbers_run_low)
{
	uint64_t last = _i ? UINT64_MAX : UINT32_MAX;
	struct pair_options o = {.esn = _i, .window = 64, .first_seq = last - last / 16 - 1};
	struct esp_expiry x;
	struct pair p;

	pair_init(&p, &o);
	ck_assert_int_eq(send_one(&p), ESP_V_OK);
	ck_assert(!esp_next_expiry(p.left, &x));
	ck_assert_int_eq(send_one(&p), ESP_V_OK);
	expect_expiry(p.left, ESP_EXPIRY_SOFT, false);
	ck_assert_int_eq(send_one(&p), ESP_V_OK);
	ck_assert(!esp_next_expiry(p.left, &x));
	pair_fini(&p);
}
END_TEST

/* With ESN the number goes on over 2^32, and the receiver follows. */
START_TEST(crossing)
{
	struct pair_options o = {.esn = true, .window = 64, .first_seq = UINT32_MAX - 100};
	struct esp_stats st;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 200; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		if (i % 3)
			ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
	}
	ck_assert(esp_in_stats(p.right, p.spi, &st));
	ck_assert_uint_gt(st.seq, UINT32_MAX);
	pair_fini(&p);
}
END_TEST

/* ---- Reclamation ---- */

START_TEST(a_worker_inside_keeps_what_it_may_see)
{
	struct pair_options o = {.window = 64};
	struct pair p;

	pair_init(&p, &o);
	esp_worker_enter(p.lw);
	esp_out_del(p.left, p.slot);
	esp_spd_set(p.left, NULL, 0);
	ck_assert_uint_eq(esp_reclaim(p.left), 2);
	esp_worker_leave(p.lw);
	esp_worker_enter(p.lw); /* a later batch cannot have seen it */
	ck_assert_uint_eq(esp_reclaim(p.left), 0);
	esp_worker_leave(p.lw);
	ck_assert_uint_eq(esp_reclaim(p.left), 0);
	pair_fini(&p);
}
END_TEST

/* ---- Beside a running worker ---- */

struct runner {
	struct pair *p;
	_Atomic bool stop;
	uint64_t passed, dropped;
};

static void *run_worker(void *arg)
{
	struct runner *r = arg;
	static uint8_t mine[PAIR_BUF];

	while (!atomic_load(&r->stop)) {
		struct pkt pkt = pair_packet(mine, ADDR_V4, 200);
		esp_worker_enter(r->p->lw);
		esp_encap(r->p->lw, &pkt, 1);
		bool out = pkt.verdict == ESP_V_OK;
		if (out && !esp_pkt_path(r->p->lw, &pkt))
			out = false; /* removed in between */
		esp_worker_leave(r->p->lw);
		if (out && pair_decap(r->p, &pkt) == ESP_V_OK)
			r->passed++;
		else
			r->dropped++;
	}
	return NULL;
}

static void change_sas(struct pair *p, unsigned round)
{
	struct ts_list far = {.n = 1}, near = {.n = 1};
	struct esp_path path = {.remote.port = (uint16_t)round};
	uint32_t old_spi = p->spi, old_slot = p->slot;

	ck_assert(ts_parse(&far.v[0], "10.2.0.0/16") && ts_parse(&near.v[0], "10.1.0.0/16"));
	struct esp_in_params in = {.spi = esp_spi_get(p->right),
	    .keys = pair_keys(round % 5, true),
	    .replay_window = 1024,
	    .local_ts = &far,
	    .remote_ts = &near};
	ck_assert_int_eq(esp_in_add(p->right, &in), ESP_OK);
	struct esp_out_params out = {.spi = in.spi, .keys = pair_keys(round % 5, true)};
	enum esp_err err;
	/* A slot rests until the worker, which may be asleep in the middle of a batch, has passed.
	 */
	while ((err = esp_out_add(p->left, &out, &p->slot)) == ESP_EFULL) {
		sched_yield();
		esp_reclaim(p->left);
	}
	ck_assert_int_eq(err, ESP_OK);
	p->spi = in.spi;
	struct esp_policy policy = {
	    .action = ESP_PROTECT, .slot = p->slot, .local = near.v[0], .remote = far.v[0]};
	ck_assert_int_eq(esp_spd_set(p->left, &policy, 1), ESP_OK);
	ck_assert_int_eq(esp_out_set_path(p->left, p->slot, &path), ESP_OK);
	esp_out_del(p->left, old_slot);
	esp_in_del(p->right, old_spi);
	esp_reclaim(p->left);
	esp_reclaim(p->right);
}

START_TEST(beside_a_worker)
{
	struct pair_options o = {.window = 1024, .esn = true};
	struct runner r = {0};
	struct esp_stats st;
	struct pair p;
	pthread_t thread;

	pair_init(&p, &o);
	r.p = &p;
	ck_assert_int_eq(pthread_create(&thread, NULL, run_worker, &r), 0);
	for (unsigned i = 0; i < 3000; i++) {
		change_sas(&p, i);
		esp_in_stats(p.right, p.spi, &st);
		esp_out_stats(p.left, p.slot, &st);
	}
	atomic_store(&r.stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_gt(r.passed, 0);
	ck_assert_uint_eq(esp_reclaim(p.left), 0);
	ck_assert_uint_eq(esp_reclaim(p.right), 0);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_life");
	TCase *t = tcase_create("life");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, spis);
	tcase_add_test(t, bad_parameters);
	tcase_add_loop_test(t, outbound_lifetime, 0, 2);
	tcase_add_test(t, inbound_lifetime);
	tcase_add_test(t, no_room_costs_nothing);
	tcase_add_loop_test(t, last_number, 0, 2);
	tcase_add_loop_test(t, numbers_run_low, 0, 2);
	tcase_add_test(t, crossing);
	tcase_add_test(t, a_worker_inside_keeps_what_it_may_see);
	tcase_add_test(t, beside_a_worker);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

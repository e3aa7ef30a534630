/*
 * Loss of 2^32 packets and more with extended sequence numbers: RFC 4303 appendix A3.
 */
#include "esp/internal.h"
#include "test/unit/esp_pair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { LEN = 100, AFTER = 1024, TRIES = 16 };

static uint8_t buf[PAIR_BUF];

static enum esp_verdict send_one(struct pair *p)
{
	struct pkt pkt = pair_packet(buf, ADDR_V4, LEN);

	ck_assert_int_eq(pair_encap(p, &pkt), ESP_V_OK);
	return pair_decap(p, &pkt);
}

static void seal(struct pair *p, uint8_t *room, struct pkt *pkt)
{
	*pkt = pair_packet(room, ADDR_V4, LEN);
	ck_assert_int_eq(pair_encap(p, pkt), ESP_V_OK);
}

#define SUBSPACE (UINT64_C(1) << 32)

static const struct {
	uint64_t first, lost;
	bool back;
} losses[] = {
    {1, SUBSPACE, true},
    {5000, SUBSPACE + 5000, true},
    {SUBSPACE - 10, SUBSPACE, true},
    {7 * SUBSPACE + 123, 2 * SUBSPACE + 77, true},
    {1, (TRIES - 1) * SUBSPACE, true},
    {1, TRIES *SUBSPACE, false},
    {UINT64_MAX - 3 * SUBSPACE, 2 * SUBSPACE, true},
};
enum { LOSSES = sizeof losses / sizeof *losses };

START_TEST(comes_back)
{
	static uint8_t early[PAIR_BUF], copy[PAIR_BUF];
	size_t suite = (size_t)_i / 2;

	for (unsigned i = 0; i < LOSSES; i++) {
		struct pair_options o = {.suite = suite,
		    .esn = true,
		    .window = _i % 2 ? 1024 : 0,
		    .first_seq = losses[i].first,
		    .lost = losses[i].lost};
		struct pkt pkt, before;
		struct pair p;
		unsigned lost = 0;

		pair_init(&p, &o);
		seal(&p, early, &before);
		while (lost < 2 * AFTER && send_one(&p) == ESP_V_AUTH) {
			lost++;
		}
		/* The one that is tried comes behind AFTER that are not. */
		ck_assert_uint_eq(lost, losses[i].back ? AFTER : 2 * AFTER);
		if (losses[i].back) {
			for (unsigned k = 0; k < 100; k++) {
				ck_assert_int_eq(send_one(&p), ESP_V_OK);
			}
			seal(&p, buf, &pkt);
			memcpy(copy, buf, sizeof copy);
			struct pkt again = pkt;
			again.base = copy;
			ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
			/* What went before is not let in again, and what was seen neither. */
			if (o.window) {
				ck_assert_int_eq(pair_decap(&p, &again), ESP_V_REPLAY);
				ck_assert_int_ne(pair_decap(&p, &before), ESP_V_OK);
			}
			ck_assert_int_eq(send_one(&p), ESP_V_OK);
		}
		pair_fini(&p);
	}
}
END_TEST

/* Forged packets between good ones: the good ones pass, and a number is never believed for them. */
START_TEST(forged)
{
	struct pair_options o = {.suite = (size_t)_i, .esn = true, .window = 1024};
	struct esp_stats st;
	struct pkt pkt;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 1; i <= 4 * AFTER; i++) {
		seal(&p, buf, &pkt);
		if (i % (AFTER / 2 * 3)) {
			pkt.base[pkt.off + pkt.len - 1] ^= 1;
			ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_AUTH);
		} else {
			ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
			/* One that verifies, and nothing is out of step. */
			ck_assert_uint_eq(esp_sad_in(&p.right->sad, p.spi)->forged, 0);
		}
	}
	ck_assert(esp_in_stats(p.right, p.spi, &st));
	ck_assert_uint_eq(st.seq, 2 * (AFTER / 2 * 3));
	pair_fini(&p);
}
END_TEST

/* A batch that the decision falls in: those before it are lost, those after it are not. */
START_TEST(within_a_batch)
{
	enum { MANY = 64 };
	static uint8_t room[MANY][PAIR_BUF];
	struct pair_options o = {.esn = true, .window = 1024, .lost = SUBSPACE};
	struct pkt pkts[MANY];
	struct pair p;

	pair_init(&p, &o);
	for (unsigned round = 0; round < AFTER / MANY + 2; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			seal(&p, room[i], &pkts[i]);
		}
		esp_worker_enter(p.rw);
		esp_decap(p.rw, pkts, MANY);
		esp_worker_leave(p.rw);
		for (unsigned i = 0; i < MANY; i++) {
			bool late = round * MANY + i >= AFTER;
			ck_assert_int_eq(pkts[i].verdict, late ? ESP_V_OK : ESP_V_AUTH);
		}
	}
	pair_fini(&p);
}
END_TEST

/* Too large to be tried: the next one is; without ESN there is nothing to try. */
START_TEST(which_packet)
{
	struct pair_options o = {.esn = _i == 0, .window = 64, .lost = _i == 0 ? SUBSPACE : 0};
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < AFTER + 5; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, i < AFTER ? 100 : 3000);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		pkt.base[pkt.off + pkt.len - 1] ^= _i == 1;
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_AUTH);
	}
	ck_assert_int_eq(send_one(&p), ESP_V_OK);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_resync");
	TCase *t = tcase_create("resync");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, comes_back, 0, 2 * (int)pair_suites_n);
	tcase_add_loop_test(t, forged, 0, (int)pair_suites_n);
	tcase_add_test(t, within_a_batch);
	tcase_add_loop_test(t, which_packet, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

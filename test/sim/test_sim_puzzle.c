/*
 * Puzzles for IKE_AUTH: RFC 8019 section 7.2. The answer to IKE_SA_INIT gets one on its way.
 */
#include "ike/crypto/puzzle.h"
#include "ike/wire/msg.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { TEN_MINUTES = 600 * 1000 };

static struct scenario duo;
static uint8_t puzzle_bits;
static uint8_t over[IKE_NONCE_MAX + 8]; /* Nr | SPIr */
static size_t over_n;
static unsigned requests, with_ps, fragments;

static bool ask_in_answer(struct sim *s, struct sim_wire *w)
{
	const uint8_t puzzle[11] = {0, 0, 0, 11, 0, 0, 0x40, 0x32, 0, 5, puzzle_bits};
	size_t at = IKE_HDR_LEN;
	uint8_t type;

	(void)s;
	if (w->data[18] != IKE_EXCHANGE_SA_INIT || !(w->data[19] & IKE_FLAG_RESPONSE))
		return true;
	for (type = w->data[16]; w->data[at]; at += be16_load(w->data + at + 2)) {
		if (type == IKE_PLD_NONCE) {
			over_n = be16_load(w->data + at + 2) - 4u;
			memcpy(over, w->data + at + 4, over_n);
		}
		type = w->data[at];
	}
	memcpy(over + over_n, w->data + 8, 8);
	over_n += 8;
	w->data[at] = IKE_PLD_NOTIFY;
	memcpy(w->data + w->n, puzzle, sizeof puzzle);
	w->n += sizeof puzzle;
	be32_store(w->data + 24, (uint32_t)w->n);
	return true;
}

/* IKE_AUTH: the solution stands before SK, or before SKF of the first fragment. */
static bool see_solution(struct sim *s, struct sim_wire *w)
{
	const uint8_t *m = w->data;

	if (m[18] != IKE_EXCHANGE_AUTH || (m[19] & IKE_FLAG_RESPONSE))
		return ask_in_answer(s, w);
	requests++;
	if (m[16] == IKE_PLD_PS) {
		size_t n = be16_load(m + 30);

		with_ps++;
		ck_assert_uint_eq(m[29], 0);
		ck_assert(ike_puzzle_check(NULL, PRF_HMAC_SHA2_256, puzzle_bits,
		    bytes_of(over, over_n), bytes_of(m + 32, n - 4)));
		if (m[28] == IKE_PLD_SKF) {
			fragments++;
			ck_assert_uint_eq(be16_load(m + 28 + n + 4), 1);
		} else {
			ck_assert_uint_eq(m[28], IKE_PLD_SK);
		}
	} else {
		fragments++;
		ck_assert_uint_eq(m[16], IKE_PLD_SKF);
		ck_assert_uint_gt(be16_load(m + 32), 1);
	}
	return true;
}

/* The responder takes the message, whole or in fragments. (It has not asked itself: so what it
 * signed is not what the caller has seen, and the caller goes away.) */
START_TEST(puzzle_for_ike_auth)
{
	struct scenario_side left = {.top = _i ? "fragment_size = 256;" : ""};

	puzzle_bits = 11;
	requests = with_ps = fragments = 0;
	scenario_init(&duo, 41, &left, NULL, NULL);
	duo.sim.tap = see_solution;
	scenario_connect(&duo);
	ck_assert_uint_eq(duo.right->ike_ups, 1);
	ck_assert_uint_eq(with_ps, 1);
	ck_assert_uint_eq(fragments, _i ? requests : 0);
	ck_assert(_i ? requests > 1 : requests == 1);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_fini(&duo);
}
END_TEST

START_TEST(puzzle_for_ike_auth_too_hard)
{
	puzzle_bits = 21;
	scenario_init(&duo, 42, NULL, NULL, NULL);
	duo.sim.tap = ask_in_answer;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, 1000);
	ck_assert_uint_eq(sim_ike_sas(duo.left), 0);
	ck_assert_int_eq(duo.left->down_reason.err, IKE_ELIMIT);
	scenario_expect_words(duo.left->down_reason.text, "21 zero bits");
	scenario_expect_words(duo.left->down_reason.text, "puzzle_difficulty_max");
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_fini(&duo);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_puzzle");
	TCase *t = tcase_create("puzzle");

	tcase_add_loop_test(t, puzzle_for_ike_auth, 0, 2);
	tcase_add_test(t, puzzle_for_ike_auth_too_hard);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * The timer heap against a plain search.
 */
#include "ike/timer.h"
#include "test/unit/ike_test.h"

enum { TIMERS = 200, ROUNDS = 20000 };

static struct ike_timer timers[TIMERS];

static const struct ike_timer *earliest(void)
{
	const struct ike_timer *best = NULL;

	for (size_t i = 0; i < TIMERS; i++) {
		const struct ike_timer *t = &timers[i];

		if (t->at != IKE_NEVER &&
		    (!best || t->at < best->at || (t->at == best->at && t->id < best->id)))
			best = t;
	}
	return best;
}

START_TEST(against_search)
{
	struct ike_timers h = {0};
	uint64_t dice = 42;

	ck_assert(ike_timers_reserve(&h, TIMERS));
	for (uint32_t i = 0; i < TIMERS; i++)
		ike_timer_init(&timers[i], i, &timers[i]);
	ck_assert_ptr_null(ike_timers_first(&h));
	for (unsigned r = 0; r < ROUNDS; r++) {
		struct ike_timer *t;

		dice = dice * 6364136223846793005u + 1442695040888963407u;
		t = &timers[(dice >> 33) % TIMERS];
		ike_timers_set(&h, t, (dice >> 20) % 4 ? (dice >> 40) % 1000 : IKE_NEVER);
		ck_assert_ptr_eq(ike_timers_first(&h), earliest());
	}
	for (uint32_t i = 0; i < TIMERS; i++)
		ike_timers_set(&h, &timers[i], IKE_NEVER);
	ck_assert_ptr_null(ike_timers_first(&h));
	ike_timers_fini(&h);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_timer");

	add_test(s, "against_search", against_search);
	return run_suite(s);
}

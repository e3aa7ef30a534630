/*
 * The guess of the high half of extended sequence numbers at every edge: RFC 4303 section A2.2.
 *
 * The model knows no cases: of all the numbers with the low half given, the one meant is that whose
 * distance from the top is more than minus the size, and less by 2^32 for no other.
 */
#include "esp/replay.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>

static const uint32_t sizes[] = {0, 1, 31, 32, 33, 63, 64, 65, 128, 1000, 1024, 32767, 32768};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static uint64_t model(uint64_t top, uint32_t size, uint32_t low)
{
	uint64_t span = size ? size : UINT64_C(1) << 31;
	uint64_t ahead = (uint32_t)(low - (uint32_t)top);

	if (ahead + span <= UINT64_C(1) << 32) {
		return ahead > UINT64_MAX - top ? 0 : top + ahead;
	}
	uint64_t behind = (UINT64_C(1) << 32) - ahead;
	return behind > top ? 0 : top - behind;
}

static void compare(uint64_t top, uint32_t size, uint32_t low)
{
	struct esp_window w = {.size = size};

	atomic_init(&w.top, top);
	uint64_t got = esp_window_guess(&w, low), want = model(top, size, low);
	if (got != want) {
		ck_abort_msg("size %u, top %llx, low %x: %llx, not %llx", size,
		    (unsigned long long)top, low, (unsigned long long)got,
		    (unsigned long long)want);
	}
}

/* Tops around both ends of a subspace and where the window starts to lie in one; lows around
 * both ends of it and of the window; in the first subspaces, in the middle, and in the last. */
START_TEST(edges)
{
	static const uint64_t highs[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
	uint32_t size = sizes[_i], span = size ? size : 0x80000000u;
	const uint32_t marks[] = {0, span, 0x80000000u};
	enum { MARKS = sizeof marks / sizeof marks[0], AROUND = 3 };

	for (size_t h = 0; h < sizeof highs / sizeof highs[0]; h++) {
		for (size_t m = 0; m < MARKS * (2 * AROUND + 1); m++) {
			uint32_t tl = marks[m % MARKS] + (uint32_t)(m / MARKS) - AROUND;
			uint64_t top = highs[h] << 32 | tl;
			const uint32_t near[] = {0, tl, tl - span, tl + span, 0x80000000u};
			for (size_t n = 0; n < sizeof near / sizeof near[0]; n++) {
				for (uint32_t d = 0; d <= 2 * AROUND; d++)
					compare(top, size, near[n] + d - AROUND);
			}
		}
	}
}
END_TEST

START_TEST(anywhere)
{
	struct rng rng = {(uint64_t)_i + 5};

	for (unsigned i = 0; i < 100000; i++) {
		uint64_t top = (uint64_t)rng_u32(&rng) << 32 | rng_u32(&rng);
		compare(rng_below(&rng, 2) ? top : top >> 32, sizes[_i], rng_u32(&rng));
	}
}
END_TEST

/* Every number of a sender comes through where a subspace ends, each once. */
START_TEST(every_number_over_the_edge)
{
	uint64_t edge = UINT64_C(1) << 32;
	uint32_t size = sizes[_i];
	struct esp_window w;

	ck_assert(esp_window_init(&w, size, edge - 70000));
	for (uint64_t seq = edge - 69999; seq < edge + 70000; seq++) {
		uint64_t guess = esp_window_guess(&w, (uint32_t)seq);
		if (guess != seq || esp_window_commit(&w, guess) != ESP_REPLAY_NEW)
			ck_abort_msg("a number was lost");
		enum esp_replay again = esp_window_commit(&w, esp_window_guess(&w, (uint32_t)seq));
		if (again != (size ? ESP_REPLAY_SEEN : ESP_REPLAY_NEW))
			ck_abort_msg("a number came twice");
	}
	esp_window_fini(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_guess");
	TCase *t = tcase_create("guess");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, edges, 0, SIZES);
	tcase_add_loop_test(t, anywhere, 0, SIZES);
	tcase_add_loop_test(t, every_number_over_the_edge, 0, SIZES);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

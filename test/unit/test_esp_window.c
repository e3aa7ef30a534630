/*
 * The anti-replay window: numbered cases, then a naive model (RFC 4303 sections 3.4.3 and A2).
 */
#include "esp/replay.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* In long loops: the framework's own checks cost a system call each. */
#define ENSURE(what)                                           \
	do {                                                   \
		if (!(what))                                   \
			ck_abort_msg("step %u: %s", i, #what); \
	} while (0)

static uint64_t rng_next(struct rng *r)
{
	uint64_t high = rng_u32(r);

	return high << 32 | rng_u32(r);
}

/* ---- Numbered cases: size, what was seen, then what a number is ---- */

enum { N = ESP_REPLAY_NEW, S = ESP_REPLAY_SEEN, O = ESP_REPLAY_OLD };

static const struct {
	uint32_t size;
	uint64_t seen[4];
	uint64_t seq;
	int want;
} cases[] = {
    /*  0 */ {64, {0}, 0, O},
    /*  1 */ {64, {0}, 1, N},
    /*  2 */ {64, {1}, 1, S},
    /*  3 */ {64, {64}, 1, N},
    /*  4 */ {64, {65}, 1, O},
    /*  5 */ {64, {65}, 2, N},
    /*  6 */ {64, {65, 2}, 2, S},
    /*  7 */ {1, {5}, 5, S},
    /*  8 */ {1, {5}, 4, O},
    /*  9 */ {1, {5}, 6, N},
    /* 10 */ {33, {100, 68}, 68, S},
    /* 11 */ {33, {100}, 68, N},
    /* 12 */ {33, {100}, 67, O},
    /* 13 */ {64, {1, 1000000}, 999937, N},
    /* 14 */ {64, {1, 1000000}, 999936, O},
    /* 15 */ {64, {63, 64, 127}, 64, S},
    /* 16 */ {64, {63, 64, 127}, 65, N},
    /* 17 */ {128, {1, 129}, 1, O},
    /* 18 */ {128, {2, 129}, 2, S},
    /* 19 */ {32768, {1, 32768}, 1, S},
    /* 20 */ {32768, {1, 32769}, 1, O},
    /* 21 */ {0, {5}, 5, N},
    /* 22 */ {0, {5}, 0, O},
    /* 23 */ {64, {0xffffffff}, 0xffffffff, S},
    /* 24 */ {64, {0xffffffff}, 0x100000000, N},
    /* 25 */ {64, {0x100000005}, 0xffffffff, N},
    /* 26 */ {64, {0x100000005, 0xffffffff}, 0xffffffff, S},
    /* 27 */ {64, {UINT64_MAX}, UINT64_MAX, S},
    /* 28 */ {64, {UINT64_MAX}, UINT64_MAX - 63, N},
    /* 29 */ {64, {UINT64_MAX}, UINT64_MAX - 64, O},
};

START_TEST(numbered)
{
	struct esp_window w;

	ck_assert(esp_window_init(&w, cases[_i].size, 0));
	for (size_t i = 0; i < 4 && cases[_i].seen[i]; i++)
		ck_assert_int_eq(esp_window_commit(&w, cases[_i].seen[i]), ESP_REPLAY_NEW);
	ck_assert_int_eq(esp_window_check(&w, cases[_i].seq), cases[_i].want);
	ck_assert_int_eq(esp_window_commit(&w, cases[_i].seq), cases[_i].want);
	esp_window_fini(&w);
}
END_TEST

/* ---- The guess of the high half, RFC 4303 section A2.2 ---- */

#define HI(h, l) ((uint64_t)(h) << 32 | (l))
static const struct {
	uint32_t size;
	uint64_t top;
	uint32_t low;
	uint64_t want; /* 0: none */
} guesses[] = {
    /*  0: case A, inside */ {64, HI(3, 1000), 990, HI(3, 990)},
    /*  1: ahead */ {64, HI(3, 1000), 0xfffffff0, HI(3, 0xfffffff0)},
    /*  2: left of the window: the next subspace */ {64, HI(3, 1000), 900, HI(4, 900)},
    /*  3: bottom */ {64, HI(3, 1000), 937, HI(3, 937)},
    /*  4: one below */ {64, HI(3, 1000), 936, HI(4, 936)},
    /*  5: case B, the subspace before */ {64, HI(3, 10), 0xfffffff0, HI(2, 0xfffffff0)},
    /*  6: case B, this one */ {64, HI(3, 10), 5, HI(3, 5)},
    /*  7: case B, ahead */ {64, HI(3, 10), 4000, HI(3, 4000)},
    /*  8: case B, just outside */ {64, HI(3, 10), 0xffffffca, HI(3, 0xffffffca)},
    /*  9: case B, the bottom */ {64, HI(3, 10), 0xffffffcb, HI(2, 0xffffffcb)},
    /* 10: before the first */ {64, HI(0, 10), 0xfffffff0, 0},
    /* 11: the first */ {64, 0, 1, 1},
    /* 12: crossing */ {64, HI(0, 0xffffffff), 0, HI(1, 0)},
    /* 13: behind the last */ {64, HI(0xffffffff, 0xffffff00), 5, 0},
    /* 14: the last */ {64, HI(0xffffffff, 0xffffff00), 0xffffffff, UINT64_MAX},
    /* 15: a large window */ {32768, HI(7, 100), 0xffff8065, HI(6, 0xffff8065)},
    /* 16: just outside it */ {32768, HI(7, 100), 0xffff8064, HI(7, 0xffff8064)},
};

START_TEST(guess)
{
	struct esp_window w;

	ck_assert(esp_window_init(&w, guesses[_i].size, guesses[_i].top));
	ck_assert_uint_eq(esp_window_guess(&w, guesses[_i].low), guesses[_i].want);
	esp_window_fini(&w);
}
END_TEST

/* A sender of 64-bit numbers, of which 32 travel, with losses of up to nearly a subspace. */
START_TEST(guess_follows_a_sender)
{
	struct rng rng = {(uint64_t)_i + 1};
	uint32_t size = 1 + (uint32_t)(rng_next(&rng) % ESP_REPLAY_MAX);
	struct esp_window w;
	uint64_t seq = 0;

	ck_assert(esp_window_init(&w, size, 0));
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t jump = rng_next(&rng) % 4
				    ? 1 + rng_next(&rng) % 100
				    : 1 + rng_next(&rng) % (UINT32_MAX - 2 * (uint64_t)size);
		seq += jump;
		ENSURE(esp_window_guess(&w, (uint32_t)seq) == seq);
		ENSURE(esp_window_commit(&w, seq) == ESP_REPLAY_NEW);
		uint64_t back = rng_next(&rng) % size;
		if (back < seq)
			ENSURE(esp_window_guess(&w, (uint32_t)(seq - back)) == seq - back);
	}
	esp_window_fini(&w);
}
END_TEST

/* ---- Against a naive model: a list of what was seen ---- */

enum { MODEL = 1 << 17 };

struct model {
	uint64_t top;
	uint32_t size;
	uint64_t at[MODEL]; /* at[seq % MODEL] is seq if it was seen */
};

static int model_check(const struct model *m, uint64_t seq)
{
	if (seq == 0)
		return ESP_REPLAY_OLD;
	if (m->size == 0 || seq > m->top)
		return ESP_REPLAY_NEW;
	if (m->top - seq >= m->size)
		return ESP_REPLAY_OLD;
	return m->at[seq % MODEL] == seq ? ESP_REPLAY_SEEN : ESP_REPLAY_NEW;
}

static const uint32_t sizes[] = {
    0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 1000, 1024, 32767, 32768};

/* Where walks begin: at the start, before the edges of subspaces, before the last number. */
static const uint64_t starts[] = {
    0, UINT32_MAX - UINT64_C(300), HI(7, UINT32_MAX) - 40000, HI(UINT32_MAX, UINT32_MAX) - 90000};
enum { SIZES = sizeof sizes / sizeof sizes[0], STARTS = sizeof starts / sizeof starts[0] };

START_TEST(against_a_model)
{
	static struct model m;
	struct rng rng = {(uint64_t)_i + 77};
	struct esp_window w;

	memset(&m, 0, sizeof m);
	m.size = sizes[_i % SIZES];
	m.top = starts[_i / SIZES];
	m.at[m.top % MODEL] = m.top; /* taken as seen */
	ck_assert(esp_window_init(&w, m.size, m.top));
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t r = rng_next(&rng), seq;
		uint64_t span = m.size + 70;
		if (m.top > UINT64_MAX - 200000 || (r % 20000 == 0 && m.top >> 63))
			seq = UINT64_MAX - (r >> 20) % span; /* no further up */
		else if (r % 20000 == 0)
			seq = m.top + (r >> 20) % (UINT64_C(1) << 34); /* over subspaces */
		else if (r % 1000 == 0)
			seq = m.top + 1 + (r >> 20) % 100000; /* a long jump */
		else if (r % 3 == 0)
			seq = m.top + 1 + (r >> 20) % 5;
		else
			seq = m.top > (r >> 20) % span ? m.top - (r >> 20) % span : (r >> 20) % 3;
		int want = model_check(&m, seq);
		ENSURE((int)esp_window_check(&w, seq) == want);
		if (r % 7 == 0)
			continue; /* forged: checked and never committed */
		ENSURE((int)esp_window_commit(&w, seq) == want);
		if (want == ESP_REPLAY_NEW) {
			m.at[seq % MODEL] = seq;
			m.top = seq > m.top ? seq : m.top;
		}
		ENSURE(esp_window_top(&w) == m.top);
	}
	esp_window_fini(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_window");
	TCase *t = tcase_create("window");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, numbered, 0, (int)(sizeof cases / sizeof cases[0]));
	tcase_add_loop_test(t, guess, 0, (int)(sizeof guesses / sizeof guesses[0]));
	tcase_add_loop_test(t, guess_follows_a_sender, 0, 10);
	tcase_add_loop_test(t, against_a_model, 0, SIZES * STARTS);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

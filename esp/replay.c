/*
 * The anti-replay window: RFC 4303 sections 3.4.3 and A2, RFC 6479.
 *
 * The ring has a power of two of 64-bit words and at least one more than the window covers, so that
 * moving up clears whole words and shifts nothing.
 */
#include "esp/replay.h"

#include <stdlib.h>

enum { WORD_BITS = 64, WORD_SHIFT = 6 };

/* Without a window ESN still needs to know which way a number is nearer. */
static const uint32_t guess_span = 0x80000000u;

static uint64_t load(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void store(_Atomic uint64_t *p, uint64_t v)
{
	atomic_store_explicit(p, v, memory_order_relaxed);
}

static _Atomic uint64_t *word_of(const struct esp_window *w, uint64_t seq)
{
	return &w->ring[(seq >> WORD_SHIFT) & w->mask];
}

static uint64_t bit_of(uint64_t seq)
{
	return (uint64_t)1 << (seq % WORD_BITS);
}

bool esp_window_init(struct esp_window *w, uint32_t size, uint64_t top)
{
	uint32_t words = 1;

	while (words < (size + WORD_BITS - 1) / WORD_BITS + 1) {
		words *= 2;
	}
	w->size = size;
	w->mask = words - 1;
	w->ring = size ? calloc(words, sizeof *w->ring) : NULL;
	atomic_init(&w->top, top);
	if (size && !w->ring) {
		return false;
	}
	if (size) {
		store(word_of(w, top), bit_of(top));
	}
	return true;
}

void esp_window_fini(struct esp_window *w)
{
	free(w->ring);
	w->ring = NULL;
}

uint64_t esp_window_top(const struct esp_window *w)
{
	return load(&w->top);
}

uint64_t esp_window_guess(const struct esp_window *w, uint32_t low)
{
	uint64_t top = load(&w->top);
	uint32_t span = w->size ? w->size : guess_span;
	uint32_t tl = (uint32_t)top, bl = tl - span + 1; /* mod 2^32, as in A2.3 */
	uint64_t th = top >> 32;

	if (tl >= span - 1) {
		/* Case A: the window lies within one subspace. */
		th += low < bl;
	} else if (low >= bl) {
		/* Case B, and the number is in the subspace before. */
		if (th == 0) {
			return 0;
		}
		th--;
	}
	return th > UINT32_MAX ? 0 : th << 32 | low;
}

enum esp_replay esp_window_check(const struct esp_window *w, uint64_t seq)
{
	uint64_t top = load(&w->top);

	if (seq == 0) {
		return ESP_REPLAY_OLD;
	}
	if (w->size == 0 || seq > top) {
		return ESP_REPLAY_NEW;
	}
	if (top - seq >= w->size) {
		return ESP_REPLAY_OLD;
	}
	return load(word_of(w, seq)) & bit_of(seq) ? ESP_REPLAY_SEEN : ESP_REPLAY_NEW;
}

/* Clears the words between the top and the new one; all of them after a long jump. */
static void move_up(struct esp_window *w, uint64_t top, uint64_t seq)
{
	uint64_t from = top >> WORD_SHIFT, steps = (seq >> WORD_SHIFT) - from;

	if (steps > (uint64_t)w->mask + 1) {
		steps = (uint64_t)w->mask + 1;
	}
	for (uint64_t i = 1; i <= steps; i++) {
		store(&w->ring[(from + i) & w->mask], 0);
	}
}

enum esp_replay esp_window_commit(struct esp_window *w, uint64_t seq)
{
	enum esp_replay is = esp_window_check(w, seq);
	uint64_t top = load(&w->top);

	if (is != ESP_REPLAY_NEW) {
		return is;
	}
	if (w->size) {
		if (seq > top) {
			move_up(w, top, seq);
		}
		_Atomic uint64_t *word = word_of(w, seq);
		store(word, load(word) | bit_of(seq));
	}
	if (seq > top) {
		store(&w->top, seq);
	}
	return ESP_REPLAY_NEW;
}

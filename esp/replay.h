/*
 * The anti-replay window: RFC 4303 sections 3.4.3 and A2, as the ring of RFC 6479. Numbers are 64
 * bits wide always; without ESN the high half is 0.
 *
 * Two phases: check before authentication, commit after it. One thread commits; the fields are
 * atomic so that another thread may read the top, and so that a packet on the wrong thread can cost
 * a duplicate, but no memory.
 */
#ifndef ESP_REPLAY_H
#define ESP_REPLAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESP_REPLAY_MAX = 32768 }; /* packets */

enum esp_replay {
	ESP_REPLAY_NEW,
	ESP_REPLAY_SEEN,
	ESP_REPLAY_OLD, /* left of the window, or no number at all */
};

struct esp_window {
	uint32_t size;          /* packets; 0: every number is new */
	uint32_t mask;          /* words of the ring less 1 */
	_Atomic uint64_t top;   /* the highest number that was authenticated */
	_Atomic uint64_t *ring; /* owned; NULL when size is 0 */
};

/* size 0 to ESP_REPLAY_MAX; `top` counts as seen (0: nothing was). False: no memory. */
bool esp_window_init(struct esp_window *w, uint32_t size, uint64_t top);
void esp_window_fini(struct esp_window *w);

/* The 64-bit number that the low half on the wire stands for (RFC 4303 section A2.2). 0: none, it
 * would be before the first or behind the last. Call it with ESN only. */
uint64_t esp_window_guess(const struct esp_window *w, uint32_t low);

enum esp_replay esp_window_check(const struct esp_window *w, uint64_t seq);
/* Checks again and, if new, marks. */
enum esp_replay esp_window_commit(struct esp_window *w, uint64_t seq);
uint64_t esp_window_top(const struct esp_window *w);

#endif

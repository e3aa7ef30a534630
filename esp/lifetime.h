/*
 * Lifetimes in bytes and packets: RFC 4301 section 4.4.2.1. Time is the owner's matter, who has a
 * clock.
 */
#ifndef ESP_LIFETIME_H
#define ESP_LIFETIME_H

#include "esp/esp.h"

#include <stdatomic.h>

enum esp_due {
	ESP_DUE_SOFT = 1 << ESP_EXPIRY_SOFT,
	ESP_DUE_HARD = 1 << ESP_EXPIRY_HARD,
};

struct esp_life {
	struct esp_lifetime limit;
	bool limited; /* any limit at all */
	/* Written by workers. */
	_Atomic uint64_t bytes, packets; /* charged; only if limited */
	_Atomic uint8_t due;             /* enum esp_due; read by control */
	uint8_t reported;                /* control only */
};

/* How far an SA was when a group of packets was charged to it. */
struct esp_life_mark {
	uint64_t bytes, packets;
};

void esp_life_init(struct esp_life *l, const struct esp_lifetime *limit);

/* Charges a group at once; one atomic addition each. The mark is where its first packet begins. */
struct esp_life_mark esp_life_charge(struct esp_life *l, uint64_t packets, uint64_t bytes);

/* Moves the mark over one packet. Returns what comes due by it; with ESP_DUE_HARD it must not pass.
 */
unsigned esp_life_step(const struct esp_life *l, struct esp_life_mark *at, uint32_t len);

/* Marks events as due; true if one of them was not before. */
bool esp_life_raise(struct esp_life *l, unsigned due);

static inline bool esp_life_over(const struct esp_life *l)
{
	return atomic_load_explicit(&l->due, memory_order_relaxed) & ESP_DUE_HARD;
}

#endif

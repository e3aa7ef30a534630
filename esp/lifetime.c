/*
 * Lifetimes in bytes and packets: RFC 4301 section 4.4.2.1.
 *
 * A packet that would pass a hard limit does not pass, and none after it does. The soft limit comes
 * due with the packet that reaches it.
 */
#include "esp/lifetime.h"

void esp_life_init(struct esp_life *l, const struct esp_lifetime *limit)
{
	*l = (struct esp_life){.limit = *limit};
	l->limited =
	    limit->soft_bytes || limit->hard_bytes || limit->soft_packets || limit->hard_packets;
}

struct esp_life_mark esp_life_charge(struct esp_life *l, uint64_t packets, uint64_t bytes)
{
	return (struct esp_life_mark){
	    .bytes = atomic_fetch_add_explicit(&l->bytes, bytes, memory_order_relaxed),
	    .packets = atomic_fetch_add_explicit(&l->packets, packets, memory_order_relaxed),
	};
}

static bool beyond(uint64_t used, uint64_t limit)
{
	return limit != 0 && used > limit;
}

static bool reached(uint64_t used, uint64_t limit)
{
	return limit != 0 && used >= limit;
}

unsigned esp_life_step(const struct esp_life *l, struct esp_life_mark *at, uint32_t len)
{
	unsigned due = 0;

	at->bytes += len;
	at->packets++;
	if (beyond(at->bytes, l->limit.hard_bytes) || beyond(at->packets, l->limit.hard_packets)) {
		due |= ESP_DUE_HARD;
	}
	if (reached(at->bytes, l->limit.soft_bytes) ||
	    reached(at->packets, l->limit.soft_packets)) {
		due |= ESP_DUE_SOFT;
	}
	return due;
}

bool esp_life_raise(struct esp_life *l, unsigned due)
{
	if ((due & ~(unsigned)atomic_load_explicit(&l->due, memory_order_relaxed)) == 0) {
		return false;
	}
	return due & ~(unsigned)atomic_fetch_or(&l->due, (uint8_t)due);
}

/*
 * Free slots of a table, given out in the order in which they came back: a slot rests as long as
 * possible before it is used again. Control thread.
 */
#ifndef ESP_SLOTS_H
#define ESP_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct esp_slots {
	uint32_t *ring; /* owned */
	uint32_t mask;  /* slots less 1 */
	uint32_t head, free;
};

bool esp_slots_init(struct esp_slots *s, uint32_t n); /* a power of two; false: no memory */
void esp_slots_fini(struct esp_slots *s);
bool esp_slots_take(struct esp_slots *s, uint32_t *slot); /* false: none is free */
void esp_slots_give(struct esp_slots *s, uint32_t slot);

#endif

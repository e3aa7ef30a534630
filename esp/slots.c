/*
 * Free slots of a table.
 */
#include "esp/slots.h"

#include <stdlib.h>

bool esp_slots_init(struct esp_slots *s, uint32_t n)
{
	*s = (struct esp_slots){.ring = calloc(n, sizeof *s->ring), .mask = n - 1};
	if (!s->ring) {
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		esp_slots_give(s, i);
	}
	return true;
}

void esp_slots_fini(struct esp_slots *s)
{
	free(s->ring);
	s->ring = NULL;
}

bool esp_slots_take(struct esp_slots *s, uint32_t *slot)
{
	if (s->free == 0) {
		return false;
	}
	*slot = s->ring[s->head];
	s->head = (s->head + 1) & s->mask;
	s->free--;
	return true;
}

void esp_slots_give(struct esp_slots *s, uint32_t slot)
{
	s->ring[(s->head + s->free) & s->mask] = slot;
	s->free++;
}

/*
 * The table of security associations: an array of atomic pointers each way. An inbound SPI's low
 * bits are its slot, so finding an SA is one load and one compare.
 */
#ifndef ESP_SAD_H
#define ESP_SAD_H

#include "esp/sa.h"
#include "esp/slots.h"

enum {
	ESP_SLOTS_MAX = 1 << 20,
	ESP_SLOT_MASK = ESP_SLOTS_MAX - 1,
	ESP_SPI_MIN = 256, /* 0 to 255 are reserved: RFC 4303 section 2.1 */
};

struct esp_sad {
	/* Written by control, read by workers; owned. */
	_Atomic(struct esp_sa_in *) *in;
	_Atomic(struct esp_sa_out *) *out;
	uint32_t mask; /* slots less 1 */
	/* Control only. */
	uint32_t *reserved; /* the SPI of a slot that is given out, installed or not; 0: free */
	struct esp_slots in_slots, out_slots;
	uint32_t cursor; /* where the search for expiries goes on */
};

bool esp_sad_init(struct esp_sad *s, uint32_t slots); /* false: no memory */
void esp_sad_fini(struct esp_sad *s); /* frees what is installed; no worker is inside */

/* Workers, between enter and leave; NULL: none. */
static inline struct esp_sa_in *esp_sad_in(const struct esp_sad *s, uint32_t spi)
{
	struct esp_sa_in *sa = atomic_load(&s->in[spi & s->mask]);

	return sa && sa->spi == spi ? sa : NULL;
}

static inline struct esp_sa_out *esp_sad_out(const struct esp_sad *s, uint32_t slot)
{
	return atomic_load(&s->out[slot & s->mask]);
}

void esp_sa_in_free(struct esp_sa_in *sa);
void esp_sa_out_free(struct esp_sa_out *sa);

#endif

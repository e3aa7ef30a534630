/*
 * A worker: one thread of the packet path.
 */
#ifndef ESP_WORKER_H
#define ESP_WORKER_H

#include "esp/epoch.h"
#include "esp/esp.h"
#include "esp/sa.h"
#include "esp/spd.h"

#include <stdatomic.h>

enum { ESP_WORKER_RANDOM = 4096 };

struct esp_worker {
	alignas(ESP_CACHE_LINE) struct esp *esp; /* borrowed */
	uint32_t index;
	bool attention;                    /* of this thread alone */
	struct esp_crypto_worker *ciphers; /* borrowed; of this thread alone */
	/* What it sent by each outbound SA, by slot; owned. In a table of the worker's: workers
	 * write no line in common, and an SA takes no line for each worker. */
	struct esp_tally *sent;
	size_t random_left;
	_Atomic uint64_t totals[ESP_VERDICTS]; /* written by this worker, read by control */
	uint8_t random[ESP_WORKER_RANDOM];     /* unused bytes first; wiped as they are used */
};

/* False: no memory. */
bool esp_worker_init(struct esp_worker *w, struct esp *e, uint32_t index);
void esp_worker_fini(struct esp_worker *w);

/* n bytes, at most ESP_IV_MAX, that nobody can foretell. Every 256th call of 16 asks the generator
 * for more; the others only copy. False: the generator failed. */
bool esp_worker_random(struct esp_worker *w, uint8_t *out, size_t n);

/* The SA by which a rule of ESP_PROTECT protects: the worker's own of the group, if it is there
 * still. NULL: none is there. */
struct esp_sa_out *esp_worker_sa(
    const struct esp_worker *w, const struct esp_rule *r, uint32_t *slot);

#endif

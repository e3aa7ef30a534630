/*
 * The whole of a data plane.
 */
#ifndef ESP_INTERNAL_H
#define ESP_INTERNAL_H

#include "esp/sad.h"
#include "esp/spd.h"
#include "esp/worker.h"

struct esp {
	struct esp_sad sad;
	_Atomic(struct esp_spd *) spd; /* written by control, read by workers; owned */
	struct esp_epoch epoch;
	struct esp_provider *provider; /* owned */
	struct esp_worker *workers;    /* owned */
	uint32_t workers_n;
	_Atomic uint32_t transports; /* inbound SAs in transport mode; written by control, read by
					workers */
	/* Control only. */
	uint64_t serial; /* of the last outbound SA */
	uint64_t spd_seed;
};

#endif

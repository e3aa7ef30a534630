/*
 * What stands in an ESP packet that was opened.
 */
#ifndef ESP_INNER_H
#define ESP_INNER_H

#include "esp/sa.h"
#include "esp/worker.h"

/* The last packet that was taken: packets of a flow come in runs. */
struct esp_inner_run {
	const struct esp_sa_in *sa; /* NULL: none */
	const uint8_t *ip;          /* its header, in its buffer */
	struct esp_flow flow;
};

/* `p` is still the ESP packet; its text begins `front` bytes behind p->off, `len` bytes with the
 * trailer. Checks trailer, inner header and selectors, and does to the header what the SA asks for.
 * ESP_V_OK: p is the inner packet, run->flow its flow; else p is as it was. One `run` serves one
 * batch, whose buffers stay as they are. */
enum esp_verdict esp_inner_take(const struct esp_worker *w, const struct esp_sa_in *sa,
    struct pkt *p, uint32_t front, uint32_t len, struct esp_inner_run *run);

#endif

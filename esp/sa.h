/*
 * Security associations: what the packet path reads first, in cache lines of its own.
 */
#ifndef ESP_SA_H
#define ESP_SA_H

#include "esp/crypto/crypto.h"
#include "esp/epoch.h"
#include "esp/flow.h"
#include "esp/lifetime.h"
#include "esp/replay.h"
#include "esp/transport.h"

/* What passed. One writer; control reads it at any time. */
struct esp_tally {
	_Atomic uint64_t packets, bytes;
};

/* More, by the only writer: a load and a store, no locked instruction. */
static inline void esp_count(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, v + n, memory_order_relaxed);
}

/*
 * Inbound. One worker has it: the window, the cipher context and the counters have one writer. The
 * driver steers the packets of an SPI to that worker.
 */
struct esp_sa_in {
	alignas(ESP_CACHE_LINE) uint32_t spi;
	uint32_t slot;
	uint32_t owner; /* the worker's index */
	struct esp_shape shape;
	bool esn;
	bool lenient_padding;
	struct esp_headers headers;
	struct esp_crypto *crypto; /* owned */
	struct esp_sel *sels;      /* owned: the local ones, then the remote ones */
	uint32_t local_n, remote_n;
	struct esp_transport_box *transport; /* owned; NULL in tunnel mode */
	/* Written by the worker that has the SA. */
	alignas(ESP_CACHE_LINE) struct esp_window window;
	struct esp_life life;
	struct esp_tally tally;
	uint32_t forged; /* packets in a row that did not verify */
	_Atomic uint64_t drops[ESP_VERDICTS];
	/* Control only. */
	struct esp_epoch_item item;
};

/* A path as workers see it: never changed, only replaced. */
struct esp_path_box {
	struct esp_path path;
	uint32_t fits; /* as esp_mtu_fits() */
	struct esp_epoch_item item;
};

/* Outbound: any worker may send. */
struct esp_sa_out {
	alignas(ESP_CACHE_LINE) uint32_t spi;
	uint32_t slot;
	uint64_t
	    serial; /* of all SAs there ever were: a policy knows its SA by it, not by the slot */
	struct esp_shape shape;
	bool esn;
	struct esp_headers headers;
	uint32_t tfc_padding;
	struct esp_crypto *crypto;           /* owned; of all workers */
	_Atomic(struct esp_path_box *) path; /* written by control, read by workers; owned */
	/* Written by all workers. */
	alignas(ESP_CACHE_LINE) _Atomic uint64_t seq; /* last number taken */
	struct esp_life life;
	/* By any worker, but seldom. What passed is counted by each worker (esp/worker.h). */
	_Atomic uint64_t drops[ESP_VERDICTS];
	/* Control only. */
	struct esp *esp;
	struct esp_epoch_item item;
};

#endif

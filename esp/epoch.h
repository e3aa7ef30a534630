/*
 * Reclamation by epochs: what the control thread has unlinked is freed when every worker has left
 * the batch in which it might have seen it.
 *
 * A worker publishes the epoch in which it entered a batch, and 0 when it leaves: outside it delays
 * nobody. The control thread unlinks, tags with the epoch, opens the next one, and frees what is
 * older than every epoch published. Publication, unlinking and the loads of what may be unlinked
 * are sequentially consistent: either the worker sees the unlinking, or control sees the worker.
 */
#ifndef ESP_EPOCH_H
#define ESP_EPOCH_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESP_CACHE_LINE = 64 };

struct esp_epoch_cell {
	/* Written by its worker, read by control. */
	alignas(ESP_CACHE_LINE) _Atomic uint64_t in; /* 0: outside */
};

struct esp_epoch_item {
	struct esp_epoch_item *next;
	uint64_t tag;
	void (*free)(struct esp_epoch_item *);
};

struct esp_epoch {
	_Atomic uint64_t now;         /* written by control, read by workers; starts at 1 */
	struct esp_epoch_cell *cells; /* owned */
	uint32_t workers;
	/* Control only. */
	struct esp_epoch_item *first, **end;
	size_t waiting;
};

bool esp_epoch_init(struct esp_epoch *e, uint32_t workers); /* false: no memory */
void esp_epoch_fini(struct esp_epoch *e);                   /* frees all; no worker is inside */

/* Takes an item that no pointer that workers follow leads to any more. */
void esp_epoch_retire(
    struct esp_epoch *e, struct esp_epoch_item *item, void (*free)(struct esp_epoch_item *));
/* Frees what all have passed; returns how many wait. */
size_t esp_epoch_reclaim(struct esp_epoch *e);

/* Worker `i`; no nesting. */
void esp_epoch_enter(struct esp_epoch *e, uint32_t i);
void esp_epoch_leave(struct esp_epoch *e, uint32_t i);

/* The object that holds a retired item. */
#define ESP_EPOCH_OWNER(item, type, member) \
	((type *)(void *)((char *)(item)-offsetof(type, member)))

#endif

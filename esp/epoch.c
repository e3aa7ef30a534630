/*
 * Reclamation by epochs.
 */
#include "esp/epoch.h"

#include <stdlib.h>

bool esp_epoch_init(struct esp_epoch *e, uint32_t workers)
{
	size_t size = workers * sizeof *e->cells;

	e->cells = aligned_alloc(ESP_CACHE_LINE, size);
	if (!e->cells) {
		return false;
	}
	for (uint32_t i = 0; i < workers; i++) {
		atomic_init(&e->cells[i].in, 0);
	}
	atomic_init(&e->now, 1);
	e->workers = workers;
	e->first = NULL;
	e->end = &e->first;
	e->waiting = 0;
	return true;
}

static void free_before(struct esp_epoch *e, uint64_t bound)
{
	while (e->first && e->first->tag < bound) {
		struct esp_epoch_item *item = e->first;
		e->first = item->next;
		if (!e->first) {
			e->end = &e->first;
		}
		e->waiting--;
		item->free(item);
	}
}

void esp_epoch_fini(struct esp_epoch *e)
{
	free_before(e, UINT64_MAX);
	free(e->cells);
	e->cells = NULL;
}

void esp_epoch_retire(
    struct esp_epoch *e, struct esp_epoch_item *item, void (*free)(struct esp_epoch_item *))
{
	item->next = NULL;
	item->free = free;
	item->tag = atomic_fetch_add(&e->now, 1);
	*e->end = item;
	e->end = &item->next;
	e->waiting++;
}

size_t esp_epoch_reclaim(struct esp_epoch *e)
{
	uint64_t bound = UINT64_MAX;

	if (!e->first) {
		return 0;
	}
	for (uint32_t i = 0; i < e->workers; i++) {
		uint64_t in = atomic_load(&e->cells[i].in);
		if (in != 0 && in < bound) {
			bound = in;
		}
	}
	free_before(e, bound);
	return e->waiting;
}

void esp_epoch_enter(struct esp_epoch *e, uint32_t i)
{
	atomic_store(&e->cells[i].in, atomic_load(&e->now));
}

void esp_epoch_leave(struct esp_epoch *e, uint32_t i)
{
	atomic_store_explicit(&e->cells[i].in, 0, memory_order_release);
}

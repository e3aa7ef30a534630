/*
 * Records lie whole in the buffer: four bytes of length, the record, padding to eight. One that
 * would cross the end is put at the beginning, behind a mark that says so.
 */
#include "daemon/ring.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 8, HEADER = 8 };
#define TO_START UINT32_MAX /* the rest of the buffer is empty */

bool ring_init(struct ring *r, size_t cap)
{
	r->buf = calloc(1, cap);
	r->cap = r->buf ? cap : 0;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	return r->buf != NULL;
}

void ring_fini(struct ring *r)
{
	free(r->buf);
	r->buf = NULL;
	r->cap = 0;
}

static size_t whole(size_t n)
{
	return HEADER + ((n + ALIGN - 1) & ~(size_t)(ALIGN - 1));
}

static void copy(uint8_t *dst, struct bytes b)
{
	if (b.n)
		memcpy(dst, b.p, b.n);
}

bool ring_put(struct ring *r, struct bytes first, struct bytes second)
{
	size_t n = first.n + second.n, need = whole(n);
	size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	size_t at = head & (r->cap - 1), to_end = r->cap - at;
	size_t skip = to_end < need ? to_end : 0;

	if (need > r->cap / 2 || skip + need > r->cap - (head - tail))
		return false;
	if (skip) {
		memcpy(r->buf + at, &(uint32_t){TO_START}, sizeof(uint32_t));
		at = 0;
	}
	memcpy(r->buf + at, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
	copy(r->buf + at + HEADER, first);
	copy(r->buf + at + HEADER + first.n, second);
	atomic_store_explicit(&r->head, head + skip + need, memory_order_release);
	return true;
}

bool ring_peek(struct ring *r, struct bytes *out)
{
	size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	size_t at = tail & (r->cap - 1);
	uint32_t n;

	if (head == tail)
		return false;
	memcpy(&n, r->buf + at, sizeof n);
	if (n == TO_START) {
		/* A record follows: both were published together. */
		atomic_store_explicit(&r->tail, tail + (r->cap - at), memory_order_release);
		at = 0;
		memcpy(&n, r->buf, sizeof n);
	}
	*out = bytes_of(r->buf + at + HEADER, n);
	return true;
}

void ring_pop(struct ring *r)
{
	size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint32_t n;

	memcpy(&n, r->buf + (tail & (r->cap - 1)), sizeof n);
	atomic_store_explicit(&r->tail, tail + whole(n), memory_order_release);
}

/*
 * A bounded ring of records of any size from one thread to one other. No locks, no allocation.
 */
#ifndef DAEMON_RING_H
#define DAEMON_RING_H

#include <stdatomic.h>

#include "base/bytes.h"

struct ring {
	uint8_t *buf; /* owned */
	size_t cap;   /* bytes, a power of two */
	/* Bytes written since the start. Written by the producer, read by the consumer. */
	_Alignas(64) _Atomic size_t head;
	/* Bytes consumed since the start. Written by the consumer, read by the producer. */
	_Alignas(64) _Atomic size_t tail;
};

bool ring_init(struct ring *r, size_t cap); /* a power of two; false: no memory */
void ring_fini(struct ring *r);

/* Producer: appends one record made of two parts. False: no room, nothing was written. A record
 * may take half of the ring at most. */
bool ring_put(struct ring *r, struct bytes first, struct bytes second);

/* Consumer: the oldest record, borrowed until ring_pop. False: none. */
bool ring_peek(struct ring *r, struct bytes *out);
void ring_pop(struct ring *r); /* only after a ring_peek that returned true */

#endif

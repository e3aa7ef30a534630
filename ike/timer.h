/*
 * One timer per IKE SA in a binary heap: the earliest of everything that the SA waits for.
 */
#ifndef IKE_TIMER_H
#define IKE_TIMER_H

#include "ike/ike.h"

struct ike_timer {
	ike_time at; /* IKE_NEVER: not in the heap */
	uint32_t id; /* breaks ties, so that runs repeat */
	size_t pos;  /* in the heap, while at is not IKE_NEVER */
	void *owner;
};

struct ike_timers {
	struct ike_timer **v; /* owned array of borrowed timers */
	size_t n, cap;
};

void ike_timers_fini(struct ike_timers *h);
/* Room for n timers, so that setting one can never fail. False: no memory. */
bool ike_timers_reserve(struct ike_timers *h, size_t n);
void ike_timer_init(struct ike_timer *t, uint32_t id, void *owner);
/* Moves t to `at`; IKE_NEVER takes it out. */
void ike_timers_set(struct ike_timers *h, struct ike_timer *t, ike_time at);
struct ike_timer *ike_timers_first(const struct ike_timers *h); /* NULL: none */

#endif

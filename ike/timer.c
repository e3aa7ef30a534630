/*
 * A binary min-heap of timers, ordered by time and then by the SA's number.
 */
#include "ike/timer.h"

#include <stdlib.h>

static bool before(const struct ike_timer *a, const struct ike_timer *b)
{
	return a->at != b->at ? a->at < b->at : a->id < b->id;
}

static void place(struct ike_timers *h, struct ike_timer *t, size_t pos)
{
	h->v[pos] = t;
	t->pos = pos;
}

static void sift_up(struct ike_timers *h, struct ike_timer *t, size_t pos)
{
	while (pos > 0 && before(t, h->v[(pos - 1) / 2])) {
		place(h, h->v[(pos - 1) / 2], pos);
		pos = (pos - 1) / 2;
	}
	place(h, t, pos);
}

static void sift_down(struct ike_timers *h, struct ike_timer *t, size_t pos)
{
	for (;;) {
		size_t kid = 2 * pos + 1;

		if (kid >= h->n)
			break;
		if (kid + 1 < h->n && before(h->v[kid + 1], h->v[kid]))
			kid++;
		if (!before(h->v[kid], t))
			break;
		place(h, h->v[kid], pos);
		pos = kid;
	}
	place(h, t, pos);
}

static void take_out(struct ike_timers *h, struct ike_timer *t)
{
	size_t pos = t->pos;
	struct ike_timer *last = h->v[--h->n];

	if (last == t)
		return;
	if (pos > 0 && before(last, h->v[(pos - 1) / 2]))
		sift_up(h, last, pos);
	else
		sift_down(h, last, pos);
}

void ike_timer_init(struct ike_timer *t, uint32_t id, void *owner)
{
	*t = (struct ike_timer){.at = IKE_NEVER, .id = id, .owner = owner};
}

void ike_timers_set(struct ike_timers *h, struct ike_timer *t, ike_time at)
{
	if (t->at == at)
		return;
	if (t->at != IKE_NEVER)
		take_out(h, t);
	t->at = at;
	if (at != IKE_NEVER)
		sift_up(h, t, h->n++);
}

struct ike_timer *ike_timers_first(const struct ike_timers *h)
{
	return h->n ? h->v[0] : NULL;
}

bool ike_timers_reserve(struct ike_timers *h, size_t n)
{
	size_t cap = h->cap ? h->cap : 16;
	struct ike_timer **v;

	if (n <= h->cap)
		return true;
	while (cap < n)
		cap *= 2;
	v = realloc(h->v, cap * sizeof(struct ike_timer *));
	if (!v)
		return false;
	h->v = v;
	h->cap = cap;
	return true;
}

void ike_timers_fini(struct ike_timers *h)
{
	free(h->v);
	*h = (struct ike_timers){0};
}

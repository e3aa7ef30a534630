/*
 * Dummy packets: RFC 4303 section 2.6. A child with `tfc_dummies` sends at least so many packets a
 * second: what is missing of them is made up from time to time, so that who watches the wire cannot
 * tell an idle tunnel from one with little traffic. Packets that carry something never wait.
 */
#include "daemon/dummies.h"

#include <sys/random.h>

enum {
	SECOND_MS = 1000,
	BURST = 100, /* at a time: what was missed for long is not made up for */
	LEAST = 40,
	MOST = 1400, /* bytes of a packet; what the path does not carry whole is cut by ESP */
};

/* With TFC padding ESP makes the shortest one as long as the others are; without, any length will
 * do.
 */
static uint32_t length_for(const struct apply_child *c)
{
	uint16_t r = 0;

	if (c->cfg->tfc_padding && !c->mode.no_tfc && !c->mode.transport)
		return LEAST;
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
		return MOST;
	return LEAST + r % (MOST - LEAST + 1);
}

static uint32_t missing(struct apply *a, struct apply_child *c, uint64_t now_ms)
{
	struct esp_stats s;
	uint64_t rate = c->cfg->tfc_dummies, due = (now_ms - c->dummies_at) * rate / SECOND_MS;

	if (due == 0 || !esp_out_stats(a->esp, c->slot_out, &s))
		return 0;
	uint64_t sent = s.packets - c->dummies_seen, wanted = due > sent ? due - sent : 0;
	if (wanted > BURST)
		wanted = BURST;
	c->dummies_at += due * SECOND_MS / rate;
	c->dummies_seen = s.packets + wanted;
	return (uint32_t)wanted;
}

void dummies_tick(struct apply *a, struct worker *const *workers, uint32_t n, uint64_t now_ms)
{
	for (struct apply_child *c = a->first; c; c = c->next) {
		if (c->cfg->tfc_dummies == 0 || c->down || c->behind)
			continue;
		if (c->dummies_at == 0)
			c->dummies_at = now_ms;
		struct worker *w = workers[c->slot_out % n];
		uint32_t wanted = missing(a, c, now_ms);
		for (uint32_t i = 0; i < wanted; i++)
			(void)worker_dummy(w, c->slot_out, length_for(c));
		if (wanted)
			worker_wake(w);
	}
}

bool dummies_wanted(const struct config *c)
{
	for (size_t i = 0; i < c->conns_n; i++)
		for (size_t k = 0; k < c->conns[i].children_n; k++)
			if (c->conns[i].children[k].tfc_dummies)
				return true;
	return false;
}

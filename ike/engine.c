/*
 * The engine's public calls: each sets the time, does its work, and buries the SAs that died of it.
 */
#include "ike/engine.h"

#include <stdlib.h>
#include <string.h>

#include "ike/pool.h"
#include "ike/sa.h"

const struct ike_limits ike_limits_default = {
#define LIMIT(field, value, unit, why) .field = (value),
    IKE_LIMIT_LIST(LIMIT)
#undef LIMIT
};

enum { KEEPALIVE_MS = 20000, NATT_PORT = 4500 };

static uint32_t or_never(uint32_t threshold)
{
	return threshold ? threshold : UINT32_MAX;
}

static struct ike_limits limits_of(const struct config *c)
{
	struct ike_limits l = ike_limits_default;

	l.cookie_threshold = or_never(c->flood.cookie_threshold);
	l.cookie_threshold_ip = or_never(c->flood.cookie_threshold_ip);
	l.puzzle_threshold = or_never(c->flood.puzzle_threshold);
	l.puzzle_threshold_ip = or_never(c->flood.puzzle_threshold_ip);
	l.half_open_per_ip = or_never(c->flood.block_threshold);
	l.half_open = c->flood.init_limit_half_open;
	l.half_open_ms = (uint32_t)c->flood.half_open_timeout_ms;
	l.puzzle_difficulty = c->flood.puzzle_difficulty;
	l.puzzle_difficulty_max = c->flood.puzzle_difficulty_max;
	return l;
}

struct ike_engine *ike_engine_new(const struct ike_params *p)
{
	struct ike_engine *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->p = *p;
	e->limits = p->limits ? *p->limits : limits_of(p->config);
	e->retransmit = p->retransmit ? *p->retransmit : ike_retransmit_default;
	e->p.limits = NULL;
	e->p.retransmit = NULL;
	if (!e->p.keepalive_ms)
		e->p.keepalive_ms = KEEPALIVE_MS;
	if (!e->p.natt_port)
		e->p.natt_port = NATT_PORT;
	e->replies.tokens = e->limits.replies_per_s;
	e->hints.tokens = e->limits.hints_per_s;
	e->waywards.tokens = e->limits.waywards_per_s;
	e->pools = ike_pools_new(p->config, e->limits.leases);
	if (!e->pools) {
		free(e);
		return NULL;
	}
	e->tokens.tokens = e->limits.tokens_shown_per_s;
	e->has_qcd = p->qcd_secret.n == sizeof e->qcd_secret;
	if (e->has_qcd)
		memcpy(e->qcd_secret, p->qcd_secret.p, sizeof e->qcd_secret);
	e->p.qcd_secret = bytes_of(NULL, 0);
	e->held_at = IKE_NEVER;
	return e;
}

void ike_engine_free(struct ike_engine *e)
{
	if (!e)
		return;
	while (e->first)
		ike_sa_free(e->first);
	ike_queues_fini(&e->q);
	ike_timers_fini(&e->timers);
	ike_cookies_fini(&e->cookies);
	ike_pools_free(e->pools);
	ike_tickets_fini(&e->tickets);
	while (e->held) {
		struct ike_held *h = e->held;

		e->held = h->next;
		ike_held_free(h);
	}
	secret_wipe(e, sizeof *e);
	free(e);
}

static void begin(struct ike_engine *e, ike_time now)
{
	ike_queue_return_lent(&e->q);
	if (now > e->now)
		e->now = now; /* a clock that steps back does not take us along */
	ike_resume_expire(e);
	ike_tickets_expire(&e->tickets, e->now);
	e->puzzle_tries = IKE_PUZZLE_SLICE;
}

static void end(struct ike_engine *e)
{
	struct ike_sa *next;

	for (struct ike_sa *sa = e->dead_n ? e->first : NULL; sa && e->dead_n; sa = next) {
		next = sa->next;
		if (sa->dead) {
			ike_sa_free(sa);
			e->dead_n--;
		}
	}
	secret_wipe(e->plain, e->plain_n);
	e->plain_n = 0;
}

enum ike_err ike_engine_input(struct ike_engine *e, ike_time now, const struct ike_datagram *in)
{
	enum ike_err err;

	begin(e, now);
	e->stats.datagrams_in++;
	err = ike_input(e, in);
	end(e);
	return err;
}

enum ike_err ike_engine_command(struct ike_engine *e, ike_time now, const struct ike_command *c)
{
	enum ike_err err;

	begin(e, now);
	err = ike_command(e, c);
	end(e);
	return err;
}

void ike_engine_tick(struct ike_engine *e, ike_time now)
{
	struct ike_timer *t;

	begin(e, now);
	while ((t = ike_timers_first(&e->timers)) != NULL && t->at <= e->now)
		ike_sa_tick(t->owner);
	end(e);
}

ike_time ike_engine_deadline(const struct ike_engine *e)
{
	const struct ike_timer *t = ike_timers_first(&e->timers);
	ike_time at = t ? t->at : IKE_NEVER, tickets = ike_tickets_deadline(&e->tickets);

	if (e->held_at < at)
		at = e->held_at;
	return tickets < at ? tickets : at;
}

bool ike_engine_next_datagram(struct ike_engine *e, struct ike_datagram *out)
{
	return ike_queue_next_datagram(&e->q, out);
}

bool ike_engine_next_event(struct ike_engine *e, struct ike_event *out)
{
	return ike_queue_next_event(&e->q, out);
}

void ike_engine_pools(
    const struct ike_engine *e, void (*fn)(void *arg, const struct ike_pool_info *p), void *arg)
{
	ike_pools_each(e->pools, fn, arg);
}

/* ---- For the other files ---- */

void ike_send(struct ike_engine *e, const struct endpoint *local, const struct endpoint *remote,
    bool marker, struct bytes data)
{
	struct ike_datagram d = {
	    .local = *local, .remote = *remote, .marker = marker, .data = data};

	if (ike_queue_datagram(&e->q, &d))
		e->stats.datagrams_out++;
}

bool ike_bucket_take(struct ike_bucket *b, ike_time now, uint32_t per_second)
{
	if (now - b->since >= 1000) {
		b->since = now;
		b->tokens = per_second;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

bool ike_engine_can(void *arg, struct transform t)
{
	struct ike_engine *e = arg;

	return ike_can(e->p.libctx, t);
}

/*
 * The simulated network: flights ordered by arrival, NAT boxes, loss, duplicates, virtual time.
 */
#include "test/sim/internal.h"

#include <stdlib.h>
#include <string.h>

static unsigned dice(struct sim *s, unsigned sides)
{
	return (unsigned)(sim_rand_next(&s->dice) >> 33) % sides;
}

static struct sim_flight *flight_new(struct sim *s)
{
	sim_must(s->flights_n < SIM_FLIGHTS, "too many datagrams under way");
	struct sim_flight *f = &s->flights[s->flights_n++];
	*f = (struct sim_flight){.order = s->order++};
	return f;
}

static void flight_put(struct sim *s, const struct sim_wire *w)
{
	struct sim_flight *f = flight_new(s);

	f->at =
	    s->now + s->latency_ms + w->late_ms + (s->jitter_ms ? dice(s, s->jitter_ms + 1) : 0);
	f->from = w->from;
	f->to = w->to;
	f->marker = w->marker;
	f->n = w->n;
	f->data = malloc(w->n ? w->n : 1);
	sim_must(f->data != NULL, "no memory");
	memcpy(f->data, w->data, w->n);
}

static void digest_add(struct sim *s, const struct sim_wire *w)
{
	for (size_t i = 0; i < w->n; i++)
		s->digest = (s->digest ^ w->data[i]) * 0x100000001b3u;
}

void sim_send(struct sim_host *h, const struct ike_datagram *d)
{
	struct sim *s = h->sim;
	uint8_t buf[SIM_DATAGRAM];
	struct sim_wire w = {
	    .from = d->local, .to = d->remote, .marker = d->marker, .cap = sizeof buf};

	if (h->gone)
		return;
	sim_must(d->data.n > 0 && d->data.n <= sizeof buf, "a datagram is empty or too big");
	sim_must(addr_equal(&d->local.addr, &h->addr), "a datagram leaves from a foreign address");
	memcpy(buf, d->data.p, d->data.n);
	w.data = buf;
	w.n = d->data.n;
	if (h->outside.family != ADDR_NONE)
		w.from = (struct endpoint){h->outside, (uint16_t)(w.from.port + h->nat_shift)};
	w.number = s->sent++;
	digest_add(s, &w);
	if (w.number < 32 && (s->loss_mask >> w.number & 1))
		return;
	if (s->tap && !s->tap(s, &w))
		return;
	if (s->loss_permille && dice(s, 1000) < s->loss_permille)
		return;
	flight_put(s, &w);
	if (s->dup_permille && dice(s, 1000) < s->dup_permille)
		flight_put(s, &w);
}

void sim_delay_op(struct sim_host *h, struct ike_event *ev)
{
	struct sim_flight *f = flight_new(h->sim);

	f->at = h->sim->now + h->op_delay_ms;
	f->op_of = h;
	f->op = ev->u.op;
	ev->u.op.octets = SECRET_NONE;
}

void sim_forget_ops(struct sim_host *h)
{
	struct sim *s = h->sim;

	for (size_t i = 0; i < s->flights_n;) {
		struct sim_flight *f = &s->flights[i];
		if (f->op_of != h) {
			i++;
			continue;
		}
		secret_fini(&f->op.octets);
		*f = s->flights[--s->flights_n];
	}
}

/* The host that answers at this address, with the port translated back; NULL: none. */
static struct sim_host *host_at(struct sim *s, struct endpoint *to)
{
	for (size_t i = 0; i < s->hosts_n; i++) {
		struct sim_host *h = &s->hosts[i];
		if (h->gone)
			continue; /* another may have its address now */
		if (h->outside.family == ADDR_NONE && addr_equal(&h->addr, &to->addr))
			return h;
		if (h->outside.family != ADDR_NONE && addr_equal(&h->outside, &to->addr)) {
			uint16_t inside = (uint16_t)(to->port - h->nat_shift);
			if (inside != 500 && inside != 4500)
				return NULL; /* no mapping */
			*to = (struct endpoint){h->addr, inside};
			return h;
		}
	}
	return NULL;
}

static void deliver(struct sim *s, struct sim_flight *f)
{
	if (f->op_of) {
		if (f->op_of->engine)
			sim_answer_op(f->op_of, &f->op);
		sim_drain(f->op_of);
		secret_fini(&f->op.octets);
		return;
	}
	struct endpoint to = f->to;
	struct sim_host *h = host_at(s, &to);
	if (h) {
		struct ike_datagram d = {.local = to,
		    .remote = f->from,
		    .marker = f->marker,
		    .data = bytes_of(f->data, f->n)};
		/* A keepalive never reaches an engine: the driver drops it (RFC 3948 section 2.3).
		 */
		if (f->n > 1 || f->data[0] != 0xff)
			ike_engine_input(h->engine, s->now, &d);
		sim_drain(h);
	}
	free(f->data);
}

enum ike_err sim_inject(struct sim_host *to, const struct sim_wire *w)
{
	struct ike_datagram d = {.local = w->to,
	    .remote = w->from,
	    .marker = w->marker,
	    .data = bytes_of(w->data, w->n)};
	enum ike_err e = ike_engine_input(to->engine, to->sim->now, &d);

	sim_drain(to);
	return e;
}

static size_t first_flight(const struct sim *s)
{
	size_t best = 0;

	for (size_t i = 1; i < s->flights_n; i++) {
		const struct sim_flight *a = &s->flights[i], *b = &s->flights[best];
		if (a->at < b->at || (a->at == b->at && a->order < b->order))
			best = i;
	}
	return best;
}

static struct sim_host *first_timer(struct sim *s, ike_time *at)
{
	struct sim_host *best = NULL;

	*at = IKE_NEVER;
	for (size_t i = 0; i < s->hosts_n; i++) {
		ike_time t = ike_engine_deadline(s->hosts[i].engine);
		if (t < *at) {
			*at = t;
			best = &s->hosts[i];
		}
	}
	return best;
}

/* One thing happens, not after `limit`. False: nothing does. */
static bool step(struct sim *s, ike_time limit)
{
	ike_time timer_at;
	struct sim_host *h = first_timer(s, &timer_at);
	size_t i = first_flight(s);
	ike_time flight_at = s->flights_n ? s->flights[i].at : IKE_NEVER;
	ike_time at = flight_at <= timer_at ? flight_at : timer_at;

	if (at == IKE_NEVER || at > limit)
		return false;
	if (at > s->now)
		s->now = at;
	if (flight_at <= timer_at) {
		struct sim_flight f = s->flights[i];
		s->flights[i] = s->flights[--s->flights_n];
		deliver(s, &f);
		return true;
	}
	ike_engine_tick(h->engine, s->now);
	sim_drain(h);
	sim_must(ike_engine_deadline(h->engine) > s->now, "a tick does not move the deadline on");
	return true;
}

void sim_run_to(struct sim *s, ike_time t)
{
	while (step(s, t))
		;
	if (t != IKE_NEVER && s->now < t)
		s->now = t;
}

void sim_run_for(struct sim *s, uint64_t ms)
{
	sim_run_to(s, s->now + ms);
}

void sim_init(struct sim *s, uint64_t seed)
{
	*s = (struct sim){.dice = seed ^ 0x5eed, .now = 1000, .latency_ms = 10};
	sim_rand_init(&s->rand, seed);
	s->flights = calloc(SIM_FLIGHTS, sizeof *s->flights);
	sim_must(s->flights != NULL, "no memory");
}

void sim_fini(struct sim *s)
{
	for (size_t i = 0; i < s->hosts_n; i++) {
		struct sim_host *h = &s->hosts[i];
		ike_engine_free(h->engine);
		h->engine = NULL;
		sim_must(h->spis_held == 0, "an inbound SPI was neither used nor given back");
		for (size_t k = 0; k < SIM_CHILDREN; k++)
			if (h->children[k].up)
				sim_child_clear(&h->children[k]);
		sim_keys_clear(h);
		free(h->spis);
		config_free(h->config);
	}
	for (size_t i = 0; i < s->flights_n; i++) {
		secret_fini(&s->flights[i].op.octets);
		free(s->flights[i].data);
	}
	free(s->flights);
	sim_rand_fini(&s->rand);
}

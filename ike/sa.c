/*
 * IKE SAs: tables, birth, keys, establishment, the ways to end, timers. RFC 7296
 * sections 1.4.1, 2.4, 2.6 (SPIs), 2.14, 2.23.
 */
#include "ike/sa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/auth/auth.h"
#include "ike/nat.h"
#include "ike/reauth.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/solver.h"
#include "ike/task/task.h"
#include "ike/unique.h"
#include "ike/vip.h"

/* ---- Tables ---- */

static size_t bucket(uint64_t spi)
{
	return (size_t)((spi ^ (spi >> 32)) & (IKE_BUCKETS - 1));
}

uint64_t ike_sa_our_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

struct ike_sa *ike_sa_find(struct ike_engine *e, uint64_t our_spi)
{
	struct ike_sa *sa = e->by_spi[bucket(our_spi)];

	while (sa && ike_sa_our_spi(sa) != our_spi)
		sa = sa->spi_next;
	return sa;
}

struct ike_sa *ike_sa_next_by_init(struct ike_engine *e, struct ike_sa *after, uint64_t spi_i)
{
	struct ike_sa *sa = after ? after->init_next : e->by_init[bucket(spi_i)];

	while (sa && sa->spi_i != spi_i)
		sa = sa->init_next;
	return sa;
}

static void spi_add(struct ike_sa *sa)
{
	struct ike_sa **at = &sa->e->by_spi[bucket(ike_sa_our_spi(sa))];

	sa->spi_next = *at;
	*at = sa;
}

static void list_add(struct ike_engine *e, struct ike_sa *sa)
{
	sa->prev = e->last;
	if (e->last)
		e->last->next = sa;
	else
		e->first = sa;
	e->last = sa;
	spi_add(sa);
	e->sas_n++;
}

static void unchain(struct ike_sa **at, struct ike_sa *sa, struct ike_sa **(*link)(struct ike_sa *))
{
	while (*at != sa)
		at = link(*at);
	*at = *link(sa);
}

static struct ike_sa **spi_link(struct ike_sa *sa)
{
	return &sa->spi_next;
}

static struct ike_sa **init_link(struct ike_sa *sa)
{
	return &sa->init_next;
}

static struct ike_sa **wait_link(struct ike_sa *sa)
{
	return &sa->wait_next;
}

void ike_sa_leave_half_open(struct ike_sa *sa)
{
	struct ike_engine *e = sa->e;

	if (!sa->half_open)
		return;
	if (sa->half_prev)
		sa->half_prev->half_next = sa->half_next;
	else
		e->half_open = sa->half_next;
	if (sa->half_next)
		sa->half_next->half_prev = sa->half_prev;
	sa->half_open = false;
	e->stats.half_open--;
}

void ike_sa_enter_half_open(struct ike_sa *sa)
{
	struct ike_engine *e = sa->e;

	sa->init_next = e->by_init[bucket(sa->spi_i)];
	e->by_init[bucket(sa->spi_i)] = sa;
	sa->in_init = true;
	sa->half_prev = NULL;
	sa->half_next = e->half_open;
	if (e->half_open)
		e->half_open->half_prev = sa;
	e->half_open = sa;
	sa->half_open = true;
	e->stats.half_open++;
	sa->expire_at = e->now + e->limits.half_open_ms;
}

void ike_sa_stop_waiting(struct ike_sa *sa)
{
	if (!sa->waiting)
		return;
	unchain(&sa->e->waiting, sa, wait_link);
	sa->waiting = false;
	sa->op_id = 0;
}

static void list_remove(struct ike_sa *sa)
{
	struct ike_engine *e = sa->e;

	if (sa->prev)
		sa->prev->next = sa->next;
	else
		e->first = sa->next;
	if (sa->next)
		sa->next->prev = sa->prev;
	else
		e->last = sa->prev;
	unchain(&e->by_spi[bucket(ike_sa_our_spi(sa))], sa, spi_link);
	if (sa->in_init)
		unchain(&e->by_init[bucket(sa->spi_i)], sa, init_link);
	ike_sa_stop_waiting(sa);
	ike_sa_leave_half_open(sa);
	ike_timers_set(&e->timers, &sa->timer, IKE_NEVER);
	e->sas_n--;
}

/* ---- Birth and death ---- */

static enum ike_err random_spi(struct ike_engine *e, uint64_t *spi)
{
	uint8_t b[8];

	do {
		enum ike_err err = ike_random(e->p.libctx, b, sizeof b);

		if (err)
			return err;
		*spi = be64_load(b);
	} while (*spi == 0 || ike_sa_find(e, *spi));
	return IKE_OK;
}

enum ike_err ike_sa_new(struct ike_sa **out, struct ike_engine *e, bool initiator)
{
	struct ike_sa *sa;
	uint64_t spi;
	enum ike_err err = random_spi(e, &spi);

	*out = NULL;
	if (err)
		return err;
	if (e->sas_n >= e->limits.ike_sas)
		return IKE_ELIMIT;
	sa = calloc(1, sizeof *sa);
	if (!sa)
		return IKE_ENOMEM;
	sa->setup = calloc(1, sizeof *sa->setup);
	sa->down = ike_event_node_new();
	if (!sa->setup || !sa->down || !ike_timers_reserve(&e->timers, e->sas_n + 1)) {
		free(sa->setup);
		ike_event_node_free(sa->down);
		free(sa);
		return IKE_ENOMEM;
	}
	sa->e = e;
	sa->id = ++e->last_ike_id;
	sa->initiator = sa->began = initiator;
	sa->phase = initiator ? IKE_PHASE_INIT_I : IKE_PHASE_INIT_R;
	*(initiator ? &sa->spi_i : &sa->spi_r) = spi;
	sa->expire_at = sa->keepalive_at = sa->stop_at = IKE_NEVER;
	sa->rekey_at = sa->over_at = IKE_NEVER;
	sa->reauth_at = sa->end_at = sa->ousted_at = sa->ticket_at = sa->leave_at = IKE_NEVER;
	sa->created_at = sa->heard_at = e->now;
	sa->tokens.tokens = e->limits.tokens_heard_per_s;
	ike_window_init(&sa->win);
	ike_timer_init(&sa->timer, sa->id, sa);
	list_add(e, sa);
	*out = sa;
	return IKE_OK;
}

void ike_setup_free(struct ike_setup *s)
{
	if (!s)
		return;
	ike_kex_free(s->kex);
	ike_blob_fini(&s->init_req);
	ike_blob_fini(&s->init_resp);
	ike_blob_fini(&s->nr);
	ike_blob_fini(&s->cookie);
	ike_puzzle_free(s->puzzle);
	ike_blob_fini(&s->solution);
	secret_fini(&s->auth);
	secret_fini(&s->computed);
	ike_held_free(s->resumed);
	for (size_t i = 0; i < IKE_PPK_KEYS; i++)
		secret_fini(&s->ppk.others[i]);
	secret_fini(&s->ppk.plain_auth);
	ike_sk_fini(&s->before_seal);
	ike_sk_fini(&s->before_open);
	if (s->held_plain)
		secret_wipe(s->held_plain, s->held_n);
	free(s->held_plain);
	free(s);
}

void ike_sa_free(struct ike_sa *sa)
{
	ike_series_clear(sa);
	ike_heir_unlink(sa);
	list_remove(sa);
	ike_task_abort_all(sa);
	while (sa->children)
		ike_child_free(sa->children);
	ike_setup_free(sa->setup);
	ike_vip_release(sa);
	ike_keymat_fini(&sa->keys);
	secret_fini(&sa->token);
	secret_fini(&sa->ticket);
	ike_sk_fini(&sa->seal);
	ike_sk_fini(&sa->open);
	ike_window_fini(&sa->win);
	ike_blob_fini(&sa->ni);
	ike_blob_fini(&sa->lowest);
	ike_event_node_free(sa->down);
	free(sa->closing);
	free(sa);
}

/* Freed when the call ends: the callers up the stack may still look at it. */
void ike_sa_bury(struct ike_sa *sa)
{
	if (sa->dead)
		return;
	ike_heir_unlink(sa);
	sa->dead = true;
	sa->expire_at = sa->e->now;
	ike_timers_set(&sa->e->timers, &sa->timer, IKE_NEVER);
	sa->e->dead_n++;
}

struct ike_sa_ref ike_sa_ref_of(const struct ike_sa *sa, const struct ike_child *c)
{
	struct ike_sa_ref ref = {.ike_id = sa->id, .tag = sa->tag, .conn = sa->conn};

	if (c) {
		ref.child_id = c->id;
		ref.tag = c->tag;
		ref.child = c->cfg;
	}
	return ref;
}

struct ike_parties ike_sa_parties(const struct ike_sa *sa, const struct config_child *c)
{
	return (struct ike_parties){
	    .local = &sa->local, .remote = &sa->remote, .conn = sa->conn, .child = c};
}

/* ---- Keys: keys.c ---- */

#define SWAP(type, field)             \
	do {                          \
		type kept = a->field; \
		a->field = b->field;  \
		b->field = kept;      \
	} while (0)

void ike_sa_swap_keys(struct ike_sa *a, struct ike_sa *b)
{
	struct ike_engine *e = a->e;

	unchain(&e->by_spi[bucket(ike_sa_our_spi(a))], a, spi_link);
	unchain(&e->by_spi[bucket(ike_sa_our_spi(b))], b, spi_link);
	if (a->in_init) /* repeats of its IKE_SA_INIT are over long ago */
		unchain(&e->by_init[bucket(a->spi_i)], a, init_link);
	a->in_init = false;
	SWAP(bool, initiator);
	SWAP(bool, keyed);
	SWAP(uint64_t, spi_i);
	SWAP(uint64_t, spi_r);
	SWAP(struct suite, suite);
	SWAP(struct ike_keymat, keys);
	SWAP(struct secret, token);
	SWAP(struct ike_ticket_ref, issued);
	SWAP(struct ike_sk, seal);
	SWAP(struct ike_sk, open);
	SWAP(struct ike_window, win);
	spi_add(a);
	spi_add(b);
}

#undef SWAP

/* ---- Up ---- */

enum ike_err ike_sa_establish(struct ike_sa *sa)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_event_node *n = ike_event_full(IKE_EV_IKE_UP, &ref);
	struct ike_path *p;

	if (!n)
		return IKE_ENOMEM;
	ike_sa_leave_half_open(sa);
	sa->phase = IKE_PHASE_UP;
	sa->established = true;
	sa->established_at = sa->heard_at = sa->e->now;
	if (!sa->authenticated_at)
		sa->authenticated_at = sa->e->now;
	sa->expire_at = IKE_NEVER;
	ike_rekey_ike_schedule(sa);
	ike_reauth_schedule(sa);
	if (sa->nat_local)
		sa->keepalive_at = sa->e->now + sa->e->p.keepalive_ms;
	p = &n->full->u.path;
	*p = (struct ike_path){.local = sa->local,
	    .remote = sa->remote,
	    .encap = sa->encap,
	    .keepalive = sa->nat_local};
	ike_queue_event(&sa->e->q, n);
	ike_unique_enforce(sa);
	if (!sa->began)
		ike_reauth_crossed(sa);
	return IKE_OK;
}

/* ---- Down ---- */

bool ike_sa_is_shown(const struct ike_sa *sa)
{
	return !sa->dead && sa->phase <= IKE_PHASE_CLOSING;
}

static void report_down(struct ike_sa *sa, const struct ike_reason *why, bool retry)
{
	struct ike_event_node *n = sa->down;

	if (!n)
		return;
	sa->down = NULL;
	n->kind = IKE_EV_IKE_DOWN;
	n->ref = ike_sa_ref_of(sa, NULL);
	n->err = why->err;
	n->text = strdup(why->text);
	n->u.ike_down.established = sa->established;
	n->u.ike_down.retry = retry;
	ike_queue_event(&sa->e->q, n);
}

void ike_sa_fail(struct ike_sa *sa, const struct ike_reason *why, bool retry, uint64_t linger_ms)
{
	struct ike_reason copy = *why; /* it may live in what is freed here */

	if (sa->phase == IKE_PHASE_GONE)
		return;
	if (sa->replaces)
		ike_reauth_failed(sa, &copy);
	ike_resume_ended(sa, &copy);
	ike_series_clear(sa);
	ike_heir_unlink(sa);
	ike_task_abort_all(sa);
	for (struct ike_child *c = sa->children; c; c = c->next)
		ike_child_report_down(c, &copy);
	while (sa->children)
		ike_child_free(sa->children);
	report_down(sa, &copy, retry);
	ike_vip_release(sa);
	ike_sa_stop_waiting(sa);
	ike_setup_free(sa->setup);
	sa->setup = NULL;
	sa->phase = IKE_PHASE_GONE;
	/* A request of ours that is still out is forgotten, and so is its number. */
	if (sa->win.outstanding)
		ike_window_complete(&sa->win);
	sa->keepalive_at = sa->stop_at = IKE_NEVER;
	sa->expire_at = sa->e->now + linger_ms;
	if (!linger_ms)
		ike_sa_bury(sa);
}

void ike_sa_say_goodbye(struct ike_sa *sa, uint16_t notify)
{
	struct ike_task *t;

	if (sa->dead || !sa->keyed)
		return;
	t = ike_task_new(sa, &ike_task_delete_ike, NULL);
	if (t)
		t->notify = notify;
	sa->expire_at = sa->e->now + IKE_STOP_MS;
}

bool ike_sa_closes_patiently(const struct ike_sa *sa)
{
	return sa->phase == IKE_PHASE_CLOSING && sa->stop_at == IKE_NEVER;
}

void ike_sa_close(struct ike_sa *sa, const struct ike_reason *why)
{
	if (ike_sa_closes_patiently(sa) && why->err != IKE_EREPLACED) {
		*sa->closing = *why;
		sa->stop_at = sa->e->now + IKE_STOP_MS;
	}
	if (sa->phase >= IKE_PHASE_CLOSING)
		return;
	ike_task_abort_queued(sa, NULL);
	sa->closing = malloc(sizeof *sa->closing);
	if (sa->phase != IKE_PHASE_UP || !sa->closing ||
	    !ike_task_new(sa, &ike_task_delete_ike, NULL)) {
		ike_sa_fail(sa, why, false, 0);
		return;
	}
	*sa->closing = *why;
	sa->phase = IKE_PHASE_CLOSING;
	/* Another is in its place, so nobody waits for its end; but a peer that does not hear of it
	 * may go on sending with it. */
	sa->stop_at = why->err == IKE_EREPLACED ? IKE_NEVER : sa->e->now + IKE_STOP_MS;
}

/* ---- The path ---- */

static void adopt_path(struct ike_sa *sa, const struct endpoint *remote)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_event_node *n = ike_event_full(IKE_EV_PATH, &ref);
	char from[ENDPOINT_TEXT], to[ENDPOINT_TEXT];

	if (!n)
		return; /* the next message tries again */
	ike_emit_step(sa->e, &ref, "the peer moved from %s to %s", endpoint_text(&sa->remote, from),
	    endpoint_text(remote, to));
	sa->remote = *remote;
	n->full->u.path = (struct ike_path){.local = sa->local,
	    .remote = sa->remote,
	    .encap = sa->encap,
	    .keepalive = sa->nat_local};
	ike_queue_event(&sa->e->q, n);
}

void ike_sa_moved(struct ike_sa *sa, const struct endpoint *remote)
{
	/* Only a peer behind a NAT moves like this, and a host behind a NAT itself must not follow:
	 * an attacker could lead it away with one packet (section 2.23). */
	if (sa->phase != IKE_PHASE_UP || !sa->nat_remote || sa->nat_local)
		return;
	if (remote->addr.family != ADDR_NONE && !endpoint_equal(remote, &sa->remote))
		adopt_path(sa, remote);
}

void ike_sa_heard(struct ike_sa *sa, const struct ike_datagram *d)
{
	sa->heard_at = sa->e->now;
	if (sa->phase == IKE_PHASE_INIT_R) {
		/* The initiator may float to port 4500 with its first protected message. */
		sa->local = d->local;
		sa->remote = d->remote;
		sa->marker = d->marker;
	} else {
		ike_sa_moved(sa, &d->remote);
	}
}

/* ---- Time ---- */

static void earlier(ike_time *at, ike_time t)
{
	if (t < *at)
		*at = t;
}

static ike_time dpd_at(const struct ike_sa *sa)
{
	if (sa->phase != IKE_PHASE_UP || !sa->conn->dpd_delay_ms || sa->active ||
	    ike_task_pending(sa, &ike_task_dpd, NULL))
		return IKE_NEVER;
	return sa->heard_at + sa->conn->dpd_delay_ms;
}

/* A refusal without proof is believed when nothing better comes: while we solve a puzzle nothing
 * can. */
static bool may_give_up(const struct ike_sa *sa)
{
	return sa->setup && sa->setup->refused && !sa->setup->puzzle;
}

static ike_time deadline(const struct ike_sa *sa)
{
	ike_time at = sa->win.retry_at;

	earlier(&at, sa->expire_at);
	earlier(&at, ike_reasm_deadline(&sa->win.in_request));
	earlier(&at, ike_reasm_deadline(&sa->win.in_response));
	earlier(&at, sa->keepalive_at);
	earlier(&at, sa->stop_at);
	earlier(&at, dpd_at(sa));
	earlier(&at, ike_task_wakes_at(sa));
	earlier(&at, ike_solver_at(sa));
	if (may_give_up(sa))
		earlier(&at, sa->setup->refused_at);
	earlier(&at, ike_series_deadline(sa));
	if (sa->phase != IKE_PHASE_UP)
		return at;
	earlier(&at, sa->rekey_at);
	earlier(&at, sa->over_at);
	earlier(&at, ike_reauth_at(sa));
	earlier(&at, sa->ousted_at);
	earlier(&at, sa->ticket_at);
	for (const struct ike_child *c = sa->children; c; c = c->next) {
		earlier(&at, c->expire_at);
		earlier(&at, c->rekey_at);
	}
	return at;
}

void ike_sa_settle(struct ike_sa *sa)
{
	if (sa->dead)
		return;
	ike_auth_settle(sa);
	if (sa->dead)
		return;
	ike_reauth_settle(sa);
	ike_task_pump(sa);
	if (!sa->dead)
		ike_timers_set(&sa->e->timers, &sa->timer, deadline(sa));
}

static void explain_silence(const struct ike_sa *sa, const char *what, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	const struct ike_reasm *r = &sa->win.in_response;
	uint64_t ms = sa->e->now - sa->win.first_at;
	uint32_t sent = sa->win.earlier + sa->win.tries + 1;
	char whose[80];

	if (r->have) {
		snprintf(whose, sizeof whose, "the answer to %s", what);
		ike_explain_fragments_missing(why, &w, whose, r->have, r->total);
	} else if (sa->established) {
		ike_explain_dead_peer(why, &w, what, sent, ms);
	} else {
		ike_explain_no_answer(why, &w, what, sent, ms, sa->keyed);
	}
}

static void window_timeout(struct ike_sa *sa)
{
	struct ike_retransmit rt;
	struct ike_task *t = sa->active;

	if (!t) { /* of a task that is gone: nobody waits for the answer */
		ike_window_complete(&sa->win);
		return;
	}
	rt = ike_task_schedule(t);
	if (ike_window_retry(&sa->win, sa->e->now, &rt)) {
		sa->e->stats.retransmits++;
		ike_request_again(sa, &rt);
		return;
	}
	if (t->ops->on_timeout) {
		ike_window_complete(&sa->win);
		ike_task_take_active(sa);
		t->ops->on_timeout(t);
		ike_task_free(t);
	} else {
		struct ike_reason why;

		explain_silence(sa, t->ops->what, &why);
		ike_sa_fail(sa, &why, true, 0);
	}
}

static void expire(struct ike_sa *sa)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	const struct ike_reasm *r = &sa->win.in_request;
	char at[ENDPOINT_TEXT];
	struct ike_reason why;

	if (sa->phase > IKE_PHASE_CLOSING) {
		ike_sa_bury(sa);
		return;
	}
	if (sa->waiting)
		ike_reason_set(&why, IKE_EBUG,
		    "the operation with our own secrets took too long: nobody answered it");
	else if (r->have)
		ike_explain_fragments_missing(&why, &w, "its IKE_AUTH", r->have, r->total);
	else
		ike_reason_set(&why, IKE_ETIMEOUT,
		    "%s began a connection and never finished it: our IKE_SA_INIT answer or its "
		    "IKE_AUTH is lost on the way, or it "
		    "refused our answer; its log says which",
		    endpoint_text(&sa->remote, at));
	ike_sa_fail(sa, &why, sa->initiator, 0);
}

static void expire_children(struct ike_sa *sa)
{
	struct ike_child *next;
	struct ike_reason why;

	for (struct ike_child *c = sa->children; c; c = next) {
		next = c->next; /* without memory for its Delete it is gone at once */
		if (c->expire_at > sa->e->now)
			continue;
		c->expire_at = IKE_NEVER;
		if (c->replaced)
			ike_rekey_reason(c, &why);
		else
			ike_reason_set(
			    &why, IKE_ELIFETIME, "the life_time of \"%s\" is over", c->cfg->name);
		ike_rekey_expired(c, &why);
		if (sa->phase != IKE_PHASE_UP)
			return; /* all of them go with it */
	}
}

/* RFC 7383 section 2.6: what is not whole in time has never come. */
static void expire_fragments(struct ike_sa *sa)
{
	if (ike_reasm_deadline(&sa->win.in_request) <= sa->e->now)
		ike_reasm_fini(&sa->win.in_request);
	if (ike_reasm_deadline(&sa->win.in_response) <= sa->e->now)
		ike_reasm_fini(&sa->win.in_response);
}

static void keepalive(struct ike_sa *sa)
{
	static const uint8_t one = 0xff;

	ike_send(sa->e, &sa->local, &sa->remote, false, bytes_of(&one, 1));
	sa->keepalive_at = sa->e->now + sa->e->p.keepalive_ms;
}

void ike_sa_tick(struct ike_sa *sa)
{
	ike_time now = sa->e->now;

	if (may_give_up(sa) && sa->setup->refused_at <= now)
		ike_sa_fail(sa, &sa->setup->refusal, true, 0);
	else if (sa->expire_at <= now)
		expire(sa);
	else if (sa->stop_at <= now && sa->closing)
		ike_sa_fail(sa, sa->closing, false, 0);
	expire_fragments(sa);
	ike_series_expire(sa);
	if (!sa->dead)
		ike_solver_due(sa);
	if (!sa->dead && sa->win.retry_at <= now)
		window_timeout(sa);
	if (!sa->dead && sa->phase == IKE_PHASE_UP) {
		expire_children(sa);
		ike_rekey_due(sa);
		ike_rekey_ike_due(sa);
	}
	if (!sa->dead && sa->phase == IKE_PHASE_UP)
		ike_reauth_due(sa);
	if (!sa->dead && sa->phase == IKE_PHASE_UP)
		ike_unique_due(sa);
	if (!sa->dead && sa->phase == IKE_PHASE_UP)
		ike_resume_due(sa);
	if (!sa->dead && sa->phase == IKE_PHASE_UP) {
		if (dpd_at(sa) <= now && !ike_task_new(sa, &ike_task_dpd, NULL))
			sa->heard_at = now; /* no memory: later */
	}
	if (!sa->dead && sa->keepalive_at <= now)
		keepalive(sa);
	ike_sa_settle(sa);
}

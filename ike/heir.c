/*
 * New keys for an IKE SA: when, and who lives on with what. RFC 7296 sections 1.3.2, 2.8, 2.8.2 and
 * 2.18.
 *
 *     we asked:        sa takes the heir's keys; the old SA is deleted by us
 *     the peer asked:  likewise, as soon as it is answered; the old SA waits for the peer's Delete
 *     both:            the peer's new SA waits as `rival` until our answer is there: of the two the
 *                      one with the lowest of the four nonces is deleted by who asked for it
 */
#include <stdlib.h>

#include "ike/qcd.h"
#include "ike/reauth.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"

/* ---- When ---- */

void ike_rekey_ike_schedule(struct ike_sa *sa)
{
	uint64_t soft = sa->conn->rekey_ms, over = sa->conn->over_ms;

	sa->rekey_rounds = 0;
	sa->rekey_at =
	    soft ? sa->e->now + ike_rekey_jitter(sa->e, soft, sa->conn->rand_ms) : IKE_NEVER;
	sa->over_at = soft && over ? sa->e->now + soft + over : IKE_NEVER;
}

bool ike_rekey_ike_is_out(const struct ike_sa *sa)
{
	if (sa->heir || sa->rival)
		return true;
	for (const struct ike_sa *o = sa->olds ? sa->e->first : NULL; o; o = o->next) {
		if (o->parent == sa && o->phase == IKE_PHASE_OLD && (o->active || o->tasks))
			return true;
	}
	return false;
}

static void later(struct ike_sa *sa)
{
	uint64_t wait = ike_rekey_wait(sa->rekey_rounds++);
	uint64_t left = sa->over_at > sa->e->now ? sa->over_at - sa->e->now : 0;

	if (sa->over_at != IKE_NEVER && wait > left / 4)
		wait = left / 4;
	sa->rekey_at = sa->e->now + 1000 + ike_rekey_jitter(sa->e, wait, CONFIG_RAND_TENTH);
}

void ike_rekey_ike_failed(struct ike_sa *sa, const struct ike_reason *why)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_event_node *n;

	ref.tag = sa->rekey_tag;
	n = ike_event_full(IKE_EV_REKEY_FAILED, &ref);
	if (sa->heir)
		ike_sa_bury(sa->heir);
	later(sa);
	if (!n)
		return;
	n->full->reason = *why;
	ike_queue_event(&sa->e->q, n);
}

enum ike_err ike_rekey_ike(struct ike_sa *sa, uint32_t tag)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	enum ike_err err;

	if (sa->phase != IKE_PHASE_UP || sa->heir)
		return IKE_ESTATE;
	if (sa->rival || ike_reauth_has_successor(sa))
		return IKE_ETEMPORARY;
	err = ike_heir_new(&sa->heir, sa, true);
	if (!err && !ike_task_new(sa, &ike_task_rekey_ike, NULL)) {
		ike_sa_bury(sa->heir);
		err = IKE_ENOMEM;
	}
	if (err) {
		later(sa);
		return err;
	}
	sa->rekey_at = IKE_NEVER;
	sa->rekey_tag = ref.tag = tag;
	ike_emit_step(sa->e, &ref, "the IKE SA is being rekeyed");
	return IKE_OK;
}

void ike_rekey_ike_due(struct ike_sa *sa)
{
	struct ike_reason why;

	if (sa->over_at <= sa->e->now) {
		sa->over_at = sa->rekey_at = IKE_NEVER;
		ike_reason_set(&why, IKE_ELIFETIME,
		    "the keys of the IKE SA are too old (rekey_time and over_time), and no new "
		    "ones "
		    "could be had");
		ike_sa_close(sa, &why);
	} else if (sa->rekey_at <= sa->e->now) {
		sa->rekey_at = IKE_NEVER;
		if (ike_rekey_ike(sa, 0) == IKE_ETEMPORARY)
			later(sa);
	}
}

/* ---- Heirs ---- */

enum ike_err ike_heir_new(struct ike_sa **out, struct ike_sa *parent, bool initiator)
{
	enum ike_err err = ike_sa_new(out, parent->e, initiator);
	struct ike_sa *h = *out;

	if (err)
		return err;
	/* Nothing about it is reported, and nobody authenticates once more. */
	ike_setup_free(h->setup);
	h->setup = NULL;
	ike_event_node_free(h->down);
	h->down = NULL;
	h->phase = IKE_PHASE_HEIR;
	h->parent = parent;
	h->conn = parent->conn;
	h->local = parent->local;
	h->remote = parent->remote;
	h->marker = parent->marker;
	h->extensions = parent->extensions;
	h->packet_max = parent->packet_max;
	h->expire_at = h->e->now + 2 * (uint64_t)IKE_ABANDONED_MS;
	ike_sa_settle(h);
	return IKE_OK;
}

void ike_heir_unlink(struct ike_sa *sa)
{
	struct ike_sa *heir = sa->heir, *rival = sa->rival, *parent = sa->parent;

	sa->heir = sa->rival = sa->parent = NULL;
	if (parent && parent->heir == sa)
		parent->heir = NULL;
	if (parent && parent->rival == sa)
		parent->rival = NULL;
	if (parent && sa->grown_old)
		parent->olds--;
	for (struct ike_sa *o = sa->olds ? sa->e->first : NULL; o; o = o->next) {
		if (o->parent == sa && o->grown_old)
			o->parent = NULL;
	}
	sa->olds = 0;
	if (parent)
		ike_series_forget(parent, NULL, sa);
	if (heir)
		ike_sa_bury(heir);
	if (rival)
		ike_sa_bury(rival);
}

static void grow_old(struct ike_sa *sa, struct ike_sa *heir, bool we_delete)
{
	ike_heir_unlink(sa);
	sa->parent = heir;
	sa->grown_old = true;
	heir->olds++;
	sa->phase = IKE_PHASE_OLD;
	sa->expire_at = sa->e->now + IKE_ABANDONED_MS;
	if (we_delete && !ike_task_new(sa, &ike_task_delete_old, NULL))
		sa->expire_at = sa->e->now; /* without memory to tell the peer */
	ike_sa_settle(sa);
}

void ike_heir_discard(struct ike_sa *heir, bool we_delete)
{
	grow_old(heir, heir->parent, we_delete);
}

void ike_heir_yield(struct ike_sa *sa)
{
	if (sa->heir)
		ike_sa_bury(sa->heir);
	if (sa->rival && sa->rival->keyed)
		ike_heir_takes_over(sa, sa->rival, false);
	else
		later(sa);
}

void ike_heir_outdo(struct ike_sa *sa)
{
	if (sa->rival && sa->rival->keyed)
		ike_heir_discard(sa->rival, false);
	else if (sa->rival)
		ike_sa_bury(sa->rival);
}

void ike_sa_expire_soon(struct ike_sa *sa)
{
	if (sa->phase == IKE_PHASE_HEIR)
		ike_heir_unlink(sa);
	ike_task_abort_all(sa);
	sa->phase = IKE_PHASE_GONE;
	sa->expire_at = sa->e->now + IKE_LINGER_MS;
	ike_sa_settle(sa);
}

/* Ours, that is not over, and what is out for it. */
static void forget_own(struct ike_sa *sa)
{
	struct ike_task **at = &sa->tasks;

	if (ike_task_is_rekey(sa->active))
		ike_task_free(ike_task_take_active(sa));
	while (*at) {
		struct ike_task *t = *at;

		if (!ike_task_is_rekey(t)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		ike_task_free(t);
	}
	if (sa->heir)
		ike_sa_bury(sa->heir);
}

static void emit_rekeyed(struct ike_sa *sa, const struct ike_sa *old, bool initiator)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_event_node *n;

	if (initiator)
		ref.tag = sa->rekey_tag;
	n = ike_event_full(IKE_EV_REKEYED, &ref);
	if (!n)
		return; /* a line of the log, no more */
	n->full->u.rekeyed.old_spi_i = old->spi_i;
	n->full->u.rekeyed.old_spi_r = old->spi_r;
	n->full->u.rekeyed.spi_i = sa->spi_i;
	n->full->u.rekeyed.spi_r = sa->spi_r;
	n->full->u.rekeyed.initiator = initiator;
	ike_queue_event(&sa->e->q, n);
}

void ike_heir_takes_over(struct ike_sa *sa, struct ike_sa *heir, bool we_delete)
{
	bool ours = heir == sa->heir;

	heir->parent = NULL;
	if (ours)
		sa->heir = NULL;
	else
		sa->rival = NULL;
	forget_own(sa);
	/* A request of another kind that is out on the old SA: its answer goes there, unheard. */
	ike_task_free(ike_task_take_active(sa));
	ike_series_clear(sa); /* of the old keys */
	ike_sa_swap_keys(sa, heir);
	ike_rekey_ike_schedule(sa);
	emit_rekeyed(sa, heir, ours);
	if (ours)
		ike_qcd_renew(sa);
	ike_resume_rekeyed(sa, heir);
	grow_old(heir, sa, we_delete);
}

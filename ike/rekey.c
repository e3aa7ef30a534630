/*
 * Rekeying children: when, the outcome, and both ends at once. RFC 7296 sections 1.3.3, 2.8, 2.8.1,
 * 2.9.2 and 2.25.1. The exchange itself is that of any child: task/create_child.c and
 * exchange/create_child.c.
 */
#include "ike/rekey.h"

#include <string.h>

#include "ike/reauth.h"
#include "ike/series.h"
#include "ike/task/task.h"

enum {
	RETRY_MS = 10000, /* the first wait after a failure; it doubles, up to a minute */
	RETRY_LONGEST_MS = 60000,
	RETRY_SHORTEST_MS = 1000,
	HOPELESS = 3, /* failures in a row */
};

/* ---- When ---- */

/* Both ends tend to have the same times: they must not always ask at once (section 2.8.1). */
uint64_t ike_rekey_jitter(struct ike_engine *e, uint64_t ms, uint64_t rand_ms)
{
	uint64_t range = rand_ms == CONFIG_RAND_TENTH ? ms / 10 : rand_ms;
	uint8_t b[8];

	if (!range || ike_random(e->p.libctx, b, sizeof b))
		return ms;
	return ms - be64_load(b) % ((range < ms ? range : ms) + 1);
}

void ike_rekey_schedule(struct ike_child *c)
{
	uint64_t soft = c->cfg->soft.time_ms;

	c->rekey_at =
	    soft ? c->sa->e->now + ike_rekey_jitter(c->sa->e, soft, c->cfg->rand_ms) : IKE_NEVER;
}

uint64_t ike_rekey_wait(uint32_t n)
{
	uint64_t wait = RETRY_MS;

	for (uint32_t i = 0; i < n && wait < RETRY_LONGEST_MS; i++)
		wait *= 2;
	return wait < RETRY_LONGEST_MS ? wait : RETRY_LONGEST_MS;
}

/* Several attempts must fit before the hard limit. */
void ike_rekey_later(struct ike_child *c)
{
	struct ike_engine *e = c->sa->e;
	uint64_t wait = ike_rekey_wait(c->rekey_rounds);

	if (c->expire_at != IKE_NEVER && c->expire_at > e->now &&
	    wait > (c->expire_at - e->now) / 4)
		wait = (c->expire_at - e->now) / 4;
	wait = ike_rekey_jitter(e, wait, CONFIG_RAND_TENTH);
	c->rekey_rounds++;
	c->rekey_at = e->now + (wait < RETRY_SHORTEST_MS ? RETRY_SHORTEST_MS : wait);
}

/* ---- We ask ---- */

static void begin_failed(struct ike_child *old, enum ike_err err)
{
	struct ike_sa_ref ref = ike_sa_ref_of(old->sa, old);

	ike_rekey_later(old);
	ike_emit_step(old->sa->e, &ref, "child %s cannot be rekeyed now: %s", old->cfg->name,
	    ike_err_sentence(err));
}

/* Not replaced yet: one that the peer may not know of, since our answer may be lost; and any of two
 * new ones while it is not known which stays. */
static bool is_contested(const struct ike_child *old)
{
	const struct ike_child *c = old->sa->children;

	if (old->behind && ike_child_by_spi_in(old->sa->e, old->behind))
		return true;
	if (ike_series_replaces(old))
		return true;
	while (c && c->rival != old->spi_in)
		c = c->next;
	return c && c->state == IKE_CHILD_CREATING;
}

enum ike_err ike_rekey_child(struct ike_child *old, uint32_t tag)
{
	struct ike_sa_ref ref = ike_sa_ref_of(old->sa, old);
	struct ike_child *c;
	enum ike_err err;

	if (old->state != IKE_CHILD_INSTALLED || old->sa->phase != IKE_PHASE_UP)
		return IKE_ESTATE;
	if (is_contested(old) || ike_reauth_has_successor(old->sa))
		return IKE_ETEMPORARY;
	err = ike_child_new_for(&c, old->sa, old, old->cfg, tag);
	if (!err)
		c->resource = old->mode.resource; /* RFC 9611 section 4 */
	if (err) {
		begin_failed(old, err);
		return err;
	}
	c->rekey = true;
	c->old = old;
	c->with_ke = old->with_ke;
	if (!ike_task_new(old->sa, &ike_task_create_child, c)) {
		ike_child_free(c);
		begin_failed(old, IKE_ENOMEM);
		return IKE_ENOMEM;
	}
	old->state = IKE_CHILD_REKEYING;
	old->rekey_at = IKE_NEVER;
	ref.tag = tag;
	ike_emit_step(old->sa->e, &ref, "child %s is being rekeyed", old->cfg->name);
	return IKE_OK;
}

/* Of what ends some day: the next attempts will fail, too. */
static const struct ike_child *hopeless(const struct ike_sa *sa)
{
	const struct ike_child *c = sa->children;

	while (c && (c->rekey_rounds < HOPELESS || c->expire_at == IKE_NEVER || c->replaced ||
			c->state != IKE_CHILD_INSTALLED))
		c = c->next;
	return c;
}

void ike_rekey_expired(struct ike_child *c, const struct ike_reason *why)
{
	struct ike_sa *sa = c->sa;
	struct ike_reason both;

	if (!c->rekey_rounds || c->replaced || sa->phase != IKE_PHASE_UP ||
	    ike_reauth_has_successor(sa)) {
		ike_child_delete(c, why, true);
		return;
	}
	ike_reason_set(&both, why->err,
	    "%s, and all attempts to make new keys before have failed: the IKE SA ends with it "
	    "(RFC 7296 section 2.8)",
	    why->text);
	ike_child_report_down(c, &both);
	c->state = IKE_CHILD_DELETING;
	c->expire_at = c->rekey_at = IKE_NEVER;
	ike_sa_close(sa, &both);
}

void ike_rekey_refused(struct ike_sa *sa, unsigned notify)
{
	struct ike_reason why;

	if (notify == IKE_N_NO_ADDITIONAL_SAS && (sa->began || sa->conn->callable)) {
		ike_reauth_begin(sa, "the peer makes no new keys (NO_ADDITIONAL_SAS)");
		return;
	}
	if (notify != IKE_N_TEMPORARY_FAILURE) {
		if (hopeless(sa) && (sa->began || sa->conn->callable))
			ike_reauth_begin(sa, "the peer refuses to make new keys for a child");
		return;
	}
	if (!sa->put_off_at) {
		sa->put_off_at = sa->e->now;
		return;
	}
	if (sa->e->now - sa->put_off_at < IKE_PUT_OFF_MS)
		return;
	sa->put_off_at = 0;
	if (sa->began || sa->conn->callable) {
		ike_reauth_begin(sa, "for minutes the peer has answered \"not now\" "
				     "(TEMPORARY_FAILURE): both ends are out of step");
		return;
	}
	ike_reason_set(&why, IKE_ETEMPORARY,
	    "for minutes the peer has answered \"not now\" (TEMPORARY_FAILURE): both ends are out "
	    "of step, and only the peer can begin anew");
	ike_sa_close(sa, &why);
}

void ike_rekey_due(struct ike_sa *sa)
{
	/* New ones go to the end of the list, and are not due. */
	for (struct ike_child *c = sa->children; c; c = c->next) {
		if (c->rekey_at > sa->e->now)
			continue;
		c->rekey_at = IKE_NEVER;
		if (ike_rekey_child(c, 0) == IKE_ETEMPORARY)
			ike_rekey_later(c);
	}
}

bool ike_rekey_is_wanted(const struct ike_child *c)
{
	return c->old && c->old->state == IKE_CHILD_REKEYING;
}

struct bytes ike_rekey_lower(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n ? memcmp(a.p, b.p, n) : 0;

	if (d)
		return d < 0 ? a : b;
	return a.n <= b.n ? a : b;
}

bool ike_rekey_is_redundant(const struct ike_child *c, struct bytes ni, struct bytes nr)
{
	struct bytes ours = ike_rekey_lower(ni, nr), theirs = ike_blob_bytes(&c->lowest);
	const struct ike_child *rival = c->rival ? ike_child_by_spi_in(c->sa->e, c->rival) : NULL;

	/* Where the peer has deleted its own meanwhile, it knows that ours is the one. */
	return rival && rival->state != IKE_CHILD_DELETING &&
	       ike_rekey_lower(ours, theirs).p == ours.p;
}

static void emit_rekeyed(const struct ike_child *old, const struct ike_child *c, bool initiator)
{
	struct ike_sa_ref ref = ike_sa_ref_of(c->sa, c);
	struct ike_event_node *n = ike_event_full(IKE_EV_REKEYED, &ref);

	if (!n)
		return; /* a line of the log, no more */
	n->full->u.rekeyed.old_spi_in = old->spi_in;
	n->full->u.rekeyed.spi_in = c->spi_in;
	n->full->u.rekeyed.initiator = initiator;
	ike_queue_event(&c->sa->e->q, n);
}

/* The peer deletes it when it has our answer; if it never does, we do. */
static void wait_for_delete(struct ike_child *old)
{
	ike_time at = old->sa->e->now + IKE_ABANDONED_MS;

	old->replaced = true;
	old->state = IKE_CHILD_REKEYED;
	old->rekey_at = IKE_NEVER;
	if (old->expire_at > at)
		old->expire_at = at;
}

void ike_rekey_reason(const struct ike_child *c, struct ike_reason *why)
{
	ike_reason_set(why, IKE_EREPLACED,
	    "\"%s\" was rekeyed: a child with new keys is in its place", c->cfg->name);
}

void ike_rekey_done(struct ike_child *c, bool redundant)
{
	struct ike_child *old = c->old;
	struct ike_child *rival = c->rival ? ike_child_by_spi_in(c->sa->e, c->rival) : NULL;
	bool waits = old && old->state == IKE_CHILD_REKEYING;
	struct ike_reason why;

	c->old = NULL;
	ike_rekey_reason(c, &why);
	if (redundant) {
		if (waits)
			wait_for_delete(old);
		c->replaced = true;
		ike_child_delete(c, &why, false);
		return;
	}
	if (rival && rival->state == IKE_CHILD_INSTALLED)
		wait_for_delete(rival); /* the peer sees the same, and deletes it */
	if (waits) {
		old->replaced = true;
		emit_rekeyed(old, c, true);
		ike_child_delete(old, &why, false);
	}
}

/* The peer's child for the same old one is not there yet: it takes further key exchanges. */
static bool is_begun(const struct ike_child *c)
{
	const struct ike_child *rival = c->rival ? ike_child_by_spi_in(c->sa->e, c->rival) : NULL;

	return rival && rival->state == IKE_CHILD_CREATING;
}

void ike_rekey_outdo(struct ike_child *c)
{
	if (is_begun(c)) {
		ike_child_free(ike_child_by_spi_in(c->sa->e, c->rival));
		c->rival = 0;
	}
}

bool ike_rekey_put_off(struct ike_child *c)
{
	struct ike_child *old = c->old;

	c->old = NULL;
	if (!old || old->state != IKE_CHILD_REKEYING)
		return false;
	if (c->rival && !is_begun(c)) {
		wait_for_delete(old);
		return false;
	}
	old->state = IKE_CHILD_INSTALLED;
	ike_rekey_later(old);
	return !c->rival;
}

bool ike_rekey_from_scratch(struct ike_child *c)
{
	struct ike_child *old = c->old;
	struct ike_sa_ref ref = ike_sa_ref_of(c->sa, c);
	struct ike_event_node *n;
	struct ike_reason why;

	if (!old || c->rival || old->state != IKE_CHILD_REKEYING)
		return false;
	ike_reason_set(&why, IKE_EREPLACED,
	    "the peer knows \"%s\" no more (CHILD_SA_NOT_FOUND): it is set up afresh",
	    c->cfg->name);
	c->rekey = false;
	n = ike_event_full(IKE_EV_REKEY_FAILED, &ref);
	if (n) {
		n->full->reason = why;
		ike_queue_event(&c->sa->e->q, n);
	}
	ike_child_report_down(old, &why);
	ike_task_abort_queued(c->sa, old);
	ike_child_free(old); /* clears c->old */
	return true;
}

/* ---- The peer asks ---- */

static bool has_all(const struct ts_list *outer, const struct ts_list *inner)
{
	for (size_t i = 0; i < inner->n; i++) {
		bool covered = false;

		for (size_t k = 0; k < outer->n && !covered; k++)
			covered = ts_covers(&outer->v[k], &inner->v[i]);
		if (!covered)
			return false;
	}
	return true;
}

bool ike_rekey_narrows(
    const struct ike_child *old, const struct ts_list *local, const struct ts_list *remote)
{
	return !has_all(local, &old->local_ts) || !has_all(remote, &old->remote_ts);
}

/* Ours for the same old one; NULL: none. */
static struct ike_child *own_rekey(const struct ike_child *old)
{
	struct ike_child *c = old->sa->children;

	while (c && c->old != old)
		c = c->next;
	return c;
}

void ike_rekey_by_peer(struct ike_child *old, struct ike_child *c, struct bytes ni, struct bytes nr)
{
	struct ike_sa *sa = old->sa;
	struct ike_child *own = own_rekey(old);

	emit_rekeyed(old, c, false);
	c->behind = old->spi_in;
	/* Where the old one is itself the peer's answer to a request of ours that is out. */
	for (struct ike_child *k = sa->children; k; k = k->next) {
		if (k->rival == old->spi_in)
			k->rival = c->spi_in;
	}
	if (own && sa->active && sa->active->child == own) {
		/* Our request is out: its answer decides. Without memory to compare, both stay. */
		old->replaced = true;
		own->rival = c->spi_in;
		if (!ike_blob_copy(&own->lowest, ike_rekey_lower(ni, nr)))
			own->rival = 0;
		return;
	}
	if (own) {
		own->old = NULL;
		ike_task_abort_queued(sa, own);
		ike_child_free(own);
	}
	wait_for_delete(old);
}

void ike_rekey_begun_by_peer(
    struct ike_child *old, struct ike_child *c, struct bytes ni, struct bytes nr)
{
	struct ike_sa *sa = old->sa;
	struct ike_child *own = own_rekey(old);

	if (own && sa->active && sa->active->child == own) {
		own->rival = c->spi_in;
		if (!ike_blob_copy(&own->lowest, ike_rekey_lower(ni, nr)))
			own->rival = 0;
	} else if (own) { /* not sent yet: the old one is free again, in case that comes to nothing
			   */
		ike_task_abort_queued(sa, own);
		ike_child_free(own);
	}
}

/* ---- Both ---- */

void ike_rekey_forget(const struct ike_child *gone)
{
	if (gone->old && gone->old->state == IKE_CHILD_REKEYING) {
		gone->old->state = IKE_CHILD_INSTALLED;
		ike_rekey_later(gone->old);
	}
	for (struct ike_child *c = gone->sa->children; c; c = c->next) {
		if (c->old == gone)
			c->old = NULL;
	}
}

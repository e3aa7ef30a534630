/*
 * An additional key exchange of a CREATE_CHILD_SA, as initiator: RFC 9370 section 2.2.4.
 */
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"

/* HDR, SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)(link)} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	struct ike_sa *sa = t->sa;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, t->child);
	struct transform due = ike_series_due(t->series);
	char name[48];
	enum ike_err err;

	ike_kex_free(t->kex);
	err = ike_kex_new(&t->kex, sa->e->p.libctx, due.id);
	if (err)
		return err;
	ike_build_ke(b, due.id, ike_kex_public(t->kex));
	ike_build_notify(b, IKE_N_ADDITIONAL_KEY_EXCHANGE, ike_blob_bytes(&t->series->link));
	ike_emit_step(sa->e, &ref, "sent IKE_FOLLOWUP_KE with %s for %s",
	    transform_text(due, name, sizeof name), t->child ? t->child->cfg->name : "the IKE SA");
	return IKE_OK;
}

/* `there`: the peer has gone on to what we cannot have. */
static void fail(struct ike_task *t, const struct ike_reason *why, bool there)
{
	struct ike_sa *sa = t->sa;

	if (t->child && there)
		ike_child_failed_there(t->child, why);
	else if (t->child)
		ike_child_failed(t->child, why);
	else if (there)
		ike_sa_close(sa, why);
	else
		ike_rekey_ike_failed(sa, why);
	ike_task_free(t);
}

static void on_error(struct ike_task *t, const struct ike_notify *n)
{
	struct ike_sa *sa = t->sa;
	struct ike_reason why;
	char at[ENDPOINT_TEXT], name[48];
	bool lost = n->type == IKE_N_STATE_NOT_FOUND;

	ike_reason_set(&why, IKE_EPEERNOTIFY,
	    "%s refused the additional key exchange %s with %s (%u): %s; its log says why",
	    endpoint_text(&sa->remote, at),
	    transform_text(ike_series_due(t->series), name, sizeof name),
	    ike_notify_keyword(n->type), n->type, ike_notify_sentence(n->type));
	fail(t, &why, false);
	sa->states_lost = lost ? sa->states_lost + 1 : 0;
	if (sa->states_lost >= IKE_STATES_LOST_MAX) {
		ike_reason_set(&why, IKE_EPEERNOTIFY,
		    "%s forgot an additional key exchange %u times in a row (STATE_NOT_FOUND): "
		    "both ends are out of step",
		    endpoint_text(&sa->remote, at), (unsigned)IKE_STATES_LOST_MAX);
		ike_sa_close(sa, &why);
	}
}

static enum ike_err judge(
    const struct ike_task *t, const struct ike_msg *m, bool last, struct ike_reason *why)
{
	struct transform due = ike_series_due(t->series);
	struct transform got = {TRANSFORM_KE, m->ke.group, 0};
	char at[ENDPOINT_TEXT], ours[48], theirs[48];

	if (!ike_msg_has(m, IKE_PLD_KE) || m->ke.group != due.id) {
		ike_reason_set(why, IKE_ESYNTAX,
		    "%s answered IKE_FOLLOWUP_KE with %s where %s is due: the peer is at fault",
		    endpoint_text(&t->sa->remote, at), transform_text(got, theirs, sizeof theirs),
		    transform_text(due, ours, sizeof ours));
		return why->err;
	}
	if (!last && !ike_msg_notify(m, IKE_N_ADDITIONAL_KEY_EXCHANGE)) {
		ike_reason_set(why, IKE_ESYNTAX,
		    "%s left an additional key exchange out (no ADDITIONAL_KEY_EXCHANGE): the peer "
		    "is at fault",
		    endpoint_text(&t->sa->remote, at));
		return why->err;
	}
	return IKE_OK;
}

static enum ike_err agree(
    const struct ike_task *t, const struct ike_msg *m, struct secret *more, struct ike_reason *why)
{
	struct secret shared = SECRET_NONE;
	char name[48];
	enum ike_err err = ike_kex_derive(t->kex, m->ke.value, &shared);

	if (!err)
		err = ike_series_grown(t->series, secret_bytes(&shared), more);
	secret_fini(&shared);
	if (err)
		ike_reason_set(why, err, "the additional key exchange %s failed: %s",
		    transform_text(ike_series_due(t->series), name, sizeof name),
		    ike_err_sentence(err));
	return err;
}

/* The last one: what it was all for. */
static void finish(struct ike_task *t, struct secret *more)
{
	struct ike_series *s = t->series;
	struct ike_sa *sa = t->sa, *heir = sa->heir;
	struct ike_reason why;
	enum ike_err err;

	sa->states_lost = 0;
	if (t->child) {
		struct ike_child_terms terms = ike_series_terms(s, secret_bytes(more));

		ike_child_take_keys(t->child, &terms);
		ike_task_free(t);
		return;
	}
	err = heir ? ike_sa_derive(heir, sa, secret_bytes(&s->shared), ike_blob_bytes(&s->nr),
			 secret_bytes(more))
		   : IKE_EBUG;
	if (err) {
		ike_reason_set(&why, err, "the new keys of the IKE SA could not be made: %s",
		    ike_err_sentence(err));
		fail(t, &why, true);
		return;
	}
	ike_heir_takes_over(sa, heir, true);
	ike_task_free(t);
}

static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_error(m), *link;
	struct secret more = SECRET_NONE;
	bool last = ike_series_is_last(t->series);
	struct ike_reason why;
	enum ike_err err;

	if (n) {
		on_error(t, n);
		return;
	}
	err = judge(t, m, last, &why);
	if (!err)
		err = agree(t, m, &more, &why);
	link = ike_msg_notify(m, IKE_N_ADDITIONAL_KEY_EXCHANGE);
	if (!err && !last && !ike_blob_copy(&t->series->link, link->data)) {
		err = IKE_ENOMEM;
		ike_reason_set(&why, err, "%s", ike_err_sentence(err));
	}
	if (!err && !last && t->child && t->child->doomed) {
		err = IKE_ELOCALDELETE;
		ike_reason_set(
		    &why, err, "\"%s\" was taken down here while it came up", t->child->cfg->name);
	}
	if (err) {
		fail(t, &why, last);
	} else if (last) {
		finish(t, &more);
	} else {
		ike_series_step(t->series, &more);
		ike_task_again(t);
	}
	secret_fini(&more);
}

static void abort_followup(struct ike_task *t, enum ike_err err)
{
	struct ike_reason why;

	if (!err)
		return; /* whoever ends the SA or the child sees to the rest */
	ike_reason_set(
	    &why, err, "the IKE_FOLLOWUP_KE request could not be made: %s", ike_err_sentence(err));
	if (t->child)
		ike_child_failed(t->child, &why);
	else
		ike_rekey_ike_failed(t->sa, &why);
}

const struct ike_task_ops ike_task_followup = {.exchange = IKE_EXCHANGE_FOLLOWUP_KE,
    .what = "IKE_FOLLOWUP_KE",
    .build = build,
    .on_response = on_response,
    .abort = abort_followup};

void ike_followup_begin(struct ike_task *t, struct ike_series *s)
{
	t->ops = &ike_task_followup;
	t->series = s;
	ike_task_again(t);
}

bool ike_task_is_child(const struct ike_task *t)
{
	return t &&
	       (t->ops == &ike_task_create_child || (t->ops == &ike_task_followup && t->child));
}

bool ike_task_is_rekey(const struct ike_task *t)
{
	return t && (t->ops == &ike_task_rekey_ike || (t->ops == &ike_task_followup && !t->child));
}

/*
 * IKE_FOLLOWUP_KE as responder: RFC 9370 section 2.2.4. A series that we do not know (any more) is
 * STATE_NOT_FOUND; a key exchange that is not the one that is due ends it.
 */
#include "ike/exchange/exchange.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"
#include "ike/unique.h"

static enum ike_err say(struct ike_in *in, uint16_t type)
{
	return ike_answer_notify(
	    in->sa, IKE_EXCHANGE_FOLLOWUP_KE, in->m->hdr.msg_id, type, bytes_of(NULL, 0));
}

/* HDR, SK {KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)(link)]} */
static enum ike_err answer(struct ike_in *in, const struct ike_kex *kex, struct bytes link)
{
	struct ike_build b;

	ike_answer_begin(in->sa, &b, IKE_EXCHANGE_FOLLOWUP_KE, in->m->hdr.msg_id);
	ike_build_ke(&b, ike_kex_group(kex), ike_kex_public(kex));
	if (link.n)
		ike_build_notify(&b, IKE_N_ADDITIONAL_KEY_EXCHANGE, link);
	return ike_answer_end(in->sa, &b, IKE_EXCHANGE_FOLLOWUP_KE);
}

/* ---- After the last one ---- */

/* The one that it takes the place of; NULL: it takes none, or that is gone or on its way out. */
static struct ike_child *old_of(const struct ike_series *s)
{
	struct ike_child *old = s->old ? ike_child_by_spi_in(s->sa->e, s->old) : NULL;
	bool lives = old && old->sa == s->sa &&
		     (old->state == IKE_CHILD_INSTALLED || old->state == IKE_CHILD_REKEYING);

	return lives ? old : NULL;
}

static enum ike_err finish_child(
    struct ike_in *in, struct ike_series *s, const struct ike_kex *kex, struct bytes more)
{
	struct ike_child_terms terms = ike_series_terms(s, more);
	struct ike_child *c = s->child, *old = old_of(s);
	struct ike_event_node *ev;
	enum ike_err err = ike_child_prepare(c, &terms, &ev);

	if (err)
		return err;
	c->ousts = old ? 0 : ike_unique_ousts(in->sa, c->cfg);
	ev->full->u.child_up.behind = old ? old->spi_in : c->ousts;
	err = answer(in, kex, bytes_of(NULL, 0));
	if (err) {
		ike_event_node_free(ev);
		return err;
	}
	ike_child_install(c, &terms, ev);
	if (old)
		ike_rekey_by_peer(old, c, terms.keys.ni, terms.keys.nr);
	ike_series_delist(s);
	ike_series_free(s);
	return IKE_OK;
}

/* A request of ours that crosses it may still win: then this is the rival until its answer. */
static enum ike_err finish_ike(
    struct ike_in *in, struct ike_series *s, const struct ike_kex *kex, struct bytes more)
{
	struct ike_sa *sa = in->sa, *heir = s->heir;
	enum ike_err err =
	    ike_sa_derive(heir, sa, secret_bytes(&s->shared), ike_blob_bytes(&s->nr), more);

	if (!err)
		err = answer(in, kex, bytes_of(NULL, 0));
	if (err)
		return err;
	ike_series_delist(s);
	ike_series_free(s);
	if (!ike_task_is_rekey(sa->active))
		ike_heir_takes_over(sa, heir, false);
	return IKE_OK;
}

/* ---- One exchange ---- */

static enum ike_err go_on(
    struct ike_in *in, struct ike_series *s, const struct ike_kex *kex, struct secret *more)
{
	enum ike_err err;

	if (ike_series_is_last(s) && s->child)
		return finish_child(in, s, kex, secret_bytes(more));
	if (ike_series_is_last(s))
		return finish_ike(in, s, kex, secret_bytes(more));
	err = answer(in, kex, ike_blob_bytes(&s->link));
	if (!err)
		ike_series_step(s, more);
	return err;
}

static void step(struct ike_in *in, const struct ike_series *s)
{
	struct ike_sa_ref ref = ike_sa_ref_of(in->sa, s->child);
	char name[48];

	ike_emit_step(in->sa->e, &ref, "received IKE_FOLLOWUP_KE with %s for %s",
	    transform_text(ike_series_due(s), name, sizeof name),
	    s->child ? s->child->cfg->name : "the IKE SA");
}

/* The series is over, and what it was for with it. */
static enum ike_err give_up(struct ike_in *in, struct ike_series *s, enum ike_err why)
{
	struct ike_sa_ref ref = ike_sa_ref_of(in->sa, NULL);
	struct ike_child *c = s->child;
	struct ike_sa *heir = s->heir;
	enum ike_err err = say(in, IKE_N_INVALID_SYNTAX);

	if (err)
		return err;
	ike_emit_step(in->sa->e, &ref, "the peer's IKE_FOLLOWUP_KE for %s is refused: %s",
	    c ? c->cfg->name : "the IKE SA", ike_err_sentence(why));
	ike_series_delist(s);
	ike_series_free(s);
	if (c)
		ike_child_free(c);
	if (heir)
		ike_sa_bury(heir);
	return IKE_OK;
}

static enum ike_err on_request(struct ike_engine *e, struct ike_in *in)
{
	const struct ike_notify *n = ike_msg_notify(in->m, IKE_N_ADDITIONAL_KEY_EXCHANGE);
	struct ike_series *s = n ? ike_series_by_link(in->sa, n->data) : NULL;
	struct secret shared = SECRET_NONE, more = SECRET_NONE;
	struct ike_kex *kex = NULL;
	enum ike_err err;

	if (!s)
		return say(in, IKE_N_STATE_NOT_FOUND);
	if (in->m->ke.group != ike_series_due(s).id)
		return give_up(in, s, IKE_EKE);
	err = ike_kex_answer(&kex, e->p.libctx, in->m->ke.group, in->m->ke.value, &shared);
	if (err == IKE_EKEVALUE)
		return give_up(in, s, err);
	if (!err)
		err = ike_series_grown(s, secret_bytes(&shared), &more);
	if (!err) {
		step(in, s);
		err = go_on(in, s, kex, &more);
	}
	secret_fini(&shared);
	secret_fini(&more);
	ike_kex_free(kex);
	return err;
}

static enum ike_err on_old(struct ike_engine *e, struct ike_in *in)
{
	(void)e;
	return say(in, IKE_N_STATE_NOT_FOUND);
}

/*
 * HDR, SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)}  -->
 *                                <--  HDR, SK {KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)]}
 *                          or    <--  HDR, SK {N(error)}
 */
/* clang-format off */
static const struct ike_row rows[] = {
	/* phases                     response  notify         must have      handler               next           story */
	{IKE_IN(UP)|IKE_IN(CLOSING),  false,    IKE_ROW_PLAIN, IKE_NEEDS(KE), on_request,           IKE_NEXT_SAME, "the peer goes on with its key exchanges"},
	{IKE_IN(OLD),                 false,    IKE_ROW_PLAIN, 0,             on_old,               IKE_NEXT_SAME, "the peer has not noticed that this SA was rekeyed"},
	{IKE_IN(UP)|IKE_IN(CLOSING),  true,     IKE_ROW_PLAIN, 0,             ike_on_task_response, IKE_NEXT_SAME, "the peer answers our key exchange"},
};
/* clang-format on */

const struct ike_exchange_rows ike_rows_followup = {
    IKE_EXCHANGE_FOLLOWUP_KE, rows, sizeof rows / sizeof rows[0]};

/*
 * The two halves of making a Child SA, the same in IKE_AUTH and in CREATE_CHILD_SA: RFC 7296
 * sections 1.2, 1.3.1, 2.7, 2.9 and 2.17.
 */
#include <string.h>

#include "ike/mode.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"
#include "ike/unique.h"
#include "ike/vip.h"

/* ---- The initiator of the exchange: the peer's answer ---- */

void ike_child_explain_refusal(
    const struct ike_child *c, bool first, unsigned notify, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(c->sa, c->cfg);
	struct ts_list local, remote;
	struct proposal_list ours;

	if (notify == IKE_N_TS_UNACCEPTABLE) {
		ike_child_offer_ts(c, &local, &remote);
		ike_explain_ts_refused(why, &w, &local, &remote);
	} else if (notify == IKE_N_NO_PROPOSAL_CHOSEN) {
		ike_child_offer_proposals(c, first, &ours);
		ike_explain_proposal_refused(why, &w, &ours);
	} else {
		ike_explain_child_refused(why, &w, notify);
	}
}

/* The selectors of a message as this host sees them. */
struct ike_seen {
	struct ts_list local, remote;
};

/* Section 2.9: an answer may only narrow. */
static bool lies_within(const struct ts_list *inner, const struct ts_list *outer)
{
	for (size_t i = 0; i < inner->n; i++) {
		bool covered = false;

		for (size_t k = 0; k < outer->n && !covered; k++)
			covered = ts_covers(&outer->v[k], &inner->v[i]);
		if (!covered)
			return false;
	}
	return inner->n > 0;
}

static enum ike_err judge_selectors(
    const struct ike_child *c, const struct ike_child_terms *t, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(c->sa, c->cfg);
	struct ts_list local, remote;

	ike_child_offer_ts(c, &local, &remote);
	if (lies_within(t->local_ts, &local) && lies_within(t->remote_ts, &remote))
		return IKE_OK;
	ike_explain_ts_widened(why, &w, t->local_ts, t->remote_ts);
	return IKE_ETS;
}

/* Section 1.3.1: without its notification in the answer, transport mode is declined. */
static enum ike_err judge_mode(const struct ike_child *c, const struct ike_msg *m,
    struct ike_mode *mode, struct ike_seen *seen, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(c->sa, c->cfg);

	ike_mode_read(m, mode);
	mode->per_resource = c->cfg->per_cpu_sas == PER_CPU_YES && (mode->per_resource || c->rekey);
	mode->resource = c->resource;
	seen->local = m->tsi;
	seen->remote = m->tsr;
	if (mode->transport != (c->cfg->mode == MODE_TRANSPORT)) {
		ike_explain_mode(why, &w, mode->transport);
		return IKE_ETS;
	}
	if (mode->transport && !ike_mode_see(c->sa, &seen->local, &seen->remote, mode)) {
		ike_explain_ts_widened(why, &w, &m->tsi, &m->tsr);
		return IKE_ETS;
	}
	return IKE_OK;
}

static enum ike_err judge_proposal(const struct ike_child *c, const struct ike_child_answer *a,
    struct ike_child_terms *t, struct ike_reason *why)
{
	const struct proposal *p = &a->m->sa.v[0];
	struct ike_parties w = ike_sa_parties(c->sa, c->cfg);
	struct proposal_list ours;

	ike_child_offer_proposals(c, a->first, &ours);
	if (a->m->sa.n != 1 || p->spi_n != 4 || be32_load(p->spi) == 0 ||
	    !proposal_is_subset(p, &ours, a->first, &t->suite)) {
		ike_explain_bad_choice(why, &w, &a->m->sa, &ours);
		return IKE_ENOPROPOSAL;
	}
	if (a->first)
		t->suite.ke = (struct transform){0};
	t->spi_out = be32_load(p->spi);
	return IKE_OK;
}

static enum ike_err judge_ke(const struct ike_child_answer *a, const struct suite *s,
    struct secret *shared, struct ike_reason *why)
{
	enum ike_err err = IKE_EKE;

	if (s->ke.id == KE_NONE)
		return IKE_OK;
	if (a->kex && ike_msg_has(a->m, IKE_PLD_KE) && a->m->ke.group == s->ke.id &&
	    ike_kex_group(a->kex) == s->ke.id)
		err = ike_kex_derive(a->kex, a->m->ke.value, shared);
	if (err)
		ike_reason_set(
		    why, err, "the key exchange of the child failed: %s", ike_err_sentence(err));
	return err;
}

static bool was_deleted(const struct ike_child *c, uint32_t spi_out)
{
	bool gone = false;

	for (unsigned i = 0; i < c->gone_n && i < IKE_GONE; i++)
		gone = gone || c->gone[i] == spi_out;
	return gone;
}

/* We asked for all addresses, and have one now. */
static void narrow_to_vips(const struct ike_child *c, struct ike_seen *seen)
{
	struct ts_list answered = seen->local, ours, remote;

	ike_child_offer_ts(c, &ours, &remote);
	if (c->sa->vips)
		(void)ts_list_narrow(&answered, &ours, &seen->local);
}

/* All keys are there. */
static enum ike_err complete(
    struct ike_child *c, const struct ike_child_terms *t, struct ike_reason *why)
{
	struct ike_event_node *ev;
	bool redundant;
	enum ike_err err = ike_child_prepare(c, t, &ev);

	if (err) {
		ike_reason_set(why, err, "the keys of \"%s\" could not be made: %s", c->cfg->name,
		    ike_err_sentence(err));
		return err;
	}
	if (was_deleted(c, t->spi_out)) {
		ike_event_node_free(ev);
		ike_reason_set(why, IKE_EPEERDELETE,
		    "the peer deleted \"%s\" before its answer was here", c->cfg->name);
		return IKE_EPEERDELETE;
	}
	redundant = ike_rekey_is_redundant(c, t->keys.ni, t->keys.nr);
	if (redundant)
		ev->full->u.child_up.behind = c->rival;
	ike_child_install(c, t, ev);
	if (c->rekey)
		ike_rekey_done(c, redundant);
	else
		ike_mode_next(c);
	if (c->doomed) {
		ike_reason_set(why, IKE_ELOCALDELETE, "\"%s\" was taken down here while it came up",
		    c->cfg->name);
		ike_child_delete(c, why, false);
	}
	return IKE_OK;
}

/* RFC 9370 section 2.2.4: what it is to be is agreed on, and further key exchanges follow. Of two
 * crossing ones the loser does not go on; the peer has nothing of it that could be deleted. */
static enum ike_err begin_series(struct ike_child *c, const struct ike_child_answer *a,
    const struct ike_child_terms *t, struct secret *shared, struct ike_reason *why)
{
	const struct ike_notify *link = ike_msg_notify(a->m, IKE_N_ADDITIONAL_KEY_EXCHANGE);
	struct ike_series *s;

	if (!link) {
		ike_reason_set(why, IKE_ESYNTAX,
		    "the peer chose additional key exchanges for \"%s\" and says nothing of how "
		    "they go on (no ADDITIONAL_KEY_EXCHANGE): the peer is at fault",
		    c->cfg->name);
		return IKE_ESYNTAX;
	}
	if (ike_rekey_is_redundant(c, a->ni, a->nr)) {
		ike_reason_set(why, IKE_EREPLACED, "the peer's request for the same won");
		return IKE_EREPLACED;
	}
	ike_rekey_outdo(c);
	s = ike_series_new(c->sa, &t->suite, shared, a->ni, a->nr);
	if (s && ike_blob_copy(&s->link, link->data)) {
		ike_series_for_child(s, c, t);
		*a->more = s;
		return IKE_OK;
	}
	ike_series_free(s);
	ike_reason_set(why, IKE_ENOMEM, "%s", ike_err_sentence(IKE_ENOMEM));
	return IKE_ENOMEM;
}

static enum ike_err take(
    struct ike_child *c, const struct ike_child_answer *a, struct ike_reason *why)
{
	struct ike_seen seen;
	struct ike_child_terms t = {
	    .initiator = true, .local_ts = &seen.local, .remote_ts = &seen.remote};
	struct secret shared = SECRET_NONE;
	enum ike_err err = judge_proposal(c, a, &t, why);

	if (!err)
		err = judge_mode(c, a->m, &t.mode, &seen, why);
	if (!err && a->first)
		narrow_to_vips(c, &seen);
	if (!err)
		err = judge_selectors(c, &t, why);
	if (!err)
		err = judge_ke(a, &t.suite, &shared, why);
	if (!err && a->more && ike_series_is_due(&t.suite)) {
		err = begin_series(c, a, &t, &shared, why);
	} else if (!err) {
		t.keys = (struct ike_child_secrets){
		    .shared = secret_bytes(&shared), .ni = a->ni, .nr = a->nr};
		err = complete(c, &t, why);
	}
	secret_fini(&shared);
	return err;
}

void ike_child_take_keys(struct ike_child *c, struct ike_child_terms *t)
{
	struct ike_reason why;
	enum ike_err err = complete(c, t, &why);

	if (err == IKE_EPEERDELETE)
		ike_child_failed(c, &why);
	else if (err)
		ike_child_failed_there(c, &why);
}

void ike_child_take_answer(struct ike_child *c, const struct ike_child_answer *a)
{
	const struct ike_notify *n = ike_msg_error(a->m);
	struct ike_reason why;
	enum ike_err err;

	/* A request of its own has seen to that in its task. */
	if (n && a->first && ike_child_wants_single(c, n->type) &&
	    ike_task_new(c->sa, &ike_task_create_child, c))
		return;
	if (n) {
		ike_child_explain_refusal(c, a->first, n->type, &why);
		ike_child_failed(c, &why);
		return;
	}
	if (!ike_msg_has(a->m, IKE_PLD_SA) || !ike_msg_has(a->m, IKE_PLD_TSI) ||
	    !ike_msg_has(a->m, IKE_PLD_TSR)) {
		ike_reason_set(&why, IKE_ESYNTAX,
		    "the peer's answer about \"%s\" lacks payloads: the peer is at fault",
		    c->cfg->name);
		ike_child_failed_there(c, &why);
		return;
	}
	err = take(c, a, &why);
	if (err == IKE_EPEERDELETE || err == IKE_EREPLACED)
		ike_child_failed(c, &why);
	else if (err)
		ike_child_failed_there(c, &why);
}

/* ---- The responder of the exchange ---- */

static enum ike_err choose(struct ike_sa *sa, const struct ike_child_request *rq,
    struct ike_child_made *made, struct ike_reason *why)
{
	struct ike_mode *mode = &made->terms.mode;
	struct ike_seen seen = {rq->m->tsr, rq->m->tsi};
	struct ike_child_offer o = {.conn = sa->conn,
	    .local = sa->local,
	    .remote = sa->remote,
	    .local_hosts = ike_vip_local(sa),
	    .remote_hosts = ike_vip_remote(sa),
	    .confined = ike_vip_gave(sa),
	    .offered = &rq->m->sa,
	    .local_ts = &rq->m->tsr,
	    .remote_ts = &rq->m->tsi,
	    .ke = ike_msg_has(rq->m, IKE_PLD_KE) ? rq->m->ke.group : KE_NONE,
	    .ignore_ke = rq->first,
	    .engine = sa->e,
	    .ike_ke = sa->suite.ke,
	    .only = rq->old ? rq->old->cfg : NULL};
	const struct suite *s = &made->choice.suite;
	enum ike_err err;

	ike_mode_read(rq->m, mode);
	if (mode->transport && ike_mode_see(sa, &seen.local, &seen.remote, mode)) {
		o.seen_local = &seen.local;
		o.seen_remote = &seen.remote;
	}
	err = ike_select_child(&o, &made->choice, why);
	if (err)
		return err;
	mode->transport = made->choice.cfg->mode == MODE_TRANSPORT;
	err = ike_mode_resource(sa, &made->choice, rq->old, mode);
	if (err) {
		ike_reason_set(why, err, "%s", ike_err_sentence(err));
		return err;
	}
	if (rq->old &&
	    ike_rekey_narrows(rq->old, &made->choice.local_ts, &made->choice.remote_ts)) {
		ike_reason_set(why, IKE_ETS,
		    "the peer wants to rekey \"%s\" with fewer addresses than it has, which "
		    "would cut off traffic: the peer is at fault",
		    rq->old->cfg->name);
		return IKE_ETS;
	}
	if (rq->first)
		made->choice.suite.ke = (struct transform){0};
	if (s->ke.id != KE_NONE && s->ke.id != o.ke) {
		made->group = s->ke.id;
		ike_reason_set(why, IKE_EKE, "the peer's key exchange is for group %u, we want %u",
		    o.ke, s->ke.id);
		return IKE_EKE;
	}
	return IKE_OK;
}

static enum ike_err exchange_keys(struct ike_sa *sa, const struct ike_child_request *rq,
    const struct suite *s, struct ike_kex **kex, struct secret *shared)
{
	if (s->ke.id == KE_NONE)
		return IKE_OK;
	return ike_kex_answer(kex, sa->e->p.libctx, s->ke.id, rq->m->ke.value, shared);
}

static void write_answer(struct ike_build *b, const struct ike_child_request *rq,
    const struct ike_child_made *made, const struct ike_kex *kex, struct bytes nr)
{
	const struct proposal *chosen = &rq->m->sa.v[made->choice.index];
	struct proposal p = proposal_from_suite(&made->choice.suite, SA_ESP, chosen->number);

	p.spi_n = 4;
	be32_store(p.spi, made->child->spi_in);
	ike_mode_answer(&made->terms.mode, b);
	ike_build_sa_one(b, &p);
	if (!rq->first)
		ike_build_nonce(b, nr);
	if (kex)
		ike_build_ke(b, ike_kex_group(kex), ike_kex_public(kex));
	ike_build_ts(b, IKE_PLD_TSI, &made->choice.remote_ts);
	ike_build_ts(b, IKE_PLD_TSR, &made->choice.local_ts);
	if (made->series)
		ike_build_notify(
		    b, IKE_N_ADDITIONAL_KEY_EXCHANGE, ike_blob_bytes(&made->series->link));
}

/* Keys and event wait for the last key exchange. */
static enum ike_err put_off(struct ike_sa *sa, const struct ike_child_request *rq,
    struct ike_child_made *made, struct secret *shared)
{
	if (!ike_series_fits(sa))
		return IKE_ETEMPORARY;
	made->series = ike_series_new(
	    sa, &made->choice.suite, shared, rq->m->nonce, bytes_of(made->nr, sizeof made->nr));
	if (!made->series)
		return IKE_ENOMEM;
	ike_series_for_child(made->series, made->child, &made->terms);
	made->series->old = rq->old ? rq->old->spi_in : 0;
	return ike_series_relink(made->series);
}

static enum ike_err prepare(struct ike_sa *sa, const struct ike_child_request *rq,
    struct ike_child_made *made, struct bytes shared, struct bytes nr)
{
	enum ike_err err;

	made->terms.keys = (struct ike_child_secrets){
	    .shared = shared, .ni = rq->first ? rq->ni : rq->m->nonce, .nr = nr};
	err = ike_child_prepare(made->child, &made->terms, &made->ev);
	made->terms.keys = (struct ike_child_secrets){0};
	if (err)
		return err;
	made->child->ousts = rq->old ? 0 : ike_unique_ousts(sa, made->choice.cfg);
	made->ev->full->u.child_up.behind = rq->old ? rq->old->spi_in : made->child->ousts;
	return IKE_OK;
}

static enum ike_err make(struct ike_sa *sa, const struct ike_child_request *rq, struct ike_build *b,
    struct ike_child_made *made, const struct ike_kex *kex, struct secret *shared)
{
	const struct proposal *chosen = &rq->m->sa.v[made->choice.index];
	struct bytes nr = rq->first ? rq->nr : bytes_of(made->nr, sizeof made->nr);
	enum ike_err err = IKE_OK;

	if (!rq->first)
		err = ike_random(sa->e->p.libctx, made->nr, sizeof made->nr);
	if (!err)
		err = ike_child_new_for(&made->child, sa, rq->old, made->choice.cfg, 0);
	if (err)
		return err;
	made->terms = (struct ike_child_terms){.suite = made->choice.suite,
	    .mode = made->terms.mode,
	    .spi_out = be32_load(chosen->spi),
	    .local_ts = &made->choice.local_ts,
	    .remote_ts = &made->choice.remote_ts};
	err = ike_series_is_due(&made->choice.suite)
		  ? put_off(sa, rq, made, shared)
		  : prepare(sa, rq, made, secret_bytes(shared), nr);
	if (!err)
		write_answer(b, rq, made, kex, nr);
	return err;
}

enum ike_err ike_child_answer(struct ike_sa *sa, const struct ike_child_request *rq,
    struct ike_build *b, struct ike_child_made *made, struct ike_reason *why)
{
	struct ike_kex *kex = NULL;
	struct secret shared = SECRET_NONE;
	enum ike_err err = choose(sa, rq, made, why);

	if (err)
		return err;
	if (rq->m->sa.v[made->choice.index].spi_n != 4 ||
	    be32_load(rq->m->sa.v[made->choice.index].spi) == 0)
		err = IKE_ENOPROPOSAL;
	if (!err)
		err = exchange_keys(sa, rq, &made->choice.suite, &kex, &shared);
	if (!err)
		err = make(sa, rq, b, made, kex, &shared);
	ike_kex_free(kex);
	secret_fini(&shared);
	if (err) {
		ike_reason_set(why, err, "the child \"%s\" could not be made: %s",
		    made->choice.cfg->name, ike_err_sentence(err));
		ike_child_unmake(made);
	}
	return err;
}

void ike_child_unmake(struct ike_child_made *made)
{
	if (made->child)
		ike_child_free(made->child);
	ike_event_node_free(made->ev);
	ike_series_free(made->series);
	made->series = NULL;
	made->child = NULL;
	made->ev = NULL;
}

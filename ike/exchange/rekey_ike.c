/*
 * CREATE_CHILD_SA as responder, for an IKE SA: RFC 7296 sections 1.3.2, 2.8.2, 2.18 and 2.25.2.
 *
 * HDR, SK {SA, Ni, KEi}  -->
 *                                <--  HDR, SK {SA, Nr, KEr}
 *                          or    <--  HDR, SK {N(error)}
 */
#include "ike/collision.h"
#include "ike/exchange/exchange.h"
#include "ike/qcd.h"
#include "ike/reauth.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"

struct choice {
	int index; /* into what is offered */
	struct suite suite;
};

static enum ike_err say(struct ike_in *in, uint16_t type, struct bytes data)
{
	return ike_answer_notify(in->sa, IKE_EXCHANGE_CREATE_CHILD, in->m->hdr.msg_id, type, data);
}

static enum ike_err decline(struct ike_in *in, uint16_t type, const struct ike_reason *why)
{
	struct ike_sa_ref ref = ike_sa_ref_of(in->sa, NULL);
	enum ike_err err = say(in, type, bytes_of(NULL, 0));

	if (!err)
		ike_emit_step(
		    in->sa->e, &ref, "the peer's rekey of the IKE SA is declined: %s", why->text);
	return err;
}

static bool choose(struct ike_in *in, struct choice *c, struct ike_reason *why)
{
	struct ike_sa *sa = in->sa;
	struct proposal_list allowed;
	struct proposal_choice pick = {
	    .offered = &in->m->sa, .allowed = &allowed, .ke_wanted = in->m->ke.group};
	struct ike_parties w = ike_sa_parties(sa, NULL);
	const struct proposal *p;

	ike_select_filter(&sa->conn->proposals, ike_engine_can, sa->e, &allowed);
	c->index = proposal_choose(&pick, &c->suite);
	if (c->index < 0) {
		ike_explain_no_common_proposal(why, &w, &in->m->sa, &allowed);
		return false;
	}
	p = &in->m->sa.v[c->index];
	if (p->spi_n == 8 && be64_load(p->spi) != 0)
		return true;
	ike_reason_set(why, IKE_ESYNTAX, "its proposal has no SPI: the peer is at fault");
	return false;
}

/* What the new keys are made of. */
struct half {
	struct ike_kex *kex;
	struct secret shared;
	uint8_t nr[IKE_NONCE_LEN];
	struct ike_series *series; /* further key exchanges are to come; NULL: none */
};

static void half_fini(struct half *h)
{
	ike_kex_free(h->kex);
	secret_fini(&h->shared);
	ike_series_free(h->series);
}

static enum ike_err make_series(struct ike_sa *heir, struct ike_in *in, struct half *h)
{
	h->series = ike_series_new(
	    in->sa, &heir->suite, &h->shared, in->m->nonce, bytes_of(h->nr, sizeof h->nr));
	if (!h->series)
		return IKE_ENOMEM;
	h->series->heir = heir;
	return ike_series_relink(h->series);
}

static enum ike_err make_keys(struct ike_sa *heir, struct ike_in *in, struct half *h)
{
	struct ossl_lib_ctx_st *lib = heir->e->p.libctx;
	enum ike_err err = ike_random(lib, h->nr, sizeof h->nr);

	if (!err)
		err = ike_kex_answer(&h->kex, lib, in->m->ke.group, in->m->ke.value, &h->shared);
	if (!err && !ike_blob_copy(&heir->ni, in->m->nonce))
		err = IKE_ENOMEM;
	if (!err && ike_series_is_due(&heir->suite))
		err = make_series(heir, in, h);
	else if (!err)
		err = ike_sa_derive(heir, in->sa, secret_bytes(&h->shared),
		    bytes_of(h->nr, sizeof h->nr), bytes_of(NULL, 0));
	return err;
}

static enum ike_err answer(
    struct ike_in *in, struct ike_sa *heir, const struct choice *c, const struct half *h)
{
	struct proposal p = proposal_from_suite(&c->suite, SA_IKE, in->m->sa.v[c->index].number);
	struct ike_build b;

	p.spi_n = 8;
	be64_store(p.spi, heir->spi_r);
	ike_answer_begin(in->sa, &b, IKE_EXCHANGE_CREATE_CHILD, in->m->hdr.msg_id);
	ike_build_sa_one(&b, &p);
	ike_build_nonce(&b, bytes_of(h->nr, sizeof h->nr));
	ike_build_ke(&b, ike_kex_group(h->kex), ike_kex_public(h->kex));
	if (h->series)
		ike_build_notify(
		    &b, IKE_N_ADDITIONAL_KEY_EXCHANGE, ike_blob_bytes(&h->series->link));
	ike_qcd_give(heir, &b);
	ike_resume_answer(in->sa, heir, in->m, &b);
	return ike_answer_end(in->sa, &b, IKE_EXCHANGE_CREATE_CHILD);
}

/* Ours is out: which of the two stays is known with its answer. Without memory to compare, theirs.
 * A series has its place here also without one of ours. */
static bool becomes_rival(struct ike_sa *sa, struct ike_sa *heir, struct half *h)
{
	struct bytes nr = bytes_of(h->nr, sizeof h->nr);
	bool crosses = ike_task_is_rekey(sa->active);

	if ((!crosses && !h->series) ||
	    (crosses &&
		!ike_blob_copy(&sa->lowest, ike_rekey_lower(ike_blob_bytes(&heir->ni), nr))))
		return false;
	sa->rival = heir;
	return true;
}

/* Answered. */
static void settle(struct ike_sa *sa, struct ike_sa *heir, struct half *h)
{
	bool rival = becomes_rival(sa, heir, h);

	if (!h->series && !rival)
		ike_heir_takes_over(sa, heir, false);
	if (!h->series)
		return;
	sa->rival = heir;
	ike_series_enlist(h->series);
	h->series = NULL;
}

static enum ike_err make(struct ike_in *in, const struct choice *c)
{
	struct half h = {.shared = SECRET_NONE};
	struct ike_reason why;
	struct ike_sa *heir;
	enum ike_err err = ike_heir_new(&heir, in->sa, false);

	if (err == IKE_ELIMIT)
		return say(in, IKE_N_TEMPORARY_FAILURE, bytes_of(NULL, 0));
	if (err)
		return err;
	heir->spi_i = be64_load(in->m->sa.v[c->index].spi);
	heir->suite = c->suite;
	err = make_keys(heir, in, &h);
	if (err == IKE_EKEVALUE) {
		ike_reason_set(&why, err, "%s", ike_err_sentence(err));
		ike_sa_bury(heir);
		half_fini(&h);
		return decline(in, IKE_N_INVALID_SYNTAX, &why);
	}
	if (!err)
		err = answer(in, heir, c, &h);
	if (err)
		ike_sa_bury(heir);
	else
		settle(in->sa, heir, &h);
	half_fini(&h);
	return err;
}

/* Ours is agreed on, and in its further key exchanges: RFC 9370 section 2.2.4. */
static bool is_going_on(const struct ike_sa *sa)
{
	return sa->active && sa->active->series && !sa->active->child;
}

enum ike_err ike_on_ike_rekey(struct ike_in *in)
{
	enum ike_verdict v = ike_collide(ike_doing_now(in->sa, NULL), IKE_ASKED_REKEY_IKE);
	struct ike_reason why;
	struct choice c;
	uint8_t group[2];

	/* It begins anew: what it began before is over. */
	if (in->sa->rival && !in->sa->rival->keyed)
		ike_sa_bury(in->sa->rival);
	if (v == IKE_DO_TEMPORARY || ike_reauth_has_successor(in->sa) || in->sa->rival ||
	    in->sa->olds >= IKE_OLDS_MAX || is_going_on(in->sa) || !ike_series_fits(in->sa))
		return say(in, IKE_N_TEMPORARY_FAILURE, bytes_of(NULL, 0));
	if (!choose(in, &c, &why))
		return decline(in, IKE_N_NO_PROPOSAL_CHOSEN, &why);
	if (c.suite.ke.id != in->m->ke.group) {
		be16_store(group, c.suite.ke.id);
		return say(in, IKE_N_INVALID_KE_PAYLOAD, bytes_of(group, sizeof group));
	}
	return make(in, &c);
}

/*
 * New keys for the IKE SA, as initiator: RFC 7296 sections 1.3.2, 2.8.2, 2.18 and 2.25.
 */
#include "ike/qcd.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"

static void offer(const struct ike_sa *sa, struct proposal_list *out)
{
	ike_select_filter(&sa->conn->proposals, ike_engine_can, sa->e, out);
	for (size_t i = 0; i < out->n; i++) {
		out->v[i].number = (uint8_t)(i + 1);
		out->v[i].proto = SA_IKE;
		out->v[i].spi_n = 8;
		be64_store(out->v[i].spi, sa->heir->spi_i);
	}
}

/* HDR, SK {SA, Ni, KEi} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	struct ike_sa *sa = t->sa;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct proposal_list proposals;
	char text[PROPOSAL_TEXT];
	enum ike_err err;

	if (!sa->heir)
		return IKE_EBUG;
	offer(sa, &proposals);
	if (!t->group)
		t->group = proposal_has_ke(&proposals, sa->suite.ke.id)
			       ? sa->suite.ke.id
			       : proposal_first_ke(&proposals);
	err = ike_random(sa->e->p.libctx, t->ni, sizeof t->ni);
	ike_kex_free(t->kex);
	t->kex = NULL;
	if (!err)
		err = ike_kex_new(&t->kex, sa->e->p.libctx, t->group);
	if (err)
		return err;
	ike_build_sa(b, &proposals);
	ike_build_nonce(b, bytes_of(t->ni, sizeof t->ni));
	ike_build_ke(b, t->group, ike_kex_public(t->kex));
	ref.tag = sa->rekey_tag;
	ike_emit_step(sa->e, &ref, "sent CREATE_CHILD_SA to rekey the IKE SA, offering %s",
	    proposal_list_text(&proposals, text, sizeof text));
	return IKE_OK;
}

static bool another_group(struct ike_task *t, const struct ike_notify *n)
{
	struct proposal_list proposals;
	uint16_t group = n->data.n == 2 ? be16_load(n->data.p) : KE_NONE;

	offer(t->sa, &proposals);
	if (!group || group == t->group || t->groups >= IKE_NEW_KEYS_GROUPS_MAX ||
	    !proposal_has_ke(&proposals, group))
		return false;
	t->groups++;
	t->group = group;
	return true;
}

static void on_error(struct ike_task *t, const struct ike_notify *n)
{
	struct ike_sa *sa = t->sa;
	struct ike_reason why;
	char at[ENDPOINT_TEXT];

	if (sa->rival && sa->rival->keyed) {
		/* The peer had its own ready: ours is not needed. */
		ike_task_free(t);
		ike_heir_takes_over(sa, sa->rival, false);
		return;
	}
	if (n->type == IKE_N_INVALID_KE_PAYLOAD && sa->heir && another_group(t, n)) {
		ike_task_again(t);
		return;
	}
	ike_task_free(t);
	ike_reason_set(&why, n->type == IKE_N_TEMPORARY_FAILURE ? IKE_ETEMPORARY : IKE_EPEERNOTIFY,
	    "%s refused new keys for the IKE SA with %s (%u): %s; its log says why",
	    endpoint_text(&sa->remote, at), ike_notify_keyword(n->type), n->type,
	    ike_notify_sentence(n->type));
	ike_rekey_ike_failed(sa, &why);
	ike_rekey_refused(sa, n->type);
}

static enum ike_err judge(const struct ike_task *t, const struct ike_msg *m, struct ike_reason *why)
{
	struct ike_sa *sa = t->sa;
	struct ike_parties w = ike_sa_parties(sa, NULL);
	const struct proposal *p = &m->sa.v[0];
	struct proposal_list ours;
	struct suite *suite = &sa->heir->suite;

	offer(sa, &ours);
	if (!ike_msg_has(m, IKE_PLD_SA) || !ike_msg_has(m, IKE_PLD_NONCE) ||
	    !ike_msg_has(m, IKE_PLD_KE)) {
		ike_reason_set(why, IKE_ESYNTAX,
		    "the peer's answer about new keys for the IKE SA lacks payloads: the peer is "
		    "at fault");
		return why->err;
	}
	if (m->sa.n != 1 || p->proto != SA_IKE || p->spi_n != 8 || be64_load(p->spi) == 0 ||
	    !proposal_is_subset(p, &ours, false, suite)) {
		ike_explain_bad_choice(why, &w, &m->sa, &ours);
		return why->err;
	}
	if (m->ke.group == suite->ke.id && m->ke.group == t->group)
		return IKE_OK;
	ike_reason_set(why, IKE_EKE,
	    "the peer's key exchange is for group %u, but it chose group %u: the peer is at fault",
	    m->ke.group, suite->ke.id);
	return IKE_EKE;
}

static enum ike_err make_keys(
    const struct ike_task *t, const struct ike_msg *m, struct ike_reason *why)
{
	struct ike_sa *heir = t->sa->heir;
	struct secret shared = SECRET_NONE;
	enum ike_err err = ike_kex_derive(t->kex, m->ke.value, &shared);

	if (!err && !ike_blob_copy(&heir->ni, bytes_of(t->ni, sizeof t->ni)))
		err = IKE_ENOMEM;
	if (!err) {
		heir->spi_r = be64_load(m->sa.v[0].spi);
		err =
		    ike_sa_derive(heir, t->sa, secret_bytes(&shared), m->nonce, bytes_of(NULL, 0));
	}
	if (!err)
		ike_qcd_hear(heir, m);
	secret_fini(&shared);
	if (err)
		ike_reason_set(why, err, "the new keys of the IKE SA could not be made: %s",
		    ike_err_sentence(err));
	return err;
}

/* Section 2.8.2: of two new ones the one with the lowest nonce goes, by who asked for it. */
static bool loses(const struct ike_sa *sa, struct bytes ours)
{
	return sa->rival && ike_rekey_lower(ours, ike_blob_bytes(&sa->lowest)).p == ours.p;
}

static void settle(struct ike_sa *sa, struct bytes ours)
{
	struct ike_sa *heir = sa->heir;

	if (loses(sa, ours)) {
		ike_heir_discard(heir, true);
		ike_heir_yield(sa);
		return;
	}
	ike_heir_outdo(sa);
	ike_heir_takes_over(sa, heir, true);
}

static struct ike_series *make_series(
    const struct ike_task *t, const struct ike_msg *m, const struct ike_notify *link)
{
	struct ike_sa *sa = t->sa, *heir = sa->heir;
	struct bytes ni = bytes_of(t->ni, sizeof t->ni);
	struct secret shared = SECRET_NONE;
	struct ike_series *s;

	if (ike_kex_derive(t->kex, m->ke.value, &shared) || !ike_blob_copy(&heir->ni, ni)) {
		secret_fini(&shared);
		return NULL;
	}
	heir->spi_r = be64_load(m->sa.v[0].spi);
	s = ike_series_new(sa, &heir->suite, &shared, ni, m->nonce);
	if (s && !ike_blob_copy(&s->link, link->data)) {
		ike_series_free(s);
		s = NULL;
	}
	return s;
}

/* RFC 9370 section 2.2.4: further key exchanges follow. Of two crossing ones the loser does not go
 * on, and the peer has nothing of it that could be deleted. */
static void begin_series(struct ike_task *t, const struct ike_msg *m)
{
	const struct ike_notify *link = ike_msg_notify(m, IKE_N_ADDITIONAL_KEY_EXCHANGE);
	struct ike_sa *sa = t->sa;
	struct ike_series *s = NULL;
	struct ike_reason why;

	if (link && loses(sa, ike_rekey_lower(bytes_of(t->ni, sizeof t->ni), m->nonce))) {
		ike_task_free(t);
		ike_heir_yield(sa);
		return;
	}
	if (link) {
		ike_heir_outdo(sa);
		s = make_series(t, m, link);
	}
	if (s) {
		ike_followup_begin(t, s);
		return;
	}
	ike_reason_set(&why, link ? IKE_EKEVALUE : IKE_ESYNTAX, "%s",
	    link ? "the key exchange for the IKE SA failed"
		 : "the peer chose additional key exchanges for the IKE SA and says nothing of how "
		   "they go on (no ADDITIONAL_KEY_EXCHANGE): the peer is at fault");
	ike_task_free(t);
	ike_rekey_ike_failed(sa, &why);
}

static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_error(m);
	struct ike_sa *sa = t->sa;
	struct ike_reason why;
	enum ike_err err;

	if (n || !sa->heir) {
		if (n)
			on_error(t, n);
		else
			ike_task_free(t);
		return;
	}
	sa->put_off_at = 0;
	err = judge(t, m, &why);
	if (!err && ike_series_is_due(&sa->heir->suite)) {
		begin_series(t, m);
		return;
	}
	if (!err)
		err = make_keys(t, m, &why);
	if (!err)
		settle(sa, ike_rekey_lower(bytes_of(t->ni, sizeof t->ni), m->nonce));
	else
		ike_sa_close(sa, &why); /* the peer has gone over to keys that we do not have */
	ike_task_free(t);
}

static void abort_rekey(struct ike_task *t, enum ike_err err)
{
	struct ike_reason why;

	if (!err)
		return; /* the SA goes, or is closed, and its heir with it */
	ike_reason_set(&why, err, "the request for new keys of the IKE SA could not be made: %s",
	    ike_err_sentence(err));
	ike_rekey_ike_failed(t->sa, &why);
}

const struct ike_task_ops ike_task_rekey_ike = {.exchange = IKE_EXCHANGE_CREATE_CHILD,
    .what = "the request for new keys of the IKE SA",
    .build = build,
    .on_response = on_response,
    .abort = abort_rekey};

/*
 * A further child of an IKE SA that is up: RFC 7296 sections 1.3.1, 2.7, 2.25.
 *
 * INVALID_KE_PAYLOAD: again with the group that is wanted, when it is among ours.
 * TEMPORARY_FAILURE: again later, for some minutes.
 */
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/mode.h"
#include "ike/task/task.h"

enum {
	TEMPORARY_MS = 10000, /* the first wait; it doubles, up to a minute */
};

/* What the old keys were made with is what the peer takes. */
static uint16_t first_group(const struct ike_child *c, const struct proposal_list *offer)
{
	uint16_t before = c->old ? c->old->suite.ke.id : KE_NONE;

	return before != KE_NONE && proposal_has_ke(offer, before) ? before
								   : proposal_first_ke(offer);
}

/* HDR, SK {SA, Ni, [KEi,] TSi, TSr} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	struct ike_sa *sa = t->sa;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, t->child);
	struct proposal_list proposals;
	struct ts_list local, remote;
	char offer[PROPOSAL_TEXT];
	enum ike_err err;

	if (t->child->rekey && !ike_rekey_is_wanted(t->child))
		return IKE_ECHILDNOTFOUND; /* the old one went while this waited for its turn */
	ike_child_offer_proposals(t->child, false, &proposals);
	if (!proposals.n)
		return IKE_EUNSUPPORTED;
	ike_child_offer_ts(t->child, &local, &remote);
	if (!t->group)
		t->group = first_group(t->child, &proposals);
	err = ike_random(sa->e->p.libctx, t->ni, sizeof t->ni);
	ike_kex_free(t->kex);
	t->kex = NULL;
	if (!err && t->group != KE_NONE)
		err = ike_kex_new(&t->kex, sa->e->p.libctx, t->group);
	if (err)
		return err;
	if (t->child->old)
		ike_build_notify_spi(
		    b, IKE_N_REKEY_SA, SA_ESP, t->child->old->spi_in, bytes_of(NULL, 0));
	ike_mode_ask(t->child, b);
	ike_build_sa(b, &proposals);
	ike_build_nonce(b, bytes_of(t->ni, sizeof t->ni));
	if (t->kex)
		ike_build_ke(b, t->group, ike_kex_public(t->kex));
	ike_build_ts(b, IKE_PLD_TSI, &local);
	ike_build_ts(b, IKE_PLD_TSR, &remote);
	ike_emit_step(sa->e, &ref, "sent CREATE_CHILD_SA %s child %s, offering %s",
	    t->child->old ? "to rekey" : "for", t->child->cfg->name,
	    proposal_list_text(&proposals, offer, sizeof offer));
	return IKE_OK;
}

static void queue_again(struct ike_task *t)
{
	struct ike_task **at = &t->sa->tasks;

	while (*at)
		at = &(*at)->next;
	t->next = NULL;
	*at = t;
}

static bool another_group(struct ike_task *t, const struct ike_notify *n)
{
	struct proposal_list proposals;
	uint16_t group = n->data.n == 2 ? be16_load(n->data.p) : KE_NONE;

	ike_child_offer_proposals(t->child, false, &proposals);
	if (!group || group == t->group || t->groups >= IKE_NEW_KEYS_GROUPS_MAX ||
	    !proposal_has_ke(&proposals, group))
		return false;
	t->groups++;
	t->group = group;
	return true;
}

static bool later(struct ike_task *t)
{
	uint64_t wait = TEMPORARY_MS;

	if (t->rounds >= IKE_TEMPORARY_MAX)
		return false;
	for (uint32_t i = 0; i < t->rounds; i++)
		wait *= 2;
	t->rounds++;
	t->not_before =
	    t->sa->e->now + (wait < IKE_TEMPORARY_LONGEST_MS ? wait : IKE_TEMPORARY_LONGEST_MS);
	return true;
}

/* It may insist on perfect forward secrecy where we name no key exchange. */
static bool with_ke(struct ike_task *t, const struct ike_notify *n)
{
	struct ike_child *c = t->child;
	struct ike_sa_ref ref = ike_sa_ref_of(t->sa, c);

	if (c->with_ke || proposal_first_ke(&c->cfg->esp_proposals) != KE_NONE)
		return false;
	c->with_ke = true;
	t->group = KE_NONE;
	ike_emit_step(t->sa->e, &ref,
	    "the peer refused the child %s without a key exchange (%s): it is asked again with "
	    "one, "
	    "for it may insist on perfect forward secrecy; name a group in esp_proposals, such as "
	    "aes256gcm16-x25519, to have it at once",
	    c->cfg->name, ike_notify_keyword(n->type));
	return true;
}

/* Is the same child to be asked for again? A rekey that has to wait is begun anew by its timer. */
static bool goes_on(struct ike_task *t, const struct ike_notify *n)
{
	if (t->child->doomed || t->child->rival)
		return false;
	if (n->type == IKE_N_INVALID_KE_PAYLOAD)
		return another_group(t, n) || with_ke(t, n);
	if (ike_child_wants_single(t->child, n->type))
		return true;
	if (n->type == IKE_N_NO_PROPOSAL_CHOSEN)
		return with_ke(t, n);
	if (n->type == IKE_N_TEMPORARY_FAILURE)
		return !t->child->rekey && later(t);
	return n->type == IKE_N_CHILD_SA_NOT_FOUND && ike_rekey_from_scratch(t->child);
}

static void on_error(struct ike_task *t, const struct ike_notify *n)
{
	struct ike_parties w = ike_sa_parties(t->sa, t->child->cfg);
	struct proposal_list proposals;
	struct ike_reason why;
	bool rekey;

	if (goes_on(t, n)) {
		queue_again(t);
		return;
	}
	if (n->type == IKE_N_INVALID_KE_PAYLOAD && n->data.n == 2) {
		ike_child_offer_proposals(t->child, false, &proposals);
		ike_explain_group_refused(&why, &w, be16_load(n->data.p), &proposals);
	} else {
		ike_child_explain_refusal(t->child, false, n->type, &why);
	}
	if (n->type == IKE_N_TEMPORARY_FAILURE)
		why.err = IKE_ETEMPORARY;
	rekey = t->child->rekey;
	ike_child_failed(t->child, &why);
	if (rekey || n->type == IKE_N_TEMPORARY_FAILURE)
		ike_rekey_refused(t->sa, n->type);
	ike_task_free(t);
}

static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_error(m);
	struct ike_series *more = NULL;
	struct ike_child_answer a = {.m = m,
	    .ni = bytes_of(t->ni, sizeof t->ni),
	    .nr = m->nonce,
	    .kex = t->kex,
	    .more = &more};

	if (n) {
		on_error(t, n);
		return;
	}
	t->sa->put_off_at = 0;
	if (!ike_msg_has(m, IKE_PLD_NONCE)) {
		struct ike_reason why;

		ike_reason_set(&why, IKE_ESYNTAX,
		    "the peer's answer about \"%s\" has no nonce: the peer is at fault",
		    t->child->cfg->name);
		ike_child_failed_there(t->child, &why);
	} else {
		ike_child_take_answer(t->child, &a);
	}
	if (more)
		ike_followup_begin(t, more);
	else
		ike_task_free(t);
}

static void abort_create(struct ike_task *t, enum ike_err err)
{
	struct ike_reason why;

	if (!err)
		return; /* whoever ends the SA or the child sees to the child */
	ike_reason_set(&why, err, "the request for the child \"%s\" could not be made: %s",
	    t->child->cfg->name, ike_err_sentence(err));
	ike_child_failed(t->child, &why);
}

const struct ike_task_ops ike_task_create_child = {.exchange = IKE_EXCHANGE_CREATE_CHILD,
    .what = "CREATE_CHILD_SA",
    .build = build,
    .on_response = on_response,
    .abort = abort_create};

/*
 * CREATE_CHILD_SA as responder: a further child, or a new one in the place of an old one (RFC 7296
 * sections 1.3.1 and 1.3.3; the peer deletes the old one). New keys for the IKE SA: rekey_ike.c.
 */
#include "ike/collision.h"
#include "ike/exchange/exchange.h"
#include "ike/reauth.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"
#include "ike/vip.h"

static enum ike_err say(struct ike_in *in, uint16_t type, struct bytes data)
{
	return ike_answer_notify(in->sa, IKE_EXCHANGE_CREATE_CHILD, in->m->hdr.msg_id, type, data);
}

/* An answer that makes a child is under way to us: what we do not know yet may be that one. */
static bool is_making_one(const struct ike_sa *sa)
{
	return ike_task_is_child(sa->active);
}

/* The child that REKEY_SA names by the SPI that its sender receives with. */
static enum ike_err rekeyed_child(
    struct ike_in *in, const struct ike_notify *n, struct ike_child **old)
{
	struct ike_build b;
	uint32_t spi = n->spi.n == 4 ? be32_load(n->spi.p) : 0;

	*old = n->proto == SA_ESP && spi ? ike_child_by_spi_out(in->sa, spi) : NULL;
	if (*old)
		return IKE_OK;
	if (is_making_one(in->sa))
		return say(in, IKE_N_TEMPORARY_FAILURE, bytes_of(NULL, 0));
	ike_answer_begin(in->sa, &b, IKE_EXCHANGE_CREATE_CHILD, in->m->hdr.msg_id);
	ike_build_notify_spi(&b, IKE_N_CHILD_SA_NOT_FOUND, SA_ESP, spi, bytes_of(NULL, 0));
	return ike_answer_end(in->sa, &b, IKE_EXCHANGE_CREATE_CHILD);
}

static enum ike_err decline(struct ike_in *in, enum ike_err err, const struct ike_child_made *made,
    const struct ike_reason *why)
{
	uint8_t group[2];
	enum ike_err sent;

	if (err == IKE_EKE) {
		be16_store(group, made->group);
		return say(in, IKE_N_INVALID_KE_PAYLOAD, bytes_of(group, sizeof group));
	}
	sent = say(in, ike_child_notify(err), bytes_of(NULL, 0));
	if (!sent && err != IKE_EMAXQUEUE) /* that is no failure */
		ike_emit_child_failed(in->sa, made->choice.cfg, 0, why);
	return sent;
}

static enum ike_err make(struct ike_in *in, struct ike_child *old)
{
	struct ike_child_request rq = {.m = in->m, .old = old};
	struct ike_child_made made = {0};
	struct ike_reason why;
	struct ike_build b;
	enum ike_err err;

	ike_answer_begin(in->sa, &b, IKE_EXCHANGE_CREATE_CHILD, in->m->hdr.msg_id);
	err = ike_vip_lease(in->sa, in->m, true, &why);
	ike_vip_answer(in->sa, in->m, &b);
	if (!err)
		err = ike_child_answer(in->sa, &rq, &b, &made, &why);
	if (err == IKE_ENOMEM)
		return err;
	if (err == IKE_ETEMPORARY)
		return say(in, IKE_N_TEMPORARY_FAILURE, bytes_of(NULL, 0));
	if (err)
		return decline(in, err, &made, &why);
	err = ike_answer_end(in->sa, &b, IKE_EXCHANGE_CREATE_CHILD);
	if (err) {
		ike_child_unmake(&made);
		return err;
	}
	if (made.series) {
		ike_series_enlist(made.series);
		if (old)
			ike_rekey_begun_by_peer(
			    old, made.child, in->m->nonce, bytes_of(made.nr, sizeof made.nr));
		return IKE_OK;
	}
	ike_child_install(made.child, &made.terms, made.ev);
	if (old)
		ike_rekey_by_peer(old, made.child, in->m->nonce, bytes_of(made.nr, sizeof made.nr));
	return IKE_OK;
}

/* Ours in its place is agreed on, and in its further key exchanges: RFC 9370 section 2.2.4. */
static bool is_going_on(const struct ike_sa *sa, const struct ike_child *old)
{
	const struct ike_task *t = sa->active;

	return t && t->series && t->child && t->child->old == old;
}

static enum ike_err on_child(struct ike_engine *e, struct ike_in *in)
{
	const struct ike_notify *rekey = ike_msg_notify(in->m, IKE_N_REKEY_SA);
	enum ike_asked asked = rekey ? IKE_ASKED_REKEY_CHILD : IKE_ASKED_CREATE_CHILD;
	struct ike_child *old = NULL;
	enum ike_err err;

	(void)e;
	if (ike_reauth_has_successor(in->sa)) /* which will have all of it soon */
		return say(in, IKE_N_TEMPORARY_FAILURE, bytes_of(NULL, 0));
	if (rekey) {
		err = rekeyed_child(in, rekey, &old);
		if (err || !old)
			return err;
	}
	if (old)
		ike_series_supersede(old);
	/* One that was rekeyed once waits for its Delete: it is as good as closing. */
	if (ike_collide(ike_doing_now(in->sa, old), asked) == IKE_DO_TEMPORARY ||
	    (old && (old->state == IKE_CHILD_REKEYED || is_going_on(in->sa, old))))
		return say(in, IKE_N_TEMPORARY_FAILURE, bytes_of(NULL, 0));
	return make(in, old);
}

static enum ike_err on_old(struct ike_engine *e, struct ike_in *in)
{
	(void)e;
	return say(in, IKE_N_TEMPORARY_FAILURE, bytes_of(NULL, 0));
}

static enum ike_err on_request(struct ike_engine *e, struct ike_in *in)
{
	enum ike_rules rules;

	if (ike_msg_rules(in->m, &rules) && rules == IKE_RULES_REKEY_REQ)
		return ike_on_ike_rekey(in);
	return on_child(e, in);
}

/*
 * HDR, SK {[N(REKEY_SA),] [CP,] SA, Ni, [KEi,] TSi, TSr}  -->
 *                                <--  HDR, SK {[CP,] SA, Nr, [KEr,] TSi, TSr}
 *                          or    <--  HDR, SK {N(error)}
 */
/* clang-format off */
static const struct ike_row rows[] = {
	/* phases                          response  notify         must have                       handler              next           story */
	{IKE_IN(UP)|IKE_IN(CLOSING),       false,    IKE_ROW_PLAIN, IKE_NEEDS(SA)|IKE_NEEDS(NONCE), on_request,          IKE_NEXT_SAME, "the peer wants a child, or new keys"},
	{IKE_IN(OLD),                      false,    IKE_ROW_PLAIN, 0,                              on_old,              IKE_NEXT_SAME, "the peer has not noticed that this SA was rekeyed"},
	{IKE_IN(UP)|IKE_IN(CLOSING),       true,     IKE_ROW_PLAIN, 0,                              ike_on_task_response, IKE_NEXT_SAME, "the peer answers our request for a child"},
};
/* clang-format on */

const struct ike_exchange_rows ike_rows_create_child = {
    IKE_EXCHANGE_CREATE_CHILD, rows, sizeof rows / sizeof rows[0]};

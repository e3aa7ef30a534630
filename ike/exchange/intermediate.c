/*
 * IKE_INTERMEDIATE, both sides: RFC 9242, RFC 9370 section 2.2.2.
 *
 * Nobody is authenticated yet, but both ends know the keys of the exchange before, so an error is
 * final. What was said here is proved by IKE_AUTH.
 */
#include "ike/intermediate.h"

#include "ike/exchange/exchange.h"
#include "ike/task/task.h"

/* ---- The responder ---- */

static void explain_group(
    struct ike_reason *why, const struct ike_sa *sa, uint16_t got, struct transform due)
{
	struct transform t = {TRANSFORM_KE, got, 0};
	char at[ENDPOINT_TEXT], theirs[48], ours[48];

	if (due.id == KE_NONE)
		ike_reason_set(why, IKE_ESYNTAX,
		    "%s sent an IKE_INTERMEDIATE with %s where no additional key exchange is due: "
		    "the peer is at fault",
		    endpoint_text(&sa->remote, at), transform_text(t, theirs, sizeof theirs));
	else
		ike_reason_set(why, IKE_ESYNTAX,
		    "%s sent an IKE_INTERMEDIATE with %s where %s is due: the peer is at fault",
		    endpoint_text(&sa->remote, at), transform_text(t, theirs, sizeof theirs),
		    transform_text(due, ours, sizeof ours));
}

/* INVALID_SYNTAX, and the SA lingers to say it again if that is lost. */
static void refuse(struct ike_in *in, const struct ike_reason *why)
{
	struct ike_sa *sa = in->sa;
	bool told = ike_answer_notify(sa, IKE_EXCHANGE_INTERMEDIATE, in->m->hdr.msg_id,
			IKE_N_INVALID_SYNTAX, bytes_of(NULL, 0)) == IKE_OK;

	ike_sa_fail(sa, why, false, told ? IKE_LINGER_MS : 0);
}

/* HDR, SK {KEr(n)}. Sealed before the keys change. */
static enum ike_err answer(
    struct ike_in *in, const struct ike_kex *kex, struct ike_intauth_value *mine)
{
	struct ike_sa *sa = in->sa;
	struct ike_build b;
	enum ike_err err;

	ike_answer_begin(sa, &b, IKE_EXCHANGE_INTERMEDIATE, in->m->hdr.msg_id);
	ike_build_ke(&b, ike_kex_group(kex), ike_kex_public(kex));
	err = ike_intermediate_mine(sa, &b, mine);
	return err ? err : ike_answer_end(sa, &b, IKE_EXCHANGE_INTERMEDIATE);
}

static enum ike_err exchange(struct ike_in *in, struct transform due)
{
	struct ike_sa *sa = in->sa;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_intauth_value mine, theirs;
	struct secret shared = SECRET_NONE;
	struct ike_kex *kex = NULL;
	struct ike_reason why;
	char name[48];
	enum ike_err err = ike_intermediate_theirs(sa, in, &theirs);

	if (!err)
		err = ike_kex_answer(&kex, sa->e->p.libctx, due.id, in->m->ke.value, &shared);
	if (err == IKE_EKEVALUE) {
		ike_reason_set(&why, err, "the additional key exchange %s failed: %s",
		    transform_text(due, name, sizeof name), ike_err_sentence(err));
		refuse(in, &why);
		return IKE_OK;
	}
	if (!err)
		err = answer(in, kex, &mine);
	ike_kex_free(kex);
	if (!err) {
		ike_emit_step(sa->e, &ref, "received IKE_INTERMEDIATE with %s",
		    transform_text(due, name, sizeof name));
		err = ike_intermediate_done(sa, &mine, &theirs, secret_bytes(&shared));
		if (err) {
			ike_reason_set(&why, err, "the keys after %s could not be made: %s",
			    transform_text(due, name, sizeof name), ike_err_sentence(err));
			ike_sa_fail(sa, &why, false, 0);
			err = IKE_OK;
		}
	}
	secret_fini(&shared);
	return err;
}

static enum ike_err on_request(struct ike_engine *e, struct ike_in *in)
{
	struct transform due = ike_intermediate_due(in->sa);
	struct ike_reason why;

	(void)e;
	if (due.id != KE_NONE && in->m->ke.group == due.id)
		return exchange(in, due);
	explain_group(&why, in->sa, in->m->ke.group, due);
	refuse(in, &why);
	return IKE_OK;
}

/* ---- The initiator ---- */

static enum ike_err on_refusal(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	unsigned type = ike_msg_error(in->m)->type;
	struct ike_reason why;
	char at[ENDPOINT_TEXT], name[48];

	(void)e;
	ike_window_complete(&sa->win);
	ike_reason_set(&why, IKE_EPEERNOTIFY,
	    "%s refused the additional key exchange %s with %s (%u): %s; its log says why",
	    endpoint_text(&sa->remote, at),
	    transform_text(ike_intermediate_due(sa), name, sizeof name),
	    ike_notify_keyword((uint16_t)type), type, ike_notify_sentence((uint16_t)type));
	ike_sa_fail(sa, &why, true, 0);
	return IKE_OK;
}

static enum ike_err take(
    struct ike_in *in, const struct ike_kex *kex, struct transform due, struct ike_reason *why)
{
	struct ike_sa *sa = in->sa;
	struct ike_intauth_value theirs;
	struct secret shared = SECRET_NONE;
	char name[48];
	enum ike_err err;

	if (in->m->ke.group != due.id) {
		explain_group(why, sa, in->m->ke.group, due);
		return why->err;
	}
	err = ike_intermediate_theirs(sa, in, &theirs);
	if (!err)
		err = ike_kex_derive(kex, in->m->ke.value, &shared);
	if (!err)
		err = ike_intermediate_done(
		    sa, &sa->setup->intauth_mine, &theirs, secret_bytes(&shared));
	secret_fini(&shared);
	if (!err)
		err = ike_intermediate_go_on(sa);
	if (err)
		ike_reason_set(why, err, "the additional key exchange %s failed: %s",
		    transform_text(due, name, sizeof name), ike_err_sentence(err));
	return err;
}

static enum ike_err on_response(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	struct ike_task *t = sa->active;
	struct ike_reason why;
	enum ike_err err;

	(void)e;
	if (!t)
		return IKE_ESTATE;
	ike_window_complete(&sa->win);
	ike_task_take_active(sa);
	err = take(in, t->kex, ike_intermediate_due(sa), &why);
	ike_task_free(t);
	if (err) {
		ike_sa_fail(sa, &why, true, IKE_STOP_MS);
		ike_sa_say_goodbye(sa, 0);
	}
	return IKE_OK;
}

/*
 * HDR, SK {KEi(n)}  -->
 *                                <--  HDR, SK {KEr(n)}
 *                          or    <--  HDR, SK {N(error)}
 */
/* clang-format off */
static const struct ike_row rows[] = {
	/* phases         response  notify             must have      handler      next           story */
	{IKE_IN(INIT_R),  false,    IKE_ROW_PLAIN,     IKE_NEEDS(KE), on_request,  IKE_NEXT_SAME, "the initiator does an additional key exchange"},
	{IKE_IN(INTER_I), true,     IKE_ROW_ANY_ERROR, 0,             on_refusal,  IKE_NEXT_SAME, "the responder refuses it"},
	{IKE_IN(INTER_I), true,     IKE_ROW_PLAIN,     IKE_NEEDS(KE), on_response, IKE_NEXT_SAME, "the responder does its half"},
};
/* clang-format on */

const struct ike_exchange_rows ike_rows_intermediate = {
    IKE_EXCHANGE_INTERMEDIATE, rows, sizeof rows / sizeof rows[0]};

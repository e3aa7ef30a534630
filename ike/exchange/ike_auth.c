/*
 * IKE_AUTH, both sides, without EAP: RFC 7296 sections 1.2, 2.15, 2.21.2.
 *
 * Whoever holds our secrets works outside: a message that needs them is held, decrypted, and taken
 * up again when the operation is done (ike_auth_op_done). The peer learns of a failed
 * authentication only that it failed; the sentence stays here. A child that fails does not take the
 * IKE SA with it.
 */
#include <stdlib.h>
#include <string.h>

#include "ike/auth/announce.h"
#include "ike/auth/auth.h"
#include "ike/childless.h"
#include "ike/exchange/exchange.h"
#include "ike/intermediate.h"
#include "ike/ppk.h"
#include "ike/qcd.h"
#include "ike/reauth.h"
#include "ike/resume.h"
#include "ike/redirect.h"
#include "ike/select.h"
#include "ike/task/task.h"
#include "ike/unique.h"
#include "ike/vip.h"

/* ---- Holding ---- */

static enum ike_err hold(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_setup *s = sa->setup;

	if (s->held_plain)
		return IKE_EBUG;
	s->held_plain = malloc(m->raw.n ? m->raw.n : 1);
	if (!s->held_plain)
		return IKE_ENOMEM;
	memcpy(s->held_plain, m->raw.p, m->raw.n);
	s->held_n = m->raw.n;
	return ike_msg_parse_inner(&s->held, &sa->e->outer, bytes_of(s->held_plain, s->held_n));
}

static void drop_held(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;

	if (s->held_plain)
		secret_wipe(s->held_plain, s->held_n);
	free(s->held_plain);
	s->held_plain = NULL;
	s->held_n = 0;
}

static void step_authenticated(struct ike_sa *sa)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	const struct ike_auth_row *row = ike_auth_of(sa, false);
	char id[160], at[ENDPOINT_TEXT];

	ike_emit_step(sa->e, &ref, "authenticated \"%s\" at %s with %s",
	    ident_text(&sa->remote_id, id, sizeof id), endpoint_text(&sa->remote, at),
	    row ? row->what : "?");
}

/* ---- The responder ---- */

/* One notification, nothing more; the SA lingers to say it again if that is lost. */
static void refuse_with(struct ike_sa *sa, uint16_t notify, const struct ike_reason *why)
{
	bool told = ike_answer_notify(sa, IKE_EXCHANGE_AUTH, sa->win.recv_id - 1, notify,
			bytes_of(NULL, 0)) == IKE_OK;

	ike_sa_fail(sa, why, false, told ? IKE_LINGER_MS : 0);
}

static void refuse(struct ike_sa *sa, const struct ike_reason *why)
{
	refuse_with(sa, IKE_N_AUTHENTICATION_FAILED, why);
}

static bool choose_connection(struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	struct ident idr;
	struct ike_auth_offer o = {.local = sa->local,
	    .remote = sa->remote,
	    .suite = &sa->suite,
	    .idi = &sa->remote_id,
	    .idr = NULL};

	if (!ident_from_wire(&sa->remote_id, m->idi.type, m->idi.data)) {
		ike_reason_set(why, IKE_EID,
		    "the peer's identity is malformed or longer than %d bytes", IDENT_MAX);
		return false;
	}
	if (ike_msg_has(m, IKE_PLD_IDR)) {
		if (!ident_from_wire(&idr, m->idr.type, m->idr.data)) {
			ike_reason_set(why, IKE_EID,
			    "the identity that the peer asks for is malformed or longer than %d "
			    "bytes",
			    IDENT_MAX);
			return false;
		}
		o.idr = &idr;
	}
	sa->conn = ike_select_for_auth(sa->e->p.config, &o, why);
	if (!sa->conn)
		return false;
	sa->local_id = ike_select_local_id(sa->conn, &sa->local.addr);
	return !ike_resume_is(sa) || ike_resume_judge(sa, m, why);
}

static bool method_fits(const struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	const struct ike_auth_row *row = ike_auth_of(sa, false);
	struct ike_parties w = ike_sa_parties(sa, NULL);
	unsigned method = ike_msg_has(m, IKE_PLD_AUTH) ? m->auth.method : 0;

	if (row && method == (unsigned)row->method)
		return true;
	ike_explain_auth_method(why, &w, method);
	return false;
}

/* RFC 9370 section 2.2.2: what was agreed on must be done before. */
static bool skips_exchanges(const struct ike_sa *sa, struct ike_reason *why)
{
	struct transform due = ike_intermediate_due(sa);
	char at[ENDPOINT_TEXT], name[48];

	if (due.id == KE_NONE)
		return false;
	ike_reason_set(why, IKE_EAUTH,
	    "%s went on to IKE_AUTH without the additional key exchange %s that it agreed to: the "
	    "peer is at fault",
	    endpoint_text(&sa->remote, at), transform_text(due, name, sizeof name));
	return true;
}

static enum ike_err on_request(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	struct ike_reason why;
	enum ike_err err;

	(void)e;
	if (skips_exchanges(sa, &why)) {
		refuse(sa, &why);
		return IKE_OK;
	}
	if (!choose_connection(sa, in->m, &why) || !method_fits(sa, in->m, &why)) {
		refuse(sa, &why);
		return IKE_OK;
	}
	ike_announce_hear(sa, in->m);
	err = hold(sa, in->m);
	if (!err)
		err = ike_ppk_judge_auth(sa, &why);
	if (err == IKE_EAUTH) {
		refuse(sa, &why);
		return IKE_OK;
	}
	if (err)
		drop_held(sa);
	return err;
}

/* The peer's AUTH value against the one it should have sent. */
static bool peer_is_genuine(
    struct ike_sa *sa, bool found, struct bytes expected, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	char at[ENDPOINT_TEXT];

	if (!found) {
		ike_explain_no_secret(why, &w, &sa->local_id, &sa->remote_id);
		return false;
	}
	if (expected.n && secret_equal(expected, sa->setup->held.auth.data))
		return true;
	if (ike_resume_is(sa))
		ike_reason_set(why, IKE_EAUTH,
		    "%s does not have the keys of the ticket that was presented: somebody may have "
		    "read it on the wire",
		    endpoint_text(&sa->remote, at));
	else if (ike_ppk_used(sa))
		ike_explain_bad_ppk(why, &w, &sa->local_id, &sa->remote_id, ike_ppk_used(sa));
	else
		ike_explain_bad_psk(why, &w, &sa->local_id, &sa->remote_id);
	return false;
}

static void verified_initiator(struct ike_sa *sa, bool found, struct bytes result)
{
	const struct ike_auth_row *row = ike_auth_of(sa, true);
	struct ike_reason why;
	char id[160];
	enum ike_err err;

	if (!peer_is_genuine(sa, found, result, &why)) {
		refuse(sa, &why);
		return;
	}
	if (!ike_unique_allows(sa)) {
		ike_reason_set(&why, IKE_EREPLACED,
		    "\"%s\" is connected already, and connections.%s.unique is \"keep\": end the "
		    "old IKE SA first, or set \"replace\"",
		    ident_text(&sa->remote_id, id, sizeof id), sa->conn->name);
		refuse(sa, &why);
		return;
	}
	err = row ? row->ask(sa, true) : IKE_EBUG;
	if (err) {
		ike_reason_set(
		    &why, err, "our own authentication could not begin: %s", ike_err_sentence(err));
		refuse(sa, &why);
		return;
	}
	sa->phase = IKE_PHASE_SIGN_R;
}

/* HDR, SK {IDr, AUTH, [SAr2, TSi, TSr]}, or with N(error) for the child's part. */
static void answer_initiator(struct ike_sa *sa, struct bytes auth)
{
	struct ike_setup *s = sa->setup;
	struct ike_child_request rq = {.m = &s->held,
	    .first = true,
	    .ni = ike_blob_bytes(&sa->ni),
	    .nr = ike_blob_bytes(&s->nr)};
	struct ike_child_made made = {0};
	struct ike_reason child_why, why;
	struct ike_build b;
	bool with;
	enum ike_err child_err = ike_childless_judge(sa, &s->held, &with, &child_why), err;

	if (child_err == IKE_ESYNTAX) {
		refuse_with(sa, IKE_N_INVALID_SYNTAX, &child_why);
		return;
	}
	ike_resume_inherit(sa);
	ike_answer_begin(sa, &b, IKE_EXCHANGE_AUTH, sa->win.recv_id - 1);
	ike_build_id(&b, IKE_PLD_IDR, &sa->local_id);
	ike_build_auth(&b, ike_auth_of(sa, true)->method, auth);
	ike_ppk_confirm(sa, &b);
	ike_qcd_give(sa, &b);
	ike_resume_answer(sa, sa, &s->held, &b);
	ike_reauth_announce(sa, &b);
	if (!child_err)
		child_err = ike_vip_lease(sa, &s->held, with, &child_why);
	ike_vip_answer(sa, &s->held, &b);
	if (with && !child_err)
		child_err = ike_child_answer(sa, &rq, &b, &made, &child_why);
	if (!with)
		ike_ext_add(&sa->extensions, IKE_EXT_CHILDLESS);
	if (child_err)
		ike_build_notify(
		    &b, (enum ike_notify_type)ike_child_notify(child_err), bytes_of(NULL, 0));
	/* The answer is whole before other SAs are ended for this one: their Deletes are built in
	 * the same scratch. */
	err = ike_answer_end(sa, &b, IKE_EXCHANGE_AUTH);
	if (!err && sa->conn->unique != UNIQUE_NEVER &&
	    ike_msg_notify(&s->held, IKE_N_INITIAL_CONTACT))
		ike_unique_initial_contact(sa);
	if (!err)
		ike_resume_used(sa);
	if (!err)
		err = ike_sa_establish(sa);
	if (err) {
		ike_child_unmake(&made);
		ike_reason_set(&why, err, "the answer to IKE_AUTH could not be made: %s",
		    ike_err_sentence(err));
		ike_sa_fail(sa, &why, false, 0);
		return;
	}
	ike_qcd_hear(sa, &s->held);
	if (child_err)
		ike_emit_child_failed(sa, made.choice.cfg, 0, &child_why);
	else if (with)
		ike_child_install(made.child, &made.terms, made.ev);
	ike_setup_free(s);
	sa->setup = NULL;
}

/* HDR, SK {IDr, AUTH, N(REDIRECT)}: RFC 5685 section 6. The peer deletes the SA; its repeats and
 * that Delete are answered for a while. */
static void redirect_initiator(struct ike_sa *sa, struct bytes auth)
{
	struct ike_reason why;
	struct ike_build b;
	char text[300];
	enum ike_err err;

	ike_answer_begin(sa, &b, IKE_EXCHANGE_AUTH, sa->win.recv_id - 1);
	ike_build_id(&b, IKE_PLD_IDR, &sa->local_id);
	ike_build_auth(&b, ike_auth_of(sa, true)->method, auth);
	ike_ppk_confirm(sa, &b);
	ike_redirect_build(&b, &sa->conn->redirect_to);
	err = ike_answer_end(sa, &b, IKE_EXCHANGE_AUTH);
	ike_reason_set(&why, IKE_EREDIRECTED,
	    "the peer was sent to %s (connections.%s.redirect_to)",
	    ident_text(&sa->conn->redirect_to, text, sizeof text), sa->conn->name);
	ike_sa_fail(sa, &why, false, err ? 0 : IKE_LINGER_MS);
}

static void signed_answer(struct ike_sa *sa, bool found, struct bytes result)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_reason why;

	if (!found) {
		ike_explain_no_secret(&why, &w, &sa->local_id, &sa->remote_id);
		refuse(sa, &why);
		return;
	}
	step_authenticated(sa);
	if (ike_redirect_late(sa))
		redirect_initiator(sa, result);
	else
		answer_initiator(sa, result);
}

/* ---- The initiator ---- */

static void signed_request(struct ike_sa *sa, bool found, struct bytes result)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_reason why;
	enum ike_err err;

	if (!found) {
		ike_explain_no_secret(&why, &w, &sa->local_id, &sa->conn->remote.id);
		ike_sa_fail(sa, &why, true, 0);
		return;
	}
	err = secret_copy(&sa->setup->auth, result) ? ike_auth_request(sa) : IKE_ENOMEM;
	if (err) {
		ike_reason_set(
		    &why, err, "the IKE_AUTH request could not be made: %s", ike_err_sentence(err));
		ike_sa_fail(sa, &why, true, 0);
		return;
	}
	sa->expire_at = IKE_NEVER;
	sa->phase = IKE_PHASE_AUTH_I;
}

/* The responder has failed our checks: it hears of it, in the one exchange that section 2.21.2
 * allows. */
static void disown(struct ike_sa *sa, const struct ike_reason *why)
{
	ike_sa_fail(sa, why, true, IKE_STOP_MS);
	ike_sa_say_goodbye(sa, IKE_N_AUTHENTICATION_FAILED);
}

static void explain_refused(const struct ike_sa *sa, struct ike_reason *why)
{
	const struct ike_auth_row *row = ike_auth_find(sa->conn->local.auth);
	struct ike_parties w = ike_sa_parties(sa, NULL);
	char accepts[256];

	if (*ike_announce_misses(sa, row ? row->method : 0, accepts, sizeof accepts))
		ike_explain_not_accepted(why, &w, row ? row->what : "?", accepts);
	else if (ike_ppk_used(sa))
		ike_explain_ppk_refused(why, &w, &sa->local_id, ike_ppk_used(sa));
	else
		ike_explain_peer_refused_auth(why, &w, &sa->local_id, &sa->conn->remote.id);
}

static enum ike_err on_refusal(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	unsigned type = ike_msg_error(in->m)->type;
	struct ike_reason why;
	char at[ENDPOINT_TEXT];

	(void)e;
	ike_window_complete(&sa->win);
	if (type == IKE_N_AUTHENTICATION_FAILED)
		explain_refused(sa, &why);
	else
		ike_reason_set(&why, IKE_EPEERNOTIFY,
		    "%s refused IKE_AUTH with %s (%u): %s; its log says why",
		    endpoint_text(&sa->remote, at), ike_notify_keyword((uint16_t)type), type,
		    ike_notify_sentence((uint16_t)type));
	ike_sa_fail(sa, &why, true, 0);
	return IKE_OK;
}

static enum ike_err on_response(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_reason why;
	struct ident id;
	enum ike_err err;

	(void)e;
	ike_window_complete(&sa->win);
	ike_task_free(ike_task_take_active(sa));
	if (!ident_from_wire(&id, in->m->idr.type, in->m->idr.data))
		id = (struct ident){0};
	if (id.type == IDENT_ANY || !ident_match(&id, &sa->conn->remote.id) ||
	    (ike_resume_is(sa) && !ident_equal(&id, &sa->setup->resumed->r.id_r))) {
		ike_explain_wrong_remote_id(&why, &w, &id);
		disown(sa, &why);
		return IKE_OK;
	}
	sa->remote_id = id;
	if (!method_fits(sa, in->m, &why) || ike_ppk_conclude(sa, in->m, &why)) {
		disown(sa, &why);
		return IKE_OK;
	}
	err = hold(sa, in->m);
	if (!err)
		err = ike_auth_of(sa, false)->ask(sa, false);
	if (err) {
		ike_reason_set(&why, err, "the peer's authentication could not be checked: %s",
		    ike_err_sentence(err));
		disown(sa, &why);
	}
	return IKE_OK;
}

static void verified_responder(struct ike_sa *sa, bool found, struct bytes result)
{
	struct ike_setup *s = sa->setup;
	struct ike_reason why;
	enum ike_err err;

	if (!peer_is_genuine(sa, found, result, &why)) {
		disown(sa, &why);
		return;
	}
	step_authenticated(sa);
	if (ike_redirect_auth(sa, &s->held))
		return;
	if (!ike_vip_take(sa, &s->held, &why)) {
		ike_sa_fail(sa, &why, true, IKE_STOP_MS);
		ike_sa_say_goodbye(sa, 0);
		return;
	}
	ike_resume_inherit(sa);
	ike_resume_forget(sa->e, sa->conn);
	err = ike_sa_establish(sa);
	if (err) {
		ike_reason_set(
		    &why, err, "the IKE SA could not be set up: %s", ike_err_sentence(err));
		disown(sa, &why);
		return;
	}
	ike_reauth_hear(sa, &s->held);
	ike_resume_take(sa, &s->held);
	ike_qcd_hear(sa, &s->held);
	if (s->first) {
		struct ike_child_answer a = {.m = &s->held,
		    .ni = ike_blob_bytes(&sa->ni),
		    .nr = ike_blob_bytes(&s->nr),
		    .first = true};

		ike_child_take_answer(s->first, &a);
	}
	ike_setup_free(s);
	sa->setup = NULL;
}

/* ---- Operations ---- */

/* The PPK is mixed in, or the AUTH value without it is there; what the phase waits for follows. */
static void ppk_done(struct ike_sa *sa, bool found, struct bytes result)
{
	struct ike_reason why;

	if (!ike_ppk_op_done(sa, found, result, &why))
		return;
	if (sa->initiator)
		ike_sa_fail(sa, &why, true, 0);
	else
		refuse(sa, &why);
}

void ike_auth_op_done(struct ike_sa *sa, bool found, struct bytes result)
{
	void (*const next[IKE_PHASES])(struct ike_sa *, bool, struct bytes) = {
	    [IKE_PHASE_SIGN_I] = signed_request,
	    [IKE_PHASE_VERIFY_I] = verified_responder,
	    [IKE_PHASE_VERIFY_R] = verified_initiator,
	    [IKE_PHASE_SIGN_R] = signed_answer,
	};

	ike_sa_stop_waiting(sa);
	if (ike_ppk_waits(sa))
		ppk_done(sa, found, result);
	else if (next[sa->phase])
		next[sa->phase](sa, found, result);
}

void ike_auth_settle(struct ike_sa *sa)
{
	struct secret mac = SECRET_NONE;

	while (!sa->dead && sa->setup && sa->setup->computed.n) {
		secret_move(&mac, &sa->setup->computed);
		ike_auth_op_done(sa, true, secret_bytes(&mac));
	}
	secret_fini(&mac);
}

/*
 * HDR, SK {IDi, [N(INITIAL_CONTACT),] [IDr,] AUTH, [N(PPK_IDENTITY), [N(NO_PPK_AUTH),]] [CP,]
 *     [SAi2, TSi, TSr]}  -->
 *                                <--  HDR, SK {IDr, AUTH, [N(PPK_IDENTITY),] [CP,] [SAr2, TSi,
 *                                         TSr]}
 *                          or    <--  HDR, SK {IDr, AUTH, N(error)}      the child failed
 *                          or    <--  HDR, SK {IDr, AUTH, N(REDIRECT)}
 *                          or    <--  HDR, SK {N(error)}
 */
/* clang-format off */
static const struct ike_row rows[] = {
	/* phases         response  notify             must have                          handler      next                 story */
	{IKE_IN(INIT_R),  false,    IKE_ROW_PLAIN,     IKE_NEEDS(IDI),                    on_request,  IKE_PHASE_VERIFY_R,  "the initiator shows who it is"},
	{IKE_IN(AUTH_I),  true,     IKE_ROW_PLAIN,     IKE_NEEDS(IDR)|IKE_NEEDS(AUTH),    on_response, IKE_PHASE_VERIFY_I,  "the responder shows who it is"},
	{IKE_IN(AUTH_I),  true,     IKE_ROW_ANY_ERROR, 0,                                 on_refusal,  IKE_NEXT_SAME,       "the responder refuses us"},
};
/* clang-format on */

const struct ike_exchange_rows ike_rows_auth = {
    IKE_EXCHANGE_AUTH, rows, sizeof rows / sizeof rows[0]};

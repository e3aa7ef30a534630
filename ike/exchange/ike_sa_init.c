/*
 * IKE_SA_INIT, both sides: RFC 7296 sections 1.2, 2.6, 2.7, 2.10, 2.14, 2.21.1; RFC 8019.
 *
 * Nothing here is authenticated. The responder answers what it refuses without keeping anything,
 * and computes no key exchange before the group is right (and, under load, the cookie). The
 * initiator acts at once only on COOKIE and INVALID_KE_PAYLOAD, a bounded number of times; any
 * other refusal is remembered, and believed when a better answer has not come within REFUSAL_WAITS.
 */
#include "ike/admit.h"
#include "ike/auth/announce.h"
#include "ike/childless.h"
#include "ike/exchange/exchange.h"
#include "ike/exchange/initial.h"
#include "ike/intermediate.h"
#include "ike/nat.h"
#include "ike/ppk.h"
#include "ike/redirect.h"
#include "ike/select.h"
#include "ike/solver.h"
#include "ike/task/task.h"

/* ---- The responder ---- */

/* Without an SA: header copied, one notification. */
void ike_init_reply(
    struct ike_engine *e, const struct ike_in *in, enum ike_notify_type type, struct bytes data)
{
	struct ike_hdr h = {
	    .spi_i = in->m->hdr.spi_i, .exchange = in->m->hdr.exchange, .flags = IKE_FLAG_RESPONSE};
	struct ike_build b;
	struct bytes out;

	ike_build_begin(&b, e->out, sizeof e->out, &h);
	ike_build_notify(&b, type, data);
	out = ike_build_finish(&b);
	if (out.n)
		ike_send(e, &in->d->local, &in->d->remote, in->d->marker, out);
}

static enum ike_err responder_keys(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_setup *s = sa->setup;
	struct ossl_lib_ctx_st *lib = sa->e->p.libctx;
	struct secret shared = SECRET_NONE;
	uint8_t nr[IKE_NONCE_LEN];
	enum ike_err err = ike_random(lib, nr, sizeof nr);

	if (!err)
		err = ike_kex_answer(&s->kex, lib, m->ke.group, m->ke.value, &shared);
	sa->e->stats.key_exchanges++;
	if (!err &&
	    (!ike_blob_copy(&sa->ni, m->nonce) || !ike_blob_copy(&s->nr, bytes_of(nr, sizeof nr))))
		err = IKE_ENOMEM;
	s->additional = true;
	if (!err)
		err = ike_sa_derive(
		    sa, NULL, secret_bytes(&shared), ike_blob_bytes(&s->nr), bytes_of(NULL, 0));
	secret_fini(&shared);
	return err;
}

/* What both ends can do, as the two IKE_SA_INIT messages say. */
static void agree(struct ike_sa *sa, const struct config_conn *conn, const struct ike_msg *m)
{
	if (conn->fragmentation != FRAGMENTATION_NO &&
	    ike_msg_notify(m, IKE_N_FRAGMENTATION_SUPPORTED))
		ike_ext_add(&sa->extensions, IKE_EXT_FRAGMENTATION);
	if (!sa->initiator && ike_redirect_possible(m))
		ike_ext_add(&sa->extensions, IKE_EXT_REDIRECT);
	ike_ppk_agree(sa, m);
	if (ike_msg_notify(m, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED) &&
	    (!sa->initiator || ike_init_wants_intermediate(sa)))
		ike_ext_add(&sa->extensions, IKE_EXT_INTERMEDIATE);
}

enum ike_err ike_init_answer(
    struct ike_sa *sa, const struct ike_in *in, struct ike_build *b, uint8_t exchange)
{
	struct ike_setup *s = sa->setup;
	struct ike_mark mark = ike_mark_of(in->d->data);
	struct ike_parcel out = {0};
	enum ike_err err;

	if (ike_msg_notify(in->m, IKE_N_NAT_DETECTION_SOURCE_IP)) {
		err = ike_nat_build(sa, b);
		if (err)
			return err;
	}
	if (ike_ext_has(sa->extensions, IKE_EXT_FRAGMENTATION))
		ike_build_notify(b, IKE_N_FRAGMENTATION_SUPPORTED, bytes_of(NULL, 0));
	ike_ppk_answer(sa, b);
	if (s->childless)
		ike_build_notify(b, IKE_N_CHILDLESS_IKEV2_SUPPORTED, bytes_of(NULL, 0));
	if (ike_ext_has(sa->extensions, IKE_EXT_INTERMEDIATE))
		ike_build_notify(b, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, bytes_of(NULL, 0));
	err = ike_out_end(sa, b, exchange, &out);
	if (err)
		return err;
	if (!ike_blob_copy(&s->init_req, in->d->data) ||
	    !ike_blob_copy(&s->init_resp, ike_parcel_piece(&out, 0))) {
		ike_parcel_fini(&out);
		return IKE_ENOMEM;
	}
	ike_sa_transmit(sa, &out);
	ike_window_accept_request(&sa->win, &mark);
	ike_window_answer(&sa->win, &out);
	return IKE_OK;
}

static enum ike_err responder_answer(
    struct ike_sa *sa, const struct ike_in *in, const struct ike_init_choice *choice)
{
	struct ike_setup *s = sa->setup;
	struct proposal p =
	    proposal_from_suite(&sa->suite, SA_IKE, in->m->sa.v[choice->index].number);
	struct ike_build b;

	ike_out_begin(sa, &b, IKE_EXCHANGE_SA_INIT, true, 0);
	ike_build_sa_one(&b, &p);
	ike_build_ke(&b, ike_kex_group(s->kex), ike_kex_public(s->kex));
	ike_build_nonce(&b, ike_blob_bytes(&s->nr));
	ike_announce_build(choice->conn, &b);
	return ike_init_answer(sa, in, &b, IKE_EXCHANGE_SA_INIT);
}

enum ike_err ike_init_meet(
    struct ike_sa *sa, const struct ike_in *in, const struct config_conn *conn)
{
	sa->spi_i = in->m->hdr.spi_i;
	sa->local = in->d->local;
	sa->remote = in->d->remote;
	sa->marker = in->d->marker;
	sa->announced = conn->encap;
	sa->setup->childless = ike_childless_offers(conn);
	agree(sa, conn, in->m);
	return ike_nat_detect(sa, in->m, in->d);
}

static enum ike_err accept_initiator(
    struct ike_engine *e, struct ike_in *in, const struct ike_init_choice *choice)
{
	char at[ENDPOINT_TEXT], suite[SUITE_TEXT];
	struct ike_sa_ref ref;
	struct ike_sa *sa;
	enum ike_err err = ike_sa_new(&sa, e, false);

	if (err)
		return err;
	sa->suite = choice->suite;
	err = ike_init_meet(sa, in, choice->conn);
	if (!err)
		err = responder_keys(sa, in->m);
	if (!err)
		err = responder_answer(sa, in, choice);
	if (err) {
		ike_sa_free(sa);
		return err;
	}
	ike_kex_free(sa->setup->kex);
	sa->setup->kex = NULL;
	ike_sa_enter_half_open(sa);
	in->sa = sa;
	ref = ike_sa_ref_of(sa, NULL);
	ike_emit_step(e, &ref, "received IKE_SA_INIT from %s; chose %s; %s",
	    endpoint_text(&sa->remote, at), suite_text(&sa->suite, suite, sizeof suite),
	    ike_nat_story(sa));
	return IKE_OK;
}

static enum ike_err on_request(struct ike_engine *e, struct ike_in *in)
{
	struct ike_init_offer o = {.local = in->d->local,
	    .remote = in->d->remote,
	    .offered = &in->m->sa,
	    .ke = in->m->ke.group,
	    .intermediate = ike_msg_notify(in->m, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED) != NULL};
	struct ike_init_choice choice;
	struct ike_reason why;
	uint8_t group[2], redirect[IKE_REDIRECT_MAX];
	enum ike_err err;

	err = ike_admit(e, in);
	if (err == IKE_ENOPROPOSAL)
		ike_init_reply(e, in, IKE_N_NO_PROPOSAL_CHOSEN, bytes_of(NULL, 0));
	if (err)
		return err;
	if (!ike_select_for_init(e->p.config, ike_engine_can, e, &o, &choice, &why)) {
		ike_init_reply(e, in, IKE_N_NO_PROPOSAL_CHOSEN, bytes_of(NULL, 0));
		ike_emit_stillborn(e, NULL, 0, &why, false);
		return IKE_ENOPROPOSAL;
	}
	if (ike_redirect_early(choice.conn, choice.only, in->m)) {
		ike_init_reply(e, in, IKE_N_REDIRECT,
		    ike_redirect_data(redirect, &choice.conn->redirect_to, in->m->nonce));
		return IKE_EREDIRECTED;
	}
	if (choice.suite.ke.id != in->m->ke.group) {
		be16_store(group, choice.suite.ke.id);
		ike_init_reply(e, in, IKE_N_INVALID_KE_PAYLOAD, bytes_of(group, sizeof group));
		return IKE_EKE;
	}
	if (!ike_admit_has_room(e, &in->d->remote.addr)) {
		e->stats.dropped_limit++;
		return IKE_ELIMIT;
	}
	err = accept_initiator(e, in, &choice);
	if (err == IKE_EKEVALUE)
		e->stats.dropped_malformed++;
	return err;
}

/* ---- The initiator ---- */

/* The same exchange once more with what the responder wants in it. */
static enum ike_err again(struct ike_sa *sa)
{
	return sa->active ? ike_request_send(sa, sa->active) : IKE_ESTATE;
}

static void refuse(struct ike_sa *sa, const struct ike_reason *why)
{
	struct ike_setup *s = sa->setup;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);

	s->refusal = *why;
	if (s->refused)
		return;
	s->refused = true;
	s->refused_at = sa->e->now + ike_retransmit_wait(&sa->e->retransmit, 0) * 5 / 4;
	ike_emit_step(sa->e, &ref,
	    "refused, but without proof, so we go on trying for a moment: %s", why->text);
}

/* Nobody gets in by asking for cookies or puzzles on and on. */
static enum ike_err too_many_cookies(struct ike_sa *sa)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_reason why;

	if (sa->setup->too_hard)
		ike_explain_puzzle_too_hard(
		    &why, &w, sa->setup->too_hard, sa->e->limits.puzzle_difficulty_max);
	else
		ike_reason_set(&why, IKE_ELIMIT,
		    "the responder asked for a cookie %u times and still does not let us in: it is "
		    "under load, or the way to it changes our address; try again later",
		    sa->setup->cookies + 1);
	refuse(sa, &why);
	return IKE_ELIMIT;
}

enum ike_err ike_init_on_cookie(struct ike_engine *e, struct ike_in *in)
{
	const struct ike_notify *n = ike_msg_notify(in->m, IKE_N_COOKIE);
	const struct ike_notify *puzzle = ike_msg_notify(in->m, IKE_N_PUZZLE);
	struct ike_setup *s = in->sa->setup;
	struct ike_sa_ref ref = ike_sa_ref_of(in->sa, NULL);

	if (n->data.n < 1 || n->data.n > IKE_COOKIE_MAX || s->puzzle)
		return IKE_ESTATE;
	if (s->cookies >= IKE_COOKIES_MAX)
		return too_many_cookies(in->sa);
	if (!ike_blob_copy(&s->cookie, n->data))
		return IKE_ENOMEM;
	ike_blob_fini(&s->solution);
	s->cookies++;
	if (puzzle && ike_solver_begin(in->sa, puzzle))
		return IKE_OK;
	ike_emit_step(e, &ref, "the responder wants a cookie back");
	return again(in->sa);
}

static enum ike_err on_group(struct ike_engine *e, struct ike_in *in)
{
	const struct ike_notify *n = ike_msg_notify(in->m, IKE_N_INVALID_KE_PAYLOAD);
	struct ike_sa *sa = in->sa;
	struct ike_setup *s = sa->setup;
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct transform t = {.type = TRANSFORM_KE};
	struct ike_kex *kex;
	struct ike_reason why;
	char name[48];
	enum ike_err err;

	if (n->data.n != 2)
		return IKE_ESYNTAX;
	t.id = be16_load(n->data.p);
	if (!proposal_has_ke(&s->proposals, t.id) || t.id == s->group ||
	    s->groups >= IKE_GROUPS_MAX) {
		ike_explain_group_refused(&why, &w, t.id, &s->proposals);
		refuse(sa, &why);
		return IKE_EKE;
	}
	err = ike_kex_new(&kex, e->p.libctx, t.id);
	if (err)
		return err;
	ike_kex_free(s->kex);
	s->kex = kex;
	s->group = t.id;
	s->groups++;
	ike_emit_step(e, &ref,
	    "the responder wants the key exchange %s; sending IKE_SA_INIT again, with all "
	    "proposals",
	    transform_text(t, name, sizeof name));
	return again(sa);
}

static enum ike_err on_redirect(struct ike_engine *e, struct ike_in *in)
{
	(void)e;
	return ike_redirect_init(in->sa, in->m);
}

static enum ike_err on_refusal(struct ike_engine *e, struct ike_in *in)
{
	unsigned type = ike_msg_error(in->m)->type;
	struct ike_parties w = ike_sa_parties(in->sa, NULL);
	struct ike_reason why;

	(void)e;
	if (type == IKE_N_NO_PROPOSAL_CHOSEN)
		ike_explain_proposal_refused(&why, &w, &in->sa->setup->proposals);
	else
		ike_explain_notify_in_init(&why, &w, type);
	refuse(in->sa, &why);
	return IKE_EPEERNOTIFY;
}

/* What the responder chose, held against what we offered. */
static enum ike_err judge(
    struct ike_sa *sa, const struct ike_msg *m, struct suite *suite, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_setup *s = sa->setup;

	if (m->sa.n != 1 || m->sa.v[0].proto != SA_IKE ||
	    !proposal_is_subset(&m->sa.v[0], &s->proposals, false, suite)) {
		ike_explain_bad_choice(why, &w, &m->sa, &s->proposals);
		return IKE_ENOPROPOSAL;
	}
	if (m->ke.group != suite->ke.id || m->ke.group != s->group || !m->hdr.spi_r) {
		ike_reason_set(why, IKE_EKE,
		    "the responder's key exchange is for group %u, but it chose group %u: the peer "
		    "is at fault",
		    m->ke.group, suite->ke.id);
		return IKE_EKE;
	}
	if (suite_next_addke(suite, 0) < ADDKE_MAX &&
	    !ike_msg_notify(m, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED)) {
		ike_reason_set(why, IKE_ENOPROPOSAL,
		    "the responder chose additional key exchanges, but does not say that it does "
		    "IKE_INTERMEDIATE: the peer is at fault");
		return IKE_ENOPROPOSAL;
	}
	return ike_ppk_judge_init(sa, m, why);
}

static enum ike_err initiator_keys(
    struct ike_sa *sa, const struct ike_in *in, const struct suite *suite)
{
	struct ike_setup *s = sa->setup;
	struct secret shared = SECRET_NONE;
	enum ike_err err = ike_kex_derive(s->kex, in->m->ke.value, &shared);

	if (!err &&
	    (!ike_blob_copy(&s->nr, in->m->nonce) || !ike_blob_copy(&s->init_resp, in->d->data)))
		err = IKE_ENOMEM;
	if (!err) {
		sa->spi_r = in->m->hdr.spi_r;
		sa->suite = *suite;
		s->additional = true;
		err = ike_sa_derive(
		    sa, NULL, secret_bytes(&shared), ike_blob_bytes(&s->nr), bytes_of(NULL, 0));
	}
	if (err) {
		sa->spi_r = 0;
		sa->suite = (struct suite){0};
	}
	secret_fini(&shared);
	return err;
}

static void explain_no_auth(const struct ike_sa *sa, enum ike_err err, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);

	if (sa->setup->too_hard && err == IKE_ELIMIT)
		ike_explain_puzzle_too_hard(
		    why, &w, sa->setup->too_hard, sa->e->limits.puzzle_difficulty_max);
	else
		ike_reason_set(
		    why, err, "after IKE_SA_INIT nothing could go on: %s", ike_err_sentence(err));
}

enum ike_err ike_init_go_on(struct ike_sa *sa, struct ike_in *in)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_reason why;
	char text[SUITE_TEXT];
	enum ike_err err;
	bool floats;

	ike_window_complete(&sa->win);
	ike_task_free(ike_task_take_active(sa));
	sa->setup->refused = false;
	ike_blob_fini(&sa->setup->solution);
	sa->setup->too_hard = 0;
	ike_kex_free(sa->setup->kex);
	sa->setup->kex = NULL;
	agree(sa, sa->conn, in->m);
	ike_announce_hear(sa, in->m);
	err = ike_nat_detect(sa, in->m, in->d);
	floats = !sa->marker;
	ike_nat_float(sa);
	if (floats && sa->marker)
		ike_emit_step(sa->e, &ref, "negotiated %s; %s, floating to port %u",
		    suite_text(&sa->suite, text, sizeof text), ike_nat_story(sa), sa->remote.port);
	else
		ike_emit_step(sa->e, &ref, "negotiated %s; %s",
		    suite_text(&sa->suite, text, sizeof text), ike_nat_story(sa));
	if (!err && ike_msg_notify(in->m, IKE_N_PUZZLE))
		err = ike_solver_begin_auth(sa, ike_msg_notify(in->m, IKE_N_PUZZLE));
	if (!err)
		err = ike_intermediate_go_on(sa);
	if (err) {
		explain_no_auth(sa, err, &why);
		ike_sa_fail(sa, &why, true, 0);
		return IKE_OK;
	}
	if (ike_childless_decide(sa, in->m, &why))
		ike_sa_fail(sa, &why, true, 0);
	return IKE_OK;
}

static enum ike_err on_answer(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	struct ike_reason why;
	struct suite suite;
	enum ike_err err = judge(sa, in->m, &suite, &why);

	(void)e;
	if (!err) {
		err = initiator_keys(sa, in, &suite);
		ike_reason_set(&why, err, "the responder's IKE_SA_INIT answer is of no use: %s",
		    ike_err_sentence(err));
	}
	if (err) {
		refuse(sa, &why);
		return err;
	}
	return ike_init_go_on(sa, in);
}

/*
 * HDR(A,0), [N(COOKIE), [PS,]] SAi1, KEi, Ni, [N(IKEV2_FRAGMENTATION_SUPPORTED),]
 *     [N(INTERMEDIATE_EXCHANGE_SUPPORTED),] [N(REDIRECT_SUPPORTED),] N(NAT_DETECTION_*)  -->
 *      <--  HDR(A,B), SAr1, KEr, Nr, N(NAT_DETECTION_*), [N(IKEV2_FRAGMENTATION_SUPPORTED),]
 *                                                        [N(CHILDLESS_IKEV2_SUPPORTED)]
 *                          or    <--  HDR(A,0), N(COOKIE), [N(PUZZLE)]
 *                          or    <--  HDR(A,0), N(INVALID_KE_PAYLOAD)
 *                          or    <--  HDR(A,0), N(REDIRECT)
 *                          or    <--  HDR(A,0), N(error)
 */
/* clang-format off */
static const struct ike_row rows[] = {
	/* phases         response  notify                     must have                                     handler     next                 story */
	{0,               false,    IKE_ROW_PLAIN,             IKE_NEEDS(SA)|IKE_NEEDS(KE)|IKE_NEEDS(NONCE), on_request, IKE_NEXT_SAME,       "a peer begins"},
	{IKE_IN(INIT_I),  true,     IKE_N_COOKIE,              0,                                            ike_init_on_cookie, IKE_NEXT_SAME,       "the responder wants a cookie"},
	{IKE_IN(INIT_I),  true,     IKE_N_INVALID_KE_PAYLOAD,  0,                                            on_group,   IKE_NEXT_SAME,       "the responder wants another group"},
	{IKE_IN(INIT_I),  true,     IKE_N_REDIRECT,            0,                                            on_redirect, IKE_NEXT_SAME,      "the responder names another gateway"},
	{IKE_IN(INIT_I),  true,     IKE_ROW_ANY_ERROR,         0,                                            on_refusal, IKE_NEXT_SAME,       "the responder refuses"},
	{IKE_IN(INIT_I),  true,     IKE_ROW_PLAIN,             IKE_NEEDS(SA)|IKE_NEEDS(KE)|IKE_NEEDS(NONCE), on_answer,  IKE_NEXT_SAME,       "the responder agrees"},
};
/* clang-format on */

const struct ike_exchange_rows ike_rows_sa_init = {
    IKE_EXCHANGE_SA_INIT, rows, sizeof rows / sizeof rows[0]};

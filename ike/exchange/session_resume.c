/*
 * IKE_SESSION_RESUME, both sides: RFC 5723 sections 4.3.2 and 5.1. It stands in the place of
 * IKE_SA_INIT, and goes on as that does.
 *
 * Nothing here is authenticated: who presents a ticket may have read it on the wire. The gateway
 * keeps no more for it than a half-open IKE SA, under the same cookies and caps, and the ticket is
 * as good as before until IKE_AUTH has shown that the peer has its keys.
 */
#include "ike/admit.h"
#include "ike/exchange/exchange.h"
#include "ike/exchange/initial.h"
#include "ike/resume.h"
#include "ike/task/task.h"

/* ---- The gateway ---- */

static enum ike_err keys(struct ike_sa *sa, struct bytes ni, struct bytes nr)
{
	struct ike_setup *s = sa->setup;

	if (!ike_blob_copy(&sa->ni, ni) || !ike_blob_copy(&s->nr, nr))
		return IKE_ENOMEM;
	return ike_sa_derive_resumed(sa, secret_bytes(&s->resumed->r.sk_d), ike_blob_bytes(&s->nr));
}

/* HDR, Nr [,N+] */
static enum ike_err answer(struct ike_sa *sa, const struct ike_in *in)
{
	uint8_t nr[IKE_NONCE_LEN];
	struct ike_build b;
	enum ike_err err = ike_random(sa->e->p.libctx, nr, sizeof nr);

	if (!err)
		err = keys(sa, in->m->nonce, bytes_of(nr, sizeof nr));
	if (err)
		return err;
	ike_out_begin(sa, &b, IKE_EXCHANGE_SESSION_RESUME, true, 0);
	ike_build_nonce(&b, ike_blob_bytes(&sa->setup->nr));
	return ike_init_answer(sa, in, &b, IKE_EXCHANGE_SESSION_RESUME);
}

/* `held` is taken. */
static enum ike_err accept(struct ike_engine *e, struct ike_in *in, struct ike_held *held)
{
	char at[ENDPOINT_TEXT], id[160];
	const struct config_conn *conn = ike_resume_conn(e, in->d, &held->r);
	struct ike_sa_ref ref;
	struct ike_sa *sa;
	enum ike_err err = conn ? ike_sa_new(&sa, e, false) : IKE_ENOCONN;

	if (err) {
		ike_held_free(held);
		return err;
	}
	sa->setup->resumed = held;
	sa->setup->resuming = true;
	sa->suite = held->r.suite;
	err = ike_init_meet(sa, in, conn);
	if (!err)
		err = answer(sa, in);
	if (err) {
		ike_sa_free(sa);
		return err;
	}
	ike_sa_enter_half_open(sa);
	in->sa = sa;
	ref = ike_sa_ref_of(sa, NULL);
	ike_emit_step(e, &ref, "received IKE_SESSION_RESUME from %s with a ticket of \"%s\"",
	    endpoint_text(&sa->remote, at), ident_text(&held->r.id_i, id, sizeof id));
	return IKE_OK;
}

static enum ike_err on_request(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa_ref ref = {0};
	struct ike_reason why;
	struct ike_held *held;
	enum ike_err err = ike_admit(e, in);

	if (err)
		return err;
	held = ike_resume_open(e, in, &why);
	if (!held) {
		ike_init_reply(e, in, IKE_N_TICKET_NACK, bytes_of(NULL, 0));
		ike_emit_step(e, &ref, "%s", why.text);
		return why.err;
	}
	if (ike_admit_has_room(e, &in->d->remote.addr))
		return accept(e, in, held);
	ike_held_free(held);
	e->stats.dropped_limit++;
	return IKE_ELIMIT;
}

/* ---- The client ---- */

/* The ticket is of no use: the gateway says so, or its answer is. Nobody has proved anything; but
 * all that it costs us is the handshake that we would have without a ticket. */
static enum ike_err fall_back(struct ike_sa *sa)
{
	struct ike_reason why;
	enum ike_err err;

	ike_task_free(ike_task_take_active(sa));
	err = ike_resume_fall_back(sa, true);
	if (!err)
		return IKE_OK;
	ike_reason_set(&why, err, "the handshake could not be begun: %s", ike_err_sentence(err));
	ike_sa_fail(sa, &why, true, 0);
	return IKE_OK;
}

static enum ike_err on_refusal(struct ike_engine *e, struct ike_in *in)
{
	(void)e;
	return fall_back(in->sa);
}

static enum ike_err on_answer(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	struct ike_setup *s = sa->setup;
	struct bytes ni = ike_blob_bytes(&sa->ni);
	uint8_t own[IKE_NONCE_LEN];
	enum ike_err err = in->m->hdr.spi_r && ni.n == sizeof own ? IKE_OK : IKE_ESYNTAX;

	(void)e;
	if (!err && !ike_blob_copy(&s->init_resp, in->d->data))
		err = IKE_ENOMEM;
	if (!err) {
		memcpy(own, ni.p, sizeof own);
		sa->spi_r = in->m->hdr.spi_r;
		sa->suite = s->resumed->r.suite;
		err = keys(sa, bytes_of(own, sizeof own), in->m->nonce);
	}
	if (err) {
		sa->spi_r = 0;
		sa->suite = (struct suite){0};
		return fall_back(sa);
	}
	return ike_init_go_on(sa, in);
}

/*
 * HDR(A,0), [N(COOKIE),] Ni, N(TICKET_OPAQUE) [,N+]  -->
 *                                <--  HDR(A,B), Nr [,N+]
 *                          or    <--  HDR(A,0), N(COOKIE)
 *                          or    <--  HDR(A,0), N(TICKET_NACK)
 */
/* clang-format off */
static const struct ike_row rows[] = {
	/* phases         response  notify             must have         handler             next              story */
	{0,               false,    IKE_N_TICKET_OPAQUE, IKE_NEEDS(NONCE), on_request,       IKE_NEXT_SAME,    "a peer resumes"},
	{IKE_IN(INIT_I),  true,     IKE_N_COOKIE,      0,                ike_init_on_cookie, IKE_NEXT_SAME,    "the gateway wants a cookie"},
	{IKE_IN(INIT_I),  true,     IKE_N_TICKET_NACK, 0,                on_refusal,         IKE_NEXT_SAME,    "the gateway does not take the ticket"},
	{IKE_IN(INIT_I),  true,     IKE_ROW_ANY_ERROR, 0,                on_refusal,         IKE_NEXT_SAME,    "the gateway refuses"},
	{IKE_IN(INIT_I),  true,     IKE_ROW_PLAIN,     IKE_NEEDS(NONCE), on_answer,          IKE_PHASE_SIGN_I, "the gateway agrees"},
};
/* clang-format on */

const struct ike_exchange_rows ike_rows_session_resume = {
    IKE_EXCHANGE_SESSION_RESUME, rows, sizeof rows / sizeof rows[0]};

/*
 * The IKE_SA_INIT that we start: RFC 7296 sections 1.2 and 2.10. Its answers are handled by the
 * rows of exchange/ike_sa_init.c; this writes the request, however often a cookie or a group asks
 * for it again.
 */
#include "ike/nat.h"
#include "ike/ppk.h"
#include "ike/redirect.h"
#include "ike/task/task.h"

bool ike_init_wants_intermediate(const struct ike_sa *sa)
{
	const struct proposal_list *l = &sa->setup->proposals;

	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < l->v[i].n; k++) {
			if (transform_is_addke(l->v[i].t[k]))
				return true;
		}
	}
	return false;
}

void ike_init_announce(struct ike_sa *sa, struct ike_build *b)
{
	if (sa->conn->fragmentation != FRAGMENTATION_NO)
		ike_build_notify(b, IKE_N_FRAGMENTATION_SUPPORTED, bytes_of(NULL, 0));
	ike_redirect_announce(sa, b);
	if (ike_init_wants_intermediate(sa))
		ike_build_notify(b, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, bytes_of(NULL, 0));
}

static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	struct ike_sa *sa = t->sa;
	struct ike_setup *s = sa->setup;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char at[ENDPOINT_TEXT], offer[PROPOSAL_TEXT];

	if (s->cookie.n) /* first of all: section 2.6 */
		ike_build_notify(b, IKE_N_COOKIE, ike_blob_bytes(&s->cookie));
	if (s->solution.n) { /* next to it: RFC 8019 section 7.1.2 */
		ike_build_payload(b, IKE_PLD_PS);
		wr_bytes(&b->w, ike_blob_bytes(&s->solution));
	}
	ike_build_sa(b, &s->proposals);
	ike_build_ke(b, s->group, ike_kex_public(s->kex));
	ike_build_nonce(b, ike_blob_bytes(&sa->ni));
	ike_init_announce(sa, b);
	ike_ppk_ask(sa, b);
	ike_emit_step(sa->e, &ref, "sent IKE_SA_INIT to %s, offering %s",
	    endpoint_text(&sa->remote, at), proposal_list_text(&s->proposals, offer, sizeof offer));
	return ike_nat_build(sa, b);
}

static void abort_init(struct ike_task *t, enum ike_err err)
{
	struct ike_reason why;

	if (!err)
		return;
	ike_reason_set(
	    &why, err, "the IKE_SA_INIT request could not be made: %s", ike_err_sentence(err));
	ike_sa_fail(t->sa, &why, true, 0);
}

const struct ike_task_ops ike_task_init = {
    .exchange = IKE_EXCHANGE_SA_INIT, .what = "IKE_SA_INIT", .build = build, .abort = abort_init};

/* A port of the peer other than 500 is its port for encapsulation, so we speak from ours: RFC 7296
 * section 2.23. */
static void choose_ports(struct ike_sa *sa, const struct ike_command *c)
{
	sa->local = c->local;
	sa->remote = c->remote;
	if (!sa->remote.port)
		sa->remote.port = c->conn->remote_port ? c->conn->remote_port : 500;
	if (sa->remote.port != 500) {
		sa->marker = true;
		sa->local.port = sa->e->p.natt_port;
	} else if (!sa->local.port) {
		sa->local.port = c->conn->local_port ? c->conn->local_port : 500;
	}
}

enum ike_err ike_init_prepare(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;
	uint8_t ni[IKE_NONCE_LEN];
	enum ike_err err;

	ike_select_filter(&sa->conn->proposals, ike_engine_can, sa->e, &s->proposals);
	for (size_t i = 0; i < s->proposals.n; i++)
		s->proposals.v[i].number = (uint8_t)(i + 1);
	s->group = proposal_first_ke(&s->proposals);
	if (s->group == KE_NONE)
		return IKE_EUNSUPPORTED;
	err = ike_random(sa->e->p.libctx, ni, sizeof ni);
	if (!err)
		err = ike_kex_new(&s->kex, sa->e->p.libctx, s->group);
	if (!err && (!ike_blob_copy(&sa->ni, bytes_of(ni, sizeof ni)) ||
			!ike_task_new(sa, &ike_task_init, NULL)))
		err = IKE_ENOMEM;
	return err;
}

enum ike_err ike_init_start(struct ike_engine *e, const struct ike_command *c, struct ike_sa **out)
{
	enum ike_err err = ike_sa_new(out, e, true);
	struct ike_sa *sa = *out;

	if (err)
		return err;
	sa->tag = c->tag;
	sa->conn = c->conn;
	sa->announced = c->conn->encap;
	sa->redirected_from = c->redirected_from;
	choose_ports(sa, c);
	sa->local_id = ike_select_local_id(c->conn, &sa->local.addr);
	if (!ike_resume_begin(sa))
		err = ike_init_prepare(sa);
	if (err) {
		ike_sa_free(sa);
		*out = NULL;
	}
	return err;
}

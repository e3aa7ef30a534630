/*
 * INFORMATIONAL as responder: liveness, deletes, the notification after a failed IKE_AUTH. RFC 7296
 * sections 1.4, 1.4.1, 2.21.2, 2.25.
 */
#include <stdlib.h>

#include "ike/collision.h"
#include "ike/exchange/exchange.h"
#include "ike/hint.h"
#include "ike/qcd.h"
#include "ike/reauth.h"
#include "ike/redirect.h"
#include "ike/rekey.h"
#include "ike/task/task.h"
#include "ike/unique.h"
#include "ike/vip.h"

static enum ike_err answer_empty(struct ike_in *in)
{
	struct ike_build b;

	ike_answer_begin(in->sa, &b, IKE_EXCHANGE_INFORMATIONAL, in->m->hdr.msg_id);
	ike_vip_answer_alone(in->m, &b);
	if (in->sa->phase == IKE_PHASE_UP)
		ike_resume_answer(in->sa, in->sa, in->m, &b);
	return ike_answer_end(in->sa, &b, IKE_EXCHANGE_INFORMATIONAL);
}

static bool deletes_ike(const struct ike_msg *m)
{
	for (size_t i = 0; i < m->del_n; i++) {
		if (m->del[i].proto == SA_IKE)
			return true;
	}
	return false;
}

/* In the exchange right after IKE_AUTH this ends the SA without a Delete: section 2.21.2. */
static bool disowns_us(const struct ike_in *in)
{
	return ike_msg_notify(in->m, IKE_N_AUTHENTICATION_FAILED) && !in->sa->initiator &&
	       in->m->hdr.msg_id == 2;
}

/* The SA is over; it lingers, to answer repeats. */
static enum ike_err end_of_ike(struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	struct ike_parties w = ike_sa_parties(sa, NULL);
	bool disowned = disowns_us(in);
	bool ours = ike_collide(ike_doing_now(sa, NULL), IKE_ASKED_DELETE_IKE) == IKE_DO_FORGET;
	struct ike_reason why;
	char at[ENDPOINT_TEXT];
	enum ike_err err = answer_empty(in);

	if (err)
		return err;
	if (disowned)
		ike_reason_set(&why, IKE_EPEERNOTIFY,
		    "%s does not accept our authentication (AUTHENTICATION_FAILED): check that "
		    "both sides have the same pre-shared key, and "
		    "that its remote.id is our local.id; its log says which",
		    endpoint_text(w.remote, at));
	else if (ours && sa->closing)
		why = *sa->closing;
	else
		ike_reason_set(&why, IKE_EPEERDELETE,
		    "%s deleted the IKE SA: its daemon was stopped, or told to take the connection "
		    "down",
		    endpoint_text(w.remote, at));
	ike_unique_spare(sa);
	ike_sa_fail(sa, &why, !ours, IKE_LINGER_MS);
	return IKE_OK;
}

/* Gathers our inbound SPIs of the children that the peer deletes; marks what is to be done in
 * `gone`. */
static size_t gather(
    struct ike_sa *sa, const struct ike_delete *d, struct ike_child **gone, size_t n, size_t cap)
{
	for (uint16_t i = 0; i < d->n && n < cap; i++) {
		uint32_t spi = be32_load(d->spis.p + 4 * (size_t)i);
		struct ike_child *c = ike_child_by_spi_out(sa, spi);
		bool known = false;

		if (!c)
			ike_child_note_gone(sa, spi);
		for (size_t k = 0; k < n; k++)
			known = known || gone[k] == c;
		if (c && !known)
			gone[n++] = c;
	}
	return n;
}

static enum ike_err answer_deletes(
    struct ike_in *in, struct ike_child *const *gone, size_t n, uint32_t *spis)
{
	struct ike_build b;
	size_t said = 0;

	for (size_t i = 0; i < n; i++) {
		if (ike_collide(ike_doing_now(in->sa, gone[i]), IKE_ASKED_DELETE_CHILD) !=
		    IKE_DO_SILENT)
			spis[said++] = gone[i]->spi_in;
	}
	ike_answer_begin(in->sa, &b, IKE_EXCHANGE_INFORMATIONAL, in->m->hdr.msg_id);
	if (said)
		ike_build_delete_esp(&b, spis, said);
	return ike_answer_end(in->sa, &b, IKE_EXCHANGE_INFORMATIONAL);
}

static void finish_child(struct ike_child *c)
{
	struct ike_reason why;
	char at[ENDPOINT_TEXT];

	if (c->replaced)
		ike_rekey_reason(c, &why);
	else
		ike_reason_set(&why, IKE_EPEERDELETE, "%s deleted the child \"%s\"",
		    endpoint_text(&c->sa->remote, at), c->cfg->name);
	ike_child_report_down(c, &why);
	/* A Delete of ours for it that is out already goes on, and its answer frees the child. */
	if (c->sa->active && c->sa->active->child == c)
		return;
	ike_task_abort_queued(c->sa, c);
	ike_child_free(c);
}

static enum ike_err end_of_children(struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	struct ike_child **gone = calloc(sa->children_n + 1, sizeof(struct ike_child *));
	uint32_t *spis = calloc(sa->children_n + 1, sizeof *spis);
	enum ike_err err = IKE_ENOMEM;
	size_t n = 0;

	if (gone && spis) {
		for (size_t i = 0; i < in->m->del_n; i++) {
			if (in->m->del[i].proto == SA_ESP && in->m->del[i].spi_len == 4)
				n = gather(sa, &in->m->del[i], gone, n, sa->children_n);
		}
		err = answer_deletes(in, gone, n, spis);
		for (size_t i = 0; !err && i < n; i++)
			finish_child(gone[i]);
	}
	free(spis);
	free(gone);
	return err;
}

/* The peer had finished its rekey before it noticed ours, or its answer to ours is lost: either way
 * its new SA is the one (section 2.8.2). */
static enum ike_err end_of_old(struct ike_in *in)
{
	struct ike_sa *heir = in->sa->rival;
	enum ike_err err = answer_empty(in);

	if (err)
		return err;
	ike_heir_takes_over(in->sa, heir, false);
	ike_sa_expire_soon(heir);
	return IKE_OK;
}

/* An IKE SA that nobody sees. What else its peer wants waits until it is known which one stays. */
static enum ike_err on_old(struct ike_engine *e, struct ike_in *in)
{
	enum ike_err err;

	(void)e;
	ike_qcd_hear(in->sa, in->m);
	if (!deletes_ike(in->m))
		return in->sa->phase == IKE_PHASE_OLD ? answer_empty(in) : IKE_ESTATE;
	err = answer_empty(in);
	if (!err)
		ike_sa_expire_soon(in->sa);
	return err;
}

/* It is over here, and the peer ends it too. */
static enum ike_err on_gone(struct ike_engine *e, struct ike_in *in)
{
	(void)e;
	return deletes_ike(in->m) ? answer_empty(in) : IKE_ESTATE;
}

static enum ike_err on_request(struct ike_engine *e, struct ike_in *in)
{
	(void)e;
	ike_reauth_hear(in->sa, in->m);
	ike_hint_hear(in->sa, in->m);
	ike_qcd_hear(in->sa, in->m);
	ike_redirect_hear(in->sa, in->m);
	if (deletes_ike(in->m) && in->sa->rival && in->sa->rival->keyed)
		return end_of_old(in);
	if (deletes_ike(in->m) || disowns_us(in))
		return end_of_ike(in);
	if (in->m->del_n)
		return end_of_children(in);
	return answer_empty(in); /* liveness, or notifications that mean nothing to us */
}

/*
 * HDR, SK {[N+,] [D+,] [CP]}  -->
 *                                <--  HDR, SK {[D,] [CP]}
 */
/* clang-format off */
static const struct ike_row rows[] = {
	/* phases                                  response  notify         must have  handler               next           story */
	{IKE_IN(UP)|IKE_IN(CLOSING),               false,    IKE_ROW_PLAIN, 0,         on_request,           IKE_NEXT_SAME, "the peer deletes, or asks whether we live"},
	{IKE_IN(OLD)|IKE_IN(HEIR),                 false,    IKE_ROW_PLAIN, 0,         on_old,               IKE_NEXT_SAME, "the peer deletes an IKE SA that another is in the place of"},
	{IKE_IN(GONE),                             false,    IKE_ROW_PLAIN, 0,         on_gone,              IKE_NEXT_SAME, "the peer deletes what is over already"},
	{IKE_IN(UP)|IKE_IN(CLOSING)|IKE_IN(OLD)|IKE_IN(GONE),  true,     IKE_ROW_PLAIN, 0,         ike_on_task_response, IKE_NEXT_SAME, "the peer answers a delete or a liveness check"},
};
/* clang-format on */

const struct ike_exchange_rows ike_rows_informational = {
    IKE_EXCHANGE_INFORMATIONAL, rows, sizeof rows / sizeof rows[0]};

/*
 * The IKE_AUTH request: RFC 7296 sections 1.2, 2.4 (INITIAL_CONTACT) and 2.15.
 */
#include <string.h>

#include "ike/auth/announce.h"
#include "ike/auth/auth.h"
#include "ike/mode.h"
#include "ike/ppk.h"
#include "ike/qcd.h"
#include "ike/task/task.h"
#include "ike/unique.h"
#include "ike/vip.h"

/* An identity of one, not a pattern, can be asked for with IDr. */
static bool is_exact(const struct ident *id)
{
	return id->type != IDENT_ANY && !memchr(id->b, '*', id->n);
}

static void build_child(const struct ike_child *c, struct ike_build *b)
{
	struct proposal_list proposals;
	struct ts_list local, remote;

	ike_child_offer_proposals(c, true, &proposals);
	ike_child_offer_ts(c, &local, &remote);
	ike_mode_ask(c, b);
	ike_build_sa(b, &proposals);
	ike_build_ts(b, IKE_PLD_TSI, &local);
	ike_build_ts(b, IKE_PLD_TSR, &remote);
}

/* HDR, SK {IDi, [N(INITIAL_CONTACT),] [IDr,] AUTH, [N(PPK_IDENTITY), [N(NO_PPK_AUTH),]]
 *     [CP(CFG_REQUEST),] [SAi2, TSi, TSr]} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	struct ike_sa *sa = t->sa;
	const struct ike_child *first = sa->setup->first;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char id[160], at[ENDPOINT_TEXT];

	ike_build_id(b, IKE_PLD_IDI, &sa->local_id);
	if (ike_unique_announce(sa))
		ike_build_notify(b, IKE_N_INITIAL_CONTACT, bytes_of(NULL, 0));
	if (is_exact(&sa->conn->remote.id))
		ike_build_id(b, IKE_PLD_IDR, &sa->conn->remote.id);
	ike_build_auth(b, ike_auth_of(sa, true)->method, secret_bytes(&sa->setup->auth));
	ike_ppk_build(sa, b);
	ike_announce_build(sa->conn, b);
	ike_qcd_give(sa, b);
	ike_resume_ask(sa, b);
	if (!first && !ike_ext_has(sa->extensions, IKE_EXT_CHILDLESS))
		return IKE_EBUG;
	ike_vip_ask(sa, b);
	if (first)
		build_child(first, b);
	ike_emit_step(sa->e, &ref, "sent IKE_AUTH to %s as \"%s\", %s%s",
	    endpoint_text(&sa->remote, at), ident_text(&sa->local_id, id, sizeof id),
	    first ? "for child " : "without a child", first ? first->cfg->name : "");
	return IKE_OK;
}

static void abort_auth(struct ike_task *t, enum ike_err err)
{
	struct ike_reason why;

	if (!err)
		return;
	ike_reason_set(
	    &why, err, "the IKE_AUTH request could not be made: %s", ike_err_sentence(err));
	ike_sa_fail(t->sa, &why, true, 0);
}

const struct ike_task_ops ike_task_auth = {
    .exchange = IKE_EXCHANGE_AUTH, .what = "IKE_AUTH", .build = build, .abort = abort_auth};

enum ike_err ike_auth_request(struct ike_sa *sa)
{
	return ike_task_new(sa, &ike_task_auth, NULL) ? IKE_OK : IKE_ENOMEM;
}

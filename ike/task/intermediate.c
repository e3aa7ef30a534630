/*
 * One additional key exchange before IKE_AUTH, as initiator: RFC 9242, RFC 9370 section 2.2.2.
 */
#include "ike/intermediate.h"
#include "ike/task/task.h"

/* HDR, SK {KEi(n)} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	struct ike_sa *sa = t->sa;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct transform due = ike_intermediate_due(sa);
	char name[48], at[ENDPOINT_TEXT];
	enum ike_err err = ike_kex_new(&t->kex, sa->e->p.libctx, due.id);

	if (err)
		return err;
	ike_build_ke(b, due.id, ike_kex_public(t->kex));
	err = ike_intermediate_mine(sa, b, &sa->setup->intauth_mine);
	if (!err)
		ike_emit_step(sa->e, &ref, "sent IKE_INTERMEDIATE to %s, with %s",
		    endpoint_text(&sa->remote, at), transform_text(due, name, sizeof name));
	return err;
}

static void abort_intermediate(struct ike_task *t, enum ike_err err)
{
	struct ike_reason why;

	if (!err)
		return;
	ike_reason_set(
	    &why, err, "the IKE_INTERMEDIATE request could not be made: %s", ike_err_sentence(err));
	ike_sa_fail(t->sa, &why, true, 0);
}

const struct ike_task_ops ike_task_intermediate = {.exchange = IKE_EXCHANGE_INTERMEDIATE,
    .what = "IKE_INTERMEDIATE",
    .build = build,
    .abort = abort_intermediate};

/*
 * Deletes that we start: of a child, and of the IKE SA. RFC 7296 sections 1.4.1 and 2.25.
 */
#include "ike/rekey.h"
#include "ike/task/task.h"

/* ---- A child ---- */

static enum ike_err build_child(struct ike_task *t, struct ike_build *b)
{
	ike_build_delete_esp(b, &t->child->spi_in, 1);
	return IKE_OK;
}

static void end_child(struct ike_child *c)
{
	struct ike_reason why;

	if (c->replaced)
		ike_rekey_reason(c, &why);
	else
		ike_reason_set(&why, IKE_ELOCALDELETE, "\"%s\" was taken down here", c->cfg->name);
	ike_child_report_down(c, &why); /* unless it was reported before */
	ike_child_free(c);
}

/* Whatever the answer says: the outbound half ends too. */
static void on_child_response(struct ike_task *t, const struct ike_msg *m)
{
	(void)m;
	end_child(t->child);
	ike_task_free(t);
}

static void abort_child(struct ike_task *t, enum ike_err err)
{
	if (err)
		end_child(t->child);
}

const struct ike_task_ops ike_task_delete_child = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "the Delete of a child",
    .build = build_child,
    .on_response = on_child_response,
    .abort = abort_child};

/* ---- The IKE SA ---- */

static enum ike_err build_ike(struct ike_task *t, struct ike_build *b)
{
	if (t->notify)
		ike_build_notify(b, (enum ike_notify_type)t->notify, bytes_of(NULL, 0));
	ike_build_delete_ike(b);
	return IKE_OK;
}

static void end_ike(struct ike_sa *sa)
{
	if (sa->closing && sa->phase == IKE_PHASE_CLOSING)
		ike_sa_fail(sa, sa->closing, false, 0);
	else
		sa->expire_at = sa->e->now; /* it was reported before; now the peer knows too */
}

static void on_ike_response(struct ike_task *t, const struct ike_msg *m)
{
	(void)m;
	end_ike(t->sa);
	ike_task_free(t);
}

static void on_ike_timeout(struct ike_task *t)
{
	end_ike(t->sa);
}

static void abort_ike(struct ike_task *t, enum ike_err err)
{
	if (err)
		end_ike(t->sa);
}

/* Replaced by new keys: nobody waits for its end, and it goes on until the peer has heard. */
const struct ike_task_ops ike_task_delete_old = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "the Delete of an IKE SA that was rekeyed",
    .build = build_ike,
    .on_response = on_ike_response,
    .on_timeout = on_ike_timeout,
    .abort = abort_ike};

const struct ike_task_ops ike_task_delete_ike = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "the Delete of the IKE SA",
    .rush = true,
    .build = build_ike,
    .on_response = on_ike_response,
    .on_timeout = on_ike_timeout,
    .abort = abort_ike};

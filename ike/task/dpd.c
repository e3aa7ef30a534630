/*
 * Is the peer alive? An empty INFORMATIONAL: RFC 7296 section 2.4. Without an answer the SA ends,
 * as for any request; with one, the message that carried it has reset the clock.
 */
#include "ike/task/task.h"

static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	(void)t;
	(void)b;
	return IKE_OK;
}

static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	(void)m;
	ike_task_free(t);
}

static void abort_dpd(struct ike_task *t, enum ike_err err)
{
	if (err)
		t->sa->heard_at = t->sa->e->now; /* could not be sent: ask again later */
}

const struct ike_task_ops ike_task_dpd = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "a liveness check",
    .build = build,
    .on_response = on_response,
    .abort = abort_dpd};

/*
 * Another ticket for an IKE SA: RFC 5723 section 4.1.
 */
#include "ike/resume.h"
#include "ike/task/task.h"

/* HDR, SK {N(TICKET_REQUEST)} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	ike_resume_ask(t->sa, b);
	return IKE_OK;
}

static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	ike_resume_take(t->sa, m);
	ike_task_free(t);
}

const struct ike_task_ops ike_task_ticket = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "the request for a ticket",
    .build = build,
    .on_response = on_response};

/*
 * The crash detection token of an SA that we have given new SPIs: RFC 6290 section 4.3.
 */
#include "ike/qcd.h"
#include "ike/task/task.h"

/* HDR, SK {N(QCD_TOKEN)} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	ike_qcd_give(t->sa, b);
	return IKE_OK;
}

static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	(void)m;
	ike_task_free(t);
}

const struct ike_task_ops ike_task_qcd = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "a crash detection token",
    .build = build,
    .on_response = on_response};

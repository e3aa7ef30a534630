/*
 * The IKE_SESSION_RESUME that we start: RFC 5723 section 4.3.2. Its answers are handled by the rows
 * of exchange/session_resume.c. A gateway that does not know the exchange says nothing at all: then
 * the whole handshake follows after a few tries.
 */
#include "ike/nat.h"
#include "ike/resume.h"
#include "ike/task/task.h"

enum { TRIES = 2 };

/* HDR(A,0), [N(COOKIE),] Ni, N(TICKET_OPAQUE) [,N+] */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	struct ike_sa *sa = t->sa;
	struct ike_setup *s = sa->setup;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char at[ENDPOINT_TEXT];

	if (s->cookie.n)
		ike_build_notify(b, IKE_N_COOKIE, ike_blob_bytes(&s->cookie));
	ike_build_nonce(b, ike_blob_bytes(&sa->ni));
	ike_build_notify(b, IKE_N_TICKET_OPAQUE, secret_bytes(&s->resumed->ticket));
	ike_init_announce(sa, b);
	ike_emit_step(sa->e, &ref, "sent IKE_SESSION_RESUME to %s", endpoint_text(&sa->remote, at));
	return ike_nat_build(sa, b);
}

static void fail(struct ike_sa *sa, enum ike_err err)
{
	struct ike_reason why;

	ike_reason_set(&why, err, "the IKE_SESSION_RESUME request could not be made: %s",
	    ike_err_sentence(err));
	ike_sa_fail(sa, &why, true, 0);
}

static void abort_resume(struct ike_task *t, enum ike_err err)
{
	if (err)
		fail(t->sa, err);
}

static void on_timeout(struct ike_task *t)
{
	enum ike_err err = ike_resume_fall_back(t->sa, false);

	if (err)
		fail(t->sa, err);
}

const struct ike_task_ops ike_task_resume = {.exchange = IKE_EXCHANGE_SESSION_RESUME,
    .what = "IKE_SESSION_RESUME",
    .tries = TRIES,
    .build = build,
    .on_timeout = on_timeout,
    .abort = abort_resume};

/*
 * Session resumption: RFC 5723.
 *
 * A client asks for a ticket when an IKE SA is set up, has new keys, or its ticket grows old. When
 * the IKE SA is lost, to silence or to a crash of the gateway, the ticket and what belongs to it
 * are kept, in memory alone; the next UP of the connection presents it (IKE_SESSION_RESUME), and
 * falls back to the whole handshake when the gateway does not take it. A ticket ends with its IKE
 * SA's orderly end, its new keys, its use and its time. The gateway keeps a bit for each (ticket.h)
 * and asks its configuration again about everybody who resumes.
 */
#ifndef IKE_RESUME_H
#define IKE_RESUME_H

#include "ike/explain.h"
#include "ike/ticket.h"
#include "ike/wire/build.h"

struct ike_engine;
struct ike_in;
struct ike_sa;

/* An IKE SA that can be resumed: a client's until it is used, a gateway's while somebody does. */
struct ike_held {
	struct ike_held *next;
	struct ike_resumable r;
	/* The client's */
	const struct config_conn *conn; /* NULL at the gateway */
	struct addr gateway;
	struct secret ticket;
	/* The gateway's */
	struct ike_ticket_ref ref;
};
void ike_held_free(struct ike_held *h); /* wipes; NULL is fine */

/* ---- Both ---- */

/* Is it being set up with a ticket? */
bool ike_resume_is(const struct ike_sa *sa);
/* About to be up: how old its authentication is. */
void ike_resume_inherit(struct ike_sa *sa);
/* It ends: what becomes of its ticket. Before its keys go. */
void ike_resume_ended(struct ike_sa *sa, const struct ike_reason *why);
/* It has other keys than `old`. */
void ike_resume_rekeyed(struct ike_sa *sa, struct ike_sa *old);

/* ---- The client ---- */

/* A new SA: with a ticket, if there is one for its connection and peer. False: there is none. */
bool ike_resume_begin(struct ike_sa *sa);
/* The whole handshake instead. `refused`: the gateway does not take the ticket; else it does not
 * answer, and the ticket is good for another time. */
enum ike_err ike_resume_fall_back(struct ike_sa *sa, bool refused);
/* N(TICKET_REQUEST), if it is wanted. */
void ike_resume_ask(const struct ike_sa *sa, struct ike_build *b);
/* What the gateway answered to it. */
void ike_resume_take(struct ike_sa *sa, const struct ike_msg *m);
/* The ticket is about to expire: another one is asked for. */
void ike_resume_due(struct ike_sa *sa);
/* Taken down by the user. */
void ike_resume_forget(struct ike_engine *e, const struct config_conn *conn);
/* Wipes what has expired. */
void ike_resume_expire(struct ike_engine *e);

/* ---- The gateway ---- */

/* The ticket of an IKE_SESSION_RESUME request. NULL: not taken; *why says why. */
struct ike_held *ike_resume_open(
    struct ike_engine *e, const struct ike_in *in, struct ike_reason *why);
/* The connection that lets it resume, as of now. NULL: none. */
const struct config_conn *ike_resume_conn(
    const struct ike_engine *e, const struct ike_datagram *d, const struct ike_resumable *r);
/* IKE_AUTH of somebody who resumes, whose connection is chosen: does all of it still hold? */
bool ike_resume_judge(const struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why);
/* The answer to N(TICKET_REQUEST) in *m, if it is there. The ticket is for the keys of `keyed`,
 * which is sa, or its heir. */
void ike_resume_answer(
    const struct ike_sa *sa, struct ike_sa *keyed, const struct ike_msg *m, struct ike_build *b);
/* The peer has shown that it has the keys: the ticket is used, and the old IKE SA goes without a
 * word (section 4.3.4). */
void ike_resume_used(struct ike_sa *sa);

#endif

/*
 * Authenticating once more. An IKE SA and its children are set up afresh beside the old ones; when
 * all of them are there, the old IKE SA is deleted (make before break): RFC 7296 section 2.8.3. Who
 * called does it, at its own reauth_time or before the peer's AUTH_LIFETIME (RFC 4478) is over; who
 * was called, half of over_time later, and only if it knows an address to call.
 *
 *     old:        UP ───────────────────────────────────────→ CLOSING (IKE_EREPLACED)
 *     successor:        INIT_I → … → UP, then its children ──┘
 *
 * When the successor or one of its children fails, the old one goes on and it is tried again, until
 * over_time is over.
 */
#ifndef IKE_REAUTH_H
#define IKE_REAUTH_H

#include "ike/sa.h"

/* Established: sets the times. */
void ike_reauth_schedule(struct ike_sa *sa);
/* Responder: AUTH_LIFETIME into the answer to IKE_AUTH, if we have a reauth_time. */
void ike_reauth_announce(struct ike_sa *sa, struct ike_build *b);
/* Initiator: obeys AUTH_LIFETIME, if the message has it. */
void ike_reauth_hear(struct ike_sa *sa, const struct ike_msg *m);
/* Sets up a successor now. The old one may be asked for it for other reasons than its age: `why` is
 * for the log. */
void ike_reauth_begin(struct ike_sa *sa, const char *why);
/* The same with another gateway: to c->remote, from c->local. */
enum ike_err ike_reauth_elsewhere(struct ike_sa *sa, const struct ike_command *c);
/* A successor that is to call another gateway: the old SA is told. */
void ike_reauth_redirected(struct ike_sa *successor);
/* Begins what is due; ends an SA that could not be authenticated in time. */
void ike_reauth_due(struct ike_sa *sa);
ike_time ike_reauth_at(const struct ike_sa *sa); /* when ike_reauth_due has work */
/* Something happened to an SA: if it is a successor, or has one, goes on, and deletes the old one
 * at the end. */
void ike_reauth_settle(struct ike_sa *sa);
/* The successor comes to its end before it is one. */
void ike_reauth_failed(struct ike_sa *successor, const struct ike_reason *why);
/* The peer has set up a newer SA: both ends may be at it. Of the two successors that stays whose
 * end began the old SA, if it is in time. */
void ike_reauth_crossed(struct ike_sa *by_peer);
/* Is another one being set up for it? Then new children belong there. */
bool ike_reauth_has_successor(const struct ike_sa *sa);

#endif

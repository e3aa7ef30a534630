/*
 * The puzzles that a responder asks us to solve before it goes on with IKE_SA_INIT, or before it
 * looks at IKE_AUTH: RFC 8019.
 * Solving takes a second or so: it goes in slices, a few milliseconds in each call of the engine,
 * with other things in between.
 */
#ifndef IKE_SOLVER_H
#define IKE_SOLVER_H

#include "ike/crypto/puzzle.h"
#include "ike/sa.h"

/* The puzzle that came with the cookie in sa->setup. True: it is being solved, and the request goes
 * out when that is done. False: it is not, since it is too hard or of a kind that we do not know;
 * the cookie alone may do. */
bool ike_solver_begin(struct ike_sa *sa, const struct ike_notify *puzzle);
/* The same with the answer to IKE_SA_INIT, whose nonce and SPI are there: IKE_AUTH waits for it,
 * since it would be dropped without the solution (section 7.2). IKE_ELIMIT: it is too hard.
 * IKE_EUNSUPPORTED: of a kind that we do not know. */
enum ike_err ike_solver_begin_auth(struct ike_sa *sa, const struct ike_notify *puzzle);
/* A slice, when its time has come. */
void ike_solver_due(struct ike_sa *sa);
ike_time ike_solver_at(const struct ike_sa *sa); /* IKE_NEVER: nothing to solve */

#endif

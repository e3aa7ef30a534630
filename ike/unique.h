/*
 * How many IKE SAs one pair of identities may have: `unique`, and INITIAL_CONTACT (RFC 7296
 * section 2.4).
 *
 *     replace   a new SA takes the place of the old ones       (and INITIAL_CONTACT is sent and
 * obeyed) keep      a new SA is refused while an old one lives     (likewise) no        any number;
 * INITIAL_CONTACT of the peer is obeyed never     any number; INITIAL_CONTACT is ignored
 */
#ifndef IKE_UNIQUE_H
#define IKE_UNIQUE_H

#include "ike/sa.h"

/* Responder, peer authenticated: may this SA come up? */
bool ike_unique_allows(const struct ike_sa *sa);
/* Initiator: is this our first SA with that peer, and should it hear so? */
bool ike_unique_announce(const struct ike_sa *sa);
/* The peer says that it has no other SA with us: ours with it are dead, silently. */
void ike_unique_initial_contact(struct ike_sa *sa);
/* Just established. Two ends that began at the same time must not each delete the other's SA: of
 * two crossing SAs the one with the lower Ni goes, and its initiator deletes it. */
void ike_unique_enforce(struct ike_sa *sa);

#endif

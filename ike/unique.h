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

#include "ike/child.h"

/* Responder, peer authenticated: may this SA come up? */
bool ike_unique_allows(const struct ike_sa *sa);
/* Both up, with the same identities at both ends. */
bool ike_unique_is_same(const struct ike_sa *a, const struct ike_sa *b);
/* Initiator: is this our first SA with that peer, and should it hear so? */
bool ike_unique_announce(const struct ike_sa *sa);
/* The peer says that it has no other SA with us: ours with it are dead, silently. */
void ike_unique_initial_contact(struct ike_sa *sa);
/* Just established. Two ends that began at the same time must not each delete the other's SA: of
 * two crossing SAs the one with the lower Ni goes, and its initiator deletes it. */
void ike_unique_enforce(struct ike_sa *sa);
/* Responder: the peer may be authenticating once more, make before break. The inbound SPI of the
 * same child on an older IKE SA from the same place, which goes on sending until the peer has
 * deleted it or is seen to use the new one. 0: none. */
uint32_t ike_unique_ousts(const struct ike_sa *sa, const struct config_child *cfg);
/* The peer sends with this child: it has what it needs of the new IKE SA. */
void ike_unique_proved(struct ike_child *c);
/* This SA goes: what another one with the same peer carries too is as good as replaced, so that
 * packets on their way are taken for a while. */
void ike_unique_spare(struct ike_sa *sa);
/* The peer did not delete what it should have: we do. */
void ike_unique_due(struct ike_sa *sa);

#endif

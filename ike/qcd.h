/*
 * Quick crash detection: RFC 6290.
 *
 * A token maker gives its peer, under protection, a token that it can make again from a secret that
 * survives restarts and the SPIs of the IKE SA (section 5.1). Asked after a restart about an SA
 * that it does not have any more, it shows the token without protection, and the peer, the token
 * taker, knows at once that the SA is gone. Each end is both, where `qcd` is set. A token is never
 * shown for an SA that is there (section 9.2).
 */
#ifndef IKE_QCD_H
#define IKE_QCD_H

#include "ike/sa.h"

/* ---- The maker ---- */

/* N(QCD_TOKEN) of this SA's SPIs, in a message under protection; nothing, if it is not wanted. */
void ike_qcd_give(const struct ike_sa *sa, struct ike_build *b);
/* Our rekey has given the SA other SPIs: the peer gets their token (section 4.3). */
void ike_qcd_renew(struct ike_sa *sa);
/* The same notification in the answer to a request of an SA that we do not have. False: it must not
 * be, or has been shown too often, and nothing was written. */
bool ike_qcd_show(struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h,
    struct ike_build *b);

/* ---- The taker ---- */

/* Keeps the token of a protected message, if it has one. */
void ike_qcd_hear(struct ike_sa *sa, const struct ike_msg *m);
/* An unprotected message from anywhere about the SA: does it show the peer's token? Then the SA has
 * ended. */
bool ike_qcd_proves(struct ike_sa *sa, const struct ike_msg *m, const struct ike_datagram *d);

#endif

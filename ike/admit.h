/*
 * Who may cost us something: what an IKE_SA_INIT request must bring before a key exchange is
 * computed or anything is kept for it. RFC 7296 section 2.6, RFC 8019.
 */
#ifndef IKE_ADMIT_H
#define IKE_ADMIT_H

#include "ike/engine.h"

/* IKE_OK: go on. IKE_ELIMIT: it was asked for a cookie, or for a puzzle's solution too.
 * IKE_ENOPROPOSAL: it has no PRF that we know, so there is no use in asking. Nothing was kept. */
enum ike_err ike_admit(struct ike_engine *e, const struct ike_in *in);
/* Is there room for one more half-open IKE SA, in all and of that address? */
bool ike_admit_has_room(const struct ike_engine *e, const struct addr *remote);

#endif

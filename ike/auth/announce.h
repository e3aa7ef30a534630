/*
 * What each end accepts as the other's authentication, said before it is tried: RFC 9593. The
 * responder says it in its IKE_SA_INIT, the initiator in its IKE_AUTH.
 */
#ifndef IKE_AUTH_ANNOUNCE_H
#define IKE_AUTH_ANNOUNCE_H

#include "ike/sa.h"

/* What we accept of peers of this connection. */
void ike_announce_build(const struct config_conn *conn, struct ike_build *b);
/* Reads the peer's announcement, if there is one. */
void ike_announce_hear(struct ike_sa *sa, const struct ike_msg *m);
/* What the peer has announced, as words: "a pre-shared key or a digital signature"; "" when it has
 * announced nothing, or `method` (enum ike_auth_method) is among it. Returns dst. */
const char *ike_announce_misses(const struct ike_sa *sa, unsigned method, char *dst, size_t cap);

#endif

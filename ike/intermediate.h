/*
 * IKE_INTERMEDIATE between IKE_SA_INIT and IKE_AUTH: RFC 9242. We use it for additional key
 * exchanges alone (RFC 9370 section 2.2.2), so that both ends know how many there will be.
 */
#ifndef IKE_INTERMEDIATE_H
#define IKE_INTERMEDIATE_H

#include "ike/sa.h"

/* The additional key exchange that is due; id KE_NONE: all are done. */
struct transform ike_intermediate_due(const struct ike_sa *sa);
/* Initiator: the next request, or, when all are done, our authentication begins (SIGN_I). */
enum ike_err ike_intermediate_go_on(struct ike_sa *sa);

/* IntAuth of a message that is written but not sealed, or of one that came. Changes nothing. */
enum ike_err ike_intermediate_mine(
    struct ike_sa *sa, struct ike_build *b, struct ike_intauth_value *out);
enum ike_err ike_intermediate_theirs(
    struct ike_sa *sa, const struct ike_in *in, struct ike_intauth_value *out);

/* The exchange is over: both values are kept for IKE_AUTH, and the keys are new. */
enum ike_err ike_intermediate_done(struct ike_sa *sa, const struct ike_intauth_value *mine,
    const struct ike_intauth_value *theirs, struct bytes shared);

/* IntAuth_iN | IntAuth_rN | IKE_AUTH_MID into dst; empty if there was no IKE_INTERMEDIATE. */
struct bytes ike_intermediate_octets(const struct ike_sa *sa, uint8_t dst[IKE_INTAUTH_MAX]);

#endif

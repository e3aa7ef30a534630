/*
 * IKE SAs that begin without a child: RFC 6023. The first child is then asked for in an exchange of
 * its own, with a key exchange of its own. Only the responder announces it, in its IKE_SA_INIT.
 */
#ifndef IKE_CHILDLESS_H
#define IKE_CHILDLESS_H

#include "ike/sa.h"

/* The responder: may it be announced? */
bool ike_childless_offers(const struct config_conn *conn);
/* The initiator, when the answer to IKE_SA_INIT is there: whether IKE_AUTH is to have the first
 * child, which otherwise is queued to follow. IKE_EPEERNOTIFY: one of both ends insists, with *why.
 */
enum ike_err ike_childless_decide(
    struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why);
/* The responder: a request without a child, or with one. IKE_ESYNTAX: it should have one.
 * IKE_ENOPROPOSAL: it should have none. IKE_OK: *with. */
enum ike_err ike_childless_judge(
    const struct ike_sa *sa, const struct ike_msg *m, bool *with, struct ike_reason *why);

#endif

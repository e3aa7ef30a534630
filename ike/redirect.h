/*
 * Another gateway is to be called: RFC 5685. Whoever begins announces that it goes along
 * (`follow_redirects`); the gateway says where to: in the answer to IKE_SA_INIT, in that to
 * IKE_AUTH, or later. Names are resolved by the daemon, which calls the other gateway:
 * IKE_EV_REDIRECT goes out, IKE_CMD_UP with `redirected_from` comes back.
 */
#ifndef IKE_REDIRECT_H
#define IKE_REDIRECT_H

#include "ike/sa.h"

/* ---- Who is redirected ---- */

/* Into the IKE_SA_INIT request. */
void ike_redirect_announce(struct ike_sa *sa, struct ike_build *b);
/* IKE_SA_INIT is answered with a REDIRECT. IKE_ESTATE: it is not for us, and ignored. */
enum ike_err ike_redirect_init(struct ike_sa *sa, const struct ike_msg *m);
/* The answer to IKE_AUTH, the peer's AUTH value verified: true if the SA is over for a REDIRECT. */
bool ike_redirect_auth(struct ike_sa *sa, const struct ike_msg *m);
/* A request on an SA that is up. */
void ike_redirect_hear(struct ike_sa *sa, const struct ike_msg *m);

/* ---- Who redirects ---- */

/* What an IKE_SA_INIT request says: the initiator goes along. */
bool ike_redirect_possible(const struct ike_msg *m);
/* Is a peer that is known by its address alone to be sent elsewhere? `only`: no other connection
 * could be meant. */
bool ike_redirect_early(const struct config_conn *conn, bool only, const struct ike_msg *m);
/* The notification's data. nonce: the initiator's, in IKE_SA_INIT; else empty. */
enum { IKE_REDIRECT_MAX = 2 + 255 + 256 };
struct bytes ike_redirect_data(
    uint8_t buf[IKE_REDIRECT_MAX], const struct ident *to, struct bytes nonce);
/* Is the peer, whose identity is known now, to be sent elsewhere? */
bool ike_redirect_late(const struct ike_sa *sa);
void ike_redirect_build(struct ike_build *b, const struct ident *to);
/* Asks the peer of an SA that is up to go. IKE_EUNSUPPORTED: it does not go along. */
enum ike_err ike_redirect_ask(struct ike_sa *sa, const struct ident *to);

#endif

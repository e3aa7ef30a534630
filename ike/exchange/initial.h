/*
 * What IKE_SA_INIT and IKE_SESSION_RESUME have in common; ike_sa_init.c.
 */
#ifndef IKE_EXCHANGE_INITIAL_H
#define IKE_EXCHANGE_INITIAL_H

#include "ike/sa.h"

/* Without an SA: the header copied, one notification. */
void ike_init_reply(
    struct ike_engine *e, const struct ike_in *in, enum ike_notify_type type, struct bytes data);
/* Responder: a new SA learns from the request where and what the peer is. */
enum ike_err ike_init_meet(
    struct ike_sa *sa, const struct ike_in *in, const struct config_conn *conn);
/* Responder: adds what is announced to the answer that was begun, sends and keeps it. */
enum ike_err ike_init_answer(
    struct ike_sa *sa, const struct ike_in *in, struct ike_build *b, uint8_t exchange);
/* Initiator: once more with the cookie. */
enum ike_err ike_init_on_cookie(struct ike_engine *e, struct ike_in *in);
/* Initiator: the answer is good and the keys are there; IKE_AUTH is next. */
enum ike_err ike_init_go_on(struct ike_sa *sa, struct ike_in *in);

#endif

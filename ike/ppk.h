/*
 * Post-quantum preshared keys: RFC 8784. Both ends mix a secret that they share into SK_d, SK_pi
 * and SK_pr once, in IKE_AUTH; whoever holds it does the mixing outside of the engine (IKE_OP_PPK).
 * The SA's keys are at any time those that are used next; the others wait in its setup.
 */
#ifndef IKE_PPK_H
#define IKE_PPK_H

#include "ike/sa.h"

/* ---- IKE_SA_INIT, both sides ---- */

/* USE_PPK goes into the request if connections.NAME.ppk_id is set. */
void ike_ppk_ask(const struct ike_sa *sa, struct ike_build *b);
/* Both ends want it, as the peer's message and what we have say. */
void ike_ppk_agree(struct ike_sa *sa, const struct ike_msg *m);
/* USE_PPK goes into the answer if that is so. */
void ike_ppk_answer(const struct ike_sa *sa, struct ike_build *b);
/* The initiator: IKE_EAUTH, with *why, if a PPK is required and the answer knows nothing of it. */
enum ike_err ike_ppk_judge_init(
    const struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why);

/* ---- IKE_AUTH ---- */

/* Asks for our AUTH value; with a PPK for the mixing first, and where it is optional for the value
 * without it too. ike_ppk_op_done() goes on. */
enum ike_err ike_ppk_begin(struct ike_sa *sa);
/* The initiator's PPK_IDENTITY and NO_PPK_AUTH. */
void ike_ppk_build(const struct ike_sa *sa, struct ike_build *b);
/* The responder, with the request held: which key is it to be (Table 1)? Asks for what is to be
 * compared with the peer's AUTH value. IKE_EAUTH, with *why: the peer is to be refused. Others: we
 * lack something. */
enum ike_err ike_ppk_judge_auth(struct ike_sa *sa, struct ike_reason *why);
/* The responder's PPK_IDENTITY, if a PPK is used. */
void ike_ppk_confirm(struct ike_sa *sa, struct ike_build *b);
/* The initiator: what the response says of it. IKE_EAUTH, with *why. */
enum ike_err ike_ppk_conclude(struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why);
/* The name of the PPK that AUTH values are made with; NULL: none. */
const char *ike_ppk_used(const struct ike_sa *sa);

/* Does the operation that is done belong to this? Then ike_ppk_op_done() is to be called, and asks
 * for the next one. IKE_EAUTH and others, with *why: the SA cannot be set up. */
bool ike_ppk_waits(const struct ike_sa *sa);
enum ike_err ike_ppk_op_done(
    struct ike_sa *sa, bool found, struct bytes result, struct ike_reason *why);

#endif

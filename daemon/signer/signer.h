/*
 * The only room that uses long-term secrets: answers the engine's IKE_EV_OP.
 */
#ifndef DAEMON_SIGNER_SIGNER_H
#define DAEMON_SIGNER_SIGNER_H

#include "config/config.h"
#include "ike/event.h"

struct ossl_lib_ctx_st;

/* *result is initialised here, freed by the caller. False, and an empty result: there is no such
 * secret, or the cryptography failed. */
bool signer_answer(struct ossl_lib_ctx_st *libctx, const struct config *c, const struct ike_op *op,
    struct secret *result);

#endif

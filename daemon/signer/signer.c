/*
 * Makes MACs with pre-shared keys, RFC 7296 section 2.15, and mixes post-quantum ones in, RFC 8784.
 */
#include "daemon/signer/signer.h"

#include "ike/ike.h"

#include <string.h>

static bool psk_mac(struct ossl_lib_ctx_st *libctx, const struct config *c, const struct ike_op *op,
    struct secret *mac)
{
	const struct config_secret *s = config_secret_find(c, &op->local_id, &op->remote_id);
	return s && ike_psk_mac(libctx, op->prf, secret_bytes(&s->secret),
			secret_bytes(&op->octets), mac) == IKE_OK;
}

static bool ppk_mix(struct ossl_lib_ctx_st *libctx, const struct config *c, const struct ike_op *op,
    struct secret *mixed)
{
	const struct config_secret *s =
	    op->ppk_id ? config_ppk_find(c, bytes_of(op->ppk_id, strlen(op->ppk_id))) : NULL;
	return s && ike_ppk_mix(libctx, op->prf, secret_bytes(&s->secret),
			secret_bytes(&op->octets), mixed) == IKE_OK;
}

bool signer_answer(struct ossl_lib_ctx_st *libctx, const struct config *c, const struct ike_op *op,
    struct secret *result)
{
	*result = SECRET_NONE;
	switch (op->kind) {
	case IKE_OP_PSK_MAC: return psk_mac(libctx, c, op, result);
	case IKE_OP_PPK: return ppk_mix(libctx, c, op, result);
	}
	return false;
}

/*
 * Makes MACs with pre-shared keys: RFC 7296 section 2.15.
 */
#include "daemon/signer/signer.h"

#include "ike/ike.h"

static bool psk_mac(struct ossl_lib_ctx_st *libctx, const struct config *c, const struct ike_op *op,
    struct secret *mac)
{
	const struct config_secret *s = config_secret_find(c, &op->local_id, &op->remote_id);
	return s && ike_psk_mac(libctx, op->prf, secret_bytes(&s->secret),
			secret_bytes(&op->octets), mac) == IKE_OK;
}

bool signer_answer(struct ossl_lib_ctx_st *libctx, const struct config *c, const struct ike_op *op,
    struct secret *mac)
{
	*mac = SECRET_NONE;
	switch (op->kind) {
	case IKE_OP_PSK_MAC: return psk_mac(libctx, c, op, mac);
	}
	return false;
}

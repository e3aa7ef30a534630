/*
 * Ni and Nr: RFC 7296 section 3.9, 16 to 256 bytes.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

const char *ike_pld_nonce(struct ike_msg *m, const struct ike_pld *p)
{
	m->nonce = p->body;
	return p->body.n > IKE_NONCE_MAX ? "longer than 256 bytes" : NULL;
}

void ike_build_nonce(struct ike_build *b, struct bytes nonce)
{
	ike_build_payload(b, IKE_PLD_NONCE);
	wr_bytes(&b->w, nonce);
}

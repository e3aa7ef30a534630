/*
 * EAP and PS, kept as views: RFC 7296 section 3.16, RFC 8019 section 8.2.
 */
#include "ike/wire/pld.h"

const char *ike_pld_raw(struct ike_msg *m, const struct ike_pld *p)
{
	*(p->type == IKE_PLD_EAP ? &m->eap : &m->ps) = p->body;
	return NULL;
}

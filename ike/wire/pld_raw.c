/*
 * CP and EAP, kept as views: RFC 7296 sections 3.15 and 3.16.
 */
#include "ike/wire/pld.h"

const char *ike_pld_raw(struct ike_msg *m, const struct ike_pld *p)
{
	if (p->type == IKE_PLD_CP) {
		m->cp = p->body;
	} else {
		m->eap = p->body;
	}
	return NULL;
}

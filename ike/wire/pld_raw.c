/*
 * EAP, kept as a view: RFC 7296 section 3.16.
 */
#include "ike/wire/pld.h"

const char *ike_pld_raw(struct ike_msg *m, const struct ike_pld *p)
{
	m->eap = p->body;
	return NULL;
}

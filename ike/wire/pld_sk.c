/*
 * SK, the encrypted payload: RFC 7296 section 3.14. Its inside is opened by ike/crypto/.
 */
#include "ike/wire/pld.h"

const char *ike_pld_sk(struct ike_msg *m, const struct ike_pld *p)
{
	m->sk = (struct ike_sk_view){.next = p->next, .at = p->at, .body = p->body};
	return NULL;
}

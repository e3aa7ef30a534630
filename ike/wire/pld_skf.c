/*
 * SKF, a fragment of an encrypted payload: RFC 7383 section 2.5. Its inside is opened by
 * ike/crypto/.
 */
#include "ike/wire/pld.h"

const char *ike_pld_skf(struct ike_msg *m, const struct ike_pld *p)
{
	struct rd r = rd_of(p->body);

	m->sk = (struct ike_sk_view){.next = p->next, .at = p->at};
	m->sk.number = rd_u16(&r);
	m->sk.total = rd_u16(&r);
	m->sk.body = rd_rest(&r);
	if (m->sk.number == 0 || m->sk.total == 0)
		return "its Fragment Number or Total Fragments is zero";
	if (m->sk.number > m->sk.total)
		return "its Fragment Number is greater than its Total Fragments";
	return NULL;
}

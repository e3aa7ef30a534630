/*
 * AUTH: RFC 7296 section 3.8.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

const char *ike_pld_auth(struct ike_msg *m, const struct ike_pld *p)
{
	struct rd r = rd_of(p->body);

	m->auth.method = rd_u8(&r);
	rd_skip(&r, 3);
	m->auth.data = rd_rest(&r);
	return NULL;
}

void ike_build_auth(struct ike_build *b, enum ike_auth_method method, struct bytes data)
{
	ike_build_payload(b, IKE_PLD_AUTH);
	wr_u8(&b->w, (uint8_t)method);
	wr_zero(&b->w, 3);
	wr_bytes(&b->w, data);
}

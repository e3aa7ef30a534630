/*
 * KE: RFC 7296 section 3.4. Whether the value has the length of its group is asked by the key
 * exchange.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

const char *ike_pld_ke(struct ike_msg *m, const struct ike_pld *p)
{
	struct rd r = rd_of(p->body);

	m->ke.group = rd_u16(&r);
	rd_skip(&r, 2);
	m->ke.value = rd_rest(&r);
	return NULL;
}

void ike_build_ke(struct ike_build *b, uint16_t group, struct bytes value)
{
	ike_build_payload(b, IKE_PLD_KE);
	wr_u16(&b->w, group);
	wr_u16(&b->w, 0);
	wr_bytes(&b->w, value);
}

/*
 * V, vendor ID: RFC 7296 section 3.12. Meaningless ones are welcome, so surplus ones are let go.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

const char *ike_pld_vendor(struct ike_msg *m, const struct ike_pld *p)
{
	if (m->vendor_n < IKE_VENDORS_MAX) {
		m->vendor[m->vendor_n++] = p->body;
	}
	return NULL;
}

void ike_build_vendor(struct ike_build *b, struct bytes id)
{
	ike_build_payload(b, IKE_PLD_VENDOR);
	wr_bytes(&b->w, id);
}

/*
 * IDi and IDr: RFC 7296 section 3.5.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

const char *ike_pld_id(struct ike_msg *m, const struct ike_pld *p)
{
	struct ike_id *id = p->type == IKE_PLD_IDI ? &m->idi : &m->idr;
	struct rd r = rd_of(p->body);

	id->type = rd_u8(&r);
	rd_skip(&r, 3);
	id->data = rd_rest(&r);
	id->body = p->body;
	return NULL;
}

static void write_body(struct wr *w, const struct ident *id)
{
	wr_u8(w, id->type);
	wr_zero(w, 3);
	wr_bytes(w, bytes_of(id->b, id->n));
}

void ike_build_id(struct ike_build *b, enum ike_payload_type type, const struct ident *id)
{
	ike_build_payload(b, (uint8_t)type);
	write_body(&b->w, id);
}

size_t ike_build_id_body(uint8_t *dst, size_t cap, const struct ident *id)
{
	struct wr w = wr_of(dst, cap);

	write_body(&w, id);
	return wr_written(&w).n;
}

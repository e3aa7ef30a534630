/*
 * N: RFC 7296 section 3.10.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

const char *ike_pld_notify(struct ike_msg *m, const struct ike_pld *p)
{
	struct rd r = rd_of(p->body);
	struct ike_notify n = {.proto = rd_u8(&r)};
	size_t spi_len = rd_u8(&r);

	n.type = rd_u16(&r);
	n.spi = rd_bytes(&r, spi_len);
	n.data = rd_rest(&r);
	if (!rd_ok(&r)) {
		return "its SPI goes beyond the payload";
	}
	/* "Unrecognized status types MUST be ignored" (section 3.10.1). */
	if (!ike_notify_is_error(n.type) && !ike_notify_known(n.type)) {
		return NULL;
	}
	if (m->notify_n == IKE_NOTIFIES_MAX) {
		return "one more than a message may have";
	}
	m->notify[m->notify_n++] = n;
	return NULL;
}

static void notify(struct ike_build *b, uint8_t proto, enum ike_notify_type type, struct bytes data)
{
	ike_build_payload(b, IKE_PLD_NOTIFY);
	wr_u8(&b->w, proto);
	wr_u8(&b->w, 0);
	wr_u16(&b->w, (uint16_t)type);
	wr_bytes(&b->w, data);
}

void ike_build_notify(struct ike_build *b, enum ike_notify_type type, struct bytes data)
{
	notify(b, 0, type, data);
}

void ike_build_notify_ike(struct ike_build *b, enum ike_notify_type type, struct bytes data)
{
	notify(b, SA_IKE, type, data);
}

void ike_build_notify_spi(struct ike_build *b, enum ike_notify_type type, enum sa_proto proto,
    uint32_t spi, struct bytes data)
{
	ike_build_payload(b, IKE_PLD_NOTIFY);
	wr_u8(&b->w, (uint8_t)proto);
	wr_u8(&b->w, 4);
	wr_u16(&b->w, (uint16_t)type);
	wr_u32(&b->w, spi);
	wr_bytes(&b->w, data);
}

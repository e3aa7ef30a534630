/*
 * The IKE header: RFC 7296 section 3.1.
 */
#include "base/cursor.h"
#include "ike/wire/msg.h"

static const struct {
	uint8_t exchange;
	const char *name;
} exchanges[] = {
    {IKE_EXCHANGE_SA_INIT, "IKE_SA_INIT"},
    {IKE_EXCHANGE_AUTH, "IKE_AUTH"},
    {IKE_EXCHANGE_CREATE_CHILD, "CREATE_CHILD_SA"},
    {IKE_EXCHANGE_INFORMATIONAL, "INFORMATIONAL"},
    {IKE_EXCHANGE_SESSION_RESUME, "IKE_SESSION_RESUME"},
    {IKE_EXCHANGE_INTERMEDIATE, "IKE_INTERMEDIATE"},
    {IKE_EXCHANGE_FOLLOWUP_KE, "IKE_FOLLOWUP_KE"},
};

const char *ike_exchange_name(uint8_t exchange)
{
	for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
		if (exchanges[i].exchange == exchange) {
			return exchanges[i].name;
		}
	}
	return "unknown exchange";
}

/* An error told outside of an IKE SA may have zero SPIs (section 1.5). */
static bool is_outside(const struct ike_hdr *h)
{
	return h->exchange == IKE_EXCHANGE_INFORMATIONAL && !ike_hdr_is_response(h) &&
	       !ike_hdr_is_sealed(h);
}

enum ike_err ike_hdr_parse(struct ike_hdr *out, struct bytes datagram)
{
	struct rd r = rd_of(datagram);

	*out = (struct ike_hdr){0};
	out->spi_i = rd_u64(&r);
	out->spi_r = rd_u64(&r);
	out->next = rd_u8(&r);
	uint8_t version = rd_u8(&r);
	out->major = version >> 4;
	out->minor = version & 0xf;
	out->exchange = rd_u8(&r);
	out->flags = rd_u8(&r);
	out->msg_id = rd_u32(&r);
	out->length = rd_u32(&r);
	if (!rd_ok(&r)) {
		return IKE_ESHORT;
	}
	if (out->major != 2) {
		return IKE_EVERSION;
	}
	if (out->length < IKE_HDR_LEN || out->length > datagram.n) {
		return IKE_ESHORT;
	}
	/* Else the initiator's SPI is never zero (section 3.1). */
	return out->length < datagram.n || (out->spi_i == 0 && !is_outside(out)) ? IKE_ESYNTAX
										 : IKE_OK;
}

/*
 * D: RFC 7296 section 3.11.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

/* Bytes of an SPI of that protocol in a Delete payload; -1: a protocol that we do not know. */
static int spi_len_of(uint8_t proto)
{
	switch (proto) {
	case SA_IKE: return 0; /* the SPIs stand in the header */
	case SA_AH:
	case SA_ESP: return 4;
	default: return -1;
	}
}

const char *ike_pld_delete(struct ike_msg *m, const struct ike_pld *p)
{
	struct rd r = rd_of(p->body);
	struct ike_delete d = {.proto = rd_u8(&r)};

	d.spi_len = rd_u8(&r);
	d.n = rd_u16(&r);
	d.spis = rd_rest(&r);
	if (d.spis.n != (size_t)d.n * d.spi_len) {
		return "its length does not fit the number of SPIs";
	}
	int want = spi_len_of(d.proto);
	if (want >= 0 && d.spi_len != want) {
		return "the SPI size does not fit the protocol";
	}
	if (m->del_n == IKE_DELETES_MAX) {
		return "one more than a message may have";
	}
	m->del[m->del_n++] = d;
	return NULL;
}

void ike_build_delete_ike(struct ike_build *b)
{
	ike_build_payload(b, IKE_PLD_DELETE);
	wr_u8(&b->w, SA_IKE);
	wr_u8(&b->w, 0);
	wr_u16(&b->w, 0);
}

void ike_build_delete_esp(struct ike_build *b, const uint32_t *spis, size_t n)
{
	if (n > UINT16_MAX) {
		b->w.bad = true;
		return;
	}
	ike_build_payload(b, IKE_PLD_DELETE);
	wr_u8(&b->w, SA_ESP);
	wr_u8(&b->w, 4);
	wr_u16(&b->w, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		wr_u32(&b->w, spis[i]);
	}
}

/*
 * The frame of a message on its way out: header, chain, SK. RFC 7296 sections 3.1, 3.2, 3.14.
 */
#include "ike/wire/build.h"

enum {
	VERSION_2_0 = 0x20,
	NEXT_AT = 16,   /* the header's next payload field */
	LENGTH_AT = 24, /* the header's length field */
};

void ike_build_begin(struct ike_build *b, uint8_t *buf, size_t cap, const struct ike_hdr *hdr)
{
	*b = (struct ike_build){.w = wr_of(buf, cap), .next_at = NEXT_AT};
	wr_u64(&b->w, hdr->spi_i);
	wr_u64(&b->w, hdr->spi_r);
	wr_u8(&b->w, IKE_PLD_NONE);
	wr_u8(&b->w, VERSION_2_0);
	wr_u8(&b->w, hdr->exchange);
	wr_u8(&b->w, hdr->flags);
	wr_u32(&b->w, hdr->msg_id);
	b->msg_len = wr_begin(&b->w, 4, LENGTH_AT);
}

static void end_payload(struct ike_build *b)
{
	if (b->pld_open) {
		wr_end(&b->w, b->pld_len);
		b->pld_open = false;
	}
}

/* A generic header, chained to what came before; returns its length field. */
static struct wr_mark begin_generic(struct ike_build *b, uint8_t type)
{
	end_payload(b);
	if (wr_ok(&b->w)) {
		b->w.base[b->next_at] = type;
	}
	b->next_at = b->w.len;
	wr_u8(&b->w, IKE_PLD_NONE);
	wr_u8(&b->w, 0); /* the critical bit is not set in payloads of RFC 7296 (section 2.5) */
	return wr_begin(&b->w, 2, 2);
}

void ike_build_payload(struct ike_build *b, uint8_t type)
{
	b->pld_len = begin_generic(b, type);
	b->pld_open = true;
}

void ike_build_sk(struct ike_build *b, size_t iv_len)
{
	b->sk_len = begin_generic(b, IKE_PLD_SK);
	b->sk_at = b->next_at;
	b->sealed = true;
	wr_zero(&b->w, iv_len);
	b->text_at = b->w.len;
}

void ike_build_skf(
    struct ike_build *b, size_t iv_len, uint8_t first, uint16_t number, uint16_t total)
{
	b->sk_len = begin_generic(b, IKE_PLD_SKF);
	b->sk_at = b->next_at;
	b->sealed = true;
	if (wr_ok(&b->w)) {
		b->w.base[b->sk_at] = first;
	}
	wr_u16(&b->w, number);
	wr_u16(&b->w, total);
	wr_zero(&b->w, iv_len);
	b->text_at = b->w.len;
}

struct bytes ike_build_sk_content(struct ike_build *b, uint8_t *first)
{
	end_payload(b);
	if (!b->sealed || !wr_ok(&b->w)) {
		return bytes_of(NULL, 0);
	}
	*first = b->w.base[b->sk_at];
	return bytes_of(b->w.base + b->text_at, b->w.len - b->text_at);
}

bool ike_build_sk_close(struct ike_build *b, size_t block, size_t icv_len)
{
	if (!b->sealed) {
		return false; /* nothing to close */
	}
	end_payload(b);
	size_t over = (b->w.len - b->text_at + 1) % block;
	size_t pad = over == 0 ? 0 : block - over;

	wr_zero(&b->w, pad);
	wr_u8(&b->w, (uint8_t)pad);
	wr_zero(&b->w, icv_len);
	wr_end(&b->w, b->sk_len);
	wr_end(&b->w, b->msg_len);
	return wr_ok(&b->w);
}

struct bytes ike_build_finish(struct ike_build *b)
{
	end_payload(b);
	wr_end(&b->w, b->msg_len);
	if (b->sealed) {
		b->w.bad = true; /* an SK payload that nobody encrypted must not leave */
	}
	return wr_written(&b->w);
}

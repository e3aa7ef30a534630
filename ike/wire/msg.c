/*
 * The chain of payloads: RFC 7296 sections 3.2 and 2.5.
 *
 * The walker knows what holds for every payload (header, length, nesting, critical bit, caps) and
 * hands each body to the codec of its row. Nothing here knows an SA.
 */
#include "ike/wire/msg.h"
#include "base/cursor.h"
#include "ike/wire/pld.h"

#include <stdio.h>
#include <string.h>

enum { PLD_CRITICAL = 0x80 };

struct walk {
	struct rd r;
	size_t total; /* bytes that offsets count to */
	bool inner;   /* inside SK */
};

static enum ike_err fault(struct ike_msg *m, enum ike_err err, uint8_t payload, const char *what)
{
	m->fault = (struct ike_fault){payload, what};
	return err;
}

/* One generic header and its body. NULL, or what is wrong with it. */
static const char *read_generic(struct walk *w, struct ike_pld *p, bool *critical)
{
	p->at = w->total - rd_left(&w->r);
	p->next = rd_u8(&w->r);
	*critical = rd_u8(&w->r) & PLD_CRITICAL;
	size_t len = rd_u16(&w->r);

	if (!rd_ok(&w->r)) {
		return "announced, but the message ends before its header";
	}
	if (len < IKE_PLD_HDR_LEN) {
		return "its length is less than its header";
	}
	p->body = rd_bytes(&w->r, len - IKE_PLD_HDR_LEN);
	return rd_ok(&w->r) ? NULL : "its length goes beyond the message";
}

static bool is_sealed(int row)
{
	return row == IKE_ROW_SK || row == IKE_ROW_SKF;
}

/* A payload that we know: what its row asks for, then its codec. */
static const char *read_known(
    struct ike_msg *m, const struct walk *w, const struct ike_pld *p, enum ike_payload_row row)
{
	const struct ike_payload_info *info = ike_payload_info(row);

	if (p->body.n < info->min) {
		return "too short";
	}
	if (w->inner && is_sealed((int)row)) {
		return "inside another SK payload";
	}
	if (m->count[row] > 0 && ike_payload_single(row)) {
		return "repeated";
	}
	m->count[row]++;
	return info->read(m, p);
}

/* One payload of type *next; *next becomes the type of the one after it. */
static enum ike_err step(struct ike_msg *m, struct walk *w, uint8_t *next)
{
	struct ike_pld p = {.type = *next};
	bool critical;

	if (m->payloads == IKE_PAYLOADS_MAX) {
		return fault(m, IKE_ESYNTAX, p.type, "one payload more than a message may have");
	}
	m->payloads++;
	const char *what = read_generic(w, &p, &critical);
	int row = ike_payload_row(p.type);

	if (!what && row >= 0) {
		what = read_known(m, w, &p, (enum ike_payload_row)row);
	}
	if (what) {
		return fault(m, IKE_ESYNTAX, p.type, what);
	}
	if (row < 0) {
		m->unknown++;
		if (critical) {
			return fault(m, IKE_ECRITICAL, p.type, "unknown and marked critical");
		}
	}
	/* What SK calls next is the first payload inside it: the outer chain ends here. */
	*next = is_sealed(row) ? IKE_PLD_NONE : p.next;
	return IKE_OK;
}

static enum ike_err walk_chain(struct ike_msg *m, struct walk *w, uint8_t next)
{
	while (next != IKE_PLD_NONE) {
		enum ike_err err = step(m, w, &next);
		if (err != IKE_OK) {
			return err;
		}
	}
	if (!rd_done(&w->r)) {
		return fault(m, IKE_ESYNTAX, 0, "bytes follow the last payload");
	}
	return IKE_OK;
}

enum ike_err ike_msg_parse(struct ike_msg *out, struct bytes datagram)
{
	memset(out, 0, sizeof *out);
	enum ike_err err = ike_hdr_parse(&out->hdr, datagram);

	if (err == IKE_ESYNTAX) {
		return fault(
		    out, err, 0, "bytes follow the message, or the initiator's SPI is zero");
	}
	if (err != IKE_OK) {
		return fault(out, err, 0, ike_err_sentence(err));
	}
	out->raw = datagram;
	struct walk w = {rd_of(datagram), datagram.n, false};
	rd_skip(&w.r, IKE_HDR_LEN);
	return walk_chain(out, &w, out->hdr.next);
}

enum ike_err ike_msg_parse_inner(
    struct ike_msg *out, const struct ike_msg *outer, struct bytes plain)
{
	memset(out, 0, sizeof *out);
	out->hdr = outer->hdr;
	out->raw = plain;
	struct walk w = {rd_of(plain), plain.n, true};
	return walk_chain(out, &w, outer->sk.next);
}

bool ike_msg_has(const struct ike_msg *m, enum ike_payload_type type)
{
	int row = ike_payload_row((uint8_t)type);

	return row >= 0 && m->count[row] > 0;
}

const struct ike_notify *ike_msg_notify(const struct ike_msg *m, enum ike_notify_type type)
{
	for (size_t i = 0; i < m->notify_n; i++) {
		if (m->notify[i].type == type) {
			return &m->notify[i];
		}
	}
	return NULL;
}

const struct ike_notify *ike_msg_error(const struct ike_msg *m)
{
	for (size_t i = 0; i < m->notify_n; i++) {
		if (ike_notify_is_error(m->notify[i].type)) {
			return &m->notify[i];
		}
	}
	return NULL;
}

const char *ike_msg_fault(const struct ike_msg *m, char dst[IKE_FAULT_TEXT])
{
	const char *exchange = ike_exchange_name(m->hdr.exchange);
	const char *dir = ike_hdr_is_response(&m->hdr) ? "response" : "request";
	const char *what = m->fault.what ? m->fault.what : "nothing wrong";

	if (m->fault.payload == 0) {
		snprintf(dst, IKE_FAULT_TEXT, "%s %s: %s", exchange, dir, what);
	} else if (ike_payload_row(m->fault.payload) < 0) {
		snprintf(dst, IKE_FAULT_TEXT, "%s %s, payload of type %u: %s", exchange, dir,
		    m->fault.payload, what);
	} else {
		snprintf(dst, IKE_FAULT_TEXT, "%s %s, payload %s: %s", exchange, dir,
		    ike_payload_name(m->fault.payload), what);
	}
	return dst;
}

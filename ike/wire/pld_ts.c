/*
 * TSi and TSr: RFC 7296 section 3.13.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

enum {
	TS_IPV4_ADDR_RANGE = 7,
	TS_IPV6_ADDR_RANGE = 8,
	TS_HEAD = 4, /* type, protocol, length */
};

/* Bytes of an address in a selector of that type; 0: a type that we do not know. */
static size_t addr_len_of(uint8_t type)
{
	return type == TS_IPV4_ADDR_RANGE ? 4 : type == TS_IPV6_ADDR_RANGE ? 16 : 0;
}

static bool in_order(const struct ts *t)
{
	return addr_cmp(&t->lo, &t->hi) <= 0 && (t->port_lo <= t->port_hi || ts_is_opaque(t));
}

/* NULL, or what is wrong with the next selector. Those of other types are skipped. */
static const char *read_selector(struct rd *r, struct ts_list *out)
{
	uint8_t type = rd_u8(r);
	struct ts t = {.proto = rd_u8(r)};
	size_t len = rd_u16(r);

	if (!rd_ok(r) || len < TS_HEAD) {
		return "a selector is cut, or its length is less than its header";
	}
	struct rd body = rd_sub(r, len - TS_HEAD);
	size_t addr_len = addr_len_of(type);

	if (addr_len == 0) {
		return rd_ok(r) ? NULL : "a selector goes beyond the payload";
	}
	t.port_lo = rd_u16(&body);
	t.port_hi = rd_u16(&body);
	t.lo = addr_from_bytes(rd_bytes(&body, addr_len));
	t.hi = addr_from_bytes(rd_bytes(&body, addr_len));
	if (!rd_done(&body)) {
		return "the length of a selector does not fit its type";
	}
	if (!in_order(&t)) {
		return "a selector ends before it begins";
	}
	/* Further ones than we hold are let go: that narrows (section 2.9). */
	(void)ts_list_add(out, &t);
	return NULL;
}

const char *ike_pld_ts(struct ike_msg *m, const struct ike_pld *p)
{
	struct ts_list *l = p->type == IKE_PLD_TSI ? &m->tsi : &m->tsr;
	struct rd r = rd_of(p->body);
	size_t n = rd_u8(&r);

	rd_skip(&r, 3);
	if (n == 0) {
		return "without a selector";
	}
	for (size_t i = 0; i < n; i++) {
		const char *what = read_selector(&r, l);
		if (what) {
			return what;
		}
	}
	return rd_done(&r) ? NULL : "bytes follow the last selector";
}

void ike_build_ts(struct ike_build *b, enum ike_payload_type type, const struct ts_list *l)
{
	ike_build_payload(b, (uint8_t)type);
	wr_u8(&b->w, (uint8_t)l->n);
	wr_zero(&b->w, 3);
	for (size_t i = 0; i < l->n; i++) {
		const struct ts *t = &l->v[i];

		wr_u8(&b->w, t->lo.family == ADDR_V4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
		wr_u8(&b->w, t->proto);
		struct wr_mark len = wr_begin(&b->w, 2, 2);
		wr_u16(&b->w, t->port_lo);
		wr_u16(&b->w, t->port_hi);
		wr_bytes(&b->w, addr_bytes(&t->lo));
		wr_bytes(&b->w, addr_bytes(&t->hi));
		wr_end(&b->w, len);
	}
}

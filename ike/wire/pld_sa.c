/*
 * SA, proposals and transforms: RFC 7296 section 3.3.
 *
 * What is well formed but means nothing to us is kept out of the choice rather than refused
 * (section 3.3.6): a transform with an attribute that we do not know is left out; a proposal with a
 * type of transform that we do not know, or of whose transforms of some type none is left, is
 * marked unknown.
 */
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

enum {
	LAST = 0,
	MORE_PROPOSALS = 2,
	MORE_TRANSFORMS = 3,
	ATTR_TV = 0x8000, /* the value stands in place of the length */
	ATTR_KEY_LENGTH = 14,
};

/* One proposal while it is read. */
struct reading {
	struct proposal *p;
	uint32_t seen, held; /* bit masks of transform types */
};

/* Attributes of one transform. *understood is false when it must not be chosen because of them. */
static const char *read_attributes(struct rd *r, struct transform *t, bool *understood)
{
	for (unsigned n = 0; rd_left(r) > 0; n++) {
		uint16_t type = rd_u16(r);
		uint16_t value = rd_u16(r);

		if (n == IKE_ATTRS_MAX) {
			return "a transform has too many attributes";
		}
		if (!(type & ATTR_TV)) {
			rd_skip(r, value);
		}
		if (type == (ATTR_TV | ATTR_KEY_LENGTH) && t->key_bits == 0 && value != 0) {
			t->key_bits = value;
		} else {
			*understood = false;
		}
		if (!rd_ok(r)) {
			return "an attribute goes beyond its transform";
		}
	}
	return NULL;
}

/* 0 of these types says NONE: as good as known. */
static bool known(struct transform t)
{
	return transform_find(t) != NULL ||
	       ((t.type == TRANSFORM_KE || transform_is_addke(t)) && t.id == KE_NONE);
}

/* The place of a held transform that gives way to one that we know, or NULL: some peers offer more
 * than fit, most of it unknown to us. A type that loses its last one so is noticed at the end. */
static struct transform *spare_place(struct proposal *p)
{
	for (size_t i = p->n; i-- > 0;) {
		if (!known(p->t[i])) {
			return &p->t[i];
		}
	}
	return NULL;
}

static void hold(struct proposal *p, struct transform t)
{
	if (p->n < PROPOSAL_TRANSFORMS) {
		p->t[p->n++] = t;
		return;
	}
	struct transform *place = known(t) ? spare_place(p) : NULL;
	if (place) {
		*place = t;
	}
}

static uint32_t held_types(const struct proposal *p)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < p->n; i++) {
		mask |= UINT32_C(1) << p->t[i].type;
	}
	return mask;
}

static const char *read_transform(struct rd *r, struct reading *in, bool last)
{
	uint8_t mark = rd_u8(r);
	rd_skip(r, 1);
	size_t len = rd_u16(r);

	if (!rd_ok(r) || len < 8) {
		return "a transform is cut, or its length is less than its header";
	}
	if (mark != (last ? LAST : MORE_TRANSFORMS)) {
		return "the mark of the last transform is wrong";
	}
	struct rd body = rd_sub(r, len - 4);
	struct transform t = {.type = rd_u8(&body)};
	bool understood = true;

	rd_skip(&body, 1);
	t.id = rd_u16(&body);
	if (!rd_ok(&body)) {
		return "a transform goes beyond its proposal";
	}
	const char *what = read_attributes(&body, &t, &understood);
	if (what) {
		return what;
	}
	if (t.type < TRANSFORM_ENCR || t.type > TRANSFORM_ADDKE7) {
		in->p->unknown = true;
		return NULL;
	}
	in->seen |= UINT32_C(1) << t.type;
	if (understood) {
		hold(in->p, t);
	}
	return NULL;
}

static bool spi_len_fits(uint8_t proto, size_t n)
{
	switch (proto) {
	case SA_IKE: return n == 0 || n == 8; /* 8 when an IKE SA is rekeyed */
	case SA_AH:
	case SA_ESP: return n == 4;
	default: return true;
	}
}

static const char *read_spi(struct rd *r, struct proposal *p, size_t n)
{
	struct bytes spi = rd_bytes(r, n);

	if (!rd_ok(r)) {
		return "an SPI goes beyond its proposal";
	}
	if (!spi_len_fits(p->proto, n)) {
		return "the SPI size of a proposal does not fit its protocol";
	}
	for (size_t i = 0; i < n && n <= sizeof p->spi; i++) {
		p->spi[i] = spi.p[i];
		p->spi_n = (uint8_t)n;
	}
	return NULL;
}

/* The body of a proposal, after its length field. */
static const char *read_body(struct rd *r, struct proposal *p)
{
	struct reading in = {.p = p};

	p->number = rd_u8(r);
	p->proto = rd_u8(r);
	size_t spi_n = rd_u8(r);
	size_t transforms = rd_u8(r);
	const char *what = read_spi(r, p, spi_n);

	for (size_t i = 0; !what && i < transforms; i++) {
		what = read_transform(r, &in, i + 1 == transforms);
	}
	if (!what && !rd_done(r)) {
		what = "bytes follow the last transform";
	}
	in.held = held_types(p);
	if ((in.seen & ~in.held) != 0 || p->proto < SA_IKE || p->proto > SA_ESP) {
		p->unknown = true;
	}
	return what;
}

const char *ike_pld_sa(struct ike_msg *m, const struct ike_pld *pld)
{
	struct rd r = rd_of(pld->body);
	bool more = true;

	while (more) {
		struct proposal p = {0};
		uint8_t mark = rd_u8(&r);
		rd_skip(&r, 1);
		size_t len = rd_u16(&r);

		if (!rd_ok(&r) || len < 8) {
			return "a proposal is cut, or its length is less than its header";
		}
		struct rd body = rd_sub(&r, len - 4);
		if (!rd_ok(&r)) {
			return "a proposal goes beyond the payload";
		}
		more = rd_left(&r) > 0;
		if (mark != (more ? MORE_PROPOSALS : LAST)) {
			return "the mark of the last proposal is wrong";
		}
		const char *what = read_body(&body, &p);
		if (what) {
			return what;
		}
		if (m->sa.n < PROPOSAL_MAX) {
			m->sa.v[m->sa.n++] = p;
		}
	}
	return NULL;
}

static void write_transform(struct wr *w, struct transform t, bool last)
{
	wr_u8(w, last ? LAST : MORE_TRANSFORMS);
	wr_u8(w, 0);
	struct wr_mark len = wr_begin(w, 2, 2);
	wr_u8(w, t.type);
	wr_u8(w, 0);
	wr_u16(w, t.id);
	if (t.key_bits != 0) {
		wr_u16(w, ATTR_TV | ATTR_KEY_LENGTH);
		wr_u16(w, t.key_bits);
	}
	wr_end(w, len);
}

static void write_proposal(struct wr *w, const struct proposal *p, bool last)
{
	wr_u8(w, last ? LAST : MORE_PROPOSALS);
	wr_u8(w, 0);
	struct wr_mark len = wr_begin(w, 2, 2);
	wr_u8(w, p->number);
	wr_u8(w, p->proto);
	wr_u8(w, p->spi_n);
	wr_u8(w, (uint8_t)p->n);
	wr_bytes(w, bytes_of(p->spi, p->spi_n));
	for (size_t i = 0; i < p->n; i++) {
		write_transform(w, p->t[i], i + 1 == p->n);
	}
	wr_end(w, len);
}

void ike_build_sa(struct ike_build *b, const struct proposal_list *l)
{
	ike_build_payload(b, IKE_PLD_SA);
	for (size_t i = 0; i < l->n; i++) {
		write_proposal(&b->w, &l->v[i], i + 1 == l->n);
	}
}

void ike_build_sa_one(struct ike_build *b, const struct proposal *p)
{
	ike_build_payload(b, IKE_PLD_SA);
	write_proposal(&b->w, p, true);
}

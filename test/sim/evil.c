/*
 * The misbehaving peer: opens a message with its sender's keys, edits the chain, seals it again.
 */
#include "test/sim/evil.h"

#include "ike/crypto/crypto.h"
#include "ike/wire/build.h"
#include "ike/wire/msg.h"
#include "test/sim/internal.h"

#include <string.h>

enum { REPEATS = 70, CHAIN = 16384, PRIVATE_TYPE = 200 };

struct chain {
	uint8_t first; /* type of the first payload */
	size_t n;
	uint8_t b[CHAIN];
};

/* ---- Keys ---- */

/* IKE_INTERMEDIATE changes the keys of an SA: `back` 0 are the newest, 1 those before, … */
static bool keys_of(
    const struct sim *s, const struct ike_hdr *hdr, unsigned back, const struct ike_keys **out)
{
	for (size_t i = 0; i < s->hosts_n; i++)
		for (size_t k = s->hosts[i].keys_n; k-- > 0;) {
			const struct ike_keys *keys = &s->hosts[i].keys[k];
			if (keys->spi_i == hdr->spi_i && keys->spi_r == hdr->spi_r && !back--) {
				*out = keys;
				return true;
			}
		}
	return false;
}

static bool sk_of(
    struct sim *s, struct ike_sk *sk, enum ike_sk_dir dir, const struct ike_hdr *hdr, unsigned back)
{
	const struct ike_keys *k;

	if (!keys_of(s, hdr, back, &k))
		return false;
	bool i = ike_hdr_from_initiator(hdr);
	return ike_sk_init(sk, s->rand.libctx, dir, &k->suite,
		   secret_bytes(i ? &k->sk_ei : &k->sk_er),
		   secret_bytes(i ? &k->sk_ai : &k->sk_ar)) == IKE_OK;
}

/* ---- The edit ---- */

struct place {
	size_t
	    type_at; /* where its type stands: in the payload before, or SIZE_MAX for the first */
	size_t at, len;
	uint8_t type;
};

static bool find(const struct chain *c, unsigned which, struct place *out, unsigned *count)
{
	struct place p = {.type_at = SIZE_MAX, .type = c->first};
	bool found = false;

	*count = 0;
	while (p.type != 0 && p.at + 4 <= c->n) {
		p.len = be16_load(c->b + p.at + 2);
		if (p.len < 4 || p.at + p.len > c->n)
			break;
		if ((*count)++ == which) {
			*out = p;
			found = true;
		}
		p.type_at = p.at;
		p.type = c->b[p.at];
		p.at += p.len;
	}
	return found;
}

static bool find_type(const struct chain *c, struct evil *e, struct place *out)
{
	for (e->payload = 0; find(c, e->payload, out, &e->payloads); e->payload++)
		if (out->type == e->arg)
			return true;
	return false;
}

static void set_type(struct chain *c, const struct place *p, uint8_t type)
{
	if (p->type_at == SIZE_MAX)
		c->first = type;
	else
		c->b[p->type_at] = type;
}

static void cut(struct chain *c, size_t at, size_t n)
{
	memmove(c->b + at, c->b + at + n, c->n - at - n);
	c->n -= n;
}

static void insert(struct chain *c, size_t at, const uint8_t *data, size_t n)
{
	sim_must(c->n + n <= CHAIN, "an edited chain is too long");
	memmove(c->b + at + n, c->b + at, c->n - at);
	memcpy(c->b + at, data, n);
	c->n += n;
}

static void repeat(struct chain *c, const struct place *p, unsigned times)
{
	uint8_t copy[SIM_DATAGRAM];

	memcpy(copy, c->b + p->at, p->len);
	copy[0] = p->type; /* the next one is of the same type; the last keeps what followed */
	while (times-- && c->n + p->len <= SIM_DATAGRAM - 200)
		insert(c, p->at, copy, p->len);
}

static void put_unknown(struct chain *c, const struct place *p, bool critical)
{
	uint8_t extra[8] = {p->type, critical ? 0x80 : 0, 0, 8, 1, 2, 3, 4};

	set_type(c, p, PRIVATE_TYPE);
	insert(c, p->at, extra, sizeof extra);
}

static void truncate_body(struct chain *c, const struct place *p, size_t left)
{
	size_t body = p->len - 4;

	if (left >= body)
		return;
	cut(c, p->at + 4 + left, body - left);
	be16_store(c->b + p->at + 2, (uint16_t)(4 + left));
}

static void replace_body(struct chain *c, const struct place *p, struct bytes data)
{
	truncate_body(c, p, 0);
	insert(c, p->at + 4, data.p, data.n);
	be16_store(c->b + p->at + 2, (uint16_t)(4 + data.n));
}

static void put_payload(struct chain *c, const struct place *p, uint8_t type, struct bytes data)
{
	uint8_t extra[4 + EVIL_DATA] = {p->type, 0};

	be16_store(extra + 2, (uint16_t)(4 + data.n));
	memcpy(extra + 4, data.p, data.n);
	set_type(c, p, type);
	insert(c, p->at, extra, 4 + data.n);
}

static void edit(struct chain *c, const struct place *p, const struct evil *e)
{
	uint8_t *length = c->b + p->at + 2;

	switch (e->kind) {
	case EVIL_OMIT:
		set_type(c, p, c->b[p->at]);
		cut(c, p->at, p->len);
		break;
	case EVIL_REPEAT: repeat(c, p, 1); break;
	case EVIL_REPEAT_MANY: repeat(c, p, REPEATS); break;
	case EVIL_EMPTY: truncate_body(c, p, 0); break;
	case EVIL_RENUMBER: set_type(c, p, (uint8_t)e->arg); break;
	case EVIL_CRITICAL: put_unknown(c, p, true); break;
	case EVIL_UNKNOWN: put_unknown(c, p, false); break;
	case EVIL_LENGTH: be16_store(length, (uint16_t)e->arg); break;
	case EVIL_LENGTH_ADD: be16_store(length, (uint16_t)(be16_load(length) + e->arg)); break;
	case EVIL_TRUNCATE: truncate_body(c, p, e->arg); break;
	case EVIL_DAMAGE:
		if (e->arg / 8 < p->len - 4)
			c->b[p->at + 4 + e->arg / 8] ^= (uint8_t)(1u << e->arg % 8);
		break;
	case EVIL_BODY:
	case EVIL_BODY_OF: replace_body(c, p, e->data); break;
	case EVIL_INSERT: put_payload(c, p, (uint8_t)e->arg, e->data); break;
	case EVIL_KINDS: break;
	}
}

/* ---- The message ---- */

/* *back: the keys that open it. */
static bool unseal(
    struct sim *s, const struct sim_wire *w, struct ike_msg *outer, struct chain *c, unsigned *back)
{
	struct ike_sk sk;
	struct bytes plain;
	bool ok = false;

	if (ike_msg_parse(outer, bytes_of(w->data, w->n)) != IKE_OK ||
	    !ike_msg_has(outer, IKE_PLD_SK))
		return false;
	for (*back = 0; !ok && sk_of(s, &sk, IKE_SK_OPEN, &outer->hdr, *back); *back += !ok) {
		ok = ike_sk_open(&sk, outer, c->b, sizeof c->b, &plain) == IKE_OK;
		ike_sk_fini(&sk);
	}
	if (!ok)
		return false;
	memmove(c->b, plain.p, plain.n);
	c->n = plain.n;
	c->first = outer->sk.next;
	return true;
}

static void seal(struct sim *s, struct sim_wire *w, const struct ike_hdr *hdr,
    const struct chain *c, unsigned back)
{
	uint8_t out[SIM_DATAGRAM];
	struct ike_build b;
	struct ike_sk sk;
	struct bytes msg;

	sim_must(sk_of(s, &sk, IKE_SK_SEAL, hdr, back), "no keys to seal with");
	ike_build_begin(&b, out, sizeof out, hdr);
	ike_build_sk(&b, ike_sk_iv_len(&sk));
	b.w.base[b.next_at] = c->first;
	wr_bytes(&b.w, bytes_of(c->b, c->n));
	sim_must(ike_sk_seal(&sk, &b, &msg) == IKE_OK, "an edited message does not fit");
	ike_sk_fini(&sk);
	sim_must(msg.n <= w->cap, "an edited message is too long for the wire");
	memcpy(w->data, msg.p, msg.n);
	w->n = msg.n;
}

bool evil_open(struct sim *s, const struct sim_wire *w, struct ike_msg *inner)
{
	static _Thread_local struct ike_msg outer;
	static _Thread_local struct chain c;
	unsigned back;

	return unseal(s, w, &outer, &c, &back) &&
	       ike_msg_parse_inner(inner, &outer, bytes_of(c.b, c.n)) == IKE_OK;
}

bool evil_unseal(struct sim *s, const struct sim_wire *w, uint8_t *first, struct bytes *plain)
{
	static _Thread_local struct ike_msg outer;
	static _Thread_local struct chain c;
	unsigned back;

	if (!unseal(s, w, &outer, &c, &back))
		return false;
	*first = c.first;
	*plain = bytes_of(c.b, c.n);
	return true;
}

bool evil_change(struct sim *s, struct sim_wire *w, evil_edit *change, void *arg)
{
	static _Thread_local struct ike_msg outer;
	static _Thread_local struct chain c;
	struct ike_hdr hdr;
	unsigned back;

	if (!unseal(s, w, &outer, &c, &back))
		return false;
	hdr = outer.hdr;
	c.n = change(arg, &c.first, c.b, c.n, sizeof c.b);
	seal(s, w, &hdr, &c, back);
	return true;
}

enum ike_err evil_inject(struct sim *s, struct sim_host *to, const struct evil_piece *p)
{
	uint8_t out[SIM_DATAGRAM];
	struct ike_build b;
	struct ike_sk sk;
	struct bytes msg;

	sim_must(sk_of(s, &sk, IKE_SK_SEAL, &p->hdr, 0), "no keys to seal a fragment with");
	ike_build_begin(&b, out, sizeof out, &p->hdr);
	ike_build_skf(&b, ike_sk_iv_len(&sk), p->next, p->number, p->total);
	wr_bytes(&b.w, p->content);
	sim_must(ike_sk_seal(&sk, &b, &msg) == IKE_OK, "a fragment does not fit");
	ike_sk_fini(&sk);
	return sim_inject(to, &(struct sim_wire){.from = p->from,
				  .to = p->to,
				  .marker = p->marker,
				  .data = out,
				  .n = msg.n,
				  .cap = sizeof out});
}

bool evil_tap(struct sim *s, struct sim_wire *w)
{
	struct evil *e = s->tap_arg;
	static _Thread_local struct ike_msg outer;
	static _Thread_local struct chain c;
	struct place p;
	unsigned back;

	if (w->number != e->number || !unseal(s, w, &outer, &c, &back))
		return true;
	struct ike_hdr hdr = outer.hdr;
	e->sealed = true;
	if (!(e->kind == EVIL_BODY_OF ? find_type(&c, e, &p)
				      : find(&c, e->payload, &p, &e->payloads)))
		return true;
	e->type = p.type;
	e->body = p.len - 4;
	edit(&c, &p, e);
	seal(s, w, &hdr, &c, back);
	e->done = true;
	return true;
}

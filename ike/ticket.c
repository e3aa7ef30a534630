/*
 * Tickets by value: RFC 5723 section 6.1.
 *
 *     ticket = version | key id (8) | number (8) | AES-256-GCM(key, number; content)
 *
 * with all that stands in front authenticated. A key makes IKE_TICKETS_PER_KEY tickets at most, so
 * that a bit for each says whether it may still be used.
 */
#include "ike/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "ike/crypto/crypto.h"

enum { VERSION = 1, HEAD = 1 + IKE_TICKET_KEY_ID + 8 };

struct ike_ticket_key {
	uint8_t id[IKE_TICKET_KEY_ID];
	uint8_t key[IKE_SEAL_KEY];
	ike_time since;
	uint64_t made; /* tickets so far */
	uint8_t spent[IKE_TICKETS_PER_KEY / 8 + 1];
};

void ike_resumable_fini(struct ike_resumable *r)
{
	secret_fini(&r->sk_d);
	*r = (struct ike_resumable){0};
}

/* ---- The content ---- */

static void put_transform(struct wr *w, struct transform t)
{
	wr_u8(w, t.type);
	wr_u16(w, t.id);
	wr_u16(w, t.key_bits);
}

static struct transform take_transform(struct rd *r)
{
	struct transform t = {.type = rd_u8(r)};

	t.id = rd_u16(r);
	t.key_bits = rd_u16(r);
	return t;
}

static void put_ident(struct wr *w, const struct ident *id)
{
	wr_u8(w, id->type);
	wr_u16(w, id->n);
	wr_bytes(w, bytes_of(id->b, id->n));
}

static bool take_ident(struct rd *r, struct ident *id)
{
	uint8_t type = rd_u8(r);
	size_t n = rd_u16(r);
	struct bytes b = rd_bytes(r, n);

	return rd_ok(r) && ident_from_wire(id, type, b);
}

size_t ike_resumable_write(const struct ike_resumable *r, uint8_t *out, size_t cap)
{
	struct wr w = wr_of(out, cap);

	wr_u64(&w, r->expires_at);
	wr_u64(&w, r->authenticated_at);
	wr_u64(&w, r->spi_i);
	wr_u64(&w, r->spi_r);
	wr_u8(&w, r->auth_i);
	wr_u8(&w, r->auth_r);
	put_transform(&w, r->suite.encr);
	put_transform(&w, r->suite.prf);
	put_transform(&w, r->suite.integ);
	put_transform(&w, r->suite.ke);
	put_transform(&w, r->suite.sn);
	for (size_t i = 0; i < ADDKE_MAX; i++)
		put_transform(&w, r->suite.addke[i]);
	put_ident(&w, &r->id_i);
	put_ident(&w, &r->id_r);
	wr_u8(&w, (uint8_t)r->sk_d.n);
	wr_bytes(&w, secret_bytes(&r->sk_d));
	return r->sk_d.n <= IKE_PRF_MAX ? wr_written(&w).n : 0;
}

bool ike_resumable_read(struct ike_resumable *out, struct bytes from)
{
	struct rd r = rd_of(from);
	struct bytes sk_d;

	*out = (struct ike_resumable){0};
	out->expires_at = rd_u64(&r);
	out->authenticated_at = rd_u64(&r);
	out->spi_i = rd_u64(&r);
	out->spi_r = rd_u64(&r);
	out->auth_i = rd_u8(&r);
	out->auth_r = rd_u8(&r);
	out->suite.encr = take_transform(&r);
	out->suite.prf = take_transform(&r);
	out->suite.integ = take_transform(&r);
	out->suite.ke = take_transform(&r);
	out->suite.sn = take_transform(&r);
	for (size_t i = 0; i < ADDKE_MAX; i++)
		out->suite.addke[i] = take_transform(&r);
	if (!take_ident(&r, &out->id_i) || !take_ident(&r, &out->id_r)) {
		*out = (struct ike_resumable){0};
		return false;
	}
	sk_d = rd_bytes(&r, rd_u8(&r));
	if (!rd_done(&r) || !sk_d.n || sk_d.n != ike_prf_len(out->suite.prf) ||
	    !secret_copy(&out->sk_d, sk_d)) {
		*out = (struct ike_resumable){0};
		return false;
	}
	return true;
}

/* ---- Keys ---- */

static void free_key(struct ike_ticket_key *k)
{
	if (k)
		secret_wipe(k, sizeof *k);
	free(k);
}

void ike_tickets_fini(struct ike_tickets *t)
{
	free_key(t->now);
	free_key(t->before);
	*t = (struct ike_tickets){0};
}

static ike_time end_of(const struct ike_ticket_key *k)
{
	return k ? k->since + 2 * (uint64_t)IKE_TICKET_KEY_MS : IKE_NEVER;
}

void ike_tickets_expire(struct ike_tickets *t, ike_time now)
{
	if (end_of(t->before) <= now) {
		free_key(t->before);
		t->before = NULL;
	}
	if (end_of(t->now) <= now) {
		free_key(t->now);
		t->now = NULL;
	}
}

ike_time ike_tickets_deadline(const struct ike_tickets *t)
{
	ike_time now = end_of(t->now), before = end_of(t->before);

	return now < before ? now : before;
}

static enum ike_err turn(struct ike_tickets *t, struct ossl_lib_ctx_st *libctx, ike_time now)
{
	struct ike_ticket_key *k;
	enum ike_err err;

	ike_tickets_expire(t, now);
	if (t->now && now - t->now->since < IKE_TICKET_KEY_MS && t->now->made < IKE_TICKETS_PER_KEY)
		return IKE_OK;
	k = calloc(1, sizeof *k);
	if (!k)
		return IKE_ENOMEM;
	err = ike_random_key(libctx, k->key, sizeof k->key);
	if (!err)
		err = ike_random(libctx, k->id, sizeof k->id);
	if (err) {
		free_key(k);
		return err;
	}
	k->since = now;
	free_key(t->before);
	t->before = t->now;
	t->now = k;
	return IKE_OK;
}

static struct ike_ticket_key *key_of(const struct ike_tickets *t, const uint8_t *id)
{
	if (t->now && memcmp(t->now->id, id, IKE_TICKET_KEY_ID) == 0)
		return t->now;
	if (t->before && memcmp(t->before->id, id, IKE_TICKET_KEY_ID) == 0)
		return t->before;
	return NULL;
}

static bool is_number(const struct ike_ticket_key *k, uint64_t number)
{
	return number >= 1 && number <= k->made && number <= IKE_TICKETS_PER_KEY;
}

static bool is_spent(const struct ike_ticket_key *k, uint64_t number)
{
	return k->spent[number / 8] >> (number % 8) & 1;
}

/* ---- Tickets ---- */

enum ike_err ike_ticket_grant(struct ike_tickets *t, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_resumable *r, uint8_t out[IKE_TICKET_MAX], size_t *n,
    struct ike_ticket_ref *ref)
{
	enum { ROOM = IKE_TICKET_MAX - HEAD - IKE_SEAL_TAG };
	uint8_t content[ROOM];
	struct ike_seal_key key;
	size_t len = ike_resumable_write(r, content, sizeof content);
	enum ike_err err = len ? turn(t, libctx, now) : IKE_ELIMIT;

	*n = 0;
	if (!err) {
		key = (struct ike_seal_key){.key = t->now->key, .number = ++t->now->made};
		out[0] = VERSION;
		memcpy(out + 1, t->now->id, IKE_TICKET_KEY_ID);
		be64_store(out + 1 + IKE_TICKET_KEY_ID, key.number);
		err =
		    ike_seal(libctx, &key, bytes_of(out, HEAD), bytes_of(content, len), out + HEAD);
	}
	secret_wipe(content, sizeof content);
	if (err)
		return err;
	*n = HEAD + len + IKE_SEAL_TAG;
	memcpy(ref->key_id, t->now->id, IKE_TICKET_KEY_ID);
	ref->number = key.number;
	return IKE_OK;
}

enum ike_err ike_ticket_open(struct ike_tickets *t, struct ossl_lib_ctx_st *libctx, ike_time now,
    struct bytes ticket, struct ike_resumable *out, struct ike_ticket_ref *ref)
{
	uint8_t content[IKE_TICKET_MAX];
	struct ike_ticket_key *k;
	struct ike_seal_key key;
	enum ike_err err;
	bool good;

	*out = (struct ike_resumable){0};
	ike_tickets_expire(t, now);
	if (ticket.n < HEAD + IKE_SEAL_TAG || ticket.n > IKE_TICKET_MAX || ticket.p[0] != VERSION)
		return IKE_EINTEGRITY;
	k = key_of(t, ticket.p + 1);
	key.number = be64_load(ticket.p + 1 + IKE_TICKET_KEY_ID);
	if (!k || !is_number(k, key.number))
		return IKE_EINTEGRITY;
	key.key = k->key;
	err = ike_unseal(libctx, &key, bytes_of(ticket.p, HEAD),
	    bytes_of(ticket.p + HEAD, ticket.n - HEAD), content);
	if (err)
		return err;
	good = ike_resumable_read(out, bytes_of(content, ticket.n - HEAD - IKE_SEAL_TAG));
	secret_wipe(content, sizeof content);
	if (!good)
		return IKE_EINTEGRITY;
	memcpy(ref->key_id, k->id, IKE_TICKET_KEY_ID);
	ref->number = key.number;
	if (is_spent(k, key.number))
		err = IKE_EREPLACED;
	else if (out->expires_at <= now)
		err = IKE_ELIFETIME;
	if (err)
		ike_resumable_fini(out);
	return err;
}

void ike_ticket_revoke(struct ike_tickets *t, const struct ike_ticket_ref *ref)
{
	struct ike_ticket_key *k = ref->number ? key_of(t, ref->key_id) : NULL;

	if (k && is_number(k, ref->number))
		k->spent[ref->number / 8] |= (uint8_t)(1u << ref->number % 8);
}

/*
 * Messages on their way out, whole or in fragments: RFC 7383 section 2.5.
 *
 * All fragments of a message carry equally much but the last, so that they lie in one buffer
 * without a table of where each begins; the first may have a payload beside (RFC 8019 section
 * 7.2.2).
 */
#include "ike/parcel.h"

#include <stdlib.h>
#include <string.h>

/* ---- Bytes on the heap ---- */

bool ike_blob_copy(struct ike_blob *b, struct bytes from)
{
	ike_blob_fini(b);
	b->p = malloc(from.n ? from.n : 1);
	if (!b->p)
		return false;
	if (from.n)
		memcpy(b->p, from.p, from.n);
	b->n = from.n;
	return true;
}

void ike_blob_fini(struct ike_blob *b)
{
	free(b->p);
	*b = (struct ike_blob){0};
}

struct bytes ike_blob_bytes(const struct ike_blob *b)
{
	return bytes_of(b->p, b->n);
}

/* ---- Parcels ---- */

void ike_parcel_fini(struct ike_parcel *p)
{
	ike_blob_fini(&p->wire);
	if (p->plain.p)
		secret_wipe(p->plain.p, p->plain.n);
	ike_blob_fini(&p->plain);
	ike_blob_fini(&p->beside);
	*p = (struct ike_parcel){0};
}

void ike_parcel_take(struct ike_parcel *to, struct ike_parcel *from)
{
	ike_parcel_fini(to);
	*to = *from;
	*from = (struct ike_parcel){0};
}

struct bytes ike_parcel_piece(const struct ike_parcel *p, size_t i)
{
	size_t at = i ? i * p->piece + p->more : 0;
	size_t n = i ? p->piece : p->piece + p->more;

	return bytes_of(p->wire.p + at, i + 1 < p->total ? n : p->wire.n - at);
}

bool ike_parcel_whole(struct ike_parcel *p, struct bytes datagram)
{
	if (!ike_blob_copy(&p->wire, datagram))
		return false;
	p->piece = datagram.n;
	p->total = 1;
	return true;
}

/* How much of the content goes into each fragment; *total is how many there are. 0: no room. */
static size_t share(const struct ike_sk *sk, size_t n, size_t room, size_t least, size_t *total)
{
	size_t outside = IKE_HDR_LEN + IKE_SKF_FIELDS;
	size_t chunk = room > outside ? ike_sk_capacity(sk, room - outside) : 0;

	if (least > 1 && n && chunk > (n - 1) / (least - 1))
		chunk = (n - 1) / (least - 1);
	*total = chunk ? (n + chunk - 1) / chunk : 0;
	return *total <= UINT16_MAX ? chunk : 0;
}

enum ike_err ike_parcel_cut(struct ike_parcel *p, struct ike_sk *sk, const struct ike_hdr *hdr,
    struct bytes plain, uint8_t first, size_t room, size_t least)
{
	size_t more = p->beside.n ? IKE_PLD_HDR_LEN + p->beside.n : 0;
	size_t total, at = 0, piece = 0;
	size_t chunk = room > more ? share(sk, plain.n, room - more, least, &total) : 0;
	struct ike_blob wire = {0};
	enum ike_err err = IKE_OK;

	if (!chunk)
		return IKE_ELIMIT;
	wire.p = malloc(total * room);
	if (!wire.p)
		return IKE_ENOMEM;
	for (size_t i = 0; i < total && !err; i++, at += chunk) {
		size_t n = plain.n - at < chunk ? plain.n - at : chunk;
		struct ike_build b;
		struct bytes out;

		ike_build_begin(&b, wire.p + wire.n, total * room - wire.n, hdr);
		if (i == 0 && more) {
			ike_build_payload(&b, IKE_PLD_PS);
			wr_bytes(&b.w, ike_blob_bytes(&p->beside));
		}
		ike_build_skf(&b, ike_sk_iv_len(sk), i ? IKE_PLD_NONE : first, (uint16_t)(i + 1),
		    (uint16_t)total);
		wr_bytes(&b.w, bytes_of(plain.p + at, n));
		err = ike_sk_seal(sk, &b, &out);
		wire.n += out.n;
		if (i == 0)
			piece = out.n - more;
	}
	if (err) {
		ike_blob_fini(&wire);
		return err;
	}
	ike_blob_fini(&p->wire);
	p->wire = wire;
	p->piece = piece;
	p->more = more;
	p->total = (uint16_t)total;
	p->first = first;
	return IKE_OK;
}

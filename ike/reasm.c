/*
 * Reassembly: RFC 7383 sections 2.6 and 5.
 */
#include "ike/reasm.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

enum { PIECE_COST = 32 }; /* what a piece takes beside its bytes */

struct ike_piece {
	uint8_t *p; /* NULL: it has not come */
	size_t n;
};

struct ike_mark ike_mark_of(struct bytes raw)
{
	struct ike_mark m = {.n = raw.n};
	size_t n = raw.n < sizeof m.tail ? raw.n : sizeof m.tail;

	if (n)
		memcpy(m.tail, raw.p + raw.n - n, n);
	return m;
}

bool ike_mark_fits(const struct ike_mark *m, struct bytes raw)
{
	struct ike_mark other = ike_mark_of(raw);

	return m->n == other.n && memcmp(m->tail, other.tail, sizeof m->tail) == 0;
}

void ike_reasm_fini(struct ike_reasm *r)
{
	for (size_t i = 0; r->pieces && i < r->total; i++) {
		if (r->pieces[i].p)
			secret_wipe(r->pieces[i].p, r->pieces[i].n);
		free(r->pieces[i].p);
	}
	free(r->pieces);
	ike_blob_fini(&r->head);
	if (r->all)
		*r->all -= r->held;
	*r = (struct ike_reasm){0};
}

ike_time ike_reasm_deadline(const struct ike_reasm *r)
{
	return r->pieces ? r->give_up_at : IKE_NEVER;
}

enum ike_reasm_verdict ike_reasm_judge(const struct ike_reasm *r, const struct ike_msg *m)
{
	if (!r->pieces || m->sk.total > r->total)
		return IKE_REASM_STORED;
	if (m->sk.total < r->total || m->hdr.exchange != r->exchange)
		return IKE_REASM_STALE;
	return r->pieces[m->sk.number - 1].p ? IKE_REASM_REPEATED : IKE_REASM_STORED;
}

/* Memory that counts; false: there is too much of it already. */
static bool charge(struct ike_reasm *r, const struct ike_reasm_caps *caps, size_t n)
{
	if (*caps->all + n > caps->all_max)
		return false;
	r->all = caps->all;
	*r->all += n;
	r->held += n;
	return true;
}

static enum ike_reasm_verdict start(
    struct ike_reasm *r, const struct ike_reasm_caps *caps, const struct ike_msg *m)
{
	size_t n = m->sk.total * sizeof *r->pieces;

	ike_reasm_fini(r);
	if (m->sk.total > caps->pieces)
		return IKE_REASM_TOO_MANY;
	if (!charge(r, caps, n))
		return IKE_REASM_CROWDED;
	r->pieces = calloc(m->sk.total, sizeof *r->pieces);
	if (!r->pieces) {
		ike_reasm_fini(r);
		return IKE_REASM_NO_MEMORY;
	}
	r->total = m->sk.total;
	r->exchange = m->hdr.exchange;
	r->give_up_at = caps->give_up_at;
	return IKE_REASM_STORED;
}

enum ike_reasm_verdict ike_reasm_add(struct ike_reasm *r, const struct ike_reasm_caps *caps,
    const struct ike_msg *m, struct bytes content)
{
	struct ike_piece *piece;
	struct bytes head = bytes_of(NULL, 0);

	if (!r->pieces || m->sk.total > r->total) {
		enum ike_reasm_verdict v = start(r, caps, m);

		if (v != IKE_REASM_STORED)
			return v;
	}
	piece = &r->pieces[m->sk.number - 1];
	if (r->content + content.n > caps->content) {
		ike_reasm_fini(r);
		return IKE_REASM_TOO_LONG;
	}
	piece->p = malloc(content.n ? content.n : 1);
	if (!piece->p)
		return IKE_REASM_NO_MEMORY;
	head = m->sk.number == 1 ? bytes_of(m->raw.p, m->sk.at + IKE_PLD_HDR_LEN) : head;
	if (!charge(r, caps, content.n + head.n + PIECE_COST)) {
		free(piece->p);
		piece->p = NULL;
		return IKE_REASM_CROWDED;
	}
	if (head.n && !ike_blob_copy(&r->head, head)) {
		free(piece->p);
		piece->p = NULL;
		return IKE_REASM_NO_MEMORY;
	}
	if (content.n)
		memcpy(piece->p, content.p, content.n);
	piece->n = content.n;
	r->content += content.n;
	r->have++;
	if (m->raw.n > r->largest)
		r->largest = m->raw.n;
	if (m->sk.number == 1) {
		r->first = m->sk.next;
		r->mark = ike_mark_of(m->raw);
		r->mark.total = m->sk.total;
	}
	return r->have == r->total ? IKE_REASM_WHOLE : IKE_REASM_STORED;
}

size_t ike_reasm_merge(const struct ike_reasm *r, uint8_t *dst)
{
	size_t at = 0;

	for (size_t i = 0; i < r->total; i++) {
		if (r->pieces[i].n)
			memcpy(dst + at, r->pieces[i].p, r->pieces[i].n);
		at += r->pieces[i].n;
	}
	return at;
}

/*
 * The steps of RFC 8019 section 6, as half-open IKE SAs become more, in all or of one address (of
 * IPv6, of one /64, section 4.2): first nothing; then cookies, so that an address must be true;
 * then puzzles, which grow harder with the load; then the caps.
 *
 * A caller that solves no puzzles gets in by lot (section 7.1), if it brings a cookie: with one
 * chance in LOT at first, and none from halfway to the caps on, so that however often others draw,
 * there is room for those who work. All of it is stateless: the cookie says which puzzle came with
 * it and when.
 */
#include "ike/admit.h"

#include <string.h>

#include "ike/crypto/crypto.h"
#include "ike/crypto/puzzle.h"
#include "ike/sa.h"

enum {
	ALL = 1000, /* of urgency */
	HALF = ALL / 2,
	LOT = 8,
	HARDER = 4, /* bits that the load adds */
	SITE = 8,   /* bytes of an IPv6 address */
};

static bool same_site(const struct addr *a, const struct addr *b)
{
	struct bytes x = addr_bytes(a), y = addr_bytes(b);

	if (a->family == ADDR_V6 && b->family == ADDR_V6)
		return memcmp(x.p, y.p, SITE) == 0;
	return addr_equal(a, b);
}

static uint32_t half_open_of(const struct ike_engine *e, const struct addr *remote)
{
	uint32_t n = 0;

	for (const struct ike_sa *sa = e->half_open; sa; sa = sa->half_next)
		n += same_site(&sa->remote.addr, remote);
	return n;
}

/* 0: below `from`; else how far it is to `to`, 1 to ALL. */
static uint32_t urgency(uint32_t n, uint32_t from, uint32_t to)
{
	if (n < from)
		return 0;
	if (n >= to)
		return ALL;
	return 1 + (uint32_t)((uint64_t)(n - from) * (ALL - 1) / (to - from));
}

/* Of puzzles: 0 when none is needed. */
static uint32_t puzzle_urgency(const struct ike_engine *e, uint32_t same)
{
	const struct ike_limits *l = &e->limits;
	uint32_t all = urgency(e->stats.half_open, l->puzzle_threshold, l->half_open);
	uint32_t one = urgency(same, l->puzzle_threshold_ip, l->half_open_per_ip);

	return all > one ? all : one;
}

/* The PRF for the puzzle: one that is offered, the first of ours (RFC 8019 section 7.1.1.2).
 * *known: there is a PRF that we know at all. */
static uint16_t puzzle_prf(struct ike_engine *e, const struct proposal_list *offered, bool *known)
{
	uint16_t best = 0;

	*known = false;
	for (size_t i = 0; i < offered->n; i++) {
		for (size_t k = 0; k < offered->v[i].n; k++) {
			struct transform t = offered->v[i].t[k];

			if (t.type != TRANSFORM_PRF || !ike_can(e->p.libctx, t))
				continue;
			*known = true;
			if ((!best || t.id < best) && ike_puzzle_prf(e->p.libctx, t.id))
				best = t.id;
		}
	}
	return best;
}

static enum ike_err challenge(struct ike_engine *e, const struct ike_in *in,
    const struct ike_cookie_in *c, const struct ike_cookie_info *info)
{
	struct ike_hdr h = {
	    .spi_i = in->m->hdr.spi_i, .exchange = in->m->hdr.exchange, .flags = IKE_FLAG_RESPONSE};
	uint8_t cookie[IKE_COOKIE_LEN], puzzle[3];
	struct ike_build b;
	struct bytes out;
	enum ike_err err = ike_cookie_make(&e->cookies, e->p.libctx, e->now, c, info, cookie);

	if (err)
		return err;
	be16_store(puzzle, info->prf);
	puzzle[2] = info->bits;
	ike_build_begin(&b, e->out, sizeof e->out, &h);
	ike_build_notify(&b, IKE_N_COOKIE, bytes_of(cookie, sizeof cookie));
	if (info->bits)
		ike_build_notify(&b, IKE_N_PUZZLE, bytes_of(puzzle, sizeof puzzle));
	out = ike_build_finish(&b);
	if (out.n)
		ike_send(e, &in->d->local, &in->d->remote, in->d->marker, out);
	e->stats.cookies_sent++;
	e->stats.puzzles_sent += info->bits != 0;
	return IKE_ELIMIT;
}

/* A solution counts once: it is too old when the IKE SA that it made may be forgotten (RFC 8019
 * section 10). One that comes with a cookie alone is passed over (section 7.1.4). */
static bool is_solved(struct ike_engine *e, const struct ike_in *in,
    const struct ike_cookie_info *info, struct bytes cookie)
{
	if (!info->bits || !in->m->count[IKE_ROW_PS])
		return false;
	if (info->age_ms > IKE_PUZZLE_MS || info->age_ms > e->limits.half_open_ms)
		return false;
	if (!ike_puzzle_check(e->p.libctx, info->prf, info->bits, cookie, in->m->ps))
		return false;
	e->stats.puzzles_solved++;
	return true;
}

static bool is_lucky(struct ike_engine *e, uint32_t urgent)
{
	uint8_t dice[4];

	return urgent < HALF && !ike_random(e->p.libctx, dice, sizeof dice) &&
	       be32_load(dice) % (LOT * HALF) < HALF - urgent;
}

enum ike_err ike_admit(struct ike_engine *e, const struct ike_in *in)
{
	const struct ike_notify *n = ike_msg_notify(in->m, IKE_N_COOKIE);
	struct ike_cookie_in c = {
	    .ni = in->m->nonce, .addr = &in->d->remote.addr, .spi_i = in->m->hdr.spi_i};
	struct ike_cookie_info brought, wanted = {0};
	uint32_t same = half_open_of(e, &in->d->remote.addr);
	uint32_t urgent = puzzle_urgency(e, same);
	/* Who resumes costs no key exchange, and only has to be where it says (RFC 8019
	 * section 4.5).
	 */
	bool resumes = in->m->hdr.exchange == IKE_EXCHANGE_SESSION_RESUME;
	bool known;

	if (!urgent && e->stats.half_open < e->limits.cookie_threshold &&
	    same < e->limits.cookie_threshold_ip)
		return IKE_OK;
	if (n && ike_cookie_check(&e->cookies, e->p.libctx, e->now, &c, n->data, &brought) &&
	    (!urgent || resumes || is_solved(e, in, &brought, n->data) || is_lucky(e, urgent)))
		return IKE_OK;
	if (urgent && !resumes) {
		wanted.prf = puzzle_prf(e, &in->m->sa, &known);
		if (!known)
			return IKE_ENOPROPOSAL;
		if (wanted.prf)
			wanted.bits =
			    (uint8_t)(e->limits.puzzle_difficulty + urgent * HARDER / ALL);
	}
	return challenge(e, in, &c, &wanted);
}

bool ike_admit_has_room(const struct ike_engine *e, const struct addr *remote)
{
	return e->stats.half_open < e->limits.half_open && e->sas_n < e->limits.ike_sas &&
	       half_open_of(e, remote) < e->limits.half_open_per_ip;
}

/*
 * The choice among proposals: RFC 7296 sections 2.7, 3.3 and 3.3.6.
 *
 * One pair of proposals, theirs and ours, fits type by type. Among the pairs that fit, our order of
 * proposals decides first, then our order of transforms, then the peer's order. The key exchanges,
 * additional ones included, must all differ: RFC 9370 section 2.2.1.
 */
#include "base/proposal.h"

#include <string.h>

/* What one pair came to. The rank is the place of each choice in our order, the weightiest type
 * first: the lower the better. */
struct fit {
	struct suite suite;
	uint64_t rank;
};

_Static_assert(PROPOSAL_TRANSFORMS <= 32, "a place in a proposal is 5 bits of a rank");

struct pair {
	const struct proposal *offered, *ours;
	uint16_t ke_wanted;
	bool ignore_ke;
};

/* NONE for integrity or key exchange is another way to say that there is none (RFC 7296
 * section 3.3.2). */
static bool is_none(struct transform t)
{
	return (t.type == TRANSFORM_INTEG && t.id == INTEG_NONE) ||
	       ((t.type == TRANSFORM_KE || transform_is_addke(t)) && t.id == KE_NONE);
}

static bool has(const struct proposal *p, struct transform t)
{
	for (size_t i = 0; i < p->n; i++) {
		if (transform_equal(p->t[i], t)) {
			return true;
		}
	}
	return false;
}

struct presence {
	bool any;  /* the type occurs, NONE aside */
	bool none; /* the proposal can do without it: it says NONE, or nothing */
};

static struct presence look(const struct proposal *p, uint8_t type)
{
	struct presence r = {false, false};

	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type == type) {
			r.any = r.any || !is_none(p->t[i]);
			r.none = r.none || is_none(p->t[i]);
		}
	}
	r.none = r.none || !r.any;
	return r;
}

/* The first of our transforms of this type that the peer offers too. */
static bool pick(const struct pair *pair, uint8_t type, struct transform *out, uint64_t *place)
{
	for (size_t i = 0; i < pair->ours->n; i++) {
		struct transform t = pair->ours->t[i];
		if (t.type == type && !is_none(t) && has(pair->offered, t)) {
			*out = t;
			*place = i;
			return true;
		}
	}
	return false;
}

/* May the suite go without this type? */
static bool optional(const struct pair *pair, uint8_t type, struct transform encr)
{
	const struct transform_info *row = transform_find(encr);
	bool ike = pair->ours->proto == SA_IKE;

	switch ((enum transform_type)type) {
	case TRANSFORM_ENCR: return false;
	case TRANSFORM_PRF:
	case TRANSFORM_KE: return !ike;
	case TRANSFORM_INTEG: return row != NULL && (row->flags & TRANSFORM_AEAD) != 0;
	case TRANSFORM_SN: return true;
	}
	return transform_is_addke((struct transform){.type = type});
}

/* Settles one type; *out stays empty where the suite goes without it. */
static bool fit_type(const struct pair *pair, uint8_t type, struct transform encr,
    struct transform *out, uint64_t *rank)
{
	struct presence offered = look(pair->offered, type), ours = look(pair->ours, type);
	uint64_t place = 0;

	*rank <<= 5;
	if (offered.any && ours.any && pick(pair, type, out, &place)) {
		*rank |= place;
		return true;
	}
	if (!offered.none || !optional(pair, type, encr)) {
		return false;
	}
	*rank |= ours.any ? PROPOSAL_TRANSFORMS - 1 : 0;
	/* An ESP peer that says nothing of sequence numbers means the 32-bit ones. */
	return ours.none || (type == TRANSFORM_SN &&
				has(pair->ours, (struct transform){TRANSFORM_SN, SN_32BIT, 0}));
}

/* ---- Key exchanges ---- */

enum { EXCHANGES = 1 + ADDKE_MAX };

/* What may be the n-th key exchange (0: the first one, 1: ADDKE1): the i-th candidate is our i-th
 * transform, after the wanted group, and behind all of them none at all. */
static bool candidate(const struct pair *pair, unsigned n, size_t i,
    const struct transform chosen[EXCHANGES], struct transform *out)
{
	uint8_t type = n ? (uint8_t)(TRANSFORM_ADDKE1 + n - 1) : TRANSFORM_KE;
	struct transform none = {type, KE_NONE, 0};

	if (i <= pair->ours->n) {
		*out = i > 0 ? pair->ours->t[i - 1]
			     : (struct transform){TRANSFORM_KE, pair->ke_wanted, 0};
		if (out->type != type || is_none(*out) || !has(pair->offered, *out) ||
		    !has(pair->ours, *out) || (n > 0 && chosen[0].id == KE_NONE)) {
			return false;
		}
		for (unsigned k = 0; k < n; k++) {
			if (chosen[k].id == out->id) {
				return false;
			}
		}
		return true;
	}
	*out = n > 0 && has(pair->offered, none) ? none : (struct transform){0};
	return look(pair->offered, type).none && look(pair->ours, type).none &&
	       optional(pair, type, none);
}

/* The first set of candidates that goes together, from the n-th exchange on. */
static bool fit_exchanges(
    const struct pair *pair, unsigned n, struct transform chosen[EXCHANGES], uint64_t *rank)
{
	if (n == EXCHANGES) {
		return true;
	}
	for (size_t i = 0; i <= pair->ours->n + 1; i++) {
		uint64_t place = i > 0 ? i - 1 : 0;
		uint64_t r = *rank << 5 | (place < PROPOSAL_TRANSFORMS ? place : 31);

		if (candidate(pair, n, i, chosen, &chosen[n]) &&
		    fit_exchanges(pair, n + 1, chosen, &r)) {
			*rank = r;
			return true;
		}
	}
	return false;
}

static bool fit_pair(const struct pair *pair, struct fit *out)
{
	struct transform exchanges[EXCHANGES] = {{0}};
	struct fit f = {.rank = 0};
	const struct {
		uint8_t type;
		struct transform *to;
	} parts[] = {
	    {TRANSFORM_ENCR, &f.suite.encr},
	    {TRANSFORM_INTEG, &f.suite.integ},
	    {TRANSFORM_PRF, &f.suite.prf},
	    {TRANSFORM_SN, &f.suite.sn},
	};

	if (pair->offered->proto != pair->ours->proto || pair->offered->unknown) {
		return false;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!fit_type(pair, parts[i].type, f.suite.encr, parts[i].to, &f.rank)) {
			return false;
		}
	}
	if (!pair->ignore_ke && !fit_exchanges(pair, 0, exchanges, &f.rank)) {
		return false;
	}
	f.suite.ke = exchanges[0];
	memcpy(f.suite.addke, exchanges + 1, sizeof(f.suite.addke));
	*out = f;
	return true;
}

int proposal_choose(const struct proposal_choice *c, struct suite *out)
{
	for (size_t a = 0; a < c->allowed->n; a++) {
		struct fit best = {.rank = UINT64_MAX};
		int at = -1;

		for (size_t o = 0; o < c->offered->n; o++) {
			struct pair pair = {
			    &c->offered->v[o], &c->allowed->v[a], c->ke_wanted, c->ignore_ke};
			struct fit f;
			if (fit_pair(&pair, &f) && f.rank < best.rank) {
				best = f;
				at = (int)o;
			}
		}
		if (at >= 0) {
			*out = best.suite;
			return at;
		}
	}
	return -1;
}

static bool one_of_each(const struct proposal *p)
{
	for (size_t i = 0; i < p->n; i++) {
		for (size_t j = i + 1; j < p->n; j++) {
			if (p->t[i].type == p->t[j].type) {
				return false;
			}
		}
	}
	return true;
}

bool proposal_is_subset(const struct proposal *answer, const struct proposal_list *ours,
    bool ignore_ke, struct suite *out)
{
	for (size_t i = 0; i < ours->n && one_of_each(answer); i++) {
		struct pair pair = {answer, &ours->v[i], KE_NONE, ignore_ke};
		struct fit f;
		if (fit_pair(&pair, &f)) {
			*out = f.suite;
			return true;
		}
	}
	return false;
}

struct proposal proposal_from_suite(const struct suite *s, enum sa_proto proto, uint8_t number)
{
	const struct transform parts[] = {s->encr, s->integ, s->prf, s->ke, s->sn};
	struct proposal p = {.number = number, .proto = (uint8_t)proto};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].type != 0 && !is_none(parts[i])) {
			p.t[p.n++] = parts[i];
		}
	}
	for (size_t i = 0; i < ADDKE_MAX; i++) {
		if (s->addke[i].type != 0) {
			p.t[p.n++] = s->addke[i];
		}
	}
	return p;
}

uint16_t proposal_first_ke(const struct proposal_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		for (size_t j = 0; j < l->v[i].n; j++) {
			struct transform t = l->v[i].t[j];
			if (t.type == TRANSFORM_KE && !is_none(t)) {
				return t.id;
			}
		}
	}
	return KE_NONE;
}

bool proposal_has_ke(const struct proposal_list *l, uint16_t ke)
{
	struct transform t = {TRANSFORM_KE, ke, 0};

	for (size_t i = 0; i < l->n; i++) {
		if (has(&l->v[i], t)) {
			return true;
		}
	}
	return false;
}

/*
 * One IKE SA per pair of identities, as `unique` says. RFC 7296 section 2.4; the lowest nonce
 * decides among crossing SAs as section 2.8.1 does for rekeying.
 */
#include "ike/unique.h"

#include <string.h>

#include "ike/rekey.h"

enum {
	/* How late a peer's IKE_SA_INIT may come that was sent before it knew of ours. */
	CROSSING_MS = 10000,
};

static bool same_pair(const struct ike_sa *a, const struct ike_sa *b)
{
	return a != b && !b->dead && b->phase == IKE_PHASE_UP &&
	       ident_equal(&a->local_id, &b->local_id) && ident_equal(&a->remote_id, &b->remote_id);
}

bool ike_unique_is_same(const struct ike_sa *a, const struct ike_sa *b)
{
	return same_pair(b, a) && b->phase == IKE_PHASE_UP;
}

/* Who authenticates once more comes from where it was; so may one that began anew. */
static bool from_same_place(const struct ike_sa *a, const struct ike_sa *b)
{
	return endpoint_equal(&a->remote, &b->remote);
}

bool ike_unique_allows(const struct ike_sa *sa)
{
	if (sa->conn->unique != UNIQUE_KEEP)
		return true;
	for (const struct ike_sa *o = sa->e->first; o; o = o->next) {
		if (same_pair(sa, o) && !from_same_place(sa, o))
			return false;
	}
	return true;
}

bool ike_unique_announce(const struct ike_sa *sa)
{
	if (sa->conn->unique != UNIQUE_REPLACE && sa->conn->unique != UNIQUE_KEEP)
		return false;
	for (const struct ike_sa *o = sa->e->first; o; o = o->next) {
		if (o != sa && o->conn && o->phase == IKE_PHASE_UP &&
		    (o->conn == sa->conn || ident_equal(&o->remote_id, &sa->conn->remote.id)))
			return false;
	}
	return true;
}

/* Begun from both ends, each before it knew of the other: not a peer that has begun anew. */
static bool crossing(const struct ike_sa *newer, const struct ike_sa *older, ike_time slack)
{
	return newer->began != older->began && newer->created_at <= older->established_at + slack;
}

void ike_unique_initial_contact(struct ike_sa *sa)
{
	struct ike_reason why;
	char at[ENDPOINT_TEXT];

	if (sa->conn->unique == UNIQUE_NEVER)
		return;
	/* No slack: who announces it had not answered the older SA's IKE_AUTH when it wrote its
	 * own, so of SAs that crossed, its IKE_SA_INIT came before the older one was up. */
	for (struct ike_sa *o = sa->e->first; o; o = o->next) {
		if (!same_pair(sa, o) || crossing(sa, o, 0))
			continue;
		ike_reason_set(&why, IKE_EREPLACED,
		    "the peer began anew from %s and has forgotten this IKE SA",
		    endpoint_text(&sa->remote, at));
		ike_sa_fail(o, &why, false, 0);
	}
}

/* Octet by octet; the one that ends first is the lower. */
static bool lower(const struct ike_blob *a, const struct ike_blob *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int c = n ? memcmp(a->p, b->p, n) : 0;

	return c ? c < 0 : a->n < b->n;
}

static void replace(struct ike_sa *old, const struct ike_sa *by)
{
	struct ike_reason why;
	char at[ENDPOINT_TEXT];

	if (ike_rekey_ike_is_out(old)) {
		old->ousted_at = old->e->now + IKE_OUSTED_MS / 10;
		ike_sa_settle(old);
		return;
	}
	ike_reason_set(&why, IKE_EREPLACED,
	    "replaced by a newer IKE SA with the same identities, from %s (unique = \"replace\")",
	    endpoint_text(&by->remote, at));
	ike_sa_close(old, &why);
	ike_sa_settle(old);
}

static void oust(struct ike_sa *old)
{
	if (old->ousted_at == IKE_NEVER)
		old->ousted_at = old->e->now + IKE_OUSTED_MS;
	ike_sa_settle(old);
}

static struct ike_sa *newest(const struct ike_sa *old)
{
	struct ike_sa *best = NULL;

	for (struct ike_sa *o = old->next; o; o = o->next) {
		if (same_pair(old, o) && !o->replaces)
			best = o;
	}
	return best;
}

static void report_ousted(struct ike_child *old)
{
	struct ike_reason why;

	ike_reason_set(
	    &why, IKE_EREPLACED, "another IKE SA with the same peer has \"%s\"", old->cfg->name);
	old->state = IKE_CHILD_REKEYED; /* waits for its Delete */
	old->replaced = true;
	old->rekey_at = IKE_NEVER;
	ike_child_report_down(old, &why);
}

static bool is_elsewhere(const struct ike_child *c)
{
	for (struct ike_sa *o = c->sa->e->first; o; o = o->next) {
		const struct ike_child *k = same_pair(c->sa, o) ? ike_child_of(o, c->cfg) : NULL;

		if (k && k->spi_given)
			return true;
	}
	return false;
}

void ike_unique_spare(struct ike_sa *sa)
{
	for (struct ike_child *c = sa->children; c; c = c->next) {
		if (is_elsewhere(c))
			report_ousted(c);
	}
}

void ike_unique_due(struct ike_sa *sa)
{
	struct ike_sa *by;

	if (sa->ousted_at > sa->e->now)
		return;
	if (ike_rekey_ike_is_out(sa)) {
		sa->ousted_at = sa->e->now + IKE_OUSTED_MS / 10;
		return;
	}
	sa->ousted_at = IKE_NEVER;
	by = newest(sa);
	if (!by)
		return;
	ike_unique_spare(sa);
	replace(sa, by);
}

/* What carries its packets now. */
static const struct ike_child *in_use(const struct ike_sa *sa, const struct config_child *cfg)
{
	const struct ike_child *best = NULL;

	for (const struct ike_child *c = sa->children; c; c = c->next) {
		if (c->cfg == cfg && c->spi_given && !c->replaced &&
		    c->state != IKE_CHILD_REKEYED && c->state != IKE_CHILD_DELETING)
			best = c;
	}
	return best;
}

uint32_t ike_unique_ousts(const struct ike_sa *sa, const struct config_child *cfg)
{
	if (sa->began || (sa->conn->unique != UNIQUE_REPLACE && sa->conn->unique != UNIQUE_KEEP))
		return 0;
	for (const struct ike_sa *o = sa->e->last; o; o = o->prev) {
		const struct ike_child *c;

		if (!same_pair(sa, o) || !from_same_place(sa, o) || crossing(sa, o, CROSSING_MS))
			continue;
		c = in_use(o, cfg);
		if (c)
			return c->spi_in;
	}
	return 0;
}

void ike_unique_proved(struct ike_child *c)
{
	struct ike_child *old = c->ousts ? ike_child_by_spi_in(c->sa->e, c->ousts) : NULL;

	c->ousts = 0;
	if (old && old->sa != c->sa && old->cfg == c->cfg)
		report_ousted(old);
}

void ike_unique_enforce(struct ike_sa *sa)
{
	if (sa->conn->unique != UNIQUE_REPLACE)
		return;
	for (struct ike_sa *o = sa->e->first; o; o = o->next) {
		struct ike_sa *ours = sa->began ? sa : o;

		if (!same_pair(sa, o) || sa->replaces == o->id)
			continue;
		if (!crossing(sa, o, CROSSING_MS)) {
			if (!sa->began && from_same_place(sa, o))
				oust(o);
			else if (!sa->began)
				replace(o, sa);
		} else if (!ours->reauth && lower(&ours->ni, ours == sa ? &o->ni : &sa->ni)) {
			replace(ours, ours == sa ? o : sa);
			if (ours == sa)
				return;
		}
	}
}

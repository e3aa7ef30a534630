/*
 * One IKE SA per pair of identities, as `unique` says. RFC 7296 section 2.4; the lowest nonce
 * decides among crossing SAs as section 2.8.1 does for rekeying.
 */
#include "ike/unique.h"

#include <string.h>

/* How late a peer's IKE_SA_INIT may come that was sent before it knew of ours. */
enum { CROSSING_MS = 10000 };

static bool same_pair(const struct ike_sa *a, const struct ike_sa *b)
{
	return a != b && !b->dead && b->phase == IKE_PHASE_UP &&
	       ident_equal(&a->local_id, &b->local_id) && ident_equal(&a->remote_id, &b->remote_id);
}

bool ike_unique_allows(const struct ike_sa *sa)
{
	if (sa->conn->unique != UNIQUE_KEEP)
		return true;
	for (const struct ike_sa *o = sa->e->first; o; o = o->next) {
		if (same_pair(sa, o))
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

	ike_reason_set(&why, IKE_EREPLACED,
	    "replaced by a newer IKE SA with the same identities, from %s (unique = \"replace\")",
	    endpoint_text(&by->remote, at));
	ike_sa_close(old, &why);
	ike_sa_settle(old);
}

void ike_unique_enforce(struct ike_sa *sa)
{
	if (sa->conn->unique != UNIQUE_REPLACE)
		return;
	for (struct ike_sa *o = sa->e->first; o; o = o->next) {
		struct ike_sa *ours = sa->began ? sa : o;

		if (!same_pair(sa, o))
			continue;
		if (!crossing(sa, o, CROSSING_MS)) {
			if (!sa->began)
				replace(o, sa);
		} else if (lower(&ours->ni, ours == sa ? &o->ni : &sa->ni)) {
			replace(ours, ours == sa ? o : sa);
			if (ours == sa)
				return;
		}
	}
}

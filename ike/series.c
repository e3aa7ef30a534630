/*
 * The state of a series of key exchanges: RFC 9370 section 2.2.4.
 *
 *     KEYMAT   = prf+(SK_d, SK(0) | Ni | Nr | SK(1) | … | SK(n))          a child
 *     SKEYSEED = prf(SK_d (old), SK(0) | Ni | Nr | SK(1) | … | SK(n))     the IKE SA
 */
#include "ike/series.h"

#include <stdlib.h>
#include <string.h>

#include "ike/rekey.h"

bool ike_series_is_due(const struct suite *s)
{
	return suite_next_addke(s, 0) < ADDKE_MAX;
}

struct ike_series *ike_series_new(struct ike_sa *sa, const struct suite *suite,
    struct secret *shared, struct bytes ni, struct bytes nr)
{
	struct ike_series *s = calloc(1, sizeof *s);

	if (!s) {
		secret_fini(shared);
		return NULL;
	}
	s->sa = sa;
	s->suite = *suite;
	s->at = suite_next_addke(suite, 0);
	s->expire_at = IKE_NEVER;
	secret_move(&s->shared, shared);
	if (!ike_blob_copy(&s->ni, ni) || !ike_blob_copy(&s->nr, nr)) {
		ike_series_free(s);
		return NULL;
	}
	return s;
}

void ike_series_for_child(
    struct ike_series *s, struct ike_child *c, const struct ike_child_terms *t)
{
	s->child = c;
	s->terms = *t;
	s->terms.keys = (struct ike_child_secrets){0};
	s->local_ts = *t->local_ts;
	s->remote_ts = *t->remote_ts;
	s->terms.local_ts = s->terms.remote_ts = NULL;
}

struct ike_child_terms ike_series_terms(const struct ike_series *s, struct bytes more)
{
	struct ike_child_terms t = s->terms;

	t.local_ts = &s->local_ts;
	t.remote_ts = &s->remote_ts;
	t.keys = (struct ike_child_secrets){.shared = secret_bytes(&s->shared),
	    .ni = ike_blob_bytes(&s->ni),
	    .nr = ike_blob_bytes(&s->nr),
	    .more = more};
	return t;
}

void ike_series_free(struct ike_series *s)
{
	if (!s)
		return;
	secret_fini(&s->shared);
	secret_fini(&s->more);
	ike_blob_fini(&s->ni);
	ike_blob_fini(&s->nr);
	ike_blob_fini(&s->link);
	free(s);
}

/* ---- The exchanges ---- */

struct transform ike_series_due(const struct ike_series *s)
{
	return s->at < ADDKE_MAX ? s->suite.addke[s->at] : (struct transform){0};
}

bool ike_series_is_last(const struct ike_series *s)
{
	return suite_next_addke(&s->suite, s->at + 1) == ADDKE_MAX;
}

enum ike_err ike_series_grown(const struct ike_series *s, struct bytes shared, struct secret *out)
{
	*out = SECRET_NONE;
	if (!secret_init(out, s->more.n + shared.n))
		return IKE_ENOMEM;
	if (s->more.n)
		memcpy(out->p, s->more.p, s->more.n);
	memcpy(out->p + s->more.n, shared.p, shared.n);
	return IKE_OK;
}

void ike_series_step(struct ike_series *s, struct secret *more)
{
	secret_fini(&s->more);
	secret_move(&s->more, more);
	s->at = suite_next_addke(&s->suite, s->at + 1);
	s->expire_at = s->sa->e->now + IKE_SERIES_MS;
}

/* ---- Those that the peer began ---- */

bool ike_series_fits(const struct ike_sa *sa)
{
	unsigned n = 0;

	for (const struct ike_series *s = sa->series; s; s = s->next)
		n++;
	return n < IKE_SERIES_MAX;
}

enum ike_err ike_series_relink(struct ike_series *s)
{
	uint8_t link[IKE_LINK_LEN];
	enum ike_err err = ike_random(s->sa->e->p.libctx, link, sizeof link);

	if (err)
		return err;
	return ike_blob_copy(&s->link, bytes_of(link, sizeof link)) ? IKE_OK : IKE_ENOMEM;
}

void ike_series_enlist(struct ike_series *s)
{
	s->expire_at = s->sa->e->now + IKE_SERIES_MS;
	s->next = s->sa->series;
	s->sa->series = s;
}

void ike_series_delist(struct ike_series *s)
{
	struct ike_series **at = &s->sa->series;

	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	s->next = NULL;
}

struct ike_series *ike_series_by_link(struct ike_sa *sa, struct bytes link)
{
	struct ike_series *s = sa->series;

	while (s && !bytes_equal(ike_blob_bytes(&s->link), link))
		s = s->next;
	return s;
}

bool ike_series_replaces(const struct ike_child *old)
{
	const struct ike_series *s = old->sa->series;

	while (s && s->old != old->spi_in)
		s = s->next;
	return s != NULL;
}

void ike_series_forget(struct ike_sa *sa, const struct ike_child *c, const struct ike_sa *heir)
{
	struct ike_series *s = sa->series;

	while (s && !((c && s->child == c) || (heir && s->heir == heir)))
		s = s->next;
	if (!s)
		return;
	ike_series_delist(s);
	ike_series_free(s);
}

/* With what it was for; it is in no list any more. */
static void drop(struct ike_series *s)
{
	struct ike_child *c = s->child;
	struct ike_sa *heir = s->heir;

	ike_series_free(s);
	if (c)
		ike_child_free(c);
	if (heir)
		ike_sa_bury(heir);
}

void ike_series_supersede(const struct ike_child *old)
{
	struct ike_series *s = old->sa->series;

	while (s && s->old != old->spi_in)
		s = s->next;
	if (!s)
		return;
	ike_series_delist(s);
	drop(s);
}

void ike_series_clear(struct ike_sa *sa)
{
	struct ike_series *s = sa->series, *next;

	sa->series = NULL;
	for (; s; s = next) {
		next = s->next;
		drop(s);
	}
}

ike_time ike_series_deadline(const struct ike_sa *sa)
{
	ike_time at = IKE_NEVER;

	for (const struct ike_series *s = sa->series; s; s = s->next)
		at = s->expire_at < at ? s->expire_at : at;
	return at;
}

void ike_series_expire(struct ike_sa *sa)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_series *next;

	for (struct ike_series *s = sa->series; s; s = next) {
		next = s->next;
		if (s->expire_at > sa->e->now)
			continue;
		ike_emit_step(sa->e, &ref,
		    "the peer began a series of key exchanges for %s and never finished it: it is "
		    "forgotten",
		    s->child ? s->child->cfg->name : "the IKE SA");
		ike_series_delist(s);
		drop(s);
	}
}

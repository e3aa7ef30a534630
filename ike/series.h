/*
 * A CREATE_CHILD_SA whose key exchange goes on in IKE_FOLLOWUP_KE: RFC 9370 section 2.2.4. What it
 * is for, a child or new keys of the IKE SA, comes up with the last exchange only; until then
 * nothing but this state is there, at both ends.
 *
 * Whoever asks keeps it with the task of its request; who is asked keeps it in a list of the IKE
 * SA, bounded in number and time, and finds it by the link that it gave out.
 */
#ifndef IKE_SERIES_H
#define IKE_SERIES_H

#include "ike/child.h"

enum { IKE_LINK_LEN = 8 }; /* bytes of the links that we give out */

struct ike_series {
	struct ike_series *next; /* of sa->series */
	struct ike_sa *sa;
	struct suite suite;         /* as chosen */
	unsigned at;                /* of suite.addke: the next */
	struct secret shared, more; /* SK(0); SK(1) | SK(2) | … */
	struct ike_blob ni, nr, link;
	ike_time expire_at; /* the peer's next request must be here; ours: not used */
	/* A child: in state CREATING; its terms, without keys. */
	struct ike_child *child;
	struct ike_child_terms terms;
	struct ts_list local_ts, remote_ts;
	uint32_t old; /* inbound SPI of the child that it is to replace; 0: none */
	/* Or an IKE SA: sa->heir of who asks, sa->rival of who is asked. */
	struct ike_sa *heir;
};

/* Are there additional key exchanges in the suite? */
bool ike_series_is_due(const struct suite *s);

/* After the key exchange of CREATE_CHILD_SA; *shared is taken, also on error. NULL: no memory. */
struct ike_series *ike_series_new(struct ike_sa *sa, const struct suite *s, struct secret *shared,
    struct bytes ni, struct bytes nr);
/* The child that it is for, and its terms; copied but for *c. */
void ike_series_for_child(
    struct ike_series *s, struct ike_child *c, const struct ike_child_terms *t);
/* The terms with the keys, good for as long as *s is. `more`: all secrets after SK(0). */
struct ike_child_terms ike_series_terms(const struct ike_series *s, struct bytes more);
void ike_series_free(struct ike_series *s); /* wipes; the child and the heir stay. NULL is fine */

/* The exchange that is next; id KE_NONE: none. */
struct transform ike_series_due(const struct ike_series *s);
/* Is the next one the last? */
bool ike_series_is_last(const struct ike_series *s);
/* s->more | shared into *out, which the caller frees; SECRET_NONE on error. Changes nothing. */
enum ike_err ike_series_grown(const struct ike_series *s, struct bytes shared, struct secret *out);
/* The exchange is over; *more is taken. */
void ike_series_step(struct ike_series *s, struct secret *more);

/* ---- Those that the peer began ---- */

/* Is there room for another? */
bool ike_series_fits(const struct ike_sa *sa);
/* A fresh link. */
enum ike_err ike_series_relink(struct ike_series *s);
/* Into the list; taken. */
void ike_series_enlist(struct ike_series *s);
/* Out of the list, not freed. */
void ike_series_delist(struct ike_series *s);
struct ike_series *ike_series_by_link(struct ike_sa *sa, struct bytes link); /* NULL: none */
/* Does the peer make a new child in the place of this one? */
bool ike_series_replaces(const struct ike_child *old);
/* The peer begins anew for this child: what it began before is over. */
void ike_series_supersede(const struct ike_child *old);
/* The child, or the heir, is freed, or lost against ours. */
void ike_series_forget(struct ike_sa *sa, const struct ike_child *c, const struct ike_sa *heir);
/* All of them, with their children and heirs. */
void ike_series_clear(struct ike_sa *sa);
ike_time ike_series_deadline(const struct ike_sa *sa); /* IKE_NEVER: nothing to wait for */
void ike_series_expire(struct ike_sa *sa);

#endif

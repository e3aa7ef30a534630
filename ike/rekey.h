/*
 * New keys for what is up: RFC 7296 sections 1.3.2, 1.3.3, 2.8, 2.9.2 and 2.25.
 *
 * A child is rekeyed by a new child of the same configuration. Whoever asks for it deletes the old
 * one; until then both live, and the side that was asked sends with the old one:
 *
 *     we ask:       old INSTALLED → REKEYING → DELETING        new CREATING → INSTALLED
 *     the peer asks: old INSTALLED → REKEYED → (its Delete)     new INSTALLED
 *
 * When both ask at once, the child whose exchange had the lowest of the four nonces is redundant,
 * and who asked for it deletes it (section 2.8.1). Until our own answer is there, nobody can know.
 */
#ifndef IKE_REKEY_H
#define IKE_REKEY_H

#include "ike/child.h"

/* ---- A child: we ask ---- */

/* Begins to replace it. IKE_ESTATE: it is being replaced or deleted already. When it cannot be
 * begun otherwise, it is tried again later. */
enum ike_err ike_rekey_child(struct ike_child *old, uint32_t tag);
/* Sets when new keys are due: rekey_time less up to a tenth of it. */
void ike_rekey_schedule(struct ike_child *c);
/* After a failure: again in a while. */
void ike_rekey_later(struct ike_child *c);
/* Begins what is due. */
void ike_rekey_due(struct ike_sa *sa);
/* Before the request goes out: is there still something to replace? */
bool ike_rekey_is_wanted(const struct ike_child *c);
/* The new one is there: did the peer's exchange for the same old one win? */
bool ike_rekey_is_redundant(const struct ike_child *c, struct bytes ni, struct bytes nr);
/* It is installed: the old one goes, or it goes itself. */
void ike_rekey_done(struct ike_child *c, bool redundant);
/* It will not come: the old one goes on, and tries again later. False: nobody misses it. */
bool ike_rekey_put_off(struct ike_child *c);
/* The peer knows the old one no more: it goes without a word, and *c is asked for as if there had
 * never been one (section 2.25). False: there is none, or the peer replaced it itself. */
bool ike_rekey_from_scratch(struct ike_child *c);

/* ---- A child: the peer asks ---- */

/* Would the new selectors cut off what the old ones carry? Section 2.9.2 forbids it. */
bool ike_rekey_narrows(
    const struct ike_child *old, const struct ts_list *local, const struct ts_list *remote);
/* It has replaced `old` by `c`; the nonces of its exchange. */
void ike_rekey_by_peer(
    struct ike_child *old, struct ike_child *c, struct bytes ni, struct bytes nr);

/* ---- Both ---- */

/* Why one that was replaced goes. */
void ike_rekey_reason(const struct ike_child *c, struct ike_reason *why);
/* A child is freed: nobody points to it any more. */
void ike_rekey_forget(const struct ike_child *c);

#endif

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
/* Sets when new keys are due: rekey_time less up to rand_time. */
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

/* It has begun to, and goes on in IKE_FOLLOWUP_KE (series.h). */
void ike_rekey_begun_by_peer(
    struct ike_child *old, struct ike_child *c, struct bytes ni, struct bytes nr);
/* Ours goes on, and wins against what the peer has begun for the same old one. */
void ike_rekey_outdo(struct ike_child *c);

/* ---- Both ---- */

/* A child has reached its hard limit: it is down at once. If new keys were tried for and refused,
 * the IKE SA is closed with all its children (section 2.8). */
void ike_rekey_expired(struct ike_child *c, const struct ike_reason *why);

/* The peer refused a CREATE_CHILD_SA request of ours with this. NO_ADDITIONAL_SAS to new keys, and
 * TEMPORARY_FAILURE for several minutes (section 2.25), mean that the IKE SA must be set up afresh;
 * and so do several refusals in a row for a child that has an end. */
void ike_rekey_refused(struct ike_sa *sa, unsigned notify);

/* Why one that was replaced goes. */
void ike_rekey_reason(const struct ike_child *c, struct ike_reason *why);
/* A child is freed: nobody points to it any more. */
void ike_rekey_forget(const struct ike_child *c);

/* Less up to rand_ms of it, by chance; CONFIG_RAND_TENTH: up to a tenth. */
uint64_t ike_rekey_jitter(struct ike_engine *e, uint64_t ms, uint64_t rand_ms);
/* The wait after the n-th failure in a row. */
uint64_t ike_rekey_wait(uint32_t n);
/* The lower of two nonces: octet by octet, and the one that ends first. */
struct bytes ike_rekey_lower(struct bytes a, struct bytes b);

/* ---- The IKE SA: heir.c, task/rekey_ike.c ---- */

/* Begins to replace its keys. IKE_ESTATE: that is under way, or it is not up. IKE_ETEMPORARY: the
 * peer is at it. */
enum ike_err ike_rekey_ike(struct ike_sa *sa, uint32_t tag);
/* Not over yet, with the Delete of the old keys. A Delete of the whole IKE SA on top of it could be
 * taken for one of the keys that lost. */
bool ike_rekey_ike_is_out(const struct ike_sa *sa);
void ike_rekey_ike_schedule(struct ike_sa *sa);
/* Begins what is due; ends an SA that could not be rekeyed in time. */
void ike_rekey_ike_due(struct ike_sa *sa);
/* The request is refused: REKEY_FAILED, and later again. */
void ike_rekey_ike_failed(struct ike_sa *sa, const struct ike_reason *why);

/* A new SA for the same two ends, beside `parent`, with a random SPI of ours and nothing else. */
enum ike_err ike_heir_new(struct ike_sa **out, struct ike_sa *parent, bool initiator);
/* *sa lives on with the heir's keys. What was the heir is the old SA: we delete it, or wait until
 * the peer does. A rekey of our own that is not over is forgotten. */
void ike_heir_takes_over(struct ike_sa *sa, struct ike_sa *heir, bool we_delete);
/* It was for nothing, and the peer has its half: we delete it, or wait until the peer does. */
void ike_heir_discard(struct ike_sa *heir, bool we_delete);
/* Ours lost against the rival: that takes over, or, as long as further key exchanges are to come
 * for it, nothing does. */
void ike_heir_yield(struct ike_sa *sa);
/* Ours won: the rival goes, by the peer's Delete if that has its half. */
void ike_heir_outdo(struct ike_sa *sa);
/* Buries what is only for this SA; and the SA that this one was for knows of it no more. */
void ike_heir_unlink(struct ike_sa *sa);
/* OLD or HEIR, and deleted by the peer: it goes on answering repeats for a while. */
void ike_sa_expire_soon(struct ike_sa *sa);

#endif

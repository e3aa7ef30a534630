/*
 * The sentences: why something failed, both sides of the difference, and the mend (tunike(1), "when
 * it fails"). Each writes one sentence into a reason and sets its error. Secrets never appear; what
 * the peer wrote is escaped by the text functions of base/.
 */
#ifndef IKE_EXPLAIN_H
#define IKE_EXPLAIN_H

#include "ike/event.h"

/* `err` and a sentence of printf's kind, cut to fit. */
void ike_reason_set(struct ike_reason *r, enum ike_err err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What both parties of a negotiation are called in the sentences. */
struct ike_parties {
	const struct endpoint *local, *remote;
	const struct config_conn *conn;   /* may be NULL */
	const struct config_child *child; /* may be NULL */
};

/* Sections IKE_SA_INIT: which = "IKE" or "ESP". */
void ike_explain_no_common_proposal(struct ike_reason *r, const struct ike_parties *w,
    const struct proposal_list *offered, const struct proposal_list *allowed);
void ike_explain_proposal_refused(
    struct ike_reason *r, const struct ike_parties *w, const struct proposal_list *ours);
void ike_explain_bad_choice(struct ike_reason *r, const struct ike_parties *w,
    const struct proposal_list *theirs, const struct proposal_list *ours);
void ike_explain_group_refused(struct ike_reason *r, const struct ike_parties *w, uint16_t group,
    const struct proposal_list *ours);
void ike_explain_no_conn_for_address(
    struct ike_reason *r, const struct ike_parties *w, const struct config *cfg);
void ike_explain_notify_in_init(struct ike_reason *r, const struct ike_parties *w, unsigned type);
/* The responder's puzzles (RFC 8019) have so many zero bits, and we solve `most` at most. */
void ike_explain_puzzle_too_hard(
    struct ike_reason *r, const struct ike_parties *w, unsigned bits, unsigned most);

/* timeout: `attempts` datagrams in `ms`, asked for `what` ("IKE_SA_INIT"). */
void ike_explain_no_answer(struct ike_reason *r, const struct ike_parties *w, const char *what,
    uint32_t attempts, uint64_t ms, bool answered_before);
/* `have` of `total` fragments came of `whose` ("its IKE_AUTH", "the answer to IKE_AUTH"). */
void ike_explain_fragments_missing(struct ike_reason *r, const struct ike_parties *w,
    const char *whose, unsigned have, unsigned total);
/* Its crash detection token was shown. */
void ike_explain_restarted(struct ike_reason *r, const struct ike_parties *w);
void ike_explain_dead_peer(struct ike_reason *r, const struct ike_parties *w, const char *what,
    uint32_t attempts, uint64_t ms);

/* Identities and authentication. */
void ike_explain_no_conn_for_ids(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *idi, const struct ident *idr, const struct config *cfg);
void ike_explain_wrong_remote_id(
    struct ike_reason *r, const struct ike_parties *w, const struct ident *got);
void ike_explain_no_secret(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote);
void ike_explain_bad_psk(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote);
void ike_explain_auth_method(struct ike_reason *r, const struct ike_parties *w, unsigned method);
/* The peer had announced what it accepts (RFC 9593), and ours is not among it. */
void ike_explain_not_accepted(
    struct ike_reason *r, const struct ike_parties *w, const char *ours, const char *accepts);
void ike_explain_peer_refused_auth(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote);

/* Traffic selectors: ours and theirs, each as (local side, remote side) seen from here. */
void ike_explain_no_common_ts(struct ike_reason *r, const struct ike_parties *w,
    const struct ts_list *asked_local, const struct ts_list *asked_remote,
    const struct ts_list *allowed_local, const struct ts_list *allowed_remote);
void ike_explain_ts_refused(struct ike_reason *r, const struct ike_parties *w,
    const struct ts_list *local, const struct ts_list *remote);
void ike_explain_ts_widened(struct ike_reason *r, const struct ike_parties *w,
    const struct ts_list *local, const struct ts_list *remote);
/* The peer wants the other mode than the child's: `transport`, or else tunnel mode. */
void ike_explain_mode(struct ike_reason *r, const struct ike_parties *w, bool transport);
/* Virtual addresses. As client: none came; `notify` is what came in its place, 0: nothing. */
struct ike_no_address {
	unsigned notify;
	bool v4_wanted, v6_wanted, v4_allowed, v6_allowed; /* allowed: RFC 8983 */
};
void ike_explain_no_address(
    struct ike_reason *r, const struct ike_parties *w, const struct ike_no_address *n);
/* As gateway: `pools` says of each its size and use; "": none is of the family asked for. */
void ike_explain_no_lease(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *remote, const char *pools, bool v4);
void ike_explain_cp_required(
    struct ike_reason *r, const struct ike_parties *w, const struct ident *remote);
/* Any other error notification in answer to a request for a child. */
void ike_explain_child_refused(struct ike_reason *r, const struct ike_parties *w, unsigned type);

/* ---- Post-quantum preshared keys: ppk_id is the name of the PPK in question ---- */

/* Required here, and the responder's IKE_SA_INIT knows nothing of it. */
void ike_explain_ppk_unsupported(
    struct ike_reason *r, const struct ike_parties *w, const char *ppk_id);
/* Required here, and the initiator uses none. */
void ike_explain_ppk_unused(
    struct ike_reason *r, const struct ike_parties *w, const struct ident *peer);
/* The initiator names one that it may not use here; NULL: none at all. */
void ike_explain_ppk_unknown(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *peer, const struct bytes *ppk_id);
void ike_explain_no_ppk(struct ike_reason *r, const struct ike_parties *w, const char *ppk_id);
/* Required here, and the responder went on without. */
void ike_explain_ppk_declined(
    struct ike_reason *r, const struct ike_parties *w, const char *ppk_id);
/* AUTH values that were made with a PPK differ. */
void ike_explain_bad_ppk(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const struct ident *remote, const char *ppk_id);
void ike_explain_ppk_refused(struct ike_reason *r, const struct ike_parties *w,
    const struct ident *local, const char *ppk_id);

#endif

/*
 * Which connection, which child, which traffic: the choices of a responder, and the selectors of
 * both roles. Pure functions over the configuration.
 */
#ifndef IKE_SELECT_H
#define IKE_SELECT_H

#include "ike/event.h"

struct ike_engine;

/* How well the addresses of a connection fit: 0 not at all; an exact address counts more than a
 * prefix, a prefix more than a name (which nobody resolves here: identities decide) or "%any". */
int ike_select_addr_score(
    const struct config_conn *c, const struct addr *local, const struct addr *remote);

/* Our identity on this connection: local.id, or the address. */
struct ident ike_select_local_id(const struct config_conn *c, const struct addr *local);

/* For IKE_SA_INIT: of the connections whose addresses fit, the best that has a proposal in common.
 * `can` says which transforms this build has. Returns NULL, with the sentence, when there is none.
 */
struct ike_init_offer {
	struct endpoint local, remote;
	const struct proposal_list *offered;
	uint16_t ke;       /* of the KE payload: a hint */
	bool intermediate; /* the peer does IKE_INTERMEDIATE: RFC 9242 */
};
struct ike_init_choice {
	const struct config_conn *conn;
	int index; /* into offered */
	struct suite suite;
	bool only; /* the addresses fit no other connection */
};
bool ike_select_for_init(const struct config *cfg, bool (*can)(void *arg, struct transform t),
    void *arg, const struct ike_init_offer *o, struct ike_init_choice *out, struct ike_reason *why);

/* For IKE_AUTH: of the connections whose addresses fit and that allow `suite`, the best for these
 * identities. idr may be NULL (RFC 7296 section 2.15: the initiator need not say whom it wants). */
struct ike_auth_offer {
	struct endpoint local, remote;
	const struct suite *suite;
	const struct ident *idi, *idr;
};
const struct config_conn *ike_select_for_auth(
    const struct config *cfg, const struct ike_auth_offer *o, struct ike_reason *why);

/* What "dynamic" stands for: addresses, of which 0.0.0.0 and :: are all of their family. */
struct ike_hosts {
	const struct addr *v; /* borrowed */
	size_t n;
};
/* The configured selectors of one side, "dynamic" replaced by that side's addresses. */
void ike_select_expand_ts(
    const struct config_ts *v, size_t n, struct ike_hosts own, struct ts_list *out);

/* A proposal list without its KE transforms, for the child of IKE_AUTH (RFC 7296 section 1.2). */
/* Proposals without a key exchange get the recommended ones, `first` before the others. */
void ike_select_add_ke(struct proposal_list *list, struct ike_engine *e, struct transform first);
void ike_select_without_ke(const struct proposal_list *in, struct proposal_list *out);
/* A copy without additional key exchanges, for a peer that does not do IKE_INTERMEDIATE; a proposal
 * that insists on one goes. */
void ike_select_without_addke(const struct proposal_list *in, struct proposal_list *out);
/* A copy without the transforms that this build cannot do; a proposal that loses a type goes. */
void ike_select_filter(const struct proposal_list *in, bool (*can)(void *arg, struct transform t),
    void *arg, struct proposal_list *out);

/* A copy without the key exchanges that this build cannot do. */
void ike_select_for_child(
    const struct proposal_list *in, struct ike_engine *e, struct proposal_list *out);

/* For a request for a child, seen from the responder: TSr is ours, TSi is theirs. */
struct ike_child_offer {
	const struct config_conn *conn;
	struct endpoint local, remote;
	struct ike_hosts local_hosts, remote_hosts;
	/* The peer's hosts are addresses that we have given it, and it has no others of those
	 * networks. */
	bool confined;
	const struct proposal_list *offered;
	const struct ts_list *local_ts, *remote_ts;
	/* Transport mode is asked for: the selectors with the addresses that this host sees (RFC
	 * 7296 section 2.23.1); NULL: it is not. */
	const struct ts_list *seen_local, *seen_remote;
	uint16_t ke;                     /* of the KE payload; 0: none */
	struct ike_engine *engine;       /* for groups besides ours; NULL: none */
	struct transform ike_ke;         /* of the IKE SA */
	bool ignore_ke;                  /* the child of IKE_AUTH */
	const struct config_child *only; /* a rekey: no other child will do; NULL: any */
};
struct ike_child_choice {
	const struct config_child *cfg;
	int index; /* into offered */
	struct suite suite;
	struct ts_list local_ts, remote_ts;
};
/* Children in transport mode are for those who ask for it, and go first then; else the peer gets
 * tunnel mode. IKE_OK, IKE_ETS or IKE_ENOPROPOSAL with the sentence. */
enum ike_err ike_select_child(
    const struct ike_child_offer *o, struct ike_child_choice *out, struct ike_reason *why);

#endif

/*
 * Authentication methods: one row each.
 */
#ifndef IKE_AUTH_AUTH_H
#define IKE_AUTH_AUTH_H

#include "ike/sa.h"

struct ike_auth_row {
	enum config_auth config;
	enum ike_auth_method method; /* in the AUTH payload */
	const char *what;            /* for the story: "a pre-shared key" */
	/* Emits the operation that makes our AUTH value (own), or the value that the peer's must
	 * equal. */
	enum ike_err (*ask)(struct ike_sa *sa, bool own);
};

const struct ike_auth_row *ike_auth_find(enum config_auth config);
/* Ours (own), or the peer's: as configured, or by a ticket (RFC 5723). NULL: not built. */
const struct ike_auth_row *ike_auth_of(const struct ike_sa *sa, bool own);

/* What one end of the SA signs (RFC 7296 section 2.15): ours, or the peer's from the held message.
 */
enum ike_err ike_auth_octets(struct ike_sa *sa, bool own, struct secret *out);
/* An IKE_EV_OP goes out; *octets is taken, also on error. The SA waits. */
enum ike_err ike_auth_emit(struct ike_sa *sa, enum ike_op_kind kind, struct secret *octets);

/* exchange/ike_auth.c: what was computed here, in the place of an operation, is taken up. */
void ike_auth_settle(struct ike_sa *sa);

/* auth_psk.c */
enum ike_err ike_auth_psk_ask(struct ike_sa *sa, bool own);
/* auth_ticket.c */
enum ike_err ike_auth_ticket_ask(struct ike_sa *sa, bool own);

#endif

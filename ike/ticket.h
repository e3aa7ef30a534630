/*
 * Tickets by value: RFC 5723 sections 5, 6 and 9.
 *
 * A gateway that grants a ticket keeps nothing of it but a bit: what it needs to resume the IKE SA
 * stands in the ticket, sealed with a key that nobody else has. The keys live in this engine alone,
 * are replaced with time and wiped: who takes them later, or the host's disk, opens no ticket of
 * before, and so no recorded session that a ticket began. A restart makes all tickets invalid.
 */
#ifndef IKE_TICKET_H
#define IKE_TICKET_H

#include "base/ident.h"
#include "base/secret.h"
#include "ike/ike.h"

enum {
	IKE_TICKET_KEY_ID = 8,
	IKE_TICKET_MAX = 1400, /* bytes of a ticket of ours */
};

/* Which of our tickets. All zero: none. */
struct ike_ticket_ref {
	uint8_t key_id[IKE_TICKET_KEY_ID];
	uint64_t number; /* from 1 up */
};

/* What is "from the ticket" in the table of section 5. */
struct ike_resumable {
	struct suite suite;
	struct ident id_i, id_r; /* of the initiator and the responder */
	struct secret sk_d;      /* owned */
	uint8_t auth_i, auth_r;  /* enum config_auth: how they have authenticated */
	uint64_t spi_i, spi_r;   /* of the IKE SA that the ticket is of */
	ike_time authenticated_at, expires_at;
};
void ike_resumable_fini(struct ike_resumable *r); /* wipes */

struct ike_ticket_key; /* private */
struct ike_tickets {
	struct ike_ticket_key *now, *before; /* owned; NULL: none yet */
};
void ike_tickets_fini(struct ike_tickets *t);
/* Wipes keys whose tickets have all expired; when the next one's have. */
void ike_tickets_expire(struct ike_tickets *t, ike_time now);
ike_time ike_tickets_deadline(const struct ike_tickets *t); /* IKE_NEVER: there is no key */

/* Seals *r into out[*n], at most IKE_TICKET_MAX bytes. */
enum ike_err ike_ticket_grant(struct ike_tickets *t, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_resumable *r, uint8_t out[IKE_TICKET_MAX], size_t *n,
    struct ike_ticket_ref *ref);
/* *out is initialised here, freed by the caller; empty on error. IKE_EINTEGRITY: not one of ours,
 * forged, damaged, or its key is gone; IKE_ELIFETIME: it has expired; IKE_EREPLACED: it was used,
 * or its IKE SA has ended. */
enum ike_err ike_ticket_open(struct ike_tickets *t, struct ossl_lib_ctx_st *libctx, ike_time now,
    struct bytes ticket, struct ike_resumable *out, struct ike_ticket_ref *ref);
/* No longer valid: it was used, or its IKE SA has ended or other keys. */
void ike_ticket_revoke(struct ike_tickets *t, const struct ike_ticket_ref *ref);

/* What is inside; for tests. write: bytes written, 0 if they do not fit. read: false if it is not
 * what we write, and *out is empty. */
size_t ike_resumable_write(const struct ike_resumable *r, uint8_t *out, size_t cap);
bool ike_resumable_read(struct ike_resumable *out, struct bytes from);

#endif

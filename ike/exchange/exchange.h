/*
 * What arrives: one row for each message that an IKE SA in some phase may take. The payload table
 * of the wire (ike/wire/payloads.h) has said before what may stand in it; `must` is what this row
 * needs besides.
 */
#ifndef IKE_EXCHANGE_EXCHANGE_H
#define IKE_EXCHANGE_EXCHANGE_H

#include "ike/sa.h"

enum { IKE_ROW_ANY_ERROR = -1, IKE_ROW_PLAIN = 0 };
enum { IKE_NEXT_SAME = -1 };

#define IKE_IN(phase) (1u << IKE_PHASE_##phase)
#define IKE_NEEDS(symbol) (1u << IKE_ROW_##symbol)

struct ike_row {
	unsigned phases; /* IKE_IN(…) | …; 0: no IKE SA yet */
	bool response;
	int notify;    /* a notification of this type; IKE_ROW_ANY_ERROR; IKE_ROW_PLAIN */
	unsigned must; /* IKE_NEEDS(…) | … */
	enum ike_err (*handle)(struct ike_engine *e, struct ike_in *in);
	int next;          /* the phase after IKE_OK, unless the handler ended the SA */
	const char *story; /* for the log: what this message is */
};

struct ike_exchange_rows {
	uint8_t exchange;
	const struct ike_row *rows;
	size_t n;
};

extern const struct ike_exchange_rows ike_rows_sa_init, ike_rows_auth, ike_rows_create_child,
    ike_rows_informational, ike_rows_session_resume, ike_rows_intermediate, ike_rows_followup;

/* The first row that fits; NULL: none. */
const struct ike_row *ike_row_find(const struct ike_in *in);

/* rekey_ike.c: a CREATE_CHILD_SA request that is for an IKE SA. */
enum ike_err ike_on_ike_rekey(struct ike_in *in);
/* The answer to the active task's request. */
enum ike_err ike_on_task_response(struct ike_engine *e, struct ike_in *in);

/* ike_auth.c: an operation is done. */
void ike_auth_op_done(struct ike_sa *sa, bool found, struct bytes result);
/* A child that never got a struct of its own could not be made: CHILD_FAILED. */
void ike_emit_child_failed(
    struct ike_sa *sa, const struct config_child *cfg, uint32_t tag, const struct ike_reason *why);
/* The notification that tells the peer why its child cannot be. */
uint16_t ike_child_notify(enum ike_err err);

/* An IKE_SA_INIT that never became an SA is reported too: IKE_DOWN under a number of its own. */
void ike_emit_stillborn(struct ike_engine *e, const struct config_conn *conn, uint32_t tag,
    const struct ike_reason *why, bool retry);

#endif

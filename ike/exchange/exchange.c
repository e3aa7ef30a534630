/*
 * Finding the row of a message.
 */
#include "ike/exchange/exchange.h"

#include <string.h>

#include "ike/qcd.h"
#include "ike/task/task.h"

static const struct ike_exchange_rows *const exchanges[] = {&ike_rows_sa_init, &ike_rows_auth,
    &ike_rows_create_child, &ike_rows_informational, &ike_rows_session_resume,
    &ike_rows_intermediate, &ike_rows_followup};

static bool has_all(const struct ike_msg *m, unsigned must)
{
	for (int row = 0; row < IKE_ROWS; row++) {
		if ((must & 1u << row) && !m->count[row])
			return false;
	}
	return true;
}

static bool notify_fits(const struct ike_msg *m, int notify)
{
	if (notify == IKE_ROW_PLAIN)
		return true;
	if (notify == IKE_ROW_ANY_ERROR)
		return ike_msg_error(m) != NULL;
	return ike_msg_notify(m, (enum ike_notify_type)notify) != NULL;
}

const struct ike_row *ike_row_find(const struct ike_in *in)
{
	unsigned phase = in->sa ? 1u << in->sa->phase : 0;
	bool response = ike_hdr_is_response(&in->m->hdr);

	for (size_t x = 0; x < sizeof exchanges / sizeof exchanges[0]; x++) {
		if (exchanges[x]->exchange != in->m->hdr.exchange)
			continue;
		for (size_t i = 0; i < exchanges[x]->n; i++) {
			const struct ike_row *r = &exchanges[x]->rows[i];

			if ((in->sa ? (r->phases & phase) != 0 : r->phases == 0) &&
			    r->response == response && notify_fits(in->m, r->notify) &&
			    has_all(in->m, r->must))
				return r;
		}
	}
	return NULL;
}

enum ike_err ike_on_task_response(struct ike_engine *e, struct ike_in *in)
{
	struct ike_task *t = in->sa->active;
	struct ike_reason why;
	char at[ENDPOINT_TEXT];

	(void)e;
	if (!t || !t->ops->on_response || t->ops->exchange != in->m->hdr.exchange)
		return IKE_ESTATE;
	ike_window_complete(&in->sa->win);
	if (in->sa->phase != IKE_PHASE_GONE && ike_msg_notify(in->m, IKE_N_INVALID_SYNTAX)) {
		/* Fatal for both ends, without a Delete: RFC 7296 section 2.21.3. */
		ike_reason_set(&why, IKE_EPEERNOTIFY,
		    "%s found %s malformed (INVALID_SYNTAX), which ends the IKE SA; its log says "
		    "what it disliked",
		    endpoint_text(&in->sa->remote, at), t->ops->what);
		ike_sa_fail(in->sa, &why, true, 0);
		return IKE_OK;
	}
	ike_task_take_active(in->sa);
	if (t->ops->exchange == IKE_EXCHANGE_INFORMATIONAL)
		ike_qcd_hear(in->sa, in->m);
	t->ops->on_response(t, in->m);
	return IKE_OK;
}

uint16_t ike_child_notify(enum ike_err err)
{
	if (err == IKE_ETS)
		return IKE_N_TS_UNACCEPTABLE;
	if (err == IKE_ELIMIT)
		return IKE_N_NO_ADDITIONAL_SAS;
	if (err == IKE_EMAXQUEUE)
		return IKE_N_TS_MAX_QUEUE;
	if (err == IKE_EADDRESS)
		return IKE_N_INTERNAL_ADDRESS_FAILURE;
	if (err == IKE_ECPREQUIRED)
		return IKE_N_FAILED_CP_REQUIRED;
	if (err == IKE_EKEVALUE)
		return IKE_N_INVALID_SYNTAX;
	return IKE_N_NO_PROPOSAL_CHOSEN; /* also the general one: RFC 7296 section 3.10.1 */
}

static void emit_plain(struct ike_engine *e, enum ike_event_kind kind, const struct ike_sa_ref *ref,
    const struct ike_reason *why, bool retry)
{
	struct ike_event_node *n = ike_event_node_new();

	if (!n)
		return;
	n->kind = kind;
	n->ref = *ref;
	n->err = why->err;
	n->text = strdup(why->text);
	if (kind == IKE_EV_IKE_DOWN)
		n->u.ike_down.retry = retry;
	ike_queue_event(&e->q, n);
}

void ike_emit_child_failed(
    struct ike_sa *sa, const struct config_child *cfg, uint32_t tag, const struct ike_reason *why)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);

	ref.child_id = ++sa->e->last_child_id;
	ref.child = cfg;
	ref.tag = tag;
	emit_plain(sa->e, IKE_EV_CHILD_FAILED, &ref, why, false);
}

void ike_emit_stillborn(struct ike_engine *e, const struct config_conn *conn, uint32_t tag,
    const struct ike_reason *why, bool retry)
{
	struct ike_sa_ref ref = {.ike_id = ++e->last_ike_id, .tag = tag, .conn = conn};

	emit_plain(e, IKE_EV_IKE_DOWN, &ref, why, retry);
}

/*
 * Which payloads a message must, may and may not have: RFC 7296 appendix C, read from the table.
 */
#include "ike/wire/msg.h"
#include "ike/wire/pld.h"

static const struct {
	uint8_t exchange;
	enum ike_rules request; /* the response's column is the next */
} columns[] = {
    {IKE_EXCHANGE_SA_INIT, IKE_RULES_INIT_REQ},
    {IKE_EXCHANGE_AUTH, IKE_RULES_AUTH_REQ},
    {IKE_EXCHANGE_CREATE_CHILD, IKE_RULES_CHILD_REQ},
    {IKE_EXCHANGE_INFORMATIONAL, IKE_RULES_INFO_REQ},
    {IKE_EXCHANGE_SESSION_RESUME, IKE_RULES_RESUME_REQ},
    {IKE_EXCHANGE_INTERMEDIATE, IKE_RULES_MORE_REQ},
    {IKE_EXCHANGE_FOLLOWUP_KE, IKE_RULES_MORE_REQ},
};

static enum ike_err fault(struct ike_msg *m, uint8_t payload, const char *what)
{
	m->fault = (struct ike_fault){payload, what};
	return IKE_ESYNTAX;
}

bool ike_msg_rules(const struct ike_msg *m, enum ike_rules *out)
{
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		if (columns[i].exchange != m->hdr.exchange) {
			continue;
		}
		unsigned column = columns[i].request;
		if (column == IKE_RULES_CHILD_REQ && m->sa.n > 0 && m->sa.v[0].proto == SA_IKE) {
			column = IKE_RULES_REKEY_REQ;
		}
		*out = (enum ike_rules)(column + ike_hdr_is_response(&m->hdr));
		return true;
	}
	return false;
}

/* An answer that refuses, or asks for something else first, has nothing more to say. */
static bool required_is_lifted(const struct ike_msg *m)
{
	if (!ike_hdr_is_response(&m->hdr)) {
		return false;
	}
	for (size_t i = 0; i < m->notify_n; i++) {
		if (ike_notify_is_lone(m->notify[i].type)) {
			return true;
		}
	}
	return false;
}

/* Some of the payloads that come together are there. */
static bool has_companions(const struct ike_msg *m, enum ike_rules rules)
{
	for (unsigned i = 0; i < IKE_ROWS; i++) {
		if (m->count[i] && ike_payload_info((enum ike_payload_row)i)->rules[rules] == '=') {
			return true;
		}
	}
	return false;
}

enum ike_err ike_msg_check(struct ike_msg *m, enum ike_rules rules)
{
	bool lifted = required_is_lifted(m), together = has_companions(m, rules);

	for (unsigned i = 0; i < IKE_ROWS; i++) {
		const struct ike_payload_info *info = ike_payload_info((enum ike_payload_row)i);
		char rule = info->rules[rules];

		if (rule == '-' && m->count[i] > 0) {
			return fault(m, info->type, "not allowed in this message");
		}
		if ((rule == '1' || (rule == '=' && together)) && m->count[i] == 0 && !lifted) {
			return fault(m, info->type, "missing");
		}
		if (rule != '*' && m->count[i] > 1) {
			return fault(m, info->type, "repeated");
		}
	}
	return IKE_OK;
}

/* A puzzle's solution must be seen before anything is computed: RFC 8019 section 7.2.2. */
static bool may_stand_beside(const struct ike_msg *m, unsigned row)
{
	return row == IKE_ROW_PS && m->hdr.exchange == IKE_EXCHANGE_AUTH;
}

enum ike_err ike_msg_check_outer(struct ike_msg *m)
{
	bool sealed = m->count[IKE_ROW_SK] || m->count[IKE_ROW_SKF];

	if (ike_exchange_is_first(m->hdr.exchange)) {
		return sealed ? fault(m, m->count[IKE_ROW_SK] ? IKE_PLD_SK : IKE_PLD_SKF,
				    "not allowed in this message")
			      : IKE_OK;
	}
	if (!sealed) {
		return fault(m, IKE_PLD_SK, "missing: the message is not protected");
	}
	for (unsigned i = 0; i < IKE_ROWS; i++) {
		if (i != IKE_ROW_SK && i != IKE_ROW_SKF && m->count[i] > 0 &&
		    !may_stand_beside(m, i)) {
			return fault(m, ike_payload_info((enum ike_payload_row)i)->type,
			    "outside the SK payload");
		}
	}
	return IKE_OK;
}

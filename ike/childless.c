/*
 * IKE SAs that begin without a child: RFC 6023.
 */
#include "ike/childless.h"

#include "ike/task/task.h"

bool ike_childless_offers(const struct config_conn *conn)
{
	return conn->childless != CHILDLESS_NEVER;
}

/* The first child is asked for like any further one, before those. */
static enum ike_err put_off(struct ike_sa *sa)
{
	struct ike_child *first = sa->setup->first;
	struct ike_task *t = first ? ike_task_new(sa, &ike_task_create_child, first) : NULL;

	if (first && !t)
		return IKE_ENOMEM;
	if (t)
		ike_task_to_front(t);
	sa->setup->first = NULL;
	ike_ext_add(&sa->extensions, IKE_EXT_CHILDLESS);
	return IKE_OK;
}

enum ike_err ike_childless_decide(
    struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	bool can = ike_msg_notify(m, IKE_N_CHILDLESS_IKEV2_SUPPORTED) != NULL;
	char at[ENDPOINT_TEXT];

	if (can && sa->conn->childless >= CHILDLESS_PREFER) {
		enum ike_err err = put_off(sa);

		ike_reason_set(why, err, "%s", ike_err_sentence(err));
		return err;
	}
	if (!can && sa->conn->childless == CHILDLESS_FORCE) {
		ike_reason_set(why, IKE_EPEERNOTIFY,
		    "%s does not announce that it takes IKE SAs without a child (RFC 6023), and "
		    "connections.%s.childless is \"force\": \"prefer\" goes on with a child",
		    endpoint_text(&sa->remote, at), sa->conn->name);
		return IKE_EPEERNOTIFY;
	}
	return IKE_OK;
}

enum ike_err ike_childless_judge(
    const struct ike_sa *sa, const struct ike_msg *m, bool *with, struct ike_reason *why)
{
	char at[ENDPOINT_TEXT];

	*with = ike_msg_has(m, IKE_PLD_SA) || ike_msg_has(m, IKE_PLD_TSI) ||
		ike_msg_has(m, IKE_PLD_TSR);
	if (!*with && (!sa->setup->childless || !ike_childless_offers(sa->conn))) {
		ike_reason_set(why, IKE_ESYNTAX,
		    "%s wants an IKE SA without a child, which %s: connections.%s.childless = "
		    "\"allow\" takes it",
		    endpoint_text(&sa->remote, at),
		    sa->setup->childless ? "connections of other peers announce, but not this one"
					 : "was not announced to it",
		    sa->conn->name);
		return IKE_ESYNTAX;
	}
	if (*with && sa->conn->childless == CHILDLESS_FORCE) {
		ike_reason_set(why, IKE_ENOPROPOSAL,
		    "%s wants a child in IKE_AUTH, but connections.%s.childless is \"force\": it "
		    "must ask for it afterwards, or here \"allow\" takes both",
		    endpoint_text(&sa->remote, at), sa->conn->name);
		return IKE_ENOPROPOSAL;
	}
	return IKE_OK;
}

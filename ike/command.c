/*
 * What the daemon asks for.
 *
 * UP of a connection that has an IKE SA (coming up or up) joins it: children that are missing are
 * asked for there, with the newer command's tag; the SA keeps the tag of the command that began it.
 * UP of what is up already is a STEP and nothing else.
 */
#include "ike/exchange/exchange.h"
#include "ike/hint.h"
#include "ike/reauth.h"
#include "ike/redirect.h"
#include "ike/rekey.h"
#include "ike/task/task.h"
#include "ike/unique.h"

/* ---- UP, ACQUIRE ---- */

static struct ike_sa *joinable(struct ike_engine *e, const struct config_conn *conn)
{
	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (sa->conn == conn && !sa->dead && sa->phase < IKE_PHASE_CLOSING &&
		    (sa->initiator || sa->phase == IKE_PHASE_UP) && !ike_reauth_has_successor(sa))
			return sa;
	}
	return NULL;
}

static void child_impossible(
    struct ike_sa *sa, const struct config_child *cfg, uint32_t tag, enum ike_err err)
{
	struct ike_reason why;

	if (err == IKE_ELIMIT)
		ike_reason_set(&why, err,
		    "no room for the child \"%s\": an IKE SA may have %u children, and the data "
		    "plane must have a free SPI",
		    cfg->name, sa->e->limits.children_per_sa);
	else
		ike_reason_set(&why, err, "the child \"%s\" could not be begun: %s", cfg->name,
		    ike_err_sentence(err));
	ike_emit_child_failed(sa, cfg, tag, &why);
}

static enum ike_err want_child(
    struct ike_sa *sa, const struct config_child *cfg, const struct ike_command *c)
{
	struct ike_sa_ref ref;
	struct ike_child *child;
	bool first = sa->setup && sa->initiator && !sa->setup->first;
	enum ike_err err = ike_child_new(&child, sa, cfg, c->tag);

	if (err) {
		child_impossible(sa, cfg, c->tag, err);
		return err;
	}
	if (c->kind == IKE_CMD_ACQUIRE) {
		child->has_flow = true;
		child->flow = c->flow;
	}
	if (first) {
		sa->setup->first = child; /* goes with IKE_AUTH */
	} else if (!ike_task_new(sa, &ike_task_create_child, child)) {
		ike_child_free(child);
		child_impossible(sa, cfg, c->tag, IKE_ENOMEM);
		return IKE_ENOMEM;
	}
	ref = ike_sa_ref_of(sa, child);
	ike_emit_step(sa->e, &ref, "child %s begins", cfg->name);
	return IKE_OK;
}

static void already(struct ike_sa *sa, const struct ike_child *child, uint32_t tag)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, child);

	ref.tag = tag;
	ike_emit_step(sa->e, &ref, "child %s is %s already", child->cfg->name,
	    ike_child_state_text(child->state));
}

static enum ike_err want_children(struct ike_sa *sa, const struct ike_command *c)
{
	enum ike_err worst = IKE_OK;

	for (size_t i = 0; i < c->conn->children_n; i++) {
		const struct config_child *cfg = &c->conn->children[i];
		struct ike_child *there = ike_child_of(sa, cfg);
		enum ike_err err;

		if ((c->child && c->child != cfg) || config_child_is_static(cfg))
			continue;
		if (there) {
			already(sa, there, c->tag);
			continue;
		}
		err = want_child(sa, cfg, c);
		if (err)
			worst = err;
	}
	return worst;
}

static enum ike_err begin(struct ike_engine *e, const struct ike_command *c)
{
	struct ike_reason why;
	struct ike_sa *sa;
	bool callable = c->conn->children_n && c->remote.addr.family != ADDR_NONE;
	enum ike_err err = callable ? ike_init_start(e, c, &sa) : IKE_EUNKNOWN;

	if (!err) {
		err = want_children(sa, c);
		if (sa->setup->first) {
			ike_sa_settle(sa);
			return IKE_OK;
		}
		ike_sa_free(sa);
	}
	if (err == IKE_ELIMIT)
		ike_reason_set(&why, err,
		    "no room for \"%s\": %u IKE SAs are the limit, and a child needs a free SPI",
		    c->conn->name, e->limits.ike_sas);
	else
		ike_reason_set(&why, err, "\"%s\" could not be begun: %s", c->conn->name,
		    callable              ? ike_err_sentence(err)
		    : c->conn->children_n ? "it has no address to call: only the peer can begin"
					  : "it has no child");
	ike_emit_stillborn(e, c->conn, c->tag, &why, true);
	return err ? err : IKE_ELIMIT;
}

/* What is up with the gateway that sends us away: it goes on until the other one has all of it. */
static struct ike_sa *leaving(struct ike_engine *e, const struct ike_command *c)
{
	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (sa->conn == c->conn && sa->redirected && sa->phase == IKE_PHASE_UP &&
		    !ike_reauth_has_successor(sa))
			return sa;
	}
	return NULL;
}

static enum ike_err up(struct ike_engine *e, const struct ike_command *c)
{
	struct ike_sa *sa;
	enum ike_err err;

	if (!c->conn || (c->kind == IKE_CMD_ACQUIRE && !c->child))
		return IKE_EUNKNOWN;
	sa = c->redirected_from.family != ADDR_NONE ? leaving(e, c) : NULL;
	if (sa)
		return ike_reauth_elsewhere(sa, c);
	sa = joinable(e, c->conn);
	if (!sa)
		return begin(e, c);
	err = want_children(sa, c);
	ike_sa_settle(sa);
	return err;
}

/* ---- DOWN, STOP ---- */

static void close_sa(struct ike_sa *sa, const char *why_text)
{
	struct ike_reason why;

	ike_reason_set(&why, IKE_ELOCALDELETE, "%s", why_text);
	ike_sa_close(sa, &why);
	ike_sa_settle(sa);
}

/* One that is not up yet: forgotten when its request has not gone out; else taken down when it is
 * there. */
static void drop_creating(struct ike_child *c, const struct ike_reason *why)
{
	struct ike_sa *sa = c->sa;

	if (sa->setup && sa->setup->first == c) {
		ike_sa_close(sa, why); /* IKE_AUTH is about this child: both end */
		return;
	}
	if (sa->active && sa->active->child == c) {
		c->doomed = true;
		return;
	}
	ike_task_abort_queued(sa, c);
	ike_child_failed(c, why);
}

static void down_children(struct ike_sa *sa, const struct config_child *cfg)
{
	struct ike_child *next;
	struct ike_reason why;

	ike_reason_set(&why, IKE_ELOCALDELETE, "\"%s\" was taken down here", cfg->name);
	for (struct ike_child *c = sa->children; c; c = next) {
		next = c->next;
		if (c->cfg != cfg)
			continue;
		if (c->state != IKE_CHILD_CREATING)
			ike_child_delete(c, &why, false);
		else
			drop_creating(c, &why);
		if (sa->phase == IKE_PHASE_GONE)
			return;
	}
}

static enum ike_err down(struct ike_engine *e, const struct ike_command *c)
{
	enum ike_err err = IKE_EUNKNOWN;

	if (!c->conn)
		return err;
	if (!c->child)
		ike_resume_forget(e, c->conn);
	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (sa->conn != c->conn || !ike_sa_is_shown(sa))
			continue;
		err = IKE_OK;
		if (c->child) {
			down_children(sa, c->child);
			ike_sa_settle(sa);
		} else {
			close_sa(sa, "taken down here");
		}
	}
	return err;
}

static enum ike_err redirect(struct ike_engine *e, const struct ike_command *c)
{
	enum ike_err err = IKE_EUNKNOWN;

	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (sa->conn != c->conn || sa->phase != IKE_PHASE_UP)
			continue;
		if (ike_redirect_ask(sa, c->to) == IKE_OK)
			err = IKE_OK; /* one that goes is enough */
		else if (err == IKE_EUNKNOWN)
			err = IKE_EUNSUPPORTED;
		ike_sa_settle(sa);
	}
	return err;
}

static enum ike_err stop(struct ike_engine *e)
{
	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (ike_sa_is_shown(sa))
			close_sa(sa, "stopped here");
	}
	return IKE_OK;
}

/* ---- About a Child SA ---- */

static enum ike_err expired(struct ike_engine *e, uint32_t spi)
{
	struct ike_child *c = ike_child_by_spi_in(e, spi);
	struct ike_reason why;
	struct ike_sa *sa;

	if (!c || c->state == IKE_CHILD_CREATING)
		return IKE_EUNKNOWN;
	sa = c->sa;
	ike_reason_set(&why, IKE_ELIFETIME,
	    "the hard limit of \"%s\" is reached (life_time, life_bytes or life_packets)",
	    c->cfg->name);
	ike_rekey_expired(c, &why);
	ike_sa_settle(sa);
	return IKE_OK;
}

/* Of one configuration, or of all: those that can be. */
static void rekey_children(
    struct ike_sa *sa, const struct config_child *cfg, uint32_t tag, enum ike_err *err)
{
	struct ike_child *next;

	for (struct ike_child *c = sa->children; c; c = next) {
		enum ike_err e = IKE_ESTATE;

		next = c->next;
		if ((cfg && c->cfg != cfg) || c->state == IKE_CHILD_CREATING)
			continue;
		e = ike_rekey_child(c, tag);
		if (*err)
			*err = e; /* one that begins is enough */
	}
}

static enum ike_err rekey(struct ike_engine *e, const struct ike_command *c)
{
	struct ike_child *child = c->spi ? ike_child_by_spi_in(e, c->spi) : NULL;
	enum ike_err err = IKE_EUNKNOWN;

	if (c->spi && (!child || child->state == IKE_CHILD_CREATING))
		return err;
	if (child) {
		err = ike_rekey_child(child, c->tag);
		if (err == IKE_ETEMPORARY)
			ike_rekey_later(child); /* the data plane says it once */
		ike_sa_settle(child->sa);
		return err;
	}
	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (sa->conn != c->conn || sa->dead || sa->phase != IKE_PHASE_UP)
			continue;
		if (c->ike)
			err = ike_rekey_ike(sa, c->tag);
		else
			rekey_children(sa, c->child, c->tag, &err);
		ike_sa_settle(sa);
	}
	return err;
}

static enum ike_err alive(struct ike_engine *e, const struct ike_command *c)
{
	struct ike_child *child = ike_child_by_spi_in(e, c->spi);

	if (!child)
		return IKE_EUNKNOWN;
	child->sa->heard_at = e->now;
	ike_unique_proved(child);
	if (c->kind == IKE_CMD_MOVED)
		ike_sa_moved(child->sa, &c->remote);
	ike_sa_settle(child->sa);
	return IKE_OK;
}

static enum ike_err path_mtu(struct ike_engine *e, const struct ike_command *c)
{
	enum ike_err err = IKE_EUNKNOWN;

	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (sa->dead || !addr_equal(&sa->remote.addr, &c->remote.addr))
			continue;
		ike_packets_fit(sa, c->mtu);
		ike_sa_settle(sa);
		err = IKE_OK;
	}
	return err;
}

static enum ike_err op_done(struct ike_engine *e, const struct ike_command *c)
{
	struct ike_sa *sa = e->waiting;

	while (sa && sa->op_id != c->op.op_id)
		sa = sa->wait_next;
	if (!sa || !c->op.op_id)
		return IKE_EUNKNOWN; /* the SA is gone meanwhile */
	ike_auth_op_done(sa, c->op.found, c->op.result);
	ike_sa_settle(sa);
	return IKE_OK;
}

enum ike_err ike_command(struct ike_engine *e, const struct ike_command *c)
{
	switch (c->kind) {
	case IKE_CMD_UP:
	case IKE_CMD_ACQUIRE: return up(e, c);
	case IKE_CMD_DOWN: return down(e, c);
	case IKE_CMD_OP_DONE: return op_done(e, c);
	case IKE_CMD_EXPIRED: return expired(e, c->spi);
	case IKE_CMD_REKEY: return rekey(e, c);
	case IKE_CMD_ALIVE:
	case IKE_CMD_MOVED: return alive(e, c);
	case IKE_CMD_WAYWARD: return ike_hint_wayward(e, c);
	case IKE_CMD_PATH_MTU: return path_mtu(e, c);
	case IKE_CMD_REDIRECT: return redirect(e, c);
	case IKE_CMD_STOP: return stop(e);
	}
	return IKE_EBUG;
}

/*
 * Authenticating once more, make before break: RFC 7296 section 2.8.3, RFC 4478.
 */
#include "ike/reauth.h"

#include "ike/child.h"
#include "ike/rekey.h"
#include "ike/task/task.h"
#include "ike/unique.h"

enum {
	BUSY_MS = 1000,
	LEAVE_MS = 2000,  /* what went through the other gateway is answered by then */
	LIFETIME_LEN = 4, /* of AUTH_LIFETIME's data: seconds */
};

/* ---- Numbers ---- */

static struct ike_sa *by_id(struct ike_engine *e, uint32_t id)
{
	struct ike_sa *sa = e->first;

	while (sa && (sa->id != id || sa->dead))
		sa = sa->next;
	return sa;
}

bool ike_reauth_has_successor(const struct ike_sa *sa)
{
	const struct ike_sa *s = sa->successor ? by_id(sa->e, sa->successor) : NULL;

	return s && s->replaces == sa->id && s->phase < IKE_PHASE_CLOSING;
}

/* ---- When ---- */

void ike_reauth_schedule(struct ike_sa *sa)
{
	const struct config_conn *c = sa->conn;
	uint64_t wait = ike_rekey_jitter(sa->e, c->reauth_ms, c->rand_ms);

	uint64_t old = sa->e->now - sa->authenticated_at; /* a resumed SA is as old as its ticket */

	sa->reauth_at = sa->end_at = IKE_NEVER;
	if (!c->reauth_ms)
		return;
	if (!sa->began) /* the peer was told, and does it before */
		wait = c->reauth_ms + c->over_ms / 2;
	if (sa->began || c->callable)
		sa->reauth_at = sa->e->now + (wait > old ? wait - old : 0);
	if (c->over_ms)
		sa->end_at = sa->authenticated_at + c->reauth_ms + c->over_ms;
}

void ike_reauth_announce(struct ike_sa *sa, struct ike_build *b)
{
	uint64_t old = sa->e->now - sa->authenticated_at, most = sa->conn->reauth_ms;
	uint64_t seconds = (most > old ? most - old : 0) / 1000;
	uint8_t data[LIFETIME_LEN];

	if (!sa->conn->reauth_ms)
		return;
	be32_store(data, seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX);
	ike_build_notify(b, IKE_N_AUTH_LIFETIME, bytes_of(data, sizeof data));
	ike_ext_add(&sa->extensions, IKE_EXT_AUTH_LIFETIME);
}

void ike_reauth_hear(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_AUTH_LIFETIME);
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	uint64_t ms;
	ike_time at;

	if (!n || n->data.n != LIFETIME_LEN || !sa->began)
		return;
	ms = (uint64_t)be32_load(n->data.p) * 1000;
	ike_ext_add(&sa->extensions, IKE_EXT_AUTH_LIFETIME);
	at = sa->e->now + ike_rekey_jitter(sa->e, ms - ms / 10, CONFIG_RAND_TENTH);
	if (at < sa->established_at + IKE_REAUTH_LEAST_MS)
		at = sa->established_at + IKE_REAUTH_LEAST_MS;
	if (at < sa->reauth_at)
		sa->reauth_at = at;
	ike_emit_step(sa->e, &ref,
	    "the peer wants us to authenticate once more within %llu s (AUTH_LIFETIME)",
	    (unsigned long long)ms / 1000);
}

ike_time ike_reauth_at(const struct ike_sa *sa)
{
	if (sa->leave_at != IKE_NEVER)
		return sa->leave_at;
	/* Once they have authenticated each other it does not end for the children's sake. */
	if (ike_reauth_has_successor(sa) && by_id(sa->e, sa->successor)->phase == IKE_PHASE_UP)
		return IKE_NEVER;
	return sa->reauth_at < sa->end_at ? sa->reauth_at : sa->end_at;
}

static void later(struct ike_sa *sa)
{
	uint64_t wait = ike_rekey_wait(sa->reauth_rounds++);
	uint64_t left = sa->end_at > sa->e->now ? sa->end_at - sa->e->now : 0;

	if (sa->end_at != IKE_NEVER && wait > left / 4)
		wait = left / 4;
	sa->reauth_at = sa->e->now + 1000 + ike_rekey_jitter(sa->e, wait, CONFIG_RAND_TENTH);
}

/* ---- Two SAs ---- */

/* The old one, while it is worth replacing. */
static struct ike_sa *old_of(const struct ike_sa *successor)
{
	struct ike_sa *old = by_id(successor->e, successor->replaces);

	return old && old->phase == IKE_PHASE_UP ? old : NULL;
}

static bool is_carried_on(const struct ike_child *c)
{
	return c->spi_given && !c->replaced && c->state != IKE_CHILD_DELETING;
}

static void failed(struct ike_sa *old, const struct ike_reason *why)
{
	struct ike_sa_ref ref = ike_sa_ref_of(old, NULL);
	struct ike_event_node *n = ike_event_full(IKE_EV_REKEY_FAILED, &ref);

	old->successor = 0;
	old->leave_at = IKE_NEVER;
	if (!old->redirected || old->end_at != IKE_NEVER)
		later(old);
	if (why->err != IKE_EREDIRECTED)
		old->redirected = false; /* it stays where it is */
	ike_sa_settle(old);
	if (!n)
		return; /* a line of the log, no more */
	ike_reason_set(&n->full->reason, why->err, "it could not be set up afresh: %s", why->text);
	ike_queue_event(&old->e->q, n);
}

void ike_reauth_failed(struct ike_sa *successor, const struct ike_reason *why)
{
	struct ike_sa *old = successor->replaces ? old_of(successor) : NULL;

	successor->replaces = 0;
	if (old)
		failed(old, why);
}

/* ---- Going on ---- */

/* The first goes with IKE_AUTH, the others follow. */
static enum ike_err want(struct ike_sa *successor, const struct ike_child *like)
{
	struct ike_child *c;
	enum ike_err err = ike_child_new(&c, successor, like->cfg, 0);

	if (err)
		return err;
	if (successor->setup && !successor->setup->first) {
		successor->setup->first = c;
		return IKE_OK;
	}
	if (ike_task_new(successor, &ike_task_create_child, c))
		return IKE_OK;
	ike_child_free(c);
	return IKE_ENOMEM;
}

static enum ike_err want_missing(struct ike_sa *successor, const struct ike_sa *old)
{
	enum ike_err err = IKE_OK;

	for (const struct ike_child *c = old->children; !err && c; c = c->next) {
		if (is_carried_on(c) && !ike_child_of(successor, c->cfg))
			err = want(successor, c);
	}
	return err;
}

static const struct ike_child *missing(const struct ike_sa *old, struct ike_sa *successor)
{
	const struct ike_child *c = old->children;

	while (c && (!is_carried_on(c) || ike_child_of(successor, c->cfg)))
		c = c->next;
	return c;
}

static bool is_busy(const struct ike_sa *successor)
{
	const struct ike_child *c = successor->children;

	while (c && c->state != IKE_CHILD_CREATING)
		c = c->next;
	return c != NULL;
}

static void give_up(struct ike_sa *successor, const struct ike_child *c)
{
	struct ike_reason why;

	ike_reason_set(&why, IKE_EREPLACED,
	    "the child \"%s\" could not be had with it, so the old IKE SA stays", c->cfg->name);
	ike_reauth_failed(successor, &why);
	ike_unique_spare(successor);
	ike_sa_close(successor, &why);
}

/* The peer's, newer than the old one. */
static bool is_outrun(const struct ike_sa *successor)
{
	const struct ike_sa *o = successor->e->first;

	while (o && (o->id <= successor->replaces || o->began || !ike_unique_is_same(o, successor)))
		o = o->next;
	return o != NULL;
}

static void yield(struct ike_sa *successor, struct ike_sa *old)
{
	struct ike_reason why;

	ike_reason_set(&why, IKE_EREPLACED,
	    "the peer did the same, and its new IKE SA is in the place of both");
	successor->replaces = 0;
	if (old)
		later(old);
	ike_unique_spare(successor);
	ike_sa_close(successor, &why);
}

void ike_reauth_crossed(struct ike_sa *by_peer)
{
	for (struct ike_sa *o = by_peer->e->first; o; o = o->next) {
		if (o->replaces && o != by_peer)
			ike_sa_settle(o);
	}
}

/* Another gateway knows nothing of what is under way through this one, and this one answers nothing
 * any more once it is deleted. */
static bool is_awaited(struct ike_sa *old, const struct ike_sa *successor)
{
	if (addr_equal(&old->remote.addr, &successor->remote.addr))
		return false;
	if (old->leave_at == IKE_NEVER) {
		old->leave_at = old->e->now + LEAVE_MS;
		ike_sa_settle(old); /* its timer */
	}
	return old->leave_at > old->e->now;
}

static void progress(struct ike_sa *successor)
{
	struct ike_sa *old = old_of(successor);
	const struct ike_child *c;
	struct ike_reason why;

	if (successor->phase != IKE_PHASE_UP || successor->setup)
		return;
	if (is_outrun(successor) && (!old || !old->began)) {
		yield(successor, old);
		return;
	}
	if (!old) {
		successor->replaces = 0; /* there is nothing to replace any more */
		return;
	}
	if (!successor->asked_all) {
		successor->asked_all = true;
		want_missing(successor, old); /* what cannot be asked for is missing below */
	}
	if (is_busy(successor) || ike_rekey_ike_is_out(old))
		return;
	c = missing(old, successor);
	if (c) {
		give_up(successor, c);
		return;
	}
	if (is_awaited(old, successor))
		return;
	successor->replaces = 0;
	ike_reason_set(&why, IKE_EREPLACED,
	    "authenticated once more: IKE SA %u and its children are in its place",
	    (unsigned)successor->id);
	ike_sa_close(old, &why);
	ike_sa_settle(old);
}

void ike_reauth_settle(struct ike_sa *sa)
{
	if (sa->grown_old && sa->parent)
		sa = sa->parent;
	if (sa->replaces)
		progress(sa);
	else if (ike_reauth_has_successor(sa))
		progress(by_id(sa->e, sa->successor));
}

/* ---- Beginning ---- */

static enum ike_err begin(struct ike_sa *sa, const struct ike_command *c)
{
	struct ike_sa *successor;
	enum ike_err err = ike_init_start(sa->e, c, &successor);

	if (err)
		return err;
	for (const struct ike_child *k = sa->children; k && !successor->setup->first; k = k->next) {
		if (is_carried_on(k))
			err = want(successor, k);
	}
	if (err || !successor->setup->first) {
		ike_sa_free(successor);
		return err ? err : IKE_ESTATE;
	}
	successor->replaces = sa->id;
	successor->reauth = true;
	sa->successor = successor->id;
	ike_sa_settle(successor);
	return IKE_OK;
}

void ike_reauth_begin(struct ike_sa *sa, const char *why)
{
	struct ike_command c = {
	    .kind = IKE_CMD_UP, .conn = sa->conn, .local = sa->local, .remote = sa->remote};
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_reason reason;
	enum ike_err err;

	if (ike_reauth_has_successor(sa))
		return;
	sa->reauth_at = IKE_NEVER;
	ike_emit_step(sa->e, &ref, "the IKE SA and its children are set up afresh: %s", why);
	err = begin(sa, &c);
	if (!err)
		return;
	ike_reason_set(&reason, err, "%s",
	    err == IKE_ESTATE ? "it has no child that is up" : ike_err_sentence(err));
	failed(sa, &reason);
}

enum ike_err ike_reauth_elsewhere(struct ike_sa *sa, const struct ike_command *c)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char from[ENDPOINT_TEXT], to[ENDPOINT_TEXT];

	if (ike_reauth_has_successor(sa))
		return IKE_ESTATE;
	ike_emit_step(sa->e, &ref, "the IKE SA and its children move from %s to %s",
	    endpoint_text(&sa->remote, from), endpoint_text(&c->remote, to));
	return begin(sa, c);
}

void ike_reauth_redirected(struct ike_sa *successor)
{
	struct ike_sa *old = successor->replaces ? old_of(successor) : NULL;

	if (old)
		old->redirected = true;
}

/* New keys are on their way: they come first. */
static bool has_work(const struct ike_sa *sa)
{
	const struct ike_child *c = sa->children;

	while (c && (c->state == IKE_CHILD_INSTALLED || c->state == IKE_CHILD_DELETING))
		c = c->next;
	return c || ike_rekey_ike_is_out(sa);
}

void ike_reauth_due(struct ike_sa *sa)
{
	struct ike_reason why;

	if (ike_reauth_at(sa) > sa->e->now)
		return;
	if (sa->leave_at != IKE_NEVER) {
		struct ike_sa *successor = by_id(sa->e, sa->successor);

		if (successor)
			progress(successor);
		sa->leave_at = sa->e->now + BUSY_MS; /* if it is not closing now */
		return;
	}
	if (sa->end_at <= sa->e->now) {
		sa->end_at = sa->reauth_at = IKE_NEVER;
		ike_reason_set(&why, IKE_ELIFETIME,
		    "the authentication is too old (reauth_time and over_time), and %s",
		    sa->began || sa->conn->callable
			? "it could not be done once more"
			: "the peer, who was told in time, did not do it once more");
		ike_sa_close(sa, &why);
	} else if (has_work(sa)) {
		sa->reauth_at = sa->e->now + BUSY_MS;
	} else {
		ike_reauth_begin(sa, "it is time to authenticate once more");
	}
}

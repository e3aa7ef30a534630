/*
 * Wants, attempts, retries.
 */
#include "daemon/conns.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/backoff.h"
#include "daemon/policy.h"

static void kick(struct conn *c);

static uint64_t now_of(const struct conns *s)
{
	return s->p.log->now_ms();
}

/* For spreading only: xorshift, seeded by the kernel. */
static uint32_t random_of(struct conns *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 32);
}

static struct conns_child *child_of(struct conn *c, const struct config_child *cfg)
{
	for (size_t i = 0; i < c->cfg->children_n; i++)
		if (c->children[i].cfg == cfg)
			return &c->children[i];
	return NULL;
}

/* Policies without a peer are never brought up. */
static bool is_target(const struct config_child *target, const struct conns_child *k)
{
	return target ? target == k->cfg : !config_child_is_static(k->cfg);
}

/* ---- Waiters ---- */

/* The outcome of an up, when it is clear. */
static bool up_outcome(const struct conns_waiter *w, bool *ok, const char **text)
{
	const struct conns_child *failed = NULL;

	for (size_t i = 0; i < w->conn->cfg->children_n; i++) {
		const struct conns_child *k = &w->conn->children[i];
		if (!is_target(w->child, k) || k->up)
			continue;
		if (k->want == WANT_PENDING || k->want == WANT_TRYING)
			return false;
		failed = failed ? failed : k;
	}
	*ok = !failed;
	*text = failed && failed->error[0] ? failed->error : "it was taken down here";
	return true;
}

static bool down_outcome(const struct conns_waiter *w, bool *ok, const char **text)
{
	const struct conns_child *k = w->child ? child_of(w->conn, w->child) : NULL;
	*ok = true;
	*text = "";
	return k ? k->up == 0 : w->conn->ike_up == 0 && !w->conn->trying;
}

static bool settled(struct conns *s, struct conns_waiter *w)
{
	const char *text;
	bool ok;

	if (w->rekeys || !(w->down ? down_outcome(w, &ok, &text) : up_outcome(w, &ok, &text)))
		return false;
	conns_unwait(s, w);
	w->done(w, ok, text);
	return true;
}

void conns_settle(struct conns *s)
{
	struct conns_waiter *w = s->unsettled ? s->waiters : NULL;

	s->unsettled = false;
	/* A `done` may change the list. */
	while (w)
		w = settled(s, w) ? s->waiters : w->next;
}

static void add_waiter(struct conns *s, struct conns_waiter *w)
{
	if (!w)
		return;
	w->next = s->waiters;
	s->waiters = w;
}

void conns_unwait(struct conns *s, struct conns_waiter *w)
{
	for (struct conns_waiter **at = &s->waiters; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			return;
		}
}

/* ---- Retries ---- */

static void set_retry(struct conn *c, uint64_t in_ms)
{
	struct timeval tv = {
	    .tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};

	if (c->all->stopping || c->retry_at)
		return;
	c->retry_at = now_of(c->all) + in_ms;
	event_add(c->retry, &tv);
}

static void clear_retry(struct conn *c)
{
	c->retry_at = 0;
	event_del(c->retry);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->retry_at = 0;
	for (size_t i = 0; i < c->cfg->children_n; i++)
		if (c->children[i].want == WANT_RETRY)
			c->children[i].want = c->children[i].up ? WANT_NOTHING : WANT_PENDING;
	kick(c);
	conns_settle(c->all);
}

/* ---- The end of an attempt ---- */

static void child_failed(struct conns_child *k, const char *text, bool again)
{
	snprintf(k->error, sizeof k->error, "%s", text);
	k->want = again && k->keep ? WANT_RETRY : WANT_NOTHING;
}

static void stop_trying(struct conn *c)
{
	resolve_cancel(c->job);
	c->job = NULL;
	c->trying = false;
}

static void give_up(struct conn *c)
{
	log_say(c->all->p.log, LOG_WARNING, "gives-up",
	    "\"%s\" failed %u times, as often as keyingtries allows: it is not tried again",
	    c->cfg->name, c->failures);
	for (size_t i = 0; i < c->cfg->children_n; i++)
		if (c->children[i].want == WANT_RETRY)
			c->children[i].want = WANT_NOTHING;
}

static void after_failure(struct conn *c)
{
	bool again = false;

	c->failures++;
	for (size_t i = 0; i < c->cfg->children_n; i++)
		again |= c->children[i].want == WANT_RETRY;
	uint32_t wait = backoff_ms(c->failures, random_of(c->all));
	c->not_before = now_of(c->all) + wait;
	if (again && c->cfg->keyingtries && c->failures >= c->cfg->keyingtries)
		give_up(c);
	else if (again)
		set_retry(c, wait);
}

/* What the attempt was still about has failed for one reason. */
static void attempt_failed(struct conn *c, const char *text, bool again)
{
	stop_trying(c);
	snprintf(c->last_error, sizeof c->last_error, "%s", text);
	for (size_t i = 0; i < c->cfg->children_n; i++)
		if (c->children[i].want == WANT_TRYING)
			child_failed(&c->children[i], text, again);
	after_failure(c);
	c->all->unsettled = true;
	kick(c);
}

/* Has the attempt come to its end by itself? */
static void attempt_check(struct conn *c)
{
	bool failed = false;

	for (size_t i = 0; i < c->cfg->children_n; i++) {
		struct conns_child *k = &c->children[i];
		if (k->up && k->want != WANT_NOTHING)
			k->want = WANT_NOTHING;
		if (k->want == WANT_TRYING)
			return;
		failed |= k->want == WANT_RETRY && is_target(c->target, k);
	}
	if (!c->trying)
		return;
	stop_trying(c);
	if (failed) {
		after_failure(c);
	} else {
		c->failures = 0;
		c->not_before = 0;
	}
	c->all->unsettled = true;
	kick(c);
}

/* ---- An attempt ---- */

static void try_candidate(struct conn *c)
{
	struct ike_command cmd = {.kind = IKE_CMD_UP, .tag = c->tag, .conn = c->cfg};
	char why[IKE_TEXT];
	const struct conns_child *k = c->target ? child_of(c, c->target) : NULL;
	bool ok = false;

	while (!ok && c->candidate < c->candidates_n)
		ok = conns_endpoints(
		    c->all, c->cfg, &c->candidates[c->candidate++], &cmd.local, &cmd.remote, why);
	if (!ok) {
		attempt_failed(c, why, true);
		return;
	}
	cmd.child = c->target;
	if (c->redirect.gone)
		cmd.redirected_from = c->redirect.from;
	if (k && k->by_packet) {
		cmd.kind = IKE_CMD_ACQUIRE;
		cmd.flow = k->flow;
	}
	uint32_t tag = c->tag;
	enum ike_err err = c->all->p.command(c->all->p.arg, &cmd);
	/* Its events may have ended it already, or come later when we are inside of one now. */
	if (!c->trying || c->tag != tag)
		return;
	if (err == IKE_OK)
		attempt_check(c);
}

static void on_resolved(void *arg, const struct resolve_answer *answer)
{
	struct conn *c = arg;

	c->job = NULL;
	c->candidates_n = answer->n;
	memcpy(c->candidates, answer->v, answer->n * sizeof answer->v[0]);
	if (answer->n)
		try_candidate(c);
	else
		attempt_failed(c, answer->why[0] ? answer->why : "no address was found", true);
	conns_settle(c->all);
}

static void look_up(struct conn *c, const char *const *names, size_t n)
{
	size_t literal = 0;

	c->candidate = 0;
	while (literal < n && addr_parse(&c->candidates[literal], names[literal]))
		literal++;
	c->candidates_n = literal;
	if (literal == n) {
		try_candidate(c);
		return;
	}
	c->job = resolve_start(c->all->p.resolver, names, n, on_resolved, c);
	if (!c->job)
		attempt_failed(c, "no memory to resolve the peer's name", true);
}

static void resolve(struct conn *c)
{
	const char *names[RESOLVE_NAMES];
	size_t n = conns_names(c->cfg, names);
	char text[IKE_TEXT];

	c->redirect.pending = c->redirect.gone = false;
	if (n) {
		look_up(c, names, n);
		return;
	}
	snprintf(text, sizeof text,
	    "\"%s\" has nobody to call: its remote_addrs only accept calls; name the peer's "
	    "address there",
	    c->cfg->name);
	attempt_failed(c, text, false);
}

/* The same attempt with the gateway that the one before named. */
static void resolve_other(struct conn *c)
{
	const char *name = c->redirect.to;

	c->redirect.pending = false;
	c->redirect.gone = true;
	look_up(c, &name, 1);
}

/* Begins the next attempt if there is something to do and nothing in the way. */
static void kick(struct conn *c)
{
	size_t pending = 0, targets = 0;
	struct conns_child *first = NULL;

	if (c->trying || c->all->stopping || c->retry_at)
		return;
	for (size_t i = 0; i < c->cfg->children_n; i++) {
		targets += is_target(NULL, &c->children[i]);
		if (c->children[i].want == WANT_PENDING && pending++ == 0)
			first = &c->children[i];
	}
	if (!first)
		return;
	bool all = pending == targets && !first->by_packet;
	c->target = all ? NULL : first->cfg;
	c->trying = true;
	c->tag = ++c->all->last_tag;
	for (size_t i = 0; i < c->cfg->children_n; i++)
		if (is_target(c->target, &c->children[i]))
			c->children[i].want = WANT_TRYING;
	resolve(c);
}

/* ---- What is asked for ---- */

struct conn *conns_find(struct conns *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].cfg->name, name) == 0)
			return &s->v[i];
	return NULL;
}

void conns_up(struct conn *c, const struct config_child *child, bool keep, struct conns_waiter *w)
{
	if (child && config_child_is_static(child)) {
		if (w)
			w->done(w, false,
			    "its mode is pass or drop: it holds while tunike runs, and is neither "
			    "brought up nor taken down");
		return;
	}
	add_waiter(c->all, w);
	for (size_t i = 0; i < c->cfg->children_n; i++) {
		struct conns_child *k = &c->children[i];
		if (!is_target(child, k))
			continue;
		k->keep |= keep;
		if (k->up || k->want == WANT_TRYING)
			continue;
		k->want = WANT_PENDING;
		k->by_packet = false;
		k->error[0] = '\0';
	}
	clear_retry(c);
	for (size_t i = 0; i < c->cfg->children_n; i++)
		if (c->children[i].want == WANT_RETRY)
			c->children[i].want = WANT_PENDING;
	kick(c);
	c->all->unsettled = true;
	conns_settle(c->all);
}

void conns_down(struct conn *c, const struct config_child *child, struct conns_waiter *w)
{
	bool wanted = false;

	for (size_t i = 0; i < c->cfg->children_n; i++) {
		struct conns_child *k = &c->children[i];
		if (is_target(child, k)) {
			k->want = WANT_NOTHING;
			k->keep = false;
			k->error[0] = '\0';
		}
		wanted |= k->want == WANT_RETRY;
	}
	if (!wanted)
		clear_retry(c);
	c->not_before = 0;
	if (!child)
		conns_stay(c);
	add_waiter(c->all, w);
	c->all->p.command(c->all->p.arg,
	    &(struct ike_command){.kind = IKE_CMD_DOWN, .conn = c->cfg, .child = child});
	attempt_check(c);
	c->all->unsettled = true;
	conns_settle(c->all);
}

void conns_acquire(struct conns *s, uint32_t id, const struct ts_flow *flow)
{
	for (size_t i = 0; i < s->n; i++) {
		struct conn *c = &s->v[i];
		if (c->cfg->children_n == 0 || id < c->children[0].id ||
		    id - c->children[0].id >= c->cfg->children_n)
			continue;
		struct conns_child *k = &c->children[id - c->children[0].id];
		if (k->up || k->want != WANT_NOTHING || now_of(s) < c->not_before)
			return;
		k->want = WANT_PENDING;
		k->by_packet = true;
		k->flow = *flow;
		log_say(s->p.log, LOG_INFO, "acquire", "a packet wants the child \"%s\" of \"%s\"",
		    k->cfg->name, c->cfg->name);
		kick(c);
		return;
	}
}

/* ---- What happened ---- */

static void set_trap(struct conn *c, const struct conns_child *k)
{
	struct ts_list local, remote;
	conns_trap_selectors(c->all, c->cfg, k->cfg, &local, &remote);
	if (!apply_trap_set(c->all->p.apply, k->id, policy_priority(k->cfg),
		&(struct nets_want){
		    .local = &local, .remote = &remote, .no_own = c->cfg->vips_n > 0}))
		return;
	log_say(c->all->p.log, LOG_INFO, "trap",
	    "packets for the child \"%s\" of \"%s\" will start it", k->cfg->name, c->cfg->name);
}

/* The configured answer to the loss of a child, by its cause. */
static enum config_loss_action loss_action(const struct config_child *cfg, enum ike_err why)
{
	switch (ike_err_severity(why)) {
	case IKE_SEV_NONE: return why == IKE_ELIFETIME ? cfg->close_action : LOSS_CLEAR;
	case IKE_SEV_PEER: return why == IKE_EPEERDELETE ? cfg->close_action : cfg->dpd_action;
	case IKE_SEV_OURS:
	case IKE_SEV_BUG: return cfg->dpd_action;
	}
	return LOSS_CLEAR;
}

static void child_lost(struct conn *c, struct conns_child *k, const struct ike_event *ev)
{
	if (k->up && --k->up > 0)
		return;
	if (ev->reason.err != IKE_ELOCALDELETE && ev->reason.text[0])
		snprintf(c->last_error, sizeof c->last_error, "%s", ev->reason.text);
	if (c->all->stopping || k->want != WANT_NOTHING)
		return;
	switch (loss_action(k->cfg, ev->reason.err)) {
	case LOSS_CLEAR: break;
	case LOSS_TRAP: set_trap(c, k); break;
	case LOSS_RESTART:
		/* Not at once: the old IKE SA may be about to go. */
		k->want = WANT_RETRY;
		k->keep = true;
		k->by_packet = false;
		set_retry(c, backoff_ms(1, random_of(c->all)) / 2);
		break;
	}
}

static void on_ike_down(struct conn *c, const struct ike_event *ev)
{
	if (ev->u.ike_down.established && c->ike_up)
		c->ike_up--;
	if (c->trying && ev->ref.tag == c->tag && !ev->u.ike_down.established) {
		if (c->redirect.pending)
			resolve_other(c);
		else if (ev->reason.err == IKE_ETIMEOUT && c->candidate < c->candidates_n)
			try_candidate(c);
		else
			attempt_failed(c, ev->reason.text, ev->u.ike_down.retry);
	} else if (!ev->u.ike_down.established) {
		snprintf(c->last_error, sizeof c->last_error, "%s", ev->reason.text);
	}
}

static void on_child_failed(struct conn *c, struct conns_child *k, const struct ike_event *ev)
{
	snprintf(c->last_error, sizeof c->last_error, "%s", ev->reason.text);
	if (k && k->want == WANT_TRYING && ev->ref.tag == c->tag)
		child_failed(k, ev->reason.text, true);
}

/* Is this what the waiter for new keys waits for, or what ends its hope? */
static bool is_rekey_news(const struct conns_waiter *w, const struct ike_event *ev)
{
	bool is_target_child = !w->child || w->child == ev->ref.child;

	switch (ev->kind) {
	case IKE_EV_REKEYED:
	case IKE_EV_REKEY_FAILED:
		return w->ike ? !ev->ref.child_id : ev->ref.child_id && is_target_child;
	case IKE_EV_CHILD_DOWN:
		return !w->ike && is_target_child && ev->reason.err != IKE_EREPLACED;
	case IKE_EV_IKE_DOWN: return ev->u.ike_down.established;
	default: return false;
	}
}

static void tell_rekeyed(struct conn *c, const struct ike_event *ev)
{
	struct conns_waiter *w = c->all->waiters;

	while (w) {
		bool ok = ev->kind == IKE_EV_REKEYED;
		if (w->conn != c || !w->rekeys || !is_rekey_news(w, ev) || (ok && --w->rekeys)) {
			w = w->next;
			continue;
		}
		w->rekeys = 0;
		conns_unwait(c->all, w);
		w->done(w, ok, ev->reason.text);
		w = c->all->waiters; /* `done` may change the list */
	}
}

bool conns_rekey(struct conn *c, struct conns_waiter *w, const char **why)
{
	struct conns_params *p = &c->all->p;
	enum ike_err err;

	w->rekeys = UINT_MAX; /* so that it hears the first steps */
	add_waiter(c->all, w);
	err = p->command(
	    p->arg, &(struct ike_command){
			.kind = IKE_CMD_REKEY, .conn = c->cfg, .child = w->child, .ike = w->ike});
	if (!w->rekeys)
		return true; /* it has failed already, and was told */
	w->rekeys = p->rekeying(p->arg, c->cfg, w->child, w->ike);
	if (w->rekeys)
		return true;
	conns_unwait(c->all, w);
	*why = err == IKE_EUNKNOWN     ? "it is not up"
	       : err == IKE_ETEMPORARY ? "its last rekey is not over yet: try again in a moment"
				       : ike_err_sentence(err);
	return false;
}

static void tell_step(struct conn *c, const char *line)
{
	struct conns_waiter *next;
	for (struct conns_waiter *w = c->all->waiters; w; w = next) {
		next = w->next;
		if (w->conn == c && w->step)
			w->step(w, line);
	}
}

void conns_event(struct conns *s, const struct ike_event *ev)
{
	struct conn *c = ev->ref.conn ? conns_find(s, ev->ref.conn->name) : NULL;
	struct conns_child *k = c && ev->ref.child ? child_of(c, ev->ref.child) : NULL;

	if (!c)
		return;
	tell_rekeyed(c, ev);
	switch (ev->kind) {
	case IKE_EV_STEP: tell_step(c, ev->reason.text); return;
	case IKE_EV_OP:
	case IKE_EV_PATH:
	case IKE_EV_REKEYED:
	case IKE_EV_REKEY_FAILED:
	case IKE_EV_KEYS: return;
	case IKE_EV_IKE_UP: c->ike_up++; break;
	case IKE_EV_REDIRECT: conns_redirected(c, ev); break;
	case IKE_EV_IKE_DOWN: on_ike_down(c, ev); break;
	case IKE_EV_CHILD_FAILED: on_child_failed(c, k, ev); break;
	case IKE_EV_CHILD_UP:
		if (k) {
			k->up++;
			k->error[0] = '\0';
			c->last_error[0] = '\0';
		}
		break;
	case IKE_EV_CHILD_DOWN:
		if (k)
			child_lost(c, k, ev);
		break;
	}
	attempt_check(c);
	c->all->unsettled = true;
}

/* ---- Life ---- */

static bool conn_init(struct conns *s, struct conn *c, const struct config_conn *cfg, uint32_t *id)
{
	c->all = s;
	c->cfg = cfg;
	c->children = calloc(cfg->children_n ? cfg->children_n : 1, sizeof *c->children);
	c->retry = evtimer_new(s->p.base, on_retry, c);
	if (!c->children || !c->retry)
		return false;
	for (size_t i = 0; i < cfg->children_n; i++)
		c->children[i] = (struct conns_child){.cfg = &cfg->children[i], .id = (*id)++};
	return true;
}

bool conns_init(struct conns *s, const struct conns_params *p)
{
	uint32_t id = 0;
	bool ok = true;

	*s = (struct conns){.p = *p, .random = 0x9e3779b97f4a7c15u};
	if (getrandom(&s->random, sizeof s->random, GRND_NONBLOCK) < 0 || s->random == 0)
		s->random = 0x9e3779b97f4a7c15u;
	s->v = calloc(p->config->conns_n ? p->config->conns_n : 1, sizeof *s->v);
	if (!s->v)
		return false;
	for (size_t i = 0; ok && i < p->config->conns_n; i++) {
		s->n++;
		ok = conn_init(s, &s->v[i], &p->config->conns[i], &id);
	}
	if (!ok)
		conns_fini(s);
	return ok;
}

void conns_fini(struct conns *s)
{
	for (size_t i = 0; i < s->n; i++) {
		resolve_cancel(s->v[i].job);
		resolve_cancel(s->v[i].redirect.job);
		if (s->v[i].retry)
			event_free(s->v[i].retry);
		free(s->v[i].children);
	}
	free(s->v);
	*s = (struct conns){0};
}

void conns_start(struct conns *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct conn *c = &s->v[i];
		for (size_t k = 0; k < c->cfg->children_n; k++) {
			enum config_start_action action = c->children[k].cfg->start_action;
			if (config_child_is_static(c->children[k].cfg))
				continue;
			if (action == START_TRAP)
				set_trap(c, &c->children[k]);
			if (action == START_START) {
				c->children[k].keep = true;
				c->children[k].want = WANT_PENDING;
			}
		}
		kick(c);
	}
}

void conns_stop(struct conns *s)
{
	s->stopping = true;
	for (size_t i = 0; i < s->n; i++) {
		struct conn *c = &s->v[i];
		clear_retry(c);
		stop_trying(c);
		conns_stay(c);
		for (size_t k = 0; k < c->cfg->children_n; k++)
			c->children[k].want = WANT_NOTHING;
	}
	s->unsettled = true;
	conns_settle(s);
}

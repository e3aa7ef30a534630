/*
 * Another gateway is to be called: RFC 5685. What is coming up calls it instead; what is up is set
 * up there beside the old SA. After a failure the next attempt begins with remote_addrs again.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/conns.h"

/* Counts it. False: there were too many, so it may go round in circles. */
static bool allowed(struct conn_redirect *r, uint64_t now)
{
	uint64_t *oldest = &r->at[r->n % REDIRECTS];

	if (r->n >= REDIRECTS && now - *oldest < REDIRECTS_MS)
		return false;
	*oldest = now;
	r->n++;
	return true;
}

static void note(struct conn *c, const struct ike_event *ev)
{
	struct conn_redirect *r = &c->redirect;

	r->from = ev->u.redirect.from;
	ident_text(&ev->u.redirect.to, r->to, sizeof r->to);
}

static void on_resolved(void *arg, const struct resolve_answer *answer)
{
	struct conn *c = arg;
	struct conn_redirect *r = &c->redirect;
	struct ike_command cmd = {.kind = IKE_CMD_UP, .conn = c->cfg, .redirected_from = r->from};
	char why[IKE_TEXT];

	r->job = NULL;
	if (!c->ike_up)
		return; /* it ended meanwhile */
	snprintf(why, sizeof why, "%s", answer->why[0] ? answer->why : "no address was found");
	for (size_t i = 0; i < answer->n; i++) {
		if (!conns_endpoints(c->all, c->cfg, &answer->v[i], &cmd.local, &cmd.remote, why))
			continue;
		c->all->p.command(c->all->p.arg, &cmd);
		return;
	}
	log_say(c->all->p.log, LOG_WARNING, "redirect",
	    "\"%s\" stays where it is: %s, where it was sent, cannot be called: %s", c->cfg->name,
	    r->to, why);
}

static void follow(struct conn *c)
{
	const char *name = c->redirect.to;

	resolve_cancel(c->redirect.job);
	c->redirect.job = resolve_start(c->all->p.resolver, &name, 1, on_resolved, c);
}

void conns_stay(struct conn *c)
{
	resolve_cancel(c->redirect.job);
	c->redirect.job = NULL;
	c->redirect.pending = false;
}

void conns_redirected(struct conn *c, const struct ike_event *ev)
{
	bool trying = c->trying && ev->ref.tag == c->tag;

	if (c->all->stopping)
		return;
	if (!allowed(&c->redirect, c->all->p.log->now_ms())) {
		log_say(c->all->p.log, LOG_WARNING, "redirect",
		    "\"%s\" was sent to another gateway %d times within %d s: it does not follow "
		    "any "
		    "more; check redirect_to of the gateways",
		    c->cfg->name, REDIRECTS, REDIRECTS_MS / 1000);
		return;
	}
	note(c, ev);
	c->redirect.pending = trying;
	if (!trying)
		follow(c);
}

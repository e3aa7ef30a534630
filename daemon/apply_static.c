/*
 * Policies without a peer, mode pass and drop (RFC 4301 section 4.4.1: BYPASS and DISCARD), and the
 * routes that make them true: a policy can say something of those packets only that come to the
 * device.
 */
#include "daemon/apply.h"

#include <stdlib.h>

#include "daemon/policy.h"

static bool meets(const struct config_child *k, const struct ts *t)
{
	struct ts in_common, bare = *t;

	bare.proto = 0;
	bare.port_lo = 0;
	bare.port_hi = UINT16_MAX;
	for (size_t i = 0; i < k->remote_ts_n; i++) {
		struct ts other = k->remote_ts[i].ts;
		other.proto = 0;
		other.port_lo = 0;
		other.port_hi = UINT16_MAX;
		if (!k->remote_ts[i].dynamic && ts_intersect(&other, &bare, &in_common))
			return true;
	}
	return false;
}

/* Does a tunnel, or what is dropped, draw packets of this selector to the device? */
static bool is_drawn(const struct config *c, const struct ts *t)
{
	for (size_t i = 0; i < c->conns_n; i++)
		for (size_t k = 0; k < c->conns[i].children_n; k++) {
			const struct config_child *kid = &c->conns[i].children[k];
			if (kid->mode != MODE_PASS && meets(kid, t))
				return true;
		}
	return false;
}

/* Everything of the selector's family? */
static bool is_whole(const struct ts *t)
{
	struct ts any = ts_any((enum addr_family)t->lo.family);

	return ts_equal(t, &any);
}

static bool from_anywhere(const struct apply_static *s, uint8_t family)
{
	for (size_t i = 0; i < s->local.n; i++)
		if (s->local.v[i].lo.family == family && is_whole(&s->local.v[i]))
			return true;
	return false;
}

/* Routes know addresses to go to and nothing else: an exception that is finer than that would take
 * more along, unprotected, than it names. */
static bool can_go_around(const struct apply_static *s, const struct ts *t)
{
	return t->proto == 0 && !is_whole(t) && from_anywhere(s, t->lo.family);
}

/* What is to be dropped must come to us first. What is to pass must not. */
static void hold_static(struct apply *a, const struct config *c, struct apply_static *s)
{
	static const struct ts_list none;
	struct ts_list around = {0};

	if (s->cfg->mode == MODE_DROP)
		nets_add(
		    &a->nets, &(struct nets_want){.local = &none, .remote = &s->remote}, &s->held);
	for (size_t i = 0; s->cfg->mode == MODE_PASS && i < s->remote.n; i++) {
		const struct ts *t = &s->remote.v[i];
		if (!is_drawn(c, t))
			continue;
		if (can_go_around(s, t))
			ts_list_add(&around, t);
		else
			log_say(a->log, LOG_WARNING, "policy",
			    "packets of \"%s\" that are routed to the tunnel are dropped: only "
			    "whole addresses of the other side, for any address of ours, can go "
			    "around it",
			    s->cfg->name);
	}
	if (around.n)
		nets_bypass(&a->nets, &around, &s->held);
}

bool apply_statics(struct apply *a, const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->conns_n; i++)
		for (size_t k = 0; k < c->conns[i].children_n; k++)
			n += config_child_is_static(&c->conns[i].children[k]);
	a->statics = calloc(n ? n : 1, sizeof *a->statics);
	if (!a->statics)
		return false;
	for (size_t i = 0; i < c->conns_n; i++)
		for (size_t k = 0; k < c->conns[i].children_n; k++) {
			const struct config_child *cfg = &c->conns[i].children[k];
			if (!config_child_is_static(cfg))
				continue;
			struct apply_static *s = &a->statics[a->statics_n++];
			s->cfg = cfg;
			policy_static_ts(cfg->local_ts, cfg->local_ts_n, &s->local);
			policy_static_ts(cfg->remote_ts, cfg->remote_ts_n, &s->remote);
			hold_static(a, c, s);
			log_say(a->log, LOG_INFO, "policy", "\"%s\" of \"%s\": %s", cfg->name,
			    c->conns[i].name,
			    cfg->mode == MODE_PASS ? "what it matches passes unprotected"
						   : "what it matches is dropped");
		}
	a->dirty = true;
	return true;
}

/*
 * Child SAs: tables, what we ask for, keys, installation, the ways to end. RFC 7296
 * sections 1.4.1, 2.9, 2.17. The two halves of a negotiation are in negotiate.c.
 */
#include "ike/child.h"

#include <stdlib.h>
#include <string.h>

#include "ike/hint.h"
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"
#include "ike/vip.h"

static size_t bucket(uint32_t spi)
{
	return (spi ^ (spi >> 16)) & (IKE_BUCKETS - 1);
}

struct ike_child *ike_child_by_spi_in(struct ike_engine *e, uint32_t spi)
{
	struct ike_child *c = e->by_child[bucket(spi)];

	while (c && c->spi_in != spi)
		c = c->by_spi_next;
	return c;
}

struct ike_child *ike_child_by_spi_out(struct ike_sa *sa, uint32_t spi)
{
	struct ike_child *c = sa->children;

	while (c && (c->state == IKE_CHILD_CREATING || c->spi_out != spi))
		c = c->next;
	return c;
}

struct ike_child *ike_child_of(struct ike_sa *sa, const struct config_child *cfg)
{
	struct ike_child *c = sa->children;

	while (c && (c->cfg != cfg || c->state == IKE_CHILD_DELETING))
		c = c->next;
	return c;
}

enum ike_err ike_child_new(
    struct ike_child **out, struct ike_sa *sa, const struct config_child *cfg, uint32_t tag)
{
	return ike_child_new_for(out, sa, NULL, cfg, tag);
}

enum ike_err ike_child_new_for(struct ike_child **out, struct ike_sa *sa,
    const struct ike_child *old, const struct config_child *cfg, uint32_t tag)
{
	struct ike_engine *e = sa->e;
	struct ike_child **at = &sa->children;
	struct ike_child *c;

	*out = NULL;
	if (sa->children_n >= (old ? 2 : 1) * (size_t)e->limits.children_per_sa)
		return IKE_ELIMIT;
	c = calloc(1, sizeof *c);
	if (!c)
		return IKE_ENOMEM;
	c->down = ike_event_node_new();
	if (!c->down) {
		free(c);
		return IKE_ENOMEM;
	}
	c->spi_in = e->p.spi_get(e->p.spi_arg);
	if (!c->spi_in) {
		ike_event_node_free(c->down);
		free(c);
		return IKE_ELIMIT;
	}
	c->sa = sa;
	c->id = ++e->last_child_id;
	c->tag = tag;
	c->cfg = cfg;
	c->state = IKE_CHILD_CREATING;
	if (old && old->single) {
		c->single = c->has_flow = true;
		c->flow = old->flow;
	}
	c->expire_at = c->rekey_at = IKE_NEVER;
	while (*at)
		at = &(*at)->next;
	*at = c;
	sa->children_n++;
	c->by_spi_next = e->by_child[bucket(c->spi_in)];
	e->by_child[bucket(c->spi_in)] = c;
	*out = c;
	return IKE_OK;
}

void ike_child_free(struct ike_child *c)
{
	struct ike_sa *sa = c->sa;
	struct ike_engine *e = sa->e;
	struct ike_child **at = &sa->children;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	sa->children_n--;
	at = &e->by_child[bucket(c->spi_in)];
	while (*at != c)
		at = &(*at)->by_spi_next;
	*at = c->by_spi_next;
	if (sa->setup && sa->setup->first == c)
		sa->setup->first = NULL;
	ike_rekey_forget(c);
	ike_series_forget(sa, c, NULL);
	if (c->spi_given)
		ike_hint_departed(e, c->spi_in);
	else
		e->p.spi_put(e->p.spi_arg, c->spi_in);
	ike_event_node_free(c->down);
	ike_blob_fini(&c->lowest);
	free(c);
}

void ike_child_note_gone(struct ike_sa *sa, uint32_t spi_out)
{
	struct ike_child *c = sa->active ? sa->active->child : NULL;

	if (c && c->state == IKE_CHILD_CREATING)
		c->gone[c->gone_n++ % IKE_GONE] = spi_out;
}

/* ---- What we ask for ---- */

void ike_child_offer_proposals(const struct ike_child *c, bool first, struct proposal_list *out)
{
	if (first)
		ike_select_without_ke(&c->cfg->esp_proposals, out);
	else
		ike_select_for_child(&c->cfg->esp_proposals, c->sa->e, out);
	if (!first && c->with_ke)
		ike_select_add_ke(out, c->sa->e, c->sa->suite.ke);
	for (size_t i = 0; i < out->n; i++) {
		out->v[i].number = (uint8_t)(i + 1);
		out->v[i].proto = SA_ESP;
		out->v[i].spi_n = 4;
		be32_store(out->v[i].spi, c->spi_in);
	}
}

/* The packet's own selector goes first: RFC 7296 section 2.9. Ports only where the protocol has
 * them. */
static struct ts flow_ts(const struct addr *a, const struct ts_flow *f, uint16_t port)
{
	struct ts t = ts_host(a);

	t.proto = f->proto;
	if (f->has_ports)
		t.port_lo = t.port_hi = port;
	return t;
}

bool ike_child_wants_single(struct ike_child *c, unsigned notify)
{
	struct ike_sa_ref ref = ike_sa_ref_of(c->sa, c);

	if (notify != IKE_N_SINGLE_PAIR_REQUIRED || !c->has_flow || c->single)
		return false;
	c->single = true;
	ike_emit_step(c->sa->e, &ref,
	    "the peer takes one pair of addresses only (SINGLE_PAIR_REQUIRED): the child %s is "
	    "asked "
	    "for again, for the packet alone that wants it",
	    c->cfg->name);
	return true;
}

static void offer_side(const struct config_ts *v, size_t n, struct ike_hosts own,
    const struct ts *flow, bool single, struct ts_list *out)
{
	struct ts_list all = {.n = 0};

	if (!single)
		ike_select_expand_ts(v, n, own, &all);
	out->n = 0;
	if (flow)
		ts_list_add(out, flow);
	for (size_t i = 0; i < all.n; i++)
		ts_list_add(out, &all.v[i]);
}

void ike_child_offer_ts(const struct ike_child *c, struct ts_list *local, struct ts_list *remote)
{
	const struct config_child *k = c->cfg;
	struct ts src = flow_ts(&c->flow.src, &c->flow, c->flow.sport);
	struct ts dst = flow_ts(&c->flow.dst, &c->flow, c->flow.dport);

	/* The packet had another source, if ours is given to us only now. */
	bool flow = c->has_flow && ike_vip_has_local(c->sa, &c->flow.src);

	offer_side(k->local_ts, k->local_ts_n, ike_vip_local(c->sa), flow ? &src : NULL,
	    c->single && flow, local);
	offer_side(k->remote_ts, k->remote_ts_n, ike_vip_remote(c->sa), c->has_flow ? &dst : NULL,
	    c->single, remote);
}

/* ---- Up ---- */

static void move_keys(struct ike_child_up *up, struct ike_child_keymat *k, bool initiator)
{
	secret_move(&up->encr_out, initiator ? &k->encr_i : &k->encr_r);
	secret_move(&up->integ_out, initiator ? &k->integ_i : &k->integ_r);
	secret_move(&up->encr_in, initiator ? &k->encr_r : &k->encr_i);
	secret_move(&up->integ_in, initiator ? &k->integ_r : &k->integ_i);
}

enum ike_err ike_child_prepare(
    const struct ike_child *c, const struct ike_child_terms *t, struct ike_event_node **ev)
{
	struct ike_sa *sa = c->sa;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, c);
	struct ike_child_in in = {.prf = sa->suite.prf,
	    .sk_d = secret_bytes(&sa->keys.sk_d),
	    .shared = t->keys.shared,
	    .ni = t->keys.ni,
	    .nr = t->keys.nr,
	    .more = t->keys.more};
	struct ike_child_keymat k;
	struct ike_child_up *up;
	enum ike_err err;

	*ev = ike_event_full(IKE_EV_CHILD_UP, &ref);
	if (!*ev)
		return IKE_ENOMEM;
	err = ike_child_keymat_derive(&k, sa->e->p.libctx, &t->suite, &in);
	if (err) {
		ike_event_node_free(*ev);
		*ev = NULL;
		return err;
	}
	up = &(*ev)->full->u.child_up;
	move_keys(up, &k, t->initiator);
	ike_child_keymat_fini(&k);
	up->suite = t->suite;
	up->spi_in = c->spi_in;
	up->spi_out = t->spi_out;
	up->local_ts = *t->local_ts;
	up->remote_ts = *t->remote_ts;
	up->local = sa->local;
	up->remote = sa->remote;
	up->encap = sa->encap;
	up->mode = t->mode;
	up->initiator = t->initiator;
	ike_vip_fill(sa, up);
	return IKE_OK;
}

void ike_child_install(
    struct ike_child *c, const struct ike_child_terms *t, struct ike_event_node *ev)
{
	struct ike_engine *e = c->sa->e;
	struct ike_sa_ref ref = ike_sa_ref_of(c->sa, c);
	char l[300], r[300], s[SUITE_TEXT];

	c->suite = t->suite;
	c->spi_out = t->spi_out;
	c->local_ts = *t->local_ts;
	c->remote_ts = *t->remote_ts;
	c->mode = t->mode;
	c->initiator = t->initiator;
	c->with_ke =
	    t->suite.ke.id != KE_NONE && proposal_first_ke(&c->cfg->esp_proposals) == KE_NONE;
	c->state = IKE_CHILD_INSTALLED;
	c->spi_given = true;
	c->installed_at = e->now;
	if (c->cfg->hard.time_ms)
		c->expire_at = e->now + c->cfg->hard.time_ms;
	ike_rekey_schedule(c);
	ike_queue_event(&e->q, ev);
	ike_emit_step(e, &ref, "child %s up: %s === %s, %s%s%s", c->cfg->name,
	    ts_list_text(&c->local_ts, l, sizeof l), ts_list_text(&c->remote_ts, r, sizeof r),
	    suite_text(&c->suite, s, sizeof s), c->sa->encap ? " in UDP" : "",
	    c->mode.transport ? ", transport mode" : "");
}

/* ---- Down ---- */

static void report(struct ike_child *c, enum ike_event_kind kind, const struct ike_reason *why)
{
	struct ike_event_node *n = c->down;
	struct ike_sa_ref ref = ike_sa_ref_of(c->sa, c);

	if (!n)
		return;
	if (kind == IKE_EV_CHILD_FAILED && c->resource) {
		ike_emit_step(c->sa->e, &ref, "no child %s for worker %u: %s", c->cfg->name,
		    (unsigned)c->resource, why->text);
		return;
	}
	c->down = NULL;
	n->kind = kind;
	n->ref = ref;
	n->err = why->err;
	n->text = strdup(why->text);
	if (kind == IKE_EV_CHILD_DOWN) {
		n->u.child_down.spi_in = c->spi_in;
		n->u.child_down.spi_out = c->spi_out;
	}
	ike_queue_event(&c->sa->e->q, n);
}

static void report_failed(struct ike_child *c, const struct ike_reason *why)
{
	struct ike_sa_ref ref = ike_sa_ref_of(c->sa, c);

	if (!c->rekey)
		report(c, IKE_EV_CHILD_FAILED, why);
	else if (ike_rekey_put_off(c))
		report(c, IKE_EV_REKEY_FAILED, why);
	else
		ike_emit_step(
		    c->sa->e, &ref, "our rekey of %s is forgotten: %s", c->cfg->name, why->text);
}

void ike_child_failed(struct ike_child *c, const struct ike_reason *why)
{
	report_failed(c, why);
	ike_child_free(c);
}

void ike_child_failed_there(struct ike_child *c, const struct ike_reason *why)
{
	report_failed(c, why);
	ike_child_delete(c, why, false);
}

void ike_child_report_down(struct ike_child *c, const struct ike_reason *why)
{
	if (c->spi_given)
		report(c, IKE_EV_CHILD_DOWN, why);
}

void ike_child_delete(struct ike_child *c, const struct ike_reason *why, bool now)
{
	struct ike_sa *sa = c->sa;

	if (now)
		ike_child_report_down(c, why);
	if (c->state == IKE_CHILD_DELETING)
		return;
	c->expire_at = c->rekey_at = IKE_NEVER;
	if (ike_task_new(sa, &ike_task_delete_child, c)) {
		c->state = IKE_CHILD_DELETING;
		return;
	}
	/* Without memory to tell the peer, at least our own half ends. */
	ike_child_report_down(c, why);
	ike_child_free(c);
}

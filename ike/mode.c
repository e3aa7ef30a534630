/*
 * Modes. RFC 7296 section 1.3.1: N(USE_TRANSPORT_MODE) in request and answer, else it is tunnel
 * mode. Section 2.23.1, seen from either side; A is behind NAT A', B behind NAT B':
 *
 *     A asks for      TSi = A,  TSr = B'     A checks, and installs    TSi = A,  TSr = B'
 *     B makes of it   TSi = A', TSr = B      and answers with that
 *
 * What came over the wire is what the sender's host computes its checksums with.
 *
 * RFC 9611: who asks for a child with N(SA_RESOURCE_INFO), and is answered with it, may ask for
 * more with the same selectors, until the answer is TS_MAX_QUEUE.
 */
#include "ike/mode.h"

#include "ike/task/task.h"

void ike_mode_ask(const struct ike_child *c, struct ike_build *b)
{
	uint8_t resource[4];

	if (c->cfg->mode == MODE_TRANSPORT)
		ike_build_notify(b, IKE_N_USE_TRANSPORT_MODE, bytes_of(NULL, 0));
	be32_store(resource, c->resource);
	if (c->cfg->per_cpu_sas == PER_CPU_YES)
		ike_build_notify(b, IKE_N_SA_RESOURCE_INFO,
		    bytes_of(resource, c->resource ? sizeof resource : 0));
}

void ike_mode_answer(const struct ike_mode *mode, struct ike_build *b)
{
	if (mode->transport)
		ike_build_notify(b, IKE_N_USE_TRANSPORT_MODE, bytes_of(NULL, 0));
	if (mode->per_resource)
		ike_build_notify(b, IKE_N_SA_RESOURCE_INFO, bytes_of(NULL, 0));
}

void ike_mode_read(const struct ike_msg *m, struct ike_mode *mode)
{
	*mode = (struct ike_mode){.transport = ike_msg_notify(m, IKE_N_USE_TRANSPORT_MODE) != NULL,
	    .no_tfc = ike_msg_notify(m, IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED) != NULL,
	    .per_resource = ike_msg_notify(m, IKE_N_SA_RESOURCE_INFO) != NULL};
}

/* One address in all of them? */
static bool is_host(const struct ts_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!addr_equal(&l->v[i].lo, &l->v[i].hi) || !addr_equal(&l->v[i].lo, &l->v[0].lo))
			return false;
	}
	return l->n > 0;
}

static void substitute(struct ts_list *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		l->v[i].lo = l->v[i].hi = *a;
}

bool ike_mode_see(
    const struct ike_sa *sa, struct ts_list *local, struct ts_list *remote, struct ike_mode *mode)
{
	if (!is_host(local) || !is_host(remote))
		return false;
	mode->sent_local = local->v[0].lo;
	mode->sent_remote = remote->v[0].lo;
	if (sa->nat_local)
		substitute(local, &sa->local.addr);
	if (sa->nat_remote)
		substitute(remote, &sa->remote.addr);
	return true;
}

/* ---- Several with the same selectors ---- */

static uint32_t resources(const struct ike_sa *sa)
{
	return sa->e->p.resources ? sa->e->p.resources : 1;
}

/* Is there one for this worker already, or on its way? */
static bool is_taken(const struct ike_sa *sa, const struct config_child *cfg, uint32_t resource,
    const struct ts_list *local, const struct ts_list *remote)
{
	for (const struct ike_child *c = sa->children; c; c = c->next) {
		if (c->cfg != cfg || c->state == IKE_CHILD_DELETING ||
		    c->state == IKE_CHILD_REKEYED)
			continue;
		if (c->state == IKE_CHILD_CREATING
			? c->resource == resource
			: c->mode.per_resource && c->mode.resource == resource &&
			      ts_list_equal(&c->local_ts, local) &&
			      ts_list_equal(&c->remote_ts, remote))
			return true;
	}
	return false;
}

enum ike_err ike_mode_resource(const struct ike_sa *sa, const struct ike_child_choice *k,
    const struct ike_child *old, struct ike_mode *mode)
{
	if (old) {
		mode->per_resource = old->mode.per_resource;
		mode->resource = old->mode.resource;
		return IKE_OK;
	}
	mode->per_resource = mode->per_resource && k->cfg->per_cpu_sas == PER_CPU_YES;
	while (mode->per_resource && mode->resource < resources(sa) &&
	       is_taken(sa, k->cfg, mode->resource, &k->local_ts, &k->remote_ts))
		mode->resource++;
	return mode->resource < resources(sa) ? IKE_OK : IKE_EMAXQUEUE;
}

void ike_mode_next(const struct ike_child *c)
{
	struct ike_sa *sa = c->sa;
	uint32_t next = c->mode.resource + 1;
	struct ike_child *more;

	if (!c->mode.per_resource || next >= resources(sa) ||
	    is_taken(sa, c->cfg, next, &c->local_ts, &c->remote_ts) ||
	    ike_child_new(&more, sa, c->cfg, 0))
		return;
	more->resource = next;
	if (!ike_task_new(sa, &ike_task_create_child, more))
		ike_child_free(more);
}

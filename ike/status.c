/*
 * What the engine shows: SAs, children, counters.
 */
#include <stdlib.h>

#include "ike/child.h"
#include "ike/vip.h"

const char *ike_sa_state_text(enum ike_sa_state s)
{
	switch (s) {
	case IKE_SA_CONNECTING: return "connecting";
	case IKE_SA_ESTABLISHED: return "established";
	case IKE_SA_REKEYING: return "rekeying";
	case IKE_SA_DELETING: return "deleting";
	}
	return "?";
}

const char *ike_child_state_text(enum ike_child_state s)
{
	switch (s) {
	case IKE_CHILD_CREATING: return "creating";
	case IKE_CHILD_INSTALLED: return "installed";
	case IKE_CHILD_REKEYING: return "rekeying";
	case IKE_CHILD_REKEYED: return "rekeyed";
	case IKE_CHILD_DELETING: return "deleting";
	}
	return "?";
}

const char *ike_ext_name(enum ike_ext e)
{
	static const char *const names[IKE_EXTS] = {
#define IKE_EXT_NAME(symbol, name) [IKE_EXT_##symbol] = name,
	    IKE_EXT_LIST(IKE_EXT_NAME)
#undef IKE_EXT_NAME
	};

	return e < IKE_EXTS ? names[e] : "?";
}

static enum ike_sa_state state_of(const struct ike_sa *sa)
{
	if (sa->phase == IKE_PHASE_UP)
		return sa->heir ? IKE_SA_REKEYING : IKE_SA_ESTABLISHED;
	return sa->phase == IKE_PHASE_CLOSING ? IKE_SA_DELETING : IKE_SA_CONNECTING;
}

static void show(const struct ike_sa *sa, struct ike_child_info *kids,
    void (*fn)(void *arg, const struct ike_sa_info *sa), void *arg)
{
	struct ike_sa_info info = {.id = sa->id,
	    .state = state_of(sa),
	    .conn = sa->conn,
	    .initiator = sa->initiator,
	    .local = sa->local,
	    .remote = sa->remote,
	    .redirected_from = sa->redirected_from,
	    .local_id = sa->local_id,
	    .remote_id = sa->remote_id,
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	    .suite = sa->suite,
	    .nat_local = sa->nat_local,
	    .nat_remote = sa->nat_remote,
	    .given = ike_vip_given(sa),
	    .extensions = sa->extensions,
	    .established_at = sa->established_at,
	    .rekey_at = sa->rekey_at,
	    .reauth_at = sa->reauth_at,
	    .children = kids};

	for (const struct ike_child *c = kids ? sa->children : NULL; c; c = c->next)
		kids[info.children_n++] = (struct ike_child_info){.id = c->id,
		    .state = c->state,
		    .cfg = c->cfg,
		    .spi_in = c->spi_in,
		    .spi_out = c->spi_out,
		    .suite = c->suite,
		    .encap = sa->encap,
		    .transport = c->mode.transport,
		    .local_ts = &c->local_ts,
		    .remote_ts = &c->remote_ts,
		    .installed_at = c->installed_at,
		    .rekey_at = c->rekey_at};
	fn(arg, &info);
}

void ike_engine_each(
    const struct ike_engine *e, void (*fn)(void *arg, const struct ike_sa_info *sa), void *arg)
{
	for (const struct ike_sa *sa = e->first; sa; sa = sa->next) {
		struct ike_child_info *kids;

		if (!ike_sa_is_shown(sa))
			continue; /* reported down; it only answers repeats */
		kids = calloc(sa->children_n + 1, sizeof *kids);
		show(sa, kids, fn, arg); /* without memory: without its children */
		free(kids);
	}
}

void ike_engine_stats(const struct ike_engine *e, struct ike_stats *out)
{
	*out = e->stats;
	out->fragment_bytes = e->fragment_bytes;
	out->ike_sas = 0;
	for (const struct ike_sa *sa = e->first; sa; sa = sa->next)
		out->ike_sas += ike_sa_is_shown(sa);
}

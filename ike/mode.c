/*
 * Modes. RFC 7296 section 1.3.1: N(USE_TRANSPORT_MODE) in request and answer, else it is tunnel
 * mode. Section 2.23.1, seen from either side; A is behind NAT A', B behind NAT B':
 *
 *     A asks for      TSi = A,  TSr = B'     A checks, and installs    TSi = A,  TSr = B'
 *     B makes of it   TSi = A', TSr = B      and answers with that
 *
 * What came over the wire is what the sender's host computes its checksums with.
 */
#include "ike/mode.h"

void ike_mode_ask(const struct ike_child *c, struct ike_build *b)
{
	if (c->cfg->mode == MODE_TRANSPORT)
		ike_build_notify(b, IKE_N_USE_TRANSPORT_MODE, bytes_of(NULL, 0));
}

void ike_mode_answer(const struct ike_mode *mode, struct ike_build *b)
{
	if (mode->transport)
		ike_build_notify(b, IKE_N_USE_TRANSPORT_MODE, bytes_of(NULL, 0));
}

void ike_mode_read(const struct ike_msg *m, struct ike_mode *mode)
{
	*mode = (struct ike_mode){.transport = ike_msg_notify(m, IKE_N_USE_TRANSPORT_MODE) != NULL,
	    .no_tfc = ike_msg_notify(m, IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED) != NULL};
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

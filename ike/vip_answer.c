/*
 * The gateway's half of the configuration payload: RFC 7296 sections 2.19, 2.20, 3.15 and 3.15.4,
 * RFC 8598 section 3.2, RFC 8983 section 5.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ike/pool.h"
#include "ike/vip.h"

static bool is_request(const struct ike_msg *m)
{
	return ike_msg_has(m, IKE_PLD_CP) && m->cp.type == IKE_CFG_REQUEST;
}

static bool asks_for_address(const struct ike_cp_attr *a)
{
	return a->type == IKE_CP_IP4_ADDRESS || a->type == IKE_CP_IP6_ADDRESS;
}

static bool asks(const struct ike_msg *m, uint16_t type)
{
	for (size_t i = 0; i < m->cp.n; i++) {
		if (m->cp.v[i].type == type)
			return true;
	}
	return false;
}

static bool has_family(const struct ike_sa *sa, enum addr_family family)
{
	return ike_pools_have(sa->e->pools, sa->conn->pools, sa->conn->pools_n, family);
}

/* ---- Leases ---- */

struct asker {
	const struct ike_sa *sa;
	bool begins_anew; /* the peer says that it has forgotten all other IKE SAs */
};

static bool holds(const struct ike_sa *sa, const struct ike_lease *l)
{
	for (size_t i = 0; sa->vips && i < sa->vips->n; i++) {
		if (sa->vips->lease[i] == l)
			return true;
	}
	return false;
}

/* The other IKE SA is that of the same client, which will end it, or for which it is ended. */
static bool gives_way(const struct asker *a, const struct ike_sa *o)
{
	enum config_unique unique = a->sa->conn->unique;

	if (!ident_equal(&o->local_id, &a->sa->local_id) ||
	    !ident_equal(&o->remote_id, &a->sa->remote_id))
		return false;
	return unique == UNIQUE_REPLACE || (unique == UNIQUE_NO && a->begins_anew) ||
	       endpoint_equal(&o->remote, &a->sa->remote);
}

/* An address may be held by two IKE SAs while one takes the other's place; two clients with the
 * same identity get two addresses. */
static bool shares(void *arg, const struct ike_lease *l)
{
	const struct asker *a = arg;

	if (holds(a->sa, l))
		return false;
	for (const struct ike_sa *o = a->sa->e->first; o; o = o->next) {
		if (o != a->sa && holds(o, l) && !gives_way(a, o))
			return false;
	}
	return true;
}

static void step_lease(const struct ike_sa *sa, const struct ike_lease *l)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char id[160], text[ADDR_TEXT];

	ike_emit_step(sa->e, &ref, "%s, of pools.%s, is for \"%s\"",
	    addr_text(ike_lease_addr(l), text), ike_lease_pool(l),
	    ident_text(&sa->remote_id, id, sizeof id));
}

static void lease_one(struct ike_sa *sa, const struct ike_msg *m, const struct ike_cp_attr *a)
{
	struct ike_vips *v = sa->vips;
	struct asker asker = {
	    .sa = sa, .begins_anew = ike_msg_notify(m, IKE_N_INITIAL_CONTACT) != NULL};
	struct ike_lease_ask ask = {.who = &sa->remote_id,
	    .names = sa->conn->pools,
	    .names_n = sa->conn->pools_n,
	    .shares = shares,
	    .arg = &asker};
	struct ike_lease *l;

	if (!ike_cp_addr(a, &ask.wanted))
		ask.wanted =
		    (struct addr){.family = a->type == IKE_CP_IP4_ADDRESS ? ADDR_V4 : ADDR_V6};
	l = ike_pools_take(sa->e->pools, &ask);
	if (!l)
		return;
	v->lease[v->n] = l;
	v->v[v->n++] = *ike_lease_addr(l);
	step_lease(sa, l);
}

/* What goes with the addresses is what their pools say. */
static bool add_rest(struct ike_sa *sa)
{
	const struct config *c = sa->e->p.config;
	struct ike_vips *v = sa->vips;
	bool ok = true;

	for (size_t i = 0; i < c->pools_n; i++) {
		const struct config_pool *p = &c->pools[i];
		bool used = false;

		for (size_t k = 0; k < v->n; k++)
			used = used || strcmp(ike_lease_pool(v->lease[k]), p->name) == 0;
		for (size_t k = 0; used && k < p->dns_n; k++)
			ike_vips_add_dns(v, &p->dns[k]);
		for (size_t k = 0; used && k < p->domains_n; k++)
			ok = ok && ike_vips_add_domain(v, p->domains[k]);
		for (size_t k = 0; used && k < p->subnets_n; k++)
			ike_vips_add_subnet(v, &p->subnets[k]);
	}
	return ok;
}

static enum ike_err none_left(
    const struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	char pools[300];
	struct text t = text_of(pools, sizeof pools);

	for (unsigned family = ADDR_V4; family <= ADDR_V6; family += ADDR_V6 - ADDR_V4) {
		char some[200];
		bool asked = asks(m, family == ADDR_V4 ? IKE_CP_IP4_ADDRESS : IKE_CP_IP6_ADDRESS);

		if (!asked || !has_family(sa, (enum addr_family)family))
			continue;
		text_addf(&t, "%s%s", t.len ? ", " : "",
		    ike_pools_text(sa->e->pools, sa->conn->pools, sa->conn->pools_n,
			(enum addr_family)family, some, sizeof some));
	}
	ike_explain_no_lease(why, &w, &sa->remote_id, text_end(&t), asks(m, IKE_CP_IP4_ADDRESS));
	return IKE_EADDRESS;
}

enum ike_err ike_vip_lease(
    struct ike_sa *sa, const struct ike_msg *m, bool for_child, struct ike_reason *why)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	bool asked = is_request(m) && (asks(m, IKE_CP_IP4_ADDRESS) || asks(m, IKE_CP_IP6_ADDRESS));

	if (!sa->conn->pools_n || sa->vips || sa->began)
		return IKE_OK;
	if (!asked && for_child) {
		ike_explain_cp_required(why, &w, &sa->remote_id);
		return IKE_ECPREQUIRED;
	}
	if (!asked)
		return IKE_OK;
	sa->vips = calloc(1, sizeof *sa->vips);
	for (size_t i = 0; sa->vips && i < m->cp.n && sa->vips->n < IKE_VIPS_MAX; i++) {
		if (asks_for_address(&m->cp.v[i]))
			lease_one(sa, m, &m->cp.v[i]);
	}
	if (!sa->vips || !add_rest(sa)) {
		ike_vip_release(sa);
		ike_reason_set(why, IKE_ENOMEM, "no memory for the addresses of a peer");
		return IKE_ENOMEM;
	}
	if (sa->vips->n)
		return IKE_OK;
	ike_vip_release(sa);
	return none_left(sa, m, why);
}

/* ---- The answer ---- */

/* RFC 8983, table 1: the families that there are, whatever was asked for and given. */
static void say_families(const struct ike_sa *sa, struct ike_build *b)
{
	if (has_family(sa, ADDR_V4))
		ike_build_notify(b, IKE_N_IP4_ALLOWED, bytes_of(NULL, 0));
	if (has_family(sa, ADDR_V6))
		ike_build_notify(b, IKE_N_IP6_ALLOWED, bytes_of(NULL, 0));
}

/* Section 3.15.1: no more addresses of a family than the request asks for. */
static void write_addresses(const struct ike_vips *v, const struct ike_msg *m, struct ike_build *b)
{
	bool written[IKE_VIPS_MAX] = {false};

	for (size_t i = 0; i < m->cp.n; i++) {
		unsigned family = m->cp.v[i].type == IKE_CP_IP4_ADDRESS ? ADDR_V4 : ADDR_V6;
		size_t k = 0;

		if (!asks_for_address(&m->cp.v[i]))
			continue;
		while (k < v->n && (written[k] || v->v[k].family != family))
			k++;
		if (k == v->n)
			continue;
		written[k] = true;
		ike_build_cp_addr(b, &v->v[k]);
	}
}

/* RFC 8598 section 3.2: domains go with DNS servers, to those who ask for both. */
static void write_dns(struct ike_sa *sa, const struct ike_msg *m, struct ike_build *b)
{
	const struct ike_vips *v = sa->vips;
	bool any = false;

	for (size_t i = 0; i < v->dns_n; i++) {
		if (!asks(m, v->dns[i].family == ADDR_V4 ? IKE_CP_IP4_DNS : IKE_CP_IP6_DNS))
			continue;
		ike_build_cp_dns(b, &v->dns[i]);
		any = true;
	}
	if (!any || !v->domains_n || !asks(m, IKE_CP_DNS_DOMAIN))
		return;
	for (size_t i = 0; i < v->domains_n; i++)
		ike_build_cp_attr(
		    b, IKE_CP_DNS_DOMAIN, bytes_of(v->domains[i], strlen(v->domains[i])));
	ike_ext_add(&sa->extensions, IKE_EXT_SPLIT_DNS);
}

/* Section 2.20: who does not tell its version says nothing instead. */
static void write_version(const struct ike_msg *m, struct ike_build *b)
{
	if (asks(m, IKE_CP_APPLICATION_VERSION))
		ike_build_cp_attr(b, IKE_CP_APPLICATION_VERSION, bytes_of(NULL, 0));
}

void ike_vip_answer(struct ike_sa *sa, const struct ike_msg *m, struct ike_build *b)
{
	if (!sa->conn->pools_n || !is_request(m))
		return;
	if (asks(m, IKE_CP_IP4_ADDRESS) || asks(m, IKE_CP_IP6_ADDRESS))
		say_families(sa, b);
	if (!ike_vip_gave(sa))
		return;
	ike_build_cp(b, IKE_CFG_REPLY);
	write_addresses(sa->vips, m, b);
	write_dns(sa, m, b);
	for (size_t i = 0; i < sa->vips->subnets_n; i++)
		ike_build_cp_subnet(b, &sa->vips->subnets[i]);
	write_version(m, b);
	ike_ext_add(&sa->extensions, IKE_EXT_CONFIGURATION);
}

void ike_vip_answer_alone(const struct ike_msg *m, struct ike_build *b)
{
	if (!ike_msg_has(m, IKE_PLD_CP))
		return;
	if (m->cp.type == IKE_CFG_REQUEST) {
		ike_build_cp(b, IKE_CFG_REPLY);
		write_version(m, b);
	} else if (m->cp.type == IKE_CFG_SET) {
		/* Section 3.15.1: nothing is accepted. */
		ike_build_cp(b, IKE_CFG_ACK);
	}
}

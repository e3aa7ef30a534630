/*
 * Virtual addresses: what both ends know of them, and the client. RFC 7296 sections 2.19, 3.15 and
 * 3.15.4, RFC 8598 sections 3 and 5.
 */
#include "ike/vip.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ike/pool.h"

/* ---- Both ---- */

static bool is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->b, zero, sizeof zero) == 0;
}

bool ike_vip_is_awaited(const struct ike_sa *sa)
{
	return sa->began && !sa->vips && sa->conn && sa->conn->vips_n && sa->setup;
}

bool ike_vip_gave(const struct ike_sa *sa)
{
	return sa->vips && sa->vips->n && sa->vips->lease[0];
}

static bool wants(const struct config_conn *c, enum addr_family family)
{
	for (size_t i = 0; i < c->vips_n; i++) {
		if (c->vips[i].family == family)
			return true;
	}
	return false;
}

struct ike_hosts ike_vip_local(const struct ike_sa *sa)
{
	/* RFC 7296 section 2.19: who does not know its address yet offers all of them. */
	static const struct addr any[] = {{.family = ADDR_V4}, {.family = ADDR_V6}};
	bool v4, v6;

	if (ike_vip_is_awaited(sa)) {
		v4 = wants(sa->conn, ADDR_V4);
		v6 = wants(sa->conn, ADDR_V6);
		return (struct ike_hosts){any + !v4, (size_t)v4 + v6};
	}
	if (sa->vips && sa->vips->n && !ike_vip_gave(sa))
		return (struct ike_hosts){sa->vips->v, sa->vips->n};
	return (struct ike_hosts){&sa->local.addr, 1};
}

bool ike_vip_has_local(const struct ike_sa *sa, const struct addr *a)
{
	if (ike_vip_is_awaited(sa))
		return false;
	if (!sa->vips || ike_vip_gave(sa))
		return true;
	for (size_t i = 0; i < sa->vips->n; i++) {
		if (addr_equal(&sa->vips->v[i], a))
			return true;
	}
	return false;
}

struct ike_hosts ike_vip_remote(const struct ike_sa *sa)
{
	if (ike_vip_gave(sa))
		return (struct ike_hosts){sa->vips->v, sa->vips->n};
	return (struct ike_hosts){&sa->remote.addr, 1};
}

void ike_vip_fill(const struct ike_sa *sa, struct ike_child_up *up)
{
	up->vips_n = 0;
	for (size_t i = 0; sa->vips && !ike_vip_gave(sa) && i < sa->vips->n; i++)
		up->vips[up->vips_n++] = sa->vips->v[i];
}

struct ike_given ike_vip_given(const struct ike_sa *sa)
{
	const struct ike_vips *v = sa->vips;

	if (!v)
		return (struct ike_given){0};
	return (struct ike_given){.vips = v->v,
	    .dns = v->dns,
	    .domains = v->domains,
	    .subnets = v->subnets,
	    .vips_n = v->n,
	    .dns_n = v->dns_n,
	    .domains_n = v->domains_n,
	    .subnets_n = v->subnets_n};
}

void ike_vip_release(struct ike_sa *sa)
{
	struct ike_vips *v = sa->vips;

	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++) {
		if (v->lease[i])
			ike_pools_put(sa->e->pools, v->lease[i]);
	}
	for (size_t i = 0; i < v->domains_n; i++)
		free(v->domains[i]);
	free(v);
	sa->vips = NULL;
}

bool ike_vips_add_domain(struct ike_vips *v, const char *name)
{
	char *copy;

	for (size_t i = 0; i < v->domains_n; i++) {
		if (strcmp(v->domains[i], name) == 0)
			return true;
	}
	if (v->domains_n == IKE_DOMAINS_MAX)
		return true;
	copy = strdup(name);
	if (!copy)
		return false;
	v->domains[v->domains_n++] = copy;
	return true;
}

void ike_vips_add_dns(struct ike_vips *v, const struct addr *a)
{
	for (size_t i = 0; i < v->dns_n; i++) {
		if (addr_equal(&v->dns[i], a))
			return;
	}
	if (v->dns_n < IKE_DNS_MAX)
		v->dns[v->dns_n++] = *a;
}

void ike_vips_add_subnet(struct ike_vips *v, const struct prefix *p)
{
	for (size_t i = 0; i < v->subnets_n; i++) {
		if (prefix_cmp(&v->subnets[i], p) == 0)
			return;
	}
	if (v->subnets_n < IKE_SUBNETS_MAX)
		v->subnets[v->subnets_n++] = *p;
}

/* ---- The request ---- */

/* RFC 8598 section 2: where all traffic goes to the peer, so do all questions. */
static bool is_split(const struct config_conn *c)
{
	for (size_t i = 0; i < c->children_n; i++) {
		const struct config_child *k = &c->children[i];

		for (size_t j = 0; j < k->remote_ts_n; j++) {
			const struct config_ts *t = &k->remote_ts[j];
			struct ts any = ts_any((enum addr_family)t->ts.lo.family);

			if (!config_child_is_static(k) && !t->dynamic && ts_equal(&t->ts, &any))
				return false;
		}
	}
	return true;
}

/* What the SA that this one replaces has of the family, the n-th of them; else what is configured.
 */
static struct addr wish(const struct ike_sa *sa, size_t n)
{
	const struct addr *configured = &sa->conn->vips[n];
	const struct ike_sa *old = sa->replaces ? sa->e->first : NULL;
	size_t skip = 0;

	for (size_t i = 0; i < n; i++)
		skip += sa->conn->vips[i].family == configured->family;
	while (old && old->id != sa->replaces)
		old = old->next;
	for (size_t i = 0; old && old->vips && i < old->vips->n; i++) {
		if (old->vips->v[i].family == configured->family && skip-- == 0)
			return old->vips->v[i];
	}
	return *configured;
}

static void ask_address(struct ike_build *b, const struct addr *a)
{
	if (is_any(a))
		ike_build_cp_attr(b, a->family == ADDR_V4 ? IKE_CP_IP4_ADDRESS : IKE_CP_IP6_ADDRESS,
		    bytes_of(NULL, 0));
	else
		ike_build_cp_addr(b, a);
}

void ike_vip_ask(const struct ike_sa *sa, struct ike_build *b)
{
	if (!ike_vip_is_awaited(sa))
		return;
	ike_build_cp(b, IKE_CFG_REQUEST);
	for (size_t i = 0; i < sa->conn->vips_n && i < IKE_VIPS_MAX; i++) {
		struct addr a = wish(sa, i);

		ask_address(b, &a);
	}
	if (wants(sa->conn, ADDR_V4))
		ike_build_cp_attr(b, IKE_CP_IP4_DNS, bytes_of(NULL, 0));
	if (wants(sa->conn, ADDR_V6))
		ike_build_cp_attr(b, IKE_CP_IP6_DNS, bytes_of(NULL, 0));
	if (is_split(sa->conn))
		ike_build_cp_attr(b, IKE_CP_DNS_DOMAIN, bytes_of(NULL, 0));
}

/* ---- The answer ---- */

/* Nobody can have it. */
static bool is_nonsense(const struct addr *a)
{
	return is_any(a) || addr_is_multicast(a) || addr_is_loopback(a);
}

static size_t how_many(const struct addr *v, size_t n, unsigned family)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += v[i].family == family;
	return found;
}

/* No more of a family than were asked for: section 3.15.1. */
static void take_address(struct ike_vips *v, const struct config_conn *c, const struct addr *a)
{
	bool known = false;

	for (size_t i = 0; i < v->n; i++)
		known = known || addr_equal(&v->v[i], a);
	if (!known && !is_nonsense(a) && v->n < IKE_VIPS_MAX &&
	    how_many(v->v, v->n, a->family) < how_many(c->vips, c->vips_n, a->family))
		v->v[v->n++] = *a;
}

/* RFC 8598 section 4.1: in presentation format, which for a name of hosts is this. */
static void take_domain(struct ike_vips *v, struct bytes b)
{
	static const char chars[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	char name[254];

	if (b.n && b.p[b.n - 1] == '.')
		b.n--;
	if (!b.n || b.n >= sizeof name || memchr(b.p, 0, b.n))
		return;
	memcpy(name, b.p, b.n);
	name[b.n] = '\0';
	if (strspn(name, chars) == b.n && name[0] != '.' && name[0] != '-' &&
	    name[b.n - 1] != '.' && !strstr(name, ".."))
		(void)ike_vips_add_domain(v, name);
}

static void take_attribute(struct ike_vips *v, const struct ike_sa *sa, const struct ike_cp_attr *a)
{
	struct prefix subnet;
	struct addr addr;

	switch (a->type) {
	case IKE_CP_IP4_ADDRESS:
	case IKE_CP_IP6_ADDRESS:
		if (ike_cp_addr(a, &addr))
			take_address(v, sa->conn, &addr);
		break;
	case IKE_CP_IP4_DNS:
	case IKE_CP_IP6_DNS:
		if (ike_cp_addr(a, &addr) && wants(sa->conn, (enum addr_family)addr.family) &&
		    !is_nonsense(&addr))
			ike_vips_add_dns(v, &addr);
		break;
	case IKE_CP_IP4_SUBNET:
	case IKE_CP_IP6_SUBNET:
		if (ike_cp_subnet(a, &subnet))
			ike_vips_add_subnet(v, &subnet);
		break;
	case IKE_CP_DNS_DOMAIN:
		if (is_split(sa->conn))
			take_domain(v, a->value);
		break;
	default: break; /* not asked for */
	}
}

/* RFC 8598 section 2: domains come with somebody to ask. */
static void drop_orphans(struct ike_vips *v)
{
	while (!v->dns_n && v->domains_n)
		free(v->domains[--v->domains_n]);
}

static void add_text(struct text *t, const char *before, const struct addr *v, size_t n)
{
	char a[ADDR_TEXT];

	for (size_t i = 0; i < n; i++)
		text_addf(t, "%s%s", i ? ", " : before, addr_text(&v[i], a));
}

static void step_given(const struct ike_sa *sa)
{
	const struct ike_vips *v = sa->vips;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char buf[600];
	struct text t = text_of(buf, sizeof buf);

	add_text(&t, "", v->v, v->n);
	add_text(&t, "; DNS ", v->dns, v->dns_n);
	for (size_t i = 0; i < v->domains_n; i++)
		text_addf(&t, "%s%s", i ? ", " : " for ", v->domains[i]);
	for (unsigned family = ADDR_V4; family <= ADDR_V6; family += ADDR_V6 - ADDR_V4) {
		if (wants(sa->conn, (enum addr_family)family) && !how_many(v->v, v->n, family))
			text_addf(&t, "; no IPv%u address, for which we asked, too", family);
	}
	ike_emit_step(sa->e, &ref, "the peer gave us %s", text_end(&t));
}

static bool explain_none(const struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	const struct ike_notify *n = ike_msg_error(m);
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_no_address none = {.notify = n ? n->type : 0,
	    .v4_allowed = ike_msg_notify(m, IKE_N_IP4_ALLOWED) != NULL,
	    .v6_allowed = ike_msg_notify(m, IKE_N_IP6_ALLOWED) != NULL,
	    .v4_wanted = wants(sa->conn, ADDR_V4),
	    .v6_wanted = wants(sa->conn, ADDR_V6)};

	ike_explain_no_address(why, &w, &none);
	return false;
}

bool ike_vip_take(struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	struct ike_vips *v;

	if (!ike_vip_is_awaited(sa))
		return true;
	v = calloc(1, sizeof *v);
	if (!v) {
		ike_reason_set(why, IKE_ENOMEM, "no memory for the addresses that the peer gave");
		return false;
	}
	for (size_t i = 0; m->cp.type == IKE_CFG_REPLY && i < m->cp.n; i++)
		take_attribute(v, sa, &m->cp.v[i]);
	drop_orphans(v);
	sa->vips = v;
	if (!v->n) {
		ike_vip_release(sa);
		return explain_none(sa, m, why);
	}
	ike_ext_add(&sa->extensions, IKE_EXT_CONFIGURATION);
	if (v->domains_n)
		ike_ext_add(&sa->extensions, IKE_EXT_SPLIT_DNS);
	step_given(sa);
	return true;
}

/*
 * Choosing a connection by addresses (IKE_SA_INIT) and by identities (IKE_AUTH), and a child with
 * its narrowed traffic selectors: RFC 7296 sections 2.7, 2.9 and 2.15.
 */
#include "ike/select.h"

#include <string.h>

#include "ike/engine.h"
#include "ike/explain.h"

enum { SCORE_NAME = 1, SCORE_ANY = 1, SCORE_PREFIX = 2, SCORE_EXACT = 3 };

static int text_score(const char *text, const struct addr *a)
{
	struct addr one;
	struct prefix p;

	if (strcmp(text, "%any") == 0)
		return SCORE_ANY;
	if (addr_parse(&one, text)) {
		static const uint8_t zero[16];

		if (memcmp(one.b, zero, sizeof zero) == 0)
			return one.family == a->family ? SCORE_ANY : 0; /* 0.0.0.0 or :: */
		return addr_equal(&one, a) ? SCORE_EXACT : 0;
	}
	if (strchr(text, '/') && prefix_parse(&p, text))
		return prefix_has(&p, a) ? SCORE_PREFIX : 0;
	return SCORE_NAME;
}

static int best_score(char *const *v, size_t n, const struct addr *a)
{
	int best = n ? 0 : SCORE_ANY;

	for (size_t i = 0; i < n; i++) {
		int s = text_score(v[i], a);

		if (s > best)
			best = s;
	}
	return best;
}

int ike_select_addr_score(
    const struct config_conn *c, const struct addr *local, const struct addr *remote)
{
	int l = best_score(c->local_addrs, c->local_addrs_n, local);
	int r = best_score(c->remote_addrs, c->remote_addrs_n, remote);

	/* Whom we talk to says more than where we were reached. */
	return l && r ? 4 * r + l : 0;
}

struct ident ike_select_local_id(const struct config_conn *c, const struct addr *local)
{
	return c->local.id.type == IDENT_ANY ? ident_from_addr_bytes(addr_bytes(local))
					     : c->local.id;
}

static void append(struct proposal_list *all, const struct proposal_list *l)
{
	for (size_t i = 0; i < l->n && all->n < PROPOSAL_MAX; i++)
		all->v[all->n++] = l->v[i];
}

static bool has_type(const struct proposal *p, unsigned type)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type == type)
			return true;
	}
	return false;
}

void ike_select_filter(const struct proposal_list *in, bool (*can)(void *arg, struct transform t),
    void *arg, struct proposal_list *out)
{
	out->n = 0;
	for (size_t i = 0; i < in->n; i++) {
		const struct proposal *from = &in->v[i];
		struct proposal *to = &out->v[out->n];
		bool whole = true;

		*to = *from;
		to->n = 0;
		for (size_t k = 0; k < from->n; k++) {
			if (can(arg, from->t[k]))
				to->t[to->n++] = from->t[k];
		}
		for (unsigned type = TRANSFORM_ENCR; type <= TRANSFORM_ADDKE7; type++)
			whole = whole && has_type(from, type) == has_type(to, type);
		if (whole)
			out->n++;
	}
}

/* The ciphers are those of the data plane; key exchanges are done here. */
static bool can_exchange(void *arg, struct transform t)
{
	return (t.type != TRANSFORM_KE && !transform_is_addke(t)) || ike_engine_can(arg, t);
}

void ike_select_for_child(
    const struct proposal_list *in, struct ike_engine *e, struct proposal_list *out)
{
	ike_select_filter(in, can_exchange, e, out);
}

static void add_ke(struct proposal *p, struct transform t)
{
	for (size_t i = 0; i < p->n; i++) {
		if (transform_equal(p->t[i], t))
			return;
	}
	if (p->n < PROPOSAL_TRANSFORMS)
		p->t[p->n++] = t;
}

void ike_select_add_ke(struct proposal_list *list, struct ike_engine *e, struct transform first)
{
	struct proposal_list all = {.n = 0}, ours;

	proposal_default(&all, SA_IKE);
	ike_select_filter(&all, ike_engine_can, e, &ours);
	for (size_t i = 0; i < list->n; i++) {
		struct proposal *p = &list->v[i];
		struct proposal_list one = {.n = 1, .v = {*p}};

		if (proposal_first_ke(&one) != KE_NONE)
			continue;
		add_ke(p, first);
		for (size_t k = 0; ours.n && k < ours.v[ours.n - 1].n; k++) {
			if (ours.v[ours.n - 1].t[k].type == TRANSFORM_KE)
				add_ke(p, ours.v[ours.n - 1].t[k]);
		}
	}
}

void ike_select_without_ke(const struct proposal_list *in, struct proposal_list *out)
{
	out->n = 0;
	for (size_t i = 0; i < in->n; i++) {
		struct proposal *to = &out->v[out->n++];

		*to = in->v[i];
		to->n = 0;
		for (size_t k = 0; k < in->v[i].n; k++) {
			if (in->v[i].t[k].type != TRANSFORM_KE &&
			    !transform_is_addke(in->v[i].t[k]))
				to->t[to->n++] = in->v[i].t[k];
		}
	}
}

static bool insists(const struct proposal *p, unsigned type)
{
	const struct transform none = {(uint8_t)type, KE_NONE, 0};
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		if (transform_equal(p->t[i], none))
			return false;
		any = any || p->t[i].type == type;
	}
	return any;
}

void ike_select_without_addke(const struct proposal_list *in, struct proposal_list *out)
{
	out->n = 0;
	for (size_t i = 0; i < in->n; i++) {
		struct proposal *to = &out->v[out->n];
		bool needed = false;

		for (unsigned type = TRANSFORM_ADDKE1; type <= TRANSFORM_ADDKE7; type++)
			needed = needed || insists(&in->v[i], type);
		if (needed)
			continue;
		*to = in->v[i];
		to->n = 0;
		for (size_t k = 0; k < in->v[i].n; k++) {
			if (!transform_is_addke(in->v[i].t[k]))
				to->t[to->n++] = in->v[i].t[k];
		}
		out->n++;
	}
}

/* ---- IKE_SA_INIT ---- */

static bool try_init(const struct config_conn *c, bool (*can)(void *arg, struct transform t),
    void *arg, const struct ike_init_offer *o, struct ike_init_choice *out,
    struct proposal_list *all)
{
	struct proposal_list allowed, plain;
	struct proposal_choice choice = {.offered = o->offered,
	    .allowed = o->intermediate ? &allowed : &plain,
	    .ke_wanted = o->ke};

	ike_select_filter(&c->proposals, can, arg, &allowed);
	ike_select_without_addke(&allowed, &plain);
	append(all, &allowed);
	out->index = proposal_choose(&choice, &out->suite);
	if (out->index < 0)
		return false;
	out->conn = c;
	return true;
}

static bool is_only(const struct config *cfg, const struct ike_init_offer *o)
{
	size_t fit = 0;

	for (size_t i = 0; i < cfg->conns_n; i++)
		fit += ike_select_addr_score(&cfg->conns[i], &o->local.addr, &o->remote.addr) > 0;
	return fit == 1;
}

bool ike_select_for_init(const struct config *cfg, bool (*can)(void *arg, struct transform t),
    void *arg, const struct ike_init_offer *o, struct ike_init_choice *out, struct ike_reason *why)
{
	const struct config_conn *last = NULL;
	struct proposal_list all = {.n = 0};
	struct ike_parties w = {.local = &o->local, .remote = &o->remote};

	for (int want = 4 * SCORE_EXACT + SCORE_EXACT; want > 0; want--) {
		for (size_t i = 0; i < cfg->conns_n; i++) {
			const struct config_conn *c = &cfg->conns[i];

			if (ike_select_addr_score(c, &o->local.addr, &o->remote.addr) != want)
				continue;
			if (!last)
				last = c;
			if (try_init(c, can, arg, o, out, &all)) {
				out->only = is_only(cfg, o);
				return true;
			}
		}
	}
	w.conn = last;
	if (last)
		ike_explain_no_common_proposal(why, &w, o->offered, &all);
	else
		ike_explain_no_conn_for_address(why, &w, cfg);
	return false;
}

/* ---- IKE_AUTH ---- */

static bool allows_suite(const struct config_conn *c, const struct suite *s)
{
	struct proposal_list one = {.n = 1};
	struct suite got;
	struct proposal_choice choice = {
	    .offered = &one, .allowed = &c->proposals, .ke_wanted = s->ke.id};

	one.v[0] = proposal_from_suite(s, SA_IKE, 1);
	return proposal_choose(&choice, &got) >= 0;
}

static int id_score(const struct config_conn *c, const struct ike_auth_offer *o)
{
	int remote = ident_match(o->idi, &c->remote.id);
	struct ident own = ike_select_local_id(c, &o->local.addr);
	int local = !o->idr || o->idr->type == IDENT_ANY ? 1 : ident_equal(o->idr, &own) ? 3 : 0;

	return remote && local ? 4 * remote + local : 0;
}

const struct config_conn *ike_select_for_auth(
    const struct config *cfg, const struct ike_auth_offer *o, struct ike_reason *why)
{
	const struct config_conn *best = NULL;
	int best_at = 0;
	struct ike_parties w = {.local = &o->local, .remote = &o->remote};

	for (size_t i = 0; i < cfg->conns_n; i++) {
		const struct config_conn *c = &cfg->conns[i];
		int addr = ike_select_addr_score(c, &o->local.addr, &o->remote.addr);
		int id = id_score(c, o);

		if (!addr || !id || !allows_suite(c, o->suite))
			continue;
		if (32 * id + addr > best_at) {
			best_at = 32 * id + addr;
			best = c;
		}
	}
	if (!best)
		ike_explain_no_conn_for_ids(why, &w, o->idi, o->idr, cfg);
	return best;
}

/* ---- Children ---- */

/* "dynamic" with its protocol and ports. */
static struct ts ts_of_host(const struct ts *like, const struct addr *a)
{
	static const uint8_t zero[16];
	bool all = memcmp(a->b, zero, sizeof zero) == 0;
	struct ts host = all ? ts_any((enum addr_family)a->family) : ts_host(a);
	struct ts t = *like;

	t.lo = host.lo;
	t.hi = host.hi;
	return t;
}

void ike_select_expand_ts(
    const struct config_ts *v, size_t n, struct ike_hosts own, struct ts_list *out)
{
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!v[i].dynamic)
			(void)ts_list_add(out, &v[i].ts);
		for (size_t k = 0; v[i].dynamic && k < own.n; k++) {
			struct ts t = ts_of_host(&v[i].ts, &own.v[k]);

			(void)ts_list_add(out, &t);
		}
	}
}

/* Of a network with addresses that we have given the peer it has these alone. */
static void confine(struct ts_list *l, struct ike_hosts hosts)
{
	struct ts_list all = *l;

	l->n = 0;
	for (size_t i = 0; i < all.n; i++) {
		bool among = false;

		for (size_t k = 0; k < hosts.n; k++) {
			struct ts host = ts_host(&hosts.v[k]), both;

			if (!ts_intersect(&all.v[i], &host, &both))
				continue;
			among = true;
			(void)ts_list_add(l, &both);
		}
		if (!among)
			(void)ts_list_add(l, &all.v[i]);
	}
}

/* What the child may carry. */
static void expand(const struct config_child *k, const struct ike_child_offer *o,
    struct ts_list *local, struct ts_list *remote)
{
	ike_select_expand_ts(k->local_ts, k->local_ts_n, o->local_hosts, local);
	ike_select_expand_ts(k->remote_ts, k->remote_ts_n, o->remote_hosts, remote);
	if (o->confined)
		confine(remote, o->remote_hosts);
}

/* A child's fit: 0 no traffic in common; 1 narrowed; 2 exactly what was asked for. Two more for
 * transport mode, when that is asked for. */
static int ts_fit(const struct config_child *k, const struct ike_child_offer *o,
    struct ts_list *local, struct ts_list *remote)
{
	bool transport = k->mode == MODE_TRANSPORT && o->seen_local;
	const struct ts_list *asked_l = transport ? o->seen_local : o->local_ts,
			     *asked_r = transport ? o->seen_remote : o->remote_ts;
	struct ts_list l, r;

	expand(k, o, &l, &r);
	if (config_child_is_static(k) || !ts_list_narrow(asked_l, &l, local) ||
	    !ts_list_narrow(asked_r, &r, remote))
		return 0;
	return (ts_list_equal(asked_l, &l) && ts_list_equal(asked_r, &r) ? 2 : 1) +
	       (transport ? 2 : 0);
}

static bool fits_proposal(
    const struct config_child *k, const struct ike_child_offer *o, int *index, struct suite *suite)
{
	struct proposal_choice choice = {.offered = o->offered,
	    .allowed = &k->esp_proposals,
	    .ke_wanted = o->ke,
	    .ignore_ke = o->ignore_ke};
	struct proposal_list more, can;

	if (o->engine && !o->ignore_ke) {
		ike_select_for_child(&k->esp_proposals, o->engine, &can);
		choice.allowed = &can;
	}
	*index = proposal_choose(&choice, suite);
	if (*index >= 0 || o->ignore_ke || o->ke == KE_NONE || !o->engine)
		return *index >= 0;
	/* The peer insists on a key exchange where we name none: it may have a good one. */
	more = k->esp_proposals;
	ike_select_add_ke(&more, o->engine, o->ike_ke);
	choice.allowed = &more;
	*index = proposal_choose(&choice, suite);
	return *index >= 0;
}

static void explain_none(
    const struct ike_child_offer *o, const struct config_child *ts_met, struct ike_reason *why)
{
	struct ike_parties w = {
	    .local = &o->local, .remote = &o->remote, .conn = o->conn, .child = ts_met};
	struct ts_list l, r;

	if (ts_met) {
		ike_explain_no_common_proposal(why, &w, o->offered, &ts_met->esp_proposals);
		return;
	}
	if (o->conn->children_n == 0) {
		ike_reason_set(why, IKE_ETS,
		    "\"%s\" has no child: add one to connections.%s.children", o->conn->name,
		    o->conn->name);
		return;
	}
	for (size_t i = o->conn->children_n; i-- > 0;)
		if (!config_child_is_static(&o->conn->children[i]))
			w.child = &o->conn->children[i];
	if (!w.child) {
		ike_reason_set(why, IKE_ETS,
		    "\"%s\" has no child with a peer, only such of mode pass or drop: add one to "
		    "connections.%s.children",
		    o->conn->name, o->conn->name);
		return;
	}
	expand(w.child, o, &l, &r);
	ike_explain_no_common_ts(why, &w, o->local_ts, o->remote_ts, &l, &r);
}

static void explain_other_mode(
    const struct ike_child_offer *o, const struct config_child *k, struct ike_reason *why)
{
	struct ike_parties w = {
	    .local = &o->local, .remote = &o->remote, .conn = o->conn, .child = k};

	ike_explain_mode(why, &w, false);
}

enum ike_err ike_select_child(
    const struct ike_child_offer *o, struct ike_child_choice *out, struct ike_reason *why)
{
	const struct config_child *met = NULL, *other_mode = NULL;
	int best = 0;

	for (size_t i = 0; i < o->conn->children_n; i++) {
		const struct config_child *k = &o->conn->children[i];
		struct ts_list local, remote;
		struct suite suite;
		int index, fit = ts_fit(k, o, &local, &remote);

		if (!fit || (o->only && o->only != k))
			continue;
		if (k->mode == MODE_TRANSPORT && !o->seen_local) {
			other_mode = k;
			continue;
		}
		if (!met)
			met = k;
		if (fit <= best || !fits_proposal(k, o, &index, &suite))
			continue;
		best = fit;
		out->cfg = k;
		out->index = index;
		out->suite = suite;
		out->local_ts = local;
		out->remote_ts = remote;
	}
	if (best)
		return IKE_OK;
	if (met || !other_mode)
		explain_none(o, met, why);
	else
		explain_other_mode(o, other_mode, why);
	return why->err;
}

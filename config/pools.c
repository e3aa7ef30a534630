/*
 * Pools of addresses to hand out: the kinds of their values, and what must fit between them.
 */
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/load.h"

bool addr_value_parse(struct load *l, const struct row *row, const char *text, void *to)
{
	struct addr a;

	if (!addr_parse(&a, text)) {
		return load_refuse(l, row, text, "is no address");
	}
	memcpy(to, &a, sizeof(a));
	return true;
}

/* The first address of a subnet means the subnet (of IPv6: its routers, RFC 4291 section 2.6.1),
 * the last one of IPv4 all of its hosts; where there are two or fewer they are hosts. */
static void usable(const struct prefix *p, struct config_range *out)
{
	unsigned bits = addr_bits(&p->addr);

	prefix_range(p, &out->lo, &out->hi);
	if (bits - p->len < 2) {
		return;
	}
	if (p->addr.family == ADDR_V4) {
		out->hi = addr_plus(&out->lo, addr_minus(&out->hi, &out->lo) - 1);
	}
	out->lo = addr_plus(&out->lo, 1);
}

bool range_parse(struct load *l, const struct row *row, const char *text, void *to)
{
	const char *dash = strchr(text, '-');
	char head[ADDR_TEXT] = "";
	struct config_range r;
	struct prefix p;

	if (dash == NULL && prefix_parse(&p, text)) {
		usable(&p, &r);
		memcpy(to, &r, sizeof(r));
		return true;
	}
	if (dash && (size_t)(dash - text) < sizeof(head)) {
		memcpy(head, text, (size_t)(dash - text));
	}
	if (!addr_parse(&r.lo, head) || !addr_parse(&r.hi, dash + 1) ||
	    r.lo.family != r.hi.family) {
		return load_refuse(l, row, text, "is neither subnet nor range");
	}
	if (addr_cmp(&r.lo, &r.hi) > 0) {
		return load_refuse(l, row, text, "ends before it begins");
	}
	memcpy(to, &r, sizeof(r));
	return true;
}

bool subnet_parse(struct load *l, const struct row *row, const char *text, void *to)
{
	struct prefix p;

	if (!prefix_parse(&p, text)) {
		return load_refuse(l, row, text, "is no subnet");
	}
	memcpy(to, &p, sizeof(p));
	return true;
}

bool domain_parse(struct load *l, const struct row *row, const char *text, void *to)
{
	return load_is_host_name(text) ? load_keep_string(l, text, to)
				       : load_refuse(l, row, text, "is no domain");
}

/* ---- Checks ---- */

void check_pool(struct load *l, const struct node *node, void *object)
{
	const struct config_pool *p = object;

	if (p->domains_n > 0 && p->dns_n == 0) {
		struct load_mark m = load_enter(l, "domains", node_member(node, "domains"));
		load_error(l, "there is nobody to ask for them, expected DNS servers in dns");
		load_leave(l, m);
	}
}

/* What could not be read has no family. */
static bool overlap(const struct config_range *a, const struct config_range *b)
{
	return a->lo.family != ADDR_NONE && a->lo.family == b->lo.family &&
	       addr_cmp(&a->lo, &b->hi) <= 0 && addr_cmp(&b->lo, &a->hi) <= 0;
}

static bool pools_overlap(const struct config_pool *a, const struct config_pool *b)
{
	bool found = false;

	for (size_t i = 0; a->addrs && i < a->addrs_n; i++) {
		/* Of the same pool each pair once, and none with itself. */
		for (size_t k = a == b ? i + 1 : 0; b->addrs && k < b->addrs_n; k++) {
			found = found || overlap(&a->addrs[i], &b->addrs[k]);
		}
	}
	return found;
}

static void check_overlaps(struct load *l, const struct node *pools, const struct config *c)
{
	for (size_t i = 0; i < c->pools_n; i++) {
		for (size_t k = 0; k <= i; k++) {
			if (!pools_overlap(&c->pools[k], &c->pools[i])) {
				continue;
			}
			const struct node *node = node_at(pools, i);
			struct load_mark m = load_enter(l, c->pools[i].name, node);
			struct load_mark inner = load_enter(l, "addrs", node_member(node, "addrs"));
			load_error(l,
			    "has addresses of pools.%s too, expected that each stands in one place",
			    c->pools[k].name);
			load_leave(l, inner);
			load_leave(l, m);
			break;
		}
	}
}

static void refuse_pool(struct load *l, const struct config *c, const char *name)
{
	const char **names = calloc(c->pools_n + 1, sizeof(*names));
	char quoted[QUOTED_TEXT];
	size_t n = 0;

	for (size_t i = 0; names && i < c->pools_n; i++) {
		names[n++] = c->pools[i].name;
	}
	const char *nearest = names ? config_nearest(name, names, n) : NULL;
	if (nearest) {
		load_error(l, "there is no pool %s, expected \"%s\" (the nearest)",
		    load_quoted(name, quoted), nearest);
	} else {
		load_error(l, "there is no pool %s, expected a name from pools",
		    load_quoted(name, quoted));
	}
	free(names);
}

static void check_names(
    struct load *l, const struct node *node, const struct config *c, const struct config_conn *conn)
{
	struct load_mark m = load_enter(l, "pools", node_member(node, "pools"));

	for (size_t i = 0; conn->pools && i < conn->pools_n; i++) {
		if (conn->pools[i] && !config_pool_find(c, conn->pools[i])) {
			refuse_pool(l, c, conn->pools[i]);
		}
	}
	load_leave(l, m);
}

/* An address that no child carries is of no use. */
static void check_dynamic(struct load *l, const struct node *node, const struct config_conn *conn)
{
	bool any = conn->vips_n == 0;

	for (size_t i = 0; i < conn->children_n; i++) {
		const struct config_child *child = &conn->children[i];
		for (size_t k = 0; child->local_ts && k < child->local_ts_n; k++) {
			any |= child->local_ts[k].dynamic;
		}
	}
	if (!any && conn->children_n > 0) {
		struct load_mark m = load_enter(l, "vips", node_member(node, "vips"));
		load_warning(l, "no child has \"dynamic\" in its local_ts, so that what has the "
				"address that is "
				"given is not carried");
		load_leave(l, m);
	}
}

static void check_transport(struct load *l, const struct node *node, const struct config_conn *conn)
{
	for (size_t i = 0; conn->vips_n + conn->pools_n > 0 && i < conn->children_n; i++) {
		if (conn->children[i].mode != MODE_TRANSPORT) {
			continue;
		}
		const char *key = conn->vips_n > 0 ? "vips" : "pools";
		struct load_mark m = load_enter(l, key, node_member(node, key));
		load_error(l,
		    "there is a child in transport mode, which has no other addresses than those "
		    "of the hosts, expected mode = \"tunnel\"");
		load_leave(l, m);
		return;
	}
}

void check_pools(struct load *l, const struct node *node, const struct config *c)
{
	const struct node *conns = node_member(node, "connections");

	if (l->out_of_memory) {
		return; /* names may be missing */
	}
	struct load_mark m = load_enter(l, "pools", node_member(node, "pools"));

	check_overlaps(l, node_member(node, "pools"), c);
	load_leave(l, m);
	m = load_enter(l, "connections", conns);
	for (size_t i = 0; i < c->conns_n; i++) {
		const struct config_conn *conn = &c->conns[i];
		if (conn->name == NULL || node_type(node_at(conns, i)) != NODE_GROUP) {
			continue;
		}
		struct load_mark inner = load_enter(l, conn->name, node_at(conns, i));
		check_names(l, node_at(conns, i), c, conn);
		check_transport(l, node_at(conns, i), conn);
		check_dynamic(l, node_at(conns, i), conn);
		load_leave(l, inner);
	}
	load_leave(l, m);
}

/*
 * Whom to call, from where, and what a trap catches.
 */
#include "daemon/conns.h"

#include <stdio.h>
#include <string.h>

static bool is_any(const char *text)
{
	return *text == '\0' || strncmp(text, "%any", 4) == 0;
}

size_t conns_names(const struct config_conn *c, const char *v[RESOLVE_NAMES])
{
	size_t n = 0;
	for (size_t i = 0; i < c->remote_addrs_n && n < RESOLVE_NAMES; i++)
		if (!is_any(c->remote_addrs[i]) && !strchr(c->remote_addrs[i], '/'))
			v[n++] = c->remote_addrs[i];
	return n;
}

/* The first of local_addrs that is an address of that family; *any: one of them leaves it to us. */
static bool own_address(
    const struct config_conn *c, uint8_t family, struct addr *out, bool *any, const char **name)
{
	*any = c->local_addrs_n == 0;
	*name = NULL;
	for (size_t i = 0; i < c->local_addrs_n; i++) {
		const char *text = c->local_addrs[i];
		if (is_any(text))
			*any = true;
		else if (!addr_parse(out, text))
			*name = text;
		else if (out->family == family)
			return true;
	}
	return false;
}

static bool no_route(const struct config_conn *c, const struct addr *remote, char why[IKE_TEXT])
{
	char t[ADDR_TEXT];
	snprintf(why, IKE_TEXT,
	    "there is no route to %s, the peer of \"%s\": check the network connection and the "
	    "routing table",
	    addr_text(remote, t), c->name);
	return false;
}

bool conns_endpoints(const struct conns *s, const struct config_conn *c, const struct addr *remote,
    struct endpoint *local, struct endpoint *peer, char why[IKE_TEXT])
{
	struct netcfg_underlay u;
	const char *name;
	bool any;

	bool natt = c->remote_port == 4500 || c->local_port == s->p.natt_port;
	*peer = (struct endpoint){*remote, c->remote_port};
	*local = (struct endpoint){.port = natt ? s->p.natt_port : c->local_port};
	if (own_address(c, remote->family, &local->addr, &any, &name)) {
		char t[ADDR_TEXT];
		if (netcfg_is_local(&local->addr, s->p.tun_name))
			return true;
		snprintf(why, IKE_TEXT,
		    "%s, local_addrs of \"%s\", is no address of this host: give it to an "
		    "interface or change local_addrs",
		    addr_text(&local->addr, t), c->name);
		return false;
	}
	if (!any && !name) {
		snprintf(why, IKE_TEXT,
		    "local_addrs of \"%s\" has no IPv%u address for a peer that has one: add it, "
		    "or %%any",
		    c->name, remote->family);
		return false;
	}
	/* A name of ours means this host: its routes say which address. */
	if (netcfg_underlay(remote, s->p.tun_name, &u) < 0)
		return no_route(c, remote, why);
	local->addr = u.src;
	return true;
}

/* ---- Traps ---- */

static void add_ports(struct ts *to, const struct ts *from)
{
	to->proto = from->proto;
	to->port_lo = from->port_lo;
	to->port_hi = from->port_hi;
}

/* A side that is "dynamic" is an address; unknown here, it may be any. */
static void add_dynamic(struct ts_list *l, const struct addr *known, const struct ts *like)
{
	static const enum addr_family families[] = {ADDR_V4, ADDR_V6};
	struct ts t;

	if (known->family != ADDR_NONE) {
		t = ts_host(known);
		add_ports(&t, like);
		ts_list_add(l, &t);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		t = ts_any(families[i]);
		add_ports(&t, like);
		ts_list_add(l, &t);
	}
}

static struct addr literal_remote(const struct config_conn *c)
{
	struct addr a = {0};
	for (size_t i = 0; i < c->remote_addrs_n; i++)
		if (addr_parse(&a, c->remote_addrs[i]))
			return a;
	return (struct addr){0};
}

static struct addr literal_local(
    const struct conns *s, const struct config_conn *c, const struct addr *remote)
{
	struct addr a = {0};
	struct netcfg_underlay u;
	const char *name;
	bool any;

	if (remote->family == ADDR_NONE)
		return a;
	if (own_address(c, remote->family, &a, &any, &name))
		return a;
	if (netcfg_underlay(remote, s->p.tun_name, &u) < 0)
		return (struct addr){0};
	return u.src;
}

void conns_trap_selectors(const struct conns *s, const struct config_conn *c,
    const struct config_child *child, struct ts_list *local, struct ts_list *remote)
{
	struct addr there = literal_remote(c), here = literal_local(s, c, &there);

	if (c->vips_n) /* an address that the peer gives when it is called */
		here = (struct addr){0};
	*local = *remote = (struct ts_list){0};
	for (size_t i = 0; i < child->local_ts_n; i++)
		if (child->local_ts[i].dynamic)
			add_dynamic(local, &here, &child->local_ts[i].ts);
		else
			ts_list_add(local, &child->local_ts[i].ts);
	for (size_t i = 0; i < child->remote_ts_n; i++)
		if (!child->remote_ts[i].dynamic)
			ts_list_add(remote, &child->remote_ts[i].ts);
		else if (there.family != ADDR_NONE) /* else it would catch everything */
			add_dynamic(remote, &there, &child->remote_ts[i].ts);
}

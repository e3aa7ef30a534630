/*
 * `tunike status --json`: the keys are fixed, new ones may come.
 */
#include "daemon/control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/daemon.h"
#include "daemon/version.h"

struct view {
	const struct daemon *d;
	const struct config_conn *only;
	json_t *sas;
	uint64_t now;
	bool up;
	bool *there;  /* by connection: it has an IKE SA that is up, or was */
	bool *coming; /* by connection: it has one that is coming up */
};

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *hex(uint64_t v, int digits)
{
	char t[20];
	snprintf(t, sizeof t, "%0*llx", digits, (unsigned long long)v);
	return json_string(t);
}

static json_t *endpoint_json(const struct endpoint *e)
{
	char t[ENDPOINT_TEXT];
	return json_string(endpoint_text(e, t));
}

static json_t *ident_json(const struct ident *id)
{
	char t[IDENT_TEXT];
	return json_string(ident_text(id, t, sizeof t));
}

static json_t *suite_json(const struct suite *s)
{
	char t[SUITE_TEXT];
	return json_string(suite_text(s, t, sizeof t));
}

static json_t *ts_json(const struct ts_list *l)
{
	json_t *a = json_array();
	char t[TS_TEXT];
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, json_string(ts_text(&l->v[i], t)));
	return a;
}

static json_t *seconds_since(const struct view *v, ike_time at)
{
	return at && v->now > at ? number((v->now - at) / 1000) : number(0);
}

/* Null: not by time. */
static json_t *seconds_until(const struct view *v, ike_time at)
{
	if (at == IKE_NEVER)
		return json_null();
	return at > v->now ? number((at - v->now) / 1000) : number(0);
}

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

/* ---- Children ---- */

static json_t *drops_json(const struct esp_stats *in, const struct esp_stats *out)
{
	json_t *o = json_object();
	for (size_t i = 0; i < ESP_VERDICTS; i++)
		if (!esp_verdict_passes((enum esp_verdict)i) && i != ESP_V_ACQUIRE)
			set(o, esp_verdict_name((enum esp_verdict)i),
			    number(in->drops[i] + out->drops[i]));
	return o;
}

static void add_traffic(const struct view *v, json_t *o, uint32_t spi_in)
{
	const struct apply_child *c = apply_by_spi(&v->d->apply, spi_in);
	struct esp_stats in = {0}, out = {0};

	if (c) {
		esp_in_stats(v->d->esp, c->spi_in, &in);
		esp_out_stats(v->d->esp, c->slot_out, &out);
	}
	set(o, "path_mtu", number(c ? c->path_mtu : 0));
	set(o, "bytes_in", number(in.bytes));
	set(o, "bytes_out", number(out.bytes));
	set(o, "packets_in", number(in.packets));
	set(o, "packets_out", number(out.packets));
	set(o, "seq_in", number(in.seq));
	set(o, "seq_out", number(out.seq));
	set(o, "drops", drops_json(&in, &out));
}

static json_t *child_json(const struct view *v, const struct ike_child_info *c)
{
	json_t *o = json_object();

	set(o, "name", json_string(c->cfg->name));
	set(o, "id", number(c->id));
	set(o, "state", json_string(ike_child_state_text(c->state)));
	set(o, "mode", json_string(c->transport ? "transport" : "tunnel"));
	set(o, "encap", json_boolean(c->encap));
	set(o, "spi_in", hex(c->spi_in, 8));
	set(o, "spi_out", hex(c->spi_out, 8));
	set(o, "suite", suite_json(&c->suite));
	set(o, "replay_window", number(c->cfg->replay_window));
	set(o, "local_ts", ts_json(c->local_ts));
	set(o, "remote_ts", ts_json(c->remote_ts));
	add_traffic(v, o, c->spi_in);
	set(o, "established_s", seconds_since(v, c->installed_at));
	set(o, "rekey_in_s", seconds_until(v, c->rekey_at));
	return o;
}

/* ---- IKE SAs ---- */

static json_t *extensions_json(ike_ext_set set)
{
	json_t *a = json_array();

	for (int i = 0; i < IKE_EXTS; i++)
		if (ike_ext_has(set, (enum ike_ext)i))
			json_array_append_new(a, json_string(ike_ext_name((enum ike_ext)i)));
	return a;
}

static json_t *addrs_json(const struct addr *v, size_t n)
{
	json_t *a = json_array();
	char t[ADDR_TEXT];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_string(addr_text(&v[i], t)));
	return a;
}

/* What the configuration payload brought, or took to the peer. */
static void add_given(json_t *o, const struct ike_given *g)
{
	json_t *domains = json_array(), *subnets = json_array();
	char t[PREFIX_TEXT];

	for (size_t i = 0; i < g->domains_n; i++)
		json_array_append_new(domains, json_string(g->domains[i]));
	for (size_t i = 0; i < g->subnets_n; i++)
		json_array_append_new(subnets, json_string(prefix_text(&g->subnets[i], t)));
	set(o, "vips", addrs_json(g->vips, g->vips_n));
	set(o, "dns", addrs_json(g->dns, g->dns_n));
	set(o, "domains", domains);
	set(o, "subnets", subnets);
}

static void add_sa(void *arg, const struct ike_sa_info *sa)
{
	struct view *v = arg;
	json_t *o, *children;
	char from[ADDR_TEXT];

	if (v->only && sa->conn != v->only)
		return;
	if (sa->conn && sa->state == IKE_SA_CONNECTING)
		v->coming[sa->conn - v->d->config->conns] = true;
	else if (sa->conn)
		v->there[sa->conn - v->d->config->conns] = true;
	v->up |= sa->state == IKE_SA_ESTABLISHED || sa->state == IKE_SA_REKEYING;
	o = json_object();
	set(o, "name", sa->conn ? json_string(sa->conn->name) : json_null());
	set(o, "id", number(sa->id));
	set(o, "version", number(2));
	set(o, "role", json_string(sa->initiator ? "initiator" : "responder"));
	set(o, "state", json_string(ike_sa_state_text(sa->state)));
	set(o, "local", endpoint_json(&sa->local));
	set(o, "remote", endpoint_json(&sa->remote));
	set(o, "transport", json_string("udp"));
	set(o, "local_id", ident_json(&sa->local_id));
	set(o, "remote_id", ident_json(&sa->remote_id));
	set(o, "remote_auth", json_string("psk"));
	set(o, "spi_i", hex(sa->spi_i, 16));
	set(o, "spi_r", hex(sa->spi_r, 16));
	set(o, "suite", suite_json(&sa->suite));
	set(o, "nat_local", json_boolean(sa->nat_local));
	set(o, "nat_remote", json_boolean(sa->nat_remote));
	set(o, "extensions", extensions_json(sa->extensions));
	if (sa->redirected_from.family != ADDR_NONE)
		set(o, "redirected_from", json_string(addr_text(&sa->redirected_from, from)));
	set(o, "mobike", json_false());
	set(o, "established_s", seconds_since(v, sa->established_at));
	set(o, "rekey_in_s", seconds_until(v, sa->rekey_at));
	set(o, "reauth_in_s", seconds_until(v, sa->reauth_at));
	add_given(o, &sa->given);
	children = json_array();
	for (size_t i = 0; i < sa->children_n; i++)
		json_array_append_new(children, child_json(v, &sa->children[i]));
	set(o, "children", children);
	json_array_append_new(v->sas, o);
}

/* ---- The rest ---- */

static json_t *down_json(const struct view *v)
{
	json_t *a = json_array();

	for (size_t i = 0; i < v->d->conns.n; i++) {
		const struct conn *c = &v->d->conns.v[i];
		if (v->there[i] || (v->only && v->only != c->cfg))
			continue;
		json_t *o = json_object();
		set(o, "name", json_string(c->cfg->name));
		set(o, "connecting", json_boolean(v->coming[i] || c->trying));
		set(o, "last_error", c->last_error[0] ? json_string(c->last_error) : json_null());
		set(o, "retry_in_s",
		    c->retry_at > v->now ? number((c->retry_at - v->now + 999) / 1000)
		    : c->retry_at        ? number(0)
					 : json_null());
		json_array_append_new(a, o);
	}
	return a;
}

static uint64_t worker_sum(const struct daemon *d, enum worker_counter c)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < d->workers_n; i++)
		sum += worker_counter(d->workers[i], c);
	return sum;
}

static uint64_t truncated(const struct daemon *d)
{
	struct udp_counters c;
	uint64_t sum = 0;

	for (size_t i = 0; i < d->socks_n; i++) {
		udp_counters(d->socks[i].udp, &c);
		sum += c.truncated;
	}
	for (size_t i = 0; i < d->workers_n; i++) {
		udp_counters(d->esp_socks[i], &c);
		sum += c.truncated;
	}
	udp_counters(d->natt.udp, &c);
	return sum + c.truncated;
}

static json_t *all_drops(const struct daemon *d)
{
	json_t *o = json_object();
	uint64_t totals[ESP_VERDICTS];
	struct ike_stats s;

	esp_totals(d->esp, totals);
	for (size_t i = 0; i < ESP_VERDICTS; i++)
		if (!esp_verdict_passes((enum esp_verdict)i))
			set(o, esp_verdict_name((enum esp_verdict)i), number(totals[i]));
	ike_engine_stats(d->engine, &s);
	set(o, "ike-malformed", number(s.dropped_malformed));
	set(o, "ike-no-sa", number(s.dropped_no_sa));
	set(o, "ike-integrity", number(s.dropped_integrity));
	set(o, "ike-window", number(s.dropped_window));
	set(o, "ike-limit", number(s.dropped_limit));
	set(o, "ike-state", number(s.dropped_state));
	set(o, "ike-queue", number(worker_sum(d, WORKER_ike_lost)));
	set(o, "udp-runt", number(worker_sum(d, WORKER_runts)));
	set(o, "udp-truncated", number(truncated(d)));
	set(o, "udp-send", number(worker_sum(d, WORKER_udp_lost)));
	set(o, "tun-write", number(worker_sum(d, WORKER_tun_lost)));
	return o;
}

static void add_pool(void *arg, const struct ike_pool_info *p)
{
	json_int_t size = p->size > INT64_MAX ? INT64_MAX : (json_int_t)p->size;

	json_array_append_new(
	    arg, json_pack("{s:s, s:I, s:I, s:I}", "name", p->name, "size", size, "in_use",
		     (json_int_t)p->in_use, "remembered", (json_int_t)p->remembered));
}

static json_t *pools_json(const struct daemon *d)
{
	json_t *a = json_array();

	ike_engine_pools(d->engine, add_pool, a);
	return a;
}

static json_t *ike_json(const struct daemon *d)
{
	json_t *o = json_object();
	struct ike_stats s;

	ike_engine_stats(d->engine, &s);
	set(o, "datagrams_in", number(s.datagrams_in));
	set(o, "datagrams_out", number(s.datagrams_out));
	set(o, "retransmits", number(s.retransmits));
	set(o, "replayed_requests", number(s.replayed_requests));
	set(o, "cookies_sent", number(s.cookies_sent));
	set(o, "puzzles_sent", number(s.puzzles_sent));
	set(o, "puzzles_solved", number(s.puzzles_solved));
	set(o, "key_exchanges", number(s.key_exchanges));
	set(o, "dropped_limit", number(s.dropped_limit));
	set(o, "ike_sas", number(s.ike_sas));
	set(o, "half_open", number(s.half_open));
	set(o, "fragments_in", number(s.fragments_in));
	set(o, "fragments_out", number(s.fragments_out));
	set(o, "errors_out", number(s.errors_out));
	set(o, "hints_followed", number(s.hints_followed));
	set(o, "tokens_out", number(s.tokens_out));
	set(o, "tokens_believed", number(s.tokens_believed));
	return o;
}

static json_t *workers_json(const struct daemon *d)
{
	json_t *a = json_array();

	for (size_t i = 0; i < d->workers_n; i++) {
		json_t *o = json_object();
		set(o, "id", number(i));
		for (size_t k = 0; k < WORKER_COUNTERS_N; k++)
			set(o, worker_counter_names[k],
			    number(worker_counter(d->workers[i], (enum worker_counter)k)));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *tun_json(const struct daemon *d)
{
	if (!d->tun)
		return json_null();
	return json_pack("{s:s, s:I, s:s}", "name", d->tun->name, "mtu", (json_int_t)d->tun->mtu,
	    "backend", "kernel");
}

static json_t *since_json(const struct daemon *d)
{
	struct tm tm;
	char t[40];

	gmtime_r(&d->since, &tm);
	strftime(t, sizeof t, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(t);
}

json_t *control_status(const struct daemon *d, const struct config_conn *only, bool *up)
{
	size_t n = d->conns.n ? d->conns.n : 1;
	struct view v = {.d = d,
	    .only = only,
	    .sas = json_array(),
	    .now = daemon_now_ms(),
	    .there = calloc(n, sizeof(bool)),
	    .coming = calloc(n, sizeof(bool))};
	json_t *o = json_object();

	if (o && v.sas && v.there && v.coming) {
		ike_engine_each(d->engine, add_sa, &v);
		set(o, "version", json_string(TUNIKE_VERSION));
		set(o, "since", since_json(d));
		set(o, "tun", tun_json(d));
		set(o, "ike_sas", json_incref(v.sas));
		set(o, "down", down_json(&v));
		set(o, "pools", pools_json(d));
		set(o, "drops", all_drops(d));
		set(o, "ike", ike_json(d));
		set(o, "workers", workers_json(d));
	} else {
		json_decref(o);
		o = NULL;
	}
	json_decref(v.sas);
	free(v.there);
	free(v.coming);
	*up = v.up;
	return o;
}

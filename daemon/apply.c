/*
 * Children in force.
 */
#include "daemon/apply.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"
#include "daemon/policy.h"

enum {
	LINGER_MS = 2000,   /* packets of replaced keys may be under way so long */
	RULES_PER_MS = 256, /* policies are compiled that often at most: a tenth of a core or so */
};

bool apply_init(struct apply *a, const struct apply_params *p)
{
	*a = (struct apply){.esp = p->esp,
	    .paths = p->paths,
	    .log = p->log,
	    .slots = p->slots,
	    .workers = p->workers,
	    .traps_n = p->traps};
	nets_init(&a->nets, p->netcfg, p->dev, p->log);
	a->by_in = calloc(p->slots, sizeof(struct apply_child *));
	a->by_out = calloc(p->slots, sizeof(struct apply_child *));
	a->pins = calloc(p->slots, sizeof *a->pins);
	a->traps = calloc(p->traps ? p->traps : 1, sizeof *a->traps);
	a->pmtu = pmtu_new(PATHS_KNOWN);
	if (a->by_in && a->by_out && a->pins && a->traps && a->pmtu)
		return true;
	apply_fini(a);
	return false;
}

void apply_fini(struct apply *a)
{
	while (a->first) {
		struct apply_child *c = a->first;
		a->first = c->next;
		nets_del(&a->nets, &c->held);
		free(c->group);
		free(c);
	}
	for (size_t i = 0; a->traps && i < a->traps_n; i++)
		nets_del(&a->nets, &a->traps[i].held);
	for (size_t i = 0; i < a->statics_n; i++)
		nets_del(&a->nets, &a->statics[i].held);
	free(a->statics);
	nets_fini(&a->nets);
	remotes_fini(&a->remotes);
	pmtu_free(a->pmtu);
	free(a->by_in);
	free(a->by_out);
	free(a->pins);
	free(a->traps);
	memset(a, 0, sizeof *a);
}

const struct apply_child *apply_by_spi(const struct apply *a, uint32_t spi_in)
{
	const struct apply_child *c = a->by_in[spi_in & (a->slots - 1)];
	return c && c->spi_in == spi_in ? c : NULL;
}

const struct apply_child *apply_by_slot(const struct apply *a, uint32_t slot_out)
{
	return a->by_out[slot_out & (a->slots - 1)];
}

/* ---- Interfaces ---- */

unsigned apply_pin_of(struct apply *a, const struct addr *remote, uint64_t now_ms)
{
	return nets_cover(&a->nets, remote) ? paths_find(a->paths, remote, now_ms) : 0;
}

static void pin(struct apply *a, struct apply_child *c, uint64_t now_ms)
{
	struct netcfg_underlay u;
	unsigned ifindex = apply_pin_of(a, &c->remote.addr, now_ms);
	bool was = c->pin != 0;

	if (ifindex && !was && c->remote.addr.family == ADDR_V4 &&
	    netcfg_underlay(&c->remote.addr, a->nets.dev, &u) == 0)
		nets_loosen(&a->nets, u.dev);
	c->pin = ifindex;
	a->pinned_n = a->pinned_n + (ifindex != 0) - was;
	atomic_store_explicit(&a->pins[c->slot_out], ifindex, memory_order_relaxed);
}

/* Do the routes of `held` run over the endpoints of children that are up? */
static void pin_covered(struct apply *a, const struct nets_held *held, uint64_t now_ms)
{
	bool any = false;

	for (size_t i = 0; i < held->routes_n && !any; i++)
		any = remotes_any(&a->remotes, &held->routes[i]);
	if (!any)
		return;
	for (struct apply_child *c = a->first; c; c = c->next)
		for (size_t i = 0; i < held->routes_n && !c->pin && !c->down; i++)
			if (prefix_has(&held->routes[i], &c->remote.addr))
				pin(a, c, now_ms);
}

/* ---- Up ---- */

static struct esp_path path_of(struct apply *a, struct apply_child *c, unsigned by)
{
	c->path_mtu = apply_mtu(a, &c->local, &c->remote, by);
	return (struct esp_path){
	    .local = c->local, .remote = c->remote, .udp_encap = c->encap, .mtu = c->path_mtu};
}

void apply_set_path(struct apply *a, struct apply_child *c)
{
	struct esp_path p = path_of(a, c, c->pin);

	if (esp_out_set_path(a->esp, c->slot_out, &p) != ESP_OK)
		log_say(a->log, LOG_ERROR, "path",
		    "the new path of \"%s\" could not be set: out of memory", c->cfg->name);
}

static struct esp_lifetime life_of(const struct config_child *cfg)
{
	return (struct esp_lifetime){.soft_bytes = cfg->soft.bytes,
	    .hard_bytes = cfg->hard.bytes,
	    .soft_packets = cfg->soft.packets,
	    .hard_packets = cfg->hard.packets};
}

static struct esp_headers headers_of(const struct apply_child *c)
{
	const struct config_child *cfg = c->cfg;

	return (struct esp_headers){.mode = c->mode.transport ? ESP_TRANSPORT : ESP_TUNNEL,
	    .dscp_out = cfg->copy_dscp == COPY_DSCP_OUT || cfg->copy_dscp == COPY_DSCP_YES,
	    .dscp_in = cfg->copy_dscp == COPY_DSCP_IN || cfg->copy_dscp == COPY_DSCP_YES,
	    .ecn = cfg->copy_ecn,
	    .df = cfg->copy_df};
}

/* Packets keep the addresses that they began with when a NAT changes its mapping: the host's
 * connections hang on them. */
static struct esp_transport transport_of(const struct apply_child *c)
{
	if (!c->mode.transport)
		return (struct esp_transport){0};
	return (struct esp_transport){.sent_src = c->mode.sent_remote,
	    .sent_dst = c->mode.sent_local,
	    .src = c->remote_ts.v[0].lo,
	    .dst = c->local_ts.v[0].lo};
}

static struct esp_keys keys_of(
    const struct suite *s, const struct secret *encr, const struct secret *integ)
{
	return (struct esp_keys){.encr = s->encr,
	    .integ = s->integ,
	    .encr_key = secret_bytes(encr),
	    .integ_key = secret_bytes(integ),
	    .esn = s->sn.type == TRANSFORM_SN && s->sn.id == SN_64BIT};
}

static enum esp_err install(
    struct apply *a, struct apply_child *c, const struct ike_child_up *up, uint64_t now_ms)
{
	struct esp_in_params in = {.spi = c->spi_in,
	    .headers = headers_of(c),
	    .transport = transport_of(c),
	    .lenient_padding = c->cfg->lenient_padding,
	    .keys = keys_of(&up->suite, &up->encr_in, &up->integ_in),
	    .replay_window = c->cfg->replay_window,
	    .local_ts = &c->local_ts,
	    .remote_ts = &c->remote_ts,
	    .life = life_of(c->cfg)};
	struct esp_out_params out = {.spi = c->spi_out,
	    .headers = headers_of(c),
	    .tfc_padding = c->mode.no_tfc || c->mode.transport ? 0 : c->cfg->tfc_padding,
	    .keys = keys_of(&up->suite, &up->encr_out, &up->integ_out),
	    .life = life_of(c->cfg),
	    .path = path_of(a, c, apply_pin_of(a, &c->remote.addr, now_ms))};

	enum esp_err err = esp_in_add(a->esp, &in);
	if (err) {
		esp_spi_put(a->esp, c->spi_in);
		return err;
	}
	err = esp_out_add(a->esp, &out, &c->slot_out);
	if (err)
		esp_in_del(a->esp, c->spi_in);
	return err;
}

static const char *install_error(enum esp_err err)
{
	switch (err) {
	case ESP_OK: return "no error";
	case ESP_ENOMEM: return "out of memory";
	case ESP_EFULL: return "the table of SAs is full";
	case ESP_EUNSUPPORTED: return "this OpenSSL lacks its algorithm";
	case ESP_EINVAL: return "its parameters do not fit each other";
	case ESP_ENOENT: return "its SPI was not reserved";
	}
	return "internal error";
}

static struct apply_child *child_new(const struct ike_sa_ref *ref, const struct ike_child_up *up)
{
	struct apply_child *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->ike_id = ref->ike_id;
	c->child_id = ref->child_id;
	c->conn = ref->conn;
	c->cfg = ref->child;
	c->spi_in = up->spi_in;
	c->spi_out = up->spi_out;
	c->local_ts = up->local_ts;
	c->remote_ts = up->remote_ts;
	c->local = up->local;
	c->remote = up->remote;
	c->suite = up->suite;
	c->encap = up->encap;
	c->mode = up->mode;
	c->behind = up->behind;
	c->mate = c;
	return c;
}

/* ---- Groups: RFC 9611 ---- */

static bool is_mate(const struct apply_child *a, const struct apply_child *b)
{
	return a->ike_id == b->ike_id && a->cfg == b->cfg && b->group &&
	       ts_list_equal(&a->local_ts, &b->local_ts) &&
	       ts_list_equal(&a->remote_ts, &b->remote_ts);
}

/* Without memory it stays alone: it works, and no worker has its own. */
static void join_group(struct apply *a, struct apply_child *c)
{
	struct apply_child *other = a->first;

	if (!c->mode.per_resource || a->workers < 2)
		return;
	while (other && !is_mate(c, other))
		other = other->next;
	c->group = calloc(a->workers, sizeof *c->group);
	if (!c->group || !other)
		return;
	c->mate = other->mate;
	other->mate = c;
}

static void leave_group(struct apply_child *c)
{
	struct apply_child *before = c;

	while (before->mate != c)
		before = before->mate;
	before->mate = c->mate;
	free(c->group);
}

static void link_child(struct apply *a, struct apply_child *c)
{
	c->order = a->ups++;
	join_group(a, c);
	c->next = a->first;
	if (c->next)
		c->next->prev = c;
	a->first = c;
	remotes_add(&a->remotes, &c->remote.addr);
	a->by_in[c->spi_in & (a->slots - 1)] = c;
	a->by_out[c->slot_out & (a->slots - 1)] = c;
}

bool apply_child_up(
    struct apply *a, const struct ike_sa_ref *ref, const struct ike_child_up *up, uint64_t now_ms)
{
	struct apply_child *c = child_new(ref, up);
	enum esp_err err = ESP_ENOMEM;

	if (c)
		err = install(a, c, up, now_ms);
	else
		esp_spi_put(a->esp, up->spi_in);
	if (err) {
		log_say(a->log, LOG_ERROR, "child-install",
		    "the keys of \"%s\" could not be installed: %s", ref->child->name,
		    install_error(err));
		free(c);
		return false;
	}
	if (!up->encap && ref->conn && ref->conn->encap)
		log_say(a->log, LOG_ERROR, "plain-esp",
		    "\"%s\" was agreed as plain ESP, since the peer knows nothing of ESP in UDP, "
		    "and nothing passes: set encap = false for its connection, so that plain ESP "
		    "can be sent and received",
		    ref->child->name);
	link_child(a, c);
	nets_add(&a->nets,
	    &(struct nets_want){.local = &c->local_ts,
		.remote = &c->remote_ts,
		.given = up->vips,
		.given_n = up->vips_n},
	    &c->held);
	pin(a, c, now_ms);
	pin_covered(a, &c->held, now_ms);
	a->dirty = true;
	return true;
}

/* ---- Down ---- */

void apply_child_down(struct apply *a, uint32_t spi_in, bool replaced)
{
	struct apply_child *c = a->by_in[spi_in & (a->slots - 1)];

	if (!c || c->spi_in != spi_in)
		return;
	a->downs += !c->down;
	c->down = true;
	c->replaced = replaced;
	a->dirty = true;
}

static void remove_child(struct apply *a, struct apply_child *c)
{
	esp_in_del(a->esp, c->spi_in);
	a->by_in[c->spi_in & (a->slots - 1)] = NULL;
	esp_out_del(a->esp, c->slot_out);
	a->by_out[c->slot_out & (a->slots - 1)] = NULL;
	a->pinned_n -= c->pin != 0;
	atomic_store_explicit(&a->pins[c->slot_out], 0, memory_order_relaxed);
	if (c->prev)
		c->prev->next = c->next;
	else
		a->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	nets_del(&a->nets, &c->held);
	remotes_del(&a->remotes, &c->remote.addr);
	a->downs -= c->down;
	leave_group(c);
	free(c);
}

/* What is down goes; what was replaced goes later: packets of the peer's may be under way, and a
 * worker in the middle of a batch still sends as the policies before said. */
static void retire(struct apply *a, uint64_t now_ms)
{
	struct apply_child *next;

	for (struct apply_child *c = a->downs ? a->first : NULL; c; c = next) {
		next = c->next;
		if (!c->down)
			continue;
		if (!c->gone_at)
			c->gone_at = now_ms + (c->replaced ? LINGER_MS : 0);
		if (c->gone_at <= now_ms)
			remove_child(a, c);
	}
}

void apply_refresh(struct apply *a, uint64_t now_ms)
{
	if (!a->dirty)
		retire(a, now_ms);
	apply_mtu_expire(a, now_ms);
	for (struct apply_child *c = a->pinned_n ? a->first : NULL; c; c = c->next)
		if (c->pin)
			pin(a, c, now_ms);
}

void apply_path(struct apply *a, uint32_t ike_id, const struct ike_path *path, uint64_t now_ms)
{
	for (struct apply_child *c = a->first; c; c = c->next) {
		if (c->ike_id != ike_id || c->down)
			continue;
		c->local = path->local;
		remotes_del(&a->remotes, &c->remote.addr);
		c->remote = path->remote;
		remotes_add(&a->remotes, &c->remote.addr);
		c->encap = path->encap;
		pin(a, c, now_ms);
		apply_set_path(a, c);
	}
}

/* ---- Traps ---- */

bool apply_trap_set(struct apply *a, uint32_t id, uint32_t priority, const struct nets_want *want)
{
	if (id >= a->traps_n)
		return false;
	struct apply_trap *t = &a->traps[id];
	if (t->set)
		return true;
	t->set = true;
	t->priority = priority;
	t->local = *want->local;
	t->remote = *want->remote;
	nets_add(&a->nets, want, &t->held);
	pin_covered(a, &t->held, 0);
	a->dirty = true;
	return true;
}

void apply_trap_clear(struct apply *a, uint32_t id)
{
	if (id >= a->traps_n || !a->traps[id].set)
		return;
	a->traps[id].set = false;
	nets_del(&a->nets, &a->traps[id].held);
	a->dirty = true;
}

/* ---- Commit ---- */

static bool collect_statics(const struct apply *a, struct policy_set *set, enum config_mode mode)
{
	bool ok = true;

	for (size_t i = 0; i < a->statics_n && ok; i++)
		if (a->statics[i].cfg->mode == mode)
			ok = policy_add(set, &(struct policy_source){.local = &a->statics[i].local,
						 .remote = &a->statics[i].remote,
						 .action = mode == MODE_PASS ? ESP_PASS : ESP_DROP,
						 .priority = policy_priority(a->statics[i].cfg)});
	return ok;
}

static bool collect_passes(const struct apply *a, struct policy_set *set)
{
	return collect_statics(a, set, MODE_PASS);
}

static bool collect_drops(const struct apply *a, struct policy_set *set)
{
	return collect_statics(a, set, MODE_DROP);
}

/* Does the one that it stands behind live? */
static bool is_behind(const struct apply *a, const struct apply_child *c)
{
	const struct apply_child *first = c->behind ? apply_by_spi(a, c->behind) : NULL;

	return first && !first->down;
}

/* May it send for the worker? Better than `than` (NULL: than nothing)? The one that came up last
 * counts, not the one that was begun last: of two rekeys at once it is the one that stays. */
static bool sends_better(
    const struct apply *a, const struct apply_child *c, const struct apply_child *than)
{
	return !c->down && !is_behind(a, c) && (!than || c->order > than->order);
}

/* The newest of the group that is for this resource. */
static const struct apply_child *mate_for(
    const struct apply *a, const struct apply_child *c, uint32_t resource)
{
	const struct apply_child *best = NULL, *at = c;

	do {
		if (at->mode.resource == resource && sends_better(a, at, best))
			best = at;
		at = at->mate;
	} while (at != c);
	return best;
}

/* One policy stands for a group: that of its newest with the lowest resource. False: not this. */
static bool lead_group(const struct apply *a, const struct apply_child *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->workers; i++) {
		const struct apply_child *own = mate_for(a, c, i);
		if (own && n == 0 && own != c)
			return false;
		/* With fewer than workers, those that have none share them all. */
		if (own)
			c->group[n++] = own->slot_out;
	}
	for (uint32_t i = n; n && i < a->workers; i++)
		c->group[i] = c->group[i % n];
	return n > 0;
}

static bool collect_ranked(const struct apply *a, struct policy_set *set, bool behind)
{
	bool ok = true;

	for (const struct apply_child *c = a->first; c && ok; c = c->next)
		if (!c->down && is_behind(a, c) == behind &&
		    (behind || !c->group || lead_group(a, c)))
			ok = policy_add(set, &(struct policy_source){.local = &c->local_ts,
						 .remote = &c->remote_ts,
						 .action = ESP_PROTECT,
						 .priority = policy_priority(c->cfg),
						 .slot = c->slot_out,
						 .group = c->group,
						 .group_n = c->group && !behind ? a->workers : 0});
	return ok;
}

static bool collect_children(const struct apply *a, struct policy_set *set)
{
	return collect_ranked(a, set, false) && collect_ranked(a, set, true);
}

static bool collect_traps(const struct apply *a, struct policy_set *set)
{
	bool ok = true;

	for (size_t i = 0; i < a->traps_n && ok; i++)
		if (a->traps[i].set)
			ok = policy_add(set, &(struct policy_source){.local = &a->traps[i].local,
						 .remote = &a->traps[i].remote,
						 .action = ESP_TRAP,
						 .priority = a->traps[i].priority,
						 .id = (uint32_t)i});
	return ok;
}

/* Of policies that are equal in all else the first in the list wins. */
static bool collect(const struct apply *a, struct policy_set *set)
{
	static bool (*const by_rank[POLICY_RANKS])(const struct apply *, struct policy_set *) = {
	    [POLICY_PASS] = collect_passes,
	    [POLICY_PROTECT] = collect_children,
	    [POLICY_TRAP] = collect_traps,
	    [POLICY_DROP] = collect_drops,
	};
	bool ok = true;

	for (size_t i = 0; i < POLICY_RANKS && ok; i++)
		ok = by_rank[i](a, set);
	return ok;
}

uint64_t apply_due(const struct apply *a)
{
	return a->dirty ? a->commit_at : UINT64_MAX;
}

void apply_commit(struct apply *a, uint64_t now_ms)
{
	struct policy_set set = {0};

	if (!a->dirty || now_ms < a->commit_at)
		return;
	/* First nothing points to what went down, then it goes. */
	bool ok = collect(a, &set) && esp_spd_set(a->esp, set.v, set.n) == ESP_OK;
	a->commit_at = now_ms + set.n / RULES_PER_MS;
	policy_fini(&set);
	if (!ok)
		log_say(a->log, LOG_ERROR, "policies",
		    "no memory for the policies: the old ones stay until the next change");
	a->dirty = !ok;
	retire(a, now_ms);
	apply_refresh(a, now_ms);
}

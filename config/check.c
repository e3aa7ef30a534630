/*
 * Checks across keys: what is well formed and cannot work all the same.
 */
#include "config/check.h"

#include <string.h>

#include "config/load.h"

enum {
	MTU_MIN = 576,      /* what every IPv4 host must take, RFC 791 section 3.1 */
	FRAGMENT_MIN = 256, /* with room for content beside the headers of any cipher */
};

static bool is_any(const char *addr)
{
	struct prefix p;

	return strcmp(addr, "%any") == 0 || (strchr(addr, '/') && prefix_parse(&p, addr));
}

void check_tun(struct load *l, const struct node *node, void *object)
{
	const struct config *c = object;

	if (c->tun.mtu != 0 && c->tun.mtu < MTU_MIN) {
		struct load_mark m = load_enter(l, "mtu", node_member(node, "mtu"));
		load_error(l, "%u is too small, expected %d to 65535, or 0", c->tun.mtu, MTU_MIN);
		load_leave(l, m);
	}
	if (c->tun.name && (strpbrk(c->tun.name, "/: \t\n%") || strcmp(c->tun.name, ".") == 0 ||
			       strcmp(c->tun.name, "..") == 0)) {
		char quoted[QUOTED_TEXT];
		struct load_mark m = load_enter(l, "name", node_member(node, "name"));
		load_error(l, "%s cannot name a device, expected letters and digits",
		    load_quoted(c->tun.name, quoted));
		load_leave(l, m);
	}
}

bool check_secret_type(struct load *l, const struct node *node)
{
	const struct node *type = node_member(node, "type");
	const struct group *secrets = schema_row(&schema_root, "secrets")->group;
	const struct words *w = schema_row(secrets, "type")->words;
	char number[NODE_NUMBER_TEXT], quoted[QUOTED_TEXT];
	const char *text = type ? node_text(type, number) : NULL;

	for (size_t i = 0; text && i < w->n; i++) {
		if (w->v[i].value == WORD_LATER && strcmp(w->v[i].text, text) == 0) {
			struct load_mark m = load_enter(l, "type", type);
			load_error(l, "%s is not supported yet, expected psk or ppk",
			    load_quoted(text, quoted));
			load_leave(l, m);
			return false;
		}
	}
	return true;
}

/* A key of secrets of another type. */
static void misplaced(struct load *l, const struct node *node, const char *key, bool wrong,
    const char *type, const char *instead)
{
	const struct node *at = node_member(node, key);

	if (at && wrong) {
		struct load_mark m = load_enter(l, key, at);
		load_error(l, "belongs to secrets of type %s, expected %s", type, instead);
		load_leave(l, m);
	}
}

void check_secret(struct load *l, const struct node *node, void *object)
{
	bool inlined = node_member(node, "secret"), file = node_member(node, "secret_file");
	const struct config_secret *s = object;

	if (s->type == SECRET_PPK && !node_member(node, "id")) {
		load_error(l, "has no id, expected the name of the PPK, the same as at the peer");
	}
	misplaced(l, node, "id", s->type != SECRET_PPK, "ppk", "ids");
	misplaced(l, node, "ids", s->type == SECRET_PPK, "psk", "id");
	if (inlined == file) {
		load_error(l, inlined ? "has both secret and secret_file, expected one of them"
				      : "has no secret, expected secret or secret_file");
	}
}

enum { HAS_V4 = 1, HAS_V6 = 2 };

static unsigned families(const struct config_ts *ts, size_t n)
{
	unsigned mask = 0;

	for (size_t i = 0; i < n; i++) {
		if (ts[i].dynamic) {
			mask |= HAS_V4 | HAS_V6;
		} else if (ts[i].ts.lo.family != ADDR_NONE) {
			mask |= ts[i].ts.lo.family == ADDR_V4 ? HAS_V4 : HAS_V6;
		}
	}
	/* Without a single readable one there has been an error already. */
	return mask ? mask : HAS_V4 | HAS_V6;
}

/* A limit that asks for new keys, and the one that ends. */
struct limits {
	const char *soft_key, *hard_key;
	uint64_t *soft, *hard;
};

/* As swanctl has it: whichever of the two is not written follows from the other. */
static void settle_limits(struct load *l, const struct node *node, const struct limits *v)
{
	bool soft = node_member(node, v->soft_key), hard = node_member(node, v->hard_key);

	if (!hard && (soft || *v->soft)) {
		uint64_t more = *v->soft / 10;
		*v->hard = *v->soft > UINT64_MAX - more ? UINT64_MAX : *v->soft + more;
	} else if (hard && !soft && *v->hard) {
		*v->soft = *v->hard - *v->hard / 11;
	} else if (*v->soft && *v->hard && *v->hard <= *v->soft) {
		struct load_mark m = load_enter(l, v->hard_key, node_member(node, v->hard_key));
		load_error(l, "comes before new keys can, expected more than %s, or 0 for no limit",
		    v->soft_key);
		load_leave(l, m);
	}
}

static void check_rand(
    struct load *l, const struct node *node, uint64_t a, uint64_t b, uint64_t *rand_ms)
{
	const struct node *written = node_member(node, "rand_time");
	uint64_t least = !a || (b && b < a) ? b : a;

	if (!written) {
		*rand_ms = CONFIG_RAND_TENTH;
	} else if (least && *rand_ms >= least) {
		struct load_mark m = load_enter(l, "rand_time", written);
		load_error(l, "could take off all of the time, expected less than %s%s",
		    "rekey_time", b ? " and reauth_time" : "");
		load_leave(l, m);
	}
}

static void check_limits(struct load *l, const struct node *node, struct config_child *child)
{
	const struct limits all[] = {
	    {"rekey_time", "life_time", &child->soft.time_ms, &child->hard.time_ms},
	    {"rekey_bytes", "life_bytes", &child->soft.bytes, &child->hard.bytes},
	    {"rekey_packets", "life_packets", &child->soft.packets, &child->hard.packets},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		settle_limits(l, node, &all[i]);
	}
}

/* One host, or its address that is not known yet. */
static bool is_host(const struct config_ts *ts)
{
	return ts->dynamic || ts->ts.lo.family == ADDR_NONE || addr_equal(&ts->ts.lo, &ts->ts.hi);
}

static void check_hosts(
    struct load *l, const struct node *node, const char *key, const struct config_ts *ts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_host(&ts[i])) {
			struct load_mark m = load_enter(l, key, node_member(node, key));
			load_error(l,
			    "holds a network, which transport mode does not carry, expected "
			    "\"dynamic\" or one address, or mode = \"tunnel\"");
			load_leave(l, m);
			return;
		}
	}
}

/* The packets of two hosts come to the device by a route, and routes know no protocols. */
static void check_whole(struct load *l, const struct node *node, const struct config_child *child)
{
	bool partly = false;

	for (size_t i = 0; i < child->remote_ts_n; i++) {
		partly |= child->remote_ts[i].ts.proto != 0;
	}
	if (partly) {
		struct load_mark m = load_enter(l, "remote_ts", node_member(node, "remote_ts"));
		load_warning(l,
		    "while this child is up, all packets to that host come to tunike, and those "
		    "that it does not name are dropped");
		load_leave(l, m);
	}
}

static bool is_whole(const struct config_ts *ts)
{
	struct ts any = ts_any((enum addr_family)ts->ts.lo.family);

	return ts->ts.proto == 0 && (ts->dynamic || ts_equal(&ts->ts, &any));
}

/* Around the tunnel goes what a route can tell: addresses on the other side. */
static void check_pass(struct load *l, const struct node *node, const struct config_child *child)
{
	bool finer = false;

	for (size_t i = 0; i < child->remote_ts_n; i++) {
		finer |= child->remote_ts[i].ts.proto != 0;
	}
	for (size_t i = 0; i < child->local_ts_n; i++) {
		finer |= !is_whole(&child->local_ts[i]);
	}
	if (finer) {
		struct load_mark m = load_enter(l, "mode", node_member(node, "mode"));
		load_warning(l,
		    "what of it is routed to the tunnel is dropped there: only whole addresses of "
		    "the other side, for any address of ours, can go around it");
		load_leave(l, m);
	}
}

/* Policies without a peer have nothing to agree on. */
static void check_static(struct load *l, const struct node *node, const struct config_child *child)
{
	static const char *const pointless[] = {"esp_proposals", "tfc_padding", "tfc_dummies",
	    "per_cpu_sas", "replay_window", "updown"};
	const char *mode = child->mode == MODE_PASS ? "pass" : "drop";

	for (size_t i = 0; i < sizeof(pointless) / sizeof(pointless[0]); i++) {
		const struct node *member = node_member(node, pointless[i]);
		if (member) {
			struct load_mark m = load_enter(l, pointless[i], member);
			load_error(l,
			    "means nothing with mode = \"%s\", which has no peer and no keys, "
			    "expected no such key",
			    mode);
			load_leave(l, m);
		}
	}
	if (child->start_action == START_START) {
		struct load_mark m =
		    load_enter(l, "start_action", node_member(node, "start_action"));
		load_error(l,
		    "nothing can be started with mode = \"%s\", which always holds, expected no "
		    "such key, none or trap",
		    mode);
		load_leave(l, m);
	}
}

void check_child(struct load *l, const struct node *node, void *object)
{
	struct config_child *child = object;
	unsigned local = families(child->local_ts, child->local_ts_n);
	unsigned remote = families(child->remote_ts, child->remote_ts_n);

	if ((local & remote) == 0) {
		struct load_mark m = load_enter(l, "remote_ts", node_member(node, "remote_ts"));
		load_error(l,
		    "has no address family in common with local_ts, expected IPv4 on both "
		    "sides or IPv6 on both");
		load_leave(l, m);
	}
	check_limits(l, node, child);
	check_rand(l, node, child->soft.time_ms, 0, &child->rand_ms);
	if (child->mode == MODE_TRANSPORT) {
		check_hosts(l, node, "local_ts", child->local_ts, child->local_ts_n);
		check_hosts(l, node, "remote_ts", child->remote_ts, child->remote_ts_n);
		check_whole(l, node, child);
	}
	if (config_child_is_static(child)) {
		check_static(l, node, child);
	}
	if (child->mode == MODE_PASS) {
		check_pass(l, node, child);
	}
}

/* Is there an address that can be called? */
static bool can_call(const struct config_conn *conn)
{
	size_t unread = 0;

	for (size_t i = 0; i < conn->remote_addrs_n; i++) {
		const char *addr = conn->remote_addrs[i];
		if (addr && !is_any(addr)) {
			return true;
		}
		unread += addr == NULL;
	}
	return unread > 0 || conn->remote_addrs_n == 0; /* there has been an error already */
}

static void check_starts(struct load *l, const struct node *node, const struct config_conn *conn)
{
	const struct node *children = node_member(node, "children");
	struct load_mark outer = load_enter(l, "children", children);

	for (size_t i = 0; i < conn->children_n; i++) {
		const struct node *child = node_at(children, i);
		if (conn->children[i].start_action == START_NONE ||
		    config_child_is_static(&conn->children[i])) {
			continue;
		}
		struct load_mark m = load_enter(l, conn->children[i].name, child);
		struct load_mark inner =
		    load_enter(l, "start_action", node_member(child, "start_action"));
		load_error(
		    l, "there is nobody to call, expected an address or a name in remote_addrs");
		load_leave(l, inner);
		load_leave(l, m);
	}
	load_leave(l, outer);
}

static void check_redirect(struct load *l, const struct node *node, const struct ident *to)
{
	if (to->type == IDENT_ANY || config_is_gateway(to)) {
		return;
	}
	struct load_mark m = load_enter(l, "redirect_to", node_member(node, "redirect_to"));
	load_error(l, "no gateway can be called by that, expected an address or a name");
	load_leave(l, m);
}

void check_conn(struct load *l, const struct node *node, void *object)
{
	struct config_conn *conn = object;
	const struct node *children = node_member(node, "children");

	if (children == NULL || (node_type(children) == NODE_GROUP && node_len(children) == 0)) {
		struct load_mark m = load_enter(l, "children", children);
		load_error(l, "there is none, expected one at least: NAME = { … };");
		load_leave(l, m);
	}
	if (conn->children_n > 0 && !can_call(conn)) {
		check_starts(l, node, conn);
	}
	conn->callable = can_call(conn);
	if (conn->ppk_required && !conn->ppk_id && conn->callable) {
		struct load_mark m =
		    load_enter(l, "ppk_required", node_member(node, "ppk_required"));
		load_error(l, "is true, but a peer that is called must be told which: expected "
			      "ppk_id beside it");
		load_leave(l, m);
	}
	check_redirect(l, node, &conn->redirect_to);
	check_rand(l, node, conn->rekey_ms, conn->reauth_ms, &conn->rand_ms);
	if (!node_member(node, "over_time")) {
		conn->over_ms =
		    (conn->rekey_ms > conn->reauth_ms ? conn->rekey_ms : conn->reauth_ms) / 10;
	}
}

static bool is_address(const struct ident *id)
{
	return id->type == IDENT_IPV4_ADDR || id->type == IDENT_IPV6_ADDR;
}

/* Ids are patterns here, and ours may be our address, which only the daemon knows: the question is
 * whether a secret could be the one. */
static bool could_be(const struct config_secret *s, const struct config_conn *conn)
{
	const struct ident *ours = &conn->local.id, *theirs = &conn->remote.id;

	for (size_t i = 0; i < s->ids_n; i++) {
		const struct ident *id = &s->ids[i];
		bool own = ours->type == IDENT_ANY ? is_address(id) : ident_match(ours, id) > 0;
		if (own || ident_match(id, theirs) || ident_match(theirs, id)) {
			return true;
		}
	}
	return s->ids_n == 0;
}

static bool has_secret(const struct config *c, const struct config_conn *conn)
{
	for (size_t i = 0; i < c->secrets_n; i++) {
		if (c->secrets[i].type == SECRET_PSK && could_be(&c->secrets[i], conn)) {
			return true;
		}
	}
	return false;
}

static void warn_of_no_secret(struct load *l, const struct config_conn *conn)
{
	char ours[256], theirs[256];

	load_warning(l,
	    "no secret in this file has \"%s\" (we) or \"%s\" (the peer) among its ids: "
	    "authentication will fail",
	    ident_text(&conn->local.id, ours, sizeof(ours)),
	    ident_text(&conn->remote.id, theirs, sizeof(theirs)));
}

static void check_ppk(
    struct load *l, const struct node *node, const struct config *c, const struct config_conn *conn)
{
	bool named =
	    conn->ppk_id && !config_ppk_find(c, bytes_of(conn->ppk_id, strlen(conn->ppk_id)));
	const char *key = named ? "ppk_id" : "ppk_required";
	char quoted[QUOTED_TEXT];

	/* Who is called is asked for ppk_id (check_conn). */
	if (!named && (!conn->ppk_required || conn->callable || config_has_ppk(c))) {
		return;
	}
	struct load_mark m = load_enter(l, key, node_member(node, key));
	load_error(l, "%s, but no secret of type ppk %s, expected one",
	    named ? load_quoted(conn->ppk_id, quoted) : "true",
	    named ? "has this id" : "is in this file");
	load_leave(l, m);
}

static void check_fragment_size(struct load *l, const struct node *node, const struct config *c)
{
	if (c->fragment_size != 0 && c->fragment_size < FRAGMENT_MIN) {
		struct load_mark m =
		    load_enter(l, "fragment_size", node_member(node, "fragment_size"));
		load_error(l, "%u is too small, expected %d to 65535, or 0", c->fragment_size,
		    FRAGMENT_MIN);
		load_leave(l, m);
	}
}

void check_root(struct load *l, const struct node *node, void *object)
{
	const struct config *c = object;
	const struct node *conns = node_member(node, "connections");
	struct load_mark outer = load_enter(l, "connections", conns);

	for (size_t i = 0; i < c->conns_n; i++) {
		const struct config_conn *conn = &c->conns[i];
		if (node_type(node_at(conns, i)) != NODE_GROUP) {
			continue;
		}
		struct load_mark m = load_enter(l, conn->name ? conn->name : "", node_at(conns, i));
		check_ppk(l, node_at(conns, i), c, conn);
		if (!has_secret(c, conn)) {
			warn_of_no_secret(l, conn);
		}
		load_leave(l, m);
	}
	load_leave(l, outer);
	check_fragment_size(l, node, c);
	check_pools(l, node, c);
}

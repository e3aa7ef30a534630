/*
 * Virtual addresses between two engines: RFC 7296 sections 2.19, 3.15 and 3.15.4, RFC 8598, RFC
 * 8983. "Left" is the client, "right" the gateway.
 */
#include "ike/child.h"
#include "test/sim/evil.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT_ROAD                                                                                 \
	"road = { local_ts = [\"dynamic\"]; remote_ts = [\"10.2.0.0/16\", \"2001:db8:2::/48\"]; " \
	"};"
#define RIGHT_ROAD                                                                                \
	"road = { local_ts = [\"10.2.0.0/16\", \"2001:db8:2::/48\"]; remote_ts = [\"dynamic\"]; " \
	"};"
#define POOLS                                                                                      \
	"pools = { staff = { addrs = [\"10.9.0.0/24\", \"2001:db8:9::/64\"];"                      \
	" dns = [\"10.2.0.53\", \"2001:db8:2::53\"]; domains = [\"corp.example\", \"b.example\"];" \
	" subnet = [\"10.2.0.0/16\"]; };"                                                          \
	" small = { addrs = \"10.8.0.1\"; }; };"

enum { A_MINUTE = 60 * 1000, NTH = 4 };

/* What was said in IKE_AUTH, the last time. */
static struct said {
	bool there;
	uint8_t order[16]; /* types of the payloads */
	size_t n;
	struct ike_cp cp; /* its values borrow from `raw` */
	bool has_cp, v4_allowed, v6_allowed;
	unsigned error;
	uint8_t raw[2048];
} request, answer;

static void note(struct said *to, const struct ike_msg *m)
{
	uint8_t type = ike_hdr_is_response(&m->hdr) ? IKE_PLD_IDR : IKE_PLD_IDI;
	const struct ike_notify *error = ike_msg_error(m);

	*to = (struct said){.there = true,
	    .cp = m->cp,
	    .has_cp = ike_msg_has(m, IKE_PLD_CP),
	    .v4_allowed = ike_msg_notify(m, IKE_N_IP4_ALLOWED) != NULL,
	    .v6_allowed = ike_msg_notify(m, IKE_N_IP6_ALLOWED) != NULL,
	    .error = error ? error->type : 0};
	ck_assert_uint_le(m->raw.n, sizeof to->raw);
	memcpy(to->raw, m->raw.p, m->raw.n);
	for (size_t i = 0; i < m->cp.n; i++)
		if (m->cp.v[i].value.n)
			to->cp.v[i].value.p = to->raw + (m->cp.v[i].value.p - m->raw.p);
	for (size_t at = 0; type && at + 4 <= m->raw.n; at += be16_load(m->raw.p + at + 2)) {
		ck_assert_uint_lt(to->n, sizeof to->order);
		to->order[to->n++] = type;
		type = m->raw.p[at];
	}
}

static bool listen(struct sim *s, struct sim_wire *w)
{
	static struct ike_msg m;

	if (evil_open(s, w, &m) && m.hdr.exchange == IKE_EXCHANGE_AUTH)
		note(ike_hdr_is_response(&m.hdr) ? &answer : &request, &m);
	return true;
}

static size_t place_of(const struct said *s, uint8_t type)
{
	size_t i = 0;

	while (i < s->n && s->order[i] != type)
		i++;
	ck_assert_uint_lt(i, s->n);
	return i;
}

static size_t count(const struct said *s, uint16_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < s->cp.n; i++)
		n += s->cp.v[i].type == type;
	return n;
}

static const struct ike_cp_attr *attr(const struct said *s, uint16_t type)
{
	for (size_t i = 0; i < s->cp.n; i++)
		if (s->cp.v[i].type == type)
			return &s->cp.v[i];
	return NULL;
}

/* ---- Hosts ---- */

static void begin(struct scenario *s, uint64_t seed, const char *left, const char *right)
{
	struct scenario_side l = {.children = LEFT_ROAD, .conn = left},
			     r = {.children = RIGHT_ROAD, .conn = right, .top = POOLS};

	scenario_init(s, seed, &l, &r, NULL);
	request = answer = (struct said){0};
	s->sim.tap = listen;
}

/* Another client. */
static struct sim_host *add_client(
    struct scenario *s, const char *addr, const char *id, const char *conn)
{
	struct scenario_side l = {.children = LEFT_ROAD, .conn = conn, .local_id = id};

	return sim_host_add(&s->sim, addr, addr, scenario_text(&l, true), NULL);
}

static void call(struct scenario *s, struct sim_host *client)
{
	ck_assert_int_eq(sim_up(client, "link", NULL, s->right), IKE_OK);
	sim_run_for(&s->sim, 5000);
}

/* The client's selectors, and the addresses that its host is to have. */
static void expect_vips(struct sim_host *client, const char *text)
{
	struct sim_child *c = sim_child_named(client, "road");
	char list[300] = "", ts[300], a[ADDR_TEXT];

	ck_assert_ptr_nonnull(c);
	for (size_t i = 0; i < c->sa.vips_n; i++)
		snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
		    addr_text(&c->sa.vips[i], a));
	ck_assert_str_eq(list, text);
	/* "dynamic" is these and nothing else. */
	ck_assert_uint_eq(c->sa.local_ts.n, c->sa.vips_n);
	ts_list_text(&c->sa.local_ts, ts, sizeof ts);
	for (size_t i = 0; i < c->sa.vips_n; i++)
		ck_assert_msg(strstr(ts, addr_text(&c->sa.vips[i], a)) != NULL, "%s", ts);
}

struct shown {
	struct ike_given given;
	char text[600];
	ike_ext_set extensions;
};

static void show(void *arg, const struct ike_sa_info *sa)
{
	struct shown *v = arg;
	char *at = v->text, t[PREFIX_TEXT];
	size_t cap = sizeof v->text;

	at[0] = '\0';
	for (size_t i = 0; i < sa->given.vips_n; i++)
		snprintf(
		    at + strlen(at), cap - strlen(at), "%s ", addr_text(&sa->given.vips[i], t));
	for (size_t i = 0; i < sa->given.dns_n; i++)
		snprintf(
		    at + strlen(at), cap - strlen(at), "dns %s ", addr_text(&sa->given.dns[i], t));
	for (size_t i = 0; i < sa->given.domains_n; i++)
		snprintf(at + strlen(at), cap - strlen(at), "%s ", sa->given.domains[i]);
	for (size_t i = 0; i < sa->given.subnets_n; i++)
		snprintf(at + strlen(at), cap - strlen(at), "%s ",
		    prefix_text(&sa->given.subnets[i], t));
	v->given = sa->given;
	v->extensions = sa->extensions;
}

static void expect_shown(const struct sim_host *h, const char *text)
{
	struct shown v = {.text = ""};

	ike_engine_each(h->engine, show, &v);
	ck_assert_str_eq(v.text, text);
	ck_assert(ike_ext_has(v.extensions, IKE_EXT_CONFIGURATION));
}

#define ASKS "vips = [\"0.0.0.0\", \"::\"];"
#define GIVES "pools = [\"staff\"];"

/* ---- Asked and given ---- */

START_TEST(both_families)
{
	struct scenario s;
	static const char want[] = "10.9.0.1 2001:db8:9::1 dns 10.2.0.53 dns 2001:db8:2::53 "
				   "corp.example b.example 10.2.0.0/16 ";

	REQ("7296-2.19-1", "7296-2.19-2", "7296-2.19-4", "7296-3.15.1-3");
	REQ("8598-2-3", "8598-3.1-1", "8598-3.2-1");
	REQ("7296-4-6", "7296-4-7", "7296-4-8");
	begin(&s, 1, ASKS, GIVES);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	expect_vips(s.left, "10.9.0.1, 2001:db8:9::1");
	expect_shown(s.left, want);
	expect_shown(s.right, want);
	/* In IKE_AUTH, before SA, both ways. */
	ck_assert(request.has_cp && answer.has_cp);
	ck_assert_uint_eq(request.cp.type, IKE_CFG_REQUEST);
	ck_assert_uint_eq(answer.cp.type, IKE_CFG_REPLY);
	ck_assert_uint_lt(place_of(&request, IKE_PLD_CP), place_of(&request, IKE_PLD_SA));
	ck_assert_uint_lt(place_of(&answer, IKE_PLD_CP), place_of(&answer, IKE_PLD_SA));
	ck_assert_uint_eq(attr(&request, IKE_CP_IP4_ADDRESS)->value.n, 0);
	ck_assert_uint_eq(attr(&request, IKE_CP_IP6_ADDRESS)->value.n, 0);
	ck_assert_uint_eq(attr(&request, IKE_CP_DNS_DOMAIN)->value.n, 0);
	ck_assert_uint_eq(count(&request, IKE_CP_IP4_NETMASK), 0);
	ck_assert_uint_eq(count(&answer, IKE_CP_IP4_NETMASK), 0);
	ck_assert_uint_eq(count(&answer, IKE_CP_APPLICATION_VERSION), 0);
	ck_assert_uint_eq(attr(&answer, IKE_CP_IP6_ADDRESS)->value.n, 17);
	ck_assert_uint_eq(count(&answer, IKE_CP_DNS_DOMAIN), 2);
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

/* RFC 8598 section 2: where everything goes to the peer there are no domains. */
START_TEST(everything_to_the_peer)
{
	struct scenario s;
	struct scenario_side l = {.children = "road = { local_ts = [\"dynamic\"]; remote_ts = "
					      "[\"0.0.0.0/0\"]; };",
				 .conn = "vips = [\"0.0.0.0\"];"},
			     r = {.children = "road = { local_ts = [\"0.0.0.0/0\"]; remote_ts = "
					      "[\"dynamic\"]; };",
				 .conn = GIVES,
				 .top = POOLS};

	REQ("8598-2-2", "8598-5-7");
	scenario_init(&s, 2, &l, &r, NULL);
	s.sim.tap = listen;
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	expect_vips(s.left, "10.9.0.1");
	ck_assert_uint_eq(count(&request, IKE_CP_DNS_DOMAIN), 0);
	ck_assert_uint_eq(count(&answer, IKE_CP_DNS_DOMAIN), 0);
	ck_assert_uint_eq(count(&answer, IKE_CP_IP6_DNS), 0); /* nor what was not asked for */
	expect_shown(s.left, "10.9.0.1 dns 10.2.0.53 10.2.0.0/16 ");
	scenario_fini(&s);
}
END_TEST

START_TEST(several)
{
	struct scenario s;

	begin(&s, 3, "vips = [\"0.0.0.0\", \"::\", \"0.0.0.0\"];", GIVES);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	expect_vips(s.left, "10.9.0.1, 2001:db8:9::1, 10.9.0.2");
	scenario_fini(&s);
}
END_TEST

/* Section 2.19: no CFG_REPLY without CFG_REQUEST. */
START_TEST(not_asked)
{
	struct scenario s;

	REQ("7296-2.19-5", "7296-2.19-6");
	begin(&s, 4, NULL, NULL);
	scenario_connect(&s);
	ck_assert(!request.has_cp && answer.there && !answer.has_cp);
	ck_assert(!answer.v4_allowed && !answer.v6_allowed);
	scenario_fini(&s);
	/* Where it must be asked: the child fails, the IKE SA is there. */
	begin(&s, 5, NULL, GIVES);
	scenario_connect(&s);
	ck_assert_uint_eq(answer.error, IKE_N_FAILED_CP_REQUIRED);
	ck_assert(!answer.has_cp);
	ck_assert_uint_eq(sim_children_up(s.left) + sim_children_up(s.right), 0);
	ck_assert_uint_eq(s.right->child_fails, 1);
	ck_assert_int_eq(s.right->child_reason.err, IKE_ECPREQUIRED);
	scenario_expect_words(s.right->child_reason.text, "\"left.example.org\" at 10.0.0.1");
	scenario_expect_words(s.right->child_reason.text, "let it ask for one (vips");
	scenario_expect_words(s.left->child_reason.text, "FAILED_CP_REQUIRED");
	ck_assert_uint_eq(sim_ike_established(s.right), 1);
	scenario_fini(&s);
}
END_TEST

/* A gateway that knows nothing of it, section 3.15.4. */
START_TEST(not_given)
{
	struct scenario s;

	begin(&s, 6, ASKS, NULL);
	scenario_connect(&s);
	ck_assert_uint_eq(s.left->ike_ups, 0);
	ck_assert_uint_eq(s.left->ike_downs, 1);
	ck_assert(s.left->down_retry && !s.left->down_established);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ENOADDRESS);
	scenario_expect_words(s.left->down_reason.text, "10.0.0.2");
	scenario_expect_words(
	    s.left->down_reason.text, "connections.link.vips asks for IPv4 and IPv6");
	scenario_expect_gone(&s); /* it has been told, too */
	scenario_fini(&s);
}
END_TEST

/* ---- Families: RFC 8983, table 1 ---- */

static const struct {
	const char *vips, *pools;
	bool v4, v6; /* of the notifications */
	const char *given;
} table[] = {
    {"\"0.0.0.0\"", "six", false, true, ""},
    {"\"0.0.0.0\"", "four", true, false, "10.9.0.1"},
    {"\"0.0.0.0\"", "dual", true, true, "10.9.0.1"},
    {"\"::\"", "six", false, true, "2001:db8:9::1"},
    {"\"::\"", "four", true, false, ""},
    {"\"::\"", "dual", true, true, "2001:db8:9::1"},
    {"\"0.0.0.0\", \"::\"", "four", true, false, "10.9.0.1"},
    {"\"0.0.0.0\", \"::\"", "six", false, true, "2001:db8:9::1"},
    {"\"0.0.0.0\", \"::\"", "dual", true, true, "10.9.0.1, 2001:db8:9::1"},
};

START_TEST(families)
{
	static const char *const kinds[][2] = {{"four", "\"10.9.0.0/24\""},
	    {"six", "\"2001:db8:9::/64\""}, {"dual", "\"10.9.0.0/24\", \"2001:db8:9::/64\""}};
	char left[200], top[200] = "";
	struct scenario_side l = {.children = LEFT_ROAD, .conn = left},
			     r = {.children = RIGHT_ROAD, .conn = "pools = \"p\";", .top = top};
	struct scenario s;

	REQ("8983-5-2", "8983-5-6");
	for (size_t i = 0; i < 3; i++)
		if (strcmp(kinds[i][0], table[_i].pools) == 0)
			snprintf(
			    top, sizeof top, "pools = { p = { addrs = [%s]; }; };", kinds[i][1]);
	snprintf(left, sizeof left, "vips = [%s];", table[_i].vips);
	scenario_init(&s, 10 + (uint64_t)_i, &l, &r, NULL);
	request = answer = (struct said){0};
	s.sim.tap = listen;
	scenario_connect(&s);
	ck_assert_int_eq(answer.v4_allowed, table[_i].v4);
	ck_assert_int_eq(answer.v6_allowed, table[_i].v6);
	if (*table[_i].given) {
		scenario_expect_up(&s, 1);
		expect_vips(s.left, table[_i].given);
	} else {
		ck_assert_uint_eq(answer.error, IKE_N_INTERNAL_ADDRESS_FAILURE);
		ck_assert_int_eq(s.right->child_reason.err, IKE_EADDRESS);
		scenario_expect_words(
		    s.right->child_reason.text, "of which connections.link.pools has none");
		scenario_expect_words(s.left->down_reason.text,
		    table[_i].v4 ? "put \"0.0.0.0\" into vips" : "put \"::\" into vips");
	}
	scenario_fini(&s);
}
END_TEST

/* ---- Exhaustion ---- */

START_TEST(none_left)
{
	struct scenario s;

	begin(&s, 20, "vips = [\"0.0.0.0\"];", "pools = [\"small\"];");
	struct sim_host *other =
	    add_client(&s, "10.0.0.3", "left.example.org", "vips = [\"0.0.0.0\"];");
	ck_assert_ptr_nonnull(other);
	scenario_fini(&s);

	struct scenario_side l = {.children = LEFT_ROAD, .conn = "vips = [\"0.0.0.0\"];"},
			     r = {.children = RIGHT_ROAD,
				 .conn = "pools = [\"small\"];",
				 .top = POOLS,
				 .remote_id = "*.example.org"};
	scenario_init(&s, 21, &l, &r, NULL);
	request = answer = (struct said){0};
	s.sim.tap = listen;
	other = add_client(&s, "10.0.0.3", "late.example.org", "vips = [\"0.0.0.0\"];");
	call(&s, s.left);
	call(&s, other);
	ck_assert_uint_eq(answer.error, IKE_N_INTERNAL_ADDRESS_FAILURE);
	ck_assert(answer.v4_allowed && !answer.v6_allowed && !answer.has_cp);
	ck_assert_uint_eq(other->ike_ups, 0);
	ck_assert(other->down_retry);
	scenario_expect_words(other->down_reason.text, "none is left");
	scenario_expect_words(
	    s.right->child_reason.text, "no address is left for \"late.example.org\"");
	scenario_expect_words(s.right->child_reason.text, "pools.small (1 address, 1 in use)");
	ck_assert_uint_eq(sim_ike_sas(s.right), 1);
	/* The first goes, and the other has it. */
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, 5000);
	call(&s, other);
	expect_vips(other, "10.8.0.1");
	scenario_fini(&s);
}
END_TEST

/* Some, but not all: section 3.15.4. */
START_TEST(some_left)
{
	struct scenario s;

	begin(&s, 22, "vips = [\"0.0.0.0\", \"0.0.0.0\", \"::\"];", "pools = [\"small\"];");
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	expect_vips(s.left, "10.8.0.1");
	scenario_fini(&s);
	/* The next pool has more. */
	begin(&s, 23, "vips = [\"0.0.0.0\", \"0.0.0.0\"];", "pools = [\"small\", \"staff\"];");
	scenario_connect(&s);
	expect_vips(s.left, "10.8.0.1, 10.9.0.1");
	scenario_fini(&s);
}
END_TEST

/* ---- The same address again ---- */

START_TEST(sticky)
{
	struct scenario s;

	begin(&s, 30, ASKS, GIVES);
	for (int i = 0; i < 3; i++) {
		scenario_connect(&s);
		expect_vips(s.left, "10.9.0.1, 2001:db8:9::1");
		sim_down(s.left, "link", NULL);
		sim_run_for(&s.sim, A_MINUTE);
		scenario_expect_gone(&s);
	}
	/* It forgets all, and its old IKE SA is still there. */
	scenario_connect(&s);
	sim_host_restart(s.left, NULL);
	scenario_connect(&s);
	expect_vips(s.left, "10.9.0.1, 2001:db8:9::1");
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(asked_for)
{
	struct scenario s;

	begin(&s, 31, "vips = [\"10.9.0.77\", \"2001:db8:ff::7\"];", GIVES);
	scenario_connect(&s);
	expect_vips(s.left, "10.9.0.77, 2001:db8:9::7");
	scenario_fini(&s);
	/* What cannot be is replaced: it is a suggestion. */
	begin(&s, 32, "vips = [\"192.0.2.1\"];", GIVES);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	expect_vips(s.left, "10.9.0.1");
	scenario_fini(&s);
}
END_TEST

/* Authenticating once more, make before break: the address stays, whatever `unique` is. */
START_TEST(reauth)
{
	static const char *const uniques[] = {"replace", "keep", "no", "never"};
	char left[200], right[200];
	struct scenario s;

	snprintf(left, sizeof left,
	    "vips = [\"0.0.0.0\", \"::\", \"0.0.0.0\"]; rekey_time = 0; reauth_time = \"60s\";");
	snprintf(right, sizeof right, GIVES "rekey_time = 0; unique = \"%s\";", uniques[_i]);
	begin(&s, 40 + (uint64_t)_i, left, right);
	scenario_connect(&s);
	for (int i = 0; i < 12; i++) {
		sim_run_for(&s.sim, 31 * 1000);
		expect_vips(s.left, "10.9.0.1, 2001:db8:9::1, 10.9.0.2");
	}
	ck_assert_uint_ge(s.left->ike_ups, 5);
	/* It asks for what it has. */
	ck_assert_uint_eq(attr(&request, IKE_CP_IP4_ADDRESS)->value.n, 4);
	ck_assert_uint_eq(attr(&request, IKE_CP_IP4_ADDRESS)->value.p[3], 1);
	ck_assert_uint_eq(attr(&request, IKE_CP_IP6_ADDRESS)->value.n, 17);
	for (int i = 0; i < 60 && s.left->engine->sas_n + s.right->engine->sas_n > 2; i++)
		sim_run_for(&s.sim, 997);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* New keys, by either side: same selectors, same address; it ends with the IKE SA. */
START_TEST(rekeying)
{
	struct scenario s;

	begin(&s, 50, ASKS, GIVES);
	scenario_connect(&s);
	for (int i = 0; i < 4; i++) {
		struct sim_host *who = i % 2 ? s.left : s.right;

		ck_assert_int_eq(sim_rekey(who, "link", NULL, false), IKE_OK);
		sim_run_for(&s.sim, 10 * 1000);
		ck_assert_int_eq(sim_rekey(who, "link", NULL, true), IKE_OK);
		sim_run_for(&s.sim, 10 * 1000);
		scenario_expect_up(&s, 1);
		expect_vips(s.left, "10.9.0.1, 2001:db8:9::1");
	}
	ck_assert_uint_eq(s.left->rekey_fails + s.right->rekey_fails, 0);
	ck_assert_uint_eq(s.left->rekeyed, 8);
	scenario_fini(&s);
}
END_TEST

/* Two clients of one identity. */
START_TEST(two_of_one_name)
{
	struct scenario s;

	begin(&s, 60, "vips = [\"0.0.0.0\"]; unique = \"never\";", GIVES "unique = \"never\";");
	struct sim_host *other = add_client(
	    &s, "10.0.0.3", "left.example.org", "vips = [\"10.9.0.1\"]; unique = \"never\";");
	call(&s, s.left);
	call(&s, other);
	expect_vips(s.left, "10.9.0.1");
	expect_vips(other, "10.9.0.2");
	scenario_fini(&s);
	/* One of them only, says the gateway: the newer has the address. */
	begin(&s, 61, "vips = [\"0.0.0.0\"];", GIVES);
	other = add_client(&s, "10.0.0.3", "left.example.org", "vips = [\"0.0.0.0\"];");
	call(&s, s.left);
	call(&s, other);
	expect_vips(other, "10.9.0.1");
	ck_assert_uint_eq(sim_children_up(s.right), 1);
	sim_run_for(&s.sim, 10 * A_MINUTE); /* the older learns it when nobody answers */
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	expect_vips(other, "10.9.0.1");
	scenario_fini(&s);
}
END_TEST

/* RFC 6023 section 5: an IKE SA without a child asks for addresses, too. */
START_TEST(without_a_child)
{
	struct scenario s;

	begin(&s, 65, ASKS "childless = \"force\";", GIVES "childless = \"allow\";");
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	expect_vips(s.left, "10.9.0.1, 2001:db8:9::1");
	ck_assert(answer.has_cp);
	ck_assert(memchr(request.order, IKE_PLD_SA, request.n) == NULL);
	scenario_fini(&s);
	/* Nothing was asked for, which only the child needs. */
	begin(&s, 66, "childless = \"force\";", GIVES "childless = \"allow\";");
	scenario_connect(&s);
	ck_assert_uint_eq(answer.error, 0);
	ck_assert_uint_eq(sim_ike_established(s.right), 1);
	ck_assert_uint_eq(sim_children_up(s.right), 0);
	ck_assert_int_eq(s.right->child_reason.err, IKE_ECPREQUIRED);
	scenario_expect_words(s.left->child_reason.text, "FAILED_CP_REQUIRED");
	scenario_fini(&s);
}
END_TEST

/* Many clients, each with its own address, and with the same one when they come again. */
START_TEST(crowd)
{
	enum { CLIENTS = 50 };
	struct scenario_side l = {.children = LEFT_ROAD, .conn = "vips = [\"0.0.0.0\"];"},
			     r = {.children = RIGHT_ROAD,
				 .conn = GIVES "dpd_delay = \"10s\";",
				 .top = POOLS,
				 .remote_id = "*.example.org"};
	char id[40], want[ADDR_TEXT];
	struct scenario s;

	scenario_init(&s, 68, &l, &r, NULL);
	for (int i = 0; i < 3 * CLIENTS; i++) {
		int who = i / CLIENTS == 1 ? CLIENTS - 1 - i % CLIENTS : i % CLIENTS;

		snprintf(id, sizeof id, "client%d.example.org", who);
		snprintf(want, sizeof want, "10.9.0.%d", who + 1);
		l.local_id = id;
		sim_host_restart(s.left, scenario_text(&l, true));
		scenario_connect(&s);
		expect_vips(s.left, want);
		if (i % CLIENTS == CLIENTS - 1) /* nobody says goodbye */
			sim_run_for(&s.sim, 10 * A_MINUTE);
	}
	ck_assert_uint_eq(sim_children_up(s.right), 1);
	scenario_fini(&s);
}
END_TEST

/* ---- Selectors ---- */

/* The gateway's child names the whole pool, or the world: the client has its own address of it, and
 * what else is behind it. */
START_TEST(confined)
{
	struct scenario_side l = {.children =
				      "road = { local_ts = [\"dynamic\", "
				      "\"192.168.7.0/24\"]; remote_ts = [\"10.2.0.0/16\"]; };",
				 .conn = "vips = [\"0.0.0.0\"];"},
			     r = {.children = "road = { local_ts = [\"10.2.0.0/16\"]; remote_ts = "
					      "[\"10.9.0.0/24\", \"192.168.7.0/24\"]; };",
				 .conn = GIVES,
				 .top = POOLS};
	char text[200];
	struct scenario s;

	scenario_init(&s, 70, &l, &r, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ts_list_text(&sim_child_named(s.right, "road")->sa.remote_ts, text, sizeof text);
	ck_assert_str_eq(text, "10.9.0.1/32, 192.168.7.0/24");
	for (int i = 0; i < 2; i++) {
		sim_rekey(i ? s.left : s.right, "link", NULL, false);
		sim_run_for(&s.sim, 10 * 1000);
		scenario_expect_up(&s, 1);
	}
	scenario_fini(&s);
}
END_TEST

/* A bad network: requests are repeated, and no address is lost or given twice. */
START_TEST(bad_weather)
{
	struct scenario s;

	begin(&s, 80 + (uint64_t)_i, ASKS "keyingtries = 0;", "pools = [\"small\", \"staff\"];");
	s.sim.loss_permille = 300;
	s.sim.jitter_ms = 200;
	for (int i = 0; i < 20; i++) {
		if (!sim_children_up(s.left))
			sim_up(s.left, "link", NULL, s.right);
		sim_run_for(&s.sim, A_MINUTE);
		if (sim_children_up(s.left))
			expect_vips(s.left, "10.8.0.1, 2001:db8:9::1");
		sim_down(s.left, "link", NULL);
		sim_run_for(&s.sim, 20 * 1000);
	}
	sim_run_for(&s.sim, 10 * A_MINUTE);
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_vip");
	TCase *t = tcase_create("vip");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, both_families);
	tcase_add_test(t, everything_to_the_peer);
	tcase_add_test(t, several);
	tcase_add_test(t, not_asked);
	tcase_add_test(t, not_given);
	tcase_add_loop_test(t, families, 0, sizeof table / sizeof table[0]);
	tcase_add_test(t, none_left);
	tcase_add_test(t, some_left);
	tcase_add_test(t, sticky);
	tcase_add_test(t, asked_for);
	tcase_add_loop_test(t, reauth, 0, NTH);
	tcase_add_test(t, rekeying);
	tcase_add_test(t, two_of_one_name);
	tcase_add_test(t, without_a_child);
	tcase_add_test(t, crowd);
	tcase_add_test(t, confined);
	tcase_add_loop_test(t, bad_weather, 0, NTH);
	suite_add_tcase(s, t);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Configuration payloads that are not as they should be, from a peer that holds the keys, either
 * way: RFC 7296 sections 2.20, 3.15 and 3.15.1, RFC 8598 section 3.2.
 */
#include "ike/child.h"
#include "test/sim/evil.h"
#include "test/sim/scenario.h"
#include "test/unit/ike_test.h"
#include "test/unit/req.h"

#include <stdio.h>

enum { REQUEST = 2, ANSWER = 3 }; /* which datagram IKE_AUTH is */

static struct scenario s;

/* What the client reaches through the gateway. */
static const char *behind = "10.2.0.0/16";

static void begin(uint64_t seed, const char *vips)
{
	static char left[200], ask[200], give[200];
	struct scenario_side l = {.children = ask, .conn = left},
			     r = {.children = give,
				 .conn = "pools = [\"p\"];",
				 .top = "pools = { p = { addrs = [\"10.9.0.0/24\", "
					"\"2001:db8:9::/64\"]; dns = [\"10.2.0.53\"]; domains = "
					"[\"corp.example\"]; }; };"};

	snprintf(
	    ask, sizeof ask, "road = { local_ts = \"dynamic\"; remote_ts = \"%s\"; };", behind);
	snprintf(
	    give, sizeof give, "road = { local_ts = \"%s\"; remote_ts = \"dynamic\"; };", behind);
	snprintf(left, sizeof left, "vips = [%s];", vips);
	scenario_init(&s, seed, &l, &r, NULL);
}

static void with(uint64_t seed, const char *vips, uint64_t number, const char *hex)
{
	static uint8_t body[2048];
	struct evil e = {.number = number, .kind = EVIL_BODY_OF, .arg = IKE_PLD_CP};

	begin(seed, vips);
	e.data = hex_to(body, sizeof body, hex);
	s.sim.tap = evil_tap;
	s.sim.tap_arg = &e;
	scenario_connect(&s);
	ck_assert_msg(e.done, "there was no CP");
	s.sim.tap = NULL;
}

struct seen {
	char text[400];
};

static void add(char *to, size_t cap, const char *what)
{
	size_t n = strlen(to);

	snprintf(to + n, cap - n, "%s%s", n ? " " : "", what);
}

static void look(void *arg, const struct ike_sa_info *sa)
{
	struct seen *v = arg;
	char t[PREFIX_TEXT];

	v->text[0] = '\0';
	for (size_t i = 0; i < sa->given.vips_n; i++)
		add(v->text, sizeof v->text, addr_text(&sa->given.vips[i], t));
	for (size_t i = 0; i < sa->given.dns_n; i++)
		add(v->text, sizeof v->text, addr_text(&sa->given.dns[i], t));
	for (size_t i = 0; i < sa->given.domains_n; i++)
		add(v->text, sizeof v->text, sa->given.domains[i]);
	for (size_t i = 0; i < sa->given.subnets_n; i++)
		add(v->text, sizeof v->text, prefix_text(&sa->given.subnets[i], t));
}

/* ---- Answers ---- */

/* clang-format off */
#define A4 "00010004" "0a090001"
#define A4_2 "00010004" "0a090002"
#define DNS4 "00030004" "0a020035"
#define DOMAIN "0019000c" "636f72702e6578616d706c65"

static const struct {
	const char *why, *vips, *body;
	const char *got; /* NULL: the connection fails */
	enum ike_err err;
} answers[] = {
    /* The gateway's selectors are for 10.9.0.1. */
    {"as it should be", "\"0.0.0.0\"", "02000000" A4 DNS4 DOMAIN, "10.9.0.1 10.2.0.53 corp.example", 0},
    {"reserved octets", "\"0.0.0.0\"", "02ffffff" A4, "10.9.0.1", 0},
    {"an attribute of nobody's, a private one, a netmask, a version, DHCP", "\"0.0.0.0\"",
	"02000000" "7001000401020304" A4 "00020004ffffff00" "00070003612e62" "000600040a020001", "10.9.0.1", 0},
    {"an IPv6 address, which was not asked for", "\"0.0.0.0\"",
	"02000000" "0008001120010db8000900000000000000000001" "80" A4, "10.9.0.1", 0},
    {"two, where one was asked for", "\"0.0.0.0\"", "02000000" A4 A4_2, "10.9.0.1", 0},
    {"the same twice", "\"0.0.0.0\", \"0.0.0.0\"", "02000000" A4 A4, "10.9.0.1", 0},
    {"a DNS server of a family that was not asked for", "\"0.0.0.0\"",
	"02000000" A4 "000a001020010db8000200000000000000000053", "10.9.0.1", 0},
    {"a domain without a server", "\"0.0.0.0\"", "02000000" A4 DOMAIN, "10.9.0.1", 0},
    {"a domain with its dot, one with a zero, with a space, empty, of dots", "\"0.0.0.0\"",
	"02000000" A4 DNS4 "0019000d636f72702e6578616d706c652e" "001900036100" "62" "00190003612062" "00190000"
	"00190003612e2e",
	"10.9.0.1 10.2.0.53 corp.example", 0},
    {"a subnet, and one with holes", "\"0.0.0.0\"", "02000000" A4 "000d00080a020000ffff0000" "000d00080a030000ff00ff00",
	"10.9.0.1 10.2.0.0/16", 0},
    {"IPv6 without its prefix length", "\"::\", \"0.0.0.0\"",
	"02000000" "0008001020010db8000900000000000000000001" A4, "2001:db8:9::1 10.9.0.1", 0},
    {"no attribute", "\"0.0.0.0\"", "02000000", NULL, IKE_ENOADDRESS},
    {"an empty address", "\"0.0.0.0\"", "02000000" "00010000", NULL, IKE_ENOADDRESS},
    {"0.0.0.0", "\"0.0.0.0\"", "02000000" "0001000400000000", NULL, IKE_ENOADDRESS},
    {"a group's", "\"0.0.0.0\"", "02000000" "00010004e0000001", NULL, IKE_ENOADDRESS},
    {"the loopback", "\"0.0.0.0\"", "02000000" "000100047f000001", NULL, IKE_ENOADDRESS},
    {"not what was asked for", "\"0.0.0.0\"", "02000000" "0008001120010db8000900000000000000000001" "80", NULL,
	IKE_ENOADDRESS},
    {"a request", "\"0.0.0.0\"", "01000000" A4, NULL, IKE_ENOADDRESS},
    {"an acknowledgement", "\"0.0.0.0\"", "04000000" A4, NULL, IKE_ENOADDRESS},
    {"an address of three octets", "\"0.0.0.0\"", "02000000" "000100030a0900", NULL, IKE_ESYNTAX},
    {"of sixteen", "\"0.0.0.0\"", "02000000" "0001001020010db8000900000000000000000001", NULL, IKE_ESYNTAX},
    {"cut", "\"0.0.0.0\"", "02000000" A4 "00030004" "0a02", NULL, IKE_ESYNTAX},
};

/* clang-format on */

START_TEST(an_answer)
{
	struct seen v = {""};

	REQ("7296-3.15-2", "7296-3.15.1-5", "8598-2-3", "8598-3.2-2");
	with(100 + (uint64_t)_i, answers[_i].vips, ANSWER, answers[_i].body);
	if (answers[_i].got) {
		ck_assert_uint_eq(sim_children_up(s.left), 1);
		ike_engine_each(s.left->engine, look, &v);
		ck_assert_msg(
		    strcmp(v.text, answers[_i].got) == 0, "%s: %s", answers[_i].why, v.text);
	} else {
		ck_assert_msg(s.left->ike_downs == 1, "%s", answers[_i].why);
		ck_assert_int_eq(s.left->down_reason.err, answers[_i].err);
		ck_assert(!s.left->down_established);
		sim_run_for(&s.sim, 60 * 1000);
		scenario_expect_gone(&s); /* the gateway was told */
	}
	scenario_fini(&s);
}
END_TEST

/* RFC 8598 section 2: a peer that all traffic goes to has no domains of its own. */
START_TEST(domains_of_everything)
{
	struct seen v = {""};

	REQ("8598-2-1");
	behind = "0.0.0.0/0";
	with(140, "\"0.0.0.0\"", ANSWER, "02000000" A4 DNS4 DOMAIN);
	ck_assert_uint_eq(sim_children_up(s.left), 1);
	ike_engine_each(s.left->engine, look, &v);
	ck_assert_str_eq(v.text, "10.9.0.1 10.2.0.53");
	scenario_fini(&s);
}
END_TEST

/* The address that we get is not the one that the selectors are for. */
START_TEST(another_address)
{
	with(150, "\"0.0.0.0\"", ANSWER, "02000000" A4_2);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	ck_assert_int_eq(s.left->child_reason.err, IKE_ETS);
	scenario_fini(&s);
}
END_TEST

/* ---- Requests ---- */

/* clang-format off */
static const struct {
	const char *why, *body;
	enum ike_err child; /* of the gateway's child; IKE_OK: it is up; IKE_ESYNTAX: the whole fails */
	unsigned vips;
} requests[] = {
    {"as it should be", "01000000" "00010000", IKE_OK, 1},
    {"of everything", "01000000" "00010000" "00080000" "00030000" "000a0000" "00190000" "000e0000" "00070000" "000d0000", IKE_OK, 2},
    {"an unknown attribute", "01000000" "7fff0003616263" "00010000", IKE_OK, 1},
    {"ten addresses", "01000000" "00010000" "00010000" "00010000" "00010000" "00010000" "00010000" "00010000" "00010000"
		      "00010000" "00010000", IKE_OK, 8},
    {"a domain without a server", "01000000" "00010000" "00190000", IKE_OK, 1},
    {"none", "01000000", IKE_ECPREQUIRED, 0},
    {"a server alone", "01000000" "00030000", IKE_ECPREQUIRED, 0},
    {"a reply", "02000000" "00010000", IKE_ECPREQUIRED, 0},
    {"a setting", "03000000" A4, IKE_ECPREQUIRED, 0},
    {"an unknown type", "09000000" "00010000", IKE_ECPREQUIRED, 0},
    {"an address of three octets", "01000000" "000100030a0900", IKE_ESYNTAX, 0},
    {"of seventeen of IPv4", "01000000" "0001001120010db800090000000000000000000180", IKE_ESYNTAX, 0},
    {"cut", "01000000" "0001", IKE_ESYNTAX, 0},
};

/* clang-format on */

START_TEST(a_request)
{
	struct seen v = {""};
	unsigned vips = 0;

	/* The client keeps to what it has asked for, which is one of each. */
	with(200 + (uint64_t)_i, "\"0.0.0.0\", \"::\"", REQUEST, requests[_i].body);
	if (requests[_i].child == IKE_ESYNTAX) {
		ck_assert_msg(s.right->ike_downs == 1, "%s", requests[_i].why);
		ck_assert_int_eq(s.right->down_reason.err, IKE_ESYNTAX);
	} else if (requests[_i].child) {
		ck_assert_msg(s.right->child_fails == 1, "%s", requests[_i].why);
		ck_assert_int_eq(s.right->child_reason.err, requests[_i].child);
	} else {
		ck_assert_msg(sim_children_up(s.right) == 1, "%s", requests[_i].why);
		ike_engine_each(s.right->engine, look, &v);
		for (const char *at = v.text; (at = strstr(at, "9.0.")); at++)
			vips++;
		vips += strstr(v.text, "db8:9:") != NULL;
		ck_assert_msg(vips == requests[_i].vips, "%s: %s", requests[_i].why, v.text);
	}
	scenario_fini(&s);
}
END_TEST

/* ---- Elsewhere ---- */

static struct {
	bool there;
	struct ike_msg m;
} answer; /* its values are gone */

static bool listen(struct sim *sim, struct sim_wire *w)
{
	static struct ike_msg m;

	if (!evil_open(sim, w, &m) || !ike_hdr_is_response(&m.hdr) ||
	    !addr_equal(&w->from.addr, &s.right->addr))
		return true;
	answer.there = true;
	answer.m = m;
	return true;
}

/* One payload chain as the client's next request. */
static enum ike_err say(uint8_t exchange, uint8_t first, const char *hex)
{
	static uint8_t body[1024];
	const struct ike_sa *sa = s.left->engine->first;
	struct evil_piece p = {.number = 1,
	    .total = 1,
	    .next = first,
	    .content = hex_to(body, sizeof body, hex),
	    .from = sa->local,
	    .to = sa->remote,
	    .marker = sa->marker};

	p.hdr = (struct ike_hdr){.spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	    .exchange = exchange,
	    .flags = IKE_FLAG_INITIATOR,
	    .msg_id = sa->win.send_id};
	answer.there = false;
	s.sim.tap = listen;
	return evil_inject(&s.sim, s.right, &p);
}

static void connect_plainly(uint64_t seed)
{
	begin(seed, "\"0.0.0.0\"");
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
}

/* RFC 7296 section 2.20: who does not tell its version returns an empty string; section 3.15.1:
 * what is set and not accepted is acknowledged with nothing. */
START_TEST(alone)
{
	REQ("7296-2.20-1", "7296-3.15.1-6", "7296-3.15.1-7", "7296-3.15.1-8");
	connect_plainly(300);
	ck_assert_int_eq(say(IKE_EXCHANGE_INFORMATIONAL, IKE_PLD_CP,
			     "0000000c"
			     "01000000"
			     "00070000"),
	    IKE_OK);
	ck_assert(answer.there && ike_msg_has(&answer.m, IKE_PLD_CP));
	ck_assert_uint_eq(answer.m.cp.type, IKE_CFG_REPLY);
	ck_assert_uint_eq(answer.m.cp.n, 1);
	ck_assert_uint_eq(answer.m.cp.v[0].type, IKE_CP_APPLICATION_VERSION);
	ck_assert_uint_eq(answer.m.cp.v[0].value.n, 0);
	scenario_fini(&s);

	connect_plainly(301);
	ck_assert_int_eq(say(IKE_EXCHANGE_INFORMATIONAL, IKE_PLD_CP,
			     "00000010"
			     "03000000" A4),
	    IKE_OK);
	ck_assert(answer.there && ike_msg_has(&answer.m, IKE_PLD_CP));
	ck_assert_uint_eq(answer.m.cp.type, IKE_CFG_ACK);
	ck_assert_uint_eq(answer.m.cp.n, 0);
	scenario_fini(&s);
	/* A reply to nothing, or an acknowledgement of nothing. */
	for (int i = 0; i < 2; i++) {
		connect_plainly(302 + (uint64_t)i);
		ck_assert_int_eq(say(IKE_EXCHANGE_INFORMATIONAL, IKE_PLD_CP,
				     i ? "00000010"
					 "04000000" A4
				       : "00000010"
					 "02000000" A4),
		    IKE_OK);
		ck_assert(answer.there && !ike_msg_has(&answer.m, IKE_PLD_CP));
		ck_assert_uint_eq(sim_children_up(s.right), 1);
		scenario_fini(&s);
	}
}
END_TEST

/* Where RFC 7296 appendix C has none: with new keys for an IKE SA. */
START_TEST(in_a_rekey)
{
	connect_plainly(310);
	ck_assert_int_eq(say(IKE_EXCHANGE_CREATE_CHILD, IKE_PLD_CP,
			     "2100000c"
			     "01000000"
			     "00010000"
			     "28000034"
			     "00000030"
			     "01010803"
			     "0102030405060708"
			     "0300000c0100001c800e0100"
			     "0300000802000006"
			     "000000080400001f"
			     "00000014"
			     "00112233445566778899aabbccddeeff"),
	    IKE_ESYNTAX);
	ck_assert(answer.there && ike_msg_notify(&answer.m, IKE_N_INVALID_SYNTAX));
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_vip_evil");

	add_loop(suite, "an answer", an_answer, sizeof answers / sizeof answers[0]);
	add_test(suite, "domains of everything", domains_of_everything);
	add_test(suite, "another address", another_address);
	add_loop(suite, "a request", a_request, sizeof requests / sizeof requests[0]);
	add_test(suite, "alone", alone);
	add_test(suite, "in a rekey", in_a_rekey);
	return run_suite(suite);
}

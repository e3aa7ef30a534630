/*
 * Which connection and which child a responder takes.
 */
#include "ike/select.h"
#include "test/unit/ike_test.h"

static char any[] = "%any", exact[] = "192.0.2.7", prefix[] = "192.0.2.0/24",
	    other[] = "198.51.100.1", name[] = "peer.example.org", zero[] = "0.0.0.0",
	    zero6[] = "::";

static struct addr addr(const char *text)
{
	struct addr a;

	ck_assert(addr_parse(&a, text));
	return a;
}

/* ---- Addresses ---- */

static const struct {
	char *remote[2];
	int rank; /* the higher the better; 0: does not fit */
} fits[] = {
    {{exact}, 3},
    {{prefix}, 2},
    {{other, exact}, 3},
    {{any}, 1},
    {{zero}, 1},
    {{name}, 1},
    {{other}, 0},
    {{zero6}, 0},
};

START_TEST(address_score)
{
	struct addr local = addr("203.0.113.1"), remote = addr("192.0.2.7");
	char *own = any;
	struct config_conn c = {.local_addrs = &own, .local_addrs_n = 1};
	int best = 0;

	c.remote_addrs = (char *[2]){exact, NULL};
	c.remote_addrs_n = 1;
	best = ike_select_addr_score(&c, &local, &remote);
	c.remote_addrs = (char *[2]){fits[_i].remote[0], fits[_i].remote[1]};
	c.remote_addrs_n = fits[_i].remote[1] ? 2 : 1;
	if (fits[_i].rank == 0)
		ck_assert_int_eq(ike_select_addr_score(&c, &local, &remote), 0);
	else
		ck_assert_int_eq(
		    best - ike_select_addr_score(&c, &local, &remote), 4 * (3 - fits[_i].rank));
	own = other; /* reached at an address that is not the connection's */
	ck_assert_int_eq(ike_select_addr_score(&c, &local, &remote), 0);
}
END_TEST

/* ---- Connections ---- */

static struct config_conn conns[3];
static struct config config = {.conns = conns, .conns_n = 3};
static char *remotes[3] = {any, prefix, exact};
static char *names[3] = {(char[]){"any"}, (char[]){"net"}, (char[]){"one"}};

static bool all(void *arg, struct transform t)
{
	(void)arg;
	(void)t;
	return true;
}

static bool no_x25519(void *arg, struct transform t)
{
	(void)arg;
	return t.type != TRANSFORM_KE || t.id != KE_CURVE25519;
}

static void parse(struct proposal_list *l, enum sa_proto proto, const char *text)
{
	char why[200];

	ck_assert_msg(proposal_parse(&l->v[l->n], proto, text, why, sizeof why), "%s", why);
	l->v[l->n].number = (uint8_t)(l->n + 1);
	l->n++;
}

static void make_conns(void)
{
	static const char *const suites[3] = {"aes256gcm16-prfsha384-x25519-ecp256",
	    "aes128gcm16-prfsha256-x25519", "aes128-sha256-modp2048"};
	static const char *const ids[3] = {"%any", "*@example.org", "alice@example.org"};

	for (size_t i = 0; i < 3; i++) {
		conns[i] = (struct config_conn){
		    .name = names[i], .remote_addrs = &remotes[i], .remote_addrs_n = 1};
		parse(&conns[i].proposals, SA_IKE, suites[i]);
		ck_assert(ident_parse(&conns[i].local.id, "gw.example.org"));
		ck_assert(ident_parse(&conns[i].remote.id, ids[i]));
	}
}

static const struct {
	const char *offer;
	bool (*can)(void *arg, struct transform t);
	int want; /* index of the connection; -1: none */
} offers[] = {
    {"aes128-sha256-modp2048", all, 2},
    {"aes128gcm16-prfsha256-x25519", all, 1},
    {"aes256gcm16-prfsha384-x25519", all, 0},
    {"aes256gcm16-prfsha384-x25519", no_x25519, -1},
    {"aes256gcm16-prfsha384-x25519-ecp256", no_x25519, 0},
    {"chacha20poly1305-prfsha256-x25519", all, -1},
};

START_TEST(init_choice)
{
	struct proposal_list offered = {.n = 0};
	struct ike_init_offer o = {.offered = &offered, .ke = KE_CURVE25519};
	struct ike_init_choice choice;
	struct ike_reason why;

	make_conns();
	parse(&offered, SA_IKE, offers[_i].offer);
	o.local.addr = addr("203.0.113.1");
	o.remote.addr = addr("192.0.2.7");
	if (offers[_i].want >= 0) {
		ck_assert(ike_select_for_init(&config, offers[_i].can, NULL, &o, &choice, &why));
		ck_assert_ptr_eq(choice.conn, &conns[offers[_i].want]);
		ck_assert_int_eq(choice.index, 0);
	} else {
		ck_assert(!ike_select_for_init(&config, offers[_i].can, NULL, &o, &choice, &why));
		ck_assert_int_eq(why.err, IKE_ENOPROPOSAL);
		ck_assert_ptr_nonnull(strstr(why.text, offers[_i].offer));
		ck_assert_ptr_nonnull(strstr(why.text, "modp2048"));
	}
}
END_TEST

static const struct {
	const char *idi, *idr;
	int want;
} identities[] = {
    {"alice@example.org", NULL, 2}, /* exact before wildcard before any */
    {"bob@example.org", NULL, 1},
    {"carol.example.net", "gw.example.org", 0},
    {"alice@example.org", "gw.example.org", 2},
    {"alice@example.org", "gw2.example.org", -1},
};

START_TEST(auth_choice)
{
	struct ident idi, idr;
	struct suite suite;
	struct proposal_list offered = {.n = 0};
	struct proposal_choice pc = {.offered = &offered};
	struct ike_auth_offer o = {.suite = &suite, .idi = &idi};
	struct ike_reason why;
	const struct config_conn *c;

	make_conns();
	for (size_t i = 0; i < 3; i++) { /* all three may have any of the suites */
		conns[i].proposals.n = 0;
		parse(&conns[i].proposals, SA_IKE, "aes256gcm16-prfsha384-x25519");
	}
	parse(&offered, SA_IKE, "aes256gcm16-prfsha384-x25519");
	pc.allowed = &conns[0].proposals;
	ck_assert_int_eq(proposal_choose(&pc, &suite), 0);
	o.local.addr = addr("203.0.113.1");
	o.remote.addr = addr("192.0.2.7");
	ck_assert(ident_parse(&idi, identities[_i].idi));
	if (identities[_i].idr) {
		ck_assert(ident_parse(&idr, identities[_i].idr));
		o.idr = &idr;
	}
	c = ike_select_for_auth(&config, &o, &why);
	ck_assert_ptr_eq(c, identities[_i].want < 0 ? NULL : &conns[identities[_i].want]);
	if (c)
		return;
	ck_assert_int_eq(why.err, IKE_EID);
	ck_assert_ptr_nonnull(strstr(why.text, "gw2.example.org"));
	ck_assert_ptr_nonnull(strstr(why.text, "gw.example.org"));
}
END_TEST

/* A connection that does not allow the negotiated suite is none, whatever the identities say. */
START_TEST(auth_needs_suite)
{
	struct ident idi;
	struct suite suite = {.encr = {TRANSFORM_ENCR, ENCR_AES_CBC, 128},
	    .prf = {TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0},
	    .integ = {TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0},
	    .ke = {TRANSFORM_KE, KE_MODP_2048, 0}};
	struct ike_auth_offer o = {.suite = &suite, .idi = &idi};
	struct ike_reason why;

	make_conns();
	o.local.addr = addr("203.0.113.1");
	o.remote.addr = addr("192.0.2.7");
	ck_assert(ident_parse(&idi, "alice@example.org"));
	ck_assert_ptr_eq(ike_select_for_auth(&config, &o, &why), &conns[2]);
	ck_assert(ident_parse(&idi, "bob@example.org"));
	ck_assert_ptr_null(ike_select_for_auth(&config, &o, &why));
}
END_TEST

/* ---- Children ---- */

static struct config_ts side(const char *text)
{
	struct config_ts c = {.dynamic = strcmp(text, "dynamic") == 0};

	c.ts = ts_any(ADDR_V4);
	if (!c.dynamic)
		ck_assert(ts_parse(&c.ts, text));
	return c;
}

static const struct {
	const char *tsr, *tsi, *esp; /* as the initiator asks */
	int want;                    /* the child; -1: IKE_ETS, -2: IKE_ENOPROPOSAL */
	const char *local, *remote;
} asks[] = {
    {"10.1.0.0/16", "203.0.113.9/32", "aes128gcm16", 0, "10.1.0.0/16", "203.0.113.9/32"},
    {"10.1.2.0/24", "0.0.0.0/0", "aes128gcm16", 0, "10.1.2.0/24", "203.0.113.9/32"},
    {"10.2.0.0/16[tcp/443]", "10.9.0.0/16", "aes128gcm16", 1, "10.2.0.0/16[tcp/443]",
	"10.9.0.0/16"},
    {"0.0.0.0/0", "10.9.1.1/32", "aes128gcm16", 1, "10.2.0.0/16[tcp/443]", "10.9.1.1/32"},
    {"10.2.0.0/16[udp/443]", "10.9.0.0/16", "aes128gcm16", -1, NULL, NULL},
    {"10.7.0.0/16", "0.0.0.0/0", "aes128gcm16", -1, NULL, NULL},
    {"10.1.0.0/16", "203.0.113.9/32", "aes256gcm16", -2, NULL, NULL},
};

START_TEST(child_choice)
{
	struct config_ts local[2] = {side("10.1.0.0/16"), side("10.2.0.0/16[tcp/443]")};
	struct config_ts remote[2] = {side("dynamic"), side("10.9.0.0/16")};
	struct config_child kids[2] = {{.name = names[0]}, {.name = names[1]}};
	struct config_conn conn = {.name = names[2], .children = kids, .children_n = 2};
	struct proposal_list offered = {.n = 0};
	struct ts_list tsr = {.n = 1}, tsi = {.n = 1};
	struct ike_child_offer o = {.conn = &conn,
	    .offered = &offered,
	    .local_ts = &tsr,
	    .remote_ts = &tsi,
	    .ignore_ke = true};
	struct ike_child_choice got;
	struct ike_reason why;
	char text[TS_TEXT];

	for (size_t i = 0; i < 2; i++) {
		kids[i].local_ts = &local[i];
		kids[i].remote_ts = &remote[i];
		kids[i].local_ts_n = kids[i].remote_ts_n = 1;
		parse(&kids[i].esp_proposals, SA_ESP, "aes128gcm16-x25519");
	}
	parse(&offered, SA_ESP, asks[_i].esp);
	ck_assert(ts_parse(&tsr.v[0], asks[_i].tsr));
	ck_assert(ts_parse(&tsi.v[0], asks[_i].tsi));
	o.local.addr = addr("192.0.2.1");
	o.remote.addr = addr("203.0.113.9");
	o.local_hosts = (struct ike_hosts){&o.local.addr, 1};
	o.remote_hosts = (struct ike_hosts){&o.remote.addr, 1};
	if (asks[_i].want < 0) {
		ck_assert_int_eq(ike_select_child(&o, &got, &why),
		    asks[_i].want == -1 ? IKE_ETS : IKE_ENOPROPOSAL);
		ck_assert_uint_gt(strlen(why.text), 40);
		return;
	}
	ck_assert_int_eq(ike_select_child(&o, &got, &why), IKE_OK);
	ck_assert_ptr_eq(got.cfg, &kids[asks[_i].want]);
	ck_assert_uint_eq(got.local_ts.n, 1);
	ck_assert_str_eq(ts_text(&got.local_ts.v[0], text), asks[_i].local);
	ck_assert_str_eq(ts_text(&got.remote_ts.v[0], text), asks[_i].remote);
	o.only = &kids[1 - asks[_i].want]; /* a rekey takes its own child or none */
	ck_assert(ike_select_child(&o, &got, &why) != IKE_OK || got.cfg == o.only);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_select");

	add_loop(s, "address_score", address_score, sizeof fits / sizeof fits[0]);
	add_loop(s, "init_choice", init_choice, sizeof offers / sizeof offers[0]);
	add_loop(s, "auth_choice", auth_choice, sizeof identities / sizeof identities[0]);
	add_test(s, "auth_needs_suite", auth_needs_suite);
	add_loop(s, "child_choice", child_choice, sizeof asks / sizeof asks[0]);
	return run_suite(s);
}

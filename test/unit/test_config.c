/*
 * The configuration: what a good file becomes.
 */
#include "test_config.h"
#include "test/unit/req.h"

#include <stdlib.h>
#include <string.h>

struct config *load_clean(const char *text)
{
	struct config_notes notes;
	struct config *c = config_load_text(text, "/etc/t.conf", &notes);

	for (size_t i = 0; i < notes.n; i++) {
		fprintf(stderr, "%s\n", notes.v[i].text);
	}
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(notes.n, 0);
	config_notes_free(&notes);
	return c;
}

START_TEST(nothing_is_defaults)
{
	struct config *c = load_clean("");

	ck_assert_str_eq(c->path, "/etc/t.conf");
	ck_assert_str_eq(c->tun.name, "tunike0");
	ck_assert_uint_eq(c->tun.mtu, 0);
	ck_assert_uint_eq(c->workers, 0);
	ck_assert_uint_eq(c->tun.queues, 0);
	ck_assert_int_eq(c->crypto, CRYPTO_AUTO);
	ck_assert_uint_eq(c->busy_poll_us, 0);
	ck_assert_int_eq(c->log_level, LOG_INFO);
	ck_assert_int_eq(c->log_format, LOG_TEXT);
	ck_assert_str_eq(c->keylog, "");
	ck_assert_str_eq(c->control, "/run/tunike/control.sock");
	ck_assert_uint_eq(c->secrets_n, 0);
	ck_assert_uint_eq(c->conns_n, 0);
	config_free(c);
}
END_TEST

START_TEST(connection_defaults)
{
	struct config *c = load_clean(CONN(""));
	const struct config_conn *conn = config_conn_find(c, "c");

	ck_assert_ptr_nonnull(conn);
	ck_assert_uint_eq(conn->local_addrs_n, 1);
	ck_assert_str_eq(conn->local_addrs[0], "%any");
	ck_assert_uint_eq(conn->remote_addrs_n, 1);
	ck_assert_str_eq(conn->remote_addrs[0], "192.0.2.1");
	ck_assert_uint_eq(conn->local_port, 500);
	ck_assert_uint_eq(conn->remote_port, 500);
	ck_assert(conn->encap);
	ck_assert_int_eq(conn->unique, UNIQUE_REPLACE);
	ck_assert_uint_eq(conn->dpd_delay_ms, 30000);
	ck_assert_uint_eq(conn->keyingtries, 0);
	ck_assert_uint_eq(conn->rekey_ms, 4 * 3600000);
	ck_assert_uint_eq(conn->over_ms, 24 * 60000);
	ck_assert_int_eq(conn->local.auth, AUTH_PSK);
	ck_assert_uint_eq(conn->local.id.type, IDENT_ANY);
	ck_assert_uint_eq(conn->remote.id.type, IDENT_ANY);
	ck_assert_uint_ge(conn->proposals.n, 2);
	ck_assert_uint_eq(conn->proposals.v[0].proto, SA_IKE);
	config_free(c);
}
END_TEST

START_TEST(child_defaults)
{
	struct config *c = load_clean(CONN(""));
	const struct config_child *x = config_child_find(config_conn_find(c, "c"), "x");

	ck_assert_ptr_nonnull(x);
	ck_assert_uint_eq(x->local_ts_n, 1);
	ck_assert(x->local_ts[0].dynamic);
	ck_assert_uint_eq(x->remote_ts_n, 1);
	ck_assert(x->remote_ts[0].dynamic);
	ck_assert_uint_ge(x->esp_proposals.n, 2);
	ck_assert_uint_eq(x->esp_proposals.v[0].proto, SA_ESP);
	ck_assert_int_eq(x->start_action, START_NONE);
	ck_assert_int_eq(x->dpd_action, LOSS_CLEAR);
	ck_assert_int_eq(x->close_action, LOSS_CLEAR);
	ck_assert_uint_eq(x->soft.time_ms, 3600000);
	ck_assert_uint_eq(x->hard.time_ms, 3960000);
	ck_assert_uint_eq(x->soft.bytes | x->soft.packets | x->hard.bytes | x->hard.packets, 0);
	ck_assert_uint_eq(x->replay_window, 1024);
	ck_assert_int_eq(x->mode, MODE_TUNNEL);
	ck_assert_uint_eq(x->priority, 0);
	ck_assert_int_eq(x->copy_dscp, COPY_DSCP_OUT);
	ck_assert(x->copy_df && x->copy_ecn);
	ck_assert(!x->lenient_padding);
	ck_assert_uint_eq(x->tfc_padding, 0);
	ck_assert_int_eq(x->per_cpu_sas, PER_CPU_NO);
	config_free(c);
}
END_TEST

static const char whole[] =
    "tun = { backend = \"kernel\"; name = \"vpn1\"; mtu = 1400; queues = 256; fd = -1; };\n"
    "workers = 64; crypto = \"ipsec-mb\"; busy_poll = \"50us\"; log = { level = \"debug\"; format "
    "= \"json\"; };\n"
    "keylog = \"keys\"; control = \"/x/a.sock\"; pools = {};\n"
    "secrets = ( { type = \"psk\"; ids = [\"gw.example.org\", \"192.0.2.7\"];\n"
    "              secret = \"0x000102030405060708090a0b0c0d0e0f\"; },\n"
    "            { type = \"psk\"; secret = \"0sAAECAwQFBgcICQoLDA0ODw==\"; } );\n"
    "connections = { office = { version = 2; local_addrs = [\"%any\"];\n"
    "  remote_addrs = [\"vpn.example.org\", \"192.0.2.1\", \"2001:db8::1\", \"10.0.0.0/8\"];\n"
    "  local_port = 1500; remote_port = 4500;\n"
    "  proposals = [\"aes256gcm16-prfsha384-x25519\", \"default\"]; encap = true;\n"
    "  vips = []; pools = []; mobike = false; fragmentation = \"no\"; childless = \"never\";\n"
    "  unique = \"keep\"; dpd_delay = \"2m\"; keyingtries = 3; rekey_time = \"0s\";\n"
    "  reauth_time = 0; over_time = \"0\"; send_cert = \"never\"; send_certreq = false;\n"
    "  local = { auth = \"psk\"; id = \"alice@example.org\"; certs = []; eap_id = \"\"; };\n"
    "  remote = { auth = \"psk\"; id = \"*.example.org\"; cacerts = []; };\n"
    "  children = { lan = { local_ts = [\"dynamic[udp/53]\"];\n"
    "      remote_ts = [\"10.1.0.0/16\", \"10.2.0.0/16[tcp/443]\"]; esp_proposals = "
    "\"aes128gcm16-x25519\";\n"
    "      mode = \"tunnel\"; start_action = \"trap\"; dpd_action = \"restart\"; close_action = "
    "\"trap\";\n"
    "      rekey_time = \"0s\"; rekey_bytes = \"0\"; rekey_packets = 0; life_time = 66;\n"
    "      life_bytes = \"10g\"; life_packets = 5000000000L; replay_window = 32768;\n"
    "      tfc_padding = \"mtu\"; copy_dscp = \"yes\"; copy_df = false; copy_ecn = \"no\";\n"
    "      lenient_padding = true; per_cpu_sas = true; priority = \"4294967295\"; updown = \"\"; "
    "};\n"
    "    host = { mode = \"transport\"; local_ts = \"dynamic[tcp/80]\"; copy_dscp = false; };\n"
    "    leave = { mode = \"pass\"; start_action = \"trap\"; remote_ts = \"10.1.9.0/24\"; };\n"
    "    away = { mode = \"drop\"; remote_ts = \"10.1.8.0/24\"; };\n"
    "    more = { }; }; }; };\n";

START_TEST(every_key_of_the_program)
{
	struct config *c = load_clean(whole);

	ck_assert_str_eq(c->tun.name, "vpn1");
	ck_assert_uint_eq(c->tun.mtu, 1400);
	ck_assert_uint_eq(c->workers, 64);
	ck_assert_uint_eq(c->tun.queues, 256);
	ck_assert_int_eq(c->crypto, CRYPTO_IPSEC_MB);
	ck_assert_uint_eq(c->busy_poll_us, 50);
	ck_assert_int_eq(c->log_level, LOG_DEBUG);
	ck_assert_int_eq(c->log_format, LOG_JSON);
	ck_assert_str_eq(c->keylog, "/etc/keys");
	ck_assert_str_eq(c->control, "/x/a.sock");
	ck_assert_uint_eq(c->secrets_n, 2);
	ck_assert_uint_eq(c->secrets[0].ids_n, 2);
	ck_assert_uint_eq(c->secrets[0].ids[0].type, IDENT_FQDN);
	ck_assert_uint_eq(c->secrets[0].ids[1].type, IDENT_IPV4_ADDR);
	ck_assert_uint_eq(c->secrets[0].secret.n, 16);
	ck_assert(
	    secret_equal(secret_bytes(&c->secrets[0].secret), secret_bytes(&c->secrets[1].secret)));
	ck_assert_uint_eq(c->secrets[1].secret.p[15], 15);
	ck_assert_uint_eq(c->secrets[1].ids_n, 0);
	config_free(c);
}
END_TEST

/* RFC 4632 section 3.1, RFC 4291 section 2.6.1: which addresses of a subnet a host can have. */
static void usable(const char *addrs, const char *lo, const char *hi)
{
	char text[256], l[ADDR_TEXT], h[ADDR_TEXT];

	snprintf(text, sizeof(text), "pools = { a = { addrs = \"%s\"; }; };", addrs);
	struct config *c = load_clean(text);
	ck_assert_uint_eq(c->pools[0].addrs_n, 1);
	ck_assert_str_eq(addr_text(&c->pools[0].addrs[0].lo, l), lo);
	ck_assert_str_eq(addr_text(&c->pools[0].addrs[0].hi, h), hi);
	config_free(c);
}

START_TEST(addresses_of_pools)
{
	usable("10.9.0.0/24", "10.9.0.1", "10.9.0.254");
	usable("10.9.0.7/24", "10.9.0.1", "10.9.0.254");
	usable("10.0.0.0/8", "10.0.0.1", "10.255.255.254");
	usable("10.9.0.4/30", "10.9.0.5", "10.9.0.6");
	usable("10.9.0.4/31", "10.9.0.4", "10.9.0.5");
	usable("10.9.0.4/32", "10.9.0.4", "10.9.0.4");
	usable("10.9.0.4", "10.9.0.4", "10.9.0.4");
	usable("10.9.0.0-10.9.1.255", "10.9.0.0", "10.9.1.255");
	usable("2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff");
	usable("2001:db8::6/127", "2001:db8::6", "2001:db8::7");
	usable("2001:db8::9-2001:db8::ff", "2001:db8::9", "2001:db8::ff");
}
END_TEST

START_TEST(pools_and_vips)
{
	char text[PREFIX_TEXT];
	struct config *c = load_clean(
	    "pools = { staff = { addrs = [\"10.9.0.0/24\", \"2001:db8::/64\"]; dns = "
	    "[\"10.1.0.53\", "
	    "\"2001:db8:1::53\"];\n domains = [\"corp.example\"]; subnet = [\"10.1.0.0/16\"]; };\n"
	    "guests = { addrs = \"10.8.0.10-10.8.0.20\"; }; };\n" CONN(
		"vips = [\"0.0.0.0\", \"::\", \"10.7.0.1\"]; pools = [\"staff\", \"guests\"];"));
	const struct config_pool *p = config_pool_find(c, "staff");

	ck_assert_ptr_eq(p, &c->pools[0]);
	ck_assert_ptr_eq(config_pool_find(c, "nobody"), NULL);
	ck_assert_uint_eq(p->addrs_n, 2);
	ck_assert_uint_eq(p->addrs[1].lo.family, ADDR_V6);
	ck_assert_uint_eq(p->dns_n, 2);
	ck_assert_uint_eq(p->dns[1].family, ADDR_V6);
	ck_assert_uint_eq(p->domains_n, 1);
	ck_assert_str_eq(p->domains[0], "corp.example");
	ck_assert_uint_eq(p->subnets_n, 1);
	ck_assert_str_eq(prefix_text(&p->subnets[0], text), "10.1.0.0/16");
	ck_assert_uint_eq(c->conns[0].vips_n, 3);
	ck_assert_str_eq(addr_text(&c->conns[0].vips[2], text), "10.7.0.1");
	ck_assert_uint_eq(c->conns[0].pools_n, 2);
	ck_assert_str_eq(c->conns[0].pools[1], "guests");
	config_free(c);
}
END_TEST

START_TEST(every_key_of_a_connection)
{
	struct config *c = load_clean(whole);
	const struct config_conn *conn = &c->conns[0];
	char text[PROPOSAL_TEXT];

	ck_assert_uint_eq(c->conns_n, 1);
	ck_assert_str_eq(conn->name, "office");
	ck_assert_uint_eq(conn->remote_addrs_n, 4);
	ck_assert_str_eq(conn->remote_addrs[0], "vpn.example.org");
	ck_assert_str_eq(conn->remote_addrs[3], "10.0.0.0/8");
	ck_assert_uint_eq(conn->local_port, 1500);
	ck_assert_uint_eq(conn->remote_port, 4500);
	ck_assert_uint_ge(conn->proposals.n, 3);
	ck_assert_str_eq(proposal_text(&conn->proposals.v[0], text, sizeof(text)),
	    "aes256gcm16-prfsha384-x25519");
	ck_assert_uint_eq(conn->proposals.v[1].number, 2);
	ck_assert(conn->encap);
	ck_assert_int_eq(conn->unique, UNIQUE_KEEP);
	ck_assert_uint_eq(conn->dpd_delay_ms, 120000);
	ck_assert_uint_eq(conn->keyingtries, 3);
	ck_assert_uint_eq(conn->local.id.type, IDENT_RFC822_ADDR);
	ck_assert_uint_eq(conn->remote.id.type, IDENT_FQDN);
	ck_assert_uint_eq(conn->children_n, 5);
	config_free(c);
}
END_TEST

START_TEST(modes)
{
	struct config *c = load_clean(whole);
	const struct config_conn *conn = &c->conns[0];

	ck_assert_int_eq(config_child_find(conn, "lan")->mode, MODE_TUNNEL);
	ck_assert(!config_child_is_static(config_child_find(conn, "lan")));
	ck_assert_int_eq(config_child_find(conn, "host")->mode, MODE_TRANSPORT);
	ck_assert_int_eq(config_child_find(conn, "host")->copy_dscp, COPY_DSCP_NO);
	ck_assert(!config_child_is_static(config_child_find(conn, "host")));
	ck_assert_int_eq(config_child_find(conn, "leave")->mode, MODE_PASS);
	ck_assert(config_child_is_static(config_child_find(conn, "leave")));
	ck_assert_int_eq(config_child_find(conn, "away")->mode, MODE_DROP);
	ck_assert(config_child_is_static(config_child_find(conn, "away")));
	config_free(c);
}
END_TEST

START_TEST(every_key_of_a_child)
{
	struct config *c = load_clean(whole);
	const struct config_child *lan = config_child_find(&c->conns[0], "lan");
	char text[TS_TEXT];

	ck_assert(lan->local_ts[0].dynamic);
	ck_assert_uint_eq(lan->local_ts[0].ts.proto, TS_PROTO_UDP);
	ck_assert_uint_eq(lan->local_ts[0].ts.port_lo, 53);
	ck_assert_uint_eq(lan->remote_ts_n, 2);
	ck_assert(!lan->remote_ts[1].dynamic);
	ck_assert_str_eq(ts_text(&lan->remote_ts[1].ts, text), "10.2.0.0/16[tcp/443]");
	ck_assert_uint_eq(lan->esp_proposals.n, 1);
	ck_assert(proposal_has_ke(&lan->esp_proposals, KE_CURVE25519));
	ck_assert_int_eq(lan->start_action, START_TRAP);
	ck_assert_int_eq(lan->dpd_action, LOSS_RESTART);
	ck_assert_int_eq(lan->close_action, LOSS_TRAP);
	ck_assert_uint_eq(lan->hard.time_ms, 66000);
	ck_assert_uint_eq(lan->soft.time_ms | lan->soft.bytes | lan->soft.packets, 0);
	ck_assert_uint_eq(lan->hard.bytes, UINT64_C(10) << 30);
	ck_assert_uint_eq(lan->hard.packets, UINT64_C(5000000000));
	ck_assert_uint_eq(lan->replay_window, 32768);
	ck_assert_uint_eq(lan->tfc_padding, CONFIG_TFC_MTU);
	ck_assert_int_eq(lan->copy_dscp, COPY_DSCP_YES);
	ck_assert(!lan->copy_df && !lan->copy_ecn);
	ck_assert(lan->lenient_padding);
	ck_assert_int_eq(lan->per_cpu_sas, PER_CPU_YES);
	ck_assert_uint_eq(lan->priority, UINT32_MAX);
	config_free(c);
}
END_TEST

static const struct {
	const char *text;
	uint64_t ms;
} durations[] = {
    {"\"30s\"", 30000},
    {"30", 30000},
    {"\"30\"", 30000},
    {"\"500ms\"", 500},
    {"\"66m\"", 3960000},
    {"\"4h\"", 14400000},
    {"\"2d\"", 172800000},
    {"0", 0},
    {"0x10", 16000},
};

START_TEST(durations_are_ms)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s",
	    "connections = { c = { " CONN_HEAD "children = { x = { life_time = ",
	    durations[_i].text,
	    "; }; }; }; }; secrets = ({ type = \"psk\"; "
	    "secret = \"twenty characters at least\"; });");
	struct config *c = load_clean(text);
	ck_assert_uint_eq(c->conns[0].children[0].hard.time_ms, durations[_i].ms);
	config_free(c);
}
END_TEST

static const struct {
	const char *text;
	uint64_t soft, hard;
} lives[] = {
    {"rekey_time = \"5s\";", 5000, 5500},
    {"rekey_time = \"0s\";", 0, 0},
    {"life_time = \"66m\";", 3600000, 3960000},
    {"life_time = \"11s\";", 10000, 11000},
    {"life_time = 0;", 3600000, 0},
    {"rekey_time = \"1h\"; life_time = 0;", 3600000, 0},
    {"rekey_time = \"0s\"; life_time = \"1m\";", 0, 60000},
    {"rekey_time = 7; life_time = 8;", 7000, 8000},
};

/* What is not written of rekey_time and life_time follows from the other. */
START_TEST(limits_follow_each_other)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s",
	    "connections = { c = { " CONN_HEAD "children = { x = { ", lives[_i].text,
	    " rekey_bytes = \"18446744073709551615\"; life_packets = 110; }; }; }; }; "
	    "secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });");
	struct config *c = load_clean(text);
	const struct config_child *x = &c->conns[0].children[0];
	ck_assert_uint_eq(x->soft.time_ms, lives[_i].soft);
	ck_assert_uint_eq(x->hard.time_ms, lives[_i].hard);
	ck_assert_uint_eq(x->hard.bytes, UINT64_MAX);
	ck_assert_uint_eq(x->soft.packets, 100);
	config_free(c);
}
END_TEST

/* The ids of three secrets, then who is looked for and which is found. */
START_TEST(the_best_secret)
{
	REQ("7296-1.2-3");
	static const struct {
		const char *own, *peer;
		int found;
	} rows[] = {
	    {"gw.example.org", "alice@example.org", 0},
	    {"gw.example.org", "bob@example.org", 1},
	    {"gw.example.org", "carol@elsewhere.org", 0},
	    {"other.org", "carol@elsewhere.org", 2},
	};
	struct config *c = load_clean(
	    "secrets = ("
	    "{ type = \"psk\"; ids = [\"gw.example.org\", \"alice@example.org\"]; secret = "
	    "\"the first of the secrets\"; },"
	    "{ type = \"psk\"; ids = \"*@example.org\"; secret = \"the second of the secrets\"; },"
	    "{ type = \"psk\"; secret = \"the third of the secrets\"; });");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ident own, peer;
		ck_assert(ident_parse(&own, rows[i].own) && ident_parse(&peer, rows[i].peer));
		ck_assert_ptr_eq(config_secret_find(c, &own, &peer), &c->secrets[rows[i].found]);
	}
	c->secrets_n = 2;
	struct ident none;
	ck_assert(ident_parse(&none, "other.org"));
	ck_assert_ptr_null(config_secret_find(c, &none, &none));
	c->secrets_n = 3;
	config_free(c);
}
END_TEST

START_TEST(plain_esp)
{
	struct config *c = load_clean(CONN("encap = false;"));

	ck_assert(!c->conns[0].encap);
	config_free(c);
}
END_TEST

static const struct {
	const char *proposal, *why; /* NULL: no warning */
} doubtful[] = {
    {"aes128gcm8", NULL},
    {"aes256ctr-aesxcbc", NULL},
    {"chacha20poly1305iiv-esn", NULL},
    {"aes128gmac", "\"aes128gmac\" does not encrypt"},
    {"null-sha256", "\"null-sha256\" does not encrypt"},
    {"3des-sha256", "3DES in \"3des-sha256\" is weak"},
    {"aes128-sha1", "HMAC_SHA1_96 in \"aes128-sha1\" is weak: SHA-1"},
    {"aes128-md5", "HMAC_MD5_96 in \"aes128-md5\" is weak: MD5"},
    {"des-sha256", "DES in \"des-sha256\" is weak: a key of 56 bits"},
    {"camellia256ctr-aescmac", NULL},
    {"aes128gcm16-modp8192", NULL},
    {"aes128gcm16-modp1024",
	"MODP_1024 in \"aes128gcm16-modp1024\" is weak: discrete logarithms of 1024 bits are "
	"within reach"},
    {"aes128gcm16-modp1536", "MODP_1536 in \"aes128gcm16-modp1536\" is weak: "},
};

/* Weak algorithms are taken when they are named, and said to be so. */
START_TEST(doubtful_proposals_are_warned_of)
{
	struct config_notes notes = {0};
	char text[512];

	snprintf(text, sizeof text,
	    "secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });\n"
	    "connections = { c = { local = { auth = \"psk\"; }; remote = { auth = \"psk\"; }; "
	    "children = { x = { esp_proposals = [\"%s\"]; }; }; }; };",
	    doubtful[_i].proposal);
	struct config *c = config_load_text(text, "t.conf", &notes);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(notes.n, doubtful[_i].why ? 1 : 0);
	if (doubtful[_i].why) {
		ck_assert_int_eq(notes.v[0].severity, CONFIG_WARNING);
		ck_assert_msg(
		    strstr(notes.v[0].text, doubtful[_i].why) != NULL, "%s", notes.v[0].text);
	}
	config_notes_free(&notes);
	config_free(c);
}
END_TEST

/* Ids of the secret, of ours and of the peer: each time the secret could be the one. */
START_TEST(a_secret_that_may_fit_is_no_warning)
{
	static const char *const rows[][3] = {
	    {"a.org", "a.org", "b.org"},
	    {"b.org", "a.org", "b.org"},
	    {"x.b.org", "a.org", "*.b.org"},
	    {"*.b.org", "a.org", "x.b.org"},
	    {"z.org", "a.org", "%any"},
	    {"192.0.2.7", "%any", "b.org"},
	    {"%any", "a.org", "b.org"},
	};
	char text[512];

	snprintf(text, sizeof(text),
	    "connections = { c = { local = { auth = \"psk\"; id = \"%s\"; }; remote = { auth = "
	    "\"psk\"; id = \"%s\"; }; children = { x = { }; }; }; }; secrets = ({ type = \"psk\"; "
	    "ids = \"%s\"; secret = \"twenty characters at least\"; });",
	    rows[_i][1], rows[_i][2], rows[_i][0]);
	config_free(load_clean(text));
}
END_TEST

START_TEST(nearest_words)
{
	static const char *const words[] = {"remote_addrs", "remote_port", "tun", "log"};

	ck_assert_str_eq(config_nearest("remte_addrs", words, 4), "remote_addrs");
	ck_assert_str_eq(config_nearest("remote_prot", words, 4), "remote_port");
	ck_assert_str_eq(config_nearest("tum", words, 4), "tun");
	ck_assert_ptr_null(config_nearest("big", words, 4));
	ck_assert_ptr_null(config_nearest("connections", words, 4));
	ck_assert_ptr_null(config_nearest("", words, 4));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config");
	TCase *good = tcase_create("good");

	tcase_add_test(good, nothing_is_defaults);
	tcase_add_test(good, connection_defaults);
	tcase_add_test(good, child_defaults);
	tcase_add_test(good, every_key_of_the_program);
	tcase_add_test(good, every_key_of_a_connection);
	tcase_add_test(good, addresses_of_pools);
	tcase_add_test(good, pools_and_vips);
	tcase_add_test(good, every_key_of_a_child);
	tcase_add_test(good, modes);
	tcase_add_loop_test(
	    good, durations_are_ms, 0, (int)(sizeof(durations) / sizeof(durations[0])));
	tcase_add_loop_test(
	    good, limits_follow_each_other, 0, (int)(sizeof(lives) / sizeof(lives[0])));
	tcase_add_test(good, the_best_secret);
	tcase_add_test(good, plain_esp);
	tcase_add_loop_test(good, doubtful_proposals_are_warned_of, 0,
	    (int)(sizeof(doubtful) / sizeof(doubtful[0])));
	tcase_add_loop_test(good, a_secret_that_may_fit_is_no_warning, 0, 7);
	tcase_add_test(good, nearest_words);
	suite_add_tcase(s, good);
	suite_add_tcase(s, errors_case());
	suite_add_tcase(s, files_case());
	suite_add_tcase(s, help_case());

	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

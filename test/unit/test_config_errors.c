/*
 * The configuration: what is said about a bad file.
 */
#include "test_config.h"

#include <stdlib.h>
#include <string.h>

#define POOL(text) "pools = { a = { " text " }; };"

/* A text and the one line that it gets, without the file in front. */
struct row {
	const char *text, *note;
};

/* clang-format off */
static const struct row errors[] = {
	/* syntax */
	{"a = 1;\nb = ;\n",                  "2: this is no libconfig syntax, expected name = value;"},
	{"tun = {\n",                        "2: this is no libconfig syntax, expected name = value;"},
	{"workers = 1;\nworkers = 1;\n",     "2: this name has been used before, expected each name once"},
	{"tun = { name = [1, \"x\"]; };",    "1: values of several kinds in one array, expected one kind"},
	{"\n@include \"x\"\n",               "2: @include: nothing can be included here, expected the text itself"},
	{"tun = { @include \"x\"\n };",      "1: this is no libconfig syntax, expected name = value;"},
	{"/* 99999999999\n*/ # 99999999999\nworkers = 99999999999;",
	                                     "3: 99999999999 does not fit, expected at most 2147483647, or more in quotes"},
	{"workers = 1;\nkeylog = \"x;\n\n",  "2: a string begins here and has no end, expected \""},
	{"/* workers = 1;\n\n",              "1: a comment begins here and has no end, expected */"},
	/* keys */
	{"worker = 1;",                      "1: worker: unknown key, expected workers (the nearest)"},
	{"tun = { mode = 1; };",             "1: tun.mode: unknown key here, expected in connections.NAME.children.NAME"},
	{"tun = { control = \"x\"; };",      "1: tun.control: unknown key here, expected at the top of the file"},
	{"log = { zzzzzz = 1; };",           "1: log.zzzzzz: unknown key, expected one of level, format"},
	{CONN("remte_port = 5;"),            "2: connections.c.remte_port: unknown key, expected remote_port (the nearest)"},
	{CHILD("\n\nmod = 5;"),              "4: connections.c.children.x.mod: unknown key, expected mode (the nearest)"},
	{CONN("mode = \"tunnel\";"),         "2: connections.c.mode: unknown key here, expected in children.NAME"},
	/* kinds */
	{"tun = 5;",                         "1: tun: is a number, expected a group { … }"},
	{"secrets = { };",                   "1: secrets: is a group, expected a list of groups: ( { … }, { … } )"},
	{"connections = ( );",               "1: connections: is a list, expected a group of groups: { NAME = { … }; }"},
	{"connections = { a = 1; };",        "1: connections.a: is a number, expected a group { … }"},
	{"workers = \"many\";",              "1: workers: \"many\" is not a number, expected 0 to 64"},
	{"workers = 1.5;",                   "1: workers: is a number with a fraction, expected 0 to 64"},
	{"workers = -1;",                    "1: workers: -1 is out of range, expected 0 to 64"},
	{"workers = [1];",                   "1: workers: is a list, expected 0 to 64"},
	{"workers = 300;",                   "1: workers: 300 is out of range, expected 0 to 64"},
	{"workers = true;",                  "1: workers: is true or false, expected 0 to 64"},
	{"tun = { queues = 257; };",         "1: tun.queues: 257 is out of range, expected 0 to 256"},
	{"tun = { mtu = 100; };",            "1: tun.mtu: 100 is too small, expected 576 to 65535, or 0"},
	{"tun = { name = \"sixteen_letters_\"; };", "1: tun.name: \"sixteen_letters_\" is too long, expected a string of 1 to 15 characters"},
	{"tun = { name = \"\"; };",          "1: tun.name: \"\" is empty, expected a string of 1 to 15 characters"},
	{"tun = { name = \"a/b\"; };",       "1: tun.name: \"a/b\" cannot name a device, expected letters and digits"},
	{"tun = { name = 7; };",             "1: tun.name: is a number, expected a string of 1 to 15 characters"},
	{"tun = { backend = \"fd\"; };",     "1: tun.backend: \"fd\" is not supported yet, expected kernel"},
	{"tun = { backend = \"x\x01\"; };",  "1: tun.backend: \"x\\x01\" is not a backend, expected kernel"},
	{"tun = { fd = 3; };",               "1: tun.fd: 3 is not supported yet, expected \"-1\" or no such key"},
	{"crypto = \"ipsecmb\";",            "1: crypto: \"ipsecmb\" is not a crypto, expected auto, openssl or ipsec-mb"},
	{"busy_poll = 50;",                  "1: busy_poll: 50 is not a short time, expected 0, or one such as \"50us\" of at most \"1000000us\""},
	{"busy_poll = \"2s\";",              "1: busy_poll: \"2s\" is out of range, expected 0, or one such as \"50us\" of at most \"1000000us\""},
	{"busy_poll = true;",                "1: busy_poll: is true or false, expected 0, or one such as \"50us\" of at most \"1000000us\""},
	{"log = { level = \"trace\"; };",    "1: log.level: \"trace\" is not a level, expected error, warning, info or debug"},
	{"secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });\n"
	 "connections = { c = { " CONN_HEAD "vips = \"::\"; children = { x = { mode = \"transport\"; }; }; }; };",
	 "2: connections.c.vips: there is a child in transport mode, which has no other addresses than those of the hosts, expected mode = \"tunnel\""},
	{"pools = ( );",                     "1: pools: is a list, expected a group of groups: { NAME = { … }; }"},
	{"pools = { a = { }; };",            "1: pools.a.addrs: is missing, expected a subnet such as \"10.9.0.0/24\" or a range such as \"10.9.0.10-10.9.0.20\""},
	{POOL("addrs = \"10.9.0.0/33\";"),   "1: pools.a.addrs: \"10.9.0.0/33\" is neither subnet nor range, expected a subnet such as \"10.9.0.0/24\" or a range such as \"10.9.0.10-10.9.0.20\""},
	{POOL("addrs = \"10.9.0.9-10.9.0.1\";"), "1: pools.a.addrs: \"10.9.0.9-10.9.0.1\" ends before it begins, expected a subnet such as \"10.9.0.0/24\" or a range such as \"10.9.0.10-10.9.0.20\""},
	{POOL("addrs = \"10.9.0.9-2001:db8::1\";"), "1: pools.a.addrs: \"10.9.0.9-2001:db8::1\" is neither subnet nor range, expected a subnet such as \"10.9.0.0/24\" or a range such as \"10.9.0.10-10.9.0.20\""},
	{POOL("addrs = [\"10.9.0.0/24\", \"10.9.0.254\"];"), "1: pools.a.addrs: has addresses of pools.a too, expected that each stands in one place"},
	{POOL("addrs = \"10.9.0.0/24\"; }; b = {\naddrs = \"10.9.0.254-10.9.1.3\";"), "2: pools.b.addrs: has addresses of pools.a too, expected that each stands in one place"},
	{POOL("addrs = \"2001:db8::/64\"; dns = \"dns.example\";"), "1: pools.a.dns: \"dns.example\" is no address, expected addresses"},
	{POOL("addrs = \"2001:db8::/64\"; domains = \"corp.example\";"), "1: pools.a.domains: there is nobody to ask for them, expected DNS servers in dns"},
	{POOL("addrs = \"2001:db8::/64\"; dns = \"::1\"; domains = \"a b\";"), "1: pools.a.domains: \"a b\" is no domain, expected domains such as \"corp.example\""},
	{POOL("addrs = \"2001:db8::/64\"; subnet = \"10.1\";"), "1: pools.a.subnet: \"10.1\" is no subnet, expected a subnet such as \"10.1.0.0/16\""},
	/* connections */
	{CONN("encap = 1;"),                 "2: connections.c.encap: is a number, expected true or false"},
	{CONN("encap = \"maybe\";"),         "2: connections.c.encap: \"maybe\" is neither true nor false, expected true or false"},
	{CONN("version = 1;"),               "2: connections.c.version: 1 is not supported yet, expected 2"},
	{CONN("version = 0;"),               "2: connections.c.version: 0 is not supported yet, expected 2"},
	{CONN("version = 3;"),               "2: connections.c.version: 3 is not a version, expected 2"},
	{CONN("local_port = 70000;"),        "2: connections.c.local_port: 70000 is out of range, expected 1 to 65535"},
	{CONN("local_addrs = [ ];"),         "2: connections.c.local_addrs: has 0 values, expected 1 to 64"},
	{CONN("local_addrs = \"10.1.1.300\";"), "2: connections.c.local_addrs: \"10.1.1.300\" is neither address nor name, expected an address, a name or \"%any\""},
	{CONN("local_addrs = \"10.0.0.0/8\";"), "2: connections.c.local_addrs: \"10.0.0.0/8\" is neither address nor name, expected an address, a name or \"%any\""},
	{CONN("local_addrs = [5];"),         "2: connections.c.local_addrs[0]: is a number, expected an address, a name or \"%any\""},
	{CONN("proposals = \"aes257\";"),    "2: connections.c.proposals: \"aes257\": unknown algorithm \"aes257\"; nearest is \"aes256\""},
	{CONN("proposals = [\"default\",\n\n\"aes256gcm16-prfsha256\"\n];"),
	                                     "4: connections.c.proposals[1]: \"aes256gcm16-prfsha256\": no key exchange: add one, for example x25519"},
	{CONN("unique = \"yes\";"),          "2: connections.c.unique: \"yes\" is not a value of unique, expected replace, keep, no or never"},
	{CONN("dpd_delay = \"30x\";"),       "2: connections.c.dpd_delay: \"30x\" is not a duration, expected one such as \"30s\", \"5m\", \"4h\" or \"1d\""},
	{CONN("dpd_delay = \"999999999999d\";"), "2: connections.c.dpd_delay: \"999999999999d\" is out of range, expected one such as \"30s\", \"5m\", \"4h\" or \"1d\""},
	{CONN("mobike = true;"),             "2: connections.c.mobike: true is not supported yet, expected false"},
	{CONN("fragmentation = \"on\";"),    "2: connections.c.fragmentation: \"on\" is not a value of fragmentation, expected yes, accept or no"},
	{CONN("childless = \"yes\";"),       "2: connections.c.childless: \"yes\" is not a value of childless, expected never, allow, prefer or force"},
	{CONN("reauth_time = \"1m\"; rand_time = \"2m\";"), "2: connections.c.rand_time: could take off all of the time, expected less than rekey_time and reauth_time"},
	{CHILD("rekey_time = \"1m\"; rand_time = \"1m\";"), "2: connections.c.children.x.rand_time: could take off all of the time, expected less than rekey_time"},
	{CONN("vips = [\"any\"];"),          "2: connections.c.vips[0]: \"any\" is no address, expected addresses"},
	{CONN("\npools = \"staff\";"),       "3: connections.c.pools: there is no pool \"staff\", expected a name from pools"},
	{"pools = { staff = { addrs = \"10.9.0.0/24\"; }; };\n" CONN("pools = [\"stuff\"];"), "3: connections.c.pools: there is no pool \"stuff\", expected \"staff\" (the nearest)"},
	{CONN("send_cert = \"ifasked\";"),   "2: connections.c.send_cert: \"ifasked\" is not supported yet, expected \"never\" or no such key"},
	{CONN("send_certreq = true;"),       "2: connections.c.send_certreq: true is not supported yet, expected \"false\" or \"no\" or no such key"},
	{"connections = { c* = { " CONN_HEAD "children = { x = { }; }; }; }; secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });",
	                                     "1: connections.c*: is no name, expected up to 64 letters, digits, dots, dashes and underscores"},
	/* children */
	{CHILD("mode = \"tunnnel\";"),       "2: connections.c.children.x.mode: \"tunnnel\" is not a mode, expected tunnel, transport, pass or drop"},
	{CHILD("mode = \"transport\";\nlocal_ts = [\"dynamic\", \"10.0.0.0/8\"];"), "3: connections.c.children.x.local_ts: holds a network, which transport mode does not carry, expected \"dynamic\" or one address, or mode = \"tunnel\""},
	{CHILD("mode = \"transport\"; remote_ts = \"10.0.0.1-10.0.0.2\";"), "2: connections.c.children.x.remote_ts: holds a network, which transport mode does not carry, expected \"dynamic\" or one address, or mode = \"tunnel\""},
	{CHILD("mode = \"pass\"; start_action = \"start\";"), "2: connections.c.children.x.start_action: nothing can be started with mode = \"pass\", which always holds, expected no such key, none or trap"},
	{CHILD("mode = \"drop\"; esp_proposals = \"aes128gcm16\";"), "2: connections.c.children.x.esp_proposals: means nothing with mode = \"drop\", which has no peer and no keys, expected no such key"},
	{CHILD("mode = \"drop\"; per_cpu_sas = true;"), "2: connections.c.children.x.per_cpu_sas: means nothing with mode = \"drop\", which has no peer and no keys, expected no such key"},
	{CHILD("priority = -1;"),            "2: connections.c.children.x.priority: -1 is out of range, expected 0 to 4294967295"},
	{CHILD("copy_dscp = \"both\";"),     "2: connections.c.children.x.copy_dscp: \"both\" is not a value of copy_dscp, expected out, in, yes or no"},
	{CHILD("copy_df = \"out\";"),        "2: connections.c.children.x.copy_df: \"out\" is neither true nor false, expected true or false"},
	{CHILD("copy_ecn = 1;"),             "2: connections.c.children.x.copy_ecn: is a number, expected true or false"},
	{CHILD("lenient_padding = \"very\";"), "2: connections.c.children.x.lenient_padding: \"very\" is neither true nor false, expected true or false"},
	{CHILD("per_cpu_sas = \"encap\";"),  "2: connections.c.children.x.per_cpu_sas: \"encap\" is not supported yet, expected no or yes"},
	{CHILD("per_cpu_sas = 4;"),          "2: connections.c.children.x.per_cpu_sas: 4 is not a value of per_cpu_sas, expected no or yes"},
	{CHILD("start_action = \"trap|start\";"), "2: connections.c.children.x.start_action: \"trap|start\" is not supported yet, expected none, trap or start"},
	{CHILD("dpd_action = \"hold\";"),    "2: connections.c.children.x.dpd_action: \"hold\" is not a dpd_action, expected clear, trap or restart"},
	{CHILD("rekey_time = \"1h\"; life_time = \"1h\";"), "2: connections.c.children.x.life_time: comes before new keys can, expected more than rekey_time, or 0 for no limit"},
	{CHILD("rekey_packets = 9; life_packets = 8;"), "2: connections.c.children.x.life_packets: comes before new keys can, expected more than rekey_packets, or 0 for no limit"},
	{CHILD("rekey_bytes = \"1y\";"),    "2: connections.c.children.x.rekey_bytes: \"1y\" is not a number (k, m and g may follow it), expected a number such as 1000000 or \"10g\""},
	{CHILD("life_bytes = \"1x\";"),      "2: connections.c.children.x.life_bytes: \"1x\" is not a number (k, m and g may follow it), expected a number such as 1000000 or \"10g\""},
	{CHILD("life_bytes = \"99999999999g\";"), "2: connections.c.children.x.life_bytes: \"99999999999g\" is out of range, expected a number such as 1000000 or \"10g\""},
	{CHILD("life_bytes = \"99999999999999999999\";"), "2: connections.c.children.x.life_bytes: \"99999999999999999999\" is out of range, expected a number such as 1000000 or \"10g\""},
	{CHILD("replay_window = 32769;"),    "2: connections.c.children.x.replay_window: 32769 is out of range, expected 0 to 32768"},
	{CHILD("local_ts = \"10.0.0.0/33\";"), "2: connections.c.children.x.local_ts: \"10.0.0.0/33\" is not a traffic selector, expected \"dynamic\", \"10.1.0.0/16\", \"10.1.0.1-10.1.0.9\" or \"10.2.0.0/16[tcp/443]\""},
	{CHILD("local_ts = \"dynamics\";"),  "2: connections.c.children.x.local_ts: \"dynamics\" is not a traffic selector, expected \"dynamic\", \"10.1.0.0/16\", \"10.1.0.1-10.1.0.9\" or \"10.2.0.0/16[tcp/443]\""},
	{CHILD("local_ts = \"10.0.0.0/8\"; remote_ts = \"2001:db8::/32\";"),
	                                     "2: connections.c.children.x.remote_ts: has no address family in common with local_ts, expected IPv4 on both sides or IPv6 on both"},
	{CHILD("esp_proposals = \"aes128\";"), "2: connections.c.children.x.esp_proposals: \"aes128\": no integrity algorithm for aes128: add one, for example sha256"},
	{CHILD("tfc_padding = 65536;"),      "2: connections.c.children.x.tfc_padding: 65536 is out of range, expected 0 to 65535 or \"mtu\""},
	{CHILD("tfc_padding = \"mtus\";"),   "2: connections.c.children.x.tfc_padding: \"mtus\" is not a number, expected 0 to 65535 or \"mtu\""},
	{CONN("ppk_id = \"q\";"),             "2: connections.c.ppk_id: \"q\", but no secret of type ppk has this id, expected one"},
	{CONN("ppk_required = true;"),       "2: connections.c.ppk_required: is true, but a peer that is called must be told which: expected ppk_id beside it"},
	{"secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });\n"
	 "connections = { c = { local = { auth = \"psk\"; }; remote = { auth = \"psk\"; }; children = { x = { }; }; ppk_required = true; }; };",
	                                     "2: connections.c.ppk_required: true, but no secret of type ppk is in this file, expected one"},
	{CHILD("updown = \"/bin/x\";"),      "2: connections.c.children.x.updown: \"/bin/x\" is not supported yet, expected \"\" or no such key"},
	/* secrets */
	{"secrets = ({ secret = \"twenty characters at least\"; });", "1: secrets[0].type: is missing, expected psk or ppk"},
	{"secrets = ({ type = \"psl\"; secret = \"twenty characters at least\"; });", "1: secrets[0].type: \"psl\" is not a type, expected psk or ppk"},
	{"secrets = ({ type = \"eap\"; id = \"a\"; secret = \"b\"; });", "1: secrets[0].type: \"eap\" is not supported yet, expected psk or ppk"},
	{"secrets = ({ type = \"key\"; file = \"a.pem\"; });", "1: secrets[0].type: \"key\" is not supported yet, expected psk or ppk"},
	{"secrets = ({ type = \"psk\"; id = \"a\"; secret = \"twenty characters at least\"; });", "1: secrets[0].id: belongs to secrets of type ppk, expected ids"},
	{"secrets = ({ type = \"ppk\"; ids = [\"a\"]; id = \"a\"; secret = \"twenty characters at least\"; });", "1: secrets[0].ids: belongs to secrets of type psk, expected id"},
	{"secrets = ({ type = \"ppk\"; secret = \"twenty characters at least\"; });", "1: secrets[0]: has no id, expected the name of the PPK, the same as at the peer"},
	{"secrets = ({ type = \"ppk\"; id = \"\"; secret = \"twenty characters at least\"; });", "1: secrets[0].id: \"\" is empty, expected a string of 1 to 255 characters"},
	{"secrets = ({ type = \"psk\"; });", "1: secrets[0]: has no secret, expected secret or secret_file"},
	{"secrets = ({ type = \"psk\"; secret = \"\"; });", "1: secrets[0].secret: is empty, expected a secret"},
	{"secrets = ({ type = \"psk\"; secret = 5; });", "1: secrets[0].secret: is a number, expected a string"},
	{"secrets = ({ type = \"psk\"; secret = \"0xabc\"; });", "1: secrets[0].secret: begins with 0x but is no hex, expected an even number of hex digits behind it"},
	{"secrets = ({ type = \"psk\"; secret = \"0sA!==\"; });", "1: secrets[0].secret: begins with 0s but is no base64, expected base64 behind it"},
	{"secrets = ({ type = \"psk\"; secret = \"0s=\"; });", "1: secrets[0].secret: begins with 0s but is no base64, expected base64 behind it"},
	{"secrets = ({ type = \"psk\"; secret_file = \"\"; });", "1: secrets[0].secret_file: is empty, expected the path of a file"},
	{"secrets = ({ type = \"psk\"; ids = [\"a b\"]; secret = \"twenty characters at least\"; });",
	                                     "1: secrets[0].ids[0]: \"a b\" is not an identity that is supported, expected addresses, names, user@name, or @#hex"},
	{"secrets = (\n5\n);",               "2: secrets[0]: is a number, expected a group { … }"},
};

/* What only makes itself heard. */
static const struct row warnings[] = {
	{"secrets = ({ type = \"psk\"; secret = \"nineteen characters\"; });",
	 "1: secrets[0].secret: only 19 characters: whoever records one handshake can guess it at leisure; expected 20 characters or more"},
	{"secrets = ({ type = \"psk\"; secret = \"0x000102030405060708090a0b0c0d0e\"; });",
	 "1: secrets[0].secret: only 15 bytes: whoever records one handshake can guess it at leisure; expected 16 random bytes or more"},
	{"connections = { c = { local = { auth = \"psk\"; id = \"a.org\"; }; remote = { auth = \"psk\"; id = \"b.org\"; }; children = { x = { }; }; }; }; secrets = ({ type = \"psk\"; ids = [\"c.org\"]; secret = \"twenty characters at least\"; });",
	 "1: connections.c: no secret in this file has \"a.org\" (we) or \"b.org\" (the peer) among its ids: authentication will fail"},
	{CHILD("mode = \"transport\";\nremote_ts = [\"dynamic[tcp/80]\", \"dynamic[udp]\"];"),
	 "3: connections.c.children.x.remote_ts: while this child is up, all packets to that host come to tunike, and those that it does not name are dropped"},
	{"secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });\n"
	 "connections = { c = { " CONN_HEAD "vips = \"::\"; children = { x = { local_ts = \"fd00::/64\"; remote_ts = \"fd01::/64\"; }; }; }; };",
	 "2: connections.c.vips: no child has \"dynamic\" in its local_ts, so that what has the address that is given is not carried"},
	{CHILD("mode = \"pass\"; remote_ts = \"10.1.0.0/16[tcp/22]\";"),
	 "2: connections.c.children.x.mode: what of it is routed to the tunnel is dropped there: only whole addresses of the other side, for any address of ours, can go around it"},
	{CHILD("mode = \"pass\"; local_ts = \"10.2.0.0/16\"; remote_ts = \"10.1.0.0/16\";"),
	 "2: connections.c.children.x.mode: what of it is routed to the tunnel is dropped there: only whole addresses of the other side, for any address of ours, can go around it"},
	{CHILD("esp_proposals = \"null-sha256\";"),
	 "2: connections.c.children.x.esp_proposals: \"null-sha256\" does not encrypt: whoever sees the packets can read them"},
};
/* clang-format on */

static void one_note(const struct row *row, enum config_severity severity)
{
	struct config_notes notes;
	struct config *c = config_load_text(row->text, "t.conf", &notes);
	char expected[1024];

	snprintf(expected, sizeof(expected), "t.conf:%s", row->note);
	ck_assert_msg(notes.n > 0, "no note: %s", expected);
	ck_assert_str_eq(notes.v[0].text, expected);
	ck_assert_msg(notes.n == 1, "and more: %s", notes.v[notes.n - 1].text);
	ck_assert_int_eq(notes.v[0].severity, severity);
	ck_assert_int_eq(c != NULL, severity == CONFIG_WARNING);
	config_free(c);
	config_notes_free(&notes);
}

START_TEST(an_error)
{
	one_note(&errors[_i], CONFIG_ERROR);
}
END_TEST

START_TEST(a_warning)
{
	one_note(&warnings[_i], CONFIG_WARNING);
}
END_TEST

static void notes_are(const char *text, const char *const *expected, size_t n)
{
	struct config_notes notes;
	struct config *c = config_load_text(text, "t.conf", &notes);

	for (size_t i = 0; i < notes.n && i < n; i++) {
		ck_assert_str_eq(notes.v[i].text, expected[i]);
	}
	ck_assert_uint_eq(notes.n, n);
	ck_assert_ptr_null(c);
	config_notes_free(&notes);
}

START_TEST(all_at_once_in_the_order_of_the_file)
{
	/* clang-format off */
	static const char *const expected[] = {
	    "t.conf:1: log.level: \"loud\" is not a level, expected error, warning, info or debug",
	    "t.conf:3: connections.c.remte_addrs: unknown key, expected remote_addrs (the nearest)",
	    "t.conf:4: connections.c.local.auth: \"pubkey\" is not supported yet, expected psk",
	    "t.conf:5: connections.c.remote.auth: is missing, expected psk",
	    "t.conf:6: connections.c.children: there is none, expected one at least: NAME = { … };",
	    "t.conf:8: workers: 65 is out of range, expected 0 to 64",
	    "t.conf:9: secrets[0].secret: begins with 0x but is no hex, expected an even number of hex digits behind it",
	};
	/* clang-format on */

	notes_are("log = { level = \"loud\"; };\n"
		  "connections = { c = {\n"
		  "  remte_addrs = \"192.0.2.1\";\n"
		  "  local = { auth = \"pubkey\"; };\n"
		  "  remote = { };\n"
		  "  children = { };\n"
		  "}; };\n"
		  "workers = 65;\n"
		  "secrets = ({ type = \"psk\"; secret = \"0xwe\"; });\n",
	    expected, sizeof(expected) / sizeof(expected[0]));
}
END_TEST

START_TEST(nobody_to_call)
{
	static const char *const expected[] = {
	    "t.conf:2: connections.c.children.a.start_action: there is nobody to call, expected an "
	    "address or a name in remote_addrs",
	    "t.conf:3: connections.c.children.b.start_action: there is nobody to call, expected an "
	    "address or a name in remote_addrs",
	};

	notes_are("secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; }); "
		  "connections = { c = { remote_addrs = [\"%any\", \"10.0.0.0/8\"]; children = {\n"
		  "a = { start_action = \"start\"; };\n"
		  "b = { start_action = \"trap\"; };\n"
		  "c = { start_action = \"none\"; }; };\n"
		  "local = { auth = \"psk\"; }; remote = { auth = \"psk\"; }; }; };",
	    expected, 2);
}
END_TEST

START_TEST(no_sides_and_no_children)
{
	static const char *const expected[] = {
	    "t.conf:2: connections.c.local.auth: is missing, expected psk",
	    "t.conf:2: connections.c.remote.auth: is missing, expected psk",
	    "t.conf:2: connections.c.children: there is none, expected one at least: NAME = { … };",
	};

	notes_are("secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });\n"
		  "connections = { c = { }; };",
	    expected, 3);
}
END_TEST

/* A thousand notes are enough; that there were more is said. */
START_TEST(notes_are_bounded)
{
	struct config_notes notes;
	size_t cap = 64 * 1500, n = 0;
	char *text = malloc(cap);

	for (int i = 0; i < 1500; i++) {
		n += (size_t)snprintf(text + n, cap - n, "k%d = 1;\n", i);
	}
	ck_assert_ptr_null(config_load_text(text, "t.conf", &notes));
	ck_assert_uint_eq(notes.n, 1001);
	ck_assert_str_eq(notes.v[1000].text, "t.conf: and 500 more of the kind");
	config_notes_free(&notes);
	free(text);
}
END_TEST

START_TEST(lists_are_bounded)
{
	struct config_notes notes;
	size_t cap = 1 << 19, n = 0;
	char *text = malloc(cap);

	n += (size_t)snprintf(text, cap, "connections = { c = { " CONN_HEAD "children = {\n");
	for (int i = 0; i < 10001; i++) {
		n += (size_t)snprintf(text + n, cap - n, "k%d = {};", i);
	}
	snprintf(text + n, cap - n, "}; }; };");
	ck_assert_ptr_null(config_load_text(text, "t.conf", &notes));
	ck_assert_str_eq(notes.v[0].text, "t.conf:1: connections.c.children: too many, expected at "
					  "most 10000, and 10000 children in all");
	config_notes_free(&notes);
	free(text);
}
END_TEST

/* One line for 33 selectors, and one for 17 proposals. */
START_TEST(values_are_bounded)
{
	char text[4096], ts[1024] = "", props[1024] = "";
	struct config_notes notes;

	for (int i = 0; i < 33; i++) {
		snprintf(ts + strlen(ts), sizeof(ts) - strlen(ts), "%s\"10.%d.0.0/16\"",
		    i ? "," : "", i);
	}
	for (int i = 0; i < 8; i++) {
		strcat(props, "\"default\",");
	}
	snprintf(text, sizeof(text),
	    CHILD("\nlocal_ts = [%s]; esp_proposals = [%s \"aes256gcm16\"];"), ts, props);
	ck_assert_ptr_null(config_load_text(text, "t.conf", &notes));
	ck_assert_uint_eq(notes.n, 2);
	ck_assert_str_eq(notes.v[0].text,
	    "t.conf:3: connections.c.children.x.local_ts: has 33 values, expected 1 to 32");
	ck_assert_str_eq(notes.v[1].text,
	    "t.conf:3: connections.c.children.x.esp_proposals[8]: too "
	    "many proposals, expected at most 16");
	config_notes_free(&notes);
}
END_TEST

TCase *errors_case(void)
{
	TCase *t = tcase_create("errors");

	tcase_add_loop_test(t, an_error, 0, (int)(sizeof(errors) / sizeof(errors[0])));
	tcase_add_loop_test(t, a_warning, 0, (int)(sizeof(warnings) / sizeof(warnings[0])));
	tcase_add_test(t, all_at_once_in_the_order_of_the_file);
	tcase_add_test(t, nobody_to_call);
	tcase_add_test(t, no_sides_and_no_children);
	tcase_add_test(t, notes_are_bounded);
	tcase_add_test(t, lists_are_bounded);
	tcase_add_test(t, values_are_bounded);
	return t;
}

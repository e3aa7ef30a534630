/*
 * The language of the file. A new key is a field in config.h and a row here.
 */
#include "config/schema.h"

#include <string.h>

#include "base/text.h"
#include "config/check.h"
#include "config/config.h"

#define ROWS(rows) sizeof(rows) / sizeof((rows)[0]), rows
#define AT(type, field) offsetof(struct type, field)
#define SUB(type, field) offsetof(struct type, field), offsetof(struct type, field##_n)
#define NOWHERE SCHEMA_NOWHERE, 0
#define NAME_MAX_CHARS 255
#define PATH_MAX_CHARS 4096
#define YEARS_MS UINT64_C(315360000000) /* ten */

/* clang-format off */

#define WORDS(name, noun, ...)                                                       \
	static const struct word name##_v[] = {__VA_ARGS__};                         \
	static const struct words name = {noun, ROWS(name##_v)}

WORDS(backends,   "a backend",   {"kernel", 0}, {"fd", WORD_LATER}, {"stack", WORD_LATER}, {"none", WORD_LATER});
WORDS(cryptos,    "a crypto",    {"auto", CRYPTO_AUTO}, {"openssl", CRYPTO_OPENSSL}, {"ipsec-mb", CRYPTO_IPSEC_MB});
WORDS(levels,     "a level",     {"error", LOG_ERROR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG});
WORDS(formats,    "a format",    {"text", LOG_TEXT}, {"json", LOG_JSON});
WORDS(types,      "a type",      {"psk", SECRET_PSK}, {"eap", WORD_LATER}, {"ppk", SECRET_PPK}, {"key", WORD_LATER});
WORDS(versions,   "a version",   {"2", 2}, {"1", WORD_LATER}, {"0", WORD_LATER});
WORDS(uniques,    "a value of unique", {"replace", UNIQUE_REPLACE}, {"keep", UNIQUE_KEEP}, {"no", UNIQUE_NO}, {"never", UNIQUE_NEVER});
WORDS(fragments,  "a value of fragmentation", {"yes", FRAGMENTATION_YES}, {"accept", FRAGMENTATION_ACCEPT},
                                 {"no", FRAGMENTATION_NO}, {"force", FRAGMENTATION_YES});
WORDS(childless,  "a value of childless", {"never", CHILDLESS_NEVER}, {"allow", CHILDLESS_ALLOW},
                                 {"prefer", CHILDLESS_PREFER}, {"force", CHILDLESS_FORCE});
WORDS(modes,      "a mode",      {"tunnel", MODE_TUNNEL}, {"transport", MODE_TRANSPORT}, {"pass", MODE_PASS}, {"drop", MODE_DROP});
WORDS(dscps,      "a value of copy_dscp", {"out", COPY_DSCP_OUT}, {"in", COPY_DSCP_IN}, {"yes", COPY_DSCP_YES}, {"no", COPY_DSCP_NO},
                                 {"true", COPY_DSCP_YES}, {"false", COPY_DSCP_NO});
WORDS(per_cpus,   "a value of per_cpu_sas", {"no", PER_CPU_NO}, {"yes", PER_CPU_YES}, {"false", PER_CPU_NO}, {"true", PER_CPU_YES},
                                 {"encap", WORD_LATER});
WORDS(starts,     "a start_action", {"none", START_NONE}, {"trap", START_TRAP}, {"start", START_START},
                                 {"trap|start", WORD_LATER}, {"start|trap", WORD_LATER});
WORDS(dpds,       "a dpd_action", {"clear", LOSS_CLEAR}, {"trap", LOSS_TRAP}, {"restart", LOSS_RESTART},
                                 {"none", LOSS_CLEAR}, {"start", LOSS_RESTART});
WORDS(closes,     "a close_action", {"none", LOSS_CLEAR}, {"trap", LOSS_TRAP}, {"restart", LOSS_RESTART},
                                 {"clear", LOSS_CLEAR}, {"start", LOSS_RESTART});
WORDS(auths,      "a way to authenticate", {"psk", AUTH_PSK}, {"pubkey*", WORD_LATER}, {"rsa*", WORD_LATER},
                                 {"ecdsa*", WORD_LATER}, {"ed25519", WORD_LATER}, {"ed448", WORD_LATER}, {"ike:*", WORD_LATER},
                                 {"eap*", WORD_LATER}, {"xauth*", WORD_LATER}, {"any", WORD_LATER}, {"null", WORD_LATER});

/* How a row is written: key, where it goes, what is allowed, what holds without it, what it is for. */
#define BOOL(key, at, built, def, help)            {key, K_BOOL, at, 0, 0, 1, built, def, false, NULL, NULL, NULL, help}
#define NUM(key, kind, at, lo, hi, built, def, help) {key, kind, at, 0, lo, hi, built, def, false, NULL, NULL, NULL, help}
#define WORD(key, at, words, def, help)            {key, K_WORD, at, 0, 0, 0, 0, def, false, &words, NULL, NULL, help}
#define MUST(key, at, words, help)                 {key, K_WORD, at, 0, 0, 0, 0, NULL, true, &words, NULL, NULL, help}
#define TEXT(key, kind, at, lo, hi, def, help)     {key, kind, at, 0, lo, hi, 0, def, false, NULL, NULL, NULL, help}
#define LIST(key, kind, sub, lo, hi, def, help)    {key, kind, sub, lo, hi, 0, def, false, NULL, NULL, NULL, help}
#define PROPS(key, kind, at, def, help)            {key, kind, at, 0, 1, PROPOSAL_MAX, 0, def, false, NULL, NULL, NULL, help}
#define LATER(key, off, help)                      {key, K_LATER, NOWHERE, 0, 0, 0, NULL, false, NULL, off, NULL, help}
#define FOREIGN(key, type, help)                   {key, K_FOREIGN, NOWHERE, 0, 0, 0, NULL, false, NULL, type, NULL, help}
#define GROUP(key, at, group, help)                {key, K_GROUP, at, 0, 0, 0, 0, NULL, false, NULL, NULL, &group, help}
#define MANY(key, kind, sub, hi, group, help)      {key, kind, sub, 0, hi, 0, NULL, false, NULL, NULL, &group, help}

static const struct row tun_rows[] = {
	/*   key        kind      where                  least most  built  default     help */
	WORD("backend",           SCHEMA_NOWHERE,        backends,          "kernel",   "how packets reach the host: kernel is a TUN device"),
	TEXT("name",    K_STRING, AT(config, tun.name),  1, 15,             "tunike0",  "name of the TUN device"),
	NUM ("mtu",     K_U32,    AT(config, tun.mtu),   0, 65535, 65535,   "0",        "its MTU in bytes, 576 or more; 0: from the path"),
	NUM ("queues",  K_U32,    AT(config, tun.queues), 0, 256,  256,     "0",        "queues of the device; 0: one per worker"),
	LATER("fd",     "-1",                                                           "a descriptor that was handed in, for backend fd"),
};

static const struct row log_rows[] = {
	WORD("level",  AT(config, log_level),  levels,  "info", "the least important thing that is logged"),
	WORD("format", AT(config, log_format), formats, "text", "form of the lines on standard error"),
};

static const struct row secret_rows[] = {
	MUST("type",            AT(config_secret, type), types,                        "what the secret is for: psk is a key shared with the peer, ppk a further one against quantum computers (RFC 8784)"),
	LIST("ids",             K_IDENTS,      SUB(config_secret, ids), 0, 1000, NULL, "of a psk: identities it belongs to, ours or the peer's; none: every identity"),
	TEXT("secret",          K_SECRET,      AT(config_secret, secret), 1, 4096, NULL, "the secret itself: text, 0x and hex digits, or 0s and base64"),
	TEXT("secret_file",     K_SECRET_FILE, AT(config_secret, secret), 1, PATH_MAX_CHARS, NULL, "a file of mode 0600 with the secret, read in place of secret"),
	TEXT("id",              K_STRING,      AT(config_secret, id), 1, CONFIG_PPK_ID_MAX, NULL, "name of a ppk secret, the same at the peer"),
	FOREIGN("file",         "key",                                                 "file of a private key"),
	FOREIGN("passphrase",   "key",                                                 "passphrase of a private key"),
	FOREIGN("passphrase_file", "key",                                              "file with the passphrase of a private key"),
};

static const struct row local_rows[] = {
	MUST ("auth",        AT(config_side, auth), auths,                           "how we prove who we are"),
	TEXT ("id",          K_IDENT, AT(config_side, id), 0, NAME_MAX_CHARS, "%any", "our identity; without it our address"),
	LATER("certs",       NULL,                                                   "certificates to send"),
	LATER("eap_id",      "",                                                     "identity inside EAP"),
};

static const struct row remote_rows[] = {
	MUST ("auth",        AT(config_side, auth), auths,                           "how the peer proves who it is"),
	TEXT ("id",          K_IDENT, AT(config_side, id), 0, NAME_MAX_CHARS, "%any", "identity that the peer must show; without it any that has a secret"),
	LATER("certs",       NULL,                                                   "certificates that are accepted"),
	LATER("cacerts",     NULL,                                                   "authorities that are accepted"),
	LATER("crls",        NULL,                                                   "revocation lists"),
	LATER("revocation",  NULL,                                                   "what to do without word about revocation"),
	LATER("eap_id",      "",                                                     "identity expected inside EAP"),
};

#define CHILD(field) AT(config_child, field)
#define CHILDREN(field) SUB(config_child, field)

static const struct row child_rows[] = {
	/*   key             kind             where                     least most   built  default      help */
	LIST("local_ts",     K_TS,            CHILDREN(local_ts),       1, TS_MAX,          "dynamic",   "our side of the traffic; dynamic is our address"),
	LIST("remote_ts",    K_TS,            CHILDREN(remote_ts),      1, TS_MAX,          "dynamic",   "the peer's side of the traffic; dynamic is its address"),
	PROPS("esp_proposals", K_ESP_PROPOSALS, CHILD(esp_proposals),                       "default",   "ciphers for packets, best first"),
	WORD("mode",         CHILD(mode),     modes,                                        "tunnel",    "tunnel: whole packets inside packets; transport: between two hosts, their own header kept; pass: without protection; drop: not at all"),
	NUM ("priority",     K_U32,           CHILD(priority),          0, 0xffffffff, 0xffffffff, "0",  "of its policies, lower first; 0: the more specific selectors first"),
	WORD("start_action", CHILD(start_action), starts,                                   "none",      "none: wait for the peer or tunike up; trap: when a packet wants out; start: at once"),
	WORD("dpd_action",   CHILD(dpd_action), dpds,                                       "clear",     "when the peer is dead: forget it, trap, or restart"),
	WORD("close_action", CHILD(close_action), closes,                                   "none",      "when the peer closes it: nothing, trap, or restart"),
	NUM ("rekey_time",    K_DURATION, CHILD(soft.time_ms), 0, YEARS_MS, UINT64_MAX,     "1h",        "age at which new keys are made, less a part by chance (rand_time); 0s: never"),
	NUM ("rekey_bytes",   K_SIZE,     CHILD(soft.bytes),   0, UINT64_MAX, UINT64_MAX,   "0",         "bytes in one direction after which new keys are made; 0: never"),
	NUM ("rekey_packets", K_SIZE,     CHILD(soft.packets), 0, UINT64_MAX, UINT64_MAX,   "0",         "packets in one direction after which new keys are made; 0: never"),
	NUM ("life_time",     K_DURATION, CHILD(hard.time_ms), 0, YEARS_MS, UINT64_MAX,     "66m",       "age at which it is closed; without it a tenth more than rekey_time; 0s: no limit"),
	NUM ("rand_time",     K_DURATION, CHILD(rand_ms),      0, YEARS_MS, UINT64_MAX,     "6m",        "rekey_time is shortened by up to so much by chance; without it by up to a tenth"),
	NUM ("life_bytes",    K_SIZE,     CHILD(hard.bytes),   0, UINT64_MAX, UINT64_MAX,   "0",         "bytes after which it is closed; without it a tenth more than rekey_bytes; 0: no limit"),
	NUM ("life_packets",  K_SIZE,     CHILD(hard.packets), 0, UINT64_MAX, UINT64_MAX,   "0",         "packets after which it is closed; without it a tenth more than rekey_packets; 0: no limit"),
	NUM ("replay_window", K_U32,      CHILD(replay_window), 0, 32768, 32768,            "1024",      "packets that may come late and still be told from replays; 0: no protection"),
	TEXT("tfc_padding",  K_TFC,           CHILD(tfc_padding),       0, 65535,           "0",         "inner packets are padded to so many bytes, or mtu: as far as the path goes; 0: not"),
	NUM ("tfc_dummies",   K_U32,      CHILD(tfc_dummies),   0, 1000, 1000,              "0",         "packets a second that are sent at least: dummies (RFC 4303 section 2.6) where there are no others; 0: none"),
	BOOL("lenient_padding",               CHILD(lenient_padding),   1,                  "false",     "accept packets whose padding is not the one that RFC 4303 asks for"),
	WORD("copy_dscp",    CHILD(copy_dscp), dscps,                                       "out",       "copy the DSCP: out to the outer header, in to the inner one, yes both ways, or no"),
	BOOL("copy_df",                       CHILD(copy_df),           1,                  "true",      "copy the DF bit to the outer header"),
	BOOL("copy_ecn",                      CHILD(copy_ecn),          1,                  "true",      "carry ECN through the tunnel as RFC 6040 has it"),
	WORD("per_cpu_sas",  CHILD(per_cpu_sas), per_cpus,                                  "no",        "one child more for every worker (RFC 9611), so that all cores carry it"),
	LATER("updown",      "",                                                                         "a program to run when it comes up or goes down"),
};
static const struct group child_group = {ROWS(child_rows), sizeof(struct config_child), NULL, check_child};

#define CONN(field) AT(config_conn, field)
#define CONNS(field) SUB(config_conn, field)

static const struct group local_group = {ROWS(local_rows), sizeof(struct config_side), NULL, NULL};
static const struct group remote_group = {ROWS(remote_rows), sizeof(struct config_side), NULL, NULL};

static const struct row conn_rows[] = {
	/*   key             kind             where                     least most   built   default      help */
	WORD("version",      SCHEMA_NOWHERE,  versions,                                      "2",         "IKE version: 2; 1 and 0 (either) are not supported yet"),
	LIST("local_addrs",  K_LOCAL_ADDRS,   CONNS(local_addrs),       1, 64,               "%any",      "our addresses or names; %any: any"),
	LIST("remote_addrs", K_REMOTE_ADDRS,  CONNS(remote_addrs),      1, 64,               "%any",      "the peer's addresses or names, or prefixes to accept calls from; %any: any"),
	NUM ("local_port",   K_U16,           CONN(local_port),         1, 65535, 65535,     "500",       "our UDP port for IKE"),
	NUM ("remote_port",  K_U16,           CONN(remote_port),        1, 65535, 65535,     "500",       "the peer's; 4500: start on the NAT-T port"),
	PROPS("proposals",   K_IKE_PROPOSALS, CONN(proposals),                               "default",   "algorithms for IKE, best first"),
	BOOL("encap",                         CONN(encap),              1,                   "true",      "ESP in UDP always, also without a NAT"),
	BOOL("qcd",                           CONN(qcd),                1,                   "false",     "quick crash detection (RFC 6290): a restart of either end is noticed within one round trip"),
	BOOL("resumption",                    CONN(resumption),         1,                   "false",     "session resumption (RFC 5723): an IKE SA that was lost is set up again with a ticket"),
	NUM ("ticket_lifetime", K_DURATION,   CONN(ticket_ms),          1000, 86400000, UINT64_MAX, "1h",  "how long a ticket that we grant is good; at most 24h"),
	WORD("unique",                        CONN(unique),             uniques,             "replace",   "when the same peer comes twice: replace the old, keep the old, no (replace only if it says so), never ask"),
	NUM ("dpd_delay",    K_DURATION,      CONN(dpd_delay_ms),       0, YEARS_MS, UINT64_MAX, "30s",   "silence after which the peer is asked if it lives; 0s: never"),
	NUM ("keyingtries",  K_U32,           CONN(keyingtries),        0, 1000000, 1000000, "0",         "how often a failed start is tried; 0: for ever"),
	BOOL("mobike",                        SCHEMA_NOWHERE,           0,                   "false",     "move to other addresses; not supported yet, so false only"),
	WORD("fragmentation",                 CONN(fragmentation),      fragments,           "yes",       "long IKE messages in fragments (RFC 7383): yes, accept the peer's and send none, or no"),
	WORD("childless",                     CONN(childless),          childless,           "allow",     "IKE SAs that begin without a child (RFC 6023): never; allow the peer to; prefer to ourselves, where the peer can; force: in no other way"),
	BOOL("follow_redirects",              CONN(follow_redirects),   1,                   "true",      "call another gateway when this one says so (RFC 5685)"),
	TEXT("redirect_to",  K_IDENT,         CONN(redirect_to),        0, NAME_MAX_CHARS,   "%any",      "address or name of the gateway that peers are sent to, where they go along (RFC 5685); without it: none"),
	TEXT("ppk_id",       K_STRING,        CONN(ppk_id),             1, CONFIG_PPK_ID_MAX, NULL,        "name of the secret of type ppk that is mixed into the keys (RFC 8784); without it none as initiator, and any that the peer names as responder"),
	BOOL("ppk_required",                  CONN(ppk_required),       1,                   "false",     "no IKE SA without a PPK"),
	NUM ("rekey_time",   K_DURATION,      CONN(rekey_ms),           0, YEARS_MS, UINT64_MAX, "4h",    "age at which IKE makes new keys, less a part by chance (rand_time); 0s: never"),
	NUM ("reauth_time",  K_DURATION,      CONN(reauth_ms),          0, YEARS_MS, UINT64_MAX, "0s",    "age at which IKE and its children are set up afresh, less a part by chance; 0s: never"),
	NUM ("over_time",    K_DURATION,      CONN(over_ms),            0, YEARS_MS, UINT64_MAX, "24m",   "time after rekey_time or reauth_time when it is ended if neither could be done; without it a tenth of the longer one; 0s: never"),
	NUM ("rand_time",    K_DURATION,      CONN(rand_ms),            0, YEARS_MS, UINT64_MAX, "24m",   "rekey_time and reauth_time are shortened by up to so much by chance; without it by up to a tenth of each"),
	LIST("vips",         K_ADDRS,         CONNS(vips),              0, 8,                NULL,        "addresses to ask the peer for: 0.0.0.0 and :: for any of the family; dynamic is what it gives"),
	LIST("pools",        K_NAMES,         CONNS(pools),             0, 8,                NULL,        "pools to hand addresses out of, tried in this order; dynamic is what the peer gets"),
	LATER("send_cert",   "never",                                                                     "when to send certificates"),
	LATER("send_certreq", "false|no",                                                                 "ask for certificates"),
	GROUP("local",       CONN(local),     local_group,                                                "our side"),
	GROUP("remote",      CONN(remote),    remote_group,                                               "the peer's side"),
	MANY ("children",    K_NAMED,         CONNS(children), 10000,   child_group,                      "the tunnels of the connection, by name; one at least"),
};

static const struct row pool_rows[] = {
	{"addrs", K_RANGES, SUB(config_pool, addrs), 1, 16, 0, NULL, true, NULL, NULL, NULL, "the addresses: a subnet without its first and, of IPv4, its last address, or a range from one to another"},
	LIST("dns",          K_ADDRS,         SUB(config_pool, dns),     0, 8,               NULL,        "DNS servers to go with them"),
	LIST("domains",      K_DOMAINS,       SUB(config_pool, domains), 0, 32,              NULL,        "domains that these servers are for (RFC 8598); none: they are for all"),
	LIST("subnet",       K_PREFIXES,      SUB(config_pool, subnets), 0, 32,              NULL,        "networks behind this gateway, for peers that ask no children for them"),
};
static const struct group pool_group = {ROWS(pool_rows), sizeof(struct config_pool), NULL, check_pool};

static const struct group conn_group = {ROWS(conn_rows), sizeof(struct config_conn), NULL, check_conn};
static const struct group tun_group = {ROWS(tun_rows), 0, NULL, check_tun};
static const struct group log_group = {ROWS(log_rows), 0, NULL, NULL};
static const struct group secret_group = {ROWS(secret_rows), sizeof(struct config_secret), check_secret_type, check_secret};

static const struct row root_rows[] = {
	GROUP("tun",         0,               tun_group,                                                  "the device"),
	NUM ("workers",      K_U32,           AT(config, workers),      0, 64, 64,           "0",         "threads that move packets; 0: one per core"),
	WORD("crypto",                        AT(config, crypto),       cryptos,             "auto",      "who does the ciphers; auto: the fastest that is there"),
	NUM ("fragment_size", K_U32,     AT(config, fragment_size), 0, 65535, 65535, "1280",      "bytes of an IP packet that IKE fragments keep to, 256 or more; 0: 576 over IPv4, 1280 over IPv6"),
	NUM ("cookie_threshold", K_U32,  AT(config, flood.cookie_threshold), 0, 1000000, 1000000, "30", "half-open IKE SAs from which on a caller must bring a cookie; 0: never"),
	NUM ("cookie_threshold_ip", K_U32, AT(config, flood.cookie_threshold_ip), 0, 1000000, 1000000, "3", "half-open IKE SAs of one address from which on it must bring a cookie; 0: never"),
	NUM ("block_threshold", K_U32,   AT(config, flood.block_threshold), 0, 1000000, 1000000, "32",  "half-open IKE SAs of one address beyond which nothing of it is taken; 0: any number"),
	NUM ("init_limit_half_open", K_U32, AT(config, flood.init_limit_half_open), 1, 50000, 50000, "1000", "half-open IKE SAs beyond which no caller is taken"),
	NUM ("half_open_timeout", K_DURATION, AT(config, flood.half_open_timeout_ms), 2000, 600000, UINT64_MAX, "100s", "life of a half-open IKE SA"),
	NUM ("puzzle_threshold", K_U32,  AT(config, flood.puzzle_threshold), 0, 1000000, 1000000, "200", "half-open IKE SAs from which on a caller must solve a puzzle (RFC 8019); 0: never"),
	NUM ("puzzle_threshold_ip", K_U32, AT(config, flood.puzzle_threshold_ip), 0, 1000000, 1000000, "10", "half-open IKE SAs of one address from which on it must solve a puzzle; 0: never"),
	NUM ("puzzle_difficulty", K_U32, AT(config, flood.puzzle_difficulty), 9, 24, 24,   "16",        "zero bits of the puzzles that callers get; up to 4 more as the load grows"),
	NUM ("puzzle_difficulty_max", K_U32, AT(config, flood.puzzle_difficulty_max), 0, 28, 28, "20", "zero bits of the hardest puzzle that is solved to call a gateway; 0: none is"),
	TEXT("busy_poll",    K_MICROS,        AT(config, busy_poll_us), 0, 1000000,          "0",         "how long an idle worker looks for packets before it sleeps: costs a core, saves a wake-up"),
	GROUP("log",         0,               log_group,                                                  "the log"),
	TEXT("keylog",       K_PATH,          AT(config, keylog),       0, PATH_MAX_CHARS,   "",          "a folder for keys in Wireshark's form; whoever reads it reads all traffic; empty: off"),
	TEXT("control",      K_PATH,          AT(config, control),      1, 107, "/run/tunike/control.sock", "the control socket"),
	TEXT("state",        K_PATH,          AT(config, state),        1, PATH_MAX_CHARS,   "/var/lib/tunike", "a folder for what survives restarts: the secret of qcd; made when it is needed"),
	MANY("secrets",      K_LIST,          SUB(config, secrets),     10000, secret_group,              "secrets, a list of groups"),
	MANY("pools",        K_NAMED,         SUB(config, pools),       1000, pool_group,                 "addresses to hand out to peers, by name"),
	MANY("connections",  K_NAMED,         SUB(config, conns),       10000, conn_group,                "connections, by name"),
};

const struct group schema_root = {ROWS(root_rows), sizeof(struct config), NULL, check_root};

/* clang-format on */

const struct row *schema_row(const struct group *g, const char *key)
{
	for (size_t i = 0; i < g->n; i++) {
		if (strcmp(g->rows[i].key, key) == 0) {
			return &g->rows[i];
		}
	}
	return NULL;
}

/* Built, and not another name for one before it. */
static bool is_shown(const struct words *w, size_t i)
{
	bool shown = w->v[i].value != WORD_LATER;

	for (size_t j = 0; j < i; j++) {
		shown = shown && w->v[j].value != w->v[i].value;
	}
	return shown;
}

const char *schema_words_text(const struct words *w, char *dst, size_t cap)
{
	struct text t = text_of(dst, cap);
	size_t left = 0, said = 0;

	for (size_t i = 0; i < w->n; i++) {
		left += is_shown(w, i);
	}
	for (size_t i = 0; i < w->n; i++) {
		if (is_shown(w, i)) {
			left--;
			text_add(&t, said++ == 0 ? "" : left ? ", " : " or ");
			text_add(&t, w->v[i].text);
		}
	}
	return text_end(&t);
}

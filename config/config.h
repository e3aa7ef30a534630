/*
 * The configuration, typed and checked. Text comes in through config_load(); everything else in the
 * program sees only these structs. Names are those of the file (tunike.conf.5).
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdio.h>

#include <string.h>

#include "base/addr.h"
#include "base/ident.h"
#include "base/proposal.h"
#include "base/secret.h"
#include "base/ts.h"

enum config_start_action { START_NONE, START_TRAP, START_START };
/* dpd_action, close_action; none = clear */
enum config_loss_action { LOSS_CLEAR, LOSS_TRAP, LOSS_RESTART };
enum config_unique { UNIQUE_REPLACE, UNIQUE_KEEP, UNIQUE_NO, UNIQUE_NEVER };
/* Accept: take fragments, send none. */
enum config_fragmentation { FRAGMENTATION_NO, FRAGMENTATION_ACCEPT, FRAGMENTATION_YES };
/* An IKE SA without a child (RFC 6023), by rising insistence; from PREFER on we begin so. */
enum config_childless { CHILDLESS_NEVER, CHILDLESS_ALLOW, CHILDLESS_PREFER, CHILDLESS_FORCE };
enum config_auth { AUTH_PSK };
enum config_crypto { CRYPTO_AUTO, CRYPTO_OPENSSL, CRYPTO_IPSEC_MB };
/* Pass and drop are policies of their own, without any peer: packets left alone, packets thrown
 * away. */
enum config_mode { MODE_TUNNEL, MODE_TRANSPORT, MODE_PASS, MODE_DROP };
/* Out: to the outer header; in: to the inner one. */
enum config_copy_dscp { COPY_DSCP_NO, COPY_DSCP_OUT, COPY_DSCP_IN, COPY_DSCP_YES };
enum config_per_cpu { PER_CPU_NO, PER_CPU_YES };
enum config_log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum config_log_format { LOG_TEXT, LOG_JSON };
enum config_secret_type { SECRET_PSK, SECRET_PPK };

enum { CONFIG_PPK_ID_MAX = 255 }; /* characters of ppk_id */

/* What a gateway hands out: addresses, and what goes with them. */
struct config_range {
	struct addr lo, hi; /* one family, lo <= hi: all of them are handed out */
};

struct config_pool {
	char *name;
	struct config_range *addrs; /* one at least */
	size_t addrs_n;
	struct addr *dns;
	size_t dns_n;
	char **domains; /* that the DNS servers are for: RFC 8598 */
	size_t domains_n;
	struct prefix *subnets; /* that are behind the gateway */
	size_t subnets_n;
};

#define CONFIG_TFC_MTU 65535 /* tfc_padding "mtu": as much as the path carries */

/* One side's traffic selectors before the own address is known. */
struct config_ts {
	/* "dynamic": the side's address (or virtual address), with ts.proto and ports; ts.lo and
	 * ts.hi mean nothing then. */
	bool dynamic;
	struct ts ts;
};

struct config_lifetime {
	uint64_t time_ms; /* 0: no limit, likewise the others */
	uint64_t bytes;
	uint64_t packets;
};

struct config_child {
	char *name;
	struct config_ts *local_ts, *remote_ts; /* at least one each */
	size_t local_ts_n, remote_ts_n;
	struct proposal_list esp_proposals;
	enum config_start_action start_action;
	enum config_loss_action dpd_action, close_action;
	struct config_lifetime soft; /* rekey_time, rekey_bytes, rekey_packets */
	struct config_lifetime hard; /* life_time, life_bytes, life_packets */
	uint64_t rand_ms;       /* up to so much of soft.time_ms is taken off; CONFIG_RAND_TENTH */
	uint32_t replay_window; /* packets, 0 to 32768 */
	enum config_mode mode;
	uint32_t priority; /* lower is looked at first; 0: by the selectors */
	enum config_copy_dscp copy_dscp;
	bool copy_df, copy_ecn;
	uint32_t tfc_padding; /* bytes of an inner packet; 0: off; CONFIG_TFC_MTU */
	uint32_t tfc_dummies; /* packets a second that are sent at least; 0: as there are */
	bool lenient_padding;
	enum config_per_cpu per_cpu_sas;
};

#define CONFIG_RAND_TENTH UINT64_MAX /* a tenth of each time */

struct config_side {
	enum config_auth auth;
	struct ident id; /* IDENT_ANY when not given: local, the address; remote, anything */
};

struct config_conn {
	char *name;
	/* Addresses, names or "%any"; remote may be a prefix too. */
	char **local_addrs, **remote_addrs;
	size_t local_addrs_n, remote_addrs_n;
	uint16_t local_port, remote_port; /* remote_port 4500: start on the NAT-T port */
	struct proposal_list proposals;
	bool encap;
	bool qcd;           /* quick crash detection: RFC 6290 */
	bool resumption;    /* tickets: RFC 5723 */
	uint64_t ticket_ms; /* how long those that we grant are good */
	enum config_unique unique;
	enum config_fragmentation fragmentation; /* of IKE messages */
	enum config_childless childless;
	bool follow_redirects;    /* RFC 5685: another gateway that this one names is called */
	struct ident redirect_to; /* where peers are sent; IDENT_ANY: nowhere */
	char *ppk_id;      /* RFC 8784: of the PPK that is used; NULL: none, or the peer's choice */
	bool ppk_required; /* never without one */
	uint64_t dpd_delay_ms; /* 0: off */
	uint64_t rekey_ms;     /* age of the IKE SA's keys at which new ones are made; 0: never */
	uint64_t over_ms;      /* that much later without new ones it ends; 0: never */
	uint64_t reauth_ms;    /* age at which the peers authenticate once more; 0: never */
	uint64_t rand_ms;      /* up to so much of both is taken off; CONFIG_RAND_TENTH */
	bool callable;         /* remote_addrs names somebody to call */
	uint32_t keyingtries;  /* 0: for ever */
	struct addr *vips;     /* to ask the peer for; 0.0.0.0 and ::, any of the family */
	size_t vips_n;
	char **pools; /* names of those to hand addresses out of, in order */
	size_t pools_n;
	struct config_side local, remote;
	struct config_child *children;
	size_t children_n;
};

struct config_secret {
	enum config_secret_type type;
	struct ident *ids; /* PSK; none: for every identity */
	size_t ids_n;
	char *id; /* PPK: its name, as the peer says it; NULL otherwise */
	struct secret secret;
};

struct config {
	char *path; /* the file it came from */
	struct {
		char *name;
		uint32_t mtu;    /* 0: from the path */
		uint32_t queues; /* 0: one per worker */
	} tun;
	uint32_t workers; /* 0: one per core */
	enum config_crypto crypto;
	uint32_t fragment_size; /* bytes of an IP packet with a fragment of IKE; 0: 576 or 1280 */
	/* Half-open IKE SAs, in all and of one address (_ip), from which on callers must do more;
	 * 0: never. */
	struct {
		uint32_t cookie_threshold, cookie_threshold_ip;
		uint32_t puzzle_threshold, puzzle_threshold_ip;
		uint32_t block_threshold;      /* of one address: no more are taken */
		uint32_t init_limit_half_open; /* in all: likewise; never 0 */
		uint64_t half_open_timeout_ms;
		uint32_t puzzle_difficulty;     /* zero bits, of ours */
		uint32_t puzzle_difficulty_max; /* of a peer's; 0: none is solved */
	} flood;
	uint32_t busy_poll_us; /* how long an idle worker spins before it sleeps */
	enum config_log_level log_level;
	enum config_log_format log_format;
	char *keylog;  /* a folder; "" is off */
	char *control; /* the control socket */
	char *state;   /* a folder for what survives restarts */
	struct config_secret *secrets;
	size_t secrets_n;
	struct config_pool *pools;
	size_t pools_n;
	struct config_conn *conns;
	size_t conns_n;
};

/* One finding of the check. */
enum config_severity { CONFIG_ERROR, CONFIG_WARNING };
struct config_note {
	enum config_severity severity;
	char *text; /* "file:line: path: what is wrong, expected …" */
};

struct config_notes {
	size_t n;
	struct config_note *v; /* owned */
};

/* Reads and checks a whole file. All errors are found, not the first only. Returns the
 * configuration (freed by the caller), or NULL if there was any error. `notes` (initialised here,
 * freed by the caller) has errors and warnings in the order of the file. */
struct config *config_load(const char *path, struct config_notes *notes);
/* The same from text in memory; `path` is used in messages and for relative paths. For tests,
 * fuzzing and `tunike connect`. */
struct config *config_load_text(const char *text, const char *path, struct config_notes *notes);
/* The version of the library that reads the syntax; static text. */
const char *config_library(void);
void config_free(struct config *c); /* secrets are wiped; NULL is fine */
void config_notes_free(struct config_notes *notes);

/* Is it a policy without a peer? */
static inline bool config_child_is_static(const struct config_child *c)
{
	return c->mode == MODE_PASS || c->mode == MODE_DROP;
}

/* Can a gateway be called by this? An address, or a name that is no pattern: RFC 5685 section 9.2.
 */
bool config_is_gateway(const struct ident *id);
const struct config_conn *config_conn_find(const struct config *c, const char *name);
const struct config_child *config_child_find(const struct config_conn *c, const char *name);

const struct config_pool *config_pool_find(const struct config *c, const char *name);

/* The PSK for a handshake between these two: the one whose ids fit best, the peer's before ours;
 * one without ids fits all, but last. NULL: none. Borrowed from the configuration. */
const struct config_secret *config_secret_find(
    const struct config *c, const struct ident *own, const struct ident *peer);

/* The post-quantum preshared key of that name, RFC 8784; NULL: none. Borrowed. */
static inline const struct config_secret *config_ppk_find(const struct config *c, struct bytes id)
{
	for (size_t i = 0; i < c->secrets_n; i++) {
		const struct config_secret *s = &c->secrets[i];
		if (s->type == SECRET_PPK && s->id &&
		    bytes_equal(bytes_of(s->id, strlen(s->id)), id)) {
			return s;
		}
	}
	return NULL;
}

static inline bool config_has_ppk(const struct config *c)
{
	bool found = false;

	for (size_t i = 0; i < c->secrets_n; i++) {
		found = found || c->secrets[i].type == SECRET_PPK;
	}
	return found;
}

/* Every key of the file in the order of the schema: for help, and to check the manual page. */
struct config_key {
	const char *path;     /* "connections.NAME.children.NAME.mode", "secrets[].type" */
	const char *kind;     /* "duration", or the words it takes: "none, trap or start" */
	const char *fallback; /* what holds without it; NULL: nothing */
	const char *help;     /* one sentence without its full stop */
};
/* The strings live until `fn` returns. */
void config_keys_each(void (*fn)(void *arg, const struct config_key *key), void *arg);

/* Levenshtein-nearest of `n` words, or NULL if none is near enough to be a slip of the fingers. */
const char *config_nearest(const char *word, const char *const *words, size_t n);

#endif

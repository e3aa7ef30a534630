/*
 * The IKEv2 engine: RFC 7296. Bytes, commands and time go in; bytes, events and a deadline come
 * out. No sockets, threads, clocks, files or logs here, and no long-term secrets.
 *
 * The contract: after each of ike_engine_input, _command and _tick the caller drains datagrams and
 * events until there are none, then arranges to call ike_engine_tick at ike_engine_deadline.
 *
 * Every UP that made an IKE SA ends with IKE_UP or with one IKE_DOWN, also when nothing could be
 * begun (the limits, no algorithm). Every child that was begun ends with CHILD_UP, CHILD_FAILED, or
 * the IKE_DOWN of its SA; those that the engine begins by itself for more workers (RFC 9611) fail
 * without an event. An IKE_SA_INIT that we refuse as responder is an IKE_DOWN of an SA that
 * never was (conn NULL), a child of the peer's that we refuse a CHILD_FAILED with a child_id of its
 * own. A refusal that anybody could have forged (an error in answer to our IKE_SA_INIT) is believed
 * when no better answer has come within 5/4 of the first retransmission time. The engine holds
 * secrets of its own SAs, and of what it seals and shows by itself, in wiped memory.
 */
#ifndef IKE_IKE_H
#define IKE_IKE_H

#include "config/config.h"
#include "ike/err.h"
#include "ike/event.h"
#include "ike/ext.h"
#include "ike/limits.h"

struct ike_engine;

typedef uint64_t ike_time; /* milliseconds of a monotonic clock */
#define IKE_NEVER UINT64_MAX

enum { IKE_QCD_SECRET = 32 }; /* RFC 6290 section 5.1 */

struct ike_datagram {
	struct endpoint local, remote;
	/* Four zero bytes stand before the message on the wire (RFC 3948 section 2.2). The driver
	 * adds and strips them: `data` never holds them. A one-byte 0xFF keepalive has marker =
	 * false. */
	bool marker;
	struct bytes data;
};

/* strongSwan's schedule: the n-th retransmission waits timeout * base^n. */
struct ike_retransmit {
	uint32_t timeout_ms; /* 4000 */
	double base;         /* 1.8 */
	uint32_t tries;      /* 5 */
};
extern const struct ike_retransmit ike_retransmit_default;

struct ike_params {
	struct ossl_lib_ctx_st *libctx; /* algorithms and randomness; borrowed */
	const struct config *config;    /* borrowed for the engine's life */
	/* Inbound SPIs of Child SAs are chosen by the data plane. get returns 0 when there is none;
	 * put gives back one that never came with IKE_EV_CHILD_UP. */
	uint32_t (*spi_get)(void *arg);
	void (*spi_put)(void *arg, uint32_t spi);
	void *spi_arg;
	const struct ike_limits *limits;         /* NULL: the configuration's; copied */
	const struct ike_retransmit *retransmit; /* NULL: default; copied */
	uint32_t keepalive_ms;                   /* 0: 20 s, RFC 3948 section 4 */
	uint16_t natt_port;                      /* our local port for UDP encapsulation; 0: 4500 */
	bool want_keys;                          /* emit IKE_EV_KEYS */
	/* RFC 6290: what makes our crash detection tokens, the same after a restart; IKE_QCD_SECRET
	 * bytes, copied. Anything else: none is made. */
	struct bytes qcd_secret;
	uint32_t resources; /* RFC 9611: Child SAs with the same selectors, one for each worker of
			       the data plane; 0: 1 */
};

enum ike_command_kind {
	/* Bring conn, or one child of it, up. Joins an IKE SA of conn that is up or coming up:
	 * children that are missing are begun there with the new tag, the SA keeps its own. What is
	 * there already is a STEP with the new tag, and nothing more. */
	IKE_CMD_UP,
	/* Delete conn's IKE SAs, or one child. DOWN events follow the peer's answer, or 3 s.
	 * IKE_EUNKNOWN: there was nothing to delete. */
	IKE_CMD_DOWN,
	IKE_CMD_ACQUIRE, /* a trapped packet wants `child`; like UP, `flow` is sent as the first
			    selector */
	IKE_CMD_OP_DONE,
	IKE_CMD_EXPIRED, /* the Child SA with inbound SPI `spi` has reached its hard limit: delete
			    it */
	/* New keys for an SA that is up: the Child SA with inbound SPI `spi` (it reached a soft
	 * limit); or, with spi 0, what is up of conn: its child, or all its children when child is
	 * NULL, or with `ike` the IKE SA. The outcome is REKEYED or REKEY_FAILED, with the tag.
	 * IKE_EUNKNOWN: nothing of it is up. IKE_ESTATE: it is being rekeyed or deleted already.
	 * IKE_ETEMPORARY: the last rekey is not over. */
	IKE_CMD_REKEY,
	IKE_CMD_ALIVE,    /* ESP of the Child SA with inbound SPI `spi` arrived and verified: no DPD
			     needed now */
	IKE_CMD_MOVED,    /* as ALIVE, and it came from `remote`: a NAT changed its mapping */
	IKE_CMD_WAYWARD,  /* ESP came from `remote` (port 0: not in UDP) to the inbound SPI `spi`,
			     which nobody has: the peer hears of it, at a bounded rate. IKE_ELIMIT:
			     it has heard enough */
	IKE_CMD_PATH_MTU, /* IP packets of more than `mtu` bytes do not reach remote.addr: fragments
			     keep to that (RFC 7383 section 2.5.2). IKE_EUNKNOWN: nobody is there */
	IKE_CMD_REDIRECT, /* tells the peers of conn, who are up, to call `to` (RFC 5685).
			     IKE_EUNKNOWN: nobody is up. IKE_EUNSUPPORTED: nobody goes along */
	IKE_CMD_STOP,     /* delete everything; all IKE_DOWN events have come after 3 s */
};

struct ike_command {
	enum ike_command_kind kind;
	uint32_t tag; /* comes back in the events that this command causes */
	const struct config_conn *conn;
	const struct config_child
	    *child; /* UP: NULL = every child of conn; DOWN: NULL = the IKE SAs */
	/* UP, ACQUIRE: resolved by the caller. Port 0: the connection's. A remote port other than
	 * 500 means the peer's port for encapsulation: then we speak from natt_port. MOVED: remote.
	 */
	struct endpoint local, remote;
	/* UP, ACQUIRE: the gateway that sent us to this one, or ADDR_NONE. What is up with that one
	 * is set up here afresh, and deleted there then. */
	struct addr redirected_from;
	const struct ident *to; /* REDIRECT: an address or an FQDN */
	struct ts_flow flow;    /* ACQUIRE */
	uint32_t spi;
	uint32_t mtu; /* PATH_MTU */
	bool ike;     /* REKEY */
	struct {
		uint32_t op_id;
		bool found;          /* there is such a secret */
		struct bytes result; /* borrowed during the call */
	} op;
};

struct ike_engine *ike_engine_new(const struct ike_params *p); /* NULL: no memory */
void ike_engine_free(struct ike_engine *e);

/* The result is for counters and debug logs: what the peer or user needs to know comes as events.
 */
enum ike_err ike_engine_input(struct ike_engine *e, ike_time now, const struct ike_datagram *in);
enum ike_err ike_engine_command(struct ike_engine *e, ike_time now, const struct ike_command *c);
void ike_engine_tick(struct ike_engine *e, ike_time now);
ike_time ike_engine_deadline(const struct ike_engine *e); /* IKE_NEVER: nothing to wait for */
/* Oldest first. The data is borrowed until the next call of any engine function. */
bool ike_engine_next_datagram(struct ike_engine *e, struct ike_datagram *out);
/* Oldest first; the caller clears it with ike_event_clear. */
bool ike_engine_next_event(struct ike_engine *e, struct ike_event *out);

/* ---- For display ---- */

enum ike_sa_state { IKE_SA_CONNECTING, IKE_SA_ESTABLISHED, IKE_SA_REKEYING, IKE_SA_DELETING };
enum ike_child_state {
	IKE_CHILD_CREATING,
	IKE_CHILD_INSTALLED,
	IKE_CHILD_REKEYING,
	IKE_CHILD_REKEYED,
	IKE_CHILD_DELETING
};
const char *ike_sa_state_text(enum ike_sa_state s);       /* "established" */
const char *ike_child_state_text(enum ike_child_state s); /* "installed" */

struct ike_child_info {
	uint32_t id;
	enum ike_child_state state;
	const struct config_child *cfg;
	uint32_t spi_in, spi_out;
	struct suite suite;
	bool encap, transport;
	const struct ts_list *local_ts, *remote_ts; /* borrowed during the callback */
	ike_time installed_at;
	ike_time rekey_at; /* IKE_NEVER: not by time, or it is under way */
};

/* What came with the configuration payload: what we were given, or gave. Borrowed during the
 * callback. */
struct ike_given {
	const struct addr *vips, *dns;
	char *const *domains; /* that the DNS servers are for; none: for all */
	const struct prefix *subnets;
	size_t vips_n, dns_n, domains_n, subnets_n;
};

struct ike_sa_info {
	uint32_t id;
	enum ike_sa_state state;
	const struct config_conn *conn; /* NULL: not chosen yet */
	bool initiator;
	struct endpoint local, remote;
	struct ident local_id, remote_id;
	uint64_t spi_i, spi_r;
	struct suite suite;
	bool nat_local, nat_remote;
	struct ike_given given;
	ike_ext_set extensions;      /* in force */
	struct addr redirected_from; /* the gateway that sent us here; ADDR_NONE: none */
	ike_time established_at;     /* with the peer's authentication; new keys do not change it */
	ike_time rekey_at;           /* IKE_NEVER: not by time, or it is under way */
	ike_time reauth_at;          /* likewise */
	size_t children_n;
	const struct ike_child_info *children; /* borrowed during the callback */
};

/* Calls fn for each IKE SA, by id; those that were reported down are not among them. */
void ike_engine_each(
    const struct ike_engine *e, void (*fn)(void *arg, const struct ike_sa_info *sa), void *arg);

/* A pool of addresses to hand out. */
struct ike_pool_info {
	const char *name;
	uint64_t size;               /* addresses of both families; UINT64_MAX: so many or more */
	uint64_t in_use, remembered; /* by those who are connected, for those who were */
};
/* Calls fn for each pool, in the order of the configuration. */
void ike_engine_pools(
    const struct ike_engine *e, void (*fn)(void *arg, const struct ike_pool_info *p), void *arg);

struct ike_stats {
	uint64_t datagrams_in, datagrams_out, retransmits, replayed_requests, cookies_sent;
	uint64_t puzzles_sent, puzzles_solved; /* asked of callers, and rightly solved by them */
	uint64_t key_exchanges;                /* computed for IKE_SA_INIT */
	uint64_t dropped_malformed, dropped_no_sa, dropped_integrity, dropped_window, dropped_limit,
	    dropped_state;
	/* Unprotected error messages that were sent; those of others that made us ask whether the
	 * peer lives. */
	uint64_t errors_out, hints_followed;
	uint64_t tokens_out, tokens_believed; /* RFC 6290 */
	uint64_t fragments_in, fragments_out; /* SKF, of the datagrams */
	uint64_t fragment_bytes;              /* held now, of messages that are not whole */
	uint32_t ike_sas, half_open;
};
void ike_engine_stats(const struct ike_engine *e, struct ike_stats *out);

/* For the signer: the PSK MAC of RFC 7296 section 2.15. `mac` is initialised by the callee, freed
 * by the caller. */
enum ike_err ike_psk_mac(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes psk,
    struct bytes octets, struct secret *mac);
/* For the signer: the keys of an IKE SA one behind the other, each of the PRF's length, mixed with
 * a PPK (RFC 8784 section 3). `mixed` as above. */
enum ike_err ike_ppk_mix(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes ppk,
    struct bytes keys, struct secret *mixed);
/* Can this build and this OpenSSL do it in an IKE SA? */
bool ike_can(struct ossl_lib_ctx_st *libctx, struct transform t);

/* The version of the cryptographic library that runs; static text. */
const char *ike_library(void);

#endif

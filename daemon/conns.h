/*
 * The configured connections: what should be up, what is, what failed and when it is tried again.
 * Control thread only.
 *
 * A connection has one attempt at a time: a command to the engine with a tag of its own, for all
 * its children or for one. What else is wanted meanwhile waits for the attempt's end.
 */
#ifndef DAEMON_CONNS_H
#define DAEMON_CONNS_H

#include "daemon/apply.h"
#include "daemon/limits.h"
#include "daemon/resolve.h"
#include "ike/ike.h"

struct event;
struct event_base;

enum conns_want {
	WANT_NOTHING, /* also: it is up */
	WANT_PENDING, /* waits for its attempt */
	WANT_TRYING,  /* the attempt under way is about it */
	WANT_RETRY,   /* failed; when the connection's timer fires it is pending again */
};

struct conns_child {
	const struct config_child *cfg;
	uint32_t id; /* over all connections: of its trap */
	unsigned up; /* SAs in force */
	enum conns_want want;
	bool keep;      /* after a failure it is tried again */
	bool by_packet; /* wanted because of `flow` */
	struct ts_flow flow;
	char error[IKE_TEXT]; /* of the last failure; empty: none */
};

struct conns;

/* Where a gateway has sent us: RFC 5685. */
struct conn_redirect {
	char to[300];     /* a name or an address */
	struct addr from; /* the gateway that said so */
	bool pending;     /* the attempt under way goes there next */
	bool gone;        /* it has gone there */
	struct resolve_job *job;
	uint64_t at[REDIRECTS]; /* when: a ring */
	uint64_t n;             /* how many in all */
};

struct conn {
	struct conns *all;
	const struct config_conn *cfg;
	struct conns_child *children; /* as many as cfg has */
	unsigned ike_up;              /* established IKE SAs */
	/* The attempt under way */
	bool trying;
	uint32_t tag;
	const struct config_child *target; /* NULL: all */
	struct resolve_job *job;           /* names are being resolved */
	struct addr candidates[RESOLVE_ADDRS];
	size_t candidates_n, candidate;
	struct conn_redirect redirect;
	/* After failures */
	uint32_t failures;   /* in a row */
	uint64_t not_before; /* no attempt for a packet's sake earlier, ms */
	struct event *retry;
	uint64_t retry_at; /* 0: none set */
	char last_error[IKE_TEXT];
};

/* One who waits for an outcome. Owned by who adds it; it is off the list when `done` is called. */
struct conns_waiter {
	struct conns_waiter *next;
	struct conn *conn;
	const struct config_child *child; /* NULL: all */
	bool down;                        /* waits for the end, not for the tunnel */
	unsigned rekeys;                  /* waits for so many new keys, not for the tunnel */
	bool ike;                         /* of the IKE SA */
	void (*step)(struct conns_waiter *w, const char *line);
	void (*done)(struct conns_waiter *w, bool ok, const char *text);
	void *arg;
};

struct conns_params {
	struct event_base *base;
	const struct config *config;
	struct apply *apply;
	struct log *log;
	struct resolver *resolver;
	const char *tun_name;
	uint16_t natt_port;
	enum ike_err (*command)(void *arg, const struct ike_command *c);
	/* How many SAs have new keys under way: children of `conn` (one, or all), or IKE SAs. */
	unsigned (*rekeying)(
	    void *arg, const struct config_conn *conn, const struct config_child *child, bool ike);
	void *arg;
};

struct conns {
	struct conns_params p;
	struct conn *v;
	size_t n;
	uint32_t last_tag;
	uint64_t random;
	struct conns_waiter *waiters;
	bool unsettled; /* something happened since waiters were last looked at */
	bool stopping;
};

bool conns_init(struct conns *s, const struct conns_params *p); /* false: no memory */
void conns_fini(struct conns *s);
void conns_start(struct conns *s); /* start_action */
void conns_stop(struct conns *s);  /* no attempt begins any more; waiters are told */

struct conn *conns_find(struct conns *s, const char *name);

/* Brings up what is not up; `keep`: and tries again after a failure. `w`, unless NULL, is added
 * before anything begins, so that it sees every step; it may be done when this returns. */
void conns_up(struct conn *c, const struct config_child *child, bool keep, struct conns_waiter *w);
void conns_down(struct conn *c, const struct config_child *child, struct conns_waiter *w);
/* New keys for what is up: `w` is told when all have come, or the first has failed. False, with
 * why: nothing could be begun, and `w` is not used. */
bool conns_rekey(struct conn *c, struct conns_waiter *w, const char **why);
void conns_acquire(struct conns *s, uint32_t id, const struct ts_flow *flow);
/* Every event of the engine, after it was applied; conns_settle when there are no more, so that a
 * waiter hears the whole story before the outcome. */
void conns_event(struct conns *s, const struct ike_event *ev);
void conns_settle(struct conns *s);

void conns_unwait(struct conns *s, struct conns_waiter *w); /* no effect if it is not on the list */

/* ---- conns_redirect.c ---- */

void conns_redirected(struct conn *c, const struct ike_event *ev);
void conns_stay(struct conn *c); /* what it has not followed yet is forgotten */

/* ---- conns_target.c: addresses ---- */

/* The addresses to call as names, without %any and prefixes. Returns how many. */
size_t conns_names(const struct config_conn *c, const char *v[RESOLVE_NAMES]);
/* Our endpoint towards `remote`. False: `why` says what is missing. */
bool conns_endpoints(const struct conns *s, const struct config_conn *c, const struct addr *remote,
    struct endpoint *local, struct endpoint *peer, char why[IKE_TEXT]);
/* The selectors of a trap, as far as they are known before there is an SA. */
void conns_trap_selectors(const struct conns *s, const struct config_conn *c,
    const struct config_child *child, struct ts_list *local, struct ts_list *remote);

#endif

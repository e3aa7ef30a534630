/*
 * What the engine decided, put into force: Child SAs into ESP's tables, policies, the host's routes
 * and addresses. Control thread only.
 *
 * A new child's SAs are in force when apply_child_up returns, so that nothing that the peer sends
 * then is lost; policies change, and what went down is deleted, in apply_commit, once for all that
 * happened together.
 */
#ifndef DAEMON_APPLY_H
#define DAEMON_APPLY_H

#include <stdatomic.h>

#include "daemon/nets.h"
#include "daemon/paths.h"
#include "daemon/pmtu.h"
#include "daemon/remotes.h"
#include "esp/esp.h"
#include "ike/event.h"

struct udp_too_big;

struct apply_child {
	/* Those with the same selectors, one for each worker: a ring. Itself, if it is alone. */
	struct apply_child *mate;
	uint32_t *group; /* by worker: the outbound slot; NULL unless it is for one worker */
	struct apply_child *prev, *next; /* newest first */
	uint32_t ike_id, child_id;
	const struct config_conn *conn;
	const struct config_child *cfg;
	uint32_t spi_in, spi_out, slot_out;
	struct ts_list local_ts, remote_ts;
	struct endpoint local, remote;
	struct suite suite;
	uint32_t path_mtu; /* bytes of an IP packet that pass to the peer; 0: not known */
	bool encap;
	struct ike_mode mode;
	struct nets_held held;
	uint64_t seen;         /* packets in, when last looked */
	uint32_t pin;          /* the interface its packets leave by; 0: as routed */
	uint64_t order;        /* in which they came up */
	uint32_t behind;       /* inbound SPI of the child that sends while it lives; 0: none */
	uint64_t dummies_at;   /* until then there were enough packets, ms; 0: not looked at yet */
	uint64_t dummies_seen; /* packets that were sent until then */
	bool down;             /* waits for the commit */
	bool replaced;         /* by a newer one: what its peer has sent meanwhile is still taken */
	uint64_t gone_at; /* down and replaced: when the inbound keys go too, ms; 0: not yet set */
};

/* A configured policy that has no peer: mode pass or drop. */
struct apply_static {
	const struct config_child *cfg;
	struct ts_list local, remote;
	struct nets_held held;
};

/* A configured child whose packets ask for it. */
struct apply_trap {
	bool set;
	uint32_t priority;
	struct ts_list local, remote;
	struct nets_held held;
};

struct apply {
	struct esp *esp; /* borrowed, likewise paths and log */
	struct paths *paths;
	struct log *log;
	struct pmtu_table *pmtu; /* owned */
	struct nets nets;
	uint32_t slots; /* of the SAD, a power of two */
	uint32_t workers;
	struct apply_child *first;   /* newest first */
	struct remotes remotes;      /* of all children */
	size_t downs;                /* how many children are down */
	struct apply_child **by_in;  /* by slot of the inbound SPI */
	struct apply_child **by_out; /* by outbound slot */
	_Atomic uint32_t *pins;      /* by outbound slot: written here, read by workers */
	struct apply_trap *traps;    /* by id */
	uint64_t ups;                /* children so far */
	size_t traps_n, pinned_n;
	struct apply_static *statics;
	size_t statics_n;
	bool dirty;
	uint64_t commit_at; /* not before */
};

struct apply_params {
	struct esp *esp;
	uint32_t slots, workers;
	struct paths *paths;
	struct log *log;
	struct netcfg *netcfg; /* NULL: no device */
	const char *dev;
	size_t traps; /* how many ids there are */
};

bool apply_init(struct apply *a, const struct apply_params *p); /* false: no memory */
void apply_fini(struct apply *a); /* every child and trap goes, host settings stay */

/* The policies without a peer; in force with the next commit. False: no memory. */
bool apply_statics(struct apply *a, const struct config *c);

/* False: it could not be installed (logged); the engine must be told to delete it. */
bool apply_child_up(
    struct apply *a, const struct ike_sa_ref *ref, const struct ike_child_up *up, uint64_t now_ms);
/* `replaced`: another child is in its place; packets under way are taken for some time. */
void apply_child_down(struct apply *a, uint32_t spi_in, bool replaced);
/* The endpoints of an IKE SA's children changed. */
void apply_path(struct apply *a, uint32_t ike_id, const struct ike_path *path, uint64_t now_ms);
bool apply_trap_set(struct apply *a, uint32_t id, uint32_t priority, const struct nets_want *want);
void apply_trap_clear(struct apply *a, uint32_t id);
/* When apply_commit has something to do; UINT64_MAX: nothing. */
uint64_t apply_due(const struct apply *a);
/* Publishes what changed. With thousands of policies changes wait for a few milliseconds, so that
 * many of them are compiled at once. */
void apply_commit(struct apply *a, uint64_t now_ms);
/* From time to time: the interfaces of pinned children may have changed, and what was replaced
 * goes.
 */
void apply_refresh(struct apply *a, uint64_t now_ms);

/* What was sent does not fit its path. Returns what the path carries, if that is news; 0: it is
 * not, or not to be believed. */
uint32_t apply_too_big(struct apply *a, const struct udp_too_big *t, uint64_t now_ms);

const struct apply_child *apply_by_spi(const struct apply *a, uint32_t spi_in);
const struct apply_child *apply_by_slot(const struct apply *a, uint32_t slot_out);
/* By which interface must a datagram to `remote` leave? 0: as routed. */
unsigned apply_pin_of(struct apply *a, const struct addr *remote, uint64_t now_ms);

/* ---- Between apply.c and apply_mtu.c ---- */

/* The largest packet that passes, as far as it is known; 0: it is not. */
uint32_t apply_mtu(
    struct apply *a, const struct endpoint *local, const struct endpoint *remote, unsigned pin);
/* Hands the path to ESP anew. */
void apply_set_path(struct apply *a, struct apply_child *c);
/* What was learned long ago is forgotten. */
void apply_mtu_expire(struct apply *a, uint64_t now_ms);

#endif

/*
 * Engines on a simulated network with virtual time.
 *
 * Hosts hold one engine each; the network carries their datagrams with delay, loss, duplication and
 * reordering, through NAT boxes. After every call of an engine its invariants are checked.
 * Everything follows from the seed.
 */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include "ike/ike.h"
#include "test/sim/rand.h"

enum {
	SIM_HOSTS = 4,
	SIM_CHILDREN = 64,
	SIM_KEYS = 64,      /* IKE SAs whose keys are kept, the newest */
	SIM_FLIGHTS = 1024, /* datagrams and answers under way */
	SIM_DATAGRAM = 4096,
};

/* One Child SA as the daemon would have it installed. */
struct sim_child {
	bool up;
	unsigned order; /* in which they came up */
	uint32_t ike_id, child_id;
	const struct config_child *cfg;
	struct ike_child_up sa; /* keys copied, wiped when it goes */
};

/* What became of an inbound SPI that the host had installed. */
enum sim_spi_state { SIM_SPI_NEVER, SIM_SPI_UP, SIM_SPI_REPLACED, SIM_SPI_GONE };
struct sim_spi {
	enum sim_spi_state state;
	ike_time at;  /* since when */
	uint32_t out; /* the other half */
	uint32_t old; /* the peer made it to take this one's place; 0: none */
};

struct sim_host {
	struct sim *sim;
	const char *name;
	struct addr addr;    /* its own */
	struct addr outside; /* of its NAT box; ADDR_NONE: none */
	uint16_t nat_shift;  /* the NAT box's port = own port + shift */
	bool gone;           /* switched off: it neither sends nor receives */
	struct config *config;
	const struct ike_limits *limits; /* NULL: defaults */
	struct ike_engine *engine;
	struct sim_child children[SIM_CHILDREN];
	uint32_t next_spi, spis_held; /* held: taken, and neither given back nor installed */
	uint32_t first_spi;           /* one less than the first */
	struct sim_spi *spis;         /* owned; by spi - first_spi */
	size_t spis_n;
	unsigned ike_ups, ike_downs, child_ups, child_downs, child_fails, steps, paths;
	struct ike_reason down_reason, child_reason; /* the last ones */
	bool down_retry, down_established;
	struct ike_path path;           /* of the last IKE_UP or PATH */
	uint32_t op_delay_ms;           /* how long the signer takes */
	struct ike_keys keys[SIM_KEYS]; /* of its IKE SAs: for peers that misbehave */
	size_t keys_n;
	unsigned rekeyed, rekey_fails, redirects; /* events */
	struct ident redirect_to;
	struct addr redirect_from;
	struct {
		uint32_t spi_in;
		ike_time at;
	} replaced[SIM_CHILDREN]; /* children that made room for others: a ring */
	unsigned replaced_n;
	bool no_secrets;              /* the signer finds none */
	bool keeps;                   /* it has a state folder, from its next restart on */
	uint8_t kept[IKE_QCD_SECRET]; /* what is in it */
	char said[IKE_TEXT];          /* the last step that speaks of a PPK */
};

/* A datagram on the wire, as a test's tap sees it; it may change or swallow it. */
struct sim_wire {
	struct endpoint from, to; /* as on the outside of NAT boxes */
	bool marker;
	uint64_t number; /* 0, 1, 2, … as sent */
	uint8_t *data;
	size_t n, cap;
	uint32_t late_ms; /* arrives so much later than usual */
};

struct sim_flight; /* private */

struct sim {
	uint64_t dice; /* of the network */
	struct sim_rand rand;
	ike_time now;
	struct sim_host hosts[SIM_HOSTS];
	size_t hosts_n;
	uint32_t resources; /* workers of the hosts that are added from now on */
	/* The network. */
	uint32_t latency_ms;
	uint32_t jitter_ms; /* up to this much more: reorders */
	unsigned loss_permille, dup_permille;
	uint32_t loss_mask;                             /* bit i: the i-th datagram is lost */
	uint64_t sent;                                  /* datagrams, lost ones included */
	uint64_t digest;                                /* of all datagrams in order */
	bool (*tap)(struct sim *s, struct sim_wire *w); /* false: lost */
	void *tap_arg;
	void (*watch)(struct sim *s, void *arg); /* after every call of an engine */
	void *watch_arg;
	struct sim_flight *flights;
	size_t flights_n;
	uint64_t order;
	bool verbose; /* prints the story */
};

/* Aborts, with a line that says what, on anything that a test cannot go on after. */
void sim_init(struct sim *s, uint64_t seed);
void sim_fini(struct sim *s); /* frees engines; fails the test if an SPI was lost */

/* `config` is the text of a configuration file. NULL limits: defaults. */
struct sim_host *sim_host_add(struct sim *s, const char *name, const char *addr, const char *config,
    const struct ike_limits *limits);
/* Power fails, and it starts again: it has forgotten everything. `config` NULL: the same. */
void sim_host_restart(struct sim_host *h, const char *config);
void sim_host_nat(struct sim_host *h, const char *outside, uint16_t shift);

/* `h` calls the peer: the connection by name, and one child of it or all (NULL). */
enum ike_err sim_up(
    struct sim_host *h, const char *conn, const char *child, const struct sim_host *peer);
enum ike_err sim_down(struct sim_host *h, const char *conn, const char *child);
/* New keys for a child, for all children (NULL), or for the IKE SA. */
/* The hard limit of what carries the child is reached. */
enum ike_err sim_expire(struct sim_host *h, uint32_t spi);
enum ike_err sim_rekey(struct sim_host *h, const char *conn, const char *child, bool ike);
enum ike_err sim_stop(struct sim_host *h);
/* After a test has called an engine by itself. */
void sim_drain_all(struct sim *s);
/* A datagram out of nowhere. */
enum ike_err sim_inject(struct sim_host *to, const struct sim_wire *w);

/* Delivers and ticks until virtual time `t`, or until there is nothing to wait for. */
void sim_run_to(struct sim *s, ike_time t);
void sim_run_for(struct sim *s, uint64_t ms);

/* ---- What a test asks ---- */

unsigned sim_children_up(const struct sim_host *h);
struct sim_child *sim_child_named(struct sim_host *h, const char *name); /* NULL: not up */
/* The SPI that a data plane would send with; 0: none. */
uint32_t sim_sends_with(const struct sim_host *h, const char *child);
/* Would a packet with this SPI, that arrives now, be taken? Keys that made room for newer ones are
 * kept for `grace_ms`. */
bool sim_receives(const struct sim_host *h, uint32_t spi, uint64_t grace_ms);
/* Of an inbound SPI of its own. */
struct sim_spi sim_spi_state(const struct sim_host *h, uint32_t spi);
size_t sim_ike_sas(const struct sim_host *h); /* in any state */
size_t sim_ike_established(const struct sim_host *h);
/* Each installed child of one has its mirror at the other: SPIs, keys, selectors. */
bool sim_is_mirror(const struct sim_child *a, const struct sim_child *b);
bool sim_mirrored(struct sim_host *a, struct sim_host *b);

#endif

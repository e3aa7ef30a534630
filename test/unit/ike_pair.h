/*
 * Two engines in memory, wired back to back: no network, no loss, virtual time by hand. For suites
 * of the engine; the simulation (test/sim) is for everything that a network does.
 */
#ifndef TEST_UNIT_IKE_PAIR_H
#define TEST_UNIT_IKE_PAIR_H

#include "ike/ike.h"

struct ike_end {
	const char *psk;
	struct config config;
	struct config_conn conn;
	struct config_child kids[2];
	struct config_ts local_ts[2], remote_ts[2];
	char *local_addr, *remote_addr;
	struct endpoint at;
	struct ike_engine *engine;
	uint32_t next_spi, spis_out; /* spis_out: got and neither given back nor taken down */
	bool no_more_spis;
	/* What came out, and the last of each. */
	unsigned up, down, child_up, child_down, child_failed, ops, steps;
	struct ike_reason why_down, why_child;
	struct ike_child_up last_child; /* keys copied */
	bool retry;
	uint32_t last_tag;
};

struct ike_pair {
	struct ike_end a, b;
	ike_time now;
	unsigned datagrams;
	bool hold_ops; /* operations stay unanswered */
	uint32_t held_op[2];
	/* Called for each datagram; false: lost. */
	bool (*tap)(struct ike_pair *p, struct ike_end *from, const struct ike_datagram *d);
};

/* An engine is at work: for suites that watch what it allocates. */
extern bool pair_inside;

/* Fresh ends: a at 192.0.2.1 calls b at 192.0.2.2, child "lan" 10.1.0.0/16 === 10.2.0.0/16 and
 * "dmz" 10.3.0.0/16 === 10.4.0.0/16. Change configurations, then pair_start. */
void pair_init(struct ike_pair *p);
bool pair_start(struct ike_pair *p); /* false: no memory */
void pair_fini(struct ike_pair *p);
enum ike_err pair_command(struct ike_pair *p, struct ike_end *e, enum ike_command_kind kind);
/* UP of one child by its index. */
enum ike_err pair_up(struct ike_pair *p, struct ike_end *e, size_t child);
/* Carries datagrams and events until there are none. */
void pair_run(struct ike_pair *p);
/* Virtual time: to each deadline up to now + ms. */
void pair_wait(struct ike_pair *p, uint64_t ms);
/* Both have `n` children up, and the last ones mirror each other. */
void pair_expect_up(const struct ike_pair *p, unsigned n);

#endif

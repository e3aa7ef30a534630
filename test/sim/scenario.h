/*
 * What scenarios share: a pair of hosts, "left" (10.0.0.1, calls) and "right" (10.0.0.2, answers).
 */
#ifndef TEST_SIM_SCENARIO_H
#define TEST_SIM_SCENARIO_H

#include "test/sim/sim.h"

/* One side's configuration; NULL takes what stands in brackets. */
struct scenario_side {
	const char *psk;       /* [the common one] */
	const char *local_id;  /* [left.example.org, right.example.org] */
	const char *remote_id; /* [the other's] */
	const char *proposals; /* ["aes256gcm16-prfsha384-x25519"], with quotes */
	const char *conn;      /* more lines of the connection [dpd_delay = "30s";] */
	const char *children;  /* [one child, lan] */
	const char *top;       /* lines outside of the connection [none] */
};

struct scenario {
	struct sim sim;
	struct sim_host *left, *right;
};

/* A child's block: name, own and remote selectors with quotes, more lines. */
#define SCENARIO_CHILD(name, local, remote, more) \
	name " = { local_ts = [" local "]; remote_ts = [" remote "]; " more " };"

#define SCENARIO_LEFT_LAN SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "")
#define SCENARIO_RIGHT_LAN SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "")

void scenario_init(struct scenario *s, uint64_t seed, const struct scenario_side *left,
    const struct scenario_side *right, const struct ike_limits *right_limits);
/* Also fails the test if anything is left over: frees everything. */
void scenario_fini(struct scenario *s);

/* The text of one side's configuration, in one static buffer. Right takes calls from any address.
 */
const char *scenario_text(const struct scenario_side *side, bool left);

/* Left calls; five seconds pass. */
void scenario_connect(struct scenario *s);
/* Both ends hold one established IKE SA and n mirrored children. */
void scenario_expect_up(struct scenario *s, unsigned children);
/* Neither end holds anything. */
void scenario_expect_gone(struct scenario *s);
/* Time goes on with packets of the child "lan" both ways, one in 4 ms; each must find its keys when
 * it arrives 20 ms later. Keys that made room for newer ones are kept for two seconds, as the
 * daemon does. */
void scenario_traffic(struct scenario *s, uint64_t ms);
/* The text has the words; fails the test with both otherwise. */
void scenario_expect_words(const char *text, const char *words);

#endif

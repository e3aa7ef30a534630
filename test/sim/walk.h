/*
 * A walk at random through everything that the engines of two or three hosts can be told, over a
 * bad network. It aborts with the seed, the episode and the step when an invariant is broken:
 *
 *   always          no end sends with keys that the other has not got yet, or that it has thrown
 *                   away because there are newer ones; every IKE SA has a timer; SAs do not pile up
 *   in quiet times  both ends have the same IKE SAs and the same Child SAs, mirrored: SPIs, keys,
 *                   selectors; and nothing else
 */
#ifndef TEST_SIM_WALK_H
#define TEST_SIM_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct walk_params {
	uint64_t seed;
	uint64_t steps;
	unsigned hosts; /* 2 or 3 */
	uint64_t first; /* episode to begin with: to see one again */
	bool verbose;
};

struct walk_result {
	uint64_t steps, episodes, quiets;
	uint64_t ike_ups, child_ups, rekeyed, datagrams, restarts;
};

void walk(const struct walk_params *p, struct walk_result *out);

#endif

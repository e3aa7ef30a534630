/*
 * Between the simulated network and the simulated hosts.
 */
#ifndef TEST_SIM_INTERNAL_H
#define TEST_SIM_INTERNAL_H

#include "test/sim/sim.h"

struct sim_flight {
	ike_time at;
	uint64_t order;         /* among those of one moment */
	struct sim_host *op_of; /* not a datagram but a signer's answer for this host */
	struct ike_op op;
	struct endpoint from, to;
	bool marker;
	uint8_t *data; /* owned */
	size_t n;
};

void sim_must(bool ok, const char *what); /* aborts with the line */
void sim_send(struct sim_host *h, const struct ike_datagram *d);
void sim_drain(struct sim_host *h);
void sim_answer_op(struct sim_host *h, const struct ike_op *op);
void sim_delay_op(struct sim_host *h, struct ike_event *ev); /* takes what the event owns */
void sim_forget_ops(struct sim_host *h);                     /* its signer is gone */
void sim_child_clear(struct sim_child *c);
void sim_keys_clear(struct sim_host *h);

#endif

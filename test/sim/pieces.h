/*
 * What the suites of fragments (RFC 7383) share: a pair whose IKE_AUTH has some 2700 bytes, for its
 * child has many selectors, and a recorder of its datagrams. One pair at a time.
 */
#ifndef TEST_SIM_PIECES_H
#define TEST_SIM_PIECES_H

#include "test/sim/scenario.h"

enum { TEN_MINUTES = 600 * 1000, TS = 30, RECORDED = 256 };

struct record {
	struct sim_wire w;
	ike_time at;
	uint8_t data[SIM_DATAGRAM];
};

extern struct scenario duo;
extern struct record records[RECORDED]; /* the datagrams as sent, lost ones too */
extern size_t records_n;
extern size_t mtu_left, mtu_right; /* of the paths from each; 0: any size passes */
extern uint64_t lost_mask;         /* bit i: the i-th datagram is lost */

/* The pair; NULL: nothing more in its configuration. */
void pair_of(uint64_t seed, const char *left_conn, const char *right_conn, const char *left_top,
    const char *right_top, const struct ike_limits *limits);
void plain_pair(uint64_t seed);
/* Its child's block. */
const char *many(char *dst, size_t cap, bool left);
/* Its tap. */
bool watch(struct sim *s, struct sim_wire *w);

bool from_left(const struct sim_wire *w);
bool is_skf(const struct record *r);
uint16_t number_of(const struct record *r);
uint16_t total_of(const struct record *r);
/* Of the datagrams from the from-th on, of one end: fragments; bytes of the largest IP packet. */
unsigned count_skf(size_t from, bool left);
size_t largest(size_t from, bool left);

bool in_force(const struct sim_host *h);
struct ike_stats stats_of(const struct sim_host *h);

#endif

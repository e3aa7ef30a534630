/*
 * For the tests of workers: one end of a tunnel, with a TUN device in memory and a UDP socket for
 * each worker, all in one process. What inner flows send, and whether it arrives.
 */
#ifndef TEST_UNIT_WORKER_SIDES_H
#define TEST_UNIT_WORKER_SIDES_H

#include "daemon/worker.h"
#include "test/unit/offload_pkt.h"
#include "tun/offload.h"

enum {
	SIDE_SLOTS = 256,
	SIDE_WORKERS = 4,
	SIDE_MTU = 1400,
	SIDE_FLOWS = 32,
	SIDE_SPORT = 1000, /* of flow 0 */
};

struct side {
	struct esp *esp;
	unsigned n; /* workers */
	uint16_t port;
	bool group; /* one port for all; else `port` + index for each */
	int event;
	struct udp_sock *udp[SIDE_WORKERS + 1]; /* the last one of a group is IKE's */
	struct tun *tun[SIDE_WORKERS];
	struct worker *w[SIDE_WORKERS];
	uint32_t in[SIDE_WORKERS];  /* SPIs, each the worker's of its index */
	uint32_t out[SIDE_WORKERS]; /* slots to the other side's SPIs */
	size_t suite;               /* of pair_suites: of the SAs that are added from here on */
	bool df;                    /* these SAs copy the DF bit */
	_Atomic uint32_t pins[SIDE_SLOTS];
};

/* Everything but SAs and threads. Fails the test when it cannot. */
void side_init(struct side *s, unsigned workers, uint16_t port, bool group);
void side_start(struct side *s); /* all workers */
void side_stop(struct side *s);
void side_fini(struct side *s); /* stops first */

/* A new inbound SA at `to`, of the worker `owner`, and the outbound one at `from`, to the socket
 * `at` of `to`. The slot. */
uint32_t side_add_sa(
    struct side *from, struct side *to, uint32_t owner, unsigned at, uint32_t *spi);
/* Sends all flows by the SAs of `from`, each worker by its own. */
void side_set_policies(struct side *from, const uint32_t *slots, uint32_t n);
/* Both ways, with an SA for each worker. */
void side_connect(struct side *a, struct side *b);

uint64_t side_sum(const struct side *s, enum worker_counter c);

/* A packet of an inner flow as it should arrive; the identification of those with DF aside. */
bool side_same(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len);

/* Packets of a flow to be put to a device: `super` bytes of payload in pieces of `size`, or if size
 * is 0 one packet. Calls `each` for the packets that should arrive; NULL: nobody asks. Returns
 * what tun_mem_inject does. */
int side_inject(struct tun *t, struct opkt_shape *s, uint16_t size, struct rng *r,
    void (*each)(void *ctx, const uint8_t *p, uint32_t len), void *ctx);
/* Takes one packet or super-packet from the device; `each` gets what it is cut into. False: there
 * is none. */
bool side_take(struct tun *t, void (*each)(void *ctx, const uint8_t *p, uint32_t len), void *ctx);

#endif

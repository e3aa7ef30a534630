/*
 * A worker: the thread that moves packets between its UDP socket and its TUN queue. What it shares
 * with the control thread is here, each field with its writer and its readers.
 */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include <stdatomic.h>

#include "base/pkt.h"
#include "base/ts.h"
#include "daemon/raw/raw.h"
#include "daemon/ring.h"
#include "daemon/udp/udp.h"
#include "esp/esp.h"
#include "tun/tun.h"

/* clang-format off */
#define WORKER_COUNTERS(X) \
	X(batches)      /* rounds that found something */                           \
	X(packets_in)   /* inner packets written to the TUN device */               \
	X(packets_out)  /* ESP packets handed to the kernel */                      \
	X(ike)          /* IKE datagrams passed to the control thread */            \
	X(keepalives)   /* one byte 0xFF: RFC 3948 section 2.3 */                   \
	X(runts)        /* datagrams that are too short to be anything */           \
	X(ike_lost)     /* IKE datagrams that found their ring full */              \
	X(notices_lost) /* acquires and moves that found theirs full */             \
	X(tun_lost)     /* inner packets that the TUN device did not take */        \
	X(udp_lost)     /* ESP packets that the kernel did not take */              \
	X(tun_bad)      /* packets of the TUN device that were not what it said */  \
	X(too_big)      /* senders told that inner packets do not fit their path */ \
	X(cut)          /* inner packets cut into fragments that fit their path */  \
	X(dummies)      /* packets sent that carry nothing */                       \
	X(supers)       /* super-packets read from the TUN device */                \
	X(trains)       /* trains of datagrams received */                          \
	X(strays)       /* ESP packets handed to the worker that has their SA */    \
	X(strays_lost)  /* those that found its ring full */                        \
	X(unknown_told) /* ESP packets of SPIs that nobody has: control was told */ \
	X(unknown_quiet) /* the others, so that a flood of them stays outside */
/* clang-format on */

enum worker_counter {
#define WORKER_ENUM(name) WORKER_##name,
	WORKER_COUNTERS(WORKER_ENUM)
#undef WORKER_ENUM
	    WORKER_COUNTERS_N,
};
extern const char *const worker_counter_names[WORKER_COUNTERS_N];

enum worker_notice_kind {
	WORKER_ACQUIRE, /* a packet met the trap policy `id` */
	WORKER_MOVED, /* ESP of the inbound SPI `id` verified, from a `remote` that is new for it */
	WORKER_TUN_GONE, /* the TUN device failed with `error` */
	WORKER_UDP_GONE, /* the socket failed with `error` */
	WORKER_TOO_BIG,  /* what was sent does not fit its path: `too_big` */
	WORKER_UNKNOWN,  /* ESP of the SPI `id`, which nobody has, came from `remote` */
};

struct worker_notice {
	enum worker_notice_kind kind;
	uint32_t id;
	int error; /* a negative errno */
	struct ts_flow flow;
	struct endpoint remote;
	struct udp_too_big too_big;
};

/* In front of each datagram in the ring of IKE. */
struct worker_ike {
	struct endpoint local, remote;
	unsigned ifindex;
};

struct worker;

struct worker_params {
	uint32_t index, count; /* of all workers */
	uint32_t slots;        /* of the SAD; a power of two */
	struct esp *esp;       /* borrowed, like all here */
	struct udp_sock *udp;  /* the port that carries ESP */
	struct raw_sock *raw;  /* plain ESP; NULL: none */
	struct tun *tun;       /* NULL: none; queue `index` modulo its queues */
	uint32_t busy_poll_us; /* how long an idle worker looks for work before it sleeps */
	int control_fd;        /* an eventfd: written when something waits in a ring */
	/* By outbound slot: leave by this interface, 0: as routed. Written by the control thread,
	 * read by workers, relaxed: an old value is as good as a packet sent a moment before. */
	const _Atomic uint32_t *pins;
};

/* Makes a worker. NULL: no memory, no descriptor. */
struct worker *worker_new(const struct worker_params *p);
/* Starts its thread, with all signals blocked. `all` are the workers by index, made already and
 * borrowed until all have stopped. False: no thread. */
bool worker_start(struct worker *w, struct worker *const *all);
/* Stops the thread and waits for it. After that the rings may still be read. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w); /* stopped; NULL is fine */

/* An ESP packet that came to somebody else: copied for the worker that has its SA. Any thread.
 * False: its ring is full, the packet is lost (counted). `wake` later, once for all. */
bool worker_give(struct worker *owner, const struct pkt *p, const struct endpoint *remote);
/* The same way: has the worker send a dummy packet of `len` bytes by the SA in `slot`. */
bool worker_dummy(struct worker *w, uint32_t slot, uint32_t len);
void worker_wake(struct worker *w);
/* Which worker has the inbound SA of this SPI. */
uint32_t worker_of_spi(const struct worker_params *p, uint32_t spi);

/* Control thread: the oldest of each ring, *body borrowed until the call for the next one. */
bool worker_next_ike(struct worker *w, struct worker_ike *head, struct bytes *body);
bool worker_next_notice(struct worker *w, struct worker_notice *out);
/* Has ESP asked for the control thread since the last call? */
bool worker_attention(struct worker *w);
uint64_t worker_counter(const struct worker *w, enum worker_counter c);

#endif

/*
 * What the files of the worker share: worker.c (life and loop), worker_in.c, worker_out.c.
 */
#ifndef DAEMON_WORKER_INTERNAL_H
#define DAEMON_WORKER_INTERNAL_H

#include "daemon/limits.h"
#include "daemon/worker.h"

#include <pthread.h>

#include "tun/icmp.h"
#include "tun/offload.h"

enum {
	BATCH = UDP_BATCH,
	/* The longest datagram or train and the room around it; not a power of two, so that the
	 * heads of the buffers do not fall into the same cache sets. */
	BUFFER = PKT_HEADROOM + 65536 + PKT_TAILROOM + 64,
	ARENA =
	    BUFFER + BATCH * 2048, /* small packets side by side, and room for one of any size */
	HUGE_PAGE = 1 << 21,
};

/* What a direction found. */
enum worker_found {
	FOUND_NOTHING = 0,
	FOUND_WORK = 1 << 0,
	FOUND_END = 1 << 1, /* there is no more at the moment */
};

struct worker {
	struct worker_params p;
	struct esp_worker *esp;
	struct worker *const *all; /* by index */
	pthread_t thread;
	bool running;
	int wake_fd; /* an eventfd: written by other threads, polled by the worker */
	/* Written by the control thread, read by the worker. */
	_Atomic bool stop;
	/* Set by the worker, taken by the control thread: ESP has an expiry to report. */
	_Atomic bool attention;
	/* The worker puts, the control thread takes. */
	struct ring ike, notices;
	/* Others put, under the lock; the worker takes. */
	pthread_mutex_t strays_lock;
	struct ring strays;
	/* Written by the worker, read by the control thread, relaxed; strays_lost by who gives. */
	_Atomic uint64_t counters[WORKER_COUNTERS_N];
	/* Control thread: an IKE datagram was handed out and is not yet popped. */
	bool ike_out;
	/* The worker's own from here on. */
	bool tun_gone, udp_gone, raw_gone;
	bool woken_up;      /* has slept since it last looked at the TUN device */
	bool tell;          /* the control thread must be woken */
	uint64_t woken;     /* workers that got strays in this batch: a bit each */
	unsigned notices_n; /* in this batch */
	unsigned queue;     /* of the TUN device */
	unsigned receive;   /* datagrams to ask for at once */
	uint8_t *memory;    /* owned: the three that follow */
	uint8_t *arena;     /* ARENA: what is read from the TUN device */
	/* ARENA: segments of a super-packet; inbound, copies of cars. */
	uint8_t *pieces;
	uint8_t *buffers;      /* BATCH of BUFFER: what is received */
	struct endpoint *last; /* by inbound slot: where the last good packet came from */
	struct tun_gro gro;
	struct tun_icmp_limit icmp, unknown;
	struct pkt pkts[BATCH]; /* a batch of packets on their way, in or out */
	struct pkt received[BATCH];
	struct udp_msg msgs[BATCH];
	struct udp_msg raw_msgs[BATCH];
	const struct endpoint *from[BATCH]; /* of pkts, inbound: borrowed from what was received */
	struct endpoint stray_from[BATCH];
	uint32_t spis[BATCH];
	size_t n; /* of pkts */
	/* Outbound: bytes of the batch as it will be sealed, and where the next segment goes in
	 * `pieces`. */
	uint32_t bytes, pieces_at;
	/* What sealing did to the last segment: bytes before it, bytes it put in front and in all.
	 */
	struct {
		uint32_t inner, front, sealed;
	} shape;
	/* The segment of this batch that shows it, and where and how long it was; len 0: none. */
	struct {
		size_t i;
		uint32_t off, len;
	} sample;
};

static inline void worker_count(struct worker *w, enum worker_counter c, uint64_t n)
{
	uint64_t old = atomic_load_explicit(&w->counters[c], memory_order_relaxed);
	atomic_store_explicit(&w->counters[c], old + n, memory_order_relaxed);
}

bool worker_notify(struct worker *w, const struct worker_notice *n);
uint64_t worker_coarse_ms(void); /* a monotonic clock that costs little */

/* What receiving or sending has shown about paths, told to the control thread. */
void worker_note_sizes(struct worker *w);

unsigned worker_inbound(struct worker *w);  /* enum worker_found */
unsigned worker_raw(struct worker *w);      /* enum worker_found */
unsigned worker_strays(struct worker *w);   /* enum worker_found */
unsigned worker_outbound(struct worker *w); /* enum worker_found */

/* Sends a dummy packet; `buffer` has BUFFER bytes. */
void worker_send_dummy(struct worker *w, uint8_t *buffer, uint32_t slot, uint32_t len);

#endif

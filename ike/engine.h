/*
 * Inside the engine: what its files share. Nothing outside ike/ includes this.
 */
#ifndef IKE_ENGINE_H
#define IKE_ENGINE_H

#include "ike/cookie.h"
#include "ike/ike.h"
#include "ike/queue.h"
#include "ike/reasm.h"
#include "ike/resume.h"
#include "ike/timer.h"
#include "ike/wire/msg.h"

struct ike_sa;
struct ike_child;
struct ike_pools;

enum {
	IKE_BUCKETS = 4096, /* of each hash table; a power of two */
	IKE_NONCE_LEN = 32, /* of ours: at least half the key of every PRF we have */
	IKE_STOP_MS = 3000, /* how long an orderly deletion of an IKE SA may take */
};

/* Not so many a second: a bucket that fills with time. */
struct ike_bucket {
	uint32_t tokens;
	ike_time since;
};

/* An inbound SPI that the data plane had: packets may still be under way to it. */
struct ike_departed {
	uint32_t spi;
	ike_time at;
};

struct ike_engine {
	struct ike_params p;
	struct ike_limits limits;
	struct ike_retransmit retransmit;
	ike_time now; /* of the call under way */
	struct ike_queues q;
	struct ike_timers timers;
	struct ike_cookies cookies;
	struct ike_bucket replies, hints, waywards, tokens;
	struct ike_tickets tickets; /* RFC 5723: the keys of ours */
	struct ike_held *held;      /* of lost IKE SAs, oldest first; owned */
	ike_time held_at;           /* when the first of them expires */
	uint8_t qcd_secret[IKE_QCD_SECRET];
	bool has_qcd;
	struct ike_departed departed[IKE_DEPARTED]; /* a ring */
	uint32_t departed_n;
	struct ike_pools *pools;                 /* owned */
	struct ike_sa *first, *last;             /* all, by id */
	size_t dead_n;                           /* SAs to be freed before the call returns */
	struct ike_sa *waiting;                  /* an IKE_EV_OP of theirs is out */
	struct ike_sa *half_open;                /* responders, not authenticated */
	struct ike_sa *by_spi[IKE_BUCKETS];      /* our SPI of the IKE SA: random, made by us */
	struct ike_sa *by_init[IKE_BUCKETS];     /* responders: the initiator's SPI */
	struct ike_child *by_child[IKE_BUCKETS]; /* our inbound SPI */
	uint32_t sas_n;
	uint64_t fragment_bytes; /* held by reassemblies */
	uint32_t puzzle_tries;   /* keys that may be tried for puzzles in the call under way */
	uint32_t last_ike_id, last_child_id, last_op_id;
	struct ike_stats stats;
	/* The request being handled: its answer goes to where it came from (RFC 7296 section 2.23).
	 * NULL outside of input.c: a deferred answer takes the path of the SA. */
	const struct ike_datagram *answering;
	/* Scratch of the call under way. */
	struct ike_msg outer, inner;
	uint8_t plain[IKE_MSG_MAX];
	size_t plain_n; /* bytes of it that were written */
	uint8_t out[IKE_MSG_MAX];
};

/* What arrived, on its way through the stages of input.c. */
struct ike_in {
	const struct ike_datagram *d;
	const struct ike_msg
	    *m;            /* what the handlers read: the inner chain, or a plaintext IKE_SA_INIT */
	struct ike_sa *sa; /* NULL: a first IKE_SA_INIT request */
	struct ike_mark mark; /* of the datagram, or of fragment 1 of what was in fragments */
	/* What came in the clear: from the IKE header to the end of the generic header of SK, or of
	 * fragment 1's SKF, which begins at sk_at. */
	struct bytes head;
	size_t sk_at;
	struct ike_blob kept; /* of fragment 1; freed when the datagram is done with */
};

/* ---- event.c: no event is lost but STEPs ---- */

/* One line of the story, when memory allows. sa may be NULL. */
void ike_emit_step(struct ike_engine *e, const struct ike_sa_ref *ref, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A full event to be filled and queued with ike_queue_event; NULL: no memory. */
struct ike_event_node *ike_event_full(enum ike_event_kind kind, const struct ike_sa_ref *ref);

/* ---- engine.c ---- */

/* Capped and copied; `to` tells both ends and the marker. */
void ike_send(struct ike_engine *e, const struct endpoint *local, const struct endpoint *remote,
    bool marker, struct bytes data);
bool ike_bucket_take(struct ike_bucket *b, ike_time now, uint32_t per_second);
/* input.c, command.c: between the begin and the end of a call. */
enum ike_err ike_input(struct ike_engine *e, const struct ike_datagram *d);
enum ike_err ike_command(struct ike_engine *e, const struct ike_command *c);
/* For select.c: struct ike_engine as `arg`. */
bool ike_engine_can(void *arg, struct transform t);

#endif

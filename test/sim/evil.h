/*
 * A peer that holds the right keys and misbehaves: one payload of one of its protected messages is
 * omitted, repeated, emptied, renumbered, given a false length, damaged or replaced, and the
 * message sealed again.
 */
#ifndef TEST_SIM_EVIL_H
#define TEST_SIM_EVIL_H

#include "ike/wire/msg.h"
#include "test/sim/sim.h"

enum evil_kind {
	EVIL_OMIT,
	EVIL_REPEAT,
	EVIL_REPEAT_MANY,
	EVIL_EMPTY,
	EVIL_RENUMBER,   /* arg: the new type */
	EVIL_CRITICAL,   /* an unknown payload, critical, in front of it */
	EVIL_UNKNOWN,    /* an unknown payload, not critical, in front of it */
	EVIL_LENGTH,     /* arg: the generic header's length field */
	EVIL_LENGTH_ADD, /* arg: added to it */
	EVIL_TRUNCATE,   /* arg: bytes that are left of the body */
	EVIL_DAMAGE,     /* arg: the bit of the body that flips */
	EVIL_BODY,       /* data stands for its body */
	EVIL_INSERT,     /* arg: the type of a payload with data that goes before it */
	EVIL_KINDS,
	EVIL_BODY_OF, /* the same for the first payload of type `arg`; not drawn by lot */
};

enum { EVIL_DATA = 255 };

struct evil {
	uint64_t number;  /* which datagram of the simulation */
	unsigned payload; /* which payload inside */
	enum evil_kind kind;
	uint32_t arg;
	struct bytes data; /* at most EVIL_DATA */
	/* What was found. */
	bool sealed;       /* the datagram was protected and its keys known */
	unsigned payloads; /* how many it has inside */
	uint8_t type;      /* of the payload */
	size_t body;       /* its bytes after the generic header */
	bool done;         /* it was changed */
};

struct ike_msg;
/* Reads what is inside a protected datagram; *inner borrows until the next call. False: not
 * protected, or its keys are not known. */
bool evil_open(struct sim *s, const struct sim_wire *w, struct ike_msg *inner);

/* The same, unread: *plain are the payloads inside, *first the type of the first. */
bool evil_unseal(struct sim *s, const struct sim_wire *w, uint8_t *first, struct bytes *plain);

/* Changes the payloads inside in place: *first and `n` bytes of `cap`; returns how many there are
 * then. */
typedef size_t evil_edit(void *arg, uint8_t *first, uint8_t *chain, size_t n, size_t cap);
/* A protected datagram, changed and sealed again. False: not protected, or its keys not known. */
bool evil_change(struct sim *s, struct sim_wire *w, evil_edit *edit, void *arg);

/* A fragment (RFC 7383) that a peer with the keys could send. */
struct evil_piece {
	struct ike_hdr hdr;
	uint16_t number, total;
	uint8_t next; /* SKF's next payload field */
	struct bytes content;
	struct endpoint from, to;
	bool marker;
};

/* Seals it with the keys of the SA that its header names, and hands it to `to`. */
enum ike_err evil_inject(struct sim *s, struct sim_host *to, const struct evil_piece *p);

/* A tap for sim.tap, with tap_arg = struct evil. */
bool evil_tap(struct sim *s, struct sim_wire *w);

#endif

/*
 * Putting a message together from its fragments: RFC 7383 section 2.6.
 *
 * A fragment is judged by its fields before it is decrypted, and kept only when it has proved its
 * integrity. All that is kept is bounded: pieces and bytes of a message, and bytes of all messages.
 */
#ifndef IKE_REASM_H
#define IKE_REASM_H

#include "ike/ike.h"
#include "ike/parcel.h"
#include "ike/wire/msg.h"

/* What a repeat of a request looks like: RFC 7296 section 2.1. */
struct ike_mark {
	size_t n; /* length of the datagram, and its last bytes: the checksum is among them */
	uint8_t tail[32];
	uint16_t total; /* Total Fragments; 0: it was no fragment */
};

struct ike_mark ike_mark_of(struct bytes raw);
bool ike_mark_fits(const struct ike_mark *m, struct bytes raw);

/* The bounds of one reassembly. */
struct ike_reasm_caps {
	uint32_t pieces;  /* Total Fragments */
	uint32_t content; /* bytes of the message */
	uint64_t *all;    /* what all reassemblies hold; borrowed for as long as anything is kept */
	uint64_t all_max;
	ike_time give_up_at;
};

struct ike_piece;

struct ike_reasm {
	struct ike_piece *pieces; /* `total` of them; NULL: nothing has come */
	uint16_t total, have;
	uint8_t exchange, first; /* first: of fragment 1, the type of the first payload inside */
	struct ike_mark mark;    /* of fragment 1 */
	struct ike_blob head;    /* of fragment 1, to the end of SKF's generic header */
	size_t content, largest; /* bytes so far; of the largest datagram */
	uint64_t held, *all;
	ike_time give_up_at;
};

enum ike_reasm_verdict {
	IKE_REASM_STORED,
	IKE_REASM_WHOLE,    /* with this one nothing is missing */
	IKE_REASM_REPEATED, /* it is there already */
	IKE_REASM_STALE,    /* of fewer fragments than what is there, or of another exchange */
	IKE_REASM_TOO_MANY, /* more pieces than a message may have */
	IKE_REASM_TOO_LONG, /* more bytes than a message may have; what was there is discarded */
	IKE_REASM_CROWDED,  /* all reassemblies together hold too much */
	IKE_REASM_NO_MEMORY,
};

/* Before it is decrypted: STORED means that it may be new. `m` has an SKF payload. */
enum ike_reasm_verdict ike_reasm_judge(const struct ike_reasm *r, const struct ike_msg *m);
/* It is genuine and was judged well; its content is copied. One of more fragments than what is
 * there starts over. */
enum ike_reasm_verdict ike_reasm_add(struct ike_reasm *r, const struct ike_reasm_caps *caps,
    const struct ike_msg *m, struct bytes content);
/* The whole content into dst, which has room for r->content bytes; returns how many. Only after
 * WHOLE. */
size_t ike_reasm_merge(const struct ike_reasm *r, uint8_t *dst);
ike_time ike_reasm_deadline(const struct ike_reasm *r); /* IKE_NEVER: nothing is there */
void ike_reasm_fini(struct ike_reasm *r);               /* discards and wipes; empty then */

#endif

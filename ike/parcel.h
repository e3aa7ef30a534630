/*
 * A message of ours as it goes out and is kept for retransmission: one datagram, or the fragments
 * of RFC 7383 section 2.5.
 */
#ifndef IKE_PARCEL_H
#define IKE_PARCEL_H

#include "ike/crypto/crypto.h"

struct ike_blob {
	uint8_t *p; /* owned */
	size_t n;
};

bool ike_blob_copy(
    struct ike_blob *b, struct bytes from); /* false: no memory; the old content is freed */
void ike_blob_fini(struct ike_blob *b);
struct bytes ike_blob_bytes(const struct ike_blob *b);

struct ike_parcel {
	struct ike_blob wire; /* the datagrams one behind the other, bit for bit as sent */
	size_t piece;         /* bytes of each of them but the last, */
	size_t more;          /* of the first so many more: `beside` */
	uint16_t total;       /* how many; 0: no message */
	/* What is inside SK, and the type of its first payload, so that it can be cut smaller.
	 * Empty: it is as small as it gets. Wiped. */
	struct ike_blob plain;
	uint8_t first;
	/* A puzzle's solution, as a PS payload in the plaintext: of the first fragment alone (RFC
	 * 8019 section 7.2.2). Empty: none. */
	struct ike_blob beside;
};

void ike_parcel_fini(struct ike_parcel *p);
void ike_parcel_take(struct ike_parcel *to, struct ike_parcel *from); /* *from is empty then */
/* The i-th datagram, borrowed; i below p->total. */
struct bytes ike_parcel_piece(const struct ike_parcel *p, size_t i);

/* *p (empty, but for `plain`) is one datagram, copied. False: no memory. */
bool ike_parcel_whole(struct ike_parcel *p, struct bytes datagram);

/*
 * Seals `plain`, the content of an SK payload that begins with a payload of type `first`, in
 * fragments of at most `room` bytes of IKE message each, and of at least `least` fragments (so that
 * a message cut anew has more than before, RFC 7383 section 2.5.2). `hdr` is the header of them
 * all. On success p->wire is replaced; p->plain is not touched. IKE_ELIMIT: `room` is too small.
 */
enum ike_err ike_parcel_cut(struct ike_parcel *p, struct ike_sk *sk, const struct ike_hdr *hdr,
    struct bytes plain, uint8_t first, size_t room, size_t least);

#endif

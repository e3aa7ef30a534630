/*
 * Message IDs, the window of one, retransmission and repeats: RFC 7296 sections 2.1 to 2.3.
 *
 * Judging a message (ike_window_judge) changes nothing; what it means for the window is committed
 * only after the message has proved its integrity.
 */
#ifndef IKE_WINDOW_H
#define IKE_WINDOW_H

#include "ike/parcel.h"
#include "ike/reasm.h"

enum ike_window_verdict {
	IKE_WINDOW_NEW_REQUEST,
	IKE_WINDOW_REPEATED, /* the last request again: the cached response answers it */
	IKE_WINDOW_BUSY, /* the last request again, and its answer is still being made: absorb */
	IKE_WINDOW_RESPONSE, /* answers our outstanding request */
	IKE_WINDOW_OUTSIDE,
};

struct ike_window {
	uint32_t send_id; /* of our outstanding request, or of the next one */
	uint32_t recv_id; /* of the next request that the peer may send */
	/* Requests of ours. */
	bool outstanding;
	struct ike_parcel request; /* bit for bit as sent */
	uint32_t tries;            /* retransmissions so far */
	uint32_t earlier;          /* sendings of it in larger fragments before */
	ike_time first_at;         /* when the request went out first */
	ike_time retry_at; /* next retransmission, or the end; IKE_NEVER without a request */
	/* The peer's last request. */
	bool answering; /* accepted, no response yet */
	bool has_response;
	struct ike_parcel response; /* to request recv_id - 1 */
	struct ike_mark last;       /* of that request, of its fragment 1: a repeat is identical */
	/* Fragments of the next request, and of the response that we wait for. */
	struct ike_reasm in_request, in_response;
};

void ike_window_init(struct ike_window *w);
void ike_window_fini(struct ike_window *w);

enum ike_window_verdict ike_window_judge(
    const struct ike_window *w, bool response, uint32_t id, struct bytes raw);

/* Is `id` that of the last request, and its answer is there to be sent again? */
bool ike_window_answered(const struct ike_window *w, uint32_t id);

/* The peer's request `recv_id` is genuine: it is ours to answer now. */
void ike_window_accept_request(struct ike_window *w, const struct ike_mark *mark);
/* It could not be handled for want of memory: as if it had not come, so that a repeat is taken. */
void ike_window_unaccept(struct ike_window *w);
/* The answer, kept for repeats; taken. */
void ike_window_answer(struct ike_window *w, struct ike_parcel *response);
/* A request of ours goes out; taken. */
void ike_window_send(struct ike_window *w, struct ike_parcel *request, ike_time now,
    const struct ike_retransmit *rt);
/* The same exchange, with another request (a cookie, another group): RFC 7296 section 2.2. Taken.
 */
void ike_window_replace(struct ike_window *w, struct ike_parcel *request, ike_time now,
    const struct ike_retransmit *rt);
/* The response to it has proved genuine. */
void ike_window_complete(struct ike_window *w);
/* retry_at has come: true: send the request again; false: that was the last wait. */
bool ike_window_retry(struct ike_window *w, ike_time now, const struct ike_retransmit *rt);
/* The request has been cut smaller: its retransmission begins anew (RFC 7383 section 2.5.2). */
void ike_window_restart(struct ike_window *w, ike_time now, const struct ike_retransmit *rt);
/* Milliseconds from the first sending to the end of the last wait. */
uint64_t ike_retransmit_span(const struct ike_retransmit *rt);
/* Milliseconds before the n-th retransmission (0: the first). */
uint64_t ike_retransmit_wait(const struct ike_retransmit *rt, uint32_t n);

#endif

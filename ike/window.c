/*
 * The window of one request in each direction: RFC 7296 sections 2.1, 2.2 and 2.3.
 *
 * Both counters only ever move forward, and only for messages that were decrypted. A repeat of the
 * peer's last request is recognised by its length and last bytes (the integrity checksum is among
 * them), so that a forged message with an old number is not answered.
 */
#include "ike/window.h"

#include <stdlib.h>
#include <string.h>

const struct ike_retransmit ike_retransmit_default = {.timeout_ms = 4000, .base = 1.8, .tries = 5};

bool ike_blob_copy(struct ike_blob *b, struct bytes from)
{
	ike_blob_fini(b);
	b->p = malloc(from.n ? from.n : 1);
	if (!b->p)
		return false;
	if (from.n)
		memcpy(b->p, from.p, from.n);
	b->n = from.n;
	return true;
}

void ike_blob_fini(struct ike_blob *b)
{
	free(b->p);
	*b = (struct ike_blob){0};
}

struct bytes ike_blob_bytes(const struct ike_blob *b)
{
	return bytes_of(b->p, b->n);
}

static void blob_take(struct ike_blob *to, struct ike_blob *from)
{
	ike_blob_fini(to);
	*to = *from;
	*from = (struct ike_blob){0};
}

void ike_window_init(struct ike_window *w)
{
	*w = (struct ike_window){.retry_at = IKE_NEVER};
}

void ike_window_fini(struct ike_window *w)
{
	ike_blob_fini(&w->request);
	ike_blob_fini(&w->response);
	ike_window_init(w);
}

static size_t tail_of(struct bytes raw, uint8_t tail[32])
{
	size_t n = raw.n < 32 ? raw.n : 32;

	memset(tail, 0, 32);
	if (n)
		memcpy(tail, raw.p + raw.n - n, n);
	return raw.n;
}

static bool is_repeat(const struct ike_window *w, struct bytes raw)
{
	uint8_t tail[32];

	return tail_of(raw, tail) == w->last_n && memcmp(tail, w->last_tail, sizeof tail) == 0;
}

enum ike_window_verdict ike_window_judge(
    const struct ike_window *w, bool response, uint32_t id, struct bytes raw)
{
	if (response)
		return w->outstanding && id == w->send_id ? IKE_WINDOW_RESPONSE
							  : IKE_WINDOW_OUTSIDE;
	if (id == w->recv_id)
		return w->answering ? IKE_WINDOW_OUTSIDE : IKE_WINDOW_NEW_REQUEST;
	if (w->recv_id > 0 && id == w->recv_id - 1 && is_repeat(w, raw)) {
		if (w->answering)
			return IKE_WINDOW_BUSY;
		if (w->has_response)
			return IKE_WINDOW_REPEATED;
	}
	return IKE_WINDOW_OUTSIDE;
}

void ike_window_accept_request(struct ike_window *w, struct bytes raw)
{
	w->recv_id++;
	w->answering = true;
	w->has_response = false;
	ike_blob_fini(&w->response);
	w->last_n = tail_of(raw, w->last_tail);
}

void ike_window_unaccept(struct ike_window *w)
{
	w->recv_id--;
	w->answering = false;
	w->has_response = false;
	w->last_n = 0;
}

void ike_window_answer(struct ike_window *w, struct ike_blob *response)
{
	blob_take(&w->response, response);
	w->answering = false;
	w->has_response = true;
}

uint64_t ike_retransmit_wait(const struct ike_retransmit *rt, uint32_t n)
{
	double ms = rt->timeout_ms;

	for (uint32_t i = 0; i < n && ms < 3600e3; i++)
		ms *= rt->base;
	if (ms > 3600e3)
		ms = 3600e3; /* an hour is the longest wait, whatever the base */
	return ms < 1 ? 1 : (uint64_t)ms;
}

void ike_window_replace(
    struct ike_window *w, struct ike_blob *request, ike_time now, const struct ike_retransmit *rt)
{
	blob_take(&w->request, request);
	w->tries = 0;
	w->retry_at = now + ike_retransmit_wait(rt, 0);
}

void ike_window_send(
    struct ike_window *w, struct ike_blob *request, ike_time now, const struct ike_retransmit *rt)
{
	ike_window_replace(w, request, now, rt);
	w->outstanding = true;
	w->first_at = now;
}

void ike_window_complete(struct ike_window *w)
{
	ike_blob_fini(&w->request);
	w->outstanding = false;
	w->tries = 0;
	w->retry_at = IKE_NEVER;
	w->send_id++;
}

bool ike_window_retry(struct ike_window *w, ike_time now, const struct ike_retransmit *rt)
{
	if (w->tries >= rt->tries) {
		w->retry_at = IKE_NEVER;
		return false;
	}
	w->tries++;
	w->retry_at = now + ike_retransmit_wait(rt, w->tries);
	return true;
}

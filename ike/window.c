/*
 * The window of one request in each direction: RFC 7296 sections 2.1, 2.2 and 2.3.
 *
 * Both counters only ever move forward, and only for messages that were decrypted. A repeat of the
 * peer's last request is recognised by its length and last bytes (the integrity checksum is among
 * them), so that a forged message with an old number is not answered.
 */
#include "ike/window.h"

const struct ike_retransmit ike_retransmit_default = {.timeout_ms = 4000, .base = 1.8, .tries = 5};

void ike_window_init(struct ike_window *w)
{
	*w = (struct ike_window){.retry_at = IKE_NEVER};
}

void ike_window_fini(struct ike_window *w)
{
	ike_parcel_fini(&w->request);
	ike_parcel_fini(&w->response);
	ike_reasm_fini(&w->in_request);
	ike_reasm_fini(&w->in_response);
	ike_window_init(w);
}

enum ike_window_verdict ike_window_judge(
    const struct ike_window *w, bool response, uint32_t id, struct bytes raw)
{
	if (response)
		return w->outstanding && id == w->send_id ? IKE_WINDOW_RESPONSE
							  : IKE_WINDOW_OUTSIDE;
	if (id == w->recv_id)
		return w->answering ? IKE_WINDOW_OUTSIDE : IKE_WINDOW_NEW_REQUEST;
	if (w->recv_id > 0 && id == w->recv_id - 1 && ike_mark_fits(&w->last, raw)) {
		if (w->answering)
			return IKE_WINDOW_BUSY;
		if (w->has_response)
			return IKE_WINDOW_REPEATED;
	}
	return IKE_WINDOW_OUTSIDE;
}

bool ike_window_answered(const struct ike_window *w, uint32_t id)
{
	return w->has_response && w->recv_id > 0 && id == w->recv_id - 1;
}

void ike_window_accept_request(struct ike_window *w, const struct ike_mark *mark)
{
	w->recv_id++;
	w->answering = true;
	w->has_response = false;
	ike_parcel_fini(&w->response);
	ike_reasm_fini(&w->in_request);
	w->last = *mark;
}

void ike_window_unaccept(struct ike_window *w)
{
	w->recv_id--;
	w->answering = false;
	w->has_response = false;
	w->last = (struct ike_mark){0};
}

void ike_window_answer(struct ike_window *w, struct ike_parcel *response)
{
	ike_parcel_take(&w->response, response);
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

uint64_t ike_retransmit_span(const struct ike_retransmit *rt)
{
	uint64_t ms = 0;

	for (uint32_t i = 0; i <= rt->tries && i < 100; i++)
		ms += ike_retransmit_wait(rt, i);
	return ms;
}

void ike_window_replace(
    struct ike_window *w, struct ike_parcel *request, ike_time now, const struct ike_retransmit *rt)
{
	ike_parcel_take(&w->request, request);
	w->tries = w->earlier = 0;
	w->retry_at = now + ike_retransmit_wait(rt, 0);
}

void ike_window_restart(struct ike_window *w, ike_time now, const struct ike_retransmit *rt)
{
	w->earlier += w->tries;
	w->tries = 0;
	w->retry_at = now + ike_retransmit_wait(rt, 0);
}

void ike_window_send(
    struct ike_window *w, struct ike_parcel *request, ike_time now, const struct ike_retransmit *rt)
{
	ike_window_replace(w, request, now, rt);
	w->outstanding = true;
	w->first_at = now;
}

void ike_window_complete(struct ike_window *w)
{
	ike_parcel_fini(&w->request);
	ike_reasm_fini(&w->in_response);
	w->outstanding = false;
	w->tries = w->earlier = 0;
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

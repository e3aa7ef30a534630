/*
 * Messages out: header, SK, the answer that is kept for repeats, the request that is retransmitted.
 * RFC 7296 sections 2.1, 3.1 and 3.14.
 */
#include "ike/sa.h"

#include "ike/task/task.h"

void ike_out_begin(
    struct ike_sa *sa, struct ike_build *b, uint8_t exchange, bool response, uint32_t id)
{
	struct ike_hdr h = {
	    .spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = exchange, .msg_id = id};

	h.flags = (uint8_t)((sa->initiator ? IKE_FLAG_INITIATOR : 0) |
			    (response ? IKE_FLAG_RESPONSE : 0));
	ike_build_begin(b, sa->e->out, sizeof sa->e->out, &h);
	if (exchange != IKE_EXCHANGE_SA_INIT)
		ike_build_sk(b, ike_sk_iv_len(&sa->seal));
}

enum ike_err ike_out_end(
    struct ike_sa *sa, struct ike_build *b, uint8_t exchange, struct bytes *out)
{
	if (exchange != IKE_EXCHANGE_SA_INIT)
		return ike_sk_seal(&sa->seal, b, out);
	*out = ike_build_finish(b);
	return out->n ? IKE_OK : IKE_ENOMEM;
}

void ike_sa_transmit(struct ike_sa *sa, struct bytes data)
{
	ike_send(sa->e, &sa->local, &sa->remote, sa->marker, data);
}

void ike_answer_begin(struct ike_sa *sa, struct ike_build *b, uint8_t exchange, uint32_t id)
{
	ike_out_begin(sa, b, exchange, true, id);
}

enum ike_err ike_answer_end(struct ike_sa *sa, struct ike_build *b, uint8_t exchange)
{
	struct ike_blob keep = {0};
	struct bytes out;
	enum ike_err err = ike_out_end(sa, b, exchange, &out);

	if (err)
		return err;
	if (!ike_blob_copy(&keep, out))
		return IKE_ENOMEM;
	if (sa->e->answering)
		ike_send(sa->e, &sa->e->answering->local, &sa->e->answering->remote,
		    sa->e->answering->marker, out);
	else
		ike_sa_transmit(sa, out);
	ike_window_answer(&sa->win, &keep);
	return IKE_OK;
}

enum ike_err ike_answer_notify(
    struct ike_sa *sa, uint8_t exchange, uint32_t id, uint16_t type, struct bytes data)
{
	struct ike_build b;

	ike_answer_begin(sa, &b, exchange, id);
	ike_build_notify(&b, (enum ike_notify_type)type, data);
	return ike_answer_end(sa, &b, exchange);
}

struct ike_retransmit ike_task_schedule(const struct ike_task *t)
{
	struct ike_retransmit rt = t->sa->e->retransmit;

	if (!t->ops->rush)
		return rt;
	rt.base = 1;
	rt.tries = 2;
	if (rt.timeout_ms > IKE_STOP_MS / 3)
		rt.timeout_ms = IKE_STOP_MS / 3;
	return rt;
}

enum ike_err ike_request_send(struct ike_sa *sa, struct ike_task *t)
{
	struct ike_blob keep = {0};
	struct ike_retransmit rt = ike_task_schedule(t);
	struct ike_build b;
	struct bytes out;
	enum ike_err err;

	if (sa->win.send_id == UINT32_MAX)
		return IKE_ELIMIT; /* message IDs must not wrap: RFC 7296 section 2.2 */
	ike_out_begin(sa, &b, t->ops->exchange, false, sa->win.send_id);
	err = t->ops->build(t, &b);
	if (err)
		return err;
	err = ike_out_end(sa, &b, t->ops->exchange, &out);
	if (err)
		return err;
	if (!ike_blob_copy(&keep, out))
		return IKE_ENOMEM;
	if (t->ops->exchange == IKE_EXCHANGE_SA_INIT && !ike_blob_copy(&sa->setup->init_req, out)) {
		ike_blob_fini(&keep);
		return IKE_ENOMEM;
	}
	ike_sa_transmit(sa, out);
	if (sa->win.outstanding)
		ike_window_replace(&sa->win, &keep, sa->e->now, &rt);
	else
		ike_window_send(&sa->win, &keep, sa->e->now, &rt);
	return IKE_OK;
}

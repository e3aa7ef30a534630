/*
 * Messages out: header, SK or fragments, the answer that is kept for repeats, the request that is
 * retransmitted. RFC 7296 sections 2.1, 3.1 and 3.14, RFC 7383 section 2.5.
 *
 * A long message is cut for IP packets of fragment_size bytes. When several retransmissions bring
 * no answer it is cut anew for the size that the RFC recommends, if that is smaller, and the SA
 * stays with it. Who answers follows the fragments of the request. What ICMP says of the path
 * counts at once.
 */
#include "ike/sa.h"

#include "ike/task/task.h"

enum {
	IP4_HDR = 20,
	IP6_HDR = 40,
	UDP_HDR = 8,
	MARKER = 4,
	/* RFC 7383 section 2.5.1: what every path should carry. */
	IP4_SAFE = 576,
	IP6_SAFE = 1280,
	SENT_ENOUGH = 2, /* times that a size is tried */
};

/* Of the puzzle that came with the answer to IKE_SA_INIT: IKE_AUTH has it in the
 * plaintext (RFC 8019 section 7.2.2). Empty: none. */
static struct bytes solution_of(const struct ike_sa *sa, uint8_t exchange, bool response)
{
	if (exchange != IKE_EXCHANGE_AUTH || response || !sa->setup)
		return bytes_of(NULL, 0);
	return ike_blob_bytes(&sa->setup->solution);
}

void ike_out_begin(
    struct ike_sa *sa, struct ike_build *b, uint8_t exchange, bool response, uint32_t id)
{
	struct ike_hdr h = {
	    .spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = exchange, .msg_id = id};
	struct bytes beside = solution_of(sa, exchange, response);

	h.flags = (uint8_t)((sa->initiator ? IKE_FLAG_INITIATOR : 0) |
			    (response ? IKE_FLAG_RESPONSE : 0));
	ike_build_begin(b, sa->e->out, sizeof sa->e->out, &h);
	if (beside.n) {
		ike_build_payload(b, IKE_PLD_PS);
		wr_bytes(&b->w, beside);
	}
	if (!ike_exchange_is_first(exchange))
		ike_build_sk(b, ike_sk_iv_len(&sa->seal));
}

/* ---- Sizes ---- */

static bool is_v6(const struct ike_sa *sa)
{
	return sa->remote.addr.family == ADDR_V6;
}

static uint32_t safe_size(const struct ike_sa *sa)
{
	return is_v6(sa) ? IP6_SAFE : IP4_SAFE;
}

/* Bytes of an IP packet around an IKE message. */
static uint32_t around(const struct ike_sa *sa, bool marker)
{
	uint32_t ip = is_v6(sa) ? IP6_HDR : IP4_HDR;

	return ip + UDP_HDR + (marker ? MARKER : 0u);
}

/* Bytes of an IKE message in an IP packet of `packet` bytes. */
static size_t room_in(const struct ike_sa *sa, uint32_t packet)
{
	bool marker = sa->e->answering ? sa->e->answering->marker : sa->marker;

	return packet - around(sa, marker);
}

static uint32_t packet_max(struct ike_sa *sa)
{
	if (!sa->packet_max)
		sa->packet_max = sa->e->p.config->fragment_size;
	if (!sa->packet_max)
		sa->packet_max = safe_size(sa);
	return sa->packet_max;
}

static bool may_fragment(const struct ike_sa *sa)
{
	return ike_ext_has(sa->extensions, IKE_EXT_FRAGMENTATION) &&
	       (!sa->conn || sa->conn->fragmentation == FRAGMENTATION_YES);
}

/* True: it is less than before. */
static bool narrow(struct ike_sa *sa, uint32_t packet)
{
	if (packet < IKE_PACKET_LEAST)
		packet = IKE_PACKET_LEAST;
	if (packet >= packet_max(sa))
		return false;
	sa->packet_max = packet;
	return true;
}

void ike_fragments_fit(struct ike_sa *sa, const struct ike_datagram *d, size_t largest)
{
	narrow(sa, (uint32_t)largest + around(sa, d->marker));
}

/* An answer to IKE_INTERMEDIATE is sealed with the keys from before: RFC 9242 section 3.3.1. */
static struct ike_sk *sealer(struct ike_sa *sa, const struct ike_hdr *h)
{
	bool before = sa->setup && sa->setup->intermediates && ike_hdr_is_response(h) &&
		      h->exchange == IKE_EXCHANGE_INTERMEDIATE &&
		      h->msg_id == sa->setup->intermediates;

	return before ? &sa->setup->before_seal : &sa->seal;
}

/* Cut anew for smaller packets, into more fragments than before. False: it stays as it is. */
static bool cut_smaller(struct ike_sa *sa, struct ike_parcel *p, uint32_t packet)
{
	struct ike_hdr h;

	return p->plain.p && ike_hdr_parse(&h, ike_parcel_piece(p, 0)) == IKE_OK &&
	       ike_parcel_cut(p, sealer(sa, &h), &h, ike_blob_bytes(&p->plain), p->first,
		   room_in(sa, packet), p->total + 1u) == IKE_OK;
}

/* ---- Sealing ---- */

/* In fragments if it is too long for one packet; IKE_ELIMIT: it is not. */
static enum ike_err seal_fragments(struct ike_sa *sa, struct ike_build *b, struct ike_parcel *out)
{
	struct bytes plain = ike_build_sk_content(b, &out->first);
	uint32_t packet = packet_max(sa);
	const uint8_t *raw = b->w.base;
	struct bytes beside = solution_of(sa, raw[18], raw[19] & IKE_FLAG_RESPONSE);
	size_t outside = IKE_HDR_LEN + (beside.n ? IKE_PLD_HDR_LEN + beside.n : 0);
	struct ike_hdr h;
	enum ike_err err;

	if (plain.n > ike_sk_capacity(&sa->seal, room_in(sa, safe_size(sa)) - outside) &&
	    !ike_blob_copy(&out->plain, plain))
		return IKE_ENOMEM;
	if (beside.n && !ike_blob_copy(&out->beside, beside))
		return IKE_ENOMEM;
	if (plain.n <= ike_sk_capacity(&sa->seal, room_in(sa, packet) - outside))
		return IKE_ELIMIT;
	h = (struct ike_hdr){.spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	    .exchange = raw[18],
	    .flags = raw[19],
	    .msg_id = be32_load(raw + 20)};
	err = ike_parcel_cut(out, &sa->seal, &h, plain, out->first, room_in(sa, packet), 2);
	secret_wipe(b->w.base + b->text_at, plain.n);
	return err == IKE_ELIMIT ? IKE_EBUG : err;
}

enum ike_err ike_out_end(
    struct ike_sa *sa, struct ike_build *b, uint8_t exchange, struct ike_parcel *out)
{
	struct bytes whole;
	enum ike_err err = IKE_ELIMIT;

	if (ike_exchange_is_first(exchange)) {
		whole = ike_build_finish(b);
		return whole.n && ike_parcel_whole(out, whole) ? IKE_OK : IKE_ENOMEM;
	}
	if (may_fragment(sa))
		err = seal_fragments(sa, b, out);
	if (err == IKE_ELIMIT) {
		err = ike_sk_seal(&sa->seal, b, &whole);
		if (!err && !ike_parcel_whole(out, whole))
			err = IKE_ENOMEM;
	}
	if (err)
		ike_parcel_fini(out);
	return err;
}

/* ---- Sending ---- */

static void send_all(struct ike_engine *e, const struct ike_parcel *p, const struct endpoint *local,
    const struct endpoint *remote, bool marker)
{
	for (size_t i = 0; i < p->total; i++)
		ike_send(e, local, remote, marker, ike_parcel_piece(p, i));
	if (p->total > 1)
		e->stats.fragments_out += p->total;
}

void ike_sa_transmit(struct ike_sa *sa, const struct ike_parcel *p)
{
	send_all(sa->e, p, &sa->local, &sa->remote, sa->marker);
}

void ike_answer_again(struct ike_sa *sa, const struct ike_datagram *d)
{
	send_all(sa->e, &sa->win.response, &d->local, &d->remote, d->marker);
}

void ike_answer_smaller(struct ike_sa *sa, const struct ike_datagram *d)
{
	ike_fragments_fit(sa, d, d->data.n);
	sa->e->answering = d;
	cut_smaller(sa, &sa->win.response, sa->packet_max);
	sa->e->answering = NULL;
}

void ike_answer_begin(struct ike_sa *sa, struct ike_build *b, uint8_t exchange, uint32_t id)
{
	ike_out_begin(sa, b, exchange, true, id);
}

enum ike_err ike_answer_end(struct ike_sa *sa, struct ike_build *b, uint8_t exchange)
{
	struct ike_parcel out = {0};
	enum ike_err err = ike_out_end(sa, b, exchange, &out);

	if (err)
		return err;
	ike_window_answer(&sa->win, &out);
	if (sa->e->answering)
		ike_answer_again(sa, sa->e->answering);
	else
		ike_sa_transmit(sa, &sa->win.response);
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

	if (t->ops->tries && t->ops->tries < rt.tries)
		rt.tries = t->ops->tries;
	if (!t->ops->rush || ike_sa_closes_patiently(t->sa))
		return rt;
	rt.base = 1;
	rt.tries = 2;
	if (rt.timeout_ms > IKE_STOP_MS / 3)
		rt.timeout_ms = IKE_STOP_MS / 3;
	return rt;
}

enum ike_err ike_request_send(struct ike_sa *sa, struct ike_task *t)
{
	struct ike_parcel out = {0};
	struct ike_retransmit rt = ike_task_schedule(t);
	struct ike_build b;
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
	if (ike_exchange_is_first(t->ops->exchange) &&
	    !ike_blob_copy(&sa->setup->init_req, ike_parcel_piece(&out, 0))) {
		ike_parcel_fini(&out);
		return IKE_ENOMEM;
	}
	ike_sa_transmit(sa, &out);
	if (sa->win.outstanding)
		ike_window_replace(&sa->win, &out, sa->e->now, &rt);
	else
		ike_window_send(&sa->win, &out, sa->e->now, &rt);
	return IKE_OK;
}

void ike_request_again(struct ike_sa *sa, const struct ike_retransmit *rt)
{
	struct ike_window *w = &sa->win;
	uint32_t safe = safe_size(sa);

	if (w->tries >= SENT_ENOUGH && may_fragment(sa) && safe < packet_max(sa) &&
	    cut_smaller(sa, &w->request, safe)) {
		struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);

		sa->packet_max = safe;
		ike_window_restart(w, sa->e->now, rt);
		ike_emit_step(sa->e, &ref,
		    "no answer: perhaps large packets are lost on the way, so the request goes in "
		    "%u fragments for packets of %u bytes",
		    w->request.total, safe);
	}
	ike_sa_transmit(sa, &w->request);
}

void ike_packets_fit(struct ike_sa *sa, uint32_t packet)
{
	struct ike_window *w = &sa->win;
	struct ike_retransmit rt;

	if (!narrow(sa, packet) || !sa->active || !w->outstanding || !may_fragment(sa) ||
	    w->request.piece + w->request.more <= room_in(sa, sa->packet_max) ||
	    !cut_smaller(sa, &w->request, sa->packet_max))
		return;
	rt = ike_task_schedule(sa->active);
	ike_window_restart(w, sa->e->now, &rt);
	ike_sa_transmit(sa, &w->request);
}

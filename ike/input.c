/*
 * A datagram's way in: header → SA → window → decrypt → (reassembly →) walk → rules → handler. RFC
 * 7296 sections 2.1 to 2.5, 2.21, 3.1, RFC 7383 section 2.6.
 *
 * Up to the point where SK has opened, nothing changes but counters: what an outsider sends can
 * neither end an SA nor move its window, clock or path.
 */
#include "ike/exchange/exchange.h"
#include "ike/hint.h"
#include "ike/resume.h"
#include "ike/task/task.h"

/* ---- An IKE_SA_INIT request: there is no SA yet, or this is a repeat ---- */

static void repeat_answer(struct ike_sa *sa, const struct ike_datagram *d)
{
	sa->e->stats.replayed_requests++;
	ike_answer_again(sa, d);
}

/* True: it belongs to an SA that we have, and was answered or ignored (section 2.1). */
static bool is_known_init(
    struct ike_engine *e, const struct ike_datagram *d, const struct ike_msg *m)
{
	for (struct ike_sa *sa = NULL; (sa = ike_sa_next_by_init(e, sa, m->hdr.spi_i)) != NULL;) {
		if (!bytes_equal(ike_blob_bytes(&sa->ni), m->nonce))
			continue;
		if (ike_window_judge(&sa->win, false, 0, d->data) == IKE_WINDOW_REPEATED)
			repeat_answer(sa, d);
		else
			e->stats.dropped_window++;
		return true;
	}
	return false;
}

static enum ike_err input_init_request(struct ike_engine *e, const struct ike_datagram *d)
{
	struct ike_in in = {.d = d, .m = &e->outer};
	const struct ike_row *row;
	enum ike_rules rules;
	enum ike_err err = ike_msg_parse(&e->outer, d->data);

	if (!err)
		err = ike_msg_check_outer(&e->outer);
	if (!err && (e->outer.hdr.spi_r || e->outer.hdr.msg_id || !e->outer.hdr.spi_i ||
			!ike_hdr_from_initiator(&e->outer.hdr)))
		err = IKE_ESYNTAX;
	if (!err)
		err =
		    ike_msg_rules(&e->outer, &rules) ? ike_msg_check(&e->outer, rules) : IKE_ESTATE;
	if (err) {
		/* INVALID_SYNTAX goes out only under protection (section 3.10.1); this one may. */
		if (err == IKE_ECRITICAL)
			ike_hint_reply(e, d, &e->outer.hdr, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
		e->stats.dropped_malformed++;
		return err;
	}
	if (is_known_init(e, d, &e->outer))
		return IKE_OK;
	row = ike_row_find(&in);
	if (!row)
		return IKE_ESTATE;
	err = row->handle(e, &in);
	if (in.sa)
		ike_sa_settle(in.sa);
	return err;
}

/* ---- Messages of an SA ---- */

static struct ike_sa *find_sa(struct ike_engine *e, const struct ike_hdr *h)
{
	bool from_initiator = ike_hdr_from_initiator(h);
	struct ike_sa *sa = ike_sa_find(e, from_initiator ? h->spi_r : h->spi_i);

	if (!sa || sa->dead || sa->initiator == from_initiator)
		return NULL;
	/* The other SPI must fit as well; an initiator learns it with the answer to IKE_SA_INIT. */
	if (sa->initiator ? sa->spi_r && sa->spi_r != h->spi_r : sa->spi_i != h->spi_i)
		return NULL;
	return sa;
}

static bool has_fragments(const struct ike_sa *sa)
{
	return ike_ext_has(sa->extensions, IKE_EXT_FRAGMENTATION);
}

/* True: go on; *late: only with what may be fragment 1 of the last request. */
static bool passes_window(
    struct ike_sa *sa, const struct ike_datagram *d, const struct ike_hdr *h, bool *late)
{
	*late = false;
	switch (ike_window_judge(&sa->win, ike_hdr_is_response(h), h->msg_id, d->data)) {
	case IKE_WINDOW_NEW_REQUEST:
	case IKE_WINDOW_RESPONSE: return true;
	case IKE_WINDOW_REPEATED: repeat_answer(sa, d); return false;
	case IKE_WINDOW_BUSY: sa->e->stats.replayed_requests++; return false;
	case IKE_WINDOW_OUTSIDE: break;
	}
	*late = has_fragments(sa) && !ike_hdr_is_response(h) &&
		ike_window_answered(&sa->win, h->msg_id);
	if (*late)
		return true;
	sa->e->stats.dropped_window++;
	return false;
}

/* Runs the row. Only now the window moves. */
static enum ike_err handle(struct ike_engine *e, struct ike_in *in, const struct ike_row *row)
{
	struct ike_sa *sa = in->sa;
	enum ike_phase before = sa->phase;
	enum ike_err err;

	if (!row->response)
		ike_window_accept_request(&sa->win, &in->mark);
	e->answering = row->response ? NULL : in->d;
	err = row->handle(e, in);
	e->answering = NULL;
	if (!row->response && err)
		ike_window_unaccept(&sa->win);
	else if (!err && row->next != IKE_NEXT_SAME && sa->phase == before && !sa->dead)
		sa->phase = (enum ike_phase)row->next;
	return err;
}

/* The sender is genuine but its message is not sound: fatal for the SA (section 2.21.3). */
static void reject(
    struct ike_engine *e, struct ike_in *in, enum ike_err err, const struct ike_msg *m)
{
	struct ike_sa *sa = in->sa;
	char fault[IKE_FAULT_TEXT], at[ENDPOINT_TEXT];
	struct ike_reason why;
	uint8_t type = m->fault.payload;
	bool fatal = err != IKE_ECRITICAL || sa->phase != IKE_PHASE_UP;

	e->stats.dropped_malformed++;
	ike_reason_set(&why, err,
	    "%s sent a message that cannot be right (%s): the peer is at fault",
	    endpoint_text(&sa->remote, at), ike_msg_fault(m, fault));
	if (ike_hdr_is_response(&m->hdr)) {
		ike_sa_fail(sa, &why, true, IKE_STOP_MS);
		ike_sa_say_goodbye(sa, 0);
		return;
	}
	ike_window_accept_request(&sa->win, &in->mark);
	e->answering = in->d;
	if (ike_answer_notify(sa, m->hdr.exchange, m->hdr.msg_id,
		err == IKE_ECRITICAL ? IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD : IKE_N_INVALID_SYNTAX,
		bytes_of(&type, err == IKE_ECRITICAL)))
		ike_window_unaccept(&sa->win);
	e->answering = NULL;
	if (fatal)
		ike_sa_fail(sa, &why, false, IKE_LINGER_MS);
}

/* Of the last request, which was an IKE_INTERMEDIATE that changed the keys? */
static bool is_from_before(const struct ike_sa *sa, const struct ike_hdr *h)
{
	return sa->setup && sa->setup->intermediates && !ike_hdr_is_response(h) &&
	       h->msg_id == sa->setup->intermediates;
}

/* Opens SK or SKF of e->outer. IKE_ESYNTAX: it is genuine, but badly padded. */
static enum ike_err open_sealed(struct ike_engine *e, struct ike_sa *sa, struct bytes *plain)
{
	struct ike_sk *sk = is_from_before(sa, &e->outer.hdr) ? &sa->setup->before_open : &sa->open;
	enum ike_err err;

	e->plain_n = e->outer.sk.body.n;
	err = ike_sk_open(sk, &e->outer, e->plain, sizeof e->plain, plain);
	if (err == IKE_EINTEGRITY || err == IKE_ENOMEM || err == IKE_EBUG)
		e->stats.dropped_integrity++;
	return err;
}

/* ---- Fragments: RFC 7383 ---- */

/* One peer fills more memory than any message needs: section 5. */
static void drop_flooder(struct ike_sa *sa)
{
	struct ike_reason why;
	char at[ENDPOINT_TEXT];
	bool up = sa->phase == IKE_PHASE_UP;

	ike_reason_set(&why, IKE_ELIMIT,
	    "%s sent fragments of more than the %u bytes that an IKE message may have: the peer is "
	    "at fault",
	    endpoint_text(&sa->remote, at), sa->e->limits.fragment_bytes);
	ike_sa_fail(sa, &why, true, up ? IKE_STOP_MS : 0);
	if (up)
		ike_sa_say_goodbye(sa, 0);
}

static struct ike_reasm *reasm_of(struct ike_sa *sa, const struct ike_hdr *h)
{
	return ike_hdr_is_response(h) ? &sa->win.in_response : &sa->win.in_request;
}

static enum ike_reasm_verdict store(struct ike_engine *e, struct ike_sa *sa, struct bytes content)
{
	struct ike_reasm_caps caps = {.pieces = e->limits.fragments,
	    .content = e->limits.fragment_bytes,
	    .all = &e->fragment_bytes,
	    .all_max = e->limits.fragment_bytes_all,
	    .give_up_at = e->now + ike_retransmit_span(&e->retransmit)};

	if (caps.content > sizeof e->plain)
		caps.content = sizeof e->plain;
	if (sa->half_open) /* they leave room for those who have shown who they are */
		caps.all_max /= 2;
	return ike_reasm_add(reasm_of(sa, &e->outer.hdr), &caps, &e->outer, content);
}

/* The message is whole: it takes the place of the fragment. */
static void put_together(struct ike_engine *e, struct ike_in *in, struct bytes *plain)
{
	struct ike_reasm *r = reasm_of(in->sa, &e->outer.hdr);

	e->plain_n = ike_reasm_merge(r, e->plain);
	*plain = bytes_of(e->plain, e->plain_n);
	e->outer.sk.next = r->first;
	in->mark = r->mark;
	in->kept = r->head;
	r->head = (struct ike_blob){0};
	in->head = ike_blob_bytes(&in->kept);
	in->sk_at = in->head.n - IKE_PLD_HDR_LEN;
	if (r->total > 1 && !ike_hdr_is_response(&e->outer.hdr))
		ike_fragments_fit(in->sa, in->d, r->largest);
	ike_reasm_fini(r);
}

/* A genuine fragment with its content. True: the message is whole. */
static bool take_fragment(
    struct ike_engine *e, struct ike_in *in, struct bytes *plain, enum ike_err *err)
{
	*err = IKE_OK;
	switch (store(e, in->sa, *plain)) {
	case IKE_REASM_WHOLE: put_together(e, in, plain); return true;
	case IKE_REASM_REPEATED:
	case IKE_REASM_STALE:
	case IKE_REASM_STORED: return false;
	case IKE_REASM_TOO_LONG: drop_flooder(in->sa); break;
	case IKE_REASM_TOO_MANY:
	case IKE_REASM_CROWDED:
	case IKE_REASM_NO_MEMORY: break;
	}
	e->stats.dropped_limit++;
	*err = IKE_ELIMIT;
	return false;
}

/* A request that was answered comes once more, in fragments that are not those of before: fragment
 * 1 has the answer repeated (section 2.6.1). If they are more, the peer looks for a size that gets
 * through, and the answer follows. */
static enum ike_err input_late(struct ike_engine *e, struct ike_in *in)
{
	struct ike_mark mark = in->mark;
	struct bytes plain;
	enum ike_err err;

	if (e->outer.sk.number != 1) {
		e->stats.dropped_window++;
		return IKE_EMSGID;
	}
	err = open_sealed(e, in->sa, &plain);
	if (err)
		return err;
	mark.total = e->outer.sk.total;
	if (mark.total > in->sa->win.last.total)
		ike_answer_smaller(in->sa, in->d);
	in->sa->win.last = mark;
	repeat_answer(in->sa, in->d);
	return IKE_OK;
}

/* True: it is worth decrypting. */
static bool fragment_is_wanted(struct ike_engine *e, struct ike_sa *sa)
{
	if (!has_fragments(sa)) {
		e->stats.dropped_state++;
		return false;
	}
	e->stats.fragments_in++;
	if (ike_reasm_judge(reasm_of(sa, &e->outer.hdr), &e->outer) == IKE_REASM_STORED)
		return true;
	e->stats.dropped_window++;
	return false;
}

static enum ike_err input_protected(struct ike_engine *e, struct ike_in *in)
{
	struct ike_sa *sa = in->sa;
	const struct ike_row *row;
	struct bytes plain;
	enum ike_rules rules;
	enum ike_err err = open_sealed(e, sa, &plain);

	if (err == IKE_EINTEGRITY || err == IKE_ENOMEM || err == IKE_EBUG)
		return err;
	/* From here on the sender is the one we made keys with. */
	if (e->outer.sk.total && (err || !take_fragment(e, in, &plain, &err)))
		return err;
	e->inner = (struct ike_msg){.hdr = e->outer.hdr};
	if (!err)
		err = ike_msg_parse_inner(&e->inner, &e->outer, plain);
	if (!err && ike_msg_rules(&e->inner, &rules))
		err = ike_msg_check(&e->inner, rules);
	in->m = &e->inner;
	if (!e->outer.sk.total) {
		in->sk_at = e->outer.sk.at;
		in->head = bytes_of(e->outer.raw.p, in->sk_at + IKE_PLD_HDR_LEN);
	}
	if (err == IKE_ESYNTAX || err == IKE_ECRITICAL) {
		reject(e, in, err, &e->inner);
		return err;
	}
	row = err ? NULL : ike_row_find(in);
	if (!row) {
		e->stats.dropped_state++;
		return err ? err : IKE_ESTATE;
	}
	if (sa->phase != IKE_PHASE_GONE)
		ike_sa_heard(sa, in->d);
	return handle(e, in, row);
}

/* The answer to our IKE_SA_INIT: no proof of anything. */
static enum ike_err input_init_response(struct ike_engine *e, struct ike_in *in)
{
	const struct ike_row *row;

	enum ike_rules rules;

	if ((e->outer.hdr.exchange == IKE_EXCHANGE_SESSION_RESUME) != ike_resume_is(in->sa)) {
		e->stats.dropped_state++;
		return IKE_ESTATE;
	}
	if (!ike_msg_rules(&e->outer, &rules) || ike_msg_check(&e->outer, rules)) {
		e->stats.dropped_malformed++;
		return IKE_ESYNTAX;
	}
	row = ike_row_find(in);
	if (!row) {
		e->stats.dropped_state++;
		return IKE_ESTATE;
	}
	return handle(e, in, row);
}

static enum ike_err input_for_sa(struct ike_engine *e, struct ike_in *in, const struct ike_hdr *h)
{
	struct ike_sa *sa = in->sa;
	enum ike_err err;
	bool late;

	if (!passes_window(sa, in->d, h, &late))
		return IKE_EMSGID;
	err = ike_msg_parse(&e->outer, in->d->data);
	if (!err)
		err = ike_msg_check_outer(&e->outer);
	if (err) {
		e->stats.dropped_malformed++;
		return err;
	}
	if (ike_exchange_is_first(h->exchange))
		return input_init_response(e, in);
	if (!sa->keyed || sa->phase == IKE_PHASE_INIT_I) {
		e->stats.dropped_state++;
		return IKE_ESTATE;
	}
	if (late)
		return input_late(e, in);
	if (e->outer.sk.total && !fragment_is_wanted(e, sa))
		return IKE_ESTATE;
	return input_protected(e, in);
}

enum ike_err ike_input(struct ike_engine *e, const struct ike_datagram *d)
{
	struct ike_in in = {.d = d, .m = &e->outer};
	struct ike_hdr h;
	enum ike_err err;

	if (d->data.n == 1 && d->data.p[0] == 0xff)
		return IKE_OK; /* a keepalive: RFC 3948 section 2.3 */
	err = ike_hdr_parse(&h, d->data);
	if (err == IKE_EVERSION && h.major > 2 && !ike_hdr_is_response(&h))
		ike_hint_reply(e, d, &h, IKE_N_INVALID_MAJOR_VERSION);
	if (err) {
		e->stats.dropped_malformed++;
		return err;
	}
	if (ike_exchange_is_first(h.exchange) && !ike_hdr_is_response(&h))
		return input_init_request(e, d);
	in.sa = find_sa(e, &h);
	if (!ike_exchange_is_first(h.exchange) && !ike_hdr_is_sealed(&h))
		return ike_hint_take(e, d, &h, in.sa);
	if (!in.sa)
		return ike_hint_no_sa(e, d, &h);
	in.mark = ike_mark_of(d->data);
	err = input_for_sa(e, &in, &h);
	ike_blob_fini(&in.kept);
	ike_sa_settle(in.sa);
	return err;
}

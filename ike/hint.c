/*
 * Errors outside of IKE SAs, ours and the peers': RFC 7296 sections 1.5, 2.4 and 2.21.4.
 */
#include "ike/hint.h"

#include "ike/qcd.h"
#include "ike/task/task.h"

enum {
	DEPARTED_MS = 5000, /* packets to an SPI that is gone are under way no longer than that */
	SPI_LEAST = 256,    /* RFC 4303 section 2.1: those below are nobody's */
};

static bool may_speak(struct ike_engine *e)
{
	return ike_bucket_take(&e->replies, e->now, e->limits.replies_per_s);
}

static void say(struct ike_engine *e, const struct ike_datagram *d, struct ike_build *b)
{
	struct bytes out = ike_build_finish(b);

	if (!out.n)
		return;
	ike_send(e, &d->local, &d->remote, d->marker, out);
	e->stats.errors_out++;
}

/* ---- Answers ---- */

static void begin_reply(struct ike_engine *e, struct ike_build *b, const struct ike_hdr *h)
{
	struct ike_hdr out = {.spi_i = h->spi_i,
	    .spi_r = h->spi_r,
	    .exchange = h->exchange,
	    .flags = IKE_FLAG_RESPONSE,
	    .msg_id = h->msg_id};

	if (!ike_hdr_from_initiator(h))
		out.flags |= IKE_FLAG_INITIATOR;
	ike_build_begin(b, e->out, sizeof e->out, &out);
}

void ike_hint_reply(struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h,
    enum ike_notify_type type)
{
	struct ike_build b;

	if (!may_speak(e))
		return;
	begin_reply(e, &b, h);
	ike_build_notify(&b, type, bytes_of(NULL, 0));
	say(e, d, &b);
}

/* N(INVALID_IKE_SPI), N(QCD_TOKEN): RFC 6290 section 4.5. False: there is none to be shown. */
static bool reply_with_token(
    struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h)
{
	struct ike_build b;

	begin_reply(e, &b, h);
	ike_build_notify(&b, IKE_N_INVALID_IKE_SPI, bytes_of(NULL, 0));
	if (!ike_qcd_show(e, d, h, &b))
		return false;
	say(e, d, &b);
	return true;
}

enum ike_err ike_hint_no_sa(
    struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h)
{
	e->stats.dropped_no_sa++;
	if (!ike_hdr_is_response(h) && ike_hdr_is_sealed(h) && !reply_with_token(e, d, h))
		ike_hint_reply(e, d, h, IKE_N_INVALID_IKE_SPI);
	return IKE_ESPI;
}

/* ---- Hints ---- */

/* Is the peer still there? Its answer to any request of ours tells. */
static void ask(struct ike_sa *sa, const struct ike_datagram *d, const char *what)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char at[ENDPOINT_TEXT];

	if (sa->phase != IKE_PHASE_UP || sa->active || sa->hint_at > sa->e->now ||
	    ike_task_pending(sa, &ike_task_dpd, NULL) || !ike_task_new(sa, &ike_task_dpd, NULL))
		return;
	sa->hint_at = sa->e->now + sa->e->limits.hint_ms;
	sa->e->stats.hints_followed++;
	ike_emit_step(sa->e, &ref,
	    "%s says, without proof, that it does not know %s of ours: asking whether the peer "
	    "lives",
	    endpoint_text(&d->remote, at), what);
	ike_sa_settle(sa);
}

/* The answer to a request of ours by one that has no such IKE SA. */
static enum ike_err on_unknown_ike(
    struct ike_engine *e, const struct ike_datagram *d, struct ike_sa *sa)
{
	if (ike_qcd_proves(sa, &e->outer, d))
		return IKE_OK;
	if (!ike_bucket_take(&e->hints, e->now, e->limits.hints_per_s)) {
		e->stats.dropped_limit++;
		return IKE_ELIMIT;
	}
	if (!ike_msg_notify(&e->outer, IKE_N_INVALID_IKE_SPI)) {
		e->stats.dropped_malformed++;
		return IKE_ESYNTAX;
	}
	if (ike_sa_closes_patiently(sa))
		sa->stop_at =
		    e->now + IKE_STOP_MS; /* another is in its place: no need to ask more */
	else
		ask(sa, d, "this IKE SA");
	return IKE_OK;
}

/* Whose Child SA sends with that SPI to where the message came from? Of those who send with it,
 * wherever to, one may have its peer's token shown (RFC 6290 section 8.2): *over. */
static struct ike_sa *sender_to(
    struct ike_engine *e, const struct ike_datagram *d, uint32_t spi, bool *over)
{
	struct ike_sa *found = NULL;

	*over = false;
	for (struct ike_sa *sa = e->first; sa && !*over; sa = sa->next) {
		if (sa->phase != IKE_PHASE_UP || !ike_child_by_spi_out(sa, spi))
			continue;
		*over = ike_qcd_proves(sa, &e->outer, d);
		if (!found && addr_equal(&sa->remote.addr, &d->remote.addr))
			found = sa;
	}
	return found;
}

/* INVALID_SPI as a message of its own: its header says nothing. */
static enum ike_err on_unknown_child(struct ike_engine *e, const struct ike_datagram *d)
{
	const struct ike_notify *n = ike_msg_notify(&e->outer, IKE_N_INVALID_SPI);
	struct ike_sa *sa;
	bool over;

	if (!ike_bucket_take(&e->hints, e->now, e->limits.hints_per_s)) {
		e->stats.dropped_limit++;
		return IKE_ELIMIT;
	}
	if (!n || n->data.n != 4) {
		e->stats.dropped_no_sa++;
		return IKE_ESPI;
	}
	sa = sender_to(e, d, be32_load(n->data.p), &over);
	if (over)
		return IKE_OK;
	if (!sa) {
		e->stats.dropped_no_sa++;
		return IKE_ESPI;
	}
	ask(sa, d, "a Child SA");
	return IKE_OK;
}

enum ike_err ike_hint_take(
    struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h, struct ike_sa *sa)
{
	bool response = ike_hdr_is_response(h);

	if ((response && !sa) || (!response && h->exchange != IKE_EXCHANGE_INFORMATIONAL)) {
		e->stats.dropped_no_sa++;
		return IKE_ESPI;
	}
	if (ike_msg_parse(&e->outer, d->data)) {
		e->stats.dropped_malformed++;
		return IKE_ESYNTAX;
	}
	return response ? on_unknown_ike(e, d, sa) : on_unknown_child(e, d);
}

/* ---- Under protection ---- */

void ike_hint_hear(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_INVALID_SPI);
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	const struct ike_child *c;
	char at[ENDPOINT_TEXT];

	/* No SA changes for it (section 2.21.4): that is for the user to decide. */
	if (!n || n->data.n != 4 || sa->said_at > sa->e->now)
		return;
	sa->said_at = sa->e->now + sa->e->limits.hint_ms;
	c = ike_child_by_spi_out(sa, be32_load(n->data.p));
	if (c)
		ike_emit_step(sa->e, &ref,
		    "%s does not have the child \"%s\" that we send with (INVALID_SPI %08x): if "
		    "its packets stay away, take the child down and up again",
		    endpoint_text(&sa->remote, at), c->cfg->name, be32_load(n->data.p));
	else
		ike_emit_step(sa->e, &ref,
		    "%s got a packet for the SPI %08x (INVALID_SPI), which neither end has",
		    endpoint_text(&sa->remote, at), be32_load(n->data.p));
}

/* ---- Packets of nobody ---- */

void ike_hint_departed(struct ike_engine *e, uint32_t spi_in)
{
	e->departed[e->departed_n++ % IKE_DEPARTED] =
	    (struct ike_departed){.spi = spi_in, .at = e->now};
}

static bool is_departed(const struct ike_engine *e, uint32_t spi)
{
	for (size_t i = 0; i < IKE_DEPARTED; i++) {
		if (e->departed[i].spi == spi && e->now - e->departed[i].at < DEPARTED_MS)
			return true;
	}
	return false;
}

/* The IKE SA with the host that sent it; behind a NAT there are several with one address. */
static struct ike_sa *sa_with(struct ike_engine *e, const struct endpoint *from)
{
	for (struct ike_sa *sa = e->first; sa; sa = sa->next) {
		if (sa->phase == IKE_PHASE_UP && addr_equal(&sa->remote.addr, &from->addr) &&
		    (!from->port || sa->remote.port == from->port))
			return sa;
	}
	return NULL;
}

static enum ike_err tell_inside(struct ike_sa *sa, uint32_t spi)
{
	struct ike_task *t;

	if (sa->tell_at > sa->e->now || ike_task_pending(sa, &ike_task_wayward, NULL))
		return IKE_ELIMIT;
	t = ike_task_new(sa, &ike_task_wayward, NULL);
	if (!t)
		return IKE_ENOMEM;
	t->spi = spi;
	sa->tell_at = sa->e->now + sa->e->limits.hint_ms;
	ike_sa_settle(sa);
	return IKE_OK;
}

/* A message of its own, no exchange: with random SPIs, since there are none to speak of. */
static enum ike_err tell_outside(struct ike_engine *e, const struct ike_command *c)
{
	struct ike_datagram d = {.local = c->local, .remote = c->remote, .marker = c->remote.port};
	struct ike_hdr h = {.exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_INITIATOR};
	uint8_t spis[16], spi[4];
	struct ike_build b;

	if (!may_speak(e))
		return IKE_ELIMIT;
	if (ike_random(e->p.libctx, spis, sizeof spis))
		return IKE_ENOMEM;
	spis[0] |= 1; /* not zero, which would look like a marker */
	h.spi_i = be64_load(spis);
	h.spi_r = be64_load(spis + 8);
	d.local.port = d.marker ? e->p.natt_port : 500;
	if (!d.marker)
		d.remote.port = 500;
	be32_store(spi, c->spi);
	ike_build_begin(&b, e->out, sizeof e->out, &h);
	ike_build_notify(&b, IKE_N_INVALID_SPI, bytes_of(spi, sizeof spi));
	say(e, &d, &b);
	return IKE_OK;
}

enum ike_err ike_hint_wayward(struct ike_engine *e, const struct ike_command *c)
{
	struct ike_sa *sa;

	if (c->spi < SPI_LEAST || c->remote.addr.family == ADDR_NONE)
		return IKE_EUNKNOWN;
	if (!ike_bucket_take(&e->waywards, e->now, e->limits.waywards_per_s))
		return IKE_ELIMIT;
	if (ike_child_by_spi_in(e, c->spi) || is_departed(e, c->spi))
		return IKE_OK; /* it comes up, or just went */
	sa = sa_with(e, &c->remote);
	return sa ? tell_inside(sa, c->spi) : tell_outside(e, c);
}

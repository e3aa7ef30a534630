/*
 * Session resumption: RFC 5723 sections 4 to 6.
 */
#include "ike/resume.h"

#include <stdlib.h>

#include "ike/rekey.h"
#include "ike/select.h"
#include "ike/task/task.h"

enum {
	LIFETIME_LEN = 4,    /* of TICKET_LT_OPAQUE: seconds */
	PROMISED_MS = 60000, /* after TICKET_ACK we ask again */
};

void ike_held_free(struct ike_held *h)
{
	if (!h)
		return;
	ike_resumable_fini(&h->r);
	secret_fini(&h->ticket);
	free(h);
}

bool ike_resume_is(const struct ike_sa *sa)
{
	return sa->setup && sa->setup->resuming;
}

void ike_resume_inherit(struct ike_sa *sa)
{
	sa->authenticated_at = sa->e->now;
	if (!ike_resume_is(sa))
		return;
	sa->authenticated_at = sa->setup->resumed->r.authenticated_at;
	ike_ext_add(&sa->extensions, IKE_EXT_RESUMED);
}

/* ---- What the client keeps ---- */

static void note_first(struct ike_engine *e)
{
	e->held_at = IKE_NEVER;
	for (const struct ike_held *h = e->held; h; h = h->next) {
		if (h->r.expires_at < e->held_at)
			e->held_at = h->r.expires_at;
	}
}

static struct ike_held *take_out(struct ike_engine *e, struct ike_held **at)
{
	struct ike_held *h = *at;

	*at = h->next;
	h->next = NULL;
	note_first(e);
	return h;
}

static struct ike_held **find(
    struct ike_engine *e, const struct config_conn *conn, const struct addr *gateway)
{
	struct ike_held **at = &e->held;

	while (*at && ((*at)->conn != conn || (gateway && !addr_equal(&(*at)->gateway, gateway))))
		at = &(*at)->next;
	return *at ? at : NULL;
}

void ike_resume_forget(struct ike_engine *e, const struct config_conn *conn)
{
	struct ike_held **at;

	while ((at = find(e, conn, NULL)) != NULL)
		ike_held_free(take_out(e, at));
}

void ike_resume_expire(struct ike_engine *e)
{
	struct ike_held **at = &e->held;

	if (e->held_at > e->now)
		return;
	while (*at) {
		if ((*at)->r.expires_at > e->now)
			at = &(*at)->next;
		else
			ike_held_free(take_out(e, at));
	}
	note_first(e);
}

static void put_in(struct ike_engine *e, struct ike_held *h)
{
	struct ike_held **at = find(e, h->conn, &h->gateway);
	size_t n = 0;

	if (at)
		ike_held_free(take_out(e, at));
	for (at = &e->held; *at; at = &(*at)->next)
		n++;
	if (n >= IKE_TICKETS_HELD_MAX)
		ike_held_free(take_out(e, &e->held)); /* the oldest */
	for (at = &e->held; *at;)
		at = &(*at)->next;
	*at = h;
	note_first(e);
}

static void drop_ticket(struct ike_sa *sa)
{
	secret_fini(&sa->ticket);
	sa->ticket_at = IKE_NEVER;
}

static void describe(const struct ike_sa *sa, const struct ike_sa *keyed, struct ike_resumable *r)
{
	r->suite = keyed->suite;
	/* The client resumes as initiator, whoever asked for the keys (section 5). */
	r->id_i = sa->began ? sa->local_id : sa->remote_id;
	r->id_r = sa->began ? sa->remote_id : sa->local_id;
	r->auth_i = (uint8_t)(sa->began ? sa->conn->local.auth : sa->conn->remote.auth);
	r->auth_r = (uint8_t)(sa->began ? sa->conn->remote.auth : sa->conn->local.auth);
	r->spi_i = keyed->spi_i;
	r->spi_r = keyed->spi_r;
	r->authenticated_at = sa->authenticated_at;
}

static void keep(struct ike_sa *sa)
{
	struct ike_held *h = sa->ticket.n ? calloc(1, sizeof *h) : NULL;

	if (!h)
		return;
	describe(sa, sa, &h->r);
	h->r.expires_at = sa->ticket_expires_at;
	h->conn = sa->conn;
	h->gateway = sa->remote.addr;
	secret_move(&h->ticket, &sa->ticket);
	if (secret_copy(&h->r.sk_d, secret_bytes(&sa->keys.sk_d)) && h->r.expires_at > sa->e->now)
		put_in(sa->e, h);
	else
		ike_held_free(h);
}

/* Without a word of the peer's: the only ends that a ticket outlives (section 6.2). */
static bool is_lost(const struct ike_sa *sa, const struct ike_reason *why)
{
	return (why->err == IKE_ETIMEOUT || why->err == IKE_ERESTARTED) &&
	       sa->phase != IKE_PHASE_CLOSING;
}

void ike_resume_ended(struct ike_sa *sa, const struct ike_reason *why)
{
	struct ike_setup *s = sa->setup;

	if (s && s->resumed && s->resumed->conn && why->err == IKE_ETIMEOUT) {
		/* Nobody answered: it was not used. */
		put_in(sa->e, s->resumed);
		s->resumed = NULL;
	}
	if (!is_lost(sa, why))
		ike_ticket_revoke(&sa->e->tickets, &sa->issued);
	else if (sa->established)
		keep(sa);
	drop_ticket(sa);
}

static void ask_again(struct ike_sa *sa)
{
	if (sa->began && sa->conn->resumption && !ike_task_pending(sa, &ike_task_ticket, NULL))
		ike_task_new(sa, &ike_task_ticket, NULL); /* without memory: none this time */
}

void ike_resume_rekeyed(struct ike_sa *sa, struct ike_sa *old)
{
	ike_ticket_revoke(&sa->e->tickets, &old->issued);
	drop_ticket(sa);
	ask_again(sa);
}

void ike_resume_due(struct ike_sa *sa)
{
	if (sa->ticket_at > sa->e->now)
		return;
	sa->ticket_at = IKE_NEVER;
	ask_again(sa);
}

/* ---- The client ---- */

bool ike_resume_begin(struct ike_sa *sa)
{
	uint8_t ni[IKE_NONCE_LEN];
	struct ike_held **at;

	if (!sa->conn->resumption)
		return false;
	ike_resume_expire(sa->e);
	at = find(sa->e, sa->conn, &sa->remote.addr);
	if (!at || ike_random(sa->e->p.libctx, ni, sizeof ni) ||
	    !ike_blob_copy(&sa->ni, bytes_of(ni, sizeof ni)) ||
	    !ike_task_new(sa, &ike_task_resume, NULL))
		return false;
	sa->setup->resumed = take_out(sa->e, at);
	sa->setup->resuming = true;
	sa->local_id = sa->setup->resumed->r.id_i; /* identical: section 4.3.3 */
	return true;
}

enum ike_err ike_resume_fall_back(struct ike_sa *sa, bool refused)
{
	struct ike_setup *s = sa->setup;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);

	s->resuming = false;
	s->refused = false;
	s->cookies = 0;
	ike_blob_fini(&s->cookie);
	if (refused) {
		ike_held_free(s->resumed);
		s->resumed = NULL;
	}
	ike_window_fini(&sa->win);
	ike_window_init(&sa->win);
	ike_emit_step(sa->e, &ref,
	    "the gateway does not %s the ticket: the whole handshake follows",
	    refused ? "take" : "answer to");
	sa->local_id = ike_select_local_id(sa->conn, &sa->local.addr);
	return ike_init_prepare(sa);
}

void ike_resume_ask(const struct ike_sa *sa, struct ike_build *b)
{
	if (sa->began && sa->conn->resumption)
		ike_build_notify(b, IKE_N_TICKET_REQUEST, bytes_of(NULL, 0));
}

/* No longer than our own policy lets an authentication count. */
static uint64_t bounded(const struct ike_sa *sa, uint64_t ms)
{
	uint64_t old = sa->e->now - sa->authenticated_at;

	if (ms > IKE_TICKET_KEY_MS)
		ms = IKE_TICKET_KEY_MS;
	if (!sa->conn->reauth_ms)
		return ms;
	if (old >= sa->conn->reauth_ms)
		return 0;
	return ms < sa->conn->reauth_ms - old ? ms : sa->conn->reauth_ms - old;
}

void ike_resume_take(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_TICKET_LT_OPAQUE);
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	uint64_t ms;

	if (!sa->began || !sa->conn->resumption)
		return;
	if (ike_msg_notify(m, IKE_N_TICKET_ACK))
		sa->ticket_at = sa->e->now + PROMISED_MS;
	if (ike_msg_notify(m, IKE_N_TICKET_NACK))
		ike_emit_step(sa->e, &ref, "the gateway grants no ticket (TICKET_NACK)");
	if (!n || n->data.n <= LIFETIME_LEN || n->data.n > LIFETIME_LEN + IKE_TICKET_TAKEN_MAX)
		return;
	ms = bounded(sa, (uint64_t)be32_load(n->data.p) * 1000);
	drop_ticket(sa);
	if (!ms ||
	    !secret_copy(&sa->ticket, bytes_of(n->data.p + LIFETIME_LEN, n->data.n - LIFETIME_LEN)))
		return;
	sa->ticket_expires_at = sa->e->now + ms;
	sa->ticket_at = sa->e->now + ike_rekey_jitter(sa->e, ms - ms / 8, ms / 8);
	ike_ext_add(&sa->extensions, IKE_EXT_RESUMPTION);
	ike_emit_step(sa->e, &ref, "the gateway granted a ticket, good for %llu s",
	    (unsigned long long)ms / 1000);
}

/* ---- The gateway ---- */

static void explain_ticket(struct ike_reason *why, const struct ike_in *in, enum ike_err err)
{
	char at[ENDPOINT_TEXT];

	ike_reason_set(why, err,
	    "%s wants to resume an IKE SA, but its ticket %s: it is asked to "
	    "begin anew",
	    endpoint_text(&in->d->remote, at),
	    err == IKE_EREPLACED    ? "was used before, or its IKE SA has ended"
	    : err == IKE_ELIFETIME  ? "has expired"
	    : err == IKE_EINTEGRITY ? "is not one that we have granted since we started"
				    : "could not be opened");
}

const struct config_conn *ike_resume_conn(
    const struct ike_engine *e, const struct ike_datagram *d, const struct ike_resumable *r)
{
	struct ike_auth_offer o = {.local = d->local,
	    .remote = d->remote,
	    .suite = &r->suite,
	    .idi = &r->id_i,
	    .idr = &r->id_r};
	struct ike_reason why;
	const struct config_conn *c = ike_select_for_auth(e->p.config, &o, &why);

	return c && c->resumption && c->remote.auth == r->auth_i && c->local.auth == r->auth_r
		   ? c
		   : NULL;
}

struct ike_held *ike_resume_open(
    struct ike_engine *e, const struct ike_in *in, struct ike_reason *why)
{
	const struct ike_notify *n = ike_msg_notify(in->m, IKE_N_TICKET_OPAQUE);
	struct ike_held *h = calloc(1, sizeof *h);
	char at[ENDPOINT_TEXT];
	enum ike_err err = h ? IKE_OK : IKE_ENOMEM;

	if (!err)
		err = ike_ticket_open(&e->tickets, e->p.libctx, e->now, n->data, &h->r, &h->ref);
	if (err) {
		explain_ticket(why, in, err);
		free(h);
		return NULL;
	}
	if (ike_resume_conn(e, in->d, &h->r))
		return h;
	ike_reason_set(why, IKE_ENOCONN,
	    "%s wants to resume an IKE SA, but no connection between these addresses and "
	    "identities has resumption = true any more: it is asked to begin anew",
	    endpoint_text(&in->d->remote, at));
	ike_held_free(h);
	return NULL;
}

bool ike_resume_judge(const struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why)
{
	const struct ike_resumable *r = &sa->setup->resumed->r;
	const struct config_conn *c = sa->conn;
	char at[ENDPOINT_TEXT];

	if (ident_equal(&sa->remote_id, &r->id_i) && ident_equal(&sa->local_id, &r->id_r) &&
	    !ike_msg_has(m, IKE_PLD_CERT) && c->resumption && c->remote.auth == r->auth_i &&
	    c->local.auth == r->auth_r)
		return true;
	ike_reason_set(why, IKE_EID,
	    "%s resumes an IKE SA with other identities, or another way to authenticate, than "
	    "those of its ticket: the peer is at fault",
	    endpoint_text(&sa->remote, at));
	return false;
}

/* Section 6.2: no longer than the IKE SA and its authentication may last. */
static uint64_t lifetime(const struct ike_sa *sa)
{
	const struct config_conn *c = sa->conn;
	uint64_t ms = c->ticket_ms;

	if (c->rekey_ms && c->rekey_ms + c->over_ms < ms)
		ms = c->rekey_ms + c->over_ms;
	return bounded(sa, ms);
}

/* N(TICKET_LT_OPAQUE). False: nothing was written. */
static bool grant(const struct ike_sa *sa, struct ike_sa *keyed, struct ike_build *b)
{
	struct ike_engine *e = sa->e;
	struct ike_resumable r = {0};
	struct ike_ticket_ref ref;
	uint8_t data[LIFETIME_LEN + IKE_TICKET_MAX];
	uint64_t ms = lifetime(sa);
	size_t n;
	bool ok;

	if (ms < 1000)
		return false;
	describe(sa, keyed, &r);
	r.expires_at = e->now + ms;
	ok = secret_copy(&r.sk_d, secret_bytes(&keyed->keys.sk_d)) &&
	     ike_ticket_grant(
		 &e->tickets, e->p.libctx, e->now, &r, data + LIFETIME_LEN, &n, &ref) == IKE_OK;
	ike_resumable_fini(&r);
	if (!ok)
		return false;
	ike_ticket_revoke(&e->tickets, &keyed->issued); /* the newest is the one */
	keyed->issued = ref;
	be32_store(data, (uint32_t)(ms / 1000));
	ike_build_notify(b, IKE_N_TICKET_LT_OPAQUE, bytes_of(data, LIFETIME_LEN + n));
	ike_ext_add(&keyed->extensions, IKE_EXT_RESUMPTION);
	return true;
}

void ike_resume_answer(
    const struct ike_sa *sa, struct ike_sa *keyed, const struct ike_msg *m, struct ike_build *b)
{
	if (!ike_msg_notify(m, IKE_N_TICKET_REQUEST))
		return;
	if (sa->began || !sa->conn || !sa->conn->resumption || !grant(sa, keyed, b))
		ike_build_notify(b, IKE_N_TICKET_NACK, bytes_of(NULL, 0));
}

void ike_resume_used(struct ike_sa *sa)
{
	struct ike_held *h = ike_resume_is(sa) ? sa->setup->resumed : NULL;
	struct ike_reason why;
	struct ike_sa *old;

	if (!h)
		return;
	ike_ticket_revoke(&sa->e->tickets, &h->ref);
	old = ike_sa_find(sa->e, h->r.spi_r);
	if (!old)
		old = ike_sa_find(sa->e, h->r.spi_i);
	if (!old || old == sa || old->spi_i != h->r.spi_i || old->spi_r != h->r.spi_r ||
	    (old->phase != IKE_PHASE_UP && old->phase != IKE_PHASE_CLOSING))
		return;
	ike_reason_set(&why, IKE_EREPLACED, "the peer has resumed it: IKE SA %u is in its place",
	    (unsigned)sa->id);
	ike_sa_fail(old, &why, false, 0);
}

/*
 * Crash detection tokens: RFC 6290.
 *
 * TOKEN_SECRET_DATA = HMAC-SHA-256(QCD_SECRET, SPI-I | SPI-R): the stateless method of section 5.1,
 * with a keyed hash.
 */
#include "ike/qcd.h"

#include "ike/select.h"
#include "ike/task/task.h"

enum { TOKEN_LEAST = 16, TOKEN_MOST = 128 }; /* bytes: section 5 */

/* ---- The maker ---- */

static bool make(
    const struct ike_engine *e, uint64_t spi_i, uint64_t spi_r, uint8_t out[IKE_COOKIE_MAC])
{
	uint8_t spis[16];
	struct bytes part = bytes_of(spis, sizeof spis);

	be64_store(spis, spi_i);
	be64_store(spis + 8, spi_r);
	return ike_hmac_sha256(e->p.libctx, bytes_of(e->qcd_secret, sizeof e->qcd_secret), &part, 1,
		   out) == IKE_OK;
}

static bool makes(const struct ike_sa *sa)
{
	return sa->e->has_qcd && sa->conn && sa->conn->qcd;
}

void ike_qcd_give(const struct ike_sa *sa, struct ike_build *b)
{
	uint8_t token[IKE_COOKIE_MAC];

	if (!makes(sa) || !make(sa->e, sa->spi_i, sa->spi_r, token))
		return;
	ike_build_notify_ike(b, IKE_N_QUICK_CRASH_DETECTION, bytes_of(token, sizeof token));
	secret_wipe(token, sizeof token);
}

void ike_qcd_renew(struct ike_sa *sa)
{
	/* Without memory the peer finds out of a crash as it would without us. */
	if (makes(sa) && !ike_task_pending(sa, &ike_task_qcd, NULL))
		ike_task_new(sa, &ike_task_qcd, NULL);
}

/* Of an SA that is not there nobody knows the connection: one between such addresses will do. */
static bool is_wanted(const struct ike_engine *e, const struct ike_datagram *d)
{
	const struct config *c = e->p.config;

	for (size_t i = 0; i < c->conns_n; i++) {
		if (c->conns[i].qcd &&
		    ike_select_addr_score(&c->conns[i], &d->local.addr, &d->remote.addr))
			return true;
	}
	return false;
}

/* Whatever the flags of the header say: the SPIs may be those of an SA of ours, asked about by
 * somebody who has read them on the wire. */
static bool is_there(struct ike_engine *e, const struct ike_hdr *h)
{
	return ike_sa_find(e, h->spi_i) || ike_sa_find(e, h->spi_r);
}

bool ike_qcd_show(struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h,
    struct ike_build *b)
{
	uint8_t token[IKE_COOKIE_MAC];

	if (!e->has_qcd || is_there(e, h) || !is_wanted(e, d) ||
	    !ike_bucket_take(&e->tokens, e->now, e->limits.tokens_shown_per_s) ||
	    !make(e, h->spi_i, h->spi_r, token))
		return false;
	ike_build_notify_ike(b, IKE_N_QUICK_CRASH_DETECTION, bytes_of(token, sizeof token));
	e->stats.tokens_out++;
	return true;
}

/* ---- The taker ---- */

static bool is_token(const struct ike_notify *n)
{
	return n->type == IKE_N_QUICK_CRASH_DETECTION && !n->spi.n && n->data.n >= TOKEN_LEAST &&
	       n->data.n <= TOKEN_MOST;
}

void ike_qcd_hear(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_QUICK_CRASH_DETECTION);
	struct secret token;

	if (!n || !is_token(n) || !sa->conn || !sa->conn->qcd || !secret_copy(&token, n->data))
		return;
	secret_move(&sa->token, &token);
	ike_ext_add(&sa->extensions, IKE_EXT_QCD);
}

static bool shows(const struct ike_sa *sa, const struct ike_msg *m, bool *any)
{
	*any = false;
	for (size_t i = 0; i < m->notify_n; i++) {
		if (!is_token(&m->notify[i]))
			continue;
		*any = true;
		if (secret_equal(m->notify[i].data, secret_bytes(&sa->token)))
			return true;
	}
	return false;
}

/* The peer does not know the SA: it hears no Delete (section 3). */
static void end(struct ike_sa *sa)
{
	struct ike_parties w = ike_sa_parties(sa, NULL);
	struct ike_reason why;

	sa->e->stats.tokens_believed++;
	ike_explain_restarted(&why, &w);
	if (sa->phase == IKE_PHASE_CLOSING && sa->closing)
		ike_sa_fail(sa, sa->closing, false, 0);
	else
		ike_sa_fail(sa, &why, true, 0);
}

static void say_wrong(struct ike_sa *sa, const struct ike_datagram *d)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	char at[ENDPOINT_TEXT];

	if (sa->said_at > sa->e->now)
		return;
	sa->said_at = sa->e->now + sa->e->limits.hint_ms;
	ike_emit_step(sa->e, &ref,
	    "%s shows a crash detection token that is not the peer's: it is ignored",
	    endpoint_text(&d->remote, at));
}

bool ike_qcd_proves(struct ike_sa *sa, const struct ike_msg *m, const struct ike_datagram *d)
{
	bool any, right;

	if (!sa->token.n || (sa->phase != IKE_PHASE_UP && sa->phase != IKE_PHASE_CLOSING) ||
	    !ike_msg_notify(m, IKE_N_QUICK_CRASH_DETECTION) ||
	    !ike_bucket_take(&sa->tokens, sa->e->now, sa->e->limits.tokens_heard_per_s))
		return false;
	right = shows(sa, m, &any);
	if (right)
		end(sa);
	else if (any)
		say_wrong(sa, d);
	return right;
}

/*
 * Another gateway is to be called: RFC 5685.
 */
#include "ike/redirect.h"

#include <string.h>

#include "ike/reauth.h"
#include "ike/task/task.h"

/* RFC 5685 section 9.2: the types of a gateway's identity. */
static const struct {
	uint8_t wire, ident;
} types[] = {{1, IDENT_IPV4_ADDR}, {2, IDENT_IPV6_ADDR}, {3, IDENT_FQDN}};

/* ---- The notification ---- */

struct bytes ike_redirect_data(
    uint8_t buf[IKE_REDIRECT_MAX], const struct ident *to, struct bytes nonce)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (types[i].ident != to->type || to->n > UINT8_MAX || nonce.n > 256)
			continue;
		buf[0] = types[i].wire;
		buf[1] = (uint8_t)to->n;
		memcpy(buf + 2, to->b, to->n);
		if (nonce.n)
			memcpy(buf + 2 + to->n, nonce.p, nonce.n);
		return bytes_of(buf, 2 + to->n + nonce.n);
	}
	return bytes_of(NULL, 0);
}

static bool read_gateway(const struct ike_notify *n, struct ident *to, struct bytes *nonce)
{
	const uint8_t *p = n->data.p;

	if (n->data.n < 3 || n->data.n - 2 < p[1])
		return false;
	*nonce = bytes_of(p + 2 + p[1], n->data.n - 2 - p[1]);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (types[i].wire == p[0])
			return ident_from_wire(to, types[i].ident, bytes_of(p + 2, p[1]));
	}
	return false;
}

/* ---- Who is redirected ---- */

void ike_redirect_announce(struct ike_sa *sa, struct ike_build *b)
{
	uint8_t buf[IKE_REDIRECT_MAX];
	struct ident from;

	if (!sa->conn->follow_redirects)
		return;
	ike_ext_add(&sa->extensions, IKE_EXT_REDIRECT);
	if (sa->redirected_from.family == ADDR_NONE) {
		ike_build_notify(b, IKE_N_REDIRECT_SUPPORTED, bytes_of(NULL, 0));
		return;
	}
	from = ident_from_addr_bytes(addr_bytes(&sa->redirected_from));
	ike_build_notify(
	    b, IKE_N_REDIRECTED_FROM, ike_redirect_data(buf, &from, bytes_of(NULL, 0)));
}

static enum ike_err tell(struct ike_sa *sa, const struct ident *to)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_event_node *n = ike_event_full(IKE_EV_REDIRECT, &ref);

	if (!n)
		return IKE_ENOMEM;
	n->full->u.redirect.to = *to;
	n->full->u.redirect.from = sa->remote.addr;
	ike_reauth_redirected(sa);
	ike_queue_event(&sa->e->q, n);
	return IKE_OK;
}

static void explain(const struct ike_sa *sa, const struct ident *to, struct ike_reason *why)
{
	char at[ENDPOINT_TEXT], text[300];

	ike_reason_set(why, IKE_EREDIRECTED, "%s sends us to %s", endpoint_text(&sa->remote, at),
	    ident_text(to, text, sizeof text));
}

enum ike_err ike_redirect_init(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_REDIRECT);
	struct ike_reason why;
	struct bytes nonce;
	struct ident to;
	enum ike_err err;

	if (!sa->conn->follow_redirects || !n || !read_gateway(n, &to, &nonce) ||
	    !bytes_equal(nonce, ike_blob_bytes(&sa->ni)))
		return IKE_ESTATE;
	err = tell(sa, &to);
	if (err)
		return err;
	explain(sa, &to, &why);
	ike_sa_fail(sa, &why, true, 0);
	return IKE_OK;
}

bool ike_redirect_auth(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_REDIRECT);
	struct ike_reason why;
	struct bytes nonce;
	struct ident to;

	if (!sa->conn->follow_redirects || !n || !read_gateway(n, &to, &nonce) || tell(sa, &to))
		return false;
	explain(sa, &to, &why);
	ike_sa_fail(sa, &why, true, IKE_STOP_MS);
	ike_sa_say_goodbye(sa, 0);
	return true;
}

void ike_redirect_hear(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_REDIRECT);
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_reason why;
	struct bytes nonce;
	struct ident to;

	if (!n || !sa->began || sa->phase != IKE_PHASE_UP || !sa->conn->follow_redirects ||
	    sa->redirected || !read_gateway(n, &to, &nonce) || tell(sa, &to))
		return;
	sa->redirected = true;
	explain(sa, &to, &why);
	ike_emit_step(sa->e, &ref, "%s", why.text);
}

/* ---- Who redirects ---- */

bool ike_redirect_possible(const struct ike_msg *m)
{
	return ike_msg_notify(m, IKE_N_REDIRECT_SUPPORTED) ||
	       ike_msg_notify(m, IKE_N_REDIRECTED_FROM);
}

bool ike_redirect_early(const struct config_conn *conn, bool only, const struct ike_msg *m)
{
	return only && conn->redirect_to.type != IDENT_ANY && ike_redirect_possible(m);
}

bool ike_redirect_late(const struct ike_sa *sa)
{
	return sa->conn->redirect_to.type != IDENT_ANY &&
	       ike_ext_has(sa->extensions, IKE_EXT_REDIRECT);
}

void ike_redirect_build(struct ike_build *b, const struct ident *to)
{
	uint8_t buf[IKE_REDIRECT_MAX];

	ike_build_notify(b, IKE_N_REDIRECT, ike_redirect_data(buf, to, bytes_of(NULL, 0)));
}

static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	ike_redirect_build(b, &t->sa->go_to);
	return IKE_OK;
}

/* It deletes the SA when the other gateway has taken it. */
static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	struct ike_sa_ref ref = ike_sa_ref_of(t->sa, NULL);
	char text[300];

	(void)m;
	ike_emit_step(t->sa->e, &ref, "the peer was told to go to %s, and has heard it",
	    ident_text(&t->sa->go_to, text, sizeof text));
	ike_task_free(t);
}

const struct ike_task_ops ike_task_redirect = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "the request to call another gateway",
    .build = build,
    .on_response = on_response};

enum ike_err ike_redirect_ask(struct ike_sa *sa, const struct ident *to)
{
	if (sa->began || !ike_ext_has(sa->extensions, IKE_EXT_REDIRECT))
		return IKE_EUNSUPPORTED;
	sa->go_to = *to;
	if (ike_task_pending(sa, &ike_task_redirect, NULL))
		return IKE_OK;
	return ike_task_new(sa, &ike_task_redirect, NULL) ? IKE_OK : IKE_ENOMEM;
}

/*
 * What is common to the authentication methods: the octets that each end signs (RFC 7296
 * section 2.15) and the operation that is handed out.
 */
#include "ike/auth/auth.h"

#include "ike/intermediate.h"

enum { OPERATION_MS = 60000 }; /* an SA waits so long for its own secrets */

/* clang-format off */
static const struct ike_auth_row rows[] = {
	/* config    wire          what                ask */
	{AUTH_PSK, IKE_AUTH_PSK, "a pre-shared key", ike_auth_psk_ask},
};
/* clang-format on */

static const struct ike_auth_row by_ticket = {
    AUTH_PSK, IKE_AUTH_PSK, "the keys of a ticket", ike_auth_ticket_ask};

const struct ike_auth_row *ike_auth_of(const struct ike_sa *sa, bool own)
{
	if (ike_resume_is(sa))
		return &by_ticket;
	return ike_auth_find(own ? sa->conn->local.auth : sa->conn->remote.auth);
}

const struct ike_auth_row *ike_auth_find(enum config_auth config)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].config == config)
			return &rows[i];
	}
	return NULL;
}

/*
 * InitiatorSignedOctets = RealMessage1 | NonceRData | prf(SK_pi, RestOfInitIDPayload)
 * ResponderSignedOctets = RealMessage2 | NonceIData | prf(SK_pr, RestOfRespIDPayload)
 *
 * and IntAuth, if there were IKE_INTERMEDIATE exchanges (RFC 9242 section 3.3.2).
 */
enum ike_err ike_auth_octets(struct ike_sa *sa, bool own, struct secret *out)
{
	struct ike_setup *s = sa->setup;
	bool of_initiator = own == sa->initiator;
	uint8_t body[IDENT_MAX + 4], intauth[IKE_INTAUTH_MAX];
	struct ike_signed_in in = {
	    .message = ike_blob_bytes(of_initiator ? &s->init_req : &s->init_resp),
	    .nonce = ike_blob_bytes(of_initiator ? &s->nr : &sa->ni),
	    .sk_p = secret_bytes(of_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr),
	    .intauth = ike_intermediate_octets(sa, intauth),
	};

	if (own)
		in.id_body = bytes_of(body, ike_build_id_body(body, sizeof body, &sa->local_id));
	else
		in.id_body = of_initiator ? s->held.idi.body : s->held.idr.body;
	return ike_signed_octets(out, sa->e->p.libctx, sa->suite.prf, &in);
}

/* The identity of the peer under which a secret is looked up: what it said; before that what we
 * expect of it, or its address. */
static struct ident peer_id(const struct ike_sa *sa)
{
	if (sa->remote_id.type != IDENT_ANY)
		return sa->remote_id;
	if (sa->conn->remote.id.type != IDENT_ANY)
		return sa->conn->remote.id;
	return ident_from_addr_bytes(addr_bytes(&sa->remote.addr));
}

enum ike_err ike_auth_emit(struct ike_sa *sa, enum ike_op_kind kind, struct secret *octets)
{
	struct ike_engine *e = sa->e;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_event_node *n = ike_event_full(IKE_EV_OP, &ref);
	struct ike_op *op;

	if (!n) {
		secret_fini(octets);
		return IKE_ENOMEM;
	}
	sa->op_id = ++e->last_op_id ? e->last_op_id : ++e->last_op_id;
	op = &n->full->u.op;
	op->op_id = sa->op_id;
	op->kind = kind;
	op->prf = sa->suite.prf;
	op->local_id = sa->local_id;
	op->remote_id = peer_id(sa);
	op->ppk_id = kind == IKE_OP_PPK ? sa->setup->ppk.id : NULL;
	secret_move(&op->octets, octets);
	ike_queue_event(&e->q, n);
	if (!sa->waiting) {
		sa->wait_next = e->waiting;
		e->waiting = sa;
		sa->waiting = true;
	}
	sa->expire_at =
	    e->now + OPERATION_MS; /* our own slowness does not count against the peer */
	return IKE_OK;
}

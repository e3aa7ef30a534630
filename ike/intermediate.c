/*
 * The state of a series of IKE_INTERMEDIATE exchanges: RFC 9242 section 3.3, RFC 9370
 * section 2.2.2.
 *
 *     IntAuth_i1 = prf(SK_pi1,              IntAuth_i1A | IntAuth_i1P)
 *     IntAuth_i2 = prf(SK_pi2, IntAuth_i1 | IntAuth_i2A | IntAuth_i2P)      likewise r
 *     SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), and all keys from that as ever
 *
 * Both messages of an exchange are sealed with the keys from before it.
 */
#include "ike/intermediate.h"

#include <string.h>

#include "ike/ppk.h"
#include "ike/task/task.h"

struct transform ike_intermediate_due(const struct ike_sa *sa)
{
	unsigned i = suite_next_addke(&sa->suite, sa->setup->addke_at);

	return sa->setup->additional && i < ADDKE_MAX ? sa->suite.addke[i] : (struct transform){0};
}

enum ike_err ike_intermediate_go_on(struct ike_sa *sa)
{
	enum ike_err err;

	if (ike_intermediate_due(sa).id != KE_NONE) {
		if (!ike_task_new(sa, &ike_task_intermediate, NULL))
			return IKE_ENOMEM;
		sa->phase = IKE_PHASE_INTER_I;
		return IKE_OK;
	}
	err = ike_ppk_begin(sa);
	if (!err)
		sa->phase = IKE_PHASE_SIGN_I;
	return err;
}

static enum ike_err value_of(struct ike_sa *sa, bool mine, const struct ike_intauth_in *message,
    struct ike_intauth_value *out)
{
	bool of_initiator = mine == sa->initiator;
	const struct ike_intauth_value *before =
	    of_initiator ? &sa->setup->intauth_i : &sa->setup->intauth_r;
	struct ike_intauth_in in = *message;

	in.sk_p = secret_bytes(of_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr);
	in.before = bytes_of(before->b, before->n);
	out->n = ike_prf_len(sa->suite.prf);
	return ike_intauth(sa->e->p.libctx, sa->suite.prf, &in, out->b);
}

enum ike_err ike_intermediate_mine(
    struct ike_sa *sa, struct ike_build *b, struct ike_intauth_value *out)
{
	struct ike_intauth_in in = {.sk_at = b->sk_at};

	in.inner = ike_build_sk_content(b, &in.first);
	in.head = bytes_of(b->w.base, b->text_at);
	return in.inner.n ? value_of(sa, true, &in, out) : IKE_ENOMEM;
}

enum ike_err ike_intermediate_theirs(
    struct ike_sa *sa, const struct ike_in *in, struct ike_intauth_value *out)
{
	const struct ike_intauth_in message = {.head = in->head,
	    .sk_at = in->sk_at,
	    .first = sa->e->outer.sk.next,
	    .inner = in->m->raw};

	return value_of(sa, false, &message, out);
}

enum ike_err ike_intermediate_done(struct ike_sa *sa, const struct ike_intauth_value *mine,
    const struct ike_intauth_value *theirs, struct bytes shared)
{
	struct ike_setup *s = sa->setup;

	s->intauth_i = sa->initiator ? *mine : *theirs;
	s->intauth_r = sa->initiator ? *theirs : *mine;
	s->addke_at = suite_next_addke(&sa->suite, s->addke_at) + 1;
	s->intermediates++;
	return ike_sa_derive(sa, sa, shared, ike_blob_bytes(&s->nr), bytes_of(NULL, 0));
}

struct bytes ike_intermediate_octets(const struct ike_sa *sa, uint8_t dst[IKE_INTAUTH_MAX])
{
	const struct ike_setup *s = sa->setup;
	const struct ike_intauth_value *i = &s->intauth_i, *r = &s->intauth_r;

	if (!s->intermediates)
		return bytes_of(dst, 0);
	memcpy(dst, i->b, i->n);
	memcpy(dst + i->n, r->b, r->n);
	be32_store(dst + i->n + r->n, s->intermediates + 1); /* IKE_AUTH follows the last of them */
	return bytes_of(dst, i->n + r->n + 4);
}

/*
 * The keys of IKE SAs: RFC 7296 sections 2.14 and 2.18, RFC 5723 section 5.1, RFC 9370 section 2.2.
 */
#include "ike/sa.h"

static void emit_keys(struct ike_sa *sa)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_event_node *n = sa->e->p.want_keys ? ike_event_full(IKE_EV_KEYS, &ref) : NULL;
	struct ike_keys *k;

	if (!n)
		return;
	k = &n->full->u.keys;
	k->spi_i = sa->spi_i;
	k->spi_r = sa->spi_r;
	k->suite = sa->suite;
	if (secret_copy(&k->sk_ei, secret_bytes(&sa->keys.sk_ei)) &&
	    secret_copy(&k->sk_er, secret_bytes(&sa->keys.sk_er)) &&
	    secret_copy(&k->sk_ai, secret_bytes(&sa->keys.sk_ai)) &&
	    secret_copy(&k->sk_ar, secret_bytes(&sa->keys.sk_ar)))
		ike_queue_event(&sa->e->q, n);
	else
		ike_event_node_free(
		    n); /* the key log is a convenience: the SA does not depend on it */
}

static void replace_keys(struct ike_sa *sa, const struct ike_keymat *k, const struct ike_sk *seal,
    const struct ike_sk *open)
{
	if (sa->keyed && sa->setup) {
		ike_sk_fini(&sa->setup->before_seal);
		ike_sk_fini(&sa->setup->before_open);
		sa->setup->before_seal = sa->seal;
		sa->setup->before_open = sa->open;
	} else if (sa->keyed) {
		ike_sk_fini(&sa->seal);
		ike_sk_fini(&sa->open);
	}
	ike_keymat_fini(&sa->keys);
	sa->keys = *k;
	sa->seal = *seal;
	sa->open = *open;
	sa->keyed = true;
}

static enum ike_err derive(struct ike_sa *sa, struct ike_keymat_in *in, struct bytes nr)
{
	struct ossl_lib_ctx_st *lib = sa->e->p.libctx;
	struct ike_keymat made, *k = &made;
	struct ike_sk seal = {0}, open = {0};
	bool i = sa->initiator;
	enum ike_err err;

	in->ni = ike_blob_bytes(&sa->ni);
	in->nr = nr;
	in->spi_i = sa->spi_i;
	in->spi_r = sa->spi_r;
	err = ike_keymat_derive(k, lib, &sa->suite, in);
	if (!err)
		err = ike_sk_init(&seal, lib, IKE_SK_SEAL, &sa->suite,
		    secret_bytes(i ? &k->sk_ei : &k->sk_er),
		    secret_bytes(i ? &k->sk_ai : &k->sk_ar));
	if (!err)
		err = ike_sk_init(&open, lib, IKE_SK_OPEN, &sa->suite,
		    secret_bytes(i ? &k->sk_er : &k->sk_ei),
		    secret_bytes(i ? &k->sk_ar : &k->sk_ai));
	if (err) {
		ike_sk_fini(&seal);
		ike_sk_fini(&open);
		ike_keymat_fini(k);
		return err;
	}
	replace_keys(sa, k, &seal, &open);
	emit_keys(sa);
	k = &sa->keys;
	/* The SK contexts hold these from here on. */
	secret_fini(&k->sk_ei);
	secret_fini(&k->sk_er);
	secret_fini(&k->sk_ai);
	secret_fini(&k->sk_ar);
	return IKE_OK;
}

enum ike_err ike_sa_derive(struct ike_sa *sa, const struct ike_sa *old, struct bytes shared,
    struct bytes nr, struct bytes more)
{
	struct ike_keymat_in in = {.shared = shared, .more = more};

	if (old) {
		in.old_sk_d = secret_bytes(&old->keys.sk_d);
		in.old_prf = old->suite.prf;
	}
	return derive(sa, &in, nr);
}

enum ike_err ike_sa_derive_resumed(struct ike_sa *sa, struct bytes sk_d, struct bytes nr)
{
	struct ike_keymat_in in = {.resumed_sk_d = sk_d};

	return derive(sa, &in, nr);
}

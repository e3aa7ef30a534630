/*
 * Keys of IKE SAs and Child SAs: RFC 7296 sections 2.14, 2.17, 2.18.
 */
#include "ike/crypto/crypto.h"

#include "base/cursor.h"

enum {
	KEYMAT_PARTS = 7,
	HALF_KEY = 8,                       /* bytes */
	KEYMAT_MAX = 7 * IKE_PRF_MAX + 128, /* bytes; all keys of one SA */
};

/* One key to be cut out of the stream. */
struct cut {
	struct secret *to;
	size_t n;
};

/* Bytes of keying material; *ok turns false when the table lacks the transform. */
static size_t encr_len(struct transform t, bool *ok)
{
	const struct transform_info *row = transform_find(t);

	*ok = *ok && row;
	return row ? row->key_len : 0;
}

static size_t integ_len(const struct suite *s, bool *ok)
{
	const struct transform_info *encr = transform_find(s->encr);

	if ((encr && encr->flags & TRANSFORM_AEAD) || s->integ.id == INTEG_NONE) {
		return 0;
	}
	return encr_len(s->integ, ok);
}

/* Cuts prf+(key, seed) in order. On error nothing is left in any of them. */
static enum ike_err derive(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes key,
    const struct bytes *seed, size_t seed_n, const struct cut *cuts, size_t n)
{
	uint8_t stream[KEYMAT_MAX];
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		*cuts[i].to = SECRET_NONE;
		total += cuts[i].n;
	}
	if (total > sizeof stream) {
		return IKE_EBUG;
	}
	enum ike_err err = ike_prf_plus(libctx, prf, key, seed, seed_n, stream, total);
	struct rd r = rd_of(bytes_of(stream, total));

	for (size_t i = 0; err == IKE_OK && i < n; i++) {
		if (!secret_copy(cuts[i].to, rd_bytes(&r, cuts[i].n))) {
			err = IKE_ENOMEM;
		}
	}
	for (size_t i = 0; err != IKE_OK && i < n; i++) {
		secret_fini(cuts[i].to);
	}
	secret_wipe(stream, sizeof stream);
	return err;
}

/* Half of a key of 16 bytes. */
static struct bytes first_half(struct bytes nonce)
{
	return bytes_of(nonce.p, nonce.n < HALF_KEY ? nonce.n : HALF_KEY);
}

/*
 *     SKEYSEED = prf(Ni | Nr, g^ir)
 *     SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr)      when an IKE SA is rekeyed
 *     SKEYSEED = prf(SK_d (old), "Resumption" | Ni | Nr)    when one is resumed: RFC 5723
 *
 * with the secrets of additional key exchanges behind Nr: RFC 9370 section 2.2.4.
 */
static enum ike_err skeyseed(struct ossl_lib_ctx_st *libctx, struct transform prf,
    const struct ike_keymat_in *in, uint8_t *out)
{
	const struct bytes seed[] = {in->shared, in->ni, in->nr, in->more};
	/* Section 2.14: of the nonces these two take 64 bits each. */
	bool halves = prf.id == PRF_AES128_XCBC || prf.id == PRF_AES128_CMAC;
	uint8_t nonces[2 * IKE_NONCE_MAX];
	struct wr w = wr_of(nonces, sizeof nonces);

	if (in->resumed_sk_d.n > 0) {
		static const char text[] = "Resumption"; /* without its NUL: RFC 5723 section 5.1 */
		const struct bytes resumed[] = {bytes_of(text, sizeof text - 1), in->ni, in->nr};
		return ike_prf(libctx, prf, in->resumed_sk_d, resumed, 3, out);
	}
	if (in->old_sk_d.n > 0) {
		return ike_prf(libctx, in->old_prf, in->old_sk_d, seed, 4, out);
	}
	wr_bytes(&w, halves ? first_half(in->ni) : in->ni);
	wr_bytes(&w, halves ? first_half(in->nr) : in->nr);
	return wr_ok(&w) ? ike_prf(libctx, prf, wr_written(&w), seed, 1, out) : IKE_EBUG;
}

/*
 *     {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} =
 *         prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr)
 */
enum ike_err ike_keymat_derive(struct ike_keymat *out, struct ossl_lib_ctx_st *libctx,
    const struct suite *suite, const struct ike_keymat_in *in)
{
	bool ok = true;
	size_t prf_n = ike_prf_len(suite->prf);
	size_t encr_n = encr_len(suite->encr, &ok), integ_n = integ_len(suite, &ok);
	uint8_t seed_key[IKE_PRF_MAX], spis[16];

	*out = (struct ike_keymat){0};
	if (!ok || prf_n == 0) {
		return IKE_EUNSUPPORTED;
	}
	be64_store(spis, in->spi_i);
	be64_store(spis + 8, in->spi_r);
	const struct bytes seed[] = {in->ni, in->nr, bytes_of(spis, sizeof spis)};
	const struct cut cuts[KEYMAT_PARTS] = {
	    {&out->sk_d, prf_n},
	    {&out->sk_ai, integ_n},
	    {&out->sk_ar, integ_n},
	    {&out->sk_ei, encr_n},
	    {&out->sk_er, encr_n},
	    {&out->sk_pi, prf_n},
	    {&out->sk_pr, prf_n},
	};
	enum ike_err err = skeyseed(libctx, suite->prf, in, seed_key);
	if (err == IKE_OK) {
		/* SKEYSEED has the length of the PRF that made it, which a rekey may change. */
		size_t n = ike_prf_len(in->old_sk_d.n > 0 ? in->old_prf : suite->prf);
		err =
		    derive(libctx, suite->prf, bytes_of(seed_key, n), seed, 3, cuts, KEYMAT_PARTS);
	}
	secret_wipe(seed_key, sizeof seed_key);
	return err;
}

void ike_keymat_fini(struct ike_keymat *k)
{
	secret_fini(&k->sk_d);
	secret_fini(&k->sk_ai);
	secret_fini(&k->sk_ar);
	secret_fini(&k->sk_ei);
	secret_fini(&k->sk_er);
	secret_fini(&k->sk_pi);
	secret_fini(&k->sk_pr);
}

/*
 *     KEYMAT = prf+(SK_d, Ni | Nr)
 *     KEYMAT = prf+(SK_d, g^ir (new) | Ni | Nr)             with a key exchange of its own
 *     KEYMAT = prf+(SK_d, SK(0) | Ni | Nr | SK(1) | …)      with additional ones (RFC 9370)
 *
 * Keys for the initiator's direction come first; encryption before integrity.
 */
enum ike_err ike_child_keymat_derive(struct ike_child_keymat *out, struct ossl_lib_ctx_st *libctx,
    const struct suite *child, const struct ike_child_in *in)
{
	bool ok = true;
	size_t encr_n = encr_len(child->encr, &ok), integ_n = integ_len(child, &ok);

	*out = (struct ike_child_keymat){0};
	if (!ok) {
		return IKE_EUNSUPPORTED;
	}
	const struct bytes seed[] = {in->shared, in->ni, in->nr, in->more};
	const struct cut cuts[] = {
	    {&out->encr_i, encr_n},
	    {&out->integ_i, integ_n},
	    {&out->encr_r, encr_n},
	    {&out->integ_r, integ_n},
	};
	return derive(libctx, in->prf, in->sk_d, seed, 4, cuts, 4);
}

void ike_child_keymat_fini(struct ike_child_keymat *k)
{
	secret_fini(&k->encr_i);
	secret_fini(&k->integ_i);
	secret_fini(&k->encr_r);
	secret_fini(&k->integ_r);
}

/*
 * What the AUTH payload covers, and the MAC of a pre-shared key: RFC 7296 section 2.15. Keys with a
 * post-quantum preshared key in them: RFC 8784.
 */
#include "ike/crypto/crypto.h"
#include "ike/ike.h"

#include <string.h>

/*
 *     InitiatorSignedOctets = RealMessage1 | NonceRData | MACedIDForI
 *     MACedIDForI = prf(SK_pi, RestOfInitIDPayload)
 *
 * with IntAuth behind them when there were IKE_INTERMEDIATE exchanges (RFC 9242 section 3.3.2).
 */
enum ike_err ike_signed_octets(struct secret *out, struct ossl_lib_ctx_st *libctx,
    struct transform prf, const struct ike_signed_in *in)
{
	size_t len = ike_prf_len(prf), at = 0;
	const struct bytes parts[] = {in->message, in->nonce};

	*out = SECRET_NONE;
	if (len == 0) {
		return IKE_EUNSUPPORTED;
	}
	if (!secret_init(out, in->message.n + in->nonce.n + len + in->intauth.n)) {
		return IKE_ENOMEM;
	}
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (parts[i].n > 0) {
			memcpy(out->p + at, parts[i].p, parts[i].n);
			at += parts[i].n;
		}
	}
	enum ike_err err = ike_prf(libctx, prf, in->sk_p, &in->id_body, 1, out->p + at);
	if (in->intauth.n > 0) {
		memcpy(out->p + at + len, in->intauth.p, in->intauth.n);
	}
	if (err != IKE_OK) {
		secret_fini(out);
	}
	return err;
}

/* AUTH = prf( prf(Shared Secret, "Key Pad for IKEv2"), <SignedOctets>) */
enum ike_err ike_psk_mac(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes psk,
    struct bytes octets, struct secret *mac)
{
	static const char pad[] = "Key Pad for IKEv2";
	const struct bytes text = bytes_of(pad, sizeof pad - 1); /* "without null termination" */
	uint8_t key[IKE_PRF_MAX];
	size_t len = ike_prf_len(prf);

	*mac = SECRET_NONE;
	if (len == 0) {
		return IKE_EUNSUPPORTED;
	}
	if (!secret_init(mac, len)) {
		return IKE_ENOMEM;
	}
	enum ike_err err = ike_prf(libctx, prf, psk, &text, 1, key);
	if (err == IKE_OK) {
		err = ike_prf(libctx, prf, bytes_of(key, len), &octets, 1, mac->p);
	}
	secret_wipe(key, sizeof key);
	if (err != IKE_OK) {
		secret_fini(mac);
	}
	return err;
}

/* RFC 8784 section 3: prf+ (PPK, SK_x') for each of them. */
enum ike_err ike_ppk_mix(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes ppk,
    struct bytes keys, struct secret *mixed)
{
	enum ike_err err = IKE_OK;
	size_t len = ike_prf_len(prf);

	*mixed = SECRET_NONE;
	if (len == 0 || keys.n % len != 0) {
		return len == 0 ? IKE_EUNSUPPORTED : IKE_EBUG;
	}
	if (!secret_init(mixed, keys.n)) {
		return IKE_ENOMEM;
	}
	for (size_t at = 0; err == IKE_OK && at < keys.n; at += len) {
		struct bytes key = bytes_of(keys.p + at, len);

		err = ike_prf_plus(libctx, prf, ppk, &key, 1, mixed->p + at, len);
	}
	if (err != IKE_OK) {
		secret_fini(mixed);
	}
	return err;
}

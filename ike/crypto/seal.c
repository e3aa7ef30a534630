/*
 * AES-256-GCM over a few bytes of our own: tickets (RFC 5723 section 9.9).
 */
#include "ike/crypto/crypto.h"

#include <openssl/evp.h>
#include <string.h>

static EVP_CIPHER_CTX *begin(
    struct ossl_lib_ctx_st *libctx, const struct ike_seal_key *k, struct bytes aad, bool seal)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL);
	EVP_CIPHER_CTX *c = cipher ? EVP_CIPHER_CTX_new() : NULL;
	uint8_t iv[IKE_SEAL_IV] = {0};
	int n;

	be64_store(iv + sizeof iv - 8, k->number);
	bool ok = c && EVP_CipherInit_ex2(c, cipher, k->key, iv, seal, NULL) == 1 &&
		  EVP_CipherUpdate(c, NULL, &n, aad.p, (int)aad.n) == 1;
	EVP_CIPHER_free(cipher);
	if (!ok) {
		EVP_CIPHER_CTX_free(c);
		return NULL;
	}
	return c;
}

enum ike_err ike_seal(struct ossl_lib_ctx_st *libctx, const struct ike_seal_key *k,
    struct bytes aad, struct bytes plain, uint8_t *out)
{
	EVP_CIPHER_CTX *c = begin(libctx, k, aad, true);
	int n = 0, more = 0;

	bool ok = c && EVP_CipherUpdate(c, out, &n, plain.p, (int)plain.n) == 1 &&
		  EVP_CipherFinal_ex(c, out + n, &more) == 1 &&
		  (size_t)n + (size_t)more == plain.n &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, IKE_SEAL_TAG, out + plain.n) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok ? IKE_OK : IKE_ENOMEM;
}

enum ike_err ike_unseal(struct ossl_lib_ctx_st *libctx, const struct ike_seal_key *k,
    struct bytes aad, struct bytes sealed, uint8_t *out)
{
	uint8_t tag[IKE_SEAL_TAG];
	int n = 0, more = 0;

	if (sealed.n < IKE_SEAL_TAG) {
		return IKE_EINTEGRITY;
	}
	size_t len = sealed.n - IKE_SEAL_TAG;
	EVP_CIPHER_CTX *c = begin(libctx, k, aad, false);
	if (!c) {
		return IKE_ENOMEM;
	}
	memcpy(tag, sealed.p + len, sizeof tag);
	bool ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, IKE_SEAL_TAG, tag) == 1 &&
		  EVP_CipherUpdate(c, out, &n, sealed.p, (int)len) == 1 &&
		  EVP_CipherFinal_ex(c, out + n, &more) == 1 && (size_t)n + (size_t)more == len;
	EVP_CIPHER_CTX_free(c);
	if (!ok) {
		secret_wipe(out, len);
		return IKE_EINTEGRITY;
	}
	return IKE_OK;
}

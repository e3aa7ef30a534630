/*
 * The SK payload: RFC 7296 section 3.14 (CBC with HMAC), RFC 5282 (AES-GCM), RFC 7634
 * (ChaCha20-Poly1305).
 *
 * AEAD: the nonce is salt | IV, the associated data everything from the IKE header to SK's generic
 * header. CBC: the IV is random, the MAC covers everything from the IKE header to the end of the
 * ciphertext.
 */
#include "ike/crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

enum {
	NONCE_LEN = 12,
	MAC_MAX = 64,
	SEALING = 1,
	OPENING = 0,
};

static const struct {
	uint16_t id, key_bits;
	const char *name;
} ciphers[] = {
    {ENCR_AES_GCM_16, 128, "AES-128-GCM"},
    {ENCR_AES_GCM_16, 192, "AES-192-GCM"},
    {ENCR_AES_GCM_16, 256, "AES-256-GCM"},
    {ENCR_CHACHA20_POLY1305, 0, "ChaCha20-Poly1305"},
    {ENCR_AES_CBC, 128, "AES-128-CBC"},
    {ENCR_AES_CBC, 192, "AES-192-CBC"},
    {ENCR_AES_CBC, 256, "AES-256-CBC"},
};

const char *ike_encr_cipher(struct transform encr)
{
	for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
		if (encr.type == TRANSFORM_ENCR && ciphers[i].id == encr.id &&
		    ciphers[i].key_bits == encr.key_bits) {
			return ciphers[i].name;
		}
	}
	return NULL;
}

static enum ike_err init_cipher(struct ike_sk *sk, const char *name, const uint8_t *key)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(sk->libctx, name, NULL);

	if (!cipher) {
		return IKE_EUNSUPPORTED;
	}
	sk->cipher = EVP_CIPHER_CTX_new();
	bool ok = sk->cipher && EVP_CipherInit_ex2(sk->cipher, cipher, key, NULL,
				    sk->dir == IKE_SK_SEAL ? SEALING : OPENING, NULL) == 1;

	EVP_CIPHER_free(cipher);
	return ok ? IKE_OK : IKE_ENOMEM;
}

static enum ike_err init_mac(struct ike_sk *sk, const char *digest, struct bytes key)
{
	EVP_MAC *mac = EVP_MAC_fetch(sk->libctx, OSSL_MAC_NAME_HMAC, NULL);
	char name[16];

	if (!mac) {
		return IKE_EUNSUPPORTED;
	}
	snprintf(name, sizeof name, "%s", digest);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
	    OSSL_PARAM_construct_end(),
	};
	sk->mac = EVP_MAC_CTX_new(mac);
	bool ok = sk->mac && EVP_MAC_init(sk->mac, key.p, key.n, params) == 1;

	EVP_MAC_free(mac);
	return ok ? IKE_OK : IKE_EUNSUPPORTED;
}

enum ike_err ike_sk_init(struct ike_sk *sk, struct ossl_lib_ctx_st *libctx, enum ike_sk_dir dir,
    const struct suite *suite, struct bytes encr_key, struct bytes integ_key)
{
	const struct transform_info *encr = transform_find(suite->encr);
	const char *cipher = ike_encr_cipher(suite->encr);

	*sk = (struct ike_sk){.libctx = libctx, .dir = dir};
	if (!encr || !cipher) {
		return IKE_EUNSUPPORTED;
	}
	sk->aead = encr->flags & TRANSFORM_AEAD;
	const struct transform_info *integ = sk->aead ? NULL : transform_find(suite->integ);
	const char *digest = sk->aead ? NULL : ike_integ_digest(suite->integ);
	if (!sk->aead && (!integ || !digest)) {
		return IKE_EUNSUPPORTED;
	}
	if (encr_key.n != encr->key_len || integ_key.n != (integ ? integ->key_len : 0)) {
		return IKE_EBUG;
	}
	sk->salt_len = (uint8_t)encr->salt_len;
	sk->iv_len = (uint8_t)encr->iv_len;
	sk->icv_len = (uint8_t)(integ ? integ->icv_len : encr->icv_len);
	sk->block = (uint8_t)encr->block;
	memcpy(sk->salt, encr_key.p + encr_key.n - sk->salt_len, sk->salt_len);

	enum ike_err err = init_cipher(sk, cipher, encr_key.p);
	if (err == IKE_OK && digest) {
		err = init_mac(sk, digest, integ_key);
	}
	if (err != IKE_OK) {
		ike_sk_fini(sk);
		ERR_clear_error();
	}
	return err;
}

void ike_sk_fini(struct ike_sk *sk)
{
	EVP_CIPHER_CTX_free(sk->cipher);
	EVP_MAC_CTX_free(sk->mac);
	secret_wipe(sk->salt, sizeof sk->salt);
	*sk = (struct ike_sk){0};
}

size_t ike_sk_iv_len(const struct ike_sk *sk)
{
	return sk->iv_len;
}

size_t ike_sk_overhead(const struct ike_sk *sk)
{
	return (size_t)IKE_PLD_HDR_LEN + sk->iv_len + sk->block + sk->icv_len;
}

size_t ike_sk_capacity(const struct ike_sk *sk, size_t n)
{
	size_t frame = (size_t)IKE_PLD_HDR_LEN + sk->iv_len + sk->icv_len;
	size_t text = n > frame ? (n - frame) / sk->block * sk->block : 0;

	return text ? text - 1 : 0; /* the pad length */
}

/* The first icv_len bytes of the HMAC of `in`. */
static bool mac_of(struct ike_sk *sk, struct bytes in, uint8_t out[MAC_MAX])
{
	size_t n = 0;

	/* No key: the context starts again under the one that it has. */
	return EVP_MAC_init(sk->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(sk->mac, in.p, in.n) == 1 &&
	       EVP_MAC_final(sk->mac, out, &n, MAC_MAX) == 1 && n >= sk->icv_len;
}

static bool start_aead(struct ike_sk *sk, const uint8_t *iv, struct bytes aad)
{
	uint8_t nonce[NONCE_LEN];
	int n = 0;

	memcpy(nonce, sk->salt, sk->salt_len);
	memcpy(nonce + sk->salt_len, iv, sk->iv_len);
	return EVP_CipherInit_ex2(sk->cipher, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(sk->cipher, NULL, &n, aad.p, (int)aad.n) == 1;
}

static bool seal_aead(
    struct ike_sk *sk, struct bytes aad, const uint8_t *iv, uint8_t *text, size_t text_n)
{
	int n = 0, tail = 0;

	return start_aead(sk, iv, aad) &&
	       EVP_CipherUpdate(sk->cipher, text, &n, text, (int)text_n) == 1 &&
	       EVP_CipherFinal_ex(sk->cipher, text + n, &tail) == 1 &&
	       (size_t)(n + tail) == text_n &&
	       EVP_CIPHER_CTX_ctrl(sk->cipher, EVP_CTRL_AEAD_GET_TAG, sk->icv_len, text + text_n) ==
		   1;
}

static bool crypt_cbc(
    struct ike_sk *sk, const uint8_t *iv, const uint8_t *in, uint8_t *out, size_t text_n)
{
	int n = 0, tail = 0;

	return EVP_CipherInit_ex2(sk->cipher, NULL, NULL, iv, -1, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(sk->cipher, 0) == 1 &&
	       EVP_CipherUpdate(sk->cipher, out, &n, in, (int)text_n) == 1 &&
	       EVP_CipherFinal_ex(sk->cipher, out + n, &tail) == 1 && (size_t)(n + tail) == text_n;
}

static bool seal_cbc(
    struct ike_sk *sk, uint8_t *msg, const uint8_t *iv, uint8_t *text, size_t text_n)
{
	uint8_t mac[MAC_MAX];
	size_t covered = (size_t)(text - msg) + text_n;

	if (!crypt_cbc(sk, iv, text, text, text_n) || !mac_of(sk, bytes_of(msg, covered), mac)) {
		return false;
	}
	memcpy(text + text_n, mac, sk->icv_len);
	return true;
}

enum ike_err ike_sk_seal(struct ike_sk *sk, struct ike_build *b, struct bytes *out)
{
	*out = bytes_of(b->w.base, 0);
	if (!ike_build_sk_close(b, sk->block, sk->icv_len)) {
		return IKE_ENOMEM;
	}
	uint8_t *msg = b->w.base, *text = msg + b->text_at, *iv = text - sk->iv_len;
	size_t text_n = b->w.len - b->text_at - sk->icv_len;
	size_t aad_n = b->text_at - sk->iv_len;
	bool ok;

	if (sk->aead) {
		be64_store(iv, sk->next_iv++);
		ok = seal_aead(sk, bytes_of(msg, aad_n), iv, text, text_n);
	} else {
		ok = ike_random(sk->libctx, iv, sk->iv_len) == IKE_OK &&
		     seal_cbc(sk, msg, iv, text, text_n);
	}
	if (!ok) {
		secret_wipe(text, text_n);
		return IKE_EBUG;
	}
	*out = wr_written(&b->w);
	return IKE_OK;
}

static bool open_aead(struct ike_sk *sk, struct bytes aad, const uint8_t *iv, struct bytes in,
    const uint8_t *icv, uint8_t *dst)
{
	uint8_t tag[MAC_MAX];
	int n = 0, tail = 0;

	memcpy(tag, icv, sk->icv_len);
	return start_aead(sk, iv, aad) &&
	       EVP_CipherUpdate(sk->cipher, dst, &n, in.p, (int)in.n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(sk->cipher, EVP_CTRL_AEAD_SET_TAG, sk->icv_len, tag) == 1 &&
	       EVP_CipherFinal_ex(sk->cipher, dst + n, &tail) == 1 && (size_t)(n + tail) == in.n;
}

static bool open_cbc(struct ike_sk *sk, struct bytes raw, const uint8_t *iv, struct bytes in,
    const uint8_t *icv, uint8_t *dst)
{
	uint8_t mac[MAC_MAX];

	return mac_of(sk, bytes_of(raw.p, raw.n - sk->icv_len), mac) &&
	       secret_equal(bytes_of(mac, sk->icv_len), bytes_of(icv, sk->icv_len)) &&
	       crypt_cbc(sk, iv, in.p, dst, in.n);
}

enum ike_err ike_sk_open(
    struct ike_sk *sk, const struct ike_msg *outer, uint8_t *dst, size_t cap, struct bytes *plain)
{
	struct bytes body = outer->sk.body;

	*plain = bytes_of(dst, 0);
	/* At least the pad length is encrypted. */
	if (body.n < (size_t)sk->iv_len + sk->icv_len + 1) {
		return IKE_EINTEGRITY;
	}
	struct bytes in = bytes_of(body.p + sk->iv_len, body.n - sk->iv_len - sk->icv_len);
	const uint8_t *icv = in.p + in.n;
	if (in.n % sk->block != 0) {
		return IKE_EINTEGRITY;
	}
	if (cap < in.n) {
		return IKE_EBUG;
	}
	/* All that stands before the IV: with SKF, its two fields too. */
	struct bytes aad = bytes_of(outer->raw.p, (size_t)(body.p - outer->raw.p));
	bool ok = sk->aead ? open_aead(sk, aad, body.p, in, icv, dst)
			   : open_cbc(sk, outer->raw, body.p, in, icv, dst);
	size_t pad = ok ? dst[in.n - 1] : 0;

	if (!ok || pad + 1 > in.n) {
		secret_wipe(dst, in.n);
		ERR_clear_error();
		return ok ? IKE_ESYNTAX : IKE_EINTEGRITY;
	}
	*plain = bytes_of(dst, in.n - pad - 1);
	return IKE_OK;
}

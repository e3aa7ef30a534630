/*
 * The SK payload: RFC 7296 section 3.14 (CBC with a MAC; Camellia RFC 4312, 3DES RFC 2451, DES RFC
 * 2405), RFC 5930 (AES-CTR; Camellia-CTR RFC 5529), RFC 5282 (AES-GCM, AES-CCM), RFC 7634
 * (ChaCha20-Poly1305).
 *
 * AEAD: the nonce is salt | IV, the associated data everything from the IKE header to SK's generic
 * header. Otherwise the MAC covers everything from the IKE header to the end of the ciphertext; the
 * IV is random with CBC, a counter with counter modes.
 */
#include "ike/crypto/internal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <string.h>

enum {
	NONCE_MAX = 16,
	SEALING = 1,
	OPENING = 0,
};

/* clang-format off */
static const struct {
	uint16_t id, key_bits;
	const char *name;
	bool legacy; /* OpenSSL's provider of that name has it */
} ciphers[] = {
	{ENCR_AES_GCM_16,        128, "AES-128-GCM",       false},
	{ENCR_AES_GCM_16,        192, "AES-192-GCM",       false},
	{ENCR_AES_GCM_16,        256, "AES-256-GCM",       false},
	{ENCR_AES_GCM_12,        128, "AES-128-GCM",       false},
	{ENCR_AES_GCM_12,        192, "AES-192-GCM",       false},
	{ENCR_AES_GCM_12,        256, "AES-256-GCM",       false},
	{ENCR_AES_GCM_8,         128, "AES-128-GCM",       false},
	{ENCR_AES_GCM_8,         192, "AES-192-GCM",       false},
	{ENCR_AES_GCM_8,         256, "AES-256-GCM",       false},
	{ENCR_AES_CCM_16,        128, "AES-128-CCM",       false},
	{ENCR_AES_CCM_16,        192, "AES-192-CCM",       false},
	{ENCR_AES_CCM_16,        256, "AES-256-CCM",       false},
	{ENCR_AES_CCM_12,        128, "AES-128-CCM",       false},
	{ENCR_AES_CCM_12,        192, "AES-192-CCM",       false},
	{ENCR_AES_CCM_12,        256, "AES-256-CCM",       false},
	{ENCR_AES_CCM_8,         128, "AES-128-CCM",       false},
	{ENCR_AES_CCM_8,         192, "AES-192-CCM",       false},
	{ENCR_AES_CCM_8,         256, "AES-256-CCM",       false},
	{ENCR_CHACHA20_POLY1305, 0,   "ChaCha20-Poly1305", false},
	{ENCR_AES_CBC,           128, "AES-128-CBC",       false},
	{ENCR_AES_CBC,           192, "AES-192-CBC",       false},
	{ENCR_AES_CBC,           256, "AES-256-CBC",       false},
	{ENCR_AES_CTR,           128, "AES-128-CTR",       false},
	{ENCR_AES_CTR,           192, "AES-192-CTR",       false},
	{ENCR_AES_CTR,           256, "AES-256-CTR",       false},
	{ENCR_CAMELLIA_CBC,      128, "CAMELLIA-128-CBC",  false},
	{ENCR_CAMELLIA_CBC,      192, "CAMELLIA-192-CBC",  false},
	{ENCR_CAMELLIA_CBC,      256, "CAMELLIA-256-CBC",  false},
	{ENCR_CAMELLIA_CTR,      128, "CAMELLIA-128-CTR",  false},
	{ENCR_CAMELLIA_CTR,      192, "CAMELLIA-192-CTR",  false},
	{ENCR_CAMELLIA_CTR,      256, "CAMELLIA-256-CTR",  false},
	{ENCR_3DES,              0,   "DES-EDE3-CBC",      false},
	{ENCR_DES,               0,   "DES-CBC",           true},
};
/* clang-format on */

EVP_CIPHER *ike_cipher_fetch(struct ossl_lib_ctx_st *libctx, struct transform encr)
{
	size_t i = 0, n = sizeof ciphers / sizeof ciphers[0];

	while (i < n && (ciphers[i].id != encr.id || ciphers[i].key_bits != encr.key_bits)) {
		i++;
	}
	if (encr.type != TRANSFORM_ENCR || i == n) {
		return NULL;
	}
	OSSL_PROVIDER *legacy =
	    ciphers[i].legacy ? OSSL_PROVIDER_try_load(libctx, "legacy", 1) : NULL;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, ciphers[i].name, NULL);
	if (legacy) {
		OSSL_PROVIDER_unload(legacy); /* what was fetched keeps it alive */
	}
	return cipher;
}

/* CCM wants to know the lengths of nonce and ICV before it is keyed. */
static bool set_lengths(struct ike_sk *sk)
{
	return EVP_CIPHER_CTX_ctrl(
		   sk->cipher, EVP_CTRL_AEAD_SET_IVLEN, sk->salt_len + sk->iv_len, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(sk->cipher, EVP_CTRL_AEAD_SET_TAG, sk->icv_len, NULL) == 1;
}

static enum ike_err init_cipher(struct ike_sk *sk, const EVP_CIPHER *cipher, const uint8_t *key)
{
	int sealing = sk->dir == IKE_SK_SEAL ? SEALING : OPENING;

	sk->ccm = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE;
	sk->cipher = EVP_CIPHER_CTX_new();
	bool ok = sk->cipher &&
		  EVP_CipherInit_ex2(sk->cipher, cipher, NULL, NULL, sealing, NULL) == 1 &&
		  (!sk->ccm || set_lengths(sk)) &&
		  EVP_CipherInit_ex2(sk->cipher, NULL, key, NULL, sealing, NULL) == 1;

	return ok ? IKE_OK : IKE_ENOMEM;
}

enum ike_err ike_sk_init(struct ike_sk *sk, struct ossl_lib_ctx_st *libctx, enum ike_sk_dir dir,
    const struct suite *suite, struct bytes encr_key, struct bytes integ_key)
{
	const struct transform_info *encr = transform_find(suite->encr);
	struct transform none = {0};

	*sk = (struct ike_sk){.libctx = libctx, .dir = dir};
	sk->aead = encr && encr->flags & TRANSFORM_AEAD;
	struct transform t = sk->aead ? none : suite->integ;
	const struct transform_info *integ = sk->aead ? NULL : transform_find(t);
	const struct ike_mac_kind *mac = t.type == TRANSFORM_INTEG ? ike_mac_find(t) : NULL;
	if (!encr || (!sk->aead && (!integ || !mac))) {
		return IKE_EUNSUPPORTED;
	}
	if (encr_key.n != encr->key_len || integ_key.n != (integ ? integ->key_len : 0)) {
		return IKE_EBUG;
	}
	sk->salt_len = (uint8_t)encr->salt_len;
	sk->iv_len = (uint8_t)encr->iv_len;
	sk->icv_len = (uint8_t)(integ ? integ->icv_len : encr->icv_len);
	sk->block = (uint8_t)encr->block;
	sk->counts = sk->block == 1;
	memcpy(sk->salt, encr_key.p + encr_key.n - sk->salt_len, sk->salt_len);

	EVP_CIPHER *cipher = ike_cipher_fetch(libctx, suite->encr);
	enum ike_err err = cipher ? init_cipher(sk, cipher, encr_key.p) : IKE_EUNSUPPORTED;
	EVP_CIPHER_free(cipher);
	if (err == IKE_OK && mac) {
		err = ike_mac_new(&sk->mac, libctx, mac, integ_key);
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
	ike_mac_free(sk->mac);
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

/* salt | IV, and for a counter mode the number of the first block behind it (RFC 3686 section 4).
 */
static bool set_iv(struct ike_sk *sk, const uint8_t *iv)
{
	uint8_t nonce[NONCE_MAX];

	memcpy(nonce, sk->salt, sk->salt_len);
	memcpy(nonce + sk->salt_len, iv, sk->iv_len);
	if (!sk->aead && sk->counts) {
		be32_store(nonce + sk->salt_len + sk->iv_len, 1);
	}
	return EVP_CipherInit_ex2(sk->cipher, NULL, NULL, nonce, -1, NULL) == 1;
}

static bool start_aead(struct ike_sk *sk, const uint8_t *iv, struct bytes aad, size_t text_n)
{
	int n = 0;

	return set_iv(sk, iv) &&
	       (!sk->ccm || EVP_CipherUpdate(sk->cipher, NULL, &n, NULL, (int)text_n) == 1) &&
	       EVP_CipherUpdate(sk->cipher, NULL, &n, aad.p, (int)aad.n) == 1;
}

static bool seal_aead(
    struct ike_sk *sk, struct bytes aad, const uint8_t *iv, uint8_t *text, size_t text_n)
{
	int n = 0, tail = 0;

	return start_aead(sk, iv, aad, text_n) &&
	       EVP_CipherUpdate(sk->cipher, text, &n, text, (int)text_n) == 1 &&
	       EVP_CipherFinal_ex(sk->cipher, text + n, &tail) == 1 &&
	       (size_t)(n + tail) == text_n &&
	       EVP_CIPHER_CTX_ctrl(sk->cipher, EVP_CTRL_AEAD_GET_TAG, sk->icv_len, text + text_n) ==
		   1;
}

static bool crypt_text(
    struct ike_sk *sk, const uint8_t *iv, const uint8_t *in, uint8_t *out, size_t text_n)
{
	int n = 0, tail = 0;

	return set_iv(sk, iv) && EVP_CIPHER_CTX_set_padding(sk->cipher, 0) == 1 &&
	       EVP_CipherUpdate(sk->cipher, out, &n, in, (int)text_n) == 1 &&
	       EVP_CipherFinal_ex(sk->cipher, out + n, &tail) == 1 && (size_t)(n + tail) == text_n;
}

static bool seal_mac(
    struct ike_sk *sk, uint8_t *msg, const uint8_t *iv, uint8_t *text, size_t text_n)
{
	uint8_t mac[IKE_MAC_MAX];
	struct bytes covered = bytes_of(msg, (size_t)(text - msg) + text_n);

	if (!crypt_text(sk, iv, text, text, text_n) ||
	    ike_mac_of(sk->mac, &covered, 1, mac) != IKE_OK) {
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

	if (sk->counts) {
		be64_store(iv, sk->next_iv++);
		ok = true;
	} else {
		ok = ike_random(sk->libctx, iv, sk->iv_len) == IKE_OK;
	}
	ok = ok && (sk->aead ? seal_aead(sk, bytes_of(msg, aad_n), iv, text, text_n)
			     : seal_mac(sk, msg, iv, text, text_n));
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
	uint8_t tag[IKE_MAC_MAX];
	int n = 0, tail = 0;

	/* CCM takes the ICV before anything else, and says with the text whether it is right; the
	 * others say so at the end. */
	memcpy(tag, icv, sk->icv_len);
	return EVP_CIPHER_CTX_ctrl(sk->cipher, EVP_CTRL_AEAD_SET_TAG, sk->icv_len, tag) == 1 &&
	       start_aead(sk, iv, aad, in.n) &&
	       EVP_CipherUpdate(sk->cipher, dst, &n, in.p, (int)in.n) == 1 &&
	       (sk->ccm || EVP_CipherFinal_ex(sk->cipher, dst + n, &tail) == 1) &&
	       (size_t)(n + tail) == in.n;
}

static bool open_mac(struct ike_sk *sk, struct bytes raw, const uint8_t *iv, struct bytes in,
    const uint8_t *icv, uint8_t *dst)
{
	struct bytes covered = bytes_of(raw.p, raw.n - sk->icv_len);
	uint8_t mac[IKE_MAC_MAX];

	return ike_mac_of(sk->mac, &covered, 1, mac) == IKE_OK &&
	       secret_equal(bytes_of(mac, sk->icv_len), bytes_of(icv, sk->icv_len)) &&
	       crypt_text(sk, iv, in.p, dst, in.n);
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
			   : open_mac(sk, outer->raw, body.p, in, icv, dst);
	size_t pad = ok ? dst[in.n - 1] : 0;

	if (!ok || pad + 1 > in.n) {
		secret_wipe(dst, in.n);
		ERR_clear_error();
		return ok ? IKE_ESYNTAX : IKE_EINTEGRITY;
	}
	*plain = bytes_of(dst, in.n - pad - 1);
	return IKE_OK;
}

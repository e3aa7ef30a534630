/*
 * AEAD ciphers by OpenSSL: AES-GCM (RFC 4106), AES-CCM (RFC 4309), GMAC (RFC 4543) and
 * ChaCha20-Poly1305 (RFC 7634) in ESP. They have one shape: nonce = salt | IV; associated data =
 * SPI | sequence number, all 64 bits of it with ESN. GMAC encrypts nothing: IV and text are
 * associated data too.
 */
#include "esp/crypto/internal.h"
#include "base/secret.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

struct aead {
	struct esp_crypto base;
	EVP_CIPHER_CTX *ctx; /* owned */
	OSSL_PARAM tag[2];   /* made once; only where the tag lies changes */
};

static struct aead *of(struct esp_crypto *c)
{
	return (struct aead *)c;
}

static enum esp_crypto_err failed(void)
{
	ERR_clear_error();
	return ESP_CRYPTO_FAILED;
}

static uint8_t *text_of(const struct aead *a, uint8_t *esp)
{
	return esp + ESP_HDR_LEN + a->base.shape.iv_len;
}

static bool set_nonce(struct aead *a, const uint8_t *esp, uint32_t hi)
{
	uint8_t nonce[ESP_NONCE_MAX];

	esp_nonce_of(&a->base, esp, hi, nonce);
	return EVP_CipherInit_ex2(a->ctx, NULL, NULL, nonce, -1, NULL) == 1;
}

/* What is authenticated without being encrypted. */
static bool add_header(struct aead *a, const uint8_t *esp, uint32_t hi)
{
	uint8_t room[ESP_AAD_MAX];
	struct bytes aad = esp_aad_of(&a->base, esp, hi, room);
	int out;

	return EVP_CipherUpdate(a->ctx, NULL, &out, aad.p, (int)aad.n) == 1;
}

static bool crypt_text(struct aead *a, uint8_t *text, uint32_t text_len)
{
	int out;

	return EVP_CipherUpdate(a->ctx, text, &out, text, (int)text_len) == 1;
}

/* Text goes through the cipher, or beside it. */
typedef bool (*add_text_fn)(struct aead *a, uint8_t *esp, uint32_t text_len);

static bool encrypted(struct aead *a, uint8_t *esp, uint32_t text_len)
{
	return crypt_text(a, text_of(a, esp), text_len);
}

static bool bare(struct aead *a, uint8_t *esp, uint32_t text_len)
{
	int out;

	return EVP_CipherUpdate(a->ctx, NULL, &out, esp + ESP_HDR_LEN,
		   (int)(a->base.shape.iv_len + text_len)) == 1;
}

static enum esp_crypto_err seal_one(const struct esp_job *j, add_text_fn add_text)
{
	struct aead *a = of(j->crypto);
	uint8_t *end = text_of(a, j->esp) + j->text_len;
	int out;

	a->tag[0].data = end;
	if (!set_nonce(a, j->esp, j->seq_hi) || !add_header(a, j->esp, j->seq_hi) ||
	    !add_text(a, j->esp, j->text_len) || EVP_CipherFinal_ex(a->ctx, end, &out) != 1 ||
	    EVP_CIPHER_CTX_get_params(a->ctx, a->tag) != 1) {
		return failed();
	}
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err open_one(const struct esp_job *j, add_text_fn add_text)
{
	struct aead *a = of(j->crypto);
	uint8_t *end = text_of(a, j->esp) + j->text_len;
	int out;

	a->tag[0].data = end;
	if (!set_nonce(a, j->esp, j->seq_hi) || !add_header(a, j->esp, j->seq_hi) ||
	    EVP_CIPHER_CTX_set_params(a->ctx, a->tag) != 1 || !add_text(a, j->esp, j->text_len)) {
		return failed();
	}
	if (EVP_CipherFinal_ex(a->ctx, end, &out) != 1) {
		ERR_clear_error();
		return ESP_CRYPTO_FORGED;
	}
	return ESP_CRYPTO_OK;
}

static void gcm_seal(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(j, encrypted);
	}
}

static void gcm_open(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(j, encrypted);
	}
}

static void gmac_seal(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(j, bare);
	}
}

static void gmac_open(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(j, bare);
	}
}

/* ---- CCM: lengths come first, and opening says at once whether the tag is right ---- */

static bool ccm_begin(struct aead *a, const struct esp_job *j)
{
	int out;

	return EVP_CipherUpdate(a->ctx, NULL, &out, NULL, (int)j->text_len) == 1 &&
	       add_header(a, j->esp, j->seq_hi);
}

static void ccm_seal(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		struct aead *a = of(j->crypto);
		uint8_t *text = text_of(a, j->esp);
		a->tag[0].data = text + j->text_len;
		bool ok = set_nonce(a, j->esp, j->seq_hi) && ccm_begin(a, j) &&
			  crypt_text(a, text, j->text_len) &&
			  EVP_CIPHER_CTX_get_params(a->ctx, a->tag) == 1;
		j->err = ok ? ESP_CRYPTO_OK : failed();
	}
}

static void ccm_open(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		struct aead *a = of(j->crypto);
		uint8_t *text = text_of(a, j->esp);
		a->tag[0].data = text + j->text_len;
		if (!set_nonce(a, j->esp, j->seq_hi) ||
		    EVP_CIPHER_CTX_set_params(a->ctx, a->tag) != 1 || !ccm_begin(a, j)) {
			j->err = failed();
		} else if (!crypt_text(a, text, j->text_len)) {
			ERR_clear_error();
			j->err = ESP_CRYPTO_FORGED;
		} else {
			j->err = ESP_CRYPTO_OK;
		}
	}
}

/* ---- Contexts ---- */

static void aead_free(struct esp_crypto *c)
{
	struct aead *a = of(c);

	EVP_CIPHER_CTX_free(a->ctx);
	secret_wipe(a, sizeof *a);
	free(a);
}

static const struct esp_crypto_ops gcm_ops = {gcm_seal, gcm_open, aead_free};
static const struct esp_crypto_ops gmac_ops = {gmac_seal, gmac_open, aead_free};
static const struct esp_crypto_ops ccm_ops = {ccm_seal, ccm_open, aead_free};

static const struct esp_crypto_ops *ops_of(uint16_t encr, const EVP_CIPHER *cipher)
{
	if (encr == ENCR_NULL_AUTH_AES_GMAC) {
		return &gmac_ops;
	}
	return EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE ? &ccm_ops : &gcm_ops;
}

/* CCM wants to know the lengths of nonce and tag beforehand. */
static bool set_lengths(struct aead *a)
{
	size_t nonce = (size_t)a->base.salt_len + 8;
	OSSL_PARAM lengths[] = {
	    OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &nonce),
	    OSSL_PARAM_construct_octet_string(
		OSSL_CIPHER_PARAM_AEAD_TAG, NULL, a->base.shape.icv_len),
	    OSSL_PARAM_construct_end(),
	};

	return EVP_CIPHER_CTX_set_params(a->ctx, lengths) == 1;
}

static enum esp_crypto_err set_key(
    struct aead *a, const EVP_CIPHER *cipher, const struct esp_crypto_plan *plan)
{
	a->ctx = EVP_CIPHER_CTX_new();
	if (!a->ctx) {
		return ESP_CRYPTO_NOMEM;
	}
	if (EVP_CipherInit_ex2(a->ctx, cipher, NULL, NULL, plan->sealing, NULL) != 1 ||
	    (a->base.ops == &ccm_ops && !set_lengths(a)) ||
	    EVP_CipherInit_ex2(a->ctx, NULL, plan->keys->encr_key.p, NULL, -1, NULL) != 1) {
		return failed();
	}
	return ESP_CRYPTO_OK;
}

enum esp_crypto_err esp_aead_new(
    const EVP_CIPHER *cipher, const struct esp_crypto_plan *plan, struct esp_crypto **out)
{
	struct aead *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a) {
		return ESP_CRYPTO_NOMEM;
	}
	esp_crypto_base(&a->base, ops_of(plan->encr->t.id, cipher), plan);
	a->tag[0] = OSSL_PARAM_construct_octet_string(
	    OSSL_CIPHER_PARAM_AEAD_TAG, NULL, plan->shape.icv_len);
	a->tag[1] = OSSL_PARAM_construct_end();
	enum esp_crypto_err err = set_key(a, cipher, plan);
	if (err) {
		aead_free(&a->base);
		return err;
	}
	*out = &a->base;
	return ESP_CRYPTO_OK;
}

/*
 * AEAD ciphers by OpenSSL: AES-GCM (RFC 4106) and ChaCha20-Poly1305 (RFC 7634) in ESP. They have
 * the same shape: nonce = salt | IV; associated data = SPI | sequence number, all 64 bits of it
 * with ESN.
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

/* Starts a packet: the nonce, and what is authenticated without being encrypted. */
static bool begin(struct aead *a, const uint8_t *esp, uint32_t hi)
{
	uint8_t nonce[ESP_NONCE_MAX], room[ESP_AAD_MAX];
	struct bytes aad = esp_aad_of(&a->base, esp, hi, room);
	int out;

	esp_nonce_of(&a->base, esp, nonce);
	return EVP_CipherInit_ex2(a->ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(a->ctx, NULL, &out, aad.p, (int)aad.n) == 1;
}

static enum esp_crypto_err failed(void)
{
	ERR_clear_error();
	return ESP_CRYPTO_FAILED;
}

static enum esp_crypto_err seal_one(struct aead *a, uint8_t *esp, uint32_t text_len, uint32_t hi)
{
	uint8_t *text = esp + ESP_HDR_LEN + a->base.shape.iv_len;
	int out;

	a->tag[0].data = text + text_len;
	if (!begin(a, esp, hi) || EVP_CipherUpdate(a->ctx, text, &out, text, (int)text_len) != 1 ||
	    EVP_CipherFinal_ex(a->ctx, text + out, &out) != 1 ||
	    EVP_CIPHER_CTX_get_params(a->ctx, a->tag) != 1) {
		return failed();
	}
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err open_one(struct aead *a, uint8_t *esp, uint32_t text_len, uint32_t hi)
{
	uint8_t *text = esp + ESP_HDR_LEN + a->base.shape.iv_len;
	int out;

	a->tag[0].data = text + text_len;
	if (!begin(a, esp, hi) || EVP_CIPHER_CTX_set_params(a->ctx, a->tag) != 1 ||
	    EVP_CipherUpdate(a->ctx, text, &out, text, (int)text_len) != 1) {
		return failed();
	}
	if (EVP_CipherFinal_ex(a->ctx, text + out, &out) != 1) {
		ERR_clear_error();
		return ESP_CRYPTO_FORGED;
	}
	return ESP_CRYPTO_OK;
}

static void aead_seal(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(of(j->crypto), j->esp, j->text_len, j->seq_hi);
	}
}

static void aead_open(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(of(j->crypto), j->esp, j->text_len, j->seq_hi);
	}
}

static void aead_free(struct esp_crypto *c)
{
	struct aead *a = of(c);

	EVP_CIPHER_CTX_free(a->ctx);
	secret_wipe(a, sizeof *a);
	free(a);
}

static const struct esp_crypto_ops ops = {aead_seal, aead_open, aead_free};

enum esp_crypto_err esp_aead_new(
    const EVP_CIPHER *cipher, const struct esp_crypto_plan *plan, struct esp_crypto **out)
{
	struct aead *a = calloc(1, sizeof *a);
	enum esp_crypto_err err = ESP_CRYPTO_OK;

	*out = NULL;
	if (!a) {
		return ESP_CRYPTO_NOMEM;
	}
	esp_crypto_base(&a->base, &ops, plan);
	a->tag[0] = OSSL_PARAM_construct_octet_string(
	    OSSL_CIPHER_PARAM_AEAD_TAG, NULL, plan->shape.icv_len);
	a->tag[1] = OSSL_PARAM_construct_end();
	a->ctx = EVP_CIPHER_CTX_new();
	if (!a->ctx) {
		err = ESP_CRYPTO_NOMEM;
	} else if (EVP_CipherInit_ex2(
		       a->ctx, cipher, plan->keys->encr_key.p, NULL, plan->sealing, NULL) != 1) {
		err = failed();
	}
	if (err) {
		aead_free(&a->base);
		return err;
	}
	*out = &a->base;
	return ESP_CRYPTO_OK;
}

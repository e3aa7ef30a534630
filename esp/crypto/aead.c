/*
 * AES-GCM with a 16-byte ICV (RFC 4106) and ChaCha20-Poly1305 (RFC 7634) in ESP. Both have the same
 * shape: nonce = salt | IV; associated data = SPI | sequence number, all 64 bits of it with ESN.
 */
#include "esp/crypto/internal.h"

#include <openssl/err.h>
#include <string.h>

enum { SALT_LEN = 4, NONCE_LEN = 12, AAD_LEN = 8, AAD_ESN_LEN = 12 };

/* Starts a packet: the IV, and what is authenticated without being encrypted. */
static bool begin(struct esp_crypto *c, const uint8_t *esp, uint32_t hi)
{
	uint8_t nonce[NONCE_LEN], aad[AAD_ESN_LEN];
	const uint8_t *a = esp;
	int aad_len = AAD_LEN, out;

	memcpy(nonce, c->salt, SALT_LEN);
	memcpy(nonce + SALT_LEN, esp + ESP_HDR_LEN, NONCE_LEN - SALT_LEN);
	if (c->esn) {
		memcpy(aad, esp, 4);
		be32_store(aad + 4, hi);
		memcpy(aad + 8, esp + 4, 4);
		a = aad;
		aad_len = AAD_ESN_LEN;
	}
	return EVP_CipherInit_ex2(c->ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(c->ctx, NULL, &out, a, aad_len) == 1;
}

static enum esp_crypto_err failed(void)
{
	ERR_clear_error();
	return ESP_CRYPTO_FAILED;
}

static enum esp_crypto_err seal_one(
    struct esp_crypto *c, uint8_t *esp, size_t text_len, uint32_t hi)
{
	uint8_t *text = esp + ESP_HDR_LEN + c->shape.iv_len;
	int out;

	c->tag[0].data = text + text_len;
	if (!begin(c, esp, hi) || EVP_CipherUpdate(c->ctx, text, &out, text, (int)text_len) != 1 ||
	    EVP_CipherFinal_ex(c->ctx, text + out, &out) != 1 ||
	    EVP_CIPHER_CTX_get_params(c->ctx, c->tag) != 1) {
		return failed();
	}
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err open_one(
    struct esp_crypto *c, uint8_t *esp, size_t text_len, uint32_t hi)
{
	uint8_t *text = esp + ESP_HDR_LEN + c->shape.iv_len;
	int out;

	c->tag[0].data = text + text_len;
	if (!begin(c, esp, hi) || EVP_CIPHER_CTX_set_params(c->ctx, c->tag) != 1 ||
	    EVP_CipherUpdate(c->ctx, text, &out, text, (int)text_len) != 1) {
		return failed();
	}
	if (EVP_CipherFinal_ex(c->ctx, text + out, &out) != 1) {
		ERR_clear_error();
		return ESP_CRYPTO_FORGED;
	}
	return ESP_CRYPTO_OK;
}

static void aead_seal(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(j->crypto, j->esp, j->text_len, j->seq_hi);
	}
}

static void aead_open(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(j->crypto, j->esp, j->text_len, j->seq_hi);
	}
}

const struct esp_crypto_ops esp_crypto_aead = {aead_seal, aead_open};

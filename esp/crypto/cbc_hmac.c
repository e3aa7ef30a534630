/*
 * AES-CBC (RFC 3602) or NULL (RFC 2410) with HMAC-SHA2 (RFC 4868) in ESP: encrypt, then MAC. The
 * MAC covers SPI, sequence number, IV and ciphertext, and with ESN the high half of the sequence
 * number behind them, which is not sent (RFC 4303 section 2.2.1).
 */
#include "esp/crypto/internal.h"
#include "base/secret.h"

#include <openssl/err.h>
#include <string.h>

static bool crypt_text(struct esp_crypto *c, uint8_t *esp, size_t text_len)
{
	uint8_t *text = esp + ESP_HDR_LEN + c->shape.iv_len;
	int out;

	if (!c->ctx) {
		return true;
	}
	return EVP_CipherInit_ex2(c->ctx, NULL, NULL, esp + ESP_HDR_LEN, -1, NULL) == 1 &&
	       EVP_CipherUpdate(c->ctx, text, &out, text, (int)text_len) == 1 &&
	       (size_t)out == text_len;
}

static void mac_of(
    struct esp_crypto *c, const uint8_t *esp, size_t n, uint32_t hi, uint8_t out[ESP_HMAC_MAX])
{
	uint8_t esn[4];

	be32_store(esn, hi);
	esp_hmac_of(c->hmac, bytes_of(esp, n), bytes_of(esn, c->esn ? sizeof esn : 0), out);
}

static enum esp_crypto_err seal_one(
    struct esp_crypto *c, uint8_t *esp, size_t text_len, uint32_t hi)
{
	size_t n = ESP_HDR_LEN + c->shape.iv_len + text_len;
	uint8_t mac[ESP_HMAC_MAX];

	if (!crypt_text(c, esp, text_len)) {
		ERR_clear_error();
		return ESP_CRYPTO_FAILED;
	}
	mac_of(c, esp, n, hi, mac);
	memcpy(esp + n, mac, c->shape.icv_len);
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err open_one(
    struct esp_crypto *c, uint8_t *esp, size_t text_len, uint32_t hi)
{
	size_t n = ESP_HDR_LEN + c->shape.iv_len + text_len;
	uint8_t mac[ESP_HMAC_MAX];

	mac_of(c, esp, n, hi, mac);
	if (!secret_equal(bytes_of(mac, c->shape.icv_len), bytes_of(esp + n, c->shape.icv_len))) {
		return ESP_CRYPTO_FORGED;
	}
	if (!crypt_text(c, esp, text_len)) {
		ERR_clear_error();
		return ESP_CRYPTO_FAILED;
	}
	return ESP_CRYPTO_OK;
}

static void hmac_seal(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(j->crypto, j->esp, j->text_len, j->seq_hi);
	}
}

static void hmac_open(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(j->crypto, j->esp, j->text_len, j->seq_hi);
	}
}

const struct esp_crypto_ops esp_crypto_hmac = {hmac_seal, hmac_open};

/*
 * A cipher and a MAC of their own by OpenSSL: AES-CBC (RFC 3602), Camellia-CBC (RFC 4312), 3DES
 * (RFC 2451), AES-CTR (RFC 3686) or NULL (RFC 2410) with any MAC: encrypt, then MAC. The MAC covers
 * SPI, sequence number, IV and ciphertext, and with ESN the high half of the sequence number behind
 * them, which is not sent (RFC 4303 section 2.2.1).
 */
#include "esp/crypto/internal.h"
#include "base/secret.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { COUNTER_BLOCK = 16 };

struct cipher_mac {
	struct esp_crypto base;
	EVP_CIPHER_CTX *ctx; /* owned; NULL with the NULL cipher */
	struct esp_mac *mac; /* owned */
	bool counter;        /* the IV is a part of a counter block */
};

static struct cipher_mac *of(struct esp_crypto *c)
{
	return (struct cipher_mac *)c;
}

static bool crypt_text(struct cipher_mac *c, uint8_t *esp, uint32_t text_len)
{
	uint8_t *text = esp + ESP_HDR_LEN + c->base.shape.iv_len;
	const uint8_t *iv = esp + ESP_HDR_LEN;
	uint8_t block[COUNTER_BLOCK];
	int out;

	if (!c->ctx) {
		return true;
	}
	if (c->counter) { /* nonce | IV | 1: RFC 3686 section 4 */
		be32_store(block + esp_nonce_of(&c->base, esp, 0, block), 1);
		iv = block;
	}
	if (EVP_CipherInit_ex2(c->ctx, NULL, NULL, iv, -1, NULL) == 1 &&
	    EVP_CipherUpdate(c->ctx, text, &out, text, (int)text_len) == 1 &&
	    (uint32_t)out == text_len) {
		return true;
	}
	ERR_clear_error();
	return false;
}

static bool mac_of(
    struct cipher_mac *c, const uint8_t *esp, size_t n, uint32_t hi, uint8_t out[ESP_MAC_MAX])
{
	uint8_t esn[4];

	be32_store(esn, hi);
	return c->mac->of(
	    c->mac, bytes_of(esp, n), bytes_of(esn, c->base.esn ? sizeof esn : 0), out);
}

static enum esp_crypto_err seal_one(
    struct cipher_mac *c, uint8_t *esp, uint32_t text_len, uint32_t hi)
{
	size_t n = ESP_HDR_LEN + (size_t)c->base.shape.iv_len + text_len;
	uint8_t mac[ESP_MAC_MAX];

	if (!crypt_text(c, esp, text_len) || !mac_of(c, esp, n, hi, mac)) {
		return ESP_CRYPTO_FAILED;
	}
	memcpy(esp + n, mac, c->base.shape.icv_len);
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err open_one(
    struct cipher_mac *c, uint8_t *esp, uint32_t text_len, uint32_t hi)
{
	size_t n = ESP_HDR_LEN + (size_t)c->base.shape.iv_len + text_len,
	       icv = c->base.shape.icv_len;
	uint8_t mac[ESP_MAC_MAX];

	if (!mac_of(c, esp, n, hi, mac)) {
		return ESP_CRYPTO_FAILED;
	}
	if (!secret_equal(bytes_of(mac, icv), bytes_of(esp + n, icv))) {
		return ESP_CRYPTO_FORGED;
	}
	return crypt_text(c, esp, text_len) ? ESP_CRYPTO_OK : ESP_CRYPTO_FAILED;
}

static void cipher_mac_seal(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(of(j->crypto), j->esp, j->text_len, j->seq_hi);
	}
}

static void cipher_mac_open(struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(of(j->crypto), j->esp, j->text_len, j->seq_hi);
	}
}

static void cipher_mac_free(struct esp_crypto *base)
{
	struct cipher_mac *c = of(base);

	EVP_CIPHER_CTX_free(c->ctx);
	c->mac->free(c->mac);
	secret_wipe(c, sizeof *c);
	free(c);
}

static const struct esp_crypto_ops ops = {cipher_mac_seal, cipher_mac_open, cipher_mac_free};

static enum esp_crypto_err set_cipher(
    struct cipher_mac *c, const EVP_CIPHER *cipher, const struct esp_crypto_plan *plan)
{
	if (!cipher) {
		return ESP_CRYPTO_OK;
	}
	c->ctx = EVP_CIPHER_CTX_new();
	if (!c->ctx) {
		return ESP_CRYPTO_NOMEM;
	}
	if (EVP_CipherInit_ex2(c->ctx, cipher, plan->keys->encr_key.p, NULL, plan->sealing, NULL) !=
	    1) {
		ERR_clear_error();
		return ESP_CRYPTO_FAILED;
	}
	/* ESP pads by itself. */
	EVP_CIPHER_CTX_set_padding(c->ctx, 0);
	return ESP_CRYPTO_OK;
}

enum esp_crypto_err esp_cipher_mac_new(const EVP_CIPHER *cipher, struct esp_mac *mac,
    const struct esp_crypto_plan *plan, struct esp_crypto **out)
{
	struct cipher_mac *c = calloc(1, sizeof *c);

	*out = NULL;
	if (!c) {
		mac->free(mac);
		return ESP_CRYPTO_NOMEM;
	}
	esp_crypto_base(&c->base, &ops, plan);
	c->mac = mac;
	c->counter = plan->encr->t.id == ENCR_AES_CTR;
	enum esp_crypto_err err = set_cipher(c, cipher, plan);
	if (err) {
		cipher_mac_free(&c->base);
		return err;
	}
	*out = &c->base;
	return ESP_CRYPTO_OK;
}

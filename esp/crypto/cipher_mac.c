/*
 * A cipher and a MAC of their own by OpenSSL: AES-CBC (RFC 3602), Camellia-CBC (RFC 4312), 3DES
 * (RFC 2451), DES (RFC 2405), AES-CTR (RFC 3686), Camellia-CTR (RFC 5529) or NULL (RFC 2410) with
 * any MAC: encrypt, then MAC. The MAC covers SPI, sequence number, IV and ciphertext, and with ESN
 * the high half of the sequence number behind them, which is not sent (RFC 4303 section 2.2.1).
 */
#include "esp/crypto/internal.h"
#include "base/secret.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { COUNTER_BLOCK = 16 };

struct cipher_mac {
	struct esp_crypto base;
	struct esp_mac *mac; /* owned */
	bool null;           /* the NULL cipher */
	bool counter;        /* the IV is a part of a counter block */
	struct esp_keyed keyed;
};

static struct cipher_mac *of(struct esp_crypto *c)
{
	return (struct cipher_mac *)c;
}

static bool crypt_text(
    struct cipher_mac *c, struct esp_crypto_worker *w, uint8_t *esp, uint32_t text_len)
{
	uint8_t *text = esp + ESP_HDR_LEN + c->base.shape.iv_len;
	const uint8_t *iv = esp + ESP_HDR_LEN;
	uint8_t block[COUNTER_BLOCK];
	int out;

	if (c->null) {
		return true;
	}
	EVP_CIPHER_CTX *ctx = esp_keyed_for(&c->keyed, w);
	if (c->counter) { /* nonce | IV | 1: RFC 3686 section 4 */
		be32_store(block + esp_nonce_of(&c->base, esp, 0, block), 1);
		iv = block;
	}
	if (ctx && EVP_CipherInit_ex2(ctx, NULL, NULL, iv, -1, NULL) == 1 &&
	    EVP_CipherUpdate(ctx, text, &out, text, (int)text_len) == 1 &&
	    (uint32_t)out == text_len) {
		return true;
	}
	ERR_clear_error();
	return false;
}

/* Of n bytes from the SPI on. */
static bool mac_of(struct cipher_mac *c, struct esp_crypto_worker *w, const struct esp_job *j,
    size_t n, uint8_t out[ESP_MAC_MAX])
{
	uint8_t esn[4];

	be32_store(esn, j->seq_hi);
	return c->mac->of(
	    c->mac, w, bytes_of(j->esp, n), bytes_of(esn, c->base.esn ? sizeof esn : 0), out);
}

static enum esp_crypto_err seal_one(struct esp_crypto_worker *w, const struct esp_job *j)
{
	struct cipher_mac *c = of(j->crypto);
	size_t n = ESP_HDR_LEN + (size_t)c->base.shape.iv_len + j->text_len;
	uint8_t mac[ESP_MAC_MAX];

	if (!crypt_text(c, w, j->esp, j->text_len) || !mac_of(c, w, j, n, mac)) {
		return ESP_CRYPTO_FAILED;
	}
	memcpy(j->esp + n, mac, c->base.shape.icv_len);
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err open_one(struct esp_crypto_worker *w, const struct esp_job *j)
{
	struct cipher_mac *c = of(j->crypto);
	size_t n = ESP_HDR_LEN + (size_t)c->base.shape.iv_len + j->text_len,
	       icv = c->base.shape.icv_len;
	uint8_t mac[ESP_MAC_MAX];

	if (!mac_of(c, w, j, n, mac)) {
		return ESP_CRYPTO_FAILED;
	}
	if (!secret_equal(bytes_of(mac, icv), bytes_of(j->esp + n, icv))) {
		return ESP_CRYPTO_FORGED;
	}
	return crypt_text(c, w, j->esp, j->text_len) ? ESP_CRYPTO_OK : ESP_CRYPTO_FAILED;
}

static void cipher_mac_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(w, j);
	}
}

static void cipher_mac_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(w, j);
	}
}

static void cipher_mac_free(struct esp_crypto *base)
{
	struct cipher_mac *c = of(base);

	if (!c->null) {
		esp_keyed_fini(&c->keyed);
	}
	c->mac->free(c->mac);
	secret_wipe(c, sizeof *c);
	free(c);
}

static const struct esp_crypto_ops ops = {cipher_mac_seal, cipher_mac_open, cipher_mac_free};

enum esp_crypto_err esp_cipher_mac_new(struct esp_source *cipher, struct esp_mac *mac,
    const struct esp_crypto_plan *plan, struct esp_crypto **out)
{
	enum esp_crypto_err err = ESP_CRYPTO_OK;
	struct cipher_mac *c = calloc(1, sizeof *c);

	*out = NULL;
	if (!c) {
		mac->free(mac);
		return ESP_CRYPTO_NOMEM;
	}
	esp_crypto_base(&c->base, &ops, plan);
	c->mac = mac;
	c->null = !cipher;
	c->counter = cipher && EVP_CIPHER_get_mode(cipher->cipher) == EVP_CIPH_CTR_MODE;
	c->keyed.sealing = plan->sealing;
	if (cipher) {
		err = esp_keyed_init(&c->keyed, cipher, esp_plan_key(plan), plan->own);
	}
	if (err) {
		cipher_mac_free(&c->base);
		return err;
	}
	*out = &c->base;
	return ESP_CRYPTO_OK;
}

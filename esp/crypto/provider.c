/*
 * Which transforms there are, fetched once per library context, and contexts made of them. Shapes:
 * RFC 4106 section 3, RFC 7634 section 2, RFC 3602 section 2, RFC 2410, RFC 4868 section 2.
 */
#include "esp/crypto/internal.h"
#include "base/secret.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { PAD_ALIGN = 4 };

static const struct {
	uint16_t id, key_bits;
	const char *name; /* NULL: no cipher */
} ciphers[] = {
    {ENCR_AES_GCM_16, 128, "AES-128-GCM"},
    {ENCR_AES_GCM_16, 192, "AES-192-GCM"},
    {ENCR_AES_GCM_16, 256, "AES-256-GCM"},
    {ENCR_CHACHA20_POLY1305, 0, "ChaCha20-Poly1305"},
    {ENCR_AES_CBC, 128, "AES-128-CBC"},
    {ENCR_AES_CBC, 192, "AES-192-CBC"},
    {ENCR_AES_CBC, 256, "AES-256-CBC"},
    {ENCR_NULL, 0, NULL},
};

enum { CIPHERS = sizeof ciphers / sizeof ciphers[0] };

struct esp_provider {
	struct ossl_lib_ctx_st *libctx; /* borrowed */
	EVP_CIPHER *cipher[CIPHERS];    /* NULL: not asked for yet */
};

struct esp_provider *esp_provider_new(struct ossl_lib_ctx_st *libctx)
{
	struct esp_provider *p = calloc(1, sizeof *p);

	if (p) {
		p->libctx = libctx;
	}
	return p;
}

void esp_provider_free(struct esp_provider *p)
{
	for (size_t i = 0; p && i < CIPHERS; i++) {
		EVP_CIPHER_free(p->cipher[i]);
	}
	free(p);
}

bool esp_provider_random(const struct esp_provider *p, uint8_t *out, size_t n)
{
	if (RAND_bytes_ex(p->libctx, out, n, 0) == 1) {
		return true;
	}
	ERR_clear_error();
	return false;
}

static size_t cipher_index(struct transform t)
{
	size_t i = 0;

	while (i < CIPHERS && (ciphers[i].id != t.id || ciphers[i].key_bits != t.key_bits)) {
		i++;
	}
	return t.type == TRANSFORM_ENCR ? i : CIPHERS;
}

static const EVP_CIPHER *cipher_get(struct esp_provider *p, size_t i)
{
	if (!p->cipher[i]) {
		p->cipher[i] = EVP_CIPHER_fetch(p->libctx, ciphers[i].name, NULL);
		ERR_clear_error();
	}
	return p->cipher[i];
}

enum esp_crypto_err esp_shape_of(
    struct transform encr, struct transform integ, struct esp_shape *out)
{
	const struct transform_info *e = transform_find(encr);
	const struct transform_info *i = transform_find(integ);
	bool has_integ = integ.type == TRANSFORM_INTEG && integ.id != INTEG_NONE;
	bool aead = e && (e->flags & TRANSFORM_AEAD);

	if (!e || cipher_index(encr) == CIPHERS || aead == has_integ ||
	    (has_integ && (!i || !esp_hmac_knows(integ.id)))) {
		return ESP_CRYPTO_UNSUPPORTED;
	}
	*out = (struct esp_shape){
	    .iv_len = (uint8_t)e->iv_len,
	    .icv_len = (uint8_t)(has_integ ? i->icv_len : e->icv_len),
	    .block = (uint8_t)e->block,
	    .align = (uint8_t)(e->block > PAD_ALIGN ? e->block : PAD_ALIGN),
	    .random_iv = encr.id == ENCR_AES_CBC,
	};
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err cipher_init(
    struct esp_crypto *c, struct esp_provider *p, const struct esp_crypto_keys *keys, bool sealing)
{
	size_t row = cipher_index(keys->encr);

	if (!ciphers[row].name) {
		return ESP_CRYPTO_OK;
	}
	const EVP_CIPHER *cipher = cipher_get(p, row);
	if (!cipher) {
		return ESP_CRYPTO_UNSUPPORTED;
	}
	c->ctx = EVP_CIPHER_CTX_new();
	if (!c->ctx) {
		return ESP_CRYPTO_NOMEM;
	}
	if (EVP_CipherInit_ex2(c->ctx, cipher, keys->encr_key.p, NULL, sealing, NULL) != 1) {
		ERR_clear_error();
		return ESP_CRYPTO_FAILED;
	}
	/* ESP pads by itself. */
	EVP_CIPHER_CTX_set_padding(c->ctx, 0);
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err crypto_init(
    struct esp_crypto *c, struct esp_provider *p, const struct esp_crypto_keys *keys, bool sealing)
{
	const struct transform_info *e = transform_find(keys->encr);
	bool aead = e->flags & TRANSFORM_AEAD;

	c->ops = aead ? &esp_crypto_aead : &esp_crypto_hmac;
	c->esn = keys->esn;
	c->tag[0] =
	    OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, c->shape.icv_len);
	c->tag[1] = OSSL_PARAM_construct_end();
	if (!aead) {
		c->hmac = esp_hmac_new(keys->integ.id, keys->integ_key);
		if (!c->hmac) {
			return ESP_CRYPTO_NOMEM;
		}
	}
	if (e->salt_len == sizeof c->salt) {
		memcpy(c->salt, keys->encr_key.p + e->key_len - e->salt_len, sizeof c->salt);
	}
	return cipher_init(c, p, keys, sealing);
}

static bool keys_fit(const struct esp_crypto_keys *keys)
{
	const struct transform_info *e = transform_find(keys->encr);
	const struct transform_info *i = transform_find(keys->integ);

	return keys->encr_key.n == e->key_len && keys->integ_key.n == (i ? i->key_len : 0);
}

enum esp_crypto_err esp_crypto_new(struct esp_provider *p, const struct esp_crypto_keys *keys,
    bool sealing, struct esp_crypto **out)
{
	struct esp_shape shape;
	enum esp_crypto_err err = esp_shape_of(keys->encr, keys->integ, &shape);

	*out = NULL;
	if (err != ESP_CRYPTO_OK) {
		return err;
	}
	if (!keys_fit(keys)) {
		return ESP_CRYPTO_KEY;
	}
	struct esp_crypto *c = calloc(1, sizeof *c);
	if (!c) {
		return ESP_CRYPTO_NOMEM;
	}
	c->shape = shape;
	err = crypto_init(c, p, keys, sealing);
	if (err != ESP_CRYPTO_OK) {
		esp_crypto_free(c);
		return err;
	}
	*out = c;
	return ESP_CRYPTO_OK;
}

void esp_crypto_free(struct esp_crypto *c)
{
	if (!c) {
		return;
	}
	EVP_CIPHER_CTX_free(c->ctx);
	esp_hmac_free(c->hmac);
	secret_wipe(c, sizeof *c);
	free(c);
}

/* How many jobs, from the first one on, go the same way. */
static size_t run_length(const struct esp_job *jobs, size_t n)
{
	size_t end = 1;

	while (end < n && jobs[end].crypto->ops == jobs[0].crypto->ops) {
		end++;
	}
	return end;
}

void esp_crypto_seal(struct esp_job *jobs, size_t n)
{
	for (size_t at = 0, run; at < n; at += run) {
		run = run_length(jobs + at, n - at);
		jobs[at].crypto->ops->seal(jobs + at, run);
	}
}

void esp_crypto_open(struct esp_job *jobs, size_t n)
{
	for (size_t at = 0, run; at < n; at += run) {
		run = run_length(jobs + at, n - at);
		jobs[at].crypto->ops->open(jobs + at, run);
	}
}

static bool can_encr(struct ossl_lib_ctx_st *libctx, struct transform t)
{
	size_t i = cipher_index(t);

	if (i == CIPHERS || !ciphers[i].name) {
		return i < CIPHERS;
	}
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, ciphers[i].name, NULL);
	bool found = cipher != NULL;

	ERR_clear_error();
	EVP_CIPHER_free(cipher);
	return found;
}

bool esp_crypto_can(struct ossl_lib_ctx_st *libctx, struct transform t)
{
	const struct transform_info *info = transform_find(t);

	if (!info || !(info->flags & TRANSFORM_ESP)) {
		return false;
	}
	switch ((enum transform_type)t.type) {
	case TRANSFORM_ENCR: return can_encr(libctx, t);
	case TRANSFORM_INTEG: return t.id == INTEG_NONE || esp_hmac_knows(t.id);
	case TRANSFORM_SN: return true;
	case TRANSFORM_PRF:
	case TRANSFORM_KE: break;
	}
	return false;
}

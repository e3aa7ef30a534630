/*
 * OpenSSL's cipher contexts: of their own, and spare ones. No call on the packet path allocates: a
 * context keeps its cipher for life, and only the key in it changes.
 */
#include "esp/crypto/keyed.h"
#include "base/secret.h"
#include "esp/crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

/* CCM wants to know the lengths of nonce and tag beforehand. */
static bool set_lengths(const struct esp_keyed *k, EVP_CIPHER_CTX *ctx)
{
	size_t nonce = k->nonce_len;
	OSSL_PARAM lengths[] = {
	    OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &nonce),
	    OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, k->tag_len),
	    OSSL_PARAM_construct_end(),
	};

	return EVP_CIPHER_CTX_set_params(ctx, lengths) == 1;
}

static bool set_key(const struct esp_keyed *k, EVP_CIPHER_CTX *ctx)
{
	if ((k->tag_len == 0 || set_lengths(k, ctx)) &&
	    EVP_CipherInit_ex2(ctx, NULL, k->key, NULL, k->sealing, NULL) == 1) {
		return true;
	}
	ERR_clear_error();
	return false;
}

/* Without a key. ESP pads by itself; that is said to the cipher and not by
 * EVP_CIPHER_CTX_set_padding, which says it again with every IV. */
static EVP_CIPHER_CTX *context_new(const EVP_CIPHER *cipher)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned none = 0;
	OSSL_PARAM padding[] = {
	    OSSL_PARAM_construct_uint(OSSL_CIPHER_PARAM_PADDING, &none),
	    OSSL_PARAM_construct_end(),
	};

	if (ctx && EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, 1, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_params(ctx, padding) == 1) {
		return ctx;
	}
	ERR_clear_error();
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/* ---- Spare contexts ---- */

static bool spares_new(struct esp_source *s)
{
	size_t n = (size_t)s->stock->workers * ESP_SPARES;

	s->spares = calloc(n, sizeof *s->spares);
	for (size_t i = 0; s->spares && i < n; i++) {
		s->spares[i].ctx = context_new(s->cipher);
		if (!s->spares[i].ctx) {
			return false;
		}
	}
	return s->spares != NULL;
}

static void spares_free(struct esp_source *s)
{
	for (size_t i = 0; s->spares && i < (size_t)s->stock->workers * ESP_SPARES; i++) {
		EVP_CIPHER_CTX_free(s->spares[i].ctx);
	}
	free(s->spares);
	s->spares = NULL;
}

void esp_source_fini(struct esp_source *s)
{
	spares_free(s);
	EVP_CIPHER_free(s->cipher);
	s->cipher = NULL;
}

/* The one place for a key. Numbers that follow each other, or every second or fourth of them, are
 * spread by the multiplication with 2^64 divided by the golden ratio. */
static struct esp_spare *spare_of(const struct esp_keyed *k, const struct esp_crypto_worker *w)
{
	uint64_t at = k->id * UINT64_C(0x9e3779b97f4a7c15) >> (64 - ESP_SPARES_SHIFT);

	return &k->source->spares[(size_t)(w->number - 1) * ESP_SPARES + at];
}

static EVP_CIPHER_CTX *borrow(struct esp_keyed *k, struct esp_crypto_worker *w)
{
	struct esp_spare *s = spare_of(k, w);

	if (s->id == k->id) {
		return s->ctx;
	}
	atomic_store_explicit(&k->lent, true, memory_order_relaxed);
	if (s->id == 0) {
		s->next = w->in_use;
		w->in_use = s;
	}
	s->id = k->id;
	if (set_key(k, s->ctx)) {
		return s->ctx;
	}
	s->id = UINT64_MAX; /* some half of a key: nobody's, and to be forgotten */
	return NULL;
}

/* A key of zeros covers whatever stood there. */
void esp_crypto_forget(struct esp_crypto_worker *w)
{
	static const uint8_t zero[ESP_CIPHER_KEY_MAX];

	w->gone = atomic_load_explicit(w->stock_gone, memory_order_relaxed);
	while (w->in_use) {
		struct esp_spare *s = w->in_use;
		if (EVP_CipherInit_ex2(s->ctx, NULL, zero, NULL, -1, NULL) != 1) {
			ERR_clear_error();
		}
		s->id = 0;
		w->in_use = s->next;
	}
}

/* ---- Those of SAs ---- */

EVP_CIPHER_CTX *esp_keyed_other(struct esp_keyed *k, struct esp_crypto_worker *w)
{
	uint32_t nobody = 0;

	if (k->ctx && atomic_compare_exchange_strong_explicit(&k->home, &nobody, w->number,
			  memory_order_relaxed, memory_order_relaxed)) {
		return k->ctx;
	}
	return borrow(k, w);
}

enum esp_crypto_err esp_keyed_init(
    struct esp_keyed *k, struct esp_source *source, struct bytes key, bool own)
{
	bool spares = !own || source->stock->workers > 1;

	k->source = source;
	k->id = ++source->stock->ids;
	memcpy(k->key, key.p, key.n);
	if (spares && !source->spares && !spares_new(source)) {
		spares_free(source);
		return ESP_CRYPTO_NOMEM;
	}
	if (!own) {
		return ESP_CRYPTO_OK;
	}
	k->ctx = context_new(source->cipher);
	if (!k->ctx) {
		return ESP_CRYPTO_NOMEM;
	}
	return set_key(k, k->ctx) ? ESP_CRYPTO_OK : ESP_CRYPTO_FAILED;
}

void esp_keyed_fini(struct esp_keyed *k)
{
	if (atomic_load_explicit(&k->lent, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&k->source->stock->gone, 1, memory_order_relaxed);
	}
	EVP_CIPHER_CTX_free(k->ctx);
	secret_wipe(k, sizeof *k);
}

/*
 * Which transforms there are, fetched once per library context, and which engine makes contexts of
 * them. Shapes: RFC 4106 section 3, RFC 4309 section 3, RFC 4543 section 3, RFC 7634 section 2, RFC
 * 8750 section 4, RFC 3602 section 2, RFC 3686 section 3, RFC 2405 section 3, RFC 5529 section 2,
 * RFC 2410, RFC 4868 section 2.
 */
#include "esp/crypto/internal.h"
#include "esp/crypto/mb.h"
#include "base/secret.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum { PAD_ALIGN = 4 };

/* clang-format off */
static const struct {
	uint16_t id, key_bits;
	const char *name; /* OpenSSL's; NULL: no cipher */
} ciphers[] = {
	{ENCR_AES_GCM_16,            128, "AES-128-GCM"},
	{ENCR_AES_GCM_16,            192, "AES-192-GCM"},
	{ENCR_AES_GCM_16,            256, "AES-256-GCM"},
	{ENCR_AES_GCM_12,            128, "AES-128-GCM"},
	{ENCR_AES_GCM_12,            192, "AES-192-GCM"},
	{ENCR_AES_GCM_12,            256, "AES-256-GCM"},
	{ENCR_AES_GCM_8,             128, "AES-128-GCM"},
	{ENCR_AES_GCM_8,             192, "AES-192-GCM"},
	{ENCR_AES_GCM_8,             256, "AES-256-GCM"},
	{ENCR_AES_GCM_16_IIV,        128, "AES-128-GCM"},
	{ENCR_AES_GCM_16_IIV,        192, "AES-192-GCM"},
	{ENCR_AES_GCM_16_IIV,        256, "AES-256-GCM"},
	{ENCR_NULL_AUTH_AES_GMAC,    128, "AES-128-GCM"},
	{ENCR_NULL_AUTH_AES_GMAC,    192, "AES-192-GCM"},
	{ENCR_NULL_AUTH_AES_GMAC,    256, "AES-256-GCM"},
	{ENCR_AES_CCM_16,            128, "AES-128-CCM"},
	{ENCR_AES_CCM_16,            192, "AES-192-CCM"},
	{ENCR_AES_CCM_16,            256, "AES-256-CCM"},
	{ENCR_AES_CCM_12,            128, "AES-128-CCM"},
	{ENCR_AES_CCM_12,            192, "AES-192-CCM"},
	{ENCR_AES_CCM_12,            256, "AES-256-CCM"},
	{ENCR_AES_CCM_8,             128, "AES-128-CCM"},
	{ENCR_AES_CCM_8,             192, "AES-192-CCM"},
	{ENCR_AES_CCM_8,             256, "AES-256-CCM"},
	{ENCR_AES_CCM_8_IIV,         128, "AES-128-CCM"},
	{ENCR_AES_CCM_8_IIV,         192, "AES-192-CCM"},
	{ENCR_AES_CCM_8_IIV,         256, "AES-256-CCM"},
	{ENCR_CHACHA20_POLY1305,     0,   "ChaCha20-Poly1305"},
	{ENCR_CHACHA20_POLY1305_IIV, 0,   "ChaCha20-Poly1305"},
	{ENCR_AES_CBC,               128, "AES-128-CBC"},
	{ENCR_AES_CBC,               192, "AES-192-CBC"},
	{ENCR_AES_CBC,               256, "AES-256-CBC"},
	{ENCR_AES_CTR,               128, "AES-128-CTR"},
	{ENCR_AES_CTR,               192, "AES-192-CTR"},
	{ENCR_AES_CTR,               256, "AES-256-CTR"},
	{ENCR_CAMELLIA_CBC,          128, "CAMELLIA-128-CBC"},
	{ENCR_CAMELLIA_CBC,          192, "CAMELLIA-192-CBC"},
	{ENCR_CAMELLIA_CBC,          256, "CAMELLIA-256-CBC"},
	{ENCR_CAMELLIA_CTR,          128, "CAMELLIA-128-CTR"},
	{ENCR_CAMELLIA_CTR,          192, "CAMELLIA-192-CTR"},
	{ENCR_CAMELLIA_CTR,          256, "CAMELLIA-256-CTR"},
	{ENCR_3DES,                  0,   "DES-EDE3-CBC"},
	{ENCR_DES,                   0,   "DES-CBC"},
	{ENCR_NULL,                  0,   NULL},
};
/* clang-format on */

enum { CIPHERS = sizeof ciphers / sizeof ciphers[0] };

struct esp_provider {
	struct ossl_lib_ctx_st *libctx; /* borrowed */
	struct esp_source source[CIPHERS];
	struct esp_stock stock;
	struct esp_mb *mb;                 /* owned; NULL: OpenSSL does everything */
	struct esp_crypto_worker worker[]; /* written by the worker each is of */
};

struct esp_provider *esp_provider_new(
    struct ossl_lib_ctx_st *libctx, enum esp_engine engine, uint32_t workers)
{
	struct esp_provider *p = calloc(1, sizeof *p + workers * sizeof p->worker[0]);

	if (!p) {
		return NULL;
	}
	p->libctx = libctx;
	p->stock.workers = workers;
	for (size_t i = 0; i < CIPHERS; i++) {
		p->source[i].stock = &p->stock;
	}
	for (uint32_t i = 0; i < workers; i++) {
		p->worker[i].number = i + 1;
		p->worker[i].stock_gone = &p->stock.gone;
		p->worker[i].tag[0] =
		    OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, 0);
		p->worker[i].tag[1] = OSSL_PARAM_construct_end();
	}
	if (engine == ESP_ENGINE_IPSEC_MB || (engine == ESP_ENGINE_AUTO && esp_mb_worthwhile())) {
		p->mb = esp_mb_new(workers);
	}
	return p;
}

void esp_provider_free(struct esp_provider *p)
{
	if (!p) {
		return;
	}
	for (size_t i = 0; i < CIPHERS; i++) {
		esp_source_fini(&p->source[i]);
	}
	esp_mb_free(p->mb);
	free(p);
}

struct esp_crypto_worker *esp_provider_worker(struct esp_provider *p, uint32_t i)
{
	return &p->worker[i];
}

bool esp_provider_keys_gone(struct esp_provider *p)
{
	uint64_t told = p->stock.told;

	p->stock.told = atomic_load_explicit(&p->stock.gone, memory_order_relaxed);
	return p->stock.told != told;
}

void esp_crypto_tidy(struct esp_crypto_worker *w)
{
	if (w->gone != atomic_load_explicit(w->stock_gone, memory_order_relaxed)) {
		esp_crypto_forget(w);
	}
}

enum esp_engine esp_provider_engine(
    const struct esp_provider *p, struct transform encr, struct transform integ)
{
	return p->mb && esp_mb_does(encr, integ) ? ESP_ENGINE_IPSEC_MB : ESP_ENGINE_OPENSSL;
}

const char *esp_provider_ipsec_mb(void)
{
	return esp_mb_version();
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

/* NULL: this OpenSSL has it not. The legacy provider is loaded for DES alone, and goes with it. */
static EVP_CIPHER *fetch(struct ossl_lib_ctx_st *libctx, size_t i)
{
	OSSL_PROVIDER *legacy =
	    ciphers[i].id == ENCR_DES ? OSSL_PROVIDER_try_load(libctx, "legacy", 1) : NULL;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, ciphers[i].name, NULL);

	if (legacy) {
		OSSL_PROVIDER_unload(legacy); /* what was fetched keeps it alive */
	}
	ERR_clear_error();
	return cipher;
}

/* NULL: this OpenSSL has it not. */
static struct esp_source *source_get(struct esp_provider *p, size_t i)
{
	struct esp_source *s = &p->source[i];

	if (!s->cipher) {
		s->cipher = fetch(p->libctx, i);
	}
	return s->cipher ? s : NULL;
}

static bool mac_knows(uint16_t integ)
{
	return esp_hmac_knows(integ) || esp_cbc_mac_knows(integ);
}

enum esp_crypto_err esp_shape_of(
    struct transform encr, struct transform integ, struct esp_shape *out)
{
	const struct transform_info *e = transform_find(encr);
	const struct transform_info *i = transform_find(integ);
	bool has_integ = integ.type == TRANSFORM_INTEG && integ.id != INTEG_NONE;
	bool aead = e && (e->flags & TRANSFORM_AEAD);

	if (!e || cipher_index(encr) == CIPHERS || aead == has_integ ||
	    (has_integ && (!i || !mac_knows(integ.id)))) {
		return ESP_CRYPTO_UNSUPPORTED;
	}
	*out = (struct esp_shape){
	    .iv_len = (uint8_t)e->iv_len,
	    .icv_len = (uint8_t)(has_integ ? i->icv_len : e->icv_len),
	    .block = (uint8_t)e->block,
	    .align = (uint8_t)(e->block > PAD_ALIGN ? e->block : PAD_ALIGN),
	    .random_iv = e->block > 1, /* CBC */
	};
	return ESP_CRYPTO_OK;
}

void esp_crypto_base(
    struct esp_crypto *c, const struct esp_crypto_ops *ops, const struct esp_crypto_plan *plan)
{
	struct bytes key = esp_plan_key(plan);

	c->ops = ops;
	c->shape = plan->shape;
	c->esn = plan->keys->esn;
	c->salt_len = (uint8_t)plan->encr->salt_len;
	if (c->salt_len) {
		memcpy(c->salt, key.p + key.n, c->salt_len);
	}
}

static struct esp_mac *mac_new(struct esp_provider *p, const struct esp_crypto_plan *plan)
{
	const struct esp_crypto_keys *keys = plan->keys;
	static const struct transform cbc = {TRANSFORM_ENCR, ENCR_AES_CBC, 128};

	if (esp_hmac_knows(keys->integ.id)) {
		return esp_hmac_new(keys->integ.id, keys->integ_key);
	}
	struct esp_source *aes = source_get(p, cipher_index(cbc));
	return aes ? esp_cbc_mac_new(keys->integ.id, aes, keys->integ_key, plan->own) : NULL;
}

static enum esp_crypto_err openssl_new(
    struct esp_provider *p, const struct esp_crypto_plan *plan, struct esp_crypto **out)
{
	size_t row = cipher_index(plan->keys->encr);
	struct esp_source *cipher = ciphers[row].name ? source_get(p, row) : NULL;

	if (ciphers[row].name && !cipher) {
		return ESP_CRYPTO_UNSUPPORTED;
	}
	if (plan->encr->flags & TRANSFORM_AEAD) {
		return esp_aead_new(cipher, plan, out);
	}
	struct esp_mac *mac = mac_new(p, plan);
	return mac ? esp_cipher_mac_new(cipher, mac, plan, out) : ESP_CRYPTO_NOMEM;
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
	struct esp_crypto_plan plan = {
	    .keys = keys,
	    .encr = transform_find(keys->encr),
	    .sealing = sealing,
	};
	enum esp_crypto_err err = esp_shape_of(keys->encr, keys->integ, &plan.shape);

	*out = NULL;
	if (err != ESP_CRYPTO_OK) {
		return err;
	}
	if (!keys_fit(keys)) {
		return ESP_CRYPTO_KEY;
	}
	plan.own = esp_provider_engine(p, keys->encr, keys->integ) == ESP_ENGINE_OPENSSL;
	if (plan.own) {
		return openssl_new(p, &plan, out);
	}
	struct esp_crypto *single = NULL;
	if (esp_mb_wants_single(keys->encr)) {
		err = openssl_new(p, &plan, &single);
	}
	return err ? err : esp_mb_crypto_new(p->mb, &plan, single, out);
}

void esp_crypto_free(struct esp_crypto *c)
{
	if (c) {
		c->ops->free(c);
	}
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

void esp_crypto_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (size_t at = 0, run; at < n; at += run) {
		run = run_length(jobs + at, n - at);
		jobs[at].crypto->ops->seal(w, jobs + at, run);
	}
}

void esp_crypto_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (size_t at = 0, run; at < n; at += run) {
		run = run_length(jobs + at, n - at);
		jobs[at].crypto->ops->open(w, jobs + at, run);
	}
}

static bool can_encr(struct ossl_lib_ctx_st *libctx, struct transform t)
{
	size_t i = cipher_index(t);

	if (i == CIPHERS || !ciphers[i].name) {
		return i < CIPHERS;
	}
	EVP_CIPHER *cipher = fetch(libctx, i);
	bool found = cipher != NULL;

	EVP_CIPHER_free(cipher);
	return found;
}

static bool can_mac(struct ossl_lib_ctx_st *libctx, uint16_t integ)
{
	static const struct transform cbc = {TRANSFORM_ENCR, ENCR_AES_CBC, 128};

	return esp_hmac_knows(integ) || (esp_cbc_mac_knows(integ) && can_encr(libctx, cbc));
}

bool esp_crypto_can(struct ossl_lib_ctx_st *libctx, struct transform t)
{
	const struct transform_info *info = transform_find(t);

	if (!info || !(info->flags & TRANSFORM_ESP)) {
		return false;
	}
	switch ((enum transform_type)t.type) {
	case TRANSFORM_ENCR: return can_encr(libctx, t);
	case TRANSFORM_INTEG: return t.id == INTEG_NONE || can_mac(libctx, t.id);
	case TRANSFORM_SN: return true;
	case TRANSFORM_PRF:
	case TRANSFORM_KE: break;
	}
	return false;
}

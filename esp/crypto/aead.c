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
	struct esp_keyed keyed;
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

static uint8_t *text_of(const struct esp_job *j)
{
	return j->esp + ESP_HDR_LEN + j->crypto->shape.iv_len;
}

static EVP_CIPHER_CTX *context_of(struct esp_crypto_worker *w, const struct esp_job *j)
{
	return esp_keyed_for(&of(j->crypto)->keyed, w);
}

static bool set_nonce(EVP_CIPHER_CTX *ctx, const struct esp_job *j)
{
	uint8_t nonce[ESP_NONCE_MAX];

	esp_nonce_of(j->crypto, j->esp, j->seq_hi, nonce);
	return EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) == 1;
}

/* What is authenticated without being encrypted. */
static bool add_header(EVP_CIPHER_CTX *ctx, const struct esp_job *j)
{
	uint8_t room[ESP_AAD_MAX];
	struct bytes aad = esp_aad_of(j->crypto, j->esp, j->seq_hi, room);
	int out;

	return EVP_CipherUpdate(ctx, NULL, &out, aad.p, (int)aad.n) == 1;
}

/* Where the tag is, for get_params and set_params. */
static uint8_t *place_tag(struct esp_crypto_worker *w, const struct esp_job *j)
{
	uint8_t *end = text_of(j) + j->text_len;

	w->tag[0].data = end;
	w->tag[0].data_size = j->crypto->shape.icv_len;
	return end;
}

/* Text goes through the cipher, or beside it. */
typedef bool (*add_text_fn)(EVP_CIPHER_CTX *ctx, const struct esp_job *j);

static bool encrypted(EVP_CIPHER_CTX *ctx, const struct esp_job *j)
{
	uint8_t *text = text_of(j);
	int out;

	return EVP_CipherUpdate(ctx, text, &out, text, (int)j->text_len) == 1;
}

static bool bare(EVP_CIPHER_CTX *ctx, const struct esp_job *j)
{
	int out;

	return EVP_CipherUpdate(ctx, NULL, &out, j->esp + ESP_HDR_LEN,
		   (int)(j->crypto->shape.iv_len + j->text_len)) == 1;
}

static enum esp_crypto_err seal_one(
    struct esp_crypto_worker *w, const struct esp_job *j, add_text_fn add_text)
{
	EVP_CIPHER_CTX *ctx = context_of(w, j);
	uint8_t *end = place_tag(w, j);
	int out;

	if (!ctx || !set_nonce(ctx, j) || !add_header(ctx, j) || !add_text(ctx, j) ||
	    EVP_CipherFinal_ex(ctx, end, &out) != 1 ||
	    EVP_CIPHER_CTX_get_params(ctx, w->tag) != 1) {
		return failed();
	}
	return ESP_CRYPTO_OK;
}

static enum esp_crypto_err open_one(
    struct esp_crypto_worker *w, const struct esp_job *j, add_text_fn add_text)
{
	EVP_CIPHER_CTX *ctx = context_of(w, j);
	uint8_t *end = place_tag(w, j);
	int out;

	if (!ctx || !set_nonce(ctx, j) || !add_header(ctx, j) ||
	    EVP_CIPHER_CTX_set_params(ctx, w->tag) != 1 || !add_text(ctx, j)) {
		return failed();
	}
	if (EVP_CipherFinal_ex(ctx, end, &out) != 1) {
		ERR_clear_error();
		return ESP_CRYPTO_FORGED;
	}
	return ESP_CRYPTO_OK;
}

static void gcm_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(w, j, encrypted);
	}
}

static void gcm_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(w, j, encrypted);
	}
}

static void gmac_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = seal_one(w, j, bare);
	}
}

static void gmac_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = open_one(w, j, bare);
	}
}

/* ---- CCM: lengths come first, and opening says at once whether the tag is right ---- */

static bool ccm_begin(EVP_CIPHER_CTX *ctx, const struct esp_job *j)
{
	int out;

	return EVP_CipherUpdate(ctx, NULL, &out, NULL, (int)j->text_len) == 1 && add_header(ctx, j);
}

static enum esp_crypto_err ccm_seal_one(struct esp_crypto_worker *w, const struct esp_job *j)
{
	EVP_CIPHER_CTX *ctx = context_of(w, j);

	place_tag(w, j);
	bool ok = ctx && set_nonce(ctx, j) && ccm_begin(ctx, j) && encrypted(ctx, j) &&
		  EVP_CIPHER_CTX_get_params(ctx, w->tag) == 1;
	return ok ? ESP_CRYPTO_OK : failed();
}

static enum esp_crypto_err ccm_open_one(struct esp_crypto_worker *w, const struct esp_job *j)
{
	EVP_CIPHER_CTX *ctx = context_of(w, j);

	place_tag(w, j);
	if (!ctx || !set_nonce(ctx, j) || EVP_CIPHER_CTX_set_params(ctx, w->tag) != 1 ||
	    !ccm_begin(ctx, j)) {
		return failed();
	}
	if (!encrypted(ctx, j)) {
		ERR_clear_error();
		return ESP_CRYPTO_FORGED;
	}
	return ESP_CRYPTO_OK;
}

static void ccm_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = ccm_seal_one(w, j);
	}
}

static void ccm_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		j->err = ccm_open_one(w, j);
	}
}

/* ---- Contexts ---- */

static void aead_free(struct esp_crypto *c)
{
	struct aead *a = of(c);

	esp_keyed_fini(&a->keyed);
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

enum esp_crypto_err esp_aead_new(
    struct esp_source *cipher, const struct esp_crypto_plan *plan, struct esp_crypto **out)
{
	struct aead *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a) {
		return ESP_CRYPTO_NOMEM;
	}
	esp_crypto_base(&a->base, ops_of(plan->encr->t.id, cipher->cipher), plan);
	a->keyed.sealing = plan->sealing;
	if (a->base.ops == &ccm_ops) {
		a->keyed.nonce_len = (uint8_t)(a->base.salt_len + 8);
		a->keyed.tag_len = plan->shape.icv_len;
	}
	enum esp_crypto_err err = esp_keyed_init(&a->keyed, cipher, esp_plan_key(plan), plan->own);
	if (err) {
		aead_free(&a->base);
		return err;
	}
	*out = &a->base;
	return ESP_CRYPTO_OK;
}

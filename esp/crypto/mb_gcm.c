/*
 * AES-GCM (RFC 4106) and GMAC (RFC 4543) by ipsec-mb, one direct call per packet: a single packet
 * fills the pipeline of this mode, so there is nothing to gain from lanes. What a context has is
 * only read by packets.
 */
#include "esp/crypto/mb_internal.h"
#include "base/secret.h"

#include <stdlib.h>

struct mb_gcm {
	struct esp_crypto base;
	aes_gcm_enc_dec_t run;
	aes_gmac_init_t mac_init; /* GMAC */
	aes_gmac_update_t mac_update;
	aes_gmac_finalize_t mac_end;
	alignas(ESP_MB_ALIGN) struct gcm_key_data key;
};

bool esp_mb_gcm_does(struct transform encr)
{
	switch (encr.id) {
	case ENCR_AES_GCM_16:
	case ENCR_AES_GCM_12:
	case ENCR_AES_GCM_8:
	case ENCR_AES_GCM_16_IIV:
	case ENCR_NULL_AUTH_AES_GMAC: return true;
	default: return false;
	}
}

static struct mb_gcm *of(struct esp_crypto *c)
{
	return (struct mb_gcm *)c;
}

/* The ICV goes to `tag`. */
static void crypt_one(
    const struct esp_job *j, struct gcm_context_data *ctx, uint8_t tag[IMB_MAX_TAG_LEN])
{
	struct mb_gcm *g = of(j->crypto);
	uint8_t nonce[ESP_NONCE_MAX], room[ESP_AAD_MAX];
	struct bytes aad = esp_aad_of(&g->base, j->esp, j->seq_hi, room);
	uint8_t *text = j->esp + ESP_HDR_LEN + g->base.shape.iv_len;

	esp_nonce_of(&g->base, j->esp, j->seq_hi, nonce);
	g->run(
	    &g->key, ctx, text, text, j->text_len, nonce, aad.p, aad.n, tag, g->base.shape.icv_len);
}

static uint8_t *icv_of(const struct esp_job *j)
{
	return j->esp + ESP_HDR_LEN + j->crypto->shape.iv_len + j->text_len;
}

static enum esp_crypto_err verdict(const struct esp_job *j, const uint8_t *tag)
{
	size_t len = j->crypto->shape.icv_len;

	return secret_equal(bytes_of(tag, len), bytes_of(icv_of(j), len)) ? ESP_CRYPTO_OK
									  : ESP_CRYPTO_FORGED;
}

static void gcm_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	struct gcm_context_data ctx;

	(void)w;
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		crypt_one(j, &ctx, icv_of(j));
		j->err = ESP_CRYPTO_OK;
	}
	secret_wipe(&ctx, sizeof ctx);
}

static void gcm_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	struct gcm_context_data ctx;
	uint8_t tag[IMB_MAX_TAG_LEN];

	(void)w;
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		crypt_one(j, &ctx, tag);
		j->err = verdict(j, tag);
	}
	secret_wipe(&ctx, sizeof ctx);
}

/* IV and text are authenticated, nothing is encrypted. The ICV goes to `tag`. */
static void mac_one(
    const struct esp_job *j, struct gcm_context_data *ctx, uint8_t tag[IMB_MAX_TAG_LEN])
{
	struct mb_gcm *g = of(j->crypto);
	uint8_t nonce[ESP_NONCE_MAX], room[ESP_AAD_MAX];
	struct bytes aad = esp_aad_of(&g->base, j->esp, j->seq_hi, room);

	g->mac_init(&g->key, ctx, nonce, esp_nonce_of(&g->base, j->esp, j->seq_hi, nonce));
	g->mac_update(&g->key, ctx, aad.p, aad.n);
	g->mac_update(
	    &g->key, ctx, j->esp + ESP_HDR_LEN, (uint64_t)g->base.shape.iv_len + j->text_len);
	g->mac_end(&g->key, ctx, tag, g->base.shape.icv_len);
}

static void gmac_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	struct gcm_context_data ctx;

	(void)w;
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		mac_one(j, &ctx, icv_of(j));
		j->err = ESP_CRYPTO_OK;
	}
	secret_wipe(&ctx, sizeof ctx);
}

static void gmac_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	struct gcm_context_data ctx;
	uint8_t tag[IMB_MAX_TAG_LEN];

	(void)w;
	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		mac_one(j, &ctx, tag);
		j->err = verdict(j, tag);
	}
	secret_wipe(&ctx, sizeof ctx);
}

static void gcm_free(struct esp_crypto *c)
{
	secret_wipe(c, sizeof(struct mb_gcm));
	free(c);
}

static const struct esp_crypto_ops gcm_ops = {gcm_seal, gcm_open, gcm_free};
static const struct esp_crypto_ops gmac_ops = {gmac_seal, gmac_open, gcm_free};

#define SET_KEY(bits)                                                       \
	do {                                                                \
		m->gcm##bits##_pre(key, &g->key);                           \
		g->run = sealing ? m->gcm##bits##_enc : m->gcm##bits##_dec; \
		g->mac_init = m->gmac##bits##_init;                         \
		g->mac_update = m->gmac##bits##_update;                     \
		g->mac_end = m->gmac##bits##_finalize;                      \
	} while (0)

static void set_key(IMB_MGR *m, struct mb_gcm *g, unsigned bits, const uint8_t *key, bool sealing)
{
	switch (bits) {
	case 128: SET_KEY(128); break;
	case 192: SET_KEY(192); break;
	default: SET_KEY(256); break;
	}
}

enum esp_crypto_err esp_mb_gcm_new(
    IMB_MGR *setup, const struct esp_crypto_plan *plan, struct esp_crypto **out)
{
	struct mb_gcm *g = aligned_alloc(ESP_MB_ALIGN, sizeof *g);

	*out = NULL;
	if (!g) {
		return ESP_CRYPTO_NOMEM;
	}
	memset(g, 0, sizeof *g);
	bool gmac = plan->encr->t.id == ENCR_NULL_AUTH_AES_GMAC;
	esp_crypto_base(&g->base, gmac ? &gmac_ops : &gcm_ops, plan);
	set_key(setup, g, plan->encr->t.key_bits, plan->keys->encr_key.p, plan->sealing);
	*out = &g->base;
	return ESP_CRYPTO_OK;
}

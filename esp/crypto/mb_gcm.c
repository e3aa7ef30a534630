/*
 * AES-GCM (RFC 4106) by ipsec-mb, one direct call per packet: a single packet fills the pipeline of
 * this mode, so there is nothing to gain from lanes.
 */
#include "esp/crypto/mb_internal.h"
#include "base/secret.h"

#include <stdalign.h>
#include <stdlib.h>

struct mb_gcm {
	struct esp_crypto base;
	aes_gcm_enc_dec_t run;
	alignas(ESP_MB_ALIGN) struct gcm_key_data key;
};

bool esp_mb_gcm_does(struct transform encr)
{
	return encr.id == ENCR_AES_GCM_16;
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

	esp_nonce_of(&g->base, j->esp, nonce);
	g->run(
	    &g->key, ctx, text, text, j->text_len, nonce, aad.p, aad.n, tag, g->base.shape.icv_len);
}

static uint8_t *icv_of(const struct esp_job *j)
{
	return j->esp + ESP_HDR_LEN + j->crypto->shape.iv_len + j->text_len;
}

static void gcm_seal(struct esp_job *jobs, size_t n)
{
	struct gcm_context_data ctx;

	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		crypt_one(j, &ctx, icv_of(j));
		j->err = ESP_CRYPTO_OK;
	}
	secret_wipe(&ctx, sizeof ctx);
}

static void gcm_open(struct esp_job *jobs, size_t n)
{
	struct gcm_context_data ctx;
	uint8_t tag[IMB_MAX_TAG_LEN];

	for (struct esp_job *j = jobs; j < jobs + n; j++) {
		size_t len = j->crypto->shape.icv_len;
		crypt_one(j, &ctx, tag);
		j->err = secret_equal(bytes_of(tag, len), bytes_of(icv_of(j), len))
			     ? ESP_CRYPTO_OK
			     : ESP_CRYPTO_FORGED;
	}
	secret_wipe(&ctx, sizeof ctx);
}

static void gcm_free(struct esp_crypto *c)
{
	secret_wipe(c, sizeof(struct mb_gcm));
	free(c);
}

static const struct esp_crypto_ops ops = {gcm_seal, gcm_open, gcm_free};

static void set_key(IMB_MGR *m, struct mb_gcm *g, const struct esp_crypto_plan *plan)
{
	const uint8_t *key = plan->keys->encr_key.p;

	switch (plan->encr->t.key_bits) {
	case 128:
		IMB_AES128_GCM_PRE(m, key, &g->key);
		g->run = plan->sealing ? m->gcm128_enc : m->gcm128_dec;
		break;
	case 192:
		IMB_AES192_GCM_PRE(m, key, &g->key);
		g->run = plan->sealing ? m->gcm192_enc : m->gcm192_dec;
		break;
	default:
		IMB_AES256_GCM_PRE(m, key, &g->key);
		g->run = plan->sealing ? m->gcm256_enc : m->gcm256_dec;
		break;
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
	esp_crypto_base(&g->base, &ops, plan);
	set_key(setup, g, plan);
	*out = &g->base;
	return ESP_CRYPTO_OK;
}

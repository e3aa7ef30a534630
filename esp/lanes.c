/*
 * What each worker has of an SA: its cipher context and its counters; and whose ciphers they are.
 */
#include "esp/internal.h"
#include "esp/sa.h"

#include <stdlib.h>
#include <string.h>

static enum esp_err err_of(enum esp_crypto_err e)
{
	switch (e) {
	case ESP_CRYPTO_OK: return ESP_OK;
	case ESP_CRYPTO_KEY: return ESP_EINVAL;
	case ESP_CRYPTO_NOMEM: return ESP_ENOMEM;
	case ESP_CRYPTO_FORGED:
	case ESP_CRYPTO_FAILED:
	case ESP_CRYPTO_UNSUPPORTED: break;
	}
	return ESP_EUNSUPPORTED;
}

void esp_lanes_free(struct esp_lane *lanes, uint32_t workers)
{
	for (uint32_t i = 0; lanes && i < workers; i++) {
		esp_crypto_free(lanes[i].crypto);
	}
	free(lanes);
}

enum esp_err esp_lanes_new(struct esp_provider *p, const struct esp_keys *keys, bool sealing,
    uint32_t workers, struct esp_lane **out)
{
	const struct esp_crypto_keys k = {
	    .encr = keys->encr,
	    .integ = keys->integ,
	    .encr_key = keys->encr_key,
	    .integ_key = keys->integ_key,
	    .esn = keys->esn,
	};
	struct esp_lane *lanes = aligned_alloc(ESP_CACHE_LINE, workers * sizeof *lanes);
	enum esp_crypto_err err = lanes ? ESP_CRYPTO_OK : ESP_CRYPTO_NOMEM;

	if (lanes) {
		memset(lanes, 0, workers * sizeof *lanes);
	}
	for (uint32_t i = 0; err == ESP_CRYPTO_OK && i < workers; i++) {
		err = esp_crypto_new(p, i, &k, sealing, &lanes[i].crypto);
	}
	if (err != ESP_CRYPTO_OK) {
		esp_lanes_free(lanes, workers);
		lanes = NULL;
	}
	*out = lanes;
	return err_of(err);
}

static uint64_t read_counter(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

void esp_lanes_sum(const struct esp_lane *lanes, uint32_t workers, struct esp_stats *out)
{
	*out = (struct esp_stats){0};
	for (uint32_t i = 0; i < workers; i++) {
		out->packets += read_counter(&lanes[i].packets);
		out->bytes += read_counter(&lanes[i].bytes);
		for (size_t v = 0; v < ESP_VERDICTS; v++) {
			out->drops[v] += read_counter(&lanes[i].drops[v]);
		}
	}
}

const char *esp_engine_of(struct esp *e, struct transform encr, struct transform integ)
{
	return esp_provider_engine(e->provider, encr, integ) == ESP_ENGINE_IPSEC_MB ? "ipsec-mb"
										    : "OpenSSL";
}

const char *esp_ipsec_mb(void)
{
	return esp_provider_ipsec_mb();
}

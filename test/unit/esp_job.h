/*
 * The cryptography of one packet, for tests that seal and open by themselves.
 */
#ifndef TEST_UNIT_ESP_JOB_H
#define TEST_UNIT_ESP_JOB_H

#include "esp/crypto/crypto.h"

static inline enum esp_crypto_err seal_one(
    struct esp_provider *p, struct esp_crypto *c, uint8_t *esp, size_t text_len, uint32_t seq_hi)
{
	struct esp_job job = {c, esp, (uint32_t)text_len, seq_hi, ESP_CRYPTO_NOMEM};

	esp_crypto_seal(esp_provider_worker(p, 0), &job, 1);
	return job.err;
}

static inline enum esp_crypto_err open_one(
    struct esp_provider *p, struct esp_crypto *c, uint8_t *esp, size_t text_len, uint32_t seq_hi)
{
	struct esp_job job = {c, esp, (uint32_t)text_len, seq_hi, ESP_CRYPTO_NOMEM};

	esp_crypto_open(esp_provider_worker(p, 0), &job, 1);
	return job.err;
}

#endif

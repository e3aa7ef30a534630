/*
 * A build without ipsec-mb: OpenSSL does everything.
 */
#include "esp/crypto/mb.h"

const char *esp_mb_version(void)
{
	return NULL;
}

bool esp_mb_worthwhile(void)
{
	return false;
}

struct esp_mb *esp_mb_new(uint32_t workers)
{
	(void)workers;
	return NULL;
}

void esp_mb_free(struct esp_mb *mb)
{
	(void)mb;
}

bool esp_mb_does(struct transform encr, struct transform integ)
{
	(void)encr;
	(void)integ;
	return false;
}

bool esp_mb_wants_single(struct transform encr)
{
	(void)encr;
	return false;
}

enum esp_crypto_err esp_mb_crypto_new(struct esp_mb *mb, const struct esp_crypto_plan *plan,
    struct esp_crypto *single, struct esp_crypto **out)
{
	(void)mb;
	(void)plan;
	esp_crypto_free(single);
	*out = NULL;
	return ESP_CRYPTO_UNSUPPORTED;
}

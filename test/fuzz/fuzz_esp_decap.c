/*
 * What comes in as ESP. First byte: the suite, and whether the rest is a raw packet or text that is
 * sealed with the right key, so that what stands behind the lock is reached: padding, trailer,
 * inner headers, selectors.
 */
#include "esp/crypto/crypto.h"
#include "test/unit/esp_job.h"
#include "test/unit/esp_pair.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { TEXT_MAX = 2048 };

static void put_raw(struct pair *p, const uint8_t *data, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct pkt pkt = {.base = exact, .cap = (uint32_t)n, .len = (uint32_t)n};

	memcpy(exact, data, n);
	if (n >= 4)
		be32_store(exact, p->spi); /* else nothing gets past the look-up */
	pair_decap(p, &pkt);
	if (pkt.verdict == ESP_V_OK)
		abort(); /* nobody guesses a key */
	free(exact);
}

static void put_sealed(struct pair *p, size_t suite, bool esn, const uint8_t *data, size_t n)
{
	static uint64_t seq; /* the pair is new each time: it may start anywhere */
	struct esp_keys k = pair_keys(suite, esn);
	struct esp_crypto_keys keys = {k.encr, k.integ, k.encr_key, k.integ_key, esn};
	struct esp_provider *provider = esp_provider_new(NULL, ESP_ENGINE_AUTO, 1);
	struct esp_crypto *c;
	struct esp_shape s;

	if (esp_shape_of(k.encr, k.integ, &s) ||
	    esp_crypto_new(provider, 0, &keys, true, &c) != ESP_CRYPTO_OK)
		abort();
	n -= n % s.align;
	size_t front = ESP_HDR_LEN + (size_t)s.iv_len, all = front + n + s.icv_len;
	uint8_t *exact = calloc(1, all);
	seq = seq % 1000 + 1;
	be32_store(exact, p->spi);
	be32_store(exact + 4, (uint32_t)seq);
	memcpy(exact + front, data, n);
	if (n && seal_one(c, exact, n, 0) == ESP_CRYPTO_OK) {
		struct pkt pkt = {.base = exact, .cap = (uint32_t)all, .len = (uint32_t)all};
		enum esp_verdict v = pair_decap(p, &pkt);
		if (v == ESP_V_AUTH || (v == ESP_V_OK && pkt.len > n))
			abort();
	}
	free(exact);
	esp_crypto_free(c);
	esp_provider_free(provider);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pair_options o = {.window = 64};
	struct pair p;

	if (n < 1 || n > TEXT_MAX)
		return 0;
	o.suite = (data[0] & 0x3f) % pair_suites_n;
	o.esn = data[0] & 0x40;
	pair_init(&p, &o);
	if (data[0] & 0x80)
		put_sealed(&p, o.suite, o.esn, data + 1, n - 1);
	else
		put_raw(&p, data + 1, n - 1);
	pair_fini(&p);
	return 0;
}

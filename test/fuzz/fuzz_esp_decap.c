/*
 * What comes in as ESP. First byte: suite and mode, ESN, and whether the rest is a raw packet or
 * text that is sealed with the right key, so that what stands behind the lock is reached: padding,
 * trailer, inner headers, selectors, the header of transport mode with checksums to be repaired,
 * options of TCP.
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
	    esp_crypto_new(provider, &keys, true, &c) != ESP_CRYPTO_OK)
		abort();
	n -= n % s.align;
	size_t front = ESP_HDR_LEN + (size_t)s.iv_len, all = front + n + s.icv_len;
	uint8_t *exact = calloc(1, all);
	seq = seq % 1000 + 1;
	be32_store(exact, p->spi);
	be32_store(exact + 4, (uint32_t)seq);
	memcpy(exact + front, data, n);
	if (n && seal_one(provider, c, exact, n, 0) == ESP_CRYPTO_OK) {
		struct pkt pkt = {
		    .base = exact, .cap = (uint32_t)all, .len = (uint32_t)all, .tos = 3};
		enum esp_verdict v = pair_decap(p, &pkt);
		if (v == ESP_V_AUTH || (v == ESP_V_OK && pkt.off + pkt.len > all))
			abort();
	}
	free(exact);
	esp_crypto_free(c);
	esp_provider_free(provider);
}

/* Behind a NAT: neither address is the one that checksums were computed with. */
static void set_transport(struct pair_options *o, enum addr_family family)
{
	uint8_t ip[48];
	size_t len = family == ADDR_V4 ? 4 : 16, at = family == ADDR_V4 ? 12 : 8;
	struct addr src = {.family = (uint8_t)family}, dst = {.family = (uint8_t)family};

	pair_inner(ip, family, sizeof ip);
	memcpy(src.b, ip + at, len);
	memcpy(dst.b, ip + at + len, len);
	o->headers.mode = ESP_TRANSPORT;
	o->lenient_padding = true;
	o->transport =
	    (struct esp_transport){.sent_src = dst, .sent_dst = src, .src = src, .dst = dst};
}

/* The way back, whose size a SYN has to respect. */
static void set_way_back(struct pair *p, const struct pair_options *o)
{
	struct esp_out_params out = {.spi = 0x1234,
	    .headers = o->headers,
	    .keys = pair_keys(0, false),
	    .path = {.remote = {.addr = addr_v4(1)}, .mtu = 600}};
	struct esp_policy v[2] = {{.local = ts_any(ADDR_V4), .remote = ts_any(ADDR_V4)},
	    {.local = ts_any(ADDR_V6), .remote = ts_any(ADDR_V6)}};
	uint32_t slot;

	if (esp_out_add(p->right, &out, &slot) != ESP_OK)
		abort();
	v[0].slot = v[1].slot = slot; /* ESP_PROTECT */
	if (esp_spd_set(p->right, v, 2) != ESP_OK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pair_options o = {.window = 64, .headers = {.ecn = true, .dscp_in = true}};
	struct pair p;

	if (n < 1 || n > TEXT_MAX)
		return 0;
	o.suite = (data[0] & 0x3f) % pair_suites_n;
	size_t mode = (data[0] & 0x3f) / pair_suites_n;
	if (mode > 0)
		set_transport(&o, mode == 1 ? ADDR_V4 : ADDR_V6);
	o.esn = data[0] & 0x40;
	pair_init(&p, &o);
	set_way_back(&p, &o);
	if (data[0] & 0x80)
		put_sealed(&p, o.suite, o.esn, data + 1, n - 1);
	else
		put_raw(&p, data + 1, n - 1);
	pair_fini(&p);
	return 0;
}

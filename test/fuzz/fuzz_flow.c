/*
 * Inner headers. The input is a packet: what selectors see of it must lie within it and depend on
 * nothing behind its stated length; with addresses that the policy knows it is sealed and opened,
 * and must come out as it went in.
 */
#include "esp/flow.h"
#include "test/unit/esp_pair.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX = 4096 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool same(const struct esp_flow *a, const struct esp_flow *b)
{
	return a->src.hi == b->src.hi && a->src.lo == b->src.lo && a->dst.hi == b->dst.hi &&
	       a->dst.lo == b->dst.lo && a->total == b->total && a->family == b->family &&
	       a->proto == b->proto && a->has_ports == b->has_ports && a->sport == b->sport &&
	       a->dport == b->dport;
}

/* False: not a packet. */
static bool look(struct esp_flow *f, const uint8_t *p, size_t n)
{
	struct ts_flow flow;
	struct esp_flow cut;
	bool ok = esp_flow_read(f, p, n);

	require(esp_flow_of(bytes_of(p, n), &flow) == ok);
	if (!ok)
		return false;
	bool v4 = f->family == ADDR_V4;
	require((v4 || f->family == ADDR_V6) && f->total <= n && f->total >= (v4 ? 20 : 40));
	require(flow.src.family == f->family && flow.dst.family == f->family);
	require(memcmp(flow.src.b, p + (v4 ? 12 : 8), v4 ? 4 : 16) == 0);
	require(memcmp(flow.dst.b, p + (v4 ? 16 : 24), v4 ? 4 : 16) == 0);
	require(flow.proto == f->proto && flow.has_ports == f->has_ports);
	require(flow.sport == f->sport && flow.dport == f->dport);
	require(f->has_ports || (f->sport == 0 && f->dport == 0));
	/* What is behind the packet's end does not matter; less is no packet. */
	uint8_t *exact = malloc(f->total);
	require(exact);
	memcpy(exact, p, f->total);
	require(esp_flow_read(&cut, exact, f->total) && same(f, &cut));
	require(!esp_flow_read(&cut, exact, f->total - 1));
	free(exact);
	return true;
}

static void set_addresses(uint8_t *p)
{
	if (p[0] >> 4 == 4) {
		be16_store(p + 12, 0x0a01);
		be16_store(p + 16, 0x0a02);
		return;
	}
	be64_store(p + 8, 0xfd00000100000000);
	be64_store(p + 24, 0xfd00000200000000);
}

static void there(const struct esp_flow *f, const uint8_t *data, size_t n)
{
	static uint8_t was[MAX];
	struct pair_options o = {.window = 64, .suite = data[n - 1] % pair_suites_n};
	uint32_t cap = PKT_HEADROOM + (uint32_t)n + PKT_TAILROOM;
	uint8_t *buf = malloc(cap);
	struct pkt p = {.base = buf, .cap = cap, .off = PKT_HEADROOM, .len = (uint32_t)n};
	struct pair pair;

	require(buf);
	pair_init(&pair, &o);
	memcpy(buf + PKT_HEADROOM, data, n);
	set_addresses(buf + PKT_HEADROOM);
	memcpy(was, buf + PKT_HEADROOM, n);
	require(pair_encap(&pair, &p) == ESP_V_OK);
	require(p.off + p.len <= cap && p.len > f->total);
	require(pair_decap(&pair, &p) == ESP_V_OK);
	require(p.len == f->total && memcmp(p.base + p.off, was, p.len) == 0);
	pair_fini(&pair);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct esp_flow f;
	uint8_t *exact;

	if (n > MAX)
		return 0;
	exact = malloc(n ? n : 1);
	require(exact);
	memcpy(exact, data, n);
	if (look(&f, exact, n))
		there(&f, exact, n);
	free(exact);
	return 0;
}

/*
 * Two ends of an ESP tunnel in memory.
 */
#include "test/unit/esp_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GCM(bits)                                     \
	{                                             \
		TRANSFORM_ENCR, ENCR_AES_GCM_16, bits \
	}
#define CBC(bits)                                  \
	{                                          \
		TRANSFORM_ENCR, ENCR_AES_CBC, bits \
	}
#define HMAC(n)                                         \
	{                                               \
		TRANSFORM_INTEG, INTEG_HMAC_SHA2_##n, 0 \
	}

#define ENCR(id, bits)                          \
	{                                       \
		TRANSFORM_ENCR, ENCR_##id, bits \
	}
#define INTEG(id)                              \
	{                                      \
		TRANSFORM_INTEG, INTEG_##id, 0 \
	}

const struct pair_suite pair_suites[] = {
    {"aes128gcm16", GCM(128), {0, 0, 0}},
    {"aes256gcm16", GCM(256), {0, 0, 0}},
    {"chacha20poly1305", {TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0}, {0, 0, 0}},
    {"aes128-sha256", CBC(128), HMAC(256_128)},
    {"null-sha256", {TRANSFORM_ENCR, ENCR_NULL, 0}, HMAC(256_128)},
    {"aes192gcm16", GCM(192), {0, 0, 0}},
    {"aes256-sha384", CBC(256), HMAC(384_192)},
    {"aes192-sha512", CBC(192), HMAC(512_256)},
    {"null-sha512", {TRANSFORM_ENCR, ENCR_NULL, 0}, HMAC(512_256)},
    {"aes128gcm8", ENCR(AES_GCM_8, 128), {0, 0, 0}},
    {"aes256gcm16iiv", ENCR(AES_GCM_16_IIV, 256), {0, 0, 0}},
    {"chacha20poly1305iiv", ENCR(CHACHA20_POLY1305_IIV, 0), {0, 0, 0}},
    {"aes128ccm16", ENCR(AES_CCM_16, 128), {0, 0, 0}},
    {"aes192ccm12", ENCR(AES_CCM_12, 192), {0, 0, 0}},
    {"aes128gmac", ENCR(NULL_AUTH_AES_GMAC, 128), {0, 0, 0}},
    {"aes128ctr-sha256", ENCR(AES_CTR, 128), HMAC(256_128)},
    {"aes128-aesxcbc", CBC(128), INTEG(AES_XCBC_96)},
    {"aes128-aescmac", CBC(128), INTEG(AES_CMAC_96)},
    {"aes128-sha1", CBC(128), INTEG(HMAC_SHA1_96)},
    {"camellia256-sha512", ENCR(CAMELLIA_CBC, 256), HMAC(512_256)},
    {"3des-sha1", ENCR(3DES, 0), INTEG(HMAC_SHA1_96)},
};
const size_t pair_suites_n = sizeof pair_suites / sizeof pair_suites[0];

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "ESP pair: %s\n", what);
		abort();
	}
}

struct esp_keys pair_keys(size_t suite, bool esn)
{
	static uint8_t material[128];
	const struct pair_suite *s = &pair_suites[suite];
	const struct transform_info *e = transform_find(s->encr), *i = transform_find(s->integ);

	for (size_t k = 0; k < sizeof material; k++)
		material[k] = (uint8_t)(k * 7 + 1);
	return (struct esp_keys){
	    .encr = s->encr,
	    .integ = s->integ,
	    .encr_key = bytes_of(material, e->key_len),
	    .integ_key = bytes_of(material + 48, s->integ.type ? i->key_len : 0),
	    .esn = esn,
	};
}

static struct ts_list nets(const char *v4, const char *v6)
{
	struct ts_list l = {0};
	struct ts t;

	must(ts_parse(&t, v4) && ts_list_add(&l, &t), "a selector");
	must(ts_parse(&t, v6) && ts_list_add(&l, &t), "a selector");
	return l;
}

static void set_policies(struct pair *p, const struct ts_list *here, const struct ts_list *there)
{
	struct esp_policy v[TS_MAX];

	must(here->n == there->n, "selectors");
	for (size_t i = 0; i < here->n; i++)
		v[i] = (struct esp_policy){.action = ESP_PROTECT,
		    .slot = p->slot,
		    .local = here->v[i],
		    .remote = there->v[i]};
	must(esp_spd_set(p->left, v, here->n) == ESP_OK, "policies");
}

void pair_init(struct pair *p, const struct pair_options *o)
{
	struct esp_params params = {.slots = 64, .workers = 1, .engine = o->engine};
	struct ts_list here = o->here ? *o->here : nets("10.1.0.0/16", "fd00:1::/64");
	struct ts_list there = o->there ? *o->there : nets("10.2.0.0/16", "fd00:2::/64");

	*p = (struct pair){.left = esp_new(&params), .right = esp_new(&params)};
	must(p->left && p->right, "no data plane");
	p->spi = esp_spi_get(p->right);
	struct esp_in_params in = {.spi = p->spi,
	    .headers = o->headers,
	    .transport = o->transport,
	    .lenient_padding = o->lenient_padding,
	    .keys = pair_keys(o->suite, o->esn),
	    .replay_window = o->window,
	    .local_ts = &there,
	    .remote_ts = &here,
	    .life = o->in_life,
	    .first_seq = o->first_seq};
	must(esp_in_add(p->right, &in) == ESP_OK, "inbound SA");
	struct esp_out_params out = {.spi = p->spi,
	    .headers = o->headers,
	    .tfc_padding = o->tfc_padding,
	    .keys = pair_keys(o->suite, o->esn),
	    .life = o->out_life,
	    .path = o->path,
	    .first_seq = o->first_seq + o->lost};
	must(esp_out_add(p->left, &out, &p->slot) == ESP_OK, "outbound SA");
	set_policies(p, &here, &there);
	p->lw = esp_worker_get(p->left, 0);
	p->rw = esp_worker_get(p->right, 0);
}

void pair_fini(struct pair *p)
{
	esp_free(p->left);
	esp_free(p->right);
}

void pair_inner(uint8_t *p, enum addr_family family, size_t n)
{
	size_t header = family == ADDR_V4 ? 20 : 40;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 31 + n);
	memset(p, 0, n < header ? n : header);
	if (family == ADDR_V4) {
		p[0] = 0x45;
		be16_store(p + 2, (uint16_t)n);
		p[8] = 64;
		p[9] = n >= 28 ? TS_PROTO_UDP : 253;
		be32_store(p + 12, 0x0a010203);
		be32_store(p + 16, 0x0a020304);
		return;
	}
	p[0] = 0x60;
	be16_store(p + 4, (uint16_t)(n - 40));
	p[6] = n >= 48 ? TS_PROTO_UDP : TS_PROTO_ICMPV6 + 195; /* 253: an experiment's */
	p[7] = 64;
	be32_store(p + 8, 0xfd000001);
	be32_store(p + 24, 0xfd000002);
	p[23] = 3;
	p[39] = 4;
}

struct pkt pair_packet(uint8_t *buf, enum addr_family family, size_t n)
{
	must(n <= 9216, "a packet is too big");
	pair_inner(buf + PKT_HEADROOM, family, n);
	return (struct pkt){.base = buf, .cap = PAIR_BUF, .off = PKT_HEADROOM, .len = (uint32_t)n};
}

/* RFC 1071: the sum of all words, an odd byte as if a zero stood behind it. */
static uint32_t add_words(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

struct l4 {
	size_t at, len, field; /* field: of the checksum; 0: none */
	uint32_t pseudo;
	uint8_t proto;
};

static struct l4 l4_of(const uint8_t *ip)
{
	bool v6 = ip[0] >> 4 == 6;
	size_t total = v6 ? 40u + be16_load(ip + 4) : be16_load(ip + 2);
	struct l4 l = {.at = v6 ? 40 : (size_t)(ip[0] & 15) * 4, .proto = ip[v6 ? 6 : 9]};

	l.len = total - l.at;
	if (l.proto != TS_PROTO_ICMP)
		l.pseudo = add_words((uint32_t)l.len + l.proto, ip + (v6 ? 8 : 12), v6 ? 32 : 8);
	switch (l.proto) {
	case TS_PROTO_TCP: l.field = l.at + 16; break;
	case TS_PROTO_UDP: l.field = l.at + 6; break;
	case TS_PROTO_ICMP:
	case TS_PROTO_ICMPV6: l.field = l.at + 2; break;
	default: break;
	}
	return l;
}

void pair_set_sums(uint8_t *ip)
{
	struct l4 l = l4_of(ip);

	if (ip[0] >> 4 == 4) {
		be16_store(ip + 10, 0);
		be16_store(ip + 10, (uint16_t)~fold(add_words(0, ip, l.at)));
	}
	if (l.field && l.field + 2 <= l.at + l.len) {
		be16_store(ip + l.field, 0);
		uint16_t sum = (uint16_t)~fold(add_words(l.pseudo, ip + l.at, l.len));
		be16_store(ip + l.field, sum == 0 && l.proto == TS_PROTO_UDP ? UINT16_MAX : sum);
	}
}

bool pair_sums_are_right(const uint8_t *ip)
{
	struct l4 l = l4_of(ip);

	if (ip[0] >> 4 == 4 && fold(add_words(0, ip, l.at)) != UINT16_MAX)
		return false;
	if (!l.field || l.field + 2 > l.at + l.len)
		return true;
	return fold(add_words(l.pseudo, ip + l.at, l.len)) == UINT16_MAX;
}

enum esp_verdict pair_encap(struct pair *p, struct pkt *pkt)
{
	esp_worker_enter(p->lw);
	esp_encap(p->lw, pkt, 1);
	esp_worker_leave(p->lw);
	return (enum esp_verdict)pkt->verdict;
}

enum esp_verdict pair_decap(struct pair *p, struct pkt *pkt)
{
	esp_worker_enter(p->rw);
	esp_decap(p->rw, pkt, 1);
	esp_worker_leave(p->rw);
	return (enum esp_verdict)pkt->verdict;
}

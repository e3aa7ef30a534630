/*
 * Sizes: RFC 4301 section 8.2, RFC 4303 section 2.4, RFC 9293 section 3.2 (options of TCP), RFC
 * 6691 (what an MSS counts).
 */
#include "esp/mtu.h"
#include "base/bytes.h"
#include "esp/header.h"

enum {
	V6_LEAST = 1280,
	TCP_LEN = 20,
	TCP_CSUM_AT = 16,
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_MSS_LEN = 4,
};

uint32_t esp_mtu_fits(const struct esp_shape *s, const struct esp_path *path, uint32_t mtu)
{
	uint32_t around = path->remote.addr.family == ADDR_V6 ? ESP_V6_LEN : ESP_V4_LEN;

	around += path->udp_encap ? ESP_UDP_LEN : 0;
	around += (uint32_t)ESP_HDR_LEN + s->iv_len + s->icv_len;
	if (mtu < around) {
		return 0;
	}
	uint32_t text = (mtu - around) / s->align * s->align;
	return text < ESP_TRAILER_LEN ? 0 : text - ESP_TRAILER_LEN;
}

uint32_t esp_mtu_floor(uint32_t mtu, bool v6)
{
	uint32_t least = v6 ? V6_LEAST : ESP_V4_LEAST;

	return mtu < least ? least : mtu;
}

/* Offset of the MSS option's value; 0: there is none. Options in [at, end). */
static uint32_t find_mss(const uint8_t *ip, uint32_t at, uint32_t end)
{
	while (at < end && ip[at] != OPT_END) {
		if (ip[at] == OPT_NOP) {
			at++;
			continue;
		}
		if (end - at < 2 || ip[at + 1] < 2 || ip[at + 1] > end - at) {
			return 0;
		}
		if (ip[at] == OPT_MSS) {
			return ip[at + 1] == OPT_MSS_LEN ? at + 2 : 0;
		}
		at += ip[at + 1];
	}
	return 0;
}

static uint16_t swapped(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

void esp_mtu_clamp(uint8_t *ip, const struct esp_flow *f, uint32_t mtu)
{
	uint32_t headers = (f->family == ADDR_V6 ? ESP_V6_LEN : ESP_V4_LEN) + (uint32_t)TCP_LEN;
	uint32_t left = f->total - f->l4;

	if (left < TCP_LEN || mtu <= headers || mtu - headers > UINT16_MAX) {
		return;
	}
	uint32_t len = (uint32_t)(ip[f->l4 + 12] >> 4) * 4;
	uint32_t at = len <= left ? find_mss(ip, f->l4 + TCP_LEN, f->l4 + len) : 0;
	if (at == 0 || be16_load(ip + at) <= mtu - headers) {
		return;
	}
	uint8_t *csum = ip + f->l4 + TCP_CSUM_AT;
	uint16_t old = be16_load(ip + at), now = (uint16_t)(mtu - headers);
	be16_store(ip + at, now);
	if ((at - f->l4) % 2) {
		/* Across two words of the sum: as if both had their bytes swapped. */
		old = swapped(old);
		now = swapped(now);
	}
	be16_store(csum, esp_csum_update(be16_load(csum), old, now));
}

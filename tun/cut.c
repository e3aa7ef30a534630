/*
 * Cuts an IPv4 packet into fragments: RFC 791 section 3.2 (the example procedure) and section 3.1
 * (options: the copied flag), RFC 6864 (the identification stays that of the packet).
 */
#include "tun/cut.h"

#include <string.h>

#include "tun/tun.h"

enum {
	V4_LEN = 20,
	FIELD_AT = 6,
	FIELD_DF = 0x4000,
	FIELD_MF = 0x2000,
	FIELD_FLAGS = 0xe000,
	FIELD_OFFSET = 0x1fff,
	UNIT = 8, /* bytes: offsets count these */
	PACKET_MAX = 65535,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_COPIED = 0x80,
};

/* Options that go into every fragment, and padding to whole words. What stands behind a malformed
 * one cannot be read: it stays in the first fragment alone. Returns the bytes written. */
static uint32_t copied_options(uint8_t *dst, const uint8_t *options, uint32_t n)
{
	uint32_t out = 0;

	for (uint32_t at = 0, len; at < n && options[at] != OPTION_END; at += len) {
		len = 1;
		if (options[at] == OPTION_NOP)
			continue;
		if (n - at < 2 || options[at + 1] < 2 || options[at + 1] > n - at)
			break;
		len = options[at + 1];
		if (options[at] & OPTION_COPIED) {
			memcpy(dst + out, options + at, len);
			out += len;
		}
	}
	for (; out % 4; out++)
		dst[out] = OPTION_END;
	return out;
}

bool tun_cut_init(struct tun_cut *c, struct bytes ip, uint32_t most)
{
	if (ip.n < V4_LEN || ip.p[0] >> 4 != 4 || most < TUN_CUT_LEAST)
		return false;
	*c = (struct tun_cut){.ip = ip.p,
	    .header = (uint32_t)(ip.p[0] & 15) * 4,
	    .len = be16_load(ip.p + 2),
	    .most = most};
	uint16_t field = be16_load(ip.p + FIELD_AT);
	if (c->header < V4_LEN || c->len <= c->header || c->len > ip.n || (field & FIELD_DF) ||
	    (uint32_t)(field & FIELD_OFFSET) * UNIT + c->len > PACKET_MAX)
		return false;
	memcpy(c->rest, ip.p, V4_LEN);
	c->rest_header =
	    V4_LEN + copied_options(c->rest + V4_LEN, ip.p + V4_LEN, c->header - V4_LEN);
	c->rest[0] = (uint8_t)(0x40 | c->rest_header / 4);
	return true;
}

uint32_t tun_cut_next(struct tun_cut *c, uint8_t *dst)
{
	uint32_t left = c->len - c->header - c->at;
	uint32_t header = c->at ? c->rest_header : c->header;
	uint32_t room = c->most - header, n = left;
	uint16_t field = be16_load(c->ip + FIELD_AT);

	if (left == 0)
		return 0;
	if (n > room)
		n = room - room % UNIT;
	memcpy(dst, c->at ? c->rest : c->ip, header);
	memcpy(dst + header, c->ip + c->header + c->at, n);
	be16_store(dst + 2, (uint16_t)(header + n));
	uint32_t offset = (field & FIELD_OFFSET) + c->at / UNIT;
	field = (uint16_t)((field & FIELD_FLAGS) | offset | (n < left ? FIELD_MF : 0));
	be16_store(dst + FIELD_AT, field);
	be16_store(dst + 10, 0);
	be16_store(dst + 10, tun_csum_ip4(bytes_of(dst, header)));
	c->at += n;
	return header + n;
}

/*
 * Between inner and outer IP header: DSCP, ECN and DF (RFC 4301 section 5.1.2, RFC 6040 section 4),
 * and the Internet checksum (RFC 1071, RFC 1624).
 */
#include "esp/header.h"

enum {
	V4_FRAGMENT_AT = 6,
	V4_DF = 0x40, /* in the first byte of the fragment field */
	V4_CSUM_AT = 10,
	NOT_ECT = 0,
	CE = 3,
	ECN_DROP = 0xff,
};

uint8_t esp_header_tos(const uint8_t *ip)
{
	/* The class of IPv6 lies across two bytes: version 4 bits, class 8, flow label 20. */
	return esp_header_is_v6(ip) ? (uint8_t)(be16_load(ip) >> 4) : ip[1];
}

void esp_header_set_tos(uint8_t *ip, uint8_t tos)
{
	if (esp_header_is_v6(ip)) {
		ip[0] = (uint8_t)(0x60 | tos >> 4);
		ip[1] = (uint8_t)(tos << 4 | (ip[1] & 15));
		return;
	}
	uint16_t old = be16_load(ip);
	ip[1] = tos;
	be16_store(
	    ip + V4_CSUM_AT, esp_csum_update(be16_load(ip + V4_CSUM_AT), old, be16_load(ip)));
}

bool esp_header_df(const uint8_t *ip)
{
	return esp_header_is_v6(ip) || (ip[V4_FRAGMENT_AT] & V4_DF);
}

uint8_t esp_header_tos_out(const struct esp_headers *h, uint8_t inner)
{
	uint8_t dscp = h->dscp_out ? inner & (uint8_t)~ESP_ECN_MASK : 0;

	return (uint8_t)(dscp | (h->ecn ? inner & ESP_ECN_MASK : 0));
}

/* Figure 4 of RFC 6040: a row per inner field, a column per outer one; Not-ECT, ECT(1), ECT(0),
 * CE, as their code points count. */
/* clang-format off */
static const uint8_t ecn_in[4][4] = {
    /* outer:    Not-ECT  ECT(1)   ECT(0)   CE       */
    /* Not-ECT */ {NOT_ECT, NOT_ECT, NOT_ECT, ECN_DROP},
    /* ECT(1)  */ {1,       1,       1,       CE      },
    /* ECT(0)  */ {2,       1,       2,       CE      },
    /* CE      */ {CE,      CE,      CE,      CE      },
};
/* clang-format on */

bool esp_header_tos_in(const struct esp_headers *h, uint8_t inner, uint8_t outer, uint8_t *tos)
{
	uint8_t dscp = (h->dscp_in ? outer : inner) & (uint8_t)~ESP_ECN_MASK;
	uint8_t ecn = inner & ESP_ECN_MASK;

	if (h->ecn) {
		ecn = ecn_in[ecn][outer & ESP_ECN_MASK];
	}
	if (ecn == ECN_DROP) {
		return false;
	}
	*tos = dscp | ecn;
	return true;
}

/* ---- Checksums ---- */

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

uint16_t esp_csum_update(uint16_t csum, uint16_t old, uint16_t now)
{
	/* HC' = ~(~HC + ~m + m') */
	return (uint16_t)~fold((uint32_t)(uint16_t)~csum + (uint16_t)~old + now);
}

uint16_t esp_csum_replace(uint16_t csum, const uint8_t *old, const uint8_t *now, size_t n)
{
	for (size_t i = 0; i < n; i += 2) {
		csum = esp_csum_update(csum, be16_load(old + i), be16_load(now + i));
	}
	return csum;
}

uint16_t esp_csum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2) {
		sum += be16_load(p + i);
	}
	return (uint16_t)~fold(sum);
}

/*
 * What a path carries: the largest packet, and the MSS of TCP connections that pass.
 */
#ifndef ESP_MTU_H
#define ESP_MTU_H

#include "esp/crypto/crypto.h"
#include "esp/flow.h"

enum { ESP_V4_LEAST = 68 }; /* bytes that every link of IPv4 carries: RFC 791 section 3.2 */

#define ESP_FITS_ALL UINT32_MAX /* the path is not known */

/* The largest cleartext, without padding and trailer, whose outer packet has at most `mtu` bytes
 * on this path. */
uint32_t esp_mtu_fits(const struct esp_shape *s, const struct esp_path *path, uint32_t mtu);

/* Never less than what every link of a family carries: what is asked of a sender below that it may
 * refuse, so it is fragmented instead. RFC 4301 section 8.2.1, RFC 8200 section 5. */
uint32_t esp_mtu_floor(uint32_t mtu, bool v6);

/* A TCP segment with SYN whose MSS is more than packets of `mtu` bytes carry says less then; its
 * checksum follows. Without the option nothing is done. */
void esp_mtu_clamp(uint8_t *ip, const struct esp_flow *f, uint32_t mtu);

static inline bool esp_mtu_is_syn(const uint8_t *ip, const struct esp_flow *f)
{
	enum { FLAGS_AT = 13, SYN = 2 };

	return f->proto == TS_PROTO_TCP && f->l4 && f->total > f->l4 + FLAGS_AT &&
	       (ip[f->l4 + FLAGS_AT] & SYN);
}

#endif

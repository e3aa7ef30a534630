/*
 * Fields of IP headers that pass between inner and outer header, and checksums that follow what is
 * changed. Pure functions on headers that esp_flow_read() has found whole.
 */
#ifndef ESP_HEADER_H
#define ESP_HEADER_H

#include "esp/esp.h"

enum {
	ESP_V4_LEN = 20, /* without options */
	ESP_V6_LEN = 40,
	ESP_UDP_LEN = 8,
	ESP_ECN_MASK = 3, /* of the TOS byte; the rest is the DSCP */
};

static inline bool esp_header_is_v6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6;
}

/* The TOS byte of IPv4, the traffic class of IPv6. */
uint8_t esp_header_tos(const uint8_t *ip);
/* The checksum of an IPv4 header stays as right or wrong as it was. */
void esp_header_set_tos(uint8_t *ip, uint8_t tos);
/* May no router cut it? IPv6: never. */
bool esp_header_df(const uint8_t *ip);

/* Tunnel mode, the TOS byte of the outer header: RFC 4301 section 5.1.2, RFC 6040 section 4.1. */
uint8_t esp_header_tos_out(const struct esp_headers *h, uint8_t inner);
/* Tunnel mode, the TOS byte of the packet as it goes on: RFC 6040 section 4.2. False: to be
 * dropped, congestion was signalled to a sender that does not know the signal. */
bool esp_header_tos_in(const struct esp_headers *h, uint8_t inner, uint8_t outer, uint8_t *tos);

/* An Internet checksum after a 16-bit word that it covers has changed: RFC 1624 equation 3. */
uint16_t esp_csum_update(uint16_t csum, uint16_t old, uint16_t now);
/* The same for n bytes, an even number. */
uint16_t esp_csum_replace(uint16_t csum, const uint8_t *old, const uint8_t *now, size_t n);
/* Of n bytes, an even number; its own field, if among them, is 0. */
uint16_t esp_csum(const uint8_t *p, size_t n);

#endif

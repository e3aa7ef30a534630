/*
 * Transport mode: what goes and what stays of a packet's own header, and the header that is built
 * again on the other side. RFC 4303 section 3.1.1, RFC 3948 section 3.1.2.
 */
#ifndef ESP_TRANSPORT_H
#define ESP_TRANSPORT_H

#include "esp/flow.h"
#include "esp/header.h"

/* Addresses as workers see them: never changed. */
struct esp_transport_box {
	uint8_t header[ESP_V6_LEN]; /* without length, class, protocol and checksum */
	uint8_t header_len;         /* ESP_V4_LEN, ESP_V6_LEN */
	bool repair;                /* checksums were computed with other addresses */
	uint16_t difference;        /* what has to be added to their complement */
};

/* False: the addresses are not all of one family. */
bool esp_transport_valid(const struct esp_transport *t);
struct esp_transport_box *esp_transport_box_new(
    const struct esp_transport *t); /* NULL: no memory */

/* Outbound: bytes of the header and of those extension headers that ESP does not cover, and the
 * protocol behind them. False: a fragment, or still to be routed by its sender. */
bool esp_transport_front(const uint8_t *ip, const struct esp_flow *f, uint32_t *len, uint8_t *next);

/* Inbound: writes the header in front of n bytes at payload. False: too long. */
bool esp_transport_header(
    const struct esp_transport_box *t, uint8_t *ip, uint32_t n, uint8_t next, uint8_t tos);
/* Inbound: checksums behind the header as if they had been computed with the addresses in it. */
void esp_transport_repair(const struct esp_transport_box *t, uint8_t *ip, const struct esp_flow *f);

#endif

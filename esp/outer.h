/*
 * What the SA of an outbound packet makes of its header: what travels, what the outer header says,
 * whether the path carries it.
 */
#ifndef ESP_OUTER_H
#define ESP_OUTER_H

#include "esp/mtu.h"
#include "esp/sa.h"

struct esp_outer {
	uint32_t skip;    /* bytes of the packet that do not travel: transport mode */
	uint32_t carries; /* the largest inner packet whose outer one the path carries whole */
	uint32_t most;    /* the largest one that is not refused; between them: fragmented */
	uint8_t next, tos;
	bool df;      /* of the inner packet */
	bool copy_df; /* to the outer one */
	bool cuts;    /* fragments of the packet may go by this SA */
};

/* Reads the header of a packet; a TCP SYN may get a smaller MSS. ESP_V_OK or ESP_V_TRANSPORT. */
enum esp_verdict esp_outer_of(
    const struct esp_sa_out *sa, uint8_t *ip, const struct esp_flow *f, struct esp_outer *o);

/* A packet of `total` bytes with this header: too big for its path? */
static inline bool esp_outer_too_big(const struct esp_outer *o, uint32_t total)
{
	return o->df && total > o->most;
}

/* Must it be cut into fragments of at most `carries` bytes? Where that is less than every link
 * carries, the outer packet is fragmented. */
static inline bool esp_outer_cut(const struct esp_outer *o, uint32_t total)
{
	return o->cuts && !o->df && total > o->carries && o->carries >= ESP_V4_LEAST;
}

/* Must its outer packet stay whole? */
static inline bool esp_outer_df(const struct esp_outer *o, uint32_t total)
{
	return o->df && o->copy_df && total <= o->carries;
}

/* The largest inner packet that is not refused, of which `skip` bytes do not travel. ESP_FITS_ALL:
 * the path is not known. */
uint32_t esp_outer_most(const struct esp_sa_out *sa, uint32_t skip, bool v6);

/* Bytes of cleartext that a packet in tunnel mode is padded to, at least `total`: RFC 4303 section
 * 2.7. */
uint32_t esp_outer_padded(const struct esp_sa_out *sa, uint32_t total);

#endif

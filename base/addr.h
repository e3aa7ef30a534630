/*
 * Addresses of both families, endpoints, prefixes, and their text.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include "base/bytes.h"

enum addr_family {
	ADDR_NONE = 0, /* unset, "%any" */
	ADDR_V4 = 4,
	ADDR_V6 = 6,
};

struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t b[16];  /* network order; the first 4 for v4, the rest zero */
};

struct endpoint {
	struct addr addr;
	uint16_t port; /* host order */
};

struct prefix {
	struct addr addr; /* bits beyond `len` are zero */
	uint8_t len;      /* 0 to 32 or 128 */
};

enum {
	ADDR_TEXT = 46,     /* longest text of an address with its NUL */
	ENDPOINT_TEXT = 54, /* "[v6]:port" */
	PREFIX_TEXT = 50,
};

struct addr addr_v4(uint32_t host_order);
struct addr addr_from_bytes(struct bytes b);   /* 4 or 16 bytes; ADDR_NONE otherwise */
struct bytes addr_bytes(const struct addr *a); /* 0, 4 or 16 bytes, borrowed from *a */
unsigned addr_bits(const struct addr *a);      /* 0, 32, 128 */
bool addr_equal(const struct addr *a, const struct addr *b);
int addr_cmp(const struct addr *a, const struct addr *b); /* family, then numeric */
/* `n` addresses further, of the same family; beyond the last one it begins anew. */
struct addr addr_plus(const struct addr *a, uint64_t n);
/* How far `a` is behind `b`, of one family and a >= b; UINT64_MAX: that far, or further. */
uint64_t addr_minus(const struct addr *a, const struct addr *b);
bool addr_parse(struct addr *out, const char *text); /* no names, no zones */
/* NUL-terminated text ("%any" for ADDR_NONE) in dst of at least ADDR_TEXT; returns dst. */
const char *addr_text(const struct addr *a, char dst[ADDR_TEXT]);
bool addr_is_multicast(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_is_link_local(const struct addr *a);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
const char *endpoint_text(const struct endpoint *e, char dst[ENDPOINT_TEXT]);

bool prefix_parse(struct prefix *out, const char *text); /* "10.0.0.0/8", or an address alone */
bool prefix_has(const struct prefix *p, const struct addr *a);
int prefix_cmp(const struct prefix *a, const struct prefix *b); /* family, length, address */
const char *prefix_text(const struct prefix *p, char dst[PREFIX_TEXT]);
struct prefix prefix_of(const struct addr *a, unsigned len); /* host bits cleared */
void prefix_range(const struct prefix *p, struct addr *lo, struct addr *hi);

/* Cuts lo..hi (one family, lo <= hi) into the fewest prefixes. Returns how many there are; writes
 * at most `cap` of them. At most 2 * bits - 2 exist. */
size_t prefix_from_range(
    const struct addr *lo, const struct addr *hi, struct prefix *out, size_t cap);

#endif

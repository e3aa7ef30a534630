/*
 * Addresses and endpoints, and their text (RFC 4291 section 2.2, RFC 5952).
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct addr addr_v4(uint32_t host_order)
{
	struct addr a = {.family = ADDR_V4};
	be32_store(a.b, host_order);
	return a;
}

struct addr addr_from_bytes(struct bytes b)
{
	struct addr a = {.family = ADDR_NONE};

	if (b.n == 4 || b.n == 16) {
		a.family = b.n == 4 ? ADDR_V4 : ADDR_V6;
		memcpy(a.b, b.p, b.n);
	}
	return a;
}

unsigned addr_bits(const struct addr *a)
{
	return a->family == ADDR_V4 ? 32 : a->family == ADDR_V6 ? 128 : 0;
}

struct bytes addr_bytes(const struct addr *a)
{
	return bytes_of(a->b, addr_bits(a) / 8);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_cmp(a, b) == 0;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family) {
		return a->family < b->family ? -1 : 1;
	}
	int c = memcmp(a->b, b->b, addr_bits(a) / 8);
	return (c > 0) - (c < 0);
}

struct addr addr_plus(const struct addr *a, uint64_t n)
{
	struct addr sum = *a;

	for (size_t i = addr_bits(a) / 8; i-- > 0; n >>= 8) {
		uint64_t octet = sum.b[i] + (n & 0xff);
		sum.b[i] = (uint8_t)octet;
		n += octet & 0x100; /* the carry */
	}
	return sum;
}

uint64_t addr_minus(const struct addr *a, const struct addr *b)
{
	size_t bytes = addr_bits(a) / 8;
	uint8_t d[16] = {0};
	unsigned borrow = 0;
	uint64_t low = 0;

	for (size_t i = bytes; i-- > 0;) {
		unsigned octet = 0x100u + a->b[i] - b->b[i] - borrow;
		d[i] = (uint8_t)octet;
		borrow = octet < 0x100;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (i + 8 < bytes && d[i] != 0) {
			return UINT64_MAX;
		}
		low = low << 8 | d[i];
	}
	return low;
}

bool addr_parse(struct addr *out, const char *text)
{
	struct addr a = {.family = ADDR_NONE};

	if (inet_pton(AF_INET, text, a.b) == 1) {
		a.family = ADDR_V4;
	} else if (inet_pton(AF_INET6, text, a.b) == 1) {
		a.family = ADDR_V6;
	} else {
		return false;
	}
	*out = a;
	return true;
}

const char *addr_text(const struct addr *a, char dst[ADDR_TEXT])
{
	int family = a->family == ADDR_V4 ? AF_INET : AF_INET6;

	if (addr_bits(a) == 0 || inet_ntop(family, a->b, dst, ADDR_TEXT) == NULL) {
		memcpy(dst, "%any", sizeof("%any"));
	}
	return dst;
}

bool addr_is_multicast(const struct addr *a)
{
	return (a->family == ADDR_V4 && a->b[0] >> 4 == 0xe) ||
	       (a->family == ADDR_V6 && a->b[0] == 0xff);
}

bool addr_is_loopback(const struct addr *a)
{
	static const struct addr one = {ADDR_V6, {[15] = 1}};
	return (a->family == ADDR_V4 && a->b[0] == 127) || addr_equal(a, &one);
}

bool addr_is_link_local(const struct addr *a)
{
	return (a->family == ADDR_V4 && a->b[0] == 169 && a->b[1] == 254) ||
	       (a->family == ADDR_V6 && a->b[0] == 0xfe && a->b[1] >> 6 == 2);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

const char *endpoint_text(const struct endpoint *e, char dst[ENDPOINT_TEXT])
{
	char addr[ADDR_TEXT];
	bool v6 = e->addr.family == ADDR_V6;

	addr_text(&e->addr, addr);
	snprintf(dst, ENDPOINT_TEXT, v6 ? "[%s]:%u" : "%s:%u", addr, e->port);
	return dst;
}

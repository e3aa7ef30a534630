/*
 * Byte views: comparison and hexadecimal.
 */
#include "base/bytes.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool bytes_to_hex(char *dst, size_t cap, struct bytes b)
{
	if (cap == 0) {
		return false;
	}
	dst[0] = '\0';
	if (b.n > (cap - 1) / 2) {
		return false;
	}
	for (size_t i = 0; i < b.n; i++) {
		*dst++ = digits[b.p[i] >> 4];
		*dst++ = digits[b.p[i] & 15];
	}
	*dst = '\0';
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

long bytes_from_hex(uint8_t *dst, size_t cap, const char *hex)
{
	if (hex[0] == '0' && (hex[1] == 'x' || hex[1] == 'X')) {
		hex += 2;
	}
	size_t n = 0;
	for (; hex[0] != '\0'; hex += 2) {
		int hi = hex_value(hex[0]);
		int lo = hi < 0 ? -1 : hex_value(hex[1]);
		if (lo < 0 || n == cap) {
			return -1;
		}
		dst[n++] = (uint8_t)(hi << 4 | lo);
	}
	return (long)n;
}

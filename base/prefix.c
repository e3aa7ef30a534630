/*
 * Prefixes: RFC 4632 section 3.1, RFC 4291 section 2.3.
 */
#include "base/addr.h"

#include <stdio.h>
#include <string.h>

/* The bits of octet `i` that a prefix of `len` bits fixes. */
static uint8_t mask_octet(unsigned len, size_t i)
{
	if (len >= 8 * (i + 1)) {
		return 0xff;
	}
	if (len <= 8 * i) {
		return 0;
	}
	return (uint8_t)(0xff00u >> (len - 8 * i));
}

struct prefix prefix_of(const struct addr *a, unsigned len)
{
	struct prefix p = {.addr = *a};

	if (len > addr_bits(a)) {
		len = addr_bits(a);
	}
	p.len = (uint8_t)len;
	for (size_t i = 0; i < sizeof(p.addr.b); i++) {
		p.addr.b[i] &= mask_octet(len, i);
	}
	return p;
}

/* Decimal digits only, at most three of them. */
static bool length_parse(const char *text, unsigned max, unsigned *out)
{
	unsigned v = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 3 || strspn(text, "0123456789") != n) {
		return false;
	}
	while (*text != '\0') {
		v = v * 10 + (unsigned)(*text++ - '0');
	}
	*out = v;
	return v <= max;
}

bool prefix_parse(struct prefix *out, const char *text)
{
	char head[ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct addr a;

	if (n >= sizeof(head)) {
		return false;
	}
	memcpy(head, text, n);
	head[n] = '\0';
	if (!addr_parse(&a, head)) {
		return false;
	}
	unsigned len = addr_bits(&a);
	if (slash && !length_parse(slash + 1, len, &len)) {
		return false;
	}
	*out = prefix_of(&a, len);
	return true;
}

bool prefix_has(const struct prefix *p, const struct addr *a)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	if (p->addr.family != a->family || a->family == ADDR_NONE ||
	    memcmp(p->addr.b, a->b, whole) != 0) {
		return false;
	}
	return rest == 0 || (p->addr.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

int prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	if (a->addr.family == b->addr.family && a->len != b->len) {
		return a->len < b->len ? -1 : 1;
	}
	return addr_cmp(&a->addr, &b->addr);
}

const char *prefix_text(const struct prefix *p, char dst[PREFIX_TEXT])
{
	char addr[ADDR_TEXT];

	addr_text(&p->addr, addr);
	snprintf(dst, PREFIX_TEXT, p->addr.family == ADDR_NONE ? "%s" : "%s/%u", addr, p->len);
	return dst;
}

void prefix_range(const struct prefix *p, struct addr *lo, struct addr *hi)
{
	size_t octets = addr_bits(&p->addr) / 8;

	*lo = p->addr;
	*hi = p->addr;
	for (size_t i = 0; i < octets; i++) {
		hi->b[i] |= (uint8_t)~mask_octet(p->len, i);
	}
}

/* The address after `a`; the caller knows that there is one. */
static void addr_next(struct addr *a)
{
	for (size_t i = addr_bits(a) / 8; i > 0 && ++a->b[i - 1] == 0; i--) {
	}
}

/* How many leading bits two addresses of a family share. */
static unsigned shared_bits(const struct addr *a, const struct addr *b)
{
	unsigned bits = addr_bits(a), n = 0;

	while (n < bits && a->b[n / 8] == b->b[n / 8]) {
		n += 8;
	}
	for (unsigned d = n < bits ? a->b[n / 8] ^ b->b[n / 8] : 0; d && !(d & 0x80); d <<= 1) {
		n++;
	}
	return n;
}

/* The widest prefix that begins at `lo` and does not pass `hi`; *last is its last address. */
static struct prefix widest(const struct addr *lo, const struct addr *hi, struct addr *last)
{
	struct prefix p;
	struct addr first;

	/* All that lies between the two has the bits that both have. */
	for (unsigned len = shared_bits(lo, hi);; len++) {
		p = prefix_of(lo, len);
		prefix_range(&p, &first, last);
		if (len >= addr_bits(lo) || (addr_equal(&first, lo) && addr_cmp(last, hi) <= 0)) {
			return p;
		}
	}
}

size_t prefix_from_range(
    const struct addr *lo, const struct addr *hi, struct prefix *out, size_t cap)
{
	struct addr at = *lo, last;
	size_t n = 0;

	if (addr_bits(lo) == 0 || lo->family != hi->family || addr_cmp(lo, hi) > 0) {
		return 0;
	}
	for (;; addr_next(&at)) {
		struct prefix p = widest(&at, hi, &last);
		if (n < cap) {
			out[n] = p;
		}
		n++;
		if (addr_equal(&last, hi)) {
			return n;
		}
		at = last;
	}
}

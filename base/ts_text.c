/*
 * Traffic selectors as swanctl.conf writes them: ADDRESSES[PROTOCOL/PORTS].
 */
#include "base/text.h"
#include "base/ts.h"

#include <stdio.h>
#include <string.h>

static const struct {
	uint8_t proto;
	const char *name;
} protos[] = {
    {TS_PROTO_ICMP, "icmp"},
    {TS_PROTO_TCP, "tcp"},
    {TS_PROTO_UDP, "udp"},
    {TS_PROTO_ICMPV6, "icmpv6"},
    {132, "sctp"},
};

static bool is_icmp(uint8_t proto)
{
	return proto == TS_PROTO_ICMP || proto == TS_PROTO_ICMPV6;
}

/* Reads a decimal number of at most `max` and moves *at behind it. */
static bool number(const char **at, unsigned max, unsigned *out)
{
	unsigned v = 0;
	size_t n = strspn(*at, "0123456789");

	if (n == 0 || n > 5) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		v = v * 10 + (unsigned)((*at)[i] - '0');
	}
	*at += n;
	*out = v;
	return v <= max;
}

static bool proto_parse(uint8_t *out, const char *name)
{
	unsigned v = 0;

	if (strcmp(name, "any") == 0 || name[0] == '\0') {
		*out = 0;
		return true;
	}
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (strcmp(name, protos[i].name) == 0) {
			*out = protos[i].proto;
			return true;
		}
	}
	if (!number(&name, UINT8_MAX, &v) || *name != '\0') {
		return false;
	}
	*out = (uint8_t)v;
	return true;
}

/* "8" (all codes) or "8(0)"; *bare tells which. */
static bool icmp_parse(const char **at, unsigned *type, unsigned *code, bool *bare)
{
	*bare = true;
	if (!number(at, UINT8_MAX, type)) {
		return false;
	}
	if (**at != '(') {
		return true;
	}
	*bare = false;
	++*at;
	if (!number(at, UINT8_MAX, code) || **at != ')') {
		return false;
	}
	++*at;
	return true;
}

static bool port_parse(const char **at, bool icmp, bool upper, uint16_t *out)
{
	unsigned v = 0, code = 0;
	bool bare = true;

	if (!icmp) {
		bool ok = number(at, UINT16_MAX, &v);
		*out = (uint16_t)v;
		return ok;
	}
	if (!icmp_parse(at, &v, &code, &bare)) {
		return false;
	}
	if (bare) {
		code = upper ? UINT8_MAX : 0;
	}
	*out = (uint16_t)(v << 8 | code);
	return true;
}

static bool ports_parse(struct ts *t, const char *text)
{
	const char *at = text;
	bool icmp = is_icmp(t->proto);

	if (strcmp(text, "any") == 0) {
		return true;
	}
	if (strcmp(text, "opaque") == 0) {
		t->port_lo = UINT16_MAX;
		t->port_hi = 0;
		return true;
	}
	if (!port_parse(&at, icmp, false, &t->port_lo)) {
		return false;
	}
	/* A single value is a range from itself to itself; an ICMP type alone spans its codes. */
	at = *at == '-' ? at + 1 : text;
	return port_parse(&at, icmp, true, &t->port_hi) && *at == '\0' && t->port_lo <= t->port_hi;
}

/* What stands between the brackets: "tcp", "tcp/443", "icmp/8". */
static bool filter_parse(struct ts *t, const char *text, size_t n)
{
	char buf[TS_TEXT];

	if (n >= sizeof(buf)) {
		return false;
	}
	memcpy(buf, text, n);
	buf[n] = '\0';
	char *slash = strchr(buf, '/');
	if (slash) {
		*slash = '\0';
	}
	if (n == 0 || !proto_parse(&t->proto, buf)) {
		return false;
	}
	return slash == NULL || ports_parse(t, slash + 1);
}

static bool addrs_parse(struct ts *out, const char *text)
{
	struct prefix p;
	char lo[ADDR_TEXT];
	const char *dash = strchr(text, '-');

	if (dash == NULL) {
		if (!prefix_parse(&p, text)) {
			return false;
		}
		*out = ts_prefix(&p);
		return true;
	}
	size_t n = (size_t)(dash - text);
	if (n >= sizeof(lo)) {
		return false;
	}
	memcpy(lo, text, n);
	lo[n] = '\0';
	out->proto = 0;
	out->port_lo = 0;
	out->port_hi = UINT16_MAX;
	return addr_parse(&out->lo, lo) && addr_parse(&out->hi, dash + 1) &&
	       out->lo.family == out->hi.family && addr_cmp(&out->lo, &out->hi) <= 0;
}

bool ts_parse(struct ts *out, const char *text)
{
	struct ts t = {0};
	char addrs[2 * ADDR_TEXT];
	size_t n = strcspn(text, "[");
	size_t all = strlen(text);

	if (n >= sizeof(addrs)) {
		return false;
	}
	memcpy(addrs, text, n);
	addrs[n] = '\0';
	if (!addrs_parse(&t, addrs)) {
		return false;
	}
	if (n < all && (text[all - 1] != ']' || !filter_parse(&t, text + n + 1, all - n - 2))) {
		return false;
	}
	*out = t;
	return true;
}

static void add_addrs(struct text *out, const struct ts *t)
{
	char lo[PREFIX_TEXT], hi[ADDR_TEXT];
	struct prefix p;

	if (prefix_from_range(&t->lo, &t->hi, &p, 1) == 1) {
		text_add(out, prefix_text(&p, lo));
	} else {
		text_addf(out, "%s-%s", addr_text(&t->lo, lo), addr_text(&t->hi, hi));
	}
}

static void add_proto(struct text *out, uint8_t proto)
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (protos[i].proto == proto) {
			text_add(out, protos[i].name);
			return;
		}
	}
	text_addf(out, "%u", proto);
}

static void add_icmp(struct text *out, const struct ts *t)
{
	unsigned lo = t->port_lo >> 8, hi = t->port_hi >> 8;

	if ((t->port_lo & 0xff) != 0 || (t->port_hi & 0xff) != 0xff) {
		text_addf(out, "%u(%u)", lo, t->port_lo & 0xffu);
		if (t->port_lo != t->port_hi) {
			text_addf(out, "-%u(%u)", hi, t->port_hi & 0xffu);
		}
		return;
	}
	text_addf(out, "%u", lo);
	if (lo != hi) {
		text_addf(out, "-%u", hi);
	}
}

static void add_ports(struct text *out, const struct ts *t)
{
	if (t->port_lo == 0 && t->port_hi == UINT16_MAX) {
		return;
	}
	text_add_char(out, '/');
	if (ts_is_opaque(t)) {
		text_add(out, "opaque");
	} else if (is_icmp(t->proto)) {
		add_icmp(out, t);
	} else if (t->port_lo == t->port_hi) {
		text_addf(out, "%u", t->port_lo);
	} else {
		text_addf(out, "%u-%u", t->port_lo, t->port_hi);
	}
}

static void add_ts(struct text *out, const struct ts *t)
{
	add_addrs(out, t);
	if (t->proto == 0 && t->port_lo == 0 && t->port_hi == UINT16_MAX) {
		return;
	}
	text_add_char(out, '[');
	add_proto(out, t->proto);
	add_ports(out, t);
	text_add_char(out, ']');
}

const char *ts_text(const struct ts *t, char dst[TS_TEXT])
{
	struct text out = text_of(dst, TS_TEXT);
	add_ts(&out, t);
	return text_end(&out);
}

const char *ts_list_text(const struct ts_list *l, char *dst, size_t cap)
{
	struct text out = text_of(dst, cap);

	for (size_t i = 0; i < l->n; i++) {
		if (i > 0) {
			text_add(&out, ", ");
		}
		add_ts(&out, &l->v[i]);
	}
	return text_end(&out);
}

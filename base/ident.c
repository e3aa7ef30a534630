/*
 * Identities: RFC 7296 section 3.5, their text and how they are compared.
 */
#include "base/ident.h"
#include "base/addr.h"
#include "base/text.h"

#include <string.h>

static bool holds_text(uint8_t type)
{
	return type == IDENT_FQDN || type == IDENT_RFC822_ADDR;
}

/* A name or mail address has no terminators in it (RFC 7296 section 3.5), and no control character
 * is of use in one. */
static bool clean(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] < 0x20 || b.p[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

bool ident_from_wire(struct ident *out, uint8_t type, struct bytes data)
{
	struct ident id = {.type = type, .n = (uint16_t)data.n};

	if (data.n == 0 || data.n > IDENT_MAX) {
		return false;
	}
	switch ((enum ident_type)type) {
	case IDENT_IPV4_ADDR:
		if (data.n != 4) {
			return false;
		}
		break;
	case IDENT_IPV6_ADDR:
		if (data.n != 16) {
			return false;
		}
		break;
	case IDENT_FQDN:
	case IDENT_RFC822_ADDR:
		if (!clean(data)) {
			return false;
		}
		break;
	case IDENT_DER_ASN1_DN:
	case IDENT_DER_ASN1_GN:
	case IDENT_KEY_ID: break;
	case IDENT_ANY:
	default: return false; /* a number from the wire */
	}
	memcpy(id.b, data.p, data.n);
	*out = id;
	return true;
}

struct ident ident_from_addr_bytes(struct bytes addr)
{
	struct ident id = {.type = IDENT_ANY};
	uint8_t type = addr.n == 4 ? IDENT_IPV4_ADDR : IDENT_IPV6_ADDR;

	(void)ident_from_wire(&id, type, addr);
	return id;
}

static bool from_text(struct ident *out, uint8_t type, const char *text)
{
	return ident_from_wire(out, type, bytes_of(text, strlen(text)));
}

static bool from_hex(struct ident *out, uint8_t type, const char *hex)
{
	uint8_t b[IDENT_MAX];
	long n = bytes_from_hex(b, sizeof(b), hex);

	return n > 0 && ident_from_wire(out, type, bytes_of(b, (size_t)n));
}

/* Letters, digits, '-', '_', '.', a '*' for wildcards, and what is not ASCII. Digits and dots alone
 * are a mistyped address. */
static bool is_name(const char *text)
{
	static const char name[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*";

	if (strchr(text, '.') && strspn(text, "0123456789.") == strlen(text)) {
		return false;
	}
	for (const char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x80 && strchr(name, *c) == NULL) {
			return false;
		}
	}
	return true;
}

static bool parse_bare(struct ident *out, const char *text)
{
	struct addr a;
	const char *at = strchr(text, '@');

	if (addr_parse(&a, text)) {
		*out = ident_from_addr_bytes(addr_bytes(&a));
		return true;
	}
	if (at && at > text && at[1] != '\0' && strchr(text, ' ') == NULL) {
		return from_text(out, IDENT_RFC822_ADDR, text);
	}
	return is_name(text) && from_text(out, IDENT_FQDN, text);
}

bool ident_parse(struct ident *out, const char *text)
{
	static const struct {
		const char *prefix;
		uint8_t type;
	} forms[] = {
	    {"email:", IDENT_RFC822_ADDR},
	    {"keyid:", IDENT_KEY_ID},
	    {"fqdn:", IDENT_FQDN},
	    {"@@", IDENT_RFC822_ADDR},
	    {"@", IDENT_FQDN},
	};

	if (text[0] == '\0' || strcmp(text, "%any") == 0 || strcmp(text, "*") == 0) {
		*out = (struct ident){.type = IDENT_ANY};
		return true;
	}
	if (strncmp(text, "@#", 2) == 0) {
		return from_hex(out, IDENT_KEY_ID, text + 2);
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = strlen(forms[i].prefix);
		if (strncmp(text, forms[i].prefix, n) == 0) {
			return text[n] == '#' ? from_hex(out, forms[i].type, text + n + 1)
					      : from_text(out, forms[i].type, text + n);
		}
	}
	return parse_bare(out, text);
}

static uint8_t lower(uint8_t c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool equal_folded(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lower(a[i]) != lower(b[i])) {
			return false;
		}
	}
	return true;
}

bool ident_equal(const struct ident *a, const struct ident *b)
{
	if (a->type != b->type || a->n != b->n) {
		return false;
	}
	return holds_text(a->type) ? equal_folded(a->b, b->b, a->n) : memcmp(a->b, b->b, a->n) == 0;
}

/* "*.example.org" and "*@example.org": the star stands for at least one byte, and what follows it
 * begins with a separator, so that "*example.org" does not take "badexample.org". */
static bool match_wildcard(const struct ident *id, const struct ident *pattern)
{
	if (!holds_text(pattern->type) || id->type != pattern->type || pattern->n < 3 ||
	    pattern->b[0] != '*' || (pattern->b[1] != '.' && pattern->b[1] != '@')) {
		return false;
	}
	size_t tail = pattern->n - 1u;
	return id->n > tail && equal_folded(id->b + (id->n - tail), pattern->b + 1, tail);
}

int ident_match(const struct ident *id, const struct ident *pattern)
{
	if (pattern->type == IDENT_ANY) {
		return 1;
	}
	if (ident_equal(id, pattern)) {
		return 3;
	}
	return match_wildcard(id, pattern) ? 2 : 0;
}

static bool is_plain(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] < 0x20 || b.p[i] > 0x7e || strchr("\"'\\", b.p[i]) != NULL) {
			return false;
		}
	}
	return true;
}

static void add_hex(struct text *out, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		text_addf(out, "%02x", b.p[i]);
	}
}

/* A name that would read as another kind of identity gets its kind in front: a peer may send any
 * bytes under any type. */
static void add_name(struct text *out, const struct ident *id)
{
	char plain[IDENT_MAX + 1];
	struct ident back;

	memcpy(plain, id->b, id->n);
	plain[id->n] = '\0';
	if (!ident_parse(&back, plain) || !ident_equal(&back, id)) {
		text_add(out, id->type == IDENT_FQDN ? "fqdn:" : "email:");
		if (id->b[0] == '#') {
			text_add_char(out, '#');
			add_hex(out, bytes_of(id->b, id->n));
			return;
		}
	}
	text_add_escaped(out, bytes_of(id->b, id->n));
}

static void add_key_id(struct text *out, const struct ident *id)
{
	if (is_plain(bytes_of(id->b, id->n)) && id->b[0] != '#') {
		text_add(out, "keyid:");
		text_add_escaped(out, bytes_of(id->b, id->n));
		return;
	}
	text_add(out, "@#");
	add_hex(out, bytes_of(id->b, id->n));
}

const char *ident_text(const struct ident *id, char *dst, size_t cap)
{
	struct text out = text_of(dst, cap);
	struct addr a = addr_from_bytes(bytes_of(id->b, id->n));
	char addr[ADDR_TEXT];

	switch ((enum ident_type)id->type) {
	case IDENT_ANY: text_add(&out, "%any"); break;
	case IDENT_IPV4_ADDR:
	case IDENT_IPV6_ADDR: text_add(&out, addr_text(&a, addr)); break;
	case IDENT_FQDN:
	case IDENT_RFC822_ADDR: add_name(&out, id); break;
	case IDENT_KEY_ID: add_key_id(&out, id); break;
	case IDENT_DER_ASN1_DN:
	case IDENT_DER_ASN1_GN: text_add_escaped(&out, bytes_of(id->b, id->n)); break;
	}
	return text_end(&out);
}

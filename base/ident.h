/*
 * Identities: RFC 7296 section 3.5.
 */
#ifndef BASE_IDENT_H
#define BASE_IDENT_H

#include "base/bytes.h"

enum ident_type {
	IDENT_ANY = 0, /* matches all, never sent */
	IDENT_IPV4_ADDR = 1,
	IDENT_FQDN = 2,
	IDENT_RFC822_ADDR = 3,
	IDENT_IPV6_ADDR = 5,
	IDENT_DER_ASN1_DN = 9,
	IDENT_DER_ASN1_GN = 10,
	IDENT_KEY_ID = 11,
};

enum {
	IDENT_MAX = 512, /* longest identity we hold, bytes */
	IDENT_TEXT = 4 * IDENT_MAX + 8,
};

struct ident {
	uint8_t type; /* enum ident_type */
	uint16_t n;
	uint8_t b[IDENT_MAX];
};

/* Text to identity as swanctl.conf reads `id`: "%any" or "" any; an address; "user@host" (or
 * "email:…") RFC822; "@#hex" or "keyid:…" KEY_ID; "@name", "fqdn:…", or a name FQDN. A
 * distinguished name ("C=…, CN=…") is not read here. False if the text is none of these or too
 * long. */
bool ident_parse(struct ident *out, const char *text);
/* Copied. False: empty, too long, an address of the wrong size, a name with control characters in
 * it (RFC 7296 section 3.5), a type that is not listed above. */
bool ident_from_wire(struct ident *out, uint8_t type, struct bytes data);
struct ident ident_from_addr_bytes(struct bytes addr); /* 4 or 16 bytes; else IDENT_ANY */
/* FQDN and RFC822: ASCII case folded. */
bool ident_equal(const struct ident *a, const struct ident *b);

/* Does `id` meet `pattern`? IDENT_ANY takes all; "*.example.org", "*@example.org" and "%any" as in
 * swanctl.conf. Returns 0: no; else the better the higher: exact 3, wildcard 2, any 1. */
int ident_match(const struct ident *id, const struct ident *pattern);

/* Printable text; bytes outside 0x20..0x7e, quotes and backslashes as \xNN. A name that would read
 * as another kind of identity has "fqdn:" or "email:" in front. Returns dst. */
const char *ident_text(const struct ident *id, char *dst, size_t cap);

#endif

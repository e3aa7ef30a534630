/*
 * base/ident.h: text, wire, equality, patterns. RFC 7296 section 3.5.
 */
#include "base/ident.h"
#include "test/unit/rng.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const struct {
	const char *in;
	int type; /* -1: refused */
	const char *bytes;
	size_t n;
	const char *out; /* NULL: as it came in */
} texts[] = {
    {"", IDENT_ANY, "", 0, "%any"},
    {"%any", IDENT_ANY, "", 0, NULL},
    {"*", IDENT_ANY, "", 0, "%any"},
    {"192.0.2.7", IDENT_IPV4_ADDR, "\xc0\x00\x02\x07", 4, NULL},
    {"fd00::1", IDENT_IPV6_ADDR, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16, NULL},
    {"gw.example.org", IDENT_FQDN, "gw.example.org", 14, NULL},
    {"moon", IDENT_FQDN, "moon", 4, NULL},
    {"*.example.org", IDENT_FQDN, "*.example.org", 13, NULL},
    {"@gw.example.org", IDENT_FQDN, "gw.example.org", 14, "gw.example.org"},
    {"fqdn:gw.example.org", IDENT_FQDN, "gw.example.org", 14, "gw.example.org"},
    {"@192.0.2.7", IDENT_FQDN, "192.0.2.7", 9, "fqdn:192.0.2.7"},
    {"@%any", IDENT_FQDN, "%any", 4, "fqdn:%any"},
    {"fqdn:alice@example.org", IDENT_FQDN, "alice@example.org", 17, NULL},
    {"fqdn:C=CH, CN=gw", IDENT_FQDN, "C=CH, CN=gw", 11, NULL},
    {"alice@example.org", IDENT_RFC822_ADDR, "alice@example.org", 17, NULL},
    {"*@example.org", IDENT_RFC822_ADDR, "*@example.org", 13, NULL},
    {"email:alice@example.org", IDENT_RFC822_ADDR, "alice@example.org", 17, "alice@example.org"},
    {"email:alice", IDENT_RFC822_ADDR, "alice", 5, NULL},
    {"@@alice", IDENT_RFC822_ADDR, "alice", 5, "email:alice"},
    {"keyid:office", IDENT_KEY_ID, "office", 6, NULL},
    {"keyid:#006f", IDENT_KEY_ID, "\0o", 2, "@#006f"},
    {"@#00ff10", IDENT_KEY_ID, "\x00\xff\x10", 3, NULL},
    {"@#0x6f66", IDENT_KEY_ID, "of", 2, "keyid:of"},
    {"@#23", IDENT_KEY_ID, "#", 1, NULL},
    {"@#22", IDENT_KEY_ID, "\"", 1, NULL},
    {"b\xc3\xbcro.example.org", IDENT_FQDN, "b\xc3\xbcro.example.org", 17,
	"b\\xc3\\xbcro.example.org"},
    {"fqdn:#414243", IDENT_FQDN, "ABC", 3, "ABC"},
    {"@", -1, NULL, 0, NULL},
    {"@@", -1, NULL, 0, NULL},
    {"@#", -1, NULL, 0, NULL},
    {"@#0", -1, NULL, 0, NULL},
    {"@#xy", -1, NULL, 0, NULL},
    {"keyid:", -1, NULL, 0, NULL},
    {"email:", -1, NULL, 0, NULL},
    {"fqdn:#0a", -1, NULL, 0, NULL}, /* a line feed in a name */
    {"alice@", -1, NULL, 0, NULL},
    {"alice smith@example.org", -1, NULL, 0, NULL},
    {"C=CH, O=Example, CN=gw", -1, NULL, 0, NULL},
    {"CN=gw", -1, NULL, 0, NULL},
    {"192.0.2.256", -1, NULL, 0, NULL},
    {"192.0.2", -1, NULL, 0, NULL},
    {"192.0.2.0/24", -1, NULL, 0, NULL},
    {"fd00:::1", -1, NULL, 0, NULL},
    {"gw example", -1, NULL, 0, NULL},
    {"gw\texample", -1, NULL, 0, NULL},
    {"\"gw\"", -1, NULL, 0, NULL},
};

START_TEST(text)
{
	struct ident id, back;
	char buf[IDENT_TEXT];
	bool ok = ident_parse(&id, texts[_i].in);

	ck_assert_msg(ok == (texts[_i].type >= 0), "%s", texts[_i].in);
	if (!ok) {
		return;
	}
	ck_assert_int_eq(id.type, texts[_i].type);
	ck_assert(bytes_equal(bytes_of(id.b, id.n), bytes_of(texts[_i].bytes, texts[_i].n)));
	ident_text(&id, buf, sizeof(buf));
	ck_assert_str_eq(buf, texts[_i].out ? texts[_i].out : texts[_i].in);
	if (strchr(buf, '\\') == NULL) {
		ck_assert(ident_parse(&back, buf));
		ck_assert(ident_equal(&id, &back));
	}
}
END_TEST

START_TEST(lengths)
{
	char buf[2 * IDENT_MAX + 16], shown[IDENT_TEXT];
	struct ident id;

	memset(buf, 'a', sizeof(buf));
	buf[IDENT_MAX] = '\0';
	ck_assert(ident_parse(&id, buf));
	ck_assert_uint_eq(id.n, IDENT_MAX);
	buf[IDENT_MAX] = 'a';
	buf[IDENT_MAX + 1] = '\0';
	ck_assert(!ident_parse(&id, buf));
	memcpy(buf, "@#", 2);
	memset(buf + 2, '0', 2 * IDENT_MAX + 2);
	buf[2 + 2 * IDENT_MAX] = '\0';
	ck_assert(ident_parse(&id, buf));
	buf[2 + 2 * IDENT_MAX] = '0';
	buf[4 + 2 * IDENT_MAX] = '\0';
	ck_assert(!ident_parse(&id, buf));

	/* The longest text there can be, whole. */
	id.type = IDENT_RFC822_ADDR;
	id.n = IDENT_MAX;
	memset(id.b, 0xff, IDENT_MAX);
	ck_assert_uint_eq(strlen(ident_text(&id, shown, sizeof(shown))), 4 * IDENT_MAX + 6);
	ck_assert_str_eq(ident_text(&id, shown, 14), "email:\\xff…");
}
END_TEST

static const struct {
	uint8_t type;
	size_t n;
	bool ok;
} wires[] = {
    {IDENT_ANY, 0, false},
    {IDENT_ANY, 4, false},
    {IDENT_IPV4_ADDR, 0, false},
    {IDENT_IPV4_ADDR, 3, false},
    {IDENT_IPV4_ADDR, 4, true},
    {IDENT_IPV4_ADDR, 5, false},
    {IDENT_IPV4_ADDR, 16, false},
    {IDENT_FQDN, 0, false},
    {IDENT_FQDN, 1, true},
    {IDENT_FQDN, IDENT_MAX, true},
    {IDENT_FQDN, IDENT_MAX + 1, false},
    {IDENT_FQDN, 65536 + 4, false},
    {IDENT_RFC822_ADDR, 5, true},
    {4, 8, false}, /* a subnet of IKEv1 */
    {IDENT_IPV6_ADDR, 15, false},
    {IDENT_IPV6_ADDR, 16, true},
    {IDENT_IPV6_ADDR, 17, false},
    {IDENT_DER_ASN1_DN, 1, true},
    {IDENT_DER_ASN1_DN, 300, true},
    {IDENT_DER_ASN1_GN, 2, true},
    {IDENT_KEY_ID, 1, true},
    {IDENT_KEY_ID, IDENT_MAX, true},
    {12, 4, false},
    {201, 4, false},
    {255, 4, false},
};

START_TEST(wire)
{
	REQ("7296-3.5-5", "7296-3.5-6", "7296-3.5-7");
	uint8_t *data = malloc(wires[_i].n + 1);
	struct ident id = {.type = 77};

	memset(data, 'x', wires[_i].n + 1);
	ck_assert(
	    ident_from_wire(&id, wires[_i].type, bytes_of(data, wires[_i].n)) == wires[_i].ok);
	if (wires[_i].ok) {
		ck_assert_uint_eq(id.type, wires[_i].type);
		ck_assert(bytes_equal(bytes_of(id.b, id.n), bytes_of(data, wires[_i].n)));
	} else {
		ck_assert_uint_eq(id.type, 77); /* untouched */
	}
	free(data);
}
END_TEST

/* RFC 7296 section 3.5: no terminators in names. One that is not seen lets "evil\0.example.org"
 * pass as what it is not. */
START_TEST(names_with_control_characters)
{
	REQ("7296-3.5-3", "7296-3.5-4");
	struct ident id;

	for (unsigned c = 0; c < 256; c++) {
		uint8_t name[] = {'a', (uint8_t)c, 'b'};
		bool control = c < 0x20 || c == 0x7f;
		ck_assert(ident_from_wire(&id, IDENT_FQDN, bytes_of(name, 3)) == !control);
		ck_assert(ident_from_wire(&id, IDENT_RFC822_ADDR, bytes_of(name, 3)) == !control);
		ck_assert(ident_from_wire(&id, IDENT_KEY_ID, bytes_of(name, 3)));
	}
}
END_TEST

START_TEST(from_addresses)
{
	uint8_t b[16] = {192, 0, 2, 7};

	ck_assert_uint_eq(ident_from_addr_bytes(bytes_of(b, 4)).type, IDENT_IPV4_ADDR);
	ck_assert_uint_eq(ident_from_addr_bytes(bytes_of(b, 16)).type, IDENT_IPV6_ADDR);
	ck_assert_uint_eq(ident_from_addr_bytes(bytes_of(b, 5)).type, IDENT_ANY);
	ck_assert_uint_eq(ident_from_addr_bytes(bytes_of(NULL, 0)).type, IDENT_ANY);
}
END_TEST

static const struct {
	const char *id, *pattern;
	int match;
} matches[] = {
    {"gw.example.org", "gw.example.org", 3},
    {"GW.Example.ORG", "gw.example.org", 3},
    {"gw.example.org", "gw.example.net", 0},
    {"gw.example.org", "%any", 1},
    {"192.0.2.7", "%any", 1},
    {"%any", "%any", 1},
    {"%any", "gw.example.org", 0},
    {"gw.example.org", "*.example.org", 2},
    {"gw.EXAMPLE.org", "*.example.org", 2},
    {"a.b.example.org", "*.example.org", 2},
    {"example.org", "*.example.org", 0},
    {"@.example.org", "*.example.org", 0},
    {"badexample.org", "*.example.org", 0},
    {"badexample.org", "@*example.org", 0},
    {"gw.example.org.evil", "*.example.org", 0},
    {"*.example.org", "*.example.org", 3},
    {"gw.example.org", "gw.*.org", 0},
    {"gw.example.org", "@*", 0},
    {"gw.example.org", "@*.", 0},
    {"alice@example.org", "*@example.org", 2},
    {"alice@example.org", "alice@example.org", 3},
    {"Alice@Example.org", "alice@example.org", 3},
    {"alice@sub.example.org", "*@example.org", 0},
    {"alice@example.org", "*.example.org", 0}, /* another kind */
    {"fqdn:alice@example.org", "alice@example.org", 0},
    {"fqdn:alice@example.org", "*@example.org", 0},
    {"keyid:abc", "@abc", 0},
    {"keyid:abc", "keyid:abc", 3},
    {"keyid:ABC", "keyid:abc", 0},
    {"keyid:a.example.org", "keyid:*.example.org", 0},
    {"192.0.2.7", "192.0.2.7", 3},
    {"192.0.2.7", "192.0.2.8", 0},
    {"@192.0.2.7", "192.0.2.7", 0},
    {"fd00::1", "fd00::1", 3},
};

START_TEST(match)
{
	struct ident id, pattern;

	ck_assert(ident_parse(&id, matches[_i].id));
	ck_assert(ident_parse(&pattern, matches[_i].pattern));
	ck_assert_int_eq(ident_match(&id, &pattern), matches[_i].match);
	if (pattern.type != IDENT_ANY) {
		ck_assert(ident_equal(&id, &pattern) == (matches[_i].match == 3));
	}
}
END_TEST

/* Whatever a peer sends is printable, and never reads as another identity than it is. */
START_TEST(random_bytes_are_shown_safely)
{
	struct rng r = {0x1d};
	static const uint8_t types[] = {IDENT_IPV4_ADDR, IDENT_FQDN, IDENT_RFC822_ADDR,
	    IDENT_IPV6_ADDR, IDENT_DER_ASN1_DN, IDENT_DER_ASN1_GN, IDENT_KEY_ID};
	static const char letters[] = "a.@#*:1%\"\\\n =,\xff";

	for (int round = 0; round < 50000; round++) {
		uint8_t b[24];
		size_t n = rng_below(&r, sizeof(b));
		struct ident id, back;
		char buf[IDENT_TEXT];
		for (size_t i = 0; i < n; i++) {
			b[i] = (uint8_t)letters[rng_below(&r, sizeof(letters))];
		}
		if (!ident_from_wire(&id, types[rng_below(&r, 7)], bytes_of(b, n))) {
			continue;
		}
		ident_text(&id, buf, sizeof(buf));
		for (const char *c = buf; *c != '\0'; c++) {
			ck_assert(*c >= 0x20 && *c <= 0x7e && *c != '"');
		}
		bool dn = id.type == IDENT_DER_ASN1_DN || id.type == IDENT_DER_ASN1_GN;
		if (!dn && strchr(buf, '\\') == NULL) {
			ck_assert_msg(
			    ident_parse(&back, buf) && ident_equal(&id, &back), "%s", buf);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ident");
	TCase *c = tcase_create("ident");

	tcase_add_loop_test(c, text, 0, COUNT(texts));
	tcase_add_test(c, lengths);
	tcase_add_loop_test(c, wire, 0, COUNT(wires));
	tcase_add_test(c, names_with_control_characters);
	tcase_add_test(c, from_addresses);
	tcase_add_loop_test(c, match, 0, COUNT(matches));
	tcase_add_test(c, random_bytes_are_shown_safely);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/*
 * The device's MTU.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/mtu.h"
#include "esp/esp.h"

START_TEST(takes_all_headers_off)
{
	ck_assert_uint_eq(mtu_inner(1500, ADDR_V4, 40), 1500 - 40 - 8 - 20);
	ck_assert_uint_eq(mtu_inner(1500, ADDR_V6, 40), 1500 - 40 - 8 - 40);
	ck_assert_uint_eq(mtu_inner(576, ADDR_V4, 40), MTU_LEAST);
	ck_assert_uint_eq(mtu_inner(0, ADDR_V6, UINT16_MAX), MTU_LEAST);
}
END_TEST

static struct config *config(const char *remote, const char *esp)
{
	struct config_notes notes;
	char text[1024];

	snprintf(text, sizeof text,
	    "secrets = ({type = \"psk\"; secret = \"x\";});"
	    "connections = { a = { remote_addrs = [\"%s\"];"
	    " local = {auth = \"psk\";}; remote = {auth = \"psk\";};"
	    " children = { c = { esp_proposals = [\"%s\"]; }; }; }; };",
	    remote, esp);
	struct config *c = config_load_text(text, "test.conf", &notes);
	ck_assert_msg(c != NULL, "%s", notes.n ? notes.v[0].text : "?");
	config_notes_free(&notes);
	return c;
}

START_TEST(worst_suite_and_family_count)
{
	static const struct {
		const char *remote, *esp;
		uint32_t outer;
	} rows[] = {{"192.0.2.1", "aes128gcm16", 20}, {"192.0.2.0/24", "aes128gcm16", 20},
	    {"2001:db8::1", "aes128gcm16", 40}, {"gw.example.org", "aes128gcm16", 40},
	    {"%any", "aes256-sha512", 40}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config *c = config(rows[i].remote, rows[i].esp);
		uint32_t over = mtu_overhead(&c->conns[0].children[0].esp_proposals);
		ck_assert_uint_ge(over, 8 + 2);
		ck_assert_uint_eq(mtu_of_config(c, 1500), 1500 - rows[i].outer - 8 - over);
		config_free(c);
	}
}
END_TEST

START_TEST(cbc_costs_its_hmac)
{
	struct config *a = config("192.0.2.1", "aes256-sha256"),
		      *b = config("192.0.2.1", "aes256-sha512");

	/* The ICV of HMAC-SHA-512-256 is 16 bytes longer: RFC 4868 section 2.6. */
	ck_assert_uint_eq(mtu_of_config(a, 1500), mtu_of_config(b, 1500) + 16);
	config_free(a);
	config_free(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/mtu");
	TCase *t = tcase_create("mtu");

	tcase_add_test(t, takes_all_headers_off);
	tcase_add_test(t, worst_suite_and_family_count);
	tcase_add_test(t, cbc_costs_its_hmac);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

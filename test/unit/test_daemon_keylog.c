/*
 * The tables for Wireshark.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/keylog.h"

static char folder[] = "/tmp/tunike-test-keylog-XXXXXX";

static struct bytes counting(uint8_t *dst, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = (uint8_t)i;
	return bytes_of(dst, n);
}

static struct secret secret_of(size_t n)
{
	uint8_t raw[64];
	struct secret s;
	ck_assert(secret_copy(&s, counting(raw, n)));
	return s;
}

static const char *content(const char *name)
{
	static char text[2048];
	char path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	size_t n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	unlink(path);
	return text;
}

static struct keylog *open_log(void)
{
	struct keylog *k;
	char why[256];

	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(keylog_open(&k, folder, why, sizeof why), 0);
	return k;
}

START_TEST(ike_line)
{
	struct keylog *k = open_log();
	struct ike_keys keys = {.spi_i = 0x0102030405060708,
	    .spi_r = 0xf1,
	    .suite = {.encr = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 128}},
	    .sk_ei = secret_of(20),
	    .sk_er = secret_of(2)};

	keylog_ike(k, &keys);
	keylog_close(k);
	ck_assert_str_eq(content("ikev2_decryption_table"),
	    "0102030405060708,00000000000000f1,000102030405060708090a0b0c0d0e0f10111213,0001,"
	    "\"AES-GCM-128 with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\"\n");
	ck_assert_str_eq(content("esp_sa"), "");
	rmdir(folder);
	secret_fini(&keys.sk_ei);
	secret_fini(&keys.sk_er);
}
END_TEST

/* A MAC that Wireshark cannot check is named by its length, so that it finds the end of the text.
 */
START_TEST(ike_line_of_another_mac)
{
	struct keylog *k = open_log();
	struct ike_keys keys = {.spi_i = 1,
	    .spi_r = 2,
	    .suite = {.encr = {TRANSFORM_ENCR, ENCR_AES_CBC, 128},
		.integ = {TRANSFORM_INTEG, INTEG_AES_XCBC_96, 0}},
	    .sk_ei = secret_of(2),
	    .sk_er = secret_of(2),
	    .sk_ai = secret_of(3),
	    .sk_ar = secret_of(1)};

	keylog_ike(k, &keys);
	keylog_close(k);
	ck_assert_str_eq(content("ikev2_decryption_table"),
	    "0000000000000001,0000000000000002,0001,0001,\"AES-CBC-128 [RFC3602]\",000102,00,"
	    "\"ANY 96-bits of Authentication [No Checking]\"\n");
	ck_assert_str_eq(content("esp_sa"), "");
	rmdir(folder);
	secret_fini(&keys.sk_ei);
	secret_fini(&keys.sk_er);
	secret_fini(&keys.sk_ai);
	secret_fini(&keys.sk_ar);
}
END_TEST

START_TEST(child_lines)
{
	struct keylog *k = open_log();
	struct ike_child_up up = {.suite = {.encr = {TRANSFORM_ENCR, ENCR_AES_CBC, 256},
				      .integ = {TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0}},
	    .spi_in = 0xaabb,
	    .spi_out = 0xccddeeff,
	    .encr_in = secret_of(2),
	    .integ_in = secret_of(3),
	    .encr_out = secret_of(4),
	    .integ_out = secret_of(1)};

	ck_assert(addr_parse(&up.local.addr, "192.0.2.1"));
	ck_assert(addr_parse(&up.remote.addr, "192.0.2.9"));
	keylog_child(k, &up);
	keylog_close(k);
	ck_assert_str_eq(content("esp_sa"),
	    "\"IPv4\",\"192.0.2.9\",\"192.0.2.1\",\"0x0000aabb\",\"AES-CBC [RFC3602]\",\"0x0001\","
	    "\"HMAC-SHA-256-128 [RFC4868]\",\"0x000102\"\n"
	    "\"IPv4\",\"192.0.2.1\",\"192.0.2.9\",\"0xccddeeff\",\"AES-CBC "
	    "[RFC3602]\",\"0x00010203\","
	    "\"HMAC-SHA-256-128 [RFC4868]\",\"0x00\"\n");
	content("ikev2_decryption_table");
	rmdir(folder);
	secret_fini(&up.encr_in);
	secret_fini(&up.integ_in);
	secret_fini(&up.encr_out);
	secret_fini(&up.integ_out);
}
END_TEST

START_TEST(says_what_is_wrong)
{
	struct keylog *k;
	char why[256];

	ck_assert_int_eq(keylog_open(&k, "/nonexistent-folder/below", why, sizeof why), -ENOENT);
	ck_assert_ptr_null(k);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent-folder/below"));
	keylog_ike(NULL, NULL);
	keylog_child(NULL, NULL);
	keylog_close(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/keylog");
	TCase *t = tcase_create("keylog");

	tcase_add_test(t, ike_line);

	tcase_add_test(t, ike_line_of_another_mac);
	tcase_add_test(t, child_lines);
	tcase_add_test(t, says_what_is_wrong);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

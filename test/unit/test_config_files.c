/*
 * The configuration: files beside it, their permissions, includes, the examples.
 */
#include "test_config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static const char *const names[] = {
    "t.conf", "a.psk", "inc.conf", "sub/deep.conf", "sub/b.psk", "sub"};

static void setup(void)
{
	char sub[80];

	strcpy(dir, "/tmp/tunike-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
}

static void teardown(void)
{
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	(void)rmdir(dir);
}

static void put_bytes(const char *name, mode_t mode, struct bytes b)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(b.p, 1, b.n, f), b.n);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void put(const char *name, mode_t mode, const char *text)
{
	put_bytes(name, mode, bytes_of(text, strlen(text)));
}

static struct config *load(struct config_notes *notes)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/t.conf", dir);
	return config_load(path, notes);
}

/* Loads and wants exactly this note; each %s in it stands for the folder. */
static void refused(const char *fmt)
{
	struct config_notes notes;
	char expected[1024] = "";

	for (const char *c = fmt; *c; c++) {
		if (*c == '%') {
			strcat(expected, dir);
		} else {
			strncat(expected, c, 1);
		}
	}
	ck_assert_ptr_null(load(&notes));
	ck_assert_uint_ge(notes.n, 1);
	ck_assert_str_eq(notes.v[0].text, expected);
	ck_assert_uint_eq(notes.n, 1);
	config_notes_free(&notes);
}

static struct config *accepted(void)
{
	struct config_notes notes;
	struct config *c = load(&notes);

	ck_assert_msg(notes.n == 0, "%s", notes.n ? notes.v[0].text : "");
	ck_assert_ptr_nonnull(c);
	config_notes_free(&notes);
	return c;
}

static void secret_is(const struct config *c, const char *text)
{
	ck_assert_uint_eq(c->secrets_n, 1);
	ck_assert(secret_equal(secret_bytes(&c->secrets[0].secret), bytes_of(text, strlen(text))));
}

#define FILE_SECRET "secrets = ({ type = \"psk\"; secret_file = \"a.psk\"; });"
#define INLINE_SECRET "secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });"

START_TEST(secret_file_beside_the_file)
{
	put("t.conf", 0644, FILE_SECRET);
	put("a.psk", 0600, "the secret of the file\r\n");
	struct config *c = accepted();
	secret_is(c, "the secret of the file");
	config_free(c);
}
END_TEST

START_TEST(secret_file_in_hex)
{
	put("t.conf", 0644, FILE_SECRET);
	put("a.psk", 0400, "0x4142434445464748494a4b4c4d4e4f50\n");
	struct config *c = accepted();
	secret_is(c, "ABCDEFGHIJKLMNOP");
	config_free(c);
}
END_TEST

START_TEST(secret_file_others_can_read)
{
	static const mode_t modes[] = {0640, 0604, 0660, 0644};

	put("t.conf", 0644, FILE_SECRET);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		put("a.psk", modes[i], "the secret of the file");
		refused("%/t.conf:1: secrets[0].secret_file: others can read this file, expected "
			"mode 0600: chmod 600 %/a.psk");
	}
}
END_TEST

START_TEST(secret_file_unusable)
{
	put("t.conf", 0644, FILE_SECRET);
	refused("%/t.conf:1: secrets[0].secret_file: %/a.psk cannot be opened: No such file or "
		"directory");
	put("a.psk", 0600, "\n");
	refused("%/t.conf:1: secrets[0].secret_file: is empty, expected a secret");
	put_bytes("a.psk", 0600, bytes_of("a\0b", 3));
	refused(
	    "%/t.conf:1: secrets[0].secret_file: %/a.psk has NUL bytes in it, expected text (0x "
	    "and hex digits for bytes)");
	put("t.conf", 0644, "secrets = ({ type = \"psk\"; secret_file = \"sub\"; });");
	refused("%/t.conf:1: secrets[0].secret_file: %/sub cannot be read: Is a directory");
}
END_TEST

START_TEST(secret_file_too_long)
{
	char *text = calloc(1, 5000);

	memset(text, 'a', 4999);
	put("t.conf", 0644, FILE_SECRET);
	put("a.psk", 0600, text);
	refused(
	    "%/t.conf:1: secrets[0].secret_file: %/a.psk is too long, expected at most 4098 bytes");
	text[4096] = '\0';
	put("a.psk", 0600, text);
	struct config *c = accepted();
	ck_assert_uint_eq(c->secrets[0].secret.n, 4096);
	config_free(c);
	free(text);
}
END_TEST

START_TEST(both_secrets)
{
	put("t.conf", 0600,
	    "secrets = ({ type = \"psk\"; secret_file = \"a.psk\"; secret = \"twenty "
	    "characters at least\"; });");
	put("a.psk", 0600, "the secret of the file");
	refused("%/t.conf:1: secrets[0]: has both secret and secret_file, expected one of them");
}
END_TEST

START_TEST(inline_secret_others_can_read)
{
	put("t.conf", 0640, INLINE_SECRET);
	refused("%/t.conf:1: secrets[0].secret: a secret in a file that others can read, expected "
		"mode 0600: chmod 600 %/t.conf");
	put("t.conf", 0600, INLINE_SECRET);
	struct config *c = accepted();
	secret_is(c, "twenty characters at least");
	config_free(c);
}
END_TEST

/* Lines and paths are those of the file that a setting stands in. */
START_TEST(include_keeps_lines_and_folders)
{
	put("t.conf", 0644,
	    "log = { level = \"info\"; };\n  @include \"sub/deep.conf\"\nwokers = 1;\n");
	put("sub/deep.conf", 0644,
	    "\nkeylog = \"keys\"; secrets = ({ type = \"psk\"; secret_file = "
	    "\"b.psk\"; });\ncrypto = \"nss\";");
	put("sub/b.psk", 0600, "the secret of the file");
	struct config_notes notes;
	char expected[256];
	ck_assert_ptr_null(load(&notes));
	ck_assert_uint_eq(notes.n, 2);
	snprintf(expected, sizeof(expected),
	    "%s/sub/deep.conf:3: crypto: \"nss\" is not a crypto, expected auto, openssl or "
	    "ipsec-mb",
	    dir);
	ck_assert_str_eq(notes.v[0].text, expected);
	snprintf(expected, sizeof(expected),
	    "%s/t.conf:3: wokers: unknown key, expected workers (the nearest)", dir);
	ck_assert_str_eq(notes.v[1].text, expected);
	config_notes_free(&notes);

	put("t.conf", 0644, "@include \"sub/deep.conf\"\n");
	put("sub/deep.conf", 0644,
	    "keylog = \"keys\"; secrets = ({ type = \"psk\"; secret_file = \"b.psk\"; });");
	struct config *c = accepted();
	snprintf(expected, sizeof(expected), "%s/sub/keys", dir);
	ck_assert_str_eq(c->keylog, expected);
	secret_is(c, "the secret of the file");
	config_free(c);
}
END_TEST

START_TEST(include_with_an_inline_secret)
{
	put("t.conf", 0600, "@include \"inc.conf\"\n");
	put("inc.conf", 0644, "\n" INLINE_SECRET);
	refused(
	    "%/inc.conf:2: secrets[0].secret: a secret in a file that others can read, expected "
	    "mode 0600: chmod 600 %/inc.conf");
	put("t.conf", 0644, "@include \"inc.conf\"\n");
	put("inc.conf", 0600, INLINE_SECRET);
	config_free(accepted());
}
END_TEST

START_TEST(include_errors)
{
	put("t.conf", 0644, "\n@include \"inc.conf\"\n");
	refused("%/t.conf:2: @include: \"%/inc.conf\" cannot be opened: No such file or directory");
	put("t.conf", 0644, "@include inc.conf\n");
	refused("%/t.conf:1: @include: unreadable, expected @include \"file\"");
	put("t.conf", 0644, "@include \"t.conf\"\n");
	refused(
	    "%/t.conf:1: @include: too many files in files, expected at most 64 in all, 8 deep");
	put("t.conf", 0644, "# it is\n@include \"inc.conf\"\n");
	put("inc.conf", 0644, "workers = ;");
	refused("%/inc.conf:1: this is no libconfig syntax, expected name = value;");
}
END_TEST

START_TEST(include_in_comments_and_strings)
{
	put("t.conf", 0644,
	    "/*\n@include \"x\"\n*/\nkeylog = \"/\n@include \\\"x\\\"\n\"; # \"\n"
	    "workers = 1;\n");
	struct config *c = accepted();
	ck_assert_str_eq(c->keylog, "/\n@include \"x\"\n");
	ck_assert_uint_eq(c->workers, 1);
	config_free(c);
}
END_TEST

START_TEST(file_errors)
{
	refused("%/t.conf: cannot be opened: No such file or directory");
	put_bytes("t.conf", 0644, bytes_of("workers = 1;\0\n", 14));
	refused("%/t.conf: there is a NUL byte in it, expected text");
	char *text = malloc((16 << 20) + 2);
	memset(text, '\n', (16 << 20) + 1);
	text[(16 << 20) + 1] = '\0';
	put("t.conf", 0644, text);
	refused("%/t.conf: is too long, expected at most 16777216 bytes");
	text[16 << 20] = '\0';
	put("t.conf", 0644, text);
	config_free(accepted());
	free(text);
}
END_TEST

START_TEST(relative_without_a_folder)
{
	struct config_notes notes;
	struct config *c = config_load_text("keylog = \"keys\";", "t.conf", &notes);

	ck_assert_str_eq(c->keylog, "keys");
	config_notes_free(&notes);
	config_free(c);
}
END_TEST

START_TEST(control_fits_a_socket)
{
	char text[256], name[128];
	struct config_notes notes;

	memset(name, 'a', sizeof(name));
	name[103] = '\0';
	snprintf(text, sizeof(text), "control = \"%s\";", name);
	struct config *c = config_load_text(text, "/xy/t.conf", &notes);
	ck_assert_uint_eq(strlen(c->control), 107);
	config_free(c);
	config_notes_free(&notes);
	ck_assert_ptr_null(config_load_text(text, "/xyz/t.conf", &notes));
	ck_assert_uint_eq(notes.n, 1);
	ck_assert_ptr_nonnull(
	    strstr(notes.v[0].text, "is too long with its folder, expected a path "
				    "of up to 107 characters"));
	config_notes_free(&notes);
}
END_TEST

/* The examples of the documentation load without a note once their secret is there. */
START_TEST(examples)
{
	static const char *const paths[] = {
	    "docs/examples/laptop.conf", "docs/examples/gateway.conf"};
	char text[1 << 14];

	put("a.psk", 0600, "0sMDEyMzQ1Njc4OWFiY2RlZg==");
	FILE *f = fopen(paths[_i], "r");
	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	char *at = strstr(text, "\"office.psk\"");
	ck_assert_ptr_nonnull(at);
	memcpy(at, "\"a.psk\"     ", strlen("\"office.psk\""));
	put("t.conf", 0644, text);
	struct config *c = accepted();
	ck_assert_ptr_nonnull(config_child_find(config_conn_find(c, "office"), "lan"));
	config_free(c);
}
END_TEST

TCase *files_case(void)
{
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, secret_file_beside_the_file);
	tcase_add_test(t, secret_file_in_hex);
	tcase_add_test(t, secret_file_others_can_read);
	tcase_add_test(t, secret_file_unusable);
	tcase_add_test(t, secret_file_too_long);
	tcase_add_test(t, both_secrets);
	tcase_add_test(t, inline_secret_others_can_read);
	tcase_add_test(t, include_keeps_lines_and_folders);
	tcase_add_test(t, include_with_an_inline_secret);
	tcase_add_test(t, include_errors);
	tcase_add_test(t, include_in_comments_and_strings);
	tcase_add_test(t, file_errors);
	tcase_add_test(t, relative_without_a_folder);
	tcase_add_test(t, control_fits_a_socket);
	tcase_add_loop_test(t, examples, 0, 2);
	return t;
}

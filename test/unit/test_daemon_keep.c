/*
 * Secrets that survive restarts.
 */
#include "daemon/signer/keep.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/req.h"

enum { N = 32 };

static char dir[64], folder[128], path[160], why[KEEP_WHY];

static void setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/tunike-keep-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(folder, sizeof folder, "%s/deep/down", dir);
	snprintf(path, sizeof path, "%s/one", folder);
}

static void teardown(void)
{
	char sub[160];

	(void)unlink(path);
	(void)rmdir(path);
	(void)rmdir(folder);
	snprintf(sub, sizeof sub, "%s/deep", dir);
	(void)rmdir(sub);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left */
}

static void put(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* Made once, in folders for nobody else, and the same ever after. */
START_TEST(made_once)
{
	REQ("6290-1.1-1", "6290-5-4");
	static const uint8_t zero[N];
	struct secret a, b;
	struct stat st;

	ck_assert_msg(keep_secret(&a, folder, "one", N, why), "%s", why);
	ck_assert_uint_eq(a.n, N);
	ck_assert(memcmp(a.p, zero, N) != 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(stat(folder, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert(keep_secret(&b, folder, "one", N, why));
	ck_assert(secret_equal(secret_bytes(&a), secret_bytes(&b)));
	secret_fini(&b);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(keep_secret(&b, folder, "one", N, why));
	ck_assert(!secret_equal(secret_bytes(&a), secret_bytes(&b)));
	secret_fini(&a);
	secret_fini(&b);
}
END_TEST

/* What others may read, or what is not a secret of ours, is refused, and stays as it is. */
START_TEST(refused)
{
	REQ("6290-9.1-5");
	static const struct {
		const char *text, *says;
		mode_t mode;
	} bad[] = {
	    {"0123456789abcdef0123456789abcdef", "open to others", 0640},
	    {"0123456789abcdef0123456789abcdef", "open to others", 0604},
	    {"too short", "size", 0600},
	    {"", "size", 0600},
	    {"0123456789abcdef0123456789abcdef+", "size", 0600},
	};
	struct secret s;

	ck_assert(keep_secret(&s, folder, "one", N, why));
	secret_fini(&s);
	put(bad[_i].text, bad[_i].mode);
	ck_assert(!keep_secret(&s, folder, "one", N, why));
	ck_assert_ptr_null(s.p);
	ck_assert_ptr_nonnull(strstr(why, bad[_i].says));
	ck_assert_ptr_nonnull(strstr(why, path));
}
END_TEST

START_TEST(no_file)
{
	struct secret s;

	ck_assert(keep_secret(&s, folder, "one", N, why));
	secret_fini(&s);
	ck_assert_int_eq(unlink(path), 0);
	if (_i)
		ck_assert_int_eq(symlink("/dev/zero", path), 0);
	else
		ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(!keep_secret(&s, folder, "one", N, why));
	ck_assert_ptr_null(s.p);
	ck_assert_ptr_nonnull(strstr(why, path));
}
END_TEST

START_TEST(no_folder)
{
	struct secret s;

	ck_assert(!keep_secret(&s, "/dev/null/here", "one", N, why));
	ck_assert_ptr_nonnull(strstr(why, "/dev/null/here"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon_keep");
	TCase *t = tcase_create("keep");
	SRunner *r = srunner_create(s);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, made_once);
	tcase_add_loop_test(t, refused, 0, 5);
	tcase_add_loop_test(t, no_file, 0, 2);
	tcase_add_test(t, no_folder);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * The command line: options, durations, exit codes of what needs no daemon.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

static const struct cli_command command = {.name = "test",
    .synopsis = "NAME",
    .options = CLI_OPT_CONFIG | CLI_OPT_CONTROL | CLI_OPT_UP | CLI_OPT_TIMEOUT | CLI_OPT_JSON,
    .names_min = 1,
    .names_max = 1};

static bool parse(struct cli_args *a, const char *const *words)
{
	static char *argv[16];
	static char kept[16][64];
	int n = 0;

	*a = (struct cli_args){0};
	for (; words[n]; n++) {
		snprintf(kept[n], sizeof kept[n], "%s", words[n]);
		argv[n] = kept[n];
	}
	return cli_parse(&command, n, argv, a);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(options_in_all_spellings)
{
	struct cli_args a;

	ck_assert(parse(&a, WORDS("-c", "x.conf", "office", "--timeout=90", "--json")));
	ck_assert_str_eq(a.config, "x.conf");
	ck_assert_str_eq(a.name, "office");
	ck_assert_uint_eq(a.timeout_ms, 90000);
	ck_assert(a.json);
	ck_assert(
	    parse(&a, WORDS("-cy.conf", "--control", "/s", "--up", "a", "--up=b/c", "--", "-n")));
	ck_assert_str_eq(a.config, "y.conf");
	ck_assert_str_eq(a.control, "/s");
	ck_assert_uint_eq(a.up_n, 2);
	ck_assert_str_eq(a.up[1], "b/c");
	ck_assert_str_eq(a.name, "-n");
	ck_assert(parse(&a, WORDS("--config=", "office")));
	ck_assert_str_eq(a.config, "");
}
END_TEST

START_TEST(what_is_refused)
{
	struct cli_args a;

	ck_assert(!parse(&a, WORDS("--jsno", "office")));
	ck_assert(!parse(&a, WORDS("--json=1", "office")));
	ck_assert(!parse(&a, WORDS("office", "--config")));
	ck_assert(!parse(&a, WORDS("office", "home")));
	ck_assert(!parse(&a, WORDS("--json")));
	ck_assert(!parse(&a, WORDS("office", "--timeout", "soon")));
	ck_assert(!parse(&a, WORDS("office", "-x")));
	ck_assert(!parse(&a, WORDS("office", "--debug-core"))); /* not of this command */
	ck_assert(!parse(&a, WORDS("office", "--control", "")));
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		uint64_t ms; /* 0: refused */
	} rows[] = {{"1", 1000}, {"30s", 30000}, {"5m", 300000}, {"2h", 7200000}, {"1d", 86400000},
	    {"", 0}, {"s", 0}, {"-1", 0}, {"1x", 0}, {"1ss", 0}, {"1 s", 0}, {"99999999999", 0}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t ms = 0;
		ck_assert_msg(
		    cli_duration(rows[i].text, &ms) == (rows[i].ms != 0), "%s", rows[i].text);
		ck_assert_uint_eq(ms, rows[i].ms);
	}
}
END_TEST

static int run(const char *const *words)
{
	static char kept[8][128];
	char *argv[9];
	int n = 0;

	for (; words[n]; n++) {
		snprintf(kept[n], sizeof kept[n], "%s", words[n]);
		argv[n] = kept[n];
	}
	argv[n] = NULL;
	return cli_main(n, argv);
}

START_TEST(exit_codes)
{
	unsetenv("TUNIKE_CONTROL");
	ck_assert_int_eq(run(WORDS("tunike")), CLI_USAGE);
	ck_assert_int_eq(run(WORDS("tunike", "help")), CLI_OK);
	ck_assert_int_eq(run(WORDS("tunike", "help", "status")), CLI_OK);
	ck_assert_int_eq(run(WORDS("tunike", "help", "statsu")), CLI_USAGE);
	ck_assert_int_eq(run(WORDS("tunike", "up", "--help")), CLI_OK);
	ck_assert_int_eq(run(WORDS("tunike", "--version")), CLI_OK);
	ck_assert_int_eq(run(WORDS("tunike", "algorithms")), CLI_OK);
	ck_assert_int_eq(run(WORDS("tunike", "stauts")), CLI_USAGE);
	ck_assert_int_eq(run(WORDS("tunike", "reload")), CLI_USAGE);
	ck_assert_int_eq(run(WORDS("tunike", "rekey")), CLI_USAGE);
	ck_assert_int_eq(run(WORDS("tunike", "rekey", "a", "--ike", "--control", "/nowhere.sock")),
	    CLI_NO_DAEMON);
	ck_assert_int_eq(run(WORDS("tunike", "connect", "--help")), CLI_OK);
	ck_assert_int_eq(
	    run(WORDS("tunike", "up", "a b", "--control", "/nowhere.sock")), CLI_USAGE);
	ck_assert_int_eq(
	    run(WORDS("tunike", "up", "a", "--control", "/nowhere.sock")), CLI_NO_DAEMON);
	ck_assert_int_eq(
	    run(WORDS("tunike", "down", "a", "--control", "/nowhere.sock")), CLI_NO_DAEMON);
	ck_assert_int_eq(
	    run(WORDS("tunike", "status", "--control", "/nowhere.sock")), CLI_NO_DAEMON);
	ck_assert_int_eq(run(WORDS("tunike", "check", "-c", "/nowhere.conf")), CLI_FAILED);
	ck_assert_int_eq(run(WORDS("tunike", "run", "-c", "/nowhere.conf")), CLI_FAILED);
}
END_TEST

START_TEST(where_the_socket_is)
{
	char path[CLI_PATH];
	struct cli_args a = {.config = "/nowhere.conf"};

	unsetenv("TUNIKE_CONTROL");
	ck_assert_str_eq(cli_control_path(&a, path), TUNIKE_CONTROL_DEFAULT);
	setenv("TUNIKE_CONTROL", "/env.sock", 1);
	ck_assert_str_eq(cli_control_path(&a, path), "/env.sock");
	a.control = "/given.sock";
	ck_assert_str_eq(cli_control_path(&a, path), "/given.sock");
	unsetenv("TUNIKE_CONTROL");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/cli");
	TCase *t = tcase_create("cli");

	tcase_add_test(t, options_in_all_spellings);
	tcase_add_test(t, what_is_refused);
	tcase_add_test(t, durations);
	tcase_add_test(t, exit_codes);
	tcase_add_test(t, where_the_socket_is);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * The page of limits is the table of limits: docs/limits.md has each row of ike/limits.h and
 * daemon/limits.h, and nothing else. `test_limits --print` writes the page's tables anew.
 */
#include "base/ident.h"
#include "base/proposal.h"
#include "base/ts.h"
#include "daemon/limits.h"
#include "esp/resync.h"
#include "ike/limits.h"

#include "test/unit/ike_test.h"

#include <stdio.h>

struct row {
	const char *name, *unit, *why;
	long long value;
};

#define WITH_VALUE(name, value, unit, why) {#name, unit, why, (value)},
#define BY_NAME(name, unit, why) {#name, unit, why, name},

static const struct row engine[] = {IKE_LIMIT_LIST(WITH_VALUE)};
static const struct row messages[] = {
    IKE_FIXED_LIMIT_LIST(WITH_VALUE) IKE_BASE_LIMIT_LIST(BY_NAME)};
static const struct row packets[] = {DAEMON_LIMIT_LIST(WITH_VALUE) ESP_LIMIT_LIST(BY_NAME)};

static const struct table {
	const char *title;
	const struct row *rows;
	size_t n;
} tables[] = {
    {"Of the engine, settable", engine, sizeof engine / sizeof engine[0]},
    {"Of messages, rounds and repetitions", messages, sizeof messages / sizeof messages[0]},
    {"Of sockets, queues and packets", packets, sizeof packets / sizeof packets[0]},
};

enum { TABLES = sizeof tables / sizeof tables[0], PAGE = 1 << 16 };

static void write_tables(FILE *to)
{
	for (size_t i = 0; i < TABLES; i++) {
		fprintf(to, "\n## %s\n\n| limit | value | unit | why |\n|---|---|---|---|\n",
		    tables[i].title);
		for (size_t k = 0; k < tables[i].n; k++) {
			const struct row *r = &tables[i].rows[k];

			fprintf(
			    to, "| `%s` | %lld | %s | %s |\n", r->name, r->value, r->unit, r->why);
		}
	}
}

START_TEST(page)
{
	static char want[PAGE], have[PAGE];
	FILE *to = fmemopen(want, sizeof want - 1, "w");
	FILE *from = fopen(TEST_LIMITS_PAGE, "r");
	size_t n;
	char *tables_at;

	ck_assert_ptr_nonnull(to);
	ck_assert_ptr_nonnull(from);
	write_tables(to);
	fclose(to);
	n = fread(have, 1, sizeof have - 1, from);
	fclose(from);
	ck_assert_uint_lt(n, sizeof have - 1);
	tables_at = strstr(have, "\n## ");
	ck_assert_ptr_nonnull(tables_at);
	ck_assert_msg(strcmp(tables_at, want) == 0,
	    "docs/limits.md is not what `test_limits --print` writes; it should be:\n%s", want);
}
END_TEST

/* Each says why it is there, and what it counts. */
START_TEST(every_limit_has_its_reason)
{
	for (size_t i = 0; i < TABLES; i++) {
		for (size_t k = 0; k < tables[i].n; k++) {
			ck_assert_str_ne(tables[i].rows[k].unit, "");
			ck_assert_str_ne(tables[i].rows[k].why, "");
			ck_assert_int_gt(tables[i].rows[k].value, 0);
		}
	}
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("limits");

	if (argc == 2 && strcmp(argv[1], "--print") == 0) {
		write_tables(stdout);
		return EXIT_SUCCESS;
	}
	add_test(s, "page", page);
	add_test(s, "every_limit_has_its_reason", every_limit_has_its_reason);
	return run_suite(s);
}

/*
 * The manual page names every key of the schema with its default.
 */
#include "test_config.h"

#include <stdlib.h>
#include <string.h>

static char *page(void)
{
	FILE *f = fopen("docs/man/tunike.conf.5", "r");
	char *text = calloc(1, 1 << 18);

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_gt(fread(text, 1, (1 << 18) - 1, f), 0);
	fclose(f);
	return text;
}

struct count {
	const char *text;
	size_t keys;
};

/* ".It Cm KEY" on a line of its own, and before the next such line "default: VALUE". */
static void key_is_there(void *arg, const struct config_key *key)
{
	struct count *count = arg;
	char head[300], def[300];

	snprintf(head, sizeof(head), "\n.It Cm %s\n", key->path);
	const char *at = strstr(count->text, head);
	ck_assert_msg(at, "the manual page has no %s", key->path);
	ck_assert_msg(key->help && key->help[0], "%s has no help", key->path);
	count->keys++;
	if (key->fallback == NULL) {
		return;
	}
	snprintf(def, sizeof(def), "default: %s.\n", key->fallback[0] ? key->fallback : "empty");
	const char *next = strstr(at + 1, "\n.It Cm "), *found = strstr(at, def);
	ck_assert_msg(found && (!next || found < next), "%s: no %s", key->path, def);
}

START_TEST(the_manual_page_has_every_key)
{
	struct count count = {page(), 0};

	config_keys_each(key_is_there, &count);
	ck_assert_uint_gt(count.keys, 50);
	/* And no other. */
	for (const char *at = count.text; (at = strstr(at, "\n.It Cm ")); at++) {
		count.keys--;
	}
	ck_assert_uint_eq(count.keys, 0);
	free((void *)(uintptr_t)count.text);
}
END_TEST

TCase *help_case(void)
{
	TCase *t = tcase_create("help");

	tcase_add_test(t, the_manual_page_has_every_key);
	return t;
}

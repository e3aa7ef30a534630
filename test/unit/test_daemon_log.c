/*
 * The log's lines: both forms, escaping, levels, the limit for what strangers cause.
 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

static uint64_t now;

static uint64_t clock_of_test(void)
{
	return now;
}

static char *written;
static size_t written_n;

static struct log log_of_test(enum config_log_format format)
{
	struct log l;

	now = 1000;
	log_init(&l, open_memstream(&written, &written_n));
	l.format = format;
	l.now_ms = clock_of_test;
	return l;
}

static void end_of_test(struct log *l)
{
	fclose(l->to);
	free(written);
}

static void strange(struct log *l, struct log_limit *limit)
{
	struct log_line line;
	log_begin(&line, l, LOG_INFO, "strange", limit);
	log_str(&line, "plain", "a-b.c:1");
	log_str(&line, "text", "a \"b\" \\ c\n\x01 d=e \xff\xc3\xa9");
	log_u64(&line, "n", 7);
	log_bool(&line, "yes", true);
	log_end(&line);
}

START_TEST(text_line)
{
	struct log l = log_of_test(LOG_TEXT);

	strange(&l, NULL);
	ck_assert_ptr_nonnull(
	    strstr(written, "Z level=info event=strange plain=a-b.c:1 text=\"a "));
	ck_assert_ptr_nonnull(
	    strstr(written, "a \\\"b\\\" \\\\ c\\x0a\\x01 d=e \\xff\xc3\xa9\" n=7 yes=true\n"));
	ck_assert_ptr_eq(strchr(written, '\n'), written + written_n - 1);
	end_of_test(&l);
}
END_TEST

START_TEST(json_line)
{
	struct log l = log_of_test(LOG_JSON);

	strange(&l, NULL);
	json_t *o = json_loads(written, 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(json_string_value(json_object_get(o, "event")), "strange");
	ck_assert_str_eq(json_string_value(json_object_get(o, "text")),
	    "a \"b\" \\ c\n\x01 d=e \xc3\xbf\xc3\xa9");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "n")), 7);
	ck_assert(json_is_true(json_object_get(o, "yes")));
	json_decref(o);
	end_of_test(&l);
}
END_TEST

START_TEST(long_lines_end)
{
	struct log l = log_of_test(LOG_JSON);
	struct log_line line;
	char *long_text = malloc(3 * LOG_LINE);

	memset(long_text, 'x', 3 * LOG_LINE - 1);
	long_text[3 * LOG_LINE - 1] = '\0';
	log_begin(&line, &l, LOG_ERROR, "long", NULL);
	log_str(&line, "text", long_text);
	log_end(&line);
	json_t *o = json_loads(written, 0, NULL);
	ck_assert_ptr_nonnull(o);
	json_decref(o);
	free(long_text);
	end_of_test(&l);
}
END_TEST

START_TEST(below_the_level_is_silent)
{
	struct log l = log_of_test(LOG_TEXT);

	l.level = LOG_WARNING;
	log_say(&l, LOG_INFO, "quiet", "not to be seen");
	log_say(&l, LOG_WARNING, "loud", "to be %s", "seen");
	fflush(l.to);
	ck_assert_ptr_null(strstr(written, "quiet"));
	ck_assert_ptr_nonnull(strstr(written, "event=loud text=\"to be seen\""));
	end_of_test(&l);
}
END_TEST

START_TEST(limit_counts_what_it_holds_back)
{
	struct log l = log_of_test(LOG_TEXT);
	struct log_limit limit = {.burst = 3, .every_ms = 500};

	for (int i = 0; i < 10; i++)
		strange(&l, &limit);
	size_t lines = 0;
	for (const char *p = written; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	ck_assert_uint_eq(lines, 3);
	now += 499;
	ck_assert(!log_limit_take(&limit, now));
	now += 1;
	strange(&l, &limit);
	ck_assert_ptr_nonnull(strstr(written, "suppressed=8"));
	now += 1000000;
	for (int i = 0; i < 3; i++)
		ck_assert(log_limit_take(&limit, now));
	ck_assert(!log_limit_take(&limit, now));
	end_of_test(&l);
}
END_TEST

START_TEST(event_of_the_engine)
{
	struct log l = log_of_test(LOG_TEXT);
	struct config_conn conn = {.name = (char *)(uintptr_t) "office"};
	struct ike_event ev = {.kind = IKE_EV_IKE_DOWN,
	    .ref = {.ike_id = 4, .tag = 1, .conn = &conn},
	    .reason = {.err = IKE_ETIMEOUT, .text = "nobody answered"}};

	log_event(&l, &ev);
	ck_assert_ptr_nonnull(strstr(written, "level=warning event=ike-down conn=office ike=4 "
					      "established=false text=\"nobody answered\""));
	ev.reason.err = IKE_ELOCALDELETE;
	log_event(&l, &ev);
	ck_assert_ptr_nonnull(strstr(written, "level=info event=ike-down"));
	end_of_test(&l);
}
END_TEST

START_TEST(strangers_events_are_limited)
{
	struct log l = log_of_test(LOG_TEXT);
	struct ike_event ev = {.kind = IKE_EV_STEP, .reason = {.text = "somebody knocks"}};

	for (int i = 0; i < 1000; i++)
		log_event(&l, &ev);
	size_t lines = 0;
	for (const char *p = written; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	ck_assert_uint_eq(lines, 20);
	end_of_test(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/log");
	TCase *t = tcase_create("log");

	tcase_add_test(t, text_line);
	tcase_add_test(t, json_line);
	tcase_add_test(t, long_lines_end);
	tcase_add_test(t, below_the_level_is_silent);
	tcase_add_test(t, limit_counts_what_it_holds_back);
	tcase_add_test(t, event_of_the_engine);
	tcase_add_test(t, strangers_events_are_limited);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

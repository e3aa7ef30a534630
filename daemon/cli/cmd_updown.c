/*
 * tunike up, down and rekey: ask the daemon, print what it says.
 */
#include "daemon/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cli/ask.h"

/* What was heard so far. */
struct story {
	char last[1100]; /* step */
};

static void print_line(void *arg, json_t *o)
{
	struct story *story = arg;
	const char *step = json_string_value(json_object_get(o, "step"));
	const char *text = json_string_value(json_object_get(o, "text"));
	const json_t *code = json_object_get(o, "exit");

	if (step) {
		puts(step);
		snprintf(story->last, sizeof story->last, "%s", step);
	}
	if (text && *text) {
		FILE *to = json_integer_value(code) == 0 ? stdout : stderr;
		fflush(stdout);
		fprintf(to, "%s%s\n", to == stderr ? "tunike: " : "", text);
	}
	fflush(stdout);
}

int cli_no_answer(enum control_result r, const char *path)
{
	switch (r) {
	case CONTROL_DONE: return CLI_OK;
	case CONTROL_NO_DAEMON:
		fprintf(stderr, "tunike: there is no daemon on %s: %s%s\n", path, strerror(errno),
		    errno == EACCES ? "; run as root" : "; start it with `tunike run`");
		return CLI_NO_DAEMON;
	case CONTROL_BROKEN:
	case CONTROL_TIMEOUT:
		fprintf(stderr, "tunike: the daemon on %s ended before it answered\n", path);
		return CLI_FAILED;
	}
	return CLI_FAILED;
}

/* `state`: what it should be at the end. */
static int ask_about(const struct cli_args *a, const char *verb, const char *state)
{
	const char *second = a->second ? a->second : "";
	char path[CLI_PATH], line[CONTROL_LINE];
	struct story story = {{0}};
	int code = CLI_FAILED;

	if (strpbrk(a->name, " \t\r\n") || strpbrk(second, " \t\r\n") ||
	    snprintf(line, sizeof line, "%s %s%s%s", verb, a->name, *second ? " " : "", second) >=
		(int)sizeof line - 1) {
		fprintf(stderr, "tunike %s: \"%s%s%s\" names nothing\n", verb, a->name,
		    *second ? " " : "", second);
		return CLI_USAGE;
	}
	enum control_result r =
	    control_ask(cli_control_path(a, path), line, a->timeout_ms, print_line, &story, &code);
	if (r == CONTROL_DONE)
		return code;
	if (r != CONTROL_TIMEOUT)
		return cli_no_answer(r, path);
	fprintf(stderr,
	    "tunike: %s is not %s after %llu s%s%s; the daemon goes on, `tunike status %.*s` "
	    "shows how it stands\n",
	    a->name, state, (unsigned long long)(a->timeout_ms / 1000),
	    *story.last ? ", and nothing has come since: " : "", story.last,
	    (int)strcspn(a->name, "/"), a->name);
	return CLI_FAILED;
}

int cli_up(const struct cli_args *a)
{
	return ask_about(a, "up", "up");
}

int cli_down(const struct cli_args *a)
{
	return ask_about(a, "down", "down");
}

int cli_rekey(const struct cli_args *a)
{
	return ask_about(a, a->ike ? "rekey-ike" : "rekey", "rekeyed");
}

int cli_redirect(const struct cli_args *a)
{
	return ask_about(a, "redirect", "sent to another gateway");
}

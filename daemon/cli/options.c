/*
 * The table of options, and reading them.
 */
#include "daemon/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

struct option {
	unsigned bit;
	char letter; /* 0: none */
	const char *name, *arg, *help;
	bool (*set)(struct cli_args *a, const char *value);
};

static bool set_config(struct cli_args *a, const char *value)
{
	a->config = value;
	return true;
}

static bool set_control(struct cli_args *a, const char *value)
{
	a->control = value;
	return *value != '\0' && strlen(value) < CLI_PATH;
}

static bool set_up(struct cli_args *a, const char *value)
{
	if (a->up_n == CLI_UPS)
		return false;
	a->up[a->up_n++] = value;
	return true;
}

static bool set_timeout(struct cli_args *a, const char *value)
{
	return cli_duration(value, &a->timeout_ms);
}

static bool set_json(struct cli_args *a, const char *value)
{
	(void)value;
	return a->json = true;
}

static bool set_debug_core(struct cli_args *a, const char *value)
{
	(void)value;
	return a->debug_core = true;
}

static bool set_ike(struct cli_args *a, const char *value)
{
	(void)value;
	return a->ike = true;
}

/* clang-format off */
static const struct option options[] = {
	/* bit               letter name         argument  help                                          set */
	{CLI_OPT_CONFIG,     'c',  "config",     "FILE",   "the configuration file",                     set_config},
	{CLI_OPT_CONTROL,    0,    "control",    "SOCKET", "the control socket, at most 107 bytes",      set_control},
	{CLI_OPT_UP,         0,    "up",         "NAME",   "bring this connection, or NAME/CHILD, up and keep it up", set_up},
	{CLI_OPT_TIMEOUT,    0,    "timeout",    "TIME",   "wait no longer: 30s, 5m (default: until the outcome)", set_timeout},
	{CLI_OPT_JSON,       0,    "json",       NULL,     "print JSON",                                 set_json},
	{CLI_OPT_IKE,        0,    "ike",        NULL,     "the IKE SA, not its children",               set_ike},
	{CLI_OPT_DEBUG_CORE, 0,    "debug-core", NULL,     "allow core dumps, which hold keys",          set_debug_core},
};
/* clang-format on */

enum { OPTIONS = sizeof options / sizeof options[0] };

bool cli_duration(const char *text, uint64_t *ms)
{
	static const struct {
		char unit;
		uint64_t ms;
	} units[] = {{'\0', 1000}, {'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 9)
		return false;
	uint64_t n = strtoull(text, &end, 10);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (*end != units[i].unit || (*end && end[1]))
			continue;
		*ms = n * units[i].ms;
		return true;
	}
	return false;
}

void cli_print_options(unsigned bits)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *o = &options[i];
		char left[40];
		if (!(bits & o->bit))
			continue;
		snprintf(left, sizeof left, "%c%c%s--%s%s%s", o->letter ? '-' : ' ',
		    o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
		    o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-24s %s\n", left, o->help);
	}
}

static bool unknown_option(const struct cli_command *c, const char *arg)
{
	const char *words[OPTIONS];
	size_t n = 0;
	char name[64];

	for (size_t i = 0; i < OPTIONS; i++)
		if (c->options & options[i].bit)
			words[n++] = options[i].name;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(arg + strspn(arg, "-"), "="),
	    arg + strspn(arg, "-"));
	const char *near = n ? config_nearest(name, words, n) : NULL;
	fprintf(stderr, "tunike %s: there is no option %s%s%s%s; `tunike help %s` lists them\n",
	    c->name, arg, near ? ", did you mean --" : "", near ? near : "", near ? "?" : "",
	    c->name);
	return false;
}

/* The option that `arg` names; *value points to what follows "=" or the letter, NULL without. */
static const struct option *find_option(unsigned bits, const char *arg, const char **value)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *o = &options[i];
		size_t n = strlen(o->name);
		*value = NULL;
		if (!(bits & o->bit))
			continue;
		if (o->letter && arg[1] == o->letter) {
			*value = arg[2] ? arg + 2 : NULL;
			return o;
		}
		if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, o->name, n) != 0)
			continue;
		if (arg[2 + n] == '=')
			*value = arg + 3 + n;
		if (arg[2 + n] == '=' || arg[2 + n] == '\0')
			return o;
	}
	return NULL;
}

static bool bad_option(const struct cli_command *c, const char *arg, const char *what)
{
	fprintf(stderr, "tunike %s: option %s %s\n", c->name, arg, what);
	return false;
}

static bool parse_option(
    const struct cli_command *c, int n, char **argv, int *at, struct cli_args *out)
{
	const char *arg = argv[*at], *value;
	const struct option *o = find_option(c->options, arg, &value);

	if (!o)
		return unknown_option(c, arg);
	if (!o->arg && value)
		return bad_option(c, arg, "takes no value");
	if (o->arg && !value) {
		if (*at + 1 >= n)
			return bad_option(c, arg, "needs a value");
		value = argv[++*at];
	}
	if (!o->set(out, value)) {
		fprintf(stderr, "tunike %s: \"%s\" does not fit --%s: %s\n", c->name, value,
		    o->name, o->help);
		return false;
	}
	return true;
}

bool cli_parse(const struct cli_command *c, int n, char **argv, struct cli_args *out)
{
	unsigned names = 0;
	bool only_names = false;

	for (int i = 0; i < n; i++) {
		if (!only_names && strcmp(argv[i], "--") == 0) {
			only_names = true;
		} else if (!only_names && argv[i][0] == '-' && argv[i][1]) {
			if (!parse_option(c, n, argv, &i, out))
				return false;
		} else if (++names > c->names_max) {
			fprintf(stderr, "tunike %s: \"%s\" is one argument too many\n", c->name,
			    argv[i]);
			return false;
		} else if (names == 1) {
			out->name = argv[i];
		} else {
			out->second = argv[i];
		}
	}
	if (names < c->names_min) {
		fprintf(stderr, "tunike %s: %s is missing; usage: tunike %s %s\n", c->name,
		    names ? "an argument" : "a name", c->name, c->synopsis);
		return false;
	}
	return true;
}

const char *cli_control_path(const struct cli_args *a, char dst[CLI_PATH])
{
	const char *env = getenv("TUNIKE_CONTROL");
	const char *file = a->config ? a->config : TUNIKE_CONFIG_DEFAULT;
	const char *path = a->control ? a->control : env && *env ? env : NULL;

	if (path || access(file, R_OK) != 0) {
		snprintf(dst, CLI_PATH, "%s", path ? path : TUNIKE_CONTROL_DEFAULT);
		return dst;
	}
	struct config_notes notes;
	struct config *c = config_load(file, &notes);
	snprintf(dst, CLI_PATH, "%s",
	    c && c->control && *c->control ? c->control : TUNIKE_CONTROL_DEFAULT);
	config_free(c);
	config_notes_free(&notes);
	return dst;
}

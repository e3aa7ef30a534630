/*
 * The table of commands, and help.
 */
#include "daemon/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

static int show_help(const struct cli_args *a);

/* clang-format off */
#define CONFIG_NOTE \
	"Without -c the file is " TUNIKE_CONFIG_DEFAULT "."
#define CONTROL_NOTE \
	"The daemon is reached by its control socket: --control, else TUNIKE_CONTROL, else `control` of the\n" \
	"configuration file, else " TUNIKE_CONTROL_DEFAULT "."
#define LATER "This command is not supported yet."

static const struct cli_command commands[] = {
	{"run", "[-c FILE] [--up NAME]…", "run the daemon in the foreground",
	 "Reads the configuration, starts what has start_action = \"start\", and serves until SIGTERM or Ctrl-C, which\n"
	 "delete the SAs and put back routes and addresses. The log goes to standard error. " CONFIG_NOTE,
	 CLI_OPT_CONFIG | CLI_OPT_CONTROL | CLI_OPT_UP | CLI_OPT_DEBUG_CORE, 0, 0, cli_run},
	{"connect", "[options] GATEWAY", "a client without a configuration file", LATER, 0, 0, 0, NULL},
	{"up", "NAME[/CHILD] [--timeout 30s]", "bring a connection up and wait for the outcome",
	 "Prints one line per step, then the outcome. Exits with 0: it is up, 1: it failed, for the reason printed,\n"
	 "2: usage, 3: there is no daemon. " CONTROL_NOTE,
	 CLI_OPT_CONFIG | CLI_OPT_CONTROL | CLI_OPT_TIMEOUT, 1, 1, cli_up},
	{"down", "NAME[/CHILD]", "delete a connection, or one child of it",
	 "Waits until it is gone. " CONTROL_NOTE,
	 CLI_OPT_CONFIG | CLI_OPT_CONTROL, 1, 1, cli_down},
	{"rekey", "NAME[/CHILD] [--ike] [--timeout 30s]", "make new keys now",
	 "For all children that are up, for one, or with --ike for the IKE SA. Waits for the outcome. Exits with 0: there\n"
	 "are new keys, 1: there are none, for the reason printed; the old ones stay in force. " CONTROL_NOTE,
	 CLI_OPT_CONFIG | CLI_OPT_CONTROL | CLI_OPT_TIMEOUT | CLI_OPT_IKE, 1, 1, cli_rekey},
	{"redirect", "NAME GATEWAY", "send the peers of a connection to another gateway",
	 "GATEWAY is an address or a name. Only peers that called us, and that announce to go along (RFC 5685), can be\n"
	 "sent; they set up what they have there and delete it here. Exits with 0: one at least was told, 1: none. "
	 CONTROL_NOTE,
	 CLI_OPT_CONFIG | CLI_OPT_CONTROL, 2, 2, cli_redirect},
	{"status", "[NAME] [--json]", "what is up, with whom, how protected, what passed, what was dropped",
	 "Exits with 0: something is up, 1: nothing is up, 3: there is no daemon. " CONTROL_NOTE,
	 CLI_OPT_CONFIG | CLI_OPT_CONTROL | CLI_OPT_JSON, 0, 1, cli_status},
	{"watch", "[--json]", "the same, live", LATER, 0, 0, 0, NULL},
	{"check", "[-c FILE]", "validate a configuration",
	 "Prints every error and warning as file:line: path: problem, expected …, and exits with 1 if there was an\n"
	 "error. " CONFIG_NOTE,
	 CLI_OPT_CONFIG, 0, 1, cli_check},
	{"reload", "", "apply a changed file", LATER, 0, 0, 0, NULL},
	{"algorithms", "", "every transform, and whether this build and this OpenSSL can do it",
	 "One line each: type, name, the word for proposals, and whether it can protect IKE and ESP here.",
	 0, 0, 0, cli_algorithms},
	{"version", "", "version, build options, library versions", "", 0, 0, 0, cli_version},
	{"help", "[COMMAND]", "this, or more about one command", "", 0, 0, 1, show_help},
};
/* clang-format on */

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct cli_command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void overview(FILE *to)
{
	fprintf(to, "tunike: IKEv2 and ESP in user space\n\nUsage: tunike COMMAND [options]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s  %s%s\n", commands[i].name, commands[i].summary,
		    commands[i].run ? "" : " (not supported yet)");
	fprintf(to, "\n`tunike help COMMAND` says more; the manual is tunike(1), the file's "
		    "tunike.conf(5).\n");
}

static void about(const struct cli_command *c)
{
	printf("Usage: tunike %s%s%s\n\n%s\n", c->name, *c->synopsis ? " " : "", c->synopsis,
	    c->summary);
	if (*c->help)
		printf("\n%s\n", c->help);
	if (c->options)
		printf("\n");
	cli_print_options(c->options);
}

static int unknown(const char *name)
{
	const char *words[COMMANDS];
	for (size_t i = 0; i < COMMANDS; i++)
		words[i] = commands[i].name;
	const char *near = config_nearest(name, words, COMMANDS);
	fprintf(stderr, "tunike: there is no command \"%s\"%s%s%s; `tunike help` lists them\n",
	    name, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return CLI_USAGE;
}

static int show_help(const struct cli_args *a)
{
	if (!a->name) {
		overview(stdout);
		return CLI_OK;
	}
	const struct cli_command *c = find(a->name);
	if (!c)
		return unknown(a->name);
	about(c);
	return CLI_OK;
}

static bool asks_help(int n, char **argv)
{
	for (int i = 0; i < n; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run_command(const struct cli_command *c, int n, char **argv)
{
	struct cli_args a = {0};

	if (asks_help(n, argv)) {
		about(c);
		return CLI_OK;
	}
	if (!c->run) {
		fprintf(stderr, "tunike: %s is not supported yet\n", c->name);
		return CLI_USAGE;
	}
	if (!cli_parse(c, n, argv, &a))
		return CLI_USAGE;
	return c->run(&a);
}

/* What was printed must have arrived: a full disk is an error. */
static int flush(int rc)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	perror("tunike: cannot write to standard output");
	return rc ? rc : CLI_FAILED;
}

int cli_main(int argc, char **argv)
{
	if (argc < 2) {
		overview(stderr);
		return CLI_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	const struct cli_command *c = find(name);
	if (!c)
		return unknown(name);
	return flush(run_command(c, argc - 2, argv + 2));
}

/*
 * The command line: one table of commands, one table of options.
 */
#ifndef DAEMON_CLI_CLI_H
#define DAEMON_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TUNIKE_CONFIG_DEFAULT "/etc/tunike/tunike.conf"
#define TUNIKE_CONTROL_DEFAULT "/run/tunike/control.sock"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3,
};

enum {
	CLI_UPS = 64,
	CLI_PATH = 108
}; /* the length of a socket's path ends with the kernel's 108 */

enum cli_option_bit {
	CLI_OPT_CONFIG = 1 << 0,
	CLI_OPT_CONTROL = 1 << 1,
	CLI_OPT_UP = 1 << 2,
	CLI_OPT_TIMEOUT = 1 << 3,
	CLI_OPT_JSON = 1 << 4,
	CLI_OPT_DEBUG_CORE = 1 << 5,
	CLI_OPT_IKE = 1 << 6,
};

/* What was typed; all strings borrowed from argv. */
struct cli_args {
	const char *config;  /* NULL: not given */
	const char *control; /* NULL: not given */
	const char *name;    /* NULL: not given */
	const char *second;  /* after the name; NULL: not given */
	const char *up[CLI_UPS];
	size_t up_n;
	uint64_t timeout_ms; /* 0: for ever */
	bool json, debug_core, help, ike;
};

struct cli_command {
	const char *name, *synopsis, *summary, *help;
	unsigned options; /* enum cli_option_bit */
	unsigned names_min, names_max;
	int (*run)(const struct cli_args *a); /* returns an exit code; NULL: not built yet */
};

int cli_main(int argc, char **argv); /* returns the exit code */

/* ---- options.c ---- */

/* Reads argv[0 .. n) of a command. False after an error, which it has printed. */
bool cli_parse(const struct cli_command *c, int n, char **argv, struct cli_args *out);
void cli_print_options(unsigned options);
/* "30", "30s", "5m", "1h", "2d" to milliseconds. */
bool cli_duration(const char *text, uint64_t *ms);
/* Where the daemon's control socket is: --control, TUNIKE_CONTROL, `control` of the file, the
 * default. Returns dst. */
const char *cli_control_path(const struct cli_args *a, char dst[CLI_PATH]);

/* ---- the commands ---- */

int cli_run(const struct cli_args *a);
int cli_up(const struct cli_args *a);
int cli_down(const struct cli_args *a);
int cli_rekey(const struct cli_args *a);
int cli_redirect(const struct cli_args *a);
int cli_status(const struct cli_args *a);
int cli_check(const struct cli_args *a);
int cli_algorithms(const struct cli_args *a);
int cli_version(const struct cli_args *a);

#endif

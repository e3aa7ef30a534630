/*
 * tunike run.
 */
#include "daemon/cli/cli.h"
#include "daemon/daemon.h"

int cli_run(const struct cli_args *a)
{
	struct daemon_options opt = {.config_path = a->config ? a->config : TUNIKE_CONFIG_DEFAULT,
	    .control_path = a->control,
	    .up = a->up,
	    .up_n = a->up_n,
	    .debug_core = a->debug_core};
	return daemon_run(&opt);
}

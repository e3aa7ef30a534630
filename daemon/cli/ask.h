/*
 * What the commands that talk to the daemon share.
 */
#ifndef DAEMON_CLI_ASK_H
#define DAEMON_CLI_ASK_H

#include "daemon/control/control.h"

/* Says why there was no answer (errno still tells why there is no daemon); the exit code. */
int cli_no_answer(enum control_result r, const char *path);

#endif

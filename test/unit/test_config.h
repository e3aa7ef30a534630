/*
 * What the suites of config/ share.
 */
#ifndef TEST_CONFIG_H
#define TEST_CONFIG_H

#include <check.h>

#include "config/config.h"

/* A connection that is complete but for what the caller puts in. */
#define CONN_HEAD                                                                    \
	"local = { auth = \"psk\"; }; remote = { auth = \"psk\"; }; remote_addrs = " \
	"\"192.0.2.1\"; "
#define CONN(more)                                                                    \
	"secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });\n" \
	"connections = { c = { " CONN_HEAD "children = { x = { }; }; " more " }; };"
#define CHILD(more)                                                                   \
	"secrets = ({ type = \"psk\"; secret = \"twenty characters at least\"; });\n" \
	"connections = { c = { " CONN_HEAD "children = { x = { " more " }; }; }; };"

/* Fails the test with all notes if the text does not load without one. */
struct config *load_clean(const char *text);

TCase *errors_case(void);
TCase *files_case(void);
TCase *help_case(void);

#endif

/*
 * The control socket: one line of words in, lines of JSON out.
 *
 *     > up office/lan
 *     < {"step": "…"}
 *     < {"exit": 0, "text": "office/lan is up"}
 */
#ifndef DAEMON_CONTROL_CONTROL_H
#define DAEMON_CONTROL_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/conns.h"

struct daemon;
struct control;
struct control_client;

enum {
	CONTROL_CLIENTS = 32,
	CONTROL_LINE = 1024, /* longest request with its newline */
	CONTROL_OUTPUT =
	    256 * 1024,      /* bytes waiting for a slow client, beyond which steps are left out */
	CONTROL_IDLE_S = 10, /* a client that asks nothing is sent away */
};

/* Binds the socket (mode 0660, its folder made if missing). NULL: `why` says what is wrong, and
 * which process is there already. */
struct control *control_open(struct daemon *d, const char *path, char *why, size_t cap);
bool control_start(struct control *c); /* begins to serve; false: no memory */
void control_free(struct control *c);  /* removes the socket; NULL is fine */

/* ---- server.c, for commands ---- */

struct daemon *control_daemon(const struct control_client *c);
struct conns_waiter *control_waiter(struct control_client *c); /* one each, its arg is the client */
void control_send(struct control_client *c, json_t *line);     /* taken; NULL is out of memory */
void control_step(struct control_client *c, const char *text);
void control_end(struct control_client *c, int exit_code, const char *text); /* the last line */

/* ---- commands.c ---- */

void control_command(struct control_client *c, char *line);

struct control_target {
	struct conn *conn;
	const struct config_child *child; /* NULL: all */
};
/* "NAME" or "NAME/CHILD". False: `why` names the nearest and lists what there is. */
bool control_target_find(
    struct conns *s, const char *text, struct control_target *out, char *why, size_t cap);

/* ---- status.c ---- */

/* The object of `tunike status --json`, `only` NULL for all. *up: something is established. NULL:
 * no memory. */
json_t *control_status(const struct daemon *d, const struct config_conn *only, bool *up);

/* ---- client.c: the other end ---- */

enum control_result {
	CONTROL_DONE,      /* *exit_code is set */
	CONTROL_NO_DAEMON, /* nobody listens */
	CONTROL_BROKEN,    /* the connection ended before the answer did */
	CONTROL_TIMEOUT,
};
/* Sends the line and calls `fn` for every object that comes back, until the one with "exit" (which
 * `fn` sees too). timeout_ms 0: for ever. */
enum control_result control_ask(const char *path, const char *line, uint64_t timeout_ms,
    void (*fn)(void *arg, json_t *object), void *arg, int *exit_code);

#endif

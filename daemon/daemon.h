/*
 * The daemon: everything that it consists of, wired in run.c, driven in loop.c.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <time.h>

#include "daemon/apply.h"
#include "daemon/conns.h"
#include "daemon/keylog.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "daemon/paths.h"
#include "daemon/resolve.h"
#include "daemon/udp/udp.h"
#include "daemon/worker.h"
#include "ike/ike.h"

struct control;
struct event;
struct event_base;

enum {
	DAEMON_WORKERS = 64, /* at most */
	DAEMON_SOCKS = 16,   /* different local_port */
	DAEMON_NATT_PORT = 4500,
	DAEMON_STOP_MS = 4000, /* how long an orderly end may take */
	DAEMON_PATH = 108 + 8, /* the control socket's path, and with ".undo" */
};

struct daemon_options {
	const char *config_path;
	const char *control_path; /* NULL: as configured */
	const char *const *up;    /* NAME or NAME/CHILD */
	size_t up_n;
	bool debug_core;
};

/* A port for IKE alone. */
struct daemon_sock {
	struct daemon *d;
	struct udp_sock *udp;
	struct event *event;
};

struct daemon {
	const struct daemon_options *opt;
	struct config *config;
	struct log log;
	time_t since;
	char control_path[DAEMON_PATH], undo_path[DAEMON_PATH];
	struct event_base *base;
	/* Made in this order, taken apart in the reverse one. */
	struct control *control;
	struct daemon_sock socks[DAEMON_SOCKS];
	size_t socks_n;
	/* The port that carries ESP too: a socket per worker, and one for its IKE, so that a flood
	 * of ESP does not drown it. */
	struct udp_sock *esp_socks[DAEMON_WORKERS];
	struct daemon_sock natt;
	struct raw_sock *raws[DAEMON_WORKERS]; /* plain ESP; NULL: nothing configured asks for it */
	struct esp *esp;
	struct netcfg *netcfg;
	struct tun *tun; /* NULL: nothing configured needs one */
	struct paths paths;
	struct apply apply;
	struct resolver *resolver;
	struct keylog *keylog;
	struct ike_engine *engine;
	struct conns conns;
	bool apply_ready, conns_ready;
	int wake_fd; /* an eventfd: written by workers */
	struct worker *workers[DAEMON_WORKERS];
	uint32_t workers_n;
	int link_fd;    /* news of links; -1: none */
	bool link_down; /* the device is, and that was said */
	struct event *links, *deadline, *tick, *dummies, *wake, *stop_timer, *signals[3];
	bool draining, stopping;
	uint8_t *buffers; /* DAEMON_BATCH datagrams with their room */
};

/* The whole life of the daemon: returns the exit code. */
int daemon_run(const struct daemon_options *opt);

/* ---- loop.c ---- */

uint64_t daemon_now_ms(void);
/* Events, timers and signals; after everything that they need is there. False: no memory. */
bool daemon_loop_init(struct daemon *d);
void daemon_loop_fini(struct daemon *d);
/* Hands a command to the engine and does what comes of it. */
enum ike_err daemon_command(void *d, const struct ike_command *c);
/* For conns: how many SAs of conn have new keys under way. */
unsigned daemon_rekeying(
    void *d, const struct config_conn *conn, const struct config_child *child, bool ike);
/* Begins the end: everything is deleted, then the loop ends. */
void daemon_stop(struct daemon *d);

#endif

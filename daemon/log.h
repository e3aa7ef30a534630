/*
 * The log: one event, one line of key=value pairs or one JSON object, to standard error. Control
 * thread only.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdio.h>

#include "base/text.h"
#include "config/config.h"
#include "ike/event.h"

enum { LOG_LINE = 4096 };

/* Not more than `burst` lines at once and one per `every_ms` in the long run. */
struct log_limit {
	uint32_t burst, every_ms;
	uint32_t tokens;
	uint64_t since_ms;   /* when the last token was earned */
	uint64_t suppressed; /* lines since the last that was written */
	bool used;
};

struct log {
	FILE *to; /* borrowed */
	enum config_log_level level;
	enum config_log_format format;
	uint64_t (*now_ms)(void); /* monotonic */
	struct log_limit by_peer; /* lines that a stranger can cause */
};

void log_init(struct log *l, FILE *to);

/* A line under construction. A line below the level, or over its limit, takes fields and writes
 * nothing. */
struct log_line {
	struct log *log;
	struct text text;
	bool on;
	char buf[LOG_LINE];
};

/* `limit` may be NULL. */
void log_begin(struct log_line *line, struct log *l, enum config_log_level level, const char *event,
    struct log_limit *limit);
void log_str(struct log_line *line, const char *key, const char *value);
void log_u64(struct log_line *line, const char *key, uint64_t value);
void log_bool(struct log_line *line, const char *key, bool value);
void log_end(struct log_line *line);

/* One sentence under `text`. */
__attribute__((format(printf, 4, 5))) void log_say(
    struct log *l, enum config_log_level level, const char *event, const char *fmt, ...);

/* May one more be written now? */
bool log_limit_take(struct log_limit *limit, uint64_t now_ms);

/* log_event.c: the line of an engine's event. */
void log_event(struct log *l, const struct ike_event *ev);

#endif

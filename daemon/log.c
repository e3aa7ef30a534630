/*
 * The log's lines.
 */
#include "daemon/log.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "daemon/limits.h"

static uint64_t monotonic_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void log_init(struct log *l, FILE *to)
{
	*l = (struct log){
	    .to = to,
	    .level = LOG_INFO,
	    .format = LOG_TEXT,
	    .now_ms = monotonic_ms,
	    .by_peer = {.burst = LOG_BURST, .every_ms = LOG_EVERY_MS},
	};
}

bool log_limit_take(struct log_limit *limit, uint64_t now_ms)
{
	if (!limit->used) {
		limit->used = true;
		limit->tokens = limit->burst;
		limit->since_ms = now_ms;
	}
	uint64_t earned = (now_ms - limit->since_ms) / limit->every_ms;
	limit->since_ms += earned * limit->every_ms;
	if (earned >= limit->burst - limit->tokens)
		limit->tokens = limit->burst;
	else
		limit->tokens += (uint32_t)earned;
	if (limit->tokens == 0) {
		limit->suppressed++;
		return false;
	}
	limit->tokens--;
	return true;
}

/* Bytes of the UTF-8 character at s, 0 if it is none, or a control character. */
static size_t utf8_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	size_t n = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (s[0] >= 0xf5)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ||
	    (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	return n;
}

static void add_quoted(struct text *t, const char *value, bool json)
{
	const unsigned char *s = (const unsigned char *)value;

	text_add_char(t, '"');
	while (*s) {
		size_t n = utf8_len(s);
		if (n == 0) {
			text_addf(t, json ? "\\u%04x" : "\\x%02x", *s++);
			continue;
		}
		if (*s == '"' || *s == '\\')
			text_add_char(t, '\\');
		while (n--)
			text_add_char(t, (char)*s++);
	}
	text_add_char(t, '"');
}

static bool is_plain(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s <= 0x20 || *s >= 0x7f || *s == '"' || *s == '\\' || *s == '=')
			return false;
	return true;
}

static void add_key(struct log_line *line, const char *key)
{
	bool json = line->log->format == LOG_JSON;
	if (line->text.len > (json ? 1u : 0u))
		text_add_char(&line->text, json ? ',' : ' ');
	text_addf(&line->text, json ? "\"%s\":" : "%s=", key);
}

void log_str(struct log_line *line, const char *key, const char *value)
{
	if (!line->on)
		return;
	add_key(line, key);
	if (line->log->format == LOG_JSON || !is_plain(value))
		add_quoted(&line->text, value, line->log->format == LOG_JSON);
	else
		text_add(&line->text, value);
}

void log_u64(struct log_line *line, const char *key, uint64_t value)
{
	if (!line->on)
		return;
	add_key(line, key);
	text_addf(&line->text, "%llu", (unsigned long long)value);
}

void log_bool(struct log_line *line, const char *key, bool value)
{
	if (!line->on)
		return;
	add_key(line, key);
	text_add(&line->text, value ? "true" : "false");
}

static const char *now_text(char dst[40])
{
	struct timespec t;
	struct tm tm;
	char day[24];

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(dst, 40, "%s.%03ldZ", day, t.tv_nsec / 1000000);
	return dst;
}

void log_begin(struct log_line *line, struct log *l, enum config_log_level level, const char *event,
    struct log_limit *limit)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	char when[40];

	line->log = l;
	line->on = level <= l->level && (!limit || log_limit_take(limit, l->now_ms()));
	/* Two bytes are kept back for the end of the line. */
	line->text = text_of(line->buf, sizeof line->buf - 2);
	if (!line->on)
		return;
	if (l->format == LOG_JSON)
		text_add_char(&line->text, '{');
	log_str(line, "time", now_text(when));
	log_str(line, "level", levels[level]);
	log_str(line, "event", event);
	if (limit && limit->suppressed) {
		log_u64(line, "suppressed", limit->suppressed);
		limit->suppressed = 0;
	}
}

void log_end(struct log_line *line)
{
	if (!line->on)
		return;
	line->on = false;
	text_end(&line->text);
	/* A cut object would not be JSON: it is said shorter. */
	bool json = line->log->format == LOG_JSON;
	if (json && line->text.cut)
		fputs("{\"level\":\"error\",\"event\":\"log\",\"text\":\"a line was too long\"}\n",
		    line->log->to);
	else
		fprintf(line->log->to, "%s%s\n", line->buf, json ? "}" : "");
	fflush(line->log->to);
}

void log_say(struct log *l, enum config_log_level level, const char *event, const char *fmt, ...)
{
	struct log_line line;
	char sentence[LOG_LINE / 4]; /* escaping may make four of one byte */
	va_list ap;

	if (level > l->level)
		return;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	log_begin(&line, l, level, event, NULL);
	log_str(&line, "text", sentence);
	log_end(&line);
}

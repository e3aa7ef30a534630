/*
 * The findings of a load, gathered in any order and handed out in the order of the file.
 * Private to config/.
 */
#ifndef CONFIG_NOTES_H
#define CONFIG_NOTES_H

#include "config/config.h"
#include "config/source.h"

enum {
	NOTES_MAX = 1000, /* further ones are only counted */
};

struct notes {
	const struct source *source;
	struct config_notes *out;
	unsigned *lines; /* of the whole text, beside out->v */
	size_t cap;
	size_t dropped;
	bool failed; /* there was an error, or no memory for one */
};

/* "file:line: path: sentence"; no path when NULL or empty; no line when 0. */
__attribute__((format(printf, 5, 6))) void notes_add(struct notes *n, enum config_severity severity,
    unsigned line, const char *path, const char *fmt, ...);
/* Sorts them by line, keeping the order within one, and frees what was needed for it. */
void notes_finish(struct notes *n);

#endif

/*
 * One load under way. Private to config/.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "base/text.h"
#include "config/config.h"
#include "config/notes.h"
#include "config/parse.h"
#include "config/schema.h"

struct load {
	struct source source;
	struct notes notes;
	struct text path; /* of the setting at hand: "connections.office.children.lan.mode" */
	char path_buf[512];
	bool bare;       /* it is no string: its text is shown without quotes */
	unsigned line;   /* its line in the whole text */
	size_t children; /* over all connections */
	bool out_of_memory;
};

/* Notes about the setting at hand. */
#define load_error(l, ...) notes_add(&(l)->notes, CONFIG_ERROR, (l)->line, (l)->path.p, __VA_ARGS__)
#define load_warning(l, ...) \
	notes_add(&(l)->notes, CONFIG_WARNING, (l)->line, (l)->path.p, __VA_ARGS__)

/* Goes down to a member and comes back: the path and the line. */
struct load_mark {
	size_t path_len;
	unsigned line;
};
struct load_mark load_enter(
    struct load *l, const char *key, const struct node *node); /* NULL: line stays */
void load_leave(struct load *l, struct load_mark m);

/* The end of any error about a value: "expected …". Returns dst. */
const char *load_expected(const struct row *row, char *dst, size_t cap);

/* One kind of value. `parse` reads `text` into `to`, and notes an error and returns false if it
 * cannot. */
struct kind_info {
	const char *text;
	unsigned takes; /* enum node_type, ored */
	size_t size;    /* of an element, for the kinds with a count */
	bool (*parse)(struct load *l, const struct row *row, const char *text, void *to);
};
const struct kind_info *kind_info(enum kind kind); /* the kinds with rows below have no parse */

#define QUOTED_TEXT 200
/* A value in quotes, escaped, for a message. Returns dst. */
const char *load_quoted(const char *text, char dst[QUOTED_TEXT]);

/* secrets.c */
bool secret_parse(struct load *l, const struct row *row, const char *text, void *to);
bool secret_file_parse(struct load *l, const struct row *row, const char *text, void *to);

/* pools.c */
bool addr_value_parse(struct load *l, const struct row *row, const char *text, void *to);
bool range_parse(struct load *l, const struct row *row, const char *text, void *to);
bool subnet_parse(struct load *l, const struct row *row, const char *text, void *to);
bool domain_parse(struct load *l, const struct row *row, const char *text, void *to);

/* kinds.c: "…" is not a mode, expected tunnel. Returns false. */
bool load_refuse(struct load *l, const struct row *row, const char *text, const char *what);
/* A host name after RFC 1123 section 2.1; underscores occur in practice. Digits and dots alone are
 * an address gone wrong. */
bool load_is_host_name(const char *text);
bool load_keep_string(struct load *l, const char *text, void *to); /* a copy of it */

#endif

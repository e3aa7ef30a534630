/*
 * The text of a configuration: its files, read whole and put together, and where each line came
 * from. Private to config/.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct notes;

enum {
	SOURCE_FILE_MAX = 16 << 20,  /* bytes of one file: ten thousand children fit */
	SOURCE_TOTAL_MAX = 32 << 20, /* bytes of all together */
	SOURCE_FILES_MAX = 64,       /* include lines, and the file itself */
	SOURCE_DEPTH_MAX = 8,        /* files inside files */
};

struct source_file {
	char *path;
	bool exposed; /* others than the owner can read it */
};

/* From line `first` of the text on: line `line` of file `file`, and so on. */
struct source_part {
	unsigned first, line;
	size_t file;
};

struct source {
	char *text; /* NUL-terminated */
	size_t n, cap;
	struct source_file files[SOURCE_FILES_MAX];
	size_t files_n;
	struct source_part parts[2 * SOURCE_FILES_MAX];
	size_t parts_n;
	uint32_t *line_at; /* where in the text each line begins */
	unsigned lines, lines_cap;
	unsigned opened; /* the line where that string or comment began */
	int state;       /* of the scanner */
	bool confined;   /* text from memory: it may not include */
};

struct source_place {
	const struct source_file *file;
	unsigned line;
};

/* Reads `path` and what it includes. False if there is no text at all, for which there is a note;
 * other problems are noted and the rest goes on. source_fini() in any case. */
bool source_from_file(struct source *s, const char *path, struct notes *notes);
bool source_from_text(struct source *s, const char *text, const char *path, struct notes *notes);
void source_fini(struct source *s); /* wiped */

struct source_place source_where(const struct source *s, unsigned line);
/* Where a string that ends at or before `line` really stands, not before line `from`: libconfig
 * gives an element of an array the line of the token behind it. */
unsigned source_string_line(const struct source *s, unsigned line, unsigned from);

/* `path`, or it joined to the folder of `beside` when relative. Owned by the caller; NULL without
 * memory. */
char *path_beside(const char *path, const char *beside);

/* All of a file in a fresh buffer with a NUL behind it. On failure returns NULL and a sentence in
 * `why`. */
struct file_content {
	char *text; /* owned; wipe it */
	size_t n;
	mode_t mode; /* permission bits, 0 for what is no regular file */
};
bool file_read(struct file_content *out, const char *path, size_t max, char *why, size_t why_cap);
void file_content_fini(struct file_content *f);

#endif

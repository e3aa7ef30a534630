/*
 * One text out of several files.
 *
 * Lines of the form  @include "file"  are replaced by that file here and not by libconfig, so that
 * sizes are bounded, permissions are known and copies can be wiped; the scanner follows strings and
 * comments for that. It also refuses integers that libconfig would cut to 32 bits in silence.
 */
#include "config/source.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "config/notes.h"

enum state { CODE, STRING, ESCAPE, COMMENT };

struct span {
	const char *p;
	size_t n;
};

static bool append(struct source *s, const char *p, size_t n)
{
	if (s->n + n + 1 > s->cap) {
		size_t cap = 2 * (s->n + n) + 64;
		char *text = malloc(cap);
		if (text == NULL) {
			return false;
		}
		memcpy(text, s->text ? s->text : "", s->n);
		/* Not realloc: the old copy may hold a secret. */
		if (s->text) {
			secret_wipe(s->text, s->n);
		}
		free(s->text);
		s->text = text;
		s->cap = cap;
	}
	memcpy(s->text + s->n, p, n);
	s->n += n;
	s->text[s->n] = '\0';
	return true;
}

/* One line and its newline. */
static bool append_line(struct source *s, struct span line)
{
	if (s->lines == s->lines_cap) {
		unsigned cap = s->lines_cap ? 2 * s->lines_cap : 256;
		uint32_t *at = realloc(s->line_at, cap * sizeof(*at));
		if (at == NULL) {
			return false;
		}
		s->line_at = at;
		s->lines_cap = cap;
	}
	s->line_at[s->lines] = (uint32_t)s->n;
	if (!append(s, line.p, line.n) || !append(s, "\n", 1)) {
		return false;
	}
	s->lines++;
	return true;
}

static void add_part(struct source *s, size_t file, unsigned line)
{
	if (s->parts_n < sizeof(s->parts) / sizeof(s->parts[0])) {
		s->parts[s->parts_n++] = (struct source_part){s->lines + 1, line, file};
	}
}

struct source_place source_where(const struct source *s, unsigned line)
{
	struct source_place at = {s->files_n ? &s->files[0] : NULL, 0};

	for (size_t i = 0; line && i < s->parts_n && s->parts[i].first <= line; i++) {
		at.file = &s->files[s->parts[i].file];
		at.line = s->parts[i].line + (line - s->parts[i].first);
	}
	return at;
}

unsigned source_string_line(const struct source *s, unsigned line, unsigned from)
{
	for (unsigned at = line; at > from && at <= s->lines; at--) {
		const char *start = s->text + s->line_at[at - 1];
		const char *nl = strchr(start, '\n');
		if (nl && memchr(start, '"', (size_t)(nl - start))) {
			return at;
		}
	}
	return line > from && line <= s->lines ? from : line;
}

/* Does libconfig 1.5 hold this literal? Decimal and 0x integers, an L behind them for 64 bits.
 * Others are no business of ours. */
static bool number_fits(const char *p, size_t n)
{
	char buf[40];
	char *end = NULL;

	if (n >= sizeof(buf)) {
		return false;
	}
	memcpy(buf, p, n);
	buf[n] = '\0';
	bool hex = n > 2 && buf[0] == '0' && (buf[1] | 0x20) == 'x';
	errno = 0;
	long long v = strtoll(buf, &end, hex ? 16 : 10);
	if (*end != '\0' && *end != 'L') {
		return true;
	}
	return errno != ERANGE && (*end == 'L' || v <= INT32_MAX);
}

static size_t token_end(const char *p, size_t n, size_t i)
{
	while (i < n && (isalnum((unsigned char)p[i]) || strchr("-_*.", p[i]))) {
		i++;
	}
	return i;
}

/* A name, a number or a mark at p[i], in code. Returns the index behind it. */
static size_t scan_code(struct source *s, const char *p, size_t n, size_t i, struct span *bad)
{
	if (p[i] == '"') {
		s->state = STRING;
		s->opened = s->lines + 1;
		return i + 1;
	}
	if (p[i] == '#' || (p[i] == '/' && i + 1 < n && p[i + 1] == '/')) {
		return n;
	}
	if (p[i] == '/' && i + 1 < n && p[i + 1] == '*') {
		s->state = COMMENT;
		s->opened = s->lines + 1;
		return i + 2;
	}
	size_t end = p[i] == '-' ? i : token_end(p, n, i);
	if (end == i) {
		return i + 1;
	}
	if (isdigit((unsigned char)p[i]) && !number_fits(p + i, end - i)) {
		*bad = (struct span){p + i, end - i};
	}
	return end;
}

/* Follows strings and comments through one line; *bad is a number that does not fit. */
static void scan_line(struct source *s, const char *p, size_t n, struct span *bad)
{
	for (size_t i = 0; i < n;) {
		switch ((enum state)s->state) {
		case CODE: i = scan_code(s, p, n, i, bad); break;
		case STRING:
			s->state = p[i] == '\\' ? ESCAPE : p[i] == '"' ? CODE : STRING;
			i++;
			break;
		case ESCAPE:
			s->state = STRING;
			i++;
			break;
		case COMMENT:
			if (p[i] == '*' && i + 1 < n && p[i + 1] == '/') {
				s->state = CODE;
				i++;
			}
			i++;
			break;
		}
	}
}

/* The text after @include, blanks in front of both skipped; NULL if the line is none. */
static const char *include_rest(const char *p, size_t n)
{
	static const char word[] = "@include";
	size_t i = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t')) {
		i++;
	}
	if (n - i < sizeof(word) - 1 || memcmp(p + i, word, sizeof(word) - 1) != 0) {
		return NULL;
	}
	for (i += sizeof(word) - 1; i < n && (p[i] == ' ' || p[i] == '\t'); i++) {
	}
	return p + i;
}

static bool add_file(struct source *s, char *path, mode_t mode)
{
	if (path == NULL) {
		return false;
	}
	s->files[s->files_n++] = (struct source_file){path, (mode & 077) != 0};
	return true;
}

static bool add_text(
    struct source *s, struct notes *notes, size_t file, struct span text, int depth);

static bool open_include(
    struct source *s, struct notes *notes, const char *path, size_t file, int depth)
{
	struct file_content f;
	char why[256];
	char *full = path_beside(path, s->files[file].path);

	if (full == NULL || !file_read(&f, full, SOURCE_FILE_MAX, why, sizeof(why))) {
		notes_add(notes, CONFIG_ERROR, s->lines + 1, "@include", "\"%s\" %s",
		    full ? full : path, full ? why : "needs more memory");
		free(full);
		return true;
	}
	bool ok = add_file(s, full, f.mode) &&
		  add_text(s, notes, s->files_n - 1, (struct span){f.text, f.n}, depth + 1);
	file_content_fini(&f);
	return ok;
}

/* Puts the named file in place of the line. What is wrong with it is noted; false: no memory. */
static bool include(struct source *s, struct notes *notes, struct span rest, size_t file, int depth)
{
	const char *close = rest.n > 1 ? memchr(rest.p + 1, '"', rest.n - 1) : NULL;
	const char *problem = NULL;
	char path[1024];

	if (s->confined) {
		problem = "nothing can be included here, expected the text itself";
	} else if (depth >= SOURCE_DEPTH_MAX || s->files_n >= SOURCE_FILES_MAX) {
		problem = "too many files in files, expected at most 64 in all, 8 deep";
	} else if (rest.p[0] != '"' || close == NULL || close == rest.p + 1 ||
		   (size_t)(close - rest.p) > sizeof(path)) {
		problem = "unreadable, expected @include \"file\"";
	}
	if (problem) {
		notes_add(notes, CONFIG_ERROR, s->lines + 1, "@include", "%s", problem);
		return true;
	}
	size_t n = (size_t)(close - rest.p) - 1;
	memcpy(path, rest.p + 1, n);
	path[n] = '\0';
	return open_include(s, notes, path, file, depth);
}

static bool add_line(struct source *s, struct notes *notes, struct span line)
{
	struct span bad = {NULL, 0};

	scan_line(s, line.p, line.n, &bad);
	if (bad.p) {
		notes_add(notes, CONFIG_ERROR, s->lines + 1, NULL,
		    "%.*s does not fit, expected at most 2147483647, or more in quotes",
		    (int)(bad.n < 40 ? bad.n : 40), bad.p);
	}
	size_t at = s->n + (bad.p ? (size_t)(bad.p - line.p) : 0);
	if (!append_line(s, line)) {
		return false;
	}
	memset(s->text + at, '0', bad.n); /* one error is enough */
	return true;
}

/* An include line and what it names; an empty line stands for one that brought nothing. */
static bool add_include(struct source *s, struct notes *notes, struct span rest, size_t file,
    unsigned number, int depth)
{
	size_t files = s->files_n;

	if (!include(s, notes, rest, file, depth)) {
		return false;
	}
	if (s->files_n == files) {
		return append_line(s, (struct span){"", 0});
	}
	add_part(s, file, number + 1);
	return true;
}

/* Appends the text of one file line by line; false when it must end. */
static bool add_text(
    struct source *s, struct notes *notes, size_t file, struct span text, int depth)
{
	unsigned number = 1;
	const char *problem = memchr(text.p, '\0', text.n)
				  ? "there is a NUL byte in it, expected text"
			      : s->n + text.n > SOURCE_TOTAL_MAX
				  ? "too much with what was before it, expected 8 MiB in all"
				  : NULL;

	if (problem) {
		notes_add(notes, CONFIG_ERROR, file ? s->lines + 1 : 0,
		    file ? s->files[file].path : NULL, "%s", problem);
		return true;
	}
	add_part(s, file, number);
	for (const char *p = text.p, *end = text.p + text.n; p < end; number++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct span line = {p, (size_t)((nl ? nl : end) - p)};
		const char *rest = s->state == CODE ? include_rest(line.p, line.n) : NULL;
		struct span what = {rest, rest ? (size_t)(p + line.n - rest) : 0};
		if (rest ? !add_include(s, notes, what, file, number, depth)
			 : !add_line(s, notes, line)) {
			return false;
		}
		p += line.n + 1;
	}
	return true;
}

static bool begin(struct source *s, struct notes *notes, char *path, mode_t mode, struct span text)
{
	notes->source = s;
	if (!add_file(s, path, mode) || !append(s, "", 0) || !add_text(s, notes, 0, text, 0)) {
		notes_add(notes, CONFIG_ERROR, 0, NULL, "out of memory");
		return false;
	}
	/* libconfig would point at the last line, and leak what it has of the string. */
	if (s->state != CODE) {
		notes_add(notes, CONFIG_ERROR, s->opened, NULL,
		    "%s begins here and has no end, expected %s",
		    s->state == COMMENT ? "a comment" : "a string",
		    s->state == COMMENT ? "*/" : "\"");
		return false;
	}
	return true;
}

bool source_from_text(struct source *s, const char *text, const char *path, struct notes *notes)
{
	*s = (struct source){.confined = true};
	return begin(s, notes, strdup(path), 0, (struct span){text, strlen(text)});
}

bool source_from_file(struct source *s, const char *path, struct notes *notes)
{
	struct file_content f;
	char why[256];

	*s = (struct source){.confined = false};
	notes->source = s;
	if (!file_read(&f, path, SOURCE_FILE_MAX, why, sizeof(why))) {
		(void)add_file(s, strdup(path), 0);
		notes_add(notes, CONFIG_ERROR, 0, NULL, "%s", why);
		return false;
	}
	bool ok = begin(s, notes, strdup(path), f.mode, (struct span){f.text, f.n});
	file_content_fini(&f);
	return ok;
}

void source_fini(struct source *s)
{
	for (size_t i = 0; i < s->files_n; i++) {
		free(s->files[i].path);
	}
	if (s->text) {
		secret_wipe(s->text, s->n);
	}
	free(s->text);
	free(s->line_at);
	*s = (struct source){.text = NULL};
}

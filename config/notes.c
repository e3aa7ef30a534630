/*
 * Findings: gathered, put in order, freed.
 */
#include "config/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { NOTE_TEXT = 1024 };

static bool room_for_one(struct notes *n)
{
	if (n->out->n < n->cap) {
		return true;
	}
	size_t cap = n->cap ? 2 * n->cap : 16;
	struct config_note *v = realloc(n->out->v, cap * sizeof(*v));
	if (v) {
		n->out->v = v;
	}
	unsigned *lines = v ? realloc(n->lines, cap * sizeof(*lines)) : NULL;
	if (lines == NULL) {
		return false;
	}
	n->lines = lines;
	n->cap = cap;
	return true;
}

static void push(struct notes *n, enum config_severity severity, unsigned line, const char *text)
{
	char *copy = room_for_one(n) ? strdup(text) : NULL;

	if (copy == NULL) {
		n->failed = true;
		return;
	}
	n->lines[n->out->n] = line;
	n->out->v[n->out->n++] = (struct config_note){severity, copy};
}

static const char *file_name(const struct notes *n, unsigned line)
{
	struct source_place at = source_where(n->source, line);

	return at.file && at.file->path ? at.file->path : "configuration";
}

void notes_add(struct notes *n, enum config_severity severity, unsigned line, const char *path,
    const char *fmt, ...)
{
	char buf[NOTE_TEXT], sentence[NOTE_TEXT];
	struct text t = text_of(buf, sizeof(buf));
	struct source_place at = source_where(n->source, line);
	va_list ap;

	n->failed |= severity == CONFIG_ERROR;
	if (n->out->n >= NOTES_MAX) {
		n->dropped++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	text_add(&t, file_name(n, line));
	if (at.line) {
		text_addf(&t, ":%u", at.line);
	}
	text_addf(&t, ": %s%s%s", path ? path : "", path && path[0] ? ": " : "", sentence);
	push(n, severity, line, text_end(&t));
}

static void sort_by_line(struct notes *n)
{
	for (size_t i = 1; i < n->out->n; i++) {
		struct config_note note = n->out->v[i];
		unsigned line = n->lines[i];
		size_t j = i;
		for (; j > 0 && n->lines[j - 1] > line; j--) {
			n->lines[j] = n->lines[j - 1];
			n->out->v[j] = n->out->v[j - 1];
		}
		n->lines[j] = line;
		n->out->v[j] = note;
	}
}

void notes_finish(struct notes *n)
{
	char buf[NOTE_TEXT];

	sort_by_line(n);
	if (n->dropped) {
		struct text t = text_of(buf, sizeof(buf));
		text_addf(&t, "%s: and %zu more of the kind", file_name(n, 0), n->dropped);
		push(n, CONFIG_WARNING, 0, text_end(&t));
	}
	free(n->lines);
	n->lines = NULL;
}

void config_notes_free(struct config_notes *notes)
{
	for (size_t i = 0; i < notes->n; i++) {
		free(notes->v[i].text);
	}
	free(notes->v);
	*notes = (struct config_notes){0, NULL};
}

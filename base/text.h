/*
 * Text put together piece by piece in a buffer of the caller's; what does not fit is cut and
 * marked.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

struct text {
	char *p; /* borrowed; always NUL-terminated if cap is not 0 */
	size_t len, cap;
	bool cut;
};

struct text text_of(char *dst, size_t cap);
void text_add(struct text *t, const char *s);
void text_add_char(struct text *t, char c);
__attribute__((format(printf, 2, 3))) void text_addf(struct text *t, const char *fmt, ...);
/* Adds untrusted bytes: those outside 0x20..0x7e, quotes and backslashes as \xNN. */
void text_add_escaped(struct text *t, struct bytes b);
/* Ends cut text with "…", at the boundary of a UTF-8 character. Returns the buffer. */
const char *text_end(struct text *t);

#endif

/*
 * Bounded text. Every piece is written whole or cut at the end of the buffer; nothing follows a
 * cut.
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "…";

struct text text_of(char *dst, size_t cap)
{
	if (cap > 0) {
		dst[0] = '\0';
	}
	return (struct text){dst, 0, cap, cap == 0};
}

static void text_add_n(struct text *t, const char *s, size_t n)
{
	if (t->cut || n == 0) {
		return;
	}
	size_t room = t->cap - 1 - t->len;
	if (n > room) {
		n = room;
		t->cut = true;
	}
	memcpy(t->p + t->len, s, n);
	t->len += n;
	t->p[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_n(t, s, strlen(s));
}

void text_add_char(struct text *t, char c)
{
	text_add_n(t, &c, 1);
}

void text_addf(struct text *t, const char *fmt, ...)
{
	char piece[256];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(piece, sizeof(piece), fmt, ap);
	va_end(ap);
	text_add(t, n < 0 ? "" : piece);
	if (n >= (int)sizeof(piece)) {
		t->cut = true;
	}
}

void text_add_escaped(struct text *t, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		if (c < 0x20 || c > 0x7e || c == '"' || c == '\'' || c == '\\') {
			text_addf(t, "\\x%02x", c);
		} else {
			text_add_char(t, (char)c);
		}
	}
}

const char *text_end(struct text *t)
{
	size_t n = sizeof(ellipsis) - 1;
	if (t->cut && t->cap > n) {
		size_t at = t->len < t->cap - 1 - n ? t->len : t->cap - 1 - n;
		while (at > 0 && ((unsigned char)t->p[at] & 0xc0) == 0x80) {
			at--;
		}
		memcpy(t->p + at, ellipsis, n + 1);
	}
	return t->p;
}

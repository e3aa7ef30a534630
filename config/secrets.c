/*
 * Secrets: where they may be read from, and their three forms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"

enum {
	SECRET_MAX = 4096,    /* characters */
	WEAK_CHARACTERS = 20, /* of text: fewer can be guessed from one recorded handshake */
	WEAK_BYTES = 16,      /* of what was written as hex or base64 */
};

static int base64_digit(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 4648 section 4, padding optional. Returns the number of bytes, or -1. */
static long base64_decode(uint8_t *dst, const char *text)
{
	size_t n = strlen(text), out = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	for (int pad = n > 0 && n % 4 == 0 ? 2 : 0; pad > 0 && text[n - 1] == '='; pad--) {
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		int digit = base64_digit(text[i]);
		if (digit < 0) {
			return -1;
		}
		bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			dst[out++] = (uint8_t)(bits >> have);
		}
	}
	return n % 4 == 1 ? -1 : (long)out;
}

static void warn_if_weak(struct load *l, size_t n, bool encoded)
{
	if (encoded && n < WEAK_BYTES) {
		load_warning(l,
		    "only %zu bytes: whoever records one handshake can guess it at leisure; "
		    "expected %d random bytes or more",
		    n, WEAK_BYTES);
	} else if (!encoded && n < WEAK_CHARACTERS) {
		load_warning(l,
		    "only %zu characters: whoever records one handshake can guess it at "
		    "leisure; expected %d characters or more",
		    n, WEAK_CHARACTERS);
	}
}

/* Text in one of its forms to bytes. The text is never shown. */
static bool decode(struct load *l, const char *text, struct secret *to)
{
	uint8_t b[SECRET_MAX];
	bool hex = strncmp(text, "0x", 2) == 0, base64 = strncmp(text, "0s", 2) == 0;
	long n = (long)strlen(text);

	if (n > SECRET_MAX) {
		load_error(l, "is too long, expected at most %d characters", SECRET_MAX);
		return false;
	}
	if (hex) {
		n = bytes_from_hex(b, sizeof(b), text);
	} else if (base64) {
		n = base64_decode(b, text + 2);
	} else {
		memcpy(b, text, (size_t)n);
	}
	if (n > 0) {
		l->out_of_memory |= !secret_copy(to, bytes_of(b, (size_t)n));
		warn_if_weak(l, (size_t)n, hex || base64);
	} else if (hex || base64) {
		load_error(l, "begins with %.2s but is no %s, expected %s", text,
		    hex ? "hex" : "base64",
		    hex ? "an even number of hex digits behind it" : "base64 behind it");
	} else {
		load_error(l, "is empty, expected a secret");
	}
	secret_wipe(b, sizeof(b));
	return n > 0;
}

bool secret_parse(struct load *l, const struct row *row, const char *text, void *to)
{
	struct source_place at = source_where(&l->source, l->line);

	(void)row;
	if (at.file->exposed) {
		load_error(l,
		    "a secret in a file that others can read, expected mode 0600: chmod 600 %s",
		    at.file->path);
		return false;
	}
	secret_fini(to);
	return decode(l, text, to);
}

static bool content_good(struct load *l, const char *path, struct file_content *f)
{
	if (f->mode & 077) {
		load_error(l, "others can read this file, expected mode 0600: chmod 600 %s", path);
		return false;
	}
	while (f->n > 0 && (f->text[f->n - 1] == '\n' || f->text[f->n - 1] == '\r')) {
		f->text[--f->n] = '\0';
	}
	if (memchr(f->text, '\0', f->n)) {
		load_error(
		    l, "%s has NUL bytes in it, expected text (0x and hex digits for bytes)", path);
		return false;
	}
	return true;
}

bool secret_file_parse(struct load *l, const struct row *row, const char *text, void *to)
{
	char *path = path_beside(text, source_where(&l->source, l->line).file->path);
	struct file_content f;
	char why[256];
	bool ok = false;

	if (path == NULL) {
		l->out_of_memory = true;
		return false;
	}
	if (text[0] == '\0' || strlen(path) > row->max) {
		load_error(l, "is %s, expected the path of a file", text[0] ? "too long" : "empty");
	} else if (!file_read(&f, path, SECRET_MAX + 2, why, sizeof(why))) {
		load_error(l, "%s %s", path, why);
	} else {
		secret_fini(to);
		ok = content_good(l, path, &f) && decode(l, f.text, to);
		file_content_fini(&f);
	}
	free(path);
	return ok;
}

/*
 * What was expected: the second half of every error about a value.
 */
#include <inttypes.h>
#include <stdio.h>

#include "config/load.h"

static void number_range(struct text *t, const struct row *row)
{
	uint64_t hi = row->built < row->max ? row->built : row->max;

	if (row->min == hi) {
		text_addf(t, "%" PRIu64, hi);
	} else if (hi == UINT64_MAX) {
		text_addf(t, "%" PRIu64 " or more", row->min);
	} else {
		text_addf(t, "%" PRIu64 " to %" PRIu64, row->min, hi);
	}
}

static void words(struct text *t, const struct row *row)
{
	char buf[160];

	text_add(t, schema_words_text(row->words, buf, sizeof(buf)));
}

static void boolean(struct text *t, const struct row *row)
{
	text_add(t, row->built ? "true or false" : "false");
}

static void duration(struct text *t, const struct row *row)
{
	text_add(t, row->built == 0 ? "\"0s\"" : "one such as \"30s\", \"5m\", \"4h\" or \"1d\"");
}

static void micros(struct text *t, const struct row *row)
{
	text_addf(t, "0, or one such as \"50us\" of at most \"%" PRIu64 "us\"", row->max);
}

static void tfc(struct text *t, const struct row *row)
{
	text_addf(t, "0 to %" PRIu64 " or \"mtu\"", row->max);
}

static void size(struct text *t, const struct row *row)
{
	text_add(t, row->built == 0 ? "0" : "a number such as 1000000 or \"10g\"");
}

static void characters(struct text *t, const struct row *row)
{
	text_addf(
	    t, "a string of %s%" PRIu64 " characters", row->min ? "1 to " : "up to ", row->max);
}

static void path(struct text *t, const struct row *row)
{
	text_addf(t, "a path of up to %" PRIu64 " characters", row->max);
}

static void off_values(struct text *t, const struct row *row)
{
	if (row->off == NULL) {
		text_add(t, "no such key");
		return;
	}
	text_add(t, "\"");
	for (const char *c = row->off; *c; c++) {
		if (*c == '|') {
			text_add(t, "\" or \"");
		} else {
			text_add_char(t, *c);
		}
	}
	text_add(t, "\" or no such key");
}

/* In a variable: two literals in a list of literals look like a comma that was forgotten. */
static const char ranges[] = "a subnet such as \"10.9.0.0/24\" or a range such as "
			     "\"10.9.0.10-10.9.0.20\"";

static void plainly(struct text *t, const struct row *row)
{
	static const char *const said[] = {
	    [K_IDENT] = "an address, a name, user@name, or @#hex",
	    [K_IDENTS] = "addresses, names, user@name, or @#hex",
	    [K_SECRET] = "a string",
	    [K_SECRET_FILE] = "the path of a file",
	    [K_FOREIGN] = "ids, secret or secret_file",
	    [K_LOCAL_ADDRS] = "an address, a name or \"%any\"",
	    [K_REMOTE_ADDRS] = "an address, a prefix, a name or \"%any\"",
	    [K_TS] =
		"\"dynamic\", \"10.1.0.0/16\", \"10.1.0.1-10.1.0.9\" or \"10.2.0.0/16[tcp/443]\"",
	    [K_ADDRS] = "addresses",
	    [K_RANGES] = ranges,
	    [K_PREFIXES] = "a subnet such as \"10.1.0.0/16\"",
	    [K_DOMAINS] = "domains such as \"corp.example\"",
	    [K_NAMES] = "names",
	    [K_IKE_PROPOSALS] = "a string such as \"aes256gcm16-prfsha384-x25519\" or \"default\"",
	    [K_ESP_PROPOSALS] = "a string such as \"aes256gcm16\" or \"default\"",
	    [K_GROUP] = "a group { … }",
	    [K_NAMED] = "a group of groups: { NAME = { … }; }",
	    [K_LIST] = "a list of groups: ( { … }, { … } )",
	};

	text_add(t, said[row->kind]);
}

const char *load_expected(const struct row *row, char *dst, size_t cap)
{
	static void (*const sayers[])(struct text *, const struct row *) = {
	    [K_BOOL] = boolean,
	    [K_U16] = number_range,
	    [K_U32] = number_range,
	    [K_SIZE] = size,
	    [K_DURATION] = duration,
	    [K_MICROS] = micros,
	    [K_TFC] = tfc,
	    [K_WORD] = words,
	    [K_STRING] = characters,
	    [K_PATH] = path,
	    [K_LATER] = off_values,
	    [K_LIST] = plainly,
	};
	struct text t = text_of(dst, cap);

	(sayers[row->kind] ? sayers[row->kind] : plainly)(&t, row);
	return text_end(&t);
}

/*
 * Kinds of values: how the text of each is read and what is said when it cannot be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/number.h"

const char *load_quoted(const char *text, char dst[QUOTED_TEXT])
{
	struct text t = text_of(dst, QUOTED_TEXT - 1);

	text_add_char(&t, '"');
	text_add_escaped(&t, bytes_of(text, strlen(text)));
	text_end(&t);
	dst[t.len] = '"';
	dst[t.len + 1] = '\0';
	return dst;
}

bool load_refuse(struct load *l, const struct row *row, const char *text, const char *what)
{
	char quoted[QUOTED_TEXT], expected[256];

	load_error(l, "%s %s, expected %s", l->bare ? text : load_quoted(text, quoted), what,
	    load_expected(row, expected, sizeof(expected)));
	return false;
}

static bool not_yet(struct load *l, const struct row *row, const char *text)
{
	return load_refuse(l, row, text, "is not supported yet");
}

bool load_keep_string(struct load *l, const char *text, void *to)
{
	char *copy = strdup(text);

	l->out_of_memory |= copy == NULL;
	memcpy(to, &copy, sizeof(copy));
	return copy != NULL;
}

static bool parse_bool(struct load *l, const struct row *row, const char *text, void *to)
{
	static const struct {
		const char *text;
		bool value;
	} forms[] = {{"true", true}, {"yes", true}, {"false", false}, {"no", false}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(text, forms[i].text) == 0) {
			if (forms[i].value > row->built) {
				return not_yet(l, row, text);
			}
			memcpy(to, &forms[i].value, sizeof(bool));
			return true;
		}
	}
	return load_refuse(l, row, text, "is neither true nor false");
}

static bool number_in(struct load *l, const struct row *row, const char *text, uint64_t *v)
{
	enum number_result (*parse)(uint64_t *, const char *) = number_parse;
	const char *none = "is not a number";

	if (row->kind == K_SIZE) {
		parse = size_parse;
		none = "is not a number (k, m and g may follow it)";
	} else if (row->kind == K_DURATION) {
		parse = duration_parse;
		none = "is not a duration";
	}
	switch (parse(v, text)) {
	case NUMBER_NONE: return load_refuse(l, row, text, none);
	case NUMBER_RANGE: return load_refuse(l, row, text, "is out of range");
	case NUMBER_OK: break;
	}
	if (*v < row->min || *v > row->max) {
		return load_refuse(l, row, text, "is out of range");
	}
	return *v <= row->built || not_yet(l, row, text);
}

static bool parse_u16(struct load *l, const struct row *row, const char *text, void *to)
{
	uint64_t v = 0;
	bool ok = number_in(l, row, text, &v);
	uint16_t narrow = (uint16_t)v;

	if (ok) {
		memcpy(to, &narrow, sizeof(narrow));
	}
	return ok;
}

static bool parse_u32(struct load *l, const struct row *row, const char *text, void *to)
{
	uint64_t v = 0;
	bool ok = number_in(l, row, text, &v);
	uint32_t narrow = (uint32_t)v;

	if (ok) {
		memcpy(to, &narrow, sizeof(narrow));
	}
	return ok;
}

/* Microseconds, of at most a second. */
static bool parse_micros(struct load *l, const struct row *row, const char *text, void *to)
{
	uint64_t v = 0;
	enum number_result r = micros_parse(&v, text);
	uint32_t narrow = (uint32_t)v;

	if (r == NUMBER_NONE) {
		return load_refuse(l, row, text, "is not a short time");
	}
	if (r == NUMBER_RANGE || v < row->min || v > row->max) {
		return load_refuse(l, row, text, "is out of range");
	}
	memcpy(to, &narrow, sizeof(narrow));
	return true;
}

static bool parse_tfc(struct load *l, const struct row *row, const char *text, void *to)
{
	uint64_t v = CONFIG_TFC_MTU;
	enum number_result r = strcmp(text, "mtu") == 0 ? NUMBER_OK : number_parse(&v, text);
	uint32_t narrow = (uint32_t)v;

	if (r == NUMBER_NONE) {
		return load_refuse(l, row, text, "is not a number");
	}
	if (r == NUMBER_RANGE || v > row->max) {
		return load_refuse(l, row, text, "is out of range");
	}
	memcpy(to, &narrow, sizeof(narrow));
	return true;
}

static bool parse_u64(struct load *l, const struct row *row, const char *text, void *to)
{
	uint64_t v = 0;
	bool ok = number_in(l, row, text, &v);

	if (ok) {
		memcpy(to, &v, sizeof(v));
	}
	return ok;
}

static bool word_is(const char *pattern, const char *text)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*') {
		return strncmp(pattern, text, n - 1) == 0;
	}
	return strcmp(pattern, text) == 0;
}

static bool parse_word(struct load *l, const struct row *row, const char *text, void *to)
{
	char what[64];

	for (size_t i = 0; i < row->words->n; i++) {
		const struct word *w = &row->words->v[i];
		if (!word_is(w->text, text)) {
			continue;
		}
		if (w->value == WORD_LATER) {
			return not_yet(l, row, text);
		}
		memcpy(to, &w->value, sizeof(w->value));
		return true;
	}
	snprintf(what, sizeof(what), "is not %s", row->words->noun);
	return load_refuse(l, row, text, what);
}

static bool length_in(struct load *l, const struct row *row, const char *text)
{
	size_t n = strlen(text);

	if (n == 0 && row->min > 0) {
		return load_refuse(l, row, text, "is empty");
	}
	return n <= row->max || load_refuse(l, row, text, "is too long");
}

static bool parse_string(struct load *l, const struct row *row, const char *text, void *to)
{
	return length_in(l, row, text) && load_keep_string(l, text, to);
}

static bool parse_path(struct load *l, const struct row *row, const char *text, void *to)
{
	if (!length_in(l, row, text) || text[0] == '\0') {
		return text[0] == '\0' && row->min == 0 && load_keep_string(l, text, to);
	}
	char *path = path_beside(text, source_where(&l->source, l->line).file->path);
	if (path && strlen(path) > row->max) {
		free(path);
		return load_refuse(l, row, text, "is too long with its folder");
	}
	l->out_of_memory |= path == NULL;
	memcpy(to, &path, sizeof(path));
	return path != NULL;
}

static bool parse_ident(struct load *l, const struct row *row, const char *text, void *to)
{
	struct ident id;

	if (!ident_parse(&id, text)) {
		return load_refuse(l, row, text, "is not an identity that is supported");
	}
	memcpy(to, &id, sizeof(id));
	return true;
}

static bool is_off(const char *off, const char *text)
{
	size_t n = strlen(text);

	for (; off; off = strchr(off, '|') ? strchr(off, '|') + 1 : NULL) {
		if (strcspn(off, "|") == n && strncmp(off, text, n) == 0) {
			return true;
		}
	}
	return false;
}

static bool parse_later(struct load *l, const struct row *row, const char *text, void *to)
{
	(void)to;
	return is_off(row->off, text) || not_yet(l, row, text);
}

static bool parse_foreign(struct load *l, const struct row *row, const char *text, void *to)
{
	(void)text;
	(void)to;
	load_error(
	    l, "belongs to secrets of type %s, expected ids, secret or secret_file", row->off);
	return false;
}

bool load_is_host_name(const char *text)
{
	static const char chars[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(text);

	return n > 0 && n <= 253 && strspn(text, chars) == n && strspn(text, "0123456789.") < n &&
	       text[0] != '-' && text[0] != '.' && strstr(text, "..") == NULL;
}

static bool parse_local_addr(struct load *l, const struct row *row, const char *text, void *to)
{
	struct addr a;

	if (strcmp(text, "%any") != 0 && !addr_parse(&a, text) && !load_is_host_name(text)) {
		return load_refuse(l, row, text, "is neither address nor name");
	}
	return load_keep_string(l, text, to);
}

static bool parse_remote_addr(struct load *l, const struct row *row, const char *text, void *to)
{
	struct prefix p;

	if (strcmp(text, "%any") != 0 && !prefix_parse(&p, text) && !load_is_host_name(text)) {
		return load_refuse(l, row, text, "is neither address, prefix nor name");
	}
	return load_keep_string(l, text, to);
}

/* "dynamic" may have a protocol and ports behind it, as an address may. */
static bool parse_ts(struct load *l, const struct row *row, const char *text, void *to)
{
	static const char word[] = "dynamic";
	struct config_ts ts = {.dynamic = strncmp(text, word, sizeof(word) - 1) == 0};
	char buf[TS_TEXT];
	const char *rest = text;

	if (ts.dynamic) {
		int n = snprintf(buf, sizeof(buf), "0.0.0.0/0%s", text + sizeof(word) - 1);
		bool brackets = strchr("[", text[sizeof(word) - 1]) != NULL; /* or nothing at all */
		rest = brackets && n < (int)sizeof(buf) ? buf : "?";
	}
	if (!ts_parse(&ts.ts, rest)) {
		return load_refuse(l, row, text, "is not a traffic selector");
	}
	memcpy(to, &ts, sizeof(ts));
	return true;
}

static void warn_of_weak(struct load *l, const char *text, const struct proposal *p)
{
	char quoted[QUOTED_TEXT], name[64];

	for (size_t i = 0; i < p->n; i++) {
		const struct transform_info *info = transform_find(p->t[i]);
		if (p->t[i].type == TRANSFORM_ENCR &&
		    (p->t[i].id == ENCR_NULL || p->t[i].id == ENCR_NULL_AUTH_AES_GMAC)) {
			load_warning(l,
			    "%s does not encrypt: whoever sees the packets can read them",
			    load_quoted(text, quoted));
		} else if (info && (info->flags & TRANSFORM_WEAK)) {
			load_warning(l,
			    "%s in %s is weak: %s; use it only with a peer that knows no better",
			    transform_text(p->t[i], name, sizeof(name)), load_quoted(text, quoted),
			    transform_weakness(p->t[i]));
		}
	}
}

static bool parse_proposal(struct load *l, const struct row *row, const char *text, void *to)
{
	enum sa_proto proto = row->kind == K_IKE_PROPOSALS ? SA_IKE : SA_ESP;
	struct proposal_list *list = to;
	char why[256] = "", quoted[QUOTED_TEXT];

	if (strcmp(text, "default") == 0) {
		if (!proposal_default(list, proto)) {
			load_error(l,
			    "too many proposals with the default ones, expected at most %d",
			    PROPOSAL_MAX);
			return false;
		}
		return true;
	}
	if (list->n == PROPOSAL_MAX) {
		load_error(l, "too many proposals, expected at most %d", PROPOSAL_MAX);
		return false;
	}
	if (!proposal_parse(&list->v[list->n], proto, text, why, sizeof(why))) {
		load_error(l, "%s: %s", load_quoted(text, quoted), why);
		return false;
	}
	warn_of_weak(l, text, &list->v[list->n]);
	list->v[list->n].number = (uint8_t)(list->n + 1);
	list->n++;
	return true;
}

enum { SCALAR = NODE_STRING | NODE_INT | NODE_BOOL };

/* clang-format off */
static const struct kind_info kinds[] = {
	/*                   in the manual               takes                    element                   read by */
	[K_BOOL]          = {"true or false",            NODE_STRING | NODE_BOOL, 0,                        parse_bool},
	[K_U16]           = {"number",                   NODE_STRING | NODE_INT,  0,                        parse_u16},
	[K_U32]           = {"number",                   NODE_STRING | NODE_INT,  0,                        parse_u32},
	[K_SIZE]          = {"size",                     NODE_STRING | NODE_INT,  0,                        parse_u64},
	[K_DURATION]      = {"duration",                 NODE_STRING | NODE_INT,  0,                        parse_u64},
	[K_MICROS]        = {"short time",               NODE_STRING | NODE_INT,  0,                        parse_micros},
	[K_TFC]           = {"bytes or mtu",             NODE_STRING | NODE_INT,  0,                        parse_tfc},
	[K_WORD]          = {"word",                     SCALAR,                  0,                        parse_word},
	[K_STRING]        = {"text",                     NODE_STRING,             0,                        parse_string},
	[K_PATH]          = {"path",                     NODE_STRING,             0,                        parse_path},
	[K_IDENT]         = {"identity",                 NODE_STRING,             0,                        parse_ident},
	[K_SECRET]        = {"secret",                   NODE_STRING,             0,                        secret_parse},
	[K_SECRET_FILE]   = {"path",                     NODE_STRING,             0,                        secret_file_parse},
	[K_LATER]         = {"not supported yet",        SCALAR | NODE_GROUP | NODE_LIST, 0,                parse_later},
	[K_FOREIGN]       = {"not supported yet",        SCALAR,                  0,                        parse_foreign},
	[K_IDENTS]        = {"identities",               NODE_STRING | NODE_LIST, sizeof(struct ident),     parse_ident},
	[K_LOCAL_ADDRS]   = {"addresses",                NODE_STRING | NODE_LIST, sizeof(char *),           parse_local_addr},
	[K_REMOTE_ADDRS]  = {"addresses",                NODE_STRING | NODE_LIST, sizeof(char *),           parse_remote_addr},
	[K_TS]            = {"traffic selectors",        NODE_STRING | NODE_LIST, sizeof(struct config_ts), parse_ts},
	[K_ADDRS]         = {"addresses",                NODE_STRING | NODE_LIST, sizeof(struct addr),      addr_value_parse},
	[K_RANGES]        = {"subnets or ranges",        NODE_STRING | NODE_LIST, sizeof(struct config_range), range_parse},
	[K_PREFIXES]      = {"subnets",                  NODE_STRING | NODE_LIST, sizeof(struct prefix),    subnet_parse},
	[K_DOMAINS]       = {"domains",                  NODE_STRING | NODE_LIST, sizeof(char *),           domain_parse},
	[K_NAMES]         = {"names",                    NODE_STRING | NODE_LIST, sizeof(char *),           parse_string},
	[K_IKE_PROPOSALS] = {"proposals",                NODE_STRING | NODE_LIST, 0,                        parse_proposal},
	[K_ESP_PROPOSALS] = {"proposals",                NODE_STRING | NODE_LIST, 0,                        parse_proposal},
	[K_GROUP]         = {"group",                    NODE_GROUP,              0,                        NULL},
	[K_NAMED]         = {"group of groups",          NODE_GROUP,              0,                        NULL},
	[K_LIST]          = {"list of groups",           NODE_LIST,               0,                        NULL},
};
/* clang-format on */

const struct kind_info *kind_info(enum kind kind)
{
	return &kinds[kind];
}

const char *schema_kind_text(enum kind kind)
{
	return kinds[kind].text;
}

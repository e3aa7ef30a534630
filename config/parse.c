/*
 * The only file that knows libconfig.
 *
 * What goes in has had its include lines replaced and its numbers checked already (source.c), since
 * libconfig would open any file for the former and cut the latter to 32 bits without a word.
 */
#include "config/parse.h"
#include "config/config.h"

#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct tree {
	config_t lib;
};

static const struct {
	const char *lib, *ours;
} errors[] = {
    {"syntax error", "this is no libconfig syntax, expected name = value;"},
    {"duplicate setting name", "this name has been used before, expected each name once"},
    {"mismatched element type in array", "values of several kinds in one array, expected one kind"},
    {"cannot open include file",
	"an include in the middle of something, expected it on a line of its own"},
};

static const char *error_sentence(const char *lib)
{
	for (size_t i = 0; lib && i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(lib, errors[i].lib) == 0) {
			return errors[i].ours;
		}
	}
	return errors[0].ours;
}

struct tree *tree_parse(const char *text, struct parse_error *err)
{
	struct tree *t = calloc(1, sizeof(*t));

	*err = (struct parse_error){0, "out of memory"};
	if (t == NULL) {
		return NULL;
	}
	config_init(&t->lib);
	/* An include that source.c did not see as one must not open anything. */
	config_set_include_dir(&t->lib, "/nonexistent");
	if (config_read_string(&t->lib, text) == CONFIG_TRUE) {
		return t;
	}
	err->line = config_error_line(&t->lib) > 0 ? (unsigned)config_error_line(&t->lib) : 0;
	err->text = error_sentence(config_error_text(&t->lib));
	tree_free(t);
	return NULL;
}

static void wipe(config_setting_t *s)
{
	if (config_setting_type(s) == CONFIG_TYPE_STRING && s->value.sval) {
		secret_wipe(s->value.sval, strlen(s->value.sval));
	}
	for (int i = 0; config_setting_is_aggregate(s) && i < config_setting_length(s); i++) {
		wipe(config_setting_get_elem(s, (unsigned)i));
	}
}

void tree_free(struct tree *t)
{
	if (t == NULL) {
		return;
	}
	wipe(config_root_setting(&t->lib));
	config_destroy(&t->lib);
	free(t);
}

const struct node *tree_root(const struct tree *t)
{
	return (const struct node *)config_root_setting(&t->lib);
}

static const config_setting_t *setting(const struct node *n)
{
	return (const config_setting_t *)(const void *)n;
}

enum node_type node_type(const struct node *n)
{
	switch (config_setting_type(setting(n))) {
	case CONFIG_TYPE_STRING: return NODE_STRING;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64: return NODE_INT;
	case CONFIG_TYPE_BOOL: return NODE_BOOL;
	case CONFIG_TYPE_GROUP: return NODE_GROUP;
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST: return NODE_LIST;
	default: return NODE_FLOAT;
	}
}

const char *node_name(const struct node *n)
{
	return config_setting_name(setting(n));
}

unsigned node_line(const struct node *n)
{
	return config_setting_source_line(setting(n));
}

size_t node_len(const struct node *n)
{
	int len = 0;

	if (config_setting_is_aggregate(setting(n))) {
		len = config_setting_length(setting(n));
	}
	return len > 0 ? (size_t)len : 0;
}

const struct node *node_at(const struct node *n, size_t i)
{
	const config_setting_t *s = setting(n);

	return (const struct node *)(const void *)s->value.list->elements[i];
}

const struct node *node_member(const struct node *n, const char *name)
{
	if (n == NULL || node_type(n) != NODE_GROUP) {
		return NULL;
	}
	return (const struct node *)(const void *)config_setting_get_member(setting(n), name);
}

const char *node_text(const struct node *n, char buf[NODE_NUMBER_TEXT])
{
	switch (node_type(n)) {
	case NODE_STRING: return config_setting_get_string(setting(n));
	case NODE_BOOL: return config_setting_get_bool(setting(n)) ? "true" : "false";
	case NODE_INT:
		snprintf(buf, NODE_NUMBER_TEXT, "%lld", config_setting_get_int64(setting(n)));
		return buf;
	case NODE_FLOAT:
	case NODE_GROUP:
	case NODE_LIST: break;
	}
	return NULL;
}

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

const char *config_library(void)
{
	return TEXT_OF(LIBCONFIG_VER_MAJOR) "." TEXT_OF(LIBCONFIG_VER_MINOR) "." TEXT_OF(
	    LIBCONFIG_VER_REVISION);
}

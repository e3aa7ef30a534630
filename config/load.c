/*
 * The walk: a libconfig tree against the schema, into the structs of config.h.
 *
 * Nothing stops it: what cannot be read is noted and left at zero, so that one run finds every
 * error.
 */
#include "config/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64, NAME_LEN_MAX = 64, CHILDREN_TOTAL_MAX = 10000 };

struct load_mark load_enter(struct load *l, const char *key, const struct node *node)
{
	struct load_mark m = {l->path.len, l->line};

	if (l->path.len > 0 && key[0] != '[') {
		text_add_char(&l->path, '.');
	}
	text_add(&l->path, key);
	if (node && node_line(node)) {
		l->line = node_line(node);
	}
	return m;
}

void load_leave(struct load *l, struct load_mark m)
{
	l->path.len = m.path_len;
	l->path.p[m.path_len] = '\0';
	l->path.cut = false;
	l->line = m.line;
}

static struct load_mark enter_element(struct load *l, size_t i, const struct node *node)
{
	char index[32];
	unsigned from = l->line;

	snprintf(index, sizeof(index), "[%zu]", i);
	struct load_mark m = load_enter(l, index, node);
	if (node_type(node) == NODE_STRING) {
		l->line = source_string_line(&l->source, l->line, from);
	}
	return m;
}

static const char *type_noun(const struct node *node)
{
	switch (node_type(node)) {
	case NODE_STRING: return "a string";
	case NODE_INT: return "a number";
	case NODE_BOOL: return "true or false";
	case NODE_FLOAT: return "a number with a fraction";
	case NODE_GROUP: return "a group";
	case NODE_LIST: return "a list";
	}
	return "something else";
}

static bool type_fits(
    struct load *l, const struct row *row, const struct node *node, unsigned takes)
{
	char expected[256];

	if (node_type(node) & takes) {
		return true;
	}
	load_error(l,
	    row->kind == K_LATER ? "%s here is not supported yet, expected %s"
				 : "is %s, expected %s",
	    type_noun(node), load_expected(row, expected, sizeof(expected)));
	return false;
}

/* Zeroed memory for an array of the object; its address and length are stored in it. */
static char *new_array(struct load *l, const struct row *row, char *object, size_t n, size_t size)
{
	char *v = n ? calloc(n, size) : NULL;

	if (n && v == NULL) {
		l->out_of_memory = true;
		return NULL;
	}
	memcpy(object + row->at, &v, sizeof(v));
	memcpy(object + row->count_at, &n, sizeof(n));
	return v;
}

static void read_one(struct load *l, const struct row *row, const struct node *node, void *to)
{
	const struct kind_info *kind = kind_info(row->kind);
	char number[NODE_NUMBER_TEXT];

	if (node_len(node) == 0 && row->kind == K_LATER && !node_text(node, number)) {
		return; /* an empty list asks for nothing */
	}
	if (type_fits(l, row, node, kind->takes & ~(unsigned)(NODE_LIST | NODE_GROUP))) {
		l->bare = node_type(node) != NODE_STRING;
		(void)kind->parse(l, row, node_text(node, number), to);
	}
}

/* Where the i-th of n values goes; proposals take their place in the list themselves. */
static char *read_to(struct load *l, const struct row *row, char *object, size_t n)
{
	size_t size = kind_info(row->kind)->size;

	return size ? new_array(l, row, object, n, size) : object + row->at;
}

static void read_list(struct load *l, const struct row *row, const struct node *node, char *object)
{
	size_t n = node_len(node), size = kind_info(row->kind)->size;

	if (n < row->min || n > row->max) {
		load_error(l, "has %zu values, expected %zu to %zu", n, (size_t)row->min,
		    (size_t)row->max);
		return;
	}
	char *to = read_to(l, row, object, n);
	for (size_t i = 0; to && i < n; i++) {
		struct load_mark m = enter_element(l, i, node_at(node, i));
		read_one(l, row, node_at(node, i), to + i * size);
		load_leave(l, m);
	}
}

static bool is_list_kind(enum kind kind)
{
	return (kind_info(kind)->takes & NODE_LIST) && kind != K_LATER;
}

static void read_value(struct load *l, const struct row *row, const struct node *node, char *object)
{
	uint64_t forgotten = 0;

	if (!is_list_kind(row->kind)) {
		read_one(l, row, node,
		    row->at == SCHEMA_NOWHERE ? (char *)&forgotten : object + row->at);
	} else if (node_type(node) == NODE_LIST) {
		read_list(l, row, node, object);
	} else if (type_fits(l, row, node, kind_info(row->kind)->takes)) {
		char *to = read_to(l, row, object, 1);
		if (to) {
			read_one(l, row, node, to);
		}
	}
}

static void read_absent(struct load *l, const struct row *row, char *object)
{
	uint64_t forgotten = 0;
	char expected[256];
	char *to = (char *)&forgotten;

	if (row->required) {
		load_error(
		    l, "is missing, expected %s", load_expected(row, expected, sizeof(expected)));
	}
	if (row->fallback == NULL) {
		return;
	}
	if (row->at != SCHEMA_NOWHERE) {
		to = is_list_kind(row->kind) ? read_to(l, row, object, 1) : object + row->at;
	}
	if (to) {
		l->bare = false;
		(void)kind_info(row->kind)->parse(l, row, row->fallback, to);
	}
}

static void read_group(
    struct load *l, const struct group *g, const struct node *node, char *object);

static bool name_is_good(const char *name)
{
	static const char chars[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return strlen(name) <= NAME_LEN_MAX && strspn(name, chars) == strlen(name);
}

/* The first field of what has a name is the name. */
_Static_assert(offsetof(struct config_conn, name) == 0, "K_NAMED writes it there");
_Static_assert(offsetof(struct config_pool, name) == 0, "K_NAMED writes it there");
_Static_assert(offsetof(struct config_child, name) == 0, "K_NAMED writes it there");

static bool is_group(struct load *l, const struct node *node)
{
	if (node_type(node) != NODE_GROUP) {
		load_error(l, "is %s, expected a group { … }", type_noun(node));
	}
	return node_type(node) == NODE_GROUP;
}

static void read_member(struct load *l, const struct row *row, const struct node *member, char *to)
{
	const char *name = node_name(member);
	struct load_mark m = load_enter(l, name, member);
	char *copy = strdup(name);

	l->out_of_memory |= copy == NULL;
	memcpy(to, &copy, sizeof(copy));
	if (!name_is_good(name)) {
		load_error(l,
		    "is no name, expected up to %d letters, digits, dots, dashes and underscores",
		    NAME_LEN_MAX);
	}
	if (is_group(l, member)) {
		read_group(l, row->group, member, to);
	}
	load_leave(l, m);
}

static void read_element(
    struct load *l, const struct row *row, const struct node *node, size_t i, char *to)
{
	const struct node *element = node_at(node, i);
	struct load_mark m = enter_element(l, i, element);

	if (is_group(l, element) &&
	    (row->group->before == NULL || row->group->before(l, element))) {
		read_group(l, row->group, element, to);
	}
	load_leave(l, m);
}

static bool not_too_many(struct load *l, const struct row *row, size_t n)
{
	if (row->group->size == sizeof(struct config_child)) {
		l->children += n;
	}
	if (n <= row->max && l->children <= CHILDREN_TOTAL_MAX) {
		return true;
	}
	load_error(l, "too many, expected at most %zu, and %d children in all", (size_t)row->max,
	    CHILDREN_TOTAL_MAX);
	return false;
}

static void read_array(struct load *l, const struct row *row, const struct node *node, char *object)
{
	size_t n = node_len(node), size = row->group->size;

	if (!not_too_many(l, row, n)) {
		return;
	}
	char *to = new_array(l, row, object, n, size);
	for (size_t i = 0; to && i < n; i++) {
		if (row->kind == K_NAMED) {
			read_member(l, row, node_at(node, i), to + i * size);
		} else {
			read_element(l, row, node, i, to + i * size);
		}
	}
}

static void read_row(struct load *l, const struct row *row, const struct node *node, char *object)
{
	struct load_mark m = load_enter(l, row->key, node);
	bool fits = !node || !row->group || type_fits(l, row, node, kind_info(row->kind)->takes);

	if (!fits) {
		load_leave(l, m);
		return;
	}
	if (row->kind == K_GROUP) {
		read_group(l, row->group, node, object + row->at);
	} else if (row->group && node) {
		read_array(l, row, node, object);
	} else if (row->group == NULL && node) {
		read_value(l, row, node, object);
	} else if (row->group == NULL) {
		read_absent(l, row, object);
	}
	load_leave(l, m);
}

/* The group below `g` that has this key, by path: "connections.NAME.children.NAME". */
static bool find_home(const struct group *g, const char *key, struct text *path)
{
	size_t len = path->len;

	for (size_t i = 0; i < g->n; i++) {
		if (g->rows[i].group == NULL) {
			continue;
		}
		text_addf(path, "%s%s%s", len ? "." : "", g->rows[i].key,
		    g->rows[i].kind == K_NAMED ? ".NAME" : "");
		const struct row *row = schema_row(g->rows[i].group, key);
		if ((row && row->kind != K_FOREIGN) || find_home(g->rows[i].group, key, path)) {
			return true;
		}
		path->len = len;
		path->p[len] = '\0';
	}
	return false;
}

static void refuse_key(struct load *l, const struct group *g, const char *key)
{
	const char *keys[KEYS_MAX];
	char home[128], all[400];
	struct text path = text_of(home, sizeof(home)), list = text_of(all, sizeof(all));

	for (size_t i = 0; i < g->n && i < KEYS_MAX; i++) {
		keys[i] = g->rows[i].key;
		text_addf(&list, "%s%s", i ? ", " : "", keys[i]);
	}
	const char *nearest = config_nearest(key, keys, g->n);
	if (schema_row(&schema_root, key)) {
		load_error(l, "unknown key here, expected at the top of the file");
	} else if (find_home(g, key, &path) || find_home(&schema_root, key, &path)) {
		load_error(l, "unknown key here, expected in %s", text_end(&path));
	} else if (nearest) {
		load_error(l, "unknown key, expected %s (the nearest)", nearest);
	} else {
		load_error(l, "unknown key, expected one of %s", text_end(&list));
	}
}

static void refuse_unknown(struct load *l, const struct group *g, const struct node *node)
{
	for (size_t i = 0; i < node_len(node); i++) {
		const struct node *member = node_at(node, i);
		if (schema_row(g, node_name(member)) == NULL) {
			struct load_mark m = load_enter(l, node_name(member), member);
			refuse_key(l, g, node_name(member));
			load_leave(l, m);
		}
	}
}

/* `node` is NULL for a group that is not there: its rows take what holds without them. */
static void read_group(struct load *l, const struct group *g, const struct node *node, char *object)
{
	if (node) {
		refuse_unknown(l, g, node);
	}
	for (size_t i = 0; i < g->n; i++) {
		read_row(l, &g->rows[i], node_member(node, g->rows[i].key), object);
	}
	if (g->check) {
		g->check(l, node, object);
	}
}

static void read_source(struct load *l, struct config *c)
{
	struct parse_error err;
	struct tree *tree = tree_parse(l->source.text, &err);

	if (tree == NULL) {
		notes_add(&l->notes, CONFIG_ERROR, err.line, NULL, "%s", err.text);
		return;
	}
	c->path = strdup(l->source.files[0].path);
	l->out_of_memory |= c->path == NULL;
	read_group(l, &schema_root, tree_root(tree), (char *)c);
	tree_free(tree);
}

static struct config *finish(struct load *l, struct config *c)
{
	if (c == NULL || l->out_of_memory) {
		notes_add(&l->notes, CONFIG_ERROR, 0, NULL, "out of memory");
	}
	notes_finish(&l->notes);
	if (l->notes.failed) {
		config_free(c);
		c = NULL;
	}
	source_fini(&l->source);
	free(l);
	return c;
}

/* `text` NULL: from the file. */
static struct config *load(const char *path, const char *text, struct config_notes *notes)
{
	struct load *l = calloc(1, sizeof(*l));
	struct config *c = calloc(1, sizeof(*c));

	*notes = (struct config_notes){0, NULL};
	if (l == NULL) {
		free(c);
		return NULL;
	}
	l->path = text_of(l->path_buf, sizeof(l->path_buf));
	l->notes.out = notes;
	l->line = 1;
	bool there = text ? source_from_text(&l->source, text, path, &l->notes)
			  : source_from_file(&l->source, path, &l->notes);
	if (there && c) {
		read_source(l, c);
	}
	return finish(l, c);
}

struct config *config_load(const char *path, struct config_notes *notes)
{
	return load(path, NULL, notes);
}

struct config *config_load_text(const char *text, const char *path, struct config_notes *notes)
{
	return load(path, text, notes);
}

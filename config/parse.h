/*
 * The tree of a libconfig text, without libconfig in sight: groups, lists and scalars with their
 * lines. Private to config/.
 */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include <stddef.h>

struct tree;
struct node; /* borrowed from its tree */

enum node_type {
	NODE_STRING = 1 << 0,
	NODE_INT = 1 << 1,
	NODE_BOOL = 1 << 2,
	NODE_FLOAT = 1 << 3,
	NODE_GROUP = 1 << 4,
	NODE_LIST = 1 << 5, /* ( ) and [ ] alike */
};

enum { NODE_NUMBER_TEXT = 24 };

struct parse_error {
	unsigned line;
	const char *text; /* static: what is wrong, what was expected */
};

/* The tree of `text`, owned by the caller; or NULL and *err. Nothing but `text` is read. */
struct tree *tree_parse(const char *text, struct parse_error *err);
void tree_free(struct tree *t); /* every string in it is wiped; NULL is fine */
const struct node *tree_root(const struct tree *t);

enum node_type node_type(const struct node *n);
const char *node_name(const struct node *n); /* NULL for the root and for members of a list */
unsigned node_line(const struct node *n);    /* 1 up; 0 for the root */
size_t node_len(const struct node *n);       /* members; 0 for a scalar */
const struct node *node_at(const struct node *n, size_t i);
const struct node *node_member(
    const struct node *n, const char *name); /* NULL: no such; n may be NULL */
/* A string, integer or boolean as text: borrowed from the tree, or written to buf. NULL for others.
 */
const char *node_text(const struct node *n, char buf[NODE_NUMBER_TEXT]);

#endif

/*
 * The language of the file as data: one row a key. Private to config/.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load;
struct node;

enum kind {
	K_BOOL,
	K_U16,
	K_U32,
	K_SIZE,     /* uint64_t: "10m" */
	K_DURATION, /* uint64_t, ms: "30s" */
	K_MICROS,   /* uint32_t, µs: "50us" */
	K_TFC,      /* uint32_t: bytes, or "mtu" */
	K_WORD,     /* an enum */
	K_STRING,   /* char *, owned */
	K_PATH,     /* the same, relative to its file */
	K_IDENT,    /* struct ident */
	K_SECRET,
	K_SECRET_FILE,
	K_LATER,   /* only what switches it off is accepted */
	K_FOREIGN, /* belongs to secrets of another type */
	/* One value or a list of them. */
	K_IDENTS,        /* struct ident *, and a count */
	K_LOCAL_ADDRS,   /* char **, and a count */
	K_REMOTE_ADDRS,  /* the same, prefixes too */
	K_TS,            /* struct config_ts *, and a count */
	K_ADDRS,         /* struct addr *, and a count */
	K_RANGES,        /* struct config_range *, and a count */
	K_PREFIXES,      /* struct prefix *, and a count */
	K_DOMAINS,       /* char **, and a count */
	K_NAMES,         /* char **, and a count */
	K_IKE_PROPOSALS, /* struct proposal_list */
	K_ESP_PROPOSALS,
	/* Rows below. */
	K_GROUP, /* a struct inside this one */
	K_NAMED, /* an array, and a count: the members of a group, by name */
	K_LIST,  /* an array, and a count: the groups of a list */
};

enum { WORD_LATER = -1 };

/* A word that means something; a '*' at its end stands for anything. */
struct word {
	const char *text;
	int value; /* of the enum, or WORD_LATER: known, not built */
};

struct words {
	const char *noun; /* "a mode" */
	size_t n;
	const struct word *v;
};

#define SCHEMA_NOWHERE SIZE_MAX /* checked, then forgotten: there is one value only */

struct row {
	const char *key;
	enum kind kind;
	size_t at;            /* offset in the struct of the group, or SCHEMA_NOWHERE */
	size_t count_at;      /* where the length of an array goes */
	uint64_t min, max;    /* of a number; characters of a string; values of a list */
	uint64_t built;       /* above this: not supported yet */
	const char *fallback; /* what is read when the key is not there; NULL: nothing */
	bool required;
	const struct words *words; /* of K_WORD */
	const char *off; /* of K_LATER: values that switch it off, one or several with '|' */
	const struct group *group;
	const char *help;
};

struct group {
	size_t n;
	const struct row *rows;
	size_t size; /* of one struct, in arrays */
	/* Looks at an object before its rows: false if they are not worth reading. May be NULL. */
	bool (*before)(struct load *l, const struct node *node);
	/* Looks at a whole object. May be NULL; `node` is NULL when the group is not there. */
	void (*check)(struct load *l, const struct node *node, void *object);
};

extern const struct group schema_root;

const struct row *schema_row(const struct group *g, const char *key); /* NULL: no such */
const char *schema_kind_text(enum kind kind);                         /* "duration" */
/* "none, trap or start" of the words that are built. Returns dst. */
const char *schema_words_text(const struct words *w, char *dst, size_t cap);

#endif

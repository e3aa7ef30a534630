/*
 * The words of proposals: strongSwan's names for the transforms of the IANA registry, those of
 * tunike and those that it does not have.
 */
#ifndef BASE_KEYWORD_H
#define BASE_KEYWORD_H

#include "base/transform.h"

enum { KEYWORD_MAX = 32 }; /* longest word with its NUL */

enum keyword_kind {
	KEYWORD_UNKNOWN,
	KEYWORD_NOT_BUILT, /* a real algorithm that is not in the transform table */
	KEYWORD_BUILT,
};

/* Looks up a lower-case word; *t is written for KEYWORD_BUILT only. */
enum keyword_kind keyword_find(const char *word, struct transform *t);
/* The word of the transform table nearest to `word`; NULL when none is near enough to be a slip. */
const char *keyword_nearest(const char *word);
/* The word for a transform, of the table or not; NULL when it has none. Of an additional key
 * exchange what stands after "ke1_". */
const char *keyword_of(struct transform t);

#endif

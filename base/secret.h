/*
 * Key material on the heap: wiped when freed, compared in constant time, never printed.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"

struct secret {
	uint8_t *p; /* owned; NULL when n is 0 */
	size_t n;   /* bytes */
};

#define SECRET_NONE ((struct secret){NULL, 0})

bool secret_init(struct secret *s, size_t n);          /* n zero bytes; false without memory */
bool secret_copy(struct secret *s, struct bytes from); /* copied; false without memory */
void secret_fini(struct secret *s);                    /* wiped, freed, set to SECRET_NONE */
struct bytes secret_bytes(const struct secret *s);     /* borrowed until fini or move */
/* `to` is wiped first and takes; `from` is emptied. */
void secret_move(struct secret *to, struct secret *from);
/* Constant time in the content; false if the lengths differ. */
bool secret_equal(struct bytes a, struct bytes b);

/* Overwrites n bytes in a way that the compiler keeps. */
void secret_wipe(void *p, size_t n);

#endif

/*
 * Key material on the heap.
 */
#include "base/secret.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void secret_wipe(void *p, size_t n)
{
	if (n > 0) {
		OPENSSL_cleanse(p, n);
	}
}

bool secret_init(struct secret *s, size_t n)
{
	*s = SECRET_NONE;
	if (n == 0) {
		return true;
	}
	s->p = calloc(1, n);
	if (s->p == NULL) {
		return false;
	}
	s->n = n;
	return true;
}

bool secret_copy(struct secret *s, struct bytes from)
{
	if (!secret_init(s, from.n)) {
		return false;
	}
	if (from.n > 0) {
		memcpy(s->p, from.p, from.n);
	}
	return true;
}

void secret_fini(struct secret *s)
{
	secret_wipe(s->p, s->n);
	free(s->p);
	*s = SECRET_NONE;
}

void secret_move(struct secret *to, struct secret *from)
{
	if (to == from) {
		return;
	}
	secret_fini(to);
	*to = *from;
	*from = SECRET_NONE;
}

bool secret_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

struct bytes secret_bytes(const struct secret *s)
{
	return bytes_of(s->p, s->n);
}

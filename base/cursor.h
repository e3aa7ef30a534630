/*
 * Bounded cursors: the only code that walks bytes of a message.
 *
 * Both have a sticky error: after the first read or write that does not fit, every further call
 * does nothing (reads return 0 or an empty view), so that a parser checks once, at the end.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/bytes.h"

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

struct rd rd_of(struct bytes b);
size_t rd_left(const struct rd *r);
bool rd_ok(const struct rd *r);   /* nothing failed so far */
bool rd_done(const struct rd *r); /* nothing failed and nothing is left */
void rd_fail(struct rd *r);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
void rd_skip(struct rd *r, size_t n);
struct bytes rd_bytes(struct rd *r, size_t n); /* borrowed from what the cursor reads */
struct bytes rd_rest(struct rd *r);            /* all that is left */
struct rd rd_sub(struct rd *r, size_t n);      /* the next n bytes as a cursor; bad if r is */

struct wr {
	uint8_t *base; /* borrowed */
	size_t len, cap;
	bool bad;
};

/* A length field to be filled in later: written by wr_begin, resolved by wr_end. */
struct wr_mark {
	size_t at;     /* offset of the field */
	size_t from;   /* offset from which the length counts */
	uint8_t width; /* 1, 2 or 4 bytes */
};

struct wr wr_of(uint8_t *base, size_t cap);
bool wr_ok(const struct wr *w);
struct bytes wr_written(const struct wr *w); /* empty if anything failed */
void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, struct bytes b);
void wr_zero(struct wr *w, size_t n);
uint8_t *wr_reserve(struct wr *w, size_t n); /* n bytes for the caller to fill; NULL: no room */

/* Reserves a length field of `width` bytes at the current place. The length that wr_end writes
 * counts from `back` bytes before the field (2 for an IKE payload, whose length counts from its
 * header). A length that does not fit the field is an error of the cursor. */
struct wr_mark wr_begin(struct wr *w, uint8_t width, size_t back);
void wr_end(struct wr *w, struct wr_mark m);

#endif

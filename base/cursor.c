/*
 * Bounded reading and writing with a sticky error.
 */
#include "base/cursor.h"

#include <string.h>

/* What a cursor over nothing points at, since arithmetic on NULL is undefined. */
static const uint8_t nothing[1];

struct rd rd_of(struct bytes b)
{
	if (b.p == NULL) {
		return (struct rd){nothing, nothing, b.n != 0};
	}
	return (struct rd){b.p, b.p + b.n, false};
}

size_t rd_left(const struct rd *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->p);
}

bool rd_ok(const struct rd *r)
{
	return !r->bad;
}

bool rd_done(const struct rd *r)
{
	return !r->bad && r->p == r->end;
}

void rd_fail(struct rd *r)
{
	r->bad = true;
}

/* The next n bytes, or NULL and the sticky error. */
static const uint8_t *rd_take(struct rd *r, size_t n)
{
	if (r->bad || n > (size_t)(r->end - r->p)) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *p = r->p;
	r->p += n;
	return p;
}

uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);
	return p ? *p : 0;
}

uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);
	return p ? be16_load(p) : 0;
}

uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);
	return p ? be32_load(p) : 0;
}

uint64_t rd_u64(struct rd *r)
{
	const uint8_t *p = rd_take(r, 8);
	return p ? be64_load(p) : 0;
}

void rd_skip(struct rd *r, size_t n)
{
	(void)rd_take(r, n);
}

struct bytes rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p = rd_take(r, n);
	return p ? bytes_of(p, n) : bytes_of(nothing, 0);
}

struct bytes rd_rest(struct rd *r)
{
	return rd_bytes(r, rd_left(r));
}

struct rd rd_sub(struct rd *r, size_t n)
{
	struct rd sub = rd_of(rd_bytes(r, n));
	sub.bad = r->bad;
	return sub;
}

struct wr wr_of(uint8_t *base, size_t cap)
{
	return (struct wr){base, 0, base == NULL ? 0 : cap, base == NULL};
}

bool wr_ok(const struct wr *w)
{
	return !w->bad;
}

struct bytes wr_written(const struct wr *w)
{
	return w->bad ? bytes_of(nothing, 0) : bytes_of(w->base, w->len);
}

uint8_t *wr_reserve(struct wr *w, size_t n)
{
	if (w->bad || n > w->cap - w->len) {
		w->bad = true;
		return NULL;
	}
	uint8_t *p = w->base + w->len;
	w->len += n;
	return p;
}

void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_reserve(w, 1);
	if (p) {
		*p = v;
	}
}

void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_reserve(w, 2);
	if (p) {
		be16_store(p, v);
	}
}

void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_reserve(w, 4);
	if (p) {
		be32_store(p, v);
	}
}

void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t *p = wr_reserve(w, 8);
	if (p) {
		be64_store(p, v);
	}
}

void wr_bytes(struct wr *w, struct bytes b)
{
	uint8_t *p = wr_reserve(w, b.n);
	if (p && b.n > 0) {
		memcpy(p, b.p, b.n);
	}
}

void wr_zero(struct wr *w, size_t n)
{
	uint8_t *p = wr_reserve(w, n);
	if (p) {
		memset(p, 0, n);
	}
}

struct wr_mark wr_begin(struct wr *w, uint8_t width, size_t back)
{
	struct wr_mark m = {w->len, 0, width};

	if ((width != 1 && width != 2 && width != 4) || back > w->len) {
		w->bad = true;
	} else {
		m.from = w->len - back;
	}
	wr_zero(w, width);
	return m;
}

void wr_end(struct wr *w, struct wr_mark m)
{
	if (w->bad) {
		return;
	}
	size_t n = w->len - m.from;
	if ((n >> (8 * m.width - 1)) >> 1 != 0) {
		w->bad = true;
		return;
	}
	for (size_t i = m.width; i > 0; i--) {
		w->base[m.at + i - 1] = (uint8_t)n;
		n >>= 8;
	}
}

/*
 * Super-packets and what the device says of them. First eight bytes: kind and state of the
 * checksum, size, where the checksum starts, where its field is; the rest is the packet. What is
 * accepted must come out in pieces that make the whole again, each with its checksums right.
 */
#include "test/unit/offload_pkt.h"
#include "tun/offload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { CONTROL = 8 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct tun_gso gso_of(const uint8_t *c)
{
	return (struct tun_gso){
	    .kind = (enum tun_gso_kind)(c[0] & 3),
	    .csum = c[0] & 0x80 ? (enum tun_csum_state)((c[0] >> 2 & 3) % 3) : TUN_CSUM_PARTIAL,
	    .size = be16_load(c + 1),
	    .csum_start = be16_load(c + 3),
	    .csum_offset = be16_load(c + 5),
	};
}

static void check_segment(const struct tun_split *s, const uint8_t *p, uint32_t n, uint32_t at)
{
	struct opkt o;

	require(n > s->header && n <= s->header + s->size);
	require(memcmp(p + s->header, s->p + at, n - s->header) == 0);
	if (!s->v6)
		require(be16_load(p + 2) == n && opkt_sum(0, p, s->l4) == 0xffff);
	else
		require(be16_load(p + 4) + 40u == n);
	/* Headers that agree with what the device said. */
	if (opkt_parse(&o, p, n) && o.tcp == s->tcp && o.l4 == s->l4)
		require(o.header == s->header && o.l4_good && o.csum != (o.tcp ? 0xffff : 0));
}

static void cut(const struct pkt *p, const struct tun_gso *gso)
{
	struct tun_split s;

	if (!tun_split_init(&s, p, gso))
		return;
	uint32_t at = s.header;
	require(gso->size > 0 && gso->csum == TUN_CSUM_PARTIAL && gso->kind != TUN_GSO_NONE);
	while (tun_split_more(&s)) {
		uint32_t n = tun_split_size(&s);
		uint8_t *dst = malloc(n);
		require(dst && tun_split_next(&s, dst) == n);
		check_segment(&s, dst, n, at);
		at += n - s.header;
		free(dst);
	}
	require(at == p->len && tun_split_size(&s) == 0);
}

/* The field takes part in its own sum: with what it becomes, the rest sums up to the inverse of
 * what it was. */
static void complete(struct pkt *p, const struct tun_gso *gso)
{
	uint32_t at = (uint32_t)gso->csum_start + gso->csum_offset;
	uint16_t was = at + 2 <= p->len ? be16_load(p->base + at) : 0;

	if (!tun_csum_complete(p, gso) || gso->csum != TUN_CSUM_PARTIAL)
		return;
	require(gso->csum_start < p->len && at + 2 <= p->len);
	if (gso->csum_offset % 2)
		return;
	uint16_t sum = opkt_sum(was, p->base + gso->csum_start, p->len - gso->csum_start);
	require(sum == 0 || sum == 0xffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < CONTROL || n > 65535 + CONTROL)
		return 0;
	struct tun_gso gso = gso_of(data);
	uint32_t len = (uint32_t)(n - CONTROL);
	uint8_t *exact = malloc(len ? len : 1);
	struct pkt p = {.base = exact, .cap = len, .len = len};
	require(exact);
	memcpy(exact, data + CONTROL, len);
	cut(&p, &gso);
	require(len == 0 || memcmp(exact, data + CONTROL, len) == 0);
	complete(&p, &gso);
	free(exact);
	return 0;
}

/*
 * Streams of packets to be joined. Records of six bytes: flow and shape, what changes, size (two),
 * and a byte to be spoilt (where, how). What is written to the device, cut again, must give back
 * every flow's packets in their order.
 */
#include "test/unit/offload_pkt.h"
#include "tun/offload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	RECORD = 6,
	PACKETS = 150, /* fewer than the device holds */
	FLOWS = 16,
	BYTES = 1 << 16, /* in all, and one packet more */
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct sent {
	uint8_t *given, *was;
	uint32_t len;
	bool seen, plain;
	struct opkt o;
} sent[PACKETS];
static size_t sent_n;

/* ---- Making ---- */

static struct opkt_shape first_of(uint32_t flow)
{
	return (struct opkt_shape){
	    .v6 = flow & 1,
	    .tcp = flow & 2,
	    .src = 1,
	    .dst = 2,
	    .sport = (uint16_t)(1000 + flow / 4),
	    .dport = 80,
	    .ttl = 64,
	    .id = 0xfffd,
	    .off = flow & 8 ? OPKT_DF : 0,
	    .seq = 0xffffff00,
	    .flags = OPKT_ACK,
	    .window = 100,
	    .options = flow & 4 ? 12 : 0,
	};
}

/* What changes from this packet on, or with the upper bits in this one only. */
static struct opkt_shape change(struct opkt_shape *s, uint8_t what)
{
	switch (what & 15) {
	case 1: s->tos ^= 1; break;
	case 2: s->ttl++; break;
	case 3: s->label++; break;
	case 4: s->window++; break;
	case 5: s->ack++; break;
	case 6: s->timestamp++; break;
	case 7: s->seq += 100; break;
	case 8: s->seq -= 100; break;
	case 9: s->id++; break;
	case 10: s->off ^= OPKT_DF; break;
	}
	struct opkt_shape one = *s;
	switch (what >> 4) {
	case 1: one.flags |= OPKT_PSH; break;
	case 2: one.flags |= OPKT_FIN; break;
	case 3: one.flags |= OPKT_CWR; break;
	case 4: one.flags = OPKT_SYN; break;
	case 5: one.ext = 8; break;
	case 6: one.off |= OPKT_MF; break;
	case 7: one.urgent = 1; break;
	case 8: one.options = 40; break;
	}
	return one;
}

/* Has a flow in the sense of joining: TCP or UDP straight behind a plain header. */
static bool plain(struct opkt *o, const uint8_t *p, uint32_t len)
{
	return opkt_parse(o, p, len) && o->l4 == (o->v6 ? 40 : 20) && (o->off & 0x3fff) == 0;
}

static void give(struct tun_gro *g, const uint8_t *p, uint32_t len)
{
	struct sent *s = &sent[sent_n++];

	*s = (struct sent){.given = malloc(len), .was = malloc(len), .len = len};
	require(s->given && s->was);
	memcpy(s->given, p, len);
	memcpy(s->was, p, len);
	s->plain = plain(&s->o, p, len);
	tun_gro_add(g, s->given, len);
}

static uint32_t give_all(struct tun_gro *g, const uint8_t *data, size_t n)
{
	static uint8_t p[OPKT_MAX];
	struct opkt_shape flows[FLOWS];
	struct rng r = {1};
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < FLOWS; i++)
		flows[i] = first_of(i);
	for (size_t at = 0; at + RECORD <= n && sent_n < PACKETS && bytes < BYTES; at += RECORD) {
		const uint8_t *d = data + at;
		struct opkt_shape *f = &flows[d[0] % FLOWS];
		struct opkt_shape one = change(f, d[1]);
		uint32_t room = 65535 - opkt_header(&one);
		one.payload = be16_load(d + 2) > room ? room : be16_load(d + 2);
		uint32_t len = opkt_build(p, &one, false, &r);
		if (d[5])
			p[(d[0] & 0x80 ? len - 1 : d[4]) % len] ^= d[5];
		/* Cut short, now and then. */
		give(g, p, d[0] & 0x40 && d[4] < len && d[4] > 0 ? d[4] : len);
		f->seq += one.payload;
		f->id++;
		bytes += len;
	}
	return (uint32_t)sent_n;
}

/* ---- Taking ---- */

static bool same_flow(const struct sent *s, const struct opkt *o, bool is_plain, const uint8_t *p)
{
	uint32_t addrs = o->v6 ? 8 : 12;

	if (!s->plain || !is_plain)
		return s->plain == is_plain;
	return s->o.v6 == o->v6 && s->o.tcp == o->tcp &&
	       memcmp(s->was + addrs, p + addrs, o->l4 - addrs + 4) == 0;
}

/* 0 and 0xffff are the same sum; which of them a sender chose is not kept. */
static void settle(uint8_t *was, const uint8_t *p, uint32_t at)
{
	uint16_t a = be16_load(was + at), b = be16_load(p + at);
	if ((a == 0 || a == 0xffff) && (b == 0 || b == 0xffff))
		be16_store(was + at, b);
}

static void match(const uint8_t *p, uint32_t len, bool cut, uint32_t index)
{
	struct sent *s = sent;
	struct opkt o;
	bool is_plain = plain(&o, p, len);

	while (s < sent + sent_n && (s->seen || !same_flow(s, &o, is_plain, p)))
		s++;
	require(s < sent + sent_n && s->len == len);
	s->seen = true;
	if (cut) {
		require(is_plain && o.ip_good && o.l4_good);
		if (!o.v6 && (o.off & OPKT_DF) && index > 0) {
			be16_store(s->was + 4, be16_load(p + 4));
			be16_store(s->was + 10, be16_load(p + 10));
		}
		if (!o.v6)
			settle(s->was, p, 10);
		if (o.tcp)
			settle(s->was, p, o.l4 + 16);
	}
	require(memcmp(s->was, p, len) == 0);
}

static void take(struct tun_gso *gso, uint8_t *p, uint32_t len)
{
	static uint8_t segment[OPKT_MAX];
	struct pkt pkt = {.base = p, .cap = len, .len = len};
	struct tun_split s;
	struct opkt o;
	uint32_t n = 0;

	if (gso->kind == TUN_GSO_NONE) {
		require(gso->csum == TUN_CSUM_AS_IS ||
			(opkt_parse(&o, p, len) && o.l4_good && o.ip_good));
		match(p, len, false, 0);
		return;
	}
	require(len <= 65535 && tun_split_init(&s, &pkt, gso) && s.header == gso->header);
	for (; tun_split_more(&s); n++) {
		uint32_t bytes = tun_split_next(&s, segment);
		match(segment, bytes, true, n);
	}
	require(n > 1 && n <= TUN_GRO_SEGMENTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t room[OPKT_MAX];
	struct tun_params params = {.name = "mem0", .mtu = 1400, .offload = true};
	char why[TUN_WHY];
	struct tun *dev;
	struct tun_gro g;
	struct tun_gso gso;
	int got;

	require(tun_mem.open(&params, &dev, why) == 0);
	tun_gro_init(&g, dev, 0);
	sent_n = 0;
	uint32_t packets = give_all(&g, data, n);
	tun_gro_flush(&g);
	require(g.written == packets && g.lost == 0);
	while ((got = tun_mem_take(dev, &gso, room, sizeof room)) > 0)
		take(&gso, room, (uint32_t)got);
	require(got == 0);
	for (size_t i = 0; i < sent_n; i++) {
		require(sent[i].seen);
		free(sent[i].given);
		free(sent[i].was);
	}
	tun_mem.close(dev);
	return 0;
}

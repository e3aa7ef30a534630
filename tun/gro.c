/*
 * Joins packets of one TCP or UDP flow that follow each other into one super-packet for the device:
 * what a network interface's receive offload does. Only packets that a later cutting gives back as
 * they were are joined (RFC 9293 section 3.1, RFC 768, RFC 6864), and only after their checksum was
 * verified, since the device is told to take it for right.
 */
#include "tun/offload.h"

#include <errno.h>
#include <string.h>

enum {
	V4_LEN = 20,
	V4_DF = 0x4000,
	V4_FRAGMENT = 0x3fff, /* more fragments, or an offset */
	V6_LEN = 40,
	TCP_MIN = 20,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_CSUM_AT = 16,
	UDP_LEN = 8,
	UDP_CSUM_AT = 6,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	IP_MAX = 65535,
};

/* A packet as joining sees it. */
struct seen {
	uint8_t *ip;
	uint32_t len, l4, header, payload;
	bool tcp, v6;
	bool flow;  /* TCP or UDP of a plain IP header: has a flow whose order is to be kept */
	bool joins; /* can be joined, its checksum aside */
};

/* ---- Looking ---- */

static bool look_ip(struct seen *s)
{
	uint8_t proto;

	if (s->len >= V4_LEN && s->ip[0] == 0x45) {
		s->l4 = V4_LEN;
		proto = s->ip[9];
		if (be16_load(s->ip + 2) != s->len || (be16_load(s->ip + 6) & V4_FRAGMENT) != 0)
			return false;
	} else if (s->len >= V6_LEN && s->ip[0] >> 4 == 6) {
		s->v6 = true;
		s->l4 = V6_LEN;
		proto = s->ip[6];
		if (be16_load(s->ip + 4) + (uint32_t)V6_LEN != s->len)
			return false;
	} else {
		return false;
	}
	s->tcp = proto == PROTO_TCP;
	return s->tcp || proto == PROTO_UDP;
}

static void look_l4(struct seen *s, const struct tun_features *can)
{
	const uint8_t *l4 = s->ip + s->l4;
	uint32_t room = s->len - s->l4;

	if (s->tcp) {
		uint32_t n = room < TCP_MIN ? 0 : (uint32_t)(l4[12] >> 4) * 4;
		if (n < TCP_MIN || n > room)
			return;
		s->header = s->l4 + n;
		s->joins = can->tso && (l4[13] & ~TCP_PSH) == TCP_ACK;
	} else {
		if (room < UDP_LEN || be16_load(l4 + 4) != room)
			return;
		s->header = s->l4 + UDP_LEN;
		s->joins = can->uso && be16_load(l4 + UDP_CSUM_AT) != 0;
	}
	s->flow = true;
	s->payload = s->len - s->header;
	s->joins = s->joins && s->payload > 0;
}

/* The sum of the pseudo-header: RFC 9293 section 3.1, RFC 8200 section 8.1. */
static uint32_t pseudo_sum(const uint8_t *ip, bool v6, bool tcp, uint32_t l4_len)
{
	uint32_t sum =
	    v6 ? tun_csum_add(0, bytes_of(ip + 8, 32)) : tun_csum_add(0, bytes_of(ip + 12, 8));
	return (tun_csum_fold(sum) ^ 0xffffu) + (tcp ? PROTO_TCP : PROTO_UDP) + l4_len;
}

/* Joining writes the checksums of all anew, that of the IPv4 header included: what was wrong must
 * not become right. */
static bool ip_verifies(const struct seen *s)
{
	return s->v6 || tun_csum_ip4(bytes_of(s->ip, V4_LEN)) == 0;
}

/* Length, identification and checksum: two headers that are alike otherwise verify both or neither
 * where these add up to the same. They are never all 0. */
static uint16_t header_sum(const uint8_t *ip)
{
	return tun_csum_fold((uint32_t)be16_load(ip + 2) + be16_load(ip + 4) + be16_load(ip + 10));
}

/* The addresses stand right in front of the transport header: one sum takes both. */
static bool l4_verifies(const struct seen *s)
{
	uint32_t addrs = s->v6 ? 8 : 12;
	uint32_t sum = (s->tcp ? PROTO_TCP : PROTO_UDP) + (s->len - s->l4);
	return tun_csum_fold(tun_csum_add(sum, bytes_of(s->ip + addrs, s->len - addrs))) == 0;
}

/* ---- Writing ---- */

static void write_out(struct tun_gro *g, const struct tun_gso *gso, const struct iovec *parts,
    size_t n, uint64_t packets)
{
	int rc = g->gone ? -ENODEV : g->tun->ops->write(g->tun, g->queue, gso, parts, n);
	g->gone = g->gone || rc == -ENODEV;
	if (rc == 0)
		g->written += packets;
	else
		g->lost += packets;
}

static void write_alone(struct tun_gro *g, uint8_t *ip, uint32_t len, enum tun_csum_state csum)
{
	struct tun_gso gso = {.kind = TUN_GSO_NONE, .csum = csum};
	write_out(g, &gso, &(struct iovec){ip, len}, 1, 1);
}

/* Makes the first packet's headers those of the whole. */
static void finish_headers(struct tun_gro_flow *f)
{
	uint8_t *ip = f->first, *l4 = ip + f->l4;
	uint32_t l4_len = f->len - f->l4;

	if (f->v6) {
		be16_store(ip + 4, (uint16_t)l4_len);
	} else {
		be16_store(ip + 2, (uint16_t)f->len);
		be16_store(ip + 10, 0);
		be16_store(ip + 10, tun_csum_ip4(bytes_of(ip, V4_LEN)));
	}
	if (!f->tcp)
		be16_store(l4 + 4, (uint16_t)l4_len);
	uint16_t sum = tun_csum_fold(pseudo_sum(ip, f->v6, f->tcp, l4_len)) ^ 0xffff;
	be16_store(l4 + (f->tcp ? TCP_CSUM_AT : UDP_CSUM_AT), sum);
}

static void flush_flow(struct tun_gro *g, struct tun_gro_flow *f)
{
	if (!f->first)
		return;
	if (f->n == 1) {
		write_alone(g, f->first, f->len, TUN_CSUM_VALID);
	} else {
		finish_headers(f);
		struct tun_gso gso = {
		    .kind = !f->tcp ? TUN_GSO_UDP
			    : f->v6 ? TUN_GSO_TCP6
				    : TUN_GSO_TCP4,
		    .csum = TUN_CSUM_PARTIAL,
		    .size = (uint16_t)f->size,
		    .header = (uint16_t)f->header,
		    .csum_start = (uint16_t)f->l4,
		    .csum_offset = f->tcp ? TCP_CSUM_AT : UDP_CSUM_AT,
		};
		write_out(g, &gso, f->parts, f->n, f->n);
	}
	f->first = NULL;
}

/* ---- Joining ---- */

static bool same_flow(const struct tun_gro_flow *f, const struct seen *s)
{
	uint32_t addrs = s->v6 ? 8 : 12;

	/* Addresses and ports: in front of the transport header, and its first four bytes. */
	return f->first && f->tcp == s->tcp && f->v6 == s->v6 &&
	       memcmp(f->first + addrs, s->ip + addrs, f->l4 + 4 - addrs) == 0;
}

/* Options and the urgent pointer: 2 bytes, and then whole words. */
static bool same_end(const uint8_t *a, const uint8_t *b, uint32_t n)
{
	uint32_t differ = be16_load(a) ^ be16_load(b);

	for (uint32_t i = 2; i < n; i += 4)
		differ |= be32_load(a + i) ^ be32_load(b + i);
	return differ == 0;
}

static bool ip_follows(const struct tun_gro_flow *f, const struct seen *s)
{
	const uint8_t *a = f->first, *b = s->ip;

	if (s->v6) /* version, traffic class, flow label, hop limit */
		return memcmp(a, b, 4) == 0 && a[7] == b[7];
	/* Where fragmenting is allowed the identification matters, and it must go up by one: that
	 * is how the whole is cut again. */
	bool df = be16_load(b + 6) & V4_DF;
	return a[1] == b[1] && a[8] == b[8] && memcmp(a + 6, b + 6, 2) == 0 &&
	       (df || be16_load(b + 4) == f->next_id);
}

static bool tcp_follows(const struct tun_gro_flow *f, const struct seen *s)
{
	const uint8_t *a = f->first + f->l4, *b = s->ip + s->l4;

	/* Acknowledgement, offset, flags (PSH aside, it ends a whole), window, urgent, options. */
	return be32_load(b + 4) == f->next_seq && memcmp(a + 8, b + 8, 5) == 0 &&
	       ((a[13] ^ b[13]) & ~TCP_PSH) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
	       same_end(a + 18, b + 18, f->header - f->l4 - 18);
}

static bool follows(const struct tun_gro_flow *f, const struct seen *s)
{
	return !f->closed && f->n < TUN_GRO_SEGMENTS && f->header == s->header &&
	       s->payload <= f->size && f->len + s->payload <= IP_MAX && ip_follows(f, s) &&
	       (!s->tcp || tcp_follows(f, s));
}

static void join(struct tun_gro_flow *f, const struct seen *s)
{
	f->parts[f->n++] = (struct iovec){s->ip + s->header, s->payload};
	f->len += s->payload;
	f->next_seq += s->payload;
	f->next_id++;
	f->closed = s->payload < f->size;
	if (s->tcp && (s->ip[s->l4 + 13] & TCP_PSH)) {
		f->first[f->l4 + 13] |= TCP_PSH;
		f->closed = true;
	}
}

static void begin(struct tun_gro_flow *f, const struct seen *s)
{
	f->first = s->ip;
	f->header = s->header;
	f->l4 = s->l4;
	f->len = s->len;
	f->size = s->payload;
	f->tcp = s->tcp;
	f->v6 = s->v6;
	f->n = 1;
	f->next_seq = s->tcp ? be32_load(s->ip + s->l4 + 4) + s->payload : 0;
	f->ip_sum = s->v6 ? 0 : header_sum(s->ip);
	f->next_id = s->v6 ? 0 : (uint16_t)(be16_load(s->ip + 4) + 1);
	f->closed = s->tcp && (s->ip[s->l4 + 13] & TCP_PSH);
	f->parts[0] = (struct iovec){s->ip, s->len};
}

/* Packets of a flow come in runs. One whose headers are those of the flow that was last asked for,
 * lengths and what follows() looks at aside, needs no more looking: the first of them was looked
 * at.
 */
static bool alike(const struct tun_gro_flow *f, struct seen *s)
{
	const uint8_t *a = f->first, *b = s->ip;

	if (!a || s->len <= f->header || b[0] != a[0])
		return false;
	if (f->v6) {
		if (be16_load(b + 4) + (uint32_t)V6_LEN != s->len || b[6] != a[6] ||
		    memcmp(b + 8, a + 8, V6_LEN + 4 - 8) != 0)
			return false;
	} else if (be16_load(b + 2) != s->len || memcmp(b + 6, a + 6, 4) != 0 ||
		   memcmp(b + 12, a + 12, 8) != 0 || memcmp(b + 20, a + 20, 4) != 0) {
		return false;
	}
	s->l4 = f->l4;
	s->header = f->header;
	s->payload = s->len - f->header;
	s->tcp = f->tcp;
	s->v6 = f->v6;
	return follows(f, s) && (f->v6 || header_sum(b) == f->ip_sum) &&
	       (f->tcp || (be16_load(b + f->l4 + 4) == s->len - f->l4 &&
			      be16_load(b + f->l4 + UDP_CSUM_AT) != 0));
}

static struct tun_gro_flow *find(struct tun_gro *g, const struct seen *s)
{
	for (unsigned i = 0; i < TUN_GRO_FLOWS; i++) {
		if (same_flow(&g->flows[i], s)) {
			g->last = i;
			return &g->flows[i];
		}
	}
	return NULL;
}

static struct tun_gro_flow *make_room(struct tun_gro *g)
{
	for (size_t i = 0; i < TUN_GRO_FLOWS; i++)
		if (!g->flows[i].first)
			return &g->flows[i];
	struct tun_gro_flow *f = &g->flows[g->turn++ % TUN_GRO_FLOWS];
	flush_flow(g, f);
	return f;
}

void tun_gro_add(struct tun_gro *g, uint8_t *ip, uint32_t len)
{
	struct seen s = {.ip = ip, .len = len};

	if (alike(&g->flows[g->last], &s) && l4_verifies(&s)) {
		join(&g->flows[g->last], &s);
		return;
	}
	if (look_ip(&s))
		look_l4(&s, &g->tun->features);
	struct tun_gro_flow *f = s.flow ? find(g, &s) : NULL;
	if (!s.joins || !ip_verifies(&s) || !l4_verifies(&s)) {
		if (f)
			flush_flow(g, f);
		write_alone(g, ip, len, TUN_CSUM_AS_IS);
	} else if (f && follows(f, &s)) {
		join(f, &s);
	} else {
		if (f)
			flush_flow(g, f);
		f = f ? f : make_room(g);
		g->last = (unsigned)(f - g->flows);
		begin(f, &s);
	}
}

void tun_gro_flush(struct tun_gro *g)
{
	for (size_t i = 0; i < TUN_GRO_FLOWS; i++)
		flush_flow(g, &g->flows[i]);
}

void tun_gro_init(struct tun_gro *g, struct tun *tun, unsigned queue)
{
	memset(g, 0, sizeof *g);
	g->tun = tun;
	g->queue = queue;
}

/*
 * The inner headers as selectors see them: RFC 4301 section 4.4.1.1, RFC 791, RFC 8200 section 4.
 *
 * Every read is within the bytes given and within the length that the IP header states. A fragment
 * that is not the first has no ports. Of IPv6 extension headers those are skipped that RFC 4301
 * skips; any other protocol ends the walk and is what the selector names.
 */
#include "esp/flow.h"
#include "esp/esp.h"

enum {
	V4_MIN = 20,
	V4_OFFSET_MASK = 0x1fff, /* of the fragment field; in units of 8 bytes */
	V4_MF = 0x2000,
	V6_LEN = 40,
	V6_FRAGMENT_LEN = 8,
	V6_OFFSET_MASK = 0xfff8,
	V6_MF = 1,
	NH_HOP_BY_HOP = 0,
	NH_DCCP = 33,
	NH_ROUTING = 43,
	NH_FRAGMENT = 44,
	NH_DESTINATION = 60,
	NH_SCTP = 132,
	NH_MOBILITY = 135,
	NH_UDPLITE = 136,
};

/* How a protocol shows ports. */
enum shows {
	SHOWS_NOTHING,
	SHOWS_PORTS,   /* two 16-bit ports first */
	SHOWS_TYPE,    /* ICMP: type and code first, one value for both sides */
	SHOWS_MH_TYPE, /* mobility: one octet, in the upper half of the value */
};

static const uint8_t shows[256] = {
    [TS_PROTO_TCP] = SHOWS_PORTS,
    [TS_PROTO_UDP] = SHOWS_PORTS,
    [NH_DCCP] = SHOWS_PORTS,
    [NH_SCTP] = SHOWS_PORTS,
    [NH_UDPLITE] = SHOWS_PORTS,
    [TS_PROTO_ICMP] = SHOWS_TYPE,
    [TS_PROTO_ICMPV6] = SHOWS_TYPE,
    [NH_MOBILITY] = SHOWS_MH_TYPE,
};

static void read_ports(struct esp_flow *f, const uint8_t *p, size_t n)
{
	switch ((enum shows)shows[f->proto]) {
	case SHOWS_NOTHING: return;
	case SHOWS_PORTS:
		if (n < 4) {
			return;
		}
		f->sport = be16_load(p);
		f->dport = be16_load(p + 2);
		break;
	case SHOWS_TYPE:
		if (n < 2) {
			return;
		}
		f->sport = f->dport = be16_load(p);
		break;
	case SHOWS_MH_TYPE:
		if (n < 3) {
			return;
		}
		f->sport = f->dport = (uint16_t)(p[2] << 8);
		break;
	}
	f->has_ports = true;
}

static bool read_v4(struct esp_flow *f, const uint8_t *p, size_t n)
{
	if (n < V4_MIN) {
		return false;
	}
	size_t ihl = (size_t)(p[0] & 15) * 4;
	f->total = be16_load(p + 2);
	if (ihl < V4_MIN || f->total < ihl || f->total > n) {
		return false;
	}
	f->family = ADDR_V4;
	f->proto = p[9];
	f->src.hi = (uint64_t)be32_load(p + 12) << 32;
	f->dst.hi = (uint64_t)be32_load(p + 16) << 32;
	uint16_t fragment = be16_load(p + 6);
	f->fragment = fragment & (V4_OFFSET_MASK | V4_MF);
	if ((fragment & V4_OFFSET_MASK) == 0) {
		f->l4 = (uint32_t)ihl;
		read_ports(f, p + ihl, f->total - ihl);
	}
	return true;
}

/* Walks the extension headers in n bytes. False: cut within one. A fragment header may come twice,
 * and one that makes the packet its only fragment hides nothing: RFC 6946. */
static bool walk_v6(struct esp_flow *f, const uint8_t *p, size_t n)
{
	f->l4 = V6_LEN;
	for (;;) {
		size_t len;

		switch (f->proto) {
		case NH_HOP_BY_HOP:
		case NH_ROUTING:
		case NH_DESTINATION: len = n < 2 ? V6_FRAGMENT_LEN : ((size_t)p[1] + 1) * 8; break;
		case NH_FRAGMENT: len = V6_FRAGMENT_LEN; break;
		default: read_ports(f, p, n); return true;
		}
		if (n < len) {
			return false;
		}
		uint16_t fragment = f->proto == NH_FRAGMENT ? be16_load(p + 2) : 0;
		f->proto = p[0];
		f->fragment = f->fragment || (fragment & (V6_OFFSET_MASK | V6_MF));
		if (fragment & V6_OFFSET_MASK) {
			f->l4 = 0;
			return true;
		}
		f->l4 += (uint32_t)len;
		p += len;
		n -= len;
	}
}

static bool read_v6(struct esp_flow *f, const uint8_t *p, size_t n)
{
	if (n < V6_LEN) {
		return false;
	}
	f->total = (uint32_t)be16_load(p + 4) + V6_LEN;
	if (f->total > n) {
		return false;
	}
	f->family = ADDR_V6;
	f->proto = p[6];
	f->src = (struct esp_num){be64_load(p + 8), be64_load(p + 16)};
	f->dst = (struct esp_num){be64_load(p + 24), be64_load(p + 32)};
	return walk_v6(f, p + V6_LEN, f->total - V6_LEN);
}

bool esp_flow_read(struct esp_flow *f, const uint8_t *p, size_t n)
{
	*f = (struct esp_flow){0};
	if (n == 0) {
		return false;
	}
	switch (p[0] >> 4) {
	case 4: return read_v4(f, p, n);
	case 6: return read_v6(f, p, n);
	default: return false;
	}
}

static struct addr addr_of(uint8_t family, struct esp_num v)
{
	struct addr a = {.family = family};

	be64_store(a.b, v.hi);
	be64_store(a.b + 8, v.lo);
	return a;
}

bool esp_flow_of(struct bytes ip, struct ts_flow *out)
{
	struct esp_flow f;

	if (!esp_flow_read(&f, ip.p, ip.n)) {
		return false;
	}
	*out = (struct ts_flow){
	    .src = addr_of(f.family, f.src),
	    .dst = addr_of(f.family, f.dst),
	    .proto = f.proto,
	    .has_ports = f.has_ports,
	    .sport = f.sport,
	    .dport = f.dport,
	};
	return true;
}

struct esp_num esp_num_of(const struct addr *a)
{
	if (a->family == ADDR_V4) {
		return (struct esp_num){(uint64_t)be32_load(a->b) << 32, 0};
	}
	return (struct esp_num){be64_load(a->b), be64_load(a->b + 8)};
}

struct esp_sel esp_sel_of(const struct ts *t)
{
	return (struct esp_sel){
	    .lo = esp_num_of(&t->lo),
	    .hi = esp_num_of(&t->hi),
	    .port_lo = t->port_lo,
	    .port_hi = t->port_hi,
	    .family = t->lo.family,
	    .proto = t->proto,
	    .any_port = t->port_lo == 0 && t->port_hi == UINT16_MAX,
	    .opaque = ts_is_opaque(t),
	};
}

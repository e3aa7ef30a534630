/*
 * CP: RFC 7296 section 3.15, RFC 8598 section 4.1.
 */
#include "ike/wire/cp.h"
#include "ike/wire/build.h"
#include "ike/wire/pld.h"

struct info {
	uint16_t type;
	const char *name;
	uint8_t octets, or_octets;
};

static const struct info infos[] = {
#define INFO(id, symbol, name, octets, or_octets) {id, name, octets, or_octets},
    IKE_CP_LIST(INFO)
#undef INFO
};

enum { ATTR_TYPE_BITS = 0x7fff, IP4_SUBNET_LEN = 8, IP6_SUBNET_LEN = 17 };

static const struct info *info_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
		if (infos[i].type == type) {
			return &infos[i];
		}
	}
	return NULL;
}

const char *ike_cp_name(uint16_t type)
{
	const struct info *info = info_of(type);

	return info ? info->name : "unknown attribute";
}

static bool length_fits(const struct info *info, size_t n)
{
	if (n == 0 || info->octets == IKE_CP_ANY) {
		return true;
	}
	if (info->octets == IKE_CP_EVEN) {
		return n % 2 == 0;
	}
	return n == info->octets || n == info->or_octets;
}

const char *ike_pld_cp(struct ike_msg *m, const struct ike_pld *p)
{
	struct rd r = rd_of(p->body);

	m->cp.type = rd_u8(&r);
	rd_skip(&r, 3);
	while (rd_ok(&r) && rd_left(&r) > 0) {
		struct ike_cp_attr a = {.type = rd_u16(&r) & ATTR_TYPE_BITS};
		size_t n = rd_u16(&r);

		a.value = rd_bytes(&r, n);
		if (!rd_ok(&r)) {
			return "an attribute is cut";
		}
		/* "Unrecognized or unsupported attributes MUST be ignored" (section 3.15.1). */
		const struct info *info = info_of(a.type);
		if (info == NULL) {
			continue;
		}
		if (!length_fits(info, n)) {
			return "the length of an attribute does not fit its type";
		}
		if (m->cp.n < IKE_CP_ATTRS_MAX) {
			m->cp.v[m->cp.n++] = a;
		}
	}
	return NULL;
}

/* ---- Values ---- */

bool ike_cp_addr(const struct ike_cp_attr *a, struct addr *out)
{
	size_t n = a->value.n == 17 ? 16 : a->value.n;

	*out = addr_from_bytes(bytes_of(a->value.p, n));
	return out->family != ADDR_NONE;
}

/* Leading ones and nothing else. */
static bool mask_bits(uint32_t mask, unsigned *bits)
{
	*bits = 0;
	while (*bits < 32 && mask & UINT32_C(0x80000000) >> *bits) {
		++*bits;
	}
	return *bits == 32 || mask << *bits == 0;
}

bool ike_cp_subnet(const struct ike_cp_attr *a, struct prefix *out)
{
	struct rd r = rd_of(a->value);
	bool v4 = a->value.n == IP4_SUBNET_LEN;

	if (!v4 && a->value.n != IP6_SUBNET_LEN) {
		return false;
	}
	struct addr addr = addr_from_bytes(rd_bytes(&r, v4 ? 4 : 16));
	unsigned bits = v4 ? 0 : rd_u8(&r);
	if (v4 && !mask_bits(rd_u32(&r), &bits)) {
		return false;
	}
	if (bits > addr_bits(&addr)) {
		return false;
	}
	*out = prefix_of(&addr, bits);
	return true;
}

/* ---- Out ---- */

void ike_build_cp(struct ike_build *b, enum ike_cfg_type type)
{
	ike_build_payload(b, IKE_PLD_CP);
	wr_u8(&b->w, (uint8_t)type);
	wr_zero(&b->w, 3);
}

void ike_build_cp_attr(struct ike_build *b, enum ike_cp_attr_type type, struct bytes value)
{
	wr_u16(&b->w, (uint16_t)type);
	wr_u16(&b->w, (uint16_t)value.n);
	wr_bytes(&b->w, value);
	b->w.bad |= value.n > UINT16_MAX;
}

void ike_build_cp_addr(struct ike_build *b, const struct addr *a)
{
	bool v4 = a->family == ADDR_V4;
	uint8_t value[17];
	struct wr w = wr_of(value, sizeof value);

	wr_bytes(&w, addr_bytes(a));
	if (!v4) {
		wr_u8(&w, (uint8_t)addr_bits(a)); /* alone: a tunnel has no link */
	}
	ike_build_cp_attr(b, v4 ? IKE_CP_IP4_ADDRESS : IKE_CP_IP6_ADDRESS, wr_written(&w));
}

void ike_build_cp_dns(struct ike_build *b, const struct addr *a)
{
	ike_build_cp_attr(b, a->family == ADDR_V4 ? IKE_CP_IP4_DNS : IKE_CP_IP6_DNS, addr_bytes(a));
}

void ike_build_cp_subnet(struct ike_build *b, const struct prefix *p)
{
	bool v4 = p->addr.family == ADDR_V4;
	uint8_t value[IP6_SUBNET_LEN];
	struct wr w = wr_of(value, sizeof value);

	wr_bytes(&w, addr_bytes(&p->addr));
	if (v4) {
		wr_u32(&w, p->len ? UINT32_MAX << (32 - p->len) : 0);
	} else {
		wr_u8(&w, p->len);
	}
	ike_build_cp_attr(b, v4 ? IKE_CP_IP4_SUBNET : IKE_CP_IP6_SUBNET, wr_written(&w));
}

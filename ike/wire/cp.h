/*
 * The Configuration payload: RFC 7296 section 3.15, RFC 8598 section 4.
 */
#ifndef IKE_WIRE_CP_H
#define IKE_WIRE_CP_H

#include "base/addr.h"
#include "ike/limits.h"

enum ike_cfg_type {
	IKE_CFG_REQUEST = 1,
	IKE_CFG_REPLY = 2,
	IKE_CFG_SET = 3,
	IKE_CFG_ACK = 4,
};

enum {
	IKE_CP_ANY = 0xff,  /* octets: any number */
	IKE_CP_EVEN = 0xfe, /* any even number */
};

/* The attributes that we read, one row each. Octets: of a value that is there; some peers leave out
 * the prefix length of an IPv6 address, which then has 16. An empty value is a question. */
/* clang-format off */
#define IKE_CP_LIST(X) \
	/* id  symbol                name                    octets        or */ \
	X( 1, IP4_ADDRESS,          "INTERNAL_IP4_ADDRESS",  4,            4) \
	X( 2, IP4_NETMASK,          "INTERNAL_IP4_NETMASK",  4,            4) \
	X( 3, IP4_DNS,              "INTERNAL_IP4_DNS",      4,            4) \
	X( 7, APPLICATION_VERSION,  "APPLICATION_VERSION",   IKE_CP_ANY,   0) \
	X( 8, IP6_ADDRESS,          "INTERNAL_IP6_ADDRESS",  17,           16) \
	X(10, IP6_DNS,              "INTERNAL_IP6_DNS",      16,           16) \
	X(13, IP4_SUBNET,           "INTERNAL_IP4_SUBNET",   8,            8) \
	X(14, SUPPORTED_ATTRIBUTES, "SUPPORTED_ATTRIBUTES",  IKE_CP_EVEN,  0) \
	X(15, IP6_SUBNET,           "INTERNAL_IP6_SUBNET",   17,           17) \
	X(25, DNS_DOMAIN,           "INTERNAL_DNS_DOMAIN",   IKE_CP_ANY,   0)
/* clang-format on */

enum ike_cp_attr_type {
#define IKE_CP_ENUM(id, symbol, name, octets, or_octets) IKE_CP_##symbol = id,
	IKE_CP_LIST(IKE_CP_ENUM)
#undef IKE_CP_ENUM
};

struct ike_cp_attr {
	uint16_t type;      /* enum ike_cp_attr_type */
	struct bytes value; /* borrowed; of a length that fits the type */
};

struct ike_cp {
	uint8_t type; /* enum ike_cfg_type, or any other number */
	size_t n;     /* attributes that we know, in order */
	struct ike_cp_attr v[IKE_CP_ATTRS_MAX];
};

/* The address in the value, without its prefix length; false: there is none. */
bool ike_cp_addr(const struct ike_cp_attr *a, struct addr *out);
/* The subnet in the value of INTERNAL_IP4_SUBNET or INTERNAL_IP6_SUBNET. False: there is none, or
 * no prefix has that netmask or length. */
bool ike_cp_subnet(const struct ike_cp_attr *a, struct prefix *out);
const char *ike_cp_name(uint16_t type); /* "INTERNAL_IP4_ADDRESS", "unknown attribute" */

#endif

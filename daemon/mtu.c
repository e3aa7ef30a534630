/*
 * Sizes: RFC 4303 section 2 by way of esp_overhead(), UDP 8 bytes (RFC 3948 section 2.1), IPv4 20,
 * IPv6 40.
 */
#include "daemon/mtu.h"

#include "esp/esp.h"

enum { UDP_HEADER = 8, IPV4_HEADER = 20, IPV6_HEADER = 40 };

uint32_t mtu_inner(uint32_t link, enum addr_family outer, uint32_t overhead)
{
	uint32_t around = overhead + UDP_HEADER + (outer == ADDR_V4 ? IPV4_HEADER : IPV6_HEADER);
	return link > around + MTU_LEAST ? link - around : MTU_LEAST;
}

static uint32_t worst_of(const struct proposal *p)
{
	uint32_t worst = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type != TRANSFORM_ENCR)
			continue;
		uint32_t alone = esp_overhead(p->t[i], (struct transform){0});
		worst = alone > worst ? alone : worst;
		for (size_t k = 0; k < p->n; k++) {
			uint32_t both =
			    p->t[k].type == TRANSFORM_INTEG ? esp_overhead(p->t[i], p->t[k]) : 0;
			worst = both > worst ? both : worst;
		}
	}
	return worst;
}

uint32_t mtu_overhead(const struct proposal_list *l)
{
	uint32_t worst = 0;
	for (size_t i = 0; i < l->n; i++) {
		uint32_t one = worst_of(&l->v[i]);
		worst = one > worst ? one : worst;
	}
	return worst;
}

static enum addr_family outer_family(const struct config_conn *c)
{
	for (size_t i = 0; i < c->remote_addrs_n; i++) {
		struct prefix p;
		if (!prefix_parse(&p, c->remote_addrs[i]) || p.addr.family != ADDR_V4)
			return ADDR_V6;
	}
	return ADDR_V4;
}

uint32_t mtu_of_config(const struct config *c, uint32_t link)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < c->conns_n; i++)
		for (size_t k = 0; k < c->conns[i].children_n; k++) {
			if (config_child_is_static(&c->conns[i].children[k]))
				continue;
			uint32_t m = mtu_inner(link, outer_family(&c->conns[i]),
			    mtu_overhead(&c->conns[i].children[k].esp_proposals));
			least = m < least ? m : least;
		}
	return least == UINT32_MAX ? link : least;
}

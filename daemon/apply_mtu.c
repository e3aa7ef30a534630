/*
 * What the paths to peers carry, for the SAs that send along them: RFC 4301 section 8.2.
 */
#include "daemon/apply.h"
#include "daemon/udp/errors.h"

uint32_t apply_mtu(
    struct apply *a, const struct endpoint *local, const struct endpoint *remote, unsigned pin)
{
	uint32_t learned = pmtu_get(a->pmtu, &remote->addr), route = 0;

	if (udp_route_mtu(&remote->addr, &local->addr, pin, &route) < 0)
		return learned;
	return learned && learned < route ? learned : route;
}

/* Section 8.2.1: what a router quotes must be of an SA to that peer. */
static bool is_ours(const struct apply *a, const struct udp_too_big *t)
{
	for (const struct apply_child *c = a->first; c; c = c->next)
		if (!c->down && addr_equal(&c->remote.addr, &t->dst) &&
		    (!t->by_icmp || c->spi_out == t->spi))
			return true;
	return false;
}

static void tell_paths(struct apply *a, const struct addr *dst)
{
	for (struct apply_child *c = a->first; c; c = c->next)
		if (!c->down && addr_equal(&c->remote.addr, dst))
			apply_set_path(a, c);
}

uint32_t apply_too_big(struct apply *a, const struct udp_too_big *t, uint64_t now_ms)
{
	char at[ADDR_TEXT];

	if (!is_ours(a, t))
		return 0;
	uint32_t mtu = pmtu_learn(a->pmtu, &t->dst, t->mtu, now_ms);
	if (mtu == 0)
		return 0;
	log_say(a->log, LOG_INFO, "path-mtu", "the path to %s carries packets of %u bytes",
	    addr_text(&t->dst, at), mtu);
	tell_paths(a, &t->dst);
	return mtu;
}

void apply_mtu_expire(struct apply *a, uint64_t now_ms)
{
	struct addr dst;

	while (pmtu_next_expired(a->pmtu, now_ms, &dst))
		tell_paths(a, &dst);
}

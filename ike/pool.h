/*
 * Leases of the addresses that a gateway hands out: RFC 7296 sections 2.19 and 3.15.
 *
 * An identity that comes back gets the address that it had, as long as nobody else needed it. A
 * lease is held by as many IKE SAs as its peer has with it: two, while one takes the other's place.
 * Leases outlive the configuration that they came from: it can be replaced below them.
 */
#ifndef IKE_POOL_H
#define IKE_POOL_H

#include "config/config.h"
#include "ike/ike.h"

struct ike_pools;
struct ike_lease;

/* Names and ranges are copied. `remember`: at most so many leases are kept that nobody holds. NULL:
 * no memory. */
struct ike_pools *ike_pools_new(const struct config *c, size_t remember);
/* Another configuration: leases stay where a pool of the same name still has their address; those
 * that are held elsewhere stay with who has them and are given to nobody else. False: no memory,
 * and nothing has changed. */
bool ike_pools_load(struct ike_pools *p, const struct config *c);
void ike_pools_free(struct ike_pools *p); /* NULL is fine */

struct ike_lease_ask {
	const struct ident *who; /* one, not a pattern */
	char *const *names;      /* of the pools, in the order in which they are tried */
	size_t names_n;
	struct addr wanted; /* 0.0.0.0 or ::: any of its family */
	/* May one that is held already, by the same identity, be held by who asks, too? */
	bool (*shares)(void *arg, const struct ike_lease *l);
	void *arg;
};
/* NULL: none is left, or no memory. To be given back with ike_pools_put. */
struct ike_lease *ike_pools_take(struct ike_pools *p, const struct ike_lease_ask *a);
void ike_pools_put(struct ike_pools *p, struct ike_lease *l);

const struct addr *ike_lease_addr(const struct ike_lease *l);
const char *ike_lease_pool(const struct ike_lease *l); /* its pool's name; "" if that is gone */

/* Has any of the pools addresses of that family? */
bool ike_pools_have(
    const struct ike_pools *p, char *const *names, size_t n, enum addr_family family);
void ike_pools_each(
    const struct ike_pools *p, void (*fn)(void *arg, const struct ike_pool_info *i), void *arg);
/* "pools.staff (254 addresses, 254 in use)", those of that family alone. Returns dst. */
const char *ike_pools_text(const struct ike_pools *p, char *const *names, size_t n,
    enum addr_family family, char *dst, size_t cap);

#endif

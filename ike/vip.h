/*
 * Virtual addresses and what goes with them, by the configuration payload: RFC 7296 sections 2.19
 * and 3.15, RFC 8598 (split DNS), RFC 8983 (which families there are).
 *
 * As client: asked for with IKE_AUTH when the connection has `vips`. As gateway: given from `pools`
 * to whoever asks; an address belongs to the IKE SA, and lives as long, through all of its keys.
 */
#ifndef IKE_VIP_H
#define IKE_VIP_H

#include "ike/select.h"
#include "ike/sa.h"

/* ---- Both ---- */

/* What "dynamic" stands for on either side. */
struct ike_hosts ike_vip_local(const struct ike_sa *sa);
struct ike_hosts ike_vip_remote(const struct ike_sa *sa);
bool ike_vip_is_awaited(const struct ike_sa *sa); /* asked for, and not there yet */
/* May a packet from this address take the SA, as far as that is known? */
bool ike_vip_has_local(const struct ike_sa *sa, const struct addr *a);
bool ike_vip_gave(const struct ike_sa *sa); /* we are the gateway */
void ike_vip_fill(const struct ike_sa *sa, struct ike_child_up *up);
struct ike_given ike_vip_given(const struct ike_sa *sa);
void ike_vip_release(struct ike_sa *sa); /* leases, too */

/* ---- vip.c: the client ---- */

/* CP(CFG_REQUEST), which stands before SA; nothing if no address is wanted. */
void ike_vip_ask(const struct ike_sa *sa, struct ike_build *b);
/* From the answer to IKE_AUTH. False: no address where one is wanted. */
bool ike_vip_take(struct ike_sa *sa, const struct ike_msg *m, struct ike_reason *why);

/* ---- vip_answer.c: the gateway ---- */

/* Leases for the addresses that the request asks for, unless the SA has some. `for_child`: it wants
 * a child, for which there must be some. IKE_EADDRESS, IKE_ECPREQUIRED, IKE_ENOMEM, with the
 * sentence. */
enum ike_err ike_vip_lease(
    struct ike_sa *sa, const struct ike_msg *m, bool for_child, struct ike_reason *why);
/* CP(CFG_REPLY) and the notifications of RFC 8983, before SA; nothing if nothing was asked for. */
void ike_vip_answer(struct ike_sa *sa, const struct ike_msg *m, struct ike_build *b);
/* The same for a configuration payload that comes alone: no address, no version. */
void ike_vip_answer_alone(const struct ike_msg *m, struct ike_build *b);

/* ---- Between them ---- */

struct ike_lease;

struct ike_vips {
	struct addr v[IKE_VIPS_MAX];
	struct ike_lease *lease[IKE_VIPS_MAX]; /* the gateway's; NULL: we are the client */
	size_t n;
	struct addr dns[IKE_DNS_MAX];
	size_t dns_n;
	char *domains[IKE_DOMAINS_MAX]; /* owned */
	size_t domains_n;
	struct prefix subnets[IKE_SUBNETS_MAX];
	size_t subnets_n;
};

/* A copy of it, unless it is there or too many are. False: no memory. */
bool ike_vips_add_domain(struct ike_vips *v, const char *name);
void ike_vips_add_dns(struct ike_vips *v, const struct addr *a);
void ike_vips_add_subnet(struct ike_vips *v, const struct prefix *p);

#endif

/*
 * NAT detection and what follows from it: RFC 7296 section 2.23, RFC 3948.
 */
#ifndef IKE_NAT_H
#define IKE_NAT_H

#include "ike/sa.h"

/* Both notifications of an IKE_SA_INIT message of ours. */
enum ike_err ike_nat_build(const struct ike_sa *sa, struct ike_build *b);
/* Looks at the peer's; sets nat_local, nat_remote, encap. spi_r as in the header of *m. */
enum ike_err ike_nat_detect(
    struct ike_sa *sa, const struct ike_msg *m, const struct ike_datagram *d);
/* Initiator: to port 4500 and the marker, when IKE_SA_INIT showed a NAT, or encapsulation is
 * wanted. */
void ike_nat_float(struct ike_sa *sa);
/* "we are behind a NAT", "no NAT" … for the story. */
const char *ike_nat_story(const struct ike_sa *sa);

#endif

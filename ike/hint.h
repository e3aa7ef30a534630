/*
 * What is said outside of IKE SAs: RFC 7296 sections 1.5 and 2.21.4.
 *
 * A message that belongs to no SA of ours is answered with an error without protection; ESP to an
 * SPI that nobody has is told to its sender, inside of an IKE SA where there is one. What others
 * say to us in that way anybody could say: it is a hint, no more, and at most makes us ask the peer
 * whether it lives. Everything here is bounded in rate by struct ike_limits.
 */
#ifndef IKE_HINT_H
#define IKE_HINT_H

#include "ike/child.h"

/* Answers a request with one unprotected error notification, to where it came from. */
void ike_hint_reply(struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h,
    enum ike_notify_type type);
/* A protected message of no SA of ours. */
enum ike_err ike_hint_no_sa(
    struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h);
/* An unprotected message of an exchange that has none. `sa`: the one that its header names; NULL:
 * none. */
enum ike_err ike_hint_take(
    struct ike_engine *e, const struct ike_datagram *d, const struct ike_hdr *h, struct ike_sa *sa);
/* A request of the peer's under protection: what it says of packets that we sent is said. */
void ike_hint_hear(struct ike_sa *sa, const struct ike_msg *m);
/* IKE_CMD_WAYWARD. */
enum ike_err ike_hint_wayward(struct ike_engine *e, const struct ike_command *c);
/* Packets to this inbound SPI may come for a while, and mean nothing. */
void ike_hint_departed(struct ike_engine *e, uint32_t spi_in);

#endif

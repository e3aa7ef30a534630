/*
 * The TUN device's MTU from the path's.
 */
#ifndef DAEMON_MTU_H
#define DAEMON_MTU_H

#include "config/config.h"

enum { MTU_LEAST = 576, MTU_ETHERNET = 1500 };

/* The largest inner packet that fits an outer packet of `link` bytes: outer IP header, UDP header,
 * `overhead` of ESP. Never below MTU_LEAST. */
uint32_t mtu_inner(uint32_t link, enum addr_family outer, uint32_t overhead);
/* The most that any suite of these proposals adds. */
uint32_t mtu_overhead(const struct proposal_list *l);
/* For all children of a configuration, over links of `link` bytes; outer IPv6 wherever an address
 * is not plainly IPv4. */
uint32_t mtu_of_config(const struct config *c, uint32_t link);

#endif

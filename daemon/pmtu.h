/*
 * What is remembered of the paths to peers: the largest IP packet that passes, per destination, for
 * a while (RFC 1191, RFC 8201). It knows no socket and no clock: daemon/udp/errors.h brings the
 * news, the caller the time.
 *
 * A path only ever gets narrower here. What it grows to is found by forgetting: after ten minutes
 * the entry expires, the caller asks the route (udp_route_mtu), and packets that are too large
 * again teach it anew.
 */
#ifndef DAEMON_PMTU_H
#define DAEMON_PMTU_H

#include "base/addr.h"

enum {
	/* No report is believed that says less: whoever forges one gets small packets, not none. */
	PMTU_LEAST_V4 = 576,
	PMTU_LEAST_V6 = 1280,          /* RFC 8201 section 4: such a report is discarded */
	PMTU_MOST = 65535,             /* nor one that says more */
	PMTU_LIFE_MS = 10 * 60 * 1000, /* RFC 1191 section 6.3, RFC 8201 section 4 */
};

struct pmtu_table;

/* Remembers at most `most` destinations (1 or more). NULL: no memory. */
struct pmtu_table *pmtu_new(size_t most);
void pmtu_free(struct pmtu_table *t); /* NULL is fine */

/* A packet to dst was too large, `mtu` bytes would pass. Returns the MTU to be used from now on if
 * that is less than before, else 0. The same MTU once more keeps the entry for another while. IPv4:
 * less than PMTU_LEAST_V4 (also the 0 of routers before RFC 1191) counts as that. Where there is no
 * more room, the entry that would expire first is lost. */
uint32_t pmtu_learn(struct pmtu_table *t, const struct addr *dst, uint32_t mtu, uint64_t now_ms);

/* What is remembered of dst; 0: nothing. */
uint32_t pmtu_get(const struct pmtu_table *t, const struct addr *dst);

/* Takes one entry that has expired out of the table, and says whose it was. False: none has. */
bool pmtu_next_expired(struct pmtu_table *t, uint64_t now_ms, struct addr *dst);

/* When the next one expires; UINT64_MAX: never. */
uint64_t pmtu_deadline(const struct pmtu_table *t);

/* The path changed, or nobody sends there any more. */
void pmtu_forget(struct pmtu_table *t, const struct addr *dst);

#endif

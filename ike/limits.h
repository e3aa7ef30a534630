/*
 * The one table of what a peer can drive: every count, size and time has its cap here, with its
 * unit and the reason for it. docs/limits.md shows it to users, and a test holds the page against
 * it. What the daemon caps stands in daemon/limits.h in the same form.
 */
#ifndef IKE_LIMITS_H
#define IKE_LIMITS_H

#include <stdint.h>

/* clang-format off */

/* Of one engine: the fields of struct ike_limits. The configuration sets those that have its keys. */
#define IKE_LIMIT_LIST(X) \
	/* field                 default   unit        why */ \
	X(ike_sas,               50000,    "IKE SAs",  "in all, half-open and replaced ones included") \
	X(half_open,             1000,     "IKE SAs",  "of callers that have not authenticated, in all; what comes beyond is dropped (init_limit_half_open)") \
	X(half_open_per_ip,      32,       "IKE SAs",  "likewise, of one IPv4 address or IPv6 /64 (block_threshold)") \
	X(cookie_threshold,      30,       "IKE SAs",  "half-open ones from which on a caller must bring a cookie (cookie_threshold)") \
	X(cookie_threshold_ip,   3,        "IKE SAs",  "half-open ones of one address from which on it must bring a cookie, so that nobody else fills its share (cookie_threshold_ip)") \
	X(puzzle_threshold,      200,      "IKE SAs",  "half-open ones from which on a caller must solve a puzzle (RFC 8019, puzzle_threshold)") \
	X(puzzle_threshold_ip,   10,       "IKE SAs",  "half-open ones of one address from which on it must solve a puzzle (puzzle_threshold_ip)") \
	X(puzzle_difficulty,     16,       "bits",     "zero bits of the puzzles that are asked for; up to 4 more as the load grows (puzzle_difficulty)") \
	X(puzzle_difficulty_max, 20,       "bits",     "zero bits of the hardest puzzle that is solved for a peer (puzzle_difficulty_max)") \
	X(half_open_ms,          100000,   "ms",       "life of a half-open IKE SA; a peer's last retransmission comes after 90 s (half_open_timeout)") \
	X(children_per_sa,       256,      "children", "of one IKE SA; NO_ADDITIONAL_SAS beyond") \
	X(fragments,             256,      "fragments", "that one message may have (RFC 7383)") \
	X(fragment_bytes,        65535,    "bytes",    "of the fragments of one message: no IKE message is longer (RFC 7383 section 5)") \
	X(fragment_bytes_all,    32 << 20, "bytes",    "of all fragments that wait for others; half of it for half-open IKE SAs") \
	X(leases,                100000,   "addresses", "that are kept for identities that are not connected; the oldest are forgotten beyond (pools)") \
	X(replies_per_s,         20,       "a second", "unprotected error messages: RFC 7296 sections 1.5 and 2.21.4") \
	X(hints_per_s,           50,       "a second", "unprotected error messages of others that are looked at") \
	X(waywards_per_s,        20,       "a second", "ESP packets of unknown SPIs that are told to their senders") \
	X(hint_ms,               10000,    "ms",       "for one IKE SA, from one such hint that is followed, or told, to the next") \
	X(tokens_shown_per_s,    200,      "a second", "crash detection tokens that are shown in all (RFC 6290 section 8.1)") \
	X(tokens_heard_per_s,    10,       "a second", "messages with such tokens that are looked at, for one IKE SA")

/* The same for all engines: constants. */
#define IKE_FIXED_LIMIT_LIST(X) \
	/* name                        value      unit             why */ \
	/* One message */ \
	X(IKE_MSG_MAX,                 65535,     "bytes",         "of a message that is taken or built") \
	X(IKE_PAYLOADS_MAX,            64,        "payloads",      "of one message; more are an error") \
	X(IKE_NOTIFIES_MAX,            40,        "notifications", "of one message; more are an error") \
	X(IKE_DELETES_MAX,             8,         "Delete payloads", "of one message; more are an error") \
	X(IKE_CERTS_MAX,               12,        "certificates",  "of one message; more are an error") \
	X(IKE_VENDORS_MAX,             16,        "vendor IDs",    "of one message; further ones are ignored") \
	X(IKE_ATTRS_MAX,               8,         "attributes",    "of one transform; more are an error") \
	X(IKE_CP_ATTRS_MAX,            128,       "attributes",    "of one Configuration payload; further ones are ignored") \
	X(IKE_DNS_MAX,                 16,        "DNS servers",   "that a peer gives; further ones are ignored") \
	X(IKE_DOMAINS_MAX,             32,        "domains",       "that a peer gives (RFC 8598); further ones are ignored") \
	X(IKE_SUBNETS_MAX,             32,        "networks",      "that a peer says to have behind it; further ones are ignored") \
	X(IKE_NONCE_MAX,               256,       "bytes",         "of a nonce: RFC 7296 section 3.9") \
	X(IKE_COOKIE_MAX,              64,        "bytes",         "of a cookie that is sent back: RFC 7296 section 2.6") \
	X(IKE_PACKET_LEAST,            256,       "bytes",         "of an IP packet: no peer and no ICMP message has fragments cut smaller") \
	/* Rounds and repetitions */ \
	X(IKE_COOKIES_MAX,             4,         "rounds",        "of IKE_SA_INIT that a caller goes along with for cookies and puzzles") \
	X(IKE_GROUPS_MAX,              4,         "rounds",        "of IKE_SA_INIT for INVALID_KE_PAYLOAD") \
	X(IKE_NEW_KEYS_GROUPS_MAX,     3,         "rounds",        "of CREATE_CHILD_SA for INVALID_KE_PAYLOAD") \
	X(IKE_TEMPORARY_MAX,           6,         "rounds",        "of CREATE_CHILD_SA that a peer puts off with TEMPORARY_FAILURE") \
	X(IKE_TEMPORARY_LONGEST_MS,    60000,     "ms",            "between two of them") \
	X(IKE_PUT_OFF_MS,              300000,    "ms",            "for which TEMPORARY_FAILURE of a rekey is believed to be temporary") \
	X(IKE_REAUTH_LEAST_MS,         10000,     "ms",            "between two authentications that a peer's AUTH_LIFETIME asks for (RFC 4478)") \
	/* What stays of a peer */ \
	X(IKE_PUZZLE_MS,               30000,     "ms",            "in which a puzzle must be solved: while an IKE SA that failed is remembered, so that no solution counts twice") \
	X(IKE_PUZZLE_SLICE,            1024,      "keys",          "that are tried for puzzles in one call of the engine") \
	X(IKE_COOKIE_SECRET_MS,        60000,     "ms",            "in which a secret makes cookies; they are good for twice that") \
	X(IKE_LINGER_MS,               30000,     "ms",            "in which an IKE SA that failed answers repeats") \
	X(IKE_SERIES_MAX,              4,         "series",        "of key exchanges (RFC 9370) that a peer has begun in an IKE SA and not ended; TEMPORARY_FAILURE beyond") \
	X(IKE_SERIES_MS,               30000,     "ms",            "until the next exchange of such a series; then it is forgotten (STATE_NOT_FOUND)") \
	X(IKE_STATES_LOST_MAX,         3,         "times",         "in a row that a peer forgets a series of ours; then the IKE SA ends") \
	X(IKE_OLDS_MAX,                64,        "IKE SAs",       "replaced ones of one peer that are not deleted yet") \
	X(IKE_GONE,                    4,         "SPIs",          "of deleted children that are remembered for each, for crossings") \
	X(IKE_ABANDONED_MS,            300000,    "ms",            "until what a peer replaced and does not delete is deleted") \
	X(IKE_DEPARTED,                64,        "SPIs",          "of children that are gone, in all: ESP to them is no news for a while") \
	X(IKE_OUSTED_MS,               30000,     "ms",            "in which a peer that authenticates once more deletes the old IKE SA") \
	X(IKE_VIPS_MAX,                8,         "addresses",     "that one IKE SA is given; a peer that asks for more gets so many") \
	X(IKE_TICKETS_PER_KEY,         65535,     "tickets",       "that one key seals (RFC 5723); then there is another") \
	X(IKE_TICKET_KEY_MS,           86400000,  "ms",            "in which a key seals tickets; it opens them for twice that") \
	X(IKE_TICKET_TAKEN_MAX,        4096,      "bytes",         "of a gateway's ticket that is kept") \
	X(IKE_TICKETS_HELD_MAX,        1000,      "tickets",       "of gateways, that are kept for IKE SAs that were lost") \
	/* Queues of the engine */ \
	X(IKE_QUEUE_STEPS,             4096,      "events",        "that wait; lines of the story are dropped beyond") \
	X(IKE_QUEUE_DATAGRAMS,         8192,      "datagrams",     "that wait; further ones are dropped, and retransmitted")

/* Of values that other rooms speak of too: constants of base/. */
#define IKE_BASE_LIMIT_LIST(X) \
	/* name                   unit           why */ \
	X(PROPOSAL_MAX,           "proposals",   "of one SA payload; further ones are ignored") \
	X(PROPOSAL_TRANSFORMS,    "transforms",  "of one proposal; further ones are ignored") \
	X(TS_MAX,                 "selectors",   "of one traffic selector payload; further ones are ignored") \
	X(IDENT_MAX,              "bytes",       "of an identity")

/* clang-format on */

struct ike_limits {
#define IKE_LIMIT_FIELD(field, value, unit, why) uint32_t field;
	IKE_LIMIT_LIST(IKE_LIMIT_FIELD)
#undef IKE_LIMIT_FIELD
};
extern const struct ike_limits ike_limits_default;

enum {
#define IKE_LIMIT_ENUM(name, value, unit, why) name = (value),
	IKE_FIXED_LIMIT_LIST(IKE_LIMIT_ENUM)
#undef IKE_LIMIT_ENUM
};

#endif

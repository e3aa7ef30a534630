/*
 * What a peer can drive outside of the engine, as ike/limits.h has it for the engine: the queues,
 * tables and rates of the daemon. docs/limits.md shows both.
 */
#ifndef DAEMON_LIMITS_H
#define DAEMON_LIMITS_H

/* clang-format off */

#define DAEMON_LIMIT_LIST(X) \
	/* name               value       unit          why */ \
	X(DAEMON_SLOTS,       1 << 14,    "SAs",        "of ESP each way; a child beyond fails") \
	X(DAEMON_BATCH,       16,         "datagrams",  "of IKE that are read before others have their turn") \
	X(DAEMON_DATAGRAM,    65536,      "bytes",      "of a datagram of IKE") \
	X(UDP_SOCKET_BUFFER,  4 << 20,    "bytes",      "that wait in a socket; the kernel drops further ones") \
	X(ERRORS_MAX,         256,        "ICMP errors", "read at a time") \
	X(IKE_RING,           1 << 19,    "bytes",      "of IKE messages that wait behind a worker which received them") \
	X(STRAY_RING,         1 << 18,    "bytes",      "of ESP packets that came to another worker's socket and wait for it") \
	X(NOTICE_RING,        1 << 16,    "bytes",      "of notices from a worker: moved peers, packets that want a child") \
	X(NOTICES_PER_BATCH,  8,          "notices",    "that one batch of packets causes") \
	X(ICMP_RATE,          100,        "a second",   "ICMP errors to senders of inner packets") \
	X(ICMP_BURST,         50,         "ICMP errors", "of those at once") \
	X(UNKNOWN_RATE,       10,         "a second",   "ESP packets of unknown SPIs that each worker tells of; the others are counted") \
	X(UNKNOWN_BURST,      10,         "packets",    "of those at once") \
	X(LOG_BURST,          20,         "log lines",  "that anybody outside can cause at once") \
	X(LOG_EVERY_MS,       500,        "ms",         "between such lines in the long run") \
	X(PATHS,              256,        "addresses",  "of peers whose way is remembered") \
	X(PATHS_KNOWN,        4096,       "addresses",  "of peers whose path MTU is remembered") \
	X(REDIRECTS,          5,          "redirects",  "of one connection that are followed in REDIRECTS_MS: RFC 5685 section 7") \
	X(REDIRECTS_MS,       300000,     "ms",         "for those") \
	X(RESOLVE_ADDRS,      64,         "addresses",  "of one name that are tried")

/* Of the packet path: constants of esp/. */
#define ESP_LIMIT_LIST(X) \
	/* name               unit          why */ \
	X(ESP_RESYNC_AFTER,   "packets",    "in a row that do not verify before one is tried with other high halves (RFC 4303 section A3)") \
	X(ESP_RESYNC_TRIES,   "high halves", "that are tried with it")

/* clang-format on */

enum {
#define DAEMON_LIMIT_ENUM(name, value, unit, why) name = (value),
	DAEMON_LIMIT_LIST(DAEMON_LIMIT_ENUM)
#undef DAEMON_LIMIT_ENUM
};

#endif

/*
 * What became of a packet: enum, counter name in `tunike status`, sentence. One row each.
 */
#ifndef ESP_VERDICT_H
#define ESP_VERDICT_H

#include <stdbool.h>

/* clang-format off */
#define ESP_VERDICT_LIST(X) \
	/* symbol          counter          sentence                                                            */ \
	X(OK,              "ok",            "passed")                                                               \
	X(ACQUIRE,         "acquire",       "waits for a Child SA that its trap policy asks for")                   \
	X(PASS,            "pass",          "passed unprotected, as its policy says")                               \
	X(NO_POLICY,       "no-policy",     "no policy covers it")                                                  \
	X(POLICY_DROP,     "policy-drop",   "a policy drops it")                                                    \
	X(NO_SA,           "no-sa",         "no SA has its SPI")                                                    \
	X(MALFORMED_INNER, "malformed",     "not an IPv4 or IPv6 packet, or shorter than its header says")          \
	X(SHORT,           "short",         "too short to be ESP with the SA's IV and ICV")                         \
	X(REPLAY,          "replay",        "its sequence number was seen before")                                  \
	X(OLD,             "old",           "its sequence number is older than the replay window")                  \
	X(AUTH,            "auth",          "the ICV does not verify: forged or damaged")                           \
	X(PADDING,         "padding",       "the padding is not 1, 2, 3, … or is longer than the packet")           \
	X(NEXT_HEADER,     "next-header",   "carries neither IPv4 nor IPv6")                                        \
	X(DUMMY,           "dummy",         "a dummy packet (next header 59)")                                      \
	X(SELECTOR,        "selector",      "its addresses, protocol or ports are outside the SA's selectors")      \
	X(EXPIRED,         "expired",       "the SA has reached its hard lifetime")                                 \
	X(SEQ_EXHAUSTED,   "seq-exhausted", "the SA has sent its last sequence number")                             \
	X(NO_ROOM,         "no-room",       "the buffer has no room for the header or trailer that is added")       \
	X(TOO_BIG,         "too-big",       "larger than the path to the peer carries, and must not be fragmented") \
	X(CUT,             "cut",           "larger than the path to the peer carries: goes in fragments")          \
	X(ECN,             "ecn",           "marked for congestion, which its sender does not understand")          \
	X(TRANSPORT,       "transport",     "a fragment or routed by its sender: not for transport mode")           \
	X(CRYPTO,          "crypto",        "the cryptographic library failed")                                     \
	X(STRAY,           "stray",         "came to a worker that does not have its SA")
/* clang-format on */

enum esp_verdict {
#define ESP_VERDICT_ENUM(symbol, counter, sentence) ESP_V_##symbol,
	ESP_VERDICT_LIST(ESP_VERDICT_ENUM)
#undef ESP_VERDICT_ENUM
	    ESP_VERDICTS, /* how many */
};

/* Not lost: passed, or about to pass in pieces. */
static inline bool esp_verdict_passes(enum esp_verdict v)
{
	return v == ESP_V_OK || v == ESP_V_PASS || v == ESP_V_CUT;
}

const char *esp_verdict_name(enum esp_verdict v);     /* "replay" */
const char *esp_verdict_sentence(enum esp_verdict v); /* "its sequence number was seen before" */

#endif

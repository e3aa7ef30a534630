/*
 * Notification types: RFC 7296 section 3.10.1 and the later documents that logs should be able to
 * name. Error types are below 16384; LONE marks a status that replaces the answer when it stands in
 * a response.
 */
#ifndef IKE_WIRE_NOTIFY_H
#define IKE_WIRE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

enum ike_notify_kind { IKE_NOTIFY_STATUS, IKE_NOTIFY_LONE, IKE_NOTIFY_ERROR };

/* clang-format off */
#define IKE_NOTIFY_LIST(X) \
	/* number symbol                         keyword                         kind    sentence */ \
	X(    1, UNSUPPORTED_CRITICAL_PAYLOAD,  "UNSUPPORTED_CRITICAL_PAYLOAD",  ERROR,  "a payload marked critical is not known") \
	X(    4, INVALID_IKE_SPI,               "INVALID_IKE_SPI",               ERROR,  "no IKE SA has these SPIs") \
	X(    5, INVALID_MAJOR_VERSION,         "INVALID_MAJOR_VERSION",         ERROR,  "the IKE version is not supported") \
	X(    7, INVALID_SYNTAX,                "INVALID_SYNTAX",                ERROR,  "a message was malformed") \
	X(    9, INVALID_MESSAGE_ID,            "INVALID_MESSAGE_ID",            ERROR,  "a message ID was outside the window") \
	X(   11, INVALID_SPI,                   "INVALID_SPI",                   ERROR,  "ESP came with an unknown SPI") \
	X(   14, NO_PROPOSAL_CHOSEN,            "NO_PROPOSAL_CHOSEN",            ERROR,  "none of the proposals is acceptable") \
	X(   17, INVALID_KE_PAYLOAD,            "INVALID_KE_PAYLOAD",            ERROR,  "another key exchange group is wanted") \
	X(   24, AUTHENTICATION_FAILED,         "AUTHENTICATION_FAILED",         ERROR,  "authentication failed") \
	X(   34, SINGLE_PAIR_REQUIRED,          "SINGLE_PAIR_REQUIRED",          ERROR,  "only one pair of addresses per Child SA is acceptable") \
	X(   35, NO_ADDITIONAL_SAS,             "NO_ADDITIONAL_SAS",             ERROR,  "no further Child SAs are accepted") \
	X(   36, INTERNAL_ADDRESS_FAILURE,      "INTERNAL_ADDRESS_FAILURE",      ERROR,  "no virtual address could be assigned") \
	X(   37, FAILED_CP_REQUIRED,            "FAILED_CP_REQUIRED",            ERROR,  "a configuration request is required") \
	X(   38, TS_UNACCEPTABLE,               "TS_UNACCEPTABLE",               ERROR,  "none of the traffic selectors is acceptable") \
	X(   39, INVALID_SELECTORS,             "INVALID_SELECTORS",             ERROR,  "a packet came outside the selectors of its SA") \
	X(   40, UNACCEPTABLE_ADDRESSES,        "UNACCEPTABLE_ADDRESSES",        ERROR,  "the new addresses are not acceptable (RFC 4555)") \
	X(   41, UNEXPECTED_NAT_DETECTED,       "UNEXPECTED_NAT_DETECTED",       ERROR,  "a NAT is in the way where none is allowed (RFC 4555)") \
	X(   42, USE_ASSIGNED_HOA,              "USE_ASSIGNED_HoA",              ERROR,  "the assigned home address must be used (RFC 5026)") \
	X(   43, TEMPORARY_FAILURE,             "TEMPORARY_FAILURE",             ERROR,  "not now: another exchange is under way") \
	X(   44, CHILD_SA_NOT_FOUND,            "CHILD_SA_NOT_FOUND",            ERROR,  "there is no such Child SA") \
	X(   45, INVALID_GROUP_ID,              "INVALID_GROUP_ID",              ERROR,  "the group is not known (RFC 9838)") \
	X(   46, AUTHORIZATION_FAILED,          "AUTHORIZATION_FAILED",          ERROR,  "not authorised for the group (RFC 9838)") \
	X(   47, STATE_NOT_FOUND,               "STATE_NOT_FOUND",               ERROR,  "the state of an additional key exchange is gone (RFC 9370)") \
	X(   48, TS_MAX_QUEUE,                  "TS_MAX_QUEUE",                  ERROR,  "no more per-queue Child SAs (RFC 9611)") \
	X(16384, INITIAL_CONTACT,               "INITIAL_CONTACT",               STATUS, "this is the only IKE SA between the identities") \
	X(16385, SET_WINDOW_SIZE,               "SET_WINDOW_SIZE",               STATUS, "the request window") \
	X(16386, ADDITIONAL_TS_POSSIBLE,        "ADDITIONAL_TS_POSSIBLE",        STATUS, "more selectors are possible in further Child SAs") \
	X(16387, IPCOMP_SUPPORTED,              "IPCOMP_SUPPORTED",              STATUS, "IP compression is offered") \
	X(16388, NAT_DETECTION_SOURCE_IP,       "NAT_DETECTION_SOURCE_IP",       STATUS, "hash of the source endpoint") \
	X(16389, NAT_DETECTION_DESTINATION_IP,  "NAT_DETECTION_DESTINATION_IP",  STATUS, "hash of the destination endpoint") \
	X(16390, COOKIE,                        "COOKIE",                        LONE,   "the initiator must return a cookie") \
	X(16391, USE_TRANSPORT_MODE,            "USE_TRANSPORT_MODE",            STATUS, "transport mode is asked for") \
	X(16392, HTTP_CERT_LOOKUP_SUPPORTED,    "HTTP_CERT_LOOKUP_SUPPORTED",    STATUS, "certificates may be given by URL") \
	X(16393, REKEY_SA,                      "REKEY_SA",                      STATUS, "the Child SA to be rekeyed") \
	X(16394, ESP_TFC_PADDING_NOT_SUPPORTED, "ESP_TFC_PADDING_NOT_SUPPORTED", STATUS, "no traffic flow padding") \
	X(16395, NON_FIRST_FRAGMENTS_ALSO,      "NON_FIRST_FRAGMENTS_ALSO",      STATUS, "fragments without ports may use the SA") \
	X(16396, MOBIKE_SUPPORTED,              "MOBIKE_SUPPORTED",              STATUS, "MOBIKE (RFC 4555)") \
	X(16397, ADDITIONAL_IP4_ADDRESS,        "ADDITIONAL_IP4_ADDRESS",        STATUS, "another IPv4 address (RFC 4555)") \
	X(16398, ADDITIONAL_IP6_ADDRESS,        "ADDITIONAL_IP6_ADDRESS",        STATUS, "another IPv6 address (RFC 4555)") \
	X(16399, NO_ADDITIONAL_ADDRESSES,       "NO_ADDITIONAL_ADDRESSES",       STATUS, "no other addresses (RFC 4555)") \
	X(16400, UPDATE_SA_ADDRESSES,           "UPDATE_SA_ADDRESSES",           STATUS, "the addresses have changed (RFC 4555)") \
	X(16401, COOKIE2,                       "COOKIE2",                       STATUS, "return routability check (RFC 4555)") \
	X(16402, NO_NATS_ALLOWED,               "NO_NATS_ALLOWED",               STATUS, "the addresses must not be translated (RFC 4555)") \
	X(16403, AUTH_LIFETIME,                 "AUTH_LIFETIME",                 STATUS, "authentication expires (RFC 4478)") \
	X(16404, MULTIPLE_AUTH_SUPPORTED,       "MULTIPLE_AUTH_SUPPORTED",       STATUS, "several authentications (RFC 4739)") \
	X(16405, ANOTHER_AUTH_FOLLOWS,          "ANOTHER_AUTH_FOLLOWS",          STATUS, "another authentication follows (RFC 4739)") \
	X(16406, REDIRECT_SUPPORTED,            "REDIRECT_SUPPORTED",            STATUS, "may be redirected (RFC 5685)") \
	X(16407, REDIRECT,                      "REDIRECT",                      LONE,   "go to another gateway (RFC 5685)") \
	X(16408, REDIRECTED_FROM,               "REDIRECTED_FROM",               STATUS, "the gateway that redirected (RFC 5685)") \
	X(16409, TICKET_LT_OPAQUE,              "TICKET_LT_OPAQUE",              STATUS, "a resumption ticket (RFC 5723)") \
	X(16410, TICKET_REQUEST,                "TICKET_REQUEST",                STATUS, "a resumption ticket is asked for (RFC 5723)") \
	X(16411, TICKET_ACK,                    "TICKET_ACK",                    STATUS, "a resumption ticket will follow (RFC 5723)") \
	X(16412, TICKET_NACK,                   "TICKET_NACK",                   LONE,   "no resumption ticket (RFC 5723)") \
	X(16413, TICKET_OPAQUE,                 "TICKET_OPAQUE",                 STATUS, "the ticket to resume with (RFC 5723)") \
	X(16414, LINK_ID,                       "LINK_ID",                       STATUS, "identifies a point-to-point link (RFC 5739)") \
	X(16415, USE_WESP_MODE,                 "USE_WESP_MODE",                 STATUS, "wrapped ESP (RFC 5840)") \
	X(16416, ROHC_SUPPORTED,                "ROHC_SUPPORTED",                STATUS, "header compression (RFC 5857)") \
	X(16417, EAP_ONLY_AUTHENTICATION,       "EAP_ONLY_AUTHENTICATION",       STATUS, "EAP alone authenticates both (RFC 5998)") \
	X(16418, CHILDLESS_IKEV2_SUPPORTED,     "CHILDLESS_IKEV2_SUPPORTED",     STATUS, "an IKE SA without a Child SA is possible (RFC 6023)") \
	X(16419, QUICK_CRASH_DETECTION,         "QUICK_CRASH_DETECTION",         STATUS, "a crash detection token (RFC 6290)") \
	X(16420, IKEV2_MESSAGE_ID_SYNC_SUPPORTED, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED", STATUS, "message IDs can be synchronised (RFC 6311)") \
	X(16421, IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED, "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED", STATUS, "replay counters can be synchronised (RFC 6311)") \
	X(16422, IKEV2_MESSAGE_ID_SYNC,         "IKEV2_MESSAGE_ID_SYNC",         STATUS, "synchronise message IDs (RFC 6311)") \
	X(16423, IPSEC_REPLAY_COUNTER_SYNC,     "IPSEC_REPLAY_COUNTER_SYNC",     STATUS, "synchronise replay counters (RFC 6311)") \
	X(16424, SECURE_PASSWORD_METHODS,       "SECURE_PASSWORD_METHODS",       STATUS, "secure password methods (RFC 6467)") \
	X(16425, PSK_PERSIST,                   "PSK_PERSIST",                   STATUS, "the derived key may be kept (RFC 6631)") \
	X(16426, PSK_CONFIRM,                   "PSK_CONFIRM",                   STATUS, "the derived key is kept (RFC 6631)") \
	X(16427, ERX_SUPPORTED,                 "ERX_SUPPORTED",                 STATUS, "EAP re-authentication (RFC 6867)") \
	X(16428, IFOM_CAPABILITY,               "IFOM_CAPABILITY",               STATUS, "IP flow mobility") \
	X(16429, GROUP_SENDER,                  "GROUP_SENDER",                  STATUS, "wants to send to the group (RFC 9838)") \
	X(16430, FRAGMENTATION_SUPPORTED,       "IKEV2_FRAGMENTATION_SUPPORTED", STATUS, "fragmentation of messages (RFC 7383)") \
	X(16431, SIGNATURE_HASH_ALGORITHMS,     "SIGNATURE_HASH_ALGORITHMS",     STATUS, "hashes for digital signatures (RFC 7427)") \
	X(16432, CLONE_IKE_SA_SUPPORTED,        "CLONE_IKE_SA_SUPPORTED",        STATUS, "IKE SAs can be cloned (RFC 7791)") \
	X(16433, CLONE_IKE_SA,                  "CLONE_IKE_SA",                  STATUS, "clone this IKE SA (RFC 7791)") \
	X(16434, PUZZLE,                        "PUZZLE",                        LONE,   "a puzzle must be solved first (RFC 8019)") \
	X(16435, USE_PPK,                       "USE_PPK",                       STATUS, "post-quantum preshared keys (RFC 8784)") \
	X(16436, PPK_IDENTITY,                  "PPK_IDENTITY",                  STATUS, "the preshared key in use (RFC 8784)") \
	X(16437, NO_PPK_AUTH,                   "NO_PPK_AUTH",                   STATUS, "authentication without the preshared key (RFC 8784)") \
	X(16438, INTERMEDIATE_EXCHANGE_SUPPORTED, "INTERMEDIATE_EXCHANGE_SUPPORTED", STATUS, "IKE_INTERMEDIATE (RFC 9242)") \
	X(16439, IP4_ALLOWED,                   "IP4_ALLOWED",                   STATUS, "IPv4 addresses are possible (RFC 8983)") \
	X(16440, IP6_ALLOWED,                   "IP6_ALLOWED",                   STATUS, "IPv6 addresses are possible (RFC 8983)") \
	X(16441, ADDITIONAL_KEY_EXCHANGE,       "ADDITIONAL_KEY_EXCHANGE",       STATUS, "links additional key exchanges (RFC 9370)") \
	X(16442, USE_AGGFRAG,                   "USE_AGGFRAG",                   STATUS, "aggregation and fragmentation of ESP (RFC 9347)") \
	X(16443, SUPPORTED_AUTH_METHODS,        "SUPPORTED_AUTH_METHODS",        STATUS, "authentication methods (RFC 9593)") \
	X(16444, SA_RESOURCE_INFO,              "SA_RESOURCE_INFO",              STATUS, "per-queue Child SA (RFC 9611)") \
	X(16445, USE_PPK_INT,                   "USE_PPK_INT",                   STATUS, "preshared keys in IKE_INTERMEDIATE (RFC 9867)") \
	X(16446, PPK_IDENTITY_KEY,              "PPK_IDENTITY_KEY",              STATUS, "a preshared key with its proof (RFC 9867)")
/* clang-format on */

enum ike_notify_type {
#define IKE_NOTIFY_ENUM(number, symbol, keyword, kind, sentence) IKE_N_##symbol = number,
	IKE_NOTIFY_LIST(IKE_NOTIFY_ENUM)
#undef IKE_NOTIFY_ENUM
};

enum { IKE_NOTIFY_FIRST_STATUS = 16384 };

bool ike_notify_known(uint16_t type);
bool ike_notify_is_error(uint16_t type); /* below 16384, known or not */
/* In a response: an error, or a status that replaces the answer (COOKIE, REDIRECT, PUZZLE). */
bool ike_notify_is_lone(uint16_t type);
const char *ike_notify_keyword(
    uint16_t type); /* "unknown error notification" or "unknown notification" */
const char *ike_notify_sentence(uint16_t type); /* "" if not known */

#endif

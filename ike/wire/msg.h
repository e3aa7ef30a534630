/*
 * A parsed message: RFC 7296 section 3.
 *
 * A fixed-size struct of views borrowed from the datagram (or from the decrypted plaintext): no
 * allocation, no SA in sight. About 12 KiB: keep it on the stack of one function, or in the engine.
 *
 * Two stages: ike_msg_parse() reads header and outer chain up to SK; after ike_sk_open()
 * (ike/crypto/crypto.h) ike_msg_parse_inner() reads what was inside into a second struct of the
 * same kind. Then ike_msg_check() holds it against a column of the payload table. When any of them
 * fails, `fault` says where, and ike_msg_fault() makes the sentence.
 */
#ifndef IKE_WIRE_MSG_H
#define IKE_WIRE_MSG_H

#include "base/bytes.h"
#include "base/proposal.h"
#include "base/ts.h"
#include "ike/err.h"
#include "ike/limits.h"
#include "ike/wire/cp.h"
#include "ike/wire/notify.h"
#include "ike/wire/payloads.h"

enum ike_exchange {
	IKE_EXCHANGE_SESSION_RESUME = 38, /* IKE_SESSION_RESUME, RFC 5723 */
	IKE_EXCHANGE_SA_INIT = 34,
	IKE_EXCHANGE_AUTH = 35,
	IKE_EXCHANGE_CREATE_CHILD = 36,
	IKE_EXCHANGE_INFORMATIONAL = 37,
	IKE_EXCHANGE_INTERMEDIATE = 43, /* RFC 9242 */
	IKE_EXCHANGE_FOLLOWUP_KE = 44,  /* RFC 9370 */
};

/* It makes the keys, and cannot be protected with them. */
static inline bool ike_exchange_is_first(uint8_t exchange)
{
	return exchange == IKE_EXCHANGE_SA_INIT || exchange == IKE_EXCHANGE_SESSION_RESUME;
}

enum {
	IKE_HDR_LEN = 28,
	IKE_PLD_HDR_LEN = 4,
	IKE_SKF_FIELDS = 4, /* Fragment Number and Total Fragments, after SKF's generic header */
	IKE_NONCE_MIN = 16, /* RFC 7296 section 3.9 */
	IKE_SHA1_LEN = 20,  /* the NAT detection hash */
	IKE_FAULT_TEXT = 160,
};

enum ike_hdr_flags {
	IKE_FLAG_INITIATOR = 0x08, /* the sender is the original initiator of the IKE SA */
	IKE_FLAG_VERSION = 0x10,
	IKE_FLAG_RESPONSE = 0x20,
};

struct ike_hdr {
	uint64_t spi_i, spi_r;
	uint8_t next; /* enum ike_payload_type of the first payload */
	uint8_t major, minor;
	uint8_t exchange; /* enum ike_exchange, or any other number */
	uint8_t flags;    /* enum ike_hdr_flags */
	uint32_t msg_id;
	uint32_t length;
};

static inline bool ike_hdr_is_response(const struct ike_hdr *h)
{
	return h->flags & IKE_FLAG_RESPONSE;
}

static inline bool ike_hdr_from_initiator(const struct ike_hdr *h)
{
	return h->flags & IKE_FLAG_INITIATOR;
}

/* Its first payload is SK or SKF: what follows is protected, or pretends to be. */
static inline bool ike_hdr_is_sealed(const struct ike_hdr *h)
{
	return h->next == IKE_PLD_SK || h->next == IKE_PLD_SKF ||
	       (h->next == IKE_PLD_PS && h->exchange == IKE_EXCHANGE_AUTH); /* beside SK */
}

struct ike_ke {
	uint16_t group;
	struct bytes value;
};

struct ike_id {
	uint8_t type;
	struct bytes data; /* the identification alone */
	struct bytes
	    body; /* type, reserved, data: what RFC 7296 section 2.15 calls RestOfIDPayload */
};

enum ike_auth_method {
	IKE_AUTH_RSA = 1,
	IKE_AUTH_PSK = 2,
	IKE_AUTH_DSS = 3,
	IKE_AUTH_ECDSA_256 = 9,
	IKE_AUTH_ECDSA_384 = 10,
	IKE_AUTH_ECDSA_521 = 11,
	IKE_AUTH_NULL = 13,
	IKE_AUTH_DIGITAL_SIGNATURE = 14,
};

struct ike_auth {
	uint8_t method; /* enum ike_auth_method, or any other number */
	struct bytes data;
};

struct ike_notify {
	uint16_t type; /* enum ike_notify_type; errors below 16384 also when unknown */
	uint8_t proto; /* enum sa_proto, 0 without SPI; as sent, unchecked */
	struct bytes spi;
	struct bytes data;
};

struct ike_delete {
	uint8_t proto;   /* enum sa_proto; IKE has no SPIs */
	uint8_t spi_len; /* ESP, AH: 4 */
	uint16_t n;
	struct bytes spis; /* n * spi_len bytes */
};

/* SK, or SKF (RFC 7383): a message has one of them. */
struct ike_sk_view {
	uint8_t next;           /* type of the first payload inside; of SKF, of fragment 1 alone */
	uint16_t number, total; /* SKF: Fragment Number, Total Fragments; SK: both 0 */
	size_t at;              /* offset of its generic header in the message */
	struct bytes body;      /* IV, ciphertext, ICV; not empty */
};

struct ike_fault {
	uint8_t payload;  /* its type; 0: the header or the message as a whole */
	const char *what; /* static text; NULL: no fault */
};

struct ike_msg {
	struct ike_hdr hdr;
	struct bytes raw;  /* outer: the whole message, header included; inner: the plaintext */
	uint16_t payloads; /* of all kinds */
	uint16_t unknown;  /* of types that we do not know (and that are not critical) */
	uint8_t count[IKE_ROWS]; /* how often each known payload came */
	struct ike_fault fault;

	/* Each below is meaningful when its count is not 0 (ike_msg_has); sk for SK and SKF. */
	struct ike_sk_view sk;
	struct proposal_list sa;
	struct ike_ke ke;
	struct bytes nonce;
	struct ike_id idi, idr;
	struct ike_auth auth;
	struct ts_list tsi, tsr; /* selectors of kinds that we know: n may be 0 */
	struct ike_cp cp;        /* of attributes that we know */
	struct bytes eap, ps;    /* after the generic header */
	/* Notifications in order, without those of unknown status types, which mean nothing to us.
	 */
	struct ike_notify notify[IKE_NOTIFIES_MAX];
	size_t notify_n;
	struct ike_delete del[IKE_DELETES_MAX];
	size_t del_n;
	struct bytes vendor[IKE_VENDORS_MAX];
	size_t vendor_n;
	struct bytes cert[IKE_CERTS_MAX], certreq[IKE_CERTS_MAX]; /* encoding byte first */
	size_t cert_n, certreq_n;
};

/*
 * The header alone. IKE_ESHORT: less than a header, or a length field below it or beyond the
 * datagram. IKE_EVERSION: the major version is not 2; *out is filled all the same (what
 * INVALID_MAJOR_VERSION needs, RFC 7296 section 2.5), but the length is not checked then.
 * IKE_ESYNTAX: bytes follow the message.
 */
enum ike_err ike_hdr_parse(struct ike_hdr *out, struct bytes datagram);

/*
 * Header and the chain of plaintext payloads, up to SK. Borrows `datagram` for as long as *out is
 * used. Errors as ike_hdr_parse; IKE_ESYNTAX: malformed (nothing may follow SK); IKE_ECRITICAL: an
 * unknown payload is critical, its type in out->fault.payload.
 */
enum ike_err ike_msg_parse(struct ike_msg *out, struct bytes datagram);

/*
 * The chain inside SK: `first` is outer->sk.next, `plain` the decrypted payloads without padding;
 * both borrowed. The header is copied from `outer`. A further SK inside is IKE_ESYNTAX. An empty
 * chain (first 0, no bytes) is a liveness check: IKE_OK.
 */
enum ike_err ike_msg_parse_inner(
    struct ike_msg *out, const struct ike_msg *outer, struct bytes plain);

/*
 * IKE_SA_INIT must be plaintext; every other exchange must be one SK or SKF payload, with nothing
 * known to us beside it (but PS, in IKE_AUTH). IKE_ESYNTAX otherwise. Call it on the outer message.
 */
enum ike_err ike_msg_check_outer(struct ike_msg *m);

/*
 * The column of the payload table for this message: of its exchange and direction; a
 * CREATE_CHILD_SA is IKE_RULES_REKEY_* when its first proposal is for IKE, else IKE_RULES_CHILD_*.
 * False: an exchange that we do not know. A CREATE_CHILD_SA response that has no SA payload takes
 * the CHILD column.
 */
bool ike_msg_rules(const struct ike_msg *m, enum ike_rules *out);

/*
 * Holds the counts against one column. In a response (by the header's flag) one error notification
 * or lone status lifts what is required; what is forbidden stays so. IKE_ESYNTAX, with the payload
 * in m->fault.
 */
enum ike_err ike_msg_check(struct ike_msg *m, enum ike_rules rules);

bool ike_msg_has(const struct ike_msg *m, enum ike_payload_type type);
/* The first notification of that type; NULL: none. */
const struct ike_notify *ike_msg_notify(const struct ike_msg *m, enum ike_notify_type type);
/* The first error notification; NULL: none. */
const struct ike_notify *ike_msg_error(const struct ike_msg *m);

/* "IKE_SA_INIT request, payload KE: missing" for logs. Returns dst. */
const char *ike_msg_fault(const struct ike_msg *m, char dst[IKE_FAULT_TEXT]);

const char *ike_exchange_name(uint8_t exchange); /* "IKE_AUTH"; "unknown exchange" */

#endif

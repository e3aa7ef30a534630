/*
 * Messages as raw bytes for the suites of the codec: a chain of payloads written by hand, so that
 * the parser is not tested against our own builder alone.
 */
#ifndef TEST_UNIT_IKE_RAW_H
#define TEST_UNIT_IKE_RAW_H

#include "ike/wire/msg.h"
#include "test/unit/ike_test.h"

enum { RAW_MAX = 8192 };

struct raw {
	uint8_t b[RAW_MAX];
	size_t n;
	size_t next_at; /* where the type of the next payload goes */
};

static inline void raw_begin(struct raw *r, uint8_t exchange, uint8_t flags)
{
	memset(r, 0, sizeof *r);
	memset(r->b, 0x11, 8);
	memset(r->b + 8,
	    exchange == IKE_EXCHANGE_SA_INIT && !(flags & IKE_FLAG_RESPONSE) ? 0 : 0x22, 8);
	r->b[17] = 0x20;
	r->b[18] = exchange;
	r->b[19] = flags;
	r->n = IKE_HDR_LEN;
	r->next_at = 16;
}

static inline struct bytes raw_message(struct raw *r)
{
	be32_store(r->b + 24, (uint32_t)r->n);
	return bytes_of(r->b, r->n);
}

/* Appends a payload; `flags` is the byte with the critical bit. */
static inline void raw_add(struct raw *r, uint8_t type, uint8_t flags, struct bytes body)
{
	ck_assert_uint_le(r->n + 4 + body.n, RAW_MAX);
	r->b[r->next_at] = type;
	r->next_at = r->n;
	r->b[r->n + 1] = flags;
	be16_store(r->b + r->n + 2, (uint16_t)(4 + body.n));
	if (body.n > 0) {
		memcpy(r->b + r->n + 4, body.p, body.n);
	}
	r->n += 4 + body.n;
}

static inline void raw_hex(struct raw *r, uint8_t type, const char *hex)
{
	uint8_t body[1024];

	raw_add(r, type, 0, hex_to(body, sizeof body, hex));
}

/* One payload alone in an IKE_SA_INIT request. */
static inline enum ike_err raw_parse_one(struct ike_msg *m, uint8_t type, const char *hex)
{
	static struct raw r;

	raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
	raw_hex(&r, type, hex);
	return ike_msg_parse(m, raw_message(&r));
}

/* Bodies that are good for each payload, in the order of the table. SA: one proposal of IKE,
 * AES-CBC-128, PRF and integrity HMAC-SHA2-256, Curve25519. */
#define RAW_SA                     \
	"0000002c"                 \
	"01010004"                 \
	"0300000c0100000c800e0080" \
	"0300000802000005"         \
	"030000080300000c"         \
	"000000080400001f"
/* ESP with SPI 01020304, AES-GCM-128, ESN. */
#define RAW_SA_ESP                 \
	"00000020"                 \
	"01030402"                 \
	"01020304"                 \
	"0300000c01000014800e0080" \
	"0000000805000001"
#define RAW_SA_REKEY               \
	"00000034"                 \
	"01010804"                 \
	"3132333435363738"         \
	"0300000c0100000c800e0080" \
	"0300000802000005"         \
	"030000080300000c"         \
	"000000080400001f"
#define RAW_KE     \
	"001f0000" \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define RAW_NONCE "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
#define RAW_ID     \
	"02000000" \
	"6d6f6f6e"
#define RAW_AUTH   \
	"02000000" \
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
#define RAW_NOTIFY \
	"00004004" \
	"000102030405060708090a0b0c0d0e0f10111213"
#define RAW_DELETE \
	"03040002" \
	"0102030405060708"
#define RAW_TS     \
	"01000000" \
	"070000100000ffff0a0000000a0000ff"
#define RAW_CERT "04aabbccdd"
#define RAW_CP "01000000"
#define RAW_EAP "01000004"

static inline const char *raw_good(uint8_t type)
{
	switch (type) {
	case IKE_PLD_SA: return RAW_SA;
	case IKE_PLD_KE: return RAW_KE;
	case IKE_PLD_IDI:
	case IKE_PLD_IDR: return RAW_ID;
	case IKE_PLD_CERT:
	case IKE_PLD_CERTREQ: return RAW_CERT;
	case IKE_PLD_AUTH: return RAW_AUTH;
	case IKE_PLD_NONCE: return RAW_NONCE;
	case IKE_PLD_NOTIFY: return RAW_NOTIFY;
	case IKE_PLD_DELETE: return RAW_DELETE;
	case IKE_PLD_VENDOR: return "";
	case IKE_PLD_TSI:
	case IKE_PLD_TSR: return RAW_TS;
	case IKE_PLD_CP: return RAW_CP;
	case IKE_PLD_EAP: return RAW_EAP;
	case IKE_PLD_PS: return "01020304";
	default: return "00";
	}
}

/* What stands inside SK, as an inner chain on its own: parsed as if it had just been decrypted. */
static inline enum ike_err raw_parse_inner(struct ike_msg *inner, struct raw *r)
{
	static struct ike_msg outer;

	memset(&outer, 0, sizeof outer);
	outer.hdr.exchange = r->b[18];
	outer.hdr.flags = r->b[19];
	outer.sk.next = r->b[16];
	return ike_msg_parse_inner(inner, &outer, bytes_of(r->b + IKE_HDR_LEN, r->n - IKE_HDR_LEN));
}

#endif

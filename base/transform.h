/*
 * The transform table: every algorithm that tunike can name, as RFC 7296 section 3.3.2 numbers
 * them. One row each in transform.c; whether this build and this OpenSSL can do one is asked of
 * ike/crypto and esp/crypto.
 */
#ifndef BASE_TRANSFORM_H
#define BASE_TRANSFORM_H

#include "base/bytes.h"

enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_KE = 4,
	TRANSFORM_SN = 5, /* Sequence Numbers, RFC 9827 (formerly ESN) */
};

/* Additional key exchanges, RFC 9370: seven types more, with the ids of TRANSFORM_KE. */
enum {
	TRANSFORM_ADDKE1 = 6,
	TRANSFORM_ADDKE7 = 12,
	ADDKE_MAX = 7,
};

enum {
	ENCR_DES = 2,
	ENCR_3DES = 3,
	ENCR_NULL = 11,
	ENCR_AES_CBC = 12,
	ENCR_AES_CTR = 13,
	ENCR_AES_CCM_8 = 14,
	ENCR_AES_CCM_12 = 15,
	ENCR_AES_CCM_16 = 16,
	ENCR_AES_GCM_8 = 18,
	ENCR_AES_GCM_12 = 19,
	ENCR_AES_GCM_16 = 20,
	ENCR_NULL_AUTH_AES_GMAC = 21,
	ENCR_CAMELLIA_CBC = 23,
	ENCR_CAMELLIA_CTR = 24,
	ENCR_CHACHA20_POLY1305 = 28,
	ENCR_AES_CCM_8_IIV = 29, /* implicit IV: the sequence number, which is not sent twice */
	ENCR_AES_GCM_16_IIV = 30,
	ENCR_CHACHA20_POLY1305_IIV = 31,
	PRF_HMAC_MD5 = 1,
	PRF_HMAC_SHA1 = 2,
	PRF_AES128_XCBC = 4,
	PRF_HMAC_SHA2_256 = 5,
	PRF_HMAC_SHA2_384 = 6,
	PRF_HMAC_SHA2_512 = 7,
	PRF_AES128_CMAC = 8,
	INTEG_NONE = 0,
	INTEG_HMAC_MD5_96 = 1,
	INTEG_HMAC_SHA1_96 = 2,
	INTEG_AES_XCBC_96 = 5,
	INTEG_AES_CMAC_96 = 8,
	INTEG_HMAC_SHA2_256_128 = 12,
	INTEG_HMAC_SHA2_384_192 = 13,
	INTEG_HMAC_SHA2_512_256 = 14,
	KE_NONE = 0,
	KE_MODP_1024 = 2,
	KE_MODP_1536 = 5,
	KE_MODP_2048 = 14,
	KE_MODP_3072 = 15,
	KE_MODP_4096 = 16,
	KE_MODP_6144 = 17,
	KE_MODP_8192 = 18,
	KE_ECP_256 = 19,
	KE_ECP_384 = 20,
	KE_ECP_521 = 21,
	KE_MODP_1024_160 = 22, /* with subgroups of prime order */
	KE_MODP_2048_224 = 23,
	KE_MODP_2048_256 = 24,
	KE_ECP_192 = 25,
	KE_ECP_224 = 26,
	KE_BRAINPOOL_P224R1 = 27,
	KE_BRAINPOOL_P256R1 = 28,
	KE_BRAINPOOL_P384R1 = 29,
	KE_BRAINPOOL_P512R1 = 30,
	KE_CURVE25519 = 31,
	KE_CURVE448 = 32,
	KE_MLKEM_512 = 35, /* draft-ietf-ipsecme-ikev2-mlkem */
	KE_MLKEM_768 = 36,
	KE_MLKEM_1024 = 37,
	SN_32BIT = 0, /* 32-bit sequential numbers */
	SN_64BIT = 1, /* partially transmitted 64-bit sequential numbers: ESN */
};

/* A transform as it stands in a proposal. */
struct transform {
	uint8_t type; /* enum transform_type */
	uint16_t id;
	uint16_t key_bits; /* the Key Length attribute; 0 = not present */
};

static inline bool transform_is_addke(struct transform t)
{
	return t.type >= TRANSFORM_ADDKE1 && t.type <= TRANSFORM_ADDKE7;
}

enum transform_flags {
	TRANSFORM_AEAD = 1 << 0, /* needs no integrity transform */
	TRANSFORM_WEAK = 1 << 1, /* only when named, with a warning */
	TRANSFORM_IKE = 1 << 2,  /* may protect an IKE SA */
	TRANSFORM_ESP = 1 << 3,
};

struct transform_info {
	struct transform t;
	const char *name;    /* as status shows it: "AES_GCM_16_256", "PRF_HMAC_SHA2_384" */
	const char *keyword; /* as proposals write it: "aes256gcm16", "x25519", "prfsha384" */
	uint16_t key_len;    /* bytes of keying material with the salt; KE: of the public value */
	uint16_t salt_len;   /* bytes of it that are the salt */
	uint16_t iv_len;     /* bytes of IV on the wire */
	uint16_t icv_len;    /* bytes of ICV (AEAD or INTEG) */
	uint16_t block;      /* bytes to which plaintext is padded by the cipher; 1: none */
	uint8_t flags;       /* enum transform_flags */
};

/* NULL: not in the table. For an additional key exchange the row of the same one as TRANSFORM_KE.
 */
const struct transform_info *transform_find(struct transform t);
/* The i-th row, NULL past the end; rows are grouped by type. */
const struct transform_info *transform_row(size_t i);
/* Why a TRANSFORM_WEAK row is weak, as the end of a sentence: "its 64-bit blocks repeat …"; NULL
 * for all others. */
const char *transform_weakness(struct transform t);
bool transform_equal(struct transform a, struct transform b);
/* "AES_GCM_16_256", "KE1_ML_KEM_768", or "ENCR_65000" for one that is not in the table. Returns
 * dst.
 */
const char *transform_text(struct transform t, char *dst, size_t cap);

/* What was chosen: one transform of each type, type 0 where there is none. */
struct suite {
	struct transform encr, prf, integ, ke, sn;
	/* TRANSFORM_ADDKE1 first. Id KE_NONE too where there is none: the peer wants to be told so.
	 */
	struct transform addke[ADDKE_MAX];
};

/* The first additional key exchange of index `from` or more; ADDKE_MAX: no more. */
unsigned suite_next_addke(const struct suite *s, unsigned from);

enum { SUITE_TEXT = 288 };
/* IKE: "AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519/KE1_ML_KEM_768"; ESP: "AES_GCM_16_128/ESN".
 * Returns dst. */
const char *suite_text(const struct suite *s, char *dst, size_t cap);

#endif

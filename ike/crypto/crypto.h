/*
 * The cryptography of IKEv2: key exchange, PRF, key derivation, the SK payload, the small hashes.
 * RFC 7296 sections 2.13 to 2.17 and 3.14; the RFCs of the algorithms stand in the files.
 *
 * Every call takes the OSSL_LIB_CTX that supplies algorithms and randomness (NULL: OpenSSL's
 * default). What is missing there is IKE_EUNSUPPORTED; a failing library call is IKE_ENOMEM or
 * IKE_EBUG.
 */
#ifndef IKE_CRYPTO_CRYPTO_H
#define IKE_CRYPTO_CRYPTO_H

#include "base/addr.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/transform.h"
#include "ike/err.h"
#include "ike/wire/build.h"
#include "ike/wire/msg.h"

struct ossl_lib_ctx_st;
struct ike_mac;

enum {
	IKE_PRF_MAX = 64,          /* longest PRF output, bytes */
	IKE_KEX_PUBLIC_MAX = 1568, /* ML-KEM-1024 */
	IKE_COOKIE_MAC = 32,       /* bytes of ike_hmac_sha256 */
};

/* ---- Randomness ---- */

enum ike_err ike_random(
    struct ossl_lib_ctx_st *libctx, uint8_t *p, size_t n); /* IVs, nonces, SPIs */
enum ike_err ike_random_key(struct ossl_lib_ctx_st *libctx, uint8_t *p, size_t n); /* secrets */

/* ---- Key exchange ---- */

/*
 * Both ends of every method, Diffie-Hellman or KEM, go the same way:
 *
 *     initiator   ike_kex_new, sends ike_kex_public, gives the answer to ike_kex_derive
 *     responder   ike_kex_answer, sends ike_kex_public
 */
struct ike_kex;

/* The initiator's: a fresh private value. *out is the caller's, freed by ike_kex_free; NULL on
 * error. */
enum ike_err ike_kex_new(struct ike_kex **out, struct ossl_lib_ctx_st *libctx, uint16_t group);
/* The responder's, from the initiator's value; *shared as of ike_kex_derive. After an error *out is
 * NULL. */
enum ike_err ike_kex_answer(struct ike_kex **out, struct ossl_lib_ctx_st *libctx, uint16_t group,
    struct bytes peer, struct secret *shared);
void ike_kex_free(struct ike_kex *k); /* NULL is fine; wipes */
uint16_t ike_kex_group(const struct ike_kex *k);
/* As the KE payload carries it: MODP padded to the size of the group, ECP x | y, X25519 and X448 as
 * they are; ML-KEM the encapsulation key (ike_kex_new) or the ciphertext (ike_kex_answer). Borrowed
 * until free. */
struct bytes ike_kex_public(const struct ike_kex *k);
/* For what ike_kex_new made. *shared is initialised here, freed by the caller; SECRET_NONE on
 * error. MODP: g^ir padded to the size of the group; ECP: x. IKE_EKEVALUE: a peer's value of the
 * wrong length; 0, 1, p - 1, p or more; not in the subgroup; not on the curve; one that makes an
 * all-zero X25519 or X448 secret; an encapsulation key that FIPS 203 refuses. A damaged ciphertext
 * of ML-KEM makes another secret.
 */
enum ike_err ike_kex_derive(const struct ike_kex *k, struct bytes peer, struct secret *shared);
/* Bytes of the initiator's public value, and of the responder's; 0: a group that we do not have. */
size_t ike_kex_public_len(uint16_t group);
size_t ike_kex_answer_len(uint16_t group);

/* ---- PRF: RFC 7296 section 2.13 ---- */

size_t ike_prf_len(struct transform prf); /* bytes of output and of the preferred key; 0: unknown */
/* prf(key, parts[0] | parts[1] | …) into out[ike_prf_len(prf)]. */
enum ike_err ike_prf(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out);
/* prf+(key, parts…): out_n bytes, at most 255 blocks. */
enum ike_err ike_prf_plus(struct ossl_lib_ctx_st *libctx, struct transform prf, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t *out, size_t out_n);

/* ---- Keys of an IKE SA: RFC 7296 sections 2.14 and 2.18 ---- */

struct ike_keymat {
	struct secret sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr; /* sk_a* empty with AEAD */
};

struct ike_keymat_in {
	struct bytes shared; /* g^ir */
	struct bytes ni, nr;
	uint64_t spi_i, spi_r;
	struct bytes resumed_sk_d; /* RFC 5723: SK_d of the ticket, in the place of `shared` */
	struct bytes old_sk_d; /* a rekey: SK_d of the old IKE SA; after an additional key exchange
				  (RFC 9370 section 2.2.2): SK_d from before; empty otherwise */
	struct transform old_prf; /* a rekey: the old IKE SA's PRF, which makes SKEYSEED */
	struct bytes more; /* a rekey: SK(1) | SK(2) | …, RFC 9370 section 2.2.4; or empty */
};

/* *out is initialised here; freed with ike_keymat_fini, also after an error (then it is empty). */
enum ike_err ike_keymat_derive(struct ike_keymat *out, struct ossl_lib_ctx_st *libctx,
    const struct suite *suite, const struct ike_keymat_in *in);
void ike_keymat_fini(struct ike_keymat *k);

/* ---- Keys of a Child SA: RFC 7296 section 2.17 ---- */

/* i: from the initiator of the exchange that made the child, to its responder; r: the other way.
 * Salt at the end of encr_*; integ_* empty with AEAD. */
struct ike_child_keymat {
	struct secret encr_i, integ_i, encr_r, integ_r;
};

struct ike_child_in {
	struct transform prf; /* of the IKE SA */
	struct bytes sk_d;    /* of the IKE SA */
	struct bytes shared;  /* g^ir of a CREATE_CHILD_SA with KE; empty otherwise */
	struct bytes ni, nr;  /* of the exchange that made the child */
	struct bytes more;    /* SK(1) | SK(2) | …, RFC 9370 section 2.2.4; or empty */
};

enum ike_err ike_child_keymat_derive(struct ike_child_keymat *out, struct ossl_lib_ctx_st *libctx,
    const struct suite *child, const struct ike_child_in *in);
void ike_child_keymat_fini(struct ike_child_keymat *k);

/* ---- Authentication: RFC 7296 section 2.15 ---- */

/*
 * What an end signs or MACs: message | nonce | prf(sk_p, id_body). For the initiator: its whole
 * first IKE_SA_INIT request as sent (the one with the cookie, if there was one), Nr, SK_pi, the
 * body of IDi; for the responder: its IKE_SA_INIT response, Ni, SK_pr, the body of IDr. *out is
 * initialised here.
 */
struct ike_signed_in {
	struct bytes message, nonce, sk_p, id_body;
	struct bytes intauth; /* RFC 9242 section 3.3.2; empty: no IKE_INTERMEDIATE */
};
enum ike_err ike_signed_octets(struct secret *out, struct ossl_lib_ctx_st *libctx,
    struct transform prf, const struct ike_signed_in *in);
/* ike_psk_mac() and ike_can(): ike/ike.h. */

/* ---- IKE_INTERMEDIATE: RFC 9242 section 3.3.2 ---- */

enum { IKE_INTAUTH_MAX = 2 * IKE_PRF_MAX + 4 };

/* IntAuth_iN or IntAuth_rN; n 0: there was none yet. */
struct ike_intauth_value {
	uint8_t b[IKE_PRF_MAX];
	size_t n;
};

struct ike_intauth_in {
	struct bytes sk_p;   /* of the sender, as of before the exchange */
	struct bytes before; /* the sender's value of the exchange before; empty: the first */
	struct bytes head;   /* the message from the IKE header on, at least up to the end of the
				generic header of SK, or of SKF in fragment 1 */
	size_t sk_at;        /* where that generic header begins */
	uint8_t first;       /* type of the first payload inside */
	struct bytes inner;  /* the payloads inside, of all fragments together */
};

/* out: ike_prf_len(prf) bytes. */
enum ike_err ike_intauth(struct ossl_lib_ctx_st *libctx, struct transform prf,
    const struct ike_intauth_in *in, uint8_t out[IKE_PRF_MAX]);

/* ---- The SK payload: RFC 7296 section 3.14, RFC 5282 ---- */

enum ike_sk_dir { IKE_SK_SEAL, IKE_SK_OPEN };

/* One direction of one IKE SA: contexts keyed once. */
struct ike_sk {
	struct ossl_lib_ctx_st *libctx;
	struct evp_cipher_ctx_st *cipher;
	struct ike_mac *mac; /* NULL with AEAD */
	enum ike_sk_dir dir;
	bool aead, ccm;
	bool counts; /* the IV is a counter: with AEAD and in counter mode; else it is random */
	uint8_t salt[4];
	uint8_t salt_len, iv_len, icv_len, block;
	uint64_t next_iv; /* never used twice under a key */
};

/* encr_key is key then salt (sk_ei or sk_er), integ_key sk_ai or sk_ar, empty with AEAD; copied
 * into the contexts. After an error *sk is empty and ike_sk_fini does nothing. */
enum ike_err ike_sk_init(struct ike_sk *sk, struct ossl_lib_ctx_st *libctx, enum ike_sk_dir dir,
    const struct suite *suite, struct bytes encr_key, struct bytes integ_key);
void ike_sk_fini(struct ike_sk *sk);
size_t ike_sk_iv_len(const struct ike_sk *sk);
/* Bytes that SK adds at most to the payloads inside: generic header, IV, padding, ICV. */
size_t ike_sk_overhead(const struct ike_sk *sk);

/* The most content that fits into an SK payload of n bytes, generic header included; 0: none. */
size_t ike_sk_capacity(const struct ike_sk *sk, size_t n);

/* Ends a message whose SK payload was begun with ike_build_sk or ike_build_skf: pads, encrypts in
 * place, appends the ICV. *out lies in the builder's buffer. IKE_ENOMEM: the buffer is too small.
 */
enum ike_err ike_sk_seal(struct ike_sk *sk, struct ike_build *b, struct bytes *out);

/* Verifies and decrypts the SK or SKF payload of `outer` into dst, which must hold outer->sk.body.n
 * bytes; *plain are the payloads inside, in dst, without IV, padding and ICV. IKE_EINTEGRITY:
 * forged, damaged, or too short; IKE_ESYNTAX: authentic, but the padding is longer than the
 * payload. dst is wiped on error. */
enum ike_err ike_sk_open(
    struct ike_sk *sk, const struct ike_msg *outer, uint8_t *dst, size_t cap, struct bytes *plain);

/* ---- What we seal for ourselves: AES-256-GCM ---- */

enum { IKE_SEAL_KEY = 32, IKE_SEAL_IV = 12, IKE_SEAL_TAG = 16 };

struct ike_seal_key {
	const uint8_t *key; /* IKE_SEAL_KEY bytes, borrowed */
	uint64_t number;    /* makes the nonce: never twice under a key */
};

/* out: plain.n + IKE_SEAL_TAG bytes. */
enum ike_err ike_seal(struct ossl_lib_ctx_st *libctx, const struct ike_seal_key *k,
    struct bytes aad, struct bytes plain, uint8_t *out);
/* out: sealed.n - IKE_SEAL_TAG bytes, wiped on error. IKE_EINTEGRITY: forged, damaged, too short.
 */
enum ike_err ike_unseal(struct ossl_lib_ctx_st *libctx, const struct ike_seal_key *k,
    struct bytes aad, struct bytes sealed, uint8_t *out);

/* ---- Small hashes ---- */

/* SHA-1(SPIi | SPIr | address | port), RFC 7296 section 2.23. */
enum ike_err ike_nat_hash(struct ossl_lib_ctx_st *libctx, uint64_t spi_i, uint64_t spi_r,
    const struct endpoint *ep, uint8_t out[IKE_SHA1_LEN]);
/* HMAC-SHA-256 over the parts: cookies under an engine's secret, RFC 7296 section 2.6. */
enum ike_err ike_hmac_sha256(struct ossl_lib_ctx_st *libctx, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t out[IKE_COOKIE_MAC]);

#endif

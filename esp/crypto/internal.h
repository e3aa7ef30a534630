/*
 * Shared by the files of esp/crypto only.
 */
#ifndef ESP_CRYPTO_INTERNAL_H
#define ESP_CRYPTO_INTERNAL_H

#include "esp/crypto/crypto.h"
#include "esp/crypto/keyed.h"

#include <openssl/params.h>
#include <string.h>

enum {
	ESP_SALT_MAX = 4,
	ESP_NONCE_MAX = 12, /* salt and IV */
	ESP_AAD_MAX = 12,   /* SPI and 64 bits of sequence number */
	ESP_MAC_MAX = 64,   /* before it is cut */
};

/* What one worker has of the ciphers. */
struct esp_crypto_worker {
	uint32_t number;                    /* its index and 1 */
	struct esp_spare *in_use;           /* spare contexts that have a key */
	uint64_t gone;                      /* as it was when the worker last forgot keys */
	const _Atomic uint64_t *stock_gone; /* borrowed */
	OSSL_PARAM tag[2];                  /* aead.c: only where the tag lies changes */
};

/* One way to protect packets. All jobs of a call are of contexts with this table. */
struct esp_crypto_ops {
	void (*seal)(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n);
	void (*open)(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n);
	void (*free)(struct esp_crypto *c); /* wiped */
};

/* The first member of every engine's context. */
struct esp_crypto {
	const struct esp_crypto_ops *ops;
	struct esp_shape shape;
	bool esn;
	uint8_t salt_len;
	uint8_t salt[ESP_SALT_MAX];
};

/* What a maker of contexts is given: checked, and of the right lengths. */
struct esp_crypto_plan {
	const struct esp_crypto_keys *keys;
	const struct transform_info *encr;
	struct esp_shape shape;
	bool sealing;
	bool own; /* OpenSSL's with contexts of its own; else by spare ones */
};

/* Fills in the first member. */
void esp_crypto_base(
    struct esp_crypto *c, const struct esp_crypto_ops *ops, const struct esp_crypto_plan *plan);

/* The cipher's key without the salt behind it. */
static inline struct bytes esp_plan_key(const struct esp_crypto_plan *plan)
{
	return bytes_of(
	    plan->keys->encr_key.p, (size_t)(plan->encr->key_len - plan->encr->salt_len));
}

/* Salt and IV of an AEAD cipher or a counter mode: 8 bytes of the packet, or the sequence number
 * where the IV is implicit (RFC 8750 section 4). Returns how many bytes. */
static inline size_t esp_nonce_of(
    const struct esp_crypto *c, const uint8_t *esp, uint32_t seq_hi, uint8_t out[ESP_NONCE_MAX])
{
	uint8_t *iv = out + c->salt_len;

	memcpy(out, c->salt, sizeof c->salt); /* the IV covers what is no salt of it */
	if (c->shape.iv_len) {
		memcpy(iv, esp + ESP_HDR_LEN, 8);
	} else {
		be32_store(iv, c->esn ? seq_hi : 0);
		memcpy(iv + 4, esp + 4, 4);
	}
	return (size_t)c->salt_len + 8;
}

/* What is authenticated of the header: with ESN the high half stands between SPI and low half (RFC
 * 4106 section 5). The result points into the packet or to `room`. */
static inline struct bytes esp_aad_of(
    const struct esp_crypto *c, const uint8_t *esp, uint32_t seq_hi, uint8_t room[ESP_AAD_MAX])
{
	if (!c->esn) {
		return bytes_of(esp, ESP_HDR_LEN);
	}
	memcpy(room, esp, 4);
	be32_store(room + 4, seq_hi);
	memcpy(room + 8, esp + 4, 4);
	return bytes_of(room, ESP_AAD_MAX);
}

/* ---- OpenSSL ---- */

/* keyed.c: the context of a key, for this worker. NULL: OpenSSL failed. */
static inline struct evp_cipher_ctx_st *esp_keyed_for(
    struct esp_keyed *k, struct esp_crypto_worker *w)
{
	return atomic_load_explicit(&k->home, memory_order_relaxed) == w->number
		   ? k->ctx
		   : esp_keyed_other(k, w);
}

/* Wipes all keys in the worker's spare contexts. */
void esp_crypto_forget(struct esp_crypto_worker *w);

/* A keyed MAC of one SA. */
struct esp_mac {
	/* The whole MAC of `in` and then `more`; ESP uses the first bytes of it. False: failed. */
	bool (*of)(struct esp_mac *m, struct esp_crypto_worker *w, struct bytes in,
	    struct bytes more, uint8_t out[ESP_MAC_MAX]);
	void (*free)(struct esp_mac *m); /* wiped */
};

/* hmac.c. NULL: no memory, or no such hash. The key is no longer than a block of the hash. */
struct esp_mac *esp_hmac_new(uint16_t integ, struct bytes key);
bool esp_hmac_knows(uint16_t integ);
/* cbc_mac.c. `cbc`: AES-128-CBC, borrowed. NULL: no memory, no such MAC, or OpenSSL failed. */
struct esp_mac *esp_cbc_mac_new(uint16_t integ, struct esp_source *cbc, struct bytes key, bool own);
bool esp_cbc_mac_knows(uint16_t integ);

/* aead.c: AES-GCM, AES-CCM, GMAC, ChaCha20-Poly1305. `cipher` is borrowed. */
enum esp_crypto_err esp_aead_new(
    struct esp_source *cipher, const struct esp_crypto_plan *plan, struct esp_crypto **out);
/* cipher_mac.c. `cipher` is borrowed and NULL with the NULL cipher; `mac` is taken in any case. */
enum esp_crypto_err esp_cipher_mac_new(struct esp_source *cipher, struct esp_mac *mac,
    const struct esp_crypto_plan *plan, struct esp_crypto **out);

#endif

/*
 * Shared by the files of esp/crypto only.
 */
#ifndef ESP_CRYPTO_INTERNAL_H
#define ESP_CRYPTO_INTERNAL_H

#include "esp/crypto/crypto.h"

#include <openssl/evp.h>
#include <openssl/params.h>

struct esp_hmac; /* hmac.c: keyed states of one SA, read only after set-up */

/* One way to protect packets. All jobs of a call are of contexts with this table. */
struct esp_crypto_ops {
	void (*seal)(struct esp_job *jobs, size_t n);
	void (*open)(struct esp_job *jobs, size_t n);
};

struct esp_crypto {
	const struct esp_crypto_ops *ops;
	EVP_CIPHER_CTX *ctx;   /* owned; NULL with the NULL cipher */
	struct esp_hmac *hmac; /* owned; NULL with an AEAD cipher */
	OSSL_PARAM tag[2];     /* made once; only where the tag lies changes */
	struct esp_shape shape;
	bool esn;
	uint8_t salt[4];
};

extern const struct esp_crypto_ops esp_crypto_aead;
extern const struct esp_crypto_ops esp_crypto_hmac;

/* NULL: no memory. The key is no longer than a block of the hash. */
struct esp_hmac *esp_hmac_new(uint16_t integ, struct bytes key);
void esp_hmac_free(struct esp_hmac *h); /* wiped */
bool esp_hmac_knows(uint16_t integ);
/* The whole HMAC of `in` and then `more`; ESP uses the first bytes of it (RFC 4868 section 2.3). */
enum { ESP_HMAC_MAX = 64 };
void esp_hmac_of(
    const struct esp_hmac *h, struct bytes in, struct bytes more, uint8_t out[ESP_HMAC_MAX]);

#endif

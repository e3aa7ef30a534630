/*
 * OpenSSL's cipher contexts. One is written by every use of it, so that no two workers can have it
 * at once; and it takes half a kilobyte or a whole one, so that not every worker can have one of
 * every SA. An SA has one, which belongs to the worker that came first; the others have a bounded
 * number of spare contexts each, and set the key when the one they meet has another.
 *
 * What packets seldom go through needs none of its own: it lives in spare ones alone.
 */
#ifndef ESP_CRYPTO_KEYED_H
#define ESP_CRYPTO_KEYED_H

#include "base/bytes.h"
#include "esp/crypto/crypto.h"

#include <stdatomic.h>

struct evp_cipher_st;
struct evp_cipher_ctx_st;
struct esp_crypto_worker;

enum {
	ESP_SPARES_SHIFT = 6,
	ESP_SPARES = 1 << ESP_SPARES_SHIFT, /* of one cipher and worker */
	ESP_CIPHER_KEY_MAX = 32,
};

/* A context of a worker and the key that it has. */
struct esp_spare {
	uint64_t id;                   /* of the key; 0: none */
	struct evp_cipher_ctx_st *ctx; /* owned */
	struct esp_spare *next;        /* of those of the worker that have a key */
};

/* What all contexts of a provider share. */
struct esp_stock {
	uint32_t workers;
	/* Control only. */
	uint64_t ids;  /* of the last key */
	uint64_t told; /* how many of those below */
	/* Keys that were lent to spare contexts and are no more; written by control, read by
	 * workers, who then forget those they have. */
	_Atomic uint64_t gone;
};

/* One cipher. */
struct esp_source {
	struct evp_cipher_st *cipher; /* owned; NULL: not asked for yet */
	struct esp_spare *spares; /* owned; ESP_SPARES for each worker; NULL: not asked for yet */
	struct esp_stock *stock;  /* borrowed */
};

/* What an SA has of a cipher. */
struct esp_keyed {
	_Atomic uint32_t home;         /* the number of the worker that has ctx; 0: nobody yet */
	struct evp_cipher_ctx_st *ctx; /* owned; NULL: spare ones alone */
	struct esp_source *source;     /* borrowed */
	uint64_t id;
	atomic_bool lent; /* is it in spare contexts; written by workers */
	bool sealing;
	uint8_t nonce_len, tag_len; /* bytes; CCM wants to know them before the key; else 0 */
	uint8_t key[ESP_CIPHER_KEY_MAX];
};

/* The fields that say what it is for are set, all others 0. The key is copied; own: with a context
 * of its own. Control thread. After an error it may be finished, or left. */
enum esp_crypto_err esp_keyed_init(
    struct esp_keyed *k, struct esp_source *source, struct bytes key, bool own);
void esp_keyed_fini(struct esp_keyed *k); /* wiped; any number of times */

/* One of spare contexts or its own, for one worker. NULL: OpenSSL failed. */
struct evp_cipher_ctx_st *esp_keyed_other(struct esp_keyed *k, struct esp_crypto_worker *w);

/* Frees cipher and contexts, wiped. */
void esp_source_fini(struct esp_source *s);

#endif

/*
 * The cryptography of ESP packets, one context per SA and direction, which all workers share: the
 * key is set once, only the IV is new per packet. The only part of esp/ that knows OpenSSL and
 * ipsec-mb.
 */
#ifndef ESP_CRYPTO_CRYPTO_H
#define ESP_CRYPTO_CRYPTO_H

#include "base/bytes.h"
#include "base/transform.h"
#include "esp/esp.h"

struct ossl_lib_ctx_st;
struct esp_provider;
struct esp_crypto;
struct esp_crypto_worker;

enum {
	ESP_HDR_LEN = 8,     /* SPI and the low half of the sequence number */
	ESP_TRAILER_LEN = 2, /* pad length and next header */
	ESP_ICV_MAX = 32,
	ESP_IV_MAX = 16,
};

enum esp_crypto_err {
	ESP_CRYPTO_OK = 0,
	ESP_CRYPTO_FORGED =
	    -1, /* the ICV does not verify: the peer erred, or it was not the peer */
	ESP_CRYPTO_FAILED = -2,      /* the library failed */
	ESP_CRYPTO_UNSUPPORTED = -3, /* a transform or a pair of them that we do not do */
	ESP_CRYPTO_KEY = -4,         /* a key of the wrong length */
	ESP_CRYPTO_NOMEM = -5,
};

/* What a pair of transforms does to the shape of a packet; lengths in bytes. */
struct esp_shape {
	uint8_t iv_len, icv_len;
	uint8_t block;  /* the cipher's: text is a multiple of it */
	uint8_t align;  /* to which we pad: the block, 4 at least (RFC 4303 section 2.4) */
	bool random_iv; /* CBC: unpredictable; else the IV is the sequence number */
};

/* Whose keys these are; `aead` has the salt behind the key, as RFC 4106 section 8.1 orders it. */
struct esp_crypto_keys {
	struct transform encr, integ; /* integ.type 0, or NONE, with an AEAD cipher */
	struct bytes encr_key, integ_key;
	bool esn;
};

/*
 * Where contexts come from. Algorithms are fetched once and kept; with ipsec-mb there is a manager
 * for each worker. Control thread. NULL: no memory. libctx is borrowed. An engine that this build
 * or this CPU lacks is replaced by OpenSSL.
 */
struct esp_provider *esp_provider_new(
    struct ossl_lib_ctx_st *libctx, enum esp_engine engine, uint32_t workers);
void esp_provider_free(struct esp_provider *p); /* wiped; NULL: no effect; no context is left */
/* Which engine contexts of these transforms are made for: never ESP_ENGINE_AUTO. */
enum esp_engine esp_provider_engine(
    const struct esp_provider *p, struct transform encr, struct transform integ);

/* "1.3.0"; NULL: not built in. */
const char *esp_provider_ipsec_mb(void);

/* What worker `i` works with; borrowed, and that thread's alone. */
struct esp_crypto_worker *esp_provider_worker(struct esp_provider *p, uint32_t i);
/* True once after contexts were freed of which workers may have copies. Control thread. */
bool esp_provider_keys_gone(struct esp_provider *p);
/* Between two batches: the worker wipes its copies of keys if there were such. */
void esp_crypto_tidy(struct esp_crypto_worker *w);

/* n random bytes. False: the generator failed. */
bool esp_provider_random(const struct esp_provider *p, uint8_t *out, size_t n);

/* Can this build and this OpenSSL do it? */
bool esp_crypto_can(struct ossl_lib_ctx_st *libctx, struct transform t);

/* ESP_CRYPTO_UNSUPPORTED for transforms that are not ours, or not a pair. */
enum esp_crypto_err esp_shape_of(
    struct transform encr, struct transform integ, struct esp_shape *out);

/* A context to seal or to open, for all workers at once. *out is owned by the caller; the keys are
 * copied. */
enum esp_crypto_err esp_crypto_new(struct esp_provider *p, const struct esp_crypto_keys *keys,
    bool sealing, struct esp_crypto **out);
/* Wiped; no worker uses it any more. NULL: no effect. */
void esp_crypto_free(struct esp_crypto *c);

/*
 * One packet to seal or to open, in place. `esp` points at the SPI; behind it stand the sequence
 * number, the IV, `text_len` bytes (payload, padding, trailer; a multiple of the block) and the
 * ICV. `seq_hi` is authenticated with ESN only (RFC 4303 sections 2.2.1 and 2.8, RFC 4106 section
 * 5). Sealing reads the IV from the packet and writes the ICV; opening leaves plaintext behind even
 * when it fails: drop it.
 */
struct esp_job {
	struct esp_crypto *crypto; /* borrowed */
	uint8_t *esp;              /* borrowed */
	uint32_t text_len;         /* bytes */
	uint32_t seq_hi;
	enum esp_crypto_err err; /* written: OK, FORGED (opening only) or FAILED */
};

/* Jobs of any mix of SAs, all of one direction, by the worker that calls. Each job gets its own
 * result, whatever becomes of the others. */
void esp_crypto_seal(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n);
void esp_crypto_open(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n);

#endif

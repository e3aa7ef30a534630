/*
 * Shared by the files of the ipsec-mb engine only.
 */
#ifndef ESP_CRYPTO_MB_INTERNAL_H
#define ESP_CRYPTO_MB_INTERNAL_H

#include "esp/crypto/mb.h"

#include <stdalign.h>

#define NO_COMPAT_IMB_API_053 /* macros such as CBC and GCM */
#include <intel-ipsec-mb.h>

enum {
	ESP_MB_ALIGN = 64,
	ESP_MB_ALIGN_KEYS = 16,
	ESP_MB_SCHEDULE = 16 * 15,     /* bytes of AES-256's round keys */
	ESP_MB_SCHEDULE_128 = 16 * 11, /* AES-128's */
};

/* mb.c: that of a worker. */
IMB_MGR *esp_mb_manager(const struct esp_mb *mb, const struct esp_crypto_worker *w);

/* ---- One call a packet: mb_gcm.c ---- */

bool esp_mb_gcm_does(struct transform encr);
/* `setup` is the control thread's manager, for key schedules. */
enum esp_crypto_err esp_mb_gcm_new(
    IMB_MGR *setup, const struct esp_crypto_plan *plan, struct esp_crypto **out);

/* ---- Jobs in lanes: mb_job.c runs them, mb_job_new.c sets them up ---- */

/* What a packet needs while it is worked on. */
struct esp_mb_slot {
	struct esp_job *job;
	alignas(16) uint8_t icv[ESP_MAC_MAX];
	uint8_t came[ESP_ICV_MAX]; /* opening: the ICV of the packet */
	uint8_t nonce[16];
	uint8_t aad[16];
};

struct esp_mb_job {
	struct esp_crypto base;
	const struct esp_mb *mb;   /* borrowed */
	struct esp_crypto *single; /* owned: OpenSSL's; NULL: lanes are always better */
	size_t size;               /* bytes of all this */
	/* Completes a copy of `start` for one packet. */
	void (*fill)(
	    const struct esp_mb_job *c, IMB_JOB *to, struct esp_job *j, struct esp_mb_slot *slot);
	IMB_JOB start; /* what is the same for all packets */
	/* The cipher's round keys; with ChaCha20-Poly1305 the key itself. */
	alignas(16) uint8_t keys[ESP_MB_SCHEDULE];
	/* HMAC: the states behind both paddings. XCBC and CMAC: the masks. */
	alignas(16) uint8_t mac_a[ESP_MAC_MAX];
	alignas(16) uint8_t mac_b[ESP_MAC_MAX];
	alignas(16) uint8_t mac_keys[]; /* XCBC and CMAC: round keys */
};

extern const struct esp_crypto_ops esp_mb_job_ops;
void esp_mb_fill_aead(
    const struct esp_mb_job *c, IMB_JOB *to, struct esp_job *j, struct esp_mb_slot *slot);
void esp_mb_fill_mac(
    const struct esp_mb_job *c, IMB_JOB *to, struct esp_job *j, struct esp_mb_slot *slot);

bool esp_mb_job_does(struct transform encr, struct transform integ);
/* `mb` is borrowed. `single` is taken in any case. */
enum esp_crypto_err esp_mb_job_new(IMB_MGR *setup, const struct esp_mb *mb,
    const struct esp_crypto_plan *plan, struct esp_crypto *single, struct esp_crypto **out);

#endif

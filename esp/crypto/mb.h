/*
 * The engine of Intel's multi-buffer library (ipsec-mb): x86-64 only, and only where the library
 * was there to build with; elsewhere mb_none.c stands in its place.
 */
#ifndef ESP_CRYPTO_MB_H
#define ESP_CRYPTO_MB_H

#include "esp/crypto/internal.h"

struct esp_mb;

/* "1.3.0"; NULL: not built in. */
const char *esp_mb_version(void);
/* Has this CPU what makes it faster than OpenSSL? */
bool esp_mb_worthwhile(void);
/* A manager for each worker and one for the control thread. NULL: not built in, a CPU without AES
 * instructions, the library's self-test failed, or no memory. */
struct esp_mb *esp_mb_new(uint32_t workers);
void esp_mb_free(struct esp_mb *mb); /* wiped; NULL: no effect */

/* Does it do this pair? `integ` type 0 with an AEAD cipher. */
bool esp_mb_does(struct transform encr, struct transform integ);
/* `single` is OpenSSL's context of the same, for what comes in numbers too small for lanes; taken
 * in any case, NULL if the cipher does not want it. */
bool esp_mb_wants_single(struct transform encr);
enum esp_crypto_err esp_mb_crypto_new(struct esp_mb *mb, const struct esp_crypto_plan *plan,
    struct esp_crypto *single, struct esp_crypto **out);

#endif

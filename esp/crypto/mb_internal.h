/*
 * Shared by the files of the ipsec-mb engine only.
 */
#ifndef ESP_CRYPTO_MB_INTERNAL_H
#define ESP_CRYPTO_MB_INTERNAL_H

#include "esp/crypto/mb.h"

#define NO_COMPAT_IMB_API_053 /* macros such as CBC and GCM */
#include <intel-ipsec-mb.h>

enum { ESP_MB_ALIGN = 64 };

/* `setup` is the control thread's manager, for key schedules; `mgr` the worker's. */
enum esp_crypto_err esp_mb_gcm_new(
    IMB_MGR *setup, const struct esp_crypto_plan *plan, struct esp_crypto **out);
/* `single` is taken in any case. */
enum esp_crypto_err esp_mb_job_new(IMB_MGR *setup, IMB_MGR *mgr, const struct esp_crypto_plan *plan,
    struct esp_crypto *single, struct esp_crypto **out);
bool esp_mb_gcm_does(struct transform encr);
bool esp_mb_job_does(struct transform encr, struct transform integ);

#endif

/*
 * The managers of ipsec-mb, and what of it is used for which transforms.
 *
 * A manager holds the lanes in which jobs of several packets are worked on together, and is one
 * thread's. The memory is ours, so that it can be wiped.
 */
#include "esp/crypto/mb.h"
#include "base/secret.h"
#include "esp/crypto/mb_internal.h"

#include <stdlib.h>

struct esp_mb {
	uint32_t workers;
	IMB_MGR *mgr[]; /* owned; one for each worker, and the control thread's behind them */
};

const char *esp_mb_version(void)
{
	return imb_get_version_str();
}

bool esp_mb_worthwhile(void)
{
	uint64_t has = imb_get_feature_flags();

	return (has & IMB_CPUFLAGS_AVX2) == IMB_CPUFLAGS_AVX2;
}

static bool self_test_failed(const IMB_MGR *m)
{
	return (m->features & IMB_FEATURE_SELF_TEST) && !(m->features & IMB_FEATURE_SELF_TEST_PASS);
}

static void manager_free(IMB_MGR *m)
{
	if (m) {
		secret_wipe(m, imb_get_mb_mgr_size());
		free(m);
	}
}

static IMB_MGR *manager_new(void)
{
	size_t n = (imb_get_mb_mgr_size() + ESP_MB_ALIGN - 1) / ESP_MB_ALIGN * ESP_MB_ALIGN;
	IMB_MGR *m = aligned_alloc(ESP_MB_ALIGN, n);

	if (!m) {
		return NULL;
	}
	memset(m, 0, n);
	if (!imb_set_pointers_mb_mgr(m, 0, 1)) {
		free(m);
		return NULL;
	}
	init_mb_mgr_auto(m, NULL);
	if (imb_get_errno(m) != 0 || self_test_failed(m)) {
		manager_free(m);
		return NULL;
	}
	return m;
}

struct esp_mb *esp_mb_new(uint32_t workers)
{
	struct esp_mb *mb;

	if ((imb_get_feature_flags() & IMB_CPUFLAGS_SSE) != IMB_CPUFLAGS_SSE) {
		return NULL;
	}
	mb = calloc(1, sizeof *mb + (workers + 1) * sizeof mb->mgr[0]);
	if (!mb) {
		return NULL;
	}
	mb->workers = workers;
	for (uint32_t i = 0; i <= workers; i++) {
		mb->mgr[i] = manager_new();
		if (!mb->mgr[i]) {
			esp_mb_free(mb);
			return NULL;
		}
	}
	return mb;
}

void esp_mb_free(struct esp_mb *mb)
{
	for (uint32_t i = 0; mb && i <= mb->workers; i++) {
		manager_free(mb->mgr[i]);
	}
	free(mb);
}

IMB_MGR *esp_mb_manager(const struct esp_mb *mb, const struct esp_crypto_worker *w)
{
	return mb->mgr[w->number - 1];
}

bool esp_mb_does(struct transform encr, struct transform integ)
{
	return esp_mb_gcm_does(encr) || esp_mb_job_does(encr, integ);
}

/* ChaCha20-Poly1305 is worked on packet by packet in any case, and faster than by OpenSSL. */
bool esp_mb_wants_single(struct transform encr)
{
	return !esp_mb_gcm_does(encr) && encr.id != ENCR_CHACHA20_POLY1305 &&
	       encr.id != ENCR_CHACHA20_POLY1305_IIV;
}

enum esp_crypto_err esp_mb_crypto_new(struct esp_mb *mb, const struct esp_crypto_plan *plan,
    struct esp_crypto *single, struct esp_crypto **out)
{
	IMB_MGR *setup = mb->mgr[mb->workers];

	if (esp_mb_gcm_does(plan->keys->encr)) {
		return esp_mb_gcm_new(setup, plan, out);
	}
	return esp_mb_job_new(setup, mb, plan, single, out);
}

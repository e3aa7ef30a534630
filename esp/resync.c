/*
 * Extended sequence numbers after a loss of 2^32 packets or more: RFC 4303 appendix A3.
 *
 * The number on the wire is then guessed too low, and nothing verifies any more. After so many
 * failures in a row that they cannot be accidents, one packet is tried with the next high halves.
 * It is done where the packet is, not in the background: whoever sends forged packets buys one that
 * costs as much as sixteen for every thousand of them, and none while a single good one arrives.
 */
#include "esp/resync.h"
#include "base/bytes.h"

#include <string.h>

void esp_resync(struct esp_worker *w, struct esp_sa_in *sa, const struct pkt *p,
    struct esp_job *job, uint64_t *seq)
{
	uint8_t *esp = p->base + p->off, sealed[ESP_RESYNC_BYTES];
	uint64_t high = *seq >> 32, low = *seq & UINT32_MAX;

	memcpy(sealed, esp, p->len);
	sa->forged = 0;
	for (uint64_t last = high + ESP_RESYNC_TRIES; high < last && high <= UINT32_MAX; high++) {
		memcpy(esp, sealed, p->len); /* opening has changed it */
		job->seq_hi = (uint32_t)high;
		esp_crypto_open(w->ciphers, job, 1);
		if (job->err != ESP_CRYPTO_FORGED) {
			*seq = high << 32 | low;
			return;
		}
	}
}

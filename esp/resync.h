/*
 * After the loss of 2^32 packets or more.
 */
#ifndef ESP_RESYNC_H
#define ESP_RESYNC_H

#include "base/pkt.h"
#include "esp/sa.h"
#include "esp/worker.h"

enum {
	ESP_RESYNC_AFTER = 1024, /* packets in a row that do not verify */
	ESP_RESYNC_TRIES = 16,   /* high halves that are tried, the guessed one first */
	ESP_RESYNC_BYTES = 2048, /* of a packet that is chosen for it, at most */
};

/* Is this packet to be tried with other high halves? */
static inline bool esp_resync_due(const struct esp_sa_in *sa, const struct pkt *p)
{
	return sa->forged >= ESP_RESYNC_AFTER && sa->esn && p->len <= ESP_RESYNC_BYTES;
}

/* Opens the packet with the guess *seq and, where that does not verify, with the next higher
 * halves. job->err says what came of it, *seq with which number. Then it takes ESP_RESYNC_AFTER
 * failures more until it is due again. */
void esp_resync(struct esp_worker *w, struct esp_sa_in *sa, const struct pkt *p,
    struct esp_job *job, uint64_t *seq);

#endif

/*
 * Packets that carry nothing, so that nobody sees when there is nothing to carry.
 */
#ifndef DAEMON_DUMMIES_H
#define DAEMON_DUMMIES_H

#include "daemon/apply.h"
#include "daemon/worker.h"

enum { DUMMIES_TICK_MS = 100 };

/* Does any child ask for them? Then dummies_tick is to be called every DUMMIES_TICK_MS. */
bool dummies_wanted(const struct config *c);
/* Control thread: has workers send what is missing. */
void dummies_tick(struct apply *a, struct worker *const *workers, uint32_t n, uint64_t now_ms);

#endif

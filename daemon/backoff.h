/*
 * How long to wait before a failed start is tried again.
 */
#ifndef DAEMON_BACKOFF_H
#define DAEMON_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST_MS = 1000, BACKOFF_MOST_MS = 60000 };

/* After `failures` in a row (1 up): doubles from BACKOFF_FIRST_MS to BACKOFF_MOST_MS, and `random`
 * spreads it by a quarter either way, so that many clients do not come back together. */
uint32_t backoff_ms(uint32_t failures, uint32_t random);

#endif

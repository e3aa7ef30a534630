/*
 * Doubling with a spread.
 */
#include "daemon/backoff.h"

uint32_t backoff_ms(uint32_t failures, uint32_t random)
{
	uint32_t ms = BACKOFF_FIRST_MS;

	for (uint32_t i = 1; i < failures && ms < BACKOFF_MOST_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MOST_MS)
		ms = BACKOFF_MOST_MS;
	return ms - ms / 4 + random % (ms / 2 + 1);
}

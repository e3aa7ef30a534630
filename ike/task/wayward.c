/*
 * The peer's ESP came to an SPI that nobody has: an INFORMATIONAL with INVALID_SPI says so, RFC
 * 7296 sections 1.5 and 2.21.4.
 */
#include "ike/task/task.h"

/* HDR, SK {N(INVALID_SPI)} */
static enum ike_err build(struct ike_task *t, struct ike_build *b)
{
	uint8_t spi[4];

	be32_store(spi, t->spi);
	ike_build_notify(b, IKE_N_INVALID_SPI, bytes_of(spi, sizeof spi));
	return IKE_OK;
}

static void on_response(struct ike_task *t, const struct ike_msg *m)
{
	(void)m;
	ike_task_free(t);
}

const struct ike_task_ops ike_task_wayward = {.exchange = IKE_EXCHANGE_INFORMATIONAL,
    .what = "a notification",
    .build = build,
    .on_response = on_response};

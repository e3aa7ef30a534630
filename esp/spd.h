/*
 * A compiled set of outbound policies: made once, never changed, found by the remote address.
 */
#ifndef ESP_SPD_H
#define ESP_SPD_H

#include "esp/epoch.h"
#include "esp/esp.h"
#include "esp/flow.h"

/* An SA as it was when the rule was compiled. */
struct esp_rule_sa {
	uint64_t serial; /* 0: there was none */
	uint32_t slot;
};

struct esp_rule {
	struct esp_sel local, remote;
	struct esp_rule_sa sa;
	const struct esp_rule_sa *group; /* by worker */
	uint32_t group_n;
	uint32_t id;
	enum esp_action action;
};

struct esp_spd;

/* `serial_of` tells the serial of the SA in a slot. *out is owned by the caller. ESP_EINVAL: a
 * selector with its ends in the wrong order or of two families. */
struct esp_spd_serials {
	uint64_t (*of)(const void *ctx, uint32_t slot);
	const void *ctx;
};
enum esp_err esp_spd_compile(const struct esp_policy *v, size_t n,
    const struct esp_spd_serials *serials, uint64_t seed, struct esp_spd **out);
void esp_spd_free(struct esp_spd *s);
void esp_spd_retire(struct esp_epoch *e, struct esp_spd *s);

/* The policy of an outbound packet; NULL: none. Borrowed from s, which may be NULL. */
const struct esp_rule *esp_spd_find(const struct esp_spd *s, const struct esp_flow *f);

#endif

/*
 * The list of outbound policies from what is up and what is trapped.
 */
#ifndef DAEMON_POLICY_H
#define DAEMON_POLICY_H

#include "esp/esp.h"

enum {
	POLICY_PROTECT = 100, /* priorities */
	POLICY_TRAP = 200,
};

/* Every pair of a local and a remote selector of one family becomes a policy. */
struct policy_source {
	const struct ts_list *local, *remote; /* borrowed */
	enum esp_action action;
	uint32_t priority;
	uint32_t slot, id;
};

struct policy_set {
	struct esp_policy *v; /* owned */
	size_t n, cap;
};

bool policy_add(struct policy_set *set, const struct policy_source *s); /* false: no memory */
void policy_fini(struct policy_set *set);

#endif

/*
 * The list of outbound policies from what is up and what is trapped.
 */
#ifndef DAEMON_POLICY_H
#define DAEMON_POLICY_H

#include "config/config.h"
#include "esp/esp.h"

/* The priority of all policies that were not given one: there the more specific selectors win, and
 * of equal ones the order of enum policy_rank. */
enum { POLICY_AUTO = 200000 };

/* Pass is an exception, so it comes first; drop is for what nothing else wants. */
enum policy_rank { POLICY_PASS, POLICY_PROTECT, POLICY_TRAP, POLICY_DROP, POLICY_RANKS };

/* Every pair of a local and a remote selector of one family becomes a policy. */
struct policy_source {
	const struct ts_list *local, *remote; /* borrowed */
	enum esp_action action;
	uint32_t priority;
	uint32_t slot, id;
	const uint32_t *group; /* as in struct esp_policy; borrowed until the policies are set */
	uint32_t group_n;
};

struct policy_set {
	struct esp_policy *v; /* owned */
	size_t n, cap;
};

/* The priority of a child's policies. */
uint32_t policy_priority(const struct config_child *c);
/* The selectors of a policy without a peer: "dynamic" is any address. */
void policy_static_ts(const struct config_ts *v, size_t n, struct ts_list *out);

bool policy_add(struct policy_set *set, const struct policy_source *s); /* false: no memory */
void policy_fini(struct policy_set *set);

#endif

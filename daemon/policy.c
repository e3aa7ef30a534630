/*
 * Selectors to policies: RFC 4301 section 4.4.1. The protocol must agree on both sides of a pair;
 * where one side says any, the other's counts.
 */
#include "daemon/policy.h"

#include <stdlib.h>

static bool reserve(struct policy_set *set, size_t more)
{
	if (set->n + more <= set->cap)
		return true;
	size_t cap = 2 * (set->n + more);
	struct esp_policy *v = realloc(set->v, cap * sizeof *v);
	if (!v)
		return false;
	set->v = v;
	set->cap = cap;
	return true;
}

static bool pairs(const struct ts *local, const struct ts *remote)
{
	return local->lo.family == remote->lo.family &&
	       (local->proto == remote->proto || local->proto == 0 || remote->proto == 0);
}

uint32_t policy_priority(const struct config_child *c)
{
	return c->priority ? c->priority : POLICY_AUTO;
}

void policy_static_ts(const struct config_ts *v, size_t n, struct ts_list *out)
{
	static const enum addr_family families[] = {ADDR_V4, ADDR_V6};

	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct ts t = v[i].ts;
		if (!v[i].dynamic) {
			ts_list_add(out, &t);
			continue;
		}
		for (size_t k = 0; k < 2; k++) {
			struct ts any = ts_any(families[k]);
			t.lo = any.lo;
			t.hi = any.hi;
			ts_list_add(out, &t);
		}
	}
}

bool policy_add(struct policy_set *set, const struct policy_source *s)
{
	if (!reserve(set, s->local->n * s->remote->n))
		return false;
	for (size_t i = 0; i < s->local->n; i++)
		for (size_t k = 0; k < s->remote->n; k++) {
			if (!pairs(&s->local->v[i], &s->remote->v[k]))
				continue;
			set->v[set->n++] = (struct esp_policy){.priority = s->priority,
			    .action = s->action,
			    .slot = s->slot,
			    .id = s->id,
			    .group = s->group,
			    .group_n = s->group_n,
			    .local = s->local->v[i],
			    .remote = s->remote->v[k]};
		}
	return true;
}

void policy_fini(struct policy_set *set)
{
	free(set->v);
	*set = (struct policy_set){0};
}

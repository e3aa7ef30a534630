/*
 * The queue of tasks before the one-request window: RFC 7296 section 2.3.
 */
#include "ike/task/task.h"

#include "ike/series.h"

#include <stdlib.h>

struct ike_task *ike_task_new(
    struct ike_sa *sa, const struct ike_task_ops *ops, struct ike_child *child)
{
	struct ike_task *t = calloc(1, sizeof *t);
	struct ike_task **at = &sa->tasks;

	if (!t)
		return NULL;
	t->ops = ops;
	t->sa = sa;
	t->child = child;
	while (*at)
		at = &(*at)->next;
	*at = t;
	return t;
}

void ike_task_to_front(struct ike_task *t)
{
	struct ike_task **at = &t->sa->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->next = t->sa->tasks;
	t->sa->tasks = t;
}

void ike_task_again(struct ike_task *t)
{
	t->next = t->sa->tasks;
	t->sa->tasks = t;
}

void ike_task_free(struct ike_task *t)
{
	if (!t)
		return;
	ike_kex_free(t->kex);
	ike_series_free(t->series);
	secret_wipe(t->ni, sizeof t->ni);
	free(t);
}

static void abort_one(struct ike_task *t, enum ike_err err)
{
	if (t->ops->abort)
		t->ops->abort(t, err);
	ike_task_free(t);
}

struct ike_task *ike_task_take_active(struct ike_sa *sa)
{
	struct ike_task *t = sa->active;

	sa->active = NULL;
	return t;
}

void ike_task_abort_queued(struct ike_sa *sa, const struct ike_child *child)
{
	struct ike_task **at = &sa->tasks;

	while (*at) {
		struct ike_task *t = *at;

		if (child && t->child != child) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		abort_one(t, IKE_OK);
	}
}

void ike_task_abort_all(struct ike_sa *sa)
{
	struct ike_task *t = ike_task_take_active(sa);

	if (t)
		abort_one(t, IKE_OK);
	ike_task_abort_queued(sa, NULL);
}

bool ike_task_pending(
    const struct ike_sa *sa, const struct ike_task_ops *ops, const struct ike_child *child)
{
	if (sa->active && sa->active->ops == ops && sa->active->child == child)
		return true;
	for (const struct ike_task *t = sa->tasks; t; t = t->next) {
		if (t->ops == ops && t->child == child)
			return true;
	}
	return false;
}

/* Which phase lets a task go: the two of the way up have theirs, the rest needs an SA. */
static bool may_go(const struct ike_task *t)
{
	const struct ike_sa *sa = t->sa;

	if (t->ops == &ike_task_init || t->ops == &ike_task_resume)
		return sa->phase == IKE_PHASE_INIT_I;
	if (t->ops == &ike_task_intermediate)
		return sa->phase == IKE_PHASE_INTER_I;
	if (t->ops == &ike_task_auth)
		return sa->phase == IKE_PHASE_AUTH_I && !sa->setup->puzzle;
	if (t->ops == &ike_task_delete_ike)
		return sa->phase == IKE_PHASE_CLOSING || sa->phase == IKE_PHASE_GONE;
	if (t->ops == &ike_task_delete_old)
		return sa->phase == IKE_PHASE_OLD;
	/* While the peer is at new keys for the IKE SA, nothing is begun that they would cut off.
	 */
	return sa->phase == IKE_PHASE_UP && t->not_before <= sa->e->now &&
	       (!sa->rival || sa->rival->keyed);
}

static struct ike_task *take_next(struct ike_sa *sa)
{
	for (struct ike_task **at = &sa->tasks; *at; at = &(*at)->next) {
		struct ike_task *t = *at;

		if (may_go(t)) {
			*at = t->next;
			t->next = NULL;
			return t;
		}
	}
	return NULL;
}

void ike_task_pump(struct ike_sa *sa)
{
	while (!sa->dead && !sa->active && !sa->win.outstanding) {
		struct ike_task *t = take_next(sa);
		enum ike_err err;

		if (!t)
			return;
		sa->active = t;
		err = ike_request_send(sa, t);
		if (!err)
			return;
		ike_task_take_active(sa);
		abort_one(t, err);
	}
}

ike_time ike_task_wakes_at(const struct ike_sa *sa)
{
	ike_time at = IKE_NEVER;

	for (const struct ike_task *t = sa->tasks; t; t = t->next) {
		if (t->not_before > sa->e->now && t->not_before < at)
			at = t->not_before;
	}
	return at;
}

/*
 * The collision matrix: RFC 7296 sections 1.4.1, 2.25.1 and 2.25.2.
 */
#include "ike/collision.h"

#include "ike/task/task.h"

/* clang-format off */
static const enum ike_verdict matrix[IKE_DOINGS][IKE_ASKEDS] = {
#define P IKE_DO_PROCEED
#define T IKE_DO_TEMPORARY
#define S IKE_DO_SILENT
#define F IKE_DO_FORGET
	/* the peer asks to          create  rekey   delete  rekey   delete */
	/* while we …                a child a child a child the IKE the IKE SA */
	[IKE_DOING_NOTHING]      = {  P,      P,      P,      P,      P },
	[IKE_DOING_CREATE_CHILD] = {  P,      P,      P,      T,      P },
	[IKE_DOING_DELETE_CHILD] = {  P,      T,      S,      T,      P },
	[IKE_DOING_DELETE_LATER] = {  P,      T,      P,      T,      P },
	[IKE_DOING_DELETE_IKE]   = {  T,      T,      P,      T,      F },
	[IKE_DOING_REKEY_IKE]    = {  T,      T,      P,      P,      P },
#undef P
#undef T
#undef S
#undef F
};
/* clang-format on */

enum ike_verdict ike_collide(enum ike_doing doing, enum ike_asked asked)
{
	return matrix[doing][asked];
}

enum ike_doing ike_doing_now(const struct ike_sa *sa, const struct ike_child *child)
{
	const struct ike_task_ops *ops = sa->active ? sa->active->ops : NULL;

	if (sa->phase == IKE_PHASE_CLOSING)
		return IKE_DOING_DELETE_IKE;
	if (child && child->state == IKE_CHILD_DELETING)
		return sa->active && sa->active->child == child ? IKE_DOING_DELETE_CHILD
								: IKE_DOING_DELETE_LATER;
	if (ike_task_is_rekey(sa->active))
		return IKE_DOING_REKEY_IKE;
	if (child)
		return IKE_DOING_NOTHING;
	if (ops == &ike_task_delete_child)
		return IKE_DOING_DELETE_CHILD;
	return ike_task_is_child(sa->active) ? IKE_DOING_CREATE_CHILD : IKE_DOING_NOTHING;
}

/*
 * When both ends start something at once: RFC 7296 section 2.25, whole, as a table.
 */
#ifndef IKE_COLLISION_H
#define IKE_COLLISION_H

#include "ike/child.h"

enum ike_doing {
	IKE_DOING_NOTHING,
	IKE_DOING_CREATE_CHILD, /* some child */
	IKE_DOING_DELETE_CHILD, /* the one in question; for REKEY_IKE: any */
	IKE_DOING_DELETE_LATER, /* likewise, but our Delete waits for its turn: nothing crosses */
	IKE_DOING_DELETE_IKE,
	IKE_DOING_REKEY_IKE,
	IKE_DOINGS,
};

enum ike_asked {
	IKE_ASKED_CREATE_CHILD,
	IKE_ASKED_REKEY_CHILD,
	IKE_ASKED_DELETE_CHILD,
	IKE_ASKED_REKEY_IKE,
	IKE_ASKED_DELETE_IKE,
	IKE_ASKEDS,
};

enum ike_verdict {
	IKE_DO_PROCEED,   /* as if we did nothing */
	IKE_DO_TEMPORARY, /* TEMPORARY_FAILURE */
	IKE_DO_SILENT,    /* do it, but without a Delete payload in the answer (section 1.4.1) */
	IKE_DO_FORGET,    /* do it, and forget what we began */
};

enum ike_verdict ike_collide(enum ike_doing doing, enum ike_asked asked);
/* What we are doing that matters for a request about `child` (NULL: none in particular). */
enum ike_doing ike_doing_now(const struct ike_sa *sa, const struct ike_child *child);

#endif

/*
 * What a Child SA is besides its selectors and its keys: transport mode (RFC 7296 sections 1.3.1
 * and 2.23.1), what the peer cannot do,
 * and the worker that it is for (RFC 9611).
 */
#ifndef IKE_MODE_H
#define IKE_MODE_H

#include "ike/child.h"

/* The notifications of a request for a child. */
void ike_mode_ask(const struct ike_child *c, struct ike_build *b);
/* For the answer to a request: which worker's of the children with these selectors it is. `old`: it
 * takes the place of that one. IKE_EMAXQUEUE: every worker has one. */
enum ike_err ike_mode_resource(const struct ike_sa *sa, const struct ike_child_choice *k,
    const struct ike_child *old, struct ike_mode *mode);
/* We asked for this one and have it: begins the one for the next worker, if that has none. */
void ike_mode_next(const struct ike_child *c);
/* Those of the answer to it. */
void ike_mode_answer(const struct ike_mode *mode, struct ike_build *b);

/* Reads the peer's notifications: whether it wants transport mode, and what it cannot do. */
void ike_mode_read(const struct ike_msg *m, struct ike_mode *mode);

/* The selectors of a message as this host sees them, where transport mode is wanted: behind a NAT
 * they hold addresses that mean nothing here, and those of the IKE SA stand for them. The original
 * ones are kept in *mode. False: they are not one address each side, so this is no transport mode.
 */
bool ike_mode_see(
    const struct ike_sa *sa, struct ts_list *local, struct ts_list *remote, struct ike_mode *mode);

#endif

/*
 * Making and clearing events.
 */
#include "ike/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/engine.h"

void ike_event_clear(struct ike_event *ev)
{
	if (ev->kind == IKE_EV_OP) {
		secret_fini(&ev->u.op.octets);
	} else if (ev->kind == IKE_EV_CHILD_UP) {
		secret_fini(&ev->u.child_up.encr_in);
		secret_fini(&ev->u.child_up.integ_in);
		secret_fini(&ev->u.child_up.encr_out);
		secret_fini(&ev->u.child_up.integ_out);
	} else if (ev->kind == IKE_EV_KEYS) {
		secret_fini(&ev->u.keys.sk_ei);
		secret_fini(&ev->u.keys.sk_er);
		secret_fini(&ev->u.keys.sk_ai);
		secret_fini(&ev->u.keys.sk_ar);
	}
	secret_wipe(ev, sizeof *ev);
}

struct ike_event_node *ike_event_full(enum ike_event_kind kind, const struct ike_sa_ref *ref)
{
	struct ike_event_node *n = ike_event_node_new();

	if (!n)
		return NULL;
	n->full = calloc(1, sizeof *n->full);
	if (!n->full) {
		ike_event_node_free(n);
		return NULL;
	}
	n->kind = n->full->kind = kind;
	n->ref = n->full->ref = *ref;
	return n;
}

void ike_emit_step(struct ike_engine *e, const struct ike_sa_ref *ref, const char *fmt, ...)
{
	struct ike_event_node *n;
	char text[IKE_TEXT];
	va_list ap;

	if (e->q.ev_n >= IKE_QUEUE_STEPS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	n = ike_event_node_new();
	if (!n)
		return;
	n->kind = IKE_EV_STEP;
	n->ref = *ref;
	n->text = strdup(text);
	if (!n->text)
		ike_event_node_free(n);
	else
		ike_queue_event(&e->q, n);
}

/*
 * Queues of outgoing datagrams and events. Plain linked lists: the caller drains them after each
 * call, so they are short.
 */
#include "ike/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ike_event_node *ike_event_node_new(void)
{
	return calloc(1, sizeof(struct ike_event_node));
}

void ike_event_node_free(struct ike_event_node *n)
{
	if (!n)
		return;
	if (n->full) {
		ike_event_clear(n->full);
		free(n->full);
	}
	free(n->text);
	free(n);
}

void ike_queue_event(struct ike_queues *q, struct ike_event_node *n)
{
	n->next = NULL;
	if (q->ev_last)
		q->ev_last->next = n;
	else
		q->ev_first = n;
	q->ev_last = n;
	q->ev_n++;
}

static void expand(const struct ike_event_node *n, struct ike_event *out)
{
	memset(out, 0, sizeof *out);
	out->kind = n->kind;
	out->ref = n->ref;
	out->reason.err = n->err;
	snprintf(out->reason.text, sizeof out->reason.text, "%s",
	    n->text ? n->text : ike_err_sentence(n->err));
	if (n->kind == IKE_EV_CHILD_DOWN) {
		out->u.child_down.spi_in = n->u.child_down.spi_in;
		out->u.child_down.spi_out = n->u.child_down.spi_out;
	} else if (n->kind == IKE_EV_IKE_DOWN) {
		out->u.ike_down.established = n->u.ike_down.established;
		out->u.ike_down.retry = n->u.ike_down.retry;
	}
}

bool ike_queue_next_event(struct ike_queues *q, struct ike_event *out)
{
	struct ike_event_node *n = q->ev_first;

	if (!n)
		return false;
	q->ev_first = n->next;
	if (!q->ev_first)
		q->ev_last = NULL;
	q->ev_n--;
	if (n->full) {
		*out = *n->full; /* moved: the secrets now belong to the caller */
		secret_wipe(n->full, sizeof *n->full);
		free(n->full);
		n->full = NULL;
	} else {
		expand(n, out);
	}
	ike_event_node_free(n);
	return true;
}

bool ike_queue_datagram(struct ike_queues *q, const struct ike_datagram *d)
{
	struct ike_datagram_node *n;

	if (q->out_n >= IKE_QUEUE_DATAGRAMS)
		return false;
	n = malloc(sizeof *n + d->data.n);
	if (!n)
		return false;
	n->next = NULL;
	n->d = *d;
	memcpy(n->bytes, d->data.p, d->data.n);
	n->d.data = bytes_of(n->bytes, d->data.n);
	if (q->out_last)
		q->out_last->next = n;
	else
		q->out_first = n;
	q->out_last = n;
	q->out_n++;
	return true;
}

void ike_queue_return_lent(struct ike_queues *q)
{
	free(q->lent);
	q->lent = NULL;
}

bool ike_queue_next_datagram(struct ike_queues *q, struct ike_datagram *out)
{
	struct ike_datagram_node *n = q->out_first;

	ike_queue_return_lent(q);
	if (!n)
		return false;
	q->out_first = n->next;
	if (!q->out_first)
		q->out_last = NULL;
	q->out_n--;
	q->lent = n;
	*out = n->d;
	return true;
}

void ike_queues_fini(struct ike_queues *q)
{
	while (q->ev_first) {
		struct ike_event_node *n = q->ev_first;

		q->ev_first = n->next;
		ike_event_node_free(n);
	}
	while (q->out_first) {
		struct ike_datagram_node *n = q->out_first;

		q->out_first = n->next;
		free(n);
	}
	ike_queue_return_lent(q);
	*q = (struct ike_queues){0};
}

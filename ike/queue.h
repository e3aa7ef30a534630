/*
 * What the engine has to hand out: datagrams and events, oldest first.
 *
 * An event that says that something is gone must never be lost, whatever memory is left: IKE and
 * Child SAs reserve the small node for theirs when they are made (struct ike_event_node), and only
 * the sentence is allocated late; without memory it falls back to the short one of the error's row.
 */
#ifndef IKE_QUEUE_H
#define IKE_QUEUE_H

#include "ike/ike.h"

struct ike_event_node {
	struct ike_event_node *next;
	enum ike_event_kind kind;
	struct ike_sa_ref ref;
	enum ike_err err;
	char *text; /* owned; NULL: the sentence of `err` */
	union {
		struct {
			uint32_t spi_in, spi_out;
		} child_down;
		struct {
			bool established, retry;
		} ike_down;
	} u;
	struct ike_event *full; /* owned; NULL: the fields above are all */
};

struct ike_datagram_node {
	struct ike_datagram_node *next;
	struct ike_datagram d; /* d.data points to the bytes below */
	uint8_t bytes[];
};

struct ike_queues {
	struct ike_event_node *ev_first, *ev_last;
	size_t ev_n;
	struct ike_datagram_node *out_first, *out_last;
	size_t out_n;
	struct ike_datagram_node *lent; /* the datagram that the caller is looking at */
};

void ike_queues_fini(struct ike_queues *q);

struct ike_event_node *ike_event_node_new(void); /* NULL: no memory */
void ike_event_node_free(struct ike_event_node *n);
/* The node is taken. */
void ike_queue_event(struct ike_queues *q, struct ike_event_node *n);
bool ike_queue_next_event(struct ike_queues *q, struct ike_event *out);

/* Copied. False: no memory, or the queue is full. */
bool ike_queue_datagram(struct ike_queues *q, const struct ike_datagram *d);
bool ike_queue_next_datagram(struct ike_queues *q, struct ike_datagram *out);
void ike_queue_return_lent(struct ike_queues *q);

#endif

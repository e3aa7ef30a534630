/*
 * What we start. A task is one exchange of ours (with its retries); it waits in the SA's queue
 * until the window of one request is free.
 */
#ifndef IKE_TASK_TASK_H
#define IKE_TASK_TASK_H

#include "ike/child.h"

struct ike_task_ops {
	uint8_t exchange;
	const char *what; /* for sentences: "the request for a child" */
	bool rush;        /* with the short schedule of an end */
	uint32_t tries;   /* retransmissions at most; 0: as always */
	/* Writes the payloads. An error ends the task by abort. */
	enum ike_err (*build)(struct ike_task *t, struct ike_build *b);
	/* The genuine response; the window is free again. Frees the task or queues it again. */
	void (*on_response)(struct ike_task *t, const struct ike_msg *m);
	/* The schedule is exhausted; NULL: the peer is dead. The task is freed afterwards. */
	void (*on_timeout)(struct ike_task *t);
	/* It cannot be sent (err), or the SA goes away (IKE_OK). NULL: nothing to do. Freed
	 * afterwards. */
	void (*abort)(struct ike_task *t, enum ike_err err);
};

struct ike_task {
	struct ike_task *next;
	const struct ike_task_ops *ops;
	struct ike_sa *sa;
	struct ike_child *child;   /* create, delete */
	ike_time not_before;       /* after TEMPORARY_FAILURE */
	uint32_t rounds;           /* TEMPORARY_FAILURE so far */
	struct ike_series *series; /* followup: owned */
	/* create_child, rekey_ike */
	struct ike_kex *kex;
	uint16_t group;
	uint32_t groups;
	uint8_t ni[IKE_NONCE_LEN];
	/* goodbye */
	uint16_t notify;
	uint32_t spi; /* wayward */
};

extern const struct ike_task_ops ike_task_init, ike_task_auth, ike_task_create_child,
    ike_task_delete_child, ike_task_delete_ike, ike_task_delete_old, ike_task_rekey_ike,
    ike_task_dpd, ike_task_wayward, ike_task_redirect, ike_task_intermediate, ike_task_followup;

extern const struct ike_task_ops ike_task_qcd;

extern const struct ike_task_ops ike_task_resume, ike_task_ticket; /* RFC 5723 */

/* At the end of the queue; NULL: no memory. */
struct ike_task *ike_task_new(
    struct ike_sa *sa, const struct ike_task_ops *ops, struct ike_child *child);
void ike_task_free(struct ike_task *t);
void ike_task_to_front(struct ike_task *t); /* of the queue that it is in */
void ike_task_again(struct ike_task *t);    /* that is in none: to the front of it */
/* The exchange of the active task is over: the queue may go on. The task is the caller's. */
struct ike_task *ike_task_take_active(struct ike_sa *sa);
/* Takes tasks out of the queue, and tells them: all of them, or those of one child. Not the active
 * one. */
void ike_task_abort_queued(struct ike_sa *sa, const struct ike_child *child);
void ike_task_abort_all(struct ike_sa *sa); /* the active one too */
bool ike_task_pending(
    const struct ike_sa *sa, const struct ike_task_ops *ops, const struct ike_child *child);
/* Starts the next task that may go, if the window is free. */
void ike_task_pump(struct ike_sa *sa);
ike_time ike_task_wakes_at(const struct ike_sa *sa); /* the earliest not_before; IKE_NEVER */

/* followup.c: a task of CREATE_CHILD_SA that was answered goes on with the series, which is taken.
 */
void ike_followup_begin(struct ike_task *t, struct ike_series *s);
/* Does it make a child; new keys for the IKE SA? With all exchanges that it takes. NULL: no. */
bool ike_task_is_child(const struct ike_task *t);
bool ike_task_is_rekey(const struct ike_task *t);

/* When its request is sent again. message.c */
struct ike_retransmit ike_task_schedule(const struct ike_task *t);

/* init.c */
enum ike_err ike_init_start(struct ike_engine *e, const struct ike_command *c, struct ike_sa **out);
/* What an initiator needs for IKE_SA_INIT, and the task. */
enum ike_err ike_init_prepare(struct ike_sa *sa);
/* What an initiator announces in its first message. */
void ike_init_announce(struct ike_sa *sa, struct ike_build *b);
/* Do we offer additional key exchanges, and so IKE_INTERMEDIATE? Initiator, in its setup. */
bool ike_init_wants_intermediate(const struct ike_sa *sa);
/* auth.c: our AUTH value is there */
enum ike_err ike_auth_request(struct ike_sa *sa);

#endif

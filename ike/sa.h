/*
 * An IKE SA and its life.
 *
 *     initiator:  INIT_I → (INTER_I →) SIGN_I → AUTH_I → VERIFY_I ┐
 *     responder:  INIT_R → VERIFY_R → SIGN_R ─────────────────────┴→ UP → CLOSING → GONE
 *
 * GONE is after IKE_EV_IKE_DOWN: the SA then only repeats its last answer (or its Delete) until its
 * timer frees it. Every SA always has a timer.
 *
 * Rekeying leaves the struct, its number, its children and its tasks where they are: the keys, SPIs
 * and windows of the new SA, an HEIR made beside it, change places with its own, and what was the
 * heir is the old SA then, OLD until its Delete. Nobody outside sees either.
 */
#ifndef IKE_SA_H
#define IKE_SA_H

#include "ike/crypto/crypto.h"
#include "ike/engine.h"
#include "ike/explain.h"
#include "ike/resume.h"
#include "ike/window.h"

enum ike_phase {
	IKE_PHASE_INIT_I,   /* our IKE_SA_INIT request is out */
	IKE_PHASE_INTER_I,  /* our IKE_INTERMEDIATE request is out */
	IKE_PHASE_SIGN_I,   /* our AUTH value is being made */
	IKE_PHASE_AUTH_I,   /* our IKE_AUTH request is out */
	IKE_PHASE_VERIFY_I, /* the peer's AUTH value is being checked */
	IKE_PHASE_INIT_R,   /* we answered IKE_SA_INIT */
	IKE_PHASE_VERIFY_R, /* the peer's AUTH value is being checked */
	IKE_PHASE_SIGN_R,   /* our AUTH value is being made */
	IKE_PHASE_UP,
	IKE_PHASE_CLOSING, /* our Delete of the IKE SA is queued or out */
	/* From here on not to be seen. */
	IKE_PHASE_HEIR, /* made by a rekey that is not over */
	IKE_PHASE_OLD,  /* replaced; to be deleted by who asked for the rekey */
	IKE_PHASE_GONE,
	IKE_PHASES,
};

struct ike_task;
struct ike_series;
struct ike_puzzle;
struct ike_vips;

enum ike_ppk_step {
	IKE_PPK_IDLE,
	IKE_PPK_MIXING,     /* IKE_OP_PPK is out */
	IKE_PPK_PLAIN_AUTH, /* initiator: the AUTH value without the PPK is being made */
};

enum { IKE_PPK_KEYS = 3 };

/* RFC 8784: ppk.h */
struct ike_ppk {
	bool agreed;    /* USE_PPK went both ways */
	const char *id; /* of the configuration; NULL: not chosen yet, or none */
	enum ike_ppk_step step;
	bool used; /* SK_d, SK_pi and SK_pr of the SA are mixed ones */
	/* SK_d, SK_pi and SK_pr with the PPK while the SA has those without, and the other way
	 * round. */
	struct secret others[IKE_PPK_KEYS];
	struct secret plain_auth; /* initiator: for NO_PPK_AUTH; empty: the PPK is required */
};

/* What only the way up needs. */
struct ike_setup {
	struct proposal_list
	    proposals; /* initiator: as offered, always whole (RFC 7296 section 2.7) */
	struct ike_kex *kex;
	uint16_t group;
	struct ike_blob init_req, init_resp; /* as on the wire: both AUTH values cover one */
	struct ike_blob nr;
	struct ike_blob cookie;
	uint32_t cookies, groups; /* rounds that COOKIE and INVALID_KE_PAYLOAD cost so far */
	/* Of the puzzle that came with the cookie: solver.h */
	struct ike_puzzle *puzzle; /* at work on it; NULL: not */
	ike_time puzzle_at;        /* of the next slice */
	struct ike_blob solution;  /* empty: none */
	unsigned too_hard;         /* zero bits of one that we did not solve; 0: none */
	struct secret auth;        /* our AUTH value */
	struct ike_ppk ppk;
	uint32_t accepts; /* bit m: the peer announces that it accepts enum ike_auth_method m */
	/* IKE_INTERMEDIATE: intermediate.h */
	bool additional;   /* the suite is that of an IKE_SA_INIT: its additional key exchanges are
			      due */
	unsigned addke_at; /* of suite.addke: the next */
	uint32_t intermediates;                                      /* exchanges that are over */
	struct ike_intauth_value intauth_i, intauth_r, intauth_mine; /* mine: of what is out */
	/* The keys from before the last of them, for repeats of it in other fragments. */
	struct ike_sk before_seal, before_open;
	struct ike_child
	    *first;     /* initiator: the child of IKE_AUTH, in sa->children; NULL: it failed */
	bool childless; /* responder: announced (RFC 6023) */
	/* RFC 5723: it is set up with a ticket; what belongs to that, which a client keeps when the
	 * gateway does not answer; an AUTH value that was computed here and is to be taken up. */
	bool resuming;
	struct ike_held *resumed; /* owned */
	struct secret computed;
	/* An unprotected refusal is remembered, and believed only at refused_at: section 2.21.1. */
	bool refused;
	ike_time refused_at;
	struct ike_reason refusal;
	/* The decrypted IKE_AUTH message that waits for an operation. */
	uint8_t *held_plain;
	size_t held_n;
	struct ike_msg held;
};

struct ike_sa {
	struct ike_engine *e;
	uint32_t id, tag;
	enum ike_phase phase;
	bool initiator; /* the original initiator of what the keys are of: a rekey may change it */
	bool began;     /* we called the peer */
	bool established;
	const struct config_conn *conn; /* NULL: not chosen yet */
	struct endpoint local, remote;
	bool marker;
	uint64_t spi_i, spi_r;
	struct suite suite;
	struct ident local_id, remote_id;
	struct ike_keymat keys;
	bool keyed;
	struct ike_ticket_ref issued; /* the newest ticket of these keys: RFC 5723 */
	struct secret token;          /* the peer's, for these SPIs: RFC 6290; empty: none */
	struct ike_sk seal, open;
	struct ike_window win;
	struct ike_blob ni; /* of IKE_SA_INIT, or an heir's own: tells repeats (section 2.1) and
			       crossing SAs apart */
	struct ike_setup *setup; /* NULL once established or gone */
	struct ike_vips *vips;   /* owned; NULL: no address was given or asked for. vip.h */
	/* NAT */
	bool nat_local,
	    nat_remote; /* as the hashes say; a forced encapsulation looks like nat_remote */
	bool announced; /* our own source hash was made wrong on purpose: `encap` */
	bool encap;     /* ESP in UDP */
	ike_ext_set extensions; /* in force; kept by a rekey */
	uint32_t packet_max;    /* bytes of an IP packet that fragments keep to; 0: not known yet */
	/* Times: IKE_NEVER when not set. */
	ike_time created_at, established_at, heard_at;
	ike_time expire_at;         /* the way up must be done; GONE: freed */
	ike_time keepalive_at;      /* next 0xFF */
	ike_time stop_at;           /* CLOSING: no longer than this; IKE_NEVER: patiently */
	struct ike_reason *closing; /* why it is closing; owned */
	/* Not before: the next unprotected hint is followed; the next wayward packet is told, to
	 * the peer; what the peer tells of one is said. hint.h */
	ike_time hint_at, tell_at, said_at;
	struct ike_bucket tokens; /* that are held against ours */
	/* Children, oldest first. */
	struct ike_child *children;
	size_t children_n;
	/* Rekeying: rekey.h */
	ike_time rekey_at;           /* new keys are due; IKE_NEVER: not, or under way */
	ike_time over_at;            /* without new keys it ends here */
	uint32_t rekey_rounds;       /* failures in a row */
	ike_time put_off_at;         /* first of the TEMPORARY_FAILUREs in a row; 0: none */
	uint32_t rekey_tag;          /* of the command that asked */
	struct ike_sa *heir, *rival; /* that we asked for; that the peer asked for meanwhile */
	struct ike_blob lowest;      /* of the nonces that made the rival */
	struct ike_sa *parent;       /* an HEIR's: the one that it is for; an OLD one's: its heir */
	bool grown_old;              /* it counts among its parent's olds */
	uint32_t olds;               /* replaced ones of this that are not freed yet */
	/* Authenticating once more: reauth.h */
	ike_time reauth_at;     /* it is due; IKE_NEVER: not, or under way */
	ike_time end_at;        /* without it the SA ends here */
	uint32_t reauth_rounds; /* failures in a row */
	ike_time leave_at;  /* another gateway has its children, and this one may go; IKE_NEVER: not
			       yet */
	uint32_t successor; /* number of the SA that is being set up for it; 0: none */
	uint32_t replaces;  /* number of the SA that this one is set up for; 0: none */
	bool reauth;        /* it was made to replace another one */
	bool asked_all;     /* a successor: for all children of the old one */
	ike_time ousted_at; /* the peer called again, and should have deleted it by then */
	/* Another gateway: redirect.h */
	struct addr redirected_from; /* who sent us to this one; ADDR_NONE: nobody */
	bool redirected;             /* the peer wants us to go, and we have not gone yet */
	struct ident go_to;          /* where the peer is to go */
	/* Resumption: resume.h */
	ike_time authenticated_at; /* by more than a ticket */
	struct secret ticket;      /* the gateway's for these keys; empty: none */
	ike_time ticket_expires_at;
	ike_time ticket_at; /* another one is asked for; IKE_NEVER: not */
	/* Tasks: RFC 7296 section 2.3, one request at a time. */
	struct ike_task *active, *tasks;
	struct ike_series *series;   /* that the peer has begun: series.h */
	uint32_t states_lost;        /* series of ours that it forgot, in a row */
	uint32_t op_id;              /* IKE_EV_OP that is out; 0: none */
	struct ike_event_node *down; /* reserved for IKE_EV_IKE_DOWN; NULL: it was sent */
	struct ike_timer timer;
	/* Links */
	struct ike_sa *prev, *next;
	struct ike_sa *spi_next, *init_next, *half_prev, *half_next, *wait_next;
	bool half_open, in_init, waiting, dead;
};

/* ---- sa.c: life and death ---- */

/* A new SA with our random SPI, in the tables, not yet in the timer heap. *out NULL on error. */
enum ike_err ike_sa_new(struct ike_sa **out, struct ike_engine *e, bool initiator);
/* Responder: into the table of initiators' SPIs, and half open. */
void ike_sa_enter_half_open(struct ike_sa *sa);
void ike_sa_leave_half_open(struct ike_sa *sa);
struct ike_sa *ike_sa_find(struct ike_engine *e, uint64_t our_spi);
/* Of the responders' SAs with that initiator SPI, the first, or the one after `after`. */
struct ike_sa *ike_sa_next_by_init(struct ike_engine *e, struct ike_sa *after, uint64_t spi_i);
/* An operation is no longer waited for. */
void ike_sa_stop_waiting(struct ike_sa *sa);
void ike_sa_free(struct ike_sa *sa); /* at once; wipes; no events */
uint64_t ike_sa_our_spi(const struct ike_sa *sa);
struct ike_sa_ref ike_sa_ref_of(const struct ike_sa *sa, const struct ike_child *c);
struct ike_parties ike_sa_parties(const struct ike_sa *sa, const struct config_child *c);
void ike_setup_free(struct ike_setup *s);

/* The keys of the suite: SK contexts, and IKE_EV_KEYS if wanted. `old`: the SA that this one
 * rekeys; NULL: none; itself: after an additional key exchange (RFC 9370 section 2.2.2). Then the
 * contexts from before are kept in the setup. `more`: the secrets of IKE_FOLLOWUP_KE exchanges, or
 * empty. After an error nothing is changed. */
enum ike_err ike_sa_derive(struct ike_sa *sa, const struct ike_sa *old, struct bytes shared,
    struct bytes nr, struct bytes more);
/* The same from the SK_d of a ticket: RFC 5723 section 5.1. */
enum ike_err ike_sa_derive_resumed(struct ike_sa *sa, struct bytes sk_d, struct bytes nr);
/* SPIs, keys and windows change places: RFC 7296 section 2.18. */
void ike_sa_swap_keys(struct ike_sa *a, struct ike_sa *b);
/* Not HEIR, OLD, GONE or dead. */
bool ike_sa_is_shown(const struct ike_sa *sa);
/* Freed when the call ends; no events. */
void ike_sa_bury(struct ike_sa *sa);

/* Authenticated: UP, with its event, taken by ike_event_full before (NULL: made here). IKE_ENOMEM:
 * nothing changed. */
enum ike_err ike_sa_establish(struct ike_sa *sa);

/* Reports the SA and its children down, aborts tasks. It stays as GONE for `linger_ms` (0: freed at
 * the end of the call), to repeat its last answer or to send the Delete of ike_sa_say_goodbye. */
void ike_sa_fail(struct ike_sa *sa, const struct ike_reason *why, bool retry, uint64_t linger_ms);
/* An orderly end: Delete goes out (when the window allows), and DOWN follows its answer or
 * IKE_STOP_MS; for IKE_EREPLACED the Delete has the schedule of any other request. SAs that are not
 * up yet end at once. */
void ike_sa_close(struct ike_sa *sa, const struct ike_reason *why);
bool ike_sa_closes_patiently(const struct ike_sa *sa);
/* After ike_sa_fail: one Delete, with the notification that says why (0: none). */
void ike_sa_say_goodbye(struct ike_sa *sa, uint16_t notify);

/* Sends what may be sent and sets the timer; every path of the engine that touched the SA ends
 * here. */
void ike_sa_settle(struct ike_sa *sa);
void ike_sa_tick(struct ike_sa *sa);
/* An authenticated fresh message came this way: liveness, and RFC 7296 section 2.23's dynamic
 * update. */
void ike_sa_heard(struct ike_sa *sa, const struct ike_datagram *d);
void ike_sa_moved(struct ike_sa *sa, const struct endpoint *remote);

/* ---- message.c: messages out ---- */

/* Begins a message of the SA in the engine's scratch, SK opened unless it is IKE_SA_INIT. */
void ike_out_begin(
    struct ike_sa *sa, struct ike_build *b, uint8_t exchange, bool response, uint32_t id);
/* Seals (or ends) it, in fragments where it is too long: *out, empty before, is the caller's. */
enum ike_err ike_out_end(
    struct ike_sa *sa, struct ike_build *b, uint8_t exchange, struct ike_parcel *out);
/* Begins the answer to the request `id`. */
void ike_answer_begin(struct ike_sa *sa, struct ike_build *b, uint8_t exchange, uint32_t id);
/* Seals it, keeps it for repeats and sends it. After IKE_ENOMEM nothing was sent or kept. */
enum ike_err ike_answer_end(struct ike_sa *sa, struct ike_build *b, uint8_t exchange);
/* An answer that is one notification. */
enum ike_err ike_answer_notify(
    struct ike_sa *sa, uint8_t exchange, uint32_t id, uint16_t type, struct bytes data);
/* The request of a task goes out. */
enum ike_err ike_request_send(struct ike_sa *sa, struct ike_task *t);
/* Once more, or, when it has been sent often enough for that, in smaller fragments. */
void ike_request_again(struct ike_sa *sa, const struct ike_retransmit *rt);
/* The kept answer goes to where a repeat of its request came from. */
void ike_answer_again(struct ike_sa *sa, const struct ike_datagram *d);
void ike_sa_transmit(struct ike_sa *sa, const struct ike_parcel *p);
/* Before that: the kept answer in smaller fragments, if it can be, as those of the peer are. */
void ike_answer_smaller(struct ike_sa *sa, const struct ike_datagram *d);
/* The path carries IP packets of `packet` bytes: fragments keep to that, and a request that is out
 * in larger ones goes out anew. */
void ike_packets_fit(struct ike_sa *sa, uint32_t packet);
/* Fragments of the peer are no larger than this datagram: ours keep to its size. */
void ike_fragments_fit(struct ike_sa *sa, const struct ike_datagram *d, size_t largest);

#endif

/*
 * Child SAs.
 */
#ifndef IKE_CHILD_H
#define IKE_CHILD_H

#include "ike/sa.h"
#include "ike/select.h"

struct ike_child {
	struct ike_child *next; /* of the SA, oldest first */
	struct ike_child *by_spi_next;
	struct ike_sa *sa;
	uint32_t id, tag;
	enum ike_child_state state;
	const struct config_child *cfg;
	uint32_t spi_in, spi_out;
	bool spi_given; /* spi_in went out with IKE_EV_CHILD_UP: the data plane has it */
	bool initiator;
	bool with_ke; /* the peer wants a key exchange that the configuration does not name */
	bool doomed;  /* taken down while its request was out: deleted as soon as it is there */
	/* CREATING: SPIs that the peer has deleted and we do not know: our answer may have been
	 * overtaken by its Delete. A ring. */
	uint32_t gone[IKE_GONE];
	unsigned gone_n;
	bool has_flow;
	struct ts_flow flow; /* the packet that wants it */
	bool single;         /* the peer takes no more than that packet's selectors */
	struct suite suite;
	uint32_t resource;    /* as asked for: ike_mode.resource */
	struct ike_mode mode; /* as agreed */
	struct ts_list local_ts, remote_ts;
	ike_time installed_at, expire_at;
	/* Rekeying: rekey.h */
	ike_time rekey_at;      /* INSTALLED: new keys are due; else IKE_NEVER */
	uint32_t rekey_rounds;  /* failures in a row */
	bool replaced;          /* another one took its place: its end is no loss */
	bool rekey;             /* begun to take the place of another */
	struct ike_child *old;  /* that one; NULL: none, or it is gone */
	uint32_t ousts;         /* inbound SPI of the same child of an older IKE SA; 0: none */
	uint32_t behind;        /* inbound SPI of the one that the peer replaced by this; 0: none */
	uint32_t rival;         /* inbound SPI of the peer's child for the same old one; 0: none */
	struct ike_blob lowest; /* of the nonces of the exchange that made that one */
	struct ike_event_node
	    *down; /* reserved for CHILD_DOWN or CHILD_FAILED; NULL: it was sent */
};

/* In state CREATING, linked into the SA, with an inbound SPI. IKE_ELIMIT: too many, or no SPI. */
enum ike_err ike_child_new(
    struct ike_child **out, struct ike_sa *sa, const struct config_child *cfg, uint32_t tag);
/* The same in the place of `old`: the limit counts double, so that what is full can be rekeyed. */
enum ike_err ike_child_new_for(struct ike_child **out, struct ike_sa *sa,
    const struct ike_child *old, const struct config_child *cfg, uint32_t tag);
/* Unlinks and frees; gives back an SPI that the data plane never saw. No event. */
void ike_child_free(struct ike_child *c);
struct ike_child *ike_child_by_spi_in(struct ike_engine *e, uint32_t spi);
struct ike_child *ike_child_by_spi_out(struct ike_sa *sa, uint32_t spi);
/* One of this configuration that is coming up or is up; NULL: none. */
struct ike_child *ike_child_of(struct ike_sa *sa, const struct config_child *cfg);

/* The peer deletes a child that we do not know: it may be the one whose answer is still under way.
 */
void ike_child_note_gone(struct ike_sa *sa, uint32_t spi_out);

/* Our proposals and selectors for a request. first: the child of IKE_AUTH. */
void ike_child_offer_proposals(const struct ike_child *c, bool first, struct proposal_list *out);
void ike_child_offer_ts(const struct ike_child *c, struct ts_list *local, struct ts_list *remote);

/* The peer wants one pair of addresses (SINGLE_PAIR_REQUIRED, RFC 7296 section 2.9): true if there
 * is a packet that says which, and it is to be asked for again. */
bool ike_child_wants_single(struct ike_child *c, unsigned notify);

/* What both ends must know for the keys: RFC 7296 section 2.17. */
struct ike_child_secrets {
	struct bytes shared, ni, nr;
	struct bytes more; /* of IKE_FOLLOWUP_KE exchanges; or empty */
};

/* What was agreed; copied into the child on success. IKE_EV_CHILD_UP is prepared, not queued: *ev.
 */
struct ike_child_terms {
	struct suite suite;
	uint32_t spi_out;
	const struct ts_list *local_ts, *remote_ts;
	struct ike_child_secrets keys;
	struct ike_mode mode;
	bool initiator; /* of the exchange that makes the child */
};
enum ike_err ike_child_prepare(
    const struct ike_child *c, const struct ike_child_terms *t, struct ike_event_node **ev);
/* Cannot fail: the event goes out, the child is INSTALLED. */
void ike_child_install(
    struct ike_child *c, const struct ike_child_terms *t, struct ike_event_node *ev);

/* The initiator's half, from the answer to IKE_AUTH or CREATE_CHILD_SA: checks it and
 * installs the child, or reports it failed and deletes what the peer made. */
struct ike_child_answer {
	const struct ike_msg *m;
	struct bytes ni, nr;
	const struct ike_kex *kex; /* ours, when the request had a KE payload; NULL: none */
	bool first;                /* the child of IKE_AUTH */
	struct ike_series **more;  /* not first: the key exchange is not over; else NULL in it */
};
/* After success *c may be on its way out all the same (redundant, or taken down meanwhile). */
void ike_child_take_answer(struct ike_child *c, const struct ike_child_answer *a);
/* The same where further key exchanges were to come (ike/series.h), and are over. */
void ike_child_take_keys(struct ike_child *c, struct ike_child_terms *t);
/* The peer's refusal of a child as a sentence. */
void ike_child_explain_refusal(
    const struct ike_child *c, bool first, unsigned notify, struct ike_reason *why);

/* The responder's half: chooses, makes the child, writes its payloads (SA, [Nr, KEr,] TSi, TSr) to
 * *b and prepares the event. On error nothing is left of it, and *why has the sentence. */
struct ike_child_made {
	struct ike_child *child;
	struct ike_child_terms terms;
	struct ike_child_choice choice;
	struct ike_event_node *ev;
	uint16_t group;            /* IKE_EKE: the group that we want */
	uint8_t nr[IKE_NONCE_LEN]; /* our nonce, not of IKE_AUTH */
	struct ike_series *series; /* key exchanges are still to come: no `ev`; owned. Else NULL */
};
struct ike_child_request {
	const struct ike_msg *m;
	bool first;                  /* in IKE_AUTH: nonces of IKE_SA_INIT, no KE */
	const struct ike_child *old; /* a rekey: it takes the place of this one */
	struct bytes ni, nr;         /* first: of IKE_SA_INIT */
};
enum ike_err ike_child_answer(struct ike_sa *sa, const struct ike_child_request *rq,
    struct ike_build *b, struct ike_child_made *made, struct ike_reason *why);
/* The answer could not be sent: as if it had never been. */
void ike_child_unmake(struct ike_child_made *made);

/* Reports and forgets a child that is not up yet. */
void ike_child_failed(struct ike_child *c, const struct ike_reason *why);
/* The same, where the peer has made its half: a Delete tells it. */
void ike_child_failed_there(struct ike_child *c, const struct ike_reason *why);
/* Reports it down; the struct stays (its Delete may be out). Does nothing the second time. */
void ike_child_report_down(struct ike_child *c, const struct ike_reason *why);
/* DELETING: a Delete is queued; DOWN is reported at its answer, or now. */
void ike_child_delete(struct ike_child *c, const struct ike_reason *why, bool now);

#endif

/*
 * What the engine tells the daemon. One tagged union; ike_event_clear() frees and wipes what an
 * event owns. Everything is a copy, so that an event outlives the SA that it speaks of; pointers to
 * configuration live as long as the configuration.
 */
#ifndef IKE_EVENT_H
#define IKE_EVENT_H

#include "base/addr.h"
#include "base/ident.h"
#include "base/secret.h"
#include "base/transform.h"
#include "base/ts.h"
#include "config/config.h"
#include "ike/err.h"
#include "ike/limits.h"

enum { IKE_TEXT = 1024 };

enum ike_event_kind {
	IKE_EV_STEP,   /* one line of the story: "received the gateway's IKE_SA_INIT answer …" */
	IKE_EV_OP,     /* slow or private work to do; answer with IKE_CMD_OP_DONE */
	IKE_EV_IKE_UP, /* an IKE SA is established */
	IKE_EV_IKE_DOWN, /* an IKE SA is gone, or could not be established; its children went before
			  */
	IKE_EV_CHILD_UP, /* install these keys */
	IKE_EV_CHILD_FAILED, /* a child could not be negotiated; the IKE SA goes on */
	IKE_EV_CHILD_DOWN,   /* remove the child's SAs */
	IKE_EV_REKEYED,      /* an SA has new keys: the one in its place is up, the old one goes */
	IKE_EV_REKEY_FAILED, /* new keys could not be had; the SA goes on, and tries again */
	IKE_EV_PATH,         /* the endpoints of an IKE SA, and of its children, changed */
	IKE_EV_REDIRECT, /* the peer wants us to call another gateway; an SA that is not up yet ends
			    then with IKE_DOWN and IKE_EREDIRECTED, one that is up goes on */
	IKE_EV_KEYS,     /* for the key log, only when asked for */
};

/* Every event about an SA says which. */
struct ike_sa_ref {
	uint32_t ike_id;                /* 1 up, never used twice in a run */
	uint32_t child_id;              /* 0: about the IKE SA */
	uint32_t tag;                   /* of the command that began it; 0: the peer did */
	const struct config_conn *conn; /* NULL: a responder that has not chosen one yet */
	const struct config_child *child;
};

/* Why something failed or ended: the kind, and the whole sentence for the user, which names the
 * cause, both sides of the difference and the mend (INTERFACE.md "When it fails"). */
struct ike_reason {
	enum ike_err err;
	char text[IKE_TEXT];
};

enum ike_op_kind {
	/* mac = prf(prf(PSK, "Key Pad for IKEv2"), octets), RFC 7296 section 2.15. */
	IKE_OP_PSK_MAC,
	/* octets are three keys of one length, result is prf+(PPK, key) of each: RFC 8784
	   section 3. */
	IKE_OP_PPK,
};

struct ike_op {
	uint32_t op_id;
	enum ike_op_kind kind;
	struct transform prf;
	struct ident local_id, remote_id; /* which PSK */
	const char *ppk_id;               /* which PPK; of the configuration; NULL otherwise */
	struct secret octets;             /* owned by the event */
};

/* What a Child SA is besides its selectors and its keys. */
struct ike_mode {
	bool transport; /* else tunnel mode */
	/* Transport mode: our address and the peer's as the peer's host has them, which another one
	 * stands for here when there is a NAT between. */
	struct addr sent_local, sent_remote;
	bool no_tfc; /* the peer cannot take TFC padding */
	/* RFC 9611: one of several with the same selectors. Resource 0 is for all that have none of
	 * their own, n for worker n. */
	bool per_resource;
	uint32_t resource;
};

struct ike_child_up {
	struct suite suite;
	uint32_t spi_in, spi_out;
	/* Key then salt; each side's own direction. Owned by the event. */
	struct secret encr_in, integ_in, encr_out, integ_out;
	struct ts_list local_ts, remote_ts;
	struct endpoint local, remote;
	bool encap; /* ESP in UDP */
	struct ike_mode mode;
	bool initiator;
	/* Addresses that the peer gave us: this host needs them while the child is up. */
	struct addr vips[IKE_VIPS_MAX];
	size_t vips_n;
	/* Inbound SPI of the child that goes on sending while it lives: the peer may not have this
	 * one's keys yet, or we are about to delete it (RFC 7296 sections 2.8 and 2.8.1). 0: none.
	 * Of the children that stand behind none that lives, the one that came up last sends. */
	uint32_t behind;
};

/* Wireshark needs these (ikev2_decryption_table). Children's keys come with IKE_EV_CHILD_UP. */
struct ike_keys {
	uint64_t spi_i, spi_r;
	struct suite suite;
	struct secret sk_ei, sk_er, sk_ai, sk_ar; /* owned by the event */
};

struct ike_path {
	struct endpoint local, remote;
	bool encap;
	bool keepalive; /* we are behind a NAT: RFC 3948 section 4 */
};

struct ike_event {
	enum ike_event_kind kind;
	struct ike_sa_ref ref;
	struct ike_reason reason; /* FAILED and DOWN: why; STEP: the line (err IKE_OK) */
	union {
		struct ike_op op;
		struct ike_child_up child_up;
		struct ike_keys keys;
		struct ike_path path; /* IKE_UP, PATH */
		struct {
			uint32_t spi_in, spi_out;
		} child_down; /* replaced by new keys: the reason is IKE_EREPLACED */
		struct {
			uint64_t old_spi_i, old_spi_r, spi_i, spi_r; /* of an IKE SA */
			uint32_t old_spi_in, spi_in;                 /* of a child */
			bool initiator;                              /* we asked */
		} rekeyed;
		struct {
			struct ident to; /* an address or an FQDN */
			struct addr from;
		} redirect;
		struct {
			bool established; /* it had been up */
			bool retry;       /* trying again makes sense (not after a local `down`) */
		} ike_down;
	} u;
};

void ike_event_clear(struct ike_event *ev);

#endif

/*
 * Messages out: RFC 7296 section 3. Next-payload fields chain themselves, lengths are filled in
 * when a payload ends; the writer's error is sticky, so one check at the end is enough.
 *
 *     ike_build_begin(&b, buf, sizeof buf, &hdr);
 *     ike_build_sa(&b, &proposals);
 *     ike_build_ke(&b, group, value);
 *     msg = ike_build_finish(&b);               plaintext; or, for all but IKE_SA_INIT:
 *
 *     ike_build_begin(&b, buf, sizeof buf, &hdr);
 *     ike_build_sk(&b, ike_sk_iv_len(sk));      what follows goes inside
 *     ike_build_id(&b, IKE_PLD_IDI, &id);
 *     err = ike_sk_seal(sk, &b, &msg);          ike/crypto/crypto.h
 */
#ifndef IKE_WIRE_BUILD_H
#define IKE_WIRE_BUILD_H

#include "base/cursor.h"
#include "base/ident.h"
#include "ike/wire/msg.h"

struct ike_build {
	struct wr w;            /* over the caller's buffer, borrowed until the message is done */
	struct wr_mark msg_len; /* of the header */
	struct wr_mark pld_len; /* of the payload being written */
	bool pld_open;
	size_t next_at; /* where the type of the next payload goes */
	bool sealed;    /* an SK payload was begun */
	struct wr_mark sk_len;
	size_t sk_at;   /* offset of SK's (or SKF's) generic header */
	size_t text_at; /* offset of what is to be encrypted */
};

/* Writes the header: `next` and `length` of *hdr are ignored, major and minor too (2.0). */
void ike_build_begin(struct ike_build *b, uint8_t *buf, size_t cap, const struct ike_hdr *hdr);

/* Opens a payload of any type (closing the one before); its body is written to &b->w. */
void ike_build_payload(struct ike_build *b, uint8_t type);

void ike_build_sa(struct ike_build *b, const struct proposal_list *l);
/* One proposal alone: an answer, with its own number and SPI. */
void ike_build_sa_one(struct ike_build *b, const struct proposal *p);
void ike_build_ke(struct ike_build *b, uint16_t group, struct bytes value);
void ike_build_nonce(struct ike_build *b, struct bytes nonce);
/* type: IKE_PLD_IDI or IKE_PLD_IDR. */
void ike_build_id(struct ike_build *b, enum ike_payload_type type, const struct ident *id);
void ike_build_auth(struct ike_build *b, enum ike_auth_method method, struct bytes data);
/* A notification of the IKE SA: no protocol, no SPI. */
void ike_build_notify(struct ike_build *b, enum ike_notify_type type, struct bytes data);
/* One that says so: protocol 1, no SPI (RFC 6290 section 4.1). */
void ike_build_notify_ike(struct ike_build *b, enum ike_notify_type type, struct bytes data);
/* A notification about a Child SA (REKEY_SA, CHILD_SA_NOT_FOUND); `spi` as it goes on the wire. */
void ike_build_notify_spi(struct ike_build *b, enum ike_notify_type type, enum sa_proto proto,
    uint32_t spi, struct bytes data);
void ike_build_delete_ike(struct ike_build *b);
void ike_build_delete_esp(
    struct ike_build *b, const uint32_t *spis, size_t n); /* host order; n up to 16383 */
/* type: IKE_PLD_TSI or IKE_PLD_TSR. */
void ike_build_ts(struct ike_build *b, enum ike_payload_type type, const struct ts_list *l);
/* CP without attributes; those that follow at once go into it. Of addresses IPv6 ones get a prefix
 * length of 128: there is no link behind a tunnel. */
void ike_build_cp(struct ike_build *b, enum ike_cfg_type type);
void ike_build_cp_attr(struct ike_build *b, enum ike_cp_attr_type type, struct bytes value);
void ike_build_cp_addr(struct ike_build *b, const struct addr *a);
void ike_build_cp_dns(struct ike_build *b, const struct addr *a);
void ike_build_cp_subnet(struct ike_build *b, const struct prefix *p);
void ike_build_vendor(struct ike_build *b, struct bytes id);

/* The body of an ID payload after its generic header (type, three zero bytes, data): what the AUTH
 * payload covers. At most IDENT_MAX + 4 bytes; returns how many, 0 if `cap` is too small. */
size_t ike_build_id_body(uint8_t *dst, size_t cap, const struct ident *id);

/* Begins SK: its generic header and room for an IV of iv_len bytes. All further payloads go inside.
 */
void ike_build_sk(struct ike_build *b, size_t iv_len);
/* Begins SKF, fragment `number` of `total` (RFC 7383 section 2.5). Its content is written to &b->w;
 * `first` is the type of the first payload inside, IKE_PLD_NONE but in fragment 1. */
void ike_build_skf(
    struct ike_build *b, size_t iv_len, uint8_t first, uint16_t number, uint16_t total);
/* What stands in the SK payload so far, complete payloads; in the buffer. *first is the type of the
 * first. Empty also if anything did not fit. */
struct bytes ike_build_sk_content(struct ike_build *b, uint8_t *first);
/* Ends the SK payload for ike_sk_seal: pads what is inside to `block` (pad bytes, pad length),
 * leaves icv_len bytes, and fixes all lengths. False if anything did not fit. */
bool ike_build_sk_close(struct ike_build *b, size_t block, size_t icv_len);

/* Ends a plaintext message. The bytes lie in the caller's buffer; empty if anything did not fit. */
struct bytes ike_build_finish(struct ike_build *b);

#endif

/*
 * Proposals: RFC 7296 section 3.3, their text form (strongSwan's keywords) and the choice among
 * them.
 */
#ifndef BASE_PROPOSAL_H
#define BASE_PROPOSAL_H

#include "base/transform.h"

enum sa_proto {
	SA_IKE = 1,
	SA_AH = 2,
	SA_ESP = 3,
};

enum {
	PROPOSAL_TRANSFORMS = 32, /* in one proposal; a peer's further ones are ignored */
	PROPOSAL_MAX = 16,        /* proposals in one list */
	PROPOSAL_TEXT = 512,
};

struct proposal {
	uint8_t number; /* as on the wire, 1 up */
	uint8_t proto;  /* enum sa_proto */
	bool unknown;   /* has a transform type unknown to us: not to be chosen (section 3.3.6) */
	uint8_t spi_n;  /* 0, 4 or 8 */
	uint8_t spi[8];
	size_t n;
	struct transform t[PROPOSAL_TRANSFORMS];
};

struct proposal_list {
	size_t n;
	struct proposal v[PROPOSAL_MAX];
};

/* "aes256gcm16-prfsha384-x25519", "aes128-sha256-modp2048", "…-esn-noesn". IKE without a PRF
 * keyword takes the PRF of its integrity keywords; ESP without esn/noesn offers both, ESN first. On
 * failure returns false and writes a sentence to `why` (may be NULL with a capacity of 0):
 * "no key exchange: add one, for example x25519". */
bool proposal_parse(
    struct proposal *out, enum sa_proto proto, const char *text, char *why, size_t why_cap);

/* Appends what `default` stands for: the recommendations of RFC 8247 or RFC 8221, AEAD first, then
 * CBC with HMAC. Returns false when the list is full. */
bool proposal_default(struct proposal_list *list, enum sa_proto proto);

/* Back to keywords. Returns dst. */
const char *proposal_text(const struct proposal *p, char *dst, size_t cap);
const char *proposal_list_text(const struct proposal_list *l, char *dst, size_t cap);

/*
 * Chooses from `offered` by RFC 7296 section 2.7 and 3.3.6: a proposal fits when, for each type it
 * has, one of its transforms is allowed by one of ours, and each type of ours is met. Our order of
 * proposals and of transforms decides. `ke_wanted` is a hint: where KE is part of it, a proposal of
 * ours that allows that group is not preferred to an earlier one, but within the chosen one that
 * group wins if allowed (0: no hint). ESP: a proposal without KE fits `ignore_ke` choices (the
 * child of IKE_AUTH). Returns the index into offered->v, or -1.
 */
struct proposal_choice {
	const struct proposal_list *offered, *allowed;
	uint16_t ke_wanted;
	bool ignore_ke;
};
int proposal_choose(const struct proposal_choice *c, struct suite *out);

/* One offered proposal with exactly one transform per type: is it a subset of what we offered? Used
 * on a responder's answer (section 2.7). */
bool proposal_is_subset(const struct proposal *answer, const struct proposal_list *ours,
    bool ignore_ke, struct suite *out);

/* A wire-ready proposal of the suite's transforms. */
struct proposal proposal_from_suite(const struct suite *s, enum sa_proto proto, uint8_t number);
/* The first KE of the list; KE_NONE without one. */
uint16_t proposal_first_ke(const struct proposal_list *l);
bool proposal_has_ke(const struct proposal_list *l, uint16_t ke);

#endif

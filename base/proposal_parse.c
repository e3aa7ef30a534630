/*
 * Proposals and their text: words joined by dashes, as swanctl.conf writes them. What a proposal
 * must have: RFC 7296 section 3.3.3; no mixture of AEAD and other ciphers: RFC 7296 section 3.3.
 */
#include "base/keyword.h"
#include "base/proposal.h"
#include "base/text.h"

#include <string.h>

static bool is_aead(struct transform t)
{
	const struct transform_info *row = transform_find(t);
	return row != NULL && (row->flags & TRANSFORM_AEAD) != 0;
}

static size_t count(const struct proposal *p, uint8_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		n += p->t[i].type == type;
	}
	return n;
}

/* Naming an algorithm twice is no error and changes nothing. False when the proposal is full. */
static bool add(struct proposal *p, struct transform t)
{
	for (size_t i = 0; i < p->n; i++) {
		if (transform_equal(p->t[i], t)) {
			return true;
		}
	}
	if (p->n == PROPOSAL_TRANSFORMS) {
		return false;
	}
	p->t[p->n++] = t;
	return true;
}

static bool word_unknown(const char *word, size_t n, const char *lower, struct text *why)
{
	const char *nearest = keyword_nearest(lower);

	text_add(why, "unknown algorithm \"");
	text_add_escaped(why, bytes_of(word, n));
	text_add_char(why, '"');
	if (nearest) {
		text_addf(why, "; nearest is \"%s\"", nearest);
	} else {
		text_add(why, "; a proposal reads like \"aes256gcm16-prfsha384-x25519\" or "
			      "\"aes128-sha256-modp2048\"");
	}
	return false;
}

/* May this algorithm stand in a proposal of this protocol? */
static bool word_fits(
    const struct transform_info *row, enum sa_proto proto, const char *word, struct text *why)
{
	if (!row) { /* an additional key exchange that may be left out */
		return true;
	}
	if (proto == SA_IKE && (row->flags & TRANSFORM_IKE) == 0) {
		text_addf(why, "%s is for ESP, not for IKE: remove it", word);
		return false;
	}
	if (proto == SA_ESP && (row->flags & TRANSFORM_ESP) == 0) {
		text_addf(why,
		    "%s is for IKE, not for ESP (which has no PRF of its own): remove it", word);
		return false;
	}
	return true;
}

static bool word_add(struct proposal *p, const char *word, size_t n, struct text *why)
{
	char lower[KEYWORD_MAX];
	struct transform t;

	if (n == 0) {
		text_add(why, "an empty word between dashes: write for example "
			      "\"aes256gcm16-prfsha384-x25519\"");
		return false;
	}
	if (n >= sizeof(lower)) {
		return word_unknown(word, n < 64 ? n : 64, "", why);
	}
	for (size_t i = 0; i < n; i++) {
		lower[i] =
		    (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + ('a' - 'A') : word[i]);
	}
	lower[n] = '\0';
	if (strcmp(lower, "default") == 0) {
		text_add(why, "\"default\" is a proposal of its own: write it as a separate entry "
			      "of the list");
		return false;
	}
	switch (keyword_find(lower, &t)) {
	case KEYWORD_UNKNOWN: return word_unknown(word, n, lower, why);
	case KEYWORD_NOT_BUILT: text_addf(why, "%s is not supported yet", lower); return false;
	case KEYWORD_BUILT: break;
	}
	if (!word_fits(transform_find(t), (enum sa_proto)p->proto, lower, why)) {
		return false;
	}
	if (!add(p, t)) {
		text_addf(why, "more than %d algorithms in one proposal: split it in two",
		    PROPOSAL_TRANSFORMS);
		return false;
	}
	return true;
}

static bool words_add(struct proposal *p, const char *text, struct text *why)
{
	text += strspn(text, " \t");
	size_t end = strlen(text);
	while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t')) {
		end--;
	}
	if (end == 0) {
		text_add(why, "an empty proposal: write for example "
			      "\"aes256gcm16-prfsha384-x25519\" or \"default\"");
		return false;
	}
	if (memchr(text, ',', end)) {
		text_add(why,
		    "a comma in a proposal: write each proposal as a separate entry of the list");
		return false;
	}
	for (;;) {
		const char *dash = memchr(text, '-', end);
		size_t n = dash ? (size_t)(dash - text) : end;
		if (!word_add(p, text, n, why)) {
			return false;
		}
		if (!dash) {
			return true;
		}
		text += n + 1;
		end -= n + 1;
	}
}

/* "aes256-sha256-modp2048" means the PRF of the same hash. */
static bool prf_from_integ(struct proposal *p)
{
	static const struct {
		uint16_t integ, prf;
	} same_hash[] = {
	    {INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256},
	    {INTEG_HMAC_SHA2_384_192, PRF_HMAC_SHA2_384},
	    {INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_512},
	    {INTEG_AES_XCBC_96, PRF_AES128_XCBC},
	    {INTEG_AES_CMAC_96, PRF_AES128_CMAC},
	    {INTEG_HMAC_SHA1_96, PRF_HMAC_SHA1},
	    {INTEG_HMAC_MD5_96, PRF_HMAC_MD5},
	};
	size_t named = p->n;

	for (size_t i = 0; i < named; i++) {
		for (size_t j = 0; j < sizeof(same_hash) / sizeof(same_hash[0]); j++) {
			struct transform prf = {TRANSFORM_PRF, same_hash[j].prf, 0};
			if (p->t[i].type == TRANSFORM_INTEG && p->t[i].id == same_hash[j].integ &&
			    !add(p, prf)) {
				return false;
			}
		}
	}
	return true;
}

static void drop_integ(struct proposal *p, bool none_only)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		bool drop =
		    p->t[i].type == TRANSFORM_INTEG && (!none_only || p->t[i].id == INTEG_NONE);
		if (!drop) {
			p->t[kept++] = p->t[i];
		}
	}
	p->n = kept;
}

/* Fills in what the text leaves unsaid. */
static bool complete(struct proposal *p, bool aead, struct text *why)
{
	static const struct transform sns[] = {
	    {TRANSFORM_SN, SN_64BIT, 0}, {TRANSFORM_SN, SN_32BIT, 0}};
	bool fits = true;

	if (p->proto == SA_IKE && count(p, TRANSFORM_PRF) == 0) {
		fits = prf_from_integ(p);
	}
	/* With an AEAD a hash is there for its PRF only. */
	drop_integ(p, !aead);
	if (p->proto == SA_ESP && count(p, TRANSFORM_SN) == 0) {
		fits = add(p, sns[0]) && add(p, sns[1]);
	}
	if (!fits) {
		text_addf(why, "more than %d algorithms in one proposal: split it in two",
		    PROPOSAL_TRANSFORMS);
	}
	return fits;
}

static bool check_ciphers(const struct proposal *p, bool *aead, struct text *why)
{
	const struct transform *with = NULL, *without = NULL;

	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type == TRANSFORM_ENCR) {
			const struct transform **slot = is_aead(p->t[i]) ? &with : &without;
			*slot = *slot ? *slot : &p->t[i];
		}
	}
	if (!with && !without) {
		text_add(why, "no encryption algorithm: add one, for example aes256gcm16");
		return false;
	}
	if (with && without) {
		text_addf(why,
		    "%s (which has its own integrity) and %s in one proposal: write two proposals",
		    keyword_of(*with), keyword_of(*without));
		return false;
	}
	*aead = with != NULL;
	return true;
}

/* RFC 9370 section 2.2.1: all key exchanges of an SA differ. */
static bool check_additional(const struct proposal *p, struct text *why)
{
	const struct proposal_list one = {.n = 1, .v = {*p}};
	const struct proposal_choice pick = {.offered = &one, .allowed = &one};
	struct suite suite;
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		any = any || transform_is_addke(p->t[i]);
	}
	if (any && count(p, TRANSFORM_KE) == 0) {
		text_add(why, "an additional key exchange without a first one: add that too, for "
			      "example x25519");
		return false;
	}
	if (any && proposal_choose(&pick, &suite) < 0) {
		text_add(why,
		    "the same key exchange twice: additional ones (ke1_…) must differ from "
		    "each other and from the first");
		return false;
	}
	return true;
}

static bool check_parts(const struct proposal *p, bool aead, struct text *why)
{
	if (!aead && count(p, TRANSFORM_INTEG) == 0) {
		text_addf(why, "no integrity algorithm for %s: add one, for example sha256",
		    keyword_of(p->t[0]));
		return false;
	}
	if (p->proto == SA_IKE && count(p, TRANSFORM_PRF) == 0) {
		text_add(why, "no PRF: add one, for example prfsha256");
		return false;
	}
	if (p->proto == SA_IKE && count(p, TRANSFORM_KE) == 0) {
		text_add(why, "no key exchange: add one, for example x25519");
		return false;
	}
	return check_additional(p, why);
}

/* One order of types, so that equal proposals are equal structs. */
static void sort_types(struct proposal *p)
{
	static const uint8_t order[] = {TRANSFORM_ENCR, TRANSFORM_INTEG, TRANSFORM_PRF,
	    TRANSFORM_KE, TRANSFORM_ADDKE1, TRANSFORM_ADDKE1 + 1, TRANSFORM_ADDKE1 + 2,
	    TRANSFORM_ADDKE1 + 3, TRANSFORM_ADDKE1 + 4, TRANSFORM_ADDKE1 + 5, TRANSFORM_ADDKE7,
	    TRANSFORM_SN};
	struct proposal from = *p;

	p->n = 0;
	for (size_t k = 0; k < sizeof(order); k++) {
		for (size_t i = 0; i < from.n; i++) {
			if (from.t[i].type == order[k]) {
				p->t[p->n++] = from.t[i];
			}
		}
	}
}

bool proposal_parse(
    struct proposal *out, enum sa_proto proto, const char *text, char *why, size_t why_cap)
{
	struct text said = text_of(why, why_cap);
	struct proposal p = {.number = 1, .proto = (uint8_t)proto};
	bool aead = false;
	bool ok = false;

	if (proto != SA_IKE && proto != SA_ESP) {
		text_add(&said, "AH is not supported yet");
	} else if (words_add(&p, text, &said) && check_ciphers(&p, &aead, &said) &&
		   complete(&p, aead, &said)) {
		sort_types(&p);
		ok = check_parts(&p, aead, &said);
	}
	if (ok) {
		*out = p;
	}
	if (why_cap > 0) {
		text_end(&said);
	}
	return ok;
}

/* RFC 8247 sections 2.1 to 2.4, RFC 8221 sections 5 and 6: what is MUST or SHOULD there and what is
 * built, AEAD first. Some peers read the first 15 transforms of a type only. */
static const struct {
	enum sa_proto proto;
	const char *text;
} defaults[] = {
    /* Where both ends have ML-KEM, and know of additional key exchanges (RFC 9370). */
    {SA_IKE, "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-"
	     "x25519-ecp256-ecp384-ke1_mlkem768"},
    {SA_IKE, "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-"
	     "x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048"},
    {SA_IKE, "aes256-aes128-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-"
	     "x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048"},
    {SA_ESP, "aes256gcm16-aes128gcm16-chacha20poly1305-esn-noesn"},
    {SA_ESP, "aes256-aes128-sha256-sha384-sha512-esn-noesn"},
};

bool proposal_default(struct proposal_list *list, enum sa_proto proto)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (defaults[i].proto != proto) {
			continue;
		}
		if (list->n == PROPOSAL_MAX) {
			return false;
		}
		struct proposal *p = &list->v[list->n];
		if (!proposal_parse(p, proto, defaults[i].text, NULL, 0)) {
			return false;
		}
		p->number = (uint8_t)++list->n;
	}
	return true;
}

static void add_proposal(struct text *out, const struct proposal *p)
{
	char other[64];

	for (size_t i = 0; i < p->n; i++) {
		const char *word = keyword_of(p->t[i]);
		if (i > 0) {
			text_add_char(out, '-');
		}
		if (word && transform_is_addke(p->t[i])) {
			text_addf(out, "ke%u_", p->t[i].type - TRANSFORM_ADDKE1 + 1u);
		}
		text_add(out, word ? word : transform_text(p->t[i], other, sizeof(other)));
	}
}

const char *proposal_text(const struct proposal *p, char *dst, size_t cap)
{
	struct text out = text_of(dst, cap);
	add_proposal(&out, p);
	return text_end(&out);
}

const char *proposal_list_text(const struct proposal_list *l, char *dst, size_t cap)
{
	struct text out = text_of(dst, cap);

	for (size_t i = 0; i < l->n; i++) {
		if (i > 0) {
			text_add(&out, ", ");
		}
		add_proposal(&out, &l->v[i]);
	}
	return text_end(&out);
}

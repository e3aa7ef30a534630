/*
 * base/proposal.h: the text of proposals and the choice among them (RFC 7296
 * sections 2.7, 3.3, 3.3.6).
 */
#include "base/proposal.h"
#include "base/keyword.h"
#include "test/unit/rng.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const struct {
	enum sa_proto proto;
	const char *in, *out; /* out NULL: as it came in */
} good[] = {
    {SA_IKE, "aes256gcm16-prfsha384-x25519", NULL},
    {SA_IKE, "aes256gcm16-prfsha384-ecp384", NULL},
    {SA_IKE, "chacha20poly1305-prfsha256-x25519", NULL},
    {SA_IKE, "aes128-sha256-modp2048", "aes128-sha256-prfsha256-modp2048"},
    {SA_IKE, "aes-sha2_256-curve25519", "aes128-sha256-prfsha256-x25519"},
    {SA_IKE, "aes128-aes256-sha512-sha256-modp2048-ecp256",
	"aes128-aes256-sha512-sha256-prfsha512-prfsha256-modp2048-ecp256"},
    {SA_IKE, "aes128-sha256-prfsha512-modp2048", "aes128-sha256-prfsha512-modp2048"},
    {SA_IKE, "aes256gcm16-sha384-ecp384", "aes256gcm16-prfsha384-ecp384"},
    {SA_IKE, "aes256gcm16-sha256-prfsha384-ecp384", "aes256gcm16-prfsha384-ecp384"},
    {SA_IKE, "x25519-prfsha384-aes256gcm16", "aes256gcm16-prfsha384-x25519"},
    {SA_IKE, "AES256GCM16-PRFSHA384-X25519", "aes256gcm16-prfsha384-x25519"},
    {SA_IKE, "  aes256gcm16-prfsha384-x25519\t", "aes256gcm16-prfsha384-x25519"},
    {SA_IKE, "aes256gcm128-prfsha384-x25519-x25519", "aes256gcm16-prfsha384-x25519"},
    {SA_IKE, "aes192gcm-aes192gcm16-prfsha512-modp4096", "aes192gcm16-prfsha512-modp4096"},
    {SA_IKE, "aes256gcm16-none-prfsha256-x25519", "aes256gcm16-prfsha256-x25519"},
    {SA_IKE, "3des-sha1-modp1024", "3des-sha1-prfsha1-modp1024"},
    {SA_IKE, "des-md5-modp1536", "des-md5-prfmd5-modp1536"},
    {SA_IKE, "aes128-aesxcbc-ecp256bp", "aes128-aesxcbc-prfaesxcbc-ecp256bp"},
    {SA_IKE, "camellia256ctr-aescmac-curve448", "camellia256ctr-aescmac-prfaescmac-x448"},
    {SA_IKE, "aes128ccm8-prfaescmac-modp8192", NULL},
    {SA_IKE, "aes256gcm16-prfsha384-x25519-ke1_mlkem768", NULL},
    {SA_IKE, "ke7_modp2048-ke1_none-ke1_ecp384-x25519-prfsha384-aes256gcm16",
	"aes256gcm16-prfsha384-x25519-ke1_none-ke1_ecp384-ke7_modp2048"},
    {SA_IKE, "aes256gcm16-prfsha384-x25519-ecp256-ke1_x25519-ke1_none", NULL},
    {SA_ESP, "aes128gcm16-ke2_mlkem1024-noesn-x25519", "aes128gcm16-x25519-ke2_mlkem1024-noesn"},
    {SA_ESP, "aes128gcm16", "aes128gcm16-esn-noesn"},
    {SA_ESP, "aes128gcm16-x25519", "aes128gcm16-x25519-esn-noesn"},
    {SA_ESP, "aes128gcm16-noesn", NULL},
    {SA_ESP, "aes128gcm16-esn", NULL},
    {SA_ESP, "aes128gcm16-noesn-esn", NULL},
    {SA_ESP, "aes128-sha256", "aes128-sha256-esn-noesn"},
    {SA_ESP, "aes256gcm16-sha256-ecp384-noesn", "aes256gcm16-ecp384-noesn"},
    {SA_ESP, "null-sha256-noesn", NULL},
    {SA_ESP, "chacha20poly1305", "chacha20poly1305-esn-noesn"},
};

START_TEST(reads_and_prints)
{
	struct proposal p, back;
	char why[200], text[PROPOSAL_TEXT];

	ck_assert_msg(proposal_parse(&p, good[_i].proto, good[_i].in, why, sizeof(why)), "%s", why);
	ck_assert_str_eq(why, "");
	ck_assert_str_eq(
	    proposal_text(&p, text, sizeof(text)), good[_i].out ? good[_i].out : good[_i].in);
	ck_assert_int_eq(p.proto, (int)good[_i].proto);
	ck_assert_uint_eq(p.spi_n, 0);
	ck_assert(!p.unknown);
	ck_assert(proposal_parse(&back, good[_i].proto, text, NULL, 0));
	ck_assert_uint_eq(back.n, p.n);
	for (size_t i = 0; i < p.n; i++) {
		ck_assert(transform_equal(p.t[i], back.t[i]));
	}
}
END_TEST

#define TWICE                                                                                     \
	"the same key exchange twice: additional ones (ke1_…) must differ from each other and " \
	"from "                                                                                   \
	"the first"
#define EXAMPLES \
	"; a proposal reads like \"aes256gcm16-prfsha384-x25519\" or \"aes128-sha256-modp2048\""

static const struct {
	enum sa_proto proto;
	const char *in, *why;
} bad[] = {
    {SA_IKE, "aes257-sha256-modp2048", "unknown algorithm \"aes257\"; nearest is \"aes256\""},
    {SA_IKE, "aes256-sha256-modp2048!", "unknown algorithm \"modp2048!\"; nearest is \"modp2048\""},
    {SA_IKE, "Aes265-sha256-modp2048", "unknown algorithm \"Aes265\"; nearest is \"aes256\""},
    {SA_IKE, "qwertyuiop", "unknown algorithm \"qwertyuiop\"" EXAMPLES},
    {SA_IKE, "\"\x01-x", "unknown algorithm \"\\x22\\x01\"" EXAMPLES},
    {SA_IKE, "aes 256", "unknown algorithm \"aes 256\"; nearest is \"aes256\""},
    {SA_IKE, "123456789012345678901234567890123456789012345678901234567890123456789",
	"unknown algorithm "
	"\"1234567890123456789012345678901234567890123456789012345678901234\"" EXAMPLES},
    {SA_IKE, "aes128-sha1_160-modp2048", "sha1_160 is not supported yet"},
    {SA_IKE, "aes128-sha256-modp768", "modp768 is not supported yet"},
    {SA_IKE, "camellia256ccm16-prfsha256-x25519", "camellia256ccm16 is not supported yet"},
    {SA_IKE, "aes128gmac-prfsha256-x25519", "aes128gmac is for ESP, not for IKE: remove it"},
    {SA_IKE, "aes256gcm16iiv-prfsha256-x25519",
	"aes256gcm16iiv is for ESP, not for IKE: remove it"},
    {SA_IKE, "aes256gcm16-prfsha256-x25519-ke1_modpnone", "ke1_modpnone is not supported yet"},
    {SA_IKE, "aes256gcm16-prfsha256-x25519-ke1_x25519", TWICE},
    {SA_IKE, "aes256gcm16-prfsha256-x25519-ke1_ecp384-ke3_ecp384", TWICE},
    {SA_IKE, "aes256gcm16-prfsha256-ke1_x25519", "no key exchange: add one, for example x25519"},
    {SA_ESP, "aes256gcm16-x25519-ke1_x25519", TWICE},
    {SA_ESP, "aes256gcm16-ke1_x25519",
	"an additional key exchange without a first one: add that too, for example x25519"},
    {SA_IKE, "aes256gcm16-prfsha256-x25519-ke8_ecp384",
	"unknown algorithm \"ke8_ecp384\"; nearest is \"ecp384\""},
    {SA_ESP, "aes256-sha256-modpnone", "modpnone is not supported yet"},
    {SA_ESP, "aes256-sha256_96", "sha256_96 is not supported yet"},
    {SA_IKE, "aes256gcm16-prfsha384", "no key exchange: add one, for example x25519"},
    {SA_IKE, "aes256gcm16-x25519", "no PRF: add one, for example prfsha256"},
    {SA_IKE, "aes256gcm16-none-x25519", "no PRF: add one, for example prfsha256"},
    {SA_IKE, "aes256-prfsha256-x25519",
	"no integrity algorithm for aes256: add one, for example sha256"},
    {SA_ESP, "aes128", "no integrity algorithm for aes128: add one, for example sha256"},
    {SA_ESP, "aes128-none", "no integrity algorithm for aes128: add one, for example sha256"},
    {SA_ESP, "x25519-null", "no integrity algorithm for null: add one, for example sha256"},
    {SA_IKE, "sha256-modp2048", "no encryption algorithm: add one, for example aes256gcm16"},
    {SA_ESP, "esn", "no encryption algorithm: add one, for example aes256gcm16"},
    {SA_IKE, "aes256-aes128gcm16-sha256-x25519",
	"aes128gcm16 (which has its own integrity) and aes256 in one proposal: write two "
	"proposals"},
    {SA_ESP, "chacha20poly1305-null-sha256",
	"chacha20poly1305 (which has its own integrity) and null in one proposal: write two "
	"proposals"},
    {SA_ESP, "aes128gcm16-prfsha256",
	"prfsha256 is for IKE, not for ESP (which has no PRF of its own): remove it"},
    {SA_IKE, "aes256gcm16-prfsha256-x25519-esn", "esn is for ESP, not for IKE: remove it"},
    {SA_IKE, "null-sha256-x25519", "null is for ESP, not for IKE: remove it"},
    {SA_IKE, "aes256--x25519",
	"an empty word between dashes: write for example \"aes256gcm16-prfsha384-x25519\""},
    {SA_IKE, "-",
	"an empty word between dashes: write for example \"aes256gcm16-prfsha384-x25519\""},
    {SA_IKE, "aes256-sha256-x25519-",
	"an empty word between dashes: write for example \"aes256gcm16-prfsha384-x25519\""},
    {SA_IKE, "",
	"an empty proposal: write for example \"aes256gcm16-prfsha384-x25519\" or \"default\""},
    {SA_ESP, " \t ",
	"an empty proposal: write for example \"aes256gcm16-prfsha384-x25519\" or \"default\""},
    {SA_IKE, "aes256-sha256-x25519,aes128-sha256-x25519",
	"a comma in a proposal: write each proposal as a separate entry of the list"},
    {SA_IKE, "aes256-sha256-x25519-default",
	"\"default\" is a proposal of its own: write it as a separate entry of the list"},
    {SA_AH, "sha256", "AH is not supported yet"},
};

START_TEST(says_what_is_wrong)
{
	struct proposal p = {.n = 99};
	char why[300], small[12];

	ck_assert(!proposal_parse(&p, bad[_i].proto, bad[_i].in, why, sizeof(why)));
	ck_assert_str_eq(why, bad[_i].why);
	ck_assert_uint_eq(p.n, 99); /* untouched */
	ck_assert(!proposal_parse(&p, bad[_i].proto, bad[_i].in, NULL, 0));
	ck_assert(!proposal_parse(&p, bad[_i].proto, bad[_i].in, small, sizeof(small)));
	ck_assert_uint_lt(strlen(small), sizeof(small));
}
END_TEST

START_TEST(defaults)
{
	struct proposal_list l = {0};
	char text[2 * PROPOSAL_TEXT];

	ck_assert(proposal_default(&l, SA_IKE));
	ck_assert_str_eq(proposal_list_text(&l, text, sizeof(text)),
	    "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-"
	    "x25519-ecp256-ecp384-ke1_mlkem768, "
	    "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-"
	    "x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048, "
	    "aes256-aes128-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-"
	    "x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048");
	ck_assert_uint_eq(l.v[0].number, 1);
	ck_assert_uint_eq(l.v[1].number, 2);
	ck_assert_uint_eq(proposal_first_ke(&l), KE_CURVE25519);

	l.n = 0;
	ck_assert(proposal_default(&l, SA_ESP));
	ck_assert_str_eq(proposal_list_text(&l, text, sizeof(text)),
	    "aes256gcm16-aes128gcm16-chacha20poly1305-esn-noesn, "
	    "aes256-aes128-sha256-sha384-sha512-esn-noesn");
	ck_assert_uint_eq(proposal_first_ke(&l), KE_NONE);

	l.n = PROPOSAL_MAX - 1;
	ck_assert(!proposal_default(&l, SA_ESP));
	ck_assert_uint_le(l.n, PROPOSAL_MAX);
}
END_TEST

/* What is weak must be named: RFC 8247 section 2.4, RFC 8221 section 5. */
START_TEST(defaults_are_strong)
{
	struct proposal_list l = {0};

	ck_assert(proposal_default(&l, SA_IKE));
	ck_assert(proposal_default(&l, SA_ESP));
	ck_assert_uint_eq(l.n, 5);
	for (size_t i = 0; i < l.n; i++) {
		for (size_t k = 0; k < l.v[i].n; k++) {
			ck_assert_ptr_null(transform_weakness(l.v[i].t[k]));
			ck_assert(!(transform_find(l.v[i].t[k])->flags & TRANSFORM_WEAK));
		}
	}
}
END_TEST

START_TEST(a_full_proposal)
{
	struct proposal p = {.proto = SA_IKE};
	char text[32];

	for (uint16_t i = 0; i < PROPOSAL_TRANSFORMS; i++) {
		p.t[p.n++] = (struct transform){TRANSFORM_ENCR, (uint16_t)(1000 + i), 128};
	}
	ck_assert_str_eq(proposal_text(&p, text, sizeof(text)), "ENCR_1000_128-ENCR_1001_128-…");
	p.t[0] = (struct transform){TRANSFORM_ENCR, 3, 0};
	p.n = 1;
	ck_assert_str_eq(proposal_text(&p, text, sizeof(text)), "3des");
}
END_TEST

START_TEST(groups)
{
	struct proposal_list l = {.n = 2};

	ck_assert(proposal_parse(&l.v[0], SA_ESP, "aes128gcm16", NULL, 0));
	ck_assert(proposal_parse(&l.v[1], SA_ESP, "aes128gcm16-ecp384-x25519", NULL, 0));
	ck_assert_uint_eq(proposal_first_ke(&l), KE_ECP_384);
	ck_assert(proposal_has_ke(&l, KE_CURVE25519));
	ck_assert(!proposal_has_ke(&l, KE_MODP_2048));
	ck_assert(!proposal_has_ke(&l, KE_NONE));
}
END_TEST

/*
 * Lists are written as they stand on the wire: proposals divided by a blank, transforms by a dash.
 * Besides the words of proposals: "kenone", "unk" (a transform type that nobody knows), "encr9" (a
 * cipher that nobody knows), "gcmless" (AES-GCM without its Key Length).
 */
static void raw_word(struct proposal *p, const char *word)
{
	static const struct {
		const char *word;
		struct transform t;
	} odd[] = {
	    {"kenone", {TRANSFORM_KE, KE_NONE, 0}},
	    {"encr9", {TRANSFORM_ENCR, 999, 0}},
	    {"gcmless", {TRANSFORM_ENCR, ENCR_AES_GCM_16, 0}},
	};

	if (strcmp(word, "unk") == 0) {
		p->unknown = true;
		return;
	}
	for (int i = 0; i < COUNT(odd); i++) {
		if (strcmp(odd[i].word, word) == 0) {
			p->t[p->n++] = odd[i].t;
			return;
		}
	}
	const struct transform_info *row;
	for (size_t i = 0; (row = transform_row(i)) != NULL; i++) {
		if (strcmp(row->keyword, word) == 0) {
			p->t[p->n++] = row->t;
			return;
		}
	}
	ck_assert_msg(keyword_find(word, &p->t[p->n]) == KEYWORD_BUILT, "%s", word);
	p->n++;
}

static struct proposal_list raw_list(enum sa_proto proto, const char *text)
{
	struct proposal_list l = {0};
	char copy[512], *lists = NULL, *words = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = strtok_r(copy, " ", &lists); p; p = strtok_r(NULL, " ", &lists)) {
		struct proposal *to = &l.v[l.n++];
		to->proto = (uint8_t)proto;
		to->number = (uint8_t)l.n;
		for (char *w = strtok_r(p, "-", &words); w; w = strtok_r(NULL, "-", &words)) {
			raw_word(to, w);
		}
	}
	return l;
}

#define I SA_IKE
#define E SA_ESP
#define GX "aes256gcm16-prfsha384-x25519"
#define GCM_X "AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519"

static const struct {
	enum sa_proto proto;
	const char *offered, *ours;
	uint16_t ke_wanted;
	bool ignore_ke;
	int index;
	const char *suite;
} choices[] = {
    /* 0: the same on both sides; order and surplus on theirs */
    {I, "aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-x25519", 0, false, 0, GCM_X},
    {I, "aes128gcm16-aes256gcm16-encr9-prfsha256-prfsha384-ecp256-x25519",
	"aes256gcm16-prfsha384-x25519", 0, false, 0, GCM_X},
    {I, "aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-ecp384", 0, false, -1, ""},
    {I, "aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha256-x25519", 0, false, -1, ""},
    {I, "aes128gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "aes256gcm16-prfsha384-x25519", "", 0, false, -1, ""},
    /* 7: our order of transforms, of proposals */
    {I, "aes128gcm16-aes256gcm16-prfsha256-prfsha384-x25519-ecp384",
	"aes256gcm16-aes128gcm16-prfsha384-prfsha256-ecp384-x25519", 0, false, 0,
	"AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384"},
    {I, "aes128-sha256-prfsha256-x25519 aes256gcm16-prfsha384-x25519",
	"aes256gcm16-prfsha384-x25519 aes128-sha256-prfsha256-x25519", 0, false, 1, GCM_X},
    {I, "aes128-sha256-prfsha256-x25519 aes256gcm16-prfsha384-x25519",
	"aes128-sha256-prfsha256-x25519 aes256gcm16-prfsha384-x25519", 0, false, 0,
	"AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE25519"},
    /* 10: one suite per proposal of theirs, all within one of ours: our order still decides */
    {I, "aes128gcm16-prfsha384-x25519 aes256gcm16-prfsha384-x25519",
	"aes256gcm16-aes128gcm16-prfsha384-x25519", 0, false, 1, GCM_X},
    {I, "aes256gcm16-prfsha384-x25519 aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-x25519",
	0, false, 0, GCM_X},
    /* 12: the group that came with the offer */
    {I, "aes256gcm16-prfsha384-ecp256-x25519", "aes256gcm16-prfsha384-ecp256-x25519", KE_CURVE25519,
	false, 0, GCM_X},
    {I, "aes256gcm16-prfsha384-ecp256-x25519", "aes256gcm16-prfsha384-x25519", KE_ECP_256, false, 0,
	GCM_X},
    {I, "aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-ecp256-x25519", KE_ECP_256, false, 0,
	GCM_X},
    {I, "aes256gcm16-prfsha384-ecp256 aes256gcm16-prfsha384-x25519",
	"aes256gcm16-prfsha384-ecp256-x25519", KE_CURVE25519, false, 1, GCM_X},
    {I, "aes128gcm16-prfsha384-ecp256 aes256gcm16-prfsha384-x25519",
	"aes256gcm16-aes128gcm16-prfsha384-ecp256-x25519", KE_ECP_256, false, 1, GCM_X},
    {I, "aes256gcm16-prfsha384-ecp256-x25519",
	"aes256gcm16-prfsha384-x25519 aes256gcm16-prfsha384-ecp256", KE_ECP_256, false, 0, GCM_X},
    /* 18: what is missing or too much */
    {I, "aes256gcm16-prfsha384", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "aes256gcm16-prfsha384-kenone", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "aes256gcm16-prfsha384-kenone-x25519", "aes256gcm16-prfsha384-x25519", 0, false, 0, GCM_X},
    {I, "aes256gcm16-x25519", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "prfsha384-x25519", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "aes128-prfsha256-x25519", "aes128-sha256-prfsha256-x25519", 0, false, -1, ""},
    {I, "aes128-none-prfsha256-x25519", "aes128-sha256-prfsha256-x25519", 0, false, -1, ""},
    {I, "aes128-none-prfsha256-x25519", "aes128-none-prfsha256-x25519", 0, false, -1, ""},
    {I, "aes128-none-sha256-prfsha256-x25519", "aes128-sha256-prfsha256-x25519", 0, false, 0,
	"AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE25519"},
    {I, "aes256gcm16-none-prfsha384-x25519", "aes256gcm16-prfsha384-x25519", 0, false, 0, GCM_X},
    {I, "aes256gcm16-sha256-prfsha384-x25519", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "aes256gcm16-prfsha384-x25519-esn", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "aes256gcm16-prfsha384-x25519-unk", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "aes256gcm16-prfsha384-x25519-unk aes256gcm16-prfsha384-x25519",
	"aes256gcm16-prfsha384-x25519", 0, false, 1, GCM_X},
    {I, "gcmless-prfsha384-x25519", "aes256gcm16-prfsha384-x25519", 0, false, -1, ""},
    {I, "gcmless-aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-x25519", 0, false, 0, GCM_X},
    /* 34: ESP: sequence numbers */
    {E, "aes128gcm16-esn-noesn", "aes128gcm16-esn-noesn", 0, false, 0, "AES_GCM_16_128/ESN"},
    {E, "aes128gcm16-noesn-esn", "aes128gcm16-noesn-esn", 0, false, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-noesn", "aes128gcm16-esn-noesn", 0, false, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-noesn", "aes128gcm16-esn", 0, false, -1, ""},
    {E, "aes128gcm16", "aes128gcm16-esn-noesn", 0, false, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16", "aes128gcm16-esn", 0, false, -1, ""},
    {E, "aes128gcm16 aes128gcm16-esn", "aes128gcm16-esn-noesn", 0, false, 1, "AES_GCM_16_128/ESN"},
    /* 41: ESP: key exchange */
    {E, "aes128gcm16-x25519-noesn", "aes128gcm16-x25519-noesn", 0, false, 0,
	"AES_GCM_16_128/CURVE25519"},
    {E, "aes128gcm16-x25519-noesn", "aes128gcm16-noesn", 0, false, -1, ""},
    {E, "aes128gcm16-noesn", "aes128gcm16-x25519-noesn", 0, false, -1, ""},
    {E, "aes128gcm16-kenone-noesn", "aes128gcm16-noesn", 0, false, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-kenone-x25519-noesn", "aes128gcm16-noesn", 0, false, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-noesn", "aes128gcm16-kenone-x25519-noesn", 0, false, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-noesn", "aes128gcm16-x25519-noesn aes128gcm16-noesn", 0, false, 0,
	"AES_GCM_16_128"},
    {E, "aes128gcm16-x25519-noesn", "aes128gcm16-noesn", 0, true, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-noesn", "aes128gcm16-x25519-noesn", 0, true, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-ecp256-noesn", "aes128gcm16-x25519-noesn", 0, true, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-x25519-noesn", "aes128gcm16-x25519-noesn", KE_CURVE25519, true, 0,
	"AES_GCM_16_128"},
    /* 52: ESP: integrity */
    {E, "aes128-sha256-noesn", "aes128-sha256-noesn", 0, false, 0, "AES_CBC_128/HMAC_SHA2_256_128"},
    {E, "null-sha256-noesn", "null-sha256-noesn", 0, false, 0, "NULL/HMAC_SHA2_256_128"},
    {E, "null-none-noesn", "null-none-noesn", 0, false, -1, ""},
    {E, "aes128-noesn", "aes128-noesn", 0, false, -1, ""},
    {E, "sha256-noesn", "sha256-noesn", 0, false, -1, ""},
    {E, "aes128gcm16-prfsha256-noesn", "aes128gcm16-noesn", 0, false, -1, ""},
    /* 58: additional key exchanges: who offers one insists on it, unless NONE is offered too */
    {I, GX "-ke1_ecp384", GX "-ke1_ecp384", 0, false, 0, GCM_X "/KE1_ECP_384"},
    {I, GX "-ke1_ecp384", GX, 0, false, -1, ""},
    {I, GX, GX "-ke1_ecp384", 0, false, -1, ""},
    {I, GX "-ke1_ecp384", GX "-ke2_ecp384", 0, false, -1, ""},
    {I, GX "-ke1_ecp384-ke1_none", GX, 0, false, 0, GCM_X},
    {I, GX, GX "-ke1_none-ke1_ecp384", 0, false, 0, GCM_X},
    {I, GX "-ke1_none", GX "-ke1_ecp384", 0, false, -1, ""},
    {I, GX "-ke1_none-ke1_ecp384", GX "-ke1_none-ke1_ecp384", 0, false, 0, GCM_X "/KE1_ECP_384"},
    {I, GX "-ke1_ecp384-ke1_ecp521-ke1_modp2048", GX "-ke1_modp2048-ke1_ecp521", 0, false, 0,
	GCM_X "/KE1_MODP_2048"},
    {I, GX "-ke1_ecp384 " GX, GX, 0, false, 1, GCM_X},
    {I, GX "-ke1_ecp384 " GX, GX " " GX "-ke1_ecp384", 0, false, 1, GCM_X},
    {I, GX " " GX "-ke1_ecp384", GX "-ke1_ecp384 " GX, 0, false, 1, GCM_X "/KE1_ECP_384"},
    {I, GX "-ke2_ecp384-ke5_modp2048", GX "-ke5_modp2048-ke2_ecp384-ke7_none", 0, false, 0,
	GCM_X "/KE2_ECP_384/KE5_MODP_2048"},
    /* 71: none of them twice, whatever must give way */
    {I, GX "-ke1_ecp384-ke2_ecp384", GX "-ke1_ecp384-ke2_ecp384", 0, false, -1, ""},
    {I, GX "-ke1_ecp384-ke2_ecp384-ke2_none", GX "-ke1_ecp384-ke2_ecp384-ke2_none", 0, false, 0,
	GCM_X "/KE1_ECP_384"},
    {I, GX "-ke1_ecp384-ke1_ecp521-ke2_ecp384", GX "-ke1_ecp384-ke1_ecp521-ke2_ecp384", 0, false, 0,
	GCM_X "/KE1_ECP_521/KE2_ECP_384"},
    {I, GX "-ecp256-ke1_x25519", GX "-ecp256-ke1_x25519", KE_CURVE25519, false, 0,
	"AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_256/KE1_CURVE25519"},
    {I, GX "-ke1_ecp256-ke1_ecp384-ke2_ecp256-ke2_ecp384-ke3_ecp256",
	GX "-ke1_ecp256-ke1_ecp384-ke2_ecp256-ke2_ecp384-ke3_ecp256", 0, false, -1, ""},
    /* 76: ESP */
    {E, "aes128gcm16-x25519-ke1_ecp384-noesn", "aes128gcm16-x25519-ke1_ecp384-noesn", 0, false, 0,
	"AES_GCM_16_128/CURVE25519/KE1_ECP_384"},
    {E, "aes128gcm16-x25519-ke1_ecp384-noesn", "aes128gcm16-noesn", 0, true, 0, "AES_GCM_16_128"},
    {E, "aes128gcm16-kenone-x25519-ke1_none-ke1_ecp384-noesn",
	"aes128gcm16-kenone-ke1_none-ke1_ecp384-noesn", 0, false, 0, "AES_GCM_16_128"},
};

START_TEST(choice)
{
	REQ("7296-3.3-7", "7296-3.3.5-5", "7296-2.7-3", "7296-2.18-2");
	struct proposal_list offered = raw_list(choices[_i].proto, choices[_i].offered);
	struct proposal_list ours = raw_list(choices[_i].proto, choices[_i].ours);
	struct proposal_choice c = {&offered, &ours, choices[_i].ke_wanted, choices[_i].ignore_ke};
	struct suite s = {0}, again = {0};
	char text[SUITE_TEXT];
	int index = proposal_choose(&c, &s);

	ck_assert_int_eq(index, choices[_i].index);
	ck_assert_str_eq(suite_text(&s, text, sizeof(text)), choices[_i].suite);
	if (index < 0) {
		return;
	}
	if (choices[_i].ignore_ke) {
		ck_assert_uint_eq(s.ke.type, 0);
	}
	/* What we answer, the peer takes as a part of its offer. */
	struct proposal answer =
	    proposal_from_suite(&s, choices[_i].proto, offered.v[index].number);
	ck_assert_int_eq(answer.number, index + 1);
	ck_assert(proposal_is_subset(&answer, &offered, choices[_i].ignore_ke, &again));
	ck_assert(transform_equal(s.encr, again.encr));
	ck_assert_str_eq(suite_text(&again, text, sizeof(text)), choices[_i].suite);
}
END_TEST

START_TEST(protocols_do_not_mix)
{
	struct proposal_list ike = raw_list(SA_IKE, "aes128gcm16-prfsha256-x25519"), esp = ike;
	struct proposal_choice c = {&esp, &ike, 0, false};
	struct suite s;

	esp.v[0].proto = SA_ESP;
	ck_assert_int_eq(proposal_choose(&c, &s), -1);
	ck_assert(!proposal_is_subset(&esp.v[0], &ike, false, &s));
}
END_TEST

static const struct {
	enum sa_proto proto;
	const char *answer, *ours;
	bool ignore_ke;
	bool ok;
} answers[] = {
    {I, "aes128gcm16-prfsha256-x25519", "aes256gcm16-aes128gcm16-prfsha256-prfsha384-x25519", false,
	true},
    {I, "aes128gcm16-none-prfsha256-x25519", "aes128gcm16-prfsha256-x25519", false, true},
    {I, "aes256gcm16-aes128gcm16-prfsha256-x25519", "aes256gcm16-aes128gcm16-prfsha256-x25519",
	false, false},
    {I, "aes128gcm16-aes128gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-x25519", false, false},
    {I, "aes128gcm16-prfsha256-x25519-ecp256", "aes128gcm16-prfsha256-x25519-ecp256", false, false},
    {I, "aes128gcm16-prfsha256-x25519-kenone", "aes128gcm16-prfsha256-x25519", false, false},
    {I, "aes192gcm16-prfsha256-x25519", "aes256gcm16-aes128gcm16-prfsha256-x25519", false, false},
    {I, "aes128gcm16-x25519", "aes128gcm16-prfsha256-x25519", false, false},
    {I, "aes128gcm16-prfsha256", "aes128gcm16-prfsha256-x25519", false, false},
    {I, "aes128gcm16-prfsha256-x25519-unk", "aes128gcm16-prfsha256-x25519", false, false},
    /* 10: parts of two of ours, put together */
    {I, "aes128gcm16-prfsha512-x25519", "aes128gcm16-prfsha256-x25519 aes256gcm16-prfsha512-x25519",
	false, false},
    {I, "aes256gcm16-prfsha512-x25519", "aes128gcm16-prfsha256-x25519 aes256gcm16-prfsha512-x25519",
	false, true},
    {I, "", "aes128gcm16-prfsha256-x25519", false, false},
    {E, "aes128gcm16-esn", "aes128gcm16-esn-noesn", false, true},
    {E, "aes128gcm16", "aes128gcm16-esn-noesn", false, true},
    {E, "aes128gcm16", "aes128gcm16-esn", false, false},
    {E, "aes128gcm16-esn-noesn", "aes128gcm16-esn-noesn", false, false},
    {E, "aes128gcm16-noesn", "aes128gcm16-x25519-noesn", false, false},
    {E, "aes128gcm16-noesn", "aes128gcm16-x25519-noesn", true, true},
    {E, "aes128gcm16-x25519-noesn", "aes128gcm16-noesn", false, false},
    {E, "null-noesn", "null-sha256-noesn", false, false},
    /* 21: RFC 9370 section 2.2.1 */
    {I, GX "-ke1_ecp384", GX "-ke1_ecp384-ke1_ecp521", false, true},
    {I, GX, GX "-ke1_ecp384", false, false},
    {I, GX, GX "-ke1_ecp384-ke1_none", false, true},
    {I, GX "-ke1_none", GX "-ke1_ecp384-ke1_none", false, true},
    {I, GX "-ke1_none", GX "-ke1_ecp384", false, false},
    {I, GX "-ke1_ecp384", GX, false, false},
    {I, GX "-ke1_ecp384-ke2_ecp384", GX "-ke1_ecp384-ke1_ecp521-ke2_ecp384-ke2_ecp521", false,
	false},
    {I, "aes256gcm16-prfsha384-ecp384-ke1_ecp384", GX "-ecp384-ke1_ecp384-ke1_x25519", false,
	false},
};

START_TEST(answer)
{
	struct proposal_list got = raw_list(answers[_i].proto, answers[_i].answer);
	struct proposal_list ours = raw_list(answers[_i].proto, answers[_i].ours);
	struct suite s = {0};

	got.v[0].proto = (uint8_t)answers[_i].proto;
	ck_assert(
	    proposal_is_subset(&got.v[0], &ours, answers[_i].ignore_ke, &s) == answers[_i].ok);
	ck_assert((s.encr.type != 0) == answers[_i].ok);
}
END_TEST

/* A random part of the words, in random order, never more than a proposal holds. */
static struct proposal_list random_list(struct rng *r, enum sa_proto proto)
{
	struct proposal_list l = {.n = rng_below(r, 4)};

	for (size_t k = 0; k < l.n; k++) {
		struct proposal *p = &l.v[k];
		p->proto = (uint8_t)proto;
		p->number = (uint8_t)(k + 1);
		p->unknown = rng_below(r, 16) == 0;
		for (uint32_t n = rng_below(r, PROPOSAL_TRANSFORMS + 1); n > 0; n--) {
			const struct transform_info *row = transform_row(rng_below(r, 24));
			p->t[p->n++] = row->t;
		}
	}
	return l;
}

static bool in(const struct proposal *p, struct transform t)
{
	for (size_t i = 0; i < p->n; i++) {
		if (transform_equal(p->t[i], t)) {
			return true;
		}
	}
	return t.type == 0;
}

START_TEST(random_choices_are_sound)
{
	struct rng r = {0xc401ce};
	int found = 0;

	for (int round = 0; round < 20000; round++) {
		enum sa_proto proto = rng_below(&r, 2) ? SA_IKE : SA_ESP;
		struct proposal_list offered = random_list(&r, proto),
				     ours = random_list(&r, proto);
		struct proposal_choice c = {
		    &offered, &ours, (uint16_t)rng_below(&r, 32), rng_below(&r, 2)};
		struct suite s, again;
		int index = proposal_choose(&c, &s);
		if (index < 0) {
			continue;
		}
		found++;
		const struct proposal *p = &offered.v[index];
		bool aead = (transform_find(s.encr)->flags & TRANSFORM_AEAD) != 0;
		ck_assert(!p->unknown);
		ck_assert(
		    in(p, s.encr) && in(p, s.prf) && in(p, s.integ) && in(p, s.ke) && in(p, s.sn));
		ck_assert(s.encr.type == TRANSFORM_ENCR);
		ck_assert(aead || s.integ.id != INTEG_NONE);
		ck_assert(proto == SA_ESP || s.prf.type == TRANSFORM_PRF);
		ck_assert(proto == SA_ESP || c.ignore_ke || s.ke.type == TRANSFORM_KE);
		struct proposal a = proposal_from_suite(&s, proto, 1);
		ck_assert(proposal_is_subset(&a, &ours, c.ignore_ke, &again));
		ck_assert(proposal_is_subset(&a, &offered, c.ignore_ke, &again));
	}
	ck_assert_int_gt(found, 1000);
}
END_TEST

START_TEST(random_text_never_crashes)
{
	struct rng r = {0xc401cf};
	static const char *const words[] = {"aes256gcm16", "aes128", "sha256", "prfsha384",
	    "x25519", "esn", "none", "null", "3des", "", "-", "ke1_", "\xff", "default",
	    "chacha20poly1305", "x", "modp2048 ",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	for (int round = 0; round < 50000; round++) {
		char text[512] = "", why[64], out[PROPOSAL_TEXT];
		struct proposal p, back;
		for (uint32_t n = rng_below(&r, 6); n > 0; n--) {
			strcat(text, words[rng_below(&r, COUNT(words))]);
			strcat(text, n > 1 ? "-" : "");
		}
		bool ok = proposal_parse(&p, SA_IKE + 2 * rng_below(&r, 2), text, why, sizeof(why));
		ck_assert(ok == (why[0] == '\0'));
		if (ok) {
			proposal_text(&p, out, sizeof(out));
			ck_assert(proposal_parse(&back, (enum sa_proto)p.proto, out, NULL, 0));
			ck_assert_uint_eq(back.n, p.n);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("proposal");
	TCase *c = tcase_create("proposal");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, reads_and_prints, 0, COUNT(good));
	tcase_add_loop_test(c, says_what_is_wrong, 0, COUNT(bad));
	tcase_add_test(c, defaults);
	tcase_add_test(c, defaults_are_strong);
	tcase_add_test(c, a_full_proposal);
	tcase_add_test(c, groups);
	tcase_add_loop_test(c, choice, 0, COUNT(choices));
	tcase_add_test(c, protocols_do_not_mix);
	tcase_add_loop_test(c, answer, 0, COUNT(answers));
	tcase_add_test(c, random_choices_are_sound);
	tcase_add_test(c, random_text_never_crashes);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

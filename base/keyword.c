/*
 * The words of proposals. The transform table names what is built; the tables here add further
 * spellings of the same, and the algorithms that are real but not built, so that a proposal that
 * names one is told so and a peer's proposal can be shown in words.
 */
#include "base/keyword.h"

#include <string.h>

#define ENCR TRANSFORM_ENCR
#define PRF TRANSFORM_PRF
#define INTEG TRANSFORM_INTEG
#define KE TRANSFORM_KE

static const struct {
	const char *word, *keyword;
} aliases[] = {
    {"aes", "aes128"},
    {"aes128gcm", "aes128gcm16"},
    {"aes192gcm", "aes192gcm16"},
    {"aes256gcm", "aes256gcm16"},
    {"aes128gcm128", "aes128gcm16"},
    {"aes192gcm128", "aes192gcm16"},
    {"aes256gcm128", "aes256gcm16"},
    {"aes128gcm64", "aes128gcm8"},
    {"aes128gcm96", "aes128gcm12"},
    {"aes192gcm64", "aes192gcm8"},
    {"aes192gcm96", "aes192gcm12"},
    {"aes256gcm64", "aes256gcm8"},
    {"aes256gcm96", "aes256gcm12"},
    {"aes128ccm", "aes128ccm16"},
    {"aes128ccm64", "aes128ccm8"},
    {"aes128ccm96", "aes128ccm12"},
    {"aes128ccm128", "aes128ccm16"},
    {"aes192ccm", "aes192ccm16"},
    {"aes192ccm64", "aes192ccm8"},
    {"aes192ccm96", "aes192ccm12"},
    {"aes192ccm128", "aes192ccm16"},
    {"aes256ccm", "aes256ccm16"},
    {"aes256ccm64", "aes256ccm8"},
    {"aes256ccm96", "aes256ccm12"},
    {"aes256ccm128", "aes256ccm16"},
    {"camellia", "camellia128"},
    {"sha", "sha1"},
    {"sha2_256", "sha256"},
    {"sha2_384", "sha384"},
    {"sha2_512", "sha512"},
    {"curve25519", "x25519"},
    {"curve448", "x448"},
};

/* Numbers of the IANA registry "IKEv2 Parameters"; type 0 where it has none. A word stands before
 * its aliases: the first that fits a transform is the one that is shown. */
/* clang-format off */
static const struct {
	const char *word;
	struct transform t;
} not_built[] = {
	{"idea",             {ENCR, 5, 0}},     {"cast128",          {ENCR, 6, 128}},
	{"blowfish128",      {ENCR, 7, 128}},   {"blowfish192",      {ENCR, 7, 192}},
	{"blowfish256",      {ENCR, 7, 256}},   {"blowfish",         {ENCR, 7, 128}},
	{"camellia128ccm8",  {ENCR, 25, 128}},  {"camellia192ccm8",  {ENCR, 25, 192}},
	{"camellia256ccm8",  {ENCR, 25, 256}},  {"camellia128ccm12", {ENCR, 26, 128}},
	{"camellia192ccm12", {ENCR, 26, 192}},  {"camellia256ccm12", {ENCR, 26, 256}},
	{"camellia128ccm16", {ENCR, 27, 128}},  {"camellia192ccm16", {ENCR, 27, 192}},
	{"camellia256ccm16", {ENCR, 27, 256}},  {"serpent128",       {0, 0, 0}},
	{"serpent192",       {0, 0, 0}},        {"serpent256",       {0, 0, 0}},
	{"serpent",          {0, 0, 0}},        {"twofish128",       {0, 0, 0}},
	{"twofish192",       {0, 0, 0}},        {"twofish256",       {0, 0, 0}},
	{"twofish",          {0, 0, 0}},

	{"prfcamelliaxcbc",  {0, 0, 0}},

	{"md5_128",          {INTEG, 6, 0}},    {"sha1_160",         {INTEG, 7, 0}},
	{"camelliaxcbc",     {0, 0, 0}},        {"sha256_96",        {0, 0, 0}},
	{"sha2_256_96",      {0, 0, 0}},

	{"modpnone",         {KE, 0, 0}},       {"modp768",          {KE, 1, 0}},
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct transform_info *row_of(const char *keyword)
{
	const struct transform_info *row;

	for (size_t i = 0; (row = transform_row(i)) != NULL; i++) {
		if (strcmp(row->keyword, keyword) == 0) {
			return row;
		}
	}
	return NULL;
}

static bool is_not_built(const char *word)
{
	for (size_t i = 0; i < COUNT(not_built); i++) {
		if (strcmp(not_built[i].word, word) == 0) {
			return true;
		}
	}
	return false;
}

/* "ke1_" to "ke7_": an additional key exchange, RFC 9370. Returns what follows, or NULL. */
static const char *after_additional(const char *word)
{
	bool fits =
	    strncmp(word, "ke", 2) == 0 && word[2] >= '1' && word[2] <= '7' && word[3] == '_';
	return fits ? word + 4 : NULL;
}

static enum keyword_kind find_plain(const char *word, struct transform *t)
{
	for (size_t i = 0; i < COUNT(aliases); i++) {
		if (strcmp(aliases[i].word, word) == 0) {
			word = aliases[i].keyword;
			break;
		}
	}
	const struct transform_info *row = row_of(word);
	if (row) {
		*t = row->t;
		return KEYWORD_BUILT;
	}
	return is_not_built(word) ? KEYWORD_NOT_BUILT : KEYWORD_UNKNOWN;
}

enum keyword_kind keyword_find(const char *word, struct transform *t)
{
	const char *inner = after_additional(word);
	struct transform ke = {.type = KE};
	enum keyword_kind kind = KEYWORD_BUILT;

	if (!inner) {
		return find_plain(word, t);
	}
	if (strcmp(inner, "none") != 0) {
		kind = find_plain(inner, &ke);
	}
	if (kind == KEYWORD_BUILT && ke.type != KE) {
		return KEYWORD_UNKNOWN;
	}
	if (kind == KEYWORD_BUILT) {
		*t = ke;
		t->type = (uint8_t)(TRANSFORM_ADDKE1 + (word[2] - '1'));
	}
	return kind;
}

const char *keyword_of(struct transform t)
{
	const struct transform_info *row = transform_find(t);

	if (row) {
		return row->keyword;
	}
	if (transform_is_addke(t)) {
		if (t.id == KE_NONE) {
			return "none";
		}
		t.type = KE;
	}
	for (size_t i = 0; t.type != 0 && i < COUNT(not_built); i++) {
		if (transform_equal(not_built[i].t, t)) {
			return not_built[i].word;
		}
	}
	return NULL;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make b of a. Both are shorter
 * than KEYWORD_MAX. */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][KEYWORD_MAX];
	size_t *before = row[0], *prev = row[1], *cur = row[2];
	size_t na = strlen(a), nb = strlen(b);

	for (size_t j = 0; j <= nb; j++) {
		cur[j] = j;
	}
	for (size_t i = 1; i <= na; i++) {
		size_t *spare = before;
		before = prev;
		prev = cur;
		cur = spare;
		cur[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			cur[j] = least(
			    least(prev[j], cur[j - 1]) + 1, prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				cur[j] = least(cur[j], before[j - 2] + 1);
			}
		}
	}
	return cur[nb];
}

const char *keyword_nearest(const char *word)
{
	const char *best = NULL;
	size_t n = strlen(word), limit = n / 3 + 1;
	const struct transform_info *row;

	for (size_t i = 0; n < KEYWORD_MAX && (row = transform_row(i)) != NULL; i++) {
		size_t d = distance(word, row->keyword);
		if (d < limit || (d == limit && best == NULL)) {
			best = row->keyword;
			limit = d;
		}
	}
	return best;
}

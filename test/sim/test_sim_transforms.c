/*
 * Every transform of the table: an IKE SA is made with it, gets new keys from either end, and its
 * child does; for ESP a child has it. What is weak is taken when both ends name it, and by nobody
 * else. Implicit IVs (RFC 8750 sections 5 and 6) are negotiated like all others.
 */
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 128, TEN_MINUTES = 600 * 1000 };

/* The i-th row for this use, so that the loops of the framework can count them. */
static const struct transform_info *row_for(enum transform_flags use, int i)
{
	const struct transform_info *row = NULL;

	for (size_t k = 0; (row = transform_row(k)) != NULL; k++) {
		bool counts = row->flags & use && row->t.type != TRANSFORM_SN &&
			      !(row->t.type == TRANSFORM_INTEG && row->t.id == INTEG_NONE) &&
			      !(use == TRANSFORM_ESP && row->t.type == TRANSFORM_KE) &&
			      !(row->t.type == TRANSFORM_KE && !ike_can(NULL, row->t)); /* ML-KEM */
		if (counts && i-- == 0)
			return row;
	}
	return NULL;
}

static int rows_for(enum transform_flags use)
{
	int n = 0;

	while (n < ROWS_MAX && row_for(use, n))
		n++;
	return n;
}

static void ike_words(const struct transform_info *row, char *dst, size_t cap)
{
	bool aead = row->flags & TRANSFORM_AEAD;

	switch ((enum transform_type)row->t.type) {
	case TRANSFORM_ENCR:
		snprintf(
		    dst, cap, "\"%s%s-prfsha256-x25519\"", row->keyword, aead ? "" : "-sha256");
		break;
	case TRANSFORM_PRF: snprintf(dst, cap, "\"aes128-sha256-%s-x25519\"", row->keyword); break;
	case TRANSFORM_INTEG:
		snprintf(dst, cap, "\"aes128-%s-prfsha256-x25519\"", row->keyword);
		break;
	case TRANSFORM_KE: snprintf(dst, cap, "\"aes128gcm16-prfsha256-%s\"", row->keyword); break;
	case TRANSFORM_SN: ck_abort();
	}
}

static struct transform part_of(const struct suite *s, uint8_t type)
{
	const struct transform parts[] = {s->encr, s->prf, s->integ, s->ke};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i].type == type)
			return parts[i];
	return (struct transform){0};
}

static void call(struct scenario *s, uint64_t seed, const char *proposals, const char *esp)
{
	static char left[256], right[256];

	snprintf(left, sizeof left,
	    SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"",
		"rekey_time = 0; esp_proposals = [\"%s\"];"),
	    esp);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"",
		"rekey_time = 0; esp_proposals = [\"%s\"];"),
	    esp);
	struct scenario_side l = {.proposals = proposals, .children = left},
			     r = {.proposals = proposals, .children = right};
	scenario_init(s, seed, &l, &r, NULL);
	scenario_connect(s);
}

/* Nobody's keys may be of another suite than the one that was named. */
static void used(struct scenario *s, const struct transform_info *row)
{
	struct sim_host *hosts[] = {s->left, s->right};

	scenario_expect_up(s, 1);
	for (size_t i = 0; i < 2; i++) {
		const struct suite *now = &hosts[i]->keys[hosts[i]->keys_n - 1].suite;
		ck_assert_msg(transform_equal(part_of(now, row->t.type), row->t), "%s", row->name);
	}
}

START_TEST(every_ike_transform)
{
	REQ("7296-3.3.3-1");
	const struct transform_info *row = row_for(TRANSFORM_IKE, _i);
	struct scenario s;
	char words[128], esp[64] = "aes128gcm16";

	ike_words(row, words, sizeof words);
	if (row->t.type == TRANSFORM_KE)
		snprintf(esp, sizeof esp, "aes128gcm16-%s", row->keyword);
	call(&s, 7000 + (uint64_t)_i, words, esp);
	used(&s, row);
	size_t ikes = s.left->keys_n;

	for (int from_right = 0; from_right < 2; from_right++) {
		struct sim_host *asks = from_right ? s.right : s.left;
		ck_assert_int_eq(sim_rekey(asks, "link", NULL, true), IKE_OK);
		scenario_traffic(&s, 3000);
		used(&s, row);
		ck_assert_uint_eq(s.left->keys_n, ++ikes);
		ck_assert_int_eq(sim_rekey(asks, "link", "lan", false), IKE_OK);
		scenario_traffic(&s, 3000);
		used(&s, row);
		if (row->t.type == TRANSFORM_KE) /* a group of the child's own, too */
			ck_assert(
			    transform_equal(sim_child_named(s.right, "lan")->sa.suite.ke, row->t));
	}
	ck_assert_uint_eq(s.left->rekeyed, 4);
	ck_assert_uint_eq(s.left->rekey_fails + s.right->rekey_fails, 0);
	scenario_fini(&s);
}
END_TEST

START_TEST(every_esp_transform)
{
	REQ("7296-3.3.3-1");
	const struct transform_info *row = row_for(TRANSFORM_ESP, _i);
	bool aead = row->flags & TRANSFORM_AEAD;
	struct scenario s;
	char esp[64];

	snprintf(esp, sizeof esp, "%s%s", row->t.type == TRANSFORM_INTEG ? "aes128-" : row->keyword,
	    row->t.type == TRANSFORM_INTEG ? row->keyword
	    : aead                         ? ""
					   : "-sha256");
	call(&s, 7200 + (uint64_t)_i, "\"aes128gcm16-prfsha256-x25519\"", esp);
	for (int rekeyed = 0; rekeyed < 2; rekeyed++) {
		scenario_expect_up(&s, 1);
		struct sim_child *c = sim_child_named(s.right, "lan");
		ck_assert_msg(
		    transform_equal(part_of(&c->sa.suite, row->t.type), row->t), "%s", row->name);
		if (row->t.type == TRANSFORM_ENCR) {
			ck_assert_uint_eq(c->sa.encr_in.n, row->key_len);
			ck_assert_uint_eq(c->sa.integ_in.n, aead ? 0 : 32);
		} else {
			ck_assert_uint_eq(c->sa.integ_out.n, row->key_len);
		}
		ck_assert_int_eq(sim_rekey(s.left, "link", "lan", false), IKE_OK);
		scenario_traffic(&s, 3000);
	}
	ck_assert_uint_eq(s.left->rekeyed, 2);
	scenario_fini(&s);
}
END_TEST

static const struct {
	const char *left, *right; /* NULL: "default" */
	bool up;
} named[] = {
    {"\"3des-sha1-modp1024\"", NULL, false},
    {NULL, "\"3des-sha1-modp1024\"", false},
    {"\"aes128-sha1-modp2048\"", NULL, false},
    {"\"aes128-md5-prfsha256-modp2048\"", NULL, false},
    {"\"aes128gcm16-prfsha1-x25519\"", NULL, false},
    {"\"aes128gcm16-prfsha256-modp1024\"", NULL, false},
    {"\"aes128gcm16-prfsha256-modp1536\"", NULL, false},
    {"\"des-sha256-x25519\"", NULL, false},
    {"\"3des-sha1-modp1024\"", "\"default\", \"3des-sha1-modp1024\"", true},
    {"\"default\", \"3des-sha1-modp1024\"", "\"3des-sha1-modp1024\"", true},
    {"\"des-md5-modp1536\"", "\"des-md5-modp1536\"", true},
};

/* INTERFACE of proposals: "default" never means anything weak. */
START_TEST(weak_only_when_named)
{
	struct scenario s;
	struct scenario_side l = {.proposals = named[_i].left ? named[_i].left : "\"default\""};
	struct scenario_side r = {.proposals = named[_i].right ? named[_i].right : "\"default\""};

	scenario_init(&s, 7400 + (uint64_t)_i, &l, &r, NULL);
	scenario_connect(&s);
	if (named[_i].up) {
		scenario_expect_up(&s, 1);
	} else {
		sim_run_for(&s.sim, TEN_MINUTES); /* a refusal without keys may be anybody's */
		ck_assert_uint_eq(sim_ike_established(s.left), 0);
		ck_assert_uint_eq(s.left->child_ups, 0);
		ck_assert_int_eq(s.left->down_reason.err, IKE_ENOPROPOSAL);
	}
	scenario_fini(&s);
}
END_TEST

static const struct {
	const char *left, *right;
	uint16_t encr; /* 0: no child */
} implicit[] = {
    /* RFC 8750 section 5: the same with an explicit IV besides, for peers without. */
    {"aes128gcm16iiv-aes128gcm16", "aes128gcm16iiv-aes128gcm16", ENCR_AES_GCM_16_IIV},
    {"aes128gcm16iiv-aes128gcm16", "aes128gcm16", ENCR_AES_GCM_16},
    {"aes128gcm16", "aes128gcm16iiv-aes128gcm16", ENCR_AES_GCM_16},
    {"chacha20poly1305iiv-chacha20poly1305", "chacha20poly1305iiv", ENCR_CHACHA20_POLY1305_IIV},
    {"aes256ccm8iiv", "aes256ccm8iiv", ENCR_AES_CCM_8_IIV},
    {"aes128gcm16iiv", "aes128gcm16", 0},
};

START_TEST(implicit_ivs)
{
	char left[256], right[256];
	struct scenario s;

	snprintf(left, sizeof left,
	    SCENARIO_CHILD(
		"lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "esp_proposals = [\"%s\"];"),
	    implicit[_i].left);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD(
		"lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "esp_proposals = [\"%s\"];"),
	    implicit[_i].right);
	struct scenario_side l = {.children = left}, r = {.children = right};
	scenario_init(&s, 7500 + (uint64_t)_i, &l, &r, NULL);
	scenario_connect(&s);
	ck_assert_uint_eq(sim_children_up(s.left), implicit[_i].encr != 0);
	if (implicit[_i].encr)
		ck_assert_uint_eq(
		    sim_child_named(s.left, "lan")->sa.suite.encr.id, implicit[_i].encr);
	else
		ck_assert_int_eq(s.left->child_reason.err, IKE_ENOPROPOSAL);
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_transforms");
	TCase *t = tcase_create("transforms");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_ike_transform, 0, rows_for(TRANSFORM_IKE));
	tcase_add_loop_test(t, every_esp_transform, 0, rows_for(TRANSFORM_ESP));
	tcase_add_loop_test(t, weak_only_when_named, 0, (int)(sizeof named / sizeof named[0]));
	tcase_add_loop_test(t, implicit_ivs, 0, (int)(sizeof implicit / sizeof implicit[0]));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

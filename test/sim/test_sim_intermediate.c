/*
 * Additional key exchanges before IKE_AUTH (RFC 9242, RFC 9370 section 2.2) between whole engines:
 * what is agreed on, loss, fragments, peers that leave something out or change it.
 */
#include "ike/child.h"
#include "test/sim/evil.h"
#include "test/sim/pieces.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN "\"aes256gcm16-prfsha384-x25519\""
#define ONE "\"aes256gcm16-prfsha384-x25519-ke1_ecp384\""
#define TWO "\"aes256gcm16-prfsha384-x25519-ke1_ecp384-ke2_modp2048\""
#define LARGE "\"aes256gcm16-prfsha384-x25519-ke1_modp4096\""
#define KEM "\"aes256gcm16-prfsha384-x25519-ke1_mlkem768\""

enum { INIT = 34, AUTH = 35, INTERMEDIATE = 43 };

static void pair_with(uint64_t seed, const char *left, const char *right)
{
	struct scenario_side l = {.proposals = left}, r = {.proposals = right};

	records_n = 0;
	mtu_left = mtu_right = lost_mask = 0;
	scenario_init(&duo, seed, &l, &r, NULL);
	duo.sim.tap = watch;
}

static unsigned exchanges(uint8_t exchange)
{
	unsigned n = 0;

	for (size_t i = 0; i < records_n; i++)
		n += records[i].data[18] == exchange;
	return n;
}

struct seen {
	char suite[SUITE_TEXT];
	ike_ext_set extensions;
};

static void look(void *arg, const struct ike_sa_info *sa)
{
	struct seen *v = arg;

	v->extensions = sa->extensions;
	suite_text(&sa->suite, v->suite, sizeof v->suite);
}

static void expect_suite(const struct sim_host *h, const char *suite, bool extension)
{
	struct seen v = {{0}, 0};

	ike_engine_each(h->engine, look, &v);
	ck_assert_str_eq(v.suite, suite);
	ck_assert(ike_ext_has(v.extensions, IKE_EXT_INTERMEDIATE) == extension);
}

/* ---- What is agreed on ---- */

#define SUITE "AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519"

static const struct {
	const char *left, *right, *suite;
	unsigned n;
	bool announced;
} agreements[] = {
    {ONE, ONE, SUITE "/KE1_ECP_384", 1, true},
    {TWO, TWO, SUITE "/KE1_ECP_384/KE2_MODP_2048", 2, true},
    {"\"aes256-sha256-prfsha512-ecp256-ke2_x25519-ke7_ecp521\"",
	"\"aes256-sha256-prfsha512-ecp256-ke2_x25519-ke7_ecp521\"",
	"AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_512/ECP_256/KE2_CURVE25519/KE7_ECP_521", 2,
	true},
    {"\"aes256gcm16-prfsha384-x25519-ke1_ecp256-ke2_ecp384-ke3_ecp521-ke4_modp2048-ke5_modp3072-"
     "ke6_modp4096\"",
	"\"aes256gcm16-prfsha384-x25519-ke1_ecp256-ke2_ecp384-ke3_ecp521-ke4_modp2048-ke5_modp3072-"
	"ke6_modp4096-ke7_none\"",
	SUITE "/KE1_ECP_256/KE2_ECP_384/KE3_ECP_521/KE4_MODP_2048/KE5_MODP_3072/KE6_MODP_4096", 6,
	true},
    {"\"chacha20poly1305-prfsha256-x25519-ke1_ecp384-ke1_none\"",
	"\"chacha20poly1305-prfsha256-x25519\"", "CHACHA20_POLY1305/PRF_HMAC_SHA2_256/CURVE25519",
	0, true},
    /* Only one of both has them: the next proposal. */
    {ONE ", " PLAIN, PLAIN, SUITE, 0, true},
    {PLAIN, ONE ", " PLAIN, SUITE, 0, false},
    {PLAIN, "\"aes256gcm16-prfsha384-x25519-ke1_ecp384-ke1_none\"", SUITE, 0, false},
};

START_TEST(agrees)
{
	REQ("9242-3.2-1", "9242-3.2-2", "9242-3.2-4", "9242-3.2-7");
	pair_with(100 + (uint64_t)_i, agreements[_i].left, agreements[_i].right);
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(exchanges(INTERMEDIATE), 2 * agreements[_i].n);
	ck_assert_uint_eq(exchanges(AUTH), 2);
	expect_suite(duo.left, agreements[_i].suite, agreements[_i].announced);
	expect_suite(duo.right, agreements[_i].suite, agreements[_i].announced);
	/* Each exchange made new keys, and the message IDs count on. */
	ck_assert_uint_eq(duo.left->keys_n, 1 + agreements[_i].n);
	ck_assert_uint_eq(be32_load(records[records_n - 1].data + 20), 1 + agreements[_i].n);
	for (size_t i = 1; i < duo.left->keys_n; i++)
		ck_assert(!secret_equal(secret_bytes(&duo.left->keys[i].sk_ei),
		    secret_bytes(&duo.left->keys[i - 1].sk_ei)));
	sim_run_for(&duo.sim, 60000); /* liveness */
	ck_assert_int_eq(sim_rekey(_i % 2 ? duo.left : duo.right, "link", NULL, true), IKE_OK);
	sim_run_for(&duo.sim, 10000);
	ck_assert_uint_eq(duo.left->rekeyed, 1);
	scenario_expect_up(&duo, 1);
	sim_down(duo.left, "link", NULL);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	scenario_fini(&duo);
}
END_TEST

START_TEST(nothing_in_common)
{
	pair_with(120, _i ? PLAIN : ONE, _i ? ONE : PLAIN);
	scenario_connect(&duo);
	sim_run_for(&duo.sim, TEN_MINUTES);
	ck_assert_int_eq(duo.left->down_reason.err, IKE_ENOPROPOSAL);
	scenario_expect_gone(&duo);
	scenario_fini(&duo);
}
END_TEST

/* Where OpenSSL has it: the hybrid of draft-ietf-ipsecme-ikev2-mlkem; in fragments. Where it has it
 * not, the proposal is not offered. */
START_TEST(with_a_kem)
{
	const struct transform t = {TRANSFORM_KE, KE_MLKEM_768, 0};

	pair_with(130, KEM ", " PLAIN, KEM ", " PLAIN);
	bool can = ike_can(duo.sim.rand.libctx, t);
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	expect_suite(duo.left, can ? SUITE "/KE1_ML_KEM_768" : SUITE, can);
	ck_assert_uint_eq(exchanges(INTERMEDIATE), can ? 4 - 1 : 0);
	scenario_fini(&duo);
}
END_TEST

/* `default` begins with the hybrid, and without ML-KEM it is what it was before. */
START_TEST(by_default)
{
	const struct transform t = {TRANSFORM_KE, KE_MLKEM_768, 0};

	pair_with(131, "\"default\"", _i ? PLAIN : "\"default\"");
	bool can = ike_can(duo.sim.rand.libctx, t);
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	expect_suite(duo.left, can && !_i ? SUITE "/KE1_ML_KEM_768" : SUITE, can);
	scenario_fini(&duo);
}
END_TEST

/* For a child: what this OpenSSL lacks is not offered, and not chosen. */
START_TEST(child_without)
{
	static char kid[2][400];
	struct scenario_side l = {.children = kid[0]}, r = {.children = kid[1]};
	const struct transform t = {TRANSFORM_KE, KE_MLKEM_768, 0};
	char text[SUITE_TEXT];

	for (int i = 0; i < 2; i++)
		snprintf(kid[i], sizeof kid[i],
		    SCENARIO_CHILD("lan", "\"10.%d.0.0/16\"", "\"10.%d.0.0/16\"",
			"esp_proposals = [\"aes128gcm16-x25519-ke1_mlkem768-esn\", "
			"\"aes128gcm16-ecp256-esn\"];"),
		    1 + i, 2 - i);
	scenario_init(&duo, 132, &l, &r, NULL);
	bool can = ike_can(duo.sim.rand.libctx, t);
	scenario_connect(&duo);
	ck_assert_int_eq(sim_rekey(duo.left, "link", "lan", false), IKE_OK);
	scenario_traffic(&duo, 5000);
	scenario_expect_up(&duo, 1);
	suite_text(&duo.left->engine->first->children->suite, text, sizeof text);
	ck_assert_str_eq(text,
	    can ? "AES_GCM_16_128/CURVE25519/KE1_ML_KEM_768/ESN" : "AES_GCM_16_128/ECP_256/ESN");
	scenario_fini(&duo);
}
END_TEST

/* ---- A bad network ---- */

START_TEST(each_datagram_lost)
{
	pair_with(200 + (uint64_t)_i, TWO, TWO);
	lost_mask = UINT64_C(1) << _i;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, 20000);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(duo.left->ike_downs + duo.right->ike_downs, 0);
	scenario_fini(&duo);
}
END_TEST

START_TEST(lossy)
{
	static char small[] = "fragment_size = 300;";
	struct scenario_side l = {.proposals = TWO, .top = _i % 2 ? small : NULL};

	scenario_init(&duo, 300 + (uint64_t)_i, &l, &l, NULL);
	duo.sim.loss_permille = 150;
	duo.sim.dup_permille = 200;
	duo.sim.jitter_ms = 50;
	for (int i = 0; i < 20 && !sim_children_up(duo.left); i++) {
		sim_up(duo.left, "link", NULL, duo.right);
		sim_run_for(&duo.sim, 120000);
	}
	duo.sim.loss_permille = 0;
	sim_run_for(&duo.sim, TEN_MINUTES);
	ck_assert_uint_ge(sim_children_up(duo.left), 1);
	ck_assert(sim_mirrored(duo.left, duo.right));
	scenario_fini(&duo);
}
END_TEST

/* A path that drops large packets: cut smaller, with the keys of before the exchange; IntAuth is of
 * the whole message, however it came. */
START_TEST(cut_smaller_on_the_way)
{
	REQ("9242-3.3.2-1", "9242-3.3.2-2");
	pair_with(400 + (uint64_t)_i, LARGE, LARGE);
	mtu_left = _i & 1 ? 600 : 0;
	mtu_right = _i & 2 ? 600 : 0;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, 120000);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(duo.left->ike_downs + duo.right->ike_downs, 0);
	ck_assert((count_skf(0, true) > 0) == (_i > 0));
	ck_assert((count_skf(0, false) > 0) == (_i > 0));
	scenario_fini(&duo);
}
END_TEST

/* ---- Peers that change something ---- */

/* The datagram that carries the n-th IKE_INTERMEDIATE message, 0 the first request. */
static void with_evil(uint64_t seed, struct evil *e)
{
	pair_with(seed, TWO, TWO);
	duo.sim.tap = evil_tap;
	duo.sim.tap_arg = e;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, TEN_MINUTES);
	ck_assert(e->sealed && e->done);
}

/* Another payload inside, which nobody minds but IntAuth: whoever heard it does not get the AUTH
 * value that it expects. */
START_TEST(intauth_covers_it)
{
	REQ("9242-3.2-3");
	struct evil e = {.number = 2 + (uint64_t)_i, .kind = EVIL_UNKNOWN};

	with_evil(500 + (uint64_t)_i, &e);
	scenario_expect_gone(&duo);
	/* The responder hears the initiator's AUTH first, and it covers both. */
	ck_assert_int_eq(duo.right->down_reason.err, IKE_EAUTH);
	ck_assert_int_ne(duo.left->down_reason.err, IKE_OK);
	ck_assert_uint_eq(duo.left->ike_ups + duo.right->ike_ups, 0);
	scenario_fini(&duo);
}
END_TEST

/* Bit 0 of the group, group 20 becomes 21; and a value that is cut. */
START_TEST(wrong_exchange)
{
	struct evil e = {.number = 2 + (uint64_t)(_i / 2),
	    .kind = _i % 2 ? EVIL_TRUNCATE : EVIL_DAMAGE,
	    .arg = _i % 2 ? 40 : 8};

	with_evil(510 + (uint64_t)_i, &e);
	scenario_expect_gone(&duo);
	const struct sim_host *hears = e.number % 2 ? duo.left : duo.right;
	ck_assert_int_eq(hears->down_reason.err, _i % 2 ? IKE_EKEVALUE : IKE_ESYNTAX);
	if (!(_i % 2))
		scenario_expect_words(hears->down_reason.text, "the peer is at fault");
	if (hears == duo.right)
		scenario_expect_words(duo.left->down_reason.text, "INVALID_SYNTAX");
	scenario_fini(&duo);
}
END_TEST

/* One that goes on to IKE_AUTH. */
START_TEST(skips_an_exchange)
{
	pair_with(520 + (uint64_t)_i, TWO, TWO);
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	if (_i)
		sim_run_for(&duo.sim, 25); /* IKE_SA_INIT is over */
	if (_i)
		duo.left->engine->first->suite.addke[1] = (struct transform){0};
	else
		duo.left->engine->first->setup->addke_at = ADDKE_MAX;
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	ck_assert_int_eq(duo.right->down_reason.err, IKE_EAUTH);
	scenario_expect_words(duo.right->down_reason.text,
	    _i ? "went on to IKE_AUTH without the additional key exchange KE2_MODP_2048"
	       : "went on to IKE_AUTH without the additional key exchange KE1_ECP_384");
	scenario_expect_words(duo.left->down_reason.text, "AUTHENTICATION_FAILED");
	scenario_fini(&duo);
}
END_TEST

/* One too many. */
START_TEST(one_exchange_too_many)
{
	REQ("9242-5-1");
	pair_with(530, ONE, ONE);
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, 25); /* IKE_SA_INIT is over */
	struct ike_sa *sa = duo.left->engine->first;
	ck_assert_int_eq(sa->phase, IKE_PHASE_INTER_I);
	sa->suite.addke[1] = (struct transform){TRANSFORM_ADDKE1 + 1, KE_ECP_521, 0};
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	ck_assert_int_eq(duo.right->down_reason.err, IKE_ESYNTAX);
	scenario_expect_words(
	    duo.right->down_reason.text, "where no additional key exchange is due");
	scenario_fini(&duo);
}
END_TEST

/* Somebody on the way takes the announcement out of one message: the weaker proposal may be chosen,
 * but AUTH covers both messages. */
static int strip_from;

static bool strip(struct sim *s, struct sim_wire *w)
{
	static const uint8_t n[] = {0, 8, 0, 0, 0x40, 0x36};
	uint8_t *at = memmem(w->data, w->n, n, sizeof n);

	(void)s;
	if (w->data[18] == INIT && at && (w->number % 2 == 0) == (strip_from == 0))
		at[5] = 0xff; /* a status that nobody knows */
	return true;
}

START_TEST(downgrade)
{
	pair_with(540 + (uint64_t)_i, ONE ", " PLAIN, ONE ", " PLAIN);
	strip_from = _i;
	duo.sim.tap = strip;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	ck_assert_uint_eq(duo.left->ike_ups + duo.right->ike_ups, 0);
	if (_i)
		scenario_expect_words(duo.left->down_reason.text, "IKE_INTERMEDIATE");
	else
		ck_assert_int_eq(duo.right->down_reason.err, IKE_EAUTH);
	scenario_fini(&duo);
}
END_TEST

/* A notification with data, an IKE_INTERMEDIATE with another number, one without protection. */
static unsigned stage;
static bool answered;

static bool odd(struct sim *s, struct sim_wire *w)
{
	static const uint8_t n[] = {0, 8, 0, 0, 0x40, 0x36};
	uint8_t *at = memmem(w->data, w->n, n, sizeof n);

	(void)s;
	answered = answered || (w->number == 1 && at);
	if (stage == 0 && w->number == 0 && at) {
		size_t end = (size_t)(at + 6 - w->data);
		memmove(at + 6 + 2, at + 6, w->n - end);
		memcpy(at + 6, "xy", 2);
		at[1] = 10;
		w->n += 2;
		be32_store(w->data + 24, (uint32_t)w->n);
	}
	if (stage == 1 && w->data[18] == INTERMEDIATE)
		be32_store(w->data + 20, 2);
	if (stage == 2 && w->data[18] == INTERMEDIATE)
		w->data[16] = 34; /* as if KE stood there in the clear */
	return true;
}

START_TEST(odd_messages)
{
	REQ("9242-3.1-1", "9242-3.2-5", "9242-3.2-6");
	pair_with(545 + (uint64_t)_i, ONE, ONE);
	stage = (unsigned)_i;
	answered = false;
	duo.sim.tap = odd;
	scenario_connect(&duo);
	ck_assert(answered);
	ck_assert_uint_eq(duo.left->ike_ups + duo.right->ike_ups, 0);
	if (_i > 0) /* dropped: it still waits for a sound one */
		ck_assert_int_eq(duo.left->engine->first->phase, IKE_PHASE_INTER_I);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	scenario_fini(&duo);
}
END_TEST

/* The wrong key on one side is still found out, and nothing else. */
START_TEST(wrong_psk)
{
	struct scenario_side l = {.proposals = TWO, .psk = "one"}, r = {.proposals = TWO};

	records_n = 0;
	scenario_init(&duo, 550, &l, &r, NULL);
	scenario_connect(&duo);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	ck_assert_int_eq(duo.right->down_reason.err, IKE_EAUTH);
	scenario_fini(&duo);
}
END_TEST

/* A peer that stops between two exchanges: nothing of it stays. */
START_TEST(peer_goes_silent)
{
	pair_with(560 + (uint64_t)_i, TWO, TWO);
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	sim_run_for(&duo.sim, 25 + 20u * (unsigned)(_i / 2));
	(_i % 2 ? duo.left : duo.right)->gone = true;
	sim_run_for(&duo.sim, 10 * TEN_MINUTES);
	ck_assert_uint_eq(sim_ike_sas(_i % 2 ? duo.right : duo.left), 0);
	scenario_fini(&duo);
}
END_TEST

static void add(Suite *s, const char *name, const TTest *fn, int n)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, fn, 0, n);
	suite_add_tcase(s, tc);
}

int main(void)
{
	Suite *s = suite_create("sim_intermediate");
	SRunner *sr = srunner_create(s);

	add(s, "agrees", agrees, (int)(sizeof agreements / sizeof agreements[0]));
	add(s, "nothing in common", nothing_in_common, 2);
	add(s, "with a KEM", with_a_kem, 1);
	add(s, "by default", by_default, 2);
	add(s, "child without", child_without, 1);
	add(s, "each datagram lost", each_datagram_lost, 8);
	add(s, "lossy", lossy, 20);
	add(s, "cut smaller on the way", cut_smaller_on_the_way, 4);
	add(s, "IntAuth covers it", intauth_covers_it, 4);
	add(s, "wrong exchange", wrong_exchange, 8);
	add(s, "skips an exchange", skips_an_exchange, 2);
	add(s, "one exchange too many", one_exchange_too_many, 1);
	add(s, "downgrade", downgrade, 2);
	add(s, "odd messages", odd_messages, 3);
	add(s, "wrong PSK", wrong_psk, 1);
	add(s, "peer goes silent", peer_goes_silent, 4);
	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

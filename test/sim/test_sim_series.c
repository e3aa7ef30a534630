/*
 * IKE_FOLLOWUP_KE (RFC 9370 section 2.2.4) between whole engines: new keys and further children
 * with additional key exchanges, under loss, both at once, with peers that forget, stop, or err.
 */
#include "ike/rekey.h"
#include "ike/series.h"
#include "ike/task/task.h"
#include "test/sim/evil.h"
#include "test/sim/pieces.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IKE_ONE "\"aes256gcm16-prfsha384-x25519-ke1_ecp256\""
#define IKE_TWO "\"aes256gcm16-prfsha384-x25519-ke1_ecp256-ke3_ecp384\""
#define ESP_ONE "esp_proposals = [\"aes128gcm16-x25519-ke1_ecp256-esn\"];"
#define ESP_TWO "esp_proposals = [\"aes128gcm16-x25519-ke2_ecp256-ke7_ecp384-esn\"];"

enum { CREATE_CHILD = 36, FOLLOWUP = 44, A_MINUTE = 60 * 1000 };

static void pair(uint64_t seed, const char *ike, const char *child, const char *more)
{
	static char left[1024], right[1024];
	struct scenario_side l = {.proposals = ike, .children = left};
	struct scenario_side r = {.proposals = ike, .children = right};

	snprintf(left, sizeof left,
	    SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "%s") "%s", child, more);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "%s") "%s", child, more);
	records_n = 0;
	mtu_left = mtu_right = lost_mask = 0;
	scenario_init(&duo, seed, &l, &r, NULL);
	duo.sim.tap = watch;
	ck_assert_int_eq(sim_up(duo.left, "link", "lan", duo.right), IKE_OK);
	sim_run_for(&duo.sim, 5000);
	scenario_expect_up(&duo, 1);
	records_n = 0;
}

static unsigned exchanges(uint8_t exchange)
{
	unsigned n = 0;

	for (size_t i = 0; i < records_n; i++)
		n += records[i].data[18] == exchange;
	return n;
}

static void expect_suites(const struct sim_host *h, const char *ike, const char *child)
{
	const struct ike_sa *sa = h->engine->first;
	char text[SUITE_TEXT];

	while (sa && sa->phase != IKE_PHASE_UP)
		sa = sa->next;
	ck_assert_ptr_nonnull(sa);
	ck_assert_str_eq(suite_text(&sa->suite, text, sizeof text), ike);
	if (child)
		ck_assert_str_eq(suite_text(&sa->children->suite, text, sizeof text), child);
}

static void expect_nothing_half(const struct sim_host *h)
{
	for (const struct ike_sa *sa = h->engine->first; sa; sa = sa->next) {
		ck_assert_ptr_null(sa->series);
		ck_assert(sa->phase != IKE_PHASE_HEIR);
		for (const struct ike_child *c = sa->children; c; c = c->next)
			ck_assert_int_eq(c->state, IKE_CHILD_INSTALLED);
	}
}

static void ends_well(unsigned children)
{
	sim_run_for(&duo.sim, TEN_MINUTES);
	ck_assert_uint_eq(duo.left->ike_downs + duo.right->ike_downs, 0);
	scenario_expect_up(&duo, children);
	expect_nothing_half(duo.left);
	expect_nothing_half(duo.right);
	sim_down(duo.right, "link", NULL);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_gone(&duo);
	ck_assert_uint_eq(duo.left->engine->sas_n + duo.right->engine->sas_n, 0);
	scenario_fini(&duo);
}

/* ---- What they are for ---- */

START_TEST(child_by_command)
{
	bool two = _i & 2;

	pair(100 + (uint64_t)_i, IKE_ONE, two ? ESP_TWO : ESP_ONE, "");
	struct sim_host *asks = _i & 1 ? duo.right : duo.left;
	uint32_t before = sim_sends_with(asks, "lan");
	struct bytes key = secret_bytes(&sim_child_named(asks, "lan")->sa.encr_out);
	uint8_t old[64];
	memcpy(old, key.p, key.n);
	ck_assert_int_eq(sim_rekey(asks, "link", "lan", false), IKE_OK);
	scenario_traffic(&duo, 5000);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_ne(sim_sends_with(asks, "lan"), before);
	ck_assert_mem_ne(sim_child_named(asks, "lan")->sa.encr_out.p, old, key.n);
	ck_assert_uint_eq(exchanges(CREATE_CHILD), 2);
	ck_assert_uint_eq(exchanges(FOLLOWUP), two ? 4 : 2);
	ck_assert_uint_eq(duo.left->rekeyed + duo.right->rekeyed, 2);
	for (int i = 0; i < 2; i++)
		expect_suites(i ? duo.left : duo.right,
		    "AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519/KE1_ECP_256",
		    two ? "AES_GCM_16_128/CURVE25519/KE2_ECP_256/KE7_ECP_384/ESN"
			: "AES_GCM_16_128/CURVE25519/KE1_ECP_256/ESN");
	ends_well(1);
}
END_TEST

START_TEST(ike_by_command)
{
	bool two = _i & 2;

	pair(110 + (uint64_t)_i, two ? IKE_TWO : IKE_ONE, "", "");
	struct sim_host *asks = _i & 1 ? duo.right : duo.left;
	uint64_t before = asks->engine->first->spi_i;
	size_t keys = asks->keys_n;
	ck_assert_int_eq(sim_rekey(asks, "link", NULL, true), IKE_OK);
	ck_assert_int_eq(sim_rekey(asks, "link", NULL, true), IKE_ESTATE);
	scenario_traffic(&duo, 5000);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_ne(asks->engine->first->spi_i, before);
	ck_assert_uint_eq(asks->keys_n, keys + 1); /* once, with all of it */
	ck_assert_uint_eq(exchanges(CREATE_CHILD), 2);
	ck_assert_uint_eq(exchanges(FOLLOWUP), two ? 4 : 2);
	/* And again, with the keys that came of it, and the other way round. */
	ck_assert_int_eq(sim_rekey(_i & 1 ? duo.left : duo.right, "link", NULL, true), IKE_OK);
	scenario_traffic(&duo, 5000);
	ck_assert_int_eq(sim_rekey(asks, "link", "lan", false), IKE_OK);
	scenario_traffic(&duo, 5000);
	expect_suites(duo.left,
	    two ? "AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519/KE1_ECP_256/KE3_ECP_384"
		: "AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519/KE1_ECP_256",
	    NULL);
	ends_well(1);
}
END_TEST

#define SECOND(n)                                                                                  \
	"c" n " = { local_ts = [\"10.9." n ".0/24\"]; remote_ts = [\"10.9." n ".0/24\"]; " ESP_TWO \
	"};"

START_TEST(further_child)
{
	pair(120 + (uint64_t)_i, IKE_ONE, "", SECOND("1"));
	struct sim_host *asks = _i ? duo.right : duo.left;
	ck_assert_int_eq(sim_up(asks, "link", "c1", _i ? duo.left : duo.right), IKE_OK);
	sim_run_for(&duo.sim, 5000);
	scenario_expect_up(&duo, 2);
	ck_assert_uint_eq(exchanges(FOLLOWUP), 4);
	ends_well(2);
}
END_TEST

/* Both ends have a clock, and cross now and then; no packet is lost. */
START_TEST(by_time)
{
	pair(130 + (uint64_t)_i, IKE_ONE, ESP_ONE " rekey_time = \"5s\";", "");
	scenario_traffic(&duo, 5 * A_MINUTE);
	ck_assert_uint_ge(duo.left->rekeyed, 55);
	ck_assert_uint_eq(duo.left->ike_downs + duo.right->ike_downs, 0);
	ck_assert_uint_eq(duo.left->child_fails + duo.right->child_fails, 0);
	scenario_fini(&duo);
}
END_TEST

/* ---- A bad network ---- */

START_TEST(each_datagram_lost)
{
	pair(200 + (uint64_t)_i, IKE_TWO, ESP_TWO, "");
	bool ike = _i % 2;
	lost_mask = UINT64_C(1) << (duo.sim.sent + (unsigned)_i / 2);
	ck_assert_int_eq(sim_rekey(_i % 4 < 2 ? duo.left : duo.right, "link", NULL, ike), IKE_OK);
	scenario_traffic(&duo, 30000);
	ck_assert_uint_eq(duo.left->rekeyed + duo.right->rekeyed, 2);
	ck_assert_uint_eq(duo.left->rekey_fails + duo.right->rekey_fails, 0);
	ends_well(1);
}
END_TEST

/* Both ends ask, the second one at any time during the exchanges of the first: for the same, or one
 * for the child and one for the IKE SA. */
static void cross(int i, bool left_ike, bool right_ike, unsigned loss)
{
	pair(1000 + (uint64_t)i, i % 2 ? IKE_TWO : IKE_ONE, i % 2 ? ESP_ONE : ESP_TWO, "");
	sim_rekey(duo.left, "link", NULL, left_ike);
	sim_run_for(&duo.sim, (uint64_t)i * 3);
	sim_rekey(duo.right, "link", NULL, right_ike);
	duo.sim.loss_permille = loss;
	scenario_traffic(&duo, 20000);
	duo.sim.loss_permille = 0;
	scenario_traffic(&duo, A_MINUTE);
	ck_assert_uint_ge(duo.left->rekeyed, 1);
	ends_well(1);
}

START_TEST(crossing)
{
	cross(_i / 4, _i & 1, _i & 2, 0);
}
END_TEST

START_TEST(crossing_with_loss)
{
	cross(_i / 4, _i & 1, _i & 2, 150);
}
END_TEST

/* ---- Peers that forget ---- */

/* The state is gone at the other end: STATE_NOT_FOUND, and a new attempt that succeeds. */
START_TEST(peer_forgets)
{
	bool ike = _i;

	pair(300 + (uint64_t)_i, IKE_TWO, ESP_TWO, "");
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, ike), IKE_OK);
	sim_run_for(&duo.sim, 15); /* the answer to CREATE_CHILD_SA is under way */
	ck_assert_ptr_nonnull(duo.right->engine->first->series);
	ike_series_clear(duo.right->engine->first);
	scenario_traffic(&duo, 5000);
	ck_assert_uint_eq(duo.left->rekey_fails, 1);
	scenario_expect_words(duo.left->child_reason.text, "STATE_NOT_FOUND (47)");
	ck_assert_uint_eq(duo.left->rekeyed, 0);
	scenario_traffic(&duo, 2 * A_MINUTE);
	ck_assert_uint_eq(duo.left->rekeyed, 1);
	ends_well(1);
}
END_TEST

static bool forgetting(struct sim *s, struct sim_wire *w)
{
	(void)s;
	if (w->data[18] == FOLLOWUP && from_left(w))
		for (struct ike_sa *sa = duo.right->engine->first; sa; sa = sa->next)
			ike_series_clear(sa);
	return true;
}

/* Three times in a row: the IKE SA ends. */
START_TEST(peer_always_forgets)
{
	pair(310, IKE_TWO, ESP_TWO, "");
	duo.sim.tap = forgetting;
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, false), IKE_OK);
	sim_run_for(&duo.sim, TEN_MINUTES);
	ck_assert_uint_eq(duo.left->rekey_fails, 3);
	ck_assert_uint_ge(duo.left->ike_downs, 1);
	scenario_expect_words(
	    duo.left->down_reason.text, "forgot an additional key exchange 3 times in a row");
	scenario_fini(&duo);
}
END_TEST

/* ---- Peers that stop ---- */

/* Left forgets what it asked for, as after an error of its own. */
static void left_stops(void)
{
	struct ike_sa *sa = duo.left->engine->first;
	struct ike_task *t = ike_task_take_active(sa);
	struct ike_reason why;

	ck_assert(t && t->series);
	ike_window_complete(&sa->win);
	ike_reason_set(&why, IKE_ELOCALDELETE, "stopped");
	if (t->child)
		ike_child_failed(t->child, &why);
	else
		ike_rekey_ike_failed(sa, &why);
	ike_task_free(t);
	sim_drain_all(&duo.sim);
}

/* Half a minute later nothing is left of it, and its SPI is given back. */
START_TEST(peer_stops)
{
	bool ike = _i;

	pair(320 + (uint64_t)_i, IKE_TWO, ESP_TWO, "");
	uint32_t held = duo.right->spis_held;
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, ike), IKE_OK);
	duo.sim.loss_mask = 0;
	sim_run_for(&duo.sim, 21); /* the first IKE_FOLLOWUP_KE is under way */
	left_stops();
	duo.left->engine->first->rekey_at = IKE_NEVER;
	for (struct ike_child *c = duo.left->engine->first->children; c; c = c->next)
		c->rekey_at = IKE_NEVER;
	sim_run_for(&duo.sim, 1000);
	ck_assert_ptr_nonnull(duo.right->engine->first->series);
	ck_assert(ike || duo.right->spis_held == held + 1);
	/* Meanwhile it asks for nothing of that kind itself. */
	ck_assert_int_eq(sim_rekey(duo.right, "link", NULL, ike), IKE_ETEMPORARY);
	scenario_traffic(&duo, A_MINUTE);
	expect_nothing_half(duo.right);
	ck_assert_uint_eq(duo.right->spis_held, held);
	/* All goes on afterwards, from either side. */
	ck_assert_int_eq(sim_rekey(duo.right, "link", NULL, ike), IKE_OK);
	scenario_traffic(&duo, 5000);
	ck_assert_uint_eq(duo.right->rekeyed, 1);
	ends_well(1);
}
END_TEST

/* It begins anew before that: the first series is over. */
START_TEST(peer_begins_anew)
{
	bool ike = _i;

	pair(330 + (uint64_t)_i, IKE_TWO, ESP_TWO, "");
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, ike), IKE_OK);
	sim_run_for(&duo.sim, 21);
	left_stops();
	sim_run_for(&duo.sim, 1000);
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, ike), IKE_OK);
	scenario_traffic(&duo, 5000);
	ck_assert_uint_eq(duo.left->rekeyed, 1);
	ck_assert_ptr_null(duo.right->engine->first->series);
	ends_well(1);
}
END_TEST

/* No more than so many at once. */
START_TEST(too_many)
{
	static const char *const names[] = {"c1", "c2", "c3", "c4", "c5"};

	pair(340, IKE_ONE, "", SECOND("1") SECOND("2") SECOND("3") SECOND("4") SECOND("5"));
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(sim_up(duo.left, "link", names[i], duo.right), IKE_OK);
		sim_run_for(&duo.sim, 21);
		if (i < 4)
			left_stops();
		sim_run_for(&duo.sim, 100);
	}
	unsigned n = 0;
	for (struct ike_series *s = duo.right->engine->first->series; s; s = s->next)
		n++;
	ck_assert_uint_eq(n, IKE_SERIES_MAX);
	ck_assert_ptr_null(sim_child_named(duo.left, "c5"));
	/* TEMPORARY_FAILURE: the fifth waits until there is room. */
	sim_run_for(&duo.sim, 2 * A_MINUTE);
	ck_assert_ptr_nonnull(sim_child_named(duo.left, "c5"));
	ends_well(2);
}
END_TEST

/* The IKE SA, or the child, is taken down in the middle. */
START_TEST(down_in_the_middle)
{
	pair(350 + (uint64_t)_i, IKE_TWO, ESP_TWO, "");
	bool child = _i & 1;
	struct sim_host *who = _i & 2 ? duo.right : duo.left;
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, _i & 4), IKE_OK);
	sim_run_for(&duo.sim, (uint64_t)(_i / 8) * 7);
	ck_assert_int_eq(sim_down(who, "link", child ? "lan" : NULL), IKE_OK);
	sim_run_for(&duo.sim, TEN_MINUTES);
	if (child) {
		ends_well(0);
	} else {
		scenario_expect_gone(&duo);
		scenario_fini(&duo);
	}
}
END_TEST

/* ---- Peers that err ---- */

/* clang-format off */
static const struct {
	unsigned nth;         /* datagram from the rekey on: 2 the first IKE_FOLLOWUP_KE request */
	unsigned payload;     /* 0 KE, 1 N(ADDITIONAL_KEY_EXCHANGE) */
	enum evil_kind kind;
	uint32_t arg;
	bool survives;        /* the IKE SA */
	const char *words;    /* of left's last failure, or why its IKE SA ended */
} errors[] = {
	/* another group: INVALID_SYNTAX ends the SA */
	{2, 0, EVIL_DAMAGE,   8,  false, "INVALID_SYNTAX"},
	{2, 0, EVIL_TRUNCATE, 20, false, "INVALID_SYNTAX"},
	/* no link, another link */
	{2, 1, EVIL_OMIT,     0,  true,  "STATE_NOT_FOUND"},
	{2, 1, EVIL_DAMAGE,   40, true,  "STATE_NOT_FOUND"},
	/* answers */
	{3, 0, EVIL_DAMAGE,   8,  true,  "where KE1_ECP_256 is due"},
	{3, 0, EVIL_TRUNCATE, 20, true,  "key exchange KE1_ECP_256 failed"},
	{3, 1, EVIL_OMIT,     0,  true,  "left an additional key exchange out"},
	{5, 0, EVIL_TRUNCATE, 20, true,  "key exchange KE3_ECP_384 failed"},
};
/* clang-format on */

START_TEST(errs)
{
	const char *esp = "esp_proposals = [\"aes128gcm16-x25519-ke1_ecp256-ke3_ecp384-esn\"];";
	int row = _i / 2;
	bool ike = _i % 2;

	pair(400 + (uint64_t)_i, IKE_TWO, esp, "");
	struct evil e = {.number = duo.sim.sent + errors[row].nth,
	    .payload = errors[row].payload,
	    .kind = errors[row].kind,
	    .arg = errors[row].arg};
	duo.sim.tap = evil_tap;
	duo.sim.tap_arg = &e;
	ck_assert_int_eq(sim_rekey(duo.left, "link", NULL, ike), IKE_OK);
	sim_run_for(&duo.sim, 5000);
	ck_assert(e.done);
	/* What the peer has gone over to and we have not ends the SA. */
	bool survives = errors[row].survives && !(ike && errors[row].nth == 5);
	ck_assert_uint_eq(duo.left->ike_downs, !survives);
	ck_assert_uint_eq(duo.left->rekeyed, 0);
	scenario_expect_words(
	    survives ? duo.left->child_reason.text : duo.left->down_reason.text, errors[row].words);
	if (survives) {
		sim_run_for(&duo.sim, 2 * A_MINUTE);
		/* One that it has installed already is in the way for a while. */
		ck_assert_uint_eq(duo.left->rekeyed, errors[row].nth < 5);
	}
	if (survives && errors[row].nth < 5) {
		ends_well(1);
	} else {
		scenario_fini(&duo);
	}
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
	Suite *s = suite_create("sim_series");
	SRunner *sr = srunner_create(s);

	add(s, "child by command", child_by_command, 4);
	add(s, "IKE by command", ike_by_command, 4);
	add(s, "further child", further_child, 2);
	add(s, "by time", by_time, 2);
	add(s, "each datagram lost", each_datagram_lost, 24);
	add(s, "crossing", crossing, 30 * 4);
	add(s, "crossing with loss", crossing_with_loss, 30 * 4);
	add(s, "peer forgets", peer_forgets, 2);
	add(s, "peer always forgets", peer_always_forgets, 1);
	add(s, "peer stops", peer_stops, 2);
	add(s, "peer begins anew", peer_begins_anew, 2);
	add(s, "too many", too_many, 1);
	add(s, "down in the middle", down_in_the_middle, 8 * 12);
	add(s, "errs", errs, 2 * (int)(sizeof errors / sizeof errors[0]));
	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * What a receiver must take although it looks odd, and how it refuses what it must refuse: messages
 * of a peer that holds the keys, changed on their way and sealed again.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A_MINUTE = 60 * 1000, CREATE_CHILD = 36, INFORMATIONAL = 37, PARTS = 64, UNKNOWN = 200 };

static struct scenario duo;
static unsigned changed;

static bool is_response(const struct sim_wire *w)
{
	return w->data[19] & 0x20;
}

/* ---- Chains ---- */

struct part {
	uint8_t type;
	size_t at, n;
};

static size_t parts_of(uint8_t first, const uint8_t *chain, size_t n, struct part v[PARTS])
{
	size_t count = 0, at = 0;

	for (uint8_t type = first; type && at + 4 <= n; count++) {
		ck_assert_uint_lt(count, PARTS);
		v[count] = (struct part){type, at, be16_load(chain + at + 2)};
		type = chain[at];
		at += v[count].n;
	}
	return count;
}

/* The parts in another order. */
static void put_back(uint8_t *first, uint8_t *chain, const struct part *v, size_t count)
{
	static uint8_t copy[16384];
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		memcpy(copy + at, chain + v[i].at, v[i].n);
		copy[at] = i + 1 < count ? v[i + 1].type : 0;
		at += v[i].n;
	}
	*first = count ? v[0].type : 0;
	memcpy(chain, copy, at);
}

static size_t turn_round(void *arg, uint8_t *first, uint8_t *chain, size_t n, size_t cap)
{
	struct part v[PARTS];
	size_t count = parts_of(*first, chain, n, v);

	(void)arg;
	(void)cap;
	for (size_t i = 0; i < count / 2; i++) {
		struct part kept = v[i];
		v[i] = v[count - 1 - i];
		v[count - 1 - i] = kept;
	}
	put_back(first, chain, v, count);
	changed += count > 1;
	return n;
}

/* A payload at the end. */
static size_t append(
    uint8_t *first, uint8_t *chain, size_t n, uint8_t type, const uint8_t *body, size_t body_n)
{
	struct part v[PARTS];
	size_t count = parts_of(*first, chain, n, v);

	*(count ? &chain[v[count - 1].at] : first) = type;
	chain[n] = chain[n + 1] = 0;
	be16_store(chain + n + 2, (uint16_t)(4 + body_n));
	memcpy(chain + n + 4, body, body_n);
	changed++;
	return n + 4 + body_n;
}

/* ---- Any order ---- */

static bool all_turned(struct sim *s, struct sim_wire *w)
{
	evil_change(s, w, turn_round, NULL);
	return true;
}

START_TEST(any_order)
{
	REQ("7296-2.5-14");
	changed = 0;
	scenario_init(&duo, 1, NULL, NULL, NULL);
	duo.sim.tap = all_turned;
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct sim_host *h = i & 1 ? duo.left : duo.right;

		ck_assert_int_eq(sim_rekey(h, "link", NULL, i & 2), IKE_OK);
		sim_run_for(&duo.sim, A_MINUTE);
		scenario_expect_up(&duo, 1);
	}
	ck_assert_uint_eq(duo.left->rekeyed + duo.right->rekeyed, 8);
	ck_assert_uint_ge(changed, 10);
	scenario_fini(&duo);
}
END_TEST

/* ---- Notifications that nobody knows ---- */

static size_t add_unknowns(void *arg, uint8_t *first, uint8_t *chain, size_t n, size_t cap)
{
	/* Unknown status with a protocol and no SPI; unknown error, in requests only. */
	static const uint8_t status[4] = {9, 0, 0x9c, 0x40}, error[4] = {0, 0, 0x27, 0x0f};

	(void)cap;
	n = append(first, chain, n, IKE_PLD_NOTIFY, status, sizeof status);
	return is_response(arg) ? n : append(first, chain, n, IKE_PLD_NOTIFY, error, sizeof error);
}

static bool unknowns_everywhere(struct sim *s, struct sim_wire *w)
{
	evil_change(s, w, add_unknowns, w);
	return true;
}

START_TEST(unknown_notifications)
{
	REQ("7296-3.10.1-2", "7296-3.10-3");
	changed = 0;
	scenario_init(&duo, 2, NULL, NULL, NULL);
	duo.sim.tap = unknowns_everywhere;
	scenario_connect(&duo);
	sim_rekey(duo.left, "link", NULL, false);
	sim_run_for(&duo.sim, A_MINUTE);
	sim_rekey(duo.right, "link", NULL, true);
	sim_run_for(&duo.sim, 5 * A_MINUTE);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_eq(duo.left->rekeyed, 2);
	ck_assert_uint_eq(duo.left->rekey_fails + duo.right->rekey_fails, 0);
	ck_assert_uint_ge(changed, 20);
	scenario_fini(&duo);
}
END_TEST

static size_t only_unknown_error(void *arg, uint8_t *first, uint8_t *chain, size_t n, size_t cap)
{
	static const uint8_t error[4] = {0, 0, 0x27, 0x0f}; /* 9999 */

	(void)arg;
	(void)n;
	(void)cap;
	*first = 0;
	return append(first, chain, 0, IKE_PLD_NOTIFY, error, sizeof error);
}

static bool create_child_fails(struct sim *s, struct sim_wire *w)
{
	if (w->data[18] == CREATE_CHILD && is_response(w))
		evil_change(s, w, only_unknown_error, NULL);
	return true;
}

/* In an answer it means that the request failed, and that alone. */
START_TEST(unknown_error)
{
	REQ("7296-3.10.1-1");
	static const struct scenario_side left = {
	    .children =
		SCENARIO_LEFT_LAN SCENARIO_CHILD("more", "\"10.3.0.0/16\"", "\"10.4.0.0/16\"", "")};
	static const struct scenario_side right = {
	    .children = SCENARIO_RIGHT_LAN SCENARIO_CHILD(
		"more", "\"10.4.0.0/16\"", "\"10.3.0.0/16\"", "")};

	changed = 0;
	scenario_init(&duo, 3, &left, &right, NULL);
	duo.sim.tap = create_child_fails;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, A_MINUTE);
	ck_assert_uint_eq(sim_ike_established(duo.left), 1);
	ck_assert_uint_eq(sim_children_up(duo.left), 1);
	ck_assert_uint_eq(duo.left->child_fails, 1);
	ck_assert_uint_eq(changed, 1);
	scenario_expect_words(duo.left->child_reason.text, "9999");
	scenario_fini(&duo);
}
END_TEST

/* ---- Refused ---- */

static struct ike_msg last_answer;
static uint8_t answer_bytes[SIM_DATAGRAM];
static bool answered;
static evil_edit *spoil;

static size_t add_critical(void *arg, uint8_t *first, uint8_t *chain, size_t n, size_t cap)
{
	static const uint8_t body[4] = {1, 2, 3, 4};
	size_t end = append(first, chain, n, UNKNOWN, body, sizeof body);

	(void)arg;
	(void)cap;
	chain[n + 1] = 0x80;
	return end;
}

static size_t add_second_nonce(void *arg, uint8_t *first, uint8_t *chain, size_t n, size_t cap)
{
	static const uint8_t nonce[32] = {1};

	(void)arg;
	(void)cap;
	return append(first, chain, n, IKE_PLD_NONCE, nonce, sizeof nonce);
}

static size_t add_nonce_cut(void *arg, uint8_t *first, uint8_t *chain, size_t n, size_t cap)
{
	static const uint8_t nonce[8] = {1};

	(void)arg;
	(void)cap;
	return append(first, chain, n, IKE_PLD_NONCE, nonce, sizeof nonce);
}

/* The first CREATE_CHILD_SA or INFORMATIONAL request is spoiled; its answer is kept. */
static bool spoil_one(struct sim *s, struct sim_wire *w)
{
	struct ike_msg inner;

	if (w->data[18] != CREATE_CHILD && w->data[18] != INFORMATIONAL)
		return true;
	if (!is_response(w) && !changed) {
		evil_change(s, w, spoil, NULL);
	} else if (is_response(w) && !answered) {
		ck_assert(evil_open(s, w, &inner));
		ck_assert_uint_le(inner.raw.n, sizeof answer_bytes);
		memcpy(answer_bytes, inner.raw.p, inner.raw.n);
		last_answer = inner;
		answered = true;
	}
	return true;
}

static const struct {
	evil_edit *spoil;
	uint16_t error;
	uint8_t data_n, data;
	bool fatal;
} refusals[] = {
    {add_critical, 1, 1, UNKNOWN, false}, /* UNSUPPORTED_CRITICAL_PAYLOAD, with its type */
    {add_second_nonce, 7, 0, 0, true},    /* INVALID_SYNTAX */
    {add_nonce_cut, 7, 0, 0, true},
};

/* The answer is the one error and nothing else; one of them ends the IKE SA. */
START_TEST(refused)
{
	REQ("7296-2.5-10", "7296-2.21.2-2", "7296-2.21.3-1", "7296-3.10.1-4");

	changed = 0;
	answered = false;
	spoil = refusals[_i].spoil;
	scenario_init(&duo, 4 + (uint64_t)_i, NULL, NULL, NULL);
	scenario_connect(&duo);
	duo.sim.tap = spoil_one;
	sim_rekey(duo.left, "link", NULL, false);
	sim_run_for(&duo.sim, 5000);
	ck_assert_uint_eq(changed, 1);
	ck_assert(answered);
	ck_assert_uint_eq(last_answer.payloads, 1);
	ck_assert_uint_eq(last_answer.notify_n, 1);
	ck_assert_uint_eq(last_answer.notify[0].type, refusals[_i].error);
	ck_assert_uint_eq(last_answer.notify[0].data.n, refusals[_i].data_n);
	if (refusals[_i].data_n)
		ck_assert_uint_eq(answer_bytes[8], refusals[_i].data);
	ck_assert_uint_eq(sim_ike_established(duo.left), !refusals[_i].fatal);
	ck_assert_uint_eq(sim_ike_established(duo.right), !refusals[_i].fatal);
	scenario_fini(&duo);
}
END_TEST

/* ---- Long messages ---- */

static size_t longest;

static bool measure(struct sim *s, struct sim_wire *w)
{
	(void)s;
	if (w->n > longest)
		longest = w->n;
	return true;
}

/* 3000 octets in one message, without fragments of IKE: section 2. */
START_TEST(three_thousand_octets)
{
	REQ("7296-2-1", "7296-2-2");
	static char ts[2][1024], child[2][4096];
	struct scenario_side left = {.children = child[0], .conn = "fragmentation = \"no\";"};
	struct scenario_side right = {.children = child[1], .conn = "fragmentation = \"no\";"};

	for (unsigned side = 0; side < 2; side++) {
		size_t n = 0;
		for (unsigned i = 0; i < 32; i++)
			n += (size_t)snprintf(ts[side] + n, sizeof ts[side] - n,
			    "%s\"2001:db8:%u:%x::/64\"", i ? ", " : "", side + 1, 2 * i);
	}
	for (unsigned side = 0; side < 2; side++)
		snprintf(child[side], sizeof child[side],
		    "lan = { local_ts = [%s]; remote_ts = [%s]; esp_proposals = [%s]; };", ts[side],
		    ts[!side],
		    "\"aes128gcm16\", \"aes256gcm16\", \"aes192gcm16\", \"chacha20poly1305\", "
		    "\"aes128-sha256\", \"aes192-sha256\", \"aes256-sha256\", \"aes256-sha384\", "
		    "\"aes256-sha512\", \"aes128-sha512\"");
	longest = 0;
	scenario_init(&duo, 10, &left, &right, NULL);
	duo.sim.tap = measure;
	scenario_connect(&duo);
	scenario_expect_up(&duo, 1);
	ck_assert_uint_ge(longest, 3000);
	scenario_fini(&duo);
}
END_TEST

/* ---- Shared secrets ---- */

/* 64 characters at one end, the same octets in hexadecimal at the other; no zero behind them. */
START_TEST(secrets)
{
	REQ("7296-2.15-1", "7296-2.15-2", "7296-2.15-3");
	static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-";
	char hex[2 + 2 * 65 + 1] = "0x";
	/* Of SHA-256, whose block the 64 octets fill: one more makes another key. */
	static const char prf[] = "\"aes256gcm16-prfsha256-x25519\"";
	struct scenario_side left = {.psk = text, .proposals = prf};
	struct scenario_side right = {.psk = hex, .proposals = prf};

	ck_assert_uint_eq(sizeof text - 1, 64);
	for (size_t i = 0; i < sizeof text - 1 + (size_t)_i; i++) /* with _i: the zero, too */
		snprintf(hex + 2 + 2 * i, 3, "%02x", (unsigned char)text[i]);
	scenario_init(&duo, 11, &left, &right, NULL);
	scenario_connect(&duo);
	if (!_i)
		scenario_expect_up(&duo, 1);
	sim_run_for(&duo.sim, 5 * A_MINUTE);
	if (_i)
		scenario_expect_gone(&duo);
	ck_assert_uint_eq(duo.left->ike_ups, !_i);
	scenario_fini(&duo);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_accept");
	TCase *t = tcase_create("accept");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, any_order);
	tcase_add_test(t, unknown_notifications);
	tcase_add_test(t, unknown_error);
	tcase_add_loop_test(t, refused, 0, (int)(sizeof refusals / sizeof refusals[0]));
	tcase_add_test(t, three_thousand_octets);
	tcase_add_loop_test(t, secrets, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Each payload of each protected message of a handshake, a further child, a liveness check and a
 * delete: omitted, repeated, emptied, renumbered, damaged, sealed with the right keys.
 *
 * Nothing crashes, leaks or hangs, and both ends come to the same: an SA at both, or, once timers
 * have had their time, at none.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <stdlib.h>

#include "test/unit/req.h"

enum { A_LONG_TIME = 1200 * 1000, MESSAGES = 10 };

#define TWO_LEFT                                                        \
	SCENARIO_CHILD("one", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "") \
	SCENARIO_CHILD("two", "\"10.1.0.0/16\"", "\"10.3.0.0/16\"",     \
	    "esp_proposals = [\"aes128gcm16-x25519\"];")
#define TWO_RIGHT                                                       \
	SCENARIO_CHILD("one", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "") \
	SCENARIO_CHILD("two", "\"10.3.0.0/16\"", "\"10.1.0.0/16\"",     \
	    "esp_proposals = [\"aes128gcm16-x25519\"];")

/* The tap of evil.h, and how many requests tell of an error in a message. */
static unsigned told;

static bool tap(struct sim *s, struct sim_wire *w)
{
	static struct ike_msg m;

	if (evil_open(s, w, &m) && m.hdr.exchange == IKE_EXCHANGE_INFORMATIONAL &&
	    !ike_hdr_is_response(&m.hdr))
		told += ike_msg_error(&m) != NULL;
	return evil_tap(s, w);
}

/*
 * 0, 1 IKE_SA_INIT; 2, 3 IKE_AUTH; 4, 5 CREATE_CHILD_SA; 6, 7 INFORMATIONAL (delete of a child); 8,
 * 9 INFORMATIONAL (delete of the IKE SA).
 */
static void run_once(struct evil *e)
{
	REQ("7296-2.21.3-2");
	static const struct scenario_side left = {.children = TWO_LEFT},
					  right = {.children = TWO_RIGHT};
	struct scenario s;

	told = 0;
	scenario_init(&s, 1, &left, &right, NULL);
	s.sim.tap = tap;
	s.sim.tap_arg = e;
	scenario_connect(&s);
	sim_down(s.left, "link", "two");
	sim_run_for(&s.sim, 5000);
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, A_LONG_TIME);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	/* Nothing is said about answers, but about that to IKE_AUTH (section 2.21.2). */
	if (e->number % 2 && e->number > 3)
		ck_assert_uint_eq(told, 0);
	/* A delete that never arrived whole is made up for by dead peer detection. */
	ck_assert_uint_eq(sim_ike_sas(s.right), 0);
	ck_assert_uint_eq(sim_children_up(s.right), 0);
	scenario_fini(&s);
}

static void each_payload(uint64_t number, enum evil_kind kind, uint32_t arg)
{
	unsigned payloads = 1;

	for (unsigned i = 0; i < payloads; i++) {
		struct evil e = {.number = number, .payload = i, .kind = kind, .arg = arg};
		run_once(&e);
		payloads = e.payloads;
	}
}

START_TEST(shapes)
{
	static const enum evil_kind kinds[] = {
	    EVIL_OMIT, EVIL_REPEAT, EVIL_REPEAT_MANY, EVIL_EMPTY, EVIL_CRITICAL, EVIL_UNKNOWN};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		each_payload((uint64_t)_i, kinds[i], 0);
}
END_TEST

START_TEST(false_lengths)
{
	static const uint32_t lengths[] = {0, 1, 3, 4, 5, 8, 0xffff};
	static const uint32_t offsets[] = {1, 4, (uint32_t)-1, (uint32_t)-4};

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		each_payload((uint64_t)_i, EVIL_LENGTH, lengths[i]);
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
		each_payload((uint64_t)_i, EVIL_LENGTH_ADD, offsets[i]);
}
END_TEST

/* Every number a payload can have. */
START_TEST(types)
{
	for (uint32_t type = 0; type < 256; type += type == 50 ? 70 : 1)
		each_payload((uint64_t)_i, EVIL_RENUMBER, type);
}
END_TEST

START_TEST(truncations)
{
	unsigned payloads = 1;

	for (unsigned i = 0; i < payloads; i++) {
		size_t body = 1;
		for (uint32_t left = 0; left < body && left < 160; left += left < 48 ? 1 : 7) {
			struct evil e = {.number = (uint64_t)_i,
			    .payload = i,
			    .kind = EVIL_TRUNCATE,
			    .arg = left};
			run_once(&e);
			payloads = e.payloads;
			body = e.body;
		}
	}
}
END_TEST

START_TEST(damage)
{
	unsigned payloads = 1;

	for (unsigned i = 0; i < payloads; i++) {
		size_t body = 1;
		for (uint32_t bit = 0; bit / 8 < body && bit < 8 * 64; bit++) {
			struct evil e = {
			    .number = (uint64_t)_i, .payload = i, .kind = EVIL_DAMAGE, .arg = bit};
			run_once(&e);
			payloads = e.payloads;
			body = e.body;
		}
	}
}
END_TEST

/* The edits reach what they are meant for. */
START_TEST(it_does_edit)
{
	struct evil e = {.number = (uint64_t)_i, .payload = 0, .kind = EVIL_UNKNOWN};

	run_once(&e);
	ck_assert(e.sealed);
	if (_i != 9) /* an empty answer */
		ck_assert(e.done);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_evil");
	TCase *t = tcase_create("evil");

	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, it_does_edit, 2, MESSAGES);
	tcase_add_loop_test(t, shapes, 2, MESSAGES);
	tcase_add_loop_test(t, false_lengths, 2, MESSAGES);
	tcase_add_loop_test(t, types, 2, MESSAGES);
	tcase_add_loop_test(t, truncations, 2, MESSAGES);
	tcase_add_loop_test(t, damage, 2, MESSAGES);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());

	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

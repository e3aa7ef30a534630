/*
 * Session resumption, RFC 5723: tickets in others' hands, and clients that lie.
 */
#include "ike/sa.h"
#include "test/sim/tickets.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- Others ---- */

/* What was sent once, sent again by somebody: nothing comes of it but TICKET_NACK. */
START_TEST(used_again)
{
	REQ("5723-4.3.1-3");
	struct scenario s;

	tickets_begin(&s, 17, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	tickets_up_again(&s);
	static struct seen ask;
	ask = *tickets_find(true, SESSION_RESUME, false, 0);
	ask.w.data = ask.raw;
	sim_run_for(&s.sim, AN_HOUR / 2);
	for (unsigned i = 0; i < 50; i++) {
		be64_store(ask.raw, 0x7700000000000000 + i); /* another SPI */
		ask.w.from.port = 777;
		tickets.n = 0;
		sim_inject(s.right, &ask.w);
		ck_assert_uint_eq(tickets.n, 1);
		ck_assert_uint_eq(tickets.v[0].ticket_type, TICKET_NACK);
		ck_assert_uint_eq(s.right->engine->stats.half_open, 0);
	}
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* A ticket read on the wire before its owner gets through: it is of no use to who has it, and still
 * good. */
START_TEST(stolen)
{
	struct scenario s;
	struct ike_stats stats;

	tickets_begin(&s, 18, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	s.right->gone = true;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	static struct seen ask;
	ask = *tickets_find(true, SESSION_RESUME, false, 0);
	ask.w.data = ask.raw;
	sim_run_for(&s.sim, 10 * A_MINUTE);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	s.right->gone = false;
	tickets.lost = SESSION_RESUME;
	for (uint32_t i = 0; i < 5000; i++) {
		be64_store(ask.raw, 0x7700000000000000 + i);
		ask.w.from.addr = addr_v4(0x0b000000 + i);
		sim_inject(s.right, &ask.w);
		ike_engine_stats(s.right->engine, &stats);
		ck_assert_uint_le(stats.half_open, ike_limits_default.half_open);
	}
	ck_assert_uint_gt(
	    stats.cookies_sent, 1000); /* cookies, and no puzzles: RFC 8019 section 5 */
	ck_assert_uint_eq(stats.puzzles_sent, 0);
	sim_run_for(&s.sim, 5 * A_MINUTE);
	ike_engine_stats(s.right->engine, &stats);
	ck_assert_uint_eq(stats.half_open, 0);
	ck_assert_uint_eq(sim_ike_established(s.right), 0);
	tickets.lost = 0;
	tickets.n = 0;
	tickets_up_again(&s);
	tickets_expect(&s, true);
	scenario_fini(&s);
}
END_TEST

START_TEST(cookie_first)
{
	struct ike_limits limits = ike_limits_default;
	struct scenario s;

	limits.cookie_threshold = 0;
	tickets_begin(&s, 19, &tickets_with, &tickets_with, &limits);
	tickets_lose(&s);
	tickets_up_again(&s);
	tickets_expect(&s, true);
	ck_assert_uint_eq(tickets_count(SESSION_RESUME), 4);
	const struct seen *one = tickets_find(true, SESSION_RESUME, false, 0);
	const struct seen *two = tickets_find(true, SESSION_RESUME, false, 1);
	ck_assert_mem_eq(one->nonce, two->nonce, 32);
	ck_assert_mem_eq(one->ticket, two->ticket, one->ticket_n);
	scenario_fini(&s);
}
END_TEST

/* Anybody can say TICKET_NACK: it costs the handshake that there would be without tickets. */
static bool forge_nack(struct sim *s, struct sim_wire *w)
{
	bool go = tickets_tap(s, w);

	if (w->data[18] == SESSION_RESUME && !(w->data[19] & 0x20)) {
		uint8_t m[36] = {0};
		memcpy(m, w->data, 8);
		m[16] = 41;
		m[17] = 0x20;
		m[18] = SESSION_RESUME;
		m[19] = 0x20;
		m[27] = sizeof m;
		m[31] = 8;
		be16_store(m + 34, TICKET_NACK);
		struct ike_datagram d = {.local = w->from,
		    .remote = w->to,
		    .marker = w->marker,
		    .data = bytes_of(m, sizeof m)};
		ike_engine_input(tickets.s->left->engine, s->now, &d);
	}
	return go;
}

START_TEST(forged_refusal)
{
	struct scenario s;

	tickets_begin(&s, 20, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	s.sim.tap = forge_nack;
	tickets_up_again(&s);
	sim_run_for(&s.sim, 3 * A_MINUTE);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Unprotected errors do not make a client resume. */
START_TEST(hints_do_not_resume)
{
	REQ("5723-9.4-1");
	struct scenario s;

	tickets_begin(&s, 21, &tickets_with, &tickets_with, NULL);
	struct ike_sa_info sa = tickets_info(s.left);
	uint8_t m[36] = {0};
	be64_store(m, sa.spi_i);
	be64_store(m + 8, sa.spi_r);
	m[16] = 41;
	m[17] = 0x20;
	m[18] = INFORMATIONAL;
	m[19] = 0x20;
	m[27] = sizeof m;
	m[31] = 8;
	m[35] = 4; /* INVALID_IKE_SPI */
	struct sim_wire w = {.from = {s.right->addr, 4500},
	    .to = {s.left->addr, 4500},
	    .marker = true,
	    .data = m,
	    .n = sizeof m};
	for (unsigned i = 0; i < 100; i++)
		sim_inject(s.left, &w);
	sim_run_for(&s.sim, 2 * A_MINUTE);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(tickets_count(SESSION_RESUME), 0);
	scenario_fini(&s);
}
END_TEST

/* A client with the right keys, and another name than the ticket's. */
START_TEST(other_identity)
{
	REQ("5723-4.3.3-2", "5723-4.3.3-4");
	struct scenario s;

	tickets_begin(&s, 22, &tickets_with, &tickets_patient, NULL);
	tickets_lose(&s);
	struct ike_resumable *r = &s.left->engine->held->r;
	ck_assert(ident_parse(_i ? &r->id_r : &r->id_i, "mallory.example.org"));
	/* So that no rule about names stands in the way. */
	s.right->config->conns[0].remote.id = (struct ident){0};
	s.left->config->conns[0].remote.id = (struct ident){0};
	tickets_up_again(&s);
	ck_assert_uint_eq(sim_ike_established(s.left), 0);
	ck_assert_uint_eq(sim_children_up(s.left), 0);
	ck_assert_ptr_nonnull(tickets_find(false, SESSION_RESUME, true, 0));
	if (_i == 0)
		ck_assert_int_eq(s.right->down_reason.err, IKE_EID);
	scenario_fini(&s);
}
END_TEST

/* A certificate has no place in IKE_AUTH then. */
START_TEST(with_certificate)
{
	REQ("5723-4.3.3-3");
	struct scenario s;

	tickets_begin(&s, 23, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	tickets.evil_exchange = AUTH;
	/* HDR, SK {IDi, N(INITIAL_CONTACT), IDr, …}: the second payload becomes a CERT. */
	tickets.evil = (struct evil){.payload = 1, .kind = EVIL_RENUMBER, .arg = 37};
	tickets_up_again(&s);
	ck_assert(tickets.evil.done);
	ck_assert_uint_eq(sim_ike_established(s.left), 0);
	ck_assert_uint_eq(sim_ike_established(s.right), 0);
	ck_assert_int_eq(s.right->down_reason.err, IKE_EID);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_resume_evil");
	TCase *t = tcase_create("resume");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, used_again);
	tcase_add_test(t, stolen);
	tcase_add_test(t, cookie_first);
	tcase_add_test(t, forged_refusal);
	tcase_add_test(t, hints_do_not_resume);
	tcase_add_loop_test(t, other_identity, 0, 2);
	tcase_add_test(t, with_certificate);
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

/*
 * Session resumption, RFC 5723: granting tickets, presenting them, and when not to.
 */
#include "ike/sa.h"
#include "test/sim/tickets.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- Granting ---- */

START_TEST(granted_in_ike_auth)
{
	REQ("5723-4.1-2", "5723-4.1-3", "5723-6.1-7", "5723-6.2-5", "5723-7-1");
	struct scenario s;

	tickets_begin(&s, 1, &tickets_with, &tickets_with, NULL);
	const struct seen *ask = tickets_find(true, AUTH, false, 0),
			  *got = tickets_find(false, AUTH, true, 0);
	ck_assert_uint_eq(ask->ticket_type, TICKET_REQUEST);
	ck_assert_uint_eq(ask->ticket_n, 0);
	ck_assert_uint_eq(got->ticket_type, TICKET_LT_OPAQUE);
	ck_assert_uint_eq(ask->proto | ask->spi_n | got->proto | got->spi_n, 0);
	ck_assert_uint_gt(got->ticket_n, 48);
	ck_assert_uint_eq(got->seconds, 3600);
	ck_assert(ike_ext_has(tickets_info(s.left).extensions, IKE_EXT_RESUMPTION));
	ck_assert(ike_ext_has(tickets_info(s.right).extensions, IKE_EXT_RESUMPTION));
	/* The client knows when it expires, to a part of a second. */
	ck_assert_uint_le(s.left->engine->first->ticket_expires_at, s.sim.now + AN_HOUR);
	ck_assert_uint_gt(s.left->engine->first->ticket_expires_at, s.sim.now + AN_HOUR - 10000);
	scenario_fini(&s);
}
END_TEST

START_TEST(the_users_choice)
{
	REQ("5723-4.3.2-2");
	struct scenario s;
	bool l = _i & 1, r = _i & 2;

	tickets_begin(&s, 2, l ? &tickets_with : &tickets_without,
	    r ? &tickets_with : &tickets_without, NULL);
	const struct seen *ask = tickets_find(true, AUTH, false, 0),
			  *got = tickets_find(false, AUTH, true, 0);
	ck_assert_uint_eq(ask->ticket_type, l ? TICKET_REQUEST : 0);
	ck_assert_uint_eq(got->ticket_type, !l ? 0 : r ? TICKET_LT_OPAQUE : TICKET_NACK);
	tickets_lose(&s);
	tickets_up_again(&s);
	tickets_expect(&s, l && r);
	if (!l || !r)
		ck_assert_uint_eq(tickets_count(SESSION_RESUME), 0);
	scenario_fini(&s);
}
END_TEST

/* No longer than the IKE SA lives, or its authentication counts. */
START_TEST(lifetimes)
{
	REQ("5723-6.2-4");
	static const struct {
		const char *conn;
		uint32_t least, most;
	} ways[] = {
	    {"resumption = true; ticket_lifetime = \"10m\";", 600, 600},
	    {"resumption = true; rekey_time = \"20m\"; over_time = \"2m\";", 1320, 1320},
	    {"resumption = true; reauth_time = \"30m\";", 1800, 1800},
	    {"resumption = true; ticket_lifetime = \"24h\"; rekey_time = \"0s\";", 86400, 86400},
	};
	struct scenario_side right = {.conn = ways[_i].conn};
	struct scenario s;

	tickets_begin(&s, 3, &tickets_with, &right, NULL);
	const struct seen *got = tickets_find(false, AUTH, true, 0);
	ck_assert_uint_ge(got->seconds, ways[_i].least);
	ck_assert_uint_le(got->seconds, ways[_i].most);
	scenario_fini(&s);
}
END_TEST

/* Before it expires there is another one, asked for by the client. */
START_TEST(renewed)
{
	REQ("5723-4.1-1");
	struct scenario_side right = {.conn = "dpd_delay = \"30s\"; resumption = true; "
					      "ticket_lifetime = \"10m\";"};
	struct scenario s;

	tickets_begin(&s, 4, &tickets_with, &right, NULL);
	sim_run_for(&s.sim, 9 * A_MINUTE);
	const struct seen *ask = tickets_find_type(TICKET_REQUEST, 1);
	const struct seen *got = tickets_find_type(TICKET_LT_OPAQUE, 1);
	if (!ask || !got) { /* the watch may be full of liveness checks */
		tickets.n = 0;
		sim_run_for(&s.sim, A_MINUTE + 30000);
		ask = tickets_find_type(TICKET_REQUEST, 0);
		got = tickets_find_type(TICKET_LT_OPAQUE, 0);
	}
	ck_assert_ptr_nonnull(ask);
	ck_assert_ptr_nonnull(got);
	ck_assert(ask->left && !ask->answer && ask->exchange == INFORMATIONAL);
	ck_assert(!got->left && got->answer);
	sim_run_for(&s.sim, 10 * A_MINUTE);
	tickets_lose(&s);
	tickets_up_again(&s);
	tickets_expect(&s, true);
	scenario_fini(&s);
}
END_TEST

/* RFC 8784: a PPK is mixed in by the whole handshake alone. What is resumed has it in its keys, and
 * the ends that insist on one are content; the signer is not asked. */
START_TEST(with_a_ppk)
{
	REQ("8784-3-9");
	struct scenario_side side = {
	    .psk = "a long enough secret for two\"; }, { type = \"ppk\"; id = \"q\"; secret = "
		   "\"quantum computers must guess this",
	    .conn = "dpd_delay = \"30s\"; resumption = true; ppk_id = \"q\"; ppk_required = true;"};
	struct scenario s;

	tickets_begin(&s, 6, &side, &side, NULL);
	ck_assert(ike_ext_has(tickets_info(s.left).extensions, IKE_EXT_PPK));
	ck_assert(ike_ext_has(tickets_info(s.right).extensions, IKE_EXT_PPK));
	tickets_lose(&s);
	s.left->no_secrets = s.right->no_secrets = true;
	tickets_up_again(&s);
	tickets_expect(&s, true);
	scenario_fini(&s);
}
END_TEST

/* Other keys: the client, whoever asked for them, gets another ticket; the old one is dead. */
START_TEST(rekeyed)
{
	REQ("5723-6.2-3");
	struct scenario s;

	tickets_begin(&s, 5, &tickets_with, &tickets_with, NULL);
	static struct seen old;
	old = *tickets_find(false, AUTH, true, 0);
	tickets.n = 0;
	sim_rekey(_i ? s.right : s.left, "link", NULL, true);
	sim_run_for(&s.sim, 2000);
	if (_i == 0) { /* else it went out before the tap knew the keys */
		const struct seen *ask = tickets_find_type(TICKET_REQUEST, 0);
		ck_assert_ptr_nonnull(ask);
		ck_assert(ask->left && ask->exchange == INFORMATIONAL);
		ck_assert_uint_eq(ask->spi_i, tickets_info(s.left).spi_i);
	}
	ck_assert_ptr_nonnull(tickets_find_type(TICKET_LT_OPAQUE, 0));
	static struct seen newer;
	newer = *tickets_find_type(TICKET_LT_OPAQUE, 0);
	ck_assert_mem_ne(newer.ticket, old.ticket, old.ticket_n);
	tickets_lose(&s);
	tickets_up_again(&s);
	tickets_expect(&s, true);
	const struct seen *used = tickets_find(true, SESSION_RESUME, false, 0);
	ck_assert_uint_eq(used->ticket_n, newer.ticket_n);
	ck_assert_mem_eq(used->ticket, newer.ticket, newer.ticket_n);
	struct ike_resumable r;
	struct ike_ticket_ref ref;
	ck_assert_int_eq(ike_ticket_open(&s.right->engine->tickets, s.sim.rand.libctx, s.sim.now,
			     bytes_of(old.ticket, old.ticket_n), &r, &ref),
	    IKE_EREPLACED);
	scenario_fini(&s);
}
END_TEST

/* ---- Presenting ---- */

/* With additional key exchanges (RFC 9370), that its keys are made of: there is none once more, and
 * the suite stays what it was. */
START_TEST(with_additional_key_exchanges)
{
	struct scenario_side side = tickets_with;
	struct scenario s;
	char text[SUITE_TEXT];

	side.proposals = "\"aes256gcm16-prfsha384-x25519-ke1_ecp256-ke5_ecp384\"";
	tickets_begin(&s, 9, &side, &side, NULL);
	tickets_lose(&s);
	tickets_up_again(&s);
	tickets_expect(&s, true);
	ck_assert_uint_eq(tickets_count(INTERMEDIATE), 0);
	for (int i = 0; i < 2; i++) {
		struct suite suite = tickets_info(i ? s.right : s.left).suite;

		ck_assert_str_eq(suite_text(&suite, text, sizeof text),
		    "AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE25519/KE1_ECP_256/KE5_ECP_384");
	}
	ck_assert_int_eq(sim_rekey(s.left, "link", NULL, true), IKE_OK);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(resumed)
{
	REQ("5723-4.2-3", "5723-4.3.2-1", "5723-4.3.2-3", "5723-4.3.2-4", "5723-4.3.2-5",
	    "5723-4.3.3-1", "5723-5-3", "5723-9.7-1");
	struct scenario s;

	tickets_begin(&s, 6, &tickets_with, &tickets_with, NULL);
	static struct seen granted;
	granted = *tickets_find(false, AUTH, true, 0);
	struct ike_sa_info before = tickets_info(s.left);
	tickets_lose(&s);
	ck_assert_ptr_nonnull(s.left->engine->held);
	tickets_up_again(&s);
	tickets_expect(&s, true);
	const struct seen *ask = tickets_find(true, SESSION_RESUME, false, 0);
	const struct seen *yes = tickets_find(false, SESSION_RESUME, true, 0);
	const struct seen *auth = tickets_find(true, AUTH, false, 0),
			  *last = tickets_find(false, AUTH, true, 0);
	ck_assert(!ask->has_sa && !ask->has_ke && ask->has_nonce && ask->nat);
	ck_assert(!yes->has_sa && !yes->has_ke && yes->has_nonce && yes->nat);
	ck_assert_uint_eq(ask->spi_r, 0);
	ck_assert_uint_eq(ask->id | yes->id, 0);
	ck_assert_uint_eq(yes->spi_i, ask->spi_i);
	ck_assert_uint_ne(yes->spi_r, 0);
	ck_assert_uint_ne(ask->spi_i, before.spi_i);
	ck_assert_uint_ne(yes->spi_r, before.spi_r);
	ck_assert_uint_eq(ask->ticket_type, TICKET_OPAQUE);
	ck_assert_uint_eq(ask->ticket_n, granted.ticket_n);
	ck_assert_mem_eq(ask->ticket, granted.ticket, granted.ticket_n);
	ck_assert_uint_eq(auth->id, 1);
	ck_assert(auth->sealed && !auth->has_cert && !last->has_cert);
	ck_assert_uint_eq(auth->method, 2);
	ck_assert_uint_eq(last->method, 2);
	/* And another ticket. */
	ck_assert_uint_eq(auth->ticket_type, TICKET_REQUEST);
	ck_assert_uint_eq(last->ticket_type, TICKET_LT_OPAQUE);
	ck_assert_mem_ne(last->ticket, granted.ticket, granted.ticket_n);
	ck_assert_ptr_null(s.left->engine->held);
	/* It is an SA like any other. */
	sim_rekey(s.left, "link", NULL, true);
	sim_run_for(&s.sim, 2000);
	sim_rekey(s.right, "link", "lan", false);
	sim_run_for(&s.sim, 2000);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Again and again, each time with the newest ticket. */
START_TEST(many_times)
{
	REQ("5723-4.3.1-2");
	static struct seen used[5];
	struct scenario s;

	tickets_begin(&s, 7, &tickets_with, &tickets_with, NULL);
	for (unsigned i = 0; i < 5; i++) {
		tickets_lose(&s);
		tickets_up_again(&s);
		tickets_expect(&s, true);
		used[i] = *tickets_find(true, SESSION_RESUME, false, 0);
		for (unsigned k = 0; k < i; k++)
			ck_assert_mem_ne(used[i].ticket, used[k].ticket, used[i].ticket_n);
	}
	scenario_fini(&s);
}
END_TEST

/* The gateway has not noticed: the old IKE SA goes, without a word. */
START_TEST(old_sa_is_still_there)
{
	REQ("5723-4.3.4-1");
	struct scenario s;

	tickets_begin(&s, 8, &tickets_with, &tickets_patient, NULL);
	tickets_lose(&s);
	ck_assert_uint_eq(sim_ike_established(s.right), 1);
	tickets_up_again(&s);
	tickets_expect(&s, true);
	ck_assert_uint_eq(s.right->ike_downs, 1);
	ck_assert_int_eq(s.right->down_reason.err, IKE_EREPLACED);
	ck_assert_uint_eq(tickets_count(INFORMATIONAL), 0);
	sim_run_for(&s.sim, A_MINUTE);
	for (size_t i = 0; i < tickets.n; i++)
		ck_assert(tickets.v[i].exchange != INFORMATIONAL || tickets.v[i].left ||
			  tickets.v[i].answer);
	scenario_fini(&s);
}
END_TEST

/* Of the pool's only address, which the old IKE SA at the gateway still holds. */
START_TEST(the_same_address)
{
	REQ("5723-5-4");
	static const struct scenario_side left = {
	    .conn = "dpd_delay = \"30s\"; resumption = true; vips = [\"0.0.0.0\"];",
	    .children = SCENARIO_CHILD("lan", "\"dynamic\"", "\"10.2.0.0/16\"", "")};
	static const struct scenario_side right = {
	    .top = "pools = { small = { addrs = \"10.8.0.1\"; }; };",
	    .conn = "dpd_delay = \"0s\"; resumption = true; pools = [\"small\"];",
	    .children = SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"dynamic\"", "")};
	struct scenario s;
	struct ts had;

	tickets_begin(&s, 24, &left, &right, NULL);
	ck_assert(ts_parse(&had, "10.8.0.1/32"));
	for (unsigned i = 0; i < 2; i++) {
		const struct ts_list *own = &sim_child_named(s.left, "lan")->sa.local_ts;
		ck_assert_uint_eq(own->n, 1);
		ck_assert(addr_equal(&own->v[0].lo, &had.lo));
		ck_assert(addr_equal(&own->v[0].hi, &had.hi));
		if (i)
			break;
		tickets_lose(&s);
		tickets_up_again(&s);
		tickets_expect(&s, true);
	}
	scenario_fini(&s);
}
END_TEST

/* From behind a NAT now. */
START_TEST(from_elsewhere)
{
	struct scenario s;

	tickets_begin(&s, 9, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	sim_host_nat(s.left, "192.0.2.7", 1000);
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 5000);
	scenario_expect_up(&s, 1);
	ck_assert(tickets_info(s.left).nat_local && tickets_info(s.right).nat_remote);
	ck_assert(ike_ext_has(tickets_info(s.right).extensions, IKE_EXT_RESUMED));
	scenario_fini(&s);
}
END_TEST

/* ---- Not with a ticket ---- */

/* Either end has said that it is over. */
START_TEST(ended_in_order)
{
	REQ("5723-6.2-1", "5723-6.2-2");
	struct scenario s;

	tickets_begin(&s, 10, &tickets_with, &tickets_with, NULL);
	static struct seen granted;
	granted = *tickets_find(false, AUTH, true, 0);
	sim_down(_i ? s.right : s.left, "link", NULL);
	sim_run_for(&s.sim, 5000);
	ck_assert_ptr_null(s.left->engine->held);
	struct ike_resumable r;
	struct ike_ticket_ref ref;
	ck_assert_int_eq(ike_ticket_open(&s.right->engine->tickets, s.sim.rand.libctx, s.sim.now,
			     bytes_of(granted.ticket, granted.ticket_n), &r, &ref),
	    IKE_EREPLACED);
	tickets.n = 0;
	tickets_up_again(&s);
	tickets_expect(&s, false);
	ck_assert_uint_eq(tickets_count(SESSION_RESUME), 0);
	scenario_fini(&s);
}
END_TEST

/* Lost first, then taken down by the user, who wants no more of it. */
START_TEST(taken_down_when_lost)
{
	struct scenario s;

	tickets_begin(&s, 11, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	ck_assert_ptr_nonnull(s.left->engine->held);
	sim_down(s.left, "link", NULL);
	ck_assert_ptr_null(s.left->engine->held);
	tickets_up_again(&s);
	tickets_expect(&s, false);
	scenario_fini(&s);
}
END_TEST

START_TEST(expired)
{
	REQ("5723-4.3.1-1");
	struct scenario s;

	tickets_begin(&s, 12, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	sim_run_for(&s.sim, AN_HOUR);
	ck_assert_ptr_null(s.left->engine->held); /* wiped by time, nobody asked */
	tickets_up_again(&s);
	tickets_expect(&s, false);
	ck_assert_uint_eq(tickets_count(SESSION_RESUME), 0);
	scenario_fini(&s);
}
END_TEST

/* The gateway started again: TICKET_NACK, and the whole handshake at once. */
START_TEST(refused)
{
	struct scenario s;

	tickets_begin(&s, 13, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	sim_host_restart(s.right, NULL);
	unsigned ups = s.left->ike_ups;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 1000);
	tickets_expect(&s, false);
	const struct seen *no = tickets_find(false, SESSION_RESUME, true, 0);
	ck_assert_uint_eq(no->ticket_type, TICKET_NACK);
	ck_assert(!no->has_nonce && !no->sealed);
	ck_assert_uint_eq(no->spi_r, 0);
	ck_assert_uint_eq(no->proto | no->spi_n, 0);
	ck_assert_uint_eq(s.left->ike_ups, ups + 1);
	scenario_fini(&s);
}
END_TEST

/* The gateway's rules have changed meanwhile. */
START_TEST(no_longer_allowed)
{
	struct scenario s;

	tickets_begin(&s, 14, &tickets_with, &tickets_patient, NULL);
	tickets_lose(&s);
	struct config_conn *c = &s.right->config->conns[0];
	struct ident was = c->remote.id;
	if (_i == 0)
		c->resumption = false;
	else
		ck_assert(ident_parse(&c->remote.id, "somebody.else.example.org"));
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(tickets_find(false, SESSION_RESUME, true, 0)->ticket_type, TICKET_NACK);
	if (_i == 0)
		tickets_expect(&s, false);
	else
		ck_assert_uint_eq(sim_ike_established(s.left), 0);
	c->remote.id = was;
	scenario_fini(&s);
}
END_TEST

/* A gateway that is silent about the exchange. */
START_TEST(no_answer)
{
	struct scenario s;

	tickets_begin(&s, 15, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	tickets.lost = SESSION_RESUME;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 40 * 1000);
	tickets_expect(&s, false);
	ck_assert_uint_le(tickets_count(SESSION_RESUME), 4);
	scenario_fini(&s);
}
END_TEST

/* Nobody answers at all, for a while: the ticket is good for the next time. */
START_TEST(no_way_yet)
{
	struct scenario s;

	tickets_begin(&s, 16, &tickets_with, &tickets_with, NULL);
	tickets_lose(&s);
	s.right->gone = true;
	ck_assert_int_eq(sim_up(s.left, "link", NULL, s.right), IKE_OK);
	sim_run_for(&s.sim, 10 * A_MINUTE);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_ptr_nonnull(s.left->engine->held);
	s.right->gone = false;
	tickets.n = 0;
	tickets_up_again(&s);
	tickets_expect(&s, true);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_resume");
	TCase *t = tcase_create("resume");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, granted_in_ike_auth);
	tcase_add_loop_test(t, the_users_choice, 0, 4);
	tcase_add_loop_test(t, lifetimes, 0, 4);
	tcase_add_test(t, renewed);
	tcase_add_test(t, with_a_ppk);
	tcase_add_loop_test(t, rekeyed, 0, 2);
	tcase_add_test(t, with_additional_key_exchanges);
	tcase_add_test(t, resumed);
	tcase_add_test(t, many_times);
	tcase_add_test(t, old_sa_is_still_there);
	tcase_add_test(t, the_same_address);
	tcase_add_test(t, from_elsewhere);
	tcase_add_loop_test(t, ended_in_order, 0, 2);
	tcase_add_test(t, taken_down_when_lost);
	tcase_add_test(t, expired);
	tcase_add_test(t, refused);
	tcase_add_loop_test(t, no_longer_allowed, 0, 2);
	tcase_add_test(t, no_answer);
	tcase_add_test(t, no_way_yet);
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

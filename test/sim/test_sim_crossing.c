/*
 * Every crossing of RFC 7296 sections 1.4.1, 2.8.1, 2.8.2 and 2.25, drawn, and again with messages
 * of either end, or of both, lost or late.
 *
 * In the figures time goes down; left's messages go from the left. Each is what is on the wire when
 * nothing is lost.
 */
#include "ike/child.h"
#include "ike/wire/msg.h"
#include "test/sim/story.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	A_MINUTE = 60 * 1000,
	AGAIN_MS = 4000, /* first retransmission */
	LATER = 30,      /* ms: overtaken by the answer to the other's request */
	LATE = 3000,     /* overtaken by all that the other end does */
	VERY_LATE = 9000 /* and it was sent once more meanwhile */
};

#define NEITHER   \
	{         \
		0 \
	}
#define LOST(host, nth)               \
	{                             \
		host, nth, STORY_LOST \
	}
#define DELAY(host, nth, ms)  \
	{                     \
		host, nth, ms \
	}

/* What may become of the first messages: request and answer of each end. */
static const struct story_fate weather[][STORY_FATES] = {
    {NEITHER},
    {LOST('L', 0)},
    {LOST('R', 0)},
    {LOST('L', 0), LOST('R', 0)},
    {LOST('L', 1)},
    {LOST('R', 1)},
    {LOST('L', 1), LOST('R', 1)},
    {LOST('L', 2)},
    {LOST('R', 2)},
    {LOST('L', 0), LOST('R', 1)},
    {LOST('R', 0), LOST('L', 1)},
    {DELAY('L', 0, LATER)},
    {DELAY('R', 0, LATER)},
    {DELAY('L', 0, LATER), DELAY('R', 0, LATER)},
    {DELAY('L', 1, LATER)},
    {DELAY('R', 1, LATER)},
    {DELAY('L', 0, LATE)},
    {DELAY('R', 0, LATE)},
    {DELAY('L', 0, LATE), DELAY('R', 0, LATE)},
    {DELAY('L', 1, LATE)},
    {DELAY('R', 1, LATE)},
    {DELAY('L', 0, VERY_LATE)},
    {DELAY('R', 0, VERY_LATE)},
    {DELAY('L', 1, VERY_LATE), DELAY('R', 1, VERY_LATE)},
    {LOST('L', 0), DELAY('R', 0, LATE)},
    {LOST('R', 0), DELAY('L', 0, LATE)},
};
enum { WEATHERS = sizeof weather / sizeof weather[0] };

/* The same two children at each end; nothing is rekeyed by time. */
static const char *const CHILDREN[] = {
    "lan = { local_ts = [\"10.1.0.0/16\"]; remote_ts = [\"10.2.0.0/16\"]; rekey_time = 0; };"
    "more = { local_ts = [\"10.3.0.0/16\"]; remote_ts = [\"10.4.0.0/16\"]; rekey_time = 0; };",
    "lan = { local_ts = [\"10.2.0.0/16\"]; remote_ts = [\"10.1.0.0/16\"]; rekey_time = 0; };"
    "more = { local_ts = [\"10.4.0.0/16\"]; remote_ts = [\"10.3.0.0/16\"]; rekey_time = 0; };",
};

static void begin(struct scenario *s, struct story *t, uint64_t seed, size_t w)
{
	struct scenario_side l = {.children = CHILDREN[0],
				 .conn = "rekey_time = 0; dpd_delay = 0;"},
			     r = {
				 .children = CHILDREN[1], .conn = "rekey_time = 0; dpd_delay = 0;"};

	scenario_init(s, seed * 1000 + w, &l, &r, NULL);
	ck_assert_int_eq(sim_up(s->left, "link", "lan", s->right), IKE_OK);
	sim_run_for(&s->sim, 2000);
	scenario_expect_up(s, 1);
	story_begin(t, s, weather[w]);
}

/* At the end there is one IKE SA and n children, and nothing that nobody sees. */
static void finish(struct scenario *s, struct story *t, unsigned ikes, unsigned children)
{
	story_end(t);
	sim_run_for(&s->sim, 20 * A_MINUTE);
	ck_assert_uint_eq(s->left->engine->sas_n, ikes);
	ck_assert_uint_eq(s->right->engine->sas_n, ikes);
	ck_assert_uint_eq(sim_children_up(s->left), children);
	ck_assert_uint_eq(sim_children_up(s->right), children);
	ck_assert(sim_mirrored(s->left, s->right));
	if (ikes) {
		ck_assert_uint_eq(s->left->engine->first->spi_i, s->right->engine->first->spi_i);
		ck_assert_uint_eq(s->left->engine->first->spi_r, s->right->engine->first->spi_r);
		ck_assert_uint_eq(s->left->engine->first->children_n, children);
		ck_assert_uint_eq(s->right->engine->first->children_n, children);
		ck_assert_uint_eq(s->left->ike_downs + s->right->ike_downs, 0);
	}
	scenario_fini(s);
}

/* Octet by octet; a nonce that ends is the lower: section 2.8.1. */
static bool is_lower(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = memcmp(a.p, b.p, n);

	return d ? d < 0 : a.n < b.n;
}

static struct bytes lowest(const struct story_sa *sa)
{
	return is_lower(sa->nonce[0], sa->nonce[1]) ? sa->nonce[0] : sa->nonce[1];
}

/* ---- Children: rekey and rekey ---- */

/*
 * Section 2.8.1, the first figure. The lowest nonce is in right's exchange here; else the two
 * Deletes change places.
 *
 *     left                                right
 *     rekey child, Ni1 ->             <-  rekey child, Ni2
 *     (SA, Nr1)        ->             <-  (SA, Nr2)
 *     D(old)           ->             <-  D(its new one)
 *     (D)              ->             <-  (D)
 */
START_TEST(rekey_rekey_child)
{
	REQ("7296-2.8.1-3", "7296-2.25.1-2", "7296-2.3-3");
	unsigned lefts = 0;

	for (uint64_t seed = 0; seed < 12; seed++) {
		struct scenario s;
		struct story t;

		begin(&s, &t, 100 + seed, 0);
		uint32_t old[] = {sim_child_named(s.left, "lan")->sa.spi_in,
		    sim_child_named(s.right, "lan")->sa.spi_in};
		sim_rekey(s.left, "link", "lan", false);
		sim_rekey(s.right, "link", "lan", false);
		sim_run_for(&s.sim, 1000);
		story_expect(&t, "-> rekey child; <- rekey child; <- (SA); -> (SA); -> D(child); "
				 "<- D(child); <- (D); -> (D)");
		ck_assert_uint_eq(t.sas_n, 2);
		const struct story_sa *l = t.sas[0].left ? &t.sas[0] : &t.sas[1];
		const struct story_sa *r = t.sas[0].left ? &t.sas[1] : &t.sas[0];
		bool left_wins = is_lower(lowest(r), lowest(l));
		lefts += left_wins;
		/* Who made the redundant one deletes it, the other end the old one. */
		ck_assert(story_deleted(&t, false, r->spi[0]) == left_wins);
		ck_assert(story_deleted(&t, true, l->spi[0]) == !left_wins);
		ck_assert(story_deleted(&t, true, old[0]) == left_wins);
		ck_assert(story_deleted(&t, false, old[1]) == !left_wins);
		ck_assert_uint_eq(
		    sim_child_named(s.left, "lan")->sa.spi_in, left_wins ? l->spi[0] : r->spi[1]);
		finish(&s, &t, 1, 1);
	}
	ck_assert(lefts > 0 && lefts < 12);
}
END_TEST

/*
 * Section 2.8.1, the second figure: left's first request is lost, and right has finished when it
 * comes again.
 *
 *     left                                right
 *     rekey child -> lost             <-  rekey child
 *     (SA)        ->
 *                                     <-  D(old)
 *     (D)         ->
 *     rekey child -> (again)
 *                                     <-  (CHILD_SA_NOT_FOUND), which left ignores
 */
START_TEST(rekey_rekey_child_late)
{
	static const char told[] = "-> rekey child; <- rekey child; -> (SA); <- D(child); -> (D); "
				   "<- (CHILD_SA_NOT_FOUND)";
	struct scenario s;
	struct story t;

	/* Lost, or three seconds late: the same for right. */
	begin(&s, &t, 120, _i ? 16 : 1);
	sim_rekey(s.left, "link", "lan", false);
	sim_rekey(s.right, "link", "lan", false);
	sim_run_for(&s.sim, 1000);
	uint32_t spi = sim_child_named(s.left, "lan")->sa.spi_in;
	sim_run_for(&s.sim, 10000);
	story_expect(&t, told);
	ck_assert_uint_eq(sim_child_named(s.left, "lan")->sa.spi_in, spi);
	ck_assert_uint_eq(s.left->rekey_fails + s.right->rekey_fails, 0);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	ck_assert_uint_eq(s.right->rekeyed, 1);
	finish(&s, &t, 1, 1);
}
END_TEST

START_TEST(rekey_rekey_child_weather)
{
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct scenario s;
		struct story t;

		begin(&s, &t, 140 + seed, (size_t)_i);
		uint32_t old = sim_child_named(s.left, "lan")->sa.spi_in;
		sim_rekey(s.left, "link", "lan", false);
		sim_rekey(s.right, "link", "lan", false);
		sim_run_for(&s.sim, 2 * A_MINUTE);
		ck_assert_uint_ne(sim_child_named(s.left, "lan")->sa.spi_in, old);
		ck_assert_uint_eq(s.left->child_fails + s.right->child_fails, 0);
		finish(&s, &t, 1, 1);
	}
}
END_TEST

/* ---- Children: rekey and delete ---- */

/*
 * Section 2.25.1: who is closing the child answers the rekey with TEMPORARY_FAILURE; who is
 * rekeying it answers the Delete as usual, with a Delete.
 *
 *     left                                right
 *     rekey child ->                  <-  D(child)
 *     (D)         ->                  <-  (TEMPORARY_FAILURE)
 */
START_TEST(rekey_delete_child)
{
	REQ("7296-2.25.1-1", "7296-2.25.1-5", "7296-2.25-1");
	struct scenario s;
	struct story t;

	begin(&s, &t, 200, (size_t)_i);
	sim_rekey(s.left, "link", "lan", false);
	sim_down(s.right, "link", "lan");
	sim_run_for(&s.sim, 1000);
	if (_i == 0)
		story_expect(&t, "-> rekey child; <- D(child); <- (TEMPORARY_FAILURE); -> (D)");
	sim_run_for(&s.sim, 2 * A_MINUTE);
	/* Left's request after all is over names a child that does not exist. */
	if (_i == 1)
		story_expect(&t, "-> rekey child; <- D(child); -> (D); <- (CHILD_SA_NOT_FOUND)");
	/* It was taken down: nobody sets it up afresh. A rekey that came first is answered as
	 * usual, and the new child lives. */
	finish(&s, &t, 1, sim_children_up(s.left));
}
END_TEST

/* ---- Children: delete and delete ---- */

/*
 * Sections 1.4.1 and 2.25.1: the answers have no Delete payloads.
 *
 *     left                                right
 *     D(child) ->                     <-  D(child)
 *     ()       ->                     <-  ()
 */
START_TEST(delete_delete_child)
{
	REQ("7296-1.4.1-5", "7296-2.25.1-4");
	struct scenario s;
	struct story t;

	begin(&s, &t, 220, (size_t)_i);
	sim_down(s.left, "link", "lan");
	sim_down(s.right, "link", "lan");
	sim_run_for(&s.sim, 2 * A_MINUTE);
	if (_i == 0)
		story_expect(&t, "-> D(child); <- D(child); <- (); -> ()");
	finish(&s, &t, 1, 0);
}
END_TEST

/*
 * A Delete of ours that has not gone out yet crosses nothing: the answer has the Delete payload,
 * and ours is not sent any more.
 *
 *     left                                right
 *     child ->
 *     (D(child) waits for its turn)   <-  (SA), late
 *                                     <-  D(child)
 *     (D)   ->
 */
START_TEST(delete_child_not_sent)
{
	struct scenario s;
	struct story t;

	begin(&s, &t, 230, 17);
	sim_up(s.left, "link", "more", s.right);
	sim_run_for(&s.sim, 20);
	sim_down(s.left, "link", "lan");
	sim_down(s.right, "link", "lan");
	sim_run_for(&s.sim, 2 * A_MINUTE);
	story_expect(&t, "-> child; <- (SA); <- D(child); -> (D)");
	finish(&s, &t, 1, 1);
}
END_TEST

/* ---- Children that are not there ---- */

/*
 * Section 2.25.1: CHILD_SA_NOT_FOUND to a rekey, no Delete payload to a Delete. The next to last
 * paragraph of section 2.25: who asked sets the child up afresh.
 *
 *     left                                right (has lost the child)
 *     rekey child ->
 *                                     <-  (CHILD_SA_NOT_FOUND)
 *     child       ->
 *                                     <-  (SA)
 *
 *     D(child)    ->
 *                                     <-  ()
 */
START_TEST(not_there)
{
	REQ("7296-2.25.1-3", "7296-2.25.1-6", "7296-2.25-4", "7296-2.25-5");
	struct ike_reason why = {.err = IKE_EBUG, .text = "for the test"};
	struct scenario s;
	struct story t;

	begin(&s, &t, 240, 0);
	struct ike_child *lost = s.right->engine->first->children;
	ike_child_report_down(lost, &why);
	ike_child_free(lost);
	sim_drain_all(&s.sim);
	if (_i)
		sim_down(s.left, "link", "lan");
	else
		sim_rekey(s.left, "link", "lan", false);
	sim_run_for(&s.sim, 1000);
	story_expect(&t, _i ? "-> D(child); <- ()"
			    : "-> rekey child; <- (CHILD_SA_NOT_FOUND); -> child; <- (SA)");
	finish(&s, &t, 1, !_i);
}
END_TEST

/*
 * Who is asked has the child before who asks: it may want new keys for what the other end does not
 * know yet, and must not be told that there is no such child.
 *
 *     left                                right
 *     child ->
 *                                     <-  (SA), lost
 *                                     <-  rekey child, of that one
 *     (TEMPORARY_FAILURE) ->
 *     child -> (again)
 *                                     <-  (SA), again
 *                                     <-  rekey child, a while later
 *     (SA)  ->
 *                                     <-  D(child)
 *     (D)   ->
 */
START_TEST(rekey_of_one_not_known_yet)
{
	struct scenario s;
	struct story t;

	begin(&s, &t, 250, 2); /* right's first datagram is lost */
	sim_up(s.left, "link", "more", s.right);
	sim_run_for(&s.sim, 20);
	sim_rekey(s.right, "link", "more", false);
	sim_run_for(&s.sim, A_MINUTE);
	story_expect(&t, "-> child; <- (SA); <- rekey child; -> (TEMPORARY_FAILURE); <- rekey "
			 "child; -> (SA); <- D(child); -> (D)");
	finish(&s, &t, 1, 2);
}
END_TEST

/* ---- Children and the IKE SA ---- */

enum { CREATE, REKEY, DELETE };

static void with_child(struct sim_host *h, struct sim_host *peer, int what)
{
	if (what == CREATE)
		sim_up(h, "link", "more", peer);
	else if (what == REKEY)
		sim_rekey(h, "link", "lan", false);
	else
		sim_down(h, "link", "lan");
}

/*
 * Section 2.25.1, last paragraph: a rekey of the IKE SA while a child is created, rekeyed or closed
 * is refused. Section 2.25.2, last paragraph: while the IKE SA is rekeyed, a child is not created
 * or rekeyed, and is deleted as usual. Each tries again later.
 *
 *     left                                right
 *     child, rekey child ->           <-  rekey IKE
 *     (TEMPORARY_FAILURE) ->          <-  (TEMPORARY_FAILURE)
 *
 *     D(child)            ->          <-  rekey IKE
 *     (TEMPORARY_FAILURE) ->          <-  (D)
 */
START_TEST(child_and_rekey_ike)
{
	REQ("7296-2.25.1-7", "7296-2.25.2-5", "7296-2.25.2-6");
	static const char *const told[] = {
	    "-> child; <- rekey IKE; <- (TEMPORARY_FAILURE); -> (TEMPORARY_FAILURE)",
	    "-> rekey child; <- rekey IKE; <- (TEMPORARY_FAILURE); -> (TEMPORARY_FAILURE)",
	    "-> D(child); <- rekey IKE; <- (D); -> (TEMPORARY_FAILURE)",
	};
	int what = _i % 3;

	for (size_t w = 0; w < WEATHERS; w++) {
		struct scenario s;
		struct story t;

		begin(&s, &t, 300 + (uint64_t)_i, w);
		uint64_t before = s.left->engine->first->spi_i;
		uint32_t spi = sim_child_named(s.left, "lan")->sa.spi_in;
		with_child(s.left, s.right, what);
		sim_rekey(s.right, "link", NULL, true);
		sim_run_for(&s.sim, 1000);
		if (w == 0)
			story_expect(&t, told[what]);
		sim_run_for(&s.sim, 4 * A_MINUTE);
		ck_assert_uint_ne(s.left->engine->first->spi_i, before);
		if (what == REKEY)
			ck_assert_uint_ne(sim_child_named(s.left, "lan")->sa.spi_in, spi);
		finish(&s, &t, 1, what == CREATE ? 2 : what == REKEY ? 1 : 0);
	}
}
END_TEST

/*
 * While the IKE SA is being closed nothing is made any more; its children go with it.
 *
 *     left                                right
 *     child, rekey child ->           <-  D(IKE)
 *     ()                 ->           <-  (TEMPORARY_FAILURE)
 *
 *     D(child)           ->           <-  D(IKE)
 *     ()                 ->           <-  (D)
 */
START_TEST(child_and_delete_ike)
{
	static const char *const told[] = {
	    "-> child; <- D(IKE); <- (TEMPORARY_FAILURE); -> ()",
	    "-> rekey child; <- D(IKE); <- (TEMPORARY_FAILURE); -> ()",
	    "-> D(child); <- D(IKE); <- (D); -> ()",
	};
	int what = _i % 3;

	for (size_t w = 0; w < WEATHERS; w++) {
		struct scenario s;
		struct story t;

		begin(&s, &t, 320 + (uint64_t)_i, w);
		with_child(s.left, s.right, what);
		sim_down(s.right, "link", NULL);
		sim_run_for(&s.sim, 1000);
		if (w == 0)
			story_expect(&t, told[what]);
		sim_run_for(&s.sim, 4 * A_MINUTE);
		finish(&s, &t, 0, 0);
	}
}
END_TEST

/* ---- The IKE SA: rekey and rekey ---- */

/*
 * Section 2.8.2, both notice. The lowest nonce is in right's exchange here; else both Deletes are
 * for the other SA. The one that stays has the child.
 *
 *     left                                right
 *     rekey IKE, Ni1 ->               <-  rekey IKE, Ni2
 *     (SA, Nr1)      ->               <-  (SA, Nr2)
 *     D(IKE) on the old one ->        <-  D(IKE) on its new one
 *     ()             ->               <-  ()
 */
START_TEST(rekey_rekey_ike)
{
	REQ("7296-2.8.2-1", "7296-2.8.2-2", "7296-2.25.2-1");
	unsigned lefts = 0;

	for (uint64_t seed = 0; seed < 12; seed++) {
		struct scenario s;
		struct story t;

		begin(&s, &t, 400 + seed, 0);
		sim_rekey(s.left, "link", NULL, true);
		sim_rekey(s.right, "link", NULL, true);
		sim_run_for(&s.sim, 1000);
		story_expect(&t, "-> rekey IKE; <- rekey IKE; <- (SA); -> (SA); -> D(IKE); "
				 "<- D(IKE); <- (); -> ()");
		ck_assert_uint_eq(t.sas_n, 2);
		const struct story_sa *l = t.sas[0].left ? &t.sas[0] : &t.sas[1];
		const struct story_sa *r = t.sas[0].left ? &t.sas[1] : &t.sas[0];
		bool left_wins = is_lower(lowest(r), lowest(l));
		lefts += left_wins;
		ck_assert(s.left->engine->first->initiator == left_wins);
		ck_assert(s.right->engine->first->initiator == !left_wins);
		finish(&s, &t, 1, 1);
	}
	ck_assert(lefts > 0 && lefts < 12);
}
END_TEST

/*
 * Section 2.8.2, the figure: right notices, left does not. Right answers the Delete, forgets its
 * own attempt and stops sending it.
 *
 *     left                                right
 *     rekey IKE ->                    <-  rekey IKE, late
 *                                     <-  (SA)
 *     D(IKE)    ->
 *                                     <-  ()
 *     (TEMPORARY_FAILURE) -> to the late one: left has closed that SA, or is about to
 */
START_TEST(rekey_rekey_ike_one_notices)
{
	REQ("7296-2.8.2-3");
	struct scenario s;
	struct story t;

	begin(&s, &t, 420, _i == 0 ? 2 : _i == 1 ? 12 : 17);
	sim_rekey(s.left, "link", NULL, true);
	sim_rekey(s.right, "link", NULL, true);
	sim_run_for(&s.sim, 1000);
	story_expect(&t, _i == 1 ? "-> rekey IKE; <- rekey IKE; <- (SA); -> D(IKE); <- (); -> "
				   "(TEMPORARY_FAILURE)"
				 : "-> rekey IKE; <- rekey IKE; <- (SA); -> D(IKE); <- ()");
	unsigned sent = t.sent[1];
	sim_run_for(&s.sim, 25000); /* the next liveness check is later */
	ck_assert_uint_eq(t.sent[1], sent);
	ck_assert(s.left->engine->first->initiator);
	ck_assert(!s.right->engine->first->initiator);
	ck_assert_uint_eq(s.left->rekey_fails + s.right->rekey_fails, 0);
	finish(&s, &t, 1, 1);
}
END_TEST

START_TEST(rekey_rekey_ike_weather)
{
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct scenario s;
		struct story t;

		begin(&s, &t, 440 + seed, (size_t)_i);
		uint64_t before = s.left->engine->first->spi_i;
		sim_rekey(s.left, "link", NULL, true);
		sim_rekey(s.right, "link", NULL, true);
		sim_run_for(&s.sim, 2 * A_MINUTE);
		ck_assert_uint_ne(s.left->engine->first->spi_i, before);
		finish(&s, &t, 1, 1);
	}
}
END_TEST

/* ---- The IKE SA: rekey and delete ---- */

/*
 * Section 2.25.2: who is closing it refuses the rekey; who is rekeying it answers the Delete as
 * usual and forgets its own request.
 *
 *     left                                right
 *     rekey IKE ->                    <-  D(IKE)
 *     ()        ->                    <-  (TEMPORARY_FAILURE)
 */
START_TEST(rekey_delete_ike)
{
	REQ("7296-2.25.2-2", "7296-2.25.2-3");
	struct scenario s;
	struct story t;

	begin(&s, &t, 500, (size_t)_i);
	sim_rekey(s.left, "link", NULL, true);
	sim_down(s.right, "link", NULL);
	sim_run_for(&s.sim, 1000);
	if (_i == 0)
		story_expect(&t, "-> rekey IKE; <- D(IKE); <- (TEMPORARY_FAILURE); -> ()");
	sim_run_for(&s.sim, 2 * A_MINUTE);
	ck_assert_uint_eq(s.left->rekeyed, 0);
	finish(&s, &t, 0, 0);
}
END_TEST

/* ---- The IKE SA: delete and delete ---- */

/*
 * Section 2.25.2: each answers as usual, and forgets its own close request.
 *
 *     left                                right
 *     D(IKE) ->                       <-  D(IKE)
 *     ()     ->                       <-  ()
 */
START_TEST(delete_delete_ike)
{
	REQ("7296-2.25.2-4");
	struct scenario s;
	struct story t;

	begin(&s, &t, 520, (size_t)_i);
	sim_down(s.left, "link", NULL);
	sim_down(s.right, "link", NULL);
	sim_run_for(&s.sim, 2 * A_MINUTE);
	if (_i == 0)
		story_expect(&t, "-> D(IKE); <- D(IKE); <- (); -> ()");
	ck_assert_uint_eq(s.left->ike_downs, 1);
	ck_assert_uint_eq(s.right->ike_downs, 1);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ELOCALDELETE);
	finish(&s, &t, 0, 0);
}
END_TEST

/* ---- Two IKE SAs for one pair ---- */

static bool no_informational(struct sim *s, struct sim_wire *w)
{
	return w->data[18] != IKE_EXCHANGE_INFORMATIONAL || s->now > *(ike_time *)s->tap_arg;
}

/*
 * Both ends begin, each before it knows of the other. One of the two is closed as with crossing
 * rekeys; its Delete is sent until the other end has heard it, or that would go on sending with it.
 *
 *     left                                right
 *     IKE_SA_INIT, IKE_AUTH ->        <-  IKE_SA_INIT, IKE_AUTH
 *                                     <-  D(IKE), lost for ten seconds
 *                                     <-  D(IKE)
 *     ()                    ->
 */
START_TEST(both_begin)
{
	struct scenario_side l = {.conn = "dpd_delay = 0;"}, r = {.conn = "dpd_delay = 0;"};
	ike_time until = 11000;
	struct scenario s;

	scenario_init(&s, 600 + (uint64_t)_i, &l, &r, NULL);
	s.sim.tap = no_informational;
	s.sim.tap_arg = &until;
	sim_up(s.left, "link", NULL, s.right);
	sim_up(s.right, "link", NULL, s.left);
	sim_run_for(&s.sim, 5000);
	ck_assert_uint_eq(s.left->ike_ups + s.right->ike_ups, 4);
	ck_assert(sim_mirrored(s.left, s.right)); /* what is to go goes on until it is heard */
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Told to stop, it does not wait so long. */
START_TEST(both_begin_and_stop)
{
	ike_time until = IKE_NEVER;
	struct scenario s;

	scenario_init(&s, 610 + (uint64_t)_i, NULL, NULL, NULL);
	s.sim.tap = no_informational;
	s.sim.tap_arg = &until;
	sim_up(s.left, "link", NULL, s.right);
	sim_up(s.right, "link", NULL, s.left);
	sim_run_for(&s.sim, 1000);
	sim_stop(s.left);
	sim_stop(s.right);
	sim_run_for(&s.sim, 3500);
	scenario_expect_gone(&s);
	scenario_fini(&s);
}
END_TEST

/*
 * Left's IKE_AUTH says INITIAL_CONTACT, for it was written before right's call was answered. When
 * it comes again, late, that is no reason to forget the SA that right began; nor is it when that
 * has new keys meanwhile.
 *
 *     left                                right
 *     IKE_SA_INIT ->                  <-  IKE_SA_INIT
 *     IKE_AUTH    -> lost             <-  IKE_AUTH
 *     rekey IKE   -> on the SA that right began
 *     IKE_AUTH    -> again
 */
START_TEST(both_begin_initial_contact)
{
	static const struct story_fate fates[STORY_FATES] = {LOST('L', 2)};
	struct scenario_side l = {.conn = "dpd_delay = 0;"}, r = {.conn = "dpd_delay = 0;"};
	struct scenario s;
	struct story t;

	scenario_init(&s, 620 + (uint64_t)_i, &l, &r, NULL);
	story_begin(&t, &s, fates);
	sim_up(s.left, "link", NULL, s.right);
	sim_run_for(&s.sim, 5);
	sim_up(s.right, "link", NULL, s.left);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(s.left->ike_ups, 1);
	ck_assert_uint_eq(s.right->ike_ups, 1);
	sim_rekey(_i ? s.left : s.right, "link", NULL, true);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(s.left->rekeyed, 1);
	sim_run_for(&s.sim, 2 * A_MINUTE);
	story_end(&t);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_crossing");
	TCase *t = tcase_create("crossing");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, rekey_rekey_child);
	tcase_add_loop_test(t, rekey_rekey_child_late, 0, 2);
	tcase_add_loop_test(t, rekey_rekey_child_weather, 0, WEATHERS);
	tcase_add_loop_test(t, rekey_delete_child, 0, WEATHERS);
	tcase_add_loop_test(t, delete_delete_child, 0, WEATHERS);
	tcase_add_test(t, delete_child_not_sent);
	tcase_add_loop_test(t, not_there, 0, 2);
	tcase_add_test(t, rekey_of_one_not_known_yet);
	tcase_add_loop_test(t, child_and_rekey_ike, 0, 3);
	tcase_add_loop_test(t, child_and_delete_ike, 0, 3);
	tcase_add_test(t, rekey_rekey_ike);
	tcase_add_loop_test(t, rekey_rekey_ike_one_notices, 0, 3);
	tcase_add_loop_test(t, rekey_rekey_ike_weather, 0, WEATHERS);
	tcase_add_loop_test(t, rekey_delete_ike, 0, WEATHERS);
	tcase_add_loop_test(t, delete_delete_ike, 0, WEATHERS);
	tcase_add_loop_test(t, both_begin, 0, 4);
	tcase_add_loop_test(t, both_begin_and_stop, 0, 4);
	tcase_add_loop_test(t, both_begin_initial_contact, 0, 2);
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

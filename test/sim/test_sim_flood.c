/*
 * Floods of IKE_SA_INIT, and what a caller must do meanwhile: cookies (RFC 7296 section 2.6),
 * puzzles (RFC 8019), caps. The linker puts the functions below in the place of malloc and free for
 * all that is linked statically (--wrap), so that bytes can be counted.
 */
#include "ike/crypto/puzzle.h"
#include "ike/wire/build.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEN_MINUTES = 600 * 1000,
	FLOOD = 100000,
	SPOOFED = 0x0b000000,    /* 11.0.0.0 and on */
	HALF_OPEN_BYTES = 24576, /* what one half-open IKE SA may take, of our own */
};

/* ---- Bytes ---- */

static int64_t bytes_held;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static void *counted(void *p)
{
	bytes_held += p ? (int64_t)malloc_usable_size(p) : 0;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
	bytes_held -= p ? (int64_t)malloc_usable_size(p) : 0;
	return counted(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
	bytes_held -= p ? (int64_t)malloc_usable_size(p) : 0;
	__real_free(p);
}

/* ---- A caller without a host: it sends what it likes, from where it likes ---- */

static struct scenario duo;
static struct sim_wire first; /* left's first IKE_SA_INIT */
static uint8_t first_bytes[SIM_DATAGRAM];
static uint8_t answer[SIM_DATAGRAM]; /* right's last datagram */
static size_t answer_n;
static uint64_t answers;
static struct ike_msg answer_msg;

static bool catch (struct sim *s, struct sim_wire *w)
{
	(void)s;
	if (addr_equal(&w->from.addr, &duo.right->addr)) {
		memcpy(answer, w->data, w->n);
		answer_n = w->n;
		answers++;
	} else if (!first.n) {
		memcpy(first_bytes, w->data, w->n);
		first = *w;
		first.data = first_bytes;
	}
	return false;
}

/* Right with `top` in its configuration; left has called, nobody is up. */
static void flooded(uint64_t seed, const char *top, const char *left_top)
{
	struct scenario_side left = {.top = left_top}, right = {.top = top};

	first.n = answer_n = answers = 0;
	scenario_init(&duo, seed, &left, &right, NULL);
	duo.sim.tap = catch;
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	ck_assert_uint_gt(first.n, 0);
	ck_assert_int_eq(sim_down(duo.left, "link", NULL), IKE_OK);
	sim_run_for(&duo.sim, 1);
}

static struct ike_stats right_stats(void)
{
	struct ike_stats s;

	ike_engine_stats(duo.right->engine, &s);
	return s;
}

/* The request with COOKIE and PS in front, as RFC 8019 section 7.1.2 has it; from caller `n`. */
static void call(uint32_t n, struct bytes cookie, struct bytes ps)
{
	uint8_t m[SIM_DATAGRAM];
	struct sim_wire w = first;
	struct ike_hdr h;
	struct ike_build b;

	ck_assert_int_eq(ike_hdr_parse(&h, bytes_of(first.data, first.n)), IKE_OK);
	h.spi_i += n + 1;
	ike_build_begin(&b, m, sizeof m, &h);
	if (cookie.n)
		ike_build_notify(&b, IKE_N_COOKIE, cookie);
	if (ps.n) {
		ike_build_payload(&b, IKE_PLD_PS);
		wr_bytes(&b.w, ps);
	}
	size_t at = ike_build_finish(&b).n;
	memcpy(m + at, first.data + IKE_HDR_LEN, first.n - IKE_HDR_LEN);
	w.n = at + first.n - IKE_HDR_LEN;
	be32_store(m + 24, (uint32_t)w.n);
	/* The chain: what stood first in the original comes after what was put in front. */
	if (at == IKE_HDR_LEN)
		m[16] = first.data[16];
	else
		m[ps.n ? at - 4 - ps.n : IKE_HDR_LEN] = first.data[16];
	w.data = m;
	if (w.from.addr.family == ADDR_V4)
		w.from.addr = addr_v4(SPOOFED + n);
	answer_n = 0;
	sim_inject(duo.right, &w);
}

/* The answer's notification of that type; empty: it has none. */
static struct bytes answered(enum ike_notify_type type)
{
	const struct ike_notify *n;

	if (!answer_n || ike_msg_parse(&answer_msg, bytes_of(answer, answer_n)) != IKE_OK)
		return bytes_of(NULL, 0);
	n = ike_msg_notify(&answer_msg, type);
	return n ? n->data : bytes_of(NULL, 0);
}

static const struct bytes nothing;
static uint8_t kept_cookie[IKE_COOKIE_MAX];

static struct bytes keep(struct bytes cookie)
{
	memcpy(kept_cookie, cookie.p, cookie.n);
	return bytes_of(kept_cookie, cookie.n);
}

/* The caller gets a cookie and returns it. */
static void call_with_cookie(uint32_t n)
{
	call(n, nothing, nothing);
	if (answered(IKE_N_COOKIE).n)
		call(n, keep(answered(IKE_N_COOKIE)), nothing);
}

/* What `solution` holds solves the puzzle of the last answer. */
static struct bytes solve(struct bytes puzzle, struct bytes cookie)
{
	static uint8_t solution[IKE_PUZZLE_SOLUTION];
	struct ike_puzzle *p;
	uint32_t tries = UINT32_MAX;

	ck_assert_uint_eq(puzzle.n, 3);
	ck_assert_int_eq(
	    ike_puzzle_new(&p, NULL, be16_load(puzzle.p), puzzle.p[2], cookie), IKE_OK);
	ck_assert_int_eq(ike_puzzle_work(p, &tries), IKE_OK);
	memcpy(solution, ike_puzzle_solution(p).p, sizeof solution);
	ike_puzzle_free(p);
	return bytes_of(solution, sizeof solution);
}

/* Callers that do all that is asked of them, until there are `n` half-open IKE SAs. */
static void fill(uint32_t n)
{
	static uint32_t caller = 100000;

	while (right_stats().half_open < n) {
		call(++caller, nothing, nothing);
		struct bytes cookie = answered(IKE_N_COOKIE), puzzle = answered(IKE_N_PUZZLE);
		if (!cookie.n)
			continue;
		cookie = keep(cookie);
		call(caller, cookie, puzzle.n ? solve(puzzle, cookie) : nothing);
	}
}

static void left_gets_in(void)
{
	duo.sim.tap = NULL;
	scenario_connect(&duo);
	ck_assert_uint_eq(sim_children_up(duo.left), 1);
	ck_assert(sim_mirrored(duo.left, duo.right));
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
}

/* ---- Cookies ---- */

/* From addresses that are not true no cookie comes back: beyond the threshold they cost no key
 * exchange and no byte, and the right caller gets in. */
START_TEST(spoofed)
{
	REQ("7296-2.6-2");
	struct ike_stats s;
	int64_t before, after_first = 0;

	flooded(1, "", "");
	before = bytes_held;
	for (uint32_t i = 0; i < FLOOD; i++) {
		call(i, nothing, nothing);
		if (i == 29)
			after_first = bytes_held;
		if (i >= 29)
			ck_assert_int_le(bytes_held, after_first + 1024);
	}
	s = right_stats();
	ck_assert_uint_eq(s.half_open, 30);
	ck_assert_uint_eq(s.key_exchanges, 30);
	ck_assert_uint_eq(s.cookies_sent, FLOOD - 30);
	ck_assert_uint_eq(answers, FLOOD);
	ck_assert_int_le(after_first - before, 30 * HALF_OPEN_BYTES);
	ck_assert_int_ge(after_first - before, 30 * 1024); /* they are counted */
	left_gets_in();
}
END_TEST

/* A flood from addresses that are true, but not ready to work: cookies come back. Without puzzles
 * the caps hold; memory and key exchanges are bounded by them. */
START_TEST(botnet_without_puzzles)
{
	struct ike_stats s;
	int64_t before;

	flooded(2, "init_limit_half_open = 100; puzzle_threshold = 0;", "");
	before = bytes_held;
	for (uint32_t i = 0; i < FLOOD / 10; i++) {
		call_with_cookie(i);
		ck_assert_int_le(bytes_held, before + 100 * HALF_OPEN_BYTES);
	}
	s = right_stats();
	ck_assert_uint_eq(s.half_open, 100);
	ck_assert_uint_eq(s.key_exchanges, 100);
	ck_assert_uint_eq(s.dropped_limit, FLOOD / 10 - 100);
	ck_assert_uint_eq(s.puzzles_sent, 0);
	/* Half-open IKE SAs end, and then there is room. */
	sim_run_for(&duo.sim, 101 * 1000);
	ck_assert_uint_eq(right_stats().half_open, 0);
	left_gets_in();
}
END_TEST

/* Nobody else fills an address's share: from the third half-open IKE SA on it needs cookies. */
START_TEST(share_of_an_address)
{
	struct ike_stats s;

	flooded(3, "puzzle_threshold_ip = 0;", "");
	for (uint32_t i = 0; i < 10; i++) {
		struct sim_wire w = first;
		uint8_t m[SIM_DATAGRAM];
		memcpy(m, first.data, first.n);
		be32_store(m, i + 1);
		w.data = m;
		sim_inject(duo.right, &w);
	}
	s = right_stats();
	ck_assert_uint_eq(s.half_open, 3);
	ck_assert_uint_eq(s.cookies_sent, 7);
	left_gets_in();
}
END_TEST

/* RFC 8019 section 4.2: IPv6 callers of one /64 are one caller; of the next one they are not. */
START_TEST(share_of_a_prefix)
{
	flooded(4, "cookie_threshold_ip = 0; puzzle_threshold_ip = 0; block_threshold = 5;", "");
	for (uint32_t i = 0; i < 50; i++) {
		char text[ADDR_TEXT];
		/* The own address as responder is never looked at. */
		snprintf(text, sizeof text, "2001:db8:0:%x::%x", i % 2, i + 1);
		ck_assert(addr_parse(&first.from.addr, text));
		call(i, nothing, nothing);
	}
	ck_assert_uint_eq(right_stats().half_open, 10);
	ck_assert_uint_eq(right_stats().dropped_limit, 40);
	scenario_fini(&duo);
}
END_TEST

/* A cookie is for one address, nonce and SPI; another one does not help, and a new one comes. */
START_TEST(cookies_are_bound)
{
	REQ("7296-2.6-3", "7296-2.6-5");
	struct bytes cookie;

	flooded(5, "cookie_threshold = 1;", "");
	call(0, nothing, nothing);
	call(1, nothing, nothing);
	cookie = keep(answered(IKE_N_COOKIE));
	ck_assert_uint_gt(cookie.n, 0);
	ck_assert_uint_le(cookie.n, 64);
	call(2, cookie, nothing);
	ck_assert_uint_eq(right_stats().half_open, 1);
	ck_assert_uint_gt(answered(IKE_N_COOKIE).n, 0);
	call(1, cookie, nothing);
	ck_assert_uint_eq(right_stats().half_open, 2);
	/* Secrets turn every minute; after two the cookie is of no use any more. */
	call(3, nothing, nothing);
	cookie = keep(answered(IKE_N_COOKIE));
	sim_run_for(&duo.sim, 2 * 60 * 1000);
	call(4, nothing, nothing);
	call(5, nothing, nothing);
	call(3, cookie, nothing);
	ck_assert_uint_gt(answered(IKE_N_COOKIE).n, 0);
	ck_assert_uint_eq(right_stats().half_open, 1);
	scenario_fini(&duo);
}
END_TEST

START_TEST(all_ike_sas)
{
	struct ike_limits limits = ike_limits_default;

	limits.ike_sas = 5;
	limits.cookie_threshold = 100;
	flooded(6, "", "");
	duo.right->limits = &limits;
	sim_host_restart(duo.right, NULL);
	for (uint32_t i = 0; i < 20; i++)
		call(i, nothing, nothing);
	ck_assert_uint_eq(right_stats().ike_sas, 5);
	ck_assert_uint_eq(right_stats().half_open, 5);
	ck_assert_uint_eq(right_stats().key_exchanges, 5);
	ck_assert_uint_eq(right_stats().dropped_limit, 15);
	/* Of our own calls, too: with a sentence. */
	ck_assert_int_eq(sim_up(duo.right, "link", NULL, duo.left), IKE_ELIMIT);
	ck_assert_int_eq(duo.right->down_reason.err, IKE_ELIMIT);
	scenario_expect_words(duo.right->down_reason.text, "5");
	scenario_fini(&duo);
}
END_TEST

/* ---- A first guess that is not taken ---- */

/*
 * Android's: KE of MODP-4096, and X25519 offered beside it.
 *   left   IKE_SA_INIT  KE modp4096   -->
 *          <--  [COOKIE]  INVALID_KE_PAYLOAD 31   right: nothing computed, nothing kept
 */
static void refuse_guess(bool cookies, int64_t seed)
{
	static const struct scenario_side left = {
	    .proposals = "\"aes256gcm16-prfsha384-modp4096-x25519\""};
	struct scenario_side right = {.proposals = "\"aes256gcm16-prfsha384-x25519\"",
	    .top = cookies ? "cookie_threshold = 1;" : ""};
	struct bytes group;
	int64_t before;

	first.n = 0;
	scenario_init(&duo, (uint64_t)seed, &left, &right, NULL);
	duo.sim.tap = catch;
	sim_up(duo.left, "link", NULL, duo.right);
	sim_down(duo.left, "link", NULL);
	ck_assert_uint_gt(first.n, 512);
	before = bytes_held;
	if (cookies) {
		/* One half-open IKE SA, of a caller with the right guess: from now on cookies. */
		struct sim_wire guess = first;
		static uint8_t guess_bytes[SIM_DATAGRAM];

		memcpy(guess_bytes, first_bytes, first.n);
		first.n = 0;
		duo.sim.tap = catch;
		sim_host_restart(duo.left, scenario_text(NULL, true));
		sim_up(duo.left, "link", NULL, duo.right);
		sim_down(duo.left, "link", NULL);
		call(7, nothing, nothing);
		ck_assert_uint_eq(right_stats().half_open, 1);
		ck_assert_uint_eq(right_stats().key_exchanges, 1);
		memcpy(first_bytes, guess_bytes, guess.n);
		first = guess;
		before = bytes_held;
		call(8, nothing, nothing);
		ck_assert_uint_gt(answered(IKE_N_COOKIE).n, 0);
		ck_assert_uint_eq(answered(IKE_N_INVALID_KE_PAYLOAD).n, 0);
		call(8, keep(answered(IKE_N_COOKIE)), nothing);
	} else {
		call(8, nothing, nothing);
	}
	group = answered(IKE_N_INVALID_KE_PAYLOAD);
	ck_assert_uint_eq(group.n, 2);
	ck_assert_uint_eq(be16_load(group.p), 31);
	ck_assert_uint_eq(right_stats().key_exchanges, cookies);
	ck_assert_uint_eq(right_stats().ike_sas, cookies);
	sim_run_for(&duo.sim, 1);
	ck_assert_int_le(bytes_held, before);
	scenario_fini(&duo);
}

START_TEST(first_guess)
{
	REQ("7296-1.2-4", "7296-3.4-5");
	refuse_guess(_i, 20 + _i);
}
END_TEST

/* ---- Puzzles ---- */

/* From the threshold on a cookie does not do: the puzzle stands beside it, with the PRF that the
 * caller offered, and a request without a solution is kept out (but for the lot). */
START_TEST(puzzle_is_asked_for)
{
	struct bytes puzzle, cookie;
	uint32_t in = 0;

	flooded(30, "cookie_threshold = 2; puzzle_threshold = 4; puzzle_difficulty = 9;", "");
	for (uint32_t i = 0; i < 4; i++)
		call_with_cookie(i);
	ck_assert_uint_eq(right_stats().half_open, 4);
	call(10, nothing, nothing);
	puzzle = answered(IKE_N_PUZZLE);
	cookie = keep(answered(IKE_N_COOKIE));
	ck_assert_uint_eq(puzzle.n, 3);
	ck_assert_uint_gt(cookie.n, 0);
	ck_assert_uint_le(cookie.n, 64);
	ck_assert_uint_eq(be16_load(puzzle.p), PRF_HMAC_SHA2_384); /* the one that is offered */
	ck_assert_uint_eq(puzzle.p[2], 9);
	/* One in eight gets in with a cookie alone. */
	for (uint32_t i = 100; i < 500; i++) {
		uint32_t before = right_stats().half_open;

		call_with_cookie(i);
		if (right_stats().half_open > before)
			in++;
		else
			ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 3);
	}
	ck_assert_uint_gt(in, 10);
	ck_assert_uint_lt(in, 100);
	ck_assert_uint_eq(right_stats().key_exchanges, 4 + in);
	scenario_fini(&duo);
}
END_TEST

/* However often callers draw that solve nothing, half of the room is kept for those who do. */
START_TEST(room_for_workers)
{
	flooded(40,
	    "cookie_threshold = 2; puzzle_threshold = 4; init_limit_half_open = 24;"
	    "puzzle_difficulty = 9;",
	    "");
	for (uint32_t i = 0; i < 20000; i++)
		call_with_cookie(i);
	ck_assert_uint_ge(right_stats().half_open, 10);
	ck_assert_uint_le(right_stats().half_open, 15);
	left_gets_in();
}
END_TEST

/* At the caps the difficulty has grown. */
START_TEST(harder_with_load)
{
	struct bytes puzzle;

	flooded(31,
	    "cookie_threshold = 2; puzzle_threshold = 4; puzzle_difficulty = 9;"
	    "init_limit_half_open = 8;",
	    "");
	fill(8);
	call(5000, nothing, nothing);
	puzzle = answered(IKE_N_PUZZLE);
	ck_assert_uint_eq(puzzle.n, 3);
	ck_assert_uint_eq(puzzle.p[2], 13);
	for (uint32_t i = 5001; i < 5200; i++)
		call_with_cookie(i);
	ck_assert_uint_eq(right_stats().half_open, 8);
	scenario_fini(&duo);
}
END_TEST

/* All four keys count; a solution is for its cookie; and it is good for half a minute only. */
START_TEST(solutions)
{
	struct bytes cookie, solution;
	uint8_t bad[IKE_PUZZLE_SOLUTION];
	struct ike_stats s;

	flooded(32,
	    "cookie_threshold = 2; puzzle_threshold = 3; init_limit_half_open = 40;"
	    "puzzle_difficulty = 9;",
	    "");
	fill(39);
	s = right_stats();
	call(1000, nothing, nothing);
	cookie = keep(answered(IKE_N_COOKIE));
	solution = solve(answered(IKE_N_PUZZLE), cookie);
	/* So near to the cap next to nothing gets in by lot. */
	for (size_t i = 0; i < IKE_PUZZLE_KEYS; i++) {
		memcpy(bad, solution.p, sizeof bad);
		bad[i * 4] ^= 0x80;
		call(1000, cookie, bytes_of(bad, sizeof bad));
		ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 3);
	}
	memcpy(bad, solution.p, sizeof bad);
	memcpy(bad + 4, bad, 4); /* one key twice */
	call(1000, cookie, bytes_of(bad, sizeof bad));
	ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 3);
	call(1000, cookie, bytes_of(solution.p, 15));
	ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 3);
	call(1001, cookie, solution); /* somebody else's */
	ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 3);
	ck_assert_uint_eq(right_stats().puzzles_solved, s.puzzles_solved);
	ck_assert_uint_eq(right_stats().half_open, 39);
	call(1000, cookie, solution);
	ck_assert_uint_eq(right_stats().puzzles_solved, s.puzzles_solved + 1);
	ck_assert_uint_eq(right_stats().half_open, 40);
	ck_assert_uint_eq(right_stats().key_exchanges, s.key_exchanges + 1);
	/* Once more: it is known, and costs no more. */
	call(1000, cookie, solution);
	ck_assert_uint_eq(right_stats().half_open, 40);
	ck_assert_uint_eq(right_stats().key_exchanges, s.key_exchanges + 1);
	scenario_fini(&duo);
}
END_TEST

/* RFC 8019 section 10: a solution must not count twice, whatever became of the IKE SA. */
START_TEST(solutions_age)
{
	struct bytes cookie, solution;

	flooded(33,
	    "cookie_threshold = 1; puzzle_threshold = 1; init_limit_half_open = 2;"
	    "puzzle_difficulty = 9;",
	    "");
	call(0, nothing, nothing);
	call(1000, nothing, nothing);
	cookie = keep(answered(IKE_N_COOKIE));
	solution = solve(answered(IKE_N_PUZZLE), cookie);
	sim_run_for(&duo.sim, 30 * 1000 + 1);
	call(1000, cookie, solution);
	ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 3);
	ck_assert_uint_eq(right_stats().puzzles_solved, 0);
	cookie = keep(answered(IKE_N_COOKIE));
	solution = solve(answered(IKE_N_PUZZLE), cookie);
	sim_run_for(&duo.sim, 29 * 1000);
	call(1000, cookie, solution);
	ck_assert_uint_eq(right_stats().puzzles_solved, 1);
	scenario_fini(&duo);
}
END_TEST

/* Without a puzzle in the cookie a solution is passed over: RFC 8019 section 7.1.4. */
START_TEST(solution_without_puzzle)
{
	static const uint8_t some[IKE_PUZZLE_SOLUTION] = {1};

	flooded(34, "cookie_threshold = 1; puzzle_threshold = 0;", "");
	call(0, nothing, nothing);
	call(1, nothing, nothing);
	ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 0);
	call(1, keep(answered(IKE_N_COOKIE)), bytes_of(some, sizeof some));
	ck_assert_uint_eq(right_stats().half_open, 2);
	ck_assert_uint_eq(right_stats().puzzles_solved, 0);
	scenario_fini(&duo);
}
END_TEST

/* Of one address: others get in as ever. */
START_TEST(puzzle_for_one_address)
{
	flooded(35, "puzzle_threshold_ip = 2; cookie_threshold_ip = 0;", "");
	for (uint32_t i = 0; i < 3; i++) {
		struct sim_wire w = first;
		uint8_t m[SIM_DATAGRAM];
		memcpy(m, first.data, first.n);
		be32_store(m, i + 1);
		w.data = m;
		answer_n = 0;
		sim_inject(duo.right, &w);
	}
	ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 3);
	ck_assert_uint_eq(right_stats().half_open, 2);
	call(1, nothing, nothing);
	ck_assert_uint_eq(answered(IKE_N_PUZZLE).n, 0);
	ck_assert_uint_eq(right_stats().half_open, 3);
	left_gets_in();
}
END_TEST

/* Both sides: a caller solves what the gateway asks, in slices, and is in; the whole first message
 * with the solution is what both sign. */
START_TEST(solves_and_gets_in)
{
	struct ike_stats s;

	flooded(36,
	    "cookie_threshold = 1; puzzle_threshold = 2; init_limit_half_open = 4;"
	    "puzzle_difficulty = 12;",
	    "");
	fill(3);
	s = right_stats();
	duo.sim.tap = NULL;
	scenario_connect(&duo);
	ck_assert_uint_eq(sim_children_up(duo.left), 1);
	ck_assert(sim_mirrored(duo.left, duo.right));
	ck_assert_uint_eq(right_stats().puzzles_solved, s.puzzles_solved + 1);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
}
END_TEST

/* A call of the engine tries no more keys than its slice, and while it is at work other things go
 * on: a second connection comes up, and time goes on. */
START_TEST(solving_is_sliced)
{
	uint64_t ticks = 0;
	ike_time begun;

	flooded(37,
	    "cookie_threshold = 1; puzzle_threshold = 2; init_limit_half_open = 4;"
	    "puzzle_difficulty = 14;",
	    "");
	fill(3);
	duo.sim.tap = NULL;
	begun = duo.sim.now;
	ck_assert_int_eq(sim_up(duo.left, "link", NULL, duo.right), IKE_OK);
	while (!sim_children_up(duo.left) && duo.sim.now < begun + 5000) {
		sim_run_for(&duo.sim, 1);
		ticks++;
	}
	ck_assert_uint_eq(sim_children_up(duo.left), 1);
	/* 14 bits are 65536 keys in expectation, at 1024 a call and a millisecond between. */
	ck_assert_uint_gt(ticks, 20);
	ck_assert_uint_lt(ticks, 2000);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
}
END_TEST

/* Too hard: it says so and goes on with the cookie, for the lot; and gives up with a sentence. */
START_TEST(too_hard)
{
	flooded(38,
	    "cookie_threshold = 1; puzzle_threshold = 2; init_limit_half_open = 3;"
	    "puzzle_difficulty = 12;",
	    "puzzle_difficulty_max = 11;");
	fill(3);
	duo.sim.tap = NULL;
	scenario_connect(&duo);
	sim_run_for(&duo.sim, 10 * 1000);
	ck_assert_uint_eq(sim_ike_sas(duo.left), 0);
	ck_assert_int_eq(duo.left->down_reason.err, IKE_ELIMIT);
	ck_assert(duo.left->down_retry);
	scenario_expect_words(duo.left->down_reason.text, "10.0.0.2:500");
	scenario_expect_words(duo.left->down_reason.text, "16 zero bits");
	scenario_expect_words(
	    duo.left->down_reason.text, "puzzle_difficulty_max lets us solve up to 11");
	scenario_fini(&duo);
}
END_TEST

/* RFC 8019 section 7.1.2: PUZZLE without COOKIE is ignored, and the caller waits on. */
static bool strip_cookie(struct sim *s, struct sim_wire *w)
{
	(void)s;
	if (addr_equal(&w->from.addr, &duo.right->addr) && w->number < 4) {
		struct ike_hdr h = {.exchange = IKE_EXCHANGE_SA_INIT, .flags = IKE_FLAG_RESPONSE};
		static const uint8_t puzzle[3] = {0, 5, 9};
		struct ike_build b;

		h.spi_i = be64_load(w->data);
		ike_build_begin(&b, w->data, w->cap, &h);
		ike_build_notify(&b, IKE_N_PUZZLE, bytes_of(puzzle, sizeof puzzle));
		w->n = ike_build_finish(&b).n;
	}
	return true;
}

START_TEST(puzzle_without_cookie)
{
	scenario_init(&duo, 39, NULL, NULL, NULL);
	duo.sim.tap = strip_cookie;
	scenario_connect(&duo);
	ck_assert_uint_eq(sim_ike_established(duo.left), 0);
	ck_assert_uint_eq(sim_ike_sas(duo.left), 1);
	sim_run_for(&duo.sim, TEN_MINUTES);
	scenario_expect_up(&duo, 1);
	scenario_fini(&duo);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_flood");
	TCase *t = tcase_create("flood");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, spoofed);
	tcase_add_test(t, botnet_without_puzzles);
	tcase_add_test(t, share_of_an_address);
	tcase_add_test(t, share_of_a_prefix);
	tcase_add_test(t, cookies_are_bound);
	tcase_add_test(t, all_ike_sas);
	tcase_add_loop_test(t, first_guess, 0, 2);
	tcase_add_test(t, puzzle_is_asked_for);
	tcase_add_test(t, room_for_workers);
	tcase_add_test(t, harder_with_load);
	tcase_add_test(t, solutions);
	tcase_add_test(t, solutions_age);
	tcase_add_test(t, solution_without_puzzle);
	tcase_add_test(t, puzzle_for_one_address);
	tcase_add_test(t, solves_and_gets_in);
	tcase_add_test(t, solving_is_sliced);
	tcase_add_test(t, too_hard);
	tcase_add_test(t, puzzle_without_cookie);
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

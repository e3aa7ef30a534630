/*
 * Solving puzzles: RFC 8019 section 7.1.2. Nothing authenticates who asks: the work is bounded by
 * puzzle_difficulty_max, by the rounds of IKE_SA_INIT that we go along with, and by a slice of keys
 * for each call of the engine, whatever the number of IKE SAs that have something to solve.
 */
#include "ike/solver.h"

#include "ike/task/task.h"

enum {
	PAUSE_MS = 1,  /* between slices: the caller gets to do other things */
	OWN_BITS = 16, /* when the responder leaves it to us: section 7.1.1.1 */
	PUZZLE_LEN = 3,
};

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

bool ike_solver_begin(struct ike_sa *sa, const struct ike_notify *puzzle)
{
	struct ike_setup *s = sa->setup;
	struct ike_engine *e = sa->e;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	unsigned most = least(e->limits.puzzle_difficulty_max, IKE_PUZZLE_BITS_MOST);
	unsigned bits;
	uint16_t prf;

	if (puzzle->data.n != PUZZLE_LEN || !most)
		return false;
	prf = be16_load(puzzle->data.p);
	bits = puzzle->data.p[2] ? puzzle->data.p[2] : least(OWN_BITS, most);
	if (bits > most) {
		s->too_hard = bits;
		ike_emit_step(e, &ref,
		    "the responder asks for a puzzle of %u zero bits, more than "
		    "puzzle_difficulty_max (%u): trying with its cookie alone",
		    bits, most);
		return false;
	}
	if (ike_puzzle_new(&s->puzzle, e->p.libctx, prf, bits, ike_blob_bytes(&s->cookie))) {
		ike_emit_step(e, &ref,
		    "the responder asks for a puzzle with PRF %u, which we cannot solve: trying "
		    "with its cookie alone",
		    prf);
		return false;
	}
	s->puzzle_at = e->now;
	sa->win.retry_at = IKE_NEVER; /* the request that is out is no longer the one to answer */
	ike_emit_step(e, &ref,
	    "the responder is busy and asks for a puzzle of %u zero bits: solving it", bits);
	return true;
}

ike_time ike_solver_at(const struct ike_sa *sa)
{
	return sa->setup && sa->setup->puzzle ? sa->setup->puzzle_at : IKE_NEVER;
}

void ike_solver_due(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	unsigned long long tried;
	enum ike_err err;

	if (ike_solver_at(sa) > sa->e->now)
		return;
	err = ike_puzzle_work(s->puzzle, &sa->e->puzzle_tries);
	if (err == IKE_ETEMPORARY) {
		s->puzzle_at = sa->e->now + PAUSE_MS;
		return;
	}
	if (!err && !ike_blob_copy(&s->solution, ike_puzzle_solution(s->puzzle)))
		err = IKE_ENOMEM;
	tried = ike_puzzle_tried(s->puzzle);
	ike_puzzle_free(s->puzzle);
	s->puzzle = NULL;
	if (s->refused) /* while we were at work nothing better could come */
		s->refused_at = sa->e->now + ike_retransmit_wait(&sa->e->retransmit, 0) * 5 / 4;
	if (err)
		ike_emit_step(sa->e, &ref,
		    "the puzzle is not solved after %llu keys: trying with the cookie alone",
		    tried);
	else
		ike_emit_step(sa->e, &ref, "the puzzle is solved, with %llu keys tried", tried);
	if (sa->active && ike_request_send(sa, sa->active))
		sa->win.retry_at = sa->e->now + ike_retransmit_wait(&sa->e->retransmit, 0);
}

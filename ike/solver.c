/*
 * Solving puzzles: RFC 8019 sections 7.1.2 and 7.2.2. Nothing authenticates who asks: the work is
 * bounded by puzzle_difficulty_max, by the rounds of IKE_SA_INIT that we go along with, and by a
 * slice of keys for each call of the engine, whatever the number of IKE SAs that have something to
 * solve.
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

static enum ike_err start(struct ike_sa *sa, const struct ike_notify *puzzle, struct bytes over)
{
	struct ike_setup *s = sa->setup;
	struct ike_engine *e = sa->e;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	unsigned most = least(e->limits.puzzle_difficulty_max, IKE_PUZZLE_BITS_MOST);
	unsigned bits;
	enum ike_err err;

	if (puzzle->data.n != PUZZLE_LEN)
		return IKE_EUNSUPPORTED;
	bits = puzzle->data.p[2] ? puzzle->data.p[2] : least(OWN_BITS, most);
	if (bits > most || !most) {
		s->too_hard = bits;
		ike_emit_step(e, &ref,
		    "the responder asks for a puzzle of %u zero bits, more than "
		    "puzzle_difficulty_max (%u)",
		    bits, most);
		return IKE_ELIMIT;
	}
	err = ike_puzzle_new(&s->puzzle, e->p.libctx, be16_load(puzzle->data.p), bits, over);
	if (err) {
		ike_emit_step(e, &ref, "the responder asks for a puzzle that we cannot solve: %s",
		    ike_err_sentence(err));
		return err;
	}
	s->puzzle_at = e->now;
	ike_emit_step(e, &ref,
	    "the responder is busy and asks for a puzzle of %u zero bits: solving it", bits);
	return IKE_OK;
}

bool ike_solver_begin(struct ike_sa *sa, const struct ike_notify *puzzle)
{
	if (start(sa, puzzle, ike_blob_bytes(&sa->setup->cookie)))
		return false;
	sa->win.retry_at = IKE_NEVER; /* the request that is out is no longer the one to answer */
	return true;
}

enum ike_err ike_solver_begin_auth(struct ike_sa *sa, const struct ike_notify *puzzle)
{
	uint8_t over[IKE_PUZZLE_S_MAX];
	struct wr w = wr_of(over, sizeof over);

	wr_bytes(&w, ike_blob_bytes(&sa->setup->nr));
	wr_u64(&w, sa->spi_r);
	return start(sa, puzzle, wr_written(&w));
}

ike_time ike_solver_at(const struct ike_sa *sa)
{
	return sa->setup && sa->setup->puzzle ? sa->setup->puzzle_at : IKE_NEVER;
}

/* Of IKE_SA_INIT: the cookie alone may do. Of IKE_AUTH: nothing else does. */
static void given_up(struct ike_sa *sa, enum ike_err err, uint64_t tried)
{
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	struct ike_reason why;

	if (sa->phase == IKE_PHASE_INIT_I) {
		ike_emit_step(sa->e, &ref,
		    "the puzzle is not solved after %llu keys: trying with the cookie alone",
		    (unsigned long long)tried);
		return;
	}
	ike_reason_set(&why, err,
	    "the puzzle that the responder asked for is not solved after %llu keys",
	    (unsigned long long)tried);
	ike_sa_fail(sa, &why, true, 0);
}

void ike_solver_due(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;
	struct ike_sa_ref ref = ike_sa_ref_of(sa, NULL);
	uint64_t tried;
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
		given_up(sa, err, tried);
	else
		ike_emit_step(sa->e, &ref, "the puzzle is solved, with %llu keys tried",
		    (unsigned long long)tried);
	if (sa->phase == IKE_PHASE_INIT_I && sa->active && ike_request_send(sa, sa->active))
		sa->win.retry_at = sa->e->now + ike_retransmit_wait(&sa->e->retransmit, 0);
}

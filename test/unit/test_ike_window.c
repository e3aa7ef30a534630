/*
 * Message IDs, repeats, retransmission.
 */
#include "ike/window.h"
#include "test/unit/ike_test.h"
#include "test/unit/req.h"

static struct ike_parcel parcel(const char *text)
{
	struct ike_parcel p = {0};

	ck_assert(ike_parcel_whole(&p, text_bytes(text)));
	return p;
}

enum step_kind { JUDGE, ACCEPT, ANSWER, UNACCEPT, SEND, COMPLETE };

/* A trace: what is done, and what a judgement must say. */
struct step {
	enum step_kind kind;
	bool response;
	uint32_t id;
	const char *raw;
	enum ike_window_verdict want;
};

/* clang-format off */
static const struct step trace[] = {
	/* nothing sent, nothing came */
	{JUDGE,    false, 0, "r0", IKE_WINDOW_NEW_REQUEST},
	{JUDGE,    false, 1, "r1", IKE_WINDOW_OUTSIDE},
	{JUDGE,    true,  0, "x",  IKE_WINDOW_OUTSIDE},
	/* request 0 is being worked on */
	{ACCEPT,   false, 0, "r0", 0},
	{JUDGE,    false, 0, "r0", IKE_WINDOW_BUSY},
	{JUDGE,    false, 0, "R0", IKE_WINDOW_OUTSIDE},
	{JUDGE,    false, 1, "r1", IKE_WINDOW_OUTSIDE},
	/* no memory: as if it had not come */
	{UNACCEPT, false, 0, NULL, 0},
	{JUDGE,    false, 0, "r0", IKE_WINDOW_NEW_REQUEST},
	{ACCEPT,   false, 0, "r0", 0},
	{ANSWER,   false, 0, "a0", 0},
	/* its repeat is answered, a forgery with the same number is not */
	{JUDGE,    false, 0, "r0", IKE_WINDOW_REPEATED},
	{JUDGE,    false, 0, "r0+", IKE_WINDOW_OUTSIDE},
	{JUDGE,    false, 1, "r1", IKE_WINDOW_NEW_REQUEST},
	{ACCEPT,   false, 1, "r1", 0},
	{ANSWER,   false, 1, "a1", 0},
	{JUDGE,    false, 0, "r0", IKE_WINDOW_OUTSIDE},
	{JUDGE,    false, 1, "r1", IKE_WINDOW_REPEATED},
	{JUDGE,    false, 3, "r3", IKE_WINDOW_OUTSIDE},
	/* ours go their own way */
	{SEND,     false, 0, "q0", 0},
	{JUDGE,    true,  0, "x",  IKE_WINDOW_RESPONSE},
	{JUDGE,    true,  1, "x",  IKE_WINDOW_OUTSIDE},
	{COMPLETE, false, 0, NULL, 0},
	{JUDGE,    true,  0, "x",  IKE_WINDOW_OUTSIDE},
	{JUDGE,    true,  1, "x",  IKE_WINDOW_OUTSIDE},
	{SEND,     false, 0, "q1", 0},
	{JUDGE,    true,  1, "x",  IKE_WINDOW_RESPONSE},
	{JUDGE,    false, 2, "r2", IKE_WINDOW_NEW_REQUEST},
};
/* clang-format on */

START_TEST(numbers)
{
	REQ("7296-2.1-4", "7296-2.1-5", "7296-2.3-3", "7296-2.3-7");
	struct ike_window w;

	ike_window_init(&w);
	for (size_t i = 0; i < sizeof trace / sizeof trace[0]; i++) {
		const struct step *s = &trace[i];
		struct ike_parcel b = {0};
		struct ike_mark mark = ike_mark_of(s->raw ? text_bytes(s->raw) : bytes_of(NULL, 0));

		switch (s->kind) {
		case JUDGE:
			ck_assert_msg(
			    ike_window_judge(&w, s->response, s->id, text_bytes(s->raw)) == s->want,
			    "step %zu", i);
			break;
		case ACCEPT: ike_window_accept_request(&w, &mark); break;
		case UNACCEPT: ike_window_unaccept(&w); break;
		case ANSWER:
			b = parcel(s->raw);
			ike_window_answer(&w, &b);
			ck_assert_ptr_null(b.wire.p);
			ck_assert_bytes(ike_parcel_piece(&w.response, 0), text_bytes(s->raw));
			break;
		case SEND:
			b = parcel(s->raw);
			ike_window_send(&w, &b, 0, &ike_retransmit_default);
			break;
		case COMPLETE: ike_window_complete(&w); break;
		}
	}
	ike_window_fini(&w);
}
END_TEST

/* 4 s, then 1.8 times longer each: six datagrams in 165 s. */
START_TEST(schedule)
{
	REQ("7296-2.1-3", "7296-2.1-7", "7296-2.3-6");
	static const uint64_t waits[] = {4000, 7200, 12960, 23328, 41990, 75582};
	struct ike_window w;
	struct ike_parcel b = parcel("request");
	ike_time now = 5000;

	ike_window_init(&w);
	ck_assert(w.retry_at == IKE_NEVER);
	ike_window_send(&w, &b, now, &ike_retransmit_default);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(
		    ike_retransmit_wait(&ike_retransmit_default, (uint32_t)i), waits[i]);
		ck_assert_uint_eq(w.retry_at, now + waits[i]);
		now = w.retry_at;
		ck_assert_int_eq(ike_window_retry(&w, now, &ike_retransmit_default), i < 5);
		ck_assert_bytes(ike_parcel_piece(&w.request, 0), text_bytes("request"));
	}
	ck_assert(w.retry_at == IKE_NEVER);
	ck_assert_uint_eq(w.tries, 5);
	ck_assert_uint_eq((now - w.first_at) / 1000, 165);
	ike_window_fini(&w);
}
END_TEST

/* A cookie makes another request of the same exchange: same number, the schedule anew. */
START_TEST(replaced)
{
	struct ike_window w;
	struct ike_parcel one = parcel("one"), two = parcel("two");

	ike_window_init(&w);
	ike_window_send(&w, &one, 0, &ike_retransmit_default);
	ck_assert(ike_window_retry(&w, 4000, &ike_retransmit_default));
	ike_window_replace(&w, &two, 5000, &ike_retransmit_default);
	ck_assert_uint_eq(w.send_id, 0);
	ck_assert_uint_eq(w.tries, 0);
	ck_assert_uint_eq(w.retry_at, 9000);
	ck_assert_uint_eq(w.first_at, 0);
	ck_assert_bytes(ike_parcel_piece(&w.request, 0), text_bytes("two"));
	ike_window_fini(&w);
}
END_TEST

/* Schedules at the edges: never a wait of nothing, never more than an hour. */
START_TEST(extremes)
{
	struct ike_retransmit rt = {.timeout_ms = 0, .base = 1, .tries = 0};
	struct ike_window w;
	struct ike_parcel b = parcel("x");

	ck_assert_uint_eq(ike_retransmit_wait(&rt, 3), 1);
	rt = (struct ike_retransmit){.timeout_ms = 4000, .base = 1000, .tries = 3};
	ck_assert_uint_eq(ike_retransmit_wait(&rt, 1000000), 3600000);
	rt.tries = 0;
	ike_window_init(&w);
	ike_window_send(&w, &b, 0, &rt);
	ck_assert(!ike_window_retry(&w, 4000, &rt));
	ike_window_fini(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_window");

	add_test(s, "numbers", numbers);
	add_test(s, "schedule", schedule);
	add_test(s, "replaced", replaced);
	add_test(s, "extremes", extremes);
	return run_suite(s);
}

/*
 * What each end accepts as authentication, announced: RFC 9593.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <string.h>

static struct scenario s;

/* Seen on the wire, and what stands in the responder's announcement instead. */
static struct {
	struct bytes instead; /* n 0: as it is */
	unsigned init_requests, init_answers, auth_requests, auth_answers;
} wire;

static void count(const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_SUPPORTED_AUTH_METHODS);
	bool answer = ike_hdr_is_response(&m->hdr);

	if (!n || (!wire.instead.n && !bytes_equal(n->data, bytes_of("\x02\x02", 2))))
		return;
	if (m->hdr.exchange == IKE_EXCHANGE_SA_INIT)
		answer ? wire.init_answers++ : wire.init_requests++;
	else
		answer ? wire.auth_answers++ : wire.auth_requests++;
}

/* The notification is the last of the message for this: its two bytes become what is wanted. */
static void replace(struct sim_wire *w, const struct ike_notify *n)
{
	size_t at = (size_t)(n->data.p - w->data), tail = w->n - at - n->data.n;
	size_t header = at - 8;

	memmove(w->data + at + wire.instead.n, w->data + at + n->data.n, tail);
	memcpy(w->data + at, wire.instead.p, wire.instead.n);
	w->n = at + wire.instead.n + tail;
	be16_store(w->data + header + 2, (uint16_t)(8 + wire.instead.n));
	be32_store(w->data + 24, (uint32_t)w->n);
}

static bool look(struct sim *sim, struct sim_wire *w)
{
	static struct ike_msg outer, inner;
	const struct ike_notify *n;

	if (ike_msg_parse(&outer, bytes_of(w->data, w->n)))
		return true;
	count(outer.hdr.exchange != IKE_EXCHANGE_SA_INIT && evil_open(sim, w, &inner) ? &inner
										      : &outer);
	n = ike_msg_notify(&outer, IKE_N_SUPPORTED_AUTH_METHODS);
	if (wire.instead.n && n && ike_hdr_is_response(&outer.hdr))
		replace(w, n);
	return true;
}

static void one_shown(void *arg, const struct ike_sa_info *sa)
{
	*(ike_ext_set *)arg = sa->extensions;
}

static bool in_force(const struct sim_host *h)
{
	ike_ext_set set = 0;

	ike_engine_each(h->engine, one_shown, &set);
	return ike_ext_has(set, IKE_EXT_AUTH_METHODS);
}

/* The responder with its IKE_SA_INIT, the initiator with its IKE_AUTH: section 3.1. */
START_TEST(who_says_it_where)
{
	memset(&wire, 0, sizeof wire);
	scenario_init(&s, 500, NULL, NULL, NULL);
	s.sim.tap = look;
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(wire.init_requests, 0);
	ck_assert_uint_eq(wire.init_answers, 1);
	ck_assert_uint_eq(wire.auth_requests, 1);
	ck_assert_uint_eq(wire.auth_answers, 0);
	ck_assert(in_force(s.left) && in_force(s.right));
	scenario_fini(&s);
}
END_TEST

static const struct {
	const char *data;
	size_t n;
	const char *words; /* what left says when it is refused; NULL: as without it */
} announced[] = {
    {"\x02\x0e", 2, "it announces that it accepts a digital signature, and"},
    {"\x03\x0e\x00", 3, "it announces that it accepts a digital signature, and"},
    {"\x02\x01\x05\x0e\x01\x30\x00", 7, "accepts an RSA signature or a digital signature, and"},
    {"\x02\x1e", 2, "it announces that it accepts methods that we do not know, and"},
    {"\x02\x02\x02\x0e", 4, NULL}, {"\x02\xff", 2, NULL},        /* beyond what we keep */
    {"\x01\x0e", 2, NULL},                                       /* too short for itself */
    {"\x00", 1, NULL}, {"\x03\x0e", 2, NULL},                    /* longer than there is */
    {"\x02\x0e\x00\x00", 4, "accepts a digital signature, and"}, /* the rest is of no use */
};

/* The responder refuses (the keys differ): the sentence has what it announced. */
START_TEST(helps_to_say_why)
{
	struct scenario_side l = {.psk = "a secret that right does not know"};

	memset(&wire, 0, sizeof wire);
	wire.instead = bytes_of(announced[_i].data, announced[_i].n);
	scenario_init(&s, 510, &l, NULL, NULL);
	s.sim.tap = look;
	scenario_connect(&s);
	ck_assert_uint_eq(sim_ike_established(s.left), 0);
	scenario_expect_words(s.left->down_reason.text,
	    announced[_i].words ? announced[_i].words : "it does not say why");
	sim_run_for(&s.sim, 60000);
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/announce");
	TCase *t = tcase_create("announce");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, who_says_it_where);
	tcase_add_loop_test(t, helps_to_say_why, 0, (int)(sizeof announced / sizeof announced[0]));
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

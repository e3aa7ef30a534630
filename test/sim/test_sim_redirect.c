/*
 * Another gateway is to be called: RFC 5685. Left calls right, which sends it to "other"
 * (10.0.0.3).
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define ELSEWHERE "redirect_to = \"10.0.0.3\";"

static struct scenario s;
static struct sim_host *other;

/* What was seen on the wire. */
static struct {
	unsigned supported, from_right, redirects;
	uint8_t forged[64]; /* a REDIRECT's data that is answered first; n 0: none */
	size_t forged_n;
	bool with_nonce;
	bool sent;
} wire;

/* right.example.org is also other's name: RFC 5685 section 3, one entry for a group of gateways. */
static void three(uint64_t seed, const char *left, const char *right)
{
	struct scenario_side l = {.conn = left}, r = {.conn = right};

	memset(&wire, 0, sizeof wire);
	scenario_init(&s, seed, &l, &r, NULL);
	other = sim_host_add(&s.sim, "other", "10.0.0.3", scenario_text(NULL, false), NULL);
}

static bool look(struct sim *sim, struct sim_wire *w)
{
	static struct ike_msg m;
	static const uint8_t right[] = {1, 4, 10, 0, 0, 2};
	const struct ike_notify *n;

	(void)sim;
	if (ike_msg_parse(&m, bytes_of(w->data, w->n)) || m.hdr.exchange != IKE_EXCHANGE_SA_INIT)
		return true;
	wire.supported += ike_msg_notify(&m, IKE_N_REDIRECT_SUPPORTED) != NULL;
	wire.redirects += ike_msg_notify(&m, IKE_N_REDIRECT) != NULL;
	n = ike_msg_notify(&m, IKE_N_REDIRECTED_FROM);
	wire.from_right += n && bytes_equal(n->data, bytes_of(right, sizeof right));
	return true;
}

static void expect_sent_to_other(void)
{
	static const uint8_t addr[] = {10, 0, 0, 3};
	struct addr right;

	addr_parse(&right, "10.0.0.2");
	ck_assert_uint_eq(s.left->redirects, 1);
	ck_assert_uint_eq(s.left->redirect_to.type, IDENT_IPV4_ADDR);
	ck_assert_mem_eq(s.left->redirect_to.b, addr, 4);
	ck_assert(addr_equal(&s.left->redirect_from, &right));
}

/* As the daemon does it. */
static enum ike_err follow(void)
{
	struct ike_command c = {.kind = IKE_CMD_UP,
	    .conn = &s.left->config->conns[0],
	    .local = {s.left->addr, 500},
	    .remote = {other->addr, 500},
	    .redirected_from = s.left->redirect_from};
	enum ike_err err = ike_engine_command(s.left->engine, s.sim.now, &c);

	sim_drain_all(&s.sim);
	return err;
}

static enum ike_err send_away(struct sim_host *h, const char *to)
{
	struct ident id;
	struct ike_command c = {.kind = IKE_CMD_REDIRECT, .conn = &h->config->conns[0], .to = &id};
	enum ike_err err;

	ck_assert(ident_parse(&id, to));
	err = ike_engine_command(h->engine, s.sim.now, &c);
	sim_drain_all(&s.sim);
	return err;
}

static void one_shown(void *arg, const struct ike_sa_info *sa)
{
	*(struct ike_sa_info *)arg = *sa;
}

static struct ike_sa_info shown(const struct sim_host *h)
{
	struct ike_sa_info info = {0};

	ike_engine_each(h->engine, one_shown, &info);
	return info;
}

static void expect_up_at_other(void)
{
	struct ike_sa_info info = shown(s.left);

	ck_assert_uint_eq(sim_ike_sas(s.left), 1);
	ck_assert_uint_eq(sim_ike_sas(s.right), 0);
	ck_assert_uint_eq(sim_ike_established(other), 1);
	ck_assert_uint_eq(sim_children_up(s.left), 1);
	ck_assert_uint_eq(sim_children_up(s.right), 0);
	ck_assert(sim_mirrored(s.left, other));
	ck_assert(addr_equal(&info.remote.addr, &other->addr));
	ck_assert(addr_equal(&info.redirected_from, &s.right->addr));
	ck_assert(ike_ext_has(info.extensions, IKE_EXT_REDIRECT));
	ck_assert(ike_ext_has(shown(other).extensions, IKE_EXT_REDIRECT));
}

/* Section 3. */
START_TEST(at_the_first_message)
{
	struct ike_stats stats;

	three(400, "", ELSEWHERE);
	s.sim.tap = look;
	scenario_connect(&s);
	expect_sent_to_other();
	ck_assert_uint_eq(wire.supported, 1);
	ck_assert_uint_eq(wire.redirects, 1);
	ck_assert_uint_eq(s.left->ike_downs, 1);
	ck_assert_int_eq(s.left->down_reason.err, IKE_EREDIRECTED);
	scenario_expect_words(s.left->down_reason.text, "10.0.0.2:500 sends us to 10.0.0.3");
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ike_engine_stats(s.right->engine, &stats);
	ck_assert_uint_eq(stats.ike_sas, 0); /* nothing was kept for it */
	ck_assert_int_eq(follow(), IKE_OK);
	sim_run_for(&s.sim, 5000);
	expect_up_at_other();
	ck_assert_uint_eq(wire.from_right, 1);
	ck_assert_uint_eq(wire.supported, 1); /* REDIRECTED_FROM says it too: section 3 */
	scenario_fini(&s);
}
END_TEST

/* Section 6: which connection is meant shows with the identity only. */
START_TEST(when_it_is_known_who_calls)
{
	static const char two[] =
	    "" ELSEWHERE "local = { auth = \"psk\"; id = \"right.example.org\"; }; "
	    "remote = { auth = \"psk\"; id = \"left.example.org\"; }; "
	    "children = { lan = { local_ts = [\"10.2.0.0/16\"]; remote_ts = [\"10.1.0.0/16\"]; }; "
	    "}; };\n"
	    "more = { version = 2; remote_addrs = [\"%any\"]; "
	    "proposals = [\"aes256gcm16-prfsha384-x25519\"]; ";
	static char text[4096];
	struct ike_stats stats;
	const char *usual = scenario_text(NULL, false);
	const char *at = strstr(usual, "dpd_delay"), *rest = strstr(usual, "children = ");

	snprintf(text, sizeof text,
	    "%.*s%s local = { auth = \"psk\"; id = \"x.example.org\"; }; "
	    "remote = { auth = \"psk\"; id = \"y.example.org\"; };\n%s",
	    (int)(at - usual), usual, two, rest);
	memset(&wire, 0, sizeof wire);
	sim_init(&s.sim, 410 + (uint64_t)_i);
	s.left = sim_host_add(&s.sim, "left", "10.0.0.1", scenario_text(NULL, true), NULL);
	s.right = sim_host_add(&s.sim, "right", "10.0.0.2", text, NULL);
	other = sim_host_add(&s.sim, "other", "10.0.0.3", scenario_text(NULL, false), NULL);
	s.sim.tap = look;
	if (_i)
		s.sim.loss_mask = UINT32_C(1) << (_i - 1);
	sim_up(s.left, "link", NULL, s.right);
	sim_run_for(&s.sim, 20000);
	expect_sent_to_other();
	ck_assert_uint_eq(wire.redirects, 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_EREDIRECTED);
	ck_assert_int_eq(s.right->down_reason.err, IKE_EREDIRECTED);
	ike_engine_stats(s.left->engine, &stats);
	ck_assert(_i || stats.retransmits == 0); /* its Delete is answered */
	scenario_expect_words(s.right->down_reason.text, "sent to 10.0.0.3");
	ck_assert_uint_eq(s.left->child_ups + s.right->child_ups, 0);
	ck_assert_int_eq(follow(), IKE_OK);
	sim_run_for(&s.sim, 60000);
	expect_up_at_other();
	scenario_fini(&s);
}
END_TEST

/* Section 5, with each of the datagrams lost: the children are there all the time. */
START_TEST(while_it_is_up)
{
	three(430 + (uint64_t)_i, "", "");
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	if (_i)
		s.sim.loss_mask = UINT32_C(1) << (s.sim.sent + (uint64_t)_i - 1);
	ck_assert_int_eq(send_away(s.right, "10.0.0.3"), IKE_OK);
	sim_run_for(&s.sim, 20000);
	expect_sent_to_other();
	ck_assert_int_eq(send_away(s.right, "10.0.0.4"), IKE_OK); /* one after the other */
	sim_run_for(&s.sim, 20000);
	expect_sent_to_other();
	scenario_expect_up(&s, 1); /* it goes when the other one is there */
	ck_assert_int_eq(follow(), IKE_OK);
	if (!_i) {
		/* The first gateway may still answer what has gone through it. */
		sim_run_for(&s.sim, 1500);
		ck_assert_uint_eq(sim_children_up(other), 1);
		ck_assert_uint_eq(sim_children_up(s.right), 1);
		ck_assert_uint_eq(sim_children_up(s.left), 2);
		sim_run_for(&s.sim, 1500);
		ck_assert_uint_eq(sim_children_up(s.right), 0);
	}
	for (int i = 0; i < 300; i++) {
		ck_assert_uint_ge(sim_children_up(s.left), 1);
		sim_run_for(&s.sim, 100);
	}
	sim_run_for(&s.sim, 60000);
	expect_up_at_other();
	ck_assert_uint_eq(s.left->child_downs, 1);
	scenario_fini(&s);
}
END_TEST

/* The other gateway is not there, or refuses: what is up stays, and may be sent away again. */
START_TEST(stays_when_it_cannot_go)
{
	three(470, "", "");
	if (_i)
		sim_host_restart(
		    other, scenario_text(
			       &(struct scenario_side){.psk = "another secret altogether"}, false));
	else
		other->gone = true;
	scenario_connect(&s);
	ck_assert_int_eq(send_away(s.right, "10.0.0.3"), IKE_OK);
	sim_run_for(&s.sim, 1000);
	ck_assert_int_eq(follow(), IKE_OK);
	sim_run_for(&s.sim, 600000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->rekey_fails, 1);
	ck_assert_uint_eq(s.left->child_downs, 0);
	sim_host_restart(other, scenario_text(NULL, false));
	other->gone = false;
	ck_assert_int_eq(send_away(s.right, "10.0.0.3"), IKE_OK);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(s.left->redirects, 2);
	ck_assert_int_eq(follow(), IKE_OK);
	sim_run_for(&s.sim, 60000);
	expect_up_at_other();
	scenario_fini(&s);
}
END_TEST

/* Who does not announce it is never sent away: section 3. Who called is not sent by who was called.
 */
START_TEST(not_against_its_will)
{
	three(480, "follow_redirects = false;", ELSEWHERE);
	s.sim.tap = look;
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(wire.supported + wire.redirects, 0);
	ck_assert_int_eq(send_away(s.right, "10.0.0.3"), IKE_EUNSUPPORTED);
	ck_assert_int_eq(send_away(s.left, "10.0.0.3"), IKE_EUNSUPPORTED);
	sim_run_for(&s.sim, 60000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->redirects, 0);
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, 60000);
	ck_assert_int_eq(send_away(s.right, "10.0.0.3"), IKE_EUNKNOWN);
	scenario_fini(&s);
}
END_TEST

static const struct {
	uint8_t data[16];
	size_t n;
	bool with_nonce, fine;
} forgeries[] = {
    {{1, 4, 10, 0, 0, 3}, 6, true, true},
    {{1, 4, 10, 0, 0, 3}, 6, false, false},   /* no nonce: section 3 */
    {{1, 4, 10, 0, 0, 3, 0}, 7, true, false}, /* another nonce */
    {{1, 5, 10, 0, 0, 3, 0}, 7, true, false}, /* no IPv4 address */
    {{2, 4, 10, 0, 0, 3}, 6, true, false},    /* no IPv6 address */
    {{4, 4, 10, 0, 0, 3}, 6, true, false},    /* a type that is not known */
    {{3, 0}, 2, true, false},                 /* no name */
    {{3, 3, 'a', '\n', 'b'}, 5, true, false}, /* no name either */
    {{3, 255, 'a'}, 3, false, false},         /* longer than there is */
    {{1}, 1, false, false},
    {{0}, 0, false, false},
    {{3, 5, 'a', '.', 'b', '.', 'c'}, 7, true, true},
};

/* Somebody answers the IKE_SA_INIT before right does. */
static bool forge(struct sim *sim, struct sim_wire *w)
{
	static struct ike_msg m;
	static uint8_t data[SIM_DATAGRAM];
	uint8_t body[300] = {0, 0, 0x40, 0x17};
	size_t n = 4 + wire.forged_n;
	struct sim_wire out = {.from = w->to, .to = w->from, .data = data, .cap = sizeof data};
	struct bytes nonce;

	(void)sim;
	if (wire.sent || ike_msg_parse(&m, bytes_of(w->data, w->n)) ||
	    m.hdr.exchange != IKE_EXCHANGE_SA_INIT || ike_hdr_is_response(&m.hdr))
		return true;
	wire.sent = true;
	nonce = m.nonce;
	memcpy(body + 4, wire.forged, wire.forged_n);
	if (wire.with_nonce) {
		memcpy(body + n, nonce.p, nonce.n);
		n += nonce.n;
	}
	memcpy(data, w->data, 8); /* SPIi */
	memset(data + 8, 0, 8);
	data[16] = IKE_PLD_NOTIFY;
	data[17] = 0x20;
	data[18] = IKE_EXCHANGE_SA_INIT;
	data[19] = IKE_FLAG_RESPONSE;
	memset(data + 20, 0, 4);
	be32_store(data + 24, (uint32_t)(28 + 4 + n));
	data[28] = data[29] = 0;
	be16_store(data + 30, (uint16_t)(4 + n));
	memcpy(data + 32, body, n);
	out.n = 32 + n;
	sim_inject(s.left, &out);
	return true;
}

START_TEST(only_with_our_nonce)
{
	three(490, "", "");
	memcpy(wire.forged, forgeries[_i].data, forgeries[_i].n);
	wire.forged_n = forgeries[_i].n;
	wire.with_nonce = forgeries[_i].with_nonce;
	s.sim.tap = forge;
	scenario_connect(&s);
	ck_assert(wire.sent);
	ck_assert_uint_eq(s.left->redirects, forgeries[_i].fine);
	if (!forgeries[_i].fine)
		scenario_expect_up(&s, 1);
	sim_run_for(&s.sim, 60000);
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim/redirect");
	TCase *t = tcase_create("redirect");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, at_the_first_message);
	tcase_add_loop_test(t, when_it_is_known_who_calls, 0, 8);
	tcase_add_loop_test(t, while_it_is_up, 0, 12);
	tcase_add_loop_test(t, stays_when_it_cannot_go, 0, 2);
	tcase_add_test(t, not_against_its_will);
	tcase_add_loop_test(
	    t, only_with_our_nonce, 0, (int)(sizeof forgeries / sizeof forgeries[0]));
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

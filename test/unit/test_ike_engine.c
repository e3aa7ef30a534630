/*
 * Two engines back to back: the way up, further children, the ways down, what is refused and why.
 */
#include "test/unit/ike_pair.h"
#include "test/unit/ike_test.h"
#include "test/unit/req.h"

static struct ike_pair p;

static void start(void)
{
	ck_assert(pair_start(&p));
}

/* Nothing is left: no SPI, no SA. */
static void expect_gone(void)
{
	struct ike_stats a, b;

	pair_wait(&p, 200000);
	ike_engine_stats(p.a.engine, &a);
	ike_engine_stats(p.b.engine, &b);
	ck_assert_uint_eq(a.ike_sas + b.ike_sas, 0);
	ck_assert_uint_eq(a.half_open + b.half_open, 0);
	ck_assert_uint_eq(p.a.spis_out, 0);
	ck_assert_uint_eq(p.b.spis_out, 0);
	ck_assert(ike_engine_deadline(p.a.engine) == IKE_NEVER);
	ck_assert(ike_engine_deadline(p.b.engine) == IKE_NEVER);
}

static void expect_words(const struct ike_reason *r, const char *word)
{
	ck_assert_msg(strstr(r->text, word) != NULL, "\"%s\" is not in: %s", word, r->text);
}

START_TEST(up_and_down)
{
	REQ("7296-2.4-9");
	pair_init(&p);
	start();
	ck_assert_int_eq(pair_command(&p, &p.a, IKE_CMD_UP), IKE_OK);
	pair_expect_up(&p, 2);
	ck_assert_uint_eq(p.datagrams, 6); /* two for each of INIT, AUTH, the second child */
	ck_assert_uint_eq(p.a.ops + p.b.ops, 4);
	ck_assert_uint_eq(p.a.last_tag, 7);
	ck_assert_int_eq(pair_command(&p, &p.a, IKE_CMD_DOWN), IKE_OK);
	ck_assert_uint_eq(p.a.child_down + p.b.child_down, 4);
	ck_assert_int_eq(p.a.why_down.err, IKE_ELOCALDELETE);
	ck_assert_int_eq(p.b.why_down.err, IKE_EPEERDELETE);
	ck_assert(!p.a.retry);
	expect_gone();
	pair_fini(&p);
}
END_TEST

START_TEST(joins_and_repeats)
{
	pair_init(&p);
	start();
	pair_up(&p, &p.a, 0);
	pair_expect_up(&p, 1);
	ck_assert_uint_eq(p.datagrams, 4);
	pair_up(&p, &p.a, 0); /* up already: nothing goes out */
	ck_assert_uint_eq(p.datagrams, 4);
	pair_up(&p, &p.b, 1); /* the other end asks for the second */
	pair_expect_up(&p, 2);
	ck_assert_uint_eq(p.datagrams, 6);
	ck_assert_uint_eq(p.b.last_tag, 8);
	ck_assert_uint_eq(p.a.last_child.suite.ke.id, KE_CURVE25519);
	pair_command(&p, &p.b, IKE_CMD_STOP);
	expect_gone();
	pair_fini(&p);
}
END_TEST

START_TEST(wrong_psk)
{
	REQ("7296-1.2-2", "7296-2.21.2-1");
	pair_init(&p);
	p.b.psk = "something else";
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	ck_assert_uint_eq(p.a.up + p.b.up + p.a.child_up + p.b.child_up, 0);
	ck_assert_int_eq(p.a.why_down.err, IKE_EAUTH);
	ck_assert_int_eq(p.b.why_down.err, IKE_EAUTH);
	expect_words(&p.a.why_down, "AUTHENTICATION_FAILED");
	expect_words(&p.b.why_down, "a.example.org");
	expect_gone();
	pair_fini(&p);
}
END_TEST

START_TEST(no_psk)
{
	pair_init(&p);
	*(_i ? &p.b.psk : &p.a.psk) = NULL;
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	ck_assert_uint_eq(p.a.up + p.b.up, 0);
	ck_assert_int_eq((_i ? &p.b : &p.a)->why_down.err, IKE_ENOSECRET);
	expect_words(&(_i ? &p.b : &p.a)->why_down, "add an entry to secrets");
	expect_gone();
	pair_fini(&p);
}
END_TEST

/* The responder proves itself, but as somebody else: the initiator leaves and says so. */
START_TEST(wrong_responder_identity)
{
	REQ("7296-2.21.2-1");
	pair_init(&p);
	ck_assert(ident_parse(&p.a.conn.remote.id, "*.example.com"));
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	ck_assert_int_eq(p.a.why_down.err, IKE_EID);
	expect_words(&p.a.why_down, "b.example.org");
	expect_words(&p.a.why_down, "*.example.com");
	ck_assert_uint_eq(p.b.up, 1);
	ck_assert_uint_eq(p.b.down, 1);
	expect_words(&p.b.why_down, "AUTHENTICATION_FAILED");
	expect_gone();
	pair_fini(&p);
}
END_TEST

START_TEST(no_common_proposal)
{
	REQ("7296-3.3.4-4");
	char why[200];

	pair_init(&p);
	ck_assert(proposal_parse(
	    &p.b.conn.proposals.v[0], SA_IKE, "aes128-sha256-modp2048", why, sizeof why));
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	ck_assert_uint_eq(p.a.down, 0); /* a refusal without proof is not believed at once */
	pair_wait(&p, 10000);
	ck_assert_uint_eq(p.a.down, 1);
	ck_assert_int_eq(p.a.why_down.err, IKE_ENOPROPOSAL);
	expect_words(&p.a.why_down, "aes256gcm16");
	expect_words(&p.b.why_down, "aes256gcm16");
	expect_words(&p.b.why_down, "modp2048");
	expect_gone();
	pair_fini(&p);
}
END_TEST

/* Before the true answer somebody forges a refusal: the SA comes up all the same. */
static bool forge_refusal(struct ike_pair *q, struct ike_end *from, const struct ike_datagram *d)
{
	uint8_t m[36] = {0};
	struct ike_datagram forged = {
	    .local = d->local, .remote = d->remote, .data = bytes_of(m, sizeof m)};

	if (from != &q->a || q->datagrams != 1)
		return true;
	memcpy(m, d->data.p, 8);
	memcpy(m + 16, "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24\0\0\0\x08\0\0\0\x0e", 20);
	ck_assert_int_eq(ike_engine_input(q->a.engine, q->now, &forged), IKE_EPEERNOTIFY);
	return true;
}

START_TEST(forged_refusal)
{
	pair_init(&p);
	p.tap = forge_refusal;
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	pair_expect_up(&p, 2);
	pair_wait(&p, 60000);
	pair_expect_up(&p, 2);
	pair_fini(&p);
}
END_TEST

START_TEST(wrong_group_then_right)
{
	char why[200];

	pair_init(&p);
	ck_assert(proposal_parse(
	    &p.b.conn.proposals.v[0], SA_IKE, "aes256gcm16-prfsha384-ecp256", why, sizeof why));
	ck_assert(proposal_parse(
	    &p.b.kids[1].esp_proposals.v[0], SA_ESP, "aes128gcm16-ecp256", why, sizeof why));
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	pair_expect_up(&p, 2);
	ck_assert_uint_eq(p.datagrams, 10); /* one exchange more for the IKE SA, one for "dmz" */
	ck_assert_uint_eq(p.a.last_child.suite.ke.id, KE_ECP_256);
	pair_fini(&p);
}
END_TEST

/* The child of IKE_AUTH fails; the IKE SA stands, and the other child comes. */
START_TEST(first_child_fails)
{
	REQ("7296-1.3.1-3", "7296-2.21.2-3");
	pair_init(&p);
	ck_assert(ts_parse(&p.b.local_ts[0].ts, "172.16.0.0/12"));
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	ck_assert_uint_eq(p.a.child_failed, 1);
	ck_assert_uint_eq(p.b.child_failed, 1);
	ck_assert_int_eq(p.a.why_child.err, IKE_ETS);
	expect_words(&p.b.why_child, "172.16.0.0/12");
	expect_words(&p.b.why_child, "10.2.0.0/16");
	pair_expect_up(&p, 1);
	pair_fini(&p);
}
END_TEST

/* Operations that nobody answers: requests meanwhile are absorbed, and in the end both give up. */
START_TEST(signer_sleeps)
{
	pair_init(&p);
	p.hold_ops = true;
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	ck_assert_uint_eq(p.a.ops, 1);
	expect_gone();
	ck_assert_uint_eq(p.a.down, 1);
	ck_assert_uint_eq(p.b.down, 1);
	expect_words(&p.a.why_down, "nobody answered");
	pair_fini(&p);
}
END_TEST

static bool nothing(struct ike_pair *q, struct ike_end *from, const struct ike_datagram *d)
{
	(void)q;
	(void)from;
	(void)d;
	return false;
}

START_TEST(dead_peer)
{
	pair_init(&p);
	p.a.conn.dpd_delay_ms = 30000;
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	pair_wait(&p, 100000);
	pair_expect_up(&p, 2);
	p.tap = nothing;
	pair_wait(&p, 30000 + 166000);
	ck_assert_uint_eq(p.a.down, 1);
	ck_assert_int_eq(p.a.why_down.err, IKE_ETIMEOUT);
	ck_assert(p.a.retry);
	expect_words(&p.a.why_down, "192.0.2.2");
	ck_assert_uint_eq(p.a.child_down, 2);
	pair_fini(&p);
}
END_TEST

START_TEST(lifetime_ends)
{
	REQ("7296-1.4.1-1", "7296-1.4.1-3", "7296-2.4-8", "7296-2.8-1");
	pair_init(&p);
	p.a.kids[0].hard.time_ms = 60000;
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	pair_wait(&p, 59000);
	ck_assert_uint_eq(p.a.child_down, 0);
	pair_wait(&p, 2000);
	ck_assert_uint_eq(p.a.child_down, 1);
	ck_assert_int_eq(p.a.why_child.err, IKE_ELIFETIME);
	ck_assert_uint_eq(p.b.child_down, 1);
	ck_assert_int_eq(p.b.why_child.err, IKE_EPEERDELETE);
	pair_expect_up(&p, 1);
	pair_fini(&p);
}
END_TEST

START_TEST(stop_without_answer)
{
	pair_init(&p);
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	p.tap = nothing;
	pair_command(&p, &p.a, IKE_CMD_STOP);
	ck_assert_uint_eq(p.a.down, 0);
	pair_wait(&p, 3000);
	ck_assert_uint_eq(p.a.down, 1);
	ck_assert_uint_eq(p.a.child_down, 2);
	ck_assert_int_eq(p.a.why_down.err, IKE_ELOCALDELETE);
	pair_fini(&p);
}
END_TEST

START_TEST(no_spi)
{
	pair_init(&p);
	*(_i ? &p.b.no_more_spis : &p.a.no_more_spis) = true;
	start();
	pair_command(&p, &p.a, IKE_CMD_UP);
	ck_assert_uint_eq(p.a.child_up + p.b.child_up, 0);
	ck_assert_uint_ge(p.a.child_failed, 1);
	pair_command(&p, &p.a, IKE_CMD_STOP);
	expect_gone();
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_engine");

	add_test(s, "up_and_down", up_and_down);
	add_test(s, "joins_and_repeats", joins_and_repeats);
	add_test(s, "wrong_psk", wrong_psk);
	add_loop(s, "no_psk", no_psk, 2);
	add_test(s, "wrong_responder_identity", wrong_responder_identity);
	add_test(s, "no_common_proposal", no_common_proposal);
	add_test(s, "forged_refusal", forged_refusal);
	add_test(s, "wrong_group_then_right", wrong_group_then_right);
	add_test(s, "first_child_fails", first_child_fails);
	add_test(s, "signer_sleeps", signer_sleeps);
	add_test(s, "dead_peer", dead_peer);
	add_test(s, "lifetime_ends", lifetime_ends);
	add_test(s, "stop_without_answer", stop_without_answer);
	add_loop(s, "no_spi", no_spi, 2);
	return run_suite(s);
}

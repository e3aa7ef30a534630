/*
 * What a peer, or somebody in its name, must not get: wider traffic than was asked for, endless
 * rounds before the handshake, a path that it has no right to move, an SA that each end deletes for
 * the other.
 */
#include "ike/child.h"
#include "test/unit/ike_pair.h"
#include "test/unit/ike_test.h"
#include "test/unit/req.h"

static struct ike_pair p;

static struct addr addr(const char *text)
{
	struct addr a;

	ck_assert(addr_parse(&a, text));
	return a;
}

/* ---- Answers that lie ---- */

/* An answer about `c` as the peer would have made it. */
static void honest_answer(const struct ike_child *c, struct ike_msg *m)
{
	struct proposal_list offer;
	struct suite suite = {
	    .encr = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 128}, .sn = {TRANSFORM_SN, SN_64BIT, 0}};

	memset(m, 0, sizeof *m);
	ike_child_offer_proposals(c, true, &offer);
	m->sa.n = 1;
	m->sa.v[0] = proposal_from_suite(&suite, SA_ESP, offer.v[0].number);
	m->sa.v[0].spi_n = 4;
	be32_store(m->sa.v[0].spi, 0xcccc0001);
	ike_child_offer_ts(c, &m->tsi, &m->tsr);
	m->count[IKE_ROW_SA] = m->count[IKE_ROW_TSI] = m->count[IKE_ROW_TSR] = 1;
}

static void widen_tsi(struct ike_msg *m)
{
	ck_assert(ts_parse(&m->tsi.v[0], "10.0.0.0/8"));
}

static void widen_tsr(struct ike_msg *m)
{
	ck_assert(ts_parse(&m->tsr.v[0], "0.0.0.0/0"));
}

static void add_ts(struct ike_msg *m)
{
	struct ts t;

	ck_assert(ts_parse(&t, "192.168.0.0/16"));
	ck_assert(ts_list_add(&m->tsr, &t));
}

static void no_ts(struct ike_msg *m)
{
	m->tsi.n = 0;
}

static void other_cipher(struct ike_msg *m)
{
	m->sa.v[0].t[0].key_bits = 256;
}

static void no_spi(struct ike_msg *m)
{
	memset(m->sa.v[0].spi, 0, 4);
}

static void two_proposals(struct ike_msg *m)
{
	m->sa.v[1] = m->sa.v[0];
	m->sa.n = 2;
}

static void no_sa(struct ike_msg *m)
{
	m->count[IKE_ROW_SA] = 0;
}

static void honest(struct ike_msg *m)
{
	(void)m;
}

static const struct {
	void (*spoil)(struct ike_msg *m);
	enum ike_err want;
} lies[] = {{honest, IKE_OK}, {widen_tsi, IKE_ETS}, {widen_tsr, IKE_ETS}, {add_ts, IKE_ETS},
    {no_ts, IKE_ETS}, {other_cipher, IKE_ENOPROPOSAL}, {no_spi, IKE_ENOPROPOSAL},
    {two_proposals, IKE_ENOPROPOSAL}, {no_sa, IKE_ESYNTAX}};

START_TEST(lying_answer)
{
	REQ("7296-3.3.6-5", "3948-1-3", "3948-2.1-4");
	static const uint8_t nonce[32];
	struct ike_child_answer a = {
	    .ni = bytes_of(nonce, 32), .nr = bytes_of(nonce, 32), .first = true};
	struct ike_msg m;
	struct ike_child *c;
	unsigned before;

	pair_init(&p);
	ck_assert(pair_start(&p));
	pair_up(&p, &p.a, 0);
	before = p.datagrams;
	ck_assert_int_eq(ike_child_new(&c, p.a.engine->first, &p.a.kids[1], 3), IKE_OK);
	honest_answer(c, &m);
	lies[_i].spoil(&m);
	a.m = &m;
	ike_child_take_answer(c, &a);
	ike_sa_settle(p.a.engine->first);
	pair_run(&p);
	if (lies[_i].want == IKE_OK) {
		ck_assert_uint_eq(p.a.child_up, 2);
	} else {
		ck_assert_uint_eq(p.a.child_up, 1);
		ck_assert_uint_eq(p.a.child_failed, 1);
		ck_assert_int_eq(p.a.why_child.err, lies[_i].want);
		ck_assert_uint_eq(p.datagrams, before + 2); /* what the peer made is deleted */
		ck_assert_uint_eq(p.a.spis_out, 1);
	}
	pair_fini(&p);
}
END_TEST

/* ---- Rounds without end ---- */

static uint8_t last_init[4096];
static struct ike_datagram last;

static bool keep_and_lose(struct ike_pair *q, struct ike_end *from, const struct ike_datagram *d)
{
	(void)q;
	(void)from;
	memcpy(last_init, d->data.p, d->data.n);
	last = *d;
	last.data.p = last_init;
	return false;
}

/* A lone notification in answer to the last IKE_SA_INIT. */
static void forge(uint16_t type, struct bytes data)
{
	uint8_t m[128] = {0};
	struct ike_datagram d = {.local = last.local, .remote = last.remote};
	size_t n = 28 + 8 + data.n;

	memcpy(m, last_init, 8);
	m[16] = 41;
	m[17] = 0x20;
	m[18] = 34;
	m[19] = 0x20;
	be32_store(m + 24, (uint32_t)n);
	be16_store(m + 30, (uint16_t)(8 + data.n));
	be16_store(m + 34, type);
	memcpy(m + 36, data.p, data.n);
	d.data = bytes_of(m, n);
	ike_engine_input(p.a.engine, p.now, &d);
	pair_run(&p);
}

START_TEST(cookies_without_end)
{
	pair_init(&p);
	p.tap = keep_and_lose;
	ck_assert(pair_start(&p));
	pair_command(&p, &p.a, IKE_CMD_UP);
	for (unsigned i = 0; i < 50; i++) {
		uint8_t cookie[2] = {1, (uint8_t)i};

		forge(IKE_N_COOKIE, bytes_of(cookie, 2));
	}
	ck_assert_uint_eq(p.datagrams, 1 + 4);
	ck_assert_uint_eq(p.a.down, 0);
	pair_fini(&p);
}
END_TEST

START_TEST(groups_without_end)
{
	pair_init(&p);
	p.tap = keep_and_lose;
	ck_assert(pair_start(&p));
	pair_command(&p, &p.a, IKE_CMD_UP);
	for (unsigned i = 0; i < 50; i++) {
		uint8_t group[2] = {0, i % 2 ? KE_CURVE25519 : KE_ECP_256};

		forge(IKE_N_INVALID_KE_PAYLOAD, bytes_of(group, 2));
	}
	ck_assert_uint_eq(p.datagrams, 1 + 4);
	pair_wait(&p, 10000); /* and then it is a refusal like others */
	ck_assert_int_eq(p.a.why_down.err, IKE_EKE);
	pair_fini(&p);
}
END_TEST

/* A group of nobody's proposals: never taken. */
START_TEST(group_not_offered)
{
	uint8_t group[2] = {0, KE_MODP_2048};

	pair_init(&p);
	p.tap = keep_and_lose;
	ck_assert(pair_start(&p));
	pair_command(&p, &p.a, IKE_CMD_UP);
	forge(IKE_N_INVALID_KE_PAYLOAD, bytes_of(group, 2));
	ck_assert_uint_eq(p.datagrams, 1);
	pair_fini(&p);
}
END_TEST

/* ---- The path ---- */

static const struct {
	bool nat_local, nat_remote, moves;
} nats[] = {{false, true, true}, {false, false, false}, {true, true, false}, {true, false, false}};

START_TEST(who_may_move)
{
	REQ("7296-2.23-13", "7296-2.23-14");
	struct ike_command c = {.kind = IKE_CMD_MOVED};
	struct ike_sa *sa;

	pair_init(&p);
	ck_assert(pair_start(&p));
	pair_up(&p, &p.a, 0);
	sa = p.b.engine->first;
	sa->nat_local = nats[_i].nat_local;
	sa->nat_remote = nats[_i].nat_remote;
	c.spi = p.b.last_child.spi_in;
	c.remote = (struct endpoint){.addr = addr("203.0.113.77"), .port = 12345};
	ck_assert_int_eq(ike_engine_command(p.b.engine, p.now, &c), IKE_OK);
	ck_assert_int_eq(endpoint_equal(&sa->remote, &c.remote), nats[_i].moves);
	c.spi++;
	ck_assert_int_eq(ike_engine_command(p.b.engine, p.now, &c), IKE_EUNKNOWN);
	pair_fini(&p);
}
END_TEST

/* Behind a NAT ourselves we do not follow the peer, but its request is answered where it came from.
 */
START_TEST(answer_goes_back)
{
	REQ("7296-2.11-2");
	struct ike_command down = {.kind = IKE_CMD_DOWN, .conn = &p.a.conn, .child = &p.a.kids[0]};
	struct ike_datagram d, out;
	struct ike_sa *sa;

	pair_init(&p);
	ck_assert(pair_start(&p));
	pair_up(&p, &p.a, 0);
	sa = p.b.engine->first;
	sa->nat_local = sa->nat_remote = true;
	p.tap = keep_and_lose;
	ck_assert_int_eq(ike_engine_command(p.a.engine, p.now, &down), IKE_OK);
	pair_run(&p);
	d = (struct ike_datagram){.local = last.remote, .remote = last.local, .data = last.data};
	d.remote.port = 40123;
	ck_assert_int_eq(ike_engine_input(p.b.engine, p.now, &d), IKE_OK);
	ck_assert(ike_engine_next_datagram(p.b.engine, &out));
	ck_assert_uint_eq(out.remote.port, 40123);
	ck_assert_uint_eq(sa->remote.port, 500);
	pair_fini(&p);
}
END_TEST

static bool lose(struct ike_pair *q, struct ike_end *from, const struct ike_datagram *d)
{
	(void)q;
	(void)from;
	(void)d;
	return false;
}

/* Taken down while its request is out: it comes up and goes at once, at both ends. */
START_TEST(down_while_it_comes_up)
{
	struct ike_command down = {.kind = IKE_CMD_DOWN, .conn = &p.a.conn, .child = &p.a.kids[1]};

	pair_init(&p);
	ck_assert(pair_start(&p));
	pair_up(&p, &p.a, 0);
	p.tap = lose;
	pair_up(&p, &p.a, 1);
	p.tap = NULL;
	ck_assert_int_eq(ike_engine_command(p.a.engine, p.now, &down), IKE_OK);
	pair_wait(&p, 10000);
	ck_assert_uint_eq(p.a.child_up, 2);
	ck_assert_uint_eq(p.a.child_down, 1);
	ck_assert_uint_eq(p.b.child_down, 1);
	ck_assert_uint_eq(p.a.spis_out, 1);
	pair_fini(&p);
}
END_TEST

/* ---- Both at once ---- */

START_TEST(both_begin)
{
	struct ike_command c = {.kind = IKE_CMD_UP, .tag = 1, .conn = &p.b.conn};
	struct ike_stats a, b;

	pair_init(&p);
	ck_assert(pair_start(&p));
	c.local = p.b.at;
	c.remote = p.a.at;
	ck_assert_int_eq(ike_engine_command(p.b.engine, p.now, &c), IKE_OK);
	ck_assert_int_eq(pair_command(&p, &p.a, IKE_CMD_UP), IKE_OK);
	pair_wait(&p, 20000);
	ike_engine_stats(p.a.engine, &a);
	ike_engine_stats(p.b.engine, &b);
	ck_assert_uint_eq(a.ike_sas, 1); /* one of the two, the same one for both */
	ck_assert_uint_eq(b.ike_sas, 1);
	ck_assert_uint_eq(p.a.up, 2);
	ck_assert_uint_eq(p.a.child_up - p.a.child_down, 2);
	ck_assert_uint_eq(p.b.child_up - p.b.child_down, 2);
	ck_assert(p.a.engine->first->initiator != p.b.engine->first->initiator);
	pair_fini(&p);
}
END_TEST

static struct ike_pair *closing;

/* While our Delete is on its way, the peer asks for a child. */
static bool ask_now(struct ike_pair *q, struct ike_end *from, const struct ike_datagram *d)
{
	struct ike_command c = {
	    .kind = IKE_CMD_UP, .conn = &q->b.conn, .child = &q->b.kids[1], .local = q->b.at};

	(void)d;
	if (from != &q->a || closing)
		return true;
	closing = q;
	c.remote = q->a.at;
	ike_engine_command(q->b.engine, q->now, &c);
	return false; /* the Delete is lost for now */
}

START_TEST(child_of_a_closing_sa)
{
	pair_init(&p);
	ck_assert(pair_start(&p));
	pair_up(&p, &p.a, 0);
	closing = NULL;
	p.tap = ask_now;
	pair_command(&p, &p.a, IKE_CMD_DOWN);
	ck_assert_uint_eq(p.a.child_up, 1);
	ck_assert_uint_eq(p.b.child_failed, 0); /* TEMPORARY_FAILURE: it waits */
	pair_wait(&p, 60000);
	ck_assert_uint_eq(p.b.child_up, 1);
	ck_assert_uint_eq(p.a.down, 1);
	ck_assert_uint_eq(p.b.down, 1);
	ck_assert_uint_eq(p.a.spis_out + p.b.spis_out, 0);
	pair_fini(&p);
}
END_TEST

/* ---- A packet that waits ---- */

START_TEST(flow_goes_first)
{
	REQ("7296-2.9-1");
	struct ike_command c = {.kind = IKE_CMD_ACQUIRE, .conn = &p.a.conn, .child = &p.a.kids[0]};
	struct ts_list local, remote;
	char text[TS_TEXT];

	pair_init(&p);
	ck_assert(pair_start(&p));
	c.local = p.a.at;
	c.remote = p.b.at;
	c.flow = (struct ts_flow){.src = addr("10.1.0.5"),
	    .dst = addr("10.2.0.9"),
	    .proto = TS_PROTO_TCP,
	    .has_ports = true,
	    .sport = 40000,
	    .dport = 443};
	ck_assert_int_eq(ike_engine_command(p.a.engine, p.now, &c), IKE_OK);
	ike_child_offer_ts(p.a.engine->first->children, &local, &remote);
	ck_assert_uint_eq(local.n, 2);
	ck_assert_str_eq(ts_text(&local.v[0], text), "10.1.0.5/32[tcp/40000]");
	ck_assert_str_eq(ts_text(&local.v[1], text), "10.1.0.0/16");
	ck_assert_str_eq(ts_text(&remote.v[0], text), "10.2.0.9/32[tcp/443]");
	pair_run(&p);
	pair_expect_up(&p, 1);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_guard");

	add_loop(s, "lying_answer", lying_answer, sizeof lies / sizeof lies[0]);
	add_test(s, "cookies_without_end", cookies_without_end);
	add_test(s, "groups_without_end", groups_without_end);
	add_test(s, "group_not_offered", group_not_offered);
	add_loop(s, "who_may_move", who_may_move, sizeof nats / sizeof nats[0]);
	add_test(s, "answer_goes_back", answer_goes_back);
	add_test(s, "down_while_it_comes_up", down_while_it_comes_up);
	add_test(s, "both_begin", both_begin);
	add_test(s, "child_of_a_closing_sa", child_of_a_closing_sa);
	add_test(s, "flow_goes_first", flow_goes_first);
	return run_suite(s);
}

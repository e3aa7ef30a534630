/*
 * What is said outside of IKE SAs: RFC 7296 sections 1.5, 2.4 and 2.21.4. Messages by hand.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum {
	A_MINUTE = 60 * 1000,
	N_INVALID_IKE_SPI = 4,
	N_INVALID_SPI = 11,
	INFORMATIONAL = 37,
	INITIATOR = 0x08,
	RESPONSE = 0x20,
	NONE = 0,
	NOTIFY = 41,
	SK = 46,
};

/* ---- A message by hand ---- */

struct message {
	uint8_t b[256];
	size_t n;
};

static void begin(struct message *m, uint64_t spi_i, uint64_t spi_r, uint8_t flags, uint32_t id)
{
	memset(m, 0, sizeof *m);
	be64_store(m->b, spi_i);
	be64_store(m->b + 8, spi_r);
	m->b[16] = NONE;
	m->b[17] = 0x20;
	m->b[18] = INFORMATIONAL;
	m->b[19] = flags;
	be32_store(m->b + 20, id);
	m->n = 28;
	be32_store(m->b + 24, 28);
}

/* The first payload, and the last. */
static void add(struct message *m, uint8_t type, const void *body, size_t n)
{
	m->b[16] = type;
	be16_store(m->b + m->n + 2, (uint16_t)(4 + n));
	memcpy(m->b + m->n + 4, body, n);
	m->n += 4 + n;
	be32_store(m->b + 24, (uint32_t)m->n);
}

static void add_notify(struct message *m, uint16_t type, const uint8_t *data, size_t n)
{
	uint8_t body[64] = {0};

	be16_store(body + 2, type);
	if (n)
		memcpy(body + 4, data, n);
	add(m, NOTIFY, body, 4 + n);
}

static void add_sealed(struct message *m)
{
	static const uint8_t noise[48] = {1, 2, 3};

	add(m, SK, noise, sizeof noise);
}

static enum ike_err throw_from(
    struct sim_host *to, const struct addr *from, uint16_t port, struct message *m)
{
	struct sim_wire w = {
	    .from = {*from, port}, .to = {to->addr, 4500}, .marker = true, .data = m->b, .n = m->n};

	return sim_inject(to, &w);
}

/* ---- What is sent ---- */

struct watch {
	unsigned n, alive, invalid; /* all; liveness requests; INVALID_SPI inside */
	struct sim_wire last;
	uint8_t data[SIM_DATAGRAM];
	uint32_t spi;
	bool swallow;
};

static bool tap(struct sim *s, struct sim_wire *w)
{
	struct watch *t = s->tap_arg;
	static struct ike_msg m;
	const struct ike_notify *n;

	t->n++;
	t->last = *w;
	memcpy(t->data, w->data, w->n);
	t->last.data = t->data;
	if (evil_open(s, w, &m) && !ike_hdr_is_response(&m.hdr)) {
		t->alive += m.hdr.exchange == INFORMATIONAL && !m.payloads;
		n = ike_msg_notify(&m, IKE_N_INVALID_SPI);
		t->invalid += n != NULL;
		if (n)
			t->spi = be32_load(n->data.p);
	}
	return !t->swallow;
}

static void begin_pair(struct scenario *s, struct watch *t, uint64_t seed)
{
	memset(t, 0, sizeof *t);
	scenario_init(s, seed, NULL, NULL, NULL);
	scenario_connect(s);
	scenario_expect_up(s, 1);
	s->sim.tap = tap;
	s->sim.tap_arg = t;
}

struct spis {
	uint64_t i, r;
};

static void take_spis(void *arg, const struct ike_sa_info *sa)
{
	*(struct spis *)arg = (struct spis){sa->spi_i, sa->spi_r};
}

static struct spis spis_of(const struct sim_host *h)
{
	struct spis spis = {0, 0};

	ike_engine_each(h->engine, take_spis, &spis);
	return spis;
}

static enum ike_err wayward(
    struct sim_host *h, const struct sim_host *from, uint16_t port, uint32_t spi)
{
	struct ike_command c = {.kind = IKE_CMD_WAYWARD,
	    .spi = spi,
	    .local = {h->addr, 0},
	    .remote = {from->addr, port}};
	enum ike_err err = ike_engine_command(h->engine, h->sim->now, &c);

	sim_drain_all(h->sim);
	return err;
}

/* ---- Requests of no SA ---- */

START_TEST(unknown_request)
{
	REQ("7296-2.21.4-2", "7296-2.21.4-3");
	struct addr stranger = addr_v4(0x0a000009);
	struct scenario s;
	struct watch t;
	struct message m;

	begin_pair(&s, &t, 1);
	begin(&m, 0x1111111111111111, 0x2222222222222222, _i ? INITIATOR : 0, 7);
	add_sealed(&m);
	ck_assert_int_eq(throw_from(s.right, &stranger, 12345, &m), IKE_ESPI);
	ck_assert_uint_eq(t.n, 1);
	ck_assert(addr_equal(&t.last.to.addr, &stranger));
	ck_assert_uint_eq(t.last.to.port, 12345);
	/* The same SPIs, exchange and number; a response of the other side; N(INVALID_IKE_SPI). */
	uint8_t want[28 + 8] = {0};
	memset(want, 0x11, 8);
	memset(want + 8, 0x22, 8);
	want[16] = NOTIFY;
	want[17] = 0x20;
	want[18] = INFORMATIONAL;
	want[19] = _i ? RESPONSE : RESPONSE | INITIATOR;
	want[23] = 7;
	want[27] = sizeof want;
	want[31] = 8;
	want[35] = N_INVALID_IKE_SPI;
	ck_assert_uint_eq(t.last.n, sizeof want);
	ck_assert_mem_eq(t.data, want, sizeof want);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Responses, and what is not protected, are never answered. */
START_TEST(never_answered)
{
	REQ("7296-1.5-1", "7296-2.21.4-1");
	struct addr stranger = addr_v4(0x0a000009);
	uint8_t spi[4] = {0xcc, 0, 0, 1};
	struct scenario s;
	struct watch t;
	struct message m;

	begin_pair(&s, &t, 2);
	for (unsigned i = 0; i < 24; i++) {
		uint64_t one = i & 1 ? 0 : 0x1111111111111111;
		begin(&m, one, i & 1 ? 0 : 5, (uint8_t)(i & 2 ? INITIATOR : 0), i);
		m.b[18] = (uint8_t)(35 + i % 3);
		switch (i % 4) {
		case 0:
			m.b[19] |= RESPONSE;
			add_sealed(&m);
			break;
		case 1:
			m.b[18] = INFORMATIONAL;
			add_notify(&m, N_INVALID_SPI, spi, 4);
			break;
		case 2: add_notify(&m, N_INVALID_IKE_SPI, NULL, 0); break;
		case 3:
			m.b[19] |= RESPONSE;
			add_notify(&m, N_INVALID_IKE_SPI, NULL, 0);
			break;
		}
		throw_from(s.right, &stranger, 500, &m);
	}
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(t.n, 0);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* A flood is answered a bounded number of times a second. */
START_TEST(flood_of_requests)
{
	REQ("7296-2.4-5");
	struct addr stranger = addr_v4(0x0a000009);
	struct scenario s;
	struct watch t;
	struct message m;

	begin_pair(&s, &t, 3);
	t.swallow = true;
	for (unsigned i = 0; i < 5000; i++) {
		begin(&m, 0x1111111111111111 + i, 0x2222222222222222, INITIATOR, 7);
		add_sealed(&m);
		throw_from(s.right, &stranger, 500, &m);
	}
	ck_assert_uint_eq(t.n, ike_limits_default.replies_per_s);
	t.swallow = false;
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* ---- Hints ---- */

/* A forged answer: one liveness check at most, the SA stays; the next only later. */
START_TEST(hint_about_the_ike_sa)
{
	REQ("7296-2.21.4-4", "7296-2.21.4-5");
	struct addr stranger = addr_v4(0x0a000009);
	struct scenario s;
	struct watch t;
	struct message m;

	begin_pair(&s, &t, 4);
	struct spis spis = spis_of(s.left);
	for (unsigned i = 0; i < 200; i++) {
		begin(&m, spis.i, spis.r, RESPONSE, i % 4);
		add_notify(&m, N_INVALID_IKE_SPI, NULL, 0);
		throw_from(s.left, &stranger, 4500, &m);
		sim_run_for(&s.sim, 20);
	}
	/* 200 in 4 seconds: one is followed. */
	ck_assert_uint_eq(t.alive, 1);
	ck_assert_uint_eq(t.n, 2); /* the question and the peer's answer */
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->ike_downs + s.right->ike_downs, 0);
	sim_run_for(&s.sim, ike_limits_default.hint_ms);
	unsigned before = t.alive;
	throw_from(s.left, &stranger, 4500, &m);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(t.alive, before + 1);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* INVALID_SPI outside: with zero SPIs, random ones, from the peer's address or not. */
START_TEST(hint_about_a_child)
{
	struct scenario s;
	struct watch t;
	struct message m;
	uint8_t spi[4];

	begin_pair(&s, &t, 5);
	struct addr from = s.right->addr;
	be32_store(spi, sim_sends_with(s.left, "lan"));
	begin(&m, _i == 1 ? 0x9999999999999999 : 0, _i == 1 ? 77 : 0, INITIATOR, 0);
	if (_i == 2)
		be32_store(spi, 0xdeadbeef); /* nobody sends with that */
	if (_i == 3)
		from = addr_v4(0x0a000009); /* nobody sends there */
	add_notify(&m, N_INVALID_SPI, spi, 4);
	throw_from(s.left, &from, 4500, &m);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(t.alive, _i < 2);
	ck_assert_uint_eq(t.n, _i < 2 ? 2 : 0);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* The peer restarts and tells of ESP that it cannot place: we notice long before dpd_delay. */
START_TEST(restart_is_noticed)
{
	static const struct scenario_side seldom = {.conn = "dpd_delay = \"1h\";"};
	struct scenario s;
	struct watch t;

	memset(&t, 0, sizeof t);
	scenario_init(&s, 6, &seldom, &seldom, NULL);
	scenario_connect(&s);
	s.sim.tap = tap;
	s.sim.tap_arg = &t;
	uint32_t out = sim_sends_with(s.left, "lan");
	sim_host_restart(s.right, NULL);
	ck_assert_int_eq(wayward(s.right, s.left, _i ? 4500 : 0, out), IKE_OK);
	ck_assert_uint_eq(t.n, 1);
	ck_assert_uint_eq(t.last.to.port, _i ? 4500 : 500);
	ck_assert_uint_eq(t.data[18], INFORMATIONAL);
	ck_assert_uint_eq(t.data[19], INITIATOR);
	sim_run_for(&s.sim, 1000);
	ck_assert_uint_eq(t.alive, 1);
	ck_assert_uint_eq(sim_children_up(s.left), 1); /* without proof it stays */
	sim_run_for(&s.sim, 5 * A_MINUTE);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ETIMEOUT);
	scenario_fini(&s);
}
END_TEST

/* ---- Inside of the IKE SA ---- */

START_TEST(wayward_packet)
{
	REQ("7296-2.21.4-6", "7296-2.21.4-7", "7296-2.21.4-8");
	struct scenario s;
	struct watch t;

	begin_pair(&s, &t, 7);
	uint32_t out = sim_sends_with(s.left, "lan");
	unsigned steps = s.left->steps;
	/* Not about one that is there. */
	ck_assert_int_eq(wayward(s.right, s.left, 4500, out), IKE_OK);
	ck_assert_uint_eq(t.n, 0);
	for (unsigned i = 0; i < 10; i++) {
		wayward(s.right, s.left, _i ? 4500 : 0, 0x0badcafe + i);
		sim_run_for(&s.sim, 200);
	}
	ck_assert_uint_eq(t.invalid, 1);
	ck_assert_uint_eq(t.n, 2);
	ck_assert_uint_eq(t.spi, 0x0badcafe);
	ck_assert_uint_eq(s.left->steps, steps + 1);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(s.left->ike_downs + s.left->child_downs, 0);
	sim_run_for(&s.sim, ike_limits_default.hint_ms);
	wayward(s.right, s.left, 4500, 0x0badcafe);
	ck_assert_uint_eq(t.invalid, 2);
	scenario_fini(&s);
}
END_TEST

/* Behind one NAT there are many: what came from another port is not this peer's. */
START_TEST(wayward_from_another_port)
{
	struct scenario s;
	struct watch t;

	begin_pair(&s, &t, 8);
	ck_assert_int_eq(wayward(s.right, s.left, 999, 0x0badcafe), IKE_OK);
	ck_assert_uint_eq(t.invalid, 0);
	ck_assert_uint_eq(t.last.to.port, 999);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Packets of a child that just went are no news. */
START_TEST(wayward_after_the_end)
{
	struct scenario s;
	struct watch t;

	begin_pair(&s, &t, 9);
	uint32_t out = sim_sends_with(s.left, "lan");
	sim_rekey(s.left, "link", "lan", false);
	sim_run_for(&s.sim, 1000);
	ck_assert(!sim_receives(s.right, out, 0));
	ck_assert_int_eq(wayward(s.right, s.left, 4500, out), IKE_OK);
	ck_assert_uint_eq(t.invalid, 0);
	sim_run_for(&s.sim, 10000);
	wayward(s.right, s.left, 4500, out);
	ck_assert_uint_eq(t.invalid, 1);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

START_TEST(flood_of_packets)
{
	struct sim_host nobody = {.addr = addr_v4(0x0b000001)};
	struct scenario s;
	struct watch t;

	begin_pair(&s, &t, 10);
	t.swallow = true;
	for (uint32_t i = 0; i < 5000; i++)
		wayward(s.right, i & 1 ? s.left : &nobody, 4500, 0x0badcafe + i);
	ck_assert_uint_le(t.n, ike_limits_default.waywards_per_s);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_hint");
	TCase *t = tcase_create("hint");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, unknown_request, 0, 2);
	tcase_add_test(t, never_answered);
	tcase_add_test(t, flood_of_requests);
	tcase_add_test(t, hint_about_the_ike_sa);
	tcase_add_loop_test(t, hint_about_a_child, 0, 4);
	tcase_add_loop_test(t, restart_is_noticed, 0, 2);
	tcase_add_loop_test(t, wayward_packet, 0, 2);
	tcase_add_test(t, wayward_from_another_port);
	tcase_add_test(t, wayward_after_the_end);
	tcase_add_test(t, flood_of_packets);
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

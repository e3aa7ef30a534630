/*
 * Quick crash detection: RFC 6290. Both roles, by the wire: what is sent, what is believed.
 */
#include "ike/sa.h"
#include "test/sim/evil.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum {
	A_MINUTE = 60 * 1000,
	QCD_TOKEN = 16419,
	N_INVALID_IKE_SPI = 4,
	N_INVALID_SPI = 11,
	INITIATOR = 0x08,
	RESPONSE = 0x20,
	TOKENS = 8,
};

static const struct scenario_side with = {.conn = "dpd_delay = \"30s\"; qcd = true;"};
static const struct scenario_side seldom = {.conn = "dpd_delay = \"1h\"; qcd = true;"};
static const struct scenario_side without = {.conn = "dpd_delay = \"30s\"; qcd = false;"};

/* ---- What is sent ---- */

struct token {
	bool left, sealed, answer;
	uint8_t exchange;
	uint64_t spi_i, spi_r;
	uint8_t proto;
	size_t spi_n, n;
	uint8_t b[256];
	bool invalid_ike_spi;
};

struct watch {
	struct scenario *s;
	struct token v[TOKENS];
	size_t n;
	unsigned datagrams, plain; /* plain: unprotected answers of exchanges that have none */
	bool swallow;
};

static void note(struct watch *t, const struct sim_wire *w, const struct ike_msg *m, bool sealed)
{
	const struct ike_notify *n = ike_msg_notify(m, (enum ike_notify_type)QCD_TOKEN);

	if (!n || t->n == TOKENS)
		return;
	struct token *k = &t->v[t->n++];
	*k = (struct token){.left = addr_equal(&w->from.addr, &t->s->left->addr),
	    .sealed = sealed,
	    .answer = ike_hdr_is_response(&m->hdr),
	    .exchange = m->hdr.exchange,
	    .spi_i = m->hdr.spi_i,
	    .spi_r = m->hdr.spi_r,
	    .proto = n->proto,
	    .spi_n = n->spi.n,
	    .n = n->data.n,
	    .invalid_ike_spi = ike_msg_notify(m, IKE_N_INVALID_IKE_SPI) != NULL};
	ck_assert_uint_le(n->data.n, sizeof k->b);
	memcpy(k->b, n->data.p, n->data.n);
}

static bool tap(struct sim *s, struct sim_wire *w)
{
	struct watch *t = s->tap_arg;
	static struct ike_msg m;
	struct bytes all = bytes_of(w->data, w->n);

	t->datagrams++;
	if (evil_open(s, w, &m)) {
		note(t, w, &m, true);
	} else if (ike_msg_parse(&m, all) == IKE_OK && m.hdr.exchange != IKE_EXCHANGE_SA_INIT &&
		   !ike_hdr_is_sealed(&m.hdr)) {
		t->plain++;
		note(t, w, &m, false);
	}
	return !t->swallow;
}

static void begin(struct scenario *s, struct watch *t, uint64_t seed,
    const struct scenario_side *left, const struct scenario_side *right)
{
	memset(t, 0, sizeof *t);
	t->s = s;
	scenario_init(s, seed, left, right, NULL);
	memset(s->left->kept, 0x4c, sizeof s->left->kept);
	memset(s->right->kept, 0x52, sizeof s->right->kept);
	s->left->keeps = s->right->keeps = true;
	sim_host_restart(s->left, NULL);
	sim_host_restart(s->right, NULL);
	s->sim.tap = tap;
	s->sim.tap_arg = t;
}

static const struct token *token_of(const struct watch *t, bool left)
{
	for (size_t i = t->n; i-- > 0;)
		if (t->v[i].left == left)
			return &t->v[i];
	return NULL;
}

static void take_info(void *arg, const struct ike_sa_info *sa)
{
	*(struct ike_sa_info *)arg = *sa;
}

static struct ike_sa_info info_of(const struct sim_host *h)
{
	struct ike_sa_info info = {0};

	ike_engine_each(h->engine, take_info, &info);
	return info;
}

/* ---- Messages by hand ---- */

struct message {
	uint8_t b[1024];
	size_t n, next_at;
};

static void head(struct message *m, uint64_t spi_i, uint64_t spi_r, uint8_t flags)
{
	memset(m, 0, sizeof *m);
	be64_store(m->b, spi_i);
	be64_store(m->b + 8, spi_r);
	m->b[17] = 0x20;
	m->b[18] = 37;
	m->b[19] = flags;
	m->n = 28;
	m->next_at = 16;
	be32_store(m->b + 24, 28);
}

static void add(struct message *m, uint8_t type, const uint8_t *body, size_t n)
{
	m->b[m->next_at] = type;
	m->next_at = m->n;
	be16_store(m->b + m->n + 2, (uint16_t)(4 + n));
	memcpy(m->b + m->n + 4, body, n);
	m->n += 4 + n;
	be32_store(m->b + 24, (uint32_t)m->n);
}

static void add_notify(
    struct message *m, uint8_t proto, uint16_t type, const uint8_t *data, size_t n)
{
	uint8_t body[300] = {proto};

	be16_store(body + 2, type);
	if (n)
		memcpy(body + 4, data, n);
	add(m, 41, body, 4 + n);
}

static enum ike_err throw_from(struct sim_host *to, const struct endpoint *from, struct message *m)
{
	struct sim_wire w = {
	    .from = *from, .to = {to->addr, 4500}, .marker = true, .data = m->b, .n = m->n};

	return sim_inject(to, &w);
}

static const struct endpoint stranger = {
    .addr = {.family = ADDR_V4, .b = {10, 9, 9, 9}}, .port = 777};

/* A request of that SA by somebody who cannot seal it. */
static void ask(struct sim_host *of, uint64_t spi_i, uint64_t spi_r, uint8_t flags)
{
	static const uint8_t noise[48];
	/* From where the connections take calls. */
	struct endpoint from = {of->sim->hosts[of == &of->sim->hosts[0]].addr, 777};
	struct message m;

	head(&m, spi_i, spi_r, flags);
	add(&m, 46, noise, sizeof noise);
	throw_from(of, &from, &m);
}

/* The peer's right token in an answer to our request, among `wrong` others in front. */
static void show(struct sim_host *to, const struct token *k, unsigned wrong, bool right)
{
	struct ike_sa_info sa = info_of(to);
	struct message m;
	uint8_t other[128];

	head(&m, sa.spi_i, sa.spi_r, (uint8_t)(RESPONSE | (sa.initiator ? 0 : INITIATOR)));
	add_notify(&m, 0, N_INVALID_IKE_SPI, NULL, 0);
	for (unsigned i = 0; i < wrong; i++) {
		memcpy(other, k->b, k->n);
		other[i % k->n] ^= 1;
		add_notify(&m, 1, QCD_TOKEN, other, k->n);
	}
	if (right)
		add_notify(&m, 1, QCD_TOKEN, k->b, k->n);
	throw_from(to, &stranger, &m);
}

/* ---- In IKE_AUTH ---- */

START_TEST(given_in_ike_auth)
{
	REQ("6290-3-1", "6290-4.1-1", "6290-4.1-2", "6290-4.1-3", "6290-5-1", "6290-5-2",
	    "6290-5-3", "6290-5-5", "6290-9.1-1", "6290-9.1-2", "6290-9.1-3");
	static const uint8_t zero[16];
	struct scenario s;
	struct watch t;

	begin(&s, &t, 1, &with, &with);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert_uint_eq(t.n, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(t.v[i].sealed);
		ck_assert_uint_eq(t.v[i].exchange, 35);
		ck_assert_uint_eq(t.v[i].proto, 1);
		ck_assert_uint_eq(t.v[i].spi_n, 0);
		ck_assert_uint_ge(t.v[i].n, 16);
		ck_assert_uint_le(t.v[i].n, 128);
		ck_assert_mem_ne(t.v[i].b, zero, 16);
	}
	ck_assert_mem_ne(t.v[0].b, t.v[1].b, 16); /* another secret */
	ck_assert(ike_ext_has(info_of(s.left).extensions, IKE_EXT_QCD));
	ck_assert(ike_ext_has(info_of(s.right).extensions, IKE_EXT_QCD));
	/* Other SPIs, another token. */
	sim_down(s.left, "link", NULL);
	sim_run_for(&s.sim, 5000);
	scenario_connect(&s);
	ck_assert_uint_eq(t.n, 4);
	ck_assert_mem_ne(t.v[0].b, t.v[2].b, 16);
	ck_assert_mem_ne(t.v[1].b, t.v[3].b, 16);
	scenario_fini(&s);
}
END_TEST

/* `qcd` decides, on each side; who hears no token goes on as always. */
START_TEST(the_users_choice)
{
	REQ("6290-4.2-1", "6290-8.1-4");
	struct scenario s;
	struct watch t;

	begin(&s, &t, 2, _i & 1 ? &with : &without, _i & 2 ? &with : &without);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	unsigned l = _i & 1, r = _i >> 1 & 1;
	ck_assert_uint_eq(t.n, l + r);
	bool both = _i == 3;
	ck_assert_uint_eq(ike_ext_has(info_of(s.left).extensions, IKE_EXT_QCD), both);
	ck_assert_uint_eq(ike_ext_has(info_of(s.right).extensions, IKE_EXT_QCD), both);
	/* Without: nothing is shown, and nothing is believed. */
	ask(s.left, 1, 2, INITIATOR);
	ck_assert_uint_eq(t.plain, 1);
	ck_assert_uint_eq(t.n, 2 * l + r);
	if (_i == 2) { /* left does not take it */
		show(s.left, token_of(&t, false), 0, true);
		ck_assert_uint_eq(sim_ike_established(s.left), 1);
	}
	scenario_fini(&s);
}
END_TEST

/* ---- A crash ---- */

static void expect_gone_silently(struct watch *t, struct sim_host *h, unsigned sent)
{
	ck_assert_uint_eq(sim_ike_sas(h), 0);
	ck_assert_uint_eq(sim_children_up(h), 0);
	ck_assert_int_eq(h->down_reason.err, IKE_ERESTARTED);
	ck_assert(h->down_retry && h->down_established);
	scenario_expect_words(h->down_reason.text, "restarted");
	ck_assert_uint_eq(t->datagrams, sent);
}

/* Either end fails and starts again, knowing nothing: the other notices with its next request, in
 * one round trip. */
START_TEST(restart)
{
	REQ("6290-3-2", "6290-3-3", "6290-3-5", "6290-4.5-2", "6290-5-4", "6290-5.3-1");
	struct scenario s;
	struct watch t;

	begin(&s, &t, 3, &with, &with);
	scenario_connect(&s);
	struct sim_host *fails = _i ? s.left : s.right, *stays = _i ? s.right : s.left;
	struct token given = *token_of(&t, fails == s.left);
	sim_host_restart(fails, NULL);
	unsigned before = t.datagrams;
	sim_run_for(&s.sim, 31 * 1000); /* the next liveness check */
	ck_assert_uint_eq(t.datagrams, before + 2);
	const struct token *shown = token_of(&t, fails == s.left);
	ck_assert(!shown->sealed && shown->answer && shown->invalid_ike_spi);
	ck_assert_uint_eq(shown->proto, 1);
	ck_assert_uint_eq(shown->n, given.n);
	ck_assert_mem_eq(shown->b, given.b, given.n);
	ck_assert_uint_eq(shown->spi_i, given.spi_i);
	ck_assert_uint_eq(shown->spi_r, given.spi_r);
	expect_gone_silently(&t, stays, before + 2);
	sim_run_for(&s.sim, 5 * A_MINUTE);
	expect_gone_silently(&t, stays, before + 2);
	scenario_fini(&s);
}
END_TEST

/* With ESP on its way it is two round trips, whatever dpd_delay is. */
START_TEST(restart_with_traffic)
{
	struct scenario s;
	struct watch t;

	begin(&s, &t, 4, &seldom, &seldom);
	scenario_connect(&s);
	uint32_t spi = sim_sends_with(s.left, "lan");
	sim_host_restart(s.right, NULL);
	struct ike_command c = {.kind = IKE_CMD_WAYWARD,
	    .spi = spi,
	    .local = {s.right->addr, 0},
	    .remote = {s.left->addr, 4500}};
	ck_assert_int_eq(ike_engine_command(s.right->engine, s.sim.now, &c), IKE_OK);
	sim_drain_all(&s.sim);
	sim_run_for(&s.sim, 4 * s.sim.latency_ms + 10);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ERESTARTED);
	scenario_fini(&s);
}
END_TEST

/* Another secret (the state folder is lost): the old way, by time. */
START_TEST(another_secret)
{
	struct scenario s;
	struct watch t;

	begin(&s, &t, 5, &with, &with);
	scenario_connect(&s);
	s.right->kept[0] ^= 1;
	sim_host_restart(s.right, NULL);
	sim_run_for(&s.sim, 40 * 1000);
	ck_assert_uint_eq(sim_ike_sas(s.left), 1);
	sim_run_for(&s.sim, 5 * A_MINUTE);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ETIMEOUT);
	scenario_fini(&s);
}
END_TEST

/* ---- The taker ---- */

/* From anywhere; the right one among many. */
START_TEST(believed)
{
	REQ("6290-3-6", "6290-4.5-1");
	struct scenario s;
	struct watch t;

	begin(&s, &t, 6, &with, &with);
	scenario_connect(&s);
	struct sim_host *taker = _i & 1 ? s.right : s.left;
	unsigned before = t.datagrams;
	show(taker, token_of(&t, taker != s.left), _i & 2 ? 5 : 0, true);
	expect_gone_silently(&t, taker, before);
	scenario_fini(&s);
}
END_TEST

static void wrong_tokens(struct scenario *s, struct watch *t, const struct token *k)
{
	struct ike_sa_info sa = info_of(s->left);
	struct token own = *token_of(t, true);
	struct message m;

	show(s->left, k, 12, false);
	show(s->left, &own, 0, true); /* our own */
	/* Shorter, longer. */
	head(&m, sa.spi_i, sa.spi_r, RESPONSE);
	add_notify(&m, 1, QCD_TOKEN, k->b, k->n - 1);
	add_notify(&m, 1, QCD_TOKEN, k->b, k->n + 1);
	add_notify(&m, 1, QCD_TOKEN, k->b, 0);
	throw_from(s->left, &stranger, &m);
	/* The right one for another SA. */
	head(&m, sa.spi_i, sa.spi_r ^ 1, RESPONSE);
	add_notify(&m, 0, N_INVALID_IKE_SPI, NULL, 0);
	add_notify(&m, 1, QCD_TOKEN, k->b, k->n);
	ck_assert_int_eq(throw_from(s->left, &stranger, &m), IKE_ESPI);
}

START_TEST(not_believed)
{
	REQ("6290-3-4", "6290-4.5-3");
	struct scenario s;
	struct watch t;

	begin(&s, &t, 7, &with, &with);
	scenario_connect(&s);
	struct token k = *token_of(&t, false);
	unsigned steps = s.left->steps;
	wrong_tokens(&s, &t, &k);
	ck_assert_uint_eq(t.plain, 0); /* no answer; a liveness check, for the hint */
	ck_assert_uint_ge(s.left->steps, steps + 1);
	ck_assert_uint_le(s.left->steps, steps + 2);
	sim_run_for(&s.sim, A_MINUTE);
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Guesses at full speed: most are not even looked at, and then not the right one either. */
START_TEST(guesses)
{
	REQ("6290-8.1-1");
	struct scenario s;
	struct watch t;

	begin(&s, &t, 8, &with, &with);
	scenario_connect(&s);
	struct token k = *token_of(&t, false);
	sim_run_for(&s.sim, 2000);
	for (unsigned i = 0; i < 1000; i++)
		show(s.left, &k, 1, false);
	show(s.left, &k, 0, true);
	ck_assert_uint_eq(sim_ike_established(s.left), 1);
	sim_run_for(&s.sim, 2000);
	show(s.left, &k, 0, true);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	scenario_fini(&s);
}
END_TEST

/* With INVALID_SPI, whose header names no IKE SA: right or wrong. */
START_TEST(with_invalid_spi)
{
	REQ("6290-8.2-2", "6290-8.2-3", "6290-8.2-4");
	struct scenario s;
	struct watch t;
	struct message m;
	uint8_t spi[4];

	begin(&s, &t, 9, &seldom, &seldom);
	scenario_connect(&s);
	struct token k = *token_of(&t, false);
	be32_store(spi, sim_sends_with(s.left, "lan"));
	head(&m, 0, 0, INITIATOR);
	add_notify(&m, 0, N_INVALID_SPI, spi, 4);
	if (_i)
		k.b[3] ^= 0x10;
	add_notify(&m, 1, QCD_TOKEN, k.b, k.n);
	for (unsigned i = 0; i < (_i ? 1000 : 1); i++)
		throw_from(s.left, &stranger, &m);
	ck_assert_uint_eq(sim_ike_established(s.left), _i != 0);
	struct ike_stats stats;
	ike_engine_stats(s.left->engine, &stats);
	if (_i)
		ck_assert_uint_gt(stats.dropped_limit, 900);
	scenario_fini(&s);
}
END_TEST

/* ---- New SPIs, new tokens ---- */

START_TEST(rekeyed)
{
	REQ("6290-4.3-1", "6290-4.4-2", "6290-4.4-3");
	struct scenario s;
	struct watch t;

	begin(&s, &t, 10, &with, &with);
	scenario_connect(&s);
	t.n = 0;
	sim_rekey(_i ? s.right : s.left, "link", NULL, true);
	sim_run_for(&s.sim, 2000);
	/* The answerer's with its answer, the asker's in an exchange of its own, at once. */
	ck_assert_uint_eq(t.n, 2);
	ck_assert_uint_eq(t.v[0].exchange, 36);
	ck_assert(t.v[0].answer && t.v[0].left == (_i != 0));
	ck_assert_uint_eq(t.v[1].exchange, 37);
	ck_assert(!t.v[1].answer && t.v[1].left == (_i == 0));
	/* They are those of the new SPIs, and no more come. */
	sim_run_for(&s.sim, 3 * A_MINUTE);
	ck_assert_uint_eq(t.n, 2);
	scenario_expect_up(&s, 1);
	struct token of_right = *token_of(&t, false);
	sim_host_restart(s.right, NULL);
	sim_run_for(&s.sim, 31 * 1000);
	const struct token *shown = token_of(&t, false);
	ck_assert(!shown->sealed);
	ck_assert_mem_eq(shown->b, of_right.b, of_right.n);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ERESTARTED);
	scenario_fini(&s);
}
END_TEST

/* Both rekey at once: whichever stays, both have its tokens. */
START_TEST(rekeyed_at_once)
{
	struct scenario s;
	struct watch t;

	begin(&s, &t, 20 + (uint64_t)_i, &with, &with);
	scenario_connect(&s);
	sim_rekey(s.left, "link", NULL, true);
	sim_rekey(s.right, "link", NULL, true);
	sim_run_for(&s.sim, 10 * 1000);
	scenario_expect_up(&s, 1);
	struct sim_host *fails = _i & 1 ? s.left : s.right, *stays = _i & 1 ? s.right : s.left;
	sim_host_restart(fails, NULL);
	sim_run_for(&s.sim, 31 * 1000);
	ck_assert_uint_eq(sim_ike_sas(stays), 0);
	ck_assert_int_eq(stays->down_reason.err, IKE_ERESTARTED);
	scenario_fini(&s);
}
END_TEST

/* RFC 5723: a resumed SA has SPIs of its own, and the tokens of those. */
START_TEST(resumed)
{
	REQ("6290-4.3-2");
	static const struct scenario_side both = {
	    .conn = "dpd_delay = \"30s\"; qcd = true; resumption = true;"};
	struct scenario s;
	struct watch t;

	begin(&s, &t, 15, &both, &both);
	scenario_connect(&s);
	struct token first = *token_of(&t, false);
	s.right->gone = true;
	sim_run_for(&s.sim, 5 * A_MINUTE);
	ck_assert_uint_eq(sim_ike_sas(s.left), 0);
	s.right->gone = false;
	t.n = 0;
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert(ike_ext_has(info_of(s.left).extensions, IKE_EXT_RESUMED));
	struct token second = *token_of(&t, false);
	ck_assert(second.sealed && second.exchange == 35);
	ck_assert_mem_ne(first.b, second.b, first.n);
	sim_host_restart(s.right, NULL);
	sim_run_for(&s.sim, 31 * 1000);
	ck_assert_int_eq(s.left->down_reason.err, IKE_ERESTARTED);
	scenario_fini(&s);
}
END_TEST

/* ---- The maker ---- */

/* Never for an SA that is there, however the request is bent. */
START_TEST(not_shown_while_it_lives)
{
	REQ("6290-9.2-1");
	struct scenario s;
	struct watch t;

	begin(&s, &t, 11, &with, &with);
	scenario_connect(&s);
	struct sim_host *of = _i ? s.left : s.right;
	struct ike_sa_info sa = info_of(of);
	struct token valid = *token_of(&t, of == s.left);
	t.n = t.plain = 0;
	for (unsigned i = 0; i < 256; i++) {
		if (i & RESPONSE)
			continue;
		ask(of, sa.spi_i, sa.spi_r, (uint8_t)i);
		ask(of, sa.spi_r, sa.spi_i, (uint8_t)i);
		sim_run_for(&s.sim, 100);
	}
	ck_assert_uint_eq(t.n, 0);
	ck_assert_uint_gt(t.plain, 0);
	ask(of, sa.spi_i, 0, INITIATOR);
	ask(of, 0x1234, sa.spi_r ^ 1, INITIATOR);
	ck_assert_uint_ge(t.n, 1); /* of other SPIs: of no use to anybody */
	for (size_t i = 0; i < t.n; i++)
		ck_assert_mem_ne(t.v[i].b, valid.b, 16);
	t.n = 0;
	scenario_expect_up(&s, 1);
	/* During a rekey and after it neither. */
	sim_rekey(s.left, "link", NULL, true);
	for (unsigned i = 0; i < 100; i++) {
		struct ike_sa_info now = info_of(of);
		ask(of, sa.spi_i, sa.spi_r, INITIATOR);
		ask(of, sa.spi_i, sa.spi_r, 0);
		ask(of, now.spi_i, now.spi_r, INITIATOR);
		ask(of, now.spi_i, now.spi_r, 0);
		sim_run_for(&s.sim, 5);
	}
	for (size_t i = 0; i < t.n; i++)
		ck_assert(t.v[i].sealed || (t.v[i].spi_i == sa.spi_i && t.v[i].spi_r == sa.spi_r));
	scenario_expect_up(&s, 1);
	scenario_fini(&s);
}
END_TEST

/* Asked too often it says INVALID_IKE_SPI alone, and then nothing. */
START_TEST(dictionary)
{
	REQ("6290-8.1-2");
	struct scenario s;
	struct watch t;
	struct ike_stats stats;

	begin(&s, &t, 12, &with, &with);
	t.swallow = true;
	for (uint64_t i = 0; i < 5000; i++)
		ask(s.right, 100 + i, 7, INITIATOR);
	ike_engine_stats(s.right->engine, &stats);
	ck_assert_uint_eq(stats.tokens_out, ike_limits_default.tokens_shown_per_s);
	ck_assert_uint_eq(
	    t.plain, ike_limits_default.tokens_shown_per_s + ike_limits_default.replies_per_s);
	scenario_fini(&s);
}
END_TEST

/* Neighbouring SPIs come from a generator that does not give them away. */
START_TEST(unpredictable_spis)
{
	REQ("6290-9.3-1");
	struct scenario s;
	struct watch t;
	uint64_t seen[8] = {0};

	begin(&s, &t, 13, &with, &with);
	for (size_t i = 0; i < 8; i++) {
		scenario_connect(&s);
		seen[i] = info_of(s.right).spi_r;
		for (size_t k = 0; k < i; k++)
			ck_assert_int_ge(__builtin_popcountll(seen[i] ^ seen[k]), 10);
		sim_down(s.left, "link", NULL);
		sim_run_for(&s.sim, 5000);
	}
	scenario_fini(&s);
}
END_TEST

/* A token that is too short or too long for the RFC is not kept. */
START_TEST(odd_lengths)
{
	REQ("6290-9.1-4");
	static const struct {
		size_t n;
		bool kept;
	} sizes[] = {{0, false}, {15, false}, {16, true}, {128, true}, {129, false}};
	uint8_t data[200] = {7}, body[256] = {0};
	struct scenario s;
	struct watch t;

	begin(&s, &t, 14, &with, &without);
	scenario_connect(&s);
	struct ike_sa *sa = s.left->engine->first;
	ck_assert_uint_eq(sa->token.n, 0);
	body[0] = 0;
	be16_store(body + 2, (uint16_t)(8 + sizes[_i].n));
	body[4] = 1;
	be16_store(body + 6, QCD_TOKEN);
	memcpy(body + 8, data, sizes[_i].n);
	struct evil_piece p = {.hdr = {.spi_i = sa->spi_i,
				   .spi_r = sa->spi_r,
				   .major = 2,
				   .exchange = 37,
				   .flags = 0,
				   .msg_id = 0},
	    .number = 1,
	    .total = 1,
	    .next = 41,
	    .content = bytes_of(body, 8 + sizes[_i].n),
	    .from = {s.right->addr, 4500},
	    .to = {s.left->addr, 4500},
	    .marker = true};
	evil_inject(&s.sim, s.left, &p);
	sim_drain_all(&s.sim);
	ck_assert_uint_eq(sa->token.n, sizes[_i].kept ? sizes[_i].n : 0);
	scenario_fini(&s);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_qcd");
	TCase *t = tcase_create("qcd");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, given_in_ike_auth);
	tcase_add_loop_test(t, the_users_choice, 0, 4);
	tcase_add_loop_test(t, restart, 0, 2);
	tcase_add_test(t, restart_with_traffic);
	tcase_add_test(t, another_secret);
	tcase_add_loop_test(t, believed, 0, 4);
	tcase_add_test(t, not_believed);
	tcase_add_test(t, guesses);
	tcase_add_loop_test(t, with_invalid_spi, 0, 2);
	tcase_add_loop_test(t, rekeyed, 0, 2);
	tcase_add_loop_test(t, rekeyed_at_once, 0, 8);
	tcase_add_test(t, resumed);
	tcase_add_loop_test(t, not_shown_while_it_lives, 0, 2);
	tcase_add_test(t, dictionary);
	tcase_add_test(t, unpredictable_spis);
	tcase_add_loop_test(t, odd_lengths, 0, 5);
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

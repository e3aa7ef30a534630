/*
 * The watch over tickets.
 */
#include "test/sim/tickets.h"

#include "ike/sa.h"

#include <check.h>
#include <string.h>

struct tickets tickets;

const struct scenario_side tickets_with = {.conn = "dpd_delay = \"30s\"; resumption = true;"};
const struct scenario_side tickets_patient = {.conn = "dpd_delay = \"0s\"; resumption = true;"};
const struct scenario_side tickets_without = {.conn = "dpd_delay = \"30s\"; resumption = false;"};

static void read_notifies(struct seen *k, const struct ike_msg *m)
{
	for (size_t i = 0; i < m->notify_n; i++) {
		const struct ike_notify *n = &m->notify[i];
		size_t from = n->type == TICKET_LT_OPAQUE ? 4 : 0;

		k->nat = k->nat || n->type == NAT_SOURCE || n->type == NAT_DESTINATION;
		if (n->type < TICKET_LT_OPAQUE || n->type > TICKET_OPAQUE)
			continue;
		k->ticket_type = n->type;
		k->proto = n->proto;
		k->spi_n = n->spi.n;
		ck_assert_uint_le(n->data.n, sizeof k->ticket);
		if (from)
			k->seconds = be32_load(n->data.p);
		k->ticket_n = n->data.n - from;
		if (k->ticket_n)
			memcpy(k->ticket, n->data.p + from, k->ticket_n);
	}
}

static void note(const struct sim_wire *w, const struct ike_msg *m, bool sealed)
{
	struct seen *k = &tickets.v[tickets.n];

	if (tickets.n == KEPT)
		return;
	tickets.n++;
	memset(k, 0, sizeof *k);
	k->left = addr_equal(&w->from.addr, &tickets.s->left->addr);
	k->answer = ike_hdr_is_response(&m->hdr);
	k->sealed = sealed;
	k->exchange = m->hdr.exchange;
	k->spi_i = m->hdr.spi_i;
	k->spi_r = m->hdr.spi_r;
	k->id = m->hdr.msg_id;
	k->has_sa = ike_msg_has(m, IKE_PLD_SA);
	k->has_ke = ike_msg_has(m, IKE_PLD_KE);
	k->has_nonce = ike_msg_has(m, IKE_PLD_NONCE);
	k->has_cert = ike_msg_has(m, IKE_PLD_CERT);
	k->method = ike_msg_has(m, IKE_PLD_AUTH) ? m->auth.method : 0;
	if (k->has_nonce && m->nonce.n <= sizeof k->nonce)
		memcpy(k->nonce, m->nonce.p, m->nonce.n);
	read_notifies(k, m);
	k->w = *w;
	memcpy(k->raw, w->data, w->n);
	k->w.data = k->raw;
}

bool tickets_tap(struct sim *s, struct sim_wire *w)
{
	static struct ike_msg m;
	bool plain = ike_msg_parse(&m, bytes_of(w->data, w->n)) == IKE_OK &&
		     ike_exchange_is_first(m.hdr.exchange);

	if (plain)
		note(w, &m, false);
	else if (evil_open(s, w, &m))
		note(w, &m, true);
	if (tickets.evil_exchange && w->data[18] == tickets.evil_exchange && !tickets.evil.done) {
		tickets.evil.number = w->number;
		s->tap_arg = &tickets.evil;
		evil_tap(s, w);
		s->tap_arg = NULL;
	}
	return w->data[18] != tickets.lost;
}

void tickets_begin(struct scenario *s, uint64_t seed, const struct scenario_side *left,
    const struct scenario_side *right, const struct ike_limits *limits)
{
	memset(&tickets, 0, sizeof tickets);
	tickets.s = s;
	scenario_init(s, seed, left, right, limits);
	s->sim.tap = tickets_tap;
	scenario_connect(s);
	scenario_expect_up(s, 1);
}

/* The nth message (from 0) of that kind; NULL: there is none. */
const struct seen *tickets_find(bool left, uint8_t exchange, bool answer, unsigned nth)
{
	for (size_t i = 0; i < tickets.n; i++)
		if (tickets.v[i].left == left && tickets.v[i].exchange == exchange &&
		    tickets.v[i].answer == answer && nth-- == 0)
			return &tickets.v[i];
	return NULL;
}

const struct seen *tickets_find_type(uint16_t type, unsigned nth)
{
	for (size_t i = 0; i < tickets.n; i++)
		if (tickets.v[i].ticket_type == type && nth-- == 0)
			return &tickets.v[i];
	return NULL;
}

unsigned tickets_count(uint8_t exchange)
{
	unsigned n = 0;

	for (size_t i = 0; i < tickets.n; i++)
		n += tickets.v[i].exchange == exchange;
	return n;
}

static void take_info(void *arg, const struct ike_sa_info *sa)
{
	*(struct ike_sa_info *)arg = *sa;
}

struct ike_sa_info tickets_info(const struct sim_host *h)
{
	struct ike_sa_info info = {0};

	ike_engine_each(h->engine, take_info, &info);
	return info;
}

/* The way is cut until left gives up, and is there again. */
void tickets_lose(struct scenario *s)
{
	s->right->gone = true;
	for (unsigned i = 0; i < 60 && sim_ike_sas(s->left); i++)
		sim_run_for(&s->sim, 10 * 1000);
	ck_assert_uint_eq(sim_ike_sas(s->left), 0);
	ck_assert_int_eq(s->left->down_reason.err, IKE_ETIMEOUT);
	s->right->gone = false;
	tickets.n = 0;
}

void tickets_up_again(struct scenario *s)
{
	ck_assert_int_eq(sim_up(s->left, "link", NULL, s->right), IKE_OK);
	sim_run_for(&s->sim, 5000);
}

void tickets_expect(struct scenario *s, bool resumed)
{
	scenario_expect_up(s, 1);
	ck_assert_uint_eq(ike_ext_has(tickets_info(s->left).extensions, IKE_EXT_RESUMED), resumed);
	ck_assert_uint_eq(ike_ext_has(tickets_info(s->right).extensions, IKE_EXT_RESUMED), resumed);
	if (resumed)
		ck_assert_uint_eq(tickets_count(SA_INIT), 0);
	else
		ck_assert_uint_eq(tickets_count(SA_INIT), 2);
}

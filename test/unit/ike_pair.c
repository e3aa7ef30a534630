/*
 * The wiring of two engines, see ike_pair.h.
 */
#include "test/unit/ike_pair.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pair_inside;

static struct ike_engine *inside_new(const struct ike_params *params)
{
	struct ike_engine *e;

	pair_inside = true;
	e = ike_engine_new(params);
	pair_inside = false;
	return e;
}

static enum ike_err inside_command(struct ike_end *e, ike_time now, const struct ike_command *c)
{
	enum ike_err err;

	pair_inside = true;
	err = ike_engine_command(e->engine, now, c);
	pair_inside = false;
	return err;
}

static void inside_input(struct ike_end *e, ike_time now, const struct ike_datagram *d)
{
	pair_inside = true;
	ike_engine_input(e->engine, now, d);
	pair_inside = false;
}

static void inside_tick(struct ike_end *e, ike_time now)
{
	pair_inside = true;
	ike_engine_tick(e->engine, now);
	pair_inside = false;
}

static uint32_t spi_get(void *arg)
{
	struct ike_end *e = arg;

	if (e->no_more_spis)
		return 0;
	e->spis_out++;
	return e->next_spi++;
}

static void spi_put(void *arg, uint32_t spi)
{
	struct ike_end *e = arg;

	(void)spi;
	e->spis_out--;
}

static struct config_ts net(const char *text)
{
	struct config_ts c = {.dynamic = false};

	ck_assert(ts_parse(&c.ts, text));
	return c;
}

static void add_proposal(struct proposal_list *l, enum sa_proto proto, const char *text)
{
	char why[200];

	ck_assert_msg(proposal_parse(&l->v[l->n], proto, text, why, sizeof why), "%s", why);
	l->n++;
}

static char child_names[2][4] = {"lan", "dmz"};
static char conn_name[] = "office";
static char addr_a[] = "192.0.2.1", addr_b[] = "192.0.2.2";

static void end_init(struct ike_end *e, const char *own, const char *peer, bool is_a)
{
	static const char *const nets[2][2] = {
	    {"10.1.0.0/16", "10.2.0.0/16"}, {"10.3.0.0/16", "10.4.0.0/16"}};

	memset(e, 0, sizeof *e);
	e->psk = "correct horse battery staple";
	e->next_spi = is_a ? 0xa0000001 : 0xb0000001;
	e->local_addr = is_a ? addr_a : addr_b;
	e->remote_addr = is_a ? addr_b : addr_a;
	ck_assert(addr_parse(&e->at.addr, e->local_addr));
	e->at.port = 500;
	e->conn.name = conn_name;
	e->conn.local_addrs = &e->local_addr;
	e->conn.remote_addrs = &e->remote_addr;
	e->conn.local_addrs_n = e->conn.remote_addrs_n = 1;
	e->conn.local_port = e->conn.remote_port = 500;
	e->conn.unique = UNIQUE_REPLACE;
	add_proposal(&e->conn.proposals, SA_IKE, "aes256gcm16-prfsha384-x25519-ecp256");
	ck_assert(ident_parse(&e->conn.local.id, own));
	ck_assert(ident_parse(&e->conn.remote.id, peer));
	for (size_t i = 0; i < 2; i++) {
		e->kids[i].name = child_names[i];
		e->local_ts[i] = net(nets[i][is_a ? 0 : 1]);
		e->remote_ts[i] = net(nets[i][is_a ? 1 : 0]);
		e->kids[i].local_ts = &e->local_ts[i];
		e->kids[i].remote_ts = &e->remote_ts[i];
		e->kids[i].local_ts_n = e->kids[i].remote_ts_n = 1;
		add_proposal(&e->kids[i].esp_proposals, SA_ESP, "aes128gcm16-x25519-ecp256");
	}
	e->conn.children = e->kids;
	e->conn.children_n = 2;
	e->config.conns = &e->conn;
	e->config.conns_n = 1;
}

void pair_init(struct ike_pair *p)
{
	memset(p, 0, sizeof *p);
	end_init(&p->a, "a.example.org", "b.example.org", true);
	end_init(&p->b, "b.example.org", "a.example.org", false);
	p->now = 1000000;
}

static bool end_start(struct ike_end *e)
{
	struct ike_params params = {.config = &e->config,
	    .limits = &ike_limits_default,
	    .spi_get = spi_get,
	    .spi_put = spi_put,
	    .spi_arg = e};

	e->engine = inside_new(&params);
	return e->engine != NULL;
}

bool pair_start(struct ike_pair *p)
{
	return end_start(&p->a) && end_start(&p->b);
}

static void end_fini(struct ike_end *e)
{
	ike_engine_free(e->engine);
	secret_fini(&e->last_child.encr_in);
	secret_fini(&e->last_child.encr_out);
}

void pair_fini(struct ike_pair *p)
{
	end_fini(&p->a);
	end_fini(&p->b);
}

static void do_op(struct ike_pair *p, struct ike_end *e, const struct ike_op *op)
{
	struct ike_command c = {.kind = IKE_CMD_OP_DONE, .op.op_id = op->op_id};
	struct secret mac = SECRET_NONE;
	struct bytes psk = {0};

	e->ops++;
	p->held_op[e == &p->b] = op->op_id;
	if (p->hold_ops)
		return;
	if (e->psk)
		psk = bytes_of(e->psk, strlen(e->psk));
	c.op.found =
	    e->psk && ike_psk_mac(NULL, op->prf, psk, secret_bytes(&op->octets), &mac) == IKE_OK;
	c.op.result = secret_bytes(&mac);
	inside_command(e, p->now, &c);
	secret_fini(&mac);
}

static void keep_child(struct ike_end *e, struct ike_child_up *up)
{
	secret_move(&e->last_child.encr_in, &up->encr_in);
	secret_move(&e->last_child.encr_out, &up->encr_out);
	e->last_child.suite = up->suite;
	e->last_child.spi_in = up->spi_in;
	e->last_child.spi_out = up->spi_out;
	e->last_child.local_ts = up->local_ts;
	e->last_child.remote_ts = up->remote_ts;
	e->last_child.encap = up->encap;
	e->last_child.vips_n = up->vips_n;
}

static void take_event(struct ike_pair *p, struct ike_end *e, struct ike_event *ev)
{
	switch (ev->kind) {
	case IKE_EV_OP: do_op(p, e, &ev->u.op); break;
	case IKE_EV_IKE_UP: e->up++; break;
	case IKE_EV_IKE_DOWN:
		e->down++;
		e->why_down = ev->reason;
		e->retry = ev->u.ike_down.retry;
		e->last_tag = ev->ref.tag;
		break;
	case IKE_EV_CHILD_UP:
		e->child_up++;
		e->last_tag = ev->ref.tag;
		keep_child(e, &ev->u.child_up);
		break;
	case IKE_EV_CHILD_DOWN:
		e->child_down++;
		e->spis_out--;
		e->why_child = ev->reason;
		break;
	case IKE_EV_CHILD_FAILED:
		e->child_failed++;
		e->why_child = ev->reason;
		break;
	case IKE_EV_STEP: e->steps++; break;
	case IKE_EV_PATH:
	case IKE_EV_REKEYED:
	case IKE_EV_REKEY_FAILED:
	case IKE_EV_REDIRECT:
	case IKE_EV_KEYS: break;
	}
	ike_event_clear(ev);
}

static bool drain(struct ike_pair *p, struct ike_end *from, struct ike_end *to)
{
	struct ike_datagram d, in;
	struct ike_event ev;
	uint8_t copy[4096];
	bool any = false;

	while (ike_engine_next_event(from->engine, &ev)) {
		take_event(p, from, &ev);
		any = true;
	}
	while (ike_engine_next_datagram(from->engine, &d)) {
		any = true;
		p->datagrams++;
		ck_assert_uint_le(d.data.n, sizeof copy);
		memcpy(copy, d.data.p, d.data.n);
		d.data.p = copy; /* the tap may call the engine that lent it */
		if (p->tap && !p->tap(p, from, &d))
			continue;
		in = (struct ike_datagram){.local = d.remote,
		    .remote = d.local,
		    .marker = d.marker,
		    .data = bytes_of(copy, d.data.n)};
		inside_input(to, p->now, &in);
	}
	return any;
}

void pair_run(struct ike_pair *p)
{
	unsigned turns = 0;

	bool any;

	do {
		any = drain(p, &p->a, &p->b);
		any = drain(p, &p->b, &p->a) || any;
		ck_assert_uint_lt(turns++, 1000);
	} while (any);
}

void pair_wait(struct ike_pair *p, uint64_t ms)
{
	ike_time until = p->now + ms;

	pair_run(p);
	for (;;) {
		ike_time a = ike_engine_deadline(p->a.engine), b = ike_engine_deadline(p->b.engine);
		ike_time at = a < b ? a : b;

		if (at > until)
			break;
		p->now = at > p->now ? at : p->now;
		inside_tick(&p->a, p->now);
		inside_tick(&p->b, p->now);
		pair_run(p);
	}
	p->now = until;
}

enum ike_err pair_command(struct ike_pair *p, struct ike_end *e, enum ike_command_kind kind)
{
	struct ike_command c = {.kind = kind, .tag = 7, .conn = &e->conn, .local = e->at};
	enum ike_err err;

	c.remote = (e == &p->a ? &p->b : &p->a)->at;
	err = inside_command(e, p->now, &c);
	pair_run(p);
	return err;
}

enum ike_err pair_up(struct ike_pair *p, struct ike_end *e, size_t child)
{
	struct ike_command c = {.kind = IKE_CMD_UP,
	    .tag = 8,
	    .conn = &e->conn,
	    .child = &e->kids[child],
	    .local = e->at};
	enum ike_err err;

	c.remote = (e == &p->a ? &p->b : &p->a)->at;
	err = inside_command(e, p->now, &c);
	pair_run(p);
	return err;
}

static bool same(const struct secret *a, const struct secret *b)
{
	return secret_equal(secret_bytes(a), secret_bytes(b));
}

void pair_expect_up(const struct ike_pair *p, unsigned n)
{
	const struct ike_child_up *a = &p->a.last_child, *b = &p->b.last_child;

	ck_assert_uint_eq(p->a.up - p->a.down, 1);
	ck_assert_uint_eq(p->b.up - p->b.down, 1);
	ck_assert_uint_eq(p->a.child_up - p->a.child_down, n);
	ck_assert_uint_eq(p->b.child_up - p->b.child_down, n);
	ck_assert_uint_eq(a->spi_in, b->spi_out);
	ck_assert_uint_eq(a->spi_out, b->spi_in);
	ck_assert_uint_gt(a->encr_in.n, 0);
	ck_assert(same(&a->encr_in, &b->encr_out) && same(&a->encr_out, &b->encr_in));
	ck_assert(!same(&a->encr_in, &a->encr_out));
	ck_assert(ts_list_equal(&a->local_ts, &b->remote_ts));
	ck_assert(ts_list_equal(&a->remote_ts, &b->local_ts));
}

/*
 * One simulated host: an engine, the signer's answers, and a table of what a data plane would have
 * installed. Checks the engine's invariants after every call.
 */
#include "ike/child.h"
#include "test/sim/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "simulation: %s\n", what);
	abort();
}

static uint32_t spi_get(void *arg)
{
	struct sim_host *h = arg;

	h->spis_held++;
	return ++h->next_spi;
}

static void spi_put(void *arg, uint32_t spi)
{
	struct sim_host *h = arg;

	(void)spi;
	sim_must(h->spis_held > 0, "an SPI was given back twice");
	h->spis_held--;
}

static void note_spi(struct sim_host *h, uint32_t spi, enum sim_spi_state state)
{
	size_t i = spi - h->first_spi;

	if (i >= h->spis_n) {
		size_t n = i * 2 + 64;
		h->spis = realloc(h->spis, n * sizeof *h->spis);
		sim_must(h->spis != NULL, "no memory");
		memset(h->spis + h->spis_n, 0, (n - h->spis_n) * sizeof *h->spis);
		h->spis_n = n;
	}
	h->spis[i].state = state;
	h->spis[i].at = h->sim->now;
}

struct sim_spi sim_spi_state(const struct sim_host *h, uint32_t spi)
{
	size_t i = spi - h->first_spi;

	return i < h->spis_n ? h->spis[i] : (struct sim_spi){0};
}

/* ---- The signer ---- */

static const struct config_secret *find_secret(const struct sim_host *h, const struct ike_op *op)
{
	const struct config_secret *best = NULL;
	int best_score = -1;

	for (size_t i = 0; i < h->config->secrets_n && !h->no_secrets; i++) {
		const struct config_secret *s = &h->config->secrets[i];
		int local = 0, remote = 0;

		if (s->type != SECRET_PSK)
			continue;
		for (size_t k = 0; k < s->ids_n; k++) {
			int l = ident_match(&op->local_id, &s->ids[k]);
			int r = ident_match(&op->remote_id, &s->ids[k]);
			local = l > local ? l : local;
			remote = r > remote ? r : remote;
		}
		if (s->ids_n && !remote)
			continue;
		if (local + remote > best_score) {
			best_score = local + remote;
			best = s;
		}
	}
	return best;
}

void sim_answer_op(struct sim_host *h, const struct ike_op *op)
{
	const struct config_secret *s = find_secret(h, op);
	struct ike_command done = {.kind = IKE_CMD_OP_DONE};
	struct secret mac = SECRET_NONE;

	done.op.op_id = op->op_id;
	if (op->kind == IKE_OP_PPK) {
		s = h->no_secrets
			? NULL
			: config_ppk_find(h->config, bytes_of(op->ppk_id, strlen(op->ppk_id)));
		done.op.found =
		    s && ike_ppk_mix(h->sim->rand.libctx, op->prf, secret_bytes(&s->secret),
			     secret_bytes(&op->octets), &mac) == IKE_OK;
		done.op.result = secret_bytes(&mac);
	} else if (s) {
		sim_must(ike_psk_mac(h->sim->rand.libctx, op->prf, secret_bytes(&s->secret),
			     secret_bytes(&op->octets), &mac) == IKE_OK,
		    "the PSK's MAC could not be made");
		done.op.found = true;
		done.op.result = secret_bytes(&mac);
	}
	ike_engine_command(h->engine, h->sim->now, &done);
	secret_fini(&mac);
}

/* ---- Events ---- */

static void on_child_up(struct sim_host *h, struct ike_event *ev)
{
	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		struct sim_child *c = &h->children[i];
		if (c->up)
			continue;
		*c = (struct sim_child){.up = true,
		    .order = h->child_ups,
		    .ike_id = ev->ref.ike_id,
		    .child_id = ev->ref.child_id,
		    .cfg = ev->ref.child,
		    .sa = ev->u.child_up};
		/* Taken: the event must not wipe them. */
		ev->u.child_up.encr_in = ev->u.child_up.encr_out = SECRET_NONE;
		ev->u.child_up.integ_in = ev->u.child_up.integ_out = SECRET_NONE;
		note_spi(h, c->sa.spi_in, SIM_SPI_UP);
		h->spis[c->sa.spi_in - h->first_spi].out = c->sa.spi_out;
		h->child_ups++;
		sim_must(h->spis_held > 0, "a child came up with an SPI that was not taken");
		h->spis_held--;
		return;
	}
	sim_must(false, "more children than the simulation holds");
}

void sim_child_clear(struct sim_child *c)
{
	secret_fini(&c->sa.encr_in);
	secret_fini(&c->sa.encr_out);
	secret_fini(&c->sa.integ_in);
	secret_fini(&c->sa.integ_out);
	c->up = false;
}

static void keys_clear(struct ike_keys *k)
{
	secret_fini(&k->sk_ei);
	secret_fini(&k->sk_er);
	secret_fini(&k->sk_ai);
	secret_fini(&k->sk_ar);
}

void sim_keys_clear(struct sim_host *h)
{
	for (size_t i = 0; i < h->keys_n; i++)
		keys_clear(&h->keys[i]);
	h->keys_n = 0;
}

static void on_keys(struct sim_host *h, struct ike_event *ev)
{
	if (h->keys_n == SIM_KEYS) {
		keys_clear(&h->keys[0]);
		memmove(h->keys, h->keys + 1, sizeof h->keys - sizeof h->keys[0]);
		h->keys_n--;
	}
	struct ike_keys *k = &h->keys[h->keys_n++];
	*k = ev->u.keys;
	ev->u.keys.sk_ei = ev->u.keys.sk_er = SECRET_NONE;
	ev->u.keys.sk_ai = ev->u.keys.sk_ar = SECRET_NONE;
}

static void on_child_down(struct sim_host *h, const struct ike_event *ev)
{
	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		struct sim_child *c = &h->children[i];
		if (!c->up || c->sa.spi_in != ev->u.child_down.spi_in)
			continue;
		sim_must(c->child_id == ev->ref.child_id, "a child went down under another id");
		sim_must(c->sa.spi_out == ev->u.child_down.spi_out, "a child's SPIs changed");
		sim_child_clear(c);
		h->child_downs++;
		/* When the engine still has it, it went before its Delete was answered. */
		note_spi(h, ev->u.child_down.spi_in,
		    ev->reason.err == IKE_EREPLACED &&
			    !ike_child_by_spi_in(h->engine, ev->u.child_down.spi_in)
			? SIM_SPI_REPLACED
			: SIM_SPI_GONE);
		if (ev->reason.err == IKE_EREPLACED) {
			unsigned at = h->replaced_n++ % SIM_CHILDREN;
			h->replaced[at].spi_in = ev->u.child_down.spi_in;
			h->replaced[at].at = h->sim->now;
		}
		return;
	}
	sim_must(false, "a child went down that was not up");
}

static void on_ike_down(struct sim_host *h, const struct ike_event *ev)
{
	h->ike_downs++;
	h->down_reason = ev->reason;
	h->down_retry = ev->u.ike_down.retry;
	h->down_established = ev->u.ike_down.established;
	sim_must(ev->reason.text[0] != '\0', "an IKE SA went down without a word");
	for (size_t i = 0; i < SIM_CHILDREN; i++)
		sim_must(!h->children[i].up || h->children[i].ike_id != ev->ref.ike_id,
		    "an IKE SA went down before its children");
}

static void tell(const struct sim_host *h, const struct ike_event *ev)
{
	if (h->sim->verbose && ev->reason.text[0])
		printf("%8.3f %-8s %s\n", (double)h->sim->now / 1000, h->name, ev->reason.text);
	if (h->sim->verbose && ev->kind == IKE_EV_CHILD_UP)
		printf("%8.3f %-8s up: in %08x, out %08x, behind %08x\n",
		    (double)h->sim->now / 1000, h->name, ev->u.child_up.spi_in,
		    ev->u.child_up.spi_out, ev->u.child_up.behind);
	if (h->sim->verbose && ev->kind == IKE_EV_CHILD_DOWN)
		printf("%8.3f %-8s down: in %08x, out %08x\n", (double)h->sim->now / 1000, h->name,
		    ev->u.child_down.spi_in, ev->u.child_down.spi_out);
}

static void on_event(struct sim_host *h, struct ike_event *ev)
{
	tell(h, ev);
	switch (ev->kind) {
	case IKE_EV_STEP:
		h->steps++;
		if (strstr(ev->reason.text, "PPK"))
			snprintf(h->said, sizeof h->said, "%s", ev->reason.text);
		break;
	case IKE_EV_OP:
		if (h->op_delay_ms)
			sim_delay_op(h, ev);
		else
			sim_answer_op(h, &ev->u.op);
		break;
	case IKE_EV_IKE_UP:
		h->ike_ups++;
		h->path = ev->u.path;
		break;
	case IKE_EV_IKE_DOWN: on_ike_down(h, ev); break;
	case IKE_EV_CHILD_UP: on_child_up(h, ev); break;
	case IKE_EV_CHILD_FAILED:
		h->child_fails++;
		h->child_reason = ev->reason;
		sim_must(ev->reason.text[0] != '\0', "a child failed without a word");
		break;
	case IKE_EV_CHILD_DOWN: on_child_down(h, ev); break;
	case IKE_EV_REKEYED:
		h->rekeyed++;
		if (ev->ref.child_id && !ev->u.rekeyed.initiator)
			h->spis[ev->u.rekeyed.spi_in - h->first_spi].old = ev->u.rekeyed.old_spi_in;
		break;
	case IKE_EV_REKEY_FAILED:
		h->rekey_fails++;
		h->child_reason = ev->reason;
		sim_must(ev->reason.text[0] != '\0', "a rekey failed without a word");
		break;
	case IKE_EV_PATH:
		h->paths++;
		h->path = ev->u.path;
		break;
	case IKE_EV_REDIRECT:
		h->redirects++;
		h->redirect_to = ev->u.redirect.to;
		h->redirect_from = ev->u.redirect.from;
		break;
	case IKE_EV_KEYS: on_keys(h, ev); break;
	}
}

/* ---- Invariants ---- */

struct view {
	const struct sim_host *host;
	unsigned installed, moving;
};

static void look(void *arg, const struct ike_sa_info *sa)
{
	struct view *v = arg;

	if (sa->state != IKE_SA_ESTABLISHED)
		v->moving++;
	for (size_t i = 0; i < sa->children_n; i++)
		if (sa->children[i].state == IKE_CHILD_INSTALLED)
			v->installed++;
}

static void check_invariants(const struct sim_host *h)
{
	struct view v = {.host = h};

	ike_engine_each(h->engine, look, &v);
	sim_must(v.moving == 0 || ike_engine_deadline(h->engine) != IKE_NEVER,
	    "an IKE SA that waits has no timer");
	sim_must(v.installed <= sim_children_up(h), "the engine shows a child that never came up");
}

void sim_drain(struct sim_host *h)
{
	struct ike_datagram d;
	struct ike_event ev;
	bool more = true;

	while (more) {
		more = false;
		while (ike_engine_next_datagram(h->engine, &d)) {
			sim_send(h, &d);
			more = true;
		}
		while (ike_engine_next_event(h->engine, &ev)) {
			on_event(h, &ev);
			ike_event_clear(&ev);
			more = true;
		}
	}
	check_invariants(h);
	if (h->sim->watch)
		h->sim->watch(h->sim, h->sim->watch_arg);
}

void sim_drain_all(struct sim *s)
{
	for (size_t i = 0; i < s->hosts_n; i++)
		sim_drain(&s->hosts[i]);
}

/* ---- Life ---- */

static struct config *load(const char *name, const char *text)
{
	struct config_notes notes = {0};
	struct config *c = config_load_text(text, name, &notes);

	for (size_t i = 0; !c && i < notes.n; i++)
		fprintf(stderr, "%s\n", notes.v[i].text);
	config_notes_free(&notes);
	sim_must(c != NULL, "a host's configuration does not load");
	return c;
}

static void start(struct sim_host *h)
{
	struct ike_params p = {.libctx = h->sim->rand.libctx,
	    .config = h->config,
	    .spi_get = spi_get,
	    .spi_put = spi_put,
	    .spi_arg = h,
	    .limits = h->limits,
	    .qcd_secret = bytes_of(h->kept, h->keeps ? sizeof h->kept : 0),
	    .want_keys = true,
	    .resources = h->sim->resources};

	h->engine = ike_engine_new(&p);
	sim_must(h->engine != NULL, "no engine");
}

struct sim_host *sim_host_add(struct sim *s, const char *name, const char *addr, const char *config,
    const struct ike_limits *limits)
{
	sim_must(s->hosts_n < SIM_HOSTS, "too many hosts");
	struct sim_host *h = &s->hosts[s->hosts_n++];

	*h = (struct sim_host){.sim = s, .name = name, .next_spi = (uint32_t)s->hosts_n << 28};
	h->first_spi = h->next_spi;
	sim_must(addr_parse(&h->addr, addr), "a host's address does not parse");
	h->config = load(name, config);
	h->limits = limits;
	start(h);
	return h;
}

void sim_host_restart(struct sim_host *h, const char *config)
{
	ike_engine_free(h->engine);
	sim_must(h->spis_held == 0, "an inbound SPI was neither used nor given back");
	sim_forget_ops(h);
	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		if (!h->children[i].up)
			continue;
		note_spi(h, h->children[i].sa.spi_in, SIM_SPI_GONE);
		sim_child_clear(&h->children[i]);
	}
	if (config) {
		config_free(h->config);
		h->config = load(h->name, config);
	}
	start(h);
}

void sim_host_nat(struct sim_host *h, const char *outside, uint16_t shift)
{
	sim_must(addr_parse(&h->outside, outside), "a NAT box's address does not parse");
	h->nat_shift = shift;
}

static enum ike_err command(struct sim_host *h, const struct ike_command *c)
{
	enum ike_err e = ike_engine_command(h->engine, h->sim->now, c);

	sim_drain(h);
	return e;
}

static void name_target(
    struct sim_host *h, struct ike_command *c, const char *conn, const char *child)
{
	c->conn = config_conn_find(h->config, conn);
	sim_must(c->conn != NULL, "no such connection");
	c->child = child ? config_child_find(c->conn, child) : NULL;
	sim_must(!child || c->child, "no such child");
}

enum ike_err sim_up(
    struct sim_host *h, const char *conn, const char *child, const struct sim_host *peer)
{
	struct ike_command c = {.kind = IKE_CMD_UP, .tag = 1};

	name_target(h, &c, conn, child);
	c.local = (struct endpoint){h->addr, c.conn->remote_port == 4500 ? 4500 : 500};
	c.remote = (struct endpoint){peer->addr, c.conn->remote_port};
	return command(h, &c);
}

enum ike_err sim_down(struct sim_host *h, const char *conn, const char *child)
{
	struct ike_command c = {.kind = IKE_CMD_DOWN, .tag = 2};

	name_target(h, &c, conn, child);
	return command(h, &c);
}

enum ike_err sim_expire(struct sim_host *h, uint32_t spi)
{
	struct ike_command c = {.kind = IKE_CMD_EXPIRED, .spi = spi};

	return command(h, &c);
}

enum ike_err sim_rekey(struct sim_host *h, const char *conn, const char *child, bool ike)
{
	struct ike_command c = {.kind = IKE_CMD_REKEY, .tag = 4, .ike = ike};

	name_target(h, &c, conn, child);
	return command(h, &c);
}

enum ike_err sim_stop(struct sim_host *h)
{
	return command(h, &(struct ike_command){.kind = IKE_CMD_STOP, .tag = 3});
}

/* ---- Questions ---- */

unsigned sim_children_up(const struct sim_host *h)
{
	unsigned n = 0;

	for (size_t i = 0; i < SIM_CHILDREN; i++)
		n += h->children[i].up;
	return n;
}

struct sim_child *sim_child_named(struct sim_host *h, const char *name)
{
	for (size_t i = 0; i < SIM_CHILDREN; i++)
		if (h->children[i].up && strcmp(h->children[i].cfg->name, name) == 0)
			return &h->children[i];
	return NULL;
}

static bool is_up(const struct sim_host *h, uint32_t spi_in)
{
	for (size_t i = 0; i < SIM_CHILDREN; i++)
		if (h->children[i].up && h->children[i].sa.spi_in == spi_in)
			return true;
	return false;
}

/* The newest that does not stand behind another. */
uint32_t sim_sends_with(const struct sim_host *h, const char *child)
{
	const struct sim_child *best = NULL;
	bool best_waits = true;

	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		const struct sim_child *c = &h->children[i];
		if (!c->up || strcmp(c->cfg->name, child) != 0)
			continue;
		bool waits = c->sa.behind && is_up(h, c->sa.behind);
		if (!best || (best_waits && !waits) ||
		    (best_waits == waits && c->order > best->order)) {
			best = c;
			best_waits = waits;
		}
	}
	return best ? best->sa.spi_out : 0;
}

bool sim_receives(const struct sim_host *h, uint32_t spi, uint64_t grace_ms)
{
	unsigned n = h->replaced_n < SIM_CHILDREN ? h->replaced_n : SIM_CHILDREN;

	for (unsigned i = 0; i < n; i++)
		if (h->replaced[i].spi_in == spi && h->replaced[i].at + grace_ms >= h->sim->now)
			return true;
	return is_up(h, spi);
}

static void count_all(void *arg, const struct ike_sa_info *sa)
{
	(void)sa;
	++*(size_t *)arg;
}

static void count_established(void *arg, const struct ike_sa_info *sa)
{
	*(size_t *)arg += sa->state == IKE_SA_ESTABLISHED;
}

size_t sim_ike_sas(const struct sim_host *h)
{
	size_t n = 0;

	ike_engine_each(h->engine, count_all, &n);
	return n;
}

size_t sim_ike_established(const struct sim_host *h)
{
	size_t n = 0;

	ike_engine_each(h->engine, count_established, &n);
	return n;
}

bool sim_is_mirror(const struct sim_child *a, const struct sim_child *b)
{
	const struct ike_child_up *x = &a->sa, *y = &b->sa;

	return b->up && x->spi_in == y->spi_out && x->spi_out == y->spi_in &&
	       x->encap == y->encap &&
	       secret_equal(secret_bytes(&x->encr_in), secret_bytes(&y->encr_out)) &&
	       secret_equal(secret_bytes(&x->encr_out), secret_bytes(&y->encr_in)) &&
	       secret_equal(secret_bytes(&x->integ_in), secret_bytes(&y->integ_out)) &&
	       secret_equal(secret_bytes(&x->integ_out), secret_bytes(&y->integ_in)) &&
	       ts_list_equal(&x->local_ts, &y->remote_ts) &&
	       ts_list_equal(&x->remote_ts, &y->local_ts) &&
	       transform_equal(x->suite.encr, y->suite.encr) &&
	       transform_equal(x->suite.sn, y->suite.sn);
}

static bool all_mirrored(const struct sim_host *a, const struct sim_host *b)
{
	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		bool found = !a->children[i].up;
		for (size_t k = 0; k < SIM_CHILDREN && !found; k++)
			found = sim_is_mirror(&a->children[i], &b->children[k]);
		if (!found)
			return false;
	}
	return true;
}

bool sim_mirrored(struct sim_host *a, struct sim_host *b)
{
	return all_mirrored(a, b) && all_mirrored(b, a);
}

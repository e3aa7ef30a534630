/*
 * The walk: an episode is a fresh set of hosts with a configuration by chance, some thousands of
 * steps, and a quiet time now and then.
 */
#include "test/sim/walk.h"

#include "ike/child.h"
#include "test/sim/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EPISODE = 2000,      /* steps */
	SPELL = 400,         /* of them between quiet times */
	QUIET_MS = 900000,   /* the longest schedule ends, and what was replaced is forgotten */
	PATIENCE_MS = 20000, /* then both ends agree at some moment within this */
	GRACE_MS = 2000,     /* how long the daemon keeps inbound keys that were replaced */
	SAS_MAX = 200,       /* of one host, with all that lingers */
	CHILDREN = 2,
	TEXT = 8192,
};

struct walk {
	const struct walk_params *p;
	struct walk_result *r;
	struct sim sim;
	uint64_t dice, episode, step;
	const char *doing;
};

static unsigned dice(struct walk *w, unsigned sides)
{
	return (unsigned)(sim_rand_next(&w->dice) >> 33) % sides;
}

static void must(const struct walk *w, bool ok, const char *what, const char *who, uint32_t spi)
{
	if (ok)
		return;
	fprintf(stderr,
	    "walk: %s: %s %08x (%.3f s, while: %s)\n"
	    "walk: see it again with: ./dev walk %d %llu %u %llu\n",
	    what, who, spi, (double)w->sim.now / 1000, w->doing, EPISODE,
	    (unsigned long long)w->p->seed, w->p->hosts, (unsigned long long)w->episode);
	abort();
}

/* ---- Always ---- */

/* What carries a child's packets: the newest that does not stand behind another. */
static const struct sim_child *sender(const struct sim_host *h, const struct config_child *cfg)
{
	const struct sim_child *best = NULL;
	bool best_waits = true;

	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		const struct sim_child *c = &h->children[i];
		if (!c->up || c->cfg != cfg)
			continue;
		bool waits = c->sa.behind && sim_spi_state(h, c->sa.behind).state == SIM_SPI_UP;
		if (!best || (best_waits && !waits) ||
		    (best_waits == waits && c->order > best->order)) {
			best = c;
			best_waits = waits;
		}
	}
	return best;
}

/* Whose inbound SPI is it? They are numbered by host. */
static struct sim_host *owner(struct sim *s, uint32_t spi)
{
	return &s->hosts[(spi >> 28) - 1];
}

/* It or all that could carry the child's packets is on its way out: none is meant to arrive. */
static bool is_taken_down(const struct sim_host *h, const struct sim_child *c)
{
	const struct ike_child *own = ike_child_by_spi_in(h->engine, c->sa.spi_in);

	if (own && own->state == IKE_CHILD_DELETING)
		return true;
	for (const struct ike_sa *sa = h->engine->first; sa; sa = sa->next)
		for (const struct ike_child *k = sa->children; k; k = k->next)
			if (sa->id == c->ike_id && sa->phase == IKE_PHASE_UP && k->cfg == c->cfg &&
			    k->spi_given && k->state != IKE_CHILD_DELETING)
				return false;
	return true;
}

/* The keys that the peer replaced by these are there still, at both ends. */
static bool has_better(struct walk *w, const struct sim_host *h, const struct sim_child *c)
{
	uint32_t old = sim_spi_state(h, c->sa.spi_in).old;

	for (size_t i = 0; old && i < SIM_CHILDREN; i++) {
		const struct sim_child *o = &h->children[i];
		if (o->up && o->sa.spi_in == old)
			return sim_spi_state(owner(&w->sim, o->sa.spi_out), o->sa.spi_out).state ==
			       SIM_SPI_UP;
	}
	return false;
}

/* What these stood behind was thrown away here, and the other end has it still. */
static bool has_ousted(struct walk *w, const struct sim_host *h, const struct sim_child *c)
{
	struct sim_spi old = sim_spi_state(h, c->sa.behind);
	const struct ike_child *k;

	if (!c->sa.behind || old.state != SIM_SPI_REPLACED)
		return false;
	k = ike_child_by_spi_in(owner(&w->sim, old.out)->engine, old.out);
	return k && k->spi_given && k->sa->phase == IKE_PHASE_UP;
}

static void check_sender(struct walk *w, const struct sim_host *h, const struct sim_child *c)
{
	struct sim_spi there = sim_spi_state(owner(&w->sim, c->sa.spi_out), c->sa.spi_out);

	if (there.state != SIM_SPI_UP && is_taken_down(h, c))
		return;
	switch (there.state) {
	case SIM_SPI_UP:
	case SIM_SPI_GONE: return; /* taken down, expired or forgotten: that is no rekey's fault */
	case SIM_SPI_REPLACED:
		must(w, there.at + GRACE_MS >= w->sim.now,
		    "sends with keys that made room for newer ones", h->name, c->sa.spi_out);
		return;
	case SIM_SPI_NEVER:
		/* Who was asked may send at once where there is nothing else to send with. */
		must(w, !c->sa.initiator && !has_better(w, h, c) && !has_ousted(w, h, c),
		    "sends with keys that the other end has not got", h->name, c->sa.spi_out);
	}
}

static void check_timers(struct walk *w, const struct sim_host *h)
{
	for (const struct ike_sa *sa = h->engine->first; sa; sa = sa->next)
		must(w, sa->timer.at != IKE_NEVER && sa->timer.at >= w->sim.now,
		    "an IKE SA has no timer", h->name, sa->id);
	must(w, h->engine->sas_n <= SAS_MAX, "IKE SAs pile up", h->name, h->engine->sas_n);
}

static void watch(struct sim *s, void *arg)
{
	struct walk *w = arg;

	for (size_t i = 0; i < s->hosts_n; i++) {
		const struct sim_host *h = &s->hosts[i];
		for (size_t k = 0; k < h->config->conns_n; k++)
			for (size_t n = 0; n < h->config->conns[k].children_n; n++) {
				const struct sim_child *c =
				    sender(h, &h->config->conns[k].children[n]);
				if (c)
					check_sender(w, h, c);
			}
	}
}

/* ---- In quiet times ---- */

static bool has_mirror(const struct walk *w, const struct sim_host *h, const struct sim_child *c)
{
	for (size_t i = 0; i < w->sim.hosts_n; i++)
		for (size_t k = 0; &w->sim.hosts[i] != h && k < SIM_CHILDREN; k++)
			if (sim_is_mirror(c, &w->sim.hosts[i].children[k]))
				return true;
	return false;
}

static bool ike_has_mirror(const struct walk *w, const struct sim_host *h, const struct ike_sa *sa)
{
	for (size_t i = 0; i < w->sim.hosts_n; i++) {
		if (&w->sim.hosts[i] == h)
			continue;
		for (const struct ike_sa *o = w->sim.hosts[i].engine->first; o; o = o->next)
			if (o->phase == IKE_PHASE_UP && o->spi_i == sa->spi_i &&
			    o->spi_r == sa->spi_r && o->initiator != sa->initiator &&
			    o->children_n == sa->children_n)
				return true;
	}
	return false;
}

static const char *unlike(const struct walk *w)
{
	for (size_t i = 0; i < w->sim.hosts_n; i++) {
		const struct sim_host *h = &w->sim.hosts[i];
		unsigned n = 0;

		for (const struct ike_sa *sa = h->engine->first; sa; sa = sa->next) {
			if (sa->phase != IKE_PHASE_UP)
				continue; /* what was replaced lingers */
			if (!ike_has_mirror(w, h, sa))
				return "an IKE SA is at one end only";
			for (const struct ike_child *c = sa->children; c; c = c->next, n++)
				if (c->state != IKE_CHILD_INSTALLED)
					return "a child is neither up nor down";
		}
		if (n != sim_children_up(h))
			return "the data plane has other children than the engine";
		for (size_t k = 0; k < SIM_CHILDREN; k++)
			if (h->children[k].up && !has_mirror(w, h, &h->children[k]))
				return "a child is at one end only";
	}
	return NULL;
}

static void set_weather(struct walk *w, bool bad)
{
	w->sim.loss_permille = bad ? dice(w, 4) * 60 : 0;
	w->sim.dup_permille = bad ? dice(w, 3) * 60 : 0;
	w->sim.jitter_ms = bad ? dice(w, 3) * 40 : 0;
}

static void quiet(struct walk *w)
{
	ike_time until;

	w->doing = "quiet";
	set_weather(w, false);
	for (size_t i = 0; i < w->sim.hosts_n; i++)
		w->sim.hosts[i].gone = false;
	sim_run_for(&w->sim, QUIET_MS);
	until = w->sim.now + PATIENCE_MS;
	while (unlike(w) && w->sim.now < until)
		sim_run_for(&w->sim, 25);
	must(w, !unlike(w), unlike(w) ? unlike(w) : "", "all", 0);
	w->r->quiets++;
}

/* ---- Commands ---- */

struct target {
	struct sim_host *h, *peer;
	char conn[24];
	const char *child; /* NULL: all */
};

static struct target any(struct walk *w)
{
	static char name[16];
	unsigned a = dice(w, w->p->hosts), b = (a + 1 + dice(w, w->p->hosts - 1)) % w->p->hosts;
	struct target t = {.h = &w->sim.hosts[a], .peer = &w->sim.hosts[b]};

	snprintf(t.conn, sizeof t.conn, "c%u%u", a < b ? a : b, a < b ? b : a);
	snprintf(name, sizeof name, "n%u", dice(w, CHILDREN));
	t.child = dice(w, 3) ? name : NULL;
	return t;
}

static void do_up(struct walk *w)
{
	struct target t = any(w);
	sim_up(t.h, t.conn, t.child, t.peer);
}

static void do_down_child(struct walk *w)
{
	struct target t = any(w);
	if (t.child)
		sim_down(t.h, t.conn, t.child);
}

static void do_down(struct walk *w)
{
	struct target t = any(w);
	sim_down(t.h, t.conn, NULL);
}

static void do_rekey(struct walk *w)
{
	struct target t = any(w);
	sim_rekey(t.h, t.conn, t.child, false);
}

static void do_rekey_ike(struct walk *w)
{
	struct target t = any(w);
	sim_rekey(t.h, t.conn, NULL, true);
}

static void do_both_at_once(struct walk *w)
{
	struct target t = any(w);
	bool ike = dice(w, 2);

	sim_rekey(t.h, t.conn, NULL, ike);
	sim_run_for(&w->sim, dice(w, 25));
	sim_rekey(t.peer, t.conn, NULL, dice(w, 4) ? ike : !ike);
}

static void do_expire(struct walk *w)
{
	struct target t = any(w);
	const struct sim_child *c = &t.h->children[dice(w, SIM_CHILDREN)];
	if (c->up)
		sim_expire(t.h, c->sa.spi_in);
}

static void do_vanish(struct walk *w)
{
	struct sim_host *h = &w->sim.hosts[dice(w, w->p->hosts)];
	h->gone = !h->gone;
}

static void do_weather(struct walk *w)
{
	set_weather(w, true);
	w->sim.hosts[dice(w, w->p->hosts)].op_delay_ms = dice(w, 2) * dice(w, 60);
}

static void do_wait_long(struct walk *w)
{
	sim_run_for(&w->sim, dice(w, 60000));
}

static const char *config_of(struct walk *w, unsigned host);

static void do_restart(struct walk *w)
{
	unsigned host = dice(w, w->p->hosts);

	sim_host_restart(&w->sim.hosts[host], dice(w, 2) ? config_of(w, host) : NULL);
	w->r->restarts++;
}

static void do_wait(struct walk *w)
{
	(void)w; /* time passes after every step */
}

static const struct act {
	const char *name;
	unsigned weight;
	void (*act)(struct walk *w);
} acts[] = {
    {"wait", 40, do_wait},
    {"up", 14, do_up},
    {"rekey a child", 12, do_rekey},
    {"rekey IKE", 8, do_rekey_ike},
    {"both at once", 6, do_both_at_once},
    {"take a child down", 5, do_down_child},
    {"take down", 2, do_down},
    {"a hard limit", 1, do_expire},
    {"switch on or off", 2, do_vanish},
    {"restart", 1, do_restart},
    {"weather", 4, do_weather},
    {"a minute", 3, do_wait_long},
};

static void step(struct walk *w)
{
	unsigned sum = 0, at = 0, n;

	for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
		sum += acts[i].weight;
	n = dice(w, sum);
	while (n >= acts[at].weight)
		n -= acts[at++].weight;
	w->doing = acts[at].name;
	if (w->p->verbose)
		printf("%8.3f ---- step %llu: %s\n", (double)w->sim.now / 1000,
		    (unsigned long long)w->step, w->doing);
	acts[at].act(w);
	sim_run_for(&w->sim, dice(w, 4) ? dice(w, 30) : dice(w, 3000));
	for (size_t i = 0; i < w->sim.hosts_n; i++)
		check_timers(w, &w->sim.hosts[i]);
}

/* ---- An episode ---- */

static const char *pick(struct walk *w, const char *const *v, unsigned n)
{
	return v[dice(w, n)];
}

/* Each host has a connection with each other one. */
static const char *config_of(struct walk *w, unsigned host)
{
	static const char *const times[] = {"rekey_time = 0;", "rekey_time = 0;",
	    "rekey_time = \"50s\"; life_time = \"400s\";", "rekey_time = \"90s\";"};
	static const char *const ike_times[] = {"rekey_time = 0;", "rekey_time = \"70s\";",
	    "rekey_time = \"200s\"; over_time = \"10m\";",
	    "rekey_time = \"150s\"; reauth_time = \"100s\";"};
	static const char *const uniques[] = {"replace", "replace", "never", "keep", "no"};
	static const char *const esp[] = {
	    "aes128gcm16", "aes128gcm16", "aes128gcm16-x25519", "aes128gcm16-x25519-ke1_ecp256"};
	static const char *const ike[] = {"x25519", "x25519", "x25519-ke2_ecp256"};
	static char text[TEXT];
	const char *unique = uniques[w->episode % 5], *ciphers = esp[w->episode % 4];
	size_t n = (size_t)snprintf(text, sizeof text,
	    "secrets = ( { type = \"psk\"; secret = \"a secret for all of them\"; } );\n"
	    "connections = {\n");

	for (unsigned o = 0; o < w->p->hosts; o++) {
		unsigned a = o < host ? o : host, b = o < host ? host : o;
		if (o == host)
			continue;
		n += (size_t)snprintf(text + n, sizeof text - n,
		    "c%u%u = { version = 2; local_addrs = [\"%%any\"]; remote_addrs = "
		    "[\"10.0.0.%u\"]; proposals = [\"aes128gcm16-prfsha256-%s\"];\n"
		    "unique = \"%s\"; dpd_delay = \"20s\"; %s\n"
		    "local = { auth = \"psk\"; id = \"h%u.example.org\"; };\n"
		    "remote = { auth = \"psk\"; id = \"h%u.example.org\"; };\nchildren = {\n",
		    a, b, o + 1, ike[w->episode % 3], unique, pick(w, ike_times, 4), host, o);
		for (unsigned k = 0; k < CHILDREN; k++)
			n += (size_t)snprintf(text + n, sizeof text - n,
			    "n%u = { local_ts = [\"10.%u.%u.0/24\"]; remote_ts = "
			    "[\"10.%u.%u.0/24\"]; esp_proposals = [\"%s\"]; %s };\n",
			    k, host + 1, k, o + 1, k, ciphers, pick(w, times, 4));
		n += (size_t)snprintf(text + n, sizeof text - n, "}; };\n");
	}
	n += (size_t)snprintf(text + n, sizeof text - n, "};\n");
	sim_must(n < sizeof text, "a configuration is too long");
	return text;
}

static void count(struct walk *w)
{
	for (size_t i = 0; i < w->sim.hosts_n; i++) {
		w->r->ike_ups += w->sim.hosts[i].ike_ups;
		w->r->child_ups += w->sim.hosts[i].child_ups;
		w->r->rekeyed += w->sim.hosts[i].rekeyed;
	}
	w->r->datagrams += w->sim.sent;
}

static void episode(struct walk *w, uint64_t steps)
{
	static const char *const names[] = {"one", "two", "three"};
	uint64_t seed = w->p->seed * 0x9e3779b97f4a7c15u + w->episode;

	w->dice = seed ^ 0x3a1c;
	w->doing = "start";
	sim_init(&w->sim, seed);
	w->sim.verbose = w->p->verbose;
	for (unsigned i = 0; i < w->p->hosts; i++) {
		char addr[16];
		snprintf(addr, sizeof addr, "10.0.0.%u", i + 1);
		sim_host_add(&w->sim, names[i], addr, config_of(w, i), NULL);
	}
	w->sim.watch = watch;
	w->sim.watch_arg = w;
	for (w->step = 0; w->step < steps; w->step++) {
		if (w->step % SPELL == SPELL - 1)
			quiet(w);
		step(w);
	}
	quiet(w);
	w->sim.watch = NULL;
	count(w);
	sim_fini(&w->sim);
}

void walk(const struct walk_params *p, struct walk_result *out)
{
	struct walk *w = calloc(1, sizeof *w);

	sim_must(w != NULL, "no memory");
	*out = (struct walk_result){0};
	w->p = p;
	w->r = out;
	for (w->episode = p->first; out->steps < p->steps; w->episode++) {
		uint64_t left = p->steps - out->steps;
		episode(w, left < EPISODE ? left : EPISODE);
		out->steps += left < EPISODE ? left : EPISODE;
		out->episodes++;
	}
	free(w);
}

/*
 * The control thread: datagrams, commands and time into the engine, its events and datagrams out.
 */
#include "daemon/daemon.h"

#include <event2/event.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dummies.h"
#include "daemon/mtu.h"
#include "daemon/signer/signer.h"

enum { TICK_MS = 1000, WAKE_BUDGET = 256 };

uint64_t daemon_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct timeval in_ms(uint64_t ms)
{
	return (struct timeval){
	    .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

/* ---- Out of the engine ---- */

static struct udp_sock *sock_of(const struct daemon *d, uint16_t port)
{
	for (size_t i = 0; i < d->socks_n; i++)
		if (udp_port(d->socks[i].udp) == port)
			return d->socks[i].udp;
	return d->natt.udp;
}

static void send_datagram(struct daemon *d, const struct ike_datagram *out)
{
	struct udp_sock *s = sock_of(d, out->local.port);
	uint8_t *buffer = d->buffers + (size_t)DAEMON_BATCH * (PKT_HEADROOM + DAEMON_DATAGRAM);
	struct pkt p = {.base = buffer, .cap = PKT_HEADROOM + DAEMON_DATAGRAM, .off = PKT_HEADROOM};
	char to[ENDPOINT_TEXT];
	int error = 0;

	if (out->data.n > DAEMON_DATAGRAM)
		return;
	memcpy(buffer + PKT_HEADROOM, out->data.p, out->data.n);
	p.len = (uint32_t)out->data.n;
	struct udp_msg m = {.pkt = &p,
	    .local = out->local,
	    .remote = out->remote,
	    .ifindex = apply_pin_of(&d->apply, &out->remote.addr, daemon_now_ms()),
	    .marker = out->marker};
	if (udp_send_batch(s, &m, 1, &error) == 1)
		return;
	struct log_line line;
	log_begin(&line, &d->log, LOG_WARNING, "send", &d->log.by_peer);
	log_str(&line, "remote", endpoint_text(&out->remote, to));
	log_str(&line, "text", error ? strerror(-error) : "the socket's buffer is full");
	log_end(&line);
}

static void answer_op(struct daemon *d, const struct ike_op *op)
{
	struct secret mac;
	struct ike_command done = {.kind = IKE_CMD_OP_DONE};

	done.op.op_id = op->op_id;
	done.op.found = signer_answer(NULL, d->config, op, &mac);
	done.op.result = secret_bytes(&mac);
	daemon_command(d, &done);
	secret_fini(&mac);
}

/* The way there may be narrower than was assumed before it was known. */
static void narrow_mtu(struct daemon *d, const struct ike_child_up *up)
{
	char t[ADDR_TEXT];

	if (!d->tun || d->config->tun.mtu || !up->initiator)
		return;
	uint32_t way = paths_mtu(&d->paths, &up->remote.addr, daemon_now_ms());
	if (way == 0)
		return;
	uint32_t fits = mtu_inner(way, (enum addr_family)up->remote.addr.family,
	    esp_overhead(up->suite.encr, up->suite.integ));
	if (fits >= d->tun->mtu || d->tun->ops->set_mtu(d->tun, fits) < 0)
		return;
	d->tun->mtu = fits;
	log_say(&d->log, LOG_INFO, "mtu", "%s has an MTU of %u now: the way to %s carries %u",
	    d->tun->name, fits, addr_text(&up->remote.addr, t), way);
}

static void child_up(struct daemon *d, const struct ike_event *ev)
{
	const struct ike_child_up *up = &ev->u.child_up;

	keylog_child(d->keylog, up);
	if (apply_child_up(&d->apply, &ev->ref, up, daemon_now_ms())) {
		narrow_mtu(d, up);
		return;
	}
	daemon_command(d, &(struct ike_command){.kind = IKE_CMD_EXPIRED, .spi = up->spi_in});
}

static void handle_event(struct daemon *d, const struct ike_event *ev)
{
	log_event(&d->log, ev);
	switch (ev->kind) {
	case IKE_EV_OP: answer_op(d, &ev->u.op); break;
	case IKE_EV_CHILD_UP: child_up(d, ev); break;
	case IKE_EV_CHILD_DOWN:
		apply_child_down(
		    &d->apply, ev->u.child_down.spi_in, ev->reason.err == IKE_EREPLACED);
		break;
	case IKE_EV_PATH:
		apply_path(&d->apply, ev->ref.ike_id, &ev->u.path, daemon_now_ms());
		break;
	case IKE_EV_KEYS: keylog_ike(d->keylog, &ev->u.keys); break;
	case IKE_EV_STEP:
	case IKE_EV_IKE_UP:
	case IKE_EV_IKE_DOWN:
	case IKE_EV_REKEYED:
	case IKE_EV_REKEY_FAILED:
	case IKE_EV_REDIRECT:
	case IKE_EV_CHILD_FAILED: break;
	}
	conns_event(&d->conns, ev);
}

static void count_sa(void *arg, const struct ike_sa_info *sa)
{
	(void)sa;
	++*(size_t *)arg;
}

static void set_deadline(struct daemon *d)
{
	ike_time at = ike_engine_deadline(d->engine), now = daemon_now_ms();
	ike_time due = apply_due(&d->apply);

	at = due < at ? due : at;
	if (at == IKE_NEVER) {
		event_del(d->deadline);
		return;
	}
	struct timeval tv = in_ms(at > now ? at - now : 0);
	event_add(d->deadline, &tv);
}

/* Events go first: what a peer may send after our datagram must find its SA. */
static void drain(struct daemon *d)
{
	struct ike_datagram out;
	struct ike_event ev;
	bool more = true;

	if (d->draining)
		return;
	d->draining = true;
	while (more) {
		more = false;
		while (ike_engine_next_event(d->engine, &ev)) {
			handle_event(d, &ev);
			ike_event_clear(&ev);
			more = true;
		}
		apply_commit(&d->apply, daemon_now_ms());
		conns_settle(&d->conns);
		while (ike_engine_next_datagram(d->engine, &out)) {
			send_datagram(d, &out);
			more = true;
		}
	}
	d->draining = false;
	set_deadline(d);
	size_t left = 0;
	if (d->stopping)
		ike_engine_each(d->engine, count_sa, &left);
	if (d->stopping && left == 0)
		event_base_loopbreak(d->base);
}

/* ---- Into the engine ---- */

enum ike_err daemon_command(void *arg, const struct ike_command *c)
{
	struct daemon *d = arg;
	enum ike_err err = ike_engine_command(d->engine, daemon_now_ms(), c);
	drain(d);
	return err;
}

struct rekeying {
	const struct config_conn *conn;
	const struct config_child *child;
	bool ike;
	unsigned n;
};

static void count_rekeying(void *arg, const struct ike_sa_info *sa)
{
	struct rekeying *r = arg;

	if (sa->conn != r->conn)
		return;
	r->n += r->ike && sa->state == IKE_SA_REKEYING;
	for (size_t i = 0; i < sa->children_n && !r->ike; i++)
		r->n += sa->children[i].state == IKE_CHILD_REKEYING &&
			(!r->child || r->child == sa->children[i].cfg);
}

unsigned daemon_rekeying(
    void *arg, const struct config_conn *conn, const struct config_child *child, bool ike)
{
	struct daemon *d = arg;
	struct rekeying r = {.conn = conn, .child = child, .ike = ike};

	ike_engine_each(d->engine, count_rekeying, &r);
	return r.n;
}

static void input(struct daemon *d, const struct endpoint *local, const struct endpoint *remote,
    unsigned ifindex, bool marker, struct bytes data)
{
	struct ike_datagram in = {
	    .local = *local, .remote = *remote, .marker = marker, .data = data};
	char from[ENDPOINT_TEXT];

	paths_learn(&d->paths, &remote->addr, ifindex);
	enum ike_err err = ike_engine_input(d->engine, daemon_now_ms(), &in);
	if (err && d->log.level >= LOG_DEBUG) {
		struct log_line line;
		log_begin(&line, &d->log, LOG_DEBUG, "dropped", &d->log.by_peer);
		log_str(&line, "remote", endpoint_text(remote, from));
		log_u64(&line, "bytes", data.n);
		log_str(&line, "text", ike_err_sentence(err));
		log_end(&line);
	}
	drain(d);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	ike_engine_tick(d->engine, daemon_now_ms());
	drain(d);
}

/* ESP on the socket for IKE: it came in a train that IKE led. */
static void pass_esp(struct daemon *d, const struct pkt *p, const struct endpoint *remote)
{
	struct worker_params of = {.slots = DAEMON_SLOTS, .count = d->workers_n};
	struct worker *w = d->workers[worker_of_spi(&of, be32_load(p->base + p->off))];

	if (w && worker_give(w, p, remote))
		worker_wake(w);
}

/* A port of our own choosing has no fixed rule: four zero bytes are the marker there, since an
 * initiator's SPI is never zero (RFC 7296 section 3.1). Port 500 has none (RFC 3948 section 2.2).
 */
static bool strip_marker(struct pkt *p, uint16_t port)
{
	if (port == 500 || p->len < 4 || be32_load(p->base + p->off) != 0)
		return false;
	p->off += 4;
	p->len -= 4;
	return true;
}

static void on_datagrams(evutil_socket_t fd, short what, void *arg)
{
	struct daemon_sock *s = arg;
	struct daemon *d = s->d;
	struct pkt pkts[DAEMON_BATCH];
	struct udp_msg msgs[DAEMON_BATCH];

	(void)fd;
	(void)what;
	for (size_t i = 0; i < DAEMON_BATCH; i++) {
		pkts[i] = (struct pkt){.base = d->buffers + i * (PKT_HEADROOM + DAEMON_DATAGRAM),
		    .cap = PKT_HEADROOM + DAEMON_DATAGRAM};
		msgs[i].pkt = &pkts[i];
	}
	int n = udp_recv_batch(s->udp, msgs, DAEMON_BATCH);
	if (n < 0) {
		log_say(&d->log, LOG_ERROR, "socket", "UDP port %u cannot be read any more: %s",
		    udp_port(s->udp), strerror(-n));
		event_del(s->event);
	}
	for (int i = 0; i < n; i++) {
		if (s == &d->natt && udp_classify(&pkts[i]) != UDP_IKE) {
			if (pkts[i].len >= 4)
				pass_esp(d, &pkts[i], &msgs[i].remote);
			continue;
		}
		bool marker = s == &d->natt || strip_marker(&pkts[i], msgs[i].local.port);
		input(d, &msgs[i].local, &msgs[i].remote, msgs[i].ifindex, marker,
		    bytes_of(pkts[i].base + pkts[i].off, pkts[i].len));
	}
}

/* ---- From the workers ---- */

static void on_moved(struct daemon *d, const struct worker_notice *n)
{
	const struct apply_child *c = apply_by_spi(&d->apply, n->id);

	if (!c || endpoint_equal(&c->remote, &n->remote))
		return;
	daemon_command(
	    d, &(struct ike_command){.kind = IKE_CMD_MOVED, .spi = n->id, .remote = n->remote});
}

static void on_too_big(struct daemon *d, const struct udp_too_big *t)
{
	struct ike_command c = {.kind = IKE_CMD_PATH_MTU, .remote = {.addr = t->dst}};

	c.mtu = apply_too_big(&d->apply, t, daemon_now_ms());
	if (c.mtu)
		daemon_command(d, &c);
}

static void on_unknown(struct daemon *d, const struct worker_notice *n)
{
	if (!apply_by_spi(&d->apply, n->id))
		daemon_command(d, &(struct ike_command){
				      .kind = IKE_CMD_WAYWARD, .spi = n->id, .remote = n->remote});
}

static void on_notice(struct daemon *d, const struct worker_notice *n)
{
	switch (n->kind) {
	case WORKER_ACQUIRE: conns_acquire(&d->conns, n->id, &n->flow); break;
	case WORKER_MOVED: on_moved(d, n); break;
	case WORKER_TUN_GONE:
		log_say(&d->log, LOG_ERROR, "tun",
		    "the TUN device is gone (%s): somebody deleted it; restart tunike",
		    strerror(-n->error));
		break;
	case WORKER_UDP_GONE:
		log_say(&d->log, LOG_ERROR, "socket", "UDP port %u cannot be read any more: %s",
		    udp_port(d->natt.udp), strerror(-n->error));
		break;
	case WORKER_TOO_BIG: on_too_big(d, &n->too_big); break;
	case WORKER_UNKNOWN: on_unknown(d, n); break;
	}
}

static void expire(struct daemon *d)
{
	struct esp_expiry x;

	while (esp_next_expiry(d->esp, &x)) {
		const struct apply_child *c =
		    x.inbound ? apply_by_spi(&d->apply, x.id) : apply_by_slot(&d->apply, x.id);
		if (c && !c->down)
			daemon_command(d,
			    &(struct ike_command){
				.kind = x.kind == ESP_EXPIRY_HARD ? IKE_CMD_EXPIRED : IKE_CMD_REKEY,
				.spi = c->spi_in});
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct worker_ike head;
	struct worker_notice notice;
	struct bytes body;
	uint64_t value;
	size_t budget = WAKE_BUDGET;

	(void)what;
	while (read(fd, &value, sizeof value) < 0 && errno == EINTR)
		continue;
	for (size_t i = 0; i < d->workers_n; i++) {
		struct worker *w = d->workers[i];
		if (!w)
			continue;
		for (; budget && worker_next_ike(w, &head, &body); budget--)
			input(d, &head.local, &head.remote, head.ifindex, true, body);
		while (worker_next_notice(w, &notice))
			on_notice(d, &notice);
		if (worker_attention(w))
			expire(d);
	}
	/* A flood must not keep timers and the control socket waiting: the rest is for the next
	 * turn. */
	value = 1;
	if (budget == 0 && write(fd, &value, sizeof value) < 0)
		log_say(&d->log, LOG_ERROR, "wake", "%s", strerror(errno));
}

/* ---- Every second ---- */

/* ESP that arrives and verifies says that the peer lives: RFC 7296 section 2.4. */
static void report_alive(struct daemon *d)
{
	struct apply_child *next;
	struct esp_stats stats;

	for (struct apply_child *c = d->apply.first; c; c = next) {
		next = c->next;
		if (!c->conn || !c->conn->dpd_delay_ms || c->down ||
		    !esp_in_stats(d->esp, c->spi_in, &stats) || stats.packets == c->seen)
			continue;
		c->seen = stats.packets;
		/* Not drained here: that could free the children we walk over. */
		ike_engine_command(d->engine, daemon_now_ms(),
		    &(struct ike_command){.kind = IKE_CMD_ALIVE, .spi = c->spi_in});
	}
	drain(d);
}

static void wake_workers(struct daemon *d)
{
	for (size_t i = 0; i < d->workers_n; i++)
		if (d->workers[i])
			worker_wake(d->workers[i]);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	esp_reclaim(d->esp);
	if (esp_keys_gone(d->esp))
		wake_workers(d);
	expire(d);
	report_alive(d);
	apply_refresh(&d->apply, daemon_now_ms());
}

/* Somebody took the device down: the kernel has forgotten its routes, and IPv6 addresses. */
static void on_links(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct netcfg_link_news news;

	(void)what;
	if (!netcfg_watch_read(fd, if_nametoindex(d->tun->name), &news))
		return;
	bool was_down = d->link_down;
	d->link_down = !news.up;
	if (!news.up && !was_down)
		log_say(&d->log, LOG_WARNING, "link",
		    "somebody took %s down: nothing goes through the tunnels until it is up again "
		    "(ip link set %s up)",
		    d->tun->name, d->tun->name);
	if (!news.up || !(was_down || news.was_down))
		return;
	size_t n = netcfg_restore(d->netcfg, d->tun->name);
	log_say(&d->log, LOG_INFO, "link",
	    "%s was down and is up again: %zu addresses and routes were put back", d->tun->name, n);
}

static void on_dummies(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	dummies_tick(&d->apply, d->workers, d->workers_n, daemon_now_ms());
}

/* ---- The end ---- */

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	log_say(
	    &d->log, LOG_WARNING, "stop", "a peer did not answer the deletion: stopped without it");
	event_base_loopbreak(d->base);
}

void daemon_stop(struct daemon *d)
{
	struct timeval tv = in_ms(DAEMON_STOP_MS);

	if (d->stopping) {
		event_base_loopbreak(d->base);
		return;
	}
	log_say(
	    &d->log, LOG_INFO, "stop", "stopping: SAs are deleted, routes and addresses put back");
	conns_stop(&d->conns);
	d->stopping = true;
	event_add(d->stop_timer, &tv);
	daemon_command(d, &(struct ike_command){.kind = IKE_CMD_STOP});
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	if (number == SIGHUP)
		log_say(
		    &d->log, LOG_WARNING, "reload", "reload is not supported yet: restart tunike");
	else
		daemon_stop(d);
}

/* ---- Set up ---- */

static bool add_signals(struct daemon *d)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	bool ok = true;

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		d->signals[i] = evsignal_new(d->base, numbers[i], on_signal, d);
		ok = ok && d->signals[i] && event_add(d->signals[i], NULL) == 0;
	}
	return ok;
}

static bool add_sock(struct daemon *d, struct daemon_sock *s)
{
	s->d = d;
	s->event = event_new(d->base, udp_fd(s->udp), EV_READ | EV_PERSIST, on_datagrams, s);
	return s->event && event_add(s->event, NULL) == 0;
}

bool daemon_loop_init(struct daemon *d)
{
	struct timeval second = in_ms(TICK_MS), often = in_ms(DUMMIES_TICK_MS);
	bool ok = add_signals(d);

	d->deadline = evtimer_new(d->base, on_deadline, d);
	d->stop_timer = evtimer_new(d->base, on_stop_timer, d);
	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	d->wake = event_new(d->base, d->wake_fd, EV_READ | EV_PERSIST, on_wake, d);
	ok = ok && d->deadline && d->stop_timer && d->tick && d->wake &&
	     event_add(d->tick, &second) == 0 && event_add(d->wake, NULL) == 0;
	d->dummies = event_new(d->base, -1, EV_PERSIST, on_dummies, d);
	ok = ok && d->dummies && (!dummies_wanted(d->config) || event_add(d->dummies, &often) == 0);
	/* Where this is forbidden, what the device loses stays lost. */
	d->link_fd = d->tun ? netcfg_watch_open() : -1;
	d->links = event_new(d->base, d->link_fd, EV_READ | EV_PERSIST, on_links, d);
	ok = ok && d->links && (d->link_fd < 0 || event_add(d->links, NULL) == 0);
	ok = ok && add_sock(d, &d->natt);
	for (size_t i = 0; i < d->socks_n; i++)
		ok = ok && add_sock(d, &d->socks[i]);
	return ok;
}

static void free_event(struct event **e)
{
	if (*e)
		event_free(*e);
	*e = NULL;
}

void daemon_loop_fini(struct daemon *d)
{
	for (size_t i = 0; i < sizeof d->signals / sizeof d->signals[0]; i++)
		free_event(&d->signals[i]);
	for (size_t i = 0; i < d->socks_n; i++)
		free_event(&d->socks[i].event);
	free_event(&d->natt.event);
	free_event(&d->deadline);
	free_event(&d->stop_timer);
	if (d->links && d->link_fd >= 0)
		close(d->link_fd);
	free_event(&d->links);
	free_event(&d->dummies);
	free_event(&d->tick);
	free_event(&d->wake);
}

/*
 * Inbound: a batch of datagrams and trains from the socket, ESP opened in place, super-packets to
 * the TUN device. RFC 3948 section 2 for what stands on the port.
 */
#include "daemon/worker_internal.h"

#include <errno.h>
#include <string.h>

enum {
	TRAIN_BATCH = 8,         /* datagrams to ask for when they are trains */
	TRAIN_BYTES = 16 * 1024, /* on average, from which on they are */
};

/* ---- What is not ESP, or not ours ---- */

static void pass_ike(struct worker *w, const struct udp_msg *m, const struct pkt *p)
{
	struct worker_ike head;
	memset(&head, 0, sizeof head);
	head.local = m->local;
	head.remote = m->remote;
	head.ifindex = m->ifindex;
	bool ok =
	    ring_put(&w->ike, bytes_of(&head, sizeof head), bytes_of(p->base + p->off, p->len));
	worker_count(w, ok ? WORKER_ike : WORKER_ike_lost, 1);
	w->tell |= ok;
}

static void pass_stray(
    struct worker *w, uint32_t owner, const struct pkt *p, const struct endpoint *remote)
{
	if (worker_give(w->all[owner], p, remote)) {
		worker_count(w, WORKER_strays, 1);
		w->woken |= (uint64_t)1 << owner;
	}
}

/* ---- A batch of ESP ---- */

/* What verified from another place than before is told, once. */
static void watch_sources(struct worker *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct pkt *p = &w->pkts[i];
		/* The cars of a train are from one place. */
		bool same = i && w->from[i] == w->from[i - 1] && p->slot == p[-1].slot &&
			    p[-1].verdict == ESP_V_OK;
		if (p->verdict != ESP_V_OK || same)
			continue;
		struct endpoint *last = &w->last[p->slot & (w->p.slots - 1)];
		if (endpoint_equal(last, w->from[i]))
			continue;
		struct worker_notice notice;
		memset(&notice, 0, sizeof notice);
		notice.kind = WORKER_MOVED;
		notice.id = w->spis[i];
		notice.remote = *w->from[i];
		if (worker_notify(w, &notice))
			*last = *w->from[i];
	}
}

/* Whoever sends to an SPI that nobody has is to hear of it. One of a batch at most, and few in a
 * second: the control thread must not notice a flood. */
static void watch_unknown(struct worker *w, size_t first, uint64_t n)
{
	struct worker_notice notice;

	memset(&notice, 0, sizeof notice);
	notice.kind = WORKER_UNKNOWN;
	notice.id = w->spis[first];
	notice.remote = *w->from[first];
	bool told = tun_icmp_allow(&w->unknown, worker_coarse_ms()) && worker_notify(w, &notice);
	worker_count(w, WORKER_unknown_told, told);
	worker_count(w, WORKER_unknown_quiet, n - told);
}

static void open_batch(struct worker *w)
{
	size_t unknown = 0;
	uint64_t unknown_n = 0;

	if (w->n == 0)
		return;
	esp_worker_enter(w->esp);
	esp_decap(w->esp, w->pkts, w->n);
	esp_worker_leave(w->esp);
	watch_sources(w);
	for (size_t i = 0; i < w->n; i++) {
		struct pkt *p = &w->pkts[i];
		if (p->verdict == ESP_V_NO_SA && unknown_n++ == 0)
			unknown = i;
		if (p->verdict != ESP_V_OK)
			continue;
		if (w->p.tun && !w->tun_gone)
			tun_gro_add(&w->gro, p->base + p->off, p->len);
		else
			worker_count(w, WORKER_tun_lost, 1);
	}
	if (unknown_n)
		watch_unknown(w, unknown, unknown_n);
	w->n = 0;
}

static void add_esp(struct worker *w, const struct pkt *p, const struct endpoint *remote)
{
	w->spis[w->n] = be32_load(p->base + p->off);
	w->from[w->n] = remote;
	w->pkts[w->n++] = *p;
	if (w->n == BATCH)
		open_batch(w);
}

static void finish(struct worker *w)
{
	open_batch(w);
	w->pieces_at = 0;
	if (!w->p.tun || w->tun_gone)
		return;
	tun_gro_flush(&w->gro);
	worker_count(w, WORKER_packets_in, w->gro.written);
	worker_count(w, WORKER_tun_lost, w->gro.lost);
	w->gro.written = w->gro.lost = 0;
	if (w->gro.gone) {
		w->tun_gone = true;
		worker_notify(
		    w, &(struct worker_notice){.kind = WORKER_TUN_GONE, .error = -ENODEV});
	}
}

/* ---- What arrived ---- */

static void take_esp(struct worker *w, const struct pkt *p, const struct endpoint *remote)
{
	uint32_t owner = worker_of_spi(&w->p, be32_load(p->base + p->off));

	if (owner == w->p.index)
		add_esp(w, p, remote);
	else
		pass_stray(w, owner, p, remote);
}

static void take_datagram(struct worker *w, const struct udp_msg *m, struct pkt *p)
{
	switch (udp_classify(p)) {
	case UDP_ESP: take_esp(w, p, &m->remote); break;
	case UDP_IKE: pass_ike(w, m, p); break;
	case UDP_KEEPALIVE: worker_count(w, WORKER_keepalives, 1); break;
	case UDP_RUNT: worker_count(w, WORKER_runts, 1); break;
	}
}

/* Opening transport mode puts a header in front: more than there is between two cars of a train. A
 * copy of the car has the room. NULL: it does not fit, and stays where it is. */
static uint8_t *copy_car(struct worker *w, const uint8_t *car, uint32_t n)
{
	uint32_t room = PKT_HEADROOM + n + PKT_TAILROOM;

	if (room > ARENA)
		return NULL;
	if (w->pieces_at + room > ARENA)
		finish(w);
	uint8_t *base = w->pieces + w->pieces_at;
	w->pieces_at += room;
	memcpy(base + PKT_HEADROOM, car, n);
	return base;
}

/* The cars of a train lie one behind the other; each is opened where it lies. */
static void take_train(struct worker *w, const struct udp_msg *m, bool roomy)
{
	uint32_t at = m->pkt->off, end = at + m->pkt->len;

	worker_count(w, WORKER_trains, 1);
	for (uint32_t n; at < end; at += n) {
		n = end - at < m->segment ? end - at : m->segment;
		struct pkt car = {
		    .base = m->pkt->base,
		    .cap = at + n,
		    .off = at,
		    .len = n,
		    .tos = m->pkt->tos,
		};
		uint8_t *copy = roomy ? copy_car(w, car.base + at, n) : NULL;
		if (copy) {
			car.base = copy;
			car.off = PKT_HEADROOM;
			car.cap = PKT_HEADROOM + n + PKT_TAILROOM;
		}
		take_datagram(w, m, &car);
	}
}

/* Trains are large: with many of them the caches would be left before the first is dealt with. And
 * where few came, to ask for many costs more than they do. */
static void adapt(struct worker *w, size_t got, uint64_t bytes)
{
	bool few = got < TRAIN_BATCH || bytes >= (uint64_t)TRAIN_BYTES * got;
	w->receive = few ? TRAIN_BATCH : BATCH;
}

unsigned worker_inbound(struct worker *w)
{
	bool roomy = esp_has_transport(w->p.esp);
	uint64_t bytes = 0;

	if (w->udp_gone)
		return FOUND_END;
	for (size_t i = 0; i < w->receive; i++) {
		w->received[i] = (struct pkt){.base = w->buffers + i * BUFFER, .cap = BUFFER};
		w->msgs[i].pkt = &w->received[i];
	}
	unsigned asked = w->receive;
	int n = udp_recv_batch(w->p.udp, w->msgs, asked);
	if (n < 0) {
		w->udp_gone = true;
		worker_notify(w, &(struct worker_notice){.kind = WORKER_UDP_GONE, .error = n});
		return FOUND_WORK | FOUND_END;
	}
	if (n == 0)
		return FOUND_END;
	for (int i = 0; i < n; i++) {
		bytes += w->msgs[i].pkt->len;
		if (w->msgs[i].segment)
			take_train(w, &w->msgs[i], roomy);
		else
			take_datagram(w, &w->msgs[i], w->msgs[i].pkt);
	}
	finish(w);
	adapt(w, (size_t)n, bytes);
	return (unsigned)n < asked ? FOUND_WORK | FOUND_END : FOUND_WORK;
}

/* ---- Plain ESP ---- */

void worker_note_sizes(struct worker *w)
{
	struct worker_notice n;

	memset(&n, 0, sizeof n);
	n.kind = WORKER_TOO_BIG;
	while (w->p.raw && raw_next_too_big(w->p.raw, &n.too_big))
		worker_notify(w, &n);
}

unsigned worker_raw(struct worker *w)
{
	if (!w->p.raw || w->raw_gone)
		return FOUND_END;
	for (size_t i = 0; i < BATCH; i++) {
		w->received[i] = (struct pkt){.base = w->buffers + i * BUFFER, .cap = BUFFER};
		w->msgs[i].pkt = &w->received[i];
	}
	int n = raw_recv_batch(w->p.raw, w->msgs, BATCH);
	if (n < 0) {
		w->raw_gone = true;
		worker_notify(w, &(struct worker_notice){.kind = WORKER_UDP_GONE, .error = n});
	}
	for (int i = 0; i < n; i++) {
		if (w->msgs[i].pkt->len < 4)
			worker_count(w, WORKER_runts, 1);
		else
			take_esp(w, w->msgs[i].pkt, &w->msgs[i].remote);
	}
	worker_note_sizes(w);
	if (n <= 0)
		return n < 0 ? FOUND_WORK | FOUND_END : FOUND_END;
	finish(w);
	return n < BATCH ? FOUND_WORK | FOUND_END : FOUND_WORK;
}

/* ---- What others handed over, or wish ---- */

struct stray {
	struct endpoint remote;
	uint8_t tos;
	/* Not 0: no packet, but the wish for a dummy of so many bytes by the SA in `slot`. */
	uint32_t dummy, slot;
};

static bool give(struct worker *owner, const struct stray *head, struct bytes body)
{
	pthread_mutex_lock(&owner->strays_lock);
	bool ok = ring_put(&owner->strays, bytes_of(head, sizeof *head), body);
	pthread_mutex_unlock(&owner->strays_lock);
	return ok;
}

bool worker_dummy(struct worker *w, uint32_t slot, uint32_t len)
{
	struct stray head;
	memset(&head, 0, sizeof head);
	head.dummy = len;
	head.slot = slot;
	return give(w, &head, bytes_of(NULL, 0));
}

bool worker_give(struct worker *owner, const struct pkt *p, const struct endpoint *remote)
{
	struct stray head;
	memset(&head, 0, sizeof head);
	head.remote = *remote;
	head.tos = p->tos;
	bool ok = give(owner, &head, bytes_of(p->base + p->off, p->len));
	if (!ok)
		atomic_fetch_add_explicit(
		    &owner->counters[WORKER_strays_lost], 1, memory_order_relaxed);
	return ok;
}

unsigned worker_strays(struct worker *w)
{
	struct bytes record;
	size_t i = 0;

	for (; i < BATCH && ring_peek(&w->strays, &record); i++) {
		struct stray head;
		struct pkt p = {
		    .base = w->buffers + i * BUFFER, .cap = BUFFER, .off = PKT_HEADROOM};
		memcpy(&head, record.p, sizeof head);
		if (head.dummy) {
			ring_pop(&w->strays);
			worker_send_dummy(w, p.base, head.slot, head.dummy);
			continue;
		}
		p.len = (uint32_t)(record.n - sizeof head);
		p.tos = head.tos;
		memcpy(p.base + p.off, record.p + sizeof head, p.len);
		ring_pop(&w->strays);
		w->stray_from[i] = head.remote;
		add_esp(w, &p, &w->stray_from[i]);
	}
	if (i == 0)
		return FOUND_END;
	finish(w);
	return i < BATCH ? FOUND_WORK | FOUND_END : FOUND_WORK;
}

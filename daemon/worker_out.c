/*
 * Outbound: packets and super-packets from the TUN device, segments sealed in place, trains to the
 * socket.
 */
#include "daemon/worker_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon/udp/errors.h"
#include "tun/cut.h"

enum {
	SUPERS = 16, /* super-packets in one turn, before what came in has its own */
	ALIGN = 64,  /* packets begin on cache lines */
};

static uint32_t align_up(uint32_t n)
{
	return (n + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
}

/* Bytes for a packet and all that sealing may put around it, padding up to the MTU included. That
 * is read once: the control thread may lower it meanwhile. */
static uint32_t whole_room(const struct worker *w, uint32_t len)
{
	uint32_t mtu = w->p.tun->mtu;

	return align_up(PKT_HEADROOM + (len > mtu ? len : mtu) + PKT_TAILROOM);
}

/* ---- Sending ---- */

static void acquire(struct worker *w, const struct pkt *p)
{
	struct worker_notice notice;
	memset(&notice, 0, sizeof notice);
	notice.kind = WORKER_ACQUIRE;
	notice.id = p->slot;
	if (esp_flow_of(bytes_of(p->base + p->off, p->len), &notice.flow))
		worker_notify(w, &notice);
}

uint64_t worker_coarse_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What does not fit the path of its SA is told to who sent it: RFC 4301 section 8.2.1. Of a
 * super-packet's segments, which share a sender, the first that is refused speaks for all. */
static void tell_sender(struct worker *w, const struct pkt *p)
{
	uint8_t icmp[TUN_ICMP_CAP];
	const struct tun_gso whole = {.kind = TUN_GSO_NONE};
	struct tun *tun = w->p.tun;
	uint32_t mtu = esp_pkt_mtu(w->esp, p);

	if (mtu == 0 || w->tun_gone || !tun_icmp_allow(&w->icmp, worker_coarse_ms()))
		return;
	size_t n =
	    tun_icmp_too_big(icmp, sizeof icmp, bytes_of(p->base + p->off, p->len), mtu, NULL);
	if (n && tun->ops->write(tun, w->queue, &whole, &(struct iovec){icmp, n}, 1) == 0)
		worker_count(w, WORKER_too_big, 1);
}

/* What ESP did not seal, and somebody is to know. `before`: the packet before it; NULL: none. */
static void refused(struct worker *w, const struct pkt *p, const struct pkt *before)
{
	if (p->verdict == ESP_V_ACQUIRE)
		acquire(w, p);
	else if (p->verdict == ESP_V_TOO_BIG &&
		 !(before && (p->flags & PKT_SAME_FLOW) && before->verdict == ESP_V_TOO_BIG))
		tell_sender(w, p);
}

/* Segments were laid side by side as the SA that took the last ones would fill the space between
 * them. Where another one needs more, they are sealed in a place of their own. */
static void seal_elsewhere(struct worker *w, struct pkt *p)
{
	struct pkt wide = {.base = w->buffers + (size_t)(p - w->pkts) * BUFFER,
	    .cap = BUFFER,
	    .off = PKT_HEADROOM,
	    .len = p->len};
	memcpy(wide.base + wide.off, p->base + p->off, p->len);
	esp_encap(w->esp, &wide, 1);
	*p = wide;
	w->shape.inner = 0;
}

/* Is a packet that ESP did not seal at once ready nevertheless? */
static bool ready(struct worker *w, struct pkt *p, const struct pkt *before)
{
	if (p->verdict == ESP_V_NO_ROOM && (p->flags & PKT_TIGHT))
		seal_elsewhere(w, p);
	if (p->verdict != ESP_V_OK)
		refused(w, p, before);
	return p->verdict == ESP_V_OK;
}

/* Puts those that may leave into msgs, by UDP, and raw_msgs, as they are. Ends before a packet that
 * must be cut; returns how many it has dealt with. */
static size_t address_packets(
    struct worker *w, struct pkt *pkts, size_t n, size_t *udp_n, size_t *raw_n)
{
	const struct esp_path *path = NULL;
	const struct pkt *last = NULL;

	*udp_n = *raw_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct pkt *p = &pkts[i];
		if (p->verdict == ESP_V_CUT)
			return i;
		if (p->verdict != ESP_V_OK && !ready(w, p, i ? p - 1 : NULL))
			continue;
		if (!last || last->slot != p->slot)
			path = esp_pkt_path(w->esp, p);
		if (!path)
			continue; /* its SA was removed since it was sealed */
		last = p;
		uint32_t pin = atomic_load_explicit(
		    &w->p.pins[p->slot & (w->p.slots - 1)], memory_order_relaxed);
		struct udp_msg *m =
		    path->udp_encap ? &w->msgs[(*udp_n)++] : &w->raw_msgs[(*raw_n)++];
		*m = (struct udp_msg){.pkt = p,
		    .local = path->local,
		    .remote = path->remote,
		    .ifindex = pin,
		    .way = p->slot + 1};
	}
	return n;
}

static size_t send_raw(struct worker *w, size_t n)
{
	if (n == 0 || !w->p.raw)
		return 0;
	size_t sent = raw_send_batch(w->p.raw, w->raw_msgs, n, NULL);
	worker_note_sizes(w);
	return sent;
}

static void learn_shape(struct worker *w)
{
	const struct pkt *p = &w->pkts[w->sample.i];

	if (w->sample.len && p->verdict == ESP_V_OK && p->off <= w->sample.off) {
		w->shape.inner = w->sample.len;
		w->shape.front = w->sample.off - p->off;
		w->shape.sealed = p->len;
	}
	w->sample.len = 0;
}

/* A datagram that must stay whole was larger than the kernel's idea of its path, which is thus
 * smaller than what the SA was told: RFC 4301 section 8.2.1. */
static void note_refusal(struct worker *w, size_t n)
{
	uint32_t way = 0;

	for (size_t i = 0; i < n; i++) {
		const struct udp_msg *m = &w->msgs[i];
		struct worker_notice notice;
		if (!(m->pkt->flags & PKT_DF) || m->way == way)
			continue;
		way = m->way;
		memset(&notice, 0, sizeof notice);
		notice.kind = WORKER_TOO_BIG;
		notice.too_big.dst = m->remote.addr;
		if (udp_route_mtu(
			&m->remote.addr, &m->local.addr, m->ifindex, &notice.too_big.mtu) == 0)
			worker_notify(w, &notice);
	}
}

static size_t send_udp(struct worker *w, size_t n)
{
	int error = 0;
	if (n == 0)
		return 0;
	size_t sent = udp_send_batch(w->p.udp, w->msgs, n, &error);
	if (error == -EMSGSIZE)
		note_refusal(w, n);
	return sent;
}

/* Sends what is sealed of n packets, up to one that must be cut, between esp_worker_enter and
 * esp_worker_leave. Returns how many it has dealt with. */
static size_t send_sealed(struct worker *w, struct pkt *pkts, size_t n)
{
	size_t udp_n, raw_n, done = address_packets(w, pkts, n, &udp_n, &raw_n);
	size_t sent = send_udp(w, udp_n);

	sent += send_raw(w, raw_n);
	worker_count(w, WORKER_packets_out, sent);
	worker_count(w, WORKER_udp_lost, udp_n + raw_n - sent);
	return done;
}

void worker_send_dummy(struct worker *w, uint8_t *buffer, uint32_t slot, uint32_t len)
{
	struct pkt p = {.base = buffer, .cap = BUFFER, .off = PKT_HEADROOM, .len = len};

	esp_worker_enter(w->esp);
	if (esp_dummy(w->esp, slot, &p)) {
		worker_count(w, WORKER_dummies, 1);
		send_sealed(w, &p, 1);
	}
	esp_worker_leave(w->esp);
}

/* Packet i of the batch goes in fragments, as many at a time as its buffer takes. */
static void send_cut(struct worker *w, size_t i)
{
	const struct pkt *whole = &w->pkts[i];
	uint32_t most = esp_pkt_mtu(w->esp, whole);
	uint32_t room = align_up(PKT_HEADROOM + most + PKT_TAILROOM);
	size_t cap = room <= BUFFER ? BUFFER / room : 1, n;
	struct pkt pieces[BATCH];
	struct tun_cut c;

	if (!tun_cut_init(&c, bytes_of(whole->base + whole->off, whole->len), most))
		return; /* its path or its SA changed since */
	worker_count(w, WORKER_cut, 1);
	cap = cap < BATCH ? cap : BATCH;
	do {
		for (n = 0; n < cap; n++) {
			struct pkt *p = &pieces[n];
			*p = (struct pkt){.base = w->buffers + i * BUFFER + n * room,
			    .cap = room,
			    .off = PKT_HEADROOM};
			p->len = tun_cut_next(&c, p->base + p->off);
			if (p->len == 0)
				break;
		}
		esp_encap_pieces(w->esp, whole, pieces, n);
		send_sealed(w, pieces, n);
	} while (n == cap);
}

/* Sends what has gathered. What must be cut divides the batch, so that all leave in their order. */
static void send_packets(struct worker *w)
{
	size_t n = w->n;

	w->n = 0;
	w->bytes = w->pieces_at = 0;
	if (n == 0)
		return;
	esp_worker_enter(w->esp);
	esp_encap(w->esp, w->pkts, n);
	learn_shape(w);
	for (size_t at = 0; at < n; at++) {
		at += send_sealed(w, w->pkts + at, n - at);
		if (at < n)
			send_cut(w, at);
	}
	esp_worker_leave(w->esp);
}

/* ---- Gathering ---- */

/* Bytes of a packet when it is sealed, as far as is known. */
static uint32_t sealed_len(const struct worker *w, uint32_t len)
{
	return w->shape.inner ? len + w->shape.sealed - w->shape.inner : len;
}

/* Room for one more packet of `len` bytes? Batches end where trains do, so that those are full. */
static bool batch_takes(const struct worker *w, uint32_t len)
{
	return w->n < BATCH && w->bytes + sealed_len(w, len) <= UDP_TRAIN_BYTES;
}

/* The next packet of the batch, to be filled: a batch that does not take it is sent before. */
static struct pkt *next_packet(struct worker *w, uint32_t len)
{
	if (w->n && !batch_takes(w, len))
		send_packets(w);
	w->bytes += sealed_len(w, len);
	return &w->pkts[w->n++];
}

/* A place in `pieces` for the next segment of `len` bytes. If the last one was of this length, so
 * that the packets will lie side by side when sealed; else with room for all that may come. */
static void place(struct worker *w, struct pkt *p, uint32_t len)
{
	p->base = w->pieces + w->pieces_at;
	if (len == w->shape.inner) {
		p->off = w->shape.front;
		p->cap = w->shape.sealed;
		p->flags |= PKT_TIGHT;
	} else {
		p->off = PKT_HEADROOM;
		p->cap = whole_room(w, len);
	}
	w->pieces_at += p->cap;
}

static void note_sample(struct worker *w, const struct pkt *p)
{
	if (w->sample.len)
		return;
	w->sample.i = (size_t)(p - w->pkts);
	w->sample.off = p->off;
	w->sample.len = p->len;
}

/* Cuts a super-packet. Its segments are gathered behind those of the one before: a train may carry
 * the end of one and the beginning of the next. True: what had gathered before was sent. */
static bool gather_super(struct worker *w, const struct pkt *super, const struct tun_gso *gso)
{
	struct tun_split s;
	bool sent = false;
	uint8_t flags = 0;

	worker_count(w, WORKER_supers, 1);
	if (!tun_split_init(&s, super, gso)) {
		worker_count(w, WORKER_tun_bad, 1);
		return false;
	}
	for (uint32_t size; (size = tun_split_size(&s)) > 0; flags = PKT_SAME_FLOW) {
		if (w->n && (!batch_takes(w, size) || w->pieces_at + BUFFER > ARENA)) {
			send_packets(w);
			sent = true;
			flags = 0;
		}
		struct pkt *p = next_packet(w, size);
		*p = (struct pkt){.flags = flags};
		place(w, p, size);
		p->len = tun_split_next(&s, p->base + p->off);
		note_sample(w, p);
	}
	return sent;
}

/* ---- Reading ---- */

/* Reads one packet to the arena's byte `at`. 1, 0 or an error as tun_ops.read. */
static int read_packet(struct worker *w, uint32_t at, struct pkt *p, struct tun_gso *gso)
{
	*p = (struct pkt){.base = w->arena + at, .cap = ARENA - at};
	int rc = w->p.tun->ops->read(w->p.tun, w->queue, p, gso);
	if (rc < 0) {
		w->tun_gone = true;
		worker_notify(w, &(struct worker_notice){.kind = WORKER_TUN_GONE, .error = rc});
	}
	return rc;
}

unsigned worker_outbound(struct worker *w)
{
	unsigned packets = 0, supers = 0, found = FOUND_NOTHING;
	bool woken = w->woken_up;
	uint32_t at = 0;

	if (!w->p.tun || w->tun_gone)
		return FOUND_END;
	w->woken_up = false;
	while (packets < BATCH && supers < SUPERS && ARENA - at >= BUFFER) {
		struct tun_gso gso;
		struct pkt p;
		if (read_packet(w, at, &p, &gso) <= 0) {
			found |= FOUND_END;
			break;
		}
		found |= FOUND_WORK;
		if (gso.kind != TUN_GSO_NONE) {
			supers++;
			if (gather_super(w, &p, &gso))
				at = 0; /* nothing that waits lies in the arena */
		} else if (!tun_csum_complete(&p, &gso)) {
			worker_count(w, WORKER_tun_bad, 1);
		} else {
			p.cap = whole_room(w, p.len);
			at += p.cap;
			packets++;
			*next_packet(w, p.len) = p;
			/* Somebody may wait for this one: it does not wait for a look at
			 * whether there are more. */
			if (woken && packets == 1 && supers == 0) {
				send_packets(w);
				at = 0;
			}
		}
	}
	send_packets(w);
	return found;
}

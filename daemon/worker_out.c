/*
 * Outbound: packets and super-packets from the TUN device, segments sealed in place, trains to the
 * socket.
 */
#include "daemon/worker_internal.h"

#include <string.h>

enum {
	SUPERS = 4, /* super-packets in one turn, before what came in has its own */
	ALIGN = 64, /* packets begin on cache lines */
};

static uint32_t align_up(uint32_t n)
{
	return (n + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
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

static size_t address_packets(struct worker *w, size_t n)
{
	const struct esp_path *path = NULL;
	const struct pkt *before = NULL;
	size_t msgs_n = 0;

	for (size_t i = 0; i < n; i++) {
		struct pkt *p = &w->pkts[i];
		if (p->verdict == ESP_V_ACQUIRE)
			acquire(w, p);
		if (p->verdict != ESP_V_OK)
			continue;
		if (!before || before->slot != p->slot)
			path = esp_pkt_path(w->esp, p);
		if (!path)
			continue; /* its SA was removed since it was sealed */
		before = p;
		uint32_t pin = atomic_load_explicit(
		    &w->p.pins[p->slot & (w->p.slots - 1)], memory_order_relaxed);
		w->msgs[msgs_n++] = (struct udp_msg){
		    .pkt = p, .local = path->local, .remote = path->remote, .ifindex = pin};
	}
	return msgs_n;
}

static void send_packets(struct worker *w, size_t n)
{
	if (n == 0)
		return;
	esp_worker_enter(w->esp);
	esp_encap(w->esp, w->pkts, n);
	size_t msgs_n = address_packets(w, n);
	esp_worker_leave(w->esp);
	size_t sent = msgs_n ? udp_send_batch(w->p.udp, w->msgs, msgs_n, NULL) : 0;
	worker_count(w, WORKER_packets_out, sent);
	worker_count(w, WORKER_udp_lost, msgs_n - sent);
}

/* Cuts a super-packet into as many segments at a time as there is room for. */
static void send_super(struct worker *w, const struct pkt *super, const struct tun_gso *gso)
{
	struct tun_split s;

	worker_count(w, WORKER_supers, 1);
	if (!tun_split_init(&s, super, gso)) {
		worker_count(w, WORKER_tun_bad, 1);
		return;
	}
	uint32_t size = tun_split_size(&s);
	uint32_t room =
	    align_up(PKT_HEADROOM + (size > w->p.tun->mtu ? size : w->p.tun->mtu) + PKT_TAILROOM);
	while (tun_split_more(&s)) {
		size_t n = 0;
		for (; n < BATCH && (n + 1) * room <= ARENA && tun_split_more(&s); n++) {
			struct pkt *p = &w->pkts[n];
			*p = (struct pkt){.base = w->pieces + n * room,
			    .cap = room,
			    .off = PKT_HEADROOM,
			    .flags = n ? PKT_SAME_FLOW : 0};
			p->len = tun_split_next(&s, p->base + p->off);
		}
		send_packets(w, n);
	}
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
	unsigned supers = 0, found = FOUND_NOTHING;
	uint32_t at = 0;
	size_t n = 0;

	if (!w->p.tun || w->tun_gone)
		return FOUND_END;
	while (n < BATCH && supers < SUPERS && ARENA - at >= BUFFER) {
		struct tun_gso gso;
		struct pkt p;
		if (read_packet(w, at, &p, &gso) <= 0) {
			found |= FOUND_END;
			break;
		}
		found |= FOUND_WORK;
		if (gso.kind != TUN_GSO_NONE) {
			send_packets(w, n); /* in the order of their coming */
			send_super(w, &p, &gso);
			supers++;
			n = at = 0;
		} else if (!tun_csum_complete(&p, &gso)) {
			worker_count(w, WORKER_tun_bad, 1);
		} else {
			uint32_t len = p.len > w->p.tun->mtu ? p.len : w->p.tun->mtu;
			p.cap = align_up(PKT_HEADROOM + len + PKT_TAILROOM);
			at += p.cap;
			w->pkts[n++] = p;
		}
	}
	send_packets(w, n);
	return found;
}

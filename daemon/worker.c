/*
 * The worker's loop: a batch inbound, a batch outbound, and sleep only when both are dry.
 * RFC 3948 sections 2 and 3 for what stands on the port.
 */
#include "daemon/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	BATCH = UDP_BATCH,
	/* The longest datagram and the room around it; not a power of two, so that the heads of the
	 * buffers do not fall into the same cache sets. */
	BUFFER = PKT_HEADROOM + 65536 + PKT_TAILROOM + 64,
	IKE_RING = 1 << 19,
	NOTICE_RING = 1 << 16,
	NOTICES_PER_BATCH = 8,
};

struct worker {
	struct worker_params p;
	struct esp_worker *esp;
	pthread_t thread;
	bool running;
	int wake_fd; /* an eventfd: written by the control thread, polled by the worker */
	/* Written by the control thread, read by the worker. */
	_Atomic bool stop;
	/* Set by the worker, taken by the control thread: ESP has an expiry to report. */
	_Atomic bool attention;
	/* The worker puts, the control thread takes. */
	struct ring ike, notices;
	/* Written by the worker, read by the control thread, relaxed. */
	_Atomic uint64_t counters[WORKER_COUNTERS_N];
	/* Control thread: an IKE datagram was handed out and is not yet popped. */
	bool ike_out;
	/* The worker's own from here on. */
	bool tun_gone, udp_gone;
	bool tell;          /* the control thread must be woken */
	unsigned notices_n; /* in this batch */
	uint8_t *buffers;
	struct endpoint *last; /* by inbound slot: where the last good packet came from */
	struct pkt pkts[BATCH];
	struct pkt esp_pkts[BATCH];
	struct udp_msg msgs[BATCH];
	struct endpoint from[BATCH];
	uint32_t spis[BATCH];
};

const char *const worker_counter_names[WORKER_COUNTERS_N] = {
#define WORKER_NAME(name) #name,
    WORKER_COUNTERS(WORKER_NAME)
#undef WORKER_NAME
};

static void count(struct worker *w, enum worker_counter c, uint64_t n)
{
	uint64_t old = atomic_load_explicit(&w->counters[c], memory_order_relaxed);
	atomic_store_explicit(&w->counters[c], old + n, memory_order_relaxed);
}

static void give_buffers(struct worker *w)
{
	for (size_t i = 0; i < BATCH; i++)
		w->pkts[i] = (struct pkt){.base = w->buffers + i * BUFFER, .cap = BUFFER};
}

/* ---- To the control thread ---- */

static void signal_fd(int fd)
{
	uint64_t one = 1;
	ssize_t rc;
	do
		rc = write(fd, &one, sizeof one);
	while (rc < 0 && errno == EINTR);
}

static bool notify(struct worker *w, const struct worker_notice *n)
{
	bool ok = w->notices_n++ < NOTICES_PER_BATCH &&
		  ring_put(&w->notices, bytes_of(n, sizeof *n), bytes_of(NULL, 0));
	if (ok)
		w->tell = true;
	else
		count(w, WORKER_notices_lost, 1);
	return ok;
}

static void pass_ike(struct worker *w, const struct udp_msg *m)
{
	struct worker_ike head;
	memset(&head, 0, sizeof head);
	head.local = m->local;
	head.remote = m->remote;
	head.ifindex = m->ifindex;
	bool ok = ring_put(&w->ike, bytes_of(&head, sizeof head),
	    bytes_of(m->pkt->base + m->pkt->off, m->pkt->len));
	count(w, ok ? WORKER_ike : WORKER_ike_lost, 1);
	w->tell |= ok;
}

static void end_batch(struct worker *w)
{
	if (esp_worker_attention(w->esp)) {
		atomic_store(&w->attention, true);
		w->tell = true;
	}
	if (w->tell)
		signal_fd(w->p.control_fd);
	w->tell = false;
	w->notices_n = 0;
}

/* ---- Inbound ---- */

/* Takes ESP out of what arrived, to the front of esp_pkts; the rest is dealt with here. */
static size_t classify(struct worker *w, size_t n)
{
	size_t esp_n = 0;

	for (size_t i = 0; i < n; i++) {
		struct udp_msg *m = &w->msgs[i];
		struct pkt *p = m->pkt;
		switch (udp_classify(p)) {
		case UDP_ESP:
			w->spis[esp_n] = p->len >= 4 ? be32_load(p->base + p->off) : 0;
			w->from[esp_n] = m->remote;
			w->esp_pkts[esp_n++] = *p;
			break;
		case UDP_IKE: pass_ike(w, m); break;
		case UDP_KEEPALIVE: count(w, WORKER_keepalives, 1); break;
		case UDP_RUNT: count(w, WORKER_runts, 1); break;
		}
	}
	return esp_n;
}

/* What verified from another place than before is told, once. */
static void watch_sources(struct worker *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct pkt *p = &w->esp_pkts[i];
		if (p->verdict != ESP_V_OK)
			continue;
		struct endpoint *last = &w->last[p->slot & (w->p.slots - 1)];
		if (endpoint_equal(last, &w->from[i]))
			continue;
		struct worker_notice notice;
		memset(&notice, 0, sizeof notice);
		notice.kind = WORKER_MOVED;
		notice.id = w->spis[i];
		notice.remote = w->from[i];
		if (notify(w, &notice))
			*last = w->from[i];
	}
}

static void write_tun(struct worker *w, size_t n)
{
	size_t good = 0;
	for (size_t i = 0; i < n; i++)
		good += w->esp_pkts[i].verdict == ESP_V_OK;
	if (good == 0)
		return;
	int rc =
	    w->p.tun && !w->tun_gone ? w->p.tun->ops->write_batch(w->p.tun, w->esp_pkts, n) : 0;
	size_t went = rc > 0 ? (size_t)rc : 0;
	count(w, WORKER_packets_in, went);
	count(w, WORKER_tun_lost, good - went);
}

static bool inbound(struct worker *w)
{
	if (w->udp_gone)
		return false;
	give_buffers(w);
	for (size_t i = 0; i < BATCH; i++)
		w->msgs[i].pkt = &w->pkts[i];
	int n = udp_recv_batch(w->p.udp, w->msgs, BATCH);
	if (n < 0) {
		w->udp_gone = true;
		notify(w, &(struct worker_notice){.kind = WORKER_UDP_GONE, .error = n});
		return true;
	}
	if (n == 0)
		return false;
	size_t esp_n = classify(w, (size_t)n);
	if (esp_n) {
		esp_worker_enter(w->esp);
		esp_decap(w->esp, w->esp_pkts, esp_n);
		esp_worker_leave(w->esp);
		watch_sources(w, esp_n);
		write_tun(w, esp_n);
	}
	return true;
}

/* ---- Outbound ---- */

static void acquire(struct worker *w, const struct pkt *p)
{
	struct worker_notice notice;
	memset(&notice, 0, sizeof notice);
	notice.kind = WORKER_ACQUIRE;
	notice.id = p->slot;
	if (esp_flow_of(bytes_of(p->base + p->off, p->len), &notice.flow))
		notify(w, &notice);
}

static size_t address_packets(struct worker *w, size_t n)
{
	size_t msgs_n = 0;

	for (size_t i = 0; i < n; i++) {
		struct pkt *p = &w->pkts[i];
		if (p->verdict == ESP_V_ACQUIRE)
			acquire(w, p);
		if (p->verdict != ESP_V_OK)
			continue;
		const struct esp_path *path = esp_pkt_path(w->esp, p);
		if (!path)
			continue; /* its SA was removed since it was sealed */
		uint32_t pin = atomic_load_explicit(
		    &w->p.pins[p->slot & (w->p.slots - 1)], memory_order_relaxed);
		w->msgs[msgs_n++] = (struct udp_msg){
		    .pkt = p, .local = path->local, .remote = path->remote, .ifindex = pin};
	}
	return msgs_n;
}

static bool outbound(struct worker *w)
{
	if (!w->p.tun || w->tun_gone)
		return false;
	give_buffers(w);
	int n = w->p.tun->ops->read_batch(w->p.tun, w->pkts, BATCH);
	if (n < 0) {
		w->tun_gone = true;
		notify(w, &(struct worker_notice){.kind = WORKER_TUN_GONE, .error = n});
		return true;
	}
	if (n == 0)
		return false;
	esp_worker_enter(w->esp);
	esp_encap(w->esp, w->pkts, (size_t)n);
	size_t msgs_n = address_packets(w, (size_t)n);
	esp_worker_leave(w->esp);
	size_t sent = msgs_n ? udp_send_batch(w->p.udp, w->msgs, msgs_n, NULL) : 0;
	count(w, WORKER_packets_out, sent);
	count(w, WORKER_udp_lost, msgs_n - sent);
	return true;
}

/* ---- The loop ---- */

static void sleep_until_work(struct worker *w)
{
	int tun_fd = w->p.tun && !w->tun_gone ? w->p.tun->ops->poll_fd(w->p.tun) : -1;
	struct pollfd fds[] = {
	    {.fd = w->wake_fd, .events = POLLIN},
	    {.fd = w->udp_gone ? -1 : udp_fd(w->p.udp), .events = POLLIN},
	    {.fd = tun_fd, .events = POLLIN},
	};
	uint64_t ignored;

	if (poll(fds, sizeof fds / sizeof fds[0], -1) > 0 && fds[0].revents)
		while (read(w->wake_fd, &ignored, sizeof ignored) < 0 && errno == EINTR)
			continue;
}

static void *run(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
		bool in = inbound(w);
		bool out = outbound(w);
		if (in || out) {
			count(w, WORKER_batches, 1);
			end_batch(w);
		} else {
			sleep_until_work(w);
		}
	}
	return NULL;
}

static bool start_thread(struct worker *w)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	w->running = pthread_create(&w->thread, NULL, run, w) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return w->running;
}

struct worker *worker_start(const struct worker_params *p)
{
	struct worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
	if (!w)
		return NULL;
	memset(w, 0, sizeof *w);
	w->p = *p;
	w->esp = esp_worker_get(p->esp, p->index);
	w->wake_fd = eventfd(0, EFD_CLOEXEC);
	w->buffers = malloc((size_t)BATCH * BUFFER);
	w->last = calloc(p->slots, sizeof *w->last);
	bool ok = ring_init(&w->ike, IKE_RING);
	ok = ring_init(&w->notices, NOTICE_RING) && ok;
	if (!ok || w->wake_fd < 0 || !w->buffers || !w->last || !start_thread(w)) {
		worker_free(w);
		return NULL;
	}
	return w;
}

void worker_stop(struct worker *w)
{
	if (!w->running)
		return;
	atomic_store_explicit(&w->stop, true, memory_order_release);
	signal_fd(w->wake_fd);
	pthread_join(w->thread, NULL);
	w->running = false;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	ring_fini(&w->ike);
	ring_fini(&w->notices);
	free(w->last);
	free(w->buffers);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	free(w);
}

/* ---- For the control thread ---- */

bool worker_next_ike(struct worker *w, struct worker_ike *head, struct bytes *body)
{
	struct bytes record;

	if (w->ike_out)
		ring_pop(&w->ike);
	w->ike_out = ring_peek(&w->ike, &record);
	if (!w->ike_out)
		return false;
	memcpy(head, record.p, sizeof *head);
	*body = bytes_of(record.p + sizeof *head, record.n - sizeof *head);
	return true;
}

bool worker_next_notice(struct worker *w, struct worker_notice *out)
{
	struct bytes record;

	if (!ring_peek(&w->notices, &record))
		return false;
	memcpy(out, record.p, sizeof *out);
	ring_pop(&w->notices);
	return true;
}

bool worker_attention(struct worker *w)
{
	return atomic_exchange(&w->attention, false);
}

uint64_t worker_counter(const struct worker *w, enum worker_counter c)
{
	return atomic_load_explicit(&w->counters[c], memory_order_relaxed);
}

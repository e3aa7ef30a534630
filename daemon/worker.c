/*
 * The worker's life and loop: what came in, what goes out, and sleep only when both are dry.
 */
#include "daemon/worker_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

const char *const worker_counter_names[WORKER_COUNTERS_N] = {
#define WORKER_NAME(name) #name,
    WORKER_COUNTERS(WORKER_NAME)
#undef WORKER_NAME
};

/* ---- To other threads ---- */

static void signal_fd(int fd)
{
	uint64_t one = 1;
	ssize_t rc;
	do
		rc = write(fd, &one, sizeof one);
	while (rc < 0 && errno == EINTR);
}

bool worker_notify(struct worker *w, const struct worker_notice *n)
{
	bool ok = w->notices_n++ < NOTICES_PER_BATCH &&
		  ring_put(&w->notices, bytes_of(n, sizeof *n), bytes_of(NULL, 0));
	if (ok)
		w->tell = true;
	else
		worker_count(w, WORKER_notices_lost, 1);
	return ok;
}

void worker_wake(struct worker *w)
{
	signal_fd(w->wake_fd);
}

uint32_t worker_of_spi(const struct worker_params *p, uint32_t spi)
{
	return p->count > 1 ? (spi & (p->slots - 1)) % p->count
			    : 0; /* a division per packet less */
}

static void end_batch(struct worker *w)
{
	if (esp_worker_attention(w->esp)) {
		atomic_store(&w->attention, true);
		w->tell = true;
	}
	if (w->tell)
		signal_fd(w->p.control_fd);
	for (uint32_t i = 0; w->woken; i++, w->woken >>= 1)
		if (w->woken & 1)
			worker_wake(w->all[i]);
	w->tell = false;
	w->notices_n = 0;
}

/* ---- The loop ---- */

/* Where there may be something to do. */
enum ready {
	READY_IN = 1 << 0,
	READY_OUT = 1 << 1,
	READY_STRAYS = 1 << 2,
	READY_RAW = 1 << 3,
	READY_ALL = READY_IN | READY_OUT | READY_STRAYS | READY_RAW,
};

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* poll, after looking for a while without sleeping if so configured. */
static int poll_for(const struct worker *w, struct pollfd *fds, nfds_t n)
{
	if (w->p.busy_poll_us) {
		uint64_t until = now_us() + w->p.busy_poll_us;
		do {
			int rc = poll(fds, n, 0);
			if (rc != 0)
				return rc;
		} while (now_us() < until);
	}
	return poll(fds, n, -1);
}

static unsigned sleep_until_work(struct worker *w)
{
	int tun_fd = w->p.tun && !w->tun_gone ? w->p.tun->ops->poll_fd(w->p.tun, w->queue) : -1;
	int udp_fd[2] = {-1, -1};
	if (!w->udp_gone)
		udp_fds(w->p.udp, udp_fd);
	struct pollfd fds[] = {
	    {.fd = w->wake_fd, .events = POLLIN},
	    {.fd = udp_fd[0], .events = POLLIN},
	    {.fd = udp_fd[1], .events = POLLIN},
	    {.fd = tun_fd, .events = POLLIN},
	    {.fd = w->p.raw && !w->raw_gone ? raw_fd(w->p.raw) : -1, .events = POLLIN},
	};
	uint64_t ignored;
	unsigned ready = 0;

	if (poll_for(w, fds, sizeof fds / sizeof fds[0]) <= 0)
		return READY_ALL;
	if (fds[0].revents) {
		ready |= READY_STRAYS;
		while (read(w->wake_fd, &ignored, sizeof ignored) < 0 && errno == EINTR)
			continue;
		/* Perhaps to forget keys, which is all that these do. */
		esp_worker_enter(w->esp);
		esp_worker_leave(w->esp);
	}
	ready |= fds[1].revents || fds[2].revents ? (unsigned)READY_IN : 0;
	ready |= fds[3].revents ? (unsigned)READY_OUT : 0;
	ready |= fds[4].revents ? (unsigned)READY_RAW : 0;
	return ready;
}

/* One turn of what is ready. Returns what may have more. */
static unsigned turn(struct worker *w, unsigned ready)
{
	unsigned in = ready & READY_IN ? worker_inbound(w) : FOUND_END;
	unsigned raw = ready & READY_RAW ? worker_raw(w) : FOUND_END;
	unsigned strays = ready & READY_STRAYS ? worker_strays(w) : FOUND_END;
	unsigned out = ready & READY_OUT ? worker_outbound(w) : FOUND_END;

	if ((in | raw | out | strays) & FOUND_WORK)
		worker_count(w, WORKER_batches, 1);
	/* There may be news without work: a device that is gone, an ICMP error. */
	if (((in | raw | out | strays) & FOUND_WORK) || w->tell)
		end_batch(w);
	/* While one side is busy the others are looked at too; poll tells when none is. */
	return in & raw & out & strays & FOUND_END ? 0 : READY_ALL;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	unsigned ready = READY_ALL;

	while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
		ready = turn(w, ready);
		if (!ready) {
			ready = sleep_until_work(w);
			w->woken_up = true;
		}
	}
	return NULL;
}

/* ---- Life ---- */

bool worker_start(struct worker *w, struct worker *const *all)
{
	sigset_t blocked, old;
	w->all = all;
	sigfillset(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	w->running = pthread_create(&w->thread, NULL, run, w) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return w->running;
}

/* One piece of memory, in large pages where the system has them: fewer look-ups of addresses. */
static bool make_buffers(struct worker *w)
{
	size_t n = 2 * (size_t)ARENA + (size_t)BATCH * BUFFER;

	n = (n + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	w->memory = aligned_alloc(HUGE_PAGE, n);
	if (!w->memory)
		return false;
	(void)madvise(w->memory, n, MADV_HUGEPAGE);
	w->arena = w->memory;
	w->pieces = w->arena + ARENA;
	w->buffers = w->pieces + ARENA;
	return true;
}

struct worker *worker_new(const struct worker_params *p)
{
	struct worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
	if (!w)
		return NULL;
	memset(w, 0, sizeof *w);
	w->p = *p;
	w->receive = BATCH;
	w->esp = esp_worker_get(p->esp, p->index);
	w->queue = p->tun && p->tun->queues ? p->index % p->tun->queues : 0;
	if (p->tun)
		tun_gro_init(&w->gro, p->tun, w->queue);
	tun_icmp_limit_init(&w->icmp, ICMP_RATE, ICMP_BURST);
	tun_icmp_limit_init(&w->unknown, UNKNOWN_RATE, UNKNOWN_BURST);
	pthread_mutex_init(&w->strays_lock, NULL);
	w->wake_fd = eventfd(0, EFD_CLOEXEC);
	bool ok = make_buffers(w);
	w->last = calloc(p->slots, sizeof *w->last);
	ok = ring_init(&w->ike, IKE_RING) && ok;
	ok = ring_init(&w->notices, NOTICE_RING) && ok;
	ok = ring_init(&w->strays, STRAY_RING) && ok;
	if (!ok || w->wake_fd < 0 || !w->last) {
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
	ring_fini(&w->strays);
	pthread_mutex_destroy(&w->strays_lock);
	free(w->last);
	free(w->memory);
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

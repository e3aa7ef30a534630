/*
 * A device in memory, for tests: what is injected is read, what is written can be taken. One queue,
 * every offload. Both ways are bounded rings; both ends may be used by different threads.
 */
#include "tun/tun.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { RING = 256 };

struct ring {
	struct {
		uint8_t *p; /* owned */
		size_t n;
		struct tun_gso gso;
	} slot[RING];
	size_t head, count; /* oldest, how many */
};

struct tun_mem_device {
	struct tun tun; /* first: the ops cast back */
	int event;      /* readable while `in` holds something */
	pthread_mutex_t lock;
	struct ring in, out; /* towards read, from write */
};

static struct tun_mem_device *device_of(struct tun *t)
{
	return (struct tun_mem_device *)t;
}

static int ring_push(
    struct ring *r, const struct tun_gso *gso, const struct iovec *parts, size_t parts_n)
{
	if (r->count == RING)
		return -ENOBUFS;
	size_t at = (r->head + r->count) % RING, n = 0;
	for (size_t i = 0; i < parts_n; i++)
		n += parts[i].iov_len;
	uint8_t *copy = malloc(n ? n : 1);
	if (!copy)
		return -ENOMEM;
	r->slot[at].p = copy;
	r->slot[at].n = n;
	r->slot[at].gso = gso ? *gso : (struct tun_gso){.kind = TUN_GSO_NONE};
	for (size_t i = 0; i < parts_n; copy += parts[i++].iov_len)
		memcpy(copy, parts[i].iov_base, parts[i].iov_len);
	r->count++;
	return 0;
}

/* Copies the oldest packet out; one that does not fit is lost, as with a device. */
static int ring_pop(struct ring *r, struct tun_gso *gso, uint8_t *dst, size_t cap, size_t *n)
{
	if (r->count == 0)
		return -EAGAIN;
	uint8_t *p = r->slot[r->head].p;
	*n = r->slot[r->head].n;
	*gso = r->slot[r->head].gso;
	bool fits = *n <= cap;
	if (fits)
		memcpy(dst, p, *n);
	free(p);
	r->head = (r->head + 1) % RING;
	r->count--;
	return fits ? 0 : -EMSGSIZE;
}

static void ring_fini(struct ring *r)
{
	for (; r->count > 0; r->count--, r->head = (r->head + 1) % RING)
		free(r->slot[r->head].p);
}

static void signal_event(struct tun_mem_device *d)
{
	uint64_t v = 1;
	if (d->in.count > 0) {
		(void)!write(d->event, &v, sizeof v);
	} else {
		(void)!read(d->event, &v, sizeof v);
	}
}

static int mem_open(const struct tun_params *p, struct tun **out, char why[TUN_WHY])
{
	*out = NULL;
	why[0] = 0;
	struct tun_mem_device *d = calloc(1, sizeof *d);
	int event = d ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
	if (event < 0) {
		int rc = d ? -errno : -ENOMEM;
		free(d);
		snprintf(why, TUN_WHY, "cannot make a device in memory: %s", strerror(-rc));
		return rc;
	}
	d->tun.ops = &tun_mem;
	d->tun.mtu = p->mtu;
	d->tun.queues = 1;
	d->tun.features = (struct tun_features){.tso = p->offload, .uso = p->offload};
	snprintf(d->tun.name, sizeof d->tun.name, "%s", p->name);
	d->event = event;
	pthread_mutex_init(&d->lock, NULL);
	*out = &d->tun;
	return 0;
}

static int mem_read(struct tun *t, unsigned queue, struct pkt *p, struct tun_gso *gso)
{
	struct tun_mem_device *d = device_of(t);
	size_t len = 0, cap = p->cap > PKT_HEADROOM + PKT_TAILROOM
				  ? p->cap - PKT_HEADROOM - PKT_TAILROOM
				  : 0;
	int rc;

	(void)queue;
	pthread_mutex_lock(&d->lock);
	do
		rc = ring_pop(&d->in, gso, p->base + PKT_HEADROOM, cap, &len);
	while (rc == -EMSGSIZE);
	signal_event(d);
	pthread_mutex_unlock(&d->lock);
	if (rc != 0)
		return 0;
	p->off = PKT_HEADROOM;
	p->len = (uint32_t)len;
	p->verdict = 0;
	p->flags = 0;
	return 1;
}

static int mem_write(
    struct tun *t, unsigned queue, const struct tun_gso *gso, const struct iovec *parts, size_t n)
{
	struct tun_mem_device *d = device_of(t);

	(void)queue;
	pthread_mutex_lock(&d->lock);
	int rc = ring_push(&d->out, gso, parts, n);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

static int mem_poll_fd(const struct tun *t, unsigned queue)
{
	(void)queue;
	return ((const struct tun_mem_device *)t)->event;
}

static int mem_set_mtu(struct tun *t, uint32_t mtu)
{
	struct tun_mem_device *d = device_of(t);
	pthread_mutex_lock(&d->lock);
	t->mtu = mtu;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static void mem_close(struct tun *t)
{
	struct tun_mem_device *d = device_of(t);
	if (!d)
		return;
	ring_fini(&d->in);
	ring_fini(&d->out);
	close(d->event);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

const struct tun_ops tun_mem = {
    .name = "mem",
    .open = mem_open,
    .read = mem_read,
    .write = mem_write,
    .poll_fd = mem_poll_fd,
    .set_mtu = mem_set_mtu,
    .close = mem_close,
};

int tun_mem_inject(struct tun *t, const struct tun_gso *gso, struct bytes packet)
{
	struct tun_mem_device *d = device_of(t);
	struct iovec part = {.iov_len = packet.n};
	bool super = gso && gso->kind != TUN_GSO_NONE;

	memcpy(&part.iov_base, &packet.p, sizeof packet.p);
	pthread_mutex_lock(&d->lock);
	int rc = packet.n > t->mtu && !super ? -EMSGSIZE : ring_push(&d->in, gso, &part, 1);
	if (rc == 0)
		signal_event(d);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

int tun_mem_take(struct tun *t, struct tun_gso *gso, uint8_t *dst, size_t cap)
{
	struct tun_mem_device *d = device_of(t);
	struct tun_gso ignored;
	size_t n = 0;

	pthread_mutex_lock(&d->lock);
	int rc = ring_pop(&d->out, gso ? gso : &ignored, dst, cap, &n);
	pthread_mutex_unlock(&d->lock);
	if (rc == -EAGAIN)
		return 0;
	return rc == 0 ? (int)n : rc;
}

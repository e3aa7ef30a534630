/*
 * Workers under load while everything that they share with the control thread changes: SAs come and
 * go and policies are swapped a thousand times a second. For ThreadSanitizer above all, which is
 * given five seconds; and nothing that was removed may stay behind.
 */
#include "test/netns/netns.h"
#include "test/unit/worker_sides.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

enum {
#ifdef UNDER_TSAN
	LOAD_MS = 5000,
#else
	LOAD_MS = 1500,
#endif
	STEP_US = 1000,
	OLD = 4, /* pairs of SAs that are on their way out: packets are still under way to them */
	BURST = 32,
};

static struct side left, right;

/* ---- The load: a thread for each direction ---- */

struct load {
	struct side *from, *to;
	uint64_t seed;
	_Atomic bool stop;
	_Atomic uint64_t sent, seen; /* packets; written by the load's thread */
	pthread_t thread;
};

static void count_sent(void *ctx, const uint8_t *p, uint32_t len)
{
	struct load *l = ctx;
	(void)p, (void)len;
	atomic_fetch_add_explicit(&l->sent, 1, memory_order_relaxed);
}

/* Packets may get lost here: their SA is gone. But none may come out that is not whole. */
static void count_seen(void *ctx, const uint8_t *p, uint32_t len)
{
	struct load *l = ctx;
	struct opkt o;
	if (!opkt_parse(&o, p, len) || !o.ip_good || !o.l4_good || o.sport < SIDE_SPORT ||
	    o.sport >= SIDE_SPORT + SIDE_FLOWS) {
		fprintf(stderr, "%u bytes that nobody sent\n", len);
		abort();
	}
	atomic_fetch_add_explicit(&l->seen, 1, memory_order_relaxed);
}

static void burst(struct load *l, struct opkt_shape *flows, struct rng *r)
{
	for (int k = 0; k < BURST; k++) {
		uint32_t f = rng_below(r, SIDE_FLOWS);
		struct tun *t = l->from->tun[f % l->from->n];
		bool super = rng_below(r, 8) == 0;
		flows[f].payload = super ? 2500 + rng_below(r, 15000) : 1 + rng_below(r, 400);
		/* Full: then that is that. */
		(void)side_inject(t, &flows[f], super ? 1200 : 0, r, count_sent, l);
	}
}

static void *run_load(void *arg)
{
	struct load *l = arg;
	struct rng r = {l->seed};
	struct opkt_shape flows[SIDE_FLOWS];

	for (uint32_t i = 0; i < SIDE_FLOWS; i++)
		flows[i] = (struct opkt_shape){.v6 = i & 1,
		    .tcp = i & 2,
		    .src = (uint8_t)i,
		    .sport = (uint16_t)(SIDE_SPORT + i),
		    .ttl = 64,
		    .flags = OPKT_ACK,
		    .options = 12};
	while (!atomic_load(&l->stop)) {
		burst(l, flows, &r);
		for (unsigned i = 0; i < l->to->n; i++)
			while (side_take(l->to->tun[i], count_seen, l))
				continue;
		nanosleep(&(struct timespec){.tv_nsec = STEP_US * 100}, NULL);
	}
	return NULL;
}

static void start_load(struct load *l, struct side *from, struct side *to, uint64_t seed)
{
	*l = (struct load){.from = from, .to = to, .seed = seed};
	ck_assert_int_eq(pthread_create(&l->thread, NULL, run_load, l), 0);
}

static void stop_load(struct load *l)
{
	atomic_store(&l->stop, true);
	pthread_join(l->thread, NULL);
}

/* ---- The control thread ---- */

struct sa {
	uint32_t spi, slot;
};

/* One direction: the SAs in use, one for each worker, and those that follow them. */
struct direction {
	struct side *from, *to;
	struct sa now[SIDE_WORKERS];
	struct sa old[OLD];
	uint32_t old_n, turn;
};

static void begin(struct direction *d, struct side *from, struct side *to)
{
	*d = (struct direction){.from = from, .to = to};
	for (uint32_t i = 0; i < from->n; i++)
		d->now[i] = (struct sa){to->in[i], from->out[i]};
}

static void set_policies(struct direction *d, uint32_t n)
{
	uint32_t slots[SIDE_WORKERS];
	for (uint32_t i = 0; i < d->from->n; i++)
		slots[i] = d->now[i].slot;
	side_set_policies(d->from, slots, n);
}

static void drop(struct direction *d, struct sa sa)
{
	esp_out_del(d->from->esp, sa.slot);
	esp_in_del(d->to->esp, sa.spi);
}

/* A worker's SA is followed by a new one, as a rekey does it; of every hundred, all are replaced
 * by force, with packets on the way to them. */
static void change(struct direction *d, struct rng *r)
{
	uint32_t i = d->turn++ % d->from->n;
	struct sa next, last = d->now[i];

	next.slot = side_add_sa(d->from, d->to, i, i, &next.spi);
	d->now[i] = next;
	set_policies(d, rng_below(r, 2) ? d->from->n : 1);
	if (d->old_n == OLD)
		drop(d, d->old[--d->old_n]);
	if (rng_below(r, 100) == 0)
		while (d->old_n > 0)
			drop(d, d->old[--d->old_n]);
	memmove(d->old + 1, d->old, d->old_n * sizeof d->old[0]);
	d->old[0] = last;
	d->old_n++;
}

/* What the control thread reads of workers, besides. */
static void look_at(struct side *s, struct rng *r)
{
	uint64_t totals[ESP_VERDICTS];
	struct worker_notice n;
	struct worker_ike head;
	struct bytes body;
	struct esp_expiry expiry;

	for (unsigned i = 0; i < s->n; i++) {
		while (worker_next_notice(s->w[i], &n))
			ck_assert(n.kind == WORKER_MOVED || n.kind == WORKER_ACQUIRE ||
				  n.kind == WORKER_UNKNOWN);
		ck_assert(!worker_next_ike(s->w[i], &head, &body));
		(void)worker_attention(s->w[i]);
	}
	while (esp_next_expiry(s->esp, &expiry))
		continue;
	esp_totals(s->esp, totals);
	atomic_store_explicit(&s->pins[rng_below(r, SIDE_SLOTS)], 0, memory_order_relaxed);
	(void)esp_reclaim(s->esp);
}

static void repath(struct direction *d, struct rng *r)
{
	struct esp_path path = {.udp_encap = true, .mtu = rng_below(r, 2) ? 0 : 1500};
	struct esp_stats stats;
	const struct sa *sa = &d->now[rng_below(r, d->from->n)];

	ck_assert(addr_parse(&path.local.addr, "127.0.0.1"));
	path.remote.addr = path.local.addr;
	path.local.port = d->from->port;
	path.remote.port = d->to->port;
	ck_assert_int_eq(esp_out_set_path(d->from->esp, sa->slot, &path), ESP_OK);
	ck_assert(esp_out_stats(d->from->esp, sa->slot, &stats));
	ck_assert(esp_in_stats(d->to->esp, sa->spi, &stats));
}

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Returns how many changes there were in each direction. */
static uint32_t control(struct direction *d)
{
	struct rng r = {42};
	uint64_t start = now_us(), end = start + LOAD_MS * 1000, next = start;
	uint32_t changes = 0;

	for (; next < end; next += STEP_US, changes++) {
		for (int k = 0; k < 2; k++) {
			change(&d[k], &r);
			repath(&d[k], &r);
			look_at(d[k].from, &r);
		}
		uint64_t now = now_us();
		if (now < next)
			nanosleep(&(struct timespec){.tv_nsec = (long)(next - now) * 1000}, NULL);
		if (now > end)
			break;
	}
	return changes;
}

START_TEST(sas_come_and_go)
{
	struct load there, back;
	struct direction d[2];
	netns_enter();
	side_init(&left, SIDE_WORKERS, 4500, true);
	side_init(&right, SIDE_WORKERS, 4600, true);
	side_connect(&left, &right);
	side_start(&left);
	side_start(&right);
	begin(&d[0], &left, &right);
	begin(&d[1], &right, &left);
	start_load(&there, &left, &right, 7);
	start_load(&back, &right, &left, 8);
	uint32_t changes = control(d);
	stop_load(&there);
	stop_load(&back);
	/* Most of a thousand a second, also on a busy machine; and most packets, both ways. */
	fprintf(stderr, "%u changes; there %llu of %llu, back %llu of %llu\n", changes,
	    (unsigned long long)there.seen, (unsigned long long)there.sent,
	    (unsigned long long)back.seen, (unsigned long long)back.sent);
	ck_assert_uint_gt(changes, LOAD_MS / 20);
	ck_assert_uint_gt(there.seen, LOAD_MS);
	ck_assert_uint_gt(back.seen, LOAD_MS);
	ck_assert_uint_gt(there.seen, there.sent / 4);
	/* Asleep, no worker keeps anything back; removed is freed. */
	side_stop(&left);
	side_stop(&right);
	for (int k = 0; k < 2; k++) {
		while (d[k].old_n > 0)
			drop(&d[k], d[k].old[--d[k].old_n]);
		for (uint32_t i = 0; i < SIDE_WORKERS; i++)
			drop(&d[k], d[k].now[i]);
	}
	ck_assert_uint_eq(esp_reclaim(left.esp), 0);
	ck_assert_uint_eq(esp_reclaim(right.esp), 0);
	for (unsigned i = 0; i < SIDE_WORKERS; i++) {
		ck_assert_uint_gt(worker_counter(left.w[i], WORKER_packets_in), 0);
		ck_assert_uint_gt(worker_counter(right.w[i], WORKER_packets_in), 0);
	}
	/* The tables are empty again: every slot can be had. */
	for (uint32_t i = 0; i < SIDE_SLOTS; i++)
		ck_assert_uint_ne(esp_spi_get(left.esp), 0);
	ck_assert_uint_eq(esp_spi_get(left.esp), 0);
	side_fini(&left);
	side_fini(&right);
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("worker_churn");
	TCase *t = tcase_create("worker_churn");
	tcase_set_timeout(t, 20);
	tcase_add_test(t, sas_come_and_go);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

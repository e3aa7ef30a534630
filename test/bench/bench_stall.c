/*
 * How long traffic stands still while children come and go: one worker opens and seals batches
 * without end, and the time from the end of one to the end of the next is kept, while the control
 * thread first does nothing, and then installs 10,000 children with their policies and removes them
 * again. By the clock, in which the scheduler has its part, and by the worker's own CPU time; and
 * how often the worker slept, which is what a lock would make it do.
 *
 *     bench_stall [--engine auto|openssl|ipsec-mb] [ROUNDS]
 */
#include "test/unit/esp_pair.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
	CHILDREN = 10000,
	SLOTS = 1 << 14,
	BATCH = 32,
	SIZE = 1400,
	SLOT = 2048,
	PUBLISH = 100, /* children that come or go with one snapshot of policies */
	GAPS_MAX = 1 << 22,
	QUIET_MS = 1000,
};

static struct esp *e;
static uint32_t spis[CHILDREN], slots[CHILDREN];
static struct esp_policy policies[CHILDREN];
static uint8_t fresh[BATCH][SLOT], work[BATCH][SLOT];

/* ---- The worker ---- */

struct gaps {
	float *wall, *cpu; /* owned; microseconds */
	size_t n, failed;
	long slept;
	atomic_bool stop;
};

static double now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t batch(struct esp_worker *w)
{
	struct pkt pkts[BATCH];
	size_t failed = 0;

	memcpy(work, fresh, sizeof work);
	for (size_t i = 0; i < BATCH; i++)
		pkts[i] =
		    (struct pkt){.base = work[i], .cap = SLOT, .off = PKT_HEADROOM, .len = SIZE};
	esp_worker_enter(w);
	esp_encap(w, pkts, BATCH);
	esp_decap(w, pkts, BATCH);
	esp_worker_leave(w);
	for (size_t i = 0; i < BATCH; i++)
		failed += pkts[i].verdict != ESP_V_OK;
	return failed;
}

static long sleeps(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nvcsw;
}

static void *run(void *arg)
{
	struct gaps *g = arg;
	struct esp_worker *w = esp_worker_get(e, 1);

	g->failed = batch(w);
	g->slept = -sleeps();
	double wall = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_THREAD_CPUTIME_ID);
	while (!atomic_load(&g->stop) && g->n < GAPS_MAX) {
		g->failed += batch(w);
		double wall_now = now_us(CLOCK_MONOTONIC),
		       cpu_now = now_us(CLOCK_THREAD_CPUTIME_ID);
		g->wall[g->n] = (float)(wall_now - wall);
		g->cpu[g->n++] = (float)(cpu_now - cpu);
		wall = wall_now;
		cpu = cpu_now;
	}
	g->slept += sleeps();
	return NULL;
}

/* ---- The control thread ---- */

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bench_stall: %s\n", what);
		exit(EXIT_FAILURE);
	}
}

static void add_child(uint32_t i)
{
	struct ts_list any = {.n = 1, .v = {ts_any(ADDR_V4)}};
	uint8_t a[4] = {10, 2, (uint8_t)(i >> 8), (uint8_t)i};

	spis[i] = esp_spi_get(e);
	struct esp_in_params in = {.spi = spis[i],
	    .keys = pair_keys(0, true),
	    .replay_window = 1024,
	    .local_ts = &any,
	    .remote_ts = &any};
	struct esp_out_params out = {.spi = spis[i], .keys = in.keys};
	must(esp_in_add(e, &in) == ESP_OK && esp_out_add(e, &out, &slots[i]) == ESP_OK, "an SA");
	policies[i] = (struct esp_policy){.action = ESP_PROTECT,
	    .slot = slots[i],
	    .local = ts_any(ADDR_V4),
	    .remote = ts_any(ADDR_V4)};
	policies[i].remote.lo = policies[i].remote.hi = addr_from_bytes(bytes_of(a, 4));
}

static void publish(uint32_t n)
{
	must(esp_spd_set(e, policies, n) == ESP_OK, "policies");
	esp_reclaim(e);
}

/* The first two stay: the traffic is the second one's. */
static void come_and_go(void)
{
	for (uint32_t i = 2; i < CHILDREN; i++) {
		add_child(i);
		if (i % PUBLISH == PUBLISH - 1)
			publish(i + 1);
	}
	for (uint32_t i = CHILDREN - 1; i > 1; i--) {
		if (i % PUBLISH == PUBLISH - 1)
			publish(i + 1 - PUBLISH > 2 ? i + 1 - PUBLISH : 2);
		esp_out_del(e, slots[i]);
		esp_in_del(e, spis[i]);
	}
	esp_reclaim(e);
}

static void wait_quietly(void)
{
	struct timespec t = {.tv_sec = QUIET_MS / 1000, .tv_nsec = QUIET_MS % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

/* ---- The figures ---- */

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void print_part(float *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	printf(
	    " %9.1f %9.1f %9.1f", (double)v[n / 2], (double)v[n - 1 - n / 1000], (double)v[n - 1]);
}

static void measure(const char *what, void (*control)(void))
{
	struct gaps g = {
	    .wall = calloc(GAPS_MAX, sizeof(float)), .cpu = calloc(GAPS_MAX, sizeof(float))};
	pthread_t thread;

	must(g.wall && g.cpu, "no memory");
	memset(g.wall, 1, GAPS_MAX * sizeof(float)); /* no page of them is new to the worker */
	memset(g.cpu, 1, GAPS_MAX * sizeof(float));
	must(pthread_create(&thread, NULL, run, &g) == 0, "no thread");
	double start = now_us(CLOCK_MONOTONIC);
	control();
	double took = now_us(CLOCK_MONOTONIC) - start;
	atomic_store(&g.stop, true);
	pthread_join(thread, NULL);
	must(g.failed == 0 && g.n > 0, "packets were lost");
	printf("%-18s %8.0f %8zu", what, took / 1e3, g.n);
	print_part(g.wall, g.n);
	print_part(g.cpu, g.n);
	printf(" %7ld\n", g.slept);
	free(g.wall);
	free(g.cpu);
}

static void make_packets(void)
{
	for (size_t i = 0; i < BATCH; i++) {
		uint8_t *ip = fresh[i] + PKT_HEADROOM;
		pair_inner(ip, ADDR_V4, SIZE);
		be32_store(ip + 16, 0x0a020001); /* the second child's */
		pair_set_sums(ip);
	}
}

int main(int argc, char **argv)
{
	struct esp_params p = {.slots = SLOTS, .workers = 2};
	int at = 1;

	if (argc > 2 && strcmp(argv[1], "--engine") == 0) {
		p.engine = strcmp(argv[2], "openssl") == 0    ? ESP_ENGINE_OPENSSL
			   : strcmp(argv[2], "ipsec-mb") == 0 ? ESP_ENGINE_IPSEC_MB
							      : ESP_ENGINE_AUTO;
		at = 3;
	}
	long rounds = at < argc ? strtol(argv[at], NULL, 10) : 3;
	e = esp_new(&p);
	must(e, "no memory");
	add_child(0);
	add_child(1);
	must((spis[1] & (SLOTS - 1)) % p.workers == 1, "the second SA is not the second worker's");
	publish(2);
	make_packets();
	printf(
	    "%-18s %8s %8s %29s %29s %7s\n", "", "", "batches", "us by the clock", "us of CPU", "");
	printf("%-18s %8s %8s %9s %9s %9s %9s %9s %9s %7s\n", "control thread", "ms", "of 32",
	    "median", "99.9 %", "longest", "median", "99.9 %", "longest", "slept");
	for (long i = 0; i < rounds; i++) {
		measure("quiet", wait_quietly);
		measure("10,000 come and go", come_and_go);
	}
	esp_free(e);
	return EXIT_SUCCESS;
}

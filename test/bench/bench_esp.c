/*
 * What a packet costs: encapsulation and decapsulation in batches, CPU time of the thread.
 *
 *     bench_esp [--engine auto|openssl|ipsec-mb] [--batch 1..64] [suite ...]
 */
#include "test/unit/esp_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_MAX = 64, ROUNDS = 5, SLOT = 2048, MIN_NS = 30 * 1000 * 1000 };

static uint8_t fresh[BATCH_MAX][SLOT], work[BATCH_MAX][SLOT];
static size_t packets = 32; /* of a batch */

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct cost {
	double encap, decap; /* ns a packet */
};

/* One batch out and in; adds the time of each half. */
static bool batch(struct pair *p, size_t size, struct cost *c)
{
	struct pkt pkts[BATCH_MAX];
	bool ok = true;

	memcpy(work, fresh, packets * SLOT);
	for (size_t i = 0; i < packets; i++)
		pkts[i] = (struct pkt){
		    .base = work[i], .cap = SLOT, .off = PKT_HEADROOM, .len = (uint32_t)size};
	double start = now_ns();
	esp_worker_enter(p->lw);
	esp_encap(p->lw, pkts, packets);
	esp_worker_leave(p->lw);
	double middle = now_ns();
	esp_worker_enter(p->rw);
	esp_decap(p->rw, pkts, packets);
	esp_worker_leave(p->rw);
	double end = now_ns();
	for (size_t i = 0; i < packets; i++)
		ok = ok && pkts[i].verdict == ESP_V_OK && pkts[i].len == size;
	c->encap += middle - start;
	c->decap += end - middle;
	return ok;
}

static bool measure(struct pair *p, size_t size, struct cost *median)
{
	double encap[ROUNDS], decap[ROUNDS];
	bool ok = true;

	for (size_t i = 0; i < packets; i++)
		pair_inner(fresh[i] + PKT_HEADROOM, ADDR_V4, size);
	for (size_t r = 0; r < ROUNDS; r++) {
		struct cost c = {0};
		double n = 0;
		while (c.encap + c.decap < MIN_NS) {
			ok = batch(p, size, &c) && ok;
			n += (double)packets;
		}
		encap[r] = c.encap / n;
		decap[r] = c.decap / n;
	}
	qsort(encap, ROUNDS, sizeof encap[0], by_value);
	qsort(decap, ROUNDS, sizeof decap[0], by_value);
	*median = (struct cost){encap[ROUNDS / 2], decap[ROUNDS / 2]};
	return ok;
}

static bool measure_suite(const struct pair_suite *suite, enum esp_engine engine)
{
	static const size_t sizes[] = {64, 256, 1400};
	struct pair_options o = {
	    .suite = (size_t)(suite - pair_suites), .esn = true, .window = 1024, .engine = engine};
	struct pair p;
	bool ok = true;

	pair_init(&p, &o);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct cost c = {0};
		double n = (double)sizes[i];
		ok = measure(&p, sizes[i], &c) && ok;
		printf("%-18s %-9s %6zu  %12.0f %10.2f  %12.0f %10.2f\n", suite->name,
		    esp_engine_of(p.left, suite->encr, suite->integ), sizes[i], c.encap,
		    n / c.encap, c.decap, n / c.decap);
	}
	pair_fini(&p);
	return ok;
}

static bool engine_from(const char *name, enum esp_engine *out)
{
	static const char *const names[] = {
	    [ESP_ENGINE_AUTO] = "auto",
	    [ESP_ENGINE_OPENSSL] = "openssl",
	    [ESP_ENGINE_IPSEC_MB] = "ipsec-mb",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum esp_engine)i;
			return true;
		}
	return false;
}

static bool wanted(const char *suite, char **names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], suite) == 0)
			return true;
	return n == 0;
}

int main(int argc, char **argv)
{
	enum esp_engine engine = ESP_ENGINE_AUTO;
	bool ok = true;
	int at = 1;

	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (strcmp(argv[at], "--batch") == 0)
			packets = strtoul(argv[at + 1], NULL, 10);
		else if (strcmp(argv[at], "--engine") != 0 || !engine_from(argv[at + 1], &engine))
			packets = 0;
	}
	if (packets < 1 || packets > BATCH_MAX || (at < argc && argv[at][0] == '-')) {
		fprintf(stderr, "usage: bench_esp [--engine auto|openssl|ipsec-mb] "
				"[--batch 1..64] [suite ...]\n");
		return 2;
	}
	printf("%-18s %-9s %6s  %12s %10s  %12s %10s\n", "ESP suite", "engine", "bytes",
	    "seal ns/pkt", "GB/s", "open ns/pkt", "GB/s");
	for (size_t s = 0; s < pair_suites_n; s++)
		if (wanted(pair_suites[s].name, argv + at, argc - at))
			ok = measure_suite(&pair_suites[s], engine) && ok;
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

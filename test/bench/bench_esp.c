/*
 * What a packet costs: encapsulation and decapsulation in batches, CPU time of the thread.
 */
#include "test/unit/esp_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 32, ROUNDS = 5, SLOT = 2048, MIN_NS = 30 * 1000 * 1000 };

static uint8_t fresh[BATCH][SLOT], work[BATCH][SLOT];

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
	struct pkt pkts[BATCH];
	bool ok = true;

	memcpy(work, fresh, sizeof work);
	for (size_t i = 0; i < BATCH; i++)
		pkts[i] = (struct pkt){
		    .base = work[i], .cap = SLOT, .off = PKT_HEADROOM, .len = (uint32_t)size};
	double start = now_ns();
	esp_worker_enter(p->lw);
	esp_encap(p->lw, pkts, BATCH);
	esp_worker_leave(p->lw);
	double middle = now_ns();
	esp_worker_enter(p->rw);
	esp_decap(p->rw, pkts, BATCH);
	esp_worker_leave(p->rw);
	double end = now_ns();
	for (size_t i = 0; i < BATCH; i++)
		ok = ok && pkts[i].verdict == ESP_V_OK && pkts[i].len == size;
	c->encap += middle - start;
	c->decap += end - middle;
	return ok;
}

static bool measure(struct pair *p, size_t size, struct cost *median)
{
	double encap[ROUNDS], decap[ROUNDS];
	bool ok = true;

	for (size_t i = 0; i < BATCH; i++)
		pair_inner(fresh[i] + PKT_HEADROOM, ADDR_V4, size);
	for (size_t r = 0; r < ROUNDS; r++) {
		struct cost c = {0};
		double n = 0;
		while (c.encap + c.decap < MIN_NS) {
			ok = batch(p, size, &c) && ok;
			n += BATCH;
		}
		encap[r] = c.encap / n;
		decap[r] = c.decap / n;
	}
	qsort(encap, ROUNDS, sizeof encap[0], by_value);
	qsort(decap, ROUNDS, sizeof decap[0], by_value);
	*median = (struct cost){encap[ROUNDS / 2], decap[ROUNDS / 2]};
	return ok;
}

int main(void)
{
	static const size_t sizes[] = {64, 512, 1400};
	bool ok = true;

	printf("%-18s %6s  %12s %10s  %12s %10s\n", "ESP suite", "bytes", "seal ns/pkt", "GB/s",
	    "open ns/pkt", "GB/s");
	for (size_t s = 0; s < 5; s++) {
		struct pair_options o = {.suite = s, .esn = true, .window = 1024};
		struct pair p;
		pair_init(&p, &o);
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			struct cost c = {0};
			double n = (double)sizes[i];
			ok = measure(&p, sizes[i], &c) && ok;
			printf("%-18s %6zu  %12.0f %10.2f  %12.0f %10.2f\n", pair_suites[s].name,
			    sizes[i], c.encap, n / c.encap, c.decap, n / c.decap);
		}
		pair_fini(&p);
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Ten thousand children: each finds its own SA, traffic goes on while they come and go, they do not
 * take much, with any number of workers, and what workers have in common they have without harm. */
#include "esp/crypto/internal.h"
#include "esp/internal.h"
#include "test/unit/esp_pair.h"

#include <check.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { CHILDREN = 10000, SLOTS = 1 << 14, SIZE = 200 };

static struct esp *e;
static uint32_t spis[CHILDREN], slots[CHILDREN];
static struct esp_policy policies[CHILDREN + 1];
static size_t suite;

/* ---- What OpenSSL asks for ---- */

static _Atomic uint64_t openssl_calls;
static _Atomic int64_t openssl_bytes;

static void *count_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);

	(void)file;
	(void)line;
	atomic_fetch_add(&openssl_calls, 1);
	atomic_fetch_add(&openssl_bytes, (int64_t)malloc_usable_size(p));
	return p;
}

static void *count_realloc(void *old, size_t n, const char *file, int line)
{
	int64_t before = (int64_t)malloc_usable_size(old);
	void *p = realloc(old, n);

	(void)file;
	(void)line;
	atomic_fetch_add(&openssl_calls, 1);
	atomic_fetch_add(&openssl_bytes, (int64_t)malloc_usable_size(p) - before);
	return p;
}

static void count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	atomic_fetch_sub(&openssl_bytes, (int64_t)malloc_usable_size(p));
	free(p);
}

/* ---- Children ---- */

static struct ts host(uint32_t i)
{
	struct ts t = ts_any(ADDR_V4);
	uint8_t b[4] = {10, 2, (uint8_t)(i >> 8), (uint8_t)i};

	t.lo = t.hi = addr_from_bytes(bytes_of(b, 4));
	return t;
}

/* No two children have the same, for the cipher nor for the MAC. */
static struct esp_keys keys_of(uint32_t i)
{
	static uint8_t encr[64], integ[64];
	struct esp_keys k = pair_keys(suite, true);

	memcpy(encr, k.encr_key.p, k.encr_key.n);
	be32_store(encr, i);
	k.encr_key.p = k.encr_key.n ? encr : NULL;
	if (k.integ_key.n) {
		memcpy(integ, k.integ_key.p, k.integ_key.n);
		be32_store(integ, i);
		k.integ_key.p = integ;
	}
	return k;
}

static void add_child(uint32_t i)
{
	struct ts_list local = {.n = 1, .v = {ts_any(ADDR_V4)}}, remote = local;
	spis[i] = esp_spi_get(e);
	struct esp_in_params in = {.spi = spis[i],
	    .keys = keys_of(i),
	    .replay_window = 1024,
	    .local_ts = &local,
	    .remote_ts = &remote};
	struct esp_out_params out = {.spi = spis[i], .keys = keys_of(i)};

	ck_assert_int_eq(esp_in_add(e, &in), ESP_OK);
	ck_assert_int_eq(esp_out_add(e, &out, &slots[i]), ESP_OK);
	policies[i] = (struct esp_policy){
	    .action = ESP_PROTECT, .slot = slots[i], .local = ts_any(ADDR_V4), .remote = host(i)};
}

static void del_child(uint32_t i)
{
	esp_out_del(e, slots[i]);
	esp_in_del(e, spis[i]);
}

static struct pkt packet_to(uint8_t *buf, uint32_t i)
{
	struct ts t = host(i);

	pair_inner(buf + PKT_HEADROOM, ADDR_V4, SIZE);
	memcpy(buf + PKT_HEADROOM + 16, t.lo.b, 4);
	return (struct pkt){.base = buf, .cap = 2048, .off = PKT_HEADROOM, .len = SIZE};
}

static void start(uint32_t workers, enum esp_engine engine)
{
	struct esp_params p = {.slots = SLOTS, .workers = workers, .engine = engine};
	e = esp_new(&p);
	ck_assert_ptr_nonnull(e);
}

static void set_up(void)
{
	suite = 0;
	start(2, ESP_ENGINE_AUTO);
}

static void tear_down(void)
{
	esp_free(e);
}

/* The worker that has child i's inbound SA. */
static struct esp_worker *opener(uint32_t i)
{
	return esp_worker_get(e, (spis[i] & (SLOTS - 1)) % e->workers_n);
}

START_TEST(each_finds_its_own)
{
	struct esp_worker *w = esp_worker_get(e, 0);
	uint8_t buf[2048];

	for (uint32_t i = 0; i < CHILDREN; i++)
		add_child(i);
	ck_assert_int_eq(esp_spd_set(e, policies, CHILDREN), ESP_OK);
	for (uint32_t i = 0; i < CHILDREN; i++) {
		struct pkt p = packet_to(buf, i);
		esp_worker_enter(w);
		esp_encap(w, &p, 1);
		esp_worker_leave(w);
		ck_assert_int_eq(p.verdict, ESP_V_OK);
		ck_assert_uint_eq(be32_load(p.base + p.off), spis[i]);
	}
}
END_TEST

/* ---- Memory ---- */

static const struct memory_case {
	const char *suite;
	enum esp_engine engine;
	uint32_t workers;
} memory_cases[] = {
    {"aes128gcm16", ESP_ENGINE_OPENSSL, 1},
    {"aes128gcm16", ESP_ENGINE_OPENSSL, 2},
    {"aes128gcm16", ESP_ENGINE_OPENSSL, 4},
    {"aes128gcm16", ESP_ENGINE_IPSEC_MB, 1},
    {"aes128gcm16", ESP_ENGINE_IPSEC_MB, 2},
    {"aes128gcm16", ESP_ENGINE_IPSEC_MB, 4},
    {"aes256gcm16", ESP_ENGINE_OPENSSL, 4},
    {"aes256gcm16", ESP_ENGINE_IPSEC_MB, 4},
    {"chacha20poly1305", ESP_ENGINE_OPENSSL, 4},
    {"chacha20poly1305", ESP_ENGINE_IPSEC_MB, 4},
    {"aes128-sha256", ESP_ENGINE_OPENSSL, 1},
    {"aes128-sha256", ESP_ENGINE_OPENSSL, 2},
    {"aes128-sha256", ESP_ENGINE_OPENSSL, 4},
    {"aes128-sha256", ESP_ENGINE_IPSEC_MB, 1},
    {"aes128-sha256", ESP_ENGINE_IPSEC_MB, 2},
    {"aes128-sha256", ESP_ENGINE_IPSEC_MB, 4},
    {"aes192-sha512", ESP_ENGINE_OPENSSL, 4},
    {"aes192-sha512", ESP_ENGINE_IPSEC_MB, 4},
};

enum { MEMORY_CASES = sizeof memory_cases / sizeof memory_cases[0], PAIR_MAX = 4096 };

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
#define COUNTS_MEMORY 1

static size_t taken(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static size_t suite_of(const char *name)
{
	size_t i = 0;

	while (strcmp(pair_suites[i].name, name) != 0)
		i++;
	return i;
}
#endif

/* All that malloc handed out for a data plane with ten thousand children, tables, managers and
 * spare contexts included, to us, OpenSSL and ipsec-mb. */
START_TEST(little_memory)
{
#ifdef COUNTS_MEMORY
	const struct memory_case *c = &memory_cases[_i];

	suite = suite_of(c->suite);
	start(c->workers, c->engine);
	add_child(0); /* what OpenSSL makes once for the program */
	esp_free(e);
	size_t before = taken();
	int64_t openssl = atomic_load(&openssl_bytes);
	start(c->workers, c->engine);
	for (uint32_t i = 0; i < CHILDREN; i++)
		add_child(i);
	size_t each = (taken() - before) / CHILDREN;
	printf("%s, %s, %u workers: %zu bytes a pair, %zu of them OpenSSL's\n", c->suite,
	    esp_engine_of(e, pair_suites[suite].encr, pair_suites[suite].integ), c->workers, each,
	    (size_t)(atomic_load(&openssl_bytes) - openssl) / CHILDREN);
	ck_assert_msg(each < PAIR_MAX, "%zu bytes", each);
	esp_free(e);
	ck_assert_int_eq(atomic_load(&openssl_bytes), openssl);
#endif
}
END_TEST

/* ---- What workers have in common ---- */

enum { SHARED = ESP_SPARES + 6, ROUNDS = 3, RUN = 5 };

static uint8_t bufs[RUN][2048];

/* n packets of child i, from a worker and to the one that has the SA. */
static void pass(struct esp_worker *from, uint32_t i, size_t n)
{
	uint8_t want[SIZE];
	struct pkt p[RUN];

	pair_inner(want, ADDR_V4, SIZE);
	for (size_t k = 0; k < n; k++)
		p[k] = packet_to(bufs[k], i);
	esp_worker_enter(from);
	esp_encap(from, p, n);
	esp_worker_leave(from);
	esp_worker_enter(opener(i));
	esp_decap(opener(i), p, n);
	esp_worker_leave(opener(i));
	for (size_t k = 0; k < n; k++) {
		ck_assert_int_eq(p[k].verdict, ESP_V_OK);
		ck_assert_uint_eq(p[k].len, SIZE);
		ck_assert_mem_eq(p[k].base + p[k].off + 20, want + 20, SIZE - 20);
	}
}

static void share(uint32_t children)
{
	for (uint32_t i = 0; i < children; i++)
		add_child(i);
	ck_assert_int_eq(esp_spd_set(e, policies, children), ESP_OK);
}

/* More SAs than there are spare contexts, each by all workers in turn, one packet or several: the
 * key is the right one always, and no packet takes memory. */
START_TEST(any_worker_sends)
{
	suite = (size_t)_i / 2;
	start(3, _i % 2 ? ESP_ENGINE_IPSEC_MB : ESP_ENGINE_OPENSSL);
	share(SHARED);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t calls = atomic_load(&openssl_calls);
		for (uint32_t i = 0; i < SHARED; i++) {
			for (uint32_t w = 0; w < 3; w++)
				pass(esp_worker_get(e, (w + i) % 3), i, round % 2 ? RUN : 1);
		}
		ck_assert_uint_eq(atomic_load(&openssl_calls), calls);
	}
	struct esp_stats out;
	ck_assert(esp_out_stats(e, slots[1], &out));
	ck_assert_uint_eq(out.packets, 3 * (1 + RUN + 1));
	ck_assert_uint_eq(out.bytes, 3 * (1 + RUN + 1) * SIZE);
	esp_free(e);
}
END_TEST

/* When an SA that a worker had a copy of is gone, so is the copy, before the worker's next batch.
 */
START_TEST(keys_are_forgotten)
{
	start(2, ESP_ENGINE_OPENSSL);
	struct esp_worker *first = esp_worker_get(e, 0), *second = esp_worker_get(e, 1);

	share(3);
	for (uint32_t i = 0; i < 3; i++)
		pass(first, i, 1); /* has its context from now on */
	pass(second, 2, 1);
	struct esp_spare *spare = second->ciphers->in_use;
	ck_assert_ptr_nonnull(spare);
	ck_assert_ptr_null(first->ciphers->in_use);

	del_child(1); /* of which there was no copy */
	ck_assert_uint_eq(esp_reclaim(e), 0);
	ck_assert(!esp_keys_gone(e));
	pass(second, 0, 1);
	ck_assert_uint_ne(spare->id, 0);

	del_child(2);
	ck_assert_uint_eq(esp_reclaim(e), 0);
	ck_assert(esp_keys_gone(e));
	ck_assert(!esp_keys_gone(e));
	esp_worker_enter(second);
	esp_worker_leave(second);
	ck_assert_ptr_null(second->ciphers->in_use);
	ck_assert_uint_eq(spare->id, 0);
	pass(second, 0, 1);
	esp_free(e);
}
END_TEST

/* What comes to a worker that does not have the SA changes nothing there. */
START_TEST(strays_are_refused)
{
	start(2, ESP_ENGINE_AUTO);
	share(2);
	for (uint32_t i = 0; i < 2; i++) {
		struct esp_worker *wrong = esp_worker_get(e, 1 - opener(i)->index);
		struct pkt p = packet_to(bufs[0], i);
		struct esp_stats in;
		esp_worker_enter(wrong);
		esp_encap(wrong, &p, 1);
		ck_assert_int_eq(p.verdict, ESP_V_OK);
		esp_decap(wrong, &p, 1);
		ck_assert_int_eq(p.verdict, ESP_V_STRAY);
		esp_worker_leave(wrong);
		esp_worker_enter(opener(i));
		esp_decap(opener(i), &p, 1);
		ck_assert_int_eq(p.verdict, ESP_V_OK);
		esp_worker_leave(opener(i));
		ck_assert(esp_in_stats(e, spis[i], &in));
		ck_assert_uint_eq(in.packets, 1);
	}
	uint64_t totals[ESP_VERDICTS];
	esp_totals(e, totals);
	ck_assert_uint_eq(totals[ESP_V_STRAY], 2);
	esp_free(e);
}
END_TEST

/* ---- Traffic ---- */

struct traffic {
	_Atomic bool stop;
	uint64_t passed, failed;
	long slept;
};

/* How often this thread gave up the processor, as who waits for a lock does. */
static long sleeps(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nvcsw;
}

/* Through the second child, which this worker has, again and again. */
static void *run_traffic(void *arg)
{
	struct traffic *t = arg;
	struct esp_worker *w = esp_worker_get(e, 1);
	uint8_t buf[2048];

	t->slept = -sleeps();
	while (!atomic_load(&t->stop)) {
		struct pkt p = packet_to(buf, 1);
		esp_worker_enter(w);
		esp_encap(w, &p, 1);
		bool ok = p.verdict == ESP_V_OK;
		if (ok)
			esp_decap(w, &p, 1);
		esp_worker_leave(w);
		t->passed += ok && p.verdict == ESP_V_OK;
		t->failed += !ok || p.verdict != ESP_V_OK;
	}
	t->slept += sleeps();
	return NULL;
}

START_TEST(traffic_goes_on)
{
	struct traffic t = {0};
	pthread_t thread;

	add_child(0);
	add_child(1);
	ck_assert_ptr_eq(opener(1), esp_worker_get(e, 1));
	ck_assert_int_eq(esp_spd_set(e, policies, 2), ESP_OK);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_traffic, &t), 0);
	for (uint32_t i = 2; i < CHILDREN; i++) {
		add_child(i);
		if (i % 500 == 0)
			ck_assert_int_eq(esp_spd_set(e, policies, i + 1), ESP_OK);
	}
	for (uint32_t i = CHILDREN - 1; i > 1; i--) {
		if (i % 500 == 499)
			ck_assert_int_eq(esp_spd_set(e, policies, i), ESP_OK);
		del_child(i);
		esp_reclaim(e);
	}
	atomic_store(&t.stop, true);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(t.failed, 0);
	ck_assert_uint_gt(t.passed, 0);
#ifdef COUNTS_MEMORY
	/* Of 20,000 changes none makes it wait; now and then the kernel does, for a page. */
	ck_assert_int_lt(t.slept, CHILDREN / 100);
#endif
	ck_assert_uint_eq(esp_reclaim(e), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_scale");
	TCase *t = tcase_create("scale"), *m = tcase_create("memory");

	/* Before OpenSSL's first. */
	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		return EXIT_FAILURE;
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, each_finds_its_own);
	tcase_add_test(t, traffic_goes_on);
	suite_add_tcase(s, t);
	tcase_set_timeout(m, 120);
	tcase_add_loop_test(m, little_memory, 0, MEMORY_CASES);
	tcase_add_loop_test(m, any_worker_sends, 0, 2 * (int)pair_suites_n);
	tcase_add_test(m, keys_are_forgotten);
	tcase_add_test(m, strays_are_refused);
	suite_add_tcase(s, m);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

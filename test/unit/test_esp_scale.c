/* Ten thousand children: each finds its own SA, traffic goes on while they come and go, and they do
 * not take much. */
#include "test/unit/esp_pair.h"

#include <check.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN = 10000, SLOTS = 1 << 14, SIZE = 200 };

static struct esp *e;
static uint32_t spis[CHILDREN], slots[CHILDREN];
static struct esp_policy policies[CHILDREN + 1];

static struct ts host(uint32_t i)
{
	struct ts t = ts_any(ADDR_V4);
	uint8_t b[4] = {10, 2, (uint8_t)(i >> 8), (uint8_t)i};

	t.lo = t.hi = addr_from_bytes(bytes_of(b, 4));
	return t;
}

static void add_child(uint32_t i)
{
	struct ts_list local = {.n = 1, .v = {ts_any(ADDR_V4)}}, remote = local;
	spis[i] = esp_spi_get(e);
	struct esp_in_params in = {.spi = spis[i],
	    .keys = pair_keys(0, true),
	    .replay_window = 1024,
	    .local_ts = &local,
	    .remote_ts = &remote};
	struct esp_out_params out = {.spi = spis[i], .keys = pair_keys(0, true)};

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

static void set_up(void)
{
	struct esp_params p = {.slots = SLOTS, .workers = 2};
	e = esp_new(&p);
	ck_assert_ptr_nonnull(e);
}

static void tear_down(void)
{
	esp_free(e);
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

/* The least that an SA pair of AES-GCM takes is asked of one worker; each further worker has
 * contexts of its own. */
START_TEST(little_memory)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
	struct esp_params p = {.slots = SLOTS, .workers = 1};
	struct mallinfo2 before, after;

	esp_free(e);
	e = esp_new(&p);
	add_child(0); /* what is made once */
	before = mallinfo2();
	for (uint32_t i = 1; i <= 1000; i++)
		add_child(i);
	after = mallinfo2();
	size_t each = (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / 1000;
	ck_assert_msg(each < 4096, "%zu bytes", each);
#endif
}
END_TEST

struct traffic {
	_Atomic bool stop;
	uint64_t passed, failed;
};

/* Through the first child, again and again. */
static void *run_traffic(void *arg)
{
	struct traffic *t = arg;
	struct esp_worker *w = esp_worker_get(e, 1);
	uint8_t buf[2048];

	while (!atomic_load(&t->stop)) {
		struct pkt p = packet_to(buf, 0);
		esp_worker_enter(w);
		esp_encap(w, &p, 1);
		bool ok = p.verdict == ESP_V_OK;
		if (ok)
			esp_decap(w, &p, 1);
		esp_worker_leave(w);
		t->passed += ok && p.verdict == ESP_V_OK;
		t->failed += !ok || p.verdict != ESP_V_OK;
	}
	return NULL;
}

START_TEST(traffic_goes_on)
{
	struct traffic t = {0};
	pthread_t thread;

	add_child(0);
	ck_assert_int_eq(esp_spd_set(e, policies, 1), ESP_OK);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_traffic, &t), 0);
	for (uint32_t i = 1; i < CHILDREN; i++) {
		add_child(i);
		if (i % 500 == 0)
			ck_assert_int_eq(esp_spd_set(e, policies, i + 1), ESP_OK);
	}
	for (uint32_t i = CHILDREN - 1; i > 0; i--) {
		if (i % 500 == 499)
			ck_assert_int_eq(esp_spd_set(e, policies, i), ESP_OK);
		del_child(i);
		esp_reclaim(e);
	}
	atomic_store(&t.stop, true);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(t.failed, 0);
	ck_assert_uint_gt(t.passed, 0);
	ck_assert_uint_eq(esp_reclaim(e), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_scale");
	TCase *t = tcase_create("scale");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, each_finds_its_own);
	tcase_add_test(t, little_memory);
	tcase_add_test(t, traffic_goes_on);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * What a round trip between two ends that err alike does not show: IVs that never repeat, the high
 * half of the sequence number under HMAC, buffers that are smaller than they say, counters of
 * outbound drops, and allocations, counted one by one.
 */
#include "esp/crypto/crypto.h"
#include "test/unit/esp_job.h"
#include "test/unit/esp_pair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buf[PAIR_BUF];

/* RFC 4106 section 3.1: a nonce is never used twice; RFC 3602 section 3: an IV of CBC is random. */
START_TEST(ivs_differ)
{
	enum { N = 64 };
	struct pair_options o = {.suite = (size_t)_i, .window = 64};
	uint8_t seen[N][ESP_IV_MAX] = {{0}};
	struct esp_shape s;
	struct pair p;

	ck_assert_int_eq(
	    esp_shape_of(pair_suites[_i].encr, pair_suites[_i].integ, &s), ESP_CRYPTO_OK);
	pair_init(&p, &o);
	for (size_t i = 0; s.iv_len && i < N; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		memcpy(seen[i], pkt.base + pkt.off + ESP_HDR_LEN, s.iv_len);
		for (size_t k = 0; k < i; k++)
			ck_assert_mem_ne(seen[i], seen[k], s.iv_len);
	}
	pair_fini(&p);
}
END_TEST

/* RFC 4303 section 2.2.1: not sent, yet authenticated; without ESN it has no part. */
START_TEST(high_half_counts)
{
	bool esn = _i % 2;
	struct esp_keys k = pair_keys((size_t)_i / 2, esn);
	struct esp_crypto_keys keys = {k.encr, k.integ, k.encr_key, k.integ_key, esn};
	struct esp_provider *provider = esp_provider_new(NULL, ESP_ENGINE_AUTO, 1);
	struct esp_crypto *seal, *open;

	ck_assert_int_eq(esp_crypto_new(provider, &keys, true, &seal), ESP_CRYPTO_OK);
	ck_assert_int_eq(esp_crypto_new(provider, &keys, false, &open), ESP_CRYPTO_OK);
	for (unsigned bit = 0; bit < 32; bit++) {
		memset(buf, (int)bit, 256);
		ck_assert_int_eq(seal_one(provider, seal, buf, 64, 5), ESP_CRYPTO_OK);
		ck_assert_int_eq(open_one(provider, open, buf, 64, 5 ^ (1u << bit)),
		    esn ? ESP_CRYPTO_FORGED : ESP_CRYPTO_OK);
	}
	esp_crypto_free(seal);
	esp_crypto_free(open);
	esp_provider_free(provider);
}
END_TEST

START_TEST(beyond_the_buffer)
{
	struct pair_options o = {.suite = (size_t)_i, .window = 64};
	struct pair p;

	pair_init(&p, &o);
	struct pkt sent = pair_packet(buf, ADDR_V4, 100);
	ck_assert_int_eq(pair_encap(&p, &sent), ESP_V_OK);
	struct pkt cut = sent;
	cut.cap = sent.off + sent.len - 1;
	ck_assert_int_eq(pair_decap(&p, &cut), ESP_V_SHORT);
	cut.cap = sent.off - 1;
	ck_assert_int_eq(pair_decap(&p, &cut), ESP_V_SHORT);
	ck_assert_int_eq(pair_decap(&p, &sent), ESP_V_OK);
	pair_fini(&p);
}
END_TEST

START_TEST(outbound_drops)
{
	struct pair_options o = {.window = 64};
	uint64_t totals[ESP_VERDICTS];
	struct esp_stats st;
	struct pair p;

	pair_init(&p, &o);
	pair_inner(buf, ADDR_V4, 100);
	for (unsigned i = 0; i < 3; i++) {
		struct pkt pkt = {.base = buf, .cap = sizeof buf, .len = 100};
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_NO_ROOM);
	}
	ck_assert(esp_out_stats(p.left, p.slot, &st));
	esp_totals(p.left, totals);
	ck_assert_uint_eq(st.drops[ESP_V_NO_ROOM], 3);
	ck_assert_uint_eq(totals[ESP_V_NO_ROOM], 3);
	ck_assert_uint_eq(st.packets, 0);
	ck_assert_uint_eq(st.seq, 0); /* and they cost no number */
	pair_fini(&p);
}
END_TEST

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
/* Ours stand in front of the C library's, for OpenSSL too. A difference of heap sizes would not see
 * what is freed again at once. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
static unsigned long allocations;

void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	allocations++;
	return __libc_realloc(p, n);
}

START_TEST(no_allocation)
{
	struct pair_options o = {.suite = (size_t)_i, .esn = true, .window = 1024};
	unsigned long spent = 0, before = allocations;
	struct pair p;

	pair_init(&p, &o);
	ck_assert_uint_gt(allocations, before); /* we do count */
	for (unsigned i = 0; i < 1010; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 1400);
		before = allocations;
		enum esp_verdict out = pair_encap(&p, &pkt), in = pair_decap(&p, &pkt);
		if (i >= 10) /* warm */
			spent += allocations - before;
		ck_assert(out == ESP_V_OK && in == ESP_V_OK);
	}
	ck_assert_uint_eq(spent, 0);
	pair_fini(&p);
}
END_TEST
#define COUNTS_ALLOCATIONS 1
#endif

int main(void)
{
	Suite *s = suite_create("esp_wire");
	TCase *t = tcase_create("wire");
	int suites = (int)pair_suites_n;

	tcase_add_loop_test(t, ivs_differ, 0, suites);
	tcase_add_loop_test(t, high_half_counts, 0, suites * 2);
	tcase_add_loop_test(t, beyond_the_buffer, 0, suites);
	tcase_add_test(t, outbound_drops);
#ifdef COUNTS_ALLOCATIONS
	tcase_add_loop_test(t, no_allocation, 0, suites);
#endif
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Two engines, one result: what OpenSSL seals, ipsec-mb seals alike and opens, and the other way
 * round; every transform, all lengths of text to 2000 bytes and jumbo packets, with and without
 * extended sequence numbers, batches of mixed sizes and SAs, damaged packets among good ones. Where
 * ipsec-mb is not there, OpenSSL is held against itself.
 */
#include "esp/crypto/crypto.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH = 100, /* more than an engine takes at once */
	ROOM = 9216 + 128,
	GUARD = 64, /* bytes before and behind a packet that nobody may write */
	LONGEST = 2000,
	JUMBO = 9000,
};

#define ENCR(id, bits)                          \
	{                                       \
		TRANSFORM_ENCR, ENCR_##id, bits \
	}
#define INTEG(id)                              \
	{                                      \
		TRANSFORM_INTEG, INTEG_##id, 0 \
	}
#define NONE            \
	{               \
		0, 0, 0 \
	}

static const struct {
	struct transform encr, integ;
	bool mb; /* ipsec-mb does it */
} pairs[] = {
    {ENCR(AES_GCM_16, 128), NONE, true},
    {ENCR(AES_GCM_16, 192), NONE, true},
    {ENCR(AES_GCM_16, 256), NONE, true},
    {ENCR(CHACHA20_POLY1305, 0), NONE, true},
    {ENCR(AES_CBC, 128), INTEG(HMAC_SHA2_256_128), true},
    {ENCR(AES_CBC, 192), INTEG(HMAC_SHA2_256_128), true},
    {ENCR(AES_CBC, 256), INTEG(HMAC_SHA2_256_128), true},
    {ENCR(AES_CBC, 128), INTEG(HMAC_SHA2_384_192), true},
    {ENCR(AES_CBC, 256), INTEG(HMAC_SHA2_384_192), true},
    {ENCR(AES_CBC, 192), INTEG(HMAC_SHA2_512_256), true},
    {ENCR(AES_CBC, 256), INTEG(HMAC_SHA2_512_256), true},
    {ENCR(AES_GCM_12, 128), NONE, true},
    {ENCR(AES_GCM_8, 128), NONE, true},
    {ENCR(AES_GCM_16_IIV, 128), NONE, true},
    {ENCR(NULL_AUTH_AES_GMAC, 128), NONE, true},
    {ENCR(AES_CCM_16, 128), NONE, true},
    {ENCR(AES_CCM_12, 128), NONE, true},
    {ENCR(AES_CCM_8, 128), NONE, true},
    {ENCR(AES_CCM_8_IIV, 128), NONE, true},
    {ENCR(AES_GCM_12, 192), NONE, true},
    {ENCR(AES_GCM_8, 192), NONE, true},
    {ENCR(AES_GCM_16_IIV, 192), NONE, true},
    {ENCR(NULL_AUTH_AES_GMAC, 192), NONE, true},
    {ENCR(AES_CCM_16, 192), NONE, false},
    {ENCR(AES_CCM_12, 192), NONE, false},
    {ENCR(AES_CCM_8, 192), NONE, false},
    {ENCR(AES_CCM_8_IIV, 192), NONE, false},
    {ENCR(AES_GCM_12, 256), NONE, true},
    {ENCR(AES_GCM_8, 256), NONE, true},
    {ENCR(AES_GCM_16_IIV, 256), NONE, true},
    {ENCR(NULL_AUTH_AES_GMAC, 256), NONE, true},
    {ENCR(AES_CCM_16, 256), NONE, true},
    {ENCR(AES_CCM_12, 256), NONE, true},
    {ENCR(AES_CCM_8, 256), NONE, true},
    {ENCR(AES_CCM_8_IIV, 256), NONE, true},
    {ENCR(CHACHA20_POLY1305_IIV, 0), NONE, true},
    {ENCR(AES_CTR, 128), INTEG(HMAC_SHA2_256_128), true},
    {ENCR(AES_CTR, 192), INTEG(HMAC_SHA2_384_192), true},
    {ENCR(AES_CTR, 256), INTEG(AES_XCBC_96), true},
    {ENCR(AES_CTR, 128), INTEG(HMAC_SHA1_96), true},
    {ENCR(AES_CBC, 128), INTEG(AES_XCBC_96), true},
    {ENCR(NULL, 0), INTEG(AES_XCBC_96), true},
    {ENCR(AES_CBC, 128), INTEG(AES_CMAC_96), true},
    {ENCR(NULL, 0), INTEG(AES_CMAC_96), true},
    {ENCR(AES_CBC, 128), INTEG(HMAC_SHA1_96), true},
    {ENCR(NULL, 0), INTEG(HMAC_SHA1_96), true},
    {ENCR(CAMELLIA_CBC, 128), INTEG(HMAC_SHA2_256_128), false},
    {ENCR(CAMELLIA_CBC, 192), INTEG(HMAC_SHA2_256_128), false},
    {ENCR(CAMELLIA_CBC, 256), INTEG(HMAC_SHA2_256_128), false},
    {ENCR(CAMELLIA_CTR, 128), INTEG(HMAC_SHA2_256_128), false},
    {ENCR(CAMELLIA_CTR, 192), INTEG(AES_XCBC_96), false},
    {ENCR(CAMELLIA_CTR, 256), INTEG(HMAC_SHA2_512_256), false},
    {ENCR(3DES, 0), INTEG(HMAC_SHA1_96), false},
    {ENCR(DES, 0), INTEG(HMAC_SHA1_96), false},
    {ENCR(AES_CBC, 128), INTEG(HMAC_MD5_96), false},
    {ENCR(NULL, 0), INTEG(HMAC_SHA2_256_128), true},
    {ENCR(NULL, 0), INTEG(HMAC_SHA2_384_192), true},
    {ENCR(NULL, 0), INTEG(HMAC_SHA2_512_256), true},
};

enum { PAIRS = sizeof pairs / sizeof pairs[0] };

/* In long loops: the framework's own checks cost a system call each. */
#define ENSURE(what)                                                     \
	do {                                                             \
		if (!(what))                                             \
			ck_abort_msg("text of %u: %s", text_len, #what); \
	} while (0)

/* Both engines' contexts of one SA. */
struct side {
	struct esp_provider *provider;
	struct esp_crypto *seal, *open;
};

struct sa {
	struct side by[2]; /* OpenSSL, ipsec-mb */
	struct esp_shape shape;
};

static struct rng rng;
static uint8_t plain[BATCH][ROOM], sealed[2][BATCH][ROOM];

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rng_u32(&rng);
}

static void sa_init(struct sa *sa, struct side *by[2], size_t pair, bool esn)
{
	const struct transform_info *e = transform_find(pairs[pair].encr);
	const struct transform_info *i = transform_find(pairs[pair].integ);
	uint8_t material[128];
	struct esp_crypto_keys keys = {
	    .encr = pairs[pair].encr,
	    .integ = pairs[pair].integ,
	    .encr_key = bytes_of(material, e->key_len),
	    .integ_key = bytes_of(material + 64, i ? i->key_len : 0),
	    .esn = esn,
	};

	fill(material, sizeof material);
	ck_assert_int_eq(esp_shape_of(keys.encr, keys.integ, &sa->shape), ESP_CRYPTO_OK);
	for (size_t k = 0; k < 2; k++) {
		sa->by[k].provider = by[k]->provider;
		ck_assert_int_eq(
		    esp_crypto_new(by[k]->provider, &keys, true, &sa->by[k].seal), ESP_CRYPTO_OK);
		ck_assert_int_eq(
		    esp_crypto_new(by[k]->provider, &keys, false, &sa->by[k].open), ESP_CRYPTO_OK);
	}
}

static void sa_fini(struct sa *sa)
{
	for (size_t k = 0; k < 2; k++) {
		esp_crypto_free(sa->by[k].seal);
		esp_crypto_free(sa->by[k].open);
	}
}

static void providers(struct side by[2])
{
	by[0].provider = esp_provider_new(NULL, ESP_ENGINE_OPENSSL, 1);
	by[1].provider = esp_provider_new(NULL, ESP_ENGINE_IPSEC_MB, 1);
	ck_assert(by[0].provider && by[1].provider);
}

static void providers_free(struct side by[2])
{
	esp_provider_free(by[0].provider);
	esp_provider_free(by[1].provider);
}

static size_t whole(const struct sa *sa, uint32_t text_len)
{
	return ESP_HDR_LEN + (size_t)sa->shape.iv_len + text_len + sa->shape.icv_len;
}

/* One batch of n packets: packet i is of sas[i % many] with text of lens[i] bytes. */
struct batch {
	const struct sa *sas;
	size_t many, n;
	uint32_t lens[BATCH], hi[BATCH];
	bool damaged[BATCH];
};

static const struct sa *sa_of(const struct batch *b, size_t i)
{
	return &b->sas[i % b->many];
}

static struct esp_crypto_worker *worker_of(const struct batch *b, size_t by)
{
	return esp_provider_worker(b->sas[0].by[by].provider, 0);
}

static void seal(const struct batch *b, size_t by)
{
	struct esp_job jobs[BATCH];

	for (size_t i = 0; i < b->n; i++) {
		memcpy(sealed[by][i], plain[i], ROOM);
		jobs[i] = (struct esp_job){
		    sa_of(b, i)->by[by].seal, sealed[by][i] + GUARD, b->lens[i], b->hi[i], 1};
	}
	esp_crypto_seal(worker_of(b, by), jobs, b->n);
	for (size_t i = 0; i < b->n; i++)
		ck_assert_int_eq(jobs[i].err, ESP_CRYPTO_OK);
}

/* Opens what stands in sealed[from]; damaged ones fail, the others are as they were. */
static void open_and_compare(const struct batch *b, size_t by, size_t from)
{
	struct esp_job jobs[BATCH];

	for (size_t i = 0; i < b->n; i++)
		jobs[i] = (struct esp_job){
		    sa_of(b, i)->by[by].open, sealed[from][i] + GUARD, b->lens[i], b->hi[i], 1};
	esp_crypto_open(worker_of(b, by), jobs, b->n);
	for (size_t i = 0; i < b->n; i++) {
		uint32_t text_len = b->lens[i];
		size_t front = ESP_HDR_LEN + (size_t)sa_of(b, i)->shape.iv_len;
		size_t end = GUARD + whole(sa_of(b, i), text_len);
		ENSURE(jobs[i].err == (b->damaged[i] ? ESP_CRYPTO_FORGED : ESP_CRYPTO_OK));
		ENSURE(memcmp(sealed[from][i], plain[i], GUARD) == 0);
		ENSURE(memcmp(sealed[from][i] + end, plain[i] + end, GUARD) == 0);
		if (!b->damaged[i])
			ENSURE(memcmp(sealed[from][i] + GUARD, plain[i] + GUARD,
				   front + text_len) == 0);
	}
}

static void damage(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		size_t n = whole(sa_of(b, i), b->lens[i]), icv = sa_of(b, i)->shape.icv_len;
		uint32_t r = rng_u32(&rng);
		b->damaged[i] = r % 4 == 0;
		/* The ICV more often than its share. */
		size_t at = r & 16 ? rng_u32(&rng) % n : n - icv + rng_u32(&rng) % icv;
		for (size_t k = 0; b->damaged[i] && k < 2; k++)
			sealed[k][i][GUARD + at] ^= (uint8_t)(1u << (r >> 8) % 8);
	}
}

static void cross(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		fill(plain[i], 2 * GUARD + whole(sa_of(b, i), b->lens[i]));
		b->hi[i] = rng_u32(&rng);
		b->damaged[i] = false;
	}
	seal(b, 0);
	seal(b, 1);
	for (size_t i = 0; i < b->n; i++) {
		uint32_t text_len = b->lens[i];
		ENSURE(memcmp(sealed[0][i], sealed[1][i],
			   2 * GUARD + whole(sa_of(b, i), text_len)) == 0);
	}
	damage(b);
	open_and_compare(b, 1, 0);
	open_and_compare(b, 0, 1);
}

/* Every length that a packet can have, in batches of every size. */
START_TEST(every_length)
{
	size_t pair = (size_t)_i / 2;
	struct side by[2];
	struct sa sa;
	struct batch b = {.sas = &sa, .many = 1};
	uint32_t step, sent = 0;

	rng = (struct rng){(uint64_t)_i + 1};
	providers(by);
	sa_init(&sa, (struct side *[2]){&by[0], &by[1]}, pair, _i % 2);
	step = sa.shape.block == 1 ? 1 : sa.shape.block;
	for (size_t size = 1; sent < LONGEST; size = size % BATCH + 7) {
		for (b.n = 0; b.n < size && b.n < BATCH; b.n++) {
			sent += step;
			b.lens[b.n] = sent;
		}
		cross(&b);
	}
	b.n = 20;
	for (size_t i = 0; i < b.n; i++)
		b.lens[i] = JUMBO / step * step - (uint32_t)i % 3 * step;
	cross(&b);
	sa_fini(&sa);
	providers_free(by);
}
END_TEST

/* Many SAs of all transforms in one batch, lengths as they come. */
START_TEST(mixture)
{
	struct side by[2];
	struct sa sas[PAIRS];
	struct batch b = {.sas = sas};

	rng = (struct rng){(uint64_t)_i + 1000};
	providers(by);
	for (size_t i = 0; i < PAIRS; i++)
		sa_init(&sas[i], (struct side *[2]){&by[0], &by[1]}, (i * 5 + (size_t)_i) % PAIRS,
		    rng_u32(&rng) % 2);
	for (unsigned round = 0; round < 20; round++) {
		b.many = 1 + rng_u32(&rng) % PAIRS;
		b.n = 1 + rng_u32(&rng) % BATCH;
		for (size_t i = 0; i < b.n; i++) {
			uint32_t block = sa_of(&b, i)->shape.align;
			b.lens[i] = (1 + rng_u32(&rng) % (LONGEST / block)) * block;
		}
		cross(&b);
	}
	for (size_t i = 0; i < PAIRS; i++)
		sa_fini(&sas[i]);
	providers_free(by);
}
END_TEST

/* RFC 8750 section 4: what the IV would be is the sequence number, 64 bits of it. So the text comes
 * out as with an explicit IV of that value. */
static const struct {
	struct transform implicit, explicit_;
} twins[] = {
    {ENCR(AES_GCM_16_IIV, 128), ENCR(AES_GCM_16, 128)},
    {ENCR(AES_GCM_16_IIV, 192), ENCR(AES_GCM_16, 192)},
    {ENCR(AES_GCM_16_IIV, 256), ENCR(AES_GCM_16, 256)},
    {ENCR(AES_CCM_8_IIV, 128), ENCR(AES_CCM_8, 128)},
    {ENCR(AES_CCM_8_IIV, 192), ENCR(AES_CCM_8, 192)},
    {ENCR(AES_CCM_8_IIV, 256), ENCR(AES_CCM_8, 256)},
    {ENCR(CHACHA20_POLY1305_IIV, 0), ENCR(CHACHA20_POLY1305, 0)},
};

enum { TWINS = sizeof twins / sizeof twins[0], TWIN_TEXT = 100, TWIN_SEQ = 0x01020304 };

static void seal_twin(struct esp_provider *p, struct transform t, bool esn, size_t iv_len,
    uint32_t hi, uint8_t out[ROOM])
{
	static const uint8_t material[64] = {1, 2, 3};
	struct esp_crypto_keys keys = {
	    .encr = t, .encr_key = bytes_of(material, transform_find(t)->key_len), .esn = esn};
	struct esp_crypto *c;
	struct esp_shape shape;

	ck_assert_int_eq(esp_shape_of(t, keys.integ, &shape), ESP_CRYPTO_OK);
	ck_assert_uint_eq(shape.iv_len, iv_len);
	ck_assert_int_eq(esp_crypto_new(p, &keys, true, &c), ESP_CRYPTO_OK);
	memset(out, 7, ROOM);
	be32_store(out, 0x11223344);
	be32_store(out + 4, TWIN_SEQ);
	if (iv_len)
		be64_store(out + 8, (uint64_t)(esn ? hi : 0) << 32 | TWIN_SEQ);
	memset(out + 8 + iv_len, 'x', TWIN_TEXT);
	struct esp_job job = {c, out, TWIN_TEXT, hi, ESP_CRYPTO_NOMEM};
	esp_crypto_seal(esp_provider_worker(p, 0), &job, 1);
	ck_assert_int_eq(job.err, ESP_CRYPTO_OK);
	memmove(out + 8, out + 8 + iv_len, ROOM - 8 - iv_len);
	esp_crypto_free(c);
}

START_TEST(implicit_iv)
{
	bool esn = _i % 2;
	struct side by[2];

	providers(by);
	for (size_t k = 0; k < 2; k++) {
		seal_twin(by[k].provider, twins[_i / 2].explicit_, esn, 8, 0x55667788, plain[0]);
		seal_twin(by[k].provider, twins[_i / 2].implicit, esn, 0, 0x55667788, plain[1]);
		ck_assert_mem_eq(plain[0], plain[1], 8 + TWIN_TEXT + 16);
	}
	providers_free(by);
}
END_TEST

/* Who does what, as it is shown. */
START_TEST(who)
{
	struct side by[2];
	struct esp_params params = {.slots = 1, .workers = 1, .engine = ESP_ENGINE_OPENSSL};
	struct esp *e = esp_new(&params);

	providers(by);
	/* Built in, and the CPU can do it, if it does the first pair. */
	bool there = esp_provider_engine(by[1].provider, pairs[0].encr, pairs[0].integ) ==
		     ESP_ENGINE_IPSEC_MB;
	ck_assert(!there || esp_ipsec_mb());
	for (size_t i = 0; i < PAIRS; i++) {
		struct transform encr = pairs[i].encr, integ = pairs[i].integ;
		ck_assert_int_eq(
		    esp_provider_engine(by[0].provider, encr, integ), ESP_ENGINE_OPENSSL);
		ck_assert_int_eq(esp_provider_engine(by[1].provider, encr, integ),
		    there && pairs[i].mb ? ESP_ENGINE_IPSEC_MB : ESP_ENGINE_OPENSSL);
		ck_assert_str_eq(esp_engine_of(e, encr, integ), "OpenSSL");
	}
	esp_free(e);
	params.engine = ESP_ENGINE_IPSEC_MB;
	e = esp_new(&params);
	ck_assert_str_eq(
	    esp_engine_of(e, pairs[0].encr, pairs[0].integ), there ? "ipsec-mb" : "OpenSSL");
	esp_free(e);
	providers_free(by);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_engines");
	TCase *t = tcase_create("engines");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_length, 0, 2 * PAIRS);
	tcase_add_loop_test(t, mixture, 0, 10);
	tcase_add_loop_test(t, implicit_iv, 0, 2 * TWINS);
	tcase_add_test(t, who);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Padding: of the peer's making, and against traffic analysis; dummy packets. RFC 4303 sections
 * 2.4, 2.6 and 2.7.
 */
#include "esp/crypto/crypto.h"
#include "test/unit/esp_job.h"
#include "test/unit/esp_pair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buf[PAIR_BUF];

static struct esp_path path(bool udp, uint32_t mtu)
{
	return (struct esp_path){
	    .remote = {.addr = addr_v4(0x0a090909)}, .udp_encap = udp, .mtu = mtu};
}

/* ---- Padding as it should not be ---- */

/* A packet of 40 bytes with `pad` bytes of padding, the wrong one at `at`; as a peer's. */
static struct pkt sealed(const struct pair *p, uint32_t seq, uint8_t pad, unsigned at)
{
	struct esp_keys k = pair_keys(0, false);
	struct esp_crypto_keys keys = {k.encr, k.integ, k.encr_key, k.integ_key, false};
	struct esp_provider *provider = esp_provider_new(NULL, ESP_ENGINE_AUTO, 1);
	struct esp_crypto *c;
	enum { FRONT = 16, INNER = 40 };
	uint32_t text = INNER + pad + ESP_TRAILER_LEN;

	ck_assert_int_eq(esp_crypto_new(provider, &keys, true, &c), ESP_CRYPTO_OK);
	be32_store(buf, p->spi);
	be32_store(buf + 4, seq);
	be64_store(buf + 8, seq);
	pair_inner(buf + FRONT, ADDR_V4, INNER);
	for (unsigned i = 0; i < pad; i++)
		buf[FRONT + INNER + i] = (uint8_t)(i == at ? 0xee : i + 1);
	buf[FRONT + text - 2] = pad;
	buf[FRONT + text - 1] = 4;
	ck_assert_int_eq(seal_one(provider, c, buf, text, 0), ESP_CRYPTO_OK);
	esp_crypto_free(c);
	esp_provider_free(provider);
	return (struct pkt){.base = buf, .cap = sizeof buf, .len = FRONT + text + 16};
}

START_TEST(wrong_padding)
{
	struct pair_options o = {.window = 64, .lenient_padding = _i};
	uint32_t seq = 0;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned at = 0; at < 22; at++) {
		struct pkt pkt = sealed(&p, ++seq, 22, at);
		ck_assert_int_eq(pair_decap(&p, &pkt), _i ? ESP_V_OK : ESP_V_PADDING);
		pkt = sealed(&p, ++seq, 22, 99);
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
		ck_assert_uint_eq(pkt.len, 40);
	}
	pair_fini(&p);
}
END_TEST

START_TEST(more_padding_than_text)
{
	struct pair_options o = {.window = 64, .suite = 4, .lenient_padding = true};
	struct esp_keys k = pair_keys(4, false);
	struct esp_crypto_keys keys = {k.encr, k.integ, k.encr_key, k.integ_key, false};
	struct esp_provider *provider = esp_provider_new(NULL, ESP_ENGINE_AUTO, 1);
	struct esp_crypto *c;
	struct pair p;

	pair_init(&p, &o);
	ck_assert_int_eq(esp_crypto_new(provider, &keys, true, &c), ESP_CRYPTO_OK);
	be32_store(buf, p.spi);
	be32_store(buf + 4, 1);
	pair_inner(buf + 8, ADDR_V4, 42);
	buf[8 + 42] = 43; /* of 42 bytes in front of it */
	buf[8 + 43] = 4;
	ck_assert_int_eq(seal_one(provider, c, buf, 44, 0), ESP_CRYPTO_OK);
	struct pkt pkt = {.base = buf, .cap = sizeof buf, .len = 8 + 44 + 16};
	ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_PADDING);
	esp_crypto_free(c);
	esp_provider_free(provider);
	pair_fini(&p);
}
END_TEST

/* ---- Padding of our own ---- */

/* All packets up to the size look alike, and arrive as they were. */
START_TEST(one_size)
{
	enum { TFC = 600 };
	struct pair_options o = {.suite = (size_t)_i, .window = 64, .tfc_padding = TFC};
	struct pair_options bare = {.suite = (size_t)_i, .window = 64};
	struct pair p, q;
	uint8_t was[900];

	pair_init(&p, &o);
	pair_init(&q, &bare);
	struct pkt pkt = pair_packet(buf, ADDR_V4, TFC);
	ck_assert_int_eq(pair_encap(&q, &pkt), ESP_V_OK);
	uint32_t size = pkt.len;
	for (size_t n = 40; n < 900; n += 7) {
		pkt = pair_packet(buf, n % 2 ? ADDR_V6 : ADDR_V4, n);
		memset(buf + pkt.off + n, 0xaa, 700); /* what an earlier packet has left */
		memcpy(was, buf + pkt.off, n);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		if (n <= TFC)
			ck_assert_uint_eq(pkt.len, size);
		else
			ck_assert_uint_gt(pkt.len, n);
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
		ck_assert_uint_eq(pkt.len, n);
		const uint8_t *ip = pkt.base + pkt.off;
		ck_assert_mem_eq(ip, was, n);
		for (size_t i = n; i < TFC; i++)
			ck_assert_uint_eq(ip[i], 0);
	}
	pair_fini(&q);
	pair_fini(&p);
}
END_TEST

START_TEST(not_beyond_the_path)
{
	static const uint32_t mtus[] = {0, 576, 1280, 1400, 1500, 9000};
	struct pair_options o = {.suite = (size_t)_i, .window = 64, .tfc_padding = 65535};
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 12; i++) {
		struct esp_path way = path(i % 2, mtus[i / 2]);
		uint32_t mtu = way.mtu ? way.mtu : 1500, outer = 20 + (way.udp_encap ? 8 : 0);
		ck_assert_int_eq(esp_out_set_path(p.left, p.slot, &way), ESP_OK);
		for (size_t n = 40; n < 300; n += 13) {
			struct pkt pkt = pair_packet(buf, ADDR_V4, n);
			ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
			ck_assert_uint_le(pkt.len + outer, mtu);
			ck_assert_uint_gt(pkt.len + outer + 16, mtu); /* a block less than all */
			ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
			ck_assert_uint_eq(pkt.len, n);
		}
		/* One that is longer already is not padded. */
		way.mtu = 0;
		ck_assert_int_eq(esp_out_set_path(p.left, p.slot, &way), ESP_OK);
		struct pkt pkt = pair_packet(buf, ADDR_V4, 9216);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		ck_assert_uint_lt(pkt.len, 9216 + 100);
	}
	pair_fini(&p);
}
END_TEST

/* As segments lie side by side: padding never leaves the packet's own bytes. */
START_TEST(not_beyond_the_room)
{
	struct pair_options o = {.suite = (size_t)_i, .window = 64, .tfc_padding = 500};
	struct esp_shape s;
	struct pair p;

	esp_shape_of(pair_suites[_i].encr, pair_suites[_i].integ, &s);
	pair_init(&p, &o);
	for (uint32_t cap = 64 + 100 + 2 + s.icv_len; cap < 700; cap++) {
		uint8_t *exact = malloc(cap);
		ck_assert_ptr_nonnull(exact);
		pair_inner(exact + 64, ADDR_V4, 100);
		struct pkt pkt = {.base = exact, .cap = cap, .off = 64, .len = 100};
		/* Without that padding it needs this much. */
		uint32_t text = (102u + s.align - 1) / s.align * s.align;
		bool fits = 64 + text + s.icv_len <= cap;
		ck_assert_int_eq(pair_encap(&p, &pkt), fits ? ESP_V_OK : ESP_V_NO_ROOM);
		if (fits) {
			ck_assert_uint_le(pkt.off + pkt.len, cap);
			ck_assert(pkt.len > 500 || pkt.off + pkt.len + s.align > cap);
			ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
			ck_assert_uint_eq(pkt.len, 100);
		}
		free(exact);
	}
	pair_fini(&p);
}
END_TEST

/* A receiver could not tell where TCP ends. */
START_TEST(not_in_transport_mode)
{
	struct pair_options o = {
	    .window = 64, .tfc_padding = 1000, .headers = {.mode = ESP_TRANSPORT}};
	struct pair p;

	o.transport.src = o.transport.sent_src = addr_v4(0x0a010203);
	o.transport.dst = o.transport.sent_dst = addr_v4(0x0a020304);
	pair_init(&p, &o);
	struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
	ck_assert_uint_eq(pkt.len, 8 + 8 + 84 + 16);
	pair_fini(&p);
}
END_TEST

/* ---- Dummies ---- */

START_TEST(dummies)
{
	struct pair_options o = {.suite = (size_t)_i, .window = 64};
	struct esp_stats st;
	struct pair p;

	pair_init(&p, &o);
	uint64_t n = 0;
	for (uint32_t len = 0; len < 1400; len += 111) {
		struct pkt pkt = {
		    .base = buf, .cap = sizeof buf, .off = PKT_HEADROOM, .len = len, .flags = 0xff};
		memset(buf, 0x5a, sizeof buf);
		ck_assert(esp_dummy(p.lw, p.slot, &pkt));
		ck_assert_ptr_nonnull(esp_pkt_path(p.lw, &pkt));
		ck_assert_uint_eq(pkt.flags | pkt.tos, 0);
		ck_assert_uint_gt(pkt.len, len);
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_DUMMY);
		n++;
	}
	ck_assert(esp_out_stats(p.left, p.slot, &st));
	ck_assert_uint_eq(st.seq, n);
	struct pkt pkt = {.base = buf, .cap = 100, .off = PKT_HEADROOM, .len = 36};
	ck_assert(!esp_dummy(p.lw, p.slot, &pkt));
	ck_assert_int_eq(pkt.verdict, ESP_V_NO_ROOM);
	pkt.cap = 99;
	ck_assert(!esp_dummy(p.lw, p.slot, &pkt)); /* not even its own bytes */
	pkt.cap = sizeof buf;
	ck_assert(!esp_dummy(p.lw, p.slot + 1, &pkt));
	ck_assert_int_eq(pkt.verdict, ESP_V_NO_SA);
	pair_fini(&p);
}
END_TEST

/* With TFC padding nobody can tell it from a packet that carries something, and it is never longer
 * than the path carries. */
START_TEST(dummies_look_alike)
{
	struct pair_options o = {
	    .suite = (size_t)_i, .window = 64, .tfc_padding = 900, .path = path(true, 1400)};
	struct pair p;

	pair_init(&p, &o);
	struct pkt real = pair_packet(buf, ADDR_V4, 100);
	ck_assert_int_eq(pair_encap(&p, &real), ESP_V_OK);
	struct pkt pkt = {.base = buf, .cap = sizeof buf, .off = PKT_HEADROOM, .len = 40};
	ck_assert(esp_dummy(p.lw, p.slot, &pkt));
	ck_assert_uint_eq(pkt.len, real.len);
	pkt = (struct pkt){.base = buf, .cap = sizeof buf, .off = PKT_HEADROOM, .len = 3000};
	ck_assert(esp_dummy(p.lw, p.slot, &pkt));
	ck_assert_uint_le(pkt.len + 28, 1400);
	ck_assert_uint_gt(pkt.len + 28 + 16, 1400);
	ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_DUMMY);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_tfc");
	TCase *t = tcase_create("tfc");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, wrong_padding, 0, 2);
	tcase_add_test(t, more_padding_than_text);
	tcase_add_loop_test(t, one_size, 0, (int)pair_suites_n);
	tcase_add_loop_test(t, not_beyond_the_path, 0, (int)pair_suites_n);
	tcase_add_loop_test(t, not_beyond_the_room, 0, (int)pair_suites_n);
	tcase_add_test(t, not_in_transport_mode);
	tcase_add_loop_test(t, dummies, 0, (int)pair_suites_n);
	tcase_add_loop_test(t, dummies_look_alike, 0, (int)pair_suites_n);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

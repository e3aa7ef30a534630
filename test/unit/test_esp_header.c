/*
 * What passes between inner and outer header: RFC 6040 section 4 in full, DSCP, DF, and checksums
 * against a full sum.
 */
#include "esp/header.h"
#include "test/unit/esp_pair.h"
#include "test/unit/rng.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_ECT, ECT1, ECT0, CE, DROP };

/* The sum as RFC 1071 section 1 has it. */
static uint16_t full_sum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void random_header(struct rng *r, uint8_t *ip, bool v6)
{
	for (size_t i = 0; i < ESP_V6_LEN; i++)
		ip[i] = (uint8_t)rng_u32(r);
	ip[0] = (uint8_t)(v6 ? 0x60 | (ip[0] & 15) : 0x45);
	if (v6)
		return;
	ip[10] = ip[11] = 0;
	uint16_t c = full_sum(ip, ESP_V4_LEN);
	ip[10] = (uint8_t)(c >> 8);
	ip[11] = (uint8_t)c;
}

/* Figure 4, inner field first, as the RFC prints it. */
static const struct {
	uint8_t inner, outer, want;
} figure4[] = {
    {NOT_ECT, NOT_ECT, NOT_ECT},
    {NOT_ECT, ECT0, NOT_ECT},
    {NOT_ECT, ECT1, NOT_ECT},
    {NOT_ECT, CE, DROP},
    {ECT0, NOT_ECT, ECT0},
    {ECT0, ECT0, ECT0},
    {ECT0, ECT1, ECT1},
    {ECT0, CE, CE},
    {ECT1, NOT_ECT, ECT1},
    {ECT1, ECT0, ECT1},
    {ECT1, ECT1, ECT1},
    {ECT1, CE, CE},
    {CE, NOT_ECT, CE},
    {CE, ECT0, CE},
    {CE, ECT1, CE},
    {CE, CE, CE},
};

START_TEST(inwards)
{
	REQ("7296-2.24-1");
	uint8_t tos = 0;

	for (unsigned i = 0; i < 16; i++)
		for (unsigned d = 0; d < 64 * 64; d++) {
			uint8_t inner = (uint8_t)(d % 64 << 2 | figure4[i].inner);
			uint8_t outer = (uint8_t)(d / 64 << 2 | figure4[i].outer);
			struct esp_headers h = {.ecn = true, .dscp_in = _i};
			bool passes = esp_header_tos_in(&h, inner, outer, &tos);
			if (passes != (figure4[i].want != DROP))
				ck_abort_msg("row %u", i);
			if (passes && tos != (((_i ? outer : inner) & 0xfc) | figure4[i].want))
				ck_abort_msg("row %u: %02x", i, tos);
			h.ecn = false; /* then the outer field means nothing */
			if (!esp_header_tos_in(&h, inner, outer, &tos) ||
			    tos != (((_i ? outer : inner) & 0xfc) | figure4[i].inner))
				ck_abort_msg("row %u without ECN: %02x", i, tos);
		}
}
END_TEST

START_TEST(outwards)
{
	REQ("7296-2.24-1");
	for (unsigned tos = 0; tos < 256; tos++) {
		struct esp_headers h = {0};
		ck_assert_uint_eq(esp_header_tos_out(&h, (uint8_t)tos), 0);
		h.ecn = true; /* normal mode: copied, CE too */
		ck_assert_uint_eq(esp_header_tos_out(&h, (uint8_t)tos), tos & 3);
		h.dscp_out = true;
		ck_assert_uint_eq(esp_header_tos_out(&h, (uint8_t)tos), tos);
		h.ecn = false;
		ck_assert_uint_eq(esp_header_tos_out(&h, (uint8_t)tos), tos & 0xfc);
		h = (struct esp_headers){.dscp_in = true, .df = true};
		ck_assert_uint_eq(esp_header_tos_out(&h, (uint8_t)tos), 0);
	}
}
END_TEST

/* Every byte to every other one, over random headers; nothing else may change. */
START_TEST(set_tos)
{
	struct rng r = {(uint64_t)_i + 5};
	uint8_t ip[ESP_V6_LEN], was[ESP_V6_LEN];
	bool v6 = _i;

	for (unsigned i = 0; i < 256 * 256; i++) {
		uint8_t old = (uint8_t)(i >> 8), now = (uint8_t)i;
		if (i % 1024 == 0)
			random_header(&r, ip, v6);
		esp_header_set_tos(ip, old);
		if (esp_header_tos(ip) != old)
			ck_abort_msg("%02x reads %02x", old, esp_header_tos(ip));
		memcpy(was, ip, sizeof ip);
		esp_header_set_tos(ip, now);
		if (v6) {
			ck_assert_uint_eq(ip[0], 0x60 | now >> 4);
			ck_assert_uint_eq(ip[1], (unsigned)((now & 15) << 4 | (was[1] & 15)));
			was[0] = ip[0];
		} else {
			uint8_t zeroed[ESP_V4_LEN];
			memcpy(zeroed, ip, sizeof zeroed);
			zeroed[10] = zeroed[11] = 0;
			ck_assert_uint_eq(ip[1], now);
			ck_assert_uint_eq(be16_load(ip + 10), full_sum(zeroed, ESP_V4_LEN));
			was[10] = ip[10];
			was[11] = ip[11];
		}
		was[1] = ip[1];
		ck_assert_mem_eq(was, ip, sizeof ip);
	}
}
END_TEST

START_TEST(df)
{
	uint8_t ip[ESP_V6_LEN] = {0x45};

	ck_assert(!esp_header_df(ip));
	for (unsigned i = 0; i < 256; i++) {
		ip[6] = (uint8_t)i;
		ck_assert_int_eq(esp_header_df(ip), (i & 0x40) != 0);
	}
	ip[0] = 0x60;
	ip[6] = 0;
	ck_assert(esp_header_df(ip));
}
END_TEST

START_TEST(sums)
{
	struct rng r = {99};
	uint8_t p[64], old[16];

	for (unsigned i = 0; i < 200000; i++) {
		size_t at = 2 + 2 * (size_t)rng_below(&r, 22), n = 2 * (size_t)rng_below(&r, 9);
		for (size_t k = 2; k < sizeof p; k++)
			p[k] = rng_below(&r, 4) ? (uint8_t)rng_u32(&r)
						: (uint8_t)(rng_u32(&r) & 1 ? 255 : 0);
		p[0] = p[1] = 0;
		uint16_t before = esp_csum(p, sizeof p);
		ck_assert_uint_eq(before, full_sum(p, sizeof p));
		memcpy(old, p + at, n);
		for (size_t k = 0; k < n; k++)
			p[at + k] = (uint8_t)rng_u32(&r);
		ck_assert_uint_eq(esp_csum_replace(before, old, p + at, n), full_sum(p, sizeof p));
	}
	/* RFC 1624 section 4. */
	ck_assert_uint_eq(esp_csum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
}
END_TEST

/* The whole way, with every marking that a router could make of every class. */
START_TEST(through)
{
	static uint8_t buf[PAIR_BUF];
	enum addr_family family = _i % 2 ? ADDR_V6 : ADDR_V4;
	bool on = _i / 2;
	struct pair_options o = {
	    .window = 64, .headers = {.ecn = on, .dscp_out = on, .dscp_in = on}};
	struct esp_stats st;
	uint64_t dropped = 0;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 256 * 16; i++) {
		uint8_t inner = (uint8_t)i, outer = (uint8_t)(inner ^ (i >> 8)), want = 0;
		struct pkt pkt = pair_packet(buf, family, 100);
		pair_set_sums(buf + pkt.off);
		esp_header_set_tos(buf + pkt.off, inner);
		if (pair_encap(&p, &pkt) != ESP_V_OK || pkt.tos != (on ? inner : 0))
			ck_abort_msg("%02x leaves as %02x", inner, pkt.tos);
		pkt.tos = outer;
		bool passes = esp_header_tos_in(&o.headers, inner, outer, &want);
		enum esp_verdict v = pair_decap(&p, &pkt);
		if (v != (passes ? ESP_V_OK : ESP_V_ECN))
			ck_abort_msg("%02x in %02x: %d", inner, outer, v);
		dropped += !passes;
		if (!passes)
			continue;
		if (!pair_sums_are_right(pkt.base + pkt.off) ||
		    esp_header_tos(pkt.base + pkt.off) != want)
			ck_abort_msg("%02x in %02x: not %02x", inner, outer, want);
	}
	ck_assert(esp_in_stats(p.right, p.spi, &st));
	ck_assert_uint_eq(st.drops[ESP_V_ECN], dropped);
	ck_assert_int_eq(dropped > 0, on);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_header");
	TCase *t = tcase_create("header");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, inwards, 0, 2);
	tcase_add_test(t, outwards);
	tcase_add_loop_test(t, set_tos, 0, 2);
	tcase_add_test(t, df);
	tcase_add_test(t, sums);
	tcase_add_loop_test(t, through, 0, 4);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

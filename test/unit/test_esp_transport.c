/*
 * Transport mode: RFC 4303 section 3.1.1, with checksums behind a NAT as RFC 3948 section 3.1.2.
 */
#include "esp/crypto/crypto.h"
#include "test/unit/esp_job.h"
#include "test/unit/esp_pair.h"
#include "test/unit/rng.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buf[PAIR_BUF];

static struct addr v6_addr(uint32_t head, uint8_t tail)
{
	struct addr a = {.family = ADDR_V6};

	be32_store(a.b, head);
	a.b[15] = tail;
	return a;
}

/* The addresses of pair_inner(), as both ends see them. */
static struct esp_transport plain(enum addr_family family)
{
	struct esp_transport t;

	t.src = family == ADDR_V4 ? addr_v4(0x0a010203) : v6_addr(0xfd000001, 3);
	t.dst = family == ADDR_V4 ? addr_v4(0x0a020304) : v6_addr(0xfd000002, 4);
	t.sent_src = t.src;
	t.sent_dst = t.dst;
	return t;
}

static struct pair_options options(enum addr_family family)
{
	return (struct pair_options){.window = 64,
	    .headers = {.mode = ESP_TRANSPORT, .df = true},
	    .transport = plain(family)};
}

static const uint8_t protos[] = {
    TS_PROTO_UDP, TS_PROTO_TCP, TS_PROTO_ICMP, TS_PROTO_ICMPV6, 4, 41, 47, 132};

/* A packet of n bytes with random load and right checksums. */
static struct pkt packet(struct rng *r, enum addr_family family, uint8_t proto, size_t n)
{
	size_t header = family == ADDR_V4 ? 20 : 40;
	struct pkt pkt = pair_packet(buf, family, n);
	uint8_t *ip = buf + pkt.off;

	for (size_t i = header; i < n; i++)
		ip[i] = (uint8_t)rng_u32(r);
	ip[family == ADDR_V4 ? 9 : 6] = proto;
	if (family == ADDR_V4)
		be16_store(ip + 6, 0x4000);
	pair_set_sums(ip);
	return pkt;
}

/* ---- There and back ---- */

START_TEST(round_trip)
{
	enum addr_family family = _i % 2 ? ADDR_V6 : ADDR_V4;
	size_t header = family == ADDR_V4 ? 20 : 40;
	struct pair_options o = options(family);
	struct rng r = {(uint64_t)_i + 9};
	uint8_t was[400];
	struct esp_shape s;
	struct pair p;

	o.suite = (size_t)_i / 2;
	esp_shape_of(pair_suites[o.suite].encr, pair_suites[o.suite].integ, &s);
	pair_init(&p, &o);
	for (size_t n = header; n < 300; n++) {
		uint8_t proto = protos[n % sizeof protos];
		struct pkt pkt = packet(&r, family, proto, n);
		uint8_t tos = (uint8_t)rng_u32(&r);
		memcpy(was, buf + pkt.off, n);
		if (family == ADDR_V4)
			buf[pkt.off + 1] = tos; /* its checksum is wrong then, and never sent */
		else
			buf[pkt.off + 1] = (uint8_t)(tos << 4), buf[pkt.off] |= tos >> 4;
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		ck_assert_uint_eq(pkt.tos, tos);
		ck_assert(pkt.flags & PKT_DF);
		size_t text = n - header + ESP_TRAILER_LEN;
		text += (s.align - text % s.align) % s.align;
		ck_assert_uint_eq(pkt.len, 8 + s.iv_len + text + s.icv_len);
		pkt.tos = tos ^ 3; /* a router has changed it */
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
		const uint8_t *ip = pkt.base + pkt.off;
		ck_assert_uint_eq(pkt.len, n);
		ck_assert(pair_sums_are_right(ip));
		ck_assert_mem_eq(ip + header, was + header, n - header);
		ck_assert_mem_eq(ip + (family == ADDR_V4 ? 12 : 8),
		    was + (family == ADDR_V4 ? 12 : 8), family == ADDR_V4 ? 8 : 32);
		if (family == ADDR_V4) {
			ck_assert_uint_eq(ip[1], tos ^ 3);
			ck_assert_uint_eq(ip[8], 64);
			ck_assert_uint_eq(ip[9], proto);
		} else {
			ck_assert_uint_eq((ip[0] << 4 | ip[1] >> 4) & 0xff, tos ^ 3);
			ck_assert_uint_eq(ip[6], proto);
			ck_assert_uint_eq(ip[7], 64);
		}
	}
	pair_fini(&p);
}
END_TEST

/* As a segment of a train lies: nothing before and behind it is its own. */
START_TEST(no_room_in_front)
{
	enum addr_family family = _i % 2 ? ADDR_V6 : ADDR_V4;
	size_t header = family == ADDR_V4 ? 20 : 40;
	struct pair_options o = options(family);
	struct rng r = {(uint64_t)_i + 9};
	struct esp_shape s;
	uint8_t was[300];
	struct pair p;

	o.suite = (size_t)_i / 2;
	esp_shape_of(pair_suites[o.suite].encr, pair_suites[o.suite].integ, &s);
	pair_init(&p, &o);
	for (size_t n = header; n < 200; n++)
		for (uint32_t front = 0; front < 40; front += 4) {
			struct pkt pkt = packet(&r, family, 17, n);
			memcpy(was, buf + pkt.off, n);
			ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
			uint8_t *exact = malloc(front + pkt.len);
			ck_assert_ptr_nonnull(exact);
			memcpy(exact + front, pkt.base + pkt.off, pkt.len);
			struct pkt tight = {
			    .base = exact, .cap = front + pkt.len, .off = front, .len = pkt.len};
			bool fits = front + pkt.len >= n;
			ck_assert(fits || family == ADDR_V6);
			ck_assert_int_eq(pair_decap(&p, &tight), fits ? ESP_V_OK : ESP_V_NO_ROOM);
			if (fits) {
				ck_assert_uint_eq(tight.len, n);
				ck_assert_mem_eq(
				    exact + tight.off + header, was + header, n - header);
			}
			free(exact);
		}
	pair_fini(&p);
}
END_TEST

/* ---- Behind a NAT ---- */

START_TEST(checksums_are_repaired)
{
	REQ("3948-3.1.2-1");
	enum addr_family family = _i % 2 ? ADDR_V6 : ADDR_V4;
	struct pair_options o = options(family);
	struct rng r = {(uint64_t)_i + 9};
	struct esp_transport t = plain(family);
	struct pair p;

	/* The peer's address or ours is another one here, or both. */
	for (unsigned i = 0; i < 16; i++) {
		if (_i / 2 != 1)
			t.src.b[i] = family == ADDR_V6 || i < 4 ? (uint8_t)rng_u32(&r) : 0;
		if (_i / 2 != 0)
			t.dst.b[i] = family == ADDR_V6 || i < 4 ? (uint8_t)rng_u32(&r) : 0;
	}
	struct ts_list here = {0}, there = {0};
	struct ts src = ts_host(&t.src), dst = ts_host(&t.dst);
	ts_list_add(&here, &src);
	ts_list_add(&there, &dst);
	o.transport = t;
	o.here = &here;
	o.there = &there;
	pair_init(&p, &o);
	struct esp_policy all = {.action = ESP_PROTECT,
	    .slot = p.slot,
	    .local = ts_any(family),
	    .remote = ts_any(family)};
	ck_assert_int_eq(esp_spd_set(p.left, &all, 1), ESP_OK);
	for (unsigned i = 0; i < 2000; i++) {
		size_t n = 48 + rng_below(&r, 200);
		uint8_t proto = protos[i % sizeof protos];
		struct pkt pkt = packet(&r, family, proto, n);
		uint8_t *ip = buf + pkt.off;
		size_t udp = family == ADDR_V4 ? 20 : 40;
		bool bare = proto == TS_PROTO_UDP && i % 3 == 0;
		if (bare)
			be16_store(ip + udp + 6, 0);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
		ip = pkt.base + pkt.off;
		ck_assert_mem_eq(
		    ip + (family == ADDR_V4 ? 12 : 8), t.src.b, family == ADDR_V4 ? 4 : 16);
		ck_assert_mem_eq(
		    ip + (family == ADDR_V4 ? 16 : 24), t.dst.b, family == ADDR_V4 ? 4 : 16);
		if (bare)
			ck_assert_uint_eq(be16_load(ip + udp + 6), 0);
		else if (family == ADDR_V6 || proto != TS_PROTO_ICMPV6) /* 58 on IPv4 is nothing */
			ck_assert_msg(pair_sums_are_right(ip), "protocol %u", proto);
	}
	pair_fini(&p);
}
END_TEST

/* A sum that becomes 0 by the repair is sent as 0xffff: 0 would say that there is none. */
START_TEST(zero_of_udp)
{
	struct pair_options o = options(ADDR_V4);
	unsigned zeros = 0;
	struct pair p;

	o.transport.sent_src = addr_v4(0x0a010000);
	pair_init(&p, &o);
	for (unsigned i = 0; i < 65536; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 30);
		be16_store(buf + pkt.off + 28, (uint16_t)i);
		/* Right for the address that it was sent from. */
		be16_store(buf + pkt.off + 14, 0);
		pair_set_sums(buf + pkt.off);
		be16_store(buf + pkt.off + 14, 0x0203);
		if (pair_encap(&p, &pkt) != ESP_V_OK || pair_decap(&p, &pkt) != ESP_V_OK)
			ck_abort_msg("packet %u", i);
		if (be16_load(pkt.base + pkt.off + 26) == 0)
			ck_abort_msg("packet %u has no sum", i);
		if (!pair_sums_are_right(pkt.base + pkt.off))
			ck_abort_msg("packet %u has a wrong sum", i);
		zeros += be16_load(pkt.base + pkt.off + 26) == UINT16_MAX;
	}
	ck_assert_uint_gt(zeros, 0);
	pair_fini(&p);
}
END_TEST

START_TEST(who_has_it)
{
	struct pair_options o = options(ADDR_V4);
	struct pair p;

	pair_init(&p, &o);
	ck_assert(esp_has_transport(p.right));
	ck_assert(!esp_has_transport(p.left)); /* outbound alone */
	esp_in_del(p.right, p.spi);
	ck_assert(!esp_has_transport(p.right));
	pair_fini(&p);
	o = (struct pair_options){.window = 64};
	pair_init(&p, &o);
	ck_assert(!esp_has_transport(p.right));
	struct ts_list none = {0};
	struct esp_in_params in = {.spi = esp_spi_get(p.right),
	    .headers = {.mode = ESP_TRANSPORT},
	    .keys = pair_keys(0, false),
	    .local_ts = &none,
	    .remote_ts = &none};
	ck_assert_int_eq(esp_in_add(p.right, &in), ESP_EINVAL); /* no addresses */
	pair_fini(&p);
}
END_TEST

/* ---- What stays in front, and what is not protected ---- */

START_TEST(fragments_are_not)
{
	static const uint16_t fields[] = {0x2000, 0x0001, 0x3fff, 0x1000};
	struct pair_options o = options(ADDR_V4);
	struct esp_stats st;
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 4; i++) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
		be16_store(buf + pkt.off + 6, fields[i]);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_TRANSPORT);
	}
	ck_assert(esp_out_stats(p.left, p.slot, &st));
	ck_assert_uint_eq(st.drops[ESP_V_TRANSPORT], 4);
	ck_assert_uint_eq(st.seq, 0);
	pair_fini(&p);
}
END_TEST

START_TEST(options_end_here)
{
	struct pair_options o = options(ADDR_V4);
	uint8_t was[100];
	struct pair p;

	pair_init(&p, &o);
	for (size_t options = 4; options <= 40; options += 4) {
		struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
		uint8_t *ip = buf + pkt.off;
		ip[0] = (uint8_t)(0x45 + options / 4);
		memset(ip + 20, 1, options);
		memcpy(was, ip, sizeof was);
		ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
		ck_assert_uint_eq(pkt.len, 100 - options);
		ck_assert_mem_eq(pkt.base + pkt.off + 20, was + 20 + options, 80 - options);
	}
	pair_fini(&p);
}
END_TEST

/* Extension headers in front of UDP: which end here, which travel. Each of 8 bytes. */
static const struct {
	uint8_t chain[4], n;
	uint16_t fragment;
	uint8_t segments_left;
	uint8_t stay; /* headers that travel */
	enum esp_verdict want;
} chains[] = {
    {{0}, 1, 0, 0, 0, ESP_V_OK},
    {{60}, 1, 0, 0, 1, ESP_V_OK},
    {{43}, 1, 0, 0, 0, ESP_V_OK},
    {{43}, 1, 0, 1, 0, ESP_V_TRANSPORT},
    {{44}, 1, 0, 0, 0, ESP_V_OK}, /* the only fragment is whole */
    {{44}, 1, 1, 0, 0, ESP_V_TRANSPORT},
    {{44}, 1, 8, 0, 0, ESP_V_TRANSPORT},
    {{0, 43, 44, 60}, 4, 0, 0, 1, ESP_V_OK},
    {{0, 60, 44}, 3, 0, 0, 2, ESP_V_OK},
    {{0, 60, 44}, 3, 8, 0, 0, ESP_V_TRANSPORT},
    {{0, 60, 43}, 3, 0, 0, 2, ESP_V_OK},
};

START_TEST(extension_headers)
{
	struct pair_options o = options(ADDR_V6);
	uint8_t was[200];
	struct pair p;

	pair_init(&p, &o);
	struct pkt pkt = pair_packet(buf, ADDR_V6, 200);
	uint8_t *ip = buf + pkt.off;
	ip[6] = chains[_i].chain[0];
	for (unsigned i = 0; i < chains[_i].n; i++) {
		uint8_t *h = ip + 40 + 8 * (size_t)i;
		memset(h, 0, 8);
		h[0] = i + 1 < chains[_i].n ? chains[_i].chain[i + 1] : TS_PROTO_UDP;
		if (chains[_i].chain[i] == 43)
			h[3] = chains[_i].segments_left;
		if (chains[_i].chain[i] == 44)
			be16_store(h + 2, chains[_i].fragment);
	}
	memcpy(was, ip, sizeof was);
	ck_assert_int_eq(pair_encap(&p, &pkt), chains[_i].want);
	if (chains[_i].want == ESP_V_OK) {
		size_t gone = 8 * (size_t)(chains[_i].n - chains[_i].stay);
		ck_assert_int_eq(pair_decap(&p, &pkt), ESP_V_OK);
		ck_assert_uint_eq(pkt.len, 200 - gone);
		ck_assert_mem_eq(pkt.base + pkt.off + 40, was + 40 + gone, 160 - gone);
	}
	pair_fini(&p);
}
END_TEST

/* A peer that protects a part of a packet: nothing could be told of the rest. */
START_TEST(fragments_from_a_peer)
{
	enum { SUITE = 4, AT = 64, LOAD = 18, TEXT = LOAD + ESP_TRAILER_LEN };
	struct pair_options o = options(ADDR_V6);
	struct esp_keys k = pair_keys(SUITE, false);
	struct esp_crypto_keys keys = {k.encr, k.integ, k.encr_key, k.integ_key, false};
	struct esp_provider *provider = esp_provider_new(NULL, ESP_ENGINE_AUTO, 1);
	struct esp_crypto *c;
	struct pair p;

	o.suite = SUITE;
	pair_init(&p, &o);
	ck_assert_int_eq(esp_crypto_new(provider, &keys, true, &c), ESP_CRYPTO_OK);
	static const uint16_t fields[] = {0, 1, 8, 9};
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t *esp = buf + AT;
		memset(esp, 0, ESP_HDR_LEN + TEXT);
		be32_store(esp, p.spi);
		be32_store(esp + 4, i + 1);
		esp[ESP_HDR_LEN] = TS_PROTO_UDP;
		be16_store(esp + ESP_HDR_LEN + 2, fields[i]);
		esp[ESP_HDR_LEN + TEXT - 1] = 44;
		ck_assert_int_eq(seal_one(provider, c, esp, TEXT, 0), ESP_CRYPTO_OK);
		struct pkt pkt = {
		    .base = buf, .cap = sizeof buf, .off = AT, .len = ESP_HDR_LEN + TEXT + 16};
		ck_assert_int_eq(pair_decap(&p, &pkt), fields[i] ? ESP_V_TRANSPORT : ESP_V_OK);
	}
	esp_crypto_free(c);
	esp_provider_free(provider);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_transport");
	TCase *t = tcase_create("transport");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, round_trip, 0, 2 * (int)pair_suites_n);
	tcase_add_loop_test(t, no_room_in_front, 0, 2 * (int)pair_suites_n);
	tcase_add_loop_test(t, checksums_are_repaired, 0, 6);
	tcase_add_test(t, zero_of_udp);
	tcase_add_test(t, who_has_it);
	tcase_add_test(t, fragments_are_not);
	tcase_add_test(t, fragments_from_a_peer);
	tcase_add_test(t, options_end_here);
	tcase_add_loop_test(t, extension_headers, 0, (int)(sizeof chains / sizeof chains[0]));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

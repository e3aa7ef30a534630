/*
 * Building: bytes as RFC 7296 draws them, round trips through the parser, every size of buffer.
 */
#include "ike/wire/build.h"
#include "test/unit/ike_raw.h"
#include "test/unit/req.h"

static struct raw r;
static struct ike_msg m;
static struct ike_build b;
static uint8_t buf[RAW_MAX];

static const struct ike_hdr hdr = {
    .spi_i = 0x1111111111111111,
    .exchange = IKE_EXCHANGE_SA_INIT,
    .flags = IKE_FLAG_INITIATOR,
    .next = 99, /* ignored, as version and length */
    .major = 7,
    .length = 1,
};

static struct proposal proposal(enum sa_proto proto, const char *text)
{
	struct proposal p;
	char why[128];

	ck_assert_msg(proposal_parse(&p, proto, text, why, sizeof why), "%s", why);
	p.number = 1;
	return p;
}

/* A whole IKE_SA_INIT request, built, equals the one that was written by hand. */
static struct bytes build_init(size_t cap)
{
	struct proposal_list l = {.n = 1};
	uint8_t ke[32], nonce[32], hash[20];

	l.v[0] = proposal(SA_IKE, "aes128-prfsha256-sha256-x25519");
	/* The order of the hand-written one. */
	l.v[0].n = 4;
	l.v[0].t[0] = (struct transform){TRANSFORM_ENCR, ENCR_AES_CBC, 128};
	l.v[0].t[1] = (struct transform){TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0};
	l.v[0].t[2] = (struct transform){TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0};
	l.v[0].t[3] = (struct transform){TRANSFORM_KE, KE_CURVE25519, 0};
	ike_build_begin(&b, buf, cap, &hdr);
	ike_build_sa(&b, &l);
	ike_build_ke(&b, KE_CURVE25519,
	    hex_to(ke, 32, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
	ike_build_nonce(&b, hex_to(nonce, 32, RAW_NONCE));
	ike_build_notify(&b, IKE_N_NAT_DETECTION_SOURCE_IP,
	    hex_to(hash, 20, "000102030405060708090a0b0c0d0e0f10111213"));
	ike_build_vendor(&b, text_bytes("vendor"));
	return ike_build_finish(&b);
}

START_TEST(init_request)
{
	REQ("7296-2.5-7", "7296-3.1-4", "7296-3.1-7", "7296-3.1-9", "7296-3.1-12", "7296-3.2-4");
	REQ("7296-3.2-6", "7296-3.3.1-1", "7296-3.3.1-5", "7296-3.3.2-1", "7296-3.3.5-1",
	    "7296-3.3.5-3");
	raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
	raw_hex(&r, IKE_PLD_SA, RAW_SA);
	raw_hex(&r, IKE_PLD_KE, RAW_KE);
	raw_hex(&r, IKE_PLD_NONCE, RAW_NONCE);
	raw_hex(&r, IKE_PLD_NOTIFY, RAW_NOTIFY);
	raw_add(&r, IKE_PLD_VENDOR, 0, text_bytes("vendor"));
	struct bytes msg = build_init(sizeof buf);
	ck_assert_bytes(msg, raw_message(&r));
	ck_assert_int_eq(ike_msg_parse(&m, msg), IKE_OK);
	ck_assert_int_eq(ike_msg_check(&m, IKE_RULES_INIT_REQ), IKE_OK);
}
END_TEST

START_TEST(every_buffer_size)
{
	size_t need = build_init(sizeof buf).n;

	for (size_t cap = 0; cap < need; cap++) {
		memset(buf, 0xee, sizeof buf);
		ck_assert_uint_eq(build_init(cap).n, 0);
		for (size_t i = cap; i < need; i++) {
			ck_assert_uint_eq(buf[i], 0xee);
		}
	}
	ck_assert_uint_eq(build_init(need).n, need);
}
END_TEST

START_TEST(only_a_header)
{
	ike_build_begin(&b, buf, sizeof buf, &hdr);
	struct bytes msg = ike_build_finish(&b);
	ck_assert_uint_eq(msg.n, IKE_HDR_LEN);
	ck_assert_int_eq(ike_msg_parse(&m, msg), IKE_OK);
	ck_assert_uint_eq(m.payloads, 0);
}
END_TEST

/* An SK payload that nobody encrypted must not leave. */
START_TEST(unsealed_is_empty)
{
	ike_build_begin(&b, buf, sizeof buf, &hdr);
	ike_build_sk(&b, 8);
	ike_build_vendor(&b, text_bytes("secret"));
	ck_assert_uint_eq(ike_build_finish(&b).n, 0);
	ike_build_begin(&b, buf, sizeof buf, &hdr);
	ck_assert(!ike_build_sk_close(&b, 1, 16)); /* closed without having been opened */
}
END_TEST

START_TEST(sk_layout)
{
	REQ("7296-3.14-4", "7296-3.14-5");
	static const size_t blocks[] = {1, 8, 16};

	for (size_t n = 0; n < 40; n++) {
		size_t block = blocks[_i], inside = n == 0 ? 0 : 4 + n;
		static const uint8_t text[64];
		ike_build_begin(&b, buf, sizeof buf, &hdr);
		ike_build_sk(&b, 8);
		if (n > 0) {
			ike_build_vendor(&b, bytes_of(text, n));
		}
		ck_assert(ike_build_sk_close(&b, block, 16));
		size_t text_n = b.w.len - b.text_at - 16;
		ck_assert_uint_eq(text_n % block, 0);
		ck_assert_uint_eq(buf[b.w.len - 17] + 1 + inside, text_n);
		ck_assert_uint_lt(buf[b.w.len - 17], block);
		ck_assert_int_eq(ike_msg_parse(&m, bytes_of(buf, b.w.len)), IKE_OK);
		ck_assert_uint_eq(m.sk.at, b.sk_at);
		ck_assert_uint_eq(m.sk.next, n == 0 ? 0 : IKE_PLD_VENDOR);
		ck_assert_uint_eq(m.sk.body.n, 8 + text_n + 16);
	}
}
END_TEST

/* What goes inside IKE_AUTH and INFORMATIONAL, read back. */
START_TEST(round_trip_inside)
{
	struct proposal esp = proposal(SA_ESP, "aes128gcm16-esn-noesn");
	struct ts_list tsi = {0}, tsr = {0};
	const uint32_t spis[] = {0xc0000001, 0xc0000002};
	struct ident id;
	struct ts t;

	esp.spi_n = 4;
	be32_store(esp.spi, 0xdeadbeef);
	ck_assert(ident_parse(&id, "moon@example.org"));
	ck_assert(ts_parse(&t, "10.1.0.0/16[tcp/443]") && ts_list_add(&tsi, &t));
	ck_assert(ts_parse(&t, "2001:db8::/64") && ts_list_add(&tsi, &t));
	ck_assert(ts_parse(&t, "10.2.0.0/16[tcp/opaque]") && ts_list_add(&tsr, &t));
	ike_build_begin(&b, buf, sizeof buf, &hdr);
	ike_build_id(&b, IKE_PLD_IDI, &id);
	ike_build_id(&b, IKE_PLD_IDR, &id);
	ike_build_auth(&b, IKE_AUTH_PSK, text_bytes("mac"));
	ike_build_sa_one(&b, &esp);
	ike_build_ts(&b, IKE_PLD_TSI, &tsi);
	ike_build_ts(&b, IKE_PLD_TSR, &tsr);
	ike_build_notify_spi(&b, IKE_N_REKEY_SA, SA_ESP, 0x01020304, bytes_of("", 0));
	ike_build_delete_ike(&b);
	ike_build_delete_esp(&b, spis, 2);
	ck_assert_int_eq(ike_msg_parse(&m, ike_build_finish(&b)), IKE_OK);

	uint8_t body[IDENT_MAX + 4];
	size_t body_n = ike_build_id_body(body, sizeof body, &id);
	ck_assert_bytes(m.idi.body, bytes_of(body, body_n));
	ck_assert_bytes(m.idr.data, text_bytes("moon@example.org"));
	ck_assert_uint_eq(m.idi.type, IDENT_RFC822_ADDR);
	ck_assert_uint_eq(ike_build_id_body(body, 5, &id), 0);
	ck_assert_bytes(m.auth.data, text_bytes("mac"));
	ck_assert_uint_eq(m.sa.n, 1);
	ck_assert_uint_eq(m.sa.v[0].n, esp.n);
	ck_assert_mem_eq(m.sa.v[0].spi, "\xde\xad\xbe\xef", 4);
	for (size_t i = 0; i < esp.n; i++) {
		ck_assert(transform_equal(m.sa.v[0].t[i], esp.t[i]));
	}
	ck_assert(ts_list_equal(&m.tsi, &tsi));
	ck_assert(ts_list_equal(&m.tsr, &tsr));
	ck_assert_uint_eq(be32_load(ike_msg_notify(&m, IKE_N_REKEY_SA)->spi.p), 0x01020304);
	ck_assert_uint_eq(m.del_n, 2);
	ck_assert_uint_eq(m.del[0].proto, SA_IKE);
	ck_assert_uint_eq(m.del[1].n, 2);
	ck_assert_uint_eq(be32_load(m.del[1].spis.p + 4), 0xc0000002);
}
END_TEST

/* The longest lists that we hold go out and come back whole. */
START_TEST(round_trip_full_lists)
{
	struct proposal_list l = {.n = PROPOSAL_MAX};
	struct ts_list ts = {.n = TS_MAX};

	for (size_t i = 0; i < PROPOSAL_MAX; i++) {
		l.v[i] = (struct proposal){
		    .number = (uint8_t)(i + 1), .proto = SA_IKE, .n = PROPOSAL_TRANSFORMS};
		for (size_t j = 0; j < PROPOSAL_TRANSFORMS; j++) {
			l.v[i].t[j] = (struct transform){(uint8_t)(1 + j % 5), (uint16_t)(j * 100),
			    (uint16_t)(j % 5 == 0 ? 128 : 0)};
		}
	}
	for (size_t i = 0; i < TS_MAX; i++) {
		struct addr a = addr_v4(0x0a000000 + (uint32_t)i);
		ts.v[i] = ts_host(&a);
	}
	ike_build_begin(&b, buf, sizeof buf, &hdr);
	ike_build_sa(&b, &l);
	ike_build_ts(&b, IKE_PLD_TSI, &ts);
	ck_assert_int_eq(ike_msg_parse(&m, ike_build_finish(&b)), IKE_OK);
	ck_assert_uint_eq(m.sa.n, l.n);
	for (size_t i = 0; i < l.n; i++) {
		ck_assert_uint_eq(m.sa.v[i].number, i + 1);
		ck_assert_uint_eq(m.sa.v[i].n, PROPOSAL_TRANSFORMS);
		for (size_t j = 0; j < PROPOSAL_TRANSFORMS; j++) {
			ck_assert(transform_equal(m.sa.v[i].t[j], l.v[i].t[j]));
		}
	}
	ck_assert(ts_list_equal(&m.tsi, &ts));
}
END_TEST

/* A payload beyond 65535 bytes is an error of the builder, not a length that wraps. */
START_TEST(too_long_for_its_length)
{
	static uint8_t big[70000], out[80000];

	ike_build_begin(&b, out, sizeof out, &hdr);
	ike_build_vendor(&b, bytes_of(big, 65535 - 4));
	ck_assert_uint_eq(ike_build_finish(&b).n, IKE_HDR_LEN + 65535);
	ike_build_begin(&b, out, sizeof out, &hdr);
	ike_build_vendor(&b, bytes_of(big, 65535 - 3));
	ck_assert_uint_eq(ike_build_finish(&b).n, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_wire_build");

	add_test(s, "IKE_SA_INIT request", init_request);
	add_test(s, "every buffer size", every_buffer_size);
	add_test(s, "only a header", only_a_header);
	add_test(s, "unsealed is empty", unsealed_is_empty);
	add_loop(s, "layout of SK", sk_layout, 3);
	add_test(s, "round trip inside", round_trip_inside);
	add_test(s, "round trip of full lists", round_trip_full_lists);
	add_test(s, "too long for its length", too_long_for_its_length);
	return run_suite(s);
}

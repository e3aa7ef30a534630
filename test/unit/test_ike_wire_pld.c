/*
 * One payload at a time: what each codec takes, what it refuses, what it lets go.
 */
#include "test/unit/ike_raw.h"
#include "test/unit/req.h"

static struct raw r;
static struct ike_msg m;

/* ---- Accepted or refused ---- */

struct row {
	uint8_t type;
	bool good;
	const char *body, *why;
};

/* clang-format off */
static const struct row rows[] = {
	{IKE_PLD_KE, true,  "001f0000" "00", "the length of a value is the group's affair"},
	{IKE_PLD_KE, true,  "0401ffff" "00", "a private group, reserved bytes set"},
	{IKE_PLD_KE, false, "001f0000", "no value"},
	{IKE_PLD_KE, false, "001f", "cut in its head"},
	{IKE_PLD_KE, false, "", "empty"},
	{IKE_PLD_NONCE, true,  "00112233445566778899aabbccddeeff", "16 bytes"},
	{IKE_PLD_NONCE, false, "00112233445566778899aabbccddee", "15 bytes"},
	{IKE_PLD_NONCE, false, "", "empty"},
	{IKE_PLD_IDI, true,  "02000000", "an identity of no bytes"},
	{IKE_PLD_IDI, true,  "ffabcdef00", "an unknown type, reserved bytes set"},
	{IKE_PLD_IDI, false, "020000", "cut in its head"},
	{IKE_PLD_IDR, false, "", "empty"},
	{IKE_PLD_AUTH, true,  "02000000", "no data: the method refuses it"},
	{IKE_PLD_AUTH, true,  "02abcdef00", "reserved bytes set"},
	{IKE_PLD_AUTH, false, "020000", "cut in its head"},
	{IKE_PLD_CERT, true,  "04", "an encoding alone"},
	{IKE_PLD_CERT, false, "", "empty"},
	{IKE_PLD_CERTREQ, false, "", "empty"},
	{IKE_PLD_CP, false, "010000", "cut in its head"},
	{IKE_PLD_EAP, false, "030100", "cut in its head"},
	{IKE_PLD_EAP, true,  "03010004", "Success"},

	{IKE_PLD_NOTIFY, true,  "00004000", "no SPI, no data"},
	{IKE_PLD_NOTIFY, true,  "0304400901020304", "an SPI, no data"},
	{IKE_PLD_NOTIFY, true,  "ff004000", "a protocol without an SPI is nothing"},
	{IKE_PLD_TSI, true,  "01abcdef" "070000100000ffff0a0000000a0000ff", "reserved bytes set"},
	{IKE_PLD_NOTIFY, false, "03044009010203", "the SPI goes beyond"},
	{IKE_PLD_NOTIFY, false, "00ff4000" "00", "an SPI of 255 bytes"},
	{IKE_PLD_NOTIFY, false, "000040", "cut in its head"},

	{IKE_PLD_DELETE, true,  "01000000", "the IKE SA"},
	{IKE_PLD_DELETE, true,  "0304000101020304", "one ESP SA"},
	{IKE_PLD_DELETE, true,  "03040000", "none"},
	{IKE_PLD_DELETE, true,  "0902000101ff", "a protocol that we do not know"},
	{IKE_PLD_DELETE, false, "03040002" "01020304", "fewer SPIs than told"},
	{IKE_PLD_DELETE, false, "03040001" "0102030405060708", "more SPIs than told"},
	{IKE_PLD_DELETE, false, "0304ffff" "01020304", "65535 SPIs"},
	{IKE_PLD_DELETE, false, "03000001", "ESP without an SPI size"},
	{IKE_PLD_DELETE, false, "03080001" "0102030405060708", "ESP with SPIs of 8 bytes"},
	{IKE_PLD_DELETE, false, "01080001" "0102030405060708", "the IKE SA by SPI"},
	{IKE_PLD_DELETE, false, "0304", "cut in its head"},

	{IKE_PLD_TSI, true,  "02000000" "070000100000ffff0a0000000a0000ff" "0706001001bb01bb0a0000010a000001", "two of IPv4"},
	{IKE_PLD_TSI, true,  "01000000" "080000280000ffff" "20010db8000000000000000000000000" "20010db800000000ffffffffffffffff", "IPv6"},
	{IKE_PLD_TSI, true,  "01000000" "07060010ffff0000" "0a0000000a0000ff", "OPAQUE"},
	{IKE_PLD_TSI, true,  "01abcdef" "09000008" "00000000" , "an unknown type alone: the list stays empty"},
	{IKE_PLD_TSI, false, "00000000" "070000100000ffff0a0000000a0000ff", "no selector told"},
	{IKE_PLD_TSI, false, "00000000", "no selector"},
	{IKE_PLD_TSI, false, "02000000" "070000100000ffff0a0000000a0000ff", "fewer than told"},
	{IKE_PLD_TSI, false, "01000000" "070000100000ffff0a0000000a0000ff" "00", "a byte behind"},
	{IKE_PLD_TSI, false, "01000000" "070000100000ffff0a0000ff0a000000", "ends before it begins"},
	{IKE_PLD_TSI, false, "01000000" "0706001001bb01ba0a0000000a0000ff", "ports end before they begin"},
	{IKE_PLD_TSI, false, "01000000" "070000000000ffff0a0000000a0000ff", "length 0"},
	{IKE_PLD_TSI, false, "01000000" "070000010000ffff0a0000000a0000ff", "length 1"},
	{IKE_PLD_TSI, false, "01000000" "070000030000ffff0a0000000a0000ff", "length 3"},
	{IKE_PLD_TSI, false, "01000000" "070000040000ffff0a0000000a0000ff", "length 4"},
	{IKE_PLD_TSI, false, "01000000" "0700000f0000ffff0a0000000a0000ff", "length 15"},
	{IKE_PLD_TSI, false, "01000000" "070000110000ffff0a0000000a0000ff", "length 17"},
	{IKE_PLD_TSI, false, "01000000" "070000110000ffff0a0000000a0000ff" "00", "length 17, and the byte is there"},
	{IKE_PLD_TSI, false, "01000000" "0700ffff0000ffff0a0000000a0000ff", "length 65535"},
	{IKE_PLD_TSI, false, "01000000" "080000100000ffff0a0000000a0000ff", "IPv6 with the length of IPv4"},
	{IKE_PLD_TSI, false, "01000000" "0900ffff00000000", "an unknown type beyond the payload"},
	{IKE_PLD_TSI, false, "01000000" "0900000300000000", "an unknown type of length 3"},
	{IKE_PLD_TSR, false, "01000000" "07000010", "cut in a selector"},

	{IKE_PLD_SA, true,  RAW_SA, "IKE"},
	{IKE_PLD_SA, true,  RAW_SA_ESP, "ESP"},
	{IKE_PLD_SA, true,  RAW_SA_REKEY, "IKE with an SPI"},
	{IKE_PLD_SA, true,  "00000008" "01010000", "no transform: cannot be chosen"},
	{IKE_PLD_SA, true,  "0000000a" "01630200" "beef", "a protocol that we do not know"},
	{IKE_PLD_SA, false, "0200002c" "01010004" "0300000c0100000c800e0080" "0300000802000005" "030000080300000c" "000000080400001f", "more proposals told"},
	{IKE_PLD_SA, false, "0100002c" "01010004" "0300000c0100000c800e0080" "0300000802000005" "030000080300000c" "000000080400001f", "neither last nor more"},
	{IKE_PLD_SA, false, "0000002c" "01010003" "0300000c0100000c800e0080" "0300000802000005" "030000080300000c" "000000080400001f", "one transform more than told"},
	{IKE_PLD_SA, false, "0000002c" "01010005" "0300000c0100000c800e0080" "0300000802000005" "030000080300000c" "000000080400001f", "one transform fewer than told"},
	{IKE_PLD_SA, false, "0000002c" "01010004" "0300000c0100000c800e0080" "0300000802000005" "030000080300000c" "030000080400001f", "the last transform says more"},
	{IKE_PLD_SA, false, "0000002c" "01010004" "0000000c0100000c800e0080" "0300000802000005" "030000080300000c" "000000080400001f", "the first transform says last"},
	{IKE_PLD_SA, false, RAW_SA "00", "a byte behind"},
	{IKE_PLD_SA, false, "0000002d" "01010004" "0300000c0100000c800e0080" "0300000802000005" "030000080300000c" "000000080400001f" "00", "a byte behind the last transform"},
	{IKE_PLD_SA, false, "00000018" "01010001" "0000000802000005" "0000000802000005", "a whole transform behind the last"},
	{IKE_PLD_SA, false, "00000008" "0103ff00", "an SPI of 255 bytes"},
	{IKE_PLD_SA, false, "0000000c" "01010400" "01020304", "IKE with an SPI of 4 bytes"},
	{IKE_PLD_SA, false, "00000008" "01030000", "ESP without an SPI"},
	{IKE_PLD_SA, false, "00000010" "01030800" "0102030405060708", "ESP with an SPI of 8 bytes"},
	{IKE_PLD_SA, false, "00000014" "01010001" "0000000c0100000c800e00", "cut in an attribute"},
	{IKE_PLD_SA, false, "00000014" "01010001" "0000000c0100000c000e0001", "an attribute longer than its transform"},
	{IKE_PLD_SA, false, "00000012" "01010001" "0000000a0100000c800e", "half an attribute"},
	{IKE_PLD_SA, false, "", "empty"},
};
/* clang-format on */

START_TEST(accepted_or_refused)
{
	REQ("7296-3.5-2", "7296-3.8-3", "7296-3.10-3", "7296-3.11-2", "7296-3.11-3", "7296-3.13-1");
	REQ("7296-3.3-2");
	const struct row *row = &rows[_i];
	enum ike_err err = raw_parse_one(&m, row->type, row->body);

	ck_assert_msg(err == (row->good ? IKE_OK : IKE_ESYNTAX), "%s: %s: %d",
	    ike_payload_name(row->type), row->why, err);
	if (!row->good) {
		ck_assert_uint_eq(m.fault.payload, row->type);
		ck_assert_ptr_nonnull(m.fault.what);
	}
}
END_TEST

/* Every payload that we know, cut to each length below the good one: refused or read, but in
 * bounds. */
START_TEST(cut_bodies)
{
	uint8_t type = (uint8_t)(IKE_PLD_SA + _i), body[512];
	struct bytes whole = hex_to(body, sizeof body, raw_good(type));

	for (size_t n = 0; n < whole.n; n++) {
		uint8_t *exact = malloc(IKE_HDR_LEN + 4 + n);
		raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
		raw_add(&r, type, 0, bytes_of(body, n));
		struct bytes msg = raw_message(&r);
		memcpy(exact, msg.p, msg.n);
		enum ike_err err = ike_msg_parse(&m, bytes_of(exact, msg.n));
		ck_assert(err == IKE_OK || err == IKE_ESYNTAX);
		if (type == IKE_PLD_SA || type == IKE_PLD_TSI || type == IKE_PLD_TSR ||
		    type == IKE_PLD_DELETE) {
			ck_assert_int_eq(err, IKE_ESYNTAX);
		}
		free(exact);
	}
}
END_TEST

START_TEST(nonce_sizes)
{
	REQ("7296-3.9-1");
	static const uint8_t nonce[300];

	for (size_t n = 0; n < sizeof nonce; n++) {
		raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
		raw_add(&r, IKE_PLD_NONCE, 0, bytes_of(nonce, n));
		bool good = n >= IKE_NONCE_MIN && n <= IKE_NONCE_MAX;
		ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), good ? IKE_OK : IKE_ESYNTAX);
	}
}
END_TEST

/* ---- What is read ---- */

START_TEST(simple_views)
{
	uint8_t want[64];

	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_KE, RAW_KE), IKE_OK);
	ck_assert_uint_eq(m.ke.group, KE_CURVE25519);
	ck_assert_uint_eq(m.ke.value.n, 32);
	ck_assert_uint_eq(m.ke.value.p[31], 0x1f);
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_IDR, RAW_ID), IKE_OK);
	ck_assert_uint_eq(m.idr.type, 2);
	ck_assert_bytes(m.idr.data, text_bytes("moon"));
	ck_assert_bytes(m.idr.body, hex_to(want, sizeof want, RAW_ID));
	ck_assert(!ike_msg_has(&m, IKE_PLD_IDI));
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_AUTH, RAW_AUTH), IKE_OK);
	ck_assert_uint_eq(m.auth.method, IKE_AUTH_PSK);
	ck_assert_uint_eq(m.auth.data.n, 16);
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_CERTREQ, RAW_CERT), IKE_OK);
	ck_assert_uint_eq(m.certreq_n, 1);
	ck_assert_uint_eq(m.cert_n, 0);
	ck_assert_uint_eq(m.certreq[0].n, 5);
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_EAP, RAW_EAP), IKE_OK);
	ck_assert_uint_eq(m.eap.n, 4);
	ck_assert_uint_eq(m.cp.n, 0);
}
END_TEST

START_TEST(notify_and_delete)
{
	REQ("7296-3.10.1-3");
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_NOTIFY, "03044009c1c2c3c4aabb"), IKE_OK);
	const struct ike_notify *n = ike_msg_notify(&m, IKE_N_REKEY_SA);
	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(n->proto, SA_ESP);
	ck_assert_uint_eq(be32_load(n->spi.p), 0xc1c2c3c4);
	ck_assert_bytes(n->data, bytes_of("\xaa\xbb", 2));

	/* Unknown statuses mean nothing, however many; unknown errors are errors. */
	raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_RESPONSE);
	for (int i = 0; i < IKE_PAYLOADS_MAX - 1; i++) {
		raw_hex(&r, IKE_PLD_NOTIFY, "0000f000");
	}
	raw_hex(&r, IKE_PLD_NOTIFY, "00001fff");
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.notify_n, 1);
	ck_assert_uint_eq(ike_msg_error(&m)->type, 0x1fff);

	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_DELETE, RAW_DELETE), IKE_OK);
	ck_assert_uint_eq(m.del_n, 1);
	ck_assert_uint_eq(m.del[0].proto, SA_ESP);
	ck_assert_uint_eq(m.del[0].n, 2);
	ck_assert_uint_eq(be32_load(m.del[0].spis.p + 4), 0x05060708);
}
END_TEST

START_TEST(selectors)
{
	REQ("7296-3.13.1-4");
	char t[TS_TEXT];

	ck_assert_int_eq(
	    raw_parse_one(&m, IKE_PLD_TSR,
		"03000000"
		"0706001001bb01bb0a0000000a0000ff"
		"0900000c0000000000000000"
		"083a00280000ffff20010db800000000000000000000000020010db800000000ffffffffffffffff"),
	    IKE_OK);
	ck_assert_uint_eq(m.tsi.n, 0);
	ck_assert_uint_eq(m.tsr.n, 2);
	ck_assert_str_eq(ts_text(&m.tsr.v[0], t), "10.0.0.0/24[tcp/443]");
	ck_assert_uint_eq(m.tsr.v[1].lo.family, ADDR_V6);
	ck_assert_uint_eq(m.tsr.v[1].proto, TS_PROTO_ICMPV6);

	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_TSI,
			     "01000000"
			     "07060010ffff00000a0000000a0000ff"),
	    IKE_OK);
	ck_assert(ts_is_opaque(&m.tsi.v[0]));
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_TSI,
			     "01000000"
			     "0900000800000000"),
	    IKE_OK);
	ck_assert(ike_msg_has(&m, IKE_PLD_TSI));
	ck_assert_uint_eq(m.tsi.n, 0);
}
END_TEST

/* 255 selectors: those that fit are held. */
START_TEST(many_selectors)
{
	uint8_t body[4 + 255 * 16] = {255};

	for (size_t i = 0; i < 255; i++) {
		uint8_t *t = body + 4 + 16 * i;
		t[0] = 7;
		be16_store(t + 2, 16);
		be16_store(t + 6, 0xffff);
		be32_store(t + 8, 0x0a000000 + (uint32_t)i * 2);
		be32_store(t + 12, 0x0a000000 + (uint32_t)i * 2);
	}
	raw_begin(&r, IKE_EXCHANGE_AUTH, 0);
	raw_add(&r, IKE_PLD_TSI, 0, bytes_of(body, sizeof body));
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.tsi.n, TS_MAX);
}
END_TEST

/* ---- Proposals ---- */

START_TEST(proposals)
{
	char t[PROPOSAL_TEXT];

	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_SA,
			     "0200002c"
			     "01010004"
			     "0300000c0100000c800e0080"
			     "0300000802000005"
			     "030000080300000c"
			     "000000080400001f"
			     "00000034"
			     "02010804"
			     "3132333435363738"
			     "0300000c0100000c800e0100"
			     "0300000802000007"
			     "030000080300000e"
			     "000000080400000e"),
	    IKE_OK);
	ck_assert_uint_eq(m.sa.n, 2);
	ck_assert_str_eq(proposal_text(&m.sa.v[0], t, sizeof t), "aes128-prfsha256-sha256-x25519");
	ck_assert_uint_eq(m.sa.v[0].number, 1);
	ck_assert_uint_eq(m.sa.v[0].spi_n, 0);
	ck_assert_uint_eq(m.sa.v[1].number, 2);
	ck_assert_uint_eq(m.sa.v[1].spi_n, 8);
	ck_assert_mem_eq(m.sa.v[1].spi, "12345678", 8);
	ck_assert_uint_eq(m.sa.v[1].t[0].key_bits, 256);
	ck_assert(!m.sa.v[0].unknown && !m.sa.v[1].unknown);
}
END_TEST

/* RFC 7296 section 3.3.6: what we do not understand keeps a transform or a proposal out of the
 * choice. */
START_TEST(unknown_parts)
{
	REQ("7296-3.3-6", "7296-3.3.6-7");
	static const struct {
		const char *body;
		size_t held;
		bool unknown;
	} cases[] = {
	    /* additional key exchanges, types 6 to 12; type 13 */
	    {"00000028"
	     "01010004"
	     "0300000802000005"
	     "0300000806000024"
	     "0300000807000000"
	     "000000080c00001f",
		4, false},
	    {"00000018"
	     "01010002"
	     "0300000802000005"
	     "000000080d000024",
		1, true},
	    /* type 0, type 255 */
	    {"00000010"
	     "01010001"
	     "0000000800000001",
		0, true},
	    {"00000010"
	     "01010001"
	     "00000008ff000001",
		0, true},
	    /* an unknown id of a known type is held, and shown in logs */
	    {"00000010"
	     "01010001"
	     "0000000802001234",
		1, false},
	    /* an unknown attribute beside one transform of the type that is understood */
	    {"00000020"
	     "01010002"
	     "0300000c0100000c80110001"
	     "0000000c0100000c800e0080",
		1, false},
	    /* the same without another one */
	    {"00000014"
	     "01010001"
	     "0000000c0100000c80110001",
		0, true},
	    /* Key Length twice, in the long form, or zero */
	    {"00000018"
	     "01010001"
	     "000000100100000c800e0080800e0100",
		0, true},
	    {"00000016"
	     "01010001"
	     "0000000e0100000c000e00020080",
		0, true},
	    {"00000014"
	     "01010001"
	     "0000000c0100000c800e0000",
		0, true},
	    /* an unknown protocol */
	    {"0000000a"
	     "01630200"
	     "beef",
		0, true},
	    {"00000008"
	     "01000000",
		0, true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(
		    raw_parse_one(&m, IKE_PLD_SA, cases[i].body) == IKE_OK, "case %zu", i);
		ck_assert_uint_eq(m.sa.n, 1);
		ck_assert_msg(m.sa.v[0].n == cases[i].held && m.sa.v[0].unknown == cases[i].unknown,
		    "case %zu", i);
	}
}
END_TEST

/* Writes a proposal of `n` transforms, the i-th from `at(i)`. */
static void big_proposal(unsigned n, struct transform (*at)(unsigned i))
{
	uint8_t body[8 + 255 * 8] = {0};

	be16_store(body + 2, (uint16_t)(8 + 8 * n));
	body[4] = 1;
	body[5] = SA_IKE;
	body[7] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		uint8_t *t = body + 8 + 8 * i;
		t[0] = i + 1 < n ? 3 : 0;
		be16_store(t + 2, 8);
		t[4] = at(i).type;
		be16_store(t + 6, at(i).id);
	}
	raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
	raw_add(&r, IKE_PLD_SA, 0, bytes_of(body, 8 + 8 * n));
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.sa.n, 1);
}

/* 28 ciphers and 8 PRFs that nobody knows, and only then what we know. */
static struct transform late_known(unsigned i)
{
	static const struct transform known[] = {
	    {TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0},
	    {TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0},
	    {TRANSFORM_KE, KE_CURVE25519, 0},
	};

	if (i < 28) {
		return (struct transform){TRANSFORM_ENCR, (uint16_t)(1000 + i), 0};
	}
	return i < 36 ? (struct transform){TRANSFORM_PRF, (uint16_t)(1000 + i), 0} : known[i - 36];
}

/* Known ones up to the brim, and one more type that does not fit. */
static struct transform full_of_known(unsigned i)
{
	return i < PROPOSAL_TRANSFORMS ? (struct transform){TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0}
				       : (struct transform){TRANSFORM_KE, KE_CURVE25519, 0};
}

static struct transform any_unknown(unsigned i)
{
	return (struct transform){TRANSFORM_KE, (uint16_t)(2000 + i), 0};
}

START_TEST(many_transforms)
{
	struct proposal_list ours = {.n = 1};
	struct suite suite;
	char why[128];

	big_proposal(39, late_known);
	ck_assert_uint_eq(m.sa.v[0].n, PROPOSAL_TRANSFORMS);
	ck_assert(!m.sa.v[0].unknown);
	ck_assert(proposal_parse(
	    &ours.v[0], SA_IKE, "chacha20poly1305-prfsha256-x25519", why, sizeof why));
	struct proposal_choice c = {.offered = &m.sa, .allowed = &ours};
	ck_assert_int_eq(proposal_choose(&c, &suite), 0);

	big_proposal(PROPOSAL_TRANSFORMS + 1, full_of_known);
	ck_assert(m.sa.v[0].unknown); /* its KE was let go, so it must not look as if it had none */
	big_proposal(255, any_unknown);
	ck_assert_uint_eq(m.sa.v[0].n, PROPOSAL_TRANSFORMS);
}
END_TEST

/* CVE-2016-5391: no KE transform, or none at all: nothing is chosen. */
START_TEST(proposal_without_ke)
{
	REQ("7296-3.3.6-6");
	/* clang-format off */
	static const char *const bodies[] = {
		("00000024" "01010003" "0300000c0100000c800e0080" "0300000802000005" "000000080300000c"),
		("0000002c" "01010004" "0300000c0100000c800e0080" "0300000802000005" "030000080300000c" "0000000804000000"),
		("00000008" "01010000"),
	};
	/* clang-format on */
	struct proposal_list ours = {.n = 1};
	struct suite suite;
	char why[128];

	ck_assert(proposal_parse(&ours.v[0], SA_IKE, "aes128-sha256-x25519", why, sizeof why));
	struct proposal_choice c = {.offered = &m.sa, .allowed = &ours};
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_SA, RAW_SA), IKE_OK);
	ck_assert_int_eq(proposal_choose(&c, &suite), 0);
	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_SA, bodies[_i]), IKE_OK);
	ck_assert_int_eq(proposal_choose(&c, &suite), -1);
}
END_TEST

START_TEST(many_proposals)
{
	uint8_t body[8 * 200] = {0};

	for (size_t i = 0; i < 200; i++) {
		body[8 * i] = i < 199 ? 2 : 0;
		be16_store(body + 8 * i + 2, 8);
		body[8 * i + 4] = (uint8_t)(i + 1);
		body[8 * i + 5] = SA_IKE;
	}
	raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
	raw_add(&r, IKE_PLD_SA, 0, bytes_of(body, sizeof body));
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.sa.n, PROPOSAL_MAX);
	ck_assert_uint_eq(m.sa.v[PROPOSAL_MAX - 1].number, PROPOSAL_MAX);
}
END_TEST

START_TEST(many_attributes)
{
	uint8_t body[16 + 4 * (IKE_ATTRS_MAX + 1)] = {0};

	for (size_t n = 0; n <= IKE_ATTRS_MAX + 1; n++) {
		be16_store(body + 2, (uint16_t)(16 + 4 * n));
		memcpy(body + 4, "\1\1\0\1", 4);
		be16_store(body + 10, (uint16_t)(8 + 4 * n));
		body[12] = TRANSFORM_ENCR;
		for (size_t i = 0; i < n; i++) {
			be16_store(body + 16 + 4 * i, 0x8020);
		}
		raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
		raw_add(&r, IKE_PLD_SA, 0, bytes_of(body, 16 + 4 * n));
		ck_assert_int_eq(
		    ike_msg_parse(&m, raw_message(&r)), n <= IKE_ATTRS_MAX ? IKE_OK : IKE_ESYNTAX);
	}
}
END_TEST

/* Every length inside an SA payload, set to what it must not be. Offsets into RAW_SA_REKEY. */
START_TEST(lengths_in_proposals)
{
	REQ("7296-3.3-2");
	static const struct {
		size_t at;
		uint16_t good;
	} fields[] = {{2, 0x34}, {18, 12}, {30, 8}, {38, 8}, {46, 8}};
	uint8_t body[64];
	struct bytes b = hex_to(body, sizeof body, RAW_SA_REKEY);

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		const uint16_t bad[] = {0, 1, 7, 8, (uint16_t)(fields[i].good - 1),
		    (uint16_t)(fields[i].good + 1), 0xffff};
		for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
			be16_store(body + fields[i].at, bad[j]);
			raw_begin(&r, IKE_EXCHANGE_CREATE_CHILD, 0);
			raw_add(&r, IKE_PLD_SA, 0, b);
			enum ike_err want = bad[j] == fields[i].good ? IKE_OK : IKE_ESYNTAX;
			ck_assert_msg(ike_msg_parse(&m, raw_message(&r)) == want, "at %zu: %u",
			    fields[i].at, bad[j]);
		}
		be16_store(body + fields[i].at, fields[i].good);
	}
	for (unsigned n = 0; n < 256; n++) {
		body[6] = (uint8_t)n; /* SPI size */
		raw_begin(&r, IKE_EXCHANGE_CREATE_CHILD, 0);
		raw_add(&r, IKE_PLD_SA, 0, b);
		ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), n == 8 ? IKE_OK : IKE_ESYNTAX);
	}
}
END_TEST

/* Reserved octets inside an SA payload are as if they were zero. Offsets into RAW_SA_REKEY. */
START_TEST(reserved_in_proposals)
{
	REQ("7296-3.3.1-2", "7296-3.3.2-2");
	static const size_t reserved[] = {1, 17, 21, 29, 33, 37, 41, 45, 49};
	static struct proposal_list zero;
	uint8_t body[64];
	struct bytes b = hex_to(body, sizeof body, RAW_SA_REKEY);

	raw_begin(&r, IKE_EXCHANGE_CREATE_CHILD, 0);
	raw_add(&r, IKE_PLD_SA, 0, b);
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	zero = m.sa;
	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
		ck_assert_uint_eq(body[reserved[i]], 0);
		body[reserved[i]] = 0xff;
	}
	raw_begin(&r, IKE_EXCHANGE_CREATE_CHILD, 0);
	raw_add(&r, IKE_PLD_SA, 0, b);
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.sa.n, 1);
	ck_assert_uint_eq(m.sa.v[0].n, 4);
	ck_assert_mem_eq(&m.sa, &zero, sizeof zero);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_wire_pld");

	add_loop(s, "accepted or refused", accepted_or_refused, sizeof rows / sizeof rows[0]);
	add_loop(s, "cut bodies", cut_bodies, IKE_ROWS);
	add_test(s, "nonce sizes", nonce_sizes);
	add_test(s, "simple views", simple_views);
	add_test(s, "notify and delete", notify_and_delete);
	add_test(s, "selectors", selectors);
	add_test(s, "many selectors", many_selectors);
	add_test(s, "proposals", proposals);
	add_test(s, "unknown parts", unknown_parts);
	add_test(s, "many transforms", many_transforms);
	add_loop(s, "proposal without KE", proposal_without_ke, 3);
	add_test(s, "many proposals", many_proposals);
	add_test(s, "many attributes", many_attributes);
	add_test(s, "reserved in proposals", reserved_in_proposals);
	add_test(s, "lengths in proposals", lengths_in_proposals);
	return run_suite(s);
}

/*
 * The header and the chain of payloads: what a message is before any payload means something.
 */
#include "test/unit/ike_raw.h"
#include "test/unit/req.h"

static struct raw r;
static struct ike_msg m;
static char text[IKE_FAULT_TEXT];

/* Hex of whole messages: an IKE_SA_INIT request with SA, KE, Ni, two NAT detections, a vendor ID;
 * an answer that wants a cookie; an SK message. */
static struct bytes recorded(int which)
{
	static const uint8_t outer_sk[48];

	if (which == 0) {
		raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
		raw_hex(&r, IKE_PLD_SA, RAW_SA);
		raw_hex(&r, IKE_PLD_KE, RAW_KE);
		raw_hex(&r, IKE_PLD_NONCE, RAW_NONCE);
		raw_hex(&r, IKE_PLD_NOTIFY, RAW_NOTIFY);
		raw_hex(&r, IKE_PLD_NOTIFY, "00004005000102030405060708090a0b0c0d0e0f10111213");
		raw_hex(&r, IKE_PLD_VENDOR, "afcad71368a1f1c96b8696fc77570100");
	} else if (which == 1) {
		raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_RESPONSE);
		raw_hex(&r, IKE_PLD_NOTIFY, "000040060102030405");
	} else {
		raw_begin(&r, IKE_EXCHANGE_AUTH, IKE_FLAG_INITIATOR);
		raw_add(&r, IKE_PLD_SK, 0, bytes_of(outer_sk, sizeof outer_sk));
		r.b[IKE_HDR_LEN] = IKE_PLD_IDI;
	}
	return raw_message(&r);
}

enum { RECORDED = 3 };

START_TEST(header_fields)
{
	REQ("7296-2.5-1", "7296-3.1-8", "7296-3.1-9", "7296-3.1-12");
	struct ike_hdr h;
	struct bytes b = recorded(0);

	r.b[17] = 0x23;
	r.b[19] = IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE | 0xc7; /* reserved bits mean nothing */
	be32_store(r.b + 20, 0x01020304);
	ck_assert_int_eq(ike_hdr_parse(&h, b), IKE_OK);
	ck_assert_uint_eq(h.spi_i, 0x1111111111111111);
	ck_assert_uint_eq(h.spi_r, 0);
	ck_assert_uint_eq(h.next, IKE_PLD_SA);
	ck_assert_uint_eq(h.major, 2);
	ck_assert_uint_eq(h.minor, 3); /* a higher minor version is no error (section 2.5) */
	ck_assert_uint_eq(h.exchange, IKE_EXCHANGE_SA_INIT);
	ck_assert_uint_eq(h.msg_id, 0x01020304);
	ck_assert_uint_eq(h.length, b.n);
	ck_assert(ike_hdr_is_response(&h) && ike_hdr_from_initiator(&h));
}
END_TEST

START_TEST(header_versions)
{
	struct bytes b = recorded(0);
	enum ike_err want = _i == 2 ? IKE_OK : IKE_EVERSION;

	r.b[17] = (uint8_t)(_i << 4);
	if (_i != 2) {
		be32_store(r.b + 24, 0xffffffff); /* another version may count otherwise */
	}
	ck_assert_int_eq(ike_msg_parse(&m, b), want);
	ck_assert_uint_eq(m.hdr.major, (unsigned)_i);
	ck_assert_uint_eq(m.hdr.spi_i, 0x1111111111111111);
	ck_assert_uint_eq(m.hdr.exchange, IKE_EXCHANGE_SA_INIT);
}
END_TEST

START_TEST(header_lengths)
{
	struct bytes b = recorded(0);
	const struct {
		uint32_t length;
		enum ike_err want;
	} rows[] = {
	    {0, IKE_ESHORT},
	    {1, IKE_ESHORT},
	    {IKE_HDR_LEN - 1, IKE_ESHORT},
	    {IKE_HDR_LEN, IKE_ESYNTAX},
	    {(uint32_t)b.n - 1, IKE_ESYNTAX},
	    {(uint32_t)b.n + 1, IKE_ESHORT},
	    {0xffff, IKE_ESHORT},
	    {0xffffffff, IKE_ESHORT},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		be32_store(r.b + 24, rows[i].length);
		ck_assert_int_eq(ike_msg_parse(&m, b), rows[i].want);
		ck_assert_ptr_nonnull(m.fault.what);
	}
	recorded(0);
	memset(r.b, 0, 8);
	ck_assert_int_eq(ike_msg_parse(&m, b), IKE_ESYNTAX); /* the initiator's SPI is zero */
}
END_TEST

START_TEST(recorded_messages)
{
	ck_assert_int_eq(ike_msg_parse(&m, recorded(_i)), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_OK);
	ck_assert_ptr_null(m.fault.what);
	if (_i == 0) {
		ck_assert_uint_eq(m.payloads, 6);
		ck_assert_uint_eq(m.notify_n, 2);
		ck_assert_uint_eq(m.vendor_n, 1);
		ck_assert_ptr_nonnull(ike_msg_notify(&m, IKE_N_NAT_DETECTION_DESTINATION_IP));
		ck_assert_ptr_null(ike_msg_notify(&m, IKE_N_COOKIE));
		ck_assert_ptr_null(ike_msg_error(&m));
	}
	if (_i == 2) {
		ck_assert(ike_msg_has(&m, IKE_PLD_SK));
		ck_assert_uint_eq(m.sk.at, IKE_HDR_LEN);
		ck_assert_uint_eq(m.sk.next, IKE_PLD_IDI);
		ck_assert_uint_eq(m.sk.body.n, 48);
	}
}
END_TEST

/* Cut at every byte; with the length told as it was, and with a length that fits. */
START_TEST(truncated_everywhere)
{
	struct bytes whole = recorded(_i);
	uint8_t *exact;

	for (size_t n = 0; n < whole.n; n++) {
		recorded(_i);
		exact = malloc(n + 1); /* so that a sanitizer sees a read beyond it */
		memcpy(exact, r.b, n);
		ck_assert_int_eq(ike_msg_parse(&m, bytes_of(exact, n)), IKE_ESHORT);
		if (n >= IKE_HDR_LEN) {
			be32_store(exact + 24, (uint32_t)n);
			enum ike_err err = ike_msg_parse(&m, bytes_of(exact, n));
			ck_assert_msg(err == IKE_ESYNTAX, "cut to %zu: %d", n, err);
		}
		free(exact);
	}
}
END_TEST

/* The length of every payload of the first message, set to what it must not be. */
START_TEST(payload_lengths)
{
	static const uint16_t bad[] = {0, 1, 2, 3, 4, 0xffff};
	struct bytes whole = recorded(0);
	size_t payloads = 0;

	for (size_t at = IKE_HDR_LEN; at < whole.n; payloads++) {
		uint16_t len = be16_load(r.b + at + 2);
		for (size_t i = 0; i < sizeof bad / sizeof bad[0] + 2; i++) {
			uint16_t value = i < 6 ? bad[i] : (uint16_t)(i == 6 ? len - 1 : len + 1);
			be16_store(r.b + at + 2, value);
			ck_assert_msg(ike_msg_parse(&m, whole) == IKE_ESYNTAX,
			    "payload at %zu, length %u", at, value);
			ck_assert_ptr_nonnull(m.fault.what);
		}
		be16_store(r.b + at + 2, len);
		at += len;
	}
	ck_assert_uint_eq(payloads, 6);
	ck_assert_int_eq(ike_msg_parse(&m, whole), IKE_OK);
}
END_TEST

/* Every value of every next-payload field, critical or not: never a crash, never silently well. */
START_TEST(next_payload_values)
{
	REQ("7296-2.5-8", "7296-2.5-9", "7296-2.5-11", "7296-3.2-3", "7296-3.2-7", "7296-4-1");
	REQ("7296-4-2");
	struct bytes whole = recorded(0);
	size_t at = 16;

	for (size_t i = 0; i < 6; i++) {
		size_t pld = i == 0 ? IKE_HDR_LEN : at + be16_load(r.b + at + 2);
		uint8_t good = r.b[at];
		for (unsigned type = 0; type < 256; type++) {
			bool unknown = type != 0 && ike_payload_row((uint8_t)type) < 0;
			r.b[at] = (uint8_t)type;
			r.b[pld + 1] = 0x80;
			enum ike_err err = ike_msg_parse(&m, whole);
			if (unknown) {
				ck_assert_int_eq(err, IKE_ECRITICAL);
				ck_assert_uint_eq(m.fault.payload, type);
				r.b[pld + 1] = 0x7f; /* reserved bits mean nothing */
				ck_assert_int_eq(ike_msg_parse(&m, whole), IKE_OK);
				ck_assert_uint_eq(m.unknown, 1);
			} else if (type == good) {
				ck_assert_int_eq(
				    err, IKE_OK); /* "critical" means nothing on what we know */
			} else if (type == 0) {
				ck_assert_int_eq(err, IKE_ESYNTAX);
			} else {
				ck_assert(err == IKE_OK || err == IKE_ESYNTAX);
			}
			r.b[pld + 1] = 0;
		}
		r.b[at] = good;
		at = pld;
	}
}
END_TEST

START_TEST(nothing_after_sk)
{
	REQ("7296-3.1-1", "7296-3.14-1");
	recorded(2);
	raw_hex(&r, IKE_PLD_VENDOR, "00");
	r.b[IKE_HDR_LEN] = IKE_PLD_IDI;
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_ESYNTAX);
}
END_TEST

START_TEST(no_sk_inside_sk)
{
	REQ("7296-3.1-1");
	raw_begin(&r, IKE_EXCHANGE_INFORMATIONAL, 0);
	raw_hex(&r, IKE_PLD_SK, "000102030405060708090a0b0c0d0e0f");
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_ESYNTAX);
	ck_assert_uint_eq(m.fault.payload, IKE_PLD_SK);
	ck_assert_str_eq(ike_msg_fault(&m, text),
	    "INFORMATIONAL request, payload SK: inside another SK payload");
}
END_TEST

START_TEST(empty_inner_chain)
{
	raw_begin(&r, IKE_EXCHANGE_INFORMATIONAL, IKE_FLAG_RESPONSE);
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_OK);
	ck_assert_uint_eq(m.payloads, 0);
	ck_assert_int_eq(ike_msg_check(&m, IKE_RULES_INFO_RESP), IKE_OK);
	r.b[16] = IKE_PLD_DELETE; /* announced, absent */
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_ESYNTAX);
	raw_begin(&r, IKE_EXCHANGE_INFORMATIONAL, IKE_FLAG_RESPONSE);
	raw_hex(&r, IKE_PLD_DELETE, "01000000");
	r.b[16] = 0; /* there, not announced */
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_ESYNTAX);
}
END_TEST

/* Outer checks: IKE_SA_INIT in the clear, all else in SK alone. */
START_TEST(outer_rules)
{
	static const uint8_t sk[32];

	raw_begin(&r, IKE_EXCHANGE_SA_INIT, 0);
	raw_add(&r, IKE_PLD_SK, 0, bytes_of(sk, sizeof sk));
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_ESYNTAX);

	raw_begin(&r, IKE_EXCHANGE_INFORMATIONAL, 0);
	raw_hex(&r, IKE_PLD_DELETE, "01000000");
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_ESYNTAX);
	ck_assert_str_eq(ike_msg_fault(&m, text),
	    "INFORMATIONAL request, payload SK: missing: the message is not protected");

	raw_add(&r, IKE_PLD_SK, 0, bytes_of(sk, sizeof sk));
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_ESYNTAX);
	ck_assert_uint_eq(m.fault.payload, IKE_PLD_DELETE);

	raw_begin(&r, IKE_EXCHANGE_INFORMATIONAL, 0);
	raw_hex(&r, 200, "0102");
	raw_add(&r, IKE_PLD_SK, 0, bytes_of(sk, sizeof sk));
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_OK);
}
END_TEST

/* CVE-2026-12413: a flood of unknown payloads, in front of SKF too, stays bounded. */
START_TEST(payload_flood)
{
	raw_begin(&r, IKE_EXCHANGE_AUTH, 0);
	for (int i = 0; i < IKE_PAYLOADS_MAX; i++) {
		raw_hex(&r, 201, "00");
	}
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.unknown, IKE_PAYLOADS_MAX);
	ck_assert_int_eq(ike_msg_check_outer(&m), IKE_ESYNTAX);
	raw_hex(&r, IKE_PLD_SKF, "0001000100000000");
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_ESYNTAX);
	ck_assert_str_eq(ike_msg_fault(&m, text),
	    "IKE_AUTH request, payload SKF: one payload more than a message may have");
}
END_TEST

/* CVE-2015-3991: payloads of IKEv1 are unknown here. */
START_TEST(ikev1_payloads)
{
	REQ("7296-2.5-9", "7296-2.5-11");
	raw_begin(&r, IKE_EXCHANGE_SA_INIT, 0);
	raw_hex(&r, (uint8_t)(_i + 1), "00000001");
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.unknown, 1);
	r.b[IKE_HDR_LEN + 1] = 0x80;
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_ECRITICAL);
	ck_assert_str_eq(strstr(ike_msg_fault(&m, text), "unknown"), "unknown and marked critical");
}
END_TEST

/* How often each known payload may come at all. */
START_TEST(repeats)
{
	static const struct {
		uint8_t type;
		int most; /* accepted; one more is an error */
	} rows[] = {
	    {IKE_PLD_SA, 1},
	    {IKE_PLD_KE, 1},
	    {IKE_PLD_IDI, 1},
	    {IKE_PLD_IDR, 1},
	    {IKE_PLD_CERT, IKE_CERTS_MAX},
	    {IKE_PLD_CERTREQ, IKE_CERTS_MAX},
	    {IKE_PLD_AUTH, 1},
	    {IKE_PLD_NONCE, 1},
	    {IKE_PLD_NOTIFY, IKE_NOTIFIES_MAX},
	    {IKE_PLD_DELETE, IKE_DELETES_MAX},
	    {IKE_PLD_VENDOR, IKE_PAYLOADS_MAX}, /* surplus ones are let go */
	    {IKE_PLD_TSI, 1},
	    {IKE_PLD_TSR, 1},
	    {IKE_PLD_CP, 1},
	    {IKE_PLD_EAP, 1},
	};

	raw_begin(&r, IKE_EXCHANGE_INFORMATIONAL, 0);
	for (int i = 0; i < rows[_i].most; i++) {
		raw_hex(&r, rows[_i].type, raw_good(rows[_i].type));
	}
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_OK);
	ck_assert(ike_msg_has(&m, (enum ike_payload_type)rows[_i].type));
	raw_hex(&r, rows[_i].type, raw_good(rows[_i].type));
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_ESYNTAX);
	ck_assert_uint_eq(m.fault.payload, rows[_i].type);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(ike_exchange_name(36), "CREATE_CHILD_SA");
	ck_assert_str_eq(ike_exchange_name(0), "unknown exchange");
	ck_assert_str_eq(ike_payload_name(33), "SA");
	ck_assert_str_eq(ike_payload_name(53), "SKF");
	ck_assert_str_eq(ike_payload_name(99), "unknown");
	ck_assert_str_eq(ike_notify_keyword(14), "NO_PROPOSAL_CHOSEN");
	ck_assert_str_eq(ike_notify_keyword(16430), "IKEV2_FRAGMENTATION_SUPPORTED");
	ck_assert_str_eq(ike_notify_keyword(9999), "unknown error notification");
	ck_assert_str_eq(ike_notify_keyword(40000), "unknown notification");
	ck_assert_str_eq(ike_notify_sentence(40000), "");
	ck_assert(ike_notify_is_error(16383) && !ike_notify_is_error(16384));
	ck_assert(ike_notify_is_lone(IKE_N_COOKIE) && ike_notify_is_lone(9999) &&
		  !ike_notify_is_lone(16384));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_wire_msg");

	add_test(s, "header fields", header_fields);
	add_loop(s, "header versions", header_versions, 16);
	add_test(s, "header lengths", header_lengths);
	add_loop(s, "recorded messages", recorded_messages, RECORDED);
	add_loop(s, "truncated everywhere", truncated_everywhere, RECORDED);
	add_test(s, "payload lengths", payload_lengths);
	add_test(s, "next payload values", next_payload_values);
	add_test(s, "nothing after SK", nothing_after_sk);
	add_test(s, "no SK inside SK", no_sk_inside_sk);
	add_test(s, "empty inner chain", empty_inner_chain);
	add_test(s, "outer rules", outer_rules);
	add_test(s, "payload flood", payload_flood);
	add_loop(s, "IKEv1 payloads", ikev1_payloads, 20);
	add_loop(s, "repeats", repeats, 15);
	add_test(s, "names", names);
	return run_suite(s);
}

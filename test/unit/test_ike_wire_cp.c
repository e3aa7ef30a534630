/*
 * The Configuration payload: what RFC 7296 section 3.15 and RFC 8598 section 4.1 draw, byte by
 * byte.
 */
#include "ike/wire/build.h"
#include "test/unit/ike_raw.h"
#include "test/unit/req.h"

static struct raw r;
static struct ike_msg m;

struct row {
	bool good;
	size_t attrs; /* that are kept */
	const char *body, *why;
};

/* clang-format off */
static const struct row rows[] = {
	{true,  0, "01000000", "no attribute"},
	{true,  0, "63abcdef", "an unknown CFG type, reserved bytes set"},
	{true,  1, "01000000" "00010000", "an address is asked for"},
	{true,  1, "01000000" "80010000", "its reserved bit is set"},
	{true,  1, "02000000" "000100040a090001", "an IPv4 address"},
	{true,  1, "02000000" "0008001120010db800000001000200030004000540", "an IPv6 address and its prefix length"},
	{true,  1, "02000000" "0008001020010db8000000010002000300040005", "the same without, as some peers have it"},
	{true,  1, "02000000" "00020004ffffff00", "a netmask"},
	{true,  1, "02000000" "000300040a010035", "a DNS server"},
	{true,  1, "02000000" "000a001020010db8000000010002000300040005", "one of IPv6"},
	{true,  1, "02000000" "000d00080a010000ffff0000", "a subnet"},
	{true,  1, "02000000" "000f001120010db800000000000000000000000020", "one of IPv6"},
	{true,  1, "02000000" "0019000b6578616d706c652e636f6d", "a domain"},
	{true,  1, "02000000" "00070003612e62", "a version"},
	{true,  1, "02000000" "000e000400010003", "two supported attributes"},
	{true,  0, "01000000" "00050003aabbcc", "an attribute that was removed"},
	{true,  0, "01000000" "7000000161", "a private one"},
	{true,  2, "01000000" "00010000" "7fff000161" "00030000", "an unknown one between two"},
	{true,  2, "02000000" "000100040a090001" "000100040a090002", "two addresses"},
	{false, 0, "02000000" "000100030a0900", "an IPv4 address of 3 bytes"},
	{false, 0, "02000000" "000100050a09000100", "of 5"},
	{false, 0, "02000000" "00010001" "0a", "of 1"},
	{false, 0, "02000000" "000100100000000000000000000000000000000000", "of 16"},
	{false, 0, "02000000" "000800040a090001", "an IPv6 address of 4 bytes"},
	{false, 0, "02000000" "0008001220010db80000000100020003000400054000", "of 18"},
	{false, 0, "02000000" "000300030a0100", "a DNS server of 3 bytes"},
	{false, 0, "02000000" "000a000f20010db80000000100020003000400", "one of IPv6 of 15"},
	{false, 0, "02000000" "000d00040a010000", "a subnet without a mask"},
	{false, 0, "02000000" "000f001020010db8000000000000000000000000", "one of IPv6 without a length"},
	{false, 0, "02000000" "000e0003000100", "supported attributes of an odd length"},
	{false, 0, "02000000" "000100040a0900", "cut in its value"},
	{false, 0, "02000000" "0001ffff0a090001", "a length beyond the payload"},
	{false, 0, "02000000" "000100", "cut in its head"},
	{false, 0, "02000000" "00", "one byte of it"},
	{false, 0, "02000000" "00010000" "00", "a byte behind"},
	{false, 0, "02000000" "70000002" "61", "an unknown one is cut"},
	{false, 0, "020000", "cut before the attributes"},
};
/* clang-format on */

START_TEST(taken_or_refused)
{
	const struct row *row = &rows[_i];
	enum ike_err err = raw_parse_one(&m, IKE_PLD_CP, row->body);

	REQ("7296-3.15-2", "7296-3.15.1-1", "7296-3.15.1-5");
	ck_assert_msg(err == (row->good ? IKE_OK : IKE_ESYNTAX), "%s", row->why);
	if (row->good)
		ck_assert_msg(m.cp.n == row->attrs, "%s: %zu", row->why, m.cp.n);
}
END_TEST

/* The example of section 3.15.2, with an IPv6 address as in 3.15.3 and the domains of RFC 8598. */
START_TEST(reply_of_the_text)
{
	char text[ADDR_TEXT], prefix[PREFIX_TEXT];
	struct addr a;
	struct prefix p;

	ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_CP,
			     "02000000"
			     "00010004c63364ea"
			     "000d0008c6336400ffffffc0"
			     "000d0008c0000200ffffff00"
			     "0008001120010db800000001000200030004000540"
			     "000a001020010db8009900880077006600550044"
			     "0019000b6578616d706c652e636f6d"),
	    IKE_OK);
	ck_assert(ike_msg_has(&m, IKE_PLD_CP));
	ck_assert_uint_eq(m.cp.type, IKE_CFG_REPLY);
	ck_assert_uint_eq(m.cp.n, 6);
	ck_assert_uint_eq(m.cp.v[0].type, IKE_CP_IP4_ADDRESS);
	ck_assert(ike_cp_addr(&m.cp.v[0], &a));
	ck_assert_str_eq(addr_text(&a, text), "198.51.100.234");
	ck_assert(ike_cp_subnet(&m.cp.v[1], &p));
	ck_assert_str_eq(prefix_text(&p, prefix), "198.51.100.0/26");
	ck_assert(ike_cp_subnet(&m.cp.v[2], &p));
	ck_assert_str_eq(prefix_text(&p, prefix), "192.0.2.0/24");
	ck_assert(ike_cp_addr(&m.cp.v[3], &a));
	ck_assert_str_eq(addr_text(&a, text), "2001:db8:0:1:2:3:4:5");
	ck_assert(ike_cp_addr(&m.cp.v[4], &a));
	ck_assert_str_eq(addr_text(&a, text), "2001:db8:99:88:77:66:55:44");
	ck_assert_bytes(m.cp.v[5].value, text_bytes("example.com"));
}
END_TEST

START_TEST(subnets)
{
	static const struct {
		const char *body, *text; /* NULL: none */
	} v[] = {
	    {"02000000000d000800000000"
	     "00000000",
		"0.0.0.0/0"},
	    {"02000000000d00080a010203ffffffff", "10.1.2.3/32"},
	    {"02000000000d00080a010203fffffffe", "10.1.2.2/31"},
	    {"02000000000d00080a01020380000000", "0.0.0.0/1"},
	    {"02000000000d00080a010203ff00ff00", NULL},
	    {"02000000000d00080a01020300000001", NULL},
	    {"02000000000f001120010db8000000000000000000000001"
	     "20",
		"2001:db8::/32"},
	    {"02000000000f001120010db8000000000000000000000001"
	     "80",
		"2001:db8::1/128"},
	    {"02000000000f001120010db8000000000000000000000001"
	     "81",
		NULL},
	    {"02000000000d0000", NULL},
	};
	char text[PREFIX_TEXT];
	struct prefix p;

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		ck_assert_int_eq(raw_parse_one(&m, IKE_PLD_CP, v[i].body), IKE_OK);
		ck_assert_uint_eq(m.cp.n, 1);
		ck_assert_int_eq(ike_cp_subnet(&m.cp.v[0], &p), v[i].text != NULL);
		if (v[i].text)
			ck_assert_str_eq(prefix_text(&p, text), v[i].text);
	}
}
END_TEST

/* More than we hold are let go. */
START_TEST(many_attributes)
{
	uint8_t body[4 + 4 * (IKE_CP_ATTRS_MAX + 9)] = {IKE_CFG_REQUEST};

	for (size_t n = 0; n < sizeof body - 4; n += 4)
		body[4 + n + 1] = IKE_CP_IP4_ADDRESS;
	raw_begin(&r, IKE_EXCHANGE_AUTH, 0);
	raw_add(&r, IKE_PLD_CP, 0, bytes_of(body, sizeof body));
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_uint_eq(m.cp.n, IKE_CP_ATTRS_MAX);
}
END_TEST

/* What is built, byte by byte. */
START_TEST(building)
{
	static uint8_t buf[512];
	uint8_t want[256];
	struct ike_hdr h = {.spi_i = 1, .exchange = IKE_EXCHANGE_SA_INIT};
	struct ike_build b;
	struct addr a4, a6;
	struct prefix p4, p6;

	REQ("7296-3.15-1");
	ck_assert(addr_parse(&a4, "198.51.100.234") && addr_parse(&a6, "2001:db8::5"));
	ck_assert(prefix_parse(&p4, "192.0.2.0/24") && prefix_parse(&p6, "2001:db8::/32"));
	ike_build_begin(&b, buf, sizeof buf, &h);
	ike_build_cp(&b, IKE_CFG_REPLY);
	ike_build_cp_addr(&b, &a4);
	ike_build_cp_addr(&b, &a6);
	ike_build_cp_dns(&b, &a4);
	ike_build_cp_dns(&b, &a6);
	ike_build_cp_subnet(&b, &p4);
	ike_build_cp_subnet(&b, &p6);
	ike_build_cp_attr(&b, IKE_CP_DNS_DOMAIN, text_bytes("example.com"));
	ike_build_cp_attr(&b, IKE_CP_APPLICATION_VERSION, bytes_of(NULL, 0));
	struct bytes out = ike_build_finish(&b);
	ck_assert_uint_gt(out.n, IKE_HDR_LEN + IKE_PLD_HDR_LEN);
	ck_assert_bytes(bytes_of(out.p + IKE_HDR_LEN, out.n - IKE_HDR_LEN),
	    hex_to(want, sizeof want,
		"00000075"
		"02000000"
		"00010004c63364ea"
		"0008001120010db800000000000000000000000580"
		"00030004c63364ea"
		"000a001020010db8000000000000000000000005"
		"000d0008c0000200ffffff00"
		"000f001120010db800000000000000000000000020"
		"0019000b6578616d706c652e636f6d"
		"00070000"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_wire_cp");

	add_loop(s, "taken or refused", taken_or_refused, sizeof rows / sizeof rows[0]);
	add_test(s, "a reply", reply_of_the_text);
	add_test(s, "subnets", subnets);
	add_test(s, "many attributes", many_attributes);
	add_test(s, "building", building);
	return run_suite(s);
}

/*
 * Which payloads each message must, may and must not have: the table against what RFC 7296 appendix
 * C draws, written out a second time here.
 */
#include "test/unit/ike_raw.h"
#include "test/unit/req.h"

static struct raw r;
static struct ike_msg m;
static char text[IKE_FAULT_TEXT];

/* Good messages: the least that each must have, and all that it may have beside. */
static const struct {
	const char *name;
	enum ike_rules rules;
	uint8_t exchange;
	bool response;
	uint8_t must[6], may[8]; /* payload types, 0 at the end; notify and vendor ID always may */
} messages[] = {
    {"IKE_SA_INIT request", IKE_RULES_INIT_REQ, 34, false, {33, 34, 40}, {54}},
    {"IKE_SA_INIT response", IKE_RULES_INIT_RESP, 34, true, {33, 34, 40}, {38}},
    {"IKE_AUTH request", IKE_RULES_AUTH_REQ, 35, false, {35, 33, 44, 45},
	{36, 37, 38, 39, 47, 48, 54}},
    {"IKE_AUTH response", IKE_RULES_AUTH_RESP, 35, true, {36, 39, 33, 44, 45}, {37, 47, 48}},
    {"CREATE_CHILD_SA request", IKE_RULES_CHILD_REQ, 36, false, {33, 40, 44, 45}, {34, 47}},
    {"CREATE_CHILD_SA response", IKE_RULES_CHILD_RESP, 36, true, {33, 40, 44, 45}, {34, 47}},
    {"rekey request", IKE_RULES_REKEY_REQ, 36, false, {33, 34, 40}, {0}},
    {"rekey response", IKE_RULES_REKEY_RESP, 36, true, {33, 34, 40}, {0}},
    {"INFORMATIONAL request", IKE_RULES_INFO_REQ, 37, false, {0}, {42, 47}},
    {"INFORMATIONAL response", IKE_RULES_INFO_RESP, 37, true, {0}, {42, 47}},
    {"IKE_SESSION_RESUME request", IKE_RULES_RESUME_REQ, 38, false, {40}, {0}}, /* RFC 5723 */
    {"IKE_SESSION_RESUME response", IKE_RULES_RESUME_RESP, 38, true, {40}, {0}},
    {"IKE_INTERMEDIATE request", IKE_RULES_MORE_REQ, 43, false, {34}, {0}},
    {"IKE_INTERMEDIATE response", IKE_RULES_MORE_RESP, 43, true, {34}, {0}},
    {"IKE_FOLLOWUP_KE request", IKE_RULES_MORE_REQ, 44, false, {34}, {0}},
    {"IKE_FOLLOWUP_KE response", IKE_RULES_MORE_RESP, 44, true, {34}, {0}},
};

enum { MESSAGES = sizeof messages / sizeof messages[0] };

static bool listed(const uint8_t *types, uint8_t type)
{
	return type != 0 && strchr((const char *)types, type) != NULL;
}

static void add(uint8_t type, enum ike_rules rules)
{
	bool child = rules == IKE_RULES_CHILD_REQ || rules == IKE_RULES_CHILD_RESP;

	raw_hex(&r, type, type == IKE_PLD_SA && child ? RAW_SA_ESP : raw_good(type));
}

static void begin(int i)
{
	raw_begin(&r, messages[i].exchange,
	    messages[i].response ? IKE_FLAG_RESPONSE : IKE_FLAG_INITIATOR);
}

/* All required payloads but `without`. */
static void add_must(int i, uint8_t without)
{
	for (const uint8_t *type = messages[i].must; *type; type++) {
		if (*type != without) {
			add(*type, messages[i].rules);
		}
	}
}

static enum ike_err check(int i)
{
	enum ike_err err = raw_parse_inner(&m, &r);

	ck_assert_int_eq(err, IKE_OK);
	return ike_msg_check(&m, messages[i].rules);
}

START_TEST(least_and_most)
{
	REQ("7296-3.2-5");
	REQ("7296-3.12-2");
	enum ike_rules rules;

	begin(_i);
	add_must(_i, 0);
	ck_assert_int_eq(check(_i), IKE_OK);
	ck_assert(ike_msg_rules(&m, &rules));
	ck_assert_int_eq(rules, messages[_i].rules);
	for (const uint8_t *type = messages[_i].may; *type; type++) {
		add(*type, messages[_i].rules);
	}
	raw_hex(&r, IKE_PLD_NOTIFY, RAW_NOTIFY);
	raw_hex(&r, IKE_PLD_VENDOR, "01");
	raw_hex(&r, 222, "01");
	ck_assert_int_eq(check(_i), IKE_OK);
}
END_TEST

START_TEST(each_required_missing)
{
	for (const uint8_t *type = messages[_i].must; *type; type++) {
		begin(_i);
		add_must(_i, *type);
		ck_assert_int_eq(check(_i), IKE_ESYNTAX);
		ck_assert_uint_eq(m.fault.payload, *type);
		ck_assert_str_eq(m.fault.what, "missing");
	}
}
END_TEST

START_TEST(each_other_forbidden)
{
	for (unsigned row = 0; row < IKE_ROWS; row++) {
		static const uint8_t ids[IKE_ROWS] = {
		    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 53, 54};
		uint8_t id = ids[row];
		if (id == IKE_PLD_SK || id == IKE_PLD_SKF || id == IKE_PLD_NOTIFY ||
		    id == IKE_PLD_VENDOR || listed(messages[_i].must, id) ||
		    listed(messages[_i].may, id)) {
			continue;
		}
		begin(_i);
		add_must(_i, 0);
		add(id, messages[_i].rules);
		ck_assert_msg(check(_i) == IKE_ESYNTAX, "%s with %s", messages[_i].name,
		    ike_payload_name(id));
		ck_assert_uint_eq(m.fault.payload, id);
		ck_assert_str_eq(m.fault.what, "not allowed in this message");
	}
}
END_TEST

/* An error, COOKIE or REDIRECT alone is a whole answer, never a whole request; other statuses are
 * no answer; and it does not excuse what is forbidden. */
START_TEST(lone_notifications)
{
	static const struct {
		const char *body;
		bool lone;
	} rows[] = {
	    {"0000000e", true},             /* NO_PROPOSAL_CHOSEN */
	    {"00000011001f", true},         /* INVALID_KE_PAYLOAD */
	    {"00001f40", true},             /* an error that nobody knows */
	    {"000040060102", true},         /* COOKIE */
	    {"0000401701040a000001", true}, /* REDIRECT */
	    {"00004000", false},            /* INITIAL_CONTACT */
	    {"0000ffff", false},            /* a status that nobody knows */
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool fits = messages[_i].must[0] == 0 || (rows[i].lone && messages[_i].response);
		begin(_i);
		raw_hex(&r, IKE_PLD_NOTIFY, rows[i].body);
		ck_assert_int_eq(check(_i), fits ? IKE_OK : IKE_ESYNTAX);
		if (messages[_i].rules == IKE_RULES_INIT_RESP) {
			raw_hex(&r, IKE_PLD_DELETE, RAW_DELETE);
			ck_assert_int_eq(check(_i), IKE_ESYNTAX);
		}
	}
}
END_TEST

/* An IKE SA without a child: RFC 6023 section 5. All three of its payloads go, or none. */
START_TEST(childless)
{
	static const uint8_t three[] = {IKE_PLD_SA, IKE_PLD_TSI, IKE_PLD_TSR};
	bool response = _i >= 8;
	int auth = response ? 3 : 2;

	begin(auth);
	add(response ? IKE_PLD_IDR : IKE_PLD_IDI, messages[auth].rules);
	add(IKE_PLD_AUTH, messages[auth].rules);
	for (int k = 0; k < 3; k++) {
		if (_i >> k & 1) {
			raw_hex(
			    &r, three[k], three[k] == IKE_PLD_SA ? RAW_SA_ESP : raw_good(three[k]));
		}
	}
	ck_assert_int_eq(check(auth), _i % 8 == 0 || _i % 8 == 7 ? IKE_OK : IKE_ESYNTAX);
}
END_TEST

/* The response of IKE_AUTH that refuses the child alone: IDr, AUTH, N(error). */
START_TEST(child_refused_in_auth)
{
	raw_begin(&r, IKE_EXCHANGE_AUTH, IKE_FLAG_RESPONSE);
	raw_hex(&r, IKE_PLD_IDR, RAW_ID);
	raw_hex(&r, IKE_PLD_AUTH, RAW_AUTH);
	raw_hex(&r, IKE_PLD_NOTIFY, "00000026");
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_OK);
	ck_assert_int_eq(ike_msg_check(&m, IKE_RULES_AUTH_RESP), IKE_OK);
	ck_assert_uint_eq(ike_msg_error(&m)->type, IKE_N_TS_UNACCEPTABLE);
}
END_TEST

START_TEST(columns_by_content)
{
	static const struct {
		uint8_t exchange;
		const char *sa;
		bool known;
		enum ike_rules rules;
	} rows[] = {
	    {36, RAW_SA_REKEY, true, IKE_RULES_REKEY_REQ},
	    {36, RAW_SA_ESP, true, IKE_RULES_CHILD_REQ},
	    {36, NULL, true, IKE_RULES_CHILD_REQ},
	    {35, RAW_SA_ESP, true, IKE_RULES_AUTH_REQ},
	    {43, NULL, true, IKE_RULES_MORE_REQ},
	    {2, NULL, false, IKE_RULES_INIT_REQ},
	    {0, NULL, false, IKE_RULES_INIT_REQ},
	    {255, NULL, false, IKE_RULES_INIT_REQ},
	};
	enum ike_rules rules;

	raw_begin(&r, rows[_i].exchange, 0);
	if (rows[_i].sa) {
		raw_hex(&r, IKE_PLD_SA, rows[_i].sa);
	}
	ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_OK);
	ck_assert(ike_msg_rules(&m, &rules) == rows[_i].known);
	if (rows[_i].known) {
		ck_assert_int_eq(rules, rows[_i].rules);
		r.b[19] = IKE_FLAG_RESPONSE;
		ck_assert_int_eq(raw_parse_inner(&m, &r), IKE_OK);
		ck_assert(ike_msg_rules(&m, &rules));
		ck_assert_int_eq(rules, rows[_i].rules + 1);
	}
}
END_TEST

START_TEST(sentences)
{
	raw_begin(&r, IKE_EXCHANGE_SA_INIT, IKE_FLAG_INITIATOR);
	raw_hex(&r, IKE_PLD_SA, RAW_SA);
	raw_hex(&r, IKE_PLD_NONCE, RAW_NONCE);
	ck_assert_int_eq(ike_msg_parse(&m, raw_message(&r)), IKE_OK);
	ck_assert_int_eq(ike_msg_check(&m, IKE_RULES_INIT_REQ), IKE_ESYNTAX);
	ck_assert_str_eq(ike_msg_fault(&m, text), "IKE_SA_INIT request, payload KE: missing");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_wire_rules");

	add_loop(s, "least and most", least_and_most, MESSAGES);
	add_loop(s, "each required one missing", each_required_missing, MESSAGES);
	add_loop(s, "each other one forbidden", each_other_forbidden, MESSAGES);
	add_loop(s, "lone notifications", lone_notifications, MESSAGES);
	add_test(s, "child refused in IKE_AUTH", child_refused_in_auth);
	add_loop(s, "childless", childless, 16);
	add_loop(s, "columns by content", columns_by_content, 8);
	add_test(s, "sentences", sentences);
	return run_suite(s);
}

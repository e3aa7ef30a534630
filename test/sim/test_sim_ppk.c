/*
 * Post-quantum preshared keys: the outcomes of RFC 8784 section 3 for both ends, what stands in the
 * messages, what the keys are made of, and what users are told.
 */
#include "test/sim/scenario.h"

#include "test/sim/evil.h"
#include "base/cursor.h"
#include "ike/wire/build.h"
#include "ike/wire/msg.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define PPK(id, secret) "{ type = \"ppk\"; id = \"" id "\"; secret = \"" secret "\"; }"
#define QUANTUM "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "0xff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

enum ppk_end {
	NOTHING,     /* knows nothing of PPKs */
	OPTIONAL,    /* "q", may do without */
	REQUIRED,    /* "q", may not */
	ANY,         /* has "q", and names none in the connection */
	ANY_MUST,    /* the same, and insists on one */
	STRANGE,     /* another id, may do without */
	STRANGE_MUST /* another id, may not */
};

static const struct {
	const char *conn, *secrets;
} ends[] = {
    [NOTHING] = {"", ""},
    [OPTIONAL] = {"ppk_id = \"q\";", PPK("q", QUANTUM) ","},
    [REQUIRED] = {"ppk_id = \"q\"; ppk_required = true;", PPK("q", QUANTUM) ","},
    [ANY] = {"", PPK("p", OTHER) "," PPK("q", QUANTUM) ","},
    [ANY_MUST] = {"ppk_required = true;", PPK("p", OTHER) "," PPK("q", QUANTUM) ","},
    [STRANGE] = {"ppk_id = \"z\";", PPK("z", QUANTUM) ","},
    [STRANGE_MUST] = {"ppk_id = \"z\"; ppk_required = true;", PPK("z", QUANTUM) ","},
};

/* The text of one end; `secret` in place of the PPK's own. */
static const char *text_of_end(enum ppk_end end, bool left, const char *secret)
{
	static char text[2][4096];
	char conn[256], *at;

	snprintf(conn, sizeof conn, "dpd_delay = \"30s\"; rekey_time = 0; %s", ends[end].conn);
	struct scenario_side side = {.conn = conn};
	snprintf(text[left], sizeof text[left], "%s", scenario_text(&side, left));
	at = strstr(text[left], "secrets = ( ");
	ck_assert_ptr_nonnull(at);
	at += strlen("secrets = ( ");
	memmove(at + strlen(ends[end].secrets), at, strlen(at) + 1);
	memcpy(at, ends[end].secrets, strlen(ends[end].secrets));
	at = secret ? strstr(text[left], QUANTUM) : NULL;
	if (at)
		memcpy(at, secret, strlen(QUANTUM));
	return text[left];
}

static void begin(
    struct scenario *s, uint64_t seed, enum ppk_end l, enum ppk_end r, const char *right_secret)
{
	sim_init(&s->sim, seed);
	s->left = sim_host_add(&s->sim, "left", "10.0.0.1", text_of_end(l, true, NULL), NULL);
	s->right =
	    sim_host_add(&s->sim, "right", "10.0.0.2", text_of_end(r, false, right_secret), NULL);
}

static void add_extensions(void *arg, const struct ike_sa_info *sa)
{
	*(ike_ext_set *)arg |= sa->extensions;
}

static bool in_force(const struct sim_host *h)
{
	ike_ext_set set = 0;

	ike_engine_each(h->engine, add_extensions, &set);
	return ike_ext_has(set, IKE_EXT_PPK);
}

/* ---- Outcomes ---- */

enum outcome { WITH, WITHOUT, LEFT_FAILS, RIGHT_FAILS };

static const struct {
	enum ppk_end left, right;
	enum outcome outcome;
	const char *why;  /* of the end that fails: words of the sentence */
	const char *told; /* of the left end, when the right one fails */
} outcomes[] = {
    /* Table 1: received USE_PPK no */
    {NOTHING, NOTHING, WITHOUT, NULL, NULL},
    {NOTHING, OPTIONAL, WITHOUT, NULL, NULL},
    {NOTHING, ANY, WITHOUT, NULL, NULL},
    {NOTHING, REQUIRED, RIGHT_FAILS, "does not use a post-quantum preshared key",
	"AUTHENTICATION_FAILED"},
    {NOTHING, ANY_MUST, RIGHT_FAILS, "ppk_required is true", "AUTHENTICATION_FAILED"},
    /* 5: yes, NO_PPK_AUTH no (the initiator insists), not configured with it */
    {REQUIRED, STRANGE, RIGHT_FAILS, "names the PPK \"q\"", "it has the PPK \"q\" under this id"},
    {REQUIRED, STRANGE_MUST, RIGHT_FAILS, "names the PPK \"q\"", "AUTHENTICATION_FAILED"},
    {STRANGE_MUST, ANY, RIGHT_FAILS, "names the PPK \"z\", which no secret here has", "\"z\""},
    /* 8: yes, NO_PPK_AUTH yes, not configured with it, mandatory and not */
    {OPTIONAL, STRANGE_MUST, RIGHT_FAILS, "is not the one of ppk_id here", "\"q\""},
    {OPTIONAL, STRANGE, WITHOUT, NULL, NULL},
    {STRANGE, ANY, WITHOUT, NULL, NULL},
    {STRANGE, ANY_MUST, RIGHT_FAILS, "which no secret here has", "\"z\""},
    /* 12: configured with it */
    {OPTIONAL, OPTIONAL, WITH, NULL, NULL},
    {OPTIONAL, REQUIRED, WITH, NULL, NULL},
    {REQUIRED, OPTIONAL, WITH, NULL, NULL},
    {REQUIRED, REQUIRED, WITH, NULL, NULL},
    {REQUIRED, ANY, WITH, NULL, NULL},
    {OPTIONAL, ANY_MUST, WITH, NULL, NULL},
    /* 18: the responder knows nothing of it */
    {OPTIONAL, NOTHING, WITHOUT, NULL, NULL},
    {REQUIRED, NOTHING, LEFT_FAILS, "does not use post-quantum preshared keys", NULL},
};

START_TEST(table)
{
	REQ("8784-3-1", "8784-3-4", "8784-3-5", "8784-3-6", "8784-3-7", "8784-3-11", "8784-3-14",
	    "8784-3-15", "8784-3-19", "8784-6-4");
	struct scenario s;
	enum outcome o = outcomes[_i].outcome;

	begin(&s, 8784 + (uint64_t)_i, outcomes[_i].left, outcomes[_i].right, NULL);
	scenario_connect(&s);
	if (o == WITH || o == WITHOUT) {
		scenario_expect_up(&s, 1);
		ck_assert(in_force(s.left) == (o == WITH));
		ck_assert(in_force(s.right) == (o == WITH));
	} else {
		/* What may be anybody's word is waited on for a moment. */
		ck_assert(o != LEFT_FAILS || s.left->ike_downs == 0);
		sim_run_for(&s.sim, 600 * 1000);
		ck_assert_uint_eq(sim_ike_established(s.left), 0);
		ck_assert_uint_eq(sim_ike_established(s.right), 0);
		ck_assert_uint_eq(s.left->child_ups + s.right->child_ups, 0);
		struct sim_host *fails = o == LEFT_FAILS ? s.left : s.right;
		ck_assert_int_eq(fails->down_reason.err, IKE_EAUTH);
		scenario_expect_words(fails->down_reason.text, outcomes[_i].why);
		if (outcomes[_i].told)
			scenario_expect_words(s.left->down_reason.text, outcomes[_i].told);
	}
	scenario_fini(&s);
}
END_TEST

/* A PPK of the same id that differs is no PPK that is not there: nobody goes on without. */
START_TEST(wrong_ppk)
{
	struct scenario s;

	begin(&s, 8900, _i % 2 ? REQUIRED : OPTIONAL, _i / 2 ? REQUIRED : OPTIONAL, OTHER);
	scenario_connect(&s);
	ck_assert_uint_eq(sim_ike_established(s.left), 0);
	ck_assert_uint_eq(sim_ike_established(s.right), 0);
	scenario_expect_words(
	    s.right->down_reason.text, "either the PPK \"q\" or the pre-shared key");
	scenario_expect_words(s.left->down_reason.text, "that PPK is the same on both sides");
	scenario_fini(&s);
}
END_TEST

/* ---- Long life ---- */

/* New keys for the SAs come from SK_d alone: no operation is asked for, and both ends agree. */
START_TEST(rekeyed_without_it)
{
	REQ("8784-3-9");
	struct scenario s;

	begin(&s, 8910 + (uint64_t)_i, OPTIONAL, REQUIRED, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	s.left->no_secrets = s.right->no_secrets = true; /* the signer has forgotten everything */
	for (int k = 0; k < 2; k++) {
		struct sim_host *asks = _i ? s.left : s.right;
		ck_assert_int_eq(sim_rekey(asks, "link", NULL, true), IKE_OK);
		scenario_traffic(&s, 3000);
		ck_assert_int_eq(sim_rekey(asks, "link", NULL, false), IKE_OK);
		scenario_traffic(&s, 3000);
		scenario_expect_up(&s, 1);
	}
	ck_assert(in_force(s.left) && in_force(s.right));
	scenario_fini(&s);
}
END_TEST

START_TEST(slow_signer)
{
	struct scenario s;

	begin(&s, 8920 + (uint64_t)_i, _i ? OPTIONAL : REQUIRED, OPTIONAL, NULL);
	s.left->op_delay_ms = 700;
	s.right->op_delay_ms = 900;
	scenario_connect(&s);
	sim_run_for(&s.sim, 20 * 1000);
	scenario_expect_up(&s, 1);
	ck_assert(in_force(s.left) && in_force(s.right));
	scenario_fini(&s);
}
END_TEST

START_TEST(lost_datagrams)
{
	struct scenario s;

	begin(&s, 8930 + (uint64_t)_i, OPTIONAL, OPTIONAL, NULL);
	s.sim.loss_mask = (uint32_t)_i;
	scenario_connect(&s);
	sim_run_for(&s.sim, 100 * 1000);
	scenario_expect_up(&s, 1);
	ck_assert(in_force(s.left) && in_force(s.right));
	scenario_fini(&s);
}
END_TEST

/* With additional key exchanges (RFC 9370) the PPK goes into the keys that the last of them made;
 * who does without it has those as they are. */
START_TEST(after_additional_key_exchanges)
{
	static const char plain[] = "aes256gcm16-prfsha384-x25519",
			  hybrid[] = "aes256gcm16-prfsha384-x25519-ke1_ecp256";
	static char text[2][4096];
	struct scenario s;

	sim_init(&s.sim, 8935 + (uint64_t)_i);
	for (int left = 0; left < 2; left++) {
		enum ppk_end end = left ? OPTIONAL : _i ? STRANGE : REQUIRED;
		const char *from = text_of_end(end, left, NULL), *at = strstr(from, plain);

		ck_assert_ptr_nonnull(at);
		snprintf(text[left], sizeof text[left], "%.*s%s%s", (int)(at - from), from, hybrid,
		    at + strlen(plain));
	}
	s.left = sim_host_add(&s.sim, "left", "10.0.0.1", text[1], NULL);
	s.right = sim_host_add(&s.sim, "right", "10.0.0.2", text[0], NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	ck_assert(in_force(s.left) == (_i == 0));
	ck_assert(in_force(s.right) == (_i == 0));
	scenario_fini(&s);
}
END_TEST

/* ---- On the wire ---- */

struct wire {
	unsigned requests, with, answers_with, cookies; /* of IKE_SA_INIT */
	bool cookie_once; /* the first request is answered with COOKIE */
	unsigned strip;   /* so many answers lose their USE_PPK */
};

/* A cookie out of nowhere, as a responder under load would send it. */
static void send_cookie(struct sim *sim, const struct sim_wire *w, const struct ike_msg *m)
{
	struct ike_hdr h = {
	    .spi_i = m->hdr.spi_i, .exchange = IKE_EXCHANGE_SA_INIT, .flags = IKE_FLAG_RESPONSE};
	uint8_t buf[256];
	struct ike_build b;

	ike_build_begin(&b, buf, sizeof buf, &h);
	ike_build_notify(&b, IKE_N_COOKIE, bytes_of("crumbs", 6));
	struct bytes out = ike_build_finish(&b);
	struct sim_wire back = {
	    .from = w->to, .to = w->from, .data = buf, .n = out.n, .cap = out.n};
	ck_assert_int_eq(sim_inject(&sim->hosts[0], &back), IKE_OK);
}

/* IKE_SA_INIT is read as it goes by: RFC 8784 section 3 says what USE_PPK looks like. */
static bool read_init(struct sim *sim, struct sim_wire *w)
{
	struct wire *seen = sim->tap_arg;
	struct ike_msg m;

	if (ike_msg_parse(&m, bytes_of(w->data, w->n)) != IKE_OK ||
	    m.hdr.exchange != IKE_EXCHANGE_SA_INIT)
		return true;
	const struct ike_notify *n = ike_msg_notify(&m, IKE_N_USE_PPK);
	if (n) {
		ck_assert_uint_eq(n->proto, 0);
		ck_assert_uint_eq(n->spi.n, 0);
		ck_assert_uint_eq(n->data.n, 0);
	}
	if (m.hdr.flags & IKE_FLAG_RESPONSE) {
		seen->answers_with += n != NULL;
		if (n && seen->strip > 0) { /* another type that nobody knows, in its place */
			seen->strip--;
			be16_store(w->data + (n->data.p - w->data) - 2, 40961);
		}
		return true;
	}
	seen->requests++;
	seen->with += n != NULL;
	seen->cookies += ike_msg_notify(&m, IKE_N_COOKIE) != NULL;
	if (seen->cookie_once && seen->requests == 1) {
		send_cookie(sim, w, &m);
		return false;
	}
	return true;
}

static void tapped(struct scenario *s, uint64_t seed, enum ppk_end l, struct wire *seen)
{
	begin(s, seed, l, OPTIONAL, NULL);
	s->sim.tap = read_init;
	s->sim.tap_arg = seen;
	scenario_connect(s);
}

START_TEST(again_with_the_cookie)
{
	REQ("8784-3-2", "8784-3-3");
	struct wire seen = {.cookie_once = true};
	struct scenario s;

	tapped(&s, 8940, OPTIONAL, &seen);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ge(seen.cookies, 1);
	ck_assert_uint_ge(seen.requests, 2);
	ck_assert_uint_eq(seen.with, seen.requests);
	ck_assert_uint_ge(seen.answers_with, 1);
	ck_assert(in_force(s.left));
	scenario_fini(&s);
}
END_TEST

/* Whoever takes USE_PPK out of the answer on the way gets nothing by it: RFC 8784 section 6. The
 * answer that says so is not the last word for who insists; with a pre-shared key the AUTH values
 * cover the message. */
START_TEST(stripped)
{
	REQ("8784-6-4");
	struct wire seen = {.strip = 1};
	struct scenario s;

	tapped(&s, 8950 + (uint64_t)_i, _i ? REQUIRED : OPTIONAL, &seen);
	sim_run_for(&s.sim, 20 * 1000);
	ck_assert_uint_eq(seen.strip, 0);
	if (_i) { /* the repeat of the answer comes through */
		scenario_expect_up(&s, 1);
		ck_assert(in_force(s.left));
	} else {
		ck_assert_uint_eq(sim_ike_established(s.left), 0);
	}
	scenario_fini(&s);
}
END_TEST

/* ---- Inside of IKE_AUTH ---- */

enum { REQUEST = 2, RESPONSE = 3, PAYLOADS = 10 }; /* which datagrams IKE_AUTH is */

struct inside {
	struct evil evil;
	bool tampers;
	unsigned requests, responses;
	bool plain_auth;     /* NO_PPK_AUTH was there */
	bool had, has;       /* PPK_IDENTITY, before and after the evil deed */
	size_t answered_n;   /* bytes of the responder's PPK_IDENTITY */
	unsigned refusals;   /* AUTHENTICATION_FAILED of the responder */
	unsigned complaints; /* of the initiator, in an INFORMATIONAL exchange */
};

static const struct ike_notify *identity_of(struct sim *sim, struct sim_wire *w, struct ike_msg *m)
{
	return evil_open(sim, w, m) ? ike_msg_notify(m, IKE_N_PPK_IDENTITY) : NULL;
}

static bool read_auth(struct sim *sim, struct sim_wire *w)
{
	struct inside *in = sim->tap_arg;
	const struct ike_notify *id;
	struct ike_msg m;

	if (!evil_open(sim, w, &m))
		return true;
	id = ike_msg_notify(&m, IKE_N_PPK_IDENTITY);
	in->complaints += m.hdr.exchange == IKE_EXCHANGE_INFORMATIONAL &&
			  ike_msg_notify(&m, IKE_N_AUTHENTICATION_FAILED);
	if (m.hdr.exchange != IKE_EXCHANGE_AUTH) {
		ck_assert_ptr_null(id);
		return true;
	}
	if (id) {
		ck_assert_uint_eq(id->proto, 0);
		ck_assert_uint_eq(id->spi.n, 0);
	}
	if (m.hdr.flags & IKE_FLAG_RESPONSE) {
		in->responses++;
		in->answered_n = id ? id->data.n : 99;
		in->refusals += ike_msg_notify(&m, IKE_N_AUTHENTICATION_FAILED) != NULL;
	} else {
		in->requests++;
		in->plain_auth = ike_msg_notify(&m, IKE_N_NO_PPK_AUTH) != NULL;
		if (id) /* PPK_ID_FIXED, and the name */
			ck_assert(bytes_equal(id->data, bytes_of("\2q", 2)));
	}
	if (in->tampers && w->number == in->evil.number) {
		in->had = id != NULL;
		sim->tap_arg = &in->evil;
		evil_tap(sim, w);
		sim->tap_arg = in;
		in->has = identity_of(sim, w, &m) != NULL;
	}
	return true;
}

static void spied(
    struct scenario *s, uint64_t seed, enum ppk_end l, enum ppk_end r, struct inside *in)
{
	begin(s, seed, l, r, NULL);
	s->sim.tap = read_auth;
	s->sim.tap_arg = in;
	scenario_connect(s);
}

START_TEST(what_ike_auth_says)
{
	REQ("8784-3-10", "8784-3-11", "8784-3-12", "8784-3-16", "8784-5.1-1");
	struct inside in = {0};
	struct scenario s;

	spied(&s, 8960 + (uint64_t)_i, _i ? REQUIRED : OPTIONAL, OPTIONAL, &in);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ge(in.requests, 1);
	ck_assert_uint_ge(in.responses, 1);
	ck_assert(in.plain_auth == (_i == 0));
	ck_assert_uint_eq(in.answered_n, 0);
	scenario_fini(&s);
}
END_TEST

/* One payload after the other is taken out of a message, or gets another content; what happens when
 * it was PPK_IDENTITY is for `judge`. */
static void tamper(const struct evil *deed, enum ppk_end l,
    void (*judge)(struct scenario *s, const struct inside *in))
{
	unsigned hits = 0;

	for (unsigned payload = 0; payload < PAYLOADS; payload++) {
		struct inside in = {.evil = *deed, .tampers = true};
		struct scenario s;

		in.evil.payload = payload;
		spied(&s, 8970 + payload, l, OPTIONAL, &in);
		sim_run_for(&s.sim, 60 * 1000);
		bool hit = in.evil.done && in.had &&
			   (deed->kind == EVIL_OMIT ? !in.has : in.evil.body == 4);
		if (hit)
			judge(&s, &in);
		hits += hit;
		scenario_fini(&s);
	}
	ck_assert_uint_ge(hits, 1);
}

static void refused(struct scenario *s, const struct inside *in)
{
	ck_assert_uint_ge(in->refusals, 1);
	ck_assert_uint_eq(sim_ike_established(s->right), 0);
	scenario_expect_words(s->right->down_reason.text, "names none: the peer is at fault");
}

START_TEST(agreed_and_not_named)
{
	REQ("8784-3-13");
	const struct evil omit = {.number = REQUEST, .kind = EVIL_OMIT};

	tamper(&omit, _i ? REQUIRED : OPTIONAL, refused);
}
END_TEST

static void told(struct scenario *s, const struct inside *in)
{
	ck_assert_uint_eq(s->left->ike_ups, 0);
	scenario_expect_words(s->left->down_reason.text, "went on without the PPK \"q\"");
	ck_assert_uint_ge(in->complaints, 1);
}

START_TEST(required_and_not_confirmed)
{
	REQ("8784-3-18");
	const struct evil omit = {.number = RESPONSE, .kind = EVIL_OMIT};

	tamper(&omit, REQUIRED, told);
}
END_TEST

static void fine(struct scenario *s, const struct inside *in)
{
	(void)in;
	scenario_expect_up(s, 1);
	ck_assert(in_force(s->left));
}

/* No protocol, no SPI, 16436, and words that mean nothing. */
START_TEST(confirmed_with_words)
{
	REQ("8784-3-17");
	const struct evil words = {
	    .number = RESPONSE, .kind = EVIL_BODY, .data = bytes_of("\0\0\x40\x34nonsense", 12)};

	tamper(&words, REQUIRED, fine);
}
END_TEST

/* A PPK that was configured and not used is told: RFC 8784 section 6. */
START_TEST(told_when_not_used)
{
	REQ("8784-6-5");
	struct scenario s;

	begin(&s, 8990, OPTIONAL, _i ? STRANGE : NOTHING, NULL);
	scenario_connect(&s);
	scenario_expect_up(&s, 1);
	scenario_expect_words(s.left->said, "without the PPK \"q\"");
	scenario_fini(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_ppk");
	TCase *t = tcase_create("ppk");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, table, 0, (int)(sizeof outcomes / sizeof outcomes[0]));
	tcase_add_loop_test(t, wrong_ppk, 0, 4);
	tcase_add_loop_test(t, rekeyed_without_it, 0, 2);
	tcase_add_loop_test(t, slow_signer, 0, 2);
	tcase_add_loop_test(t, lost_datagrams, 0, 16);
	tcase_add_loop_test(t, after_additional_key_exchanges, 0, 2);
	tcase_add_test(t, again_with_the_cookie);
	tcase_add_loop_test(t, stripped, 0, 2);
	tcase_add_loop_test(t, what_ike_auth_says, 0, 2);
	tcase_add_loop_test(t, agreed_and_not_named, 0, 2);
	tcase_add_test(t, required_and_not_confirmed);
	tcase_add_test(t, confirmed_with_words);
	tcase_add_loop_test(t, told_when_not_used, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/*
 * Wants, attempts, retries and waiters, with an engine that is played by the test.
 */
#include <check.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/control.h"

static const char config_text[] =
    "secrets = ({type = \"psk\"; secret = \"x\";});"
    "connections = {"
    " office = { remote_addrs = [\"127.0.0.9\", \"127.0.0.10\"]; keyingtries = 2;"
    "  local = {auth = \"psk\";}; remote = {auth = \"psk\";};"
    "  children = { lan = { remote_ts = [\"10.1.0.0/16\"]; close_action = \"restart\"; };"
    "   dmz = { remote_ts = [\"10.2.0.0/16\"]; }; }; };"
    " roads = { remote_addrs = [\"%any\"]; local = {auth = \"psk\";}; remote = {auth = \"psk\";};"
    "  children = { all = { }; }; }; };";

static uint64_t now;
static struct event_base *base;
static struct config *config;
static struct log quiet;
static struct conns conns;
static struct conn *office;
static struct ike_command last;
static unsigned commands;

static struct conns_waiter waiter;
static unsigned steps, dones;
static bool done_ok;
static char done_text[IKE_TEXT];

static uint64_t clock_of_test(void)
{
	return now;
}

static enum ike_err on_command(void *arg, const struct ike_command *c)
{
	(void)arg;
	last = *c;
	commands++;
	return IKE_OK;
}

static unsigned under_way; /* rekeys, as the engine would say */

static unsigned on_rekeying(
    void *arg, const struct config_conn *conn, const struct config_child *child, bool ike)
{
	(void)arg;
	(void)child;
	(void)ike;
	ck_assert_ptr_nonnull(conn);
	return under_way;
}

static void on_step(struct conns_waiter *w, const char *line)
{
	(void)w;
	ck_assert_str_ne(line, "");
	steps++;
}

static void on_done(struct conns_waiter *w, bool ok, const char *text)
{
	(void)w;
	dones++;
	done_ok = ok;
	snprintf(done_text, sizeof done_text, "%s", text);
}

static void setup(void)
{
	struct config_notes notes;

	now = 1000000;
	commands = steps = dones = 0;
	base = event_base_new();
	config = config_load_text(config_text, "test.conf", &notes);
	ck_assert_msg(config != NULL, "%s", notes.n ? notes.v[0].text : "?");
	config_notes_free(&notes);
	log_init(&quiet, stderr);
	quiet.level = LOG_ERROR;
	quiet.now_ms = clock_of_test;
	struct conns_params p = {.base = base,
	    .config = config,
	    .log = &quiet,
	    .natt_port = 4500,
	    .command = on_command,
	    .rekeying = on_rekeying};
	ck_assert(conns_init(&conns, &p));
	office = conns_find(&conns, "office");
	ck_assert_ptr_nonnull(office);
	waiter = (struct conns_waiter){.conn = office, .step = on_step, .done = on_done};
}

static void teardown(void)
{
	conns_fini(&conns);
	config_free(config);
	event_base_free(base);
}

static void happens(enum ike_event_kind kind, size_t child, enum ike_err why, bool established)
{
	struct ike_event ev = {
	    .kind = kind, .ref = {.ike_id = 1, .tag = office->tag, .conn = office->cfg}};

	if (kind == IKE_EV_CHILD_UP || kind == IKE_EV_CHILD_DOWN || kind == IKE_EV_CHILD_FAILED)
		ev.ref.child = &office->cfg->children[child];
	if (kind == IKE_EV_IKE_DOWN) {
		ev.u.ike_down.established = established;
		ev.u.ike_down.retry = why != IKE_ELOCALDELETE;
	}
	ev.reason.err = why;
	snprintf(ev.reason.text, sizeof ev.reason.text, "sentence %d", why);
	conns_event(&conns, &ev);
	conns_settle(&conns);
}

static void rekeyed(enum ike_event_kind kind, size_t child, uint32_t child_id, enum ike_err why)
{
	struct ike_event ev = {
	    .kind = kind, .ref = {.ike_id = 1, .child_id = child_id, .conn = office->cfg}};

	if (child_id)
		ev.ref.child = &office->cfg->children[child];
	ev.reason.err = why;
	snprintf(ev.reason.text, sizeof ev.reason.text, "sentence %d", why);
	conns_event(&conns, &ev);
	conns_settle(&conns);
}

static void all_up(void)
{
	happens(IKE_EV_IKE_UP, 0, IKE_OK, true);
	happens(IKE_EV_CHILD_UP, 0, IKE_OK, true);
	happens(IKE_EV_CHILD_UP, 1, IKE_OK, true);
}

START_TEST(rekey_waits_for_all)
{
	const char *why = NULL;

	all_up();
	under_way = 2;
	ck_assert(conns_rekey(office, &waiter, &why));
	ck_assert_int_eq(last.kind, IKE_CMD_REKEY);
	rekeyed(IKE_EV_REKEYED, 0, 3, IKE_OK);
	happens(IKE_EV_CHILD_DOWN, 0, IKE_EREPLACED, false);
	rekeyed(IKE_EV_REKEYED, 0, 0, IKE_OK); /* the IKE SA's is another matter */
	ck_assert_uint_eq(dones, 0);
	rekeyed(IKE_EV_REKEYED, 1, 4, IKE_OK);
	ck_assert_uint_eq(dones, 1);
	ck_assert(done_ok);
	ck_assert_ptr_null(conns.waiters);
}
END_TEST

START_TEST(rekey_of_one)
{
	const char *why = NULL;

	all_up();
	under_way = 1;
	waiter.child = &office->cfg->children[1];
	ck_assert(conns_rekey(office, &waiter, &why));
	ck_assert_ptr_eq(last.child, waiter.child);
	rekeyed(IKE_EV_REKEY_FAILED, 0, 3, IKE_EPEERNOTIFY);
	ck_assert_uint_eq(dones, 0);
	rekeyed(IKE_EV_REKEY_FAILED, 1, 4, IKE_EPEERNOTIFY);
	ck_assert_uint_eq(dones, 1);
	ck_assert(!done_ok);
	ck_assert_str_ne(done_text, "");
}
END_TEST

/* What is waited for goes away: the waiter must not wait for ever. */
START_TEST(rekey_of_what_goes)
{
	const char *why = NULL;

	all_up();
	under_way = 1;
	waiter.ike = _i;
	ck_assert(conns_rekey(office, &waiter, &why));
	ck_assert(last.ike == _i);
	if (_i)
		happens(IKE_EV_IKE_DOWN, 0, IKE_EPEERDELETE, true);
	else
		happens(IKE_EV_CHILD_DOWN, 0, IKE_EPEERDELETE, false);
	ck_assert_uint_eq(dones, 1);
	ck_assert(!done_ok);
}
END_TEST

START_TEST(rekey_of_nothing)
{
	const char *why = NULL;

	under_way = 0;
	ck_assert(!conns_rekey(office, &waiter, &why));
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_null(conns.waiters);
	ck_assert_uint_eq(dones, 0);
}
END_TEST

START_TEST(up_waits_for_all_children)
{
	conns_up(office, NULL, false, &waiter);
	ck_assert_uint_eq(commands, 1);
	ck_assert_int_eq(last.kind, IKE_CMD_UP);
	ck_assert_ptr_null(last.child);
	ck_assert_uint_eq(last.remote.port, 500);
	ck_assert_uint_ne(last.local.addr.family, ADDR_NONE);
	happens(IKE_EV_STEP, 0, IKE_OK, false);
	happens(IKE_EV_IKE_UP, 0, IKE_OK, true);
	happens(IKE_EV_CHILD_UP, 0, IKE_OK, true);
	ck_assert_uint_eq(dones, 0);
	happens(IKE_EV_CHILD_UP, 1, IKE_OK, true);
	ck_assert_uint_eq(dones, 1);
	ck_assert(done_ok);
	ck_assert_uint_eq(steps, 1);
	ck_assert(!office->trying);
}
END_TEST

START_TEST(what_is_up_is_an_answer_at_once)
{
	conns_up(office, NULL, false, NULL);
	all_up();
	commands = 0;
	conns_up(office, NULL, false, &waiter);
	ck_assert_uint_eq(commands, 0);
	ck_assert(dones == 1 && done_ok);
}
END_TEST

START_TEST(one_child_alone)
{
	waiter.child = &office->cfg->children[1];
	conns_up(office, waiter.child, false, &waiter);
	ck_assert_ptr_eq(last.child, waiter.child);
	happens(IKE_EV_CHILD_UP, 1, IKE_OK, true);
	ck_assert(dones == 1 && done_ok);
	ck_assert_uint_eq(office->children[0].up, 0);
}
END_TEST

START_TEST(next_address_after_silence_only)
{
	conns_up(office, NULL, false, &waiter);
	ck_assert_uint_eq(last.remote.addr.b[3], 9);
	happens(IKE_EV_IKE_DOWN, 0, IKE_ETIMEOUT, false);
	ck_assert_uint_eq(commands, 2);
	ck_assert_uint_eq(last.remote.addr.b[3], 10);
	ck_assert_uint_eq(dones, 0);
	happens(IKE_EV_IKE_DOWN, 0, IKE_ETIMEOUT, false);
	ck_assert_uint_eq(commands, 2);
	ck_assert(dones == 1 && !done_ok);
	conns_up(office, NULL, false, NULL);
	happens(IKE_EV_IKE_DOWN, 0, IKE_EAUTH, false);
	ck_assert_uint_eq(commands, 3);
	ck_assert_str_eq(office->last_error, "sentence -13");
}
END_TEST

START_TEST(failure_is_told_and_not_repeated_for_up)
{
	conns_up(office, NULL, false, &waiter);
	happens(IKE_EV_IKE_DOWN, 0, IKE_EAUTH, false);
	ck_assert(dones == 1 && !done_ok);
	ck_assert_str_eq(done_text, "sentence -13");
	ck_assert_uint_eq(office->retry_at, 0);
}
END_TEST

START_TEST(kept_is_tried_again_as_often_as_allowed)
{
	conns_up(office, NULL, true, NULL);
	happens(IKE_EV_IKE_DOWN, 0, IKE_EAUTH, false);
	ck_assert_uint_ge(office->retry_at, now + 750);
	ck_assert_uint_le(office->retry_at, now + 1250);
	while (commands < 2)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(office->retry_at, 0);
	happens(IKE_EV_IKE_DOWN, 0, IKE_EAUTH, false); /* keyingtries = 2 */
	ck_assert_uint_eq(office->retry_at, 0);
	ck_assert_int_eq(office->children[0].want, WANT_NOTHING);
}
END_TEST

START_TEST(part_of_the_children_fails)
{
	conns_up(office, NULL, false, &waiter);
	happens(IKE_EV_IKE_UP, 0, IKE_OK, true);
	happens(IKE_EV_CHILD_UP, 0, IKE_OK, true);
	happens(IKE_EV_CHILD_FAILED, 1, IKE_ETS, true);
	ck_assert(dones == 1 && !done_ok);
	ck_assert_str_eq(done_text, "sentence -17");
	ck_assert_uint_eq(office->children[0].up, 1);
	ck_assert(!office->trying);
}
END_TEST

START_TEST(down_ends_it_and_is_waited_for)
{
	conns_up(office, NULL, true, NULL);
	all_up();
	waiter.down = true;
	conns_down(office, NULL, &waiter);
	ck_assert_int_eq(last.kind, IKE_CMD_DOWN);
	ck_assert_uint_eq(dones, 0);
	happens(IKE_EV_CHILD_DOWN, 0, IKE_ELOCALDELETE, true);
	happens(IKE_EV_CHILD_DOWN, 1, IKE_ELOCALDELETE, true);
	ck_assert_uint_eq(dones, 0);
	happens(IKE_EV_IKE_DOWN, 0, IKE_ELOCALDELETE, true);
	ck_assert(dones == 1 && done_ok);
	ck_assert_uint_eq(office->retry_at, 0);
}
END_TEST

START_TEST(down_of_what_is_down)
{
	waiter.down = true;
	conns_down(office, NULL, &waiter);
	ck_assert(dones == 1 && done_ok);
}
END_TEST

START_TEST(down_ends_an_attempt)
{
	conns_up(office, NULL, true, &waiter);
	conns_down(office, NULL, NULL);
	ck_assert(dones == 1 && !done_ok);
	ck_assert(!office->trying);
	happens(IKE_EV_IKE_DOWN, 0, IKE_ELOCALDELETE, false);
	ck_assert_uint_eq(office->retry_at, 0);
}
END_TEST

/* lan has close_action = restart, dmz has none. */
START_TEST(loss_is_answered_as_configured)
{
	conns_up(office, NULL, false, NULL);
	all_up();
	happens(IKE_EV_CHILD_DOWN, 0, IKE_EPEERDELETE, true);
	happens(IKE_EV_CHILD_DOWN, 1, IKE_EPEERDELETE, true);
	happens(IKE_EV_IKE_DOWN, 0, IKE_EPEERDELETE, true);
	ck_assert_int_eq(office->children[0].want, WANT_RETRY);
	ck_assert_int_eq(office->children[1].want, WANT_NOTHING);
	ck_assert_uint_gt(office->retry_at, now);
	while (commands < 2)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_ptr_eq(last.child, &office->cfg->children[0]);
}
END_TEST

START_TEST(packets_ask_once)
{
	struct ts_flow flow = {.proto = 17};

	conns_acquire(&conns, office->children[1].id, &flow);
	ck_assert_uint_eq(commands, 1);
	ck_assert_int_eq(last.kind, IKE_CMD_ACQUIRE);
	ck_assert_ptr_eq(last.child, &office->cfg->children[1]);
	ck_assert_uint_eq(last.flow.proto, 17);
	conns_acquire(&conns, office->children[1].id, &flow);
	ck_assert_uint_eq(commands, 1);
	happens(IKE_EV_IKE_DOWN, 0, IKE_EAUTH, false);
	conns_acquire(&conns, office->children[1].id, &flow);
	ck_assert_uint_eq(commands, 1); /* too soon */
	now += 2000;
	conns_acquire(&conns, office->children[1].id, &flow);
	ck_assert_uint_eq(commands, 2);
	conns_acquire(&conns, 999, &flow);
	ck_assert_uint_eq(commands, 2);
}
END_TEST

START_TEST(nobody_to_call)
{
	struct conn *roads = conns_find(&conns, "roads");

	waiter.conn = roads;
	conns_up(roads, NULL, false, &waiter);
	ck_assert_uint_eq(commands, 0);
	ck_assert(dones == 1 && !done_ok);
	ck_assert_ptr_nonnull(strstr(done_text, "remote_addrs"));
}
END_TEST

START_TEST(names_are_found_or_suggested)
{
	struct control_target t;
	char why[512];

	ck_assert(control_target_find(&conns, "office", &t, why, sizeof why));
	ck_assert(t.conn == office && !t.child);
	ck_assert(control_target_find(&conns, "office/dmz", &t, why, sizeof why));
	ck_assert_ptr_eq(t.child, &office->cfg->children[1]);
	ck_assert(!control_target_find(&conns, "ofice", &t, why, sizeof why));
	ck_assert_ptr_nonnull(strstr(why, "did you mean \"office\""));
	ck_assert_ptr_nonnull(strstr(why, "office, roads"));
	ck_assert(!control_target_find(&conns, "office/lna", &t, why, sizeof why));
	ck_assert_ptr_nonnull(strstr(why, "lan, dmz"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/conns");
	TCase *t = tcase_create("conns");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, up_waits_for_all_children);
	tcase_add_test(t, rekey_waits_for_all);
	tcase_add_test(t, rekey_of_one);
	tcase_add_loop_test(t, rekey_of_what_goes, 0, 2);
	tcase_add_test(t, rekey_of_nothing);
	tcase_add_test(t, what_is_up_is_an_answer_at_once);
	tcase_add_test(t, one_child_alone);
	tcase_add_test(t, next_address_after_silence_only);
	tcase_add_test(t, failure_is_told_and_not_repeated_for_up);
	tcase_add_test(t, kept_is_tried_again_as_often_as_allowed);
	tcase_add_test(t, part_of_the_children_fails);
	tcase_add_test(t, down_ends_it_and_is_waited_for);
	tcase_add_test(t, down_of_what_is_down);
	tcase_add_test(t, down_ends_an_attempt);
	tcase_add_test(t, loss_is_answered_as_configured);
	tcase_add_test(t, packets_ask_once);
	tcase_add_test(t, nobody_to_call);
	tcase_add_test(t, names_are_found_or_suggested);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

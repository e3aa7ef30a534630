/*
 * What children become in ESP's tables: policies without a peer, priorities, a child for each
 * worker.
 */
#include "daemon/apply.h"
#include "daemon/policy.h"
#include "daemon/udp/errors.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 32, WORKERS = 4, KEY = 20 };

static struct esp *esp;
static struct apply apply;
static struct log log_out;
static struct paths paths;
static struct config_child kids[4];
static struct config_conn conn = {.name = "c", .children = kids};
static struct config config = {.conns = &conn, .conns_n = 1};
static struct config_ts ts[8];
static uint32_t child_id;
static uint64_t now_ms;

/* Children by mode, selectors and priority. */
static void set_child(size_t i, enum config_mode mode, const char *remote, uint32_t priority)
{
	struct config_ts *l = &ts[2 * i], *r = &ts[2 * i + 1];

	*l = *r = (struct config_ts){.dynamic = false};
	ck_assert(ts_parse(&l->ts, "10.1.0.0/16"));
	ck_assert(ts_parse(&r->ts, remote));
	kids[i] = (struct config_child){.name = "x",
	    .local_ts = l,
	    .local_ts_n = 1,
	    .remote_ts = r,
	    .remote_ts_n = 1,
	    .mode = mode,
	    .priority = priority};
	conn.children_n = i + 1;
}

static void begin(void)
{
	struct esp_params ep = {.slots = SLOTS, .workers = WORKERS};

	esp = esp_new(&ep);
	log_init(&log_out, stderr);
	log_out.level = LOG_ERROR;
	paths_init(&paths, NULL);
	struct apply_params p = {.esp = esp,
	    .slots = SLOTS,
	    .workers = WORKERS,
	    .paths = &paths,
	    .log = &log_out,
	    .dev = "",
	    .traps = 4};
	ck_assert(apply_init(&apply, &p));
	child_id = 0;
}

static void finish(void)
{
	apply_fini(&apply);
	esp_free(esp);
}

/* Not sooner after another than policies are compiled. */
static void commit(void)
{
	now_ms += 1000;
	apply_commit(&apply, now_ms);
}

static struct apply_child *up_for(size_t kid, bool per_resource, uint32_t resource, uint32_t behind)
{
	static const uint8_t key[KEY];
	const struct config_child *cfg = &kids[kid];
	struct ike_child_up up = {.spi_in = esp_spi_get(esp),
	    .spi_out = 0x1000,
	    .encap = true,
	    .behind = behind,
	    .mode = {.per_resource = per_resource, .resource = resource}};
	struct ike_sa_ref ref = {.ike_id = 1, .child_id = ++child_id, .conn = &conn, .child = cfg};

	ck_assert(addr_parse(&up.remote.addr, "127.0.0.1"));
	up.suite.encr =
	    (struct transform){.type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 128};
	up.local_ts = (struct ts_list){1, {cfg->local_ts[0].ts}};
	up.remote_ts = (struct ts_list){1, {cfg->remote_ts[0].ts}};
	ck_assert(secret_copy(&up.encr_in, bytes_of(key, sizeof key)));
	ck_assert(secret_copy(&up.encr_out, bytes_of(key, sizeof key)));
	ck_assert(apply_child_up(&apply, &ref, &up, now_ms));
	commit();
	secret_fini(&up.encr_in);
	secret_fini(&up.encr_out);
	return apply.first;
}

/* From 10.1.0.1, in 512 bytes. */
static struct pkt packet_to(uint8_t *buf, const char *to)
{
	uint8_t *ip = buf + PKT_HEADROOM;
	struct addr a;

	memset(buf, 0, 512);
	memcpy(ip, (const uint8_t[]){0x45, 0, 0, 40, 0, 0, 0, 0, 64, 253, 0, 0, 10, 1, 0, 1}, 16);
	ck_assert(addr_parse(&a, to));
	memcpy(ip + 16, a.b, 4);
	return (struct pkt){.base = buf, .cap = 512, .off = PKT_HEADROOM, .len = 40};
}

/* What becomes of it. */
static enum esp_verdict send(uint32_t worker, const char *to, uint32_t *slot)
{
	static uint8_t buf[512];
	struct esp_worker *w = esp_worker_get(esp, worker);
	struct pkt p = packet_to(buf, to);

	esp_worker_enter(w);
	esp_encap(w, &p, 1);
	esp_worker_leave(w);
	*slot = p.slot;
	return (enum esp_verdict)p.verdict;
}

static void expect(const char *to, enum esp_verdict v)
{
	uint32_t slot;
	enum esp_verdict got = send(0, to, &slot);

	ck_assert_msg(got == v, "%s: %s, not %s", to, esp_verdict_name(got), esp_verdict_name(v));
}

/* ---- Policies ---- */

START_TEST(the_more_specific_wins)
{
	set_child(0, MODE_TUNNEL, "10.2.0.0/16", 0);
	set_child(1, MODE_PASS, "10.2.3.0/24", 0);
	set_child(2, MODE_DROP, "10.2.3.4/32", 0);
	set_child(3, MODE_DROP, "10.0.0.0/8", 0);
	begin();
	ck_assert(apply_statics(&apply, &config));
	commit();
	expect("10.2.0.1", ESP_V_POLICY_DROP); /* before there is a tunnel */
	up_for(0, false, 0, 0);
	expect("10.2.0.1", ESP_V_OK);
	expect("10.2.3.1", ESP_V_PASS);
	expect("10.2.3.4", ESP_V_POLICY_DROP);
	expect("10.3.0.1", ESP_V_POLICY_DROP);
	expect("11.0.0.1", ESP_V_NO_POLICY);
	finish();
}
END_TEST

/* As specific: exceptions, the tunnel, what waits for packets, what is dropped. */
START_TEST(of_equal_ones)
{
	struct ts_list local, remote;

	set_child(0, MODE_TUNNEL, "10.2.0.0/16", 0);
	set_child(1, MODE_DROP, "10.2.0.0/16", 0);
	begin();
	policy_static_ts(kids[0].local_ts, 1, &local);
	policy_static_ts(kids[0].remote_ts, 1, &remote);
	ck_assert(apply_statics(&apply, &config));
	commit();
	expect("10.2.0.1", ESP_V_POLICY_DROP);
	ck_assert(apply_trap_set(
	    &apply, 0, POLICY_AUTO, &(struct nets_want){.local = &local, .remote = &remote}));
	commit();
	expect("10.2.0.1", ESP_V_ACQUIRE);
	up_for(0, false, 0, 0);
	expect("10.2.0.1", ESP_V_OK);
	finish();
	kids[1].mode = MODE_PASS;
	begin();
	ck_assert(apply_statics(&apply, &config));
	up_for(0, false, 0, 0);
	expect("10.2.0.1", ESP_V_PASS);
	finish();
}
END_TEST

START_TEST(a_priority_overrules)
{
	set_child(0, MODE_TUNNEL, "10.2.0.0/16", 0);
	set_child(1, MODE_DROP, "10.0.0.0/8", _i ? POLICY_AUTO + 1 : 1);
	begin();
	ck_assert(apply_statics(&apply, &config));
	up_for(0, false, 0, 0);
	expect("10.2.0.1", _i ? ESP_V_OK : ESP_V_POLICY_DROP);
	expect("10.3.0.1", ESP_V_POLICY_DROP);
	finish();
}
END_TEST

/* ---- One child for each worker ---- */

static uint32_t slot_of(uint32_t worker)
{
	uint32_t slot;

	ck_assert_int_eq(send(worker, "10.2.0.1", &slot), ESP_V_OK);
	return slot;
}

static void down(struct apply_child *c, bool replaced)
{
	apply_child_down(&apply, c->spi_in, replaced);
	commit();
}

START_TEST(each_worker_its_child)
{
	struct apply_child *of[WORKERS], *new_one;

	set_child(0, MODE_TUNNEL, "10.2.0.0/16", 0);
	begin();
	for (uint32_t i = 0; i < WORKERS; i++) {
		of[i] = up_for(0, true, i, 0);
		/* Those that have none share them. */
		for (uint32_t w = 0; w < WORKERS; w++)
			ck_assert_uint_eq(slot_of(w), of[w % (i + 1)]->slot_out);
	}
	/* New keys: the peer's, which stand behind the old ones at first. */
	new_one = up_for(0, true, 2, of[2]->spi_in);
	ck_assert_uint_eq(slot_of(2), of[2]->slot_out);
	down(of[2], true);
	ck_assert_uint_eq(slot_of(2), new_one->slot_out);
	/* Ours are used at once. */
	of[2] = up_for(0, true, 2, 0);
	ck_assert_uint_eq(slot_of(2), of[2]->slot_out);
	ck_assert_uint_eq(slot_of(1), of[1]->slot_out);
	down(new_one, true);
	/* The common one goes. */
	down(of[0], false);
	ck_assert_uint_eq(slot_of(0), of[1]->slot_out);
	ck_assert_uint_eq(slot_of(1), of[2]->slot_out);
	down(of[2], false);
	down(of[3], false);
	for (uint32_t w = 0; w < WORKERS; w++)
		ck_assert_uint_eq(slot_of(w), of[1]->slot_out);
	down(of[1], false);
	expect("10.2.0.1", ESP_V_NO_POLICY);
	finish();
}
END_TEST

/* Two peers' groups, and a child that is in none, do not mix. */
START_TEST(groups_are_apart)
{
	struct apply_child *a, *b;

	set_child(0, MODE_TUNNEL, "10.2.0.0/16", 0);
	set_child(1, MODE_TUNNEL, "10.2.0.0/24", 0);
	begin();
	a = up_for(0, true, 0, 0);
	up_for(0, true, 1, 0);
	b = up_for(1, true, 0, 0);
	for (uint32_t w = 0; w < WORKERS; w++)
		ck_assert_uint_eq(slot_of(w), b->slot_out);
	down(b, false);
	b = up_for(1, false, 0, 0);
	for (uint32_t w = 0; w < WORKERS; w++)
		ck_assert_uint_eq(slot_of(w), b->slot_out);
	down(b, false);
	ck_assert_uint_eq(slot_of(2), a->slot_out);
	finish();
}
END_TEST

/* ---- Paths ---- */

static uint32_t path_mtu(void)
{
	static uint8_t buf[512];
	struct esp_worker *w = esp_worker_get(esp, 0);
	struct pkt p = packet_to(buf, "10.2.0.1");
	const struct esp_path *path;

	esp_worker_enter(w);
	esp_encap(w, &p, 1);
	ck_assert_int_eq(p.verdict, ESP_V_OK);
	path = esp_pkt_path(w, &p);
	ck_assert_ptr_nonnull(path);
	uint32_t mtu = path->mtu;
	esp_worker_leave(w);
	return mtu;
}

START_TEST(a_path_gets_narrower)
{
	struct udp_too_big t = {.mtu = 1400, .by_icmp = true, .spi = 0x1001};
	uint32_t route;

	ck_assert(addr_parse(&t.dst, "127.0.0.1"));
	ck_assert_int_eq(udp_route_mtu(&t.dst, NULL, 0, &route), 0);
	set_child(0, MODE_TUNNEL, "10.2.0.0/16", 0);
	begin();
	up_for(0, false, 0, 0);
	ck_assert_uint_eq(path_mtu(), route);
	ck_assert_uint_eq(apply_too_big(&apply, &t, now_ms), 0); /* of no SA of ours */
	ck_assert_uint_eq(path_mtu(), route);
	t.spi = 0x1000;
	ck_assert_uint_eq(apply_too_big(&apply, &t, now_ms), 1400);
	ck_assert_uint_eq(apply_too_big(&apply, &t, now_ms), 0); /* no news */
	ck_assert_uint_eq(path_mtu(), 1400);
	t.by_icmp = false; /* our own route says so */
	t.spi = 0;
	t.mtu = 1300;
	ck_assert_uint_eq(apply_too_big(&apply, &t, now_ms), 1300);
	ck_assert_uint_eq(path_mtu(), 1300);
	apply_refresh(&apply, now_ms + PMTU_LIFE_MS - 1);
	ck_assert_uint_eq(path_mtu(), 1300);
	apply_refresh(&apply, now_ms + PMTU_LIFE_MS);
	ck_assert_uint_eq(path_mtu(), route);
	finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("daemon/apply");
	TCase *t = tcase_create("apply");

	tcase_add_test(t, the_more_specific_wins);
	tcase_add_test(t, of_equal_ones);
	tcase_add_loop_test(t, a_priority_overrules, 0, 2);
	tcase_add_test(t, each_worker_its_child);
	tcase_add_test(t, groups_are_apart);
	tcase_add_test(t, a_path_gets_narrower);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

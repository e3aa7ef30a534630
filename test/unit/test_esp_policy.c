/*
 * The compiled policy snapshot against a linear scan, and what the packet path makes of a policy.
 */
#include "esp/spd.h"
#include "test/unit/esp_pair.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { POLICIES = 300, FLOWS = 7000 };

static uint64_t serial(const void *ctx, uint32_t slot)
{
	(void)ctx;
	return slot + 1u;
}
static const struct esp_spd_serials serials = {.of = serial};

/* ---- Random policies in a small world, so that they overlap ---- */

static struct addr random_addr(struct rng *r, bool v6)
{
	struct addr a = {.family = v6 ? ADDR_V6 : ADDR_V4};

	a.b[0] = 10;
	a.b[v6 ? 15 : 3] = (uint8_t)rng_below(r, 16);
	a.b[v6 ? 7 : 2] = (uint8_t)rng_below(r, 3);
	return a;
}

static struct ts random_ts(struct rng *r, bool v6)
{
	static const uint8_t protos[] = {0, 0, TS_PROTO_TCP, TS_PROTO_UDP, TS_PROTO_ICMP};
	struct ts t = ts_any(v6 ? ADDR_V6 : ADDR_V4);
	struct addr a = random_addr(r, v6), b = random_addr(r, v6);
	bool swap = addr_cmp(&a, &b) > 0;

	switch (rng_below(r, 4)) {
	case 0: break;
	case 1: t.lo = t.hi = a; break;
	default: t.lo = swap ? b : a; t.hi = swap ? a : b;
	}
	t.proto = protos[rng_below(r, 5)];
	if (t.proto && rng_below(r, 2)) {
		t.port_lo = (uint16_t)rng_below(r, 6);
		t.port_hi = (uint16_t)(t.port_lo + rng_below(r, 4));
	}
	if (t.proto && rng_below(r, 8) == 0) {
		t.port_lo = 65535;
		t.port_hi = 0;
	}
	return t;
}

/* ---- The linear scan ---- */

/* How many addresses a selector has, less one, as two halves. */
static int width_cmp(const struct ts *a, const struct ts *b)
{
	uint8_t wa[16] = {0}, wb[16] = {0};
	unsigned n = a->lo.family == ADDR_V4 ? 4 : 16;
	int borrow_a = 0, borrow_b = 0;

	for (unsigned i = n; i-- > 0;) {
		int da = a->hi.b[i] - a->lo.b[i] - borrow_a,
		    db = b->hi.b[i] - b->lo.b[i] - borrow_b;
		borrow_a = da < 0;
		borrow_b = db < 0;
		wa[i] = (uint8_t)da;
		wb[i] = (uint8_t)db;
	}
	return memcmp(wa, wb, n);
}

static int ports(const struct ts *t)
{
	return ts_is_opaque(t) ? 0 : t->port_hi - t->port_lo;
}

static int narrower(const struct ts *a, const struct ts *b)
{
	int c = width_cmp(a, b);

	if (c == 0)
		c = (a->proto == 0) - (b->proto == 0);
	return c ? c : ports(a) - ports(b);
}

static bool better(const struct esp_policy *a, const struct esp_policy *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	int c = narrower(&a->remote, &b->remote);
	return (c ? c : narrower(&a->local, &b->local)) < 0;
}

static const struct esp_policy *scan(const struct esp_policy *v, size_t n, const struct ts_flow *f)
{
	const struct esp_policy *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (ts_match(&v[i].remote, &f->dst, f->proto, f->has_ports, f->dport) &&
		    ts_match(&v[i].local, &f->src, f->proto, f->has_ports, f->sport) &&
		    (!best || better(&v[i], best)))
			best = &v[i];
	return best;
}

static size_t random_packet(struct rng *r, uint8_t *p, bool v6)
{
	static const uint8_t protos[] = {TS_PROTO_TCP, TS_PROTO_UDP, TS_PROTO_ICMP, 99};
	size_t header = v6 ? 40 : 20;
	struct addr src = random_addr(r, v6), dst = random_addr(r, v6);

	memset(p, 0, header + 20);
	p[0] = v6 ? 0x60 : 0x45;
	be16_store(p + (v6 ? 4 : 2), (uint16_t)(v6 ? 20 : 40));
	p[v6 ? 6 : 9] = protos[rng_below(r, 4)];
	memcpy(p + (v6 ? 8 : 12), src.b, v6 ? 16 : 4);
	memcpy(p + (v6 ? 24 : 16), dst.b, v6 ? 16 : 4);
	be16_store(p + header, (uint16_t)rng_below(r, 8));
	be16_store(p + header + 2, (uint16_t)rng_below(r, 8));
	if (!v6 && rng_below(r, 8) == 0)
		be16_store(p + 6, 100); /* a later fragment */
	return header + 20;
}

START_TEST(against_a_scan)
{
	static struct esp_policy v[POLICIES];
	struct rng r = {(uint64_t)_i + 1};
	struct esp_spd *spd;
	uint8_t p[64];
	unsigned found = 0;

	for (uint32_t i = 0; i < POLICIES; i++) {
		bool v6 = rng_below(&r, 3) == 0;
		v[i] = (struct esp_policy){.priority = rng_below(&r, 4),
		    .action = ESP_PROTECT,
		    .slot = i,
		    .id = i,
		    .local = random_ts(&r, v6),
		    .remote = random_ts(&r, v6)};
	}
	size_t n = 50 + rng_below(&r, POLICIES - 50);
	ck_assert_int_eq(esp_spd_compile(v, n, &serials, 5, &spd), ESP_OK);
	for (unsigned i = 0; i < FLOWS; i++) {
		size_t len = random_packet(&r, p, rng_below(&r, 3) == 0);
		struct esp_flow flow;
		struct ts_flow plain;
		ck_assert(esp_flow_read(&flow, p, len));
		ck_assert(esp_flow_of(bytes_of(p, len), &plain));
		const struct esp_policy *want = scan(v, n, &plain);
		const struct esp_rule *got = esp_spd_find(spd, &flow);
		ck_assert_int_eq(got != NULL, want != NULL);
		if (got)
			ck_assert_uint_eq(got->id, want->id);
		found += got != NULL;
	}
	ck_assert_uint_gt(found, 0);
	esp_spd_free(spd);
}
END_TEST

START_TEST(ten_thousand_hosts)
{
	enum { HOSTS = 10000 };
	struct esp_policy *v = calloc(HOSTS, sizeof *v);
	struct esp_spd *spd;
	uint8_t p[64];

	for (uint32_t i = 0; i < HOSTS; i++) {
		struct addr a = addr_v4(0x0a000000 + i * 7);
		v[i] = (struct esp_policy){.action = ESP_PROTECT,
		    .id = i,
		    .local = ts_any(ADDR_V4),
		    .remote = ts_host(&a)};
	}
	ck_assert_int_eq(esp_spd_compile(v, HOSTS, &serials, 5, &spd), ESP_OK);
	for (uint32_t i = 0; i < HOSTS * 7; i++) {
		struct esp_flow f;
		pair_inner(p, ADDR_V4, 40);
		be32_store(p + 16, 0x0a000000 + i);
		ck_assert(esp_flow_read(&f, p, 40));
		const struct esp_rule *r = esp_spd_find(spd, &f);
		ck_assert_int_eq(r != NULL, i % 7 == 0);
		if (r)
			ck_assert_uint_eq(r->id, i / 7);
	}
	esp_spd_free(spd);
	free(v);
}
END_TEST

START_TEST(bad_selectors)
{
	struct esp_spd *spd = NULL;
	struct esp_policy p = {.local = ts_any(ADDR_V4), .remote = ts_any(ADDR_V4)};

	p.remote.lo = addr_v4(2);
	p.remote.hi = addr_v4(1);
	ck_assert_int_eq(esp_spd_compile(&p, 1, &serials, 5, &spd), ESP_EINVAL);
	p.remote = ts_any(ADDR_V6);
	ck_assert_int_eq(esp_spd_compile(&p, 1, &serials, 5, &spd), ESP_EINVAL);
	ck_assert_int_eq(esp_spd_compile(NULL, 0, &serials, 5, &spd), ESP_OK);
	esp_spd_free(spd);
}
END_TEST

/* ---- What the packet path does with it ---- */

START_TEST(actions)
{
	static const struct {
		enum esp_action action;
		enum esp_verdict want;
	} rows[] = {{ESP_TRAP, ESP_V_ACQUIRE}, {ESP_PASS, ESP_V_PASS},
	    {ESP_DROP, ESP_V_POLICY_DROP}, {ESP_PROTECT, ESP_V_NO_SA}};
	struct pair_options o = {0};
	static uint8_t buf[PAIR_BUF];
	struct pair p;

	pair_init(&p, &o);
	struct esp_policy policy = {.action = rows[_i].action,
	    .id = 42,
	    .slot = 60, /* no SA there */
	    .local = ts_any(ADDR_V4),
	    .remote = ts_any(ADDR_V4)};
	ck_assert_int_eq(esp_spd_set(p.left, &policy, 1), ESP_OK);
	struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
	ck_assert_int_eq(pair_encap(&p, &pkt), rows[_i].want);
	if (rows[_i].action == ESP_TRAP)
		ck_assert_uint_eq(pkt.slot, 42);
	ck_assert_uint_eq(pkt.len, 100);
	pair_fini(&p);
}
END_TEST

/* A policy whose SA is gone, and whose slot another SA has now, protects with neither. */
START_TEST(a_slot_used_again)
{
	static uint8_t buf[PAIR_BUF];
	struct pair_options o = {0};
	struct pair p;

	pair_init(&p, &o);
	esp_out_del(p.left, p.slot);
	ck_assert_uint_eq(esp_reclaim(p.left), 0);
	for (unsigned i = 0; i < 64; i++) {
		struct esp_out_params out = {.spi = 0x1000 + i, .keys = pair_keys(0, false)};
		uint32_t slot;
		ck_assert_int_eq(esp_out_add(p.left, &out, &slot), ESP_OK);
	}
	struct pkt pkt = pair_packet(buf, ADDR_V4, 100);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_NO_SA);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_policy");
	TCase *t = tcase_create("policy");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, against_a_scan, 0, 150);
	tcase_add_test(t, ten_thousand_hosts);
	tcase_add_test(t, bad_selectors);
	tcase_add_loop_test(t, actions, 0, 4);
	tcase_add_test(t, a_slot_used_again);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

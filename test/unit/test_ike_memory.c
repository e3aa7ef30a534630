/*
 * Failing memory: a whole session, in which the n-th allocation fails, for n = 1, 2, … until it
 * passes without a failure. Whatever fails, nothing leaks, no SPI is lost, and in the end both ends
 * are clean.
 *
 * Allocations of the engine go through the wrappers below (the linker's --wrap); OpenSSL's do not.
 */
#include "test/unit/ike_pair.h"
#include "test/unit/ike_test.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static unsigned long countdown; /* 0: none fails */
static unsigned failed;

static bool fails(void)
{
	if (pair_inside && countdown && --countdown == 0) {
		failed++;
		return true;
	}
	return false;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

/* Up with two children, one deleted, one that expires, then down from the other side. */
static void session(struct ike_pair *p)
{
	struct ike_command c = {.kind = IKE_CMD_DOWN, .conn = &p->a.conn, .child = &p->a.kids[1]};

	p->a.kids[0].hard.time_ms = 300000;
	pair_command(p, &p->a, IKE_CMD_UP);
	pair_wait(p, 200000);
	pair_inside = true;
	ike_engine_command(p->a.engine, p->now, &c);
	pair_inside = false;
	pair_wait(p, 200000);
	pair_command(p, &p->b, IKE_CMD_DOWN);
	pair_wait(p, 10000);
	pair_command(p, &p->a, IKE_CMD_STOP);
	pair_wait(p, 200000);
}

/* The caller asks for addresses, and gets them with all that can come with them. */
static void with_addresses(struct ike_pair *p)
{
	static struct addr vips[2], dns;
	static struct config_range range;
	static struct prefix behind;
	static char name[] = "pool", *names[] = {name};
	static char domain[] = "corp.example", *domains[] = {domain};
	static struct config_pool pool = {.name = name,
	    .addrs = &range,
	    .addrs_n = 1,
	    .dns = &dns,
	    .dns_n = 1,
	    .domains = domains,
	    .domains_n = 1,
	    .subnets = &behind,
	    .subnets_n = 1};

	vips[0] = vips[1] = (struct addr){.family = ADDR_V4};
	ck_assert(addr_parse(&range.lo, "10.9.0.1") && addr_parse(&range.hi, "10.9.0.2"));
	ck_assert(addr_parse(&dns, "10.2.0.53") && prefix_parse(&behind, "10.2.0.0/16"));
	p->a.conn.vips = vips;
	p->a.conn.vips_n = 2;
	p->b.config.pools = &pool;
	p->b.config.pools_n = 1;
	p->b.conn.pools = names;
	p->b.conn.pools_n = 1;
	for (size_t i = 0; i < 2; i++)
		p->a.local_ts[i].dynamic = p->b.remote_ts[i].dynamic = true;
}

static void with_fragments(struct ike_pair *p)
{
	p->a.conn.fragmentation = p->b.conn.fragmentation = FRAGMENTATION_YES;
	p->a.config.fragment_size = p->b.config.fragment_size = 256;
}

START_TEST(every_allocation)
{
	bool passed = false;
	unsigned long n, whole = 0;

	for (n = 1; n < 5000 && !passed; n++) {
		struct ike_pair p;
		struct ike_stats stats = {0};

		pair_init(&p);
		if (_i == 1) /* all that is long enough goes in fragments */
			with_fragments(&p);
		if (_i == 2)
			with_addresses(&p);
		failed = 0;
		countdown = n;
		if (pair_start(&p)) {
			session(&p);
			ike_engine_stats(p.b.engine, &stats);
			ck_assert_uint_eq(stats.ike_sas, 0);
			ck_assert_uint_eq(p.a.up + p.b.up <= p.a.down + p.b.down, 1);
			ck_assert_uint_eq(p.a.spis_out, 0);
			ck_assert_uint_eq(p.b.spis_out, 0);
			passed = failed == 0;
		}
		countdown = 0;
		whole += p.a.child_up == 2;
		if (passed) {
			ck_assert_uint_eq(p.a.child_up, 2);
			ck_assert(_i == 1 ? stats.fragments_in > 1 : stats.fragments_in == 0);
			ck_assert_uint_eq(p.a.last_child.vips_n, _i == 2 ? 2 : 0);
		}
		pair_fini(&p);
	}
	ck_assert(passed);
	ck_assert_uint_gt(n, 100); /* the wrappers were at work */
	/* A request that could not be handled is taken when it comes again: most sessions recover.
	 */
	ck_assert_uint_ge(whole * 100, n * 60);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_memory");

	add_loop(s, "every_allocation", every_allocation, 3);
	return run_suite(s);
}

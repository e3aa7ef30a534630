/*
 * Leases: who gets which address, and when they end. The rules are those of RFC 7296 sections
 * 3.15.1 and 3.15.3, and of tunike.conf(5).
 */
#include "ike/pool.h"
#include "test/unit/ike_test.h"

#include <stdio.h>

enum { RANGES = 2 };

static struct config_range ranges[3][RANGES];
static struct config_pool pools[3];
static struct config config = {.pools = pools};
static char *const both[] = {(char[]){"one"}, (char[]){"two"}};
static bool sharing; /* what `shares` says */

static void pool(size_t i, const char *name, const char *lo, const char *hi)
{
	struct config_pool *p = &pools[i];

	if (config.pools_n <= i) {
		*p = (struct config_pool){.name = (char *)(uintptr_t)name, .addrs = ranges[i]};
		config.pools_n = i + 1;
	}
	ck_assert(addr_parse(&ranges[i][p->addrs_n].lo, lo));
	ck_assert(addr_parse(&ranges[i][p->addrs_n].hi, hi));
	p->addrs_n++;
}

static bool shares(void *arg, const struct ike_lease *l)
{
	(void)arg;
	(void)l;
	return sharing;
}

static struct ike_lease *take(struct ike_pools *p, const char *who, const char *wanted, size_t n)
{
	struct ident id;
	struct ike_lease_ask a = {.who = &id, .names = both, .names_n = n, .shares = shares};

	ck_assert(ident_parse(&id, who) && addr_parse(&a.wanted, wanted));
	return ike_pools_take(p, &a);
}

static void expect_addr(const struct ike_lease *l, const char *text)
{
	char t[ADDR_TEXT];

	ck_assert_msg(l != NULL, "no lease, where %s was expected", text);
	ck_assert_str_eq(addr_text(ike_lease_addr(l), t), text);
}

static struct ike_pools *begin(void)
{
	struct ike_pools *p = ike_pools_new(&config, 100);

	ck_assert_ptr_nonnull(p);
	sharing = false;
	return p;
}

/* From the first to the last, then none; in the order of the pools. */
START_TEST(in_order)
{
	struct ike_lease *l[5];
	char who[32], text[200];

	config.pools_n = 0;
	pool(0, "one", "10.9.0.1", "10.9.0.2");
	pool(1, "two", "10.8.0.254", "10.8.1.0");
	struct ike_pools *p = begin();
	static const char *const want[] = {
	    "10.9.0.1", "10.9.0.2", "10.8.0.254", "10.8.0.255", "10.8.1.0"};

	for (size_t i = 0; i < 5; i++) {
		snprintf(who, sizeof who, "p%zu.example.org", i);
		l[i] = take(p, who, "0.0.0.0", 2);
		expect_addr(l[i], want[i]);
		ck_assert_str_eq(ike_lease_pool(l[i]), i < 2 ? "one" : "two");
	}
	ck_assert_ptr_null(take(p, "late.example.org", "0.0.0.0", 2));
	ck_assert_ptr_null(take(p, "late.example.org", "::", 2));
	ck_assert_str_eq(ike_pools_text(p, both, 2, ADDR_V4, text, sizeof text),
	    "pools.one (2 addresses, 2 in use), pools.two (3 addresses, 3 in use)");
	ike_pools_put(p, l[3]);
	expect_addr(take(p, "late.example.org", "0.0.0.0", 2), "10.8.0.255");
	ike_pools_free(p);
}
END_TEST

static void look(void *arg, const struct ike_pool_info *i)
{
	char *text = arg;

	snprintf(text + strlen(text), 200 - strlen(text), "%s %llu %llu %llu; ", i->name,
	    (unsigned long long)i->size, (unsigned long long)i->in_use,
	    (unsigned long long)i->remembered);
}

static void expect_shown(const struct ike_pools *p, const char *want)
{
	char text[200] = "";

	ike_pools_each(p, look, text);
	ck_assert_str_eq(text, want);
}

/* Sizes, in use, and kept. */
START_TEST(shown)
{
	config.pools_n = 0;
	pool(0, "one", "10.9.0.1", "10.9.0.2");
	pool(0, "one", "10.7.0.1", "10.7.0.1");
	pool(1, "two", "2001:db8::", "2001:db8:1::");
	struct ike_pools *p = begin();
	struct ike_lease *a = take(p, "a.example.org", "0.0.0.0", 2);
	struct ike_lease *b = take(p, "b.example.org", "0.0.0.0", 2);

	expect_shown(p, "one 3 2 0; two 18446744073709551615 0 0; ");
	sharing = true;
	ck_assert_ptr_eq(take(p, "a.example.org", "0.0.0.0", 2), a);
	ike_pools_put(p, b);
	expect_shown(p, "one 3 1 1; two 18446744073709551615 0 0; ");
	ike_pools_put(p, a);
	ike_pools_put(p, a);
	ck_assert_ptr_nonnull(take(p, "a.example.org", "::", 2));
	expect_shown(p, "one 3 0 2; two 18446744073709551615 1 0; ");
	config.pools_n = 0;
	pool(0, "one", "10.9.0.2", "10.9.0.2");
	ck_assert(ike_pools_load(p, &config));
	expect_shown(p, "one 1 0 1; ");
	ike_pools_free(p);
}
END_TEST

/* Who comes back gets what it had, until nothing else is left: then the oldest goes first. */
START_TEST(sticky)
{
	config.pools_n = 0;
	pool(0, "one", "10.9.0.1", "10.9.0.4");
	struct ike_pools *p = begin();
	struct ike_lease *a = take(p, "a.example.org", "0.0.0.0", 1);
	struct ike_lease *b = take(p, "b.example.org", "0.0.0.0", 1);

	ike_pools_put(p, b);
	ike_pools_put(p, a);
	expect_addr(a = take(p, "A.Example.ORG", "0.0.0.0", 1), "10.9.0.1");
	ike_pools_put(p, a);
	/* Those that were never leased come before those of others. */
	expect_addr(take(p, "c.example.org", "0.0.0.0", 1), "10.9.0.3");
	expect_addr(take(p, "d.example.org", "0.0.0.0", 1), "10.9.0.4");
	expect_addr(take(p, "e.example.org", "0.0.0.0", 1), "10.9.0.2"); /* b's, the oldest */
	expect_addr(take(p, "b.example.org", "0.0.0.0", 1), "10.9.0.1"); /* a's */
	ck_assert_ptr_null(take(p, "a.example.org", "0.0.0.0", 1));
	ike_pools_free(p);
}
END_TEST

/* RFC 7296 section 3.15.1: "it likely indicates that a previous connection existed with this
 * address and the requestor would like to reuse that address". */
START_TEST(asked_for)
{
	config.pools_n = 0;
	pool(0, "one", "10.9.0.1", "10.9.0.9");
	pool(1, "two", "10.8.0.1", "10.8.0.9");
	struct ike_pools *p = begin();
	struct ike_lease *l = take(p, "a.example.org", "10.9.0.7", 2);

	expect_addr(l, "10.9.0.7");
	/* Another's, held or not; one of a pool that is not for it; one of none. */
	expect_addr(take(p, "b.example.org", "10.9.0.7", 2), "10.9.0.1");
	ike_pools_put(p, l);
	expect_addr(take(p, "c.example.org", "10.9.0.7", 2), "10.9.0.2");
	expect_addr(take(p, "d.example.org", "10.8.0.5", 1), "10.9.0.3");
	expect_addr(take(p, "e.example.org", "192.0.2.1", 2), "10.9.0.4");
	expect_addr(take(p, "f.example.org", "10.8.0.5", 2), "10.8.0.5");
	expect_addr(take(p, "a.example.org", "10.9.0.7", 2), "10.9.0.7");
	ike_pools_free(p);
}
END_TEST

/* Two clients of one name have two addresses; one client that is here twice has one. */
START_TEST(twice_the_same)
{
	config.pools_n = 0;
	pool(0, "one", "10.9.0.1", "10.9.0.9");
	struct ike_pools *p = begin();
	struct ike_lease *first = take(p, "a.example.org", "0.0.0.0", 1);

	expect_addr(take(p, "a.example.org", "0.0.0.0", 1), "10.9.0.2");
	expect_addr(take(p, "a.example.org", "10.9.0.1", 1), "10.9.0.3");
	sharing = true;
	struct ike_lease *again = take(p, "a.example.org", "10.9.0.1", 1);
	ck_assert_ptr_eq(first, again);
	ck_assert_ptr_eq(take(p, "a.example.org", "0.0.0.0", 1), first);
	/* Three hold it: it is free when the last has gone. */
	sharing = false;
	ike_pools_put(p, first);
	ike_pools_put(p, first);
	ck_assert_ptr_ne(take(p, "a.example.org", "10.9.0.1", 1), first);
	ike_pools_put(p, first);
	ck_assert_ptr_eq(take(p, "a.example.org", "10.9.0.1", 1), first);
	ike_pools_free(p);
}
END_TEST

/* RFC 7296 section 3.15.3. */
START_TEST(interface_identifier)
{
	config.pools_n = 0;
	pool(0, "one", "2001:db8:0:9::1", "2001:db8:0:9:ffff:ffff:ffff:ffff");
	pool(0, "one", "10.9.0.1", "10.9.0.2");
	struct ike_pools *p = begin();

	expect_addr(take(p, "a.example.org", "::", 1), "2001:db8:0:9::1");
	expect_addr(take(p, "b.example.org", "2001:db8:0:9:1:2:3:4", 1), "2001:db8:0:9:1:2:3:4");
	expect_addr(take(p, "c.example.org", "2001:db8:ff:9:5:6:7:8", 1), "2001:db8:0:9:5:6:7:8");
	expect_addr(take(p, "d.example.org", "2001:db8:ff:9:5:6:7:8", 1), "2001:db8:0:9::2");
	expect_addr(take(p, "d.example.org", "0.0.0.0", 1), "10.9.0.1");
	ck_assert(ike_pools_have(p, both, 1, ADDR_V6));
	ck_assert(!ike_pools_have(p, both + 1, 1, ADDR_V6));
	ike_pools_free(p);
}
END_TEST

/* Another configuration: what is still in a pool of that name stays. */
START_TEST(reload)
{
	config.pools_n = 0;
	pool(0, "one", "10.9.0.1", "10.9.0.4");
	pool(1, "two", "10.8.0.1", "10.8.0.4");
	struct ike_pools *p = begin();
	struct ike_lease *held = take(p, "a.example.org", "10.9.0.3", 2);
	struct ike_lease *outside = take(p, "b.example.org", "10.9.0.4", 2);
	struct ike_lease *gone = take(p, "c.example.org", "10.8.0.1", 2);

	ike_pools_put(p, take(p, "d.example.org", "10.9.0.2", 2));
	ike_pools_put(p, take(p, "e.example.org", "10.8.0.2", 2));
	config.pools_n = 0;
	pool(0, "one", "10.9.0.2", "10.9.0.3");
	pool(1, "three", "10.8.0.1", "10.8.0.4");
	ck_assert(ike_pools_load(p, &config));
	expect_addr(held, "10.9.0.3");
	expect_addr(outside, "10.9.0.4");
	ck_assert_str_eq(ike_lease_pool(held), "one");
	ck_assert_str_eq(ike_lease_pool(outside), "");
	ck_assert_str_eq(ike_lease_pool(gone), "");
	expect_addr(take(p, "d.example.org", "0.0.0.0", 2), "10.9.0.2");
	ck_assert_ptr_null(take(p, "z.example.org", "0.0.0.0", 2));
	ike_pools_put(p, outside);
	ike_pools_put(p, gone);
	/* Nobody else got 10.8.0.1 while it was held elsewhere; now it is free. */
	config.pools_n = 0;
	pool(0, "one", "10.8.0.1", "10.8.0.1");
	ck_assert(ike_pools_load(p, &config));
	expect_addr(take(p, "z.example.org", "0.0.0.0", 1), "10.8.0.1");
	ck_assert_str_eq(ike_lease_pool(held), "");
	/* A pool that has an address that somebody of a pool before it still holds. */
	config.pools_n = 0;
	pool(0, "one", "10.9.0.3", "10.9.0.3");
	ck_assert(ike_pools_load(p, &config));
	ck_assert_ptr_null(take(p, "y.example.org", "0.0.0.0", 1));
	ike_pools_free(p);
}
END_TEST

/* No more is remembered than is allowed: the oldest goes. */
START_TEST(bounded)
{
	char who[32];

	config.pools_n = 0;
	pool(0, "one", "10.0.0.1", "10.255.255.254");
	struct ike_pools *p = begin();
	for (size_t i = 0; i < 1000; i++) {
		snprintf(who, sizeof who, "p%zu.example.org", i);
		ike_pools_put(p, take(p, who, "0.0.0.0", 1));
	}
	expect_addr(take(p, "p950.example.org", "0.0.0.0", 1), "10.0.3.183");
	expect_addr(take(p, "p100.example.org", "0.0.0.0", 1), "10.0.3.233");
	ike_pools_free(p);
}
END_TEST

/* All of 10,000 at once, each its own, and again after all have gone. */
START_TEST(ten_thousand)
{
	enum { N = 10000 };
	static struct ike_lease *l[N];
	static struct addr had[N];
	char who[32];

	config.pools_n = 0;
	pool(0, "one", "10.0.0.1", "10.0.39.16");
	struct ike_pools *p = ike_pools_new(&config, N);

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < N; i++) {
			size_t n = round == 1 ? N - 1 - i : i;

			snprintf(who, sizeof who, "p%zu.example.org", n);
			l[n] = take(p, who, "0.0.0.0", 1);
			ck_assert_ptr_nonnull(l[n]);
			if (round)
				ck_assert(addr_equal(ike_lease_addr(l[n]), &had[n]));
			had[n] = *ike_lease_addr(l[n]);
		}
		ck_assert_ptr_null(take(p, "late.example.org", "0.0.0.0", 1));
		for (size_t i = 0; i < N; i++)
			ike_pools_put(p, l[i]);
	}
	ike_pools_free(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_pool");

	add_test(s, "in order", in_order);
	add_test(s, "shown", shown);
	add_test(s, "sticky", sticky);
	add_test(s, "asked for", asked_for);
	add_test(s, "twice the same", twice_the_same);
	add_test(s, "interface identifier", interface_identifier);
	add_test(s, "reload", reload);
	add_test(s, "bounded", bounded);
	add_test(s, "ten thousand", ten_thousand);
	return run_suite(s);
}

/*
 * The walk at random: with a seed that is always the same, and with one that never is. With
 * arguments it is a long one: STEPS [SEED [HOSTS [EPISODE]]].
 */
#include "test/sim/walk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { STEPS = 25000 };

static void report(const struct walk_params *p, const struct walk_result *r)
{
	printf("walk: seed %llu, %u hosts: %llu steps, %llu quiet times, %llu IKE SAs, %llu Child "
	       "SAs, %llu rekeys, %llu restarts, %llu datagrams\n",
	    (unsigned long long)p->seed, p->hosts, (unsigned long long)r->steps,
	    (unsigned long long)r->quiets, (unsigned long long)r->ike_ups,
	    (unsigned long long)r->child_ups, (unsigned long long)r->rekeyed,
	    (unsigned long long)r->restarts, (unsigned long long)r->datagrams);
	fflush(stdout);
}

static uint64_t any_seed(void)
{
	uint32_t seed = 1;

	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = 1;
	return seed;
}

static void go(uint64_t seed, unsigned hosts)
{
	struct walk_params p = {.seed = seed, .steps = STEPS, .hosts = hosts};
	struct walk_result r;

	printf("walk: seed %llu, %u hosts …\n", (unsigned long long)seed, hosts);
	fflush(stdout);
	walk(&p, &r);
	report(&p, &r);
	/* It must have been something. */
	ck_assert_uint_eq(r.steps, STEPS);
	ck_assert_uint_gt(r.ike_ups, 100);
	ck_assert_uint_gt(r.rekeyed, 1000);
}

START_TEST(the_same)
{
	go(7296, 2 + (unsigned)_i);
}
END_TEST

START_TEST(another)
{
	go(any_seed(), 2 + (unsigned)_i);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_walk");
	TCase *t = tcase_create("walk");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, the_same, 0, 2);
	tcase_add_loop_test(t, another, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

static int long_walk(int argc, char **argv)
{
	struct walk_params p = {.steps = strtoull(argv[1], NULL, 10),
	    .seed = argc > 2 ? strtoull(argv[2], NULL, 10) : any_seed(),
	    .hosts = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2,
	    .first = argc > 4 ? strtoull(argv[4], NULL, 10) : 0,
	    .verbose = argc > 4};
	struct walk_result r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!p.steps || p.hosts < 2 || p.hosts > 3) {
		fprintf(stderr, "usage: %s STEPS [SEED [HOSTS [EPISODE]]]\n", argv[0]);
		return EXIT_FAILURE;
	}
	printf("walk: seed %llu, %u hosts …\n", (unsigned long long)p.seed, p.hosts);
	fflush(stdout);
	walk(&p, &r);
	report(&p, &r);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return long_walk(argc, argv);
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

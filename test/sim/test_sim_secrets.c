/*
 * What the engine frees holds no keys: every block that it gives back, while SAs come up, get new
 * keys and go, is searched for the keys that were in use. The linker puts the functions below in
 * the place of free and realloc for all that is linked statically (--wrap).
 */
#include "ike/child.h"
#include "ike/series.h"
#include "ike/task/task.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 512, PART = 12 }; /* so many bytes of a key in a row are no chance */

static uint8_t keys[KEYS][PART];
static size_t keys_n;
static bool armed;
static unsigned found, blocks;

void __real_free(void *p);
void *__real_realloc(void *p, size_t n);
void __wrap_free(void *p);
void *__wrap_realloc(void *p, size_t n);

static bool holds_a_key(const void *p, size_t n)
{
	for (size_t i = 0; i < keys_n; i++)
		if (memmem(p, n, keys[i], PART))
			return true;
	return false;
}

static void look(void *p)
{
	if (!p || !armed)
		return;
	blocks++;
	found += holds_a_key(p, malloc_usable_size(p));
}

void __wrap_free(void *p)
{
	look(p);
	__real_free(p);
}

/* It may move, and leave the old block behind. */
void *__wrap_realloc(void *p, size_t n)
{
	look(p);
	return __real_realloc(p, n);
}

static void add(const struct secret *s)
{
	struct bytes b = secret_bytes(s);

	if (b.n < PART)
		return;
	for (size_t i = 0; i < keys_n; i++)
		if (memcmp(keys[i], b.p, PART) == 0)
			return;
	ck_assert_uint_lt(keys_n, KEYS);
	memcpy(keys[keys_n++], b.p, PART);
}

/* What an additional key exchange adds comes last. */
static void learn_series(const struct ike_series *s)
{
	struct secret last = s->more;

	add(&s->shared);
	add(&s->more);
	if (last.n > 32) {
		last.p += last.n - 32;
		last.n = 32;
		add(&last);
	}
}

/* On the way up it may have two sets, with a PPK (RFC 8784) and without. */
static void learn_sa(const struct ike_sa *sa)
{
	const struct ike_series *mine = sa->active ? sa->active->series : NULL;

	add(&sa->keys.sk_d);
	for (const struct ike_series *s = sa->series; s; s = s->next)
		learn_series(s);
	if (mine)
		learn_series(mine);
	for (size_t i = 0; sa->setup && i < IKE_PPK_KEYS; i++)
		add(&sa->setup->ppk.others[i]);
}

static void learn(const struct sim_host *h)
{
	for (const struct ike_sa *sa = h->engine->first; sa; sa = sa->next)
		learn_sa(sa);
	for (size_t i = 0; i < h->keys_n; i++) {
		add(&h->keys[i].sk_ei);
		add(&h->keys[i].sk_er);
		add(&h->keys[i].sk_ai);
		add(&h->keys[i].sk_ar);
	}
	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		if (!h->children[i].up)
			continue;
		add(&h->children[i].sa.encr_in);
		add(&h->children[i].sa.encr_out);
		add(&h->children[i].sa.integ_in);
		add(&h->children[i].sa.integ_out);
	}
}

static void run(struct scenario *s, uint64_t ms)
{
	for (; ms > 0; ms -= 5) {
		sim_run_for(&s->sim, 5);
		learn(s->left);
		learn(s->right);
	}
}

/* Behind the text of a PSK: a PPK. */
#define AND_PPK "\"; }, { type = \"ppk\"; id = \"q\"; secret = \"quantum computers must guess this"

/* Bits of _i: CBC with HMAC instead of AEAD; the IKE SA is rekeyed; all is set up afresh; there is
 * a PPK, which is not required; additional key exchanges everywhere. */
START_TEST(freed_memory)
{
	REQ("7296-2.12-1");
	static const char *const esp[] = {"esp_proposals = [\"aes256gcm16-x25519\"];",
	    "esp_proposals = [\"aes256-sha512-x25519\"];",
	    "esp_proposals = [\"aes256gcm16-x25519-ke1_ecp256-ke2_ecp384\"];",
	    "esp_proposals = [\"aes256-sha512-x25519-ke1_ecp256-ke2_ecp384\"];"};
	static const char *const ike[] = {"\"aes256gcm16-prfsha384-x25519\"",
	    "\"aes256-sha384-x25519\"", "\"aes256gcm16-prfsha384-x25519-ke1_ecp256-ke2_ecp384\"",
	    "\"aes256-sha384-x25519-ke1_ecp256-ke2_ecp384\""};
	char left[256], right[256];
	struct scenario s;
	int form = (_i & 1) + (_i & 16 ? 2 : 0);

	snprintf(left, sizeof left,
	    SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "%s"), esp[form]);
	snprintf(right, sizeof right,
	    SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "%s"), esp[form]);
	struct scenario_side l = {.children = left, .proposals = ike[form]},
			     r = {.children = right, .proposals = ike[form]};
	if (_i & 8) {
		l.psk = r.psk = "a long enough secret for two" AND_PPK;
		l.conn = "dpd_delay = \"30s\"; ppk_id = \"q\";";
	}
	scenario_init(&s, 700 + (uint64_t)_i, &l, &r, NULL);
	keys_n = found = blocks = 0;
	armed = true;
	sim_up(s.left, "link", NULL, s.right);
	run(&s, 2000);
	scenario_expect_up(&s, 1);
	ck_assert_uint_ge(keys_n, _i & 8 ? 8 : 5);
	size_t before = keys_n;
	sim_rekey(s.left, "link", NULL, _i & 2);
	run(&s, 1000);
	ck_assert_uint_gt(keys_n, before);
	before = keys_n;
	if (_i & 4) {
		s.left->engine->first->reauth_at = s.sim.now + 10;
		ike_sa_settle(s.left->engine->first);
		run(&s, 1000);
		ck_assert_uint_gt(keys_n, before);
	}
	sim_down(s.right, "link", NULL);
	run(&s, 1000);
	sim_run_for(&s.sim, 600 * 1000);
	scenario_fini(&s);
	armed = false;
	ck_assert_uint_gt(blocks, 100);
	ck_assert_uint_eq(found, 0);
}
END_TEST

/* What is kept of a lost SA, presented, refused, and forgotten: RFC 5723. */
START_TEST(freed_when_resumed)
{
	static const struct scenario_side side = {
	    .conn = "dpd_delay = \"30s\"; resumption = true;"};
	struct scenario s;

	scenario_init(&s, 720, &side, &side, NULL);
	keys_n = found = blocks = 0;
	armed = true;
	for (unsigned i = 0; i < 3; i++) {
		sim_up(s.left, "link", NULL, s.right);
		run(&s, 2000);
		scenario_expect_up(&s, 1);
		ck_assert_uint_eq(
		    ike_ext_has(s.left->engine->first->extensions, IKE_EXT_RESUMED), i == 1);
		s.right->gone = true;
		sim_run_for(&s.sim, 300 * 1000);
		ck_assert_uint_eq(sim_ike_sas(s.left), 0);
		ck_assert_ptr_nonnull(s.left->engine->held);
		s.right->gone = false;
		if (i == 1)
			sim_host_restart(s.right, NULL);
	}
	sim_run_for(&s.sim, 3600 * 1000);
	ck_assert_ptr_null(s.left->engine->held);
	scenario_fini(&s);
	armed = false;
	ck_assert_uint_gt(blocks, 100);
	ck_assert_uint_eq(found, 0);
}
END_TEST

/* It would be seen. */
START_TEST(the_look_sees)
{
	uint8_t key[32] = "a key of thirty-two bytes, about";
	struct secret s = {key, sizeof key};
	uint8_t *p = malloc(100);
	void (*volatile give_back)(void *) = free; /* so that no compiler knows what it does */

	ck_assert_ptr_nonnull(p);
	keys_n = found = 0;
	add(&s);
	memcpy(p + 50, key, sizeof key);
	armed = true;
	give_back(p);
	armed = false;
	ck_assert_uint_eq(found, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sim_secrets");
	TCase *t = tcase_create("secrets");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_look_sees);
	tcase_add_loop_test(t, freed_memory, 0, 32);
	tcase_add_test(t, freed_when_resumed);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());

	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

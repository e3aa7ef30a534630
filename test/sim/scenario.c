/*
 * The usual pair of hosts, and what one expects of it.
 */
#include "test/sim/scenario.h"

#include "test/sim/internal.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const char *or_else(const char *a, const char *b)
{
	return a ? a : b;
}

const char *scenario_text(const struct scenario_side *side, bool left)
{
	static const struct scenario_side plain;
	static const char *const ids[] = {"right.example.org", "left.example.org"};
	static char text[8192];
	const struct scenario_side *s = side ? side : &plain;

	int n = snprintf(text, sizeof text,
	    "%s secrets = ( { type = \"psk\"; secret = \"%s\"; } );\n"
	    "connections = { link = { version = 2; local_addrs = [\"%%any\"];\n"
	    "remote_addrs = [\"%s\"]; proposals = [%s]; %s\n"
	    "local = { auth = \"psk\"; id = \"%s\"; }; remote = { auth = \"psk\"; id = \"%s\"; };\n"
	    "children = { %s }; }; };\n",
	    or_else(s->top, ""), or_else(s->psk, "a long enough secret for two"),
	    left ? "10.0.0.2" : "%any", or_else(s->proposals, "\"aes256gcm16-prfsha384-x25519\""),
	    or_else(s->conn, "dpd_delay = \"30s\";"), or_else(s->local_id, ids[left]),
	    or_else(s->remote_id, ids[!left]),
	    or_else(s->children, left ? SCENARIO_LEFT_LAN : SCENARIO_RIGHT_LAN));
	sim_must(n < (int)sizeof text, "a configuration is too long");
	return text;
}

void scenario_init(struct scenario *s, uint64_t seed, const struct scenario_side *left,
    const struct scenario_side *right, const struct ike_limits *right_limits)
{
	sim_init(&s->sim, seed);
	s->left = sim_host_add(&s->sim, "left", "10.0.0.1", scenario_text(left, true), NULL);
	s->right =
	    sim_host_add(&s->sim, "right", "10.0.0.2", scenario_text(right, false), right_limits);
}

void scenario_fini(struct scenario *s)
{
	sim_fini(&s->sim);
}

void scenario_connect(struct scenario *s)
{
	ck_assert_int_eq(sim_up(s->left, "link", NULL, s->right), IKE_OK);
	sim_run_for(&s->sim, 5000);
}

void scenario_expect_up(struct scenario *s, unsigned children)
{
	ck_assert_uint_eq(sim_ike_established(s->left), 1);
	ck_assert_uint_eq(sim_ike_established(s->right), 1);
	ck_assert_uint_eq(sim_ike_sas(s->left), 1);
	ck_assert_uint_eq(sim_ike_sas(s->right), 1);
	ck_assert_uint_eq(sim_children_up(s->left), children);
	ck_assert_uint_eq(sim_children_up(s->right), children);
	ck_assert(sim_mirrored(s->left, s->right));
}

void scenario_expect_gone(struct scenario *s)
{
	ck_assert_uint_eq(sim_ike_sas(s->left), 0);
	ck_assert_uint_eq(sim_ike_sas(s->right), 0);
	ck_assert_uint_eq(sim_children_up(s->left), 0);
	ck_assert_uint_eq(sim_children_up(s->right), 0);
}

void scenario_expect_words(const char *text, const char *words)
{
	ck_assert_msg(strstr(text, words) != NULL, "expected \"%s\" in: %s", words, text);
}

enum {
	GRACE_MS = 2000, /* how long the daemon keeps inbound keys that were replaced */
	STEP_MS = 4,     /* between packets */
	UNDER_WAY = 5,   /* of them: they take a little longer than IKE */
};

void scenario_traffic(struct scenario *s, uint64_t ms)
{
	uint32_t out[2][UNDER_WAY] = {{0}};

	/* Plain conditions: a check that holds costs a system call. */
	for (uint64_t n = 0; n < ms / STEP_MS; n++) {
		size_t at = n % UNDER_WAY;
		if (out[0][at] && !sim_receives(s->right, out[0][at], GRACE_MS))
			ck_abort_msg(
			    "%.3f s: right lacks %08x", (double)s->sim.now / 1000, out[0][at]);
		if (out[1][at] && !sim_receives(s->left, out[1][at], GRACE_MS))
			ck_abort_msg(
			    "%.3f s: left lacks %08x", (double)s->sim.now / 1000, out[1][at]);
		out[0][at] = sim_sends_with(s->left, "lan");
		out[1][at] = sim_sends_with(s->right, "lan");
		if (!out[0][at] || !out[1][at])
			ck_abort_msg("%.3f s: one end has no keys", (double)s->sim.now / 1000);
		sim_run_for(&s->sim, STEP_MS);
	}
}

/*
 * Two engines, of which each may be told lies by the other: the input says what they do (up, new
 * keys, children taken down, time) and how payloads of their messages change on the way, sealed
 * again with the right keys.
 *
 * The simulation's own checks hold all the time; and when both have been told to end and time has
 * passed, nothing is left of either.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/sim/evil.h"
#include "test/sim/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { OPS_MAX = 24, EDITS_MAX = 8, A_LONG_TIME = 1200 * 1000, DATA_MAX = 96 };

enum op {
	UP,
	REKEY_LEFT,
	REKEY_RIGHT,
	REKEY_IKE_LEFT,
	REKEY_IKE_RIGHT,
	DOWN_ONE,
	DOWN_RIGHT,
	SECOND,
	MINUTE,
	EDIT,
	OPS
};

/* One run. */
struct run {
	struct scenario s;
	struct evil edits[EDITS_MAX];
	size_t edits_n;
};

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t take(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

static struct bytes take_bytes(struct input *in, size_t n)
{
	struct bytes b;

	if (n > in->n)
		n = in->n;
	b = bytes_of(in->p, n);
	in->p += n;
	in->n -= n;
	return b;
}

/* ---- The wire ---- */

static bool tap(struct sim *sim, struct sim_wire *w)
{
	struct run *r = sim->tap_arg;

	for (size_t i = 0; i < r->edits_n; i++) {
		if (r->edits[i].number != w->number || r->edits[i].done)
			continue;
		sim->tap_arg = &r->edits[i];
		evil_tap(sim, w);
		sim->tap_arg = r;
	}
	return true;
}

/* Of a datagram that is still to come. */
static void arm(struct run *r, struct input *in)
{
	struct evil e = {.number = r->s.sim.sent + take(in) % 8, .payload = take(in) % 16};

	e.kind = (enum evil_kind)(take(in) % EVIL_KINDS);
	e.arg = take(in);
	if (e.kind == EVIL_DAMAGE || e.kind == EVIL_LENGTH)
		e.arg |= (uint32_t)take(in) << 8;
	if (e.kind == EVIL_BODY || e.kind == EVIL_INSERT)
		e.data = take_bytes(in, take(in) % DATA_MAX);
	if (r->edits_n < EDITS_MAX)
		r->edits[r->edits_n++] = e;
}

/* ---- What they do ---- */

static void act(struct run *r, enum op op, struct input *in)
{
	struct sim_host *left = r->s.left, *right = r->s.right;

	switch (op) {
	case UP: sim_up(left, "link", NULL, right); break;
	case REKEY_LEFT: sim_rekey(left, "link", "one", false); break;
	case REKEY_RIGHT: sim_rekey(right, "link", "two", false); break;
	case REKEY_IKE_LEFT: sim_rekey(left, "link", NULL, true); break;
	case REKEY_IKE_RIGHT: sim_rekey(right, "link", NULL, true); break;
	case DOWN_ONE: sim_down(left, "link", "one"); break;
	case DOWN_RIGHT: sim_down(right, "link", NULL); break;
	case SECOND: sim_run_for(&r->s.sim, 1000); break;
	case MINUTE: sim_run_for(&r->s.sim, 60000); break;
	case EDIT: arm(r, in); break;
	case OPS: break;
	}
}

static void must_be_gone(const struct sim_host *h)
{
	if (!sim_ike_sas(h) && !sim_children_up(h))
		return;
	fprintf(stderr, "%s has %zu IKE SAs and %u children left\n", h->name, sim_ike_sas(h),
	    sim_children_up(h));
	abort();
}

static const struct {
	const char *conn;
	bool road; /* the caller asks for addresses */
} manners[] = {
    {"dpd_delay = \"30s\";", false},
    {"dpd_delay = \"30s\"; childless = \"force\";", false},
    {"dpd_delay = \"30s\"; reauth_time = \"3m\"; rekey_time = \"0s\";", false},
    {"dpd_delay = \"30s\"; unique = \"keep\"; follow_redirects = false;", false},
    {"dpd_delay = \"30s\"; vips = [\"0.0.0.0\", \"::\", \"10.9.0.3\"];", true},
    {"dpd_delay = \"30s\"; vips = [\"0.0.0.0\"]; reauth_time = \"3m\"; childless = \"prefer\";",
	true},
    {"dpd_delay = \"30s\"; ppk_id = \"q\";", false},
    {"dpd_delay = \"30s\"; ppk_id = \"q\"; ppk_required = true;", false},
};

/* This bit of the first byte: with additional key exchanges (RFC 9370). */
enum { HYBRID = 0x40 };

#define MORE                                                                                     \
	"esp_proposals = [\"aes128gcm16-x25519-ke1_ecp256\"]; rekey_time = \"2m\"; life_time = " \
	"\"4m\";"
/* A pre-shared key and, behind it, a post-quantum one: RFC 8784. */
#define SECRETS                                                                                \
	"a long enough secret for two\"; }, { type = \"ppk\"; id = \"q\"; secret = \"quantum " \
	"computers must guess this"

#define PFS "esp_proposals = [\"aes128gcm16-x25519\"]; rekey_time = \"2m\"; life_time = \"4m\";"
#define BOTH(local1, remote1, local2, remote2) \
	SCENARIO_CHILD("one", local1, remote1, "") SCENARIO_CHILD("two", local2, remote2, PFS)

/* Between networks, or from the address that the caller is given. */
static const struct scenario_side sides[2][2] = {
    {{.children = BOTH("\"10.1.0.0/16\"", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "\"10.3.0.0/16\"")},
	{.children =
		BOTH("\"10.2.0.0/16\"", "\"10.1.0.0/16\"", "\"10.3.0.0/16\"", "\"10.1.0.0/16\"")}},
    {{.children = BOTH("\"dynamic\"", "\"10.2.0.0/16\"", "\"dynamic\"", "\"10.3.0.0/16\"")},
	{.children = BOTH("\"10.2.0.0/16\"", "\"dynamic\"", "\"10.3.0.0/16\"", "\"10.9.0.0/29\""),
	    .conn = "dpd_delay = \"30s\"; pools = \"p\";",
	    .top = "pools = { p = { addrs = [\"10.9.0.0/29\", \"2001:db8:9::/64\"]; dns = "
		   "\"10.2.0.53\"; domains = \"corp.example\"; }; };"}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = {data, n};
	static struct run r;

	r = (struct run){.edits_n = 0};
	uint8_t how = take(&in);
	size_t manner = (how & (HYBRID - 1u)) % (sizeof manners / sizeof manners[0]);
	struct scenario_side left = sides[manners[manner].road][0];
	struct scenario_side right = sides[manners[manner].road][1];
	left.conn = manners[manner].conn;
	if (how & HYBRID)
		left.proposals = right.proposals = "\"aes256gcm16-prfsha384-x25519-ke1_ecp256\"";
	if (how & HYBRID && !manners[manner].road) {
		left.children = SCENARIO_CHILD("one", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"", MORE)
		    SCENARIO_CHILD("two", "\"10.1.0.0/16\"", "\"10.3.0.0/16\"", MORE);
		right.children = SCENARIO_CHILD("one", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"", MORE)
		    SCENARIO_CHILD("two", "\"10.3.0.0/16\"", "\"10.1.0.0/16\"", MORE);
	}
	left.psk = right.psk = SECRETS;
	scenario_init(&r.s, 1, &left, &right, NULL);
	r.s.sim.tap = tap;
	r.s.sim.tap_arg = &r;
	for (int i = 0; i < OPS_MAX && in.n; i++)
		act(&r, (enum op)(take(&in) % OPS), &in);
	sim_run_for(&r.s.sim, 5000);
	sim_down(r.s.left, "link", NULL);
	sim_down(r.s.right, "link", NULL);
	sim_run_for(&r.s.sim, A_LONG_TIME);
	sim_down(r.s.left, "link", NULL);
	sim_down(r.s.right, "link", NULL);
	sim_run_for(&r.s.sim, A_LONG_TIME);
	must_be_gone(r.s.left);
	must_be_gone(r.s.right);
	scenario_fini(&r.s);
	return 0;
}

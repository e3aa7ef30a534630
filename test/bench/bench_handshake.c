/*
 * Handshakes in the simulation: CPU time of both ends for IKE_SA_INIT, IKE_AUTH with a PSK and one
 * Child SA, without sockets.
 */
#include "test/sim/scenario.h"

#include <stdio.h>
#include <time.h>

enum { WARM_UP = 5, ROUNDS = 200 };

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool handshake(struct scenario *s)
{
	sim_up(s->left, "link", NULL, s->right);
	sim_run_for(&s->sim, 100);
	bool up = sim_children_up(s->left) == 1 && sim_children_up(s->right) == 1;
	sim_down(s->left, "link", NULL);
	sim_run_for(&s->sim, 100);
	return up;
}

static int measure(const char *name, const char *proposals)
{
	struct scenario_side side = {.proposals = proposals};
	struct scenario s;
	double start = 0;
	int failed = 0;

	scenario_init(&s, 1, &side, &side, NULL);
	for (int i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = cpu_seconds();
		failed |= !handshake(&s);
	}
	double each = (cpu_seconds() - start) / ROUNDS;
	printf("%-36s %8.3f ms both ends  %8.0f handshakes/s\n", name, each * 1e3, 1 / each);
	scenario_fini(&s);
	return failed;
}

int main(void)
{
	return measure("aes128gcm16-prfsha256-x25519", "\"aes128gcm16-prfsha256-x25519\"") |
	       measure("aes256gcm16-prfsha384-ecp384", "\"aes256gcm16-prfsha384-ecp384\"") |
	       measure("aes128-sha256-modp2048", "\"aes128-sha256-modp2048\"");
}

/*
 * The table of security associations.
 */
#include "esp/sad.h"
#include "base/secret.h"

#include <stdlib.h>

bool esp_sad_init(struct esp_sad *s, uint32_t slots)
{
	*s = (struct esp_sad){.mask = slots - 1};
	s->in = calloc(slots, sizeof *s->in);
	s->out = calloc(slots, sizeof *s->out);
	s->reserved = calloc(slots, sizeof *s->reserved);
	bool ok = esp_slots_init(&s->in_slots, slots);
	ok = esp_slots_init(&s->out_slots, slots) && ok;
	return ok && s->in && s->out && s->reserved;
}

void esp_sa_in_free(struct esp_sa_in *sa)
{
	if (!sa) {
		return;
	}
	esp_crypto_free(sa->crypto);
	esp_window_fini(&sa->window);
	free(sa->sels);
	free(sa->transport);
	secret_wipe(sa, sizeof *sa);
	free(sa);
}

void esp_sa_out_free(struct esp_sa_out *sa)
{
	if (!sa) {
		return;
	}
	esp_crypto_free(sa->crypto);
	free(atomic_load(&sa->path));
	secret_wipe(sa, sizeof *sa);
	free(sa);
}

void esp_sad_fini(struct esp_sad *s)
{
	for (uint32_t i = 0; s->in && s->out && i <= s->mask; i++) {
		esp_sa_in_free(atomic_load(&s->in[i]));
		esp_sa_out_free(atomic_load(&s->out[i]));
	}
	free(s->in);
	free(s->out);
	free(s->reserved);
	esp_slots_fini(&s->in_slots);
	esp_slots_fini(&s->out_slots);
}

/*
 * A worker: its epoch, its totals, its stock of random bytes for the IVs of CBC (RFC 3602 section
 * 3: unpredictable).
 */
#include "esp/worker.h"
#include "base/secret.h"
#include "esp/internal.h"
#include "esp/outer.h"

#include <stdlib.h>
#include <string.h>

bool esp_worker_init(struct esp_worker *w, struct esp *e, uint32_t index)
{
	memset(w, 0, sizeof *w);
	w->esp = e;
	w->index = index;
	w->ciphers = esp_provider_worker(e->provider, index);
	w->sent = calloc((size_t)e->sad.mask + 1, sizeof *w->sent);
	return w->sent != NULL;
}

void esp_worker_fini(struct esp_worker *w)
{
	free(w->sent);
	secret_wipe(w, sizeof *w);
}

bool esp_worker_random(struct esp_worker *w, uint8_t *out, size_t n)
{
	if (w->random_left < n) {
		if (!esp_provider_random(w->esp->provider, w->random, sizeof w->random)) {
			return false;
		}
		w->random_left = sizeof w->random;
	}
	w->random_left -= n;
	memcpy(out, w->random + w->random_left, n);
	memset(w->random + w->random_left, 0, n);
	return true;
}

struct esp_worker *esp_worker_get(struct esp *e, uint32_t index)
{
	return index < e->workers_n ? &e->workers[index] : NULL;
}

void esp_worker_enter(struct esp_worker *w)
{
	esp_epoch_enter(&w->esp->epoch, w->index);
	esp_crypto_tidy(w->ciphers);
}

void esp_worker_leave(struct esp_worker *w)
{
	esp_epoch_leave(&w->esp->epoch, w->index);
}

bool esp_worker_attention(struct esp_worker *w)
{
	bool was = w->attention;

	w->attention = false;
	return was;
}

/* ---- Where packets go ---- */

struct esp_sa_out *esp_worker_sa(
    const struct esp_worker *w, const struct esp_rule *r, uint32_t *slot)
{
	const struct esp_rule_sa *own = w->index < r->group_n ? &r->group[w->index] : &r->sa;
	struct esp_sa_out *sa = esp_sad_out(&w->esp->sad, own->slot);

	if ((!sa || sa->serial != own->serial) && own != &r->sa) {
		own = &r->sa;
		sa = esp_sad_out(&w->esp->sad, own->slot);
	}
	*slot = own->slot;
	return sa && sa->serial == own->serial ? sa : NULL;
}

const struct esp_path *esp_pkt_path(const struct esp_worker *w, const struct pkt *pkt)
{
	const struct esp_sad *sad = &w->esp->sad;
	struct esp_sa_out *sa =
	    pkt->verdict == ESP_V_OK ? esp_sad_out(sad, pkt->slot & ESP_SLOT_MASK) : NULL;
	const struct esp_path_box *box = sa ? atomic_load(&sa->path) : NULL;

	return box ? &box->path : NULL;
}

uint32_t esp_pkt_mtu(const struct esp_worker *w, const struct pkt *pkt)
{
	const struct esp_sa_out *sa = esp_sad_out(&w->esp->sad, pkt->slot & ESP_SLOT_MASK);
	uint8_t *ip = pkt->base + pkt->off;
	struct esp_outer o;
	struct esp_flow f;

	if (!sa || (pkt->verdict != ESP_V_TOO_BIG && pkt->verdict != ESP_V_CUT) ||
	    !esp_flow_read(&f, ip, pkt->len) || esp_outer_of(sa, ip, &f, &o) != ESP_V_OK) {
		return 0;
	}
	return pkt->verdict == ESP_V_CUT ? o.carries : o.most;
}

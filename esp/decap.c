/*
 * Inbound: SA, replay check, opening, replay commit, padding, inner packet, selectors. RFC 4303
 * section 3.4, RFC 4301 section 5.2.
 *
 * A batch goes through this in three phases: what is known before the ciphers, the ciphers, what is
 * known after them. The window is looked at in the first phase and moves in the third, which looks
 * again: of two equal numbers in one batch, the second is a replay.
 */
#include "base/bytes.h"
#include "esp/inner.h"
#include "esp/internal.h"
#include "esp/resync.h"

enum {
	CHUNK = 64, /* packets that are opened together */
};

static enum esp_verdict verdict_of(enum esp_replay r)
{
	switch (r) {
	case ESP_REPLAY_NEW: return ESP_V_OK;
	case ESP_REPLAY_SEEN: return ESP_V_REPLAY;
	case ESP_REPLAY_OLD: break;
	}
	return ESP_V_OLD;
}

/* Length of the encrypted text; 0: the packet is too short, or no whole number of blocks, which are
 * powers of two. */
static uint32_t text_len(const struct esp_shape *s, uint32_t len)
{
	uint32_t around = (uint32_t)ESP_HDR_LEN + s->iv_len + s->icv_len;

	if (len < around + ESP_TRAILER_LEN || ((len - around) & (s->block - 1u))) {
		return 0;
	}
	return len - around;
}

static enum esp_verdict opened(enum esp_crypto_err err)
{
	switch (err) {
	case ESP_CRYPTO_OK: return ESP_V_OK;
	case ESP_CRYPTO_FORGED: return ESP_V_AUTH;
	case ESP_CRYPTO_FAILED:
	case ESP_CRYPTO_UNSUPPORTED:
	case ESP_CRYPTO_KEY:
	case ESP_CRYPTO_NOMEM: break;
	}
	return ESP_V_CRYPTO;
}

static enum esp_verdict charge(struct esp_worker *w, struct esp_life *l, uint32_t len)
{
	if (!l->limited) {
		return ESP_V_OK;
	}
	struct esp_life_mark mark = esp_life_charge(l, 1, len);
	unsigned due = esp_life_step(l, &mark, len);
	if (due && esp_life_raise(l, due)) {
		w->attention = true;
	}
	return due & ESP_DUE_HARD ? ESP_V_EXPIRED : ESP_V_OK;
}

/* ---- Phase one: before the ciphers ---- */

/* What is known of a packet between the phases. */
struct item {
	struct esp_sa_in *sa;
	struct pkt *p;
	uint64_t seq;
};

static enum esp_verdict admit(struct item *it, struct esp_job *job)
{
	struct esp_sa_in *sa = it->sa;
	uint8_t *esp = it->p->base + it->p->off;
	uint32_t text = text_len(&sa->shape, it->p->len), low = be32_load(esp + 4);

	if (text == 0) {
		return ESP_V_SHORT;
	}
	if (esp_life_over(&sa->life)) {
		return ESP_V_EXPIRED;
	}
	it->seq = sa->esn ? esp_window_guess(&sa->window, low) : low;
	*job = (struct esp_job){
	    .crypto = sa->crypto,
	    .esp = esp,
	    .text_len = text,
	    .seq_hi = (uint32_t)(it->seq >> 32),
	};
	return verdict_of(esp_window_check(&sa->window, it->seq));
}

/* `last`: the SA of a packet before, or NULL. Packets of one come in runs. */
static struct esp_sa_in *sa_of(
    const struct esp_worker *w, struct pkt *p, struct esp_sa_in *last, enum esp_verdict *v)
{
	struct esp_sa_in *sa;

	if (p->len < ESP_HDR_LEN || p->off > p->cap || p->len > p->cap - p->off) {
		*v = ESP_V_SHORT;
		return NULL;
	}
	uint32_t spi = be32_load(p->base + p->off);
	if (last && last->spi == spi) {
		p->slot = last->slot;
		return last;
	}
	sa = esp_sad_in(&w->esp->sad, spi);
	if (!sa) {
		*v = ESP_V_NO_SA;
		return NULL;
	}
	p->slot = sa->slot;
	if (sa->owner != w->index) {
		*v = ESP_V_STRAY;
		return NULL;
	}
	return sa;
}

/* ---- Phase three: after the ciphers ---- */

static enum esp_verdict finish(struct esp_worker *w, const struct item *it,
    const struct esp_job *job, struct esp_inner_run *run)
{
	struct esp_sa_in *sa = it->sa;
	uint32_t front = (uint32_t)ESP_HDR_LEN + sa->shape.iv_len;

	sa->forged = job->err == ESP_CRYPTO_FORGED ? sa->forged + 1 : 0;
	/* A packet of this batch may have been the SA's last one. */
	enum esp_verdict v = esp_life_over(&sa->life) ? ESP_V_EXPIRED : opened(job->err);

	if (v == ESP_V_OK) {
		v = verdict_of(esp_window_commit(&sa->window, it->seq));
	}
	if (v == ESP_V_OK) {
		v = esp_inner_take(w, sa, it->p, front, job->text_len, run);
	}
	if (v == ESP_V_OK) {
		v = charge(w, &sa->life, run->flow.total);
	}
	return v;
}

/* ---- A batch ---- */

static void judge(struct esp_worker *w, struct esp_sa_in *sa, struct pkt *p, enum esp_verdict v)
{
	p->verdict = (uint16_t)v;
	esp_count(&w->totals[v], 1);
	if (sa) {
		esp_count(&sa->drops[v], 1);
	}
}

/* What passed by one SA in a row, not yet counted. */
struct passed {
	struct esp_sa_in *sa;
	uint64_t packets, bytes;
};

static void count_passed(struct esp_worker *w, struct passed *t)
{
	if (t->packets) {
		esp_count(&w->totals[ESP_V_OK], t->packets);
		esp_count(&t->sa->tally.packets, t->packets);
		esp_count(&t->sa->tally.bytes, t->bytes);
	}
}

static void end_one(struct esp_worker *w, const struct item *it, const struct esp_job *job,
    struct esp_inner_run *run, struct passed *passed)
{
	enum esp_verdict v = finish(w, it, job, run);

	if (v != ESP_V_OK) {
		judge(w, it->sa, it->p, v);
		return;
	}
	it->p->verdict = ESP_V_OK;
	if (passed->sa != it->sa) {
		count_passed(w, passed);
		*passed = (struct passed){.sa = it->sa};
	}
	passed->packets++;
	passed->bytes += it->p->len;
}

static void decap_chunk(struct esp_worker *w, struct pkt *pkts, size_t n)
{
	struct item items[CHUNK];
	struct esp_job jobs[CHUNK];
	struct esp_inner_run run = {.sa = NULL};
	struct passed passed = {.sa = NULL};
	struct esp_sa_in *last = NULL;
	size_t k = 0;

	for (struct pkt *p = pkts; p < pkts + n; p++) {
		enum esp_verdict v = ESP_V_OK;
		items[k] = (struct item){.sa = sa_of(w, p, last, &v), .p = p};
		if (items[k].sa) {
			last = items[k].sa;
			v = admit(&items[k], &jobs[k]);
		}
		if (!items[k].sa || v != ESP_V_OK) {
			judge(w, items[k].sa, p, v);
		} else if (esp_resync_due(items[k].sa, p)) {
			esp_resync(w, items[k].sa, p, &jobs[k], &items[k].seq);
			end_one(w, &items[k], &jobs[k], &run, &passed);
		} else {
			k++;
		}
	}
	esp_crypto_open(w->ciphers, jobs, k);
	for (size_t i = 0; i < k; i++) {
		end_one(w, &items[i], &jobs[i], &run, &passed);
	}
	count_passed(w, &passed);
}

void esp_decap(struct esp_worker *w, struct pkt *pkts, size_t n)
{
	for (size_t at = 0; at < n; at += CHUNK) {
		decap_chunk(w, pkts + at, n - at < CHUNK ? n - at : CHUNK);
	}
}

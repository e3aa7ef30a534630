/*
 * Outbound: policy, sequence number, padding, trailer, sealing. RFC 4303 sections 2 and 3.3, tunnel
 * mode.
 *
 * A batch is cut into runs of packets that one SA takes; a run costs one atomic operation for its
 * sequence numbers and is sealed by one call.
 */
#include "base/bytes.h"
#include "esp/internal.h"
#include "esp/outer.h"

#include <string.h>

enum {
	CHUNK = 64, /* packets that are looked at together */
	NEXT_NONE = 59,
};

struct item {
	struct esp_sa_out *sa; /* NULL: it has its verdict */
	uint32_t total;        /* bytes of the inner packet */
	uint32_t text;         /* bytes of it that travel, with TFC padding */
	bool any_port;         /* its policy asks for no ports */
	struct esp_outer outer;
};

/* A packet that ends here. */
static void judge(struct esp_worker *w, struct esp_sa_out *sa, struct pkt *p, enum esp_verdict v)
{
	p->verdict = (uint16_t)v;
	esp_count(&w->totals[v], 1);
	if (sa) {
		atomic_fetch_add_explicit(&sa->drops[v], 1, memory_order_relaxed);
	}
}

/* ---- Policy ---- */

static enum esp_verdict apply_rule(
    const struct esp_worker *w, const struct esp_rule *r, struct pkt *p, struct item *it)
{
	if (!r) {
		return ESP_V_NO_POLICY;
	}
	switch (r->action) {
	case ESP_PROTECT:
		it->sa = esp_worker_sa(w, r, &p->slot);
		it->any_port = r->local.any_port && r->remote.any_port;
		return it->sa ? ESP_V_OK : ESP_V_NO_SA;
	case ESP_TRAP: p->slot = r->id; return ESP_V_ACQUIRE;
	case ESP_PASS: return ESP_V_PASS;
	case ESP_DROP: break;
	}
	return ESP_V_POLICY_DROP;
}

/* Bytes that travel: with TFC padding, as far as there is room for it. */
static uint32_t text_of(const struct esp_sa_out *sa, const struct pkt *p, const struct item *it)
{
	uint32_t text = it->total - it->outer.skip;

	if (sa->tfc_padding == 0) {
		return text;
	}
	uint32_t around = p->off + sa->shape.icv_len;
	uint32_t room = p->cap > around ? p->cap - around : 0;
	room -= room % sa->shape.align;
	room -= room ? ESP_TRAILER_LEN : 0;
	uint32_t padded = esp_outer_padded(sa, text);
	if (padded > room) {
		padded = room;
	}
	return text > padded ? text : padded;
}

/* What follows from header and size together. */
static enum esp_verdict measure(struct pkt *p, struct item *it)
{
	uint8_t df = esp_outer_df(&it->outer, it->total) ? PKT_DF : 0;

	p->tos = it->outer.tos;
	p->flags = (uint8_t)((p->flags & ~PKT_DF) | df);
	it->text = text_of(it->sa, p, it);
	if (esp_outer_too_big(&it->outer, it->total)) {
		return ESP_V_TOO_BIG;
	}
	return esp_outer_cut(&it->outer, it->total) ? ESP_V_CUT : ESP_V_OK;
}

/* The packet ends here. */
static void refuse(struct esp_worker *w, struct pkt *p, struct item *it, enum esp_verdict v)
{
	judge(w, it->sa, p, v);
	it->sa = NULL;
}

/* A segment of a super-packet goes where the segment before it goes. */
static void follow(struct esp_worker *w, struct pkt *p, const struct pkt *before, struct item *it)
{
	*it = it[-1];
	p->slot = before->slot;
	if (p->len == it->total) { /* as nearly all are: what was measured holds */
		p->tos = before->tos;
		p->flags = (uint8_t)((p->flags & ~PKT_DF) | (before->flags & PKT_DF));
		return;
	}
	it->total = p->len;
	enum esp_verdict v = measure(p, it);
	if (v != ESP_V_OK) {
		refuse(w, p, it, v);
	}
}

static void look_up(struct esp_worker *w, const struct esp_spd *spd, struct pkt *p, struct item *it)
{
	uint8_t *ip = p->base + p->off;
	struct esp_flow flow;
	enum esp_verdict v = ESP_V_MALFORMED_INNER;

	*it = (struct item){0};
	p->tos = 0;
	if (esp_flow_read(&flow, ip, p->len)) {
		it->total = flow.total;
		v = apply_rule(w, esp_spd_find(spd, &flow), p, it);
	}
	if (v == ESP_V_OK) {
		v = esp_outer_of(it->sa, ip, &flow, &it->outer);
	}
	if (v == ESP_V_OK) {
		/* RFC 4301 section 7: the peer knows fragments but the first by their addresses
		 * and protocol alone. One header of transport mode is for one packet. */
		it->outer.cuts = it->any_port && flow.family == ADDR_V4 && it->outer.skip == 0;
		v = measure(p, it);
	}
	if (v != ESP_V_OK) {
		refuse(w, p, it, v);
	}
}

/* ---- One packet ---- */

/* Bytes of padding: text, with its trailer, ends on the alignment, a power of two. */
static uint32_t pad_of(const struct esp_shape *s, uint32_t len)
{
	return -(len + ESP_TRAILER_LEN) & (s->align - 1u);
}

static bool has_room(const struct esp_shape *s, const struct pkt *p, const struct item *it)
{
	uint64_t at = (uint64_t)p->off + it->outer.skip;
	uint32_t behind = pad_of(s, it->text) + ESP_TRAILER_LEN + s->icv_len;

	return at >= (uint32_t)ESP_HDR_LEN + s->iv_len && p->off <= p->cap &&
	       at + it->text + behind <= p->cap;
}

static bool write_iv(struct esp_worker *w, const struct esp_shape *s, uint8_t *iv, uint64_t seq)
{
	if (s->random_iv) {
		return esp_worker_random(w, iv, s->iv_len);
	}
	if (s->iv_len) {
		be64_store(iv, seq);
	}
	return true;
}

/*
 *     SPI | sequence number | IV | inner packet | 0, 0, … | 1, 2, 3, … | pad length | next header |
 * ICV
 */
static bool dress(struct esp_worker *w, const struct esp_sa_out *sa, const struct pkt *p,
    const struct item *it, uint64_t seq, struct esp_job *job)
{
	const struct esp_shape *s = &sa->shape;
	uint32_t pad = pad_of(s, it->text), front = (uint32_t)ESP_HDR_LEN + s->iv_len;
	uint8_t *inner = p->base + p->off + it->outer.skip, *esp = inner - front;
	uint32_t len = it->total - it->outer.skip;
	uint8_t *trailer = inner + it->text;

	if (it->text > len) {
		memset(inner + len, 0, it->text - len);
	}
	be32_store(esp, sa->spi);
	be32_store(esp + 4, (uint32_t)seq);
	for (uint32_t i = 1; i <= pad; i++) {
		*trailer++ = (uint8_t)i;
	}
	trailer[0] = (uint8_t)pad;
	trailer[1] = it->outer.next;
	*job = (struct esp_job){
	    .crypto = sa->crypto,
	    .esp = esp,
	    .text_len = it->text + pad + ESP_TRAILER_LEN,
	    .seq_hi = sa->esn ? (uint32_t)(seq >> 32) : 0,
	};
	return write_iv(w, s, esp + ESP_HDR_LEN, seq);
}

/* ---- A run of packets of one SA ---- */

static uint64_t last_number(const struct esp_sa_out *sa)
{
	return sa->esn ? UINT64_MAX : UINT32_MAX;
}

/* Why an SA that has stopped takes no more. */
static enum esp_verdict stopped_by(const struct esp_sa_out *sa)
{
	uint64_t last = atomic_load_explicit(&sa->seq, memory_order_relaxed);

	return last >= last_number(sa) ? ESP_V_SEQ_EXHAUSTED : ESP_V_EXPIRED;
}

/* New keys are due when a sixteenth of the numbers is left: time enough at any rate. */
static unsigned numbers_due(const struct esp_sa_out *sa, uint64_t taken)
{
	uint64_t last = last_number(sa);

	return taken > last - last / 16 ? ESP_DUE_SOFT : 0;
}

/* Takes up to n numbers. The last number is never followed by another. */
static uint32_t take_numbers(struct esp_sa_out *sa, uint32_t n, uint64_t *first)
{
	uint64_t last_ever = last_number(sa);
	uint64_t last = atomic_load_explicit(&sa->seq, memory_order_relaxed);
	uint32_t got;

	do {
		uint64_t left = last < last_ever ? last_ever - last : 0;
		got = n <= left ? n : (uint32_t)left;
	} while (got && !atomic_compare_exchange_weak_explicit(&sa->seq, &last, last + got,
			    memory_order_relaxed, memory_order_relaxed));
	*first = last + 1;
	return got;
}

static void note_due(struct esp_worker *w, struct esp_life *l, unsigned due)
{
	if (due && esp_life_raise(l, due)) {
		w->attention = true;
	}
}

static bool fits(struct esp_worker *w, struct esp_sa_out *sa, struct pkt *p, const struct item *it)
{
	p->verdict = ESP_V_OK;
	if (has_room(&sa->shape, p, it)) {
		return true;
	}
	if (p->flags & PKT_TIGHT) {
		p->verdict = ESP_V_NO_ROOM;
	} else {
		judge(w, sa, p, ESP_V_NO_ROOM);
	}
	return false;
}

/* Verdicts that need no number: room and lifetimes. Returns how many packets go on (verdict OK). */
static uint32_t admit(
    struct esp_worker *w, struct esp_sa_out *sa, struct pkt *p, const struct item *it, size_t n)
{
	struct esp_life_mark mark = {0};
	uint64_t bytes = 0;
	uint32_t admitted = 0;
	/* An SA that has stopped is charged no more, so nothing new comes due. */
	bool charged = sa->life.limited && !esp_life_over(&sa->life);

	for (size_t i = 0; i < n; i++) {
		if (fits(w, sa, &p[i], &it[i])) {
			admitted++;
			bytes += it[i].total;
		}
	}
	if (!charged && !esp_life_over(&sa->life)) {
		return admitted;
	}
	if (charged) {
		mark = esp_life_charge(&sa->life, admitted, bytes);
	}
	for (size_t i = 0; i < n; i++) {
		if (p[i].verdict != ESP_V_OK) {
			continue;
		}
		unsigned due = charged ? esp_life_step(&sa->life, &mark, it[i].total) : 0;
		note_due(w, &sa->life, due);
		if ((due & ESP_DUE_HARD) || esp_life_over(&sa->life)) {
			judge(w, sa, &p[i], stopped_by(sa));
			admitted--;
		}
	}
	return admitted;
}

/* Everything but the ciphers, for all packets of a run. Returns how many jobs there are; of[k] is
 * the packet of job k. */
static size_t prepare(struct esp_worker *w, struct esp_sa_out *sa, struct pkt *p,
    const struct item *it, size_t n, struct esp_job *jobs, uint8_t *of)
{
	uint32_t wanted = admit(w, sa, p, it, n);
	uint64_t seq = 0;
	uint32_t left = wanted ? take_numbers(sa, wanted, &seq) : 0;
	size_t k = 0;

	note_due(w, &sa->life, left ? numbers_due(sa, seq + left - 1) : 0);
	for (size_t i = 0; i < n; i++) {
		if (p[i].verdict != ESP_V_OK) {
			continue;
		}
		if (left == 0) {
			note_due(w, &sa->life, ESP_DUE_HARD);
			judge(w, sa, &p[i], ESP_V_SEQ_EXHAUSTED);
			continue;
		}
		left--;
		of[k] = (uint8_t)i;
		if (dress(w, sa, &p[i], &it[i], seq++, &jobs[k])) {
			k++;
		} else {
			judge(w, sa, &p[i], ESP_V_CRYPTO);
		}
	}
	return k;
}

static void encap_run(
    struct esp_worker *w, struct esp_sa_out *sa, struct pkt *p, const struct item *it, size_t n)
{
	uint32_t front = (uint32_t)ESP_HDR_LEN + sa->shape.iv_len;
	struct esp_job jobs[CHUNK];
	uint8_t of[CHUNK];
	size_t k = prepare(w, sa, p, it, n, jobs, of);
	uint64_t passed = 0, bytes = 0;

	esp_crypto_seal(w->ciphers, jobs, k);
	for (size_t j = 0; j < k; j++) {
		struct pkt *sealed = &p[of[j]];
		if (jobs[j].err != ESP_CRYPTO_OK) {
			judge(w, sa, sealed, ESP_V_CRYPTO);
			continue;
		}
		sealed->off += it[of[j]].outer.skip;
		sealed->off -= front;
		sealed->len = front + jobs[j].text_len + sa->shape.icv_len;
		passed++;
		bytes += it[of[j]].total;
	}
	esp_count(&w->totals[ESP_V_OK], passed);
	esp_count(&w->sent[sa->slot].packets, passed);
	esp_count(&w->sent[sa->slot].bytes, bytes);
}

static void encap_chunk(struct esp_worker *w, struct pkt *pkts, size_t n)
{
	const struct esp_spd *spd = atomic_load(&w->esp->spd);
	struct item items[CHUNK];

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (pkts[i].flags & PKT_SAME_FLOW) && items[i - 1].sa) {
			follow(w, &pkts[i], &pkts[i - 1], &items[i]);
		} else {
			look_up(w, spd, &pkts[i], &items[i]);
		}
	}
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && items[end].sa == items[i].sa; end++) {
		}
		if (items[i].sa) {
			encap_run(w, items[i].sa, pkts + i, items + i, end - i);
		}
	}
}

void esp_encap(struct esp_worker *w, struct pkt *pkts, size_t n)
{
	for (size_t at = 0; at < n; at += CHUNK) {
		encap_chunk(w, pkts + at, n - at < CHUNK ? n - at : CHUNK);
	}
}

static void encap_pieces(
    struct esp_worker *w, struct esp_sa_out *sa, uint32_t slot, struct pkt *p, size_t n)
{
	struct item items[CHUNK];
	size_t k = 0;

	for (struct item *it = items; k < n; k++, it++) {
		uint8_t *ip = p[k].base + p[k].off;
		struct esp_flow flow;
		*it = (struct item){.sa = sa};
		p[k].slot = slot;
		if (!esp_flow_read(&flow, ip, p[k].len) ||
		    esp_outer_of(sa, ip, &flow, &it->outer) != ESP_V_OK) {
			break;
		}
		it->total = flow.total;
		(void)measure(&p[k], it);
	}
	for (size_t i = k; i < n; i++) {
		judge(w, NULL, &p[i], ESP_V_MALFORMED_INNER);
	}
	encap_run(w, sa, p, items, k);
}

void esp_encap_pieces(struct esp_worker *w, const struct pkt *whole, struct pkt *pieces, size_t n)
{
	struct esp_sa_out *sa = esp_sad_out(&w->esp->sad, whole->slot & ESP_SLOT_MASK);

	for (size_t at = 0; at < n; at += CHUNK) {
		size_t some = n - at < CHUNK ? n - at : CHUNK;
		if (sa) {
			encap_pieces(w, sa, whole->slot, pieces + at, some);
			continue;
		}
		for (size_t i = 0; i < some; i++) {
			judge(w, NULL, &pieces[at + i], ESP_V_NO_SA);
		}
	}
}

bool esp_dummy(struct esp_worker *w, uint32_t slot, struct pkt *p)
{
	struct item it = {.sa = esp_sad_out(&w->esp->sad, slot & ESP_SLOT_MASK)};

	p->tos = p->flags = 0;
	p->slot = slot;
	if (!it.sa || p->off > p->cap || p->len > p->cap - p->off) {
		judge(w, NULL, p, it.sa ? ESP_V_NO_ROOM : ESP_V_NO_SA);
		return false;
	}
	memset(p->base + p->off, 0, p->len);
	uint32_t carries = atomic_load(&it.sa->path)->fits;
	it.total = p->len < carries ? p->len : carries;
	it.text = text_of(it.sa, p, &it);
	it.outer.next = NEXT_NONE;
	encap_run(w, it.sa, p, &it, 1);
	return p->verdict == ESP_V_OK;
}

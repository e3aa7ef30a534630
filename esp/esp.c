/*
 * The control side of the data plane: SPIs, SAs, policies, statistics, expiries. RFC 4301
 * section 4.4.
 */
#include "esp/internal.h"
#include "esp/mtu.h"

#include <stdlib.h>
#include <string.h>

/* ---- Life ---- */

static bool workers_new(struct esp *e, uint32_t n)
{
	bool ok = true;

	e->workers = aligned_alloc(ESP_CACHE_LINE, n * sizeof *e->workers);
	for (uint32_t i = 0; e->workers && i < n; i++) {
		ok = esp_worker_init(&e->workers[i], e, i) && ok;
	}
	return e->workers && ok;
}

static bool is_power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

struct esp *esp_new(const struct esp_params *p)
{
	struct esp *e;

	if (!is_power_of_two(p->slots) || p->slots > ESP_SLOTS_MAX || p->workers < 1 ||
	    p->workers > 64 || !(e = calloc(1, sizeof *e))) {
		return NULL;
	}
	e->workers_n = p->workers;
	bool ok = esp_sad_init(&e->sad, p->slots);
	ok = esp_epoch_init(&e->epoch, p->workers) && ok;
	e->provider = esp_provider_new(p->libctx, p->engine, p->workers);
	ok = ok && e->provider && workers_new(e, p->workers) &&
	     esp_provider_random(e->provider, (uint8_t *)&e->spd_seed, sizeof e->spd_seed);
	if (!ok) {
		esp_free(e);
		return NULL;
	}
	return e;
}

void esp_free(struct esp *e)
{
	if (!e) {
		return;
	}
	if (e->epoch.cells) {
		esp_epoch_fini(&e->epoch);
	}
	esp_sad_fini(&e->sad);
	esp_spd_free(atomic_load(&e->spd));
	for (uint32_t i = 0; e->workers && i < e->workers_n; i++) {
		esp_worker_fini(&e->workers[i]);
	}
	free(e->workers);
	esp_provider_free(e->provider);
	free(e);
}

size_t esp_reclaim(struct esp *e)
{
	return esp_epoch_reclaim(&e->epoch);
}

bool esp_keys_gone(struct esp *e)
{
	return esp_provider_keys_gone(e->provider);
}

/* ---- Inbound ---- */

uint32_t esp_spi_get(struct esp *e)
{
	struct esp_sad *s = &e->sad;
	uint32_t slot, high, spi = 0;

	if (!esp_slots_take(&s->in_slots, &slot)) {
		return 0;
	}
	while (spi < ESP_SPI_MIN) {
		if (!esp_provider_random(e->provider, (uint8_t *)&high, sizeof high)) {
			esp_slots_give(&s->in_slots, slot);
			return 0;
		}
		spi = (high & ~s->mask) | slot;
	}
	s->reserved[slot] = spi;
	return spi;
}

static bool is_reserved(const struct esp_sad *s, uint32_t spi)
{
	return spi >= ESP_SPI_MIN && s->reserved[spi & s->mask] == spi;
}

static void release_spi(struct esp_sad *s, uint32_t spi)
{
	s->reserved[spi & s->mask] = 0;
	esp_slots_give(&s->in_slots, spi & s->mask);
}

void esp_spi_put(struct esp *e, uint32_t spi)
{
	if (is_reserved(&e->sad, spi) && !esp_sad_in(&e->sad, spi)) {
		release_spi(&e->sad, spi);
	}
}

static bool set_selectors(struct esp_sa_in *sa, const struct esp_in_params *p)
{
	size_t n = p->local_ts->n + p->remote_ts->n;
	struct esp_sel *v = calloc(n ? n : 1, sizeof *v);

	if (!v) {
		return false;
	}
	for (size_t i = 0; i < p->local_ts->n; i++) {
		v[i] = esp_sel_of(&p->local_ts->v[i]);
	}
	for (size_t i = 0; i < p->remote_ts->n; i++) {
		v[p->local_ts->n + i] = esp_sel_of(&p->remote_ts->v[i]);
	}
	sa->sels = v;
	sa->local_n = (uint32_t)p->local_ts->n;
	sa->remote_n = (uint32_t)p->remote_ts->n;
	return true;
}

static enum esp_err crypto_err(enum esp_crypto_err e)
{
	switch (e) {
	case ESP_CRYPTO_OK: return ESP_OK;
	case ESP_CRYPTO_KEY: return ESP_EINVAL;
	case ESP_CRYPTO_NOMEM: return ESP_ENOMEM;
	case ESP_CRYPTO_FORGED:
	case ESP_CRYPTO_FAILED:
	case ESP_CRYPTO_UNSUPPORTED: break;
	}
	return ESP_EUNSUPPORTED;
}

static enum esp_err crypto_new(
    struct esp *e, const struct esp_keys *keys, bool sealing, struct esp_crypto **out)
{
	const struct esp_crypto_keys k = {
	    .encr = keys->encr,
	    .integ = keys->integ,
	    .encr_key = keys->encr_key,
	    .integ_key = keys->integ_key,
	    .esn = keys->esn,
	};

	return crypto_err(esp_crypto_new(e->provider, &k, sealing, out));
}

static enum esp_err in_fill(struct esp *e, struct esp_sa_in *sa, const struct esp_in_params *p)
{
	sa->spi = p->spi;
	sa->slot = p->spi & e->sad.mask;
	sa->owner = sa->slot % e->workers_n;
	sa->esn = p->keys.esn;
	sa->lenient_padding = p->lenient_padding;
	sa->headers = p->headers;
	esp_life_init(&sa->life, &p->life);
	if (p->headers.mode == ESP_TRANSPORT) {
		sa->transport = esp_transport_box_new(&p->transport);
		if (!sa->transport) {
			return ESP_ENOMEM;
		}
	}
	if (!esp_window_init(&sa->window, p->replay_window, p->first_seq) ||
	    !set_selectors(sa, p)) {
		return ESP_ENOMEM;
	}
	enum esp_err err = crypto_err(esp_shape_of(p->keys.encr, p->keys.integ, &sa->shape));
	return err ? err : crypto_new(e, &p->keys, false, &sa->crypto);
}

enum esp_err esp_in_add(struct esp *e, const struct esp_in_params *p)
{
	bool transport = p->headers.mode == ESP_TRANSPORT;
	struct esp_sa_in *sa;

	if (!is_reserved(&e->sad, p->spi) || esp_sad_in(&e->sad, p->spi) ||
	    p->replay_window > ESP_REPLAY_MAX ||
	    (transport && !esp_transport_valid(&p->transport))) {
		return ESP_EINVAL;
	}
	sa = aligned_alloc(ESP_CACHE_LINE, sizeof *sa);
	if (!sa) {
		return ESP_ENOMEM;
	}
	memset(sa, 0, sizeof *sa);
	enum esp_err err = in_fill(e, sa, p);
	if (err) {
		esp_sa_in_free(sa);
		return err;
	}
	/* Before the first packet: who receives it has left room for a header. */
	atomic_fetch_add(&e->transports, transport);
	atomic_store(&e->sad.in[sa->slot], sa);
	return ESP_OK;
}

static void in_retired(struct esp_epoch_item *item)
{
	esp_sa_in_free(ESP_EPOCH_OWNER(item, struct esp_sa_in, item));
}

void esp_in_del(struct esp *e, uint32_t spi)
{
	struct esp_sa_in *sa = esp_sad_in(&e->sad, spi);

	if (!sa) {
		return;
	}
	atomic_store(&e->sad.in[sa->slot], NULL);
	atomic_fetch_sub(&e->transports, sa->headers.mode == ESP_TRANSPORT);
	release_spi(&e->sad, spi);
	esp_epoch_retire(&e->epoch, &sa->item, in_retired);
}

bool esp_has_transport(const struct esp *e)
{
	return atomic_load_explicit(&e->transports, memory_order_relaxed) > 0;
}

static uint64_t read_counter(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void add_tally(struct esp_stats *to, const struct esp_tally *t)
{
	to->packets += read_counter(&t->packets);
	to->bytes += read_counter(&t->bytes);
}

static struct esp_stats stats_of(const _Atomic uint64_t drops[ESP_VERDICTS])
{
	struct esp_stats s = {0};

	for (size_t v = 0; v < ESP_VERDICTS; v++) {
		s.drops[v] = read_counter(&drops[v]);
	}
	return s;
}

bool esp_in_stats(const struct esp *e, uint32_t spi, struct esp_stats *out)
{
	const struct esp_sa_in *sa = esp_sad_in(&e->sad, spi);

	if (!sa) {
		return false;
	}
	*out = stats_of(sa->drops);
	add_tally(out, &sa->tally);
	out->seq = esp_window_top(&sa->window);
	return true;
}

/* ---- Outbound ---- */

static struct esp_path_box *box_new(const struct esp_shape *s, const struct esp_path *path)
{
	struct esp_path_box *box = calloc(1, sizeof *box);

	if (box) {
		box->path = *path;
		box->fits = path->mtu ? esp_mtu_fits(s, path, path->mtu) : ESP_FITS_ALL;
	}
	return box;
}

static enum esp_err out_fill(struct esp *e, struct esp_sa_out *sa, const struct esp_out_params *p)
{
	enum esp_err err = crypto_err(esp_shape_of(p->keys.encr, p->keys.integ, &sa->shape));

	if (err) {
		return err;
	}
	struct esp_path_box *box = box_new(&sa->shape, &p->path);
	if (!box) {
		return ESP_ENOMEM;
	}
	atomic_init(&sa->path, box);
	atomic_init(&sa->seq, p->first_seq);
	sa->spi = p->spi;
	sa->esn = p->keys.esn;
	sa->esp = e;
	sa->headers = p->headers;
	sa->tfc_padding = p->headers.mode == ESP_TRANSPORT ? 0 : p->tfc_padding;
	esp_life_init(&sa->life, &p->life);
	return crypto_new(e, &p->keys, true, &sa->crypto);
}

/* Nobody writes there: who had the slot before has been passed by all workers. */
static void clear_tallies(struct esp *e, uint32_t slot)
{
	for (uint32_t i = 0; i < e->workers_n; i++) {
		atomic_store_explicit(&e->workers[i].sent[slot].packets, 0, memory_order_relaxed);
		atomic_store_explicit(&e->workers[i].sent[slot].bytes, 0, memory_order_relaxed);
	}
}

enum esp_err esp_out_add(struct esp *e, const struct esp_out_params *p, uint32_t *slot)
{
	struct esp_sa_out *sa;
	enum esp_err err;

	if (p->spi < ESP_SPI_MIN) {
		return ESP_EINVAL;
	}
	sa = aligned_alloc(ESP_CACHE_LINE, sizeof *sa);
	if (!sa) {
		return ESP_ENOMEM;
	}
	memset(sa, 0, sizeof *sa);
	err = out_fill(e, sa, p);
	if (!err && !esp_slots_take(&e->sad.out_slots, &sa->slot)) {
		err = ESP_EFULL;
	}
	if (err) {
		esp_sa_out_free(sa);
		return err;
	}
	sa->serial = ++e->serial;
	clear_tallies(e, sa->slot);
	*slot = sa->slot;
	atomic_store(&e->sad.out[sa->slot], sa);
	return ESP_OK;
}

/* Its slot rests until now: a packet of a batch under way keeps finding nothing there, or itself.
 */
static void out_retired(struct esp_epoch_item *item)
{
	struct esp_sa_out *sa = ESP_EPOCH_OWNER(item, struct esp_sa_out, item);

	if (sa->esp->sad.out_slots.ring) {
		esp_slots_give(&sa->esp->sad.out_slots, sa->slot);
	}
	esp_sa_out_free(sa);
}

static struct esp_sa_out *out_at(const struct esp *e, uint32_t slot)
{
	return slot <= e->sad.mask ? esp_sad_out(&e->sad, slot) : NULL;
}

void esp_out_del(struct esp *e, uint32_t slot)
{
	struct esp_sa_out *sa = out_at(e, slot);

	if (sa) {
		atomic_store(&e->sad.out[slot], NULL);
		esp_epoch_retire(&e->epoch, &sa->item, out_retired);
	}
}

static void box_retired(struct esp_epoch_item *item)
{
	free(ESP_EPOCH_OWNER(item, struct esp_path_box, item));
}

enum esp_err esp_out_set_path(struct esp *e, uint32_t slot, const struct esp_path *path)
{
	struct esp_sa_out *sa = out_at(e, slot);
	struct esp_path_box *box;

	if (!sa) {
		return ESP_ENOENT;
	}
	box = box_new(&sa->shape, path);
	if (!box) {
		return ESP_ENOMEM;
	}
	struct esp_path_box *old = atomic_exchange(&sa->path, box);
	esp_epoch_retire(&e->epoch, &old->item, box_retired);
	return ESP_OK;
}

bool esp_out_stats(const struct esp *e, uint32_t slot, struct esp_stats *out)
{
	const struct esp_sa_out *sa = out_at(e, slot);

	if (!sa) {
		return false;
	}
	*out = stats_of(sa->drops);
	for (uint32_t i = 0; i < e->workers_n; i++) {
		add_tally(out, &e->workers[i].sent[slot]);
	}
	out->seq = read_counter(&sa->seq);
	return true;
}

/* ---- Totals and expiries ---- */

void esp_totals(const struct esp *e, uint64_t out[ESP_VERDICTS])
{
	memset(out, 0, ESP_VERDICTS * sizeof *out);
	for (uint32_t i = 0; i < e->workers_n; i++) {
		for (size_t v = 0; v < ESP_VERDICTS; v++) {
			out[v] += read_counter(&e->workers[i].totals[v]);
		}
	}
}

/* The next event of one SA that was not told yet. */
static bool next_due(struct esp_life *l, struct esp_expiry *out)
{
	uint8_t due = atomic_load_explicit(&l->due, memory_order_relaxed);
	unsigned fresh = due & ~(unsigned)l->reported;

	if (fresh == 0) {
		return false;
	}
	out->kind = fresh & ESP_DUE_SOFT ? ESP_EXPIRY_SOFT : ESP_EXPIRY_HARD;
	l->reported = (uint8_t)(l->reported | 1u << out->kind);
	return true;
}

bool esp_next_expiry(struct esp *e, struct esp_expiry *out)
{
	struct esp_sad *s = &e->sad;

	for (; s->cursor <= s->mask; s->cursor++) {
		struct esp_sa_in *in = atomic_load(&s->in[s->cursor]);
		struct esp_sa_out *o = atomic_load(&s->out[s->cursor]);
		if (in && next_due(&in->life, out)) {
			out->inbound = true;
			out->id = in->spi;
			return true;
		}
		if (o && next_due(&o->life, out)) {
			out->inbound = false;
			out->id = o->slot;
			return true;
		}
	}
	s->cursor = 0;
	return false;
}

/* ---- Policies ---- */

static uint64_t serial_of(const void *ctx, uint32_t slot)
{
	const struct esp_sa_out *sa = out_at(ctx, slot);

	return sa ? sa->serial : 0;
}

enum esp_err esp_spd_set(struct esp *e, const struct esp_policy *v, size_t n)
{
	const struct esp_spd_serials serials = {.of = serial_of, .ctx = e};
	struct esp_spd *fresh, *old;
	enum esp_err err = esp_spd_compile(v, n, &serials, e->spd_seed, &fresh);

	if (err) {
		return err;
	}
	old = atomic_exchange(&e->spd, fresh);
	if (old) {
		esp_spd_retire(&e->epoch, old);
	}
	return ESP_OK;
}

/* ---- Sizes ---- */

uint32_t esp_overhead(struct transform encr, struct transform integ)
{
	struct esp_shape s;

	if (esp_shape_of(encr, integ, &s)) {
		return 0;
	}
	return (uint32_t)(ESP_HDR_LEN + s.iv_len + (s.align - 1) + ESP_TRAILER_LEN + s.icv_len);
}

const char *esp_engine_of(struct esp *e, struct transform encr, struct transform integ)
{
	return esp_provider_engine(e->provider, encr, integ) == ESP_ENGINE_IPSEC_MB ? "ipsec-mb"
										    : "OpenSSL";
}

const char *esp_ipsec_mb(void)
{
	return esp_provider_ipsec_mb();
}

bool esp_can(struct ossl_lib_ctx_st *libctx, struct transform t)
{
	return esp_crypto_can(libctx, t);
}

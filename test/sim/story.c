/*
 * A tap that reads along.
 */
#include "test/sim/story.h"

#include "ike/wire/msg.h"
#include "test/sim/evil.h"
#include "test/sim/internal.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static bool is_new(struct story *t, const struct sim_wire *w)
{
	uint64_t digest = 0xcbf29ce484222325u;

	for (size_t i = 0; i < w->n; i++)
		digest = (digest ^ w->data[i]) * 0x100000001b3u;
	for (size_t i = 0; i < t->seen_n; i++)
		if (t->seen[i] == digest)
			return false;
	sim_must(t->seen_n < sizeof t->seen / sizeof t->seen[0], "a story is too long");
	t->seen[t->seen_n++] = digest;
	return true;
}

static const char *name_request(const struct ike_msg *m)
{
	if (m->hdr.exchange == IKE_EXCHANGE_CREATE_CHILD) {
		if (ike_msg_notify(m, IKE_N_REKEY_SA))
			return "rekey child";
		return m->sa.n && m->sa.v[0].proto == SA_IKE ? "rekey IKE" : "child";
	}
	if (m->hdr.exchange != IKE_EXCHANGE_INFORMATIONAL)
		return "something else";
	if (!m->del_n)
		return "alive";
	return m->del[0].proto == SA_IKE ? "D(IKE)" : "D(child)";
}

static const char *name_answer(const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_error(m);

	if (n)
		return ike_notify_keyword(n->type);
	if (m->del_n)
		return "D";
	return ike_msg_has(m, IKE_PLD_SA) ? "SA" : "";
}

static void note_sa(struct story *t, bool left, const struct ike_msg *m)
{
	bool answer = ike_hdr_is_response(&m->hdr);
	bool asked_left = left != answer;
	struct story_sa *sa = NULL;

	if (m->hdr.exchange != IKE_EXCHANGE_CREATE_CHILD || !ike_msg_has(m, IKE_PLD_SA))
		return;
	for (size_t i = 0; i < t->sas_n; i++)
		if (t->sas[i].left == asked_left && t->sas[i].msg_id == m->hdr.msg_id &&
		    t->sas[i].spi_i == m->hdr.spi_i)
			sa = &t->sas[i];
	if (!sa) {
		if (answer || t->sas_n == STORY_SAS)
			return;
		sa = &t->sas[t->sas_n++];
		*sa = (struct story_sa){
		    .left = asked_left, .msg_id = m->hdr.msg_id, .spi_i = m->hdr.spi_i};
	}
	sim_must(m->nonce.n <= sizeof sa->nonce_bytes[0], "a nonce is too long for the story");
	memcpy(sa->nonce_bytes[answer], m->nonce.p, m->nonce.n);
	sa->nonce[answer] = bytes_of(sa->nonce_bytes[answer], m->nonce.n);
	if (m->sa.v[0].spi_n == 4)
		sa->spi[answer] = be32_load(m->sa.v[0].spi);
}

static void note_deletes(struct story *t, bool left, const struct ike_msg *m)
{
	if (ike_hdr_is_response(&m->hdr) || !m->del_n || m->del[0].proto != SA_ESP)
		return;
	for (uint16_t i = 0; i < m->del[0].n && t->deleted_n[!left] < STORY_SAS; i++)
		t->deleted[!left][t->deleted_n[!left]++] =
		    be32_load(m->del[0].spis.p + 4 * (size_t)i);
}

static void tell(struct story *t, bool left, const struct ike_msg *m)
{
	size_t n = strlen(t->text);
	bool answer = ike_hdr_is_response(&m->hdr);

	snprintf(t->text + n, sizeof t->text - n, "%s%s %s%s%s", n ? "; " : "", left ? "->" : "<-",
	    answer ? "(" : "", answer ? name_answer(m) : name_request(m), answer ? ")" : "");
}

static bool tap(struct sim *s, struct sim_wire *w)
{
	struct story *t = s->tap_arg;
	bool left = addr_equal(&w->from.addr, &t->s->left->addr);
	unsigned nth = t->sent[!left]++;
	static struct ike_msg m;

	if (is_new(t, w) && evil_open(s, w, &m)) {
		tell(t, left, &m);
		note_sa(t, left, &m);
		note_deletes(t, left, &m);
	}
	for (size_t i = 0; i < STORY_FATES; i++) {
		const struct story_fate *f = &t->fates[i];
		if (f->from != (left ? 'L' : 'R') || f->nth != nth)
			continue;
		if (f->late_ms == STORY_LOST)
			return false;
		w->late_ms = (uint32_t)f->late_ms;
	}
	return true;
}

void story_begin(struct story *t, struct scenario *s, const struct story_fate *fates)
{
	*t = (struct story){.s = s};
	if (fates)
		memcpy(t->fates, fates, sizeof t->fates);
	s->sim.tap = tap;
	s->sim.tap_arg = t;
}

void story_end(struct story *t)
{
	t->s->sim.tap = NULL;
	t->s->sim.tap_arg = NULL;
}

void story_expect(const struct story *t, const char *text)
{
	ck_assert_str_eq(t->text, text);
}

void story_expect_has(const struct story *t, const char *words)
{
	scenario_expect_words(t->text, words);
}

bool story_deleted(const struct story *t, bool left, uint32_t spi)
{
	for (size_t i = 0; i < t->deleted_n[!left]; i++)
		if (t->deleted[!left][i] == spi)
			return true;
	return false;
}

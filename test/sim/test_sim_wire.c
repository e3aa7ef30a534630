/*
 * What goes over the wire in a long life of two hosts, byte by byte: every header, payload, number
 * and order that RFC 7296 asks of a sender. The reader here shares no code with the engine's.
 */
#include "test/sim/evil.h"
#include "test/sim/scenario.h"
#include "test/unit/req.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	A_MINUTE = 60 * 1000,
	SA = 33,
	KE = 34,
	IDI = 35,
	IDR = 36,
	AUTH = 39,
	NONCE = 40,
	NOTIFY = 41,
	DELETE = 42,
	TSI = 44,
	TSR = 45,
	SK = 46,
	INIT = 34,
	IKE_AUTH = 35,
	CREATE_CHILD = 36,
	INFORMATIONAL = 37,
	REKEY_SA = 16393,
	PAYLOADS = 48,
	SAS = 64,
	NONCES = 256,
};

struct payload {
	uint8_t type, flags;
	struct bytes body;
};

struct message {
	const struct sim_wire *w;
	const uint8_t *b; /* the header */
	uint64_t spi_i, spi_r;
	uint32_t id;
	uint8_t exchange;
	bool response, from_initiator, sealed;
	size_t n;
	struct payload v[PAYLOADS];
};

/* An IKE SA by its initiator's SPI, and what each host (0 left, 1 right) has asked on it. */
struct ike_sa_seen {
	uint64_t spi_i, spi_r;
	bool right_began;
	bool authenticated;
	struct {
		uint32_t next;        /* Message ID of the next new request */
		unsigned asked, told; /* the last request, and answers to it */
		bool deleted;         /* with the last request it deleted the IKE SA */
		bool replaced;        /* an heir has come of a request */
		uint8_t last[SIM_DATAGRAM];
		size_t last_n;
		struct endpoint from, to;
		uint8_t offer[1024]; /* the last request's SA payload */
		size_t offer_n;
	} of[2];
};

static struct scenario duo;
static struct ike_sa_seen sas[SAS];
static size_t sas_n;
static uint64_t heirs[SAS]; /* initiators' SPIs of IKE SAs that a rekey made */
static size_t heirs_n;
static uint64_t nonces[NONCES]; /* the first eight octets */
static size_t nonces_n;
static unsigned seen[64][2];                      /* by exchange and direction: new messages */
static uint16_t first_encr;                       /* of the first proposal of IKE_SA_INIT */
static unsigned fresh_children, rekeyed_children; /* requests for them */
static bool repeated_init; /* the message looked at: IKE_SA_INIT made again */

/* ---- Reading ---- */

static void split(struct message *m, uint8_t first, struct bytes chain)
{
	size_t at = 0;

	m->n = 0;
	for (uint8_t type = first; type;) {
		size_t length;

		ck_assert_uint_le(at + 4, chain.n);
		ck_assert_uint_lt(m->n, PAYLOADS);
		length = be16_load(chain.p + at + 2);
		ck_assert_uint_ge(length, 4);
		ck_assert_uint_le(at + length, chain.n);
		m->v[m->n++] =
		    (struct payload){type, chain.p[at + 1], bytes_of(chain.p + at + 4, length - 4)};
		type = chain.p[at];
		at += length;
	}
	ck_assert_uint_eq(at, chain.n);
}

static const struct payload *find(const struct message *m, uint8_t type)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].type == type)
			return &m->v[i];
	return NULL;
}

static bool notifies(const struct message *m, uint16_t type)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].type == NOTIFY && be16_load(m->v[i].body.p + 2) == type)
			return true;
	return false;
}

static bool is_error(const struct message *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].type == NOTIFY && be16_load(m->v[i].body.p + 2) < 16384)
			return true;
	return false;
}

static bool from_right(const struct message *m)
{
	return addr_equal(&m->w->from.addr, &duo.right->addr);
}

static struct ike_sa_seen *sa_of(const struct message *m)
{
	for (size_t i = 0; i < sas_n; i++)
		if (sas[i].spi_i == m->spi_i)
			return &sas[i];
	ck_assert_uint_lt(sas_n, SAS);
	memset(&sas[sas_n], 0, sizeof sas[sas_n]);
	for (size_t i = 0; i < heirs_n; i++)
		sas[sas_n].authenticated |= heirs[i] == m->spi_i;
	sas[sas_n].spi_i = m->spi_i;
	sas[sas_n].spi_r = m->spi_r;
	sas[sas_n].right_began = from_right(m) == m->from_initiator;
	return &sas[sas_n++];
}

/* ---- The header: RFC 7296 section 3.1 ---- */

static void check_header(const struct message *m, struct ike_sa_seen *sa)
{
	REQ("7296-3.1-2", "7296-3.1-3", "7296-3.1-10", "7296-3.1-13", "7296-2.5-5", "7296-2.6-1");
	bool first = m->exchange == INIT && !m->response;

	ck_assert_uint_ne(m->spi_i, 0);
	if (first)
		ck_assert_uint_eq(m->spi_r, 0);
	else if (m->exchange != INIT)
		ck_assert_uint_ne(m->spi_r, 0);
	if (m->spi_r && !sa->spi_r)
		sa->spi_r = m->spi_r;
	if (m->spi_r)
		ck_assert_uint_eq(m->spi_r, sa->spi_r);
	for (size_t i = 0; i < sas_n && m->spi_r; i++) /* no SPI is that of another one */
		ck_assert(&sas[i] == sa || (sas[i].spi_r != m->spi_r && sas[i].spi_i != m->spi_r));
	ck_assert_uint_eq(m->b[17], 0x20);
	ck_assert_uint_eq(m->b[19] & ~0x28u, 0);
	ck_assert_uint_eq(be32_load(m->b + 24), m->w->n);
	/* The I flag: of who began this IKE SA, also in what it answers. */
	ck_assert(m->from_initiator == (from_right(m) == sa->right_began));
}

/* Sections 2.11 and 2.23. */
static void check_path(const struct message *m, struct ike_sa_seen *sa, bool asker)
{
	REQ("7296-2.11-3", "7296-2.23-1");
	ck_assert(m->w->from.port == 500 || m->w->from.port == 4500);
	ck_assert(m->w->to.port == 500 || m->w->to.port == 4500);
	ck_assert(m->w->marker == (m->w->from.port == 4500));
	if (!m->response) {
		sa->of[asker].from = m->w->from;
		sa->of[asker].to = m->w->to;
	} else {
		ck_assert(endpoint_equal(&m->w->from, &sa->of[asker].to));
		ck_assert(endpoint_equal(&m->w->to, &sa->of[asker].from));
	}
}

/* Sections 1, 1.4, 2.1, 2.2, 2.3, 2.8: who may say what when. */
static void check_order(const struct message *m, struct ike_sa_seen *sa, bool asker)
{
	REQ("7296-1-1", "7296-1.4-1", "7296-1.4-3", "7296-2.1-1", "7296-2.2-1", "7296-2.3-2",
	    "7296-2.3-4", "7296-2.3-5", "7296-2.8-4", "7296-2.18-3", "7296-1.3.2-2", "7296-3.1-11");
	bool again = sa->of[asker].asked && m->id + 1 == sa->of[asker].next;

	ck_assert(m->sealed == (m->exchange != INIT));
	if (m->exchange != INIT && m->exchange != IKE_AUTH)
		ck_assert(sa->authenticated);
	if (m->exchange == IKE_AUTH && m->response && !is_error(m))
		sa->authenticated = true;
	if (m->response) {
		ck_assert(again);
		ck_assert_uint_le(++sa->of[asker].told, sa->of[asker].asked);
		return;
	}
	if (again && m->exchange != INIT) {
		ck_assert_uint_eq(m->w->n, sa->of[asker].last_n);
		ck_assert_mem_eq(m->b, sa->of[asker].last, m->w->n);
	} else if (!again) {
		ck_assert_uint_eq(m->id, sa->of[asker].next);
		ck_assert(!sa->of[asker].asked || sa->of[asker].told);
		ck_assert(!sa->of[asker].deleted);
		ck_assert(!sa->of[asker].replaced || m->exchange != CREATE_CHILD);
		sa->of[asker].next = m->id + 1;
		sa->of[asker].asked = sa->of[asker].told = 0;
	}
	sa->of[asker].asked++;
	memcpy(sa->of[asker].last, m->b, m->w->n);
	sa->of[asker].last_n = m->w->n;
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].type != DELETE)
			continue;
		/* Children are deleted where they are now: under the heir, once there is one. */
		ck_assert(m->v[i].body.p[0] == 1 || again || !sa->of[asker].replaced);
		if (m->v[i].body.p[0] == 1)
			sa->of[asker].deleted = true;
	}
}

/* Of the IKE SAs on the wire: those that somebody has deleted, under themselves. */
static size_t deleted_sas(void)
{
	size_t n = 0;

	for (size_t i = 0; i < sas_n; i++)
		n += sas[i].of[0].deleted || sas[i].of[1].deleted;
	return n;
}

/* ---- Payloads ---- */

/* Section 3.2: what the peer knows is not critical, and no payload of an answer is. */
static void check_generic(const struct message *m)
{
	REQ("7296-3.2-1", "7296-2.5-12", "7296-2.5-7");
	for (size_t i = 0; i < m->n; i++)
		ck_assert_uint_eq(m->v[i].flags, 0);
}

/* The figures of sections 1.2 and 1.3; a cookie and REKEY_SA in front. */
static void check_figures(const struct message *m)
{
	REQ("7296-2.5-13");
	static const uint8_t figures[4][8] = {
	    {SA, KE, NONCE}, {IDI, IDR, AUTH, SA, TSI, TSR}, {SA, NONCE, KE, TSI, TSR}, {DELETE}};
	const uint8_t *figure = figures[m->exchange - INIT];
	size_t last = 0;

	for (size_t i = 0; i < m->n; i++) {
		const uint8_t *at = (const uint8_t *)strchr((const char *)figure, m->v[i].type);
		if (!at)
			continue;
		ck_assert_msg((size_t)(at - figure) >= last, "payload %u of exchange %u",
		    m->v[i].type, m->exchange);
		last = (size_t)(at - figure);
	}
}

struct transforms {
	unsigned n[6]; /* by type */
	uint16_t encr, first_ke;
	bool none_integ, none_ke;
};

static bool is_aead(uint16_t encr)
{
	return (encr >= 14 && encr <= 20) || encr == 28;
}

static size_t check_transform(const uint8_t *t, bool last, struct transforms *have)
{
	REQ("7296-2.13-1", "7296-3.3.5-4");
	static const uint16_t sized[] = {12, 13, 14, 15, 16, 18, 19, 20, 23};
	size_t length = be16_load(t + 2);
	uint16_t id = be16_load(t + 6);
	bool wants_size = false;

	ck_assert_uint_eq(t[0], last ? 0 : 3);
	ck_assert_uint_eq(t[1], 0);
	ck_assert_uint_eq(t[5], 0);
	ck_assert_uint_ge(t[4], 1);
	ck_assert_uint_le(t[4], 5);
	have->n[t[4]]++;
	for (size_t i = 0; i < sizeof sized / sizeof sized[0]; i++)
		wants_size |= t[4] == 1 && id == sized[i];
	ck_assert_uint_eq(length, wants_size ? 12 : 8);
	if (wants_size)
		ck_assert_uint_eq(be16_load(t + 8), 0x800e);
	if (t[4] == 1)
		have->encr = id;
	if (t[4] == 4 && have->n[4] == 1)
		have->first_ke = id;
	have->none_integ |= t[4] == 3 && id == 0;
	have->none_ke |= t[4] == 4 && id == 0;
	return length;
}

static void check_set(uint8_t proto, const struct transforms *have, bool asked)
{
	REQ("7296-3.3-5", "7296-2.18-2", "7296-5-2", "7296-1.2-6");
	ck_assert_uint_ge(have->n[1], 1);
	ck_assert_uint_ne(have->encr, 11); /* ENCR_NULL */
	ck_assert(!is_aead(have->encr) || !have->n[3]);
	ck_assert(is_aead(have->encr) || have->n[3]);
	ck_assert(!have->none_integ);
	if (proto == 1) {
		ck_assert_uint_ge(have->n[2], 1);
		ck_assert_uint_ge(have->n[4], 1);
		ck_assert_uint_eq(have->n[5], 0);
		ck_assert(!have->none_ke);
	} else {
		ck_assert_uint_eq(have->n[2], 0);
		ck_assert_uint_ge(have->n[5], 1);
	}
	for (unsigned i = 1; i < 6 && !asked; i++)
		ck_assert_uint_le(have->n[i], 1);
}

/* Section 3.3. Returns how many proposals; *first is the first one's transforms. */
static size_t check_sa(struct bytes sa, bool asked, struct transforms *first)
{
	REQ("7296-3.3-3", "7296-3.3-4", "7296-3.3.1-3");
	size_t n = 0;

	for (size_t at = 0; at < sa.n; n++) {
		const uint8_t *p = sa.p + at;
		size_t length = be16_load(p + 2), in = 8 + (size_t)p[6];
		struct transforms have = {0};

		ck_assert_uint_eq(p[0], at + length < sa.n ? 2 : 0);
		ck_assert_uint_eq(p[1], 0);
		if (asked)
			ck_assert_uint_eq(p[4], n + 1);
		for (unsigned i = 0; i < p[7]; i++)
			in += check_transform(p + in, i + 1 == p[7], &have);
		ck_assert_uint_eq(in, length);
		check_set(p[5], &have, asked);
		if (!n)
			*first = have;
		at += length;
	}
	return n;
}

/* Is the transform, attributes and all, in the proposal? */
static bool has_transform(const uint8_t *proposal, const uint8_t *t)
{
	size_t in = 8 + (size_t)proposal[6];

	for (unsigned i = 0; i < proposal[7]; i++) {
		size_t length = be16_load(proposal + in + 2);

		if (length == be16_load(t + 2) && !memcmp(proposal + in + 4, t + 4, length - 4))
			return true;
		in += length;
	}
	return false;
}

/* Sections 2.7 and 3.3.6: what is chosen, held against what was offered. */
static void check_choice(struct bytes sa, struct bytes offer)
{
	REQ("7296-2.7-1", "7296-2.7-2", "7296-2.7-4", "7296-2.7-5", "7296-3.3.6-1", "7296-3.3.6-2",
	    "7296-3.3.6-3", "7296-3.3.6-4", "7296-3.3.1-4");
	const uint8_t *offered = offer.p, *chosen = sa.p;
	struct transforms have, were = {0};
	size_t in;

	ck_assert_uint_eq(check_sa(sa, false, &have), 1);
	while (offered[4] != chosen[4]) {
		ck_assert_uint_eq(offered[0], 2);
		offered += be16_load(offered + 2);
	}
	ck_assert_uint_eq(offered[5], chosen[5]);
	in = 8 + (size_t)offered[6];
	for (unsigned i = 0; i < offered[7]; i++)
		in += check_transform(offered + in, i + 1 == offered[7], &were);
	in = 8 + (size_t)chosen[6];
	for (unsigned i = 0; i < chosen[7]; i++) {
		ck_assert(has_transform(offered, chosen + in));
		in += be16_load(chosen + in + 2);
	}
	for (unsigned i = 1; i < 6; i++)
		ck_assert_uint_eq(have.n[i], were.n[i] > 0);
}

/* Section 3.4. */
static void check_ke(const struct message *m, const struct payload *ke, struct bytes sa)
{
	REQ("7296-3.4-1", "7296-3.4-2", "7296-1.3-1");
	static const struct {
		uint16_t group;
		size_t len;
	} lengths[] = {{14, 256}, {19, 64}, {20, 96}, {31, 32}};
	uint16_t group = be16_load(ke->body.p);
	uint8_t t[8] = {0, 0, 0, 8, 4, 0, ke->body.p[0], ke->body.p[1]};
	bool offered = false, known = false;

	ck_assert_uint_eq(be16_load(ke->body.p + 2), 0);
	for (size_t at = 0; at < sa.n; at += be16_load(sa.p + at + 2))
		offered |= has_transform(sa.p + at, t);
	ck_assert(offered);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		known |= lengths[i].group == group;
		if (lengths[i].group == group)
			ck_assert_uint_eq(ke->body.n - 4, lengths[i].len);
	}
	ck_assert_msg(known, "group %u in exchange %u", group, m->exchange);
}

/* Sections 2.10 and 3.9: 32 octets are 256 bits, which is more than half of any PRF's key here. */
static void check_nonce(const struct payload *nonce)
{
	REQ("7296-2.10-1", "7296-2.10-2", "7296-2.10-3", "7296-3.9-2");
	uint64_t head = be64_load(nonce->body.p);

	ck_assert_uint_ge(nonce->body.n, 32);
	ck_assert_uint_le(nonce->body.n, 256);
	for (size_t i = 0; i < nonces_n; i++)
		ck_assert_uint_ne(nonces[i], head);
	ck_assert_uint_lt(nonces_n, NONCES);
	nonces[nonces_n++] = head;
}

/* Sections 3.10 and 3.11. */
static void check_notify(struct bytes n)
{
	REQ("7296-3.10-1", "7296-3.10-2", "7296-3.10-4");
	uint16_t type = be16_load(n.p + 2);

	if (type == REKEY_SA || type == 44) { /* CHILD_SA_NOT_FOUND */
		ck_assert_uint_eq(n.p[0], 3);
		ck_assert_uint_eq(n.p[1], 4);
		ck_assert_uint_eq(n.n, 8);
	} else {
		ck_assert_uint_eq(n.p[0], 0);
		ck_assert_uint_eq(n.p[1], 0);
	}
}

/* What is named is the sender's own to receive with: section 1.4.1. */
static void check_delete(const struct message *m, struct bytes d)
{
	const struct sim_host *h = from_right(m) ? duo.right : duo.left;

	REQ("7296-1.4.1-2", "7296-3.11-1", "7296-3.11-2", "7296-3.11-3");
	ck_assert(d.p[0] == 1 || d.p[0] == 3);
	ck_assert_uint_eq(d.p[1], d.p[0] == 1 ? 0 : 4);
	if (d.p[0] == 1)
		ck_assert_uint_eq(be16_load(d.p + 2), 0);
	ck_assert_uint_eq(d.n, 4 + (size_t)d.p[1] * be16_load(d.p + 2));
	for (size_t at = 4; at < d.n; at += 4)
		ck_assert_int_ne(sim_spi_state(h, be32_load(d.p + at)).state, SIM_SPI_NEVER);
}

/* Section 3.13: no ports are named here, so all of them are meant. */
static void check_ts(struct bytes ts)
{
	REQ("7296-3.13-1", "7296-3.13.1-1", "7296-3.13.1-2", "7296-3.13.1-3");
	size_t at = 4;

	ck_assert_uint_ge(ts.p[0], 1);
	ck_assert_uint_eq(ts.p[1] | ts.p[2] | ts.p[3], 0);
	for (unsigned i = 0; i < ts.p[0]; i++) {
		ck_assert_uint_eq(ts.p[at], 7); /* IPv4 */
		ck_assert_uint_eq(ts.p[at + 1], 0);
		ck_assert_uint_eq(be16_load(ts.p + at + 2), 16);
		ck_assert_uint_eq(be16_load(ts.p + at + 4), 0);
		ck_assert_uint_eq(be16_load(ts.p + at + 6), 65535);
		at += 16;
	}
	ck_assert_uint_eq(at, ts.n);
}

/* Sections 3.5 and 3.8. */
static void check_identity(const struct payload *p)
{
	REQ("7296-3.5-1", "7296-3.5-3", "7296-3.8-2");
	ck_assert_uint_eq(p->body.p[1] | p->body.p[2] | p->body.p[3], 0);
	if (p->type != AUTH) {
		ck_assert_uint_eq(p->body.p[0], 2); /* FQDN */
		ck_assert_ptr_null(memchr(p->body.p + 4, 0, p->body.n - 4));
	}
}

static void check_payloads(const struct message *m)
{
	for (size_t i = 0; i < m->n; i++) {
		switch (m->v[i].type) {
		case IDI:
		case IDR:
		case AUTH: check_identity(&m->v[i]); break;
		case NOTIFY: check_notify(m->v[i].body); break;
		case DELETE: check_delete(m, m->v[i].body); break;
		case TSI:
		case TSR: check_ts(m->v[i].body); break;
		default: break;
		}
	}
	/* Section 2.4: among the first things that are said under protection. */
	REQ("7296-2.4-2");
	ck_assert(!notifies(m, 16384) || m->exchange == IKE_AUTH);
	if (m->exchange == IKE_AUTH && !m->response)
		ck_assert(notifies(m, 16384));
	if (m->exchange == INIT && find(m, SA)) {
		REQ("7296-2.23-7");
		ck_assert(notifies(m, 16388)); /* NAT_DETECTION_SOURCE_IP */
		ck_assert(notifies(m, 16389));
	}
}

/* SA, KE and nonce of a new message. */
static void check_negotiation(const struct message *m, struct ike_sa_seen *sa, bool asker)
{
	REQ("7296-1.3.2-1", "7296-2.18-1", "7296-3.4-3", "7296-3.4-4", "7296-3.3.6-8");
	const struct payload *p = find(m, SA), *ke = find(m, KE), *nonce = find(m, NONCE);
	struct bytes offer;
	struct transforms first = {0};

	if (nonce && !repeated_init)
		check_nonce(nonce);
	if (!p)
		return;
	if (m->response) {
		offer = bytes_of(sa->of[asker].offer, sa->of[asker].offer_n);
		check_choice(p->body, offer);
		sa->of[asker].replaced |= m->exchange == CREATE_CHILD && p->body.p[5] == 1;
		if (ke)
			check_ke(m, ke, p->body);
		return;
	}
	check_sa(p->body, true, &first);
	if (m->exchange == CREATE_CHILD && p->body.p[5] == 1) {
		ck_assert_uint_lt(heirs_n, SAS);
		heirs[heirs_n++] = be64_load(p->body.p + 8);
	}
	ck_assert_uint_le(p->body.n, sizeof sa->of[asker].offer);
	memcpy(sa->of[asker].offer, p->body.p, p->body.n);
	sa->of[asker].offer_n = p->body.n;
	if (m->exchange == INIT)
		first_encr = first.encr;
	if (ke) {
		check_ke(m, ke, p->body);
		if (m->exchange == INIT && !repeated_init)
			ck_assert_uint_eq(be16_load(ke->body.p), first.first_ke);
	} else {
		ck_assert_uint_ne(p->body.p[5], 1); /* IKE has one always, a child with a group */
		ck_assert(m->exchange == IKE_AUTH || !first.n[4] || first.none_ke);
	}
}

static void check_selectors(struct bytes ts, const struct ts_list *l)
{
	ck_assert_uint_eq(ts.p[0], l->n);
	for (size_t i = 0; i < l->n; i++) {
		ck_assert_mem_eq(ts.p + 4 + 16 * i + 8, l->v[i].lo.b, 4);
		ck_assert_mem_eq(ts.p + 4 + 16 * i + 12, l->v[i].hi.b, 4);
	}
}

/* Sections 1.3.3 and 2.9.2: the child that is replaced is named, and asked for as it is. */
static void check_rekey(const struct message *m)
{
	REQ("7296-1.3.3-1", "7296-2.9.2-2", "7296-2.9.2-4");
	const struct sim_host *h = from_right(m) ? duo.right : duo.left;
	const struct payload *n = find(m, NOTIFY);
	uint32_t spi;

	if (m->exchange != CREATE_CHILD || m->response || !find(m, TSI))
		return;
	if (!notifies(m, REKEY_SA)) {
		fresh_children++;
		return;
	}
	spi = be32_load(n->body.p + 4);
	for (size_t i = 0; i < SIM_CHILDREN; i++) {
		const struct sim_child *c = &h->children[i];

		if (!c->up || c->sa.spi_in != spi)
			continue;
		check_selectors(find(m, TSI)->body, &c->sa.local_ts);
		check_selectors(find(m, TSR)->body, &c->sa.remote_ts);
		rekeyed_children++;
		return;
	}
	ck_abort_msg("the rekey of %08x, which is not up", spi);
}

static bool look(struct sim *s, struct sim_wire *w)
{
	struct message m = {.w = w,
	    .b = w->data,
	    .spi_i = be64_load(w->data),
	    .spi_r = be64_load(w->data + 8),
	    .id = be32_load(w->data + 20),
	    .exchange = w->data[18],
	    .response = w->data[19] & 0x20,
	    .from_initiator = w->data[19] & 0x08};
	struct bytes chain = bytes_of(w->data + 28, w->n - 28);
	uint8_t first = w->data[16];
	struct ike_sa_seen *sa;
	bool asker, again;

	if (w->n == 1) /* a keepalive */
		return true;
	ck_assert_uint_ge(m.exchange, INIT);
	ck_assert_uint_le(m.exchange, INFORMATIONAL);
	m.sealed = first == SK;
	if (m.sealed)
		ck_assert(evil_unseal(s, w, &first, &chain));
	split(&m, first, chain);
	sa = sa_of(&m);
	asker = from_right(&m) != m.response;
	again = sa->of[asker].asked && m.id + 1 == sa->of[asker].next &&
		(m.response ? sa->of[asker].told > 0 : true);
	repeated_init = m.exchange == INIT && again;
	check_header(&m, sa);
	check_order(&m, sa, asker);
	check_path(&m, sa, asker);
	check_generic(&m);
	check_figures(&m);
	check_payloads(&m);
	if (!again || repeated_init)
		check_negotiation(&m, sa, asker);
	if (!again)
		check_rekey(&m);
	seen[m.exchange][m.response] += !again;
	return true;
}

/* ---- The life ---- */

static const struct {
	const char *left, *right;
	const char *left_esp, *right_esp;
	const char *right_top;
	uint16_t first_encr; /* that left prefers */
} lives[] = {
    {"\"aes256gcm16-prfsha384-x25519\"", "\"aes256gcm16-prfsha384-x25519\"", "aes256gcm16",
	"aes256gcm16", "", 20},
    {"\"chacha20poly1305-prfsha256-x25519-ecp384\", \"aes128gcm16-prfsha256-ecp256\"",
	"\"chacha20poly1305-prfsha256-ecp384\"", "aes128gcm16-x25519", "aes128gcm16-x25519", "",
	28},
    {"\"aes128-sha256-modp2048\"", "\"aes256-sha512-modp2048\", \"aes128-sha256-modp2048\"",
	"chacha20poly1305", "chacha20poly1305", "cookie_threshold = 1; cookie_threshold_ip = 1;",
	12},
    {"\"aes128gcm16-aes256gcm16-prfsha256-prfsha384-ecp256-x25519\"",
	"\"aes256gcm16-prfsha384-x25519\"", "aes256-sha256", "aes256-sha256", "", 20},
};

static const char *children(char dst[512], const char *esp, bool left)
{
	snprintf(dst, 512,
	    left ? SCENARIO_CHILD("lan", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"",
		       "rekey_time = \"10m\"; esp_proposals = [\"%s\"];")
		       SCENARIO_CHILD("more", "\"10.3.0.0/16\"", "\"10.4.0.0/16\", \"10.5.0.0/16\"",
			   "esp_proposals = [\"%s\"];")
		 : SCENARIO_CHILD("lan", "\"10.2.0.0/16\"", "\"10.1.0.0/16\"",
		       "rekey_time = \"12m\"; esp_proposals = [\"%s\"];")
		       SCENARIO_CHILD("more", "\"10.4.0.0/16\", \"10.5.0.0/16\"", "\"10.3.0.0/16\"",
			   "esp_proposals = [\"%s\"];"),
	    esp, esp);
	return dst;
}

/* Section 2.8: new keys change neither selectors nor algorithms. */
static void expect_alike(const struct ike_child_up *was)
{
	REQ("7296-2.8-3");
	const struct ike_child_up *is = &sim_child_named(duo.left, "lan")->sa;

	ck_assert_uint_ne(is->spi_in, was->spi_in);
	ck_assert_uint_eq(is->suite.encr.id, was->suite.encr.id);
	ck_assert_uint_eq(is->suite.encr.key_bits, was->suite.encr.key_bits);
	ck_assert_uint_eq(is->suite.integ.id, was->suite.integ.id);
	ck_assert_uint_eq(is->suite.sn.id, was->suite.sn.id);
	ck_assert_uint_eq(is->local_ts.n, was->local_ts.n);
	ck_assert(ts_covers(&is->local_ts.v[0], &was->local_ts.v[0]));
	ck_assert(ts_covers(&was->local_ts.v[0], &is->local_ts.v[0]));
	ck_assert(ts_covers(&is->remote_ts.v[0], &was->remote_ts.v[0]));
	ck_assert(ts_covers(&was->remote_ts.v[0], &is->remote_ts.v[0]));
}

START_TEST(a_life)
{
	REQ("7296-1.4-2", "7296-1.4-4", "7296-4-4", "7296-3.3-1");
	char of_left[512], of_right[512];
	struct scenario_side left = {.proposals = lives[_i / 2].left,
	    .children = children(of_left, lives[_i / 2].left_esp, true)};
	struct scenario_side right = {.proposals = lives[_i / 2].right,
	    .children = children(of_right, lives[_i / 2].right_esp, false),
	    .top = lives[_i / 2].right_top};

	sas_n = nonces_n = heirs_n = fresh_children = rekeyed_children = 0;
	memset(seen, 0, sizeof seen);
	scenario_init(&duo, (uint64_t)_i, &left, &right, NULL);
	duo.sim.tap = look;
	scenario_connect(&duo);
	scenario_expect_up(&duo, 2);
	ck_assert_uint_eq(first_encr, lives[_i / 2].first_encr);
	struct ike_child_up first = sim_child_named(duo.left, "lan")->sa;
	duo.sim.loss_permille = _i % 2 ? 150 : 0;
	for (unsigned round = 0; round < 3; round++) {
		sim_rekey(duo.left, "link", "lan", false);
		sim_run_for(&duo.sim, A_MINUTE);
		sim_rekey(duo.right, "link", NULL, false);
		sim_run_for(&duo.sim, A_MINUTE);
		sim_rekey(round & 1 ? duo.left : duo.right, "link", NULL, true);
		sim_run_for(
		    &duo.sim, 4 * A_MINUTE); /* liveness is tested, and lan's time is over */
		expect_alike(&first);
	}
	sim_down(duo.left, "link", "more");
	sim_run_for(&duo.sim, A_MINUTE);
	sim_up(duo.left, "link", "more", duo.right);
	sim_run_for(&duo.sim, 10 * A_MINUTE);
	duo.sim.loss_permille = 0;
	sim_run_for(&duo.sim, 2 * A_MINUTE);
	scenario_expect_up(&duo, 2);
	ck_assert_uint_eq(deleted_sas(), sas_n - 1);
	sim_down(duo.left, "link", NULL);
	sim_run_for(&duo.sim, A_MINUTE);
	ck_assert_uint_eq(deleted_sas(), sas_n);
	/* All of it was there to be looked at, and no request went without its answer. */
	ck_assert_uint_ge(seen[INIT][0], 1);
	ck_assert_uint_ge(seen[CREATE_CHILD][0], 10);
	ck_assert_uint_ge(seen[INFORMATIONAL][0], 10);
	for (unsigned x = INIT; x <= INFORMATIONAL; x++) {
		/* Under loss one may be out while the other end closes the IKE SA. */
		ck_assert_uint_ge(seen[x][0], seen[x][1]);
		ck_assert_uint_le(seen[x][0] - seen[x][1], _i % 2 ? 2 : 0);
	}
	ck_assert_uint_eq(fresh_children, 2);
	ck_assert_uint_ge(rekeyed_children, 6);
	scenario_fini(&duo);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_wire");
	TCase *t = tcase_create("wire");

	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, a_life, 0, 2 * (int)(sizeof lives / sizeof lives[0]));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

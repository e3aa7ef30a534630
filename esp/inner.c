/*
 * From opened text to an IP packet: padding and trailer (RFC 4303 sections 2.4 to 2.7 and 3.4.4),
 * the header of transport mode, selectors (RFC 4301 section 5.2), DSCP and ECN (RFC 6040 section
 * 4.2), the MSS of connections.
 */
#include "esp/inner.h"
#include "esp/internal.h"
#include "esp/mtu.h"
#include "esp/outer.h"

#include <string.h>

enum {
	NEXT_IPV4 = 4,
	NEXT_IPV6 = 41,
	NEXT_NONE = 59,
};

/* What is in the text. */
struct load {
	uint32_t at, len; /* in the packet's buffer, without padding and trailer */
	uint8_t next;
};

/* 1, 2, 3, …: RFC 4303 section 2.4. */
static bool padding_is_right(const uint8_t *pad, uint32_t n)
{
	uint8_t wrong = 0;

	for (uint32_t i = 0; i < n; i++) {
		wrong |= (uint8_t)(pad[i] ^ (i + 1));
	}
	return wrong == 0;
}

static enum esp_verdict read_trailer(
    const struct esp_sa_in *sa, const struct pkt *p, uint32_t len, struct load *l)
{
	const uint8_t *text = p->base + l->at;
	uint32_t pad = text[len - ESP_TRAILER_LEN];

	if (pad + ESP_TRAILER_LEN > len) {
		return ESP_V_PADDING;
	}
	l->len = len - ESP_TRAILER_LEN - pad;
	l->next = text[len - 1];
	if (!sa->lenient_padding && !padding_is_right(text + l->len, pad)) {
		return ESP_V_PADDING;
	}
	return l->next == NEXT_NONE ? ESP_V_DUMMY : ESP_V_OK;
}

/* ---- Modes ---- */

static enum esp_verdict take_tunnel(const struct pkt *p, const struct load *l, struct esp_flow *f)
{
	if (l->next != NEXT_IPV4 && l->next != NEXT_IPV6) {
		return ESP_V_NEXT_HEADER;
	}
	if (!esp_flow_read(f, p->base + l->at, l->len)) {
		return ESP_V_MALFORMED_INNER;
	}
	return (f->family == ADDR_V4) == (l->next == NEXT_IPV4) ? ESP_V_OK : ESP_V_NEXT_HEADER;
}

/* The header goes in front of the payload. Where the ESP header and what lies before it are too
 * small for it, the payload moves towards the packet's end: trailer and ICV are of no use now. */
static enum esp_verdict take_transport(
    const struct esp_transport_box *box, const struct pkt *p, struct load *l, struct esp_flow *f)
{
	uint32_t n = box->header_len, at = l->at > n ? l->at - n : 0;

	if (at + n + l->len > p->off + p->len) {
		return ESP_V_NO_ROOM;
	}
	if (at + n != l->at) {
		memmove(p->base + at + n, p->base + l->at, l->len);
	}
	l->at = at;
	if (!esp_transport_header(box, p->base + at, l->len, l->next, p->tos) ||
	    !esp_flow_read(f, p->base + at, l->len + n)) {
		return ESP_V_MALFORMED_INNER;
	}
	return f->fragment ? ESP_V_TRANSPORT : ESP_V_OK;
}

/* ---- Selectors ---- */

static bool any_match(const struct esp_sel *v, uint32_t n, const struct esp_flow *f,
    const struct esp_num *addr, uint16_t port)
{
	for (uint32_t i = 0; i < n; i++) {
		if (esp_sel_match(&v[i], f, addr, port)) {
			return true;
		}
	}
	return false;
}

static bool selected(const struct esp_sa_in *sa, const struct esp_flow *f)
{
	return any_match(sa->sels + sa->local_n, sa->remote_n, f, &f->src, f->sport) &&
	       any_match(sa->sels, sa->local_n, f, &f->dst, f->dport);
}

/* ---- The header ---- */

/* False: the packet is to be dropped. */
static bool set_tos(const struct esp_headers *h, uint8_t *ip, uint8_t outer)
{
	uint8_t inner = esp_header_tos(ip), tos;

	if (!esp_header_tos_in(h, inner, outer, &tos)) {
		return false;
	}
	if (tos != inner) {
		esp_header_set_tos(ip, tos);
	}
	return true;
}

/* The peer's SYN says how large the segments may be that go back: by the path of the SA that they
 * will take. */
static void clamp_syn(const struct esp_worker *w, uint8_t *ip, const struct esp_flow *f)
{
	struct esp_flow back = *f;
	uint32_t slot;

	back.src = f->dst;
	back.dst = f->src;
	back.sport = f->dport;
	back.dport = f->sport;
	const struct esp_rule *r = esp_spd_find(atomic_load(&w->esp->spd), &back);
	const struct esp_sa_out *sa =
	    r && r->action == ESP_PROTECT ? esp_worker_sa(w, r, &slot) : NULL;
	if (sa) {
		bool v6 = f->family == ADDR_V6;
		uint32_t skip = sa->headers.mode != ESP_TRANSPORT ? 0
				: v6                              ? ESP_V6_LEN
								  : ESP_V4_LEN;
		esp_mtu_clamp(ip, f, esp_outer_most(sa, skip, v6));
	}
}

/* The packet of a run that goes on has the flow, and so the selectors, of the one before. */
static bool goes_on(struct esp_inner_run *run, const struct esp_sa_in *sa, const struct pkt *p,
    const struct load *l)
{
	return run->sa == sa && l->next == (run->flow.family == ADDR_V4 ? NEXT_IPV4 : NEXT_IPV6) &&
	       esp_flow_goes_on(&run->flow, run->ip, p->base + l->at, l->len);
}

static enum esp_verdict take_flow(const struct esp_transport_box *box, const struct esp_sa_in *sa,
    const struct pkt *p, struct load *l, struct esp_flow *f)
{
	enum esp_verdict v = box ? take_transport(box, p, l, f) : take_tunnel(p, l, f);

	return v == ESP_V_OK && !selected(sa, f) ? ESP_V_SELECTOR : v;
}

enum esp_verdict esp_inner_take(const struct esp_worker *w, const struct esp_sa_in *sa,
    struct pkt *p, uint32_t front, uint32_t len, struct esp_inner_run *run)
{
	const struct esp_transport_box *box = sa->transport;
	struct load l = {.at = p->off + front};
	enum esp_verdict v = read_trailer(sa, p, len, &l);

	if (v == ESP_V_OK && (box || !goes_on(run, sa, p, &l))) {
		run->sa = NULL;
		v = take_flow(box, sa, p, &l, &run->flow);
	}
	if (v != ESP_V_OK) {
		return v;
	}
	const struct esp_flow *f = &run->flow;
	uint8_t *ip = p->base + l.at;
	if (box) {
		esp_transport_repair(box, ip, f);
	} else if (!set_tos(&sa->headers, ip, p->tos)) {
		return ESP_V_ECN;
	}
	if (esp_mtu_is_syn(ip, f)) {
		clamp_syn(w, ip, f);
	}
	p->off = l.at;
	p->len = f->total; /* what stands behind it is TFC padding: RFC 4303 section 2.7 */
	run->sa = sa;
	run->ip = ip;
	return ESP_V_OK;
}

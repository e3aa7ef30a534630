/*
 * The chain inside SK, past the lock: what an authenticated peer may send. The first three bytes of
 * the input are the type of the first payload, the exchange, the flags.
 *
 * What was read is built again and read again: both must agree.
 */
#include "ike/wire/build.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PREFIX = 3, OUT_MAX = 1 << 17 };

static void same_proposals(const struct proposal_list *a, const struct proposal_list *b)
{
	if (a->n != b->n) {
		abort();
	}
	for (size_t i = 0; i < a->n; i++) {
		const struct proposal *x = &a->v[i], *y = &b->v[i];
		if (x->n != y->n || x->number != y->number || x->proto != y->proto) {
			abort();
		}
		for (size_t j = 0; j < x->n; j++) {
			if (!transform_equal(x->t[j], y->t[j])) {
				abort();
			}
		}
	}
}

/* SPIs that are too long to hold are read as none, which our own builder must not write. */
static bool writable(const struct proposal_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if ((l->v[i].proto == SA_ESP || l->v[i].proto == SA_AH) != (l->v[i].spi_n == 4)) {
			return false;
		}
	}
	return l->n > 0;
}

static void round_trip(const struct ike_msg *m)
{
	static uint8_t out[OUT_MAX];
	static struct ike_msg again;
	struct ike_build b;
	bool sa = writable(&m->sa);

	ike_build_begin(
	    &b, out, sizeof out, &(struct ike_hdr){.spi_i = 1, .exchange = m->hdr.exchange});
	if (sa) {
		ike_build_sa(&b, &m->sa);
	}
	if (m->tsi.n > 0) {
		ike_build_ts(&b, IKE_PLD_TSI, &m->tsi);
	}
	if (m->tsr.n > 0) {
		ike_build_ts(&b, IKE_PLD_TSR, &m->tsr);
	}
	if (ike_msg_parse(&again, ike_build_finish(&b)) != IKE_OK) {
		abort();
	}
	if (sa) {
		same_proposals(&m->sa, &again.sa);
	}
	if (!ts_list_equal(&m->tsi, &again.tsi) || !ts_list_equal(&m->tsr, &again.tsr)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct ike_msg outer, inner;
	char text[IKE_FAULT_TEXT];
	enum ike_rules rules;

	if (n < PREFIX) {
		return 0;
	}
	outer.sk.next = data[0];
	outer.hdr.exchange = data[1];
	outer.hdr.flags = data[2];
	/* Exactly as long as the chain, so that a read beyond it is seen. */
	size_t len = n - PREFIX;
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy) {
		return 0;
	}
	if (len > 0) {
		memcpy(copy, data + PREFIX, len);
	}
	if (ike_msg_parse_inner(&inner, &outer, bytes_of(copy, len)) == IKE_OK) {
		round_trip(&inner);
		if (ike_msg_rules(&inner, &rules)) {
			(void)ike_msg_check(&inner, rules);
		}
	}
	(void)ike_msg_fault(&inner, text);
	free(copy);
	return 0;
}

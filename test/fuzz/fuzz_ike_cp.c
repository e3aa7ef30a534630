/*
 * The body of a Configuration payload, which any authenticated peer may send. What was read is
 * built again and read again: both must agree.
 */
#include "ike/wire/build.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { BODY_MAX = 60000, HEAD = IKE_HDR_LEN + IKE_PLD_HDR_LEN };

static const struct ike_hdr hdr = {.spi_i = 1, .exchange = IKE_EXCHANGE_SA_INIT};

/* Exactly as long as the message, so that a read beyond it is seen; the caller's. */
static uint8_t *message_of(const uint8_t *body, size_t n)
{
	uint8_t *m = malloc(HEAD + n);
	struct ike_build b;

	if (!m) {
		return NULL;
	}
	ike_build_begin(&b, m, HEAD + n, &hdr);
	ike_build_payload(&b, IKE_PLD_CP);
	wr_bytes(&b.w, bytes_of(body, n));
	if (ike_build_finish(&b).n != HEAD + n) {
		abort();
	}
	return m;
}

static void values(const struct ike_cp *cp)
{
	struct addr a;
	struct prefix p;

	for (size_t i = 0; i < cp->n; i++) {
		bool addr = ike_cp_addr(&cp->v[i], &a), subnet = ike_cp_subnet(&cp->v[i], &p);
		if ((addr && addr_bits(&a) == 0) ||
		    (subnet && (p.len > addr_bits(&p.addr) || !prefix_has(&p, &p.addr)))) {
			abort();
		}
	}
}

static void round_trip(const struct ike_msg *m)
{
	static uint8_t out[2 * BODY_MAX];
	static struct ike_msg again;
	struct ike_build b;

	ike_build_begin(&b, out, sizeof out, &hdr);
	ike_build_cp(&b, (enum ike_cfg_type)m->cp.type);
	for (size_t i = 0; i < m->cp.n; i++) {
		ike_build_cp_attr(&b, (enum ike_cp_attr_type)m->cp.v[i].type, m->cp.v[i].value);
	}
	if (ike_msg_parse(&again, ike_build_finish(&b)) != IKE_OK || again.cp.n != m->cp.n ||
	    again.cp.type != m->cp.type) {
		abort();
	}
	for (size_t i = 0; i < m->cp.n; i++) {
		if (again.cp.v[i].type != m->cp.v[i].type ||
		    !bytes_equal(again.cp.v[i].value, m->cp.v[i].value)) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct ike_msg m;
	uint8_t *message = n <= BODY_MAX ? message_of(data, n) : NULL;

	if (!message) {
		return 0;
	}
	if (ike_msg_parse(&m, bytes_of(message, HEAD + n)) == IKE_OK) {
		values(&m.cp);
		round_trip(&m);
	}
	free(message);
	return 0;
}

/*
 * Whole datagrams through the parser of plaintext messages, as anyone may send them.
 */
#include "ike/wire/msg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A view that was handed out must lie within the datagram. */
static void within(struct bytes whole, struct bytes part)
{
	if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n)) {
		abort();
	}
}

static void check_views(const struct ike_msg *m)
{
	within(m->raw, m->sk.body);
	within(m->raw, m->ke.value);
	within(m->raw, m->nonce);
	within(m->raw, m->idi.body);
	within(m->raw, m->idr.data);
	within(m->raw, m->auth.data);
	for (size_t i = 0; i < m->cp.n; i++) {
		within(m->raw, m->cp.v[i].value);
	}
	within(m->raw, m->eap);
	for (size_t i = 0; i < m->notify_n; i++) {
		within(m->raw, m->notify[i].spi);
		within(m->raw, m->notify[i].data);
	}
	for (size_t i = 0; i < m->del_n; i++) {
		within(m->raw, m->del[i].spis);
	}
	for (size_t i = 0; i < m->vendor_n; i++) {
		within(m->raw, m->vendor[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct ike_msg m;
	char text[IKE_FAULT_TEXT];
	enum ike_rules rules;
	/* Exactly as long as the input, so that a read beyond it is seen. */
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy) {
		return 0;
	}
	if (n > 0) {
		memcpy(copy, data, n);
	}
	enum ike_err err = ike_msg_parse(&m, bytes_of(copy, n));

	if ((err == IKE_OK) != (m.fault.what == NULL)) {
		abort();
	}
	if (err == IKE_OK) {
		check_views(&m);
		(void)ike_msg_check_outer(&m);
		if (ike_msg_rules(&m, &rules)) {
			(void)ike_msg_check(&m, rules);
		}
	}
	(void)ike_msg_fault(&m, text);
	free(copy);
	return 0;
}

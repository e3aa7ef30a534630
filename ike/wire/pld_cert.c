/*
 * CERT and CERTREQ: RFC 7296 sections 3.6 and 3.7, kept as views: the encoding byte and what
 * follows.
 */
#include "ike/wire/pld.h"

const char *ike_pld_cert(struct ike_msg *m, const struct ike_pld *p)
{
	bool cert = p->type == IKE_PLD_CERT;
	struct bytes *v = cert ? m->cert : m->certreq;
	size_t *n = cert ? &m->cert_n : &m->certreq_n;

	if (*n == IKE_CERTS_MAX) {
		return "one more than a message may have";
	}
	v[(*n)++] = p->body;
	return NULL;
}

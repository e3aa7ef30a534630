/*
 * SUPPORTED_AUTH_METHODS: RFC 9593. An announcement has its length, a method, and for methods with
 * certificates a link to a CERTREQ and an algorithm, which mean nothing to us yet.
 */
#include "ike/auth/announce.h"

#include <stdio.h>

#include "ike/auth/auth.h"

/* clang-format off */
static const struct {
	uint8_t method;
	const char *what;
} names[] = {
	{IKE_AUTH_RSA,               "an RSA signature"},
	{IKE_AUTH_PSK,               "a pre-shared key"},
	{IKE_AUTH_DSS,               "a DSS signature"},
	{IKE_AUTH_ECDSA_256,         "an ECDSA signature (P-256)"},
	{IKE_AUTH_ECDSA_384,         "an ECDSA signature (P-384)"},
	{IKE_AUTH_ECDSA_521,         "an ECDSA signature (P-521)"},
	{IKE_AUTH_NULL,              "no authentication"},
	{IKE_AUTH_DIGITAL_SIGNATURE, "a digital signature"},
};
/* clang-format on */

void ike_announce_build(const struct config_conn *conn, struct ike_build *b)
{
	const struct ike_auth_row *row = ike_auth_find(conn->remote.auth);
	uint8_t one[2] = {2};

	if (!row)
		return;
	one[1] = (uint8_t)row->method;
	ike_build_notify(b, IKE_N_SUPPORTED_AUTH_METHODS, bytes_of(one, sizeof one));
}

void ike_announce_hear(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_notify *n = ike_msg_notify(m, IKE_N_SUPPORTED_AUTH_METHODS);
	struct bytes rest = n ? n->data : bytes_of(NULL, 0);

	if (!n || !sa->setup)
		return;
	ike_ext_add(&sa->extensions, IKE_EXT_AUTH_METHODS);
	while (rest.n >= 2 && rest.p[0] >= 2 && rest.p[0] <= rest.n) {
		if (rest.p[1] < 32)
			sa->setup->accepts |= UINT32_C(1) << rest.p[1];
		rest = bytes_of(rest.p + rest.p[0], rest.n - rest.p[0]);
	}
}

const char *ike_announce_misses(const struct ike_sa *sa, unsigned method, char *dst, size_t cap)
{
	uint32_t accepts = sa->setup ? sa->setup->accepts : 0;
	size_t at = 0;

	dst[0] = '\0';
	if (!accepts || (method < 32 && accepts >> method & 1))
		return dst;
	for (size_t i = 0; i < sizeof names / sizeof names[0] && at < cap; i++) {
		if (accepts >> names[i].method & 1)
			at += (size_t)snprintf(
			    dst + at, cap - at, "%s%s", at ? " or " : "", names[i].what);
	}
	if (!at)
		snprintf(dst, cap, "methods that we do not know");
	return dst;
}

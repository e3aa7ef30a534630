/*
 * Stateless cookies against floods of IKE_SA_INIT: RFC 7296 section 2.6.
 */
#ifndef IKE_COOKIE_H
#define IKE_COOKIE_H

#include "ike/ike.h"

enum {
	IKE_COOKIE_LEN = 33, /* version, HMAC-SHA-256 */
};

struct ike_cookies {
	uint8_t secret[2][32]; /* by the lowest bit of the version */
	uint8_t version;
	bool have, have_old;
	ike_time since;
};

struct ike_cookie_in {
	struct bytes ni;
	const struct addr *addr;
	uint64_t spi_i;
};

/* Turns the secrets over when it is time. */
enum ike_err ike_cookie_make(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, uint8_t out[IKE_COOKIE_LEN]);
bool ike_cookie_check(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, struct bytes cookie);
void ike_cookies_fini(struct ike_cookies *c);

#endif

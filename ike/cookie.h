/*
 * Stateless cookies against floods of IKE_SA_INIT: RFC 7296 section 2.6; with what a puzzle asked
 * for inside: RFC 8019 section 7.1.1.3.
 */
#ifndef IKE_COOKIE_H
#define IKE_COOKIE_H

#include "ike/ike.h"

enum {
	IKE_COOKIE_LEN = 40, /* version, bits, PRF, time, HMAC-SHA-256 */
};

struct ike_cookies {
	uint8_t secret[2][32]; /* by the lowest bit of the version */
	ike_time since[2];     /* likewise: when each began */
	uint8_t version;
	bool have, have_old;
};

/* What a cookie is bound to: RFC 7296 section 2.6. */
struct ike_cookie_in {
	struct bytes ni;
	const struct addr *addr;
	uint64_t spi_i;
};

/* What it says besides; nobody else can write it. */
struct ike_cookie_info {
	uint8_t bits;    /* of the puzzle that came with it; 0: none did */
	uint16_t prf;    /* of that puzzle */
	uint64_t age_ms; /* when it is checked */
};

/* Turns the secrets over when it is time. */
enum ike_err ike_cookie_make(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, const struct ike_cookie_info *info,
    uint8_t out[IKE_COOKIE_LEN]);
/* *info is filled when it is true. */
bool ike_cookie_check(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, struct bytes cookie, struct ike_cookie_info *info);
void ike_cookies_fini(struct ike_cookies *c);

#endif

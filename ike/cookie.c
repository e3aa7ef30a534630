/*
 * Cookie = version | HMAC-SHA-256(secret, Ni | IPi | SPIi): RFC 7296 section 2.6, whose formula
 * this is but for the keyed hash. Two secrets: the present one makes, both check.
 */
#include "ike/cookie.h"

#include "ike/crypto/crypto.h"

void ike_cookies_fini(struct ike_cookies *c)
{
	secret_wipe(c, sizeof *c);
}

static enum ike_err turn(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now)
{
	enum ike_err err;

	if (c->have && now - c->since < IKE_COOKIE_SECRET_MS)
		return IKE_OK;
	err = ike_random_key(libctx, c->secret[(c->version + 1) & 1], sizeof c->secret[0]);
	if (err)
		return err;
	/* A secret that nobody turned for long is too old even for checking. */
	c->have_old = c->have && now - c->since < 2 * (uint64_t)IKE_COOKIE_SECRET_MS;
	c->have = true;
	c->version++;
	c->since = now;
	return IKE_OK;
}

static enum ike_err mac(const struct ike_cookies *c, struct ossl_lib_ctx_st *libctx,
    uint8_t version, const struct ike_cookie_in *in, uint8_t out[IKE_COOKIE_MAC])
{
	uint8_t spi[8];
	struct bytes parts[3] = {in->ni, addr_bytes(in->addr), bytes_of(spi, sizeof spi)};

	be64_store(spi, in->spi_i);
	return ike_hmac_sha256(
	    libctx, bytes_of(c->secret[version & 1], sizeof c->secret[0]), parts, 3, out);
}

enum ike_err ike_cookie_make(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, uint8_t out[IKE_COOKIE_LEN])
{
	enum ike_err err = turn(c, libctx, now);

	if (err)
		return err;
	out[0] = c->version;
	return mac(c, libctx, c->version, in, out + 1);
}

bool ike_cookie_check(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, struct bytes cookie)
{
	uint8_t want[IKE_COOKIE_MAC];

	if (cookie.n != IKE_COOKIE_LEN || turn(c, libctx, now))
		return false;
	if (cookie.p[0] != c->version && !(c->have_old && cookie.p[0] == (uint8_t)(c->version - 1)))
		return false;
	if (mac(c, libctx, cookie.p[0], in, want))
		return false;
	return secret_equal(bytes_of(want, sizeof want), bytes_of(cookie.p + 1, IKE_COOKIE_MAC));
}

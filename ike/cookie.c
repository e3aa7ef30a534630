/*
 * Cookie = version | info | HMAC-SHA-256(secret, Ni | IPi | SPIi | info): RFC 7296 section 2.6 and
 * RFC 8019 section 7.1.1.3, whose formulas this is but for the keyed hash. The info is the puzzle's
 * zero bits and PRF and the time since the secret began, so that no cookie comes twice. Two
 * secrets: the present one makes, both check.
 */
#include "ike/cookie.h"

#include "base/cursor.h"
#include "ike/crypto/crypto.h"

enum { INFO_LEN = IKE_COOKIE_LEN - 1 - IKE_COOKIE_MAC };
_Static_assert(INFO_LEN == 1 + 2 + 4, "bits, PRF, milliseconds");
_Static_assert((int)IKE_COOKIE_LEN <= (int)IKE_COOKIE_MAX, "RFC 7296 section 2.6");

void ike_cookies_fini(struct ike_cookies *c)
{
	secret_wipe(c, sizeof *c);
}

static enum ike_err turn(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now)
{
	uint64_t age = now - c->since[c->version & 1];
	enum ike_err err;

	if (c->have && age < IKE_COOKIE_SECRET_MS)
		return IKE_OK;
	err = ike_random_key(libctx, c->secret[(c->version + 1) & 1], sizeof c->secret[0]);
	if (err)
		return err;
	/* A secret that nobody turned for long is too old even for checking. */
	c->have_old = c->have && age < 2 * (uint64_t)IKE_COOKIE_SECRET_MS;
	c->have = true;
	c->version++;
	c->since[c->version & 1] = now;
	return IKE_OK;
}

static enum ike_err mac(const struct ike_cookies *c, struct ossl_lib_ctx_st *libctx,
    uint8_t version, const struct ike_cookie_in *in, struct bytes info, uint8_t out[IKE_COOKIE_MAC])
{
	uint8_t spi[8];
	struct bytes parts[4] = {in->ni, addr_bytes(in->addr), bytes_of(spi, sizeof spi), info};

	be64_store(spi, in->spi_i);
	return ike_hmac_sha256(
	    libctx, bytes_of(c->secret[version & 1], sizeof c->secret[0]), parts, 4, out);
}

enum ike_err ike_cookie_make(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, const struct ike_cookie_info *info, uint8_t out[IKE_COOKIE_LEN])
{
	struct wr w = wr_of(out, 1 + INFO_LEN);
	enum ike_err err = turn(c, libctx, now);

	if (err)
		return err;
	wr_u8(&w, c->version);
	wr_u8(&w, info->bits);
	wr_u16(&w, info->prf);
	wr_u32(&w, (uint32_t)(now - c->since[c->version & 1]));
	return mac(c, libctx, c->version, in, bytes_of(out + 1, INFO_LEN), out + 1 + INFO_LEN);
}

bool ike_cookie_check(struct ike_cookies *c, struct ossl_lib_ctx_st *libctx, ike_time now,
    const struct ike_cookie_in *in, struct bytes cookie, struct ike_cookie_info *info)
{
	struct rd r = rd_of(cookie);
	uint8_t want[IKE_COOKIE_MAC];
	uint8_t version = rd_u8(&r);

	if (cookie.n != IKE_COOKIE_LEN || turn(c, libctx, now))
		return false;
	if (version != c->version && !(c->have_old && version == (uint8_t)(c->version - 1)))
		return false;
	info->bits = rd_u8(&r);
	info->prf = rd_u16(&r);
	info->age_ms = now - c->since[version & 1] - rd_u32(&r);
	if (mac(c, libctx, version, in, bytes_of(cookie.p + 1, INFO_LEN), want))
		return false;
	return secret_equal(bytes_of(want, sizeof want), rd_rest(&r));
}

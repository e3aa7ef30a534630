/*
 * The small hashes: NAT detection (RFC 7296 section 2.23), cookies (section 2.6).
 */
#include "ike/crypto/internal.h"

#include "base/cursor.h"

#include <openssl/evp.h>

enum ike_err ike_nat_hash(struct ossl_lib_ctx_st *libctx, uint64_t spi_i, uint64_t spi_r,
    const struct endpoint *ep, uint8_t out[IKE_SHA1_LEN])
{
	uint8_t text[8 + 8 + 16 + 2];
	struct wr w = wr_of(text, sizeof text);
	unsigned n = 0;

	wr_u64(&w, spi_i);
	wr_u64(&w, spi_r);
	wr_bytes(&w, addr_bytes(&ep->addr));
	wr_u16(&w, ep->port);

	/* SHA-1 is what the protocol fixes here; no secrecy or integrity rests on it. */
	EVP_MD *md = EVP_MD_fetch(libctx, "SHA1", NULL);
	if (!md) {
		return IKE_EUNSUPPORTED;
	}
	struct bytes in = wr_written(&w);
	bool ok = EVP_Digest(in.p, in.n, out, &n, md, NULL) == 1 && n == IKE_SHA1_LEN;
	EVP_MD_free(md);
	return ok ? IKE_OK : IKE_ENOMEM;
}

enum ike_err ike_hmac_sha256(struct ossl_lib_ctx_st *libctx, struct bytes key,
    const struct bytes *parts, size_t n, uint8_t out[IKE_COOKIE_MAC])
{
	static const struct transform prf = {TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0};

	return ike_prf(libctx, prf, key, parts, n, out);
}

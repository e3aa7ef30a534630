/*
 * AES-XCBC-MAC-96 (RFC 3566) and AES-CMAC-96 (RFC 4494, RFC 4493) for ESP.
 *
 * Both are the last block of AES-CBC under a key, after a mask was added to the last block of the
 * message: one mask if that block is whole, another if it had to be filled up with 1000… They
 * differ in where key and masks come from.
 */
#include "esp/crypto/internal.h"
#include "base/secret.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { BLOCK = 16, SCRATCH = 512 };

struct cbc_mac {
	struct esp_mac base;
	uint8_t whole[BLOCK], cut[BLOCK];
	struct esp_keyed keyed;
};

static bool begin(EVP_CIPHER_CTX *ctx)
{
	static const uint8_t zero[BLOCK];

	return EVP_CipherInit_ex2(ctx, NULL, NULL, zero, 1, NULL) == 1;
}

/* n whole blocks; `last` is what the final one became. */
static bool chain(EVP_CIPHER_CTX *ctx, const uint8_t *p, size_t n, uint8_t last[BLOCK])
{
	uint8_t scratch[SCRATCH];
	int out = 0;

	while (n > 0) {
		size_t now = n < SCRATCH ? n : SCRATCH;
		if (EVP_CipherUpdate(ctx, scratch, &out, p, (int)now) != 1) {
			return false;
		}
		memcpy(last, scratch + now - BLOCK, BLOCK);
		p += now;
		n -= now;
	}
	return true;
}

/* The end of a message, 1 to 2 * BLOCK bytes, in a buffer that may be written. */
static bool finish(const struct cbc_mac *m, EVP_CIPHER_CTX *ctx, uint8_t tail[2 * BLOCK], size_t n,
    uint8_t out[BLOCK])
{
	size_t first = n > BLOCK ? BLOCK : 0, left = n - first;
	const uint8_t *mask = left == BLOCK ? m->whole : m->cut;

	if (left < BLOCK) {
		tail[n] = 0x80;
		memset(tail + n + 1, 0, BLOCK - left - 1);
	}
	for (size_t i = 0; i < BLOCK; i++) {
		tail[first + i] ^= mask[i];
	}
	return chain(ctx, tail, first + BLOCK, out);
}

static bool cbc_mac_of(struct esp_mac *base, struct esp_crypto_worker *w, struct bytes in,
    struct bytes more, uint8_t out[ESP_MAC_MAX])
{
	struct cbc_mac *m = (struct cbc_mac *)base;
	/* Something must be left for the end. */
	size_t head = (more.n || in.n == 0 ? in.n : in.n - 1) / BLOCK * BLOCK;
	size_t rest = in.n - head;
	uint8_t tail[2 * BLOCK];

	if (rest + more.n > sizeof tail) {
		return false;
	}
	memcpy(tail, in.p + head, rest);
	if (more.n) {
		memcpy(tail + rest, more.p, more.n);
	}
	EVP_CIPHER_CTX *ctx = esp_keyed_for(&m->keyed, w);
	if (ctx && begin(ctx) && chain(ctx, in.p, head, out) &&
	    finish(m, ctx, tail, rest + more.n, out)) {
		return true;
	}
	ERR_clear_error();
	return false;
}

static void cbc_mac_free(struct esp_mac *base)
{
	struct cbc_mac *m = (struct cbc_mac *)base;

	esp_keyed_fini(&m->keyed);
	secret_wipe(m, sizeof *m);
	free(m);
}

/* ---- Keys ---- */

static bool encrypt_constant(EVP_CIPHER_CTX *ctx, uint8_t byte, uint8_t out[BLOCK])
{
	uint8_t block[BLOCK];

	memset(block, byte, BLOCK);
	return begin(ctx) && chain(ctx, block, BLOCK, out);
}

/* RFC 3566 section 4: K1, K2, K3 = 0x01…, 0x02…, 0x03… encrypted under K. */
static bool xcbc_keys(struct cbc_mac *m, EVP_CIPHER_CTX *ctx, uint8_t key[BLOCK])
{
	return encrypt_constant(ctx, 2, m->whole) && encrypt_constant(ctx, 3, m->cut) &&
	       encrypt_constant(ctx, 1, key);
}

/* Twice the number, in GF(2^128), in constant time. */
static void twice(const uint8_t in[BLOCK], uint8_t out[BLOCK])
{
	uint8_t carry = in[0] >> 7;

	for (size_t i = 0; i < BLOCK - 1; i++) {
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	}
	out[BLOCK - 1] = (uint8_t)(in[BLOCK - 1] << 1 ^ (0x87 & -carry));
}

/* RFC 4493 section 2.3: L = 0 encrypted, K1 = 2 L, K2 = 4 L; the key itself stays. */
static bool cmac_keys(struct cbc_mac *m, EVP_CIPHER_CTX *ctx, uint8_t key[BLOCK])
{
	uint8_t l[BLOCK];

	(void)key;
	if (!encrypt_constant(ctx, 0, l)) {
		return false;
	}
	twice(l, m->whole);
	twice(m->whole, m->cut);
	secret_wipe(l, sizeof l);
	return true;
}

static const struct {
	uint16_t integ;
	/* The masks; and what the blocks are encrypted with, in place of the key. */
	bool (*derive)(struct cbc_mac *m, EVP_CIPHER_CTX *ctx, uint8_t key[BLOCK]);
} kinds[] = {
    {INTEG_AES_XCBC_96, xcbc_keys},
    {INTEG_AES_CMAC_96, cmac_keys},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static size_t kind_of(uint16_t integ)
{
	size_t i = 0;

	while (i < KINDS && kinds[i].integ != integ) {
		i++;
	}
	return i;
}

bool esp_cbc_mac_knows(uint16_t integ)
{
	return kind_of(integ) < KINDS;
}

static bool set_up(
    struct cbc_mac *m, size_t kind, struct esp_source *cbc, struct bytes key, bool own)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t k1[BLOCK];

	memcpy(k1, key.p, BLOCK);
	bool ok = ctx && EVP_CipherInit_ex2(ctx, cbc->cipher, key.p, NULL, 1, NULL) == 1 &&
		  EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && kinds[kind].derive(m, ctx, k1);
	EVP_CIPHER_CTX_free(ctx);
	m->keyed.sealing = true;
	ok = ok && esp_keyed_init(&m->keyed, cbc, bytes_of(k1, BLOCK), own) == ESP_CRYPTO_OK;
	secret_wipe(k1, sizeof k1);
	return ok;
}

struct esp_mac *esp_cbc_mac_new(uint16_t integ, struct esp_source *cbc, struct bytes key, bool own)
{
	size_t kind = kind_of(integ);
	struct cbc_mac *m = kind < KINDS && key.n == BLOCK ? calloc(1, sizeof *m) : NULL;

	if (!m) {
		return NULL;
	}
	m->base = (struct esp_mac){cbc_mac_of, cbc_mac_free};
	if (!set_up(m, kind, cbc, key, own)) {
		ERR_clear_error();
		cbc_mac_free(&m->base);
		return NULL;
	}
	return &m->base;
}

/*
 * HMAC-MD5, HMAC-SHA1 and HMAC-SHA2 for ESP: RFC 2104, RFC 2403, RFC 2404, RFC 4868.
 *
 *   HMAC(k, m) = H(k ^ opad | H(k ^ ipad | m))
 *
 * Both keyed states are computed once per SA and copied per packet. The hash functions used here
 * are marked deprecated by OpenSSL 3.0, but their states can be copied on the stack; copying an
 * EVP_MD_CTX (which EVP_MAC does too) allocates for every packet.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "esp/crypto/internal.h"
#include "base/secret.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdlib.h>

union state {
	MD5_CTX m5;
	SHA_CTX s1;
	SHA256_CTX s256;
	SHA512_CTX s512; /* SHA-384 too */
};

struct hash_ops {
	uint16_t integ;
	uint8_t block, digest, state; /* bytes */
	void (*begin)(union state *s);
	void (*add)(union state *s, const void *p, size_t n);
	void (*end)(union state *s, uint8_t *out);
};

struct hmac {
	struct esp_mac base;
	const struct hash_ops *hash;
	uint8_t states[]; /* inner, outer: of the hash's size, for there are many */
};

static void md5_begin(union state *s)
{
	MD5_Init(&s->m5);
}

static void md5_add(union state *s, const void *p, size_t n)
{
	MD5_Update(&s->m5, p, n);
}

static void md5_end(union state *s, uint8_t *out)
{
	MD5_Final(out, &s->m5);
}

static void sha1_begin(union state *s)
{
	SHA1_Init(&s->s1);
}

static void sha1_add(union state *s, const void *p, size_t n)
{
	SHA1_Update(&s->s1, p, n);
}

static void sha1_end(union state *s, uint8_t *out)
{
	SHA1_Final(out, &s->s1);
}

static void sha256_begin(union state *s)
{
	SHA256_Init(&s->s256);
}

static void sha256_add(union state *s, const void *p, size_t n)
{
	SHA256_Update(&s->s256, p, n);
}

static void sha256_end(union state *s, uint8_t *out)
{
	SHA256_Final(out, &s->s256);
}

static void sha384_begin(union state *s)
{
	SHA384_Init(&s->s512);
}

static void sha384_end(union state *s, uint8_t *out)
{
	SHA384_Final(out, &s->s512);
}

static void sha512_begin(union state *s)
{
	SHA512_Init(&s->s512);
}

static void sha512_add(union state *s, const void *p, size_t n)
{
	SHA512_Update(&s->s512, p, n);
}

static void sha512_end(union state *s, uint8_t *out)
{
	SHA512_Final(out, &s->s512);
}

/* clang-format off */
static const struct hash_ops hashes[] = {
	{INTEG_HMAC_SHA2_256_128,  64, 32, sizeof(SHA256_CTX), sha256_begin, sha256_add, sha256_end},
	{INTEG_HMAC_SHA2_384_192, 128, 48, sizeof(SHA512_CTX), sha384_begin, sha512_add, sha384_end},
	{INTEG_HMAC_SHA2_512_256, 128, 64, sizeof(SHA512_CTX), sha512_begin, sha512_add, sha512_end},
	{INTEG_HMAC_SHA1_96,       64, 20, sizeof(SHA_CTX),    sha1_begin,   sha1_add,   sha1_end},
	{INTEG_HMAC_MD5_96,        64, 16, sizeof(MD5_CTX),    md5_begin,    md5_add,    md5_end},
};
/* clang-format on */

enum { BLOCK_MAX = 128, IPAD = 0x36, OPAD = 0x5c };

static const struct hash_ops *hash_of(uint16_t integ)
{
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (hashes[i].integ == integ) {
			return &hashes[i];
		}
	}
	return NULL;
}

bool esp_hmac_knows(uint16_t integ)
{
	return hash_of(integ) != NULL;
}

static void key_state(const struct hash_ops *hash, uint8_t *to, struct bytes key, uint8_t pad)
{
	uint8_t block[BLOCK_MAX];
	union state state;

	for (size_t i = 0; i < hash->block; i++) {
		block[i] = i < key.n ? key.p[i] ^ pad : pad;
	}
	hash->begin(&state);
	hash->add(&state, block, hash->block);
	memcpy(to, &state, hash->state);
	secret_wipe(&state, sizeof state);
	secret_wipe(block, sizeof block);
}

static bool hmac_of(struct esp_mac *m, struct esp_crypto_worker *w, struct bytes in,
    struct bytes more, uint8_t out[ESP_MAC_MAX])
{
	const struct hmac *h = (const struct hmac *)m;
	union state s;

	(void)w;
	memcpy(&s, h->states, h->hash->state);
	h->hash->add(&s, in.p, in.n);
	if (more.n > 0) {
		h->hash->add(&s, more.p, more.n);
	}
	h->hash->end(&s, out);
	memcpy(&s, h->states + h->hash->state, h->hash->state);
	h->hash->add(&s, out, h->hash->digest);
	h->hash->end(&s, out);
	return true;
}

static size_t size_of(const struct hash_ops *hash)
{
	return sizeof(struct hmac) + 2 * (size_t)hash->state;
}

static void hmac_free(struct esp_mac *m)
{
	secret_wipe(m, size_of(((struct hmac *)m)->hash));
	free(m);
}

struct esp_mac *esp_hmac_new(uint16_t integ, struct bytes key)
{
	const struct hash_ops *hash = hash_of(integ);
	struct hmac *h = hash ? calloc(1, size_of(hash)) : NULL;

	if (!h) {
		return NULL;
	}
	h->base = (struct esp_mac){hmac_of, hmac_free};
	h->hash = hash;
	key_state(hash, h->states, key, IPAD);
	key_state(hash, h->states + hash->state, key, OPAD);
	return &h->base;
}

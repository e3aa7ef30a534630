/*
 * What ipsec-mb does in lanes, and its keys: AES-CBC (RFC 3602), AES-CTR (RFC 3686) or NULL (RFC
 * 2410) with HMAC (RFC 2104), AES-XCBC (RFC 3566) or AES-CMAC (RFC 4494); AES-CCM (RFC 4309) and
 * ChaCha20-Poly1305 (RFC 7634).
 */
#include "esp/crypto/mb_internal.h"
#include "base/secret.h"

#include <stdlib.h>

enum { HASH_BLOCK_MAX = 128, IPAD = 0x36, OPAD = 0x5c };

struct mac {
	uint16_t integ;
	uint8_t block; /* bytes; HMAC alone */
	IMB_HASH_ALG alg;
	size_t one_block; /* where a manager keeps its function */
	void (*set)(IMB_MGR *m, struct esp_mb_job *c, const struct mac *mac, struct bytes key);
};

/* The hash's state behind the padded key: RFC 2104 section 4. */
static void hash_key(
    IMB_MGR *m, const struct mac *mac, struct bytes key, uint8_t pad, uint8_t out[ESP_MAC_MAX])
{
	hash_one_block_t one_block;
	uint8_t block[HASH_BLOCK_MAX];

	memcpy(&one_block, (const uint8_t *)m + mac->one_block, sizeof one_block);
	for (size_t i = 0; i < mac->block; i++) {
		block[i] = i < key.n ? key.p[i] ^ pad : pad;
	}
	one_block(block, out);
	secret_wipe(block, sizeof block);
}

static void set_hmac(IMB_MGR *m, struct esp_mb_job *c, const struct mac *mac, struct bytes key)
{
	hash_key(m, mac, key, IPAD, c->mac_a);
	hash_key(m, mac, key, OPAD, c->mac_b);
	c->start.u.HMAC._hashed_auth_key_xor_ipad = c->mac_a;
	c->start.u.HMAC._hashed_auth_key_xor_opad = c->mac_b;
}

static void set_xcbc(IMB_MGR *m, struct esp_mb_job *c, const struct mac *mac, struct bytes key)
{
	void *k1 = c->mac_keys;

	(void)mac;
	IMB_AES_XCBC_KEYEXP(m, key.p, k1, c->mac_a, c->mac_b);
	c->start.u.XCBC._k1_expanded = k1;
	c->start.u.XCBC._k2 = c->mac_a;
	c->start.u.XCBC._k3 = c->mac_b;
}

static void set_cmac(IMB_MGR *m, struct esp_mb_job *c, const struct mac *mac, struct bytes key)
{
	alignas(16) uint8_t dec[ESP_MB_SCHEDULE_128];

	(void)mac;
	IMB_AES_KEYEXP_128(m, key.p, c->mac_keys, dec);
	IMB_AES_CMAC_SUBKEY_GEN_128(m, c->mac_keys, c->mac_a, c->mac_b);
	c->start.u.CMAC._key_expanded = c->mac_keys;
	c->start.u.CMAC._skey1 = c->mac_a;
	c->start.u.CMAC._skey2 = c->mac_b;
	secret_wipe(dec, sizeof dec);
}

#define ONE_BLOCK(hash) offsetof(IMB_MGR, hash##_one_block), set_hmac

/* clang-format off */
static const struct mac macs[] = {
	{INTEG_HMAC_SHA2_256_128,  64, IMB_AUTH_HMAC_SHA_256, ONE_BLOCK(sha256)},
	{INTEG_HMAC_SHA2_384_192, 128, IMB_AUTH_HMAC_SHA_384, ONE_BLOCK(sha384)},
	{INTEG_HMAC_SHA2_512_256, 128, IMB_AUTH_HMAC_SHA_512, ONE_BLOCK(sha512)},
	{INTEG_HMAC_SHA1_96,       64, IMB_AUTH_HMAC_SHA_1,   ONE_BLOCK(sha1)},
	{INTEG_AES_XCBC_96,         0, IMB_AUTH_AES_XCBC,     0, set_xcbc},
	{INTEG_AES_CMAC_96,         0, IMB_AUTH_AES_CMAC,     0, set_cmac},
};

static const struct cipher {
	uint16_t encr;
	bool has_192; /* does it with keys of 192 bits */
	IMB_CIPHER_MODE mode;
	IMB_HASH_ALG alg; /* AEAD: what stands for the MAC; else 0 */
} ciphers[] = {
	{ENCR_AES_CBC,                true,  IMB_CIPHER_CBC,               0},
	{ENCR_AES_CTR,                true,  IMB_CIPHER_CNTR,              0},
	{ENCR_NULL,                   true,  IMB_CIPHER_NULL,              0},
	{ENCR_CHACHA20_POLY1305,      true,  IMB_CIPHER_CHACHA20_POLY1305, IMB_AUTH_CHACHA20_POLY1305},
	{ENCR_CHACHA20_POLY1305_IIV,  true,  IMB_CIPHER_CHACHA20_POLY1305, IMB_AUTH_CHACHA20_POLY1305},
	{ENCR_AES_CCM_16,             false, IMB_CIPHER_CCM,               IMB_AUTH_AES_CCM},
	{ENCR_AES_CCM_12,             false, IMB_CIPHER_CCM,               IMB_AUTH_AES_CCM},
	{ENCR_AES_CCM_8,              false, IMB_CIPHER_CCM,               IMB_AUTH_AES_CCM},
	{ENCR_AES_CCM_8_IIV,          false, IMB_CIPHER_CCM,               IMB_AUTH_AES_CCM},
};
/* clang-format on */

static const struct mac *mac_of(uint16_t integ)
{
	for (size_t i = 0; i < sizeof macs / sizeof macs[0]; i++) {
		if (macs[i].integ == integ) {
			return &macs[i];
		}
	}
	return NULL;
}

static const struct cipher *cipher_of(struct transform encr)
{
	for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
		if (ciphers[i].encr == encr.id && (ciphers[i].has_192 || encr.key_bits != 192)) {
			return &ciphers[i];
		}
	}
	return NULL;
}

bool esp_mb_job_does(struct transform encr, struct transform integ)
{
	const struct cipher *cipher = cipher_of(encr);

	return cipher &&
	       (cipher->alg || (integ.type == TRANSFORM_INTEG && mac_of(integ.id) != NULL));
}

static void set_cipher(IMB_MGR *m, struct esp_mb_job *c, const struct esp_crypto_plan *plan)
{
	const uint8_t *key = plan->keys->encr_key.p;
	alignas(16) uint8_t other[ESP_MB_SCHEDULE];
	size_t n = esp_plan_key(plan).n;

	c->start.enc_keys = c->start.dec_keys = c->keys;
	c->start.key_len_in_bytes = n;
	c->start.iv_len_in_bytes = c->base.salt_len ? c->base.salt_len + 8u : c->base.shape.iv_len;
	/* Only CBC runs the cipher backwards. */
	bool back = c->start.cipher_mode == IMB_CIPHER_CBC && !plan->sealing;
	uint8_t *enc = back ? other : c->keys, *dec = back ? c->keys : other;
	switch (plan->encr->t.key_bits) {
	case 128: IMB_AES_KEYEXP_128(m, key, enc, dec); break;
	case 192: IMB_AES_KEYEXP_192(m, key, enc, dec); break;
	case 256: IMB_AES_KEYEXP_256(m, key, enc, dec); break;
	default:
		if (n > 0) { /* ChaCha20; else NULL */
			memcpy(c->keys, key, n);
		}
		break;
	}
	secret_wipe(other, sizeof other);
}

/* CCM authenticates the text before it is encrypted, the others after. */
static IMB_CHAIN_ORDER order_of(IMB_CIPHER_MODE mode, bool sealing)
{
	return sealing == (mode == IMB_CIPHER_CCM) ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
}

static void set_up(IMB_MGR *m, struct esp_mb_job *c, const struct esp_crypto_plan *plan)
{
	const struct cipher *cipher = cipher_of(plan->keys->encr);
	const struct mac *mac = cipher->alg ? NULL : mac_of(plan->keys->integ.id);

	c->start.cipher_mode = cipher->mode;
	c->start.cipher_direction = plan->sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	c->start.chain_order = order_of(cipher->mode, plan->sealing);
	c->start.hash_alg = mac ? mac->alg : cipher->alg;
	c->start.auth_tag_output_len_in_bytes = c->base.shape.icv_len;
	set_cipher(m, c, plan);
	if (mac) {
		mac->set(m, c, mac, plan->keys->integ_key);
	}
	c->fill = mac ? esp_mb_fill_mac : esp_mb_fill_aead;
}

/* There are many: round keys of a MAC only where it has any. */
static size_t size_of(const struct esp_crypto_plan *plan)
{
	const struct mac *mac = mac_of(plan->keys->integ.id);
	size_t n = sizeof(struct esp_mb_job) + (mac && mac->block == 0 ? ESP_MB_SCHEDULE_128 : 0);

	return (n + ESP_MB_ALIGN_KEYS - 1) / ESP_MB_ALIGN_KEYS * ESP_MB_ALIGN_KEYS;
}

enum esp_crypto_err esp_mb_job_new(IMB_MGR *setup, const struct esp_mb *mb,
    const struct esp_crypto_plan *plan, struct esp_crypto *single, struct esp_crypto **out)
{
	size_t size = size_of(plan);
	struct esp_mb_job *c = aligned_alloc(ESP_MB_ALIGN_KEYS, size);

	*out = NULL;
	if (!c) {
		esp_crypto_free(single);
		return ESP_CRYPTO_NOMEM;
	}
	memset(c, 0, size);
	esp_crypto_base(&c->base, &esp_mb_job_ops, plan);
	c->mb = mb;
	c->single = single;
	c->size = size;
	set_up(setup, c, plan);
	*out = &c->base;
	return ESP_CRYPTO_OK;
}

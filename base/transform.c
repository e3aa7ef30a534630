/*
 * The transform table: RFC 7296 section 3.3.2 and the IANA registry "IKEv2 Parameters".
 *
 * Lengths: AES-CBC RFC 3602; AES-CTR RFC 3686 (4 bytes of nonce behind the key); AES-GCM RFC 4106
 * and RFC 5282 (4 bytes of salt, 8 of IV); AES-CCM RFC 4309 (3 bytes of salt); GMAC RFC 4543;
 * ChaCha20-Poly1305 RFC 7634 (as AES-GCM, no Key Length attribute); implicit IVs RFC 8750; Camellia
 * RFC 4312 and RFC 5529; 3DES RFC 2451; DES RFC 2405; NULL RFC 2410; HMAC-MD5 RFC 2403; HMAC-SHA1
 * RFC 2404; HMAC-SHA2 RFC 4868; AES-XCBC RFC 3566 and RFC 4434; AES-CMAC RFC 4494 and RFC 4615;
 * MODP groups RFC 2409 section 6.2, RFC 3526, RFC 5114; ECP groups RFC 5903, RFC 5114 and RFC 6954
 * (both coordinates); Curve25519 and Curve448 RFC 8031; ML-KEM
 * draft-ietf-ipsecme-ikev2-mlkem (the initiator's encapsulation key).
 *
 * Weak: RFC 8247 sections 2.1 to 2.4, RFC 8221 sections 5 and 6.
 */
#include "base/transform.h"
#include "base/text.h"

#define ENCR TRANSFORM_ENCR
#define PRF TRANSFORM_PRF
#define INTEG TRANSFORM_INTEG
#define KE TRANSFORM_KE
#define SN TRANSFORM_SN
#define AEAD TRANSFORM_AEAD
#define ESP TRANSFORM_ESP
#define BOTH (TRANSFORM_IKE | TRANSFORM_ESP)

/* clang-format off */
static const struct transform_info rows[] = {
	/* type   id                        bits   status name             keyword                 key salt iv icv blk  flags */
	{{ENCR,  ENCR_AES_GCM_16,             256}, "AES_GCM_16_256",        "aes256gcm16",           36,  4,   8, 16,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_16,             192}, "AES_GCM_16_192",        "aes192gcm16",           28,  4,   8, 16,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_16,             128}, "AES_GCM_16_128",        "aes128gcm16",           20,  4,   8, 16,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_CHACHA20_POLY1305,        0}, "CHACHA20_POLY1305",     "chacha20poly1305",      36,  4,   8, 16,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CBC,                256}, "AES_CBC_256",           "aes256",                32,  0,  16,  0, 16,  BOTH},
	{{ENCR,  ENCR_AES_CBC,                192}, "AES_CBC_192",           "aes192",                24,  0,  16,  0, 16,  BOTH},
	{{ENCR,  ENCR_AES_CBC,                128}, "AES_CBC_128",           "aes128",                16,  0,  16,  0, 16,  BOTH},
	{{ENCR,  ENCR_NULL,                     0}, "NULL",                  "null",                   0,  0,   0,  0,  1,  ESP},
	{{ENCR,  ENCR_AES_GCM_12,             256}, "AES_GCM_12_256",        "aes256gcm12",           36,  4,   8, 12,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_12,             192}, "AES_GCM_12_192",        "aes192gcm12",           28,  4,   8, 12,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_12,             128}, "AES_GCM_12_128",        "aes128gcm12",           20,  4,   8, 12,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_8,              256}, "AES_GCM_8_256",         "aes256gcm8",            36,  4,   8,  8,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_8,              192}, "AES_GCM_8_192",         "aes192gcm8",            28,  4,   8,  8,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_8,              128}, "AES_GCM_8_128",         "aes128gcm8",            20,  4,   8,  8,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_16,             256}, "AES_CCM_16_256",        "aes256ccm16",           35,  3,   8, 16,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_16,             192}, "AES_CCM_16_192",        "aes192ccm16",           27,  3,   8, 16,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_16,             128}, "AES_CCM_16_128",        "aes128ccm16",           19,  3,   8, 16,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_12,             256}, "AES_CCM_12_256",        "aes256ccm12",           35,  3,   8, 12,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_12,             192}, "AES_CCM_12_192",        "aes192ccm12",           27,  3,   8, 12,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_12,             128}, "AES_CCM_12_128",        "aes128ccm12",           19,  3,   8, 12,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_8,              256}, "AES_CCM_8_256",         "aes256ccm8",            35,  3,   8,  8,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_8,              192}, "AES_CCM_8_192",         "aes192ccm8",            27,  3,   8,  8,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_CCM_8,              128}, "AES_CCM_8_128",         "aes128ccm8",            19,  3,   8,  8,  1,  BOTH | AEAD},
	{{ENCR,  ENCR_AES_GCM_16_IIV,         256}, "AES_GCM_16_IIV_256",    "aes256gcm16iiv",        36,  4,   0, 16,  1,  ESP | AEAD},
	{{ENCR,  ENCR_AES_GCM_16_IIV,         192}, "AES_GCM_16_IIV_192",    "aes192gcm16iiv",        28,  4,   0, 16,  1,  ESP | AEAD},
	{{ENCR,  ENCR_AES_GCM_16_IIV,         128}, "AES_GCM_16_IIV_128",    "aes128gcm16iiv",        20,  4,   0, 16,  1,  ESP | AEAD},
	{{ENCR,  ENCR_AES_CCM_8_IIV,          256}, "AES_CCM_8_IIV_256",     "aes256ccm8iiv",         35,  3,   0,  8,  1,  ESP | AEAD},
	{{ENCR,  ENCR_AES_CCM_8_IIV,          192}, "AES_CCM_8_IIV_192",     "aes192ccm8iiv",         27,  3,   0,  8,  1,  ESP | AEAD},
	{{ENCR,  ENCR_AES_CCM_8_IIV,          128}, "AES_CCM_8_IIV_128",     "aes128ccm8iiv",         19,  3,   0,  8,  1,  ESP | AEAD},
	{{ENCR,  ENCR_CHACHA20_POLY1305_IIV,    0}, "CHACHA20_POLY1305_IIV", "chacha20poly1305iiv",   36,  4,   0, 16,  1,  ESP | AEAD},
	{{ENCR,  ENCR_NULL_AUTH_AES_GMAC,     256}, "AES_GMAC_256",          "aes256gmac",            36,  4,   8, 16,  1,  ESP | AEAD},
	{{ENCR,  ENCR_NULL_AUTH_AES_GMAC,     192}, "AES_GMAC_192",          "aes192gmac",            28,  4,   8, 16,  1,  ESP | AEAD},
	{{ENCR,  ENCR_NULL_AUTH_AES_GMAC,     128}, "AES_GMAC_128",          "aes128gmac",            20,  4,   8, 16,  1,  ESP | AEAD},
	{{ENCR,  ENCR_AES_CTR,                256}, "AES_CTR_256",           "aes256ctr",             36,  4,   8,  0,  1,  BOTH},
	{{ENCR,  ENCR_AES_CTR,                192}, "AES_CTR_192",           "aes192ctr",             28,  4,   8,  0,  1,  BOTH},
	{{ENCR,  ENCR_AES_CTR,                128}, "AES_CTR_128",           "aes128ctr",             20,  4,   8,  0,  1,  BOTH},
	{{ENCR,  ENCR_CAMELLIA_CBC,           256}, "CAMELLIA_CBC_256",      "camellia256",           32,  0,  16,  0, 16,  BOTH},
	{{ENCR,  ENCR_CAMELLIA_CBC,           192}, "CAMELLIA_CBC_192",      "camellia192",           24,  0,  16,  0, 16,  BOTH},
	{{ENCR,  ENCR_CAMELLIA_CBC,           128}, "CAMELLIA_CBC_128",      "camellia128",           16,  0,  16,  0, 16,  BOTH},
	{{ENCR,  ENCR_CAMELLIA_CTR,           256}, "CAMELLIA_CTR_256",      "camellia256ctr",        36,  4,   8,  0,  1,  BOTH},
	{{ENCR,  ENCR_CAMELLIA_CTR,           192}, "CAMELLIA_CTR_192",      "camellia192ctr",        28,  4,   8,  0,  1,  BOTH},
	{{ENCR,  ENCR_CAMELLIA_CTR,           128}, "CAMELLIA_CTR_128",      "camellia128ctr",        20,  4,   8,  0,  1,  BOTH},
	{{ENCR,  ENCR_3DES,                     0}, "3DES",                  "3des",                  24,  0,   8,  0,  8,  BOTH | TRANSFORM_WEAK},
	{{ENCR,  ENCR_DES,                      0}, "DES",                   "des",                    8,  0,   8,  0,  8,  BOTH | TRANSFORM_WEAK},

	{{PRF,   PRF_HMAC_SHA2_256,             0}, "PRF_HMAC_SHA2_256",     "prfsha256",             32,  0,   0,  0,  1,  TRANSFORM_IKE},
	{{PRF,   PRF_HMAC_SHA2_384,             0}, "PRF_HMAC_SHA2_384",     "prfsha384",             48,  0,   0,  0,  1,  TRANSFORM_IKE},
	{{PRF,   PRF_HMAC_SHA2_512,             0}, "PRF_HMAC_SHA2_512",     "prfsha512",             64,  0,   0,  0,  1,  TRANSFORM_IKE},
	{{PRF,   PRF_AES128_XCBC,               0}, "PRF_AES128_XCBC",       "prfaesxcbc",            16,  0,   0,  0,  1,  TRANSFORM_IKE},
	{{PRF,   PRF_AES128_CMAC,               0}, "PRF_AES128_CMAC",       "prfaescmac",            16,  0,   0,  0,  1,  TRANSFORM_IKE},
	{{PRF,   PRF_HMAC_SHA1,                 0}, "PRF_HMAC_SHA1",         "prfsha1",               20,  0,   0,  0,  1,  TRANSFORM_IKE | TRANSFORM_WEAK},
	{{PRF,   PRF_HMAC_MD5,                  0}, "PRF_HMAC_MD5",          "prfmd5",                16,  0,   0,  0,  1,  TRANSFORM_IKE | TRANSFORM_WEAK},

	{{INTEG, INTEG_HMAC_SHA2_256_128,       0}, "HMAC_SHA2_256_128",     "sha256",                32,  0,   0, 16,  1,  BOTH},
	{{INTEG, INTEG_HMAC_SHA2_384_192,       0}, "HMAC_SHA2_384_192",     "sha384",                48,  0,   0, 24,  1,  BOTH},
	{{INTEG, INTEG_HMAC_SHA2_512_256,       0}, "HMAC_SHA2_512_256",     "sha512",                64,  0,   0, 32,  1,  BOTH},
	{{INTEG, INTEG_AES_XCBC_96,             0}, "AES_XCBC_96",           "aesxcbc",               16,  0,   0, 12,  1,  BOTH},
	{{INTEG, INTEG_AES_CMAC_96,             0}, "AES_CMAC_96",           "aescmac",               16,  0,   0, 12,  1,  BOTH},
	{{INTEG, INTEG_HMAC_SHA1_96,            0}, "HMAC_SHA1_96",          "sha1",                  20,  0,   0, 12,  1,  BOTH | TRANSFORM_WEAK},
	{{INTEG, INTEG_HMAC_MD5_96,             0}, "HMAC_MD5_96",           "md5",                   16,  0,   0, 12,  1,  BOTH | TRANSFORM_WEAK},
	{{INTEG, INTEG_NONE,                    0}, "NONE",                  "none",                   0,  0,   0,  0,  1,  BOTH},

	{{KE,    KE_CURVE25519,                  0}, "CURVE25519",            "x25519",                32,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_CURVE448,                    0}, "CURVE448",              "x448",                  56,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_ECP_256,                     0}, "ECP_256",               "ecp256",                64,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_ECP_384,                     0}, "ECP_384",               "ecp384",                96,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_ECP_521,                     0}, "ECP_521",               "ecp521",               132,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_ECP_224,                     0}, "ECP_224",               "ecp224",                56,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_ECP_192,                     0}, "ECP_192",               "ecp192",                48,  0,   0,  0,  1,  BOTH | TRANSFORM_WEAK},
	{{KE,    KE_BRAINPOOL_P512R1,            0}, "BRAINPOOL_P512R1",      "ecp512bp",             128,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_BRAINPOOL_P384R1,            0}, "BRAINPOOL_P384R1",      "ecp384bp",              96,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_BRAINPOOL_P256R1,            0}, "BRAINPOOL_P256R1",      "ecp256bp",              64,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_BRAINPOOL_P224R1,            0}, "BRAINPOOL_P224R1",      "ecp224bp",              56,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MODP_8192,                   0}, "MODP_8192",             "modp8192",             1024,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MODP_6144,                   0}, "MODP_6144",             "modp6144",             768,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MODP_4096,                   0}, "MODP_4096",             "modp4096",             512,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MODP_3072,                   0}, "MODP_3072",             "modp3072",             384,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MODP_2048,                   0}, "MODP_2048",             "modp2048",             256,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MODP_1536,                   0}, "MODP_1536",             "modp1536",             192,  0,   0,  0,  1,  BOTH | TRANSFORM_WEAK},
	{{KE,    KE_MODP_1024,                   0}, "MODP_1024",             "modp1024",             128,  0,   0,  0,  1,  BOTH | TRANSFORM_WEAK},
	{{KE,    KE_MODP_2048_256,               0}, "MODP_2048_256",         "modp2048s256",         256,  0,   0,  0,  1,  BOTH | TRANSFORM_WEAK},
	{{KE,    KE_MODP_2048_224,               0}, "MODP_2048_224",         "modp2048s224",         256,  0,   0,  0,  1,  BOTH | TRANSFORM_WEAK},
	{{KE,    KE_MODP_1024_160,               0}, "MODP_1024_160",         "modp1024s160",         128,  0,   0,  0,  1,  BOTH | TRANSFORM_WEAK},
	{{KE,    KE_MLKEM_512,                  0}, "ML_KEM_512",            "mlkem512",             800,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MLKEM_768,                  0}, "ML_KEM_768",            "mlkem768",            1184,  0,   0,  0,  1,  BOTH},
	{{KE,    KE_MLKEM_1024,                 0}, "ML_KEM_1024",           "mlkem1024",           1568,  0,   0,  0,  1,  BOTH},

	{{SN,    SN_64BIT,                      0}, "ESN",                   "esn",                    0,  0,   0,  0,  1,  ESP},
	{{SN,    SN_32BIT,                      0}, "NO_ESN",                "noesn",                  0,  0,   0,  0,  1,  ESP},
};
/* clang-format on */

/* clang-format off */
static const struct {
	uint8_t type;
	uint16_t id;
	const char *why;
} weak[] = {
	{ENCR,  ENCR_3DES,          "blocks of 64 bits repeat after some gigabytes and give plaintext away"},
	{ENCR,  ENCR_DES,           "a key of 56 bits is found within a day"},
	{PRF,   PRF_HMAC_MD5,       "MD5 is broken where collisions matter, and nobody maintains it"},
	{PRF,   PRF_HMAC_SHA1,      "SHA-1 is broken where collisions matter, and nobody maintains it"},
	{INTEG, INTEG_HMAC_MD5_96,  "MD5 is broken where collisions matter, and nobody maintains it"},
	{INTEG, INTEG_HMAC_SHA1_96, "SHA-1 is broken where collisions matter, and nobody maintains it"},
	{KE,    KE_MODP_1024,       "discrete logarithms of 1024 bits are within reach of a state"},
	{KE,    KE_MODP_1536,       "discrete logarithms of 1536 bits give less than 100 bits of security"},
	{KE,    KE_ECP_192,         "a curve of 192 bits gives less than 100 bits of security"},
	{KE,    KE_MODP_1024_160,   "discrete logarithms of 1024 bits are within reach of a state"},
	{KE,    KE_MODP_2048_224,   "nobody outside has seen how its prime was made, and it may have a back door"},
	{KE,    KE_MODP_2048_256,   "nobody outside has seen how its prime was made, and it may have a back door"},
};
/* clang-format on */

static const char *const type_names[] = {
    [TRANSFORM_ENCR] = "ENCR",
    [TRANSFORM_PRF] = "PRF",
    [TRANSFORM_INTEG] = "INTEG",
    [TRANSFORM_KE] = "KE",
    [TRANSFORM_SN] = "SN",
};

const struct transform_info *transform_row(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

bool transform_equal(struct transform a, struct transform b)
{
	return a.type == b.type && a.id == b.id && a.key_bits == b.key_bits;
}

const struct transform_info *transform_find(struct transform t)
{
	if (transform_is_addke(t)) {
		t.type = TRANSFORM_KE;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (transform_equal(rows[i].t, t)) {
			return &rows[i];
		}
	}
	return NULL;
}

const char *transform_weakness(struct transform t)
{
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		if (weak[i].type == t.type && weak[i].id == t.id) {
			return weak[i].why;
		}
	}
	return NULL;
}

static void add_transform(struct text *out, struct transform t)
{
	const struct transform_info *row = transform_find(t);

	if (transform_is_addke(t)) {
		text_addf(out, "KE%u_", t.type - TRANSFORM_ADDKE1 + 1u);
	}
	if (transform_is_addke(t) && !row) {
		if (t.id == KE_NONE) {
			text_add(out, "NONE");
		} else {
			text_addf(out, "%u", t.id);
		}
		return;
	}
	if (row) {
		text_add(out, row->name);
		return;
	}
	if (t.type >= TRANSFORM_ENCR && t.type <= TRANSFORM_SN) {
		text_addf(out, "%s_%u", type_names[t.type], t.id);
	} else {
		text_addf(out, "TYPE_%u_%u", t.type, t.id);
	}
	if (t.key_bits != 0) {
		text_addf(out, "_%u", t.key_bits);
	}
}

const char *transform_text(struct transform t, char *dst, size_t cap)
{
	struct text out = text_of(dst, cap);
	add_transform(&out, t);
	return text_end(&out);
}

/* INTEG and KE number 0 is NONE; a 32-bit sequence number is nothing that anyone wants to read. */
static bool worth_showing(struct transform t)
{
	return t.type == TRANSFORM_ENCR || t.type == TRANSFORM_PRF || (t.type != 0 && t.id != 0);
}

static void show(struct text *out, struct transform t)
{
	if (!worth_showing(t)) {
		return;
	}
	if (out->len > 0) {
		text_add_char(out, '/');
	}
	add_transform(out, t);
}

const char *suite_text(const struct suite *s, char *dst, size_t cap)
{
	const struct transform parts[] = {s->encr, s->integ, s->prf, s->ke};
	struct text out = text_of(dst, cap);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		show(&out, parts[i]);
	}
	for (size_t i = 0; i < ADDKE_MAX; i++) {
		show(&out, s->addke[i]);
	}
	show(&out, s->sn);
	return text_end(&out);
}

unsigned suite_next_addke(const struct suite *s, unsigned from)
{
	while (from < ADDKE_MAX && s->addke[from].id == KE_NONE) {
		from++;
	}
	return from;
}

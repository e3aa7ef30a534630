/*
 * PRF, prf+, key derivation, authentication octets, small hashes: published vectors where there are
 * any; the others were computed with Python's hmac and hashlib from the formulas of RFC 7296.
 */
#include "ike/crypto/crypto.h"
#include "ike/ike.h"
#include "test/unit/ike_rand_test.h"
#include "test/unit/req.h"

static const struct transform prf256 = {TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0};
static const struct transform prf384 = {TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0};
static const struct transform prf512 = {TRANSFORM_PRF, PRF_HMAC_SHA2_512, 0};
static const struct transform xcbc = {TRANSFORM_PRF, PRF_AES128_XCBC, 0};
static const struct transform cmac = {TRANSFORM_PRF, PRF_AES128_CMAC, 0};
static const struct transform prfsha1 = {TRANSFORM_PRF, PRF_HMAC_SHA1, 0};
static const struct transform prfmd5 = {TRANSFORM_PRF, PRF_HMAC_MD5, 0};
static const struct transform gcm256 = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 256};
static const struct transform gcm128 = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 128};
static const struct transform cbc128 = {TRANSFORM_ENCR, ENCR_AES_CBC, 128};
static const struct transform cbc256 = {TRANSFORM_ENCR, ENCR_AES_CBC, 256};
static const struct transform sha256 = {TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0};
static const struct transform sha512 = {TRANSFORM_INTEG, INTEG_HMAC_SHA2_512_256, 0};

/* RFC 4868 section 2.7.1, cases PRF-1 and PRF-2 (RFC 4231 cases 1 and 2); RFC 2202 sections 2 and
 * 3, cases 1 and 2. */
static const struct {
	const char *key, *data;
	uint16_t prf;
	const char *out;
} hmacs[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", PRF_HMAC_SHA2_256,
	"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", PRF_HMAC_SHA2_384,
	"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2"
	"fa9cb6"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", PRF_HMAC_SHA2_512,
	"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
    {"4a656665", "what do ya want for nothing?", PRF_HMAC_SHA2_256,
	"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"4a656665", "what do ya want for nothing?", PRF_HMAC_SHA2_384,
	"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfa"
	"b21649"},
    {"4a656665", "what do ya want for nothing?", PRF_HMAC_SHA2_512,
	"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", PRF_HMAC_SHA1,
	"b617318655057264e28bc0b6fb378c8ef146be00"},
    {"4a656665", "what do ya want for nothing?", PRF_HMAC_SHA1,
	"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", PRF_HMAC_MD5,
	"9294727a3638bb1c13f48ef8158bfc9d"},
    {"4a656665", "what do ya want for nothing?", PRF_HMAC_MD5, "750c783e6ab0b503eaa86e310a5db738"},
};

START_TEST(prf_vectors)
{
	struct transform prf = {TRANSFORM_PRF, hmacs[_i].prf, 0};
	uint8_t key[32], out[IKE_PRF_MAX], want[IKE_PRF_MAX];
	struct bytes data = text_bytes(hmacs[_i].data);
	struct bytes k = hex_to(key, sizeof key, hmacs[_i].key);
	struct bytes w = hex_to(want, sizeof want, hmacs[_i].out);

	ck_assert_int_eq(ike_prf(NULL, prf, k, &data, 1, out), IKE_OK);
	ck_assert_uint_eq(ike_prf_len(prf), w.n);
	ck_assert_bytes(bytes_of(out, w.n), w);

	/* However the data is cut, empty pieces included. */
	for (size_t cut = 0; cut <= data.n; cut++) {
		struct bytes parts[] = {
		    bytes_of(data.p, cut), bytes_of(NULL, 0), bytes_of(data.p + cut, data.n - cut)};
		ck_assert_int_eq(ike_prf(NULL, prf, k, parts, 3, out), IKE_OK);
		ck_assert_bytes(bytes_of(out, w.n), w);
	}
}
END_TEST

#define KEY_16 "000102030405060708090a0b0c0d0e0f"
#define KEY_10 "00010203040506070809"
#define KEY_18 "000102030405060708090a0b0c0d0e0fedcb"
#define TO_19 "000102030405060708090a0b0c0d0e0f10111213"
#define KEY_NIST "2b7e151628aed2a6abf7158809cf4f3c"
#define NIST_1 "6bc1bee22e409f96e93d7e117393172a"
#define NIST_2 "ae2d8a571e03ac9c9eb76fac45af8e51"
#define NIST_3 "30c81c46a35ce411"
#define NIST_4 "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"

/* RFC 3566 section 4.6 (before the cut to 96 bits), RFC 4434 section 2.1; RFC 4493 section 4, RFC
 * 4615 section 4. */
static const struct {
	uint16_t prf;
	const char *key, *data, *out;
} blocks[] = {
    {PRF_AES128_XCBC, KEY_16, "", "75f0251d528ac01c4573dfd584d79f29"},
    {PRF_AES128_XCBC, KEY_16, "000102", "5b376580ae2f19afe7219ceef172756f"},
    {PRF_AES128_XCBC, KEY_16, KEY_16, "d2a246fa349b68a79998a4394ff7a263"},
    {PRF_AES128_XCBC, KEY_16, TO_19, "47f51b4564966215b8985c63055ed308"},
    {PRF_AES128_XCBC, KEY_16, TO_19 "1415161718191a1b1c1d1e1f", "f54f0ec8d2b9f3d36807734bd5283fd4"},
    {PRF_AES128_XCBC, KEY_16, TO_19 "1415161718191a1b1c1d1e1f2021",
	"becbb3bccdb518a30677d5481fb6b4d8"},
    {PRF_AES128_XCBC, KEY_10, TO_19, "0fa087af7d866e7653434e602fdde835"},
    {PRF_AES128_XCBC, KEY_18, TO_19, "8cd3c93ae598a9803006ffb67c40e9e4"},
    {PRF_AES128_CMAC, KEY_NIST, "", "bb1d6929e95937287fa37d129b756746"},
    {PRF_AES128_CMAC, KEY_NIST, NIST_1, "070a16b46b4d4144f79bdd9dd04a287c"},
    {PRF_AES128_CMAC, KEY_NIST, NIST_1 NIST_2 NIST_3, "dfa66747de9ae63030ca32611497c827"},
    {PRF_AES128_CMAC, KEY_NIST, NIST_1 NIST_2 NIST_3 NIST_4, "51f0bebf7e3b9d92fc49741779363cfe"},
    {PRF_AES128_CMAC, KEY_18, TO_19, "84a348a4a45d235babfffc0d2b4da09a"},
    {PRF_AES128_CMAC, KEY_16, TO_19, "980ae87b5f4c9c5214f5b6a8455e4c2d"},
    {PRF_AES128_CMAC, KEY_10, TO_19, "290d9e112edb09ee141fcf64c0b72f3d"},
};

START_TEST(block_cipher_prfs)
{
	struct transform prf = {TRANSFORM_PRF, blocks[_i].prf, 0};
	uint8_t b[3][64], out[IKE_PRF_MAX];
	struct bytes key = hex_to(b[0], 64, blocks[_i].key),
		     data = hex_to(b[1], 64, blocks[_i].data);
	struct bytes want = hex_to(b[2], 64, blocks[_i].out);

	ck_assert_uint_eq(ike_prf_len(prf), want.n);
	for (size_t cut = 0; cut <= data.n; cut++) {
		struct bytes parts[] = {
		    bytes_of(data.p, cut), bytes_of(NULL, 0), bytes_of(data.p + cut, data.n - cut)};
		ck_assert_int_eq(ike_prf(NULL, prf, key, parts, 3, out), IKE_OK);
		ck_assert_bytes(bytes_of(out, want.n), want);
	}
}
END_TEST

/* RFC 3566 section 4.6, case 7: 1000 zeros. */
START_TEST(xcbc_of_many)
{
	static const uint8_t zero[1000];
	struct bytes data = bytes_of(zero, sizeof zero);
	uint8_t key[16], want[16], out[IKE_PRF_MAX];

	ck_assert_int_eq(
	    ike_prf(NULL, xcbc, hex_to(key, sizeof key, KEY_16), &data, 1, out), IKE_OK);
	ck_assert_bytes(bytes_of(out, 16), hex_to(want, 16, "f0dafee895db30253761103b5d84528f"));
}
END_TEST

START_TEST(prf_unknown)
{
	REQ("7296-5-1");
	struct transform tiger = {TRANSFORM_PRF, 3, 0},
			 wrong_type = {TRANSFORM_INTEG, PRF_HMAC_SHA2_256, 0};
	struct bytes none = bytes_of("", 0);
	uint8_t out[IKE_PRF_MAX];

	ck_assert_int_eq(ike_prf(NULL, tiger, none, &none, 1, out), IKE_EUNSUPPORTED);
	ck_assert_int_eq(ike_prf(NULL, wrong_type, none, &none, 1, out), IKE_EUNSUPPORTED);
	ck_assert_int_eq(ike_prf_plus(NULL, tiger, none, &none, 1, out, 8), IKE_EUNSUPPORTED);
	ck_assert_uint_eq(ike_prf_len(tiger), 0);
	/* An empty key is a key. HMAC-SHA-256("", ""). */
	ck_assert_int_eq(ike_prf(NULL, prf256, none, &none, 1, out), IKE_OK);
	ck_assert_uint_eq(out[0], 0xb6);
	ck_assert_uint_eq(out[31], 0xad);
	/* RFC 7296 section 5: none below 128 bits. */
	for (unsigned id = 0; id < 65536; id++) {
		struct transform t = {.type = TRANSFORM_PRF, .id = (uint16_t)id};
		ck_assert(ike_prf_len(t) == 0 || ike_prf_len(t) >= 16);
	}
}
END_TEST

/* SHA-256 as hex: long outputs are compared by their digest. */
static const char *digest_of(struct bytes b, char hex[65])
{
	uint8_t md[32];

	ck_assert_int_eq(EVP_Digest(b.p, b.n, md, NULL, EVP_sha256(), NULL), 1);
	bytes_to_hex(hex, 65, bytes_of(md, sizeof md));
	return hex;
}

START_TEST(prf_plus_limits)
{
	static uint8_t out[255 * 32 + 1];
	struct bytes key = text_bytes("k"), seed = text_bytes("s");
	char hex[65];

	ck_assert_int_eq(ike_prf_plus(NULL, prf256, key, &seed, 1, out, 255 * 32), IKE_OK);
	ck_assert_str_eq(digest_of(bytes_of(out, 255 * 32), hex),
	    "f4ec4f868e896e3dc6bff5e39382980384aee9acf93f40d2c5096f1e19e9ad58");
	ck_assert_int_eq(ike_prf_plus(NULL, prf256, key, &seed, 1, out, 255 * 32 + 1), IKE_EBUG);
	ck_assert_int_eq(ike_prf_plus(NULL, prf256, key, &seed, 1, out, 0), IKE_OK);
	/* Nothing is written beyond what was asked for. */
	for (size_t n = 1; n < 100; n++) {
		uint8_t some[128];
		memset(some, 0xee, sizeof some);
		ck_assert_int_eq(ike_prf_plus(NULL, prf256, key, &seed, 1, some, n), IKE_OK);
		ck_assert_mem_eq(some, out, n);
		for (size_t i = n; i < sizeof some; i++) {
			ck_assert_uint_eq(some[i], 0xee);
		}
	}
}
END_TEST

/* All keys of an IKE SA, one behind the other. */
static struct bytes joined(const struct ike_keymat *k, uint8_t *dst, size_t cap)
{
	const struct secret *all[] = {
	    &k->sk_d, &k->sk_ai, &k->sk_ar, &k->sk_ei, &k->sk_er, &k->sk_pi, &k->sk_pr};
	size_t n = 0;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		ck_assert_uint_le(n + all[i]->n, cap);
		if (all[i]->n > 0) {
			memcpy(dst + n, all[i]->p, all[i]->n);
		}
		n += all[i]->n;
	}
	return bytes_of(dst, n);
}

/* NIST CAVP, SP 800-135 IKEv2 KDF, SHA-256 (Ni 64 bits, g^ir 256 bits, DKM 1056 bits): SKEYSEED
 * shows in the keys that it makes, and the rekeyed one in those of the new SA. */
START_TEST(nist_keymat)
{
	uint8_t b[5][160], got[512];
	struct suite s = {.encr = gcm128, .prf = prf256};
	struct ike_keymat k;
	struct ike_keymat_in in = {
	    .shared = hex_to(
		b[0], 160, "0f4d257d7a58fc4545c7d7a88119eee5d5c9690c5b4c989171d3abbfd99d1d29"),
	    .ni = hex_to(b[1], 160, "3f302be1abcb28e1"),
	    .nr = hex_to(b[2], 160, "8c332ee006064c9b"),
	    .spi_i = 0x40dac39e1e1a8640,
	    .spi_r = 0x8619a1cf9a6e4c07,
	};
	struct bytes want = hex_to(b[3], 160,
	    "0b137d669b0947d7d026d593f0305ad401ff0c471357d695778a9c7f4b4869ec"
	    "e98aca531188d16041b3bb936d2dbb3b4993a6e768a809160de45d0283f273a6"
	    "cdf6854379e31be72b8d3d1fa990cf9c5b015ca9f918a7df6253c958114a09d4"
	    "e1c19bdcd4db14b29d98db1a74ad405c588662c14a04d0d36aa4ab55e90f8986"
	    "d12d4aad");

	ck_assert_int_eq(ike_keymat_derive(&k, NULL, &s, &in), IKE_OK);
	struct bytes all = joined(&k, got, sizeof got);
	ck_assert_uint_eq(all.n, 136);
	ck_assert_bytes(bytes_of(all.p, want.n), want);

	/* The rekeyed SKEYSEED = prf(SK_d, g^ir (new) | Ni | Nr), checked through prf+ of the new
	 * SA. */
	struct ike_keymat_in again = in;
	struct ike_keymat k2;
	again.old_sk_d = secret_bytes(&k.sk_d);
	again.old_prf = prf256;
	again.shared =
	    hex_to(b[4], 160, "25f3b12d6f282739256e39bf54eda53b60ffcf379bb7bcc90c27b4c4c578616c");
	ck_assert_int_eq(ike_keymat_derive(&k2, NULL, &s, &again), IKE_OK);

	uint8_t seed_key[32], spis[16], expect[136], got2[512];
	struct bytes seed[] = {in.ni, in.nr, bytes_of(spis, sizeof spis)};
	be64_store(spis, in.spi_i);
	be64_store(spis + 8, in.spi_r);
	hex_to(seed_key, sizeof seed_key,
	    "2d63f6debc92048b4fef3889c4c99ca67d6496e0fac14a2bca9a2d6566ff2398");
	ck_assert_int_eq(
	    ike_prf_plus(NULL, prf256, bytes_of(seed_key, 32), seed, 3, expect, sizeof expect),
	    IKE_OK);
	ck_assert_bytes(joined(&k2, got2, sizeof got2), bytes_of(expect, sizeof expect));
	ike_keymat_fini(&k2);
	ike_keymat_fini(&k);
	ck_assert_ptr_null(k.sk_d.p);
}
END_TEST

/* Ni = 10 … 2f, Nr = 40 … 5f, g^ir = 80 … af, the SPIs of RFC 7634 appendix B. */
struct inputs {
	uint8_t ni[32], nr[32], shared[48];
};

static struct ike_keymat_in inputs(struct inputs *v)
{
	for (uint8_t i = 0; i < 32; i++) {
		v->ni[i] = (uint8_t)(0x10 + i);
		v->nr[i] = (uint8_t)(0x40 + i);
	}
	for (uint8_t i = 0; i < 48; i++) {
		v->shared[i] = (uint8_t)(0x80 + i);
	}
	return (struct ike_keymat_in){
	    .shared = bytes_of(v->shared, 48),
	    .ni = bytes_of(v->ni, 32),
	    .nr = bytes_of(v->nr, 32),
	    .spi_i = 0xc0c1c2c3c4c5c6c7,
	    .spi_r = 0xd0d1d2d3d4d5d6d7,
	};
}

static const struct {
	const struct transform *prf;
	const char *keymat;    /* digest of all keys, AES-GCM-256 */
	const char *child_cbc; /* digest of the child's keys, AES-CBC-256 with HMAC-SHA2-512 */
	const char *child_gcm; /* the child's keys, AES-GCM-256, with a key exchange */
	const char *rekeyed;   /* digest of the next SA's keys: AES-CBC-128, HMAC-SHA2-256, its PRF
				  SHA2-256 */
	const char *psk;
} derived[] = {
    {&prf256, "152da960e9c3f722689fa09e8689053eb60f52b328e76041a21619b3999eb161",
	"e33151666153478c26c65d2ec0e706a7bba6fc2fa8d94dfef2d7817dace94c04",
	"f4b08a3d2334852a428e0b8ac2bf137bffe5d3db6dd3d5758893c514a72fa16bb53a5cb9"
	"cfe88f1407967c849f9b9ec7e35607b597409e5805e75e7a01b44719e0885e98d494560a",
	"f2b86b03a48586d8b43783aa5cb99138c0340d33fabe069589a0a42f1e134f8a",
	"6009b5414ea4410c9eef8d13b963635f70669f18b8570ee43681fe68c645d8d8"},
    {&prf384, "89ffc2d245eccbf46b36365676b2d9d13ffa2bf37351d01405fc8e412c337ea6",
	"4a82c891755b86bafd5e41eac295166348a6c40b2e7b8ea2ad85d9b296a5ca87",
	"9ce5d39a6672d75243b444edb41cd9586777fb0476439f4b62706599892b865adc5c7cd1"
	"3f2002f6e43d6cb28ca3d6e28b92fa5b9817e1d99289bf99c60b8bea65acff24765b5ef7",
	"00cf3a2c0d71df6433bb31156af065f61eb98d367936ee587841466527a55b3c",
	"e4f0145fecf72728a2b4f12babe7f9950c9d82e2f51fd20993c446738a2eac3be20873e162a70e456c0b6c0c60"
	"a8b0ea"},
    {&prf512, "bf19f116fc1f82e01f141aab51c6e213cfe59bfe91cb60584496000bdaab516b",
	"512c8764f2eeaaaf4b340b1d0b1fcac6fea6c9ac7a3a38e653f6729af4fbbf7b",
	"d1cb116617078a1a6ef9127faee223bb0a737253f315a274a47814875467b6f27a594fd8"
	"7cac113ad523d9672402bcf2edbd7160c1b26e624c7fe861fb580eda8280a0ba2493d4dd",
	"f0b82bea8f1a889afa4fdd9c28cede7e269245200292cd7a52fb47e9d4089890",
	"c04d7ad7730afbc5b1ee4abb85d85e4e8de30bb4505fa4de177cc031849384d6"
	"76029625eb826e5b8e97f0f581d1756cd06590a8edbbc7cbd080a6509eb3d3f6"},
    {&xcbc, "ca3d6eb6b2a1c4202b9de72c9b8a4b2808b584a42a5ee06de948a3621975a212",
	"f754de57127094942f58b13786d05d0b68c4a0f3e4dfacfd6c72e5c2455d9682",
	"a1dbe1f40b8bd91f97345b094cf37e6b56826101e93df36750b63157edb91147d1c4b6b1"
	"95f9f618c4710fe64497261f02cd64a48d22e13f04b8dd038e664a0f82f20c7c50e6ad88",
	"0ba3ef112e51a5ac6bca182d7eeaea62e53a0f4061c41100e17b6d12687c2933",
	"0d5e9d87ac40159fb3dea007bd51cd18"},
    {&cmac, "065edf4d020dc09f76f44d52b8e0a1ffffb98de3bc5f9592bea017b8ffdf3531",
	"8b4232bb5a8e27be65b1dce582907a5238755c5b920a29c7443d41e46adb964b",
	"5e08a979aa744f7fa91b69848358bddd5dd33cc5313b100851e504e576b723ba8e1c7db2"
	"aa6ee70356ffbdd8599c8b1380cf2272341d468ec8737c102f3675fcc5388edb9f6d6e80",
	"76f672ea89df19586e8664b4e4e9af8f4e6ba3ebb543e5a502819ca192fba221",
	"c2ae6116a6ccd8cac5b52d11872be8bd"},
    {&prfsha1, "c847ea995698b7708090ccc4b979d974a5b592ca8913bef2b6c0abae14d94254",
	"f253afd65270cf957bd5831cea1d7b94b5b640a1c86b5c386854bc99479ea224",
	"3c0a48db2b3bb5b3516cf861fb8df619ea7a374aa3457e2374e3e6053ff20b210a07c2fe"
	"fa33aab42c8ff1d2fda504002dde0de5dc09ff9a18c84c7948260aa281ab2e86872d3fd7",
	"58205b0c206981f583c3b12d9b5bcc67cc05dbcd12d27f105235bfbf68301b48",
	"7c9debfc1a6302852e2c25eb8c6537e3c9209601"},
    {&prfmd5, "2dd44da7974bdc9529d2201cefd9ddc9aa038092b46b2d9973ff9e63545fc641",
	"ab992733842cfe8a0332d2b1457114f723a880e3d77671ab0eedb4ab2cff99c3",
	"ea6c89f9e4fcf9cf6ed27092447c608c7038d2a4c1e707b8749faa70cefc1440fa15c86f"
	"b144869c2c8b7862d736f1d26799b50b971c3327345949b0917e661624ca6a1ea367f7dc",
	"8a22513817ae7502367198d1b2f4469273ec1cbdc7057343de36bbc260020026",
	"c4c58725f2c77308d1204c86ba8261cd"},
};

enum { DERIVED = sizeof derived / sizeof derived[0] };

static void child_keys(
    const struct ike_child_in *in, const struct suite *child, uint8_t *dst, size_t *n)
{
	struct ike_child_keymat k;

	ck_assert_int_eq(ike_child_keymat_derive(&k, NULL, child, in), IKE_OK);
	const struct secret *all[] = {&k.encr_i, &k.integ_i, &k.encr_r, &k.integ_r};
	*n = 0;
	for (size_t i = 0; i < 4; i++) {
		if (all[i]->n > 0) {
			memcpy(dst + *n, all[i]->p, all[i]->n);
		}
		*n += all[i]->n;
	}
	ike_child_keymat_fini(&k);
	ck_assert_ptr_null(k.encr_i.p);
}

START_TEST(derivation)
{
	REQ("7296-2.17-1", "7296-2.17-2");
	REQ("7296-2.13-3", "7296-2.14-1");
	struct inputs v;
	struct ike_keymat_in in = inputs(&v);
	struct suite s = {.encr = gcm256, .prf = *derived[_i].prf};
	struct suite next = {.encr = cbc128, .prf = prf256, .integ = sha256};
	struct ike_keymat k, k2;
	uint8_t buf[1024], want[128];
	char hex[65];
	size_t n;

	ck_assert_int_eq(ike_keymat_derive(&k, NULL, &s, &in), IKE_OK);
	ck_assert_str_eq(digest_of(joined(&k, buf, sizeof buf), hex), derived[_i].keymat);
	ck_assert_uint_eq(k.sk_ai.n + k.sk_ar.n, 0);
	ck_assert_uint_eq(k.sk_ei.n, 36);
	ck_assert_uint_eq(k.sk_pr.n, ike_prf_len(s.prf));

	struct suite cbc = {.encr = cbc256, .integ = sha512}, gcm = {.encr = gcm256};
	struct ike_child_in ci = {
	    .prf = s.prf, .sk_d = secret_bytes(&k.sk_d), .ni = in.ni, .nr = in.nr};
	child_keys(&ci, &cbc, buf, &n);
	ck_assert_uint_eq(n, 2 * (32 + 64));
	ck_assert_str_eq(digest_of(bytes_of(buf, n), hex), derived[_i].child_cbc);
	ci.shared = in.shared;
	child_keys(&ci, &gcm, buf, &n);
	ck_assert_bytes(bytes_of(buf, n), hex_to(want, sizeof want, derived[_i].child_gcm));

	in.old_sk_d = secret_bytes(&k.sk_d);
	in.old_prf = s.prf;
	ck_assert_int_eq(ike_keymat_derive(&k2, NULL, &next, &in), IKE_OK);
	ck_assert_str_eq(digest_of(joined(&k2, buf, sizeof buf), hex), derived[_i].rekeyed);
	ike_keymat_fini(&k2);
	ike_keymat_fini(&k);
}
END_TEST

/* Secrets of additional key exchanges stand behind the nonces: RFC 9370 section 2.2.4. Computed
 * with Python's hmac and hashlib from the inputs above, SK_d 00 01 … 1f and two secrets 00 … 4f. */
START_TEST(derivation_with_more)
{
	struct inputs v;
	struct ike_keymat_in in = inputs(&v);
	struct suite s = {.encr = gcm256, .prf = prf256};
	uint8_t sk_d[32], more[80], buf[1024], want[128];
	struct ike_keymat k;
	char hex[65];
	size_t n;

	for (uint8_t i = 0; i < 80; i++) {
		more[i] = i;
	}
	memcpy(sk_d, more, sizeof sk_d);
	struct ike_child_in ci = {.prf = prf256,
	    .sk_d = bytes_of(sk_d, sizeof sk_d),
	    .shared = in.shared,
	    .ni = in.ni,
	    .nr = in.nr,
	    .more = bytes_of(more, sizeof more)};
	child_keys(&ci, &s, buf, &n);
	ck_assert_bytes(bytes_of(buf, n),
	    hex_to(want, sizeof want,
		"a53b848237234a7fd4de60dfb1f64919a2f73361a3ec0dd24d4ac15d8a2dd4f328606765"
		"7ea83aa295d51d86c5a7e568153c6db6e6a41aa5f28852456fc7b9f2fb0177176f4fca71"));
	in.old_sk_d = bytes_of(sk_d, sizeof sk_d);
	in.old_prf = prf256;
	in.more = bytes_of(more, sizeof more);
	ck_assert_int_eq(ike_keymat_derive(&k, NULL, &s, &in), IKE_OK);
	ck_assert_str_eq(digest_of(joined(&k, buf, sizeof buf), hex),
	    "71334f0fd08ccf211efd4cc4a6879e5520259be2d83f94c073421c6c6a71a763");
	ike_keymat_fini(&k);
}
END_TEST

START_TEST(derivation_unsupported)
{
	struct inputs v;
	struct ike_keymat_in in = inputs(&v);
	struct suite bad[] = {
	    {.encr = {TRANSFORM_ENCR, 99, 0}, .prf = prf256},
	    {.encr = gcm256, .prf = {TRANSFORM_PRF, 3, 0}},
	    {.encr = cbc128, .prf = prf256, .integ = {TRANSFORM_INTEG, 99, 0}},
	};
	struct ike_child_in ci = {.prf = prf256, .sk_d = in.shared, .ni = in.ni, .nr = in.nr};
	struct ike_child_keymat ck;
	struct ike_keymat k;

	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(ike_keymat_derive(&k, NULL, &bad[i], &in), IKE_EUNSUPPORTED);
		ck_assert_ptr_null(k.sk_d.p);
	}
	ck_assert_int_eq(ike_child_keymat_derive(&ck, NULL, &bad[0], &ci), IKE_EUNSUPPORTED);
	ck_assert_int_eq(ike_child_keymat_derive(&ck, NULL, &bad[2], &ci), IKE_EUNSUPPORTED);
}
END_TEST

START_TEST(psk_mac)
{
	uint8_t want[IKE_PRF_MAX];
	struct secret mac;

	ck_assert_int_eq(ike_psk_mac(NULL, *derived[_i].prf, text_bytes("swordfish"),
			     text_bytes("octets to sign"), &mac),
	    IKE_OK);
	ck_assert_bytes(secret_bytes(&mac), hex_to(want, sizeof want, derived[_i].psk));
	secret_fini(&mac);
	struct transform tiger = {TRANSFORM_PRF, 3, 0};
	ck_assert_int_eq(
	    ike_psk_mac(NULL, tiger, text_bytes("x"), text_bytes("y"), &mac), IKE_EUNSUPPORTED);
	ck_assert_ptr_null(mac.p);
}
END_TEST

/* RFC 8784 section 3: prf (PPK, SK_x' | 0x01) of each key. PPK = c0 … df; the i-th key begins with
 * 31 i, and counts up. */
static const struct {
	const struct transform *prf;
	const char *mixed;
} mixes[] = {
    {&prf256, "3fcae3b0f16f8eef0095c5a80ae136e0d0bc493896017ae057ccf717470d35e45991dfab7a9a2ca5"
	      "1e035fb51e9fed177ba141b5087ba7eee4fdb9b6de663249aaf1b571818ec1530c775b231c01dc03"
	      "eba41861eadf26c53ef2f4dc518429f0"},
    {&prf384, "30a6ff6d0d4b239ecf8abf7ddc3b7c6dba185efa4f74b795bac4330015f3f515b4186ff1dc4f4a67"
	      "7fdb3bd44e2946395c627da372adbd10e2550a8bd55f55f12cab74e2f8eb6f545a50de07c49831f0"
	      "2a3eb6e44045cc474762b0b492e4db5313c36a5e4e4a598017fed36c2c5b327ff7f27a23bce6fb56"
	      "73c115da3a522220c5c3aa98be580865ea78e9929a904f25"},
    {&cmac, "25f835de129aeb149490168b03869f344c85121cbcb05adad229bfb30caef930f7c5defaa31161c6"
	    "3bda52635769f809"},
};

START_TEST(ppk_mix)
{
	REQ("8784-3-8");
	uint8_t ppk[32], keys[3 * IKE_PRF_MAX], want[3 * IKE_PRF_MAX];
	size_t len = ike_prf_len(*mixes[_i].prf);
	struct secret mixed;

	for (size_t i = 0; i < sizeof ppk; i++) {
		ppk[i] = (uint8_t)(0xc0 + i);
	}
	for (size_t i = 0; i < 3 * len; i++) {
		keys[i] = (uint8_t)((i / len + 1) * 0x31 + i % len);
	}
	ck_assert_int_eq(ike_ppk_mix(NULL, *mixes[_i].prf, bytes_of(ppk, sizeof ppk),
			     bytes_of(keys, 3 * len), &mixed),
	    IKE_OK);
	ck_assert_bytes(secret_bytes(&mixed), hex_to(want, sizeof want, mixes[_i].mixed));
	secret_fini(&mixed);
	/* Whole keys only. */
	ck_assert_int_eq(ike_ppk_mix(NULL, *mixes[_i].prf, bytes_of(ppk, sizeof ppk),
			     bytes_of(keys, 3 * len - 1), &mixed),
	    IKE_EBUG);
	ck_assert_ptr_null(mixed.p);
}
END_TEST

START_TEST(signed_octets)
{
	struct inputs v;
	struct ike_keymat_in in = inputs(&v);
	uint8_t sk_p[32], want[128];
	struct secret out;
	struct ike_signed_in si = {
	    .message = text_bytes("message one"),
	    .nonce = in.nr,
	    .sk_p = hex_to(sk_p, sizeof sk_p,
		"b559f372aef3e3c522949bd5c0006b345d78f6e557bab3a6e5a6beba9438071d"),
	    .id_body = bytes_of("\2\0\0\0moon", 8),
	};

	ck_assert_int_eq(ike_signed_octets(&out, NULL, prf256, &si), IKE_OK);
	ck_assert_bytes(secret_bytes(&out),
	    hex_to(want, sizeof want,
		"6d657373616765206f6e65404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d"
		"5e5f"
		"cd072c31c6ea8ae7c600678f91667943ce996d2392d916d1cb5219fd7269e904"));
	secret_fini(&out);
}
END_TEST

/*
 * RFC 9242 section 3.3.2 and its figure 1, computed with Python's hmac and hashlib: SK_p is 00 01 …
 * 1f, the payloads inside are one KE of group 20 with the value aabbccdd. Lengths in what was
 * received do not matter, and of SKF neither its type.
 */
#define INTAUTH_SPIS "10111213141516172021222324252627"
#define INTAUTH_1 "cc397a09342b71345d1b4807dc28e87d8be4fbf88b0a4154d7c6139c078d8101"
#define INTAUTH_2 "4abca2369f2c8cd360cdd3f2a754375837fc6c62e3e982dc244f2db7be72d0b5"

START_TEST(intauth)
{
	REQ("9242-3.3.2-3");
	static const struct {
		const char *head;
		size_t sk_at;
		bool again;
		const char *want;
	} rows[] = {
	    {INTAUTH_SPIS "2e202b0800000001ffffffff"
			  "2200ffff",
		28, false, INTAUTH_1},
	    /* bytes behind the generic header, as a whole datagram has them */
	    {INTAUTH_SPIS "2e202b080000000100000000"
			  "22000000"
			  "0102030405",
		28, false, INTAUTH_1},
	    /* fragment 1 */
	    {INTAUTH_SPIS "35202b08000000010000004c"
			  "22000030",
		28, false, INTAUTH_1},
	    /* an unknown payload in the clear, RESERVED set, the second exchange */
	    {INTAUTH_SPIS "c8202b080000000100000000"
			  "2e0000060102"
			  "22550030",
		34, true, INTAUTH_2},
	    {INTAUTH_SPIS "c8202b080000000100000000"
			  "350000060102"
			  "22550030",
		34, true, INTAUTH_2},
	};
	uint8_t key[32], head[64], inner[16], before[32], want[32], out[IKE_PRF_MAX];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ike_intauth_in in = {.head = hex_to(head, sizeof head, rows[i].head),
		    .sk_at = rows[i].sk_at,
		    .first = 34,
		    .inner = hex_to(inner, sizeof inner, "0000000c00140000aabbccdd")};

		in.sk_p = hex_to(key, sizeof key,
		    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
		if (rows[i].again) {
			in.before = hex_to(before, sizeof before, INTAUTH_1);
		}
		ck_assert_int_eq(ike_intauth(NULL, prf256, &in, out), IKE_OK);
		ck_assert_bytes(bytes_of(out, 32), hex_to(want, sizeof want, rows[i].want));
		/* No such payload, or not all of it. */
		in.sk_at++;
		ck_assert_int_ne(ike_intauth(NULL, prf256, &in, out), IKE_OK);
		in.sk_at = 20;
		ck_assert_int_eq(ike_intauth(NULL, prf256, &in, out), IKE_EBUG);
		in.sk_at = rows[i].sk_at;
		in.head.n = in.sk_at + 3;
		ck_assert_int_eq(ike_intauth(NULL, prf256, &in, out), IKE_EBUG);
	}
}
END_TEST

/* IntAuth stands behind MACedID: RFC 9242 section 3.3.2. */
START_TEST(signed_octets_with_intauth)
{
	uint8_t sk_p[32] = {7};
	struct secret plain, more;
	struct ike_signed_in si = {.message = text_bytes("message one"),
	    .nonce = text_bytes("nonce"),
	    .sk_p = bytes_of(sk_p, sizeof sk_p),
	    .id_body = bytes_of("\2\0\0\0moon", 8)};

	ck_assert_int_eq(ike_signed_octets(&plain, NULL, prf256, &si), IKE_OK);
	si.intauth = text_bytes("i1r1\0\0\0\2");
	si.intauth.n = 8;
	ck_assert_int_eq(ike_signed_octets(&more, NULL, prf256, &si), IKE_OK);
	ck_assert_uint_eq(more.n, plain.n + 8);
	ck_assert_mem_eq(more.p, plain.p, plain.n);
	ck_assert_mem_eq(more.p + plain.n, "i1r1\0\0\0\2", 8);
	secret_fini(&plain);
	secret_fini(&more);
}
END_TEST

START_TEST(nat_hash)
{
	struct endpoint v4 = {.port = 500}, v6 = {.port = 4500};
	uint8_t out[IKE_SHA1_LEN], want[IKE_SHA1_LEN];

	ck_assert(addr_parse(&v4.addr, "192.0.2.1"));
	ck_assert(addr_parse(&v6.addr, "2001:db8::1"));
	ck_assert_int_eq(
	    ike_nat_hash(NULL, 0xc0c1c2c3c4c5c6c7, 0xd0d1d2d3d4d5d6d7, &v4, out), IKE_OK);
	ck_assert_bytes(
	    bytes_of(out, 20), hex_to(want, 20, "125898e9316465b8697b2b9157ccbe108a54a2cc"));
	ck_assert_int_eq(
	    ike_nat_hash(NULL, 0xc0c1c2c3c4c5c6c7, 0xd0d1d2d3d4d5d6d7, &v6, out), IKE_OK);
	ck_assert_bytes(
	    bytes_of(out, 20), hex_to(want, 20, "3c82ae1475df7310d5ea4bbd27f8e02c97fec660"));
}
END_TEST

START_TEST(cookie_hmac)
{
	struct bytes parts[] = {text_bytes("what do ya want "), text_bytes("for nothing?")};
	uint8_t out[IKE_COOKIE_MAC], want[IKE_COOKIE_MAC];

	ck_assert_int_eq(ike_hmac_sha256(NULL, text_bytes("Jefe"), parts, 2, out), IKE_OK);
	ck_assert_bytes(bytes_of(out, sizeof out),
	    hex_to(want, sizeof want,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
}
END_TEST

/* Randomness comes from the context that is handed in. */
START_TEST(randomness)
{
	struct bytes chosen = text_bytes("sixteen bytes !!");
	OSSL_LIB_CTX *ctx = rand_context(chosen);
	uint8_t out[16];

	ck_assert_int_eq(ike_random(ctx, out, sizeof out), IKE_OK);
	ck_assert_bytes(bytes_of(out, sizeof out), chosen);
	memset(out, 0, sizeof out);
	ck_assert_int_eq(ike_random_key(ctx, out, sizeof out), IKE_OK);
	ck_assert_bytes(bytes_of(out, sizeof out), chosen);
	OSSL_LIB_CTX_free(ctx);
}
END_TEST

START_TEST(error_rows)
{
	ck_assert_uint_eq(ike_err_notify(IKE_ECRITICAL), IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
	ck_assert_uint_eq(ike_err_notify(IKE_EVERSION), IKE_N_INVALID_MAJOR_VERSION);
	ck_assert_uint_eq(ike_err_notify(IKE_ENOPROPOSAL), IKE_N_NO_PROPOSAL_CHOSEN);
	ck_assert_uint_eq(ike_err_notify(IKE_ECHILDNOTFOUND), IKE_N_CHILD_SA_NOT_FOUND);
	ck_assert_uint_eq(ike_err_notify(IKE_EINTEGRITY), 0);
	ck_assert_int_eq(ike_err_severity(IKE_OK), IKE_SEV_NONE);
	ck_assert_int_eq(ike_err_severity(IKE_EBUG), IKE_SEV_BUG);
	ck_assert_int_eq(ike_err_severity(IKE_EAUTH), IKE_SEV_PEER);
	ck_assert_str_eq(ike_err_sentence(IKE_ENOMEM), "out of memory");
	ck_assert_str_eq(ike_err_sentence((enum ike_err) - 999), "an error without a name");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_crypto_prf");

	add_loop(s, "PRF vectors", prf_vectors, sizeof hmacs / sizeof hmacs[0]);
	add_loop(s, "block cipher PRFs", block_cipher_prfs, sizeof blocks / sizeof blocks[0]);
	add_test(s, "XCBC of 1000 bytes", xcbc_of_many);
	add_test(s, "unknown PRF", prf_unknown);
	add_test(s, "prf+ limits", prf_plus_limits);
	add_test(s, "NIST key derivation", nist_keymat);
	add_loop(s, "key derivation", derivation, DERIVED);
	add_test(s, "key derivation with more secrets", derivation_with_more);
	add_test(s, "unsupported transforms", derivation_unsupported);
	add_loop(s, "PSK MAC", psk_mac, DERIVED);
	add_loop(s, "PPK mixed in", ppk_mix, sizeof mixes / sizeof mixes[0]);
	add_test(s, "signed octets", signed_octets);
	add_test(s, "IntAuth", intauth);
	add_test(s, "signed octets with IntAuth", signed_octets_with_intauth);
	add_test(s, "NAT hash", nat_hash);
	add_test(s, "cookie HMAC", cookie_hmac);
	add_test(s, "randomness", randomness);
	add_test(s, "error rows", error_rows);
	return run_suite(s);
}

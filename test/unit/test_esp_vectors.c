/*
 * Published vectors of ESP's transforms, through the seal and open of the packet path.
 *
 * Sources: RFC 7634 appendix A (ChaCha20-Poly1305), draft-mcgrew-gcm-test-01 (AES-GCM and GMAC in
 * ESP, on the algorithm of NIST SP 800-38D, whose shorter tags are cut ones), Linux's
 * crypto/testmgr.h (AES-CCM in ESP), RFC 3602 section 4 (AES-CBC), RFC 3686 section 6 (AES-CTR),
 * NTT's vectors of Camellia on the text of NIST SP 800-38A, RFC 5528 section 4 (Camellia-CTR), FIPS
 * 81 appendix C (DES-CBC), RFC 4868 section 2.7.2 (HMAC-SHA-2, with RFC 4231's data), RFC 2202
 * (HMAC-MD5, HMAC-SHA-1), RFC 3566 section 4.6 (AES-XCBC), RFC 4494 section 5 (AES-CMAC).
 */
#include "esp/crypto/crypto.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 512, BATCH = 8 };

/* A whole ESP packet: what stands before and behind sealing. */
struct vector {
	const char *source;
	struct transform encr, integ;
	const char *encr_key, *integ_key; /* hex */
	uint32_t seq_hi;
	bool esn;
	const char *header; /* SPI and sequence number */
	const char *iv;
	const char *text, *sealed, *icv; /* icv NULL: not given by the source */
};

#define GCM(bits)                                     \
	{                                             \
		TRANSFORM_ENCR, ENCR_AES_GCM_16, bits \
	}
#define CBC(bits)                                  \
	{                                          \
		TRANSFORM_ENCR, ENCR_AES_CBC, bits \
	}
#define NULL_ENCR                            \
	{                                    \
		TRANSFORM_ENCR, ENCR_NULL, 0 \
	}
#define HMAC(n)                                         \
	{                                               \
		TRANSFORM_INTEG, INTEG_HMAC_SHA2_##n, 0 \
	}
#define NONE            \
	{               \
		0, 0, 0 \
	}
#define KEY_0B16 "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
#define KEY_JEFE "4a6566654a6566654a6566654a656665"
#define KEY_SEQ "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

#define ENCR(id, bits)                          \
	{                                       \
		TRANSFORM_ENCR, ENCR_##id, bits \
	}
#define INTEG(id)                              \
	{                                      \
		TRANSFORM_INTEG, INTEG_##id, 0 \
	}
#define KEY_XCBC "000102030405060708090a0b0c0d0e0f"
#define KEY_CMAC "2b7e151628aed2a6abf7158809cf4f3c"
#define KEY_ZERO19 "00000000000000000000000000000000000000"

static const struct vector vectors[] = {
    {"RFC 7634 appendix A", {TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0}, NONE,
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3", "", 0, false,
	"0102030400000005", "1011121314151617",
	"45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
	"0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
	"2425262728292a2b2c2d2e2f303132333435363701020204",
	"24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
	"14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
	"cbec163fac469b502773f6fb94e664da9165b82829f641e0",
	"76aaa8266b7fb0f7b11b369907e1ad43"},
    {"draft-mcgrew-gcm-test-01, 128 bits, ESN", GCM(128), NONE,
	"4c80cdefbb5d10da906ac73c3613a6342e443b68", "", 0x87654321, true, "0000432100000000",
	"4956ed7e3b244cfe",
	"45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
	"00000000045f736970045f756470037369700963796265726369747902646b00"
	"0021000101020201",
	"fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
	"cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
	"61bc17d768fd9732",
	"459018148f6cbe722fd04796562dfdb4"},
    {"draft-mcgrew-gcm-test-01, 192 bits", GCM(192), NONE,
	"feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe", "", 0, false,
	"0000a5f80000000a", "facedbaddecaf888",
	"45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001",
	"a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc77",
	"95457b9652037f5318027b5b4cd7a636"},
    {"draft-mcgrew-gcm-test-01, 256 bits", GCM(256), NONE,
	"abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344", "", 0, false,
	"4a2cbfe300000002", "0102030405060708",
	"4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee000000000"
	"7002400020bf0000020405b40101040201020201",
	"ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763"
	"748a637985771d347f0545659f14e99def842d8e",
	"b335f4eecfdbf831824b4c4915956c96"},
    {"RFC 3602 case 1", CBC(128), HMAC(256_128), "06a9214036b8a15b512e03d534120006", KEY_SEQ, 0,
	false, "0000000100000001", "3dafba429d9eb430b422da802c9fac41",
	"53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a", NULL},
    {"RFC 3602 case 2", CBC(128), HMAC(256_128), "c286696d887c9aa0611bbb3e2025a45a", KEY_SEQ, 0,
	false, "0000000100000001", "562e17996d093d28ddb3ba695a2e6f58",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	"d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1", NULL},
    {"RFC 3602 case 4", CBC(128), HMAC(256_128), "56e47a38c5598974bc46903dba290349", KEY_SEQ, 0,
	false, "0000000100000001", "8ce82eefbea0da3c44699ed7db51b7d9",
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
	"c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
	"c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e"
	"35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55",
	NULL},
    {"RFC 3602 case 5, an ESP packet", CBC(128), HMAC(256_128), "90d382b410eeba7ad938c46cec1a82bf",
	KEY_SEQ, 0, false, "0000432100000001", "e96e8c08ab465763fd098d45dd3ff893",
	"08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
	"18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
	"0102030405060708090a0b0c0d0e0e01",
	"f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
	"a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
	"a269add047ad2d5913ac19b7cfbad4a6",
	NULL},
    /* The MAC covers header and text: the source's data is cut behind its 8th byte. */
    {"RFC 4868 AUTH256-1", NULL_ENCR, HMAC(256_128), "", KEY_0B16 KEY_0B16, 0, false,
	"4869205468657265", "", "", "", "198a607eb44bfbc69903a0f1cf2bbdc5"},
    {"RFC 4868 AUTH256-2", NULL_ENCR, HMAC(256_128), "", KEY_JEFE KEY_JEFE, 0, false,
	"7768617420646f20", "", "79612077616e7420666f72206e6f7468696e673f",
	"79612077616e7420666f72206e6f7468696e673f", "167f928588c5cc2eef8e3093caa0e87c"},
    {"RFC 4868 AUTH384-1", NULL_ENCR, HMAC(384_192), "", KEY_0B16 KEY_0B16 KEY_0B16, 0, false,
	"4869205468657265", "", "", "", "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973"},
    {"RFC 4868 AUTH384-2", NULL_ENCR, HMAC(384_192), "", KEY_JEFE KEY_JEFE KEY_JEFE, 0, false,
	"7768617420646f20", "", "79612077616e7420666f72206e6f7468696e673f",
	"79612077616e7420666f72206e6f7468696e673f",
	"2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d"},
    {"RFC 4868 AUTH512-1", NULL_ENCR, HMAC(512_256), "", KEY_0B16 KEY_0B16 KEY_0B16 KEY_0B16, 0,
	false, "4869205468657265", "", "", "",
	"637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"},
    {"RFC 4868 AUTH512-2", NULL_ENCR, HMAC(512_256), "", KEY_JEFE KEY_JEFE KEY_JEFE KEY_JEFE, 0,
	false, "7768617420646f20", "", "79612077616e7420666f72206e6f7468696e673f",
	"79612077616e7420666f72206e6f7468696e673f",
	"cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454"},
    {"draft-mcgrew-gcm-test-01, 128 bits, ESN, ICV cut to 12 bytes", ENCR(AES_GCM_12, 128), NONE,
	"4c80cdefbb5d10da906ac73c3613a6342e443b68", "", 0x87654321, true, "0000432100000000",
	"4956ed7e3b244cfe",
	"45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
	"00000000045f736970045f756470037369700963796265726369747902646b00"
	"0021000101020201",
	"fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
	"cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
	"61bc17d768fd9732",
	"459018148f6cbe722fd04796"},
    {"draft-mcgrew-gcm-test-01, 128 bits, ESN, ICV cut to 8 bytes", ENCR(AES_GCM_8, 128), NONE,
	"4c80cdefbb5d10da906ac73c3613a6342e443b68", "", 0x87654321, true, "0000432100000000",
	"4956ed7e3b244cfe",
	"45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
	"00000000045f736970045f756470037369700963796265726369747902646b00"
	"0021000101020201",
	"fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
	"cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
	"61bc17d768fd9732",
	"459018148f6cbe72"},
    {"draft-mcgrew-gcm-test-01, GMAC", ENCR(NULL_AUTH_AES_GMAC, 128), NONE,
	"4c80cdefbb5d10da906ac73c3613a63422433c64", "", 0, false, "0000432100000007",
	"0000000000000000",
	"45000030da3a00008001df3bc0a80005c0a800010800c6cd0200070061626364"
	"65666768696a6b6c6d6e6f707172737401020201",
	"45000030da3a00008001df3bc0a80005c0a800010800c6cd0200070061626364"
	"65666768696a6b6c6d6e6f707172737401020201",
	"f2a9a836e155106aa8dcd618e4099aaa"},
    {"Linux, crypto/testmgr.h, rfc4309(ccm(aes))", ENCR(AES_CCM_16, 128), NONE, KEY_ZERO19, "", 0,
	false, "0000000000000000", "0000000000000000", "00000000000000000000000000000000",
	"2e9aca6bda54fc6f1250e8de813c6308", "1a22ba75eed4d5b5275001ac033339fb"},
    {"RFC 3686 vector 1", ENCR(AES_CTR, 128), HMAC(256_128),
	"ae6852f8121067cc4bf7a5765577f39e"
	"00000030",
	KEY_SEQ, 0, false, "0000000100000001", "0000000000000000",
	"53696e676c6520626c6f636b206d7367", "e4095d4fb7a7b3792d6175a3261311b8", NULL},
    {"RFC 3686 vector 3", ENCR(AES_CTR, 128), HMAC(256_128),
	"7691be035e5020a8ac6e618529f9a0dc"
	"00e0017b",
	KEY_SEQ, 0, false, "0000000100000001", "27777f3f4a1786f0",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
	"c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f", NULL},
    {"RFC 3686 vector 6", ENCR(AES_CTR, 192), HMAC(256_128),
	"02bf391ee8ecb159b959617b0965279bf59b60a786d3e0fe"
	"0007bdfd",
	KEY_SEQ, 0, false, "0000000100000001", "5cbd60278dcc0912",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
	"96893fc55e5c722f540b7dd1ddf7e758d288bc95c69165884536c811662f2188abee0935", NULL},
    {"RFC 3686 vector 9", ENCR(AES_CTR, 256), HMAC(256_128),
	"ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d"
	"001cc5b7",
	KEY_SEQ, 0, false, "0000000100000001", "51a51d70a1c11148",
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
	"eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8", NULL},
    {"RFC 3566 case 3", NULL_ENCR, INTEG(AES_XCBC_96), "", KEY_XCBC, 0, false, "0001020304050607",
	"", "08090a0b0c0d0e0f", "08090a0b0c0d0e0f", "d2a246fa349b68a79998a439"},
    {"RFC 3566 case 4", NULL_ENCR, INTEG(AES_XCBC_96), "", KEY_XCBC, 0, false, "0001020304050607",
	"", "08090a0b0c0d0e0f10111213", "08090a0b0c0d0e0f10111213", "47f51b4564966215b8985c63"},
    {"RFC 3566 case 5", NULL_ENCR, INTEG(AES_XCBC_96), "", KEY_XCBC, 0, false, "0001020304050607",
	"", "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	"08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "f54f0ec8d2b9f3d36807734b"},
    {"RFC 3566 case 6", NULL_ENCR, INTEG(AES_XCBC_96), "", KEY_XCBC, 0, false, "0001020304050607",
	"", "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021",
	"08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021", "becbb3bccdb518a30677d548"},
    {"RFC 4494 case 2", NULL_ENCR, INTEG(AES_CMAC_96), "", KEY_CMAC, 0, false, "6bc1bee22e409f96",
	"", "e93d7e117393172a", "e93d7e117393172a", "070a16b46b4d4144f79bdd9d"},
    {"RFC 4494 case 3", NULL_ENCR, INTEG(AES_CMAC_96), "", KEY_CMAC, 0, false, "6bc1bee22e409f96",
	"", "e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
	"e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
	"dfa66747de9ae63030ca3261"},
    {"RFC 4494 case 4", NULL_ENCR, INTEG(AES_CMAC_96), "", KEY_CMAC, 0, false, "6bc1bee22e409f96",
	"",
	"e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df"
	"4f9b17ad2b417be66c3710",
	"e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df"
	"4f9b17ad2b417be66c3710",
	"51f0bebf7e3b9d92fc497417"},
    {"RFC 2202 SHA-1 case 1", NULL_ENCR, INTEG(HMAC_SHA1_96), "", KEY_0B16 "0b0b0b0b", 0, false,
	"4869205468657265", "", "", "", "b617318655057264e28bc0b6"},
    /* A short key is filled up with zeros anyway. */
    {"RFC 2202 SHA-1 case 2", NULL_ENCR, INTEG(HMAC_SHA1_96), "",
	"4a65666500000000000000000000000000000000", 0, false, "7768617420646f20", "",
	"79612077616e7420666f72206e6f7468696e673f", "79612077616e7420666f72206e6f7468696e673f",
	"effcdf6ae5eb2fa2d27416d5"},
    {"NTT, Camellia-CBC, 128 bits", ENCR(CAMELLIA_CBC, 128), HMAC(256_128),
	"2b7e151628aed2a6abf7158809cf4f3c", KEY_SEQ, 0, false, "0000000100000001",
	"000102030405060708090a0b0c0d0e0f", "6bc1bee22e409f96e93d7e117393172a",
	"1607cf494b36bbf00daeb0b503c831ab", NULL},
    {"NTT, Camellia-CBC, 192 bits", ENCR(CAMELLIA_CBC, 192), HMAC(256_128),
	"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", KEY_SEQ, 0, false, "0000000100000001",
	"000102030405060708090a0b0c0d0e0f", "6bc1bee22e409f96e93d7e117393172a",
	"2a4830ab5ac4a1a2405955fd2195cf93", NULL},
    {"NTT, Camellia-CBC, 256 bits", ENCR(CAMELLIA_CBC, 256), HMAC(256_128),
	"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", KEY_SEQ, 0, false,
	"0000000100000001", "000102030405060708090a0b0c0d0e0f", "6bc1bee22e409f96e93d7e117393172a",
	"e6cfa35fc02b134a4d2c0b6737ac3eda", NULL},
    /* Three times the same key is DES. */
    {"FIPS 81 CBC", ENCR(3DES, 0), HMAC(256_128),
	"0123456789abcdef0123456789abcdef0123456789abcdef", KEY_SEQ, 0, false, "0000000100000001",
	"1234567890abcdef", "4e6f77206973207468652074696d6520666f7220616c6c20",
	"e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6", NULL},
    {"FIPS 81 CBC", ENCR(DES, 0), HMAC(256_128), "0123456789abcdef", KEY_SEQ, 0, false,
	"0000000100000001", "1234567890abcdef", "4e6f77206973207468652074696d6520666f7220616c6c20",
	"e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6", NULL},
    {"RFC 5528 vector 1", ENCR(CAMELLIA_CTR, 128), HMAC(256_128),
	"ae6852f8121067cc4bf7a5765577f39e"
	"00000030",
	KEY_SEQ, 0, false, "0000000100000001", "0000000000000000",
	"53696e676c6520626c6f636b206d7367", "d09dc29a8214619a20877c76db1f0b3f", NULL},
    {"RFC 5528 vector 4", ENCR(CAMELLIA_CTR, 192), HMAC(256_128),
	"16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515"
	"00000048",
	KEY_SEQ, 0, false, "0000000100000001", "36733c147d6d93cb",
	"53696e676c6520626c6f636b206d7367", "2379399e8a8d2b2b16702fc78b9e9696", NULL},
    {"RFC 5528 vector 7", ENCR(CAMELLIA_CTR, 256), HMAC(256_128),
	"776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104"
	"00000060",
	KEY_SEQ, 0, false, "0000000100000001", "db5672c97aa8f0b2",
	"53696e676c6520626c6f636b206d7367", "3401f9c8247effcebd6994714c1bbb11", NULL},
    {"RFC 2202 MD5 case 1", NULL_ENCR, INTEG(HMAC_MD5_96), "", KEY_0B16, 0, false,
	"4869205468657265", "", "", "", "9294727a3638bb1c13f48ef8"},
    {"RFC 2202 MD5 case 2", NULL_ENCR, INTEG(HMAC_MD5_96), "", "4a656665000000000000000000000000",
	0, false, "7768617420646f20", "", "79612077616e7420666f72206e6f7468696e673f",
	"79612077616e7420666f72206e6f7468696e673f", "750c783e6ab0b503eaa86e31"},
};

static size_t put_hex(uint8_t *dst, const char *hex)
{
	long n = bytes_from_hex(dst, ROOM, hex);

	ck_assert_int_ge(n, 0);
	return (size_t)n;
}

static struct esp_crypto *context(struct esp_provider *p, const struct vector *v, bool sealing)
{
	uint8_t encr[ROOM], integ[ROOM];
	struct esp_crypto *c = NULL;
	struct esp_crypto_keys keys = {.encr = v->encr, .integ = v->integ, .esn = v->esn};

	keys.encr_key = bytes_of(encr, put_hex(encr, v->encr_key));
	keys.integ_key = bytes_of(integ, put_hex(integ, v->integ_key));
	ck_assert_int_eq(esp_crypto_new(p, &keys, sealing, &c), ESP_CRYPTO_OK);
	return c;
}

static struct esp_provider *provider;

/* The same packet several times in one batch: what an engine with lanes does, it does there. All
 * come out alike. */
static enum esp_crypto_err run(void (*op)(struct esp_crypto_worker *, struct esp_job *, size_t),
    struct esp_crypto *c, uint8_t packet[ROOM], size_t text_len, uint32_t seq_hi)
{
	static uint8_t copies[BATCH][ROOM];
	struct esp_job jobs[BATCH];

	for (size_t i = 0; i < BATCH; i++) {
		memcpy(copies[i], packet, ROOM);
		jobs[i] =
		    (struct esp_job){c, copies[i], (uint32_t)text_len, seq_hi, ESP_CRYPTO_NOMEM};
	}
	op(esp_provider_worker(provider, 0), jobs, BATCH);
	for (size_t i = 1; i < BATCH; i++) {
		if (jobs[i].err != jobs[0].err || memcmp(copies[i], copies[0], ROOM) != 0) {
			ck_abort_msg("packet %zu of a batch differs", i);
		}
	}
	memcpy(packet, copies[0], ROOM);
	return jobs[0].err;
}

/* By OpenSSL, and by ipsec-mb where it is there. */
START_TEST(vector)
{
	const struct vector *v = &vectors[_i / 2];
	provider = esp_provider_new(NULL, _i % 2 ? ESP_ENGINE_IPSEC_MB : ESP_ENGINE_OPENSSL, 1);
	struct esp_crypto *seal = context(provider, v, true), *open = context(provider, v, false);
	uint8_t packet[ROOM] = {0}, want[ROOM], icv[ROOM];
	struct esp_shape shape;

	ck_assert_int_eq(esp_shape_of(v->encr, v->integ, &shape), ESP_CRYPTO_OK);
	size_t front = put_hex(packet, v->header);
	front += put_hex(packet + front, v->iv);
	ck_assert_uint_eq(front, ESP_HDR_LEN + (size_t)shape.iv_len);
	size_t n = put_hex(packet + front, v->text);

	ck_assert_int_eq(run(esp_crypto_seal, seal, packet, n, v->seq_hi), ESP_CRYPTO_OK);
	ck_assert_uint_eq(put_hex(want, v->sealed), n);
	ck_assert_msg(memcmp(packet + front, want, n) == 0, "%s: ciphertext", v->source);
	if (v->icv) {
		ck_assert_uint_eq(put_hex(icv, v->icv), shape.icv_len);
		ck_assert_msg(
		    memcmp(packet + front + n, icv, shape.icv_len) == 0, "%s: ICV", v->source);
	}
	memcpy(icv, packet, ROOM);
	ck_assert_int_eq(run(esp_crypto_open, open, packet, n, v->seq_hi), ESP_CRYPTO_OK);
	put_hex(want, v->text);
	ck_assert_msg(memcmp(packet + front, want, n) == 0, "%s: plaintext", v->source);

	/* The high half of the number counts with ESN, and only then. */
	memcpy(packet, icv, ROOM);
	ck_assert_int_eq(run(esp_crypto_open, open, packet, n, v->seq_hi ^ 1),
	    v->esn ? ESP_CRYPTO_FORGED : ESP_CRYPTO_OK);
	/* Every bit of what is sealed. */
	for (size_t bit = 0; bit < (front + n + shape.icv_len) * 8; bit++) {
		memcpy(packet, icv, ROOM);
		packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
		enum esp_crypto_err err = run(esp_crypto_open, open, packet, n, v->seq_hi);
		if (err != ESP_CRYPTO_FORGED) {
			ck_abort_msg("%s: bit %zu: %d", v->source, bit, err);
		}
	}
	esp_crypto_free(seal);
	esp_crypto_free(open);
	esp_provider_free(provider);
}
END_TEST

static const struct {
	struct transform encr, integ;
	size_t encr_len, integ_len;
	enum esp_crypto_err want;
} pairs[] = {
    {GCM(128), NONE, 20, 0, ESP_CRYPTO_OK},
    {GCM(128), {TRANSFORM_INTEG, INTEG_NONE, 0}, 20, 0, ESP_CRYPTO_OK},
    {GCM(128), NONE, 16, 0, ESP_CRYPTO_KEY},
    {GCM(256), NONE, 35, 0, ESP_CRYPTO_KEY},
    {GCM(256), NONE, 0, 0, ESP_CRYPTO_KEY},
    {GCM(128), HMAC(256_128), 20, 32, ESP_CRYPTO_UNSUPPORTED},
    {CBC(128), NONE, 16, 0, ESP_CRYPTO_UNSUPPORTED},
    {CBC(128), HMAC(256_128), 16, 31, ESP_CRYPTO_KEY},
    {CBC(256), HMAC(512_256), 32, 64, ESP_CRYPTO_OK},
    {CBC(192), HMAC(384_192), 24, 48, ESP_CRYPTO_OK},
    {NULL_ENCR, NONE, 0, 0, ESP_CRYPTO_UNSUPPORTED},
    {NULL_ENCR, HMAC(256_128), 0, 32, ESP_CRYPTO_OK},
    {{TRANSFORM_ENCR, 65000, 0}, NONE, 16, 0, ESP_CRYPTO_UNSUPPORTED},
    {CBC(512), HMAC(256_128), 64, 32, ESP_CRYPTO_UNSUPPORTED},
    {ENCR(AES_CCM_8, 192), NONE, 27, 0, ESP_CRYPTO_OK},
    {ENCR(AES_CCM_8, 192), NONE, 28, 0, ESP_CRYPTO_KEY},
    {ENCR(AES_CTR, 128), INTEG(AES_CMAC_96), 20, 16, ESP_CRYPTO_OK},
    {ENCR(AES_CTR, 128), NONE, 20, 0, ESP_CRYPTO_UNSUPPORTED},
    {ENCR(NULL_AUTH_AES_GMAC, 256), HMAC(256_128), 36, 32, ESP_CRYPTO_UNSUPPORTED},
    {ENCR(3DES, 0), INTEG(HMAC_SHA1_96), 24, 20, ESP_CRYPTO_OK},
    {ENCR(3DES, 0), INTEG(AES_XCBC_96), 24, 20, ESP_CRYPTO_KEY},
    {ENCR(DES, 0), INTEG(HMAC_MD5_96), 8, 16, ESP_CRYPTO_OK},
    {ENCR(DES, 0), INTEG(HMAC_MD5_96), 16, 16, ESP_CRYPTO_KEY},
    {ENCR(CAMELLIA_CTR, 128), NONE, 20, 0, ESP_CRYPTO_UNSUPPORTED},
};

START_TEST(pair)
{
	static const uint8_t key[128];
	struct esp_provider *p = esp_provider_new(NULL, ESP_ENGINE_AUTO, 1);
	struct esp_crypto_keys keys = {.encr = pairs[_i].encr,
	    .integ = pairs[_i].integ,
	    .encr_key = bytes_of(key, pairs[_i].encr_len),
	    .integ_key = bytes_of(key, pairs[_i].integ_len)};
	struct esp_crypto *c = NULL;

	ck_assert_int_eq(esp_crypto_new(p, &keys, true, &c), pairs[_i].want);
	ck_assert((c != NULL) == (pairs[_i].want == ESP_CRYPTO_OK));
	esp_crypto_free(c);
	esp_provider_free(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_vectors");
	TCase *t = tcase_create("vectors");

	tcase_add_loop_test(t, vector, 0, 2 * (int)(sizeof vectors / sizeof vectors[0]));
	tcase_add_loop_test(t, pair, 0, (int)(sizeof pairs / sizeof pairs[0]));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

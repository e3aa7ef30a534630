/*
 * Lines of Wireshark's tables: ikev2_decryption_table and esp_sa of a profile folder.
 */
#include "daemon/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct keylog {
	FILE *ike, *esp;
};

enum { HEX = 2 * 256 + 1 };

/* Wireshark's words for our transforms. */
struct word {
	uint8_t type;
	uint16_t id, key_bits;
	const char *ike, *esp;
};

/* clang-format off */
static const struct word words[] = {
	{TRANSFORM_ENCR,  ENCR_AES_GCM_16,         128, "AES-GCM-128 with 16 octet ICV [RFC5282]", "AES-GCM with 16 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_16,         192, "AES-GCM-192 with 16 octet ICV [RFC5282]", "AES-GCM with 16 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_16,         256, "AES-GCM-256 with 16 octet ICV [RFC5282]", "AES-GCM with 16 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_CBC,            128, "AES-CBC-128 [RFC3602]",                   "AES-CBC [RFC3602]"},
	{TRANSFORM_ENCR,  ENCR_AES_CBC,            192, "AES-CBC-192 [RFC3602]",                   "AES-CBC [RFC3602]"},
	{TRANSFORM_ENCR,  ENCR_AES_CBC,            256, "AES-CBC-256 [RFC3602]",                   "AES-CBC [RFC3602]"},
	{TRANSFORM_ENCR,  ENCR_NULL,               0,   "NULL [RFC2410]",                          "NULL"},
	{TRANSFORM_ENCR,  ENCR_CHACHA20_POLY1305,  0,   NULL,                                      NULL},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_12,         128, "AES-GCM-128 with 12 octet ICV [RFC5282]", "AES-GCM with 12 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_12,         192, "AES-GCM-192 with 12 octet ICV [RFC5282]", "AES-GCM with 12 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_12,         256, "AES-GCM-256 with 12 octet ICV [RFC5282]", "AES-GCM with 12 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_8,          128, "AES-GCM-128 with 8 octet ICV [RFC5282]",  "AES-GCM with 8 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_8,          192, "AES-GCM-192 with 8 octet ICV [RFC5282]",  "AES-GCM with 8 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_GCM_8,          256, "AES-GCM-256 with 8 octet ICV [RFC5282]",  "AES-GCM with 8 octet ICV [RFC4106]"},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_16,         128, "AES-CCM-128 with 16 octet ICV [RFC5282]", NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_16,         192, "AES-CCM-192 with 16 octet ICV [RFC5282]", NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_16,         256, "AES-CCM-256 with 16 octet ICV [RFC5282]", NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_12,         128, "AES-CCM-128 with 12 octet ICV [RFC5282]", NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_12,         192, "AES-CCM-192 with 12 octet ICV [RFC5282]", NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_12,         256, "AES-CCM-256 with 12 octet ICV [RFC5282]", NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_8,          128, "AES-CCM-128 with 8 octet ICV [RFC5282]",  NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_8,          192, "AES-CCM-192 with 8 octet ICV [RFC5282]",  NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CCM_8,          256, "AES-CCM-256 with 8 octet ICV [RFC5282]",  NULL},
	{TRANSFORM_ENCR,  ENCR_AES_CTR,            128, NULL,                                      "AES-CTR [RFC3686]"},
	{TRANSFORM_ENCR,  ENCR_AES_CTR,            192, NULL,                                      "AES-CTR [RFC3686]"},
	{TRANSFORM_ENCR,  ENCR_AES_CTR,            256, NULL,                                      "AES-CTR [RFC3686]"},
	{TRANSFORM_ENCR,  ENCR_3DES,               0,   "3DES [RFC2451]",                          "TripleDES-CBC [RFC2451]"},
	{TRANSFORM_ENCR,  ENCR_DES,                0,   NULL,                                      "DES-CBC [RFC2405]"},
	{TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0,   "HMAC_SHA2_256_128 [RFC4868]",             "HMAC-SHA-256-128 [RFC4868]"},
	{TRANSFORM_INTEG, INTEG_HMAC_SHA2_384_192, 0,   "HMAC_SHA2_384_192 [RFC4868]",             "HMAC-SHA-384-192 [RFC4868]"},
	{TRANSFORM_INTEG, INTEG_HMAC_SHA2_512_256, 0,   "HMAC_SHA2_512_256 [RFC4868]",             "HMAC-SHA-512-256 [RFC4868]"},
	{TRANSFORM_INTEG, INTEG_HMAC_SHA1_96,      0,   "HMAC_SHA1_96 [RFC2404]",                  "HMAC-SHA-1-96 [RFC2404]"},
	{TRANSFORM_INTEG, INTEG_HMAC_MD5_96,       0,   "HMAC_MD5_96 [RFC2403]",                   "HMAC-MD5-96 [RFC2403]"},
	{TRANSFORM_INTEG, INTEG_AES_XCBC_96,       0,   "ANY 96-bits of Authentication [No Checking]", "ANY 96 bit authentication [no checking]"},
	{TRANSFORM_INTEG, INTEG_AES_CMAC_96,       0,   "ANY 96-bits of Authentication [No Checking]", "ANY 96 bit authentication [no checking]"},
};
/* clang-format on */

static const struct word *word_of(struct transform t)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (words[i].type == t.type && words[i].id == t.id &&
		    (words[i].key_bits == t.key_bits || words[i].key_bits == 0))
			return &words[i];
	return NULL;
}

static int open_file(FILE **out, const char *folder, const char *name, char *why, size_t cap)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && fchmod(fd, 0600) == 0)
		*out = fdopen(fd, "a");
	if (*out) {
		setvbuf(*out, NULL, _IONBF, 0); /* no key waits in a buffer */
		return 0;
	}
	int error = errno;
	if (fd >= 0)
		close(fd);
	snprintf(why, cap, "keylog: cannot open %s: %s", path, strerror(error));
	return -error;
}

int keylog_open(struct keylog **out, const char *folder, char *why, size_t cap)
{
	struct keylog *k = calloc(1, sizeof *k);

	*out = NULL;
	if (!k) {
		snprintf(why, cap, "out of memory");
		return -ENOMEM;
	}
	if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
		int error = errno;
		snprintf(
		    why, cap, "keylog: cannot make the folder %s: %s", folder, strerror(error));
		free(k);
		return -error;
	}
	int rc = open_file(&k->ike, folder, "ikev2_decryption_table", why, cap);
	if (rc == 0)
		rc = open_file(&k->esp, folder, "esp_sa", why, cap);
	if (rc < 0)
		keylog_close(k);
	else
		*out = k;
	return rc;
}

void keylog_close(struct keylog *k)
{
	if (!k)
		return;
	if (k->ike)
		fclose(k->ike);
	if (k->esp)
		fclose(k->esp);
	free(k);
}

/* ---- IKE ---- */

/* SPIi,SPIr,SK_ei,SK_er,encryption,SK_ai,SK_ar,integrity */
void keylog_ike(struct keylog *k, const struct ike_keys *keys)
{
	if (!k)
		return;
	const struct secret *secrets[] = {&keys->sk_ei, &keys->sk_er, &keys->sk_ai, &keys->sk_ar};
	const struct word *encr = word_of(keys->suite.encr), *integ = word_of(keys->suite.integ);
	char hex[4][HEX];

	if (!encr || !encr->ike)
		return; /* Wireshark cannot do it */
	for (size_t i = 0; i < 4; i++)
		bytes_to_hex(hex[i], sizeof hex[i], secret_bytes(secrets[i]));
	fprintf(k->ike, "%016llx,%016llx,%s,%s,\"%s\",%s,%s,\"%s\"\n",
	    (unsigned long long)keys->spi_i, (unsigned long long)keys->spi_r, hex[0], hex[1],
	    encr->ike, hex[2], hex[3], integ && integ->ike ? integ->ike : "NONE [RFC4306]");
	secret_wipe(hex, sizeof hex);
}

/* ---- ESP ---- */

/* "IPv4","src","dst","0xspi","encryption","0xkey","authentication","0xkey". With AES-GCM Wireshark
 * takes no other authentication than NULL. */
static void esp_line(struct keylog *k, const struct suite *suite, uint32_t spi,
    const struct addr *src, const struct addr *dst, const struct secret *encr,
    const struct secret *integ)
{
	const struct word *e = word_of(suite->encr), *i = word_of(suite->integ);
	char from[ADDR_TEXT], to[ADDR_TEXT], encr_hex[HEX], integ_hex[HEX];

	if (!e || !e->esp)
		return;
	bytes_to_hex(encr_hex, sizeof encr_hex, secret_bytes(encr));
	bytes_to_hex(integ_hex, sizeof integ_hex, secret_bytes(integ));
	fprintf(k->esp, "\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"%s%s\",\"%s\",\"%s%s\"\n",
	    src->family == ADDR_V4 ? "IPv4" : "IPv6", addr_text(src, from), addr_text(dst, to), spi,
	    e->esp, encr->n ? "0x" : "", encr_hex, i && i->esp ? i->esp : "NULL",
	    integ->n ? "0x" : "", integ_hex);
	secret_wipe(encr_hex, sizeof encr_hex);
	secret_wipe(integ_hex, sizeof integ_hex);
}

void keylog_child(struct keylog *k, const struct ike_child_up *up)
{
	if (!k)
		return;
	esp_line(k, &up->suite, up->spi_in, &up->remote.addr, &up->local.addr, &up->encr_in,
	    &up->integ_in);
	esp_line(k, &up->suite, up->spi_out, &up->local.addr, &up->remote.addr, &up->encr_out,
	    &up->integ_out);
}

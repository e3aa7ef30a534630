/*
 * A cipher and a MAC of their own by ipsec-mb: AES-CBC (RFC 3602) or NULL (RFC 2410) with HMAC-SHA2
 * (RFC 4868), several packets side by side in the lanes of a manager.
 *
 * A batch is submitted whole and flushed at its end, so no job outlives the call. Where it is so
 * small that most lanes would stand empty, OpenSSL is faster and does it. The MAC covers one piece
 * of memory; the high half of an extended sequence number (RFC 4303 section 2.2.1) is put behind
 * the text for it, where the ICV stands: the ICV that came is set aside before, the one that goes
 * is written after.
 */
#include "esp/crypto/mb_internal.h"
#include "base/secret.h"

#include <stdalign.h>
#include <stdlib.h>

enum {
	FEW = 4,               /* fewer jobs are not worth the lanes */
	CHUNK = 64,            /* jobs in one go; a manager takes 256 */
	AUTHENTICATED = 65000, /* bytes: lanes count in 16 bits, and no IP packet is longer */
	SCHEDULE = 16 * 15,    /* AES-256 */
	HASH_BLOCK_MAX = 128,
	IPAD = 0x36,
	OPAD = 0x5c,
};

struct mb_job {
	struct esp_crypto base;
	IMB_MGR *mgr;              /* borrowed: the worker's */
	struct esp_crypto *single; /* owned: OpenSSL's */
	IMB_JOB start;             /* what is the same for all packets */
	alignas(16) uint8_t enc[SCHEDULE];
	alignas(16) uint8_t dec[SCHEDULE];
	alignas(16) uint8_t inner[ESP_MAC_MAX];
	alignas(16) uint8_t outer[ESP_MAC_MAX];
};

/* What a packet needs while it is worked on. */
struct slot {
	struct esp_job *job;
	alignas(16) uint8_t icv[ESP_MAC_MAX];
	uint8_t came[ESP_ICV_MAX];
};

/* clang-format off */
static const struct hash {
	uint16_t integ;
	uint8_t block; /* bytes */
	IMB_HASH_ALG alg;
	size_t one_block; /* where a manager keeps its function */
} hashes[] = {
	{INTEG_HMAC_SHA2_256_128,  64, IMB_AUTH_HMAC_SHA_256, offsetof(IMB_MGR, sha256_one_block)},
	{INTEG_HMAC_SHA2_384_192, 128, IMB_AUTH_HMAC_SHA_384, offsetof(IMB_MGR, sha384_one_block)},
	{INTEG_HMAC_SHA2_512_256, 128, IMB_AUTH_HMAC_SHA_512, offsetof(IMB_MGR, sha512_one_block)},
};

static const struct cipher {
	uint16_t encr;
	IMB_CIPHER_MODE mode;
} ciphers[] = {
	{ENCR_AES_CBC, IMB_CIPHER_CBC},
	{ENCR_NULL,    IMB_CIPHER_NULL},
};
/* clang-format on */

static const struct hash *hash_of(uint16_t integ)
{
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (hashes[i].integ == integ) {
			return &hashes[i];
		}
	}
	return NULL;
}

static const struct cipher *cipher_of(uint16_t encr)
{
	for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
		if (ciphers[i].encr == encr) {
			return &ciphers[i];
		}
	}
	return NULL;
}

bool esp_mb_job_does(struct transform encr, struct transform integ)
{
	return cipher_of(encr.id) && integ.type == TRANSFORM_INTEG && hash_of(integ.id);
}

static struct mb_job *of(struct esp_crypto *c)
{
	return (struct mb_job *)c;
}

/* ---- Packets ---- */

static uint32_t authenticated(const struct esp_job *j)
{
	return (uint32_t)ESP_HDR_LEN + j->crypto->shape.iv_len + j->text_len;
}

static void fill(IMB_JOB *to, struct esp_job *j, struct slot *slot)
{
	struct mb_job *c = of(j->crypto);
	uint32_t front = (uint32_t)ESP_HDR_LEN + c->base.shape.iv_len, n = authenticated(j);

	*to = c->start;
	to->src = j->esp;
	to->dst = j->esp + front;
	to->cipher_start_src_offset_in_bytes = front;
	to->msg_len_to_cipher_in_bytes = j->text_len;
	to->msg_len_to_hash_in_bytes = n + (c->base.esn ? 4 : 0);
	to->iv = j->esp + ESP_HDR_LEN;
	to->auth_tag_output = slot->icv;
	to->user_data = slot;
	slot->job = j;
	memcpy(slot->came, j->esp + n, c->base.shape.icv_len);
	if (c->base.esn) {
		be32_store(j->esp + n, j->seq_hi);
	}
}

static void finish(const IMB_JOB *done)
{
	struct slot *slot = done->user_data;
	struct esp_job *j = slot->job;
	uint8_t *icv = j->esp + authenticated(j);
	size_t len = j->crypto->shape.icv_len;

	if (done->status != IMB_STATUS_COMPLETED) {
		j->err = ESP_CRYPTO_FAILED;
	} else if (done->cipher_direction == IMB_DIR_ENCRYPT) {
		memcpy(icv, slot->icv, len);
		j->err = ESP_CRYPTO_OK;
	} else {
		memcpy(icv, slot->came, len);
		j->err = secret_equal(bytes_of(slot->icv, len), bytes_of(slot->came, len))
			     ? ESP_CRYPTO_OK
			     : ESP_CRYPTO_FORGED;
	}
}

static void run_chunk(IMB_MGR *m, struct esp_job *jobs, size_t n)
{
	struct slot slots[CHUNK];
	IMB_JOB *done;

	for (size_t i = 0; i < n; i++) {
		if (authenticated(&jobs[i]) > AUTHENTICATED) {
			jobs[i].err = ESP_CRYPTO_FAILED;
			continue;
		}
		fill(IMB_GET_NEXT_JOB(m), &jobs[i], &slots[i]);
		for (done = IMB_SUBMIT_JOB_NOCHECK(m); done; done = IMB_GET_COMPLETED_JOB(m)) {
			finish(done);
		}
	}
	while ((done = IMB_FLUSH_JOB(m)) != NULL) {
		finish(done);
	}
}

static void run_single(struct esp_job *j)
{
	struct mb_job *c = of(j->crypto);
	const struct esp_crypto_ops *ops = c->single->ops;
	struct esp_job job = *j;

	job.crypto = c->single;
	(c->start.cipher_direction == IMB_DIR_ENCRYPT ? ops->seal : ops->open)(&job, 1);
	j->err = job.err;
}

static void job_run(struct esp_job *jobs, size_t n)
{
	for (size_t at = 0, now; at < n; at += now) {
		now = n - at < FEW ? 1 : n - at < CHUNK ? n - at : CHUNK;
		if (now == 1) {
			run_single(&jobs[at]);
		} else {
			run_chunk(of(jobs[0].crypto)->mgr, jobs + at, now);
		}
	}
}

/* ---- Contexts ---- */

static void job_free(struct esp_crypto *c)
{
	esp_crypto_free(of(c)->single);
	secret_wipe(c, sizeof(struct mb_job));
	free(c);
}

static const struct esp_crypto_ops ops = {job_run, job_run, job_free};

static void set_cipher(IMB_MGR *m, struct mb_job *c, const struct esp_crypto_plan *plan)
{
	const uint8_t *key = plan->keys->encr_key.p;

	c->start.cipher_mode = cipher_of(plan->encr->t.id)->mode;
	c->start.cipher_direction = plan->sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	c->start.chain_order = plan->sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	c->start.enc_keys = c->enc;
	c->start.dec_keys = c->dec;
	c->start.key_len_in_bytes = plan->encr->t.key_bits / 8;
	c->start.iv_len_in_bytes = c->base.shape.iv_len;
	switch (plan->encr->t.key_bits) {
	case 128: IMB_AES_KEYEXP_128(m, key, c->enc, c->dec); break;
	case 192: IMB_AES_KEYEXP_192(m, key, c->enc, c->dec); break;
	case 256: IMB_AES_KEYEXP_256(m, key, c->enc, c->dec); break;
	default: break;
	}
}

/* The hash's state behind the padded key: RFC 2104 section 4. */
static void hash_key(
    IMB_MGR *m, const struct hash *h, struct bytes key, uint8_t pad, uint8_t out[ESP_MAC_MAX])
{
	hash_one_block_t one_block;
	uint8_t block[HASH_BLOCK_MAX];

	memcpy(&one_block, (const uint8_t *)m + h->one_block, sizeof one_block);
	for (size_t i = 0; i < h->block; i++) {
		block[i] = i < key.n ? key.p[i] ^ pad : pad;
	}
	one_block(block, out);
	secret_wipe(block, sizeof block);
}

static void set_hash(IMB_MGR *m, struct mb_job *c, const struct esp_crypto_plan *plan)
{
	const struct hash *h = hash_of(plan->keys->integ.id);

	c->start.hash_alg = h->alg;
	c->start.auth_tag_output_len_in_bytes = c->base.shape.icv_len;
	c->start.u.HMAC._hashed_auth_key_xor_ipad = c->inner;
	c->start.u.HMAC._hashed_auth_key_xor_opad = c->outer;
	hash_key(m, h, plan->keys->integ_key, IPAD, c->inner);
	hash_key(m, h, plan->keys->integ_key, OPAD, c->outer);
}

enum esp_crypto_err esp_mb_job_new(IMB_MGR *setup, IMB_MGR *mgr, const struct esp_crypto_plan *plan,
    struct esp_crypto *single, struct esp_crypto **out)
{
	struct mb_job *c = aligned_alloc(
	    ESP_MB_ALIGN, (sizeof *c + ESP_MB_ALIGN - 1) / ESP_MB_ALIGN * ESP_MB_ALIGN);

	*out = NULL;
	if (!c) {
		esp_crypto_free(single);
		return ESP_CRYPTO_NOMEM;
	}
	memset(c, 0, sizeof *c);
	esp_crypto_base(&c->base, &ops, plan);
	c->mgr = mgr;
	c->single = single;
	set_cipher(setup, c, plan);
	set_hash(setup, c, plan);
	*out = &c->base;
	return ESP_CRYPTO_OK;
}

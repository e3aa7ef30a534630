/*
 * Packets in the lanes of a manager of ipsec-mb, several side by side.
 *
 * A batch is submitted whole and flushed at its end, so no job outlives the call. Where it is so
 * small that most lanes would stand empty, OpenSSL is faster and does it.
 *
 * A MAC covers one piece of memory; the high half of an extended sequence number (RFC 4303 section
 * 2.2.1) is put behind the text for it, where the ICV stands: the ICV that came is set aside
 * before, the one that goes is written after.
 */
#include "esp/crypto/mb_internal.h"
#include "base/secret.h"

#include <stdlib.h>

enum {
	FEW = 4,         /* fewer jobs are not worth the lanes */
	CHUNK = 64,      /* jobs in one go; a manager takes 256 */
	LONGEST = 65000, /* bytes: lanes count in 16 bits, and no IP packet is longer */
};

static struct esp_mb_job *of(struct esp_crypto *c)
{
	return (struct esp_mb_job *)c;
}

static uint32_t front_of(const struct esp_job *j)
{
	return (uint32_t)ESP_HDR_LEN + j->crypto->shape.iv_len;
}

/* The cipher's part, which is the same for all. */
static void fill_text(IMB_JOB *to, const struct esp_job *j, struct esp_mb_slot *slot)
{
	to->src = j->esp;
	to->dst = j->esp + front_of(j);
	to->cipher_start_src_offset_in_bytes = front_of(j);
	to->msg_len_to_cipher_in_bytes = j->text_len;
	to->auth_tag_output = slot->icv;
}

void esp_mb_fill_aead(
    const struct esp_mb_job *c, IMB_JOB *to, struct esp_job *j, struct esp_mb_slot *slot)
{
	struct bytes aad = esp_aad_of(&c->base, j->esp, j->seq_hi, slot->aad);

	fill_text(to, j, slot);
	to->hash_start_src_offset_in_bytes = front_of(j);
	to->msg_len_to_hash_in_bytes = j->text_len;
	esp_nonce_of(&c->base, j->esp, j->seq_hi, slot->nonce);
	to->iv = slot->nonce;
	if (to->cipher_mode == IMB_CIPHER_CCM) {
		to->u.CCM.aad = aad.p;
		to->u.CCM.aad_len_in_bytes = aad.n;
	} else {
		to->u.CHACHA20_POLY1305.aad = aad.p;
		to->u.CHACHA20_POLY1305.aad_len_in_bytes = aad.n;
	}
}

void esp_mb_fill_mac(
    const struct esp_mb_job *c, IMB_JOB *to, struct esp_job *j, struct esp_mb_slot *slot)
{
	uint32_t n = front_of(j) + j->text_len;

	fill_text(to, j, slot);
	to->msg_len_to_hash_in_bytes = n;
	to->iv = j->esp + ESP_HDR_LEN;
	if (c->base.salt_len) { /* AES-CTR: the library puts the 1 behind it */
		esp_nonce_of(&c->base, j->esp, j->seq_hi, slot->nonce);
		to->iv = slot->nonce;
	}
	if (c->base.esn) {
		to->msg_len_to_hash_in_bytes += 4;
		be32_store(j->esp + n, j->seq_hi);
	}
}

static void finish(const IMB_JOB *done)
{
	struct esp_mb_slot *slot = done->user_data;
	struct esp_job *j = slot->job;
	uint8_t *icv = j->esp + front_of(j) + j->text_len;
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

static void submit(IMB_MGR *m, struct esp_job *j, struct esp_mb_slot *slot)
{
	struct esp_mb_job *c = of(j->crypto);
	uint32_t n = front_of(j) + j->text_len;
	IMB_JOB *to, *done;

	if (n > LONGEST) {
		j->err = ESP_CRYPTO_FAILED;
		return;
	}
	memcpy(slot->came, j->esp + n, c->base.shape.icv_len);
	slot->job = j;
	to = IMB_GET_NEXT_JOB(m);
	*to = c->start;
	to->user_data = slot;
	c->fill(c, to, j, slot);
	for (done = IMB_SUBMIT_JOB_NOCHECK(m); done; done = IMB_GET_COMPLETED_JOB(m)) {
		finish(done);
	}
}

static void run_chunk(IMB_MGR *m, struct esp_job *jobs, size_t n)
{
	struct esp_mb_slot slots[CHUNK];
	IMB_JOB *done;

	for (size_t i = 0; i < n; i++) {
		submit(m, &jobs[i], &slots[i]);
	}
	while ((done = IMB_FLUSH_JOB(m)) != NULL) {
		finish(done);
	}
}

static void run_single(struct esp_crypto_worker *w, struct esp_job *j)
{
	struct esp_mb_job *c = of(j->crypto);
	const struct esp_crypto_ops *ops = c->single->ops;
	struct esp_job job = *j;

	job.crypto = c->single;
	(c->start.cipher_direction == IMB_DIR_ENCRYPT ? ops->seal : ops->open)(w, &job, 1);
	j->err = job.err;
}

static void job_run(struct esp_crypto_worker *w, struct esp_job *jobs, size_t n)
{
	for (size_t at = 0, now; at < n; at += now) {
		now = n - at < FEW ? 1 : n - at < CHUNK ? n - at : CHUNK;
		if (now == 1 && of(jobs[at].crypto)->single) {
			run_single(w, &jobs[at]);
		} else {
			run_chunk(esp_mb_manager(of(jobs[0].crypto)->mb, w), jobs + at, now);
		}
	}
}

static void job_free(struct esp_crypto *c)
{
	esp_crypto_free(of(c)->single);
	secret_wipe(c, of(c)->size);
	free(c);
}

const struct esp_crypto_ops esp_mb_job_ops = {job_run, job_run, job_free};

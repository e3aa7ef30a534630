/*
 * What IKE_AUTH proves of IKE_INTERMEDIATE messages: RFC 9242 section 3.3.2.
 */
#include "ike/crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

enum {
	HDR_NEXT = 16, /* offsets in the IKE header */
	HDR_LENGTH = 24,
};

/* The type field that names the payload at `at`: of the header, or of the payload in front of it.
 * NULL: no payload begins there. */
static uint8_t *type_of(uint8_t *head, size_t at)
{
	size_t type = HDR_NEXT, here = IKE_HDR_LEN;

	while (here < at) {
		size_t n = here + IKE_PLD_HDR_LEN <= at ? be16_load(head + here + 2) : 0;

		if (n < IKE_PLD_HDR_LEN) {
			return NULL;
		}
		type = here;
		here += n;
	}
	return here == at ? head + type : NULL;
}

/*
 * The message as if it had come in one SK payload, without IV, padding and ICV: RESERVED of the
 * generic header stays as it was in SK, or in the SKF of fragment 1.
 */
enum ike_err ike_intauth(struct ossl_lib_ctx_st *libctx, struct transform prf,
    const struct ike_intauth_in *in, uint8_t out[IKE_PRF_MAX])
{
	size_t n = in->sk_at + IKE_PLD_HDR_LEN;
	uint8_t *head, *type;

	if (in->sk_at < IKE_HDR_LEN || in->head.n < n) {
		return IKE_EBUG;
	}
	head = malloc(n);
	if (!head) {
		return IKE_ENOMEM;
	}
	memcpy(head, in->head.p, n);
	type = type_of(head, in->sk_at);
	if (!type || in->inner.n > UINT16_MAX - IKE_PLD_HDR_LEN) {
		free(head);
		return IKE_EBUG;
	}
	*type = IKE_PLD_SK;
	be32_store(head + HDR_LENGTH, (uint32_t)(n + in->inner.n));
	head[in->sk_at] = in->first;
	be16_store(head + in->sk_at + 2, (uint16_t)(IKE_PLD_HDR_LEN + in->inner.n));

	const struct bytes parts[] = {in->before, bytes_of(head, n), in->inner};
	enum ike_err err = ike_prf(libctx, prf, in->sk_p, parts, 3, out);
	free(head);
	return err;
}

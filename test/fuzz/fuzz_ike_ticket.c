/*
 * Tickets (RFC 5723) as a stranger may present them. The first byte says how the rest is used: as
 * the content of a ticket, as a ticket, or as edits of a genuine one (offset, value to be XORed;
 * 0xffff: cut off here).
 *
 * Content that is read is written again, and must be the same; nothing that is not genuine opens.
 */
#include "ike/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { CONTENT, TICKET, EDITS, WAYS };

static struct ike_tickets tickets;
static uint8_t genuine[IKE_TICKET_MAX];
static size_t genuine_n;

static void grant(void)
{
	struct ike_resumable r = {.suite = {.encr = {TRANSFORM_ENCR, ENCR_AES_GCM_16, 128},
				      .prf = {TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0},
				      .ke = {TRANSFORM_KE, KE_CURVE25519, 0}},
	    .expires_at = 1000};
	struct ike_ticket_ref ref;

	if (!ident_parse(&r.id_i, "a.example") || !ident_parse(&r.id_r, "b.example") ||
	    !secret_init(&r.sk_d, 32) ||
	    ike_ticket_grant(&tickets, NULL, 0, &r, genuine, &genuine_n, &ref) != IKE_OK) {
		abort();
	}
	ike_resumable_fini(&r);
}

static void content(struct bytes in)
{
	static uint8_t out[4096];
	struct ike_resumable r;

	if (!ike_resumable_read(&r, in)) {
		if (r.sk_d.p) {
			abort();
		}
		return;
	}
	size_t n = ike_resumable_write(&r, out, sizeof out);
	if (n != in.n || memcmp(out, in.p, n) != 0) {
		abort();
	}
	ike_resumable_fini(&r);
}

static bool opens(struct bytes ticket)
{
	struct ike_resumable r;
	struct ike_ticket_ref ref;
	bool ok = ike_ticket_open(&tickets, NULL, 1, ticket, &r, &ref) == IKE_OK;

	ike_resumable_fini(&r);
	return ok;
}

static void edits(struct bytes in)
{
	uint8_t t[IKE_TICKET_MAX];
	struct rd r = rd_of(in);
	size_t n = genuine_n;

	memcpy(t, genuine, n);
	while (rd_left(&r) >= 3) {
		size_t at = rd_u16(&r);
		uint8_t by = rd_u8(&r);
		if (at == 0xffff) {
			n = by < n ? by : n;
		} else {
			t[at % genuine_n] ^= by;
		}
	}
	bool same = n == genuine_n && memcmp(t, genuine, n) == 0;
	if (opens(bytes_of(t, n)) != same) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!genuine_n) {
		grant();
	}
	if (n == 0) {
		return 0;
	}
	struct bytes rest = bytes_of(data + 1, n - 1);
	switch (data[0] % WAYS) {
	case CONTENT: content(rest); break;
	case TICKET:
		if (opens(rest)) {
			abort();
		}
		break;
	case EDITS: edits(rest); break;
	}
	return 0;
}

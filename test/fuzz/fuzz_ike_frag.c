/*
 * Fragments of a peer that has the keys (RFC 7383): a responder that has answered IKE_SA_INIT gets
 * what the input says, sealed as it should be: pieces of an IKE_AUTH request that is right, pieces
 * of anything, whole messages between them, damaged ones, repeats, time.
 *
 * What is held stays within the limits, and the input that is the request in its pieces brings the
 * IKE SA up.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "config/config.h"
#include "ike/crypto/crypto.h"
#include "ike/ike.h"
#include "ike/wire/build.h"
#include "test/sim/rand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { OPS_MAX = 100, OUT_MAX = 1 << 16, PIECES = 64, ALL_BYTES = 200000 };

enum op { RIGHT_PIECE, ANY_PIECE, WHOLE, LONG_PIECE, AGAIN, DAMAGED, TIME, OPS };

static const char text[] =
    "fragment_size = 300; secrets = ( { type = \"psk\"; secret = \"s\"; } );"
    "connections = { c = { version = 2; local_addrs = [\"%any\"]; remote_addrs = [\"%any\"];"
    "proposals = [\"aes128gcm16-prfsha256-x25519\"]; dpd_delay = \"30s\";"
    "local = { auth = \"psk\"; id = \"r\"; }; remote = { auth = \"psk\"; id = \"i\"; };"
    "children = { k = { local_ts = [\"10.2.0.0/16\"]; remote_ts = [\"10.1.0.0/16\"]; }; }; }; };";

static struct sim_rand dice;
static struct config *config;
static uint8_t init_msg[600], right[600]; /* IKE_SA_INIT; the content of IKE_AUTH */
static size_t init_n, right_n;
static uint8_t right_first;

/* One run. */
struct run {
	struct ike_engine *e;
	ike_time now;
	struct ike_sk seal;
	bool keyed, up;
	uint64_t spi_i, spi_r;
	uint8_t last[OUT_MAX];
	size_t last_n;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* ---- Once ---- */

static struct endpoint at(const char *addr)
{
	struct endpoint ep = {.port = 500};

	must(addr_parse(&ep.addr, addr));
	return ep;
}

static void make_init(const struct proposal_list *proposals)
{
	static const uint8_t public[32] = {9}, nonce[32] = {1};
	struct ike_hdr h = {
	    .spi_i = 0x1111, .exchange = IKE_EXCHANGE_SA_INIT, .flags = IKE_FLAG_INITIATOR};
	struct ike_build b;

	ike_build_begin(&b, init_msg, sizeof init_msg, &h);
	ike_build_sa(&b, proposals);
	ike_build_ke(&b, 31, bytes_of(public, sizeof public));
	ike_build_nonce(&b, bytes_of(nonce, sizeof nonce));
	ike_build_notify(&b, IKE_N_FRAGMENTATION_SUPPORTED, bytes_of(NULL, 0));
	init_n = ike_build_finish(&b).n;
	must(init_n > 0);
}

static void make_auth(const struct config_child *child)
{
	static const uint8_t mac[32];
	static uint8_t buf[sizeof right + IKE_HDR_LEN];
	struct ts_list local = {.n = 1, .v = {child->remote_ts[0].ts}};
	struct ts_list remote = {.n = 1, .v = {child->local_ts[0].ts}};
	struct proposal_list esp = child->esp_proposals;
	struct ike_hdr h = {.spi_i = 1, .exchange = IKE_EXCHANGE_AUTH};
	struct ident id;
	struct ike_build b;
	struct bytes out;

	for (size_t i = 0; i < esp.n; i++) {
		esp.v[i].number = (uint8_t)(i + 1);
		esp.v[i].spi_n = 4;
		memset(esp.v[i].spi, 7, 4);
	}
	must(ident_parse(&id, "i"));
	ike_build_begin(&b, buf, sizeof buf, &h);
	ike_build_id(&b, IKE_PLD_IDI, &id);
	ike_build_auth(&b, IKE_AUTH_PSK, bytes_of(mac, sizeof mac));
	ike_build_sa(&b, &esp);
	ike_build_ts(&b, IKE_PLD_TSI, &local);
	ike_build_ts(&b, IKE_PLD_TSR, &remote);
	out = ike_build_finish(&b);
	must(out.n > IKE_HDR_LEN);
	right_first = out.p[16];
	right_n = out.n - IKE_HDR_LEN;
	memcpy(right, out.p + IKE_HDR_LEN, right_n);
}

static void prepare(void)
{
	struct config_notes notes = {0};

	sim_rand_init(&dice, 1);
	config = config_load_text(text, "fuzz", &notes);
	must(config != NULL);
	config_notes_free(&notes);
	config->conns[0].proposals.v[0].number = 1;
	make_init(&config->conns[0].proposals);
	make_auth(&config->conns[0].children[0]);
}

/* ---- The engine ---- */

static uint32_t spi_get(void *arg)
{
	(void)arg;
	return 0x01020304;
}

static void spi_put(void *arg, uint32_t spi)
{
	(void)arg;
	(void)spi;
}

/* The signer that believes everybody: what it says is what the right IKE_AUTH has as AUTH. */
static void answer(struct run *r, const struct ike_op *op)
{
	static const uint8_t mac[32];
	struct ike_command c = {.kind = IKE_CMD_OP_DONE};

	c.op.op_id = op->op_id;
	c.op.found = true;
	c.op.result = bytes_of(mac, sizeof mac);
	ike_engine_command(r->e, r->now, &c);
}

static void take_keys(struct run *r, const struct ike_keys *k)
{
	if (r->keyed)
		return;
	r->spi_i = k->spi_i;
	r->spi_r = k->spi_r;
	must(ike_sk_init(&r->seal, dice.libctx, IKE_SK_SEAL, &k->suite, secret_bytes(&k->sk_ei),
		 secret_bytes(&k->sk_ai)) == IKE_OK);
	r->keyed = true;
}

static void drain(struct run *r)
{
	struct ike_datagram d;
	struct ike_event ev;
	struct ike_stats s;
	bool more = true;

	while (more) {
		more = false;
		while (ike_engine_next_datagram(r->e, &d))
			must(d.data.n > 0);
		while (ike_engine_next_event(r->e, &ev)) {
			if (ev.kind == IKE_EV_KEYS)
				take_keys(r, &ev.u.keys);
			else if (ev.kind == IKE_EV_OP)
				answer(r, &ev.u.op);
			r->up |= ev.kind == IKE_EV_IKE_UP;
			ike_event_clear(&ev);
			more = true;
		}
	}
	ike_engine_stats(r->e, &s);
	must(s.fragment_bytes <= ALL_BYTES);
}

static void give(struct run *r, struct bytes msg)
{
	static struct endpoint from, to;
	/* Exactly as long, so that a read beyond it is seen. */
	uint8_t *copy = malloc(msg.n ? msg.n : 1);
	struct ike_datagram d;

	if (!copy)
		return;
	if (!from.port) {
		from = at("192.0.2.1");
		to = at("192.0.2.2");
	}
	if (msg.n)
		memcpy(copy, msg.p, msg.n);
	d = (struct ike_datagram){.local = to, .remote = from, .data = bytes_of(copy, msg.n)};
	ike_engine_input(r->e, r->now, &d);
	drain(r);
	free(copy);
}

/* ---- What the input says ---- */

/* A message sealed with the initiator's keys; total 0: SK. */
static void say(struct run *r, const struct ike_hdr *h, uint16_t number, uint16_t total,
    uint8_t first, struct bytes content)
{
	struct ike_build b;
	struct bytes msg;

	ike_build_begin(&b, r->last, sizeof r->last, h);
	if (total) {
		ike_build_skf(&b, ike_sk_iv_len(&r->seal), first, number, total);
	} else {
		ike_build_sk(&b, ike_sk_iv_len(&r->seal));
		b.w.base[b.next_at] = first;
	}
	wr_bytes(&b.w, content);
	if (ike_sk_seal(&r->seal, &b, &msg))
		return;
	r->last_n = msg.n;
	give(r, msg);
}

static void right_piece(struct run *r, struct rd *in)
{
	size_t total = 1u + rd_u8(in) % PIECES, i = rd_u8(in) % total, each = right_n / total + 1;
	size_t from = i * each < right_n ? i * each : right_n;
	size_t n = right_n - from < each ? right_n - from : each;
	struct ike_hdr h = {.spi_i = r->spi_i,
	    .spi_r = r->spi_r,
	    .exchange = IKE_EXCHANGE_AUTH,
	    .flags = IKE_FLAG_INITIATOR,
	    .msg_id = 1};

	say(r, &h, (uint16_t)(i + 1), (uint16_t)total, i ? 0 : right_first,
	    bytes_of(right + from, n));
}

static void any_message(struct run *r, struct rd *in, enum op op)
{
	static const uint8_t zeros[40000];
	static const uint8_t exchanges[] = {IKE_EXCHANGE_AUTH, IKE_EXCHANGE_INFORMATIONAL,
	    IKE_EXCHANGE_CREATE_CHILD, IKE_EXCHANGE_INTERMEDIATE};
	uint8_t what = rd_u8(in);
	struct ike_hdr h = {.spi_i = r->spi_i,
	    .spi_r = r->spi_r,
	    .exchange = exchanges[what & 3],
	    .flags = (uint8_t)(IKE_FLAG_INITIATOR | (what & 4 ? IKE_FLAG_RESPONSE : 0)),
	    .msg_id = rd_u8(in)};
	uint16_t number = op == WHOLE ? 0 : rd_u16(in), total = op == WHOLE ? 0 : rd_u16(in);
	uint8_t first = rd_u8(in);
	size_t n = op == LONG_PIECE ? rd_u16(in) % sizeof zeros : rd_u8(in);
	struct bytes content = op == LONG_PIECE ? bytes_of(zeros, n) : rd_bytes(in, n);

	if (rd_ok(in))
		say(r, &h, number, total, first, content);
}

static void damaged(struct run *r, struct rd *in)
{
	size_t place = rd_u16(in);
	uint8_t bits = rd_u8(in);

	if (r->last_n) {
		r->last[place % r->last_n] ^= bits;
		give(r, bytes_of(r->last, r->last_n));
		r->last[place % r->last_n] ^= bits;
	}
}

static void time_passes(struct run *r, struct rd *in)
{
	ike_time until = r->now + 1000u * rd_u8(in);

	while (ike_engine_deadline(r->e) <= until) {
		if (ike_engine_deadline(r->e) > r->now)
			r->now = ike_engine_deadline(r->e);
		ike_engine_tick(r->e, r->now);
		drain(r);
	}
	r->now = until;
}

static void follow(struct run *r, struct rd *in)
{
	for (int i = 0; i < OPS_MAX && rd_left(in) > 0 && rd_ok(in); i++) {
		enum op op = (enum op)(rd_u8(in) % OPS);

		switch (op) {
		case RIGHT_PIECE: right_piece(r, in); break;
		case ANY_PIECE:
		case WHOLE:
		case LONG_PIECE: any_message(r, in, op); break;
		case AGAIN: give(r, bytes_of(r->last, r->last_n)); break;
		case DAMAGED: damaged(r, in); break;
		case TIME: time_passes(r, in); break;
		case OPS: break;
		}
	}
}

/* Each piece of the right request once, in order: then it must be up. */
static bool is_plainly_right(struct bytes in)
{
	for (size_t i = 0; i < in.n; i++) {
		if (i % 3 == 0 && in.p[i] != RIGHT_PIECE)
			return false;
		if (i % 3 == 1 && in.p[i] != in.n / 3 - 1)
			return false;
		if (i % 3 == 2 && in.p[i] != i / 3)
			return false;
	}
	return in.n > 0 && in.n % 3 == 0 && in.n / 3 <= PIECES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct run r;
	struct ike_limits limits = ike_limits_default;
	struct ike_params p = {.libctx = dice.libctx,
	    .spi_get = spi_get,
	    .spi_put = spi_put,
	    .limits = &limits,
	    .want_keys = true};
	struct rd in = rd_of(bytes_of(data, n));

	if (!config)
		prepare();
	p.libctx = dice.libctx;
	p.config = config;
	limits.fragment_bytes_all = ALL_BYTES;
	r = (struct run){.now = 1000, .e = ike_engine_new(&p)};
	if (!r.e)
		return 0;
	give(&r, bytes_of(init_msg, init_n));
	must(r.keyed);
	follow(&r, &in);
	must(r.up || !is_plainly_right(bytes_of(data, n)));
	ike_engine_free(r.e);
	ike_sk_fini(&r.seal);
	return 0;
}

/*
 * What insn.py counts instructions of: one part of the data plane, again and again. Not for timing.
 *
 *     bench_insn PART    prints how many packets went through measured()
 */
#include "esp/internal.h"
#include "test/unit/esp_pair.h"
#include "tun/offload.h"

#include "daemon/udp/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 45, INNER = 1400, ROUNDS = 200, CHILDREN = 10000, SLOT = 2048 };

static uint8_t fresh[BATCH][SLOT], room[BATCH][SLOT], whole[PKT_HEADROOM + 65536 + PKT_TAILROOM];
static struct pkt pkts[BATCH];
static struct pair p;
static size_t inner = INNER;

/* ---- Packets ---- */

/* Segments of one TCP flow, with right checksums. */
static void make_flow(size_t size)
{
	for (size_t i = 0; i < BATCH; i++) {
		uint8_t *ip = fresh[i] + PKT_HEADROOM;
		pair_inner(ip, ADDR_V4, size);
		be16_store(ip + 6, 0x4000); /* DF, as TCP has it */
		ip[9] = 6;
		memset(ip + 20, 0, 20);
		be16_store(ip + 20, 443);
		be16_store(ip + 22, 40000);
		be32_store(ip + 24, (uint32_t)(i * (size - 40)));
		ip[32] = 0x50;
		ip[33] = 0x10;
		pair_set_sums(ip);
	}
}

static void lay_out(size_t size)
{
	memcpy(room, fresh, sizeof room);
	for (size_t i = 0; i < BATCH; i++)
		pkts[i] = (struct pkt){.base = room[i],
		    .cap = SLOT,
		    .off = PKT_HEADROOM,
		    .len = (uint32_t)size,
		    .flags = i ? PKT_SAME_FLOW : 0};
}

/* ---- Parts ---- */

static size_t suite_of_all(void)
{
	size_t suite = 0;
	while (strcmp(pair_suites[suite].name, "aes128gcm16") != 0)
		suite++;
	return suite;
}

static void pair_with(const char *engine)
{
	struct pair_options o = {.esn = true, .window = 1024, .suite = suite_of_all()};
	o.engine = strcmp(engine, "openssl") == 0 ? ESP_ENGINE_OPENSSL : ESP_ENGINE_IPSEC_MB;
	pair_init(&p, &o);
	make_flow(inner);
}

static void lay_plain(void)
{
	lay_out(inner);
}

static void lay_sealed(void)
{
	lay_out(inner);
	esp_encap(p.lw, pkts, BATCH);
}

static void seal(void)
{
	esp_encap(p.lw, pkts, BATCH);
}

static void open_all(void)
{
	esp_decap(p.rw, pkts, BATCH);
}

/* ---- Children of a /32 each: what one sends, the other opens; packets of as many flows as there
 * are children ---- */

static struct esp *many;
static uint32_t spis[CHILDREN], out_slots[CHILDREN];

static void add_child(uint32_t i, struct esp_policy *policy)
{
	struct ts_list any = {.n = 1, .v = {ts_any(ADDR_V4)}};
	uint8_t a[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
	uint32_t slot;

	spis[i] = esp_spi_get(many);
	struct esp_in_params in = {.spi = spis[i],
	    .keys = pair_keys(suite_of_all(), true),
	    .replay_window = 1024,
	    .local_ts = &any,
	    .remote_ts = &any};
	struct esp_out_params out = {.spi = spis[i], .keys = in.keys};
	if (esp_in_add(many, &in) != ESP_OK || esp_out_add(many, &out, &slot) != ESP_OK)
		abort();
	out_slots[i] = slot;
	*policy = (struct esp_policy){.action = ESP_PROTECT,
	    .slot = slot,
	    .local = ts_any(ADDR_V4),
	    .remote = ts_any(ADDR_V4)};
	policy->remote.lo = policy->remote.hi = addr_from_bytes(bytes_of(a, 4));
}

static void children(uint32_t n, uint32_t workers)
{
	struct esp_params params = {
	    .slots = 1 << 14, .workers = workers, .engine = ESP_ENGINE_OPENSSL};
	struct esp_policy *v = calloc(n, sizeof *v);

	many = esp_new(&params);
	if (!v || !many)
		abort();
	for (uint32_t i = 0; i < n; i++)
		add_child(i, &v[i]);
	if (esp_spd_set(many, v, n) != ESP_OK)
		abort();
	free(v);
	p.lw = p.rw = esp_worker_get(many, 0);
	make_flow(inner);
	for (uint32_t i = 0; i < BATCH; i++) {
		uint8_t *ip = fresh[i] + PKT_HEADROOM;
		uint32_t to = i * 211 % n;
		be32_store(ip + 16, 10u << 24 | to);
		pair_set_sums(ip);
	}
}

static void one_child(void)
{
	children(1, 1);
}

static void all_children(void)
{
	children(CHILDREN, 1);
}

/* No packet is marked as of the flow of the one before it: each is looked up. */
static void lay_each(void)
{
	lay_out(inner);
	for (size_t i = 0; i < BATCH; i++)
		pkts[i].flags = 0;
}

static void lay_each_sealed(void)
{
	lay_each();
	esp_encap(p.lw, pkts, BATCH);
}

/* ---- Two workers: one sent first by every SA, and has OpenSSL's contexts of them; the other one,
 * which is counted, has spare ones ---- */

static void one_borrowed(void)
{
	children(1, 2);
	lay_each();
	seal();
	p.lw = esp_worker_get(many, 1);
}

static uint32_t next_child;

/* Every packet is another child's, until all had one. */
static void lay_next(void)
{
	lay_each();
	for (size_t i = 0; i < BATCH; i++, next_child = (next_child + 1) % CHILDREN)
		be32_store(room[i] + PKT_HEADROOM + 16, 10u << 24 | next_child);
}

static void all_borrowed(void)
{
	children(CHILDREN, 2);
	for (size_t i = 0; i < CHILDREN; i += BATCH) {
		lay_next();
		seal();
	}
	p.lw = esp_worker_get(many, 1);
}

/* ---- A batch between two changes of the control thread ---- */

static struct esp_policy changing[100 + 1];

static void one_of_changing(void)
{
	one_child();
	changing[0] = (struct esp_policy){.action = ESP_PROTECT,
	    .slot = out_slots[0],
	    .local = ts_any(ADDR_V4),
	    .remote = ts_any(ADDR_V4)};
	changing[0].remote.lo = changing[0].remote.hi =
	    addr_from_bytes(bytes_of((uint8_t[]){10, 0, 0, 0}, 4));
}

static void change(void)
{
	for (uint32_t i = 1; i <= 100; i++)
		add_child(i, &changing[i]);
	if (esp_spd_set(many, changing, 101) != ESP_OK || esp_spd_set(many, changing, 1) != ESP_OK)
		abort();
	for (uint32_t i = 1; i <= 100; i++) {
		esp_out_del(many, out_slots[i]);
		esp_in_del(many, spis[i]);
	}
	if (esp_reclaim(many) != 0)
		abort();
	lay_each();
}

static void seal_batch(void)
{
	esp_worker_enter(p.lw);
	seal();
	esp_worker_leave(p.lw);
}

static void find_sas(void)
{
	for (uint32_t i = 0; i < BATCH; i++)
		if (!esp_sad_in(&many->sad, spis[i * 211 % CHILDREN]))
			abort();
}

static struct esp_spd *spd;
static struct esp_flow flows[BATCH];

static uint64_t no_serial(const void *ctx, uint32_t slot)
{
	(void)ctx;
	return slot + 1;
}

static void rules(size_t n)
{
	static const struct esp_spd_serials serials = {.of = no_serial};
	struct esp_policy *v = calloc(n, sizeof *v);
	for (size_t i = 0; v && i < n; i++) {
		uint8_t a[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		v[i] = (struct esp_policy){.action = ESP_PROTECT,
		    .slot = (uint32_t)i,
		    .local = ts_any(ADDR_V4),
		    .remote = ts_any(ADDR_V4)};
		v[i].remote.lo = v[i].remote.hi = addr_from_bytes(bytes_of(a, 4));
	}
	if (!v || esp_spd_compile(v, n, &serials, 7, &spd) != ESP_OK)
		abort();
	free(v);
	for (size_t i = 0; i < BATCH; i++) {
		uint8_t a[4] = {10, 0, (uint8_t)((i * 211 % n) >> 8), (uint8_t)(i * 211 % n)};
		struct addr dst = addr_from_bytes(bytes_of(a, 4));
		flows[i] =
		    (struct esp_flow){.dst = esp_num_of(&dst), .family = ADDR_V4, .proto = 6};
	}
}

static void one_rule(void)
{
	rules(1);
}

static void many_rules(void)
{
	rules(CHILDREN);
}

static void find_rules(void)
{
	for (size_t i = 0; i < BATCH; i++)
		if (!esp_spd_find(spd, &flows[i]))
			abort();
}

static struct esp_window window;
static uint64_t seqs[BATCH], top;

static void new_window(void)
{
	if (!esp_window_init(&window, 1024, 0))
		abort();
}

static void in_order(void)
{
	for (size_t i = 0; i < BATCH; i++)
		seqs[i] = ++top;
}

/* Each pair of neighbours swapped. */
static void reordered(void)
{
	in_order();
	for (size_t i = 0; i + 1 < BATCH; i += 2) {
		uint64_t t = seqs[i];
		seqs[i] = seqs[i + 1];
		seqs[i + 1] = t;
	}
}

static void replay(void)
{
	for (size_t i = 0; i < BATCH; i++) {
		uint64_t seq = esp_window_guess(&window, (uint32_t)seqs[i]);
		if (esp_window_check(&window, seq) != ESP_REPLAY_NEW ||
		    esp_window_commit(&window, seq) != ESP_REPLAY_NEW)
			abort();
	}
}

static struct pkt super;
static struct tun_gso gso;

static void make_super(void)
{
	make_flow(INNER);
	memcpy(whole, fresh[0], PKT_HEADROOM + 40);
	super = (struct pkt){.base = whole,
	    .cap = sizeof whole,
	    .off = PKT_HEADROOM,
	    .len = 40 + BATCH * (INNER - 40)};
	be16_store(whole + PKT_HEADROOM + 2, (uint16_t)super.len);
	gso = (struct tun_gso){.kind = TUN_GSO_TCP4,
	    .csum = TUN_CSUM_PARTIAL,
	    .size = INNER - 40,
	    .header = 40,
	    .csum_start = 20,
	    .csum_offset = 16};
}

static void nothing(void)
{
}

static void cut(void)
{
	struct tun_split s;
	if (!tun_split_init(&s, &super, &gso))
		abort();
	for (size_t i = 0; tun_split_more(&s); i++)
		tun_split_next(&s, room[i]);
}

/* What cutting takes for the copy of payloads, which sums them up on the way. */
static void copy_and_sum(void)
{
	for (size_t i = 0; i < BATCH; i++)
		tun_csum_copy(
		    0, room[i] + 40, whole + PKT_HEADROOM + 40 + i * (INNER - 40), INNER - 40);
}

static uint64_t bytes_written;

static int count_write(
    struct tun *t, unsigned queue, const struct tun_gso *g, const struct iovec *parts, size_t n)
{
	(void)t;
	(void)queue;
	(void)g;
	for (size_t i = 0; i < n; i++)
		bytes_written += parts[i].iov_len;
	return 0;
}

static const struct tun_ops counting = {.name = "counting", .write = count_write};
static struct tun device = {.ops = &counting, .features = {.tso = true, .uso = true}};
static struct tun_gro gro;

static void new_gro(void)
{
	make_flow(INNER);
	tun_gro_init(&gro, &device, 0);
}

static void lay_inner(void)
{
	lay_out(INNER);
}

static void join(void)
{
	for (size_t i = 0; i < BATCH; i++)
		tun_gro_add(&gro, pkts[i].base + pkts[i].off, pkts[i].len);
	tun_gro_flush(&gro);
}

static struct udp_sock *sock;
static struct udp_msg msgs[BATCH];

static void open_sock(void)
{
	struct udp_params params = {.families = UDP_V4, .trains = true};
	char why[UDP_WHY];
	if (udp_open(&sock, &params, why) != 0)
		abort();
	make_flow(INNER);
	for (size_t i = 0; i < BATCH; i++) {
		msgs[i] = (struct udp_msg){.pkt = &pkts[i], .way = 1};
		msgs[i].remote = (struct endpoint){
		    addr_from_bytes(bytes_of((uint8_t[]){127, 0, 0, 1}, 4)), udp_port(sock)};
	}
}

static void send_train(void)
{
	udp_send_batch(sock, msgs, BATCH, NULL);
}

static void openssl_pair(void)
{
	pair_with("openssl");
}

static void mb_pair(void)
{
	pair_with("ipsec-mb");
}

static const struct part {
	const char *name;
	void (*set_up)(void), (*prepare)(void), (*run)(void);
} parts[] = {
    {"seal-openssl", openssl_pair, lay_plain, seal},
    {"open-openssl", openssl_pair, lay_sealed, open_all},
    {"seal-ipsec-mb", mb_pair, lay_plain, seal},
    {"open-ipsec-mb", mb_pair, lay_sealed, open_all},
    {"seal-1-child", one_child, lay_each, seal},
    {"seal-10000-children", all_children, lay_each, seal},
    {"open-1-child", one_child, lay_each_sealed, open_all},
    {"open-10000-children", all_children, lay_each_sealed, open_all},
    {"seal-borrowed-1-child", one_borrowed, lay_each, seal},
    {"seal-borrowed-10000-children", all_borrowed, lay_next, seal},
    {"batch", one_of_changing, lay_each, seal_batch},
    {"batch-amid-changes", one_of_changing, change, seal_batch},
    {"sa-lookup", all_children, nothing, find_sas},
    {"lookup-1", one_rule, nothing, find_rules},
    {"lookup-10000", many_rules, nothing, find_rules},
    {"replay", new_window, in_order, replay},
    {"replay-reordered", new_window, reordered, replay},
    {"gso", make_super, nothing, cut},
    {"gso-copy-and-sum", make_super, nothing, copy_and_sum},
    {"gro", new_gro, lay_inner, join},
    {"udp-send", open_sock, lay_inner, send_train},
};

/* What is counted: its name is known to insn.py. */
__attribute__((noinline)) void measured(void (*run)(void));
void measured(void (*run)(void))
{
	run();
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof parts / sizeof parts[0]; i++) {
		if (strcmp(parts[i].name, argv[1]) != 0)
			continue;
		parts[i].set_up();
		for (size_t r = 0; r < ROUNDS; r++) {
			parts[i].prepare();
			measured(parts[i].run);
		}
		printf("%u\n", (unsigned)(ROUNDS * BATCH));
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		printf("%s\n", parts[i].name);
	return argc == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/*
 * Workers: two ends of a tunnel in one process, over TUN devices in memory and UDP on loopback.
 */
#include "daemon/udp/internal.h"
#include "test/netns/netns.h"
#include "test/unit/esp_pair.h"
#include "test/unit/req.h"
#include "test/unit/worker_sides.h"

#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
	PENDING = 4000, /* packets of one flow under way */
	STEP_MS = 2,
	PATIENCE_MS = 20000,
	OTHER_ROOM = 48, /* segments */
};

static struct side left, right;

/* ---- What is under way ---- */

static struct flow {
	struct opkt_shape s;
	struct {
		uint8_t *p;
		uint32_t len;
	} sent[PENDING];
	uint32_t sent_n, seen;
} flows[SIDE_FLOWS];

static void init_flows(struct rng *r)
{
	for (uint32_t i = 0; i < SIDE_FLOWS; i++)
		flows[i].s = (struct opkt_shape){
		    .v6 = i & 1,
		    .tcp = i & 2,
		    .src = (uint8_t)i,
		    .dst = 9,
		    .sport = (uint16_t)(SIDE_SPORT + i),
		    .dport = 80,
		    .ttl = 64,
		    .off = i & 4 ? OPKT_DF : 0,
		    .id = (uint16_t)rng_u32(r),
		    .seq = rng_u32(r),
		    .flags = OPKT_ACK,
		    .window = 500,
		    .options = 12,
		};
}

static void note_sent(void *ctx, const uint8_t *p, uint32_t len)
{
	struct flow *f = ctx;

	ck_assert_uint_lt(f->sent_n, PENDING);
	f->sent[f->sent_n].p = malloc(len);
	ck_assert_ptr_nonnull(f->sent[f->sent_n].p);
	memcpy(f->sent[f->sent_n].p, p, len);
	f->sent[f->sent_n++].len = len;
}

/* Each flow's packets in their order, byte by byte, with good checksums. */
static void note_seen(void *ctx, const uint8_t *p, uint32_t len)
{
	struct opkt o;

	(void)ctx;
	if (!opkt_parse(&o, p, len) || !o.l4_good || o.sport < SIDE_SPORT ||
	    o.sport >= SIDE_SPORT + SIDE_FLOWS)
		ck_abort_msg("%u bytes that nobody sent", len);
	struct flow *f = &flows[o.sport - SIDE_SPORT];
	if (f->seen == f->sent_n || !side_same(f->sent[f->seen].p, f->sent[f->seen].len, p, len))
		ck_abort_msg("flow %u: packet %u of %u is another one", o.sport - SIDE_SPORT,
		    f->seen, f->sent_n);
	f->seen++;
}

static void forget(void)
{
	for (uint32_t i = 0; i < SIDE_FLOWS; i++) {
		for (uint32_t k = 0; k < flows[i].sent_n; k++)
			free(flows[i].sent[k].p);
		flows[i].sent_n = flows[i].seen = 0;
	}
}

static uint32_t missing(void)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < SIDE_FLOWS; i++)
		n += flows[i].sent_n - flows[i].seen;
	return n;
}

/* ---- Waiting ---- */

static void rest(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
}

static void drain(struct side *s)
{
	for (unsigned i = 0; i < s->n; i++)
		while (side_take(s->tun[i], note_seen, NULL))
			continue;
}

static void everything_arrives(void)
{
	for (int ms = 0; ms < PATIENCE_MS && missing() > 0; ms += STEP_MS) {
		drain(&left);
		drain(&right);
		rest();
	}
	drain(&left);
	drain(&right);
	ck_assert_uint_eq(missing(), 0);
	forget();
}

static void reaches(const struct worker *w, enum worker_counter c, uint64_t n)
{
	for (int ms = 0; ms < PATIENCE_MS && worker_counter(w, c) < n; ms += STEP_MS)
		rest();
	ck_assert_msg(worker_counter(w, c) == n, "%s: %llu, not %llu", worker_counter_names[c],
	    (unsigned long long)worker_counter(w, c), (unsigned long long)n);
}

/* Notices of other kinds are passed over. */
static struct worker_notice notice(struct worker *w, enum worker_notice_kind kind)
{
	struct worker_notice n;
	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		while (worker_next_notice(w, &n))
			if (n.kind == kind)
				return n;
		rest();
	}
	ck_abort_msg("no notice of kind %d", kind);
	return n;
}

static void set_up(void)
{
	struct rng r = {1};
	netns_enter();
	init_flows(&r);
}

static void tear_down(void)
{
	side_fini(&left);
	side_fini(&right);
	forget();
}

static void connect_sides(unsigned workers, bool group)
{
	side_init(&left, workers, 4500, group);
	side_init(&right, workers, 4600, group);
	side_connect(&left, &right);
	side_start(&left);
	side_start(&right);
}

static void send_one(struct side *s, uint32_t flow, uint32_t payload, struct rng *r)
{
	struct flow *f = &flows[flow];
	f->s.payload = payload;
	ck_assert_int_eq(side_inject(s->tun[flow % s->n], &f->s, 0, r, note_sent, f), 0);
}

static void send_super(
    struct side *s, uint32_t flow, uint32_t payload, uint16_t size, struct rng *r)
{
	struct flow *f = &flows[flow];
	f->s.payload = payload;
	ck_assert_int_eq(side_inject(s->tun[flow % s->n], &f->s, size, r, note_sent, f), 0);
}

/* ---- Traffic ---- */

/* Flows 0 to 15 of the left, the others of the right. */
static void random_traffic(struct rng *r)
{
	for (uint32_t n = 1 + rng_below(r, 80); n > 0; n--) {
		uint32_t flow = rng_below(r, SIDE_FLOWS);
		struct side *s = flow < SIDE_FLOWS / 2 ? &left : &right;
		if (rng_below(r, 4) == 0)
			send_super(s, flow, 2000 + rng_below(r, 30000),
			    (uint16_t)(500 + rng_below(r, 800)), r);
		else
			send_one(s, flow, 1 + rng_below(r, 1200), r);
	}
}

static const struct traffic_row {
	unsigned workers;
	bool group;
} traffic_rows[] = {{1, true}, {1, false}, {2, true}, {3, true}, {4, true}, {4, false}};

START_TEST(all_arrives_in_order)
{
	const struct traffic_row *row = &traffic_rows[_i];
	struct rng r = {(uint64_t)_i + 77};
	connect_sides(row->workers, row->group);
	for (int round = 0; round < 30; round++) {
		random_traffic(&r);
		everything_arrives();
	}
	ck_assert_uint_gt(side_sum(&left, WORKER_supers), 50);
	ck_assert_uint_gt(side_sum(&right, WORKER_trains), 10);
	ck_assert_uint_eq(side_sum(&left, WORKER_packets_out), side_sum(&right, WORKER_packets_in));
	ck_assert_uint_eq(side_sum(&right, WORKER_packets_out), side_sum(&left, WORKER_packets_in));
	for (unsigned i = 0; i < row->workers; i++)
		ck_assert_uint_gt(worker_counter(right.w[i], WORKER_packets_in), 0);
	static const enum worker_counter none[] = {WORKER_tun_lost, WORKER_udp_lost, WORKER_tun_bad,
	    WORKER_strays, WORKER_strays_lost, WORKER_runts, WORKER_ike_lost};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_uint_eq(side_sum(&left, none[i]) + side_sum(&right, none[i]), 0);
}
END_TEST

/* One flow at a time, super-packets of every size: their pieces, sealed, lie side by side or do
 * not, and what a train takes ends in the middle of them. */
START_TEST(supers_of_every_size)
{
	struct rng r = {5};
	connect_sides(1, true);
	for (uint32_t round = 0; round < 60; round++) {
		uint32_t flow = rng_below(&r, 8);
		uint16_t size = (uint16_t)(1 + rng_below(&r, 1340));
		for (int k = 0; k < 4; k++) {
			uint32_t most = (uint32_t)size * 200 > 65000 ? 65000 : (uint32_t)size * 200;
			send_super(&left, flow, size + rng_below(&r, most - size), size, &r);
			if (rng_below(&r, 3) == 0)
				send_one(&left, flow, 1 + rng_below(&r, 1300), &r);
			if (rng_below(&r, 4) == 0)
				size = (uint16_t)(1 + rng_below(&r, 1340));
		}
		everything_arrives();
	}
	ck_assert_uint_eq(side_sum(&left, WORKER_udp_lost), 0);
}
END_TEST

/* One rekey after the other, each to another suite: the pieces of a super-packet lie as the last SA
 * had it, and the next one may need more room, or less, for each. */
START_TEST(suites_that_need_other_room)
{
	struct rng r = {14};
	uint32_t spi, slot;
	connect_sides(1, true);
	for (uint32_t round = 0; round < 40; round++) {
		static const uint16_t sizes[] = {1300, 1000, 100, 1};
		uint16_t size = sizes[round / 10];
		left.suite = rng_below(&r, (uint32_t)pair_suites_n);
		slot = side_add_sa(&left, &right, 0, 0, &spi);
		side_set_policies(&left, &slot, 1);
		for (int k = 0; k < 2; k++) {
			send_super(&left, 2, OTHER_ROOM * size, size, &r);
			everything_arrives();
		}
		esp_out_del(left.esp, slot);
		esp_in_del(right.esp, spi);
		(void)esp_reclaim(left.esp);
		(void)esp_reclaim(right.esp);
	}
	/* To be laid out once more is no loss. */
	uint64_t totals[ESP_VERDICTS];
	esp_totals(left.esp, totals);
	ck_assert_uint_eq(totals[ESP_V_NO_ROOM], 0);
}
END_TEST

/* From another thread, while packets are on their way; the receiver shows none of them. */
START_TEST(dummies)
{
	struct rng r = {15};
	uint64_t totals[ESP_VERDICTS] = {0};
	connect_sides(1, true);
	for (uint32_t i = 0; i < 50; i++) {
		ck_assert(worker_dummy(left.w[0], left.out[0], 40 + i * 20));
		worker_wake(left.w[0]);
		send_one(&left, 2, 500, &r);
	}
	everything_arrives();
	for (int ms = 0; ms < PATIENCE_MS && totals[ESP_V_DUMMY] < 50; ms += STEP_MS) {
		rest();
		esp_totals(right.esp, totals);
	}
	ck_assert_uint_eq(totals[ESP_V_DUMMY], 50);
	ck_assert_uint_eq(side_sum(&left, WORKER_dummies), 50);
	/* Its SA is gone: nothing leaves. */
	esp_out_del(left.esp, left.out[0]);
	ck_assert(worker_dummy(left.w[0], left.out[0], 100));
	worker_wake(left.w[0]);
	for (int ms = 0; ms < PATIENCE_MS && !totals[ESP_V_NO_SA]; ms += STEP_MS) {
		rest();
		esp_totals(left.esp, totals);
	}
	ck_assert_uint_ne(totals[ESP_V_NO_SA], 0);
	ck_assert_uint_eq(side_sum(&left, WORKER_dummies), 50);
}
END_TEST

static void nobody(void *ctx, const uint8_t *p, uint32_t len)
{
	(void)ctx, (void)p, (void)len;
	ck_abort_msg("a packet that should not have come");
}

/* What the device hands over and is not what it says is counted; what follows goes through. */
START_TEST(bad_packets_of_the_device)
{
	static uint8_t p[OPKT_MAX];
	struct rng r = {6};
	connect_sides(1, true);
	struct opkt_shape s = flows[2].s;
	s.payload = 3000;
	uint32_t len = opkt_build(p, &s, true, &r);
	struct tun_gso gso = {.kind = TUN_GSO_TCP6,
	    .csum = TUN_CSUM_PARTIAL,
	    .size = 1000,
	    .header = 52,
	    .csum_start = 20,
	    .csum_offset = 16};
	ck_assert_int_eq(tun_mem_inject(left.tun[0], &gso, bytes_of(p, len)), 0);
	gso.kind = TUN_GSO_NONE;
	gso.csum_start = 60000;
	ck_assert_int_eq(tun_mem_inject(left.tun[0], &gso, bytes_of(p, 100)), 0);
	send_one(&left, 2, 100, &r);
	everything_arrives();
	ck_assert_uint_eq(worker_counter(left.w[0], WORKER_tun_bad), 2);
	ck_assert(!side_take(right.tun[0], nobody, NULL));
}
END_TEST

/* ---- Strays ---- */

/* The SA is worker 1's, the datagrams come to the socket of worker 0. */
START_TEST(strays_are_handed_over)
{
	struct rng r = {7};
	uint32_t spi, slot;
	connect_sides(2, false);
	slot = side_add_sa(&left, &right, 1, 0, &spi);
	side_set_policies(&left, &slot, 1);
	for (int round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 40; i++)
			send_one(&left, 2 * rng_below(&r, 8), 1 + rng_below(&r, 1200), &r);
		send_super(&left, 2, 20000, 1200, &r);
		everything_arrives();
	}
	ck_assert_uint_eq(worker_counter(right.w[0], WORKER_packets_in), 0);
	ck_assert_uint_eq(worker_counter(right.w[0], WORKER_strays),
	    worker_counter(right.w[1], WORKER_packets_in));
	ck_assert_uint_eq(worker_counter(right.w[1], WORKER_packets_in), 20 * (40 + 17));
	ck_assert_uint_eq(side_sum(&right, WORKER_strays_lost), 0);
}
END_TEST

/* The owner does not run: its ring fills up, what does not fit is counted, and what fitted is
 * there when it runs. */
START_TEST(strays_beyond_the_ring)
{
	struct rng r = {8};
	uint32_t spi, slot;
	side_init(&left, 2, 4500, false);
	side_init(&right, 2, 4600, false);
	side_connect(&left, &right);
	slot = side_add_sa(&left, &right, 1, 0, &spi);
	side_set_policies(&left, &slot, 1);
	side_start(&left);
	ck_assert(worker_start(right.w[0], right.w));
	uint64_t sent = 0, lost = 0;
	for (; lost < 20 && sent < 2000; sent += 20) {
		for (uint32_t i = 0; i < 20; i++)
			send_one(&left, 2, 1200, &r);
		for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
			lost = worker_counter(right.w[1], WORKER_strays_lost);
			if (worker_counter(right.w[0], WORKER_strays) + lost == sent + 20)
				break;
			rest();
		}
		ck_assert_uint_eq(worker_counter(right.w[0], WORKER_strays) + lost, sent + 20);
	}
	ck_assert_uint_ge(lost, 20);
	uint64_t kept = sent - lost;
	ck_assert_uint_gt(kept, 100);
	for (uint64_t k = kept; k < sent; k++) /* the first ones fitted */
		free(flows[2].sent[k].p);
	flows[2].sent_n = (uint32_t)kept;
	ck_assert(worker_start(right.w[1], right.w));
	everything_arrives();
	ck_assert_uint_eq(worker_counter(right.w[1], WORKER_packets_in), kept);
}
END_TEST

/* ESP of SPIs that nobody has: the control thread hears of a few, the rest is counted. */
START_TEST(unknown_spis)
{
	enum { N = 600, FEW = 100 };
	uint8_t junk[64] = {0};
	struct pkt p = {.base = junk, .cap = sizeof junk, .len = sizeof junk};
	struct endpoint from = {.port = 9};
	struct worker_notice n;
	uint64_t heard = 0, told = 0, quiet = 0;
	connect_sides(1, true);
	ck_assert(addr_parse(&from.addr, "192.0.2.1"));
	be32_store(junk, 0xabcdef00 ^ right.in[0]);
	for (uint64_t i = 1; i <= N; i++) {
		ck_assert(worker_give(right.w[0], &p, &from));
		worker_wake(right.w[0]);
		for (int ms = 0; ms < PATIENCE_MS && told + quiet < i; ms += STEP_MS) {
			told = worker_counter(right.w[0], WORKER_unknown_told);
			quiet = worker_counter(right.w[0], WORKER_unknown_quiet);
			if (told + quiet < i)
				rest();
		}
	}
	while (worker_next_notice(right.w[0], &n)) {
		ck_assert_int_eq(n.kind, WORKER_UNKNOWN);
		ck_assert_uint_eq(n.id, be32_load(junk));
		ck_assert(endpoint_equal(&n.remote, &from));
		heard++;
	}
	ck_assert_uint_eq(told + quiet, N);
	ck_assert_uint_eq(heard, told);
	ck_assert_uint_ge(told, 1);
	ck_assert_uint_le(told, FEW);
}
END_TEST

/* Any thread may give. */
START_TEST(given_by_the_control_thread)
{
	uint8_t junk[200] = {0};
	struct pkt p = {.base = junk, .cap = sizeof junk, .len = sizeof junk};
	struct endpoint from = {.port = 9};
	uint64_t before[ESP_VERDICTS], after[ESP_VERDICTS];
	connect_sides(2, true);
	ck_assert(addr_parse(&from.addr, "192.0.2.1"));
	be32_store(junk, right.in[1]);
	be32_store(junk + 4, 1); /* no number 0: RFC 4303 section 3.4.3 */
	esp_totals(right.esp, before);
	ck_assert(worker_give(right.w[1], &p, &from));
	worker_wake(right.w[1]);
	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		esp_totals(right.esp, after);
		if (after[ESP_V_AUTH] > before[ESP_V_AUTH])
			break;
		rest();
	}
	ck_assert_uint_eq(after[ESP_V_AUTH], before[ESP_V_AUTH] + 1);
}
END_TEST

/* ---- What is not ESP ---- */

static void datagram(struct udp_sock *s, const char *hex, bool marker)
{
	uint8_t room[PKT_HEADROOM + 64];
	struct pkt p = {.base = room, .cap = sizeof room, .off = PKT_HEADROOM};
	struct udp_msg m = {.pkt = &p, .remote = {.port = 4600}, .marker = marker};
	long n = bytes_from_hex(room + PKT_HEADROOM, 64, hex);
	ck_assert_int_ge(n, 0);
	p.len = (uint32_t)n;
	ck_assert(addr_parse(&m.remote.addr, "127.0.0.1"));
	ck_assert_uint_eq(udp_send_batch(s, &m, 1, NULL), 1);
}

START_TEST(others_on_the_port)
{
	REQ("3948-2.3-5");
	struct worker_ike head;
	struct bytes body;
	struct endpoint from = {.port = 4500};
	connect_sides(1, false);
	datagram(left.udp[0], "ff", false);
	reaches(right.w[0], WORKER_keepalives, 1);
	datagram(left.udp[0], "ffff", false);
	reaches(right.w[0], WORKER_runts, 1);
	datagram(left.udp[0], "0102030405", true);
	datagram(left.udp[0], "06", true);
	reaches(right.w[0], WORKER_ike, 2);
	struct pollfd f = {.fd = right.event, .events = POLLIN};
	ck_assert_int_eq(poll(&f, 1, PATIENCE_MS), 1);
	ck_assert(worker_next_ike(right.w[0], &head, &body));
	ck_assert(bytes_equal(body, bytes_of("\1\2\3\4\5", 5)));
	ck_assert(addr_parse(&from.addr, "127.0.0.1"));
	ck_assert(endpoint_equal(&head.remote, &from));
	ck_assert_uint_eq(head.local.port, 4600);
	ck_assert(worker_next_ike(right.w[0], &head, &body));
	ck_assert(bytes_equal(body, bytes_of("\6", 1)));
	ck_assert(!worker_next_ike(right.w[0], &head, &body));
	/* An SPI that nobody has, a packet that is no ESP: dropped. */
	datagram(left.udp[0], "ffffffff00000001", false);
	struct rng r = {9};
	send_one(&left, 0, 100, &r);
	everything_arrives();
}
END_TEST

START_TEST(notices)
{
	struct rng r = {10};
	struct ts any;
	struct endpoint from = {.port = 4500};
	connect_sides(2, true);
	ck_assert(addr_parse(&from.addr, "127.0.0.1"));
	send_one(&left, 0, 100, &r);
	everything_arrives();
	struct worker_notice n = notice(right.w[0], WORKER_MOVED);
	ck_assert_uint_eq(n.id, right.in[0]);
	ck_assert(endpoint_equal(&n.remote, &from));
	/* Once is enough. */
	send_one(&left, 0, 100, &r);
	everything_arrives();
	ck_assert(!worker_next_notice(right.w[0], &n));

	ck_assert(ts_parse(&any, "0.0.0.0/0"));
	struct esp_policy trap = {.action = ESP_TRAP, .id = 4711, .local = any, .remote = any};
	ck_assert_int_eq(esp_spd_set(left.esp, &trap, 1), ESP_OK);
	struct opkt_shape s = flows[0].s;
	s.payload = 10;
	ck_assert_int_eq(side_inject(left.tun[1], &s, 0, &r, NULL, NULL), 0);
	n = notice(left.w[1], WORKER_ACQUIRE);
	ck_assert_uint_eq(n.id, 4711);
	ck_assert_uint_eq(n.flow.sport, SIDE_SPORT);
	ck_assert_uint_eq(n.flow.dport, 80);
}
END_TEST

/* ---- What does not fit ---- */

/* "Fragmentation needed" for what the left sent, as it finds it at its device. Returns the MTU. */
static uint32_t take_icmp(void)
{
	static uint8_t icmp[OPKT_MAX];
	struct tun_gso gso;
	int n = tun_mem_take(left.tun[0], &gso, icmp, sizeof icmp);

	ck_assert_int_gt(n, 20 + 8 + 20);
	ck_assert_uint_eq(opkt_sum(0, icmp, 20), 0xffff);
	ck_assert_uint_eq(icmp[9], 1);
	ck_assert_uint_eq(icmp[20], 3);
	ck_assert_uint_eq(icmp[21], 4);
	/* Back to the sender, from where he sent to. */
	ck_assert_mem_eq(icmp + 12, icmp + 28 + 16, 4);
	ck_assert_mem_eq(icmp + 16, icmp + 28 + 12, 4);
	ck_assert_int_eq(tun_mem_take(left.tun[0], &gso, icmp + 64, sizeof icmp - 64), 0);
	return be16_load(icmp + 26);
}

/* The path of the left's SA carries 1000 bytes outside: who sends larger packets that must stay
 * whole is told once, super-packet or not, and what he sends then passes. */
START_TEST(senders_are_told)
{
	struct rng r = {14};
	struct esp_path path = {.udp_encap = true, .mtu = 1000};
	connect_sides(1, true);
	ck_assert(addr_parse(&path.local.addr, "127.0.0.1"));
	path.remote.addr = path.local.addr;
	path.local.port = left.port;
	path.remote.port = right.port;
	ck_assert_int_eq(esp_out_set_path(left.esp, left.out[0], &path), ESP_OK);
	struct opkt_shape s = flows[0].s;
	s.tcp = true;
	s.v6 = false;
	s.ext = s.options = 0;
	s.off = OPKT_DF;
	s.flags = OPKT_ACK;
	s.payload = _i == 0 ? 1200 : 12000;
	ck_assert_int_eq(side_inject(left.tun[0], &s, _i == 0 ? 0 : 1200, &r, NULL, NULL), 0);
	reaches(left.w[0], WORKER_too_big, 1);
	uint32_t mtu = take_icmp();
	ck_assert(mtu > 800 && mtu < 1000);

	s.payload = mtu - 40;
	ck_assert_int_eq(side_inject(left.tun[0], &s, 0, &r, NULL, NULL), 0);
	reaches(right.w[0], WORKER_packets_in, 1);
	s.payload = mtu - 40 + 1;
	ck_assert_int_eq(side_inject(left.tun[0], &s, 0, &r, NULL, NULL), 0);
	reaches(left.w[0], WORKER_too_big, 2);
	ck_assert_uint_eq(take_icmp(), mtu);
	ck_assert_uint_eq(worker_counter(right.w[0], WORKER_packets_in), 1);
}
END_TEST

/* The link becomes smaller than the path that the SA was told: what the kernel refuses then is told
 * to the control thread, with what the link carries. */
START_TEST(smaller_link)
{
	struct rng r = {15};
	side_init(&left, 1, 4500, true);
	side_init(&right, 1, 4600, true);
	left.df = true;
	side_connect(&left, &right);
	side_start(&left);
	side_start(&right);
	struct opkt_shape s = flows[0].s;
	s.tcp = true;
	s.v6 = false;
	s.ext = s.options = 0;
	s.off = OPKT_DF;
	s.flags = OPKT_ACK;
	s.payload = 1300;
	ck_assert_int_eq(side_inject(left.tun[0], &s, 0, &r, NULL, NULL), 0);
	reaches(right.w[0], WORKER_packets_in, 1);

	struct ifreq lo = {.ifr_name = "lo", .ifr_mtu = 1300};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFMTU, &lo), 0);
	close(fd);
	s.payload = _i == 0 ? 1300 : 13000;
	ck_assert_int_eq(side_inject(left.tun[0], &s, _i == 0 ? 0 : 1300, &r, NULL, NULL), 0);
	struct worker_notice n = notice(left.w[0], WORKER_TOO_BIG);
	ck_assert_uint_eq(n.too_big.mtu, 1300);
	ck_assert(!n.too_big.by_icmp);
	struct addr dst;
	ck_assert(addr_parse(&dst, "127.0.0.1") && addr_equal(&n.too_big.dst, &dst));
	reaches(left.w[0], WORKER_udp_lost, _i == 0 ? 1 : 10);
}
END_TEST

/* ---- What breaks ---- */

static _Atomic bool tun_broken;
static struct tun_ops ops;

static int breaking_read(struct tun *t, unsigned queue, struct pkt *p, struct tun_gso *gso)
{
	return tun_broken ? -EIO : tun_mem.read(t, queue, p, gso);
}

static int breaking_write(
    struct tun *t, unsigned queue, const struct tun_gso *gso, const struct iovec *parts, size_t n)
{
	return tun_broken ? -ENODEV : tun_mem.write(t, queue, gso, parts, n);
}

/* A device that fails is told once, and left alone; the socket is still served. */
START_TEST(tun_gone)
{
	struct rng r = {11};
	connect_sides(1, true);
	side_stop(&right);
	side_fini(&right);
	side_init(&right, 1, 4600, false);
	ops = tun_mem;
	ops.read = breaking_read;
	ops.write = breaking_write;
	right.tun[0]->ops = &ops;
	side_connect(&left, &right);
	side_start(&right);
	send_one(&left, 0, 100, &r);
	everything_arrives();

	uint64_t told;
	rest();
	while (read(right.event, &told, sizeof told) > 0)
		continue;
	tun_broken = true;
	struct opkt_shape s = flows[0].s;
	s.payload = 50;
	if (_i == 0) { /* reading */
		ck_assert_int_eq(side_inject(right.tun[0], &s, 0, &r, NULL, NULL), 0);
	} else { /* writing */
		ck_assert_int_eq(side_inject(left.tun[0], &s, 0, &r, NULL, NULL), 0);
	}
	struct worker_notice n = notice(right.w[0], WORKER_TUN_GONE);
	ck_assert_int_eq(n.error, _i == 0 ? -EIO : -ENODEV);
	/* The control thread is woken for it, although nothing was moved. */
	struct pollfd woken = {.fd = right.event, .events = POLLIN};
	ck_assert_int_eq(poll(&woken, 1, PATIENCE_MS), 1);
	uint64_t lost = worker_counter(right.w[0], WORKER_tun_lost);
	ck_assert_int_eq(side_inject(left.tun[0], &s, 0, &r, NULL, NULL), 0);
	reaches(right.w[0], WORKER_tun_lost, lost + 1);
	datagram(left.udp[0], "ff", false);
	reaches(right.w[0], WORKER_keepalives, 1);
	while (worker_next_notice(right.w[0], &n))
		ck_assert_int_ne(n.kind, WORKER_TUN_GONE);
}
END_TEST

/* In place of the socket there is a pipe with something to read. */
START_TEST(udp_gone)
{
	struct rng r = {12};
	int ends[2];
	connect_sides(1, true);
	send_one(&left, 0, 100, &r);
	everything_arrives();
	side_stop(&right);
	struct udp_sock *u = right.udp[0];
	struct epoll_event e = {.events = EPOLLIN, .data.fd = u->v4.fd};
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert_int_eq(epoll_ctl(u->epoll, EPOLL_CTL_DEL, u->v4.fd, NULL), 0);
	ck_assert_int_eq(dup2(ends[0], u->v4.fd), u->v4.fd);
	ck_assert_int_eq(epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->v4.fd, &e), 0);
	worker_free(right.w[0]);
	struct worker_params p = {.count = 1,
	    .slots = SIDE_SLOTS,
	    .esp = right.esp,
	    .udp = u,
	    .tun = right.tun[0],
	    .control_fd = right.event,
	    .pins = right.pins};
	right.w[0] = worker_new(&p);
	ck_assert_ptr_nonnull(right.w[0]);
	side_start(&right);
	struct worker_notice n = notice(right.w[0], WORKER_UDP_GONE);
	ck_assert_int_eq(n.error, -ENOTSOCK);
	/* Outbound packets find no way, and are counted. */
	struct opkt_shape s = flows[16].s;
	s.payload = 50;
	ck_assert_int_eq(side_inject(right.tun[0], &s, 0, &r, NULL, NULL), 0);
	reaches(right.w[0], WORKER_udp_lost, 1);
	ck_assert(!worker_next_notice(right.w[0], &n));
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* With packets everywhere: in the devices, in the sockets, half-way. */
START_TEST(stop_under_way)
{
	struct rng r = {13};
	for (int round = 0; round < 10; round++) {
		connect_sides(3, round % 2);
		for (uint32_t k = 0; k < 150; k++) {
			struct opkt_shape s = flows[k % SIDE_FLOWS].s;
			struct side *from = k % 3 ? &left : &right;
			s.payload = k % 5 ? 500 : 30000;
			(void)side_inject(from->tun[k % 3], &s, k % 5 ? 0 : 1200, &r, NULL, NULL);
			if (k == 100 + (uint32_t)round)
				side_stop(&right);
		}
		side_stop(&left);
		if (round == 9)
			break;
		side_fini(&left);
		side_fini(&right);
	}
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("worker");
	TCase *t = tcase_create("worker");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, all_arrives_in_order, 0, sizeof traffic_rows / sizeof *traffic_rows);
	tcase_add_test(t, supers_of_every_size);
	tcase_add_test(t, suites_that_need_other_room);
	tcase_add_test(t, dummies);
	tcase_add_test(t, bad_packets_of_the_device);
	tcase_add_test(t, strays_are_handed_over);
	tcase_add_test(t, strays_beyond_the_ring);
	tcase_add_test(t, unknown_spis);
	tcase_add_test(t, given_by_the_control_thread);
	tcase_add_test(t, others_on_the_port);
	tcase_add_test(t, notices);
	tcase_add_loop_test(t, senders_are_told, 0, 2);
	tcase_add_loop_test(t, smaller_link, 0, 2);
	tcase_add_loop_test(t, tun_gone, 0, 2);
	tcase_add_test(t, udp_gone);
	tcase_add_test(t, stop_under_way);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

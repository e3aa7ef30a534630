/*
 * What paths carry, against what sealing really makes: RFC 4301 section 8.2.1, RFC 8200 section 5;
 * and the MSS of TCP connections.
 */
#include "test/unit/esp_pair.h"
#include "test/unit/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buf[PAIR_BUF];

static struct esp_path path(enum addr_family outer, bool udp, uint32_t mtu)
{
	struct addr a = {.family = (uint8_t)outer, .b = {10, 9, 9, 9}};

	return (struct esp_path){.local = {.addr = a, .port = 4500},
	    .remote = {.addr = a, .port = 4500},
	    .udp_encap = udp,
	    .mtu = mtu};
}

static struct esp_transport addresses(enum addr_family family)
{
	struct esp_transport t;

	pair_inner(buf, family, 48);
	memset(&t, 0, sizeof t);
	t.src.family = t.dst.family = (uint8_t)family;
	size_t n = family == ADDR_V4 ? 4 : 16, at = family == ADDR_V4 ? 12 : 8;
	memcpy(t.src.b, buf + at, n);
	memcpy(t.dst.b, buf + at + n, n);
	t.sent_src = t.src;
	t.sent_dst = t.dst;
	return t;
}

static struct pkt packet(enum addr_family family, size_t n, bool df)
{
	struct pkt pkt = pair_packet(buf, family, n);

	if (family == ADDR_V4 && df)
		buf[pkt.off + 6] = 0x40;
	return pkt;
}

/* Bytes of the outer packet. */
static uint32_t outer_len(const struct pkt *p, const struct esp_path *path)
{
	return p->len + (path->remote.addr.family == ADDR_V6 ? 40 : 20) + (path->udp_encap ? 8 : 0);
}

/* ---- Edges ---- */

static void edge(struct pair *p, enum addr_family inner, struct esp_path way)
{
	/* Without a limit: the largest that is not more than the path carries. */
	struct esp_path free_way = way;
	uint32_t most = way.mtu - 140;

	free_way.mtu = 0;
	ck_assert_int_eq(esp_out_set_path(p->left, p->slot, &free_way), ESP_OK);
	for (uint32_t n = most; n <= way.mtu; n++) {
		struct pkt pkt = packet(inner, n, true);
		ck_assert_int_eq(pair_encap(p, &pkt), ESP_V_OK);
		if (outer_len(&pkt, &way) <= way.mtu)
			most = n;
	}
	ck_assert_uint_gt(most, way.mtu - 140);
	ck_assert_int_eq(esp_out_set_path(p->left, p->slot, &way), ESP_OK);
	for (uint32_t n = most - 20; n < most + 20; n++) {
		struct pkt pkt = packet(inner, n, true);
		enum esp_verdict v = pair_encap(p, &pkt);
		ck_assert_int_eq(v, n <= most ? ESP_V_OK : ESP_V_TOO_BIG);
		if (v == ESP_V_OK) {
			ck_assert(pkt.flags & PKT_DF);
			ck_assert_uint_le(outer_len(&pkt, &way), way.mtu);
			ck_assert_uint_eq(esp_pkt_mtu(p->lw, &pkt), 0);
		} else {
			ck_assert_uint_eq(esp_pkt_mtu(p->lw, &pkt), most);
			ck_assert_uint_eq(pkt.len, n);
			ck_assert_uint_eq(pkt.off, PKT_HEADROOM);
		}
	}
	esp_reclaim(p->left);
}

START_TEST(edges)
{
	bool transport = _i % 2;
	size_t suite = (size_t)_i / 2;

	for (unsigned i = 0; i < 8; i++) {
		enum addr_family inner = i & 1 ? ADDR_V6 : ADDR_V4;
		enum addr_family outer = i & 2 ? ADDR_V6 : ADDR_V4;
		struct pair_options o = {.suite = suite,
		    .window = 64,
		    .headers = {.df = true, .mode = transport ? ESP_TRANSPORT : ESP_TUNNEL},
		    .transport = addresses(inner)};
		struct pair p;
		pair_init(&p, &o);
		for (uint32_t mtu = 1420; mtu < 1452; mtu++)
			edge(&p, inner, path(outer, i & 4, mtu));
		if (inner == ADDR_V4)
			edge(&p, inner, path(outer, i & 4, 576));
		edge(&p, inner, path(outer, i & 4, 9000));
		pair_fini(&p);
	}
}
END_TEST

/* ---- Who may be refused ---- */

START_TEST(floors)
{
	struct pair_options o = {.headers = {.df = true}, .path = path(ADDR_V4, true, 1280)};
	struct pair p;

	pair_init(&p, &o);
	struct pkt pkt = packet(ADDR_V6, 1280, true);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
	ck_assert(!(pkt.flags & PKT_DF)); /* in fragments, then */
	pkt = packet(ADDR_V6, 1281, true);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_TOO_BIG);
	ck_assert_uint_eq(esp_pkt_mtu(p.lw, &pkt), 1280);
	o.path.mtu = 40; /* nothing fits at all */
	ck_assert_int_eq(esp_out_set_path(p.left, p.slot, &o.path), ESP_OK);
	pkt = packet(ADDR_V4, 68, true);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
	ck_assert(!(pkt.flags & PKT_DF));
	pkt = packet(ADDR_V4, 69, true);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_TOO_BIG);
	ck_assert_uint_eq(esp_pkt_mtu(p.lw, &pkt), 68);
	pair_fini(&p);
}
END_TEST

START_TEST(who_says_df)
{
	struct pair_options o = {.headers = {.df = _i}, .path = path(ADDR_V4, false, 1400)};
	struct esp_stats st;
	struct pair p;

	pair_init(&p, &o);
	struct pkt pkt = packet(ADDR_V4, 100, false);
	pkt.flags = PKT_DF; /* of an earlier use of the buffer */
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
	ck_assert(!(pkt.flags & PKT_DF));
	pkt = packet(ADDR_V4, 100, true);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
	ck_assert_int_eq(pkt.flags & PKT_DF, _i ? PKT_DF : 0);
	pkt = packet(ADDR_V4, 1500, true);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_TOO_BIG);
	ck_assert(esp_out_stats(p.left, p.slot, &st));
	ck_assert_uint_eq(st.drops[ESP_V_TOO_BIG], 1);
	ck_assert_uint_eq(st.seq, 2);
	/* A path that is not known refuses nothing. */
	o.path.mtu = 0;
	ck_assert_int_eq(esp_out_set_path(p.left, p.slot, &o.path), ESP_OK);
	pkt = packet(ADDR_V4, 9000, true);
	ck_assert_int_eq(pair_encap(&p, &pkt), ESP_V_OK);
	esp_out_del(p.left, p.slot);
	pkt.verdict = ESP_V_TOO_BIG;
	ck_assert_uint_eq(esp_pkt_mtu(p.lw, &pkt), 0);
	pair_fini(&p);
}
END_TEST

/* Segments of one super-packet: each by its own size, all with the first one's marks. */
START_TEST(segments)
{
	static uint8_t room[4][PAIR_BUF];
	static const size_t sizes[] = {1200, 1500, 1200, 1300};
	struct pair_options o = {
	    .headers = {.df = true, .ecn = true}, .path = path(ADDR_V4, false, 1400)};
	struct pkt v[4];
	struct pair p;

	pair_init(&p, &o);
	for (unsigned i = 0; i < 4; i++) {
		v[i] = pair_packet(room[i], ADDR_V4, sizes[i]);
		room[i][v[i].off + 6] = 0x40;
		room[i][v[i].off + 1] = 2;
		v[i].flags = i ? PKT_SAME_FLOW : 0;
	}
	esp_worker_enter(p.lw);
	esp_encap(p.lw, v, 4);
	esp_worker_leave(p.lw);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(v[i].verdict, i == 1 ? ESP_V_TOO_BIG : ESP_V_OK);
		ck_assert_uint_eq(v[i].tos, 2);
		if (i != 1)
			ck_assert_uint_eq(v[i].flags & PKT_DF, PKT_DF);
	}
	ck_assert_uint_gt(esp_pkt_mtu(p.lw, &v[1]), 1300);
	pair_fini(&p);
}
END_TEST

/* ---- Without DF: RFC 4301 sections 7 and 8.1 ---- */

static struct ts_list selectors(const char *text)
{
	struct ts_list l = {0};
	struct ts t;

	ck_assert(ts_parse(&t, text));
	ck_assert(ts_list_add(&l, &t));
	return l;
}

/* Fragments of the packet in buf by the simplest rule, each sealed, sent and opened. */
static void pieces(
    struct pair *p, const struct pkt *whole, uint32_t most, const struct esp_path *way)
{
	static uint8_t one[PAIR_BUF], sent[PAIR_BUF];
	uint32_t payload = whole->len - 20, room = (most - 20) / 8 * 8;

	memcpy(sent, whole->base + whole->off, whole->len);
	for (uint32_t at = 0; at < payload; at += room) {
		uint32_t n = payload - at < room ? payload - at : room;
		struct pkt pkt = {
		    .base = one, .cap = sizeof one, .off = PKT_HEADROOM, .len = 20 + n};
		uint8_t *ip = one + PKT_HEADROOM;
		memcpy(ip, sent, 20);
		be16_store(ip + 2, (uint16_t)(20 + n));
		be16_store(ip + 6, (uint16_t)(at / 8 | (at + n < payload ? 0x2000 : 0)));
		pair_set_sums(ip); /* the header's is what counts */
		memcpy(ip + 20, sent + 20 + at, n);
		esp_worker_enter(p->lw);
		esp_encap_pieces(p->lw, whole, &pkt, 1);
		esp_worker_leave(p->lw);
		ck_assert_int_eq(pkt.verdict, ESP_V_OK);
		ck_assert_uint_eq(pkt.slot, whole->slot);
		ck_assert(!(pkt.flags & PKT_DF));
		ck_assert_uint_le(outer_len(&pkt, way), way->mtu);
		ck_assert_int_eq(pair_decap(p, &pkt), ESP_V_OK);
		ck_assert_uint_eq(pkt.len, 20 + n);
		ck_assert_mem_eq(pkt.base + pkt.off + 20, sent + 20 + at, n);
	}
}

START_TEST(without_df)
{
	static const struct {
		const char *local, *remote;
		enum addr_family inner, outer;
		uint32_t mtu, len;
		bool transport;
		enum esp_verdict want;
	} rows[] = {
	    {NULL, NULL, ADDR_V4, ADDR_V4, 1400, 3000, false, ESP_V_CUT},
	    {NULL, NULL, ADDR_V4, ADDR_V6, 1280, 9000, false, ESP_V_CUT},
	    {NULL, NULL, ADDR_V4, ADDR_V4, 200, 300, false, ESP_V_CUT},
	    {"10.1.0.0/16[udp]", "10.2.0.0/16[udp]", ADDR_V4, ADDR_V4, 1400, 3000, false,
		ESP_V_CUT},
	    /* Fits. */
	    {NULL, NULL, ADDR_V4, ADDR_V4, 1400, 1300, false, ESP_V_OK},
	    {NULL, NULL, ADDR_V4, ADDR_V4, 0, 9000, false, ESP_V_OK},
	    /* The peer would not know the later ones. */
	    {"10.1.0.0/16[udp/1000-65535]", "10.2.0.0/16", ADDR_V4, ADDR_V4, 1400, 3000, false,
		ESP_V_OK},
	    {"10.1.0.0/16", "10.2.0.0/16[udp/1-65535]", ADDR_V4, ADDR_V4, 1400, 3000, false,
		ESP_V_OK},
	    /* One header is for one packet. */
	    {NULL, NULL, ADDR_V4, ADDR_V4, 1400, 3000, true, ESP_V_OK},
	    /* Nothing that a host must take fits. */
	    {NULL, NULL, ADDR_V4, ADDR_V4, 100, 300, false, ESP_V_OK},
	    /* IPv6 is fragmented by who sent it: refused above what every link carries, else the
	     * outer packet is fragmented. */
	    {NULL, NULL, ADDR_V6, ADDR_V4, 1400, 3000, false, ESP_V_TOO_BIG},
	    {NULL, NULL, ADDR_V6, ADDR_V4, 1200, 1270, false, ESP_V_OK},
	};
	struct pair_options o = {.window = 64,
	    .headers = {.df = true, .mode = rows[_i].transport ? ESP_TRANSPORT : ESP_TUNNEL},
	    .transport = addresses(rows[_i].inner),
	    .path = path(rows[_i].outer, true, rows[_i].mtu)};
	struct ts_list here = {0}, there = {0};
	struct esp_stats st;
	struct pair p;

	if (rows[_i].local) {
		here = selectors(rows[_i].local);
		there = selectors(rows[_i].remote);
		o.here = &here;
		o.there = &there;
	}
	pair_init(&p, &o);
	struct pkt pkt = packet(rows[_i].inner, rows[_i].len, false);
	ck_assert_int_eq(pair_encap(&p, &pkt), rows[_i].want);
	ck_assert(!(pkt.flags & PKT_DF) || rows[_i].inner == ADDR_V6);
	if (rows[_i].want == ESP_V_CUT) {
		uint32_t most = esp_pkt_mtu(p.lw, &pkt);
		ck_assert_uint_ge(most, 68);
		ck_assert(esp_out_stats(p.left, p.slot, &st));
		ck_assert_uint_eq(st.seq, 0);
		pieces(&p, &pkt, most, &o.path);
		/* The SA goes: what is left of the packet does not go by another one. */
		esp_out_del(p.left, p.slot);
		struct pkt rest = packet(rows[_i].inner, 200, false);
		esp_worker_enter(p.lw);
		esp_encap_pieces(p.lw, &pkt, &rest, 1);
		esp_worker_leave(p.lw);
		ck_assert_int_eq(rest.verdict, ESP_V_NO_SA);
		ck_assert_uint_eq(esp_pkt_mtu(p.lw, &pkt), 0);
	}
	pair_fini(&p);
}
END_TEST

/* ---- MSS ---- */

/* Options of a SYN, and where the MSS is in them. */
static const struct {
	const char *options;
	uint8_t n, at; /* at 0: there is none that counts */
} syns[] = {
    {"\x02\x04\x22\x22", 4, 2},
    {"\x01\x02\x04\x22\x22\x01\x01\x01", 8, 3}, /* across two words */
    {"\x04\x02\x08\x0a\1\2\3\4\5\6\7\x08\x02\x04\x22\x22", 16, 14},
    {"\x03\x03\x07\x02\x04\x22\x22\x00", 8, 5},
    {"\x00\x02\x04\x22\x22\x00\x00\x00", 8, 0}, /* behind the end */
    {"\x02\x03\x22\x22", 4, 0},
    {"\x02\x04", 2, 0},
    {"\x05\x00\x02\x04\x22\x22", 6, 0}, /* an option without length */
    {"\x05\xff\x02\x04\x22\x22\x00\x00", 8, 0},
    {"", 0, 0},
};

static struct pkt syn(enum addr_family family, unsigned i, uint8_t flags, uint16_t mss)
{
	size_t header = family == ADDR_V4 ? 20 : 40, options = (syns[i].n + 3u) & ~3u;
	struct pkt pkt = pair_packet(buf, family, header + 20 + options);
	uint8_t *ip = buf + pkt.off, *tcp = ip + header;

	ip[family == ADDR_V4 ? 9 : 6] = TS_PROTO_TCP;
	if (family == ADDR_V4)
		ip[6] = 0x40; /* as transport mode says it, too */
	tcp[12] = (uint8_t)((5 + options / 4) << 4);
	tcp[13] = flags;
	memset(tcp + 20, 0, options);
	memcpy(tcp + 20, syns[i].options, syns[i].n);
	if (syns[i].at)
		be16_store(tcp + 20 + syns[i].at, mss);
	pair_set_sums(ip);
	return pkt;
}

enum { FIN = 1, SYN = 2, ACK = 16 };

/* What the other side gets. */
static uint16_t mss_through(
    struct pair *p, enum addr_family family, unsigned i, uint8_t flags, uint16_t mss)
{
	size_t header = family == ADDR_V4 ? 20 : 40;
	struct pkt pkt = syn(family, i, flags, mss);
	uint8_t was[100];

	memcpy(was, buf + pkt.off, pkt.len);
	ck_assert_int_eq(pair_encap(p, &pkt), ESP_V_OK);
	ck_assert_int_eq(pair_decap(p, &pkt), ESP_V_OK);
	uint8_t *ip = pkt.base + pkt.off;
	ck_assert(pair_sums_are_right(ip));
	if (!syns[i].at) {
		ck_assert_mem_eq(ip, was, pkt.len);
		return 0;
	}
	uint16_t got = be16_load(ip + header + 20 + syns[i].at);
	/* And nothing else has changed, the sum aside. */
	be16_store(ip + header + 20 + syns[i].at, mss);
	pair_set_sums(ip);
	ck_assert_mem_eq(ip, was, pkt.len);
	return got;
}

static uint16_t smaller(uint32_t a, uint32_t b)
{
	return (uint16_t)(a < b ? a : b);
}

START_TEST(mss_going_out)
{
	enum addr_family family = _i ? ADDR_V6 : ADDR_V4;
	struct pair_options o = {.window = 64, .path = path(ADDR_V4, true, 1400)};
	uint32_t headers = family == ADDR_V4 ? 40 : 60;
	struct pair p;

	pair_init(&p, &o);
	struct pkt big = packet(family, 1500, true);
	ck_assert_int_eq(pair_encap(&p, &big), ESP_V_TOO_BIG);
	uint32_t most = esp_pkt_mtu(p.lw, &big) - headers;
	for (unsigned i = 0; i < sizeof syns / sizeof syns[0]; i++)
		for (uint16_t mss = 1; mss < 9000; mss = (uint16_t)(mss + 1 + mss / 9)) {
			uint16_t want = syns[i].at ? smaller(mss, most) : 0;
			ck_assert_uint_eq(mss_through(&p, family, i, SYN, mss), want);
			ck_assert_uint_eq(mss_through(&p, family, i, SYN | ACK, mss), want);
		}
	for (uint32_t mss = most - 3; mss < most + 3; mss++)
		ck_assert_uint_eq(
		    mss_through(&p, family, 0, SYN, (uint16_t)mss), smaller(mss, most));
	/* Later segments may have such bytes: not looked at. */
	ck_assert_uint_eq(mss_through(&p, family, 0, ACK, 9000), 9000);
	ck_assert_uint_eq(mss_through(&p, family, 0, FIN | ACK, 9000), 9000);
	o.path.mtu = 0;
	ck_assert_int_eq(esp_out_set_path(p.left, p.slot, &o.path), ESP_OK);
	ck_assert_uint_eq(mss_through(&p, family, 0, SYN, 9000), 9000);
	pair_fini(&p);
}
END_TEST

/* By the path of the SA that the answers take. */
START_TEST(mss_coming_in)
{
	enum addr_family family = _i % 2 ? ADDR_V6 : ADDR_V4;
	uint32_t headers = family == ADDR_V4 ? 40 : 60, slot;
	struct pair_options o = {.window = 64,
	    .headers = {.mode = _i / 2 ? ESP_TRANSPORT : ESP_TUNNEL},
	    .transport = addresses(family)};
	struct pair p;

	pair_init(&p, &o);
	ck_assert_uint_eq(mss_through(&p, family, 1, SYN, 9000), 9000); /* no way back at all */
	struct esp_out_params back = {.spi = 0x12345,
	    .headers = o.headers,
	    .keys = pair_keys(0, false),
	    .path = path(ADDR_V4, true, 1400)};
	ck_assert_int_eq(esp_out_add(p.right, &back, &slot), ESP_OK);
	struct esp_policy policy = {.action = ESP_PROTECT, .slot = slot};
	ck_assert(ts_parse(&policy.local, family == ADDR_V4 ? "10.2.0.0/16" : "fd00:2::/64"));
	ck_assert(ts_parse(&policy.remote, family == ADDR_V4 ? "10.1.0.0/16" : "fd00:1::/64"));
	ck_assert_int_eq(esp_spd_set(p.right, &policy, 1), ESP_OK);
	/* aes128gcm16: 1400 - 20 - 8 - 8 - 8 - 16 = 1340, a multiple of 4, less 2 */
	uint32_t most = 1338 + (_i / 2 ? headers - 20 : 0) - headers;
	ck_assert_uint_eq(mss_through(&p, family, 1, SYN | ACK, 9000), most);
	ck_assert_uint_eq(mss_through(&p, family, 1, SYN, (uint16_t)(most - 1)), most - 1);
	policy.action = ESP_PASS;
	ck_assert_int_eq(esp_spd_set(p.right, &policy, 1), ESP_OK);
	ck_assert_uint_eq(mss_through(&p, family, 1, SYN, 9000), 9000);
	policy.action = ESP_PROTECT;
	ck_assert_int_eq(esp_spd_set(p.right, &policy, 1), ESP_OK);
	esp_out_del(p.right, slot);
	ck_assert_uint_eq(mss_through(&p, family, 1, SYN, 9000), 9000);
	pair_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("esp_pmtu");
	TCase *t = tcase_create("pmtu");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, edges, 0, 2 * (int)pair_suites_n);
	tcase_add_test(t, floors);
	tcase_add_loop_test(t, who_says_df, 0, 2);
	tcase_add_loop_test(t, without_df, 0, 12);
	tcase_add_test(t, segments);
	tcase_add_loop_test(t, mss_going_out, 0, 2);
	tcase_add_loop_test(t, mss_coming_in, 0, 4);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

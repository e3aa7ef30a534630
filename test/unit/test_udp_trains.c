/*
 * Trains of datagrams, groups of sockets on one port, and DF: the UDP driver on loopback.
 */
#include "daemon/udp/udp.h"
#include "test/netns/netns.h"
#include "test/unit/rng.h"

#include <check.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>

enum {
	CAP = PKT_HEADROOM + 65536,
	SEND_CAP = PKT_HEADROOM + 2048,
	N = UDP_BATCH,
	PORT = 4500,
	MANY = 4096, /* datagrams that one receiver gathers */
};

static uint8_t room_a[2 * N][SEND_CAP], room_b[N][CAP];
static struct pkt pkt_a[2 * N], pkt_b[N];
static struct udp_msg out[2 * N], in[N];
static char why[UDP_WHY];

/* Datagrams as they arrived, trains taken apart. */
static struct got {
	uint8_t *p;
	uint32_t len;
	uint8_t tos;
	unsigned family;
} got[MANY];
static size_t got_n, trains;

static void set_up(void)
{
	netns_enter();
	for (size_t i = 0; i < 2 * N; i++) {
		pkt_a[i] = (struct pkt){.base = room_a[i], .cap = SEND_CAP, .off = PKT_HEADROOM};
		out[i] = (struct udp_msg){.pkt = &pkt_a[i]};
	}
	for (size_t i = 0; i < N; i++) {
		pkt_b[i] = (struct pkt){.base = room_b[i], .cap = CAP};
		in[i] = (struct udp_msg){.pkt = &pkt_b[i]};
	}
}

static void forget(void)
{
	for (size_t i = 0; i < got_n; i++)
		free(got[i].p);
	got_n = trains = 0;
}

static void tear_down(void)
{
	forget();
}

static struct udp_sock *open_port(uint16_t port, bool with_trains)
{
	struct udp_sock *s;
	struct udp_params p = {.families = UDP_BOTH, .port = port, .trains = with_trains};
	int rc = udp_open(&s, &p, why);
	ck_assert_msg(rc == 0 && why[0] == 0, "%s", why);
	return s;
}

static struct endpoint at(const char *addr, uint16_t port)
{
	struct endpoint e = {.port = port};
	ck_assert(addr_parse(&e.addr, addr));
	return e;
}

static const char *const loopback[] = {"127.0.0.1", "::1"};

/* out[i]: `len` bytes that say which they are. */
static void put(size_t i, uint32_t number, uint32_t len, const char *dst)
{
	uint8_t *p = room_a[i] + PKT_HEADROOM;

	ck_assert(len >= 8 && PKT_HEADROOM + len <= SEND_CAP);
	for (uint32_t k = 0; k < len; k++)
		p[k] = (uint8_t)(number * 7 + k);
	be32_store(p, 0xe5900000 | number);
	be32_store(p + 4, len);
	pkt_a[i].len = len;
	pkt_a[i].tos = pkt_a[i].flags = 0;
	out[i].remote = at(dst, PORT);
	out[i].marker = false;
}

static bool is(const struct got *g, uint32_t number, uint32_t len)
{
	if (g->len != len || be32_load(g->p) != (0xe5900000 | number) || be32_load(g->p + 4) != len)
		return false;
	for (uint32_t k = 8; k < len; k++)
		if (g->p[k] != (uint8_t)(number * 7 + k))
			return false;
	return true;
}

static void keep(const struct udp_msg *m, uint32_t offset, uint32_t len)
{
	ck_assert_uint_lt(got_n, MANY);
	struct got *g = &got[got_n++];
	g->p = malloc(len + 1);
	ck_assert_ptr_nonnull(g->p);
	memcpy(g->p, m->pkt->base + m->pkt->off + offset, len);
	g->len = len;
	g->tos = m->pkt->tos;
	g->family = m->remote.addr.family;
}

static void take_apart(const struct udp_msg *m)
{
	uint32_t step = m->segment ? m->segment : m->pkt->len;

	ck_assert(m->segment == 0 || m->pkt->len > m->segment);
	trains += m->segment != 0;
	if (m->pkt->len == 0)
		keep(m, 0, 0);
	for (uint32_t k = 0; k < m->pkt->len; k += step)
		keep(m, k, m->pkt->len - k < step ? m->pkt->len - k : step);
}

/* Receives until `want` datagrams are there or nothing has come for a while. */
static size_t receive(struct udp_sock *s, size_t want, int wait_ms)
{
	struct pollfd f = {.fd = udp_fd(s), .events = POLLIN};
	while (got_n < want && poll(&f, 1, wait_ms) == 1) {
		int rc = udp_recv_batch(s, in, N);
		ck_assert_int_ge(rc, 0);
		for (int i = 0; i < rc; i++)
			take_apart(&in[i]);
	}
	return got_n;
}

static bool nothing(struct udp_sock *s)
{
	return udp_recv_batch(s, in, N) == 0;
}

static void set_mtu(int mtu)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_mtu = mtu};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFMTU, &r), 0);
	close(fd);
}

static uint64_t cut_of(const struct udp_sock *s)
{
	struct udp_counters c;
	udp_counters(s, &c);
	return c.trains_cut;
}

/* ---- Trains ---- */

/* Equal ones and a shorter one behind them: one system call here, one message there. */
START_TEST(a_train_arrives_whole)
{
	struct udp_sock *a = open_port(4501, true), *b = open_port(PORT, true);
	int err = 1;
	for (uint32_t i = 0; i < 40; i++)
		put(i, i, i < 39 ? 1000 : 700, loopback[_i]);
	ck_assert_uint_eq(udp_send_batch(a, out, 40, &err), 40);
	ck_assert_int_eq(err, 0);
	struct pollfd f = {.fd = udp_fd(b), .events = POLLIN};
	ck_assert_int_eq(poll(&f, 1, 1000), 1);
	ck_assert_int_eq(udp_recv_batch(b, in, N), 1);
	ck_assert_uint_eq(in[0].segment, 1000);
	ck_assert_uint_eq(in[0].pkt->len, 39 * 1000 + 700);
	ck_assert_uint_eq(in[0].remote.port, 4501);
	take_apart(&in[0]);
	ck_assert_uint_eq(got_n, 40);
	for (uint32_t i = 0; i < 40; i++)
		ck_assert(is(&got[i], i, i < 39 ? 1000 : 700));
	ck_assert_uint_eq(cut_of(a), 0);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* Who does not ask for trains gets datagrams; who does not send them is understood. */
START_TEST(one_side_without)
{
	struct udp_sock *a = open_port(4501, _i == 0), *b = open_port(PORT, _i == 1);
	for (uint32_t i = 0; i < 50; i++)
		put(i, i, 1200, "127.0.0.1");
	ck_assert_uint_eq(udp_send_batch(a, out, 50, NULL), 50);
	ck_assert_uint_eq(receive(b, 50, 1000), 50);
	ck_assert_uint_eq(trains, 0);
	for (uint32_t i = 0; i < 50; i++)
		ck_assert(is(&got[i], i, 1200));
	udp_close(a);
	udp_close(b);
}
END_TEST

/* A random batch: runs of one size, families, TOS bytes and side by side or not. */
static uint32_t random_batch(struct rng *r, uint32_t number, uint32_t n)
{
	uint32_t len = 8 + rng_below(r, 1400), family = rng_below(r, 2);
	uint8_t tos = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (rng_below(r, 8) == 0)
			len =
			    rng_below(r, 2) ? 8 + rng_below(r, 1400) : len - rng_below(r, len - 7);
		if (rng_below(r, 12) == 0)
			family ^= 1;
		if (rng_below(r, 12) == 0)
			tos ^= 0x20;
		put(i, number + i, len, loopback[family]);
		pkt_a[i].tos = tos;
	}
	return n;
}

/* Where packets lie one behind the other they leave as one part: move them together. */
static void side_by_side(uint32_t n)
{
	static uint8_t space[2 * N * 1500];
	uint32_t offset = 0;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(space + offset, room_a[i] + PKT_HEADROOM, pkt_a[i].len);
		pkt_a[i].base = space;
		pkt_a[i].off = offset;
		offset += pkt_a[i].len;
	}
}

/* Whatever is sent, in whatever trains: the same datagrams arrive, in their order per family. */
START_TEST(random_batches)
{
	static uint32_t sizes[2][MANY], numbers[2][MANY];
	static uint8_t marks[2][MANY];
	struct rng r = {(uint64_t)_i + 1};
	struct udp_sock *a = open_port(4501, true), *b = open_port(PORT, true);
	for (uint32_t round = 0; round < 60; round++) {
		uint32_t n = random_batch(&r, round * 1000, 1 + rng_below(&r, 2 * N));
		size_t sent[2] = {0}, seen[2] = {0};
		for (uint32_t i = 0; i < n; i++) {
			unsigned f = out[i].remote.addr.family == ADDR_V6;
			sizes[f][sent[f]] = pkt_a[i].len;
			marks[f][sent[f]] = pkt_a[i].tos;
			numbers[f][sent[f]++] = round * 1000 + i;
		}
		if (round % 2)
			side_by_side(n);
		ck_assert_uint_eq(udp_send_batch(a, out, n, NULL), n);
		ck_assert_uint_eq(receive(b, n, 1000), n);
		for (size_t i = 0; i < n; i++) {
			unsigned f = got[i].family == ADDR_V6;
			size_t k = seen[f]++;
			ck_assert_uint_lt(k, sent[f]);
			ck_assert(is(&got[i], numbers[f][k], sizes[f][k]));
			ck_assert_uint_eq(got[i].tos, marks[f][k]);
		}
		ck_assert(nothing(b));
		ck_assert(n < 30 || trains > 0);
		forget();
		for (uint32_t i = 0; i < n; i++) {
			pkt_a[i].base = room_a[i];
			pkt_a[i].off = PKT_HEADROOM;
		}
	}
	udp_close(a);
	udp_close(b);
}
END_TEST

/* The marker of IKE makes no trains; it stands in front of each. */
START_TEST(markers)
{
	struct udp_sock *a = open_port(4501, true), *b = open_port(PORT, true);
	for (uint32_t i = 0; i < 10; i++) {
		put(i, i, 500, "127.0.0.1");
		out[i].marker = true;
	}
	ck_assert_uint_eq(udp_send_batch(a, out, 10, NULL), 10);
	ck_assert_uint_eq(receive(b, 10, 1000), 10);
	for (uint32_t i = 0; i < 10; i++) {
		struct got inner = {.p = got[i].p + 4, .len = got[i].len - 4};
		ck_assert_uint_eq(be32_load(got[i].p), 0);
		ck_assert(is(&inner, i, 500));
	}
	udp_close(a);
	udp_close(b);
}
END_TEST

/* An interface that is narrower than the cars: they go alone, in fragments; and so does what comes
 * next, without another try. Smaller ones still make trains. */
START_TEST(refused_trains)
{
	struct udp_sock *a = open_port(4501, true), *b = open_port(PORT, true);
	int err;
	set_mtu(600);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 20; i++)
			put(i, i, i < 19 ? 1000 : 900, "127.0.0.1");
		if (round == 1)
			side_by_side(20);
		ck_assert_uint_eq(udp_send_batch(a, out, 20, &err), 20);
		ck_assert_uint_eq(receive(b, 20, 1000), 20);
		for (uint32_t i = 0; i < 20; i++)
			ck_assert(is(&got[i], i, i < 19 ? 1000 : 900));
		ck_assert_uint_eq(trains, 0);
		ck_assert_uint_eq(cut_of(a), 1);
		forget();
		for (uint32_t i = 0; i < 20; i++) {
			pkt_a[i].base = room_a[i];
			pkt_a[i].off = PKT_HEADROOM;
		}
	}
	for (uint32_t i = 0; i < 20; i++)
		put(i, i, 500, "127.0.0.1");
	ck_assert_uint_eq(udp_send_batch(a, out, 20, &err), 20);
	ck_assert_uint_eq(receive(b, 20, 1000), 20);
	ck_assert_uint_ge(trains, 1);
	ck_assert_uint_eq(cut_of(a), 1);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* Cut where its cars lie side by side; IPv6 too, which has no smaller MTU than 1280. */
START_TEST(refused_side_by_side)
{
	struct udp_sock *a = open_port(4501, true), *b = open_port(PORT, true);
	uint32_t len = _i ? 1400 : 1100;
	set_mtu(_i ? 1300 : 600);
	for (uint32_t i = 0; i < 30; i++)
		put(i, i, i < 29 ? len : 8, loopback[_i]);
	side_by_side(30);
	ck_assert_uint_eq(udp_send_batch(a, out, 30, NULL), 30);
	ck_assert_uint_eq(receive(b, 30, 1000), 30);
	for (uint32_t i = 0; i < 30; i++)
		ck_assert(is(&got[i], i, i < 29 ? len : 8));
	ck_assert_uint_eq(cut_of(a), 1);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* The kernel is asked again after a while: the path may have become wider. */
START_TEST(refusals_are_forgotten)
{
	struct udp_sock *a = open_port(4501, true), *b = open_port(PORT, true);
	set_mtu(600);
	for (uint32_t i = 0; i < 2; i++)
		put(i, i, 1000, "127.0.0.1");
	ck_assert_uint_eq(udp_send_batch(a, out, 2, NULL), 2);
	ck_assert_uint_eq(receive(b, 2, 1000), 2);
	ck_assert_uint_eq(trains, 0);
	set_mtu(65536);
	for (int k = 0; k < 5000 && trains == 0; k++) {
		forget();
		ck_assert_uint_eq(udp_send_batch(a, out, 2, NULL), 2);
		ck_assert_uint_eq(receive(b, 2, 1000), 2);
	}
	ck_assert_uint_eq(trains, 1);
	ck_assert_uint_eq(cut_of(a), 1);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* ---- DF ---- */

static uint16_t df_of(int raw)
{
	uint8_t p[2048];
	struct pollfd f = {.fd = raw, .events = POLLIN};
	ck_assert_int_eq(poll(&f, 1, 1000), 1);
	ssize_t n = recv(raw, p, sizeof p, 0);
	ck_assert_int_ge(n, 20);
	return be16_load(p + 6) & IP_DF;
}

/* As the packet says, each time. */
START_TEST(df_on_the_wire)
{
	struct udp_sock *a = open_port(4501, _i), *b = open_port(PORT, _i);
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	ck_assert_int_ge(raw, 0);
	static const bool df[] = {false, true, true, false, true, false};
	for (uint32_t i = 0; i < 6; i++) {
		put(i, i, 100, "127.0.0.1");
		pkt_a[i].flags = df[i] ? PKT_DF : 0;
	}
	for (size_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(udp_send_batch(a, &out[i], 1, NULL), 1);
		ck_assert_int_eq(df_of(raw) != 0, df[i]);
	}
	/* In one batch: 0, 1 and 2, 3, 4, 5. */
	ck_assert_uint_eq(udp_send_batch(a, out, 6, NULL), 6);
	ck_assert_uint_eq(receive(b, 12, 1000), 12);
	for (uint32_t i = 0; i < 12; i++)
		ck_assert(is(&got[i], i % 6, 100));
	close(raw);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* What does not fit is refused with DF, alone, and fragmented without. */
START_TEST(df_does_not_fit)
{
	struct udp_sock *a = open_port(4501, true), *b = open_port(PORT, true);
	uint32_t len = _i ? 1500 : 1000;
	int err;
	set_mtu(_i ? 1300 : 600);
	for (uint32_t i = 0; i < 3; i++)
		put(i, i, len, loopback[_i]);
	pkt_a[1].flags = PKT_DF;
	ck_assert_uint_eq(udp_send_batch(a, out, 3, &err), 2);
	ck_assert_int_eq(err, -EMSGSIZE);
	ck_assert_uint_eq(receive(b, 2, 1000), 2);
	ck_assert(is(&got[0], 0, len) && is(&got[1], 2, len));
	/* A whole train of them: none. */
	forget();
	for (uint32_t i = 0; i < 10; i++) {
		put(i, i, len, loopback[_i]);
		pkt_a[i].flags = PKT_DF;
	}
	ck_assert_uint_eq(udp_send_batch(a, out, 10, &err), 0);
	ck_assert_int_eq(err, -EMSGSIZE);
	ck_assert(nothing(b));
	/* And of what fits: all. */
	for (uint32_t i = 0; i < 10; i++) {
		put(i, i, 500, loopback[_i]);
		pkt_a[i].flags = PKT_DF;
	}
	ck_assert_uint_eq(udp_send_batch(a, out, 10, &err), 10);
	ck_assert_uint_eq(receive(b, 10, 1000), 10);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* ---- Groups ---- */

enum { WORKERS = 3, MASK = 0x3f };

static int open_member(struct udp_sock **s, unsigned index, unsigned families)
{
	struct udp_params p = {.families = families,
	    .port = PORT,
	    .trains = true,
	    .index = index,
	    .count = WORKERS,
	    .steer_mask = MASK};
	return udp_open(s, &p, why);
}

static void open_group(struct udp_sock *group[WORKERS + 1])
{
	for (unsigned i = 0; i <= WORKERS; i++) {
		ck_assert_msg(open_member(&group[i], i, UDP_BOTH) == 0, "%s", why);
		ck_assert_uint_eq(udp_port(group[i]), PORT);
	}
}

static void close_group(struct udp_sock *group[WORKERS + 1])
{
	for (unsigned i = 0; i <= WORKERS; i++)
		udp_close(group[i]);
}

/* Everything that is there must be `n` datagrams at the member, and nothing elsewhere. */
static void only_at(struct udp_sock *group[WORKERS + 1], unsigned member, size_t n)
{
	forget();
	ck_assert_uint_eq(receive(group[member], n, 1000), n);
	for (unsigned i = 0; i <= WORKERS; i++)
		ck_assert(nothing(group[i]));
}

START_TEST(steering)
{
	struct udp_sock *group[WORKERS + 1], *from[4];
	struct rng r = {4303};
	open_group(group);
	for (uint16_t i = 0; i < 4; i++)
		from[i] = open_port((uint16_t)(5000 + i), true);
	for (uint32_t round = 0; round < 200; round++) {
		uint32_t spi = round < 70 ? 256 + round : 256 + rng_u32(&r) % 0xfffffe00;
		uint32_t n = 1 + rng_below(&r, 5);
		for (uint32_t i = 0; i < n; i++) {
			put(i, i, 300, loopback[_i]);
			be32_store(room_a[i] + PKT_HEADROOM, spi);
		}
		ck_assert_uint_eq(udp_send_batch(from[round % 4], out, n, NULL), n);
		only_at(group, (spi & MASK) % WORKERS, n);
		ck_assert_uint_eq(be32_load(got[n - 1].p), spi);
	}
	/* IKE to the last. */
	for (uint32_t round = 0; round < 20; round++) {
		put(0, round, 8 + round, loopback[_i]);
		out[0].marker = true;
		ck_assert_uint_eq(udp_send_batch(from[round % 4], out, 1, NULL), 1);
		only_at(group, WORKERS, 1);
	}
	/* A keepalive, and what else is too short, to the first. */
	for (uint32_t len = 0; len < 4; len++) {
		put(0, 0, 8, loopback[_i]);
		memset(room_a[0] + PKT_HEADROOM, 0xff, 4);
		pkt_a[0].len = len;
		ck_assert_uint_eq(udp_send_batch(from[len], out, 1, NULL), 1);
		only_at(group, 0, 1);
	}
	for (uint16_t i = 0; i < 4; i++)
		udp_close(from[i]);
	close_group(group);
}
END_TEST

/* Any of them sends from the port of the group. */
START_TEST(members_send)
{
	struct udp_sock *group[WORKERS + 1], *peer = open_port(4501, true);
	open_group(group);
	for (uint32_t i = 0; i <= WORKERS; i++) {
		put(0, i, 100, loopback[_i]);
		out[0].remote.port = 4501;
		ck_assert_uint_eq(udp_send_batch(group[i], out, 1, NULL), 1);
		ck_assert_uint_eq(receive(peer, i + 1, 1000), i + 1);
		ck_assert(is(&got[i], i, 100));
		ck_assert_uint_eq(in[0].remote.port, PORT);
	}
	close_group(group);
	udp_close(peer);
}
END_TEST

/* The members share the port with each other, not with anybody else. */
START_TEST(groups_are_exclusive)
{
	struct udp_sock *group[WORKERS + 1], *other;
	struct udp_params alone = {.families = UDP_BOTH, .port = PORT};
	open_group(group);
	ck_assert_int_eq(open_member(&other, 0, UDP_BOTH), -EADDRINUSE);
	ck_assert_ptr_null(other);
	ck_assert_ptr_nonnull(strstr(why, "UDP port 4500 is in use by "));
	ck_assert_ptr_nonnull(strstr(why, "): stop it, or set local_port"));
	ck_assert_int_eq(open_member(&other, 0, UDP_V6), -EADDRINUSE);
	ck_assert_int_eq(udp_open(&other, &alone, why), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why, "UDP port 4500 is in use by "));
	close_group(group);
	/* It is free again; and what is alone on it keeps groups away. */
	ck_assert_int_eq(udp_open(&other, &alone, why), 0);
	ck_assert_int_eq(open_member(&group[0], 0, UDP_BOTH), -EADDRINUSE);
	udp_close(other);
	open_group(group);
	close_group(group);
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("udp_trains");
	TCase *t = tcase_create("udp_trains");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, a_train_arrives_whole, 0, 2);
	tcase_add_loop_test(t, one_side_without, 0, 2);
	tcase_add_loop_test(t, random_batches, 0, 3);
	tcase_add_test(t, markers);
	tcase_add_test(t, refused_trains);
	tcase_add_loop_test(t, refused_side_by_side, 0, 2);
	tcase_add_test(t, refusals_are_forgotten);
	tcase_add_loop_test(t, df_on_the_wire, 0, 2);
	tcase_add_loop_test(t, df_does_not_fit, 0, 2);
	tcase_add_loop_test(t, steering, 0, 2);
	tcase_add_loop_test(t, members_send, 0, 2);
	tcase_add_test(t, groups_are_exclusive);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

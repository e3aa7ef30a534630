/* Plain ESP by raw sockets, on loopback: addresses, sizes, TOS, steering, headers, what cannot be
 * opened. */
#include "test/unit/raw_test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "daemon/raw/internal.h"

static const struct pair {
	const char *src, *dst;
} pairs[] = {{"127.0.0.3", "127.0.0.9"}, {"::1", "::1"}};

/* There and back: the answer leaves from the address that was asked. */
START_TEST(there_and_back)
{
	const struct pair *p = &pairs[_i];
	struct raw_sock *a = open_share(0, 2, 0), *b = open_share(1, 2, 0);
	struct addr src = ns_addr(p->src), dst = ns_addr(p->dst);
	int err = 1;
	put(0, 0x10000001, 100, p->src, p->dst);
	pkt_a[0].tos = 0xb8 | 2;
	ck_assert_uint_eq(raw_send_batch(a, out, 1, &err), 1);
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(receive(b, 1), 1);
	same(0, 0);
	ck_assert(addr_equal(&in[0].remote.addr, &src) && in[0].remote.port == 0);
	ck_assert(addr_equal(&in[0].local.addr, &dst) && in[0].local.port == 0);
	ck_assert_uint_eq(in[0].ifindex, if_nametoindex("lo"));
	ck_assert_uint_eq(in[0].pkt->tos, 0xb8 | 2);
	ck_assert_uint_eq(in[0].pkt->off, PKT_HEADROOM);
	ck_assert_uint_eq(in[0].pkt->flags, 0);

	in[0].pkt->base[in[0].pkt->off + 3] = 2;
	in[0].pkt->tos = 0;
	ck_assert_uint_eq(raw_send_batch(b, in, 1, &err), 1);
	in[0].pkt->len = 0;
	ck_assert_uint_eq(receive(a, 1), 1);
	ck_assert(addr_equal(&in[0].remote.addr, &dst));
	ck_assert(addr_equal(&in[0].local.addr, &src));
	ck_assert_uint_eq(in[0].pkt->len, 100);
	ck_assert_uint_eq(in[0].pkt->tos, 0);
	ck_assert(quiet(a) && quiet(b));
	raw_close(a);
	raw_close(b);
}
END_TEST

START_TEST(many_sizes)
{
	const struct pair *p = &pairs[_i];
	struct raw_sock *a = open_share(0, 2, 0), *b = open_share(1, 2, 0);
	for (size_t len = 4; len < 16300; len = len < 2000 ? len + 1 : len + 331) {
		put(0, 0xfffffff1, len, p->src, p->dst);
		ck_assert_uint_eq(raw_send_batch(a, out, 1, NULL), 1);
		ck_assert_uint_eq(receive(b, 1), 1);
		same(0, 0);
	}
	raw_close(a);
	raw_close(b);
}
END_TEST

/* Both families in one batch, more than one call takes, in order within a family. */
START_TEST(large_mixed_batch)
{
	struct raw_sock *a = open_share(0, 2, 0), *b = open_share(1, 2, 0);
	for (size_t i = 0; i < N; i++) {
		put(i, (uint32_t)(i * 2 + 1), 64 + i, NULL, i % 10 < 7 ? "127.0.0.1" : "::1");
		pkt_a[i].tos = (uint8_t)(i * 4);
		pkt_a[i].flags = i % 3 ? PKT_DF : 0;
	}
	ck_assert_uint_eq(raw_send_batch(a, out, N, NULL), N);
	ck_assert_uint_eq(receive(b, N), N);
	uint32_t last[2] = {0, 0};
	for (size_t i = 0; i < N; i++) {
		uint32_t spi = be32_load(in[i].pkt->base + in[i].pkt->off);
		size_t k = spi / 2;
		same(i, k);
		ck_assert_uint_eq(in[i].pkt->tos, out[k].pkt->tos);
		ck_assert(addr_equal(&in[i].remote.addr, &out[k].remote.addr));
		ck_assert_uint_gt(spi, last[k % 10 < 7]);
		last[k % 10 < 7] = spi;
	}
	ck_assert_int_eq(raw_recv_batch(b, in, N), 0);
	ck_assert(quiet(a));
	raw_close(a);
	raw_close(b);
}
END_TEST

/* One family that floods does not starve the other. */
START_TEST(families_take_turns)
{
	struct raw_sock *a = open_share(0, 2, 0), *b = open_share(1, 2, 0);
	put(0, 1, 40, NULL, "127.0.0.1");
	put(1, 3, 60, NULL, "::1");
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(raw_send_batch(a, out, 1, NULL), 1);
	ck_assert_uint_eq(raw_send_batch(a, out + 1, 1, NULL), 1);
	int calls = 0;
	do {
		ck_assert_int_eq(raw_recv_batch(b, in, 1), 1);
		ck_assert_int_lt(++calls, 50);
	} while (in[0].pkt->len != 60);
	raw_close(a);
	raw_close(b);
}
END_TEST

/* ---- Steering ---- */

static const struct share_row {
	unsigned share;
	uint32_t mask;
} shares[] = {{1, 0}, {2, 0}, {3, 0}, {4, 0}, {4, 0xff}, {3, 0xffff0000}, {2, 8}, {7, 1}};

/* Every packet reaches one socket, and the one that the rule names. */
START_TEST(steering)
{
	const struct share_row *r = &shares[_i];
	struct raw_sock *s[8], *sender;
	struct raw_params none = {.families = UDP_BOTH};
	size_t total = 0;
	ck_assert_int_eq(raw_open(&sender, &none, why), 0);
	for (unsigned i = 0; i < r->share; i++)
		s[i] = open_share(i, r->share, r->mask);
	for (size_t i = 0; i < N; i++)
		put(i, (uint32_t)i * 0x9e3779b1u, 50, NULL, i % 2 ? "127.0.0.1" : "::1");
	ck_assert_uint_eq(raw_send_batch(sender, out, N, NULL), N);
	for (unsigned i = 0; i < r->share; i++) {
		size_t want = 0;
		uint32_t mask = r->mask ? r->mask : UINT32_MAX;
		for (size_t k = 0; k < N; k++)
			want += ((uint32_t)k * 0x9e3779b1u & mask) % r->share == i;
		ck_assert_uint_eq(receive(s[i], want), want);
		for (size_t k = 0; k < want; k++) {
			uint32_t spi = be32_load(in[k].pkt->base + in[k].pkt->off);
			ck_assert_uint_eq((spi & mask) % r->share, i);
		}
		ck_assert(quiet(s[i]));
		total += want;
	}
	ck_assert_uint_eq(total, N);
	ck_assert(quiet(sender)); /* wanted nothing */
	for (unsigned i = 0; i < r->share; i++)
		raw_close(s[i]);
	raw_close(sender);
}
END_TEST

START_TEST(unwanted)
{
	struct raw_sock *a = open_share(0, 1, 0);
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(raw_want(a, false), 0);
		put(0, 7, 80, NULL, pairs[_i].dst);
		ck_assert_uint_eq(raw_send_batch(a, out, 1, NULL), 1);
		ck_assert(quiet(a));
		ck_assert_int_eq(raw_want(a, true), 0);
		ck_assert(quiet(a)); /* nor was it kept */
		ck_assert_uint_eq(raw_send_batch(a, out, 1, NULL), 1);
		ck_assert_uint_eq(receive(a, 1), 1);
		same(0, 0);
	}
	raw_close(a);
}
END_TEST

/* Too short for an SPI: the filter ends there. */
START_TEST(runts)
{
	struct raw_sock *a = open_share(0, 1, 0);
	for (uint32_t len = 0; len < 4; len++) {
		put(0, 0, 4, NULL, pairs[_i].dst);
		pkt_a[0].len = len;
		raw_send_batch(a, out, 1, NULL);
	}
	ck_assert(quiet(a));
	raw_close(a);
}
END_TEST

START_TEST(parameters)
{
	struct raw_sock *s;
	struct raw_params p = {.families = UDP_BOTH, .index = 2, .count = 2};
	ck_assert_int_eq(raw_open(&s, &p, why), -EINVAL);
	ck_assert_ptr_null(s);
	ck_assert_uint_gt(strlen(why), 0);
	p = (struct raw_params){.families = UDP_V4};
	ck_assert_int_eq(raw_open(&s, &p, why), 0);
	ck_assert_uint_eq(raw_families(s), UDP_V4);
	int err = 0;
	put(0, 1, 20, NULL, "::1");
	ck_assert_uint_eq(raw_send_batch(s, out, 1, &err), 0);
	ck_assert_int_eq(err, -EAFNOSUPPORT);
	ck_assert_int_eq(raw_recv_batch(s, in, 0), 0);
	raw_close(s);
	raw_close(NULL);
}
END_TEST

/* What was queued before the filter stood is seen to be another's. */
START_TEST(mine)
{
	struct raw_params p = {.index = 1, .count = 3, .steer_mask = 0xff};
	struct pkt k = {.base = room_a[0], .cap = CAP, .off = PKT_HEADROOM, .len = 8};
	for (uint32_t spi = 0; spi < 1000; spi++) {
		be32_store(room_a[0] + PKT_HEADROOM, spi);
		ck_assert_int_eq(raw_is_mine(&p, &k), (spi & 0xff) % 3 == 1);
	}
	be32_store(room_a[0] + PKT_HEADROOM, 1);
	k.len = 4;
	ck_assert(raw_is_mine(&p, &k));
	k.len = 3;
	ck_assert(!raw_is_mine(&p, &k));
}
END_TEST

/* As between opening a socket and its first filter. */
START_TEST(no_filter_yet)
{
	struct raw_counters c;
	struct raw_sock *a = open_share(0, 2, 0), *b = open_share(1, 2, 0);
	int none = 0;
	for (int v6 = 0; v6 < 2; v6++)
		ck_assert_int_eq(setsockopt(v6 ? b->v6.fd : b->v4.fd, SOL_SOCKET, SO_DETACH_FILTER,
				     &none, sizeof none),
		    0);
	put(0, 2, 30, NULL, pairs[_i].dst);
	put(1, 3, 31, NULL, pairs[_i].dst);
	ck_assert_uint_eq(raw_send_batch(a, out, 2, NULL), 2);
	ck_assert_uint_eq(receive(b, 2), 2);
	ck_assert_uint_eq(in[0].pkt->len, 0);
	same(1, 1);
	raw_counters(b, &c);
	ck_assert_uint_eq(c.malformed, 1);
	raw_close(a);
	raw_close(b);
}
END_TEST

/* ---- IPv4 headers ---- */

/* A header of `words` words and `total` bytes as it says, in `len` bytes. */
static struct udp_msg *header(unsigned words, unsigned total, uint32_t len)
{
	uint8_t *h = room_b[0] + PKT_HEADROOM;
	memset(room_b[0], 0xee, CAP);
	memset(h, 0, 60);
	h[0] = (uint8_t)(0x40 | words);
	h[1] = 0x2e;
	be16_store(h + 2, (uint16_t)total);
	h[9] = 50;
	be32_store(h + 12, 0xc0000201);
	be32_store(h + 16, 0xc6336402);
	pkt_b[0] = (struct pkt){.base = room_b[0], .cap = CAP, .off = PKT_HEADROOM, .len = len};
	in[0] = (struct udp_msg){.pkt = &pkt_b[0]};
	return &in[0];
}

START_TEST(headers)
{
	struct addr src = ns_addr("192.0.2.1"), dst = ns_addr("198.51.100.2");
	for (unsigned words = 0; words < 16; words++)
		for (unsigned total = 0; total < 120; total++)
			for (uint32_t len = 0; len < 120; len++) {
				struct udp_msg *m = header(words, total, len);
				bool good = words >= 5 && total >= words * 4 && total <= len;
				ck_assert_int_eq(raw_strip_ip4(m), good);
				if (!good)
					continue;
				ck_assert_uint_eq(m->pkt->off, PKT_HEADROOM + words * 4);
				ck_assert_uint_eq(m->pkt->len, total - words * 4);
				ck_assert_uint_eq(m->pkt->tos, 0x2e);
				ck_assert(addr_equal(&m->remote.addr, &src));
				ck_assert(addr_equal(&m->local.addr, &dst));
			}
	struct udp_msg *m = header(5, 100, 100);
	m->pkt->base[PKT_HEADROOM] = 0x65;
	ck_assert(!raw_strip_ip4(m));
	m = header(5, 100, 100);
	m->pkt->base[PKT_HEADROOM + 9] = 51;
	ck_assert(!raw_strip_ip4(m));
}
END_TEST

/* Options on the wire. */
START_TEST(options)
{
	struct raw_sock *b = open_share(0, 2, 0); /* options are odd, the SPI is even */
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	static const uint8_t esp[12] = {9, 9, 9, 8, 0, 0, 0, 1, 1, 2, 3, 4};
	for (socklen_t n = 4; n <= 40; n += 4) {
		uint8_t nops[40];
		memset(nops, 1, sizeof nops);
		int fd = socket(AF_INET, SOCK_RAW, 50);
		ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, nops, n), 0);
		ck_assert_int_eq(
		    sendto(fd, esp, sizeof esp, 0, (struct sockaddr *)&to, sizeof to), 12);
		close(fd);
		ck_assert_uint_eq(receive(b, 1), 1);
		ck_assert_uint_eq(in[0].pkt->off, PKT_HEADROOM + n);
		ck_assert_uint_eq(in[0].pkt->len, sizeof esp);
		ck_assert_mem_eq(in[0].pkt->base + in[0].pkt->off, esp, sizeof esp);
	}
	raw_close(b);
}
END_TEST

START_TEST(truncated)
{
	struct raw_counters c;
	struct raw_sock *a = open_share(0, 2, 0), *b = open_share(1, 2, 0);
	put(0, 1, 1000, NULL, pairs[_i].dst);
	put(1, 3, 200, NULL, pairs[_i].dst);
	pkt_b[0].cap = PKT_HEADROOM + 999;
	ck_assert_uint_eq(raw_send_batch(a, out, 2, NULL), 2);
	ck_assert_uint_eq(receive(b, 2), 2);
	ck_assert_uint_eq(in[0].pkt->len, 0);
	same(1, 1);
	raw_counters(b, &c);
	ck_assert_uint_eq(c.truncated, 1);
	ck_assert_uint_eq(c.malformed, 0);
	/* To the byte it fits. */
	pkt_b[0].cap = PKT_HEADROOM + 1000;
	ck_assert_uint_eq(raw_send_batch(a, out, 1, NULL), 1);
	ck_assert_uint_eq(receive(b, 1), 1);
	same(0, 0);
	pkt_b[0].cap = PKT_HEADROOM;
	ck_assert_uint_eq(raw_send_batch(a, out, 1, NULL), 1);
	ck_assert_int_eq(raw_recv_batch(b, in, 1), -EINVAL);
	raw_close(a);
	raw_close(b);
}
END_TEST

/* What the kernel refuses does not take its neighbours along. */
START_TEST(refusals)
{
	int err = 0;
	struct raw_sock *a = open_share(0, 2, 0), *b = open_share(1, 2, 0);
	put(0, 1, 20, NULL, "127.0.0.1");
	put(1, 3, 21, NULL, "203.0.113.1"); /* no route */
	put(2, 5, 22, NULL, "127.0.0.1");
	put(3, 7, 23, "192.0.2.1", "127.0.0.1"); /* not our address */
	put(4, 9, 24, NULL, "::1");
	put(5, 11, 25, NULL, "::1");
	out[5].remote.addr.family = ADDR_NONE;
	ck_assert_uint_eq(raw_send_batch(a, out, 6, &err), 3);
	ck_assert_int_eq(err, -EAFNOSUPPORT);
	ck_assert_uint_eq(raw_send_batch(a, out + 1, 1, &err), 0);
	ck_assert_int_eq(err, -ENETUNREACH);
	ck_assert_uint_eq(receive(b, 3), 3);
	ck_assert_uint_eq(in[0].pkt->len + in[1].pkt->len + in[2].pkt->len, 20 + 22 + 24);
	raw_close(a);
	raw_close(b);
}
END_TEST

/* ---- What cannot be opened ---- */

static void expect_no_permission(void)
{
	struct raw_sock *s;
	struct raw_params p = {.families = UDP_BOTH};
	ck_assert_int_eq(raw_open(&s, &p, why), -EPERM);
	ck_assert_ptr_null(s);
	ck_assert_str_eq(why,
	    "no permission to open a raw socket for plain ESP: run as root, give the program "
	    "CAP_NET_RAW (setcap cap_net_raw=ep, or --cap-add NET_RAW for a container), or set "
	    "encap = true");
}

START_TEST(no_permission)
{
	ck_assert_int_eq(setuid(65534), 0);
	expect_no_permission();
}
END_TEST

/* All capabilities, but not over this network. */
START_TEST(user_namespace)
{
	if (unshare(CLONE_NEWUSER) != 0)
		return; /* forbidden on this host */
	expect_no_permission();
}
END_TEST

/* From here on the process is on a host whose kernel lacks a family. */
static void without_family(unsigned family)
{
	/* clang-format off */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, family, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	/* clang-format on */
	struct sock_fprog p = {sizeof code / sizeof *code, code};
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p), 0);
}

static const struct missing_row {
	unsigned family, left;
	const char *notice;
} missing[] = {
    {AF_INET6, UDP_V4, "IPv6 is not available on this host: plain ESP is carried by IPv4 only"},
    {AF_INET, UDP_V6, "IPv4 is not available on this host: plain ESP is carried by IPv6 only"},
};

START_TEST(missing_family)
{
	const struct missing_row *m = &missing[_i];
	struct raw_sock *s;
	struct raw_params p = {.families = UDP_BOTH};
	without_family(m->family);
	ck_assert_int_eq(raw_open(&s, &p, why), 0);
	ck_assert_str_eq(why, m->notice);
	ck_assert_uint_eq(raw_families(s), m->left);
	raw_close(s);
	p.families = UDP_BOTH & ~m->left;
	ck_assert_int_eq(raw_open(&s, &p, why), -EAFNOSUPPORT);
	ck_assert_ptr_nonnull(strstr(why, "cannot open a raw socket for plain ESP"));
	/* Of two reasons, the one with a mend. */
	p.families = UDP_BOTH;
	ck_assert_int_eq(setuid(65534), 0);
	ck_assert_int_eq(raw_open(&s, &p, why), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "CAP_NET_RAW"));
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("raw");
	TCase *t = tcase_create("loopback");
	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, there_and_back, 0, 2);
	tcase_add_loop_test(t, many_sizes, 0, 2);
	tcase_add_test(t, large_mixed_batch);
	tcase_add_test(t, families_take_turns);
	tcase_add_loop_test(t, steering, 0, sizeof shares / sizeof *shares);
	tcase_add_loop_test(t, unwanted, 0, 2);
	tcase_add_loop_test(t, runts, 0, 2);
	tcase_add_test(t, parameters);
	tcase_add_test(t, mine);
	tcase_add_loop_test(t, no_filter_yet, 0, 2);
	tcase_add_test(t, headers);
	tcase_add_test(t, options);
	tcase_add_loop_test(t, truncated, 0, 2);
	tcase_add_test(t, refusals);
	tcase_add_test(t, no_permission);
	tcase_add_test(t, user_namespace);
	tcase_add_loop_test(t, missing_family, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

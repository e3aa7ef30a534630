/* The UDP driver on loopback: batches, local addresses, TOS, classes, ports in use. */
#include "daemon/udp/udp.h"
#include "test/netns/netns.h"
#include "test/unit/req.h"

#include <check.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { CAP = PKT_HEADROOM + 2048, N = 100 };

static uint8_t room_a[N][CAP], room_b[N][CAP];
static struct pkt pkt_a[N], pkt_b[N];
static struct udp_msg out[N], in[N];
static char why[UDP_WHY];

static void set_up(void)
{
	netns_enter();
	for (size_t i = 0; i < N; i++) {
		pkt_a[i] = (struct pkt){.base = room_a[i], .cap = CAP};
		pkt_b[i] = (struct pkt){.base = room_b[i], .cap = CAP};
		out[i] = (struct udp_msg){.pkt = &pkt_a[i]};
		in[i] = (struct udp_msg){.pkt = &pkt_b[i]};
	}
}

static void tear_down(void)
{
}

static struct udp_sock *open_port(uint16_t port, unsigned families)
{
	struct udp_sock *s;
	struct udp_params p = {.families = families, .port = port};
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

static void put(size_t i, const char *text, const char *src, const char *dst, uint16_t port)
{
	pkt_a[i].off = PKT_HEADROOM;
	pkt_a[i].len = (uint32_t)strlen(text);
	memcpy(room_a[i] + PKT_HEADROOM, text, strlen(text));
	out[i].remote = at(dst, port);
	out[i].local = src ? at(src, 0) : (struct endpoint){0};
}

/* Receives until `want` are there or nothing has come for a second. */
static size_t receive(struct udp_sock *s, size_t want)
{
	size_t got = 0;
	struct pollfd f = {.fd = udp_fd(s), .events = POLLIN};
	while (got < want && poll(&f, 1, 1000) == 1) {
		int rc = udp_recv_batch(s, in + got, N - got);
		ck_assert_int_ge(rc, 0);
		got += (size_t)rc;
	}
	return got;
}

static bool is(size_t i, const char *text)
{
	const struct pkt *p = in[i].pkt;
	return p->len == strlen(text) && memcmp(p->base + p->off, text, p->len) == 0;
}

static const struct pair {
	const char *src, *dst;
} pairs[] = {{"127.0.0.3", "127.0.0.9"}, {"::1", "::1"}};

/* There and back: the answer leaves from the address that was asked, by the interface it came in.
 */
START_TEST(there_and_back)
{
	const struct pair *p = &pairs[_i];
	struct udp_sock *a = open_port(4500, UDP_BOTH), *b = open_port(4501, UDP_BOTH);
	ck_assert_uint_eq(udp_port(a), 4500);
	ck_assert_uint_eq(udp_families(a), UDP_BOTH);
	int err = 1;
	put(0, "question", p->src, p->dst, 4501);
	pkt_a[0].tos = 0xb8 | 2;
	ck_assert_uint_eq(udp_send_batch(a, out, 1, &err), 1);
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(receive(b, 1), 1);
	ck_assert(is(0, "question"));
	struct endpoint from = at(p->src, 4500), to = at(p->dst, 4501);
	ck_assert(endpoint_equal(&in[0].remote, &from));
	ck_assert(endpoint_equal(&in[0].local, &to));
	ck_assert_uint_eq(in[0].ifindex, if_nametoindex("lo"));
	ck_assert_uint_eq(in[0].pkt->tos, 0xb8 | 2);
	ck_assert_uint_eq(in[0].pkt->off, PKT_HEADROOM);

	in[0].pkt->tos = 0;
	ck_assert_uint_eq(udp_send_batch(b, in, 1, &err), 1);
	in[0].remote.port = 1; /* stale on purpose */
	ck_assert_uint_eq(receive(a, 1), 1);
	ck_assert(is(0, "question"));
	ck_assert(endpoint_equal(&in[0].remote, &to));
	ck_assert(endpoint_equal(&in[0].local, &from));
	ck_assert_uint_eq(in[0].pkt->tos, 0);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* Both families in one batch, more than one call takes, in order within a family. */
START_TEST(large_mixed_batch)
{
	char text[16];
	struct udp_sock *a = open_port(4500, UDP_BOTH), *b = open_port(4501, UDP_BOTH);
	for (size_t i = 0; i < N; i++) {
		snprintf(text, sizeof text, "packet %zu", i);
		put(i, text, NULL, i % 10 < 7 ? "127.0.0.1" : "::1", 4501);
	}
	ck_assert_uint_eq(udp_send_batch(a, out, N, NULL), N);
	ck_assert_uint_eq(receive(b, N), N);
	int last[2] = {-1, -1}, n;
	for (size_t i = 0; i < N; i++) {
		unsigned family = in[i].remote.addr.family;
		ck_assert(family == ADDR_V4 || family == ADDR_V6);
		in[i].pkt->base[PKT_HEADROOM + in[i].pkt->len] = 0;
		ck_assert_int_eq(
		    sscanf((char *)in[i].pkt->base + PKT_HEADROOM, "packet %d", &n), 1);
		ck_assert_int_gt(n, last[family == ADDR_V6]);
		ck_assert_int_eq(n % 10 < 7, family == ADDR_V4);
		last[family == ADDR_V6] = n;
	}
	ck_assert_int_eq(udp_recv_batch(b, in, N), 0);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* One family that floods does not starve the other. */
START_TEST(families_take_turns)
{
	struct udp_sock *a = open_port(4500, UDP_BOTH), *b = open_port(4501, UDP_BOTH);
	put(0, "four", NULL, "127.0.0.1", 4501);
	put(1, "six", NULL, "::1", 4501);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(udp_send_batch(a, out, 1, NULL), 1);
	ck_assert_uint_eq(udp_send_batch(a, out + 1, 1, NULL), 1);
	int calls = 0;
	do {
		ck_assert_int_eq(udp_recv_batch(b, in, 1), 1);
		ck_assert_int_lt(++calls, 50);
	} while (!is(0, "six"));
	udp_close(a);
	udp_close(b);
}
END_TEST

/* What the kernel refuses does not take its neighbours along. */
START_TEST(refusals)
{
	int err = 0;
	struct udp_sock *a = open_port(4500, UDP_BOTH), *b = open_port(4501, UDP_BOTH);
	put(0, "one", NULL, "127.0.0.1", 4501);
	put(1, "no route", NULL, "203.0.113.1", 4501);
	put(2, "two", NULL, "127.0.0.1", 4501);
	put(3, "not our address", "192.0.2.1", "127.0.0.1", 4501);
	put(4, "three", NULL, "::1", 4501);
	put(5, "no family", NULL, "::1", 4501);
	out[5].remote.addr.family = ADDR_NONE;
	ck_assert_uint_eq(udp_send_batch(a, out, 6, &err), 3);
	ck_assert_int_eq(err, -EAFNOSUPPORT);
	ck_assert_uint_eq(udp_send_batch(a, out + 1, 1, &err), 0);
	ck_assert_int_eq(err, -ENETUNREACH);
	ck_assert_uint_eq(receive(b, 3), 3);
	ck_assert(is(0, "one") || is(0, "three"));
	udp_close(a);
	udp_close(b);
}
END_TEST

/* A peer whose port is closed answers by ICMP: later datagrams go and come all the same. */
START_TEST(closed_port)
{
	int err;
	struct udp_sock *a = open_port(4500, UDP_BOTH), *b = open_port(4501, UDP_BOTH);
	for (int round = 0; round < 5; round++) {
		put(0, "nobody", NULL, _i ? "::1" : "127.0.0.1", 9);
		put(1, "somebody", NULL, _i ? "::1" : "127.0.0.1", 4501);
		ck_assert_uint_eq(udp_send_batch(a, out, 2, &err), 2);
		ck_assert_int_ge(udp_recv_batch(a, in, N), 0);
		ck_assert_uint_eq(receive(b, 1), 1);
		ck_assert(is(0, "somebody"));
	}
	udp_close(a);
	udp_close(b);
}
END_TEST

START_TEST(truncated)
{
	static char big[1500];
	struct udp_counters c;
	struct udp_sock *a = open_port(4500, UDP_BOTH), *b = open_port(4501, UDP_BOTH);
	memset(big, 'x', sizeof big - 1);
	put(0, big, NULL, "127.0.0.1", 4501);
	put(1, "fits", NULL, "127.0.0.1", 4501);
	pkt_b[0].cap = PKT_HEADROOM + 1498;
	ck_assert_uint_eq(udp_send_batch(a, out, 2, NULL), 2);
	ck_assert_uint_eq(receive(b, 2), 2);
	ck_assert_uint_eq(in[0].pkt->len, 0);
	ck_assert(is(1, "fits"));
	udp_counters(b, &c);
	ck_assert_uint_eq(c.truncated, 1);
	pkt_b[0].cap = PKT_HEADROOM;
	ck_assert_int_eq(udp_recv_batch(b, in, 1), -EINVAL);
	udp_close(a);
	udp_close(b);
}
END_TEST

static const struct class_row {
	const char *bytes; /* hexadecimal */
	bool marker;
	enum udp_class class_;
	uint32_t len;
} classes[] = {
    {"ff", false, UDP_KEEPALIVE, 1},
    {"fe", false, UDP_RUNT, 1},
    {"", false, UDP_RUNT, 0},
    {"ffff", false, UDP_RUNT, 2},
    {"000000", false, UDP_RUNT, 3},
    {"00000000", false, UDP_RUNT, 4},
    {"", true, UDP_RUNT, 4},
    {"0000000011", false, UDP_IKE, 1},
    {"aabbcc", true, UDP_IKE, 3},
    {"ff", true, UDP_IKE, 1},
    {"ffffffff", false, UDP_ESP, 4},
    {"0000000100000001aa", false, UDP_ESP, 9},
    {"01000000", false, UDP_ESP, 4},
};

START_TEST(classes_over_the_wire)
{
	REQ("7296-2-3");
	const struct class_row *c = &classes[_i];
	struct udp_sock *a = open_port(4500, UDP_BOTH), *b = open_port(4501, UDP_BOTH);
	put(0, "", NULL, _i % 2 ? "::1" : "127.0.0.1", 4501);
	long n = bytes_from_hex(room_a[0] + PKT_HEADROOM, 64, c->bytes);
	ck_assert_int_ge(n, 0);
	pkt_a[0].len = (uint32_t)n;
	out[0].marker = c->marker;
	ck_assert_uint_eq(udp_send_batch(a, out, 1, NULL), 1);
	ck_assert_uint_eq(receive(b, 1), 1);
	ck_assert_int_eq(udp_classify(in[0].pkt), c->class_);
	ck_assert_uint_eq(in[0].pkt->len, c->len);
	if (c->class_ == UDP_IKE && c->marker)
		ck_assert_int_eq(
		    memcmp(in[0].pkt->base + in[0].pkt->off, room_a[0] + PKT_HEADROOM, (size_t)n),
		    0);
	udp_close(a);
	udp_close(b);
}
END_TEST

/* Also where the other one is of one family, or set SO_REUSEADDR. */
START_TEST(port_in_use)
{
	char expect[UDP_WHY];
	struct udp_sock *s;
	struct udp_params p = {.families = UDP_BOTH, .port = 500};
	int ready[2];
	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "charon\n\x01x");
		struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(500)};
		int one = 1, fd = socket(AF_INET6, SOCK_DGRAM, 0);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		int rc = bind(fd, (struct sockaddr *)&sa, sizeof sa);
		(void)!write(ready[1], rc == 0 ? "y" : "n", 1);
		for (;;)
			pause();
	}
	char c;
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(c, 'y');
	ck_assert_int_eq(udp_open(&s, &p, why), -EADDRINUSE);
	ck_assert_ptr_null(s);
	snprintf(expect, sizeof expect,
	    "UDP port 500 is in use by charon (pid %ld): stop it, or set local_port", (long)pid);
	ck_assert_msg(strncmp(why, expect, 30) == 0, "%s", why);
	ck_assert_ptr_nonnull(strstr(why, "charon"));
	ck_assert_ptr_nonnull(strchr(expect, '('));
	ck_assert_ptr_nonnull(strstr(why, strchr(expect, '(')));
	ck_assert_ptr_null(strchr(why, '\n'));
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	waitpid(pid, NULL, 0);
	s = open_port(500, UDP_BOTH);
	udp_close(s);
}
END_TEST

/* Two of ours do not share a port either, also after one of them has been used a while. */
START_TEST(exclusive)
{
	struct udp_sock *a = open_port(500, UDP_BOTH), *b;
	struct udp_params p = {.families = UDP_V6, .port = 500};
	put(0, "x", NULL, "::1", 500);
	out[0].ifindex = if_nametoindex("lo");
	ck_assert_uint_eq(udp_send_batch(a, out, 1, NULL), 1);
	ck_assert_int_eq(udp_open(&b, &p, why), -EADDRINUSE);
	p.families = UDP_V4;
	ck_assert_int_eq(udp_open(&b, &p, why), -EADDRINUSE);
	udp_close(a);
}
END_TEST

START_TEST(no_permission)
{
	struct udp_sock *s;
	struct udp_params p = {.families = UDP_BOTH, .port = 500};
	ck_assert_int_eq(setuid(65534), 0);
	ck_assert_int_eq(udp_open(&s, &p, why), -EACCES);
	ck_assert_ptr_nonnull(strstr(why, "no permission to use UDP port 500"));
	p.port = 0;
	ck_assert_int_eq(udp_open(&s, &p, why), 0);
	ck_assert_uint_gt(udp_port(s), 0);
	udp_close(s);
}
END_TEST

START_TEST(one_family)
{
	int err;
	struct udp_sock *s = open_port(0, UDP_V4);
	ck_assert_uint_eq(udp_families(s), UDP_V4);
	put(0, "x", NULL, "::1", 9);
	ck_assert_uint_eq(udp_send_batch(s, out, 1, &err), 0);
	ck_assert_int_eq(err, -EAFNOSUPPORT);
	udp_close(s);
	udp_close(NULL);
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
    {AF_INET6, UDP_V4, "IPv6 is not available on this host: UDP port 500 serves IPv4 only"},
    {AF_INET, UDP_V6, "IPv4 is not available on this host: UDP port 500 serves IPv6 only"},
};

START_TEST(missing_family)
{
	const struct missing_row *m = &missing[_i];
	struct udp_sock *s;
	struct udp_params p = {.families = UDP_BOTH, .port = 500};
	without_family(m->family);
	ck_assert_int_eq(udp_open(&s, &p, why), 0);
	ck_assert_str_eq(why, m->notice);
	ck_assert_uint_eq(udp_families(s), m->left);
	udp_close(s);
	p.families = UDP_BOTH & ~m->left;
	ck_assert_int_eq(udp_open(&s, &p, why), -EAFNOSUPPORT);
	ck_assert_ptr_nonnull(strstr(why, "cannot open UDP port 500"));
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	Suite *s = suite_create("udp");
	TCase *t = tcase_create("udp");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, there_and_back, 0, 2);
	tcase_add_test(t, large_mixed_batch);
	tcase_add_test(t, families_take_turns);
	tcase_add_test(t, refusals);
	tcase_add_loop_test(t, closed_port, 0, 2);
	tcase_add_test(t, truncated);
	tcase_add_loop_test(t, classes_over_the_wire, 0, sizeof classes / sizeof *classes);
	tcase_add_test(t, port_in_use);
	tcase_add_test(t, exclusive);
	tcase_add_test(t, no_permission);
	tcase_add_test(t, one_family);
	tcase_add_loop_test(t, missing_family, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

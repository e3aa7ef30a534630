/*
 * Path MTU over three hosts: this one, a router, and a peer behind a link of 1300 bytes. What is
 * too large is learned from the router, by UDP sockets and by raw ones.
 */
#include <check.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "daemon/pmtu.h"
#include "daemon/raw/raw.h"
#include "daemon/udp/msg.h"
#include "test/netns/netns.h"

enum { MIDDLE = 1300, LARGE = 1400, CAP = PKT_HEADROOM + 2048 };

static pid_t router, peer;
static struct pmtu_table *table;
static uint8_t room[CAP];
static struct pkt pkt = {.base = room, .cap = CAP};
static char why[UDP_WHY];

static const struct way {
	const char *dst;
	uint32_t headers; /* IP */
} ways[] = {{"10.77.2.2", 20}, {"fd77:2::2", 40}};

/* A host of its own: a process that does nothing, until it is killed or its parent ends. */
static pid_t host(void)
{
	int ready[2];
	char c;
	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) != 0 || netns_up("lo") != 0 ||
		    write(ready[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

/* Runs a shell line on a host; 0: on this one. */
static void on(pid_t who, const char *line)
{
	char path[64];
	pid_t pid = fork();
	if (pid == 0) {
		snprintf(path, sizeof path, "/proc/%ld/ns/net", (long)who);
		if (who && setns(open(path, O_RDONLY | O_CLOEXEC), CLONE_NEWNET) != 0)
			_exit(126);
		execl("/bin/sh", "sh", "-ec", line, (char *)NULL);
		_exit(127);
	}
	int status = 1;
	waitpid(pid, &status, 0);
	ck_assert_msg(status == 0, "%s", line);
}

static void set_up(void)
{
	char line[512];
	netns_enter();
	router = host();
	peer = host();
	snprintf(line, sizeof line,
	    "ip link add a0 type veth peer name r0 netns %ld;"
	    "ip addr add 10.77.1.1/24 dev a0; ip addr add fd77:1::1/64 dev a0 nodad;"
	    "ip link set a0 up; ip route add default via 10.77.1.254",
	    (long)router);
	on(0, line);
	snprintf(line, sizeof line,
	    "ip link add r1 mtu %d type veth peer name b0 mtu %d netns %ld;"
	    "ip addr add 10.77.1.254/24 dev r0; ip addr add 10.77.2.254/24 dev r1;"
	    "ip addr add fd77:1::fe/64 dev r0 nodad; ip addr add fd77:2::fe/64 dev r1 nodad;"
	    "echo 1 > /proc/sys/net/ipv4/ip_forward;"
	    "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding;"
	    "ip link set r0 up; ip link set r1 up",
	    MIDDLE, MIDDLE, (long)peer);
	on(router, line);
	on(peer, "ip addr add 10.77.2.2/24 dev b0; ip addr add fd77:2::2/64 dev b0 nodad;"
		 "ip link set b0 up; ip route add default via 10.77.2.254;"
		 "ip -6 route add default via fd77:2::fe");
	on(0, "ip -6 route add default via fd77:1::fe");
	table = pmtu_new(16);
	ck_assert_ptr_nonnull(table);
}

static void tear_down(void)
{
	pmtu_free(table);
	kill(router, SIGKILL);
	kill(peer, SIGKILL);
	waitpid(router, NULL, 0);
	waitpid(peer, NULL, 0);
}

static struct addr addr(const char *text)
{
	struct addr a;
	ck_assert(addr_parse(&a, text));
	return a;
}

/* A packet of LARGE bytes with its `headers`, DF. */
static struct udp_msg message(const struct way *w, uint32_t headers)
{
	memset(room, 0x5a, sizeof room);
	be32_store(room + PKT_HEADROOM, 0xabcd1234);
	pkt = (struct pkt){
	    .base = room, .cap = CAP, .off = PKT_HEADROOM, .len = LARGE - headers, .flags = PKT_DF};
	return (struct udp_msg){.pkt = &pkt, .remote = {addr(w->dst), 4500}};
}

/* Waits for news about size on a plain socket. */
static struct udp_too_big news_of(int fd)
{
	struct udp_too_big t[4];
	struct pollfd f = {.fd = fd, .events = 0};
	ck_assert_int_eq(poll(&f, 1, 2000), 1);
	ck_assert(f.revents & POLLERR);
	ck_assert_uint_eq(udp_errors_read(fd, t, 4), 1);
	/* The queue is empty: the socket does not stay in error. */
	ck_assert_uint_eq(udp_errors_read(fd, t + 1, 3), 0);
	return t[0];
}

/* One UDP socket with DF: the router's report, then the host's own refusal. */
START_TEST(plain_socket)
{
	const struct way *w = &ways[_i];
	bool v6 = _i;
	struct udp_msg m = message(w, w->headers + 8);
	union udp_name name;
	socklen_t n = udp_msg_name(&m, 4500, &name);
	int always = v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(udp_errors_on(fd, m.remote.addr.family), 0);
	ck_assert_int_eq(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			     v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &always, sizeof always),
	    0);
	ck_assert_int_eq(sendto(fd, room + PKT_HEADROOM, pkt.len, 0, &name.sa, n), (int)pkt.len);
	struct udp_too_big t = news_of(fd);
	ck_assert(addr_equal(&t.dst, &m.remote.addr));
	ck_assert(t.by_icmp);
	ck_assert_uint_eq(t.spi, 0xabcd1234);
	ck_assert_uint_eq(pmtu_learn(table, &t.dst, t.mtu, 0), MIDDLE);
	ck_assert_uint_eq(pmtu_get(table, &m.remote.addr), MIDDLE);

	/* The router's error is told once more in place of the next call. */
	int rc;
	do
		rc = (int)sendto(fd, room + PKT_HEADROOM, pkt.len, 0, &name.sa, n);
	while (rc >= 0);
	ck_assert_int_eq(errno, EMSGSIZE);
	sendto(fd, room + PKT_HEADROOM, pkt.len, 0, &name.sa, n);
	struct udp_too_big all[4];
	ck_assert_uint_ge(udp_errors_read(fd, all, 4), 1);
	ck_assert(!all[0].by_icmp);
	ck_assert_uint_eq(all[0].mtu, MIDDLE);
	ck_assert(addr_equal(&all[0].dst, &m.remote.addr));
	ck_assert_uint_eq(pmtu_learn(table, &all[0].dst, all[0].mtu, 1), 0);
	close(fd);
}
END_TEST

/* Sends until the driver says that it is too large. */
static void send_until_refused(struct udp_sock *s, const struct udp_msg *m)
{
	int err = 0;
	for (int i = 0; i < 200 && err != -EMSGSIZE; i++) {
		udp_send_batch(s, m, 1, &err);
		poll(NULL, 0, 10);
	}
	ck_assert_int_eq(err, -EMSGSIZE);
}

/* The UDP driver: after its refusal the route is asked. */
START_TEST(udp_driver)
{
	const struct way *w = &ways[_i];
	struct udp_sock *s;
	struct udp_params p = {.families = UDP_BOTH, .port = 4500};
	uint32_t mtu = 0;
	ck_assert_msg(udp_open(&s, &p, why) == 0, "%s", why);
	struct udp_msg m = message(w, w->headers + 8);
	ck_assert_int_eq(udp_route_mtu(&m.remote.addr, NULL, 0, &mtu), 0);
	ck_assert_uint_eq(mtu, 1500);
	send_until_refused(s, &m);
	ck_assert_int_eq(udp_route_mtu(&m.remote.addr, NULL, if_nametoindex("a0"), &mtu), 0);
	ck_assert_uint_eq(mtu, MIDDLE);
	ck_assert_uint_eq(pmtu_learn(table, &m.remote.addr, mtu, 0), MIDDLE);
	/* To the byte. */
	int err;
	pkt.len = MIDDLE - w->headers - 8;
	ck_assert_uint_eq(udp_send_batch(s, &m, 1, &err), 1);
	pkt.len++;
	ck_assert_uint_eq(udp_send_batch(s, &m, 1, &err), 0);
	udp_close(s);
}
END_TEST

START_TEST(raw_driver)
{
	const struct way *w = &ways[_i];
	struct raw_sock *s;
	struct raw_params p = {.families = UDP_BOTH};
	struct udp_msg in = {.pkt = &(struct pkt){.base = (uint8_t[CAP]){0}, .cap = CAP}};
	struct udp_too_big t;
	int err;
	ck_assert_msg(raw_open(&s, &p, why) == 0, "%s", why);
	struct udp_msg m = message(w, w->headers);
	ck_assert_uint_eq(raw_send_batch(s, &m, 1, &err), 1);
	struct pollfd f = {.fd = raw_fd(s), .events = POLLIN};
	ck_assert_int_eq(poll(&f, 1, 2000), 1);
	ck_assert_int_eq(raw_recv_batch(s, &in, 1), 0);
	ck_assert(raw_next_too_big(s, &t));
	ck_assert(addr_equal(&t.dst, &m.remote.addr));
	ck_assert(t.by_icmp);
	ck_assert_uint_eq(t.spi, 0xabcd1234);
	ck_assert_uint_eq(pmtu_learn(table, &t.dst, t.mtu, 0), MIDDLE);
	ck_assert(!raw_next_too_big(s, &t));
	ck_assert_int_eq(poll(&f, 1, 0), 0);
	pkt.len = MIDDLE - w->headers;
	ck_assert_uint_eq(raw_send_batch(s, &m, 1, &err), 1);
	pkt.len++;
	ck_assert_uint_eq(raw_send_batch(s, &m, 1, &err), 0);
	ck_assert_int_eq(err, -EMSGSIZE);
	ck_assert(raw_next_too_big(s, &t));
	ck_assert(!t.by_icmp);
	ck_assert_uint_eq(pmtu_learn(table, &t.dst, t.mtu, 1), 0);
	raw_close(s);
}
END_TEST

/* Destinations that there is no route to, and none at all. */
START_TEST(no_route)
{
	uint32_t mtu = 7;
	struct addr none = {0}, far = addr("10.77.2.2"), src = addr("192.0.2.9");
	struct addr lo = addr("127.0.0.1"), here = addr("10.77.1.1");
	ck_assert_int_eq(udp_route_mtu(&none, NULL, 0, &mtu), -EAFNOSUPPORT);
	ck_assert_int_eq(udp_route_mtu(&far, &src, 0, &mtu), -EADDRNOTAVAIL);
	ck_assert_int_eq(udp_route_mtu(&far, NULL, 999, &mtu), -ENODEV);
	on(0, "ip route del default");
	ck_assert_int_eq(udp_route_mtu(&far, NULL, 0, &mtu), -ENETUNREACH);
	ck_assert_uint_eq(mtu, 7);
	ck_assert_int_eq(udp_route_mtu(&lo, NULL, 1, &mtu), 0);
	ck_assert_uint_eq(mtu, 65535); /* the most that IPv4 knows */
	ck_assert_int_eq(udp_route_mtu(&here, &here, 0, &mtu), 0);
}
END_TEST

int main(void)
{
	if (!netns_possible())
		return NETNS_SKIP;
	if (system("ip -V >/dev/null 2>&1") != 0) {
		fprintf(stderr, "skipped: needs ip of iproute2\n");
		return NETNS_SKIP;
	}
	Suite *s = suite_create("pmtu_path");
	TCase *t = tcase_create("path");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, plain_socket, 0, 2);
	tcase_add_loop_test(t, udp_driver, 0, 2);
	tcase_add_loop_test(t, raw_driver, 0, 2);
	tcase_add_test(t, no_route);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/*
 * The sockets behind one UDP port: opening, options, pinning to interfaces, and what a datagram on
 * a port shared by IKE and ESP is (RFC 3948 section 2).
 */
#include "daemon/udp/udp.h"
#include "daemon/udp/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_DEFAULT = 4 << 20 };

struct option_row {
	int family, level, name, value;
};

/* Fragments are allowed (DF clear): ESP is sized by the tunnel's MTU, and a path that is narrower
 * still must not swallow packets silently. */
static const struct option_row options[] = {
    {AF_INET, IPPROTO_IP, IP_PKTINFO, 1},
    {AF_INET, IPPROTO_IP, IP_RECVTOS, 1},
    {AF_INET, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT},
    {AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, 1},
    {AF_INET6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
    {AF_INET6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
    {AF_INET6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT},
};

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

/* Beyond the system's limit where we may, up to it otherwise; the kernel clips the second by
 * itself. */
static void set_buffers(int fd, uint32_t bytes)
{
	int n = (int)(bytes > INT32_MAX / 2 ? INT32_MAX / 2 : bytes);
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, n) != 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, n);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, n) != 0)
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, n);
}

static int bind_any(int fd, int family, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const void *sa = family == AF_INET ? (const void *)&v4 : (const void *)&v6;
	socklen_t n = family == AF_INET ? sizeof v4 : sizeof v6;
	return bind(fd, sa, n) == 0 ? 0 : -errno;
}

/* A socket with its options, not yet bound. A negative errno otherwise. */
static int new_socket(int family, uint32_t buffer)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const struct option_row *o = &options[i];
		int rc = o->family == family ? set_int(fd, o->level, o->name, o->value) : 0;
		if (rc != 0) {
			close(fd);
			return rc;
		}
	}
	set_buffers(fd, buffer);
	return fd;
}

static int watch(struct udp_sock *s, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
	socklen_t n = sizeof sa;
	if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
		return 0;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	if (sa.ss_family == AF_INET) {
		memcpy(&v4, &sa, sizeof v4);
		return ntohs(v4.sin_port);
	}
	memcpy(&v6, &sa, sizeof v6);
	return ntohs(v6.sin6_port);
}

static int open_family(struct udp_sock *s, int family, int *out)
{
	int fd = new_socket(family, s->buffer);
	if (fd < 0)
		return fd;
	int rc = bind_any(fd, family, s->port);
	if (rc == 0)
		rc = watch(s, fd);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	s->port = bound_port(fd);
	*out = fd;
	return 0;
}

/* Host without IPv6, as opposed to one where opening failed. */
static bool family_missing(int rc)
{
	return rc == -EAFNOSUPPORT || rc == -EPROTONOSUPPORT || rc == -EADDRNOTAVAIL;
}

static void explain(int rc, enum addr_family family, uint16_t port, char why[UDP_WHY])
{
	char holder[96];
	switch (rc) {
	case -EADDRINUSE:
		udp_holder(holder, sizeof holder, family, port);
		snprintf(why, UDP_WHY, "UDP port %u is in use by %s: stop it, or set local_port",
		    port, holder);
		break;
	case -EACCES:
	case -EPERM:
		snprintf(why, UDP_WHY,
		    "no permission to use UDP port %u: run as root, give the program "
		    "CAP_NET_BIND_SERVICE "
		    "(setcap cap_net_bind_service=ep), or set local_port above 1023",
		    port);
		break;
	default: snprintf(why, UDP_WHY, "cannot open UDP port %u: %s", port, strerror(-rc));
	}
}

static int open_both(struct udp_sock *s, unsigned families, char why[UDP_WHY])
{
	int rc4 = families & UDP_V4 ? open_family(s, AF_INET, &s->v4) : -EAFNOSUPPORT;
	if (rc4 != 0 && !family_missing(rc4)) {
		explain(rc4, ADDR_V4, s->port, why);
		return rc4;
	}
	int rc6 = families & UDP_V6 ? open_family(s, AF_INET6, &s->v6) : -EAFNOSUPPORT;
	if (rc6 != 0 && (!family_missing(rc6) || rc4 != 0)) {
		explain(rc6, ADDR_V6, s->port, why);
		return rc6;
	}
	if (families == UDP_BOTH && (rc4 != 0 || rc6 != 0))
		snprintf(why, UDP_WHY,
		    "%s is not available on this host: UDP port %u serves %s only",
		    rc4 ? "IPv4" : "IPv6", s->port, rc4 ? "IPv6" : "IPv4");
	return 0;
}

/*
 * A second socket on our own port, for one interface. Both must allow reuse for the moment of the
 * bind; afterwards the port is exclusive again.
 */
static int open_pin(struct udp_sock *s, unsigned ifindex)
{
	int fd = new_socket(AF_INET6, s->buffer);
	if (fd < 0)
		return fd;
	int rc = set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)ifindex);
	if (rc == 0)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0)
		rc = set_int(s->v6, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0)
		rc = bind_any(fd, AF_INET6, s->port);
	(void)set_int(s->v6, SOL_SOCKET, SO_REUSEADDR, 0);
	(void)set_int(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	if (rc == 0)
		rc = watch(s, fd);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int find_pin(const struct udp_sock *s, unsigned ifindex)
{
	size_t n = atomic_load_explicit(&s->n_pins, memory_order_acquire);
	for (size_t i = 0; i < n; i++)
		if (s->pins[i].ifindex == ifindex)
			return s->pins[i].fd;
	return -1;
}

static int make_pin(struct udp_sock *s, unsigned ifindex)
{
	pthread_mutex_lock(&s->lock);
	int fd = find_pin(s, ifindex);
	size_t n = atomic_load_explicit(&s->n_pins, memory_order_relaxed);
	if (fd < 0 && n < UDP_PINS) {
		fd = open_pin(s, ifindex);
		if (fd >= 0) {
			s->pins[n] = (struct udp_pin){ifindex, fd};
			atomic_store_explicit(&s->n_pins, n + 1, memory_order_release);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return fd;
}

int udp_fd_for(struct udp_sock *s, const struct udp_msg *m, bool *pinned)
{
	*pinned = true;
	if (m->remote.addr.family == ADDR_V4)
		return s->v4;
	if (m->remote.addr.family != ADDR_V6)
		return -1;
	unsigned pin = udp_pin_of(m);
	if (pin == 0 || s->v6 < 0)
		return s->v6;
	int fd = find_pin(s, pin);
	if (fd < 0)
		fd = make_pin(s, pin);
	*pinned = fd >= 0;
	return fd >= 0 ? fd : s->v6;
}

int udp_open(struct udp_sock **out, const struct udp_params *p, char why[UDP_WHY])
{
	why[0] = 0;
	*out = NULL;
	struct udp_sock *s = calloc(1, sizeof *s);
	if (!s) {
		explain(-ENOMEM, ADDR_NONE, p->port, why);
		return -ENOMEM;
	}
	s->v4 = s->v6 = s->hot = -1;
	s->port = p->port;
	s->buffer = p->buffer ? p->buffer : BUFFER_DEFAULT;
	pthread_mutex_init(&s->lock, NULL);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	int rc = s->epoll < 0 ? -errno : 0;
	if (rc != 0)
		explain(rc, ADDR_NONE, p->port, why);
	else
		rc = open_both(s, p->families, why);
	if (rc != 0) {
		udp_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

void udp_close(struct udp_sock *s)
{
	if (!s)
		return;
	size_t n = atomic_load(&s->n_pins);
	for (size_t i = 0; i < n; i++)
		close(s->pins[i].fd);
	close_one(s->v4);
	close_one(s->v6);
	close_one(s->epoll);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int udp_fd(const struct udp_sock *s)
{
	return s->epoll;
}

uint16_t udp_port(const struct udp_sock *s)
{
	return s->port;
}

unsigned udp_families(const struct udp_sock *s)
{
	return (s->v4 >= 0 ? (unsigned)UDP_V4 : 0) | (s->v6 >= 0 ? (unsigned)UDP_V6 : 0);
}

void udp_counters(const struct udp_sock *s, struct udp_counters *out)
{
	out->truncated = atomic_load_explicit(&s->truncated, memory_order_relaxed);
	out->icmp_errors = atomic_load_explicit(&s->icmp_errors, memory_order_relaxed);
}

enum udp_class udp_classify(struct pkt *p)
{
	static const uint8_t marker[4];
	const uint8_t *b = p->base + p->off;
	if (p->len == 1 && b[0] == 0xff)
		return UDP_KEEPALIVE;
	if (p->len < sizeof marker)
		return UDP_RUNT;
	if (memcmp(b, marker, sizeof marker) != 0)
		return UDP_ESP;
	if (p->len == sizeof marker)
		return UDP_RUNT;
	p->off += (uint32_t)sizeof marker;
	p->len -= (uint32_t)sizeof marker;
	return UDP_IKE;
}

/*
 * The sockets behind one UDP port: opening, options, pinning to interfaces, and what a datagram on
 * a port shared by IKE and ESP is (RFC 3948 section 2).
 */
#include "daemon/udp/udp.h"
#include "daemon/udp/internal.h"
#include "daemon/udp/socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int bind_any(int fd, int family, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const void *sa = family == AF_INET ? (const void *)&v4 : (const void *)&v6;
	socklen_t n = family == AF_INET ? sizeof v4 : sizeof v6;
	return bind(fd, sa, n) == 0 ? 0 : -errno;
}

/* ---- Steering ---- */

/* Classic BPF over the UDP payload. A datagram that is shorter than four bytes ends it with 0. */
static int steer(int fd, const struct udp_params *p)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, p->count),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, p->steer_mask),
	    BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, p->count),
	    BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog prog;
	memset(&prog, 0, sizeof prog); /* the kernel reads the hole in it */
	prog.len = sizeof code / sizeof *code;
	prog.filter = code;

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof prog) == 0
		   ? 0
		   : -errno;
}

static bool in_group(const struct udp_params *p)
{
	return p->count > 0;
}

/* ---- Opening ---- */

/* A socket with its options, not yet bound. A negative errno otherwise. */
static int new_socket(struct udp_sock *s, int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	if (s->params.trains && udp_socket_set(fd, SOL_UDP, UDP_GRO, 1) == 0)
		s->receive_trains = true;
	if (in_group(&s->params))
		(void)udp_socket_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	int rc = udp_socket_prepare(fd, family, s->params.buffer);
	if (rc == 0 && family == AF_INET)
		rc = udp_socket_set(fd, IPPROTO_IP, IP_RECVTOS, 1);
	else if (rc == 0)
		rc = udp_socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc != 0) {
		close(fd);
		return rc;
	}
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

/* Sockets of a group share the port with whoever else says so: that nobody has it is seen by a
 * socket that does not. */
static int probe_alone(int family, uint16_t port)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	int rc = family == AF_INET6 ? udp_socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
	if (rc == 0)
		rc = bind_any(fd, family, port);
	close(fd);
	return rc;
}

static int open_family(struct udp_sock *s, int family, struct udp_leg *out)
{
	const struct udp_params *p = &s->params;
	int rc = in_group(p) && p->index == 0 ? probe_alone(family, s->port) : 0;
	int fd = rc == 0 ? new_socket(s, family) : rc;
	if (fd < 0)
		return fd;
	rc = bind_any(fd, family, s->port);
	if (rc == 0 && in_group(p))
		rc = steer(fd, p);
	if (rc == 0)
		rc = watch(s, fd);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	s->port = bound_port(fd);
	out->fd = fd;
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
	int fd = new_socket(s, AF_INET6);
	if (fd < 0)
		return fd;
	int rc = udp_socket_set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)ifindex);
	if (rc == 0)
		rc = udp_socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0)
		rc = udp_socket_set(s->v6.fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0)
		rc = bind_any(fd, AF_INET6, s->port);
	(void)udp_socket_set(s->v6.fd, SOL_SOCKET, SO_REUSEADDR, 0);
	(void)udp_socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	if (rc == 0)
		rc = watch(s, fd);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static struct udp_leg *find_pin(struct udp_sock *s, unsigned ifindex)
{
	size_t n = atomic_load_explicit(&s->n_pins, memory_order_acquire);
	for (size_t i = 0; i < n; i++)
		if (s->pins[i].ifindex == ifindex)
			return &s->pins[i];
	return NULL;
}

static struct udp_leg *make_pin(struct udp_sock *s, unsigned ifindex)
{
	pthread_mutex_lock(&s->lock);
	struct udp_leg *leg = find_pin(s, ifindex);
	size_t n = atomic_load_explicit(&s->n_pins, memory_order_relaxed);
	if (!leg && n < UDP_PINS) {
		int fd = open_pin(s, ifindex);
		if (fd >= 0) {
			leg = &s->pins[n];
			leg->fd = fd;
			leg->ifindex = ifindex;
			leg->v6 = true;
			atomic_init(&leg->df, false);
			atomic_store_explicit(&s->n_pins, n + 1, memory_order_release);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return leg;
}

struct udp_leg *udp_leg_for(struct udp_sock *s, const struct udp_msg *m, bool *pinned)
{
	*pinned = true;
	if (m->remote.addr.family == ADDR_V4)
		return s->v4.fd >= 0 ? &s->v4 : NULL;
	if (m->remote.addr.family != ADDR_V6 || s->v6.fd < 0)
		return NULL;
	unsigned pin = udp_pin_of(m);
	if (pin == 0)
		return &s->v6;
	struct udp_leg *leg = find_pin(s, pin);
	if (!leg)
		leg = make_pin(s, pin);
	*pinned = leg != NULL;
	return leg ? leg : &s->v6;
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
	s->v4.fd = s->v6.fd = s->hot = -1;
	s->v6.v6 = true;
	s->port = p->port;
	s->params = *p;
	s->params.buffer = p->buffer ? p->buffer : UDP_SOCKET_BUFFER;
	s->send_trains = p->trains;
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
	close_one(s->v4.fd);
	close_one(s->v6.fd);
	close_one(s->epoll);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int udp_fd(const struct udp_sock *s)
{
	return s->epoll;
}

size_t udp_fds(const struct udp_sock *s, int fds[2])
{
	size_t n = 0;
	if (atomic_load_explicit(&s->n_pins, memory_order_relaxed) > 0) {
		fds[n++] = s->epoll;
		return n;
	}
	if (s->v4.fd >= 0)
		fds[n++] = s->v4.fd;
	if (s->v6.fd >= 0)
		fds[n++] = s->v6.fd;
	return n;
}

uint16_t udp_port(const struct udp_sock *s)
{
	return s->port;
}

unsigned udp_families(const struct udp_sock *s)
{
	return (s->v4.fd >= 0 ? (unsigned)UDP_V4 : 0) | (s->v6.fd >= 0 ? (unsigned)UDP_V6 : 0);
}

void udp_counters(const struct udp_sock *s, struct udp_counters *out)
{
	out->truncated = atomic_load_explicit(&s->truncated, memory_order_relaxed);
	out->icmp_errors = atomic_load_explicit(&s->icmp_errors, memory_order_relaxed);
	out->trains_cut = atomic_load_explicit(&s->trains_cut, memory_order_relaxed);
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

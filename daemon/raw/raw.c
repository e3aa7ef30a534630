/*
 * The sockets for IP protocol 50 (RFC 4303): opening, options, the filter in the kernel that leaves
 * each worker its share, pinning to interfaces.
 */
#include "daemon/raw/raw.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/raw/internal.h"
#include "daemon/udp/socket.h"

/* ---- The filter ---- */

static int attach(int fd, struct sock_filter *code, size_t n)
{
	struct sock_fprog p = {.len = (unsigned short)n, .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p) == 0 ? 0 : -errno;
}

static int filter_none(int fd)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};

	return attach(fd, code, sizeof code / sizeof *code);
}

/* What is too short for an SPI ends at the load, with nothing. For IPv4 the filter sees the IP
 * header first, and X takes its length; for IPv6 it sees the payload. */
static int filter_mine(const struct raw_leg *leg, const struct raw_params *p)
{
	struct sock_filter code[] = {
	    leg->v6 ? (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0)
		    : (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, p->steer_mask),
	    BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, p->count),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, p->index, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return attach(leg->fd, code, sizeof code / sizeof *code);
}

bool raw_is_mine(const struct raw_params *p, const struct pkt *pkt)
{
	if (pkt->len < 4)
		return false;
	return (be32_load(pkt->base + pkt->off) & p->steer_mask) % p->count == p->index;
}

static int want(const struct raw_sock *s, const struct raw_leg *leg, bool wanted)
{
	if (leg->fd < 0)
		return 0;
	return wanted ? filter_mine(leg, &s->params) : filter_none(leg->fd);
}

int raw_want(struct raw_sock *s, bool wanted)
{
	int rc4 = want(s, &s->v4, wanted), rc6 = want(s, &s->v6, wanted);

	return rc4 != 0 ? rc4 : rc6;
}

/* ---- Opening ---- */

static int set_options(struct raw_sock *s, const struct raw_leg *leg)
{
	/* First of all: every packet until then is queued. */
	int rc = filter_none(leg->fd);

	if (rc == 0)
		rc = udp_socket_prepare(leg->fd, leg->v6 ? AF_INET6 : AF_INET, s->params.buffer);
	if (rc == 0 && leg->ifindex)
		rc = udp_socket_set(leg->fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)leg->ifindex);
	if (rc == 0)
		rc = udp_errors_on(leg->fd, leg->v6 ? ADDR_V6 : ADDR_V4);
	return rc;
}

/* leg->v6 and leg->ifindex say which. */
static int open_leg(struct raw_sock *s, struct raw_leg *leg)
{
	leg->fd = socket(
	    leg->v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, RAW_PROTO);
	if (leg->fd < 0)
		return -errno;
	int rc = set_options(s, leg);
	/* Errors are always reported. */
	struct epoll_event e = {.events = leg->ifindex ? 0 : EPOLLIN, .data.ptr = leg};
	if (rc == 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, leg->fd, &e) != 0)
		rc = -errno;
	if (rc == 0)
		return 0;
	close(leg->fd);
	leg->fd = -1;
	return rc;
}

/* Host without the family, as opposed to one where opening failed. */
static bool family_missing(int rc)
{
	return rc == -EAFNOSUPPORT || rc == -EPROTONOSUPPORT;
}

static void explain(int rc, char why[UDP_WHY])
{
	if (rc == -EPERM || rc == -EACCES)
		snprintf(why, UDP_WHY,
		    "no permission to open a raw socket for plain ESP: run as root, give the "
		    "program CAP_NET_RAW (setcap cap_net_raw=ep, or --cap-add NET_RAW for a "
		    "container), or set encap = true");
	else
		snprintf(why, UDP_WHY, "cannot open a raw socket for plain ESP: %s", strerror(-rc));
}

static int open_both(struct raw_sock *s, char why[UDP_WHY])
{
	unsigned families = s->params.families;
	int rc4 = families & UDP_V4 ? open_leg(s, &s->v4) : -EAFNOSUPPORT;
	int rc6 = families & UDP_V6 ? open_leg(s, &s->v6) : -EAFNOSUPPORT;

	/* What is not the family's absence is the better reason. */
	int rc = rc4 != 0 && !family_missing(rc4) ? rc4 : rc6;

	if (rc != 0 && (!family_missing(rc) || rc4 != 0)) {
		explain(rc, why);
		return rc;
	}
	if (families == UDP_BOTH && (rc4 != 0 || rc6 != 0))
		snprintf(why, UDP_WHY,
		    "%s is not available on this host: plain ESP is carried by %s only",
		    rc4 ? "IPv4" : "IPv6", rc4 ? "IPv6" : "IPv4");
	return 0;
}

int raw_open(struct raw_sock **out, const struct raw_params *p, char why[UDP_WHY])
{
	why[0] = 0;
	*out = NULL;
	struct raw_sock *s = calloc(1, sizeof *s);
	int rc = s ? 0 : -ENOMEM;
	if (rc == 0) {
		s->params = *p;
		s->params.count = p->count ? p->count : 1;
		s->params.buffer = p->buffer ? p->buffer : UDP_SOCKET_BUFFER;
		s->params.steer_mask = p->steer_mask ? p->steer_mask : UINT32_MAX;
		s->v4.fd = s->v6.fd = -1;
		s->v6.v6 = true;
		s->epoll = epoll_create1(EPOLL_CLOEXEC);
		rc = s->epoll < 0 ? -errno : 0;
	}
	if (rc == 0 && p->index >= s->params.count)
		rc = -EINVAL;
	if (rc == 0)
		rc = open_both(s, why);
	if (rc != 0) {
		if (why[0] == 0)
			explain(rc, why);
		raw_close(s);
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

void raw_close(struct raw_sock *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_pins; i++)
		close_one(s->pins[i].fd);
	close_one(s->v4.fd);
	close_one(s->v6.fd);
	close_one(s->epoll);
	free(s);
}

/* ---- Which socket ---- */

static struct raw_leg *pin_for(struct raw_sock *s, unsigned ifindex)
{
	for (size_t i = 0; i < s->n_pins; i++)
		if (s->pins[i].ifindex == ifindex)
			return &s->pins[i];
	if (s->n_pins == RAW_PINS)
		return NULL;
	struct raw_leg *leg = &s->pins[s->n_pins];
	*leg = (struct raw_leg){.ifindex = ifindex, .v6 = true};
	if (open_leg(s, leg) != 0)
		return NULL;
	s->n_pins++;
	return leg;
}

struct raw_leg *raw_leg_for(struct raw_sock *s, const struct udp_msg *m, bool *pinned)
{
	*pinned = true;
	if (m->remote.addr.family == ADDR_V4)
		return s->v4.fd >= 0 ? &s->v4 : NULL;
	if (m->remote.addr.family != ADDR_V6 || s->v6.fd < 0)
		return NULL;
	unsigned ifindex = udp_msg_pin(m);
	if (ifindex == 0)
		return &s->v6;
	struct raw_leg *leg = pin_for(s, ifindex);
	*pinned = leg != NULL;
	return leg ? leg : &s->v6;
}

/* ---- Small things ---- */

int raw_fd(const struct raw_sock *s)
{
	return s->epoll;
}

unsigned raw_families(const struct raw_sock *s)
{
	return (s->v4.fd >= 0 ? (unsigned)UDP_V4 : 0) | (s->v6.fd >= 0 ? (unsigned)UDP_V6 : 0);
}

void raw_counters(const struct raw_sock *s, struct raw_counters *out)
{
	out->truncated = atomic_load_explicit(&s->truncated, memory_order_relaxed);
	out->malformed = atomic_load_explicit(&s->malformed, memory_order_relaxed);
	out->icmp_errors = atomic_load_explicit(&s->icmp_errors, memory_order_relaxed);
}

/*
 * Datagrams in batches: recvmmsg and sendmmsg with the control messages that carry local address,
 * interface and TOS byte (RFC 3542 section 6.1 and 6.5 for IPv6).
 */
#include "daemon/udp/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	HOT_BATCHES = 16, /* from one socket before the others are looked at */
	ICMP_TRIES = 16,  /* reported errors passed over in one call */
	CONTROL = CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)),
};

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The room that one system call needs; control is aligned as a cmsghdr must be. */
struct batch {
	struct mmsghdr hdr[UDP_BATCH];
	struct iovec iov[UDP_BATCH][2];
	union sockaddr_any name[UDP_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH][CONTROL];
};

/* ---- Receiving ---- */

static void name_to_endpoint(const union sockaddr_any *n, struct endpoint *e)
{
	if (n->sa.sa_family == AF_INET) {
		e->addr = addr_from_bytes(bytes_of(&n->v4.sin_addr, 4));
		e->port = ntohs(n->v4.sin_port);
	} else {
		e->addr = addr_from_bytes(bytes_of(&n->v6.sin6_addr, 16));
		e->port = ntohs(n->v6.sin6_port);
	}
}

static void read_control_row(const struct cmsghdr *c, struct udp_msg *m)
{
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo i;
		memcpy(&i, CMSG_DATA(c), sizeof i);
		/* spec_dst is ours even where the packet was for a broadcast address. */
		m->local.addr = addr_from_bytes(bytes_of(&i.ipi_spec_dst, 4));
		m->ifindex = (unsigned)i.ipi_ifindex;
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		m->pkt->tos = *CMSG_DATA(c);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo i;
		memcpy(&i, CMSG_DATA(c), sizeof i);
		m->local.addr = addr_from_bytes(bytes_of(&i.ipi6_addr, 16));
		m->ifindex = i.ipi6_ifindex;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
		int v;
		memcpy(&v, CMSG_DATA(c), sizeof v);
		m->pkt->tos = (uint8_t)v;
	}
}

static void receive_one(struct udp_sock *s, struct mmsghdr *h, struct udp_msg *m)
{
	m->local = (struct endpoint){.port = s->port};
	m->ifindex = 0;
	m->marker = false;
	m->pkt->off = PKT_HEADROOM;
	m->pkt->len = h->msg_len;
	m->pkt->tos = 0;
	name_to_endpoint(h->msg_hdr.msg_name, &m->remote);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h->msg_hdr); c; c = CMSG_NXTHDR(&h->msg_hdr, c))
		read_control_row(c, m);
	if (h->msg_hdr.msg_flags & MSG_TRUNC) {
		m->pkt->len = 0;
		atomic_fetch_add_explicit(&s->truncated, 1, memory_order_relaxed);
	}
}

static int prepare_receive(struct batch *b, const struct udp_msg *msgs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pkt *p = msgs[i].pkt;
		if (p->cap <= PKT_HEADROOM)
			return -EINVAL;
		b->iov[i][0] = (struct iovec){p->base + PKT_HEADROOM, p->cap - PKT_HEADROOM};
		b->hdr[i] = (struct mmsghdr){.msg_hdr = {
						 .msg_name = &b->name[i],
						 .msg_namelen = sizeof b->name[i],
						 .msg_iov = b->iov[i],
						 .msg_iovlen = 1,
						 .msg_control = b->control[i],
						 .msg_controllen = CONTROL,
					     }};
	}
	return 0;
}

/* Makes s->hot a socket with something to read; false: none has. */
static bool find_hot(struct udp_sock *s)
{
	struct epoll_event e;
	s->hot = epoll_wait(s->epoll, &e, 1, 0) == 1 ? e.data.fd : -1;
	s->hot_for = 0;
	return s->hot >= 0;
}

/* Errors of the call itself; every other one is news about some datagram that left earlier. */
static bool unusable(int err)
{
	return err == EBADF || err == ENOTSOCK || err == EFAULT || err == EINVAL;
}

/* What recvmmsg gives of the socket that had something last, or of the next one that has. */
static int receive_any(struct udp_sock *s, struct batch *b, size_t n)
{
	unsigned errors = 0;
	if (s->hot_for >= HOT_BATCHES)
		s->hot = -1;
	while (errors < ICMP_TRIES) {
		if (s->hot < 0 && !find_hot(s))
			return 0;
		int got = recvmmsg(s->hot, b->hdr, (unsigned)n, MSG_DONTWAIT, NULL);
		if (got > 0) {
			s->hot_for++;
			return got;
		}
		if (got < 0 && unusable(errno))
			return -errno;
		if (got == 0 || errno == EAGAIN) {
			s->hot = -1;
		} else if (errno != EINTR) {
			atomic_fetch_add_explicit(&s->icmp_errors, 1, memory_order_relaxed);
			errors++;
		}
	}
	return 0;
}

int udp_recv_batch(struct udp_sock *s, struct udp_msg *msgs, size_t n)
{
	struct batch b;
	if (n > UDP_BATCH)
		n = UDP_BATCH;
	int rc = prepare_receive(&b, msgs, n);
	if (rc != 0 || n == 0)
		return rc;
	int got = receive_any(s, &b, n);
	for (int i = 0; i < got; i++)
		receive_one(s, &b.hdr[i], &msgs[i]);
	return got;
}

/* ---- Sending ---- */

static socklen_t endpoint_to_name(const struct udp_msg *m, union sockaddr_any *n)
{
	const struct endpoint *e = &m->remote;
	if (e->addr.family == ADDR_V4) {
		n->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(e->port)};
		memcpy(&n->v4.sin_addr, e->addr.b, 4);
		return sizeof n->v4;
	}
	n->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
	memcpy(&n->v6.sin6_addr, e->addr.b, 16);
	if (addr_is_link_local(&e->addr))
		n->v6.sin6_scope_id = m->ifindex;
	return sizeof n->v6;
}

static void put_control(struct msghdr *h, int level, int type, const void *data, size_t n)
{
	struct cmsghdr *c = (void *)((uint8_t *)h->msg_control + h->msg_controllen);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), data, n);
	h->msg_controllen += CMSG_SPACE(n);
}

static void control_v4(struct msghdr *h, const struct udp_msg *m, int tos)
{
	struct in_pktinfo i = {.ipi_ifindex = (int)udp_pin_of(m)};
	if (m->local.addr.family == ADDR_V4)
		memcpy(&i.ipi_spec_dst, m->local.addr.b, 4);
	put_control(h, IPPROTO_IP, IP_PKTINFO, &i, sizeof i);
	put_control(h, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
}

/* Not pinned by its socket: then only a lookup without a source address keeps to the interface. */
static void control_v6(struct msghdr *h, const struct udp_msg *m, int tos, bool pinned)
{
	struct in6_pktinfo i = {.ipi6_ifindex = udp_pin_of(m)};
	if (m->local.addr.family == ADDR_V6 && pinned)
		memcpy(&i.ipi6_addr, m->local.addr.b, 16);
	put_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &i, sizeof i);
	put_control(h, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
}

static void prepare_send(struct batch *b, size_t i, const struct udp_msg *m, bool pinned)
{
	static uint8_t marker[4]; /* never written; an iovec cannot be const */
	struct pkt *p = m->pkt;
	struct msghdr *h = &b->hdr[i].msg_hdr;
	b->iov[i][0] = (struct iovec){marker, m->marker ? sizeof marker : 0};
	b->iov[i][1] = (struct iovec){p->base + p->off, p->len};
	memset(b->control[i], 0, CONTROL);
	*h = (struct msghdr){
	    .msg_name = &b->name[i],
	    .msg_namelen = endpoint_to_name(m, &b->name[i]),
	    .msg_iov = m->marker ? b->iov[i] : &b->iov[i][1],
	    .msg_iovlen = m->marker ? 2 : 1,
	    .msg_control = b->control[i],
	};
	if (m->remote.addr.family == ADDR_V4)
		control_v4(h, m, p->tos);
	else
		control_v6(h, m, p->tos, pinned);
}

struct outcome {
	size_t sent;
	int error; /* the last refusal */
	bool full;
};

/* Sends hdr[0 .. n) on one socket. An error that is left over from an earlier datagram is reported
 * by the kernel in place of sending, so each datagram gets a second try. */
static void send_run(int fd, struct mmsghdr *hdr, size_t n, struct outcome *o)
{
	bool tried = false;
	for (size_t i = 0; i < n && !o->full;) {
		int rc = sendmmsg(fd, hdr + i, (unsigned)(n - i), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (rc > 0) {
			i += (size_t)rc;
			o->sent += (size_t)rc;
			tried = false;
			continue;
		}
		int err = rc < 0 ? errno : EIO;
		if (err == EINTR)
			continue;
		if (err == EAGAIN)
			o->full = true;
		if (err == EAGAIN || tried) {
			o->error = -err;
			i++;
		}
		tried = !tried;
	}
}

/* As many of msgs[0 .. n) as leave by one socket, at least one. Returns how many were dealt with.
 */
static size_t send_some(struct udp_sock *s, const struct udp_msg *msgs, size_t n, struct outcome *o)
{
	struct batch b;
	bool pinned;
	int fd = udp_fd_for(s, &msgs[0], &pinned);
	if (fd < 0) {
		o->error = -EAFNOSUPPORT;
		return 1;
	}
	size_t run = 0;
	for (; run < n && run < UDP_BATCH; run++) {
		bool p;
		if (udp_fd_for(s, &msgs[run], &p) != fd || p != pinned)
			break;
		prepare_send(&b, run, &msgs[run], p);
	}
	send_run(fd, b.hdr, run, o);
	return run;
}

size_t udp_send_batch(struct udp_sock *s, const struct udp_msg *msgs, size_t n, int *error)
{
	struct outcome o = {0};
	for (size_t i = 0; i < n && !o.full;)
		i += send_some(s, msgs + i, n - i, &o);
	if (error)
		*error = o.error;
	return o.sent;
}

/*
 * Datagrams in batches: recvmmsg and sendmmsg with the control messages that carry local address,
 * interface and TOS byte (RFC 3542 section 6.1 and 6.5 for IPv6), and trains: datagrams of one size
 * on one way that cross the kernel as one.
 */
#include "daemon/udp/internal.h"
#include "daemon/udp/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	HOT_BATCHES = 16,     /* from one socket before the others are looked at */
	ICMP_TRIES = 16,      /* reported errors passed over in one call */
	TRAIN_DATAGRAMS = 64, /* that every kernel with UDP_SEGMENT takes */
	REFUSED_FOR = 1024,   /* sends without trains of a size that was refused */
};

/* The room that one system call needs; control is aligned as a cmsghdr must be. */
struct batch {
	struct mmsghdr hdr[UDP_BATCH];
	struct iovec iov[2 * UDP_BATCH];
	/* Sending: datagrams in each of hdr, the first bytes of one, and of all. */
	uint16_t train[UDP_BATCH];
	uint32_t size[UDP_BATCH], total[UDP_BATCH];
	union udp_name name[UDP_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH][UDP_CONTROL];
};

/* ---- Receiving ---- */

static void read_control_row(const struct cmsghdr *c, struct udp_msg *m)
{
	if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
		int v;
		memcpy(&v, CMSG_DATA(c), sizeof v);
		m->segment = v > 0 && (uint32_t)v < m->pkt->len ? (uint16_t)v : 0;
	} else {
		udp_msg_read_control(m, c);
	}
}

static void receive_one(struct udp_sock *s, struct mmsghdr *h, struct udp_msg *m)
{
	m->local = (struct endpoint){.port = s->port};
	m->ifindex = 0;
	m->marker = false;
	m->segment = 0;
	m->pkt->off = PKT_HEADROOM;
	m->pkt->len = h->msg_len;
	m->pkt->tos = 0;
	m->pkt->flags = 0;
	m->remote = udp_name_endpoint(h->msg_hdr.msg_name);
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
		udp_socket_row(&b->hdr[i], &b->iov[i], &b->name[i], b->control[i],
		    p->base + PKT_HEADROOM, p->cap - PKT_HEADROOM);
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
		if (got < 0 && udp_socket_unusable(errno))
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

static bool same_addresses(const struct udp_msg *a, const struct udp_msg *b)
{
	return (a->way && a->way == b->way) ||
	       (endpoint_equal(&a->remote, &b->remote) &&
		   addr_equal(&a->local.addr, &b->local.addr) && a->ifindex == b->ifindex);
}

static bool same_way(const struct udp_msg *a, const struct udp_msg *b)
{
	return same_addresses(a, b) && a->marker == b->marker && a->pkt->tos == b->pkt->tos &&
	       (a->pkt->flags & PKT_DF) == (b->pkt->flags & PKT_DF);
}

/* May datagrams of this size be sent as a train at the moment? */
static bool trains_now(struct udp_sock *s, uint32_t size)
{
	unsigned left = atomic_load_explicit(&s->refused_for, memory_order_relaxed);
	if (left == 0)
		return true;
	atomic_store_explicit(&s->refused_for, left - 1, memory_order_relaxed);
	return size < atomic_load_explicit(&s->refused_size, memory_order_relaxed);
}

/* How many of msgs[0 .. n) make a train: all of one size, but the last may be shorter. */
static size_t train_of(struct udp_sock *s, const struct udp_msg *msgs, size_t n)
{
	const struct udp_msg *a = &msgs[0];
	uint32_t size = a->pkt->len, total = size;
	size_t k = 1;

	if (!s->send_trains || a->marker || n == 1 || msgs[1].pkt->len > size ||
	    !trains_now(s, size))
		return 1;
	while (k < n && k < TRAIN_DATAGRAMS) {
		uint32_t len = msgs[k].pkt->len;
		if (len > size || total + len > UDP_TRAIN_BYTES || !same_way(a, &msgs[k]))
			break;
		total += len;
		k++;
		if (len < size)
			break;
	}
	return k;
}

/* hdr[i] for the train msgs[0 .. n), its parts from iov[at] on. Returns how many parts. */
static size_t prepare_send(
    struct batch *b, size_t i, size_t at, const struct udp_msg *msgs, size_t n, bool pinned)
{
	static uint8_t marker[4]; /* never written; an iovec cannot be const */
	const struct udp_msg *m = &msgs[0];
	struct msghdr *h = &b->hdr[i].msg_hdr;
	size_t parts = 0;

	if (m->marker)
		b->iov[at + parts++] = (struct iovec){marker, sizeof marker};
	b->train[i] = (uint16_t)n;
	b->size[i] = m->pkt->len;
	b->total[i] = 0;
	for (size_t k = 0; k < n; k++) {
		struct pkt *p = msgs[k].pkt;
		struct iovec *last = parts && !m->marker ? &b->iov[at + parts - 1] : NULL;
		uint8_t *start = p->base + p->off;
		/* What lies side by side is one part to the kernel, which copies the faster. */
		if (last && (uint8_t *)last->iov_base + last->iov_len == start)
			last->iov_len += p->len;
		else
			b->iov[at + parts++] = (struct iovec){start, p->len};
		b->total[i] += p->len;
	}
	memset(b->control[i], 0, UDP_CONTROL);
	*h = (struct msghdr){
	    .msg_name = &b->name[i],
	    .msg_namelen = udp_msg_name(m, m->remote.port, &b->name[i]),
	    .msg_iov = &b->iov[at],
	    .msg_iovlen = parts,
	    .msg_control = b->control[i],
	};
	udp_msg_control(h, m, pinned);
	if (n > 1) {
		uint16_t size = (uint16_t)m->pkt->len;
		udp_put_control(h, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
	}
	return parts;
}

struct outcome {
	size_t sent;
	int error; /* the last refusal */
	bool full;
};

/* Sends one datagram, or train, that was refused. An error that is left over from an earlier
 * datagram is reported by the kernel in place of sending, so each gets a second try. */
static bool send_again(int fd, const struct msghdr *h, struct outcome *o)
{
	for (int tries = 0; tries < 2;) {
		if (sendmsg(fd, h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EINTR)
			continue;
		o->error = -errno;
		o->full = errno == EAGAIN;
		if (o->full)
			return false;
		tries++;
	}
	return false;
}

/* The kernel refused a train: too large for the interface, which a single datagram is not since it
 * may be fragmented, or the interface cannot do them. Its cars go alone. */
static void send_cut(struct udp_sock *s, int fd, struct batch *b, size_t i, struct outcome *o)
{
	struct msghdr one = b->hdr[i].msg_hdr;
	struct iovec *v = one.msg_iov;

	atomic_store_explicit(&s->refused_size, b->size[i], memory_order_relaxed);
	atomic_store_explicit(&s->refused_for, REFUSED_FOR, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->trains_cut, 1, memory_order_relaxed);
	one.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
	/* A car lies within one part. */
	for (uint32_t left = b->total[i]; left > 0 && !o->full;) {
		uint32_t n = left < b->size[i] ? left : b->size[i];
		struct iovec car = {v->iov_base, n};
		one.msg_iov = &car;
		one.msg_iovlen = 1;
		o->sent += send_again(fd, &one, o);
		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		v += v->iov_len == 0;
		left -= n;
	}
}

/* sendmmsg for hdr[i .. n), and the plain call for a single one, which is cheaper. */
static int send_rest(int fd, struct batch *b, size_t i, size_t n)
{
	if (n - i > 1)
		return sendmmsg(fd, b->hdr + i, (unsigned)(n - i), MSG_DONTWAIT | MSG_NOSIGNAL);
	return sendmsg(fd, &b->hdr[i].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 1;
}

/* Sends hdr[0 .. n) on one socket. */
static void send_run(struct udp_sock *s, int fd, struct batch *b, size_t n, struct outcome *o)
{
	for (size_t i = 0; i < n && !o->full;) {
		int rc = send_rest(fd, b, i, n);
		if (rc > 0) {
			for (int k = 0; k < rc; k++)
				o->sent += b->train[i++];
			continue;
		}
		if (rc < 0 && errno == EINTR)
			continue;
		o->full = rc < 0 && errno == EAGAIN;
		if (o->full) {
			o->error = -EAGAIN;
		} else if (send_again(fd, &b->hdr[i].msg_hdr, o)) {
			o->sent += b->train[i];
		} else if (b->train[i] > 1 && !o->full) {
			send_cut(s, fd, b, i, o);
		}
		i++;
	}
}

/* DF on IPv4; on IPv6, where only the sender fragments, whether it may. The kernel knows it per
 * socket only, so it is set when it changes. */
static void set_df(struct udp_leg *leg, bool df)
{
	if (atomic_load_explicit(&leg->df, memory_order_relaxed) == df)
		return;
	int v4 = df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
	int v6 = df ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT;
	if (leg->v6)
		(void)setsockopt(leg->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
	else
		(void)setsockopt(leg->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
	atomic_store_explicit(&leg->df, df, memory_order_relaxed);
}

/* As many of msgs[0 .. n) as leave by one socket, at least one. Returns how many were dealt with.
 */
static size_t send_some(struct udp_sock *s, const struct udp_msg *msgs, size_t n, struct outcome *o)
{
	struct batch b;
	bool pinned;
	struct udp_leg *leg = udp_leg_for(s, &msgs[0], &pinned);
	bool df = msgs[0].pkt->flags & PKT_DF;
	if (!leg) {
		o->error = -EAFNOSUPPORT;
		return 1;
	}
	size_t done = 0, hdrs = 0, parts = 0;
	while (done < n && done < UDP_BATCH) {
		bool p;
		const struct udp_msg *m = &msgs[done];
		if (udp_leg_for(s, m, &p) != leg || p != pinned || !(m->pkt->flags & PKT_DF) == df)
			break;
		size_t left = n - done < UDP_BATCH - done ? n - done : UDP_BATCH - done;
		size_t k = train_of(s, m, left);
		parts += prepare_send(&b, hdrs++, parts, m, k, pinned);
		done += k;
	}
	set_df(leg, df);
	send_run(s, leg->fd, &b, hdrs, o);
	return done;
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

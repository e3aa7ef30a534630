/*
 * Plain ESP in batches: recvmmsg and sendmmsg on raw sockets. Receiving, IPv4 comes with its IP
 * header (RFC 791 section 3.1) and IPv6 without (RFC 3542 section 3); sending, the kernel builds
 * both.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "daemon/raw/internal.h"
#include "daemon/udp/socket.h"

enum {
	HOT_BATCHES = 16, /* from one socket before the others are looked at */
	ERROR_TRIES = 16, /* reported errors passed over in one call */
};

/* The room that one system call needs; control is aligned as a cmsghdr must be. */
struct batch {
	struct mmsghdr hdr[UDP_BATCH];
	struct iovec iov[UDP_BATCH];
	union udp_name name[UDP_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH][UDP_CONTROL];
};

static void count(atomic_uint_fast64_t *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

/* ---- Errors about size ---- */

void raw_read_errors(struct raw_sock *s, const struct raw_leg *leg)
{
	struct udp_too_big some[RAW_NEWS];
	size_t n = udp_errors_read(leg->fd, some, RAW_NEWS);

	for (size_t i = 0; i < n; i++) {
		s->news[(s->news_at + s->news_n) % RAW_NEWS] = some[i];
		if (s->news_n < RAW_NEWS)
			s->news_n++;
		else
			s->news_at = (s->news_at + 1) % RAW_NEWS;
	}
}

bool raw_next_too_big(struct raw_sock *s, struct udp_too_big *out)
{
	if (s->news_n == 0)
		return false;
	*out = s->news[s->news_at];
	s->news_at = (s->news_at + 1) % RAW_NEWS;
	s->news_n--;
	return true;
}

/* ---- Receiving ---- */

bool raw_strip_ip4(struct udp_msg *m)
{
	struct pkt *p = m->pkt;
	const uint8_t *h = p->base + p->off;

	if (p->len < RAW_IP4_HEADER || h[0] >> 4 != 4 || h[9] != RAW_PROTO)
		return false;
	uint32_t header = (uint32_t)(h[0] & 15) * 4, total = be16_load(h + 2);
	if (header < RAW_IP4_HEADER || total < header || total > p->len)
		return false;
	m->remote.addr = addr_from_bytes(bytes_of(h + 12, 4));
	m->local.addr = addr_from_bytes(bytes_of(h + 16, 4));
	p->tos = h[1];
	p->off += header;
	p->len = total - header;
	return true;
}

static void receive_one(
    struct raw_sock *s, const struct raw_leg *leg, struct mmsghdr *h, struct udp_msg *m)
{
	struct pkt *p = m->pkt;
	bool cut = h->msg_hdr.msg_flags & MSG_TRUNC;

	*m = (struct udp_msg){.pkt = p, .remote = udp_name_endpoint(h->msg_hdr.msg_name)};
	m->remote.port = 0;
	p->off = PKT_HEADROOM - (leg->v6 ? 0 : RAW_IP4_HEADER);
	p->len = h->msg_len;
	p->tos = p->flags = 0;
	bool ok = !cut && (leg->v6 || raw_strip_ip4(m));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h->msg_hdr); c; c = CMSG_NXTHDR(&h->msg_hdr, c))
		udp_msg_read_control(m, c);
	/* What was queued in the moment before there was a filter may be another worker's, whose
	 * replay windows are not ours to write. */
	if (ok && raw_is_mine(&s->params, p))
		return;
	count(cut ? &s->truncated : &s->malformed);
	p->off = PKT_HEADROOM;
	p->len = 0;
}

static int prepare_receive(
    struct batch *b, const struct raw_leg *leg, const struct udp_msg *msgs, size_t n)
{
	/* IPv4: so that ESP stands behind PKT_HEADROOM. */
	uint32_t at = PKT_HEADROOM - (leg->v6 ? 0 : RAW_IP4_HEADER);

	for (size_t i = 0; i < n; i++) {
		struct pkt *p = msgs[i].pkt;
		if (p->cap <= PKT_HEADROOM)
			return -EINVAL;
		b->name[i].sa.sa_family = AF_UNSPEC;
		udp_socket_row(
		    &b->hdr[i], &b->iov[i], &b->name[i], b->control[i], p->base + at, p->cap - at);
	}
	return 0;
}

/* Makes s->hot a socket with something to read, on the way reading the errors of those that have
 * some. False: none has. */
static bool find_hot(struct raw_sock *s)
{
	struct epoll_event e;

	s->hot = NULL;
	s->hot_for = 0;
	for (int i = 0; i < ERROR_TRIES && epoll_wait(s->epoll, &e, 1, 0) == 1; i++) {
		if (e.events & EPOLLERR)
			raw_read_errors(s, e.data.ptr);
		if (e.events & EPOLLIN) {
			s->hot = e.data.ptr;
			return true;
		}
	}
	return false;
}

/* What recvmmsg gives of the socket that had something last, or of the next one that has. */
static int receive_any(struct raw_sock *s, struct batch *b, const struct udp_msg *msgs, size_t n)
{
	if (s->hot_for >= HOT_BATCHES)
		s->hot = NULL;
	for (unsigned errors = 0; errors < ERROR_TRIES;) {
		if (!s->hot && !find_hot(s))
			return 0;
		int rc = prepare_receive(b, s->hot, msgs, n);
		if (rc != 0)
			return rc;
		int got = recvmmsg(s->hot->fd, b->hdr, (unsigned)n, MSG_DONTWAIT, NULL);
		if (got > 0) {
			s->hot_for++;
			return got;
		}
		if (got < 0 && udp_socket_unusable(errno))
			return -errno;
		if (got == 0 || errno == EAGAIN) {
			s->hot = NULL;
		} else if (errno != EINTR) {
			count(&s->icmp_errors);
			errors++;
		}
	}
	return 0;
}

int raw_recv_batch(struct raw_sock *s, struct udp_msg *msgs, size_t n)
{
	struct batch b;

	if (n > UDP_BATCH)
		n = UDP_BATCH;
	int got = n ? receive_any(s, &b, msgs, n) : 0;
	for (int i = 0; i < got; i++)
		receive_one(s, s->hot, &b.hdr[i], &msgs[i]);
	return got;
}

/* ---- Sending ---- */

static void prepare_send(struct batch *b, size_t i, const struct udp_msg *m, bool pinned)
{
	struct pkt *p = m->pkt;
	struct msghdr *h = &b->hdr[i].msg_hdr;

	b->iov[i] = (struct iovec){p->base + p->off, p->len};
	memset(b->control[i], 0, UDP_CONTROL);
	*h = (struct msghdr){
	    .msg_name = &b->name[i],
	    .msg_namelen = udp_msg_name(m, 0, &b->name[i]),
	    .msg_iov = &b->iov[i],
	    .msg_iovlen = 1,
	    .msg_control = b->control[i],
	};
	udp_msg_control(h, m, pinned);
}

struct outcome {
	size_t sent;
	int error; /* the last refusal */
	bool full, too_big;
};

/* Sends hdr[0 .. n) on one socket. An error that is left over from an earlier packet is reported by
 * the kernel in place of sending, so each packet gets a second try. */
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
		o->full = err == EAGAIN;
		o->too_big |= err == EMSGSIZE;
		/* ENOBUFS: the interface's queue has dropped it. Not left over from before. */
		if (o->full || err == ENOBUFS || tried) {
			o->error = -err;
			i++;
			tried = false;
		} else {
			tried = true;
		}
	}
}

/* DF on IPv4; on IPv6, where only the sender fragments, whether it may. It is an option of the
 * socket: IPV6_DONTFRAG in a message counts for other protocols only. */
static void set_df(struct raw_leg *leg, bool df)
{
	int v4 = df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
	int v6 = df ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT;

	if (leg->df == df)
		return;
	int rc = leg->v6 ? setsockopt(leg->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6)
			 : setsockopt(leg->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
	if (rc == 0)
		leg->df = df;
}

/* As many of msgs[0 .. n) as leave by one socket with one DF bit, at least one. Returns how many
 * were dealt with. */
static size_t send_some(struct raw_sock *s, const struct udp_msg *msgs, size_t n, struct outcome *o)
{
	struct batch b;
	bool pinned;
	struct raw_leg *leg = raw_leg_for(s, &msgs[0], &pinned);

	if (!leg) {
		o->error = -EAFNOSUPPORT;
		return 1;
	}
	bool df = msgs[0].pkt->flags & PKT_DF;
	size_t run = 0;
	for (; run < n && run < UDP_BATCH; run++) {
		bool p;
		if (raw_leg_for(s, &msgs[run], &p) != leg || p != pinned ||
		    !(msgs[run].pkt->flags & PKT_DF) == df)
			break;
		prepare_send(&b, run, &msgs[run], p);
	}
	set_df(leg, df);
	o->too_big = false;
	send_run(leg->fd, b.hdr, run, o);
	if (o->too_big)
		raw_read_errors(s, leg);
	return run;
}

size_t raw_send_batch(struct raw_sock *s, const struct udp_msg *msgs, size_t n, int *error)
{
	struct outcome o = {0};

	for (size_t i = 0; i < n && !o.full;)
		i += send_some(s, msgs + i, n - i, &o);
	if (error)
		*error = o.error;
	return o.sent;
}

/*
 * struct udp_msg to and from socket addresses and control messages (RFC 3542 section 6.1 and 6.5
 * for IPv6).
 */
#include "daemon/udp/msg.h"

#include <string.h>

#include "daemon/udp/internal.h"

struct endpoint udp_name_endpoint(const union udp_name *n)
{
	struct endpoint e = {.port = 0};

	if (n->sa.sa_family == AF_INET) {
		e.addr = addr_from_bytes(bytes_of(&n->v4.sin_addr, 4));
		e.port = ntohs(n->v4.sin_port);
	} else if (n->sa.sa_family == AF_INET6) {
		e.addr = addr_from_bytes(bytes_of(&n->v6.sin6_addr, 16));
		e.port = ntohs(n->v6.sin6_port);
	}
	return e;
}

socklen_t udp_msg_name(const struct udp_msg *m, uint16_t port, union udp_name *out)
{
	const struct addr *a = &m->remote.addr;

	if (a->family == ADDR_V4) {
		out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&out->v4.sin_addr, a->b, 4);
		return sizeof out->v4;
	}
	out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	memcpy(&out->v6.sin6_addr, a->b, 16);
	if (addr_is_link_local(a))
		out->v6.sin6_scope_id = m->ifindex;
	return sizeof out->v6;
}

static void read_ip4(struct udp_msg *m, const struct cmsghdr *c)
{
	struct in_pktinfo i;

	if (c->cmsg_type == IP_PKTINFO) {
		memcpy(&i, CMSG_DATA(c), sizeof i);
		/* spec_dst is ours even where the packet was for a broadcast address. */
		m->local.addr = addr_from_bytes(bytes_of(&i.ipi_spec_dst, 4));
		m->ifindex = (unsigned)i.ipi_ifindex;
	} else if (c->cmsg_type == IP_TOS) {
		m->pkt->tos = *CMSG_DATA(c);
	}
}

static void read_ip6(struct udp_msg *m, const struct cmsghdr *c)
{
	struct in6_pktinfo i;
	int v;

	if (c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&i, CMSG_DATA(c), sizeof i);
		m->local.addr = addr_from_bytes(bytes_of(&i.ipi6_addr, 16));
		m->ifindex = i.ipi6_ifindex;
	} else if (c->cmsg_type == IPV6_TCLASS) {
		memcpy(&v, CMSG_DATA(c), sizeof v);
		m->pkt->tos = (uint8_t)v;
	}
}

void udp_msg_read_control(struct udp_msg *m, const struct cmsghdr *c)
{
	if (c->cmsg_level == IPPROTO_IP)
		read_ip4(m, c);
	else if (c->cmsg_level == IPPROTO_IPV6)
		read_ip6(m, c);
}

void udp_put_control(struct msghdr *h, int level, int type, const void *data, size_t n)
{
	struct cmsghdr *c = (void *)((uint8_t *)h->msg_control + h->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), data, n);
	h->msg_controllen += CMSG_SPACE(n);
}

void udp_msg_control(struct msghdr *h, const struct udp_msg *m, bool pinned)
{
	int tos = m->pkt->tos;

	if (m->remote.addr.family == ADDR_V4) {
		struct in_pktinfo i = {.ipi_ifindex = (int)udp_msg_pin(m)};
		if (m->local.addr.family == ADDR_V4)
			memcpy(&i.ipi_spec_dst, m->local.addr.b, 4);
		udp_put_control(h, IPPROTO_IP, IP_PKTINFO, &i, sizeof i);
		udp_put_control(h, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
	} else {
		struct in6_pktinfo i = {.ipi6_ifindex = udp_msg_pin(m)};
		if (m->local.addr.family == ADDR_V6 && pinned)
			memcpy(&i.ipi6_addr, m->local.addr.b, 16);
		udp_put_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &i, sizeof i);
		udp_put_control(h, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
	}
}

unsigned udp_msg_pin(const struct udp_msg *m)
{
	return udp_pin_of(m);
}

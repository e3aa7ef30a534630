/*
 * For the suites of the raw driver: messages to send and to receive into.
 */
#ifndef TEST_UNIT_RAW_TEST_H
#define TEST_UNIT_RAW_TEST_H

#include <check.h>
#include <poll.h>

#include "daemon/raw/raw.h"
#include "test/netns/netcfg_ns.h"

enum { CAP = PKT_HEADROOM + 16384, N = 80 };

static uint8_t room_a[N][CAP], room_b[N][CAP];
static struct pkt pkt_a[N], pkt_b[N];
static struct udp_msg out[N], in[N];
static char why[UDP_WHY];

static inline void set_up(void)
{
	netns_enter();
	for (size_t i = 0; i < N; i++) {
		pkt_a[i] = (struct pkt){.base = room_a[i], .cap = CAP};
		pkt_b[i] = (struct pkt){.base = room_b[i], .cap = CAP};
		out[i] = (struct udp_msg){.pkt = &pkt_a[i]};
		in[i] = (struct udp_msg){.pkt = &pkt_b[i]};
	}
}

static inline struct raw_sock *open_share(unsigned index, unsigned share, uint32_t mask)
{
	struct raw_sock *s;
	struct raw_params p = {
	    .families = UDP_BOTH, .index = index, .count = share, .steer_mask = mask};
	int rc = raw_open(&s, &p, why);
	ck_assert_msg(rc == 0 && why[0] == 0, "%s", why);
	ck_assert_uint_eq(raw_families(s), UDP_BOTH);
	ck_assert_int_eq(raw_want(s, true), 0);
	return s;
}

/* Message i: `len` bytes, an SPI in front, each byte behind telling its place. */
static inline void put(size_t i, uint32_t spi, size_t len, const char *src, const char *dst)
{
	uint8_t *b = room_a[i] + PKT_HEADROOM;
	pkt_a[i] =
	    (struct pkt){.base = room_a[i], .cap = CAP, .off = PKT_HEADROOM, .len = (uint32_t)len};
	for (size_t k = 0; k < len; k++)
		b[k] = (uint8_t)(k * 3 + k / 256 + i);
	be32_store(b, spi);
	out[i] = (struct udp_msg){.pkt = &pkt_a[i], .remote = {ns_addr(dst), 4500}};
	if (src)
		out[i].local.addr = ns_addr(src);
}

/* Receives until `want` are there or nothing has come for a while. */
static inline size_t receive(struct raw_sock *s, size_t want)
{
	size_t got = 0;
	struct pollfd f = {.fd = raw_fd(s), .events = POLLIN};
	while (got < want && poll(&f, 1, 1000) == 1) {
		int rc = raw_recv_batch(s, in + got, N - got);
		ck_assert_int_ge(rc, 0);
		got += (size_t)rc;
	}
	return got;
}

static inline bool quiet(struct raw_sock *s)
{
	struct pollfd f = {.fd = raw_fd(s), .events = POLLIN};
	return poll(&f, 1, 50) == 0;
}

static inline void same(size_t i, size_t k)
{
	ck_assert_uint_eq(in[i].pkt->len, out[k].pkt->len);
	ck_assert_mem_eq(
	    in[i].pkt->base + in[i].pkt->off, out[k].pkt->base + out[k].pkt->off, in[i].pkt->len);
}

#endif

/* The device in memory, and the table of backends. */
#include "tun/tun.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { CAP = PKT_HEADROOM + 2000 + PKT_TAILROOM, N = 8 };

static struct tun *dev;
static uint8_t room[N][CAP];
static struct pkt pkts[N];

static void set_up(void)
{
	char why[TUN_WHY];
	struct tun_params p = {.name = "mem0", .mtu = 1400};
	ck_assert_int_eq(tun_backend("mem")->open(&p, &dev, why), 0);
	for (size_t i = 0; i < N; i++)
		pkts[i] = (struct pkt){.base = room[i], .cap = CAP, .verdict = 9};
}

static void tear_down(void)
{
	dev->ops->close(dev);
}

static bool readable(void)
{
	struct pollfd p = {.fd = dev->ops->poll_fd(dev, 0), .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static int read_all(struct pkt *p, int n)
{
	struct tun_gso gso;
	int got = 0;
	while (got < n && dev->ops->read(dev, 0, &p[got], &gso) == 1) {
		ck_assert_int_eq(gso.kind, TUN_GSO_NONE);
		got++;
	}
	return got;
}

/* In two parts, as joined packets are. */
static int write_parts(struct pkt *p)
{
	struct tun_gso gso = {.kind = TUN_GSO_NONE, .csum = TUN_CSUM_VALID};
	struct iovec v[2] = {{p->base + p->off, 2}, {p->base + p->off + 2, p->len - 2}};
	return dev->ops->write(dev, 0, &gso, v, 2);
}

START_TEST(backends)
{
	ck_assert_ptr_eq(tun_backend("mem"), &tun_mem);
	ck_assert_ptr_eq(tun_backend("kernel"), &tun_linux);
	ck_assert_ptr_null(tun_backend("floppy"));
}
END_TEST

START_TEST(inject_then_read)
{
	ck_assert_int_eq(read_all(pkts, N), 0);
	ck_assert(!readable());
	for (uint8_t i = 0; i < N + 2; i++)
		ck_assert_int_eq(tun_mem_inject(dev, NULL, bytes_of((uint8_t[]){i, i, i}, 3)), 0);
	ck_assert(readable());
	ck_assert_int_eq(read_all(pkts, N), N);
	ck_assert(readable());
	for (uint8_t i = 0; i < N; i++) {
		ck_assert_uint_eq(pkts[i].off, PKT_HEADROOM);
		ck_assert_uint_eq(pkts[i].len, 3);
		ck_assert_uint_eq(pkts[i].verdict, 0);
		ck_assert_uint_eq(pkts[i].base[PKT_HEADROOM + 2], i);
	}
	ck_assert_int_eq(read_all(pkts, N), 2);
	ck_assert_uint_eq(pkts[1].base[PKT_HEADROOM], N + 1);
	ck_assert(!readable());
}
END_TEST

START_TEST(write_then_take)
{
	uint8_t got[CAP];
	for (size_t i = 0; i < 2; i++) {
		pkts[i].off = PKT_HEADROOM + 8;
		pkts[i].len = 5;
		memset(room[i] + pkts[i].off, (int)i, 5);
		ck_assert_int_eq(write_parts(&pkts[i]), 0);
	}
	ck_assert_int_eq(tun_mem_take(dev, NULL, got, sizeof got), 5);
	ck_assert_uint_eq(got[4], 0);
	ck_assert_int_eq(tun_mem_take(dev, NULL, got, 4), -EMSGSIZE);
	ck_assert_int_eq(tun_mem_take(dev, NULL, got, sizeof got), 0);
}
END_TEST

START_TEST(bounded)
{
	static uint8_t big[3000];
	int n = 0, rc;
	ck_assert_int_eq(tun_mem_inject(dev, NULL, bytes_of(big, 1401)), -EMSGSIZE);
	while ((rc = tun_mem_inject(dev, NULL, bytes_of(big, 1400))) == 0)
		n++;
	ck_assert_int_eq(rc, -ENOBUFS);
	ck_assert_int_eq(n, 256);
	pkts[0].off = 0;
	pkts[0].len = 100;
	pkts[0].verdict = 0;
	for (n = 0; write_parts(&pkts[0]) == 0; n++)
		;
	ck_assert_int_eq(n, 256);
	ck_assert_int_eq(dev->ops->set_mtu(dev, 1800), 0);
	ck_assert_uint_eq(dev->mtu, 1800);
}
END_TEST

/* What is known of a packet goes with it, both ways. */
START_TEST(offloads_go_along)
{
	static uint8_t big[1900], got[2000];
	struct tun_gso in = {.kind = TUN_GSO_TCP4,
			   .csum = TUN_CSUM_PARTIAL,
			   .size = 1000,
			   .header = 40,
			   .csum_start = 20,
			   .csum_offset = 16},
		       out;
	ck_assert_int_eq(tun_mem_inject(dev, &in, bytes_of(big, sizeof big)), 0);
	ck_assert_int_eq(dev->ops->read(dev, 0, &pkts[0], &out), 1);
	ck_assert_uint_eq(pkts[0].len, sizeof big);
	ck_assert_int_eq(memcmp(&in, &out, sizeof in), 0);
	struct iovec v = {big, sizeof big};
	ck_assert_int_eq(dev->ops->write(dev, 0, &in, &v, 1), 0);
	memset(&out, 0, sizeof out);
	ck_assert_int_eq(tun_mem_take(dev, &out, got, sizeof got), sizeof big);
	ck_assert_int_eq(memcmp(&in, &out, sizeof in), 0);
}
END_TEST

/* A packet that does not fit the reader's buffer is lost; the next one is not. */
START_TEST(small_buffer)
{
	static uint8_t big[1400];
	pkts[0].cap = PKT_HEADROOM + 100 + PKT_TAILROOM;
	ck_assert_int_eq(tun_mem_inject(dev, NULL, bytes_of(big, 101)), 0);
	ck_assert_int_eq(tun_mem_inject(dev, NULL, bytes_of(big, 100)), 0);
	ck_assert_int_eq(read_all(pkts, 1), 1);
	ck_assert_uint_eq(pkts[0].len, 100);
	ck_assert_int_eq(read_all(pkts, 1), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tun_mem");
	TCase *t = tcase_create("mem");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, backends);
	tcase_add_test(t, inject_then_read);
	tcase_add_test(t, write_then_take);
	tcase_add_test(t, offloads_go_along);
	tcase_add_test(t, bounded);
	tcase_add_test(t, small_buffer);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

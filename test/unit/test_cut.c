/*
 * Fragments of IPv4 packets, put together again: RFC 791 section 3.2.
 */
#include "test/unit/ip4_joined.h"
#include "test/unit/rng.h"
#include "tun/cut.h"
#include "tun/tun.h"

#include <check.h>
#include <stdlib.h>

static uint8_t packet[65536], options[40];
static struct ip4_joined joined;

/* Options, of which `copied` are for every fragment; whole words. Returns how many bytes. */
static uint32_t make_options(struct rng *r, uint8_t copied[40], uint32_t *copied_n)
{
	uint32_t n = 0;

	*copied_n = 0;
	while (n < 36 && rng_below(r, 4)) {
		uint32_t len = 2 + rng_below(r, 40 - n - 1);
		if (rng_below(r, 3) == 0) {
			options[n++] = 1; /* no operation */
			continue;
		}
		options[n] = (uint8_t)((rng_below(r, 2) << 7) | (2 + rng_below(r, 30)));
		options[n + 1] = (uint8_t)len;
		for (uint32_t i = 2; i < len; i++)
			options[n + i] = (uint8_t)rng_u32(r);
		if (options[n] & 0x80) {
			memcpy(copied + *copied_n, options + n, len);
			*copied_n += len;
		}
		n += len;
	}
	for (; n % 4; n++)
		options[n] = 0;
	for (; *copied_n % 4; (*copied_n)++)
		copied[*copied_n] = 0;
	return n;
}

static uint32_t make_packet(struct rng *r, uint32_t header, uint32_t payload, uint16_t field)
{
	for (uint32_t i = 0; i < header + payload; i++)
		packet[i] = (uint8_t)rng_u32(r);
	packet[0] = (uint8_t)(0x40 | header / 4);
	be16_store(packet + 2, (uint16_t)(header + payload));
	be16_store(packet + 6, field);
	memcpy(packet + 20, options, header - 20);
	be16_store(packet + 10, 0);
	be16_store(packet + 10, (uint16_t)~ip4_joined_sum(packet, header));
	return header + payload;
}

/* Every fragment into `joined`, each in memory of its size; returns how many there are. */
static unsigned cut(struct bytes ip, uint32_t most, const uint8_t *copied, uint32_t copied_n)
{
	struct tun_cut c;
	unsigned pieces = 0;

	ck_assert(tun_cut_init(&c, ip, most));
	for (;; pieces++) {
		uint8_t *dst = malloc(most);
		uint32_t n = tun_cut_next(&c, dst);
		ck_assert_uint_le(n, most);
		if (n == 0) {
			free(dst);
			return pieces;
		}
		if (!ip4_joined_add(&joined, dst, n))
			ck_abort_msg("fragment %u is wrong", pieces);
		uint32_t header = (uint32_t)(dst[0] & 15) * 4;
		if (pieces && copied &&
		    (header != 20 + copied_n || memcmp(dst + 20, copied, copied_n) != 0))
			ck_abort_msg("fragment %u has other options", pieces);
		free(dst);
	}
}

START_TEST(comes_together_again)
{
	struct rng r = {2026};

	for (unsigned i = 0; i < 20000; i++) {
		uint8_t copied[44];
		uint32_t copied_n, header = 20 + make_options(&r, copied, &copied_n);
		uint32_t payload = 1 + rng_below(&r, i % 50 ? 3000 : 65535 - header);
		uint32_t room = (65535 - header - payload) / 8;
		/* A fragment itself, or not; the reserved bit stays. */
		uint16_t field = rng_below(&r, 2) ? (uint16_t)rng_below(&r, room + 1) : 0;
		field = (uint16_t)(field | rng_below(&r, 2) << 15);
		if (payload % 8 == 0 && rng_below(&r, 2))
			field |= 0x2000;
		uint32_t most =
		    rng_below(&r, 2) ? 68 + rng_below(&r, 60) : 68 + rng_below(&r, 2000);
		uint32_t n = make_packet(&r, header, payload, field);
		joined.bytes = 0;
		unsigned pieces = cut(bytes_of(packet, n), most, copied, copied_n);
		ck_assert(pieces == 1 || n > most);
		ck_assert(pieces > 1 || n <= most);
		uint32_t at = (uint32_t)(field & 0x1fff) * 8;
		if (joined.lowest != at || joined.bytes != payload ||
		    joined.more != !!(field & 0x2000) || (joined.header[6] ^ packet[6]) & 0x80 ||
		    joined.header_len != header ||
		    memcmp(joined.header + 20, packet + 20, header - 20) != 0 ||
		    memcmp(joined.payload + at, packet + header, payload) != 0)
			ck_abort_msg("packet %u came together as another one", i);
	}
}
END_TEST

/* What has been cut for one path is cut again for the next. */
START_TEST(twice)
{
	static uint8_t once[2048];
	struct rng r = {11};
	struct tun_cut c;
	uint32_t n = make_packet(&r, 20, 9000, 0);

	joined.bytes = 0;
	ck_assert(tun_cut_init(&c, bytes_of(packet, n), 1400));
	for (uint32_t len; (len = tun_cut_next(&c, once)) > 0;)
		cut(bytes_of(once, len), 576, NULL, 0);
	ck_assert_uint_eq(joined.bytes, 9000);
	ck_assert(!joined.more);
	ck_assert_mem_eq(joined.payload, packet + 20, 9000);
}
END_TEST

/* An option that lies about its length: nothing is read beyond, and the others do not get it. */
START_TEST(malformed_options)
{
	static const uint8_t lies[][4] = {
	    {0x83, 0, 0, 0}, {0x83, 1, 0, 0}, {0x83, 5, 0, 0}, {1, 1, 1, 0x83}, {0, 0x83, 3, 0}};
	struct rng r = {12};

	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		memcpy(options, lies[i], 4);
		uint32_t n = make_packet(&r, 24, 500, 0);
		joined.bytes = 0;
		uint8_t none[4] = {0};
		ck_assert_uint_gt(cut(bytes_of(packet, n), 100, none, 0), 1);
	}
}
END_TEST

START_TEST(refused)
{
	struct rng r = {13};
	struct tun_cut c;
	uint32_t n = make_packet(&r, 20, 3000, 0);

	ck_assert(tun_cut_init(&c, bytes_of(packet, n), 68));
	ck_assert(!tun_cut_init(&c, bytes_of(packet, n), 67));
	ck_assert(!tun_cut_init(&c, bytes_of(packet, n - 1), 576));
	ck_assert(!tun_cut_init(&c, bytes_of(packet, 19), 576));
	be16_store(packet + 6, 0x4000);
	ck_assert(!tun_cut_init(&c, bytes_of(packet, n), 576));
	/* Its end would be beyond what an IP packet can have. */
	be16_store(packet + 6, 0x1fff);
	ck_assert(!tun_cut_init(&c, bytes_of(packet, n), 576));
	be16_store(packet + 6, 0);
	packet[0] = 0x65;
	ck_assert(!tun_cut_init(&c, bytes_of(packet, n), 576));
	packet[0] = 0x44;
	ck_assert(!tun_cut_init(&c, bytes_of(packet, n), 576));
	n = make_packet(&r, 20, 0, 0);
	ck_assert(!tun_cut_init(&c, bytes_of(packet, n), 576));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cut");
	TCase *t = tcase_create("cut");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, comes_together_again);
	tcase_add_test(t, twice);
	tcase_add_test(t, malformed_options);
	tcase_add_test(t, refused);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * ICMP errors for inner packets. First two bytes: the MTU, and whether a source is given; the rest
 * is the packet. What comes out must be a well-formed packet to the sender of what came in, must
 * fit its limits, and must not itself be answered.
 */
#include "tun/icmp.h"
#include "tun/tun.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check4(struct bytes e, struct bytes packet)
{
	require(e.n >= 28 && e.n <= TUN_ICMP4_MAX && be16_load(e.p + 2) == e.n);
	require(tun_csum_ip4(bytes_of(e.p, 20)) == 0);
	require(tun_csum_fold(tun_csum_add(0, bytes_of(e.p + 20, e.n - 20))) == 0);
	require(memcmp(e.p + 16, packet.p + 12, 4) == 0);
	require(e.n - 28 <= packet.n && memcmp(e.p + 28, packet.p, e.n - 28) == 0);
	require(be16_load(e.p + 26) >= 68 && be16_load(e.p + 26) < packet.n);
}

static void check6(struct bytes e, struct bytes packet)
{
	struct addr src = addr_from_bytes(bytes_of(e.p + 8, 16));
	struct addr dst = addr_from_bytes(bytes_of(e.p + 24, 16));
	require(e.n >= 48 && e.n <= TUN_ICMP6_MAX && be16_load(e.p + 4) == e.n - 40);
	require(tun_csum_l4(&src, &dst, 58, bytes_of(e.p + 40, e.n - 40)) == 0);
	require(memcmp(e.p + 24, packet.p + 8, 16) == 0 && !addr_is_multicast(&src));
	require(e.n - 48 <= packet.n && memcmp(e.p + 48, packet.p, e.n - 48) == 0);
	require(be32_load(e.p + 44) >= 1280 && be32_load(e.p + 44) < packet.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct addr from = {0};
	uint8_t again[TUN_ICMP_CAP];

	if (n < 2)
		return 0;
	if (data[0] & 0x80)
		require(addr_parse(&from, data[0] & 0x40 ? "192.0.2.1" : "2001:db8::1"));
	uint32_t mtu = (uint32_t)((data[0] & 0x3f) << 8 | data[1]);
	size_t len = n - 2;
	uint8_t *exact = malloc(len ? len : 1), *dst = malloc(TUN_ICMP_CAP);
	require(exact && dst);
	memcpy(exact, data + 2, len);
	struct bytes packet = bytes_of(exact, len);
	size_t got = tun_icmp_too_big(dst, TUN_ICMP_CAP, packet, mtu, &from);
	if (got) {
		struct bytes e = bytes_of(dst, got);
		if (dst[0] >> 4 == 4)
			check4(e, packet);
		else
			check6(e, packet);
		require(tun_icmp_too_big(again, sizeof again, e, 0, NULL) == 0);
	}
	free(exact);
	free(dst);
	return 0;
}

/*
 * Packets that are to be cut. First two bytes: the size of the path; the rest is the packet. What
 * is accepted must come together again from fragments that fit.
 */
#include "test/unit/ip4_joined.h"
#include "tun/cut.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct ip4_joined joined;
	struct tun_cut c;

	if (n < 2 || n > 65535 + 2)
		return 0;
	uint32_t most = be16_load(data);
	size_t len = n - 2;
	uint8_t *exact = malloc(len ? len : 1);
	require(exact);
	memcpy(exact, data + 2, len);
	joined.bytes = 0;
	if (tun_cut_init(&c, bytes_of(exact, len), most)) {
		for (;;) {
			uint8_t *dst = malloc(most);
			require(dst);
			uint32_t m = tun_cut_next(&c, dst);
			require(m <= most && (m == 0 || ip4_joined_add(&joined, dst, m) ||
						 (be16_load(exact + 6) & 0x2000)));
			free(dst);
			if (m == 0)
				break;
		}
		uint32_t header = (uint32_t)(exact[0] & 15) * 4;
		require(joined.bytes + header == be16_load(exact + 2));
		require(memcmp(joined.payload + joined.lowest, exact + header, joined.bytes) == 0);
	}
	free(exact);
	return 0;
}

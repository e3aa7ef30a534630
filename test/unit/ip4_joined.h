/*
 * Puts IPv4 fragments together again (RFC 791 section 3.2), strictly: nothing may overlap, and
 * every header must be right. Knows nothing of the code under test.
 */
#ifndef TEST_UNIT_IP4_JOINED_H
#define TEST_UNIT_IP4_JOINED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip4_joined {
	uint8_t header[60]; /* of the fragment at offset 0 of the others */
	uint32_t header_len;
	uint8_t payload[65536 + 8];
	bool there[65536 + 8];
	uint32_t lowest,
	    end;        /* bytes of the payload: where it begins; where it ends, 0: not known */
	uint32_t bytes; /* that are there */
	bool more;      /* the last fragment says that there are more */
};

static inline uint32_t ip4_joined_sum(const uint8_t *p, uint32_t n)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Fragments in their order. False: this one is wrong. */
static inline bool ip4_joined_add(struct ip4_joined *j, const uint8_t *p, uint32_t n)
{
	uint32_t header = (uint32_t)(p[0] & 15) * 4, total = (uint32_t)(p[2] << 8 | p[3]);
	uint32_t field = (uint32_t)(p[6] << 8 | p[7]), at = (field & 0x1fff) * 8;

	if (p[0] >> 4 != 4 || header < 20 || total != n || total <= header ||
	    ip4_joined_sum(p, header) != 0xffff || (field & 0x4000) || at + n - header > 65535)
		return false;
	if (j->bytes == 0) {
		memcpy(j->header, p, header);
		j->header_len = header;
		j->lowest = j->end = at;
	} else if (!j->more || at != j->end || memcmp(p + 4, j->header + 4, 2) != 0 ||
		   memcmp(p + 8, j->header + 8, 2) != 0 || memcmp(p + 12, j->header + 12, 8) != 0 ||
		   p[1] != j->header[1]) {
		return false;
	}
	memcpy(j->payload + at, p + header, n - header);
	j->end = at + n - header;
	j->bytes += n - header;
	j->more = field & 0x2000;
	return !j->more || (n - header) % 8 == 0;
}

#endif

/*
 * Two ends of an ESP tunnel in memory, for suites, the fuzzer and the benchmark.
 */
#ifndef TEST_UNIT_ESP_PAIR_H
#define TEST_UNIT_ESP_PAIR_H

#include "esp/esp.h"

enum { PAIR_BUF = PKT_HEADROOM + 9216 + PKT_TAILROOM };

struct pair_suite {
	const char *name;
	struct transform encr, integ;
};
extern const struct pair_suite pair_suites[];
extern const size_t pair_suites_n;

struct pair_options {
	size_t suite;
	bool esn;
	uint32_t window;
	uint64_t first_seq;
	uint64_t lost; /* packets that left has sent and right has never seen, from the beginning */
	struct esp_lifetime out_life, in_life;
	enum esp_engine engine; /* of both ends */
	struct esp_headers headers;
	struct esp_transport transport; /* of right's inbound SA */
	struct esp_path path;           /* of left's outbound SA */
	uint32_t tfc_padding;
	bool lenient_padding;
	/* Selectors of left's and right's side, pair by pair; NULL: the nets below. */
	const struct ts_list *here, *there;
};

/* What left sends to 10.2.0.0/16 or fd00:2::/64 from 10.1.0.0/16 or fd00:1::/64, right receives. */
struct pair {
	struct esp *left, *right;
	struct esp_worker *lw, *rw;
	uint32_t spi, slot;
};

void pair_init(struct pair *p, const struct pair_options *o);
void pair_fini(struct pair *p);
/* Key bytes of a suite, as both ends have them: for tests that seal by themselves. */
struct esp_keys pair_keys(size_t suite, bool esn);

/* A packet of n bytes in buf behind the headroom: UDP from inside left's net to right's. */
struct pkt pair_packet(uint8_t *buf, enum addr_family family, size_t n);
/* An inner UDP packet of n bytes at p. */
void pair_inner(uint8_t *p, enum addr_family family, size_t n);

/* The checksums of a packet without extension headers, as a full sum has them: of the IPv4 header,
 * TCP, UDP, ICMP, ICMPv6. */
void pair_set_sums(uint8_t *ip);
bool pair_sums_are_right(const uint8_t *ip);

enum esp_verdict pair_encap(struct pair *p, struct pkt *pkt);
enum esp_verdict pair_decap(struct pair *p, struct pkt *pkt);

#endif

/*
 * Devices that carry the inner packets, and the host's addresses, routes and MTU for them.
 */
#ifndef TUN_TUN_H
#define TUN_TUN_H

#include "base/addr.h"
#include "base/pkt.h"

struct tun;

/* Errors: 0 or a negative errno; `why` gets a whole sentence with the mend. */
enum { TUN_WHY = 256 };

struct tun_params {
	const char *name; /* "tunike0"; borrowed */
	uint32_t mtu;     /* bytes */
};

struct tun_ops {
	const char *name; /* the backend's, as `tun.backend` writes it */
	int (*open)(const struct tun_params *p, struct tun **out, char why[TUN_WHY]);
	/* Fills up to n packets (base and cap given by the caller), each behind PKT_HEADROOM.
	 * Returns how many, 0 when nothing is there now, or -errno. Never blocks. */
	int (*read_batch)(struct tun *t, struct pkt *pkts, size_t n);
	/* Writes those of n packets whose verdict is 0. Returns how many went, the rest are lost
	 * (counted by the caller), or -errno when the device is gone. */
	int (*write_batch)(struct tun *t, struct pkt *pkts, size_t n);
	int (*poll_fd)(const struct tun *t); /* becomes readable with packets; -1: none */
	int (*set_mtu)(struct tun *t, uint32_t mtu);
	void (*close)(struct tun *t);
};

struct tun {
	const struct tun_ops *ops;
	char name[16]; /* IFNAMSIZ */
	uint32_t mtu;
};

extern const struct tun_ops tun_linux;               /* /dev/net/tun */
extern const struct tun_ops tun_mem;                 /* tests: two ends in memory */
const struct tun_ops *tun_backend(const char *name); /* "kernel", "mem"; NULL: none of that name */

/* tun_mem: puts a packet where read_batch finds it; takes one that write_batch wrote. 0 or -errno.
 */
int tun_mem_inject(struct tun *t, struct bytes packet);
int tun_mem_take(struct tun *t, uint8_t *dst, size_t cap); /* bytes, 0: none, -errno */

/* ---- Checksums (RFC 1071, RFC 1624) ---- */

uint32_t tun_csum_add(
    uint32_t sum, struct bytes b);          /* running one's complement sum of 16-bit words */
uint16_t tun_csum_fold(uint32_t sum);       /* the checksum, host order */
uint16_t tun_csum_ip4(struct bytes header); /* header with its checksum field as it stands */
/* The TCP, UDP or ICMPv6 checksum of the payload with its pseudo-header. */
uint16_t tun_csum_l4(
    const struct addr *src, const struct addr *dst, uint8_t proto, struct bytes segment);
uint16_t tun_csum_update16(uint16_t csum, uint16_t old, uint16_t new_); /* RFC 1624 equation 3 */

/* ---- Host configuration: ioctl and /proc only, no netlink ---- */

struct netcfg; /* what was changed on the host, and how to put it back */

/* `state_path`: a file that records every change before it is made, so that the next start can put
 * back what a killed program left; NULL: none. Does that at once. */
int netcfg_open(struct netcfg **out, const char *state_path, char why[TUN_WHY]);
int netcfg_addr_add(struct netcfg *n, const char *dev, const struct prefix *p, char why[TUN_WHY]);
int netcfg_addr_del(struct netcfg *n, const char *dev, const struct prefix *p);
int netcfg_route_add(
    struct netcfg *n, const char *dev, const struct prefix *dst, char why[TUN_WHY]);
int netcfg_route_del(struct netcfg *n, const char *dev, const struct prefix *dst);
int netcfg_link_up(struct netcfg *n, const char *dev, char why[TUN_WHY]);
/* Writes one /proc/sys/net setting ("net/ipv4/conf/tunike0/rp_filter"), remembers the old value. */
int netcfg_sysctl(struct netcfg *n, const char *key, const char *value, char why[TUN_WHY]);
void netcfg_close(struct netcfg *n); /* puts everything back, newest first; removes the record */

/* Through which interface would a packet to `dst` leave if `not_dev` did not exist? The source
 * address is the one the host would use. -ENETUNREACH: no route. */
struct netcfg_underlay {
	unsigned ifindex;
	char dev[16];
	struct addr src;
	uint32_t mtu; /* of the interface */
};
int netcfg_underlay(const struct addr *dst, const char *not_dev, struct netcfg_underlay *out);

/* Is `a` an address of this host (on any interface but `not_dev`)? */
bool netcfg_is_local(const struct addr *a, const char *not_dev);
/* The first local address (not on `not_dev`, not loopback or link-local unless nothing else) inside
 * lo..hi; false: none. */
bool netcfg_local_in(
    const struct addr *lo, const struct addr *hi, const char *not_dev, struct addr *out);

#endif

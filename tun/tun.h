/*
 * Devices that carry the inner packets, and the host's addresses, routes and MTU for them.
 */
#ifndef TUN_TUN_H
#define TUN_TUN_H

#include "base/addr.h"
#include "base/pkt.h"

#include <stdatomic.h>
#include <sys/uio.h>

struct tun;

/* Errors: 0 or a negative errno; `why` gets a whole sentence with the mend. */
enum { TUN_WHY = 256 };

struct tun_params {
	const char *name; /* "tunike0"; borrowed */
	uint32_t mtu;     /* bytes */
	unsigned queues;  /* 1 or more: each is read and written by one thread of its own */
	bool offload;     /* take and give super-packets, where the device can */
};

enum tun_gso_kind {
	TUN_GSO_NONE,
	TUN_GSO_TCP4,
	TUN_GSO_TCP6,
	TUN_GSO_UDP, /* of either family */
};

enum tun_csum_state {
	TUN_CSUM_AS_IS,   /* nothing is known of the transport checksum, or there is none */
	TUN_CSUM_PARTIAL, /* the field holds the sum of the pseudo-header, the rest is to be added
			   */
	TUN_CSUM_VALID,   /* writing: it was verified */
};

/* What goes with a packet that the device hands over or takes. */
struct tun_gso {
	enum tun_gso_kind kind;           /* not NONE: a super-packet, to be cut into segments */
	enum tun_csum_state csum;         /* PARTIAL with every super-packet */
	uint16_t size;                    /* bytes of payload in each segment but the last */
	uint16_t header;                  /* bytes of IP and transport header */
	uint16_t csum_start, csum_offset; /* with PARTIAL */
};

struct tun_features {
	bool tso; /* TCP super-packets, both ways */
	bool uso; /* UDP super-packets, both ways */
};

struct tun_ops {
	const char *name; /* the backend's, as `tun.backend` writes it */
	int (*open)(const struct tun_params *p, struct tun **out, char why[TUN_WHY]);
	/* Reads one packet into p (base and cap given), behind PKT_HEADROOM and with PKT_TAILROOM
	 * left. 1, 0 when nothing is there now, or -errno. Never blocks. */
	int (*read)(struct tun *t, unsigned queue, struct pkt *p, struct tun_gso *gso);
	/* Writes one packet that lies in n parts. 0 or -errno; -ENODEV: the device is gone. */
	int (*write)(struct tun *t, unsigned queue, const struct tun_gso *gso,
	    const struct iovec *parts, size_t n);
	int (*poll_fd)(const struct tun *t, unsigned queue); /* readable with packets; -1: none */
	int (*set_mtu)(struct tun *t, uint32_t mtu);
	void (*close)(struct tun *t);
};

struct tun {
	const struct tun_ops *ops;
	char name[16];        /* IFNAMSIZ */
	_Atomic uint32_t mtu; /* written by set_mtu's caller, read by any thread */
	unsigned queues;
	struct tun_features features;
};

enum { TUN_PARTS = 66 }; /* that a packet to be written may lie in */

extern const struct tun_ops tun_linux;               /* /dev/net/tun */
extern const struct tun_ops tun_mem;                 /* tests: two ends in memory */
const struct tun_ops *tun_backend(const char *name); /* "kernel", "mem"; NULL: none of that name */

/* tun_mem: puts a packet where read finds it (`gso` NULL: none); takes one that was written. 0 or
 * -errno. */
int tun_mem_inject(struct tun *t, const struct tun_gso *gso, struct bytes packet);
int tun_mem_take(
    struct tun *t, struct tun_gso *gso, uint8_t *dst, size_t cap); /* bytes, 0: none, -errno */

/* ---- Checksums (RFC 1071, RFC 1624) ---- */

uint32_t tun_csum_add(
    uint32_t sum, struct bytes b); /* running one's complement sum of 16-bit words */
/* The same of what is copied from src to dst; they do not overlap. */
uint32_t tun_csum_copy(uint32_t sum, uint8_t *dst, const uint8_t *src, size_t n);
/* The checksum, host order. */
static inline uint16_t tun_csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
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
/* The same, and what the host sends along it has `src`, which must be an address of it; of several
 * that ask for the same route the last one's counts. */
int netcfg_route_from(struct netcfg *n, const char *dev, const struct prefix *dst,
    const struct addr *src, char why[TUN_WHY]);
int netcfg_route_del(struct netcfg *n, const char *dev, const struct prefix *dst);
/* Writes out the route to `dst` as it is without `not_dev`, so that it wins against a wider one by
 * that: for what is to stay outside of the tunnel. *dev is its interface, for netcfg_route_del.
 * -ENETUNREACH: there is none. */
int netcfg_bypass_add(struct netcfg *n, const char *not_dev, const struct prefix *dst, char dev[16],
    char why[TUN_WHY]);
int netcfg_link_up(struct netcfg *n, const char *dev, char why[TUN_WHY]);
/* Writes one /proc/sys/net setting ("net/ipv4/conf/tunike0/rp_filter"), remembers the old value. */
int netcfg_sysctl(struct netcfg *n, const char *key, const char *value, char why[TUN_WHY]);
/* Makes the addresses and routes by `dev` once more, oldest first: the kernel forgets them when
 * somebody takes the interface down. What is there still is left alone. Returns how many were gone.
 */
size_t netcfg_restore(struct netcfg *n, const char *dev);
void netcfg_close(struct netcfg *n); /* puts everything back, newest first; removes the record */

/* ---- News of links ---- */

/* A descriptor that is readable when there is news of any link; the caller closes it. Or a negative
 * errno. */
int netcfg_watch_open(void);
struct netcfg_link_news {
	bool any;
	bool was_down; /* at some time since the last call, or now */
	bool up;       /* at the end */
};
/* Reads all that there is, without blocking. False: nothing of this link. */
bool netcfg_watch_read(int fd, unsigned ifindex, struct netcfg_link_news *news);

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

/*
 * The ESP data plane: RFC 4303, RFC 4301. Packets in the caller's buffers, SAs in a slot table, an
 * immutable policy snapshot, epochs for reclamation. Knows base/ only: no IKE, sockets, devices,
 * clocks.
 *
 * Threads: one control thread calls everything that takes a struct esp; each worker thread calls
 * what takes its struct esp_worker. Nothing on the packet path locks, allocates, logs or reads a
 * clock.
 */
#ifndef ESP_ESP_H
#define ESP_ESP_H

#include "base/addr.h"
#include "base/pkt.h"
#include "base/secret.h"
#include "base/transform.h"
#include "base/ts.h"
#include "esp/verdict.h"

struct esp;
struct esp_worker;

enum esp_err {
	ESP_OK = 0,
	ESP_ENOMEM = -1,
	ESP_EFULL = -2,        /* no free slot */
	ESP_EUNSUPPORTED = -3, /* a transform that this build or this OpenSSL lacks */
	ESP_EINVAL = -4,
	ESP_ENOENT = -5,
};

/* Who does the ciphers. */
enum esp_engine {
	ESP_ENGINE_AUTO, /* the faster one that this build and this CPU have */
	ESP_ENGINE_OPENSSL,
	ESP_ENGINE_IPSEC_MB,
};

struct esp_params {
	uint32_t slots;         /* a power of two, up to 2^20: SAs each way */
	uint32_t workers;       /* 1 to 64 */
	enum esp_engine engine; /* what it cannot do, OpenSSL does */
	struct ossl_lib_ctx_st
	    *libctx; /* algorithms and randomness; borrowed; NULL: OpenSSL's default */
};

struct esp *esp_new(const struct esp_params *p); /* NULL: no memory */
void esp_free(struct esp *e);                    /* no worker may be inside; everything is wiped */

/* ---- Security associations (control thread) ---- */

/* Reserves an inbound SPI: its low bits are the slot, the high bits random; never 0..255. 0 if the
 * table is full. */
uint32_t esp_spi_get(struct esp *e);
void esp_spi_put(struct esp *e, uint32_t spi); /* a reserved SPI that was never installed */

struct esp_lifetime {
	uint64_t soft_bytes, hard_bytes; /* 0: no limit; plaintext IP bytes */
	uint64_t soft_packets, hard_packets;
};

struct esp_keys {
	struct transform encr, integ; /* integ.type 0 with AEAD */
	struct bytes encr_key; /* key, then salt, as RFC 7296 section 2.17 orders it; copied */
	struct bytes integ_key;
	bool esn;
};

enum esp_mode {
	ESP_TUNNEL,
	ESP_TRANSPORT,
};

/* What passes between inner and outer header: RFC 4301 section 5.1.2, RFC 6040. */
struct esp_headers {
	enum esp_mode mode;
	bool dscp_out; /* outer DSCP from the inner one; else 0 */
	bool dscp_in;  /* inner DSCP from the outer one; else as it was sent */
	bool ecn;      /* RFC 6040, normal mode both ways; else the outer field is 0 and ignored */
	bool df;       /* outer DF as the inner one's; else 0 */
};

/* Transport mode: addresses of the packet as the peer sent it and as this host sees it. They differ
 * behind a NAT, and checksums are repaired then (RFC 3948 section 3.1.2). They are those of the
 * negotiation for as long as the SA lives, also where a NAT shows the peer elsewhere later: both
 * hosts go on with what they know, and their connections with them. */
struct esp_transport {
	struct addr sent_src, sent_dst; /* as the peer's stack computed its checksums with */
	struct addr src, dst;           /* as the packet is handed to this host */
};

struct esp_in_params {
	uint32_t spi; /* from esp_spi_get */
	struct esp_headers headers;
	struct esp_transport transport; /* with ESP_TRANSPORT */
	bool lenient_padding;           /* do not look at the padding bytes */
	struct esp_keys keys;
	uint32_t replay_window; /* packets, 0 (off) to 32768 */
	const struct ts_list *local_ts,
	    *remote_ts; /* of the inner packet: dst in local, src in remote; copied */
	struct esp_lifetime life;
	uint64_t first_seq; /* tests: highest number taken as already seen; 0 otherwise */
};

/* Where an outbound SA sends: opaque to ESP, carried for the UDP driver. */
struct esp_path {
	struct endpoint local, remote;
	bool udp_encap; /* ESP in UDP (RFC 3948); false: protocol 50 */
	uint32_t mtu;   /* largest outer IP packet that the path carries; 0: not known */
};

struct esp_out_params {
	uint32_t spi; /* the peer's */
	struct esp_headers headers;
	uint32_t tfc_padding; /* pad inner packets to this many bytes (RFC 4303 section 2.7), as far
				 as the path carries; 0: no */
	struct esp_keys keys;
	struct esp_lifetime life;
	struct esp_path path;
	uint64_t first_seq; /* tests: last number taken as already sent; 0 otherwise */
};

enum esp_err esp_in_add(struct esp *e, const struct esp_in_params *p);
void esp_in_del(struct esp *e, uint32_t spi); /* unknown: no effect */
/* Is there an inbound SA in transport mode? Any thread. */
bool esp_has_transport(const struct esp *e);
enum esp_err esp_out_add(struct esp *e, const struct esp_out_params *p, uint32_t *slot);
void esp_out_del(struct esp *e, uint32_t slot);
enum esp_err esp_out_set_path(struct esp *e, uint32_t slot, const struct esp_path *path);

struct esp_stats {
	uint64_t packets, bytes;      /* passed; plaintext IP bytes */
	uint64_t drops[ESP_VERDICTS]; /* by enum esp_verdict: of packets that reached this SA */
	uint64_t seq;                 /* last sent, or highest seen */
};
bool esp_in_stats(const struct esp *e, uint32_t spi, struct esp_stats *out);
bool esp_out_stats(const struct esp *e, uint32_t slot, struct esp_stats *out);
/* Sums of all workers by verdict, packets that met no SA included. */
void esp_totals(const struct esp *e, uint64_t out[ESP_VERDICTS]);

/* ---- Lifetimes ---- */

enum esp_expiry_kind {
	ESP_EXPIRY_SOFT, /* a soft limit was passed: time to rekey */
	ESP_EXPIRY_HARD, /* a hard limit, or the last sequence number: the SA has stopped */
};
struct esp_expiry {
	enum esp_expiry_kind kind;
	bool inbound;
	uint32_t id; /* inbound: SPI; outbound: slot */
};
/* Each limit is reported once. Control thread. Returns false when there is no more. */
bool esp_next_expiry(struct esp *e, struct esp_expiry *out);

/* ---- Policies (control thread) ---- */

enum esp_action {
	ESP_PROTECT, /* by the outbound SA `slot` */
	ESP_TRAP,    /* no SA yet: verdict ESP_V_ACQUIRE, pkt.slot = `id` */
	ESP_PASS,    /* unprotected */
	ESP_DROP,
};

struct esp_policy {
	uint32_t priority; /* lower is better; equal: the more specific remote, then local, then the
			      earlier */
	enum esp_action action;
	uint32_t slot; /* ESP_PROTECT */
	/* Worker i sends by group[i] as long as that SA is there, else by `slot`. Copied; 0: `slot`
	 * alone. Policies may share one. */
	const uint32_t *group;
	uint32_t group_n;
	uint32_t id; /* the caller's, for ESP_TRAP */
	struct ts local, remote;
};

/* Compiles and publishes a new snapshot of all outbound policies, whole; copied. A packet that no
 * policy matches gets ESP_V_NO_POLICY. */
enum esp_err esp_spd_set(struct esp *e, const struct esp_policy *v, size_t n);

/* ---- Reclamation (control thread) ---- */

/* Frees and wipes what was removed and what all workers have passed. Returns how many wait. */
size_t esp_reclaim(struct esp *e);
/* True once after keys went of which workers may have copies. A worker wipes them between two
 * batches; one that sleeps is to be woken, and enter and leave. */
bool esp_keys_gone(struct esp *e);

/* ---- Packet path (one worker thread each) ---- */

struct esp_worker *esp_worker_get(struct esp *e, uint32_t index); /* borrowed, 0 to workers - 1 */

/* Brackets around every batch: between them, what this worker has seen stays valid. A worker
 * outside (asleep in poll) never delays reclamation. */
void esp_worker_enter(struct esp_worker *w);
void esp_worker_leave(struct esp_worker *w);

/* IP packets to ESP packets (header to ICV), in place: needs PKT_HEADROOM in front and PKT_TAILROOM
 * behind. Each packet gets a verdict; ESP_V_OK means that it is ready to be sent along
 * esp_pkt_path(). ESP_V_CUT: see esp_encap_pieces. */
void esp_encap(struct esp_worker *w, struct pkt *pkts, size_t n);
/* Of a packet with the verdict ESP_V_CUT, which is IPv4 without DF and larger than its path
 * carries: fragments of at most esp_pkt_mtu() bytes, for the SA that took the whole (RFC 4301
 * section 8.1). As esp_encap otherwise; they may come in several calls. */
void esp_encap_pieces(struct esp_worker *w, const struct pkt *whole, struct pkt *pieces, size_t n);
/* A dummy packet (RFC 4303 section 2.6): p->len bytes of any content, zeros now, as far as the path
 * carries them and with the SA's TFC padding, sealed by the SA in `slot` and ready to be sent; room
 * as for esp_encap. The receiver throws it away. False: see
 * p->verdict. */
bool esp_dummy(struct esp_worker *w, uint32_t slot, struct pkt *p);
/* ESP packets to IP packets, in place. pkt.tos is the outer TOS. Worker i has the inbound SAs of
 * which the SPI, masked by slots less 1, leaves i when divided by the number of workers; packets of
 * others get ESP_V_STRAY. */
void esp_decap(struct esp_worker *w, struct pkt *pkts, size_t n);

/* The path of a packet that esp_encap passed. NULL: its SA was removed since, drop it. Borrowed
 * until esp_worker_leave. */
const struct esp_path *esp_pkt_path(const struct esp_worker *w, const struct pkt *pkt);

/* With verdict ESP_V_TOO_BIG or ESP_V_CUT: the largest inner packet that passes, bytes; 0: its SA
 * is gone. */
uint32_t esp_pkt_mtu(const struct esp_worker *w, const struct pkt *pkt);

/* True once after something came up for the control thread (an expiry) since the last call. */
bool esp_worker_attention(struct esp_worker *w);

/* The inner flow of an IP packet as selectors see it. Returns false if it is not IPv4 or IPv6, or
 * cut. */
bool esp_flow_of(struct bytes ip, struct ts_flow *out);

/* Bytes that tunnel-mode ESP with these transforms adds to an inner packet at most (header, IV,
 * padding, trailer, ICV), without UDP and outer IP: for the MTU. */
uint32_t esp_overhead(struct transform encr, struct transform integ);

/* Who does this pair here: "ipsec-mb" or "OpenSSL". integ.type 0 with AEAD. */
const char *esp_engine_of(struct esp *e, struct transform encr, struct transform integ);
/* The version of ipsec-mb; NULL: this build has none. */
const char *esp_ipsec_mb(void);

/* Can this build and this OpenSSL do it in ESP? */
bool esp_can(struct ossl_lib_ctx_st *libctx, struct transform t);

#endif

/*
 * Ends of a tunnel for the tests of workers.
 */
#include "test/unit/worker_sides.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test/unit/esp_pair.h"

#define MUST(x)                                                      \
	do {                                                         \
		if (!(x))                                            \
			ck_abort_msg("worker side: not so: %s", #x); \
	} while (0)

static void open_worker(struct side *s, unsigned i)
{
	char why[TUN_WHY + UDP_WHY];
	struct tun_params tp = {.name = "mem0", .mtu = SIDE_MTU, .offload = true};
	struct udp_params up = {
	    .families = UDP_V4, .port = (uint16_t)(s->port + (s->group ? 0 : i)), .trains = true};

	if (s->group) {
		up.index = i;
		up.count = s->n;
		up.steer_mask = SIDE_SLOTS - 1;
	}
	MUST(udp_open(&s->udp[i], &up, why) == 0);
	if (i == s->n)
		return;
	MUST(tun_mem.open(&tp, &s->tun[i], why) == 0);
	struct worker_params wp = {
	    .index = i,
	    .count = s->n,
	    .slots = SIDE_SLOTS,
	    .esp = s->esp,
	    .udp = s->udp[i],
	    .tun = s->tun[i],
	    .control_fd = s->event,
	    .pins = s->pins,
	};
	s->w[i] = worker_new(&wp);
	MUST(s->w[i]);
}

void side_init(struct side *s, unsigned workers, uint16_t port, bool group)
{
	struct esp_params ep = {.slots = SIDE_SLOTS, .workers = workers};

	memset(s, 0, sizeof *s);
	s->n = workers;
	s->port = port;
	s->group = group;
	s->esp = esp_new(&ep);
	s->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	MUST(s->esp && s->event >= 0);
	for (unsigned i = 0; i < workers + group; i++)
		open_worker(s, i);
}

void side_start(struct side *s)
{
	for (unsigned i = 0; i < s->n; i++)
		MUST(worker_start(s->w[i], s->w));
}

void side_stop(struct side *s)
{
	for (unsigned i = 0; i < s->n; i++)
		worker_stop(s->w[i]);
}

void side_fini(struct side *s)
{
	side_stop(s);
	for (unsigned i = 0; i < s->n; i++)
		worker_free(s->w[i]);
	for (unsigned i = 0; i < s->n; i++)
		s->tun[i]->ops->close(s->tun[i]);
	for (unsigned i = 0; i <= s->n; i++)
		udp_close(s->udp[i]);
	esp_free(s->esp);
	close(s->event);
}

/* ---- SAs ---- */

static void list_of(struct ts_list *l, const char *v4, const char *v6)
{
	struct ts t;
	*l = (struct ts_list){0};
	MUST(ts_parse(&t, v4) && ts_list_add(l, &t));
	MUST(ts_parse(&t, v6) && ts_list_add(l, &t));
}

/* The nets of test/unit/offload_pkt.c; both ends use the same ones. */
static void nets(struct ts_list *src, struct ts_list *dst)
{
	list_of(src, "10.0.0.0/24", "2001:db8::/48");
	list_of(dst, "10.0.1.0/24", "2001:db8:100::/48");
}

/* SPIs are random but for the slot: taken until one is the worker's. */
static uint32_t spi_of(struct side *s, uint32_t owner)
{
	struct worker_params p = {.slots = SIDE_SLOTS, .count = s->n};
	uint32_t other[SIDE_WORKERS], others = 0, spi;

	while ((spi = esp_spi_get(s->esp)) != 0 && worker_of_spi(&p, spi) != owner) {
		MUST(others < SIDE_WORKERS);
		other[others++] = spi;
	}
	while (others > 0)
		esp_spi_put(s->esp, other[--others]);
	MUST(spi != 0);
	return spi;
}

uint32_t side_add_sa(struct side *from, struct side *to, uint32_t owner, unsigned at, uint32_t *spi)
{
	struct ts_list src, dst;
	uint32_t slot;

	nets(&src, &dst);
	*spi = spi_of(to, owner);
	struct esp_in_params in = {.spi = *spi,
	    .keys = pair_keys(from->suite, false),
	    .replay_window = 1024,
	    .local_ts = &dst,
	    .remote_ts = &src};
	MUST(esp_in_add(to->esp, &in) == ESP_OK);
	struct esp_out_params out = {
	    .spi = *spi, .keys = pair_keys(from->suite, false), .path = {.udp_encap = true}};
	out.headers.df = from->df;
	MUST(addr_parse(&out.path.local.addr, "127.0.0.1"));
	out.path.remote.addr = out.path.local.addr;
	out.path.local.port = from->port;
	out.path.remote.port = (uint16_t)(to->port + (to->group ? 0 : at));
	MUST(esp_out_add(from->esp, &out, &slot) == ESP_OK);
	return slot;
}

void side_set_policies(struct side *from, const uint32_t *slots, uint32_t n)
{
	struct ts_list src, dst;
	struct esp_policy v[2];

	nets(&src, &dst);
	for (size_t i = 0; i < 2; i++)
		v[i] = (struct esp_policy){.action = ESP_PROTECT,
		    .slot = slots[0],
		    .group = slots,
		    .group_n = n,
		    .local = src.v[i],
		    .remote = dst.v[i]};
	MUST(esp_spd_set(from->esp, v, 2) == ESP_OK);
}

static void connect_one_way(struct side *from, struct side *to)
{
	for (uint32_t i = 0; i < from->n; i++)
		from->out[i] = side_add_sa(from, to, i % to->n, i % to->n, &to->in[i]);
	side_set_policies(from, from->out, from->n);
}

void side_connect(struct side *a, struct side *b)
{
	connect_one_way(a, b);
	connect_one_way(b, a);
}

uint64_t side_sum(const struct side *s, enum worker_counter c)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < s->n; i++)
		sum += worker_counter(s->w[i], c);
	return sum;
}

/* ---- Packets ---- */

bool side_same(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len)
{
	if (a_len != b_len || a_len < 20)
		return false;
	bool df = a[0] >> 4 == 4 && (be16_load(a + 6) & OPKT_DF);
	if (!df)
		return memcmp(a, b, a_len) == 0;
	/* RFC 6864: neither the identification nor, with it, the checksum. */
	return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
	       memcmp(a + 12, b + 12, a_len - 12) == 0 && opkt_sum(0, b, 20) == 0xffff;
}

static void cut(uint8_t *p, uint32_t len, const struct tun_gso *gso,
    void (*each)(void *ctx, const uint8_t *p, uint32_t len), void *ctx)
{
	uint8_t piece[10000];
	struct tun_split s;
	struct pkt pkt = {.base = p, .cap = len, .len = len};

	if (gso->kind == TUN_GSO_NONE) {
		MUST(tun_csum_complete(&pkt, gso));
		each(ctx, p, len);
		return;
	}
	MUST(gso->size < 9000 && tun_split_init(&s, &pkt, gso));
	while (tun_split_more(&s)) {
		uint32_t n = tun_split_next(&s, piece);
		each(ctx, piece, n);
	}
}

int side_inject(struct tun *t, struct opkt_shape *s, uint16_t size, struct rng *r,
    void (*each)(void *ctx, const uint8_t *p, uint32_t len), void *ctx)
{
	uint8_t *p = malloc(OPKT_MAX);
	struct tun_gso gso = {.csum = TUN_CSUM_PARTIAL,
	    .size = size,
	    .header = (uint16_t)opkt_header(s),
	    .csum_start = (uint16_t)opkt_l4(s),
	    .csum_offset = s->tcp ? 16 : 6};

	MUST(p);
	if (size)
		gso.kind = !s->tcp ? TUN_GSO_UDP : s->v6 ? TUN_GSO_TCP6 : TUN_GSO_TCP4;
	uint32_t len = opkt_build(p, s, true, r);
	int rc = tun_mem_inject(t, &gso, bytes_of(p, len));
	if (rc == 0 && each)
		cut(p, len, &gso, each, ctx);
	if (rc == 0) {
		s->seq += s->payload;
		s->id = (uint16_t)(s->id + (size ? (s->payload + size - 1) / size : 1));
	}
	free(p);
	return rc;
}

bool side_take(struct tun *t, void (*each)(void *ctx, const uint8_t *p, uint32_t len), void *ctx)
{
	struct tun_gso gso;
	uint8_t *p = malloc(OPKT_MAX);

	MUST(p);
	int n = tun_mem_take(t, &gso, p, OPKT_MAX);
	MUST(n >= 0);
	if (n > 0)
		cut(p, (uint32_t)n, &gso, each, ctx);
	free(p);
	return n > 0;
}

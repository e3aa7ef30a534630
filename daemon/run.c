/*
 * The daemon's life: what is opened, in which order, what is said when it cannot be, and how it is
 * put back.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/cli/cli.h"
#include "daemon/control/control.h"
#include "daemon/mtu.h"
#include "daemon/signer/keep.h"
#include "daemon/version.h"

/* ---- What is said before there is a log, or when there will be none ---- */

__attribute__((format(printf, 1, 2))) static bool fail(const char *fmt, ...)
{
	va_list ap;
	fputs("tunike: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return false;
}

static bool no_memory(void)
{
	return fail("out of memory");
}

/* ---- Opening, in order ---- */

static bool load(struct daemon *d)
{
	struct config_notes notes;

	d->config = config_load(d->opt->config_path, &notes);
	for (size_t i = 0; i < notes.n; i++)
		fprintf(stderr, "tunike: %s%s\n",
		    notes.v[i].severity == CONFIG_WARNING ? "warning: " : "", notes.v[i].text);
	config_notes_free(&notes);
	if (!d->config)
		return false;
	d->log.level = d->config->log_level;
	d->log.format = d->config->log_format;
	const char *env = getenv("TUNIKE_CONTROL");
	const char *path = d->opt->control_path                        ? d->opt->control_path
			   : env && *env                               ? env
			   : d->config->control && *d->config->control ? d->config->control
								       : TUNIKE_CONTROL_DEFAULT;
	if (strlen(path) >= CLI_PATH)
		return fail(
		    "the control socket's path is longer than %d bytes: %s", CLI_PATH - 1, path);
	snprintf(d->control_path, sizeof d->control_path, "%s", path);
	snprintf(d->undo_path, sizeof d->undo_path, "%.107s.undo", path);
	return true;
}

/* No key in a core file, and nobody who looks into our memory. */
static void harden(const struct daemon *d)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &ignore, NULL);
	if (d->opt->debug_core)
		return;
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static bool open_port(struct daemon *d, struct udp_sock **out, const struct udp_params *p)
{
	char why[UDP_WHY];

	if (udp_open(out, p, why) < 0)
		return fail("%s", why);
	if (why[0] && p->index == 0)
		log_say(&d->log, LOG_WARNING, "socket", "%s", why);
	return true;
}

/* Each worker its own socket, in the order in which the kernel counts them, and the last for IKE.
 */
static bool open_natt(struct daemon *d)
{
	struct udp_params p = {.families = UDP_BOTH,
	    .port = DAEMON_NATT_PORT,
	    .trains = true,
	    .count = d->workers_n,
	    .steer_mask = DAEMON_SLOTS - 1};

	for (; p.index < d->workers_n; p.index++)
		if (!open_port(d, &d->esp_socks[p.index], &p))
			return false;
	p.trains = false;
	return open_port(d, &d->natt.udp, &p);
}

static bool wants_plain_esp(const struct config *c)
{
	for (size_t i = 0; i < c->conns_n; i++)
		if (!c->conns[i].encap)
			return true;
	return false;
}

static bool open_raw(struct daemon *d)
{
	struct raw_params p = {
	    .families = UDP_BOTH, .count = d->workers_n, .steer_mask = DAEMON_SLOTS - 1};
	char why[UDP_WHY];

	if (!wants_plain_esp(d->config))
		return true;
	for (; p.index < d->workers_n; p.index++) {
		if (raw_open(&d->raws[p.index], &p, why) < 0)
			return fail("%s", why);
		if (why[0] && p.index == 0)
			log_say(&d->log, LOG_WARNING, "socket", "%s", why);
		int rc = raw_want(d->raws[p.index], true);
		if (rc < 0)
			return fail("plain ESP cannot be received: %s", strerror(-rc));
	}
	return true;
}

static uint32_t cores(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	return n < 1 ? 1 : (uint32_t)n;
}

static void choose_workers(struct daemon *d)
{
	uint32_t n = d->config->workers ? d->config->workers : cores();
	d->workers_n = n < DAEMON_WORKERS ? n : DAEMON_WORKERS;
}

static bool open_ports(struct daemon *d)
{
	choose_workers(d);
	if (!open_natt(d) || !open_raw(d))
		return false;
	for (size_t i = 0; i < d->config->conns_n || i == 0; i++) {
		uint16_t port = d->config->conns_n ? d->config->conns[i].local_port : 500;
		bool known = port == DAEMON_NATT_PORT;
		for (size_t k = 0; k < d->socks_n; k++)
			known |= udp_port(d->socks[k].udp) == port;
		if (known)
			continue;
		if (d->socks_n == DAEMON_SOCKS)
			return fail("more than %d different values of local_port", DAEMON_SOCKS);
		struct udp_params p = {.families = UDP_BOTH, .port = port};
		if (!open_port(d, &d->socks[d->socks_n].udp, &p))
			return false;
		d->socks_n++;
	}
	return true;
}

static bool needs_tun(const struct config *c)
{
	for (size_t i = 0; i < c->conns_n; i++)
		if (c->conns[i].children_n)
			return true;
	return false;
}

/* The smallest link towards the peers that are known by address. */
static uint32_t link_mtu(const struct config *c)
{
	uint32_t least = MTU_ETHERNET;
	struct netcfg_underlay u;
	struct addr a;

	for (size_t i = 0; i < c->conns_n; i++)
		for (size_t k = 0; k < c->conns[i].remote_addrs_n; k++)
			if (addr_parse(&a, c->conns[i].remote_addrs[k]) &&
			    netcfg_underlay(&a, c->tun.name, &u) == 0 && u.mtu < least)
				least = u.mtu;
	return least;
}

static bool open_tun(struct daemon *d)
{
	const struct config *c = d->config;
	char why[TUN_WHY];

	if (netcfg_open(&d->netcfg, d->undo_path, why) < 0)
		return fail("%s", why);
	if (why[0])
		log_say(&d->log, LOG_WARNING, "undo", "%s", why);
	if (!needs_tun(c))
		return true;
	struct tun_params p = {.name = c->tun.name,
	    .mtu = c->tun.mtu ? c->tun.mtu : mtu_of_config(c, link_mtu(c)),
	    .queues = c->tun.queues && c->tun.queues < d->workers_n ? c->tun.queues : d->workers_n,
	    .offload = true};
	if (tun_linux.open(&p, &d->tun, why) < 0)
		return fail("%s", why);
	if (netcfg_link_up(d->netcfg, d->tun->name, why) < 0)
		return fail("%s", why);
	return true;
}

static uint32_t spi_get(void *arg)
{
	return esp_spi_get(arg);
}

static void spi_put(void *arg, uint32_t spi)
{
	esp_spi_put(arg, spi);
}

static bool wants_qcd(const struct config *c)
{
	for (size_t i = 0; i < c->conns_n; i++)
		if (c->conns[i].qcd)
			return true;
	return false;
}

/* Without it the peers learn of a crash as they would of any other's. */
static void read_qcd(struct daemon *d, struct secret *out)
{
	char why[KEEP_WHY];

	*out = SECRET_NONE;
	if (wants_qcd(d->config) &&
	    !keep_secret(out, d->config->state, "qcd.secret", IKE_QCD_SECRET, why))
		log_say(&d->log, LOG_WARNING, "qcd",
		    "peers will not notice a restart at once (qcd): %s", why);
}

static bool make_engine(struct daemon *d)
{
	struct secret qcd;
	struct esp_params ep = {.slots = DAEMON_SLOTS,
	    .workers = d->workers_n,
	    .engine = (enum esp_engine)d->config->crypto};
	d->esp = esp_new(&ep);
	if (!d->esp)
		return no_memory();
	struct ike_params ip = {.config = d->config,
	    .spi_get = spi_get,
	    .spi_put = spi_put,
	    .spi_arg = d->esp,
	    .natt_port = DAEMON_NATT_PORT,
	    .want_keys = d->keylog != NULL,
	    .resources = d->workers_n};
	read_qcd(d, &qcd);
	ip.qcd_secret = secret_bytes(&qcd);
	d->engine = ike_engine_new(&ip);
	secret_fini(&qcd);
	return d->engine || no_memory();
}

static bool make_apply(struct daemon *d)
{
	size_t children = 0;
	for (size_t i = 0; i < d->config->conns_n; i++)
		children += d->config->conns[i].children_n;
	paths_init(&d->paths, d->tun ? d->tun->name : NULL);
	struct apply_params ap = {.esp = d->esp,
	    .slots = DAEMON_SLOTS,
	    .workers = d->workers_n,
	    .paths = &d->paths,
	    .log = &d->log,
	    .netcfg = d->tun ? d->netcfg : NULL,
	    .dev = d->tun ? d->tun->name : "",
	    .traps = children};
	d->apply_ready = apply_init(&d->apply, &ap);
	if (!d->apply_ready)
		return no_memory();
	if (d->tun)
		nets_loosen(&d->apply.nets, d->tun->name);
	if (!apply_statics(&d->apply, d->config))
		return no_memory();
	d->resolver = resolver_new(d->base);
	struct conns_params cp = {.base = d->base,
	    .config = d->config,
	    .apply = &d->apply,
	    .log = &d->log,
	    .resolver = d->resolver,
	    .tun_name = d->tun ? d->tun->name : NULL,
	    .natt_port = DAEMON_NATT_PORT,
	    .command = daemon_command,
	    .rekeying = daemon_rekeying,
	    .arg = d};
	d->conns_ready = d->resolver && conns_init(&d->conns, &cp);
	return d->conns_ready || no_memory();
}

static bool open_keylog(struct daemon *d)
{
	char why[512];

	if (!d->config->keylog || !*d->config->keylog)
		return true;
	if (keylog_open(&d->keylog, d->config->keylog, why, sizeof why) < 0)
		return fail("%s", why);
	log_say(&d->log, LOG_WARNING, "keylog",
	    "all session keys are written to %s: whoever reads them reads the traffic",
	    d->config->keylog);
	return true;
}

static bool make_memory(struct daemon *d)
{
	d->base = event_base_new();
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->buffers = malloc((size_t)(DAEMON_BATCH + 1) * (PKT_HEADROOM + DAEMON_DATAGRAM));
	return (d->base && d->wake_fd >= 0 && d->buffers) || no_memory();
}

static bool start_workers(struct daemon *d)
{
	for (uint32_t i = 0; i < d->workers_n; i++) {
		struct worker_params p = {.index = i,
		    .count = d->workers_n,
		    .slots = DAEMON_SLOTS,
		    .esp = d->esp,
		    .udp = d->esp_socks[i],
		    .raw = d->raws[i],
		    .busy_poll_us = d->config->busy_poll_us,
		    .tun = d->tun,
		    .control_fd = d->wake_fd,
		    .pins = d->apply.pins};
		d->workers[i] = worker_new(&p);
		if (!d->workers[i])
			return no_memory();
	}
	for (uint32_t i = 0; i < d->workers_n; i++)
		if (!worker_start(d->workers[i], d->workers))
			return fail("a worker thread cannot be started: %s", strerror(errno));
	return true;
}

/* The names of --up, checked before anything runs. */
static bool check_ups(struct daemon *d)
{
	char why[512];
	struct control_target t;

	for (size_t i = 0; i < d->opt->up_n; i++)
		if (!control_target_find(&d->conns, d->opt->up[i], &t, why, sizeof why))
			return fail("--up: %s", why);
	return true;
}

static void start_ups(struct daemon *d)
{
	char why[512];
	struct control_target t;

	for (size_t i = 0; i < d->opt->up_n; i++)
		if (control_target_find(&d->conns, d->opt->up[i], &t, why, sizeof why))
			conns_up(t.conn, t.child, true, NULL);
}

static void say_started(struct daemon *d)
{
	struct log_line line;
	char ports[128];
	struct text t = text_of(ports, sizeof ports);

	for (size_t i = 0; i < d->socks_n; i++)
		text_addf(&t, "%u,", udp_port(d->socks[i].udp));
	text_addf(&t, "%u", udp_port(d->natt.udp));
	log_begin(&line, &d->log, LOG_INFO, "start", NULL);
	log_str(&line, "version", TUNIKE_VERSION);
	log_u64(&line, "pid", (uint64_t)getpid());
	log_str(&line, "config", d->config->path);
	log_str(&line, "control", d->control_path);
	log_str(&line, "udp", text_end(&t));
	log_str(&line, "tun", d->tun ? d->tun->name : "none");
	log_u64(&line, "mtu", d->tun ? d->tun->mtu : 0);
	log_u64(&line, "workers", d->workers_n);
	log_u64(&line, "connections", d->config->conns_n);
	log_end(&line);
}

/* ---- Closing, in the reverse order ---- */

static void close_all(struct daemon *d)
{
	for (uint32_t i = 0; i < d->workers_n; i++)
		if (d->workers[i])
			worker_stop(d->workers[i]);
	for (uint32_t i = 0; i < d->workers_n; i++)
		worker_free(d->workers[i]);
	control_free(d->control);
	daemon_loop_fini(d);
	if (d->conns_ready)
		conns_fini(&d->conns);
	resolver_free(d->resolver);
	if (d->engine)
		ike_engine_free(d->engine);
	if (d->apply_ready)
		apply_fini(&d->apply);
	if (d->netcfg)
		netcfg_close(d->netcfg);
	if (d->tun)
		d->tun->ops->close(d->tun);
	if (d->esp)
		esp_free(d->esp);
	keylog_close(d->keylog);
	for (size_t i = 0; i < d->socks_n; i++)
		udp_close(d->socks[i].udp);
	for (uint32_t i = 0; i < d->workers_n; i++)
		udp_close(d->esp_socks[i]);
	for (uint32_t i = 0; i < d->workers_n; i++)
		raw_close(d->raws[i]);
	udp_close(d->natt.udp);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	if (d->buffers)
		secret_wipe(
		    d->buffers, (size_t)(DAEMON_BATCH + 1) * (PKT_HEADROOM + DAEMON_DATAGRAM));
	free(d->buffers);
	if (d->base)
		event_base_free(d->base);
	config_free(d->config);
}

static bool open_all(struct daemon *d)
{
	char why[512];

	if (!load(d))
		return false;
	harden(d);
	if (!make_memory(d))
		return false;
	d->control = control_open(d, d->control_path, why, sizeof why);
	if (!d->control)
		return fail("%s", why);
	return open_ports(d) && open_tun(d) && open_keylog(d) && make_engine(d) && make_apply(d) &&
	       check_ups(d) && (daemon_loop_init(d) || no_memory()) &&
	       (control_start(d->control) || no_memory()) && start_workers(d);
}

int daemon_run(const struct daemon_options *opt)
{
	struct daemon *d = calloc(1, sizeof *d);

	if (!d) {
		no_memory();
		return CLI_FAILED;
	}
	d->opt = opt;
	d->wake_fd = -1;
	d->since = time(NULL);
	log_init(&d->log, stderr);
	bool ok = open_all(d);
	if (ok) {
		say_started(d);
		conns_start(&d->conns);
		start_ups(d);
		apply_commit(&d->apply, daemon_now_ms());
		event_base_dispatch(d->base);
		log_say(&d->log, LOG_INFO, "stopped", "stopped");
	}
	close_all(d);
	free(d);
	return ok ? CLI_OK : CLI_FAILED;
}

/*
 * The engine's events as lines of the log: a row each.
 */
#include "daemon/log.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

static void add_path(struct log_line *line, const struct ike_path *p)
{
	char t[ENDPOINT_TEXT];
	log_str(line, "local", endpoint_text(&p->local, t));
	log_str(line, "remote", endpoint_text(&p->remote, t));
	log_bool(line, "encap", p->encap);
}

static void fields_path(struct log_line *line, const struct ike_event *ev)
{
	add_path(line, &ev->u.path);
}

static void add_spi(struct log_line *line, const char *key, uint32_t spi)
{
	char t[12];
	snprintf(t, sizeof t, "%08x", spi);
	log_str(line, key, t);
}

static void add_addrs(struct log_line *line, const char *key, const struct addr *v, size_t n)
{
	char text[IKE_VIPS_MAX * (ADDR_TEXT + 2)] = "", t[ADDR_TEXT];
	struct text all = text_of(text, sizeof text);

	for (size_t i = 0; i < n; i++)
		text_addf(&all, "%s%s", i ? ", " : "", addr_text(&v[i], t));
	log_str(line, key, text_end(&all));
}

static void fields_child_up(struct log_line *line, const struct ike_event *ev)
{
	const struct ike_child_up *c = &ev->u.child_up;
	char ts[512], suite[SUITE_TEXT];

	add_spi(line, "spi_in", c->spi_in);
	add_spi(line, "spi_out", c->spi_out);
	log_str(line, "suite", suite_text(&c->suite, suite, sizeof suite));
	log_str(line, "local_ts", ts_list_text(&c->local_ts, ts, sizeof ts));
	log_str(line, "remote_ts", ts_list_text(&c->remote_ts, ts, sizeof ts));
	if (c->vips_n)
		add_addrs(line, "vips", c->vips, c->vips_n);
	add_path(line, &(struct ike_path){c->local, c->remote, c->encap, false});
}

static void fields_child_down(struct log_line *line, const struct ike_event *ev)
{
	add_spi(line, "spi_in", ev->u.child_down.spi_in);
	add_spi(line, "spi_out", ev->u.child_down.spi_out);
}

static void add_ike_spi(struct log_line *line, const char *key, uint64_t spi)
{
	char t[20];
	snprintf(t, sizeof t, "%016" PRIx64, spi);
	log_str(line, key, t);
}

static void fields_rekeyed(struct log_line *line, const struct ike_event *ev)
{
	log_bool(line, "initiator", ev->u.rekeyed.initiator);
	if (ev->ref.child_id) {
		add_spi(line, "old_spi_in", ev->u.rekeyed.old_spi_in);
		add_spi(line, "spi_in", ev->u.rekeyed.spi_in);
		return;
	}
	add_ike_spi(line, "old_spi_i", ev->u.rekeyed.old_spi_i);
	add_ike_spi(line, "old_spi_r", ev->u.rekeyed.old_spi_r);
	add_ike_spi(line, "spi_i", ev->u.rekeyed.spi_i);
	add_ike_spi(line, "spi_r", ev->u.rekeyed.spi_r);
}

static void fields_ike_down(struct log_line *line, const struct ike_event *ev)
{
	log_bool(line, "established", ev->u.ike_down.established);
}

static void fields_redirect(struct log_line *line, const struct ike_event *ev)
{
	char to[300], from[ADDR_TEXT];

	log_str(line, "from", addr_text(&ev->u.redirect.from, from));
	log_str(line, "to", ident_text(&ev->u.redirect.to, to, sizeof to));
}

struct row {
	const char *name; /* NULL: not logged */
	enum config_log_level level;
	void (*fields)(struct log_line *line, const struct ike_event *ev);
};

/* clang-format off */
static const struct row rows[] = {
	/* kind                  name           level        fields */
	[IKE_EV_STEP]         = {"step",         LOG_INFO,    NULL},
	[IKE_EV_OP]           = {NULL,           LOG_DEBUG,   NULL},
	[IKE_EV_IKE_UP]       = {"ike-up",       LOG_INFO,    fields_path},
	[IKE_EV_IKE_DOWN]     = {"ike-down",     LOG_WARNING, fields_ike_down},
	[IKE_EV_CHILD_UP]     = {"child-up",     LOG_INFO,    fields_child_up},
	[IKE_EV_CHILD_FAILED] = {"child-failed", LOG_WARNING, NULL},
	[IKE_EV_CHILD_DOWN]   = {"child-down",   LOG_INFO,    fields_child_down},
	[IKE_EV_REKEYED]      = {"rekeyed",      LOG_INFO,    fields_rekeyed},
	[IKE_EV_REKEY_FAILED] = {"rekey-failed", LOG_WARNING, NULL},
	[IKE_EV_PATH]         = {"path",         LOG_INFO,    fields_path},
	[IKE_EV_REDIRECT]     = {"redirect",     LOG_INFO,    fields_redirect},
	[IKE_EV_KEYS]         = {NULL,           LOG_DEBUG,   NULL},
};
/* clang-format on */

/* Lines that somebody who holds no key can cause: what is not known to be a peer of ours. */
static bool is_strangers(const struct ike_event *ev)
{
	if (ev->ref.tag != 0)
		return false;
	return ev->kind == IKE_EV_STEP ||
	       (ev->kind == IKE_EV_IKE_DOWN && !ev->u.ike_down.established);
}

/* An end that was wished for is no warning, nor is what goes by itself: both ends began at once. */
static enum config_log_level level_of(const struct ike_event *ev)
{
	enum config_log_level level = rows[ev->kind].level;
	bool wished = ev->reason.err == IKE_ELOCALDELETE || ev->reason.err == IKE_EREPLACED ||
		      ev->reason.err == IKE_EPEERDELETE || ev->reason.err == IKE_EREDIRECTED ||
		      (ev->kind == IKE_EV_REKEY_FAILED && ev->reason.err == IKE_ETEMPORARY);
	return level == LOG_WARNING && wished ? LOG_INFO : level;
}

void log_event(struct log *l, const struct ike_event *ev)
{
	const struct row *r = &rows[ev->kind];
	struct log_line line;

	if (!r->name)
		return;
	log_begin(&line, l, level_of(ev), r->name, is_strangers(ev) ? &l->by_peer : NULL);
	if (ev->ref.conn)
		log_str(&line, "conn", ev->ref.conn->name);
	if (ev->ref.ike_id)
		log_u64(&line, "ike", ev->ref.ike_id);
	if (ev->ref.child)
		log_str(&line, "child", ev->ref.child->name);
	if (ev->ref.child_id)
		log_u64(&line, "child_id", ev->ref.child_id);
	if (r->fields)
		r->fields(&line, ev);
	if (ev->reason.text[0])
		log_str(&line, "text", ev->reason.text);
	log_end(&line);
}

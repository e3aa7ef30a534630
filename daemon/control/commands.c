/*
 * What the control socket can be asked: one row and one function each.
 */
#include "daemon/control/control.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/cli/cli.h"
#include "daemon/daemon.h"
#include "daemon/version.h"

/* ---- Names ---- */

enum { NAMES = 256 };

static void list_names(
    struct text *t, const char *kind, const char *wrong, const char *const *names, size_t n)
{
	const char *near = config_nearest(wrong, names, n);

	text_addf(t, "there is no %s \"%.128s\"", kind, wrong);
	if (near)
		text_addf(t, ", did you mean \"%s\"?", near);
	text_add(t, n ? "; there are: " : "; there are none");
	for (size_t i = 0; i < n; i++)
		text_addf(t, "%s%s", i ? ", " : "", names[i]);
	text_end(t);
}

static void no_conn(struct conns *s, const char *wrong, char *why, size_t cap)
{
	const char *names[NAMES];
	struct text t = text_of(why, cap);
	size_t n = 0;

	for (; n < s->n && n < NAMES; n++)
		names[n] = s->v[n].cfg->name;
	list_names(&t, "connection", wrong, names, n);
}

static void no_child(const struct conn *c, const char *wrong, char *why, size_t cap)
{
	const char *names[NAMES];
	char kind[300];
	struct text t = text_of(why, cap);
	size_t n = 0;

	for (; n < c->cfg->children_n && n < NAMES; n++)
		names[n] = c->cfg->children[n].name;
	snprintf(kind, sizeof kind, "child of \"%.255s\" named", c->cfg->name);
	list_names(&t, kind, wrong, names, n);
}

bool control_target_find(
    struct conns *s, const char *text, struct control_target *out, char *why, size_t cap)
{
	char name[CONTROL_LINE];

	snprintf(name, sizeof name, "%s", text);
	char *slash = strchr(name, '/');
	if (slash)
		*slash = '\0';
	*out = (struct control_target){.conn = conns_find(s, name)};
	if (!out->conn) {
		no_conn(s, name, why, cap);
		return false;
	}
	if (slash)
		out->child = config_child_find(out->conn->cfg, slash + 1);
	if (!slash || out->child)
		return true;
	no_child(out->conn, slash + 1, why, cap);
	return false;
}

static const char *target_text(const struct conns_waiter *w, char dst[600])
{
	snprintf(dst, 600, "%.255s%s%.255s", w->conn->cfg->name, w->child ? "/" : "",
	    w->child ? w->child->name : "");
	return dst;
}

/* ---- up, down ---- */

static void on_step(struct conns_waiter *w, const char *line)
{
	control_step(w->arg, line);
}

static void on_rekeyed(struct conns_waiter *w, bool ok, const char *text)
{
	char name[600], line[IKE_TEXT + 700];

	target_text(w, name);
	if (ok)
		snprintf(line, sizeof line, "%s has new keys", name);
	else
		snprintf(line, sizeof line, "%s failed: %s", name, text);
	control_end(w->arg, ok ? CLI_OK : CLI_FAILED, line);
}

static void on_done(struct conns_waiter *w, bool ok, const char *text)
{
	char name[600], line[IKE_TEXT + 700];

	target_text(w, name);
	if (!ok)
		snprintf(line, sizeof line, "%s failed: %s", name, text);
	else
		snprintf(line, sizeof line, "%s is %s", name, w->down ? "down" : "up");
	control_end(w->arg, ok ? CLI_OK : CLI_FAILED, line);
}

static bool find_target(struct control_client *c, const char *arg, struct control_target *t)
{
	char why[IKE_TEXT];

	if (control_target_find(&control_daemon(c)->conns, arg, t, why, sizeof why))
		return true;
	control_end(c, CLI_USAGE, why);
	return false;
}

static void wait_for(struct control_client *c, const struct control_target *t, bool down)
{
	struct conns_waiter *w = control_waiter(c);

	w->conn = t->conn;
	w->child = t->child;
	w->down = down;
	w->step = on_step;
	w->done = on_done;
}

static void command_up(struct control_client *c, const char *arg)
{
	struct conns *s = &control_daemon(c)->conns;
	struct control_target t;

	if (!find_target(c, arg, &t))
		return;
	if (s->stopping) {
		control_end(c, CLI_FAILED, "tunike is stopping");
		return;
	}
	if (t.conn->cfg->children_n == 0) {
		control_end(c, CLI_FAILED, "it has no child: add one to the configuration");
		return;
	}
	wait_for(c, &t, false);
	conns_up(t.conn, t.child, false, control_waiter(c));
}

static void command_down(struct control_client *c, const char *arg)
{
	struct control_target t;

	if (!find_target(c, arg, &t))
		return;
	wait_for(c, &t, true);
	conns_down(t.conn, t.child, control_waiter(c));
}

/* ---- rekey ---- */

static void begin_rekey(struct control_client *c, const char *arg, bool ike)
{
	struct conns_waiter *w = control_waiter(c);
	struct control_target t;
	const char *why;
	char name[600], line[IKE_TEXT + 700];

	if (!find_target(c, arg, &t))
		return;
	if (ike && t.child) {
		control_end(
		    c, CLI_USAGE, "--ike is about a whole connection: NAME, not NAME/CHILD");
		return;
	}
	wait_for(c, &t, false);
	w->done = on_rekeyed;
	w->ike = ike;
	if (conns_rekey(t.conn, w, &why))
		return;
	snprintf(line, sizeof line, "%s failed: %s", target_text(w, name), why);
	control_end(c, CLI_FAILED, line);
}

static void command_rekey(struct control_client *c, const char *arg)
{
	begin_rekey(c, arg, false);
}

static void command_rekey_ike(struct control_client *c, const char *arg)
{
	begin_rekey(c, arg, true);
}

/* ---- redirect ---- */

static void command_redirect(struct control_client *c, const char *arg)
{
	struct daemon *d = control_daemon(c);
	const char *gateway = strchr(arg, ' ');
	char name[300], text[IKE_TEXT];
	struct control_target t;
	struct ident to;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, " "), arg);
	if (!find_target(c, name, &t))
		return;
	if (!gateway || t.child || !ident_parse(&to, gateway + 1) || !config_is_gateway(&to)) {
		control_end(c, CLI_USAGE,
		    "wanted: the name of a connection, and the address or name of a gateway");
		return;
	}
	enum ike_err err = daemon_command(
	    d, &(struct ike_command){.kind = IKE_CMD_REDIRECT, .conn = t.conn->cfg, .to = &to});
	snprintf(text, sizeof text, "%s%s", name,
	    err == IKE_OK         ? ": its peers are told to call the other gateway"
	    : err == IKE_EUNKNOWN ? " failed: it is not up"
	    : err == IKE_EUNSUPPORTED
		? " failed: none of its peers called us and goes along (RFC 5685)"
		: " failed: out of memory");
	control_end(c, err ? CLI_FAILED : CLI_OK, text);
}

/* ---- status, version ---- */

static void command_status(struct control_client *c, const char *arg)
{
	struct control_target t = {0};
	bool up = false;

	if (*arg && !find_target(c, arg, &t))
		return;
	json_t *status = control_status(control_daemon(c), t.conn ? t.conn->cfg : NULL, &up);
	if (!status) {
		control_end(c, CLI_FAILED, "out of memory");
		return;
	}
	control_send(c, json_pack("{s:o}", "status", status));
	control_end(c, up ? CLI_OK : CLI_FAILED, up ? "" : "nothing is up");
}

static void command_version(struct control_client *c, const char *arg)
{
	(void)arg;
	control_end(c, CLI_OK, TUNIKE_VERSION);
}

/* clang-format off */
static const struct {
	const char *name;
	bool needs_arg, takes_arg, takes_more;
	void (*run)(struct control_client *c, const char *arg);
} commands[] = {
	/* name         needs  takes  more   run */
	{"up",          true,  true,  false, command_up},
	{"down",        true,  true,  false, command_down},
	{"rekey",       true,  true,  false, command_rekey},
	{"rekey-ike",   true,  true,  false, command_rekey_ike},
	{"redirect",    true,  true,  true,  command_redirect},
	{"status",      false, true,  false, command_status},
	{"version",     false, false, false, command_version},
};
/* clang-format on */

void control_command(struct control_client *c, char *line)
{
	char *name = line + strspn(line, " \t");
	char *arg = name + strcspn(name, " \t");

	if (*arg)
		*arg++ = '\0';
	arg += strspn(arg, " \t");
	size_t arg_n = strcspn(arg, " \t");
	bool more = arg[arg_n + strspn(arg + arg_n, " \t")] != '\0';
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (!commands[i].takes_more)
			arg[arg_n] = '\0';
		if ((more && !commands[i].takes_more) || (*arg && !commands[i].takes_arg) ||
		    (!*arg && commands[i].needs_arg))
			control_end(c, CLI_USAGE, "the command has the wrong number of words");
		else
			commands[i].run(c, arg);
		return;
	}
	control_end(c, CLI_USAGE,
	    "there is no such command: up, down, rekey, rekey-ike, redirect, status and version "
	    "there are");
}

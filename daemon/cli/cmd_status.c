/*
 * tunike status: the daemon's JSON, as it is or laid out for people.
 */
#include "daemon/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cli/ask.h"

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static uint64_t num(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static bool yes(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static const char *age(uint64_t s, char dst[40])
{
	if (s < 60)
		snprintf(dst, 40, "%u s", (unsigned)s);
	else if (s < 3600)
		snprintf(dst, 40, "%u min %u s", (unsigned)(s / 60), (unsigned)(s % 60));
	else
		snprintf(dst, 40, "%llu h %u min", (unsigned long long)(s / 3600),
		    (unsigned)(s % 3600 / 60));
	return dst;
}

static const char *size(uint64_t bytes, char dst[40])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double v = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(dst, 40, "%u bytes", (unsigned)bytes);
		return dst;
	}
	for (v /= 1024; v >= 1024 && unit + 1 < sizeof units / sizeof units[0]; v /= 1024)
		unit++;
	snprintf(dst, 40, "%.1f %s", v, units[unit]);
	return dst;
}

static void print_list(const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) printf("%s%s", i ? ", " : "", json_string_value(item));
}

/* Only what is not zero; `before` stands in front of the first. */
static void print_drops(json_t *drops, const char *before)
{
	const char *name;
	json_t *value;
	bool any = false;

	json_object_foreach(drops, name, value)
	{
		json_int_t n = json_integer_value(value);
		if (n == 0)
			continue;
		printf("%s%s %" JSON_INTEGER_FORMAT, any ? ", " : before, name, n);
		any = true;
	}
	if (any)
		putchar('\n');
}

/* Nothing where there is no time for it. */
static void print_rekey(const json_t *o)
{
	char t[40];

	if (json_is_integer(json_object_get(o, "rekey_in_s")))
		printf(", new keys in %s", age(num(o, "rekey_in_s"), t));
	if (json_is_integer(json_object_get(o, "reauth_in_s")))
		printf(", afresh in %s", age(num(o, "reauth_in_s"), t));
}

static void print_child(const json_t *c)
{
	char t[40], u[40];

	printf("  child %s: %s since %s, %s%s", str(c, "name"), str(c, "state"),
	    age(num(c, "established_s"), t), str(c, "mode"),
	    yes(c, "encap") ? ", ESP in UDP" : ", ESP");
	print_rekey(c);
	printf("\n    traffic:   ");
	print_list(json_object_get(c, "local_ts"));
	printf(" === ");
	print_list(json_object_get(c, "remote_ts"));
	printf("\n    protected: %s, replay window %llu\n", str(c, "suite"),
	    (unsigned long long)num(c, "replay_window"));
	printf("    spi:       %s in, %s out\n", str(c, "spi_in"), str(c, "spi_out"));
	if (num(c, "path_mtu"))
		printf("    path:      packets of %llu bytes, with ESP\n",
		    (unsigned long long)num(c, "path_mtu"));
	printf("    transfer:  %s received (%llu packets), %s sent (%llu packets)\n",
	    size(num(c, "bytes_in"), t), (unsigned long long)num(c, "packets_in"),
	    size(num(c, "bytes_out"), u), (unsigned long long)num(c, "packets_out"));
	print_drops(json_object_get(c, "drops"), "    dropped:   ");
}

static void print_line(const json_t *o, const char *key, const char *label)
{
	if (!json_array_size(json_object_get(o, key)))
		return;
	printf("  %-11s", label);
	print_list(json_object_get(o, key));
	putchar('\n');
}

/* By the configuration payload. */
static void print_given(const json_t *sa)
{
	print_line(sa, "vips", "addresses:");
	print_line(sa, "dns", "DNS:");
	print_line(sa, "domains", "domains:");
	print_line(sa, "subnets", "networks:");
}

static void print_sa(const json_t *sa)
{
	const json_t *child;
	char t[40];
	size_t i;

	printf(
	    "\n%s: %s", *str(sa, "name") ? str(sa, "name") : "(not known yet)", str(sa, "state"));
	if (strcmp(str(sa, "state"), "connecting") != 0)
		printf(" since %s", age(num(sa, "established_s"), t));
	printf(", as %s", str(sa, "role"));
	print_rekey(sa);
	putchar('\n');
	printf("  peer:      %s  %s%s\n", str(sa, "remote"), str(sa, "remote_id"),
	    yes(sa, "nat_remote") ? "  (behind a NAT, or it asks for UDP)" : "");
	printf("  here:      %s  %s%s\n", str(sa, "local"), str(sa, "local_id"),
	    yes(sa, "nat_local") ? "  (behind a NAT)" : "");
	if (*str(sa, "redirected_from"))
		printf("  sent here: by %s\n", str(sa, "redirected_from"));
	if (*str(sa, "suite"))
		printf("  protected: %s, peer authenticated by %s\n", str(sa, "suite"),
		    str(sa, "remote_auth"));
	print_line(sa, "extensions", "in force:");
	print_given(sa);
	json_array_foreach(json_object_get(sa, "children"), i, child) print_child(child);
}

static void print_down(const json_t *down)
{
	const json_t *row;
	char t[40];
	size_t i;

	json_array_foreach(down, i, row)
	{
		printf(
		    "\n%s: %s\n", str(row, "name"), yes(row, "connecting") ? "not up yet" : "down");
		if (*str(row, "last_error"))
			printf("  last error: %s\n", str(row, "last_error"));
		if (json_is_integer(json_object_get(row, "retry_in_s")))
			printf("  next try:   in %s\n", age(num(row, "retry_in_s"), t));
	}
}

static void print_pools(const json_t *pools)
{
	const json_t *p;
	size_t i;

	json_array_foreach(pools, i, p)
	{
		printf("%spool %s: %llu of ", i ? "" : "\n", str(p, "name"),
		    (unsigned long long)num(p, "in_use"));
		if (num(p, "size") == INT64_MAX)
			printf("plenty of");
		else
			printf("%llu", (unsigned long long)num(p, "size"));
		printf(" addresses in use, %llu kept for who had them\n",
		    (unsigned long long)num(p, "remembered"));
	}
}

static void print_status(const json_t *s)
{
	const json_t *tun = json_object_get(s, "tun"), *sa;
	size_t i;

	printf("tunike %s, running since %s\n", str(s, "version"), str(s, "since"));
	if (json_is_object(tun))
		printf(
		    "device %s, MTU %llu\n", str(tun, "name"), (unsigned long long)num(tun, "mtu"));
	json_array_foreach(json_object_get(s, "ike_sas"), i, sa) print_sa(sa);
	print_down(json_object_get(s, "down"));
	print_pools(json_object_get(s, "pools"));
	putchar('\n');
	print_drops(json_object_get(s, "drops"), "dropped in all: ");
}

struct printing {
	bool json, seen;
};

static void on_object(void *arg, json_t *o)
{
	struct printing *p = arg;
	const json_t *status = json_object_get(o, "status");
	const char *text = json_string_value(json_object_get(o, "text"));

	if (status) {
		p->seen = true;
		if (!p->json) {
			print_status(status);
			return;
		}
		json_dumpf(status, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!p->seen && text && *text) {
		fprintf(stderr, "tunike: %s\n", text);
	}
}

int cli_status(const struct cli_args *a)
{
	struct printing p = {.json = a->json};
	char path[CLI_PATH], line[CONTROL_LINE];
	int code = CLI_FAILED;

	if (a->name && (strpbrk(a->name, " \t\r\n") || strlen(a->name) > sizeof line - 16)) {
		fprintf(stderr, "tunike status: \"%s\" is no name of a connection\n", a->name);
		return CLI_USAGE;
	}
	snprintf(line, sizeof line, "status %s", a->name ? a->name : "");
	enum control_result r =
	    control_ask(cli_control_path(a, path), line, 0, on_object, &p, &code);
	return r == CONTROL_DONE ? code : cli_no_answer(r, path);
}

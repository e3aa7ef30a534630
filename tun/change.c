/*
 * One change of the host: its line in the record, and how it is undone.
 */
#include "tun/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void prefix_line(const struct change *c, const char *kind, char *dst)
{
	char addr[ADDR_TEXT];
	snprintf(
	    dst, CHANGE_TEXT, "%s %s %s/%u", kind, c->dev, addr_text(&c->p.addr, addr), c->p.len);
}

static void link_line(const struct change *c, const char *kind, char *dst)
{
	snprintf(dst, CHANGE_TEXT, "%s %s", kind, c->dev);
}

static void sysctl_line(const struct change *c, const char *kind, char *dst)
{
	snprintf(dst, CHANGE_TEXT, "%s %s %s", kind, c->key, c->old);
}

/* An interface's name up to the next blank; `text` moves behind it. */
static bool take_dev(struct change *c, const char **text)
{
	size_t n = strcspn(*text, " ");
	if (n == 0 || n >= sizeof c->dev)
		return false;
	memcpy(c->dev, *text, n);
	c->dev[n] = 0;
	*text += (*text)[n] == ' ' ? n + 1 : n;
	return host_dev_valid(c->dev);
}

static bool prefix_read(struct change *c, const char *text)
{
	char addr[ADDR_TEXT];
	if (!take_dev(c, &text))
		return false;
	size_t n = strcspn(text, "/");
	if (n >= sizeof addr || text[n] != '/')
		return false;
	memcpy(addr, text, n);
	addr[n] = 0;
	unsigned len;
	char end;
	if (!addr_parse(&c->p.addr, addr) || sscanf(text + n + 1, "%3u%c", &len, &end) != 1 ||
	    c->p.addr.family == ADDR_NONE || len > addr_bits(&c->p.addr))
		return false;
	c->p.len = (uint8_t)len;
	return true;
}

static bool link_read(struct change *c, const char *text)
{
	return take_dev(c, &text) && *text == 0;
}

static bool sysctl_read_line(struct change *c, const char *text)
{
	size_t n = strcspn(text, " ");
	if (n >= sizeof c->key || text[n] != ' ' || strlen(text + n + 1) >= sizeof c->old)
		return false;
	memcpy(c->key, text, n);
	c->key[n] = 0;
	snprintf(c->old, sizeof c->old, "%s", text + n + 1);
	return sysctl_key_valid(c->key);
}

static int addr_undo(const struct change *c)
{
	return host_addr_del(c->dev, &c->p);
}

static int route_undo(const struct change *c)
{
	return host_route(false, c->dev, &c->p, &(struct addr){0});
}

static int addr_make(const struct change *c)
{
	return host_addr_add(c->dev, &c->p);
}

static int route_make(const struct change *c)
{
	if (c->src.family != ADDR_NONE) {
		int rc = rtnl_route_from(c->dev, &c->p, &c->src, false);
		if (rc == 0 || rc == -EEXIST)
			return rc;
	}
	/* Without its source it is still a way. */
	return host_route(true, c->dev, &c->p, &c->via);
}

static int link_make(const struct change *c)
{
	return host_set_up(c->dev, true);
}

static int link_undo(const struct change *c)
{
	return host_set_up(c->dev, false);
}

static int sysctl_undo(const struct change *c)
{
	return sysctl_write(c->key, c->old);
}

static const struct kind_row {
	const char *name;
	void (*write)(const struct change *c, const char *kind, char *dst);
	bool (*read)(struct change *c, const char *text);
	int (*undo)(const struct change *c);
	int (*make)(const struct change *c); /* NULL: made where it is asked for */
} kinds[] = {
    [CHANGE_ADDR] = {"addr", prefix_line, prefix_read, addr_undo, addr_make},
    [CHANGE_ROUTE] = {"route", prefix_line, prefix_read, route_undo, route_make},
    [CHANGE_LINK] = {"link", link_line, link_read, link_undo, link_make},
    [CHANGE_SYSCTL] = {"sysctl", sysctl_line, sysctl_read_line, sysctl_undo, NULL},
};

void change_text(const struct change *c, char dst[CHANGE_TEXT])
{
	kinds[c->kind].write(c, kinds[c->kind].name, dst);
}

bool change_parse(struct change *c, const char *text)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i].name);
		if (strncmp(text, kinds[i].name, n) == 0 && text[n] == ' ') {
			c->kind = (enum change_kind)i;
			return kinds[i].read(c, text + n + 1);
		}
	}
	return false;
}

int change_undo(const struct change *c)
{
	return kinds[c->kind].undo(c);
}

int change_make(const struct change *c)
{
	return kinds[c->kind].make ? kinds[c->kind].make(c) : -ENOTSUP;
}

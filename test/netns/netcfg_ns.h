/*
 * For tests of host configuration: TUN devices that stand for a host's interfaces, and what the
 * kernel's tables say.
 */
#ifndef TEST_NETNS_NETCFG_NS_H
#define TEST_NETNS_NETCFG_NS_H

#include "test/netns/netns.h"
#include "tun/tun.h"

#include <check.h>

static inline struct prefix ns_prefix(const char *text)
{
	/* An address with its mask: host bits stay, unlike in prefix_parse. */
	char addr[ADDR_TEXT] = "";
	struct prefix p = {.len = 0};
	unsigned len = 0;
	ck_assert_int_eq(sscanf(text, "%45[^/]/%u", addr, &len), 2);
	ck_assert(addr_parse(&p.addr, addr));
	p.len = (uint8_t)len;
	return p;
}

static inline struct addr ns_addr(const char *text)
{
	struct addr a;
	ck_assert(addr_parse(&a, text));
	return a;
}

static inline struct tun *ns_device(const char *name)
{
	char why[TUN_WHY] = "";
	struct tun *t = NULL;
	struct tun_params p = {.name = name, .mtu = 1400};
	int rc = tun_linux.open(&p, &t, why);
	ck_assert_msg(rc == 0, "%s: %s", name, why);
	ck_assert_int_eq(netns_up(name), 0);
	return t;
}

/* Does a line of the file contain all of these words (NULL ends)? */
static inline bool ns_line(const char *file, const char *a, const char *b)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(file, "re");
	while (f && !found && fgets(line, sizeof line, f))
		found = strstr(line, a) && strstr(line, b);
	if (f)
		fclose(f);
	return found;
}

static inline void ns_file(const char *path, char *dst, size_t cap)
{
	dst[0] = 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(dst, (int)cap, f))
		dst[0] = 0;
	fclose(f);
	dst[strcspn(dst, "\n")] = 0;
}

static inline int ns_write(struct tun *t, const struct pkt *p)
{
	struct tun_gso gso = {.kind = TUN_GSO_NONE};
	return t->ops->write(t, 0, &gso, &(struct iovec){p->base + p->off, p->len}, 1);
}

#endif

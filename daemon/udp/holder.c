/*
 * Which process holds a UDP port: the socket's inode from /proc/net, then whose descriptor it is.
 */
#include "daemon/udp/internal.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The inode of the first socket of that port in one table; 0: none. */
static uint64_t inode_in(const char *table, uint16_t port)
{
	FILE *f = fopen(table, "re");
	if (!f)
		return 0;
	char line[512];
	uint64_t found = 0;
	while (found == 0 && fgets(line, sizeof line, f)) {
		unsigned local;
		uint64_t inode;
		/* sl local:port remote:port st tx:rx tr:when retransmits uid timeout inode */
		if (sscanf(line, " %*[^:]: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
			&local, &inode) == 2 &&
		    local == port)
			found = inode;
	}
	fclose(f);
	return found;
}

static bool process_has(const char *pid, const char *link)
{
	char path[320], to[64];
	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *d = opendir(path);
	if (!d)
		return false;
	bool has = false;
	for (struct dirent *e; !has && (e = readdir(d));) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof to - 1);
		if (n <= 0)
			continue;
		to[n] = 0;
		has = strcmp(to, link) == 0;
	}
	closedir(d);
	return has;
}

/* The program's name; what is not printable in it becomes '?'. */
static void name_of(const char *pid, char *dst, size_t cap)
{
	char path[320];
	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	snprintf(dst, cap, "a program");
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(dst, (int)cap, f)) {
		dst[strcspn(dst, "\n")] = 0;
		for (char *c = dst; *c; c++)
			if (!isprint((unsigned char)*c))
				*c = '?';
	}
	fclose(f);
}

void udp_holder(char *dst, size_t cap, enum addr_family family, uint16_t port)
{
	snprintf(dst, cap, "another program");
	/* IPv4 may be blocked by a socket of both families too; IPv6 only by its own. */
	uint64_t inode = family == ADDR_V4 ? inode_in("/proc/net/udp", port) : 0;
	if (inode == 0)
		inode = inode_in("/proc/net/udp6", port);
	DIR *d = inode ? opendir("/proc") : NULL;
	if (!d)
		return;
	char link[40], name[32];
	snprintf(link, sizeof link, "socket:[%" PRIu64 "]", inode);
	for (struct dirent *e; (e = readdir(d));) {
		if (!isdigit((unsigned char)e->d_name[0]) || !process_has(e->d_name, link))
			continue;
		name_of(e->d_name, name, sizeof name);
		snprintf(dst, cap, "%s (pid %.20s)", name, e->d_name);
		break;
	}
	closedir(d);
}

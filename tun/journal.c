/*
 * The record of changes: a text file that is ahead of the host by at most one change, so that
 *whoever starts next can put back what a killed program left.
 *
 *	tunike-netcfg 1 BOOT NAMESPACE
 *	+ 1 addr tunike0 10.9.0.1/32
 *	+ 2 sysctl net/ipv4/conf/eth0/rp_filter 1
 *	- 1
 *
 * A record of another boot or another network namespace speaks of a host that this one is not, and
 *is dropped. The file is locked while in use: two programs on one record would undo each other.
 */
#include "tun/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "tunike-netcfg "

enum {
	JOURNAL_MAX = 4 << 20,   /* bytes that are read */
	LEFTOVERS_MAX = 1 << 16, /* changes that are undone */
	REWRITE_LINES = 256,
	OPEN_TRIES = 8,
	HEADER_TEXT = 128,
};

struct journal {
	int fd;
	char *path; /* owned */
	char header[HEADER_TEXT];
	off_t end;
	unsigned last_id;
	size_t lines; /* since it was last written anew */
	size_t live;  /* changes in force */
};

static void make_header(char header[HEADER_TEXT])
{
	char boot[64] = "-", ns[32] = "-";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (f) {
		if (fscanf(f, "%63s", boot) != 1)
			snprintf(boot, sizeof boot, "-");
		fclose(f);
	}
	ssize_t n = readlink("/proc/self/ns/net", ns, sizeof ns - 1);
	if (n > 0)
		ns[n] = 0;
	snprintf(header, HEADER_TEXT, MAGIC "1 %s %s\n", boot, ns);
}

/* ---- Reading what was left ---- */

struct leftovers {
	struct change *newest;
	size_t n;
};

static void leftovers_drop(struct leftovers *l, unsigned id)
{
	for (struct change **at = &l->newest; *at; at = &(*at)->older) {
		struct change *c = *at;
		if (c->id != id)
			continue;
		*at = c->older;
		free(c);
		l->n--;
		return;
	}
}

/* Lines that say nothing to us are passed over: better to undo the rest than nothing. */
static void leftovers_line(struct leftovers *l, const char *line)
{
	char sign;
	unsigned id;
	int at = 0;
	if (sscanf(line, "%c %9u%n", &sign, &id, &at) != 2)
		return;
	if (sign == '-') {
		leftovers_drop(l, id);
		return;
	}
	if (sign != '+' || line[at] != ' ' || l->n >= LEFTOVERS_MAX)
		return;
	struct change *c = calloc(1, sizeof *c);
	if (!c)
		return;
	c->id = id;
	if (!change_parse(c, line + at + 1)) {
		free(c);
		return;
	}
	c->older = l->newest;
	l->newest = c;
	l->n++;
}

static void leftovers_undo(struct leftovers *l)
{
	while (l->newest) {
		struct change *c = l->newest;
		/* What does not work is gone already: with its interface, or by the user's hand. */
		(void)change_undo(c);
		l->newest = c->older;
		free(c);
	}
}

/* The file's text with a closing NUL, to be freed; NULL without memory or on an error of reading.
 */
static char *read_all(int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return NULL;
	size_t size = st.st_size > JOURNAL_MAX ? JOURNAL_MAX : (size_t)st.st_size, n = 0;
	char *text = malloc(size + 1);
	while (text && n < size) {
		ssize_t got = pread(fd, text + n, size - n, (off_t)n);
		if (got < 0 && errno != EINTR) {
			free(text);
			return NULL;
		}
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	if (text)
		text[n] = 0;
	return text;
}

static int recover(struct journal *j)
{
	char *text = read_all(j->fd);
	if (!text)
		return -EIO;
	int rc = 0;
	if (text[0] && strncmp(text, MAGIC, strlen(MAGIC)) != 0) {
		rc = -EEXIST;
	} else if (strncmp(text, j->header, strlen(j->header)) == 0) {
		struct leftovers l = {0};
		for (char *line = text, *next; line; line = next) {
			next = strchr(line, '\n');
			if (next)
				*next++ = 0;
			leftovers_line(&l, line);
		}
		leftovers_undo(&l);
	}
	free(text);
	return rc;
}

/* ---- The file ---- */

static int lock_file(int fd, pid_t *holder)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_SETLK, &l) == 0)
		return 0;
	int rc = -errno;
	*holder = fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK ? l.l_pid : 0;
	return rc == -EACCES || rc == -EAGAIN ? -EBUSY : rc;
}

/* Opened and locked, and surely still the file of that name: its last owner may have replaced it
 * between our opening and our lock. */
static int open_locked(const char *path, pid_t *holder)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		int rc = lock_file(fd, holder);
		struct stat here, there;
		if (rc == 0 && fstat(fd, &here) == 0 && !S_ISREG(here.st_mode))
			rc = -EEXIST;
		if (rc == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
		    here.st_dev == there.st_dev)
			return fd;
		close(fd);
		if (rc != 0)
			return rc;
	}
	return -EBUSY;
}

static int append(struct journal *j, const char *text)
{
	size_t n = strlen(text);
	ssize_t went = pwrite(j->fd, text, n, j->end);
	if (went == (ssize_t)n) {
		j->end += (off_t)n;
		j->lines++;
		return 0;
	}
	int rc = went < 0 ? -errno : -ENOSPC;
	(void)!ftruncate(j->fd, j->end);
	return rc;
}

/* Empties the file but for its header. */
static int start_over(struct journal *j)
{
	if (ftruncate(j->fd, 0) != 0)
		return -errno;
	j->end = 0;
	int rc = append(j, j->header);
	j->lines = 0;
	return rc;
}

static void explain(int rc, const char *path, pid_t holder, char why[TUN_WHY])
{
	if (rc == -EBUSY)
		snprintf(why, TUN_WHY,
		    "%s is in use by another tunike (pid %ld): stop that one first", path,
		    (long)holder);
	else if (rc == -EEXIST)
		snprintf(why, TUN_WHY,
		    "%s is no record of tunike's and is left alone: move it away, or name another "
		    "file",
		    path);
	else
		snprintf(why, TUN_WHY, "cannot keep a record of network changes in %s: %s", path,
		    strerror(-rc));
}

int journal_open(struct journal **out, const char *path, char why[TUN_WHY])
{
	*out = NULL;
	pid_t holder = 0;
	struct journal *j = calloc(1, sizeof *j);
	if (j)
		j->path = strdup(path);
	int rc = -ENOMEM;
	if (j && j->path) {
		make_header(j->header);
		j->fd = open_locked(path, &holder);
		rc = j->fd < 0 ? j->fd : recover(j);
		if (rc == 0)
			rc = start_over(j);
		if (rc != 0 && j->fd >= 0)
			close(j->fd);
	}
	if (rc != 0) {
		explain(rc, path, holder, why);
		if (j)
			free(j->path);
		free(j);
		return rc;
	}
	*out = j;
	return 0;
}

static int append_change(struct journal *j, const struct change *c)
{
	char text[CHANGE_TEXT], line[CHANGE_TEXT + 24];
	change_text(c, text);
	snprintf(line, sizeof line, "+ %u %s\n", c->id, text);
	return append(j, line);
}

int journal_add(struct journal *j, struct change *c)
{
	c->id = j->last_id + 1;
	int rc = append_change(j, c);
	if (rc == 0) {
		j->last_id = c->id;
		j->live++;
	} else {
		c->id = 0;
	}
	return rc;
}

/* Oldest first, as they were made. */
static int append_all(struct journal *j, const struct change *live)
{
	size_t n = 0;
	for (const struct change *c = live; c; c = c->older)
		n++;
	const struct change **all = calloc(n, sizeof *all);
	if (!all)
		return -ENOMEM;
	for (const struct change *c = live; c; c = c->older)
		all[--n] = c;
	int rc = append(j, j->header);
	for (const struct change *last = NULL; rc == 0 && last != live; n++) {
		last = all[n];
		if (last->id != 0)
			rc = append_change(j, last);
	}
	free(all);
	return rc;
}

/* Into a new file that takes the old one's place at once, so that a kill at any moment leaves one
 * that is whole. Without success the old one goes on growing. */
static void rewrite(struct journal *j, const struct change *live)
{
	struct journal new_ = *j;
	pid_t holder;
	char *path = NULL;
	if (asprintf(&path, "%s.new", j->path) < 0)
		return;
	(void)unlink(path);
	new_.end = 0;
	new_.lines = 0;
	new_.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = new_.fd >= 0 && lock_file(new_.fd, &holder) == 0 &&
		  append_all(&new_, live) == 0 && rename(path, j->path) == 0;
	if (ok) {
		close(j->fd);
		*j = new_;
		j->lines = 0;
	} else if (new_.fd >= 0) {
		close(new_.fd);
		(void)unlink(path);
	}
	free(path);
}

void journal_del(struct journal *j, const struct change *c, const struct change *live)
{
	char line[24];
	if (c->id == 0)
		return;
	j->live--;
	snprintf(line, sizeof line, "- %u\n", c->id);
	/* Not recorded: the next start undoes what is undone already, which does no harm. */
	(void)append(j, line);
	if (!live)
		(void)start_over(j);
	else if (j->lines >= REWRITE_LINES + j->live)
		rewrite(j, live);
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	(void)unlink(j->path);
	close(j->fd);
	free(j->path);
	free(j);
}

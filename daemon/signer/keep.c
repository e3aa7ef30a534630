/*
 * A secret is written beside its place and linked there when it is whole and on the disk: a crash
 * leaves none or all of it, and of two daemons that make one both get the same.
 */
#include "daemon/signer/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096 + 64 };

static bool fail(char why[KEEP_WHY], const char *what, const char *path, const char *mend)
{
	snprintf(why, KEEP_WHY, "%.300s %s%s", path, what, mend);
	return false;
}

static bool fail_errno(char why[KEEP_WHY], const char *what, const char *path)
{
	snprintf(why, KEEP_WHY, "%.300s %s: %s", path, what, strerror(errno));
	return false;
}

/* Each folder on the way that is missing; they are for root alone. */
static bool make_folders(const char *folder)
{
	char path[PATH];

	if (snprintf(path, sizeof path, "%s", folder) >= (int)sizeof path)
		return false;
	for (char *p = path + 1;; p++) {
		char c = *p;
		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return false;
		*p = c;
		if (c == '\0')
			return true;
	}
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t rc = write(fd, p, n);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return false;
		p += rc;
		n -= (size_t)rc;
	}
	return fsync(fd) == 0;
}

static bool fill(struct secret *s)
{
	size_t at = 0;

	while (at < s->n) {
		ssize_t rc = getrandom(s->p + at, s->n - at, 0);
		if (rc < 0 && errno != EINTR)
			return false;
		at += rc > 0 ? (size_t)rc : 0;
	}
	return true;
}

/* Somebody else may be faster: then theirs is there, which is as good. */
static bool make(const char *path, size_t n, char why[KEEP_WHY])
{
	struct secret s;
	char beside[PATH + 16];

	snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());
	if (!secret_init(&s, n))
		return fail(why, "cannot be made: out of memory", path, "");
	(void)unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && fill(&s) && write_all(fd, s.p, s.n) &&
		  (link(beside, path) == 0 || errno == EEXIST);
	if (!ok)
		fail_errno(why, "cannot be made", path);
	if (fd >= 0) {
		close(fd);
		(void)unlink(beside);
	}
	secret_fini(&s);
	return ok;
}

static bool check(int fd, size_t n, const char *path, char why[KEEP_WHY])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(why, "cannot be read", path);
	if (!S_ISREG(st.st_mode))
		return fail(why, "is no file", path, ": remove it, a new one is made then");
	if ((st.st_mode & 077) || st.st_uid != geteuid())
		return fail(why, "is open to others than its owner, who runs tunike", path,
		    ": remove it, a new one is made then");
	if ((size_t)st.st_size != n)
		return fail(why, "does not have the size of such a secret", path,
		    ": remove it, a new one is made then");
	return true;
}

static bool read_all(int fd, struct secret *s)
{
	size_t at = 0;

	while (at < s->n) {
		ssize_t rc = read(fd, s->p + at, s->n - at);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return false;
		at += (size_t)rc;
	}
	return true;
}

bool keep_secret(
    struct secret *out, const char *folder, const char *name, size_t n, char why[KEEP_WHY])
{
	char path[PATH];

	*out = SECRET_NONE;
	why[0] = '\0';
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return fail(why, "has too long a name", folder, "");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		if (!make_folders(folder))
			return fail_errno(why, "cannot be made", folder);
		if (!make(path, n, why))
			return false;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
	if (fd < 0)
		return fail_errno(why, "cannot be read", path);
	bool ok = check(fd, n, path, why);
	if (ok && !secret_init(out, n))
		ok = fail(why, "cannot be read: out of memory", path, "");
	if (ok && !read_all(fd, out)) {
		ok = fail_errno(why, "cannot be read", path);
		secret_fini(out);
	}
	close(fd);
	return ok;
}
